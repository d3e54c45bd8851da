// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A global function follows its pointer without asking whether it is NULL: its only caller never passes NULL, which does
// not count.
// expect: reject S0104
// linux 6.18: R1 invalid mem access 'mem_or_null'

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

__noinline int read(int *number)
{
	return *number;
}

SEC("tc")
int main_program(__attribute__((unused)) struct __sk_buff *skb)
{
	int number = 1;

	return read(&number) ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
