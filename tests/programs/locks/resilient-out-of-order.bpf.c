// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The lock taken last is let go first.
// expect: reject L0703
// linux 6.18: bpf_res_spin_unlock cannot be out of order

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct bpf_res_spin_lock {
	__u32 val;
};

extern int bpf_res_spin_lock(struct bpf_res_spin_lock *lock) __ksym;
extern void bpf_res_spin_unlock(struct bpf_res_spin_lock *lock) __ksym;
extern int bpf_res_spin_lock_irqsave(struct bpf_res_spin_lock *lock, unsigned long *flags) __ksym;
extern void bpf_res_spin_unlock_irqrestore(struct bpf_res_spin_lock *lock, unsigned long *flags) __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __ksym;

struct guarded {
	struct bpf_res_spin_lock lock;
	__u32 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

SEC("tc")
int example(__attribute__((unused)) struct __sk_buff *skb)
{
	struct guarded *one, *two;
	unsigned long flags, inner;
	__u32 key = 0;

	(void)flags;
	(void)inner;
	one = bpf_map_lookup_elem(&guarded, &key);
	if (!one)
		return TC_ACT_OK;
	key = 1;
	two = bpf_map_lookup_elem(&guarded, &key);
	if (!two)
		return TC_ACT_OK;
	if (bpf_res_spin_lock(&one->lock))
		return TC_ACT_OK;
	if (bpf_res_spin_lock(&two->lock)) {
		bpf_res_spin_unlock(&one->lock);
		return TC_ACT_OK;
	}
	bpf_res_spin_unlock(&one->lock);
	bpf_res_spin_unlock(&two->lock);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
