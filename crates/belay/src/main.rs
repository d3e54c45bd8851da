//! The `belay` command: see [`belay::command`].

use std::process::ExitCode;

use belay::command::{Streams, run};

fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os(), &mut Streams::of_the_process()) as u8)
}
