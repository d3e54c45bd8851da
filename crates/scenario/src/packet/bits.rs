//! Runs of bits in network order.

/// The bits of a field; none if they lie outside.
pub(crate) fn get(bytes: &[u8], bit: usize, bits: usize) -> Option<u128> {
    (bit..bit + bits).try_fold(0, |value, at| {
        let byte = bytes.get(at / 8)?;
        Some(value << 1 | u128::from(byte >> (7 - at % 8) & 1))
    })
}

/// Sets the bits of a field; those outside are lost.
pub(crate) fn set(bytes: &mut [u8], bit: usize, bits: usize, value: u128) {
    for (from_end, at) in (bit..bit + bits).rev().enumerate() {
        let Some(byte) = bytes.get_mut(at / 8) else { continue };
        let mask = 1 << (7 - at % 8);
        *byte = if value >> from_end & 1 == 1 { *byte | mask } else { *byte & !mask };
    }
}

/// Whether a value fits into so many bits.
pub(crate) fn fits(value: u128, bits: usize) -> bool {
    bits >= 128 || value < 1 << bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_and_nothing_else_changes() {
        for (bit, bits) in [(0, 1), (3, 13), (7, 2), (0, 128), (51, 13), (120, 8)] {
            for start in [0x00, 0xff] {
                let mut bytes = [start; 16];
                let value = 0x1234_5678_9abc_def0_0fed_cba9_8765_4321 & (u128::MAX >> (128 - bits));
                set(&mut bytes, bit, bits, value);
                assert_eq!(get(&bytes, bit, bits), Some(value));
                set(&mut bytes, bit, bits, if start == 0 { 0 } else { u128::MAX });
                assert_eq!(bytes, [start; 16]);
            }
        }
        assert_eq!(get(&[0; 2], 15, 2), None);
    }
}
