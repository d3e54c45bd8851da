// SPDX-License-Identifier: MIT OR Apache-2.0
// Every kind of CO-RE relocation, on types whose kernel side is core_kernel.bpf.c.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

struct belay_leaf {
	int first;
	int moved;
} CORE;

enum belay_color { BELAY_RED = 1, BELAY_GREEN = 2, BELAY_GONE = 3 };
enum belay_wide { BELAY_WIDE = 0x100000000ULL };

struct belay_box {
	unsigned int shrunk;
	struct belay_leaf leaf;
	struct belay_leaf leaves[4];
	unsigned int bits : 5;
	int sbits : 7;
	void *pointer;
	unsigned long grown;
	int signed_grown;
	int in_anonymous;
	int gone;
	char tail[];
} CORE;

struct belay_box___flavour {
	int renamed;
} CORE;

struct belay_absent {
	int x;
} CORE;

struct belay_same {
	int a;
	struct belay_leaf *link;
};

struct belay_other {
	long a;
};

typedef int (*belay_callback)(int);

long out[64];

#define FIELD(i, expression) out[i] = (expression)

SEC("raw_tp")
int fields(struct belay_box *box)
{
	FIELD(0, __builtin_preserve_field_info(box->shrunk, BPF_FIELD_BYTE_OFFSET));
	FIELD(1, __builtin_preserve_field_info(box->leaf.moved, BPF_FIELD_BYTE_OFFSET));
	FIELD(2, __builtin_preserve_field_info(box->leaves[2].moved, BPF_FIELD_BYTE_OFFSET));
	FIELD(3, __builtin_preserve_field_info(box->grown, BPF_FIELD_BYTE_SIZE));
	FIELD(4, bpf_core_field_exists(box->gone));
	FIELD(5, bpf_core_field_exists(box->in_anonymous));
	FIELD(6, __builtin_preserve_field_info(box->in_anonymous, BPF_FIELD_BYTE_OFFSET));
	FIELD(7, __builtin_preserve_field_info(box->sbits, BPF_FIELD_SIGNED));
	FIELD(8, __builtin_preserve_field_info(box->bits, BPF_FIELD_SIGNED));
	FIELD(9, __builtin_preserve_field_info(box->bits, BPF_FIELD_LSHIFT_U64));
	FIELD(10, __builtin_preserve_field_info(box->bits, BPF_FIELD_RSHIFT_U64));
	FIELD(11, __builtin_preserve_field_info(box->bits, BPF_FIELD_BYTE_OFFSET));
	FIELD(12, __builtin_preserve_field_info(box->bits, BPF_FIELD_BYTE_SIZE));
	FIELD(13, bpf_core_field_exists(((struct belay_box___flavour *)box)->renamed));
	FIELD(14, __builtin_preserve_field_info(box->tail[3], BPF_FIELD_BYTE_OFFSET));
	return 0;
}

SEC("raw_tp")
int types(void *ctx)
{
	FIELD(0, bpf_core_type_exists(struct belay_box));
	FIELD(1, bpf_core_type_exists(struct belay_absent));
	FIELD(2, bpf_core_type_size(struct belay_leaf));
	FIELD(3, bpf_core_type_size(struct belay_absent));
	FIELD(4, bpf_core_type_matches(struct belay_same));
	FIELD(5, bpf_core_type_matches(struct belay_other));
	FIELD(6, bpf_core_type_id_kernel(struct belay_leaf));
	FIELD(7, bpf_core_type_id_local(struct belay_leaf));
	FIELD(8, bpf_core_enum_value_exists(enum belay_color, BELAY_GREEN));
	FIELD(9, bpf_core_enum_value_exists(enum belay_color, BELAY_GONE));
	FIELD(10, bpf_core_enum_value(enum belay_color, BELAY_GREEN));
	FIELD(11, bpf_core_enum_value(enum belay_wide, BELAY_WIDE));
	FIELD(12, bpf_core_type_exists(belay_callback));
	return 0;
}

SEC("raw_tp")
int loads(struct belay_box *box)
{
	// Direct loads: their offsets and sizes follow the kernel's fields.
	out[0] = box->shrunk;
	out[1] = (long)box->pointer;
	out[2] = box->leaf.moved;
	box->grown = 5;
	return 0;
}

SEC("raw_tp")
int poisoned(struct belay_box *box)
{
	if (bpf_core_field_exists(box->gone))
		return box->gone;
	return box->signed_grown;
}

char _license[] SEC("license") = "GPL";
