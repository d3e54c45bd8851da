//! Look-up plus release of a socket: Belay's table alone, a program in native code that uses it, and the same program in the
//! kernel, in a namespace that holds as many real sockets.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench sockets`, as root for the kernel's column. The program takes the
//! next of many tuples from an array; for a *hot* tuple all of them are the same. The kernel's sockets are TCP connections
//! over loopback, held by children (a process may hold a limited number of descriptors): `--hold NAMESPACE CHILD CONNECTIONS`.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use belay_bench::{Subject, measure};
use belay_linux::{Exist, LogLevel, NetNs, TestRun, test_run, verify_object};
use belay_object::{Object, Options};
use belay_sockets::{Endpoint, LookupKind, NetnsId, Protocol, Query, SocketInfo, SocketTable, State, Tuple};
use belay_verifier::{Verdict, Verified, verify};
use belay_vm::{ANY, Compiled, Machine, Maps, Packet};

type Failure = Box<dyn Error>;

/// As many tuples as the program goes through.
const TUPLES: usize = 1 << 18;
/// Connections that one child holds: two descriptors each.
const EACH: usize = 8_000;
/// More sockets than this are not made in the kernel: each takes some 10 kB there.
const MOST_REAL: usize = 100_000;
const FRAME: [u8; 64] = [0; 64];

const PROGRAM: &str = "
.license GPL
.map cursor kind=array key=4 value=8 entries=1
.map tuples kind=array key=4 value=16 entries=262144
.section xdp
.prog bench
    r6 = r1
    *(u32 *)(r10 - 4) = 0
    r1 = cursor ll
    r2 = r10
    r2 += -4
    call 1
    if r0 == 0 goto out
    r7 = *(u64 *)(r0 + 0)
    r8 = r7
    r8 += 1
    *(u64 *)(r0 + 0) = r8
    r7 &= 262143
    *(u32 *)(r10 - 4) = r7
    r1 = tuples ll
    r2 = r10
    r2 += -4
    call 1
    if r0 == 0 goto out
    r2 = r0
    r1 = r6
    r3 = 12
    r4 = -1
    r5 = 0
    call 84
    if r0 == 0 goto out
    r1 = r0
    call 86
    r0 = 2
    exit
out:
    r0 = 1
    exit
";

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [hold, namespace, child, connections] = args.as_slice()
        && hold == "--hold"
    {
        return hold_sockets(namespace, child.parse()?, connections.parse()?);
    }
    many_namespaces()?;
    let object = Object::parse("sockets", PROGRAM.as_bytes(), &Options::default())?;
    let Verdict::Accept(proof) = verify(&object, &object.programs[0], &Default::default()).verdict else {
        return Err("the program is refused".into());
    };
    println!("| sockets | tuple | finds | table alone, ns | program, Belay JIT | kernel JIT |");
    println!("| ---: | --- | --- | ---: | ---: | ---: |");
    for count in [10, 1_000, 100_000, 1_000_000] {
        let real = (count <= MOST_REAL).then(|| Real::new(count)).transpose();
        let real = real.unwrap_or_else(|e| {
            eprintln!("no sockets in the kernel: {e}");
            None
        });
        let ground = Ground::new(count, real.as_ref())?;
        for (tuple, finds, tuples) in ground.cases() {
            let times = ground.measure(&object, &proof, real.as_ref(), &tuples)?;
            let [table, native, kernel] =
                times.map(|ns| if ns.is_nan() { "-".into() } else { format!("{ns:.1}") });
            println!("| {count} | {tuple} | {finds} | {table} | {native} | {kernel} |");
        }
    }
    Ok(())
}

/// A million sockets in 10,000 namespaces: how long it takes to fill the table, and what memory it takes.
fn many_namespaces() -> Result<(), Failure> {
    const NAMESPACES: u32 = 10_000;
    const SOCKETS: u32 = 1_000_000;
    let (before, started) = (resident()?, Instant::now());
    let table = SocketTable::with_capacity(SOCKETS as usize);
    let namespaces: Vec<NetnsId> =
        (0..NAMESPACES).map(|n| table.netns(&format!("ns{n}"))).collect::<Result<_, _>>()?;
    for n in 0..SOCKETS {
        let netns = namespaces[(n % NAMESPACES) as usize];
        table.insert(SocketInfo { netns, ..connection(synthetic(n)) })?;
    }
    let (took, bytes) = (started.elapsed(), resident()? - before);
    println!(
        "{SOCKETS} sockets in {NAMESPACES} namespaces: filled in {took:.2?} ({} ns a socket), {} bytes a socket\n",
        took.as_nanos() / u128::from(SOCKETS),
        bytes / u64::from(SOCKETS)
    );
    Ok(())
}

/// The memory of this process, in bytes.
fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}

/// The flow of a connection, as packets of the peer have it.
type Flow = [SocketAddrV4; 2];

/// The `n`th of any number of flows.
fn synthetic(n: u32) -> Flow {
    let server = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 80);
    let [_, high, middle, _] = (n >> 6).to_be_bytes();
    [SocketAddrV4::new(Ipv4Addr::new(10, 1, high, middle), 10_000 + (n % (1 << 14)) as u16), server]
}

fn endpoint(address: SocketAddrV4) -> Endpoint {
    Endpoint::new(*address.ip(), address.port())
}

fn connection([peer, local]: Flow) -> SocketInfo {
    SocketInfo::new(NetnsId::FIRST, Protocol::Tcp, State::Established, endpoint(local)).to(endpoint(peer))
}

fn bytes_of([from, to]: Flow) -> Vec<u8> {
    let (from_port, to_port) = (from.port().to_be_bytes(), to.port().to_be_bytes());
    [&from.ip().octets()[..], &to.ip().octets(), &from_port, &to_port].concat()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 32) as usize * bound) >> 32
    }
}

/// A table, and what to ask it for.
struct Ground {
    table: SocketTable,
    flows: Vec<Flow>,
    /// The address of a listener.
    listener: SocketAddrV4,
}

impl Ground {
    /// The kernel's sockets, or so many that are made up.
    fn new(count: usize, real: Option<&Real>) -> Result<Ground, Failure> {
        let (flows, listeners) = match real {
            Some(real) => (real.flows.clone(), real.listeners.clone()),
            None => {
                let flows = (0..count as u32 - 1).map(synthetic).collect();
                (flows, vec![SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 80)])
            }
        };
        let table = SocketTable::with_capacity(count);
        table.netns("here")?;
        for listener in &listeners {
            let info = SocketInfo::new(NetnsId::FIRST, Protocol::Tcp, State::Listen, endpoint(*listener));
            table.insert(info)?;
        }
        for flow in &flows {
            table.insert(connection(*flow))?;
        }
        Ok(Ground { table, flows, listener: listeners[0] })
    }

    /// What is asked: which tuple, what it finds, and the tuples.
    fn cases(&self) -> Vec<(&'static str, &'static str, Vec<Flow>)> {
        let mut random = Random(1);
        let one = self.flows[random.below(self.flows.len())];
        let stranger = |n: usize| {
            let [_, a, b, _] = ((n >> 14) as u32).to_be_bytes();
            SocketAddrV4::new(Ipv4Addr::new(127, 77, a, b), 20_000 + (n % (1 << 14)) as u16)
        };
        let nobody = SocketAddrV4::new(Ipv4Addr::new(127, 66, 0, 1), 9);
        let mut any = || (0..TUPLES).map(|_| random.below(1 << 24)).collect::<Vec<usize>>();
        let (numbers, others, more) = (any(), any(), any());
        vec![
            ("hot", "established", vec![one; TUPLES]),
            ("random", "established", numbers.iter().map(|n| self.flows[n % self.flows.len()]).collect()),
            ("hot", "listener", vec![[stranger(1), self.listener]; TUPLES]),
            ("random", "listener", others.iter().map(|n| [stranger(*n), self.listener]).collect()),
            ("hot", "nothing", vec![[stranger(1), nobody]; TUPLES]),
            ("random", "nothing", more.iter().map(|n| [stranger(*n), nobody]).collect()),
        ]
    }

    /// Nanoseconds of a look-up and release: the table alone, the program in native code, the program in the kernel.
    fn measure(
        &self,
        object: &Object,
        proof: &Verified,
        real: Option<&Real>,
        tuples: &[Flow],
    ) -> Result<[f64; 3], Failure> {
        let entries = || (0_u32..).zip(tuples).map(|(at, flow)| (at.to_le_bytes(), bytes_of(*flow)));
        let queries: Vec<Query> = tuples.iter().map(|[from, to]| self.query(*from, *to)).collect();
        let loaded = real.map(|_| verify_object(object, LogLevel::Stats)).transpose()?;
        let mut cursor = 0;
        let table = Subject::new("table", || {
            cursor = (cursor + 1) % TUPLES;
            let reader = self.table.read();
            if let Some(found) = std::hint::black_box(reader.acquire(&queries[cursor])) {
                let _ = found.socket().release();
            }
        });

        let maps = Arc::new(Maps::from_defs(&object.maps)?);
        let map = maps.by_name("tuples").ok_or("no map")?;
        for (key, tuple) in entries() {
            map.update(&key, &[&tuple[..], &[0; 4]].concat(), ANY)?;
        }
        let native = Compiled::new(proof, Arc::clone(&maps))?;
        let mut machine = Machine::new(self.table.clone());
        machine.recording = false;
        let mut packet = Packet::new(&FRAME)?;
        packet.metadata.ifindex = 1;
        let jit = Subject::new("JIT", || {
            std::hint::black_box(native.run(&mut machine, &mut packet).r0);
        });

        let mut subjects = vec![table, jit];
        if let (Some(real), Some(loaded)) = (real, &loaded) {
            let map = loaded.maps.by_name("tuples").ok_or("no map")?;
            for (key, tuple) in entries() {
                map.update(&key, &[&tuple[..], &[0; 4]].concat(), Exist::Any).map_err(|e| e.to_string())?;
            }
            let program = loaded.program("bench").and_then(|program| program.verdict.accepted());
            let program = program.ok_or("the kernel refuses the program")?;
            // The same sockets are found: both count what they found.
            let batch = move |repeat: u32| {
                let run = TestRun { data_in: &FRAME, repeat, ..TestRun::default() };
                let ran = real.namespace.run(|| test_run(program.as_fd(), &run).expect("it runs"));
                let ran = ran.expect("the namespace is there");
                f64::from(ran.duration_ns)
            };
            subjects.push(Subject { name: "kernel", batch: Box::new(batch) });
        }
        let times = measure(&mut subjects);
        let kernel = times.get(2).copied().unwrap_or(f64::NAN);
        drop(subjects);
        self.agrees(real, loaded.as_ref(), tuples)?;
        let held = self.table.read().unbalanced().count();
        if held == 0 {
            Ok([times[0], times[1], kernel])
        } else {
            Err(format!("{held} references are left").into())
        }
    }

    /// The program's result for the first tuples is the same here and in the kernel.
    fn agrees(
        &self,
        real: Option<&Real>,
        loaded: Option<&belay_linux::LoadedObject>,
        tuples: &[Flow],
    ) -> Result<(), Failure> {
        let (Some(real), Some(loaded)) = (real, loaded) else { return Ok(()) };
        let program = loaded.program("bench").and_then(|program| program.verdict.accepted());
        let program = program.ok_or("the kernel refuses the program")?;
        let cursor = loaded.maps.by_name("cursor").ok_or("no map")?;
        cursor.update(&[0; 4], &[0; 8], Exist::Any).map_err(|e| e.to_string())?;
        for [from, to] in tuples.iter().take(1000) {
            let run = TestRun { data_in: &FRAME, repeat: 1, ..TestRun::default() };
            let theirs =
                real.namespace.run(|| test_run(program.as_fd(), &run))?.map_err(|e| e.to_string())?;
            let ours = if self.table.read().lookup(&self.query(*from, *to)).is_some() { 2 } else { 1 };
            if theirs.retval != ours {
                return Err(format!("{from} -> {to}: {ours} here, {} in the kernel", theirs.retval).into());
            }
        }
        Ok(())
    }

    fn query(&self, from: SocketAddrV4, to: SocketAddrV4) -> Query {
        Query {
            netns: NetnsId::FIRST,
            protocol: Protocol::Tcp,
            tuple: Tuple::new(endpoint(from), endpoint(to)).expect("one family"),
            ifindex: 1,
            kind: LookupKind::Full,
        }
    }
}

/// Real sockets in a namespace.
struct Real {
    namespace: NetNs,
    flows: Vec<Flow>,
    listeners: Vec<SocketAddrV4>,
    children: Vec<(Child, Option<ChildStdin>)>,
}

impl Real {
    /// So many: a listener a child, and both ends of connections.
    fn new(count: usize) -> Result<Real, Failure> {
        let namespace = NetNs::with_loopback()?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_fd().as_raw_fd());
        let mut real = Real { namespace, flows: Vec::new(), listeners: Vec::new(), children: Vec::new() };
        let mut left = count / 2;
        let mut outputs = Vec::new();
        while left > 0 {
            let part = left.min(EACH);
            left -= part;
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["--hold", &path, &real.children.len().to_string(), &part.to_string()]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            let stdin = child.stdin.take();
            outputs.push(child.stdout.take().ok_or("no output of a child")?);
            real.children.push((child, stdin));
        }
        for output in outputs {
            let mut lines = BufReader::new(output).lines();
            let mut next = || lines.next().ok_or("a child could not make its sockets");
            let listener: SocketAddrV4 = next()??.parse()?;
            real.listeners.push(listener);
            loop {
                let line = next()??;
                if line == "ready" {
                    break;
                }
                let client: SocketAddrV4 = line.parse()?;
                real.flows.extend([[client, listener], [listener, client]]);
            }
        }
        Ok(real)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        for (child, stdin) in &mut self.children {
            // Its standard input ends, and so does the child.
            drop(stdin.take());
            let _ = child.wait();
        }
    }
}

/// A child: makes its part, says what it made, and keeps it until its standard input ends.
fn hold_sockets(namespace: &str, child: u8, connections: usize) -> Result<(), Failure> {
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 1 + child, 1), 80));
    let (listener, streams) = NetNs::open(namespace)?.run(|| -> std::io::Result<_> {
        let listener = TcpListener::bind(address)?;
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push((TcpStream::connect(address)?, listener.accept()?.0));
        }
        Ok((listener, streams))
    })??;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{address}")?;
    for (client, _) in &streams {
        writeln!(out, "{}", client.local_addr()?)?;
    }
    writeln!(out, "ready")?;
    out.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop((listener, streams));
    Ok(())
}
