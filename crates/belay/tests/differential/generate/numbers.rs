//! Numbers of random programs: arithmetic, bounds, comparisons.

use super::{Generator, Holds};

impl Generator<'_> {
    pub(super) fn random_number(&mut self) {
        self.save_held();
        self.line("call bpf_get_prandom_u32");
        self.after_call(Holds::Number);
        if self.random.one_in(2) {
            let to = 7 + self.random.below(3);
            if matches!(self.regs[to], Holds::Nothing | Holds::Number | Holds::Small) {
                self.line(&format!("r{to} = r0"));
                self.regs[to] = Holds::Number;
            }
        }
    }

    pub(super) fn arithmetic(&mut self) {
        let op = self.random.of(&["+=", "-=", "*=", "&=", "|=", "^=", "<<=", ">>=", "s>>=", "/=", "%=", "="]);
        let width = self.random.of(&["r", "r", "w"]);
        let dst = if self.slip(25) { self.any() } else { self.number() };
        let shift = op.ends_with("<=") || op.ends_with(">>=");
        if op == "=" && self.random.one_in(2) {
            let cast = self.random.of(&["(s8)", "(s16)", "(s32)"]);
            let src = self.number();
            let cast = if width == "w" && cast == "(s32)" { "(s16)" } else { cast };
            self.line(&format!("{width}{dst} = {cast}{width}{src}"));
        } else if self.random.one_in(2) {
            let src = self.number();
            self.line(&format!("{width}{dst} {op} {width}{src}"));
        } else {
            let constant = match shift {
                true => self.random.below(if width == "w" { 32 } else { 64 }) as i32,
                false => self.random.constant(),
            };
            let constant = if matches!(op, "/=" | "%=") && constant == 0 { 1 } else { constant };
            self.line(&format!("{width}{dst} {op} {constant}"));
        }
        self.regs[dst] = Holds::Number;
    }

    /// Makes a number small, by a mask or by a branch.
    pub(super) fn bound(&mut self) {
        let reg = self.number();
        match self.random.below(3) {
            0 => {
                let mask = self.random.of(&[1, 3, 7, 15, 31, 63]);
                self.line(&format!("r{reg} &= {mask}"));
            }
            1 => {
                let label = self.ahead();
                let limit = self.random.below(64);
                let op = self.random.of(&[">", ">=", "s>"]);
                let width = self.random.of(&["r", "w"]);
                self.line(&format!("if {width}{reg} {op} {limit} goto l{label}"));
            }
            _ => {
                let shift = self.random.of(&[58, 59, 60, 61]);
                self.line(&format!("r{reg} >>= {shift}"));
            }
        }
        self.regs[reg] = Holds::Small;
    }

    pub(super) fn branch(&mut self) {
        let op = self.random.of(&["==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&"]);
        let width = self.random.of(&["r", "r", "w"]);
        let left = if self.slip(12) { self.any() } else { self.number() };
        let label = self.ahead();
        if self.random.one_in(2) {
            let right = self.number();
            self.line(&format!("if {width}{left} {op} {width}{right} goto l{label}"));
        } else {
            let constant = self.random.constant();
            self.line(&format!("if {width}{left} {op} {constant} goto l{label}"));
        }
    }

    pub(super) fn copy(&mut self) {
        let (from, to) = (self.any(), self.target());
        self.line(&format!("r{to} = r{from}"));
        self.regs[to] = self.regs[from];
    }
}
