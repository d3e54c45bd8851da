//! Random programs that a verifier accepts and that compute much.
//!
//! Unlike the programs of the differential test of verdicts, these make no mistakes on purpose: control flow is nested
//! (a block, one way or two, a loop), and where paths meet the generator keeps what holds on all of them. What
//! registers hold are numbers that depend on the input alone, and pointers, which never become numbers: addresses differ
//! from run to run. Whatever comes out is stored into the data section `out`, and so compared.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::random::Random;
use crate::tables::{HOOKS, HookRow, INNER, MAPS, Use};

/// What a register or a spilled slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holds {
    Nothing,
    Number,
    /// A number from 0 to this.
    Small(i32),
    Context,
    /// Packet bytes, so many of them checked.
    Packet(i32),
    /// The same, of metadata.
    Meta(i32),
    /// A value of the map of that row.
    Value(usize),
    /// A value of the inner map.
    Inner,
}

impl Holds {
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Holds::Number | Holds::Small(_))
    }

    /// What holds where two paths meet.
    fn meet(self, other: Holds) -> Holds {
        match (self, other) {
            (a, b) if a == b => a,
            (Holds::Small(a), Holds::Small(b)) => Holds::Small(a.max(b)),
            (a, b) if a.is_number() && b.is_number() => Holds::Number,
            (Holds::Packet(a), Holds::Packet(b)) => Holds::Packet(a.min(b)),
            (Holds::Meta(a), Holds::Meta(b)) => Holds::Meta(a.min(b)),
            _ => Holds::Nothing,
        }
    }
}

/// Slots of the stack for pointers and numbers as they are: the first below the frame pointer.
pub(crate) const SPILLS: usize = 4;
/// Where a function's memory begins, all of it written: below the spilled slots.
pub(crate) const BUFFER: i32 = -96;
pub(crate) const BUFFER_SIZE: i32 = 64;
/// Where keys are written.
pub(crate) const KEY: i32 = -112;
/// Bytes of the section that results go to.
pub(crate) const OUT_SIZE: usize = 512;
/// The register that points there, and that of the context.
pub(crate) const OUT: usize = 9;
pub(crate) const CONTEXT: usize = 6;

/// What the registers and slots of a function hold.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) regs: [Holds; 10],
    pub(crate) spilled: [Holds; SPILLS],
}

impl State {
    fn new() -> State {
        State { regs: [Holds::Nothing; 10], spilled: [Holds::Nothing; SPILLS] }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Holds> {
        self.regs.iter_mut().chain(&mut self.spilled)
    }

    fn meet(&mut self, other: &State) {
        let mut others = other.clone();
        self.all().zip(others.all()).for_each(|(mine, theirs)| *mine = mine.meet(*theirs));
    }

    /// Forgets what `which` says.
    pub(crate) fn forget(&mut self, which: impl Fn(Holds) -> bool) {
        self.all().filter(|held| which(**held)).for_each(|held| *held = Holds::Nothing);
    }
}

/// A program, or two of which the first may call the second, as text.
pub(crate) struct Generated {
    pub(crate) hook: &'static HookRow,
    pub(crate) text: String,
    /// The rows of the maps that it has.
    pub(crate) maps: BTreeSet<usize>,
}

pub(crate) struct Generator<'r> {
    pub(crate) random: &'r mut Random,
    pub(crate) hook: &'static HookRow,
    /// The function being written.
    pub(crate) text: String,
    pub(crate) state: State,
    /// Registers that must keep what they hold: the context, `out`, a loop's counter.
    pub(crate) kept: [bool; 10],
    /// Functions already written, of this program.
    functions: String,
    /// How many blocks are open, and steps left.
    pub(crate) depth: usize,
    steps: usize,
    pub(crate) role: Role,
    pub(crate) maps: BTreeSet<usize>,
    names: usize,
    next_out: usize,
    /// Whether programs are tail-called.
    pub(crate) tails: bool,
    /// How many loops are open.
    pub(crate) turning: usize,
    /// How many calls made the packet longer.
    pub(crate) growths: usize,
    /// Whether one of them did so in front.
    pub(crate) head_grown: bool,
}

/// What the function being written is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Program,
    Function,
    /// Of a helper that calls back: it has no context.
    Callback,
}

/// Programs from a seed.
pub(crate) fn program(random: &mut Random) -> Generated {
    let hook = any_hook(random);
    let tails = random.one_in(5);
    let steps = if random.one_in(4) { 30 + random.below(50) } else { 6 + random.below(24) };
    let mut generator = Generator {
        random,
        hook,
        text: String::new(),
        state: State::new(),
        kept: [false; 10],
        functions: String::new(),
        depth: 0,
        steps,
        role: Role::Program,
        maps: BTreeSet::new(),
        names: 0,
        next_out: 0,
        tails,
        turning: 0,
        growths: 0,
        head_grown: false,
    };
    let mut programs = generator.program("main");
    if tails {
        generator.steps = 4 + generator.random.below(12);
        programs += &generator.program("second");
    }
    let maps = generator.maps;
    Generated { hook, text: format!("{}{programs}", head(hook, &maps, tails)), maps }
}

fn any_hook(random: &mut Random) -> &'static HookRow {
    let mut at = random.below(HOOKS.iter().map(|hook| hook.weight).sum());
    for hook in HOOKS {
        match at.checked_sub(hook.weight) {
            Some(rest) => at = rest,
            None => return hook,
        }
    }
    &HOOKS[0]
}

/// Licence, maps, section.
fn head(hook: &HookRow, maps: &BTreeSet<usize>, tails: bool) -> String {
    let mut head = format!(".license GPL\n.data out bytes=00 size={OUT_SIZE}\n");
    if maps.iter().any(|row| MAPS[*row].usage == Use::OfMaps) {
        let _ = writeln!(head, "{INNER}");
    }
    for row in maps {
        let _ = writeln!(head, ".map {} {}", MAPS[*row].name, MAPS[*row].text);
    }
    if tails {
        head += ".map programs kind=prog_array key=4 value=4 entries=4 init=0:main,1:second\n";
    }
    let _ = writeln!(head, ".section {}", hook.section);
    head
}

impl Generator<'_> {
    fn program(&mut self, name: &str) -> String {
        self.role = Role::Program;
        self.enter(&[Holds::Context]);
        self.block(usize::MAX);
        self.finish();
        let main = std::mem::take(&mut self.text);
        format!(".prog {name}\n{main}{}", std::mem::take(&mut self.functions))
    }

    /// Writes another function while this one waits; its name.
    pub(crate) fn function(&mut self, role: Role, steps: usize, args: &[Holds]) -> String {
        let name = format!("f{}", self.name());
        let text = std::mem::take(&mut self.text);
        let state = self.state.clone();
        let (kept, depth, left) = (self.kept, self.depth, self.steps);
        let caller = std::mem::replace(&mut self.role, role);
        (self.depth, self.steps) = (2, steps);
        self.enter(args);
        self.block(usize::MAX);
        self.finish();
        let body = std::mem::replace(&mut self.text, text);
        let _ = write!(self.functions, ".func {name}\n{body}");
        (self.state, self.kept, self.depth, self.steps) = (state, kept, depth, left.saturating_sub(2));
        self.role = caller;
        name
    }

    /// Adds a function that is written already; its name.
    pub(crate) fn written_function(&mut self, body: &str) -> String {
        let name = format!("f{}", self.name());
        let _ = write!(self.functions, ".func {name}\n{body}");
        name
    }

    /// The start of a function: its memory is written, and the registers that calls keep have their place.
    fn enter(&mut self, args: &[Holds]) {
        self.state = State::new();
        self.kept = [false; 10];
        for (index, held) in args.iter().enumerate() {
            self.state.regs[index + 1] = *held;
            if *held == Holds::Context {
                self.line(&format!("r{CONTEXT} = r{}", index + 1));
                self.state.regs[CONTEXT] = Holds::Context;
                self.kept[CONTEXT] = true;
            }
        }
        self.line(&format!("r{OUT} = out ll"));
        self.kept[OUT] = true;
        for off in (BUFFER..BUFFER + BUFFER_SIZE).step_by(8) {
            let constant = self.random.constant();
            self.line(&format!("*(u64 *)(r10 - {}) = {constant}", -off));
        }
    }

    /// The end of a function: what it has is stored, something is returned.
    fn finish(&mut self) {
        for reg in 0..10 {
            if self.state.regs[reg].is_number() {
                self.observe(reg);
            }
        }
        let number = self.number();
        self.line(&format!("r0 = r{number}"));
        let mask = match self.role {
            Role::Program => self.hook.returns,
            Role::Function => None,
            Role::Callback => Some(1),
        };
        if let Some(mask) = mask {
            self.line(&format!("r0 &= {mask}"));
        }
        self.line("exit");
    }

    pub(crate) fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "    {line}");
    }

    pub(crate) fn place(&mut self, label: &str) {
        let _ = writeln!(self.text, "{label}:");
    }

    fn name(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    pub(crate) fn label(&mut self) -> String {
        format!("l{}", self.name())
    }

    /// Steps, as many as asked for or are left.
    pub(crate) fn block(&mut self, most: usize) {
        self.depth += 1;
        let mut done = 0;
        while done < most && self.steps > 0 {
            done += 1;
            self.steps -= 1;
            self.step();
        }
        self.depth -= 1;
    }

    /// Writes a block that is entered only when the jump to `skip`, just written, is not taken.
    pub(crate) fn skippable(&mut self, skip: &str, most: usize, inside: impl FnOnce(&mut Self)) {
        let before = self.state.clone();
        inside(self);
        self.block(most);
        self.place(skip);
        self.state.meet(&before);
    }

    pub(crate) fn meet(&mut self, other: &State) {
        self.state.meet(other);
    }

    /// A register of which that holds.
    pub(crate) fn find(&mut self, wanted: impl Fn(Holds) -> bool) -> Option<usize> {
        let found: Vec<usize> = (0..10).filter(|&reg| wanted(self.state.regs[reg])).collect();
        (!found.is_empty()).then(|| self.random.of(&found))
    }

    /// A register to overwrite.
    pub(crate) fn target(&mut self) -> usize {
        let free: Vec<usize> = (0..10).filter(|&reg| !self.kept[reg]).collect();
        self.random.of(&free)
    }

    /// As many registers to overwrite.
    pub(crate) fn targets<const N: usize>(&mut self) -> [usize; N] {
        let mut free: Vec<usize> = (0..10).filter(|&reg| !self.kept[reg]).collect();
        std::array::from_fn(|_| free.swap_remove(self.random.below(free.len())))
    }

    /// A number to read, made if there is none.
    pub(crate) fn number(&mut self) -> usize {
        if let Some(reg) = self.find(Holds::is_number) {
            return reg;
        }
        let reg = self.target();
        self.constant(reg);
        reg
    }

    /// A number to change.
    pub(crate) fn changeable(&mut self) -> usize {
        let numbers: Vec<usize> =
            (0..10).filter(|&reg| !self.kept[reg] && self.state.regs[reg].is_number()).collect();
        if !numbers.is_empty() {
            return self.random.of(&numbers);
        }
        let reg = self.target();
        self.constant(reg);
        reg
    }

    pub(crate) fn constant(&mut self, reg: usize) {
        if self.random.one_in(4) {
            let bits = match self.random.below(4) {
                0 => self.random.of(&[
                    i64::MIN as u64,
                    i64::MAX as u64,
                    u64::MAX,
                    1 << 32,
                    (1 << 32) - 1,
                    1 << 31,
                ]),
                _ => self.random.bits(),
            };
            self.line(&format!("r{reg} = {bits:#x} ll"));
        } else {
            let constant = self.random.constant();
            let width = if self.random.one_in(4) { "w" } else { "r" };
            self.line(&format!("{width}{reg} = {constant}"));
        }
        self.state.regs[reg] = Holds::Number;
    }

    /// One of these numbers into a register.
    pub(crate) fn one_of(&mut self, reg: usize, numbers: &[i64]) {
        let number = self.random.of(numbers);
        self.line(&format!("r{reg} = {number}"));
        self.state.regs[reg] = Holds::Nothing;
    }

    /// A number from 0 to `most` (one less than a power of two), made from another.
    pub(crate) fn small(&mut self, most: i32) -> usize {
        if let Some(reg) = self.find(|held| matches!(held, Holds::Small(max) if max <= most)) {
            return reg;
        }
        let reg = self.changeable();
        self.line(&format!("r{reg} &= {most}"));
        self.state.regs[reg] = Holds::Small(most);
        reg
    }

    /// Stores a number where it is compared.
    pub(crate) fn observe(&mut self, reg: usize) {
        let off = self.next_out * 8 % OUT_SIZE;
        self.next_out += 1;
        if self.random.one_in(3) {
            let op = self.random.of(&["+=", "^="]);
            self.line(&format!("lock *(u64 *)(r{OUT} + {off}) {op} r{reg}"));
        } else {
            self.line(&format!("*(u64 *)(r{OUT} + {off}) = r{reg}"));
        }
    }

    /// Before a call: some of what it destroys is stored or kept.
    pub(crate) fn before_call(&mut self) {
        for reg in 0..6 {
            match self.state.regs[reg] {
                held if held.is_number() && self.random.one_in(3) => self.observe(reg),
                Holds::Nothing => {}
                held => {
                    let to = self.random.of(&[7, 8]);
                    if self.state.regs[to] == Holds::Nothing && !self.kept[to] {
                        self.line(&format!("r{to} = r{reg}"));
                        self.state.regs[to] = held;
                    }
                }
            }
        }
    }

    pub(crate) fn after_call(&mut self, result: Holds) {
        self.state.regs[..6].fill(Holds::Nothing);
        self.state.regs[0] = result;
        if result.is_number() && !self.random.one_in(4) {
            self.observe(0);
        }
    }

    /// Pointers into the packet are of no use any more.
    pub(crate) fn packet_moved(&mut self) {
        self.state.forget(|held| matches!(held, Holds::Packet(_) | Holds::Meta(_)));
    }

    /// Values that may become another entry's.
    pub(crate) fn entries_changed(&mut self, row: Option<usize>) {
        self.state.forget(|held| match held {
            Holds::Value(of) => MAPS[of].usage == Use::Hash && row.is_none_or(|row| row == of),
            _ => false,
        });
    }

    fn step(&mut self) {
        let deep = self.depth > 3;
        match self.random.below(40) {
            0..=6 => self.arithmetic(),
            7 => {
                let reg = self.target();
                self.constant(reg);
            }
            8 | 9 => self.convert(),
            10 | 11 => self.context(),
            12..=16 => self.touch(),
            17 => self.spill(),
            18 => self.fill(),
            19 => {
                let reg = self.number();
                self.observe(reg);
            }
            20..=22 if !deep => self.packet(),
            23..=27 if !deep => self.map(),
            28..=32 => self.helper(),
            33 | 34 if !deep => self.branch(),
            35 if !deep => self.turns(),
            36 => self.call_function(),
            37 => self.call_back(),
            38 => self.tail_call(),
            39 => self.load_packet(),
            _ => self.touch(),
        }
    }
}
