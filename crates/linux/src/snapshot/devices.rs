//! The devices of a namespace with their addresses, and the ids under which it knows other namespaces.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, BorrowedFd};

use belay_sockets::{Device, DeviceAddress};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::SnapshotError;
use super::netlink::{Want, ask};

/// The devices in the calling thread's namespace, by ifindex.
pub(super) fn devices() -> Result<Vec<Device>, SnapshotError> {
    let mut devices = BTreeMap::new();
    ask(NETLINK_ROUTE, Want::Dump, RouteNetlinkMessage::GetLink(LinkMessage::default()), |message| {
        devices.extend(link(message));
        Ok(())
    })
    .map_err(|e| e.about("the devices"))?;
    ask(NETLINK_ROUTE, Want::Dump, RouteNetlinkMessage::GetAddress(AddressMessage::default()), |message| {
        if let Some((ifindex, address)) = address(message)
            && let Some(Device { addresses, .. }) = devices.get_mut(&ifindex)
        {
            addresses.push(address);
        }
        Ok(())
    })
    .map_err(|e| e.about("the addresses"))?;
    Ok(devices.into_values().collect())
}

fn link(message: RouteNetlinkMessage) -> Option<(u32, Device)> {
    let RouteNetlinkMessage::NewLink(link) = message else { return None };
    let ifindex = link.header.index;
    link.attributes.into_iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some((ifindex, Device { ifindex, name, addresses: Vec::new() })),
        _ => None,
    })
}

/// Of a point-to-point device the address is the peer's, and the local one stands beside it.
fn address(message: RouteNetlinkMessage) -> Option<(u32, DeviceAddress)> {
    let RouteNetlinkMessage::NewAddress(address) = message else { return None };
    let mut own = None;
    for attribute in &address.attributes {
        match attribute {
            AddressAttribute::Local(addr) => own = Some(*addr),
            AddressAttribute::Address(addr) => own = own.or(Some(*addr)),
            _ => {}
        }
    }
    Some((address.header.index, DeviceAddress { addr: own?, prefix: address.header.prefix_len }))
}

/// The id under which the calling thread's namespace knows another one; `None` if it has none for it.
pub(super) fn nsid(of: BorrowedFd<'_>) -> Result<Option<u32>, SnapshotError> {
    let mut message = NsidMessage::default();
    message.attributes = vec![NsidAttribute::Fd(of.as_raw_fd().cast_unsigned())];
    let mut id = None;
    ask(NETLINK_ROUTE, Want::One, RouteNetlinkMessage::GetNsId(message), |answer| {
        if let RouteNetlinkMessage::NewNsId(answer) = answer {
            id = answer.attributes.iter().find_map(|attribute| match attribute {
                // -1 says that there is none.
                NsidAttribute::Id(id) => u32::try_from(*id).ok(),
                _ => None,
            });
        }
        Ok(())
    })
    .map_err(|e| e.about("the namespace ids"))?;
    Ok(id)
}
