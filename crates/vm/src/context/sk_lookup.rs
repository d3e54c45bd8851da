//! `bpf_sk_lookup`: a lookup that a program may answer.

use std::net::IpAddr;

use super::{Seen, Sockets, fields, put_bytes, put32, put64};
use crate::input::SkLookup;
use crate::input::family::{INET, INET6};
use crate::memory::Block;

fields! {
    Fields of "bpf_sk_lookup" {
        sk, family, protocol, remote_ip4, remote_ip6, remote_port, local_ip4, local_ip6, local_port, ingress_ifindex;
    }
}

/// Shows the program the socket that is selected.
pub(crate) fn select(block: &Block, addr: u64) {
    put64(block, Fields::get().sk, addr);
}

/// The address of the socket that is selected; 0 for none.
pub(crate) fn selected(block: &Block) -> u64 {
    super::get64(block, Fields::get().sk)
}

impl Seen for SkLookup {
    fn enter(&mut self, block: &Block, sockets: Sockets<'_>) {
        let fields = Fields::get();
        put64(block, fields.sk, self.selected.map_or(0, |id| sockets.address(id)));
        put32(block, fields.family, if self.local.is_ipv4() { INET } else { INET6 });
        put32(block, fields.protocol, self.protocol.number().into());
        for (ip, v4, v6) in [
            (self.remote.ip(), fields.remote_ip4, fields.remote_ip6),
            (self.local.ip(), fields.local_ip4, fields.local_ip6),
        ] {
            match ip {
                IpAddr::V4(ip) => put_bytes(block, v4, &ip.octets()),
                IpAddr::V6(ip) => put_bytes(block, v6, &ip.octets()),
            }
        }
        put_bytes(block, fields.remote_port, &self.remote.port().to_be_bytes());
        put32(block, fields.local_port, self.local.port().into());
        put32(block, fields.ingress_ifindex, self.ingress_ifindex);
    }
}
