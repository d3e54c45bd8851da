//! Five programs on Belay, its peers, and the kernel's JIT.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench runtime [-- NAME]`, as root for the kernel's column.

use std::os::fd::AsFd;
use std::sync::Arc;

use belay_bench::peers::sbpf::sbpf;
use belay_bench::peers::{self, Table, region};
use belay_bench::programs::{PROGRAMS, Program, packet};
use belay_bench::{Subject, measure};
use belay_linux::{LogLevel, TestRun, test_run, verify_object};
use belay_object::Object;
use belay_sockets::SocketTable;
use belay_verifier::{Verdict, Verified, verify};
use belay_vm::{Compiled, Interpreter, Machine, Maps, Packet};

fn main() {
    let mut rows = Vec::new();
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    for program in PROGRAMS.into_iter().filter(|program| program.name.contains(&wanted)) {
        let (names, times) = row(&program);
        rows.push((program.name, names, times));
        eprintln!("{} measured", program.name);
    }
    let Some((_, names, _)) = rows.first() else { return };
    println!("| nanoseconds a run | {} |", names.join(" | "));
    println!("| --- |{}", " ---: |".repeat(names.len()));
    for (name, _, times) in &rows {
        let times: Vec<String> = times.iter().map(|time| format!("{time:.1}")).collect();
        println!("| {name} | {} |", times.join(" | "));
    }
}

fn proof(object: &Object) -> Verified {
    match verify(object, &object.programs[0], &belay_verifier::Options::default()).verdict {
        Verdict::Accept(verified) => *verified,
        verdict => panic!("{verdict:?}"),
    }
}

fn row(program: &Program) -> (Vec<&'static str>, Vec<f64>) {
    let object = program.xdp();
    let verified = proof(&object);
    let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
    let frame = packet();

    let native = Compiled::new(&verified, Arc::clone(&maps)).expect("it is compiled");
    let interpreter = Interpreter::new(&verified, maps).expect("it runs");
    let (mut first, mut second) = (machine(), machine());
    let (mut here, mut there) =
        (Packet::new(&frame).expect("a frame"), Packet::new(&frame).expect("a frame"));
    let expected = native.run(&mut first, &mut here).r0;
    assert_eq!(interpreter.run(&mut second, &mut there).r0, expected, "{}", program.name);
    if let Some(result) = program.result {
        assert_eq!(u64::from(expected), result, "{}", program.name);
    }

    let raw = program.raw();
    let table = program.map.unwrap_or(Table::Shared);
    let (mut jit, mut cranelift) = (peers::rbpf(&raw, table), peers::rbpf(&raw, table));
    let mut regions = [region(&frame), region(&frame)];
    let [region_a, region_b] = &mut regions;
    jit.jit_compile().unwrap_or_else(|e| panic!("rbpf: {e}"));
    // Its Cranelift refuses to follow the address that a look-up returns, by a trap that ends the process.
    let has_cranelift = program.map.is_none() && cranelift.cranelift_compile().is_ok();
    // SAFETY: the program was verified above, in its other form, and the region is what it expects.
    let by_rbpf = unsafe { jit.execute_program_jit(region_of(region_a)) }.expect("it runs");
    assert_eq!(by_rbpf as u32, expected, "{}", program.name);

    // Its programs cannot follow what a look-up returns where their addresses are checked.
    let mut unchecked = sbpf(&raw, table, region(&frame), false);
    let mut checked = program.map.is_none().then(|| sbpf(&raw, table, region(&frame), true));
    for run in std::iter::once(&mut unchecked as &mut dyn FnMut() -> u64)
        .chain(checked.as_mut().map(|run| run as &mut dyn FnMut() -> u64))
    {
        assert_eq!(run() as u32, expected, "{}", program.name);
    }

    let loaded = verify_object(&object, LogLevel::Stats).ok();
    let mut subjects = vec![
        Subject::new("Belay JIT", || {
            std::hint::black_box(native.run(&mut first, &mut here).r0);
        }),
        Subject::new("Belay interpreter", || {
            drop(std::hint::black_box(interpreter.run(&mut second, &mut there)))
        }),
        Subject::new("rbpf JIT", || {
            // SAFETY: as above.
            let result = unsafe { jit.execute_program_jit(region_of(region_a)) };
            drop(std::hint::black_box(result));
        }),
    ];
    if has_cranelift {
        subjects.push(Subject::new("rbpf Cranelift", || {
            drop(std::hint::black_box(cranelift.execute_program_cranelift(region_of(region_b))));
        }));
    }
    subjects.push(Subject::new("sbpf JIT, unchecked", || {
        std::hint::black_box(unchecked());
    }));
    if let Some(checked) = &mut checked {
        subjects.push(Subject::new("sbpf JIT", || {
            std::hint::black_box(checked());
        }));
    }
    let kernel = loaded.as_ref().and_then(|loaded| loaded.program("bench")?.verdict.accepted());
    if let Some(kernel) = kernel {
        let frame = &frame;
        let batch = move |repeat: u32| {
            let run = TestRun { data_in: frame, repeat, ..TestRun::default() };
            f64::from(test_run(kernel.as_fd(), &run).expect("it runs").duration_ns)
        };
        subjects.push(Subject { name: "kernel JIT", batch: Box::new(batch) });
    }
    let times = measure(&mut subjects);
    let columns = [
        "Belay JIT",
        "Belay interpreter",
        "rbpf JIT",
        "rbpf Cranelift",
        "sbpf JIT, unchecked",
        "sbpf JIT",
        "kernel JIT",
    ];
    let of = |name: &str| {
        subjects.iter().position(|subject| subject.name == name).map_or(f64::NAN, |at| times[at])
    };
    (columns.to_vec(), columns.iter().map(|name| of(name)).collect())
}

/// The peers want the region for as long as they live; a benchmark hands out the same one again and again.
fn region_of<'r>(region: &mut [u8]) -> &'r mut [u8] {
    // SAFETY: the region outlives the machines, and no two of these are in use at a time.
    unsafe { std::slice::from_raw_parts_mut(region.as_mut_ptr(), region.len()) }
}

/// A machine as a data plane has it: nothing is written down.
fn machine() -> Machine {
    let mut machine = Machine::new(SocketTable::empty());
    machine.recording = false;
    machine
}
