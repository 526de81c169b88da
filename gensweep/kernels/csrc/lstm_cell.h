/* An LSTM's cell and its gradient for a row of units: one pass over memory for what PyTorch computes in a dozen.

   Equations: Hochreiter and Schmidhuber 1997, with the forget gates of Gers et al. 2000. The four gates of a row, in
   the order input, forget, cell, output, are `wide` elements apart. No two arrays overlap. */

#include "gemm_tile.h"

/* exp(x) - 1 by Cephes' polynomial (Moshier 1992), within 3e-7 of its size; without a branch, so that loops over it
   become vectors. x is limited to 44, so that no gate is subnormal, which slows processors down. NaN stays NaN: a
   training that diverges has to show it. */
INLINE float exp_minus_one(float x) {
    x = 44.0f < x ? 44.0f : x;
    x = -44.0f > x ? -44.0f : x;
    float rounded = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23, which rounds: its last bits are those of n */
    float n = rounded - 12582912.0f, power;        /* 2^n */
    float r = x - n * 0.693359375f + n * 2.12194440e-4f; /* ln 2 in two parts */
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r;
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return p * power + (power - 1.0f);
}

INLINE float sigmoid(float x) { return 1.0f / (2.0f + exp_minus_one(-x)); }

INLINE float hyperbolic_tangent(float x) {
    float e = exp_minus_one(2.0f * x);
    return e / (e + 2.0f);
}

/* p: what the inputs add to the gates; sums: what the states of the step before add; before: the cells before. `first`
   is a constant: the first step has no step before.

   All seven results of a unit come from registers; results[] holds a row of each until it is rounded at once. */
INLINE void row_forward(int64_t units, int64_t wide, int first, const element *restrict p, const float *restrict sums,
                        int64_t sums_wide, const element *restrict before, element *restrict g,
                        element *restrict cells, element *restrict cells_tanh, element *restrict states) {
    float results[7][NR] ALIGNED;
    for (int64_t k = 0; k < units; k++) {
        float to[4];
        for (int64_t j = 0; j < 4; j++) to[j] = to_float(p[j * wide + k]) + (first ? 0.0f : sums[j * sums_wide + k]);
        float i = sigmoid(to[0]), f = sigmoid(to[1]), c = hyperbolic_tangent(to[2]), o = sigmoid(to[3]);
        float cell = i * c + (first ? 0.0f : f * to_float(before[k])), t = hyperbolic_tangent(cell);
        results[0][k] = i, results[1][k] = f, results[2][k] = c, results[3][k] = o;
        results[4][k] = cell, results[5][k] = t, results[6][k] = o * t;
    }
    for (int64_t j = 0; j < 4; j++) to_elements(units, results[j], g + j * wide);
    to_elements(units, results[4], cells);
    to_elements(units, results[5], cells_tanh);
    to_elements(units, results[6], states);
}

/* to_states and sums: the gradient of the states, from outside and from the step after. to_cells: on entry the gradient
   of the cells from the step after, on exit that for the step before. d: the gradient of the sums of the gates. `first`
   and `last` are constants. */
INLINE void row_backward(int64_t units, int64_t wide, int first, int last, const element *restrict g,
                         const element *restrict before, const element *restrict cells_tanh,
                         const element *restrict to_states, const float *restrict sums, float *restrict to_cells,
                         element *restrict d) {
    for (int64_t k = 0; k < units; k++) {
        float i = to_float(g[k]), f = to_float(g[wide + k]);
        float c = to_float(g[2 * wide + k]), o = to_float(g[3 * wide + k]);
        float t = to_float(cells_tanh[k]), to_state = to_float(to_states[k]) + (last ? 0.0f : sums[k]);
        float to_cell = to_state * o * (1.0f - t * t) + (last ? 0.0f : to_cells[k]);
        d[k] = to_element(to_cell * c * i * (1.0f - i));
        d[wide + k] = to_element(first ? 0.0f : to_cell * to_float(before[k]) * f * (1.0f - f));
        d[2 * wide + k] = to_element(to_cell * i * (1.0f - c * c));
        d[3 * wide + k] = to_element(to_state * t * o * (1.0f - o));
        to_cells[k] = to_cell * f;
    }
}
