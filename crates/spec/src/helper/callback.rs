//! What helpers that call a function of the program hand to it, and what it may return.

use super::Helper;
use crate::{KfuncRole, ReturnRange};

/// How a helper calls a function of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Callback {
    /// What the function gets in `r1` to `r5`; registers that are not listed cannot be read.
    pub args: &'static [CallbackArg],
    /// What it may return.
    pub returns: ReturnRange,
    /// Whether it runs later, not within the call: it gets nothing of the caller's.
    pub later: bool,
    /// Whether it may sleep, if it runs later.
    pub sleepable: bool,
}

/// What a callback gets in a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallbackArg {
    /// A number.
    Scalar,
    /// The map of the helper's [`crate::ArgKind::Map`] argument (for a timer: the map that holds it).
    Map,
    /// A key of that map, to read.
    MapKey,
    /// The value of that key.
    MapValue,
    /// A dynptr of its own, valid within the callback.
    Dynptr,
    /// What the call got in its first argument.
    First,
    /// A kernel structure of that name, by BTF.
    Btf(&'static str),
    /// What the helper got in its [`crate::ArgKind::Stack`] argument.
    CallerContext,
}

use CallbackArg::{Btf, CallerContext, Dynptr, First, Map, MapKey, MapValue, Scalar};

/// By the helper's number. Register types and ranges measured on Linux 6.18.
#[rustfmt::skip]
static CALLBACKS: &[(u32, Callback)] = &[
    (164, within(&[Map, MapKey, MapValue, CallerContext])),                    // bpf_for_each_map_elem
    (170, later(ReturnRange::Within(0, 0), false)),                                                   // bpf_timer_set_callback
    (180, within(&[First, Btf("vm_area_struct"), CallerContext])),              // bpf_find_vma
    (181, within(&[Scalar, CallerContext])),                                   // bpf_loop
    (209, within(&[Dynptr, CallerContext])),                                   // bpf_user_ringbuf_drain
];

const fn within(args: &'static [CallbackArg]) -> Callback {
    Callback { args, returns: ReturnRange::Within(0, 1), later: false, sleepable: false }
}

const fn later(returns: ReturnRange, sleepable: bool) -> Callback {
    Callback { args: &[Map, MapKey, MapValue], returns, later: true, sleepable }
}

/// How work that is put off calls the function that does it: as a timer does, but where it may sleep.
static WORK: Callback = later(ReturnRange::Within(0, 0), true);
/// The same for work that a task does itself.
static TASK_WORK: Callback = later(ReturnRange::Within(i32::MIN, i32::MAX), true);

impl Helper {
    /// How the helper calls the function in its [`crate::ArgKind::Callback`] argument; `None` if it takes none.
    pub fn callback(&self) -> Option<&'static Callback> {
        CALLBACKS.iter().find(|(id, _)| *id == self.id).map(|(_, callback)| callback)
    }
}

impl KfuncRole {
    /// How a kernel function calls the program's function later; `None` if it does not.
    pub fn callback_later(self) -> Option<&'static Callback> {
        match self {
            KfuncRole::WorkqueueCallback => Some(&WORK),
            KfuncRole::TaskWork => Some(&TASK_WORK),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ArgKind;

    #[test]
    fn helpers_with_a_callback_argument_describe_it() {
        for helper in Helper::all() {
            let takes = helper.args.iter().any(|a| a.kind == ArgKind::Callback);
            assert_eq!(helper.callback().is_some(), takes, "{}", helper.name);
            assert_eq!(helper.effects.callback, takes, "{}", helper.name);
            let context = helper.callback().is_some_and(|c| c.args.contains(&CallerContext));
            let stack = helper.args.iter().any(|a| a.kind == ArgKind::Stack);
            assert_eq!(context, stack, "{}", helper.name);
        }
    }
}
