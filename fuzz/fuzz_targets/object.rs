//! Any bytes are an object or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = belay_fuzz::object(bytes);
});
