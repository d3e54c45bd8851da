//! The state of a connection as the kernel lists it, for sockets that nobody holds a descriptor of as well.

use std::fmt::Write;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The number of the connection's state in the calling thread's namespace, `None` if it is not listed. A request socket
/// is listed as `SYN_RECV`.
pub(super) fn state(local: SocketAddr, remote: SocketAddr) -> io::Result<Option<u8>> {
    let file = if local.is_ipv4() { "tcp" } else { "tcp6" };
    let text = fs::read_to_string(format!("/proc/thread-self/net/{file}"))?;
    let wanted = [shown(local), shown(remote)];
    // `sl local_address rem_address st`, then what does not matter here.
    Ok(text.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        wanted.iter().all(|end| fields.next() == Some(end.as_str())).then_some(())?;
        u8::from_str_radix(fields.next()?, 16).ok()
    }))
}

/// `0100007F:0016`: the address as 32-bit words of this machine, the port as a number.
fn shown(end: SocketAddr) -> String {
    let bytes = match end.ip() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let mut text = String::new();
    for word in bytes.chunks_exact(4).filter_map(|word| word.first_chunk()) {
        let _ = write!(text, "{:08X}", u32::from_ne_bytes(*word));
    }
    let _ = write!(text, ":{:04X}", end.port());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_shown_as_the_kernel_shows_them() {
        let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
        assert_eq!(shown("127.0.0.1:22".parse().expect("v4")), word([127, 0, 0, 1]) + ":0016");
        let zero = word([0; 4]);
        assert_eq!(
            shown("[::1]:8080".parse().expect("v6")),
            format!("{zero}{zero}{zero}{}:1F90", word([0, 0, 0, 1]))
        );
    }
}
