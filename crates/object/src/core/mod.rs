//! CO-RE.
use crate::btf::{Btf, Ext};
use crate::error::{ErrorKind, Fault};
use belay_isa::Slot;

pub(crate) struct Core<'a> {
    ext: &'a Ext,
}

impl<'a> Core<'a> {
    pub(crate) fn new(_local: Option<&'a Btf>, ext: &'a Ext) -> Core<'a> {
        Core { ext }
    }

    pub(crate) fn relocate(&self, section: &str, start: u32, slots: &mut [Slot]) -> Result<(), (u32, Fault)> {
        let records = self.ext.relocations.get(section).map(Vec::as_slice).unwrap_or_default();
        for r in records {
            if r.slot >= start && ((r.slot - start) as usize) < slots.len() {
                return Err((r.slot - start, Fault::new(ErrorKind::Core, "CO-RE is not done yet")));
            }
        }
        Ok(())
    }
}
