//! Publishing machine code, and entering it: the `unsafe` of the JIT.
//!
//! The memory itself is `cranelift-jit`'s: written while it is private, then made executable and read-only in one step,
//! never both. What remains to be promised is that the bytes are what they are called as. They are: `compile` gives
//! every function [`Native`]'s signature, and compiles only what the verifier has proved. A program that calls nothing has no
//! use for the last argument, and is entered without one: a null pointer, which it passes to nobody.

use std::sync::Mutex;

use cranelift_jit::JITModule;
use cranelift_module::FuncId;

#[cfg(doc)]
use super::runtime::Native;
use crate::helpers::HelperFn;
use crate::world::World;

/// A function of a program, as it is entered.
type Code = for<'a, 'r> extern "C" fn(u64, u64, u64, u64, u64, Option<&'a mut World<'r>>) -> u64;

/// Where a program is entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    code: Code,
    /// Whether it calls nothing, and so has no use for a world.
    alone: bool,
}

impl Entry {
    /// Runs it.
    #[inline]
    pub(crate) fn run(self, [r1, r2, r3, r4, r5]: [u64; 5], world: &mut World<'_>) -> u64 {
        (self.code)(r1, r2, r3, r4, r5, Some(world))
    }

    /// Whether it runs without a world.
    #[inline]
    pub(crate) fn is_alone(self) -> bool {
        self.alone
    }

    /// Runs it without a world; 0, and nothing done, if it needs one.
    #[inline]
    pub(crate) fn run_alone(self, [r1, r2, r3, r4, r5]: [u64; 5]) -> u64 {
        if self.alone { (self.code)(r1, r2, r3, r4, r5, None) } else { 0 }
    }

    /// The function's address, for native code to go on in.
    pub(super) fn address(self) -> u64 {
        self.code as usize as u64
    }
}

/// Machine code that can be entered, and lives as long as this.
pub(crate) struct Published {
    entry: Entry,
    /// Given back when nothing can enter it any more. (Never locked but to be dropped: the lock makes it shareable.)
    module: Mutex<Option<JITModule>>,
}

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Published")
    }
}

impl Published {
    /// Makes a module's functions executable; `entry` is the one to enter, and has [`Native`]'s signature. `alone`: whether the
    /// program calls nothing.
    pub(super) fn new(mut module: JITModule, entry: FuncId, alone: bool) -> Result<Published, String> {
        module.finalize_definitions().map_err(|error| error.to_string())?;
        let address = module.get_finalized_function(entry);
        // SAFETY: the module has just finished this function, `compile` declared it with the signature of `Native`, and its
        // memory is given back only by `drop` below. A reference that may be absent is passed as one that may not, or as null.
        let code = unsafe { std::mem::transmute::<*const u8, Code>(address) };
        Ok(Published { entry: Entry { code, alone }, module: Mutex::new(Some(module)) })
    }

    /// The function to enter.
    pub(crate) fn entry(&self) -> Entry {
        self.entry
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let module = self.module.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(module) = module {
            // SAFETY: the only other holder of an address in this memory is `entry`, which goes with it. Native code calls
            // into another program's only in a run that holds the maps, and with them that program, alive.
            unsafe { module.free_memory() };
        }
    }
}

/// Calls a helper by its type alone: what lets one generic function stand for the native entry of each.
#[inline]
pub(crate) fn call<F: HelperFn>(world: &mut World<'_>, args: [u64; 5]) -> u64 {
    const { assert!(size_of::<F>() == 0, "a helper is a plain function: its type has no state") };
    // SAFETY: `F` has no bytes, so there are none to be wrong, and it is `Copy`, so a further one does no harm; that it has
    // values at all is shown by the one that the table of helpers was made with.
    let helper = unsafe { std::ptr::NonNull::<F>::dangling().read() };
    helper(world, args)
}
