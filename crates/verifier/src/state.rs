//! The abstract state of a program at one instruction: call stack, registers, stack bytes, references.

use belay_isa::{Pc, Reg};
use belay_spec::ReturnRange;

use crate::object::StackObject;
use crate::precision::{Place, Places};
use crate::reference::References;
use crate::value::{Ghost, Id, Kind, PacketRange, Pointer, RefId, Registers, Value};

/// Size of a frame's stack in bytes.
pub(crate) const STACK_SIZE: i64 = 512;
/// Most frames on the call stack.
pub(crate) const MAX_FRAMES: usize = 8;
/// Bytes of a stack slot.
pub(crate) const SLOT_SIZE: usize = 8;

/// What one byte of the stack holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Byte {
    /// Never written.
    Uninit,
    /// Part of the slot's spilled value.
    Spill,
    /// Something.
    Misc,
    /// Zero.
    Zero,
    /// Part of an object that lives on the stack; the slot's value says which.
    Object,
}

/// Eight aligned bytes of the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The bytes, lowest address first.
    pub(crate) bytes: [Byte; SLOT_SIZE],
    /// The value spilled here; it fills the first bytes, those that are [`Byte::Spill`]. Of a slot that belongs to an
    /// object: the object.
    pub(crate) spilled: Value,
}

impl Slot {
    /// Nothing that was ever written.
    pub(crate) fn uninit() -> Slot {
        Slot { bytes: [Byte::Uninit; SLOT_SIZE], spilled: Value::uninit() }
    }

    /// How many bytes the spilled value fills; 0 if there is none.
    pub(crate) fn spill_size(&self) -> usize {
        self.bytes.iter().take_while(|b| **b == Byte::Spill).count()
    }

    /// Whether an object lives here.
    pub(crate) fn is_object(&self) -> bool {
        matches!(self.spilled.kind, Kind::StackObject(_))
    }

    /// Whether a value is spilled here.
    pub(crate) fn is_spill(&self) -> bool {
        self.bytes[0] == Byte::Spill
    }

    /// Forgets the spilled value, or the object; the bytes hold something. As in Linux, so do those beside the value.
    pub(crate) fn scrub(&mut self) {
        if matches!(self.bytes[0], Byte::Spill | Byte::Object) {
            for byte in self.bytes.iter_mut().filter(|byte| **byte != Byte::Uninit) {
                *byte = Byte::Misc;
            }
        }
        self.spilled = Value::uninit();
    }

    /// The object is gone; nothing is here.
    pub(crate) fn forget_object(&mut self, ghost: Ghost) {
        *self = Slot { spilled: Value { ghost, ..Value::uninit() }, ..Slot::uninit() };
    }
}

/// A frame's stack, grown on demand; slot 0 is `fp-8`.
#[derive(Clone, Default, Debug)]
pub(crate) struct Stack {
    slots: Vec<Slot>,
}

impl Stack {
    /// Makes the bytes from `off` (negative) up to the frame pointer exist.
    pub(crate) fn grow(&mut self, off: i64) {
        let wanted = (-off).clamp(0, STACK_SIZE) as usize;
        let slots = wanted.div_ceil(SLOT_SIZE);
        if slots > self.slots.len() {
            self.slots.resize(slots, Slot::uninit());
        }
    }

    /// Which slot holds the byte at `off`, and where in it.
    pub(crate) fn locate(off: i64) -> (usize, usize) {
        let below = (-off - 1).clamp(0, STACK_SIZE - 1) as usize;
        (below / SLOT_SIZE, SLOT_SIZE - 1 - below % SLOT_SIZE)
    }

    /// The slot of that index, if the stack has grown so far.
    pub(crate) fn slot(&self, index: usize) -> Option<&Slot> {
        self.slots.get(index)
    }

    /// The slot of that index; it must have been grown.
    ///
    /// # Panics
    /// If the stack was not grown to it: a mistake of the caller, not of the program.
    pub(crate) fn slot_mut(&mut self, index: usize) -> &mut Slot {
        &mut self.slots[index]
    }

    /// What the byte at `off` holds.
    pub(crate) fn byte(&self, off: i64) -> Byte {
        let (slot, byte) = Stack::locate(off);
        self.slots.get(slot).map_or(Byte::Uninit, |s| s.bytes[byte])
    }

    /// All slots, from the frame pointer down.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }
}

/// One frame of the call stack.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Index of the function in the program.
    pub(crate) function: usize,
    /// The call that made the frame; `None` for the entry.
    pub(crate) call_site: Option<Pc>,
    /// If the kernel calls the function, within a call or later: what it may return.
    pub(crate) callback: Option<ReturnRange>,
    /// Of a function that runs later: how many such runs set each other off until this one, from 1. Else 0.
    pub(crate) later: u32,
    /// How often in a row a helper called by this frame has called back.
    pub(crate) callbacks_made: u32,
    /// Its registers.
    pub(crate) regs: Registers,
    /// Its stack.
    pub(crate) stack: Stack,
}

impl Frame {
    /// A frame as a call makes it: nothing readable but the frame pointer.
    pub(crate) fn new(function: usize, call_site: Option<Pc>, index: u8) -> Frame {
        let mut regs = Registers::uninit();
        regs[Reg::FP] = Value::pointer(Pointer::Stack { frame: index });
        Frame {
            function,
            call_site,
            callback: None,
            later: 0,
            callbacks_made: 0,
            regs,
            stack: Stack::default(),
        }
    }
}

/// The sections of a program in which other rules hold: how many of each are open.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Sections {
    /// Read-side critical sections of RCU.
    pub(crate) rcu: u32,
    /// Sections that must not be preempted.
    pub(crate) preempt: u32,
}

/// The whole state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The call stack; the last frame runs.
    pub(crate) frames: Vec<Frame>,
    /// What is held.
    pub(crate) references: References,
    /// Which sections are open.
    pub(crate) sections: Sections,
    /// Whether what runs may sleep: the program, or the function that runs later.
    pub(crate) sleepable: bool,
    /// How often `may_goto` went on with its loop.
    pub(crate) may_goto_turns: u32,
    /// How many calls of helpers have called back.
    pub(crate) callback_turns: u32,
}

impl State {
    /// The state in which a program starts.
    pub(crate) fn entry(sleepable: bool) -> State {
        let mut frame = Frame::new(0, None, 0);
        frame.regs[Reg::R1] = Value::pointer(Pointer::Context);
        State::of(frame, sleepable)
    }

    /// A state with one frame, in which nothing is held.
    pub(crate) fn of(frame: Frame, sleepable: bool) -> State {
        State {
            frames: vec![frame],
            references: References::default(),
            sections: Sections::default(),
            sleepable,
            may_goto_turns: 0,
            callback_turns: 0,
        }
    }

    /// Index of the running frame.
    pub(crate) fn depth(&self) -> usize {
        self.frames.len() - 1
    }

    /// The running frame.
    pub(crate) fn frame(&self) -> &Frame {
        self.frames.last().expect("a state has a frame until its path ends")
    }

    /// The running frame, to change.
    pub(crate) fn frame_mut(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a state has a frame until its path ends")
    }

    /// A register of the running frame.
    pub(crate) fn reg(&self, reg: Reg) -> &Value {
        &self.frame().regs[reg]
    }

    /// Sets a register of the running frame.
    pub(crate) fn set(&mut self, reg: Reg, value: Value) {
        self.frame_mut().regs[reg] = value;
    }

    /// Every value of the state: registers and spilled slots of all frames.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Value> {
        self.frames.iter().flat_map(|f| {
            let spilled = f.stack.slots().iter().filter(|s| s.is_spill()).map(|s| &s.spilled);
            f.regs.iter().map(|(_, v)| v).chain(spilled)
        })
    }

    /// Every value of the state, to change. A slot whose value becomes a number keeps its bytes.
    pub(crate) fn for_each_value(&mut self, change: impl FnMut(&mut Value)) {
        self.for_each_value_in(false, change);
    }

    /// The same, but perhaps without those slots that a spilled value does not fill.
    pub(crate) fn for_each_value_in(&mut self, filled_slots_only: bool, mut change: impl FnMut(&mut Value)) {
        let least = if filled_slots_only { SLOT_SIZE } else { 1 };
        for frame in &mut self.frames {
            frame.regs.iter_mut().for_each(&mut change);
            for slot in &mut frame.stack.slots {
                if slot.spill_size() >= least {
                    change(&mut slot.spilled);
                }
            }
        }
    }

    /// Every value of the state with its place, the running frame first: registers (but the frame pointer), then
    /// spilled slots.
    pub(crate) fn for_each_place(&mut self, mut change: impl FnMut(Place, &mut Value)) {
        for (index, frame) in self.frames.iter_mut().enumerate().rev() {
            let index = index as u8;
            for reg in (0..10).filter_map(Reg::new) {
                change(Place::Reg(index, reg), &mut frame.regs[reg]);
            }
            for (slot, held) in frame.stack.slots.iter_mut().enumerate().filter(|(_, slot)| slot.is_spill()) {
                change(Place::Slot(index, slot as u8), &mut held.spilled);
            }
        }
    }

    /// Every object on the stacks, slot by slot, to change.
    pub(crate) fn for_each_object(&mut self, mut change: impl FnMut(&mut StackObject)) {
        for slot in self.frames.iter_mut().flat_map(|frame| &mut frame.stack.slots) {
            if let Kind::StackObject(object) = &mut slot.spilled.kind {
                change(object);
            }
        }
    }

    /// Takes away every pointer that carries the reference: it was released.
    pub(crate) fn take_away_carriers(&mut self, id: RefId) {
        self.for_each_value(|value| {
            if value.reference == Some(id) {
                let ghost = match value.ghost {
                    Ghost::View(_) => Ghost::View(id),
                    _ => Ghost::Owner(id),
                };
                *value = value.taken_away(ghost);
            }
        });
    }

    /// The objects on that frame's stack that hold the reference are gone.
    pub(crate) fn forget_objects(&mut self, frame: u8, reference: RefId) {
        let slots = self.frames.get_mut(usize::from(frame)).map(|frame| &mut frame.stack.slots);
        for slot in slots.into_iter().flatten() {
            if slot.is_object() && slot.spilled.reference == Some(reference) {
                slot.forget_object(Ghost::Owner(reference));
            }
        }
    }

    /// Whether such an object is on the stack of another frame than that.
    pub(crate) fn has_objects_elsewhere(&self, frame: u8, reference: RefId) -> bool {
        let others = (0..).zip(&self.frames).filter(|(index, _)| *index != frame);
        others
            .flat_map(|(_, frame)| &frame.stack.slots)
            .any(|slot| slot.is_object() && slot.spilled.reference == Some(reference))
    }

    /// Takes away every packet pointer, and slices that lie in packets: the packet may have moved.
    pub(crate) fn take_away_packet_pointers(&mut self) {
        self.for_each_value(|value| {
            if value.is_packet() || value.slice().is_some_and(|slice| slice.packet) {
                *value = value.taken_away(Ghost::Packet);
            }
        });
    }

    /// Takes away every slice of the dynptr: it was overwritten.
    pub(crate) fn take_away_slices(&mut self, dynptr: Id) {
        self.for_each_value(|value| {
            if value.slice().is_some_and(|slice| slice.bound && slice.dynptr == dynptr) {
                *value = value.taken_away(Ghost::None);
            }
        });
    }

    /// Settles every copy of a pointer that was checked for NULL: all values tied by `id`.
    ///
    /// If it is NULL and `id` itself names a reference, nothing was acquired: the obligation goes. (Another view
    /// of a socket has an id of its own: that the view is NULL says nothing about the socket.)
    ///
    /// What is not NULL is no longer told apart from other pointers of its kind, unless `keeps_id` says so.
    pub(crate) fn settle_null_check(&mut self, id: Id, is_null: bool, keeps_id: bool) {
        if is_null {
            self.references.release(RefId(id));
        }
        self.for_each_value(|value| {
            if !(value.nullable && value.id == id) {
                return;
            }
            if is_null {
                *value = Value::constant(0);
            } else {
                value.nullable = false;
                match value.as_pointer() {
                    Some(Pointer::Map(_)) if keeps_id => (value.uid, value.id) = (value.id, 0),
                    _ if keeps_id => {}
                    _ => value.id = 0,
                }
            }
        });
    }

    /// The packet pointers that share a variable part with `id` are known to reach `range` bytes.
    pub(crate) fn widen_packet_range(&mut self, id: Id, meta: bool, range: u32) {
        self.for_each_value(|value| {
            if value.id != id {
                return;
            }
            let known = match &mut value.kind {
                Kind::Pointer(Pointer::Packet(known)) if !meta => known,
                Kind::Pointer(Pointer::PacketMeta(known)) if meta => known,
                _ => return,
            };
            match known {
                PacketRange::Known(old) => *old = (*old).max(range),
                _ => *known = PacketRange::Known(range),
            }
        });
    }

    /// Forgets the numbers at these places, by frame: what they are changes from turn to turn of a loop.
    pub(crate) fn forget(&mut self, places: &[Places]) {
        for (frame, places) in self.frames.iter_mut().zip(places) {
            for reg in (0..=10).filter_map(Reg::new) {
                if places.has_reg(reg) {
                    frame.regs[reg] = Value::unknown();
                }
            }
            for (index, slot) in frame.stack.slots.iter_mut().enumerate() {
                if places.has_slot(index) {
                    slot.spilled = Value::unknown();
                }
            }
        }
    }

    /// Forgets what nothing reads any more: registers of a frame, and slots of its stack.
    pub(crate) fn clean(&mut self, frame: usize, is_live: impl Fn(Reg) -> bool, slots: u64) {
        let Some(frame) = self.frames.get_mut(frame) else { return };
        for reg in (0..=10).filter_map(Reg::new) {
            if reg != Reg::FP && !is_live(reg) {
                frame.regs[reg] = Value::uninit();
            }
        }
        for (index, slot) in frame.stack.slots.iter_mut().enumerate() {
            if slots & 1 << index == 0 {
                *slot = Slot::uninit();
            }
        }
    }
}
