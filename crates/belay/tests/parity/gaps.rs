//! Where Belay does not say yet what Linux says. A row goes when its test says that it is closed.

/// File, and what Belay says of its programs today: how its answer begins.
const GAPS: &[(&str, &str)] = &[];

/// What Belay says of the file's programs today, where that is not what is expected.
pub(crate) fn gap(file: &str) -> Option<&'static str> {
    GAPS.iter().find(|(name, _)| *name == file).map(|(_, answer)| *answer)
}

/// Files with a program for whose verdict Belay walks another number of instructions, or keeps another number of states,
/// than Linux 6.18.
const OTHER_COUNTS: &[&str] = &[];

/// Whether the walks over the file's programs are known to differ from Linux's.
pub(crate) fn counts_differ(file: &str) -> bool {
    OTHER_COUNTS.contains(&file)
}

/// Rows that name no file.
pub(crate) fn stale(files: &[String]) -> Vec<&'static str> {
    let rows = GAPS.iter().map(|(name, _)| *name).chain(OTHER_COUNTS.iter().copied());
    rows.filter(|name| !files.iter().any(|file| file == name)).collect()
}
