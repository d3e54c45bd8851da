//! The packet that a program runs on: bytes with room before and after them, and what the kernel knows of it.
//!
//! Positions are offsets into one block. `mac` ≤ `data` ≤ `end`: hooks of the link layer see the Ethernet header
//! (`data` = `mac`), those above it begin at the network header. Metadata of XDP and tc lies just before `data`.

use belay_sockets::SocketId;

use crate::memory::Block;
use crate::tunnel::Tunnel;

/// Bytes before a packet: what the kernel leaves XDP, and enough to push headers.
const HEADROOM: usize = 256;
/// Bytes after a packet, as far as the kernel's test runs leave. None where a page that cannot be accessed is to follow it:
/// then a packet that grows moves ([`Packet::move_tail`]).
const TAILROOM: usize = if cfg!(guard_pages) { 0 } else { 512 };
/// A page: XDP packets may grow within one.
const PAGE: usize = 4096;
/// The longest packet, as long as a GSO packet can be.
const MAX_LEN: usize = 1 << 16;
/// The length of an Ethernet header.
pub(crate) const ETHERNET: usize = 14;

/// What the kernel knows of a packet besides its bytes. The defaults are those of a test run (`BPF_PROG_TEST_RUN`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The device that the program runs for.
    pub ifindex: u32,
    /// `skb->skb_iif`: the device that the packet came in by, 0 for a test run. (For XDP that is `ifindex`.)
    pub ingress_ifindex: u32,
    /// The receive queue.
    pub rx_queue: u32,
    /// `skb->mark`.
    pub mark: u32,
    /// `skb->priority`.
    pub priority: u32,
    /// `skb->queue_mapping`.
    pub queue_mapping: u32,
    /// `skb->tc_index`.
    pub tc_index: u32,
    /// `skb->tc_classid`.
    pub tc_classid: u32,
    /// `skb->hash`; 0 if it was not computed.
    pub hash: u32,
    /// `skb->napi_id`.
    pub napi_id: u32,
    /// `skb->cb`, 20 bytes for programs.
    pub cb: [u32; 5],
    /// `skb->tstamp`, nanoseconds.
    pub tstamp: u64,
    /// Hardware timestamp, nanoseconds.
    pub hwtstamp: u64,
    /// VLAN tag taken out of the packet: protocol (0x8100) and tag control information.
    pub vlan: Option<(u16, u16)>,
    /// The length on the wire, as tc knows it: 0 for a test run, on a device the packet's length.
    pub wire_len: u32,
    /// Segments of a GSO packet; 0 or 1 for others.
    pub gso_segs: u32,
    /// Size of a segment.
    pub gso_size: u32,
    /// The device's address: decides `pkt_type`.
    pub device_address: [u8; 6],
    /// How many checksums, from the outside in, the device has found good, less one (`skb->csum_level`); none if it
    /// has looked at none.
    pub csum_level: Option<u8>,
    /// The tunnel that the packet came out of, or that a program has set for it to go into.
    pub tunnel: Option<Tunnel>,
    /// The socket that it belongs to, in the machine's table: `skb->sk`, and the addresses that `cgroup_skb` and `sk_skb` see.
    pub socket: Option<SocketId>,
}

impl Default for Metadata {
    fn default() -> Self {
        Metadata {
            ifindex: 1,
            ingress_ifindex: 0,
            rx_queue: 0,
            mark: 0,
            priority: 0,
            queue_mapping: 0,
            tc_index: 0,
            tc_classid: 0,
            hash: 0,
            napi_id: 0,
            cb: [0; 5],
            tstamp: 0,
            hwtstamp: 0,
            vlan: None,
            wire_len: 0,
            gso_segs: 0,
            gso_size: 0,
            device_address: [0; 6],
            csum_level: None,
            tunnel: None,
            socket: None,
        }
    }
}

/// Why bytes are no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The kernel's test runs want an Ethernet header, too.
    #[error("a packet of {0} bytes has no Ethernet header: at least 14 are needed")]
    Short(usize),
    /// Longer than any packet.
    #[error("a packet of {0} bytes is longer than 65536")]
    Long(usize),
}

/// A packet: an Ethernet frame that a program may change.
pub struct Packet {
    buffer: Block,
    mac: usize,
    network: usize,
    data: usize,
    end: usize,
    /// Where the transport header begins, once it is known: an encapsulation says it, a test run does not.
    transport: Option<usize>,
    /// Whether a program has put headers around it (`skb->encapsulation`).
    encapsulated: bool,
    /// How long the link header is, once a helper has measured it (`skb->mac_len`).
    link_len: Option<u16>,
    /// Metadata bytes before `data`.
    meta: usize,
    /// What the kernel knows of it.
    pub metadata: Metadata,
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet").field("bytes", &self.bytes()).field("metadata", &self.metadata).finish()
    }
}

/// How many bytes are made for a frame.
fn buffer_len(frame: usize) -> usize {
    if cfg!(guard_pages) { HEADROOM + frame } else { HEADROOM + frame.max(PAGE) + TAILROOM }
}

impl Packet {
    /// A packet from the bytes of an Ethernet frame.
    ///
    /// # Errors
    /// If it is shorter than an Ethernet header or longer than 65536 bytes.
    pub fn new(frame: &[u8]) -> Result<Packet, PacketError> {
        let mut packet = Packet {
            buffer: Block::zeroed(buffer_len(frame.len())),
            mac: HEADROOM,
            network: HEADROOM,
            data: HEADROOM,
            end: HEADROOM,
            transport: None,
            encapsulated: false,
            link_len: None,
            meta: 0,
            metadata: Metadata::default(),
        };
        packet.set(frame)?;
        Ok(packet)
    }

    /// Replaces the bytes by another frame's; the metadata stays. Allocates only for a longer frame than ever before.
    ///
    /// # Errors
    /// As for [`Packet::new`].
    pub fn set(&mut self, frame: &[u8]) -> Result<(), PacketError> {
        if frame.len() < ETHERNET {
            return Err(PacketError::Short(frame.len()));
        }
        if frame.len() > MAX_LEN {
            return Err(PacketError::Long(frame.len()));
        }
        if cfg!(guard_pages) || self.buffer.len() < HEADROOM + frame.len() + TAILROOM {
            self.buffer = Block::zeroed(buffer_len(frame.len()));
        }
        (self.mac, self.data, self.end, self.meta) = (HEADROOM, HEADROOM, HEADROOM + frame.len(), 0);
        self.network = self.data + ETHERNET;
        (self.transport, self.encapsulated, self.link_len) = (None, false, None);
        // Room for the frame was made above. What an earlier run left before the packet is no part of this one.
        let _ = self.buffer.clear(0, HEADROOM);
        let _ = self.buffer.write(HEADROOM, frame);
        Ok(())
    }

    /// The frame, from its Ethernet header.
    pub fn bytes(&self) -> Vec<u8> {
        self.copy(self.mac, self.end)
    }

    /// The bytes that the program saw last, from `data` to `data_end`.
    pub fn data(&self) -> Vec<u8> {
        self.copy(self.data, self.end)
    }

    /// The metadata that the program left before `data`.
    pub fn meta(&self) -> Vec<u8> {
        self.copy(self.data - self.meta, self.data)
    }

    fn copy(&self, from: usize, to: usize) -> Vec<u8> {
        let mut bytes = vec![0; to.saturating_sub(from)];
        let _ = self.buffer.read(from, &mut bytes);
        bytes
    }

    /// Before a run: `data` at the Ethernet header, or at the network header.
    #[inline]
    pub(crate) fn enter(&mut self, link_layer: bool) {
        self.meta = 0;
        self.data = if link_layer { self.mac } else { self.network.min(self.end) };
    }

    /// Before a run: `data` at the transport header, as far as the IP header tells where that is.
    pub(crate) fn enter_transport(&mut self) {
        /// `IPPROTO_*` of the extension headers that have a length in units of eight bytes.
        const EXTENSIONS: [u8; 3] = [0, 43, 60];
        self.enter(false);
        let mut header = [0; 40];
        let len = self.len().min(header.len());
        let _ = self.buffer.read(self.data, &mut header[..len]);
        let mut at = match header[0] >> 4 {
            4 => usize::from(header[0] & 15) * 4,
            6 => 40,
            _ => 0,
        };
        let mut next = if header[0] >> 4 == 6 { header[6] } else { u8::MAX };
        while EXTENSIONS.contains(&next) && at + 8 <= self.len() {
            let mut extension = [0; 2];
            let _ = self.buffer.read(self.data + at, &mut extension);
            next = extension[0];
            at += 8 + 8 * usize::from(extension[1]);
        }
        self.data = (self.data + at).min(self.end);
    }

    /// The address of `data`.
    #[inline]
    pub(crate) fn data_addr(&self) -> u64 {
        self.buffer.addr() + self.data as u64
    }

    /// The address after the last byte.
    #[inline]
    pub(crate) fn end_addr(&self) -> u64 {
        self.buffer.addr() + self.end as u64
    }

    /// The address of the metadata before `data`.
    #[inline]
    pub(crate) fn meta_addr(&self) -> u64 {
        self.data_addr() - self.meta as u64
    }

    /// Bytes from `data` to the end.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.end - self.data
    }

    /// Addresses of the first byte, after the last, and of the metadata; and how many bytes there are.
    #[inline]
    pub(crate) fn bounds(&self) -> [u64; 4] {
        [self.data_addr(), self.end_addr(), self.meta_addr(), self.len() as u64]
    }

    /// Bytes of metadata.
    pub(crate) fn meta_len(&self) -> usize {
        self.meta
    }

    /// Sets the length of the metadata; false, and nothing done, if there is no room for it.
    pub(crate) fn set_meta(&mut self, len: usize) -> bool {
        let fits = len <= self.data;
        if fits {
            self.meta = len;
        }
        fits
    }

    /// Bytes before `data` that belong to nothing.
    pub(crate) fn headroom(&self) -> usize {
        self.data - self.meta
    }

    /// The address of `len` bytes at `off` from `data`, if they are in the packet.
    pub(crate) fn at(&self, off: usize, len: usize) -> Option<u64> {
        (off.checked_add(len)? <= self.len()).then(|| self.data_addr() + off as u64)
    }

    /// The offset of the Ethernet header from `data`: negative where `data` is the network header.
    pub(crate) fn mac_off(&self) -> i64 {
        self.mac as i64 - self.data as i64
    }

    /// The offset of the network header from `data`.
    pub(crate) fn network_off(&self) -> i64 {
        self.network as i64 - self.data as i64
    }

    /// The address of `len` bytes at `off` from `data`, which may be negative down to the Ethernet header.
    pub(crate) fn at_signed(&self, off: i64, len: usize) -> Option<u64> {
        let from = (self.data as i64).checked_add(off).filter(|from| *from >= self.mac as i64)?;
        let from = usize::try_from(from).ok()?;
        (from.checked_add(len)? <= self.end).then(|| self.buffer.addr() + from as u64)
    }

    /// Moves `data` (and the Ethernet header with it) by `delta` bytes; negative makes the packet longer. The new bytes
    /// are what lay there before; metadata moves along. False, and nothing done, if there is no room or no byte left.
    pub(crate) fn move_head(&mut self, delta: i64) -> bool {
        let Some(data) = (self.data as i64).checked_add(delta).and_then(|d| usize::try_from(d).ok()) else {
            return false;
        };
        if data < self.meta || data > self.end {
            return false;
        }
        if self.meta > 0 {
            let moved = self.copy(self.data - self.meta, self.data);
            let _ = self.buffer.write(data - self.meta, &moved);
        }
        (self.data, self.mac) = (data, data);
        true
    }

    /// Moves the end by `delta` bytes; new bytes are zero. False, and nothing done, if there is no room.
    pub(crate) fn move_tail(&mut self, delta: i64) -> bool {
        let Some(end) = (self.end as i64).checked_add(delta).and_then(|e| usize::try_from(e).ok()) else {
            return false;
        };
        if cfg!(guard_pages) {
            self.make_room(0, end.saturating_sub(self.end));
        }
        if end < self.data || end > self.buffer.len() {
            return false;
        }
        if end > self.end {
            let _ = self.buffer.clear(self.end, end - self.end);
        }
        self.end = end;
        true
    }

    /// Makes room before and after the packet, by moving it where there is none. Every address in it changes.
    pub(crate) fn make_room(&mut self, before: usize, after: usize) {
        let room = self.headroom();
        if before <= room && after <= self.buffer.len() - self.end {
            return;
        }
        let shift = before.saturating_sub(room);
        let larger = Block::zeroed(self.end + shift + after.max(TAILROOM));
        let _ = larger.write(shift, &self.copy(0, self.end));
        self.buffer = larger;
        let places = [&mut self.mac, &mut self.network, &mut self.data, &mut self.end];
        for place in places.into_iter().chain(&mut self.transport) {
            *place += shift;
        }
    }

    /// Opens a gap of zeros at `off` from `data`: the bytes before it move towards the front, and the places of the link and
    /// network header with them. Of a packet that ends before `off`, what was cut off it earlier comes back, as in Linux, which
    /// moves the bytes without asking where the packet ends. Every address in the packet may change.
    pub(crate) fn insert(&mut self, off: usize, len: usize) {
        self.make_room(len, off.saturating_sub(self.len()));
        let data = self.data - len;
        self.slide(self.data, data, off);
        let _ = self.buffer.clear(data + off, len);
        for place in [&mut self.data, &mut self.mac, &mut self.network] {
            *place = place.saturating_sub(len);
        }
    }

    /// Takes out `len` bytes at `off` from `data`: the bytes before them move towards the end, and the place of the link
    /// header with them. False, and nothing done, if the packet has no such bytes.
    pub(crate) fn remove(&mut self, off: usize, len: usize) -> bool {
        if off.checked_add(len).is_none_or(|end| end > self.len()) {
            return false;
        }
        self.slide(self.data, self.data + len, off);
        self.data += len;
        self.mac += len;
        true
    }

    /// Copies bytes within the buffer to a place that may overlap them.
    fn slide(&self, from: usize, to: usize, len: usize) {
        const CHUNK: usize = 64;
        let mut bytes = [0; CHUNK];
        let mut chunk = |at: usize| {
            let bytes = &mut bytes[..CHUNK.min(len - at)];
            let _ = self.buffer.read(from + at, bytes);
            let _ = self.buffer.write(to + at, bytes);
        };
        let chunks = (0..len).step_by(CHUNK);
        if to < from { chunks.for_each(&mut chunk) } else { chunks.rev().for_each(&mut chunk) }
    }

    /// Says where the network header begins, from `data`.
    pub(crate) fn set_network(&mut self, off: usize) {
        self.network = self.data + off;
    }

    /// The offset of the transport header from `data`, if it is known.
    pub(crate) fn transport_off(&self) -> Option<i64> {
        self.transport.map(|transport| transport as i64 - self.data as i64)
    }

    /// Says where the transport header begins, from `data`.
    pub(crate) fn set_transport(&mut self, off: usize) {
        self.transport = Some(self.data + off);
    }

    /// Whether a program has put headers around it.
    pub(crate) fn encapsulated(&self) -> bool {
        self.encapsulated
    }

    /// A program has put headers around it.
    pub(crate) fn encapsulate(&mut self) {
        self.encapsulated = true;
    }

    /// How many bytes of the packet lie from an address on.
    pub(crate) fn extent(&self, addr: u64) -> usize {
        let start = self.buffer.addr() + self.mac as u64;
        if (start..self.end_addr()).contains(&addr) { (self.end_addr() - addr) as usize } else { 0 }
    }

    /// How long the link header was when a helper measured it last.
    pub(crate) fn link_len(&self) -> Option<u16> {
        self.link_len
    }

    /// Measures the link header: up to the network header, wherever that is, in 16 bits as the kernel.
    pub(crate) fn measure_link(&mut self) {
        self.link_len = Some(self.network.wrapping_sub(self.mac) as u16);
    }

    /// Copies bytes from `off` behind `data`; false, and nothing copied, if they are not all in the packet.
    pub(crate) fn peek(&self, off: i64, out: &mut [u8]) -> bool {
        let from = (self.data as i64).checked_add(off).and_then(|from| usize::try_from(from).ok());
        let inside = from.filter(|from| from.checked_add(out.len()).is_some_and(|end| end <= self.end));
        inside.and_then(|from| self.buffer.read(from, out)).is_some()
    }

    /// Overwrites bytes from `off` behind `data`; false, and nothing written, if they are not all in the packet.
    pub(crate) fn poke(&self, off: i64, bytes: &[u8]) -> bool {
        let to = (self.data as i64).checked_add(off).and_then(|to| usize::try_from(to).ok());
        let inside = to.filter(|to| to.checked_add(bytes.len()).is_some_and(|end| end <= self.end));
        inside.and_then(|to| self.buffer.write(to, bytes)).is_some()
    }

    /// Sets bytes at the start of the packet to zero.
    pub(crate) fn clear_head(&self, len: usize) {
        let _ = self.buffer.clear(self.data, len.min(self.len()));
    }

    /// The first bytes of the frame: Ethernet addresses and type.
    pub(crate) fn ethernet(&self) -> [u8; ETHERNET] {
        let mut header = [0; ETHERNET];
        let _ = self.buffer.read(self.mac, &mut header);
        header
    }
}
