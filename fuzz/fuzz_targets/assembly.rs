//! Any text is an instruction or an error, and what is printed is read as the same instruction again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for line in text.lines() {
        if let Ok(insn) = belay_isa::parse_insn(line) {
            let printed = insn.to_string();
            assert_eq!(belay_isa::parse_insn(&printed).as_ref(), Ok(&insn), "`{line}` prints as `{printed}`");
        }
    }
});
