// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A function that a helper calls back throws.
// expect: reject C0420
// linux 6.18: bpf_throw kfunc (insn 10) cannot be called from callback subprog 1

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;

static long turn(__u32 index, void *context)
{
	(void)context;
	if (index == 3)
		bpf_throw(0);
	return 0;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	(void)skb;
	bpf_loop(16, turn, NULL, 0);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
