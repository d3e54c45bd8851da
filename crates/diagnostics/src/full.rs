//! The full text: source lane, instruction lane, help, the kernel's words.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::{Diagnostic, Label, Role, Span, printable};

/// How it is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// With terminal colours.
    pub color: bool,
    /// With the instruction lane even where there are source lines.
    pub instructions: bool,
}

/// Lines between two labels that are still shown as one stretch of a file; more would be made up only to be folded.
const STRETCH: u32 = 200;

/// The whole report, with a line feed at its end.
pub fn render(diagnostic: &Diagnostic, style: Style) -> String {
    let with_source = diagnostic.labels.iter().any(|label| label.span.is_some());
    let stretches = stretches(diagnostic);
    // Of one inline-assembly statement, or one line with several steps, only the instructions tell the labels apart.
    let lane = (style.instructions || !with_source || shares_words(diagnostic)).then(|| Lane::of(diagnostic));

    let headline = printable(&diagnostic.headline);
    let mut group = Group::with_title(Level::ERROR.primary_title(headline).id(diagnostic.code.0));
    for stretch in &stretches {
        group = group.element(stretch.snippet());
    }
    if let Some(lane) = lane.as_ref().filter(|_| !with_source) {
        group = group.element(Origin::path(&lane.origin)).element(lane.snippet());
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(printable(note)));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    for line in &diagnostic.kernel {
        group = group.element(Level::NOTE.with_name("kernel 6.18").message(printable(line)));
    }
    let more = format!("try `belay explain {}`", diagnostic.code);
    group = group.element(Level::NOTE.with_name("for more").message(more));
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    let mut report = vec![group];
    if let Some(lane) = lane.as_ref().filter(|_| with_source) {
        let title = format!("the same in instructions of `{}`", printable(&diagnostic.program));
        report.push(Group::with_title(Level::NOTE.secondary_title(title)).element(lane.snippet()));
    }
    let mut text = renderer.render(&report);
    text.push('\n');
    text
}

/// Whether two labels stand on the very same words.
fn shares_words(diagnostic: &Diagnostic) -> bool {
    let spans: Vec<&Span> = diagnostic.labels.iter().filter_map(|label| label.span.as_ref()).collect();
    spans.iter().enumerate().any(|(at, span)| spans.iter().skip(at + 1).any(|other| other == span))
}

/// Lines of a file that lie near each other, put together as a text.
struct Stretch {
    file: String,
    first: u32,
    text: String,
    marks: Vec<(Range<usize>, Role, String)>,
}

impl Stretch {
    fn snippet(&self) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let marks = self.marks.iter().map(|(range, role, text)| kind(*role).span(range.clone()).label(text));
        Snippet::source(&self.text)
            .path(&self.file)
            .line_start(self.first as usize)
            .fold(true)
            .annotations(marks)
    }
}

fn kind(role: Role) -> AnnotationKind {
    match role {
        Role::Primary => AnnotationKind::Primary,
        Role::Secondary => AnnotationKind::Context,
    }
}

/// The labelled lines, by file and distance; the stretch of the fault comes first.
fn stretches(diagnostic: &Diagnostic) -> Vec<Stretch> {
    let placed: Vec<(&Label, &Span)> =
        diagnostic.labels.iter().filter_map(|label| Some((label, label.span.as_ref()?))).collect();
    // On the same words one label is enough: the fault's, or the first. The instruction lane has all.
    let mut kept: Vec<(&Label, &Span)> = Vec::new();
    for (label, span) in placed {
        match kept.iter_mut().find(|(_, other)| *other == span) {
            Some(other) if label.role == Role::Primary => other.0 = label,
            Some(_) => {}
            None => kept.push((label, span)),
        }
    }
    let mut placed = kept;
    placed.sort_by(|(_, a), (_, b)| (&a.file, a.line).cmp(&(&b.file, b.line)));
    let mut groups: Vec<Vec<(&Label, &Span)>> = Vec::new();
    for (label, span) in placed {
        let near = groups.last().and_then(|group| group.last()).is_some_and(|(_, last)| {
            last.file == span.file && span.line.saturating_sub(last.line) <= STRETCH
        });
        match groups.last_mut() {
            Some(group) if near => group.push((label, span)),
            _ => groups.push(vec![(label, span)]),
        }
    }
    groups.sort_by_key(|group| !group.iter().any(|(label, _)| label.role == Role::Primary));
    groups.iter().map(|group| stretch(group, &diagnostic.context)).collect()
}

fn stretch(group: &[(&Label, &Span)], context: &BTreeMap<(String, u32), String>) -> Stretch {
    let lines: BTreeMap<u32, &str> = group.iter().map(|(_, span)| (span.line, span.text.as_str())).collect();
    let file = group.first().map_or_else(String::new, |(_, span)| span.file.clone());
    let first = lines.keys().next().copied().unwrap_or(1);
    let last = lines.keys().next_back().copied().unwrap_or(first);
    let mut text = String::new();
    let mut starts = BTreeMap::new();
    for number in first..=last {
        starts.insert(number, text.len());
        let near = || context.get(&(file.clone(), number)).map(String::as_str);
        text.push_str(lines.get(&number).copied().or_else(near).unwrap_or(""));
        text.push('\n');
    }
    let mark = |(label, span): &(&Label, &Span)| {
        let start = starts.get(&span.line).copied().unwrap_or(0);
        let line = lines.get(&span.line).copied().unwrap_or("");
        let range = start + byte_at(line, span.column)..start + byte_at(line, span.end_column);
        (range, label.role, label.text.clone())
    };
    Stretch { file, first, text, marks: group.iter().map(mark).collect() }
}

/// The byte of a line at which a column, counted in characters from 1, begins.
fn byte_at(line: &str, column: u32) -> usize {
    line.char_indices().nth(column.saturating_sub(1) as usize).map_or(line.len(), |(at, _)| at)
}

/// The labelled instructions, as the kernel's log writes them.
struct Lane {
    /// Object, program and instruction, where no source line says where we are.
    origin: String,
    text: String,
    marks: Vec<(Range<usize>, Role, String)>,
}

impl Lane {
    fn of(diagnostic: &Diagnostic) -> Lane {
        let mut labels: Vec<&Label> = diagnostic.labels.iter().collect();
        labels.sort_by_key(|label| label.pc);
        let (mut text, mut marks) = (String::new(), Vec::new());
        for label in labels {
            let line = format!("{}: {}", label.pc, printable(&label.insn));
            let start = text.len() + format!("{}: ", label.pc).len();
            text.push_str(&line);
            marks.push((start..text.len(), label.role, label.text.clone()));
            text.push('\n');
        }
        let (path, program) = (printable(&diagnostic.path), printable(&diagnostic.program));
        Lane { origin: format!("{path}:{program}:{}", diagnostic.pc), text, marks }
    }

    fn snippet(&self) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let marks = self.marks.iter().map(|(range, role, text)| kind(*role).span(range.clone()).label(text));
        Snippet::source(&self.text).line_numbering(false).fold(false).annotations(marks)
    }
}
