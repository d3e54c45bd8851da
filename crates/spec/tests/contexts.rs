//! The structures themselves: their fields' places, names and suggestions.

use belay_spec::{Context, Hook, SockKind};

fn structures() -> Vec<&'static Context> {
    let hooks = Hook::all().iter().map(|hook| hook.context);
    hooks.chain(SockKind::ALL.map(SockKind::structure)).collect()
}

#[test]
fn fields_lie_in_order_aligned_and_within_the_structure() {
    for structure in structures() {
        let mut end = i64::MIN;
        for field in structure.fields {
            let label = format!("{}.{}", structure.name, field.name);
            let start = i64::from(field.offset);
            assert!(start >= end, "{label} overlaps the field before");
            assert_eq!(start.rem_euclid(i64::from(field.element)), 0, "{label} is not aligned");
            end = start + i64::from(field.size());
            let limit = i64::from(structure.size);
            // The last element of a syscall program's argument reaches one byte past the last offset.
            assert!(end <= limit + 1, "{label} ends at {end}, the structure at {limit}");
        }
    }
}

#[test]
fn every_byte_of_a_field_finds_it_by_offset_and_name() {
    for structure in structures() {
        for field in structure.fields {
            for off in [field.offset, field.offset + field.size() as i32 - 1] {
                let found = structure.field_at(off).expect("the field");
                assert!(std::ptr::eq(found, field), "{} at {off}", structure.name);
                assert_eq!(structure.nearest_field(off).map(|f| f.name), Some(field.name));
            }
            assert!(structure.field(field.name).is_some_and(|f| std::ptr::eq(f, field)), "{}", field.name);
        }
    }
}

#[test]
fn places_are_named_as_in_c() {
    let skb = Hook::by_name("sched_cls").expect("a hook").context;
    let place = |off| skb.place_name(off);
    assert_eq!(place(8).as_deref(), Some("__sk_buff.mark"));
    assert_eq!(place(9).as_deref(), Some("__sk_buff.mark + 1"));
    assert_eq!(place(56).as_deref(), Some("__sk_buff.cb[2]"));
    assert_eq!(place(181), None);
    assert_eq!(place(-1), None);
    assert_eq!(skb.nearest_field(182).map(|f| f.name), Some("tstamp_type"));
    assert_eq!(skb.nearest_field(10_000).map(|f| f.name), Some("hwtstamp"));
    assert_eq!(SockKind::SockCommon.field_at(16).map(|f| f.name), None);
    assert_eq!(SockKind::Sock.field_at(16).map(|f| f.name), Some("mark"));
}
