//! What the parameters of a global function take: by their types in the object's BTF, as clang wrote it, and by their
//! tags (`__arg_ctx`, `__arg_trusted`, ...).

use belay_object::btf::{Btf, Kind, Linkage, TypeId};
use belay_spec::{Release, Rule, TargetKind};

use crate::fault::{Check, Fault, Stop};
use crate::walk::Walk;

use super::ARGUMENTS;

/// What a parameter of a global function takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Parameter {
    /// A number.
    Number,
    /// The context.
    Context,
    /// Memory of this size.
    Memory {
        /// In bytes.
        size: u32,
        /// Whether NULL is taken, too.
        nullable: bool,
    },
    /// An address in the arena, or a number.
    Arena,
    /// An object of the kernel.
    Object {
        /// Its structure.
        ty: TypeId,
        /// Whether it is trusted; otherwise anything is taken.
        trusted: bool,
        /// Whether NULL is taken, too.
        nullable: bool,
    },
}

/// The tags of one parameter.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Tags {
    context: bool,
    trusted: bool,
    untrusted: bool,
    nonnull: bool,
    nullable: bool,
    arena: bool,
}

impl Tags {
    fn none_but(self, allowed: Tags) -> bool {
        let both = |mine: bool, allowed: bool| !mine || allowed;
        both(self.context, allowed.context)
            && both(self.trusted, allowed.trusted)
            && both(self.untrusted, allowed.untrusted)
            && both(self.nonnull, allowed.nonnull)
            && both(self.nullable, allowed.nullable)
            && both(self.arena, allowed.arena)
    }
}

fn refuse<T>(kernel: String) -> Check<T> {
    Err(Fault::Program { kernel }.into())
}

impl<'p> Walk<'p> {
    /// What the function takes.
    pub(super) fn parameters(&self, index: usize) -> Check<Vec<Parameter>> {
        let function = &self.layout.functions[index];
        let name = &function.name;
        let unknown = || Stop::unsupported(format!("the type of the global function `{name}`"));
        let (btf, func) = self.btf.zip(function.btf_func).ok_or_else(unknown)?;
        let Kind::Func { proto, linkage: Linkage::Global } = btf.get(func).kind else {
            return Err(unknown());
        };
        let Kind::FuncProto { ret, params } = btf.get(proto).kind else { return Err(unknown()) };
        if params.len() > ARGUMENTS.len() {
            let count = params.len();
            return refuse(format!("Global function {name}() with {count} > 5 args. Buggy compiler."));
        }
        if !is_number(btf, ret) {
            return refuse(format!(
                "Global function {name}() doesn't return scalar. Only those are supported."
            ));
        }
        let mut parameters = Vec::new();
        for (at, param) in params.iter().enumerate() {
            let tags = tags(btf, func, at, self.release)?;
            parameters.push(match btf.strip(param.ty).kind {
                Kind::Ptr(target) => self.pointer_parameter(btf, target, at, tags)?,
                _ if tags != Tags::default() => {
                    return refuse(format!("arg#{at} has pointer tag, but is not a pointer type"));
                }
                _ if is_number(btf, param.ty) => Parameter::Number,
                _ => return Err(unknown()),
            });
        }
        Ok(parameters)
    }

    fn pointer_parameter(&self, btf: &Btf, target: TypeId, at: usize, tags: Tags) -> Check<Parameter> {
        let none = Tags::default();
        let combined = || refuse(format!("arg#{at} has invalid combination of tags"));
        if tags.context || self.is_context_type(btf, target) {
            if !tags.none_but(Tags { context: true, ..none }) {
                return combined();
            }
            if tags.context {
                self.check_context_tag(btf, target, at)?;
            }
            return Ok(Parameter::Context);
        }
        let pointee = btf.strip(target);
        if pointee.name == "bpf_dynptr" {
            return Err(Stop::unsupported("dynptr parameters of global functions"));
        }
        if tags.trusted {
            if tags.nonnull {
                return combined();
            }
            let ty = self.kernel_structure(belay_object::btf::essential_name(pointee.name))?;
            return Ok(Parameter::Object { ty, trusted: true, nullable: tags.nullable });
        }
        if tags.untrusted {
            if !tags.none_but(Tags { untrusted: true, ..none }) {
                return refuse(format!("arg#{at} untrusted cannot be combined with any other tags"));
            }
            if pointee.kind.members().is_none() {
                return Err(Stop::unsupported("untrusted parameters that point to no structure"));
            }
            let ty = self.kernel_structure(belay_object::btf::essential_name(pointee.name))?;
            return Ok(Parameter::Object { ty, trusted: false, nullable: false });
        }
        if tags.arena {
            if !tags.none_but(Tags { arena: true, ..none }) {
                return refuse(format!("arg#{at} arena cannot be combined with any other tags"));
            }
            return Ok(Parameter::Arena);
        }
        if tags.nullable {
            return combined();
        }
        match btf.size_of(target).filter(|size| *size > 0) {
            Some(size) => Ok(Parameter::Memory { size, nullable: !tags.nonnull }),
            None => refuse(format!(
                "arg#{at} reference type('UNKNOWN {}') size cannot be determined",
                pointee.name
            )),
        }
    }

    /// Whether a pointer to that type is the context without being tagged as such.
    fn is_context_type(&self, btf: &Btf, target: TypeId) -> bool {
        if self.is_kprobe() && btf.strip_qualifiers(target).name == "bpf_user_pt_regs_t" {
            return true;
        }
        let pointee = btf.strip(target);
        let here = self.hook.context.name;
        // (Of tracepoints and system calls the kernel has no structure.)
        let nameless = matches!(self.hook.name, "tracepoint" | "syscall");
        let named =
            self.hook.target_kind() == TargetKind::None && !nameless && pointee.kind.members().is_some();
        let projection = matches!((here, pointee.name), ("__sk_buff", "sk_buff") | ("xdp_md", "xdp_buff"));
        named && !pointee.name.is_empty() && (pointee.name == here || projection)
    }

    fn is_kprobe(&self) -> bool {
        matches!(self.hook.name, "kprobe" | "kprobe/session")
    }

    /// A parameter tagged as the context has a type that may be one.
    fn check_context_tag(&self, btf: &Btf, target: TypeId, at: usize) -> Check {
        let perf_event = self.hook.name == "perf_event";
        let registers = self.is_kprobe() || perf_event;
        if registers && btf.strip_qualifiers(target).name == "bpf_user_pt_regs_t" {
            return Ok(());
        }
        let pointee = btf.strip(target);
        if matches!(pointee.kind, Kind::Void) {
            return Ok(());
        }
        if pointee.name.is_empty() {
            return refuse(format!("arg#{at} type doesn't have a name"));
        }
        let structure = pointee.kind.members().is_some();
        let words = matches!(pointee.kind, Kind::Int { size: 8, .. });
        let raw = structure && pointee.name == "bpf_raw_tracepoint_args";
        let fits = match self.hook.name {
            "tracepoint" | "syscall" => true,
            "raw_tracepoint" | "raw_tracepoint_writable" => words,
            "tracing/raw_tp" => words || raw,
            "tracing/iter" => structure && pointee.name.starts_with("bpf_iter__"),
            _ if registers => structure && pointee.name == "pt_regs",
            _ => self.hook.target_kind() != TargetKind::None && words,
        };
        let here = self.hook.context.name;
        if fits || structure && pointee.name == here && !here.is_empty() {
            return Ok(());
        }
        refuse(match here {
            "" => format!("arg#{at} should be void pointer"),
            here => format!("arg#{at} should be `struct {here} *`"),
        })
    }
}

pub(super) fn is_number(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.strip(id).kind, Kind::Int { .. } | Kind::Enum { .. })
}

/// The tags of a parameter (`__attribute__((btf_decl_tag("arg:nonnull")))`).
fn tags(btf: &Btf, func: TypeId, at: usize, release: Release) -> Check<Tags> {
    let mut found = Tags::default();
    for id in btf.ids() {
        let tag = btf.get(id);
        let Kind::DeclTag { ty, component } = tag.kind else { continue };
        let Some(name) = tag.name.strip_prefix("arg:") else { continue };
        if ty != func || usize::try_from(component) != Ok(at) {
            continue;
        }
        if !release.has(Rule::TaggedParameters) {
            return Err(Stop::unsupported(format!("tagged parameters of Linux {release}")));
        }
        match name {
            "ctx" => found.context = true,
            "trusted" => found.trusted = true,
            "untrusted" if release.has(Rule::UntrustedParameters) => found.untrusted = true,
            "nonnull" => found.nonnull = true,
            "nullable" => found.nullable = true,
            "arena" => found.arena = true,
            _ => return refuse(format!("arg#{at} has unsupported set of tags")),
        }
    }
    Ok(found)
}
