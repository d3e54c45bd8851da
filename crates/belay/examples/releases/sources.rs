//! What is asked: our own programs, the corpus if it is there, random programs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use belay_oracle::Question;

use crate::generate;
use crate::near;
use crate::random::Random;

/// A file, and the areas that its programs are counted in.
pub(crate) struct Source {
    /// As it is shown.
    pub(crate) name: String,
    /// `lifetime`, `corpus`, `random`.
    pub(crate) area: String,
    /// What is asked in one boot.
    pub(crate) batch: u64,
    /// The file's name for the reader, and its bytes.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl Source {
    pub(crate) fn question(&self) -> Question {
        Question::object(&self.path, self.bytes.clone())
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every object and text of the repository.
pub(crate) fn own() -> Vec<Source> {
    let mut found = BTreeSet::new();
    let mut directories = vec![root().join("bpf"), root().join("tests/programs")];
    while let Some(directory) = directories.pop() {
        let entries =
            std::fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                directories.push(path);
            } else if name.ends_with(".bpf.o") || name.ends_with(".s") {
                found.insert(path);
            }
        }
    }
    let area = |path: &Path| {
        let directory = path.parent().and_then(Path::file_name).unwrap_or_default();
        directory.to_string_lossy().into_owned()
    };
    found.iter().map(|path| read(path, &area(path), 0)).collect()
}

/// The corpus' objects; none if it is not there.
pub(crate) fn corpus() -> Vec<Source> {
    let cache = match (std::env::var_os("BELAY_CORPUS"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, home) => PathBuf::from(home.unwrap_or_default()).join(".cache/belay-corpus"),
    };
    let objects = std::fs::read_dir(cache.join("objects")).into_iter().flatten().flatten();
    let is_object = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "o");
    let objects: BTreeSet<PathBuf> = objects.map(|entry| entry.path()).filter(is_object).collect();
    objects.iter().map(|path| read(path, "corpus", 1)).collect()
}

/// Random programs of the differential test, each accepted-looking one with some near misses.
pub(crate) fn random(seeds: std::ops::Range<u64>) -> Vec<Source> {
    let mut sources = Vec::new();
    for seed in seeds {
        let mut random = Random::new(seed);
        let text = generate::program(&mut random);
        let miss = near::amiss(&mut random, &text);
        for (text, what) in [(text, ""), (miss, " amiss")] {
            sources.push(Source {
                name: format!("seed {seed}{what}"),
                area: "random".to_owned(),
                batch: 2 + seed / 1000,
                path: "random.s".to_owned(),
                bytes: text.into_bytes(),
            });
        }
    }
    sources
}

fn read(path: &Path, area: &str, batch: u64) -> Source {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Source {
        name: path.strip_prefix(root()).unwrap_or(path).display().to_string(),
        area: area.to_owned(),
        batch,
        path: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes,
    }
}
