//! A firewall in front of a smoltcp stack, whose own sockets are the connection table: it follows them as they come and go.
//!
//! ```text
//! cargo run --release -p belay --example smoltcp_firewall
//! ```
//!
//! The server listens on ports 22 and 443; the policy lets in 443 alone. The program is `bpf/firewall.bpf.o`, as it would
//! stand in front of Linux's stack.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};

use belay::object::{Object, Options};
use belay::sockets::{Endpoint, NetnsId, Protocol, SocketId, SocketInfo, SocketTable, State};
use belay::vm::{ANY, Compiled, Machine, Packet};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{Socket, tcp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FIREWALL: &[u8] = include_bytes!("../../../bpf/firewall.bpf.o");
/// `TC_ACT_SHOT`
const SHOT: u32 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let mut firewall = Firewall::new(443)?;
    for port in [443, 22] {
        let connected = connect(&mut firewall, port)?;
        println!("port {port}: {}", if connected { "connected" } else { "no answer" });
    }
    println!("{} packets passed, {} dropped", firewall.passed, firewall.dropped);
    Ok(())
}

/// The program, and what it runs in.
struct Firewall {
    ingress: Compiled,
    passed: u32,
    dropped: u32,
}

impl Firewall {
    /// Lets new connections in to that port.
    fn new(port: u16) -> Result<Firewall, Box<dyn Error>> {
        let object = Object::parse("firewall.bpf.o", FIREWALL, &Options::default())?;
        let maps = belay::maps(&object)?;
        // The prefix covers protocol and port, and no bit of the source address.
        let [high, low] = port.to_be_bytes();
        let mut key = vec![32, 0, 0, 0, 6, 0, high, low];
        key.resize(24, 0);
        maps.by_name("policy").ok_or("the firewall has no map `policy`")?.update(
            &key,
            &1_u32.to_le_bytes(),
            ANY,
        )?;
        let ingress = belay::compile(&belay::verify(&object, "ingress")?, &maps)?;
        Ok(Firewall { ingress, passed: 0, dropped: 0 })
    }

    fn passes(&mut self, frame: &[u8], machine: &mut Machine) -> Result<bool, Box<dyn Error>> {
        let passes = self.ingress.run(machine, &mut Packet::new(frame)?).r0 != SHOT;
        *(if passes { &mut self.passed } else { &mut self.dropped }) += 1;
        Ok(passes)
    }
}

/// The sockets of a stack in a table that follows them: what the helpers find.
struct Follower {
    table: SocketTable,
    netns: NetnsId,
    /// What each of the stack's sockets is in the table.
    known: HashMap<SocketHandle, SocketId>,
}

impl Follower {
    fn new() -> Result<Follower, Box<dyn Error>> {
        let table = SocketTable::with_capacity(16);
        let netns = table.netns("smoltcp")?;
        Ok(Follower { table, netns, known: HashMap::new() })
    }

    /// Takes over what changed since the last time. Programs may run meanwhile, in any thread.
    fn follow(&mut self, sockets: &SocketSet<'_>) -> Result<(), Box<dyn Error>> {
        for (handle, socket) in sockets.iter() {
            let Socket::Tcp(socket) = socket;
            match (self.known.get(&handle).copied(), self.described(socket)) {
                (None, None) => {}
                (None, Some(info)) => drop(self.known.insert(handle, self.table.insert(info)?)),
                (Some(id), Some(info)) => drop(self.known.insert(handle, self.table.update(id, info)?)),
                (Some(id), None) => {
                    self.table.remove(id);
                    self.known.remove(&handle);
                }
            }
        }
        Ok(())
    }

    /// A socket as Linux would have it, if it can be found.
    fn described(&self, socket: &tcp::Socket<'_>) -> Option<SocketInfo> {
        let endpoint = |end: IpEndpoint| Endpoint::new(IpAddr::from(end.addr), end.port);
        match (socket.local_endpoint(), socket.remote_endpoint()) {
            (Some(local), Some(remote)) => {
                let state = Some(state(socket.state())).filter(|state| state.is_connected())?;
                let info = SocketInfo::new(self.netns, Protocol::Tcp, state, endpoint(local));
                Some(info.to(endpoint(remote)))
            }
            _ if socket.is_listening() => {
                let local = Endpoint::new(SERVER, socket.listen_endpoint().port);
                Some(SocketInfo::new(self.netns, Protocol::Tcp, State::Listen, local))
            }
            _ => None,
        }
    }
}

/// smoltcp has no request sockets: a connection that begins is a full one.
fn state(state: tcp::State) -> State {
    match state {
        tcp::State::Closed => State::Close,
        tcp::State::Listen => State::Listen,
        tcp::State::SynSent => State::SynSent,
        tcp::State::SynReceived => State::SynRecv,
        tcp::State::Established => State::Established,
        tcp::State::FinWait1 => State::FinWait1,
        tcp::State::FinWait2 => State::FinWait2,
        tcp::State::CloseWait => State::CloseWait,
        tcp::State::Closing => State::Closing,
        tcp::State::LastAck => State::LastAck,
        tcp::State::TimeWait => State::TimeWait,
    }
}

/// Tries to connect from one stack to another, over a wire with the firewall before the server.
fn connect(firewall: &mut Firewall, port: u16) -> Result<bool, Box<dyn Error>> {
    let (mut client, mut server) = (Host::new(CLIENT, 2), Host::new(SERVER, 1));
    for port in [22, 443] {
        server.tcp().1.listen(port)?;
    }
    let (handle, _) = client.tcp();
    let socket = client.sockets.get_mut::<tcp::Socket>(handle);
    socket.connect(client.interface.context(), (IpAddress::from(SERVER), port), 40_000)?;
    let mut follower = Follower::new()?;
    let mut machine = Machine::new(follower.table.clone());
    for millisecond in 0..100 {
        let now = Instant::from_millis(millisecond);
        client.poll(now);
        server.poll(now);
        follower.follow(&server.sockets)?;
        for frame in client.wire.sent.drain(..) {
            if firewall.passes(&frame, &mut machine)? {
                server.wire.received.push_back(frame);
            }
        }
        client.wire.received.extend(server.wire.sent.drain(..));
        if client.sockets.get::<tcp::Socket>(handle).may_send() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A stack with its end of the wire.
struct Host {
    interface: Interface,
    wire: Wire,
    sockets: SocketSet<'static>,
}

impl Host {
    fn new(address: Ipv4Addr, number: u8) -> Host {
        let mut wire = Wire::default();
        let config = Config::new(EthernetAddress([2, 0, 0, 0, 0, number]).into());
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // There is room for the first.
            let _ = addresses.push(IpCidr::new(address.into(), 24));
        });
        Host { interface, wire, sockets: SocketSet::new(Vec::new()) }
    }

    /// A new TCP socket.
    fn tcp(&mut self) -> (SocketHandle, &mut tcp::Socket<'static>) {
        let buffer = || tcp::SocketBuffer::new(vec![0; 4096]);
        let handle = self.sockets.add(tcp::Socket::new(buffer(), buffer()));
        (handle, self.sockets.get_mut(handle))
    }

    fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
    }
}

/// Frames on their way.
#[derive(Default)]
struct Wire {
    received: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

struct Received(Vec<u8>);
struct Sending<'w>(&'w mut Vec<Vec<u8>>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.push(frame);
        result
    }
}

impl Device for Wire {
    type RxToken<'w> = Received;
    type TxToken<'w> = Sending<'w>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        self.received.pop_front().map(|frame| (Received(frame), Sending(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        (capabilities.medium, capabilities.max_transmission_unit) = (Medium::Ethernet, 1514);
        capabilities
    }
}
