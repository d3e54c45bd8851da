//! Fields of kernel structures that programs of some hooks may write. Everything else in the kernel is read-only.

/// The fields of one structure that may be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Writable {
    /// The structure.
    pub structure: &'static str,
    /// Another name under which the kernel hands it out.
    pub alias: Option<&'static str>,
    /// Its fields, each as the way of member names that leads to it.
    pub fields: &'static [WritableField],
}

/// A field that may be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WritableField {
    /// `inet_conn.icsk_ca_priv`
    pub path: &'static str,
    /// Whether a store may begin inside it, not only at its start.
    pub anywhere: bool,
}

const fn at(path: &'static str) -> WritableField {
    WritableField { path, anywhere: false }
}

const fn inside(path: &'static str) -> WritableField {
    WritableField { path, anywhere: true }
}

/// What congestion control may change of its connection.
static TCP_SOCK: Writable = Writable {
    structure: "tcp_sock",
    alias: None,
    fields: &[
        at("inet_conn.icsk_inet.sk.sk_pacing_rate"),
        at("inet_conn.icsk_inet.sk.sk_pacing_status"),
        inside("inet_conn.icsk_ca_priv"),
        at("inet_conn.icsk_ack.pending"),
        at("snd_cwnd"),
        at("snd_cwnd_cnt"),
        at("snd_cwnd_stamp"),
        at("snd_ssthresh"),
        at("ecn_flags"),
        at("app_limited"),
    ],
};

/// The argument of the structure with which the kernel tests such programs.
static DUMMY_STATE: Writable =
    Writable { structure: "bpf_dummy_ops_state", alias: None, fields: &[inside("val")] };

/// What packet programs may change of a connection that they track.
static NF_CONN: Writable =
    Writable { structure: "nf_conn", alias: Some("nf_conn___init"), fields: &[at("mark")] };

impl Writable {
    /// The structure that programs of this hook, or of this table of functions (`tcp_congestion_ops`), may write.
    pub fn at(place: &str) -> Option<&'static Writable> {
        match place {
            "tcp_congestion_ops" => Some(&TCP_SOCK),
            "bpf_dummy_ops" => Some(&DUMMY_STATE),
            "sched_cls" | "sched_act" | "xdp" => Some(&NF_CONN),
            _ => None,
        }
    }

    /// Whether it is about the structure of that name.
    pub fn is_of(&self, structure: &str) -> bool {
        self.structure == structure || self.alias == Some(structure)
    }
}
