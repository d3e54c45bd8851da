// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A global function may move the packet: packet pointers of its caller are of no use after the call.
// expect: reject M0208
// linux 6.18: R6 invalid mem access 'scalar'

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

__noinline int pull(struct __sk_buff *skb)
{
	return bpf_skb_pull_data(skb, 0);
}

SEC("tc")
int main_program(struct __sk_buff *skb)
{
	__u8 *data = (__u8 *)(long)skb->data;

	if (data + 1 > (__u8 *)(long)skb->data_end)
		return TC_ACT_SHOT;
	pull(skb);
	return *data ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
