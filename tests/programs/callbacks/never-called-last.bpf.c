// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A callback that is called no times is removed; nothing comes to stand where it stood, at the end, and Linux stumbles over the name.
// expect: reject P0602
// linux 6.18: verifier bug: No program to jit

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int other(struct __sk_buff *skb __attribute__((unused)))
{
	return bpf_get_prandom_u32() & 1 ? TC_ACT_OK : TC_ACT_SHOT;
}

static long never(__u32 index __attribute__((unused)), void *context __attribute__((unused)))
{
	return 0;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	int action = other(skb);

	bpf_loop(0, never, NULL, 0);
	return action;
}

char _license[] SEC("license") = "Dual MIT/GPL";
