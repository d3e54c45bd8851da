//! Objects of the kernel's own tests (never committed): each must parse, and each of its programs must link.

use std::path::PathBuf;

use belay_object::{Attach, Object, Options};

#[test]
fn every_program_of_the_corpus_links() {
    let Some(objects) = corpus() else { return };
    let (mut programs, mut faults) = (0, Vec::new());
    for path in &objects {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).expect("the corpus is readable");
        match Object::parse(&name, &bytes, &Options::default()) {
            Ok(object) => {
                programs += object.programs.len();
                faults.extend(object.broken.iter().map(|b| b.error.to_string()));
                let unknown = object.programs.iter().filter(|p| p.attach == Attach::Unknown);
                faults.extend(
                    unknown.map(|p| format!("{name}: `{}` of unknown section `{}`", p.name, p.section)),
                );
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    eprintln!("{} objects, {programs} programs", objects.len());
}

fn corpus() -> Option<Vec<PathBuf>> {
    let home = std::env::var("HOME").unwrap_or_default();
    let dir = PathBuf::from(home).join(".cache/belay-corpus/objects");
    let mut objects: Vec<PathBuf> = match std::fs::read_dir(&dir) {
        Ok(entries) => entries
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.extension().is_some_and(|e| e == "o"))
            .collect(),
        Err(_) => Vec::new(),
    };
    objects.sort();
    if objects.is_empty() {
        let required = std::env::var("BELAY_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|r| r == "corpus"), "no corpus in {}", dir.display());
        eprintln!("skipped: no corpus in {}", dir.display());
        return None;
    }
    Some(objects)
}
