//! `belay sockets list --follow`: the sockets that there are, then each that comes, changes or goes, until interrupted.
//!
//! Sockets are told apart by their cookie. What comes and goes between two looks is not seen; that a full socket goes is
//! announced by the kernel, and told sooner.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use belay_linux::{Detail, Follower, SnapshotError};
use belay_sockets::SocketInfo;
use serde::Serialize;

use super::super::args::{Format, SocketsListArgs};
use super::filter::Filter;
use super::list::HEADINGS;
use super::record::{Record, columns};
use super::{Error, Exit, Output, Streams, places};

/// Between two readings of what the kernel has announced.
const PAUSE: Duration = Duration::from_millis(50);
/// So many of them between two looks at all sockets.
const READINGS: u32 = 4;
/// Room for each column, since nobody knows what is still to come.
const WIDTHS: [usize; 6] = [5, 10, 24, 24, 8, 0];
/// Shown only where several namespaces are followed.
const NETNS: usize = 4;

/// What happened to a socket.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum What {
    /// It was there before.
    There,
    Came,
    Changed,
    Went,
}

impl What {
    fn mark(self) -> char {
        match self {
            What::There => ' ',
            What::Came => '+',
            What::Changed => '~',
            What::Went => '-',
        }
    }
}

/// A line of JSON.
#[derive(Serialize)]
struct Event<'s> {
    schema: u32,
    event: What,
    socket: &'s Record,
}

/// A socket as it was seen last.
struct Seen {
    info: SocketInfo,
    columns: [String; 6],
    record: Record,
}

/// The sockets of one namespace that are listed, by cookie.
type Known = BTreeMap<u64, Seen>;

pub(super) fn follow(args: &SocketsListArgs, streams: &mut Streams) -> Result<Exit, Error> {
    let failed = |e: SnapshotError| Error::new(e.to_string());
    let places = places(&args.source.netns)?;
    let several = places.len() > 1;
    let mut followed: Vec<(Follower, Known)> = places
        .into_iter()
        .map(|place| Ok((Follower::start(place, Detail::default()).map_err(failed)?, Known::new())))
        .collect::<Result<_, Error>>()?;
    let mut show = Show { out: Output::open(&args.output, streams)?, args, several };
    show.heading()?;
    for (follower, known) in &mut followed {
        show.differences(follower, known, What::There)?;
    }
    for reading in 1_u32.. {
        thread::sleep(PAUSE);
        for (follower, known) in &mut followed {
            let mut changes = follower.catch_up().map_err(failed)?;
            if reading.is_multiple_of(READINGS) {
                let more = follower.refresh().map_err(failed)?;
                changes.added += more.added;
                changes.removed += more.removed;
                changes.changed += more.changed;
            }
            if changes.added + changes.removed + changes.changed > 0 {
                show.differences(follower, known, What::Came)?;
            }
        }
    }
    Ok(Exit::Clean)
}

/// Where and how it is shown.
struct Show<'a, 's> {
    out: Output<'s>,
    args: &'a SocketsListArgs,
    several: bool,
}

impl Show<'_, '_> {
    fn is_json(&self) -> bool {
        self.args.json || self.args.output.format == Format::Json
    }

    fn heading(&mut self) -> Result<(), Error> {
        if self.is_json() || self.args.output.quiet || self.args.output.format != Format::Full {
            return Ok(());
        }
        let line = self.line(' ', &HEADINGS.map(str::to_owned));
        self.out.line(line)
    }

    fn line(&self, mark: char, cells: &[String; 6]) -> String {
        let shown =
            cells.iter().zip(WIDTHS).enumerate().filter(|(column, _)| *column != NETNS || self.several);
        let cells: Vec<String> = shown.map(|(_, (cell, width))| format!("{cell:width$}")).collect();
        format!("{mark} {}", cells.join("  ")).trim_end().to_owned()
    }

    /// Shows in what the sockets differ from those that were known, and knows them from now on. `new`: what is said of
    /// those that were not.
    fn differences(&mut self, follower: &Follower, known: &mut Known, new: What) -> Result<(), Error> {
        let now = listed(follower, self.args)?;
        for (_, gone) in known.iter().filter(|(cookie, _)| !now.contains_key(cookie)) {
            self.event(What::Went, gone)?;
        }
        for (cookie, seen) in &now {
            match known.get(cookie) {
                None => self.event(new, seen)?,
                Some(before) if before.info != seen.info => self.event(What::Changed, seen)?,
                Some(_) => {}
            }
        }
        *known = now;
        self.out.flush()
    }

    fn event(&mut self, what: What, seen: &Seen) -> Result<(), Error> {
        if !self.is_json() {
            let line = self.line(what.mark(), &seen.columns);
            return self.out.line(line);
        }
        let event = Event { schema: belay_diagnostics::json::SCHEMA, event: what, socket: &seen.record };
        // One line an event, for who reads as it comes.
        let text = serde_json::to_string(&event);
        self.out.line(text.map_err(|e| Error::new(format!("cannot write JSON: {e}")))?)
    }
}

/// The sockets that are asked for.
fn listed(follower: &Follower, args: &SocketsListArgs) -> Result<Known, Error> {
    let reader = follower.table().read();
    let filter = Filter::of(args, &reader)?;
    let seen = |socket: &belay_sockets::Socket| Seen {
        info: socket.info(),
        columns: columns(&reader, socket, args.output.verbose),
        record: Record::of(&reader, socket),
    };
    let taken = reader.sockets().filter(|socket| filter.takes(&socket.info()));
    Ok(taken.map(|socket| (socket.cookie(), seen(socket))).collect())
}
