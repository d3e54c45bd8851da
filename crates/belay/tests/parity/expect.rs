//! What a program's file expects, in comments at its head:
//!
//! ```text
//! # expect: reject S0101
//! # linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak
//! ```
//!
//! In C the comments begin with `//`. The second line is how a line of that kernel's log begins; `BLESS=1` takes
//! the last.

use std::fmt;
use std::path::Path;

use belay_linux::reason;
use libtest_mimic::Failed;

use crate::judge::Answer;

/// The release whose words the files quote.
const QUOTED: &str = "linux 6.18:";
const EXPECT: &str = "expect:";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Accept,
    Reject,
}

#[derive(Clone, Debug)]
pub(crate) struct Expectation {
    pub(crate) verdict: Verdict,
    /// Belay's code of the refusal; `None` where nobody has written it down yet.
    pub(crate) code: Option<String>,
    /// How a line of Linux 6.18's log begins.
    pub(crate) linux: Option<String>,
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.verdict, &self.code) {
            (Verdict::Accept, _) => f.write_str("accept"),
            (Verdict::Reject, None) => f.write_str("reject"),
            (Verdict::Reject, Some(code)) => write!(f, "reject {code}"),
        }
    }
}

impl Expectation {
    /// What the file expects of its programs: the text itself says it, or the C file beside the object.
    pub(crate) fn beside(path: &Path) -> Result<Expectation, Failed> {
        let source = if path.extension().is_some_and(|e| e == "o") {
            path.with_extension("c")
        } else {
            path.to_path_buf()
        };
        let text = std::fs::read_to_string(&source).map_err(|e| format!("{}: {e}", source.display()))?;
        let mut expectation = Expectation { verdict: Verdict::Accept, code: None, linux: None };
        for comment in text.lines().filter_map(comment) {
            if let Some(value) = comment.strip_prefix(EXPECT) {
                (expectation.verdict, expectation.code) = verdict(value.trim())
                    .ok_or_else(|| format!("{}: no verdict: `{}`", source.display(), value.trim()))?;
            } else if let Some(value) = comment.strip_prefix(QUOTED) {
                expectation.linux = Some(value.trim().to_string());
            }
        }
        Ok(expectation)
    }
}

/// A comment's text, if the line is nothing else.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim();
    line.strip_prefix("//").or_else(|| line.strip_prefix('#')).map(str::trim)
}

fn verdict(text: &str) -> Option<(Verdict, Option<String>)> {
    let mut words = text.split_whitespace();
    let verdict = match words.next()? {
        "accept" => (Verdict::Accept, None),
        "reject" => (Verdict::Reject, words.next().map(str::to_string)),
        _ => return None,
    };
    words.next().is_none().then_some(verdict)
}

/// Rewrites the expectation of a text: the verdict and words of the kernel, or Belay's verdict where there is no kernel, and
/// Belay's code.
pub(crate) fn bless(path: &Path, linux: Option<&Answer>, belay: &Answer) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let old = Expectation::beside(path)?;
    let verdict = linux
        .unwrap_or(belay)
        .verdict()
        .ok_or_else(|| format!("no verdict to write down: {}", linux.unwrap_or(belay)))?;
    let code = match belay {
        Answer::Reject { code, .. } if verdict == Verdict::Reject && !code.is_empty() => Some(code.clone()),
        _ if verdict == Verdict::Reject => old.code,
        _ => None,
    };
    let words = match linux {
        Some(Answer::Reject { log, .. }) => Some(reason(log).to_string()),
        Some(_) => None,
        None => old.linux,
    };
    let mut head = vec![format!("# {EXPECT} {}", Expectation { verdict, code, linux: None })];
    head.extend(words.map(|words| format!("# {QUOTED} {words}")));
    // The expectation stands where it stood, or on top.
    let is_old = |line: &str| comment(line).is_some_and(|c| c.starts_with(EXPECT) || c.starts_with(QUOTED));
    let at = text.lines().position(is_old).unwrap_or(0);
    let mut lines: Vec<String> = text.lines().filter(|line| !is_old(line)).map(str::to_string).collect();
    lines.splice(at..at, head);
    let new = lines.join("\n") + "\n";
    if new != text {
        std::fs::write(path, new).map_err(|e| format!("{}: {e}", path.display()))?;
        eprintln!("blessed {}", path.display());
    }
    Ok(())
}
