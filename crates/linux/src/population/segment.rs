//! A TCP segment without data, as a whole IP packet with its checksums.

use std::net::{IpAddr, SocketAddr};

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const ACK: u8 = 0x10;

const IPPROTO_TCP: u8 = 6;
const HOPS: u8 = 64;
/// Length of a TCP header without options, in bytes; its data offset is in words of 32 bits.
const HEADER: u8 = 20;

/// What a segment says beside its addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) flags: u8,
    pub(super) sequence: u32,
    pub(super) acknowledge: u32,
}

impl Segment {
    /// The segment as an IP packet; `None` if the families of the two ends differ.
    pub(super) fn packet(self, from: SocketAddr, to: SocketAddr) -> Option<Vec<u8>> {
        let (mut packet, addresses) = match (from.ip(), to.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let addresses = [source.octets(), destination.octets()].concat();
                let mut header = vec![0x45, 0, 0, 20 + HEADER, 0, 0, 0, 0, HOPS, IPPROTO_TCP, 0, 0];
                header.extend_from_slice(&addresses);
                let sum = checksum(&header);
                put(&mut header, 10, sum);
                (header, addresses)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let addresses = [source.octets(), destination.octets()].concat();
                let mut header = vec![0x60, 0, 0, 0, 0, HEADER, IPPROTO_TCP, HOPS];
                header.extend_from_slice(&addresses);
                (header, addresses)
            }
            _ => return None,
        };
        let mut segment = Vec::with_capacity(HEADER.into());
        segment.extend_from_slice(&from.port().to_be_bytes());
        segment.extend_from_slice(&to.port().to_be_bytes());
        segment.extend_from_slice(&self.sequence.to_be_bytes());
        segment.extend_from_slice(&self.acknowledge.to_be_bytes());
        segment.extend_from_slice(&[(HEADER / 4) << 4, self.flags]);
        segment.extend_from_slice(&u16::MAX.to_be_bytes());
        segment.extend_from_slice(&[0; 4]); // checksum and urgent pointer

        let pseudo = [&addresses[..], &[0, IPPROTO_TCP, 0, HEADER], &segment].concat();
        put(&mut segment, 16, checksum(&pseudo));
        packet.extend_from_slice(&segment);
        Some(packet)
    }
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(field) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *field = value.to_be_bytes();
    }
}

/// RFC 1071, of an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks_exact(2).filter_map(|pair| pair.first_chunk()).copied().map(u16::from_be_bytes);
    !words.fold(0u16, |sum, word| {
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receiver sums everything, the checksum included, and wants all ones.
    #[test]
    fn the_checksums_are_what_a_receiver_expects() {
        let segment = Segment { flags: SYN, sequence: 0xffff_fff0, acknowledge: 7 };
        for (from, to, ip) in
            [("192.0.2.2:40000", "192.0.2.1:22", 20), ("[2001:db8::2]:1", "[2001:db8::1]:65535", 40)]
        {
            let (from, to): (SocketAddr, SocketAddr) =
                (from.parse().expect("an end"), to.parse().expect("an end"));
            let packet = segment.packet(from, to).expect("one family");
            let (header, tcp) = packet.split_at(ip);
            let addresses = if ip == 20 { &header[12..] } else { &header[8..] };
            if ip == 20 {
                assert_eq!(checksum(header), 0);
            }
            assert_eq!(checksum(&[addresses, &[0, 6, 0, 20], tcp].concat()), 0, "{from} -> {to}");
        }
    }

    #[test]
    fn two_families_are_no_packet() {
        let (v4, v6) = ("192.0.2.1:1".parse().expect("v4"), "[::1]:1".parse().expect("v6"));
        assert!(Segment { flags: ACK, sequence: 0, acknowledge: 0 }.packet(v4, v6).is_none());
    }
}
