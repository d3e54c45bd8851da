//! Any text is a table of sockets or an error, and a table reads back as itself.
#![no_main]

use belay_sockets::SocketTable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(table) = SocketTable::from_toml("fuzz", text) {
        let written = table.to_toml();
        let again = SocketTable::from_toml("written", &written).unwrap_or_else(|e| panic!("{e}\n{written}"));
        assert_eq!(again.to_toml(), written);
    }
});
