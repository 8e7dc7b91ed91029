/* SPDX-License-Identifier: MIT-0 */
/* QEMU's mps2-an500, run with -icount shift=6: virtual time then advances by exactly 64 ns per
 * instruction, so that a timer of 25 MHz counts instructions: 8 ticks are 5 of them. */
#include "firmware_board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define TIMER_CTRL REGISTER(0x40000000u)
#define TIMER_VALUE REGISTER(0x40000004u) /* counts down */
#define TIMER_RELOAD REGISTER(0x40000008u)
#define CLOCK_100HZ REGISTER(0x40028014u)
#define TICKS_PER_HUNDREDTH 250000u
#define TICKS_PER_GROUP 8u
#define INSTRUCTIONS_PER_GROUP 5u

typedef @name@_status (*@name@_function)(@name@_context *);

static int exact;

/* Functions of exactly 1 to 6 instructions, whatever the compiler's options. */
#define REFERENCE(count, nops)                                                            \
  __attribute__((naked)) static @name@_status reference##count(__attribute__((unused))    \
                                                               @name@_context *context) { \
    __asm__ volatile(nops "bx lr");                                                       \
  }
REFERENCE(1, "")
REFERENCE(2, "nop\n\t")
REFERENCE(3, "nop\n\tnop\n\t")
REFERENCE(4, "nop\n\tnop\n\tnop\n\t")
REFERENCE(5, "nop\n\tnop\n\tnop\n\tnop\n\t")
REFERENCE(6, "nop\n\tnop\n\tnop\n\tnop\n\tnop\n\t")

static const @name@_function references[6] = {reference1, reference2, reference3,
                                              reference4, reference5, reference6};

#if defined(__clang__)
#define ONE_COPY __attribute__((noinline))
#else
#define ONE_COPY __attribute__((noinline, noclone))
#endif

/* One copy of this code for all functions: what it adds is the same for each. The timer starts anew
 * each time, so that the phase of its ticks is the same too. */
ONE_COPY static @name@_status ticks_of(@name@_function function, @name@_context *context,
                                       uint64_t *ticks) {
  const uint32_t start = CLOCK_100HZ;
  @name@_status status;
  uint32_t low;
  TIMER_CTRL = 0u;
  TIMER_RELOAD = 0xffffffffu;
  TIMER_VALUE = 0xffffffffu;
  TIMER_CTRL = 1u;
  status = function(context);
  low = 0xffffffffu - TIMER_VALUE;
  /* The timer wraps after 172 seconds; the slow clock says how often it did. */
  *ticks = (uint64_t)(CLOCK_100HZ - start) * TICKS_PER_HUNDREDTH + 0x80000000u;
  *ticks = ((*ticks - low) & ~(uint64_t)0xffffffffu) + low;
  return status;
}

/* Under -icount five more instructions take eight more ticks; otherwise time is not exact and
 * nothing is reported. */
void @name@_board_init(void) {
  uint64_t one, six;
  (void)ticks_of(references[0], 0, &one);
  (void)ticks_of(references[5], 0, &six);
  exact = six == one + TICKS_PER_GROUP;
}

int @name@_board_has_host(void) { return 1; }

@name@_status @name@_board_measure(@name@_status (*function)(@name@_context *),
                                   @name@_context *context, uint64_t *amount) {
  uint64_t ticks;
  const @name@_status status = ticks_of(function, context, &ticks);
  *amount = 0;
  /* Exactly one reference differs from the function by whole groups of ticks. */
  for (unsigned i = 0; i < INSTRUCTIONS_PER_GROUP; i++) {
    uint64_t reference;
    (void)ticks_of(references[i], context, &reference);
    if (ticks >= reference && (ticks - reference) % TICKS_PER_GROUP == 0u) {
      *amount = (ticks - reference) / TICKS_PER_GROUP * INSTRUCTIONS_PER_GROUP + i + 1u;
    }
  }
  return status;
}

const char *@name@_board_unit(void) { return exact ? "instructions" : 0; }
