//! Which definitions make a map.

use belay_object::MapDef;
use belay_spec::MapKind;
use belay_vm::{MapError, MapLimits, Maps};

use crate::operations::Random;

/// Kinds that the kernel creates from sizes and flags alone. (Storage of sockets needs types, a map of maps a template.)
const KINDS: &[MapKind] = &[
    MapKind::HASH,
    MapKind::ARRAY,
    MapKind::PROG_ARRAY,
    MapKind::PERF_EVENT_ARRAY,
    MapKind::PERCPU_HASH,
    MapKind::PERCPU_ARRAY,
    MapKind::LRU_HASH,
    MapKind::LRU_PERCPU_HASH,
    MapKind::LPM_TRIE,
    MapKind::DEVMAP,
    MapKind::SOCKMAP,
    MapKind::CPUMAP,
    MapKind::XSKMAP,
    MapKind::SOCKHASH,
    MapKind::CGROUP_STORAGE,
    MapKind::REUSEPORT_SOCKARRAY,
    MapKind::PERCPU_CGROUP_STORAGE,
    MapKind::QUEUE,
    MapKind::STACK,
    MapKind::DEVMAP_HASH,
    MapKind::RINGBUF,
    MapKind::BLOOM_FILTER,
];

#[test]
fn the_kernel_makes_what_belay_makes() {
    if belay_linux::Kernel::for_test("the_kernel_makes_what_belay_makes").is_none() {
        return;
    }
    let mut random = Random(1);
    let mut made = 0;
    for kind in KINDS {
        for _ in 0..150 {
            let mut def = MapDef::new("m", *kind, 0, 0, 0);
            def.key_size = random.one_of(&[0, 1, 3, 4, 4, 4, 8, 16, 20, 260, 261, 512, 513]);
            def.value_size = random.one_of(&[0, 1, 4, 4, 8, 8, 13, 16, 1024]);
            def.max_entries = random.one_of(&[0, 1, 2, 100, 4096, 8192]);
            def.flags =
                random.one_of(&[0, 0, 0, 1, 2, 4, 8, 16, 64, 128, 256, 512, 1024, 0x88, 0x180, 1 << 20]);
            def.map_extra = random.one_of(&[0, 0, 0, 0, 1, 15, 16]);
            // What libbpf rounds, the kernel is asked about as it stands.
            if *kind == MapKind::RINGBUF && def.max_entries > 0 && def.max_entries < 4096 {
                continue;
            }
            if *kind == MapKind::PERF_EVENT_ARRAY && def.max_entries == 0 {
                continue;
            }
            // How many CPUs a kernel could have is a constant of its build.
            if *kind == MapKind::CPUMAP && def.max_entries > 100 {
                continue;
            }
            let theirs = belay_linux::Map::create(&def);
            let ours =
                Maps::within(std::slice::from_ref(&def), MapLimits { cpus: 4, ..MapLimits::default() });
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?}, the kernel: {theirs:?}, {def:?}");
            if let Err(error) = ours {
                assert!(matches!(error, MapError::Invalid { .. }), "{error}");
            } else {
                made += 1;
            }
        }
    }
    assert!(made > 200, "{made}");
}
