// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nor is it one to look into.
// expect: reject M0211
// linux 6.18: R1 invalid mem access 'dynptr_ptr'

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

static long sum(struct bpf_dynptr *sample, __u64 *total)
{
	*total += *(__u64 *)sample;
	return 0;
}

SEC("tc")
int drain(struct __sk_buff *skb __attribute__((unused)))
{
	__u64 total = 0;

	bpf_user_ringbuf_drain(&samples, sum, &total, 0);
	return total ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
