//! What a snapshot of many sockets costs: makes them in a namespace of its own, reads them, writes them down, reads that back.
//!
//! `cargo run --release -p belay-linux --example snapshot -- 100000` (root). Exit status 1 if the snapshot, or writing it down, took a
//! second or more, if a socket is missing, or if the file does not read back as it was written.
//!
//! A process may hold a limited number of descriptors, so children hold the sockets (`--hold NAMESPACE CHILD COUNT`).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use belay_linux::{Detail, NetNs, Place, snapshot};
use belay_sockets::SocketTable;

type Failure = Box<dyn std::error::Error>;

const LIMIT: Duration = Duration::from_secs(1);
/// What one child holds: of each family listeners, UDP sockets and both ends of connections.
const EACH: u16 = 16_000;
const FIRST_PORT: u16 = 10_000;

fn main() -> Result<ExitCode, Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [hold, namespace, child, count] = args.as_slice()
        && hold == "--hold"
    {
        hold_sockets(namespace, child.parse()?, count.parse()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let count: usize = args.first().map_or(Ok(100_000), |text| text.parse())?;
    let namespace = NetNs::with_loopback()?;
    let (children, made) = timed(|| populate(&namespace, count));
    let mut children = children?;
    println!("{count} sockets made in {made:.1?}, held by {} processes", children.len());
    let verdict = measure(&namespace, count);
    for child in &mut children {
        // Its standard input ends, and so does the child.
        drop(child.stdin.take());
        child.wait()?;
    }
    verdict
}

fn measure(namespace: &NetNs, count: usize) -> Result<ExitCode, Failure> {
    let mut slowest = Duration::ZERO;
    for round in 1..=3 {
        let place = [Place::of("host", namespace.try_clone()?)];
        let (seen, read) = timed(|| snapshot(&place, Detail::default()));
        let seen = seen?;
        let (text, written) = timed(|| seen.table.to_toml());
        let (again, reread) = timed(|| SocketTable::from_toml("snapshot", &text));
        let found = seen.table.read().sockets().count();
        let bytes = text.len();
        println!(
            "round {round}: {found} sockets read in {read:.0?}, written in {written:.0?} ({bytes} bytes), read back in {reread:.0?}"
        );
        if found != count || !seen.left_out.is_empty() || again?.to_toml() != text {
            eprintln!("not all sockets are there, or the file does not read back as it was written");
            return Ok(ExitCode::FAILURE);
        }
        slowest = slowest.max(read + written);
    }
    Ok(if slowest < LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Children that hold so many sockets together.
fn populate(namespace: &NetNs, count: usize) -> Result<Vec<Child>, Failure> {
    let path = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_fd().as_raw_fd());
    let mut children = Vec::new();
    let mut left = count;
    while left > 0 {
        let part = left.min(EACH.into());
        left -= part;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--hold", &path, &children.len().to_string(), &part.to_string()]);
        children.push(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    }
    for child in &mut children {
        let ready = child.stdout.take().ok_or("no output of a child")?;
        let told = BufReader::new(ready).lines().next();
        if told.transpose()?.as_deref() != Some("ready") {
            return Err("a child could not make its sockets".into());
        }
    }
    Ok(children)
}

/// A child: makes its part, says so, and keeps it until its standard input ends.
fn hold_sockets(namespace: &str, child: u16, count: u16) -> Result<(), Failure> {
    let sockets = NetNs::open(namespace)?.run(|| make(child, count))??;
    println!("ready");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(sockets);
    Ok(())
}

#[derive(Default)]
struct Sockets {
    listeners: Vec<TcpListener>,
    connections: Vec<TcpStream>,
    datagrams: Vec<UdpSocket>,
}

fn make(child: u16, count: u16) -> std::io::Result<Sockets> {
    let mut sockets = Sockets::default();
    for at in 0..count {
        let (kind, number) = (at % 8, at / 8);
        // Four ports at a time: a listener, or a UDP socket, of either family.
        let v4 =
            SocketAddr::new(Ipv4Addr::new(127, 0, 1 + child.to_be_bytes()[1], 1).into(), FIRST_PORT + number);
        let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), FIRST_PORT + child * (EACH / 8) + number);
        let to = |listener: Option<&TcpListener>| {
            let listener = listener.ok_or(std::io::ErrorKind::NotFound)?;
            let client = TcpStream::connect(listener.local_addr()?)?;
            Ok::<_, std::io::Error>([client, listener.accept()?.0])
        };
        match kind {
            0 => sockets.listeners.push(TcpListener::bind(v4)?),
            1 => sockets.listeners.push(TcpListener::bind(v6)?),
            2 => sockets.datagrams.push(UdpSocket::bind(v4)?),
            3 => sockets.datagrams.push(UdpSocket::bind(v6)?),
            // Two sockets at once, so every second time.
            4 | 6 => {
                sockets.connections.extend(to(sockets.listeners.iter().rev().nth(usize::from(kind == 4)))?);
            }
            _ => {}
        }
    }
    Ok(sockets)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let made = work();
    (made, start.elapsed())
}
