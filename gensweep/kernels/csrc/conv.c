/* Convolutions of pictures [height, width, channels], the leaky ReLU that follows, and their gradients.

   packing.h copies a band of a picture into the cache, and tiles of gemm_tile.h are computed from there: MR pixels of a
   row by NR channels. Of the activation only the sign of its sums is kept, which its parts sign shows. */

#include "packing.h"

/* The arrays of a call: dense, no two of them overlap, and an address of 0 means that there is none. `large` and
   `small` are the pictures of either side; one of them are the activations, which a forward pass makes and a backward
   pass reads, and `gradient` is their gradient. `weights` are packed for `down` or `up`, or for `down_few` or `up_few`
   where these compute. `to_x` is the gradient of x: `to_weights` [3, 3, large, small] and `to_bias` are added to. The
   scratchpad is all zeros before the call. */
typedef struct {
    element *large, *small;
    word *weights;
    float *bias;
    element *gradient, *to_pictures;
    float *to_weights, *to_bias;
    word *scratchpad;
} conv_arrays;

int64_t gensweep_vector_floats(void) { return VLEN; }

/* What bindings.py repeats of this file and its headers, value by value; -1 behind the last. A library that says
   otherwise than bindings.py is not used. */
int64_t gensweep_conv_abi(int64_t index) {
    const int64_t values[] = {sizeof(conv_shape), sizeof(conv_arrays), VNNI, NR / VLEN, FEW_CHANNELS};
    return index < (int64_t)(sizeof values / sizeof *values) ? values[index] : -1;
}

/* Words of a scratchpad. */
int64_t gensweep_conv_scratchpad(const conv_shape *s) { return scratchpad_words(s); }

INLINE float leaky_relu(float value, float slope) {
    float low = slope == 0.0f ? 0.0f : value * slope;
    return value < 0.0f ? low : value;
}

/* Apply the activation and store rows of `columns` sums, `stride` elements apart. */
static void store_activated(int64_t rows, int64_t columns, int64_t stride, float slope, const float *restrict sums,
                            element *restrict to) {
    for (int64_t r = 0; r < rows; r++, sums += NR, to += stride)
        if (columns == NR)
            for (int64_t c = 0; c < NR; c++) to[c] = to_element(leaky_relu(sums[c], slope));
        else
            for (int64_t c = 0; c < columns; c++) to[c] = to_element(leaky_relu(sums[c], slope));
}

static void start_with_bias(int64_t columns, const float *bias, float *start) {
    memset(start, 0, NR * sizeof *start);
    if (bias) memcpy(start, bias, columns * sizeof *start);
}

typedef float vec4 __attribute__((vector_size(16)));

INLINE vec4 load_vec4(const float *from) {
    vec4 result;
    memcpy(&result, from, sizeof result);
    return result;
}

/* The contributions of pixels, [pixels, wide] = from [pixels, depth] * weights, panel by panel [depth, NR]. */
static void gemm_contributions(int64_t pixels, int64_t depth, int64_t stride, int64_t wide, const word *from,
                               const word *weights, float *to) {
    const float zeros[NR] ALIGNED = {0};
    const tile_layout layout = {.segments = 1, .depth = depth, .a_depth = 1, .a_row = stride, .b_depth = NR};
    for (int64_t c = 0; c < wide; c += NR, weights += depth * NR)
        for (int64_t x = 0; x < pixels; x += MR)
            gemm_tile(min_of(MR, pixels - x), NR, &layout, from + x * stride, weights, zeros, 0, to + x * wide + c,
                      wide);
}

/* `down` to few channels, with a stride of 1. weights: panels of (tap, small channel), [large, NR]
   each. rows: the last three rows of contributions, and one row of sums. Each pixel's four sums (of which few are used)
   stay in one register while its nine contributions are added. */
static void down_few(const conv_shape *s, int64_t band, const word *large, const word *weights, const float *bias,
                     float slope, float *rows, element *to) {
    const int64_t few = s->small, pixels = s->width + 2, wide = panel_count(9 * few) * NR, size = pixels * wide;
    float start[4] = {0}, *sums = rows + 3 * contributions_row(s);
    if (bias) memcpy(start, bias, few * sizeof *start);
    for (int64_t y = 0; y < band + 2; y++, large += large_row(s)) {
        gemm_contributions(pixels, large_pixel(s), large_pixel(s), wide, large, weights, rows + y % 3 * size);
        if (y < 2) continue;
        for (int64_t x = 0; x < s->width; x++) { /* The next pixel overwrites what is behind a pixel's channels. */
            vec4 sum = load_vec4(start);
            for (int64_t down = 0; down < 3; down++) {
                const float *contributions = rows + (y - 2 + down) % 3 * size + x * wide + 3 * down * few;
                for (int64_t right = 0; right < 3; right++) sum += load_vec4(contributions + right * (wide + few));
            }
            memcpy(sums + x * few, &sum, sizeof sum);
        }
        store_activated(1, s->width * few, 0, slope, sums, to);
        to += s->width * few;
    }
}

/* `up` to few channels. weights: panels of (tap, large channel), [small, NR] each. rows: as above. */
static void up_few(const conv_shape *s, int64_t band, const word *small, const word *weights, const float *bias,
                   float slope, float *rows, element *to) {
    const int64_t few = s->large, pixels = s->width + 1, wide = panel_count(9 * few) * NR, size = pixels * wide;
    const int64_t nearest_tap[2] = {1, 2}; /* of even pixels and of odd ones, which also take tap 0 of the next pixel */
    float start[4] = {0}, *sums = rows + 3 * contributions_row(s);
    if (bias) memcpy(start, bias, few * sizeof *start);
    for (int64_t y = 0; y <= band; y++, small += small_row(s)) {
        gemm_contributions(pixels, (s->small + VNNI - 1) / VNNI, small_pixel(s), wide, small, weights,
                           rows + y % 2 * size);
        for (int64_t odd = 0; odd < 2 && y; odd++, to += 2 * s->width * few) {
            for (int64_t x = 0; x < 2 * s->width; x++) {
                const int64_t right = nearest_tap[x % 2] * few, next_pixel = wide - right;
                const float *contributions =
                    rows + (y - 1) % 2 * size + x / 2 * wide + 3 * nearest_tap[odd] * few + right;
                const float *below = rows + y % 2 * size + x / 2 * wide + right;
                vec4 sum = load_vec4(start) + load_vec4(contributions);
                if (x % 2) sum += load_vec4(contributions + next_pixel);
                if (odd) sum += load_vec4(below);
                if (odd && x % 2) sum += load_vec4(below + next_pixel);
                memcpy(sums + x * few, &sum, sizeof sum);
            }
            store_activated(1, 2 * s->width * few, 0, slope, sums, to);
        }
    }
}

/* Large to small: `band` rows of a small picture. weights: panels of NR small channels, [3, 3, large, NR] each.
   contributions: for few channels.

   Panels of weights are the outer loop, so that a panel is read for all pixels of the band while it is cached. */
static void down(const conv_shape *s, int64_t band, const word *large, const word *weights, const float *bias,
                 float slope, float *contributions, element *to) {
    if (s->small <= FEW_CHANNELS && s->stride == 1) {
        down_few(s, band, large, weights, bias, slope, contributions, to);
        return;
    }
    const int64_t depth = 3 * large_pixel(s);
    const tile_layout layout = {.segments = 3, .depth = depth,
                                .a_segment = large_row(s), .a_depth = 1, .a_row = s->stride * large_pixel(s),
                                .b_segment = depth * NR, .b_depth = NR};
    float sums[MR * NR] ALIGNED, start[NR] ALIGNED;
    for (int64_t c = 0; c < s->small; c += NR, weights += 3 * depth * NR) {
        int64_t columns = min_of(NR, s->small - c);
        start_with_bias(columns, bias ? bias + c : 0, start);
        for (int64_t y = 0; y < band; y++)
            for (int64_t x = 0; x < s->width; x += MR) {
                int64_t rows = min_of(MR, s->width - x);
                const word *from = large + s->stride * y * layout.a_segment + x * layout.a_row;
                gemm_tile(rows, columns, &layout, from, weights, start, 0, sums, NR);
                store_activated(rows, columns, s->small, slope, sums, to + (y * s->width + x) * s->small + c);
            }
    }
}

/* Small to large: two rows of a large picture per row of the band. weights: panels of NR large channels, [3, 3, small
   up to VLEN, NR] each, with rows and columns of a kernel in the order 1, 2, 0: an even pixel of the large picture
   takes the middle tap, an odd one takes the last and, of the next pixel, the first. So the taps of a pixel are
   contiguous. contributions: for few channels. */
static void up(const conv_shape *s, int64_t band, const word *small, const word *weights, const float *bias,
               float slope, float *contributions, element *to) {
    if (s->large <= FEW_CHANNELS) {
        up_few(s, band, small, weights, bias, slope, contributions, to);
        return;
    }
    const int64_t pixel = small_pixel(s), row = 3 * pixel * NR;
    float sums[MR * NR] ALIGNED, start[NR] ALIGNED;
    for (int64_t c = 0; c < s->large; c += NR, weights += 3 * row) {
        int64_t columns = min_of(NR, s->large - c);
        start_with_bias(columns, bias ? bias + c : 0, start);
        for (int64_t y = 0; y < 2 * band; y++)
            for (int64_t odd = 0; odd < 2; odd++) {
                const tile_layout layout = {.segments = 1 + y % 2, .depth = (1 + odd) * pixel,
                                            .a_segment = small_row(s), .a_depth = 1, .a_row = pixel,
                                            .b_segment = row, .b_depth = NR};
                const word *b = weights + y % 2 * row + odd * pixel * NR;
                for (int64_t x = 0; x < s->width; x += MR) {
                    int64_t rows = min_of(MR, s->width - x);
                    gemm_tile(rows, columns, &layout, small + y / 2 * small_row(s) + x * pixel, b, start, 0, sums, NR);
                    store_activated(rows, columns, 2 * s->large, slope, sums,
                          to + (y * large_width(s) + 2 * x + odd) * s->large + c);
                }
            }
    }
}

static void add_rows(int64_t rows, int64_t columns, int64_t stride, const float *restrict sums, float *restrict to) {
    for (int64_t r = 0; r < rows; r++, sums += NR, to += stride)
        for (int64_t c = 0; c < columns; c++) to[c] += sums[c];
}

/* Add to the weights' gradient [3, 3, large, small] that of some groups of VNNI pictures.

   The product sums over all pixels of the band and all groups, so its tile stays in registers for all of them, and is
   added to memory once. */
static void add_weight_gradient(const conv_shape *s, int64_t groups, int64_t band, const word *large, const word *small,
                                float *to_weights) {
    const int64_t row = large_vnni_row(s), depth = 3 * s->large, blocks = (depth + MR - 1) / MR;
    const tile_layout layout = {.segments = band, .depth = s->width,
                                .a_segment = s->stride * row, .a_depth = s->stride * s->large, .a_row = 1,
                                .b_segment = small_vnni_row(s), .b_depth = up_to_vectors(s->small),
                                .extra_parts = groups - 1, .a_part = large_vnni(s), .b_part = small_vnni(s)};
    const float zeros[NR] ALIGNED = {0};
    float sums[MR * NR] ALIGNED;
    for (int64_t c = 0; c < s->small; c += NR)
        for (int64_t y = 0; y < 3; y++)
            for (int64_t block = 0; block < blocks; block++) {
                int64_t k = depth * block / blocks, rows = depth * (block + 1) / blocks - k;
                int64_t columns = min_of(NR, s->small - c);
                gemm_tile(rows, columns, &layout, large + y * row + k, small + c, zeros, 0, sums, NR);
                add_rows(rows, columns, s->small, sums, to_weights + (y * depth + k) * s->small + c);
            }
}

/* The offsets at which a band of a picture begins on either side, in elements, and its rows of the small picture. */
typedef struct {
    int64_t large, small, rows;
} band_offsets;

static band_offsets offsets_of_band(const conv_shape *s, int64_t picture, int64_t y) {
    int64_t large = s->stride * large_width(s) * s->large, small = s->width * s->small, at = picture * s->height + y;
    band_offsets result = {at * large, at * small, min_of(s->band, s->height - y)};
    return result;
}

/* Large pictures to small ones. */
void gensweep_conv(const conv_shape *s, const conv_arrays *a) {
    const scratchpad_parts parts = scratchpad_of(s, a->scratchpad, 0);
    for (int64_t i = 0; i < s->count; i++)
        for (int64_t y = 0; y < s->height; y += s->band) {
            band_offsets offsets = offsets_of_band(s, i, y);
            pack_large(s, i, y, a->large, 0, parts.large, 0);
            down(s, offsets.rows, parts.large, a->weights, a->bias, s->slope, parts.contributions,
                 a->small + offsets.small);
        }
}

/* Small pictures to large ones, with a stride of 2. */
void gensweep_conv_transpose(const conv_shape *s, const conv_arrays *a) {
    const scratchpad_parts parts = scratchpad_of(s, a->scratchpad, 0);
    for (int64_t i = 0; i < s->count; i++)
        for (int64_t y = 0; y < s->height; y += s->band) {
            band_offsets offsets = offsets_of_band(s, i, y);
            pack_small(s, i, y, a->small, 0, parts.small, 0);
            up(s, offsets.rows, parts.small, a->weights, a->bias, s->slope, parts.contributions,
               a->large + offsets.large);
        }
}

/* The gradients of the band of one picture, which is packed for the weights' gradient. */
static void backward_picture(const conv_shape *s, const conv_arrays *a, int from_small, int64_t picture, int64_t y,
                             scratchpad_parts parts) {
    const band_offsets offsets = offsets_of_band(s, picture, y);
    if (from_small) {
        pack_small(s, picture, y, a->gradient, a->small, parts.small, a->to_bias);
        if (a->to_pictures)
            up(s, offsets.rows, parts.small, a->weights, 0, 1.0f, parts.contributions,
               a->to_pictures + offsets.large);
        if (a->to_weights) pack_large(s, picture, y, a->large, 0, parts.large, 0);
    } else {
        pack_large(s, picture, y, a->gradient, a->large, parts.large, a->to_bias);
        if (a->to_pictures)
            down(s, offsets.rows, parts.large, a->weights, 0, 1.0f, parts.contributions,
                 a->to_pictures + offsets.small);
        if (a->to_weights) pack_small(s, picture, y, a->small, 0, parts.small, 0);
    }
}

/* The gradients of a group of pictures from i on, of their rows from y on. */
static void backward_group(const conv_shape *s, const conv_arrays *a, int from_small, int64_t i, int64_t y) {
    const int64_t pictures = min_of(s->group, s->count - i), groups = (pictures + VNNI - 1) / VNNI;
    const int64_t rows = offsets_of_band(s, i, y).rows;
    for (int64_t j = 0; j < groups * VNNI; j++) {
        const scratchpad_parts parts = scratchpad_of(s, a->scratchpad, j);
        if (j < pictures)
            backward_picture(s, a, from_small, i + j, y, parts);
        else { /* the last picture has no other to share words with */
            memset(parts.large, 0, large_size(s) * sizeof *parts.large);
            memset(parts.small, 0, small_size(s) * sizeof *parts.small);
        }
        if (a->to_weights && j % VNNI == VNNI - 1) pack_vnni(s, rows, scratchpad_of(s, a->scratchpad, j + 1 - VNNI));
    }
    const scratchpad_parts first = scratchpad_of(s, a->scratchpad, 0);
    if (a->to_weights) add_weight_gradient(s, groups, rows, first.large_vnni, first.small_vnni, a->to_weights);
}

static void backward_all(const conv_shape *s, const conv_arrays *a, int from_small) {
    for (int64_t i = 0; i < s->count; i += s->group)
        for (int64_t y = 0; y < s->height; y += s->band) backward_group(s, a, from_small, i, y);
}

/* The gradients of `gensweep_conv`. That of the pictures needs a stride of 2. */
void gensweep_conv_backward(const conv_shape *s, const conv_arrays *a) { backward_all(s, a, 1); }

/* The gradients of `gensweep_conv_transpose`. */
void gensweep_conv_transpose_backward(const conv_shape *s, const conv_arrays *a) { backward_all(s, a, 0); }
