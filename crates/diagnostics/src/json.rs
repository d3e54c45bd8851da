//! The JSON form. One schema, versioned; fields are only added.

use serde::Serialize;

use crate::{Diagnostic, Label, Role};

/// Version of the schema that every document names.
pub const SCHEMA: u32 = 1;

/// A diagnostic as JSON.
#[derive(Serialize, Debug)]
#[allow(missing_docs, reason = "the names are the schema; `Diagnostic` says what they mean")]
pub struct JsonDiagnostic {
    pub code: &'static str,
    pub message: String,
    pub insn: u32,
    pub spans: Vec<JsonSpan>,
    pub help: Vec<String>,
    pub notes: Vec<String>,
    pub kernel_message: String,
    pub kernel_log: Vec<String>,
}

/// A label as JSON: `source` is null where the object records no lines.
#[derive(Serialize, Debug)]
#[allow(missing_docs, reason = "the names are the schema; `Label` says what they mean")]
pub struct JsonSpan {
    pub role: &'static str,
    pub label: String,
    pub insn: u32,
    pub instruction: String,
    pub source: Option<JsonSource>,
}

/// Words of a source line as JSON. Columns are counted in characters from 1; `end_column` is behind the last one.
#[derive(Serialize, Debug)]
#[allow(missing_docs, reason = "the names are the schema; `Span` says what they mean")]
pub struct JsonSource {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub end_column: u32,
    pub text: String,
}

impl From<&Diagnostic> for JsonDiagnostic {
    fn from(diagnostic: &Diagnostic) -> JsonDiagnostic {
        JsonDiagnostic {
            code: diagnostic.code.0,
            message: diagnostic.headline.clone(),
            insn: diagnostic.pc.0,
            spans: diagnostic.labels.iter().map(JsonSpan::from).collect(),
            help: diagnostic.help.clone(),
            notes: diagnostic.notes.clone(),
            kernel_message: diagnostic.kernel.first().cloned().unwrap_or_default(),
            kernel_log: diagnostic.kernel.clone(),
        }
    }
}

impl From<&Label> for JsonSpan {
    fn from(label: &Label) -> JsonSpan {
        JsonSpan {
            role: match label.role {
                Role::Primary => "primary",
                Role::Secondary => "secondary",
            },
            label: label.text.clone(),
            insn: label.pc.0,
            instruction: label.insn.clone(),
            source: label.span.as_ref().map(|span| JsonSource {
                file: span.file.clone(),
                line: span.line,
                column: span.column,
                end_column: span.end_column,
                text: span.text.clone(),
            }),
        }
    }
}
