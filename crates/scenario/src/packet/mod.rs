//! Packets: written as layers, built, read back, compared.

mod bits;
mod build;
mod compare;
mod dissect;
mod layer;
mod text;

pub(crate) use build::{bytes, frame};
pub use compare::Difference;
pub(crate) use compare::{compare, lacks, row};
pub use text::TextError;
pub(crate) use text::{Layer, hex, parse};

/// The Ethernet frame that a text like `eth / ip / tcp dport=443 syn` describes.
///
/// # Errors
/// With the offset of the word that is wrong.
pub fn from_layers(text: &str) -> Result<Vec<u8>, TextError> {
    let layers = parse(text)?;
    frame(&layers).map_err(|message| TextError { at: 0, message })
}
