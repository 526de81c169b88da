/* Convolutions of pictures [height, width, channels] with an activation behind them, and their gradients.

   A band of a picture, or several small pictures, is laid within a border of zeros where the second-level cache holds
   it, and all is computed from there. The activation is a leaky ReLU, of which the sums' sign remains; its gradient is
   applied on the way in. */

#include "tile.h"

/* A convolution takes large pictures [count, stride height, stride width, large] to small ones [count, height, width,
   small] with kernels of 3x3, from one place beyond the border. At a time: ``group`` pictures, ``band`` rows of
   the small ones; all rows if more than one picture. slope: of the leaky ReLU, not negative; 1 for none. */
typedef struct {
    int64_t count, height, width, large, small, stride, group, band;
    float slope;
} shape;

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

enum { FEW = 3 };

int64_t lanes(void) { return LANES; }

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

/* The kernels' gradient is a sum over pixels, so a word has to hold the same channel of neighbours: of two pixels
   of a small row, and of what these two meet of a large one. Where a word is one number, what was laid serves. */

static int64_t large_twins_row(const shape *s) { return bordered(s) * s->large; }
static int64_t large_twins(const shape *s) { return rows_of(s, s->band) * large_twins_row(s); }
static int64_t small_twins_row(const shape *s) { return HELD == 1 ? small_row(s) : (s->width + 1) / 2 * vectors(s->small); }
static int64_t small_twins(const shape *s) { return HELD == 1 ? small_size(s) : s->band * small_twins_row(s); }

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

static int64_t group_size(const shape *s) { return large_twins(s) + small_twins(s); }
static int64_t laid_size(const shape *s) { return HELD == 1 ? 0 : large_size(s) + small_size(s); }

int64_t scratch_size(const shape *s) {
    int64_t added = added_row(s);
    return laid_size(s) + s->group * group_size(s) + (added ? 3 * added + 2 * s->width * FEW + 4 : 0);
}

/* That of a picture of the group. */
static room room_of(const shape *s, word *scratch, int64_t picture) {
    word *large = scratch + laid_size(s) + picture * large_twins(s);
    word *small = scratch + laid_size(s) + s->group * large_twins(s) + picture * small_twins(s);
    room found = {scratch, scratch + large_size(s), large, small, 0};
    if (HELD == 1) found.large = large, found.small = small;
    found.added = (float *)(scratch + laid_size(s) + s->group * group_size(s));
    return found;
}

/* Add to ``total`` a row of pixels, ``stride`` elements apart. */
static void add_up(int64_t pixels, int64_t channels, int64_t stride, const element *restrict row, float *restrict total) {
    for (int64_t c = 0; c < channels; c += LANES) {
        float sums[LANES] = {0};
        int64_t columns = least(LANES, channels - c);
        if (columns == LANES)
            for (int64_t x = 0; x < pixels; x++)
                for (int64_t j = 0; j < LANES; j++) sums[j] += number(row[x * stride + c + j]);
        else
            for (int64_t x = 0; x < pixels; x++)
                for (int64_t j = 0; j < columns; j++) sums[j] += number(row[x * stride + c + j]);
        for (int64_t j = 0; j < columns; j++) total[c + j] += sums[j];
    }
}

INLINE element sloped(element from, element activation, float slope) {
    float lower = number(from) * slope;
    return number(activation) <= 0.0f ? rounded(lower) : from;
}

INLINE void lay_pixels(int64_t pixels, int64_t channels, int64_t stride, float slope, const element *restrict from,
                       const element *restrict activation, element *restrict to) {
    for (int64_t x = 0; x < pixels; x++, from += channels, to += stride)
        for (int64_t c = 0; c < channels; c++)
            to[c] = activation ? sloped(from[c], activation[x * channels + c], slope) : from[c];
}

/* Lay a row of pixels ``stride`` elements apart; times the slope where there is an activation, and it is not positive. */
static void lay_row(int64_t pixels, int64_t channels, int64_t stride, float slope, const element *restrict from,
                    const element *restrict activation, element *restrict to) {
    if (stride == channels)
        lay_pixels(1, pixels * channels, 0, slope, from, activation, to);
    else if (channels == 1)
        lay_pixels(pixels, 1, stride, slope, from, activation, to);
    else
        lay_pixels(pixels, channels, stride, slope, from, activation, to);
}

/* Lay what a band of a picture is made of, from a row above it on, with zeros beyond the border; its own rows of pixels
   are added up in total, if at all. */
static void lay_large(const shape *s, int64_t picture, int64_t y, const element *from, const element *activation,
                      word *to, float *total) {
    const int64_t row = across(s) * s->large, height = s->stride * s->height, first = s->stride * y - 1;
    const int64_t last = first + rows_of(s, least(s->band, s->height - y)), pixel = HELD * large_pixel(s);
    for (int64_t at = first; at < last; at++, to += large_row(s))
        if (at < 0 || at >= height)
            memset(to, 0, large_row(s) * sizeof *to);
        else {
            int64_t start = (picture * height + at) * row;
            element *within = (element *)to + pixel;
            lay_row(across(s), s->large, pixel, s->slope, from + start, activation ? activation + start : 0, within);
            if (total && at > first) add_up(across(s), s->large, pixel, within, total);
        }
}

/* The same of a small picture, to a row below the band. */
static void lay_small(const shape *s, int64_t picture, int64_t y, const element *from, const element *activation,
                      word *to, float *total) {
    const int64_t row = s->width * s->small, last = y + least(s->band, s->height - y), pixel = HELD * small_pixel(s);
    for (int64_t at = y; at <= last; at++, to += small_row(s))
        if (at == s->height)
            memset(to, 0, small_row(s) * sizeof *to);
        else {
            int64_t start = (picture * s->height + at) * row;
            element *within = (element *)to;
            lay_row(s->width, s->small, pixel, s->slope, from + start, activation ? activation + start : 0, within);
            if (total && at < last) add_up(s->width, s->small, pixel, within, total);
        }
}

#ifdef BFLOAT16
INLINE void twin_row(int64_t size, const element *restrict one, const element *restrict other, word *restrict to) {
    for (int64_t k = 0; k < size; k++) to[k] = one[k] | (word)other[k] << 16;
}

/* Each place of the rows that were laid, beside the one that the next pixel of a small row meets. */
static void twin_large(const shape *s, int64_t band, const word *laid, word *to) {
    const int64_t pixel = HELD * large_pixel(s), last = bordered(s) - s->stride;
    for (int64_t y = 0; y < rows_of(s, band); y++, laid += large_row(s), to += large_twins_row(s)) {
        const element *row = (const element *)laid;
        if (pixel == s->large)
            twin_row(last * pixel, row, row + s->stride * pixel, to);
        else
            for (int64_t x = 0; x < last; x++)
                twin_row(s->large, row + x * pixel, row + (x + s->stride) * pixel, to + x * s->large);
        for (int64_t x = last; x < bordered(s); x++)
            for (int64_t c = 0; c < s->large; c++) to[x * s->large + c] = row[x * pixel + c];
    }
}

static void twin_small(const shape *s, int64_t band, const word *laid, word *to) {
    const int64_t pixel = HELD * small_pixel(s), pairs = (s->width + 1) / 2;
    for (int64_t y = 0; y < band; y++, laid += small_row(s))
        for (int64_t x = 0; x < pairs; x++, to += pixel) {
            const element *row = (const element *)laid + 2 * x * pixel;
            twin_row(pixel, row, row + pixel, to);
        }
}
#else
static void twin_large(const shape *s, int64_t band, const word *laid, word *to) {}
static void twin_small(const shape *s, int64_t band, const word *laid, word *to) {}
#endif

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
        for (int64_t k = 0; k < s->width * few; k++) to[k] = rounded(activated(sums[k], slope));
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
            for (int64_t k = 0; k < 2 * s->width * few; k++) to[k] = rounded(activated(sums[k], slope));
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

/* Add to the kernels' gradient [3, 3, large, small] what some pictures say, laid for it one behind the other. */
static void weigh(const shape *s, int64_t pictures, int64_t band, const word *large, const word *small,
                  float *to_kernels) {
    const int64_t row = large_twins_row(s), depth = 3 * s->large, parts = (depth + ROWS - 1) / ROWS;
    const layout at = {band, (s->width + HELD - 1) / HELD, s->stride * row, HELD * s->stride * s->large, 1,
                       small_twins_row(s), vectors(s->small)};
    float sums[ROWS * PAIR] ALIGNED;
    for (int64_t c = 0; c < s->small; c += PAIR)
        for (int64_t y = 0; y < 3; y++)
            for (int64_t part = 0; part < parts; part++) {
                int64_t k = depth * part / parts, rows = depth * (part + 1) / parts - k;
                int64_t columns = least(PAIR, s->small - c);
                float *to = to_kernels + (y * depth + k) * s->small + c;
                memset(sums, 0, sizeof sums);
                for (int64_t i = 0; i < pictures; i++)
                    multiply(rows, columns, &at, large + i * large_twins(s) + y * row + k,
                             small + i * small_twins(s) + c, sums, PAIR, sums, PAIR);
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t j = 0; j < columns; j++) to[r * s->small + j] += sums[r * PAIR + j];
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

/* The gradients of a convolution, of a group of pictures from i on and of their rows from y on. */
static void back(const shape *s, const arrays *a, int from_small, int64_t i, int64_t y) {
    const int64_t pictures = least(s->group, s->count - i), rows = find(s, i, y).rows;
    for (int64_t j = 0; j < pictures; j++) {
        const place at = find(s, i + j, y);
        const room own = room_of(s, a->scratch, j);
        if (from_small) {
            lay_small(s, i + j, y, a->gradient, a->small, own.small, a->to_bias);
            if (a->to_pictures) up(s, rows, own.small, a->kernels, 0, 1.0f, own.added, a->to_pictures + at.large);
            if (a->to_kernels) lay_large(s, i + j, y, a->large, 0, own.large, 0);
        } else {
            lay_large(s, i + j, y, a->gradient, a->large, own.large, a->to_bias);
            if (a->to_pictures) down(s, rows, own.large, a->kernels, 0, 1.0f, own.added, a->to_pictures + at.small);
            if (a->to_kernels) lay_small(s, i + j, y, a->small, 0, own.small, 0);
        }
        if (a->to_kernels) {
            twin_large(s, rows, own.large, own.large_twins);
            twin_small(s, rows, own.small, own.small_twins);
        }
    }
    const room first = room_of(s, a->scratch, 0);
    if (a->to_kernels) weigh(s, pictures, rows, first.large_twins, first.small_twins, a->to_kernels);
}

static void back_all(const shape *s, const arrays *a, int from_small) {
    for (int64_t i = 0; i < s->count; i += s->group)
        for (int64_t y = 0; y < s->height; y += s->band) back(s, a, from_small, i, y);
}

/* The gradients of `convolve`; that of the pictures with a stride of 2 alone. */
void convolve_back(const shape *s, const arrays *a) { back_all(s, a, 1); }

/* The gradients of `transpose`. */
void transpose_back(const shape *s, const arrays *a) { back_all(s, a, 0); }
