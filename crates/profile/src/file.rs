//! A profile as a file: a header of 20 bytes, then what was measured (JSON) and the types (BTF), each compressed with
//! zlib.
//!
//! ```text
//! 0  "belaykp\0"    8  version    12  bytes of facts    16  bytes of types    20  facts, types
//! ```

use std::io::{Read, Write};

use belay_object::btf::Btf;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::Facts;

const MAGIC: &[u8; 8] = b"belaykp\0";
const VERSION: u32 = 1;
const HEADER: usize = 20;

/// The largest that a part may unpack to: a kernel's whole BTF has 6 MB.
const LARGEST: u64 = 64 << 20;

/// The two parts, still packed.
struct Parts<'a> {
    facts: &'a [u8],
    types: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Result<Parts<'a>, String> {
        let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        if !bytes.starts_with(MAGIC) {
            return Err("not a kernel profile: record one with `belay kernel profile`".to_owned());
        }
        match word(8) {
            Some(VERSION) => {}
            Some(other) => {
                return Err(format!(
                    "a kernel profile of version {other}, only {VERSION} is known: record it anew"
                ));
            }
            None => return Err("a kernel profile that is cut off".to_owned()),
        }
        let part = |start: usize, len: Option<u32>| {
            let end = start.checked_add(len? as usize)?;
            bytes.get(start..end)
        };
        let whole = || {
            let facts = part(HEADER, word(12))?;
            let types = part(HEADER + facts.len(), word(16))?;
            (HEADER + facts.len() + types.len() == bytes.len()).then_some(Parts { facts, types })
        };
        whole().ok_or_else(|| format!("a kernel profile whose parts do not fill its {} bytes", bytes.len()))
    }
}

/// What was measured, without unpacking the types.
pub(crate) fn facts(bytes: &[u8]) -> Result<Facts, String> {
    let text = unpack(Parts::of(bytes)?.facts, "facts")?;
    serde_json::from_slice(&text).map_err(|e| format!("a kernel profile with damaged facts: {e}"))
}

/// The whole profile.
pub(crate) fn read(bytes: &[u8]) -> Result<(Facts, Btf), String> {
    let facts = facts(bytes)?;
    let types = unpack(Parts::of(bytes)?.types, "types")?;
    let btf = Btf::parse("types", types).map_err(|e| format!("a kernel profile with damaged {e}"))?;
    Ok((facts, btf))
}

/// The file of these facts and types.
pub(crate) fn write(facts: &Facts, types: &[u8]) -> Vec<u8> {
    let facts = pack(&serde_json::to_vec(facts).unwrap_or_default());
    let types = pack(types);
    let mut out = MAGIC.to_vec();
    for number in [VERSION as usize, facts.len(), types.len()] {
        out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend(facts);
    out.extend(types);
    out
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to a vector does not fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

fn unpack(bytes: &[u8], what: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(4).min(1 << 23));
    let read = ZlibDecoder::new(bytes).take(LARGEST + 1).read_to_end(&mut out);
    read.map_err(|e| format!("a kernel profile whose {what} cannot be unpacked: {e}"))?;
    if out.len() as u64 > LARGEST {
        return Err(format!("a kernel profile whose {what} have over {LARGEST} bytes"));
    }
    Ok(out)
}
