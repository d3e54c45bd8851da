//! `socket = …`: the socket that an event is about. Either one of the table, by its words, or one that is in no table, by
//! its fields.

use belay_sockets::{SocketId, State, TcpInfo};
use belay_vm::{Sock, Task};

use super::expect::{self, Subject};
use super::mistake::{Mistake, listed};
use super::packets;
use super::table::{Item, Table};
use super::value::{data, endpoint, option, unsigned};
use crate::describe;
use crate::event::names::{FAMILIES, PROTOCOLS, TYPES};

/// `AF_INET`, `AF_INET6`
const INET: u32 = 2;
const INET6: u32 = 10;
/// `SO_MARK`, `SO_PRIORITY`, `SO_BINDTOIFINDEX`: of which a socket has fields.
const MARK: (i32, i32) = (1, 36);
const PRIORITY: (i32, i32) = (1, 12);
const DEVICE: (i32, i32) = (1, 62);

/// The socket of an event; what is not said of it is as `usual`.
pub(crate) fn sock(subject: &Subject<'_>, item: Option<Item<'_>>, usual: Sock) -> Result<Sock, Mistake> {
    let Some(item) = item else { return Ok(usual) };
    if item.as_str().is_none() {
        return described(subject, item.table()?, usual);
    }
    let id = one_of_table(subject, &item)?;
    let reader = subject.sockets.read();
    reader.socket(id).map(Sock::from).ok_or_else(|| item.mistake("that socket is gone"))
}

/// The one socket of the table that these words are meant for: if several fit, the one in whose description they stand in
/// this order, as in `127.0.0.1:40000 < 127.0.0.1:80`.
pub(crate) fn one_of_table(subject: &Subject<'_>, item: &Item<'_>) -> Result<SocketId, Mistake> {
    let wanted = expect::socket(subject.sockets, item)?;
    let described = |id: &SocketId| describe::socket(subject.sockets, *id);
    let in_order =
        |id: &&SocketId| format!(" {} ", described(id)).contains(&format!(" {} ", wanted.text.trim()));
    let exact: Vec<&SocketId> = wanted.ids.iter().filter(in_order).collect();
    match (wanted.ids.as_slice(), exact.as_slice()) {
        ([only], _) => Ok(*only),
        (_, [only]) => Ok(**only),
        _ => {
            let known: Vec<String> = wanted.ids.iter().map(described).collect();
            let (text, known) = (wanted.text.escape_debug(), listed(known.iter().map(String::as_str)));
            Err(item.mistake(format!("`{text}` must be one socket; it is {known}")))
        }
    }
}

fn described(subject: &Subject<'_>, mut table: Table<'_>, usual: Sock) -> Result<Sock, Mistake> {
    let [local, remote] = [table.take("local"), table.take("remote")];
    let local = local.as_ref().map(endpoint).transpose()?;
    let remote = remote.as_ref().map(endpoint).transpose()?;
    let (family, kind, protocol) = sort(&mut table, local.or(remote).map(|end| end.is_ipv4()), &usual)?;
    let mut sock = Sock::new(family, kind, protocol);
    if let Some(local) = local {
        sock = sock.bound(local);
    }
    if let Some(remote) = remote {
        sock = sock.connected(remote);
    }
    if usual.state != State::Close {
        sock.state = usual.state;
    }
    if let Some(item) = table.take("state") {
        let text = item.string()?;
        sock.state = text.parse().map_err(|()| {
            let known = listed(State::ALL.iter().map(|state| state.name()));
            item.mistake(format!("`{}` is no state; known are {known}", text.escape_debug()))
        })?;
    }
    if let Some(item) = table.take("device") {
        sock.device = packets::device(subject, &item)?;
    }
    for (place, item) in [
        (&mut sock.mark, table.take("mark")),
        (&mut sock.priority, table.take("priority")),
        (&mut sock.uid, table.take("uid")),
    ] {
        if let Some(item) = item {
            *place = item.integer()?;
        }
    }
    if let Some(item) = table.take("cookie") {
        sock.cookie = item.integer()?;
    }
    if let Some(item) = table.take("rx_queue") {
        sock.rx_queue_mapping = item.integer()?;
    }
    if let Some(item) = table.take("tcp_info") {
        tcp_info(item, &mut sock.tcp)?;
    }
    if let Some(item) = table.take("options") {
        options(item, &mut sock)?;
    }
    table.finish()?;
    Ok(sock)
}

/// Family, type and protocol: what is said, what follows from it, and else what is usual.
fn sort(table: &mut Table<'_>, ipv4: Option<bool>, usual: &Sock) -> Result<(u32, u32, u32), Mistake> {
    const TCP: (u32, u32) = (1, 6);
    const UDP: (u32, u32) = (2, 17);
    let mut take = |key, names| table.take(key).map(|item| unsigned(names, &item)).transpose();
    let family = take("family", FAMILIES)?;
    let (kind, protocol) = (take("type", TYPES)?, take("protocol", PROTOCOLS)?);
    let family = family.or(ipv4.map(|ipv4| if ipv4 { INET } else { INET6 })).unwrap_or(usual.family);
    let inet = matches!(family, INET | INET6);
    let (kind, protocol) = match (kind, protocol) {
        (None, None) => (usual.kind, if inet { usual.protocol } else { 0 }),
        (Some(kind), Some(protocol)) => (kind, protocol),
        (None, Some(protocol)) => match [TCP, UDP].into_iter().find(|(_, known)| *known == protocol) {
            Some(known) => known,
            None => (usual.kind, protocol),
        },
        (Some(kind), None) => match [TCP, UDP].into_iter().find(|(known, _)| inet && *known == kind) {
            Some(known) => known,
            None => (kind, 0),
        },
    };
    Ok((family, kind, protocol))
}

fn tcp_info(item: Item<'_>, info: &mut TcpInfo) -> Result<(), Mistake> {
    for (name, at, item) in item.table()?.named() {
        if !TcpInfo::FIELDS.iter().any(|(known, ..)| *known == name) {
            let known = listed(TcpInfo::FIELDS.iter().map(|(name, ..)| *name));
            return Err(Mistake::new(at, format!("no field `{}`; known are {known}", name.escape_debug())));
        }
        let value: u64 = item.integer()?;
        if !info.set(&name, value) {
            return Err(item.mistake(format!("{value} is out of range")));
        }
    }
    Ok(())
}

/// Options that are set: `{ TCP_NODELAY = 1 }`.
fn options(item: Item<'_>, sock: &mut Sock) -> Result<(), Mistake> {
    for (name, at, item) in item.table()?.named() {
        let place = option_named(&name, at)?;
        match place {
            MARK => sock.mark = item.integer()?,
            PRIORITY => sock.priority = item.integer()?,
            DEVICE => sock.device = item.integer()?,
            _ => {
                sock.options.insert(place, data(&item)?.bytes);
            }
        }
    }
    Ok(())
}

/// An option that is a key: level and number.
pub(crate) fn option_named(name: &str, at: std::ops::Range<usize>) -> Result<(i32, i32), Mistake> {
    crate::event::names::option(name)
        .ok_or_else(|| Mistake::new(at, format!("no option `{}` is known", name.escape_debug())))
}

/// The option that a call is about: level and number.
pub(crate) fn called_option(table: &mut Table<'_>) -> Result<(i32, i32), Mistake> {
    let level = table.take("level").map(|item| {
        let level = super::value::named(crate::event::names::LEVELS, &item)?;
        i32::try_from(level).map_err(|_| item.mistake(format!("{level} is out of range")))
    });
    let level = level.transpose()?;
    let item = table.need("option")?;
    let (of_name, number) = option(&item)?;
    let level = level.or(of_name);
    level.map(|level| (level, number)).ok_or_else(|| item.mistake("a number alone: say its `level`, too"))
}

/// `task = …`: who causes an event.
pub(crate) fn task(item: Item<'_>) -> Result<Task, Mistake> {
    let mut task = Task::default();
    let mut table = item.table()?;
    let pid = table.take("pid");
    let tgid = table.take("tgid");
    for (place, item) in [
        (&mut task.pid, pid.as_ref()),
        (&mut task.tgid, tgid.as_ref().or(pid.as_ref())),
        (&mut task.uid, table.take("uid").as_ref()),
        (&mut task.gid, table.take("gid").as_ref()),
    ] {
        if let Some(item) = item {
            *place = item.integer()?;
        }
    }
    if let Some(item) = table.take("comm") {
        task.comm = item.string()?.to_owned();
    }
    table.finish()?;
    Ok(task)
}
