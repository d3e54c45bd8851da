//! `[[packet]]`: a packet written as layers or in hexadecimal, or packets of a capture.

use belay_object::Program;

use super::events::{Common, MOST};
use super::expect::{self, OfStep, Subject};
use super::library;
use super::mistake::{Mistake, listed};
use super::setup::{Setup, program_named, with_name};
use super::socket::one_of_table;
use super::table::{Item, Table};
use crate::capture::{self, Captured};
use crate::event::{Event, Incoming};
use crate::host::Host;
use crate::runner::on_packets;
use crate::scenario::Step;
use crate::summary::Summary;

/// The frames that a `[[packet]]` stands for, each with its time after the first, and what it is called.
struct Frames {
    frames: Vec<(Vec<u8>, u64)>,
    name: Option<String>,
}

/// Reads one `[[packet]]`, which may be many.
pub(crate) fn packet(
    subject: &Subject<'_>,
    setup: &Setup<'_>,
    item: Item<'_>,
    steps: &mut Vec<Step>,
    count: &mut usize,
    time_ns: &mut u64,
) -> Result<(), Mistake> {
    let (context, at) = (subject.context, item.at());
    let mut table = item.table()?;
    let Common { name, time_ns: start, timed, task } = Common::take(&mut table, *time_ns)?;
    let program = table.take("program");
    let frames = frames(subject, &mut table)?;
    let ifindex = table.take("device").map(|item| device(subject, &item)).transpose()?;
    let mark = table.take("mark").map_or(Ok(0), |item| item.integer())?;
    let priority = table.take("priority").map_or(Ok(0), |item| item.integer())?;
    let socket = table.take("socket").map(|item| one_of_table(subject, &item)).transpose()?;
    let expectations = table.take("expect");
    table.finish()?;
    let host = Host::of(subject.sockets);
    let several = frames.frames.len() > 1;
    for (index, (frame, elapsed)) in frames.frames.into_iter().enumerate() {
        let program = program_for(subject, setup, program.as_ref(), &host, &frame, &at)?;
        // Each frame has its own copy: another program has other actions.
        let OfStep { expectations, balanced } =
            expect::of_step(subject, None, program, expectations.clone())?;
        *time_ns = start.saturating_add(elapsed);
        let name = match (&name, &frames.name) {
            (Some(name), _) if several => Some(format!("{name} {}", index + 1)),
            (Some(name), _) => Some(name.clone()),
            (None, Some(of_capture)) if several => Some(format!("{of_capture} {}", index + 1)),
            (None, of_capture) => of_capture.clone(),
        };
        *count += 1;
        steps.push(Step {
            kind: None,
            number: *count,
            name,
            place: context.place(at.clone()),
            program: program.name.clone(),
            event: Event::Packet(Incoming { frame, ifindex, mark, priority, socket }),
            time_ns: *time_ns,
            timed,
            task: task.clone(),
            balanced,
            expect: expectations,
        });
        if steps.len() > MOST {
            return Err(Mistake::new(at, format!("more than {MOST} packets")));
        }
    }
    Ok(())
}

/// The frame of an event that has one: written as layers or in hexadecimal.
pub(crate) fn one_frame(subject: &Subject<'_>, table: &mut Table<'_>) -> Result<Vec<u8>, Mistake> {
    match (table.take("layers"), table.take("hex")) {
        (Some(item), None) => long_enough(&item, expect::layers(subject.context, &item)?),
        (None, Some(item)) => long_enough(&item, expect::hex(&item)?),
        _ => Err(Mistake::new(table.at.clone(), "either `layers` or `hex` says what the packet is")),
    }
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
    at: &std::ops::Range<usize>,
) -> Result<&'s Program, Mistake> {
    let leaves = || Summary::of(frame).source.is_some_and(|source| host.has(source));
    let program = match (own, &setup.egress) {
        (Some(item), _) => program_named(subject.object, item)?,
        (None, Some(item)) if leaves() => program_named(subject.object, item)?,
        _ => setup.program(subject.object, subject.context)?,
    };
    on_packets(program).map(|()| program).map_err(|why| Mistake::new(at.clone(), why))
}

/// `1.5s`, `20ms`, `7us`, `3ns`.
pub(crate) fn duration(item: &Item<'_>) -> Result<u64, Mistake> {
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
pub(crate) fn device(subject: &Subject<'_>, item: &Item<'_>) -> Result<u32, Mistake> {
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
