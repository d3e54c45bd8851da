//! Makes a profile of kernels that do not run: `record NAME RELEASE VMLINUX.BTF [MODULE.BTF...] > FILE`.
//!
//! The BTF of a kernel image is the section `.BTF` of its unpacked ELF file, or `/sys/kernel/btf/vmlinux`.

use std::io::Write;

use belay_object::btf::Btf;
use belay_profile::{Facts, KernelProfile, select};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, release, vmlinux, modules @ ..] = &args[..] else {
        return Err("usage: record NAME RELEASE VMLINUX.BTF [MODULE.BTF...] > FILE".into());
    };
    let kernel = Btf::parse(vmlinux, std::fs::read(vmlinux)?)?;
    let modules: Vec<(String, Vec<u8>)> = modules
        .iter()
        .map(|path| Ok((path.clone(), std::fs::read(path)?)))
        .collect::<Result<_, std::io::Error>>()?;
    let types = select(&kernel.with_modules(&modules)?)?;
    let profile = KernelProfile::new(Facts::of(name, release.parse()?), types);
    std::io::stdout().write_all(&profile.write())?;
    Ok(())
}
