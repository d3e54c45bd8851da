//! `struct tcp_info` as `struct bpf_tcp_sock` would show it.
//!
//! Not in it, so left at the values of a fresh socket: sequence numbers, ECN flags, rate samples.

use belay_sockets::TcpInfo;

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

fn wide(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk().copied().map(u64::from_ne_bytes)
}

/// Offsets are those of the UAPI header. What an older kernel does not have keeps its default.
pub(super) fn read(bytes: &[u8]) -> TcpInfo {
    let fresh = TcpInfo::default();
    let or = |value: Option<u32>, default| value.unwrap_or(default);
    TcpInfo {
        icsk_retransmits: bytes.get(2).copied().map_or(fresh.icsk_retransmits, u32::from),
        mss_cache: or(word(bytes, 16), fresh.mss_cache),
        packets_out: or(word(bytes, 24), fresh.packets_out),
        sacked_out: or(word(bytes, 28), fresh.sacked_out),
        lost_out: or(word(bytes, 32), fresh.lost_out),
        retrans_out: or(word(bytes, 36), fresh.retrans_out),
        // In microseconds here, in eighths there.
        srtt_us: word(bytes, 68).map_or(fresh.srtt_us, |us| us.saturating_mul(8)),
        snd_ssthresh: or(word(bytes, 76), fresh.snd_ssthresh),
        snd_cwnd: or(word(bytes, 80), fresh.snd_cwnd),
        total_retrans: or(word(bytes, 100), fresh.total_retrans),
        bytes_acked: wide(bytes, 120).unwrap_or(fresh.bytes_acked),
        bytes_received: wide(bytes, 128).unwrap_or(fresh.bytes_received),
        segs_out: or(word(bytes, 136), fresh.segs_out),
        segs_in: or(word(bytes, 140), fresh.segs_in),
        rtt_min: or(word(bytes, 148), fresh.rtt_min),
        data_segs_in: or(word(bytes, 152), fresh.data_segs_in),
        data_segs_out: or(word(bytes, 156), fresh.data_segs_out),
        delivered: or(word(bytes, 192), fresh.delivered),
        delivered_ce: or(word(bytes, 196), fresh.delivered_ce),
        dsack_dups: or(word(bytes, 216), fresh.dsack_dups),
        ..fresh
    }
}
