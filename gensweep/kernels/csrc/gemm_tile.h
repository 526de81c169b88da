/* A tile of a product of matrices: what every convolution here spends its time in.

   Vectors are GCC's and Clang's own, so that one source serves every processor. A tile's sums take half of the registers
   (all that there are without AVX, which is slow anyway): enough of them to hide how long a gemm_tile-add takes, few
   enough that each load serves several. Factors come in word_vec: a float32, or two bfloat16 whose products are added at
   once, by one instruction where an x86 has it (which takes subnormal numbers for zero). */

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

/* sum + one * others, of the numbers that word_vec hold. */
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

/* `to_element`, of as many numbers as a row of a tile has at most. */
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

/* Where factors lie, in word_vec: a[part, segment, k, row] and b[part, segment, k, column]; columns are side by side. */
typedef struct {
    int64_t segments, depth;
    int64_t a_segment, a_depth, a_row;
    int64_t b_segment, b_depth;
    int64_t extra_parts, a_part, b_part; /* parts behind the first */
} tile_layout;

/* A loop of constant length without a loop: only so do compilers keep an array in registers all along. */
#define UNROLL(size) _Pragma("GCC unroll 16") for (int i = 0; i < (size); i++)

/* sums[row, column] = start[row, column] + of all segments and k, a[segment, k, row] * b[segment, k, column]; rows and
   vecs are constants. */
INLINE void micro_kernel(const int rows, const int vecs, const tile_layout *at, const word *a, const word *b,
                    const float *start, int64_t start_row, float *sums, int64_t sums_row) {
    vec sum[2 * MR];
    UNROLL(rows * vecs) sum[i] = load(start + i / vecs * start_row + i % vecs * VLEN);
    const int64_t row = at->a_row, a_step = at->a_depth, b_step = at->b_depth;
    for (int64_t part = 0; part <= at->extra_parts; part++)
        for (int64_t segment = 0; segment < at->segments; segment++) {
            const word *p = a + part * at->a_part + segment * at->a_segment;
            const word *q = b + part * at->b_part + segment * at->b_segment;
            for (int64_t k = at->depth; k > 0; k--, p += a_step, q += b_step) {
                word_vec w[2];
                UNROLL(vecs) w[i] = load_word_vec(q + i * VLEN);
                UNROLL(rows * vecs) sum[i] = add_product(sum[i], p[i / vecs * row], w[i % vecs]);
            }
        }
    UNROLL(rows * vecs) store(sums + i / vecs * sums_row + i % vecs * VLEN, sum[i]);
}

typedef void micro_kernel_of_size(const tile_layout *, const word *, const word *, const float *, int64_t, float *, int64_t);

#define MICRO_KERNEL(rows, vecs)                                                                                 \
    static void micro_kernel_##rows##_##vecs(const tile_layout *at, const word *a, const word *b, const float *start, \
                                     int64_t start_row, float *sums, int64_t sums_row) {                 \
        micro_kernel(rows, vecs, at, a, b, start, start_row, sums, sums_row);                                 \
    }
#define BOTH_WIDTHS(rows) MICRO_KERNEL(rows, 1) MICRO_KERNEL(rows, 2)
BOTH_WIDTHS(1) BOTH_WIDTHS(2) BOTH_WIDTHS(3) BOTH_WIDTHS(4)
#define UP_TO_4(vecs) micro_kernel_1_##vecs, micro_kernel_2_##vecs, micro_kernel_3_##vecs, micro_kernel_4_##vecs
#if defined(__AVX__) && !defined(__AVX512F__)
#define UP_TO_MR(vecs) {UP_TO_4(vecs)}
#else
BOTH_WIDTHS(5) BOTH_WIDTHS(6) BOTH_WIDTHS(7) BOTH_WIDTHS(8)
#define UP_TO_MR(vecs) {UP_TO_4(vecs), micro_kernel_5_##vecs, micro_kernel_6_##vecs, micro_kernel_7_##vecs, micro_kernel_8_##vecs}
#endif
static micro_kernel_of_size *const MICRO_KERNELS[2][MR] = {UP_TO_MR(1), UP_TO_MR(2)};

/* `micro_kernel` of 1 to MR rows and 1 to NR columns; of b and start, whole vectors are read. */
INLINE void gemm_tile(int64_t rows, int64_t columns, const tile_layout *at, const word *a, const word *b, const float *start,
                     int64_t start_row, float *sums, int64_t sums_row) {
    MICRO_KERNELS[columns > VLEN][rows - 1](at, a, b, start, start_row, sums, sums_row);
}
