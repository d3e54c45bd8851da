//! Every program of any object has a verdict: one that is accepted runs without a fault and without a leak, one that is
//! rejected can be explained.
#![no_main]

use std::sync::Arc;

use belay_diagnostics::{Diagnostic, Style, full};
use belay_object::Object;
use belay_sockets::SocketTable;
use belay_spec::Release;
use belay_verifier::{Footing, Options, Verdict, Verified, verify};
use belay_vm::{Checked, FaultKind, Machine, MapLimits, Maps, Packet};
use libfuzzer_sys::fuzz_target;

/// A UDP datagram to port 53 of a host that listens there.
const FRAME: &[u8] = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0\x45\0\0\x20\0\0\0\0\x40\x11\0\0\xc0\0\x02\x02\xc0\0\x02\x01\x9c\x40\0\x35\0\x0c\0\0test";
const SOCKETS: &str =
    "[[udp]]\nlocal = \"0.0.0.0:53\"\n[[tcp]]\nstate = \"listen\"\nlocal = \"0.0.0.0:22\"\n";

fuzz_target!(|bytes: &[u8]| {
    let Some(object) = belay_fuzz::object(bytes) else { return };
    for program in &object.programs {
        match verify(&object, program, &Options::default()).verdict {
            Verdict::Accept(verified) => run(&object, &verified),
            Verdict::Reject(rejection) => {
                let told = Diagnostic::of(&object, program, &rejection, Release::LATEST);
                let _ = full::render(&told, Style { color: false, instructions: true });
            }
            Verdict::Unsupported { .. } => {}
        }
    }
});

fn run(object: &Object, verified: &Verified) {
    // What is safe by a fault of the kernel's alone is not.
    if verified.footing() != Footing::Sound {
        return;
    }
    // Sizes that a machine does not have, and helpers that do not run yet, are answers too.
    let limits = MapLimits { bytes: 1 << 20, ..MapLimits::default() };
    let Ok(maps) = Maps::within(&object.maps, limits) else { return };
    let Ok(mut checked) = Checked::new(verified.program(), Arc::new(maps), Release::LATEST) else { return };
    checked.strictness.uninitialised_stack = false; // Linux lets privileged programs read it
    let mut machine = Machine::new(SocketTable::from_toml("sockets", SOCKETS).expect("a table"));
    let mut packet = Packet::new(FRAME).expect("a frame");
    let report = checked.run(&mut machine, &mut packet);
    if let Err(fault) = &report.result
        && matches!(fault.kind, FaultKind::Unsupported(_) | FaultKind::Budget(_))
    {
        return;
    }
    assert!(report.is_clean(), "accepted, but: {:?} {:?}", report.result, report.leaks);
}
