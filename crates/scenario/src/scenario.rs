//! A scenario as the runners need it: everything is read, named things are found, bytes are bytes.

use std::sync::Arc;

use belay_diagnostics::printable;
use belay_object::Object;
use belay_sockets::{Place, SocketId, SocketTable};
use belay_spec::Release;
use belay_vm::Task;
use belay_vm::routes::Routes;

use crate::event::{Event, Field, Kind, PACKET, Wish};
use crate::packet::Layer;

/// Packets and other events, the world that they come into, and what is expected.
#[derive(Debug)]
pub struct Scenario {
    /// The file without its endings; of one of several in a file, followed by `::` and its own name.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    pub(crate) object: Arc<Object>,
    /// The programs that packets and events go to; at least one.
    pub(crate) programs: Vec<String>,
    pub(crate) release: Release,
    /// Not verified: only the checked interpreter runs it.
    pub(crate) unverified: bool,
    /// Instructions after which the checked interpreter stops a run.
    pub(crate) budget: u64,
    pub(crate) sockets: Option<SocketTable>,
    pub(crate) routes: Option<Routes>,
    pub(crate) fills: Vec<Fill>,
    /// By time.
    pub(crate) steps: Vec<Step>,
    /// The code by which verification shall refuse the first program.
    pub(crate) reject: Option<(Place, String)>,
    /// How often each action shall occur.
    pub(crate) actions: Option<(Place, Vec<(String, u64)>)>,
    /// What shall hold after the last packet.
    pub(crate) at_end: Vec<Expectation>,
    /// Maps in which the kernel may differ: their contents depend on its clock or its random numbers.
    pub(crate) kernel_differs: Vec<String>,
}

/// What a map holds before the first packet.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) place: Place,
    pub(crate) map: String,
    pub(crate) entries: Entries,
}

/// Entries as they were given.
#[derive(Debug)]
pub(crate) enum Entries {
    /// In a file of their own.
    File { path: String, text: String },
    /// In the scenario, each with its place.
    Inline(Vec<(Place, toml::Table)>),
}

/// One packet, or another event, through one program.
#[derive(Debug)]
pub(crate) struct Step {
    /// What kind of event; none for a packet.
    pub(crate) kind: Option<&'static Kind>,
    /// Among those of its kind in the file, from 1.
    pub(crate) number: usize,
    pub(crate) name: Option<String>,
    pub(crate) place: Place,
    pub(crate) program: String,
    pub(crate) event: Event,
    /// Since the start.
    pub(crate) time_ns: u64,
    /// Whether the time was given in the scenario.
    pub(crate) timed: bool,
    /// Who caused it; nobody in particular if not given.
    pub(crate) task: Option<Box<Task>>,
    /// Whether every reference must be given back.
    pub(crate) balanced: bool,
    pub(crate) expect: Vec<Expectation>,
}

impl Step {
    /// What it is called in a file.
    pub(crate) fn word(&self) -> &'static str {
        self.kind.map_or(PACKET, |kind| kind.word)
    }

    /// `packet 2 (syn)`, `connect 1`.
    pub(crate) fn title(&self) -> String {
        let name = self.name.as_ref().map_or_else(String::new, |name| format!(" ({})", printable(name)));
        format!("{} {}{name}", self.word(), self.number)
    }
}

/// Something that shall hold.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) place: Place,
    pub(crate) what: What,
}

/// What shall hold.
#[derive(Debug)]
pub(crate) enum What {
    /// The program returns this.
    Action(i32),
    /// The whole frame afterwards.
    Frame(Vec<u8>),
    /// The frame is as it was.
    Unchanged,
    /// Bytes of the frame at an offset.
    Bytes { offset: usize, bytes: Vec<u8> },
    /// These fields of these layers.
    Fields(Vec<Layer>),
    /// The sockets that lookups find, in order.
    Lookups(Vec<Wanted>),
    /// The socket that the packet is given to.
    Assigned(Wanted),
    /// Where the packet is sent, in words.
    Redirect(String),
    /// The lines that the program prints.
    Printed(Vec<String>),
    /// `skb->mark` afterwards.
    Mark(u32),
    /// The checked interpreter stops the program, and says this.
    Fault(String),
    /// So many references are not given back.
    Leaks(usize),
    /// What the program leaves of an event.
    Field(&'static Field, Wish),
    /// An option of the event's socket: its name, level and number.
    Option { name: String, level: i32, number: i32, wish: Wish },
    /// The contents of a map.
    Map(MapExpectation),
}

/// A socket, or none.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// As it was written.
    pub(crate) text: String,
    /// Those that fit; none for `none`.
    pub(crate) ids: Vec<SocketId>,
}

/// What a map shall hold.
#[derive(Debug)]
pub(crate) struct MapExpectation {
    pub(crate) map: String,
    pub(crate) entries: Vec<EntryExpectation>,
    /// How many entries.
    pub(crate) count: Option<(Place, usize)>,
    /// How many records of a ring buffer.
    pub(crate) records: Option<(Place, usize)>,
}

/// What one entry shall be.
#[derive(Debug)]
pub(crate) struct EntryExpectation {
    pub(crate) place: Place,
    pub(crate) key: Vec<u8>,
    /// None: there shall be no such entry.
    pub(crate) value: Option<Pattern>,
}

/// Bytes, of which not all count.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) bytes: Vec<u8>,
    /// 0xff for those that count.
    pub(crate) mask: Vec<u8>,
}

impl Pattern {
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        self.bytes.len() == value.len()
            && self.bytes.iter().zip(value).zip(&self.mask).all(|((a, b), mask)| a & mask == b & mask)
    }

    /// The expected value, with what does not count as it was found.
    pub(crate) fn over(&self, value: &[u8]) -> Vec<u8> {
        let parts = self.bytes.iter().zip(&self.mask).zip(value.iter().chain(std::iter::repeat(&0)));
        parts.map(|((wanted, mask), found)| wanted & mask | found & !mask).collect()
    }
}
