//! Which helpers the running kernel lets each hook's programs call: asked by a call with a number in every argument.

use belay_isa::Slot;
use belay_spec::{Helper, Hook};

use crate::load::{Flags, Load, LogLevel, load};

/// What the kernel says to a helper that programs of a hook may not call (by release: 6.1, since 6.12, for probing).
const REFUSALS: [&str; 3] = ["unknown func", "cannot use helper", "helper call is not allowed in probe"];

/// Numbers that one kernel more than the tables may have.
const BEYOND: u32 = 8;

/// The numbers of the helpers that the hook's programs may call; `None` if this kernel loads no program of the hook as it
/// stands.
pub(super) fn allowed(hook: &Hook) -> Option<Vec<u32>> {
    if says(hook, &[]).is_some_and(|said| !said.contains("At program exit")) {
        return None;
    }
    let last = Helper::all().iter().map(|helper| helper.id).max().unwrap_or(0);
    let callable = |id: &u32| {
        let mut body: Vec<Slot> =
            (1..=5).map(|dst| Slot { opcode: 0xb7, dst, imm: 1, ..Slot::default() }).collect();
        body.push(Slot { opcode: 0x85, imm: id.cast_signed(), ..Slot::default() });
        let said = says(hook, &body).unwrap_or_default();
        !said.contains("invalid func") && !REFUSALS.iter().any(|refusal| said.contains(refusal))
    };
    Some((1..=last + BEYOND).filter(callable).collect())
}

/// The kernel's refusal of a program that does this and returns 1; `None` if it loads.
fn says(hook: &Hook, body: &[Slot]) -> Option<String> {
    let end = [Slot { opcode: 0xb7, imm: 1, ..Slot::default() }, Slot { opcode: 0x95, ..Slot::default() }];
    let request = Load {
        prog_type: hook.prog_type,
        attach_type: hook.attach_type,
        insns: &[body, &end].concat(),
        name: "belay_record",
        log: LogLevel::Full,
        // `syscall` programs are always sleepable.
        flags: Flags { sleepable: hook.prog_type == 31, ..Flags::default() },
        ..Load::default()
    };
    load(&request)
        .err()
        .map(|rejected| if rejected.log.is_empty() { rejected.to_string() } else { rejected.log })
}
