//! From TOML text to a table.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::DEFAULT_NETNS;
use super::error::{ConfigError, Mistake};
use super::schema::{self, File};
use crate::address::Protocol;
use crate::builder::Builder;
use crate::conflict::Conflict;
use crate::info::SocketInfo;
use crate::namespace::{Device, NetnsId};
use crate::socket::SocketId;
use crate::state::State;
use crate::table::SocketTable;
use crate::view::TcpInfo;

/// Reads a table; `file` names the text in errors.
pub(crate) fn read(file: &str, text: &str) -> Result<SocketTable, ConfigError> {
    parse(text).and_then(build).map_err(|mistake| mistake.in_file(file, text))
}

/// Reads a table that is part of a larger text: its places are those of the whole.
pub(crate) fn read_part(
    file: &str,
    text: &str,
    part: Spanned<DeValue<'_>>,
) -> Result<SocketTable, ConfigError> {
    let span = part.span();
    File::deserialize(ValueDeserializer::from(part))
        .map_err(|error| malformed(&error, span))
        .and_then(build)
        .map_err(|mistake| mistake.in_file(file, text))
}

fn parse(text: &str) -> Result<File, Mistake> {
    toml::from_str(text).map_err(|error| malformed(&error, 0..0))
}

fn malformed(error: &toml::de::Error, unless_known: Range<usize>) -> Mistake {
    // The parser's message may have several lines, the first of which says what is wrong.
    let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
    Mistake::new(error.span().unwrap_or(unless_known), message)
}

fn build(file: File) -> Result<SocketTable, Mistake> {
    let mut build =
        Build { builder: Builder::with_capacity(file.tcp.len() + file.udp.len()), places: Vec::new() };
    build.namespaces(&file.netns)?;
    for socket in &file.tcp {
        build.socket(Protocol::Tcp, socket)?;
    }
    for socket in &file.udp {
        build.socket(Protocol::Udp, socket)?;
    }
    let Build { builder, places } = build;
    builder.build().map_err(|conflict| {
        let at = match conflict {
            Conflict::NoListener { request } => places.get(request.index()).cloned(),
            _ => None,
        };
        Mistake::new(at.unwrap_or(0..0), conflict)
    })
}

struct Build {
    builder: Builder,
    /// Where each socket stands in the text, by its id.
    places: Vec<Range<usize>>,
}

impl Build {
    fn namespaces(&mut self, declared: &[schema::Netns]) -> Result<(), Mistake> {
        for netns in declared {
            self.builder.netns(netns.name.get_ref()).map_err(|e| Mistake::new(netns.name.span(), e))?;
        }
        if declared.is_empty() {
            self.builder.netns(DEFAULT_NETNS).map_err(|e| Mistake::new(0..0, e))?;
        }
        // Ids may name namespaces that are declared further down.
        declared.iter().try_for_each(|netns| self.namespace(netns))
    }

    fn namespace(&mut self, netns: &schema::Netns) -> Result<(), Mistake> {
        let id = self.named(&netns.name)?;
        for device in &netns.devices {
            let at = device.name.span();
            let addresses = device.addresses.iter().map(parsed).collect::<Result<_, _>>()?;
            let device = Device { ifindex: device.ifindex, name: device.name.get_ref().clone(), addresses };
            self.builder.device(id, device).map_err(|e| Mistake::new(at, e))?;
        }
        for (nsid, target) in &netns.nsids {
            let number = nsid.get_ref().parse().map_err(|_| {
                Mistake::new(nsid.span(), "a namespace id is a number: write `nsids = { \"7\" = \"name\" }`")
            })?;
            let target = self.named(target)?;
            self.builder.nsid(id, number, target).map_err(|e| Mistake::new(nsid.span(), e))?;
        }
        Ok(())
    }

    fn named(&self, name: &Spanned<String>) -> Result<NetnsId, Mistake> {
        self.builder.netns_named(name.get_ref()).ok_or_else(|| {
            let namespaces = self.builder.namespaces();
            let names = listed(namespaces.iter().map(|n| n.name()));
            Mistake::new(
                name.span(),
                format!("no namespace `{}`: declare it under `[[netns]]` ({names})", name.get_ref()),
            )
        })
    }

    fn socket(&mut self, protocol: Protocol, socket: &schema::Sock) -> Result<(), Mistake> {
        let at = socket.local.span();
        let info = self.info(protocol, socket)?;
        self.builder.insert(info).map_err(|conflict| self.collision(at.clone(), conflict))?;
        self.places.push(at);
        Ok(())
    }

    fn collision(&self, at: Range<usize>, conflict: Conflict) -> Mistake {
        let first = match conflict {
            Conflict::FlowExists { first } | Conflict::AddressExists { first } => self.place(first),
            _ => None,
        };
        Mistake { first, ..Mistake::new(at, conflict) }
    }

    fn place(&self, id: SocketId) -> Option<Range<usize>> {
        self.places.get(id.index()).cloned()
    }

    fn info(&self, protocol: Protocol, socket: &schema::Sock) -> Result<SocketInfo, Mistake> {
        let netns = match &socket.netns {
            Some(name) => self.named(name)?,
            None => NetnsId::FIRST,
        };
        let fresh = SocketInfo::new(netns, protocol, state(protocol, socket)?, parsed(&socket.local)?);
        Ok(SocketInfo {
            remote: socket.remote.as_ref().map(parsed).transpose()?,
            v6only: socket.v6only.unwrap_or(fresh.v6only),
            device: self.device(netns, socket.device.as_ref())?,
            reuseport: socket.reuseport,
            reuseaddr: socket.reuseaddr,
            mark: socket.mark,
            priority: socket.priority,
            uid: socket.uid,
            cookie: socket.cookie,
            rx_queue: socket.rx_queue.unwrap_or(fresh.rx_queue),
            tcp: tcp_info(socket)?,
            ..fresh
        })
    }

    fn device(&self, netns: NetnsId, name: Option<&Spanned<String>>) -> Result<u32, Mistake> {
        let (Some(name), Some(netns)) = (name, self.builder.namespace(netns)) else {
            return Ok(0);
        };
        netns.device(name.get_ref()).map(|d| d.ifindex).ok_or_else(|| {
            let names = listed(netns.devices().iter().map(|d| d.name.as_str()));
            let wanted = name.get_ref();
            let message = format!(
                "no device `{wanted}` in namespace `{}`: declare it in `devices` ({names})",
                netns.name()
            );
            Mistake::new(name.span(), message)
        })
    }
}

/// The state, which UDP leaves out: it follows from `remote`.
fn state(protocol: Protocol, socket: &schema::Sock) -> Result<State, Mistake> {
    match (&socket.state, protocol) {
        (Some(text), _) => text.get_ref().parse().map_err(|()| {
            let names = listed(State::ALL.iter().map(|s| s.name()));
            Mistake::new(text.span(), format!("no state `{}`: write one of {names}", text.get_ref()))
        }),
        (None, Protocol::Udp) if socket.remote.is_some() => Ok(State::Established),
        (None, Protocol::Udp) => Ok(State::Close),
        (None, Protocol::Tcp) => Err(Mistake::new(
            socket.local.span(),
            "a TCP socket needs a state: add `state = \"listen\"`, say",
        )),
    }
}

fn tcp_info(socket: &schema::Sock) -> Result<TcpInfo, Mistake> {
    let mut info = TcpInfo::default();
    for (name, value) in &socket.tcp_info {
        if info.get(name.get_ref()).is_none() {
            let names = listed(TcpInfo::FIELDS.iter().map(|(name, ..)| *name));
            return Err(Mistake::new(
                name.span(),
                format!("no field `{}`: write one of {names}", name.get_ref()),
            ));
        }
        if !info.set(name.get_ref(), *value.get_ref()) {
            return Err(Mistake::new(value.span(), "this number does not fit 32 bits: write a smaller one"));
        }
    }
    Ok(info)
}

fn parsed<T: FromStr<Err: Display>>(text: &Spanned<String>) -> Result<T, Mistake> {
    let say = |how| Mistake::new(text.span(), format!("cannot read `{}`: {how}", text.get_ref()));
    text.get_ref().parse().map_err(say)
}

/// The first few names for a message.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 32;
    let mut names: Vec<_> = names.take(SHOWN + 1).map(|n| format!("`{n}`")).collect();
    if names.len() > SHOWN {
        names[SHOWN] = "…".into();
    }
    names.join(", ")
}
