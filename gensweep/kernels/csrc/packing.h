/* What lies ready for a convolution: bands of pictures, or several small ones, within a border of zeros where the
   second-level cache holds them. An activation's gradient is applied on the way in. */

#include "gemm_tile.h"

/* A convolution takes large pictures [count, stride height, stride width, large] to small ones [count, height, width,
   small] with kernels of 3x3, from one place beyond the border. At a time: ``group`` pictures, one or for gradients a
   multiple of HELD; ``band`` rows of the small ones, all if there are more. slope: of the leaky ReLU, not negative; 1 for
   none. */
typedef struct {
    int64_t count, height, width, large, small, stride, group, band;
    float slope;
} shape;

enum { FEW = 3 };

/* Laying: sizes in words. Of a pixel, channels lie beside each other, zeros behind the last; there is a border on the
   left of large rows, and on the right of small ones. */

static int64_t panels(int64_t channels) { return (channels + PAIR - 1) / PAIR; }
static int64_t vectors(int64_t n) { return (n + LANES - 1) / LANES * LANES; }
static int64_t across(const shape *s) { return s->stride * s->width; }
static int64_t bordered(const shape *s) { return across(s) + 3 - s->stride; }
static int64_t rows_of(const shape *s, int64_t band) { return s->stride * (band - 1) + 3; }
static int64_t large_pixel(const shape *s) { return (s->large + HELD - 1) / HELD; }
static int64_t large_row(const shape *s) { return bordered(s) * large_pixel(s); }
static int64_t large_size(const shape *s) { return rows_of(s, s->band) * large_row(s); }
static int64_t small_pixel(const shape *s) { return vectors(s->small) / HELD; }
static int64_t small_row(const shape *s) { return (s->width + 1) * small_pixel(s); }
static int64_t small_size(const shape *s) { return (s->band + 1) * small_row(s); }

/* The kernels' gradient is a sum over pictures, so a word holds the same channel and place of HELD of them. Where that is
   one, what was laid serves. */

static int64_t large_twins_row(const shape *s) { return bordered(s) * s->large; }
static int64_t large_twins(const shape *s) { return rows_of(s, s->band) * large_twins_row(s); }
static int64_t small_twins_row(const shape *s) { return HELD * small_row(s); }
static int64_t small_twins(const shape *s) { return HELD * small_size(s); }

/* To few channels, which would leave most of a vector idle, pictures go in two steps: what each pixel adds to the nine
   around it, as one product [pixels, 9 few up to PAIR], and the sums of that. */
static int64_t added_row(const shape *s) {
    int64_t to_small = s->small <= FEW && s->stride == 1 ? (s->width + 2) * panels(9 * s->small) * PAIR : 0;
    int64_t to_large = s->large <= FEW ? (s->width + 1) * panels(9 * s->large) * PAIR : 0;
    return to_small > to_large ? to_small : to_large;
}

/* Parts of the scratch: a picture of either side as it is laid, the same for the kernels' gradient, and for few channels
   three rows of what is added, and one of sums, four more than there are. */
typedef struct {
    word *large, *small, *large_twins, *small_twins;
    float *added;
} room;

static int64_t laid(const shape *s) { return HELD == 1 ? s->group : least(s->group, HELD); }
static int64_t laid_size(const shape *s) { return laid(s) * (large_size(s) + small_size(s)); }
static int64_t twinned(const shape *s) { return HELD == 1 ? 0 : s->group / HELD; }
static int64_t twins_size(const shape *s) { return twinned(s) * (large_twins(s) + small_twins(s)); }

static int64_t words_of(const shape *s) {
    int64_t added = added_row(s);
    return laid_size(s) + twins_size(s) + (added ? 3 * added + 2 * s->width * FEW + 4 : 0);
}

/* That of a picture of the group. */
static room room_of(const shape *s, word *scratch, int64_t picture) {
    const int64_t place = picture % laid(s), twin = picture / HELD;
    word *large = scratch + place * large_size(s), *small = scratch + laid(s) * large_size(s) + place * small_size(s);
    word *twins = scratch + laid_size(s);
    room found = {large, small, large, small, (float *)(twins + twins_size(s))};
    if (HELD > 1) {
        found.large_twins = twins + twin * large_twins(s);
        found.small_twins = twins + twinned(s) * large_twins(s) + twin * small_twins(s);
    }
    return found;
}

/* Add to ``total`` pixels, ``stride`` elements apart with zeros between them; narrow ones as many as fill two vectors. */
static void add_up(int64_t pixels, int64_t channels, int64_t stride, const element *restrict from, float *restrict total) {
    const int64_t size = pixels * stride, step = PAIR % stride ? stride : PAIR, whole = size / step * step;
    for (int64_t c = 0; c < step; c += PAIR) {
        float sums[PAIR] = {0};
        int64_t columns = least(PAIR, step - c);
        if (columns == PAIR)
            for (int64_t k = c; k < whole; k += step)
                for (int64_t j = 0; j < PAIR; j++) sums[j] += number(from[k + j]);
        else
            for (int64_t k = c; k < whole; k += step)
                for (int64_t j = 0; j < columns; j++) sums[j] += number(from[k + j]);
        for (int64_t j = 0; j < columns; j++) {
            const int64_t channel = step == stride ? c + j : j % stride;
            if (channel < channels) total[channel] += sums[j];
        }
    }
    for (int64_t k = whole; k < size; k++)
        if (k % stride < channels) total[k % stride] += number(from[k]);
}

INLINE element sloped(element from, element activation, float slope) {
    float lower = number(from) * slope;
    return number(activation) <= 0.0f ? rounded(lower) : from;
}

/* A gradient, times the slope where its activation is not positive. */
INLINE void lay_sloped(int64_t size, float slope, const element *restrict from, const element *restrict activation,
                       element *restrict to) {
    const int64_t whole = size / PAIR * PAIR;
    for (int64_t k = 0; k < whole; k += PAIR) {
        float lower[PAIR];
        element low[PAIR];
        for (int64_t j = 0; j < PAIR; j++) lower[j] = number(from[k + j]) * slope;
        round_row(PAIR, lower, low);
        for (int64_t j = 0; j < PAIR; j++) to[k + j] = number(activation[k + j]) <= 0.0f ? low[j] : from[k + j];
    }
    for (int64_t k = whole; k < size; k++) to[k] = sloped(from[k], activation[k], slope);
}

INLINE void lay_pixels(int64_t pixels, int64_t channels, int64_t stride, float slope, const element *restrict from,
                       const element *restrict activation, element *restrict to) {
    for (int64_t x = 0; x < pixels; x++, from += channels, to += stride)
        if (activation)
            lay_sloped(channels, slope, from, activation + x * channels, to);
        else
            for (int64_t c = 0; c < channels; c++) to[c] = from[c];
}

/* Pixels of one channel, each in a word. */
static void lay_single(int64_t pixels, float slope, const element *restrict from, const element *restrict activation,
                       word *restrict to) {
    for (int64_t x = 0; x < pixels; x++) to[x] = activation ? sloped(from[x], activation[x], slope) : from[x];
}

/* Lay a row of pixels ``stride`` elements apart; times the slope where there is an activation, and it is not positive. */
static void lay_row(int64_t pixels, int64_t channels, int64_t stride, float slope, const element *restrict from,
                    const element *restrict activation, element *restrict to) {
    if (stride == channels)
        lay_pixels(1, pixels * channels, 0, slope, from, activation, to);
    else if (channels == 1 && stride == HELD)
        lay_single(pixels, slope, from, activation, (word *)to);
    else if (channels == 3)
        lay_pixels(pixels, 3, stride, slope, from, activation, to);
    else
        lay_pixels(pixels, channels, stride, slope, from, activation, to);
}

/* Lay what a band of a picture is made of, from a row above it on, with zeros beyond the border; its own rows of pixels
   are added up in total, if at all. */
static void lay_large(const shape *s, int64_t picture, int64_t y, const element *from, const element *activation,
                      word *to, float *total) {
    const int64_t row = across(s) * s->large, height = s->stride * s->height, first = s->stride * y - 1;
    const int64_t last = first + rows_of(s, least(s->band, s->height - y)), pixel = HELD * large_pixel(s);
    const element *own = (const element *)(to + large_row(s));
    for (int64_t at = first; at < last; at++, to += large_row(s))
        if (at < 0 || at >= height)
            memset(to, 0, large_row(s) * sizeof *to);
        else {
            int64_t start = (picture * height + at) * row;
            element *within = (element *)to + pixel;
            lay_row(across(s), s->large, pixel, s->slope, from + start, activation ? activation + start : 0, within);
        }
    if (total) add_up((last - first - 1) * bordered(s), s->large, pixel, own, total);
}

/* The same of a small picture, to a row below the band. */
static void lay_small(const shape *s, int64_t picture, int64_t y, const element *from, const element *activation,
                      word *to, float *total) {
    const int64_t row = s->width * s->small, last = y + least(s->band, s->height - y), pixel = HELD * small_pixel(s);
    const element *own = (const element *)to;
    for (int64_t at = y; at <= last; at++, to += small_row(s))
        if (at == s->height)
            memset(to, 0, small_row(s) * sizeof *to);
        else {
            int64_t start = (picture * s->height + at) * row;
            element *within = (element *)to;
            lay_row(s->width, s->small, pixel, s->slope, from + start, activation ? activation + start : 0, within);
        }
    if (total) add_up((last - y) * (s->width + 1), s->small, pixel, own, total);
}

#ifdef BFLOAT16
INLINE void twin_pixels(int64_t pixels, int64_t channels, int64_t stride, const element *restrict one,
                        const element *restrict other, word *restrict to) {
    for (int64_t x = 0; x < pixels; x++, one += stride, other += stride, to += channels)
        for (int64_t c = 0; c < channels; c++) to[c] = one[c] | (word)other[c] << 16;
}

/* Each place of two pictures' bands beside each other, of which the first is given. */
static void twin(const shape *s, int64_t band, room first) {
    const element *large = (const element *)first.large, *small = (const element *)first.small;
    const int64_t pixel = HELD * large_pixel(s), pixels = rows_of(s, band) * bordered(s);
    const element *other = large + HELD * large_size(s);
    if (pixel == s->large)
        twin_pixels(1, pixels * pixel, 0, large, other, first.large_twins);
    else if (s->large == 1)
        twin_pixels(pixels, 1, HELD, large, other, first.large_twins);
    else if (s->large == 3)
        twin_pixels(pixels, 3, 2 * HELD, large, other, first.large_twins);
    else
        twin_pixels(pixels, s->large, pixel, large, other, first.large_twins);
    twin_pixels(1, band * small_twins_row(s), 0, small, small + HELD * small_size(s), first.small_twins);
}
#else
static void twin(const shape *s, int64_t band, room first) {}
#endif
