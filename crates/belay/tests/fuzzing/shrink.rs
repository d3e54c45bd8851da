//! A program with as few lines as still show what was found.

/// How many lines are taken away at once: first many, so that long programs shrink fast.
const AT_ONCE: [usize; 4] = [32, 8, 2, 1];

/// Takes lines away that may go, as long as `still` holds.
pub(crate) fn fewer_lines(text: &str, may_go: impl Fn(&str) -> bool, still: impl Fn(&str) -> bool) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    for at_once in AT_ONCE {
        while let Some(fewer) = one_pass(&lines, at_once, &may_go, &still) {
            lines = fewer;
        }
    }
    lines.join("\n")
}

/// One pass from the end to the start; none if nothing could go.
fn one_pass<'t>(
    lines: &[&'t str],
    at_once: usize,
    may_go: impl Fn(&str) -> bool,
    still: impl Fn(&str) -> bool,
) -> Option<Vec<&'t str>> {
    let mut kept = lines.to_vec();
    let mut end = kept.len();
    while end > 0 {
        let start = end.saturating_sub(at_once);
        let mut fewer = kept.clone();
        fewer.splice(start..end, kept[start..end].iter().copied().filter(|line| !may_go(line)));
        if fewer.len() < kept.len() && still(&fewer.join("\n")) {
            kept = fewer;
        }
        end = start;
    }
    (kept.len() < lines.len()).then_some(kept)
}
