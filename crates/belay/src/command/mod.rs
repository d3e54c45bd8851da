//! The `belay` command, as a function of its arguments and streams, so that tests can call it.
//!
//! # Conventions
//! - Exit: 0 accepted or clean, 1 rejected or findings, 2 usage, input or internal error. A closed pipe is 0.
//! - The report of a verb is data and goes to stdout; what is wrong with the input or the arguments goes to stderr, or
//!   in JSON mode to stdout, as JSON.
//! - Messages: lower case, no full stop, code in backticks, the file first, what to do last.

mod args;
mod disasm;
mod error;
mod explain;
mod input;
mod kernel;
mod output;
mod profile;
mod run;
mod sockets;
mod test;
mod verify;

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};

use clap::Parser;
use clap::error::ErrorKind;

use args::{Arguments, KernelVerb, Verb};
pub use error::Error;
use output::{Output, json_error};

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Accepted, or nothing found.
    Clean = 0,
    /// Rejected, or something found.
    Findings = 1,
    /// Wrong usage, unusable input, or an error of Belay's own.
    Error = 2,
}

/// The streams of the command.
pub struct Streams {
    /// What `-` reads.
    pub stdin: Box<dyn Read>,
    /// Data.
    pub stdout: Box<dyn Write>,
    /// Diagnostics of the command itself.
    pub stderr: Box<dyn Write>,
    /// Whether stdout is a terminal that takes colours.
    pub colors: bool,
}

impl Streams {
    /// Those of the process. Colour only on a terminal, and not with `NO_COLOR` or `TERM=dumb`.
    pub fn of_the_process() -> Streams {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Streams {
            stdin: Box::new(std::io::stdin()),
            stdout: Box::new(std::io::stdout().lock()),
            stderr: Box::new(std::io::stderr().lock()),
            colors: std::io::stdout().is_terminal() && wanted && !dumb,
        }
    }
}

/// Runs the command line `args`, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>, streams: &mut Streams) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&args) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error, &args, streams),
    };
    let json = arguments.wants_json();
    match dispatch(arguments, streams) {
        Ok(exit) => exit,
        Err(Error::ClosedPipe) => Exit::Clean,
        Err(Error::Message(message)) => {
            // Nowhere is left to report that reporting failed.
            let _ = if json {
                json_error(&mut streams.stdout, &message)
            } else {
                writeln!(streams.stderr, "belay: error: {message}")
            };
            Exit::Error
        }
    }
}

fn dispatch(arguments: Arguments, streams: &mut Streams) -> Result<Exit, Error> {
    match arguments.verb {
        Verb::Verify(args) => verify::verify(&args, streams),
        Verb::Run(args) => run::run(&args, streams),
        Verb::Test(args) => test::test(&args, streams),
        Verb::Disasm(args) => disasm::disasm(&args, streams),
        Verb::Explain(args) => explain::explain(&args, streams),
        Verb::Sockets(verb) => sockets::sockets(&verb, streams),
        Verb::Kernel(KernelVerb::Verify(args)) => kernel::verify(&args, streams),
        Verb::Kernel(KernelVerb::Profile(args)) => profile::record(&args, streams),
    }
}

/// `--help` and `--version` are data; everything else that clap says is an error.
fn usage(error: &clap::Error, args: &[OsString], streams: &mut Streams) -> Exit {
    let help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let text = if streams.colors { error.render().ansi().to_string() } else { error.render().to_string() };
    if help && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = streams.stdout.write_all(text.as_bytes());
        return Exit::Clean;
    }
    let _ = if output::asked_for_json(args) {
        let message = error.render().to_string();
        json_error(&mut streams.stdout, message.trim().trim_start_matches("error: "))
    } else {
        streams.stderr.write_all(text.as_bytes())
    };
    Exit::Error
}
