//! What helpers do.
//!
//! A helper takes the five argument registers as they are and returns `r0`. It checks nothing that the verifier proves: of
//! pointers and sizes it takes what it is given. (Before an unverified program's call, the checked interpreter has
//! tested the arguments against the signature in `belay-spec`.) What *values* mean (flags, lengths the packet has
//! not, sizes that select a family) is decided here, as in Linux.
//!
//! One file a subject; [`TABLE`] is the only list. What is not in it does not run: preparation says so.

mod cgroups;
mod checksum;
mod control;
mod counters;
#[cfg(test)]
mod coverage;
pub(crate) mod dynptr;
mod format;
mod header_options;
mod headers;
mod identity;
pub(crate) mod lock;
mod map;
mod message;
mod misc;
mod number;
mod options;
pub(crate) mod packet;
mod probe;
mod redirect;
mod resize;
mod route;
pub(crate) mod sockets;
mod sockmap;
mod storage;
pub(crate) mod syncookie;
mod timer;
mod tunnel;
mod type_text;
mod types;

use crate::jit::{self, Native};
use crate::world::World;

/// A helper as a function: of what it runs in and the arguments. Its type names it, so that there is a native entry for
/// each.
pub(crate) trait HelperFn: for<'r> Fn(&mut World<'r>, [u64; 5]) -> u64 + Copy + 'static {}

impl<F: for<'r> Fn(&mut World<'r>, [u64; 5]) -> u64 + Copy + 'static> HelperFn for F {}

/// A helper's implementation.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// A function of the arguments, and its native entry.
    Plain(fn(&mut World<'_>, [u64; 5]) -> u64, Native),
    /// `bpf_tail_call`: the engine continues in another program.
    TailCall,
    /// `bpf_loop`: the engine calls back.
    Loop,
    /// `bpf_for_each_map_elem`: likewise.
    ForEach,
    /// `bpf_timer_set_callback`: of a function of the calling program, which is called later.
    TimerCallback,
}

/// A helper that runs.
pub(crate) struct Helper {
    /// Its number.
    pub(crate) id: u32,
    /// What it does.
    pub(crate) body: Body,
}

impl std::fmt::Debug for Helper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "helper {}", self.id)
    }
}

/// Every helper that runs, by number.
static TABLE: &[Helper] = &[
    plain(1, map::lookup),
    plain(2, map::update),
    plain(3, map::delete),
    plain(5, misc::time),
    plain(6, format::print),
    plain(7, misc::random),
    plain(8, misc::cpu),
    plain(9, packet::store_bytes),
    plain(10, checksum::l3_replace),
    plain(11, checksum::l4_replace),
    Helper { id: 12, body: Body::TailCall },
    plain(13, redirect::clone),
    plain(14, identity::pid_tgid),
    plain(15, identity::uid_gid),
    plain(16, identity::comm),
    plain(17, misc::zero),
    plain(18, headers::vlan_push),
    plain(19, headers::vlan_pop),
    plain(20, tunnel::get_key),
    plain(21, tunnel::set_key),
    plain(22, counters::read),
    plain(23, redirect::redirect),
    plain(24, misc::zero),
    plain(25, map::event_output),
    plain(26, packet::load_bytes),
    plain(28, checksum::diff),
    plain(29, tunnel::get_options),
    plain(30, tunnel::set_options),
    plain(31, headers::change_proto),
    plain(32, headers::change_type),
    plain(33, cgroups::packet),
    plain(34, packet::hash_recalc),
    plain(37, cgroups::task),
    plain(38, resize::change_tail),
    plain(39, packet::pull_data),
    plain(40, checksum::update),
    plain(41, packet::set_hash_invalid),
    plain(42, misc::zero),
    plain(43, resize::change_head),
    plain(44, resize::xdp_adjust_head),
    plain(46, identity::cookie),
    plain(47, identity::uid),
    plain(48, packet::set_hash),
    plain(49, options::set),
    plain(50, headers::adjust_room),
    plain(51, redirect::to_map),
    plain(52, sockmap::redirect_map),
    plain(53, sockmap::update_from_ops),
    plain(54, resize::xdp_adjust_meta),
    plain(55, counters::read_value),
    plain(57, options::get),
    plain(59, options::set_cb_flags),
    plain(60, sockmap::redirect_map),
    plain(61, message::apply_bytes),
    plain(62, message::cork_bytes),
    plain(63, message::pull_data),
    plain(64, control::bind),
    plain(65, resize::xdp_adjust_tail),
    plain(66, packet::no_xfrm_state),
    plain(68, packet::load_bytes_relative),
    plain(69, route::fib_lookup),
    plain(70, sockmap::update_from_ops),
    plain(71, sockmap::redirect_hash),
    plain(72, sockmap::redirect_hash),
    plain(79, identity::packet_cgroup),
    plain(80, identity::current_cgroup),
    plain(81, storage::cgroup_get),
    plain(82, sockmap::select_reuseport),
    plain(83, identity::packet_ancestor),
    plain(84, sockets::lookup_tcp),
    plain(85, sockets::lookup_udp),
    plain(86, sockets::sk_release),
    plain(87, map::push),
    plain(88, map::pop),
    plain(89, map::peek),
    plain(90, message::push_data),
    plain(91, message::pop_data),
    plain(93, lock::lock),
    plain(94, lock::unlock),
    plain(95, sockets::fullsock),
    plain(96, sockets::tcp_sock),
    plain(97, headers::ecn_set_ce),
    plain(98, sockets::listener),
    plain(99, sockets::skc_lookup_tcp),
    plain(100, syncookie::check),
    plain(101, control::sysctl_name),
    plain(102, control::sysctl_current),
    plain(103, control::sysctl_new),
    plain(104, control::sysctl_set),
    plain(105, number::signed),
    plain(106, number::unsigned),
    plain(107, storage::socket_get),
    plain(108, storage::socket_delete),
    plain(110, syncookie::gen_cookie),
    plain(112, probe::user),
    plain(113, probe::kernel),
    plain(114, probe::user),
    plain(115, probe::kernel_text),
    plain(118, misc::jiffies),
    plain(120, identity::no_pid_namespace),
    plain(122, identity::netns_cookie),
    plain(123, identity::current_ancestor),
    plain(124, sockets::assign),
    plain(125, misc::time),
    plain(128, identity::socket_cgroup),
    plain(129, identity::socket_ancestor),
    plain(130, map::ring_output),
    plain(131, map::ring_reserve),
    plain(132, map::ring_submit),
    plain(133, map::ring_discard),
    plain(134, map::ring_query),
    plain(135, headers::csum_level),
    plain(136, sockets::to_tcp6_sock),
    plain(137, sockets::to_tcp_sock),
    plain(138, sockets::to_timewait_sock),
    plain(139, sockets::to_request_sock),
    plain(140, sockets::to_udp6_sock),
    plain(142, header_options::load),
    plain(143, header_options::store),
    plain(144, header_options::reserve),
    plain(149, types::text),
    plain(151, misc::zero),
    plain(152, redirect::neigh),
    plain(155, redirect::peer),
    plain(160, misc::time),
    plain(163, route::check_mtu),
    Helper { id: 164, body: Body::ForEach },
    plain(165, format::to_text),
    plain(169, timer::init),
    Helper { id: 170, body: Body::TimerCallback },
    plain(171, timer::start),
    plain(172, timer::cancel),
    plain(177, format::print_array),
    plain(178, sockets::to_unix_sock),
    Helper { id: 181, body: Body::Loop },
    plain(182, misc::strncmp),
    plain(186, control::get_retval),
    plain(187, control::set_retval),
    plain(188, packet::xdp_len),
    plain(189, packet::xdp_load_bytes),
    plain(190, packet::xdp_store_bytes),
    plain(192, packet::set_tstamp),
    plain(195, map::lookup_percpu),
    plain(196, sockets::to_mptcp_sock),
    plain(197, dynptr::from_memory),
    plain(198, dynptr::ring_reserve),
    plain(199, dynptr::ring_submit),
    plain(200, dynptr::ring_discard),
    plain(201, dynptr::read),
    plain(202, dynptr::store),
    plain(203, dynptr::data),
    plain(204, syncookie::raw_generate_v4),
    plain(205, syncookie::raw_generate_v6),
    plain(206, syncookie::raw_check_v4),
    plain(207, syncookie::raw_check_v6),
    plain(208, misc::time),
];

/// A helper that is a function.
const fn plain<F: HelperFn>(id: u32, _: F) -> Helper {
    Helper { id, body: Body::Plain(jit::call::<F>, jit::helper::<F>) }
}

/// The helper of that number, if it runs.
pub(crate) fn by_id(id: u32) -> Option<&'static Helper> {
    TABLE.binary_search_by_key(&id, |helper| helper.id).ok().and_then(|index| TABLE.get(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_linux_has_each() {
        assert!(TABLE.is_sorted_by(|a, b| a.id < b.id));
        for helper in TABLE {
            let signature = belay_spec::Helper::by_id(helper.id).expect("a signature");
            assert_eq!(
                signature.effects.tail_call,
                matches!(helper.body, Body::TailCall),
                "{}",
                signature.name
            );
            assert_eq!(
                signature.effects.callback,
                matches!(helper.body, Body::Loop | Body::ForEach | Body::TimerCallback),
                "{}",
                signature.name
            );
        }
    }
}
