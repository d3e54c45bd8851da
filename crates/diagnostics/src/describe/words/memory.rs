//! What is said of faults of registers, arithmetic, loads and stores.

use belay_verifier::{Bound, Direction, Fault};

use super::super::Case;
use super::{bytes, verb};

impl Case<'_> {
    /// Words, label and help of such a fault.
    pub(super) fn memory(&mut self, fault: &Fault) -> String {
        let pc = self.rejection.pc;
        match fault {
            Fault::Unreadable { reg } => self.unreadable(*reg),
            Fault::FramePointer => self.say(
                pc,
                "written here",
                "the frame pointer `r10` is read-only".into(),
                Some("copy it to another register first"),
            ),
            Fault::Pointer32 { reg } => {
                let help = "pointers have 64 bits: use the 64-bit operation (`r1 += …`, not `w1 += …`)";
                self.say(
                    pc,
                    &format!("`{reg}` is a pointer"),
                    "32-bit arithmetic on a pointer".into(),
                    Some(help),
                )
            }
            Fault::PointerOperator { what, .. } => {
                let help = "only addition and subtraction of numbers are allowed on pointers";
                self.say(pc, "here", format!("{what} is not allowed"), Some(help))
            }
            Fault::PointerRange { reg, kernel } => {
                self.from(*reg, "the pointer came from here");
                let help = "bound the number before it is added: `if (n > MAX) return …;`";
                self.say(pc, "added here", format!("pointer arithmetic out of range: {kernel}"), Some(help))
            }
            Fault::DivisionByZero => self.say(pc, "here", "division by the constant zero".into(), None),
            Fault::Shift { amount } => {
                let help = "shift by less than the register's width";
                self.say(pc, "here", format!("shift by {amount}, which is not below the width"), Some(help))
            }

            Fault::StackBounds { direction, off, size, .. } => {
                let help = "a frame has 512 bytes, from `r10 - 512` up to `r10`";
                let text = format!("{} at offset {off} from the frame pointer", bytes(*size));
                self.say(pc, &text, format!("{} stack outside its frame", verb(*direction)), Some(help))
            }
            Fault::StackVariable { reg, direction, .. } => {
                self.from(*reg, "the pointer came from here");
                let help = "bound the index on both sides before it is added to the stack pointer";
                self.say(
                    pc,
                    "the offset is not constant here",
                    format!("{} stack at an offset that may lie outside", verb(*direction)),
                    Some(help),
                )
            }
            Fault::SpillSize { reg } => self.say(
                pc,
                &format!("`{reg}` is a pointer"),
                "a pointer is stored at less than its eight bytes".into(),
                Some("store all eight bytes"),
            ),
            Fault::FillSize => self.say(
                pc,
                "read here",
                "a part of a stored pointer is read".into(),
                Some("read all eight bytes"),
            ),
            Fault::ObjectBytes { direction, .. } => {
                let help = "what lies in such an object is for the functions that take it";
                let headline = "the bytes of an object on the stack are not for the program";
                let text = if *direction == Direction::Read { "read here" } else { "filled here" };
                self.say(pc, text, headline.into(), Some(help))
            }
            Fault::SliceReadOnly => {
                let callee = self.callee_name(pc);
                self.say_at(
                    pc,
                    &callee,
                    "called here",
                    "this hook may not write packets, so it gets no slices to write".into(),
                    Some("use `bpf_dynptr_slice`, or copy with `bpf_dynptr_write`"),
                )
            }
            Fault::StackPointerEscapes => {
                let help = "hand the value, not the address of a local variable, to the caller";
                self.say(
                    pc,
                    "stored here",
                    "a pointer to this frame is stored in the caller's".into(),
                    Some(help),
                )
            }
            Fault::StackPointerReturned => {
                let help = "let the caller pass the address of a variable of its own";
                self.say(
                    pc,
                    "returned here",
                    "a pointer to the frame of a function is returned".into(),
                    Some(help),
                )
            }
            Fault::Misaligned { size, .. } => self.say(
                pc,
                &format!("{} at an address that may not be a multiple of {size}", bytes(*size)),
                "misaligned access".into(),
                None,
            ),
            Fault::PacketBounds { reg, off, size, range } => {
                self.from(*reg, "the packet pointer came from here");
                let known = range.map_or_else(|| "none".to_owned(), |range| range.to_string());
                self.notes.push(format!("bytes that were compared with `data_end` on this path: {known}"));
                let help =
                    "compare with the end of the packet first: `if (data + SIZE > data_end) return …;`";
                self.say(
                    pc,
                    &format!("{} at offset {off} of `{reg}`", bytes(*size)),
                    "packet bytes are used that were not compared with the packet's end".into(),
                    Some(help),
                )
            }
            Fault::PacketReadOnly { .. } => self.say(
                pc,
                "stored to here",
                "packet bytes cannot be written at this hook".into(),
                Some("use a helper such as `bpf_skb_store_bytes` where the hook has one"),
            ),
            Fault::PacketToHelper { reg } => self.say(
                pc,
                &format!("`{reg}` points into the packet"),
                "this call cannot take packet bytes".into(),
                Some("copy the bytes to the stack first"),
            ),
            Fault::RegionBounds { reg, found, bound, off, size, region } => {
                self.from(*reg, "the pointer came from here");
                let why = match bound {
                    Bound::Negative => "the offset may be negative",
                    Bound::Min => "the lowest address lies outside",
                    Bound::Max => "the highest address lies outside",
                    Bound::Unbounded => "the offset has no upper bound",
                };
                let text = format!("{} at offset {off} of {region}: {why}", bytes(*size));
                let help = "compare the index with its bounds before this access";
                self.say(pc, &text, format!("access outside a `{found}`"), Some(help))
            }
            Fault::ContextField { off, size, direction } => {
                let text = format!("{} at offset {off}", bytes(*size));
                let hook = self.hook.map_or("this hook", |hook| hook.name);
                let headline = match direction {
                    Direction::Read => format!("the context of `{hook}` has no such field to read"),
                    Direction::Write => format!("the context of `{hook}` has no such field to write"),
                };
                self.nearest_of_context(*off, *direction);
                let help = "use one field at its own offset and width; not every field exists at every hook";
                self.say(pc, &text, headline, Some(help))
            }
            Fault::PointerOffset { reg, found, .. } => {
                self.from(*reg, "the pointer came from here");
                let help = "use the pointer as it was given, with constant offsets in the access itself";
                self.say(
                    pc,
                    &format!("`{reg}` was moved"),
                    format!("a `{found}` pointer with an offset is used"),
                    Some(help),
                )
            }
            Fault::NotMemory { reg, found } => {
                self.from(*reg, "the value came from here");
                let text = format!("`{reg}` is a `{found}`");
                self.say(
                    pc,
                    &text,
                    format!("a `{found}` is followed as if it were a pointer to memory"),
                    None,
                )
            }
            Fault::MapWritten { structure, .. } => {
                let help = "look the value up with `bpf_map_lookup_elem` and write through that pointer";
                self.say(pc, "here", format!("`{structure}`, the map itself, is written"), Some(help))
            }
            Fault::MapAccess { map, direction } => {
                let way = if *direction == Direction::Write { "write to" } else { "read" };
                self.say(
                    pc,
                    "here",
                    format!("programs may not {way} map `{map}`"),
                    Some("see the map's `BPF_F_RDONLY_PROG` and `BPF_F_WRONLY_PROG` flags"),
                )
            }
            Fault::SpecialField { name } => self.say(
                pc,
                "here",
                format!("a `{name}` in a map's value is loaded or stored"),
                Some("leave the field to its helpers"),
            ),
            Fault::AtomicTarget { found, .. } => self.say(
                pc,
                "here",
                format!("atomic operation on a `{found}`"),
                Some("atomic operations work on the stack and on map values"),
            ),
            Fault::MixedPointers { reg } => {
                self.from(*reg, "on this path the pointer came from here");
                let help = "give each kind of pointer a load of its own: keep the compiler from merging them (`volatile`, `__noinline`)";
                self.say(
                    pc,
                    "another path comes here with another kind of pointer",
                    "one instruction is used with different kinds of pointers".into(),
                    Some(help),
                )
            }

            _ => self.say(pc, "here", fault.to_string(), None),
        }
    }
}
