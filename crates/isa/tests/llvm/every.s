# Every instruction that LLVM 19 knows, in the forms that its assembler reads. clang and Belay must give the
# same bytes for this file, and llvm-objdump and Belay the same text for those bytes.


// arithmetic, both widths, both operands
r0 += r3
r0 += -1
w1 += w4
w1 += 2147483647
r2 -= r5
r2 -= -2147483648
w3 -= w6
w3 -= 0x1f
r4 *= r7
r4 *= 0b101
w5 *= w8
w5 *= 017
r6 /= r9
r6 /= 4294967295
w7 /= w10
w7 /= 7
r8 s/= r0
r8 s/= -1
w9 s/= w1
w9 s/= 2147483647
r0 %= r2
r0 %= -2147483648
w1 %= w3
w1 %= 0x1f
r2 s%= r4
r2 s%= 0b101
w3 s%= w5
w3 s%= 017
r4 |= r6
r4 |= 4294967295
w5 |= w7
w5 |= 7
r6 &= r8
r6 &= -1
w7 &= w9
w7 &= 2147483647
r8 ^= r10
r8 ^= -2147483648
w9 ^= w0
w9 ^= 0x1f
r0 <<= r1
r0 <<= 0b101
w1 <<= w2
w1 <<= 017
r2 >>= r3
r2 >>= 4294967295
w3 >>= w4
w3 >>= 7
r4 s>>= r5
r4 s>>= -1
w5 s>>= w6
w5 s>>= 2147483647

// moves, negation, sign extension, byte order
r1 = r2
w1 = w2
r1 = -5
w1 = 5
r9=r10
r1 = -r1
w7 = -w7
r1 = 0xffffffff
w1 = 0xffffffff
r1 = (s8)r2
r1 = (s16)r2
r1 = (s32)r2
w1 = (s8)w2
w1 = (s16)w2
r0 = le16 r0
r1 = le32 r1
r2 = le64 r2
r3 = be16 r3
r4 = be32 r4
r5 = be64 r5
r6 = bswap16 r6
r7 = bswap32 r7
r8 = bswap64 r8
r1 = addr_space_cast(r2, 0, 1)
r3 = addr_space_cast(r4, 1, 0)

// loads and stores
r1 = *(u8 *)(r2 + 76)
r3 = *(u8 *)(r10 - 8)
*(u8 *)(r1 + 0) = r2
*(u8 *)(r10 - 32768) = r9
*(u8 *)(r1 + 32767) = 42
*(u8 *)(r10 - 4) = -1
r1 = *(u16 *)(r2 + 76)
r3 = *(u16 *)(r10 - 8)
*(u16 *)(r1 + 0) = r2
*(u16 *)(r10 - 32768) = r9
*(u16 *)(r1 + 32767) = 42
*(u16 *)(r10 - 4) = -1
r1 = *(u32 *)(r2 + 76)
r3 = *(u32 *)(r10 - 8)
*(u32 *)(r1 + 0) = r2
*(u32 *)(r10 - 32768) = r9
*(u32 *)(r1 + 32767) = 42
*(u32 *)(r10 - 4) = -1
r1 = *(u64 *)(r2 + 76)
r3 = *(u64 *)(r10 - 8)
*(u64 *)(r1 + 0) = r2
*(u64 *)(r10 - 32768) = r9
*(u64 *)(r1 + 32767) = 42
*(u64 *)(r10 - 4) = -1
r1 = *(s8 *)(r2 + 4)
r1 = *(s16 *)(r2 - 4)
r1 = *(s32 *)(r2 + 0)
w1 = *(u8 *)(r2 + 4)
w1 = *(u16 *)(r2 + 4)
w1 = *(u32 *)(r2 + 4)
*(u8 *)(r2 + 4) = w1
*(u16 *)(r2 + 4) = w1
*(u32 *)(r2+4) = w1
r1=*(u32*)(r2+4)

// 64-bit immediates: two slots
r1 = 5 ll
r2 = -1 ll
r3 = 0xffffffffffffffff ll
r4 = 0x7fffffffffffffff ll
r5 = 9223372036854775808 ll
r6 = 0x100000000 ll
r7 = -2147483648 ll

// atomic operations
lock *(u64 *)(r10 - 8) += r1
lock *(u32 *)(r2 + 4) += w3
lock *(u64 *)(r10 - 8) |= r1
lock *(u32 *)(r2 + 4) |= w3
lock *(u64 *)(r10 - 8) &= r1
lock *(u32 *)(r2 + 4) &= w3
lock *(u64 *)(r10 - 8) ^= r1
lock *(u32 *)(r2 + 4) ^= w3
lock *(u32 *)(r2 + 4) += r3
r1 = atomic_fetch_add((u64 *)(r10 - 8), r1)
w3 = atomic_fetch_add((u32 *)(r2 + 4), w3)
r1 = atomic_fetch_or((u64 *)(r10 - 8), r1)
w3 = atomic_fetch_or((u32 *)(r2 + 4), w3)
r1 = atomic_fetch_and((u64 *)(r10 - 8), r1)
w3 = atomic_fetch_and((u32 *)(r2 + 4), w3)
r1 = atomic_fetch_xor((u64 *)(r10 - 8), r1)
w3 = atomic_fetch_xor((u32 *)(r2 + 4), w3)
r1 = xchg_64(r10 - 8, r1)
w1 = xchg32_32(r10 - 8, w1)
r0 = cmpxchg_64(r10 - 8, r0, r1)
w0 = cmpxchg32_32(r2 + 4, w0, w1)

// packet loads
r0 = *(u8 *)skb[12]
r0 = *(u8 *)skb[r6]
r0 = *(u16 *)skb[12]
r0 = *(u16 *)skb[r6]
r0 = *(u32 *)skb[12]
r0 = *(u32 *)skb[r6]
r0 = *(u8 *)skb[-4096]

// jumps, by distance and to labels
top:
if r0 == r1 goto top
if r0 == 0 goto +3
if w0 == w1 goto top
if w0 == 0 goto +3
if r1 != r2 goto top
if r1 != -1 goto -4
if w1 != w2 goto top
if w1 != -1 goto -4
if r2 > r3 goto top
if r2 > 7 goto bottom
if w2 > w3 goto top
if w2 > 7 goto bottom
if r3 >= r4 goto top
if r3 >= 0xffffffff goto 5
if w3 >= w4 goto top
if w3 >= 0xffffffff goto 5
if r4 < r5 goto top
if r4 < 0 goto +3
if w4 < w5 goto top
if w4 < 0 goto +3
if r5 <= r6 goto top
if r5 <= -1 goto -4
if w5 <= w6 goto top
if w5 <= -1 goto -4
if r6 & r7 goto top
if r6 & 7 goto bottom
if w6 & w7 goto top
if w6 & 7 goto bottom
if r7 s> r8 goto top
if r7 s> 0xffffffff goto 5
if w7 s> w8 goto top
if w7 s> 0xffffffff goto 5
if r8 s>= r9 goto top
if r8 s>= 0 goto +3
if w8 s>= w9 goto top
if w8 s>= 0 goto +3
if r9 s< r0 goto top
if r9 s< -1 goto -4
if w9 s< w0 goto top
if w9 s< -1 goto -4
if r0 s<= r1 goto top
if r0 s<= 7 goto bottom
if w0 s<= w1 goto top
if w0 s<= 7 goto bottom
goto +5
goto -5
goto 5
goto bottom
goto top
gotol +5
gotol -7000
gotol top
may_goto +2
may_goto bottom
1: r0 = 1 # one; not another instruction
if r0 == 0 goto 1f
goto 1b
1: r0 = 2; r1 = 3 // two
goto 1b
/* a comment */ r0 = 4

// calls
call 84
call 0x54
call 1
callx r3
bottom:
exit
