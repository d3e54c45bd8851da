//! Packets of a capture file, pcap or pcapng.

use std::collections::HashMap;

use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

/// A packet as captured.
#[derive(Debug)]
pub(super) struct Captured {
    /// Nanoseconds since the epoch.
    pub(super) time_ns: u64,
    /// The bytes captured.
    pub(super) bytes: Vec<u8>,
    /// Its length on the wire: more than captured if it was cut off.
    pub(super) wire_len: u32,
}

/// The most packets that one run takes.
const MOST_PACKETS: usize = 10_000_000;

/// Reads all packets.
///
/// # Errors
/// A message that names the packet before which the file is wrong.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Captured>, String> {
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
