/* SPDX-License-Identifier: MIT-0
 * Used by mcunet itself to run generated code on the host: reads inputs from standard input until it ends, writes the
 * outputs of each inference to standard output. The argument says where the arena lies:
 *   end-guard    as near as its alignment allows before memory that cannot be touched
 *   begin-guard  directly behind such memory
 *   malloc       exactly as large as promised: for sanitizers
 * Exit codes: 2 memory or arguments, 3 incomplete input, 4 the API refused, 5 output, 6 the API accepted what it must
 * refuse, 7 memory beside the arena was written to. */
#define _DEFAULT_SOURCE 1 /* MAP_ANONYMOUS */
#define _DARWIN_C_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "@name@.h"
@detection_include@
#define UNTOUCHED 0x5au

struct place {
  uint8_t *arena;
  uint8_t *begin, *end; /* of the accessible memory around it */
};

static int place_arena(struct place *place, const char *mode) {
  const size_t size = @NAME@_ARENA_SIZE;
  if (strcmp(mode, "malloc") == 0) {
    place->arena = place->begin = malloc(size == 0u ? 1u : size);
    place->end = place->begin == NULL ? NULL : place->begin + size;
  } else {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t inner = (size / page + 1u) * page;
    uint8_t *const pages = mmap(NULL, inner + 2u * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return 0;
    place->begin = pages + page;
    place->end = place->begin + inner;
    if (mprotect(pages, page, PROT_NONE) != 0 || mprotect(place->end, page, PROT_NONE) != 0) return 0;
    memset(place->begin, UNTOUCHED, inner);
    place->arena = strcmp(mode, "begin-guard") == 0
                       ? place->begin
                       : place->end - (size + @NAME@_ARENA_ALIGN - 1u) / @NAME@_ARENA_ALIGN * @NAME@_ARENA_ALIGN;
  }
  return place->arena != NULL;
}

static int is_untouched(const uint8_t *begin, const uint8_t *end) {
  for (; begin != end; begin++) {
    if (*begin != UNTOUCHED) return 0;
  }
  return 1;
}

/* Another garbage for each inference: results must not depend on what the arena held before. */
static void fill(const struct place *place, uint32_t inference) {
  uint32_t state = (inference + 1u) * 2654435761u;
  for (size_t i = 0; i < @NAME@_ARENA_SIZE; i++) {
    state = state * 1664525u + 1013904223u;
    place->arena[i] = (uint8_t)(state >> 24);
  }
}

#ifdef @NAME@_INPUT_ROWS
/* Rows are read one at a time; they are copied in and written in place by turns. */
static int take_input(@name@_context *context, uint32_t inference) {
  static uint8_t row[@NAME@_INPUT_ROW_BYTES];
  for (size_t i = 0; i < @NAME@_INPUT_ROWS; i++) {
    const size_t got = fread(row, 1, sizeof row, stdin);
    if (got == 0 && i == 0 && feof(stdin)) return -1;
    if (got != sizeof row) return 3;
    if (@name@_invoke(context) != @NAME@_ERROR_ROWS) return 6;
    if (@name@_push_rows(context, row, @NAME@_INPUT_ROWS - i + 1u) != @NAME@_ERROR_ROWS) return 6;
    if ((i + inference) % 2u == 0u) {
      if (@name@_push_rows(context, row, 1) != @NAME@_OK) return 4;
    } else {
      memcpy(@name@_next_row(context), row, sizeof row);
      if (@name@_row_done(context) != @NAME@_OK) return 4;
    }
  }
  return @name@_next_row(context) == NULL && @name@_row_done(context) == @NAME@_ERROR_ROWS ? 0 : 6;
}
#else
static int take_input(@name@_context *context, uint32_t inference) {
  (void)inference;
  for (size_t i = 0; i < @NAME@_INPUT_COUNT; i++) {
    const size_t got = fread(@name@_input(context, i), 1, @name@_input_bytes(i), stdin);
    if (got == 0 && i == 0 && feof(stdin)) return -1;
    if (got != @name@_input_bytes(i)) return 3;
  }
  return 0;
}
#endif

/* The number of boxes, then room for all candidates. */
static int write_boxes(const @name@_context *context) {
#ifdef @NAME@_DETECT_CANDIDATES
  static @name@_box boxes[@NAME@_DETECT_CANDIDATES];
  const size_t found = @name@_detect(context);
  const int32_t count = (int32_t)found;
  memset(boxes, 0, sizeof boxes);
  memcpy(boxes, @name@_boxes(context), found * sizeof boxes[0]);
  return fwrite(&count, sizeof count, 1, stdout) == 1 && fwrite(boxes, sizeof boxes, 1, stdout) == 1;
#else
  (void)context;
  return 1;
#endif
}

/* Until standard input ends. */
static int run(const struct place *place) {
  @name@_context context;
  if (@NAME@_ARENA_SIZE > 0u &&
      @name@_init(&context, place->arena, @NAME@_ARENA_SIZE - 1u) != @NAME@_ERROR_ARENA_SIZE) {
    return 6;
  }
  if (@name@_init(&context, place->arena, @NAME@_ARENA_SIZE) != @NAME@_OK) return 4;
  for (uint32_t inference = 0;; inference++) {
    int taken;
    fill(place, inference);
    taken = take_input(&context, inference);
    if (taken != 0) return taken < 0 ? 0 : taken;
    if (@name@_invoke(&context) != @NAME@_OK) return 4;
    if (!is_untouched(place->begin, place->arena) || !is_untouched(place->arena + @NAME@_ARENA_SIZE, place->end)) {
      return 7;
    }
    for (size_t i = 0; i < @NAME@_OUTPUT_COUNT; i++) {
      if (fwrite(@name@_output(&context, i), 1, @name@_output_bytes(i), stdout) != @name@_output_bytes(i)) return 5;
    }
    if (!write_boxes(&context)) return 5;
    if (!is_untouched(place->begin, place->arena) || !is_untouched(place->arena + @NAME@_ARENA_SIZE, place->end)) {
      return 7;
    }
  }
}

int main(int argc, char **argv) {
  const char *const mode = argc > 1 ? argv[1] : "malloc";
  struct place place;
  int result;
  if (!place_arena(&place, mode)) return 2;
  result = run(&place);
  if (strcmp(mode, "malloc") == 0) free(place.arena);
  return result;
}
