//! The shape of the TOML text, field by field. What the fields mean is `read`'s business.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) netns: Vec<Netns>,
    #[serde(default)]
    pub(super) tcp: Vec<Sock>,
    #[serde(default)]
    pub(super) udp: Vec<Sock>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Netns {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) devices: Vec<Device>,
    #[serde(default)]
    pub(super) nsids: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Device {
    pub(super) name: Spanned<String>,
    pub(super) ifindex: u32,
    #[serde(default)]
    pub(super) addresses: Vec<Spanned<String>>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Sock {
    pub(super) netns: Option<Spanned<String>>,
    pub(super) state: Option<Spanned<String>>,
    pub(super) local: Spanned<String>,
    pub(super) remote: Option<Spanned<String>>,
    pub(super) v6only: Option<bool>,
    pub(super) device: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) reuseport: bool,
    #[serde(default)]
    pub(super) reuseaddr: bool,
    #[serde(default)]
    pub(super) mark: u32,
    #[serde(default)]
    pub(super) priority: u32,
    #[serde(default)]
    pub(super) uid: u32,
    #[serde(default)]
    pub(super) cookie: u64,
    pub(super) rx_queue: Option<i32>,
    #[serde(default)]
    pub(super) tcp_info: BTreeMap<Spanned<String>, Spanned<u64>>,
}
