/* A tile of a product of matrices: what every convolution here spends its time in.

   Vectors are GCC's and Clang's own, so that one source serves every processor. A tile's sums take half of the registers
   (all that there are without AVX, which is slow anyway): enough of them to hide how long a multiply-add takes, few
   enough that each load serves several. Factors come in words: a float32, or two bfloat16 whose products are added at
   once, by one instruction where an x86 has it (which takes subnormal numbers for zero). */

#include "scalar.h"

#if defined(__AVX512F__)
enum { LANES = 16, ROWS = 8 };
#elif defined(__AVX__)
enum { LANES = 8, ROWS = 4 };
#else
enum { LANES = 4, ROWS = 8 };
#endif
enum { PAIR = 2 * LANES };

#ifdef BFLOAT16
typedef uint32_t word;
#else
typedef float word;
#endif
enum { HELD = sizeof(word) / sizeof(element) };

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef word words __attribute__((vector_size(4 * LANES)));

#define ALIGNED __attribute__((aligned(64)))

INLINE vec load(const float *from) {
    vec found;
    memcpy(&found, from, sizeof found);
    return found;
}

INLINE words load_words(const word *from) {
    words found;
    memcpy(&found, from, sizeof found);
    return found;
}

INLINE void store(float *to, vec value) { memcpy(to, &value, sizeof value); }

/* sum + one * others, of the numbers that words hold. */
#ifndef BFLOAT16
INLINE vec add_product(vec sum, word one, words others) { return sum + one * others; }
#elif defined(__AVX512BF16__)
#include <immintrin.h>
INLINE vec add_product(vec sum, word one, words others) {
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)others, (__m512bh)_mm512_set1_epi32((int)one));
}
#else
INLINE vec add_product(vec sum, word one, words others) {
    vec first = (vec)(others << 16), second = (vec)(others & 0xffff0000u);
    return sum + number((element)one) * first + number((element)(one >> 16)) * second;
}
#endif

/* `rounded`, of as many numbers as a row of a tile has at most. */
INLINE void round_row(int64_t columns, const float *restrict from, element *restrict to) {
#if defined(BFLOAT16) && defined(__AVX512BF16__)
    if (columns == PAIR) {
        for (int v = 0; v < 2; v++) {
            __m256bh found = _mm512_cvtneps_pbh((__m512)load(from + v * LANES));
            memcpy(to + v * LANES, &found, sizeof found);
        }
        return;
    }
#endif
    for (int64_t k = 0; k < columns; k++) to[k] = rounded(from[k]);
}

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Where factors lie, in words: a[part, segment, k, row] and b[part, segment, k, column]; columns are side by side. */
typedef struct {
    int64_t segments, depth;
    int64_t a_segment, a_depth, a_row;
    int64_t b_segment, b_depth;
    int64_t more, a_part, b_part; /* parts behind the first */
} layout;

/* A loop of constant length without a loop: only so do compilers keep an array in registers all along. */
#define EACH(size) _Pragma("GCC unroll 16") for (int i = 0; i < (size); i++)

/* sums[row, column] = start[row, column] + of all segments and k, a[segment, k, row] * b[segment, k, column]; rows and
   vecs are constants. */
INLINE void product(const int rows, const int vecs, const layout *at, const word *a, const word *b,
                    const float *start, int64_t start_row, float *sums, int64_t sums_row) {
    vec sum[2 * ROWS];
    EACH(rows * vecs) sum[i] = load(start + i / vecs * start_row + i % vecs * LANES);
    const int64_t row = at->a_row, a_step = at->a_depth, b_step = at->b_depth;
    for (int64_t part = 0; part <= at->more; part++)
        for (int64_t segment = 0; segment < at->segments; segment++) {
            const word *p = a + part * at->a_part + segment * at->a_segment;
            const word *q = b + part * at->b_part + segment * at->b_segment;
            for (int64_t k = at->depth; k > 0; k--, p += a_step, q += b_step) {
                words w[2];
                EACH(vecs) w[i] = load_words(q + i * LANES);
                EACH(rows * vecs) sum[i] = add_product(sum[i], p[i / vecs * row], w[i % vecs]);
            }
        }
    EACH(rows * vecs) store(sums + i / vecs * sums_row + i % vecs * LANES, sum[i]);
}

typedef void tile(const layout *, const word *, const word *, const float *, int64_t, float *, int64_t);

#define TILE(rows, vecs)                                                                                 \
    static void tile_##rows##_##vecs(const layout *at, const word *a, const word *b, const float *start, \
                                     int64_t start_row, float *sums, int64_t sums_row) {                 \
        product(rows, vecs, at, a, b, start, start_row, sums, sums_row);                                 \
    }
#define BOTH(rows) TILE(rows, 1) TILE(rows, 2)
BOTH(1) BOTH(2) BOTH(3) BOTH(4)
#define SMALL(vecs) tile_1_##vecs, tile_2_##vecs, tile_3_##vecs, tile_4_##vecs
#if defined(__AVX__) && !defined(__AVX512F__)
#define EVERY(vecs) {SMALL(vecs)}
#else
BOTH(5) BOTH(6) BOTH(7) BOTH(8)
#define EVERY(vecs) {SMALL(vecs), tile_5_##vecs, tile_6_##vecs, tile_7_##vecs, tile_8_##vecs}
#endif
static tile *const TILES[2][ROWS] = {EVERY(1), EVERY(2)};

/* `product` of 1 to ROWS rows and 1 to PAIR columns; of b and start, whole vectors are read. */
INLINE void multiply(int64_t rows, int64_t columns, const layout *at, const word *a, const word *b, const float *start,
                     int64_t start_row, float *sums, int64_t sums_row) {
    TILES[columns > LANES][rows - 1](at, a, b, start, start_row, sums, sums_row);
}
