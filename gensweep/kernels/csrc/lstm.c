/* All steps of an LSTM, forward and backward: the sums of a tile go straight into the cell, while they are in the
   first-level cache. */

#include "lstm_cell.h"

/* Sequences are [steps, lanes, rows, ...] and weights [lanes, 4 hidden, hidden]: each lane has weights of its own.
   `stride` is the distance between two steps of what the inputs add, in elements; 0 if it is the same in all steps. The
   hidden units fill whole words.

   With `firsts`, the rows of a step are the nodes of one level of a trie. There is one lane, levels follow each other,
   and `rows` is the size of the last level, which is the widest. The children of a row are the rows from firsts[row] to
   firsts[row + 1]; each row above the last level has some. */
typedef struct {
    int64_t steps, lanes, rows, hidden, stride;
    const int64_t *firsts;
} lstm_shape;

/* All arrays are dense, and `to_x` is the gradient of x. Gates and their gradients are [..., 4 hidden], the others
   [..., hidden]. For a trie: instead of `projected`, what the inputs add to a row may be row table_rows[row] of
   `table`, and its gradient is added to `to_table`; `to_sums` is, for each row that has children, the gradient of what
   it adds to all of them. */
typedef struct {
    const element *projected, *weight;
    element *gates, *cells, *cells_tanh, *states;
    const element *to_states;
    element *to_projected, *to_sums;
    const element *table;
    const int64_t *table_rows;
    float *to_table;
    word *scratchpad;
} lstm_arrays;

/* Rows per block: they share a panel of weights while it is in the first-level cache. */
enum { BLOCK = 4 * MR };

static const float ZEROS[NR];

/* Parts of the scratchpad, sizes in words: a lane's weights in panels, the sums of a block, the gradient of a lane's
   cells. */
static int64_t packed_weights_size(const lstm_shape *s) {
    return (s->hidden + NR - 1) / NR * NR * (4 * s->hidden / VNNI);
}
enum { SUMS = 4 * BLOCK * NR };

/* What bindings.py repeats of this file, value by value; -1 behind the last. */
int64_t gensweep_lstm_abi(int64_t index) {
    const int64_t values[] = {sizeof(lstm_shape), sizeof(lstm_arrays), VNNI};
    return index < (int64_t)(sizeof values / sizeof *values) ? values[index] : -1;
}

/* Words of a scratchpad. */
int64_t gensweep_lstm_scratchpad(const lstm_shape *s) { return packed_weights_size(s) + SUMS + s->rows * s->hidden; }

/* A word of VNNI elements that are `stride` apart. */
INLINE word make_word(const element *from, int64_t stride) {
#ifdef BFLOAT16
    return from[0] | (word)from[stride] << 16;
#else
    return *from;
#endif
}

/* Pack weights for the forward pass: [panel, gate, words of the states, NR units], zeros behind the last unit. */
static void pack_forward(int64_t h, const element *weight, word *to) {
    for (int64_t unit = 0; unit < h; unit += NR)
        for (int64_t gate = 0; gate < 4; gate++) {
            const element *from = weight + (gate * h + unit) * h;
            const int64_t units = min_of(NR, h - unit);
            for (int64_t k = 0; k < h; k += VNNI, to += NR) {
                for (int64_t u = 0; u < units; u++) to[u] = make_word(from + u * h + k, 1);
                for (int64_t u = units; u < NR; u++) to[u] = 0;
            }
        }
}

/* Pack weights for the backward pass: [panel, words of the gates, NR units]. */
static void pack_backward(int64_t h, const element *weight, word *to) {
    for (int64_t unit = 0; unit < h; unit += NR) {
        const int64_t units = min_of(NR, h - unit);
        for (int64_t k = 0; k < 4 * h; k += VNNI, to += NR) {
            for (int64_t u = 0; u < units; u++) to[u] = make_word(weight + k * h + unit + u, h);
            for (int64_t u = units; u < NR; u++) to[u] = 0;
        }
    }
}

/* sums[row, NR] = the product of some rows, `depth` words each, with a panel [depth, NR]. */
static void gemm_rows(int64_t rows, int64_t depth, const element *from, const word *panel, float *sums) {
    const tile_layout layout = {.segments = 1, .depth = depth, .a_depth = 1, .a_row = depth, .b_depth = NR};
    for (int64_t r = 0; r < rows; r += MR)
        gemm_tile(min_of(MR, rows - r), NR, &layout, (const word *)from + r * depth, panel, ZEROS, 0, sums + r * NR,
                  NR);
}

/* Some rows of a step. */
typedef struct {
    int64_t first, end;
} range;

/* The first child of a row: in a trie, or the same row of the next step. */
INLINE int64_t first_child(const lstm_shape *s, int64_t row) {
    return s->firsts ? s->firsts[row] : row + s->lanes * s->rows;
}

INLINE range children(const lstm_shape *s, range rows) {
    range result = {first_child(s, rows.first), first_child(s, rows.end)};
    return result;
}

/* A lane's rows of step t. */
static range rows_of_step(const lstm_shape *s, int64_t lane, int64_t t) {
    range result = {lane * s->rows, s->firsts ? s->firsts[0] : (lane + 1) * s->rows};
    for (; t > 0; t--) result = children(s, result);
    return result;
}

/* What the inputs add to a row of step t. */
INLINE const element *input_gates(const lstm_shape *s, const lstm_arrays *a, int64_t t, int64_t row) {
    const int64_t wide = 4 * s->hidden, step = s->lanes * s->rows * wide;
    if (a->table_rows) return a->table + a->table_rows[row] * wide;
    return a->projected + row * wide - (s->firsts ? 0 : t * (step - s->stride));
}

/* Compute the rows of step t that are children of the rows `from` of the step before; of the first step, these rows.

   A panel holds the weights of all four gates of NR units, so that a row's cell is computed at once from four tiles. */
static void block_forward(const lstm_shape *s, const lstm_arrays *a, int64_t t, range from, float *sums) {
    const int64_t h = s->hidden, depth = h / VNNI;
    const range rows = t ? children(s, from) : from;
    const word *panel = a->scratchpad;
    for (int64_t unit = 0; unit < h; unit += NR, panel += 4 * depth * NR) {
        const int64_t units = min_of(NR, h - unit);
        for (int64_t gate = 0; gate < 4 && t; gate++)
            gemm_rows(from.end - from.first, depth, a->states + from.first * h, panel + gate * depth * NR,
                     sums + gate * BLOCK * NR);
        for (int64_t row = rows.first, before = from.first; row < rows.end; row++) {
            const int64_t at = row * h + unit;
            const element *p = input_gates(s, a, t, row) + unit;
            element *g = a->gates + 4 * row * h + unit, *c = a->cells + at;
            element *q = a->cells_tanh + at, *to = a->states + at;
            while (t && first_child(s, before + 1) <= row) before++;
            if (t)
                row_forward(units, h, 0, p, sums + (before - from.first) * NR, BLOCK * NR,
                            a->cells + before * h + unit, g, c, q, to);
            else
                row_forward(units, h, 1, p, sums, 0, p, g, c, q, to);
        }
    }
}

/* Compute the gradient of some rows of step t; the first of them is a child of row `from`. to_cells: of their cells. */
static void block_backward(const lstm_shape *s, const lstm_arrays *a, int64_t t, range rows, int64_t from, float *sums,
                           float *to_cells) {
    const int64_t h = s->hidden, depth = 4 * h / VNNI;
    const int last = t + 1 == s->steps;
    const element *to_sums = s->firsts ? a->to_sums : a->to_projected + s->lanes * s->rows * 4 * h;
    const word *panel = a->scratchpad;
    for (int64_t unit = 0; unit < h; unit += NR, panel += depth * NR) {
        const int64_t units = min_of(NR, h - unit);
        if (!last) gemm_rows(rows.end - rows.first, depth, to_sums + 4 * rows.first * h, panel, sums);
        for (int64_t row = rows.first, before = from; row < rows.end; row++) {
            while (t && first_child(s, before + 1) <= row) before++;
            const int64_t at = row * h + unit;
            const element *g = a->gates + 4 * row * h + unit, *q = a->cells_tanh + at, *to = a->to_states + at;
            const element *b = a->cells + (t ? before : row) * h + unit;
            element *d = a->to_projected + 4 * row * h + unit;
            float *sum = sums + (row - rows.first) * NR, *c = to_cells + (row - rows.first) * h + unit;
            if (t && !last)
                row_backward(units, h, 0, 0, g, b, q, to, sum, c, d);
            else if (t)
                row_backward(units, h, 0, 1, g, b, q, to, sum, c, d);
            else if (!last)
                row_backward(units, h, 1, 0, g, b, q, to, sum, c, d);
            else
                row_backward(units, h, 1, 1, g, b, q, to, sum, c, d);
        }
    }
}

/* For each row of a level of a trie, sum over its children the gradients of their gates, into to_sums, and of their
   cells, in place in to_cells: there a row is never behind its children. */
static void sum_children(const lstm_shape *s, const lstm_arrays *a, range rows, float *to_cells) {
    const int64_t h = s->hidden, wide = 4 * h, next = first_child(s, rows.first);
    for (int64_t row = rows.first; row < rows.end; row++) {
        const range child_rows = {first_child(s, row), first_child(s, row + 1)};
        for (int64_t k = 0; k < wide; k += NR) {
            const int64_t columns = min_of(NR, wide - k);
            float sums[NR] ALIGNED = {0};
            for (int64_t r = child_rows.first; r < child_rows.end; r++)
                for (int64_t j = 0; j < columns; j++) sums[j] += to_float(a->to_projected[r * wide + k + j]);
            to_elements(columns, sums, a->to_sums + row * wide + k);
        }
        for (int64_t k = 0; k < h; k++) {
            float sum = 0.0f;
            for (int64_t r = child_rows.first; r < child_rows.end; r++) sum += to_cells[(r - next) * h + k];
            to_cells[(row - rows.first) * h + k] = sum;
        }
    }
}

/* Add the gradient of some rows to that of their rows of the table. */
static void add_to_table_gradient(const lstm_shape *s, const lstm_arrays *a, range rows) {
    const int64_t wide = 4 * s->hidden;
    for (int64_t row = rows.first; row < rows.end; row++) {
        const element *restrict from = a->to_projected + row * wide;
        float *restrict to = a->to_table + a->table_rows[row] * wide;
        for (int64_t k = 0; k < wide; k++) to[k] += to_float(from[k]);
    }
}

/* Writes gates, cells, the tanh of the cells, and states. */
void gensweep_lstm_forward(const lstm_shape *s, const lstm_arrays *a) {
    const int64_t h = s->hidden;
    float *sums = (float *)(a->scratchpad + packed_weights_size(s));
    for (int64_t lane = 0; lane < s->lanes; lane++) {
        if (s->steps > 1) pack_forward(h, a->weight + 4 * lane * h * h, a->scratchpad);
        for (int64_t t = 0; t < s->steps; t++) {
            const range from = rows_of_step(s, lane, t ? t - 1 : 0);
            for (int64_t row = from.first; row < from.end; row += BLOCK) {
                const range some = {row, min_of(row + BLOCK, from.end)};
                block_forward(s, a, t, some, sums);
            }
        }
    }
}

/* Writes to_projected, the gradient of what the inputs add, and for a trie to_sums and to_table. */
void gensweep_lstm_backward(const lstm_shape *s, const lstm_arrays *a) {
    const int64_t h = s->hidden;
    float *sums = (float *)(a->scratchpad + packed_weights_size(s)), *to_cells = sums + SUMS;
    for (int64_t lane = 0; lane < s->lanes; lane++) {
        if (s->steps > 1) pack_backward(h, a->weight + 4 * lane * h * h, a->scratchpad);
        for (int64_t t = s->steps - 1; t >= 0; t--) {
            const range rows = rows_of_step(s, lane, t);
            int64_t from = t ? rows_of_step(s, lane, t - 1).first : 0;
            if (s->firsts && t + 1 < s->steps) sum_children(s, a, rows, to_cells);
            for (int64_t row = rows.first; row < rows.end; row += BLOCK) {
                const range some = {row, min_of(row + BLOCK, rows.end)};
                while (t && first_child(s, from + 1) <= row) from++;
                block_backward(s, a, t, some, from, sums, to_cells + (row - rows.first) * h);
                if (a->table_rows) add_to_table_gradient(s, a, some);
            }
        }
    }
}
