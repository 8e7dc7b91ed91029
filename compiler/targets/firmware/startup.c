/* SPDX-License-Identifier: MIT-0 */
/* From reset to main. */
#include <stdint.h>
#include <string.h>

#include "firmware_board.h"
#include "firmware_console.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SCB_VTOR REGISTER(0xe000ed08u)
#define SCB_CFSR REGISTER(0xe000ed28u)
#define SCB_HFSR REGISTER(0xe000ed2cu)
#define SCB_CPACR REGISTER(0xe000ed88u)

/* Placed by the linker script. */
extern uint8_t __data_start[], __data_end[], __data_load[], __bss_start[], __bss_end[],
    __stack_top[];

int main(void);
void Reset_Handler(void);
void @name@_fault_handler(void);
void @name@_fault(const uint32_t *frame);

struct @name@_vectors {
  const void *stack;
  void (*handlers[15])(void);
};

/* No peripheral interrupts are enabled, so that the table ends with the system's own. */
__attribute__((section(".vectors"), used)) const struct @name@_vectors @name@_vectors = {
    __stack_top,
    {Reset_Handler, @name@_fault_handler, @name@_fault_handler, @name@_fault_handler,
     @name@_fault_handler, @name@_fault_handler, 0, 0, 0, 0, @name@_fault_handler,
     @name@_fault_handler, 0, @name@_fault_handler, @name@_fault_handler}};

void Reset_Handler(void) {
  SCB_VTOR = (uint32_t)&@name@_vectors;
#if defined(__ARM_FP)
  SCB_CPACR |= 0xfu << 20;
  __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
  memcpy(__data_start, __data_load, (uintptr_t)__data_end - (uintptr_t)__data_start);
  memset(__bss_start, 0, (uintptr_t)__bss_end - (uintptr_t)__bss_start);
  @name@_board_init();
  @name@_exit(main());
}

/* `frame`: R0-R3, R12, LR, PC, xPSR as the core stacked them; __stack_top if it could not. */
__attribute__((used)) void @name@_fault(const uint32_t *frame) {
  if (frame == (const uint32_t *)(const void *)__stack_top) {
    @name@_print("fault: stack overflow;");
  } else {
    @name@_print("fault: PC ");
    @name@_print_word(frame[6]);
    @name@_print(" LR ");
    @name@_print_word(frame[5]);
  }
  @name@_print(" CFSR ");
  @name@_print_word(SCB_CFSR);
  @name@_print(" HFSR ");
  @name@_print_word(SCB_HFSR);
  @name@_print("\n");
  @name@_exit(1);
}

/* After a stack overflow there is no stack left to print with; it then starts at its top again.
 * The frame, which could not be stacked either, is not looked at. */
__attribute__((naked)) void @name@_fault_handler(void) {
  __asm__ volatile(
      "mrs r0, msp\n\t"
      "ldr r1, =__stack_limit + 256\n\t"
      "cmp r0, r1\n\t"
      "ittt lo\n\t"
      "ldrlo r1, =__stack_top\n\t"
      "movlo sp, r1\n\t"
      "movlo r0, r1\n\t"
      "b @name@_fault\n\t"
      ".ltorg");
}
