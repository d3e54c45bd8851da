// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nor is there a step from one node to another.
// expect: reject C0403
// linux 6.18: bpf_rbtree_left not allowed in rbtree cb

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

#define private(name) SEC(".bss." #name) __hidden __attribute__((aligned(8)))

private(flows) struct bpf_spin_lock lock;
private(flows) struct bpf_rb_root root __contains(flow, node);

#define flow_of(pointer) ((struct flow *)((void *)(pointer) - __builtin_offsetof(struct flow, node)))

static bool fewer(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	bpf_rbtree_left(&root, a);
	return flow_of(a)->packets < flow_of(b)->packets;
}

SEC("tc")
int example(__attribute__((unused)) struct __sk_buff *skb)
{
	struct bpf_rb_node *node;
	struct flow *flow;

	(void)node;
	flow = bpf_obj_new_impl(bpf_core_type_id_local(struct flow), 0);
	if (!flow)
		return TC_ACT_OK;
	flow->packets = 1;
	bpf_spin_lock(&lock);
	bpf_rbtree_add_impl(&root, &flow->node, fewer, 0, 0);
	flow->packets = 2;
	bpf_spin_unlock(&lock);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
