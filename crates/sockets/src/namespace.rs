//! Network namespaces: their devices, and the ids under which one knows another.
//!
//! A namespace id is relative: each namespace keeps its own map from id to namespace, and an id that it does not know finds
//! nothing, silently. A program passes one to a lookup helper as a 64-bit argument, of which the helpers read different
//! widths; [`NsidArg`] is that argument after the helper has read it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Names one namespace of a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NetnsId(pub(crate) u32);

impl NetnsId {
    /// The first namespace of every table, where programs run unless told otherwise.
    pub const FIRST: NetnsId = NetnsId(0);
    /// The largest number of one.
    pub(crate) const MOST: u32 = (1 << 30) - 1;

    /// Its place in the table's order of insertion.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An address of a device with the length of its prefix. Written `10.0.0.1/24`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeviceAddress {
    /// The address.
    pub addr: IpAddr,
    /// The prefix length, at most 32 or 128.
    pub prefix: u8,
}

impl fmt::Display for DeviceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix)
    }
}

impl FromStr for DeviceAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HOW: &str = "write an address and a prefix length, as `10.0.0.1/24`";
        let (addr, prefix) = text.split_once('/').ok_or(HOW)?;
        let addr: IpAddr = addr.parse().map_err(|_| HOW)?;
        let prefix = prefix.parse().map_err(|_| HOW)?;
        let most = if addr.is_ipv4() { 32 } else { 128 };
        if prefix > most { Err(HOW) } else { Ok(DeviceAddress { addr, prefix }) }
    }
}

/// A network device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Its ifindex, at least 1. Unique in its namespace only.
    pub ifindex: u32,
    /// Its name.
    pub name: String,
    /// Its addresses. Lookups do not ask for them: Linux finds a wildcard listener for any destination address.
    pub addresses: Vec<DeviceAddress>,
}

/// A network namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
    pub(crate) name: String,
    pub(crate) devices: Vec<Device>,
    pub(crate) nsids: BTreeMap<u32, NetnsId>,
}

impl Namespace {
    /// The loopback device's ifindex, in every namespace.
    pub const LOOPBACK: u32 = 1;

    pub(crate) fn new(name: String) -> Self {
        let lo = Device { ifindex: Self::LOOPBACK, name: "lo".into(), addresses: Vec::new() };
        Namespace { name, devices: vec![lo], nsids: BTreeMap::new() }
    }

    /// Its name, unique in the table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its devices; `lo` is always the first.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The device called `name`.
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|d| d.name == name)
    }

    /// The device of this ifindex.
    pub fn device_at(&self, ifindex: u32) -> Option<&Device> {
        self.devices.iter().find(|d| d.ifindex == ifindex)
    }

    /// The namespaces that it knows by id.
    pub fn nsids(&self) -> &BTreeMap<u32, NetnsId> {
        &self.nsids
    }
}

/// The namespace argument of a lookup helper, as the helper understood it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NsidArg {
    /// The namespace of the packet's device: `BPF_F_CURRENT_NETNS`, or any other negative 32-bit number.
    Current,
    /// The namespace of this id, as the current one knows it.
    Id(u32),
    /// More than 31 bits: the helper returns NULL.
    Invalid,
}

impl NsidArg {
    /// What the 64-bit argument means to the helpers of every hook but XDP: the low half decides whether it is
    /// negative, the whole must otherwise be below 2^31 (measured: 2^32+77 is NULL).
    pub fn wide(argument: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the helper looks at the low half first")]
        let low = argument as u32;
        if low > i32::MAX as u32 {
            NsidArg::Current
        } else if argument == u64::from(low) {
            NsidArg::Id(low)
        } else {
            NsidArg::Invalid
        }
    }

    /// What it means to the XDP helpers, which take 32 bits of it (measured: 2^32+77 is 77).
    pub fn xdp(argument: u64) -> Self {
        Self::wide(argument & u64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_is_read_as_the_helpers_read_it() {
        let cases = [
            (0, NsidArg::Id(0), NsidArg::Id(0)),
            (u64::MAX, NsidArg::Current, NsidArg::Current),
            (0xffff_ffff, NsidArg::Current, NsidArg::Current),
            (0x8000_0000, NsidArg::Current, NsidArg::Current),
            (0x7fff_ffff, NsidArg::Id(0x7fff_ffff), NsidArg::Id(0x7fff_ffff)),
            ((1 << 32) + 77, NsidArg::Invalid, NsidArg::Id(77)),
            ((1 << 32) | 0xffff_ffff, NsidArg::Current, NsidArg::Current),
        ];
        for (argument, wide, xdp) in cases {
            assert_eq!((NsidArg::wide(argument), NsidArg::xdp(argument)), (wide, xdp), "{argument:#x}");
        }
    }

    #[test]
    fn a_device_address_needs_a_prefix_that_fits() {
        assert_eq!("10.0.0.1/24".parse::<DeviceAddress>().map(|a| a.to_string()), Ok("10.0.0.1/24".into()));
        assert!("fe80::1/128".parse::<DeviceAddress>().is_ok());
        for wrong in ["10.0.0.1", "10.0.0.1/33", "::1/129", "host/8", "10.0.0.1/-1"] {
            assert!(wrong.parse::<DeviceAddress>().is_err(), "{wrong}");
        }
    }
}
