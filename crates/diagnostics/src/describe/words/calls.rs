//! What is said of faults of calls of helpers, kernel functions and functions of the program.

use belay_spec::OWN_HELPERS;
use belay_verifier::Fault;

use super::super::Case;
use super::{bytes, lower};

impl Case<'_> {
    /// Words, label and help of such a fault.
    pub(super) fn calls(&mut self, fault: &Fault) -> String {
        let pc = self.rejection.pc;
        match fault {
            Fault::UnknownHelper { id } if u32::try_from(*id).is_ok_and(|id| OWN_HELPERS.contains(&id)) => self
                .say(
                    pc,
                    "called here",
                    format!("there is no helper {id}: no kernel has one of such a number"),
                    Some(
                        "it can be an own helper of who embeds Belay: verify and run the program with its signature \
                         (`belay::vm::OwnHelpers`)",
                    ),
                ),
            Fault::UnknownHelper { id } => self.say(
                pc,
                "called here",
                format!("there is no helper {id} in this kernel"),
                Some("a newer kernel may have it"),
            ),
            Fault::HelperNotAllowed { name, .. } => {
                let hook = self.hook.map_or("this hook", |hook| hook.name);
                self.say_at(pc, name, "called here", format!("`{name}` cannot be called at `{hook}`"), None)
            }
            Fault::HelperGpl { name } => {
                let help = "declare a licence that is compatible with the GPL: `char _license[] SEC(\"license\") = \"GPL\";`";
                self.say_at(
                    pc,
                    name,
                    "called here",
                    format!("`{name}` is for programs with a GPL-compatible licence"),
                    Some(help),
                )
            }
            Fault::HelperSleeps { name } => self.say_at(
                pc,
                name,
                "called here",
                format!("`{name}` may sleep, and this program may not"),
                Some("load the program as sleepable (a section that ends in `.s`)"),
            ),
            Fault::ArgumentType { reg, found, expected } => {
                self.from(*reg, "the value came from here");
                let callee = self.callee_name(pc);
                self.say_at(
                    pc,
                    &callee,
                    &format!("`{reg}` is a `{found}`"),
                    format!("`{callee}` takes a `{expected}` in `{reg}`, not a `{found}`"),
                    None,
                )
            }
            Fault::ArgumentSize { reg, kernel } => {
                let callee = self.callee_name(pc);
                self.say_at(
                    pc,
                    &callee,
                    &format!("the size in `{reg}` does not fit"),
                    format!("size argument out of bounds: {kernel}"),
                    Some("bound the size on both sides before the call"),
                )
            }
            Fault::ArgumentNotConstant { reg } => {
                let callee = self.callee_name(pc);
                self.say_at(
                    pc,
                    &callee,
                    &format!("`{reg}` is not constant"),
                    format!("`{callee}` needs a constant in `{reg}`"),
                    None,
                )
            }
            Fault::NoObject { reg, kernel, misplaced }
            | Fault::NoRoomForObject { reg, kernel, misplaced } => {
                let callee = self.callee_name(pc);
                if let Some(misplaced) = misplaced {
                    return self.say_at(
                        pc,
                        &callee,
                        &format!("`{reg}` points here"),
                        format!("an object cannot lie at that place on the stack: {misplaced}"),
                        Some("objects lie at constant offsets that are multiples of 8, wholly in one frame"),
                    );
                }
                self.say_at(pc, &callee, &format!("`{reg}` is its place"), lower(kernel), None)
            }
            Fault::DynptrKind { reg, kernel } => {
                let callee = self.callee_name(pc);
                self.say_at(pc, &callee, &format!("`{reg}` is the dynptr"), lower(kernel), None)
            }
            Fault::ConstantString { reg, kernel } => {
                let callee = self.callee_name(pc);
                self.say_at(
                    pc,
                    &callee,
                    &format!("`{reg}` is the string"),
                    format!("a string that must be known at verification is not: {}", lower(kernel)),
                    Some("pass a `static const char` array, terminated, at a constant offset"),
                )
            }
            Fault::Format { kernel } => {
                let callee = self.callee_name(pc);
                self.say_at(
                    pc,
                    &callee,
                    "called here",
                    format!("the format does not fit: {}", lower(kernel)),
                    Some("one value of 8 bytes for each `%`, and only conversions that Linux prints"),
                )
            }
            Fault::DynptrData { found } => {
                let callee = self.callee_name(pc);
                self.say_at(
                    pc,
                    &callee,
                    "called here",
                    format!("the data of a dynptr cannot lie in a `{found}`"),
                    Some("pass a part of a map's value"),
                )
            }
            Fault::MapKind { name, kind, .. } => self.say_at(
                pc,
                name,
                "called here",
                format!("`{name}` does not work on maps of type {kind}"),
                None,
            ),
            Fault::CallDepth { frames, .. } => {
                self.say(pc, "called here", format!("{frames} functions would be active, more than 8"), None)
            }
            Fault::StackTotal { calls, size } => self.say(
                pc,
                "on a chain of calls from here",
                format!(
                    "the frames of a chain of {calls} functions take {size} bytes of stack, more than 512"
                ),
                Some("keep large variables in a per-CPU map, or inline one of the functions"),
            ),
            Fault::TailCallStack { size } => self.say(
                pc,
                "called here",
                format!("tail call below frames of {}, more than 256", bytes(*size)),
                None,
            ),
            Fault::GlobalArgument { reg, .. } => {
                self.from(*reg, "the value came from here");
                self.say(
                    pc,
                    "called here",
                    format!("`{reg}` is not what the global function's type says"),
                    Some("pass what its parameter is declared to be, or declare the function `static`"),
                )
            }
            Fault::KfuncNotAllowed { .. } => {
                let hook = self.hook.map_or("this hook", |hook| hook.name);
                let callee = self.callee_name(pc);
                self.say_at(pc, &callee, "called here", format!("`{callee}` cannot be called at `{hook}`"), None)
            }
            Fault::KfuncSleeps { .. } => {
                let callee = self.callee_name(pc);
                self.say_at(
                    pc,
                    &callee,
                    "called here",
                    format!("`{callee}` may sleep, and this program may not"),
                    Some("load the program as sleepable (a section that ends in `.s`)"),
                )
            }
            Fault::KfuncArgument { reg, .. } => {
                self.from(*reg, "the value came from here");
                let callee = self.callee_name(pc);
                self.say_at(
                    pc,
                    &callee,
                    "called here",
                    format!("`{reg}` is not what `{callee}` takes"),
                    Some("the kernel's line below says what is missing"),
                )
            }
            Fault::ThrowInCallback { pc, .. } => self.say(
                *pc,
                "thrown here",
                "an exception is thrown from a function that is called back".into(),
                Some("return a value from the callback and throw where it was called"),
            ),
            Fault::ExceptionCallbackCalled { pc } => self.say(
                *pc,
                "called here",
                "the function that catches exceptions is called".into(),
                Some("only an exception may call it: put what is shared into a function of its own"),
            ),
            Fault::Section { .. } => self.say(
                pc,
                "here",
                "a section (RCU, preemption) is open where it may not be, or not open where it must be".into(),
                Some("open and close it on every path, and do nothing inside that leaves the program or sleeps"),
            ),
            Fault::PacketLoadHook => self.say(
                pc,
                "here",
                "`LD_ABS` and `LD_IND` do not work at this hook".into(),
                Some("load packet bytes through `data` and `data_end`"),
            ),
            Fault::PacketLoadContext => self.say(
                pc,
                "here",
                "`LD_ABS` and `LD_IND` need the context in `r6`".into(),
                Some("`r6 = r1` at the start of the program"),
            ),

            _ => self.say(pc, "here", fault.to_string(), None),
        }
    }
}
