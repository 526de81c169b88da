/* One step of an LSTM's cell and its gradient: what PyTorch computes in a dozen passes over memory, in one.

   Equations: Hochreiter and Schmidhuber 1997, with the forget gates of Gers et al. 2000. All arrays are dense and apart
   from each other: gates [n, 4h] in the order input, forget, cell, output; the others [n, h]. */

#include "number.h"

/* exp(x) - 1 by Cephes' polynomial (Moshier 1992), within 3e-7 of its size; no branch, so that loops over it become
   vectors. x ends at 44, so that no gate is subnormal, which processors are slow with. What is not a number stays so: a
   training that diverges has to show it. */
INLINE float exp_minus_one(float x) {
    x = 44.0f < x ? 44.0f : x;
    x = -44.0f > x ? -44.0f : x;
    float whole = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23, which rounds: the last bits are those of n */
    float n = whole - 12582912.0f, power;        /* 2^n */
    float r = x - n * 0.693359375f + n * 2.12194440e-4f; /* ln 2 in two parts */
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r;
    uint32_t bits;
    memcpy(&bits, &whole, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return p * power + (power - 1.0f);
}

INLINE float sigmoid(float x) { return 1.0f / (2.0f + exp_minus_one(-x)); }

INLINE float hyperbolic_tangent(float x) {
    float e = exp_minus_one(2.0f * x);
    return e / (e + 2.0f);
}

INLINE void row_forward(int64_t h, int first, const element *restrict p, const element *restrict before,
                        element *restrict g, element *restrict cells, element *restrict squashed,
                        element *restrict states) {
    for (int64_t k = 0; k < h; k++) {
        float sums[4];
        for (int64_t j = 0; j < 4; j++) sums[j] = number(p[j * h + k]) + (first ? 0.0f : number(g[j * h + k]));
        float i = sigmoid(sums[0]), f = sigmoid(sums[1]), c = hyperbolic_tangent(sums[2]), o = sigmoid(sums[3]);
        float cell = i * c + (first ? 0.0f : f * number(before[k])), t = hyperbolic_tangent(cell);
        g[k] = rounded(i), g[h + k] = rounded(f), g[2 * h + k] = rounded(c), g[3 * h + k] = rounded(o);
        cells[k] = rounded(cell), squashed[k] = rounded(t), states[k] = rounded(o * t);
    }
}

INLINE void row_backward(int64_t h, int first, int last, const element *restrict g, const element *restrict before,
                         const element *restrict squashed, const element *restrict to_states,
                         const element *restrict more, element *restrict to_cells, element *restrict d) {
    for (int64_t k = 0; k < h; k++) {
        float i = number(g[k]), f = number(g[h + k]), c = number(g[2 * h + k]), o = number(g[3 * h + k]);
        float t = number(squashed[k]), to_state = number(to_states[k]) + (last ? 0.0f : number(more[k]));
        float through = to_state * o * (1.0f - t * t), to_cell = through + (last ? 0.0f : number(to_cells[k]));
        d[k] = rounded(to_cell * c * i * (1.0f - i));
        d[h + k] = rounded(first ? 0.0f : to_cell * number(before[k]) * f * (1.0f - f));
        d[2 * h + k] = rounded(to_cell * i * (1.0f - c * c));
        d[3 * h + k] = rounded(to_state * t * o * (1.0f - o));
        to_cells[k] = rounded(to_cell * f);
    }
}

/* gates: in, the state before times the weights; out, the gates. before: the cells before; none at the first step, when
   gates holds nothing yet. Out: cells, tanh(cells), states. */
void lstm_forward(int64_t n, int64_t h, const element *projected, const element *before, element *gates,
                  element *cells, element *squashed, element *states) {
    for (int64_t row = 0; row < n; row++) {
        int64_t at = h * row;
        const element *p = projected + 4 * at;
        element *g = gates + 4 * at, *c = cells + at, *t = squashed + at, *s = states + at;
        if (before)
            row_forward(h, 0, p, before + at, g, c, t, s);
        else
            row_forward(h, 1, p, p, g, c, t, s);
    }
}

/* to_states and more: the gradient that reaches the states, in two parts; the second comes from the step after, as
   to_cells does, which leaves with what reaches the cells before. At the last step there is no second part, and nothing
   in to_cells yet. Out: found, the gradient of projected. */
void lstm_backward(int64_t n, int64_t h, const element *gates, const element *before, const element *squashed,
                   const element *to_states, const element *more, element *to_cells, element *found) {
    for (int64_t row = 0; row < n; row++) {
        int64_t at = h * row;
        const element *g = gates + 4 * at, *t = squashed + at, *s = to_states + at;
        element *c = to_cells + at, *d = found + 4 * at;
        if (before && more)
            row_backward(h, 0, 0, g, before + at, t, s, more + at, c, d);
        else if (before)
            row_backward(h, 0, 1, g, before + at, t, s, s, c, d);
        else if (more)
            row_backward(h, 1, 0, g, g, t, s, more + at, c, d);
        else
            row_backward(h, 1, 1, g, g, t, s, s, c, d);
    }
}
