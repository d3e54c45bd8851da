//! What random programs hold: resources of the table, sections, objects on the stack.

use super::{Generator, Holds};
use crate::resource::{ON_STACK, OnStack, RESOURCES, SECTIONS};

impl Generator<'_> {
    pub(super) fn check_null(&mut self) {
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
    pub(super) fn line_of(&mut self, template: &str, reg: usize) {
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
    pub(super) fn acquire(&mut self) {
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

    pub(super) fn touch_resource(&mut self) {
        let Some(reg) = self.find(|h| h.resource().is_some()) else { return };
        let Some(resource) = self.regs[reg].resource() else { return };
        let to = self.target();
        let template = self.random.of(resource.loads);
        self.line_of(&format!("r{to} = {template}"), reg);
        self.regs[to] = Holds::Number;
    }

    /// Opens a section, or closes the last; or makes, uses and ends an object on the stack.
    pub(super) fn enclose(&mut self) {
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

    pub(super) fn close(&mut self, row: usize) {
        self.save_held();
        self.line(&format!("call {}", SECTIONS[row].close));
        self.after_call(Holds::Nothing);
        self.sections.pop();
    }

    pub(super) fn object_on_stack(&mut self) {
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

    pub(super) fn end_object(&mut self, object: &OnStack) {
        self.save_held();
        for template in object.end {
            self.line_of(template, 0);
        }
        self.after_call(Holds::Nothing);
        self.on_stack = None;
    }

    pub(super) fn release(&mut self) {
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

    pub(super) fn release_all(&mut self) {
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

    /// Another view of a socket.
    pub(super) fn view(&mut self) {
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
