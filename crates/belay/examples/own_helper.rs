//! Helpers of one's own: a program asks the service that embeds it, and the verifier holds it to the signatures.
//!
//! ```text
//! cargo run -p belay --example own_helper
//! ```
//!
//! The program limits senders: it hands `take_token` the sender's address as memory, and gets one of three answers. Since
//! the signature bounds them, the verifier lets the program index an array with the answer, unchecked.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use belay::object::{Object, Options};
use belay::spec::{Arg, ArgKind, Helper, Ret, SizeRule};
use belay::verifier;
use belay::vm::{Machine, OwnHelpers, Packet};

/// `static long (*take_token)(const void *sender, __u32 size) = (void *)65536;`
static TAKE_TOKEN: Helper = Helper::own(
    65_536,
    "take_token",
    &[Arg::of(ArgKind::MemIn), Arg::of(ArgKind::Size(SizeRule::NonZero))],
    Ret::Within(0, 2),
);

const PROGRAM: &str = r"
.license GPL
.map answers kind=array key=4 value=24 entries=1

.section xdp
.prog limit
    r2 = *(u32 *)(r1 + 4)
    r6 = *(u32 *)(r1 + 0)
    r0 = 2
    r3 = r6
    r3 += 34
    if r3 > r2 goto out
    r1 = *(u32 *)(r6 + 26)      // the address of the sender
    *(u32 *)(r10 - 4) = r1
    *(u32 *)(r10 - 8) = 0
    r1 = r10
    r1 += -4
    r2 = 4
    call 65536                  // take_token
    r7 = r0
    r1 = answers ll
    r2 = r10
    r2 += -8
    call bpf_map_lookup_elem
    if r0 == 0 goto drop
    r1 = r7
    r1 <<= 3
    r0 += r1                    // of 24 bytes: the verifier knows that there are three answers
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
    r0 = 2
    if r7 != 0 goto out
drop:
    r0 = 1
out:
    exit
";

/// The same, but for the memory: a number is no sender.
const CARELESS: &str = r"
.license GPL
.section xdp
.prog limit
    r1 = 4
    r2 = 4
    call 65536
    exit
";

/// What `take_token` answers.
const NONE_LEFT: u64 = 0;
const LAST: u64 = 1;
const MORE: u64 = 2;

/// The tokens of each sender, which the service shares with the helper.
type Buckets = Arc<Mutex<HashMap<Vec<u8>, u32>>>;

fn helpers(buckets: &Buckets) -> Result<OwnHelpers, Box<dyn Error>> {
    let (mut helpers, buckets) = (OwnHelpers::default(), Arc::clone(buckets));
    helpers.add(&TAKE_TOKEN, move |call| {
        let Some(sender) = call.bytes(0) else { return NONE_LEFT };
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = buckets.entry(sender.to_vec()).or_insert(2);
        let answer = match *left {
            0 => NONE_LEFT,
            1 => LAST,
            _ => MORE,
        };
        *left = left.saturating_sub(1);
        answer
    })?;
    Ok(helpers)
}

/// An IPv4 packet from an address.
fn packet(sender: [u8; 4]) -> Result<Packet, Box<dyn Error>> {
    let mut frame = [0; 60];
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[26..30].copy_from_slice(&sender);
    Ok(Packet::new(&frame)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let buckets = Buckets::default();
    let helpers = helpers(&buckets)?;
    let options = verifier::Options { helpers: helpers.signatures().clone(), ..verifier::Options::default() };

    let careless = Object::parse("careless.s", CARELESS.as_bytes(), &Options::default())?;
    let refused = belay::verify_with(&careless, "limit", &options).expect_err("a number is no memory");
    println!("{}", refused.explain());

    let object = Object::parse("limit.s", PROGRAM.as_bytes(), &Options::default())?;
    let unknown = belay::verify(&object, "limit").expect_err("no kernel has such a helper");
    println!("without its signature: {unknown}");

    let maps = belay::maps(&object)?;
    let limit = belay::compile_with(&belay::verify_with(&object, "limit", &options)?, &maps, &helpers)?;
    let mut machine = Machine::default();
    for sender in [[192, 0, 2, 1], [192, 0, 2, 2], [192, 0, 2, 1], [192, 0, 2, 1]] {
        let outcome = limit.run(&mut machine, &mut packet(sender)?);
        println!("{}.{}.{}.{}: {}", sender[0], sender[1], sender[2], sender[3], outcome.action());
    }
    let senders = buckets.lock().unwrap_or_else(PoisonError::into_inner).len();
    println!("{senders} senders have a bucket");
    Ok(())
}
