//! Contexts as they lie in memory.
//!
//! A context has the layout of its UAPI structure, with one exception: fields that hold a pointer in four bytes (`data`,
//! `data_end`, `data_meta`) hold nothing there. The 64-bit address stands behind the structure, in the order of
//! the fields, and a load of such a field becomes an 8-byte load from there ([`Layout::load`]). The kernel rewrites all
//! context loads; Belay only these.

pub(crate) mod skb;
pub(crate) mod xdp;

use belay_isa::Size;
use belay_object::Attach;
use belay_spec::{Access, Context, FieldKind, Hook, Release};

use crate::input::Input;
use crate::memory::Block;

/// Room for any context.
pub(crate) const CONTEXT_SIZE: usize = 512;

/// Which family of contexts a hook has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// `__sk_buff`; `link_layer`: `data` begins at the Ethernet header.
    Skb { link_layer: bool },
    /// `xdp_md`.
    Xdp,
    /// Plain memory and its length, for programs of no hook.
    Raw,
}

/// How a program sees its context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// The hook; none for [`Form::Raw`].
    pub(crate) hook: Option<&'static Hook>,
    pub(crate) form: Form,
}

/// A load or store as it is to be executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Native {
    pub(crate) off: i32,
    pub(crate) size: Size,
    pub(crate) kind: FieldKind,
}

impl Layout {
    /// No context: the program gets memory in `r1` and its length in `r2`.
    pub(crate) const RAW: Layout = Layout { hook: None, form: Form::Raw };

    /// The layout of a program's context; none if its hook does not run yet.
    pub(crate) fn of(attach: &Attach) -> Option<Layout> {
        let Attach::Hook(hook) = attach else { return None };
        let form = match hook.context.name {
            "xdp_md" => Form::Xdp,
            "__sk_buff" => match hook.name.split('/').next().unwrap_or_default() {
                "sched_cls" | "sched_act" => Form::Skb { link_layer: true },
                "cgroup_skb" | "sk_skb" | "socket_filter" => Form::Skb { link_layer: false },
                "lwt_in" | "lwt_out" | "lwt_xmit" | "lwt_seg6local" => Form::Skb { link_layer: false },
                _ => return None,
            },
            _ => return None,
        };
        Some(Layout { hook: Some(hook), form })
    }

    /// The load to execute for one of `size` bytes at `off`; none if the kernel refuses it.
    pub(crate) fn load(&self, release: Release, off: i32, size: Size) -> Option<Native> {
        let hook = self.hook?;
        let kind = hook.context_access(release, off, size.bytes(), Access::Read)?;
        Some(match pointer_place(hook.context, off) {
            Some(place) if is_pointer(kind) => Native { off: place, size: Size::DW, kind },
            _ => Native { off, size, kind },
        })
    }

    /// The store to execute; none if the kernel refuses it.
    pub(crate) fn store(&self, release: Release, off: i32, size: Size, access: Access) -> Option<Native> {
        let kind = self.hook?.context_access(release, off, size.bytes(), access)?;
        // These fields have 16 bits in the kernel: the rest of what is stored is lost.
        let halved = matches!(self.form, Form::Skb { .. }) && size == Size::W && skb::is_half(off);
        Some(Native { off, size: if halved { Size::H } else { size }, kind })
    }

    /// Before a run: readies the input for the hook, and writes the context.
    pub(crate) fn enter(&self, block: &Block, input: &mut Input<'_>) {
        match (self.form, input) {
            (Form::Skb { link_layer }, Input::Packet(packet)) => {
                packet.enter(link_layer);
                skb::fill(block, packet);
            }
            (Form::Xdp, Input::Packet(packet)) => {
                packet.enter(true);
                xdp::fill(block, packet);
            }
            // An input of another family: there is nothing to be seen, and nothing to follow.
            (Form::Skb { .. } | Form::Xdp | Form::Raw, _) => {
                let _ = block.clear(0, block.len());
            }
        }
    }

    /// Writes what follows from the packet's bounds, after a helper moved them.
    pub(crate) fn refresh(&self, block: &Block, input: &Input<'_>) {
        match (self.form, input) {
            (Form::Skb { .. }, Input::Packet(packet)) => skb::refresh(block, packet),
            (Form::Xdp, Input::Packet(packet)) => xdp::refresh(block, packet),
            (Form::Skb { .. } | Form::Xdp | Form::Raw, _) => {}
        }
    }

    /// After a run: takes back what the program stored.
    pub(crate) fn leave(&self, block: &Block, input: &mut Input<'_>) {
        match (self.form, input) {
            (Form::Skb { .. }, Input::Packet(packet)) => skb::take_back(block, packet),
            (Form::Skb { .. } | Form::Xdp | Form::Raw, _) => {}
        }
    }
}

/// Whether a field holds an address in its four bytes.
fn is_pointer(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::Packet | FieldKind::PacketEnd | FieldKind::PacketMeta)
}

/// Where the address of a four-byte pointer field stands: behind the structure, in the order of such fields.
pub(crate) fn pointer_place(context: &Context, off: i32) -> Option<i32> {
    let narrow = context.fields.iter().filter(|field| is_pointer(field.kind) && field.element == 4);
    let (index, _) = narrow.enumerate().find(|(_, field)| field.offset == off)?;
    i32::try_from(context.size.next_multiple_of(8) as usize + 8 * index).ok()
}

/// Offsets of a context's fields, by name, from the one description in `belay-spec`.
macro_rules! fields {
    ($name:ident of $context:literal in $hook:literal { $($field:ident),* ; $($pointer:ident),* $(,)? }) => {
        struct $name { $($field: usize,)* $($pointer: usize,)* }

        impl $name {
            /// Looked up once. A name that the description lacks is caught by the test below; at run time its
            /// place is outside the block, where nothing is written.
            fn get() -> &'static $name {
                static FIELDS: std::sync::LazyLock<$name> = std::sync::LazyLock::new(|| {
                    let context = belay_spec::Hook::by_name($hook).map(|hook| hook.context);
                    let place = |name: &str| {
                        context.and_then(|c| c.field(name)).map_or(usize::MAX, |field| field.offset as usize)
                    };
                    let pointer = |name: &str| {
                        context
                            .and_then(|c| $crate::context::pointer_place(c, c.field(name)?.offset))
                            .map_or(usize::MAX, |off| off as usize)
                    };
                    $name { $($field: place(stringify!($field)),)* $($pointer: pointer(stringify!($pointer)),)* }
                });
                &FIELDS
            }
        }

        #[cfg(test)]
        #[test]
        fn every_field_is_described() {
            let fields = $name::get();
            $(assert!(fields.$field < $crate::context::CONTEXT_SIZE, stringify!($field));)*
            $(assert!(fields.$pointer < $crate::context::CONTEXT_SIZE, stringify!($pointer));)*
            assert_eq!(belay_spec::Hook::by_name($hook).unwrap().context.name, $context);
        }
    };
}
pub(crate) use fields;

/// Writes a 32-bit field.
pub(crate) fn put32(block: &Block, off: usize, value: u32) {
    let _ = block.write(off, &value.to_le_bytes());
}

/// Writes a 64-bit field.
pub(crate) fn put64(block: &Block, off: usize, value: u64) {
    let _ = block.write(off, &value.to_le_bytes());
}

/// Reads a 32-bit field.
pub(crate) fn get32(block: &Block, off: usize) -> u32 {
    let mut bytes = [0; 4];
    let _ = block.read(off, &mut bytes);
    u32::from_le_bytes(bytes)
}

/// Reads a 64-bit field.
pub(crate) fn get64(block: &Block, off: usize) -> u64 {
    let mut bytes = [0; 8];
    let _ = block.read(off, &mut bytes);
    u64::from_le_bytes(bytes)
}
