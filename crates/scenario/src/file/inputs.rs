//! What each kind of event is written as: one reader a kind, for the keys that only it has.

use std::net::SocketAddr;

use belay_sockets::{Endpoint, LookupKind, Protocol, Query, SocketId, Tuple};
use belay_vm::{
    DeviceAccess, NetfilterHook, SkLookup, SkMsg, Sock, SockAddr, SockOps, Sockopt, SynHeaders, Sysctl,
    UserAddress,
};
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::expect::{self, Subject};
use super::mistake::{Mistake, listed};
use super::packets;
use super::socket::{called_option, sock};
use super::table::{Item, Table};
use super::value::{address, data, endpoint, result, unsigned};
use crate::describe;
use crate::event::names::{FLOW_FLAGS, NETFILTER, OPS};
use crate::event::{Event, Filtered};
use crate::packet;

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;

/// Reads what is a kind's own of its table.
pub(crate) type Read = fn(&Subject<'_>, &mut Table<'_>) -> Result<Event, Mistake>;

/// A packet that no connected socket takes.
pub(crate) fn sk_lookup(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let protocol = match table.take("protocol") {
        None => Protocol::Tcp,
        Some(item) => match item.string()? {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            other => {
                let other = other.escape_debug();
                return Err(item.mistake(format!("`{other}` is looked up by no program: `tcp` or `udp`")));
            }
        },
    };
    let [from, to] = [table.need("from")?, table.need("to")?];
    let (remote, local) = (endpoint(&from)?, endpoint(&to)?);
    if remote.is_ipv4() != local.is_ipv4() {
        return Err(to.mistake("one end is of IPv4, the other of IPv6"));
    }
    let mut lookup = SkLookup::new(protocol, remote, local);
    if let Some(item) = table.take("device") {
        lookup.ingress_ifindex = packets::device(subject, &item)?;
    }
    if let Some(connected) = connected(subject, &lookup) {
        let told = describe::socket(subject.sockets, connected);
        return Err(from.mistake(format!("`{told}` is connected with it: Linux asks no program")));
    }
    Ok(Event::SkLookup(lookup))
}

/// The socket that has exactly this flow.
fn connected(subject: &Subject<'_>, lookup: &SkLookup) -> Option<SocketId> {
    let end = |address: SocketAddr| Endpoint::new(address.ip(), address.port());
    let (remote, tuple) = (end(lookup.remote), Tuple::new(end(lookup.remote), end(lookup.local))?);
    let reader = subject.sockets.read();
    let (netns, ifindex) = (reader.default_netns()?, lookup.ingress_ifindex);
    let query = Query { netns, protocol: lookup.protocol, tuple, ifindex, kind: LookupKind::Common };
    let found = reader.lookup(&query)?;
    (found.socket().info().remote == Some(remote)).then(|| found.socket().id())
}

/// A packet for a group of sockets, or a connection that moves.
pub(crate) fn sk_reuseport(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let frame = packets::one_frame(subject, table)?;
    let mut socket = |key| table.take(key).map(|item| member(subject, &item)).transpose();
    let (group, migrating) = (socket("group")?.flatten(), socket("migrating")?.flatten());
    let hash = table.take("hash").map_or(Ok(0), |item| item.integer())?;
    Ok(Event::SkReuseport { frame, group, migrating, hash })
}

/// A socket of the table, the first that fits.
fn member(subject: &Subject<'_>, item: &Item<'_>) -> Result<Option<SocketId>, Mistake> {
    Ok(expect::socket(subject.sockets, item)?.ids.first().copied())
}

/// A packet whose flow is dissected.
pub(crate) fn flow_dissector(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let frame = packets::one_frame(subject, table)?;
    let mut flags = 0;
    for item in table.take("flags").map_or(Ok(Vec::new()), Item::one_or_more)? {
        flags |= unsigned(FLOW_FLAGS, &item)?;
    }
    let buffered = table.take("buffered").map_or(Ok(false), |item| item.boolean())?;
    Ok(Event::FlowDissector { frame, flags, buffered })
}

/// A packet on its way through netfilter.
pub(crate) fn netfilter(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let frame = packets::one_frame(subject, table)?;
    let hook = match table.take("hook") {
        None => NetfilterHook::default(),
        Some(item) => {
            let number = unsigned(NETFILTER, &item)?;
            let hook = NetfilterHook::ALL.into_iter().find(|hook| *hook as u32 == number);
            hook.ok_or_else(|| item.mistake(format!("netfilter has no hook {number}")))?
        }
    };
    let mut device = |key| table.take(key).map(|item| packets::device(subject, &item)).transpose();
    let (input, output) = (device("in")?, device("out")?);
    let mark = table.take("mark").map_or(Ok(0), |item| item.integer())?;
    Ok(Event::Netfilter(Filtered { frame, hook, input, output, mark }))
}

/// A call with an address, usually of a TCP socket.
pub(crate) fn stream_address(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    called(subject, table, [Sock::tcp4(), Sock::tcp6()]).map(Event::SockAddr)
}

/// A call with an address, usually of a UDP socket.
pub(crate) fn datagram_address(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    called(subject, table, [Sock::udp4(), Sock::udp6()]).map(Event::SockAddr)
}

/// Likewise, for a message whose own address may be said.
pub(crate) fn sent_address(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let mut call = called(subject, table, [Sock::udp4(), Sock::udp6()])?;
    if let Some(item) = table.take("source") {
        let text = item.string()?;
        let source: Result<std::net::IpAddr, _> = text.parse();
        let source = source.ok().filter(|source| source.is_ipv4() == call.source.is_ipv4());
        call.source = source
            .ok_or_else(|| item.mistake(format!("`{}` is no address of that family", text.escape_debug())))?;
    }
    Ok(Event::SockAddr(call))
}

fn called(
    subject: &Subject<'_>,
    table: &mut Table<'_>,
    [of_ipv4, of_ipv6]: [Sock; 2],
) -> Result<Box<SockAddr>, Mistake> {
    /// `AF_UNIX`, `SOCK_STREAM`
    const UNIX: (u32, u32) = (1, 1);
    let item = table.need("address")?;
    let address = address(&item)?;
    let usual = match &address {
        UserAddress::Inet(to) if to.is_ipv4() => of_ipv4,
        UserAddress::Inet(_) => of_ipv6,
        UserAddress::Unix(_) => Sock::new(UNIX.0, UNIX.1, 0),
    };
    let sock = sock(subject, table.take("socket"), usual)?;
    Ok(Box::new(match address {
        UserAddress::Inet(address) => SockAddr::new(sock, address),
        UserAddress::Unix(path) => SockAddr::unix(sock, &path),
    }))
}

/// A socket that is made, was bound, or goes away.
pub(crate) fn socket(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let item = table.need("socket")?;
    Ok(Event::Sock(Box::new(sock(subject, Some(item), Sock::tcp4())?)))
}

/// An event of a TCP connection, or a question about one.
pub(crate) fn sock_ops(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let item = table.need("op")?;
    let op = match item.as_str() {
        None => (item.integer()?, None),
        Some(name) => {
            let known = OPS.iter().find(|(known, ..)| *known == name);
            let (_, op, state) = known.ok_or_else(|| {
                let known = listed(OPS.iter().map(|(name, ..)| *name));
                item.mistake(format!("`{}` is no event; known are {known}", name.escape_debug()))
            })?;
            (*op, *state)
        }
    };
    let mut usual = Sock::tcp4();
    usual.state = op.1.unwrap_or(usual.state);
    let mut event = SockOps::new(op.0, sock(subject, table.take("socket"), usual)?);
    if let Some(item) = table.take("args") {
        let at = item.clone();
        let args = item.one_or_more()?;
        if args.len() > event.args.len() {
            return Err(at.mistake(format!("{} arguments: at most {}", args.len(), event.args.len())));
        }
        for (place, item) in event.args.iter_mut().zip(args) {
            *place = item.integer()?;
        }
    }
    if let Some(item) = table.take("fullsock") {
        event.is_fullsock = item.boolean()?;
    }
    let header = table.take("header");
    let length = table.take("skb_len");
    if let Some(item) = header {
        let layers =
            packet::parse(item.string()?).map_err(|e| expect::misplaced(subject.context, &item, &e))?;
        let bytes = packet::bytes(&layers).map_err(|why| item.mistake(why))?;
        event.set_header(&bytes, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }
    for (place, item) in [
        (&mut event.cb_flags, table.take("cb_flags")),
        (&mut event.sk_txhash, table.take("sk_txhash")),
        (&mut event.skb_len, length),
    ] {
        if let Some(item) = item {
            *place = item.integer()?;
        }
    }
    if let Some(item) = table.take("skb_hwtstamp") {
        event.skb_hwtstamp = item.integer()?;
    }
    if let Some(item) = table.take("option_room") {
        event.option_room = item.integer()?;
    }
    event.syn = table.take("syn").map(|item| syn(subject, &item)).transpose()?;
    Ok(Event::SockOps(Box::new(event)))
}

/// The headers of the packet that asked for a connection; of the link if they were written.
fn syn(subject: &Subject<'_>, item: &Item<'_>) -> Result<SynHeaders, Mistake> {
    let frame = expect::layers(subject.context, item)?;
    let has_link = item.string()?.trim_start().starts_with("eth");
    let no_tcp =
        || item.mistake("the packet that asks for a connection is `ip / tcp syn` or `ip6 / tcp syn`");
    let packet = LaxSlicedPacket::from_ethernet(&frame).map_err(|_| no_tcp())?;
    let network = match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => ip.header().slice().to_vec(),
        Some(LaxNetSlice::Ipv6(ip)) => ip.header().slice().to_vec(),
        _ => return Err(no_tcp()),
    };
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else { return Err(no_tcp()) };
    let link = frame.get(..ETHERNET).filter(|_| has_link).unwrap_or_default().to_vec();
    Ok(SynHeaders { link, network, transport: tcp.header_slice().to_vec() })
}

/// A message that a socket of a socket map sends.
pub(crate) fn sk_msg(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let bytes = match (table.take("text"), table.take("hex")) {
        (Some(item), None) => item.string()?.as_bytes().to_vec(),
        (None, Some(item)) => expect::hex(&item)?,
        _ => return Err(Mistake::new(table.at.clone(), "either `text` or `hex` says what the message is")),
    };
    let sock = sock(subject, table.take("socket"), Sock::tcp4())?;
    Ok(Event::SkMsg(Box::new(SkMsg::new(sock, &bytes))))
}

/// A call of `setsockopt`.
pub(crate) fn setsockopt(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let (level, name) = called_option(table)?;
    let value = data(&table.need("value")?)?;
    let mut call = Sockopt::set(level, name, &value.bytes);
    if let Some(item) = table.take("optlen") {
        call.optlen = item.integer()?;
    }
    call.sock = sock(subject, table.take("socket"), Sock::tcp4())?;
    Ok(Event::Sockopt(Box::new(call)))
}

/// A call of `getsockopt`, after the kernel has answered.
pub(crate) fn getsockopt(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let (level, name) = called_option(table)?;
    let room = table.take("room").map(|item| item.integer::<u32>()).transpose()?.map(|room| room as usize);
    let mut call = match (table.take("value"), table.take("error")) {
        (Some(item), None) => {
            let value = data(&item)?.bytes;
            Sockopt::get(level, name, &value, room.unwrap_or(value.len()))
        }
        (None, Some(item)) => {
            let error = result(&item)?;
            if error >= 0 {
                return Err(item.mistake("an error is a name or a negative number"));
            }
            Sockopt::get_failed(level, name, error, room.unwrap_or(4))
        }
        _ => {
            let what = "either `value` or `error` says what the kernel answers";
            return Err(Mistake::new(table.at.clone(), what));
        }
    };
    call.sock = sock(subject, table.take("socket"), Sock::tcp4())?;
    Ok(Event::Sockopt(Box::new(call)))
}

/// A read or write of a setting.
pub(crate) fn sysctl(_: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let setting = table.need("setting")?.string()?.to_owned();
    let mut current = table.take("current").map_or(Ok(String::new()), |item| written(&item))?;
    // As a read of the whole file gives it.
    if !current.is_empty() && !current.ends_with('\n') {
        current.push('\n');
    }
    let new = table.take("new").map(|item| written(&item)).transpose()?.map(String::into_bytes);
    let file_pos = table.take("file_pos").map_or(Ok(0), |item| item.integer())?;
    let current = current.into_bytes();
    Ok(Event::Sysctl(Sysctl { name: setting, file_pos, current, new, ..Sysctl::default() }))
}

/// A setting's value: a text, or a number for its digits.
fn written(item: &Item<'_>) -> Result<String, Mistake> {
    match item.as_integer() {
        Some(number) => Ok(number.to_string()),
        None => item.string().map(str::to_owned),
    }
}

/// An access to a device file, as `devices.allow` has it: `c 1:3 rwm`.
pub(crate) fn device(_: &Subject<'_>, table: &mut Table<'_>) -> Result<Event, Mistake> {
    let item = table.need("access")?;
    let text = item.string()?;
    let access = access(text).ok_or_else(|| {
        item.mistake(format!("`{}` is no access to a device: write `c 1:3 rw`", text.escape_debug()))
    })?;
    Ok(Event::Device(access))
}

fn access(text: &str) -> Option<DeviceAccess> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [kind, numbers, what] = words.as_slice() else { return None };
    let block = match *kind {
        "b" => true,
        "c" => false,
        _ => return None,
    };
    let (major, minor) = numbers.split_once(':')?;
    let mut access = DeviceAccess { block, ..DeviceAccess::default() };
    (access.major, access.minor) = (major.parse().ok()?, minor.parse().ok()?);
    for letter in what.chars() {
        let place = match letter {
            'r' => &mut access.read,
            'w' => &mut access.write,
            'm' => &mut access.mknod,
            _ => return None,
        };
        *place = true;
    }
    Some(access)
}
