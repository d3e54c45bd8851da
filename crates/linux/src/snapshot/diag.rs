//! The sockets of one namespace, as `sock_diag` tells them.
//!
//! Told: both ends, state, owner, device, cookie, mark (to `CAP_NET_ADMIN`), priority, `IPV6_V6ONLY` of what is not connected, `tcp_info`.
//! The kernel lists listeners in the order in which a lookup walks them, UDP sockets with the newest first. Not told: everything that
//! [`super::options`] is for. Request and time-wait sockets have no owner and no attributes, which is how a request socket
//! (listed as `SYN_RECV`) is known from a full socket in that state.

use belay_sockets::{Endpoint, NetnsId, Protocol, SocketInfo, State};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, InetResponseHeader, SocketId, StateFlags, Timer,
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::netlink::{Answers, Want, ask};
use super::{SnapshotError, tcp_info};

/// What beside addresses and states is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Detail {
    /// What `struct bpf_tcp_sock` shows, as far as `tcp_info` tells it: a third more to read.
    pub tcp_info: bool,
}

/// All sockets of a protocol in the calling thread's namespace, in the kernel's order: IPv4 first, then IPv6.
pub(super) fn sockets(protocol: Protocol, detail: Detail) -> Result<Vec<SocketInfo>, SnapshotError> {
    let mut found = Vec::new();
    for id in [SocketId::new_v4(), SocketId::new_v6()] {
        let request = request(protocol, id, detail);
        let each = |message| socket(protocol, message).map(|info| found.extend(info));
        ask(NETLINK_SOCK_DIAG, Want::Dump, SockDiagMessage::InetRequest(request), each)
            .map_err(|e| e.about(format_args!("the {protocol} sockets")))?;
    }
    Ok(found)
}

/// The socket that the kernel finds for one connection of TCP on a device: the connection itself, or a listener for it.
pub(crate) fn find_connection(
    local: Endpoint,
    remote: Endpoint,
    ifindex: u32,
) -> Result<Option<SocketInfo>, SnapshotError> {
    let id = SocketId {
        source_port: local.port,
        destination_port: remote.port,
        source_address: local.addr,
        destination_address: remote.addr,
        interface_id: ifindex,
        // `INET_DIAG_NOCOOKIE`: any.
        cookie: [0xff; 8],
    };
    let request = request(Protocol::Tcp, id, Detail::default());
    let mut found = None;
    let each = |message| socket(Protocol::Tcp, message).map(|info| found = info);
    match ask(NETLINK_SOCK_DIAG, Want::One, SockDiagMessage::InetRequest(request), each) {
        Err(error) if error.errno() == Some(libc::ENOENT) => Ok(None),
        asked => asked.map(|()| found),
    }
}

fn request(protocol: Protocol, socket_id: SocketId, detail: Detail) -> InetRequest {
    // The traffic class brings the priority along.
    let info = if detail.tcp_info { ExtensionFlags::INFO } else { ExtensionFlags::empty() };
    InetRequest {
        family: if socket_id.source_address.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: match protocol {
            Protocol::Tcp => IPPROTO_TCP,
            Protocol::Udp => IPPROTO_UDP,
        },
        extensions: ExtensionFlags::TCLASS | info,
        states: StateFlags::all(),
        socket_id,
    }
}

/// The sockets of a datagram of `sock_diag`'s answer, whatever its bytes are.
///
/// # Errors
/// Says at which byte it is malformed.
pub fn read_datagram(protocol: Protocol, bytes: &[u8]) -> Result<Vec<SocketInfo>, SnapshotError> {
    let mut found = Vec::new();
    let each = |message| socket(protocol, message).map(|info| found.extend(info));
    Answers::new(Want::Dump, each).take(bytes)?;
    Ok(found)
}

/// What a message describes (in which namespace, who asked knows); `None` if it is no socket that a lookup could find.
pub(super) fn socket(
    protocol: Protocol,
    message: SockDiagMessage,
) -> Result<Option<SocketInfo>, SnapshotError> {
    let SockDiagMessage::InetResponse(response) = message else {
        return Err(SnapshotError::new("sock_diag: an answer that is about no internet socket"));
    };
    let InetResponse { header, nlas } = *response;
    let Some(state) = state(protocol, &header, nlas.is_empty() || only_mark(&nlas)) else { return Ok(None) };
    let id = &header.socket_id;
    let local = Endpoint::new(id.source_address, id.source_port);
    let has_peer = match protocol {
        Protocol::Tcp => state.is_connected(),
        Protocol::Udp => state == State::Established,
    };
    let mut info = SocketInfo {
        remote: has_peer.then(|| Endpoint::new(id.destination_address, id.destination_port)),
        device: id.interface_id,
        uid: header.uid,
        cookie: cookie(id.cookie),
        ..SocketInfo::new(NetnsId::FIRST, protocol, state, local)
    };
    for attribute in &nlas {
        match attribute {
            Nla::Mark(mark) => info.mark = *mark,
            Nla::ClassId(priority) => info.priority = *priority,
            Nla::SkV6Only(v6only) => info.v6only = *v6only && local.addr.is_ipv6(),
            Nla::TcpInfo(bytes) if state != State::Listen => info.tcp = tcp_info::read(bytes),
            _ => {}
        }
    }
    Ok(Some(info))
}

/// The state as programs see it. `bare` is a message without a full socket's attributes.
fn state(protocol: Protocol, header: &InetResponseHeader, bare: bool) -> Option<State> {
    let listed = State::ALL.iter().copied().find(|state| state.number() == header.state)?;
    match (protocol, listed) {
        (Protocol::Udp, State::Established | State::Close) => Some(listed),
        (Protocol::Udp, _) | (Protocol::Tcp, State::Close) => None,
        // Whatever it waits for, it is a time-wait socket.
        (Protocol::Tcp, _) if header.timer == Some(Timer::TimeWait) => Some(State::TimeWait),
        (Protocol::Tcp, State::SynRecv) if bare => Some(State::NewSynRecv),
        (Protocol::Tcp, _) => Some(listed),
    }
}

fn only_mark(attributes: &[Nla]) -> bool {
    attributes.iter().all(|attribute| matches!(attribute, Nla::Mark(_)))
}

/// Two words, the low one first.
pub(super) fn cookie(bytes: [u8; 8]) -> u64 {
    let [a, b, c, d, e, f, g, h] = bytes;
    u64::from(u32::from_ne_bytes([a, b, c, d])) | (u64::from(u32::from_ne_bytes([e, f, g, h])) << 32)
}
