//! Calls of random programs that hand memory over, look up, or move the packet.

use super::{Generator, Holds};

impl Generator<'_> {
    pub(super) fn look_up_map(&mut self) {
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

    /// Hands memory and a size to a helper.
    pub(super) fn hand_memory_over(&mut self) {
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
    pub(super) fn move_packet(&mut self) {
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
    pub(super) fn forget_packet(&mut self) {
        if self.random.one_in(6) {
            return;
        }
        for held in self.regs.iter_mut().chain(&mut self.slots) {
            if matches!(held, Holds::Packet(_) | Holds::PacketEnd) {
                *held = Holds::Nothing;
            }
        }
    }
}
