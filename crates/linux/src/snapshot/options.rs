//! What `sock_diag` does not tell of a socket: `SO_REUSEPORT`, `SO_REUSEADDR`, the receive queue, and the order among sockets of one
//! address. A BPF program that iterates over the sockets of a namespace reads them from the sockets themselves; it needs
//! the right to load one (root). Without it they are inferred ([`super::infer`]).
//!
//! The iterators walk listeners as lookups do, and UDP sockets by address and port, as lookups do.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use belay_isa::{NoSymbols, assemble};
use belay_object::btf::{Btf, Kind, TypeId};
use belay_sockets::{Protocol, SocketInfo, State};

use crate::load::{AttachBtf, Load, Loaded, load};
use crate::sys;

/// `BPF_PROG_TYPE_TRACING`.
const TRACING: u32 = 26;
/// `BPF_TRACE_ITER`.
const TRACE_ITER: u32 = 28;
/// `bpf_seq_write`.
const SEQ_WRITE: u32 = 127;

/// What the program writes of each socket: the cookie, then `struct sock_common`'s byte of options, its receive queue,
/// `sk_userlocks` and whether it is in a reuseport group, each a word of 64 bits.
const RECORD: usize = 40;

/// `skc_reuse` is four bits, of which any means yes.
const REUSEADDR: u8 = 0x0f;
const REUSEPORT: u8 = 1 << 4;
const V6ONLY: u8 = 1 << 5;
/// `SOCK_BINDADDR_LOCK`: `bind` was given an address that is not the wildcard.
const BOUND_ADDRESS: u8 = 4;
/// `NO_QUEUE_MAPPING`.
const NO_QUEUE: u16 = u16::MAX;

/// The options of the sockets of one namespace, by cookie.
#[derive(Debug)]
pub(super) struct Options {
    by_cookie: HashMap<u64, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// Its place in the iterator's walk.
    position: usize,
    options: u8,
    rx_queue: u16,
    locks: u8,
    in_group: bool,
}

impl Options {
    /// Reads them in the calling thread's namespace.
    ///
    /// # Errors
    /// In words: the kernel has no such iterator, or does not let us.
    pub(super) fn read() -> Result<Options, String> {
        let mut bytes = Vec::new();
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let program = program(protocol)?;
            let link = sys::iterator_link(program.as_fd(), TRACE_ITER).map_err(|e| e.to_string())?;
            let iterator = sys::iterator(link.as_fd()).map_err(|e| e.to_string())?;
            File::from(iterator).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        }
        Ok(Options::of(&bytes))
    }

    fn of(bytes: &[u8]) -> Options {
        let mut by_cookie = HashMap::with_capacity(bytes.len() / RECORD);
        for (position, record) in bytes.chunks_exact(RECORD).enumerate() {
            let [cookie, options, rx_queue, locks, group] = std::array::from_fn(|at| {
                record
                    .get(at * 8..)
                    .and_then(|rest| rest.first_chunk())
                    .copied()
                    .map_or(0, u64::from_ne_bytes)
            });
            // A socket without a cookie is newer than the list of sockets.
            if cookie != 0 {
                by_cookie.entry(cookie).or_insert(Known {
                    position,
                    options: options.to_le_bytes()[0],
                    rx_queue: u16::try_from(rx_queue).unwrap_or(NO_QUEUE),
                    locks: locks.to_le_bytes()[0],
                    in_group: group != 0,
                });
            }
        }
        Options { by_cookie }
    }

    /// Fills in what is known of a socket.
    pub(super) fn complete(&self, info: &mut SocketInfo) {
        let Some(known) = self.by_cookie.get(&info.cookie) else { return };
        info.reuseport = known.options & REUSEPORT != 0;
        info.reuseaddr = known.options & REUSEADDR != 0;
        info.rx_queue = if known.rx_queue == NO_QUEUE { -1 } else { known.rx_queue.into() };
        if info.local.addr.is_ipv6() && info.state.is_full() {
            info.v6only = known.options & V6ONLY != 0;
        }
        // What was bound to the wildcard and then connected has left its group, and what got the option after `bind` never was in one.
        if info.protocol == Protocol::Udp {
            let may_have_been = info.state == State::Established && known.locks & BOUND_ADDRESS != 0;
            info.reuseport &= known.in_group || may_have_been;
        }
    }

    /// Sorts sockets as the kernel's lists have them; those that came later go first.
    pub(super) fn sort(&self, sockets: &mut [SocketInfo]) {
        sockets.sort_by_key(|info| self.by_cookie.get(&info.cookie).map(|known| known.position));
    }
}

/// The iterator's program, for the running kernel's layout of a socket.
fn program(protocol: Protocol) -> Result<Loaded, String> {
    let btf = Btf::running_kernel()?;
    let target = format!("bpf_iter_{protocol}");
    let attach = btf.find_func(&target).ok_or_else(|| format!("this kernel has no `{target}`"))?;
    let text = text(&btf, protocol).ok_or("this kernel's sockets are laid out in an unknown way")?;
    let assembly = assemble(&text, &NoSymbols).map_err(|e| e.to_string())?;
    let request = Load {
        prog_type: TRACING,
        attach_type: TRACE_ITER,
        insns: &assembly.slots,
        name: "socket_options",
        attach_btf: Some(AttachBtf { type_id: attach.0, object_fd: 0 }),
        ..Load::default()
    };
    load(&request).map_err(|rejected| rejected.to_string())
}

fn text(btf: &Btf, protocol: Protocol) -> Option<String> {
    let bytes = |structure, field| offset(btf, structure, field).map(|bits| bits / 8);
    let cookie = bytes("sock_common", "skc_cookie")?;
    // Bit fields of one byte: the first of them, and the others where they are expected.
    let options = offset(btf, "sock_common", "skc_reuse")?;
    let at = |field| offset(btf, "sock_common", field).map(|bits| bits.wrapping_sub(options));
    if options % 8 != 0 || (at("skc_reuseport")?, at("skc_ipv6only")?) != (4, 5) {
        return None;
    }
    let (options, rx_queue) = (options / 8, bytes("sock_common", "skc_rx_queue_mapping")?);
    // The iterator over TCP gives request and time-wait sockets as well, so it gives `struct sock_common` only.
    let rest = match protocol {
        Protocol::Tcp => "r1 = 0; *(u64 *)(r10 - 16) = r1; *(u64 *)(r10 - 8) = r1".to_owned(),
        Protocol::Udp => {
            let (locks, group) = (offset(btf, "sock", "sk_userlocks")?, bytes("sock", "sk_reuseport_cb")?);
            let (byte, shift) = (locks / 8, locks % 8);
            format!(
                "r1 = *(u8 *)(r7 + {byte}); r1 >>= {shift}; *(u64 *)(r10 - 16) = r1
                 r1 = *(u64 *)(r7 + {group}); if r1 == 0 goto alone; r1 = 1
                 alone: *(u64 *)(r10 - 8) = r1"
            )
        }
    };
    Some(format!(
        "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r1 + 8)
         if r7 == 0 goto out
         r1 = *(u64 *)(r7 + {cookie}); *(u64 *)(r10 - 40) = r1
         r1 = *(u8 *)(r7 + {options}); *(u64 *)(r10 - 32) = r1
         r1 = *(u16 *)(r7 + {rx_queue}); *(u64 *)(r10 - 24) = r1
         {rest}
         r1 = *(u64 *)(r6 + 0); r2 = r10; r2 += -40; r3 = 40
         call {SEQ_WRITE}
         out: r0 = 0; exit"
    ))
}

/// Where a field starts in a structure, in bits; looked for in its anonymous members, too.
fn offset(btf: &Btf, structure: &str, field: &str) -> Option<u32> {
    within(btf, btf.find(structure, |kind| matches!(kind, Kind::Struct { .. }))?, field)
}

fn within(btf: &Btf, structure: TypeId, field: &str) -> Option<u32> {
    btf.strip(structure).kind.members()?.iter().find_map(|member| match member.name {
        "" => Some(member.bit_offset + within(btf, member.ty, field)?),
        name if name == field => Some(member.bit_offset),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use belay_sockets::NetnsId;

    #[test]
    fn records_are_read_whatever_their_number_and_length() {
        let words = |words: [u64; 5]| words.map(u64::to_ne_bytes).concat();
        let mut bytes =
            [words([7, 0x10, 3, 4, 1]), words([0, 0, 0, 0, 0]), words([8, 0x0f, 0xffff, 0, 0])].concat();
        bytes.extend([1; 39]);
        let options = Options::of(&bytes);
        assert_eq!(options.by_cookie.len(), 2);
        let at = "10.0.0.1:80".parse().expect("an end");
        let info = |cookie| {
            let fresh = SocketInfo::new(NetnsId::FIRST, Protocol::Udp, State::Close, at);
            let mut info = SocketInfo { cookie, ..fresh };
            options.complete(&mut info);
            (info.reuseport, info.reuseaddr, info.rx_queue)
        };
        assert_eq!((info(7), info(8), info(9)), ((true, false, 3), (false, true, -1), (false, false, -1)));
    }
}
