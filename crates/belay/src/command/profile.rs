//! `belay kernel profile`: what the running kernel allows, as a file; and the kernels that `--kernel` names.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use belay_linux::{Recorder, record_profile};
use belay_profile::KernelProfile;
use belay_spec::Release;
use belay_verifier::Kernel;

use super::args::{KernelProfileArgs, Kernels};
use super::{Error, Exit, Streams, input};

/// The kernels that the flag names: releases, else files.
pub(super) fn kernels(args: &Kernels, streams: &mut Streams) -> Result<Vec<Kernel>, Error> {
    args.names.iter().map(|name| kernel(name, streams)).collect()
}

fn kernel(name: &str, streams: &mut Streams) -> Result<Kernel, Error> {
    let unknown = match name.parse::<Release>() {
        Ok(release) => return Ok(Kernel::BuiltIn(release)),
        Err(unknown) => unknown,
    };
    if name != "-" && !std::path::Path::new(name).exists() {
        return Err(Error::new(format!("{unknown}, or a file that `belay kernel profile` recorded")));
    }
    let bytes = input::read(name, streams)?;
    let profile = KernelProfile::read(input::name(name), &bytes).map_err(Error::new)?;
    Ok(Kernel::Recorded(Arc::new(profile)))
}

pub(super) fn record(args: &KernelProfileArgs, streams: &mut Streams) -> Result<Exit, Error> {
    if args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Error::new(
            "a profile is no text: redirect standard output, or name a file with `--output`",
        ));
    }
    let Recorder { profile, missing } = record_profile().map_err(Error::new)?;
    let bytes = profile.write();
    match &args.output {
        Some(path) => std::fs::write(path, &bytes).map_err(|e| Error::file(path, e))?,
        None => streams.stdout.write_all(&bytes).map_err(|e| Error::output(&e))?,
    }
    let told = std::iter::once(format!(
        "linux {}: {} types, {} kernel functions, helpers of {} hooks, {} bytes",
        profile.name(),
        profile.btf().len(),
        profile.kfuncs().count(),
        profile.facts().helpers.len(),
        bytes.len()
    ));
    for line in told.chain(missing.into_iter().map(|missing| format!("not recorded: {missing}"))) {
        writeln!(streams.stderr, "belay: {line}").map_err(|e| Error::output(&e))?;
    }
    Ok(Exit::Clean)
}
