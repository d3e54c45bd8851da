// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Nor one to make anew.
// expect: reject C0411
// linux 6.18: Dynptr has to be an uninitialized dynptr

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} records SEC(".maps");

static long sum(struct bpf_dynptr *sample, __u64 *total __attribute__((unused)))
{
	bpf_ringbuf_reserve_dynptr(&records, 8, 0, sample);
	bpf_ringbuf_submit_dynptr(sample, 0);
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
