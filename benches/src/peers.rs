//! The peers, each behind one call.

pub mod sbpf;

use rbpf::EbpfVmRaw;

/// One region for the peers: the packet's length in eight bytes, and the packet.
pub fn region(packet: &[u8]) -> Vec<u8> {
    [&(packet.len() as u64).to_le_bytes(), packet].concat()
}

/// A machine of rbpf, with [`toy`] for its maps.
pub fn rbpf(program: &[u8]) -> EbpfVmRaw<'_> {
    let mut vm = EbpfVmRaw::new(Some(program)).unwrap_or_else(|e| panic!("rbpf: {e}"));
    vm.register_helper(1, toy::lookup).expect("a helper");
    vm.register_helper(2, toy::update).expect("a helper");
    vm
}

/// The map of the peers, which have none: sixteen places, searched from the key's on. Nothing is deleted, nobody else
/// writes, nothing is resized: the least that a map can cost.
pub mod toy {
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;

    static KEYS: [AtomicU64; 16] = [const { AtomicU64::new(u64::MAX) }; 16];
    static VALUES: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

    fn key(address: u64) -> u64 {
        // SAFETY: the benchmark's program passes the address of a key on its stack.
        u64::from(unsafe { (address as *const u32).read_unaligned() })
    }

    /// `bpf_map_lookup_elem`
    pub fn lookup(_: u64, at: u64, _: u64, _: u64, _: u64) -> u64 {
        let key = key(at);
        let mut place = key as usize % 16;
        loop {
            match KEYS[place].load(Relaxed) {
                found if found == key => return VALUES[place].as_ptr() as u64,
                u64::MAX => return 0,
                _ => place = (place + 1) % 16,
            }
        }
    }

    /// `bpf_map_update_elem`
    pub fn update(_: u64, at: u64, value: u64, _: u64, _: u64) -> u64 {
        let key = key(at);
        // SAFETY: as for the key.
        let value = unsafe { (value as *const u64).read_unaligned() };
        let mut place = key as usize % 16;
        loop {
            let there = KEYS[place].load(Relaxed);
            if there == key || there == u64::MAX {
                KEYS[place].store(key, Relaxed);
                VALUES[place].store(value, Relaxed);
                return 0;
            }
            place = (place + 1) % 16;
        }
    }
}
