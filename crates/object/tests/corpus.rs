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

#[test]
fn mutated_corpus_objects_never_panic() {
    let Some(objects) = corpus() else { return };
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut random = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % limit.max(1)
    };
    let options = Options { kernel_config: Some(String::new()), ..Options::default() };
    for path in &objects {
        let original = std::fs::read(path).expect("the corpus is readable");
        // Large objects are types mostly: fewer rounds for the same time.
        for _ in 0..(2_000_000 / original.len()).clamp(2, 40) {
            let mut bytes = original.clone();
            for _ in 0..8 {
                let at = random(bytes.len());
                bytes[at] = u8::try_from(random(256)).expect("a byte");
            }
            let _ = Object::parse("mutated.o", &bytes, &options);
        }
    }
}
