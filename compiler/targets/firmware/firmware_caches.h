/* SPDX-License-Identifier: MIT-0 */
/* The level 1 caches of the Cortex-M7; cores without caches are left alone. */
#ifndef @NAME@_CACHES_H
#define @NAME@_CACHES_H

#include <stdint.h>

#define @NAME@_SCB_CCR (*(volatile uint32_t *)0xe000ed14u)
#define @NAME@_SCB_CLIDR (*(volatile uint32_t *)0xe000ed78u)
#define @NAME@_SCB_CCSIDR (*(volatile uint32_t *)0xe000ed80u)
#define @NAME@_SCB_CSSELR (*(volatile uint32_t *)0xe000ed84u)
#define @NAME@_SCB_ICIALLU (*(volatile uint32_t *)0xe000ef50u)
#define @NAME@_SCB_DCISW (*(volatile uint32_t *)0xe000ef60u)

static inline void @name@_caches_barrier(void) { __asm__ volatile("dsb\n\tisb" ::: "memory"); }

/* Caches hold random contents after reset: they are invalidated first, and only while they are off.
 */
static inline void @name@_caches_enable(void) {
  const uint32_t kinds = @NAME@_SCB_CLIDR & 7u; /* bit 0: instructions, bit 1: data */
  if ((kinds & 1u) != 0u && (@NAME@_SCB_CCR & (1u << 17)) == 0u) {
    @name@_caches_barrier();
    @NAME@_SCB_ICIALLU = 0;
    @name@_caches_barrier();
    @NAME@_SCB_CCR |= 1u << 17;
    @name@_caches_barrier();
  }
  if ((kinds & 2u) != 0u && (@NAME@_SCB_CCR & (1u << 16)) == 0u) {
    uint32_t geometry, sets, ways, way_shift;
    @NAME@_SCB_CSSELR = 0;
    @name@_caches_barrier();
    geometry = @NAME@_SCB_CCSIDR;
    sets = ((geometry >> 13) & 0x7fffu) + 1u;
    ways = ((geometry >> 3) & 0x3ffu) + 1u;
    way_shift = ways > 1u ? (uint32_t)__builtin_clz(ways - 1u) : 0u;
    for (uint32_t set = 0; set < sets; set++) {
      for (uint32_t way = 0; way < ways; way++) {
        @NAME@_SCB_DCISW = (set << ((geometry & 7u) + 4u)) | (way << way_shift);
      }
    }
    @name@_caches_barrier();
    @NAME@_SCB_CCR |= 1u << 16;
    @name@_caches_barrier();
  }
}

#endif
