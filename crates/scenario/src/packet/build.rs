//! From layers to bytes: defaults, lengths, checksums.

use etherparse::checksum::Sum16BitWords;

use super::bits;
use super::layer::{Field, Fill, Kind};
use super::text::{Header, LONGEST, Layer};

/// Announces payload where Ethernet counts: the number for local experiments.
const EXPERIMENT: u128 = 0x88b5;
/// Announces payload where IP counts.
const IP_EXPERIMENT: u128 = 253;

/// The frame that layers make. One that does not begin with `eth` gets one put in front.
///
/// # Errors
/// If it is too long.
pub(crate) fn frame(layers: &[Layer]) -> Result<Vec<u8>, String> {
    let begins_with_eth = matches!(layers.first(), Some(Layer::Header(header)) if header.kind.name == "eth");
    let eth = Kind::named("eth").filter(|_| !begins_with_eth);
    let eth = eth.map(|kind| Layer::Header(Header { kind, set: Vec::new(), options: Vec::new() }));
    let whole: Vec<Layer> = eth.into_iter().chain(layers.iter().cloned()).collect();
    bytes(&whole)
}

/// The bytes that layers make, as they stand.
///
/// # Errors
/// If they are too long.
pub(crate) fn bytes(layers: &[Layer]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut starts = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        starts.push(bytes.len());
        match layer {
            Layer::Payload(payload) => bytes.extend(payload),
            Layer::Header(header) => bytes.extend(header.bytes(layers.get(index + 1))),
        }
        if bytes.len() > LONGEST {
            return Err(format!("the packet is longer than {LONGEST} bytes"));
        }
    }
    let headers: Vec<(usize, &Header)> = starts
        .into_iter()
        .zip(layers)
        .filter_map(|(start, layer)| match layer {
            Layer::Header(header) => Some((start, header)),
            Layer::Payload(_) => None,
        })
        .collect();
    for (start, header) in &headers {
        header.put_lengths(&mut bytes, *start)?;
    }
    // What is inside first: outer sums go over it.
    for index in (0..headers.len()).rev() {
        put_checksums(&mut bytes, headers.get(..=index).unwrap_or_default());
    }
    Ok(bytes)
}

impl Header {
    /// Whether a field's value was given, in whole or in part.
    fn says(&self, field: &Field) -> bool {
        self.set.iter().any(|(set, _)| set.overlaps(field))
    }

    /// The header by itself; lengths and checksums are still 0.
    fn bytes(&self, next: Option<&Layer>) -> Vec<u8> {
        let mut bytes = vec![0; self.kind.size];
        bytes.extend(&self.options);
        for field in self.kind.fields.iter().filter(|field| !self.says(field)) {
            let value = match field.fill {
                Fill::Is(value) => value,
                Fill::EtherType => ethertype(next),
                Fill::Protocol => protocol(next),
                Fill::HeaderWords => (bytes.len() / 4) as u128,
                Fill::Length { .. } | Fill::HeaderChecksum | Fill::Checksum | Fill::PseudoChecksum => {
                    continue;
                }
            };
            // A flag's default must not clear what the larger field around it was set to.
            if value != 0 {
                bits::set(&mut bytes, field.bit, field.bits, value);
            }
        }
        for (field, value) in &self.set {
            bits::set(&mut bytes, field.bit, field.bits, *value);
        }
        bytes
    }

    fn put_lengths(&self, bytes: &mut [u8], start: usize) -> Result<(), String> {
        for field in self.kind.fields.iter().filter(|field| !self.says(field)) {
            let Fill::Length { without } = field.fill else { continue };
            let length = bytes.len().saturating_sub(start + without) as u128;
            if !bits::fits(length, field.bits) {
                let Field { name, .. } = field;
                return Err(format!(
                    "`{}.{name}` cannot say {length}: make the packet shorter",
                    self.kind.name
                ));
            }
            bits::set(bytes.get_mut(start..).unwrap_or_default(), field.bit, field.bits, length);
        }
        Ok(())
    }
}

fn ethertype(next: Option<&Layer>) -> u128 {
    match next {
        Some(Layer::Header(header)) => header.kind.ethertype.map_or(EXPERIMENT, u128::from),
        _ => EXPERIMENT,
    }
}

fn protocol(next: Option<&Layer>) -> u128 {
    match next {
        Some(Layer::Header(header)) => header.kind.protocol.map_or(IP_EXPERIMENT, u128::from),
        _ => IP_EXPERIMENT,
    }
}

/// Puts the checksums of the last of these headers.
fn put_checksums(bytes: &mut [u8], headers: &[(usize, &Header)]) {
    let Some((last, outer)) = headers.split_last() else { return };
    let (start, header) = *last;
    for field in header.kind.fields.iter().filter(|field| !header.says(field)) {
        let rest = bytes.get(start..).unwrap_or_default();
        let sum = match field.fill {
            Fill::HeaderChecksum => {
                let len = header.kind.size + header.options.len();
                Sum16BitWords::new().add_slice(rest.get(..len).unwrap_or(rest))
            }
            Fill::Checksum => Sum16BitWords::new().add_slice(rest),
            Fill::PseudoChecksum => pseudo(bytes, outer, header.kind, rest.len()).add_slice(rest),
            _ => continue,
        };
        let sum = match sum.ones_complement().to_be() {
            // UDP says 0 where there is no checksum.
            0 if header.kind.name == "udp" => 0xffff,
            sum => sum,
        };
        bits::set(bytes.get_mut(start..).unwrap_or_default(), field.bit, field.bits, sum.into());
    }
}

/// The sum over addresses, length and protocol of the nearest IP header.
fn pseudo(bytes: &[u8], outer: &[(usize, &Header)], kind: &Kind, len: usize) -> Sum16BitWords {
    let mut sum = Sum16BitWords::new();
    let ip = outer.iter().rev().find_map(|(start, header)| {
        let (src, dst) = header.kind.field("src").zip(header.kind.field("dst"))?;
        (header.kind.name != "eth").then_some((*start, src, dst))
    });
    let Some((start, src, dst)) = ip else { return sum };
    let header = bytes.get(start..).unwrap_or_default();
    for field in [src, dst] {
        let from = field.bit / 8;
        sum = sum.add_slice(header.get(from..from + field.bits / 8).unwrap_or_default());
    }
    let protocol = kind.protocol.map_or(0, u32::from);
    sum.add_slice(&(len as u32).to_be_bytes()).add_slice(&protocol.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use crate::packet::from_layers;
    use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};

    fn frame(text: &str) -> Vec<u8> {
        from_layers(text).unwrap_or_else(|e| panic!("{text}: {e:?}"))
    }

    #[test]
    fn the_defaults_are_a_packet_that_etherparse_makes_too() {
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]);
        let mut expected = Vec::new();
        let syn = builder.ipv4([192, 0, 2, 2], [192, 0, 2, 1], 64).tcp(40000, 443, 1, 65535).syn();
        syn.write(&mut expected, b"hello").unwrap();
        // It sets an identification of 0, and DF.
        assert_eq!(frame("ip id=0 df / tcp dport=443 syn / \"hello\""), expected);
    }

    #[test]
    fn checksums_are_right_in_either_family() {
        for text in [
            "ip options=hex:01010101 / tcp options=hex:020405b4 ack / \"odd\"",
            "ip6 / tcp / \"even\"",
            "ip / udp / zero:1",
            "ip6 / hopopts / udp / \"x\"",
            "ip / icmp / \"ping\"",
            "ip6 / icmp6 / \"ping\"",
        ] {
            let frame = frame(text);
            let packet = SlicedPacket::from_ethernet(&frame).unwrap_or_else(|e| panic!("{text}: {e}"));
            let ends = match packet.net.expect("a network header") {
                etherparse::NetSlice::Ipv4(ip) => {
                    let header = ip.header().to_header();
                    assert_eq!(header.calc_header_checksum(), header.header_checksum, "{text}");
                    Ok((header.source, header.destination))
                }
                etherparse::NetSlice::Ipv6(ip) => Err((ip.header().source(), ip.header().destination())),
                other => panic!("{text}: {other:?}"),
            };
            let (wanted, found) = match packet.transport.expect("a transport header") {
                TransportSlice::Tcp(tcp) => {
                    let header = tcp.to_header();
                    let sum = match ends {
                        Ok((s, d)) => header.calc_checksum_ipv4_raw(s, d, tcp.payload()),
                        Err((s, d)) => header.calc_checksum_ipv6_raw(s, d, tcp.payload()),
                    };
                    (sum.unwrap(), tcp.checksum())
                }
                TransportSlice::Udp(udp) => {
                    let header = udp.to_header();
                    let sum = match ends {
                        Ok((s, d)) => header.calc_checksum_ipv4_raw(s, d, udp.payload()),
                        Err((s, d)) => header.calc_checksum_ipv6_raw(s, d, udp.payload()),
                    };
                    (sum.unwrap(), udp.checksum())
                }
                TransportSlice::Icmpv4(icmp) => {
                    (icmp.icmp_type().calc_checksum(icmp.payload()), icmp.checksum())
                }
                TransportSlice::Igmp(_) => panic!("{text}: IGMP"),
                TransportSlice::Icmpv6(icmp) => {
                    let (s, d) = ends.unwrap_err();
                    (icmp.icmp_type().calc_checksum(s, d, icmp.payload()).unwrap(), icmp.checksum())
                }
            };
            assert_eq!(wanted, found, "{text}");
        }
    }

    #[test]
    fn what_is_given_is_kept_even_if_it_is_wrong() {
        let frame =
            frame("eth type=0x1234 / ip version=7 len=1 checksum=0xbeef proto=200 / tcp flags=0x12 doff=1");
        assert_eq!(&frame[12..18], [0x12, 0x34, 0x75, 0, 0, 1]);
        assert_eq!((frame[23], &frame[24..26]), (200, &[0xbe, 0xef][..]));
        assert_eq!((frame[46], frame[47]), (0x10, 0x12));
    }

    #[test]
    fn too_long_is_said() {
        let without_eth = super::bytes(&crate::packet::parse("ip / zero:65516").unwrap());
        assert!(without_eth.unwrap_err().contains("`ip.len` cannot say 65536"));
        assert!(from_layers("zero:65536").unwrap_err().message.contains("longer than"));
    }
}
