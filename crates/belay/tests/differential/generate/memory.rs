//! Memory of random programs: context, packet, values, and the stack: spills and fills of every width, atomics.

use super::{Generator, Holds};

impl Generator<'_> {
    pub(super) fn context_load(&mut self) {
        let Some(context) = self.find(|h| h == Holds::Context) else { return };
        let reg = self.target();
        if !self.random.one_in(6) {
            let off = if self.section == "xdp" { 12 } else { self.random.of(&[0, 4, 8, 16, 40, 44, 68]) };
            self.line(&format!("r{reg} = *(u32 *)(r{context} + {off})"));
            self.regs[reg] = Holds::Number;
            return;
        }
        let off = self.random.below(200) as i32;
        let size = self.random.of(&["u32", "u32", "u32", "u16", "u8", "u64"]);
        if self.random.one_in(10) {
            self.line(&format!("*(u32 *)(r{context} + {off}) = {}", self.labels));
            return;
        }
        self.line(&format!("r{reg} = *({size} *)(r{context} + {off})"));
        self.regs[reg] = Holds::Number;
    }

    pub(super) fn packet(&mut self) {
        let Some((start, end)) = self.packet else { return };
        if self.regs[6] != Holds::Context {
            return;
        }
        let (a, b, c) = (self.target(), self.target(), self.target());
        if a == b || b == c || a == c {
            return;
        }
        self.line(&format!("r{a} = *(u32 *)(r6 + {start})"));
        self.line(&format!("r{b} = *(u32 *)(r6 + {end})"));
        self.regs[a] = Holds::Packet(0);
        self.regs[b] = Holds::PacketEnd;
        if self.random.one_in(3) {
            let number = self.find(|h| h == Holds::Small);
            if let Some(number) = number.filter(|n| *n != a && *n != b) {
                self.line(&format!("r{a} += r{number}"));
            }
        }
        self.line(&format!("r{c} = r{a}"));
        let bytes = self.random.of(&[1, 8, 14, 20, 34, 54]);
        self.line(&format!("r{c} += {bytes}"));
        let label = self.ahead();
        let (op, left, right) = match self.random.below(6) {
            0 => (">=", c, b),
            1 => ("<", b, c),
            2 => ("<=", b, c),
            3 => ("<", c, b),
            _ => (">", c, b),
        };
        self.line(&format!("if r{left} {op} r{right} goto l{label}"));
        self.regs[a] = Holds::Packet(bytes);
        self.regs[c] = Holds::Packet(0);
    }

    pub(super) fn touch_memory(&mut self) {
        let touchable = |h: Holds| {
            matches!(h, Holds::Value | Holds::Packet(1..) | Holds::Slice) || h.resource().is_some()
        };
        let Some(reg) = self.find(touchable) else { return };
        let size = self.random.of(&[1, 2, 4, 8]);
        let limit = match self.regs[reg] {
            Holds::Value => 32,
            Holds::Slice => 8,
            Holds::Packet(bytes) => bytes,
            held => match held.resource() {
                Some(resource) if resource.bytes > 0 => resource.bytes,
                _ => return self.touch_resource(),
            },
        };
        let off = if self.slip(14) {
            self.random.of(&[-1, 31, 32, 60, 64])
        } else {
            self.random.below((limit - size + 1).max(1) as usize) as i32
        };
        let bits = size * 8;
        if matches!(self.regs[reg], Holds::Value)
            && self.random.one_in(3)
            && let Some(number) = self.find(|h| h == Holds::Small)
        {
            self.line(&format!("r{reg} += r{number}"));
        }
        match self.random.below(5) {
            0 => self.line(&format!("*(u{bits} *)(r{reg} + {off}) = 7")),
            1 => {
                let src = if self.slip(12) { self.any() } else { self.number() };
                self.line(&format!("*(u{bits} *)(r{reg} + {off}) = r{src}"));
            }
            2 if size >= 4 => {
                let src = self.number();
                let op = self.random.of(&["+=", "|=", "&=", "^="]);
                self.line(&format!("lock *(u{bits} *)(r{reg} + {off}) {op} r{src}"));
            }
            3 if size >= 4 && self.random.one_in(3) => {
                let (dst, src) = (self.target(), self.number());
                if self.random.one_in(2) {
                    self.line(&format!("r{dst} = load_acquire((u{bits} *)(r{reg} + {off}))"));
                    self.regs[dst] = Holds::Number;
                } else {
                    self.line(&format!("store_release((u{bits} *)(r{reg} + {off}), r{src})"));
                }
            }
            _ => {
                let dst = self.target();
                let sign = if size < 8 && self.random.one_in(3) { "s" } else { "u" };
                self.line(&format!("r{dst} = *({sign}{bits} *)(r{reg} + {off})"));
                self.regs[dst] = Holds::Number;
            }
        }
    }

    pub(super) fn spill(&mut self) {
        let slot = self.random.below(6);
        let off = 24 + 8 * slot;
        let reg = self.any();
        let size = if self.random.one_in(5) { self.random.of(&["u8", "u16", "u32"]) } else { "u64" };
        self.line(&format!("*({size} *)(r10 - {off}) = r{reg}"));
        self.slots[slot] = if size == "u64" { self.regs[reg] } else { Holds::Number };
    }

    pub(super) fn fill(&mut self) {
        let slot = self.random.below(6);
        if self.slots[slot] == Holds::Nothing && !self.random.one_in(4) {
            return;
        }
        let off = 24 + 8 * slot;
        let reg = self.target();
        let size = if self.random.one_in(5) { self.random.of(&["u8", "u16", "u32", "s32"]) } else { "u64" };
        self.line(&format!("r{reg} = *({size} *)(r10 - {off})"));
        self.regs[reg] = if size == "u64" { self.slots[slot] } else { Holds::Number };
    }

    /// Stores a number at one width and loads it at another.
    pub(super) fn narrow(&mut self) {
        let number = self.number();
        let reg = self.target();
        let off = 80 + 8 * self.random.below(2);
        let (stored, loaded) = (self.random.of(&[1, 2, 4, 8, 8]), self.random.of(&[1, 2, 4, 8]));
        let at = off as i32 - loaded * self.random.below((8 / loaded) as usize) as i32;
        self.line(&format!("*(u{} *)(r10 - {off}) = r{number}", stored * 8));
        self.line(&format!("r{reg} = *(u{} *)(r10 - {at})", loaded * 8));
        self.regs[reg] = Holds::Number;
        // What it is good for: an index into a value.
        self.index_with(reg);
    }

    /// An atomic operation on the stack: on a number that was spilled, on half of one, now and then on what is none.
    pub(crate) fn stack_atomic(&mut self) {
        let slot = self.random.below(6);
        let off = 24 + 8 * slot;
        let is_number = matches!(self.slots[slot], Holds::Number | Holds::Small);
        if !is_number && !self.slip(12) {
            let number = self.number();
            self.line(&format!("*(u64 *)(r10 - {off}) = r{number}"));
        }
        self.slots[slot] = Holds::Number;
        let (wide, upper) = (self.random.one_in(2), self.random.one_in(3));
        let off = if !wide && upper { off - 4 } else { off };
        self.atomic(&format!("r10 - {off}"), wide);
    }

    /// An atomic operation on 4 or 8 bytes, and what the old value is good for.
    fn atomic(&mut self, at: &str, wide: bool) {
        let (bits, reg, suffix) = if wide { (64, "r", "_64") } else { (32, "w", "32_32") };
        let src = self.number();
        let old = match self.random.below(6) {
            0 => {
                let op = self.random.of(&["+=", "|=", "&=", "^="]);
                self.line(&format!("lock *(u{bits} *)({at}) {op} {reg}{src}"));
                return;
            }
            1..=3 => {
                let op = self.random.of(&["add", "or", "and", "xor"]);
                self.line(&format!("{reg}{src} = atomic_fetch_{op}((u{bits} *)({at}), {reg}{src})"));
                src
            }
            4 => {
                self.line(&format!("{reg}{src} = xchg{suffix}({at}, {reg}{src})"));
                src
            }
            _ if self.regs[0].is_held() => return,
            _ => {
                if !self.slip(12) {
                    let expected = self.random.constant();
                    self.line(&format!("r0 = {expected}"));
                }
                self.line(&format!("{reg}0 = cmpxchg{suffix}({at}, {reg}0, {reg}{src})"));
                0
            }
        };
        self.regs[old] = Holds::Number;
        if self.random.one_in(2) {
            self.index_with(old);
        }
    }

    /// Uses a number as an index into a value, if there is one; often bounded.
    fn index_with(&mut self, reg: usize) {
        let Some(value) = self.find(|h| h == Holds::Value).filter(|value| *value != reg) else { return };
        let mask = self.random.of(&[7, 15, 31, 63]);
        if self.random.one_in(2) {
            self.line(&format!("r{reg} &= {mask}"));
        }
        self.line(&format!("r{value} += r{reg}"));
        self.line(&format!("r{reg} = *(u8 *)(r{value} + 0)"));
    }
}
