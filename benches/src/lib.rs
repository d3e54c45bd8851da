//! Belay beside its peers and the kernel: what `cargo bench` measures, and how.
//!
//! Absolute times mean little on a shared machine. Whatever is compared is measured in turns within one run, in short
//! batches, and of each only the best batch counts: the one that nobody disturbed.

pub mod peers;
pub mod programs;

use std::time::{Duration, Instant};

/// Something to be timed.
pub struct Subject<'s> {
    /// Its column in the table.
    pub name: &'static str,
    /// Runs that many times; how long one run took, in nanoseconds.
    pub batch: Box<dyn FnMut(u32) -> f64 + 's>,
}

impl<'s> Subject<'s> {
    /// A subject that runs in this process.
    pub fn new(name: &'static str, mut run: impl FnMut() + 's) -> Subject<'s> {
        let batch = move |runs: u32| {
            let started = Instant::now();
            for _ in 0..runs {
                run();
            }
            started.elapsed().as_nanos() as f64 / f64::from(runs)
        };
        Subject { name, batch: Box::new(batch) }
    }
}

/// How long a batch takes, about.
const BATCH: Duration = Duration::from_millis(3);
/// Batches of each subject.
const PASSES: usize = 40;

/// Measures all subjects in turns; the best time of each, in nanoseconds a run.
pub fn measure(subjects: &mut [Subject<'_>]) -> Vec<f64> {
    let sizes: Vec<u32> = subjects.iter_mut().map(calibrate).collect();
    let mut best = vec![f64::INFINITY; subjects.len()];
    for _ in 0..PASSES {
        for ((subject, size), best) in subjects.iter_mut().zip(&sizes).zip(&mut best) {
            *best = best.min((subject.batch)(*size));
        }
    }
    best
}

/// How many runs make a batch.
fn calibrate(subject: &mut Subject<'_>) -> u32 {
    let mut runs = 1;
    loop {
        let time = (subject.batch)(runs) * f64::from(runs);
        if time > BATCH.as_nanos() as f64 / 4.0 || runs >= 1 << 20 {
            let one = time / f64::from(runs);
            return ((BATCH.as_nanos() as f64 / one.max(0.1)) as u32).clamp(1, 1 << 22);
        }
        runs *= 4;
    }
}
