//! A window into the running kernel's memory, read only: a BPF program that copies bytes into a map.

use std::os::fd::AsFd;

use belay_object::{Object, Options};

use crate::load::LogLevel;
use crate::map::Exist;
use crate::run::{TestRun, test_run};
use crate::verify::{LoadedObject, verify_object};

/// Bytes that one run copies.
const WINDOW: usize = 4096;

/// Reads `WINDOW` bytes at the address in the window's first word, which becomes the result; at 0 the result is the
/// address of the task that runs it.
const READER: &str = "
.license GPL
.map window kind=array key=4 value=4104 entries=1
.section syscall
.prog read
    *(u32 *)(r10 - 4) = 0
    r2 = r10
    r2 += -4
    r1 = window ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    r3 = *(u64 *)(r6 + 0)
    if r3 != 0 goto copy
    call bpf_get_current_task
    goto done
copy:
    r1 = r6
    r1 += 8
    r2 = 4096
    call bpf_probe_read_kernel
done:
    *(u64 *)(r6 + 0) = r0
out:
    r0 = 0
    exit
";

/// The running kernel's memory.
#[derive(Debug)]
pub(super) struct KernelMemory {
    reader: LoadedObject,
}

impl KernelMemory {
    pub(super) fn open() -> Result<KernelMemory, String> {
        let object =
            Object::parse("reader", READER.as_bytes(), &Options::default()).map_err(|e| e.to_string())?;
        let reader = verify_object(&object, LogLevel::Stats).map_err(|e| e.to_string())?;
        match reader.program("read").map(|program| &program.verdict) {
            Some(crate::Verdict::Accept(_)) => Ok(KernelMemory { reader }),
            Some(crate::Verdict::Reject(rejected)) => {
                Err(format!("the kernel's memory cannot be read: {rejected}"))
            }
            _ => Err("the kernel's memory cannot be read".to_owned()),
        }
    }

    /// The address of the calling thread's `struct task_struct`.
    pub(super) fn current_task(&self) -> Result<u64, String> {
        self.run(0).map(|(task, _)| task)
    }

    /// `len` bytes at an address.
    pub(super) fn bytes(&self, address: u64, len: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = address.wrapping_add(bytes.len() as u64);
            let (error, window) = self.run(at)?;
            if error != 0 {
                return Err(format!("the kernel's memory at {at:#x} cannot be read"));
            }
            bytes.extend(window);
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    pub(super) fn word32(&self, address: u64) -> Result<u32, String> {
        let bytes = self.bytes(address, 4)?;
        Ok(bytes.try_into().map_or(0, u32::from_ne_bytes))
    }

    pub(super) fn word64(&self, address: u64) -> Result<u64, String> {
        let bytes = self.bytes(address, 8)?;
        Ok(bytes.try_into().map_or(0, u64::from_ne_bytes))
    }

    fn run(&self, address: u64) -> Result<(u64, Vec<u8>), String> {
        let failed = |errno| format!("the kernel's memory cannot be read: {errno}");
        let window = self.reader.maps.by_name("window").ok_or("the reader lost its map")?;
        let program = self.reader.program("read").and_then(|program| program.verdict.accepted());
        let program = program.ok_or("the reader lost its program")?;
        let mut value = address.to_ne_bytes().to_vec();
        value.resize(8 + WINDOW, 0);
        window.update(&0u32.to_ne_bytes(), &value, Exist::Any).map_err(failed)?;
        test_run(program.as_fd(), &TestRun::default()).map_err(failed)?;
        let mut value = window.lookup(&0u32.to_ne_bytes()).map_err(failed)?.unwrap_or_default();
        let rest = value.split_off(value.len().min(8));
        Ok((value.try_into().map_or(0, u64::from_ne_bytes), rest))
    }
}
