//! Contexts as they lie in memory.
//!
//! A context has the layout of its UAPI structure, with one exception: fields that hold a pointer in four bytes (`data`,
//! `data_end`, `data_meta`) hold nothing there. The 64-bit address stands behind the structure, in the order of
//! the fields, and a load of such a field becomes an 8-byte load from there ([`Layout::load`]). The kernel rewrites all
//! context loads; Belay only these.

mod device;
pub(crate) mod flow;
pub(crate) mod netfilter;
mod reuseport;
mod sight;
pub(crate) mod sk_lookup;
mod sk_msg;
pub(crate) mod skb;
mod sock;
pub(crate) mod sock_addr;
pub(crate) mod sock_ops;
mod sockets;
mod sockopt;
mod sysctl;
pub(crate) mod xdp;

use belay_isa::Size;
use belay_object::Attach;
use belay_spec::{Access, Context, FieldKind, Hook, Release};

use crate::input::{Input, Netfilter, NetfilterHook, family_of};
use crate::machine::Machine;
use crate::memory::Block;
use crate::packet::Packet;
use netfilter::Passage;
pub(crate) use sight::{Bound, Sight};
pub(crate) use sockets::{MODEL_SIZE, Reading, Sockets};

/// Room for any context.
pub(crate) const CONTEXT_SIZE: usize = 512;
/// Where the result of a control group's operation stands in a context that has no field for it.
const RETVAL: usize = CONTEXT_SIZE - 8;

/// Which family of contexts a hook has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// `__sk_buff` of the link layer: `data` begins at the Ethernet header.
    Frame,
    /// `__sk_buff` above it: `data` begins at the network header.
    Skb,
    /// `xdp_md`.
    Xdp,
    /// `__sk_buff` with `bpf_flow_keys`.
    Flow,
    /// `bpf_sk_lookup`.
    SkLookup,
    /// `sk_reuseport_md`.
    Reuseport,
    /// `bpf_sock_addr`.
    SockAddr,
    /// `bpf_sock`.
    Sock,
    /// `bpf_sock_ops`.
    SockOps,
    /// `sk_msg_md`.
    SkMsg,
    /// `bpf_sysctl`.
    Sysctl,
    /// `bpf_sockopt`.
    Sockopt,
    /// `bpf_cgroup_dev_ctx`.
    Device,
    /// `bpf_nf_ctx`.
    Netfilter,
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
    /// What is stored must be below this.
    pub(crate) below: Option<u32>,
}

impl Layout {
    /// No context: the program gets memory in `r1` and its length in `r2`.
    pub(crate) const RAW: Layout = Layout { hook: None, form: Form::Raw };

    /// The layout of a program's context; none if its hook does not run yet.
    pub(crate) fn of(attach: &Attach) -> Option<Layout> {
        let Attach::Hook(hook) = attach else { return None };
        let form = Form::of(hook)?;
        Some(Layout { hook: Some(hook), form })
    }

    /// The load to execute for one of `size` bytes at `off`; none if the kernel refuses it.
    pub(crate) fn load(&self, release: Release, off: i32, size: Size) -> Option<Native> {
        let hook = self.hook?;
        let kind = hook.context_access(release, off, size.bytes(), Access::Read)?;
        let plain = Native { off, size, kind, below: None };
        if self.form == Form::Netfilter {
            return Some(Native { off: netfilter::pointer(off)?, ..plain });
        }
        Some(match pointer_place(hook.context, off) {
            Some(place) if is_pointer(kind) => Native { off: place, size: Size::DW, ..plain },
            _ => Native { off: self.whole(off, size).unwrap_or(off), ..plain },
        })
    }

    /// Where the field begins that a load gives all of, wherever in it the load itself begins: one for which the kernel has
    /// no more bytes than are loaded.
    fn whole(&self, off: i32, size: Size) -> Option<i32> {
        let field = self.hook?.context.field_at(off)?;
        let narrow = (field.stored..field.element).contains(&size.bytes());
        narrow.then_some(field.offset)
    }

    /// The store to execute; none if the kernel refuses it.
    pub(crate) fn store(&self, release: Release, off: i32, size: Size, access: Access) -> Option<Native> {
        let kind = self.hook?.context_access(release, off, size.bytes(), access)?;
        // These fields have 16 bits in the kernel: the rest of what is stored is lost.
        let field = self.hook?.context.field_at(off)?;
        let halved = size == Size::W && field.stored == 2;
        Some(Native { off, size: if halved { Size::H } else { size }, kind, below: field.below })
    }

    /// Before a run: readies the input for the hook, and writes of the context what a program of this sight can see.
    #[inline]
    pub(crate) fn enter(&self, machine: &mut Machine, input: &mut Input<'_>, sight: Sight) {
        match (self.form, sight, &mut *input) {
            (Form::Xdp | Form::Frame, Sight::Nothing, Input::Packet(packet)) => packet.enter(true),
            (Form::Xdp, Sight::Bounds, Input::Packet(packet)) if machine.context_of == Some(Form::Xdp) => {
                packet.enter(true);
                xdp::refresh(&machine.context, packet);
            }
            _ => self.write(machine, input, sight),
        }
    }

    /// The same, for any form and input.
    #[inline(never)]
    fn write(&self, machine: &mut Machine, input: &mut Input<'_>, sight: Sight) {
        if machine.context_of != Some(self.form) {
            let _ = machine.context.clear(0, machine.context.len());
        }
        machine.context_of = self.rewrites(input).then_some(self.form);
        let (block, sockets) = (&machine.context, Sockets::of(machine));
        match (self.form, input) {
            (Form::Frame | Form::Skb, Input::Packet(packet)) => {
                packet.enter(self.form == Form::Frame);
                match sight {
                    Sight::Nothing => {}
                    Sight::Bounds => skb::refresh(block, packet),
                    Sight::All => skb::fill(block, packet, sockets),
                }
            }
            (Form::Xdp, Input::Packet(packet)) => {
                packet.enter(true);
                xdp::fill(block, packet);
            }
            (Form::Netfilter, input) => {
                if let Some((passage, packet)) = passage(input) {
                    packet.enter(false);
                    netfilter::fill(block, passage, packet, sockets, &machine.routes);
                }
            }
            (form, input) => match form.seen(input) {
                Some(seen) => seen.enter(block, sockets),
                None => self.nothing(block, sockets),
            },
        }
    }

    /// Before a run of native code that gets the packet's bounds as arguments, and looks at nothing else. (Input of another
    /// family has no bytes.)
    #[inline]
    pub(crate) fn pass(&self, input: &mut Input<'_>) -> [u64; 4] {
        let Input::Packet(packet) = input else { return [0; 4] };
        packet.enter(self.form != Form::Skb);
        packet.bounds()
    }

    /// Whether the next run on an input of this kind writes anew whatever this one, and its program, wrote to the context.
    fn rewrites(&self, input: &Input<'_>) -> bool {
        match (self.form, input) {
            (Form::Frame | Form::Skb, Input::Packet(packet)) => packet.metadata.socket.is_none(),
            (Form::Xdp, Input::Packet(_)) => true,
            _ => false,
        }
    }

    /// Writes a context for an input of another family: there is nothing to be seen, and nothing to follow but sockets
    /// of zeros and empty keys, which a program need not test for NULL.
    fn nothing(&self, block: &Block, sockets: Sockets<'_>) {
        let fields = self.hook.map_or(&[][..], |hook| hook.context.fields);
        for field in fields {
            let Ok(off) = usize::try_from(field.offset) else { continue };
            match field.kind {
                FieldKind::Socket { nullable: false, .. } => put64(block, off, sockets.nobody()),
                FieldKind::FlowKeys => put64(block, off, flow::keys(block)),
                _ => {}
            }
        }
    }

    /// Writes what follows from the bounds of packet or message, after a helper moved them.
    pub(crate) fn refresh(&self, block: &Block, input: &mut Input<'_>) {
        match (self.form, input) {
            (Form::Frame | Form::Skb, Input::Packet(packet)) => skb::refresh(block, packet),
            (Form::Xdp, Input::Packet(packet)) => xdp::refresh(block, packet),
            (form, input) => {
                if let Some(seen) = form.seen(input) {
                    seen.refresh(block);
                }
            }
        }
    }

    /// After a run: takes back what the program stored.
    #[inline]
    pub(crate) fn leave(&self, block: &Block, input: &mut Input<'_>, sight: Sight) {
        if sight == Sight::All {
            self.take_back(block, input);
        }
    }

    #[inline(never)]
    fn take_back(&self, block: &Block, input: &mut Input<'_>) {
        match (self.form, input) {
            (Form::Frame | Form::Skb, Input::Packet(packet)) => skb::take_back(block, packet),
            (Form::Xdp, _) => {}
            (form, input) => {
                if let Some(seen) = form.seen(input) {
                    seen.leave(block);
                }
            }
        }
    }

    /// Where the result of the operation stands that `bpf_get_retval` and `bpf_set_retval` are about.
    pub(crate) fn retval(&self) -> usize {
        if self.form == Form::Sockopt { sockopt::retval() } else { RETVAL }
    }
}

impl Form {
    /// Whether it is a `__sk_buff` with a packet.
    pub(crate) fn is_skb(self) -> bool {
        matches!(self, Form::Frame | Form::Skb)
    }

    /// The kernel's own structure behind the context, as far as it matters which.
    pub(crate) fn kernel_structure(self) -> Option<&'static str> {
        Some(match self {
            Form::Frame | Form::Skb => "sk_buff",
            Form::Xdp => "xdp_buff",
            Form::SockAddr => "bpf_sock_addr_kern",
            Form::SockOps => "bpf_sock_ops_kern",
            _ => return None,
        })
    }

    /// The form of a hook's context; none if the hook does not run.
    fn of(hook: &Hook) -> Option<Form> {
        Some(match hook.context.name {
            "xdp_md" => Form::Xdp,
            "bpf_sk_lookup" => Form::SkLookup,
            "sk_reuseport_md" => Form::Reuseport,
            "bpf_sock_addr" => Form::SockAddr,
            "bpf_sock" => Form::Sock,
            "bpf_sock_ops" => Form::SockOps,
            "sk_msg_md" => Form::SkMsg,
            "bpf_sysctl" => Form::Sysctl,
            "bpf_sockopt" => Form::Sockopt,
            "bpf_cgroup_dev_ctx" => Form::Device,
            "bpf_nf_ctx" => Form::Netfilter,
            "__sk_buff" => match hook.name.split('/').next().unwrap_or_default() {
                "sched_cls" | "sched_act" => Form::Frame,
                "flow_dissector" => Form::Flow,
                _ => Form::Skb,
            },
            _ => return None,
        })
    }

    /// The input as this form sees it; none if it is of another family. (Packets have two forms, and their own ways.)
    fn seen<'i>(self, input: &'i mut Input<'_>) -> Option<&'i mut dyn Seen> {
        Some(match (self, input) {
            (Form::Flow, Input::FlowDissection(input)) => *input,
            (Form::SkLookup, Input::SkLookup(input)) => *input,
            (Form::Reuseport, Input::Reuseport(input)) => *input,
            (Form::SockAddr, Input::SockAddr(input)) => *input,
            (Form::Sock, Input::Sock(input)) => *input,
            (Form::SockOps, Input::SockOps(input)) => *input,
            (Form::SkMsg, Input::SkMsg(input)) => *input,
            (Form::Sysctl, Input::Sysctl(input)) => *input,
            (Form::Sockopt, Input::Sockopt(input)) => *input,
            (Form::Device, Input::Device(input)) => *input,
            _ => return None,
        })
    }
}

/// The packet of a netfilter program, and where on its way it is: one that comes in, if nothing is said.
fn passage<'i>(input: &'i mut Input<'_>) -> Option<(Passage, &'i mut Packet)> {
    match input {
        Input::Netfilter(input) => {
            let Netfilter { hook, family, input, output, packet } = &mut **input;
            Some((Passage { hook: *hook, family: *family, input: *input, output: *output }, packet))
        }
        Input::Packet(packet) => {
            let (family, input) = (family_of(packet), packet.metadata.ifindex);
            Some((Passage { hook: NetfilterHook::default(), family, input, output: 0 }, packet))
        }
        _ => None,
    }
}

/// An input that one form of context shows.
trait Seen {
    /// Writes the context into a block of zeros.
    fn enter(&mut self, block: &Block, sockets: Sockets<'_>);

    /// Writes again what a helper may have moved.
    fn refresh(&self, _: &Block) {}

    /// Takes back what the program stored.
    fn leave(&mut self, _: &Block) {}
}

/// Whether a field holds an address in its four bytes.
const fn is_pointer(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::Packet | FieldKind::PacketEnd | FieldKind::PacketMeta)
}

/// Where the address of a four-byte pointer field stands: behind the structure, in the order of such fields.
pub(crate) fn pointer_place(context: &Context, off: i32) -> Option<i32> {
    let position = context.fields.iter().position(|field| field.offset == off)?;
    let field = context.fields.get(position)?;
    (is_pointer(field.kind) && field.element == 4).then(|| pointer_at(context, position) as i32)
}

/// Where the address of the field at a position stands, which is a four-byte pointer.
const fn pointer_at(context: &Context, position: usize) -> usize {
    let (mut at, mut before) = (0, 0);
    while at < position {
        if is_pointer(context.fields[at].kind) && context.fields[at].element == 4 {
            before += 1;
        }
        at += 1;
    }
    (context.size as usize).next_multiple_of(8) + 8 * before
}

/// The context of a name and the position of a field in it, for the compiler: a name that the description lacks does not
/// compile.
const fn described(context: &str, field: &str) -> (&'static Context, usize) {
    let Some(context) = Context::by_name(context) else { panic!("there is no such context") };
    // What is a keyword in Rust is written `r#type` here.
    let raw = field.len() > 2 && field.as_bytes()[0] == b'r' && field.as_bytes()[1] == b'#';
    let field = if raw { field.split_at(2).1 } else { field };
    let Some(position) = context.position(field) else { panic!("the context has no such field") };
    (context, position)
}

/// Where a field stands.
const fn field_place(context: &str, field: &str) -> usize {
    let (context, position) = described(context, field);
    let off = context.fields[position].offset;
    assert!(off >= 0 && (off as usize) < CONTEXT_SIZE, "a field outside of the block");
    off as usize
}

/// Where the address of a four-byte pointer field stands.
const fn pointer_field_place(context: &str, field: &str) -> usize {
    let (context, position) = described(context, field);
    assert!(is_pointer(context.fields[position].kind) && context.fields[position].element == 4);
    pointer_at(context, position)
}

/// Offsets of a context's fields, by name, from the one description in `belay-spec`: numbers when the compiler is done. Those
/// after the semicolon are four-byte pointers.
macro_rules! fields {
    ($name:ident of $context:literal { $($field:ident),* $(,)? ; $($pointer:ident),* $(,)? }) => {
        struct $name { $($field: usize,)* $($pointer: usize,)* }

        impl $name {
            const PLACES: $name = $name {
                $($field: $crate::context::field_place($context, stringify!($field)),)*
                $($pointer: $crate::context::pointer_field_place($context, stringify!($pointer)),)*
            };

            #[inline(always)]
            fn get() -> &'static $name {
                &Self::PLACES
            }
        }
    };
}
pub(crate) use fields;

/// Writes a 32-bit field.
#[inline]
pub(crate) fn put32(block: &Block, off: usize, value: u32) {
    block.put(off, Size::W, value.into());
}

/// Writes a 64-bit field.
#[inline]
pub(crate) fn put64(block: &Block, off: usize, value: u64) {
    block.put(off, Size::DW, value);
}

/// Writes bytes.
pub(crate) fn put_bytes(block: &Block, off: usize, bytes: &[u8]) {
    let _ = block.write(off, bytes);
}

/// Reads bytes.
pub(crate) fn get_bytes<const N: usize>(block: &Block, off: usize) -> [u8; N] {
    let mut bytes = [0; N];
    let _ = block.read(off, &mut bytes);
    bytes
}

/// Reads a 32-bit field.
#[inline]
pub(crate) fn get32(block: &Block, off: usize) -> u32 {
    block.get(off, Size::W) as u32
}

/// Reads a 64-bit field.
#[inline]
pub(crate) fn get64(block: &Block, off: usize) -> u64 {
    block.get(off, Size::DW)
}
