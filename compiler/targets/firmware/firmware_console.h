/* SPDX-License-Identifier: MIT-0 */
/* Text output: to the debugger if there is one, else to @name@_putchar. */
#ifndef @NAME@_CONSOLE_H
#define @NAME@_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

/* Define it in your application to send the text to a serial port; the one here drops it. */
void @name@_putchar(char character);

void @name@_print(const char *text);
void @name@_print_decimal(uint64_t value);
/* Eight hexadecimal digits. */
void @name@_print_word(uint32_t value);
/* Two hexadecimal digits per byte. */
void @name@_print_bytes(const uint8_t *bytes, size_t count);

/* Ends the program with this exit code; without a debugger the core sleeps. */
__attribute__((noreturn)) void @name@_exit(int code);

#endif
