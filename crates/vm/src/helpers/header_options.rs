//! Options of TCP headers: `bpf_load_hdr_opt`, `bpf_store_hdr_opt`, `bpf_reserve_hdr_opt`.
//!
//! An option is its kind, its length and what follows; two kinds of one byte separate and end them. Of the two experimental
//! kinds, what follows begins with a number that says whose experiment it is: it belongs to the name.

use crate::errno::Errno;
use crate::input::{Input, SockOps, op};
use crate::world::World;

/// `TCPOPT_EOL`, `TCPOPT_NOP`: one byte, without a length.
const END: u8 = 0;
const FILLER: u8 = 1;
/// `TCPOPT_EXP`, and the other experimental kind.
const EXPERIMENTS: [u8; 2] = [253, 254];
/// Bytes of a kind and a length.
const HEAD: usize = 2;
/// Bytes of an experiment's option that is looked for: a number of two or of four bytes behind the head.
const EXPERIMENT_LENS: [usize; 2] = [4, 6];
/// The most bytes of an option.
const MOST: usize = u8::MAX as usize;
/// Bytes of the header before its options.
const FIXED: usize = 20;
/// `BPF_LOAD_HDR_OPT_TCP_SYN`
const OF_SYN: u64 = 1;

fn event<'w, 'r>(world: &'w mut World<'r>) -> Result<&'w mut SockOps, Errno> {
    match &mut world.input {
        Input::SockOps(event) => Ok(event),
        _ => Err(Errno::EINVAL),
    }
}

/// An option in a program's memory: its bytes, as many as there are, its kind and its length. Neither a filler nor the end is one,
/// nor what is longer than its memory.
fn given(world: &World<'_>, at: u64, room: usize) -> Result<(Vec<u8>, u8, usize), Errno> {
    let mut bytes = vec![0; room.min(MOST)];
    world.mem.read(at, &mut bytes);
    match bytes[..] {
        [kind, len, ..] if kind != END && kind != FILLER && usize::from(len) <= room => {
            Ok((bytes, kind, len.into()))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// Why an option is not found.
enum Missing {
    /// There is none; the options have an end that says so.
    Ended,
    /// There is none.
    None,
    /// What is there is no option.
    Broken,
}

impl From<Missing> for Errno {
    fn from(missing: Missing) -> Errno {
        match missing {
            Missing::Ended | Missing::None => Errno::ENOMSG,
            Missing::Broken => Errno::EFAULT,
        }
    }
}

/// The option of this kind that begins with these bytes.
fn find<'o>(mut options: &'o [u8], kind: u8, begin: &[u8]) -> Result<&'o [u8], Missing> {
    loop {
        let len = match *options {
            [] => return Err(Missing::None),
            [END, ..] => return Err(Missing::Ended),
            [FILLER, ..] => 1,
            [_, len, ..] if usize::from(len) >= HEAD => usize::from(len),
            _ => return Err(Missing::Broken),
        };
        let (option, rest) = options.split_at_checked(len).ok_or(Missing::Broken)?;
        if option.first() == Some(&kind) {
            match option.get(HEAD..).unwrap_or_default() {
                found if found.starts_with(begin) => return Ok(option),
                // Too short for what it should begin with: none after it is looked at.
                found if found.len() < begin.len() => return Err(Missing::None),
                _ => {}
            }
        }
        options = rest;
    }
}

/// `bpf_load_hdr_opt(ctx, option, len, flags)`
pub(super) fn load(world: &mut World<'_>, [_, at, len, flags, _]: [u64; 5]) -> u64 {
    loaded(world, at, len as u32 as usize, flags).unwrap_or_else(Errno::r0)
}

fn loaded(world: &mut World<'_>, at: u64, room: usize, flags: u64) -> Result<u64, Errno> {
    if !event(world)?.is_locked() {
        return Err(Errno::EOPNOTSUPP);
    }
    if room < HEAD || flags & !OF_SYN != 0 {
        return Err(Errno::EINVAL);
    }
    let (wanted, kind, len) = given(world, at, room)?;
    let named = if EXPERIMENTS.contains(&kind) { EXPERIMENT_LENS.contains(&len) } else { len == 0 };
    if !named {
        return Err(Errno::EINVAL);
    }
    let event = event(world)?;
    let header = match &event.syn {
        Some(syn) if flags & OF_SYN != 0 => syn.transport.clone(),
        None if flags & OF_SYN != 0 => return Err(Errno::ENOENT),
        _ if event.op == op::HDR_OPT_LEN || event.shown().total() == 0 => return Err(Errno::EPERM),
        _ => event.header(),
    };
    let begin = wanted.get(HEAD..len).unwrap_or_default();
    let found = find(header.get(FIXED..).unwrap_or_default(), kind, begin)?;
    world.mem.write(at, found.get(..room).unwrap_or(found));
    if found.len() > room { Err(Errno::ENOSPC) } else { Ok(found.len() as u64) }
}

/// `bpf_store_hdr_opt(ctx, option, len, flags)`
pub(super) fn store(world: &mut World<'_>, [_, at, len, flags, _]: [u64; 5]) -> u64 {
    crate::errno::r0(stored(world, at, len as u32 as usize, flags))
}

fn stored(world: &mut World<'_>, at: u64, room: usize, flags: u64) -> Result<(), Errno> {
    if event(world)?.op != op::WRITE_HDR_OPT {
        return Err(Errno::EPERM);
    }
    if room < HEAD || flags != 0 {
        return Err(Errno::EINVAL);
    }
    let (option, kind, len) = given(world, at, room)?;
    let event = event(world)?;
    if len > event.option_room.into() {
        return Err(Errno::ENOSPC);
    }
    // Of an experiment's number two bytes are enough to take it for the same.
    let begin = match EXPERIMENTS.contains(&kind) {
        true if len < HEAD + 2 => return Err(Errno::EINVAL),
        true => option.get(HEAD..HEAD + 2).unwrap_or_default(),
        false => &[],
    };
    match find(event.header().get(FIXED..).unwrap_or_default(), kind, begin) {
        Ok(_) => return Err(Errno::EEXIST),
        Err(Missing::Ended) => return Err(Errno::ENOSPC),
        Err(Missing::Broken) => return Err(Errno::EFAULT),
        Err(Missing::None) => {}
    }
    event.write_option(option.get(..len).unwrap_or_default());
    world.layout.refresh(&world.machine.context, &mut world.input);
    Ok(())
}

/// `bpf_reserve_hdr_opt(ctx, len, flags)`
pub(super) fn reserve(world: &mut World<'_>, [_, len, flags, ..]: [u64; 5]) -> u64 {
    crate::errno::r0(reserved(world, len as u32, flags))
}

fn reserved(world: &mut World<'_>, len: u32, flags: u64) -> Result<(), Errno> {
    let event = event(world)?;
    if event.op != op::HDR_OPT_LEN {
        return Err(Errno::EPERM);
    }
    if flags != 0 || (len as usize) < HEAD {
        return Err(Errno::EINVAL);
    }
    let left = u32::from(event.option_room).checked_sub(len).ok_or(Errno::ENOSPC)?;
    event.option_room = u8::try_from(left).map_err(|_| Errno::ENOSPC)?;
    Ok(())
}
