//! Maps that hold sockets, and storage that sockets own.

use belay_linux::Population;
use belay_sockets::SocketTable;

use crate::straight::{Case, Text, same};

const TABLE: &str = r#"
[[netns]]
name = "host"
devices = [{ name = "eth0", ifindex = 2, addresses = ["10.0.0.1/24"] }]
[[tcp]]
state = "listen"
local = "10.0.0.1:8080"
[[tcp]]
state = "established"
local = "10.0.0.1:8081"
remote = "10.0.0.2:4000"
[[tcp]]
state = "close_wait"
local = "10.0.0.1:8082"
remote = "10.0.0.2:4001"
[[tcp]]
state = "time_wait"
local = "10.0.0.1:8083"
remote = "10.0.0.2:4002"
[[udp]]
local = "10.0.0.1:53"
[[udp]]
local = "10.0.0.1:54"
remote = "10.0.0.2:4003"
"#;

/// Helper, local port, remote port.
const FINDS: [(&str, u16, u16); 7] = [
    ("bpf_sk_lookup_tcp", 8080, 9),
    ("bpf_skc_lookup_tcp", 8080, 9),
    ("bpf_sk_lookup_tcp", 8081, 4000),
    ("bpf_sk_lookup_tcp", 8082, 4001),
    ("bpf_skc_lookup_tcp", 8083, 4002),
    ("bpf_sk_lookup_udp", 53, 9),
    ("bpf_sk_lookup_udp", 54, 4003),
];

/// Finds a socket into `r7`, and lets it go after what `with` adds; the context is in `r6`.
fn with_socket(text: &mut Text, (helper, local, remote): (&str, u16, u16), with: impl FnOnce(&mut Text)) {
    let (here, there) = (u32::from_le_bytes([10, 0, 0, 1]), u32::from_le_bytes([10, 0, 0, 2]));
    let ports = u32::from(remote.to_be()) | u32::from(local.to_be()) << 16;
    let (none, end) = (text.label(), text.label());
    text.add(&format!(
        "*(u32 *)(r10 - 200) = {there}\n*(u32 *)(r10 - 196) = {here}\nr2 = {ports:#x} ll\n*(u32 *)(r10 - 192) = r2\nr1 = r6\n\
         r2 = r10\nr2 += -200\nr3 = 12\nr4 = -1\nr5 = 0\ncall {helper}\nif r0 == 0 goto {none}\nr7 = r0\nr0 = 1"
    ));
    text.keep();
    with(text);
    text.add(&format!("r1 = r7\ncall bpf_sk_release\ngoto {end}\n{none}:\nr0 = 0\n{end}:"));
}

/// Puts the socket in `r7` into `m`.
fn update(text: &mut Text, key: i32, flags: i32) {
    text.add(&format!(
        "*(u32 *)(r10 - 4) = {key}\nr1 = m ll\nr2 = r10\nr2 += -4\nr3 = r7\nr4 = {flags}\ncall bpf_map_update_elem"
    ));
    text.keep();
}

fn delete(text: &mut Text, key: i32) {
    text.add(&format!("*(u32 *)(r10 - 4) = {key}\nr1 = m ll\nr2 = r10\nr2 += -4\ncall bpf_map_delete_elem"));
    text.keep();
}

/// Keeps the local port of the socket at a key of `m`, 7 for none.
fn lookup(text: &mut Text, key: i32) {
    let (none, end) = (text.label(), text.label());
    text.add(&format!(
        "*(u32 *)(r10 - 4) = {key}\nr1 = m ll\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nr8 = r0\n\
         if r8 == 0 goto {none}\nr9 = *(u32 *)(r8 + 44)\nr1 = r8\ncall bpf_sk_release\ngoto {end}\n{none}:\nr9 = 7\n{end}:\n\
         r0 = r9"
    ));
    text.keep();
}

/// Runs a body in the kernel, where the sockets of the table are real, and here.
fn compare(test: &str, hook: &str, maps: &str, text: Text) {
    if belay_linux::Kernel::for_test(test).is_none() {
        return;
    }
    let table = SocketTable::from_toml("t.toml", TABLE).expect("well formed");
    let netns = table.read().default_netns().expect("a namespace");
    let real = Population::of(&table, netns).expect("the kernel makes them");
    let case = Case::new(hook, maps, &format!("r6 = r1\n{}r0 = 1\nexit", text.body));
    let frame = [0; 64];
    let kernel = case.in_kernel(real.namespace()).run(real.namespace(), &frame);
    for (runner, ours, _) in case.here(&table, 0, &frame, |_| ()) {
        same(runner, &ours, &kernel);
    }
    assert_ne!(kernel.out[0], 0, "the first socket was found, or the first value stored");
}

#[test]
fn socket_maps_hold_what_linux_lets_them_hold() {
    for (map, beyond) in
        [("kind=sockmap key=4 value=8 entries=4", 4), ("kind=sockhash key=4 value=4 entries=4", 99)]
    {
        for find in FINDS {
            let mut text = Text::default();
            with_socket(&mut text, FINDS[2], |text| update(text, 3, 0));
            with_socket(&mut text, find, |text| {
                for (key, flags) in [
                    (0, 2),
                    (0, 1),
                    (0, 1),
                    (0, 2),
                    (0, 3),
                    (1, 0),
                    (1, 4),
                    (3, 0),
                    (beyond, 0),
                    (2, 0),
                    (5, 0),
                ] {
                    update(text, key, flags);
                }
            });
            for key in [0, 1, 2, 3, beyond] {
                lookup(&mut text, key);
            }
            delete(&mut text, 1);
            delete(&mut text, 1);
            delete(&mut text, 77);
            lookup(&mut text, 1);
            compare(
                "socket_maps_hold_what_linux_lets_them_hold",
                "sched_cls",
                &format!(".map m {map}"),
                text,
            );
        }
    }
}

#[test]
fn sockets_keep_what_programs_store_with_them() {
    let map = ".map m kind=sk_storage key=4 value=16 entries=0 flags=1 fields=12:bpf_spin_lock";
    let get = |text: &mut Text, value: bool, flags: i32| {
        let (none, end) = (text.label(), text.label());
        let value = if value { "r3 = r10\nr3 += -32" } else { "r3 = 0" };
        text.add(&format!(
            "r1 = 0x1122334455667788 ll\n*(u64 *)(r10 - 32) = r1\n*(u64 *)(r10 - 24) = 5\nr1 = m ll\nr2 = r7\n{value}\nr4 = {flags}\n\
             call bpf_sk_storage_get\nif r0 == 0 goto {none}\nr9 = *(u64 *)(r0 + 0)\nr1 = r9\nr1 += 1\n*(u64 *)(r0 + 0) = r1\n\
             goto {end}\n{none}:\nr9 = -1\n{end}:\nr0 = r9"
        ));
        text.keep();
    };
    for find in FINDS.into_iter().filter(|find| find.0 != "bpf_skc_lookup_tcp") {
        let mut text = Text::default();
        let delete = |text: &mut Text| {
            text.add("r1 = m ll\nr2 = r7\ncall bpf_sk_storage_delete");
            text.keep();
        };
        for other in [find, FINDS[2], find] {
            with_socket(&mut text, other, |text| {
                get(text, false, 0);
                get(text, true, 2);
                get(text, true, 1);
                get(text, false, 1);
                get(text, false, 0);
                if other == find {
                    delete(text);
                    delete(text);
                    get(text, false, 1);
                }
            });
        }
        compare("sockets_keep_what_programs_store_with_them", "sched_cls", map, text);
    }
}

#[test]
fn cgroups_keep_what_programs_store_with_them() {
    let mut text = Text::default();
    for map in ["m", "n"] {
        for add in [3, 4] {
            text.add(&format!(
                "r1 = {map} ll\nr2 = 0\ncall bpf_get_local_storage\nr1 = *(u64 *)(r0 + 0)\nr1 += {add}\n*(u64 *)(r0 + 0) = r1\nr0 = r1"
            ));
            text.keep();
        }
    }
    let maps = ".map m kind=cgroup_storage key=16 value=8 entries=0\n\
                .map n kind=percpu_cgroup_storage key=8 value=8 entries=0";
    compare("cgroups_keep_what_programs_store_with_them", "cgroup_skb/egress", maps, text);
}
