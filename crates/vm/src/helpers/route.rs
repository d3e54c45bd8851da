//! `bpf_fib_lookup`, `bpf_check_mtu`: what the routing table of the run says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use belay_isa::Size;

use crate::context::Form;
use crate::errno::Errno;
use crate::routes::{Asked, Gate, Hop, Link, MAIN, Missed, Routes};
use crate::world::World;

/// `BPF_FIB_LOOKUP_*`
mod flag {
    pub(super) const DIRECT: u32 = 1;
    pub(super) const OUTPUT: u32 = 1 << 1;
    pub(super) const SKIP_NEIGH: u32 = 1 << 2;
    pub(super) const TBID: u32 = 1 << 3;
    pub(super) const SRC: u32 = 1 << 4;
    pub(super) const MARK: u32 = 1 << 5;
    pub(super) const ALL: u32 = DIRECT | OUTPUT | SKIP_NEIGH | TBID | SRC | MARK;
}

/// `BPF_FIB_LKUP_RET_*`
mod answer {
    pub(super) const SUCCESS: u64 = 0;
    pub(super) const BLACKHOLE: u64 = 1;
    pub(super) const UNREACHABLE: u64 = 2;
    pub(super) const PROHIBIT: u64 = 3;
    pub(super) const NOT_FWDED: u64 = 4;
    pub(super) const FWD_DISABLED: u64 = 5;
    pub(super) const NO_NEIGH: u64 = 7;
    pub(super) const FRAG_NEEDED: u64 = 8;
    pub(super) const NO_SRC_ADDR: u64 = 9;
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// The bytes of a VLAN tag, which a packet may have beyond the MTU.
const VLAN: u64 = 4;

/// `struct bpf_fib_lookup`: where its fields lie.
struct Params([u8; Params::SIZE]);

impl Params {
    const SIZE: usize = 64;
    const FAMILY: usize = 0;
    /// The length asked about; then the MTU.
    const LENGTH: usize = 6;
    const IFINDEX: usize = 8;
    const METRIC: usize = 12;
    const SOURCE: usize = 16;
    const DESTINATION: usize = 32;
    /// The table; then the VLAN tag.
    const TABLE: usize = 48;
    const SMAC: usize = 52;
    const DMAC: usize = 58;

    fn get<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(field) = self.0.get_mut(at..at + bytes.len()) {
            field.copy_from_slice(bytes);
        }
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.get(at))
    }

    fn length(&self) -> u32 {
        u16::from_le_bytes(self.get(Params::LENGTH)).into()
    }

    fn set_mtu(&mut self, mtu: u32) {
        self.put(Params::LENGTH, &(mtu as u16).to_le_bytes());
    }

    /// An address, in the family that was asked for.
    fn address(&self, at: usize) -> IpAddr {
        match self.0[Params::FAMILY] {
            AF_INET => Ipv4Addr::from(self.get::<4>(at)).into(),
            _ => Ipv6Addr::from(self.get::<16>(at)).into(),
        }
    }

    fn set_address(&mut self, at: usize, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => self.put(at, &v4.octets()),
            IpAddr::V6(v6) => self.put(at, &v6.octets()),
        }
    }
}

/// `bpf_fib_lookup(ctx, params, size, flags)`
pub(super) fn fib_lookup(world: &mut World<'_>, [_, addr, size, flags, _]: [u64; 5]) -> u64 {
    let (size, flags) = (size as i32, flags as u32);
    if size < Params::SIZE as i32 || flags & !flag::ALL != 0 {
        return Errno::EINVAL.r0();
    }
    let mut params = Params([0; Params::SIZE]);
    world.mem.read(addr, &mut params.0);
    if ![AF_INET, AF_INET6].contains(&params.0[Params::FAMILY]) {
        return Errno::EAFNOSUPPORT.r0();
    }
    // In tc programs the packet itself is measured where no length is given.
    let packet = (world.layout.form != Form::Xdp && params.length() == 0)
        .then(|| world.packet().map_or(0, |packet| packet.len() as u64));
    let result = route(&world.machine.routes, &mut params, flags, packet);
    world.mem.write(addr, &params.0);
    result
}

fn route(routes: &Routes, params: &mut Params, flags: u32, packet: Option<u64>) -> u64 {
    let (source, destination) = (params.address(Params::SOURCE), params.address(Params::DESTINATION));
    let v6 = destination.is_ipv6();
    let gate = params.word(Params::IFINDEX);
    let asked = Asked {
        source,
        destination,
        gate: if flags & flag::OUTPUT != 0 { Gate::Out(gate) } else { Gate::In },
        table: None,
    };
    // IPv6 looks at the addresses first, then at the device.
    if v6 && routes.stays(asked) {
        return answer::NOT_FWDED;
    }
    let Some(device) = routes.device(gate) else { return Errno::ENODEV.r0() };
    if !device.forwarding {
        return answer::FWD_DISABLED;
    }
    let table = match (flags & flag::DIRECT != 0, flags & flag::TBID != 0) {
        (true, true) => {
            let table = params.word(Params::TABLE);
            params.put(Params::TABLE, &[0; 4]);
            Some(if table == 0 { MAIN } else { table })
        }
        (true, false) => Some(MAIN),
        (false, _) => None,
    };
    let hop = match routes.next_hop(Asked { table, ..asked }) {
        Ok(hop) => hop,
        Err(Missed::NotForwarded) => return answer::NOT_FWDED,
        Err(Missed::Blackhole) => return answer::BLACKHOLE,
        Err(Missed::Unreachable) => return answer::UNREACHABLE,
        Err(Missed::Prohibited) => return answer::PROHIBIT,
    };
    if packet.is_none() && params.length() > hop.mtu {
        params.set_mtu(hop.mtu);
        return answer::FRAG_NEEDED;
    }
    match found(routes, params, flags, &hop) {
        answer::SUCCESS => measured(params, &hop, packet),
        other => other,
    }
}

/// Writes down the way that was found.
fn found(routes: &Routes, params: &mut Params, flags: u32, hop: &Hop<'_>) -> u64 {
    let v6 = params.0[Params::FAMILY] == AF_INET6;
    params.put(Params::METRIC, &hop.metric.to_le_bytes());
    params.put(Params::IFINDEX, &hop.device.index.to_le_bytes());
    if v6 {
        params.set_address(Params::DESTINATION, hop.next);
    }
    if flags & flag::SRC != 0 {
        match hop.source {
            Some(source) => params.set_address(Params::SOURCE, source),
            None if v6 => return answer::NO_SRC_ADDR,
            None => params.put(Params::SOURCE, &[0; 4]),
        }
    }
    if !v6 {
        if hop.next.is_ipv6() {
            params.0[Params::FAMILY] = AF_INET6;
        }
        params.set_address(Params::DESTINATION, hop.next);
    }
    if flags & flag::SKIP_NEIGH == 0 {
        let Some(mac) = routes.neighbour(hop.device, hop.next) else { return answer::NO_NEIGH };
        params.put(Params::DMAC, &mac.0);
        params.put(Params::SMAC, &hop.device.mac.0);
    }
    answer::SUCCESS
}

/// The end of a successful lookup: no VLAN tag, and the MTU.
fn measured(params: &mut Params, hop: &Hop<'_>, packet: Option<u64>) -> u64 {
    params.put(Params::TABLE, &[0; 4]);
    let Some(len) = packet else {
        params.set_mtu(hop.mtu);
        return answer::SUCCESS;
    };
    params.set_mtu(hop.device.mtu);
    let longest = u64::from(hop.device.mtu) + u64::from(hop.device.header) + VLAN;
    if len <= longest { answer::SUCCESS } else { answer::FRAG_NEEDED }
}

/// `bpf_check_mtu(ctx, ifindex, mtu_len, len_diff, flags)`
pub(super) fn check_mtu(world: &mut World<'_>, [_, index, addr, diff, flags]: [u64; 5]) -> u64 {
    /// `BPF_MTU_CHK_SEGS`
    const SEGS: u64 = 1;
    /// `BPF_MTU_CHK_RET_FRAG_NEEDED`, `BPF_MTU_CHK_RET_SEGS_TOOBIG`.
    const FRAG_NEEDED: u64 = 1;
    const SEGS_TOOBIG: u64 = 2;
    let (index, diff) = (index as u32, diff as i32);
    let xdp = world.layout.form == Form::Xdp;
    let given = world.mem.load(addr, Size::W) as i32;
    if flags & !(if xdp { 0 } else { SEGS }) != 0 || (flags & SEGS != 0 && (diff != 0 || given != 0)) {
        return Errno::EINVAL.r0();
    }
    let Ok(packet) = world.packet() else { return Errno::EINVAL.r0() };
    let (own, len, segment) = (packet.metadata.ifindex, packet.len() as i32, packet.metadata.gso_size);
    let segmented = !xdp && segment != 0;
    let headers = i64::from(len).min(packet.transport_off().unwrap_or(0)) as u32;
    let routes = &world.machine.routes;
    // The packet's own device is always there.
    let unknown = (index == 0 || index == own).then(|| Link::ethernet("", own));
    let device = routes.device(if index == 0 { own } else { index }).or(unknown.as_ref());
    let Some(device) = device else { return Errno::ENODEV.r0() };
    let (mtu, header) = (device.mtu, i32::from(device.header));
    let longest = (mtu as i32).wrapping_add(header);
    let len = if given != 0 { given.wrapping_add(header) } else { len }.wrapping_add(diff);
    let mut result = 0;
    if len > longest {
        result = match segmented {
            false => FRAG_NEEDED,
            true if flags & SEGS == 0 => 0,
            // Test runs do not know where the transport header is.
            true if headers == 0 => return Errno::EINVAL.r0(),
            true if segment + headers > mtu => SEGS_TOOBIG,
            true => 0,
        };
    }
    world.mem.store(addr, Size::W, mtu.into());
    result
}
