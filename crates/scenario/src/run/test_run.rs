//! How an event is given to the kernel by `BPF_PROG_TEST_RUN`, and in what its run differs from ours. Where there is no test
//! run for a hook, only an attached program shows what Linux does, and the scenario is skipped.

use std::net::IpAddr;
use std::os::fd::AsFd;

use belay_diagnostics::printable;
use belay_linux::{LoadedObject, TestRun, TestRunResult, test_run};
use belay_object::Attach;
use belay_sockets::SocketTable;
use belay_spec::Hook;
use belay_vm::{FlowKeys, NetfilterHook, SkLookup};

use super::Stop;
use super::check::{Observed, action_name};
use super::live::skip;
use super::simulated::has_link_layer;
use crate::event::{Event, Filtered, Incoming, Staged, Value, differing_keys};
use crate::packet::{Difference, compare};
use crate::scenario::{Scenario, Step};

/// The Ethernet header, which hooks of the network layer do not see.
const ETHERNET: usize = 14;
/// Where the flags stand in `struct bpf_flow_keys`.
const FLOW_FLAGS: usize = 48;

/// Whether the kernel can be asked about such an event.
pub(super) fn possible(step: &Step) -> Result<(), Stop> {
    match &step.event {
        Event::Packet(Incoming { socket: None, .. }) => Ok(()),
        Event::SkLookup(SkLookup { ingress_ifindex: 0, .. }) => Ok(()),
        Event::FlowDissector { buffered: false, .. } => Ok(()),
        Event::Netfilter(Filtered { input: None, output: None, mark: 0, .. }) => Ok(()),
        Event::Netfilter(_) => skip("a test run of netfilter has neither devices of its own nor a mark"),
        Event::Packet(_) => skip("a packet of a test run belongs to no socket of the table"),
        Event::SkLookup(_) => skip("a test run of `sk_lookup` has no device"),
        Event::FlowDissector { .. } => skip("a test run of a flow dissector has no `sk_buff`"),
        _ => skip(format!(
            "the kernel has no test run for `{}`: only an attached program shows what Linux does",
            step.word()
        )),
    }
}

/// Runs one event in the kernel. `host`: the device of packets that name none.
pub(super) fn run(
    scenario: &Scenario,
    loaded: &LoadedObject,
    step: &Step,
    host: u32,
) -> Result<TestRunResult, Stop> {
    let program = loaded.program(&step.program).and_then(|program| program.verdict.accepted());
    let program =
        program.ok_or_else(|| Stop::Skip(format!("`{}` is not loaded", printable(&step.program))))?;
    let hook = hook(scenario, step);
    let context = match (&step.event, hook) {
        (_, None) => Vec::new(),
        (Event::Packet(packet), Some(hook)) => of_packet(hook, packet, host)?,
        (Event::SkLookup(lookup), Some(hook)) => of_lookup(hook, lookup),
        (Event::FlowDissector { flags, .. }, _) => {
            let mut keys = FlowKeys::default().0.to_vec();
            put(&mut keys, Some(FLOW_FLAGS), &flags.to_ne_bytes());
            keys
        }
        (Event::Netfilter(filtered), Some(_)) => of_passage(filtered),
        (_, Some(_)) => Vec::new(),
    };
    let run = TestRun { data_in: given(&step.event), ctx_in: &context, ..TestRun::default() };
    test_run(program.as_fd(), &run)
        .map_err(|e| Stop::Skip(format!("{}: the kernel does not test-run it: {e}", step.title())))
}

/// The frame as a test run takes it: of a packet that the host made without link header.
fn given(event: &Event) -> &[u8] {
    let frame = event.frame();
    match event {
        Event::Netfilter(Filtered { hook: NetfilterHook::LocalOut, .. }) => {
            frame.get(ETHERNET..).unwrap_or_default()
        }
        _ => frame,
    }
}

/// `struct nf_hook_state`: of it, hook and family.
fn of_passage(filtered: &Filtered) -> Vec<u8> {
    const SIZE: usize = 48;
    const IPV6: &[u8] = &[0x86, 0xdd];
    let is_ipv6 = filtered.frame.get(ETHERNET - 2..ETHERNET) == Some(IPV6);
    let mut bytes = vec![0; SIZE];
    put(&mut bytes, Some(0), &[filtered.hook as u8, if is_ipv6 { 10 } else { 2 }]);
    bytes
}

fn hook(scenario: &Scenario, step: &Step) -> Option<&'static Hook> {
    let program = scenario.object.programs.iter().find(|program| program.name == step.program);
    match program.map(|program| &program.attach) {
        Some(Attach::Hook(hook)) => Some(hook),
        _ => None,
    }
}

fn put(bytes: &mut [u8], offset: Option<usize>, value: &[u8]) {
    if let Some(place) = offset.and_then(|offset| bytes.get_mut(offset..)?.get_mut(..value.len())) {
        place.copy_from_slice(value);
    }
}

fn offset(hook: &Hook, name: &str) -> Option<usize> {
    hook.context.field(name).and_then(|field| usize::try_from(field.offset).ok())
}

/// Of `__sk_buff` what may be set, of other contexts of packets nothing.
fn of_packet(hook: &Hook, packet: &Incoming, host: u32) -> Result<Vec<u8>, Stop> {
    if hook.context.name == "bpf_nf_ctx" {
        return skip("for the kernel a netfilter program's packet is a `[[netfilter]]`");
    }
    if hook.context.name != "__sk_buff" {
        return match packet.ifindex {
            Some(_) => skip("a test run of this hook has no device of its own"),
            None => Ok(Vec::new()),
        };
    }
    let mut bytes = vec![0; hook.context.size as usize];
    let ifindex = packet.ifindex.unwrap_or(host);
    for (name, value) in [("ifindex", ifindex), ("mark", packet.mark), ("priority", packet.priority)] {
        put(&mut bytes, offset(hook, name), &value.to_ne_bytes());
    }
    Ok(bytes)
}

/// `struct bpf_sk_lookup`
fn of_lookup(hook: &Hook, lookup: &SkLookup) -> Vec<u8> {
    let mut bytes = vec![0; hook.context.size as usize];
    let mut set = |name: &str, value: &[u8]| put(&mut bytes, offset(hook, name), value);
    let family: u32 = if lookup.local.is_ipv4() { 2 } else { 10 };
    set("family", &family.to_ne_bytes());
    set("protocol", &u32::from(lookup.protocol.number()).to_ne_bytes());
    let ends = [(lookup.remote, "remote_ip4", "remote_ip6"), (lookup.local, "local_ip4", "local_ip6")];
    for (end, v4, v6) in ends {
        match end.ip() {
            IpAddr::V4(ip) => set(v4, &ip.octets()),
            IpAddr::V6(ip) => set(v6, &ip.octets()),
        }
    }
    set("remote_port", &lookup.remote.port().to_be_bytes());
    set("local_port", &u32::from(lookup.local.port()).to_ne_bytes());
    set("ingress_ifindex", &lookup.ingress_ifindex.to_ne_bytes());
    bytes
}

/// In what the kernel's run of an event differs from ours. `cookies`: the kernel's, and the table's.
pub(super) fn differences(
    scenario: &Scenario,
    step: &Step,
    ours: &Observed,
    theirs: &TestRunResult,
    cookies: &[(u64, u64)],
) -> Vec<Difference> {
    let mut rows = Vec::new();
    let mut differ = |what: &str, expected: String, actual: String| {
        if expected != actual {
            rows.push(Difference { what: what.to_owned(), expected, actual });
        }
    };
    let name = |value| action_name(&scenario.object, &step.program, value);
    let action = ours.action.map_or_else(|| "none".to_owned(), |action| action.to_string());
    differ("action", action, name(theirs.retval.cast_signed()));
    match &ours.staged {
        Staged::Packet(_) => {
            let mark = hook(scenario, step).and_then(|hook| offset(hook, "mark"));
            let mark = mark.and_then(|offset| theirs.ctx_out.get(offset..)?.first_chunk().copied());
            differ("mark", ours.mark.to_string(), mark.map_or(ours.mark, u32::from_ne_bytes).to_string());
            rows.extend(frames(scenario, step, ours, theirs));
        }
        Staged::SkLookup(lookup) => {
            let nobody = SocketTable::empty();
            let sockets = scenario.sockets.as_ref().unwrap_or(&nobody);
            let cookie = theirs.ctx_out.first_chunk().map_or(0, |cookie| u64::from_ne_bytes(*cookie));
            let of_table = cookies.iter().find(|(real, _)| *real == cookie).map_or(0, |(_, table)| *table);
            let reader = sockets.read();
            let selected = match (cookie, reader.with_cookie(of_table)) {
                (0, _) => Value::Socket(None).told(sockets),
                (_, Some(socket)) => Value::Socket(Some(socket.id())).told(sockets),
                (_, None) => format!("a socket of cookie {cookie}"),
            };
            differ("selected", Value::Socket(lookup.selected).told(sockets), selected);
        }
        Staged::FlowDissector(dissection) => {
            let theirs = theirs.data_out.first_chunk().copied().map_or(dissection.keys, FlowKeys);
            let nobody = SocketTable::empty();
            for (name, ours, theirs) in differing_keys(&dissection.keys, &theirs) {
                differ(name, ours.told(&nobody), theirs.told(&nobody));
            }
        }
        _ => {}
    }
    rows
}

/// In what the frames differ. Hooks of the network layer do not see the Ethernet header.
fn frames(scenario: &Scenario, step: &Step, ours: &Observed, theirs: &TestRunResult) -> Vec<Difference> {
    let program = scenario.object.programs.iter().find(|program| program.name == step.program);
    let mut frame = theirs.data_out.clone();
    if !program.is_none_or(has_link_layer)
        && let Some((header, of_ours)) = frame.get_mut(..ETHERNET).zip(ours.frame.get(..ETHERNET))
    {
        header.copy_from_slice(of_ours);
    }
    compare(&ours.frame, &frame)
}
