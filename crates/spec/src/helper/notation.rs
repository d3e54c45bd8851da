//! The words in which the signature table is written.

use super::{Arg, ArgKind, Effects, Helper, Resource, Ret, SizeRule};
use crate::SockKind;

const fn arg(kind: ArgKind) -> Arg {
    Arg::of(kind)
}

impl Arg {
    /// An argument of that kind, never NULL.
    pub const fn of(kind: ArgKind) -> Arg {
        Arg { kind, nullable: false, releases: false }
    }

    /// NULL is allowed too.
    pub const fn or_null(self) -> Arg {
        Arg { nullable: true, ..self }
    }

    /// The call releases what is handed over.
    pub const fn released(self) -> Arg {
        Arg { releases: true, ..self }
    }
}

pub(super) const ANY: Arg = arg(ArgKind::Any);
/// A number, not a pointer.
pub(super) const SCALAR: Arg = arg(ArgKind::Scalar);
pub(super) const ZERO: Arg = arg(ArgKind::Zero);
pub(super) const CTX: Arg = arg(ArgKind::Context);
pub(super) const MAP: Arg = arg(ArgKind::Map);
pub(super) const KEY: Arg = arg(ArgKind::MapKey);
pub(super) const VALUE: Arg = arg(ArgKind::MapValue);
pub(super) const VALUE_OR_NULL: Arg = VALUE.or_null();
pub(super) const VALUE_OUT: Arg = arg(ArgKind::MapValueOut);
/// Memory to read; its size follows.
pub(super) const IN: Arg = arg(ArgKind::MemIn);
pub(super) const IN_OR_NULL: Arg = IN.or_null();
/// Memory to fill; its size follows.
pub(super) const OUT: Arg = arg(ArgKind::MemOut);
/// Memory to read and write, initialised; its size follows.
pub(super) const INOUT: Arg = arg(ArgKind::MemInOut);
pub(super) const INOUT_OR_NULL: Arg = INOUT.or_null();
/// A size of one byte at least.
pub(super) const SIZE: Arg = arg(ArgKind::Size(SizeRule::NonZero));
/// A size that may be zero.
pub(super) const SIZE0: Arg = arg(ArgKind::Size(SizeRule::ZeroAllowed));
pub(super) const ALLOC_SIZE: Arg = arg(ArgKind::AllocSize);
pub(super) const SOCK_COMMON: Arg = arg(ArgKind::SockCommon);
pub(super) const SOCKET: Arg = arg(ArgKind::Socket);
pub(super) const BTF_SOCK: Arg = arg(ArgKind::BtfSockCommon);
pub(super) const PERCPU: Arg = arg(ArgKind::PercpuBtf);
pub(super) const FUNC: Arg = arg(ArgKind::Callback);
pub(super) const STACK_OR_NULL: Arg = arg(ArgKind::Stack).or_null();
pub(super) const STR: Arg = arg(ArgKind::ConstStr);
pub(super) const SPIN_LOCK: Arg = arg(ArgKind::SpinLock);
pub(super) const TIMER: Arg = arg(ArgKind::Timer);
pub(super) const KPTR: Arg = arg(ArgKind::Kptr);
pub(super) const KPTR_OBJECT: Arg = arg(ArgKind::KptrObject);
pub(super) const DYNPTR: Arg = arg(ArgKind::Dynptr { out: false });
pub(super) const DYNPTR_OUT: Arg = arg(ArgKind::Dynptr { out: true });
pub(super) const DYNPTR_DATA: Arg = arg(ArgKind::DynptrData);
pub(super) const RECORD: Arg = arg(ArgKind::RingbufRecord);

pub(super) const fn fixed_in(size: u32) -> Arg {
    arg(ArgKind::FixedIn { size, aligned: false })
}

/// Aligned to its size.
pub(super) const fn fixed_out(size: u32) -> Arg {
    arg(ArgKind::FixedOut { size, aligned: true })
}

/// Aligned to its size.
pub(super) const fn fixed_inout(size: u32) -> Arg {
    arg(ArgKind::FixedInOut { size, aligned: true })
}

pub(super) const fn btf(name: &'static str) -> Arg {
    arg(ArgKind::Btf(name))
}

pub(super) const INT: Ret = Ret::Scalar;
pub(super) const PROCESSOR: Ret = Ret::Processor;
pub(super) const VOID: Ret = Ret::Void;
pub(super) const AT_MOST_SIZE: Ret = Ret::AtMostSize;
pub(super) const MAP_VALUE_RET: Ret = Ret::MapValue { nullable: false };
pub(super) const MAP_VALUE_OR_NULL: Ret = Ret::MapValue { nullable: true };
pub(super) const ALLOC_MEM_OR_NULL: Ret = Ret::AllocMem { nullable: true };
pub(super) const DYNPTR_MEM_OR_NULL: Ret = Ret::DynptrMem { nullable: true };
pub(super) const MEM_OR_BTF: Ret = Ret::MemOrBtf { nullable: false };
pub(super) const MEM_OR_BTF_OR_NULL: Ret = Ret::MemOrBtf { nullable: true };
pub(super) const KPTR_RET: Ret = Ret::Kptr { nullable: true };

pub(super) const fn sock_or_null(kind: SockKind) -> Ret {
    Ret::Socket { kind, nullable: true }
}

pub(super) const fn btf_ret(name: &'static str) -> Ret {
    Ret::Btf { name, nullable: false, trusted: false }
}

pub(super) const fn trusted_btf(name: &'static str) -> Ret {
    Ret::Btf { name, nullable: false, trusted: true }
}

pub(super) const fn btf_or_null(name: &'static str) -> Ret {
    Ret::Btf { name, nullable: true, trusted: false }
}

/// One row of the table.
pub(super) const fn h(id: u32, name: &'static str, args: &'static [Arg], ret: Ret) -> Helper {
    let effects = Effects {
        acquires: None,
        derives_from: None,
        invalidates_packet: false,
        formats: false,
        writes_dynptr: false,
        packet_access: false,
        tail_call: false,
        callback: false,
        gpl_only: false,
        keeps_registers: false,
        may_sleep: false,
        supported_in: &[],
    };
    Helper { id, name, args, ret, effects }
}

impl Helper {
    /// Its memory arguments may point into the packet.
    pub const fn packet(mut self) -> Helper {
        self.effects.packet_access = true;
        self
    }

    pub(super) const fn moves_packet(mut self) -> Helper {
        self.effects.invalidates_packet = true;
        self
    }

    pub(super) const fn formats(mut self) -> Helper {
        self.effects.formats = true;
        self
    }

    pub(super) const fn writes_dynptr(mut self) -> Helper {
        self.effects.writes_dynptr = true;
        self
    }

    /// The result is a new reference of this resource.
    pub const fn acquires(mut self, resource: Resource) -> Helper {
        self.effects.acquires = Some(resource);
        self
    }

    pub(super) const fn derives_from(mut self, argument: u8) -> Helper {
        self.effects.derives_from = Some(argument);
        self
    }

    pub(super) const fn tail_call(mut self) -> Helper {
        self.effects.tail_call = true;
        self
    }

    pub(super) const fn calls_back(mut self) -> Helper {
        self.effects.callback = true;
        self
    }

    pub(super) const fn keeps_registers(mut self) -> Helper {
        self.effects.keeps_registers = true;
        self
    }

    pub(super) const fn gpl(mut self) -> Helper {
        self.effects.gpl_only = true;
        self
    }

    pub(super) const fn sleeps(mut self) -> Helper {
        self.effects.may_sleep = true;
        self
    }

    pub(super) const fn only_in(mut self, prog_types: &'static [u32]) -> Helper {
        self.effects.supported_in = prog_types;
        self
    }
}
