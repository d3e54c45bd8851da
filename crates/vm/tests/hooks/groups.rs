//! Control groups in a map: whether a task, and the socket of a packet, is in one of them or below it.

use std::fs::{self, File};
use std::os::fd::AsFd;

use belay_linux::{Cgroup, TestRun, test_run};
use belay_sockets::SocketTable;
use belay_vm::{ANY, Machine, Maps, Packet, Sock};

use crate::judge::{InKernel, Lab, hook, keep, object, ours_on};

const GROUPS: &str = ".map groups kind=cgroup_array key=4 value=4 entries=4";
/// The group that runs are in here, and another.
const OWN: u64 = 4711;
const OTHER: u64 = 4712;
const SOCKETS: &str = r#"
[[netns]]
name = "host"
[[udp]]
local = "10.0.0.2:22"
"#;

/// The root of all groups.
fn root() -> File {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("readable");
    let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    File::open(mount.and_then(|line| line.split(' ').nth(1)).expect("it is mounted")).expect("readable")
}

/// Asks about every entry, one that is empty and one that there is not.
fn questions(context: &str, helper: &str, map: u32) -> String {
    let ask = |(slot, index): (usize, i32)| {
        format!("{context}r{map} = groups ll\nr{} = {index}\ncall {helper}\n{}", map + 1, keep(slot))
    };
    let all: String = [0, 1, 2, 3, 4, -1].into_iter().enumerate().map(ask).collect();
    format!("r6 = r1\n{all}r0 = 1\nexit")
}

/// Puts the machine's group, the root and another group into the map.
fn fill(maps: &Maps) {
    let map = maps.by_name("groups").expect("it is there");
    for (index, group) in (0_u32..).zip([OWN, 1, OTHER]) {
        map.update(&index.to_le_bytes(), &group.to_le_bytes(), ANY).expect("it takes them");
    }
}

fn machine(sockets: &SocketTable) -> Machine {
    let mut machine = Machine::new(sockets.clone());
    machine.cgroup = OWN;
    machine
}

/// The same in the kernel.
fn fill_there(lab: &Lab, kernel: &InKernel, other: &Cgroup) {
    let root = root();
    for (index, group) in (0_u32..).zip([lab.cgroup.as_fd(), root.as_fd(), other.as_fd()]) {
        kernel.map("groups").set_fd(&index.to_ne_bytes(), group).expect("it takes them");
    }
}

#[test]
fn groups_of_tasks_are_known_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("groups_of_tasks_are_known_as_in_the_kernel") else { return };
    let other = Cgroup::new().expect("a group");
    let name = "cgroup_sock/sock_create";
    let object = object(name, GROUPS, &questions("", "bpf_current_task_under_cgroup", 1));
    let kernel = InKernel::load(&object);
    fill_there(&lab, &kernel, &other);
    let attached = belay_linux::attach(lab.cgroup.as_fd(), kernel.program(), hook(name).attach_type)
        .expect("it attaches");
    lab.inside(|| std::net::UdpSocket::bind("127.0.0.1:0").map(drop)).expect("it binds");
    drop(attached);
    let (ran, _) = ours_on(&object, || machine(&SocketTable::empty()), fill, Sock::udp4);
    assert_eq!(ran.out, kernel.out());
    assert_eq!(ran.out[..6].iter().map(|r0| *r0 as i64).collect::<Vec<_>>(), [1, 1, 0, -11, -7, -7]);
}

#[test]
fn groups_of_packets_are_known_as_in_the_kernel() {
    let Some(lab) = Lab::for_test("groups_of_packets_are_known_as_in_the_kernel") else { return };
    let other = Cgroup::new().expect("a group");
    let object = object("sched_cls", GROUPS, &questions("r1 = r6\n", "bpf_skb_under_cgroup", 2));
    let kernel = InKernel::load(&object);
    fill_there(&lab, &kernel, &other);
    // The socket that a test run comes with is made by this task.
    let run = TestRun { data_in: &[7; 60], ..TestRun::default() };
    lab.inside(|| test_run(kernel.program(), &run)).expect("it runs");
    let sockets = SocketTable::from_toml("t.toml", SOCKETS).expect("well formed");
    let socket = sockets.read().sockets().next().map(belay_sockets::Socket::id);
    let packet = |socket| {
        let mut packet = Packet::new(&[7; 60]).expect("a frame");
        packet.metadata.socket = socket;
        packet
    };
    let (ran, _) = ours_on(&object, || machine(&sockets), fill, || packet(socket));
    assert_eq!(ran.out, kernel.out());
    let (ran, _) = ours_on(&object, || machine(&sockets), fill, || packet(None));
    assert_eq!(ran.out[..6], [-2_i64 as u64; 6], "of no socket");
}
