//! What is recorded of the running kernel is what the tables of its release say.

use belay_linux::{Kernel, record_profile};
use belay_profile::KernelProfile;
use belay_spec::{Helper, Hook, Kfunc, KfuncFlags, KfuncSets, TargetKind};

/// The hooks that a program attaches to without naming a target: those that load plainly.
fn plain() -> impl Iterator<Item = &'static Hook> {
    Hook::all().iter().filter(|hook| hook.target_kind() == TargetKind::None)
}

#[test]
fn a_recorded_profile_agrees_with_the_tables() {
    const TEST: &str = "a_recorded_profile_agrees_with_the_tables";
    let Some(kernel) = Kernel::for_test(TEST) else { return };
    let Some(release) = kernel.profile() else {
        eprintln!("skipped: {TEST}: linux {} is not a release that the tables describe", kernel.release);
        return;
    };
    let recorded = record_profile().expect("a profile");
    assert_eq!(recorded.missing, [""; 0]);
    let profile = KernelProfile::read("recorded", &recorded.profile.write()).expect("reads back");
    assert_eq!((profile.name(), profile.release()), (&*kernel.release, release));
    let facts = profile.facts();
    assert!(facts.kfuncs.len() > 20 && facts.helpers.len() == plain().count(), "{}", facts.helpers.len());
    for (name, fact) in &facts.kfuncs {
        let sets = fact.sets.iter().map(|set| KfuncSets::by_name(set).expect("a set"));
        let fact = (KfuncFlags(fact.flags), sets.fold(KfuncSets::NONE, KfuncSets::and));
        let row = Kfunc::by_name(name).and_then(|row| row.registration(release));
        assert_eq!(row.map(|row| (row.flags, row.sets)), Some(fact), "{name}");
    }
    for hook in plain() {
        let allowed = facts.helpers.get(hook.name).expect("every hook loads");
        for helper in Helper::all() {
            let label = format!("{} in {}", helper.name, hook.name);
            assert_eq!(allowed.contains(&helper.id), hook.allows(release, helper), "{label}");
        }
    }
    assert!(facts.config.contains_key("CONFIG_HZ"), "{:?}", facts.config);
}
