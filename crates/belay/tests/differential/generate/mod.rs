//! Random programs that mean something: valid by construction most of the time, with a mistake now and then.
//!
//! The generator keeps a rough idea of what each register holds, so that most instructions are allowed where they
//! stand. It is not a verifier: branches jump ahead over code that changed registers, checks are left out on purpose,
//! and so both verdicts come up.

mod calls;
mod held;
mod memory;
mod numbers;

use std::fmt::Write;

use crate::random::Random;
use crate::resource::{OnStack, RESOURCES, Resource};

/// What the generator believes of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holds {
    Nothing,
    Number,
    /// A number below 64.
    Small,
    Context,
    /// Packet bytes, so many of them checked.
    Packet(i32),
    PacketEnd,
    /// A value of the table, checked for NULL.
    Value,
    MaybeValue,
    /// A resource, by its row in the table, checked for NULL.
    Held(usize),
    MaybeHeld(usize),
    /// Eight bytes of a dynptr.
    Slice,
    MaybeSlice,
}

impl Holds {
    /// Whether it must be released, or may have to be.
    pub(crate) fn is_held(self) -> bool {
        matches!(self, Holds::Held(_) | Holds::MaybeHeld(_))
    }

    /// What it is once it was checked for NULL.
    fn checked(self) -> Option<Holds> {
        match self {
            Holds::MaybeValue => Some(Holds::Value),
            Holds::MaybeHeld(row) => Some(Holds::Held(row)),
            Holds::MaybeSlice => Some(Holds::Slice),
            _ => None,
        }
    }

    /// The resource's row, if it is one, checked.
    fn resource(self) -> Option<&'static Resource> {
        match self {
            Holds::Held(row) => RESOURCES.get(row),
            _ => None,
        }
    }
}

/// The maps that programs may name.
pub(crate) const MAPS: &str = "\
.map table kind=array key=4 value=64 entries=4
.map hash kind=hash key=8 value=32 entries=16
.map ring kind=ringbuf entries=4096
.map programs kind=prog_array key=4 value=4 entries=2
";

/// Sections of the hooks that are tried, and the offset of their packet's start and end in the context.
pub(crate) const HOOKS: &[(&str, Option<(i32, i32)>)] = &[
    ("tc", Some((76, 80))),
    ("tc", Some((76, 80))),
    ("tc", Some((76, 80))),
    ("xdp", Some((0, 4))),
    ("cgroup_skb/egress", Some((76, 80))),
    ("raw_tp/sys_enter", None),
];

pub(crate) struct Generator<'r> {
    pub(crate) random: &'r mut Random,
    pub(crate) text: String,
    pub(crate) regs: [Holds; 10],
    packet: Option<(i32, i32)>,
    labels: usize,
    /// Labels that must be placed after so many more steps.
    open: Vec<(usize, usize)>,
    /// What was spilled to each stack slot below the tuple.
    slots: [Holds; 6],
    /// Sections that are open, by row, and the object on the stack, if there is one.
    sections: Vec<usize>,
    on_stack: Option<&'static OnStack>,
    /// Which hook it is for.
    section: &'static str,
    /// Whether there may be a function, and whether it is called.
    helps: bool,
    called: bool,
    /// How much rarer mistakes are than in a short program: a long one would never be accepted.
    care: usize,
}

/// One program, as assembly text.
pub(crate) fn program(random: &mut Random) -> String {
    let (section, packet) = random.of(HOOKS);
    let helps = random.one_in(4);
    let long = random.one_in(5);
    let mut generator = Generator {
        random,
        text: format!(".license GPL\n{MAPS}.section {section}\nmain:\n"),
        regs: [Holds::Nothing; 10],
        packet,
        labels: 0,
        open: Vec::new(),
        slots: [Holds::Nothing; 6],
        sections: Vec::new(),
        on_stack: None,
        section,
        helps,
        called: false,
        care: if long { 12 } else { 1 },
    };
    generator.body();
    generator.text
}

impl Generator<'_> {
    fn body(&mut self) {
        self.regs[1] = Holds::Context;
        self.line("r6 = r1");
        self.regs[6] = Holds::Context;
        let steps = if self.care > 1 { 20 + self.random.below(60) } else { 3 + self.random.below(22) };
        for _ in 0..steps {
            self.step();
            self.place_labels(false);
        }
        self.place_labels(true);
        self.release_all();
        match self.random.below(8) {
            0 => {
                let reg = self.any();
                self.line(&format!("r0 = r{reg}"));
            }
            1 => self.line("r0 = 2"),
            _ => self.line("r0 = 0"),
        }
        self.line("exit");
        if self.called {
            self.helper_function();
        }
    }

    pub(crate) fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "    {line}");
    }

    pub(crate) fn label(&mut self) -> usize {
        self.labels += 1;
        self.labels
    }

    /// A label a few steps ahead.
    fn ahead(&mut self) -> usize {
        let label = self.label();
        let steps = 1 + self.random.below(4);
        self.open.push((label, steps));
        label
    }

    fn place_labels(&mut self, all: bool) {
        let mut open = std::mem::take(&mut self.open);
        open.retain_mut(|(label, steps)| {
            *steps -= 1;
            if *steps == 0 || all {
                let _ = writeln!(self.text, "l{label}:");
                return false;
            }
            true
        });
        self.open = open;
    }

    pub(crate) fn find(&mut self, wanted: impl Fn(Holds) -> bool) -> Option<usize> {
        let found: Vec<usize> = (0..10).filter(|&r| wanted(self.regs[r])).collect();
        (!found.is_empty()).then(|| self.random.of(&found))
    }

    /// Whether to make a mistake: in one of `n` places of a short program.
    pub(crate) fn slip(&mut self, n: usize) -> bool {
        self.random.one_in(n * self.care)
    }

    /// Whether to do what only some hooks allow: where it is allowed, and rarely elsewhere.
    fn at(&mut self, sections: &[&str]) -> bool {
        sections.contains(&self.section) || self.slip(25)
    }

    /// A register that holds something; rarely any at all.
    fn any(&mut self) -> usize {
        if self.slip(60) {
            return self.random.below(10);
        }
        self.find(|h| h != Holds::Nothing).unwrap_or(6)
    }

    /// A number, made if there is none.
    pub(crate) fn number(&mut self) -> usize {
        if let Some(reg) = self.find(|h| matches!(h, Holds::Number | Holds::Small)) {
            return reg;
        }
        let reg = self.target();
        let constant = self.random.constant();
        self.line(&format!("r{reg} = {constant}"));
        self.regs[reg] = Holds::Number;
        reg
    }

    /// A register to overwrite: not the context, seldom something held.
    pub(crate) fn target(&mut self) -> usize {
        loop {
            let reg = self.random.below(10);
            let held = self.regs[reg].is_held();
            if reg != 6 && (!held || self.slip(30)) {
                return reg;
            }
        }
    }

    pub(crate) fn after_call(&mut self, result: Holds) {
        for reg in 0..6 {
            self.regs[reg] = Holds::Nothing;
        }
        self.regs[0] = result;
    }

    /// Moves what a call would destroy, and is held, to where calls do not reach.
    pub(crate) fn save_held(&mut self) {
        for reg in 0..6 {
            if !matches!(self.regs[reg], Holds::Nothing | Holds::Number | Holds::Small | Holds::Context) {
                let to = 7 + self.random.below(3);
                if !self.regs[to].is_held() {
                    self.line(&format!("r{to} = r{reg}"));
                    self.regs[to] = self.regs[reg];
                }
            }
        }
    }

    fn step(&mut self) {
        match self.random.below(28) {
            0 => self.random_number(),
            1..=3 => self.arithmetic(),
            4 => self.bound(),
            5 => self.context_load(),
            6 | 7 => self.packet(),
            8 | 9 => self.check_null(),
            10 | 11 => self.acquire(),
            12 => self.release(),
            13 => self.look_up_map(),
            14 | 15 => self.touch_memory(),
            16 => self.spill(),
            17 => self.fill(),
            18 => self.branch(),
            19 => self.copy(),
            20 => self.enclose(),
            21 | 22 => self.hand_memory_over(),
            23 => self.move_packet(),
            24 => self.narrow(),
            25 | 26 => self.stack_atomic(),
            _ => self.rare(),
        }
    }

    fn rare(&mut self) {
        match self.random.below(9) {
            0 if self.regs[6] == Holds::Context => {
                self.save_held();
                self.line("r1 = r6");
                self.line("r2 = programs ll");
                self.line("r3 = 0");
                self.line("call bpf_tail_call");
                self.after_call(Holds::Nothing);
            }
            1 if self.regs[6] == Holds::Context && self.section == "tc" => {
                self.save_held();
                self.line("r0 = *(u16 *)skb[12]");
                self.after_call(Holds::Number);
            }
            2 => {
                if let Some(reg) = self.find(|h| h.is_held()) {
                    let op = self.random.of(&["+= 8", "-= 1", "&= 3"]);
                    self.line(&format!("r{reg} {op}"));
                }
            }
            3 => {
                if let Some(reg) = self.find(|h| h.resource().is_some()) {
                    self.line(&format!("*(u32 *)(r{reg} + 4) = 1"));
                }
            }
            4 => self.view(),
            5..=7 => self.turns(),
            _ => {
                let reg = self.any();
                self.line(&format!("r0 = r{reg}"));
                self.regs[0] = self.regs[reg];
            }
        }
    }
}
