//! The live kernel: load programs, create maps, run a program on one packet, in namespaces of our own.
//!
//! This is the oracle of Belay's tests: [`load`] hands the kernel the very slots that Belay's verifier judged and
//! gives back the kernel's verdict, log and timing; [`verify_object`] does so for every
//! program of an object; [`test_run`] runs one.
//!
//! No loader stands in between. What libbpf would do to an object (relocation, linking of subprograms, CO-RE) is
//! done by `belay-object`; this crate replaces map indices by file descriptors and extern indices by BTF ids, and
//! nothing else.
//!
//! `unsafe` lives in `sys` alone: system calls behind functions that take slices and descriptors.

mod attach;
mod btf;
mod cgroup;
mod kernel;
mod load;
mod log;
mod map;
mod netns;
mod population;
mod record;
mod run;
mod snapshot;
mod symbols;
mod sys;
mod verify;

pub use attach::{Attached, attach, attach_reuseport};
pub use btf::{BtfRejected, LoadedBtf, load_btf};
pub use cgroup::Cgroup;
pub use kernel::{Kernel, Unavailable, possible_processors, probe};
pub use load::{
    AttachBtf, Failure, Flags, FuncInfo, LineInfo, Load, Loaded, LogLevel, ProgramBtf, Rejected, load,
};
pub use log::{Stats, reason};
pub use map::{Exist, Map, MapError, Maps};
pub use netns::{NetNs, NetNsError};
pub use population::{Population, PopulationError};
pub use record::{Recorder, record_profile};
pub use run::{TestRun, TestRunResult, test_run};
pub use snapshot::{
    Changes, Detail, Follower, LeftOut, Origin, Place, Snapshot, SnapshotError, read_datagram, snapshot,
};
pub use sys::Errno;
pub use verify::{LoadedObject, LoadedProgram, Verdict, verify_object, verify_program, verify_programs};
