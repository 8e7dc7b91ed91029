/* SPDX-License-Identifier: MIT-0 */
/* Any Cortex-M: the clock stays as it is after reset, caches are switched on where there are any.
 */
#include "firmware_board.h"
#include "firmware_caches.h"
#include "firmware_cycles.h"

#define DHCSR (*(volatile uint32_t *)0xe000edf0u)

void @name@_board_init(void) {
  @name@_caches_enable();
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
