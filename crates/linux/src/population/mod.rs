//! The sockets of a table as real sockets: what Belay simulates, the kernel then holds.
//!
//! Listeners and UDP sockets are bound as anybody would. A TCP connection is made with `TCP_REPAIR`: it is established
//! at once, with any peer, and nobody need answer; both sequence numbers are known, so that segments made by hand
//! ([`segment`]) bring it from there into any other state. The stack may receive them late, or, while it still sets up
//! an address, not at all: each is sent again until the kernel lists the state that it leads to.
//!
//! What has no outward sign and cannot be chosen (cookies, `tcp_info`, the receive queue) is left as the kernel makes it.

mod segment;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use belay_sockets::{Device, Endpoint, Family, Namespace, NetnsId, Protocol, SocketInfo, SocketTable, State};
use socket2::{Domain, Socket, Type};

use crate::netns::{NetNs, NetNsError};
use crate::snapshot::find_connection;
use crate::sys::{self, Errno};
use segment::{ACK, FIN, SYN, Segment};

/// The next sequence number of what we send and of what the peer sends, on every connection.
const OURS: u32 = 1_000_000;
const THEIRS: u32 = 2_000_000;

/// `TCP_REPAIR` ends without telling the peer (a window probe would be answered by a reset).
const REPAIR_OFF_QUIETLY: i32 = -1;
/// `TCP_RECV_QUEUE` and `TCP_SEND_QUEUE` of `TCP_REPAIR_QUEUE`.
const RECEIVE_QUEUE: i32 = 1;
const SEND_QUEUE: i32 = 2;

/// `struct tcp_repair_window`: `snd_wl1`, `snd_wnd`, `max_window`, `rcv_wnd`, `rcv_wup`. Wide open, or our FIN would wait.
const WINDOW: [u32; 5] = [THEIRS, 0xffff, 0xffff, 0xffff, THEIRS];

/// How long a segment may take to have its effect, and how often it is sent meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A network namespace that holds the sockets and devices of one namespace of a table. Dropping it closes everything.
#[derive(Debug)]
pub struct Population {
    namespace: NetNs,
    /// The far ends of its devices.
    _outside: NetNs,
    described: Arc<Namespace>,
    /// Each with the socket of the table that it stands for.
    sockets: Vec<(SocketInfo, Socket)>,
}

/// What could not be made real.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopulationError {
    /// The socket or device, and what failed.
    pub message: String,
}

impl fmt::Display for PopulationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PopulationError {}

impl From<NetNsError> for PopulationError {
    fn from(error: NetNsError) -> Self {
        PopulationError { message: error.message }
    }
}

impl Population {
    /// Makes a namespace of its own with the devices and sockets of `netns`. Every device but `lo` is one end of a veth
    /// pair that asks nobody for link addresses and gets no answer; the first one has the default routes.
    ///
    /// # Errors
    /// The first device or socket that the kernel refuses; `EPERM` without `CAP_NET_ADMIN`.
    pub fn of(table: &SocketTable, netns: NetnsId) -> Result<Population, PopulationError> {
        let table = table.read();
        let described =
            table.netns(netns).ok_or_else(|| PopulationError { message: "no such namespace".into() })?;
        let namespace = NetNs::with_loopback()?;
        let outside = NetNs::new()?;
        devices(&namespace, &outside, &described)?;

        let mut infos: Vec<SocketInfo> =
            table.sockets().map(|s| s.info()).filter(|info| info.netns == netns).collect();
        // A listener cannot be bound where a connection is; among themselves, the order of the table counts.
        infos.sort_by_key(|info| info.state.is_connected());
        let mut population = Population { namespace, _outside: outside, described, sockets: Vec::new() };
        match population.add(&infos)?.into_iter().next() {
            Some(refused) => Err(refused),
            None => Ok(population),
        }
    }

    /// Makes these sockets as well, in this order; what the kernel refused.
    ///
    /// # Errors
    /// If the namespace cannot be entered.
    pub fn add(&mut self, infos: &[SocketInfo]) -> Result<Vec<PopulationError>, PopulationError> {
        let described = &self.described;
        let made = self.namespace.run(|| {
            let made = |info| {
                let made = socket(info, described).map_err(|e| failed(info, &e));
                made.map(|made| made.map(|made| (SocketInfo::clone(info), made)))
            };
            infos.iter().map(made).collect::<Vec<_>>()
        });
        let made =
            made.map_err(|e| PopulationError { message: format!("cannot enter the namespace: {e}") })?;
        let mut refused = Vec::new();
        for made in made {
            match made {
                Ok(socket) => self.sockets.extend(socket),
                Err(error) => refused.push(error),
            }
        }
        Ok(refused)
    }

    /// The real socket that stands for the table's socket of this cookie; none for those that no process holds.
    pub fn socket(&self, cookie: u64) -> Option<BorrowedFd<'_>> {
        self.sockets.iter().find(|(info, _)| info.cookie == cookie).map(|(_, socket)| socket.as_fd())
    }

    /// The cookies of the real sockets, each with that of the table's socket.
    ///
    /// # Errors
    /// If the kernel does not tell.
    pub fn cookies(&self) -> io::Result<Vec<(u64, u64)>> {
        self.sockets.iter().map(|(info, socket)| Ok((socket.cookie()?, info.cookie))).collect()
    }

    /// The namespace.
    pub fn namespace(&self) -> &NetNs {
        &self.namespace
    }
}

fn failed(info: &SocketInfo, error: &io::Error) -> PopulationError {
    let remote = info.remote.map(|r| format!(" <- {r}")).unwrap_or_default();
    PopulationError {
        message: format!(
            "cannot make socket {} {} {}{remote}: {error}",
            info.protocol, info.state, info.local
        ),
    }
}

fn devices(namespace: &NetNs, outside: &NetNs, described: &Namespace) -> Result<(), PopulationError> {
    let path = format!("/proc/{}/fd/{}", std::process::id(), outside.as_fd().as_raw_fd());
    let mut first = true;
    for Device { ifindex, name, addresses } in described.devices() {
        if *ifindex != Namespace::LOOPBACK {
            let index = ifindex.to_string();
            let peer = format!("out{ifindex}");
            #[rustfmt::skip]
            namespace.ip(&[
                "link", "add", "name", name, "index", &index, "arp", "off", "type", "veth",
                "peer", "name", &peer, "netns", &path,
            ])?;
            namespace.ip(&["link", "set", name, "up"])?;
            outside.ip(&["link", "set", &peer, "up"])?;
        }
        for address in addresses {
            namespace.address(name, &address.to_string())?;
        }
        if *ifindex != Namespace::LOOPBACK && std::mem::take(&mut first) {
            for family in ["-4", "-6"] {
                namespace.ip(&[family, "route", "add", "default", "dev", name])?;
            }
        }
    }
    Ok(())
}

/// One socket; `None` if the kernel keeps it without us holding a descriptor (a request socket).
fn socket(info: &SocketInfo, netns: &Namespace) -> io::Result<Option<Socket>> {
    match (info.protocol, info.state) {
        (Protocol::Udp, _) => udp(info, netns).map(Some),
        (Protocol::Tcp, State::Listen) => {
            let socket = bound(info, netns)?;
            socket.listen(128)?;
            Ok(Some(socket))
        }
        (Protocol::Tcp, State::Close) => bound(info, netns).map(Some),
        (Protocol::Tcp, State::SynSent) => {
            let socket = bound(info, netns)?;
            socket.set_nonblocking(true)?;
            match socket.connect(&remote(info)?.into()) {
                Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
                _ => Ok(Some(socket)),
            }
        }
        (Protocol::Tcp, State::NewSynRecv) => {
            lead(info, State::NewSynRecv, Segment { flags: SYN, sequence: THEIRS, acknowledge: 0 })?;
            Ok(None)
        }
        (Protocol::Tcp, State::SynRecv) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a full socket in SYN_RECV needs fast open: write `new_syn_recv`",
        )),
        (Protocol::Tcp, _) => connection(info, netns).map(Some),
    }
}

fn open(info: &SocketInfo, netns: &Namespace) -> io::Result<Socket> {
    let domain = match info.family() {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let kind = match info.protocol {
        Protocol::Tcp => Type::STREAM,
        Protocol::Udp => Type::DGRAM,
    };
    let socket = Socket::new(domain, kind, None)?;
    if info.family() == Family::V6 {
        socket.set_only_v6(info.v6only)?;
    }
    // Of TCP it changes no lookup, and lets a listener stand beside its connections.
    socket.set_reuse_address(info.protocol == Protocol::Tcp || info.reuseaddr)?;
    socket.set_reuse_port(info.reuseport)?;
    if let Some(device) = netns.device_at(info.device) {
        socket.bind_device(Some(device.name.as_bytes()))?;
    }
    if info.mark != 0 {
        socket.set_mark(info.mark)?;
    }
    if info.priority != 0 {
        option(&socket, libc::SOL_SOCKET, libc::SO_PRIORITY, &info.priority.to_ne_bytes())?;
    }
    Ok(socket)
}

fn bound(info: &SocketInfo, netns: &Namespace) -> io::Result<Socket> {
    let socket = open(info, netns)?;
    socket.bind(&address(info.local).into())?;
    Ok(socket)
}

fn udp(info: &SocketInfo, netns: &Namespace) -> io::Result<Socket> {
    let socket = bound(info, netns)?;
    if info.remote.is_some() {
        socket.connect(&remote(info)?.into())?;
    }
    Ok(socket)
}

/// A connection, established by decree and then led into its state.
fn connection(info: &SocketInfo, netns: &Namespace) -> io::Result<Socket> {
    let socket = open(info, netns)?;
    let repair = |name, value: i32| option(&socket, libc::IPPROTO_TCP, name, &value.to_ne_bytes());
    repair(libc::TCP_REPAIR, 1)?;
    for (queue, sequence) in [(SEND_QUEUE, OURS), (RECEIVE_QUEUE, THEIRS)] {
        repair(libc::TCP_REPAIR_QUEUE, queue)?;
        repair(libc::TCP_QUEUE_SEQ, sequence.cast_signed())?;
    }
    socket.bind(&address(info.local).into())?;
    socket.connect(&remote(info)?.into())?;
    let window: Vec<u8> = WINDOW.iter().flat_map(|word| word.to_ne_bytes()).collect();
    option(&socket, libc::IPPROTO_TCP, libc::TCP_REPAIR_WINDOW, &window)?;
    repair(libc::TCP_REPAIR, REPAIR_OFF_QUIETLY)?;

    let close_our_side = || socket.shutdown(std::net::Shutdown::Write);
    let theirs = |to, flags, acknowledge| lead(info, to, Segment { flags, sequence: THEIRS, acknowledge });
    // Our FIN takes one sequence number.
    match info.state {
        State::FinWait1 => close_our_side()?,
        State::FinWait2 => {
            close_our_side()?;
            theirs(State::FinWait2, ACK, OURS + 1)?;
        }
        State::TimeWait => {
            close_our_side()?;
            theirs(State::TimeWait, FIN | ACK, OURS + 1)?;
        }
        State::Closing => {
            close_our_side()?;
            theirs(State::Closing, FIN | ACK, OURS)?;
        }
        State::CloseWait => theirs(State::CloseWait, FIN | ACK, OURS)?,
        State::LastAck => {
            theirs(State::CloseWait, FIN | ACK, OURS)?;
            close_our_side()?;
        }
        _ => {}
    }
    Ok(socket)
}

/// Sends a segment until the kernel lists the socket in the state that the segment leads to.
fn lead(info: &SocketInfo, to: State, segment: Segment) -> io::Result<()> {
    let (local, remote) = (address(info.local), remote(info)?);
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        receive(local, remote, segment)?;
        for _ in 0..5 {
            if listed(info)? == Some(to) {
                return Ok(());
            }
            thread::sleep(PAUSE / 5);
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the stack does not take the segments of its peer"))
}

/// The state in which the kernel lists the connection, also if nobody holds a descriptor of it.
fn listed(info: &SocketInfo) -> io::Result<Option<State>> {
    let found = info.remote.map(|remote| find_connection(info.local, remote, info.device)).transpose();
    Ok(found.map_err(io::Error::other)?.flatten().map(|found| found.state))
}

/// Lets the stack receive a segment from the peer.
fn receive(local: SocketAddr, remote: SocketAddr, segment: Segment) -> io::Result<()> {
    let (from, to) = (unmapped(remote), unmapped(local));
    let domain = if to.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    // A raw socket of `IPPROTO_RAW` takes whole packets. Its port means nothing, and IPv6 insists on 0.
    let raw = Socket::new(domain, Type::RAW, Some(libc::IPPROTO_RAW.into()))?;
    let packet = segment.packet(from, to).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the two ends are of different families")
    })?;
    raw.send_to(&packet, &SocketAddr::new(to.ip(), 0).into()).map(drop)
}

fn remote(info: &SocketInfo) -> io::Result<SocketAddr> {
    info.remote
        .map(address)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a socket in this state has a peer"))
}

fn address(endpoint: Endpoint) -> SocketAddr {
    SocketAddr::new(endpoint.addr, endpoint.port)
}

/// The address on the wire: an IPv6 socket may carry IPv4.
fn unmapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V6(v6) => {
            v6.to_ipv4_mapped().map_or(address, |v4| SocketAddr::new(v4.into(), address.port()))
        }
        IpAddr::V4(_) => address,
    }
}

fn option(socket: &Socket, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    sys::set_option(socket.as_fd(), level, name, value).map_err(|Errno(n)| io::Error::from_raw_os_error(n))
}
