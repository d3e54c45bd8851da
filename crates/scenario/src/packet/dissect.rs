//! From bytes back to layers: what is where, for comparisons and for people.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::bits;
use super::layer::{Field, Form, Kind};

/// A header found in a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) kind: &'static Kind,
    /// Where it begins.
    pub(crate) start: usize,
    /// Its length, with options.
    pub(crate) len: usize,
}

impl Found {
    /// The value of a field.
    pub(crate) fn get(&self, bytes: &[u8], field: &Field) -> Option<u128> {
        bits::get(bytes.get(self.start..)?, field.bit, field.bits)
    }

    fn named(&self, bytes: &[u8], name: &str) -> Option<u128> {
        self.get(bytes, self.kind.field(name)?)
    }
}

/// The headers of an Ethernet frame, as far as they are whole; where the rest begins.
pub(crate) fn dissect(bytes: &[u8]) -> (Vec<Found>, usize) {
    let mut found = Vec::new();
    let mut start = 0;
    let mut next = Kind::named("eth");
    while let Some(kind) = next {
        let Some(len) = length(bytes, start, kind) else { break };
        let header = Found { kind, start, len };
        next = follower(bytes, &header);
        found.push(header);
        start += len;
    }
    (found, start)
}

/// The length of a header that begins there, if it is whole.
fn length(bytes: &[u8], start: usize, kind: &Kind) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let len = match kind.header_words() {
        Some(words) => bits::get(rest, words.bit, words.bits)? as usize * 4,
        None => kind.size,
    };
    (len >= kind.size && len <= rest.len()).then_some(len)
}

/// What a header says that follows it.
fn follower(bytes: &[u8], header: &Found) -> Option<&'static Kind> {
    let named = |name| header.named(bytes, name);
    match header.kind.name {
        "eth" | "vlan" => Kind::by_ethertype(named("type")?),
        // With a checksum or a key the header is longer than the table knows.
        "gre" if named("flags") == Some(0) => Kind::by_ethertype(named("type")?),
        // A later fragment begins in the middle of something.
        "ip" if named("frag") == Some(0) => Kind::by_protocol(named("proto")?),
        "frag6" if named("frag") == Some(0) => Kind::by_protocol(named("next")?),
        "ip6" | "hopopts" | "dstopts" | "routing" if named("len") == Some(0) || header.kind.name == "ip6" => {
            Kind::by_protocol(named("next")?)
        }
        // An error quotes the packet that it is about.
        "icmp" => matches!(named("type"), Some(3 | 5 | 11 | 12)).then(|| Kind::named("ip"))?,
        "icmp6" => matches!(named("type"), Some(1..=4)).then(|| Kind::named("ip6"))?,
        "udp" if named("dport") == Some(4789) => Kind::named("vxlan"),
        "vxlan" => Kind::named("eth"),
        _ => None,
    }
}

/// A field's value as it would be written.
pub(crate) fn written(kind: &Kind, field: &Field, value: u128) -> String {
    match field.form {
        Form::Number | Form::Flag => value.to_string(),
        Form::Hex => format!("{value:#06x}"),
        Form::Ipv4 => Ipv4Addr::from_bits(value as u32).to_string(),
        Form::Ipv6 => Ipv6Addr::from_bits(value).to_string(),
        Form::Mac => {
            let bytes = value.to_be_bytes();
            let parts: Vec<String> = bytes.iter().skip(10).map(|byte| format!("{byte:02x}")).collect();
            parts.join(":")
        }
        Form::Flags => {
            let is_set = |flag: &&Field| {
                let from_end = (field.bit + field.bits).checked_sub(flag.bit + 1);
                flag.form == Form::Flag
                    && flag.overlaps(field)
                    && from_end.is_some_and(|shift| value >> shift & 1 == 1)
            };
            let names: Vec<&str> = kind.fields.iter().filter(is_set).map(|flag| flag.name).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(" ") }
        }
    }
}
