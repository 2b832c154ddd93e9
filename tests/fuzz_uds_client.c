/* isotp/uds_client.c against an ECU that says anything at any time. */
#include "isotp/uds_client.h"
#include "tests/lib_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define HOLDS(what)                                                                                          \
    do {                                                                                                     \
        if (!(what)) abort();                                                                                \
    } while (0)

#define IMAGE 600

struct world {
    struct wire wire;
    struct uds_client c;
    const uint8_t *in;
    size_t left;
    const uint8_t *image;
    uint8_t said[80];
};

static uint8_t next(struct world *w)
{
    if (w->left == 0) return 0;
    w->left--;
    return *w->in++;
}

/* What the ECU hears of a block is the image, at the place where the client says it is. */
static void ecu_hears(struct world *w)
{
    struct isotp_event e;
    while (isotp_poll(&w->wire.ecu, &e)) {
        if (e.kind != ISOTP_RECEIVED) continue;
        const struct uds_transfer *t = &w->c.transfer;
        bool block =
            t->step != 0 && e.data[0] == UDS_TRANSFER_DATA && w->c.request.head[0] == UDS_TRANSFER_DATA;
        if (block && e.data[1] == t->counter)
            HOLDS(e.bytes > 2 && e.bytes - 2 <= IMAGE - t->done &&
                  memcmp(e.data + 2, w->image + t->done, e.bytes - 2) == 0);
        isotp_release(&w->wire.ecu);
    }
}

static void client_hears(struct world *w)
{
    struct isotp_event e;
    while (isotp_poll(&w->wire.client, &e)) uds_client_event(&w->c, &e, w->wire.now);
    uds_client_poll(&w->c, w->wire.now);
}

static void check(const struct world *w)
{
    const struct uds_client *c = &w->c;
    char text[80];
    uds_client_explain(c, text, sizeof text);
    HOLDS(strlen(text) < sizeof text);
    HOLDS(c->transfer.done <= c->transfer.bytes);
    HOLDS((uds_client_outcome(c) == UDS_WAITING) == c->active);
    HOLDS(c->active || uds_client_due(c, w->wire.now) == ISOTP_NEVER);
    if (c->outcome == UDS_POSITIVE && c->reply_bytes > 0)
        HOLDS(c->reply[0] == (c->request.head[0] | UDS_ANSWER) &&
              c->reply_bytes > uds_echo_bytes(c->request.head[0]));
    if (c->outcome == UDS_REFUSED) HOLDS(c->code != UDS_RESPONSE_PENDING);
}

static void pass(struct world *w, unsigned frames)
{
    for (unsigned i = 0; i < frames; i++) {
        client_hears(w);
        ecu_hears(w);
        check(w);
        if (!wire_move(&w->wire)) return;
    }
}

static void ecu_speaks(struct world *w)
{
    size_t n = next(w) % (sizeof w->said + 1);
    if (n > w->left) n = w->left;
    if (n == 0) return;
    isotp_cancel(&w->wire.ecu);
    memcpy(w->said, w->in, n);
    w->in += n;
    w->left -= n;
    struct isotp_message m = {.head = w->said, .head_bytes = (uint32_t)n};
    (void)isotp_send(&w->wire.ecu, &m, w->wire.now);
}

static void client_asks(struct world *w)
{
    struct uds_client *c = &w->c;
    uint32_t now = w->wire.now;
    switch (next(w) % 9) {
    case 0:
        uds_client_session(c, UDS_EXTENDED, now);
        break;
    case 1:
        uds_client_read(c, 0xF190, now);
        break;
    case 2:
        uds_client_routine(c, 0x0310, w->image, 32, now);
        break;
    case 3:
        uds_client_reset(c, UDS_HARD_RESET, now);
        break;
    case 4:
        uds_client_tester_present(c, now);
        break;
    case 5:
        uds_client_put_file(c, "director/targets", w->image, IMAGE, now);
        break;
    case 6:
        uds_client_put_image(c, 0, next(w), w->image, IMAGE, now);
        break;
    case 7:
        uds_client_cancel(c);
        break;
    default:
        uds_client_request(c, w->in, w->left < 9 ? w->left : 9, w->image, next(w), now);
        break;
    }
}

static void play(struct world *w)
{
    static const uint32_t pauses[] = {100, 1000, 60000, 160000, 900000, 5200000};
    while (w->left > 0) {
        uint8_t op = next(w);
        if (op % 4 == 0) client_asks(w);
        if (op % 4 == 1) ecu_speaks(w);
        if (op % 4 == 2) wire_wait(&w->wire, pauses[op / 4 % 6]);
        pass(w, op % 4 == 3 ? op / 4 : 8);
        if (op == 0xFF) uds_client_release(&w->c);
    }
    /* The ECU is silent from here on: one request after the other must end by its own limits. */
    for (unsigned i = 0; uds_client_outcome(&w->c) == UDS_WAITING; i++) {
        HOLDS(i < 2000);
        pass(w, 1000);
        wire_wait(&w->wire, uds_client_due(&w->c, w->wire.now));
    }
    check(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t image[IMAGE];
    for (size_t i = 0; i < sizeof image; i++) image[i] = (uint8_t)(i * 31 + i / 256);
    struct world *w = calloc(1, sizeof *w);
    HOLDS(w != NULL);
    w->in = data;
    w->left = n;
    w->image = image;
    uint8_t settings = next(w);
    wire_init(&w->wire, 300, (settings & 1) != 0);
    struct uds_client_config config = {
        .repeats = settings >> 1 & 3, .overall_us = 20000000, .check_blocks = settings >> 7 != 0};
    uds_client_init(&w->c, &config, &w->wire.client);
    w->c.transfer.block_limit = settings >> 3 & 15;
    play(w);
    free(w);
    return 0;
}
