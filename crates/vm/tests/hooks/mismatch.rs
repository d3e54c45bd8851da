//! An input of another family than the program's: harmless, and unchanged.

use belay_sockets::SocketTable;
use belay_spec::{Access, FieldKind, Hook, Release};
use belay_vm::{DeviceAccess, Packet, Sock};

use crate::judge::{object, ours};

/// Follows every pointer of the context that need not be tested for NULL.
fn follower(hook: &Hook) -> String {
    let mut body = "r6 = r1\nr8 = 0\n".to_owned();
    for field in hook.context.fields {
        let kind = hook.context_access(Release::LATEST, field.offset, field.element, Access::Read);
        let load = format!("r7 = *(u{} *)(r6 + {})\n", field.element * 8, field.offset);
        body += &match kind {
            Some(FieldKind::Socket { nullable: false, .. }) => {
                format!("{load}r1 = *(u32 *)(r7 + 4)\nr8 |= r1\n")
            }
            Some(FieldKind::FlowKeys) => format!("{load}r1 = *(u64 *)(r7 + 48)\nr8 |= r1\n"),
            // Of both structures the first bytes that Belay has.
            Some(FieldKind::Structure("nf_hook_state")) => format!("{load}r1 = *(u8 *)(r7 + 0)\nr8 |= r1\n"),
            Some(FieldKind::Scalar) => format!("{load}r8 |= r7\n"),
            _ => String::new(),
        };
    }
    let allowed = hook.return_range(Release::LATEST);
    let result = if allowed.contains(0) { "r0 = 0\nif r8 == 0 goto end\nr0 = 1\n" } else { "r0 = 1\n" };
    format!("{body}{result}end: exit")
}

#[test]
fn programs_on_what_is_not_theirs_see_zeros() {
    let mut tried = 0;
    for hook in Hook::all() {
        let packets = hook.runs_on_packets();
        let skipped =
            ["pt_regs", "tracepoint", "bpf_perf_event_data", "bpf_raw_tracepoint_args", "", "syscall"];
        if skipped.contains(&hook.context.name) {
            continue;
        }
        let object = object(hook.name, "", &follower(hook));
        let sockets = SocketTable::empty();
        let expected = i32::from(!hook.return_range(Release::LATEST).contains(0));
        let value = if hook.context.name == "bpf_cgroup_dev_ctx" || packets {
            ours(&object, &sockets, Sock::tcp4).0.action.map(|action| action.value)
        } else {
            let (ran, packet) = ours(&object, &sockets, || Packet::new(&[7; 60]).expect("a frame"));
            assert_eq!(packet.bytes(), [7; 60]);
            let (again, access) = ours(&object, &sockets, DeviceAccess::default);
            assert_eq!((access, &again), (DeviceAccess::default(), &ran));
            ran.action.map(|action| action.value)
        };
        assert_eq!(value, Some(expected), "{}", hook.name);
        tried += 1;
    }
    assert!(tried > 35, "{tried} hooks");
}
