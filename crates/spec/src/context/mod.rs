//! Contexts: what `r1` points to at entry, and which of its fields each group of hooks may load and store.
//!
//! A structure is described once. Hooks that share it differ in what they let through: each has a *column*, and every
//! field has one [`Cell`] a column. An offset that no field covers cannot be touched.

pub(crate) mod control;
pub(crate) mod skb;
pub(crate) mod socket;
pub(crate) mod trace;

use crate::{Access, FieldKind, Release, Rule, SockKind, Widths};

/// A structure that programs see, described by its UAPI declaration.
#[derive(Debug)]
pub struct Context {
    /// The C name, `__sk_buff`.
    pub name: &'static str,
    /// The size of the UAPI structure in bytes. For contexts without a fixed size (`syscall`, tracepoints), the
    /// highest offset that the kernel lets through.
    pub size: u32,
    /// Its fields, by ascending offset. They do not overlap.
    pub fields: &'static [Field],
}

/// A field of a structure.
#[derive(Debug)]
pub struct Field {
    /// The C name, `mark`.
    pub name: &'static str,
    /// Offset in bytes. Negative only for what lies before a tracepoint's record.
    pub offset: i32,
    /// The size of one element in bytes.
    pub element: u32,
    /// The number of elements: 1, or the length of an array.
    pub count: u32,
    /// How many bytes the kernel has for an element, if fewer. A load of that many or more gives all of them, wherever in
    /// the element it begins; of what is stored the rest is lost.
    pub stored: u32,
    /// A store does nothing unless the value is below this; none for most. (Of a constant, as a signed number of 32 bits.)
    pub below: Option<u32>,
    /// What a load of a whole element gives.
    pub kind: FieldKind,
    /// The first release that has the field.
    pub since: Release,
    /// What each column lets through.
    cells: &'static [Cell],
}

/// What one group of hooks may do with a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    read: Widths,
    write: Widths,
}

/// The kernel's own structures behind the contexts, by the name that programs know.
const KERNEL_STRUCTURES: &[(&str, &str)] = &[
    ("__sk_buff", "sk_buff"),
    ("xdp_md", "xdp_buff"),
    ("bpf_sock", "sock"),
    ("bpf_sock_addr", "bpf_sock_addr_kern"),
    ("bpf_sock_ops", "bpf_sock_ops_kern"),
    ("sk_msg_md", "sk_msg"),
    ("bpf_perf_event_data", "bpf_perf_event_data_kern"),
    ("bpf_cgroup_dev_ctx", "bpf_cgroup_dev_ctx"),
    ("bpf_sysctl", "bpf_sysctl_kern"),
    ("bpf_sockopt", "bpf_sockopt_kern"),
    ("sk_reuseport_md", "sk_reuseport_kern"),
    ("bpf_sk_lookup", "bpf_sk_lookup_kern"),
];

/// Whether two names are one, for the compiler.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    a.len() == b.len()
}

impl Context {
    /// The kernel's structure that the context stands for: what `bpf_cast_to_kern_ctx` gives.
    pub fn kernel_structure(&self) -> Option<&'static str> {
        KERNEL_STRUCTURES.iter().find(|(name, _)| *name == self.name).map(|(_, kernel)| *kernel)
    }

    /// The structure of that C name, of those that hooks of sockets and packets have.
    pub const fn by_name(name: &str) -> Option<&'static Context> {
        const ALL: &[&Context] = &[
            &skb::SK_BUFF,
            &skb::XDP_MD,
            &socket::BPF_SOCK,
            &socket::SOCK_ADDR,
            &socket::SOCK_OPS,
            &socket::SK_MSG_MD,
            &socket::SK_REUSEPORT_MD,
            &socket::SK_LOOKUP,
            &control::SYSCTL,
            &control::CGROUP_DEV_CTX,
            &control::SOCKOPT,
        ];
        let mut at = 0;
        while at < ALL.len() {
            if same(ALL[at].name, name) {
                return Some(ALL[at]);
            }
            at += 1;
        }
        None
    }

    /// The place of the field of that name in [`Context::fields`], known when the compiler runs.
    pub const fn position(&self, name: &str) -> Option<usize> {
        let mut at = 0;
        while at < self.fields.len() {
            if same(self.fields[at].name, name) {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    /// The field that covers the byte at `off`.
    pub fn field_at(&self, off: i32) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.covers(off))
    }

    /// The field that covers the byte at `off`, or else the one that lies nearest to it (for suggestions).
    pub fn nearest_field(&self, off: i32) -> Option<&'static Field> {
        self.fields.iter().min_by_key(|f| f.distance(off))
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// How to write the place at `off` in C: `__sk_buff.mark`, `__sk_buff.cb[2]`, `__sk_buff.mark + 1`.
    pub fn place_name(&self, off: i32) -> Option<String> {
        self.field_at(off).map(|f| format!("{}.{}", self.name, f.place_name(off)))
    }

    pub(crate) fn access(
        &self,
        column: usize,
        release: Release,
        off: i32,
        size: u32,
        access: Access,
    ) -> Option<FieldKind> {
        let field = self.field_at(off)?;
        if release < field.since {
            return None;
        }
        let cell = field.cells.get(column)?;
        let widths = match access {
            Access::Read => cell.read,
            Access::WriteReg => cell.write,
            Access::WriteImm if release.has(Rule::ImmediateContextStores) => cell.write,
            Access::WriteImm => return None,
        };
        let at = field.bytes_in(off)?;
        // Contexts are aligned to eight bytes, so the low bits of a negative offset decide alignment as well.
        let allowed = widths.permits(off as u32, at, size, field.element, field.count);
        // Only a whole pointer is a pointer: narrow reads beside it are numbers.
        let kind =
            if at % field.element == 0 && size == field.element { field.kind } else { FieldKind::Scalar };
        allowed.then_some(kind)
    }
}

impl Field {
    /// The size of the whole field in bytes.
    pub fn size(&self) -> u32 {
        self.element.saturating_mul(self.count)
    }

    /// `mark`, `cb[2]`, `mark + 1`.
    pub fn place_name(&self, off: i32) -> String {
        let at = self.bytes_in(off).unwrap_or(0);
        let element = self.element.max(1);
        let mut name = self.name.to_owned();
        if self.count > 1 {
            name += &format!("[{}]", at / element);
        }
        if !at.is_multiple_of(element) {
            name += &format!(" + {}", at % element);
        }
        name
    }

    pub(crate) fn read_widths(&self, column: usize) -> Widths {
        self.cells.get(column).map_or(Widths::Never, |c| c.read)
    }

    fn covers(&self, off: i32) -> bool {
        self.bytes_in(off).is_some_and(|at| at < self.size())
    }

    fn bytes_in(&self, off: i32) -> Option<u32> {
        u32::try_from(i64::from(off) - i64::from(self.offset)).ok()
    }

    fn distance(&self, off: i32) -> i64 {
        let (off, start) = (i64::from(off), i64::from(self.offset));
        let last = start + i64::from(self.size()) - 1;
        if off < start {
            start - off
        } else if off > last {
            off - last
        } else {
            0
        }
    }
}

/// How the tables below are written: one line a field, one word a column.
mod notation {
    use super::{Cell, Field, FieldKind, Release, SockKind, Widths};

    const fn cell(read: Widths, write: Widths) -> Cell {
        Cell { read, write }
    }

    /// Not accessible.
    pub(super) const NO: Cell = cell(Widths::Never, Widths::Never);
    /// Read, any part.
    pub(super) const R: Cell = cell(Widths::Narrow, Widths::Never);
    /// Read whole.
    pub(super) const F: Cell = cell(Widths::Full, Widths::Never);
    /// Read any width at the start.
    pub(super) const S: Cell = cell(Widths::Start, Widths::Never);
    /// Read any part, write whole.
    pub(super) const R_W: Cell = cell(Widths::Narrow, Widths::Full);
    /// Read whole, write whole.
    pub(super) const F_W: Cell = cell(Widths::Full, Widths::Full);
    /// Read and write any part.
    pub(super) const RW: Cell = cell(Widths::Narrow, Widths::Narrow);
    /// Read any part or a pair of elements.
    pub(super) const R8: Cell = cell(Widths::NarrowOrPair, Widths::Never);
    /// Read and write any part or a pair of elements.
    pub(super) const RW8: Cell = cell(Widths::NarrowOrPair, Widths::NarrowOrPair);
    /// Read any part or a pair of elements, write whole elements or a pair.
    pub(super) const R8_W8: Cell = cell(Widths::NarrowOrPair, Widths::FullOrPair);
    /// Read two bytes at least.
    pub(super) const HALVES: Cell = cell(Widths::Halves, Widths::Never);
    /// Read the port, with or without its padding.
    pub(super) const PORT: Cell = cell(Widths::Port, Widths::Never);
    /// Read the whole at the start, any part elsewhere.
    pub(super) const WHOLE0: Cell = cell(Widths::FullAtStart, Widths::Never);

    pub(super) const SOCK: FieldKind = FieldKind::Socket { kind: SockKind::Sock, nullable: false };
    pub(super) const SOCK_OR_NULL: FieldKind = FieldKind::Socket { kind: SockKind::Sock, nullable: true };
    pub(super) const SOCK_COMMON_OR_NULL: FieldKind =
        FieldKind::Socket { kind: SockKind::SockCommon, nullable: true };

    /// A number.
    pub(super) const fn num(name: &'static str, offset: i32, element: u32, cells: &'static [Cell]) -> Field {
        arr(name, offset, element, 1, cells)
    }

    /// An array of numbers.
    pub(super) const fn arr(
        name: &'static str,
        offset: i32,
        element: u32,
        count: u32,
        cells: &'static [Cell],
    ) -> Field {
        Field {
            name,
            offset,
            element,
            count,
            stored: element,
            below: None,
            kind: FieldKind::Scalar,
            since: Release::OLDEST,
            cells,
        }
    }

    /// A pointer, of `element` bytes in the UAPI structure.
    pub(super) const fn ptr(
        name: &'static str,
        offset: i32,
        element: u32,
        kind: FieldKind,
        cells: &'static [Cell],
    ) -> Field {
        Field {
            name,
            offset,
            element,
            count: 1,
            stored: element,
            below: None,
            kind,
            since: Release::OLDEST,
            cells,
        }
    }

    impl Field {
        /// The kernel has only that many bytes for it.
        pub(super) const fn stored(self, stored: u32) -> Field {
            Field { stored, ..self }
        }

        /// Only values below that are stored.
        pub(super) const fn below(self, limit: u32) -> Field {
            Field { below: Some(limit), ..self }
        }

        /// The field came with that release.
        pub(super) const fn since(self, since: Release) -> Field {
            Field { since, ..self }
        }
    }
}
