//! Loops and functions of random programs.

use std::fmt::Write;

use crate::generate::{Generator, Holds};

impl Generator<'_> {
    /// A loop: over a constant or an unknown bound, up or down, with a second number that only exact tracking knows, by
    /// a budget, or by an iterator.
    pub(crate) fn turns(&mut self) {
        match self.random.below(8) {
            0 => self.unknown_turns(),
            1 => self.budgeted_turns(),
            2 => self.iterated_turns(),
            _ => self.counted_turns(),
        }
    }

    fn counted_turns(&mut self) {
        let reg = self.target();
        let label = self.label();
        let turns = 1 + self.random.below(12);
        let (start, step, until) = match self.random.below(4) {
            0 => (turns, "-= 1", "> 0".to_string()),
            1 => (0, "+= 2", format!("< {turns}")),
            2 => (0, "+= 1", format!("!= {turns}")),
            _ => (0, "+= 1", format!("< {turns}")),
        };
        self.line(&format!("r{reg} = {start}"));
        let second = self.number();
        let _ = writeln!(self.text, "l{label}:");
        self.line(&format!("r{reg} {step}"));
        if second != reg && self.random.one_in(2) {
            let op = self.random.of(&["+=", "-=", "^=", "|=", "="]);
            self.line(&format!("r{second} {op} r{reg}"));
        }
        if self.random.one_in(3) {
            self.index_a_value(reg);
        }
        if self.random.one_in(4) {
            self.counting_on_the_stack(reg);
        }
        self.line(&format!("if r{reg} {until} goto l{label}"));
        self.regs[reg] = Holds::Number;
    }

    /// Reads a value at a place that the counter says: only its exact numbers show that it is inside.
    fn index_a_value(&mut self, counter: usize) {
        let Some(value) = self.find(|h| h == Holds::Value) else { return };
        let place = self.target();
        if place == counter || place == value {
            return;
        }
        self.line(&format!("r{place} = r{value}"));
        self.line(&format!("r{place} += r{counter}"));
        let off = self.random.of(&[0, 8, 20, 24, 31]);
        self.line(&format!("r{place} = *(u8 *)(r{place} + {off})"));
        self.regs[place] = Holds::Number;
    }

    /// An atomic operation on the stack in a loop, which leaves the counter alone.
    fn counting_on_the_stack(&mut self, counter: usize) {
        let counts = std::mem::replace(&mut self.regs[counter], Holds::Context);
        self.stack_atomic();
        self.regs[counter] = counts;
    }

    fn unknown_turns(&mut self) {
        let (reg, bound) = (self.target(), self.number());
        if reg == bound {
            return;
        }
        let mask = self.random.of(&[1, 3, 7]);
        self.line(&format!("r{bound} &= {mask}"));
        self.line(&format!("r{reg} = 0"));
        let (label, out) = (self.label(), self.label());
        let _ = writeln!(self.text, "l{label}:");
        self.line(&format!("if r{reg} >= r{bound} goto l{out}"));
        self.line(&format!("r{reg} += 1"));
        self.line(&format!("goto l{label}"));
        let _ = writeln!(self.text, "l{out}:");
        self.regs[reg] = Holds::Number;
        self.regs[bound] = Holds::Small;
    }

    fn budgeted_turns(&mut self) {
        let reg = self.target();
        let (label, out) = (self.label(), self.label());
        self.line(&format!("r{reg} = 0"));
        let _ = writeln!(self.text, "l{label}:");
        self.line(&format!("may_goto l{out}"));
        let op = self.random.of(&["+= 1", "+= 8", "^= 1", "= 5"]);
        self.line(&format!("r{reg} {op}"));
        if self.random.one_in(2) {
            self.line(&format!("r{reg} &= 31"));
        }
        if self.random.one_in(2) {
            self.index_a_value(reg);
        }
        if self.random.one_in(4) {
            self.counting_on_the_stack(reg);
        }
        self.line(&format!("goto l{label}"));
        let _ = writeln!(self.text, "l{out}:");
        self.regs[reg] = Holds::Number;
    }

    fn iterated_turns(&mut self) {
        let (label, out) = (self.label(), self.label());
        let (start, end) = (self.random.below(3), self.random.below(100));
        let iterator = |generator: &mut Self| {
            generator.line("r1 = r10");
            generator.line("r1 += -176");
        };
        self.save_held();
        iterator(self);
        self.line(&format!("r2 = {start}"));
        self.line(&format!("r3 = {end}"));
        self.line("call bpf_iter_num_new");
        let _ = writeln!(self.text, "l{label}:");
        iterator(self);
        self.line("call bpf_iter_num_next");
        if !self.slip(10) {
            self.line(&format!("if r0 == 0 goto l{out}"));
        }
        let reg = 7 + self.random.below(3);
        if !self.regs[reg].is_held() {
            self.line(&format!("r{reg} = *(u32 *)(r0 + 0)"));
            self.regs[reg] = Holds::Number;
        }
        self.line(&format!("goto l{label}"));
        let _ = writeln!(self.text, "l{out}:");
        iterator(self);
        self.line("call bpf_iter_num_destroy");
        self.after_call(Holds::Nothing);
    }

    /// A function that releases the socket it is given.
    pub(crate) fn helper_function(&mut self) {
        let _ = writeln!(self.text, ".func release_it");
        if self.random.one_in(3) {
            self.line("r6 = r1");
            self.line("r2 = *(u32 *)(r6 + 4)");
            self.line("r1 = r6");
        }
        if self.random.one_in(8) {
            self.line("*(u64 *)(r10 - 256) = 1");
        }
        self.line("call bpf_sk_release");
        if self.random.one_in(8) {
            self.line("r0 = r10");
        } else {
            self.line("r0 = 0");
        }
        self.line("exit");
    }
}
