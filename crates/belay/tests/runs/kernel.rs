//! A case in the running kernel.

use std::os::fd::AsFd;

use belay_linux::{Exist, LoadedObject, LogLevel, TestRun, test_run, verify_object};
use belay_object::Object;

use crate::case::{Case, Entry, Marks, Outcome, Output};
use crate::tables::{HookRow, MAPS};

/// `struct __sk_buff`: its size, and where the fields are that a test run takes and gives back.
const SK_BUFF: usize = 192;
const MARK: usize = 8;
const PRIORITY: usize = 32;
const CB: usize = 48;
/// An Ethernet header, which the kernel gives back to hooks above it, too, as zeros.
const ETHERNET: usize = 14;

/// Whether user space can read the entries of a map.
pub(crate) fn is_compared(map: &str) -> bool {
    map == "out" || map == "inner" || MAPS.iter().any(|row| row.name == map && row.user)
}

/// A value as user space writes it: the same for each CPU where each has its own.
pub(crate) fn for_all(value: &[u8], size: usize) -> Vec<u8> {
    if size == value.len() {
        return value.to_vec();
    }
    let mut one = value.to_vec();
    one.resize(value.len().next_multiple_of(8), 0);
    one.repeat(size / one.len())
}

/// Loads a case, or says why the kernel refuses it.
pub(crate) fn load(object: &Object) -> Result<LoadedObject, String> {
    let loaded = verify_object(object, LogLevel::Off).map_err(|e| e.to_string())?;
    if loaded.programs.iter().all(|program| program.verdict.accepted().is_some()) {
        return Ok(loaded);
    }
    // Once more, for the reason.
    let told = verify_object(object, LogLevel::Stats).map_err(|e| e.to_string())?;
    let refused = told.programs.iter().find(|program| program.verdict.accepted().is_none());
    Err(refused.map_or("refused".to_owned(), |program| match &program.verdict {
        belay_linux::Verdict::Reject(rejected) => rejected.to_string(),
        other => format!("{other:?}"),
    }))
}

/// Runs a loaded case.
pub(crate) fn run(case: &Case, loaded: &LoadedObject) -> Result<Outcome, String> {
    let hook = case.hook().ok_or("no such hook")?;
    let cpus = crate::processors();
    for entry in &case.fills {
        let map = loaded.maps.by_name(&entry.map).ok_or("no such map")?;
        let per_cpu = MAPS.iter().any(|row| row.name == entry.map && row.per_cpu);
        let size = if per_cpu { entry.value.len().next_multiple_of(8) * cpus } else { entry.value.len() };
        map.update(&entry.key, &for_all(&entry.value, size), Exist::Any).map_err(|e| e.to_string())?;
    }
    let program = loaded.programs.first().and_then(|program| program.verdict.accepted());
    let program = program.ok_or("not loaded")?;
    let mut outputs = Vec::new();
    for input in &case.inputs {
        let context = if hook.is_skb() { context(&input.marks) } else { Vec::new() };
        let run = TestRun { data_in: &input.frame, ctx_in: &context, ..TestRun::default() };
        let result = test_run(program.as_fd(), &run).map_err(|e| format!("test run: {e:?}"))?;
        outputs.push(output(hook, &result));
    }
    Ok(Outcome { outputs, entries: entries(loaded)? })
}

fn context(marks: &Marks) -> Vec<u8> {
    let mut context = vec![0; SK_BUFF];
    let mut put = |off: usize, value: u32| context[off..off + 4].copy_from_slice(&value.to_ne_bytes());
    put(MARK, marks.mark);
    put(PRIORITY, marks.priority);
    marks.cb.iter().enumerate().for_each(|(index, word)| put(CB + 4 * index, *word));
    context
}

fn output(hook: &HookRow, result: &belay_linux::TestRunResult) -> Output {
    let get = |off: usize| {
        let bytes = result.ctx_out.get(off..off + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_ne_bytes)
    };
    let marks =
        Marks { mark: get(MARK), priority: get(PRIORITY), cb: [0, 1, 2, 3, 4].map(|i| get(CB + 4 * i)) };
    let start = if hook.is_above_link_layer() { ETHERNET } else { 0 };
    let packet = result.data_out.get(start..).unwrap_or_default().to_vec();
    Output { returned: result.retval, marks, packet }
}

fn entries(loaded: &LoadedObject) -> Result<Vec<Entry>, String> {
    let mut all = Vec::new();
    for map in loaded.maps.iter().filter(|map| is_compared(map.name())) {
        let mut key = map.next_key(None).map_err(|e| e.to_string())?;
        while let Some(this) = key {
            let value = map.lookup(&this).map_err(|e| e.to_string())?;
            key = map.next_key(Some(&this)).map_err(|e| e.to_string())?;
            let Some(value) = value else { continue };
            all.push(Entry { map: map.name().to_owned(), key: this, value });
        }
    }
    all.sort();
    Ok(all)
}
