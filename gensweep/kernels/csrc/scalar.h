/* The numbers that arrays hold: float32, or with -DBFLOAT16 the upper half of its bits. All sums are float32. */

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

/* The nearest; of two as near, the even one. What is not a number stays so. */
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
