/* The port to Arm's MPS2 board with a Cortex-M4 (AN386), as QEMU emulates it (-M mps2-an386): the worked
 * example of docs/porting.md.
 *
 *     0x00000000   4 MiB  code: the boot stage, and at its end the fuses. Loaded by QEMU, never written.
 *     0x20000000   4 MiB  data: RAM, of which images use MPS2_RAM_BYTES
 *     0x21000000  16 MiB  a file of the host: the flash, and in its last page what the plant wrote
 *
 * Not for production: the plant page holds the ECU's key and the seed of its random numbers as plain bytes,
 * where a product has a secure element and a noise source. */
#ifndef SECONDARY_MPS2_MPS2_H
#define SECONDARY_MPS2_MPS2_H

#include "isotp/link.h"
#include "isotp/slcan.h"
#include "secondary/flash.h"

#define MPS2_CLOCK_HZ   25000000u
#define MPS2_WATCHDOG_S 3u
#define MPS2_RAM        0x20000000u
#define MPS2_RAM_BYTES  0x8000u /* as much as a small automotive part has */
#define MPS2_FLASH      0x21000000u
#define MPS2_FILE_BYTES 0x1000000u /* of the file behind the flash */
#define MPS2_SECTOR     4096u
#define MPS2_UNIT       8u
#define MPS2_FUSES      0x003FF000u /* one sector at the end of the code memory */

/* startup.c: begins at the reset vector, paints the stack, calls main(). */
/* Bytes of the stack that were ever used, and that there are. */
uint32_t mps2_stack_used(void);
uint32_t mps2_stack_bytes(void);
/* Restarts the machine. */
void mps2_reset(void) __attribute__((noreturn));
/* Starts the image whose vector table is at VECTORS. */
void mps2_jump(const uint32_t *vectors) __attribute__((noreturn));
/* The word that a reset leaves alone. */
extern volatile uint32_t mps2_handover;

/* clock.c: since the start of the image. */
void mps2_clock_start(void);
void mps2_clock_stop(void); /* before the next image has the RAM */
uint64_t mps2_now_ms(void);
uint64_t mps2_now_us(void);
/* Sleeps until the next tick (at most a millisecond) or a byte on the CAN line. */
void mps2_doze(void);

/* Who does not feed it within MPS2_WATCHDOG_S is restarted. It runs until the next reset. */
void mps2_watchdog_start(void);
void mps2_watchdog_feed(void);

/* uart.c: UART 0 is the CAN line, UART 1 the console. */
void mps2_uart_start(void);
bool mps2_uart_get(uint8_t *byte);                  /* false: none now */
void mps2_uart_put(const uint8_t *bytes, size_t n); /* waits for the line */
void mps2_say(const char *text);                    /* to the console */
void mps2_say_number(uint32_t n);

/* link.c: the CAN link of this board is text on its serial line. */
struct mps2_link {
    struct isotp_link link; /* first: an isotp_link is an mps2_link */
    struct isotp_slcan reader;
    uint32_t active; /* frames and bytes so far, to tell whether it is quiet */
};
void mps2_link_open(struct mps2_link *l, bool fd);

/* flash.c: BYTES of flash from MPS2_FLASH on. */
struct sec_flash mps2_flash(uint32_t bytes);

#endif
