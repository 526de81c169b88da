/* All steps of an LSTM, and of its gradient: each as a product of tiles whose sums go into the cell at once. */

#include "cell.h"

/* Sequences are [steps, lanes, rows, ...] and weights [lanes, 4 hidden, hidden]; a lane has weights of its own. From one
   step of what the inputs add to the next it is ``stride`` elements: none where all are the same. The hidden units are a
   whole number of words. */
typedef struct {
    int64_t steps, lanes, rows, hidden, stride;
} sequence;

/* All dense; gates and their gradient are [..., 4 hidden], the others [..., hidden]. */
typedef struct {
    const element *projected, *weight;
    element *gates, *cells, *squashed, *states;
    const element *to_states;
    element *to_projected;
    word *scratch;
} unrolled;

/* Rows that meet a panel of weights while it is in the first-level cache. */
enum { BLOCK = 4 * ROWS };

static const float NOTHING[PAIR];

/* Parts of the scratch, sizes in words: a lane's weights in panels, sums of a block, the gradient of a lane's cells. */
static int64_t panels_size(const sequence *s) { return (s->hidden + PAIR - 1) / PAIR * PAIR * (4 * s->hidden / HELD); }
enum { SUMS = 4 * BLOCK * PAIR };

int64_t lstm_scratch(const sequence *s) { return panels_size(s) + SUMS + s->rows * s->hidden; }

/* The numbers of a word, ``stride`` elements apart. */
INLINE word joined(const element *from, int64_t stride) {
#ifdef BFLOAT16
    return from[0] | (word)from[stride] << 16;
#else
    return *from;
#endif
}

/* Weights as forward reads them: [panel, gate, words of the states, PAIR units], zeros behind the last unit. */
static void lay_forward(int64_t h, const element *weight, word *to) {
    for (int64_t unit = 0; unit < h; unit += PAIR)
        for (int64_t gate = 0; gate < 4; gate++) {
            const element *from = weight + (gate * h + unit) * h;
            const int64_t units = least(PAIR, h - unit);
            for (int64_t k = 0; k < h; k += HELD, to += PAIR) {
                for (int64_t u = 0; u < units; u++) to[u] = joined(from + u * h + k, 1);
                for (int64_t u = units; u < PAIR; u++) to[u] = 0;
            }
        }
}

/* As backward does: [panel, words of the gates, PAIR units]. */
static void lay_backward(int64_t h, const element *weight, word *to) {
    for (int64_t unit = 0; unit < h; unit += PAIR) {
        const int64_t units = least(PAIR, h - unit);
        for (int64_t k = 0; k < 4 * h; k += HELD, to += PAIR) {
            for (int64_t u = 0; u < units; u++) to[u] = joined(weight + k * h + unit + u, h);
            for (int64_t u = units; u < PAIR; u++) to[u] = 0;
        }
    }
}

/* sums[row, PAIR] = of some rows, ``depth`` words each, their product with a panel. */
static void sum_rows(int64_t rows, int64_t depth, const element *from, const word *panel, float *sums) {
    const layout at = {1, depth, 0, 1, depth, 0, PAIR};
    for (int64_t r = 0; r < rows; r += ROWS)
        multiply(least(ROWS, rows - r), PAIR, &at, (const word *)from + r * depth, panel, NOTHING, 0, sums + r * PAIR, PAIR);
}

/* Some rows of a step, from ``row`` of all steps' on, where ``before`` is that of the step before; none at the first. */
static void block_forward(const sequence *s, const unrolled *a, const element *projected, int64_t row, int64_t before,
                          int64_t rows, float *sums) {
    const int64_t h = s->hidden, depth = h / HELD;
    const word *panel = a->scratch;
    for (int64_t unit = 0; unit < h; unit += PAIR, panel += 4 * depth * PAIR) {
        const int64_t units = least(PAIR, h - unit);
        if (before >= 0)
            for (int64_t gate = 0; gate < 4; gate++)
                sum_rows(rows, depth, a->states + before * h, panel + gate * depth * PAIR, sums + gate * BLOCK * PAIR);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t at = (row + r) * h + unit;
            const element *p = projected + 4 * r * h + unit;
            element *g = a->gates + 4 * (row + r) * h + unit, *c = a->cells + at, *t = a->squashed + at;
            if (before >= 0)
                row_forward(units, h, 0, p, sums + r * PAIR, BLOCK * PAIR, a->cells + (before + r) * h + unit, g, c, t,
                            a->states + at);
            else
                row_forward(units, h, 1, p, sums, 0, p, g, c, t, a->states + at);
        }
    }
}

/* The same back: ``before`` is that of the step before, ``after`` of the one after; none at the first and at the last. */
static void block_backward(const sequence *s, const unrolled *a, int64_t row, int64_t before, int64_t after,
                           int64_t rows, float *sums, float *to_cells) {
    const int64_t h = s->hidden, depth = 4 * h / HELD;
    const word *panel = a->scratch;
    for (int64_t unit = 0; unit < h; unit += PAIR, panel += depth * PAIR) {
        const int64_t units = least(PAIR, h - unit);
        if (after >= 0) sum_rows(rows, depth, a->to_projected + 4 * after * h, panel, sums);
        for (int64_t r = 0; r < rows; r++) {
            const int64_t at = (row + r) * h + unit;
            const element *g = a->gates + 4 * (row + r) * h + unit, *t = a->squashed + at, *to = a->to_states + at;
            const element *b = a->cells + ((before < 0 ? row : before) + r) * h + unit;
            element *d = a->to_projected + 4 * (row + r) * h + unit;
            float *sum = sums + r * PAIR, *c = to_cells + r * h + unit;
            if (before >= 0 && after >= 0)
                row_backward(units, h, 0, 0, g, b, t, to, sum, c, d);
            else if (before >= 0)
                row_backward(units, h, 0, 1, g, b, t, to, sum, c, d);
            else if (after >= 0)
                row_backward(units, h, 1, 0, g, b, t, to, sum, c, d);
            else
                row_backward(units, h, 1, 1, g, b, t, to, sum, c, d);
        }
    }
}

/* Out: gates, cells, their tanh and the states. */
void lstm_forward(const sequence *s, const unrolled *a) {
    const int64_t h = s->hidden, step = s->lanes * s->rows;
    float *sums = (float *)(a->scratch + panels_size(s));
    for (int64_t lane = 0; lane < s->lanes; lane++) {
        if (s->steps > 1) lay_forward(h, a->weight + 4 * lane * h * h, a->scratch);
        for (int64_t t = 0; t < s->steps; t++)
            for (int64_t r = 0; r < s->rows; r += BLOCK) {
                const int64_t within = lane * s->rows + r, row = t * step + within;
                block_forward(s, a, a->projected + t * s->stride + 4 * within * h, row, t ? row - step : -1,
                              least(BLOCK, s->rows - r), sums);
            }
    }
}

/* Out: to_projected, the gradient of projected. */
void lstm_backward(const sequence *s, const unrolled *a) {
    const int64_t h = s->hidden, step = s->lanes * s->rows;
    float *sums = (float *)(a->scratch + panels_size(s)), *to_cells = sums + SUMS;
    for (int64_t lane = 0; lane < s->lanes; lane++) {
        if (s->steps > 1) lay_backward(h, a->weight + 4 * lane * h * h, a->scratch);
        for (int64_t t = s->steps - 1; t >= 0; t--)
            for (int64_t r = 0; r < s->rows; r += BLOCK) {
                const int64_t row = t * step + lane * s->rows + r;
                block_backward(s, a, row, t ? row - step : -1, t + 1 < s->steps ? row + step : -1,
                               least(BLOCK, s->rows - r), sums, to_cells + r * h);
            }
    }
}
