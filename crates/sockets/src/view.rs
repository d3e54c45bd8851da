//! What a program reads of a socket: the bytes of `struct bpf_sock` and `struct bpf_tcp_sock`.
//!
//! Linux rewrites each such load into one or two loads of its own structures; here the fields are laid out once, so a
//! load is a load. Offsets and widths are those of the UAPI header; values were compared with a running 6.18.

use crate::info::{KernelAddresses, SocketInfo};

/// `sizeof(struct bpf_sock)`.
pub const SOCK_VIEW_SIZE: usize = 80;
/// `sizeof(struct bpf_tcp_sock)`.
pub const TCP_VIEW_SIZE: usize = 112;

/// The bytes of `struct bpf_sock`. `src_port` is in host order, `dst_port` is 16 bits in network order with zeros behind
/// it (an old 32-bit read of it sees just that), addresses are in network order.
pub(crate) fn sock(info: &SocketInfo, addresses: &KernelAddresses) -> [u8; SOCK_VIEW_SIZE] {
    let mut view = [0; SOCK_VIEW_SIZE];
    let remote_port = info.remote.map_or(0, |r| r.port);
    put(&mut view, 0, &info.device.to_ne_bytes());
    put(&mut view, 4, &u32::from(info.family().number()).to_ne_bytes());
    if info.state.is_full() {
        put(&mut view, 8, &u32::from(info.protocol.socket_type()).to_ne_bytes());
        put(&mut view, 12, &u32::from(info.protocol.number()).to_ne_bytes());
        put(&mut view, 16, &info.mark.to_ne_bytes());
        put(&mut view, 20, &info.priority.to_ne_bytes());
    }
    put(&mut view, 24, &addresses.local4.octets());
    put(&mut view, 44, &u32::from(info.local.port).to_ne_bytes());
    put(&mut view, 48, &remote_port.to_be_bytes());
    put(&mut view, 52, &addresses.remote4.octets());
    put(&mut view, 28, &addresses.local6.octets());
    put(&mut view, 56, &addresses.remote6.octets());
    put(&mut view, 72, &u32::from(info.state.number()).to_ne_bytes());
    put(&mut view, 76, &info.rx_queue.to_ne_bytes());
    view
}

/// Offsets come from the tables of this file, so they fit; a slip would be seen by the layout tests.
fn put(view: &mut [u8], offset: usize, bytes: &[u8]) {
    if let Some(field) = view.get_mut(offset..).and_then(|rest| rest.get_mut(..bytes.len())) {
        field.copy_from_slice(bytes);
    }
}

fn take<const N: usize>(view: &[u8], offset: usize) -> Option<[u8; N]> {
    view.get(offset..)?.first_chunk().copied()
}

macro_rules! tcp_info {
    ($($name:ident: $kind:ty = $default:literal, $offset:literal, $doc:literal;)*) => {
        /// What `struct bpf_tcp_sock` shows of a TCP socket. The defaults are those of a socket that has sent nothing.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct TcpInfo {
            $(#[doc = $doc] pub $name: $kind,)*
        }

        impl Default for TcpInfo {
            fn default() -> Self {
                TcpInfo { $($name: $default,)* }
            }
        }

        impl TcpInfo {
            /// The fields with their offset and width in bytes, in the order of the structure.
            pub const FIELDS: &[(&str, usize, usize)] = &[$((stringify!($name), $offset, size_of::<$kind>())),*];

            /// The bytes of `struct bpf_tcp_sock` in this machine's byte order.
            pub fn to_bytes(&self) -> [u8; TCP_VIEW_SIZE] {
                let mut view = [0; TCP_VIEW_SIZE];
                $(put(&mut view, $offset, &self.$name.to_ne_bytes());)*
                view
            }

            /// The fields that these bytes show.
            pub(crate) fn from_bytes(view: &[u8; TCP_VIEW_SIZE]) -> TcpInfo {
                TcpInfo { $($name: take(view, $offset).map_or($default, <$kind>::from_ne_bytes),)* }
            }

            /// The value of the field called `name`.
            pub fn get(&self, name: &str) -> Option<u64> {
                match name { $(stringify!($name) => Some(u64::from(self.$name)),)* _ => None }
            }

            /// Sets the field called `name`; `false` if there is none, or `value` does not fit it.
            #[must_use]
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($name) => <$kind>::try_from(value).map(|v| self.$name = v).is_ok(),)*
                    _ => false,
                }
            }
        }
    };
}

tcp_info! {
    snd_cwnd: u32 = 10, 0, "Congestion window, in segments.";
    srtt_us: u32 = 0, 4, "Smoothed round-trip time, in eighths of a microsecond.";
    rtt_min: u32 = 0xffff_ffff, 8, "Least round-trip time, in microseconds; all ones before the first sample.";
    snd_ssthresh: u32 = 0x7fff_ffff, 12, "Slow-start threshold, in segments.";
    rcv_nxt: u32 = 0, 16, "Sequence number expected next.";
    snd_nxt: u32 = 0, 20, "Sequence number sent next.";
    snd_una: u32 = 0, 24, "First sequence number that is not acknowledged.";
    mss_cache: u32 = 536, 28, "Effective segment size, in bytes.";
    ecn_flags: u32 = 0, 32, "ECN status bits.";
    rate_delivered: u32 = 0, 36, "Rate sample: packets delivered.";
    rate_interval_us: u32 = 0, 40, "Rate sample: time elapsed, in microseconds.";
    packets_out: u32 = 0, 44, "Packets in flight.";
    retrans_out: u32 = 0, 48, "Retransmitted packets in flight.";
    total_retrans: u32 = 0, 52, "Retransmissions of the whole connection.";
    segs_in: u32 = 0, 56, "Segments received.";
    data_segs_in: u32 = 0, 60, "Segments with data received.";
    segs_out: u32 = 0, 64, "Segments sent.";
    data_segs_out: u32 = 0, 68, "Segments with data sent.";
    lost_out: u32 = 0, 72, "Packets taken as lost.";
    sacked_out: u32 = 0, 76, "Packets acknowledged selectively.";
    bytes_received: u64 = 0, 80, "Bytes received.";
    bytes_acked: u64 = 0, 88, "Bytes acknowledged.";
    dsack_dups: u32 = 0, 96, "Duplicate selective acknowledgements.";
    delivered: u32 = 0, 100, "Packets delivered, with retransmitted ones.";
    delivered_ce: u32 = 0, 104, "Packets delivered with a congestion mark.";
    icsk_retransmits: u32 = 0, 108, "Retransmission timeouts not recovered from.";
}

#[cfg(all(test, not(belay_loom)))]
mod tests {
    use super::*;
    use crate::address::{Endpoint, Protocol};
    use crate::key::Hasher;
    use crate::namespace::NetnsId;
    use crate::socket::Socket;
    use crate::state::State;

    fn view_of(
        local: &str,
        remote: Option<&str>,
        change: impl FnOnce(&mut SocketInfo),
    ) -> [u8; SOCK_VIEW_SIZE] {
        let parse = |text: &str| text.parse::<Endpoint>().expect("an endpoint");
        let mut info = SocketInfo::new(NetnsId(0), Protocol::Tcp, State::Established, parse(local));
        info.remote = remote.map(parse);
        change(&mut info);
        let socket = Socket::empty(0);
        socket.fill(&info, 0, &Hasher::default());
        assert_eq!(socket.info(), info, "what is put in comes out");
        socket.view()
    }

    fn word(view: &[u8; SOCK_VIEW_SIZE], offset: usize) -> u32 {
        u32::from_ne_bytes(view[offset..offset + 4].try_into().expect("4 bytes"))
    }

    #[test]
    fn fields_lie_where_the_uapi_puts_them() {
        let view = view_of("10.0.0.1:40000", Some("10.0.0.2:443"), |info| {
            info.device = 7;
            info.mark = 0xabcd;
            info.priority = 6;
            info.rx_queue = 3;
        });
        let words = [(0, 7), (4, 2), (8, 1), (12, 6), (16, 0xabcd), (20, 6), (44, 40000), (72, 1), (76, 3)];
        for (offset, value) in words {
            assert_eq!(word(&view, offset), value, "offset {offset}");
        }
        assert_eq!(view[24..28], [10, 0, 0, 1]);
        assert_eq!(view[48..52], [0x01, 0xbb, 0, 0], "network order in 16 bits, then padding");
        assert_eq!(view[52..56], [10, 0, 0, 2]);
        let mapped = |view: &[u8]| [&[0; 10][..], &[0xff; 2], view].concat();
        assert_eq!(view[28..44], mapped(&[10, 0, 0, 1]), "an IPv4 flow of TCP has the mapped addresses too");
        assert_eq!(view[56..72], mapped(&[10, 0, 0, 2]));
    }

    #[test]
    fn sockets_that_were_only_bound_have_no_mapped_addresses() {
        let listener = view_of("10.0.0.1:80", None, |info| info.state = State::Listen);
        assert_eq!([&listener[28..44], &listener[56..72]].concat(), [0; 32]);
        let datagrams = view_of("10.0.0.1:80", Some("10.0.0.2:9"), |info| info.protocol = Protocol::Udp);
        assert_eq!([&datagrams[28..44], &datagrams[56..72]].concat(), [0; 32]);
    }

    #[test]
    fn an_ipv6_address_has_a_placeholder_for_ipv4() {
        let view = view_of("[fd00::1]:80", Some("[fd00::2]:9"), |_| ());
        assert_eq!((&view[24..28], &view[52..56]), (&[127, 0, 0, 6][..], &[0; 4][..]));
        let wildcard = view_of("[::]:80", None, |info| info.state = State::Listen);
        assert_eq!(wildcard[24..28], [0; 4]);
    }

    #[test]
    fn a_dual_stack_socket_shows_both_families() {
        let view = view_of("[::ffff:10.0.0.1]:80", Some("[::ffff:10.0.0.2]:9"), |_| ());
        assert_eq!(word(&view, 4), 10);
        assert_eq!(view[24..28], [10, 0, 0, 1]);
        assert_eq!(view[52..56], [10, 0, 0, 2]);
        assert_eq!(view[28..44], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1]);
    }

    #[test]
    fn minisockets_have_no_type_nor_mark() {
        let view = view_of("10.0.0.1:80", Some("10.0.0.2:9"), |info| {
            info.state = State::TimeWait;
            info.mark = 9;
        });
        assert_eq!(view[8..24], [0; 16]);
        assert_eq!(word(&view, 72), 6);
    }

    #[test]
    fn tcp_fields_tile_the_structure() {
        let mut end = 0;
        for (name, offset, size) in TcpInfo::FIELDS {
            assert_eq!(*offset, end, "{name}");
            end = offset + size;
        }
        assert_eq!(end, TCP_VIEW_SIZE);
    }

    #[test]
    fn a_tcp_field_set_by_name_is_read_back_at_its_offset() {
        for (name, offset, size) in TcpInfo::FIELDS {
            let mut info = TcpInfo::default();
            assert!(info.set(name, 0x0102_0304), "{name}");
            assert_eq!(info.get(name), Some(0x0102_0304));
            assert_eq!(info.to_bytes()[*offset..offset + 4], 0x0102_0304_u32.to_ne_bytes());
            assert_eq!(TcpInfo::from_bytes(&info.to_bytes()), info);
            assert_eq!(
                info.set(name, u64::MAX),
                *size == 8,
                "{name} holds 64 bits only if it is 8 bytes wide"
            );
        }
        assert!(!TcpInfo::default().set("cwnd", 1));
    }

    #[test]
    fn views_come_first_and_a_socket_is_five_cache_lines() {
        assert_eq!((Socket::VIEW_OFFSET, Socket::TCP_VIEW_OFFSET), (0, 128));
        assert_eq!((align_of::<Socket>(), size_of::<Socket>()), (64, 5 * 64));
    }
}
