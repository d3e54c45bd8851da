//! The packets of a capture, one after the other, on a thread of their own: so that what a program prints can be shown
//! while it runs.

use std::sync::mpsc::{SyncSender, sync_channel};

use belay_object::{Object, Program};
use belay_scenario::capture::Captured;
use belay_scenario::{Host, Ran, Runners, Summary, printed_types};
use belay_sockets::SocketTable;
use belay_vm::{Fired, Machine, Maps};

use super::dump::Dumps;
use super::report::Row;
use crate::command::Error;

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;
/// Events that wait to be shown before the program waits.
const WAITING: usize = 64;

/// What is run on what.
pub(super) struct Runs<'a> {
    pub(super) object: &'a Object,
    pub(super) runners: &'a Runners,
    pub(super) maps: &'a Maps,
    pub(super) sockets: &'a SocketTable,
    pub(super) packets: &'a [Captured],
    pub(super) program: &'a Program,
    /// The program for packets that leave.
    pub(super) egress: Option<&'a Program>,
}

/// What there is to show.
pub(super) enum Event {
    /// A line that the program has printed, on its way through the next packet.
    Printed(String),
    /// A timer's callback is through.
    Timer(Box<Fired>),
    /// A packet is through.
    Packet(Box<Row>),
}

impl Runs<'_> {
    /// Runs all packets, and hands on at once what there is to show; the first error of whoever shows it ends the runs.
    pub(super) fn each(
        &self,
        dumps: &mut Dumps<'_>,
        mut show: impl FnMut(Event) -> Result<(), Error>,
    ) -> Result<(), Error> {
        std::thread::scope(|scope| {
            let (sender, events) = sync_channel(WAITING);
            scope.spawn(move || self.all(dumps, &sender));
            // Going away, it takes the channel along, and the thread stops at its next event.
            events.into_iter().try_for_each(&mut show)
        })
    }

    fn all(&self, dumps: &mut Dumps<'_>, events: &SyncSender<Event>) {
        let hosts = Host::of(self.sockets);
        let mut machine = Machine::new(self.sockets.clone());
        machine.types = printed_types(self.object);
        let printed = events.clone();
        machine.on_print(move |line| {
            // Where nobody watches any more, the packet's own event ends the runs.
            let _ = printed.send(Event::Printed(line.to_owned()));
        });
        let first = self.packets.first().map_or(0, |packet| packet.time_ns);
        for (number, captured) in (1..).zip(self.packets) {
            let summary = Summary::of(&captured.bytes);
            let leaves = summary.source.is_some_and(|source| hosts.has(source));
            let chosen = self.egress.filter(|_| leaves).unwrap_or(self.program);
            let elapsed = captured.time_ns.saturating_sub(first);
            for fired in machine.advance_to(self.maps, SECOND.saturating_add(elapsed)) {
                if events.send(Event::Timer(Box::new(fired))).is_err() {
                    return;
                }
            }
            let outcome = match hosts.packet(&captured.bytes) {
                Ok(mut packet) => self.runners.run(&chosen.name, &mut machine, &mut packet),
                Err(why) => Ran::not_run(why),
            };
            dumps.read_records();
            let leaves = self.egress.map(|_| leaves);
            let row =
                Row::new(number, elapsed, captured, leaves, summary, &outcome, self.sockets, self.object);
            if events.send(Event::Packet(Box::new(row))).is_err() {
                return;
            }
        }
    }
}
