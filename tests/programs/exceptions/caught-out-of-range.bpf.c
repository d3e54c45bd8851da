// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The catching function returns what the program may not.
// expect: reject P0601
// linux 6.18: At program exit the register R0 has

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;

#define __exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

int catch_it(__u64 cookie)
{
	return cookie == 1 ? 0 : 2;
}

SEC("cgroup/sock_create")
__exception_cb(catch_it)
int create(struct bpf_sock *sk)
{
	if (sk->family == 2)
		bpf_throw(77);
	return 1;
}

char _license[] SEC("license") = "Dual MIT/GPL";
