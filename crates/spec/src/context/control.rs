//! Control: sysctl, device and `setsockopt` hooks, and the argument of a `syscall` program.

use super::Context;
use super::notation::*;
use crate::FieldKind::{Packet, PacketEnd};

#[rustfmt::skip]
pub(crate) static SYSCTL: Context = Context {
    name: "bpf_sysctl",
    size: 8,
    fields: &[
        num("write",    0, 4, &[R]),
        num("file_pos", 4, 4, &[R_W]),
    ],
};

#[rustfmt::skip]
pub(crate) static CGROUP_DEV_CTX: Context = Context {
    name: "bpf_cgroup_dev_ctx",
    size: 12,
    fields: &[
        num("access_type", 0, 4, &[R]),
        num("major",       4, 4, &[F]),
        num("minor",       8, 4, &[F]),
    ],
};

/// Columns of [`SOCKOPT`].
pub(crate) mod sockopt_column {
    /// `cgroup_sockopt/getsockopt`.
    pub(crate) const GET: usize = 0;
    /// `cgroup_sockopt/setsockopt`.
    pub(crate) const SET: usize = 1;
}

#[rustfmt::skip]
pub(crate) static SOCKOPT: Context = Context {
    name: "bpf_sockopt",
    size: 40,
    fields: &[
        //                                       get    set
        ptr("sk",          0, 8, SOCK,         &[F,     F]),
        ptr("optval",      8, 8, Packet,       &[F,     F]),
        ptr("optval_end", 16, 8, PacketEnd,    &[F,     F]),
        num("level",      24, 4,               &[F,     F_W]),
        num("optname",    28, 4,               &[F,     F_W]),
        num("optlen",     32, 4,               &[F_W,   F_W]),
        num("retval",     36, 4,               &[F_W,   NO]),
    ],
};

/// The argument of a `syscall` program: bytes that the caller hands over, readable and writable.
#[rustfmt::skip]
pub(crate) static SYSCALL_ARGS: Context = Context {
    name: "syscall",
    size: 65_535,
    fields: &[
        arr("args", 0, 8, 8192, &[RW]),
    ],
};
