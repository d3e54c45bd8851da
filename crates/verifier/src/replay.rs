//! A failing path walked again, with an eye on every reference.
//!
//! What happened is read off the state before and after each instruction, so the rules themselves record nothing: a
//! reference that is new was acquired here; one that is gone was released, or found to be NULL; one that no register
//! or slot names any more was lost.

use std::collections::{BTreeMap, VecDeque};

use belay_isa::{CallTarget, Insn, Pc};
use belay_spec::Resource;

use crate::explore::Decision;
use crate::state::State;
use crate::value::{Ghost, RefId, Value};
use crate::walk::{Next, Walk};

/// Where a value lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// A register of a frame.
    Register {
        /// Index of the frame, 0 for the entry.
        frame: u8,
        /// Which.
        reg: u8,
    },
    /// Eight bytes of a frame's stack.
    Stack {
        /// Index of the frame.
        frame: u8,
        /// Offset from its frame pointer.
        off: i32,
    },
}

/// How the last copy of a reference's pointer went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// Overwritten by the instruction.
    Overwritten(Place),
    /// `r0` was set anew just to return something.
    ReturnValue,
    /// Registers do not survive a call.
    Call,
    /// The function that held it returned.
    Return,
}

/// Something that happened on the way to the failure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A call made an obligation.
    Acquired {
        /// Its name.
        reference: RefId,
        /// What is held.
        resource: Resource,
    },
    /// A check decided whether the acquired pointer is NULL.
    Checked {
        /// Which obligation.
        reference: RefId,
        /// Whether it is NULL, so that nothing is held.
        null: bool,
    },
    /// A call ended the obligation.
    Released {
        /// Which.
        reference: RefId,
    },
    /// The pointer is now here too.
    Copied {
        /// Which obligation.
        reference: RefId,
        /// Where to.
        to: Place,
    },
    /// Nothing names the obligation any more.
    Lost {
        /// Which.
        reference: RefId,
        /// How.
        how: Loss,
    },
    /// Packet pointers died because the packet may have moved.
    PacketMoved,
    /// An undecided branch went this way.
    Branched {
        /// Whether it was taken.
        taken: bool,
    },
    /// A function of the program was entered.
    Entered,
    /// A function of the program returned.
    Returned,
}

impl EventKind {
    /// The obligation that it concerns.
    pub fn reference(&self) -> Option<RefId> {
        match self {
            EventKind::Acquired { reference, .. }
            | EventKind::Checked { reference, .. }
            | EventKind::Released { reference }
            | EventKind::Copied { reference, .. }
            | EventKind::Lost { reference, .. } => Some(*reference),
            EventKind::PacketMoved
            | EventKind::Branched { .. }
            | EventKind::Entered
            | EventKind::Returned => None,
        }
    }
}

/// An event and its instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The instruction.
    pub pc: Pc,
    /// What it did.
    pub kind: EventKind,
}

/// How many instructions of the path are kept: what explains a failure lies near it, and a path may be a million long.
const PATH_KEPT: usize = 1 << 14;

/// A failing path, walked again.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// What happened, in order.
    pub(crate) events: Vec<Event>,
    /// The instructions before the failing one, in order: the last of them if there are many.
    pub(crate) path: Vec<Pc>,
}

/// Walks from this state by these decisions, `steps` instructions far: up to the one that failed.
pub(crate) fn replay(
    walk: &mut Walk<'_>,
    mut state: State,
    mut pc: Pc,
    decisions: &[Decision],
    steps: u64,
) -> Replayed {
    let mut decisions = decisions.iter();
    let mut events = Vec::new();
    let mut path = VecDeque::new();
    for _ in 1..steps {
        let before = state.clone();
        let Ok(next) = walk.step(&mut state, pc) else { break };
        let at = pc;
        match next {
            Next::End => break,
            Next::Goto(to) => {
                pc = to;
                let returned = matches!(walk.layout.insn(at), Some(Insn::Exit));
                if returned && walk.layout.calls_back(to) {
                    forget(&mut state, decisions.next());
                }
            }
            Next::Turn { again: (target, other), on } => {
                let Some(&Decision::Branch(taken)) = decisions.next() else { break };
                pc = if taken { target } else { on };
                if taken {
                    state = *other;
                    forget(&mut state, decisions.next());
                }
                events.push(Event { pc: at, kind: EventKind::Branched { taken } });
            }
            Next::Later { run: (entry, later), on } => {
                let Some(&Decision::Branch(taken)) = decisions.next() else { break };
                pc = on;
                if taken {
                    // What the path held does not go with it.
                    (pc, state) = (entry, *later);
                    path.push_back(at);
                    events.push(Event { pc: at, kind: EventKind::Entered });
                    continue;
                }
            }
            Next::Fork { taken: (target, other), fall } => {
                let Some(&Decision::Branch(taken)) = decisions.next() else { break };
                pc = if taken { target } else { fall };
                if taken {
                    state = *other;
                }
                events.push(Event { pc: at, kind: EventKind::Branched { taken } });
            }
        }
        if path.len() == PATH_KEPT {
            path.pop_front();
        }
        path.push_back(at);
        let insn = walk.layout.insn(at).copied();
        events.extend(what_happened(&before, &state, at, insn));
    }
    tell_return_values(walk, &mut events);
    Replayed { events, path: path.into() }
}

/// Forgets what the path forgot at a loop's turn.
fn forget(state: &mut State, decision: Option<&Decision>) {
    if let Some(Decision::Forget(places)) = decision {
        state.forget(places);
    }
}

/// Reads off two states what the instruction between them did.
fn what_happened(before: &State, after: &State, pc: Pc, insn: Option<Insn>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut note = |kind| events.push(Event { pc, kind });
    if after.frames.len() > before.frames.len() {
        note(EventKind::Entered);
    }
    if !after.references.is_unchanged(&before.references) {
        let (gone, new) = after.references.changes_since(&before.references);
        for held in new {
            note(EventKind::Acquired { reference: held.id, resource: held.resource });
        }
        for held in gone {
            let reference = held.id;
            note(match insn {
                Some(Insn::Call(_)) => EventKind::Released { reference },
                _ => EventKind::Checked { reference, null: true },
            });
        }
    }
    what_carriers_did(before, after, insn, &mut note);
    if after.frames.len() < before.frames.len() {
        note(EventKind::Returned);
    }
    let lost_packet = |state: &State| state.values().filter(|v| v.ghost == Ghost::Packet).count();
    if matches!(insn, Some(Insn::Call(CallTarget::Helper(_)))) && lost_packet(after) > lost_packet(before) {
        note(EventKind::PacketMoved);
    }
    events
}

/// Checked, copied, lost: what happened to the pointers of references that are held before and after.
fn what_carriers_did(before: &State, after: &State, insn: Option<Insn>, note: &mut impl FnMut(EventKind)) {
    let (carried, carried_after) = (carriers(before), carriers(after));
    for (&reference, old) in &carried {
        if after.references.get(reference).is_none() {
            continue;
        }
        let Some(new) = carried_after.get(&reference) else {
            let how = match insn {
                _ if after.frames.len() < before.frames.len() => Loss::Return,
                Some(Insn::Call(_)) => Loss::Call,
                Some(Insn::Exit) => Loss::Return,
                _ => Loss::Overwritten(old[0].0),
            };
            note(EventKind::Lost { reference, how });
            continue;
        };
        if old.iter().any(|(_, nullable)| *nullable) && new.iter().all(|(_, nullable)| !nullable) {
            note(EventKind::Checked { reference, null: false });
        }
        for (to, _) in new.iter().filter(|(place, _)| !old.iter().any(|(p, _)| p == place)) {
            if !matches!(insn, Some(Insn::Call(_) | Insn::Exit)) {
                note(EventKind::Copied { reference, to: *to });
            }
        }
    }
}

/// For each reference that a value carries: the places of those values, and whether it may be NULL there.
fn carriers(state: &State) -> BTreeMap<RefId, Vec<(Place, bool)>> {
    let mut places: BTreeMap<RefId, Vec<(Place, bool)>> = BTreeMap::new();
    let mut note = |value: &Value, place| {
        if let Some(reference) = value.reference {
            places.entry(reference).or_default().push((place, value.nullable));
        }
    };
    for (index, frame) in state.frames.iter().enumerate() {
        let index = index as u8;
        for (reg, value) in frame.regs.iter() {
            note(value, Place::Register { frame: index, reg: reg.number() });
        }
        for (slot, held) in frame.stack.slots().iter().enumerate().filter(|(_, held)| held.is_spill()) {
            note(&held.spilled, Place::Stack { frame: index, off: -8 * (slot as i32 + 1) });
        }
    }
    places
}

/// An `r0` that is overwritten and then only handed back was overwritten by `return`, not by a mistake with a
/// variable: the fault is that the program returns.
fn tell_return_values(walk: &Walk<'_>, events: &mut [Event]) {
    for event in events {
        let EventKind::Lost { how, .. } = &mut event.kind else { continue };
        let Loss::Overwritten(Place::Register { reg: 0, .. }) = how else { continue };
        if leads_straight_to_exit(walk, event.pc) {
            *how = Loss::ReturnValue;
        }
    }
}

fn leads_straight_to_exit(walk: &Walk<'_>, pc: Pc) -> bool {
    let mut at = pc;
    for _ in 0..walk.layout.len() {
        match walk.layout.insn(at) {
            Some(Insn::Exit) => return true,
            Some(Insn::Ja { off }) => at = Pc((i64::from(at.0) + 1 + i64::from(*off)).max(0) as u32),
            Some(insn @ (Insn::Mov { .. } | Insn::LoadImm64 { .. })) => at = Pc(at.0 + insn.slots()),
            _ => return false,
        }
    }
    false
}
