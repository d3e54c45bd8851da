//! Answers that were given before. A guest's answers hang on the kernel image and on the archive that it boots from, which
//! holds the judge and every question: where both are the same, there is nothing new to learn from another boot.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::machine::{MachineError, cache, write};
use crate::question::Answer;

/// The place of the answers to one archive on one kernel.
pub(crate) struct Remembered {
    path: PathBuf,
}

impl Remembered {
    pub(crate) fn of(image: &Path, archive: &[u8]) -> Remembered {
        let image = image.file_name().unwrap_or_default().to_string_lossy();
        // (Its keys are fixed: the same in every process.)
        let mut hasher = DefaultHasher::new();
        archive.hash(&mut hasher);
        Remembered { path: cache().join("answers").join(format!("{image}-{:016x}.json", hasher.finish())) }
    }

    pub(crate) fn recall(&self) -> Option<Vec<Answer>> {
        serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()
    }

    pub(crate) fn keep(&self, answers: &[Answer]) -> Result<(), MachineError> {
        let failed = |error| MachineError::Io { doing: format!("write {}", self.path.display()), error };
        std::fs::create_dir_all(self.path.parent().unwrap_or(&self.path)).map_err(failed)?;
        let bytes = serde_json::to_vec(answers).map_err(|error| failed(error.into()))?;
        // Under another name first: a reader sees all of it or nothing.
        let half = self.path.with_extension(std::process::id().to_string());
        write(&half, &bytes)?;
        std::fs::rename(&half, &self.path).map_err(failed)
    }
}
