//! What the values that programs return are called, and what Linux does then.
//!
//! One table: for each hook the values that have a name, each with its [`Fate`], and what any other value means.

use std::fmt;

use super::Hook;

/// A program's result, as its hook understands it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Action {
    /// What the program returned: the low half of `r0`, signed.
    pub value: i32,
    /// Its name, `TC_ACT_OK`; cgroup hooks say `allow` and `deny`. None where a value has no name: a socket filter returns a
    /// length, a tracing program a number for its caller.
    pub name: Option<&'static str>,
    /// What Linux does then.
    pub fate: Fate,
}

impl Action {
    /// What the system call of a control group's hook returns after its programs, given what they set by `bpf_set_retval`
    /// (0 if nothing): an error (negative), or 0 for it to take place. An error counts even where the program allows.
    pub fn result(self, retval: i32) -> i32 {
        /// `-EPERM`, and the largest number of an error.
        const EPERM: i32 = -1;
        const MAX_ERRNO: i32 = 4095;
        let denied = self.fate == Fate::Deny && !(-MAX_ERRNO..0).contains(&retval);
        if denied { EPERM } else { retval }
    }
}

impl fmt::Display for Action {
    /// The name, or else the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => f.pad(name),
            None => fmt::Display::fmt(&self.value, f),
        }
    }
}

/// What Linux does next with the packet, or the operation, that a program ran on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Fate {
    /// The packet goes on its way, or the operation takes place. A program that selected a socket (`sk_lookup`, `sk_reuseport`) or
    /// redirected to one (`sk_skb`, `sk_msg`) has sent it there.
    Pass,
    /// The packet is dropped. A lookup (`sk_lookup`, `sk_reuseport`) finds no socket; a dissection fails.
    Drop,
    /// Dropped, and reported to the tracepoint `xdp:xdp_exception`.
    Abort,
    /// Sent out of the device that it came in by.
    Transmit,
    /// Sent where the program's redirect helper said.
    Redirect,
    /// The next program or action decides; after the last one the packet passes.
    Next,
    /// The filters run again from the first.
    Restart,
    /// The action runs again.
    Repeat,
    /// Taken by the program: neither passed nor counted as dropped.
    Consume,
    /// Handed to the control plane in place of being forwarded by hardware; in software it is dropped.
    Trap,
    /// Passed, cut to that many bytes at most.
    Trim(u32),
    /// Passed; the sender is asked to slow down.
    PassCongested,
    /// Dropped; the sender is asked to slow down.
    DropCongested,
    /// The operation takes place without the need for `CAP_NET_BIND_SERVICE`.
    PassUnprivileged,
    /// The operation fails: `EPERM`, if the program set no other error by `bpf_set_retval`.
    Deny,
    /// Routed anew by the header that the program pushed.
    Reroute,
    /// The kernel's own flow dissector does the work.
    Default,
    /// `sk_skb/stream_parser`: the next message has that many bytes; 0 asks for more of the stream first.
    Message(u32),
    /// The stream fails with that error number (positive).
    Fail(u32),
    /// `sock_ops`: what the program left in `reply` counts.
    Reply,
    /// `sock_ops`: the answer is -1, which every question takes for none.
    NoReply,
    /// A number for whoever attached or called the program.
    Value,
}

/// One hook's actions.
struct Row {
    /// The hook's name, or the part of it before `/`.
    hook: &'static str,
    named: &'static [Action],
    /// What every other value does.
    other: fn(i32) -> Fate,
}

const fn row(hook: &'static str, named: &'static [Action], other: fn(i32) -> Fate) -> Row {
    Row { hook, named, other }
}

const fn is(value: i32, name: &'static str, fate: Fate) -> Action {
    Action { value, name: Some(name), fate }
}

const SK: &[Action] = &[is(0, "SK_DROP", Fate::Drop), is(1, "SK_PASS", Fate::Pass)];
const XDP: &[Action] = &[
    is(0, "XDP_ABORTED", Fate::Abort),
    is(1, "XDP_DROP", Fate::Drop),
    is(2, "XDP_PASS", Fate::Pass),
    is(3, "XDP_TX", Fate::Transmit),
    is(4, "XDP_REDIRECT", Fate::Redirect),
];
const TC: &[Action] = &[
    is(-1, "TC_ACT_UNSPEC", Fate::Next),
    is(0, "TC_ACT_OK", Fate::Pass),
    is(1, "TC_ACT_RECLASSIFY", Fate::Restart),
    is(2, "TC_ACT_SHOT", Fate::Drop),
    is(3, "TC_ACT_PIPE", Fate::Next),
    is(4, "TC_ACT_STOLEN", Fate::Consume),
    is(5, "TC_ACT_QUEUED", Fate::Consume),
    is(6, "TC_ACT_REPEAT", Fate::Repeat),
    is(7, "TC_ACT_REDIRECT", Fate::Redirect),
    is(8, "TC_ACT_TRAP", Fate::Trap),
];
const LWT: &[Action] = &[
    is(0, "BPF_OK", Fate::Pass),
    is(2, "BPF_DROP", Fate::Drop),
    // Before the packet has its way out there is nothing to redirect: it is routed as if nothing had been said.
    is(7, "BPF_REDIRECT", Fate::Pass),
    is(128, "BPF_LWT_REROUTE", Fate::Reroute),
];
const LWT_XMIT: &[Action] = &[
    is(0, "BPF_OK", Fate::Pass),
    is(2, "BPF_DROP", Fate::Drop),
    is(7, "BPF_REDIRECT", Fate::Redirect),
    is(128, "BPF_LWT_REROUTE", Fate::Reroute),
];
const SEG6: &[Action] =
    &[is(0, "BPF_OK", Fate::Pass), is(2, "BPF_DROP", Fate::Drop), is(7, "BPF_REDIRECT", Fate::Redirect)];
const FLOW: &[Action] = &[
    is(0, "BPF_OK", Fate::Pass),
    is(2, "BPF_DROP", Fate::Drop),
    is(129, "BPF_FLOW_DISSECTOR_CONTINUE", Fate::Default),
];
const PACKET: &[Action] = &[is(0, "deny", Fate::Drop), is(1, "allow", Fate::Pass)];
/// The second bit asks the sender to slow down.
const EGRESS: &[Action] = &[
    is(0, "deny", Fate::Drop),
    is(1, "allow", Fate::Pass),
    is(2, "deny_congested", Fate::DropCongested),
    is(3, "allow_congested", Fate::PassCongested),
];
const CGROUP: &[Action] = &[is(0, "deny", Fate::Deny), is(1, "allow", Fate::Pass)];
/// The second bit lifts the need for `CAP_NET_BIND_SERVICE`.
const BIND: &[Action] = &[
    is(0, "deny", Fate::Deny),
    is(1, "allow", Fate::Pass),
    is(2, "deny_unprivileged", Fate::Deny),
    is(3, "allow_unprivileged", Fate::PassUnprivileged),
];
const NETFILTER: &[Action] = &[is(0, "NF_DROP", Fate::Drop), is(1, "NF_ACCEPT", Fate::Pass)];
const SOCK_OPS: &[Action] = &[is(0, "ignore", Fate::NoReply), is(1, "reply", Fate::Reply)];

/// The first row that fits counts.
#[rustfmt::skip]
static ACTIONS: &[Row] = &[
    row("sched_cls",              TC,       |_| Fate::Next),
    row("sched_act",              TC,       |_| Fate::Next),
    row("xdp",                    XDP,      |_| Fate::Abort),
    row("socket_filter",          &[],      trim),
    row("sk_skb/stream_parser",   &[],      message),
    row("sk_skb/stream_verdict",  SK,       |_| Fate::Drop),
    row("sk_msg",                 SK,       |_| Fate::Drop),
    row("sk_reuseport",           SK,       |_| Fate::Drop),
    row("sk_lookup",              SK,       |_| Fate::Drop),
    row("lwt_in",                 LWT,      |_| Fate::Drop),
    row("lwt_out",                LWT,      |_| Fate::Drop),
    row("lwt_xmit",               LWT_XMIT, |_| Fate::Drop),
    row("lwt_seg6local",          SEG6,     |_| Fate::Drop),
    row("flow_dissector",         FLOW,     |_| Fate::Drop),
    row("cgroup_skb/egress",      EGRESS,   |_| Fate::Drop),
    row("cgroup_skb",             PACKET,   |_| Fate::Drop),
    row("cgroup_sock_addr/bind4", BIND,     |_| Fate::Deny),
    row("cgroup_sock_addr/bind6", BIND,     |_| Fate::Deny),
    row("cgroup_sock",            CGROUP,   |_| Fate::Deny),
    row("cgroup_sock_addr",       CGROUP,   |_| Fate::Deny),
    row("cgroup_sockopt",         CGROUP,   |_| Fate::Deny),
    row("cgroup_device",          CGROUP,   |_| Fate::Deny),
    row("cgroup_sysctl",          CGROUP,   |_| Fate::Deny),
    row("netfilter",              NETFILTER, |_| Fate::Drop),
    row("sock_ops",               SOCK_OPS, |_| Fate::NoReply),
];

/// A socket filter returns how many bytes to keep.
fn trim(value: i32) -> Fate {
    match value.cast_unsigned() {
        0 => Fate::Drop,
        length => Fate::Trim(length),
    }
}

/// A stream parser returns a message's length, 0 or a negative error.
fn message(value: i32) -> Fate {
    match u32::try_from(value) {
        Ok(length) => Fate::Message(length),
        Err(_) => Fate::Fail(value.unsigned_abs()),
    }
}

impl Hook {
    /// What it means that a program returned this value.
    pub fn action(&self, value: i32) -> Action {
        let row = self.row();
        let named = row.and_then(|row| row.named.iter().find(|action| action.value == value));
        named.copied().unwrap_or(Action {
            value,
            name: None,
            fate: row.map_or(Fate::Value, |row| (row.other)(value)),
        })
    }

    /// The name of an action, `TC_ACT_OK`, if it has one.
    pub fn action_name(&self, value: i32) -> Option<&'static str> {
        self.action(value).name
    }

    /// The value of the action of that name.
    pub fn action_value(&self, name: &str) -> Option<i32> {
        self.actions().iter().find(|action| action.name == Some(name)).map(|action| action.value)
    }

    /// Every action that has a name, by value.
    pub fn actions(&self) -> &'static [Action] {
        self.row().map_or(&[], |row| row.named)
    }

    fn row(&self) -> Option<&'static Row> {
        let group = self.name.split('/').next().unwrap_or(self.name);
        ACTIONS.iter().find(|row| row.hook == self.name || row.hook == group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Release, ReturnRange};

    #[test]
    fn every_named_action_may_be_returned() {
        for hook in Hook::all() {
            for action in hook.actions() {
                // A tail of the hook's own: `recvmsg` and the name hooks may only allow.
                let may = hook.return_range(Release::LATEST).contains(action.value);
                let only_allow = hook.return_range(Release::LATEST) == ReturnRange::Within(1, 1);
                assert!(may || only_allow, "{} cannot return {action}", hook.name);
                assert_eq!(hook.action_value(&action.to_string()), Some(action.value), "{}", hook.name);
                assert_eq!(hook.action(action.value), *action, "{}", hook.name);
            }
        }
    }

    #[test]
    fn every_row_names_a_hook() {
        for row in ACTIONS {
            let fits = |h: &Hook| h.name == row.hook || h.name.split('/').next() == Some(row.hook);
            assert!(Hook::all().iter().any(fits), "no hook is called `{}`", row.hook);
        }
    }

    #[test]
    fn actions_are_named_as_in_the_uapi() {
        let name = |hook, value| Hook::by_name(hook).and_then(|h| h.action_name(value));
        assert_eq!(name("sched_cls", 2), Some("TC_ACT_SHOT"));
        assert_eq!(name("xdp", 2), Some("XDP_PASS"));
        assert_eq!(name("cgroup_skb/ingress", 0), Some("deny"));
        assert_eq!(name("cgroup_skb/egress", 3), Some("allow_congested"));
        assert_eq!(name("socket_filter", 0), None);
    }

    #[test]
    fn values_without_a_name_have_a_fate() {
        let fate = |hook, value| Hook::by_name(hook).map(|h| h.action(value).fate);
        assert_eq!(fate("xdp", 77), Some(Fate::Abort));
        assert_eq!(fate("sched_cls", 77), Some(Fate::Next));
        assert_eq!(
            (fate("socket_filter", 0), fate("socket_filter", -1)),
            (Some(Fate::Drop), Some(Fate::Trim(u32::MAX)))
        );
        assert_eq!(
            (fate("sk_skb/stream_parser", 5), fate("sk_skb/stream_parser", -3)),
            (Some(Fate::Message(5)), Some(Fate::Fail(3)))
        );
        assert_eq!(fate("kprobe", 3), Some(Fate::Value));
    }
}
