/* Packing for convolutions: a band of a picture, or several small pictures, within a border of zeros, copied to where
   the second-level cache holds it. The gradient of an activation is applied while copying. */

#include "gemm_tile.h"

/* A convolution takes large pictures [count, stride height, stride width, large] to small ones [count, height, width,
   small], with weights of 3x3 and a border of one pixel. `large` and `small` are channels. Packed at a time are `group`
   pictures (one; for gradients a multiple of VNNI) and `band` rows of the small ones (all, unless they are too many).
   `slope` is that of the leaky ReLU: not negative, and 1 for none. */
typedef struct {
    int64_t count, height, width, large, small, stride, group, band;
    float slope;
} conv_shape;

enum { FEW_CHANNELS = 3 };

/* Sizes of packed pictures, in words. The channels of a pixel are contiguous, with zeros behind the last up to a
   complete word. Large rows have a border on the left, small rows on the right. */

static int64_t panel_count(int64_t channels) { return (channels + NR - 1) / NR; }
static int64_t up_to_vectors(int64_t n) { return (n + VLEN - 1) / VLEN * VLEN; }
static int64_t large_width(const conv_shape *s) { return s->stride * s->width; }
static int64_t bordered_width(const conv_shape *s) { return large_width(s) + 3 - s->stride; }
static int64_t band_rows(const conv_shape *s, int64_t band) { return s->stride * (band - 1) + 3; }
static int64_t large_pixel(const conv_shape *s) { return (s->large + VNNI - 1) / VNNI; }
static int64_t large_row(const conv_shape *s) { return bordered_width(s) * large_pixel(s); }
static int64_t large_size(const conv_shape *s) { return band_rows(s, s->band) * large_row(s); }
static int64_t small_pixel(const conv_shape *s) { return up_to_vectors(s->small) / VNNI; }
static int64_t small_row(const conv_shape *s) { return (s->width + 1) * small_pixel(s); }
static int64_t small_size(const conv_shape *s) { return (s->band + 1) * small_row(s); }

/* The weights' gradient is a sum over pictures. A word of its operands holds the same channel and pixel of VNNI
   pictures. Where VNNI is 1, the packed pictures are these operands already. */

static int64_t large_vnni_row(const conv_shape *s) { return bordered_width(s) * s->large; }
static int64_t large_vnni(const conv_shape *s) { return band_rows(s, s->band) * large_vnni_row(s); }
static int64_t small_vnni_row(const conv_shape *s) { return VNNI * small_row(s); }
static int64_t small_vnni(const conv_shape *s) { return VNNI * small_size(s); }

/* An output of FEW_CHANNELS or fewer would leave most of a vector idle. It is computed in two steps: the contributions
   of each pixel to the nine around it, as one product [pixels, 9 channels up to NR], and sums of these. (A GEMM and
   col2im, in Caffe's words.) */
static int64_t contributions_row(const conv_shape *s) {
    int64_t to_small = s->small <= FEW_CHANNELS && s->stride == 1 ? (s->width + 2) * panel_count(9 * s->small) * NR : 0;
    int64_t to_large = s->large <= FEW_CHANNELS ? (s->width + 1) * panel_count(9 * s->large) * NR : 0;
    return to_small > to_large ? to_small : to_large;
}

/* Parts of the scratchpad: the packed pictures of either side, the same in VNNI layout for the weights' gradient, and
   for few channels three rows of contributions and one row of sums with four floats to spare. */
typedef struct {
    word *large, *small, *large_vnni, *small_vnni;
    float *contributions;
} scratchpad_parts;

static int64_t packed_pictures(const conv_shape *s) { return VNNI == 1 ? s->group : min_of(s->group, VNNI); }
static int64_t packed_size(const conv_shape *s) { return packed_pictures(s) * (large_size(s) + small_size(s)); }
static int64_t vnni_groups(const conv_shape *s) { return VNNI == 1 ? 0 : s->group / VNNI; }
static int64_t vnni_size(const conv_shape *s) { return vnni_groups(s) * (large_vnni(s) + small_vnni(s)); }

static int64_t scratchpad_words(const conv_shape *s) {
    int64_t contributions = contributions_row(s);
    return packed_size(s) + vnni_size(s) + (contributions ? 3 * contributions + 2 * s->width * FEW_CHANNELS + 4 : 0);
}

/* The parts that belong to a picture of the group. */
static scratchpad_parts scratchpad_of(const conv_shape *s, word *scratchpad, int64_t picture) {
    const int64_t slot = picture % packed_pictures(s), group = picture / VNNI;
    word *large = scratchpad + slot * large_size(s);
    word *small = scratchpad + packed_pictures(s) * large_size(s) + slot * small_size(s);
    word *vnni = scratchpad + packed_size(s);
    scratchpad_parts result = {large, small, large, small, (float *)(vnni + vnni_size(s))};
    if (VNNI > 1) {
        result.large_vnni = vnni + group * large_vnni(s);
        result.small_vnni = vnni + vnni_groups(s) * large_vnni(s) + group * small_vnni(s);
    }
    return result;
}

/* Add the pixels of a packed row or band to total[channels]. Pixels are `stride` elements apart, with zeros between.

   The sums of NR elements stay in registers. Where pixels are narrow, a step takes as many of them as fill NR. */
static void sum_pixels(int64_t pixels, int64_t channels, int64_t stride, const element *restrict from,
                       float *restrict total) {
    const int64_t size = pixels * stride, step = NR % stride ? stride : NR, vector_end = size / step * step;
    for (int64_t c = 0; c < step; c += NR) {
        float sums[NR] = {0};
        int64_t columns = min_of(NR, step - c);
        if (columns == NR)
            for (int64_t k = c; k < vector_end; k += step)
                for (int64_t j = 0; j < NR; j++) sums[j] += to_float(from[k + j]);
        else
            for (int64_t k = c; k < vector_end; k += step)
                for (int64_t j = 0; j < columns; j++) sums[j] += to_float(from[k + j]);
        for (int64_t j = 0; j < columns; j++) {
            const int64_t channel = step == stride ? c + j : j % stride;
            if (channel < channels) total[channel] += sums[j];
        }
    }
    for (int64_t k = vector_end; k < size; k++)
        if (k % stride < channels) total[k % stride] += to_float(from[k]);
}

INLINE element apply_slope(element from, element activation, float slope) {
    float lower = to_float(from) * slope;
    return to_float(activation) <= 0.0f ? to_element(lower) : from;
}

/* Copy a gradient, times the slope where its activation is not positive. */
INLINE void pack_with_slope(int64_t size, float slope, const element *restrict from, const element *restrict activation,
                       element *restrict to) {
    const int64_t vector_end = size / NR * NR;
    for (int64_t k = 0; k < vector_end; k += NR) {
        float lower[NR];
        element low[NR];
        for (int64_t j = 0; j < NR; j++) lower[j] = to_float(from[k + j]) * slope;
        to_elements(NR, lower, low);
        for (int64_t j = 0; j < NR; j++) to[k + j] = to_float(activation[k + j]) <= 0.0f ? low[j] : from[k + j];
    }
    for (int64_t k = vector_end; k < size; k++) to[k] = apply_slope(from[k], activation[k], slope);
}

INLINE void pack_pixels(int64_t pixels, int64_t channels, int64_t stride, float slope, const element *restrict from,
                       const element *restrict activation, element *restrict to) {
    for (int64_t x = 0; x < pixels; x++, from += channels, to += stride)
        if (activation)
            pack_with_slope(channels, slope, from, activation + x * channels, to);
        else
            for (int64_t c = 0; c < channels; c++) to[c] = from[c];
}

/* Copy pixels of one channel, each into a word of its own. */
static void pack_single(int64_t pixels, float slope, const element *restrict from, const element *restrict activation,
                       word *restrict to) {
    for (int64_t x = 0; x < pixels; x++) to[x] = activation ? apply_slope(from[x], activation[x], slope) : from[x];
}

/* Copy a row of pixels, `stride` elements apart. With an activation, see `pack_with_slope`. The cases with constant
   sizes are compiled into wider copies. */
static void pack_row(int64_t pixels, int64_t channels, int64_t stride, float slope, const element *restrict from,
                    const element *restrict activation, element *restrict to) {
    if (stride == channels)
        pack_pixels(1, pixels * channels, 0, slope, from, activation, to);
    else if (channels == 1 && stride == VNNI)
        pack_single(pixels, slope, from, activation, (word *)to);
    else if (channels == 3)
        pack_pixels(pixels, 3, stride, slope, from, activation, to);
    else
        pack_pixels(pixels, channels, stride, slope, from, activation, to);
}

/* Pack a band of a large picture, from one row above it, with zeros for the border. The sums of its own rows, without
   those that other bands have too, are added to total, if there is one. */
static void pack_large(const conv_shape *s, int64_t picture, int64_t y, const element *from, const element *activation,
                      word *to, float *total) {
    const int64_t row = large_width(s) * s->large, height = s->stride * s->height, first = s->stride * y - 1;
    const int64_t last = first + band_rows(s, min_of(s->band, s->height - y)), pixel = VNNI * large_pixel(s);
    const element *inside = (const element *)(to + large_row(s));
    for (int64_t at = first; at < last; at++, to += large_row(s))
        if (at < 0 || at >= height)
            memset(to, 0, large_row(s) * sizeof *to);
        else {
            int64_t start = (picture * height + at) * row;
            element *within = (element *)to + pixel;
            pack_row(large_width(s), s->large, pixel, s->slope, from + start, activation ? activation + start : 0,
                     within);
        }
    if (total) sum_pixels((last - first - 1) * bordered_width(s), s->large, pixel, inside, total);
}

/* Pack a band of a small picture, up to one row below it. */
static void pack_small(const conv_shape *s, int64_t picture, int64_t y, const element *from, const element *activation,
                      word *to, float *total) {
    const int64_t row = s->width * s->small, last = y + min_of(s->band, s->height - y), pixel = VNNI * small_pixel(s);
    const element *inside = (const element *)to;
    for (int64_t at = y; at <= last; at++, to += small_row(s))
        if (at == s->height)
            memset(to, 0, small_row(s) * sizeof *to);
        else {
            int64_t start = (picture * s->height + at) * row;
            element *within = (element *)to;
            pack_row(s->width, s->small, pixel, s->slope, from + start, activation ? activation + start : 0, within);
        }
    if (total) sum_pixels((last - y) * (s->width + 1), s->small, pixel, inside, total);
}

#ifdef BFLOAT16
INLINE void pack_vnni_pixels(int64_t pixels, int64_t channels, int64_t stride, const element *restrict one,
                        const element *restrict other, word *restrict to) {
    for (int64_t x = 0; x < pixels; x++, one += stride, other += stride, to += channels)
        for (int64_t c = 0; c < channels; c++) to[c] = one[c] | (word)other[c] << 16;
}

/* Two packed pictures as one in VNNI layout; `first` is the first picture's parts. */
static void pack_vnni(const conv_shape *s, int64_t band, scratchpad_parts first) {
    const element *large = (const element *)first.large, *small = (const element *)first.small;
    const int64_t pixel = VNNI * large_pixel(s), pixels = band_rows(s, band) * bordered_width(s);
    const element *other = large + VNNI * large_size(s);
    if (pixel == s->large)
        pack_vnni_pixels(1, pixels * pixel, 0, large, other, first.large_vnni);
    else if (s->large == 1)
        pack_vnni_pixels(pixels, 1, VNNI, large, other, first.large_vnni);
    else if (s->large == 3)
        pack_vnni_pixels(pixels, 3, 2 * VNNI, large, other, first.large_vnni);
    else
        pack_vnni_pixels(pixels, s->large, pixel, large, other, first.large_vnni);
    pack_vnni_pixels(1, band * small_vnni_row(s), 0, small, small + VNNI * small_size(s), first.small_vnni);
}
#else
static void pack_vnni(const conv_shape *s, int64_t band, scratchpad_parts first) {}
#endif
