//! Tracing: registers, tracepoint records, perf samples (x86-64).

use super::Context;
use super::notation::*;
use crate::FieldKind::{self, Structure};

/// `struct pt_regs` of x86-64.
#[rustfmt::skip]
pub(crate) static PT_REGS: Context = Context {
    name: "pt_regs",
    size: 168,
    fields: &[
        num("r15",       0, 8, &[R]), num("r14",      8, 8, &[R]), num("r13",  16, 8, &[R]),
        num("r12",      24, 8, &[R]), num("bp",      32, 8, &[R]), num("bx",   40, 8, &[R]),
        num("r11",      48, 8, &[R]), num("r10",     56, 8, &[R]), num("r9",   64, 8, &[R]),
        num("r8",       72, 8, &[R]), num("ax",      80, 8, &[R]), num("cx",   88, 8, &[R]),
        num("dx",       96, 8, &[R]), num("si",     104, 8, &[R]), num("di",  112, 8, &[R]),
        num("orig_ax", 120, 8, &[R]), num("ip",     128, 8, &[R]), num("cs",  136, 8, &[R]),
        num("flags",   144, 8, &[R]), num("sp",     152, 8, &[R]), num("ss",  160, 8, &[R]),
    ],
};

#[rustfmt::skip]
pub(crate) static PERF_EVENT_DATA: Context = Context {
    name: "bpf_perf_event_data",
    size: 184,
    fields: &[
        arr("regs",            0, 8, 21, &[F]),
        num("sample_period", 168, 8,     &[R]),
        num("addr",          176, 8,     &[R]),
    ],
};

/// A tracepoint's record. Its first eight bytes are the kernel's; the rest depends on the event.
/// What lies before the record should not be readable, but is: measured down to the lowest offset that a load can have.
#[rustfmt::skip]
pub(crate) static TRACEPOINT: Context = Context {
    name: "tracepoint",
    size: 8192,
    fields: &[
        arr("before", -32_768, 8, 4096, &[R]),
        arr("data",         8, 8, 1023, &[R]),
    ],
};

/// Up to twelve arguments of eight bytes.
#[rustfmt::skip]
pub(crate) static RAW_TRACEPOINT_ARGS: Context = Context {
    name: "bpf_raw_tracepoint_args",
    size: 96,
    fields: &[
        arr("args", 0, 8, 12, &[R]),
    ],
};

/// As [`RAW_TRACEPOINT_ARGS`], where the first argument is the buffer that the program may write.
#[rustfmt::skip]
pub(crate) static RAW_TRACEPOINT_WRITABLE_ARGS: Context = Context {
    name: "bpf_raw_tracepoint_args",
    size: 96,
    fields: &[
        ptr("buffer", 0, 8, FieldKind::TracepointBuffer, &[WHOLE0]),
        arr("args", 8, 8, 11, &[R]),
    ],
};

/// The arguments of a function, tracepoint or member, eight bytes each: what they are say the kernel's types.
pub(crate) static BTF_ARGS: Context = Context { name: "", size: 0, fields: &[] };

#[rustfmt::skip]
pub(crate) static NF_CTX: Context = Context {
    name: "bpf_nf_ctx",
    size: 16,
    fields: &[
        ptr("state", 0, 8, Structure("nf_hook_state"), &[F]),
        ptr("skb",   8, 8, Structure("sk_buff"),       &[F]),
    ],
};
