//! How a program touches a field, and what it gets.

use crate::SockKind;

/// How an instruction touches memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// A load.
    Read,
    /// A store of a register.
    WriteReg,
    /// A store of a constant.
    WriteImm,
}

/// What a load of a field gives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FieldKind {
    /// A number.
    Scalar,
    /// Start of the packet's bytes.
    Packet,
    /// End of the packet's bytes.
    PacketEnd,
    /// Start of the metadata before the packet.
    PacketMeta,
    /// A socket that the program borrows.
    Socket {
        /// Which view of it.
        kind: SockKind,
        /// Whether it may be NULL.
        nullable: bool,
    },
    /// `struct bpf_flow_keys`, readable and writable.
    FlowKeys,
    /// The buffer of a writable raw tracepoint.
    TracepointBuffer,
}
