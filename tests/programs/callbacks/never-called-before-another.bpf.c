// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A callback that is called no times is removed; its name then leads to the function that comes to stand there, and that is enough.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

static long never(__u32 index __attribute__((unused)), void *context __attribute__((unused)))
{
	return 0;
}

static __attribute__((noinline)) int other(struct __sk_buff *skb __attribute__((unused)))
{
	return bpf_get_prandom_u32() & 1 ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	bpf_loop(0, never, NULL, 0);
	return other(skb);
}

char _license[] SEC("license") = "Dual MIT/GPL";
