//! Any datagram is an answer of `sock_diag` or an error that says where.
#![no_main]

use belay_sockets::Protocol;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        if let Err(error) = belay_linux::read_datagram(protocol, bytes) {
            assert!(!error.message.is_empty());
        }
    }
});
