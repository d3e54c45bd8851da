//! Random members at 64 bits, where words cannot be enumerated.

use super::{ALU_OPS, CMP_OPS, LATEST, WIDTHS, concrete};
use crate::scalar::branch::{Consistency, Outcome};
use crate::scalar::{Bounds, Scalar, Tnum};
use belay_isa::{EndianOp, Size, Width};
use belay_spec::Release;
use proptest::prelude::*;

/// Numbers near the edges of both widths, and any others.
fn word() -> impl Strategy<Value = u64> {
    let near_power = (0u32..64, -2i64..=2).prop_map(|(bit, delta)| (1u64 << bit).wrapping_add_signed(delta));
    prop_oneof![
        2 => 0u64..70,
        2 => near_power.clone(),
        1 => near_power.prop_map(u64::wrapping_neg),
        1 => prop::sample::select(vec![0, u64::MAX, 1 << 63, (1 << 63) - 1, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff]),
        2 => any::<u64>(),
    ]
}

/// How far a range reaches beyond its member: not at all, a little, or anywhere.
fn reach() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0), 2 => 0u64..300, 2 => word(), 1 => Just(u64::MAX)]
}

/// A scalar and one of its members.
fn scalar() -> impl Strategy<Value = (Scalar, u64)> {
    let mask = prop_oneof![Just(u64::MAX), word(), any::<u64>()];
    (word(), mask, prop::array::uniform8(reach())).prop_map(|(member, mask, reach)| {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = reach;
        let (signed, low) = (member.cast_signed(), member as u32);
        let signed_low = low.cast_signed();
        let full = Bounds {
            umin: member.saturating_sub(r0),
            umax: member.saturating_add(r1),
            smin: signed.saturating_sub_unsigned(r2),
            smax: signed.saturating_add_unsigned(r3),
        };
        let low = Bounds {
            umin: low.saturating_sub(r4 as u32),
            umax: low.saturating_add(r5 as u32),
            smin: signed_low.saturating_sub_unsigned(r6 as u32),
            smax: signed_low.saturating_add_unsigned(r7 as u32),
        };
        (Scalar::from_parts(LATEST, Tnum::new(member, mask), full, low), member)
    })
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) }
}

/// The domain of every release is sound.
fn release() -> impl Strategy<Value = Release> {
    prop::sample::select(Release::ALL.to_vec())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn normalize_keeps_the_member((scalar, member) in scalar()) {
        prop_assert!(scalar.contains(member), "{scalar:?} lost {member:#x}");
        prop_assert!(!scalar.is_contradictory(), "{scalar:?}");
    }

    #[test]
    fn arithmetic_keeps_the_result(release in release(), (a, x) in scalar(), (b, y) in scalar(), amount in 0u64..64) {
        for (op, width) in ALU_OPS.into_iter().flat_map(|op| WIDTHS.map(|width| (op, width))) {
            for (b, y) in [(b, y), (Scalar::constant(y), y), (Scalar::constant(amount), amount)] {
                let result = Scalar::alu(release, op, width, &a, &b);
                let wanted = concrete::alu(op, width, x, y);
                prop_assert!(result.contains(wanted), "{op:?} {width:?}: {x:#x} of {a}, {y:#x} of {b}: {wanted:#x} not in {result}");
            }
        }
    }

    #[test]
    fn pointer_arithmetic_keeps_the_result(release in release(), (a, x) in scalar(), (b, y) in scalar()) {
        prop_assert!(a.pointer_plus(release, &b).contains(x.wrapping_add(y)));
        prop_assert!(a.pointer_minus(release, &b).contains(x.wrapping_sub(y)));
    }

    #[test]
    fn conversions_keep_the_result(release in release(), (a, x) in scalar()) {
        for width in WIDTHS {
            prop_assert!(a.neg(release, width).contains(concrete::neg(width, x)));
            let bits = if width == Width::W32 { 32 } else { 64 };
            prop_assert!(a.mov(release, width).contains(concrete::truncate(bits, x)));
        }
        for (bits, width) in [(8, Width::W32), (16, Width::W32), (8, Width::W64), (16, Width::W64), (32, Width::W64)] {
            prop_assert!(a.sign_extend(release, bits, width).contains(concrete::sign_extend(bits, width, x)));
        }
        for size in [Size::B, Size::H, Size::W, Size::DW] {
            let bits = size.bytes() * 8;
            prop_assert!(a.coerce_to_size(release, size).contains(concrete::truncate(bits, x)));
            for (loaded, wanted) in [
                (a.extend_loaded(release, size, false), concrete::truncate(bits, x)),
                (Scalar::load(release, size, false), concrete::truncate(bits, x)),
                (a.extend_loaded(release, size, true), concrete::sign_extend(bits, Width::W64, x)),
                (Scalar::load(release, size, true), concrete::sign_extend(bits, Width::W64, x)),
            ] {
                prop_assert!(loaded.contains(wanted), "{size:?} of {a}: {wanted:#x} not in {loaded}");
            }
        }
    }

    #[test]
    fn byte_swaps_keep_the_result(release in release(), (a, x) in scalar()) {
        let swapped = [(16, u64::from((x as u16).swap_bytes())), (32, u64::from((x as u32).swap_bytes())), (64, x.swap_bytes())];
        for (bits, wanted) in swapped {
            for op in [EndianOp::ToBe, EndianOp::Swap] {
                prop_assert!(a.byte_swap(release, op, bits).contains(wanted));
            }
            prop_assert!(a.byte_swap(release, EndianOp::ToLe, bits).contains(concrete::truncate(bits.into(), x)));
        }
    }

    #[test]
    fn decisions_hold_and_refinement_keeps_the_pair(release in release(), (a, x) in scalar(), (b, y) in scalar()) {
        for (op, width) in CMP_OPS.into_iter().flat_map(|op| WIDTHS.map(|width| (op, width))) {
            for b in [b, Scalar::constant(y)] {
                let taken = concrete::holds(op, width, x, y);
                let wrong = if taken { Outcome::Never } else { Outcome::Always };
                prop_assert_ne!(Scalar::branch(release, op, width, &a, &b), wrong, "{:?} {:?}: {}, {}", op, width, a, b);
                let (mut a_after, mut b_after) = (a, b);
                let consistency = Scalar::refine(release, op, width, taken, &mut a_after, &mut b_after);
                prop_assert_eq!(consistency, Consistency::Consistent);
                prop_assert!(a_after.contains(x), "{op:?} {width:?} {taken}: {a} became {a_after} and lost {x:#x}");
                prop_assert!(b_after.contains(y), "{op:?} {width:?} {taken}: {b} became {b_after} and lost {y:#x}");
            }
        }
    }

    #[test]
    fn lattice_operations_keep_members(release in release(), (a, x) in scalar(), (b, y) in scalar()) {
        let joined = a.join(release, &b);
        prop_assert!(joined.contains(x) && joined.contains(y));
        prop_assert!(!a.is_subset_of(&b) || b.contains(x));
        prop_assert!(!b.contains(x) || a.intersect(release, &b).contains(x));
    }
}
