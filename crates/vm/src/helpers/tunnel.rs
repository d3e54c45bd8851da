//! Tunnel keys and options: what a packet came out of, and what it is to be sent into.

use crate::errno::{Errno, r0};
use crate::tunnel::{Tunnel, address_in, words_of};
use crate::world::World;

/// `BPF_F_TUNINFO_IPV6`
const IPV6: u64 = 1;
/// `BPF_F_ZERO_CSUM_TX`, `BPF_F_DONT_FRAGMENT`, `BPF_F_SEQ_NUMBER`, `BPF_F_NO_TUNNEL_KEY`.
const ZERO_CSUM: u64 = 1 << 1;
const DONT_FRAGMENT: u64 = 1 << 2;
const SEQ_NUMBER: u64 = 1 << 3;
const NO_KEY: u64 = 1 << 4;
/// `BPF_F_TUNINFO_FLAGS`, when reading.
const FLAGS: u64 = 1 << 4;

/// Bits of [`Tunnel::flags`].
mod bit {
    pub(super) const CSUM: u16 = 1;
    pub(super) const KEY: u16 = 1 << 2;
    pub(super) const SEQ: u16 = 1 << 3;
    pub(super) const DONT_FRAGMENT: u16 = 1 << 8;
    pub(super) const NOCACHE: u16 = 1 << 13;
    /// Options of Geneve, VXLAN, ERSPAN and GTP.
    pub(super) const OPTIONS: u16 = 1 << 11 | 1 << 12 | 1 << 14 | 1 << 15;
}

/// `struct bpf_tunnel_key`: its size, where its fields lie, and the sizes that it had earlier.
mod key {
    pub(super) const SIZE: usize = 44;
    pub(super) const REMOTE: usize = 4;
    pub(super) const TOS: usize = 20;
    pub(super) const TTL: usize = 21;
    pub(super) const EXT: usize = 22;
    pub(super) const LABEL: usize = 24;
    pub(super) const LOCAL: usize = 28;
    /// Up to `remote_ipv4`: of no use for IPv6.
    pub(super) const SHORTEST: usize = 8;
    pub(super) const EARLIER: [usize; 4] = [SHORTEST, EXT, LABEL, LOCAL];
}

fn field<const N: usize>(bytes: &[u8; key::SIZE], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// `bpf_skb_get_tunnel_key(ctx, key, size, flags)`
pub(super) fn get_key(world: &mut World<'_>, [_, to, size, flags, _]: [u64; 5]) -> u64 {
    let size = size as u32 as usize;
    let read = || {
        let tunnel = world.packet()?.metadata.tunnel.as_ref().ok_or(Errno::EINVAL)?;
        if flags & !(IPV6 | FLAGS) != 0 {
            return Err(Errno::EINVAL);
        }
        if tunnel.is_v6() != (flags & IPV6 != 0) {
            return Err(Errno::EPROTO);
        }
        let known = size == key::SIZE || key::EARLIER.contains(&size);
        if !known || (size == key::SHORTEST && tunnel.is_v6()) {
            return Err(Errno::EINVAL);
        }
        Ok(described(tunnel, flags))
    };
    match read() {
        Ok(key) => {
            world.mem.write(to, key.get(..size).unwrap_or(&key));
            0
        }
        Err(errno) => {
            world.mem.clear(to, size);
            errno.r0()
        }
    }
}

/// A key as programs read it: the remote end is where the packet came from.
fn described(tunnel: &Tunnel, flags: u64) -> [u8; key::SIZE] {
    let mut key = [0; key::SIZE];
    let mut put = |at: usize, bytes: &[u8]| key[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &tunnel.id.to_le_bytes());
    put(key::REMOTE, &words_of(tunnel.source));
    put(key::TOS, &[tunnel.tos]);
    put(key::TTL, &[tunnel.ttl]);
    if flags & FLAGS != 0 {
        put(key::EXT, &tunnel.flags.to_be_bytes());
    }
    if tunnel.is_v6() {
        put(key::LABEL, &tunnel.label.to_le_bytes());
    }
    put(key::LOCAL, &words_of(tunnel.destination));
    key
}

/// `bpf_skb_set_tunnel_key(ctx, key, size, flags)`
pub(super) fn set_key(world: &mut World<'_>, [_, from, size, flags, _]: [u64; 5]) -> u64 {
    /// `IPV6_FLOWLABEL_MASK`
    const LABEL: u32 = 0xf_ffff;
    let size = size as u32 as usize;
    let mut set = || {
        if flags & !(IPV6 | ZERO_CSUM | DONT_FRAGMENT | SEQ_NUMBER | NO_KEY) != 0 {
            return Err(Errno::EINVAL);
        }
        if size != key::SIZE && !key::EARLIER.contains(&size) {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; key::SIZE];
        world.mem.read(from, &mut bytes[..size]);
        let v6 = flags & IPV6 != 0;
        let label = u32::from_le_bytes(field(&bytes, key::LABEL));
        if (!v6 && label != 0) || field(&bytes, key::EXT) != [0_u8; 2] {
            return Err(Errno::EINVAL);
        }
        let chosen = [
            (flags & ZERO_CSUM == 0, bit::CSUM),
            (flags & NO_KEY == 0, bit::KEY),
            (flags & SEQ_NUMBER != 0, bit::SEQ),
            (flags & DONT_FRAGMENT != 0, bit::DONT_FRAGMENT),
            (true, bit::NOCACHE),
        ];
        let tunnel = Tunnel {
            id: u32::from_le_bytes(field(&bytes, 0)),
            source: address_in(field(&bytes, key::LOCAL), v6),
            destination: address_in(field(&bytes, key::REMOTE), v6),
            tos: bytes[key::TOS],
            ttl: bytes[key::TTL],
            label: label & LABEL,
            flags: chosen.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum(),
            options: Vec::new(),
            sending: true,
        };
        world.change_packet(|packet| packet.metadata.tunnel = Some(tunnel))
    };
    r0(set())
}

/// `bpf_skb_get_tunnel_opt(ctx, to, size)`: how many bytes there are
pub(super) fn get_options(world: &mut World<'_>, [_, to, size, ..]: [u64; 5]) -> u64 {
    let size = size as u32 as usize;
    world.mem.clear(to, size);
    let tunnel = world.packet().ok().and_then(|packet| packet.metadata.tunnel.as_ref());
    let Some(tunnel) = tunnel.filter(|tunnel| tunnel.flags & bit::OPTIONS != 0) else {
        return Errno::ENOENT.r0();
    };
    if size < tunnel.options.len() {
        return Errno::ENOMEM.r0();
    }
    world.mem.write(to, &tunnel.options);
    tunnel.options.len() as u64
}

/// `bpf_skb_set_tunnel_opt(ctx, from, size)`: for a key that a program has set
pub(super) fn set_options(world: &mut World<'_>, [_, from, size, ..]: [u64; 5]) -> u64 {
    /// `IP_TUNNEL_OPTS_MAX`
    const MOST: usize = 255;
    let (size, mem) = (size as u32 as usize, world.mem);
    let set = world.change_packet(|packet| {
        let tunnel = packet.metadata.tunnel.as_mut().filter(|tunnel| tunnel.sending).ok_or(Errno::EINVAL)?;
        if !size.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        if size > MOST {
            return Err(Errno::ENOMEM);
        }
        tunnel.options.resize(size, 0);
        mem.read(from, &mut tunnel.options);
        tunnel.flags |= bit::OPTIONS;
        Ok(())
    });
    r0(set.and_then(|result| result))
}
