//! `SO_REUSEPORT` and `SO_REUSEADDR` from what stands beside what, where nobody may read them.
//!
//! Exact for TCP: Linux lets two listeners overlap only if both have `SO_REUSEPORT`, and where none overlaps, it changes no lookup. A guess
//! for UDP, where `SO_REUSEADDR` would do as well: sockets of one user at one address are taken for a group.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use belay_sockets::{Endpoint, Protocol, SocketInfo, State};

use super::assemble::at;

/// Sets the two options of sockets of one namespace.
pub(super) fn options(sockets: &mut [SocketInfo]) {
    for info in sockets.iter_mut().filter(|info| info.protocol == Protocol::Udp) {
        info.reuseaddr = true;
    }
    let mut neighbours: HashMap<(Protocol, (Ipv6Addr, u16)), Vec<usize>> = HashMap::new();
    for (index, info) in sockets.iter().enumerate().filter(|(_, info)| takes_strangers(info)) {
        neighbours.entry((info.protocol, at(info.local.addr, info.local.port))).or_default().push(index);
    }
    for same in neighbours.into_values().filter(|same| same.len() > 1) {
        share(sockets, &same);
    }
}

/// Listeners and UDP sockets that are not connected.
fn takes_strangers(info: &SocketInfo) -> bool {
    matches!((info.protocol, info.state), (Protocol::Tcp, State::Listen) | (Protocol::Udp, State::Close))
}

/// What two sockets at one address and port may differ in.
type Binding = (Endpoint, u32, bool, u32);

fn binding(info: &SocketInfo) -> Binding {
    // Groups are of one user; TCP listeners that overlap are of one anyway.
    (info.local, info.device, info.v6only, info.uid)
}

fn share(sockets: &mut [SocketInfo], same: &[usize]) {
    // Thousands may share one binding, but the bindings of one address are few.
    let mut bindings: HashMap<Binding, (Protocol, usize)> = HashMap::new();
    for info in same.iter().filter_map(|at| sockets.get(*at)) {
        bindings.entry(binding(info)).or_insert((info.protocol, 0)).1 += 1;
    }
    let overlaps = |one: &Binding| {
        bindings.iter().any(|(other, (protocol, count))| match protocol {
            _ if one == other => *count > 1,
            Protocol::Tcp => overlap(one, other),
            Protocol::Udp => false,
        })
    };
    let shared: Vec<Binding> = bindings.keys().filter(|one| overlaps(one)).copied().collect();
    for at in same {
        if let Some(info) = sockets.get_mut(*at) {
            info.reuseport = shared.contains(&binding(info));
        }
    }
}

/// Whether one packet could be for both, given that their addresses do not tell them apart.
fn overlap(one: &Binding, other: &Binding) -> bool {
    let devices = one.1 == 0 || other.1 == 0 || one.1 == other.1;
    let takes = |b: &Binding| (b.0.addr.is_ipv4() || !b.2, b.0.addr.is_ipv6());
    let (one, other) = (takes(one), takes(other));
    devices && ((one.0 && other.0) || (one.1 && other.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use belay_sockets::NetnsId;

    fn listener(at: &str, change: impl FnOnce(&mut SocketInfo)) -> SocketInfo {
        let at = at.parse().expect("an end");
        let mut info = SocketInfo::new(NetnsId::FIRST, Protocol::Tcp, State::Listen, at);
        change(&mut info);
        info
    }

    fn inferred(mut sockets: Vec<SocketInfo>) -> Vec<bool> {
        options(&mut sockets);
        sockets.iter().map(|info| info.reuseport).collect()
    }

    #[test]
    fn listeners_that_overlap_have_it() {
        let on = |device| move |info: &mut SocketInfo| info.device = device;
        let cases: [(Vec<SocketInfo>, Vec<bool>); 6] = [
            (vec![listener("0.0.0.0:80", |_| ()), listener("0.0.0.0:81", |_| ())], vec![false, false]),
            (vec![listener("0.0.0.0:80", |_| ()), listener("0.0.0.0:80", |_| ())], vec![true, true]),
            (vec![listener("0.0.0.0:80", on(2)), listener("0.0.0.0:80", on(3))], vec![false, false]),
            (vec![listener("0.0.0.0:80", on(2)), listener("0.0.0.0:80", |_| ())], vec![true, true]),
            (vec![listener("0.0.0.0:80", |_| ()), listener("[::]:80", |_| ())], vec![true, true]),
            (
                vec![listener("0.0.0.0:80", |_| ()), listener("[::]:80", |i| i.v6only = true)],
                vec![false, false],
            ),
        ];
        for (sockets, expected) in cases {
            assert_eq!(inferred(sockets.clone()), expected, "{sockets:?}");
        }
    }

    #[test]
    fn a_large_group_is_no_quadratic_work() {
        let sockets = vec![listener("10.0.0.1:80", |_| ()); 100_000];
        assert!(inferred(sockets).into_iter().all(|reuseport| reuseport));
    }
}
