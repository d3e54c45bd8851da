//! Which way a packet takes.

use std::net::IpAddr;

use super::prefix::stays_on_link;
use super::{Kind, Link, Mac, Prefix, Route, Routes};

/// What is asked of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Which tables are asked, and for which device.
    pub(crate) gate: Gate,
    /// The one table to ask; without it, those that the standard rules name.
    pub(crate) table: Option<u32>,
}

/// The device that the packet is seen at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It came in here.
    In,
    /// It is to leave by this device.
    Out(u32),
}

/// Where a packet goes next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop<'r> {
    pub(crate) device: &'r Link,
    pub(crate) metric: u32,
    /// The gateway, or where the packet goes itself.
    pub(crate) next: IpAddr,
    /// The most bytes of a packet.
    pub(crate) mtu: u32,
    /// The source address that this host would give it.
    pub(crate) source: Option<IpAddr>,
}

/// Why a packet goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// There is no route, or none that is forwarded: it is for this host or for everybody.
    NotForwarded,
    Blackhole,
    Unreachable,
    Prohibited,
}

/// A route that was found: as written, or as follows from an address.
#[derive(Clone, Copy)]
struct Way<'r> {
    kind: Kind,
    device: Option<&'r Link>,
    written: Option<&'r Route>,
    /// The source address that follows.
    source: Option<IpAddr>,
    metric: u32,
}

/// `RT_TABLE_LOCAL`, `RT_TABLE_DEFAULT`.
const LOCAL: u32 = 255;
const DEFAULT: u32 = 253;
/// The most bytes of an IPv4 packet on any device (`IP_MAX_MTU`).
const IPV4_MTU: u32 = 0xfff0;
/// The metric of a route that follows from an IPv6 address.
const IPV6_METRIC: u32 = 256;

impl Routes {
    /// Whether a packet never leaves the link, by its addresses alone.
    pub(crate) fn stays(&self, asked: Asked) -> bool {
        matches!((asked.source, asked.destination), (IpAddr::V6(from), IpAddr::V6(to))
            if stays_on_link(from) || stays_on_link(to))
    }

    /// Where a packet goes next.
    pub(crate) fn next_hop(&self, asked: Asked) -> Result<Hop<'_>, Missed> {
        let way = self.way_to(asked).ok_or(Missed::NotForwarded)?;
        match way.kind {
            Kind::Unicast => {}
            Kind::Local | Kind::Broadcast => return Err(Missed::NotForwarded),
            Kind::Blackhole => return Err(Missed::Blackhole),
            Kind::Unreachable => return Err(Missed::Unreachable),
            Kind::Prohibit => return Err(Missed::Prohibited),
        }
        let device = way.device.ok_or(Missed::NotForwarded)?;
        let next = way.written.and_then(|route| route.via).unwrap_or(asked.destination);
        let least = if asked.destination.is_ipv4() { device.mtu.min(IPV4_MTU) } else { device.mtu };
        let mtu = way.written.and_then(|route| route.mtu).unwrap_or(least);
        let written = way.written.and_then(|route| route.source);
        let source = written.or(way.source).or_else(|| source_on(device, next));
        Ok(Hop { device, metric: way.metric, next, mtu, source })
    }

    /// The best route, in the tables that are asked.
    fn way_to(&self, asked: Asked) -> Option<Way<'_>> {
        match asked.table {
            // As long as there are no rules of one's own, the main and the local table of IPv4 are one.
            None | Some(super::MAIN | LOCAL) if asked.destination.is_ipv4() => {
                self.best(asked, &[super::MAIN, LOCAL])
            }
            Some(table) => self.best(asked, &[table]),
            None => self.best(asked, &[LOCAL]).or_else(|| self.best(asked, &[super::MAIN])),
        }
        .or_else(|| asked.table.is_none().then(|| self.best(asked, &[DEFAULT]))?)
    }

    /// The longest prefix, and among equals the least metric, then what was written first.
    fn best<'r>(&'r self, asked: Asked, tables: &[u32]) -> Option<Way<'r>> {
        let mut best: Option<(Prefix, Way<'r>)> = None;
        let mut consider = |table: u32, to: Prefix, way: Way<'r>| {
            let elsewhere = match (asked.gate, way.device) {
                (Gate::Out(index), Some(device)) => asked.destination.is_ipv4() && device.index != index,
                _ => false,
            };
            if elsewhere || !tables.contains(&table) || !to.contains(asked.destination) {
                return;
            }
            let better = best.as_ref().is_none_or(|(known, found)| {
                (to.length(), std::cmp::Reverse(way.metric))
                    > (known.length(), std::cmp::Reverse(found.metric))
            });
            if better {
                best = Some((to, way));
            }
        };
        for route in &self.routes {
            let device = self.way(route);
            let way =
                Way { kind: route.kind, device, written: Some(route), source: None, metric: rank(route) };
            consider(route.table, route.to, way);
        }
        for device in &self.devices {
            for prefix in &device.addresses {
                let own = prefix.address();
                let way = Way {
                    kind: Kind::Local,
                    device: Some(device),
                    written: None,
                    source: Some(own),
                    metric: 0,
                };
                let whole = if own.is_ipv4() { 32 } else { 128 };
                if let Some(host) = Prefix::new(own, whole) {
                    consider(LOCAL, host, way);
                }
                let everybody = prefix.broadcast().and_then(|last| Prefix::new(last.into(), 32));
                if let Some(everybody) = everybody {
                    consider(LOCAL, everybody, Way { kind: Kind::Broadcast, ..way });
                }
                let metric = if own.is_ipv4() { 0 } else { IPV6_METRIC };
                consider(super::MAIN, *prefix, Way { kind: Kind::Unicast, metric, ..way });
            }
        }
        best.map(|(_, way)| way)
    }

    /// The link address of a neighbour.
    pub(crate) fn neighbour(&self, device: &Link, address: IpAddr) -> Option<Mac> {
        let here = |name: &Option<String>| name.as_ref().is_none_or(|name| *name == device.name);
        self.neighbours.iter().find(|n| n.address == address && here(&n.device)).map(|n| n.mac)
    }
}

/// The metric of a route: where none is written, IPv6 has one of its own.
fn rank(route: &Route) -> u32 {
    const UNWRITTEN: u32 = 1024;
    if route.metric == 0 && route.to.address().is_ipv6() { UNWRITTEN } else { route.metric }
}

/// The address of a device to send to a neighbour from: on the neighbour's prefix, or the first of the family.
fn source_on(device: &Link, next: IpAddr) -> Option<IpAddr> {
    let mut own = device.addresses.iter().filter(|prefix| prefix.address().is_ipv4() == next.is_ipv4());
    let near = own.clone().find(|prefix| prefix.contains(next));
    near.or_else(|| own.next()).map(Prefix::address)
}
