//! `belay sockets lookup`: which socket a packet would find, and why that one.

use belay_sockets::{
    Endpoint, Explanation, Found, LookupKind, NetnsId, Outcome, Protocol, Query, Reader, Socket, SocketId,
    Tuple,
};
use serde::Serialize;

use super::super::args::{Format, SocketsLookupArgs};
use super::filter::netns;
use super::record::Record;
use super::{Error, Exit, Output, Streams, table};

const HOW: &str = "write a protocol and the packet's two ends, `tcp 10.0.0.2:4000 10.0.0.1:22`";

#[derive(Serialize)]
struct Document {
    schema: u32,
    query: QueryRecord,
    steps: Vec<StepRecord>,
    found: Option<Record>,
}

#[derive(Serialize)]
struct QueryRecord {
    netns: String,
    protocol: String,
    source: String,
    destination: String,
    device: Option<String>,
    helper: &'static str,
}

#[derive(Serialize)]
struct StepRecord {
    stage: Option<String>,
    socket: Record,
    fits: bool,
    outcome: String,
}

pub(super) fn lookup(args: &SocketsLookupArgs, streams: &mut Streams) -> Result<Exit, Error> {
    let (protocol, tuple) = packet(&args.packet)?;
    let kind = kind(protocol, args)?;
    let table = table(&args.source, args.output.quiet, streams)?;
    let reader = table.read();
    let place = place(args, &reader)?;
    let ifindex = args.device.as_deref().map_or(Ok(0), |name| ifindex(&reader, place, name))?;
    let query = Query { netns: place, protocol, tuple, ifindex, kind };
    let explanation = reader.explain(&query);
    let mut out = Output::open(&args.output, streams)?;
    if args.output.format == Format::Json {
        out.json(&document(args, &reader, &query, &explanation))?;
    } else {
        if args.output.format == Format::Full && !args.output.quiet {
            let steps = explanation.to_string();
            let answer = steps.rfind("found: ").unwrap_or(steps.len());
            out.text(steps.get(..answer).unwrap_or_default())?;
        }
        out.line(match explanation.found.and_then(|id| reader.socket(id)) {
            Some(socket) => format!("found: {}", described(socket)),
            None => "found: nothing".to_owned(),
        })?;
    }
    out.finish()?;
    Ok(if explanation.found.is_some() { Exit::Clean } else { Exit::Findings })
}

/// The words of the packet, however the shell has cut them; an arrow may stand between the ends.
fn packet(words: &[String]) -> Result<(Protocol, Tuple), Error> {
    let text = words.join(" ").replace("->", " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let [protocol, source, destination] = words.as_slice() else { return Err(Error::new(HOW)) };
    let protocol = match *protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        other => return Err(Error::new(format!("no protocol `{other}`: {HOW}"))),
    };
    let end = |text: &str| {
        text.parse::<Endpoint>().map_err(|how| Error::new(format!("cannot read `{text}`: {how}")))
    };
    let tuple = Tuple::new(end(source)?, end(destination)?)
        .ok_or_else(|| Error::new(format!("`{source}` and `{destination}` are of different families")))?;
    Ok((protocol, tuple))
}

fn kind(protocol: Protocol, args: &SocketsLookupArgs) -> Result<LookupKind, Error> {
    use super::super::args::LookupHelper;
    match (protocol, args.helper) {
        (Protocol::Udp, Some(LookupHelper::Skc)) => {
            Err(Error::new("`--helper skc` is `bpf_skc_lookup_tcp`: there is none for udp"))
        }
        (Protocol::Udp, _) | (Protocol::Tcp, Some(LookupHelper::Sk)) => Ok(LookupKind::Full),
        (Protocol::Tcp, _) => Ok(LookupKind::Common),
    }
}

/// Where to look: of several namespaces, the first or the one of a file that was named.
fn place(args: &SocketsLookupArgs, reader: &Reader<'_>) -> Result<NetnsId, Error> {
    match (&args.source.sockets, args.source.netns.as_slice()) {
        (_, [_, _, ..]) => Err(Error::new("a packet is in one namespace: write `--netns` once")),
        (Some(_), [name]) => netns(reader, name),
        _ => Ok(NetnsId::FIRST),
    }
}

fn ifindex(reader: &Reader<'_>, place: NetnsId, name: &str) -> Result<u32, Error> {
    let netns = reader.netns(place);
    let devices = netns.as_deref().map(|netns| netns.devices()).unwrap_or_default();
    let known = devices.iter().find(|device| device.name == name);
    known.map(|device| device.ifindex).ok_or_else(|| {
        let names: Vec<_> = devices.iter().take(20).map(|device| format!("`{}`", device.name)).collect();
        Error::new(format!("no device `{name}`: write one of {}", names.join(", ")))
    })
}

fn helper(query: &Query) -> &'static str {
    match (query.protocol, query.kind) {
        (Protocol::Udp, _) => "bpf_sk_lookup_udp",
        (Protocol::Tcp, LookupKind::Full) => "bpf_sk_lookup_tcp",
        (Protocol::Tcp, LookupKind::Common) => "bpf_skc_lookup_tcp",
    }
}

fn described(socket: &Socket) -> String {
    let held = match socket.as_found() {
        Found::Counted(_) => "counted",
        Found::Rcu(_) => "not counted",
    };
    format!("{} {socket} (cookie {}, {held})", socket.id(), socket.cookie())
}

fn document(
    args: &SocketsLookupArgs,
    reader: &Reader<'_>,
    query: &Query,
    explanation: &Explanation,
) -> Document {
    let record = |id: SocketId| reader.socket(id).map(|socket| Record::of(reader, socket));
    let steps = explanation.steps.iter().filter_map(|step| {
        Some(StepRecord {
            stage: step.stage.map(|stage| stage.to_string()),
            socket: record(step.socket)?,
            fits: !matches!(step.outcome, Outcome::Refused(_)),
            outcome: step.outcome.to_string(),
        })
    });
    Document {
        schema: belay_diagnostics::json::SCHEMA,
        query: QueryRecord {
            netns: reader.netns(query.netns).map(|netns| netns.name().to_owned()).unwrap_or_default(),
            protocol: query.protocol.to_string(),
            source: query.tuple.source().to_string(),
            destination: query.tuple.destination().to_string(),
            device: args.device.clone(),
            helper: helper(query),
        },
        steps: steps.collect(),
        found: explanation.found.and_then(record),
    }
}
