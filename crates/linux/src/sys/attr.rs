//! The members of `union bpf_attr` (uapi `linux/bpf.h`), one structure a command, without implicit padding: every
//! byte that the kernel reads was written.

/// `BPF_OBJ_NAME_LEN`, the terminating zero included.
const NAME_LEN: usize = 16;

/// The name as the kernel takes it: at most 15 bytes of letters, digits, `_` and `.`; other characters become `_`.
pub(crate) fn object_name(name: &str) -> [u8; NAME_LEN] {
    let mut out = [0; NAME_LEN];
    for (to, from) in out.iter_mut().take(NAME_LEN - 1).zip(name.bytes()) {
        *to = if from.is_ascii_alphanumeric() || from == b'_' || from == b'.' { from } else { b'_' };
    }
    out
}

/// `BPF_MAP_CREATE`.
#[repr(C)]
#[derive(Default, Clone)]
pub(crate) struct MapCreate {
    pub(crate) map_type: u32,
    pub(crate) key_size: u32,
    pub(crate) value_size: u32,
    pub(crate) max_entries: u32,
    pub(crate) map_flags: u32,
    pub(crate) inner_map_fd: u32,
    pub(crate) numa_node: u32,
    pub(crate) map_name: [u8; NAME_LEN],
    pub(crate) map_ifindex: u32,
    pub(crate) btf_fd: u32,
    pub(crate) btf_key_type_id: u32,
    pub(crate) btf_value_type_id: u32,
    pub(crate) btf_vmlinux_value_type_id: u32,
    pub(crate) map_extra: u64,
}

/// `BPF_MAP_*_ELEM`.
#[repr(C)]
pub(super) struct MapElem {
    map_fd: u32,
    pad: u32,
    key: u64,
    value_or_next_key: u64,
    flags: u64,
}

impl MapElem {
    pub(super) fn new(fd: i32, key: u64, value_or_next_key: u64, flags: u64) -> Self {
        MapElem { map_fd: fd.cast_unsigned(), pad: 0, key, value_or_next_key, flags }
    }
}

/// `BPF_MAP_FREEZE`.
#[repr(C)]
pub(super) struct MapFreeze {
    map_fd: u32,
}

impl MapFreeze {
    pub(super) fn new(fd: i32) -> Self {
        MapFreeze { map_fd: fd.cast_unsigned() }
    }
}

/// `BPF_PROG_LOAD`, up to `fd_array_cnt` (6.14); older kernels ignore what they do not know while it is zero.
#[repr(C)]
#[derive(Default)]
pub(crate) struct ProgLoad {
    pub(crate) prog_type: u32,
    pub(super) insn_cnt: u32,
    pub(super) insns: u64,
    pub(super) license: u64,
    pub(crate) log_level: u32,
    pub(super) log_size: u32,
    pub(super) log_buf: u64,
    pub(crate) kern_version: u32,
    pub(crate) prog_flags: u32,
    pub(crate) prog_name: [u8; NAME_LEN],
    pub(crate) prog_ifindex: u32,
    pub(crate) expected_attach_type: u32,
    pub(crate) prog_btf_fd: u32,
    pub(super) func_info_rec_size: u32,
    pub(super) func_info: u64,
    pub(super) func_info_cnt: u32,
    pub(super) line_info_rec_size: u32,
    pub(super) line_info: u64,
    pub(super) line_info_cnt: u32,
    pub(crate) attach_btf_id: u32,
    pub(crate) attach_btf_obj_fd: u32,
    core_relo_cnt: u32,
    fd_array: u64,
    core_relos: u64,
    core_relo_rec_size: u32,
    pub(crate) log_true_size: u32,
    prog_token_fd: i32,
    fd_array_cnt: u32,
}

/// `BPF_BTF_LOAD`.
#[repr(C)]
pub(super) struct BtfLoad {
    btf: u64,
    btf_log_buf: u64,
    btf_size: u32,
    btf_log_size: u32,
    btf_log_level: u32,
    btf_log_true_size: u32,
}

impl BtfLoad {
    pub(super) fn new(btf: u64, btf_size: u32, log: u64, log_size: u32, logged: bool) -> Self {
        BtfLoad {
            btf,
            btf_log_buf: log,
            btf_size,
            btf_log_size: log_size,
            btf_log_level: u32::from(logged),
            btf_log_true_size: 0,
        }
    }
}

/// `BPF_PROG_TEST_RUN`.
#[repr(C)]
#[derive(Default)]
pub(crate) struct TestRunAttr {
    pub(super) prog_fd: u32,
    pub(crate) retval: u32,
    pub(super) data_size_in: u32,
    pub(crate) data_size_out: u32,
    pub(super) data_in: u64,
    pub(super) data_out: u64,
    pub(crate) repeat: u32,
    pub(crate) duration: u32,
    pub(super) ctx_size_in: u32,
    pub(crate) ctx_size_out: u32,
    pub(super) ctx_in: u64,
    pub(super) ctx_out: u64,
    pub(crate) flags: u32,
    pub(crate) cpu: u32,
    batch_size: u32,
    pad: u32,
}

/// `BPF_BTF_GET_NEXT_ID`, `BPF_BTF_GET_FD_BY_ID`.
#[repr(C)]
#[derive(Default)]
pub(super) struct ObjectId {
    /// Where to start, or which.
    pub(super) id: u32,
    /// What was found.
    pub(super) next_id: u32,
    open_flags: u32,
}

impl ObjectId {
    pub(super) fn new(id: u32) -> Self {
        ObjectId { id, ..ObjectId::default() }
    }
}

/// `BPF_PROG_ATTACH` and `BPF_PROG_DETACH`.
#[repr(C)]
pub(super) struct ProgAttach {
    target_fd: u32,
    program_fd: u32,
    attach_type: u32,
    flags: u32,
}

impl ProgAttach {
    pub(super) fn new(target_fd: i32, program_fd: i32, attach_type: u32) -> Self {
        let (target_fd, program_fd) = (target_fd.cast_unsigned(), program_fd.cast_unsigned());
        ProgAttach { target_fd, program_fd, attach_type, flags: 0 }
    }
}

/// `BPF_LINK_CREATE` of an iterator.
#[repr(C)]
pub(super) struct LinkCreate {
    program_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    iter_info: u64,
    iter_info_len: u32,
    pad: u32,
}

impl LinkCreate {
    pub(super) fn iterator(program_fd: i32, attach_type: u32) -> Self {
        let program_fd = program_fd.cast_unsigned();
        LinkCreate { program_fd, target_fd: 0, attach_type, flags: 0, iter_info: 0, iter_info_len: 0, pad: 0 }
    }
}

/// `BPF_ITER_CREATE`.
#[repr(C)]
pub(super) struct IterCreate {
    link_fd: u32,
    flags: u32,
}

impl IterCreate {
    pub(super) fn new(link_fd: i32) -> Self {
        IterCreate { link_fd: link_fd.cast_unsigned(), flags: 0 }
    }
}

/// `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
pub(super) struct ObjectInfo {
    fd: u32,
    info_len: u32,
    info: u64,
}

impl ObjectInfo {
    pub(super) fn new(fd: i32, info_len: u32, info: u64) -> Self {
        ObjectInfo { fd: fd.cast_unsigned(), info_len, info }
    }
}

/// `struct bpf_btf_info`.
#[repr(C)]
#[derive(Default)]
pub(super) struct BtfInfo {
    btf: u64,
    btf_size: u32,
    id: u32,
    name: u64,
    name_len: u32,
    pub(super) kernel_btf: u32,
}

impl BtfInfo {
    pub(super) fn named(name: u64, name_len: u32) -> Self {
        BtfInfo { name, name_len, ..BtfInfo::default() }
    }
}

// The sizes of the kernel's structures: a field more or less, or implicit padding, does not compile.
const _: () = {
    assert!(size_of::<MapCreate>() == 72);
    assert!(size_of::<MapElem>() == 32);
    assert!(size_of::<ProgLoad>() == 152);
    assert!(size_of::<BtfLoad>() == 32);
    assert!(size_of::<ProgAttach>() == 16);
    assert!(size_of::<LinkCreate>() == 32);
    assert!(size_of::<IterCreate>() == 8);
    assert!(size_of::<ObjectId>() == 12);
    assert!(size_of::<ObjectInfo>() == 16);
    assert!(size_of::<BtfInfo>() == 32);
    assert!(size_of::<TestRunAttr>() == 80);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(&object_name("socket-fw"), b"socket_fw\0\0\0\0\0\0\0");
        assert_eq!(&object_name("a_name_of_more_than_fifteen"), b"a_name_of_more_\0");
    }
}
