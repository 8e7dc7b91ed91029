/* SPDX-License-Identifier: MIT-0
 * Used by mcunet itself to run generated code on the host: reads inputs from standard input until it ends, writes the
 * outputs of each inference to standard output. The arena is exactly as large as promised, so that sanitizers see more. */
#include <stdio.h>
#include <stdlib.h>

#include "@name@.h"

int main(void) {
  @name@_context context;
  void *arena = malloc(@NAME@_ARENA_SIZE == 0u ? 1u : @NAME@_ARENA_SIZE);
  if (arena == NULL || @name@_init(&context, arena, @NAME@_ARENA_SIZE) != @NAME@_OK) return 2;
  for (;;) {
    for (size_t i = 0; i < @NAME@_INPUT_COUNT; i++) {
      const size_t got = fread(@name@_input(&context, i), 1, @name@_input_bytes(i), stdin);
      if (got == 0 && i == 0 && feof(stdin)) {
        free(arena);
        return 0;
      }
      if (got != @name@_input_bytes(i)) return 3;
    }
    if (@name@_invoke(&context) != @NAME@_OK) return 4;
    for (size_t i = 0; i < @NAME@_OUTPUT_COUNT; i++) {
      if (fwrite(@name@_output(&context, i), 1, @name@_output_bytes(i), stdout) != @name@_output_bytes(i)) return 5;
    }
  }
}
