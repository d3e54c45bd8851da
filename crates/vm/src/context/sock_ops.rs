//! `bpf_sock_ops`: an event of a TCP connection.

use std::sync::LazyLock;

use belay_sockets::TcpInfo;

use super::{Seen, Sockets, fields, get32, put_bytes, put32, put64};
use crate::input::SockOps;
use crate::memory::Block;

fields! {
    Fields of "bpf_sock_ops" {
        op, reply, replylong, family, remote_ip4, local_ip4, remote_ip6, local_ip6, remote_port, local_port, is_fullsock,
        bpf_sock_ops_cb_flags, state, sk_txhash, sk, skb_data, skb_data_end, skb_len, skb_tcp_flags, skb_hwtstamp;
    }
}

/// Fields that are those of `struct bpf_tcp_sock`: offset there, offset here, size.
static TCP: LazyLock<Vec<(usize, usize, usize)>> = LazyLock::new(|| {
    let context = belay_spec::Hook::by_name("sock_ops").map(|hook| hook.context);
    let here = |name| usize::try_from(context?.field(name)?.offset).ok();
    TcpInfo::FIELDS.iter().filter_map(|(name, there, size)| Some((*there, here(name)?, *size))).collect()
});

/// Shows the program which events the connection reports.
pub(crate) fn set_cb_flags(block: &Block, flags: u32) {
    put32(block, Fields::get().bpf_sock_ops_cb_flags, flags);
}

impl Seen for SockOps {
    fn enter(&mut self, block: &Block, sockets: Sockets<'_>) {
        let (fields, sock) = (Fields::get(), &self.sock);
        let [reply, rest @ ..] = self.args;
        put32(block, fields.op, self.op);
        put32(block, fields.reply, reply);
        for (index, arg) in rest.into_iter().enumerate() {
            put32(block, fields.replylong + 4 * index, arg);
        }
        put32(block, fields.family, sock.family);
        put_bytes(block, fields.remote_ip4, &sock.dst_ip4.octets());
        put_bytes(block, fields.local_ip4, &sock.src_ip4.octets());
        put_bytes(block, fields.remote_ip6, &sock.dst_ip6.octets());
        put_bytes(block, fields.local_ip6, &sock.src_ip6.octets());
        put32(block, fields.remote_port, u32::from(sock.dst_port.to_be()) << 16);
        put32(block, fields.local_port, sock.src_port.into());
        put32(block, fields.is_fullsock, self.is_fullsock.into());
        put32(block, fields.state, sock.state.number().into());
        let model = sockets.model(sock);
        if self.is_fullsock {
            put32(block, fields.bpf_sock_ops_cb_flags, self.cb_flags);
            put32(block, fields.sk_txhash, self.sk_txhash);
            put64(block, fields.sk, model);
            let tcp = sock.tcp.to_bytes();
            for (from, to, size) in TCP.iter() {
                put_bytes(block, *to, tcp.get(*from..from + size).unwrap_or_default());
            }
        }
        put32(block, fields.skb_len, self.skb_len);
        put32(block, fields.skb_tcp_flags, self.skb_tcp_flags);
        put64(block, fields.skb_hwtstamp, self.skb_hwtstamp);
        self.refresh(block);
    }

    fn refresh(&self, block: &Block) {
        let fields = Fields::get();
        put64(block, fields.skb_data, self.shown().addr());
        put64(block, fields.skb_data_end, self.shown().end_addr());
    }

    fn leave(&mut self, block: &Block) {
        let fields = Fields::get();
        let [reply, ..] = &mut self.args;
        *reply = get32(block, fields.reply);
        self.sk_txhash = get32(block, fields.sk_txhash);
    }
}
