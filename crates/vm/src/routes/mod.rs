//! The routing table of a run: devices, routes, neighbours; what `bpf_fib_lookup` and `bpf_check_mtu` ask.
//!
//! A [`Routes`] says what `ip address`, `ip route` and `ip neighbour` would show of one namespace. As in Linux, an address of a
//! device is a route to this host, and its prefix a route to the device; both need not be written down. Routes that
//! policy rules choose by mark, by source or by type of service are not modelled: with no such rule, a lookup asks for the
//! longest prefix, and among equals for the least metric.
//!
//! It has a TOML form (`serde`):
//!
//! ```toml
//! [[device]]
//! name = "eth0"
//! index = 2
//! mac = "02:00:00:00:00:01"
//! addresses = ["192.0.2.1/24"]
//! forwarding = true
//!
//! [[route]]
//! to = "0.0.0.0/0"
//! via = "192.0.2.254"
//!
//! [[neighbour]]
//! address = "192.0.2.254"
//! mac = "02:00:00:00:00:fe"
//! ```

mod form;
mod lookup;
mod prefix;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub(crate) use lookup::{Asked, Gate, Hop, Missed};
pub use prefix::{Mac, Prefix};

/// `RT_TABLE_MAIN`
pub const MAIN: u32 = 254;

/// The routing table of a namespace. A new one has a loopback device alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "form::Form", into = "form::Form")]
pub struct Routes {
    /// Its devices.
    pub devices: Vec<Link>,
    /// Its routes, besides those that follow from addresses.
    pub routes: Vec<Route>,
    /// Who is known to be where.
    pub neighbours: Vec<Neighbour>,
}

/// A device, as far as forwarding asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its ifindex.
    pub index: u32,
    /// The most bytes of a packet, without link header.
    #[serde(default = "form::ethernet_mtu")]
    pub mtu: u32,
    /// Bytes of its link header: 14 for Ethernet and loopback, 0 for a tunnel of IP packets.
    #[serde(default = "form::ethernet_header")]
    pub header: u16,
    /// Its link address.
    #[serde(default)]
    pub mac: Mac,
    /// Its addresses, with the lengths of their prefixes.
    #[serde(default)]
    pub addresses: Vec<Prefix>,
    /// Whether packets that came in by it are forwarded (`net.ipv4.conf.*.forwarding`, and IPv6's).
    #[serde(default)]
    pub forwarding: bool,
}

/// What becomes of packets that take a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// They go to the gateway, or to the device.
    #[default]
    Unicast,
    /// They are for this host.
    Local,
    /// They are for everybody.
    Broadcast,
    /// They vanish.
    Blackhole,
    /// They are answered: host unreachable.
    Unreachable,
    /// They are answered: prohibited.
    Prohibit,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Where to.
    pub to: Prefix,
    /// The gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// The device, by name. Without it, the device on whose prefix the gateway is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What becomes of packets.
    #[serde(default)]
    pub kind: Kind,
    /// Its rank among routes to the same prefix: the least is taken.
    #[serde(default)]
    pub metric: u32,
    /// The most bytes of a packet on this route (`mtu lock`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// The source address of packets that this host sends (`src`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The table's number.
    #[serde(default = "form::main_table")]
    pub table: u32,
}

impl Route {
    /// A route to a prefix in the main table, without gateway and device.
    pub fn to(to: Prefix) -> Route {
        Route {
            to,
            via: None,
            device: None,
            kind: Kind::Unicast,
            metric: 0,
            mtu: None,
            source: None,
            table: MAIN,
        }
    }
}

/// A neighbour whose link address is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// Its address.
    pub address: IpAddr,
    /// Its link address.
    pub mac: Mac,
    /// The device behind which it is, by name; without it, behind any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// Why a table is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Two devices of one name or index, or an index of 0.
    #[error("device `{0}`: its index must be above 0, and name and index those of no other device")]
    Device(String),
    /// A route or neighbour names no device that there is.
    #[error("there is no device `{device}` for `{what}`")]
    NoDevice {
        /// The name.
        device: String,
        /// The route or neighbour.
        what: String,
    },
    /// A route whose device nobody can tell.
    #[error("route to `{0}`: give a `device`, or a gateway (`via`) within a device's prefix")]
    NoWay(Prefix),
    /// A gateway or source of the other family.
    #[error("route to `{0}`: prefix, `via` and `source` must be of one address family")]
    Family(Prefix),
}

impl Default for Routes {
    /// A loopback device alone, as in a new namespace.
    fn default() -> Self {
        let loopback = Link { mtu: 65536, ..Link::ethernet("lo", 1) };
        Routes { devices: vec![loopback], routes: Vec::new(), neighbours: Vec::new() }
    }
}

impl Link {
    /// An Ethernet device without addresses.
    pub fn ethernet(name: &str, index: u32) -> Link {
        Link {
            name: name.to_owned(),
            index,
            mtu: form::ethernet_mtu(),
            header: form::ethernet_header(),
            mac: Mac::default(),
            addresses: Vec::new(),
            forwarding: false,
        }
    }
}

impl Routes {
    /// The device of that index.
    pub fn device(&self, index: u32) -> Option<&Link> {
        self.devices.iter().find(|device| device.index == index)
    }

    /// The device of that name.
    pub fn device_named(&self, name: &str) -> Option<&Link> {
        self.devices.iter().find(|device| device.name == name)
    }

    /// Whether names, indices and families fit together. A table read from text has been checked.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check(&self) -> Result<(), RouteError> {
        for (number, device) in self.devices.iter().enumerate() {
            let twice =
                self.devices[..number].iter().any(|d| d.index == device.index || d.name == device.name);
            if twice || device.index == 0 {
                return Err(RouteError::Device(device.name.clone()));
            }
        }
        let missing = |device: &Option<String>, what: String| match device {
            Some(name) if self.device_named(name).is_none() => {
                Err(RouteError::NoDevice { device: name.clone(), what })
            }
            _ => Ok(()),
        };
        for route in &self.routes {
            missing(&route.device, route.to.to_string())?;
            let family = route.to.address().is_ipv4();
            // An IPv4 route may have an IPv6 gateway.
            let odd = route.source.is_some_and(|source| source.is_ipv4() != family)
                || route.via.is_some_and(|via| via.is_ipv4() && !family);
            if odd {
                return Err(RouteError::Family(route.to));
            }
            if matches!(route.kind, Kind::Unicast) && self.way(route).is_none() {
                return Err(RouteError::NoWay(route.to));
            }
        }
        self.neighbours.iter().try_for_each(|n| missing(&n.device, n.address.to_string()))
    }

    /// The device that a route leads out of.
    pub(crate) fn way(&self, route: &Route) -> Option<&Link> {
        match (&route.device, route.via) {
            (Some(name), _) => self.device_named(name),
            (None, Some(via)) => {
                self.devices.iter().find(|device| device.addresses.iter().any(|prefix| prefix.contains(via)))
            }
            (None, None) => None,
        }
    }
}
