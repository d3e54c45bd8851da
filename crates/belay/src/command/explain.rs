//! `belay explain`: what a code means, and how to fix it.

use belay_diagnostics::Page;
use serde::Serialize;

use super::args::{ExplainArgs, Format};
use super::{Error, Exit, Output, Streams};

#[derive(Serialize)]
struct Document {
    schema: u32,
    codes: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    code: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'static str>,
}

pub(super) fn explain(args: &ExplainArgs, streams: &mut Streams) -> Result<Exit, Error> {
    let pages: Vec<&Page> = match &args.code {
        None => Page::all().iter().collect(),
        Some(code) => {
            let unknown = || Error::new(format!("no such code `{code}`; `belay explain` lists all"));
            vec![Page::of(code).ok_or_else(unknown)?]
        }
    };
    let one = args.code.is_some();
    let mut out = Output::open(&args.output, streams)?;
    match args.output.format {
        Format::Json => {
            let entry =
                |page: &&Page| Entry { code: page.code, title: page.title(), text: one.then_some(page.text) };
            out.json(&Document {
                schema: belay_diagnostics::json::SCHEMA,
                codes: pages.iter().map(entry).collect(),
            })?;
        }
        Format::Full if one => {
            for page in pages {
                out.text(page.text)?;
            }
        }
        Format::Full | Format::Concise => {
            for page in pages {
                out.line(format!("{}  {}", page.code, page.title()))?;
            }
        }
    }
    out.finish()?;
    Ok(Exit::Clean)
}
