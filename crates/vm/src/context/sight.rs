//! What of its context a program can look at, and so what must be written before it runs.
//!
//! The verifier knows every access to a context. A packet program that asks for the packet's bounds alone, or for
//! nothing, need not have all other fields written before each run, nor taken back after it.

use belay_spec::{ArgKind, Release};

use super::{Form, Layout, skb};
use crate::helpers::Body;
use crate::op::Op;

/// Helpers that get a context only to know where they are called from: `skb_load_bytes`, `skb_load_bytes_relative`,
/// `sk_lookup_tcp`, `sk_lookup_udp`, `skc_lookup_tcp`.
const LOOK_ELSEWHERE: [u32; 5] = [26, 68, 84, 85, 99];

/// How much of the context.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Sight {
    /// No field.
    Nothing,
    /// Where the packet lies, and its length: what [`Layout::refresh`] writes.
    Bounds,
    /// Anything; and what the program stores is taken back.
    All,
}

impl Sight {
    /// Of a program of this layout, before its ops are looked at.
    pub(crate) fn least(layout: &Layout) -> Sight {
        match layout.form {
            Form::Frame | Form::Skb | Form::Xdp => Sight::Nothing,
            _ => Sight::All,
        }
    }

    /// With an op that accesses the context.
    pub(crate) fn access(self, op: &Op, layout: &Layout) -> Sight {
        self.max(match op {
            Op::Load { off, .. } if is_bound(layout, *off) => Sight::Bounds,
            _ => Sight::All,
        })
    }

    /// With any op. Tail calls lead to programs that may look at everything.
    pub(crate) fn with(self, op: &Op, layout: &Layout, release: Release) -> Sight {
        let helper = match op {
            Op::Helper(helper) => helper,
            Op::Own(_) => return Sight::All,
            _ => return self,
        };
        let Body::Plain(..) = helper.body else {
            return if matches!(helper.body, Body::TailCall) { Sight::All } else { self };
        };
        let looks = !LOOK_ELSEWHERE.contains(&helper.id) && sees_context(helper.id, layout, release);
        if looks { Sight::All } else { self }
    }
}

/// Whether a helper gets the context, or has a signature that nobody knows.
fn sees_context(id: u32, layout: &Layout, release: Release) -> bool {
    let known = layout.hook.and_then(|hook| hook.signature(release, id));
    known.is_none_or(|helper| helper.args.iter().any(|arg| matches!(arg.kind, ArgKind::Context)))
}

/// Whether a load from this place of the block, as it is executed, gives a bound.
fn is_bound(layout: &Layout, off: i32) -> bool {
    let Some(hook) = layout.hook else { return false };
    let behind = i32::try_from(hook.context.size.next_multiple_of(8)).unwrap_or(i32::MAX);
    off >= behind || (layout.form.is_skb() && off as usize == skb::LEN)
}

#[cfg(test)]
mod tests {
    use belay_object::{Object, Options};
    use belay_verifier::{Verdict, verify};

    use super::*;
    use crate::maps::Maps;
    use crate::own::OwnHelpers;
    use crate::prepare;

    fn sight(section: &str, body: &str) -> Sight {
        let text = format!(
            ".license GPL\n.map programs kind=prog_array key=4 value=4 entries=1\n.section {section}\n.prog p\n{body}\n    r0 = 0\n    exit\n"
        );
        let object = Object::parse("sight.s", text.as_bytes(), &Options::default()).unwrap();
        let report = verify(&object, &object.programs[0], &belay_verifier::Options::default());
        let Verdict::Accept(proof) = report.verdict else { panic!("{body}: {:?}", report.verdict) };
        let maps = Maps::from_defs(&object.maps).unwrap();
        prepare::verified(&proof, &maps, &OwnHelpers::default()).unwrap().sight
    }

    #[test]
    fn what_is_written_follows_from_what_is_looked_at() {
        let cases = [
            ("xdp", "", Sight::Nothing),
            ("xdp", "r2 = *(u32 *)(r1 + 4)\n    r3 = *(u32 *)(r1 + 0)", Sight::Bounds),
            ("xdp", "r2 = *(u32 *)(r1 + 12)", Sight::All),
            ("tc", "r2 = *(u32 *)(r1 + 0)", Sight::Bounds),
            ("tc", "r2 = *(u32 *)(r1 + 80)", Sight::Bounds),
            ("tc", "r2 = *(u32 *)(r1 + 8)", Sight::All),
            ("tc", "r2 = 1\n    *(u32 *)(r1 + 8) = r2", Sight::All),
            // The time has nothing to do with the packet; its hash has; and another program may look at anything.
            ("tc", "call 5", Sight::Nothing),
            ("tc", "call 34", Sight::All),
            ("tc", "r2 = programs ll\n    r3 = 0\n    call 12", Sight::All),
            ("cgroup_skb/ingress", "", Sight::Nothing),
            ("sk_lookup", "", Sight::All),
        ];
        for (section, body, expected) in cases {
            assert_eq!(sight(section, body), expected, "{section}: {body}");
        }
    }
}
