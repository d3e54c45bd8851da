//! What is said of faults of the way through the program, its end, and the program as a whole.

use belay_isa::Pc;
use belay_verifier::Fault;

use super::super::Case;

impl Case<'_> {
    /// Words, label and help of such a fault.
    pub(super) fn flow(&mut self, fault: &Fault) -> String {
        let pc = self.rejection.pc;
        match fault {
            Fault::Decode { kernel, .. } => {
                self.say(pc, "here", format!("this is no instruction: {kernel}"), None)
            }
            Fault::Empty => self.say(Pc(0), "here", "the program has no instructions".into(), None),
            Fault::JumpRange { to, .. } => {
                self.say(pc, "jumps from here", format!("jump to {to}, outside the function"), None)
            }
            Fault::JumpMiddle { to } => self.say(
                pc,
                "here",
                format!("jump into the second half of the instruction at {}", to.0.saturating_sub(1)),
                None,
            ),
            Fault::FallsThrough => self.say(
                pc,
                "execution would go on behind this",
                "a function does not end in `exit` or a jump".into(),
                None,
            ),
            Fault::Unreachable { .. } => {
                self.say(pc, "no path reaches this", "unreachable instruction".into(), Some("remove it"))
            }
            Fault::InfiniteLoop { .. } => self.say(
                pc,
                "a path comes here again with nothing changed",
                "this loop never ends".into(),
                Some("count the turns in a variable that the condition compares"),
            ),
            Fault::TooComplex { processed } => {
                self.notes.push(format!("{processed} instructions were walked"));
                self.say(
                    pc,
                    "verification stopped here",
                    "the program is too complex".into(),
                    Some("bound loops more tightly, split the program with tail calls, or use `bpf_loop`"),
                )
            }
            Fault::TooManyBranches { pending } => self.say(
                pc,
                "verification stopped here",
                format!("too many branches wait: {pending}"),
                Some("split the program"),
            ),
            Fault::ReturnRange { min, max, kernel, .. } if self.in_callback() => {
                let text = format!("`r0` has {kernel}");
                let headline = format!("the callback returns a value outside [{min}, {max}]");
                self.say(pc, &text, headline, Some("return 0 to go on, 1 to stop"))
            }
            Fault::ReturnRange { at, min, max, kernel, .. } => {
                let text = format!("`r0` has {kernel}");
                self.say(
                    pc,
                    &text,
                    format!("the value at {at} lies outside [{min}, {max}]"),
                    Some("return one of the hook's actions"),
                )
            }
            Fault::ReturnPointer { found, .. } => self.say(
                pc,
                &format!("`r0` is a `{found}`"),
                "the program returns a pointer instead of an action".into(),
                Some("set the return value on every path"),
            ),
            Fault::Program { kernel } => {
                self.say(pc, "here", format!("the program cannot be loaded: {kernel}"), None)
            }
            _ => self.say(pc, "here", fault.to_string(), None),
        }
    }
}
