//! One program into the kernel: the verdict, the log, the time it took.

use std::ffi::CString;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use belay_isa::Slot;

use crate::log::{self, Stats};
use crate::sys::{self, Errno, ProgLoad, ProgLoadBuffers, object_name};

/// Opcode of `LD_IMM64`.
const LD_IMM64: u8 = 0x18;
/// `src` of an `LD_IMM64` that names a map.
const PSEUDO_MAP_FD: u8 = 1;
/// `src` of an `LD_IMM64` that names an address in a map's value.
const PSEUDO_MAP_VALUE: u8 = 2;

/// The first log buffer: the whole log of most programs.
const FIRST_LOG: usize = 64 << 10;
/// The largest log asked for. The kernel's own limit is 1 GiB.
const LARGEST_LOG: usize = 256 << 20;
/// Loads interrupted by a signal are tried again, as libbpf does.
const ATTEMPTS: u32 = 5;

/// What the log shall hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum LogLevel {
    /// Nothing: the fastest, for timing.
    Off,
    /// The reason of a refusal and the counts.
    #[default]
    Stats,
    /// Every instruction as it is walked, with the state after it.
    Full,
    /// As `Full`, with the whole state at each instruction.
    Verbose,
}

impl LogLevel {
    /// `BPF_LOG_LEVEL1` 1, `BPF_LOG_LEVEL2` 2, `BPF_LOG_STATS` 4.
    fn bits(self) -> u32 {
        match self {
            LogLevel::Off => 0,
            LogLevel::Stats => 4,
            LogLevel::Full => 4 | 1,
            LogLevel::Verbose => 4 | 2,
        }
    }
}

/// `prog_flags` that come from a section's name.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Flags {
    /// `BPF_F_SLEEPABLE`.
    pub sleepable: bool,
    /// `BPF_F_XDP_HAS_FRAGS`.
    pub frags: bool,
    /// `BPF_F_TEST_STATE_FREQ`: a checkpoint at every instruction that may have one.
    pub test_state_freq: bool,
    /// `BPF_F_STRICT_ALIGNMENT`.
    pub strict_alignment: bool,
}

impl Flags {
    fn bits(self) -> u32 {
        [
            (self.strict_alignment, 1),
            (self.test_state_freq, 1 << 3),
            (self.sleepable, 1 << 4),
            (self.frags, 1 << 5),
        ]
        .into_iter()
        .map(|(set, bit)| if set { bit } else { 0 })
        .sum()
    }
}

/// `struct bpf_func_info`: the type of the function that starts at a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FuncInfo {
    /// First slot.
    pub slot: u32,
    /// BTF id of the `FUNC`.
    pub type_id: u32,
}

/// `struct bpf_line_info`: the source line of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineInfo {
    /// First slot.
    pub slot: u32,
    /// Offset of the file's name in the BTF's strings.
    pub file_off: u32,
    /// Offset of the line's text in the BTF's strings.
    pub line_off: u32,
    /// `line << 10 | column`.
    pub line_col: u32,
}

/// Types of a program: the loaded BTF and what refers to it.
#[derive(Clone, Copy, Debug)]
pub struct ProgramBtf<'a> {
    /// The BTF object, loaded.
    pub fd: BorrowedFd<'a>,
    /// One entry a function, by ascending slot, the first at 0; or none at all.
    pub funcs: &'a [FuncInfo],
    /// By ascending slot; or none at all.
    pub lines: &'a [LineInfo],
}

/// The kernel function that a tracing, LSM or struct_ops program attaches to.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttachBtf {
    /// BTF id of the target.
    pub type_id: u32,
    /// Descriptor of the module's BTF; 0 is the kernel's own.
    pub object_fd: u32,
}

/// A program to load.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// `enum bpf_prog_type`.
    pub prog_type: u32,
    /// `enum bpf_attach_type`, for program types that look at it; else 0.
    pub attach_type: u32,
    /// The instructions. An `LD_IMM64` with `src` 1 or 2 names a map by its index in `maps`.
    pub insns: &'a [Slot],
    /// `GPL` and its kin open the helpers that only GPL programs may call.
    pub license: &'a str,
    /// What `bpftool prog` shows; cut at 15 bytes.
    pub name: &'a str,
    /// What the log shall hold.
    pub log: LogLevel,
    /// The maps that instructions name by index.
    pub maps: &'a [BorrowedFd<'a>],
    /// Types, for programs that need them (global functions, callbacks, locks, timers) and for the log's source lines.
    pub btf: Option<ProgramBtf<'a>>,
    /// Flags from the section's name.
    pub flags: Flags,
    /// For programs that attach to a kernel function.
    pub attach_btf: Option<AttachBtf>,
    /// `kern_version`; since 5.0 nobody reads it.
    pub kern_version: u32,
}

impl Default for Load<'_> {
    /// Everything zero, the licence `GPL`.
    fn default() -> Self {
        Load {
            prog_type: 0,
            attach_type: 0,
            insns: &[],
            license: "GPL",
            name: "",
            log: LogLevel::default(),
            maps: &[],
            btf: None,
            flags: Flags::default(),
            attach_btf: None,
            kern_version: 0,
        }
    }
}

/// A program that the kernel accepted; unloaded when dropped.
#[derive(Debug)]
pub struct Loaded {
    /// The program.
    pub fd: OwnedFd,
    /// The kernel's log.
    pub log: String,
    /// The log's counts; `None` without a log.
    pub stats: Option<Stats>,
    /// Time of the load call in nanoseconds: verification, rewriting and the kernel's JIT.
    pub time_ns: u64,
}

impl AsFd for Loaded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Who refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// This crate: an instruction names a map that is not there, or a string holds a zero byte. Nothing was loaded.
    Request,
    /// The kernel.
    Kernel,
}

/// A program that was refused.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// Who refused it.
    pub by: Failure,
    /// The error of the load call.
    pub errno: Errno,
    /// The kernel's log.
    pub log: String,
    /// The log's counts; `None` if the program was refused before the walk.
    pub stats: Option<Stats>,
    /// Time of the load call in nanoseconds.
    pub time_ns: u64,
}

impl Rejected {
    /// The log's last line that says why; empty if there is no log.
    pub fn reason(&self) -> &str {
        log::reason(&self.log)
    }

    fn request(errno: i32, why: String) -> Rejected {
        Rejected { by: Failure::Request, errno: Errno(errno), log: why, stats: None, time_ns: 0 }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            "" => write!(f, "{}", self.errno),
            reason => write!(f, "{}: {reason}", self.errno),
        }
    }
}

impl std::error::Error for Rejected {}

/// Loads a program: the kernel's verdict.
///
/// The log's buffer grows until the log fits, so the program may be verified more than once; the time is that of the
/// last call.
///
/// # Errors
/// The kernel's refusal with its log, or that the request itself makes no sense ([`Failure::Request`]).
pub fn load(request: &Load<'_>) -> Result<Loaded, Box<Rejected>> {
    let insns = encode(request.insns, request.maps)?;
    let license = CString::new(request.license).map_err(|_| {
        Box::new(Rejected::request(libc::EINVAL, "the licence holds a zero byte".to_string()))
    })?;
    let funcs: Vec<[u32; 2]> =
        request.btf.map_or(&[][..], |b| b.funcs).iter().map(|f| [f.slot, f.type_id]).collect();
    let lines: Vec<[u32; 4]> = request
        .btf
        .map_or(&[][..], |b| b.lines)
        .iter()
        .map(|l| [l.slot, l.file_off, l.line_off, l.line_col])
        .collect();

    let mut log = vec![0; if request.log == LogLevel::Off { 0 } else { FIRST_LOG }];
    let mut interrupted = 0;
    loop {
        let mut attr = attributes(request);
        let mut buffers = ProgLoadBuffers {
            insns: &insns,
            license: &license,
            log: &mut log,
            func_info: &funcs,
            line_info: &lines,
        };
        let start = Instant::now();
        let result = sys::prog_load(&mut attr, &mut buffers);
        let time_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        match result {
            Err(Errno(libc::ENOSPC)) if !log.is_empty() && log.len() < LARGEST_LOG => {
                let asked = (attr.log_true_size as usize).max(log.len().saturating_mul(4));
                log = vec![0; asked.min(LARGEST_LOG)];
            }
            Err(Errno(libc::EAGAIN)) if interrupted < ATTEMPTS => interrupted += 1,
            Ok(fd) => {
                let log = text(&log);
                let stats = Stats::parse(&log);
                return Ok(Loaded { fd, log, stats, time_ns });
            }
            Err(errno) => {
                let log = text(&log);
                let stats = Stats::parse(&log);
                return Err(Box::new(Rejected { by: Failure::Kernel, errno, log, stats, time_ns }));
            }
        }
    }
}

fn attributes(request: &Load<'_>) -> ProgLoad {
    let attach_btf = request.attach_btf.unwrap_or_default();
    let mut attr = ProgLoad::default();
    attr.prog_type = request.prog_type;
    attr.log_level = request.log.bits();
    attr.kern_version = request.kern_version;
    attr.prog_flags = request.flags.bits();
    attr.prog_name = object_name(request.name);
    attr.expected_attach_type = request.attach_type;
    attr.prog_btf_fd = request.btf.map_or(0, |b| b.fd.as_raw_fd().cast_unsigned());
    attr.attach_btf_id = attach_btf.type_id;
    attr.attach_btf_obj_fd = attach_btf.object_fd;
    attr
}

/// The bytes of the instructions, with descriptors in place of map indices.
fn encode(insns: &[Slot], maps: &[BorrowedFd<'_>]) -> Result<Vec<u8>, Box<Rejected>> {
    let mut bytes = Vec::with_capacity(insns.len().saturating_mul(8));
    let mut second = false;
    for (pc, slot) in insns.iter().enumerate() {
        let mut slot = *slot;
        let wide = !second && slot.opcode == LD_IMM64;
        if wide && (slot.src == PSEUDO_MAP_FD || slot.src == PSEUDO_MAP_VALUE) {
            let map = usize::try_from(slot.imm).ok().and_then(|index| maps.get(index)).ok_or_else(|| {
                Rejected::request(
                    libc::EBADF,
                    format!("instruction {pc} names map {} of {}", slot.imm, maps.len()),
                )
            })?;
            slot.imm = map.as_raw_fd();
        }
        bytes.extend(slot.to_le_bytes());
        second = wide;
    }
    Ok(bytes)
}

/// The log up to its terminating zero.
fn text(log: &[u8]) -> String {
    let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
    String::from_utf8_lossy(log.get(..end).unwrap_or(log)).into_owned()
}
