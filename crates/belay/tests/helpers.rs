//! Every helper at every hook that allows it, called with every kind of argument in every place: Belay's verdict is the
//! running kernel's.
//!
//! A call is first made with arguments that fit its signature, then again with each argument replaced by each of the
//! others, and its result is used in several ways. `BELAY_CALLS=N` asks for N of these programs, evenly spread (default
//! 3,000; `all` for all). Verdicts that Belay does not give (`unsupported`) are counted, not compared.

use std::collections::BTreeMap;
use std::fmt::Write;

use belay_linux::{Kernel, LogLevel, Verdict as Answer, verify_programs};
use belay_object::Object;
use belay_spec::{ArgKind, Helper, Hook, Release, Ret, ReturnRange, SizeRule};
use belay_verifier::{Options, Verdict, verify};

/// A value for an argument: its name, how it comes into register `rN`, and the map that this takes.
struct Candidate {
    name: &'static str,
    code: &'static str,
    map: Option<&'static str>,
}

const fn value(name: &'static str, code: &'static str) -> Candidate {
    Candidate { name, code, map: None }
}

const fn map(name: &'static str, code: &'static str, map: &'static str) -> Candidate {
    Candidate { name, code, map: Some(map) }
}

/// Every value. `rN` stands for the register; the prelude has cleared the stack from `r10 - 128` on, holds the context in
/// `r6`, and numbers of which little is known in `r7` (any) and `r8` (1 to 8).
#[rustfmt::skip]
static CANDIDATES: &[Candidate] = &[
    value("zero", "rN = 0"),
    value("one", "rN = 1"),
    value("eight", "rN = 8"),
    value("sixteen", "rN = 16"),
    value("negative", "rN = -1"),
    value("large", "rN = 4096"),
    value("any number", "rN = r7"),
    value("small number", "rN = r8"),
    value("context", "rN = r6"),
    value("stack", "rN = r10\n    rN += -64"),
    value("unaligned stack", "rN = r10\n    rN += -61"),
    value("end of the stack", "rN = r10\n    rN += -4"),
    value("somewhere on the stack", "rN = r10\n    rN += -64\n    rN += r8"),
    value("socket of a packet", "rN = *(u64 *)(r6 + 168)\n    if rN == 0 goto out"),
    value("socket of an operation", "rN = *(u64 *)(r6 + 184)\n    if rN == 0 goto out"),
    value("socket of a message", "rN = *(u64 *)(r6 + 72)\n    if rN == 0 goto out"),
    value("socket of an address", "rN = *(u64 *)(r6 + 64)\n    if rN == 0 goto out"),
    value("socket of a look-up", "rN = *(u64 *)(r6 + 0)\n    if rN == 0 goto out"),
    value("unchecked socket", "rN = *(u64 *)(r6 + 168)"),
    value("bytes of a packet", "rN = *(u32 *)(r6 + 76)\n    r0 = rN\n    r0 += 16\n    r9 = *(u32 *)(r6 + 80)\n    if r0 > r9 goto out"),
    value("unchecked bytes of a packet", "rN = *(u32 *)(r6 + 76)"),
    value("end of a packet", "rN = *(u32 *)(r6 + 80)"),
    value("bytes of an XDP packet", "rN = *(u32 *)(r6 + 0)\n    r0 = rN\n    r0 += 16\n    r9 = *(u32 *)(r6 + 4)\n    if r0 > r9 goto out"),
    value("dynptr", "rN = r10\n    rN += -96"),
    map("map value", "rN = data+0 ll", ".data data bytes=00000000000000000000000000000000 size=64"),
    map("somewhere in a map value", "rN = data+0 ll\n    rN += r8", ".data data bytes=00000000000000000000000000000000 size=64"),
    map("end of a map value", "rN = data+60 ll", ".data data bytes=00000000000000000000000000000000 size=64"),
    map("string", "rN = text+0 ll", ".data text bytes=25640a00 frozen"),
    map("hash", "rN = hash ll", ".map hash kind=hash key=4 value=8 entries=4"),
    map("array", "rN = array ll", ".map array kind=array key=4 value=8 entries=4"),
    map("per-CPU array", "rN = percpu ll", ".map percpu kind=percpu_array key=4 value=8 entries=4"),
    map("program array", "rN = programs ll", ".map programs kind=prog_array key=4 value=4 entries=4"),
    map("event array", "rN = events ll", ".map events kind=perf_event_array key=4 value=4 entries=4"),
    map("stack traces", "rN = traces ll", ".map traces kind=stack_trace key=4 value=8 entries=4"),
    map("cgroup array", "rN = cgroups ll", ".map cgroups kind=cgroup_array key=4 value=4 entries=4"),
    map("array of maps", "rN = outer ll", ".map inner kind=array key=4 value=8 entries=1\n.map outer kind=array_of_maps key=4 value=4 entries=4 inner=inner"),
    map("sockmap", "rN = sockmap ll", ".map sockmap kind=sockmap key=4 value=4 entries=4"),
    map("sockhash", "rN = sockhash ll", ".map sockhash kind=sockhash key=4 value=4 entries=4"),
    map("devmap", "rN = devmap ll", ".map devmap kind=devmap key=4 value=4 entries=4"),
    map("cpumap", "rN = cpumap ll", ".map cpumap kind=cpumap key=4 value=4 entries=1"),
    map("xskmap", "rN = xskmap ll", ".map xskmap kind=xskmap key=4 value=4 entries=4"),
    map("reuseport array", "rN = reuseport ll", ".map reuseport kind=reuseport_sockarray key=4 value=8 entries=4"),
    map("queue", "rN = queue ll", ".map queue kind=queue key=0 value=8 entries=4"),
    map("bloom filter", "rN = bloom ll", ".map bloom kind=bloom_filter key=0 value=8 entries=4"),
    map("ring buffer", "rN = ring ll", ".map ring kind=ringbuf entries=4096"),
    map("user ring buffer", "rN = user ll", ".map user kind=user_ringbuf entries=4096"),
    map("cgroup storage", "rN = storage ll", ".map storage kind=cgroup_storage key=8 value=8 entries=0"),
];

fn candidate(name: &str) -> &'static Candidate {
    CANDIDATES.iter().find(|candidate| candidate.name == name).expect("a candidate of that name")
}

/// The values that fit an argument; several maps, by kind.
fn fitting(kind: ArgKind) -> Vec<&'static Candidate> {
    let maps = || CANDIDATES.iter().filter(|c| c.code.ends_with(" ll") && !c.code.contains("+0"));
    match kind {
        ArgKind::Context => vec![candidate("context")],
        ArgKind::Map => maps().collect(),
        ArgKind::Zero => vec![candidate("zero")],
        ArgKind::Any | ArgKind::Scalar => vec![candidate("one")],
        ArgKind::Size(SizeRule::NonZero | SizeRule::ZeroAllowed) | ArgKind::AllocSize => {
            vec![candidate("eight")]
        }
        ArgKind::ConstStr => vec![candidate("string")],
        ArgKind::DynptrData | ArgKind::Timer | ArgKind::SpinLock | ArgKind::Kptr => {
            vec![candidate("map value")]
        }
        ArgKind::Dynptr { .. } => vec![candidate("dynptr")],
        _ => vec![candidate("stack")],
    }
}

/// What is done with the result.
const USES: &[&str] = &[
    "",
    "    r1 = *(u8 *)(r0 + 0)\n",
    "    if r0 == 0 goto out\n    r1 = *(u64 *)(r0 + 0)\n",
    "    if r0 s> 8 goto out\n    r1 = r10\n    r1 += -16\n    r1 += r0\n    *(u8 *)(r1 + 0) = 1\n",
];

/// The program that calls the helper with these values and uses the result so.
fn program(hook: &Hook, helper: &Helper, args: &[&Candidate], result: &str) -> String {
    let mut text = String::from(".license GPL\n");
    let mut maps: Vec<&str> = args.iter().filter_map(|c| c.map).collect();
    maps.push(".data numbers bytes=00000000000000000000000000000000");
    maps.sort_unstable();
    maps.dedup();
    for map in maps {
        writeln!(text, "{map}").expect("text grows");
    }
    write!(text, ".hook {}\n.prog call\n    r6 = r1\n", hook.name).expect("text grows");
    for off in (8..=128).step_by(8) {
        writeln!(text, "    *(u64 *)(r10 - {off}) = 0").expect("text grows");
    }
    text += "    r1 = numbers+0 ll\n    r7 = *(u64 *)(r1 + 0)\n    r8 = *(u64 *)(r1 + 8)\n    r8 &= 7\n    r8 += 1\n";
    for (at, arg) in args.iter().enumerate() {
        writeln!(text, "    {}", arg.code.replace("rN", &format!("r{}", at + 1))).expect("text grows");
    }
    let code = match hook.return_range(Release::V6_18) {
        ReturnRange::Within(least, _) => least,
        ReturnRange::Any | ReturnRange::Unread => 0,
    };
    write!(text, "    call {}\n{result}out:\n    r0 = {code}\n    exit\n", helper.name).expect("text grows");
    text
}

/// Every program, as what it is called and its text.
fn programs() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for hook in Hook::all() {
        for helper in Helper::all().iter().filter(|helper| hook.allows(Release::V6_18, helper)) {
            let Some(helper) = hook.signature(Release::V6_18, helper.id) else { continue };
            // Functions that are called back need types, which text has not.
            if helper.effects.callback {
                continue;
            }
            let mut note = |args: &[&Candidate], result: &str| {
                let names: Vec<&str> = args.iter().map(|arg| arg.name).collect();
                let called = format!("{} at {}: {}", helper.name, hook.name, names.join(", "));
                all.push((called, program(hook, helper, args, result)));
            };
            let choices: Vec<Vec<&Candidate>> = helper.args.iter().map(|arg| fitting(arg.kind)).collect();
            let first: Vec<&Candidate> = choices.iter().map(|choices| choices[0]).collect();
            let uses = if helper.ret == Ret::Void { &USES[..1] } else { USES };
            for result in uses {
                note(&first, result);
            }
            // Each map in the place of a map; each value anywhere with the first map that fits.
            let mut fits = first.clone();
            for (at, choices) in choices.iter().enumerate().filter(|(_, choices)| choices.len() > 1) {
                for choice in choices {
                    fits[at] = choice;
                    for result in uses {
                        note(&fits, result);
                    }
                }
                let taken = choices.iter().find(|choice| {
                    let kind = choice.map.and_then(|m| m.rsplit(" kind=").next()?.split(' ').next());
                    let kind = kind.and_then(belay_spec::MapKind::by_name);
                    kind.is_some_and(|kind| hook.allows_on_map(helper, kind))
                });
                fits[at] = taken.unwrap_or(&choices[0]);
            }
            for at in 0..fits.len() {
                let right = fits[at];
                for other in CANDIDATES {
                    fits[at] = other;
                    note(&fits, "");
                }
                fits[at] = right;
            }
        }
    }
    all
}

/// What Belay and the kernel say; `None` if the text is no program that a kernel could load.
fn opinions(text: &str) -> Option<(String, String)> {
    let object = Object::parse("call.s", text.as_bytes(), &belay_object::Options::default()).ok()?;
    let program = object.programs.first()?;
    let belay = match verify(&object, program, &Options::default()).verdict {
        Verdict::Accept(_) => "accept".to_string(),
        Verdict::Reject(rejection) => format!("reject {}: {}", rejection.code, rejection.fault),
        Verdict::Unsupported { what, .. } => format!("unsupported: {what}"),
    };
    let mut loaded = verify_programs(&object, LogLevel::Stats, |p| p.name == program.name).ok()?;
    let kernel = match loaded.programs.pop()?.verdict {
        Answer::Accept(_) => "accept".to_string(),
        Answer::Reject(rejected) => format!("reject: {}", rejected.reason()),
        Answer::Unjudged(_) => return None,
    };
    Some((belay, kernel))
}

fn verdict(said: &str) -> &str {
    said.split([' ', ':']).next().unwrap_or_default()
}

#[test]
fn every_helper_takes_what_the_kernel_lets_it_take() {
    if Kernel::for_test("the comparison of every helper's arguments").and_then(|k| k.profile())
        != Some(Release::V6_18)
    {
        eprintln!("skipped: the running kernel is not Linux 6.18");
        return;
    }
    let all = programs();
    let wanted = match std::env::var("BELAY_CALLS") {
        Ok(wanted) if wanted == "all" => all.len(),
        Ok(wanted) => wanted.parse().expect("`BELAY_CALLS` is a number or `all`"),
        Err(_) => 3000,
    };
    let step = (all.len() / wanted.max(1)).max(1);
    let (mut judged, mut accepted, mut different) = (0, 0, 0);
    let mut unsupported = BTreeMap::<String, u32>::new();
    let mut report = String::new();
    for (called, text) in all.iter().step_by(step) {
        let Some((belay, kernel)) = opinions(text) else { continue };
        judged += 1;
        accepted += u32::from(kernel == "accept");
        match verdict(&belay) {
            "unsupported" => *unsupported.entry(belay).or_default() += 1,
            said if said != verdict(&kernel) => {
                different += 1;
                writeln!(report, "{called}\n    Belay: {belay}\n    Linux: {kernel}").expect("text grows");
            }
            _ => {}
        }
    }
    println!("{judged} calls of {} judged, {accepted} accepted; unsupported: {unsupported:#?}", all.len());
    assert!(judged > 0 && accepted > 0, "nothing was judged");
    assert_eq!(different, 0, "\n{report}");
}
