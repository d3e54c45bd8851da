//! The helpers' other arguments: the namespace by id, and what makes them answer NULL whatever the sockets.

use belay_linux::Kernel;
use belay_sockets::{
    Device, Endpoint, LookupKind, NetnsId, NsidArg, Protocol, Query, SocketInfo, SocketTable, State, Tuple,
};

use crate::lab::Lab;
use crate::oracle::{Answer, CURRENT_NETNS, Oracle, Question};

fn end(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

/// The id under which the lab's namespace knows its peer: Linux gave it one with the veth pair.
fn id_of_peer(lab: &Lab) -> u32 {
    let link = lab.here.ip(&["-o", "link", "show", "v0"]).expect("ip");
    let id = link.split_whitespace().skip_while(|word| *word != "link-netnsid").nth(1);
    id.and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id in {link}"))
}

#[test]
fn a_namespace_is_found_by_its_id_and_compares_the_callers_ifindex() {
    if Kernel::for_test("sockets: namespaces").is_none() {
        return;
    }
    let oracle = Oracle::new();
    let mut lab = Lab::new();
    let peer = id_of_peer(&lab);
    let mut builder = SocketTable::builder();
    let here = builder.netns("here").expect("here");
    let there = builder.netns("there").expect("there");
    builder.nsid(here, peer, there).expect("an id");
    let w0 = Device { ifindex: Lab::PEER_DEVICE.1, name: Lab::PEER_DEVICE.0.into(), addresses: Vec::new() };
    builder.device(there, w0).expect("a device");
    for (at, bound) in [("0.0.0.0:70", false), ("[::]:71", false), ("0.0.0.0:72", true)] {
        let socket = lab.listen_there(at, bound);
        let device = if bound { Lab::PEER_DEVICE.1 } else { 0 };
        let info = SocketInfo::new(there, Protocol::Tcp, State::Listen, end(at));
        builder.insert(SocketInfo { device, ..info }).expect("a listener");
        lab.extra.push(socket);
    }
    let table = builder.build().expect("a table");
    let ids = [
        0,
        1,
        2,
        77,
        peer.into(),
        i32::MAX as u64,
        1 << 31,
        u64::from(u32::MAX),
        1 << 32,
        (1 << 32) + u64::from(peer),
        CURRENT_NETNS,
    ];
    let mut found = 0;
    for (netns, to) in
        ids.iter().flat_map(|id| ["10.1.0.2:70", "10.1.0.2:71", "10.1.0.2:72"].map(|to| (*id, to)))
    {
        let tuple = Tuple::new(end("10.1.0.1:5"), end(to)).expect("one family");
        for (_, ifindex) in Lab::DEVICES {
            let asked =
                Question { protocol: Protocol::Tcp, kind: LookupKind::Full, tuple, ifindex, netns, flags: 0 };
            let kernel = lab.here.run(|| oracle.ask(&asked)).expect("a namespace");
            let ours = port_found(&table, &asked, NsidArg::wide(netns));
            assert_eq!(kernel.map(|a| a.word(44)), ours, "tc, {asked:?}");
            found += u32::from(ours.is_some());
        }
        // An XDP program runs on `lo`.
        let asked =
            Question { protocol: Protocol::Tcp, kind: LookupKind::Full, tuple, ifindex: 1, netns, flags: 0 };
        let kernel = lab.here.run(|| oracle.ask_xdp(&asked)).expect("a namespace");
        assert_eq!(
            kernel.map(|a| a.word(44)),
            port_found(&table, &asked, NsidArg::xdp(netns)),
            "xdp, {asked:?}"
        );
    }
    assert!(found > 0, "the id {peer} finds something");
}

/// The port of the listener that we find for a question asked in the first namespace.
fn port_found(table: &SocketTable, asked: &Question, netns: NsidArg) -> Option<u32> {
    let reader = table.read();
    let netns = reader.resolve(NetnsId::FIRST, netns)?;
    let query = Query {
        netns,
        protocol: asked.protocol,
        tuple: asked.tuple,
        ifindex: asked.ifindex,
        kind: asked.kind,
    };
    reader.lookup(&query).map(|f| u32::from(f.socket().info().local.port))
}

#[test]
fn flags_find_nothing() {
    if Kernel::for_test("sockets: flags").is_none() {
        return;
    }
    let oracle = Oracle::new();
    let mut lab = Lab::new();
    lab.listen(end("0.0.0.0:80"), &crate::lab::Options::default()).expect("a listener");
    let tuple = Tuple::new(end("10.0.0.2:1"), end("10.0.0.1:80")).expect("one family");
    let ask = |flags| -> Option<Answer> {
        let asked = Question {
            protocol: Protocol::Tcp,
            kind: LookupKind::Full,
            tuple,
            ifindex: 1,
            netns: CURRENT_NETNS,
            flags,
        };
        lab.here.run(|| oracle.ask(&asked)).expect("a namespace")
    };
    assert!(ask(0).is_some());
    for bit in 0..64 {
        assert!(ask(1 << bit).is_none(), "flag bit {bit}");
    }
}
