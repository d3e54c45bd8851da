//! A packet filter in a tokio proxy: datagrams that a BPF program does not pass are not forwarded.
//!
//! ```text
//! cargo run --release -p belay --example proxy -- 127.0.0.1:5300 127.0.0.1:53     # listen, forward to
//! cargo run --release -p belay --example proxy                                    # shows itself at work
//! ```
//!
//! The program sees what it would see on a wire: the datagram with the headers that its addresses make.

use std::error::Error;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;

use belay::object::{Object, Options};
use belay::vm::{Compiled, Machine, Packet};
use etherparse::PacketBuilder;
use tokio::net::UdpSocket;

/// Passes UDP whose payload begins with a printable byte.
const PROGRAM: &str = r"
.license GPL
.section xdp
.prog filter
    r3 = *(u32 *)(r1 + 4)
    r2 = *(u32 *)(r1 + 0)
    r0 = 1
    r4 = r2
    r4 += 43
    if r4 > r3 goto out
    r4 = *(u8 *)(r2 + 23)
    if r4 != 17 goto out
    r4 = *(u8 *)(r2 + 42)
    if r4 < 0x20 goto out
    if r4 > 0x7e goto out
    r0 = 2
out:
    exit
";

/// `XDP_PASS`
const PASS: u32 = 2;

/// The filter of one task: the code is shared, the machine is its own.
struct Filter {
    code: Arc<Compiled>,
    machine: Machine,
}

impl Filter {
    fn new() -> Result<Filter, Box<dyn Error>> {
        let object = Object::parse("filter.s", PROGRAM.as_bytes(), &Options::default())?;
        let code = belay::compile(&belay::verify(&object, "filter")?, &belay::maps(&object)?)?;
        Ok(Filter { code: Arc::new(code), machine: Machine::default() })
    }

    fn passes(
        &mut self,
        from: SocketAddrV4,
        to: SocketAddrV4,
        payload: &[u8],
    ) -> Result<bool, Box<dyn Error>> {
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4(from.ip().octets(), to.ip().octets(), 64)
            .udp(from.port(), to.port());
        let mut frame = Vec::with_capacity(builder.size(payload.len()));
        builder.write(&mut frame, payload)?;
        Ok(self.code.run(&mut self.machine, &mut Packet::new(&frame)?).r0 == PASS)
    }
}

/// Forwards datagrams for ever; only one way, for the sake of brevity.
async fn forward(listen: UdpSocket, to: SocketAddrV4) -> Result<(), Box<dyn Error>> {
    let (mut filter, out) = (Filter::new()?, UdpSocket::bind("0.0.0.0:0").await?);
    let SocketAddr::V4(here) = listen.local_addr()? else { return Err("listen on an IPv4 address".into()) };
    let mut payload = [0; 2048];
    loop {
        let (len, from) = listen.recv_from(&mut payload).await?;
        let SocketAddr::V4(from) = from else { continue };
        if filter.passes(from, here, &payload[..len])? {
            out.send_to(&payload[..len], to).await?;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    if let (Some(listen), Some(to)) = (args.next(), args.next()) {
        return forward(UdpSocket::bind(listen).await?, to.parse()?).await;
    }
    let (listen, server) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    let (proxy, client) = (listen.local_addr()?, UdpSocket::bind("127.0.0.1:0").await?);
    let SocketAddr::V4(to) = server.local_addr()? else { return Err("127.0.0.1 is an IPv4 address".into()) };
    let work = async {
        client.send_to(b"\x00 a byte that no filter lets through", proxy).await?;
        client.send_to(b"hello", proxy).await?;
        let mut payload = [0; 64];
        let (len, _) = server.recv_from(&mut payload).await?;
        println!("the server got {:?}, and nothing before it", String::from_utf8_lossy(&payload[..len]));
        Ok(())
    };
    tokio::select! {
        ended = forward(listen, to) => ended,
        done = work => done,
    }
}
