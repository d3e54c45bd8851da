//! The tables against what three kernels were measured to allow: every hook, helper, offset, width, store form and
//! return value (`tests/facts/README.md`).

mod measured;

use std::collections::BTreeSet;

use belay_spec::{Access, FieldKind, Helper, Hook, Release, ReturnRange, Rule, SockKind};
use measured::read;
use serde_json::Value;

const WIDTHS: [u32; 4] = [1, 2, 4, 8];

/// Calls `check` with every release, hook and the facts of the hook.
fn each_hook(mut check: impl FnMut(Release, &'static Hook, &Value)) {
    for release in Release::ALL {
        let facts = read(&format!("{release}.json"));
        let hooks = facts["hooks"].as_object().expect("`hooks` is an object");
        assert_eq!(hooks.len(), Hook::all().len(), "{release}: number of hooks");
        for (name, fact) in hooks {
            let hook = Hook::by_name(name).unwrap_or_else(|| panic!("{release}: no hook `{name}`"));
            check(release, hook, fact);
        }
    }
}

#[test]
fn hooks_have_the_measured_types() {
    each_hook(|release, hook, fact| {
        assert_eq!(Some(u64::from(hook.prog_type)), fact["prog_type"].as_u64(), "{release} {}", hook.name);
        assert_eq!(
            Some(u64::from(hook.attach_type)),
            fact["attach_type"].as_u64(),
            "{release} {}",
            hook.name
        );
        assert_eq!(Hook::by_types(hook.prog_type, hook.attach_type), Some(hook), "{}", hook.name);
    });
}

#[test]
fn hooks_allow_the_measured_helpers() {
    let mut checked = 0;
    each_hook(|release, hook, fact| {
        let ids = fact["helpers"].as_array().expect("`helpers` is a list");
        let allowed: BTreeSet<u64> = ids.iter().filter_map(Value::as_u64).collect();
        for id in 0..=230 {
            let expected = allowed.contains(&u64::from(id));
            let name = Helper::by_id(id).map_or("?", |h| h.name);
            assert_eq!(hook.allows_id(release, id), expected, "{release} {} helper {id} {name}", hook.name);
            checked += 1;
        }
    });
    assert_eq!(checked, 3 * 44 * 231);
}

/// The highest offset that was tried. Contexts without a fixed size were tried to here only.
fn last_offset_tried(hook: &Hook, reads: &Value) -> i32 {
    let highest = reads.as_object().and_then(|r| r.keys().filter_map(|k| k.parse::<i32>().ok()).max());
    match hook.name {
        "tracepoint" | "syscall" => highest.expect("some offset is readable"),
        _ => 320,
    }
}

#[test]
fn contexts_allow_the_measured_reads() {
    let mut allowed = 0;
    each_hook(|release, hook, fact| {
        let reads = &fact["ctx_read"];
        for off in -8..=last_offset_tried(hook, reads) {
            for size in WIDTHS {
                let measured = reads[off.to_string()][size.to_string()].as_str();
                let ours = hook.context_access(release, off, size, Access::Read).map(FieldKind::kernel_name);
                assert_eq!(ours, measured, "{release} {} read of {size} at {off}", hook.name);
                allowed += usize::from(ours.is_some());
            }
        }
    });
    assert!(allowed > 10_000, "only {allowed} reads were allowed: were the facts read?");
}

#[test]
fn contexts_allow_the_measured_writes() {
    let mut allowed = 0;
    each_hook(|release, hook, fact| {
        let writes = &fact["ctx_write"];
        for off in -8..=last_offset_tried(hook, &fact["ctx_read"]) {
            for size in WIDTHS {
                let measured = writes[off.to_string()][size.to_string()].as_str().unwrap_or("");
                for (access, form) in [(Access::WriteReg, "reg"), (Access::WriteImm, "imm")] {
                    let expected = measured.split('+').any(|f| f == form);
                    let ours = hook.context_access(release, off, size, access).is_some();
                    assert_eq!(ours, expected, "{release} {} {form} store of {size} at {off}", hook.name);
                    allowed += usize::from(ours);
                }
            }
        }
    });
    assert!(allowed > 500, "only {allowed} writes were allowed: were the facts read?");
}

#[test]
fn hooks_return_what_was_measured() {
    each_hook(|release, hook, fact| {
        let range = hook.return_range(release);
        for (value, allowed) in fact["return_values"].as_object().expect("`return_values` is an object") {
            let expected = allowed.as_bool().expect("a verdict");
            let ours = match value.parse::<i32>() {
                Ok(value) => range.contains(value),
                Err(_) => range == ReturnRange::Any, // `unknown` and `ctx_pointer`
            };
            assert_eq!(ours, expected, "{release} {} returns {value}", hook.name);
        }
    });
}

#[test]
fn socket_views_read_what_was_measured() {
    let facts = read("socket-views-6.18.json");
    for view in SockKind::ALL {
        let mut allowed = 0;
        let fact = &facts["views"][view.name()];
        let bound =
            |key: &str| fact[key].as_i64().unwrap_or_else(|| panic!("{} has no `{key}`", view.name()));
        for off in bound("first_offset")..bound("end_offset") {
            let widths = fact["read"][off.to_string()].as_array();
            for size in WIDTHS {
                let expected = widths.is_some_and(|w| w.iter().any(|w| w.as_u64() == Some(u64::from(size))));
                let ours = i32::try_from(off).is_ok_and(|off| view.can_read(off, size));
                assert_eq!(ours, expected, "{} read of {size} at {off}", view.name());
                allowed += usize::from(ours);
            }
        }
        assert!(allowed > 0, "nothing of {} was readable: were the facts read?", view.name());
    }
}

#[test]
fn releases_have_the_measured_rules() {
    let facts = read("rules.json");
    let facts = facts.as_array().expect("a list");
    for (rule, since) in Rule::ALL {
        let programs: Vec<&Value> = facts.iter().filter(|f| f["rule"] == format!("{rule:?}")).collect();
        assert!(!programs.is_empty(), "{rule:?} was not measured");
        for (program, release) in programs.iter().flat_map(|p| Release::ALL.map(|r| (p, r))) {
            let loads = program["loads"][release.to_string()].as_bool().expect("a verdict");
            assert_eq!(release.has(*rule), loads, "{release} {rule:?} {}", program["about"]);
            assert_eq!(release.has(*rule), release >= *since, "{release} {rule:?}");
        }
    }
    assert!(facts.iter().all(|f| Rule::ALL.iter().any(|(rule, _)| f["rule"] == format!("{rule:?}"))));
}
