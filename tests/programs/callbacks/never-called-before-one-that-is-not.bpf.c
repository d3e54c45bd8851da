// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two callbacks that are called no times: once both are removed, the name of the second leads into the middle of a function.
// expect: reject P0602
// linux 6.18: verifier bug: No program to jit

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

static long never(__u32 index __attribute__((unused)), void *context __attribute__((unused)))
{
	return 0;
}

static long neither(__u32 index __attribute__((unused)), void *context __attribute__((unused)))
{
	return 1;
}

static __attribute__((noinline)) int other(struct __sk_buff *skb __attribute__((unused)))
{
	return bpf_get_prandom_u32() & 1 ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	bpf_loop(0, never, NULL, 0);
	bpf_loop(0, neither, NULL, 0);
	return other(skb);
}

char _license[] SEC("license") = "Dual MIT/GPL";
