//! From slots to [`Code`]: decoding, and resolving everything that is known before the first run.

use std::sync::{Arc, Weak};

use belay_isa::{CallTarget, DecodeErrorKind, Imm64, Insn, Pc, Slot, Src};
use belay_object::Program;
use belay_spec::{Access, Release};
use belay_verifier::{Footing, Kernel, Touch, Verified};

use crate::context::{Bound, Form, Layout, Sight};
use crate::helpers;
use crate::kfuncs;
use crate::maps::Maps;
use crate::objects;
use crate::op::{Code, Constant, Invalid, OUTSIDE, Op};
use crate::own::{OwnHelper, OwnHelpers};

/// Why a program cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// It needs something that Belay's runtime does not have.
    #[error("program `{program}`, instruction {pc}: unsupported: {what}")]
    Unsupported {
        /// The program.
        program: String,
        /// The instruction.
        pc: Pc,
        /// What it needs.
        what: String,
    },
    /// Its hook does not run yet.
    #[error("program `{program}`: unsupported: hook `{hook}`")]
    Hook {
        /// The program.
        program: String,
        /// Its section.
        hook: String,
    },
    /// The map at this place is not the one that the program was verified with.
    #[error(
        "program `{program}`: map `{map}` is missing, or has not the sizes that the program was verified with"
    )]
    OtherMap {
        /// The program.
        program: String,
        /// The map, as the program was verified with.
        map: String,
    },
    /// It was verified for a machine of fewer processors than its maps are made for.
    #[error(
        "program `{program}` was verified for {proved} processors, and its maps are made for {given}: verify it for as many"
    )]
    Processors {
        /// The program.
        program: String,
        /// The processors that the proof is for.
        proved: u32,
        /// The processors that the maps are made for.
        given: usize,
    },
    /// The own helper of this number is not the one that the program was verified with.
    #[error(
        "program `{program}`: own helper `{name}` ({id}) is missing, or has another signature than the program was verified with"
    )]
    OtherHelper {
        /// The program.
        program: String,
        /// The helper's number.
        id: u32,
        /// Its name, as the program was verified with.
        name: &'static str,
    },
    /// It names a map that is not among those given, or that has no value to take the address of.
    #[error("program `{program}`, instruction {pc}: there is no such map, or it has no direct value")]
    Map {
        /// The program.
        program: String,
        /// The instruction.
        pc: Pc,
    },
}

/// Prepares a verified program: everything that it needs must be there.
pub(crate) fn verified(proof: &Verified, maps: &Maps, helpers: &OwnHelpers) -> Result<Code, PrepareError> {
    let program = proof.program();
    let layout = Layout::of(&program.attach).ok_or_else(|| no_hook(program))?;
    // The proof holds for maps of these sizes and no others.
    for (index, def) in proof.maps().iter().enumerate() {
        if !maps.by_index(index).is_some_and(|map| map.is_as_verified(def)) {
            return Err(PrepareError::OtherMap { program: program.name.clone(), map: def.name.clone() });
        }
    }
    if let Some(pc) = proof.reads_map() {
        return Err(unsupported(program, pc, "fields of the kernel's `struct bpf_map`".to_owned()));
    }
    if let Footing::Unproved(pc) = proof.footing() {
        return Err(unsupported(
            program,
            pc,
            "what the kernel accepts by a fault of its verifier".to_owned(),
        ));
    }
    if maps.cpus() > proof.processors() as usize {
        let (program, proved, given) = (program.name.clone(), proof.processors(), maps.cpus());
        return Err(PrepareError::Processors { program, proved, given });
    }
    for signature in proof.helpers().iter() {
        if helpers.signatures().by_id(signature.id) != Some(signature) {
            let (program, id, name) = (program.name.clone(), signature.id, signature.name);
            return Err(PrepareError::OtherHelper { program, id, name });
        }
    }
    let mut code = translate(program, maps, layout, proof.kernel(), helpers);
    code.verified = true;
    code.frames = proof.frames().into();
    code.sight = Sight::least(&layout);
    let mut bounds = Vec::new();
    for (pc, op) in (0..).map(Pc).zip(&mut code.ops) {
        code.sight = code.sight.with(op, &layout, proof.release());
        if let Touch::Context(_) = proof.touch(pc) {
            *op = in_context(*op, &layout, proof.release())
                .ok_or_else(|| unsupported(program, pc, "this access to the context".to_owned()))?;
            code.sight = code.sight.access(op, &layout);
            bounds.extend(Bound::of(op, &layout).map(|bound| (pc.0, bound)));
        }
        // Their layouts are the kernel's own: what stands at an address here is laid out otherwise.
        match proof.touch(pc) {
            Touch::Object(_) => {
                *op = of_object(*op, proof, pc, &layout).map_err(|what| unsupported(program, pc, what))?;
            }
            Touch::Arena => return Err(unsupported(program, pc, "arenas".to_owned())),
            _ => {}
        }
        match *op {
            Op::Invalid(Invalid::Unsupported(what)) => return Err(unsupported(program, pc, what.to_owned())),
            Op::Invalid(Invalid::Helper(id)) => {
                let name =
                    u32::try_from(id).ok().and_then(belay_spec::Helper::by_id).map(|helper| helper.name);
                let what = name.map_or_else(|| format!("helper {id}"), |name| format!("helper `{name}`"));
                return Err(unsupported(program, pc, what));
            }
            Op::Invalid(Invalid::Kfunc) => return Err(no_kfunc(program, pc)),
            Op::Invalid(Invalid::Map) => return Err(PrepareError::Map { program: program.name.clone(), pc }),
            _ => {}
        }
    }
    let sees_objects = |op: &Op| matches!(op, Op::LoadObject { .. });
    if layout.form == Form::Netfilter || code.ops.iter().any(sees_objects) {
        check_probes(&code).map_err(|(pc, what)| unsupported(program, pc, what))?;
    }
    // What it calls might move the bounds, or look at the context itself.
    let calls = |op: &Op| {
        matches!(op, Op::Call { .. } | Op::Helper(_) | Op::Kfunc(_) | Op::Own(_) | Op::LoadPacket { .. })
    };
    let calls = code.ops.iter().any(calls);
    code.passed = (code.sight < Sight::All && !calls).then(|| bounds.into());
    Ok(code)
}

/// The hook of a program does not run.
pub(crate) fn no_hook(program: &Program) -> PrepareError {
    PrepareError::Hook { program: program.name.clone(), hook: program.section.clone() }
}

fn unsupported(program: &Program, pc: Pc, what: String) -> PrepareError {
    PrepareError::Unsupported { program: program.name.clone(), pc, what }
}

/// The op for an access to the context, with the offset and size that its layout in memory asks for.
pub(crate) fn in_context(op: Op, layout: &Layout, release: Release) -> Option<Op> {
    Some(match op {
        Op::Load { size, signed, dst, base, off } => {
            let native = layout.load(release, off, size)?;
            Op::Load { size: native.size, signed, dst, base, off: native.off }
        }
        Op::Store { size, base, off, src } => {
            let access = match src {
                Src::Reg(_) => Access::WriteReg,
                Src::Imm(_) => Access::WriteImm,
            };
            let native = layout.store(release, off, size, access)?;
            let (size, off) = (native.size, native.off);
            match (native.below, src) {
                (Some(limit), Src::Reg(src)) => Op::StoreBelow { size, base, off, src, limit },
                // Never.
                (Some(limit), Src::Imm(imm)) if i64::from(imm) >= limit.into() => {
                    Op::StoreBelow { size, base, off, src: base, limit: 0 }
                }
                _ => Op::Store { size, base, off, src },
            }
        }
        _ => return None,
    })
}

/// Refuses to read objects of the kernel by address: they are laid out otherwise here.
fn check_probes(code: &Code) -> Result<(), (Pc, String)> {
    /// `bpf_probe_read_kernel`, `bpf_probe_read_kernel_str`, `bpf_snprintf_btf`
    const PROBES: [u32; 3] = [113, 115, 149];
    let probe = |op: &Op| match op {
        Op::Helper(helper) if PROBES.contains(&helper.id) => {
            belay_spec::Helper::by_id(helper.id).map(|helper| helper.name)
        }
        Op::Kfunc(kfunc) if kfunc.reads_anywhere() => Some(kfunc.name),
        _ => None,
    };
    let found = (0..).map(Pc).zip(&code.ops).find_map(|(pc, op)| Some((pc, probe(op)?)));
    found.map_or(Ok(()), |(pc, name)| Err((pc, format!("`{name}` beside objects of the kernel"))))
}

/// The op for a load from an object of the kernel's types: from where Belay keeps the field that the program means.
fn of_object(op: Op, proof: &Verified, pc: Pc, layout: &Layout) -> Result<Op, String> {
    if let Some(source) = proof.foreign_pointers() {
        return Err(format!("loads through what the pointer of instruction {source} may point to"));
    }
    let (Op::Load { size, signed, dst, base, off }, Some(load)) = (op, proof.object_load(pc)) else {
        return Err("this access to objects of the kernel's types".to_owned());
    };
    let btf = proof.kernel().profile().btf();
    let found = objects::found(btf, load.structure, layout.form, load.off, size.bytes())?;
    Ok(Op::LoadObject {
        size,
        signed,
        dst,
        base,
        origin: off.wrapping_sub_unsigned(load.off),
        place: found.place,
    })
}

/// Translates every slot; what cannot be executed becomes an [`Op::Invalid`] that says why.
pub(crate) fn translate(
    program: &Program,
    maps: &Maps,
    layout: Layout,
    kernel: &Kernel,
    helpers: &OwnHelpers,
) -> Code {
    let slots = &program.slots;
    let mut own = Vec::new();
    let mut ops = Vec::with_capacity(slots.len());
    while ops.len() < slots.len() {
        let pc = ops.len();
        match decode(slots, pc) {
            Ok(insn) => {
                ops.push(match (insn, own_helper(insn, helpers, &mut own)) {
                    (_, Some(op)) => op,
                    (Insn::Call(CallTarget::Kfunc { id, .. }), _) => kfunc(program, id),
                    _ => op(insn, pc, slots.len(), maps),
                });
                if insn.slots() == 2 {
                    ops.push(Op::Invalid(Invalid::Middle));
                }
            }
            Err(_) => ops.push(Op::Invalid(Invalid::Encoding)),
        }
    }
    Code {
        name: program.name.clone(),
        ops: ops.into(),
        layout,
        release: kernel.release(),
        kernel: kernel.clone(),
        sight: Sight::All,
        passed: None,
        verified: false,
        frames: Box::default(),
        own: own.into(),
        me: Weak::new(),
        native: None,
    }
}

/// A call of the kernel function of that number.
fn kfunc(program: &Program, id: i32) -> Op {
    let known = program.kfuncs.get(&id).and_then(|name| kfuncs::by_name(name));
    known.map_or(Op::Invalid(Invalid::Kfunc), Op::Kfunc)
}

/// Why the slot at `pc` calls a kernel function that does not run.
pub(crate) fn no_kfunc(program: &Program, pc: Pc) -> PrepareError {
    let id = program.slots.get(pc.index()).map_or(-1, |slot| slot.imm);
    let what = match program.kfuncs.get(&id) {
        Some(name) => format!("the kernel function `{name}`"),
        None => "a kernel function that no symbol names".to_owned(),
    };
    unsupported(program, pc, what)
}

/// A call of an own helper, which is noted among those that the program calls.
fn own_helper(insn: Insn, helpers: &OwnHelpers, called: &mut Vec<Arc<OwnHelper>>) -> Option<Op> {
    let Insn::Call(CallTarget::Helper(id)) = insn else { return None };
    let own = helpers.by_id(u32::try_from(id).ok()?)?;
    let known = called.iter().position(|other| Arc::ptr_eq(other, own));
    let index = known.unwrap_or_else(|| {
        called.push(Arc::clone(own));
        called.len() - 1
    });
    u32::try_from(index).ok().map(Op::Own)
}

fn decode(slots: &[Slot], pc: usize) -> Result<Insn, DecodeErrorKind> {
    let pc = Pc(u32::try_from(pc).unwrap_or(u32::MAX));
    belay_isa::decode(slots, pc).map_err(|error| error.kind)
}

fn op(insn: Insn, pc: usize, len: usize, maps: &Maps) -> Op {
    let target = |off: i32| -> u32 {
        let to = pc as i64 + 1 + i64::from(off);
        u32::try_from(to).ok().filter(|to| (*to as usize) < len).unwrap_or(OUTSIDE)
    };
    match insn {
        Insn::Alu { op, width, dst, src } => Op::Alu { op, width, dst, src },
        Insn::Neg { width, dst } => Op::Neg { width, dst },
        Insn::Mov { width, dst, src } => Op::Mov { width, dst, src },
        Insn::MovSx { width, bits, dst, src } => Op::MovSx { width, bits, dst, src },
        Insn::AddrSpaceCast { .. } => Op::Invalid(Invalid::Unsupported("address space casts (arenas)")),
        Insn::Endian { op, bits, dst } => Op::Endian { op, bits, dst },
        Insn::Load { size, signed, dst, base, off } => Op::Load { size, signed, dst, base, off: off.into() },
        Insn::Store { size, base, off, src } => Op::Store { size, base, off: off.into(), src },
        Insn::Atomic { op, size, base, off, src } => Op::Atomic { op, size, base, off: off.into(), src },
        Insn::LoadAcquire { size, dst, base, off } => Op::LoadAcquire { size, dst, base, off: off.into() },
        Insn::StoreRelease { size, base, off, src } => Op::StoreRelease { size, base, off: off.into(), src },
        Insn::LoadImm64 { dst, value } => constant(value, maps, target)
            .map_or_else(Op::Invalid, |(value, what)| Op::Const { dst, value, what }),
        Insn::LoadAbs { size, imm } => Op::LoadPacket { size, index: None, off: imm },
        Insn::LoadInd { size, src, imm } => Op::LoadPacket { size, index: Some(src), off: imm },
        Insn::Ja { off } => Op::Jump { to: target(off.into()) },
        Insn::Jal { off } => Op::Jump { to: target(off) },
        Insn::Branch { op, width, dst, src, off } => {
            Op::Branch { op, width, dst, src, to: target(off.into()) }
        }
        Insn::MayGoto { off } => Op::MayGoto { to: target(off.into()) },
        Insn::Call(CallTarget::Helper(id)) => u32::try_from(id)
            .ok()
            .and_then(helpers::by_id)
            .map_or(Op::Invalid(Invalid::Helper(id)), Op::Helper),
        Insn::Call(CallTarget::Local(off)) => Op::Call { to: target(off) },
        // The caller knows their names.
        Insn::Call(CallTarget::Kfunc { .. }) => Op::Invalid(Invalid::Kfunc),
        Insn::CallX { .. } => Op::Invalid(Invalid::Unsupported("calls through a register")),
        Insn::Exit => Op::Exit,
    }
}

/// The number that a 64-bit immediate stands for.
fn constant(value: Imm64, maps: &Maps, target: impl Fn(i32) -> u32) -> Result<(u64, Constant), Invalid> {
    let map = |index: i32| {
        let index = u32::try_from(index).map_err(|_| Invalid::Map)?;
        maps.by_index(index as usize).map(|map| (index, map)).ok_or(Invalid::Map)
    };
    match value {
        Imm64::Value(value) => Ok((value, Constant::Number)),
        Imm64::Map(index) | Imm64::MapIndex(index) => {
            let (index, map) = map(index)?;
            Ok((map.handle(), Constant::Map(index)))
        }
        Imm64::MapValue(index, off) | Imm64::MapIndexValue(index, off) => {
            let (index, map) = map(index)?;
            let base = map.direct_value().ok_or(Invalid::Map)?;
            Ok((base.wrapping_add(i64::from(off) as u64), Constant::MapValue(index)))
        }
        Imm64::Func(off) => {
            let to = target(off);
            Ok((u64::from(to), Constant::Function(to)))
        }
        Imm64::BtfId(..) => Err(Invalid::Unsupported("kernel variables")),
    }
}
