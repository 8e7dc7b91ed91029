/* SPDX-License-Identifier: MIT-0 */
/* The core's own cycle counter (DWT). It has 32 bits: 19 seconds at 216 MHz. */
#ifndef @NAME@_CYCLES_H
#define @NAME@_CYCLES_H

#include <stdint.h>

#define @NAME@_DEMCR (*(volatile uint32_t *)0xe000edfcu)
#define @NAME@_DWT_CTRL (*(volatile uint32_t *)0xe0001000u)
#define @NAME@_DWT_CYCCNT (*(volatile uint32_t *)0xe0001004u)
#define @NAME@_DWT_LAR (*(volatile uint32_t *)0xe0001fb0u)

static inline void @name@_cycles_init(void) {
  @NAME@_DEMCR |= 1u << 24;     /* TRCENA */
  @NAME@_DWT_LAR = 0xc5acce55u; /* the Cortex-M7 locks the counter against software */
  @NAME@_DWT_CYCCNT = 0;
  @NAME@_DWT_CTRL |= 1u;
}

/* NOCYCCNT; mcunet's emulated core sets it, since it counts instructions from outside. */
static inline int @name@_cycles_available(void) { return (@NAME@_DWT_CTRL & (1u << 25)) == 0u; }

static inline uint32_t @name@_cycles_now(void) { return @NAME@_DWT_CYCCNT; }

#endif
