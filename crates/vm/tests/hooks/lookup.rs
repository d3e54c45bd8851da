//! `sk_lookup`: contexts by `BPF_PROG_TEST_RUN`.

use std::net::{IpAddr, SocketAddr};

use belay_linux::{Kernel, NetNs, TestRun, test_run};
use belay_sockets::{Protocol, SocketTable};
use belay_vm::SkLookup;

use crate::judge::{InKernel, every_load, hook, keep, object, ours, same};

/// `struct bpf_sk_lookup`
fn context(lookup: &SkLookup) -> Vec<u8> {
    let mut bytes = vec![0; 72];
    let mut put = |off: usize, value: &[u8]| bytes[off..off + value.len()].copy_from_slice(value);
    put(8, &(if lookup.local.is_ipv4() { 2_u32 } else { 10 }).to_ne_bytes());
    put(12, &u32::from(lookup.protocol.number()).to_ne_bytes());
    for (address, v4, v6) in [(lookup.remote, 16, 20), (lookup.local, 40, 44)] {
        match address.ip() {
            IpAddr::V4(ip) => put(v4, &ip.octets()),
            IpAddr::V6(ip) => put(v6, &ip.octets()),
        }
    }
    put(36, &lookup.remote.port().to_be_bytes());
    put(60, &u32::from(lookup.local.port()).to_ne_bytes());
    put(64, &lookup.ingress_ifindex.to_ne_bytes());
    bytes
}

fn lookups() -> Vec<SkLookup> {
    let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let v4 = SkLookup::new(Protocol::Tcp, at("10.1.2.3:40000"), at("10.4.5.6:443"));
    let v6 = SkLookup::new(Protocol::Udp, at("[fd00:1:2:3::9]:1234"), at("[fd00::4:5:6:7]:65535"));
    vec![SkLookup::default(), v4, v6]
}

#[test]
fn lookups_are_seen_as_in_the_kernel() {
    if Kernel::for_test("lookups_are_seen_as_in_the_kernel").is_none() {
        return;
    }
    let netns = NetNs::with_loopback().expect("a namespace");
    let (loads, names) = every_load(hook("sk_lookup"), &[], 0);
    let body = format!("r6 = r1\n{loads}r0 = 1\nexit");
    let object = object("sk_lookup", "", &body);
    for lookup in lookups() {
        let kernel = InKernel::load(&object);
        let context = context(&lookup);
        let run = TestRun { ctx_in: &context, ..TestRun::default() };
        let result = netns.run(|| test_run(kernel.program(), &run)).expect("inside").expect("it runs");
        let (ran, after) = ours(&object, &SocketTable::empty(), || lookup.clone());
        same(&ran.out, &kernel.out(), &names);
        assert_eq!(ran.action.map(|action| action.value), Some(result.retval.cast_signed()));
        assert_eq!(after, lookup, "nothing was assigned");
    }
}

#[test]
fn assigning_nothing_answers_as_in_the_kernel() {
    if Kernel::for_test("assigning_nothing_answers_as_in_the_kernel").is_none() {
        return;
    }
    let netns = NetNs::with_loopback().expect("a namespace");
    let mut body = "r6 = r1\n".to_owned();
    for (slot, flags) in [0_u64, 1, 2, 3, 4, 1 << 40].into_iter().enumerate() {
        body += &format!("r1 = r6\nr2 = 0\nr3 = {flags} ll\ncall bpf_sk_assign\n{}", keep(slot));
    }
    for (value, fate) in [(1, belay_spec::Fate::Pass), (0, belay_spec::Fate::Drop)] {
        let object = object("sk_lookup", "", &format!("{body}r0 = {value}\nexit"));
        let kernel = InKernel::load(&object);
        let lookup = SkLookup::default();
        let context = context(&lookup);
        let run = TestRun { ctx_in: &context, ..TestRun::default() };
        let result = netns.run(|| test_run(kernel.program(), &run)).expect("inside").expect("it runs");
        let (ran, _) = ours(&object, &SocketTable::empty(), || lookup.clone());
        same(&ran.out, &kernel.out(), &[]);
        let action = ran.action.expect("it ran");
        assert_eq!((action.value, action.fate), (result.retval.cast_signed(), fate));
    }
}
