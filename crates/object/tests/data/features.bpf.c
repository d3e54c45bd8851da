// SPDX-License-Identifier: MIT OR Apache-2.0
// One of everything that an object can hold besides CO-RE.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

struct flow {
	__u32 source;
	__u16 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, __u64);
	__uint(map_flags, BPF_F_NO_COMMON_LRU);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 64);
	__uint(value_size, 4);
	__uint(map_extra, 3);
} filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} counts SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { [1] = &inner_b, [4] = &inner_a },
};

int next(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct __sk_buff *));
} jumps SEC(".maps") = {
	.values = { [2] = (void *)&next },
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} pinned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

const volatile __u32 limit = 7;
const volatile char greeting[] = "hello";
__u64 total;
static volatile __u32 seen;
static volatile __u32 step = 2;
__u32 custom SEC(".data.custom") = 0x11223344;

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig;
extern unsigned CONFIG_HZ __kconfig __weak;
extern unsigned CONFIG_OF_ANOTHER_WORLD __kconfig __weak;

extern const void schedule __ksym;
extern const int bpf_no_such_variable __ksym __weak;
extern const int nr_cpu_ids __ksym __weak;
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;
extern int bpf_no_such_function(int) __ksym __weak;

static __noinline int helper(struct __sk_buff *skb, int bias)
{
	seen += step;
	return skb->len + bias;
}

__noinline int shared(struct __sk_buff *skb)
{
	return helper(skb, 1) + limit;
}

__weak __noinline int weak_one(struct __sk_buff *skb)
{
	return skb->len + custom;
}

__hidden __noinline int hidden_one(struct __sk_buff *skb)
{
	return skb->len + greeting[skb->len & 3];
}

static long visit(__u32 index, void *context)
{
	total += index;
	return 0;
}

SEC("tc")
int first(struct __sk_buff *skb)
{
	struct flow flow = { .port = skb->len };
	__u32 zero = 0;

	bpf_loop(3, visit, NULL, 0);
	if (!bpf_map_lookup_elem(&flows, &flow) || !bpf_map_lookup_elem(&counts, &zero))
		return shared(skb);
	bpf_tail_call(skb, &jumps, 2);
	return hidden_one(skb);
}

SEC("tc")
int next(struct __sk_buff *skb)
{
	return weak_one(skb) + helper(skb, 2);
}

SEC("?xdp.frags")
int config(struct xdp_md *ctx)
{
	if (LINUX_KERNEL_VERSION < 0x060000 || !CONFIG_BPF_SYSCALL)
		return XDP_DROP;
	return CONFIG_HZ + CONFIG_OF_ANOTHER_WORLD ? XDP_PASS : XDP_DROP;
}

SEC("raw_tp/sys_enter")
int kernel_symbols(void *ctx)
{
	if (&bpf_no_such_variable)
		return 1;
	if (bpf_no_such_function)
		return bpf_no_such_function(1);
	bpf_rdonly_cast(&schedule, 0);
	return nr_cpu_ids ? 2 : 3;
}

SEC("fentry.s/vfs_open")
int traced(void *ctx)
{
	return 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
