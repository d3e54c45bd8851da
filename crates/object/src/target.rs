//! To what a program attaches: what its section's name says, or the table that names it.

use crate::btf::{Kind, essential_name};
use crate::program::{MapOrigin, Object, Program};

/// `BPF_PROG_TYPE_STRUCT_OPS`.
const STRUCT_OPS: u32 = 27;

impl Object {
    /// The target of the program, as its hook names it: `vfs_open` of `fentry/vfs_open`; of a program that a
    /// `.struct_ops` table names `tcp_congestion_ops.ssthresh`. In a text, where there are no tables, the section's name
    /// says it: `struct_ops/tcp_congestion_ops.ssthresh`.
    pub fn target(&self, program: &Program) -> Option<String> {
        if program.prog_type != STRUCT_OPS {
            return program.attach_target.clone();
        }
        let written = program.attach_target.clone().filter(|target| target.contains('.'));
        self.member(program).or(written)
    }

    /// The first table that names the program, and where.
    fn member(&self, program: &Program) -> Option<String> {
        let btf = self.btf.as_deref()?;
        let tables = self.maps.iter().filter(|map| map.origin == MapOrigin::StructOps);
        tables.filter_map(|table| Some((table, table.btf_value?))).find_map(|(table, ty)| {
            let slot = table.init.iter().find(|slot| slot.target == program.name)?;
            let structure = btf.get(btf.strip(ty).id);
            let Kind::Struct { members, .. } = structure.kind else { return None };
            let member = members.iter().find(|member| member.bit_offset == slot.index.saturating_mul(8))?;
            Some(format!("{}.{}", essential_name(structure.name), member.name))
        })
    }
}
