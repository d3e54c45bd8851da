//! The host that a socket table describes, as far as packets tell.

use std::net::IpAddr;

use belay_sockets::SocketTable;
use belay_vm::Packet;

/// The device that packets come in by, and the addresses that they leave from.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its first device besides loopback.
    pub ifindex: u32,
    addresses: Vec<IpAddr>,
}

impl Host {
    /// The host of a table: its first namespace.
    pub fn of(sockets: &SocketTable) -> Host {
        let reader = sockets.read();
        let netns = reader.default_netns().and_then(|id| reader.netns(id));
        let devices = netns.as_ref().map(|netns| netns.devices()).unwrap_or_default();
        Host {
            ifindex: devices.get(1).or(devices.first()).map_or(1, |device| device.ifindex),
            addresses: devices.iter().flat_map(|device| device.addresses.iter().map(|a| a.addr)).collect(),
        }
    }

    /// Whether a packet from this address leaves the host.
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// A packet on the host's device.
    ///
    /// # Errors
    /// If the bytes are no packet.
    pub fn packet(&self, frame: &[u8]) -> Result<Packet, String> {
        let mut packet = Packet::new(frame).map_err(|e| e.to_string())?;
        packet.metadata.ifindex = self.ifindex;
        packet.metadata.ingress_ifindex = self.ifindex;
        Ok(packet)
    }
}
