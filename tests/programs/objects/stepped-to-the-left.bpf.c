// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From a node to its neighbour, under the lock.
// expect: accept

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))

struct bpf_rb_root {
	__u64 opaque[2];
};

struct bpf_rb_node {
	__u64 opaque[4];
};

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			       bool (*less)(struct bpf_rb_node *, const struct bpf_rb_node *), void *meta,
			       __u64 off) __ksym;
extern struct bpf_rb_node *bpf_rbtree_root(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_left(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;

struct flow {
	__u64 packets;
	struct bpf_rb_node node;
};

struct flows {
	struct bpf_spin_lock lock;
	struct bpf_rb_root root __contains(flow, node);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flows);
} flows SEC(".maps");

#define flow_of(pointer) ((struct flow *)((void *)(pointer) - __builtin_offsetof(struct flow, node)))

static bool fewer(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return flow_of(a)->packets < flow_of(b)->packets;
}

SEC("tc")
int example(__attribute__((unused)) struct __sk_buff *skb)
{
	struct bpf_rb_node *node;
	struct flows *value;
	struct flow *flow;
	__u32 key = 0;

	value = bpf_map_lookup_elem(&flows, &key);
	if (!value)
		return TC_ACT_OK;
	(void)node;
	flow = bpf_obj_new_impl(bpf_core_type_id_local(struct flow), 0);
	if (!flow)
		return TC_ACT_OK;
	flow->packets = 1;
	bpf_spin_lock(&value->lock);
	bpf_rbtree_add_impl(&value->root, &flow->node, fewer, 0, 0);
	node = bpf_rbtree_root(&value->root);
	if (node) {
		node = bpf_rbtree_left(&value->root, node);
		if (node)
			flow_of(node)->packets++;
	}
	bpf_spin_unlock(&value->lock);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
