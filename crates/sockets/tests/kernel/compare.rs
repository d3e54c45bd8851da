//! One question to both, and where the answers differ.

use belay_sockets::{Family, Found, Protocol, Query, SOCK_VIEW_SIZE, Socket, SocketTable, State};

use crate::lab::Lab;
use crate::oracle::{Answer, CURRENT_NETNS, Oracle, Question, word};

/// Offset of `mark` in `struct bpf_sock`.
const MARK: usize = 16;
/// Offset of `rx_queue_mapping`: it follows the packets received, which nobody recorded.
const RX_QUEUE: usize = 76;

/// Asks both; what differs, in words. Call it inside the lab's namespace.
pub(crate) fn differs(oracle: &Oracle, table: &SocketTable, query: &Query) -> Option<String> {
    let question = Question {
        protocol: query.protocol,
        kind: query.kind,
        tuple: query.tuple,
        ifindex: query.ifindex,
        netns: CURRENT_NETNS,
        flags: 0,
    };
    let kernel = oracle.ask(&question);
    let reader = table.read();
    let ours = reader.lookup(query).map(Found::socket);
    let wrong = match (&kernel, ours) {
        (None, None) => return None,
        (Some(answer), Some(socket)) => check(table, answer, socket)?,
        (Some(answer), None) => format!("the kernel finds {}, we nothing", named(answer)),
        (None, Some(socket)) => format!("the kernel finds nothing, we {socket}"),
    };
    Some(format!("{query:?}\n  {wrong}\n{}", reader.explain(query)))
}

fn named(answer: &Answer) -> String {
    format!("mark {} state {} port {}", answer.word(MARK), answer.word(72), answer.word(44))
}

fn check(table: &SocketTable, answer: &Answer, ours: &Socket) -> Option<String> {
    let reader = table.read();
    // The member of a group is the hash's choice: any of the group is right, and then its fields must be.
    let theirs = match answer.full.then(|| answer.word(MARK)) {
        Some(mark) => reader.sockets().find(|s| s.info().mark == mark),
        None => Some(ours),
    };
    let same_group = |s: &Socket| s.group().is_some() && s.group() == ours.group();
    let Some(theirs) = theirs.filter(|s| s.id() == ours.id() || same_group(s)) else {
        return Some(format!("the kernel finds {}, we mark {}: {ours}", named(answer), ours.info().mark));
    };
    if answer.full != theirs.is_full() || answer.tcp != theirs.is_tcp_full() {
        return Some(format!("full {} and tcp {}, but we have {theirs}", answer.full, answer.tcp));
    }
    let listener = reader.listener_of(theirs).map(|l| l.info().mark);
    if answer.listener != listener {
        return Some(format!("listener {:?}, but we have {listener:?}", answer.listener));
    }
    fields(&answer.view, theirs)
}

/// Whether a word may differ because it follows from what the socket went through, which a table does not know.
fn is_history(socket: &Socket, offset: usize, kernel: u32) -> bool {
    let is_tcp_flow = socket.info().protocol == Protocol::Tcp && socket.info().remote.is_some();
    let is_ipv6 = socket.view()[28..44] != [0; 16];
    match offset {
        // Packets received set it.
        RX_QUEUE => true,
        // An accepted IPv6 socket has a placeholder for the peer's IPv4 address.
        52 => is_tcp_flow && is_ipv6 && kernel.to_ne_bytes() == [127, 0, 0, 6],
        // An IPv4 time-wait socket shows whatever its memory held before.
        28..=40 | 56..=68 if socket.info().state == State::TimeWait => socket.info().family() == Family::V4,
        // A socket bound before it connected has no mapped address.
        36 | 40 => is_tcp_flow && socket.info().family() == Family::V4 && kernel == 0,
        _ => false,
    }
}

/// The words that differ, in words.
pub(crate) fn fields(kernel: &[u8; SOCK_VIEW_SIZE], socket: &Socket) -> Option<String> {
    let ours = &socket.view();
    let wrong: Vec<_> = (0..SOCK_VIEW_SIZE)
        .step_by(4)
        .filter(|offset| {
            word(kernel, *offset) != word(ours, *offset)
                && !is_history(socket, *offset, word(kernel, *offset))
        })
        .map(|offset| {
            format!("offset {offset}: {:08x}, we have {:08x}", word(kernel, offset), word(ours, offset))
        })
        .collect();
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

/// Asks all questions inside the lab; the first few differences fail the test.
pub(crate) fn assert_same(lab: &Lab, oracle: &Oracle, table: &SocketTable, queries: &[Query]) {
    let wrong = lab
        .here
        .run(|| queries.iter().filter_map(|query| differs(oracle, table, query)).collect::<Vec<_>>())
        .expect("a namespace to enter");
    assert!(
        wrong.is_empty(),
        "{} of {} answers differ\n{}\n{}",
        wrong.len(),
        queries.len(),
        wrong[..wrong.len().min(200)].join("\n"),
        table.to_toml()
    );
}
