//! What happened to one reference, and how resources are called and released.

use belay_isa::Pc;
use belay_object::Program;
use belay_spec::{ArgKind, Helper, Hook, Kfunc, KfuncFlags, Release, Resource};
use belay_verifier::{EventKind, Loss, RefId, Rejection};

use crate::source::{line_at, printable};
use crate::trace::Trace;

/// The life of one reference on the failing path.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// Its number for people: 1 for the first that the path acquired.
    pub(crate) number: usize,
    pub(crate) acquired: Option<(Pc, Resource)>,
    /// Where the path learned that it is not NULL.
    pub(crate) checked: Option<Pc>,
    pub(crate) released: Option<Pc>,
    pub(crate) lost: Option<(Pc, Loss)>,
}

impl Life {
    pub(crate) fn of(rejection: &Rejection, wanted: RefId) -> Life {
        let mut life = Life::default();
        for event in &rejection.events {
            match event.kind {
                EventKind::Acquired { reference, resource } => {
                    if life.acquired.is_none() {
                        life.number += 1;
                    }
                    if reference == wanted {
                        life.acquired = Some((event.pc, resource));
                    }
                }
                EventKind::Checked { reference, null: false } if reference == wanted => {
                    life.checked.get_or_insert(event.pc);
                }
                EventKind::Released { reference } if reference == wanted => life.released = Some(event.pc),
                EventKind::Lost { reference, how } if reference == wanted => {
                    life.lost = Some((event.pc, how));
                }
                _ => {}
            }
        }
        life
    }
}

/// What a resource is called in a sentence.
pub(crate) fn noun(resource: Resource) -> &'static str {
    match resource {
        Resource::Socket => "socket",
        Resource::RingbufRecord => "ring-buffer record",
        Resource::RingbufDynptr => "dynptr",
        Resource::Object("nf_conn") => "connection",
        Resource::Object("task_struct") => "task",
        Resource::Object("cgroup") => "cgroup",
        Resource::Object("bpf_cpumask") => "CPU mask",
        Resource::Object("bpf_key") => "key",
        Resource::Object("file") => "file",
        Resource::Kptr | Resource::Object(_) => "kernel object",
        Resource::LocalObject => "object",
        Resource::Iterator => "iterator",
        Resource::Interrupts => "saved interrupt state",
        Resource::RcuSection => "RCU section",
        Resource::Preemption => "preemption",
        Resource::SpinLock => "lock",
        Resource::ResilientLock { .. } => "resilient lock",
    }
}

/// Whether a helper releases this kind of resource, by the kind of its releasing argument.
pub(crate) fn releases(helper: &Helper, resource: Resource) -> bool {
    helper.args.iter().filter(|arg| arg.releases).any(|arg| match resource {
        Resource::Socket => {
            matches!(arg.kind, ArgKind::SockCommon | ArgKind::Socket | ArgKind::BtfSockCommon)
        }
        Resource::RingbufRecord => arg.kind == ArgKind::RingbufRecord,
        Resource::RingbufDynptr => matches!(arg.kind, ArgKind::Dynptr { .. }),
        Resource::Kptr => arg.kind == ArgKind::KptrObject,
        // Kernel functions release these, not helpers.
        Resource::Object(_)
        | Resource::LocalObject
        | Resource::Iterator
        | Resource::Interrupts
        | Resource::RcuSection
        | Resource::Preemption => false,
        Resource::SpinLock => arg.kind == ArgKind::SpinLock,
        Resource::ResilientLock { .. } => false,
    })
}

/// The helpers that release it, of those that the hook allows.
pub(crate) fn releasers(resource: Resource, hook: Option<&Hook>, release: Release) -> Vec<&'static Helper> {
    let allowed = |helper: &&Helper| hook.is_none_or(|hook| hook.allows(release, helper));
    Helper::all().iter().filter(|helper| releases(helper, resource)).filter(allowed).collect()
}

/// The helpers that acquire it, of those that the hook allows.
pub(crate) fn acquirers(resource: Resource, hook: Option<&Hook>, release: Release) -> Vec<&'static Helper> {
    let allowed = |helper: &&Helper| hook.is_none_or(|hook| hook.allows(release, helper));
    Helper::all().iter().filter(|h| h.effects.acquires == Some(resource)).filter(allowed).collect()
}

/// Whether a kernel function releases this kind of resource.
pub(crate) fn kfunc_releases(kfunc: &Kfunc, resource: Resource) -> bool {
    let ends = [KfuncFlags::RELEASE, KfuncFlags::ITER_DESTROY];
    let flags = kfunc.registration(Release::LATEST).map(|registration| registration.flags);
    kfunc.resource == Some(resource) && flags.is_some_and(|flags| ends.iter().any(|end| flags.has(*end)))
}

/// The kernel functions that release what the call at `pc` acquired: of an iterator the one of its own kind.
pub(crate) fn releasing_kfuncs(trace: &Trace<'_>, pc: Pc, resource: Resource) -> Vec<&'static str> {
    let destroys = trace
        .kfunc(pc)
        .filter(|_| resource == Resource::Iterator)
        .and_then(|made| made.name.strip_suffix("_new"))
        .map(|kind| format!("{kind}_destroy"));
    let of_its_kind = |name: &str| destroys.as_deref().is_none_or(|wanted| wanted == name);
    let releasing = Kfunc::all().iter().filter(|kfunc| kfunc_releases(kfunc, resource));
    // (What takes the object back into the kernel gives another reference for it.)
    let acquires = |kfunc: &Kfunc| {
        kfunc
            .registration(Release::LATEST)
            .is_some_and(|registration| registration.flags.has(KfuncFlags::ACQUIRE))
    };
    releasing
        .filter(|kfunc| !acquires(kfunc))
        .map(|kfunc| kfunc.name)
        .filter(|name| of_its_kind(name))
        .collect()
}

/// "socket from `bpf_sk_lookup_tcp`"
pub(crate) fn object_of(trace: &Trace<'_>, pc: Pc, resource: Resource) -> String {
    match trace.called(pc) {
        Some(name) => format!("{} from `{name}`", noun(resource)),
        None => noun(resource).to_owned(),
    }
}

/// The variable that receives the result of the call at `pc`, read off the source line: `sk` of
/// `struct bpf_sock *sk = bpf_sk_lookup_tcp(…)`.
pub(crate) fn variable(program: &Program, trace: &Trace<'_>, pc: Pc) -> Option<String> {
    let name = trace.called(pc)?;
    let text = &line_at(program, pc)?.text;
    let before = text.get(..text.find(name)?)?.trim_end();
    // `if (!(sk = f()))` assigns as well.
    let target = before.strip_suffix('=')?.trim_end();
    if target.ends_with(['=', '!', '<', '>', '+', '-', '|', '&']) {
        return None;
    }
    let name_at = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'));
    let start = target.char_indices().rev().find(|(_, c)| name_at(*c)).map_or(0, |(at, c)| at + c.len_utf8());
    let name = target.get(start..)?;
    let head = target.get(..start)?.trim_end();
    // `*found = …` and `p->sk = …` name a place that the reader cannot be sure to reach elsewhere; a declaration's star
    // stands after a type.
    let stored = head == "*" || head.ends_with("->");
    let register = name.starts_with(['r', 'w']) && name.get(1..).is_some_and(|n| n.parse::<u8>().is_ok());
    (!name.is_empty() && !stored && !register).then(|| printable(name))
}
