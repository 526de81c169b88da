/* Convolutions of pictures [height, width, channels] with an activation behind them, and their gradients.

   All is computed from what `scratch.h` lays ready. The activation is a leaky ReLU, of which the sums' sign remains. */

#include "packing.h"

/* The arrays of a call, dense and apart from each other; none where an address is 0. large and small are the pictures
   on either side, one of them the activations that are made or, on the way back, were made, and gradient is of these.
   kernels are laid out for `down` or `up`, or for `down_few` or `up_few`, to which these leave FEW channels. to_kernels
   [3, 3, large, small] and to_bias are added to. scratch is zeros before the call. */
typedef struct {
    element *large, *small;
    word *kernels;
    float *bias;
    element *gradient, *to_pictures;
    float *to_kernels, *to_bias;
    word *scratch;
} arrays;

int64_t lanes(void) { return LANES; }

/* Words of a scratch. */
int64_t scratch_size(const shape *s) { return words_of(s); }

INLINE float activated(float value, float slope) {
    float low = slope == 0.0f ? 0.0f : value * slope;
    return value < 0.0f ? low : value;
}

/* Sums to where they belong: rows of ``columns`` numbers, ``stride`` apart. */
static void leave(int64_t rows, int64_t columns, int64_t stride, float slope, const float *restrict sums,
                  element *restrict to) {
    for (int64_t r = 0; r < rows; r++, sums += PAIR, to += stride)
        if (columns == PAIR)
            for (int64_t c = 0; c < PAIR; c++) to[c] = rounded(activated(sums[c], slope));
        else
            for (int64_t c = 0; c < columns; c++) to[c] = rounded(activated(sums[c], slope));
}

static void begin(int64_t columns, const float *bias, float *start) {
    memset(start, 0, PAIR * sizeof *start);
    if (bias) memcpy(start, bias, columns * sizeof *start);
}

typedef float four __attribute__((vector_size(16)));

INLINE four load_four(const float *from) {
    four found;
    memcpy(&found, from, sizeof found);
    return found;
}

/* kernels: of each panel [depth, PAIR]. */
static void spread(int64_t pixels, int64_t depth, int64_t stride, int64_t wide, const word *from, const word *kernels,
                   float *to) {
    const float zeros[PAIR] ALIGNED = {0};
    const layout at = {1, depth, 0, 1, stride, 0, PAIR};
    for (int64_t c = 0; c < wide; c += PAIR, kernels += depth * PAIR)
        for (int64_t x = 0; x < pixels; x += ROWS)
            multiply(least(ROWS, pixels - x), PAIR, &at, from + x * stride, kernels, zeros, 0, to + x * wide + c, wide);
}

/* Some rows of a small picture, of as many as the large one has. kernels: of each panel of (place, small channel)
   [large, PAIR]. rows: `added_row` three times, and a row of sums. */
static void down_few(const shape *s, int64_t band, const word *large, const word *kernels, const float *bias,
                     float slope, float *rows, element *to) {
    const int64_t few = s->small, pixels = s->width + 2, wide = panels(9 * few) * PAIR, size = pixels * wide;
    float start[4] = {0}, *sums = rows + 3 * added_row(s);
    if (bias) memcpy(start, bias, few * sizeof *start);
    for (int64_t y = 0; y < band + 2; y++, large += large_row(s)) {
        spread(pixels, large_pixel(s), large_pixel(s), wide, large, kernels, rows + y % 3 * size);
        if (y < 2) continue;
        for (int64_t x = 0; x < s->width; x++) { /* what is beyond a pixel's channels, the next one overwrites */
            four sum = load_four(start);
            for (int64_t down = 0; down < 3; down++) {
                const float *added = rows + (y - 2 + down) % 3 * size + x * wide + 3 * down * few;
                for (int64_t right = 0; right < 3; right++) sum += load_four(added + right * (wide + few));
            }
            memcpy(sums + x * few, &sum, sizeof sum);
        }
        leave(1, s->width * few, 0, slope, sums, to);
        to += s->width * few;
    }
}

/* Rows of a large picture, two for each of a small one. kernels: of each panel of (place, large channel) [small, PAIR].
   rows: as above. */
static void up_few(const shape *s, int64_t band, const word *small, const word *kernels, const float *bias,
                   float slope, float *rows, element *to) {
    const int64_t few = s->large, pixels = s->width + 1, wide = panels(9 * few) * PAIR, size = pixels * wide;
    const int64_t nearest[2] = {1, 2}; /* what meets an even place, and an odd one, which 0 meets too, one place on */
    float start[4] = {0}, *sums = rows + 3 * added_row(s);
    if (bias) memcpy(start, bias, few * sizeof *start);
    for (int64_t y = 0; y <= band; y++, small += small_row(s)) {
        spread(pixels, (s->small + HELD - 1) / HELD, small_pixel(s), wide, small, kernels, rows + y % 2 * size);
        for (int64_t odd = 0; odd < 2 && y; odd++, to += 2 * s->width * few) {
            for (int64_t x = 0; x < 2 * s->width; x++) {
                const int64_t right = nearest[x % 2] * few, across = wide - right;
                const float *added = rows + (y - 1) % 2 * size + x / 2 * wide + 3 * nearest[odd] * few + right;
                const float *below = rows + y % 2 * size + x / 2 * wide + right;
                four sum = load_four(start) + load_four(added);
                if (x % 2) sum += load_four(added + across);
                if (odd) sum += load_four(below);
                if (odd && x % 2) sum += load_four(below + across);
                memcpy(sums + x * few, &sum, sizeof sum);
            }
            leave(1, 2 * s->width * few, 0, slope, sums, to);
        }
    }
}

/* Some rows of a small picture. kernels: of each panel of PAIR small channels, [3, 3, large, PAIR]. added: for few. */
static void down(const shape *s, int64_t band, const word *large, const word *kernels, const float *bias, float slope,
                 float *added, element *to) {
    if (s->small <= FEW && s->stride == 1) {
        down_few(s, band, large, kernels, bias, slope, added, to);
        return;
    }
    const int64_t depth = 3 * large_pixel(s);
    const layout at = {3, depth, large_row(s), 1, s->stride * large_pixel(s), depth * PAIR, PAIR};
    float sums[ROWS * PAIR] ALIGNED, start[PAIR] ALIGNED;
    for (int64_t c = 0; c < s->small; c += PAIR, kernels += 3 * depth * PAIR) {
        int64_t columns = least(PAIR, s->small - c);
        begin(columns, bias ? bias + c : 0, start);
        for (int64_t y = 0; y < band; y++)
            for (int64_t x = 0; x < s->width; x += ROWS) {
                int64_t rows = least(ROWS, s->width - x);
                const word *from = large + s->stride * y * at.a_segment + x * at.a_row;
                multiply(rows, columns, &at, from, kernels, start, 0, sums, PAIR);
                leave(rows, columns, s->small, slope, sums, to + (y * s->width + x) * s->small + c);
            }
    }
}

/* Rows of a large picture, two for each of a small one. kernels: of each panel of PAIR large channels, [3, 3, small up
   to LANES, PAIR], rows and columns of a kernel in the order 1, 2, 0: an even place of the large picture meets the
   middle, an odd one the last and, one place on, the first. added: for few. */
static void up(const shape *s, int64_t band, const word *small, const word *kernels, const float *bias, float slope,
               float *added, element *to) {
    if (s->large <= FEW) {
        up_few(s, band, small, kernels, bias, slope, added, to);
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
                const word *b = kernels + y % 2 * row + odd * pixel * PAIR;
                for (int64_t x = 0; x < s->width; x += ROWS) {
                    int64_t rows = least(ROWS, s->width - x);
                    multiply(rows, columns, &at, small + y / 2 * small_row(s) + x * pixel, b, start, 0, sums, PAIR);
                    leave(rows, columns, 2 * s->large, slope, sums,
                          to + (y * across(s) + 2 * x + odd) * s->large + c);
                }
            }
    }
}

static void add_rows(int64_t rows, int64_t columns, int64_t stride, const float *restrict sums, float *restrict to) {
    for (int64_t r = 0; r < rows; r++, sums += PAIR, to += stride)
        for (int64_t c = 0; c < columns; c++) to[c] += sums[c];
}

/* Add to the kernels' gradient [3, 3, large, small] what some twins say, one behind the other. */
static void weigh(const shape *s, int64_t twins, int64_t band, const word *large, const word *small,
                  float *to_kernels) {
    const int64_t row = large_twins_row(s), depth = 3 * s->large, parts = (depth + ROWS - 1) / ROWS;
    const layout at = {band, s->width, s->stride * row, s->stride * s->large, 1, small_twins_row(s), vectors(s->small),
                       twins - 1, large_twins(s), small_twins(s)};
    const float zeros[PAIR] ALIGNED = {0};
    float sums[ROWS * PAIR] ALIGNED;
    for (int64_t c = 0; c < s->small; c += PAIR)
        for (int64_t y = 0; y < 3; y++)
            for (int64_t part = 0; part < parts; part++) {
                int64_t k = depth * part / parts, rows = depth * (part + 1) / parts - k;
                int64_t columns = least(PAIR, s->small - c);
                multiply(rows, columns, &at, large + y * row + k, small + c, zeros, 0, sums, PAIR);
                add_rows(rows, columns, s->small, sums, to_kernels + (y * depth + k) * s->small + c);
            }
}

/* Where a band of a picture begins on either side, and how many rows of the small one it has. */
typedef struct {
    int64_t large, small, rows;
} place;

static place find(const shape *s, int64_t picture, int64_t y) {
    int64_t large = s->stride * across(s) * s->large, small = s->width * s->small, at = picture * s->height + y;
    place found = {at * large, at * small, least(s->band, s->height - y)};
    return found;
}

/* Large pictures to small ones. */
void convolve(const shape *s, const arrays *a) {
    const room own = room_of(s, a->scratch, 0);
    for (int64_t i = 0; i < s->count; i++)
        for (int64_t y = 0; y < s->height; y += s->band) {
            place at = find(s, i, y);
            lay_large(s, i, y, a->large, 0, own.large, 0);
            down(s, at.rows, own.large, a->kernels, a->bias, s->slope, own.added, a->small + at.small);
        }
}

/* Small pictures to large ones, with a stride of 2. */
void transpose(const shape *s, const arrays *a) {
    const room own = room_of(s, a->scratch, 0);
    for (int64_t i = 0; i < s->count; i++)
        for (int64_t y = 0; y < s->height; y += s->band) {
            place at = find(s, i, y);
            lay_small(s, i, y, a->small, 0, own.small, 0);
            up(s, at.rows, own.small, a->kernels, a->bias, s->slope, own.added, a->large + at.large);
        }
}

/* The gradients of one picture's band, which are laid for those of the kernels. */
static void back_one(const shape *s, const arrays *a, int from_small, int64_t picture, int64_t y, room own) {
    const place at = find(s, picture, y);
    if (from_small) {
        lay_small(s, picture, y, a->gradient, a->small, own.small, a->to_bias);
        if (a->to_pictures) up(s, at.rows, own.small, a->kernels, 0, 1.0f, own.added, a->to_pictures + at.large);
        if (a->to_kernels) lay_large(s, picture, y, a->large, 0, own.large, 0);
    } else {
        lay_large(s, picture, y, a->gradient, a->large, own.large, a->to_bias);
        if (a->to_pictures) down(s, at.rows, own.large, a->kernels, 0, 1.0f, own.added, a->to_pictures + at.small);
        if (a->to_kernels) lay_small(s, picture, y, a->small, 0, own.small, 0);
    }
}

/* The gradients of a convolution, of a group of pictures from i on and of their rows from y on. */
static void back(const shape *s, const arrays *a, int from_small, int64_t i, int64_t y) {
    const int64_t pictures = least(s->group, s->count - i), twins = (pictures + HELD - 1) / HELD;
    const int64_t rows = find(s, i, y).rows;
    for (int64_t j = 0; j < twins * HELD; j++) {
        const room own = room_of(s, a->scratch, j);
        if (j < pictures)
            back_one(s, a, from_small, i + j, y, own);
        else { /* nothing beside the last one */
            memset(own.large, 0, large_size(s) * sizeof *own.large);
            memset(own.small, 0, small_size(s) * sizeof *own.small);
        }
        if (a->to_kernels && j % HELD == HELD - 1) twin(s, rows, room_of(s, a->scratch, j + 1 - HELD));
    }
    const room first = room_of(s, a->scratch, 0);
    if (a->to_kernels) weigh(s, twins, rows, first.large_twins, first.small_twins, a->to_kernels);
}

static void back_all(const shape *s, const arrays *a, int from_small) {
    for (int64_t i = 0; i < s->count; i += s->group)
        for (int64_t y = 0; y < s->height; y += s->band) back(s, a, from_small, i, y);
}

/* The gradients of `convolve`; that of the pictures with a stride of 2 alone. */
void convolve_back(const shape *s, const arrays *a) { back_all(s, a, 1); }

/* The gradients of `transpose`. */
void transpose_back(const shape *s, const arrays *a) { back_all(s, a, 0); }
