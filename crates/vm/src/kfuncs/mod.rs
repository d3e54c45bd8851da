//! What kernel functions do.
//!
//! A kernel function takes the five argument registers and returns `r0`, as a helper does, and checks nothing that the
//! verifier proves. One that returns an `int` leaves its 32 bits in `r0`, and nothing above them.
//!
//! [`TABLE`] is the only list: what is not in it does not run, and preparation says so. What a function takes and gives
//! ([`Param`], [`Gives`]) is for the checked interpreter, which holds unverified programs to it; a test holds the table
//! itself to the kernel's types.

mod context;
mod dynptr;
mod interrupts;
mod iterator;
#[cfg(test)]
mod signatures;
mod text;

use crate::errno::Errno;
use crate::helpers::HelperFn;
use crate::jit::{self, Native};
use crate::world::World;

/// What an argument must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Param {
    /// A number.
    Number,
    /// An address, at which there may be a text.
    Text,
    /// The context, or the kernel's own structure behind it.
    Context,
    /// A dynptr.
    Dynptr,
    /// A place on the stack for a dynptr.
    NewDynptr,
    /// Memory to read; its size is the next argument.
    Bytes,
    /// Memory to fill where the data are not in one piece, or NULL; its size is the next argument.
    Spare,
    /// The size of that memory, and of what is returned.
    SliceSize,
    /// A place on the stack for an iterator of so many bytes.
    NewIterator(u64),
    /// An iterator.
    Iterator,
    /// An iterator, which ends.
    EndedIterator,
    /// A place on the stack for the state of interrupts.
    NewInterrupts,
    /// The state of interrupts that was saved last; it is gone afterwards.
    Interrupts,
}

/// What it returns in `r0`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gives {
    /// Nothing.
    Nothing,
    /// A number.
    Number,
    /// Memory of the size of [`Param::SliceSize`], or NULL.
    Slice {
        /// Whether the program may write it.
        writable: bool,
    },
    /// The context, as the kernel's own structure.
    KernelContext,
    /// So many bytes that an iterator stands at, to read; or NULL.
    Element(u64),
}

/// A section that a call enters or leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Section {
    /// Of RCU.
    Rcu,
    /// Without preemption.
    Preemption,
}

/// What a call does to sections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Border {
    /// Nothing.
    None,
    /// Enters one.
    Enters(Section),
    /// Leaves it.
    Leaves(Section),
}

/// A kernel function that runs.
pub(crate) struct Kfunc {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) gives: Gives,
    pub(crate) border: Border,
    body: fn(&mut World<'_>, [u64; 5]) -> u64,
    /// What native code calls.
    pub(crate) native: Native,
}

impl std::fmt::Debug for Kfunc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Kfunc {
    /// Calls it.
    pub(crate) fn call(&self, world: &mut World<'_>, args: [u64; 5]) -> u64 {
        (self.body)(world, args)
    }

    /// Whether it reads at addresses that are numbers to the verifier.
    pub(crate) fn reads_anywhere(&self) -> bool {
        self.params.contains(&Text)
    }

    /// Whether it may look at fields of the context.
    pub(crate) fn sees_context(&self) -> bool {
        // (A dynptr of a packet leads to what its context says, too.)
        self.params.iter().any(|param| matches!(param, Context | Dynptr))
    }
}

use Gives::{Element, Nothing, Slice};
use Param::{
    Bytes, Context, Dynptr, EndedIterator, Interrupts, Iterator, NewDynptr, NewInterrupts, NewIterator,
    Number, SliceSize, Spare, Text,
};

const READ: Gives = Slice { writable: false };
const WRITE: Gives = Slice { writable: true };
const INT: Gives = Gives::Number;

/// Every kernel function that runs, by name.
static TABLE: &[Kfunc] = &[
    k("bpf_cast_to_kern_ctx", &[Context], Gives::KernelContext, context::as_it_is),
    k("bpf_dynptr_adjust", &[Dynptr, Number, Number], INT, dynptr::adjust),
    k("bpf_dynptr_clone", &[Dynptr, NewDynptr], INT, dynptr::copy_of),
    k("bpf_dynptr_copy", &[Dynptr, Number, Dynptr, Number, Number], INT, dynptr::copy),
    k("bpf_dynptr_from_skb", &[Context, Number, NewDynptr], INT, dynptr::from_skb),
    k("bpf_dynptr_from_skb_meta", &[Context, Number, NewDynptr], INT, dynptr::from_skb_meta),
    k("bpf_dynptr_from_xdp", &[Context, Number, NewDynptr], INT, dynptr::from_xdp),
    k("bpf_dynptr_is_null", &[Dynptr], INT, dynptr::is_null),
    k("bpf_dynptr_is_rdonly", &[Dynptr], INT, dynptr::is_read_only),
    k("bpf_dynptr_memset", &[Dynptr, Number, Number, Number], INT, dynptr::fill),
    k("bpf_dynptr_size", &[Dynptr], INT, dynptr::size),
    k("bpf_dynptr_slice", &[Dynptr, Number, Spare, SliceSize], READ, dynptr::slice),
    k("bpf_dynptr_slice_rdwr", &[Dynptr, Number, Spare, SliceSize], WRITE, dynptr::writable_slice),
    k("bpf_iter_num_destroy", &[EndedIterator], Nothing, iterator::num_destroy),
    k("bpf_iter_num_new", &[NewIterator(8), Number, Number], INT, iterator::num_new),
    k("bpf_iter_num_next", &[Iterator], Element(4), iterator::num_next),
    k("bpf_local_irq_restore", &[Interrupts], Nothing, interrupts::restore),
    k("bpf_local_irq_save", &[NewInterrupts], Nothing, interrupts::save),
    k("bpf_preempt_disable", &[], Nothing, nothing).enters(Section::Preemption),
    k("bpf_preempt_enable", &[], Nothing, nothing).leaves(Section::Preemption),
    k("bpf_rcu_read_lock", &[], Nothing, nothing).enters(Section::Rcu),
    k("bpf_rcu_read_unlock", &[], Nothing, nothing).leaves(Section::Rcu),
    k("bpf_sock_addr_set_sun_path", &[Context, Bytes, Number], INT, context::set_sun_path),
    k("bpf_strcasecmp", &[Text, Text], INT, text::compare_caseless),
    k("bpf_strchr", &[Text, Number], INT, text::first),
    k("bpf_strchrnul", &[Text, Number], INT, text::first_or_end),
    k("bpf_strcmp", &[Text, Text], INT, text::compare),
    k("bpf_strcspn", &[Text, Text], INT, text::span_without),
    k("bpf_strlen", &[Text], INT, text::length),
    k("bpf_strnchr", &[Text, Number, Number], INT, text::first_within),
    k("bpf_strnlen", &[Text, Number], INT, text::length_within),
    k("bpf_strnstr", &[Text, Text, Number], INT, text::part_within),
    k("bpf_strrchr", &[Text, Number], INT, text::last),
    k("bpf_strspn", &[Text, Text], INT, text::span_of),
    k("bpf_strstr", &[Text, Text], INT, text::part),
];

const fn k<F: HelperFn>(name: &'static str, params: &'static [Param], gives: Gives, _: F) -> Kfunc {
    Kfunc { name, params, gives, border: Border::None, body: jit::call::<F>, native: jit::helper::<F> }
}

impl Kfunc {
    const fn enters(self, section: Section) -> Kfunc {
        Kfunc { border: Border::Enters(section), ..self }
    }

    const fn leaves(self, section: Section) -> Kfunc {
        Kfunc { border: Border::Leaves(section), ..self }
    }
}

/// The kernel function of that name, if it runs.
pub(crate) fn by_name(name: &str) -> Option<&'static Kfunc> {
    TABLE.binary_search_by_key(&name, |kfunc| kfunc.name).ok().and_then(|index| TABLE.get(index))
}

/// The names of all that run.
#[cfg(test)]
pub(crate) fn names() -> impl std::iter::Iterator<Item = &'static str> {
    TABLE.iter().map(|kfunc| kfunc.name)
}

/// What a function that returns an `int`, 0 or an error, leaves in `r0`.
fn int(result: Result<(), Errno>) -> u64 {
    u64::from(result.map_or_else(|Errno(number)| -number, |()| 0).cast_unsigned())
}

/// Sections here keep nobody out: a run is alone with what it touches, or touches it atomically.
fn nothing(_: &mut World<'_>, _: [u64; 5]) -> u64 {
    0
}
