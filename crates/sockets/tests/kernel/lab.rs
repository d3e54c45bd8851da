//! Namespaces with real sockets, and beside each socket what a table should know of it.
//!
//! Every full socket carries its number as `SO_MARK`, which a program can read: that is how the kernel's answers name sockets.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use belay_linux::NetNs;
use belay_sockets::{Builder, Device, Endpoint, Family, NetnsId, Protocol, SocketInfo, SocketTable, State};
use socket2::{Domain, SockAddr, Socket, Type};

/// Options of a socket before it is bound.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Options {
    pub(crate) v6only: bool,
    pub(crate) reuseport: bool,
    pub(crate) reuseaddr: bool,
    /// An entry of [`Lab::DEVICES`].
    pub(crate) device: Option<(&'static str, u32)>,
}

/// One namespace under test, `here`, and a peer behind a veth pair, `there`, whose sockets are not recorded.
pub(crate) struct Lab {
    pub(crate) here: NetNs,
    pub(crate) there: NetNs,
    infos: Vec<SocketInfo>,
    /// Kept open, by mark - 1; `None` for what has no descriptor.
    pub(crate) open: Vec<Option<Socket>>,
    /// Peers and others that are not recorded.
    pub(crate) extra: Vec<Socket>,
}

impl Lab {
    /// `lo`, one end of a veth pair to `there`, and one end of a pair of its own.
    pub(crate) const DEVICES: [(&'static str, u32); 3] = [("lo", 1), ("v0", 20), ("v1", 21)];
    /// The peer's only device, whose ifindex is that of another device here.
    pub(crate) const PEER_DEVICE: (&'static str, u32) = ("w0", 21);
    /// Neighbours behind `v0` that never answer.
    pub(crate) const SILENT: [&'static str; 3] = ["10.1.0.77", "10.1.0.99", "fd01::77"];
    pub(crate) const NETNS: NetnsId = NetnsId::FIRST;

    pub(crate) fn new() -> Self {
        let here = NetNs::with_loopback().expect("a namespace");
        let there = NetNs::with_loopback().expect("a namespace");
        let fd = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(&there))
        );
        let ip = |netns: &NetNs, args: &str| {
            let args: Vec<_> = args.split(' ').collect();
            netns.ip(&args).expect("ip")
        };
        ip(&here, &format!("link add v0 index 20 type veth peer name w0 index 21 netns {fd}"));
        ip(&here, "link add v1 index 21 type veth peer name v2");
        for (netns, device) in [(&here, "v0"), (&here, "v1"), (&here, "v2"), (&there, "w0")] {
            ip(netns, &format!("link set {device} up"));
        }
        for address in ["10.0.0.1/32", "10.0.0.2/32", "fd00::1/128", "fd00::2/128"] {
            here.address("lo", address).expect("an address");
        }
        here.address("v0", "10.1.0.1/24").expect("an address");
        here.address("v0", "fd01::1/64").expect("an address");
        there.address("w0", "10.1.0.2/24").expect("an address");
        there.address("w0", "fd01::2/64").expect("an address");
        // Hosts that swallow packets: with a neighbour entry nothing reports them unreachable.
        for address in Self::SILENT {
            ip(&here, &format!("neigh add {address} lladdr 02:00:00:00:00:77 dev v0"));
        }
        Lab { here, there, infos: Vec::new(), open: Vec::new(), extra: Vec::new() }
    }

    /// A builder with this lab's namespace and devices.
    pub(crate) fn builder() -> Builder {
        let mut builder = SocketTable::builder();
        let netns = builder.netns("here").expect("the first");
        for (name, ifindex) in Self::DEVICES {
            let device = Device { ifindex, name: name.into(), addresses: Vec::new() };
            builder.device(netns, device).expect("a device");
        }
        builder
    }

    /// What was recorded, in the order in which it came to be.
    pub(crate) fn infos(&self) -> &[SocketInfo] {
        &self.infos
    }

    /// The table that should answer as the kernel does.
    pub(crate) fn table(&self) -> SocketTable {
        let mut builder = Self::builder();
        for info in &self.infos {
            builder.insert(info.clone()).unwrap_or_else(|e| panic!("{e:?}: {info:?}"));
        }
        builder.build().expect("a table")
    }

    /// A socket with its options and the next number as its mark, not bound.
    pub(crate) fn socket(&self, protocol: Protocol, family: Family, options: &Options) -> io::Result<Socket> {
        let domain = if family == Family::V4 { Domain::IPV4 } else { Domain::IPV6 };
        let kind = if protocol == Protocol::Tcp { Type::STREAM } else { Type::DGRAM };
        let socket = self.here.run(|| Socket::new(domain, kind, None)).expect("a namespace to enter")?;
        socket.set_mark(self.next_mark())?;
        socket.set_reuse_port(options.reuseport)?;
        socket.set_reuse_address(options.reuseaddr)?;
        if family == Family::V6 {
            socket.set_only_v6(options.v6only)?;
        }
        if let Some((name, _)) = options.device {
            socket.bind_device(Some(name.as_bytes()))?;
        }
        Ok(socket)
    }

    fn next_mark(&self) -> u32 {
        u32::try_from(self.infos.len()).expect("few sockets") + 1
    }

    /// Writes a socket down. It gets the next number as its mark.
    pub(crate) fn record(&mut self, socket: Option<Socket>, info: SocketInfo) -> u32 {
        let mark = self.next_mark();
        if let Some(socket) = &socket {
            socket.set_mark(mark).expect("root may set a mark");
        }
        let cookie = socket.as_ref().map_or(0, |s| s.cookie().expect("a cookie"));
        self.infos.push(SocketInfo { mark, cookie, ..info });
        self.open.push(socket);
        mark
    }

    /// What the kernel says of a socket's ends, in a fresh record.
    pub(crate) fn observed(
        &self,
        socket: &Socket,
        protocol: Protocol,
        state: State,
        options: &Options,
    ) -> SocketInfo {
        let local = endpoint(&socket.local_addr().expect("a local address"));
        SocketInfo {
            remote: socket.peer_addr().ok().map(|a| endpoint(&a)),
            v6only: socket.only_v6().unwrap_or(false),
            reuseport: options.reuseport,
            reuseaddr: options.reuseaddr,
            device: options.device.map_or(0, |(_, ifindex)| ifindex),
            ..SocketInfo::new(Self::NETNS, protocol, state, local)
        }
    }

    /// A listener; an error if Linux refuses the address.
    pub(crate) fn listen(&mut self, at: Endpoint, options: &Options) -> io::Result<u32> {
        let socket = self.socket(Protocol::Tcp, at.family(), options)?;
        socket.bind(&address(at))?;
        socket.listen(64)?;
        let info = self.observed(&socket, Protocol::Tcp, State::Listen, options);
        Ok(self.record(Some(socket), info))
    }

    /// A UDP socket, connected if there is a peer.
    pub(crate) fn udp(
        &mut self,
        at: Option<Endpoint>,
        to: Option<Endpoint>,
        family: Family,
        options: &Options,
    ) -> io::Result<u32> {
        let socket = self.socket(Protocol::Udp, family, options)?;
        if let Some(at) = at {
            socket.bind(&address(at))?;
        }
        if let Some(to) = to {
            socket.connect(&address(to))?;
        }
        let state = if to.is_some() { State::Established } else { State::Close };
        // Connecting gives a wildcard socket an address of its own, and it leaves its group.
        let keeps_group = to.is_none() || at.is_some_and(|at| !is_wildcard(at.addr));
        let options = Options { reuseport: options.reuseport && keeps_group, ..*options };
        let info = self.observed(&socket, Protocol::Udp, state, &options);
        Ok(self.record(Some(socket), info))
    }

    /// A connection to `to` and its far end from `listener`. Neither is recorded.
    pub(crate) fn connect(
        &self,
        to: Endpoint,
        listener: &Socket,
        options: &Options,
    ) -> io::Result<(Socket, Socket)> {
        let client = self.socket(Protocol::Tcp, to.family(), options)?;
        client.connect_timeout(&address(to), Duration::from_secs(2))?;
        // Over `lo` the far end waits already; another listener may have got it, though.
        listener.set_read_timeout(Some(Duration::from_secs(1)))?;
        let (accepted, _) = listener.accept()?;
        Ok((client, accepted))
    }

    /// A listener in the peer's namespace.
    pub(crate) fn listen_there(&self, at: &str, bound: bool) -> Socket {
        let at: Endpoint = at.parse().expect("an endpoint");
        let domain = if at.family() == Family::V4 { Domain::IPV4 } else { Domain::IPV6 };
        let socket = self
            .there
            .run(|| Socket::new(domain, Type::STREAM, None))
            .expect("a namespace")
            .expect("a socket");
        if bound {
            socket.bind_device(Some(Self::PEER_DEVICE.0.as_bytes())).expect("a device");
        }
        socket.bind(&address(at)).expect("bind");
        socket.listen(64).expect("listen");
        socket
    }

    /// Sends a TCP SYN that nobody will follow up: from an address that does not exist to one of ours.
    pub(crate) fn forge_syn(&self, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) {
        let raw = self
            .here
            .run(|| Socket::new(Domain::IPV4, Type::RAW, Some(socket2::Protocol::from(255))))
            .expect("a namespace")
            .expect("a raw socket");
        let packet = syn(from, to);
        raw.send_to(&packet, &SocketAddr::new(IpAddr::V4(to.0), 0).into()).expect("the SYN is sent");
    }
}

/// Unspecified, in either family or mapped.
pub(crate) fn is_wildcard(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(a) => a.is_unspecified(),
        IpAddr::V6(a) => a.is_unspecified() || a.to_ipv4_mapped().is_some_and(|a| a.is_unspecified()),
    }
}

pub(crate) fn address(end: Endpoint) -> SockAddr {
    SocketAddr::new(end.addr, end.port).into()
}

pub(crate) fn endpoint(address: &SockAddr) -> Endpoint {
    let address = address.as_socket().expect("an internet address");
    Endpoint::new(address.ip(), address.port())
}

/// An IPv4 packet with a TCP SYN, checksums right.
fn syn(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) -> Vec<u8> {
    let mut tcp = [
        &from.1.to_be_bytes()[..],
        &to.1.to_be_bytes(),
        &1u32.to_be_bytes(),
        &[0; 4],
        &[0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0],
    ]
    .concat();
    let length = u16::try_from(tcp.len()).expect("20 bytes");
    let pseudo = [&from.0.octets()[..], &to.0.octets(), &[0, 6], &length.to_be_bytes(), &tcp].concat();
    let checksum = checksum(&pseudo);
    tcp[16..18].copy_from_slice(&checksum.to_be_bytes());
    // The kernel fills in the header's own checksum.
    let header = [
        &[0x45, 0][..],
        &(20 + length).to_be_bytes(),
        &[0, 0, 0x40, 0, 64, 6, 0, 0],
        &from.0.octets(),
        &to.0.octets(),
    ]
    .concat();
    [header, tcp].concat()
}

fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 =
        bytes.chunks(2).map(|c| u32::from(u16::from_be_bytes([c[0], c.get(1).copied().unwrap_or(0)]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).expect("folded twice")
}

/// Sends one byte each way, so that a handshake is over on both sides.
pub(crate) fn exchange(a: &mut Socket, b: &mut Socket) {
    a.write_all(b"x").expect("write");
    b.read_exact(&mut [0]).expect("read");
    b.write_all(b"x").expect("write");
    a.read_exact(&mut [0]).expect("read");
}

/// `shutdown(SHUT_WR)`.
pub(crate) fn finish(socket: &Socket) {
    socket.shutdown(Shutdown::Write).expect("shutdown");
}
