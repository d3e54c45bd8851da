//! What only a kernel has is refused before a program runs: its own layouts of objects and of maps.

use std::sync::Arc;

use belay_object::{Object, Options};
use belay_verifier::{Verdict, verify};
use belay_vm::{Interpreter, Maps, PrepareError};

#[test]
fn fields_of_maps_themselves_are_unsupported() {
    for load in ["r0 = *(u32 *)(r1 + 24)", "r0 = *(u64 *)(r1 + 0)"] {
        let text = format!(
            ".license GPL\n.map m kind=array key=4 value=8 entries=8\n.section tc\n.prog test\nr1 = m ll\n{load}\nr0 = 0\nexit\n"
        );
        let object = Object::parse("t.s", text.as_bytes(), &Options::default()).expect("well formed");
        let judgement = verify(&object, &object.programs[0], &belay_verifier::Options::default());
        let Verdict::Accept(verified) = judgement.verdict else { panic!("the kernel accepts it") };
        let maps = Arc::new(Maps::from_defs(&object.maps).expect("the maps can be made"));
        let error = Interpreter::new(&verified, maps).expect_err("there is no such memory");
        assert!(matches!(error, PrepareError::Unsupported { .. }), "{error}");
    }
}
