//! What processes of a control group ask of the kernel: devices and settings.

/// An access to a device file (`bpf_cgroup_dev_ctx`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceAccess {
    /// A block device, not one of characters.
    pub block: bool,
    /// To make the file (`mknod`).
    pub mknod: bool,
    /// To open it for reading.
    pub read: bool,
    /// To open it for writing.
    pub write: bool,
    /// The device's major number.
    pub major: u32,
    /// The device's minor number.
    pub minor: u32,
    /// What the program's `bpf_set_retval` set: an error (negative), or 0.
    pub retval: i32,
}

/// A read or write of a setting under `/proc/sys` (`bpf_sysctl`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sysctl {
    /// Its name, from below `/proc/sys`: `net/ipv4/ip_forward`.
    pub name: String,
    /// Where in the file the process reads or writes; the program may move it.
    pub file_pos: u32,
    /// Its value, as a read of the whole file gives it: with the newline.
    pub current: Vec<u8>,
    /// What is being written, if it is a write; the program may replace it.
    pub new: Option<Vec<u8>>,
    /// Whether the program replaced what is being written.
    pub replaced: bool,
    /// What the program's `bpf_set_retval` set: an error (negative), or 0.
    pub retval: i32,
}
