//! One step of one path: what an instruction does to the abstract state.
//!
//! [`Walk`] holds what all paths of a program share. It knows nothing of the order in which paths are explored
//! (`explore`) nor of how a failure is told (`replay`); both drive it with [`Walk::step`].

use std::collections::{BTreeMap, BTreeSet};

use belay_isa::{AluOp, AtomicOp, CallTarget, EndianOp, Imm64, Insn, Pc, Reg, Size, Src, Width};
use belay_object::btf::Btf;
use belay_object::{Extern, MapDef, Program};
use belay_profile::KernelProfile;
use belay_spec::{Hook, MapKind, OwnSignatures, Release, ReturnRange, Rule};

use crate::arena;
use crate::branch::Ways;
use crate::early_exit::may_end_function;
use crate::fastcall::Spills;
use crate::fault::{Check, Fault, Leave, Stop};
use crate::kernel_faults::Faults;
use crate::layout::Layout;
use crate::map_fields::{Fields, MapFields};
use crate::memory::{Action, At};
use crate::older_fields::of_another_meaning;
use crate::precision::Notes;
use crate::removed::Reached;
use crate::scalar::Scalar;
use crate::stack_use::StackUse;
use crate::state::State;
use crate::value::{Ghost, Id, Pointer, Value};
use crate::verified::{ObjectLoad, Touch};

/// Where a path goes after an instruction.
pub(crate) enum Next {
    /// On, at one place.
    Goto(Pc),
    /// Two ways: the state given is for `fall`, the one here for `taken`.
    Fork { taken: (Pc, Box<State>), fall: Pc },
    /// Another turn of a loop that ends by comparison: `again` is walked later, without what changes from turn to turn
    /// and does not matter; `on` is where the path goes first.
    Turn { again: (Pc, Box<State>), on: Pc },
    /// On; and a function of the program will run at some later time, from a state that owes this path nothing.
    Later { run: (Pc, Box<State>), on: Pc },
    /// The program ends here.
    End,
}

/// Marks an index as that of a map's inner map.
const INNER_MAP: u32 = 1 << 31;

/// The index under which the verifier knows the maps inside the map of that index.
pub(crate) fn inner_map(index: u32) -> u32 {
    index | INNER_MAP
}

/// What is judged, and by which rules.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'p> {
    pub(crate) program: &'p Program,
    pub(crate) maps: &'p [MapDef],
    /// For each map, the fields of its value that loads and stores may not touch.
    pub(crate) map_fields: &'p [MapFields],
    pub(crate) layout: &'p Layout,
    pub(crate) hook: &'static Hook,
    /// What the program attaches to beyond the hook; empty if nothing.
    pub(crate) target: &'p str,
    pub(crate) release: Release,
    /// The kernel's symbols that the program names.
    pub(crate) externs: &'p [Extern],
    pub(crate) gpl_compatible: bool,
    /// The object's types.
    pub(crate) btf: Option<&'p Btf>,
    /// The kernel whose types and functions the program meets.
    pub(crate) kernel: &'p KernelProfile,
    /// How many processors the machine can have.
    pub(crate) processors: u32,
    /// Helpers beside the kernel's.
    pub(crate) helpers: &'p OwnSignatures,
}

/// What all paths of one program share.
pub(crate) struct Walk<'p> {
    subject: Subject<'p>,
    /// What each instruction touches, as far as it was walked.
    pub(crate) touches: Vec<Touch>,
    /// What loads through pointers to objects of the kernel's types read; none where paths differ.
    pub(crate) object_loads: BTreeMap<Pc, Option<ObjectLoad>>,
    /// Where a pointer comes from that may point anywhere.
    pub(crate) foreign_pointers: Option<Pc>,
    /// The kernel's own faults, as far as they are followed.
    pub(crate) faults: Faults,
    /// The first instruction that was seen to follow a pointer to a map itself.
    pub(crate) reads_map: Option<Pc>,
    /// Deepest stack byte of each function.
    pub(crate) stack_depths: Vec<u32>,
    /// Spills around calls, which may not count.
    pub(crate) spills: Spills,
    /// What instructions were seen to do with the stack.
    pub(crate) stack_use: StackUse,
    /// What the instruction that is being walked relies on, and does that a walk back must know.
    pub(crate) notes: Notes,
    /// Calls of counted loops that Linux could unfold in place so far.
    pub(crate) plain_loops: BTreeMap<Pc, bool>,
    /// Global functions that some path calls.
    pub(crate) globals_called: BTreeSet<usize>,
    /// Functions that something calls back.
    pub(crate) called_back: BTreeSet<usize>,
    /// Functions that the kernel runs later.
    pub(crate) run_later: BTreeSet<usize>,
    /// Functions that make tail calls.
    pub(crate) tail_callers: BTreeSet<usize>,
    /// What the walk came to.
    pub(crate) reached: Reached,
    /// Whether the program names an arena.
    pub(crate) has_arena: bool,
    next_id: Id,
}

impl<'p> std::ops::Deref for Walk<'p> {
    type Target = Subject<'p>;

    fn deref(&self) -> &Subject<'p> {
        &self.subject
    }
}

impl<'p> Walk<'p> {
    pub(crate) fn new(subject: Subject<'p>) -> Walk<'p> {
        Walk {
            touches: vec![Touch::None; subject.layout.len()],
            object_loads: BTreeMap::new(),
            foreign_pointers: None,
            faults: Faults::of(subject.release),
            reads_map: None,
            stack_depths: vec![0; subject.layout.functions.len()],
            spills: if subject.release.has(Rule::SpillsRemoved) {
                Spills::of(subject.layout)
            } else {
                Spills::none(subject.layout)
            },
            stack_use: StackUse::new(subject.layout),
            notes: Notes::default(),
            plain_loops: BTreeMap::new(),
            globals_called: BTreeSet::new(),
            called_back: BTreeSet::new(),
            run_later: BTreeSet::new(),
            tail_callers: BTreeSet::new(),
            reached: Reached::none(subject.layout),
            has_arena: !arena::named(subject.program, subject.maps).is_empty(),
            next_id: 0,
            subject,
        }
    }

    /// An id that nothing else has.
    pub(crate) fn fresh_id(&mut self) -> Id {
        self.next_id += 1;
        self.next_id
    }

    /// The map of that index; of an index from [`inner_map`], the template of its inner map.
    pub(crate) fn map(&self, index: u32) -> Check<&'p MapDef> {
        let outer = self.maps.get((index & !INNER_MAP) as usize);
        let map = if index & INNER_MAP == 0 { outer } else { outer.and_then(|map| map.inner.as_deref()) };
        let kernel = || format!("fd {index} is not pointing to valid bpf_map");
        map.ok_or_else(|| Fault::Program { kernel: kernel() }.into())
    }

    /// The fields of that map's values.
    pub(crate) fn fields(&self, index: u32) -> &'p Fields {
        let map = self.map_fields.get((index & !INNER_MAP) as usize);
        let fields = map.map(|map| if index & INNER_MAP == 0 { &map.own } else { &map.inner });
        fields.unwrap_or(&Fields::Untyped)
    }

    /// A register that holds something.
    pub(crate) fn readable<'s>(&self, state: &'s State, reg: Reg) -> Check<&'s Value> {
        let value = state.reg(reg);
        if value.is_init() {
            return Ok(value);
        }
        let fault = Fault::Unreadable { reg };
        Err(match self.lost_ghost(state, value) {
            Ghost::None => fault.into(),
            ghost => Fault::UseAfter { reg, ghost, kernel: fault.to_string() }.into(),
        })
    }

    /// Refuses to write the frame pointer.
    pub(crate) fn writable(&self, reg: Reg) -> Check {
        if reg == Reg::FP { Err(Fault::FramePointer.into()) } else { Ok(()) }
    }

    /// The number in the register decides whether the program is safe: paths that differ in it are not the same.
    pub(crate) fn relies_on(&mut self, state: &State, reg: Reg) {
        if state.reg(reg).is_scalar() {
            self.notes.regs |= 1 << reg.number();
        }
    }

    /// The same for the number spilled to a slot.
    pub(crate) fn relies_on_slot(&mut self, frame: u8, slot: u8) {
        self.notes.slot = Some((frame, slot));
    }

    /// Performs the instruction at `pc` on the state.
    pub(crate) fn step(&mut self, state: &mut State, pc: Pc) -> Check<Next> {
        let depth = state.depth();
        self.notes = Notes { frame: depth, ..Notes::default() };
        self.stack_use.begin(self.layout, state);
        let next = self.perform(state, pc)?;
        if state.depth() == depth {
            self.stack_use.finish(pc);
        } else {
            self.stack_use.go_elsewhere();
        }
        Ok(next)
    }

    fn perform(&mut self, state: &mut State, pc: Pc) -> Check<Next> {
        let Some(&insn) = self.layout.insn(pc) else {
            return Err(Fault::JumpRange { from: pc, to: i64::from(pc.0) }.into());
        };
        if let Some(kernel) = self.layout.decode_fault(pc) {
            return Err(Fault::Decode { at: pc, kernel: kernel.clone() }.into());
        }
        if self.release < Release::LATEST
            && let Some(rule) = needs(&insn)
            && !self.release.has(rule)
        {
            return Err(Fault::Decode { at: pc, kernel: "unknown opcode or reserved field".into() }.into());
        }
        match insn {
            Insn::Alu { op, width, dst, src } => {
                if let Some(later) = self.alu(state, op, width, dst, src)? {
                    return Ok(Next::Fork { taken: (pc, later), fall: Pc(pc.0 + 1) });
                }
            }
            Insn::Neg { width, dst } => {
                let value = *self.readable(state, dst)?;
                self.writable(dst)?;
                let result =
                    if value.is_scalar() { value.scalar.neg(self.release, width) } else { Scalar::unknown() };
                state.set(dst, Value::number(result));
            }
            Insn::Mov { width, dst, src } => self.mov(state, width, dst, src)?,
            Insn::MovSx { width, bits, dst, src } => self.mov_sign_extended(state, width, bits, dst, src)?,
            Insn::Endian { op, bits, dst } => {
                let value = *self.readable(state, dst)?;
                self.writable(dst)?;
                state.set(dst, Value::number(value.scalar.byte_swap(self.release, op, bits)));
            }
            Insn::Load { size, signed, dst, base, off } => {
                self.readable(state, base)?;
                self.writable(dst)?;
                let at = At { pc, base, off: i64::from(off), size, signed, aligned: false };
                let value = self.access(state, at, Action::Load)?;
                let value = if signed && value.is_scalar() {
                    Value::number(value.scalar.extend_loaded(self.release, size, true))
                } else {
                    value
                };
                state.set(dst, value);
            }
            Insn::Store { size, base, off, src } => {
                if let Src::Reg(reg) = src {
                    self.readable(state, reg)?;
                }
                self.readable(state, base)?;
                let action = match src {
                    Src::Reg(reg) => Action::StoreReg(reg),
                    Src::Imm(imm) => Action::StoreImm(imm),
                };
                let at = At { pc, base, off: i64::from(off), size, signed: false, aligned: false };
                self.access(state, at, action)?;
            }
            Insn::Atomic { op, size, base, off, src } => {
                let at = At { pc, base, off: i64::from(off), size, signed: false, aligned: true };
                self.atomic(state, op, at, src)?;
            }
            Insn::LoadImm64 { dst, value } => {
                self.writable(dst)?;
                let value = self.wide_constant(pc, value)?;
                state.set(dst, value);
            }
            Insn::LoadAbs { .. } => return self.packet_load(state, pc, None),
            Insn::LoadInd { src, .. } => return self.packet_load(state, pc, Some(src)),
            Insn::Ja { off } => return Ok(Next::Goto(jump(pc, i64::from(off)))),
            Insn::Jal { off } => return Ok(Next::Goto(jump(pc, i64::from(off)))),
            Insn::Branch { op, width, dst, src, off } => {
                let target = jump(pc, i64::from(off));
                let fall = Pc(pc.0 + 1);
                return Ok(match self.compare(state, op, width, dst, src)? {
                    Ways::One(true) => Next::Goto(target),
                    Ways::One(false) => Next::Goto(fall),
                    Ways::Both(taken) => Next::Fork { taken: (target, taken), fall },
                });
            }
            Insn::Call(CallTarget::Helper(id)) => {
                let next = match self.call_helper(state, pc, id)? {
                    // As if the function were called exactly once.
                    Next::Fork { taken: (entry, mut inside), .. }
                        if !self.release.has(Rule::CallbacksIterated) =>
                    {
                        state.frames.extend(inside.frames.pop());
                        Next::Goto(entry)
                    }
                    next => next,
                };
                if may_end_function(&insn) {
                    return self.end_in_another_program(state, pc);
                }
                return Ok(next);
            }
            Insn::Call(CallTarget::Local(off)) => return self.call_local(state, pc, off).map(Next::Goto),
            Insn::Exit if state.depth() > 0 => return self.return_to_caller(state).map(Next::Goto),
            Insn::Exit => {
                self.check_nothing_held(state, Leave::Exit)?;
                self.check_return(state, Reg::R0)?;
                return Ok(Next::End);
            }
            Insn::Call(CallTarget::Kfunc { id, btf }) => return self.call_kfunc(state, pc, id, btf),
            Insn::CallX { .. } => {
                return Err(Fault::Decode { at: pc, kernel: "unknown opcode 8d".into() }.into());
            }
            Insn::AddrSpaceCast { dst, src, dst_as, src_as } => {
                self.cast_address(state, dst, src, (dst_as, src_as))?;
            }
            Insn::LoadAcquire { size, dst, base, off } => {
                self.readable(state, base)?;
                self.writable(dst)?;
                let at = At { pc, base, off: i64::from(off), size, signed: false, aligned: true };
                let value = self.access(state, at, Action::Load)?;
                state.set(dst, value);
                // Linux looks at the base only now: one that the load overwrote passes (measured on 6.18).
                self.check_atomic_target(state, base, "loads from")?;
            }
            Insn::StoreRelease { size, base, off, src } => {
                self.readable(state, src)?;
                self.readable(state, base)?;
                self.check_atomic_target(state, base, "stores into")?;
                let at = At { pc, base, off: i64::from(off), size, signed: false, aligned: true };
                self.access(state, at, Action::StoreReg(src))?;
            }
            Insn::MayGoto { off } => {
                // The loop may be left here, or go on: walked in that order.
                let mut again = Box::new(state.clone());
                again.may_goto_turns += 1;
                return Ok(Next::Turn { again: (Pc(pc.0 + 1), again), on: jump(pc, i64::from(off)) });
            }
        }
        Ok(Next::Goto(Pc(pc.0 + insn.slots())))
    }

    fn wide_constant(&self, pc: Pc, value: Imm64) -> Check<Value> {
        Ok(match value {
            Imm64::Value(number) => Value::constant(number),
            Imm64::Map(index) | Imm64::MapIndex(index) => {
                self.check_fields_known(self.map(index as u32)?)?;
                Value::pointer(Pointer::Map(index as u32))
            }
            Imm64::MapValue(index, off) | Imm64::MapIndexValue(index, off) => {
                let map = self.map(index as u32)?;
                if map.kind == MapKind::ARENA {
                    // The address is a number of which Linux knows nothing; admission looked at the offset.
                    return Ok(Value::unknown());
                }
                self.check_fields_known(map)?;
                let (off, size) = (off as u32, map.value_size);
                let direct = map.kind.rules().is_some_and(|rules| rules.direct_values);
                if !direct || off >= size {
                    let kernel = format!("invalid access to map value pointer, value_size={size} off={off}");
                    return Err(Fault::Program { kernel }.into());
                }
                Value { off: off as i32, ..Value::pointer(Pointer::MapValue(index as u32)) }
            }
            Imm64::Func(off) => {
                let target = (i64::from(pc.0) + 1 + i64::from(off)) as u32;
                let function = self.layout.function_at(Pc(target));
                let function = function.and_then(|index| self.layout.functions.get(index));
                // (A text has no types of functions: the kernel would refuse it, whatever it shows.)
                let typed = self.program.subprograms.iter().any(|function| function.btf_func.is_some());
                let refuse = |kernel: &str| Err(Fault::Program { kernel: kernel.into() }.into());
                match function {
                    Some(function) if function.btf_func.is_none() && typed => {
                        return refuse("missing btf func_info");
                    }
                    Some(function) if function.global || typed && function.start == 0 => {
                        return refuse("callback function not static");
                    }
                    _ => {}
                }
                Value::pointer(Pointer::Function(target))
            }
            Imm64::BtfId(index, _) => self.kernel_variable(index)?,
        })
    }

    /// No verdict on maps whose values mean something else to this release.
    fn check_fields_known(&self, map: &MapDef) -> Check {
        match of_another_meaning(map, self.btf, self.release) {
            Some(what) => Err(Stop::unsupported(format!("`{what}` in maps of Linux {}", self.release))),
            None => Ok(()),
        }
    }

    /// Reads, changes and writes memory in one; some forms hand the old value out.
    fn atomic(&mut self, state: &mut State, op: AtomicOp, at: At, src: Reg) -> Check {
        self.readable(state, src)?;
        let fetched = match op {
            AtomicOp::Cmpxchg => {
                self.readable(state, Reg::R0)?;
                Some(Reg::R0)
            }
            AtomicOp::Xchg => Some(src),
            AtomicOp::Add { fetch }
            | AtomicOp::Or { fetch }
            | AtomicOp::And { fetch }
            | AtomicOp::Xor { fetch } => fetch.then_some(src),
        };
        self.readable(state, at.base)?;
        if let Some(reg) = fetched {
            self.writable(reg)?;
        }
        self.check_atomic_target(state, at.base, "stores into")?;
        self.check_atomic_in_arena(state, at.base, op)?;
        let old = self.access(state, at, Action::Load)?;
        self.access(state, at, Action::Update)?;
        if let Some(reg) = fetched {
            let old = if at.size == Size::W && old.is_scalar() {
                Value::number(old.scalar.mov(self.release, Width::W32))
            } else {
                old
            };
            state.set(reg, old);
        }
        Ok(())
    }

    /// Atomic instructions touch plain memory only.
    fn check_atomic_target(&self, state: &State, reg: Reg, action: &'static str) -> Check {
        let base = state.reg(reg);
        match base.as_pointer() {
            Some(
                Pointer::Context
                | Pointer::Packet(_)
                | Pointer::PacketMeta(_)
                | Pointer::FlowKeys
                | Pointer::Socket(_),
            ) if !base.nullable => Err(Fault::AtomicTarget { reg, action, found: base.type_name() }.into()),
            _ => Ok(()),
        }
    }

    /// What the program hands back must be what its hook understands.
    pub(crate) fn check_return(&mut self, state: &State, reg: Reg) -> Check {
        if let Some(returns) = state.frame().callback {
            return self.check_result(state, reg, "async callback return", returns);
        }
        let returns = self.hook.return_range_at(self.release, self.target);
        let returns = returns.ok_or_else(|| Stop::unsupported(format!("what `{}` returns", self.target)))?;
        let function = state.frame().function;
        let entry = function == 0 || self.layout.exception_callback == Some(function);
        if returns == ReturnRange::Unread && entry {
            return Ok(());
        }
        let result = self.readable(state, reg)?;
        if !entry {
            // A global function, verified on its own: any number.
            let found = result.type_name();
            return if result.is_scalar() {
                Ok(())
            } else {
                Err(Fault::ReturnPointer { reg, at: "subprogram exit", found }.into())
            };
        }
        if returns == ReturnRange::Any {
            return Ok(());
        }
        self.check_result(state, reg, "program exit", returns)
    }

    /// The number handed back at the end, whoever it is for.
    fn check_result(&mut self, state: &State, reg: Reg, at: &'static str, returns: ReturnRange) -> Check {
        let result = *self.readable(state, reg)?;
        if !result.is_scalar() {
            return Err(Fault::ReturnPointer { reg, at, found: result.type_name() }.into());
        }
        self.relies_on(state, reg);
        self.check_range(at, reg, &result, returns)
    }

    /// A number handed back must lie within the range.
    pub(crate) fn check_range(
        &self,
        at: &'static str,
        reg: Reg,
        result: &Value,
        returns: ReturnRange,
    ) -> Check {
        let ReturnRange::Within(min, max) = returns else { return Ok(()) };
        let (smin, smax) = (result.scalar.smin(), result.scalar.smax());
        if smin >= i64::from(min) && smax <= i64::from(max) {
            return Ok(());
        }
        let kernel = match (smin == i64::MIN, smax == i64::MAX) {
            (true, true) => "unknown scalar value".to_string(),
            (true, false) => format!("smax={smax}"),
            (false, true) => format!("smin={smin}"),
            (false, false) => format!("smin={smin} smax={smax}"),
        };
        Err(Fault::ReturnRange { reg, at, kernel, min, max }.into())
    }
}

/// The target of a jump; the layout has checked that it exists.
fn jump(pc: Pc, off: i64) -> Pc {
    Pc((i64::from(pc.0) + 1 + off) as u32)
}

/// The rule that brought the instruction, if not every release has it.
fn needs(insn: &Insn) -> Option<Rule> {
    match insn {
        Insn::MovSx { .. }
        | Insn::Load { signed: true, .. }
        | Insn::Endian { op: EndianOp::Swap, .. }
        | Insn::Alu { op: AluOp::Sdiv | AluOp::Smod, .. } => Some(Rule::SignExtension),
        Insn::MayGoto { .. } => Some(Rule::MayGoto),
        Insn::LoadAcquire { .. } | Insn::StoreRelease { .. } => Some(Rule::AcquireRelease),
        _ => None,
    }
}
