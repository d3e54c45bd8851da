//! What Linux promises to BPF programs, as data: hooks and their contexts, helper signatures, map kinds,
//! socket fields, for each kernel release. Nothing here acts; verifier, runner, loader and docs all read it.
#![forbid(unsafe_code)]

mod access;
mod context;
mod helper;
mod hook;
mod kfunc;
mod map;
mod release;
mod socket;
mod writable;

pub use access::{Access, FieldKind, Widths};
pub use context::{Context, Field};
pub use helper::{
    Arg, ArgKind, Callback, CallbackArg, Effects, Helper, OWN_HELPERS, OwnSignatures, Resource, Ret,
    SignatureError, SizeRule,
};
pub use hook::{Action, Argument, Fate, Hook, Opening, ReturnRange, TargetKind};
pub use kfunc::{
    DynptrSource, Kfunc, KfuncFlags, KfuncRole, KfuncScope, KfuncSets, ParamTag, Registration,
    runs_under_lock,
};
pub use map::{Element, Entries, MapKind, MapRules, Sizes, is_owned_by_maps, is_rcu_protected};
pub use release::{Release, Rule};
pub use socket::SockKind;
pub use writable::{Writable, WritableField};
