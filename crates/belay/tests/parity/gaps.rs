//! Where Belay does not say yet what Linux says. A row goes when its test says that it is closed.

/// File, and what Belay says of its programs today: how its answer begins.
const GAPS: &[(&str, &str)] = &[];

/// What Belay says of the file's programs today, where that is not what is expected.
pub(crate) fn gap(file: &str) -> Option<&'static str> {
    GAPS.iter().find(|(name, _)| *name == file).map(|(_, answer)| *answer)
}

/// Rows that name no file.
pub(crate) fn stale(files: &[String]) -> Vec<&'static str> {
    GAPS.iter().map(|(name, _)| *name).filter(|name| !files.iter().any(|file| file == name)).collect()
}
