//! `bpf_sock_addr`: the address of a system call.

use std::net::{IpAddr, SocketAddr};

use super::{RETVAL, Seen, Sockets, fields, get_bytes, get32, put_bytes, put32, put64};
use crate::input::{SockAddr, UserAddress};
use crate::memory::Block;

fields! {
    Fields of "bpf_sock_addr" {
        user_family, user_ip4, user_ip6, user_port, family, r#type, protocol, msg_src_ip4, msg_src_ip6, sk;
    }
}

impl Seen for SockAddr {
    fn enter(&mut self, block: &Block, sockets: Sockets<'_>) {
        let fields = Fields::get();
        put32(block, fields.user_family, self.address.family());
        match &self.address {
            UserAddress::Inet(address) => {
                put_ip(block, fields.user_ip4, fields.user_ip6, address.ip());
                put_bytes(block, fields.user_port, &address.port().to_be_bytes());
            }
            // The path begins where the port stands in other addresses.
            UserAddress::Unix(path) => set_path(block, path),
        }
        put_ip(block, fields.msg_src_ip4, fields.msg_src_ip6, self.source);
        put32(block, fields.family, self.sock.family);
        put32(block, fields.r#type, self.sock.kind);
        put32(block, fields.protocol, self.sock.protocol);
        put64(block, fields.sk, sockets.model(&self.sock));
        put32(block, RETVAL, self.retval.cast_unsigned());
    }

    fn leave(&mut self, block: &Block) {
        let fields = Fields::get();
        let port = get_bytes::<2>(block, fields.user_port);
        match &mut self.address {
            UserAddress::Inet(address) => {
                let ip = get_ip(block, fields.user_ip4, fields.user_ip6, address.ip());
                *address = SocketAddr::new(ip, u16::from_be_bytes(port));
            }
            UserAddress::Unix(path) => {
                for (place, byte) in path.iter_mut().zip(port) {
                    *place = byte;
                }
            }
        }
        self.source = get_ip(block, fields.msg_src_ip4, fields.msg_src_ip6, self.source);
        self.retval = get32(block, RETVAL).cast_signed();
    }
}

/// The path of a Unix socket's address: what the context has of it.
pub(crate) fn set_path(block: &Block, path: &[u8]) {
    put_bytes(block, Fields::get().user_port, path.get(..2).unwrap_or(path));
}

fn put_ip(block: &Block, v4: usize, v6: usize, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => put_bytes(block, v4, &ip.octets()),
        IpAddr::V6(ip) => put_bytes(block, v6, &ip.octets()),
    }
}

/// The address of the same family as before.
fn get_ip(block: &Block, v4: usize, v6: usize, before: IpAddr) -> IpAddr {
    match before {
        IpAddr::V4(_) => IpAddr::from(get_bytes::<4>(block, v4)),
        IpAddr::V6(_) => IpAddr::from(get_bytes::<16>(block, v6)),
    }
}
