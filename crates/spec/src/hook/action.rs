//! What the values that programs return are called.

use super::Hook;

/// A value and its name.
type Action = (i32, &'static str);

const SK: &[Action] = &[(0, "SK_DROP"), (1, "SK_PASS")];
const XDP: &[Action] =
    &[(0, "XDP_ABORTED"), (1, "XDP_DROP"), (2, "XDP_PASS"), (3, "XDP_TX"), (4, "XDP_REDIRECT")];
const TC: &[Action] = &[
    (-1, "TC_ACT_UNSPEC"),
    (0, "TC_ACT_OK"),
    (1, "TC_ACT_RECLASSIFY"),
    (2, "TC_ACT_SHOT"),
    (3, "TC_ACT_PIPE"),
    (4, "TC_ACT_STOLEN"),
    (5, "TC_ACT_QUEUED"),
    (6, "TC_ACT_REPEAT"),
    (7, "TC_ACT_REDIRECT"),
    (8, "TC_ACT_TRAP"),
];
const LWT: &[Action] = &[(0, "BPF_OK"), (2, "BPF_DROP"), (7, "BPF_REDIRECT"), (128, "BPF_LWT_REROUTE")];
const FLOW: &[Action] = &[(0, "BPF_OK"), (2, "BPF_DROP"), (129, "BPF_FLOW_DISSECTOR_CONTINUE")];
const CGROUP: &[Action] = &[(0, "deny"), (1, "allow")];
/// The second bit asks the sender to slow down.
const EGRESS: &[Action] = &[(0, "deny"), (1, "allow"), (2, "deny_congested"), (3, "allow_congested")];
/// The second bit lifts the need for `CAP_NET_BIND_SERVICE`.
const BIND: &[Action] = &[(0, "deny"), (1, "allow"), (2, "deny_unprivileged"), (3, "allow_unprivileged")];

/// Names by hook, or by the part of the hook's name before `/`; the first row that fits counts.
#[rustfmt::skip]
static ACTIONS: &[(&str, &[Action])] = &[
    ("sched_cls",              TC),
    ("sched_act",              TC),
    ("xdp",                    XDP),
    ("sk_skb/stream_verdict",  SK),
    ("sk_msg",                 SK),
    ("sk_reuseport",           SK),
    ("sk_lookup",              SK),
    ("lwt_in",                 LWT),
    ("lwt_out",                LWT),
    ("lwt_xmit",               LWT),
    ("lwt_seg6local",          LWT),
    ("flow_dissector",         FLOW),
    ("cgroup_skb/egress",      EGRESS),
    ("cgroup_sock_addr/bind4", BIND),
    ("cgroup_sock_addr/bind6", BIND),
    ("cgroup_skb",             CGROUP),
    ("cgroup_sock",            CGROUP),
    ("cgroup_sock_addr",       CGROUP),
    ("cgroup_sockopt",         CGROUP),
    ("cgroup_device",          CGROUP),
    ("cgroup_sysctl",          CGROUP),
];

impl Hook {
    /// The name of an action, `TC_ACT_OK`; cgroup hooks say `allow` and `deny`. `None` where a value has no name:
    /// a socket filter returns a length, a tracing program a number for its caller.
    pub fn action_name(&self, value: i32) -> Option<&'static str> {
        self.actions().iter().find(|(v, _)| *v == value).map(|(_, name)| *name)
    }

    /// The value of the action of that name.
    pub fn action_value(&self, name: &str) -> Option<i32> {
        self.actions().iter().find(|(_, n)| *n == name).map(|(value, _)| *value)
    }

    /// Every action that has a name, by value.
    pub fn actions(&self) -> &'static [(i32, &'static str)] {
        let group = self.name.split('/').next().unwrap_or(self.name);
        let row = ACTIONS.iter().find(|(hook, _)| *hook == self.name || *hook == group);
        row.map_or(&[], |(_, actions)| *actions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Release, ReturnRange};

    #[test]
    fn every_named_action_may_be_returned() {
        for hook in Hook::all() {
            for (value, name) in hook.actions() {
                // A tail of the hook's own: `recvmsg` and the name hooks may only allow.
                let may = hook.return_range(Release::LATEST).contains(*value);
                let only_allow = hook.return_range(Release::LATEST) == ReturnRange::Within(1, 1);
                assert!(may || only_allow, "{} cannot return {name}", hook.name);
                assert_eq!(hook.action_value(name), Some(*value), "{}", hook.name);
            }
        }
    }

    #[test]
    fn every_row_names_a_hook() {
        for (row, _) in ACTIONS {
            let fits = |h: &Hook| h.name == *row || h.name.split('/').next() == Some(row);
            assert!(Hook::all().iter().any(fits), "no hook is called `{row}`");
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
}
