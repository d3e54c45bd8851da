//! Seeds handed out to all processors, and a directory for what they find.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A number from the environment.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Seeds that nobody tried yet.
pub(crate) struct Seeds {
    next: AtomicU64,
    end: u64,
}

impl Seeds {
    pub(crate) fn new(first: u64, count: u64) -> Seeds {
        Seeds { next: AtomicU64::new(first), end: first.saturating_add(count) }
    }

    /// The next one, until all are tried.
    pub(crate) fn take(&self) -> Option<u64> {
        let seed = self.next.fetch_add(1, Ordering::Relaxed);
        (seed < self.end).then_some(seed)
    }
}

/// Runs a worker on each processor, which is numbered; what each came to.
///
/// # Panics
/// With the panic of a worker.
pub(crate) fn on_all_processors<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..workers).map(|number| scope.spawn(move || work(number))).collect();
        running
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Writes down what was found, into `BELAY_FOUND` or the build's own temporary directory; where, or why not.
pub(crate) fn keep(test: &str, name: &str, text: &str) -> String {
    let directory = std::env::var_os("BELAY_FOUND")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join(test), PathBuf::from);
    let path = directory.join(name);
    let written = std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&path, text));
    written.map_or_else(|e| format!("not kept: {e}"), |()| path.display().to_string())
}
