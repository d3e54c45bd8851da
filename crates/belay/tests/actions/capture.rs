//! A capture: its packets, and the sockets of the host that saw them.

use std::fs::File;
use std::path::{Path, PathBuf};

use belay_sockets::SocketTable;
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{LegacyPcapReader, PcapBlockOwned, PcapError};

/// The link address of the host's device, in every capture.
const HOST: [u8; 6] = [2, 0, 0, 0, 0, 1];

pub(crate) struct Capture {
    pub(crate) name: String,
    /// Where the kernel's actions are recorded.
    pub(crate) record: PathBuf,
    pub(crate) packets: Vec<Vec<u8>>,
    pub(crate) sockets: SocketTable,
}

impl Capture {
    pub(crate) fn read(directory: &Path, name: &str) -> Capture {
        let table = directory.join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&table).unwrap_or_else(|e| panic!("{}: {e}", table.display()));
        Capture {
            name: name.into(),
            record: directory.join(format!("{name}.actions")),
            packets: packets(&directory.join(format!("{name}.pcap"))),
            sockets: SocketTable::from_toml(&table.display().to_string(), &text)
                .unwrap_or_else(|e| panic!("{e}")),
        }
    }
}

/// Whether the host sent the packet.
pub(crate) fn leaves(packet: &[u8]) -> bool {
    packet.get(6..12) == Some(&HOST)
}

fn packets(path: &Path) -> Vec<Vec<u8>> {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut reader = LegacyPcapReader::new(1 << 16, file).expect("a pcap file");
    let mut packets = Vec::new();
    loop {
        match reader.next() {
            Ok((consumed, block)) => {
                if let PcapBlockOwned::Legacy(packet) = block {
                    assert_eq!(packet.caplen, packet.origlen, "{}: cut off", path.display());
                    packets.push(packet.data.to_vec());
                }
                reader.consume(consumed);
            }
            Err(PcapError::Incomplete(_)) => reader.refill().expect("a readable file"),
            Err(PcapError::Eof) => return packets,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
}
