//! The programs: one body each, with the beginning that its runner asks for.
//!
//! A body finds the packet in `r2 .. r3`. Belay and the kernel run it as an XDP program, which gets them from its context;
//! the peers know no contexts, so they get one region of memory: the packet's length in eight bytes, and the packet.

use belay_object::{Object, Options};

use crate::peers::Table;

/// A program to be measured.
#[derive(Clone, Copy)]
pub struct Program {
    /// Its row in the table.
    pub name: &'static str,
    /// The text of its body.
    pub body: &'static str,
    /// Whether it looks at the packet.
    pub packet: bool,
    /// What the peers' map helpers keep entries in, if it calls them.
    pub map: Option<Table>,
    /// What it returns for [`packet`].
    pub result: Option<u64>,
}

/// All of them.
pub const PROGRAMS: [Program; 6] = [
    Program {
        name: "empty",
        body: include_str!("../programs/empty.s"),
        packet: false,
        map: None,
        result: Some(0),
    },
    Program {
        name: "loop, 880,000",
        body: include_str!("../programs/loop.s"),
        packet: false,
        map: None,
        result: None,
    },
    Program {
        name: "TCP parser, 80",
        body: include_str!("../programs/parser.s"),
        packet: true,
        map: None,
        result: None,
    },
    Program {
        name: "map",
        body: include_str!("../programs/map.s"),
        packet: false,
        map: Some(Table::Shared),
        result: Some(2),
    },
    Program {
        name: "the same; peers: sixteen places",
        body: include_str!("../programs/map.s"),
        packet: false,
        map: Some(Table::Places),
        result: Some(2),
    },
    Program {
        name: "sum, 1,500 bytes",
        body: include_str!("../programs/sum.s"),
        packet: true,
        map: None,
        result: None,
    },
];

/// A TCP segment of 1,514 bytes, to port 443, whose IPv4 header has the right checksum.
pub fn packet() -> Vec<u8> {
    let mut frame: Vec<u8> = (0..1514_u32).map(|i| (i * 7 + 3) as u8).collect();
    frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
    frame[14..34]
        .copy_from_slice(&[0x45, 0, 0x05, 0xdc, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    let sum: u32 = frame[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let folded = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[24..26].copy_from_slice(&folded.to_be_bytes());
    frame[34..54].copy_from_slice(&[
        0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0,
    ]);
    frame
}

impl Program {
    /// For Belay and the kernel.
    pub fn xdp(&self) -> Object {
        let load = if self.packet { "    r3 = *(u32 *)(r1 + 4)\n    r2 = *(u32 *)(r1 + 0)\n" } else { "" };
        self.object(load)
    }

    /// For a peer: the instructions, with the map as a plain number.
    pub fn raw(&self) -> Vec<u8> {
        let load = "    r3 = *(u64 *)(r1 + 0)\n    r2 = r1\n    r2 += 8\n    r3 += r2\n";
        let object = self.object(if self.packet { load } else { "" });
        let mut slots = object.programs[0].slots.clone();
        for slot in &mut slots {
            if slot.opcode == 0x18 {
                slot.src = 0;
            }
        }
        slots.iter().flat_map(|slot| slot.to_le_bytes()).collect()
    }

    fn object(&self, load: &str) -> Object {
        let map = if self.map.is_some() { ".map table kind=hash key=4 value=8 entries=16\n" } else { "" };
        let text = format!(".license GPL\n{map}.section xdp\n.prog bench\n{load}{}", self.body);
        Object::parse(self.name, text.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}"))
    }
}
