// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernel's side of core.bpf.c: only its types count.
#include <linux/types.h>

struct belay_leaf {
	long new_first;
	int first;
	int moved;
};

enum belay_color { BELAY_RED = 1, BELAY_BLUE = 2, BELAY_GREEN = 7 };
enum belay_wide { BELAY_WIDE = 0x300000000ULL };

struct belay_box {
	long new_head;
	unsigned short shrunk;
	struct belay_leaf leaf;
	struct belay_leaf leaves[4];
	unsigned int pad : 9;
	unsigned int bits : 5;
	int sbits : 7;
	void *pointer;
	unsigned int grown;
	long signed_grown;
	struct {
		union {
			int in_anonymous;
			int sibling;
		};
	};
	int renamed;
	char tail[];
};

struct belay_same {
	int more;
	struct belay_leaf *link;
	int a;
};

struct belay_other {
	int a;
};

typedef int (*belay_callback)(int);

struct belay_enums {
	enum belay_color color;
	enum belay_wide wide;
};

int keep(struct belay_box *box, struct belay_same *same, struct belay_other *other, belay_callback callback,
	 struct belay_enums *enums)
{
	return box->renamed + same->a + other->a + callback(enums->color) + (int)enums->wide;
}
