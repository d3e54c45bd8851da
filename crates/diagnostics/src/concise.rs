//! One line a diagnostic: `file:line:col: error[S0101]: message`, for editors and scripts.

use crate::{Diagnostic, printable};

/// The line, without a line feed. Without source lines the place is the object and the instruction:
/// `fw.bpf.o:ingress:23`.
pub fn render(diagnostic: &Diagnostic) -> String {
    let place = match diagnostic.primary().and_then(|label| label.span.as_ref()) {
        Some(span) => format!("{}:{}:{}", span.file, span.line, span.column),
        None => {
            format!("{}:{}:{}", printable(&diagnostic.path), printable(&diagnostic.program), diagnostic.pc)
        }
    };
    format!("{place}: error[{}]: {}", diagnostic.code, printable(&diagnostic.headline))
}
