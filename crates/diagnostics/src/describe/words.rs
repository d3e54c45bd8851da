//! The faults that need no history: one instruction, and perhaps the place where its pointer came from.

use belay_isa::{Pc, Reg};
use belay_spec::{Access, Field, Helper, SockKind};
use belay_verifier::{Bound, Direction, EventKind, Fault, Ghost};

use super::Case;
use crate::references::Life;

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
