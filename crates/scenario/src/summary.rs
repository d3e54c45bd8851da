//! A packet in a few words: protocol, ends, TCP flags.

use std::net::{IpAddr, SocketAddr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use serde::Serialize;

/// What a packet's headers say.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// `tcp`, `arp`, `udp fragment`.
    pub protocol: String,
    /// The sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<IpAddr>,
    /// The sender's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// The receiver's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<u16>,
    /// As tcpdump writes them, `S.`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_flags: Option<String>,
}

impl Summary {
    /// Of an Ethernet frame; what is cut off or malformed is left out.
    pub fn of(frame: &[u8]) -> Summary {
        let mut summary = Summary {
            protocol: "?".to_owned(),
            source: None,
            destination: None,
            source_port: None,
            destination_port: None,
            tcp_flags: None,
        };
        let Ok(packet) = LaxSlicedPacket::from_ethernet(frame) else { return summary };
        match &packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                summary.source = Some(header.source_addr().into());
                summary.destination = Some(header.destination_addr().into());
                summary.protocol = protocol(ip.payload().ip_number.0);
                if ip.payload().fragmented {
                    summary.protocol.push_str(" fragment");
                }
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                summary.source = Some(header.source_addr().into());
                summary.destination = Some(header.destination_addr().into());
                summary.protocol = protocol(ip.payload().ip_number.0);
                if ip.payload().fragmented {
                    summary.protocol.push_str(" fragment");
                }
            }
            Some(LaxNetSlice::Arp(arp)) => {
                summary.protocol = "arp".to_owned();
                summary.source = ipv4(arp.sender_protocol_addr());
                summary.destination = ipv4(arp.target_protocol_addr());
            }
            None => summary.protocol = ether_type(frame),
        }
        match &packet.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                summary.source_port = Some(tcp.source_port());
                summary.destination_port = Some(tcp.destination_port());
                let flags = [
                    (tcp.syn(), 'S'),
                    (tcp.fin(), 'F'),
                    (tcp.rst(), 'R'),
                    (tcp.psh(), 'P'),
                    (tcp.urg(), 'U'),
                    (tcp.ack(), '.'),
                ];
                summary.tcp_flags =
                    Some(flags.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect());
            }
            Some(TransportSlice::Udp(udp)) => {
                summary.source_port = Some(udp.source_port());
                summary.destination_port = Some(udp.destination_port());
            }
            Some(_) | None => {}
        }
        summary
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.protocol)?;
        let end = |addr: IpAddr, port: Option<u16>| match port {
            Some(port) => SocketAddr::new(addr, port).to_string(),
            None => addr.to_string(),
        };
        if let (Some(source), Some(destination)) = (self.source, self.destination) {
            let (source, destination) =
                (end(source, self.source_port), end(destination, self.destination_port));
            write!(f, " {source} > {destination}")?;
        }
        match &self.tcp_flags {
            Some(flags) if flags.is_empty() => f.write_str(" [none]"),
            Some(flags) => write!(f, " [{flags}]"),
            None => Ok(()),
        }
    }
}

fn ipv4(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from)
}

fn protocol(number: u8) -> String {
    match number {
        1 => "icmp".to_owned(),
        2 => "igmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "icmp6".to_owned(),
        132 => "sctp".to_owned(),
        other => format!("ip protocol {other}"),
    }
}

fn ether_type(frame: &[u8]) -> String {
    match frame.get(12..14) {
        Some([high, low]) => format!("ethertype {:#06x}", u16::from_be_bytes([*high, *low])),
        _ => "?".to_owned(),
    }
}
