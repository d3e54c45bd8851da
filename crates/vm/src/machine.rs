//! What a run needs besides program, maps and packet: stack and context memory, clock, random numbers, CPU, sockets.
//!
//! A [`Machine`] is made once a thread and used for any number of runs, one at a time; a run then allocates nothing. It is
//! deterministic unless asked otherwise: the clock stands still and the random numbers are the same in every run.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use belay_object::btf::Btf;
use belay_sockets::{NetnsId, SocketTable};

use crate::context::{CONTEXT_SIZE, Form, MODEL_SIZE};
use crate::engine::{FRAME_SIZE, MAX_FRAMES};
use crate::helpers::syncookie::Overflows;
use crate::memory::Block;
use crate::routes::Routes;
use crate::world::Trace;

/// Where `bpf_ktime_get_*` takes the time from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Always this many nanoseconds.
    Fixed(u64),
    /// The machine's clock.
    System,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// The thread.
    pub pid: u32,
    /// The process.
    pub tgid: u32,
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The command's name, of which 15 bytes count.
    pub comm: String,
}

/// Bytes of stack for all frames.
const STACK_SIZE: usize = FRAME_SIZE as usize * MAX_FRAMES;

/// The surroundings of a run.
#[derive(Debug)]
pub struct Machine {
    /// The clock of the time helpers.
    pub clock: Clock,
    /// Where each run's random numbers start.
    pub seed: u64,
    /// The CPU on which runs take place: `bpf_get_smp_processor_id`, and the values of per-CPU maps.
    pub cpu: u32,
    /// The sockets that lookups find.
    pub sockets: SocketTable,
    /// `net.ipv4.tcp_syncookies`: 0 for never, 1 for when a queue is full (which it never is here), 2 for always.
    pub syncookies: u8,
    /// The task that programs run for, where they ask: `bpf_get_current_pid_tgid` and its like.
    pub task: Task,
    /// The devices, routes and neighbours of the run.
    pub routes: Routes,
    /// The types of the kernel that programs take this for, which `bpf_snprintf_btf` prints by; their ids are those that
    /// programs were linked with. (A kernel's profile has them: `shared_btf`.)
    pub types: Option<Arc<Btf>>,
    /// The namespace of the packet's device; the table's first if not given.
    pub netns: Option<NetnsId>,
    /// The cgroup that programs are attached to, by its id: whose storage `bpf_get_local_storage` gives.
    pub cgroup: u64,
    /// Whether lookups and printed lines are written down in the [`Trace`]: lists that grow, and cost an allocation.
    pub recording: bool,
    trace: Trace,
    /// Whether the last run left something in it.
    traced: bool,
    printer: Option<Sink>,
    pub(crate) overflows: Overflows,
    pub(crate) stack: Stack,
    pub(crate) context: Block,
    /// The socket that a program runs for, where it is in no table.
    pub(crate) model: Block,
    /// The form that may be written over what the last run left in the context; for others it must be cleared.
    pub(crate) context_of: Option<Form>,
}

/// Where printed lines go while a program runs.
struct Sink(Box<dyn FnMut(&str) + Send>);

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({} bytes)", self.len())
    }
}

impl Default for Machine {
    fn default() -> Self {
        Machine::new(SocketTable::empty())
    }
}

impl Machine {
    /// A deterministic machine on CPU 0 with these sockets.
    pub fn new(sockets: SocketTable) -> Machine {
        Machine {
            clock: Clock::Fixed(1_000_000_000),
            seed: 0,
            cpu: 0,
            sockets,
            syncookies: 1,
            task: Task::default(),
            routes: Routes::default(),
            overflows: Overflows::default(),
            types: None,
            netns: None,
            cgroup: 1,
            recording: true,
            trace: Trace::default(),
            traced: false,
            printer: None,
            stack: Stack::new(),
            context: Block::zeroed(CONTEXT_SIZE),
            model: Block::zeroed(MODEL_SIZE),
            context_of: None,
        }
    }

    /// What the last run did besides its result; empty where the run's own result holds it ([`crate::Run`], [`crate::Report`]).
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Takes a line that a program prints.
    pub(crate) fn print(&mut self, line: String) {
        if let Some(Sink(sink)) = &mut self.printer {
            sink(&line);
        }
        if self.recording {
            self.tracing().printed.push(line);
        }
    }

    /// Hands every line that a program prints to this function, at once.
    pub fn on_print(&mut self, sink: impl FnMut(&str) + Send + 'static) {
        self.printer = Some(Sink(Box::new(sink)));
    }

    /// Forgets what an earlier run did.
    #[inline]
    pub(crate) fn begin(&mut self) {
        if self.traced {
            self.trace.clear();
            self.traced = false;
        }
    }

    /// Where a run writes down what it does.
    pub(crate) fn tracing(&mut self) -> &mut Trace {
        self.traced = true;
        &mut self.trace
    }

    /// Hands out what the run did.
    pub(crate) fn take_trace(&mut self) -> Trace {
        std::mem::take(&mut self.trace)
    }

    /// Nanoseconds of the clock.
    pub(crate) fn now(&self) -> u64 {
        match self.clock {
            Clock::Fixed(now) => now,
            Clock::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64),
        }
    }
}

/// The frames of a call stack, and a word for each depth in which the index of an array's element stands while a
/// callback looks at it.
#[derive(Debug)]
pub(crate) struct Stack {
    memory: Block,
    /// The index at each depth.
    keys: Block,
    /// Frames that an earlier run may have written to.
    dirty: usize,
    /// Frames of native code that helpers look for: where each begins, and how many bytes it has.
    native: Vec<(u64, u64)>,
}

impl Stack {
    fn new() -> Stack {
        let (memory, keys) = (Block::zeroed(STACK_SIZE), Block::zeroed(8 * MAX_FRAMES));
        Stack { memory, keys, dirty: MAX_FRAMES, native: Vec::with_capacity(MAX_FRAMES) }
    }

    /// The end of the first frame; frames go downwards.
    pub(crate) fn top(&self) -> u64 {
        self.memory.addr() + STACK_SIZE as u64
    }

    /// Clears what an earlier run left, so that a program that reads uninitialised stack reads the same every time.
    pub(crate) fn reset(&mut self) {
        let bytes = self.dirty * FRAME_SIZE as usize;
        let _ = self.memory.clear(STACK_SIZE - bytes, bytes);
        self.dirty = 1;
    }

    /// A frame at this depth is in use.
    pub(crate) fn reached(&mut self, depth: usize) {
        self.dirty = self.dirty.max((depth + 1).min(MAX_FRAMES));
    }

    /// A function of native code has a frame there, until it is left.
    pub(crate) fn enter_native(&mut self, start: u64, size: u64) {
        self.native.push((start, size));
    }

    /// The innermost frame of native code is gone.
    pub(crate) fn leave_native(&mut self) {
        self.native.pop();
    }

    /// How many bytes lie from an address on.
    pub(crate) fn extent(&self, addr: u64) -> usize {
        let from = |&(start, size): &(u64, u64)| size.saturating_sub(addr.wrapping_sub(start)) as usize;
        let native = self.native.iter().map(from).max().unwrap_or(0);
        native.max(self.memory.extent(addr)).max(self.keys.extent(addr))
    }

    /// Stores an array index for a callback called from that depth; where it lies.
    pub(crate) fn store_key(&self, depth: usize, index: u32) -> u64 {
        let off = 8 * depth.min(MAX_FRAMES - 1);
        let _ = self.keys.write(off, &index.to_le_bytes());
        self.keys.addr() + off as u64
    }
}

/// Random numbers: SplitMix64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next 32 bits.
    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }
}
