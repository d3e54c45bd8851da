//! Reading the measured facts.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// The facts of that file of `tests/facts`.
pub(crate) fn read(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/facts").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
