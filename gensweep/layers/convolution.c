/* Convolutions of pictures [height, width, channels] with an activation behind them, and their gradients.

   A band of a picture, or several small pictures, is laid within a border of zeros where the second-level cache holds
   it, and all is computed from there: every array passes through memory once. The activation is a leaky ReLU, of which
   the sums' sign remains; its gradient is applied on the way in. */

#include "tile.h"

/* A convolution takes large pictures [count, stride height, stride width, large] to small ones [count, height, width,
   small] with kernels of 3x3, from one place beyond the border. At a time: ``group`` pictures, ``band`` rows of
   the small ones; all rows if more than one picture. slope: of the leaky ReLU; 1 for none. */
typedef struct {
    int64_t count, height, width, large, small, stride, group, band;
    float slope;
} shape;

enum { FEW = 3 };

static int64_t across(const shape *s) { return s->stride * s->width; }
static int64_t rows_of(const shape *s, int64_t band) { return s->stride * (band - 1) + 3; }
static int64_t large_row(const shape *s) { return (across(s) + 3 - s->stride) * s->large; }
static int64_t large_size(const shape *s) { return rows_of(s, s->band) * large_row(s); }
static int64_t vectors(int64_t n) { return (n + LANES - 1) / LANES * LANES; }
static int64_t small_pixel(const shape *s) { return vectors(s->small); }
static int64_t small_row(const shape *s) { return (s->width + 1) * small_pixel(s); }
static int64_t small_size(const shape *s) { return (s->band + 1) * small_row(s); }

int64_t lanes(void) { return LANES; }

/* Floats of a scratch, which has to be zeros before a call. */
int64_t scratch_size(const shape *s) { return vectors(s->group * large_size(s) + LANES) + s->group * small_size(s); }

static float *small_scratch(const shape *s, float *scratch) {
    return scratch + vectors(s->group * large_size(s) + LANES);
}

/* Add to ``total`` a row of pixels, ``stride`` apart. */
static void add_up(int64_t pixels, int64_t channels, int64_t stride, const float *restrict row, float *restrict total) {
    for (int64_t c = 0; c < channels; c += LANES) {
        float sums[LANES] = {0};
        int64_t columns = least(LANES, channels - c);
        if (columns == LANES)
            for (int64_t x = 0; x < pixels; x++)
                for (int64_t j = 0; j < LANES; j++) sums[j] += row[x * stride + c + j];
        else
            for (int64_t x = 0; x < pixels; x++)
                for (int64_t j = 0; j < columns; j++) sums[j] += row[x * stride + c + j];
        for (int64_t j = 0; j < columns; j++) total[c + j] += sums[j];
    }
}

/* Lay a row of pixels ``stride`` apart; times the slope where there is an activation that is not positive. */
static void lay_row(int64_t pixels, int64_t channels, int64_t stride, float slope, const float *restrict from,
                    const float *restrict activation, float *restrict to) {
    int64_t runs = stride == channels ? 1 : pixels, run = pixels * channels / runs;
    for (int64_t x = 0; x < runs; x++, from += run, to += stride)
        if (activation)
            for (int64_t c = 0; c < run; c++) to[c] = activation[x * run + c] > 0.0f ? from[c] : from[c] * slope;
        else
            memcpy(to, from, run * sizeof *to);
}

/* Lay what a band of a picture is made of, from a row above it on, with zeros beyond the border; its own rows of pixels
   are added up in total, if at all. */
static void lay_large(const shape *s, int64_t picture, int64_t y, const float *from, const float *activation, float *to,
                      float *total) {
    const int64_t row = across(s) * s->large, height = s->stride * s->height, first = s->stride * y - 1;
    const int64_t last = first + rows_of(s, least(s->band, s->height - y));
    for (int64_t at = first; at < last; at++, to += large_row(s))
        if (at < 0 || at >= height)
            memset(to, 0, large_row(s) * sizeof *to);
        else {
            int64_t start = (picture * height + at) * row;
            lay_row(across(s), s->large, s->large, s->slope, from + start, activation ? activation + start : 0,
                    to + s->large);
            if (total && at > first) add_up(across(s), s->large, s->large, to + s->large, total);
        }
}

/* The same of a small picture, to a row below the band. */
static void lay_small(const shape *s, int64_t picture, int64_t y, const float *from, const float *activation, float *to,
                      float *total) {
    const int64_t row = s->width * s->small, last = y + least(s->band, s->height - y);
    for (int64_t at = y; at <= last; at++, to += small_row(s))
        if (at == s->height)
            memset(to, 0, small_row(s) * sizeof *to);
        else {
            int64_t start = (picture * s->height + at) * row;
            lay_row(s->width, s->small, small_pixel(s), s->slope, from + start, activation ? activation + start : 0, to);
            if (total && at < last) add_up(s->width, s->small, small_pixel(s), to, total);
        }
}

static inline float activated(float value, float slope) {
    float low = slope == 0.0f ? 0.0f : value * slope;
    return value < 0.0f ? low : value;
}

static void activate(int64_t size, float slope, float *sums) {
    if (slope != 1.0f)
        for (int64_t k = 0; k < size; k++) sums[k] = activated(sums[k], slope);
}

/* A tile's sums to where they belong: rows of ``columns`` numbers, ``stride`` apart. */
static void leave(int64_t rows, int64_t columns, int64_t stride, float slope, const float *restrict sums,
                  float *restrict to) {
    for (int64_t r = 0; r < rows; r++, sums += PAIR, to += stride)
        if (columns == PAIR)
            for (int64_t c = 0; c < PAIR; c++) to[c] = activated(sums[c], slope);
        else
            for (int64_t c = 0; c < columns; c++) to[c] = activated(sums[c], slope);
}

static int64_t panels(int64_t channels) { return (channels + PAIR - 1) / PAIR; }

static void begin(int64_t columns, const float *bias, float *start) {
    memset(start, 0, PAIR * sizeof *start);
    if (bias) memcpy(start, bias, columns * sizeof *start);
}

/* To few channels, which would leave most of a vector idle, pictures go in two steps: what each pixel adds to the nine
   around it, as one product [pixels, 9 few up to PAIR], and the sums of that. */

typedef float four __attribute__((vector_size(16)));

INLINE four load_four(const float *from) {
    four found;
    memcpy(&found, from, sizeof found);
    return found;
}

/* A pixel of few channels; what is beyond them is overwritten by the next pixels, if the row has room for it. */
INLINE void leave_few(four sum, int64_t few, int64_t room, float *to) {
    if (room < 4)
        for (int64_t j = 0; j < few; j++) to[j] = sum[j];
    else
        memcpy(to, &sum, sizeof sum);
}

/* kernels: of each panel [depth, PAIR]. */
static void spread(int64_t pixels, int64_t depth, int64_t stride, int64_t wide, const float *from, const float *kernels,
                   float *to) {
    const float zeros[PAIR] ALIGNED = {0};
    const layout at = {1, depth, 0, 1, stride, 0, PAIR};
    for (int64_t c = 0; c < wide; c += PAIR, kernels += depth * PAIR)
        for (int64_t x = 0; x < pixels; x += ROWS)
            multiply(least(ROWS, pixels - x), PAIR, &at, from + x * stride, kernels, zeros, 0, to + x * wide + c, wide);
}

/* Some rows of a small picture, of as many as the large one has. kernels: of each panel of (place, small channel)
   [large, PAIR]. */
static void down_few(const shape *s, int64_t band, const float *large, const float *kernels, const float *bias,
                     float slope, float *to) {
    const int64_t few = s->small, pixels = s->width + 2, wide = panels(9 * few) * PAIR, size = pixels * wide;
    float rows[3 * size], start[4] = {0};
    if (bias) memcpy(start, bias, few * sizeof *start);
    for (int64_t y = 0; y < band + 2; y++, large += large_row(s)) {
        spread(pixels, s->large, s->large, wide, large, kernels, rows + y % 3 * size);
        for (int64_t x = 0; x < s->width && y >= 2; x++, to += few) {
            four sum = load_four(start);
            for (int64_t down = 0; down < 3; down++) {
                const float *added = rows + (y - 2 + down) % 3 * size + x * wide + 3 * down * few;
                for (int64_t right = 0; right < 3; right++) sum += load_four(added + right * (wide + few));
            }
            leave_few(sum, few, (s->width - x) * few, to);
        }
    }
    activate(band * s->width * few, slope, to - band * s->width * few);
}

/* Rows of a large picture, two for each of a small one. kernels: of each panel of (place, large channel) [small, PAIR]. */
static void up_few(const shape *s, int64_t band, const float *small, const float *kernels, const float *bias,
                   float slope, float *to) {
    const int64_t few = s->large, pixels = s->width + 1, wide = panels(9 * few) * PAIR, size = pixels * wide;
    const int64_t nearest[2] = {1, 2}; /* what meets an even place, and an odd one, which 0 meets too, one place on */
    float rows[2 * size], start[4] = {0};
    if (bias) memcpy(start, bias, few * sizeof *start);
    for (int64_t y = 0; y <= band; y++, small += small_row(s)) {
        spread(pixels, s->small, small_pixel(s), wide, small, kernels, rows + y % 2 * size);
        for (int64_t odd = 0; odd < 2 && y; odd++)
            for (int64_t x = 0; x < 2 * s->width; x++, to += few) {
                const int64_t right = nearest[x % 2] * few, across = wide - right;
                const float *added = rows + (y - 1) % 2 * size + x / 2 * wide + 3 * nearest[odd] * few + right;
                const float *below = rows + y % 2 * size + x / 2 * wide + right;
                four sum = load_four(start) + load_four(added);
                if (x % 2) sum += load_four(added + across);
                if (odd) sum += load_four(below);
                if (odd && x % 2) sum += load_four(below + across);
                leave_few(sum, few, (2 * s->width - x) * few, to);
            }
    }
    activate(4 * band * s->width * few, slope, to - 4 * band * s->width * few);
}

/* Some rows of a small picture. kernels: of each panel of PAIR small channels, [3, 3, large, PAIR]. */
static void down(const shape *s, int64_t band, const float *large, const float *kernels, const float *bias, float slope,
                 float *to) {
    if (s->small <= FEW && s->stride == 1) {
        down_few(s, band, large, kernels, bias, slope, to);
        return;
    }
    const int64_t depth = 3 * s->large;
    const layout at = {3, depth, large_row(s), 1, s->stride * s->large, depth * PAIR, PAIR};
    float sums[ROWS * PAIR] ALIGNED, start[PAIR] ALIGNED;
    for (int64_t c = 0; c < s->small; c += PAIR, kernels += 3 * depth * PAIR) {
        int64_t columns = least(PAIR, s->small - c);
        begin(columns, bias ? bias + c : 0, start);
        for (int64_t y = 0; y < band; y++)
            for (int64_t x = 0; x < s->width; x += ROWS) {
                int64_t rows = least(ROWS, s->width - x);
                const float *from = large + s->stride * y * at.a_segment + x * at.a_row;
                multiply(rows, columns, &at, from, kernels, start, 0, sums, PAIR);
                leave(rows, columns, s->small, slope, sums, to + (y * s->width + x) * s->small + c);
            }
    }
}

/* Rows of a large picture, two for each of a small one. kernels: of each panel of PAIR large channels, [3, 3, small up
   to LANES, PAIR], rows and columns of a kernel in the order 1, 2, 0: an even place of the large picture meets the
   middle, an odd one the last and, one place on, the first. */
static void up(const shape *s, int64_t band, const float *small, const float *kernels, const float *bias, float slope,
               float *to) {
    if (s->large <= FEW) {
        up_few(s, band, small, kernels, bias, slope, to);
        return;
    }
    const int64_t pixel = small_pixel(s), row = 3 * pixel * PAIR;
    float sums[ROWS * PAIR] ALIGNED, start[PAIR] ALIGNED;
    for (int64_t c = 0; c < s->large; c += PAIR, kernels += 3 * row) {
        int64_t columns = least(PAIR, s->large - c);
        begin(columns, bias ? bias + c : 0, start);
        for (int64_t y = 0; y < 2 * band; y++)
            for (int64_t odd = 0; odd < 2; odd++) {
                const layout at = {1 + y % 2, (1 + odd) * pixel, small_row(s), 1, pixel, row, PAIR};
                const float *b = kernels + y % 2 * row + odd * pixel * PAIR;
                for (int64_t x = 0; x < s->width; x += ROWS) {
                    int64_t rows = least(ROWS, s->width - x);
                    multiply(rows, columns, &at, small + y / 2 * small_row(s) + x * pixel, b, start, 0, sums, PAIR);
                    leave(rows, columns, 2 * s->large, slope, sums,
                          to + (y * across(s) + 2 * x + odd) * s->large + c);
                }
            }
    }
}

/* Add to the kernels' gradient [3, 3, large, small]. */
static void weigh(const shape *s, int64_t pictures, int64_t band, const float *large, const float *small,
                  float *to_kernels) {
    const int64_t row = large_row(s), depth = 3 * s->large, parts = (depth + ROWS - 1) / ROWS;
    const layout at = {band, s->width, s->stride * row, s->stride * s->large, 1, small_row(s), small_pixel(s)};
    float sums[ROWS * PAIR] ALIGNED;
    for (int64_t c = 0; c < s->small; c += PAIR)
        for (int64_t y = 0; y < 3; y++)
            for (int64_t part = 0; part < parts; part++) {
                int64_t k = depth * part / parts, rows = depth * (part + 1) / parts - k;
                int64_t columns = least(PAIR, s->small - c);
                float *to = to_kernels + (y * depth + k) * s->small + c;
                memset(sums, 0, sizeof sums);
                for (int64_t i = 0; i < pictures; i++)
                    multiply(rows, columns, &at, large + i * large_size(s) + y * row + k,
                             small + i * small_size(s) + c, sums, PAIR, sums, PAIR);
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t j = 0; j < columns; j++) to[r * s->small + j] += sums[r * PAIR + j];
            }
}

/* The arrays of a call, dense and apart from each other; none where an address is 0. large and small are the pictures
   on either side, one of them the activations that are made or, on the way back, were made, and gradient is of these.
   kernels are laid out for `down` or `up`, or for `down_few` or `up_few`, to which these leave FEW channels. to_kernels
   [3, 3, large, small] and to_bias are added to. */
typedef struct {
    float *large, *small, *kernels, *bias;
    float *gradient, *to_pictures, *to_kernels, *to_bias;
    float *scratch;
} arrays;

/* Where a band of a picture begins on either side, and how many rows of the small one it has. */
typedef struct {
    int64_t large, small, rows;
} place;

static place find(const shape *s, int64_t picture, int64_t y) {
    int64_t large = s->stride * across(s) * s->large, small = s->width * s->small, at = picture * s->height + y;
    place found = {at * large, at * small, least(s->band, s->height - y)};
    return found;
}

/* The rows from y on of the pictures from i on, `some` of them. */
#define EACH_BAND                                                                                \
    for (int64_t i = 0, some; some = least(s->group, s->count - i), i < s->count; i += s->group) \
        for (int64_t y = 0; y < s->height; y += s->band)

/* Large pictures to small ones. */
void convolve(const shape *s, const arrays *a) {
    EACH_BAND for (int64_t j = i; j < i + some; j++) {
        place at = find(s, j, y);
        lay_large(s, j, y, a->large, 0, a->scratch, 0);
        down(s, at.rows, a->scratch, a->kernels, a->bias, s->slope, a->small + at.small);
    }
}

/* Small pictures to large ones, with a stride of 2. */
void transpose(const shape *s, const arrays *a) {
    EACH_BAND for (int64_t j = i; j < i + some; j++) {
        place at = find(s, j, y);
        lay_small(s, j, y, a->small, 0, a->scratch, 0);
        up(s, at.rows, a->scratch, a->kernels, a->bias, s->slope, a->large + at.large);
    }
}

/* The gradients of `convolve`; that of the pictures with a stride of 2 alone. */
void convolve_back(const shape *s, const arrays *a) {
    float *within = small_scratch(s, a->scratch);
    EACH_BAND {
        for (int64_t j = 0; j < some; j++) {
            place at = find(s, i + j, y);
            float *small = within + j * small_size(s);
            lay_small(s, i + j, y, a->gradient, a->small, small, a->to_bias);
            if (a->to_pictures) up(s, at.rows, small, a->kernels, 0, 1.0f, a->to_pictures + at.large);
            if (a->to_kernels) lay_large(s, i + j, y, a->large, 0, a->scratch + j * large_size(s), 0);
        }
        if (a->to_kernels) weigh(s, some, find(s, i, y).rows, a->scratch, within, a->to_kernels);
    }
}

/* The gradients of `transpose`. */
void transpose_back(const shape *s, const arrays *a) {
    float *within = small_scratch(s, a->scratch);
    EACH_BAND {
        for (int64_t j = 0; j < some; j++) {
            place at = find(s, i + j, y);
            float *large = a->scratch + j * large_size(s);
            lay_large(s, i + j, y, a->gradient, a->large, large, a->to_bias);
            if (a->to_pictures) down(s, at.rows, large, a->kernels, 0, 1.0f, a->to_pictures + at.small);
            if (a->to_kernels) lay_small(s, i + j, y, a->small, 0, within + j * small_size(s), 0);
        }
        if (a->to_kernels) weigh(s, some, find(s, i, y).rows, a->scratch, within, a->to_kernels);
    }
}
