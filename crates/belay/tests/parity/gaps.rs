//! Where Belay does not say yet what Linux says. A row goes when its test says that it is closed.

/// File, and what Belay says of its programs today: how its answer begins.
const GAPS: &[(&str, &str)] = &[
    ("tests/programs/lifetime/correct-sk-lookup-hook.bpf.o", "unsupported: look-ups in socket maps"),
    ("tests/programs/lifetime/correct-skc.bpf.o", "unsupported: the result of `bpf_skc_to_tcp_sock`"),
    ("tests/programs/loops/may-goto.s", "unsupported: `may_goto`"),
    ("tests/programs/loops/without-progress.s", "reject F0506"),
    ("tests/programs/maps/lookup-in-a-ring-buffer.s", "accept"),
    ("tests/programs/maps/tail-call-into-an-array.s", "accept"),
    ("tests/programs/sockets/assign-at-sk-lookup.s", "unsupported: look-ups in socket maps"),
    ("tests/programs/sockets/cast-released.s", "unsupported: the result of `bpf_skc_to_tcp_sock`"),
    ("tests/programs/sockets/socket-from-a-sockmap-leaked.s", "unsupported: look-ups in socket maps"),
    ("tests/programs/sockets/socket-from-a-sockmap.s", "unsupported: look-ups in socket maps"),
];

/// What Belay says of the file's programs today, where that is not what is expected.
pub(crate) fn gap(file: &str) -> Option<&'static str> {
    GAPS.iter().find(|(name, _)| *name == file).map(|(_, answer)| *answer)
}

/// Rows that name no file.
pub(crate) fn stale(files: &[String]) -> Vec<&'static str> {
    GAPS.iter().map(|(name, _)| *name).filter(|name| !files.iter().any(|file| file == name)).collect()
}
