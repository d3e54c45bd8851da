//! One socket, as a line of columns and as JSON.

use std::net::IpAddr;

use belay_diagnostics::printable;
use belay_sockets::{Endpoint, Family, Protocol, Reader, Socket, SocketInfo, State};
use serde::Serialize;

/// A socket in JSON: the fields of the file (`docs/sockets.md`), each always there.
#[derive(Serialize)]
pub(super) struct Record {
    netns: String,
    protocol: String,
    state: &'static str,
    family: u8,
    local: String,
    remote: Option<String>,
    device: Option<String>,
    v6only: bool,
    reuseport: bool,
    reuseaddr: bool,
    uid: u32,
    mark: u32,
    priority: u32,
    cookie: u64,
    rx_queue: i32,
}

impl Record {
    pub(super) fn of(reader: &Reader<'_>, socket: &Socket) -> Record {
        let info = socket.info();
        Record {
            netns: netns(reader, &info),
            protocol: info.protocol.to_string(),
            state: info.state.name(),
            family: if info.family() == Family::V4 { 4 } else { 6 },
            local: info.local.to_string(),
            remote: info.remote.map(|remote| remote.to_string()),
            device: device(reader, &info),
            v6only: info.v6only,
            reuseport: info.reuseport,
            reuseaddr: info.reuseaddr,
            uid: info.uid,
            mark: info.mark,
            priority: info.priority,
            cookie: info.cookie,
            rx_queue: info.rx_queue,
        }
    }
}

/// The columns, as `ss -n` has them: an address `*` is IPv4 and IPv6, `%` stands before the device.
pub(super) fn columns(reader: &Reader<'_>, socket: &Socket, verbose: bool) -> [String; 6] {
    let info = socket.info();
    let device = device(reader, &info).map(|name| printable(&name));
    [
        info.protocol.to_string(),
        state(&info).to_owned(),
        local(&info, device.as_deref()),
        peer(&info),
        printable(&netns(reader, &info)),
        options(&info, verbose),
    ]
}

/// What else there is to say, for sockets that have it.
fn options(info: &SocketInfo, verbose: bool) -> String {
    let is_bound = matches!(info.state, State::Listen | State::Close);
    let flags = [
        ("v6only", info.v6only && is_bound),
        ("reuseport", info.reuseport),
        ("reuseaddr", info.reuseaddr && verbose),
    ];
    let mut words: Vec<String> =
        flags.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()).collect();
    for (name, value) in [("uid", info.uid), ("mark", info.mark), ("priority", info.priority)] {
        if value != 0 || verbose {
            words.push(format!("{name}:{value}"));
        }
    }
    if verbose {
        words.push(format!("cookie:{}", info.cookie));
    }
    words.join(" ")
}

fn netns(reader: &Reader<'_>, info: &SocketInfo) -> String {
    reader.netns(info.netns).map(|netns| netns.name().to_owned()).unwrap_or_default()
}

fn device(reader: &Reader<'_>, info: &SocketInfo) -> Option<String> {
    let netns = reader.netns(info.netns)?;
    netns.device_at(info.device).map(|device| device.name.clone())
}

/// The state by its name in `ss`.
fn state(info: &SocketInfo) -> &'static str {
    match (info.protocol, info.state) {
        (_, State::Established) => "ESTAB",
        (_, State::SynSent) => "SYN-SENT",
        (_, State::SynRecv | State::NewSynRecv) => "SYN-RECV",
        (_, State::FinWait1) => "FIN-WAIT-1",
        (_, State::FinWait2) => "FIN-WAIT-2",
        (_, State::TimeWait) => "TIME-WAIT",
        (Protocol::Udp, State::Close) => "UNCONN",
        (Protocol::Tcp, State::Close) => "CLOSED",
        (_, State::CloseWait) => "CLOSE-WAIT",
        (_, State::LastAck) => "LAST-ACK",
        (_, State::Listen) => "LISTEN",
        (_, State::Closing) => "CLOSING",
    }
}

/// Whether it takes packets of both families.
fn is_dual(info: &SocketInfo) -> bool {
    matches!(info.local.addr, IpAddr::V6(addr) if addr.is_unspecified()) && !info.v6only
}

fn local(info: &SocketInfo, device: Option<&str>) -> String {
    let addr = if is_dual(info) { "*".to_owned() } else { bracketed(info.local) };
    let device = device.map(|name| format!("%{name}")).unwrap_or_default();
    format!("{addr}{device}:{}", info.local.port)
}

fn peer(info: &SocketInfo) -> String {
    match (info.remote, info.family()) {
        (Some(remote), _) => remote.to_string(),
        (None, _) if is_dual(info) => "*:*".to_owned(),
        (None, Family::V4) => "0.0.0.0:*".to_owned(),
        (None, Family::V6) => "[::]:*".to_owned(),
    }
}

fn bracketed(end: Endpoint) -> String {
    match end.addr {
        IpAddr::V4(addr) => addr.to_string(),
        IpAddr::V6(addr) => format!("[{addr}]"),
    }
}
