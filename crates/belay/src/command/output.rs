//! Where a report goes, and how it is coloured.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use belay_diagnostics::Style;
use clap::ValueEnum;
use serde::Serialize;

use super::args::{Color, OutputArgs};
use super::{Error, Streams};

/// The sink of a report.
pub(crate) struct Output<'s> {
    writer: BufWriter<Box<dyn Write + 's>>,
    color: bool,
}

impl<'s> Output<'s> {
    /// Standard output, or the file of `-o`.
    pub(crate) fn open<F: ValueEnum + Clone + Send + Sync + 'static>(
        args: &OutputArgs<F>,
        streams: &'s mut Streams,
    ) -> Result<Output<'s>, Error> {
        let colors = streams.colors && args.output.is_none();
        let sink: Box<dyn Write + 's> = match &args.output {
            Some(path) if path != "-" => Box::new(
                File::create(path).map_err(|e| Error::file(path, format!("cannot be written: {e}")))?,
            ),
            _ => Box::new(&mut streams.stdout),
        };
        let color = match args.color {
            Color::Auto => colors,
            Color::Always => true,
            Color::Never => false,
        };
        Ok(Output { writer: BufWriter::new(sink), color })
    }

    /// Whether the sink takes colours.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// Hands on what was written, for whoever watches.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush().map_err(|e| Error::output(&e))
    }

    pub(crate) fn style(&self, args: &OutputArgs) -> Style {
        Style { color: self.color, instructions: args.verbose }
    }

    pub(crate) fn line(&mut self, line: impl std::fmt::Display) -> Result<(), Error> {
        writeln!(self.writer, "{line}").map_err(|e| Error::output(&e))
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<(), Error> {
        self.writer.write_all(text.as_bytes()).map_err(|e| Error::output(&e))
    }

    pub(crate) fn json(&mut self, document: &impl Serialize) -> Result<(), Error> {
        match serde_json::to_string_pretty(document) {
            Ok(text) => self.line(text),
            Err(error) => Err(Error::new(format!("cannot write JSON: {error}"))),
        }
    }

    /// To be called at the end: an error that only shows when the last bytes are written must not be lost.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.writer.flush().map_err(|e| Error::output(&e))
    }
}

/// An error as a JSON document.
pub(crate) fn json_error(out: &mut dyn Write, message: &str) -> io::Result<()> {
    let document = serde_json::json!({
        "schema": belay_diagnostics::json::SCHEMA,
        "error": { "message": message },
    });
    writeln!(out, "{document:#}")
}

/// Whether a command line that did not parse asked for JSON.
pub(crate) fn asked_for_json(args: &[OsString]) -> bool {
    let pair = args.windows(2).any(|pair| match pair {
        [flag, value] => flag == "--format" && value == "json",
        _ => false,
    });
    pair || args.iter().any(|arg| arg == "--format=json")
        || std::env::var_os("BELAY_FORMAT").is_some_and(|format| format == "json")
}
