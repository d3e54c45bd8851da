//! Contexts: what `r1` points to at entry.

/// A context type, described by its UAPI structure.
#[derive(Debug)]
pub struct Context {
    /// The C name, `__sk_buff`.
    pub name: &'static str,
    /// The size of the UAPI structure in bytes.
    pub size: u32,
}
