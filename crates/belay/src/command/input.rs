//! Files, objects, and the choice of a program.

use std::fs::File;
use std::io::Read;

use belay_diagnostics::printable;
use belay_object::{Object, Options, Program};
use belay_verifier::Kernel;

use super::{Error, Streams};

/// The largest file that is read: objects, captures and tables are far smaller.
const LARGEST: u64 = 1 << 30;

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read(path: &str, streams: &mut Streams) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = if path == "-" {
        streams.stdin.by_ref().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        let open = |path: &str| -> std::io::Result<File> {
            let file = File::open(path)?;
            if file.metadata()?.is_dir() {
                return Err(std::io::Error::other("is a directory"));
            }
            Ok(file)
        };
        open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    read.map_err(|e| Error::file(name(path), format!("cannot be read: {}", os_message(&e))))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::file(name(path), format!("is longer than {LARGEST} bytes")));
    }
    Ok(bytes)
}

/// As [`read`], a text.
pub(crate) fn read_text(path: &str, streams: &mut Streams) -> Result<String, Error> {
    String::from_utf8(read(path, streams)?).map_err(|e| {
        Error::file(
            name(path),
            format!("is not text: invalid UTF-8 at byte {}", e.utf8_error().valid_up_to()),
        )
    })
}

/// The operating system's words, in the style of messages.
fn os_message(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text).to_owned();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// What a path is called in messages.
pub(crate) fn name(path: &str) -> &str {
    if path == "-" { "<stdin>" } else { path }
}

/// Reads an object: ELF or assembly text.
pub(crate) fn object(path: &str, streams: &mut Streams) -> Result<Object, Error> {
    let bytes = read(path, streams)?;
    Object::parse(name(path), &bytes, &Options::default()).map_err(|e| Error::new(printable(&e.to_string())))
}

/// An object as each of several kernels' loaders sees it: CO-RE relocations differ.
pub(crate) struct ReadObject {
    objects: Vec<Object>,
}

impl ReadObject {
    /// Reads the bytes of an object for these kernels.
    pub(crate) fn of(path: &str, bytes: &[u8], kernels: &[Kernel]) -> Result<ReadObject, Error> {
        let read = |kernel: &Kernel| {
            Object::parse(name(path), bytes, &kernel.profile().object_options())
                .map_err(|e| Error::new(printable(&e.to_string())))
        };
        Ok(ReadObject { objects: kernels.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// As the kernel of that place sees it.
    pub(crate) fn for_kernel(&self, index: usize) -> Option<&Object> {
        self.objects.get(index)
    }
}

/// The programs that `names` picks; all of them if there are no names.
pub(crate) fn programs<'o>(object: &'o Object, names: &[String]) -> Result<Vec<&'o Program>, Error> {
    if names.is_empty() {
        if object.programs.is_empty() && object.broken.is_empty() {
            return Err(Error::file(&object.path, "holds no programs"));
        }
        return Ok(object.programs.iter().collect());
    }
    names.iter().map(|name| program_named(object, name)).collect()
}

/// The program to run: the one of that name, or the only one.
pub(crate) fn one_program<'o>(object: &'o Object, wanted: Option<&str>) -> Result<&'o Program, Error> {
    if let Some(wanted) = wanted {
        return program_named(object, wanted);
    }
    match object.programs.as_slice() {
        [only] if object.broken.is_empty() => Ok(only),
        [] => match object.broken.first() {
            Some(broken) => Err(Error::new(printable(&broken.error.to_string()))),
            None => Err(Error::file(&object.path, "holds no programs")),
        },
        _ => Err(Error::file(
            &object.path,
            format!("holds several programs ({}): choose one with `--program`", listed(object)),
        )),
    }
}

fn program_named<'o>(object: &'o Object, name: &str) -> Result<&'o Program, Error> {
    if let Some(program) = object.programs.iter().find(|program| program.name == name) {
        return Ok(program);
    }
    if let Some(broken) = object.broken.iter().find(|broken| broken.name == name) {
        return Err(Error::new(printable(&broken.error.to_string())));
    }
    Err(Error::file(&object.path, format!("holds no program `{name}`; it has {}", listed(object))))
}

fn listed(object: &Object) -> String {
    let all = object.programs.iter().map(|p| &p.name).chain(object.broken.iter().map(|b| &b.name));
    let names: Vec<String> = all.take(20).map(|name| format!("`{}`", printable(name))).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
