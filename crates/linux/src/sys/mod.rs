//! The system calls that this crate makes: `bpf(2)`, `unshare(2)`, `setns(2)`, `uname(2)`, `setsockopt(2)`. The only
//! unsafe file.
//!
//! Each function takes slices and descriptors and builds the kernel's attribute from them, so the one obligation of
//! `bpf(2)`, that every address in the attribute is valid for the length beside it, is discharged here by borrows
//! that outlive the call.
#![allow(unsafe_code, reason = "system calls")]

mod attr;
mod errno;

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use attr::{BtfInfo, BtfLoad, IterCreate, LinkCreate, MapElem, MapFreeze, ObjectId, ObjectInfo, ProgAttach};
pub(crate) use attr::{MapCreate, ProgLoad, TestRunAttr, object_name};
pub use errno::Errno;

/// `enum bpf_cmd`.
#[derive(Clone, Copy)]
enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MapNextKey = 4,
    ProgLoad = 5,
    ProgAttach = 8,
    ProgDetach = 9,
    ProgTestRun = 10,
    ObjectInfo = 15,
    BtfLoad = 18,
    BtfById = 19,
    MapTake = 21,
    MapFreeze = 22,
    BtfNextId = 23,
    LinkCreate = 28,
    IterCreate = 33,
}

/// `bpf(2)`: what it returns, a descriptor or zero.
///
/// # Safety
/// `Attr` is the layout of the command's member of `union bpf_attr`, without padding, and each address in it is
/// valid for reads (for outputs: writes) of the length that stands beside it or that the map's definition gives.
unsafe fn bpf<Attr>(command: Command, attr: &mut Attr) -> Result<i32, Errno> {
    // SAFETY: `attr` is a live, exclusive reference of the size given; the rest is the caller's obligation.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command as libc::c_int, attr as *mut Attr, size_of::<Attr>()) };
    i32::try_from(result).ok().filter(|r| *r >= 0).ok_or_else(Errno::last)
}

/// Takes ownership of the descriptor that a creating command returned.
fn own(fd: i32) -> OwnedFd {
    // SAFETY: the callers pass what a creating `bpf` command has just returned: an open descriptor that nobody else
    // holds.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn address<T>(data: &[T]) -> u64 {
    if data.is_empty() { 0 } else { data.as_ptr() as u64 }
}

fn address_mut<T>(data: &mut [T]) -> u64 {
    if data.is_empty() { 0 } else { data.as_mut_ptr() as u64 }
}

/// The length as the kernel counts it; what is longer than that is `E2BIG`, as the kernel would say.
fn length(len: usize) -> Result<u32, Errno> {
    u32::try_from(len).map_err(|_| Errno(libc::E2BIG))
}

/// The buffers that a program load reads and writes.
pub(crate) struct ProgLoadBuffers<'a> {
    pub(crate) insns: &'a [u8],
    pub(crate) license: &'a CStr,
    pub(crate) log: &'a mut [u8],
    pub(crate) func_info: &'a [[u32; 2]],
    pub(crate) line_info: &'a [[u32; 4]],
}

/// `BPF_PROG_LOAD`; `attr` holds the scalars, the addresses and lengths are filled in here. The length of the whole
/// log (kernels since 6.4) is in `attr.log_true_size` after the call.
pub(crate) fn prog_load(attr: &mut ProgLoad, buffers: &mut ProgLoadBuffers<'_>) -> Result<OwnedFd, Errno> {
    attr.insns = address(buffers.insns);
    attr.insn_cnt = length(buffers.insns.len() / 8)?;
    attr.license = buffers.license.as_ptr() as u64;
    attr.log_size = length(buffers.log.len())?;
    attr.log_buf = address_mut(buffers.log);
    attr.func_info = address(buffers.func_info);
    attr.func_info_cnt = length(buffers.func_info.len())?;
    attr.func_info_rec_size = length(size_of::<[u32; 2]>())?;
    attr.line_info = address(buffers.line_info);
    attr.line_info_cnt = length(buffers.line_info.len())?;
    attr.line_info_rec_size = length(size_of::<[u32; 4]>())?;
    // SAFETY: every address was set above from a borrow held by `buffers`, with its length; `fd_array` and
    // `core_relos` stay zero with `ProgLoad`'s private default.
    unsafe { bpf(Command::ProgLoad, attr) }.map(own)
}

/// `BPF_MAP_CREATE`.
pub(crate) fn map_create(attr: &mut MapCreate) -> Result<OwnedFd, Errno> {
    // SAFETY: the attribute holds no address.
    unsafe { bpf(Command::MapCreate, attr) }.map(own)
}

/// A map's descriptor with the sizes of its key and value as system calls copy them: what makes the calls below
/// safe. Built only by [`crate::map`], from the definition that the map was created with.
#[derive(Debug)]
pub(crate) struct SizedMap {
    fd: OwnedFd,
    key_size: usize,
    value_size: usize,
}

impl SizedMap {
    /// Creates a map whose system calls copy `value_size` bytes (for per-CPU kinds: of all CPUs).
    pub(crate) fn create(attr: &mut MapCreate, value_size: usize) -> Result<SizedMap, Errno> {
        let key_size = attr.key_size as usize;
        Ok(SizedMap { fd: map_create(attr)?, key_size, value_size })
    }

    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// The bytes that a call copies for one value.
    pub(crate) fn value_len(&self) -> usize {
        self.value_size
    }

    fn elem(&self, key: &[u8], value: u64, flags: u64) -> Result<MapElem, Errno> {
        if key.len() != self.key_size {
            return Err(Errno(libc::EINVAL));
        }
        Ok(MapElem::new(self.fd.as_raw_fd(), address(key), value, flags))
    }

    /// `BPF_MAP_LOOKUP_ELEM`.
    pub(crate) fn lookup(&self, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let mut value = vec![0; self.value_size];
        let mut attr = self.elem(key, address_mut(&mut value), 0)?;
        // SAFETY: the kernel reads the key and writes the value; `elem` checked the key's length and `value` has
        // the length that the map's definition gives, both live across the call.
        unsafe { bpf(Command::MapLookup, &mut attr) }?;
        Ok(value)
    }

    /// `BPF_MAP_LOOKUP_AND_DELETE_ELEM`.
    pub(crate) fn take(&self, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let mut value = vec![0; self.value_size];
        let mut attr = self.elem(key, address_mut(&mut value), 0)?;
        // SAFETY: as for `lookup`.
        unsafe { bpf(Command::MapTake, &mut attr) }?;
        Ok(value)
    }

    /// `BPF_MAP_LOOKUP_ELEM` of a Bloom filter: the value is asked for, not answered.
    pub(crate) fn contains(&self, value: &[u8]) -> Result<(), Errno> {
        if value.len() != self.value_size {
            return Err(Errno(libc::EINVAL));
        }
        let mut value = value.to_vec();
        let mut attr = self.elem(&[], address_mut(&mut value), 0)?;
        // SAFETY: the kernel reads, and at most writes, a value of the length that the map's definition gives; the
        // copy lives across the call.
        unsafe { bpf(Command::MapLookup, &mut attr) }.map(drop)
    }

    /// `BPF_MAP_UPDATE_ELEM`.
    pub(crate) fn update(&self, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        if value.len() != self.value_size {
            return Err(Errno(libc::EINVAL));
        }
        let mut attr = self.elem(key, address(value), flags)?;
        // SAFETY: the kernel reads key and value; both lengths were checked against the map's definition.
        unsafe { bpf(Command::MapUpdate, &mut attr) }.map(drop)
    }

    /// `BPF_MAP_DELETE_ELEM`.
    pub(crate) fn delete(&self, key: &[u8]) -> Result<(), Errno> {
        let mut attr = self.elem(key, 0, 0)?;
        // SAFETY: the kernel reads the key, whose length `elem` checked.
        unsafe { bpf(Command::MapDelete, &mut attr) }.map(drop)
    }

    /// `BPF_MAP_GET_NEXT_KEY`; `None` asks for the first key.
    pub(crate) fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        let mut next = vec![0; self.key_size];
        let mut attr = match key {
            Some(key) => self.elem(key, address_mut(&mut next), 0)?,
            None => MapElem::new(self.fd.as_raw_fd(), 0, address_mut(&mut next), 0),
        };
        // SAFETY: the kernel reads the key (checked, or absent) and writes `next`, which has a key's length.
        unsafe { bpf(Command::MapNextKey, &mut attr) }?;
        Ok(next)
    }

    /// `BPF_MAP_FREEZE`: no further writes from user space.
    pub(crate) fn freeze(&self) -> Result<(), Errno> {
        let mut attr = MapFreeze::new(self.fd.as_raw_fd());
        // SAFETY: the attribute holds no address.
        unsafe { bpf(Command::MapFreeze, &mut attr) }.map(drop)
    }
}

/// `BPF_BTF_LOAD`. The log explains a refusal.
pub(crate) fn btf_load(btf: &[u8], log: &mut [u8]) -> Result<OwnedFd, Errno> {
    let mut attr =
        BtfLoad::new(address(btf), length(btf.len())?, address_mut(log), length(log.len())?, !log.is_empty());
    // SAFETY: both addresses come from borrows live across the call, with their lengths.
    unsafe { bpf(Command::BtfLoad, &mut attr) }.map(own)
}

/// `BPF_BTF_GET_NEXT_ID`: the lowest id of loaded BTF above `id`; `None` if there is none.
pub(crate) fn btf_next_id(id: u32) -> Result<Option<u32>, Errno> {
    let mut attr = ObjectId::new(id);
    // SAFETY: the attribute holds no address.
    match unsafe { bpf(Command::BtfNextId, &mut attr) } {
        Ok(_) => Ok(Some(attr.next_id)),
        Err(Errno(libc::ENOENT)) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// `BPF_BTF_GET_FD_BY_ID`.
pub(crate) fn btf_by_id(id: u32) -> Result<OwnedFd, Errno> {
    let mut attr = ObjectId::new(id);
    // SAFETY: the attribute holds no address.
    unsafe { bpf(Command::BtfById, &mut attr) }.map(own)
}

/// `BPF_OBJ_GET_INFO_BY_FD` of BTF: the kernel's name for it (`vmlinux`, a module's); `None` for programs' BTF.
pub(crate) fn kernel_btf_name(btf: BorrowedFd<'_>) -> Result<Option<String>, Errno> {
    let mut name = [0u8; 64];
    let name_len = length(name.len())?;
    let mut info = [BtfInfo::named(address_mut(&mut name), name_len)];
    let mut attr = ObjectInfo::new(btf.as_raw_fd(), length(size_of::<BtfInfo>())?, address_mut(&mut info));
    // SAFETY: the kernel reads and writes `info`, whose size stands beside it, and writes the name to the address in it,
    // for the length in it; both live across the call.
    unsafe { bpf(Command::ObjectInfo, &mut attr) }?;
    let kernel = info.first().is_some_and(|info| info.kernel_btf != 0);
    let text: Vec<u8> = name.into_iter().take_while(|byte| *byte != 0).collect();
    Ok(kernel.then(|| String::from_utf8_lossy(&text).into_owned()))
}

/// The buffers that a test run reads and writes.
pub(crate) struct TestRunBuffers<'a> {
    pub(crate) data_in: &'a [u8],
    pub(crate) data_out: &'a mut [u8],
    pub(crate) ctx_in: &'a [u8],
    pub(crate) ctx_out: &'a mut [u8],
}

/// `BPF_PROG_TEST_RUN`; results are in `attr` after the call.
pub(crate) fn test_run(
    program: BorrowedFd<'_>,
    attr: &mut TestRunAttr,
    buffers: &mut TestRunBuffers<'_>,
) -> Result<(), Errno> {
    attr.prog_fd = program.as_raw_fd().cast_unsigned();
    attr.data_in = address(buffers.data_in);
    attr.data_size_in = length(buffers.data_in.len())?;
    attr.data_out = address_mut(buffers.data_out);
    attr.data_size_out = length(buffers.data_out.len())?;
    attr.ctx_in = address(buffers.ctx_in);
    attr.ctx_size_in = length(buffers.ctx_in.len())?;
    attr.ctx_out = address_mut(buffers.ctx_out);
    attr.ctx_size_out = length(buffers.ctx_out.len())?;
    // SAFETY: every address was set above from a borrow held by `buffers`, with its length.
    unsafe { bpf(Command::ProgTestRun, attr) }.map(drop)
}

/// `BPF_PROG_ATTACH`.
pub(crate) fn attach(target: BorrowedFd<'_>, program: BorrowedFd<'_>, attach_type: u32) -> Result<(), Errno> {
    let mut attr = ProgAttach::new(target.as_raw_fd(), program.as_raw_fd(), attach_type);
    // SAFETY: the attribute holds no address.
    unsafe { bpf(Command::ProgAttach, &mut attr) }.map(drop)
}

/// `BPF_PROG_DETACH`.
pub(crate) fn detach(target: BorrowedFd<'_>, program: BorrowedFd<'_>, attach_type: u32) -> Result<(), Errno> {
    let mut attr = ProgAttach::new(target.as_raw_fd(), program.as_raw_fd(), attach_type);
    // SAFETY: the attribute holds no address.
    unsafe { bpf(Command::ProgDetach, &mut attr) }.map(drop)
}

/// `BPF_LINK_CREATE` of a program that iterates over objects of the kernel.
pub(crate) fn iterator_link(program: BorrowedFd<'_>, attach_type: u32) -> Result<OwnedFd, Errno> {
    let mut attr = LinkCreate::iterator(program.as_raw_fd(), attach_type);
    // SAFETY: the attribute holds no address: an iterator over everything has no `iter_info`.
    unsafe { bpf(Command::LinkCreate, &mut attr) }.map(own)
}

/// `BPF_ITER_CREATE`: a descriptor that runs the iterator as it is read.
pub(crate) fn iterator(link: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let mut attr = IterCreate::new(link.as_raw_fd());
    // SAFETY: the attribute holds no address.
    unsafe { bpf(Command::IterCreate, &mut attr) }.map(own)
}

/// The number of the calling thread.
pub(crate) fn thread_id() -> i32 {
    // SAFETY: takes nothing, changes nothing, cannot fail.
    unsafe { libc::gettid() }
}

/// `unshare(CLONE_NEWNET)`: the calling thread moves to a new network namespace.
pub(crate) fn unshare_net() -> Result<(), Errno> {
    // SAFETY: CLONE_NEWNET changes which network devices and sockets the thread sees, no memory and no descriptor.
    match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(Errno::last()),
    }
}

/// `setns(fd, CLONE_NEWNET)`: the calling thread moves to that network namespace.
pub(crate) fn set_net(namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: the descriptor is borrowed, so open; as for `unshare_net`, no memory is touched.
    match unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(Errno::last()),
    }
}

/// `uname(2)`'s release, `6.18.44-generic`.
pub(crate) fn release() -> Result<String, Errno> {
    // SAFETY: `utsname` is arrays of characters, for which all zeroes is a value.
    let mut name: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes the structure that the exclusive reference names.
    if unsafe { libc::uname(&mut name) } != 0 {
        return Err(Errno::last());
    }
    let bytes: Vec<u8> = name.release.iter().map(|c| c.cast_unsigned()).take_while(|c| *c != 0).collect();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The size of a page in bytes.
pub(crate) fn page_size() -> u32 {
    // SAFETY: reads a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u32::try_from(size).unwrap_or(4096)
}

/// `setsockopt(2)`.
pub(crate) fn set_option(socket: BorrowedFd<'_>, level: i32, option: i32, value: &[u8]) -> Result<(), Errno> {
    let size = length(value.len())?;
    // SAFETY: the kernel reads `size` bytes of a borrow live across the call; the descriptor is borrowed, so open.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value.as_ptr().cast(), size) } {
        0 => Ok(()),
        _ => Err(Errno::last()),
    }
}
