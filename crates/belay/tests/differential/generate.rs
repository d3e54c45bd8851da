//! Random programs that mean something: valid by construction most of the time, with a mistake now and then.
//!
//! The generator keeps a rough idea of what each register holds, so that most instructions are allowed where they
//! stand. It is not a verifier: branches jump ahead over code that changed registers, checks are left out on purpose,
//! and so both verdicts come up.

use std::fmt::Write;

use crate::random::Random;
use crate::resource::{ON_STACK, OnStack, RESOURCES, Resource, SECTIONS};

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
        match self.random.below(26) {
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
            _ => self.rare(),
        }
    }

    fn random_number(&mut self) {
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

    fn arithmetic(&mut self) {
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
    fn bound(&mut self) {
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

    fn context_load(&mut self) {
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

    fn packet(&mut self) {
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

    fn check_null(&mut self) {
        let Some(reg) = self.find(|h| h.checked().is_some()) else { return };
        let label = self.ahead();
        match self.random.below(8) {
            0 => self.line(&format!("if r{reg} != 0 goto l{label}")),
            1 => self.line(&format!("if w{reg} == 0 goto l{label}")),
            _ => self.line(&format!("if r{reg} == 0 goto l{label}")),
        }
        self.regs[reg] = self.regs[reg].checked().unwrap_or(Holds::Nothing);
    }

    /// A template's line, with its choices made.
    fn line_of(&mut self, template: &str, reg: usize) {
        let context = self.find(|h| h == Holds::Context).unwrap_or(6);
        let mut line = String::new();
        let mut rest = template;
        while let Some((front, choices, back)) = rest
            .split_once('{')
            .and_then(|(front, tail)| Some((front, tail.split_once('}')?)))
            .map(|(f, (c, b))| (f, c, b))
        {
            let choices: Vec<&str> = choices.split('|').collect();
            line += front;
            line += self.random.of(&choices);
            rest = back;
        }
        line += rest;
        self.line(&line.replace("CTX", &format!("r{context}")).replace("REG", &format!("r{reg}")));
    }

    /// Acquires a resource of the table: often checked at once, and released at once.
    fn acquire(&mut self) {
        let row = self.random.below(RESOURCES.len());
        let resource = &RESOURCES[row];
        if !self.at(resource.at) || self.find(|h| h == Holds::Context).is_none() {
            return;
        }
        self.save_held();
        for template in resource.acquire {
            self.line_of(template, 0);
        }
        self.after_call(Holds::MaybeHeld(row));
        if !self.random.one_in(4) {
            let to = 7 + self.random.below(3);
            if !self.regs[to].is_held() {
                self.line(&format!("r{to} = r0"));
                self.regs[to] = Holds::MaybeHeld(row);
            }
        }
        if self.random.one_in(5) {
            return;
        }
        let label = self.label();
        let reg =
            if self.random.one_in(2) { 0 } else { self.find(|h| h == Holds::MaybeHeld(row)).unwrap_or(0) };
        self.line(&format!("if r{reg} == 0 goto l{label}"));
        let open = 1 + self.random.below(3);
        self.open.push((label, open));
        for held in &mut self.regs {
            if *held == Holds::MaybeHeld(row) {
                *held = Holds::Held(row);
            }
        }
        // Most often the release follows at once, and the label after it: the way to an accepted program.
        if !self.random.one_in(3) {
            self.touch_resource();
            self.release();
            self.place_labels(true);
        }
    }

    fn touch_resource(&mut self) {
        let Some(reg) = self.find(|h| h.resource().is_some()) else { return };
        let Some(resource) = self.regs[reg].resource() else { return };
        let to = self.target();
        let template = self.random.of(resource.loads);
        self.line_of(&format!("r{to} = {template}"), reg);
        self.regs[to] = Holds::Number;
    }

    /// Opens a section, or closes the last; or makes, uses and ends an object on the stack.
    fn enclose(&mut self) {
        match (self.random.below(3), self.sections.last().copied()) {
            (0, None) => {
                let row = self.random.below(SECTIONS.len());
                if SECTIONS[row].at.is_empty() || self.at(SECTIONS[row].at) {
                    self.save_held();
                    self.line(&format!("call {}", SECTIONS[row].open));
                    self.after_call(Holds::Nothing);
                    self.sections.push(row);
                }
            }
            (0 | 1, Some(row)) => self.close(row),
            _ => self.object_on_stack(),
        }
    }

    fn close(&mut self, row: usize) {
        self.save_held();
        self.line(&format!("call {}", SECTIONS[row].close));
        self.after_call(Holds::Nothing);
        self.sections.pop();
    }

    fn object_on_stack(&mut self) {
        if self.find(|h| h == Holds::Context).is_none() {
            return;
        }
        let Some(object) = self.on_stack else {
            let object = &ON_STACK[self.random.below(ON_STACK.len())];
            if self.at(object.at) {
                self.save_held();
                for template in object.make {
                    self.line_of(template, 0);
                }
                self.after_call(Holds::Number);
                self.on_stack = Some(object);
            }
            return;
        };
        if self.random.one_in(3) {
            return self.end_object(object);
        }
        let (lines, result) = object.uses[self.random.below(object.uses.len())];
        self.save_held();
        for template in lines {
            self.line_of(template, 0);
        }
        self.after_call(result);
        if result == Holds::MaybeSlice && !self.random.one_in(4) {
            let label = self.ahead();
            self.line(&format!("if r0 == 0 goto l{label}"));
            self.regs[0] = Holds::Slice;
        }
    }

    fn end_object(&mut self, object: &OnStack) {
        self.save_held();
        for template in object.end {
            self.line_of(template, 0);
        }
        self.after_call(Holds::Nothing);
        self.on_stack = None;
    }

    fn release(&mut self) {
        let Some(reg) = self.find(|h| h.resource().is_some()) else { return };
        let Some(resource) = self.regs[reg].resource() else { return };
        for other in 0..10 {
            if self.regs[other] == self.regs[reg] {
                self.regs[other] = Holds::Nothing;
            }
        }
        self.save_held();
        if reg != 1 {
            self.line(&format!("r1 = r{reg}"));
        }
        let by_function = self.helps && resource.socket && self.random.one_in(2);
        self.called |= by_function;
        if by_function {
            self.line("call release_it");
        } else {
            for template in resource.release {
                self.line_of(template, 1);
            }
        }
        self.after_call(Holds::Nothing);
    }

    fn release_all(&mut self) {
        for _ in 0..4 {
            if !self.slip(12) {
                self.release();
            }
        }
        if let Some(object) = self.on_stack
            && !self.slip(12)
        {
            self.end_object(object);
        }
        while let Some(&row) = self.sections.last()
            && !self.slip(12)
        {
            self.close(row);
        }
    }

    fn look_up_map(&mut self) {
        self.save_held();
        if self.random.one_in(2) {
            let key = self.random.of(&[0, 1, 3, 4, 9]);
            self.line(&format!("*(u32 *)(r10 - 4) = {key}"));
            self.line("r2 = r10");
            self.line("r2 += -4");
            self.line("r1 = table ll");
        } else {
            self.line("*(u64 *)(r10 - 8) = 0");
            self.line("r2 = r10");
            self.line("r2 += -8");
            self.line("r1 = hash ll");
        }
        self.line("call bpf_map_lookup_elem");
        self.after_call(Holds::MaybeValue);
        if !self.random.one_in(3) {
            let label = self.ahead();
            self.line(&format!("if r0 == 0 goto l{label}"));
            self.regs[0] = Holds::Value;
        }
    }

    fn touch_memory(&mut self) {
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

    fn spill(&mut self) {
        let slot = self.random.below(6);
        let off = 24 + 8 * slot;
        let reg = self.any();
        let size = if self.random.one_in(5) { self.random.of(&["u8", "u16", "u32"]) } else { "u64" };
        self.line(&format!("*({size} *)(r10 - {off}) = r{reg}"));
        self.slots[slot] = if size == "u64" { self.regs[reg] } else { Holds::Number };
    }

    fn fill(&mut self) {
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

    fn branch(&mut self) {
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

    fn copy(&mut self) {
        let (from, to) = (self.any(), self.target());
        self.line(&format!("r{to} = r{from}"));
        self.regs[to] = self.regs[from];
    }

    /// Hands memory and a size to a helper.
    fn hand_memory_over(&mut self) {
        if self.regs[6] != Holds::Context {
            return;
        }
        let how = self.random.below(4);
        let allowed = match how {
            0 => self.at(&["tc"]),
            1 => self.at(&["tc", "xdp"]),
            _ => self.at(&["tc", "cgroup_skb/egress"]),
        };
        if !allowed {
            return;
        }
        self.save_held();
        let touchable = |h: Holds| {
            matches!(h, Holds::Value | Holds::Packet(1..)) || h.resource().is_some_and(|r| r.bytes > 0)
        };
        let memory = if self.random.one_in(2) { self.find(touchable) } else { None };
        let size = self.find(|h| matches!(h, Holds::Small | Holds::Number)).filter(|_| self.random.one_in(2));
        // The size first: the other arguments must not overwrite what it is made from.
        match size {
            Some(reg) => {
                if reg != 4 {
                    self.line(&format!("r4 = r{reg}"));
                }
                if !self.random.one_in(4) {
                    let mask = self.random.of(&[7, 15, 31]);
                    self.line(&format!("r4 &= {mask}"));
                }
                if self.random.one_in(2) {
                    self.line("r4 += 1");
                }
            }
            None => {
                let size = self.random.of(&[4, 4, 8, 8, 16, 16, 20, 32, 64, 0, 1, 513]);
                self.line(&format!("r4 = {size}"));
            }
        }
        match memory.filter(|&reg| reg != 4) {
            Some(reg) => {
                if reg != 3 {
                    self.line(&format!("r3 = r{reg}"));
                }
            }
            None => {
                let off = self.random.of(&[32, 64, 64, 128, 128, 256, 16, 512, 520]);
                self.line("r3 = r10");
                self.line(&format!("r3 += -{off}"));
            }
        }
        self.line("r2 = 0");
        let helper = match how {
            0 => {
                self.line("r5 = 0");
                "skb_store_bytes"
            }
            1 => {
                // Size and memory stand elsewhere: from, from_size, to, to_size, seed.
                self.line("r1 = r3");
                self.line("r2 = r4");
                self.line("r3 = 0");
                self.line("r4 = 0");
                self.line("r5 = 0");
                "csum_diff"
            }
            _ => "skb_load_bytes",
        };
        if helper != "csum_diff" {
            self.line("r1 = r6");
        }
        self.line(&format!("call bpf_{helper}"));
        if helper == "skb_store_bytes" {
            self.forget_packet();
        }
        self.after_call(Holds::Number);
    }

    /// A helper after which packet pointers are of no use.
    fn move_packet(&mut self) {
        if self.regs[6] != Holds::Context || !self.at(&["tc", "xdp"]) {
            return;
        }
        self.save_held();
        self.line("r1 = r6");
        self.line("r2 = 0");
        let helper = if self.packet == Some((0, 4)) { "xdp_adjust_head" } else { "skb_pull_data" };
        self.line(&format!("call bpf_{helper}"));
        self.forget_packet();
        self.after_call(Holds::Number);
    }

    /// Mostly: now and then a stale pointer is used.
    fn forget_packet(&mut self) {
        if self.random.one_in(6) {
            return;
        }
        for held in self.regs.iter_mut().chain(&mut self.slots) {
            if matches!(held, Holds::Packet(_) | Holds::PacketEnd) {
                *held = Holds::Nothing;
            }
        }
    }

    /// Stores a number at one width and loads it at another.
    fn narrow(&mut self) {
        let number = self.number();
        let reg = self.target();
        let off = 80 + 8 * self.random.below(2);
        let (stored, loaded) = (self.random.of(&[1, 2, 4, 8, 8]), self.random.of(&[1, 2, 4, 8]));
        let at = off as i32 - loaded * self.random.below((8 / loaded) as usize) as i32;
        self.line(&format!("*(u{} *)(r10 - {off}) = r{number}", stored * 8));
        self.line(&format!("r{reg} = *(u{} *)(r10 - {at})", loaded * 8));
        self.regs[reg] = Holds::Number;
        // What it is good for: an index into a value.
        if let Some(value) = self.find(|h| h == Holds::Value)
            && value != reg
        {
            let mask = self.random.of(&[7, 15, 31, 63]);
            if self.random.one_in(2) {
                self.line(&format!("r{reg} &= {mask}"));
            }
            self.line(&format!("r{value} += r{reg}"));
            self.line(&format!("r{reg} = *(u8 *)(r{value} + 0)"));
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

    /// Another view of a socket.
    fn view(&mut self) {
        let is_socket = |h: Holds| h.resource().is_some_and(|resource| resource.socket);
        let Some(reg) = self.find(is_socket) else { return };
        let casts = ["sk_fullsock", "tcp_sock", "get_listener_sock", "skc_to_tcp_sock", "skc_to_tcp6_sock"];
        let helper = self.random.of(&casts);
        self.save_held();
        self.line(&format!("r1 = r{reg}"));
        self.line(&format!("call bpf_{helper}"));
        self.after_call(Holds::Nothing);
        let label = self.ahead();
        self.line(&format!("if r0 == 0 goto l{label}"));
        self.line("r1 = *(u32 *)(r0 + 4)");
        self.regs[1] = Holds::Number;
    }
}
