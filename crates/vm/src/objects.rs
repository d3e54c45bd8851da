//! The kernel's own structures, as far as Belay has them.
//!
//! A pointer to such a structure is here the address of something that Belay lays out in its own way and that says the
//! same: the context of a packet, a socket of the table. So a load through one is not carried out as the program has it:
//! by the kernel's types, and by what the verifier noted of the load, it is found which field the program means, and the
//! load becomes one from where that field is kept ([`found`]). A structure or a field that no table here has does not run.
//!
//! In the kernel such loads survive any address. Here they meet two kinds: that of an object, and NULL, for which they give
//! 0. Others cannot come about, since every pointer to an object comes from the context, from a field in these tables or
//! from a call; a program that could have one from elsewhere (a map, an argument on which nothing relies) does not run.

use belay_object::btf::{Btf, Kind, TypeId};
use belay_sockets::Socket;
use belay_spec::{Context, SockKind};

use crate::context::{Form, netfilter};

/// What a load through NULL reads, in native code: as many bytes as any object here has.
pub(crate) static ZEROS: [u64; 64] = [0; 64];

/// Where Belay keeps a field, from the object's address on.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Where `__sk_buff` has the field of that name.
    Packet(&'static str),
    /// Where `struct bpf_sock` has it.
    Socket(&'static str),
    /// Where `struct bpf_tcp_sock` has it.
    Tcp(&'static str),
    /// At this offset.
    At(usize),
}

/// A field of a structure.
#[derive(Clone, Copy, Debug)]
struct Field {
    /// The members that lead to it.
    path: &'static str,
    place: Place,
    /// The structure that it points to.
    to: Option<&'static str>,
}

/// A structure: its fields, in parts, each behind a path.
struct Structure {
    name: &'static str,
    parts: &'static [(&'static str, &'static [Field])],
    /// The one form of contexts in which there are such objects; none is any.
    form: Option<Form>,
}

const fn f(path: &'static str, place: Place) -> Field {
    Field { path, place, to: None }
}

const fn packet(path: &'static str, name: &'static str) -> Field {
    f(path, Place::Packet(name))
}

const fn socket(path: &'static str, name: &'static str) -> Field {
    f(path, Place::Socket(name))
}

const fn tcp(name: &'static str) -> Field {
    f(name, Place::Tcp(name))
}

impl Field {
    const fn to(self, structure: &'static str) -> Field {
        Field { to: Some(structure), ..self }
    }
}

/// What a `__sk_buff` says, too.
static PACKET: &[Field] = &[
    packet("len", "len"),
    packet("pkt_type", "pkt_type"),
    packet("mark", "mark"),
    packet("queue_mapping", "queue_mapping"),
    packet("protocol", "protocol"),
    packet("vlan_tci", "vlan_tci"),
    packet("vlan_proto", "vlan_proto"),
    packet("priority", "priority"),
    packet("skb_iif", "ingress_ifindex"),
    packet("tc_index", "tc_index"),
    packet("hash", "hash"),
];

/// What only a netfilter program's packet has, where nothing changes it.
static FILTERED: &[Field] = &[
    f("data_len", Place::At(netfilter::DATA_LEN)),
    f("dev", Place::At(netfilter::DEVICE)).to("net_device"),
    packet("sk", "sk").to("sock"),
    f("mac_header", Place::At(netfilter::MAC_HEADER)),
    f("network_header", Place::At(netfilter::NETWORK_HEADER)),
    f("transport_header", Place::At(netfilter::TRANSPORT_HEADER)),
];

static STATE: &[Field] = &[
    f("hook", Place::At(netfilter::HOOK)),
    f("pf", Place::At(netfilter::FAMILY)),
    f("in", Place::At(netfilter::IN)).to("net_device"),
    f("out", Place::At(netfilter::OUT)).to("net_device"),
];

static DEVICE: &[Field] = &[
    f("ifindex", Place::At(netfilter::IFINDEX)),
    f("mtu", Place::At(netfilter::MTU)),
    f("name", Place::At(netfilter::NAME)),
];

/// `struct sock_common`: what every socket has.
static COMMON: &[Field] = &[
    socket("skc_family", "family"),
    socket("skc_state", "state"),
    socket("skc_bound_dev_if", "bound_dev_if"),
    socket("skc_num", "src_port"),
    socket("skc_dport", "dst_port"),
    socket("skc_rcv_saddr", "src_ip4"),
    socket("skc_daddr", "dst_ip4"),
    socket("skc_v6_rcv_saddr", "src_ip6"),
    socket("skc_v6_daddr", "dst_ip6"),
];

/// `struct sock` besides.
static SOCK: &[Field] = &[
    socket("sk_type", "type"),
    socket("sk_protocol", "protocol"),
    socket("sk_mark", "mark"),
    socket("sk_priority", "priority"),
];

/// `struct tcp_sock` besides.
static TCP: &[Field] = &[
    tcp("snd_cwnd"),
    tcp("srtt_us"),
    tcp("snd_ssthresh"),
    tcp("rcv_nxt"),
    tcp("snd_nxt"),
    tcp("snd_una"),
    tcp("mss_cache"),
    tcp("ecn_flags"),
    tcp("rate_delivered"),
    tcp("rate_interval_us"),
    tcp("packets_out"),
    tcp("retrans_out"),
    tcp("total_retrans"),
    tcp("segs_in"),
    tcp("data_segs_in"),
    tcp("segs_out"),
    tcp("data_segs_out"),
    tcp("lost_out"),
    tcp("sacked_out"),
    tcp("bytes_received"),
    tcp("bytes_acked"),
    tcp("dsack_dups"),
    tcp("delivered"),
    tcp("delivered_ce"),
    f("inet_conn.icsk_retransmits", Place::Tcp("icsk_retransmits")),
];

const fn structure(name: &'static str, parts: &'static [(&'static str, &'static [Field])]) -> Structure {
    Structure { name, parts, form: None }
}

/// Every structure that is known, the more special description first.
static STRUCTURES: &[Structure] = &[
    Structure { form: Some(Form::Netfilter), ..structure("nf_hook_state", &[("", STATE)]) },
    Structure { form: Some(Form::Netfilter), ..structure("net_device", &[("", DEVICE)]) },
    Structure { form: Some(Form::Netfilter), ..structure("sk_buff", &[("", PACKET), ("", FILTERED)]) },
    Structure { form: Some(Form::Frame), ..structure("sk_buff", &[("", PACKET)]) },
    Structure { form: Some(Form::Skb), ..structure("sk_buff", &[("", PACKET)]) },
    structure("sock_common", &[("", COMMON)]),
    structure("sock", &[("__sk_common", COMMON), ("", SOCK)]),
    structure("inet_sock", &[("sk.__sk_common", COMMON), ("sk", SOCK)]),
    structure(
        "tcp_sock",
        &[("inet_conn.icsk_inet.sk.__sk_common", COMMON), ("inet_conn.icsk_inet.sk", SOCK), ("", TCP)],
    ),
    structure(
        "tcp6_sock",
        &[
            ("tcp.inet_conn.icsk_inet.sk.__sk_common", COMMON),
            ("tcp.inet_conn.icsk_inet.sk", SOCK),
            ("tcp", TCP),
        ],
    ),
    structure("udp6_sock", &[("udp.inet.sk.__sk_common", COMMON), ("udp.inet.sk", SOCK)]),
    structure("unix_sock", &[("sk.__sk_common", COMMON), ("sk", SOCK)]),
    structure("tcp_timewait_sock", &[("tw_sk.__tw_common", COMMON)]),
    structure("tcp_request_sock", &[("req.req.__req_common", COMMON)]),
];

/// What a load reads here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// Where, from the object's address.
    pub(crate) place: i32,
    /// The structure that what it gives points to, if it is no number.
    pub(crate) to: Option<&'static str>,
}

/// Where `size` bytes at `off` of a structure are kept, in programs with this form of context.
///
/// # Errors
/// What does not run, in words.
pub(crate) fn found(btf: &Btf, structure: TypeId, form: Form, off: u32, size: u32) -> Result<Found, String> {
    let name = btf.name(structure);
    let fits = |known: &&Structure| known.name == name && known.form.is_none_or(|only| only == form);
    let Some(known) = STRUCTURES.iter().find(fits) else {
        return Err(format!("fields of the kernel's `struct {name}`"));
    };
    let end = off.saturating_add(size);
    for (prefix, field) in
        known.parts.iter().flat_map(|(prefix, fields)| fields.iter().map(move |f| (prefix, f)))
    {
        let path = if prefix.is_empty() { field.path.to_owned() } else { format!("{prefix}.{}", field.path) };
        let Some(lies) = btf.member_at(structure, &path) else { continue };
        if (lies.start..lies.end).contains(&off)
            && end <= lies.end
            && let Some(place) = field.place.resolve()
        {
            return Ok(Found { place: (place + (off - lies.start) as usize) as i32, to: field.to });
        }
    }
    let path = btf.member_path(structure, off);
    Err(format!("`{path}` of the kernel's `struct {name}` ({size} bytes at offset {off})"))
}

/// The structure of that name among the kernel's types.
pub(crate) fn by_name(btf: &Btf, name: &str) -> Option<TypeId> {
    btf.find(name, |kind| matches!(kind, Kind::Struct { .. }))
}

/// What can be read of each structure, for people: of those that differ by hook, the most.
#[cfg(test)]
pub(crate) fn described() -> String {
    let mut text = "| structure | fields |\n| --- | --- |\n".to_owned();
    for known in STRUCTURES.iter().filter(|known| !matches!(known.form, Some(Form::Frame | Form::Skb))) {
        let fields =
            known.parts.iter().flat_map(|(prefix, fields)| fields.iter().map(move |field| (prefix, field)));
        // What is said of another structure inside is said there.
        let inside = |prefix: &str| prefix.ends_with("sk") || prefix.ends_with("common") || prefix == "tcp";
        let own = fields
            .clone()
            .filter(|(prefix, _)| !inside(prefix))
            .map(|(_, field)| format!("`{}`", field.path));
        let mut all: Vec<_> = own.collect();
        let whose = [("common", "`sock_common`"), ("sk", "`sock`"), ("tcp", "`tcp_sock`")];
        for (end, name) in whose {
            if known.parts.iter().any(|(prefix, _)| inside(prefix) && (prefix.ends_with(end))) {
                all.push(format!("those of {name}"));
            }
        }
        text += &format!("| `{}` | {} |\n", known.name, all.join(", "));
    }
    text
}

impl Place {
    /// From the object's address on.
    fn resolve(self) -> Option<usize> {
        let named = |context: &Context, name| {
            let position = context.position(name)?;
            usize::try_from(context.fields.get(position)?.offset).ok()
        };
        match self {
            Place::Packet(name) => named(Context::by_name("__sk_buff")?, name),
            Place::Socket(name) => Some(Socket::VIEW_OFFSET + named(SockKind::Sock.structure(), name)?),
            Place::Tcp(name) => Some(Socket::TCP_VIEW_OFFSET + named(SockKind::TcpSock.structure(), name)?),
            Place::At(place) => Some(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use belay_profile::KernelProfile;
    use belay_spec::Release;

    use super::*;

    /// A field that is a pointer to the verifier must be one here, to the same structure: what is loaded from it is followed.
    #[test]
    fn every_field_is_what_the_kernels_types_say() {
        for release in [Release::V6_12, Release::V6_18] {
            let btf = KernelProfile::builtin(release).btf();
            for known in STRUCTURES {
                let structure =
                    by_name(btf, known.name).unwrap_or_else(|| panic!("{release}: {}", known.name));
                for (prefix, fields) in known.parts {
                    for field in *fields {
                        let path = if prefix.is_empty() {
                            field.path.to_owned()
                        } else {
                            format!("{prefix}.{}", field.path)
                        };
                        check(btf, structure, known, field, &path);
                    }
                }
            }
        }
    }

    fn check(btf: &Btf, structure: TypeId, known: &Structure, field: &Field, path: &str) {
        let what = format!("{}.{path}", known.name);
        let lies = btf.member_at(structure, path).unwrap_or_else(|| panic!("{what} is not there"));
        let place = field.place.resolve().unwrap_or_else(|| panic!("{what} has no place"));
        let size = lies.end - lies.start;
        assert!(place + size as usize <= size_of_val(&ZEROS), "{what}");
        // What lies there is called so, or (in a union) something that lies there, too.
        let there = btf.member_at(structure, &btf.member_path(structure, lies.start)).unwrap();
        assert!(there.contains(&lies.start), "{what}");
        let target = pointee(btf, structure, path);
        assert_eq!(target.as_deref(), field.to, "{what}");
        // A load of all of it begins where it is kept.
        let form = known.form.unwrap_or(Form::Xdp);
        let found = found(btf, structure, form, lies.start, size).unwrap();
        assert_eq!(found, Found { place: place as i32, to: field.to }, "{what}");
    }

    /// The structure that a member points to.
    fn pointee(btf: &Btf, structure: TypeId, path: &str) -> Option<String> {
        let ty = btf.member_type(structure, path)?;
        let Kind::Ptr(target) = btf.strip(ty).kind else { return None };
        let target = btf.strip(target);
        target.kind.members().map(|_| target.name.to_owned())
    }

    #[test]
    fn what_is_not_known_is_named() {
        let btf = KernelProfile::builtin(Release::V6_18).btf();
        let said = |name, path: &str, form| {
            let structure = by_name(btf, name).unwrap();
            let lies = btf.member_at(structure, path).unwrap();
            found(btf, structure, form, lies.start, lies.end - lies.start).unwrap_err()
        };
        assert!(
            said("sk_buff", "truesize", Form::Netfilter)
                .starts_with("`truesize` of the kernel's `struct sk_buff` (4 bytes")
        );
        assert!(said("sk_buff", "dev", Form::Frame).starts_with("`dev` of the kernel's `struct sk_buff`"));
        assert_eq!(said("task_struct", "pid", Form::Frame), "fields of the kernel's `struct task_struct`");
        // Two fields that are kept apart cannot be read as one.
        let sock = by_name(btf, "sock_common").unwrap();
        let ports = btf.member_at(sock, "skc_dport").unwrap();
        assert!(found(btf, sock, Form::Frame, ports.start, 4).is_err());
    }
}
