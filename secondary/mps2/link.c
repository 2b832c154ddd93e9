/* A serial CAN adapter on UART 0, as a link. */
#include "secondary/mps2/mps2.h"

static int send(struct isotp_link *link, const struct isotp_frame *f, size_t n)
{
    struct mps2_link *l = (struct mps2_link *)link;
    uint8_t text[ISOTP_SLCAN_LINE];
    for (size_t i = 0; i < n; i++) mps2_uart_put(text, isotp_slcan_write(text, &f[i]));
    l->active += (uint32_t)n;
    return (int)n;
}

static int receive(struct isotp_link *link, struct isotp_frame *f, size_t n)
{
    struct mps2_link *l = (struct mps2_link *)link;
    size_t got = 0;
    uint8_t byte;
    while (got < n && mps2_uart_get(&byte)) {
        l->active++;
        if (isotp_slcan_read(&l->reader, byte, &f[got]) != ISOTP_SLCAN_FRAME) continue;
        if (link->can_fd || !(f[got].flags & ISOTP_FD)) got++;
    }
    return (int)got;
}

static uint32_t lost(const struct isotp_link *link)
{
    (void)link; /* the line waits for us */
    return 0;
}

static void leave(struct isotp_link *link)
{
    (void)link;
}

static const struct isotp_link_ops ops = {send, receive, lost, leave, NULL};

void mps2_link_open(struct mps2_link *l, bool fd)
{
    static const uint8_t open[] = "\rC\rS6\rO\r"; /* ends what was left half sent; 500 kbit/s */
    *l = (struct mps2_link){.link = {.ops = &ops, .fd = -1, .can_fd = fd}};
    mps2_uart_put(open, sizeof open - 1);
}
