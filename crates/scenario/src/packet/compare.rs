//! Two packets side by side, field by field; what no field explains, byte by byte.

use super::dissect::{Found, dissect, written};
use super::layer::{Field, Form};
use super::text::Layer;

/// One thing in which two packets differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `ip.ttl`, `bytes 54..70`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub actual: String,
}

/// Bytes a row.
const ROW: usize = 16;

/// In what two frames differ; nothing if they are equal.
pub(crate) fn compare(expected: &[u8], actual: &[u8]) -> Vec<Difference> {
    let mut differences = Vec::new();
    if expected.len() != actual.len() {
        differences.push(Difference {
            what: "length".to_owned(),
            expected: expected.len().to_string(),
            actual: actual.len().to_string(),
        });
    }
    let ((wanted, _), (found, _)) = (dissect(expected), dissect(actual));
    let mut end = 0;
    for (number, (here, there)) in wanted.iter().zip(&found).enumerate() {
        if !std::ptr::eq(here.kind, there.kind) || here.len != there.len {
            break;
        }
        compare_headers(here, expected, actual, &name(&wanted, number), &mut differences);
        end = here.start + here.len;
    }
    compare_bytes("bytes", end, expected, actual, &mut differences);
    differences
}

/// What a header is called among its like: `ip`, and an inner one `ip#2`.
fn name(found: &[Found], number: usize) -> String {
    let kind = found.get(number).map_or("", |header| header.kind.name);
    match found.iter().take(number).filter(|header| header.kind.name == kind).count() {
        0 => kind.to_owned(),
        before => format!("{kind}#{}", before + 1),
    }
}

fn compare_headers(
    header: &Found,
    expected: &[u8],
    actual: &[u8],
    name: &str,
    differences: &mut Vec<Difference>,
) {
    let shown = |field: &&Field| {
        // A flag within a larger field is shown with it.
        let around = |other: &Field| other.form == Form::Flags && other.overlaps(field);
        field.form == Form::Flags || !header.kind.fields.iter().any(around)
    };
    for field in header.kind.fields.iter().filter(shown) {
        let (Some(wanted), Some(found)) = (header.get(expected, field), header.get(actual, field)) else {
            continue;
        };
        if wanted != found {
            differences.push(Difference {
                what: format!("{name}.{}", field.name),
                expected: written(header.kind, field, wanted),
                actual: written(header.kind, field, found),
            });
        }
    }
    let options = header.start + header.kind.size..header.start + header.len;
    let (wanted, found) = (expected.get(options.clone()), actual.get(options));
    if wanted != found {
        differences.push(Difference {
            what: format!("{name}.options"),
            expected: row(wanted.unwrap_or_default()),
            actual: row(found.unwrap_or_default()),
        });
    }
}

/// Rows of bytes that differ, from an offset on.
fn compare_bytes(name: &str, from: usize, expected: &[u8], actual: &[u8], differences: &mut Vec<Difference>) {
    /// More rows help nobody.
    const MOST: usize = 8;
    let mut rows = 0;
    for start in (from..expected.len().max(actual.len())).step_by(ROW) {
        let part = |bytes: &[u8]| {
            bytes.get(start.min(bytes.len())..(start + ROW).min(bytes.len())).unwrap_or_default().to_vec()
        };
        let (wanted, found) = (part(expected), part(actual));
        if wanted == found {
            continue;
        }
        rows += 1;
        if rows > MOST {
            differences.push(Difference {
                what: name.to_owned(),
                expected: "…".to_owned(),
                actual: "…".to_owned(),
            });
            return;
        }
        let end = start + wanted.len().max(found.len());
        differences.push(Difference {
            what: format!("{name} {start}..{end}"),
            expected: row(&wanted),
            actual: row(&found),
        });
    }
}

/// Bytes in hexadecimal, and as text where they are.
pub(crate) fn row(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "none".to_owned();
    }
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.join(" ")
}

/// What a frame lacks of what layers say: only what is written of them counts, and layers between them are passed over.
pub(crate) fn lacks(wanted: &[Layer], actual: &[u8]) -> Vec<Difference> {
    let (found, rest) = dissect(actual);
    let mut left = found.iter().enumerate();
    let mut differences = Vec::new();
    for layer in wanted {
        match layer {
            Layer::Header(header) => {
                let Some((number, there)) = left.find(|(_, found)| std::ptr::eq(found.kind, header.kind))
                else {
                    let names: Vec<&str> = found.iter().map(|header| header.kind.name).collect();
                    differences.push(Difference {
                        what: header.kind.name.to_owned(),
                        expected: "there".to_owned(),
                        actual: names.join(" / "),
                    });
                    return differences;
                };
                let name = name(&found, number);
                for (field, value) in &header.set {
                    let is = there.get(actual, field);
                    if is != Some(*value) {
                        differences.push(Difference {
                            what: format!("{name}.{}", field.name),
                            expected: written(header.kind, field, *value),
                            actual: is
                                .map_or_else(|| "none".to_owned(), |is| written(header.kind, field, is)),
                        });
                    }
                }
            }
            Layer::Payload(payload) => {
                let there = actual.get(rest..).unwrap_or_default();
                if there != payload {
                    compare_bytes("payload", 0, payload, there, &mut differences);
                }
            }
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::from_layers;

    fn told(differences: &[Difference]) -> Vec<String> {
        differences.iter().map(|d| format!("{}: {} | {}", d.what, d.expected, d.actual)).collect()
    }

    #[test]
    fn fields_are_named_and_payload_is_shown() {
        let frame = |text: &str| from_layers(text).unwrap();
        let wanted = frame("ip ttl=63 / tcp checksum=0 syn ack / \"abc\"");
        let found = frame("ip ttl=63 checksum=0 / tcp checksum=0 rst / \"abd\"");
        assert_eq!(
            told(&compare(&wanted, &found)),
            ["ip.checksum: 0xf7c8 | 0x0000", "tcp.flags: ack syn | rst", "bytes 54..57: 61 62 63 | 61 62 64"]
        );
        let inner = frame("ip / udp dport=4789 / vxlan / eth / ip6 hop=1 / udp");
        let other =
            frame("ip / udp dport=4789 checksum=0 / vxlan / eth dst=02:00:00:00:00:ff / ip6 hop=1 / udp");
        assert!(
            told(&compare(&inner, &other))
                .contains(&"eth#2.dst: 02:00:00:00:00:01 | 02:00:00:00:00:ff".into())
        );
        assert_eq!(compare(&inner, &inner), []);
    }

    #[test]
    fn every_changed_bit_is_seen() {
        for text in [
            "arp",
            "vlan / ip options=hex:01010101 / icmp unreachable / ip / udp",
            "ip6 / frag6 / tcp / \"x\"",
        ] {
            let frame = from_layers(text).unwrap();
            for bit in 0..frame.len() * 8 {
                let mut other = frame.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert!(!compare(&frame, &other).is_empty(), "{text}, bit {bit}");
            }
            assert!(!compare(&frame, &frame[..frame.len() - 1]).is_empty());
        }
    }

    #[test]
    fn only_what_is_written_is_asked_for() {
        let frame = from_layers("vlan id=7 / ip ttl=9 / tcp dport=443 syn / \"hello\"").unwrap();
        let lacks = |text: &str| told(&lacks(&crate::packet::parse(text).unwrap(), &frame));
        assert_eq!(lacks("ip ttl=9 / tcp syn / \"hello\""), [""; 0]);
        assert_eq!(lacks("tcp dport=80 ack"), ["tcp.dport: 80 | 443", "tcp.ack: 1 | 0"]);
        assert_eq!(lacks("udp"), ["udp: there | eth / vlan / ip / tcp"]);
    }
}
