//! The text of programs that call helpers with constant arguments, and keep what comes back.

use super::keep;

/// Loads a constant.
pub(crate) fn set(register: u32, value: u64) -> String {
    format!("r{register} = {value:#x} ll\n")
}

/// Calls a helper of the context in `r6`, and keeps what it returns.
pub(crate) fn call(helper: &str, args: &[u64], slot: &mut u32) -> String {
    let mut text = "r1 = r6\n".to_owned();
    for (register, arg) in (2..).zip(args) {
        text += &set(register, *arg);
    }
    text += &format!("call {helper}\n");
    text + &kept(slot)
}

/// Keeps `r0` in the next slot of `out`.
pub(crate) fn kept(slot: &mut u32) -> String {
    *slot += 1;
    keep(*slot - 1)
}

/// Stores bytes at `r10 - at`, eight at a time.
pub(crate) fn on_stack(at: usize, bytes: &[u8]) -> String {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    let store =
        |(index, word): (usize, u64)| format!("{}*(u64 *)(r10 - {}) = r2\n", set(2, word), at - 8 * index);
    words.enumerate().map(store).collect()
}

/// Keeps that many words from `r10 - at` on.
pub(crate) fn keep_stack(at: usize, words: usize, slot: &mut u32) -> String {
    (0..words).map(|index| format!("r0 = *(u64 *)(r10 - {})\n{}", at - 8 * index, kept(slot))).collect()
}

/// Points a register at `r10 - at`.
pub(crate) fn point(register: u32, at: usize) -> String {
    format!("r{register} = r10\nr{register} += -{at}\n")
}
