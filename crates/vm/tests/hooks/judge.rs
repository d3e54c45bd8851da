//! Programs that leave what they see in the array `out`, run by the three runners and by the kernel.

use std::fmt::Debug;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use belay_linux::{Cgroup, Exist, LoadedObject, LogLevel, NetNs, attach, verify_object};
use belay_object::{Object, Options};
use belay_sockets::SocketTable;
use belay_spec::{Access, Action, FieldKind, Hook, Release, SockKind};
use belay_verifier::{Verdict, verify};
use belay_vm::{Checked, Compiled, Input, Interpreter, Machine, Maps, Strictness};

/// Slots of `out`.
pub(crate) const OUT: u32 = 512;

/// The hook of that name.
pub(crate) fn hook(name: &str) -> &'static Hook {
    Hook::by_name(name).unwrap_or_else(|| panic!("no hook `{name}`"))
}

/// A program of a hook, from its text.
pub(crate) fn object(hook: &str, maps: &str, body: &str) -> Object {
    // The plain section: the first that names the hook may ask for more, such as frags.
    let hook = if hook == "xdp" { ".section xdp".to_owned() } else { format!(".hook {hook}") };
    let text = format!(
        ".license GPL\n.map out kind=array key=4 value=8 entries={OUT}\n{maps}\n{hook}\n.prog test\n{body}\n"
    );
    Object::parse("t.s", text.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// Stores `r0` into a slot of `out`; `r6` to `r9` survive.
pub(crate) fn keep(slot: usize) -> String {
    format!(
        "*(u64 *)(r10 - 256) = r0\n*(u32 *)(r10 - 260) = {slot}\nr1 = out ll\nr2 = r10\nr2 += -260\nr3 = r10\n\
         r3 += -256\nr4 = 0\ncall bpf_map_update_elem\n"
    )
}

/// Loads of every number that a program of the hook may load of its context, at every width that the kernel allows; the
/// context in `r6`, slots from `slot` on. What was loaded where is the second result.
pub(crate) fn every_load(hook: &Hook, without: &[&str], mut slot: usize) -> (String, Vec<String>) {
    let (mut text, mut names) = (String::new(), Vec::new());
    for off in 0..hook.context.size as i32 {
        let Some(field) = hook.context.field_at(off) else { continue };
        for size in [1, 2, 4, 8] {
            let kind = hook.context_access(Release::LATEST, off, size, Access::Read);
            if kind == Some(FieldKind::Scalar) && !without.contains(&field.name) {
                text += &format!("r0 = *(u{} *)(r6 + {off})\n{}", size * 8, keep(slot));
                names.push(format!("{size} bytes of {}", field.place_name(off)));
                slot += 1;
            }
        }
    }
    (text, names)
}

/// Loads of every field of the socket in `r7`, if it is one.
pub(crate) fn every_socket_load(without: &[&str], mut slot: usize) -> (String, Vec<String>) {
    let (mut text, mut names) = (String::new(), Vec::new());
    for field in SockKind::Sock.structure().fields {
        for element in 0..field.count {
            let off = field.offset + (element * field.element) as i32;
            if SockKind::Sock.can_read(off, field.element) && !without.contains(&field.name) {
                text += &format!("r0 = *(u{} *)(r7 + {off})\n{}", field.element * 8, keep(slot));
                names.push(format!("sk.{}", field.place_name(off)));
                slot += 1;
            }
        }
    }
    (text, names)
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) action: Option<Action>,
    pub(crate) out: Vec<u64>,
}

/// Runs a program in all three runners, each on an input of its own; they agree. The input afterwards, too.
pub(crate) fn ours<I: Debug>(object: &Object, sockets: &SocketTable, make: impl Fn() -> I) -> (Ran, I)
where
    for<'i> &'i mut I: Into<Input<'i>>,
{
    ours_filled(object, sockets, |_| (), make)
}

/// Likewise, beside maps that hold something.
pub(crate) fn ours_filled<I: Debug>(
    object: &Object,
    sockets: &SocketTable,
    fill: impl Fn(&Maps),
    make: impl Fn() -> I,
) -> (Ran, I)
where
    for<'i> &'i mut I: Into<Input<'i>>,
{
    ours_on(object, || Machine::new(sockets.clone()), fill, make)
}

/// Likewise, on machines of one's own.
pub(crate) fn ours_on<I: Debug>(
    object: &Object,
    machine: impl Fn() -> Machine,
    fill: impl Fn(&Maps),
    make: impl Fn() -> I,
) -> (Ran, I)
where
    for<'i> &'i mut I: Into<Input<'i>>,
{
    let maps = || {
        let maps = Maps::from_defs(&object.maps).expect("the maps can be made");
        fill(&maps);
        Arc::new(maps)
    };
    let (shared, mut input) = (maps(), make());
    let mut program =
        Checked::new(&object.programs[0], Arc::clone(&shared), Release::LATEST).expect("it runs");
    program.strictness = Strictness { uninitialised_stack: false, ..Strictness::default() };
    let report = program.run(&mut machine(), &mut input);
    assert!(report.is_clean(), "{report:#?}");
    let ran = Ran { action: report.action(), out: out_of(&shared) };

    let judgement = verify(object, &object.programs[0], &belay_verifier::Options::default());
    let Verdict::Accept(verified) = judgement.verdict else { panic!("{:#?}", judgement.verdict) };
    let (shared, mut other) = (maps(), make());
    let run =
        Interpreter::new(&verified, Arc::clone(&shared)).expect("it runs").run(&mut machine(), &mut other);
    assert_eq!(Ran { action: Some(run.action()), out: out_of(&shared) }, ran, "interpreter");
    assert_eq!(format!("{other:?}"), format!("{input:?}"), "interpreter");

    let (shared, mut other) = (maps(), make());
    let run = Compiled::new(&verified, Arc::clone(&shared)).expect("it runs").run(&mut machine(), &mut other);
    assert_eq!(Ran { action: Some(run.action()), out: out_of(&shared) }, ran, "native code");
    assert_eq!(format!("{other:?}"), format!("{input:?}"), "native code");
    (ran, input)
}

fn out_of(maps: &Maps) -> Vec<u64> {
    let map = maps.by_name("out").expect("it is there");
    map.iter().map(|(_, value)| u64::from_le_bytes(value.try_into().expect("8 bytes"))).collect()
}

/// A program in the kernel.
pub(crate) struct InKernel(LoadedObject);

impl InKernel {
    pub(crate) fn load(object: &Object) -> InKernel {
        let loaded = verify_object(object, LogLevel::Stats).unwrap_or_else(|e| panic!("{e}"));
        let verdict = &loaded.program("test").expect("it is there").verdict;
        assert!(verdict.accepted().is_some(), "the kernel refuses it: {verdict:#?}");
        InKernel(loaded)
    }

    pub(crate) fn program(&self) -> BorrowedFd<'_> {
        self.0.program("test").and_then(|p| p.verdict.accepted()).expect("it was accepted").as_fd()
    }

    pub(crate) fn map(&self, name: &str) -> &belay_linux::Map {
        self.0.maps.by_name(name).expect("it is there")
    }

    /// Puts a socket into a map of sockets.
    pub(crate) fn set_socket(&self, map: &str, key: u32, socket: &impl AsFd) {
        let number = i64::from(socket.as_fd().as_raw_fd());
        let put = self.map(map).update(&key.to_ne_bytes(), &number.to_ne_bytes(), Exist::Any);
        put.expect("it may hold it");
    }

    /// What the program left.
    pub(crate) fn out(&self) -> Vec<u64> {
        let slot = |index: u32| {
            let value = self.map("out").lookup(&index.to_le_bytes()).expect("readable");
            u64::from_le_bytes(value.expect("every slot").try_into().expect("8 bytes"))
        };
        (0..OUT).map(slot).collect()
    }
}

/// A namespace and a group, and who is in both.
pub(crate) struct Lab {
    pub(crate) netns: NetNs,
    pub(crate) cgroup: Cgroup,
}

impl Lab {
    pub(crate) fn for_test(test: &str) -> Option<Lab> {
        belay_linux::Kernel::for_test(test)?;
        let netns = NetNs::with_loopback().expect("a namespace");
        let cgroup = match Cgroup::new() {
            Ok(cgroup) => cgroup,
            Err(why) => {
                let required = std::env::var("BELAY_REQUIRE").is_ok_and(|all| all.contains("kernel"));
                assert!(!required, "control groups are required: {why}");
                eprintln!("skipped: {test}: {why}");
                return None;
            }
        };
        Some(Lab { netns, cgroup })
    }

    /// Does something in the group while the program is attached to it; what the program left, and what was done.
    pub(crate) fn watch<T: Send>(
        &self,
        hook: &Hook,
        object: &Object,
        act: impl FnOnce() -> T + Send,
    ) -> (Vec<u64>, T) {
        let kernel = InKernel::load(object);
        let attached = attach(self.cgroup.as_fd(), kernel.program(), hook.attach_type).expect("it attaches");
        let done = self.inside(act);
        drop(attached);
        (kernel.out(), done)
    }

    /// Does something in the group and the namespace.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let entered = self.cgroup.run(|| self.netns.run(act).expect("the namespace is there"));
        entered.expect("the group is there")
    }
}

/// Compares slot by slot, by name.
pub(crate) fn same(ours: &[u64], kernel: &[u64], names: &[String]) {
    let differ: Vec<String> = ours
        .iter()
        .zip(kernel)
        .enumerate()
        .filter(|(_, (ours, kernel))| ours != kernel)
        .map(|(slot, (ours, kernel))| {
            let name = names.get(slot).map_or_else(|| format!("slot {slot}"), Clone::clone);
            format!("{name}: {ours:#x} here, {kernel:#x} in the kernel")
        })
        .collect();
    assert!(differ.is_empty(), "{differ:#?}");
}
