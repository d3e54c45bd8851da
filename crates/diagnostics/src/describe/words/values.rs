//! What is said of faults of what a pointer is, and what may be done with it.

use belay_spec::SockKind;
use belay_verifier::Fault;

use super::super::Case;
use super::{bytes, place};
use crate::references::Life;

impl Case<'_> {
    /// Words, label and help of such a fault.
    pub(super) fn values(&mut self, fault: &Fault) -> String {
        let pc = self.rejection.pc;
        match fault {
            Fault::PointerArithmetic { reg, found } => {
                self.from(*reg, "the pointer came from here");
                let help = "read fields through the pointer as it is; offsets belong into the load";
                self.say(pc, "arithmetic here", format!("arithmetic on a `{found}` pointer"), Some(help))
            }
            Fault::NullableArithmetic { reg, found } => {
                self.from(*reg, "this may be NULL");
                let help = "compare the pointer with NULL before any arithmetic";
                self.say(
                    pc,
                    "arithmetic here",
                    format!("arithmetic on a `{found}` pointer that may be NULL"),
                    Some(help),
                )
            }
            Fault::ReadOnly { reg, found } => {
                self.from(*reg, "the pointer came from here");
                let help = "programs may only read this structure";
                self.say(pc, "stored to here", format!("a `{found}` is read-only"), Some(help))
            }
            Fault::SocketField { reg, found, off, size } => {
                self.from(*reg, "the pointer came from here");
                let text = format!("{} at offset {off}", bytes(*size));
                let headline = format!("`{found}` has no field of {} at offset {off}", bytes(*size));
                let structure =
                    SockKind::ALL.into_iter().find(|kind| kind.name() == found).map(SockKind::structure);
                if let Some(field) = structure.and_then(|s| s.nearest_field(i32::try_from(*off).ok()?)) {
                    self.notes.push(format!("nearest is {}", place(field)));
                }
                self.say(pc, &text, headline, Some("read one field, at its own offset and width"))
            }
            Fault::TwoReferences { first, second, .. } => self.say(
                pc,
                "both references are arguments of this call",
                format!("one call with two references, {first} and {second}"),
                Some("pass only one pointer that has to be released"),
            ),
            Fault::ObjectField { reg, kernel } => {
                self.from(*reg, "the pointer came from here");
                let help = "read one field, whole, through the structure's own declaration (`vmlinux.h`, CO-RE)";
                let headline = "this is no field of the kernel structure".to_owned();
                self.notes.push(format!("the kernel says: {kernel}"));
                self.say(pc, "read here", headline, Some(help))
            }
            Fault::BufferPlace { reg, kernel } => {
                self.from(*reg, "the pointer came from here");
                let help = "the buffer's size is checked when the program attaches: every place in it has to be known";
                self.notes.push(format!("the kernel says: {kernel}"));
                self.say(pc, "used here", "the place in the buffer is not known".into(), Some(help))
            }
            Fault::ObjectReadOnly { reg, kernel } => {
                self.from(*reg, "the pointer came from here");
                let help = "programs may only read kernel structures; some hooks let them write a few fields";
                self.notes.push(format!("the kernel says: {kernel}"));
                self.say(pc, "written here", "a kernel structure may not be written here".into(), Some(help))
            }
            Fault::ObjectLicence { structure } => self.say(
                pc,
                "read here",
                format!("`struct {structure}` is read by a program under another licence than the GPL"),
                Some("declare a licence that is compatible with the GPL: `char _license[] SEC(\"license\") = \"GPL\";`"),
            ),
            Fault::ObjectType { reg, found, expected } => {
                self.from(*reg, "the pointer came from here");
                let headline = if found == expected {
                    format!("`{reg}` points into a `struct {found}` where its start is asked for")
                } else {
                    format!("`{reg}` points to a `struct {found}` where a `struct {expected}` is asked for")
                };
                self.say(pc, "passed here", headline, None)
            }

            Fault::DynptrOverwritten { reference } => {
                let life = Life::of(self.rejection, *reference);
                if let Some((acquired, _)) = life.acquired {
                    let name = self.callee_name(acquired);
                    self.labels.secondary_at(acquired, &name, "made here");
                }
                let help = "submit or discard the dynptr first";
                let headline = "a dynptr that holds a ring-buffer record is overwritten";
                self.say(pc, "overwritten here", headline.into(), Some(help))
            }
            Fault::DynptrNotOwned { reg, .. } => {
                let callee = self.callee_name(pc);
                let help = "only a dynptr from `bpf_ringbuf_reserve_dynptr` is submitted or discarded";
                self.say_at(
                    pc,
                    &callee,
                    &format!("the dynptr of `{reg}` holds no ring-buffer record"),
                    "a dynptr is released that holds nothing".into(),
                    Some(help),
                )
            }
            Fault::Locked { .. } => self.say(pc, "here", fault.to_string(), None),
            Fault::Unlock { kernel, .. } => {
                let help =
                    "unlock with the pointer that locked: each look-up of a value gives a lock of its own";
                self.say(
                    pc,
                    "unlocked here",
                    format!("this is not the lock that is held: {kernel}"),
                    Some(help),
                )
            }
            Fault::FieldArgument { reg, field, kernel } => {
                self.from(*reg, "the pointer came from here");
                let help = "pass the address of the field in a map's value, as the structure declares it";
                let text = format!("`{reg}` does not point to one");
                self.say(
                    pc,
                    &text,
                    format!("this call takes the address of a `{field}`: {kernel}"),
                    Some(help),
                )
            }
            Fault::OtherMap { reg, .. } => {
                self.from(*reg, "the map came from here");
                let help = "pass the map in whose value it lies";
                self.say(
                    pc,
                    "here",
                    "a map is passed that does not hold what comes before it".into(),
                    Some(help),
                )
            }
            Fault::KptrAccess { kernel, .. } => {
                let help = "load and store such a pointer whole; one that owns its object changes hands by `bpf_kptr_xchg`";
                self.say(pc, "here", format!("a pointer in a map's value is misused: {kernel}"), Some(help))
            }

            _ => self.say(pc, "here", fault.to_string(), None),
        }
    }
}
