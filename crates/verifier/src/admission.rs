//! Whether a program may be loaded for its hook at all, before a path is walked: what it attaches to, whether it may
//! sleep, and whether the maps that it names suit it. A map that no path reaches counts, too.

use belay_isa::{Imm64, Insn, Pc, decode};
use belay_object::{MapDef, Program};
use belay_spec::{Hook, Release, TargetKind};

use crate::arena;
use crate::fault::{Check, Fault, Stop};
use crate::map_fields::MapFields;

/// A program that asks to be loaded.
pub(crate) struct Candidate<'p> {
    pub(crate) program: &'p Program,
    pub(crate) maps: &'p [MapDef],
    pub(crate) map_fields: &'p [MapFields],
    pub(crate) hook: &'static Hook,
    pub(crate) target: &'p str,
    pub(crate) gpl_compatible: bool,
}

impl Candidate<'_> {
    /// Refuses what needs no look at the instructions.
    pub(crate) fn check(&self, release: Release) -> Check {
        self.check_target()?;
        self.check_sleep(release)?;
        for map in maps_named(self.program) {
            self.check_map(release, map)?;
        }
        arena::check_addresses(self.program, self.maps)?;
        if arena::named(self.program, self.maps).len() > 1 {
            return refuse("Only one arena per program".to_string());
        }
        Ok(())
    }

    fn check_target(&self) -> Check {
        let target = self.target;
        let kind = self.hook.target_kind();
        if kind == TargetKind::None {
            return Ok(());
        }
        if target.is_empty() {
            return Err(Stop::unsupported(format!("`{}` without a target", self.program.section)));
        }
        // LSM programs and members of structures call into kernel code that is for GPL programs only.
        let sort = match kind {
            TargetKind::SecurityHook => Some("LSM"),
            TargetKind::Member => Some("struct ops"),
            _ => None,
        };
        if let Some(sort) = sort.filter(|_| !self.gpl_compatible) {
            return refuse(format!("{sort} programs must have a GPL compatible license"));
        }
        match (self.hook.target_closed(target), kind) {
            (Some(false), _) => Ok(()),
            (Some(true), TargetKind::Member) => {
                let (structure, member) = target.split_once('.').unwrap_or_default();
                refuse(format!("attach to unsupported member {member} of struct {structure}"))
            }
            (Some(true), _) => refuse(format!("points to disabled hook bpf_lsm_{target}")),
            (None, _) => Err(Stop::unsupported(format!("the target `{target}`"))),
        }
    }

    fn check_sleep(&self, release: Release) -> Check {
        if !self.program.sleepable {
            return match self.hook.must_sleep() {
                true => refuse("Syscall programs can only be sleepable".to_string()),
                false => Ok(()),
            };
        }
        match (self.hook.may_sleep_at(release, self.target), self.hook.target_kind()) {
            (Some(true), _) => Ok(()),
            (Some(false), TargetKind::SecurityHook) => {
                refuse(format!("bpf_lsm_{} is not sleepable", self.target))
            }
            (Some(false), TargetKind::Member) => {
                let (structure, member) = self.target.split_once('.').unwrap_or_default();
                refuse(format!("attach to unsupported member {member} of struct {structure}"))
            }
            (Some(false), _) => refuse(
                "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable"
                    .to_string(),
            ),
            (None, _) => {
                Err(Stop::unsupported(format!("whether a sleepable program may attach to `{}`", self.target)))
            }
        }
    }

    fn check_map(&self, release: Release, index: u32) -> Check {
        let index = index as usize;
        let (Some(map), Some(fields)) = (self.maps.get(index), self.map_fields.get(index)) else {
            return Ok(());
        };
        if self.program.sleepable && !map.kind.rules().is_some_and(|rules| rules.sleepable(release)) {
            return refuse(
                "Sleepable programs can only use array, hash, ringbuf and local storage maps".to_string(),
            );
        }
        let fields: Vec<&str> = fields.own.record().fields().iter().map(|field| field.kind.name()).collect();
        match self.hook.refuses_fields(&fields) {
            Some(words) => refuse(words),
            None => Ok(()),
        }
    }
}

fn refuse(kernel: String) -> Check {
    Err(Fault::Program { kernel }.into())
}

/// The maps that the program names, in the order of its instructions.
pub(crate) fn maps_named(program: &Program) -> Vec<u32> {
    let map = |value| match value {
        Imm64::Map(index)
        | Imm64::MapIndex(index)
        | Imm64::MapValue(index, _)
        | Imm64::MapIndexValue(index, _) => u32::try_from(index).ok(),
        _ => None,
    };
    wide_constants(program).into_iter().filter_map(map).collect()
}

/// What the program's instructions load in two slots, in order.
pub(crate) fn wide_constants(program: &Program) -> Vec<Imm64> {
    let mut constants = Vec::new();
    let mut at = 0;
    while at < program.slots.len() {
        let insn = decode(&program.slots, Pc(at as u32)).ok();
        if let Some(Insn::LoadImm64 { value, .. }) = insn {
            constants.push(value);
        }
        at += insn.map_or(1, |insn| insn.slots() as usize);
    }
    constants
}
