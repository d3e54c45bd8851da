//! Which sockets are listed.

use std::net::IpAddr;
use std::str::FromStr;

use belay_sockets::{DeviceAddress, Endpoint, NetnsId, Protocol, Reader, SocketInfo, State};

use super::super::args::{SocketProtocol, SocketsListArgs};
use super::Error;

/// States by the names of `ss`, where they are not ours in another writing.
const NAMES_OF_SS: &[(&str, &[State])] = &[
    ("estab", &[State::Established]),
    ("fin-wait-1", &[State::FinWait1]),
    ("fin-wait-2", &[State::FinWait2]),
    ("unconn", &[State::Close]),
    ("closed", &[State::Close]),
    ("listening", &[State::Listen]),
    ("syn-recv", &[State::SynRecv, State::NewSynRecv]),
];

/// All conditions have to hold; of several values of one, any.
pub(super) struct Filter {
    netns: Vec<NetnsId>,
    protocol: Option<Protocol>,
    states: Vec<State>,
    ports: Vec<u16>,
    addresses: Vec<Prefix>,
}

impl Filter {
    pub(super) fn of(args: &SocketsListArgs, reader: &Reader<'_>) -> Result<Filter, Error> {
        // Of this host, only the namespaces that were asked for are there.
        let wanted = args.source.netns.iter().filter(|_| args.source.sockets.is_some());
        let mut states = Vec::new();
        for name in &args.state {
            states.extend(states_named(name)?);
        }
        Ok(Filter {
            netns: wanted.map(|name| netns(reader, name)).collect::<Result<_, _>>()?,
            protocol: args.protocol.map(SocketProtocol::protocol),
            states,
            ports: args.port.clone(),
            addresses: args.address.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn takes(&self, info: &SocketInfo) -> bool {
        let ends = || [Some(info.local), info.remote].into_iter().flatten();
        any(&self.netns, |netns| *netns == info.netns)
            && self.protocol.is_none_or(|protocol| protocol == info.protocol)
            && any(&self.states, |state| *state == info.state)
            && any(&self.ports, |port| ends().any(|end| end.port == *port))
            && any(&self.addresses, |prefix| ends().any(|end| prefix.holds(end)))
    }
}

fn any<T>(wanted: &[T], holds: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(holds)
}

/// The namespace of a table by its name.
pub(super) fn netns(reader: &Reader<'_>, name: &str) -> Result<NetnsId, Error> {
    reader.netns_named(name).ok_or_else(|| {
        let names: Vec<_> =
            reader.netns_ids().take(20).map(|(_, netns)| format!("`{}`", netns.name())).collect();
        Error::new(format!("no namespace `{name}`: write one of {}", names.join(", ")))
    })
}

fn states_named(name: &str) -> Result<Vec<State>, Error> {
    let lower = name.to_ascii_lowercase().replace('_', "-");
    if let Some((_, states)) = NAMES_OF_SS.iter().find(|(known, _)| *known == lower) {
        return Ok(states.to_vec());
    }
    name.parse().map(|state| vec![state]).map_err(|()| {
        let names: Vec<_> = State::ALL.iter().map(|state| format!("`{state}`")).collect();
        Error::new(format!("no state `{name}`: write one of {}, or as `ss` does", names.join(", ")))
    })
}

/// An address, or all that begin like it: `10.0.0.0/8`. IPv4 holds for mapped addresses, too.
struct Prefix {
    addr: IpAddr,
    length: u8,
}

impl FromStr for Prefix {
    type Err = Error;

    fn from_str(text: &str) -> Result<Prefix, Error> {
        let whole = text
            .parse::<IpAddr>()
            .map(|addr| DeviceAddress { addr, prefix: if addr.is_ipv4() { 32 } else { 128 } });
        whole
            .or_else(|_| text.parse::<DeviceAddress>())
            .map(|DeviceAddress { addr, prefix }| Prefix { addr, length: prefix })
            .map_err(|_| {
                Error::new(format!("`{text}` is no address: write `10.0.0.1`, `10.0.0.0/8` or `fd00::/64`"))
            })
    }
}

impl Prefix {
    fn holds(&self, end: Endpoint) -> bool {
        let same = |one: u128, other: u128, bits: u32| {
            (one ^ other).checked_shr(bits - u32::from(self.length)).unwrap_or(0) == 0
        };
        match (self.addr, end.addr) {
            (IpAddr::V4(wanted), IpAddr::V4(addr)) => {
                same(wanted.to_bits().into(), addr.to_bits().into(), 32)
            }
            (IpAddr::V4(wanted), IpAddr::V6(addr)) => addr
                .to_ipv4_mapped()
                .is_some_and(|addr| same(wanted.to_bits().into(), addr.to_bits().into(), 32)),
            (IpAddr::V6(wanted), IpAddr::V6(addr)) => same(wanted.to_bits(), addr.to_bits(), 128),
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_holds_what_begins_like_it() {
        let holds = |prefix: &str, end: &str| {
            let prefix: Prefix = prefix.parse().unwrap_or_else(|_| panic!("{prefix}"));
            prefix.holds(end.parse().expect("an end"))
        };
        assert!(holds("10.0.0.0/8", "10.9.8.7:1") && !holds("10.0.0.0/8", "11.0.0.1:1"));
        assert!(holds("10.0.0.1", "[::ffff:10.0.0.1]:1") && !holds("10.0.0.1", "10.0.0.2:1"));
        assert!(holds("fd00::/64", "[fd00::9]:1") && !holds("fd00::/64", "[fd00:0:0:1::9]:1"));
        assert!(
            holds("::/0", "[fd00::9]:1") && holds("0.0.0.0/0", "10.0.0.1:1") && !holds("::/0", "10.0.0.1:1")
        );
        for wrong in ["10.0.0.1/33", "10.0.0", "fd00::/129", ""] {
            assert!(wrong.parse::<Prefix>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn states_have_the_names_of_ss_too() {
        for (name, state) in
            [("ESTAB", State::Established), ("time-wait", State::TimeWait), ("TIME_WAIT", State::TimeWait)]
        {
            assert!(states_named(name).is_ok_and(|states| states == [state]), "{name}");
        }
        assert!(states_named("syn-recv").is_ok_and(|states| states.len() == 2));
        assert!(states_named("nonsense").is_err());
    }
}
