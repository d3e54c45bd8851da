//! The kernel functions of one kernel: what its types, its registrations and the tables say together.

use std::collections::HashMap;

use belay_object::btf::{Btf, Kind, TypeId};
use belay_spec::{
    Kfunc as Row, KfuncFlags, KfuncRole, KfuncScope, KfuncSets, ParamTag, Registration, Release, Resource,
};

use crate::Facts;

/// A function of one kernel that programs may call.
#[derive(Debug, Clone)]
pub struct Kfunc {
    /// Its C name.
    pub name: Box<str>,
    /// Its `FUNC` in the profile's types.
    pub id: TypeId,
    /// Its prototype.
    pub proto: TypeId,
    /// How this kernel registers it.
    pub registration: Registration,
    /// What it is beyond signature and flags; [`KfuncRole::Unlisted`] if a recorded kernel has a function that the tables
    /// do not.
    pub role: KfuncRole,
    /// Which programs may call it, of those that its sets admit.
    pub scope: KfuncScope,
    /// What a call that acquires gives, and what one that releases takes.
    pub resource: Option<Resource>,
}

/// A parameter of a kernel function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KfuncParam<'a> {
    /// Its name.
    pub name: &'a str,
    /// What the end of the name says of it.
    pub tag: Option<ParamTag>,
    /// Its type.
    pub ty: TypeId,
}

impl Kfunc {
    /// Its flags.
    pub fn flags(&self) -> KfuncFlags {
        self.registration.flags
    }

    /// Whether a program of that type (`enum bpf_prog_type`) and expected attach type may call it.
    pub fn callable_at(&self, release: Release, prog_type: u32, attach_type: u32) -> bool {
        self.registration.sets.meets(KfuncSets::of_program(release, prog_type))
            && self.scope.holds(prog_type, attach_type)
    }

    /// Its parameters.
    pub fn params<'a>(&self, btf: &'a Btf) -> impl Iterator<Item = KfuncParam<'a>> + use<'a> {
        let params = match btf.get(self.proto).kind {
            Kind::FuncProto { params, .. } => Some(params),
            _ => None,
        };
        params.into_iter().flat_map(|params| params.iter()).map(|param| KfuncParam {
            name: param.name,
            tag: ParamTag::of(param.name),
            ty: param.ty,
        })
    }

    /// The type that it returns.
    pub fn returns(&self, btf: &Btf) -> TypeId {
        match btf.get(self.proto).kind {
            Kind::FuncProto { ret, .. } => ret,
            _ => TypeId::VOID,
        }
    }
}

/// All of one kernel.
#[derive(Debug)]
pub(crate) struct Kfuncs {
    /// By name.
    all: Vec<Kfunc>,
    by_id: HashMap<TypeId, usize>,
}

impl Kfuncs {
    pub(crate) fn new(facts: &Facts, btf: &Btf) -> Kfuncs {
        let mut all: Vec<Kfunc> = match facts.kfuncs.is_empty() {
            true => Row::all()
                .iter()
                .filter_map(|row| kfunc(btf, row.name, row.registration(facts.release)?))
                .collect(),
            false => facts
                .kfuncs
                .iter()
                .filter_map(|(name, recorded)| {
                    kfunc(btf, name, Registration { flags: recorded.flags(), sets: recorded.sets() })
                })
                .collect(),
        };
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let by_id = all.iter().enumerate().map(|(at, kfunc)| (kfunc.id, at)).collect();
        Kfuncs { all, by_id }
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Kfunc> {
        self.all.binary_search_by(|kfunc| (*kfunc.name).cmp(name)).ok().and_then(|at| self.all.get(at))
    }

    pub(crate) fn by_id(&self, id: TypeId) -> Option<&Kfunc> {
        self.by_id.get(&id).and_then(|at| self.all.get(*at))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Kfunc> {
        self.all.iter()
    }
}

fn kfunc(btf: &Btf, name: &str, registration: Registration) -> Option<Kfunc> {
    let id = btf.find_func(name)?;
    let Kind::Func { proto, .. } = btf.get(id).kind else { return None };
    let row = Row::by_name(name);
    let role = row.map_or(KfuncRole::Unlisted, |row| row.role);
    Some(Kfunc {
        name: name.into(),
        id,
        proto,
        registration,
        role,
        scope: row.map_or(KfuncScope::All, |row| row.scope),
        resource: row.and_then(|row| row.resource),
    })
}
