//! The socket firewall on recorded packets: Belay's native code and the kernel, the same object beside the same sockets.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench firewall`, as root for the kernel's column. A run parses the
//! packet, looks the policy up, looks the socket up, counts, and releases the socket.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use belay_bench::{Subject, measure};
use belay_linux::{Exist, LogLevel, Population, TestRun, test_run, verify_object};
use belay_object::{Object, Options};
use belay_scenario::fill::fill;
use belay_scenario::{Host, capture};
use belay_sockets::SocketTable;
use belay_verifier::{Verdict, Verified, verify};
use belay_vm::{Compiled, Machine, Maps, Packet};

/// `struct __sk_buff`: its size and the offset of `ifindex`.
const SK_BUFF: usize = 192;
const SK_BUFF_IFINDEX: usize = 40;

/// How often, and for how long, threads are let run: of short windows some are undisturbed on all processors.
const WINDOWS: usize = 60;
const WINDOW: Duration = Duration::from_millis(40);

fn main() {
    let object = read_object();
    let verified = proof(&object);
    println!("| capture | packets | Belay JIT, packets a second | kernel JIT | ratio |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for name in ["tcp-inbound", "tcp-outbound", "udp", "scan", "ipv6"] {
        let ground = Ground::read(&object, name);
        let times = ground.measure(&object, &verified);
        let [belay, kernel] = times.map(|nanoseconds| 1e9 / nanoseconds);
        let packets = ground.frames.len();
        println!("| {name} | {packets} | {belay:.0} | {kernel:.0} | {:.2} |", belay / kernel);
    }
    let ground = Ground::read(&object, "tcp-inbound");
    let [one, two] = [1, 2].map(|threads| ground.threads(&verified, threads));
    println!(
        "\nThreads on one program, its maps and its sockets: 1: {one:.0}, 2: {two:.0} packets a second, {:.2} times",
        two / one
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read_object() -> Object {
    let file = "bpf/firewall.bpf.o";
    let bytes = std::fs::read(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    Object::parse(file, &bytes, &Options::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn proof(object: &Object) -> Verified {
    let program = object.programs.iter().find(|program| program.name == "ingress").expect("a program");
    match verify(object, program, &belay_verifier::Options::default()).verdict {
        Verdict::Accept(verified) => *verified,
        verdict => panic!("{verdict:?}"),
    }
}

/// What a capture is run beside.
struct Ground {
    /// The packets that come in.
    frames: Vec<Vec<u8>>,
    packets: Vec<Packet>,
    sockets: SocketTable,
    maps: Arc<Maps>,
}

impl Ground {
    fn read(object: &Object, name: &str) -> Ground {
        let directory = root().join("tests/captures");
        let file = |file: &str| std::fs::read(directory.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let text = |name: &str| String::from_utf8(file(name)).expect("text");
        let table = format!("{name}.toml");
        let sockets = SocketTable::from_toml(&table, &text(&table)).unwrap_or_else(|e| panic!("{e}"));
        let maps = Maps::from_defs(&object.maps).expect("the maps can be made");
        fill(object, &maps, "policy", "policy.toml", &text("policy.toml")).unwrap_or_else(|e| panic!("{e}"));
        let host = Host::of(&sockets);
        let captured = capture::read(&file(&format!("{name}.pcap"))).unwrap_or_else(|e| panic!("{e}"));
        // What the host itself sent does not come in.
        let frames: Vec<Vec<u8>> = captured
            .into_iter()
            .map(|captured| captured.bytes)
            .filter(|frame| frame[6..12] != [2, 0, 0, 0, 0, 1])
            .collect();
        let packets =
            frames.iter().map(|frame| host.packet(frame).unwrap_or_else(|e| panic!("{e}"))).collect();
        Ground { frames, packets, sockets, maps: Arc::new(maps) }
    }

    /// Nanoseconds a packet: here, and in the kernel.
    fn measure(&self, object: &Object, verified: &Verified) -> [f64; 2] {
        let native = Compiled::new(verified, Arc::clone(&self.maps)).expect("it is compiled");
        let mut machine = self.machine();
        let mut packets: Vec<Packet> = self.copies();
        let count = self.frames.len() as f64;
        let belay = Subject::new("Belay JIT", || {
            for packet in &mut packets {
                std::hint::black_box(native.run(&mut machine, packet).r0);
            }
        });
        let netns = self.sockets.read().default_netns().expect("a namespace");
        let Ok(population) = Population::of(&self.sockets, netns) else {
            return [measure(&mut [belay])[0] / count, f64::NAN];
        };
        let loaded = verify_object(object, LogLevel::Stats).unwrap_or_else(|e| panic!("{e}"));
        let (from, to) =
            (self.maps.by_name("policy").expect("a map"), loaded.maps.by_name("policy").expect("a map"));
        for (key, value) in from.iter() {
            to.update(&key, &value, Exist::Any).unwrap_or_else(|e| panic!("{e}"));
        }
        let kernel =
            loaded.program("ingress").and_then(|program| program.verdict.accepted()).expect("accepted");
        let mut context = vec![0; SK_BUFF];
        context[SK_BUFF_IFINDEX..SK_BUFF_IFINDEX + 4]
            .copy_from_slice(&self.packets[0].metadata.ifindex.to_ne_bytes());
        let batch = |repeat: u32| {
            let runs = || -> f64 {
                let one = |frame: &Vec<u8>| {
                    let run = TestRun { data_in: frame, ctx_in: &context, repeat, ..TestRun::default() };
                    f64::from(test_run(kernel.as_fd(), &run).expect("it runs").duration_ns)
                };
                self.frames.iter().map(one).sum()
            };
            population.namespace().run(runs).expect("the namespace is there")
        };
        let mut subjects = [belay, Subject { name: "kernel JIT", batch: Box::new(batch) }];
        let times = measure(&mut subjects);
        [times[0] / count, times[1] / count]
    }

    /// Packets a second of so many threads that share program, maps and sockets; each flow is one thread's, as network cards
    /// deal them out.
    fn threads(&self, verified: &Verified, threads: usize) -> f64 {
        let native = Compiled::new(verified, Arc::clone(&self.maps)).expect("it is compiled");
        let best = (0..WINDOWS).map(|_| {
            let (stop, started) = (AtomicBool::new(false), Instant::now());
            let runs: u64 = std::thread::scope(|scope| {
                let workers: Vec<_> = (0..threads)
                    .map(|cpu| {
                        let (native, stop) = (&native, &stop);
                        let (mut machine, mut packets) = (self.machine(), self.share(cpu, threads));
                        machine.cpu = cpu as u32;
                        scope.spawn(move || {
                            let mut runs = 0;
                            while !stop.load(Ordering::Relaxed) {
                                for packet in &mut packets {
                                    std::hint::black_box(native.run(&mut machine, packet).r0);
                                }
                                runs += packets.len() as u64;
                            }
                            runs
                        })
                    })
                    .collect();
                std::thread::sleep(WINDOW);
                stop.store(true, Ordering::Relaxed);
                workers.into_iter().map(|worker| worker.join().expect("a worker")).sum()
            });
            runs as f64 / started.elapsed().as_secs_f64()
        });
        best.fold(0.0, f64::max)
    }

    /// The packets whose flow is this thread's.
    fn share(&self, thread: usize, threads: usize) -> Vec<Packet> {
        // Both directions of a flow have the same sum.
        let flow =
            |frame: &[u8]| frame.iter().skip(26).take(12).map(|byte| usize::from(*byte)).sum::<usize>();
        let copies = self.copies().into_iter().zip(&self.frames);
        copies.filter(|(_, frame)| flow(frame) % threads == thread).map(|(packet, _)| packet).collect()
    }

    fn machine(&self) -> Machine {
        let mut machine = Machine::new(self.sockets.clone());
        machine.recording = false;
        machine
    }

    fn copies(&self) -> Vec<Packet> {
        let copy = |(frame, packet): (&Vec<u8>, &Packet)| {
            let mut copy = Packet::new(frame).expect("a frame");
            copy.metadata = packet.metadata.clone();
            copy
        };
        self.frames.iter().zip(&self.packets).map(copy).collect()
    }
}
