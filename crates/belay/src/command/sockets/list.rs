//! `belay sockets list`: as `ss` would.

use belay_sockets::{Reader, Socket};
use serde::Serialize;

use super::super::args::{Format, SocketsListArgs};
use super::filter::Filter;
use super::record::{Record, columns};
use super::{Error, Exit, Output, Streams, table};

#[derive(Serialize)]
struct Document {
    schema: u32,
    sockets: Vec<Record>,
}

pub(super) const HEADINGS: [&str; 6] =
    ["Netid", "State", "Local Address:Port", "Peer Address:Port", "Netns", "Options"];
/// Shown only where there is more than one.
const NETNS: usize = 4;

pub(super) fn list(args: &SocketsListArgs, streams: &mut Streams) -> Result<Exit, Error> {
    let table = table(&args.source, args.output.quiet, streams)?;
    let reader = table.read();
    let filter = Filter::of(args, &reader)?;
    let found: Vec<&Socket> = reader.sockets().filter(|socket| filter.takes(&socket.info())).collect();
    let mut out = Output::open(&args.output, streams)?;
    if args.json || args.output.format == Format::Json {
        let sockets = found.into_iter().map(|socket| Record::of(&reader, socket)).collect();
        out.json(&Document { schema: belay_diagnostics::json::SCHEMA, sockets })?;
    } else {
        let headed = args.output.format == Format::Full && !args.output.quiet;
        rows(&reader, &found, headed, args.output.verbose, &mut out)?;
    }
    out.finish()?;
    Ok(Exit::Clean)
}

fn rows(
    reader: &Reader<'_>,
    sockets: &[&Socket],
    headed: bool,
    verbose: bool,
    out: &mut Output<'_>,
) -> Result<(), Error> {
    let mut rows: Vec<[String; 6]> = headed.then(|| HEADINGS.map(str::to_owned)).into_iter().collect();
    rows.extend(sockets.iter().map(|socket| columns(reader, socket, verbose)));
    let shown = |column: usize| column != NETNS || reader.netns_ids().nth(1).is_some();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    for row in &rows {
        let cells = row.iter().zip(widths).enumerate().filter(|(column, _)| shown(*column));
        let line: Vec<String> = cells.map(|(_, (cell, width))| format!("{cell:width$}")).collect();
        out.line(line.join("  ").trim_end())?;
    }
    Ok(())
}
