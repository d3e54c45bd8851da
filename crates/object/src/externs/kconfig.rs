//! Values of `__kconfig` variables: options of the kernel's configuration, and facts that libbpf makes up
//! (`LINUX_KERNEL_VERSION`, `LINUX_HAS_BPF_COOKIE`, `LINUX_HAS_SYSCALL_WRAPPER`).

use std::cell::OnceCell;
use std::collections::HashMap;
use std::io::Read;

use crate::btf::{Btf, Kind, TypeId};
use crate::error::{ErrorKind, Fault};

/// Longest value in bytes that an extern may have: the kernel's configuration has strings of a few hundred.
pub(super) const LONGEST: u32 = 512;

/// Largest configuration file that is read, unpacked; real ones have 300 kB.
const LARGEST_FILE: u64 = 16 << 20;

/// The configuration of the kernel that the object is for, read when first asked for.
pub(crate) struct KernelConfig<'o> {
    given: Option<&'o str>,
    version: Option<u32>,
    options: OnceCell<Option<HashMap<String, String>>>,
}

impl<'o> KernelConfig<'o> {
    /// The text of a configuration, and `LINUX_KERNEL_VERSION`; what is not given is the running kernel's.
    pub(crate) fn new(given: Option<&'o str>, version: Option<u32>) -> KernelConfig<'o> {
        KernelConfig { given, version, options: OnceCell::new() }
    }

    /// The value of an option as written, none if it is not set or no configuration is at hand.
    fn option(&self, name: &str) -> Option<&str> {
        let read = || Some(parse(&self.given.map(str::to_owned).or_else(running_config)?));
        self.options.get_or_init(read).as_ref()?.get(name).map(String::as_str)
    }

    fn known(&self) -> bool {
        self.option("");
        matches!(self.options.get(), Some(Some(_)))
    }

    fn version(&self) -> Option<u32> {
        self.version.or_else(running_version)
    }
}

/// The bytes of a `.kconfig` variable.
pub(super) fn value(
    config: &KernelConfig<'_>,
    btf: &Btf,
    name: &str,
    ty: TypeId,
    size: u32,
    weak: bool,
) -> Result<Vec<u8>, Fault> {
    let fault = |message: String| Fault::new(ErrorKind::Extern, message).symbol(name).section(".kconfig");
    let zeroes = || vec![0; size as usize];
    if name == "LINUX_KERNEL_VERSION" {
        let version =
            config.version().ok_or_else(|| fault("the kernel's version is unknown: give it".to_owned()))?;
        return number(btf, ty, size, u64::from(version)).map_err(fault);
    }
    if name.starts_with("LINUX_") {
        // Both are older than the oldest kernel that Belay knows.
        return match name {
            "LINUX_HAS_BPF_COOKIE" | "LINUX_HAS_SYSCALL_WRAPPER" => number(btf, ty, size, 1).map_err(fault),
            _ if weak => Ok(zeroes()),
            _ => Err(fault("libbpf makes up no value of that name".to_owned())),
        };
    }
    let Some(text) = config.option(name) else {
        return match (weak, config.known()) {
            (true, _) => Ok(zeroes()),
            (false, true) => {
                Err(fault("the kernel's configuration does not set it; declare it `__weak`".to_owned()))
            }
            (false, false) => {
                Err(fault("no kernel configuration is at hand: give one, or declare it `__weak`".to_owned()))
            }
        };
    };
    parse_value(btf, ty, size, text).map_err(fault)
}

fn parse_value(btf: &Btf, ty: TypeId, size: u32, text: &str) -> Result<Vec<u8>, String> {
    let stripped = btf.strip(ty);
    if let Some(quoted) = text.strip_prefix('"') {
        let quoted = quoted.strip_suffix('"').unwrap_or(quoted);
        return match stripped.kind {
            Kind::Array { element, .. } if btf.size_of(element) == Some(1) => {
                // Cut, as libbpf does, so that a zero byte ends it.
                let room = (size as usize).saturating_sub(1);
                let mut bytes: Vec<u8> = quoted.bytes().take(room).collect();
                bytes.resize(size as usize, 0);
                Ok(bytes)
            }
            _ => Err(format!("the option is the string {text}, so declare it as an array of `char`")),
        };
    }
    let tristate = ["n", "y", "m"].iter().position(|&t| t == text);
    if let Some(state) = tristate {
        return match stripped.kind {
            Kind::Int { boolean: true, .. } if state < 2 => number(btf, ty, size, state as u64),
            Kind::Enum { .. } => number(btf, ty, size, state as u64),
            Kind::Int { size: 1, boolean: false, .. } => {
                text.bytes().next().map(|b| vec![b]).ok_or_else(|| "is empty".to_owned())
            }
            _ => {
                Err(format!("the option is `{text}`, so declare it `enum libbpf_tristate`, `bool` or `char`"))
            }
        };
    }
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse::<i64>().map(i64::cast_unsigned).ok().or_else(|| text.parse().ok()),
    };
    match (parsed, &stripped.kind) {
        (Some(value), Kind::Int { boolean: false, .. }) => number(btf, ty, size, value),
        _ => Err(format!("the option is `{text}`, which its type cannot hold")),
    }
}

/// An integer in the variable's width.
fn number(btf: &Btf, ty: TypeId, size: u32, value: u64) -> Result<Vec<u8>, String> {
    let signed = match btf.strip(ty).kind {
        Kind::Int { signed, .. } | Kind::Enum { signed, .. } => signed,
        _ => return Err("its type is no integer".to_owned()),
    };
    let bits = 8 * size.min(8);
    let fits = match (bits, signed) {
        (64, _) => true,
        (_, true) => (value.cast_signed() << (64 - bits)) >> (64 - bits) == value.cast_signed(),
        (_, false) => value >> bits == 0,
    };
    if !fits {
        return Err(format!("the value {value} does not fit in {size} bytes"));
    }
    let mut bytes: Vec<u8> = value.to_le_bytes().into_iter().take(size as usize).collect();
    bytes.resize(size as usize, 0);
    Ok(bytes)
}

fn parse(text: &str) -> HashMap<String, String> {
    let option = |line: &str| {
        let (name, value) = line.trim().split_once('=')?;
        name.starts_with("CONFIG_").then(|| (name.to_owned(), value.to_owned()))
    };
    text.lines().filter_map(option).collect()
}

/// The running kernel's configuration: `/boot/config-RELEASE`, else `/proc/config.gz`, in libbpf's order.
fn running_config() -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut text = String::new();
    if let Ok(file) = std::fs::File::open(format!("/boot/config-{}", release.trim())) {
        file.take(LARGEST_FILE).read_to_string(&mut text).ok()?;
    } else {
        let packed = std::fs::File::open("/proc/config.gz").ok()?;
        flate2::read::GzDecoder::new(packed).take(LARGEST_FILE).read_to_string(&mut text).ok()?;
    }
    Some(text)
}

/// The running kernel's version as `KERNEL_VERSION(a, b, c)` packs it.
fn running_version() -> Option<u32> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|p| p.parse::<u32>().ok());
    let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0));
    Some(major.checked_mul(1 << 16)?.checked_add(minor.min(255) << 8)?.checked_add(patch.min(255)))?
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn options_are_lines_with_an_equals_sign() {
        let options = parse("# CONFIG_X is not set\nCONFIG_HZ=1000\nCONFIG_A=\"b=c\"\nother=1\n");
        assert_eq!(options.get("CONFIG_HZ").map(String::as_str), Some("1000"));
        assert_eq!(options.get("CONFIG_A").map(String::as_str), Some("\"b=c\""));
        assert_eq!(options.len(), 2);
    }
}
