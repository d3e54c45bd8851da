//! The faults of references, told by what happened to the pointer on the path: where it was acquired, checked, copied, lost.

use std::collections::BTreeSet;

use belay_isa::{Pc, Reg};
use belay_spec::{Hook, Release, Resource};
use belay_verifier::{Code, EventKind, Forbidden, Leave, Loss, RefId};

use super::Case;
use crate::references::{Life, acquirers, noun, object_of, releasers, releasing_kfuncs, variable};
use crate::source::line_at;

impl Case<'_> {
    /// A lock is held where that is not allowed.
    pub(super) fn locked(&mut self, lock: RefId, what: Forbidden) -> String {
        let life = Life::of(self.rejection, lock);
        let pc = self.rejection.pc;
        let mut resource = Resource::SpinLock;
        if let Some((taken, taken_as)) = life.acquired {
            resource = taken_as;
            let name = self.callee(taken).unwrap_or_default();
            self.labels.secondary_at(taken, &name, format!("locked here, as reference #{}", life.number));
            let releasing = self.trace.releasing(self.program, resource);
            if let Some(decides) = self.decisive_after(taken, |pc| releasing.contains(&pc), None) {
                self.labels.secondary(decides, "this path does not unlock; the other way leads to an unlock");
            }
        }
        let unlock = releaser_names(resource, self.hook, self.release);
        let lock = noun(resource);
        let (label, headline, help) = match what {
            Forbidden::Leaving(Leave::Exit) => (
                "the program ends here, and the lock is still held",
                format!("the {lock} is not unlocked"),
                format!("call {unlock} before the program ends, on every path"),
            ),
            Forbidden::Leaving(_) => (
                "this may end the program, and the lock would stay held",
                format!("the program may end while the {lock} is held"),
                format!("call {unlock} first"),
            ),
            Forbidden::Call => (
                "called while the lock is held",
                format!("a call while the {lock} is held"),
                format!("call {unlock} first; under a lock only plain code and static functions run"),
            ),
            Forbidden::GlobalCall => (
                "called while the lock is held",
                format!("a global function is called while the {lock} is held"),
                "declare the function `static`: it is then verified where it is called".to_owned(),
            ),
            Forbidden::SameLock => (
                "locked here, and before",
                format!("the {lock} is taken by who holds it already"),
                format!("call {unlock} before, or take the lock once"),
            ),
            Forbidden::Returning => (
                "the function returns here, and the lock is still held",
                format!("a function returns while the {lock} is held"),
                format!(
                    "call {unlock} in the function that locks: this release holds no lock across functions"
                ),
            ),
            Forbidden::SecondLock => (
                "locked here, with the first still held",
                "a second lock is taken while one is held".to_owned(),
                format!("call {unlock} for the first one before"),
            ),
        };
        self.call_label(pc, label.to_owned());
        self.help.push(help);
        headline
    }

    /// Something is held where the path leaves.
    pub(super) fn leak(&mut self, reference: RefId, leave: Leave) -> String {
        let life = Life::of(self.rejection, reference);
        let Some((acquired, resource)) = life.acquired else {
            self.labels.primary(self.rejection.pc, "something is still held here");
            return "a reference is never released".to_owned();
        };
        let (what, number) = (noun(resource), life.number);
        let object = object_of(&self.trace, acquired, resource);
        let releasing = self.trace.releasing(self.program, resource);
        let decisive = self.decisive_after(acquired, |pc| releasing.contains(&pc), None);
        let overwritten = self.rejection.code == Code("S0102");

        self.acquired(&life);
        // In the order of the path: the check, the loss and the decision lie between the two ends.
        let mut told = BTreeSet::new();
        for event in &self.rejection.events {
            let pc = event.pc;
            match &event.kind {
                EventKind::Checked { null: false, .. } if life.checked == Some(pc) && told.insert(pc) => {
                    self.labels.secondary(pc, "not NULL on this path");
                }
                EventKind::Branched { .. }
                    if decisive == Some(pc) && life.checked != Some(pc) && told.insert(pc) =>
                {
                    let no_check = match self.trace.compares_with_other_than_null(pc, acquired) {
                        true => "this comparison is no NULL check: ",
                        false => "",
                    };
                    let text = format!(
                        "{no_check}this path does not release the {what}; the other way leads to a release"
                    );
                    self.labels.secondary(pc, text);
                }
                EventKind::Lost { reference: lost, how } if *lost == reference => {
                    self.lost(pc, *how, what, overwritten);
                }
                _ => {}
            }
        }
        let end = format!("reference #{number}");
        let pc = self.rejection.pc;
        match leave {
            Leave::Exit if overwritten => {
                self.labels.secondary(pc, format!("the program ends here, still holding {end}"));
            }
            Leave::Exit => self.labels.primary(pc, format!("the program ends here, holding {end}")),
            Leave::TailCall => {
                self.call_label(
                    pc,
                    format!("a tail call that is taken never comes back: {end} would stay held"),
                );
            }
            Leave::Throw => {
                self.call_label(pc, format!("ends the program from here: {end} would stay held"));
            }
            Leave::PacketLoad => {
                self.labels.primary(
                    pc,
                    format!("ends the program if the packet is too short: {end} would stay held"),
                );
            }
        }
        // Compilers merge the returns of a function: its closing brace says nothing, the branch that led there does.
        let merged = line_at(self.program, pc).is_some_and(|line| line.text.trim() == "}");
        if let (Leave::Exit, false, true) = (leave, overwritten, merged) {
            if let Some(callee_end) = self.lost_in_callee(&life) {
                self.labels.promote(callee_end);
            } else if let Some(decides) = decisive {
                self.labels.promote(decides);
            }
        }
        self.help_to_release(&life, acquired, resource, leave, decisive);
        match (leave, overwritten) {
            (Leave::Exit, true) => {
                format!("the last copy of the {object} is overwritten, so it can never be released")
            }
            (Leave::Exit, false) if decisive.is_some() => format!("{object} is not released on one path"),
            (Leave::Exit, false) => format!("{object} is never released"),
            (Leave::TailCall, _) => format!("tail call while the {object} is held"),
            (Leave::Throw, _) => format!("exception thrown while the {object} is held"),
            (Leave::PacketLoad, _) => format!("legacy packet load while the {object} is held"),
        }
    }

    fn acquired(&mut self, life: &Life) {
        if let Some((pc, _)) = life.acquired {
            let name = self.trace.helper(pc).map_or("", |helper| helper.name);
            self.labels.secondary_at(pc, name, format!("acquired here, as reference #{}", life.number));
        }
    }

    fn lost(&mut self, pc: Pc, how: Loss, what: &str, overwritten: bool) {
        match how {
            Loss::Overwritten(_) if overwritten => {
                self.labels.primary(pc, format!("the last copy of the {what} is overwritten here"));
            }
            Loss::ReturnValue | Loss::Overwritten(_)
                if self.symbolic.function_of(pc) != self.symbolic.function_of(self.rejection.pc) =>
            {
                let function = self.symbolic.function_of(pc).unwrap_or_default();
                self.labels.secondary(
                    pc,
                    format!("`{function}` ends here, and with it the last copy of the {what}"),
                );
            }
            Loss::Overwritten(_) | Loss::ReturnValue => {}
            Loss::Call => {
                self.labels.secondary(
                    pc,
                    format!("the last copy of the {what} was in a register that this call overwrites"),
                );
            }
            Loss::Return => {
                let function = self.symbolic.function_of(pc);
                let function =
                    function.map_or_else(|| "this function".to_owned(), |name| format!("`{name}`"));
                self.labels.secondary(
                    pc,
                    format!("{function} returns here, and the last copy of the {what} is gone"),
                );
            }
        }
    }

    /// Where the last copy went together with the function that had acquired it.
    fn lost_in_callee(&self, life: &Life) -> Option<Pc> {
        let (pc, how) = life.lost?;
        let (acquired, _) = life.acquired?;
        let function = self.symbolic.function_of(pc);
        let callee = function == self.symbolic.function_of(acquired)
            && function != self.symbolic.function_of(self.rejection.pc);
        (callee && how != Loss::Call).then_some(pc)
    }

    fn help_to_release(
        &mut self,
        life: &Life,
        acquired: Pc,
        resource: Resource,
        leave: Leave,
        decisive: Option<Pc>,
    ) {
        let what = noun(resource);
        let names: Vec<String> = releasers(resource, self.hook, self.release)
            .iter()
            .map(|helper| match variable(self.program, &self.trace, acquired) {
                Some(variable) => {
                    format!("`{}({variable}{})`", helper.name, if helper.args.len() > 1 { ", 0" } else { "" })
                }
                None => format!("`{}`", helper.name),
            })
            .chain(releasing_kfuncs(&self.trace, acquired, resource).into_iter().map(|name| {
                match variable(self.program, &self.trace, acquired) {
                    Some(variable) if resource != Resource::Iterator => format!("`{name}({variable})`"),
                    _ => format!("`{name}`"),
                }
            }))
            .collect();
        if names.is_empty() {
            return;
        }
        let call = names.join(" or ");
        let (here, there) =
            (self.symbolic.function_of(self.rejection.pc), self.symbolic.function_of(acquired));
        self.help.push(match (leave, life.lost) {
            (_, Some((_, Loss::Overwritten(_)))) if self.rejection.code == Code("S0102") => {
                format!("call {call} before the variable receives another value")
            }
            (Leave::TailCall, _) => format!("call {call} before the tail call"),
            (Leave::Throw, _) => format!("call {call} before the exception is thrown"),
            (Leave::PacketLoad, _) => {
                format!("call {call} before the load, or load packet bytes with `bpf_skb_load_bytes`")
            }
            (Leave::Exit, Some(_)) if self.lost_in_callee(life).is_some() => {
                let callee = there.unwrap_or_default();
                format!("call {call} before `{callee}` returns, or hand the {what} to its caller, which then has to release it")
            }
            (Leave::Exit, _) if here != there => {
                let (callee, names) = (there.unwrap_or_default(), releaser_names(resource, self.hook, self.release));
                format!("`{callee}` leaves the {what} to its caller: call {names} here, on the path where it is not NULL")
            }
            (Leave::Exit, _) => match decisive.and_then(|pc| line_at(self.program, pc)) {
                // One statement of inline assembly.
                Some(line) if line_at(self.program, self.rejection.pc) == Some(line) => {
                    format!("call {call} on every path")
                }
                Some(line) => format!("call {call} on the path that line {} chooses, too", line.line),
                None => format!("call {call} before the program ends"),
            },
        });
    }

    pub(super) fn double_release(&mut self, reference: RefId) -> String {
        let life = Life::of(self.rejection, reference);
        self.acquired(&life);
        let pc = self.rejection.pc;
        if let Some(released) = life.released {
            if let Some((acquired, _)) = life.acquired
                && let Some(decides) = self.decisive_after(acquired, |at| at == pc, Some(released))
            {
                self.labels.secondary(decides, "this path releases twice; the other way releases only once");
            }
            self.call_label_secondary(released, "released here for the first time".to_owned());
        }
        self.call_label(pc, "released again here".to_owned());
        self.help.push(
            "release it once: keep the one release that every path passes, and remove the other".to_owned(),
        );
        match life.acquired {
            Some((acquired, resource)) => {
                format!("{} is released twice", object_of(&self.trace, acquired, resource))
            }
            None => "released twice".to_owned(),
        }
    }

    pub(super) fn use_after(&mut self, reg: Reg, reference: RefId, view: bool) -> String {
        let life = Life::of(self.rejection, reference);
        let pc = self.rejection.pc;
        self.acquired(&life);
        let (object, what) = match life.acquired {
            Some((acquired, resource)) => (object_of(&self.trace, acquired, resource), noun(resource)),
            None => ("object".to_owned(), "object"),
        };
        let origin = self.trace.origin(reg).filter(|origin| Some(*origin) != life.acquired.map(|(pc, _)| pc));
        let mut derived = None;
        if view && let Some(origin) = origin {
            derived = self.trace.helper(origin).map(|helper| helper.name);
            let text = format!(
                "a view of the same {what}: it may be used as long as reference #{} is held",
                life.number
            );
            self.labels.secondary_at(origin, derived.unwrap_or_default(), text);
        }
        if let Some(released) = life.released {
            if let Some((acquired, _)) = life.acquired
                && let Some(decides) = self.decisive_after(acquired, |at| at == pc, Some(released))
            {
                self.labels.secondary(decides, "this path releases first; the other way does not");
            }
            self.call_label_secondary(released, format!("reference #{} is released here", life.number));
        }
        let user = self.trace.helper(pc).map(|helper| helper.name);
        let how = if user.is_some() { "passed on" } else { "used" };
        self.call_label(pc, format!("{how} after the release, when the {what} may be gone"));
        let call =
            life.released.and_then(|pc| self.trace.helper(pc)).map_or("the release", |helper| helper.name);
        self.help.push(format!(
            "move `{call}` behind the last use, or read what is needed into a variable before it"
        ));
        match derived {
            Some(derived) => format!("the view from `{derived}` is used after its {object} was released"),
            None if view => format!("a view of the {object} is used after the release"),
            None => format!("{object} is used after its release"),
        }
    }

    /// `releases`: for an argument, whether the call would release it; none for an access.
    pub(super) fn maybe_null(&mut self, reg: Reg, releases: Option<bool>) -> String {
        let pc = self.rejection.pc;
        let origin = self.trace.origin(reg);
        let maker = origin.and_then(|origin| self.trace.helper(origin)).map(|helper| helper.name);
        let mut subject = "a pointer".to_owned();
        if let Some(origin) = origin {
            let acquires = self.trace.helper(origin).and_then(|helper| helper.effects.acquires);
            subject = match (maker, acquires) {
                (Some(_), Some(resource)) => object_of(&self.trace, origin, resource),
                (Some(maker), None) => format!("the result of `{maker}`"),
                (None, _) => "the pointer loaded here".to_owned(),
            };
            let text = if maker.is_some() { "this may return NULL" } else { "this may be NULL" };
            self.labels.secondary_at(origin, maker.unwrap_or_default(), text);
            if maker.is_none() {
                subject = "the loaded pointer".to_owned();
            }
        }
        let user = self.trace.helper(pc).map(|helper| helper.name);
        let (verb, text) = match (releases, user) {
            (Some(true), _) => ("released".to_owned(), "released here, NULL or not".to_owned()),
            (Some(false), Some(user)) => {
                (format!("passed to `{user}`"), "passed on here, NULL or not".to_owned())
            }
            (Some(false), None) => ("passed on".to_owned(), "passed on here, NULL or not".to_owned()),
            (None, _) => ("followed".to_owned(), format!("`{reg}` is followed here, NULL or not")),
        };
        self.call_label(pc, text);
        let name = origin.and_then(|origin| variable(self.program, &self.trace, origin));
        self.help.push(match name {
            Some(name) => format!("check it first: `if (!{name}) return …;`"),
            None => "compare it with NULL first, and use it only where it is not".to_owned(),
        });
        if origin.is_some() && maker.is_none() {
            self.notes.push(
                "each load of a pointer is checked for itself: load it once into a variable and check that"
                    .to_owned(),
            );
        }
        format!("{subject} may be NULL where it is {verb}")
    }

    pub(super) fn not_owned(&mut self, reg: Reg) -> String {
        let pc = self.rejection.pc;
        let origin = self.trace.origin(reg);
        let maker = origin.and_then(|origin| self.trace.helper(origin)).map(|helper| helper.name);
        if let Some(origin) = origin {
            let text = match maker {
                Some(_) => "lends a socket: nothing was acquired",
                None => "a borrowed pointer: nothing was acquired",
            };
            self.labels.secondary_at(origin, maker.unwrap_or_default(), text);
        }
        self.call_label(pc, "released here, although it is not ours to release".to_owned());
        let acquiring: Vec<String> = acquirers(Resource::Socket, self.hook, self.release)
            .iter()
            .map(|h| format!("`{}`", h.name))
            .collect();
        self.help.push("remove this release".to_owned());
        if !acquiring.is_empty() {
            self.notes.push(format!("only sockets from {} have to be released", acquiring.join(", ")));
        }
        match maker {
            Some(maker) => format!("the socket from `{maker}` is borrowed and cannot be released"),
            None => "a borrowed pointer cannot be released".to_owned(),
        }
    }

    /// The last branch after `since` that decided against `goal`.
    fn decisive_after(&self, since: Pc, goal: impl Fn(Pc) -> bool, avoid: Option<Pc>) -> Option<Pc> {
        let events = &self.rejection.events;
        let begin = events
            .iter()
            .rposition(|e| e.pc == since && matches!(e.kind, EventKind::Acquired { .. }))
            .map_or(0, |at| at + 1);
        let end = avoid.and_then(|pc| {
            events.iter().rposition(|e| e.pc == pc && matches!(e.kind, EventKind::Released { .. }))
        });
        let relevant = events.get(begin..end.unwrap_or(events.len())).unwrap_or(&[]);
        let branches = relevant.iter().filter_map(|e| match e.kind {
            EventKind::Branched { taken } => Some((e.pc, taken)),
            _ => None,
        });
        match avoid {
            None => self.trace.decisive(branches, goal, None),
            // "Only once" is the other way: from it the goal is reached without the first release.
            Some(_) => self.trace.decisive(branches, goal, avoid),
        }
    }
}

fn releaser_names(resource: Resource, hook: Option<&Hook>, release: Release) -> String {
    let names: Vec<String> =
        releasers(resource, hook, release).iter().map(|h| format!("`{}`", h.name)).collect();
    names.join(" or ")
}
