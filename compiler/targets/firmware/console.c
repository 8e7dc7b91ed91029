/* SPDX-License-Identifier: MIT-0 */
#include "firmware_console.h"

#include "firmware_board.h"

/* Operations of Arm's semihosting interface. */
#define SYS_WRITE0 0x04u
#define SYS_EXIT_EXTENDED 0x20u
#define APPLICATION_EXIT 0x20026u

static void host_call(uint32_t operation, const void *parameter) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = parameter;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

__attribute__((weak)) void @name@_putchar(char character) { (void)character; }

void @name@_print(const char *text) {
  if (@name@_board_has_host()) {
    host_call(SYS_WRITE0, text);
  } else {
    while (*text != '\0') @name@_putchar(*text++);
  }
}

/* Long division by hand: the compiler's library for 64-bit division brings stack unwinding with it.
 */
static uint32_t divide_by_ten(uint64_t *value) {
  uint32_t high = (uint32_t)(*value >> 32);
  uint32_t middle = (uint32_t)(*value >> 16) & 0xffffu;
  uint32_t low = (uint32_t)*value & 0xffffu;
  middle |= (high % 10u) << 16;
  high /= 10u;
  low |= (middle % 10u) << 16;
  middle /= 10u;
  *value = ((uint64_t)high << 32) + ((uint64_t)middle << 16) + low / 10u;
  return low % 10u;
}

void @name@_print_decimal(uint64_t value) {
  char text[21];
  size_t begin = sizeof text - 1;
  text[begin] = '\0';
  do {
    text[--begin] = (char)('0' + (int)divide_by_ten(&value));
  } while (value != 0u);
  @name@_print(text + begin);
}

void @name@_print_bytes(const uint8_t *bytes, size_t count) {
  static const char digits[] = "0123456789abcdef";
  char text[33];
  while (count > 0u) {
    const size_t part = count < 16u ? count : 16u;
    for (size_t i = 0; i < part; i++) {
      text[2u * i] = digits[bytes[i] >> 4];
      text[2u * i + 1u] = digits[bytes[i] & 15u];
    }
    text[2u * part] = '\0';
    @name@_print(text);
    bytes += part;
    count -= part;
  }
}

void @name@_print_word(uint32_t value) {
  uint8_t bytes[4];
  for (unsigned i = 0; i < 4u; i++) bytes[i] = (uint8_t)(value >> (24u - 8u * i));
  @name@_print_bytes(bytes, sizeof bytes);
}

void @name@_exit(int code) {
  if (@name@_board_has_host()) {
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
    host_call(SYS_EXIT_EXTENDED, block);
  }
  for (;;) __asm__ volatile("wfi");
}
