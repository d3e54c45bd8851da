//! Fields that only calls may touch: locks, timers, roots and nodes of lists and trees, pointers that a map owns.
//!
//! Linux finds them by the names of their types in the program's BTF, and so does this (6.18, measured): only in
//! structures and data sections, through nested structures and arrays, and never through a `typedef`. What breaks a
//! rule makes the whole record void, not the field alone: then every byte is plain again and no call takes the field.
//! The rules that make a record void stand in [`Record::of`].

use belay_object::btf::{Btf, Kind, Type, TypeId};
use belay_profile::KernelProfile;

use crate::object::ObjectType;

/// How deep structures may be nested.
const MAX_DEPTH: u32 = 16;
/// Most fields of a record.
const MAX_FIELDS: usize = 11;

/// A field that loads and stores may not touch (or, of a pointer, only whole).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    /// What it is.
    pub(crate) kind: FieldKind,
    /// Offset in the value or object, in bytes.
    pub(crate) off: u32,
}

/// What a field is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum FieldKind {
    SpinLock,
    ResSpinLock,
    Timer,
    Workqueue,
    TaskWork,
    ListHead(Root),
    ListNode,
    TreeRoot(Root),
    TreeNode,
    Refcount,
    /// A pointer to an object that the map (or the object around it) owns.
    Kptr(Kptr),
}

/// What a list or tree holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Root {
    /// The program's structure.
    pub(crate) object: TypeId,
    /// Where its node lies in it.
    pub(crate) node: u32,
}

/// A pointer to an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kptr {
    pub(crate) kind: KptrKind,
    pub(crate) target: ObjectType,
}

/// How far a pointer owns its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KptrKind {
    /// It does not.
    Untrusted,
    /// It does.
    Owning,
    /// It does, and the object lies in per-CPU memory.
    PerCpu,
    /// It points to memory that user space shares.
    User,
}

impl FieldKind {
    /// Size in bytes.
    pub(crate) fn size(&self) -> u32 {
        match self {
            FieldKind::SpinLock | FieldKind::ResSpinLock | FieldKind::Refcount => 4,
            FieldKind::TaskWork | FieldKind::Kptr(_) => 8,
            FieldKind::Timer | FieldKind::Workqueue | FieldKind::ListHead(_) | FieldKind::TreeRoot(_) => 16,
            FieldKind::ListNode => 24,
            FieldKind::TreeNode => 32,
        }
    }

    fn alignment(&self) -> u32 {
        self.size().min(8)
    }

    /// What the kernel's log calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            FieldKind::SpinLock => "bpf_spin_lock",
            FieldKind::ResSpinLock => "bpf_res_spin_lock",
            FieldKind::Timer => "bpf_timer",
            FieldKind::Workqueue => "bpf_wq",
            FieldKind::TaskWork => "bpf_task_work",
            FieldKind::ListHead(_) => "bpf_list_head",
            FieldKind::ListNode => "bpf_list_node",
            FieldKind::TreeRoot(_) => "bpf_rb_root",
            FieldKind::TreeNode => "bpf_rb_node",
            FieldKind::Refcount => "bpf_refcount",
            FieldKind::Kptr(_) => "kptr",
        }
    }

    /// Whether a value or object may have only one of the kind, and no array of them.
    fn unique(&self) -> bool {
        matches!(
            self,
            FieldKind::SpinLock
                | FieldKind::ResSpinLock
                | FieldKind::Timer
                | FieldKind::Workqueue
                | FieldKind::TaskWork
                | FieldKind::Refcount
        )
    }
}

/// Where the fields are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In a map's value.
    MapValue,
    /// In an object of the program's own.
    Object,
}

impl Place {
    /// Whether a field of that kind is one there; else it is looked into like any other structure.
    fn has(self, kind: &FieldKind) -> bool {
        match kind {
            FieldKind::ListNode | FieldKind::TreeNode => self == Place::Object,
            FieldKind::Timer | FieldKind::Workqueue | FieldKind::TaskWork => self == Place::MapValue,
            _ => true,
        }
    }
}

/// The fields of a value or object, by ascending offset.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Record(Vec<Field>);

/// A rule was broken: there is no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Void;

impl Record {
    /// No field.
    pub(crate) const EMPTY: Record = Record(Vec::new());

    /// The fields of that type.
    pub(crate) fn of(btf: &Btf, ty: TypeId, place: Place, kernel: &KernelProfile) -> Result<Record, Void> {
        let mut search = Search { btf, place, kernel, seen: Vec::new() };
        let ty = strip_names(btf, ty);
        let mut fields = match ty.kind {
            Kind::Struct { .. } => search.structure(&ty, 0)?,
            Kind::Section { .. } => search.section(&ty)?,
            _ => return Err(Void),
        };
        let mut end = 0;
        for field in &fields {
            if field.off < end {
                return Err(Void);
            }
            end = field.off + field.kind.size();
        }
        fields.sort_by_key(|field| field.off);
        let record = Record(fields);
        record.check_company()?;
        Ok(record)
    }

    /// Which fields need, or exclude, each other.
    fn check_company(&self) -> Result<(), Void> {
        let has = |wanted: fn(&FieldKind) -> bool| self.0.iter().any(|field| wanted(&field.kind));
        let lock = has(|kind| matches!(kind, FieldKind::SpinLock));
        let resilient = has(|kind| matches!(kind, FieldKind::ResSpinLock));
        let root = has(|kind| matches!(kind, FieldKind::ListHead(_) | FieldKind::TreeRoot(_)));
        let list = has(|kind| matches!(kind, FieldKind::ListNode));
        let tree = has(|kind| matches!(kind, FieldKind::TreeNode));
        let counted = has(|kind| matches!(kind, FieldKind::Refcount));
        let alone = root && !lock && !resilient;
        if alone || lock && resilient || list && tree && !counted { Err(Void) } else { Ok(()) }
    }

    /// All fields.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.0
    }

    /// The first field of that kind.
    pub(crate) fn find(&self, wanted: impl Fn(&FieldKind) -> bool) -> Option<&Field> {
        self.0.iter().find(|field| wanted(&field.kind))
    }

    /// The field that begins there.
    pub(crate) fn at(&self, off: i64) -> Option<&Field> {
        self.0.iter().find(|field| i64::from(field.off) == off)
    }

    /// Whether it has something that calls the program back later.
    pub(crate) fn runs_later(&self) -> bool {
        let later =
            |kind: &FieldKind| matches!(kind, FieldKind::Timer | FieldKind::Workqueue | FieldKind::TaskWork);
        self.find(later).is_some()
    }

    /// Whether it has a lock, of either kind.
    pub(crate) fn has_lock(&self) -> bool {
        self.find(|kind| matches!(kind, FieldKind::SpinLock | FieldKind::ResSpinLock)).is_some()
    }
}

/// `const`, `volatile`, tags and typedefs away.
fn strip_names(btf: &Btf, id: TypeId) -> Type<'_> {
    btf.get(btf.strip(id).id)
}

struct Search<'a> {
    btf: &'a Btf,
    place: Place,
    kernel: &'a KernelProfile,
    /// The kinds of which a second one breaks a rule.
    seen: Vec<&'static str>,
}

impl Search<'_> {
    fn section(&mut self, section: &Type<'_>) -> Result<Vec<Field>, Void> {
        let Kind::Section { vars, .. } = section.kind else { return Err(Void) };
        let mut found = Vec::new();
        for var in vars.iter() {
            let Kind::Var { ty, .. } = self.btf.get(var.ty).kind else { continue };
            let at = At { off: var.offset, parent: var.ty, component: -1, size: Some(var.size), depth: 0 };
            self.one(ty, at, &mut found)?;
        }
        Ok(found)
    }

    fn structure(&mut self, ty: &Type<'_>, depth: u32) -> Result<Vec<Field>, Void> {
        let Kind::Struct { members, .. } = ty.kind else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (index, member) in members.iter().enumerate() {
            if !member.bit_offset.is_multiple_of(8) {
                return Err(Void);
            }
            let (off, component) = (member.bit_offset / 8, index as i32);
            self.one(member.ty, At { off, parent: ty.id, component, size: None, depth }, &mut found)?;
        }
        Ok(found)
    }

    /// One member or variable, which may be an array.
    fn one(&mut self, id: TypeId, at: At, found: &mut Vec<Field>) -> Result<(), Void> {
        let mut ty = self.btf.get(id);
        let mut count: u32 = 1;
        let mut steps = 0;
        while let Kind::Array { element, len, .. } = ty.kind {
            steps += 1;
            if steps > MAX_DEPTH {
                return Err(Void);
            }
            count = count.checked_mul(len).ok_or(Void)?;
            ty = self.btf.get(element);
        }
        if count == 0 {
            return Ok(());
        }
        let fields = match self.special(&ty, &at, count)? {
            Special::Field(field) => vec![field],
            Special::Ignored => return Ok(()),
            Special::No => {
                let Kind::Struct { size, .. } = ty.kind else { return Ok(()) };
                if at.size.is_some_and(|whole| u64::from(whole) != u64::from(size) * u64::from(count)) {
                    return Ok(());
                }
                if at.depth + 1 >= MAX_DEPTH {
                    return Err(Void);
                }
                let inside = self.structure(&ty, at.depth + 1)?;
                inside
                    .into_iter()
                    .map(|field| Field { off: field.off.saturating_add(at.off), ..field })
                    .collect()
            }
        };
        let Some(stride) = self.stride(&ty, &fields) else { return Ok(()) };
        if count > 1 && fields.iter().any(|field| !repeats(&field.kind)) {
            return Err(Void);
        }
        if fields.len() as u64 * u64::from(count) + found.len() as u64 > MAX_FIELDS as u64 {
            return Err(Void);
        }
        for turn in 0..count {
            let shifted = fields.iter().map(|field| Field {
                off: field.off.saturating_add(turn.saturating_mul(stride)),
                ..field.clone()
            });
            found.extend(shifted);
        }
        Ok(())
    }

    /// Bytes from one element of an array to the next.
    fn stride(&self, ty: &Type<'_>, fields: &[Field]) -> Option<u32> {
        match ty.kind {
            Kind::Struct { size, .. } => fields.first().map(|_| size),
            _ => fields.first().map(|field| field.kind.size()),
        }
    }

    /// Whether a type is that of a field.
    fn special(&mut self, ty: &Type<'_>, at: &At, count: u32) -> Result<Special, Void> {
        let kind = match ty.name {
            "bpf_spin_lock" => FieldKind::SpinLock,
            "bpf_res_spin_lock" => FieldKind::ResSpinLock,
            "bpf_timer" => FieldKind::Timer,
            "bpf_wq" => FieldKind::Workqueue,
            "bpf_task_work" => FieldKind::TaskWork,
            "bpf_list_head" => FieldKind::ListHead(Root { object: TypeId::VOID, node: 0 }),
            "bpf_list_node" => FieldKind::ListNode,
            "bpf_rb_root" => FieldKind::TreeRoot(Root { object: TypeId::VOID, node: 0 }),
            "bpf_rb_node" => FieldKind::TreeNode,
            "bpf_refcount" => FieldKind::Refcount,
            _ => return self.pointer(ty, at, count),
        };
        if !self.place.has(&kind) {
            return self.pointer(ty, at, count);
        }
        if kind.unique() {
            if self.seen.contains(&kind.name()) {
                return Err(Void);
            }
            self.seen.push(kind.name());
        }
        if !fits(&kind, at, count) {
            return Ok(Special::Ignored);
        }
        if !matches!(ty.kind, Kind::Struct { size, .. } if size == kind.size()) {
            return Ok(Special::Ignored);
        }
        let kind = match kind {
            FieldKind::ListHead(_) => FieldKind::ListHead(self.root(at, "bpf_list_node")?),
            FieldKind::TreeRoot(_) => FieldKind::TreeRoot(self.root(at, "bpf_rb_node")?),
            kind => kind,
        };
        Ok(Special::Field(Field { kind, off: at.off }))
    }

    /// A pointer whose target is tagged as one that the map owns.
    fn pointer(&self, ty: &Type<'_>, at: &At, count: u32) -> Result<Special, Void> {
        if matches!(ty.kind, Kind::Struct { .. }) {
            return Ok(Special::No);
        }
        let mut kptr = Kptr { kind: KptrKind::Owning, target: ObjectType::Program(TypeId::VOID) };
        if !fits(&FieldKind::Kptr(kptr), at, count) {
            return Ok(Special::Ignored);
        }
        let pointer = match ty.kind {
            Kind::Volatile(to) => self.btf.get(to),
            _ => *ty,
        };
        let Kind::Ptr(target) = pointer.kind else { return Ok(Special::Ignored) };
        let tag = self.btf.get(target);
        let Kind::TypeTag(to) = tag.kind else { return Ok(Special::Ignored) };
        if matches!(self.btf.get(to).kind, Kind::TypeTag(_)) {
            return Err(Void);
        }
        kptr.kind = match tag.name {
            "kptr_untrusted" => KptrKind::Untrusted,
            "kptr" => KptrKind::Owning,
            "percpu_kptr" => KptrKind::PerCpu,
            "uptr" => KptrKind::User,
            _ => return Err(Void),
        };
        let pointee = strip_names(self.btf, to);
        if !matches!(pointee.kind, Kind::Struct { .. }) {
            return Err(Void);
        }
        kptr.target = self.target(kptr.kind, &pointee)?;
        Ok(Special::Field(Field { kind: FieldKind::Kptr(kptr), off: at.off }))
    }

    /// The kernel's structure of that name, or else the program's own.
    fn target(&self, kind: KptrKind, pointee: &Type<'_>) -> Result<ObjectType, Void> {
        if kind == KptrKind::User {
            return Ok(ObjectType::Program(pointee.id));
        }
        let found = self.kernel.btf().find(pointee.name, |kind| matches!(kind, Kind::Struct { .. }));
        match found {
            // Only what a map knows how to let go can be owned.
            Some(_) if kind == KptrKind::Owning && !belay_spec::is_owned_by_maps(pointee.name) => Err(Void),
            Some(id) => Ok(ObjectType::Kernel(id)),
            None => Ok(ObjectType::Program(pointee.id)),
        }
    }

    /// What a list or tree holds, by its declaration tag `contains:STRUCTURE:NODE`.
    fn root(&self, at: &At, node_type: &str) -> Result<Root, Void> {
        let mut tags = self.btf.ids().filter_map(|id| {
            let tag = self.btf.get(id);
            let Kind::DeclTag { ty, component } = tag.kind else { return None };
            (ty == at.parent && component == at.component)
                .then(|| tag.name.strip_prefix("contains:"))
                .flatten()
        });
        let (Some(contained), None) = (tags.next(), tags.next()) else { return Err(Void) };
        let (structure, node_name) = contained.split_once(':').ok_or(Void)?;
        let is_structure = |kind: &Kind<'_>| matches!(kind, Kind::Struct { .. });
        let object = self.btf.find(structure, is_structure).ok_or(Void)?;
        let Kind::Struct { members, .. } = self.btf.get(object).kind else { return Err(Void) };
        let mut nodes = members.iter().filter(|member| member.name == node_name);
        let (Some(node), None) = (nodes.next(), nodes.next()) else { return Err(Void) };
        let ty = self.btf.get(node.ty);
        if node_name.is_empty() || !is_structure(&ty.kind) || ty.name != node_type {
            return Err(Void);
        }
        if !node.bit_offset.is_multiple_of(64) {
            return Err(Void);
        }
        Ok(Root { object, node: node.bit_offset / 8 })
    }
}

/// Where a member or variable lies.
struct At {
    off: u32,
    /// The structure or variable, and the member's index, to which declaration tags are tied.
    parent: TypeId,
    component: i32,
    /// The size that a data section gives a variable.
    size: Option<u32>,
    depth: u32,
}

enum Special {
    Field(Field),
    /// Looks like one, and is none.
    Ignored,
    No,
}

/// Whether a field of that kind can lie there: in an array of `count`, aligned.
fn fits(kind: &FieldKind, at: &At, count: u32) -> bool {
    let whole = u64::from(kind.size()) * u64::from(count);
    at.size.is_none_or(|size| u64::from(size) == whole) && at.off.is_multiple_of(kind.alignment())
}

/// Whether an array of them is allowed.
fn repeats(kind: &FieldKind) -> bool {
    matches!(kind, FieldKind::Kptr(_) | FieldKind::ListHead(_) | FieldKind::TreeRoot(_))
}
