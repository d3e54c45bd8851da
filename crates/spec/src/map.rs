//! Map kinds.

/// `enum bpf_map_type`: what a map is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MapKind(pub u32);
