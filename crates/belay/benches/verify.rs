//! Time from the parsed object to the verdict: the products, golden programs of each kind, and the corpus if it is built.
//!
//! ```text
//! cargo bench -p belay --bench verify [-- FILTER]
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_object::Object;
use belay_verifier::{Options, verify};
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};

/// What is always measured, from the root of the repository: the products, and one program of each kind of work.
const OBJECTS: &[&str] = &[
    "bpf/firewall.bpf.o",
    "bpf/steer.bpf.o",
    "tests/programs/lifetime/correct-tcp.bpf.o",
    "tests/programs/lifetime/fault-leak-one-branch.bpf.o",
    "tests/programs/callbacks/every-element.bpf.o",
    "tests/programs/calls/global-function.bpf.o",
];

fn object(path: &Path, name: &str) -> Object {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Object::parse(name, &bytes, &belay_object::Options::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// All programs of an object, one after the other.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, object: &Object) {
    let options = Options::default();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for program in &object.programs {
                std::hint::black_box(verify(object, program, &options));
            }
        });
    });
}

fn ours(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut group = criterion.benchmark_group("ours");
    for name in OBJECTS {
        measure(&mut group, name, &object(&root.join(name), name));
    }
}

/// Every object that `tests/corpus/build` built.
fn corpus(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("corpus");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200));
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/belay-corpus"));
    let Some(cache) = std::env::var_os("BELAY_CORPUS").map(PathBuf::from).or(home) else { return };
    let Ok(entries) = std::fs::read_dir(cache.join("objects")) else {
        eprintln!("skipped: no corpus in {}: tests/corpus/build builds it", cache.display());
        return;
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".bpf.o"));
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        measure(&mut group, &name, &object(&path, &name));
    }
}

criterion_group!(benches, ours, corpus);
criterion_main!(benches);
