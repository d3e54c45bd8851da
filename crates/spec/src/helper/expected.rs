//! The register types that Linux names when an argument is wrong: `R1 type=scalar expected=ctx`.

use super::ArgKind;
use crate::Release;

/// Memory as 6.1 takes it for keys and values of maps.
const MAP_MEMORY_6_1: &str = "fp, pkt, pkt_meta, map_key, map_value";
const MEMORY_6_1: &str = "fp, pkt, pkt_meta, map_key, map_value, mem, alloc_mem, buf";
const MEMORY: &str = "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_";

impl ArgKind {
    /// What the kernel lists after `expected=` when a number stands where this argument should be a pointer;
    /// `None` where numbers are taken. Measured on each release.
    pub fn expected(self, release: Release) -> Option<&'static str> {
        let old = release == Release::V6_1;
        let by_release = |first, later| Some(if old { first } else { later });
        match self {
            ArgKind::Any | ArgKind::Scalar | ArgKind::Zero | ArgKind::Size(_) | ArgKind::AllocSize => None,
            ArgKind::Context => Some("ctx"),
            ArgKind::Map => Some("map_ptr"),
            ArgKind::MapKey | ArgKind::MapValue | ArgKind::MapValueOut => by_release(MAP_MEMORY_6_1, MEMORY),
            ArgKind::MemIn
            | ArgKind::MemOut
            | ArgKind::MemInOut
            | ArgKind::DynptrData
            | ArgKind::FixedIn { .. }
            | ArgKind::FixedOut { .. }
            | ArgKind::FixedInOut { .. } => by_release(MEMORY_6_1, MEMORY),
            ArgKind::SockCommon => Some("sock_common, sock, tcp_sock, xdp_sock"),
            ArgKind::Socket => Some("sock"),
            ArgKind::BtfSockCommon => by_release(
                "sock_common, sock, tcp_sock, xdp_sock, ptr_",
                "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_",
            ),
            ArgKind::Btf(_) | ArgKind::KptrObject => by_release("ptr_", "ptr_, trusted_ptr_, rcu_ptr_"),
            ArgKind::PercpuBtf => {
                by_release("percpu_ptr_", "percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_")
            }
            ArgKind::Callback => Some("func"),
            ArgKind::Stack => Some("fp"),
            ArgKind::ConstStr | ArgKind::Timer => Some("map_value"),
            ArgKind::SpinLock | ArgKind::Kptr => by_release("map_value", "map_value, ptr_"),
            ArgKind::Dynptr { .. } => Some("fp, dynptr_ptr"),
            ArgKind::RingbufRecord => by_release("alloc_mem", "ringbuf_mem"),
        }
    }

    /// Whether the argument is memory that the helper reads or writes.
    pub fn is_memory(self) -> bool {
        self.writes()
            || matches!(self, ArgKind::MapKey | ArgKind::MapValue | ArgKind::MemIn | ArgKind::FixedIn { .. })
    }

    /// Whether the argument is memory that the helper writes (it cannot be read-only).
    pub fn writes(self) -> bool {
        matches!(
            self,
            ArgKind::MapValueOut
                | ArgKind::MemOut
                | ArgKind::MemInOut
                | ArgKind::DynptrData
                | ArgKind::FixedOut { .. }
                | ArgKind::FixedInOut { .. }
        )
    }
}
