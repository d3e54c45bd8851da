//! What scenarios refer to: files, objects and verdicts. Each is read or reached once, however many scenarios want it.

use std::collections::HashMap;
use std::fs::File;
use std::hash::Hash;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use belay_diagnostics::printable;
use belay_object::{Object, Options};
use belay_sockets::Place;
use belay_spec::Release;
use belay_verifier::{Judgement, verify};

use super::ScenarioError;

/// The largest file that is read: objects, captures and tables are far smaller.
const LARGEST: u64 = 1 << 28;

/// Values by key, each made once; who asks while it is made waits.
type Once<K, V> = Mutex<HashMap<K, Arc<OnceLock<V>>>>;

/// The shared part of a run of many scenarios.
#[derive(Debug, Default)]
pub struct Library {
    objects: Once<PathBuf, Result<Arc<Object>, String>>,
    judgements: Once<(usize, String, Release), Arc<Judgement>>,
    /// Objects that judgements refer to by address: they must stay where they are.
    kept: Mutex<Vec<Arc<Object>>>,
}

impl Library {
    /// The object in a file.
    pub(crate) fn object(&self, path: &Path) -> Result<Arc<Object>, String> {
        once(&self.objects, path.to_owned(), || {
            let bytes = read(path)?;
            let name = path.display().to_string();
            let object = Object::parse(&name, &bytes, &Options::default());
            object.map(Arc::new).map_err(|e| printable(&e.to_string()))
        })
    }

    /// The verdict on a program of an object.
    pub(crate) fn judge(
        &self,
        object: &Arc<Object>,
        program: &str,
        release: Release,
    ) -> Option<Arc<Judgement>> {
        let found = object.programs.iter().find(|p| p.name == program)?;
        let address = Arc::as_ptr(object) as usize;
        Some(once(&self.judgements, (address, program.to_owned(), release), || {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(object));
            Arc::new(verify(object, found, &release.into()))
        }))
    }
}

fn once<K: Eq + Hash, V: Clone>(values: &Once<K, V>, key: K, make: impl FnOnce() -> V) -> V {
    let slot = {
        let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(values.entry(key).or_default())
    };
    slot.get_or_init(make).clone()
}

/// The bytes of a regular file.
///
/// # Errors
/// Says what is wrong with it, without its name.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {}", words(&error));
    let file = File::open(path).map_err(cannot)?;
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err("cannot be read: is no file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("is longer than {LARGEST} bytes"));
    }
    Ok(bytes)
}

/// As [`read`], a text.
///
/// # Errors
/// Likewise.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    text(read(path)?).map_err(|(_, why)| why)
}

/// A scenario's text; what is wrong has its place.
pub(crate) fn read_scenario(file: &str, path: &Path) -> Result<String, ScenarioError> {
    let error =
        |before: &str, message| ScenarioError { place: Place::of(file, before, before.len()), message };
    let bytes = read(path).map_err(|why| error("", why))?;
    text(bytes).map_err(|(before, why)| error(&before, why))
}

/// Bytes as text; else what is before the first that is none, and what is wrong.
fn text(bytes: Vec<u8>) -> Result<String, (String, String)> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
        (before, format!("is not text: invalid UTF-8 at byte {valid}"))
    })
}

/// The operating system's words, in the style of messages.
fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text).to_owned();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
