//! Devices, settings and options, by real calls of a thread in a control group.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};

use belay_sockets::SocketTable;
use belay_vm::{DeviceAccess, Sockopt, SockoptOutcome, Sysctl};
use socket2::{Domain, Socket, Type};

use crate::judge::{Lab, every_load, hook, keep, object, ours, same};

#[test]
fn devices_are_seen_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("devices_are_seen_as_in_the_kernel") else { return };
    let (see, names) = every_load(hook("cgroup_device"), &[], 0);
    let accesses = [
        (DeviceAccess { read: true, major: 1, minor: 3, ..DeviceAccess::default() }, "/dev/null"),
        (DeviceAccess { read: true, major: 1, minor: 5, ..DeviceAccess::default() }, "/dev/zero"),
        (DeviceAccess { write: true, major: 1, minor: 3, ..DeviceAccess::default() }, "/dev/null"),
    ];
    for (access, path) in accesses {
        for value in [0, 1] {
            let object = object("cgroup_device", "", &format!("r6 = r1\n{see}r0 = {value}\nexit"));
            let act = || if access.write { File::create(path) } else { File::open(path) };
            let (kernel, opened) = lab.watch(hook("cgroup_device"), &object, act);
            let (ran, after) = ours(&object, &SocketTable::empty(), || access);
            same(&ran.out, &kernel, &names);
            let error = opened.err().and_then(|error| error.raw_os_error()).unwrap_or(0);
            assert_eq!(ran.action.expect("it ran").result(after.retval), -error);
        }
    }
}

/// Keeps a string of up to 40 bytes that lies at `r10 - 48`.
fn keep_string(slot: usize) -> String {
    let words: String =
        (0..5).map(|i| format!("r0 = *(u64 *)(r10 - {})\n{}", 48 - 8 * i, keep(slot + i))).collect();
    words
}

#[test]
fn settings_are_seen_and_changed_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("settings_are_seen_and_changed_as_in_the_kernel") else { return };
    let (see, mut names) = every_load(hook("cgroup_sysctl"), &[], 0);
    let mut body = format!("r6 = r1\n{see}");
    let mut slot = names.len();
    let fill: String = (0..5).map(|i| format!("*(u64 *)(r10 - {}) = -1\n", 48 - 8 * i)).collect();
    for len in [1, 3, 4, 5, 16, 19, 20, 21, 40] {
        for (helper, flags) in [
            ("bpf_sysctl_get_name", 0),
            ("bpf_sysctl_get_name", 1),
            ("bpf_sysctl_get_current_value", 0),
            ("bpf_sysctl_get_new_value", 0),
        ] {
            body += &format!(
                "{fill}r1 = r6\nr2 = r10\nr2 += -48\nr3 = {len}\nr4 = {flags}\ncall {helper}\n{}{}",
                keep(slot),
                keep_string(slot + 1)
            );
            names.extend((0..6).map(|part| format!("{helper}({len}, {flags}), part {part}")));
            slot += 6;
        }
    }
    // "1\n", whatever the process writes.
    body += &format!(
        "r1 = 0x0a31\n*(u16 *)(r10 - 48) = r1\nr1 = r6\nr2 = r10\nr2 += -48\nr3 = 2\ncall bpf_sysctl_set_new_value\n{}",
        keep(slot)
    );
    let object = object("cgroup_sysctl", "", &format!("{body}r0 = 1\nexit"));
    let path = "/proc/sys/net/ipv4/ip_forward";
    let name = "net/ipv4/ip_forward".to_owned();
    lab.inside(|| fs::write(path, "0")).expect("writable");

    // One call: another would ask the program again.
    let act = || {
        let mut bytes = [0; 9];
        File::open(path)?.read(&mut bytes).map(|len| bytes[..len].to_vec())
    };
    let (kernel, read) = lab.watch(hook("cgroup_sysctl"), &object, act);
    let current = read.expect("readable");
    let reading = Sysctl { name: name.clone(), current: current.clone(), ..Sysctl::default() };
    let (ran, _) = ours(&object, &SocketTable::empty(), || reading.clone());
    same(&ran.out, &kernel, &names);

    // As many bytes are reported as written as the program put in their place, which the address sanitizer believes.
    let bytes = *b"0 of two";
    let (kernel, written) = lab.watch(hook("cgroup_sysctl"), &object, || {
        OpenOptions::new().write(true).open(path)?.write(&bytes[..1])
    });
    written.expect("writable");
    let writing = Sysctl { name, current, new: Some(b"0".to_vec()), ..Sysctl::default() };
    let (ran, after) = ours(&object, &SocketTable::empty(), || writing.clone());
    same(&ran.out, &kernel, &names);
    assert_eq!(after.new, lab.inside(|| fs::read(path)).ok(), "what the program wrote in its place");
    assert!(after.replaced);
}

/// Keeps the option's bytes, as many as there are up to 16, and how many there are.
fn see_value(slot: usize) -> String {
    let mut text =
        format!("r7 = *(u64 *)(r6 + 8)\nr8 = *(u64 *)(r6 + 16)\nr0 = r8\nr0 -= r7\n{}", keep(slot));
    for word in 0..4 {
        text += &format!(
            "r9 = r7\nr9 += {}\nif r9 > r8 goto none{word}\nr0 = *(u32 *)(r7 + {})\n{}none{word}: r9 = 0\n",
            4 * (word + 1),
            4 * word,
            keep(slot + 1 + word)
        );
    }
    text
}

#[test]
fn options_that_are_set_are_seen_and_replaced_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("options_that_are_set_are_seen_and_replaced_as_in_the_kernel") else {
        return;
    };
    let name = "cgroup_sockopt/setsockopt";
    let (see, names) = every_load(hook(name), &[], 0);
    let (level, mark) = (1, 36);
    let replace = "r9 = r7\nr9 += 4\nif r9 > r8 goto short\nr1 = 0x4712\n*(u32 *)(r7 + 0) = r1\nshort: r1 = 4\n*(u32 *)(r6 + 32) = r1\n";
    for (ends, expected) in [
        (format!("{replace}r0 = 1\nexit"), Some(0x4712)),
        ("r1 = 0\n*(u32 *)(r6 + 32) = r1\nr0 = 1\nexit".to_owned(), Some(0x4711)),
        ("r1 = -1\n*(u32 *)(r6 + 32) = r1\nr0 = 1\nexit".to_owned(), Some(0)),
        ("r1 = 17\n*(u32 *)(r6 + 32) = r1\nr0 = 1\nexit".to_owned(), None),
        ("r1 = -2\n*(u32 *)(r6 + 32) = r1\nr0 = 1\nexit".to_owned(), None),
        ("r0 = 0\nexit".to_owned(), None),
    ] {
        let object = object(name, "", &format!("r6 = r1\n{see}{}{ends}", see_value(names.len())));
        let act = || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
            let done = socket.set_mark(0x4711).map_err(|error| error.raw_os_error().expect("a number"));
            done.map(|()| socket.mark().expect("readable"))
        };
        let (kernel, done) = lab.watch(hook(name), &object, act);
        let make = || Sockopt::set(level, mark, &0x4711_u32.to_ne_bytes());
        let (ran, after) = ours(&object, &SocketTable::empty(), make);
        same(&ran.out, &kernel, &names);
        match after.outcome(ran.action.expect("it ran")) {
            SockoptOutcome::Error(errno) => assert_eq!(done, Err(errno.0), "{ends}"),
            SockoptOutcome::Done => assert_eq!(done, Ok(0), "{ends}"),
            SockoptOutcome::Set { level: 1, optname: 36, value } => {
                let value = u32::from_ne_bytes(value[..4].try_into().expect("4 bytes"));
                assert_eq!((done, Some(value)), (Ok(value), expected), "{ends}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn options_that_are_asked_for_are_answered_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("options_that_are_asked_for_are_answered_as_in_the_kernel") else { return };
    let name = "cgroup_sockopt/getsockopt";
    let (see, names) = every_load(hook(name), &[], 0);
    let replace =
        "r9 = r7\nr9 += 4\nif r9 > r8 goto short\nr1 = 0x4712\n*(u32 *)(r7 + 0) = r1\nshort: r1 = 0\n";
    for ends in [
        format!("{replace}r0 = 1\nexit"),
        "r1 = 5\n*(u32 *)(r6 + 32) = r1\nr0 = 1\nexit".to_owned(),
        "r1 = -1\n*(u32 *)(r6 + 32) = r1\nr0 = 1\nexit".to_owned(),
        "r1 = -5\n*(u32 *)(r6 + 36) = r1\nr0 = 1\nexit".to_owned(),
        "r0 = 0\nexit".to_owned(),
    ] {
        let object = object(name, "", &format!("r6 = r1\n{see}{}{ends}", see_value(names.len())));
        let act = || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
            socket.set_mark(0x4711).expect("settable");
            socket.mark().map_err(|error| error.raw_os_error().expect("a number"))
        };
        let (kernel, done) = lab.watch(hook(name), &object, act);
        let make = || Sockopt::get(1, 36, &0x4711_u32.to_ne_bytes(), 4);
        let (ran, after) = ours(&object, &SocketTable::empty(), make);
        same(&ran.out, &kernel, &names);
        let outcome = match after.outcome(ran.action.expect("it ran")) {
            SockoptOutcome::Error(errno) => Err(errno.0),
            SockoptOutcome::Get(value) => Ok(u32::from_ne_bytes(value.try_into().expect("4 bytes"))),
            other => panic!("{other:?}"),
        };
        assert_eq!(outcome, done, "{ends}");
    }
}
