//! `belay sockets`: which sockets there are, on this host or in a file, and which one a packet would find.

mod dump;
mod filter;
mod follow;
mod list;
mod lookup;
mod record;

use std::io::Write;

use belay_linux::{Detail, Origin, Place, Snapshot, snapshot};
use belay_sockets::SocketTable;

use super::args::{SocketSource, SocketsVerb};
use super::{Error, Exit, Output, Streams, input};

pub(super) fn sockets(verb: &SocketsVerb, streams: &mut Streams) -> Result<Exit, Error> {
    match verb {
        SocketsVerb::List(args) if args.follow => follow::follow(args, streams),
        SocketsVerb::List(args) => list::list(args, streams),
        SocketsVerb::Dump(args) => dump::dump(args, streams),
        SocketsVerb::Lookup(args) => lookup::lookup(args, streams),
    }
}

/// The table of a source: the file's, or a snapshot of the namespaces that are named.
fn table(source: &SocketSource, quiet: bool, streams: &mut Streams) -> Result<SocketTable, Error> {
    match &source.sockets {
        Some(path) => {
            let text = input::read_text(path, streams)?;
            SocketTable::from_toml(input::name(path), &text).map_err(|e| Error::new(e.to_string()))
        }
        None => taken(&source.netns, Detail::default(), quiet, streams),
    }
}

/// These namespaces; our own if none is named.
fn places(namespaces: &[String]) -> Result<Vec<Place>, Error> {
    let named = |which: &String| Place::named(which).map_err(|e| Error::new(e.to_string()));
    match namespaces {
        [] => Ok(vec![Place::host()]),
        names => names.iter().map(named).collect(),
    }
}

/// A snapshot of these namespaces, of our own if none is named. What it could not read is told on standard error.
fn taken(
    namespaces: &[String],
    detail: Detail,
    quiet: bool,
    streams: &mut Streams,
) -> Result<SocketTable, Error> {
    let Snapshot { table, origin, left_out } =
        snapshot(&places(namespaces)?, detail).map_err(|e| Error::new(e.to_string()))?;
    if !quiet {
        let inferred = match origin {
            Origin::Read => None,
            Origin::Inferred(why) => {
                Some(format!("`reuseport` and `reuseaddr` are inferred, not read ({why})"))
            }
        };
        let lost = left_out.iter().map(|left| {
            let info = &left.info;
            let remote = info.remote.map(|remote| format!(" <- {remote}")).unwrap_or_default();
            format!("left out: {} {} {}{remote}: {}", info.protocol, info.state, info.local, left.why)
        });
        for note in inferred.into_iter().chain(lost) {
            writeln!(streams.stderr, "belay: note: {note}").map_err(|e| Error::output(&e))?;
        }
    }
    Ok(table)
}
