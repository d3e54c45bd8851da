//! A kernel image, and what it takes to ask it: QEMU, the static judge, one boot.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use belay_spec::Release;

use crate::initramfs::Initramfs;
use crate::question::{Answer, Question, What};
use crate::remembered::Remembered;
use crate::wire;

/// The emulator.
const QEMU: &str = "qemu-system-x86_64";
/// What the judge is built for: a static binary runs on a kernel alone.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Longest time without an answer. The slowest programs walk a million instructions, some minutes of an emulated machine.
const SILENCE: Duration = Duration::from_secs(240);
/// Memory of the guest in MiB: the archive, its files, and the logs of the largest programs.
const MEMORY: &str = "2048";

/// Processors of the guest: the verifier bounds the number of one by it.
pub const PROCESSORS: u32 = 1;

/// A kernel that can be booted.
#[derive(Clone, Debug)]
pub struct Machine {
    release: Release,
    image: PathBuf,
}

/// Why a kernel cannot be booted here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unavailable {
    /// The reason, one line.
    pub reason: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Unavailable {}

/// What went wrong with a boot.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file, or a process that does not start.
    #[error("{doing}: {error}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's error.
        error: std::io::Error,
    },
    /// The judge does not build.
    #[error("the judge does not build:\n{0}")]
    Judge(String),
    /// The guest ended, or was ended, before it had answered everything.
    #[error(
        "linux {release} fell silent after {answers} answers ({why}); the last lines of its console:\n{console}"
    )]
    Silent {
        /// Which kernel.
        release: Release,
        /// How many answers came.
        answers: usize,
        /// How it ended.
        why: String,
        /// The end of the console's log.
        console: String,
    },
}

impl Machine {
    /// The newest image of that release in the cache: `vmlinuz-6.1.*` in `$BELAY_KERNELS` or `~/.cache/belay-kernels`.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub fn find(release: Release) -> Result<Machine, Unavailable> {
        let unavailable = |reason: String| Unavailable { reason };
        let works = |status: ExitStatus| status.success();
        if !Command::new(QEMU).arg("--version").stdout(Stdio::null()).status().is_ok_and(works) {
            return Err(unavailable(format!("`{QEMU}` is not installed")));
        }
        let directory = cache();
        let prefix = format!("vmlinuz-{release}.");
        let images = std::fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.path());
        let newest = images
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
            .max_by_key(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok());
        let image = newest.ok_or_else(|| {
            unavailable(format!("no kernel `{prefix}*` in {}: run `tests/vm/fetch`", directory.display()))
        })?;
        Ok(Machine { release, image })
    }

    /// For tests: the machine, or `None` with a message that the test is skipped.
    ///
    /// # Panics
    /// If there is none although the environment's `BELAY_REQUIRE` names `qemu`.
    pub fn for_test(release: Release, test: &str) -> Option<Machine> {
        let unavailable = match Machine::find(release) {
            Ok(machine) => return Some(machine),
            Err(unavailable) => unavailable,
        };
        let required = std::env::var("BELAY_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|word| word.trim() == "qemu"),
            "{test}: BELAY_REQUIRE names `qemu`, but {unavailable}"
        );
        eprintln!("skipped: {test} (linux {release}): {unavailable}");
        None
    }

    /// Which release it is.
    pub fn release(&self) -> Release {
        self.release
    }

    /// Boots once and asks everything. The answers come in the order of the questions; one about an object has an
    /// answer a program. What the same judge was asked of the same image before is remembered.
    ///
    /// # Errors
    /// No verdict counts if the guest did not get to the end.
    pub fn ask(&self, questions: &[Question]) -> Result<Vec<Answer>, MachineError> {
        let archive = archive(&judge()?, questions)?;
        let remembered = Remembered::of(&self.image, &archive);
        if let Some(answers) = remembered.recall() {
            return Ok(answers);
        }
        let answers = self.boot_and_ask(&archive)?;
        remembered.keep(&answers)?;
        Ok(answers)
    }

    fn boot_and_ask(&self, archive: &[u8]) -> Result<Vec<Answer>, MachineError> {
        let place = Scratch::new(self.release)?;
        write(&place.file("initramfs"), archive)?;
        let mut guest = self.boot(&place)?;
        let why = watch(&mut guest, &place.file("answers"));
        let text =
            String::from_utf8_lossy(&std::fs::read(place.file("answers")).unwrap_or_default()).into_owned();
        let answers: Vec<Answer> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if !text.lines().any(|line| line == wire::END) {
            let said = |name: &str| std::fs::read(place.file(name)).unwrap_or_default();
            let console = tail(&String::from_utf8_lossy(&[said("qemu"), said("console")].concat()));
            return Err(MachineError::Silent { release: self.release, answers: answers.len(), why, console });
        }
        Ok(answers)
    }

    fn boot(&self, place: &Scratch) -> Result<Child, MachineError> {
        let serial = |name: &str| format!("file:{}", place.file(name).display());
        Command::new(QEMU)
            // Emulated, even where there is virtualisation: that runs anywhere, and the same everywhere.
            .args(["-accel", "tcg", "-cpu", "max", "-smp", &PROCESSORS.to_string(), "-m", MEMORY])
            .args(["-nodefaults", "-display", "none", "-no-reboot"])
            .args(["-serial", &serial("console"), "-serial", &serial("answers")])
            .arg("-kernel")
            .arg(&self.image)
            .arg("-initrd")
            .arg(place.file("initramfs"))
            // Without mitigations the guest is faster; no verdict of a privileged loader depends on them. Its timers are not
            // checked: on a busy host they tick late.
            .args(["-append", "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check rdinit=/init"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(place.file("qemu")).map_or_else(|_| Stdio::null(), Stdio::from))
            .spawn()
            .map_err(|error| MachineError::Io { doing: format!("start `{QEMU}`"), error })
    }
}

/// Where the kernels are.
pub(crate) fn cache() -> PathBuf {
    match (std::env::var_os("BELAY_KERNELS"), std::env::var_os("HOME")) {
        (Some(directory), _) => PathBuf::from(directory),
        (None, home) => PathBuf::from(home.unwrap_or_default()).join(".cache/belay-kernels"),
    }
}

/// Waits for the guest to power off; ends it when it has been silent for too long. Says how it ended.
fn watch(guest: &mut Child, answers: &Path) -> String {
    let (mut seen, mut since) = (0, Instant::now());
    loop {
        match guest.try_wait() {
            Ok(Some(status)) => return format!("`{QEMU}`: {status}"),
            Ok(None) => {}
            Err(error) => return error.to_string(),
        }
        let size = std::fs::metadata(answers).map_or(0, |meta| meta.len());
        if size != seen {
            (seen, since) = (size, Instant::now());
        }
        if since.elapsed() > SILENCE {
            // It may have ended by itself meanwhile.
            let _ = guest.kill();
            let _ = guest.wait();
            return format!("nothing for {} s", SILENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The archive that the guest boots from.
fn archive(judge: &Path, questions: &[Question]) -> Result<Vec<u8>, MachineError> {
    let judge = std::fs::read(judge)
        .map_err(|error| MachineError::Io { doing: format!("read {}", judge.display()), error })?;
    let mut archive = Initramfs::default();
    for directory in ["dev", "proc", "sys", wire::OBJECTS] {
        archive.directory(directory);
    }
    archive.program("init", &judge);
    let mut lines = String::new();
    for (number, question) in questions.iter().enumerate() {
        lines += &serde_json::to_string(question).map_err(|error| MachineError::Io {
            doing: "write a question".to_owned(),
            error: error.into(),
        })?;
        lines.push('\n');
        if let What::Object { bytes, .. } = &question.what {
            archive.file(&format!("{}/{number}", wire::OBJECTS), bytes);
        }
    }
    archive.file(wire::QUESTIONS, lines.as_bytes());
    Ok(archive.finish())
}

/// The static judge: that of `$BELAY_JUDGE`, else built if it is not up to date.
fn judge() -> Result<PathBuf, MachineError> {
    if let Some(judge) = std::env::var_os("BELAY_JUDGE") {
        return Ok(PathBuf::from(judge));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Beside the other builds, not among them: other flags would build everything anew each time.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let target = target.join("oracle");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(&root)
        .args(["build", "--quiet", "--package", "belay-oracle", "--bin", "belay-judge", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .output()
        .map_err(|error| MachineError::Io { doing: "start `cargo`".to_owned(), error })?;
    if !output.status.success() {
        return Err(MachineError::Judge(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(target.join(TARGET).join("debug/belay-judge"))
}

/// A directory of one boot; removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(release: Release) -> Result<Scratch, MachineError> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("belay-oracle-{}-{count}-{release}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| MachineError::Io { doing: format!("create {}", path.display()), error })?;
        Ok(Scratch(path))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is small, and in the directory for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), MachineError> {
    File::create(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| MachineError::Io { doing: format!("write {}", path.display()), error })
}

fn tail(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}
