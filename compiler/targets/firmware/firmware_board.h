/* SPDX-License-Identifier: MIT-0 */
/* What the firmware needs from a board; implemented in board_*.c. */
#ifndef @NAME@_BOARD_H
#define @NAME@_BOARD_H

#include <stdint.h>

#include "@name@.h"

/* Clocks and caches. Called by start-up code after memory is initialised. */
void @name@_board_init(void);

/* Whether somebody answers semihosting calls; without a debugger they would stop the core. */
int @name@_board_has_host(void);

/* Calls `function` and stores what the call took, in the unit that @name@_board_unit names. */
@name@_status @name@_board_measure(@name@_status (*function)(@name@_context *),
                                   @name@_context *context, uint64_t *amount);

/* "cycles" or "instructions"; null when this core cannot count. */
const char *@name@_board_unit(void);

#endif
