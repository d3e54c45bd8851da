//! Calls of helpers, those of maps among them.

use crate::generate::{BUFFER, CONTEXT, Generator, Holds, KEY};
use crate::tables::{Arg, Gives, Growth, HELPERS, HelperRow, MAPS, MOST_GROWTHS, MapRow, Use};

impl Generator<'_> {
    pub(crate) fn helper(&mut self) {
        let (groups, hook) = (self.hook.groups, self.hook.spec());
        let allowed = |name: &str| {
            let helper = belay_spec::Helper::by_name(&format!("bpf_{name}")).expect("a helper of Linux");
            hook.allows(belay_spec::Release::LATEST, helper)
        };
        let has_context = self.state.regs[CONTEXT] == Holds::Context;
        let once = self.turning == 0 && !self.tails;
        let (growths, head_grown) = (self.growths, self.head_grown);
        let may_grow = |growth: Growth| match growth {
            Growth::Nowhere => true,
            Growth::Head => once && growths < MOST_GROWTHS,
            Growth::Tail => once && growths < MOST_GROWTHS && !head_grown,
        };
        let possible: Vec<&'static HelperRow> = HELPERS
            .iter()
            .filter(|row| groups.contains(&row.group) && allowed(row.name))
            .filter(|row| has_context || !row.args.iter().any(|arg| matches!(arg, Arg::Context)))
            .filter(|row| may_grow(row.grows))
            .collect();
        let row = self.random.of(&possible);
        self.growths += usize::from(row.grows != Growth::Nowhere);
        self.head_grown |= row.grows == Growth::Head;
        self.before_call();
        for (index, arg) in row.args.iter().enumerate() {
            self.argument(index + 1, *arg);
        }
        // On one line: no shorter program looks at what differs from run to run.
        let forgotten = if row.gives == Gives::Chance { "; r0 = 0" } else { "" };
        self.line(&format!("call bpf_{}{forgotten}", row.name));
        if row.moves {
            self.packet_moved();
        }
        match row.gives {
            Gives::Number => self.after_call(Holds::Number),
            Gives::Chance => self.after_call(Holds::Nothing),
        }
    }

    fn argument(&mut self, reg: usize, arg: Arg) {
        match arg {
            Arg::Context => self.line(&format!("r{reg} = r{CONTEXT}")),
            Arg::One(numbers) | Arg::Size(numbers) => self.one_of(reg, numbers),
            Arg::Any => self.argument_number(reg),
            Arg::In | Arg::Out => {
                self.line(&format!("r{reg} = r10"));
                self.line(&format!("r{reg} += {BUFFER}"));
            }
        }
        self.state.regs[reg] = Holds::Nothing;
    }

    /// Something with a map.
    pub(crate) fn map(&mut self) {
        let row = self.random.below(MAPS.len());
        self.maps.insert(row);
        match MAPS[row].usage {
            Use::Array | Use::Hash => self.entry(row),
            Use::OfMaps => self.map_of_maps(row),
            Use::Queue | Use::Bloom => self.queue(row),
            Use::Ring => self.ring(row),
        }
    }

    fn entry(&mut self, row: usize) {
        let map = &MAPS[row];
        self.before_call();
        self.key(map);
        self.line(&format!("r1 = {} ll", map.name));
        self.line("r2 = r10");
        self.line(&format!("r2 += {KEY}"));
        match self.random.below(8) {
            0..=3 => self.look_up(row),
            4..=6 => self.update(row),
            _ => {
                self.line("call bpf_map_delete_elem");
                self.entries_changed(Some(row));
                self.after_call(Holds::Number);
            }
        }
    }

    /// Writes a key, one of a few; `r0`, `r7` or `r8` may hold the number that it is made of.
    fn key(&mut self, map: &MapRow) {
        let off = -KEY;
        if map.prefix {
            let len = self.random.of(&[0, 7, 8, 16, 24, 32, 32, 33]);
            self.line(&format!("*(u32 *)(r10 - {off}) = {len}"));
            let data = self.random.of(&[0, 0x0a, 0x010a, 0x0201_010a, 0x0301_010a, 0xac]);
            self.line(&format!("*(u32 *)(r10 - {}) = {data}", off - 4));
            return;
        }
        if map.key != 4 {
            let high = self.random.of(&[0, 0, 1]);
            self.line(&format!("*(u32 *)(r10 - {}) = {high}", off - 4));
        }
        self.argument_number(1);
        if self.random.one_in(2) {
            let constant = self.random.below(8);
            self.line(&format!("r1 = {constant}"));
        } else {
            self.line("r1 &= 7");
        }
        self.line(&format!("*(u32 *)(r10 - {off}) = r1"));
    }

    fn look_up(&mut self, row: usize) {
        let map = &MAPS[row];
        if map.per_cpu && self.random.one_in(3) {
            self.one_of(3, &[0, 0, 1, 99]);
            self.line("call bpf_map_lookup_percpu_elem");
        } else {
            self.line("call bpf_map_lookup_elem");
        }
        self.value_or_null(Holds::Value(row));
    }

    /// What a lookup gave, in a block that is skipped if it is nothing.
    fn value_or_null(&mut self, held: Holds) {
        self.after_call(Holds::Nothing);
        let skip = self.label();
        self.line(&format!("if r0 == 0 goto {skip}"));
        let most = 1 + self.random.below(4);
        self.skippable(&skip, most, |inside| {
            let to = inside.random.of(&[0, 7, 8]);
            let to = if inside.kept[to] { 0 } else { to };
            if to != 0 {
                inside.line(&format!("r{to} = r0"));
            }
            inside.state.regs[to] = held;
            inside.touch();
        });
    }

    fn update(&mut self, row: usize) {
        self.line("r3 = r10");
        self.line(&format!("r3 += {BUFFER}"));
        let flags = self.random.of(&[0, 0, 0, 0, 1, 2, 3, 4]);
        self.line(&format!("r4 = {flags}"));
        self.line("call bpf_map_update_elem");
        self.entries_changed(Some(row));
        self.after_call(Holds::Number);
    }

    fn map_of_maps(&mut self, row: usize) {
        self.before_call();
        let index = self.random.below(4);
        self.line(&format!("*(u32 *)(r10 - {}) = {index}", -KEY));
        self.line(&format!("r1 = {} ll", MAPS[row].name));
        self.line("r2 = r10");
        self.line(&format!("r2 += {KEY}"));
        self.line("call bpf_map_lookup_elem");
        self.after_call(Holds::Nothing);
        let skip = self.label();
        self.line(&format!("if r0 == 0 goto {skip}"));
        self.skippable(&skip, 0, |inside| {
            let index = inside.random.below(3);
            inside.line(&format!("*(u32 *)(r10 - {}) = {index}", -KEY));
            inside.line("r1 = r0");
            inside.line("r2 = r10");
            inside.line(&format!("r2 += {KEY}"));
            inside.line("call bpf_map_lookup_elem");
            inside.value_or_null(Holds::Inner);
        });
    }

    /// Queues, stacks and bloom filters.
    fn queue(&mut self, row: usize) {
        let bloom = MAPS[row].usage == Use::Bloom;
        self.before_call();
        if bloom {
            // Few values: what was added shall be asked for.
            let value = self.random.below(8);
            self.line(&format!("*(u32 *)(r10 - {}) = {value}", -BUFFER));
        }
        self.line(&format!("r1 = {} ll", MAPS[row].name));
        self.line("r2 = r10");
        self.line(&format!("r2 += {BUFFER}"));
        let helper = self.random.of(if bloom { &["push", "peek"] } else { &["push", "push", "peek", "pop"] });
        if helper == "push" {
            let flags = self.random.of(if bloom { &[0, 0, 1] } else { &[0, 0, 2, 1] });
            self.line(&format!("r3 = {flags}"));
        }
        self.line(&format!("call bpf_map_{helper}_elem"));
        self.after_call(Holds::Number);
    }

    fn ring(&mut self, row: usize) {
        self.before_call();
        self.line(&format!("r1 = {} ll", MAPS[row].name));
        match self.random.below(3) {
            0 => {
                self.one_of(2, &[0, 1, 2, 3, 4]);
                self.line("call bpf_ringbuf_query");
            }
            1 => {
                self.line("r2 = r10");
                self.line(&format!("r2 += {BUFFER}"));
                self.one_of(3, &[1, 8, 13, 64]);
                self.one_of(4, &[0, 0, 1, 2, 3, 4]);
                self.line("call bpf_ringbuf_output");
            }
            _ => {
                self.one_of(2, &[8, 100, 1000, 4096]);
                self.line("r3 = 0");
                self.line("call bpf_ringbuf_reserve");
                let skip = self.label();
                self.line(&format!("if r0 == 0 goto {skip}"));
                self.line("*(u64 *)(r0 + 0) = 7");
                self.line("r1 = r0");
                self.line("r2 = 1");
                let end = self.random.of(&["submit", "discard"]);
                self.line(&format!("call bpf_ringbuf_{end}"));
                self.place(&skip);
                return self.after_call(Holds::Nothing);
            }
        }
        self.after_call(Holds::Number);
    }
}
