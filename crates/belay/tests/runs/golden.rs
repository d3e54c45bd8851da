//! What was found once, in `tests/runs`: every runner does what the kernel did, and the kernel still does it.

use std::path::Path;

use belay_linux::{Kernel, NetNs};

use crate::case::Case;
use crate::compare;
use crate::ours::{Judged, Processor, RUNNERS, Ran, judge};

#[test]
fn what_was_found_stays_found() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/runs");
    let mut paths: Vec<_> = std::fs::read_dir(&directory)
        .expect("tests/runs")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "s"))
        .collect();
    paths.sort();
    let kernel = Kernel::for_test("the kernel's part of what was found").is_some();
    let netns = kernel.then(|| NetNs::with_loopback().expect("a namespace"));
    let bless = std::env::var_os("BLESS").is_some();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("readable");
        let (case, expected) = Case::read(&text).unwrap_or_else(|| panic!("{}: no case", path.display()));
        let expected = expected.of_first_cpu();
        if let Some(netns) = &netns {
            let asked = || {
                crate::stay_on(0);
                compare::in_kernel(&case)
            };
            let outcome = netns.run(asked).expect("it is there");
            let outcome = outcome.unwrap_or_else(|why| panic!("{}: {why}", path.display())).of_first_cpu();
            if bless {
                std::fs::write(&path, case.written(&outcome)).expect("written");
                continue;
            }
            assert_eq!(expected.difference(&outcome), None, "{}: the kernel", path.display());
        }
        let object = case.object().unwrap_or_else(|| panic!("{}: no program", path.display()));
        let Judged::Accepted(proofs) = judge(&object) else { panic!("{}: not accepted", path.display()) };
        for (name, run) in RUNNERS {
            match run(&case, &proofs, Processor { number: 0, of: crate::processors() }) {
                Ran::Through(outcome) => {
                    assert_eq!(
                        outcome.of_first_cpu().difference(&expected),
                        None,
                        "{}: {name}",
                        path.display()
                    );
                }
                Ran::Unsupported(why) | Ran::Trouble(why) => panic!("{}: {name}: {why}", path.display()),
            }
        }
    }
}
