//! The running kernel's own words on a program, every instruction that it walks and every mark that it sets among them:
//! what to compare with when Belay walks another number of instructions.
//!
//! ```text
//! cargo run -p belay --example kernel_log -- OBJECT PROGRAM
//! ```

use std::process::ExitCode;

use belay_linux::{LogLevel, Verdict, verify_programs};
use belay_object::{Object, Options};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [path, name] = words.as_slice() else {
        eprintln!("usage: kernel_log OBJECT PROGRAM");
        return Ok(ExitCode::from(2));
    };
    let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
    let object = Object::parse(path, &bytes, &Options::default()).map_err(|e| format!("{path}: {e}"))?;
    let mut loaded = verify_programs(&object, LogLevel::Verbose, |program| program.name == *name)?;
    match loaded.programs.pop().map(|program| program.verdict) {
        Some(Verdict::Accept(loaded)) => print!("{}", loaded.log),
        Some(Verdict::Reject(rejected)) => print!("{}", rejected.log),
        Some(Verdict::Unjudged(why)) => return Err(format!("not judged: {why}").into()),
        None => return Err(format!("{path}: no program `{name}`").into()),
    }
    Ok(ExitCode::SUCCESS)
}
