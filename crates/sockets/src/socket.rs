//! A socket as the table holds it: a slot, whose words say everything about the socket that is in it.
//!
//! Every word is atomic. Those by which a socket is found are written while it is in no list, and not again before no read
//! section can meet it; so whoever found it may read them in any order. What an update changes in place (state among those of a
//! connection, mark, `tcp_info`, …) is read word by word, as in Linux: two fields may be from before and after an update.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32 as Word, AtomicU64 as Wide};

use crate::address::{Endpoint, Family, Protocol, Tuple};
use crate::info::{KernelAddresses, SocketInfo, flow_of};
use crate::key::{self, Hasher};
use crate::live::chains::{Links, unlinked};
use crate::live::count::Count;
use crate::live::free::NONE;
use crate::live::sync::AtomicU32;
use crate::namespace::NetnsId;
use crate::reference::{Found, Lifetime, ReleaseError};
use crate::reuseport::GroupId;
use crate::state::State;
use crate::view::{self, SOCK_VIEW_SIZE, TCP_VIEW_SIZE, TcpInfo};

/// Names one socket of a table, for good: another socket that comes to lie in the same memory has another id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl SocketId {
    /// The number of its slot. Those of a table from which none was removed are numbered in the order of insertion.
    pub fn index(self) -> usize {
        self.slot as usize
    }
}

impl fmt::Display for SocketId {
    /// As `socket#3`; `socket#3.1` for the second socket of the slot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socket#{}", self.slot)?;
        if self.generation == 0 { Ok(()) } else { write!(f, ".{}", self.generation) }
    }
}

/// What a socket is, one bit each.
mod flag {
    pub(super) const UDP: u32 = 1;
    pub(super) const V6ONLY: u32 = 2;
    pub(super) const REUSEPORT: u32 = 4;
    pub(super) const REUSEADDR: u32 = 8;
    pub(super) const PEER: u32 = 16;
    pub(super) const COUNTED: u32 = 32;
    pub(super) const FLOW: u32 = 64;
}

/// Words of [`Socket::view`].
mod word {
    pub(super) const DEVICE: usize = 0;
    pub(super) const FAMILY: usize = 1;
    pub(super) const LOCAL4: usize = 6;
    pub(super) const LOCAL6: usize = 7;
    pub(super) const LOCAL_PORT: usize = 11;
    pub(super) const REMOTE_PORT: usize = 12;
    pub(super) const REMOTE4: usize = 13;
    pub(super) const REMOTE6: usize = 14;
    pub(super) const STATE: usize = 18;
    pub(super) const RX_QUEUE: usize = 19;
}

/// A socket of a table.
///
/// Its layout is fixed: the bytes of `struct bpf_sock` come first, those of `struct bpf_tcp_sock` at
/// [`Socket::TCP_VIEW_OFFSET`], both 8-byte aligned. A runner may thus use one address for all views of a socket and
/// find the `Socket` again from it. Between them, in one cache line with the state, lies what a lookup of an IPv4 flow reads
/// and what its release writes.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Socket {
    view: [Word; SOCK_VIEW_SIZE / 4],
    slot: u32,
    generation: Word,
    count: Count,
    key: [Wide; 2],
    pub(crate) flow: Links,
    flags: Word,
    netns: Word,
    tcp_view: [Wide; TCP_VIEW_SIZE / 8],
    cookie: Wide,
    /// The same, as far behind this view as those are behind the other: [`Socket::COUNTED`].
    flags_of_tcp: Word,
    mark: Word,
    serial: Wide,
    pub(crate) local: Links,
    pub(crate) shadow: Links,
    pub(crate) by_cookie: Links,
    local_hash: Wide,
    /// Of a request socket: slot and generation of its listener.
    listener: Wide,
    priority: Word,
    uid: Word,
    group: Word,
    /// The next empty slot, of an empty one.
    pub(crate) free: AtomicU32,
}

impl Socket {
    /// Where [`Socket::view`] lies in the object, in bytes.
    pub const VIEW_OFFSET: usize = std::mem::offset_of!(Socket, view);
    /// Where [`Socket::tcp_view`] lies in the object, in bytes.
    pub const TCP_VIEW_OFFSET: usize = std::mem::offset_of!(Socket, tcp_view);

    /// Where either view of a socket says whether a reference is counted: how many bytes behind the view's beginning a word of 32
    /// bits lies, and the bit in it. It does not change while the socket may be found or is held.
    pub const COUNTED: (usize, u32) = {
        let behind = std::mem::offset_of!(Socket, flags) - Socket::VIEW_OFFSET;
        let behind_tcp = std::mem::offset_of!(Socket, flags_of_tcp) - Socket::TCP_VIEW_OFFSET;
        // The words of models are larger.
        assert!(behind == behind_tcp || cfg!(belay_loom));
        (behind, flag::COUNTED)
    };

    /// A slot without a socket.
    pub(crate) fn empty(slot: u32) -> Socket {
        Socket {
            view: Default::default(),
            slot,
            generation: Word::new(0),
            count: Count::dead(),
            key: Default::default(),
            flow: unlinked(),
            flags: Word::new(0),
            netns: Word::new(0),
            tcp_view: Default::default(),
            cookie: Wide::new(0),
            flags_of_tcp: Word::new(0),
            mark: Word::new(0),
            serial: Wide::new(0),
            local: unlinked(),
            shadow: unlinked(),
            by_cookie: unlinked(),
            local_hash: Wide::new(0),
            listener: Wide::new(u64::MAX),
            priority: Word::new(0),
            uid: Word::new(0),
            group: Word::new(NONE),
            free: AtomicU32::new(NONE),
        }
    }

    /// Puts a socket into an empty slot, which is in no list.
    pub(crate) fn fill(&self, info: &SocketInfo, serial: u64, hasher: &Hasher) {
        let flow = flow_of(info);
        let counted = info.lifetime() == Lifetime::Counted;
        let flags = [
            (flag::UDP, info.protocol == Protocol::Udp),
            (flag::V6ONLY, info.v6only),
            (flag::REUSEPORT, info.reuseport),
            (flag::REUSEADDR, info.reuseaddr),
            (flag::PEER, info.remote.is_some()),
            (flag::COUNTED, counted),
            (flag::FLOW, flow.is_some()),
        ];
        let flags = flags.iter().filter(|(_, on)| *on).fold(0, |all, (flag, _)| all | flag);
        self.flags.store(flags, Relaxed);
        self.flags_of_tcp.store(flags, Relaxed);
        self.netns.store(info.netns.0, Relaxed);
        let key = flow.map_or([0; 2], |tuple| key::flow(info.netns, info.protocol, &tuple, hasher));
        for (word, value) in self.key.iter().zip(key) {
            word.store(value, Relaxed);
        }
        self.local_hash.store(hasher.local(info.netns, info.protocol, info.local), Relaxed);
        self.cookie.store(info.cookie, Relaxed);
        self.serial.store(serial, Relaxed);
        self.listener.store(u64::MAX, Relaxed);
        self.group.store(NONE, Relaxed);
        self.show(info);
        self.count.revive();
    }

    /// Writes what may change while the socket is found.
    pub(crate) fn show(&self, info: &SocketInfo) {
        let bytes = view::sock(info, &KernelAddresses::of(info));
        for (word, bytes) in self.view.iter().zip(bytes.as_chunks().0) {
            word.store(u32::from_ne_bytes(*bytes), Relaxed);
        }
        for (word, bytes) in self.tcp_view.iter().zip(info.tcp.to_bytes().as_chunks().0) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
        self.mark.store(info.mark, Relaxed);
        self.priority.store(info.priority, Relaxed);
        self.uid.store(info.uid, Relaxed);
    }

    pub(crate) fn set_cookie(&self, cookie: u64) {
        self.cookie.store(cookie, Relaxed);
    }

    pub(crate) fn set_listener(&self, listener: SocketId) {
        self.listener.store(u64::from(listener.generation) << 32 | u64::from(listener.slot), Release);
    }

    pub(crate) fn set_group(&self, group: Option<GroupId>) {
        self.group.store(group.map_or(NONE, |group| group.0), Release);
    }

    /// The slot's next socket is another one.
    pub(crate) fn next_generation(&self) {
        self.generation.store(self.generation.load(Relaxed).wrapping_add(1), Release);
    }

    pub(crate) fn count(&self) -> &Count {
        &self.count
    }

    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// How many sockets the table had taken in before.
    pub(crate) fn serial(&self) -> u64 {
        self.serial.load(Relaxed)
    }

    pub(crate) fn flow_hash(&self, hasher: &Hasher) -> u64 {
        hasher.flow(self.key())
    }

    #[inline]
    fn key(&self) -> [u64; 2] {
        [self.key[0].load(Relaxed), self.key[1].load(Relaxed)]
    }

    pub(crate) fn local_hash(&self) -> u64 {
        self.local_hash.load(Relaxed)
    }

    /// Whether it is the socket of this flow, whose key this is.
    #[inline]
    pub(crate) fn is_of(&self, key: [u64; 2], tuple: &Tuple) -> bool {
        if self.key() != key {
            return false;
        }
        match tuple {
            // The key says all.
            Tuple::V4 { .. } => true,
            Tuple::V6 { saddr, daddr, .. } => self.local6() == *daddr && self.remote6() == *saddr,
        }
    }

    /// Whether it is found by its exact flow.
    pub(crate) fn is_flow(&self) -> bool {
        self.has(flag::FLOW)
    }

    #[inline]
    fn has(&self, flag: u32) -> bool {
        self.flags.load(Relaxed) & flag != 0
    }

    #[inline]
    fn view_word(&self, at: usize) -> u32 {
        self.view[at].load(Relaxed)
    }

    fn ipv6(&self, at: usize) -> Ipv6Addr {
        let mut octets = [0; 16];
        for (bytes, word) in octets.as_chunks_mut().0.iter_mut().zip(&self.view[at..]) {
            *bytes = word.load(Relaxed).to_ne_bytes();
        }
        Ipv6Addr::from(octets)
    }

    /// The four addresses that Linux keeps for every socket ([`KernelAddresses`]).
    pub(crate) fn local4(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.view_word(word::LOCAL4).to_ne_bytes())
    }

    pub(crate) fn remote4(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.view_word(word::REMOTE4).to_ne_bytes())
    }

    pub(crate) fn local6(&self) -> Ipv6Addr {
        self.ipv6(word::LOCAL6)
    }

    pub(crate) fn remote6(&self) -> Ipv6Addr {
        self.ipv6(word::REMOTE6)
    }

    /// Its name in the table.
    pub fn id(&self) -> SocketId {
        SocketId { slot: self.slot, generation: self.generation.load(Acquire) }
    }

    /// What describes it, gathered word by word. The functions below give one part each, for less.
    pub fn info(&self) -> SocketInfo {
        let mut tcp = [0; TCP_VIEW_SIZE];
        for (bytes, word) in tcp.as_chunks_mut().0.iter_mut().zip(&self.tcp_view) {
            *bytes = word.load(Relaxed).to_ne_bytes();
        }
        SocketInfo {
            netns: self.netns(),
            protocol: self.protocol(),
            state: self.state(),
            local: self.local(),
            remote: self.remote(),
            v6only: self.v6only(),
            device: self.device(),
            reuseport: self.reuseport(),
            reuseaddr: self.has(flag::REUSEADDR),
            mark: self.mark.load(Relaxed),
            priority: self.priority.load(Relaxed),
            uid: self.uid(),
            cookie: self.cookie(),
            rx_queue: self.view_word(word::RX_QUEUE).cast_signed(),
            tcp: TcpInfo::from_bytes(&tcp),
        }
    }

    /// The namespace it lives in.
    pub fn netns(&self) -> NetnsId {
        NetnsId(self.netns.load(Relaxed))
    }

    /// TCP or UDP.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        if self.has(flag::UDP) { Protocol::Udp } else { Protocol::Tcp }
    }

    /// Its state.
    #[inline]
    pub fn state(&self) -> State {
        State::of(self.view_word(word::STATE))
    }

    /// Its family.
    #[inline]
    pub fn family(&self) -> Family {
        if self.view_word(word::FAMILY) == u32::from(Family::V6.number()) { Family::V6 } else { Family::V4 }
    }

    /// The local end.
    pub fn local(&self) -> Endpoint {
        let addr = match self.family() {
            Family::V4 => IpAddr::from(self.local4()),
            Family::V6 => IpAddr::from(self.local6()),
        };
        Endpoint::new(addr, self.local_port())
    }

    pub(crate) fn local_port(&self) -> u16 {
        self.view_word(word::LOCAL_PORT) as u16
    }

    /// The remote end, for the states that have one.
    pub fn remote(&self) -> Option<Endpoint> {
        let addr = || match self.family() {
            Family::V4 => IpAddr::from(self.remote4()),
            Family::V6 => IpAddr::from(self.remote6()),
        };
        let [high, low, ..] = self.view_word(word::REMOTE_PORT).to_ne_bytes();
        self.has(flag::PEER).then(|| Endpoint::new(addr(), u16::from_be_bytes([high, low])))
    }

    /// `IPV6_V6ONLY`.
    pub fn v6only(&self) -> bool {
        self.has(flag::V6ONLY)
    }

    /// `SO_REUSEPORT`.
    pub fn reuseport(&self) -> bool {
        self.has(flag::REUSEPORT)
    }

    /// The device of `SO_BINDTODEVICE`, as an ifindex; 0 for none.
    #[inline]
    pub fn device(&self) -> u32 {
        self.view_word(word::DEVICE)
    }

    /// The owner.
    pub fn uid(&self) -> u32 {
        self.uid.load(Relaxed)
    }

    /// `SO_COOKIE`.
    pub fn cookie(&self) -> u64 {
        self.cookie.load(Relaxed)
    }

    /// Its reuseport group.
    pub fn group(&self) -> Option<GroupId> {
        Some(self.group.load(Acquire)).filter(|group| *group != NONE).map(GroupId)
    }

    /// Of a request socket: the listener that answers for it.
    pub fn listener(&self) -> Option<SocketId> {
        let both = Some(self.listener.load(Acquire)).filter(|both| *both != u64::MAX)?;
        Some(SocketId { slot: both as u32, generation: (both >> 32) as u32 })
    }

    /// The bytes of `struct bpf_sock` as a program on this machine reads them. A request or time-wait socket fills only the fields
    /// of `sock_common`.
    pub fn view(&self) -> [u8; SOCK_VIEW_SIZE] {
        let mut view = [0; SOCK_VIEW_SIZE];
        for (bytes, word) in view.as_chunks_mut().0.iter_mut().zip(&self.view) {
            *bytes = word.load(Relaxed).to_ne_bytes();
        }
        view
    }

    /// `bpf_sk_fullsock`: not NULL for anything but request and time-wait sockets.
    pub fn is_full(&self) -> bool {
        self.state().is_full()
    }

    /// `bpf_tcp_sock`, `bpf_skc_to_tcp_sock`: not NULL for full TCP sockets, listeners included.
    pub fn is_tcp_full(&self) -> bool {
        self.is_full() && self.protocol() == Protocol::Tcp
    }

    /// Whether a reference is counted.
    #[inline]
    pub fn lifetime(&self) -> Lifetime {
        if self.has(flag::COUNTED) { Lifetime::Counted } else { Lifetime::Rcu }
    }

    /// Whether lookups find it. One that was removed is still what it was to those who hold it.
    pub fn is_linked(&self) -> bool {
        self.count.is_linked()
    }

    /// References that programs hold now. Always 0 for [`Lifetime::Rcu`].
    pub fn references(&self) -> u64 {
        self.count.held()
    }

    /// Takes a reference (nothing to do for [`Lifetime::Rcu`]). `false`, and none is taken, if the socket was removed
    /// and the last one that held it has let it go.
    #[must_use]
    #[inline]
    pub fn acquire(&self) -> bool {
        self.lifetime() == Lifetime::Rcu || self.count.acquire()
    }

    /// `bpf_sk_release`: gives a reference back (nothing to do for [`Lifetime::Rcu`]).
    ///
    /// # Errors
    /// If no program holds a reference to it.
    #[inline]
    pub fn release(&self) -> Result<(), ReleaseError> {
        if self.lifetime() == Lifetime::Rcu || self.count.release() {
            return Ok(());
        }
        Err(ReleaseError { socket: self.id() })
    }

    /// This socket as the answer of a lookup.
    pub fn as_found(&self) -> Found<'_> {
        match self.lifetime() {
            Lifetime::Counted => Found::Counted(self),
            Lifetime::Rcu => Found::Rcu(self),
        }
    }
}

impl fmt::Display for Socket {
    /// As `tcp established 10.0.0.1:22 <- 10.0.0.2:4000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.protocol(), self.state(), self.local())?;
        self.remote().map_or(Ok(()), |remote| write!(f, " <- {remote}"))
    }
}
