//! Netlink's answers, damaged in every way: an error that says where, or the sockets that are there; never a panic.

use std::net::Ipv4Addr;

use belay_linux::read_datagram;
use belay_sockets::{Protocol, State};
use netlink_packet_core::{NetlinkHeader, NetlinkMessage};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{InetResponse, InetResponseHeader, SocketId, Timer};

/// `TCP_ESTABLISHED` and others, as `sock_diag` numbers them.
const STATES: [u8; 4] = [1, 3, 6, 10];

fn message(number: u8) -> Vec<u8> {
    let state = STATES[usize::from(number) % STATES.len()];
    let v6 = number.is_multiple_of(3);
    let mut socket_id = if v6 { SocketId::new_v6() } else { SocketId::new_v4() };
    socket_id.source_port = 80;
    socket_id.destination_port = u16::from(number) + 1;
    socket_id.cookie = [number; 8];
    if !v6 {
        socket_id.source_address = Ipv4Addr::new(10, 0, 0, 1).into();
        socket_id.destination_address = Ipv4Addr::new(10, 0, 0, number).into();
    }
    let header = InetResponseHeader {
        family: if v6 { AF_INET6 } else { AF_INET },
        state,
        timer: (state == 6).then_some(Timer::TimeWait),
        socket_id,
        recv_queue: 0,
        send_queue: 0,
        uid: 7,
        inode: 9,
    };
    let attributes =
        [Nla::Shutdown(0), Nla::Mark(5), Nla::ClassId(6), Nla::TcpInfo(vec![1; 232]), Nla::SkV6Only(true)];
    let nlas = if state == 6 { Vec::new() } else { attributes.to_vec() };
    let response =
        SockDiagMessage::InetResponse(Box::new(InetResponse { header, nlas: nlas.into_iter().collect() }));
    let mut message = NetlinkMessage::new(NetlinkHeader::default(), response.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len().next_multiple_of(4)];
    message.serialize(&mut bytes);
    bytes
}

fn messages(numbers: std::ops::Range<u8>) -> Vec<Vec<u8>> {
    numbers.map(message).collect()
}

#[test]
fn an_answer_is_read_as_it_was_written() {
    let found = read_datagram(Protocol::Tcp, &messages(0..8).concat()).expect("an answer");
    let told: Vec<String> =
        found.iter().map(|info| format!("{} {} {:?}", info.state, info.local, info.remote)).collect();
    assert_eq!(found.len(), 8, "{told:?}");
    assert_eq!(
        (found[1].mark, found[1].priority, found[1].uid, found[1].cookie),
        (5, 6, 7, u64::from_ne_bytes([1; 8]))
    );
    assert_eq!(found[2].state, State::TimeWait);
    assert!(found.iter().all(|info| info.v6only <= info.local.addr.is_ipv6()));
}

#[test]
fn a_datagram_cut_anywhere_is_refused_with_the_place_or_ends_between_messages() {
    let messages = messages(0..8);
    let datagram = messages.concat();
    let ends: Vec<usize> = messages
        .iter()
        .scan(0, |end, message| {
            *end += message.len();
            Some(*end)
        })
        .collect();
    for cut in 0..datagram.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        match read_datagram(Protocol::Tcp, &datagram[..cut]) {
            Ok(found) => {
                let padding = ends.iter().any(|end| cut <= *end && *end - cut < 4);
                assert!(cut == 0 || padding || ends.contains(&cut), "cut at {cut}");
                assert!(found.len() >= whole, "cut at {cut}: {} sockets, {whole} are whole", found.len());
            }
            Err(error) => {
                let begins = ends.iter().rev().find(|end| **end <= cut).copied().unwrap_or(0);
                let place = format!("netlink: datagram 1, byte {begins}: ");
                assert!(error.message.starts_with(&place), "cut at {cut}: {error}");
            }
        }
    }
}

#[test]
fn damaged_bytes_are_an_error_or_other_sockets_and_never_a_panic() {
    let good = messages(0..6).concat();
    let mut errors = 0;
    for at in 0..good.len() {
        for value in [0, 1, 3, 4, 15, 16, 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                match read_datagram(protocol, &bytes) {
                    Ok(found) => assert!(found.len() <= 6),
                    Err(error) => errors += usize::from(!error.message.is_empty()),
                }
            }
        }
    }
    assert!(errors > 1000, "{errors} errors");
}

/// Random bytes within messages, messages in random pieces.
#[test]
fn garbage_is_an_error_and_never_a_panic() {
    let good = messages(0..16).concat();
    let mut state = 1u64;
    let mut roll = |sides: usize| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).expect("small")
    };
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=roll(8) {
            let at = roll(bytes.len());
            match roll(4) {
                0 => bytes[at] = u8::try_from(roll(256)).expect("a byte"),
                1 => bytes.truncate(at + 1),
                2 => drop(bytes.drain(at / 2..at)),
                _ => bytes.extend_from_within(at / 2..at),
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        // An answer or an error, whatever it is.
        let _ = read_datagram(Protocol::Tcp, &bytes);
    }
}
