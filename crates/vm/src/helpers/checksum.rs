//! Internet checksums (RFC 1071, RFC 1624), computed as the kernel's helpers do.

use belay_isa::Size;

use crate::errno::Errno;
use crate::world::World;

/// The width of the field that changed, in the low bits of the flags; 0: the difference is given.
const FIELD_SIZE: u64 = 0xf;
/// `BPF_F_PSEUDO_HDR`: the field is part of the pseudo-header.
const PSEUDO_HEADER: u64 = 1 << 4;
/// `BPF_F_MARK_MANGLED_0`: a checksum of 0 means that there is none (UDP).
const MARK_MANGLED_0: u64 = 1 << 5;
/// `BPF_F_MARK_ENFORCE`: there is one, even if it is 0.
const MARK_ENFORCE: u64 = 1 << 6;
/// `BPF_F_IPV6`
const IPV6: u64 = 1 << 7;

/// Ones' complement sum of two 32-bit numbers.
fn add(a: u32, b: u32) -> u32 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u32::from(carry)
}

/// Ones' complement sum of two 16-bit numbers.
fn add16(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u16::from(carry)
}

/// Folds a 32-bit sum to 16 bits.
fn fold16(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum + (sum >> 16)) as u16
}

/// Where a 16-bit checksum lies in the packet; the error of a bad offset.
fn place(world: &World<'_>, offset: u64) -> Result<u64, Errno> {
    let offset = offset as u32;
    if offset > 0xffff || offset & 1 != 0 {
        return Err(Errno::EFAULT);
    }
    world.packet()?.at(offset as usize, 2).ok_or(Errno::EFAULT)
}

/// The checksum after a change, by the helpers' convention for `from`, `to` and the field's size.
///
/// Zero and its ones' complement mean the same in such sums, but are different bytes: which of the two comes out depends
/// on the width at which the checksum is complemented.
fn replaced(sum: u16, from: u64, to: u64, size: u64) -> Result<u16, Errno> {
    let unfolded = !u32::from(sum);
    Ok(match size {
        0 if from != 0 => return Err(Errno::EINVAL),
        0 => !fold16(add(to as u32, unfolded)),
        2 | 4 => !fold16(add(add(unfolded, !(from as u32)), to as u32)),
        _ => return Err(Errno::EINVAL),
    })
}

/// The same for 16 bits in an IP header: all in 16 bits.
fn replaced16(sum: u16, from: u16, to: u16) -> u16 {
    !add16(add16(!sum, !from), to)
}

/// `bpf_l3_csum_replace(ctx, offset, from, to, flags)`
pub(super) fn l3_replace(world: &mut World<'_>, [_, offset, from, to, flags]: [u64; 5]) -> u64 {
    if flags & !FIELD_SIZE != 0 {
        return Errno::EINVAL.r0();
    }
    let change = || {
        let addr = place(world, offset)?;
        let sum = world.mem.load(addr, Size::H) as u16;
        let new = match flags {
            2 => replaced16(sum, from as u16, to as u16),
            size => replaced(sum, from, to, size)?,
        };
        world.mem.store(addr, Size::H, new.into());
        Ok(())
    };
    crate::errno::r0(change())
}

/// `bpf_l4_csum_replace(ctx, offset, from, to, flags)`
pub(super) fn l4_replace(world: &mut World<'_>, [_, offset, from, to, flags]: [u64; 5]) -> u64 {
    if flags & !(FIELD_SIZE | PSEUDO_HEADER | MARK_MANGLED_0 | MARK_ENFORCE | IPV6) != 0 {
        return Errno::EINVAL.r0();
    }
    let change = || {
        let addr = place(world, offset)?;
        let sum = world.mem.load(addr, Size::H) as u16;
        if flags & MARK_MANGLED_0 != 0 && flags & MARK_ENFORCE == 0 && sum == 0 {
            return Ok(());
        }
        let (from, to, size) = match flags & FIELD_SIZE {
            2 => (from & 0xffff, to & 0xffff, 2),
            size => (from, to, size),
        };
        let new = match replaced(sum, from, to, size)? {
            0 if flags & MARK_MANGLED_0 != 0 => 0xffff,
            new => new,
        };
        world.mem.store(addr, Size::H, new.into());
        Ok(())
    };
    crate::errno::r0(change())
}

/// The sum of memory, added to another; the last bytes count as if zeros followed them.
fn sum(world: &World<'_>, addr: u64, size: u64, start: u32) -> u32 {
    let byte =
        |index: u64| if index < size { world.mem.load(addr.wrapping_add(index), Size::B) as u8 } else { 0 };
    (0..size.div_ceil(4)).fold(start, |total, word| {
        add(total, u32::from_le_bytes([0, 1, 2, 3].map(|index| byte(4 * word + index))))
    })
}

/// `bpf_csum_diff(from, from_size, to, to_size, seed)`: as Linux 6.18 does it, folded to 16 bits and for any size.
///
/// The verifier, like Linux's, accepts a map value that may be NULL together with a size: NULL counts as empty here.
pub(super) fn diff(world: &mut World<'_>, [from, from_size, to, to_size, seed]: [u64; 5]) -> u64 {
    let size_of = |memory: u64, size: u64| if memory == 0 { 0 } else { u64::from(size as u32) };
    let (from_size, to_size, seed) = (size_of(from, from_size), size_of(to, to_size), seed as u32);
    let total = match (from_size, to_size) {
        (0, _) => sum(world, to, to_size, seed),
        (_, 0) => !sum(world, from, from_size, !seed),
        _ => add(sum(world, to, to_size, seed), !sum(world, from, from_size, 0)),
    };
    u64::from(fold16(total))
}

/// `bpf_csum_update(ctx, csum)`: changes a hardware checksum, which packets here have not
pub(super) fn update(_: &mut World<'_>, _: [u64; 5]) -> u64 {
    Errno::ENOTSUPP.r0()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071 over 16-bit words.
    fn checksum(words: &[u16]) -> u16 {
        !fold16(words.iter().fold(0, |sum, word| add(sum, u32::from(*word))))
    }

    #[test]
    fn replacing_a_field_is_the_same_as_summing_anew() {
        let mut words = [0x4500, 0x0073, 0x1234, 0x4000, 0x4011, 0xc0a8, 0x0001, 0xc0a8, 0x00c7];
        for new in [0_u16, 1, 0x7fff, 0xfffe, 0xffff, 0xc0a8] {
            let old_sum = checksum(&words);
            let old = std::mem::replace(&mut words[5], new);
            assert_eq!(replaced(old_sum, old.into(), new.into(), 2), Ok(checksum(&words)));
            let (a, b) = (u32::from(old) | 7 << 16, u32::from(new) | 7 << 16);
            assert_eq!(replaced(old_sum, a.into(), b.into(), 4), Ok(checksum(&words)));
        }
        assert_eq!(replaced(0x1234, 1, 0, 0), Err(Errno::EINVAL));
        assert_eq!(replaced(0x1234, 1, 0, 3), Err(Errno::EINVAL));
    }
}
