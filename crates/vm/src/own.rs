//! Helpers of who embeds Belay: functions that programs call as they call Linux's.
//!
//! A function comes with its signature ([`belay_spec::Helper::own`]). The verifier holds programs to it, as it does with Linux's
//! helpers; so what reaches the function is what the signature says, and nothing is checked again. The function itself is
//! safe Rust: it sees no address, but numbers, [`Bytes`], maps and sockets ([`Call`]), and what it answers is brought within
//! what its signature promises.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_sockets::{LookupKind, Query, Socket, SocketId};
use belay_spec::{ArgKind, Helper, OwnSignatures, Ret, SignatureError, SockKind};

use crate::helpers::sockets;
use crate::machine::Machine;
use crate::maps::Map;
use crate::memory::Memory;
use crate::packet::Packet;
use crate::world::World;

/// What an own helper does.
type Function = dyn Fn(&mut Call<'_, '_>) -> Answer + Send + Sync;

/// Own helpers by number: their signatures, which programs are verified with, and their functions, which run.
///
/// ```
/// use belay_spec::{Arg, ArgKind, Helper, Ret};
/// use belay_vm::OwnHelpers;
///
/// static SQUARE: Helper = Helper::own(65_536, "square", &[Arg::of(ArgKind::Scalar)], Ret::Scalar);
///
/// let mut helpers = OwnHelpers::default();
/// helpers.add(&SQUARE, |call| call.number(0).wrapping_mul(call.number(0)))?;
/// # Ok::<(), belay_spec::SignatureError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct OwnHelpers {
    signatures: OwnSignatures,
    by_id: BTreeMap<u32, Arc<OwnHelper>>,
}

impl OwnHelpers {
    /// Adds a helper: programs that are verified with these signatures may call it from here on. It is called by any
    /// number of threads, and must not panic: native code cannot be unwound, so the process would end.
    ///
    /// # Errors
    /// If the signature is none of an own helper, or its number or name is taken.
    pub fn add<A: Into<Answer>>(
        &mut self,
        signature: &'static Helper,
        function: impl Fn(&mut Call<'_, '_>) -> A + Send + Sync + 'static,
    ) -> Result<(), SignatureError> {
        self.signatures.add(signature)?;
        let function = Box::new(move |call: &mut Call<'_, '_>| function(call).into());
        self.by_id.insert(signature.id, Arc::new(OwnHelper { signature, function }));
        Ok(())
    }

    /// What programs are verified with.
    pub fn signatures(&self) -> &OwnSignatures {
        &self.signatures
    }

    pub(crate) fn by_id(&self, id: u32) -> Option<&Arc<OwnHelper>> {
        self.by_id.get(&id)
    }
}

/// What a function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A number, for helpers that return one: brought within the bounds that the signature promises.
    Number(u64),
    /// The socket that a look-up finds, with a new reference to it, for helpers that return a socket: NULL if none is found,
    /// or there is no query.
    Socket(Option<Query>),
}

impl From<u64> for Answer {
    fn from(number: u64) -> Answer {
        Answer::Number(number)
    }
}

impl From<()> for Answer {
    fn from((): ()) -> Answer {
        Answer::Number(0)
    }
}

impl From<Option<Query>> for Answer {
    fn from(query: Option<Query>) -> Answer {
        Answer::Socket(query)
    }
}

/// A helper and its function.
pub(crate) struct OwnHelper {
    signature: &'static Helper,
    function: Box<Function>,
}

impl std::fmt::Debug for OwnHelper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "own helper {}", self.signature.name)
    }
}

impl OwnHelper {
    pub(crate) fn signature(&self) -> &'static Helper {
        self.signature
    }

    /// Calls it with arguments that are what its signature says; `r0`.
    pub(crate) fn call(&self, world: &mut World<'_>, args: [u64; 5]) -> u64 {
        let answer = (self.function)(&mut Call { world, signature: self.signature, args });
        for (arg, value) in self.signature.args.iter().zip(args) {
            if arg.releases && value != 0 {
                sockets::release(world, value);
            }
        }
        match (self.signature.ret, answer) {
            (Ret::Scalar, Answer::Number(number)) => number,
            (Ret::Within(min, max), Answer::Number(number)) => {
                number.cast_signed().clamp(min, max).cast_unsigned()
            }
            (Ret::Within(min, max), Answer::Socket(_)) => 0.clamp(min, max).cast_unsigned(),
            (Ret::Socket { kind, .. }, Answer::Socket(query)) => {
                let kind = match kind {
                    SockKind::SockCommon => LookupKind::Common,
                    _ => LookupKind::Full,
                };
                let query = query.map(|query| Query { kind, ..query });
                sockets::acquire(world, query.as_ref()).0
            }
            _ => 0,
        }
    }
}

/// One call of an own helper. Arguments are counted from 0.
pub struct Call<'c, 'r> {
    world: &'c mut World<'r>,
    signature: &'static Helper,
    args: [u64; 5],
}

impl std::fmt::Debug for Call<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "call of {}", self.signature.name)
    }
}

impl Call<'_, '_> {
    /// An argument that is a number or a size; 0 for others.
    pub fn number(&self, index: usize) -> u64 {
        match self.kind(index) {
            Some(ArgKind::Scalar | ArgKind::Size(_)) => self.args[index],
            _ => 0,
        }
    }

    /// An argument that is memory, of the size that its signature gives it; none for NULL and for others.
    pub fn bytes(&self, index: usize) -> Option<Bytes<'_>> {
        let kind = self.kind(index)?;
        let writable = matches!(
            kind,
            ArgKind::MemOut
                | ArgKind::MemInOut
                | ArgKind::FixedOut { .. }
                | ArgKind::FixedInOut { .. }
                | ArgKind::MapValueOut
        );
        let len = match kind {
            ArgKind::MemIn | ArgKind::MemOut | ArgKind::MemInOut => self.number(index + 1),
            ArgKind::FixedIn { size, .. }
            | ArgKind::FixedOut { size, .. }
            | ArgKind::FixedInOut { size, .. } => size.into(),
            ArgKind::MapKey => self.the_map()?.def().key_size.into(),
            ArgKind::MapValue | ArgKind::MapValueOut => self.the_map()?.def().value_size.into(),
            _ => return None,
        };
        let addr = self.args[index];
        let (mem, len) = (self.world.mem, usize::try_from(len).ok()?);
        (addr != 0).then_some(Bytes { mem, addr, len, writable, call: std::marker::PhantomData })
    }

    /// An argument that is a map.
    pub fn map(&self, index: usize) -> Option<&Map> {
        if self.kind(index)? != ArgKind::Map {
            return None;
        }
        self.world.map(self.args[index]).map(|(map, _)| map)
    }

    /// An argument that is a socket of the table; none for NULL, for others, and for a socket that the program runs for and
    /// that is in no table.
    pub fn socket(&self, index: usize) -> Option<SocketId> {
        match self.kind(index)? {
            ArgKind::SockCommon | ArgKind::Socket => {
                sockets::at(&self.world.sockets(), self.args[index]).map(Socket::id)
            }
            _ => None,
        }
    }

    /// The packet that the program runs on, if there is one.
    pub fn packet(&self) -> Option<&Packet> {
        self.world.input.packet()
    }

    /// The surroundings of the run: sockets, routes, the clock.
    pub fn machine(&self) -> &Machine {
        self.world.machine
    }

    fn kind(&self, index: usize) -> Option<ArgKind> {
        self.signature.args.get(index).map(|arg| arg.kind)
    }

    fn the_map(&self) -> Option<&Map> {
        let index = self.signature.args.iter().position(|arg| arg.kind == ArgKind::Map)?;
        self.map(index)
    }
}

/// Memory that a program hands to an own helper. Programs on other threads may write it at the same time, so it is copied, and
/// never borrowed.
#[derive(Clone, Copy)]
pub struct Bytes<'c> {
    mem: Memory,
    addr: u64,
    len: usize,
    writable: bool,
    call: std::marker::PhantomData<&'c ()>,
}

impl std::fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

impl Bytes<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them. (Of memory that the helper is to fill, what happened to be there.)
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.mem.read(self.addr, &mut bytes);
        bytes
    }

    /// Copies those from an offset on; none, and nothing copied, if there are not so many.
    pub fn read(&self, off: usize, out: &mut [u8]) -> Option<()> {
        let addr = self.place(off, out.len())?;
        self.mem.read(addr, out);
        Some(())
    }

    /// Overwrites those from an offset on; none, and nothing written, if there are not so many, or the signature says that
    /// the helper reads only.
    pub fn write(&self, off: usize, bytes: &[u8]) -> Option<()> {
        let addr = self.place(off, bytes.len()).filter(|_| self.writable)?;
        self.mem.write(addr, bytes);
        Some(())
    }

    fn place(&self, off: usize, len: usize) -> Option<u64> {
        (off.checked_add(len)? <= self.len).then(|| self.addr.wrapping_add(off as u64))
    }
}
