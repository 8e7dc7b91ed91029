/* SPDX-License-Identifier: MIT-0 */
/* STM32F72x to STM32F77x at @CLOCK_HZ@ Hz from the internal oscillator, caches on (reference
 * manuals RM0385, RM0410, RM0431). Written for @BOARD@. */
#include "firmware_board.h"
#include "firmware_caches.h"
#include "firmware_cycles.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define RCC_CR REGISTER(0x40023800u)
#define RCC_PLLCFGR REGISTER(0x40023804u)
#define RCC_CFGR REGISTER(0x40023808u)
#define RCC_APB1ENR REGISTER(0x40023840u)
#define PWR_CR1 REGISTER(0x40007000u)
#define PWR_CSR1 REGISTER(0x40007004u)
#define FLASH_ACR REGISTER(0x40023c00u)
#define DBGMCU_IDCODE REGISTER(0xe0042000u)
#define DHCSR REGISTER(0xe000edf0u)

#define HSI_ON (1u << 0)
#define HSI_READY (1u << 1)
#define PLL_ON (1u << 24)
#define PLL_READY (1u << 25)
#define OVERDRIVE (1u << 16)
#define OVERDRIVE_SWITCH (1u << 17)

/* The oscillator's 16 MHz / 8 * N / 2: N is the clock in MHz. */
#define PLL_N (@CLOCK_HZ@u / 1000000u)
#if @CLOCK_HZ@ < 50000000 || @CLOCK_HZ@ > 216000000
#error "an STM32F7 runs from its PLL at 50 to 216 MHz"
#endif
/* One wait state per 30 MHz, at 2.7 to 3.6 V. */
#define WAIT_STATES ((@CLOCK_HZ@u - 1u) / 30000000u)

/* Hardware that never gets ready must not hang the firmware. */
#define PATIENCE 1000000u

static int wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value) {
  for (uint32_t i = 0; i < PATIENCE; i++) {
    if ((*reg & mask) == value) return 1;
  }
  return 0;
}

static int is_stm32f7(void) {
  const uint32_t device = DBGMCU_IDCODE & 0xfffu;
  return device == 0x449u || device == 0x451u || device == 0x452u;
}

/* On failure the core keeps running from the internal oscillator, slower. */
static void start_pll(void) {
  RCC_CR |= HSI_ON;
  if (!wait_for(&RCC_CR, HSI_READY, HSI_READY)) return;
  /* A boot loader may have left the PLL running: it can only be changed while it is off and unused.
   */
  RCC_CFGR &= ~3u;
  if (!wait_for(&RCC_CFGR, 3u << 2, 0u)) return;
  RCC_CR &= ~PLL_ON;
  if (!wait_for(&RCC_CR, PLL_READY, 0u)) return;

  RCC_APB1ENR |= 1u << 28; /* clock of PWR */
  (void)RCC_APB1ENR;       /* the clock runs two cycles after the write */
  PWR_CR1 |= 3u << 14;     /* voltage scale 1 */
  /* M = 8, P = 2, Q = 9 (48 MHz for USB at 216 MHz), internal oscillator; the rest as after reset.
   */
  RCC_PLLCFGR = (RCC_PLLCFGR & 0xf0bc8000u) | 8u | (PLL_N << 6) | (9u << 24);
  RCC_CR |= PLL_ON;
#if @CLOCK_HZ@ > 180000000
  PWR_CR1 |= OVERDRIVE;
  if (!wait_for(&PWR_CSR1, OVERDRIVE, OVERDRIVE)) return;
  PWR_CR1 |= OVERDRIVE_SWITCH;
  if (!wait_for(&PWR_CSR1, OVERDRIVE_SWITCH, OVERDRIVE_SWITCH)) return;
#endif
  if (!wait_for(&RCC_CR, PLL_READY, PLL_READY)) return;

  FLASH_ACR = (1u << 9) | (1u << 8) | WAIT_STATES; /* ART accelerator and prefetch */
  if (!wait_for(&FLASH_ACR, 0xfu, WAIT_STATES)) return;
  /* APB1 = clock / 4 (at most 54 MHz), APB2 = clock / 2 (at most 108 MHz), AHB undivided. */
  RCC_CFGR = (RCC_CFGR & ~((0xfu << 4) | (7u << 10) | (7u << 13))) | (5u << 10) | (4u << 13);
  RCC_CFGR |= 2u;
  (void)wait_for(&RCC_CFGR, 3u << 2, 2u << 2);
}

void @name@_board_init(void) {
  if (is_stm32f7()) {
    start_pll();
    @name@_caches_enable();
  }
  @name@_cycles_init();
}

int @name@_board_has_host(void) { return (DHCSR & 1u) != 0u; } /* C_DEBUGEN */

@name@_status @name@_board_measure(@name@_status (*function)(@name@_context *),
                                   @name@_context *context, uint64_t *amount) {
  const uint32_t start = @name@_cycles_now();
  const @name@_status status = function(context);
  *amount = @name@_cycles_now() - start;
  return status;
}

const char *@name@_board_unit(void) { return @name@_cycles_available() ? "cycles" : 0; }
