//! Arithmetic, and memory: stack, map values, packet, context.

use std::sync::OnceLock;

use belay_spec::{Access, FieldKind, Release};

use crate::generate::{BUFFER, BUFFER_SIZE, CONTEXT, Generator, Holds, Role, SPILLS};
use crate::tables::{FIELDS_OF_THE_MACHINE, HOOKS, HookRow, INNER_VALUE, MAPS};

/// Memory that may be accessed.
#[derive(Clone, Copy)]
struct Memory {
    base: usize,
    /// From the base.
    start: i32,
    len: i32,
    stores: bool,
    atomics: bool,
    /// Accesses must be aligned, as on the stack.
    aligned: bool,
}

/// Offset and size of an access to a context.
type Place = (i32, u32);

/// What programs of a hook may load from their context, and store there.
struct Fields {
    loads: Vec<Place>,
    stores: Vec<Place>,
}

fn fields(hook: &HookRow) -> &'static Fields {
    static ALL: OnceLock<Vec<Fields>> = OnceLock::new();
    let all = ALL.get_or_init(|| HOOKS.iter().map(places).collect());
    let row = HOOKS.iter().position(|row| row.section == hook.section).unwrap_or_default();
    &all[row]
}

fn places(row: &HookRow) -> Fields {
    let hook = row.spec();
    let compared = |off: &i32| {
        hook.context.field_at(*off).is_some_and(|field| !FIELDS_OF_THE_MACHINE.contains(&field.name))
    };
    let allowed = |access: Access| -> Vec<Place> {
        let all = (0..hook.context.size as i32)
            .filter(compared)
            .flat_map(|off| [1, 2, 4, 8].map(|size| (off, size)));
        all.filter(|&(off, size)| {
            hook.context_access(Release::LATEST, off, size, access) == Some(FieldKind::Scalar)
        })
        .collect()
    };
    Fields { loads: allowed(Access::Read), stores: allowed(Access::WriteReg) }
}

impl Generator<'_> {
    pub(crate) fn arithmetic(&mut self) {
        let ops = ["+=", "-=", "*=", "/=", "%=", "s/=", "s%=", "&=", "|=", "^=", "<<=", ">>=", "s>>=", "="];
        let op = self.random.of(&ops);
        let width = self.random.of(&["r", "r", "w"]);
        let dst = self.changeable();
        let shifts = op.ends_with("<=") || op.ends_with(">>=");
        if self.random.one_in(2) {
            let src = self.number();
            self.line(&format!("{width}{dst} {op} {width}{src}"));
        } else {
            let constant = match shifts {
                true => self.random.below(if width == "w" { 32 } else { 64 }) as i32,
                false => self.random.constant(),
            };
            let constant = if constant == 0 && op.contains(['/', '%']) { -1 } else { constant };
            self.line(&format!("{width}{dst} {op} {constant}"));
        }
        self.state.regs[dst] = Holds::Number;
    }

    /// Sign extension, byte order, negation, or a number made small.
    pub(crate) fn convert(&mut self) {
        let dst = self.changeable();
        let mut held = Holds::Number;
        match self.random.below(5) {
            0 | 1 => {
                let src = self.number();
                let (width, cast) =
                    self.random.of(&[("r", "s8"), ("r", "s16"), ("r", "s32"), ("w", "s8"), ("w", "s16")]);
                self.line(&format!("{width}{dst} = ({cast}){width}{src}"));
            }
            2 => {
                let op = self
                    .random
                    .of(&["be16", "be32", "be64", "le16", "le32", "le64", "bswap16", "bswap32", "bswap64"]);
                self.line(&format!("r{dst} = {op} r{dst}"));
            }
            3 => {
                let width = self.random.of(&["r", "w"]);
                self.line(&format!("{width}{dst} = -{width}{dst}"));
            }
            _ => {
                let most = self.random.of(&[1, 3, 7, 15, 31, 63]);
                self.line(&format!("r{dst} &= {most}"));
                held = Holds::Small(most);
            }
        }
        self.state.regs[dst] = held;
    }

    fn memory_of(&self, reg: usize) -> Option<Memory> {
        let whole =
            |len: i32| Memory { base: reg, start: 0, len, stores: true, atomics: true, aligned: false };
        match self.state.regs[reg] {
            Holds::Value(row) => Some(whole(MAPS[row].value)),
            Holds::Inner => Some(whole(INNER_VALUE)),
            Holds::Packet(len) => Some(Memory { stores: self.hook.stores, atomics: false, ..whole(len) }),
            Holds::Meta(len) => Some(Memory { stores: self.hook.stores, atomics: false, ..whole(len) }),
            _ => None,
        }
    }

    /// Memory of some kind.
    fn memory(&mut self) -> Memory {
        let pointers: Vec<Memory> = (0..9).filter_map(|reg| self.memory_of(reg)).collect();
        if pointers.is_empty() || self.random.one_in(4) {
            return Memory {
                base: 10,
                start: BUFFER,
                len: BUFFER_SIZE,
                stores: true,
                atomics: true,
                aligned: true,
            };
        }
        self.random.of(&pointers)
    }

    /// Loads, stores or changes memory.
    pub(crate) fn touch(&mut self) {
        for _ in 0..=self.random.below(3) {
            let memory = self.memory();
            match self.random.below(8) {
                0 if self.moving_load(memory) => {}
                0..=2 => self.load(memory),
                3 | 4 if memory.stores => self.store(memory),
                5 | 6 if memory.atomics => self.atomic(memory),
                7 if memory.atomics => self.ordered(memory),
                _ => self.load(memory),
            }
        }
    }

    /// An address of `size` bytes inside: base and offset.
    fn place_in(&mut self, memory: Memory, size: i32, aligned: bool) -> Option<String> {
        if memory.len < size {
            return None;
        }
        let mut off = memory.start + self.random.below((memory.len - size + 1) as usize) as i32;
        if aligned || memory.aligned {
            off -= off.rem_euclid(size);
        }
        let sign = if off < 0 { '-' } else { '+' };
        Some(format!("r{} {sign} {}", memory.base, off.abs()))
    }

    fn load(&mut self, memory: Memory) {
        let size = self.random.of(&[1, 2, 4, 8]);
        let Some(place) = self.place_in(memory, size, false) else { return };
        let dst = self.target();
        let sign = if size < 8 && self.random.one_in(2) { 's' } else { 'u' };
        self.line(&format!("r{dst} = *({sign}{} *)({place})", size * 8));
        self.state.regs[dst] = Holds::Number;
    }

    fn store(&mut self, memory: Memory) {
        let size = self.random.of(&[1, 2, 4, 8]);
        let Some(place) = self.place_in(memory, size, false) else { return };
        if self.random.one_in(3) {
            let constant = self.random.constant();
            self.line(&format!("*(u{} *)({place}) = {constant}", size * 8));
        } else {
            let src = self.number_apart(memory.base);
            self.line(&format!("*(u{} *)({place}) = r{src}", size * 8));
        }
    }

    /// A number in a register that is not `other`: making one must not destroy the pointer.
    fn number_apart(&mut self, other: usize) -> usize {
        if let Some(reg) = self.find(Holds::is_number) {
            return reg;
        }
        let kept = (other < 10).then(|| std::mem::replace(&mut self.kept[other], true));
        let reg = self.number();
        if let Some(kept) = kept {
            self.kept[other] = kept;
        }
        reg
    }

    fn changeable_apart(&mut self, other: usize) -> usize {
        let kept = (other < 10).then(|| std::mem::replace(&mut self.kept[other], true));
        let reg = self.changeable();
        if let Some(kept) = kept {
            self.kept[other] = kept;
        }
        reg
    }

    fn atomic(&mut self, memory: Memory) {
        let size = self.random.of(&[4, 8]);
        let Some(place) = self.place_in(memory, size, true) else { return };
        let (bits, letter, suffix) = if size == 4 { (32, 'w', "32_32") } else { (64, 'r', "_64") };
        match self.random.below(4) {
            0 => {
                let src = self.number_apart(memory.base);
                let op = self.random.of(&["+=", "|=", "&=", "^="]);
                self.line(&format!("lock *(u{bits} *)({place}) {op} {letter}{src}"));
            }
            1 => {
                let reg = self.changeable_apart(memory.base);
                let op = self.random.of(&["add", "or", "and", "xor"]);
                self.line(&format!("{letter}{reg} = atomic_fetch_{op}((u{bits} *)({place}), {letter}{reg})"));
                self.state.regs[reg] = Holds::Number;
            }
            2 => {
                let reg = self.changeable_apart(memory.base);
                self.line(&format!("{letter}{reg} = xchg{suffix}({place}, {letter}{reg})"));
                self.state.regs[reg] = Holds::Number;
            }
            _ => self.compare_and_exchange(memory, &place, size),
        }
    }

    /// Compares with `r0`: half of the time with what is there.
    fn compare_and_exchange(&mut self, memory: Memory, place: &str, size: i32) {
        if memory.base == 0 || self.kept[0] {
            return;
        }
        let src = self.number_apart(memory.base);
        let (bits, letter, suffix) = if size == 4 { (32, 'w', "32_32") } else { (64, 'r', "_64") };
        match self.state.regs[0] {
            _ if src != 0 && self.random.one_in(2) => self.line(&format!("r0 = *(u{bits} *)({place})")),
            held if held.is_number() => {}
            _ if src != 0 => self.line(&format!("r0 = r{src}")),
            _ => return,
        }
        self.line(&format!("{letter}0 = cmpxchg{suffix}({place}, {letter}0, {letter}{src})"));
        self.state.regs[0] = Holds::Number;
    }

    fn ordered(&mut self, memory: Memory) {
        let size = self.random.of(&[1, 2, 4, 8]);
        let Some(place) = self.place_in(memory, size, true) else { return };
        let bits = size * 8;
        if self.random.one_in(2) {
            let dst = self.target();
            self.line(&format!("r{dst} = load_acquire((u{bits} *)({place}))"));
            self.state.regs[dst] = Holds::Number;
        } else {
            let src = self.number_apart(memory.base);
            self.line(&format!("store_release((u{bits} *)({place}), r{src})"));
        }
    }

    /// An access at a place that only the run knows; false if there is none.
    fn moving_load(&mut self, memory: Memory) -> bool {
        if memory.base == 10 {
            return self.moving_stack_load();
        }
        let most = [31, 15, 7, 3].into_iter().find(|most| most + 8 <= memory.len);
        let Some(most) = most.filter(|_| {
            memory.base < 9 && !matches!(self.state.regs[memory.base], Holds::Packet(_) | Holds::Meta(_))
        }) else {
            return false;
        };
        let kept = std::mem::replace(&mut self.kept[memory.base], true);
        let number = self.small(most);
        let pointer = self.target();
        self.kept[memory.base] = kept;
        if pointer == number {
            return false;
        }
        self.line(&format!("r{pointer} = r{}", memory.base));
        self.line(&format!("r{pointer} += r{number}"));
        let size = self.random.of(&[1, 2, 4, 8]);
        if self.random.one_in(3) {
            self.line(&format!("*(u{} *)(r{pointer} + 0) = {}", size * 8, size * 77));
        }
        self.line(&format!("r{pointer} = *(u{} *)(r{pointer} + 0)", size * 8));
        self.state.regs[pointer] = Holds::Number;
        true
    }

    /// The same in the function's memory, where accesses must be aligned.
    fn moving_stack_load(&mut self) -> bool {
        let number = self.changeable();
        self.line(&format!("r{number} &= {}", BUFFER_SIZE - 8));
        self.state.regs[number] = Holds::Small(BUFFER_SIZE - 8);
        let pointer = self.target();
        if pointer == number {
            return false;
        }
        self.line(&format!("r{pointer} = r10"));
        self.line(&format!("r{pointer} += r{number}"));
        if self.random.one_in(3) {
            self.line(&format!("*(u64 *)(r{pointer} - {}) = r{number}", -BUFFER));
        }
        self.line(&format!("r{pointer} = *(u64 *)(r{pointer} - {})", -BUFFER));
        self.state.regs[pointer] = Holds::Number;
        true
    }

    pub(crate) fn context(&mut self) {
        if self.state.regs[CONTEXT] != Holds::Context {
            return self.arithmetic();
        }
        let fields = fields(self.hook);
        if !fields.stores.is_empty() && self.random.one_in(2) {
            let (off, size) = self.random.of(&fields.stores);
            let number = self.number();
            self.line(&format!("*(u{} *)(r{CONTEXT} + {off}) = r{number}", size * 8));
        } else if !fields.loads.is_empty() {
            let (off, size) = self.random.of(&fields.loads);
            let dst = self.target();
            self.line(&format!("r{dst} = *(u{} *)(r{CONTEXT} + {off})", size * 8));
            self.state.regs[dst] = Holds::Number;
        }
    }

    pub(crate) fn spill(&mut self) {
        let Some(reg) = self.find(|held| held != Holds::Nothing) else { return };
        let slot = self.random.below(SPILLS);
        self.line(&format!("*(u64 *)(r10 - {}) = r{reg}", 8 + 8 * slot));
        self.state.spilled[slot] = self.state.regs[reg];
    }

    pub(crate) fn fill(&mut self) {
        let slot = self.random.below(SPILLS);
        let held = self.state.spilled[slot];
        if held == Holds::Nothing {
            return self.spill();
        }
        let reg = self.target();
        if held == Holds::Number && self.random.one_in(2) {
            let (ty, skip) =
                self.random.of(&[("u8", 7), ("s8", 0), ("u16", 2), ("s16", 4), ("u32", 0), ("s32", 4)]);
            self.line(&format!("r{reg} = *({ty} *)(r10 - {})", 8 + 8 * slot - skip));
        } else {
            self.line(&format!("r{reg} = *(u64 *)(r10 - {})", 8 + 8 * slot));
        }
        self.state.regs[reg] = held;
    }

    /// Packet bytes behind a check, or metadata.
    pub(crate) fn packet(&mut self) {
        let Some((data, end)) = self.hook.packet.filter(|_| self.state.regs[CONTEXT] == Holds::Context)
        else {
            return self.load_packet();
        };
        let [start, limit, probe] = self.targets();
        let skip = self.label();
        let meta = if self.hook.is_skb() { 140 } else { 8 };
        let has_meta = self.hook.spec().context_access(Release::LATEST, meta, 4, Access::Read).is_some();
        let metadata = has_meta && self.random.one_in(6);
        let (from, to) = if metadata { (meta, data) } else { (data, end) };
        self.line(&format!("r{start} = *(u32 *)(r{CONTEXT} + {from})"));
        self.line(&format!("r{limit} = *(u32 *)(r{CONTEXT} + {to})"));
        for reg in [start, limit, probe] {
            self.state.regs[reg] = Holds::Nothing;
        }
        if self.random.one_in(4) {
            // The length: the difference of two addresses of one packet.
            self.line(&format!("r{probe} = r{limit}"));
            self.line(&format!("r{probe} -= r{start}"));
            self.observe(probe);
        }
        if !metadata && self.random.one_in(3) {
            self.kept[start] = true;
            self.kept[limit] = true;
            let most = self.random.of(&[1, 3, 15, 31]);
            let number = self.small(most);
            (self.kept[start], self.kept[limit]) = (false, false);
            self.line(&format!("r{start} += r{number}"));
            self.state.regs[start] = Holds::Nothing;
        }
        let len = if metadata { self.random.of(&[4, 8, 32]) } else { 1 + self.random.below(64) as i32 };
        self.line(&format!("r{probe} = r{start}"));
        self.line(&format!("r{probe} += {len}"));
        self.state.regs[probe] = Holds::Nothing;
        match self.random.below(3) {
            0 => self.line(&format!("if r{limit} < r{probe} goto {skip}")),
            1 => {
                self.line(&format!("if r{probe} <= r{limit} goto +1"));
                self.line(&format!("goto {skip}"));
            }
            _ => self.line(&format!("if r{probe} > r{limit} goto {skip}")),
        }
        let most = 2 + self.random.below(5);
        self.skippable(&skip, most, |inside| {
            inside.state.regs[start] = if metadata { Holds::Meta(len) } else { Holds::Packet(len) };
            inside.touch();
        });
    }

    /// `LD_ABS`, `LD_IND`: outside the packet they end the function.
    pub(crate) fn load_packet(&mut self) {
        let loads = self.hook.spec().packet_loads() && self.role == Role::Program;
        if !loads || self.state.regs[CONTEXT] != Holds::Context {
            return self.arithmetic();
        }
        let size = self.random.of(&[8, 16, 32]);
        let off = match self.random.below(8) {
            0 => self.random.of(&[-0x10_0000, -0x20_0000, -0x20_0000 + 12, 70, 4000, -1]),
            _ => self.random.below(14) as i32,
        };
        self.before_call();
        if self.random.one_in(2) {
            let index = self.small(7);
            self.line(&format!("r0 = *(u{size} *)skb[r{index} + {off}]"));
        } else {
            self.line(&format!("r0 = *(u{size} *)skb[{off}]"));
        }
        self.after_call(Holds::Number);
    }
}
