//! What the engine and the helpers reach during one run.

use belay_isa::Size;
use belay_sockets::{NetnsId, Reader, SocketId, Tuple};
use belay_spec::Resource;

use crate::context::{Layout, Reading, Sockets, get32, put32};
use crate::errno::Errno;
use crate::helpers::{lock, sockets};
use crate::input::Input;
use crate::machine::{Machine, Random};
use crate::maps::{ElementKey, Map, Maps, Side};
use crate::memory::{Block, Memory};
use crate::op::Code;
use crate::packet::Packet;

/// Tail calls in one run (`MAX_TAIL_CALL_CNT`).
const MAX_TAIL_CALLS: u32 = 33;

/// Everything outside registers and call stack.
pub(crate) struct World<'r> {
    pub(crate) mem: Memory,
    pub(crate) maps: &'r Maps,
    pub(crate) machine: &'r mut Machine,
    pub(crate) reading: Reading,
    pub(crate) layout: &'r Layout,
    /// The address of the context.
    pub(crate) context: u64,
    /// Whether a proof stands behind the program: others are not tail-called.
    pub(crate) verified: bool,
    pub(crate) input: Input<'r>,
    pub(crate) random: Random,
    /// Tail calls made so far.
    pub(crate) tail_calls: u32,
    /// The program that native code goes on in, which has none of its own.
    pub(crate) pending: Option<&'r Code>,
}

/// What the program did, beside its result and the packet's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The redirect that a returned `TC_ACT_REDIRECT` or `XDP_REDIRECT` carries out: the last one asked for.
    pub redirect: Option<Redirect>,
    /// Copies of the packet sent elsewhere by `bpf_clone_redirect`.
    pub clones: Vec<Redirect>,
    /// Socket lookups, in order.
    pub lookups: Vec<SocketLookup>,
    /// The socket that `bpf_sk_assign` gave the packet to.
    pub assigned: Option<SocketId>,
    /// Lines of `bpf_trace_printk`.
    pub printed: Vec<String>,
}

impl Trace {
    /// Forgets everything, and keeps the memory of the lists.
    #[inline(never)]
    pub(crate) fn clear(&mut self) {
        let Trace { redirect, clones, lookups, assigned, printed } = self;
        (*redirect, *assigned) = (None, None);
        clones.clear();
        lookups.clear();
        printed.clear();
    }
}

/// Where a packet is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// Out of a device, or into it (`BPF_F_INGRESS`).
    Device {
        /// Its index.
        ifindex: u32,
        /// The helper's flags.
        flags: u64,
    },
    /// To the entry of a device, CPU or socket map.
    Map {
        /// The map's name.
        map: String,
        /// The key.
        index: u64,
        /// The helper's flags.
        flags: u64,
    },
    /// To a socket of a socket map.
    Socket {
        /// The socket.
        socket: SocketId,
        /// The helper's flags: 1 (`BPF_F_INGRESS`) is into its receive queue, 0 out through it.
        flags: u64,
    },
}

/// One call of a socket lookup helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketLookup {
    /// The helper's number.
    pub helper: u32,
    /// The tuple asked for; none if its size was neither 12 nor 36 bytes.
    pub tuple: Option<Tuple>,
    /// The namespace searched; none if the argument names none.
    pub netns: Option<NetnsId>,
    /// The socket returned.
    pub found: Option<SocketId>,
}

/// An element that `bpf_for_each_map_elem` hands to its callback.
pub(crate) struct Visited {
    pub(crate) key: u64,
    pub(crate) value: u64,
    pub(crate) next: u64,
}

impl<'r> World<'r> {
    /// The map of a handle, for a program on this CPU.
    pub(crate) fn map(&self, handle: u64) -> Option<(&'r Map, Side)> {
        Some((self.maps.by_handle(handle)?, Side::Program(self.machine.cpu as usize)))
    }

    /// The sockets of the table, which stay what they are until the run ends.
    #[inline]
    pub(crate) fn sockets(&self) -> Reader<'_> {
        self.machine.sockets.within(self.reading.section())
    }

    /// `bpf_tail_call`: the program to go on in; none where the helper fails.
    pub(crate) fn tail_call(&mut self, map: u64, index: u32) -> Option<&'r Code> {
        if self.tail_calls >= MAX_TAIL_CALLS {
            return None;
        }
        let code = self.maps.program(map, index)?;
        if code.layout != *self.layout || code.verified != self.verified {
            return None;
        }
        self.tail_calls += 1;
        Some(code)
    }

    /// Whether a view of a socket, `bpf_sock` or `bpf_tcp_sock`, begins at an address: of the table, or of the model.
    pub(crate) fn is_socket(&self, addr: u64) -> bool {
        sockets::is_model(self, addr) || sockets::at(&self.sockets(), addr).is_some()
    }

    /// Gives back a resource that a program kept.
    pub(crate) fn give_back(&mut self, resource: Resource, addr: u64) {
        match resource {
            Resource::Socket => sockets::release(self, addr),
            Resource::RingbufRecord | Resource::RingbufDynptr => {
                if let Some(ring) = self.maps.ring_of(addr) {
                    ring.commit(addr, true);
                }
            }
            Resource::SpinLock => lock::give_back(addr),
            // No helper that runs acquires one.
            Resource::Kptr
            | Resource::Object(_)
            | Resource::LocalObject
            | Resource::Interrupts
            | Resource::RcuSection
            | Resource::Preemption
            | Resource::Iterator
            | Resource::ResilientLock { .. } => {}
        }
    }

    /// How many bytes of the run's memory lie from an address on: stack, packet, values of maps. 0 for an address
    /// that a program has made up.
    pub(crate) fn readable(&self, addr: u64) -> usize {
        let packet = self.input.packet().map_or(0, |packet| packet.extent(addr));
        let values = self.maps.iter().map(|map| map.storage().extent(addr));
        values.chain([packet, self.machine.stack.extent(addr)]).max().unwrap_or(0)
    }

    /// Fills bytes from an address that a program may have made up.
    ///
    /// # Errors
    /// If they are not all the run's. A kernel does not even look where processes have their memory, nor where no address can
    /// be.
    pub(crate) fn read_anywhere(&self, addr: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        const KERNEL: std::ops::RangeInclusive<u64> = 0xffff_8000_0000_0000..=u64::MAX;
        /// A page in the kernel's half that is the processes'.
        const VSYSCALL: std::ops::Range<u64> = 0xffff_ffff_ff60_0000..0xffff_ffff_ff60_1000;
        let (len, kernels) = (bytes.len(), KERNEL.contains(&addr) && !VSYSCALL.contains(&addr));
        // Nothing can be read behind the last byte, too.
        let there = match len {
            0 => kernels || self.readable(addr) > 0 || self.readable(addr.wrapping_sub(1)) > 0,
            len => self.readable(addr) >= len,
        };
        match there {
            true => {
                self.mem.read(addr, bytes);
                Ok(())
            }
            false => Err(if kernels { Errno::EFAULT } else { Errno::ERANGE }),
        }
    }

    /// The packet, for helpers of hooks that have one.
    pub(crate) fn packet(&self) -> Result<&Packet, Errno> {
        self.input.packet().ok_or(Errno::EINVAL)
    }

    /// Shows the program the socket that it runs for as it is now.
    pub(crate) fn show_sock(&mut self) {
        if let Some(sock) = self.input.sock() {
            Sockets::of(self.machine).model(sock);
        }
    }

    /// The result of the operation that a program of a control group runs for.
    pub(crate) fn retval(&self) -> i32 {
        get32(&self.machine.context, self.layout.retval()).cast_signed()
    }

    /// Sets the result of the operation.
    pub(crate) fn set_retval(&mut self, retval: i32) {
        put32(&self.machine.context, self.layout.retval(), retval.cast_unsigned());
    }

    /// Changes the packet's bounds; the context follows.
    pub(crate) fn change_packet<T>(&mut self, change: impl FnOnce(&mut Packet) -> T) -> Result<T, Errno> {
        let result = change(self.input.packet_mut().ok_or(Errno::EINVAL)?);
        self.layout.refresh(&self.machine.context, &mut self.input);
        Ok(result)
    }

    /// Changes a packet of the `__sk_buff` hooks together with what its context says of it.
    pub(crate) fn change_skb<T>(
        &mut self,
        change: impl FnOnce(&mut Packet, &Block) -> T,
    ) -> Result<T, Errno> {
        let Input::Packet(packet) = &mut self.input else { return Err(Errno::EINVAL) };
        if !self.layout.form.is_skb() {
            return Err(Errno::EINVAL);
        }
        let result = change(packet, &self.machine.context);
        self.layout.refresh(&self.machine.context, &mut self.input);
        Ok(result)
    }

    /// The element of a map at a cursor, with its key where a program can read it.
    pub(crate) fn element(&mut self, map: u64, cursor: u64, depth: usize) -> Option<Visited> {
        let (map, side) = self.map(map)?;
        let element = map.storage().element(cursor, side)?;
        let key = match element.key {
            ElementKey::Stored(place) => place.addr(),
            ElementKey::None => return None,
            ElementKey::Index(index) => self.machine.stack.store_key(depth, index),
        };
        Some(Visited { key, value: element.value.addr(), next: element.next })
    }

    /// `LD_ABS` and `LD_IND`: a number in network order from the packet, at an offset from `data`; the kernel's
    /// special offsets count from the link or the network header.
    pub(crate) fn load_packet(&self, off: i32, size: Size) -> Option<u64> {
        /// `SKF_NET_OFF`, `SKF_LL_OFF`.
        const NETWORK: i32 = -0x10_0000;
        const LINK: i32 = -0x20_0000;
        let packet = self.packet().ok()?;
        let len = size.bytes() as usize;
        let addr = match off {
            0.. => packet.at(off as usize, len)?,
            NETWORK.. => packet.at_signed(packet.network_off() + i64::from(off) - i64::from(NETWORK), len)?,
            LINK.. => packet.at_signed(packet.mac_off() + i64::from(off) - i64::from(LINK), len)?,
            _ => return None,
        };
        let value = self.mem.load(addr, size);
        Some(value.swap_bytes() >> (64 - size.bytes() * 8))
    }
}
