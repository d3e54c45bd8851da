//! What stands in the registers and on the stack: which bytes were written, and which slots hold pointers.

use belay_isa::Reg;

use super::region::{RegionId, Tag};
use crate::engine::{FRAME_SIZE, MAX_FRAMES};

const SLOTS: usize = FRAME_SIZE as usize / 8;

/// The shadow of one frame.
#[derive(Clone)]
pub(crate) struct FrameShadow {
    /// The frame's region.
    pub(crate) region: Option<RegionId>,
    /// One bit a byte: written.
    written: [u8; SLOTS],
    /// What each slot holds, if it was stored whole.
    slots: [Tag; SLOTS],
    /// `r6` to `r9` of the caller.
    pub(crate) saved: [Tag; 4],
    /// The `ctx` argument of the helper that calls back from this frame.
    pub(crate) callback_context: Tag,
}

impl FrameShadow {
    fn new() -> FrameShadow {
        FrameShadow {
            region: None,
            written: [0; SLOTS],
            slots: [Tag::Number; SLOTS],
            saved: [Tag::Uninit; 4],
            callback_context: Tag::Uninit,
        }
    }

    /// Nothing is written any more.
    pub(crate) fn clear(&mut self) {
        self.written = [0; SLOTS];
        self.slots = [Tag::Number; SLOTS];
    }

    /// A store of `size` bytes at `off` from the frame's start.
    pub(crate) fn store(&mut self, off: u64, size: u64, tag: Tag) {
        let whole = off.is_multiple_of(8) && size == 8;
        for byte in off..off.saturating_add(size).min(u64::from(FRAME_SIZE)) {
            let slot = (byte / 8) as usize;
            self.written[slot] |= 1 << (byte % 8);
            self.slots[slot] = if whole { tag } else { Tag::Number };
        }
    }

    /// The first byte of a range that nothing was written to.
    pub(crate) fn unwritten(&self, off: u64, size: u64) -> Option<u64> {
        (off..off.saturating_add(size).min(u64::from(FRAME_SIZE)))
            .find(|byte| self.written[(byte / 8) as usize] & (1 << (byte % 8)) == 0)
    }

    /// What a load of `size` bytes gives.
    pub(crate) fn load(&self, off: u64, size: u64) -> Tag {
        match self.slots.get((off / 8) as usize) {
            // What such objects are made of is nothing but numbers elsewhere.
            Some(Tag::Dynptr(_) | Tag::Iterator(_) | Tag::Interrupts(_)) => Tag::Number,
            Some(tag) if off.is_multiple_of(8) && size == 8 => *tag,
            _ => Tag::Number,
        }
    }

    /// What was made in slots from `off` on is there no more.
    pub(crate) fn forget(&mut self, off: u64, made: Tag) {
        let from = (off / 8) as usize;
        for slot in self.slots.iter_mut().skip(from).take_while(|slot| **slot == made) {
            *slot = Tag::Number;
        }
    }

    /// What the slot at `off` holds.
    pub(crate) fn slot(&self, off: u64) -> Option<Tag> {
        self.slots.get((off / 8) as usize).copied().filter(|_| off.is_multiple_of(8))
    }

    /// The region of the dynptr that begins at `off`, if one does.
    pub(crate) fn dynptr(&self, off: u64) -> Option<RegionId> {
        let slot = (off / 8) as usize;
        match self.slots.get(slot..slot + 2)? {
            [Tag::Dynptr(first), Tag::Dynptr(second)] if first == second && off.is_multiple_of(8) => {
                Some(*first)
            }
            _ => None,
        }
    }
}

/// The shadow of the registers and of all frames.
pub(crate) struct Shadow {
    registers: [Tag; 11],
    frames: Box<[FrameShadow]>,
}

impl Shadow {
    pub(crate) fn new() -> Shadow {
        Shadow { registers: [Tag::Uninit; 11], frames: vec![FrameShadow::new(); MAX_FRAMES].into() }
    }

    pub(crate) fn get(&self, reg: Reg) -> Tag {
        self.registers.get(reg.index()).copied().unwrap_or(Tag::Uninit)
    }

    pub(crate) fn set(&mut self, reg: Reg, tag: Tag) {
        if let Some(register) = self.registers.get_mut(reg.index()) {
            *register = tag;
        }
    }

    /// `r6` to `r9`.
    pub(crate) fn preserved(&self) -> [Tag; 4] {
        let [.., r6, r7, r8, r9, _] = self.registers;
        [r6, r7, r8, r9]
    }

    /// Sets `r6` to `r9`.
    pub(crate) fn set_preserved(&mut self, tags: [Tag; 4]) {
        self.registers[6..10].copy_from_slice(&tags);
    }

    /// After a call: `r1` to `r5` cannot be read.
    pub(crate) fn clobber(&mut self) {
        self.registers[1..6].fill(Tag::Uninit);
    }

    pub(crate) fn frame(&self, depth: usize) -> &FrameShadow {
        &self.frames[depth.min(MAX_FRAMES - 1)]
    }

    pub(crate) fn frame_mut(&mut self, depth: usize) -> &mut FrameShadow {
        &mut self.frames[depth.min(MAX_FRAMES - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use belay_isa::Pc;

    #[test]
    fn pointers_survive_only_whole_slots() {
        let mut frame = FrameShadow::new();
        let pointer = Tag::Null(Pc(7));
        frame.store(8, 8, pointer);
        assert_eq!(frame.load(8, 8), pointer);
        assert_eq!(frame.load(8, 4), Tag::Number);
        frame.store(15, 1, Tag::Number);
        assert_eq!(frame.load(8, 8), Tag::Number, "one byte of it was overwritten");
        assert_eq!(frame.unwritten(8, 8), None);
        assert_eq!(frame.unwritten(6, 4), Some(6));
        frame.store(508, 8, Tag::Number);
        assert_eq!(frame.unwritten(508, 4), None);
    }
}
