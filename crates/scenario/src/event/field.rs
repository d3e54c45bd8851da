//! What a program may leave of an event: each thing once, with the events that have it, how it is written, and where it is
//! found. Expectations are read, held against runs, and documented by this table.

use std::net::{Ipv4Addr, Ipv6Addr};

use belay_sockets::SocketTable;
use belay_spec::Action;
use belay_vm::{Errno, FlowKeys, SkMsg, Sock, SockAddr, SockOps, Sockopt, SockoptOutcome, UserAddress};

use super::names::{self, ETHERTYPES, LEVELS, OUTCOMES, PROTOCOLS};
use super::value::{Form, Value};
use super::{Kind, Staged};

/// What there is after a run.
pub(crate) struct After<'r> {
    pub(crate) staged: &'r Staged,
    pub(crate) action: Option<Action>,
    pub(crate) sockets: &'r SocketTable,
}

/// Something that a program may leave.
pub(crate) struct Field {
    /// The key; `keys.sport` is the key `sport` of the table `keys`.
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// The kinds of events that have it.
    kinds: &'static str,
    found: Found,
}

/// How it is found.
enum Found {
    /// In the input, as the program left it.
    Event(fn(&After<'_>) -> Option<Value>),
    /// In the keys of a flow.
    Key(fn(&FlowKeys) -> Value),
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Field {
    /// What it is after a run; `none` where there is no such thing.
    pub(crate) fn of(&self, after: &After<'_>) -> Value {
        let found = match (&self.found, after.staged) {
            (Found::Event(found), _) => found(after),
            (Found::Key(found), Staged::FlowDissector(input)) => Some(found(&input.keys)),
            (Found::Key(_), _) => None,
        };
        found.unwrap_or_else(Value::none)
    }
}

/// In what the keys of a flow differ: the field, ours, theirs.
pub(crate) fn differing_keys(ours: &FlowKeys, theirs: &FlowKeys) -> Vec<(&'static str, Value, Value)> {
    let keys = FIELDS.iter().filter_map(|field| match field.found {
        Found::Key(found) => Some((field.name, found(ours), found(theirs))),
        Found::Event(_) => None,
    });
    keys.filter(|(_, ours, theirs)| ours != theirs).collect()
}

/// What events of a kind may be expected to leave, besides what packets have in common with them.
pub(crate) fn fields(kind: &Kind) -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| field.kinds.split_whitespace().any(|word| word == kind.word))
}

const fn field(name: &'static str, kinds: &'static str, form: Form, found: Found) -> Field {
    Field { name, form, kinds, found }
}

const ADDRESSES: &str = "bind connect sendmsg recvmsg getpeername getsockname";
const SOCKETS: &str = "bind connect sendmsg recvmsg getpeername getsockname sock_create post_bind sock_release sock_ops sk_msg \
                       setsockopt getsockopt";
const CALLS: &str = "bind connect sendmsg recvmsg getpeername getsockname sock_create post_bind sock_release \
                     setsockopt getsockopt sysctl device";
const FLOW: &str = "flow_dissector";

#[rustfmt::skip]
static FIELDS: &[Field] = &[
    field("selected",             "sk_lookup sk_reuseport", Form::Socket,             Found::Event(selected)),
    field("answer",               "sk_lookup",              Form::Socket,             Found::Event(answer)),
    field("result",               CALLS,                    Form::Result,             Found::Event(result)),
    field("address",              ADDRESSES,                Form::Address,            Found::Event(|after| Some(address(&call(after)?.address)))),
    field("source",               "sendmsg",                Form::Ip,                 Found::Event(|after| text(call(after)?.source))),
    field("bound",                "connect",                Form::Address,            Found::Event(|after| text(call(after)?.bound?))),
    field("outcome",              "setsockopt",             Form::Word(OUTCOMES),     Found::Event(|after| text(outcome_word(&outcome(after)?)))),
    field("level",                "setsockopt",             Form::Named(LEVELS),      Found::Event(|after| Some(Value::Text(names::told(LEVELS, set(after)?.0.into()))))),
    field("option",               "setsockopt",             Form::Option,             Found::Event(|after| set(after).map(|(level, name, _)| Value::Text(names::told_option(level, name))))),
    field("value",                "setsockopt getsockopt",  Form::Data,               Found::Event(value)),
    field("reply",                "sock_ops",               Form::Number,             Found::Event(|after| number(ops(after)?.reply()))),
    field("cb_flags",             "sock_ops",               Form::Number,             Found::Event(|after| number(ops(after)?.cb_flags))),
    field("sk_txhash",            "sock_ops",               Form::Number,             Found::Event(|after| number(ops(after)?.sk_txhash))),
    field("option_room",          "sock_ops",               Form::Number,             Found::Event(|after| number(ops(after)?.option_room))),
    field("written",              "sock_ops",               Form::Hex,                Found::Event(options)),
    field("text",                 "sk_msg",                 Form::Text,               Found::Event(|after| Some(Value::Bytes(message(after)?.bytes())))),
    field("hex",                  "sk_msg",                 Form::Hex,                Found::Event(|after| Some(Value::Bytes(message(after)?.bytes())))),
    field("apply_bytes",          "sk_msg",                 Form::Number,             Found::Event(|after| number(message(after)?.apply_bytes))),
    field("cork_bytes",           "sk_msg",                 Form::Number,             Found::Event(|after| number(message(after)?.cork_bytes))),
    field("new",                  "sysctl",                 Form::Text,               Found::Event(written)),
    field("file_pos",             "sysctl",                 Form::Number,             Found::Event(position)),
    field("socket.mark",          SOCKETS,                  Form::Number,             Found::Event(|after| number(sock(after)?.mark))),
    field("socket.priority",      SOCKETS,                  Form::Number,             Found::Event(|after| number(sock(after)?.priority))),
    field("socket.device",        SOCKETS,                  Form::Number,             Found::Event(|after| number(sock(after)?.device))),
    field("keys.nhoff",           FLOW,                     Form::Number,             Found::Key(|keys| Value::number(keys.nhoff()))),
    field("keys.thoff",           FLOW,                     Form::Number,             Found::Key(|keys| Value::number(keys.thoff()))),
    field("keys.addr_proto",      FLOW,                     Form::Named(ETHERTYPES),  Found::Key(|keys| named(ETHERTYPES, keys.addr_proto()))),
    field("keys.is_frag",         FLOW,                     Form::Flag,               Found::Key(|keys| flag(keys.is_frag()))),
    field("keys.is_first_frag",   FLOW,                     Form::Flag,               Found::Key(|keys| flag(keys.is_first_frag()))),
    field("keys.is_encap",        FLOW,                     Form::Flag,               Found::Key(|keys| flag(keys.is_encap()))),
    field("keys.ip_proto",        FLOW,                     Form::Named(PROTOCOLS),   Found::Key(|keys| named(PROTOCOLS, keys.ip_proto().into()))),
    field("keys.n_proto",         FLOW,                     Form::Named(ETHERTYPES),  Found::Key(|keys| named(ETHERTYPES, keys.n_proto()))),
    field("keys.sport",           FLOW,                     Form::Number,             Found::Key(|keys| Value::number(keys.sport()))),
    field("keys.dport",           FLOW,                     Form::Number,             Found::Key(|keys| Value::number(keys.dport()))),
    field("keys.ipv4_src",        FLOW,                     Form::Ip,                 Found::Key(|keys| Value::Text(Ipv4Addr::from(keys.ipv4_src()).to_string()))),
    field("keys.ipv4_dst",        FLOW,                     Form::Ip,                 Found::Key(|keys| Value::Text(Ipv4Addr::from(keys.ipv4_dst()).to_string()))),
    field("keys.ipv6_src",        FLOW,                     Form::Ip,                 Found::Key(|keys| Value::Text(Ipv6Addr::from(keys.ipv6_src()).to_string()))),
    field("keys.ipv6_dst",        FLOW,                     Form::Ip,                 Found::Key(|keys| Value::Text(Ipv6Addr::from(keys.ipv6_dst()).to_string()))),
    field("keys.flags",           FLOW,                     Form::Number,             Found::Key(|keys| Value::number(keys.flags()))),
    field("keys.flow_label",      FLOW,                     Form::Number,             Found::Key(|keys| Value::number(keys.flow_label()))),
];

fn text(value: impl ToString) -> Option<Value> {
    Some(Value::Text(value.to_string()))
}

fn number(value: impl Into<i64>) -> Option<Value> {
    Some(Value::number(value))
}

fn named(names: &names::Names, value: u16) -> Value {
    Value::Text(names::told(names, value.into()))
}

fn flag(value: u8) -> Value {
    Value::Text((value != 0).to_string())
}

fn selected(after: &After<'_>) -> Option<Value> {
    match after.staged {
        Staged::SkLookup(input) => Some(Value::Socket(input.selected)),
        Staged::SkReuseport(input) => Some(Value::Socket(input.selected)),
        _ => None,
    }
}

/// What the lookup returns after the program.
fn answer(after: &After<'_>) -> Option<Value> {
    let Staged::SkLookup(input) = after.staged else { return None };
    let found = after.action.zip(after.sockets.read().default_netns());
    let found = found.and_then(|(action, netns)| input.answer(action, after.sockets, netns));
    Some(Value::Socket(found))
}

/// What the system call returns, as far as its programs decide.
fn result(after: &After<'_>) -> Option<Value> {
    let action = after.action?;
    let result = match after.staged {
        Staged::Sockopt(input) => match input.outcome(action) {
            SockoptOutcome::Error(Errno(error)) => -error,
            _ => action.result(input.retval),
        },
        Staged::SockAddr(input) => action.result(input.retval),
        Staged::Sock(input) => action.result(input.retval),
        Staged::Sysctl(input) => action.result(input.retval),
        Staged::Device(input) => action.result(input.retval),
        _ => return None,
    };
    text(names::told_result(result))
}

fn call<'r>(after: &After<'r>) -> Option<&'r SockAddr> {
    match after.staged {
        Staged::SockAddr(input) => Some(input),
        _ => None,
    }
}

/// `192.0.2.1:80`, `unix:/path`; of an abstract name the zero in front is `@`.
fn address(address: &UserAddress) -> Value {
    Value::Text(match address {
        UserAddress::Inet(address) => address.to_string(),
        UserAddress::Unix(path) => {
            let (at, rest) = match path.split_first() {
                Some((0, rest)) => ("@", rest),
                _ => ("", path.as_slice()),
            };
            format!("unix:{at}{}", String::from_utf8_lossy(rest))
        }
    })
}

fn option<'r>(after: &After<'r>) -> Option<&'r Sockopt> {
    match after.staged {
        Staged::Sockopt(input) => Some(input),
        _ => None,
    }
}

fn outcome(after: &After<'_>) -> Option<SockoptOutcome> {
    Some(option(after)?.outcome(after.action?))
}

fn outcome_word(outcome: &SockoptOutcome) -> &'static str {
    match outcome {
        SockoptOutcome::Set { .. } => "set",
        SockoptOutcome::Done | SockoptOutcome::Get(_) => "done",
        SockoptOutcome::Error(_) => "error",
    }
}

/// What the kernel sets: level, option, value.
fn set(after: &After<'_>) -> Option<(i32, i32, Vec<u8>)> {
    match outcome(after)? {
        SockoptOutcome::Set { level, optname, value } => Some((level, optname, value)),
        _ => None,
    }
}

/// What the kernel sets, or the process gets.
fn value(after: &After<'_>) -> Option<Value> {
    match outcome(after)? {
        SockoptOutcome::Set { value, .. } | SockoptOutcome::Get(value) => Some(Value::Bytes(value)),
        SockoptOutcome::Done | SockoptOutcome::Error(_) => None,
    }
}

fn ops<'r>(after: &After<'r>) -> Option<&'r SockOps> {
    match after.staged {
        Staged::SockOps(input) => Some(input),
        _ => None,
    }
}

/// The options that the program wrote behind the TCP header.
fn options(after: &After<'_>) -> Option<Value> {
    let header = ops(after)?.header();
    let own = header.get(12).map_or(0, |offset| 4 * usize::from(offset >> 4));
    Some(Value::Bytes(header.get(own..).unwrap_or_default().to_vec()))
}

fn message<'r>(after: &After<'r>) -> Option<&'r SkMsg> {
    match after.staged {
        Staged::SkMsg(input) => Some(input),
        _ => None,
    }
}

fn sock<'r>(after: &After<'r>) -> Option<&'r Sock> {
    after.staged.sock()
}

fn written(after: &After<'_>) -> Option<Value> {
    match after.staged {
        Staged::Sysctl(input) => input.new.clone().map(Value::Bytes),
        _ => None,
    }
}

fn position(after: &After<'_>) -> Option<Value> {
    match after.staged {
        Staged::Sysctl(input) => number(input.file_pos),
        _ => None,
    }
}
