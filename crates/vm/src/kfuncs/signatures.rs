//! The table against the kernel's types: as many arguments, each what its type and name say.

use belay_object::btf::{Btf, Kind};
use belay_profile::{KernelProfile, KfuncParam};
use belay_spec::{KfuncFlags, KfuncRole, ParamTag, Release};

use super::{Border, Gives, Param, Section, TABLE};

/// What the kernel's types make of a parameter.
fn expected(btf: &Btf, flags: KfuncFlags, params: &[KfuncParam<'_>], at: usize) -> Vec<Param> {
    let param = &params[at];
    let ty = btf.strip(param.ty);
    let Kind::Ptr(target) = ty.kind else {
        return vec![if param.tag == Some(ParamTag::ConstSize) { Param::SliceSize } else { Param::Number }];
    };
    let pointee = btf.strip(target);
    let size = u64::from(btf.size_of(target).unwrap_or(0));
    match (pointee.name, param.tag) {
        ("bpf_dynptr", Some(ParamTag::Uninit)) => vec![Param::NewDynptr],
        ("bpf_dynptr", _) => vec![Param::Dynptr],
        ("__sk_buff" | "xdp_md" | "bpf_sock_addr_kern", _) | ("", None) => vec![Param::Context],
        _ if at == 0 && flags.has(KfuncFlags::ITER_NEW) => vec![Param::NewIterator(size)],
        _ if at == 0 && flags.has(KfuncFlags::ITER_NEXT) => vec![Param::Iterator],
        _ if at == 0 && flags.has(KfuncFlags::ITER_DESTROY) => vec![Param::EndedIterator],
        (_, Some(ParamTag::Ignored)) => vec![Param::Text],
        (_, Some(ParamTag::IrqFlag)) => vec![Param::NewInterrupts, Param::Interrupts],
        (_, None) if params.get(at + 1).is_some_and(|next| next.tag == Some(ParamTag::Size)) => {
            vec![Param::Bytes]
        }
        (_, Some(ParamTag::Optional)) => vec![Param::Spare],
        (name, tag) => panic!("`{}` is a pointer to `{name}` ({tag:?})", param.name),
    }
}

#[test]
fn the_table_is_in_order_and_says_what_the_kernels_types_say() {
    assert!(TABLE.is_sorted_by(|a, b| a.name < b.name));
    let profile = KernelProfile::builtin(Release::LATEST);
    let btf = profile.btf();
    for kfunc in TABLE {
        let name = kfunc.name;
        let known = profile.kfunc(name).unwrap_or_else(|| panic!("the kernel has no `{name}`"));
        let params: Vec<_> = known.params(btf).collect();
        assert_eq!(params.len(), kfunc.params.len(), "{name}");
        for (at, ours) in kfunc.params.iter().enumerate() {
            let expected = expected(btf, known.flags(), &params, at);
            assert!(expected.contains(ours), "{name}, argument {at}: {ours:?}, and not {expected:?}");
        }
        let returns = btf.strip(known.returns(btf));
        let gives = match (returns.kind, kfunc.gives) {
            (Kind::Void, gives) => gives == Gives::Nothing,
            (Kind::Ptr(_), Gives::KernelContext) => known.role == KfuncRole::KernelContext,
            (Kind::Ptr(_), Gives::Slice { writable }) => known.role == KfuncRole::DynptrSlice { writable },
            (Kind::Ptr(target), Gives::Element(size)) => btf.size_of(target).map(u64::from) == Some(size),
            (Kind::Ptr(_), _) => false,
            (_, gives) => gives == Gives::Number,
        };
        assert!(gives, "{name} returns {:?}, and not {:?}", returns.kind, kfunc.gives);
        let border = match known.role {
            KfuncRole::RcuLock => Border::Enters(Section::Rcu),
            KfuncRole::RcuUnlock => Border::Leaves(Section::Rcu),
            KfuncRole::PreemptDisable => Border::Enters(Section::Preemption),
            KfuncRole::PreemptEnable => Border::Leaves(Section::Preemption),
            _ => Border::None,
        };
        assert_eq!(kfunc.border, border, "{name}");
    }
}
