// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A list owns what is put in; what is taken out is ours to drop.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))

struct bpf_list_head {
	__u64 opaque[2];
};

struct bpf_list_node {
	__u64 opaque[3];
};

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta,
				   __u64 off) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;

struct flow {
	__u64 packets;
	struct bpf_list_node node;
};

struct flows {
	struct bpf_spin_lock lock;
	struct bpf_list_head head __contains(flow, node);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flows);
} flows SEC(".maps");

SEC("tc")
int example(__attribute__((unused)) struct __sk_buff *skb)
{
	struct bpf_list_node *node;
	struct flows *value;
	struct flow *flow;
	__u32 key = 0;

	value = bpf_map_lookup_elem(&flows, &key);
	if (!value)
		return TC_ACT_OK;
	flow = bpf_obj_new_impl(bpf_core_type_id_local(struct flow), 0);
	if (!flow)
		return TC_ACT_OK;
	flow->packets = 1;
	bpf_spin_lock(&value->lock);
	bpf_list_push_back_impl(&value->head, &flow->node, 0, 0);
	bpf_spin_unlock(&value->lock);
	bpf_spin_lock(&value->lock);
	node = bpf_list_pop_front(&value->head);
	bpf_spin_unlock(&value->lock);
	if (node) {
		flow = container_of(node, struct flow, node);
		bpf_obj_drop_impl(flow, 0);
	}
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
