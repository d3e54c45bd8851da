//! From the bytes of a file to an [`Object`]: the order of the steps, and what each needs of the ones before.

use std::sync::Arc;

use crate::btf::{Btf, Ext};
use crate::core::Core;
use crate::elf::Elf;
use crate::error::{Error, Fault};
use crate::externs::kconfig::KernelConfig;
use crate::externs::{self, Externs};
use crate::maps::{self, Maps};
use crate::program::{BrokenProgram, Object};
use crate::{kernel_form, link, text};

/// What the object is read for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Types of the kernel that CO-RE relocations are resolved against. None: the running kernel's, from
    /// `/sys/kernel/btf/vmlinux`. Asked for only if the object has such relocations.
    pub kernel_btf: Option<KernelBtf>,
    /// The kernel's configuration (`CONFIG_HZ=250` and so on), for `__kconfig` variables. None: the running kernel's.
    pub kernel_config: Option<String>,
    /// `LINUX_KERNEL_VERSION`: major << 16 | minor << 8 | patch. None: the running kernel's.
    pub kernel_version: Option<u32>,
}

/// A kernel's types, made when they are first asked for.
#[derive(Clone)]
pub struct KernelBtf(Arc<dyn Fn() -> Arc<Btf> + Send + Sync>);

impl KernelBtf {
    /// Types that are made, or unpacked, by this function.
    pub fn lazy(make: impl Fn() -> Arc<Btf> + Send + Sync + 'static) -> KernelBtf {
        KernelBtf(Arc::new(make))
    }

    /// The types.
    pub(crate) fn get(&self) -> Arc<Btf> {
        (self.0)()
    }
}

impl From<Arc<Btf>> for KernelBtf {
    fn from(btf: Arc<Btf>) -> KernelBtf {
        KernelBtf::lazy(move || btf.clone())
    }
}

impl std::fmt::Debug for KernelBtf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KernelBtf")
    }
}

impl Object {
    /// Reads an object: an ELF file as clang makes it, or else assembly text.
    ///
    /// # Errors
    /// What makes the whole object useless: it is neither ELF nor text, its BTF is malformed, a map's definition is wrong.
    /// A fault that concerns one program puts that program into [`Object::broken`].
    pub fn parse(path: &str, bytes: &[u8], options: &Options) -> Result<Object, Error> {
        let object = match bytes.starts_with(b"\x7fELF") {
            true => read_elf(path, bytes, options),
            false => text::read(path, bytes),
        };
        let mut object = object.map_err(|fault| fault.at(path))?;
        for program in &mut object.programs {
            program.name_kfuncs(&object.externs);
        }
        Ok(object)
    }
}

fn read_elf(path: &str, bytes: &[u8], options: &Options) -> Result<Object, Fault> {
    let elf = Elf::read(bytes)?;
    let (btf, ext) = read_types(&elf)?;
    let name = object_name(path);
    let config = KernelConfig::new(options.kernel_config.as_deref(), options.kernel_version);
    let (externs, btf) = match btf {
        Some(btf) => externs::collect(btf, &elf, &config).map(|(externs, btf)| (externs, Some(btf)))?,
        None => (Externs::default(), None),
    };
    let mut maps = Maps::read(&elf, btf.as_ref(), name)?;
    if let Some(contents) = externs.kconfig.clone() {
        maps.push(maps::kconfig(name, contents, btf.as_ref()));
    }
    let core = Core::new(btf.as_ref(), &ext, options.kernel_btf.clone());
    let linked = link::link(&elf, btf.as_ref(), &ext, &maps, &externs, core)?;

    let (mut programs, mut broken) = (Vec::new(), Vec::new());
    for link::Linked { name, section, result } in linked {
        match result {
            Ok(program) => programs.push(program),
            Err(fault) => {
                let error = fault.at(path);
                broken.push(BrokenProgram { name: name.to_owned(), section: section.to_owned(), error });
            }
        }
    }
    if let Some(btf) = &btf {
        crate::guarded::note(&mut maps.defs, btf);
    }
    Ok(Object {
        path: path.to_owned(),
        license: license(&elf),
        programs,
        maps: maps.defs,
        externs: externs.all,
        btf: btf.map(Arc::new),
        broken,
    })
}

/// The types in the kernel's form, and what `.BTF.ext` says of instructions.
fn read_types(elf: &Elf<'_>) -> Result<(Option<Btf>, Ext), Fault> {
    let Some(section) = elf.section(".BTF") else { return Ok((None, Ext::default())) };
    let btf = Btf::read(section.data.to_vec()).map_err(|f| f.section(".BTF"))?;
    let ext = match elf.section(".BTF.ext") {
        Some(section) => Ext::read(section.data, &btf).map_err(|f| f.section(".BTF.ext"))?,
        None => Ext::default(),
    };
    let btf = kernel_form::mend(btf, elf).map_err(|f| f.section(".BTF"))?;
    Ok((Some(btf), ext))
}

/// The text of the `license` section up to its first zero byte, at most 127 bytes as the kernel takes it.
fn license(elf: &Elf<'_>) -> String {
    let bytes = elf.section("license").map_or(&[][..], |s| s.data);
    let text: Vec<u8> = bytes.iter().copied().take(127).take_while(|&b| b != 0).collect();
    String::from_utf8_lossy(&text).into_owned()
}

/// libbpf's name of an object: the file's, up to its first dot.
pub(crate) fn object_name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file)
}
