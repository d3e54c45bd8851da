//! Values as scenarios write them: numbers and their names, addresses, errors, the values of options.

use std::net::SocketAddr;

use belay_vm::UserAddress;

use super::expect::{self, Subject};
use super::mistake::{Mistake, listed};
use super::table::Item;
use crate::event::names::{self, ERRORS, Names};
use crate::event::{Data, Form, Wish, Written};
use crate::packet;

/// The longest path of a Unix address.
const LONGEST_PATH: usize = 108;

/// What is wished for, in the form that is expected there.
pub(crate) fn wish(subject: &Subject<'_>, form: Form, item: &Item<'_>) -> Result<Wish, Mistake> {
    Ok(match form {
        Form::Number => Wish::Text(item.integer::<i64>()?.to_string()),
        Form::Named(names) => Wish::Text(names::told(names, named(names, item)?)),
        Form::Option => {
            let (level, number) = option(item)?;
            Wish::Text(level.map_or(number.to_string(), |level| names::told_option(level, number)))
        }
        Form::Word(words) => {
            let text = item.string()?;
            if !words.contains(&text) {
                let known = listed(words.iter().copied());
                return Err(item.mistake(format!("`{}` is none of {known}", text.escape_debug())));
            }
            Wish::Text(text.to_owned())
        }
        Form::Flag => Wish::Text(item.boolean()?.to_string()),
        Form::Address if item.as_str() == Some("none") => Wish::Text("none".to_owned()),
        Form::Address => {
            address(item)?;
            Wish::Text(canonical(item)?)
        }
        Form::Ip => {
            let text = item.string()?;
            let ip: Result<std::net::IpAddr, _> = text.parse();
            Wish::Text(ip.map_err(|_| no_address(item, text, "192.0.2.1"))?.to_string())
        }
        Form::Result => Wish::Text(names::told_result(result(item)?)),
        Form::Socket => Wish::Socket(expect::socket(subject.sockets, item)?),
        Form::Data | Form::Text | Form::Hex if item.as_str() == Some("none") => Wish::Text("none".to_owned()),
        Form::Data => Wish::Bytes(data(item)?),
        Form::Text => {
            let bytes = item.string()?.as_bytes().to_vec();
            Wish::Bytes(Data { bytes, written: Written::Text })
        }
        Form::Hex => Wish::Bytes(Data { bytes: expect::hex(item)?, written: Written::Hex }),
    })
}

/// A number, or a name that stands for one.
pub(crate) fn named(names: &Names, item: &Item<'_>) -> Result<i64, Mistake> {
    if item.as_integer().is_some() {
        return item.integer();
    }
    let name = item.string()?;
    names::number(names, name).ok_or_else(|| {
        let known = listed(names.iter().map(|(name, _)| *name));
        item.mistake(format!("`{}` is no number, and none of {known}", name.escape_debug()))
    })
}

/// A number without a sign, or a name that stands for one.
pub(crate) fn unsigned(names: &Names, item: &Item<'_>) -> Result<u32, Mistake> {
    let number = named(names, item)?;
    u32::try_from(number).map_err(|_| item.mistake(format!("{number} is out of range")))
}

/// An option of a socket: its level if the name says it, and its number.
pub(crate) fn option(item: &Item<'_>) -> Result<(Option<i32>, i32), Mistake> {
    if item.as_integer().is_some() {
        return Ok((None, item.integer()?));
    }
    let name = item.string()?;
    let known = names::option(name).ok_or_else(|| {
        let name = name.escape_debug();
        item.mistake(format!("no option `{name}` is known: write its `level`, and its number here"))
    })?;
    Ok((Some(known.0), known.1))
}

/// What a system call returns: a number, or the name of an error.
pub(crate) fn result(item: &Item<'_>) -> Result<i32, Mistake> {
    if item.as_integer().is_some() {
        return item.integer();
    }
    let number = named(ERRORS, item)?;
    i32::try_from(-number).map_err(|_| item.mistake(format!("{number} is out of range")))
}

/// The address of a call: `192.0.2.1:80`, `unix:/path`.
pub(crate) fn address(item: &Item<'_>) -> Result<UserAddress, Mistake> {
    let text = item.string()?;
    let Some(path) = text.strip_prefix("unix:") else { return Ok(UserAddress::Inet(endpoint(item)?)) };
    let path = match path.strip_prefix('@') {
        Some(name) => [&[0], name.as_bytes()].concat(),
        None => path.as_bytes().to_vec(),
    };
    if path.len() > LONGEST_PATH {
        return Err(item.mistake(format!("a path of {} bytes: at most {LONGEST_PATH}", path.len())));
    }
    Ok(UserAddress::Unix(path))
}

/// As it is found.
fn canonical(item: &Item<'_>) -> Result<String, Mistake> {
    let text = item.string()?;
    if text.starts_with("unix:") { Ok(text.to_owned()) } else { Ok(endpoint(item)?.to_string()) }
}

/// `192.0.2.1:80`, `[2001:db8::1]:80`
pub(crate) fn endpoint(item: &Item<'_>) -> Result<SocketAddr, Mistake> {
    let text = item.string()?;
    text.parse().map_err(|_| no_address(item, text, "192.0.2.1:80` or `[2001:db8::1]:80"))
}

fn no_address(item: &Item<'_>, text: &str, how: &str) -> Mistake {
    item.mistake(format!("`{}` is no address: write `{how}`", text.escape_debug()))
}

/// The value of an option: a number of four bytes, a text, or `hex:…`.
pub(crate) fn data(item: &Item<'_>) -> Result<Data, Mistake> {
    if item.as_integer().is_some() {
        let bytes = match item.integer::<u32>() {
            Ok(number) => number.to_le_bytes(),
            Err(_) => item.integer::<i32>()?.to_le_bytes(),
        };
        return Ok(Data { bytes: bytes.to_vec(), written: Written::Number });
    }
    let text = item.string()?;
    match text.strip_prefix("hex:") {
        Some(digits) => {
            let bytes = packet::hex(digits).map_err(|why| item.mistake(why))?;
            Ok(Data { bytes, written: Written::Hex })
        }
        None => Ok(Data { bytes: text.as_bytes().to_vec(), written: Written::Text }),
    }
}
