//! The pages of `belay explain`: each code has one, and each page's programs are what it says.

use std::collections::BTreeSet;

use belay_diagnostics::{Diagnostic, Page};
use belay_object::{Object, Options};
use belay_verifier::{Judgement, Verdict, verify};

/// The code block behind a heading.
fn block<'a>(page: &'a Page, heading: &str) -> &'a str {
    let marker = format!("\n## {heading}\n\n```asm\n");
    let (_, rest) = page.text.split_once(&marker).unwrap_or_else(|| panic!("{}: no `{heading}`", page.code));
    rest.split_once("```").unwrap_or_else(|| panic!("{}: `{heading}` does not end", page.code)).0
}

fn judge(page: &Page, text: &str) -> Result<(Object, Judgement), String> {
    let object = Object::parse(page.code, text.as_bytes(), &Options::default()).map_err(|e| e.to_string())?;
    assert_eq!(object.programs.len(), 1, "{}: one program a block", page.code);
    let judgement = verify(&object, &object.programs[0], &Default::default());
    Ok((object, judgement))
}

/// What is wrong with a page, if anything.
fn fault(page: &Page) -> Result<(), String> {
    let (object, judgement) = judge(page, block(page, "Wrong"))?;
    let Verdict::Reject(rejection) = &judgement.verdict else {
        return Err(format!("{}: the wrong program is not rejected", page.code));
    };
    if rejection.code.0 != page.code {
        return Err(format!("{}: the wrong program has {}: {}", page.code, rejection.code, rejection.fault));
    }
    let told = Diagnostic::of(&object, &object.programs[0], rejection, belay_spec::Release::LATEST);
    if told.primary().is_none() {
        return Err(format!("{}: no primary label", page.code));
    }
    match judge(page, block(page, "Right"))?.1.verdict {
        Verdict::Accept(_) => Ok(()),
        Verdict::Reject(rejection) => Err(format!(
            "{}: the right program has {}: {} at {}",
            page.code, rejection.code, rejection.fault, rejection.pc
        )),
        Verdict::Unsupported { what, .. } => {
            Err(format!("{}: the right program: unsupported: {what}", page.code))
        }
    }
}

#[test]
fn the_wrong_program_has_the_code_and_the_right_one_is_accepted() {
    let faults: Vec<String> = Page::all().iter().filter_map(|page| fault(page).err()).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let sources =
        [include_str!("../../verifier/src/fault.rs"), include_str!("../../verifier/src/verdict.rs")];
    let is_code = |word: &&str| {
        word.len() == 5
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word[1..].parse::<u16>().is_ok()
    };
    let codes: BTreeSet<&str> = sources.iter().flat_map(|text| text.split('"')).filter(is_code).collect();
    let pages: BTreeSet<&str> = Page::all().iter().map(|page| page.code).collect();
    assert!(codes.len() >= 40, "the codes were not found: {codes:?}");
    assert_eq!(codes, pages);
}

#[test]
fn every_page_begins_with_its_code_and_says_how_to_fix_it() {
    for page in Page::all() {
        assert!(page.text.starts_with(&format!("# {}: ", page.code)), "{}", page.code);
        let given = page.text.contains("\n## Wrong\n") && page.text.contains("\n## Right\n");
        assert!(given, "{}: no programs", page.code);
        assert!(page.text.contains("\n## How to fix it\n\n- "), "{}", page.code);
        assert!(
            page.text.lines().all(|line| line.chars().count() <= 140),
            "{}: a line is too long",
            page.code
        );
    }
    assert_eq!(Page::of("s0101").map(|page| page.code), Some("S0101"));
    assert_eq!(Page::of("S9999"), None);
}
