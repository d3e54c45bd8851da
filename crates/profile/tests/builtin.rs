//! The profiles that come with Belay: whole, with the kernel functions that their tables claim.

use std::time::Instant;

use belay_object::btf::{Btf, Kind};
use belay_profile::{Facts, KernelProfile, select};
use belay_spec::{Hook, Kfunc, KfuncFlags, ParamTag, Release};

#[test]
fn every_release_has_its_types_and_kernel_functions() {
    for release in Release::ALL {
        let start = Instant::now();
        let profile = KernelProfile::builtin(release);
        let btf = profile.btf();
        let unpacked = start.elapsed();
        let start = Instant::now();
        let found = profile.kfuncs().count();
        let indexed = start.elapsed();
        for name in ["sk_buff", "task_struct", "sock", "tcp_sock", "bpf_dynptr_kern"] {
            assert!(
                btf.find(name, |kind| matches!(kind, Kind::Struct { .. })).is_some(),
                "{release}: {name}"
            );
        }
        assert!(btf.find_func("bpf_lsm_file_open").is_some(), "{release}");
        assert!(btf.find("btf_trace_sched_switch", |kind| matches!(kind, Kind::Typedef(_))).is_some());
        let listed = Kfunc::all().iter().filter(|row| row.registration(release).is_some());
        let missing: Vec<&str> =
            listed.clone().map(|row| row.name).filter(|name| profile.kfunc(name).is_none()).collect();
        eprintln!(
            "{release}: {} types, {found} kernel functions, {unpacked:?} to unpack, {indexed:?} to index, without {missing:?}",
            btf.len()
        );
        assert!(missing.is_empty(), "{release}: {missing:?}");
        for kfunc in profile.kfuncs() {
            assert_eq!(profile.kfunc_by_btf_id(kfunc.id).map(|k| &k.name), Some(&kfunc.name));
        }
    }
}

#[test]
fn signatures_come_from_the_types() {
    let profile = KernelProfile::builtin(Release::V6_18);
    let slice = profile.kfunc("bpf_dynptr_slice").expect("a kernel function");
    let tags: Vec<_> = slice.params(profile.btf()).map(|param| param.tag).collect();
    assert_eq!(tags, [None, None, Some(ParamTag::Optional), Some(ParamTag::ConstSize)]);
    assert!(slice.flags().has(KfuncFlags::RET_NULL));
    let lookup = profile.kfunc("bpf_skb_ct_lookup").expect("a kernel function");
    let Kind::Ptr(to) = profile.btf().get(lookup.returns(profile.btf())).kind else { panic!("a pointer") };
    assert_eq!(profile.btf().strip(to).name, "nf_conn");
    assert!([3, 6].iter().all(|&prog_type| lookup.callable_at(Release::V6_18, prog_type, 0)));
    assert!(!lookup.callable_at(Release::V6_18, 26, 24));
}

#[test]
fn a_profile_reads_back_and_damage_is_told() {
    let profile = KernelProfile::builtin(Release::V6_1);
    let small = profile.btf().select(|ty| ty.name == "iphdr").expect("a selection");
    let written = KernelProfile::new(Facts::of("mine", Release::V6_12), small).write();
    let back = KernelProfile::read("mine.profile", &written).expect("whole");
    assert_eq!((back.name(), back.release()), ("mine", Release::V6_12));
    let size = |btf: &Btf| btf.find("iphdr", |_| true).and_then(|id| btf.size_of(id));
    assert_eq!(size(back.btf()), size(profile.btf()));
    for at in 0..written.len() {
        let mut damaged = written.clone();
        damaged[at] ^= 0x55;
        if let Err(why) = KernelProfile::read("bad.profile", &damaged) {
            assert!(why.starts_with("bad.profile: "), "{why}");
        }
        let why = KernelProfile::read("bad.profile", &written[..at]).expect_err("cut off");
        assert!(why.contains("kernel profile"), "{why}");
    }
}

#[test]
fn a_selection_of_a_selection_is_the_same() {
    let btf = KernelProfile::builtin(Release::V6_12).btf();
    assert_eq!(select(btf).expect("a selection").bytes(), btf.bytes());
}

#[test]
fn what_was_measured_of_helpers_wins_over_the_tables() {
    let hook = Hook::by_name("xdp").expect("a hook");
    let types =
        KernelProfile::builtin(Release::V6_18).btf().select(|ty| ty.name == "iphdr").expect("a selection");
    let mut facts = Facts::of("mine", Release::V6_18);
    let (lookup, get_current_task) = (1, 35);
    facts.helpers.insert("xdp".to_owned(), vec![get_current_task]);
    let profile = KernelProfile::new(facts, types);
    assert_eq!(profile.signature(hook, lookup), None);
    assert_eq!(profile.signature(hook, get_current_task).map(|helper| helper.id), Some(get_current_task));
    let other = Hook::by_name("sched_cls").expect("a hook");
    assert_eq!(profile.signature(other, lookup), other.signature(Release::V6_18, lookup));
}
