//! `bpf_redirect_map`: what it says of entries that are there, and of those that are not.

use belay_linux::NetNs;
use belay_sockets::SocketTable;

use crate::straight::{Case, Text, same};

#[test]
fn redirects_ask_the_map() {
    if belay_linux::Kernel::for_test("redirects_ask_the_map").is_none() {
        return;
    }
    let netns = NetNs::with_loopback().expect("a namespace");
    for (kind, set) in [
        ("devmap key=4 value=4", true),
        ("devmap_hash key=4 value=4", true),
        ("cpumap key=4 value=4", true),
        ("xskmap key=4 value=4", false),
    ] {
        let mut text = Text::default();
        for flags in [0, 1, 2, 3, 4, 8, 9, 16, 17, 24, 32, 1 << 20] {
            for key in [0, 1, 9] {
                text.add(&format!("r1 = m ll\nr2 = {key}\nr3 = {flags}\ncall bpf_redirect_map"));
                text.keep();
            }
        }
        text.add("r0 = 2\nexit");
        let case = Case::new("xdp", &format!(".map m kind={kind} entries=4"), &text.body);
        let kernel = case.in_kernel(&netns);
        let (key, value) = ([0; 4], 1_u32.to_le_bytes());
        if set {
            let map = kernel.loaded.maps.by_name("m").expect("there");
            netns.run(|| map.update_flags(&key, &value, 0)).expect("there").expect("there is room");
        }
        let theirs = kernel.run(&netns, &[0; 64]);
        let prepare = |maps: &belay_vm::Maps| {
            if set {
                maps.by_name("m").expect("there").update(&key, &value, 0).expect("there is room");
            }
        };
        for (runner, ours, _) in case.here(&SocketTable::empty(), 0, &[0; 64], prepare) {
            same(&format!("{kind}, {runner}"), &ours, &theirs);
        }
        assert_eq!(theirs.out.contains(&4), set, "{kind}: XDP_REDIRECT");
    }
}
