// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The function that would store a small number may not be called at all.
// expect: reject M0201

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

static long shrink(__u32 index, __u64 *at)
{
	(void)index;
	*at = 0;
	return 0;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	char bytes[8] = {};
	volatile __u64 at = 100;

	bpf_loop(skb->len, shrink, (void *)&at, 0);
	return ((volatile char *)bytes)[at];
}

char _license[] SEC("license") = "Dual MIT/GPL";
