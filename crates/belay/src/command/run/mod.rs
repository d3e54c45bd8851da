//! `belay run`: verify, then run on every packet of a capture, with the sockets of a file.
//!
//! A run is deterministic: the program's clock shows the packet's time in the capture (from one second on, as if the
//! machine had just booted), random numbers start from the same seed for every packet, and there is one CPU.

mod dump;
mod live;
mod report;

use std::sync::Arc;

use belay_diagnostics::{concise, full, printable};
use belay_object::{Object, Program};
use belay_scenario::capture::{self, Captured};
use belay_scenario::{Runners, fill, needed, on_packets};
use belay_sockets::SocketTable;
use belay_verifier::{Options, Verdict, Verified, verify as judge};
use belay_vm::Maps;

use super::args::{Format, RunArgs};
use super::verify::{diagnostic, report as program_report};
use super::{Error, Exit, Output, Streams, input};
use dump::Dumps;
use live::{Event, Runs};
use report::{Document, Timer, Totals};

pub(super) fn run(args: &RunArgs, streams: &mut Streams) -> Result<Exit, Error> {
    let standard_inputs = [Some(&args.object), Some(&args.packets), args.sockets.as_ref()];
    if standard_inputs.iter().flatten().filter(|path| **path == "-").count() > 1 {
        return Err(Error::new("standard input (`-`) can be only one of object, packets and sockets"));
    }
    let object = input::object(&args.object, streams)?;
    let program = input::one_program(&object, args.program.as_deref())?;
    let egress = args.egress.as_deref().map(|name| input::one_program(&object, Some(name))).transpose()?;
    let wanted: Vec<&Program> = std::iter::once(program).chain(egress).collect();
    for program in &wanted {
        on_packets(program).map_err(|why| Error::file(&object.path, printable(&why)))?;
    }
    let packets = packets(&args.packets, streams)?;
    let sockets = sockets(args.sockets.as_deref(), streams)?;
    let maps = Maps::from_defs(&object.maps).map_err(|e| Error::file(&object.path, e))?;
    for assignment in &args.maps {
        fill_map(assignment, &object, &maps, streams)?;
    }
    let maps = Arc::new(maps);

    let mut dumps = Dumps::new(&args.dumps, &object, &maps)?;

    let mut document = Document::new(&object, program, args);
    let mut rejected = Vec::new();
    let mut proofs = Vec::new();
    if !args.unverified {
        for program in needed(&object, &wanted) {
            let judgement = judge(&object, program, &Options::from(args.kernel));
            let told = diagnostic(&object, program, &judgement, args.kernel);
            document.verified.push(program_report(
                program,
                &judgement,
                told.as_ref(),
                &args.kernel.to_string(),
            ));
            rejected.extend(told);
            match judgement.verdict {
                Verdict::Accept(proof) => proofs.push(*proof),
                Verdict::Reject(_) => {}
                Verdict::Unsupported { what, pc } => {
                    let at = pc.map_or_else(String::new, |pc| format!(" at instruction {pc}"));
                    let how = "; `--unverified` runs it in the checked interpreter";
                    let name = printable(&program.name);
                    return Err(Error::file(&object.path, format!("`{name}`: unsupported: {what}{at}{how}")));
                }
            }
        }
    }
    if !rejected.is_empty() {
        return refuse(args, streams, &rejected, document);
    }
    let wanted = needed(&object, &wanted);
    let runners = runners(args, &object, &wanted, &proofs, &maps)?;

    let mut out = Output::open(&args.output, streams)?;
    let (json, quiet) = (args.output.format == Format::Json, args.output.quiet);
    document.runner = Some(runners.name());
    if !json && !quiet {
        out.line(report::header(egress.is_some()))?;
    }
    let mut totals = Totals::default();
    let runs = Runs {
        object: &object,
        runners: &runners,
        maps: &maps,
        sockets: &sockets,
        packets: &packets,
        program,
        egress,
    };
    runs.each(&mut dumps, |event| match event {
        // In the report they stand beside their packet; so they do where only findings are shown.
        Event::Printed(_) if json || quiet => Ok(()),
        Event::Printed(line) => {
            out.line(report::printed(&line))?;
            out.flush()
        }
        Event::Timer(fired) => {
            let timer = Timer::new(*fired, &object);
            totals.add_timer(&timer);
            if json {
                document.timers.push(timer);
                return Ok(());
            }
            timer.print(&mut out)
        }
        Event::Packet(row) => {
            totals.add(&row);
            if json {
                document.packets.push(*row);
                return Ok(());
            }
            row.print(&mut out, quiet)
        }
    })?;
    totals.unbalanced = belay_scenario::describe::unbalanced(&sockets);
    let exit = if totals.is_clean() || args.exit_zero { Exit::Clean } else { Exit::Findings };
    if json {
        document.summary = Some(totals);
        document.maps = dumps.into_json()?;
        out.json(&document)?;
    } else {
        totals.print(&mut out)?;
        dumps.print(&mut out)?;
    }
    out.finish()?;
    Ok(exit)
}

/// What the programs run on: native code, unless something else was asked for or there is none for this machine.
fn runners(
    args: &RunArgs,
    object: &Object,
    programs: &[&Program],
    proofs: &[Verified],
    maps: &Arc<Maps>,
) -> Result<Runners, Error> {
    let proofs: Vec<&Verified> = proofs.iter().collect();
    let runners = if args.unverified || args.checked {
        Runners::checked(programs, object, maps, args.kernel, args.budget)
    } else if args.interpreter {
        Runners::verified(&proofs, object, maps)
    } else if args.jit {
        Runners::compiled(&proofs, object, maps)
    } else {
        Runners::compiled(&proofs, object, maps).or_else(|_| Runners::verified(&proofs, object, maps))
    };
    runners.map_err(|e| Error::file(&object.path, e))
}

/// A rejected program is not run: its diagnostics, and exit 1.
fn refuse(
    args: &RunArgs,
    streams: &mut Streams,
    rejected: &[belay_diagnostics::Diagnostic],
    document: Document,
) -> Result<Exit, Error> {
    let exit = if args.exit_zero { Exit::Clean } else { Exit::Findings };
    if args.output.format == Format::Json {
        let mut out = Output::open(&args.output, streams)?;
        out.json(&document)?;
        out.finish()?;
        return Ok(exit);
    }
    let style = belay_diagnostics::Style {
        color: streams.colors && args.output.color == super::args::Color::Auto
            || args.output.color == super::args::Color::Always,
        instructions: args.output.verbose,
    };
    for diagnostic in rejected {
        let text = match args.output.format {
            Format::Concise => concise::render(diagnostic) + "\n",
            Format::Full | Format::Json => full::render(diagnostic, style),
        };
        streams.stderr.write_all(text.as_bytes()).map_err(|e| Error::output(&e))?;
    }
    writeln!(
        streams.stderr,
        "belay: rejected, so it was not run; `--unverified` runs it in the checked interpreter"
    )
    .map_err(|e| Error::output(&e))?;
    Ok(exit)
}

fn packets(path: &str, streams: &mut Streams) -> Result<Vec<Captured>, Error> {
    let bytes = input::read(path, streams)?;
    capture::read(&bytes).map_err(|why| Error::file(input::name(path), why))
}

fn sockets(path: Option<&str>, streams: &mut Streams) -> Result<SocketTable, Error> {
    let Some(path) = path else { return Ok(SocketTable::empty()) };
    let text = input::read_text(path, streams)?;
    SocketTable::from_toml(input::name(path), &text).map_err(|e| Error::new(printable(&e.to_string())))
}

fn fill_map(assignment: &str, object: &Object, maps: &Maps, streams: &mut Streams) -> Result<(), Error> {
    let (name, path) = assignment
        .split_once('=')
        .ok_or_else(|| Error::new(format!("`--map {assignment}`: write `--map NAME=FILE`")))?;
    let text = input::read_text(path, streams)?;
    fill::fill(object, maps, name, input::name(path), &text).map_err(|why| Error::new(printable(&why)))?;
    Ok(())
}
