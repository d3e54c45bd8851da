//! CO-RE: instructions that hold an offset, size, id or value of a kernel type get those of the target kernel.
//!
//! The compiler records, for an instruction, a type of its own, a path into it, and what it wants to know
//! ([`Wanted`]). Kernel types of the same essential name are candidates; those that the path fits answer, and must
//! agree. What does not exist makes the instruction an impossible call, which the verifier refuses only if it is
//! reachable. Behaviour is libbpf's, but that candidates in module BTF are not looked at.

mod compat;
mod patch;
mod spec;
mod value;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use belay_isa::Slot;

use crate::btf::{Btf, CoreRelocation, Ext, Kind, TypeId};
use crate::error::{ErrorKind, Fault};
use crate::reader::KernelBtf;
use spec::Spec;
use value::Answer;

/// Steps through types that one object may cost: real ones need thousands.
const FUEL: u32 = 20_000_000;

/// What the compiler wants to know of a type (`enum bpf_core_relo_kind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Field(FieldFact),
    Type(TypeFact),
    Enumerator(EnumeratorFact),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldFact {
    ByteOffset,
    ByteSize,
    Exists,
    Signed,
    /// How far to shift left the 64-bit load of a bit field, so that its highest bit is the load's.
    LeftShift,
    /// How far to shift right after that.
    RightShift,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TypeFact {
    LocalId,
    TargetId,
    Exists,
    Size,
    /// Exists with all the members that the local type has.
    Matches,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EnumeratorFact {
    Exists,
    Value,
}

impl Wanted {
    fn from_number(number: u32) -> Option<Wanted> {
        Some(match number {
            0 => Wanted::Field(FieldFact::ByteOffset),
            1 => Wanted::Field(FieldFact::ByteSize),
            2 => Wanted::Field(FieldFact::Exists),
            3 => Wanted::Field(FieldFact::Signed),
            4 => Wanted::Field(FieldFact::LeftShift),
            5 => Wanted::Field(FieldFact::RightShift),
            6 => Wanted::Type(TypeFact::LocalId),
            7 => Wanted::Type(TypeFact::TargetId),
            8 => Wanted::Type(TypeFact::Exists),
            9 => Wanted::Type(TypeFact::Size),
            10 => Wanted::Enumerator(EnumeratorFact::Exists),
            11 => Wanted::Enumerator(EnumeratorFact::Value),
            12 => Wanted::Type(TypeFact::Matches),
            _ => return None,
        })
    }
}

/// Relocates for one object.
pub(crate) struct Core<'a> {
    local: Option<&'a Btf>,
    ext: &'a Ext,
    given: Option<KernelBtf>,
    kernel: OnceCell<Result<Arc<Btf>, Fault>>,
    fuel: Fuel,
    /// Answers so far: objects ask the same question at many places.
    answers: RefCell<HashMap<Question, Result<Answer, Fault>>>,
}

/// Local type, offset of the path's text, and what is wanted.
type Question = (TypeId, u32, u32);

/// Bounds the work that a hostile object can cause.
struct Fuel(Cell<u32>);

impl Fuel {
    fn burn(&self, steps: usize) -> Result<(), Fault> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.0.get().checked_sub(steps));
        self.0.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            Fault::new(ErrorKind::Limit, "matching its types with the kernel's takes too long")
        })
    }
}

impl<'a> Core<'a> {
    pub(crate) fn new(local: Option<&'a Btf>, ext: &'a Ext, given: Option<KernelBtf>) -> Core<'a> {
        let fuel = Fuel(Cell::new(FUEL));
        Core { local, ext, given, kernel: OnceCell::new(), fuel, answers: RefCell::default() }
    }

    /// Patches a function's instructions; it starts at slot `start` of a section. A fault comes with its slot.
    pub(crate) fn relocate(&self, section: &str, start: u32, slots: &mut [Slot]) -> Result<(), (u32, Fault)> {
        let records = self.ext.relocations.get(section).map(Vec::as_slice).unwrap_or_default();
        let first = records.partition_point(|r| r.slot < start);
        for record in records.get(first..).unwrap_or_default() {
            let Some(slot) = record.slot.checked_sub(start).filter(|&s| (s as usize) < slots.len()) else {
                break;
            };
            let answer = self.answer(record).map_err(|fault| (slot, fault))?;
            let insns = slots.get_mut(slot as usize..).unwrap_or_default();
            patch::patch(insns, &answer).map_err(|fault| (slot, self.named(record, fault)))?;
        }
        Ok(())
    }

    fn answer(&self, record: &CoreRelocation) -> Result<Answer, Fault> {
        let question = (record.ty, record.access_off, record.kind);
        if let Some(known) = self.answers.borrow().get(&question) {
            return known.clone();
        }
        let answer = self.ask(record).map_err(|fault| self.named(record, fault));
        self.answers.borrow_mut().insert(question, answer.clone());
        answer
    }

    fn ask(&self, record: &CoreRelocation) -> Result<Answer, Fault> {
        let fault = |message: &str| Fault::new(ErrorKind::Core, message);
        let local = self.local.ok_or_else(|| fault("the object has no types"))?;
        let wanted = Wanted::from_number(record.kind);
        let wanted =
            wanted.ok_or_else(|| fault(&format!("CO-RE relocation of unknown kind {}", record.kind)))?;
        let spec = Spec::parse(local, record.ty, local.string(record.access_off), wanted)?;
        if wanted == Wanted::Type(TypeFact::LocalId) {
            return Ok(Answer::number(record.ty.0.into()));
        }
        let root = local.get(record.ty);
        if root.name.is_empty() {
            return Err(fault("CO-RE relocation of a type without a name"));
        }
        let kernel = self.kernel()?;
        let mut found: Option<(Spec<'_>, Answer)> = None;
        for candidate in kernel.by_essential_name(crate::btf::essential_name(root.name)) {
            self.fuel.burn(1)?;
            if !compat::same_kind(&root.kind, &kernel.get(candidate).kind) {
                continue;
            }
            let Some(target) = spec.find_in(&kernel, candidate, wanted, &self.fuel)? else { continue };
            let answer = value::answer(wanted, &spec, Some(&target))?;
            match &found {
                None => found = Some((target, answer)),
                Some((first, known)) if first.bit_offset != target.bit_offset || !known.agrees(&answer) => {
                    let why = "the kernel has several types of that name, and they disagree";
                    return Err(fault(&format!("{why}: ids {} and {candidate}", first.root)));
                }
                Some(_) => {}
            }
        }
        match found {
            Some((_, answer)) => Ok(answer),
            None => value::answer(wanted, &spec, None),
        }
    }

    fn kernel(&self) -> Result<Arc<Btf>, Fault> {
        let read = || match &self.given {
            Some(given) => Ok(given.get()),
            None => Btf::running_kernel().map_err(|why| {
                let what = "the object adapts itself to the kernel's types (CO-RE), and none are at hand";
                Fault::new(ErrorKind::Core, format!("{what}: {why}; give the target kernel's BTF"))
            }),
        };
        self.kernel.get_or_init(read).clone()
    }

    /// The fault with the type and path that it is about.
    fn named(&self, record: &CoreRelocation, mut fault: Fault) -> Fault {
        let Some(local) = self.local else { return fault };
        let root = local.get(record.ty);
        let keyword = match root.kind {
            Kind::Struct { .. } => "struct ",
            Kind::Union { .. } => "union ",
            Kind::Enum { .. } => "enum ",
            _ => "",
        };
        let path = local.string(record.access_off);
        fault.message = format!("{} (CO-RE, `{keyword}{}`, path `{path}`)", fault.message, root.name);
        fault
    }
}
