//! What a relocation's answer is: the number that the compiler put in, and the kernel's.

use super::spec::Spec;
use super::{EnumeratorFact, FieldFact, TypeFact, Wanted};
use crate::btf::{Btf, Kind, TypeId};
use crate::error::{ErrorKind, Fault};

/// The answer to one question, independent of the instruction that asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// What the instruction must hold now; none if the compiler and we may differ (bit fields, type ids).
    pub(super) before: Option<u64>,
    /// What it must hold; none if the kernel has no such thing.
    pub(super) after: Option<u64>,
    /// Size in bytes of the field for loads and stores, locally and in the kernel, if they differ.
    pub(super) resize: Option<Resize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resize {
    pub(super) before: u32,
    pub(super) after: u32,
    /// Whether a load of the other size gives the same value: pointers, and integers without a sign.
    pub(super) sound: bool,
}

impl Answer {
    /// An answer that needs no kernel.
    pub(super) fn number(value: u64) -> Answer {
        Answer { before: None, after: Some(value), resize: None }
    }

    pub(super) fn agrees(&self, other: &Answer) -> bool {
        self.after == other.after
    }
}

/// What one side says: a number, and for fields that a load may have, their size and type.
struct Side {
    value: u64,
    field: Option<(u32, TypeId)>,
    /// Whether the compiler must have come to the same number.
    certain: bool,
}

impl Side {
    fn certain(value: u64) -> Side {
        Side { value, field: None, certain: true }
    }
}

pub(super) fn answer(wanted: Wanted, local: &Spec<'_>, kernel: Option<&Spec<'_>>) -> Result<Answer, Fault> {
    let (before, after) = match wanted {
        Wanted::Field(FieldFact::Exists) => (Side::certain(1), Some(Side::certain(kernel.is_some().into()))),
        Wanted::Field(fact) => (field(fact, local)?, kernel.map(|spec| field(fact, spec)).transpose()?),
        // A type that does not exist has the size 0, and the id 0.
        Wanted::Type(fact) => {
            let absent = Side { certain: fact != TypeFact::TargetId, ..Side::certain(0) };
            let after = kernel.map(|spec| type_fact(fact, spec)).transpose()?.unwrap_or(absent);
            (type_fact(fact, local)?, Some(after))
        }
        Wanted::Enumerator(EnumeratorFact::Exists) => {
            (Side::certain(1), Some(Side::certain(kernel.is_some().into())))
        }
        Wanted::Enumerator(EnumeratorFact::Value) => {
            (enumerator(local)?, kernel.map(enumerator).transpose()?)
        }
    };
    let resize = match (before.field, after.as_ref().and_then(|side| side.field), kernel) {
        (Some((a, _)), Some((b, _)), _) if a == b => None,
        (Some((a, from)), Some((b, to)), Some(kernel)) => {
            Some(Resize { before: a, after: b, sound: resizable((local.btf, from), (kernel.btf, to)) })
        }
        _ => None,
    };
    let before = Some(before).filter(|side| side.certain).map(|side| side.value);
    Ok(Answer { before, after: after.map(|side| side.value), resize })
}

fn resizable((local, from): (&Btf, TypeId), (kernel, to): (&Btf, TypeId)) -> bool {
    match (local.strip(from).kind, kernel.strip(to).kind) {
        (Kind::Ptr(_), Kind::Ptr(_)) => true,
        (Kind::Int { signed, .. }, Kind::Int { signed: other, .. }) => !signed && !other,
        _ => false,
    }
}

fn field(fact: FieldFact, spec: &Spec<'_>) -> Result<Side, Fault> {
    let fault = |message: &str| Fault::new(ErrorKind::Core, message);
    let no_size = || fault("the field has no size");
    let step = spec.steps.last().ok_or_else(|| fault("the path is empty"))?;
    if step.name.is_none() {
        let size = spec.btf.size_of(step.ty).ok_or_else(no_size)?;
        return match fact {
            FieldFact::ByteOffset => {
                Ok(Side { value: spec.bit_offset / 8, field: Some((size, step.ty)), certain: true })
            }
            FieldFact::ByteSize => Ok(Side::certain(size.into())),
            _ => Err(fault("an array's element has no bit field's properties")),
        };
    }
    let member = spec.btf.get(step.ty).kind.members().and_then(|m| m.get(step.index as usize));
    let member = member.ok_or_else(|| fault("the member does not exist"))?;
    let ty = spec.btf.strip(member.ty);
    let bits = Bits::of(spec, member.bit_size, spec.btf.size_of(member.ty).ok_or_else(no_size)?)?;
    let side = |value| Side { value, field: None, certain: member.bit_size == 0 };
    Ok(match fact {
        FieldFact::ByteOffset => {
            let field =
                u32::try_from(bits.load_size).ok().filter(|_| member.bit_size == 0).map(|s| (s, ty.id));
            Side { field, ..side(bits.load_at) }
        }
        FieldFact::ByteSize => side(bits.load_size),
        FieldFact::Signed => Side::certain(
            matches!(ty.kind, Kind::Int { signed: true, .. } | Kind::Enum { signed: true, .. }).into(),
        ),
        FieldFact::LeftShift => side(64_u64.wrapping_sub(bits.first + bits.len - 8 * bits.load_at)),
        FieldFact::RightShift => Side::certain(64_u64.wrapping_sub(bits.len)),
        FieldFact::Exists => Side::certain(1),
    })
}

/// Where a member lies, and the aligned load that covers it.
struct Bits {
    /// First bit, counted from the root.
    first: u64,
    len: u64,
    /// In bytes.
    load_at: u64,
    load_size: u64,
}

impl Bits {
    fn of(spec: &Spec<'_>, bit_size: u32, size: u32) -> Result<Bits, Fault> {
        let first = spec.bit_offset;
        if bit_size == 0 {
            let size = u64::from(size);
            return Ok(Bits { first, len: 8 * size, load_at: first / 8, load_size: size });
        }
        let mut load_size = u64::from(size.max(1));
        loop {
            let load_at = first / 8 / load_size * load_size;
            if first + u64::from(bit_size) - 8 * load_at <= 8 * load_size {
                return Ok(Bits { first, len: bit_size.into(), load_at, load_size });
            }
            if load_size >= 8 {
                return Err(Fault::new(ErrorKind::Core, "no aligned 64-bit load covers the bit field"));
            }
            load_size *= 2;
        }
    }
}

fn type_fact(fact: TypeFact, spec: &Spec<'_>) -> Result<Side, Fault> {
    Ok(match fact {
        TypeFact::LocalId | TypeFact::TargetId => {
            Side { certain: false, ..Side::certain(spec.root.0.into()) }
        }
        TypeFact::Exists | TypeFact::Matches => Side::certain(1),
        TypeFact::Size => {
            let size = spec.btf.size_of(spec.root);
            Side::certain(size.ok_or_else(|| Fault::new(ErrorKind::Core, "the type has no size"))?.into())
        }
    })
}

fn enumerator(spec: &Spec<'_>) -> Result<Side, Fault> {
    let value = spec.steps.first().and_then(|step| match spec.btf.get(step.ty).kind {
        Kind::Enum { values, .. } => values.get(step.index as usize),
        _ => None,
    });
    let value = value.ok_or_else(|| Fault::new(ErrorKind::Core, "the enumerator does not exist"))?;
    Ok(Side::certain(value.value))
}
