//! Timers: what programs arm in values of maps, and whose callbacks run later, when the clock gets there.
//!
//! A timer belongs to the maps: whoever advances the clock of a machine beside them ([`Machine::advance`]) runs what is due,
//! in the order of time, between the runs of programs, as Linux does. Callbacks are interpreted, whichever runner armed
//! them; under checks, if their program was.
//!
//! # Invariants
//! - A value holds the number of its timer, 0 for none. A timer whose value holds another number is gone: the entry was
//!   deleted, replaced or evicted, and so is never called.
//! - Only the timer helpers and [`Machine::advance`] take the lock, and no callback runs under it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use belay_isa::{Reg, Size};
use belay_object::GuardedKind;

use crate::checked::{Fault, Guard, Leak, Strictness};
use crate::context::Reading;
use crate::engine::{self, End, State};
use crate::errno::Errno;
use crate::input::Input;
use crate::interpreter::Unwatched;
use crate::machine::{Clock, Machine, Random};
use crate::maps::{ElementKey, Map, Maps, Place};
use crate::memory::Memory;
use crate::op::Code;
use crate::world::{Trace, World};

/// The timers of some maps.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// How many there ever were: each has its number.
    made: u64,
    timers: BTreeMap<u64, Timer>,
    /// The one whose callback runs.
    running: Option<u64>,
}

#[derive(Debug)]
struct Timer {
    /// The map in whose value it lies.
    map: u64,
    /// Where it lies.
    address: u64,
    callback: Option<Callback>,
    /// When it is called, if it is armed.
    due: Option<u64>,
}

/// A function of a program.
#[derive(Clone, Debug)]
struct Callback {
    code: Arc<Code>,
    slot: u32,
    /// What the program's proof permits; a callback of a program without one is watched anew.
    mem: Memory,
}

/// A callback that ran.
#[derive(Clone, Debug)]
pub struct Fired {
    /// The program whose function it is.
    pub program: String,
    /// The machine's clock when it ran.
    pub at: u64,
    /// What it returned, or why the checked interpreter stopped it.
    pub result: Result<u32, Fault>,
    /// References that the checked interpreter found unreleased.
    pub leaks: Vec<Leak>,
    /// What it did besides.
    pub trace: Trace,
}

impl Timers {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change leaves the table whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one that is due by some time: its number, and when.
    fn next(&self, until: u64) -> Option<(u64, u64)> {
        let table = self.table();
        let armed = table.timers.iter().filter_map(|(number, timer)| Some((*number, timer.due?)));
        armed.min_by_key(|(_, due)| *due).filter(|(_, due)| *due <= until)
    }

    /// Disarms a timer that is due: where it lies, and what it calls. It runs from here until [`Timers::ran`].
    fn take(&self, number: u64) -> Option<(u64, u64, Option<Callback>)> {
        let mut table = self.table();
        table.running = Some(number);
        let timer = table.timers.get_mut(&number)?;
        timer.due = None;
        Some((timer.map, timer.address, timer.callback.clone()))
    }

    /// Forgets a timer whose value was given up.
    fn forget(&self, number: u64) {
        self.table().timers.remove(&number);
    }

    fn ran(&self) {
        self.table().running = None;
    }
}

/// The offset of the timer in a map's values.
pub(crate) fn offset(map: &Map) -> Option<u64> {
    let timer = map.def().guarded.iter().find(|field| field.what == GuardedKind::Timer)?;
    Some(timer.offset.into())
}

/// The number of the timer at an address; an error if there is none yet.
fn number(world: &World<'_>, timer: u64) -> Result<u64, Errno> {
    match world.mem.load(timer, Size::DW) {
        0 => Err(Errno::EINVAL),
        number => Ok(number),
    }
}

/// `bpf_timer_init(timer, map, flags)`
pub(crate) fn init(world: &mut World<'_>, timer: u64, map: u64, flags: u64) -> Result<(), Errno> {
    /// `CLOCK_REALTIME`, `CLOCK_MONOTONIC`, `CLOCK_BOOTTIME`: all show the machine's clock.
    const CLOCKS: [u64; 3] = [0, 1, 7];
    if !CLOCKS.contains(&flags) {
        return Err(Errno::EINVAL);
    }
    if number(world, timer).is_ok() {
        return Err(Errno::EBUSY);
    }
    let mut table = world.maps.timers().table();
    table.made += 1;
    let number = table.made;
    table.timers.insert(number, Timer { map, address: timer, callback: None, due: None });
    world.mem.store(timer, Size::DW, number);
    Ok(())
}

/// `bpf_timer_set_callback(timer, callback)`
pub(crate) fn set_callback(
    world: &mut World<'_>,
    timer: u64,
    callback: u64,
    code: &Code,
) -> Result<(), Errno> {
    let number = number(world, timer)?;
    let code = code.me.upgrade().ok_or(Errno::EINVAL)?;
    let mem = world.mem;
    let mut table = world.maps.timers().table();
    table.timers.get_mut(&number).ok_or(Errno::EINVAL)?.callback =
        Some(Callback { code, slot: callback as u32, mem });
    Ok(())
}

/// `bpf_timer_start(timer, nanoseconds, flags)`
pub(crate) fn start(world: &mut World<'_>, timer: u64, nanoseconds: u64, flags: u64) -> Result<(), Errno> {
    /// `BPF_F_TIMER_ABS`, `BPF_F_TIMER_CPU_PIN`
    const ABSOLUTE: u64 = 1;
    const PINNED: u64 = 2;
    if flags & !(ABSOLUTE | PINNED) != 0 {
        return Err(Errno::EINVAL);
    }
    let number = number(world, timer)?;
    let now = world.machine.now();
    // Linux takes the time for a signed number: what is in the past is due at once.
    let time = nanoseconds.cast_signed().max(0).cast_unsigned();
    let due = if flags & ABSOLUTE != 0 { time } else { now.saturating_add(time) };
    let mut table = world.maps.timers().table();
    // A callback that arms timers for now and again gets no further than the clock.
    let due = if table.running.is_some() { due.max(now.saturating_add(1)) } else { due };
    let timer = table.timers.get_mut(&number).filter(|timer| timer.callback.is_some());
    timer.ok_or(Errno::EINVAL)?.due = Some(due);
    Ok(())
}

/// `bpf_timer_cancel(timer)`: whether it was armed
pub(crate) fn cancel(world: &mut World<'_>, timer: u64) -> Result<u64, Errno> {
    let number = number(world, timer)?;
    let mut table = world.maps.timers().table();
    if table.running == Some(number) {
        return Err(Errno::EDEADLK);
    }
    let timer = table.timers.get_mut(&number).ok_or(Errno::EINVAL)?;
    timer.callback = None;
    Ok(timer.due.take().is_some().into())
}

impl Machine {
    /// Lets time pass: the clock goes on by so much, and the timers in these maps that get due meanwhile run their
    /// callbacks, each at its time. (A clock that is the system's goes on by itself: what is due by now runs.)
    pub fn advance(&mut self, maps: &Maps, by: Duration) -> Vec<Fired> {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        match self.clock {
            Clock::Fixed(now) => self.advance_to(maps, now.saturating_add(by)),
            Clock::System => self.advance_to(maps, self.now()),
        }
    }

    /// As [`Machine::advance`], to a time in nanoseconds; to one that is past, nothing but the clock goes back.
    pub fn advance_to(&mut self, maps: &Maps, until: u64) -> Vec<Fired> {
        let mut fired = Vec::new();
        while let Some((number, due)) = maps.timers().next(until) {
            if let Clock::Fixed(now) = &mut self.clock {
                *now = (*now).max(due);
            }
            fired.extend(self.fire(maps, number));
            maps.timers().ran();
        }
        if let Clock::Fixed(now) = &mut self.clock {
            *now = until;
        }
        fired
    }

    /// Calls a timer's function; none if its value was given up.
    fn fire(&mut self, maps: &Maps, number: u64) -> Option<Fired> {
        let (handle, address, callback) = maps.timers().take(number)?;
        let map = maps.by_handle(handle)?;
        let offset = offset(map)?;
        let element = map.storage().owner_of(address.wrapping_sub(offset));
        let holds = |place: Place<'_>| place.skip(offset as usize).read_u64() == number;
        let Some(element) = element.filter(|element| holds(element.value)) else {
            maps.timers().forget(number);
            return None;
        };
        let Callback { code, slot, mem } = callback?;
        self.stack.reset();
        self.begin();
        let key = match element.key {
            ElementKey::Stored(place) => place.addr(),
            ElementKey::Index(index) => self.stack.store_key(0, index),
            ElementKey::None => return None,
        };
        let at = self.now();
        let mut state = State::new(&code, self.stack.top());
        state.pc = slot;
        for (reg, value) in [(Reg::R1, handle), (Reg::R2, key), (Reg::R3, element.value.addr())] {
            state.set(reg, value);
        }
        let guard = (!code.verified).then(|| Guard::new(Strictness::default()));
        let mut world = World {
            mem: guard.as_ref().map_or(mem, Memory::under),
            maps,
            random: Random(self.seed),
            reading: Reading::default(),
            layout: &code.layout,
            context: self.context.addr(),
            verified: code.verified,
            input: Input::Nothing,
            tail_calls: 0,
            pending: None,
            machine: self,
        };
        let (result, leaks) = match guard {
            None => (unwatched(&mut state, &mut world), Vec::new()),
            Some(mut guard) => {
                guard.start_callback(&state, map);
                let result = guard.watch(&mut state, &mut world);
                (result, guard.settle(&mut world))
            }
        };
        Some(Fired { program: code.name.clone(), at, result, leaks, trace: self.take_trace() })
    }
}

/// Runs a callback that was proved.
fn unwatched<'r>(state: &mut State<'r>, world: &mut World<'r>) -> Result<u32, Fault> {
    match engine::execute(&mut Unwatched, state, world) {
        Ok(End::Exit(r0)) => Ok(r0 as u32),
        Ok(End::Stuck(why)) => {
            debug_assert!(false, "a verified program came to an invalid slot: {why:?}");
            Ok(0)
        }
        Err(never) => match never {},
    }
}
