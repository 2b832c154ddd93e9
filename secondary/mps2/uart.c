/* The CMSDK UARTs (Arm DUI 0479), polled: a byte at a time is all they hold. */
#include "secondary/mps2/mps2.h"

struct uart {
    volatile uint32_t data, state, control, interrupts, divider;
};
#define CAN_LINE ((struct uart *)0x40004000u)
#define CONSOLE  ((struct uart *)0x40005000u)

enum { TX_FULL = 1, RX_FULL = 2 };                   /* state */
enum { TX_ENABLE = 1, RX_ENABLE = 2, RX_CALLS = 8 }; /* control */

void mps2_uart_start(void)
{
    CAN_LINE->divider = CONSOLE->divider = 16;
    CAN_LINE->control = TX_ENABLE | RX_ENABLE | RX_CALLS;
    CONSOLE->control = TX_ENABLE;
}

bool mps2_uart_get(uint8_t *byte)
{
    if (!(CAN_LINE->state & RX_FULL)) return false;
    *byte = (uint8_t)CAN_LINE->data;
    CAN_LINE->interrupts = 2; /* received */
    return true;
}

static void put(struct uart *u, uint8_t byte)
{
    while (u->state & TX_FULL) {
    }
    u->data = byte;
}

void mps2_uart_put(const uint8_t *bytes, size_t n)
{
    while (n-- > 0) put(CAN_LINE, *bytes++);
}

void mps2_say(const char *text)
{
    while (*text != '\0') put(CONSOLE, (uint8_t)*text++);
}

void mps2_say_number(uint32_t n)
{
    char digits[11], *p = digits + sizeof digits - 1;
    *p = '\0';
    do *--p = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    mps2_say(p);
}
