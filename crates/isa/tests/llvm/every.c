// Code as the compiler writes it: spills, loops, calls between functions, globals, atomics, 32-bit arithmetic.

typedef unsigned int u32;
typedef unsigned long u64;

struct packet {
    u32 length;
    signed char kind;
    short port;
    u64 stamp;
    u64 bytes[8];
};

static long (*lookup)(void *map, void *key) = (void *)1;
static u64 (*now)(void) = (void *)5;
extern int kernel_function(struct packet *packet) __attribute__((section(".ksyms")));

u64 total;
int limits[16] = {1, 2, 3};
const volatile int flag = 1;

__attribute__((noinline)) static int fold(const struct packet *packet, int rounds) {
    u32 sum = packet->length;
    for (int i = 0; i < rounds; i++)
        sum = (sum >> 3) ^ (sum * 2654435761u) ^ (u32)packet->bytes[i & 7];
#if __BPF_CPU_VERSION__ >= 4
    return (int)sum % (packet->kind | 1);
#else
    return (int)(sum % (u32)(packet->kind | 1));
#endif
}

__attribute__((section("tc"))) int classify(struct packet *packet) {
    u64 seen[4] = {packet->stamp, now(), packet->length, 1};
    int key = packet->port;
    int *limit = (int *)lookup(&limits, &key);
    if (limit && *limit < fold(packet, 9))
        return kernel_function(packet);
    __sync_fetch_and_add(&total, seen[packet->length & 3]);
    u64 old = __sync_fetch_and_or(&packet->bytes[0], 4) + __sync_lock_test_and_set(&packet->bytes[1], 5);
    if (__sync_val_compare_and_swap(&packet->bytes[2], old, 6) / 3 > 0x123456789abcdefUL)
        return __builtin_bswap32(packet->length) + __builtin_bswap16((unsigned short)key);
    return flag ? (int)(packet->stamp % 10) : (short)old + (int)((long)old >> 5) - fold(packet, key);
}
