//! The pages of `belay explain` against the running kernel: it refuses the wrong program in the words that Belay
//! quotes, and takes the right one.

use belay::diagnostics::{Diagnostic, Page};
use belay::linux::{Kernel, LogLevel, Verdict as Asked, verify_object};
use belay::object::{Object, Options};
use belay::spec::Release;
use belay::verifier::{Verdict, verify};

/// Programs that the kernel cannot be asked about: assembly text has no types, which callbacks need (S0114, C0420); a map that is
/// not there cannot be handed over (P0602).
const NOT_ASKED: [&str; 3] = ["P0602", "S0114", "C0420"];

/// Pages whose fault the kernel's 6.18 words in another way than the line that Belay quotes.
const OTHER_WORDS: [&str; 1] = ["C0405"];

fn object(page: &Page, heading: &str) -> Option<Object> {
    let (_, rest) = page.text.split_once(&format!("\n## {heading}\n\n```asm\n"))?;
    let text = rest.split_once("```")?.0;
    Some(Object::parse(page.code, text.as_bytes(), &Options::default()).unwrap_or_else(|e| panic!("{e}")))
}

/// What the kernel says last, or none if it accepts.
fn ask(object: &Object) -> Option<String> {
    let loaded = verify_object(object, LogLevel::Stats).unwrap_or_else(|e| panic!("{}: {e}", object.path));
    match &loaded.programs.first().expect("a program").verdict {
        Asked::Accept(_) => None,
        Asked::Reject(rejected) => Some(rejected.reason().to_owned()),
        Asked::Unjudged(why) => panic!("{}: {why}", object.path),
    }
}

#[test]
fn the_kernel_agrees_with_every_page() {
    let Some(kernel) = Kernel::for_test("the_kernel_agrees_with_every_page") else { return };
    let words_are_known = kernel.profile() == Some(Release::LATEST);
    let mut differing = Vec::new();
    let mut asked = 0;
    for page in Page::all().iter().filter(|page| !NOT_ASKED.contains(&page.code)) {
        let (Some(wrong), Some(right)) = (object(page, "Wrong"), object(page, "Right")) else { continue };
        asked += 1;
        let judgement = verify(&wrong, &wrong.programs[0], &Default::default());
        let Verdict::Reject(rejection) = judgement.verdict else { panic!("{}: not rejected", page.code) };
        let quoted = Diagnostic::of(&wrong, &wrong.programs[0], &rejection, Release::LATEST).kernel;
        match ask(&wrong) {
            None => differing.push(format!("{}: the kernel accepts the wrong program", page.code)),
            // The kernel may go on with numbers that Belay leaves out.
            Some(said)
                if words_are_known
                    && !OTHER_WORDS.contains(&page.code)
                    && !quoted.last().is_some_and(|line| said.starts_with(line.as_str())) =>
            {
                differing.push(format!("{}: the kernel says `{said}`, we quote {quoted:?}", page.code));
            }
            Some(_) => {}
        }
        if let Some(said) = ask(&right) {
            differing.push(format!("{}: the kernel refuses the right program: {said}", page.code));
        }
    }
    assert!(asked > 40, "only {asked} pages");
    assert!(differing.is_empty(), "\n{}", differing.join("\n"));
}
