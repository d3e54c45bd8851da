//! The faults that need no history: one instruction, and perhaps the place where its pointer came from. What is said of
//! each stands in the file of its subject; here is which that is, and what they share.

mod calls;
mod flow;
mod memory;
mod values;

use belay_isa::{Pc, Reg};
use belay_spec::{Access, Field, Helper};
use belay_verifier::{Direction, EventKind, Fault, Ghost};

use super::Case;

impl Case<'_> {
    /// Words, label and help of a fault without a history.
    pub(super) fn plain(&mut self, fault: &Fault) -> String {
        let pc = self.rejection.pc;
        match fault {
            // Told with their history by the caller; here for exhaustiveness.
            Fault::Leak { .. }
            | Fault::DoubleRelease { .. }
            | Fault::MaybeNullArgument { .. }
            | Fault::MaybeNullAccess { .. }
            | Fault::NotOwned { .. } => self.say(pc, "here", fault.to_string(), None),
            Fault::UseAfter { reg, ghost: Ghost::Packet, .. } => self.packet_moved(*reg),
            Fault::UseAfter { reg, .. } => {
                self.from(*reg, "the pointer came from here");
                self.say(
                    pc,
                    &format!("`{reg}` is used here"),
                    "a pointer is used after it was given up".into(),
                    None,
                )
            }
            Fault::PointerArithmetic { .. }
            | Fault::NullableArithmetic { .. }
            | Fault::ReadOnly { .. }
            | Fault::SocketField { .. }
            | Fault::TwoReferences { .. }
            | Fault::ObjectField { .. }
            | Fault::BufferPlace { .. }
            | Fault::ObjectReadOnly { .. }
            | Fault::ObjectLicence { .. }
            | Fault::ObjectType { .. }
            | Fault::DynptrOverwritten { .. }
            | Fault::DynptrNotOwned { .. }
            | Fault::Locked { .. }
            | Fault::Unlock { .. }
            | Fault::FieldArgument { .. }
            | Fault::OtherMap { .. }
            | Fault::KptrAccess { .. } => self.values(fault),
            Fault::Unreadable { .. }
            | Fault::FramePointer
            | Fault::Pointer32 { .. }
            | Fault::PointerOperator { .. }
            | Fault::PointerRange { .. }
            | Fault::DivisionByZero
            | Fault::Shift { .. }
            | Fault::StackBounds { .. }
            | Fault::StackVariable { .. }
            | Fault::SpillSize { .. }
            | Fault::FillSize
            | Fault::ObjectBytes { .. }
            | Fault::SliceReadOnly
            | Fault::StackPointerEscapes
            | Fault::StackPointerReturned
            | Fault::Misaligned { .. }
            | Fault::PacketBounds { .. }
            | Fault::PacketReadOnly { .. }
            | Fault::PacketToHelper { .. }
            | Fault::RegionBounds { .. }
            | Fault::ContextField { .. }
            | Fault::PointerOffset { .. }
            | Fault::NotMemory { .. }
            | Fault::MapWritten { .. }
            | Fault::MapAccess { .. }
            | Fault::SpecialField { .. }
            | Fault::AtomicTarget { .. }
            | Fault::MixedPointers { .. } => self.memory(fault),
            Fault::UnknownHelper { .. }
            | Fault::HelperNotAllowed { .. }
            | Fault::HelperGpl { .. }
            | Fault::HelperSleeps { .. }
            | Fault::ArgumentType { .. }
            | Fault::ArgumentSize { .. }
            | Fault::ArgumentNotConstant { .. }
            | Fault::NoObject { .. }
            | Fault::NoRoomForObject { .. }
            | Fault::DynptrKind { .. }
            | Fault::ConstantString { .. }
            | Fault::Format { .. }
            | Fault::DynptrData { .. }
            | Fault::MapKind { .. }
            | Fault::CallDepth { .. }
            | Fault::StackTotal { .. }
            | Fault::TailCallStack { .. }
            | Fault::GlobalArgument { .. }
            | Fault::KfuncNotAllowed { .. }
            | Fault::KfuncSleeps { .. }
            | Fault::KfuncArgument { .. }
            | Fault::ThrowInCallback { .. }
            | Fault::ExceptionCallbackCalled { .. }
            | Fault::Section { .. }
            | Fault::PacketLoadHook
            | Fault::PacketLoadContext => self.calls(fault),
            Fault::Decode { .. }
            | Fault::Empty
            | Fault::JumpRange { .. }
            | Fault::JumpMiddle { .. }
            | Fault::FallsThrough
            | Fault::Unreachable { .. }
            | Fault::InfiniteLoop { .. }
            | Fault::TooComplex { .. }
            | Fault::TooManyBranches { .. }
            | Fault::ReturnRange { .. }
            | Fault::ReturnPointer { .. }
            | Fault::Program { .. } => self.flow(fault),
        }
    }

    /// Whether the fault lies in a function that a helper calls.
    fn in_callback(&self) -> bool {
        matches!(&self.rejection.fault, Fault::ReturnRange { at, .. } if at.contains("callback"))
    }

    /// Which field of the context may have been meant, and whether this hook has it.
    fn nearest_of_context(&mut self, off: i64, direction: Direction) {
        let Some(hook) = self.hook else { return };
        let Some(field) = i32::try_from(off).ok().and_then(|off| hook.context.nearest_field(off)) else {
            return;
        };
        let (access, verb) = match direction {
            Direction::Read => (Access::Read, "read"),
            Direction::Write => (Access::WriteReg, "written"),
        };
        let allowed = hook.context_access(self.release, field.offset, field.element, access).is_some();
        let can = if allowed { "can" } else { "cannot" };
        self.notes.push(format!("nearest is {}, which {can} be {verb} at `{}`", place(field), hook.name));
    }

    fn packet_moved(&mut self, reg: Reg) -> String {
        self.from(reg, "the packet pointer was loaded here");
        let moved =
            self.rejection.events.iter().rev().find(|e| e.kind == EventKind::PacketMoved).map(|e| e.pc);
        let mover = moved.map(|pc| self.callee_name(pc));
        if let (Some(moved), Some(mover)) = (moved, &mover) {
            self.labels.secondary_at(moved, mover, "this may move the packet: pointers into it are void");
        }
        let pc = self.rejection.pc;
        let mover = mover.unwrap_or_else(|| "a helper".to_owned());
        let help = "load `data` and `data_end` again after the call, and compare them again";
        self.say(
            pc,
            &format!("`{reg}` is used here"),
            format!("packet pointer is used after `{mover}` moved the packet"),
            Some(help),
        )
    }

    fn unreadable(&mut self, reg: Reg) -> String {
        let pc = self.rejection.pc;
        let clobber = (1..=5)
            .contains(&reg.number())
            .then(|| self.rejection.path.iter().rev().copied().find(|at| self.trace.helper(*at).is_some()));
        match clobber.flatten() {
            Some(call) => {
                let name = self.callee_name(call);
                self.labels.secondary_at(call, &name, "calls do not preserve `r1` to `r5`");
                let help = "keep what is needed across calls in `r6` to `r9`, or on the stack";
                self.say(
                    pc,
                    &format!("`{reg}` is read here"),
                    format!("`{reg}` is read after a call that does not preserve it"),
                    Some(help),
                )
            }
            None => self.say(
                pc,
                &format!("`{reg}` is read here"),
                format!("`{reg}` is read before it is written"),
                Some("set it on every path"),
            ),
        }
    }

    /// A label where the value of a register came from.
    fn from(&mut self, reg: Reg, text: &str) {
        if let Some(origin) = self.trace.origin(reg) {
            let name = self.trace.helper(origin).map_or("", |helper: &Helper| helper.name);
            self.labels.secondary_at(origin, name, text);
        }
    }

    fn say(&mut self, pc: Pc, label: &str, headline: String, help: Option<&str>) -> String {
        self.labels.primary(pc, label);
        self.help.extend(help.map(str::to_owned));
        headline
    }

    fn say_at(&mut self, pc: Pc, name: &str, label: &str, headline: String, help: Option<&str>) -> String {
        self.labels.primary_at(pc, name, label);
        self.help.extend(help.map(str::to_owned));
        headline
    }

    fn callee_name(&self, pc: Pc) -> String {
        self.callee(pc).unwrap_or_else(|| "this call".to_owned())
    }
}

fn verb(direction: Direction) -> &'static str {
    match direction {
        Direction::Read => "read from the",
        Direction::Write => "write to the",
    }
}

fn bytes(count: u32) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// The kernel's words as the rest of a sentence.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

/// "`mark`, 4 bytes at offset 8"
fn place(field: &Field) -> String {
    let each = if field.count > 1 { format!("{} times ", field.count) } else { String::new() };
    format!("`{}`, {each}{} at offset {}", field.name, bytes(field.element), field.offset)
}
