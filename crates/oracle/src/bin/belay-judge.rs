//! The first process of a guest: has its kernel asked every question, writes each answer to a serial line, and turns the
//! machine off. See the library's documentation.
//!
//! A second process of the same program asks, so that a question that takes too long can be given up: a signal ends the
//! kernel's walk.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use belay_isa::Slot;
use belay_linux::{Load, LogLevel, Stats, load, verify_programs};
use belay_object::{Object, Options};
use belay_oracle::{Answer, Question, Verdict, What, wire};
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot};

type Failure = Box<dyn std::error::Error>;

/// How long one question may take. The slowest programs walk a million instructions.
const LIMIT: Duration = Duration::from_secs(100);

fn main() {
    let from = std::env::args().nth(1).and_then(|number| number.parse().ok());
    if let Some(from) = from {
        if let Err(failure) = ask(from) {
            eprintln!("belay-judge: {failure}");
        }
        return;
    }
    if std::process::id() != 1 {
        eprintln!(
            "belay-judge runs as the first process of a virtual machine: `cargo test -p belay --test releases`"
        );
        std::process::exit(2);
    }
    // The console tells what the answers cannot.
    if let Err(failure) = supervise() {
        eprintln!("belay-judge: {failure}");
    }
    // Nothing is left to do if this fails: the kernel panics when its first process ends, and the machine stops.
    let _ = reboot(RebootCommand::PowerOff);
}

fn questions() -> Result<Vec<Question>, Failure> {
    let text = std::fs::read_to_string(format!("/{}", wire::QUESTIONS))?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// Has everything asked, and gives up what takes too long.
fn supervise() -> Result<(), Failure> {
    for (kind, place) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        mount(kind, place, kind, MountFlags::empty(), None)?;
    }
    let mut out = OpenOptions::new().write(true).open(wire::ANSWERS)?;
    let count = questions()?.len();
    let mut next = 0;
    while next < count {
        let mut asker = Command::new("/init").arg(next.to_string()).stdout(Stdio::piped()).spawn()?;
        let lines = asker.stdout.take().map(BufReader::new).ok_or("the asker has no output")?.lines();
        let (send, receive) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        // An asker says `+` before it asks each question.
        let mut asking = next;
        let why = loop {
            match receive.recv_timeout(LIMIT) {
                Ok(line) if line == "+" => asking = next,
                Ok(line) if line == "-" => next += 1,
                Ok(line) => writeln!(out, "{line}")?,
                Err(RecvTimeoutError::Timeout) => break format!("no answer in {} s", LIMIT.as_secs()),
                Err(RecvTimeoutError::Disconnected) => break "the asker ended".to_owned(),
            }
        };
        // It may have ended by itself.
        let _ = asker.kill();
        asker.wait()?;
        if next < count {
            let given_up = Answer { reason: why, ..unjudged(asking, "") };
            writeln!(out, "{}", serde_json::to_string(&given_up)?)?;
            next = asking + 1;
        }
    }
    writeln!(out, "{}", wire::END)?;
    Ok(())
}

/// Asks the questions from that number on.
fn ask(from: usize) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for (number, question) in questions()?.iter().enumerate().skip(from) {
        writeln!(out, "+")?;
        for answer in answers(number, question) {
            writeln!(out, "{}", serde_json::to_string(&answer)?)?;
        }
        writeln!(out, "-")?;
    }
    Ok(())
}

fn answers(number: usize, question: &Question) -> Vec<Answer> {
    let level = if question.full_log { LogLevel::Verbose } else { LogLevel::Stats };
    match &question.what {
        What::Object { path, programs, .. } => of_object(number, path, programs, level),
        What::Slots { prog_type, code } => vec![of_slots(number, *prog_type, code, level)],
    }
}

fn of_object(number: usize, path: &str, wanted: &[String], level: LogLevel) -> Vec<Answer> {
    let one = |why: String| vec![Answer { reason: why, ..unjudged(number, "") }];
    let bytes = match std::fs::read(format!("/{}/{number}", wire::OBJECTS)) {
        Ok(bytes) => bytes,
        Err(error) => return one(error.to_string()),
    };
    let object = match Object::parse(path, &bytes, &Options::default()) {
        Ok(object) => object,
        Err(error) => return one(error.to_string()),
    };
    let is_wanted = |name: &String| wanted.is_empty() || wanted.contains(name);
    let loaded = match verify_programs(&object, level, |program| is_wanted(&program.name)) {
        Ok(loaded) => loaded,
        Err(error) => return one(error.to_string()),
    };
    let judged = loaded.programs.iter().map(|program| {
        let blank = unjudged(number, &program.name);
        match &program.verdict {
            belay_linux::Verdict::Accept(loaded) => {
                accepted(blank, loaded.stats, loaded.time_ns, &loaded.log, level)
            }
            belay_linux::Verdict::Reject(rejected) => refused(blank, rejected, level),
            belay_linux::Verdict::Unjudged(why) => Answer { reason: why.clone(), ..blank },
        }
    });
    let broken = object.broken.iter().filter(|broken| is_wanted(&broken.name));
    let broken =
        broken.map(|broken| Answer { reason: broken.error.to_string(), ..unjudged(number, &broken.name) });
    judged.chain(broken).collect()
}

fn of_slots(number: usize, prog_type: u32, code: &[u8], level: LogLevel) -> Answer {
    let slots: Vec<Slot> =
        code.chunks_exact(8).filter_map(|slot| Some(Slot::from_le_bytes(slot.try_into().ok()?))).collect();
    let blank = unjudged(number, "");
    match load(&Load { prog_type, insns: &slots, log: level, name: "bare", ..Load::default() }) {
        Ok(loaded) => accepted(blank, loaded.stats, loaded.time_ns, &loaded.log, level),
        Err(rejected) => refused(blank, &rejected, level),
    }
}

fn unjudged(question: usize, program: &str) -> Answer {
    Answer {
        question,
        program: program.to_owned(),
        verdict: Verdict::Unjudged,
        errno: String::new(),
        reason: String::new(),
        log: String::new(),
        processed: 0,
        states: 0,
        time_ns: 0,
    }
}

fn accepted(blank: Answer, stats: Option<Stats>, time_ns: u64, log: &str, level: LogLevel) -> Answer {
    counted(Answer { verdict: Verdict::Accept, time_ns, log: kept(log, level), ..blank }, stats)
}

fn refused(blank: Answer, rejected: &belay_linux::Rejected, level: LogLevel) -> Answer {
    let answer = Answer {
        verdict: Verdict::Reject,
        errno: rejected.errno.to_string(),
        reason: rejected.reason().to_owned(),
        time_ns: rejected.time_ns,
        log: kept(&rejected.log, level),
        ..blank
    };
    counted(answer, rejected.stats)
}

fn counted(answer: Answer, stats: Option<Stats>) -> Answer {
    let stats = stats.unwrap_or_default();
    Answer { processed: stats.insns_processed, states: stats.total_states, ..answer }
}

fn kept(log: &str, level: LogLevel) -> String {
    if level == LogLevel::Verbose { log.to_owned() } else { String::new() }
}
