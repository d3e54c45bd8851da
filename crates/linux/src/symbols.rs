//! Names that only the running kernel resolves: kernel functions and variables, and what tracing programs attach to.
//!
//! Names are looked up in the kernel's own BTF; symbols of modules are not.

use belay_isa::Slot;
use belay_object::btf::{Btf, Kind, TypeId};
use belay_object::{Extern, ExternKind, Object, Program};

use crate::load::AttachBtf;

/// The addresses of the kernel's symbols.
const KERNEL_SYMBOLS: &str = "/proc/kallsyms";

/// Opcode of `LD_IMM64`.
const LD_IMM64: u8 = 0x18;
/// Opcode of `call`.
const CALL: u8 = 0x85;
/// `src` of a call of a kernel function.
const PSEUDO_KFUNC: u8 = 2;
/// `src` of an `LD_IMM64` of a kernel symbol.
const PSEUDO_BTF_ID: u8 = 3;
/// A call of a weak kernel function that is not there, as libbpf marks it: a helper that does not exist, so that the
/// kernel refuses it if it is reached.
const MISSING_KFUNC: i32 = 2_002_000_000;

/// Replaces the indices of externs by what the running kernel calls them.
pub(crate) fn resolve(slots: &mut [Slot], externs: &[Extern]) -> Result<(), String> {
    let mut pc = 0;
    while let Some(slot) = slots.get(pc).copied() {
        let wide = slot.opcode == LD_IMM64;
        if slot.opcode == CALL && slot.src == PSEUDO_KFUNC {
            let target = named(externs, slot.imm)?;
            let new = match lookup(target)? {
                Some(Symbol::Type(id)) => Slot { imm: id.0.cast_signed(), ..slot },
                _ => Slot { src: 0, imm: MISSING_KFUNC.saturating_add(slot.imm), ..slot },
            };
            set(slots, pc, new);
        } else if wide && slot.src == PSEUDO_BTF_ID {
            let (first, second) = match lookup(named(externs, slot.imm)?)? {
                Some(Symbol::Type(id)) => (Slot { imm: id.0.cast_signed(), ..slot }, 0),
                Some(Symbol::Address(address)) => {
                    (Slot { src: 0, imm: low(address), ..slot }, low(address >> 32))
                }
                None => (Slot { src: 0, imm: 0, ..slot }, 0),
            };
            set(slots, pc, first);
            set(slots, pc + 1, Slot { imm: second, ..Slot::default() });
        }
        pc += if wide { 2 } else { 1 };
    }
    Ok(())
}

/// What a kernel symbol is to an instruction.
enum Symbol {
    Type(TypeId),
    Address(u64),
}

fn named(externs: &[Extern], index: i32) -> Result<&Extern, String> {
    usize::try_from(index)
        .ok()
        .and_then(|index| externs.get(index))
        .ok_or_else(|| format!("an instruction names extern {index} of {}", externs.len()))
}

/// The kernel's symbol; `None` for a weak one that is not there.
fn lookup(target: &Extern) -> Result<Option<Symbol>, String> {
    let name = target.kernel_name();
    let found = match target.kind {
        ExternKind::Kfunc => Btf::running_kernel()?.find_func(name).map(Symbol::Type),
        ExternKind::TypedKsym => {
            Btf::running_kernel()?.find(name, |kind| matches!(kind, Kind::Var { .. })).map(Symbol::Type)
        }
        ExternKind::UntypedKsym => address_of(name)?.map(Symbol::Address),
        ExternKind::Kconfig { .. } => {
            return Err(format!("`{name}` lies in `.kconfig`, no instruction names it"));
        }
    };
    if found.is_none() && !target.weak {
        return Err(format!("the running kernel has no `{name}`"));
    }
    Ok(found)
}

fn address_of(name: &str) -> Result<Option<u64>, String> {
    let text =
        std::fs::read_to_string(KERNEL_SYMBOLS).map_err(|e| format!("cannot read {KERNEL_SYMBOLS}: {e}"))?;
    Ok(text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?;
        (words.nth(1)? == name).then(|| u64::from_str_radix(address, 16).ok())?
    }))
}

fn set(slots: &mut [Slot], pc: usize, new: Slot) {
    if let Some(slot) = slots.get_mut(pc) {
        *slot = new;
    }
}

fn low(value: u64) -> i32 {
    (value as u32).cast_signed()
}

/// How the kernel spells the target of a program of this program type and attach type: prefix of the name, and whether
/// it is a typedef (else a function).
const TARGETS: &[(u32, u32, &str, bool)] = &[
    (TRACING, 23, "btf_trace_", true),
    (TRACING, 24, "", false),
    (TRACING, 25, "", false),
    (TRACING, 26, "", false),
    (TRACING, 28, "bpf_iter_", false),
    (LSM, 27, "bpf_lsm_", false),
    (LSM, 43, "bpf_lsm_", false),
];

/// `BPF_PROG_TYPE_TRACING`.
const TRACING: u32 = 26;
/// `BPF_PROG_TYPE_LSM`.
const LSM: u32 = 29;
/// `BPF_PROG_TYPE_STRUCT_OPS`.
const STRUCT_OPS: u32 = 27;
/// `BPF_PROG_TYPE_EXT`.
const EXT: u32 = 28;

/// What the program attaches to, for program types that attach to something of the kernel's, and the attach type to
/// load it with: of a member of a structure that is its index.
pub(crate) fn attach_target(object: &Object, program: &Program) -> Result<(Option<AttachBtf>, u32), String> {
    let target = object.target(program);
    match program.prog_type {
        EXT => Err(format!("section `{}`: programs that replace a function are not loaded", program.section)),
        STRUCT_OPS => {
            let target = target.ok_or("no table names the program")?;
            let (attach, member) = structure_member(&target)?;
            Ok((Some(attach), member))
        }
        _ => Ok((function(program)?, program.attach_type)),
    }
}

/// The kernel's structure, and the index of the member: of `tcp_congestion_ops.ssthresh`.
fn structure_member(target: &str) -> Result<(AttachBtf, u32), String> {
    let missing = || format!("the running kernel has no `{target}`");
    let (structure, member) = target.split_once('.').ok_or_else(missing)?;
    let btf = Btf::running_kernel()?;
    let id = btf.find(structure, |kind| matches!(kind, Kind::Struct { .. })).ok_or_else(missing)?;
    let Kind::Struct { members, .. } = btf.get(id).kind else { return Err(missing()) };
    let index = members.iter().position(|m| m.name == member).ok_or_else(missing)?;
    Ok((AttachBtf { type_id: id.0, object_fd: 0 }, u32::try_from(index).unwrap_or(u32::MAX)))
}

fn function(program: &Program) -> Result<Option<AttachBtf>, String> {
    let Some((_, _, prefix, typedef)) = TARGETS
        .iter()
        .find(|(kind, attach, ..)| (*kind, *attach) == (program.prog_type, program.attach_type))
    else {
        return Ok(None);
    };
    let Some(target) = &program.attach_target else {
        return Err(format!("section `{}` names no function to attach to", program.section));
    };
    let name = format!("{prefix}{target}");
    let wanted = |kind: &Kind<'_>| {
        if *typedef { matches!(kind, Kind::Typedef { .. }) } else { matches!(kind, Kind::Func { .. }) }
    };
    let id = Btf::running_kernel()?
        .find(&name, wanted)
        .ok_or_else(|| format!("the running kernel has no `{name}`"))?;
    Ok(Some(AttachBtf { type_id: id.0, object_fd: 0 }))
}
