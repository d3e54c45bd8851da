// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The function that catches exceptions throws.
// expect: reject C0420
// linux 6.18: bpf_throw kfunc (insn 6) cannot be called from callback subprog 1

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;

#define __exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

int catch_it(__u64 cookie)
{
	bpf_throw(cookie);
	return 0;
}

SEC("tc")
__exception_cb(catch_it)
int create(struct __sk_buff *skb)
{
	if (skb->mark == 2)
		bpf_throw(77);
	return 1;
}

char _license[] SEC("license") = "Dual MIT/GPL";
