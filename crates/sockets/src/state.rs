//! The state of a socket, numbered as `BPF_TCP_*`, and what each state means for a lookup.

use std::fmt;
use std::str::FromStr;

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// The state of a socket. UDP uses `Established` (connected) and `Close` (not connected), as in Linux.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum State {
            $($(#[$doc])* $variant = $number,)*
        }

        impl State {
            /// Every state, in the order of its number.
            pub const ALL: &[State] = &[$(State::$variant),*];

            /// The name used in TOML and in messages.
            pub fn name(self) -> &'static str {
                match self { $(State::$variant => $name,)* }
            }
        }
    };
}

states! {
    /// Data flows; for UDP: connected.
    Established = 1, "established";
    /// We sent a SYN.
    SynSent = 2, "syn_sent";
    /// A full socket whose handshake is open: fast open or simultaneous open only. See `NewSynRecv`.
    SynRecv = 3, "syn_recv";
    /// We closed first; our FIN is not acknowledged.
    FinWait1 = 4, "fin_wait1";
    /// Our FIN is acknowledged. After `close()` Linux shows `TimeWait` here instead.
    FinWait2 = 5, "fin_wait2";
    /// A time-wait minisocket: `sock_common` only.
    TimeWait = 6, "time_wait";
    /// Not connected. UDP sockets are found in this state, TCP sockets never are.
    Close = 7, "close";
    /// The peer closed first.
    CloseWait = 8, "close_wait";
    /// The peer closed first, and now we have.
    LastAck = 9, "last_ack";
    /// Listening.
    Listen = 10, "listen";
    /// Both closed at once.
    Closing = 11, "closing";
    /// A request socket (SYN received, `SYN-RECV` in `ss`): `sock_common` only, owned by a listener.
    NewSynRecv = 12, "new_syn_recv";
}

impl State {
    /// The state of this number; of no state's number, [`State::Close`].
    pub(crate) fn of(number: u32) -> State {
        let at = (number as usize).checked_sub(1);
        at.and_then(|at| State::ALL.get(at)).copied().unwrap_or(State::Close)
    }

    /// The `state` field of `struct bpf_sock`.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether it is a whole socket: `bpf_sk_fullsock` returns it, and `struct bpf_sock` may be read.
    /// Request and time-wait sockets are not.
    pub fn is_full(self) -> bool {
        !matches!(self, State::TimeWait | State::NewSynRecv)
    }

    /// Whether a TCP socket in this state has a peer and is found by its exact 4-tuple.
    pub fn is_connected(self) -> bool {
        !matches!(self, State::Listen | State::Close)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for State {
    type Err = ();

    /// Reads [`State::name`], in any case and with `-` for `_`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let wanted = text.to_ascii_lowercase().replace('-', "_");
        State::ALL.iter().copied().find(|s| s.name() == wanted).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_one_to_one() {
        for (at, state) in State::ALL.iter().enumerate() {
            assert_eq!(usize::from(state.number()), at + 1);
            assert_eq!(State::of(state.number().into()), *state);
            assert_eq!(state.name().to_uppercase().replace('_', "-").parse(), Ok(*state));
        }
        assert_eq!("unconn".parse::<State>(), Err(()));
    }

    #[test]
    fn two_states_are_minisockets_and_two_have_no_peer() {
        let mini: Vec<_> = State::ALL.iter().filter(|s| !s.is_full()).map(|s| s.name()).collect();
        assert_eq!(mini, ["time_wait", "new_syn_recv"]);
        let alone: Vec<_> = State::ALL.iter().filter(|s| !s.is_connected()).map(|s| s.name()).collect();
        assert_eq!(alone, ["close", "listen"]);
    }
}
