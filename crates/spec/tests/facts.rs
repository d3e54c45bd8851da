//! The tables against what three kernels were measured to allow: every hook, helper, offset, width, store form and
//! return value (`tests/facts/README.md`).

mod measured;

use std::collections::BTreeSet;

use belay_spec::{Access, FieldKind, Helper, Hook, Opening, Release, ReturnRange, Rule, SockKind};
use measured::read;
use serde_json::Value;

const WIDTHS: [u32; 4] = [1, 2, 4, 8];

/// Calls `check` with every release, hook and the facts of the hook.
fn each_hook(mut check: impl FnMut(Release, &'static Hook, &Value)) {
    for release in Release::ALL {
        let facts = read(&format!("{release}.json"));
        let hooks = facts["hooks"].as_object().expect("`hooks` is an object");
        assert_eq!(hooks.len(), 44, "{release}: number of hooks");
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

/// The target of a row, and its hook.
fn place(row: &Value) -> (&'static Hook, &str) {
    let name = row["hook"].as_str().expect("a name");
    (
        Hook::by_name(name).unwrap_or_else(|| panic!("no hook `{name}`")),
        row["target"].as_str().expect("a name"),
    )
}

/// Calls `check` with every measured target of every release.
fn each_target(mut check: impl FnMut(Release, &'static Hook, &str, &Value)) {
    for release in Release::ALL {
        for row in read(&format!("targets-{release}.json")).as_array().expect("a list") {
            let (hook, target) = place(row);
            check(release, hook, target, row);
        }
    }
}

#[test]
fn targets_open_the_measured_helpers() {
    let (mut open, mut closed_here) = (0, 0);
    let mut wrong = Vec::new();
    each_target(|release, hook, target, row| {
        let Some(ids) = row["helpers"].as_array() else { return };
        let allowed: BTreeSet<u64> = ids.iter().filter_map(Value::as_u64).collect();
        for helper in Helper::all() {
            let opening = hook.opening(release, helper, target);
            let expected = allowed.contains(&u64::from(helper.id));
            let label = format!("{release} {}/{target} {}", hook.name, helper.name);
            if matches!(opening, Opening::Open | Opening::AroundFunctions) != expected {
                wrong.push(format!("{label} {expected}"));
            }
            open += u32::from(opening == Opening::Open);
            closed_here += u32::from(opening == Opening::ClosedHere);
        }
    });
    assert_eq!(wrong, Vec::<String>::new());
    assert!(open > 10_000 && closed_here > 100, "{open} open, {closed_here} closed here");
}

#[test]
fn targets_return_what_was_measured() {
    let check = |range: ReturnRange, values: &Value, label: &str| {
        let values = values.as_object().expect("an object");
        for (value, allowed) in values {
            let ours = match value.parse::<i32>() {
                Ok(value) => range.contains(value),
                Err(_) => matches!(range, ReturnRange::Any | ReturnRange::Unread),
            };
            assert_eq!(ours, allowed.as_bool().expect("a verdict"), "{label} returns {value}");
        }
        values.len()
    };
    let mut checked = 0;
    each_target(|release, hook, target, row| {
        let label = format!("{release} {}/{target}", hook.name);
        let cgroup = Hook::by_name("lsm/cgroup").expect("a hook");
        for (key, hook) in [("return_values", hook), ("returns", hook), ("returns_in_cgroup", cgroup)] {
            if row[key].is_object() {
                let range =
                    hook.return_range_at(release, target).unwrap_or_else(|| panic!("{label}: unknown"));
                checked += check(range, &row[key], &label);
            }
        }
        if row["returns"].is_null() && row.get("sleeps").is_some() {
            assert_eq!(hook.target_closed(target), Some(true), "{label}");
        }
    });
    assert!(checked > 3_000, "{checked}");
}

#[test]
fn sleepable_programs_load_where_measured() {
    let mut checked = 0;
    each_target(|release, hook, target, row| {
        let loads = if let Some(sleeps) = row.get("sleeps") {
            sleeps.as_bool().expect("a verdict")
        } else if row["sleepable"] == true {
            row.get("refused").is_none()
        } else {
            return;
        };
        let closed = hook.target_closed(target) == Some(true);
        if let Some(may) = hook.may_sleep_at(release, target).filter(|_| !closed) {
            assert_eq!(may, loads, "{release} {}/{target}", hook.name);
            checked += 1;
        }
    });
    assert!(checked > 300, "{checked}");
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
        // (Others are shown by programs whose verdict Belay itself must give: `tests/programs/releases`.)
        for (program, release) in programs.iter().flat_map(|p| Release::ALL.map(|r| (p, r))) {
            let loads = program["loads"][release.to_string()].as_bool().expect("a verdict");
            assert_eq!(release.has(*rule), loads, "{release} {rule:?} {}", program["about"]);
            assert_eq!(release.has(*rule), release >= *since, "{release} {rule:?}");
        }
    }
    assert!(facts.iter().all(|f| Rule::ALL.iter().any(|(rule, _)| f["rule"] == format!("{rule:?}"))));
}
