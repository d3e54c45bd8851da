//! From bytes to [`Btf`]: every bound and reference is checked here, so that no reader has to.

use std::sync::OnceLock;

use super::types::{split_info, tail_len, word};
use super::{Btf, TypeId};
use crate::error::{Error, ErrorKind, Fault};

pub(super) const MAGIC: u16 = 0xeb9f;

impl Btf {
    /// Parses the contents of a `.BTF` section or of `/sys/kernel/btf/vmlinux`; or an ELF file that has such a section,
    /// such as a `vmlinux` with debug information.
    ///
    /// # Errors
    /// Malformed bytes; big-endian BTF; a module's split BTF (its ids continue the kernel's). `path` is for the message.
    pub fn parse(path: &str, bytes: Vec<u8>) -> Result<Btf, Error> {
        let section = match bytes.starts_with(b"\x7fELF") {
            true => {
                Some(elf_section(&bytes).ok_or_else(|| bad("the ELF file has no `.BTF` section").at(path))?)
            }
            false => None,
        };
        Btf::read(section.unwrap_or(bytes)).map_err(|fault| fault.at(path))
    }

    pub(crate) fn read(bytes: Vec<u8>) -> Result<Btf, Fault> {
        let header = Header::read(&bytes)?;
        let strings = header.part(word(&bytes, 4), word(&bytes, 5), "strings")?;
        let types = header.part(word(&bytes, 2), word(&bytes, 3), "types")?;
        match bytes.get(strings.clone()) {
            Some([0, .., 0] | [0]) => {}
            _ => return Err(bad("the strings neither start nor end with a zero byte")),
        }
        let mut offsets = vec![0];
        let mut at = types.start;
        while at < types.end {
            let len = record_len(&bytes, at, types.end).map_err(|f| f.offset(at as u64))?;
            // `at` lies within a section whose bounds are 32-bit numbers plus a 32-bit header length.
            offsets.push(u32::try_from(at).map_err(|_| bad("larger than 4 GiB"))?);
            at += len;
        }
        let btf = Btf { bytes, offsets, strings, names: OnceLock::new() };
        btf.check_references()?;
        Ok(btf)
    }

    /// Every reference names a type that exists, every name a string.
    fn check_references(&self) -> Result<(), Fault> {
        let strings = u32::try_from(self.strings.len()).unwrap_or(u32::MAX);
        for id in self.ids() {
            let start = self.offsets.get(id.0 as usize).copied().unwrap_or_default() as usize;
            let record = self.bytes.get(start..).unwrap_or_default();
            let (kind, vlen, _) = split_info(word(record, 1));
            let type_ok = |at: usize| word(record, at) < self.len();
            let name_ok = |at: usize| word(record, at) < strings;
            if !words_with_types(kind, vlen).all(type_ok) || !words_with_names(kind, vlen).all(name_ok) {
                return Err(bad(&format!("type {id} refers to a type or a name that does not exist")));
            }
            if kind == 1 && !matches!(word(record, 2), 1 | 2 | 4 | 8 | 16) {
                return Err(bad(&format!(
                    "integer type {id} has an impossible size of {} bytes",
                    word(record, 2)
                )));
            }
            if matches!(kind, 6 | 19) && !matches!(word(record, 2), 1 | 2 | 4 | 8) {
                return Err(bad(&format!(
                    "enumeration {id} has an impossible size of {} bytes",
                    word(record, 2)
                )));
            }
        }
        Ok(())
    }

    /// The bytes of a type's record.
    pub(super) fn record(&self, id: TypeId) -> &[u8] {
        let start = self.offsets.get(id.0 as usize).copied().unwrap_or_default() as usize;
        let record = self.bytes.get(start..).unwrap_or_default();
        let (kind, vlen, _) = split_info(word(record, 1));
        tail_len(kind, vlen).and_then(|len| record.get(..12 + len as usize)).unwrap_or_default()
    }
}

/// The words of a record that hold a type's id, as [`word`] counts them.
pub(super) fn words_with_types(kind: u32, vlen: u32) -> impl Iterator<Item = usize> {
    let vlen = vlen as usize;
    let (own, first, step, count) = match kind {
        2 | 8..=12 | 14 | 17 | 18 => (Some(2), 0, 1, 0),
        3 => (None, 3, 1, 2),
        4 | 5 => (None, 4, 3, vlen),
        13 => (Some(2), 4, 2, vlen),
        15 => (None, 3, 3, vlen),
        _ => (None, 0, 1, 0),
    };
    own.into_iter().chain((first..).step_by(step).take(count))
}

/// The words of a record that hold a name's offset, as [`word`] counts them.
pub(super) fn words_with_names(kind: u32, vlen: u32) -> impl Iterator<Item = usize> {
    let (step, count) = match kind {
        4 | 5 | 19 => (3, vlen as usize),
        6 | 13 => (2, vlen as usize),
        _ => (1, 0),
    };
    std::iter::once(0).chain((3..).step_by(step).take(count))
}

/// The `.BTF` section of an ELF file for any machine.
pub(super) fn elf_section(bytes: &[u8]) -> Option<Vec<u8>> {
    use object::{Object as _, ObjectSection as _};
    let file = object::File::parse(bytes).ok()?;
    Some(file.section_by_name(".BTF")?.data().ok()?.to_vec())
}

/// The header that `.BTF` and `.BTF.ext` share; what it locates is counted from its end.
pub(super) struct Header {
    pub(super) len: usize,
    total: usize,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Result<Header, Fault> {
        let magic = bytes.get(..2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
        match magic {
            Some(MAGIC) => {}
            Some(m) if m.swap_bytes() == MAGIC => {
                return Err(bad("big-endian BTF: only little-endian is supported"));
            }
            _ => return Err(bad("does not start with BTF's magic number 0xeb9f")),
        }
        if bytes.get(2) != Some(&1) {
            return Err(bad("of a version other than 1"));
        }
        let len = word(bytes, 1) as usize;
        if len < 24 || len > bytes.len() {
            return Err(bad(&format!("the header claims {len} bytes of {}", bytes.len())));
        }
        Ok(Header { len, total: bytes.len() })
    }

    /// A part that the header locates, as a range of the section.
    pub(super) fn part(&self, offset: u32, len: u32, what: &str) -> Result<std::ops::Range<usize>, Fault> {
        let start = self.len.checked_add(offset as usize);
        let end = start.and_then(|s| s.checked_add(len as usize));
        match (start, end) {
            (Some(start), Some(end)) if end <= self.total => Ok(start..end),
            _ => Err(bad(&format!("the {what} reach past the end of the section"))),
        }
    }
}

fn record_len(bytes: &[u8], at: usize, end: usize) -> Result<usize, Fault> {
    let header =
        bytes.get(at..end).filter(|b| b.len() >= 12).ok_or_else(|| bad("the last type is cut off"))?;
    let (kind, vlen, _) = split_info(word(header, 1));
    let tail = tail_len(kind, vlen).ok_or_else(|| {
        bad(&format!("type kind {kind} is unknown: the object is newer than Belay, or corrupt"))
    })?;
    let len = 12 + tail as usize;
    if len > header.len() {
        return Err(bad("the last type is cut off"));
    }
    Ok(len)
}

pub(super) fn bad(message: &str) -> Fault {
    Fault::new(ErrorKind::Btf, format!("malformed BTF: {message}"))
}
