//! Packets of a capture file, pcap or pcapng.

use std::collections::HashMap;

use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

/// A packet as captured.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Nanoseconds since the epoch.
    pub time_ns: u64,
    /// The bytes captured.
    pub bytes: Vec<u8>,
    /// Its length on the wire: more than captured if it was cut off.
    pub wire_len: u32,
}

/// The most packets that one run takes.
const MOST_PACKETS: usize = 10_000_000;

/// Reads all packets.
///
/// # Errors
/// A message that names the packet before which the file is wrong.
pub fn read(bytes: &[u8]) -> Result<Vec<Captured>, String> {
    if bytes.is_empty() {
        return Err("is empty; it should be a pcap or pcapng file".to_owned());
    }
    // The buffer must hold the longest block; nothing in the file can be longer than the file.
    let capacity = bytes.len().clamp(1 << 16, 1 << 26);
    let mut reader = create_reader(capacity, bytes)
        .map_err(|e| format!("is neither a pcap nor a pcapng file ({})", reason(&e)))?;
    let mut packets = Vec::new();
    let mut state = State::default();
    loop {
        match reader.next() {
            Ok((consumed, block)) => {
                let number = packets.len() + 1;
                let packet = state.packet(&block).map_err(|why| format!("packet {number}: {why}"))?;
                packets.extend(packet);
                reader.consume(consumed);
                if packets.len() > MOST_PACKETS {
                    return Err(format!("holds more than {MOST_PACKETS} packets; split it"));
                }
            }
            Err(PcapError::Eof) => return Ok(packets),
            Err(PcapError::Incomplete(_)) => {
                if reader.reader_exhausted() {
                    return Err(format!("ends in the middle of a block, after packet {}", packets.len()));
                }
                reader.refill().map_err(|e| format!("after packet {}: {}", packets.len(), reason(&e)))?;
            }
            Err(error) => return Err(format!("after packet {}: {}", packets.len(), reason(&error))),
        }
    }
}

fn reason(error: &PcapError<&[u8]>) -> &'static str {
    match error {
        PcapError::Eof => "the file ends too early",
        PcapError::BufferTooSmall => "a block is longer than the file",
        PcapError::UnexpectedEof | PcapError::Incomplete(_) => "a block is cut off",
        PcapError::ReadError => "it cannot be read",
        PcapError::HeaderNotRecognized => "the header is not one of theirs",
        PcapError::NomError(..) | PcapError::OwnedNomError(..) => "a block is malformed",
    }
}

/// What the blocks before say of the packets that follow.
#[derive(Default)]
struct State {
    /// Nanoseconds per fraction in the old format.
    fraction_ns: u64,
    /// Interfaces of the current pcapng section: link type, units a second, offset in seconds.
    interfaces: HashMap<u32, Interface>,
}

struct Interface {
    link: Linktype,
    units: u64,
    offset: i64,
}

impl State {
    fn packet(&mut self, block: &PcapBlockOwned<'_>) -> Result<Option<Captured>, String> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.fraction_ns = if header.is_nanosecond_precision() { 1 } else { 1000 };
                ethernet(header.network).map(|()| None)
            }
            PcapBlockOwned::Legacy(packet) => {
                let fraction = u64::from(packet.ts_usec).saturating_mul(self.fraction_ns);
                let time_ns = u64::from(packet.ts_sec).saturating_mul(1_000_000_000).saturating_add(fraction);
                let bytes = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data).to_vec();
                Ok(Some(Captured { time_ns, bytes, wire_len: packet.origlen }))
            }
            PcapBlockOwned::NG(block) => self.pcapng(block),
        }
    }

    fn pcapng(&mut self, block: &Block<'_>) -> Result<Option<Captured>, String> {
        match block {
            Block::SectionHeader(_) => {
                self.interfaces.clear();
                Ok(None)
            }
            Block::InterfaceDescription(description) => {
                let id = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
                let interface = Interface {
                    link: description.linktype,
                    units: description.ts_resolution().unwrap_or(1_000_000).max(1),
                    offset: description.ts_offset(),
                };
                self.interfaces.insert(id, interface);
                Ok(None)
            }
            Block::EnhancedPacket(packet) => {
                let interface = self.interface(packet.if_id)?;
                let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let time_ns = interface.nanoseconds(units);
                let bytes = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data).to_vec();
                Ok(Some(Captured { time_ns, bytes, wire_len: packet.origlen }))
            }
            Block::SimplePacket(packet) => {
                self.interface(0)?;
                let len = packet.data.len().min(packet.origlen as usize);
                let bytes = packet.data.get(..len).unwrap_or(packet.data).to_vec();
                Ok(Some(Captured { time_ns: 0, bytes, wire_len: packet.origlen }))
            }
            _ => Ok(None),
        }
    }

    fn interface(&self, id: u32) -> Result<&Interface, String> {
        let interface =
            self.interfaces.get(&id).ok_or_else(|| format!("interface {id} is not described in the file"))?;
        ethernet(interface.link)?;
        Ok(interface)
    }
}

impl Interface {
    fn nanoseconds(&self, units: u64) -> u64 {
        let whole = u128::from(units) * 1_000_000_000 / u128::from(self.units);
        let time = i128::try_from(whole).unwrap_or(0) + i128::from(self.offset) * 1_000_000_000;
        u64::try_from(time).unwrap_or(0)
    }
}

fn ethernet(link: Linktype) -> Result<(), String> {
    if link == Linktype::ETHERNET {
        return Ok(());
    }
    Err(format!(
        "link type {} is not supported: only Ethernet (1) is; record on one device, not on `any`",
        link.0
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: [u8; 60] = [0; 60];

    /// A file of the old format with one packet, 1.5 s after the epoch.
    fn legacy(magic: u32, fraction: u32, link: u32) -> Vec<u8> {
        let header = [magic, 0x0004_0002, 0, 0, 65535, link, 1, fraction, 60, 60];
        let words = header.iter().flat_map(|word| word.to_le_bytes());
        words.chain(FRAME).collect()
    }

    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let len = body.len() as u32 + 12;
        [&kind.to_le_bytes()[..], &len.to_le_bytes(), body, &len.to_le_bytes()].concat()
    }

    /// A pcapng file with one packet, 1.5 s after the epoch in the default microseconds.
    fn pcapng(interface: u32) -> Vec<u8> {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let packet = [words(&[interface, 0, 1_500_000, 60, 60]), FRAME.to_vec()].concat();
        [
            block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX])),
            block(1, &words(&[1, 65535])),
            block(6, &packet),
        ]
        .concat()
    }

    #[test]
    fn both_formats_and_both_precisions_are_read() {
        for (name, bytes) in [
            ("microseconds", legacy(0xa1b2_c3d4, 500_000, 1)),
            ("nanoseconds", legacy(0xa1b2_3c4d, 500_000_000, 1)),
            ("pcapng", pcapng(0)),
        ] {
            let packets = read(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            let [packet] = packets.as_slice() else { panic!("{name}: {} packets", packets.len()) };
            assert_eq!((packet.time_ns, packet.wire_len), (1_500_000_000, 60), "{name}");
            assert_eq!(packet.bytes, FRAME, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let whole = legacy(0xa1b2_c3d4, 0, 1);
        let cut = whole.get(..whole.len() - 1).expect("a part").to_vec();
        for (bytes, part) in [
            (Vec::new(), "is empty"),
            (vec![1; 64], "is neither a pcap nor a pcapng file"),
            (cut, "after packet 0: a block is cut off"),
            (legacy(0xa1b2_c3d4, 0, 113), "link type 113 is not supported"),
            (pcapng(1), "packet 1: interface 1 is not described in the file"),
        ] {
            let message = read(&bytes).expect_err(part);
            assert!(message.contains(part), "{message}");
        }
    }
}
