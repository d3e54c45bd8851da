//! Machine code beside the instructions that it came from.

use belay_isa::Pc;
use cranelift_codegen::Context;

/// The machine code of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// For which machine, as `x86_64-unknown-linux-gnu`.
    pub target: String,
    /// In the order of the addresses: function by function, and in each as the compiler laid it out.
    pub lines: Vec<Line>,
}

/// One machine instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The BPF instruction that it came from; none for what a function's entry needs.
    pub pc: Option<Pc>,
    /// The first instruction of the function that it belongs to.
    pub function: Pc,
    /// Where it lies in its function, in bytes.
    pub offset: u32,
    /// The instruction; on machines that Belay has no disassembler for, its bytes.
    pub text: String,
}

/// The lines of a function that was just compiled.
pub(super) fn listing(function: Pc, context: &Context) -> Vec<Line> {
    let Some(compiled) = context.compiled_code() else { return Vec::new() };
    let code = compiled.code_buffer();
    let mut lines = Vec::new();
    let places = compiled.buffer.get_srclocs_sorted();
    let mut pc = None;
    for (offset, text) in disassemble(code, places.iter().map(|place| place.start as usize)) {
        let place = places.iter().rev().find(|place| (place.start..place.end).contains(&offset));
        // What moves values between two instructions belongs to the first of them.
        pc = place.filter(|place| !place.loc.is_default()).map_or(pc, |place| Some(Pc(place.loc.bits())));
        lines.push(Line { pc, function, offset, text });
    }
    lines
}

/// Instructions by offset.
#[cfg(target_arch = "x86_64")]
fn disassemble(code: &[u8], _: impl Iterator<Item = usize>) -> Vec<(u32, String)> {
    use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter};
    let mut formatter = GasFormatter::new();
    let options = formatter.options_mut();
    options.set_space_after_operand_separator(true);
    options.set_branch_leading_zeros(false);
    options.set_uppercase_hex(false);
    Decoder::new(64, code, DecoderOptions::NONE)
        .into_iter()
        .map(|instruction| {
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            (instruction.ip() as u32, text)
        })
        .collect()
}

/// The bytes of what came from one BPF instruction, by offset.
#[cfg(not(target_arch = "x86_64"))]
fn disassemble(code: &[u8], starts: impl Iterator<Item = usize>) -> Vec<(u32, String)> {
    let mut starts: Vec<usize> = std::iter::once(0).chain(starts).collect();
    starts.dedup();
    let ends = starts.clone().into_iter().skip(1).chain([code.len()]);
    let pieces = starts.iter().zip(ends).filter_map(|(start, end)| Some((*start, code.get(*start..end)?)));
    pieces
        .map(|(start, bytes)| {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            (start as u32, hex.join(" "))
        })
        .collect()
}
