//! `BPF_PROG_TEST_RUN`: a loaded program on one packet.

use std::os::fd::BorrowedFd;

use crate::sys::{self, Errno, TestRunAttr, TestRunBuffers};

/// Room for what a program appends to its packet.
const GROWTH: usize = 4096;

/// What the program runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct TestRun<'a> {
    /// The packet. Network hooks want at least 14 bytes (an Ethernet header).
    pub data_in: &'a [u8],
    /// The context, as the hook's UAPI structure lays it out; empty for the kernel's default.
    pub ctx_in: &'a [u8],
    /// How often; 0 is once.
    pub repeat: u32,
    /// `BPF_F_TEST_*`.
    pub flags: u32,
    /// CPU to run on, with `BPF_F_TEST_RUN_ON_CPU`.
    pub cpu: u32,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TestRunResult {
    /// The program's return value.
    pub retval: u32,
    /// The packet afterwards.
    pub data_out: Vec<u8>,
    /// The context afterwards; empty if none was given.
    pub ctx_out: Vec<u8>,
    /// Mean time of a run in nanoseconds.
    pub duration_ns: u32,
}

/// Runs a loaded program. It sees the network namespace of the calling thread (socket lookups with
/// `BPF_F_CURRENT_NETNS`).
///
/// # Errors
/// `ENOTSUPP` for program types that cannot be run this way, `EINVAL` for a packet or context that the hook refuses.
pub fn test_run(program: BorrowedFd<'_>, run: &TestRun<'_>) -> Result<TestRunResult, Errno> {
    let room = if run.data_in.is_empty() { 0 } else { run.data_in.len().saturating_add(GROWTH) };
    let mut data_out = vec![0; room];
    let mut ctx_out = vec![0; run.ctx_in.len()];
    let mut attr = TestRunAttr::default();
    attr.repeat = run.repeat;
    attr.flags = run.flags;
    attr.cpu = run.cpu;
    let mut buffers = TestRunBuffers {
        data_in: run.data_in,
        data_out: &mut data_out,
        ctx_in: run.ctx_in,
        ctx_out: &mut ctx_out,
    };
    sys::test_run(program, &mut attr, &mut buffers)?;
    data_out.truncate(attr.data_size_out as usize);
    ctx_out.truncate(attr.ctx_size_out as usize);
    Ok(TestRunResult { retval: attr.retval, data_out, ctx_out, duration_ns: attr.duration })
}
