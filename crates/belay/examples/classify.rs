//! A pcap classifier: an XDP program sorts the packets of a capture, and its map holds the counts.
//!
//! ```text
//! cargo run --release -p belay --example classify -- tests/captures/tcp-inbound.pcap
//! ```

use std::error::Error;

use belay::object::{Object, Options};
use belay::vm::{Machine, Packet};
use belay_scenario::capture;

/// Counts by the IP protocol: of what is no IPv4, in entry 255.
const PROGRAM: &str = r"
.license GPL
.map counts kind=array key=4 value=8 entries=256
.section xdp
.prog classify
    r3 = *(u32 *)(r1 + 4)
    r2 = *(u32 *)(r1 + 0)
    r4 = 255
    r5 = r2
    r5 += 34
    if r5 > r3 goto count
    r5 = *(u16 *)(r2 + 12)
    if r5 != 8 goto count
    r4 = *(u8 *)(r2 + 23)
count:
    *(u32 *)(r10 - 4) = r4
    r1 = counts ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
out:
    r0 = 2
    exit
";

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: classify CAPTURE")?;
    let captured = capture::read(&std::fs::read(&path)?).map_err(|why| format!("{path}: {why}"))?;

    let object = Object::parse("classify.s", PROGRAM.as_bytes(), &Options::default())?;
    let maps = belay::maps(&object)?;
    let classifier = belay::compile(&belay::verify(&object, "classify")?, &maps)?;

    let mut machine = Machine::default();
    for packet in &captured {
        classifier.run(&mut machine, &mut Packet::new(&packet.bytes)?);
    }

    let counts = maps.by_name("counts").ok_or("the program has no map `counts`")?;
    for (key, value) in counts.iter() {
        let protocol = u32::from_le_bytes(key.as_slice().try_into()?);
        let count = u64::from_le_bytes(value.as_slice().try_into()?);
        let name = match protocol {
            1 => "icmp",
            6 => "tcp",
            17 => "udp",
            255 => "not ipv4",
            _ => "other",
        };
        if count > 0 {
            println!("{name:>8}  {count:>6}");
        }
    }
    Ok(())
}
