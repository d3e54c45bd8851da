//! Branches, loops, functions, callbacks, tail calls.

use crate::generate::{CONTEXT, Generator, Holds, OUT, Role};
use crate::tables::{MAPS, Use};

impl Generator<'_> {
    fn condition(&mut self) -> String {
        let op = self.random.of(&["==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&"]);
        let width = self.random.of(&["r", "r", "w"]);
        let left = self.number();
        if self.random.one_in(2) {
            let right = self.number();
            format!("{width}{left} {op} {width}{right}")
        } else {
            let right = self.random.constant();
            format!("{width}{left} {op} {right}")
        }
    }

    /// One way or two.
    pub(crate) fn branch(&mut self) {
        let condition = self.condition();
        let label = self.label();
        self.line(&format!("if {condition} goto {label}"));
        let most = 1 + self.random.below(4);
        if self.random.one_in(2) {
            return self.skippable(&label, most, |_| {});
        }
        let before = self.state.clone();
        let end = self.label();
        self.block(most);
        self.line(&format!("goto {end}"));
        self.place(&label);
        let after = std::mem::replace(&mut self.state, before);
        self.block(most);
        self.place(&end);
        self.meet(&after);
    }

    /// A loop: up or down to a constant or a number that only the run knows, with a budget now and then.
    pub(crate) fn turns(&mut self) {
        let counter = self.random.of(&[7, 8]);
        if self.kept[counter] {
            return self.branch();
        }
        let bound = 1 + self.random.below(8) as i32;
        let limit = if self.random.one_in(3) { self.lasting_limit(15 - counter) } else { None };
        let kept = self.kept;
        let down = limit.is_none() && self.random.one_in(3);
        self.line(&format!("r{counter} = {}", if down { bound } else { 0 }));
        self.before_turns(counter, limit);
        let (again, out) = (self.label(), self.label());
        self.place(&again);
        if self.random.one_in(3) {
            self.line(&format!("may_goto {out}"));
        }
        if let Some(limit) = limit {
            self.line(&format!("if r{counter} >= r{limit} goto {out}"));
        }
        let start = self.state.clone();
        let most = 1 + self.random.below(4);
        self.turning += 1;
        self.block(most);
        self.turning -= 1;
        self.as_at_start(&start.regs);
        self.line(&format!("r{counter} {}", if down { "-= 1" } else { "+= 1" }));
        match (limit, down) {
            (None, true) => self.line(&format!("if r{counter} != 0 goto {again}")),
            (None, false) => self.line(&format!("if r{counter} < {bound} goto {again}")),
            (Some(_), _) => self.line(&format!("goto {again}")),
        }
        self.place(&out);
        self.state = start;
        self.kept = kept;
    }

    /// A number of rounds in a register that calls keep.
    fn lasting_limit(&mut self, reg: usize) -> Option<usize> {
        if self.kept[reg] {
            return None;
        }
        let number = self.small(7);
        if number != reg {
            self.line(&format!("r{reg} = r{number}"));
            self.state.regs[reg] = Holds::Number;
        }
        Some(reg)
    }

    /// What a loop relies on must hold in each of its rounds.
    fn before_turns(&mut self, counter: usize, limit: Option<usize>) {
        self.state.regs[counter] = Holds::Number;
        // Calls destroy the first registers, helpers move the packet, other rounds change entries and numbers.
        self.packet_moved();
        self.entries_changed(None);
        self.state.regs[..6].fill(Holds::Nothing);
        for reg in 0..10 {
            match self.state.regs[reg] {
                Holds::Small(_) => self.state.regs[reg] = Holds::Number,
                Holds::Value(_) | Holds::Inner => self.kept[reg] = true,
                _ => {}
            }
        }
        self.state.spilled = [Holds::Nothing; 4];
        self.kept[counter] = true;
        if let Some(limit) = limit {
            self.kept[limit] = true;
        }
    }

    /// At the end of a round: what was a number at its start is one again.
    fn as_at_start(&mut self, start: &[Holds; 10]) {
        for (reg, held) in start.iter().enumerate().take(OUT) {
            if held.is_number() && !self.state.regs[reg].is_number() {
                self.line(&format!("r{reg} = {}", reg * 3));
            }
        }
    }

    pub(crate) fn call_function(&mut self) {
        if self.role != Role::Program {
            return self.arithmetic();
        }
        let steps = 2 + self.random.below(8);
        let name = self.function(Role::Function, steps, &[Holds::Context, Holds::Number, Holds::Number]);
        self.before_call();
        for arg in [2, 3] {
            self.argument_number(arg);
        }
        self.line(&format!("r1 = r{CONTEXT}"));
        self.line(&format!("call {name}"));
        self.packet_moved();
        self.entries_changed(None);
        self.after_call(Holds::Number);
    }

    /// A number into an argument register: one that a call keeps, or a constant.
    pub(crate) fn argument_number(&mut self, arg: usize) {
        let lasting: Vec<usize> =
            [0, 7, 8].into_iter().filter(|&reg| self.state.regs[reg].is_number()).collect();
        if lasting.is_empty() || self.random.one_in(3) {
            self.constant(arg);
        } else {
            let from = self.random.of(&lasting);
            self.line(&format!("r{arg} = r{from}"));
        }
        self.state.regs[arg] = Holds::Nothing;
    }

    /// `bpf_loop`, `bpf_for_each_map_elem`.
    pub(crate) fn call_back(&mut self) {
        if self.role != Role::Program || self.depth > 3 {
            return self.arithmetic();
        }
        match self.random.one_in(2) {
            true => self.repeat(),
            false => self.for_each(),
        }
    }

    fn repeat(&mut self) {
        let steps = 1 + self.random.below(5);
        let name = self.function(Role::Callback, steps, &[Holds::Number]);
        self.before_call();
        let flags = i32::from(self.random.one_in(8));
        // Not 0: the kernel does not look at the callback then, and fails to compile what it did not look at.
        self.one_of(1, &[1, 2, 5, 9, -1 << 8]);
        if self.random.one_in(3) && self.state.regs[7].is_number() {
            self.line("r1 = r7");
            self.line("r1 &= 7");
            self.line("r1 |= 1");
        }
        // On one line: no shorter program has the function's address in a register.
        self.line(&format!("r2 = {name} ll; r3 = 0; r4 = {flags}; call bpf_loop"));
        self.entries_changed(None);
        self.after_call(Holds::Number);
    }

    /// Adds up all elements: their order is the map's own affair.
    fn for_each(&mut self) {
        let rows: Vec<usize> = (0..MAPS.len())
            .filter(|row| matches!(MAPS[*row].usage, Use::Array | Use::Hash) && !MAPS[*row].prefix)
            .collect();
        let row = self.random.of(&rows);
        self.maps.insert(row);
        let sum = 8 * self.random.below(8);
        let body = format!(
            "    r0 = *(u32 *)(r2 + 0)\n    r1 = *(u64 *)(r3 + 0)\n    r0 *= 3\n    r1 += r0\n    r{OUT} = out ll\n    \
             lock *(u64 *)(r{OUT} + {sum}) += r1\n    r0 = 0\n    exit\n"
        );
        let name = self.written_function(&body);
        self.before_call();
        self.line(&format!("r1 = {} ll", MAPS[row].name));
        self.line(&format!("r2 = {name} ll; r3 = 0; r4 = 0; call bpf_for_each_map_elem"));
        self.entries_changed(None);
        self.after_call(Holds::Number);
    }

    pub(crate) fn tail_call(&mut self) {
        if !self.tails || self.role != Role::Program || self.depth > 3 {
            return self.arithmetic();
        }
        self.before_call();
        self.argument_number(3);
        if self.random.one_in(2) {
            self.line("r3 &= 3");
        } else {
            self.one_of(3, &[0, 1, 1, 1, 2, 9]);
        }
        self.line(&format!("r1 = r{CONTEXT}"));
        self.line("r2 = programs ll");
        self.line("call bpf_tail_call");
        self.after_call(Holds::Nothing);
    }
}
