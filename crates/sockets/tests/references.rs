//! Acquire and release: what is counted, what is not, and what the ledger finds.

use belay_sockets::{
    Fault, Found, Ledger, Lifetime, LookupKind, Protocol, Query, Reader, SocketTable, Tuple,
};

const SOCKETS: &str = r#"
[[tcp]]
state = "established"
local = "10.0.0.1:80"
remote = "10.0.0.2:4000"
[[tcp]]
state = "listen"
local = "10.0.0.1:80"
"#;

fn table() -> SocketTable {
    SocketTable::from_toml("s.toml", SOCKETS).unwrap_or_else(|e| panic!("{e}"))
}

fn find<'r>(reader: &'r Reader<'_>, sport: u16) -> Found<'r> {
    let tuple = Tuple::V4 { saddr: [10, 0, 0, 2].into(), daddr: [10, 0, 0, 1].into(), sport, dport: 80 };
    let netns = reader.default_netns().expect("a namespace");
    let query = Query { netns, protocol: Protocol::Tcp, tuple, ifindex: 1, kind: LookupKind::Full };
    reader.lookup(&query).expect("a socket")
}

#[test]
fn connected_sockets_are_counted_and_listeners_are_not() {
    let table = table();
    let reader = table.read();
    let (flow, listener) = (find(&reader, 4000), find(&reader, 1));
    assert!(matches!((flow, listener), (Found::Counted(_), Found::Rcu(_))));
    for found in [flow, listener] {
        assert!(found.socket().acquire() && found.socket().acquire());
    }
    let held: Vec<_> = reader.unbalanced().map(|(s, held)| (s.lifetime(), held)).collect();
    assert_eq!(held, [(Lifetime::Counted, 2)]);
    for found in [flow, listener] {
        assert_eq!((found.socket().release(), found.socket().release()), (Ok(()), Ok(())));
    }
    assert_eq!(reader.unbalanced().count(), 0);
    let error = flow.socket().release().expect_err("one too many");
    assert_eq!(error.to_string(), "socket#0 is released, but no program holds a reference to it");
    assert_eq!(flow.socket().references(), 0, "an error changes nothing");
    assert_eq!(listener.socket().release(), Ok(()), "nothing is counted, so nothing can be missed");
}

#[test]
fn the_ledger_tells_leaks_and_double_releases_of_both_lifetimes() {
    let table = table();
    let reader = table.read();
    let mut ledger = Ledger::new();
    for (sport, site) in [(4000, 10), (1, 20)] {
        let found = find(&reader, sport);
        let reference = ledger.acquire(found, site).expect("room");
        let other = ledger.acquire(found, site + 1).expect("room");
        assert_eq!(ledger.release(reference, found.socket(), site + 2), Ok(()));
        let again = ledger.release(reference, found.socket(), site + 3);
        let socket = found.socket().id();
        assert_eq!(again, Err(Fault::DoubleRelease { socket, acquired: site, released: site + 2 }));
        assert_eq!(
            ledger.held().filter(|(_, s, _)| *s == socket).collect::<Vec<_>>(),
            [(other, socket, site + 1)]
        );
    }
    let (flow, listener) = (find(&reader, 4000).socket(), find(&reader, 1).socket());
    let (of_flow, ..) = ledger.held().next().expect("held");
    assert_eq!(ledger.release(of_flow, listener, 30), Err(Fault::NotAcquired), "another socket's reference");
    assert_eq!(flow.references(), 1);
    assert_eq!(ledger.release(of_flow, flow, 31), Ok(()));
    assert_eq!(reader.unbalanced().count(), 0);
}

#[test]
fn threads_that_balance_leave_nothing() {
    let table = table();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let table = table.clone();
            scope.spawn(move || {
                for _ in 0..50_000 {
                    let reader = table.read();
                    let found = find(&reader, 4000);
                    assert!(found.socket().acquire());
                    found.socket().release().expect("ours");
                }
            });
        }
    });
    assert_eq!(table.read().unbalanced().count(), 0);
}
