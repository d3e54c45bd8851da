//! Source lines of linked programs, each string kept once.
//!
//! Many records name one string, and a hostile object has each of a million records name another tail of a long one: what
//! is kept is bounded by the size of the object's strings.

use std::collections::HashMap;
use std::sync::Arc;

use belay_isa::Pc;

use crate::btf::{Btf, Ext, LineInfo};
use crate::program::{BtfLine, Line};

pub(crate) struct Lines<'a> {
    btf: Option<&'a Btf>,
    ext: &'a Ext,
    /// Strings by their offset.
    known: HashMap<u32, Arc<str>>,
    /// Bytes that may still be kept.
    budget: usize,
    empty: Arc<str>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(btf: Option<&'a Btf>, ext: &'a Ext) -> Lines<'a> {
        let budget = 4 * btf.map_or(0, |btf| btf.bytes().len());
        Lines { btf, ext, known: HashMap::new(), budget, empty: "".into() }
    }

    /// Appends the lines of `len` slots from `start` of a section, which a program has at `pc`.
    pub(crate) fn extend(
        &mut self,
        program: (&mut Vec<Line>, &mut Vec<BtfLine>),
        section: &str,
        start: u32,
        len: u32,
        pc: Pc,
    ) {
        let ext = self.ext;
        let infos = ext.lines.get(section).map(Vec::as_slice).unwrap_or_default();
        let from = infos.partition_point(|info| info.slot < start);
        let mut last = None;
        for info in infos.get(from..).unwrap_or_default() {
            let Some(slot) = info.slot.checked_sub(start).filter(|&slot| slot < len) else { break };
            // The kernel wants ascending offsets: of several records for a slot the first counts.
            if last.replace(slot) == Some(slot) {
                continue;
            }
            let Some(pc) = pc.0.checked_add(slot).map(Pc) else { break };
            let &LineInfo { file_name_off, line_off, line_col, .. } = info;
            program.0.push(Line {
                pc,
                file: self.string(file_name_off),
                line: line_col >> 10,
                column: line_col & 0x3ff,
                text: self.string(line_off),
            });
            program.1.push(BtfLine { pc, file_name_off, line_off, line_col });
        }
    }

    fn string(&mut self, offset: u32) -> Arc<str> {
        if let Some(known) = self.known.get(&offset) {
            return known.clone();
        }
        let text = self.btf.map(|btf| btf.string(offset)).unwrap_or_default();
        let Some(left) = self.budget.checked_sub(text.len()) else { return self.empty.clone() };
        self.budget = left;
        let text: Arc<str> = text.into();
        self.known.insert(offset, text.clone());
        text
    }
}
