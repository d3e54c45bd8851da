//! The map kinds against what three kernels were measured to create and to take.

mod measured;

use std::collections::BTreeSet;

use belay_spec::{ArgKind, Element, Entries, Helper, Hook, MapKind, MapRules, Release};
use measured::read;
use serde_json::Value;

fn each_map(section: &str, mut check: impl FnMut(Release, &'static MapRules, &Value, &Value)) {
    for release in Release::ALL {
        let facts = read(&format!("helpers-{release}.json"));
        let maps = facts[section].as_object().unwrap_or_else(|| panic!("`{section}` is an object"));
        assert!(maps.len() >= 30, "{release}: only {} kinds", maps.len());
        for (name, fact) in maps {
            let kind = MapKind::by_name(name).unwrap_or_else(|| panic!("no map kind `{name}`"));
            check(release, kind.rules().unwrap_or_else(|| panic!("no rules for `{name}`")), fact, &facts);
        }
    }
}

fn numbers(list: &Value) -> BTreeSet<u32> {
    let list = list.as_array().expect("a list of numbers");
    list.iter().filter_map(|n| n.as_u64().and_then(|n| u32::try_from(n).ok())).collect()
}

#[test]
fn kinds_are_created_with_the_measured_sizes_and_flags() {
    each_map("creation", |release, rules, fact, facts| {
        let label = format!("{release} {}", rules.kind);
        if rules.since > release {
            assert_eq!(numbers(&fact["key"]), BTreeSet::new(), "{label} did not exist");
            return;
        }
        let tried = |dimension: &str| numbers(&facts["tried"][dimension]);
        let allowed = |sizes: BTreeSet<u32>, allow: &dyn Fn(u32) -> bool| -> BTreeSet<u32> {
            sizes.into_iter().filter(|size| allow(*size)).collect()
        };
        assert_eq!(numbers(&fact["key"]), allowed(tried("key"), &|s| rules.key.allow(s)), "{label}: keys");
        if !fact["value"].is_null() {
            let ours = allowed(tried("value"), &|s| rules.value.allow(s));
            assert_eq!(numbers(&fact["value"]), ours, "{label}: values");
        }
        if rules.entries != Entries::Cpus {
            let ours = allowed(tried("entries"), &|n| rules.entries.allow(n));
            assert_eq!(numbers(&fact["entries"]), ours, "{label}: entries");
        }
        let flags = allowed((0..20).collect(), &|bit| rules.flags & (1 << bit) != 0);
        assert_eq!(numbers(&fact["flags"]), flags, "{label}: flags");
        assert_eq!(fact["no_flags"], rules.required_flags == 0, "{label}: created without flags");
    });
}

#[test]
fn kinds_are_taken_by_the_measured_helpers() {
    let mut checked = 0;
    for release in Release::ALL {
        let facts = read(&format!("helpers-{release}.json"));
        let maps = facts["maps"].as_object().expect("`maps` is an object");
        // Helpers that also want a callback, a timer or a kernel object took no map in the measurement.
        let measured: BTreeSet<u32> = maps.values().flat_map(|fact| numbers(&fact["helpers"])).collect();
        assert!(measured.len() >= 30, "{release}: only {} helpers took a map", measured.len());
        for (name, fact) in maps {
            let kind = MapKind::by_name(name).unwrap_or_else(|| panic!("no map kind `{name}`"));
            let taken = numbers(&fact["helpers"]);
            for id in &measured {
                let helper = Helper::by_id(*id).expect("a helper");
                assert_eq!(kind.allows(helper), taken.contains(id), "{release} {name} {}", helper.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 2800, "only {checked} pairs were checked");
}

#[test]
fn kinds_give_the_measured_elements() {
    each_map("maps", |release, rules, fact, _| {
        let label = format!("{release} {}", rules.kind);
        let measured = |key: &str| fact[key].as_bool().unwrap_or_else(|| panic!("{label}: no `{key}`"));
        assert_eq!(measured("direct"), rules.direct_values, "{label}: value addresses");
        assert_eq!(measured("sleepable"), rules.sleepable(release), "{label}: sleepable programs");
        assert_eq!(measured("write"), rules.element == Element::Value, "{label}: element written");
        let acquires = matches!(rules.element, Element::Socket { acquires: true, .. });
        assert_eq!(measured("releasable"), acquires, "{label}: element released");
        // A held socket leaks in the measured program; what can be read of a map depends on the kernel's BTF.
        if !acquires && rules.element != Element::Map {
            let readable = matches!(rules.element, Element::Value | Element::ReadOnlyValue);
            // `xdp_sock` is read only by XDP programs' helpers, but its field is readable everywhere.
            let socket = matches!(rules.element, Element::Socket { .. });
            assert_eq!(measured("read"), readable || socket, "{label}: element read");
        }
    });
}

#[test]
fn sockets_go_into_maps_in_the_measured_hooks() {
    let update = Helper::by_name("map_update_elem").expect("a helper");
    let delete = Helper::by_name("map_delete_elem").expect("a helper");
    for release in Release::ALL {
        let facts = read(&format!("helpers-{release}.json"));
        for (name, fact) in facts["sockets_in_maps"].as_object().expect("an object") {
            let hook = Hook::by_name(name).unwrap_or_else(|| panic!("no hook `{name}`"));
            for kind in [MapKind::SOCKMAP, MapKind::SOCKHASH] {
                let fact = &fact[kind.name().expect("a name")];
                for (helper, key) in [(update, "update"), (delete, "delete")] {
                    // No socket to put in could be had in some hooks; sleepable programs cannot name the map at all.
                    if let (Some(measured), false) = (fact[key].as_bool(), hook.name == "syscall") {
                        assert_eq!(
                            hook.allows_on_map(helper, kind),
                            measured,
                            "{release} {name} {kind} {key}"
                        );
                    }
                }
            }
        }
    }
    assert_eq!(MapKind::SOCKMAP.resolve(ArgKind::MapValue), Some(ArgKind::BtfSockCommon));
    assert_eq!(MapKind::HASH.resolve(ArgKind::MapValue), Some(ArgKind::MapValue));
}
