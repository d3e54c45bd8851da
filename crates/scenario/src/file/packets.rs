//! `[[packet]]`: a packet written as layers or in hexadecimal, or packets of a capture.

use belay_object::Program;

use super::expect::{self, OfPacket, Subject};
use super::library;
use super::mistake::{Mistake, listed};
use super::setup::{Setup, program_named, with_name};
use super::table::{Item, Table};
use crate::capture::{self, Captured};
use crate::host::Host;
use crate::scenario::Step;
use crate::summary::Summary;

/// The most packets of one scenario.
const MOST: usize = 1_000_000;

/// Reads the packets of a scenario, in order.
pub(crate) fn steps(
    subject: &Subject<'_>,
    setup: &Setup<'_>,
    packets: Option<Item<'_>>,
) -> Result<Vec<Step>, Mistake> {
    let mut steps = Vec::new();
    let mut time_ns = 0;
    for item in packets.map_or(Ok(Vec::new()), Item::array)? {
        packet(subject, setup, item, &mut steps, &mut time_ns)?;
    }
    Ok(steps)
}

/// The frames that a `[[packet]]` stands for, each with its time after the first, and what it is called.
struct Frames {
    frames: Vec<(Vec<u8>, u64)>,
    name: Option<String>,
}

fn packet(
    subject: &Subject<'_>,
    setup: &Setup<'_>,
    item: Item<'_>,
    steps: &mut Vec<Step>,
    time_ns: &mut u64,
) -> Result<(), Mistake> {
    let (context, at) = (subject.context, item.at());
    let mut table = item.table()?;
    let name = table.take("name").map(|item| item.string().map(str::to_owned)).transpose()?;
    let program = table.take("program");
    let frames = frames(subject, &mut table)?;
    let time = table.take("time");
    if let Some(item) = &time {
        *time_ns = duration(item)?;
    }
    let ifindex = table.take("device").map(|item| device(subject, &item)).transpose()?;
    let mark = table.take("mark").map_or(Ok(0), |item| item.integer())?;
    let priority = table.take("priority").map_or(Ok(0), |item| item.integer())?;
    let expectations = table.take("expect");
    table.finish()?;
    let host = Host::of(subject.sockets);
    let several = frames.frames.len() > 1;
    let start = *time_ns;
    for (index, (frame, elapsed)) in frames.frames.into_iter().enumerate() {
        let program = program_for(subject, setup, program.as_ref(), &host, &frame)?;
        // Each frame has its own copy: another program has other actions.
        let OfPacket { expectations, balanced } = expect::of_packet(subject, program, expectations.clone())?;
        *time_ns = start.saturating_add(elapsed);
        let name = match (&name, &frames.name) {
            (Some(name), _) if several => Some(format!("{name} {}", index + 1)),
            (Some(name), _) => Some(name.clone()),
            (None, Some(of_capture)) if several => Some(format!("{of_capture} {}", index + 1)),
            (None, of_capture) => of_capture.clone(),
        };
        steps.push(Step {
            number: steps.len() + 1,
            name,
            place: context.place(at.clone()),
            program: program.name.clone(),
            frame,
            time_ns: *time_ns,
            timed: time.is_some(),
            ifindex,
            mark,
            priority,
            balanced,
            expect: expectations,
        });
        if steps.len() > MOST {
            return Err(Mistake::new(at, format!("more than {MOST} packets")));
        }
    }
    Ok(())
}

fn frames(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Frames, Mistake> {
    let context = subject.context;
    let written = [table.take("layers"), table.take("hex"), table.take("pcap")];
    let number = table.take("number");
    let at = table.at.clone();
    let one = |frame: Vec<u8>| Frames { frames: vec![(frame, 0)], name: None };
    let frames = match written {
        [Some(item), None, None] => one(long_enough(&item, expect::layers(context, &item)?)?),
        [None, Some(item), None] => one(long_enough(&item, expect::hex(&item)?)?),
        [None, None, Some(item)] => return captured(subject, &item, number.as_ref()),
        _ => return Err(Mistake::new(at, "one of `layers`, `hex` and `pcap` says what the packet is")),
    };
    match number {
        Some(item) => Err(item.mistake("`number` is for packets of a `pcap`")),
        None => Ok(frames),
    }
}

fn long_enough(item: &Item<'_>, frame: Vec<u8>) -> Result<Vec<u8>, Mistake> {
    belay_vm::Packet::new(&frame).map(|_| frame).map_err(|e| item.mistake(e))
}

fn captured(subject: &Subject<'_>, item: &Item<'_>, number: Option<&Item<'_>>) -> Result<Frames, Mistake> {
    let path = subject.context.beside(item.string()?);
    let read = library::read(&path).and_then(|bytes| capture::read(&bytes));
    let packets = read.map_err(|why| item.mistake(with_name(&path, &why)))?;
    let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let first = packets.first().map_or(0, |packet| packet.time_ns);
    let frame = |packet: &Captured| (packet.bytes.clone(), packet.time_ns.saturating_sub(first));
    let frames = match number {
        None => Frames { frames: packets.iter().map(frame).collect(), name: Some(file) },
        Some(item) => {
            let number: usize = item.integer()?;
            let packet = number.checked_sub(1).and_then(|index| packets.get(index));
            let packet = packet.ok_or_else(|| {
                item.mistake(format!("{file} has packets 1 to {}, no {number}", packets.len()))
            })?;
            Frames { frames: vec![(packet.bytes.clone(), 0)], name: Some(format!("{file} {number}")) }
        }
    };
    for (index, (frame, _)) in frames.frames.iter().enumerate() {
        belay_vm::Packet::new(frame)
            .map_err(|e| item.mistake(format!("{}, packet {}: {e}", path.display(), index + 1)))?;
    }
    Ok(frames)
}

/// The program of a packet: the one it names; else, for what leaves, `egress`; else `program`.
fn program_for<'s>(
    subject: &Subject<'s>,
    setup: &Setup<'_>,
    own: Option<&Item<'_>>,
    host: &Host,
    frame: &[u8],
) -> Result<&'s Program, Mistake> {
    if let Some(item) = own {
        return program_named(subject.object, item);
    }
    let leaves = || Summary::of(frame).source.is_some_and(|source| host.has(source));
    match &setup.egress {
        Some(item) if leaves() => program_named(subject.object, item),
        _ => setup.program(subject.object, subject.context),
    }
}

/// `1.5s`, `20ms`, `7us`, `3ns`.
fn duration(item: &Item<'_>) -> Result<u64, Mistake> {
    let text = item.string()?;
    let wrong = || item.mistake(format!("`{}` is no time: write `1.5s` or `20ms`", text.escape_debug()));
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit);
    let scale = match unit {
        "s" => 1e9,
        "ms" => 1e6,
        "us" => 1e3,
        "ns" => 1.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let ns = number * scale;
    // Years fit; what does not is a slip.
    if !(0.0..1e18).contains(&ns) {
        return Err(wrong());
    }
    Ok(ns as u64)
}

/// A device by its number, or by its name among the sockets or the routes.
fn device(subject: &Subject<'_>, item: &Item<'_>) -> Result<u32, Mistake> {
    if item.as_integer().is_some() {
        return item.integer();
    }
    let name = item.string()?;
    let reader = subject.sockets.read();
    let netns = reader.default_netns().and_then(|id| reader.netns(id));
    let of_sockets = netns.as_ref().map(|netns| netns.devices()).unwrap_or_default();
    let of_routes = subject.routes.map(|routes| routes.devices.as_slice()).unwrap_or_default();
    let devices: Vec<(&str, u32)> = of_sockets
        .iter()
        .map(|device| (device.name.as_str(), device.ifindex))
        .chain(of_routes.iter().map(|device| (device.name.as_str(), device.index)))
        .collect();
    devices.iter().find(|(known, _)| *known == name).map(|(_, ifindex)| *ifindex).ok_or_else(|| {
        let names = listed(devices.iter().map(|(name, _)| *name));
        item.mistake(format!("no device `{}`; there are {names}", name.escape_debug()))
    })
}
