//! From a table to TOML text: one line a fact, defaults left out, in the order that reading restores.

use std::fmt::{Display, Write};

use toml::Value;

use crate::address::Protocol;
use crate::info::is_v6only_address;
use crate::namespace::{Namespace, NetnsId};
use crate::reader::Reader;
use crate::socket::Socket;
use crate::view::TcpInfo;

/// The TOML form of a table.
pub(crate) fn write(table: &Reader<'_>) -> String {
    let mut out = String::new();
    for (_, netns) in table.netns_ids() {
        namespace(&mut out, table, &netns);
    }
    // Reading restores the order within a protocol, which is all that lookups see of it.
    let mut sockets: Vec<&Socket> = table.sockets().collect();
    sockets.sort_by_key(|socket| (socket.protocol(), socket.serial()));
    for found in sockets {
        socket(&mut out, table, found);
    }
    out
}

fn namespace(out: &mut String, table: &Reader<'_>, netns: &Namespace) {
    section(out, "netns");
    line(out, "name", text(netns.name()));
    let devices: Vec<_> = netns
        .devices()
        .iter()
        .filter(|d| d.ifindex != Namespace::LOOPBACK || !d.addresses.is_empty())
        .map(|d| {
            let addresses: Vec<_> = d.addresses.iter().map(|a| text(&a.to_string())).collect();
            format!(
                "{{ name = {}, ifindex = {}, addresses = [{}] }}",
                text(&d.name),
                d.ifindex,
                addresses.join(", ")
            )
        })
        .collect();
    if !devices.is_empty() {
        line(out, "devices", format_args!("[\n    {},\n]", devices.join(",\n    ")));
    }
    let nsids: Vec<_> = netns
        .nsids()
        .iter()
        .map(|(nsid, target)| format!("\"{nsid}\" = {}", text(&name_of(table, *target))))
        .collect();
    if !nsids.is_empty() {
        line(out, "nsids", format_args!("{{ {} }}", nsids.join(", ")));
    }
}

fn socket(out: &mut String, table: &Reader<'_>, socket: &Socket) {
    let info = socket.info();
    section(out, if info.protocol == Protocol::Tcp { "tcp" } else { "udp" });
    if Some(info.netns) != table.default_netns() {
        line(out, "netns", text(&name_of(table, info.netns)));
    }
    if info.protocol == Protocol::Tcp {
        line(out, "state", text(info.state.name()));
    }
    line(out, "local", text(&info.local.to_string()));
    if let Some(remote) = info.remote {
        line(out, "remote", text(&remote.to_string()));
    }
    if let Some(netns) = table.netns(info.netns).filter(|_| info.device != 0)
        && let Some(device) = netns.device_at(info.device)
    {
        line(out, "device", text(&device.name));
    }
    if info.v6only != is_v6only_address(info.local.addr) {
        line(out, "v6only", info.v6only);
    }
    for (name, on) in [("reuseport", info.reuseport), ("reuseaddr", info.reuseaddr)] {
        if on {
            line(out, name, on);
        }
    }
    for (name, value) in [("mark", info.mark), ("priority", info.priority), ("uid", info.uid)] {
        if value != 0 {
            line(out, name, value);
        }
    }
    line(out, "cookie", info.cookie);
    if info.rx_queue != -1 {
        line(out, "rx_queue", info.rx_queue);
    }
    tcp_info(out, &info.tcp);
}

fn tcp_info(out: &mut String, info: &TcpInfo) {
    let default = TcpInfo::default();
    let changed: Vec<_> = TcpInfo::FIELDS
        .iter()
        .filter(|(name, ..)| info.get(name) != default.get(name))
        .filter_map(|(name, ..)| info.get(name).map(|value| format!("{name} = {value}")))
        .collect();
    if !changed.is_empty() {
        line(out, "tcp_info", format_args!("{{ {} }}", changed.join(", ")));
    }
}

fn name_of(table: &Reader<'_>, netns: NetnsId) -> String {
    table.netns(netns).map_or_else(String::new, |netns| netns.name().into())
}

fn section(out: &mut String, name: &str) {
    let gap = if out.is_empty() { "" } else { "\n" };
    out.push_str(&format!("{gap}[[{name}]]\n"));
}

fn line(out: &mut String, key: &str, value: impl Display) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{key} = {value}");
}

/// A TOML string, quoted and escaped.
fn text(value: &str) -> String {
    Value::String(value.into()).to_string()
}
