//! Scalars in the words of the kernel's log, so that the two can be laid side by side.

use super::{Scalar, ScalarOf};
use std::fmt;

/// Unsigned numbers up to here are printed in decimal, others in hexadecimal, as in the kernel's log.
const UNSIGNED_DECIMAL_MAX: u64 = 0xffff;
/// The same for signed numbers.
const SIGNED_DECIMAL: std::ops::RangeInclusive<i64> = -0x8000..=0x7fff;

/// As in the kernel's log: the number if it is known, else `scalar(smin=…,umax=…,var_off=(…; …))`, without the bounds
/// that say nothing.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_constant() {
            Some(value) => signed(f, value.cast_signed()),
            None => write!(f, "scalar({})", self.attributes()),
        }
    }
}

impl Scalar {
    /// What stands between the parentheses, to be joined with other attributes of a register: bounds that say
    /// nothing left out, equal bounds as in `smin=smin32=5`, separated by commas.
    pub fn attributes(&self) -> Attributes {
        Attributes(*self)
    }
}

/// See [`Scalar::attributes`].
#[derive(Clone, Copy, Debug)]
pub struct Attributes(Scalar);

/// One named bound. `bits` is what is compared and printed: a 32-bit bound that is printed in hexadecimal is not
/// sign-extended.
struct Named {
    name: &'static str,
    signed: bool,
    bits: u64,
    open: bool,
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bounds = named_bounds(&self.0);
        let mut separator = "";
        for first in 0..bounds.len() {
            let (head, rest) = bounds.split_at_mut(first + 1);
            let Some(bound) = head.last().filter(|bound| !bound.open) else { continue };
            write!(f, "{separator}{}=", bound.name)?;
            separator = ",";
            // Minima stand at even places and maxima at odd ones: step over the opposite kind.
            for other in rest.iter_mut().skip(1).step_by(2) {
                if !other.open && other.bits == bound.bits && other.is_negative() == bound.is_negative() {
                    write!(f, "{}=", other.name)?;
                    other.open = true;
                }
            }
            if bound.signed {
                signed(f, bound.bits.cast_signed())?;
            } else {
                unsigned(f, bound.bits)?;
            }
        }
        if !self.0.tnum.is_unknown() {
            write!(f, "{separator}var_off={}", self.0.tnum)?;
        }
        Ok(())
    }
}

impl Named {
    fn is_negative(&self) -> bool {
        self.signed && self.bits.cast_signed() < 0
    }
}

fn named_bounds(scalar: &Scalar) -> [Named; 8] {
    let ScalarOf { full, low, .. } = scalar;
    let s64 = |name, value: i64, extreme| Named {
        name,
        signed: true,
        bits: value.cast_unsigned(),
        open: value == extreme,
    };
    let u64 = |name, value, extreme| Named { name, signed: false, bits: value, open: value == extreme };
    let s32 = |name, value: i32, extreme| {
        let wide = i64::from(value);
        let bits =
            if SIGNED_DECIMAL.contains(&wide) { wide.cast_unsigned() } else { value.cast_unsigned().into() };
        Named { name, signed: true, bits, open: value == extreme }
    };
    [
        s64("smin", full.smin, i64::MIN),
        s64("smax", full.smax, i64::MAX),
        u64("umin", full.umin, 0),
        u64("umax", full.umax, u64::MAX),
        s32("smin32", low.smin, i32::MIN),
        s32("smax32", low.smax, i32::MAX),
        u64("umin32", low.umin.into(), 0),
        u64("umax32", low.umax.into(), u32::MAX.into()),
    ]
}

pub(super) fn unsigned(f: &mut fmt::Formatter<'_>, value: u64) -> fmt::Result {
    if value <= UNSIGNED_DECIMAL_MAX { write!(f, "{value}") } else { write!(f, "{value:#x}") }
}

fn signed(f: &mut fmt::Formatter<'_>, value: i64) -> fmt::Result {
    if SIGNED_DECIMAL.contains(&value) { write!(f, "{value}") } else { write!(f, "{value:#x}") }
}
