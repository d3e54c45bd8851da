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
    /// A kernel structure of that name, to be trusted.
    Structure(&'static str),
}

impl FieldKind {
    /// The kernel's name for the register type, as in its log: `pkt_end`, `sock_common_or_null`.
    pub fn kernel_name(self) -> &'static str {
        match self {
            FieldKind::Scalar => "scalar",
            FieldKind::Packet => "pkt",
            FieldKind::PacketEnd => "pkt_end",
            FieldKind::PacketMeta => "pkt_meta",
            FieldKind::Socket { kind, nullable: false } => kind.name(),
            FieldKind::Socket { kind, nullable: true } => kind.nullable_name(),
            FieldKind::FlowKeys => "flow_keys",
            FieldKind::TracepointBuffer => "tp_buffer",
            FieldKind::Structure(_) => "trusted_ptr_",
        }
    }
}

/// Which widths an access to a field may have. Every access is aligned to its own width, too.
///
/// Fields are described by their elements: `cb` has five elements of four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Widths {
    /// None.
    Never,
    /// One whole element.
    Full,
    /// Any part of one element.
    Narrow,
    /// Any part of one element, or eight bytes across two elements.
    NarrowOrPair,
    /// One whole element, or eight bytes across two elements.
    FullOrPair,
    /// Any width up to the element's, at its first byte only.
    Start,
    /// Two bytes at least, within the element.
    Halves,
    /// Any part of the element, but at its first byte the whole element only.
    FullAtStart,
    /// Any part of the two-byte `dst_port`, or the four bytes that it once had
    /// (`bpf_sock::dst_port` was a `__u32` before Linux 5.18).
    Port,
}

impl Widths {
    /// Whether an access of `size` bytes, `at` bytes into a field of `count` elements of `element` bytes, fits.
    /// `offset` is the place within the structure, which decides alignment.
    pub(crate) fn permits(self, offset: u32, at: u32, size: u32, element: u32, count: u32) -> bool {
        if !matches!(size, 1 | 2 | 4 | 8) || !offset.is_multiple_of(size) || element == 0 {
            return false;
        }
        let within = at % element;
        let inside = within.saturating_add(size) <= element;
        let whole = within == 0 && size == element;
        let pair = within == 0 && size == element.saturating_mul(2) && at / element + 1 < count;
        match self {
            Widths::Never => false,
            Widths::Full => whole,
            Widths::Narrow => inside,
            Widths::NarrowOrPair => inside || pair,
            Widths::FullOrPair => whole || pair,
            Widths::Start => within == 0 && inside,
            Widths::Halves => inside && size >= 2,
            Widths::FullAtStart => inside && (whole || within != 0),
            Widths::Port => inside || (within == 0 && size == 4),
        }
    }
}
