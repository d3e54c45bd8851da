//! The helper signatures against what three kernels said to calls with one wrong argument.

mod measured;

use belay_spec::{Arg, ArgKind, Helper, Hook, Release, SizeRule};
use measured::read;
use serde_json::Value;

/// One helper in one hook of one release, and what was measured there.
struct Case<'a> {
    release: Release,
    hook: &'static Hook,
    helper: &'static Helper,
    fact: &'a Value,
}

impl Case<'_> {
    fn label(&self) -> String {
        format!("{} {} {}", self.release, self.hook.name, self.helper.name)
    }

    /// Whether the kernel took the call with every argument right.
    fn loads(&self) -> bool {
        self.fact["correct"] == "ok"
    }
}

fn each_helper(mut check: impl FnMut(&Case<'_>)) {
    for release in Release::ALL {
        let facts = read(&format!("helpers-{release}.json"));
        let helpers = facts["helpers"].as_array().expect("`helpers` is a list");
        assert!(helpers.len() > 190, "{release}: only {} helpers", helpers.len());
        for fact in helpers {
            let name = fact["hook"].as_str().expect("a hook");
            let hook = Hook::by_name(name).unwrap_or_else(|| panic!("no hook `{name}`"));
            let id = fact["id"].as_u64().and_then(|id| u32::try_from(id).ok()).expect("a number");
            let helper =
                hook.signature(release, id).unwrap_or_else(|| panic!("{release} {name}: no helper {id}"));
            check(&Case { release, hook, helper, fact });
        }
    }
}

fn each_argument(mut check: impl FnMut(&Case<'_>, &str, &'static Arg, &Value)) {
    each_helper(|case| {
        let facts = case.fact["args"].as_array().expect("`args` is a list");
        assert_eq!(facts.len(), case.helper.args.len(), "{}: number of arguments", case.label());
        for (index, (arg, fact)) in case.helper.args.iter().zip(facts).enumerate() {
            check(case, &format!("{} argument {}", case.label(), index + 1), arg, fact);
        }
    });
}

#[test]
fn a_number_for_a_pointer_is_refused_in_the_kernel_s_words() {
    let mut checked = 0;
    each_argument(|case, label, arg, fact| {
        let Some(said) = fact["one"].as_str() else { return };
        // A sleepable program cannot name the map of the argument after this one.
        if said.starts_with("Sleepable programs can only use") {
            return;
        }
        match arg.kind.expected(case.release) {
            Some(expected) => assert_eq!(said, format!("R type=scalar expected={expected}"), "{label}"),
            None if !case.loads() || matches!(arg.kind, ArgKind::Size(_)) => return,
            None => assert_eq!(said == "ok", arg.kind != ArgKind::Zero, "{label}: {said}"),
        }
        checked += 1;
    });
    assert!(checked > 900, "only {checked} arguments were checked");
}

#[test]
fn pointers_may_stand_where_anything_may() {
    each_argument(|_, label, arg, fact| {
        if let Some(taken) = fact["pointer"].as_bool() {
            assert_eq!(taken, arg.kind == ArgKind::Any, "{label}");
        }
    });
}

#[test]
fn null_is_taken_where_the_signature_says_so() {
    each_argument(|_, label, arg, fact| {
        if let (Some(taken), false) = (fact["null"].as_bool(), arg.kind == ArgKind::AllocSize) {
            assert_eq!(taken, arg.nullable || arg.kind == ArgKind::Zero, "{label}");
        }
    });
}

#[test]
fn sizes_may_be_zero_where_the_signature_says_so() {
    each_argument(|_, label, arg, fact| {
        if let Some(taken) = fact["zero"].as_bool() {
            assert_eq!(taken, arg.kind == ArgKind::Size(SizeRule::ZeroAllowed), "{label}");
        }
    });
}

#[test]
fn memory_is_taken_from_where_the_signature_says_so() {
    let mut checked = 0;
    each_argument(|case, label, arg, fact| {
        let Some(read_only) = fact["read_only"].as_bool() else { return };
        assert!(arg.kind.is_memory(), "{label}");
        assert_eq!(fact["map_value"], true, "{label}: map value");
        let aligned = match arg.kind {
            ArgKind::FixedIn { aligned, .. }
            | ArgKind::FixedOut { aligned, .. }
            | ArgKind::FixedInOut { aligned, .. } => aligned,
            _ => false,
        };
        let from_stack = arg.kind != ArgKind::DynptrData;
        assert_eq!(read_only, !arg.kind.writes(), "{label}: read-only map");
        assert_eq!(fact["misaligned"], from_stack && !aligned, "{label}: misaligned");
        // Programs with all capabilities may hand over stack that they never wrote.
        assert_eq!(fact["uninitialised"], from_stack, "{label}: uninitialised stack");
        if let Some(packet) = fact["packet"].as_bool() {
            let writable = !arg.kind.writes() || case.hook.packet_writable();
            let reaches = case.hook.packet_reaches(case.helper) && writable && from_stack;
            assert_eq!(packet, reaches && !aligned, "{label}: packet");
        }
        checked += 1;
    });
    assert!(checked > 240, "only {checked} arguments were checked");
}

#[test]
fn effects_are_as_measured() {
    let (mut gpl, mut moves, mut sleeps) = (0, 0, 0);
    each_helper(|case| {
        let effects = case.helper.effects;
        assert_eq!(case.fact["gpl_only"], effects.gpl_only, "{}: GPL only", case.label());
        gpl += usize::from(effects.gpl_only);
        if let Some(measured) = case.fact["moves_packet"].as_bool() {
            assert_eq!(measured, effects.invalidates_packet, "{}: packet pointers die", case.label());
            moves += usize::from(measured);
        }
        if let Some(measured) = case.fact["sleeps"].as_bool() {
            assert_eq!(measured, effects.may_sleep, "{}: may sleep", case.label());
            sleeps += usize::from(measured);
        }
    });
    assert!(gpl > 100 && moves > 60 && sleeps == 6, "{gpl} GPL, {moves} move packets, {sleeps} sleep");
}
