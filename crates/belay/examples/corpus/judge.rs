//! Judges the programs of one object: Belay, or the running kernel through Belay's loader.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use belay_object::{Object, Program};
use belay_profile::KernelProfile;
use belay_spec::{MapKind, Release};
use belay_verifier::{Options, Verdict, verify};

use crate::area::areas;
use crate::case::{Answer, Case, Counts};
use crate::record::{Linux, Record, kernel_verdict};
use crate::{Failure, read};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    Belay,
    Kernel,
}

impl Judge {
    pub(crate) fn named(name: &str) -> Result<Judge, String> {
        match name {
            "belay" => Ok(Judge::Belay),
            "kernel" => Ok(Judge::Kernel),
            other => Err(format!("no judge `{other}`: `belay` or `kernel`")),
        }
    }
}

/// Reads an object as the programs that load it make it: those of the corpus give maps that have no size one entry, or
/// one page.
pub(crate) fn parse(path: &str, bytes: &[u8], judge: Judge) -> Result<Object, String> {
    // Ids of the kernel's types are those of whoever judges.
    let options = match judge {
        Judge::Belay => KernelProfile::builtin(Release::V6_18).object_options(),
        Judge::Kernel => belay_object::Options::default(),
    };
    let mut object = Object::parse(path, bytes, &options).map_err(|e| e.to_string())?;
    for map in &mut object.maps {
        if map.max_entries == 0 {
            map.max_entries = entries(map.kind);
        }
    }
    Ok(object)
}

fn entries(kind: MapKind) -> u32 {
    match kind {
        MapKind::RINGBUF | MapKind::USER_RINGBUF => 4096,
        // These size themselves, and want no number.
        MapKind::SK_STORAGE
        | MapKind::INODE_STORAGE
        | MapKind::TASK_STORAGE
        | MapKind::CGRP_STORAGE
        | MapKind::CGROUP_STORAGE
        | MapKind::PERCPU_CGROUP_STORAGE
        | MapKind::PERF_EVENT_ARRAY
        | MapKind::STRUCT_OPS => 0,
        _ => 1,
    }
}

/// The answers for the programs of the object that there are verdicts of. They share the time limit.
pub(crate) fn judge(
    path: &Path,
    records: Vec<Record>,
    judge: Judge,
    limit: Duration,
) -> Result<Vec<Case>, Failure> {
    let bytes = read(path)?;
    let path = path.display().to_string();
    let failed = match caught(|| parse(&path, &bytes, judge)) {
        Ok(Ok(object)) => return Ok(judge_object(Arc::new(object), records, judge, limit)),
        Ok(Err(error)) => Answer::Broken(error),
        Err(panic) => Answer::Panic(panic),
    };
    let case = |record: Record| Case {
        areas: areas(&record.object, None),
        answer: failed.clone(),
        record,
        ns: 0,
        counts: None,
    };
    Ok(records.into_iter().map(case).collect())
}

fn judge_object(object: Arc<Object>, records: Vec<Record>, judge: Judge, limit: Duration) -> Vec<Case> {
    let until = Instant::now() + limit;
    let case = |record: Record| {
        let index = object.programs.iter().position(|program| program.name == record.program);
        let (answer, counts, ns) = match index {
            Some(index) => within(until, judge, &object, index),
            None => {
                let broken = object.broken.iter().find(|broken| broken.name == record.program);
                let why = broken.map_or("no such program".to_string(), |broken| broken.error.to_string());
                (Answer::Broken(why), None, 0)
            }
        };
        let program = index.and_then(|index| object.programs.get(index));
        Case { areas: areas(&record.object, program), answer, record, ns, counts }
    };
    records.into_iter().map(case).collect()
}

/// The answer, if it comes in time; a judge that takes too long goes on in the background.
fn within(until: Instant, judge: Judge, object: &Arc<Object>, index: usize) -> Judged {
    let (send, receive) = channel();
    let object = Arc::clone(object);
    std::thread::spawn(move || {
        let answer = caught(|| match object.programs.get(index) {
            Some(program) => answer(judge, &object, program),
            None => (Answer::Broken("no such program".to_string()), None, 0),
        });
        // Nobody listens any more after the limit.
        let _ = send.send(answer.unwrap_or_else(|panic| (Answer::Panic(panic), None, 0)));
    });
    receive
        .recv_timeout(until.saturating_duration_since(Instant::now()))
        .unwrap_or_else(|_| (Answer::Panic("no answer in time".to_string()), None, 0))
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text =
            panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        text.unwrap_or("a panic without a message").to_string()
    })
}

/// The judge's answer, what it walked, and how long it took in nanoseconds.
type Judged = (Answer, Option<Counts>, u64);

fn answer(judge: Judge, object: &Object, program: &Program) -> Judged {
    match judge {
        Judge::Belay => {
            let start = Instant::now();
            let (answer, counts) = belay_verdict(object, program);
            (answer, Some(counts), u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
        }
        Judge::Kernel => {
            let Linux { verdict, reason, ns, stats } = kernel_verdict(object, &program.name);
            let answer = match verdict {
                "accept" => Answer::Accept,
                "reject" => Answer::Reject { code: String::new(), message: reason },
                _ => Answer::Unsupported(reason),
            };
            (answer, stats.map(|stats| (stats.insns_processed, stats.total_states)), ns)
        }
    }
}

/// What Belay judges by.
pub(crate) fn options() -> Options {
    Options { processors: belay_linux::possible_processors(), ..Options::from(Release::V6_18) }
}

/// Belay's verdict on one program.
fn belay_verdict(object: &Object, program: &Program) -> (Answer, Counts) {
    let judged = verify(object, program, &options());
    let answer = match judged.verdict {
        Verdict::Accept(_) => Answer::Accept,
        Verdict::Reject(rejection) => {
            Answer::Reject { code: rejection.code.to_string(), message: rejection.fault.to_string() }
        }
        Verdict::Unsupported { what, .. } => Answer::Unsupported(what),
    };
    (answer, (judged.stats.insns_processed, judged.stats.states))
}
