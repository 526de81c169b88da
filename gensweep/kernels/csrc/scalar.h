/* An element of an array: float32, or with -DBFLOAT16 the upper half of a float32. All sums are float32. */

#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#ifdef BFLOAT16
typedef uint16_t element;

INLINE float to_float(element from) {
    uint32_t bits = (uint32_t)from << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* The nearest bfloat16; of two that are equally near, the even one. NaN stays NaN. */
INLINE element to_element(float from) {
    uint32_t bits;
    memcpy(&bits, &from, sizeof bits);
    uint32_t nearest = bits + 0x7fff + (bits >> 16 & 1);
    return (element)((from == from ? nearest : bits | 0x400000) >> 16);
}
#else
typedef float element;

INLINE float to_float(element from) { return from; }
INLINE element to_element(float from) { return from; }
#endif
