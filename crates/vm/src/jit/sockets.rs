//! `bpf_sk_release` in place: of a socket that is not counted (a listener, a UDP socket) there is nothing to give back, and the
//! socket says so itself, in a word that lies equally far behind either of its views.

use belay_isa::Reg;
use belay_sockets::Socket;
use belay_spec::Ret;
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::compile::Unit;
use super::runtime::Native;
use super::translate::{Translator, memory};
use crate::helpers::Helper;
use crate::op::Op;

/// The number of `bpf_sk_release`.
const RELEASE: u32 = 86;

impl Translator<'_, '_> {
    /// A helper's call, if it is a release that may have nothing to do: then it calls where there is something.
    pub(super) fn release(&mut self, helper: &Helper, native: Native) -> Option<Value> {
        if helper.id != RELEASE || !self.unit.releases_views() {
            return None;
        }
        let (behind, counted) = Socket::COUNTED;
        let (give_back, go_on) = (self.builder.create_block(), self.builder.create_block());
        let socket = self.get(Reg::R1);
        let flags = self.builder.ins().load(types::I32, memory(), socket, i32::try_from(behind).ok()?);
        let counted = self.builder.ins().band_imm_u(flags, i64::from(counted));
        self.builder.ins().brif(counted, give_back, &[], go_on, &[]);
        self.builder.switch_to_block(give_back);
        let args = self.args();
        self.call_native(native, args);
        self.builder.ins().jump(go_on, &[]);
        self.builder.switch_to_block(go_on);
        Some(self.number(0))
    }
}

impl Unit<'_> {
    /// Whether whatever the program releases is a view of a socket of the table: the kernel's own structures, and what kernel
    /// functions and own helpers return, may lie elsewhere.
    fn releases_views(&self) -> bool {
        let gives_others = |helper: &Helper| {
            let signature = belay_spec::Helper::by_id(helper.id);
            signature.is_none_or(|signature| {
                matches!(signature.ret, Ret::Btf { .. } | Ret::Kptr { .. } | Ret::MemOrBtf { .. })
            })
        };
        !self.code.ops.iter().any(|op| match op {
            Op::Helper(helper) => gives_others(helper),
            Op::Kfunc(_) | Op::Own(_) => true,
            _ => false,
        })
    }
}
