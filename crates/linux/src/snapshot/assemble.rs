//! From what was read to a table: what contradicts the rest is left out, since the host moved on while it was read.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};

use belay_sockets::{Conflict, Device, Namespace, SocketInfo, SocketTable, State};

use super::{LeftOut, SnapshotError};

/// What was seen in the namespaces.
#[derive(Debug, Default)]
pub(super) struct Seen {
    namespaces: Vec<Namespaced>,
}

#[derive(Debug)]
struct Namespaced {
    name: String,
    devices: Vec<Device>,
    sockets: Vec<SocketInfo>,
    /// Ids of others, by their place in the list.
    nsids: Vec<(u32, usize)>,
}

impl Seen {
    /// Adds a namespace. A device that sockets are bound to although it is gone gets a name.
    pub(super) fn add(
        &mut self,
        name: &str,
        mut devices: Vec<Device>,
        sockets: Vec<SocketInfo>,
        nsids: Vec<(u32, usize)>,
    ) {
        let known: HashSet<u32> =
            devices.iter().map(|device| device.ifindex).chain([Namespace::LOOPBACK]).collect();
        let bound = sockets.iter().map(|info| info.device).filter(|at| *at != 0 && !known.contains(at));
        let gone: HashSet<u32> = bound.collect();
        let named = |ifindex| Device { ifindex, name: format!("gone{ifindex}"), addresses: Vec::new() };
        devices.extend(gone.into_iter().map(named));
        devices.sort_by_key(|device| device.ifindex);
        self.namespaces.push(Namespaced { name: name.into(), devices, sockets, nsids });
    }

    /// The table, and what has no place in it.
    pub(super) fn table(self) -> Result<(SocketTable, Vec<LeftOut>), SnapshotError> {
        let mut builder = SocketTable::builder();
        let mut left_out = Vec::new();
        let mut requests = Vec::new();
        let named = self.namespaces.iter().map(|seen| builder.netns(&seen.name).map_err(failed));
        let ids = named.collect::<Result<Vec<_>, _>>()?;
        for (seen, netns) in self.namespaces.into_iter().zip(&ids) {
            for device in seen.devices {
                builder.device(*netns, device).map_err(failed)?;
            }
            for (nsid, other) in seen.nsids {
                let target = ids.get(other).copied().unwrap_or(*netns);
                builder.nsid(*netns, nsid, target).map_err(failed)?;
            }
            let mut cookies = HashSet::with_capacity(seen.sockets.len());
            for info in seen.sockets {
                // Seen twice, while the kernel's table moved on.
                if info.cookie != 0 && !cookies.insert(info.cookie) {
                    continue;
                }
                let info = SocketInfo { netns: *netns, ..info };
                if info.state == State::NewSynRecv {
                    requests.push(info);
                } else if let Err(conflict) = builder.insert(info.clone()) {
                    left_out.push(LeftOut::of(info, &conflict));
                }
            }
        }
        let table = builder.build().map_err(failed)?;
        // Each finds its listener, or has none any more.
        for info in requests {
            if let Err(conflict) = table.insert(info.clone()) {
                left_out.push(LeftOut::of(info, &conflict));
            }
        }
        Ok((table, left_out))
    }
}

impl LeftOut {
    /// Without what the conflict advises the author of a file to do.
    pub(super) fn of(info: SocketInfo, conflict: &Conflict) -> LeftOut {
        let text = conflict.to_string();
        let why = text.split_once(": ").map_or(text.as_str(), |(what, _)| what).to_owned();
        LeftOut { info, why }
    }
}

/// Where a packet looks for a listener: a mapped address is the IPv4 one, and the wildcards are one.
pub(super) fn at(addr: IpAddr, port: u16) -> (Ipv6Addr, u16) {
    let v6 = match addr {
        IpAddr::V4(a) => a.to_ipv6_mapped(),
        IpAddr::V6(a) => a,
    };
    let is_wildcard = v6.to_ipv4_mapped().is_some_and(|a| a.is_unspecified());
    (if is_wildcard { Ipv6Addr::UNSPECIFIED } else { v6 }, port)
}

fn failed(conflict: Conflict) -> SnapshotError {
    SnapshotError::new(conflict.to_string())
}
