//! Events that are no packets: every hook with an input of its own runs in a scenario, mistakes say what would be right,
//! and time orders what happens.

use belay_linux::Kernel;
use belay_scenario::{End, Library, Options, RunnerKind, Sides, read};
use belay_spec::Hook;

use crate::{findings, outcomes, root};

/// A program of a hook that returns a number.
fn program(hook: &str, value: i32) -> String {
    format!("assembly = \"\"\"\n.license GPL\n.hook {hook}\n.prog program\n  r0 = {value}\n  exit\n\"\"\"\n")
}

/// The mistake of the only scenario of a text.
fn mistake(text: &str) -> String {
    let file = root().join("doc.scenario.toml").display().to_string();
    let mut read = read(&file, text, &Library::default());
    match (read.pop(), read.is_empty()) {
        (Some(Err(error)), true) => format!("{}:{}: {}", error.place.line, error.place.column, error.message),
        (other, _) => panic!("{text}: {other:?}"),
    }
}

/// An event of every kind, and the hooks that run on it.
const EVENTS: &[(&str, &str, &str)] = &[
    ("sk_lookup", "from = '10.0.0.1:1'\nto = '10.0.0.2:2'", "sk_lookup"),
    ("sk_reuseport", "layers = 'ip / udp'", "sk_reuseport/select"),
    ("sk_reuseport", "layers = 'ip6 / tcp'", "sk_reuseport/select_or_migrate"),
    ("flow_dissector", "hex = '000000000000 000000000000 0800'", "flow_dissector"),
    ("bind", "address = '10.0.0.1:1'", "cgroup_sock_addr/bind4"),
    ("bind", "address = '[::]:1'", "cgroup_sock_addr/bind6"),
    ("connect", "address = '10.0.0.1:1'", "cgroup_sock_addr/connect4"),
    ("connect", "address = '[::1]:1'", "cgroup_sock_addr/connect6"),
    ("connect", "address = 'unix:/run/x'", "cgroup_sock_addr/connect_unix"),
    ("sendmsg", "address = '10.0.0.1:1'\nsource = '10.0.0.9'", "cgroup_sock_addr/sendmsg4"),
    ("sendmsg", "address = '[::1]:1'", "cgroup_sock_addr/sendmsg6"),
    ("sendmsg", "address = 'unix:@x'", "cgroup_sock_addr/sendmsg_unix"),
    ("recvmsg", "address = '10.0.0.1:1'", "cgroup_sock_addr/recvmsg4"),
    ("recvmsg", "address = '[::1]:1'", "cgroup_sock_addr/recvmsg6"),
    ("recvmsg", "address = 'unix:/run/x'", "cgroup_sock_addr/recvmsg_unix"),
    ("getpeername", "address = '10.0.0.1:1'", "cgroup_sock_addr/getpeername4"),
    ("getpeername", "address = '[::1]:1'", "cgroup_sock_addr/getpeername6"),
    ("getpeername", "address = 'unix:/run/x'", "cgroup_sock_addr/getpeername_unix"),
    ("getsockname", "address = '10.0.0.1:1'", "cgroup_sock_addr/getsockname4"),
    ("getsockname", "address = '[::1]:1'", "cgroup_sock_addr/getsockname6"),
    ("getsockname", "address = 'unix:/run/x'", "cgroup_sock_addr/getsockname_unix"),
    ("sock_create", "socket = { type = 'dgram' }", "cgroup_sock/sock_create"),
    ("post_bind", "socket = { local = '10.0.0.1:1' }", "cgroup_sock/post_bind4"),
    ("post_bind", "socket = { local = '[::1]:1' }", "cgroup_sock/post_bind6"),
    ("sock_release", "socket = { protocol = 'udp' }", "cgroup_sock/sock_release"),
    ("sock_ops", "op = 'BPF_SOCK_OPS_RTT_CB'", "sock_ops"),
    ("sk_msg", "text = 'hello'", "sk_msg"),
    ("setsockopt", "option = 'TCP_NODELAY'\nvalue = 1", "cgroup_sockopt/setsockopt"),
    ("getsockopt", "level = 6\noption = 1\nvalue = 1", "cgroup_sockopt/getsockopt"),
    ("sysctl", "setting = 'net/ipv4/ip_forward'\ncurrent = 1", "cgroup_sysctl"),
    ("device", "access = 'c 1:3 r'", "cgroup_device"),
];

#[test]
fn every_hook_runs_on_an_event_that_finds_its_program() {
    for (word, keys, hook) in EVENTS {
        let text = format!("{}[[{word}]]\n{keys}\nexpect.action = 1\n", program(hook, 1));
        for runner in [RunnerKind::Interpreter, RunnerKind::Checked, RunnerKind::Jit] {
            let told = outcomes(&text, Options { runner, kernel: false });
            assert!(matches!(told[0].end, End::Pass), "{runner:?}: {told:?}\n{text}");
            assert_eq!((told[0].packets, told[0].events), (0, 1));
        }
        let other = text.replace("action = 1", "action = 2");
        let told = outcomes(&other, Options::default());
        assert_eq!(findings(&told[0])[0].event.as_deref(), Some(format!("{word} 1").as_str()));
    }
    // No input is without an event.
    let contexts = ["__sk_buff", "xdp_md"];
    for hook in
        Hook::all().iter().filter(|hook| hook.name.starts_with("cgroup") || hook.name.starts_with("sk_"))
    {
        let named = EVENTS.iter().any(|(.., known)| *known == hook.name);
        assert!(named || contexts.contains(&hook.context.name), "{}", hook.name);
    }
}

#[test]
fn mistakes_have_their_place_and_say_what_would_be_right() {
    let connect = program("cgroup_sock_addr/connect4", 1);
    let line = |text: &str| connect.lines().count() + text.lines().count();
    for (event, wanted) in [
        ("[[connect]]\nto = '10.0.0.1:1'", "`address` is missing"),
        ("[[connect]]\naddress = '10.0.0.1'", "`10.0.0.1` is no address: write `192.0.2.1:80`"),
        (
            "[[connect]]\naddress = '[::1]:1'",
            "no program of `cgroup_sock_addr/connect6`; there are `program` of",
        ),
        ("[[bind]]\naddress = 'unix:/x'", "no hook of `bind` takes such an address"),
        ("[[sk_lookup]]\nfrom = '10.0.0.1:1'\nto = '[::1]:1'", "one end is of IPv4, the other of IPv6"),
        ("[[sk_lookup]]\nprotocol = 'icmp'", "`tcp` or `udp`"),
        (
            "[[connect]]\naddress = '10.0.0.1:1'\nsocket = { family = 'inet4' }",
            "none of `inet`, `inet6`, `unix`",
        ),
        (
            "[[connect]]\naddress = '10.0.0.1:1'\nsocket = { port = 1 }",
            "unknown key `port`; known are `local`, `remote`",
        ),
        ("[[connect]]\naddress = '10.0.0.1:1'\nsocket = 'tcp'", "no socket is `tcp`"),
        (
            "[[connect]]\naddress = '10.0.0.1:1'\nexpect = { reply = 1 }",
            "unknown key `reply`; known are `action`, `result`",
        ),
        ("[[connect]]\naddress = '10.0.0.1:1'\nexpect.result = 'ENOSUCH'", "none of `EPERM`, `EACCES`"),
        ("[[connect]]\naddress = '10.0.0.1:1'\nexpect.socket.options.SO_MARKS = 1", "no option `SO_MARKS`"),
        ("[[connect]]\naddress = '10.0.0.1:1'\nexpect.action = 'SK_PASS'", "it has `deny`, `allow`"),
        ("[[setsockopt]]\noption = 36\nvalue = 1", "say its `level`, too"),
        ("[[setsockopt]]\noption = 'SO_MARKS'\nvalue = 1", "no option `SO_MARKS` is known"),
        ("[[setsockopt]]\noption = 'SO_MARK'\nvalue = 99999999999", "out of range"),
        ("[[getsockopt]]\noption = 'SO_MARK'", "either `value` or `error`"),
        ("[[sk_msg]]\nlayers = 'ip'", "either `text` or `hex`"),
        ("[[sock_ops]]\nop = 'CONNECT'", "`CONNECT` is no event; known are `BPF_SOCK_OPS_VOID`"),
        ("[[sock_ops]]\nop = 1\nargs = [1, 2, 3, 4, 5]", "5 arguments: at most 4"),
        ("[[device]]\naccess = 'c 1:3 x'", "`c 1:3 x` is no access to a device"),
        (
            "[[packet]]\nlayers = 'ip'",
            "runs on `bpf_sock_addr`, not on packets: a scenario with `[[connect]]`",
        ),
        ("[[event]]\nhook = 'connect4'", "unknown key `event`; known are"),
        ("[[connect]]\naddress = '10.0.0.1:1'\nprogram = 'other'", "no program `other`"),
    ] {
        let text = format!("{connect}{event}\n");
        let told = mistake(&text);
        assert!(told.contains(wanted), "{event}: {told}");
        let at: usize = told.split(':').next().and_then(|line| line.parse().ok()).expect("a line");
        assert!(at > line("") && at <= line(event), "{event}: {told}");
    }
}

#[test]
fn a_program_is_found_by_its_hook_unless_there_are_several() {
    let two = "assembly = \"\"\"\n.license GPL\n.hook cgroup_sock_addr/connect4\n.prog one\n  r0 = 1\n  exit\n\
               .hook cgroup_sock_addr/connect4\n.prog two\n  r0 = 0\n  exit\n.hook sched_cls\n.prog three\n  r0 = 0\n  exit\n\"\"\"\n";
    let event = "[[connect]]\naddress = '10.0.0.1:1'\n";
    assert!(mistake(&format!("{two}{event}")).contains("(`one`, `two`): choose one with `program`"));
    let of_another_hook = mistake(&format!("{two}{event}program = 'three'\n"));
    assert!(of_another_hook.contains("`three` is a program of `sched_cls`"), "{of_another_hook}");
    for (program, action) in [("one", "allow"), ("two", "deny")] {
        // For all, or for the event; a program of another hook is for what its hook runs on.
        for text in [
            format!("program = '{program}'\n{two}{event}expect.action = '{action}'\n"),
            format!(
                "program = 'three'\n{two}{event}program = '{program}'\nexpect.action = '{action}'\n[[packet]]\nlayers = 'ip'\n"
            ),
        ] {
            let told = outcomes(&text, Options::default());
            assert!(matches!(told[0].end, End::Pass), "{told:?}\n{text}");
        }
    }
}

/// A program that keeps the time of every event in order.
const CLOCK: &str = r#"
assembly = """
.license GPL
.map times kind=queue key=0 value=8 entries=8
.hook cgroup_sock_addr/connect4
.prog connected
  call bpf_ktime_get_ns
  *(u64 *)(r10 - 8) = r0
  r1 = times ll
  r2 = r10
  r2 += -8
  r3 = 0
  call bpf_map_push_elem
  r0 = 1
  exit
.hook sched_cls
.prog packet
  call bpf_ktime_get_ns
  *(u64 *)(r10 - 8) = r0
  r1 = times ll
  r2 = r10
  r2 += -8
  r3 = 0
  call bpf_map_push_elem
  call bpf_ktime_get_ns
  r1 = 1000000000
  r0 -= r1
  r1 = 1000000
  r0 /= r1
  exit
"""
program = "packet"
[[connect]]
address = "10.0.0.1:1"
time = "30ms"
[[packet]]
layers = "ip / udp"
time = "10ms"
expect.action = 10
[[connect]]
address = "10.0.0.1:2"
[[packet]]
layers = "ip / tcp"
time = "20ms"
expect.action = 21
"#;

#[test]
fn events_and_packets_have_their_times_and_names() {
    let told = outcomes(CLOCK, Options::default());
    let [finding] = findings(&told[0]) else { panic!("{told:?}") };
    assert_eq!((finding.event.as_deref(), finding.actual.as_str()), (Some("packet 2"), "20"));
    assert_eq!((told[0].packets, told[0].events), (2, 2));
}

#[test]
fn they_run_by_time_and_at_one_time_as_they_stand() {
    let text = r#"
assembly = """
.license GPL
.map count kind=array key=4 value=4 entries=1
.hook cgroup_sock_addr/bind4
.prog bound
  *(u32 *)(r10 - 4) = 0
  r1 = count ll
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  r1 = *(u32 *)(r0 + 0)
  r1 *= 10
  r1 += 1
  *(u32 *)(r0 + 0) = r1
out:
  r0 = 1
  exit
.hook cgroup_sysctl
.prog setting
  *(u32 *)(r10 - 4) = 0
  r1 = count ll
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0 goto end
  r1 = *(u32 *)(r0 + 0)
  r1 *= 10
  r1 += 2
  *(u32 *)(r0 + 0) = r1
end:
  r0 = 1
  exit
"""
expect.maps.count = [{ key = 0, value = 1212 }]
[[bind]]
address = "10.0.0.1:1"
[[sysctl]]
setting = "x"
expect.maps.count = [{ key = 0, value = 12 }]
[[bind]]
address = "10.0.0.1:1"
[[sysctl]]
setting = "x"
"#;
    let told = outcomes(text, Options::default());
    assert!(matches!(told[0].end, End::Pass), "{told:?}");
    // Each digit is a run. The second `bind` has the time of the setting before it.
    let [before, rest] = text.split_once("[[bind]]").map(|(before, rest)| [before, rest]).expect("a `bind`");
    let (rest, last) = rest.rsplit_once("[[sysctl]]").expect("a setting");
    let timed = format!("{before}[[bind]]\ntime = '2s'{rest}[[sysctl]]\ntime = '1500ms'{last}")
        .replacen("[[sysctl]]", "[[sysctl]]\ntime = '1s'", 1)
        .replace("value = 1212", "value = 2121")
        .replace("value = 12 }", "value = 2 }");
    let told = outcomes(&timed, Options::default());
    assert!(matches!(told[0].end, End::Pass), "{told:?}\n{timed}");
}

#[test]
fn what_an_event_leaks_is_found() {
    let text = r#"
assembly = """
.license GPL
.map sockets kind=sockmap key=4 value=8 entries=1
.hook sk_lookup
.prog leaks
  *(u32 *)(r10 - 4) = 0
  r1 = sockets ll
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  r0 = 1
  exit
"""
unverified = true
maps.sockets = [{ key = 0, value = 7 }]
sockets.tcp = [{ state = "established", local = "10.0.0.1:1", remote = "10.0.0.2:2", cookie = 7 }]
[[sk_lookup]]
from = "10.0.0.9:1"
to = "10.0.0.1:1"
"#;
    let told = outcomes(text, Options::default());
    let [finding] = findings(&told[0]) else { panic!("{told:?}") };
    assert_eq!((finding.what.as_str(), finding.event.as_deref()), ("references", Some("sk_lookup 1")));
    let connected = text.replace("from = \"10.0.0.9:1", "from = \"10.0.0.2:2");
    assert!(mistake(&connected).contains("`tcp established 10.0.0.1:1 < 10.0.0.2:2` is connected"));
    let expected = text.to_owned() + "expect.leaks = 1\n";
    assert!(matches!(outcomes(&expected, Options::default())[0].end, End::Pass));
}

#[test]
fn the_kernel_is_asked_where_it_can_be() {
    if Kernel::for_test("the_kernel_is_asked_where_it_can_be").is_none() {
        return;
    }
    let options = Options { kernel: true, ..Options::default() };
    // The kernel's clock does not stand still: what depends on it differs.
    let coin = "assembly = \"\"\"\n.license GPL\n.hook sk_lookup\n.prog coin\n  call bpf_ktime_get_ns\n  r1 = 1000000000\n  r2 = r0\n\
                r0 = 1\n  if r2 == r1 goto out\n  r0 = 0\nout:\n  exit\n\"\"\"\n[[sk_lookup]]\nfrom = '10.0.0.1:1'\nto = '10.0.0.2:2'\n";
    let told = outcomes(coin, options);
    let [finding] = findings(&told[0]) else { panic!("{told:?}") };
    assert_eq!((finding.sides, finding.rows[0].what.as_str()), (Sides::Kernel, "action"));
    let keys = "assembly = \"\"\"\n.license GPL\n.hook flow_dissector\n.prog keys\n  r6 = *(u64 *)(r1 + 144)\n  call bpf_ktime_get_ns\n  \
                *(u16 *)(r6 + 12) = r0\n  r0 = 0\n  exit\n\"\"\"\n[[flow_dissector]]\nlayers = 'ip / udp'\n";
    let told = outcomes(keys, options);
    let [finding] = findings(&told[0]) else { panic!("{told:?}") };
    assert_eq!(finding.rows[0].what, "keys.sport");
    for (word, keys, hook) in EVENTS {
        let text = format!("{}[[{word}]]\n{keys}\n", program(hook, 1));
        let told = outcomes(&text, options);
        let asked = ["sk_lookup", "flow_dissector"].contains(word);
        match &told[0].end {
            End::Pass => assert!(asked, "{text}"),
            End::Skip(why) => assert!(!asked && why.contains(&format!("no test run for `{word}`")), "{why}"),
            other => panic!("{other:?}\n{text}"),
        }
    }
}
