/* SPDX-License-Identifier: MIT-0 */
/* Checks the network with its built-in self-test, then runs it twice on the self-test's input: once
 * with cold, once with warm caches. */
#include <stddef.h>
#include <stdint.h>

#include "@name@.h"
@detection_include@#include "@name@_selftest.h"
#include "firmware_board.h"
#include "firmware_console.h"

#define SHOWN_BYTES 64u

@name@_context @name@_firmware_context;
@NAME@_ARENA_ATTR uint8_t @name@_firmware_arena[@NAME@_ARENA_SIZE];

static void require(@name@_status status, const char *step) {
  if (status == @NAME@_OK) return;
  @name@_print(step);
  @name@_print(": ");
  @name@_print(@name@_strerror(status));
  @name@_print("\n");
  @name@_exit(1);
}

/* FNV-1a, 32 bits. */
static uint32_t hash(const uint8_t *bytes, size_t count) {
  uint32_t value = 2166136261u;
  for (size_t i = 0; i < count; i++) value = (value ^ bytes[i]) * 16777619u;
  return value;
}

/* What an inference on the self-test's input takes, without making that input. */
static uint64_t measured_inference(void) {
  uint64_t amount = 0;
#ifdef @NAME@_INPUT_ROWS
  uint64_t rows = 0;
  uint32_t state = @NAME@_SELFTEST_SEED;
  require(@name@_restart(&@name@_firmware_context), "restart");
  while (@name@_rows_wanted(&@name@_firmware_context) != 0u) {
    require(@name@_selftest_row(&@name@_firmware_context, &state), "selftest row");
    require(@name@_board_measure(@name@_row_done, &@name@_firmware_context, &amount), "row");
    rows += amount;
  }
  require(@name@_board_measure(@name@_invoke, &@name@_firmware_context, &amount), "invoke");
  return rows + amount;
#else
  require(@name@_selftest_input(&@name@_firmware_context), "selftest input");
  require(@name@_board_measure(@name@_invoke, &@name@_firmware_context, &amount), "invoke");
  return amount;
#endif
}

static void invoke(void) {
  const uint64_t amount = measured_inference();
  const char *unit = @name@_board_unit();
  @name@_print("invoke: ");
  if (unit != NULL) {
    @name@_print_decimal(amount);
    @name@_print(" ");
    @name@_print(unit);
    @name@_print("\n");
  } else {
    @name@_print("not counted\n");
  }
}

static void show_output(size_t index) {
  const uint8_t *bytes = (const uint8_t *)@name@_output(&@name@_firmware_context, index);
  const size_t count = @name@_output_bytes(index);
  @name@_print("output ");
  @name@_print_decimal(index);
  @name@_print(": ");
  @name@_print_bytes(bytes, count < SHOWN_BYTES ? count : SHOWN_BYTES);
  @name@_print(" (");
  @name@_print_decimal(count);
  @name@_print(" bytes, fnv1a ");
  @name@_print_word(hash(bytes, count));
  @name@_print(")\n");
}

#ifdef @NAME@_DETECT_CANDIDATES
static void show_hundredths(int32_t value, int32_t unit) {
  const int64_t hundredths = ((int64_t)value * 100 + unit / 2) / unit;
  const uint64_t amount = (uint64_t)(hundredths < 0 ? -hundredths : hundredths);
  @name@_print(hundredths < 0 ? " -" : " ");
  @name@_print_decimal(amount / 100u);
  @name@_print(amount % 100u < 10u ? ".0" : ".");
  @name@_print_decimal(amount % 100u);
}

static void show_boxes(void) {
  const size_t count = @name@_detect(&@name@_firmware_context);
  const @name@_box *const boxes = @name@_boxes(&@name@_firmware_context);
  @name@_print("boxes: ");
  @name@_print_decimal(count);
  @name@_print("\n");
  for (size_t i = 0; i < count; i++) {
    @name@_print("class ");
    @name@_print_decimal((uint64_t)boxes[i].class_index);
    @name@_print(" score");
    show_hundredths(boxes[i].score, @NAME@_SCORE_UNIT);
    @name@_print(" at");
    show_hundredths(boxes[i].x1, @NAME@_BOX_UNIT);
    show_hundredths(boxes[i].y1, @NAME@_BOX_UNIT);
    show_hundredths(boxes[i].x2, @NAME@_BOX_UNIT);
    show_hundredths(boxes[i].y2, @NAME@_BOX_UNIT);
    @name@_print("\n");
  }
}
#endif

int main(void) {
  require(
      @name@_init(&@name@_firmware_context, @name@_firmware_arena, sizeof @name@_firmware_arena),
      "init");
  require(@name@_selftest(&@name@_firmware_context), "selftest");
  @name@_print("selftest: ok\n");
  invoke();
  invoke();
  for (size_t i = 0; i < @NAME@_OUTPUT_COUNT; i++) show_output(i);
#ifdef @NAME@_DETECT_CANDIDATES
  show_boxes();
#endif
  return 0;
}
