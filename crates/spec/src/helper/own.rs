//! Signatures of helpers that Linux does not have: those of who embeds Belay.
//!
//! They are written with the words of Linux's own, under numbers that Linux does not use ([`OWN_HELPERS`]), and the verifier
//! holds programs to them as to any other. What a signature may say is what a function outside of the runtime can keep:
//! numbers, memory, maps and sockets. No kernel knows them, so a program that calls one runs in Belay alone.

use std::ops::RangeInclusive;

use super::{Arg, ArgKind, Effects, Helper, Resource, Ret};
use crate::SockKind;

/// The numbers of own helpers: `static long (*audit)(void *, __u64) = (void *)65536;` in C, `call 65536` in text. Linux counts
/// its helpers from 1, and has had no new ones since there are kernel functions.
pub const OWN_HELPERS: RangeInclusive<u32> = 0x1_0000..=0x7fff_ffff;

impl Helper {
    /// The signature of an own helper.
    pub const fn own(id: u32, name: &'static str, args: &'static [Arg], ret: Ret) -> Helper {
        super::notation::h(id, name, args, ret)
    }
}

/// The signatures of own helpers: what the verifier is given, and what a proof holds on to.
#[derive(Clone, Default, PartialEq)]
pub struct OwnSignatures {
    by_id: Vec<&'static Helper>,
}

/// Why a signature cannot be that of an own helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureError {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for SignatureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "own helper `{}` ({}): {}", self.name.escape_default(), self.id, self.reason)
    }
}

impl std::error::Error for SignatureError {}

impl std::fmt::Debug for OwnSignatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|helper| (helper.id, helper.name))).finish()
    }
}

impl OwnSignatures {
    /// Adds a signature.
    ///
    /// # Errors
    /// If its number is not in [`OWN_HELPERS`] or taken, or it says what an own helper cannot keep.
    pub fn add(&mut self, helper: &'static Helper) -> Result<(), SignatureError> {
        let refuse = |reason: String| Err(SignatureError { id: helper.id, name: helper.name, reason });
        if let Err(reason) = check(helper) {
            return refuse(reason);
        }
        if let Some(other) = self.by_id.iter().find(|other| other.name == helper.name) {
            return refuse(format!("the name is taken by helper {}", other.id));
        }
        match self.by_id.binary_search_by_key(&helper.id, |other| other.id) {
            Ok(at) => refuse(format!("the number is taken by `{}`", self.by_id[at].name)),
            Err(at) => {
                self.by_id.insert(at, helper);
                Ok(())
            }
        }
    }

    /// The own helper with that number.
    pub fn by_id(&self, id: u32) -> Option<&'static Helper> {
        let at = self.by_id.binary_search_by_key(&id, |helper| helper.id).ok()?;
        self.by_id.get(at).copied()
    }

    /// The helper with that number: Linux's, or an own one.
    pub fn helper(&self, id: u32) -> Option<&'static Helper> {
        Helper::by_id(id).or_else(|| self.by_id(id))
    }

    /// Each, by number.
    pub fn iter(&self) -> impl Iterator<Item = &'static Helper> {
        self.by_id.iter().copied()
    }
}

fn check(helper: &Helper) -> Result<(), String> {
    if !OWN_HELPERS.contains(&helper.id) {
        let (first, last) = (OWN_HELPERS.start(), OWN_HELPERS.end());
        return Err(format!("its number must be within {first} and {last}: Linux has the others"));
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if helper.name.is_empty() || !helper.name.chars().all(is_word) {
        return Err("its name must be one of C's".to_owned());
    }
    if Helper::by_name(helper.name).is_some() {
        return Err("Linux has a helper of this name".to_owned());
    }
    if helper.args.len() > 5 {
        return Err("it takes more than five arguments".to_owned());
    }
    check_arguments(helper.args)?;
    let Effects { acquires, packet_access, gpl_only, .. } = helper.effects;
    if helper.effects != (Effects { acquires, packet_access, gpl_only, ..Effects::default() }) {
        return Err("its effects are beyond an own helper".to_owned());
    }
    match (helper.ret, acquires) {
        (Ret::Scalar | Ret::Void, None) => Ok(()),
        (Ret::Within(min, max), None) if min <= max => Ok(()),
        (
            Ret::Socket { kind: SockKind::Sock | SockKind::SockCommon, nullable: true },
            Some(Resource::Socket),
        ) => Ok(()),
        _ => Err("it may return a number, nothing, or a socket or NULL that it acquires".to_owned()),
    }
}

fn check_arguments(args: &[Arg]) -> Result<(), String> {
    let mut map = false;
    for (index, arg) in args.iter().enumerate() {
        let at = index + 1;
        let kind_at = |index: usize| args.get(index).map(|arg| arg.kind);
        let is_memory = |kind| matches!(kind, ArgKind::MemIn | ArgKind::MemOut | ArgKind::MemInOut);
        let is_size = |kind| matches!(kind, ArgKind::Size(_));
        match arg.kind {
            ArgKind::Scalar
            | ArgKind::Context
            | ArgKind::FixedIn { .. }
            | ArgKind::FixedOut { .. }
            | ArgKind::FixedInOut { .. }
            | ArgKind::SockCommon
            | ArgKind::Socket => {}
            ArgKind::Map if map => return Err(format!("argument {at} is a second map")),
            ArgKind::Map => map = true,
            ArgKind::MapKey | ArgKind::MapValue | ArgKind::MapValueOut if map => {}
            kind if is_memory(kind) && kind_at(index + 1).is_some_and(is_size) => {}
            ArgKind::Size(_) if index > 0 && kind_at(index - 1).is_some_and(is_memory) => {}
            kind if is_memory(kind) => return Err(format!("the size of argument {at} does not follow it")),
            ArgKind::Size(_) => return Err(format!("argument {at} is the size of nothing")),
            kind => return Err(format!("argument {at} cannot be of the kind `{kind:?}`")),
        }
        if arg.releases && !matches!(arg.kind, ArgKind::SockCommon | ArgKind::Socket) {
            return Err(format!("argument {at} is released, but no socket"));
        }
    }
    if args.iter().filter(|arg| arg.releases).count() > 1 {
        return Err("it releases more than one argument".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SizeRule;

    const NUMBER: Arg = Arg::of(ArgKind::Scalar);
    const MEMORY: Arg = Arg::of(ArgKind::MemIn);
    const SIZE: Arg = Arg::of(ArgKind::Size(SizeRule::NonZero));
    const SOCKET: Arg = Arg::of(ArgKind::Socket);

    fn refused(helper: Helper) -> String {
        let helper: &'static Helper = Box::leak(Box::new(helper));
        OwnSignatures::default().add(helper).map_or_else(|error| error.reason, |()| "accepted".to_owned())
    }

    #[test]
    fn a_signature_that_a_function_can_keep_is_taken() {
        static GOOD: [Helper; 3] = [
            Helper::own(0x1_0000, "audit", &[Arg::of(ArgKind::Context), MEMORY, SIZE], Ret::Scalar),
            Helper::own(0x7fff_ffff, "level", &[SOCKET.or_null()], Ret::Within(0, 3)),
            Helper::own(0x1_0001, "put_back", &[SOCKET.released()], Ret::Void),
        ];
        let mut own = OwnSignatures::default();
        for helper in &GOOD {
            own.add(helper).expect("a signature");
        }
        let numbers: Vec<u32> = own.iter().map(|helper| helper.id).collect();
        assert_eq!(numbers, [0x1_0000, 0x1_0001, 0x7fff_ffff]);
        assert_eq!(own.helper(0x1_0001).map(|helper| helper.name), Some("put_back"));
        assert_eq!(own.helper(1).map(|helper| helper.name), Some("bpf_map_lookup_elem"));
        assert_eq!(own.by_id(1), None);
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let own = |args: &'static [Arg], ret| refused(Helper::own(0x1_0000, "own", args, ret));
        assert!(refused(Helper::own(211, "own", &[], Ret::Scalar)).contains("must be within"));
        assert!(refused(Helper::own(0x8000_0000, "own", &[], Ret::Scalar)).contains("must be within"));
        assert!(refused(Helper::own(0x1_0000, "no name", &[], Ret::Scalar)).contains("one of C's"));
        assert!(refused(Helper::own(0x1_0000, "sk_release", &[], Ret::Scalar)).contains("Linux has"));
        assert!(own(&[NUMBER; 6], Ret::Scalar).contains("more than five"));
        assert!(own(&[MEMORY, NUMBER], Ret::Scalar).contains("does not follow"));
        assert!(own(&[NUMBER, SIZE], Ret::Scalar).contains("size of nothing"));
        assert!(own(const { &[Arg::of(ArgKind::MapKey)] }, Ret::Scalar).contains("cannot be of the kind"));
        assert!(own(const { &[NUMBER.released()] }, Ret::Scalar).contains("no socket"));
        assert!(
            own(const { &[SOCKET.released(), SOCKET.released()] }, Ret::Scalar).contains("more than one")
        );
        assert!(own(&[], Ret::Within(1, 0)).contains("it may return"));
        assert!(own(&[], Ret::MapValue { nullable: true }).contains("it may return"));
        let borrowed = Ret::Socket { kind: SockKind::Sock, nullable: true };
        assert!(own(&[], borrowed).contains("that it acquires"));
        let mut tail_calls = Helper::own(0x1_0000, "own", &[], Ret::Scalar);
        tail_calls.effects.tail_call = true;
        assert!(refused(tail_calls).contains("beyond"));
    }

    #[test]
    fn numbers_and_names_are_taken_once() {
        static FIRST: Helper = Helper::own(0x1_0000, "first", &[], Ret::Scalar);
        static SAME_NUMBER: Helper = Helper::own(0x1_0000, "second", &[], Ret::Scalar);
        static SAME_NAME: Helper = Helper::own(0x1_0001, "first", &[], Ret::Scalar);
        let mut own = OwnSignatures::default();
        own.add(&FIRST).expect("a signature");
        assert!(own.add(&SAME_NUMBER).is_err_and(|error| error.reason.contains("taken by `first`")));
        assert!(own.add(&SAME_NAME).is_err_and(|error| error.reason.contains("taken by helper 65536")));
    }
}
