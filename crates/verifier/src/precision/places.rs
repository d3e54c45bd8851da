//! Sets of places: registers and stack slots of frames.

use belay_isa::Reg;

use crate::state::{MAX_FRAMES, State};

/// A place for a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// A register of a frame.
    Reg(u8, Reg),
    /// A slot of a frame's stack, by index.
    Slot(u8, u8),
}

/// A set of places in one frame.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Places {
    /// Bit n for `rn`.
    pub(crate) regs: u16,
    /// Bit n for the slot at `fp - 8 * (n + 1)`.
    pub(crate) slots: u64,
}

impl Places {
    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self.regs == 0 && self.slots == 0
    }

    /// Whether it holds the register.
    pub(crate) fn has_reg(self, reg: Reg) -> bool {
        self.regs & 1 << reg.number() != 0
    }

    /// Whether it holds the slot.
    pub(crate) fn has_slot(self, slot: usize) -> bool {
        self.slots & 1 << slot != 0
    }

    /// The places of both.
    pub(crate) fn and(self, other: Places) -> Places {
        Places { regs: self.regs & other.regs, slots: self.slots & other.slots }
    }

    /// The places of either.
    pub(crate) fn or(self, other: Places) -> Places {
        Places { regs: self.regs | other.regs, slots: self.slots | other.slots }
    }

    /// Those of this set that the other has not.
    pub(crate) fn without(self, other: Places) -> Places {
        Places { regs: self.regs & !other.regs, slots: self.slots & !other.slots }
    }

    /// The places of the frame that hold numbers.
    pub(crate) fn numbers_of(state: &State, frame: usize) -> Places {
        let Some(frame) = state.frames.get(frame) else { return Places::default() };
        let regs = frame.regs.iter().filter(|(_, value)| value.is_scalar());
        let slots = frame.stack.slots().iter().enumerate();
        Places {
            regs: regs.fold(0, |set, (reg, _)| set | 1 << reg.number()),
            slots: slots
                .filter(|(_, slot)| slot.is_spill() && slot.spilled.is_scalar())
                .fold(0, |set, (index, _)| set | 1 << index),
        }
    }
}

/// The places wanted at one point of a walk back, in every frame; `frame` is the one that runs there.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(super) frame: usize,
    pub(super) places: [Places; MAX_FRAMES],
}

impl Wanted {
    /// Nothing yet, in that frame.
    pub(crate) fn at(frame: usize) -> Wanted {
        Wanted { frame, places: Default::default() }
    }

    /// These places of a frame.
    pub(crate) fn add(&mut self, frame: usize, places: Places) {
        if let Some(here) = self.places.get_mut(frame) {
            *here = here.or(places);
        }
    }

    /// Whether nothing is wanted.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.iter().take(self.frame + 1).all(|places| places.is_empty())
    }

    /// Those of the running frame.
    pub(super) fn here(&mut self) -> &mut Places {
        &mut self.places[self.frame]
    }

    pub(super) fn has(&self, place: Place) -> bool {
        match place {
            Place::Reg(frame, reg) => self.places.get(usize::from(frame)).is_some_and(|p| p.has_reg(reg)),
            Place::Slot(frame, slot) => {
                self.places.get(usize::from(frame)).is_some_and(|p| p.has_slot(usize::from(slot)))
            }
        }
    }

    pub(super) fn insert(&mut self, place: Place) {
        match place {
            Place::Reg(frame, reg) => {
                self.add(usize::from(frame), Places { regs: 1 << reg.number(), slots: 0 });
            }
            Place::Slot(frame, slot) => self.add(usize::from(frame), Places { regs: 0, slots: 1 << slot }),
        }
    }

    pub(super) fn remove(&mut self, place: Place) {
        let (frame, gone) = match place {
            Place::Reg(frame, reg) => (frame, Places { regs: 1 << reg.number(), slots: 0 }),
            Place::Slot(frame, slot) => (frame, Places { regs: 0, slots: 1 << slot }),
        };
        if let Some(here) = self.places.get_mut(usize::from(frame)) {
            *here = here.without(gone);
        }
    }
}

/// Most numbers that a comparison narrows together; Linux unties the others (6.18).
const MOST_LINKED: usize = 6;

/// The places of numbers that are tied to each other where a comparison narrows them.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Linked {
    places: [Option<Place>; MOST_LINKED],
}

impl Linked {
    /// One more; `false` if there is no room.
    pub(crate) fn push(&mut self, place: Place) -> bool {
        match self.places.iter_mut().find(|free| free.is_none()) {
            Some(free) => {
                *free = Some(place);
                true
            }
            None => false,
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Place> {
        self.places.iter().copied().flatten()
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }
}

/// What one instruction did that a later walk back over it must know, and which numbers it relied on.
#[derive(Clone, Default, Debug)]
pub(crate) struct Notes {
    /// The frame in which it ran.
    pub(crate) frame: usize,
    /// Registers of that frame whose numbers it relied on.
    pub(crate) regs: u16,
    /// The slot whose spilled number it relied on.
    pub(crate) slot: Option<(u8, u8)>,
    /// The slot that it spilled to or filled from: frame and index.
    pub(crate) spill: Option<(u8, u8)>,
    /// Whether the left and the right side of a comparison is a pointer to the stack.
    pub(crate) stack_operands: (bool, bool),
    /// The numbers that a comparison narrowed together; not if it was only one.
    pub(crate) linked: Linked,
}

impl Notes {
    /// Whether the history has to keep something of it.
    pub(crate) fn worth_keeping(&self) -> bool {
        self.spill.is_some() || self.stack_operands != (false, false) || self.linked.len() > 1
    }

    /// What it relied on.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        if self.regs == 0 && self.slot.is_none() {
            return None;
        }
        let mut wanted = Wanted::at(self.frame);
        wanted.add(self.frame, Places { regs: self.regs, slots: 0 });
        if let Some((frame, slot)) = self.slot {
            wanted.insert(Place::Slot(frame, slot));
        }
        Some(wanted)
    }
}
