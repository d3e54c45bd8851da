//! Why a lookup answered as it did: the candidates of every stage with their score or the reason against them.

use std::fmt;

use crate::lookup::Witness;
use crate::socket::{Socket, SocketId};

/// A stage of a lookup. The first that finds a socket ends it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// TCP sockets with exactly this flow.
    TcpFlow,
    /// TCP listeners at the packet's destination address.
    TcpListener,
    /// TCP listeners at the wildcard address.
    TcpWildcard,
    /// Connected UDP sockets with exactly this flow.
    UdpFlow,
    /// UDP sockets at the packet's destination address.
    UdpLocal,
    /// UDP sockets at the wildcard address.
    UdpWildcard,
    /// UDP sockets of the port, whatever their address: Linux's last resort.
    UdpPort,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::TcpFlow | Stage::UdpFlow => "exact flow",
            Stage::TcpListener => "listeners at this address",
            Stage::TcpWildcard => "wildcard listeners",
            Stage::UdpLocal => "sockets at this address",
            Stage::UdpWildcard => "wildcard sockets",
            Stage::UdpPort => "sockets of this port",
        })
    }
}

/// Why a candidate does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// It is bound to another local address.
    OtherAddress,
    /// It is bound to another device.
    OtherDevice,
    /// It is an IPv4 socket, the packet is IPv6.
    OtherFamily,
    /// It takes IPv6 only, the packet is IPv4.
    V6Only,
    /// It is connected to another peer.
    OtherPeer,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::OtherAddress => "bound to another address",
            Refusal::OtherDevice => "bound to another device",
            Refusal::OtherFamily => "an ipv4 socket",
            Refusal::V6Only => "takes ipv6 only",
            Refusal::OtherPeer => "connected to another peer",
        })
    }
}

/// What became of one candidate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// It fits with this score; the highest of a stage wins, the first among equals.
    Scored(u32),
    /// It does not fit.
    Refused(Refusal),
    /// Its reuseport group's hash picked this member instead of it.
    Group(SocketId),
    /// It was found, but is a request or time-wait socket, which this helper replaces: by its listener, or by NULL.
    Replaced(Option<SocketId>),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Scored(score) => write!(f, "fits, score {score}"),
            Outcome::Refused(why) => write!(f, "does not fit: {why}"),
            Outcome::Group(picked) => write!(f, "has a reuseport group, whose hash picks {picked}"),
            Outcome::Replaced(Some(listener)) => {
                write!(f, "is a request socket: its listener {listener} answers")
            }
            Outcome::Replaced(None) => {
                f.write_str("is a time-wait socket: only `bpf_skc_lookup_tcp` returns it")
            }
        }
    }
}

/// One step of a lookup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The stage; `None` for what happens after the search.
    pub stage: Option<Stage>,
    /// The candidate.
    pub socket: SocketId,
    /// The candidate in words.
    pub label: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// A lookup and its reasons.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Explanation {
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The answer.
    pub found: Option<SocketId>,
}

impl Explanation {
    fn push(&mut self, stage: Option<Stage>, socket: &Socket, outcome: Outcome) {
        self.steps.push(Step { stage, socket: socket.id(), label: socket.to_string(), outcome });
    }
}

impl Witness for Explanation {
    fn consider(&mut self, stage: Stage, socket: &Socket, score: Result<u32, Refusal>) {
        self.push(Some(stage), socket, score.map_or_else(Outcome::Refused, Outcome::Scored));
    }

    fn group(&mut self, stage: Stage, member: &Socket, picked: &Socket) {
        self.push(Some(stage), member, Outcome::Group(picked.id()));
    }

    fn replace(&mut self, hit: &Socket, answer: Option<&Socket>) {
        self.push(None, hit, Outcome::Replaced(answer.map(Socket::id)));
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Step { stage, socket, label, outcome } in &self.steps {
            match stage {
                Some(stage) => write!(f, "{stage}: {socket} ({label}) ")?,
                None => write!(f, "answer: {socket} ({label}) ")?,
            }
            match outcome {
                Outcome::Scored(_) if matches!(stage, Some(Stage::TcpFlow | Stage::UdpFlow)) => {
                    writeln!(f, "fits")
                }
                other => writeln!(f, "{other}"),
            }?;
        }
        match self.found {
            Some(socket) => writeln!(f, "found: {socket}"),
            None => writeln!(f, "found: nothing"),
        }
    }
}
