//! Error numbers of Linux, as helpers and map operations return them.

use std::fmt;

/// An error number, positive, as in `<errno.h>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        #[allow(missing_docs, reason = "the names are those of <errno.h>")]
        impl Errno {
            $(pub const $name: Errno = Errno($number);)*

            /// Its C name and meaning, if it is one that Belay returns.
            fn known(self) -> Option<(&'static str, &'static str)> {
                match self.0 {
                    $($number => Some((stringify!($name), $text)),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EPERM = 1, "operation not permitted";
    ENOENT = 2, "no such entry";
    E2BIG = 7, "too big, or the map is full";
    EAGAIN = 11, "try again";
    ENOMEM = 12, "out of memory";
    EACCES = 13, "permission denied";
    EFAULT = 14, "bad address";
    EBUSY = 16, "busy";
    EEXIST = 17, "the entry exists";
    ENODEV = 19, "no such device";
    EINVAL = 22, "invalid argument";
    ENOSPC = 28, "no space left";
    ERANGE = 34, "out of range";
    EDEADLK = 35, "it would wait for itself";
    ENOMSG = 42, "no such message";
    EPROTO = 71, "protocol error";
    EOVERFLOW = 75, "value too large";
    EBADFD = 77, "descriptor in bad state";
    EPROTOTYPE = 91, "wrong protocol for the socket";
    EPROTONOSUPPORT = 93, "protocol not supported";
    ESOCKTNOSUPPORT = 94, "socket type not supported";
    EOPNOTSUPP = 95, "operation not supported";
    EAFNOSUPPORT = 97, "address family not supported";
    ENETUNREACH = 101, "network is unreachable";
    EALREADY = 114, "already done";
    ENOTSUPP = 524, "not supported";
}

impl Errno {
    /// What a helper leaves in `r0`: the negated number.
    pub(crate) fn r0(self) -> u64 {
        (-i64::from(self.0)) as u64
    }
}

/// What a helper that returns 0 or an error leaves in `r0`.
pub(crate) fn r0(result: Result<(), Errno>) -> u64 {
    result.map_or_else(Errno::r0, |()| 0)
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some((name, text)) => write!(f, "{text} ({name})"),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl std::error::Error for Errno {}
