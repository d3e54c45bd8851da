//! From a program to its verdict.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use belay_isa::Pc;
use belay_object::{Attach, MapDef, Object, Program};
use belay_profile::KernelProfile;
use belay_spec::{OwnSignatures, Release, Rule};

use crate::admission::Candidate;
use crate::early_exit::check_early_ends;
use crate::exceptions::check_exceptions;
use crate::explore::{Failure, Stats, explore};
use crate::fault::{Check, Code, Fault, Stop};
use crate::kernel_faults::{Faults, Footing};
use crate::layout::{KfuncShapes, Layout};
use crate::map_fields::MapFields;
use crate::removed::check_named_functions;
use crate::replay::{Event, EventKind, Loss, Replayed, replay};
use crate::stack_depth::check_stack_depth;
use crate::state::State;
use crate::verified::Verified;
use crate::walk::{Subject, Walk};

/// What a program is judged against.
#[derive(Clone, Default, Debug)]
pub struct Options {
    /// The kernel.
    pub kernel: Kernel,
    /// How many processors the machine can have; what the kernel's profile says if not given.
    pub processors: Option<u32>,
    /// Helpers that the program may call beside the kernel's: those of who runs it in Belay.
    pub helpers: OwnSignatures,
}

impl Options {
    /// How many processors the machine can have.
    fn processors(&self) -> u32 {
        self.processors.unwrap_or_else(|| self.kernel.profile().processors())
    }
}

/// The kernel that a program is judged against.
#[derive(Clone, Debug)]
pub enum Kernel {
    /// The one of that release that comes with Belay.
    BuiltIn(Release),
    /// One that was recorded.
    Recorded(Arc<KernelProfile>),
}

impl Kernel {
    /// Its release: the rules that hold.
    pub fn release(&self) -> Release {
        match self {
            Kernel::BuiltIn(release) => *release,
            Kernel::Recorded(profile) => profile.release(),
        }
    }

    /// Its types and functions; unpacked when first asked for.
    pub fn profile(&self) -> &KernelProfile {
        match self {
            Kernel::BuiltIn(release) => KernelProfile::builtin(*release),
            Kernel::Recorded(profile) => profile,
        }
    }
}

impl Default for Kernel {
    fn default() -> Kernel {
        Kernel::BuiltIn(Release::LATEST)
    }
}

impl From<Release> for Kernel {
    fn from(release: Release) -> Kernel {
        Kernel::BuiltIn(release)
    }
}

impl From<Release> for Options {
    fn from(release: Release) -> Options {
        Options { kernel: Kernel::BuiltIn(release), ..Options::default() }
    }
}

/// The verdict, and what it cost.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// Accepted, rejected, or not modelled.
    pub verdict: Verdict,
    /// How much was walked.
    pub stats: Stats,
    /// Time of the verification alone.
    pub time: Duration,
}

/// What Belay says of a program.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The kernel would load it.
    Accept(Box<Verified>),
    /// The kernel would refuse it.
    Reject(Box<Rejection>),
    /// The program uses something that Belay does not model: no verdict.
    Unsupported {
        /// What it is, `callbacks (bpf_loop)`.
        what: String,
        /// Where it was met.
        pc: Option<Pc>,
    },
}

/// Why and where a program is refused, and how a run gets there.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// The stable code.
    pub code: Code,
    /// What is wrong; its `Display` is the kernel's line.
    pub fault: Fault,
    /// The instruction that cannot be allowed.
    pub pc: Pc,
    /// What happened on the way, in order.
    pub events: Vec<Event>,
    /// The instructions walked before `pc`, in order; of a very long path the last ones.
    pub path: Vec<Pc>,
    /// The own helpers that the program was judged with, for their names.
    pub helpers: OwnSignatures,
}

/// Judges one program of an object.
pub fn verify(object: &Object, program: &Program, options: &Options) -> Judgement {
    let started = Instant::now();
    let (verdict, stats) = judge(object, program, options);
    Judgement { verdict, stats, time: started.elapsed() }
}

fn judge(object: &Object, program: &Program, options: &Options) -> (Verdict, Stats) {
    let nothing = Stats::default();
    let hook = match &program.attach {
        Attach::Hook(hook) if options.kernel.release() < hook.since() => {
            let what =
                format!("the hook `{}`, which Linux {} does not have", hook.name, options.kernel.release());
            return (Verdict::Unsupported { what, pc: None }, nothing);
        }
        Attach::Hook(hook) => *hook,
        Attach::Unmodelled { prog_type, attach_type } => {
            let what = format!("program type {prog_type}, attach type {attach_type}");
            return (Verdict::Unsupported { what, pc: None }, nothing);
        }
        Attach::Unknown => {
            let what = format!("the section name `{}`", program.section);
            return (Verdict::Unsupported { what, pc: None }, nothing);
        }
    };
    let maps: &[MapDef] = &object.maps;
    let (btf, kernel) = (object.btf.as_deref(), options.kernel.profile());
    let map_fields: Vec<_> = maps.iter().map(|map| MapFields::of(map, btf, kernel)).collect();
    let target = object.target(program).unwrap_or_default();
    let gpl_compatible = is_gpl_compatible(&object.license);
    let candidate =
        Candidate { program, maps, map_fields: &map_fields, hook, target: &target, gpl_compatible };
    if let Err(stop) = candidate.check(options.kernel.release()) {
        return (without_path(stop), nothing);
    }
    let shape = Layout::of(program, object.btf.as_deref(), KfuncShapes::of(&object.externs, kernel))
        .and_then(|layout| {
            check_early_ends(program, &layout, object.btf.as_deref())?;
            Ok(layout)
        });
    let layout = match shape {
        Ok(layout) => layout,
        Err(stop) => return (without_path(stop), nothing),
    };
    if !options.kernel.release().has(Rule::LoopsEnteredAnywhere)
        && let Err(stop) = layout.check_back_edges()
    {
        return (without_path(stop), nothing);
    }
    let subject = Subject {
        program,
        maps,
        map_fields: &map_fields,
        layout: &layout,
        hook,
        externs: &object.externs,
        target: &target,
        release: options.kernel.release(),
        gpl_compatible,
        btf,
        kernel,
        processors: options.processors(),
        helpers: &options.helpers,
    };
    let mut walk = Walk::new(subject);
    let mut stats = Stats::default();
    let verdict = match walk_functions(&mut walk, &mut stats) {
        Ok(()) => {
            let (walk, footing) = prove(walk, subject);
            Verdict::Accept(Box::new(Verified {
                program: program.clone(),
                maps: maps.to_vec(),
                kernel: options.kernel.clone(),
                processors: options.processors(),
                helpers: options.helpers.clone(),
                touches: walk.touches,
                object_loads: walk.object_loads,
                foreign_pointers: walk.foreign_pointers,
                reads_map: walk.reads_map,
                footing,
                frames: layout.functions.iter().map(|f| Pc(f.start)).zip(walk.stack_depths).collect(),
            }))
        }
        Err((function, failure)) => match failure.stop {
            Stop::Unsupported(what) => Verdict::Unsupported { what, pc: Some(failure.pc) },
            Stop::Fault(fault) => {
                let mut again = Walk::new(subject);
                let Replayed { events, path } = match entry(&mut again, function) {
                    Ok((state, pc)) => replay(&mut again, state, pc, &failure.decisions, failure.steps),
                    Err(_) => Replayed::default(),
                };
                let code = code_of(&fault, &events, failure.pc, &layout);
                let helpers = options.helpers.clone();
                Verdict::Reject(Box::new(Rejection {
                    code,
                    fault: *fault,
                    pc: failure.pc,
                    events,
                    path,
                    helpers,
                }))
            }
        },
    };
    (verdict, stats)
}

/// What an accepting walk rests on; if that is a fault of the kernel's, the walk without it, where that accepts, too.
fn prove<'p>(accepting: Walk<'p>, subject: Subject<'p>) -> (Walk<'p>, Footing) {
    if !accepting.faults.met() {
        return (accepting, Footing::Sound);
    }
    let mut sound = Walk::new(subject);
    sound.faults = Faults::none();
    match walk_functions(&mut sound, &mut Stats::default()) {
        Ok(()) => (sound, Footing::Proved),
        Err((_, failure)) => (accepting, Footing::Unproved(failure.pc)),
    }
}

/// Walks the program, then each global function that a path calls, on its own; at last the stack of all of them. A
/// failure comes with the function from whose entry it was met.
fn walk_functions(walk: &mut Walk<'_>, stats: &mut Stats) -> Result<(), (usize, Failure)> {
    let at = |pc, stop| Failure { stop, pc, decisions: Vec::new(), steps: 0 };
    walk.check_variables().map_err(|(pc, stop)| (0, at(pc, stop)))?;
    walk.check_kfunc_calls().map_err(|(pc, stop)| (0, at(pc, stop)))?;
    walk.globals_called.extend(walk.layout.exception_callback);
    let mut walked = BTreeSet::new();
    let mut next = Some(0);
    while let Some(function) = next {
        let start = Pc(walk.layout.functions[function].start);
        let (state, pc) = entry(walk, function).map_err(|stop| (function, at(start, stop)))?;
        explore(walk, state, pc, stats).map_err(|failure| (function, failure))?;
        walked.insert(function);
        next = walk.globals_called.difference(&walked).next().copied();
    }
    check_exceptions(walk).map_err(|(pc, stop)| (0, at(pc, stop)))?;
    check_stack_depth(walk).map_err(|stop| (0, at(Pc(0), stop)))?;
    check_named_functions(walk).map_err(|(pc, stop)| (0, at(pc, stop)))
}

/// The state and place in which the walk of a function begins.
fn entry(walk: &mut Walk<'_>, function: usize) -> Check<(State, Pc)> {
    let start = Pc(walk.layout.functions[function].start);
    let state =
        if function == 0 { State::entry(walk.program.sleepable) } else { walk.global_entry(function)? };
    Ok((state, start))
}

/// A refusal that needs no path.
fn without_path(stop: Stop) -> Verdict {
    match stop {
        Stop::Unsupported(what) => Verdict::Unsupported { what, pc: None },
        Stop::Fault(fault) => {
            let pc = match *fault {
                Fault::JumpRange { from, .. } => from,
                Fault::Decode { at, .. } => at,
                Fault::JumpMiddle { to } => to,
                Fault::Unreachable { pc } => pc,
                _ => Pc(0),
            };
            let code = fault.code();
            let (events, path, helpers) = (Vec::new(), Vec::new(), OwnSignatures::default());
            Verdict::Reject(Box::new(Rejection { code, fault: *fault, pc, events, path, helpers }))
        }
    }
}

/// The code, with what only the path tells. A reference that crosses the border of a callback breaks its balance; a
/// leak whose last copy was overwritten could not have been released later.
fn code_of(fault: &Fault, events: &[Event], pc: Pc, layout: &Layout) -> Code {
    let Some(concerned) = fault.reference() else { return fault.code() };
    let of_it = |event: &&Event| event.kind.reference() == Some(concerned);
    // Acquired, released, used: all on one side of the border, or it is crossed.
    let owned = |e: &Event| matches!(e.kind, EventKind::Acquired { .. } | EventKind::Released { .. });
    let mut sides: Vec<bool> =
        events.iter().filter(of_it).filter(|e| owned(e)).map(|e| layout.in_callback(e.pc)).collect();
    sides.push(layout.in_callback(pc));
    if sides.contains(&true) && sides.contains(&false) {
        return Code("S0114");
    }
    let overwritten = |e: &Event| matches!(e.kind, EventKind::Lost { how: Loss::Overwritten(_), .. });
    if fault.code() == Code("S0101") && events.iter().filter(of_it).any(overwritten) {
        return Code("S0102");
    }
    fault.code()
}

/// The licences that the kernel counts as compatible with the GPL.
fn is_gpl_compatible(license: &str) -> bool {
    matches!(
        license,
        "GPL" | "GPL v2" | "GPL and additional rights" | "Dual BSD/GPL" | "Dual MIT/GPL" | "Dual MPL/GPL"
    )
}
