//! The layers that a packet can be written in, and that its bytes are read as: one table.
//!
//! A layer is a header of fixed size, whose fields are runs of bits, and perhaps options behind it. Building, reading,
//! comparing and the messages all go by this table; none of them knows a layer's name.

/// A kind of layer.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What else it may be called.
    pub(crate) alias: &'static str,
    /// Bytes of the header without options.
    pub(crate) size: usize,
    /// The number by which Ethernet and its kind announce it.
    pub(crate) ethertype: Option<u16>,
    /// The number by which IP announces it.
    pub(crate) protocol: Option<u8>,
    /// Its fields, in order. Flags that are part of a larger field follow it.
    pub(crate) fields: &'static [Field],
    /// Words that stand for the value of a field.
    pub(crate) words: &'static [(&'static str, &'static str, u128)],
}

/// A field of a header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// What it is called.
    pub(crate) name: &'static str,
    /// The first bit, counted from the most significant one of the header's first byte.
    pub(crate) bit: usize,
    /// How many bits.
    pub(crate) bits: usize,
    /// How it is written.
    pub(crate) form: Form,
    /// What it is if nothing is said.
    pub(crate) fill: Fill,
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A number.
    Number,
    /// A number that people know in hexadecimal.
    Hex,
    /// One bit: the field's name alone sets it.
    Flag,
    /// `02:00:00:00:00:01`.
    Mac,
    /// `192.0.2.1`.
    Ipv4,
    /// `2001:db8::1`.
    Ipv6,
    /// A number, shown as the flags that are part of it.
    Flags,
}

/// What a field is if nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// This value.
    Is(u128),
    /// The number of the layer that follows, as Ethernet counts.
    EtherType,
    /// The number of the layer that follows, as IP counts.
    Protocol,
    /// The header's length with options, in words of four bytes.
    HeaderWords,
    /// Bytes from the header's start to the packet's end, less so many.
    Length {
        /// Bytes at the start that do not count.
        without: usize,
    },
    /// The sum over the header alone.
    HeaderChecksum,
    /// The sum over everything from here on.
    Checksum,
    /// Likewise, with the addresses of the IP header before it.
    PseudoChecksum,
}

impl Kind {
    /// The kind of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.name == name || (!kind.alias.is_empty() && kind.alias == name))
    }

    /// The kind that Ethernet announces by this number.
    pub(crate) fn by_ethertype(number: u128) -> Option<&'static Kind> {
        // Service tags have the shape of customer tags.
        let number = if number == 0x88a8 { 0x8100 } else { number };
        KINDS.iter().find(|kind| kind.ethertype.is_some_and(|known| u128::from(known) == number))
    }

    /// The kind that IP announces by this number.
    pub(crate) fn by_protocol(number: u128) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.protocol.is_some_and(|known| u128::from(known) == number))
    }

    /// The field of that name that takes a value; a flag, if nothing else is called so.
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        let mut named = self.fields.iter().filter(|field| field.name == name);
        named.clone().find(|field| field.form != Form::Flag).or_else(|| named.next())
    }

    /// The flag of that name.
    pub(crate) fn flag(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name && field.form == Form::Flag)
    }

    /// The field that counts the header's words: only a layer with one has options.
    pub(crate) fn header_words(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.fill == Fill::HeaderWords)
    }
}

impl Field {
    /// Whether two fields share bits.
    pub(crate) fn overlaps(&self, other: &Field) -> bool {
        self.bit < other.bit + other.bits && other.bit < self.bit + self.bits
    }
}

const fn field(name: &'static str, bit: usize, bits: usize, form: Form, fill: Fill) -> Field {
    Field { name, bit, bits, form, fill }
}

const fn number(name: &'static str, bit: usize, bits: usize, value: u128) -> Field {
    field(name, bit, bits, Form::Number, Fill::Is(value))
}

const fn flag(name: &'static str, bit: usize) -> Field {
    field(name, bit, 1, Form::Flag, Fill::Is(0))
}

const fn kind(name: &'static str, size: usize, fields: &'static [Field]) -> Kind {
    Kind { name, alias: "", size, ethertype: None, protocol: None, fields, words: &[] }
}

/// The machine under test is at .1 and 02:…:01, whoever writes to it at .2 and 02:…:02.
const HERE_MAC: u128 = 0x0200_0000_0001;
const THERE_MAC: u128 = 0x0200_0000_0002;
const HERE: u128 = 0xc000_0201;
const THERE: u128 = 0xc000_0202;
const HERE6: u128 = 0x2001_0db8_0000_0000_0000_0000_0000_0001;
const THERE6: u128 = 0x2001_0db8_0000_0000_0000_0000_0000_0002;

/// Every kind of layer.
#[rustfmt::skip]
pub(crate) static KINDS: &[Kind] = &[
    Kind { ethertype: Some(0x6558), ..kind("eth", 14, &[
        field("dst",   0, 48, Form::Mac, Fill::Is(HERE_MAC)),
        field("src",  48, 48, Form::Mac, Fill::Is(THERE_MAC)),
        field("type", 96, 16, Form::Hex, Fill::EtherType),
    ]) },
    Kind { ethertype: Some(0x8100), ..kind("vlan", 4, &[
        number("pcp", 0, 3, 0), flag("dei", 3), number("id", 4, 12, 1),
        field("type", 16, 16, Form::Hex, Fill::EtherType),
    ]) },
    Kind { ethertype: Some(0x0806), words: &[("request", "op", 1), ("reply", "op", 2)], ..kind("arp", 28, &[
        number("hardware", 0, 16, 1), field("protocol", 16, 16, Form::Hex, Fill::Is(0x0800)),
        number("hlen", 32, 8, 6), number("plen", 40, 8, 4), number("op", 48, 16, 1),
        field("sha",  64, 48, Form::Mac,  Fill::Is(THERE_MAC)),
        field("spa", 112, 32, Form::Ipv4, Fill::Is(THERE)),
        field("tha", 144, 48, Form::Mac,  Fill::Is(0)),
        field("tpa", 192, 32, Form::Ipv4, Fill::Is(HERE)),
    ]) },
    Kind { alias: "ipv4", ethertype: Some(0x0800), protocol: Some(4), ..kind("ip", 20, &[
        number("version", 0, 4, 4), field("ihl", 4, 4, Form::Number, Fill::HeaderWords),
        number("dscp", 8, 6, 0), number("ecn", 14, 2, 0),
        field("len", 16, 16, Form::Number, Fill::Length { without: 0 }),
        number("id", 32, 16, 1), flag("reserved", 48), flag("df", 49), flag("mf", 50), number("frag", 51, 13, 0),
        number("ttl", 64, 8, 64), field("proto", 72, 8, Form::Number, Fill::Protocol),
        field("checksum", 80, 16, Form::Hex, Fill::HeaderChecksum),
        field("src",  96, 32, Form::Ipv4, Fill::Is(THERE)),
        field("dst", 128, 32, Form::Ipv4, Fill::Is(HERE)),
    ]) },
    Kind { alias: "ipv6", ethertype: Some(0x86dd), protocol: Some(41), ..kind("ip6", 40, &[
        number("version", 0, 4, 6), number("dscp", 4, 6, 0), number("ecn", 10, 2, 0),
        field("flow", 12, 20, Form::Hex, Fill::Is(0)),
        field("len", 32, 16, Form::Number, Fill::Length { without: 40 }),
        field("next", 48, 8, Form::Number, Fill::Protocol), number("hop", 56, 8, 64),
        field("src",  64, 128, Form::Ipv6, Fill::Is(THERE6)),
        field("dst", 192, 128, Form::Ipv6, Fill::Is(HERE6)),
    ]) },
    Kind { protocol: Some(0), ..kind("hopopts", 8, OPTIONS) },
    Kind { protocol: Some(60), ..kind("dstopts", 8, OPTIONS) },
    Kind { protocol: Some(43), ..kind("routing", 8, &[
        field("next", 0, 8, Form::Number, Fill::Protocol), number("len", 8, 8, 0),
        number("type", 16, 8, 0), number("left", 24, 8, 0), field("data", 32, 32, Form::Hex, Fill::Is(0)),
    ]) },
    Kind { protocol: Some(44), ..kind("frag6", 8, &[
        field("next", 0, 8, Form::Number, Fill::Protocol), number("reserved", 8, 8, 0),
        number("frag", 16, 13, 0), number("reserved2", 29, 2, 0), flag("more", 31), number("id", 32, 32, 1),
    ]) },
    Kind { protocol: Some(6), ..kind("tcp", 20, &[
        number("sport", 0, 16, 40000), number("dport", 16, 16, 80), number("seq", 32, 32, 1), number("ack", 64, 32, 0),
        field("doff", 96, 4, Form::Number, Fill::HeaderWords), number("reserved", 100, 4, 0),
        field("flags", 104, 8, Form::Flags, Fill::Is(2)),
        flag("cwr", 104), flag("ece", 105), flag("urg", 106), flag("ack", 107),
        flag("psh", 108), flag("rst", 109), flag("syn", 110), flag("fin", 111),
        number("window", 112, 16, 65535), field("checksum", 128, 16, Form::Hex, Fill::PseudoChecksum),
        number("urgent", 144, 16, 0),
    ]) },
    Kind { protocol: Some(17), ..kind("udp", 8, &[
        number("sport", 0, 16, 40000), number("dport", 16, 16, 53),
        field("len", 32, 16, Form::Number, Fill::Length { without: 0 }),
        field("checksum", 48, 16, Form::Hex, Fill::PseudoChecksum),
    ]) },
    Kind { protocol: Some(1), words: &[
        ("echo-request", "type", 8), ("echo-reply", "type", 0), ("unreachable", "type", 3), ("redirect", "type", 5),
        ("time-exceeded", "type", 11), ("parameter-problem", "type", 12),
    ], ..kind("icmp", 8, &[
        number("type", 0, 8, 8), number("code", 8, 8, 0), field("checksum", 16, 16, Form::Hex, Fill::Checksum),
        number("id", 32, 16, 0), number("seq", 48, 16, 0),
    ]) },
    Kind { protocol: Some(58), words: &[
        ("echo-request", "type", 128), ("echo-reply", "type", 129), ("unreachable", "type", 1),
        ("packet-too-big", "type", 2), ("time-exceeded", "type", 3), ("parameter-problem", "type", 4),
        ("router-solicitation", "type", 133), ("router-advertisement", "type", 134),
        ("neighbour-solicitation", "type", 135), ("neighbour-advertisement", "type", 136),
    ], ..kind("icmp6", 8, &[
        number("type", 0, 8, 128), number("code", 8, 8, 0),
        field("checksum", 16, 16, Form::Hex, Fill::PseudoChecksum),
        number("id", 32, 16, 0), number("seq", 48, 16, 0),
    ]) },
    Kind { protocol: Some(47), ..kind("gre", 4, &[
        field("flags", 0, 13, Form::Hex, Fill::Is(0)), number("version", 13, 3, 0),
        field("type", 16, 16, Form::Hex, Fill::EtherType),
    ]) },
    kind("vxlan", 8, &[
        field("flags", 0, 8, Form::Hex, Fill::Is(8)), number("reserved", 8, 24, 0),
        number("vni", 32, 24, 1), number("reserved2", 56, 8, 0),
    ]),
];

/// Options of IPv6: a header of the least size, filled by one `PadN`.
const OPTIONS: &[Field] = &[
    field("next", 0, 8, Form::Number, Fill::Protocol),
    number("len", 8, 8, 0),
    field("data", 16, 48, Form::Hex, Fill::Is(0x0104_0000_0000)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_tile_every_header() {
        for kind in KINDS {
            let mut end = 0;
            // A flag may lie within a larger field before it.
            for field in kind.fields {
                if field.form == Form::Flag && field.bit < end {
                    continue;
                }
                assert_eq!(field.bit, end, "{}.{}", kind.name, field.name);
                end += field.bits;
            }
            assert_eq!(end, kind.size * 8, "{}", kind.name);
            for (word, name, _) in kind.words {
                assert!(kind.field(name).is_some(), "{}: `{word}` names no field", kind.name);
            }
        }
    }
}
