//! What of its context a program can look at, and so what must be written before it runs.
//!
//! The verifier knows every access to a context. A packet program that asks for the packet's bounds alone, or for
//! nothing, need not have all other fields written before each run, nor taken back after it. If it calls nothing either, native
//! code gets the bounds as arguments, and its context is never written.

use belay_isa::Size;
use belay_spec::{ArgKind, FieldKind, Release};

use super::{Form, Layout, pointer_place, skb};
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
            op if Bound::of(op, layout).is_some() => Sight::Bounds,
            _ => Sight::All,
        })
    }

    /// With any op. Tail calls lead to programs that may look at everything.
    pub(crate) fn with(self, op: &Op, layout: &Layout, release: Release) -> Sight {
        let helper = match op {
            Op::Helper(helper) => helper,
            Op::Own(_) => return Sight::All,
            Op::Kfunc(kfunc) => return if kfunc.sees_context() { Sight::All } else { self },
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

/// What a packet's context says of where the packet lies, in the order of [`crate::packet::Packet::bounds`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bound {
    Data,
    End,
    Meta,
    Len,
}

impl Bound {
    /// All of them.
    pub(crate) const ALL: [Bound; 4] = [Bound::Data, Bound::End, Bound::Meta, Bound::Len];

    /// What a load from the context gives, as it is executed; none if that is no bound.
    pub(crate) fn of(op: &Op, layout: &Layout) -> Option<Bound> {
        let &Op::Load { size, signed: false, off, .. } = op else { return None };
        Bound::ALL.into_iter().find(|bound| bound.place(layout) == Some((off, size)))
    }

    /// Where it stands in the context; none if it does not.
    pub(crate) fn place(self, layout: &Layout) -> Option<(i32, Size)> {
        let kind = match self {
            Bound::Data => FieldKind::Packet,
            Bound::End => FieldKind::PacketEnd,
            Bound::Meta => FieldKind::PacketMeta,
            Bound::Len => {
                let off = i32::try_from(skb::LEN).ok()?;
                return layout.form.is_skb().then_some((off, Size::W));
            }
        };
        let context = layout.hook?.context;
        let field = context.fields.iter().find(|field| field.kind == kind)?;
        Some((pointer_place(context, field.offset)?, Size::DW))
    }
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
