//! The kinds of events: what each is called in a file, which hooks run on it, how it is read.

use belay_object::{Attach, Program};
use belay_spec::Hook;
use belay_vm::UserAddress;

use super::Event;
use crate::file::inputs::{self, Read};

/// A kind of event.
pub(crate) struct Kind {
    /// The table in a scenario's file, and what reports call it.
    pub(crate) word: &'static str,
    /// The hooks whose programs run on it: full names.
    hooks: &'static [&'static str],
    /// Reads what is its own of such a table.
    pub(crate) read: Read,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word)
    }
}

/// Packets, which are no other event: their hooks are those that run on packets.
pub(crate) const PACKET: &str = "packet";

macro_rules! kinds {
    ($($word:literal by $read:ident: $($hook:literal)*;)*) => {
        static KINDS: &[Kind] = &[$(Kind { word: $word, hooks: &[$($hook),*], read: inputs::$read },)*];
    };
}

kinds! {
    "sk_lookup" by sk_lookup: "sk_lookup";
    "sk_reuseport" by sk_reuseport: "sk_reuseport/select" "sk_reuseport/select_or_migrate";
    "flow_dissector" by flow_dissector: "flow_dissector";
    "netfilter" by netfilter: "netfilter";
    "bind" by stream_address: "cgroup_sock_addr/bind4" "cgroup_sock_addr/bind6";
    "connect" by stream_address: "cgroup_sock_addr/connect4" "cgroup_sock_addr/connect6" "cgroup_sock_addr/connect_unix";
    "sendmsg" by sent_address: "cgroup_sock_addr/sendmsg4" "cgroup_sock_addr/sendmsg6" "cgroup_sock_addr/sendmsg_unix";
    "recvmsg" by datagram_address: "cgroup_sock_addr/recvmsg4" "cgroup_sock_addr/recvmsg6" "cgroup_sock_addr/recvmsg_unix";
    "getpeername" by stream_address:
        "cgroup_sock_addr/getpeername4" "cgroup_sock_addr/getpeername6" "cgroup_sock_addr/getpeername_unix";
    "getsockname" by stream_address:
        "cgroup_sock_addr/getsockname4" "cgroup_sock_addr/getsockname6" "cgroup_sock_addr/getsockname_unix";
    "sock_create" by socket: "cgroup_sock/sock_create";
    "post_bind" by socket: "cgroup_sock/post_bind4" "cgroup_sock/post_bind6";
    "sock_release" by socket: "cgroup_sock/sock_release";
    "sock_ops" by sock_ops: "sock_ops";
    "sk_msg" by sk_msg: "sk_msg";
    "setsockopt" by setsockopt: "cgroup_sockopt/setsockopt";
    "getsockopt" by getsockopt: "cgroup_sockopt/getsockopt";
    "sysctl" by sysctl: "cgroup_sysctl";
    "device" by device: "cgroup_device";
}

impl Kind {
    /// All of them; packets come first.
    pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
        KINDS.iter()
    }

    /// The kind that programs of a hook run on; none for packets, and for hooks that do not run.
    pub(crate) fn of(hook: &Hook) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.hooks.contains(&hook.name))
    }

    /// The hooks for an event of this kind: of those for IPv4, IPv6 and paths the ones for its address.
    pub(crate) fn hooks(&self, event: &Event) -> Vec<&'static str> {
        let wanted = family(event);
        let fits = |hook: &&&str| {
            let of = ["4", "6", "_unix"].into_iter().find(|ending| hook.ends_with(ending));
            of.is_none() || wanted.is_none() || of == wanted
        };
        self.hooks.iter().filter(fits).copied().collect()
    }

    /// Whether a program runs on an event of this kind.
    pub(crate) fn runs(&self, program: &Program, event: &Event) -> bool {
        matches!(&program.attach, Attach::Hook(hook) if self.hooks(event).contains(&hook.name))
    }
}

/// How the names of hooks for the event's family end.
fn family(event: &Event) -> Option<&'static str> {
    /// `AF_INET6`
    const INET6: u32 = 10;
    Some(match event {
        Event::SockAddr(call) => match &call.address {
            UserAddress::Inet(address) if address.is_ipv4() => "4",
            UserAddress::Inet(_) => "6",
            UserAddress::Unix(_) => "_unix",
        },
        Event::Sock(sock) if sock.family == INET6 => "6",
        Event::Sock(_) => "4",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_of_an_input_of_its_own_has_one_kind() {
        for kind in Kind::all() {
            assert!(kind.hooks.iter().all(|name| Hook::by_name(name).is_some()), "{}", kind.word);
        }
        // Those of contexts that are not packets alone.
        let contexts = [
            "bpf_sk_lookup",
            "sk_reuseport_md",
            "bpf_sock_addr",
            "bpf_sock",
            "bpf_sock_ops",
            "sk_msg_md",
            "bpf_sockopt",
            "bpf_sysctl",
            "bpf_cgroup_dev_ctx",
            "bpf_nf_ctx",
        ];
        for hook in Hook::all() {
            let wanted = contexts.contains(&hook.context.name) || hook.name == "flow_dissector";
            assert_eq!(Kind::of(hook).is_some(), wanted, "{}", hook.name);
        }
    }
}
