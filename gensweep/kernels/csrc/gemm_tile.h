/* A tile of a matrix product, MR rows by NR columns, in the words of BLIS: a micro-kernel computes a tile from an
   operand a and a packed panel of an operand b that is NR columns wide. All kernels here spend their time in it.

   Vectors are those of GCC and Clang, so that one source serves every processor. The sums of a tile are MR x 2 vectors,
   which take half of the registers (all of them without AVX, which is slow anyway): enough sums to hide the latency of
   a multiply-add, and few enough that a and b fit beside them. Each load from b serves MR rows, each from a serves 2
   vectors.

   Operands are read in words of four bytes: one float32, or two bfloat16 (oneDNN's VNNI layout) whose two products are
   added in one step; where an x86 processor has one instruction for that, it takes subnormal numbers for zero. */

#include "scalar.h"

#if defined(__AVX512F__)
enum { VLEN = 16, MR = 8 };
#elif defined(__AVX__)
enum { VLEN = 8, MR = 4 };
#else
enum { VLEN = 4, MR = 8 };
#endif
enum { NR = 2 * VLEN };

#ifdef BFLOAT16
typedef uint32_t word;
#else
typedef float word;
#endif
enum { VNNI = sizeof(word) / sizeof(element) };

typedef float vec __attribute__((vector_size(4 * VLEN)));
typedef word word_vec __attribute__((vector_size(4 * VLEN)));

#define ALIGNED __attribute__((aligned(64)))

INLINE vec load(const float *from) {
    vec result;
    memcpy(&result, from, sizeof result);
    return result;
}

INLINE word_vec load_word_vec(const word *from) {
    word_vec result;
    memcpy(&result, from, sizeof result);
    return result;
}

INLINE void store(float *to, vec value) { memcpy(to, &value, sizeof value); }

/* sum + one * others, for the VNNI elements of each word. */
#ifndef BFLOAT16
INLINE vec add_product(vec sum, word one, word_vec others) { return sum + one * others; }
#elif defined(__AVX512BF16__)
#include <immintrin.h>
INLINE vec add_product(vec sum, word one, word_vec others) {
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)others, (__m512bh)_mm512_set1_epi32((int)one));
}
#else
INLINE vec add_product(vec sum, word one, word_vec others) {
    vec first = (vec)(others << 16), second = (vec)(others & 0xffff0000u);
    return sum + to_float((element)one) * first + to_float((element)(one >> 16)) * second;
}
#endif

/* `to_element` of up to NR numbers. */
INLINE void to_elements(int64_t columns, const float *restrict from, element *restrict to) {
#if defined(BFLOAT16) && defined(__AVX512BF16__)
    if (columns == NR) {
        for (int v = 0; v < 2; v++) {
            __m256bh result = _mm512_cvtneps_pbh((__m512)load(from + v * VLEN));
            memcpy(to + v * VLEN, &result, sizeof result);
        }
        return;
    }
#endif
    for (int64_t k = 0; k < columns; k++) to[k] = to_element(from[k]);
}

INLINE int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* Strides of the operands, in words: a[part, segment, k, row] and b[part, segment, k, column]. The columns of b are
   contiguous. For a convolution, segments are the rows of a 3x3 kernel, and k runs over its columns and channels. */
typedef struct {
    int64_t segments, depth;
    int64_t a_segment, a_depth, a_row;
    int64_t b_segment, b_depth;
    int64_t extra_parts, a_part, b_part; /* parts behind the first one */
} tile_layout;

/* A loop of constant length, unrolled: only then do compilers keep an array in registers from start to end. */
#define UNROLL(size) _Pragma("GCC unroll 16") for (int i = 0; i < (size); i++)

/* sums[row, column] = start[row, column] + the sum over parts, segments and k of a[.., k, row] * b[.., k, column].

   `rows` and `vecs` are constants. sum[] stays in registers for the whole loop over k, which is why it is written with
   UNROLL: each k loads `vecs` vectors of b once, into w[], and one word of a per row, which is broadcast. Memory is
   written once, at the end. */
INLINE void micro_kernel(const int rows, const int vecs, const tile_layout *layout, const word *a, const word *b,
                         const float *start, int64_t start_row, float *sums, int64_t sums_row) {
    vec sum[2 * MR];
    UNROLL(rows * vecs) sum[i] = load(start + i / vecs * start_row + i % vecs * VLEN);
    const int64_t row = layout->a_row, a_step = layout->a_depth, b_step = layout->b_depth;
    for (int64_t part = 0; part <= layout->extra_parts; part++)
        for (int64_t segment = 0; segment < layout->segments; segment++) {
            const word *p = a + part * layout->a_part + segment * layout->a_segment;
            const word *q = b + part * layout->b_part + segment * layout->b_segment;
            for (int64_t k = layout->depth; k > 0; k--, p += a_step, q += b_step) {
                word_vec w[2];
                UNROLL(vecs) w[i] = load_word_vec(q + i * VLEN);
                UNROLL(rows * vecs) sum[i] = add_product(sum[i], p[i / vecs * row], w[i % vecs]);
            }
        }
    UNROLL(rows * vecs) store(sums + i / vecs * sums_row + i % vecs * VLEN, sum[i]);
}

/* One function per size of a tile, since sizes have to be constants. */
typedef void micro_kernel_of_size(const tile_layout *, const word *, const word *, const float *, int64_t, float *,
                                  int64_t);

#define MICRO_KERNEL(rows, vecs)                                                                      \
    static void micro_kernel_##rows##_##vecs(const tile_layout *layout, const word *a, const word *b, \
                                             const float *start, int64_t start_row, float *sums,      \
                                             int64_t sums_row) {                                      \
        micro_kernel(rows, vecs, layout, a, b, start, start_row, sums, sums_row);                     \
    }
#define BOTH_WIDTHS(rows) MICRO_KERNEL(rows, 1) MICRO_KERNEL(rows, 2)
BOTH_WIDTHS(1) BOTH_WIDTHS(2) BOTH_WIDTHS(3) BOTH_WIDTHS(4)
#define UP_TO_4(vecs) micro_kernel_1_##vecs, micro_kernel_2_##vecs, micro_kernel_3_##vecs, micro_kernel_4_##vecs
#if defined(__AVX__) && !defined(__AVX512F__)
#define UP_TO_MR(vecs) {UP_TO_4(vecs)}
#else
BOTH_WIDTHS(5) BOTH_WIDTHS(6) BOTH_WIDTHS(7) BOTH_WIDTHS(8)
#define UP_TO_MR(vecs) \
    {UP_TO_4(vecs), micro_kernel_5_##vecs, micro_kernel_6_##vecs, micro_kernel_7_##vecs, micro_kernel_8_##vecs}
#endif
static micro_kernel_of_size *const MICRO_KERNELS[2][MR] = {UP_TO_MR(1), UP_TO_MR(2)};

/* `micro_kernel` of 1 to MR rows and 1 to NR columns. Whole vectors are read of b and start, also behind the last
   column. */
INLINE void gemm_tile(int64_t rows, int64_t columns, const tile_layout *layout, const word *a, const word *b,
                      const float *start, int64_t start_row, float *sums, int64_t sums_row) {
    MICRO_KERNELS[columns > VLEN][rows - 1](layout, a, b, start, start_row, sums, sums_row);
}
