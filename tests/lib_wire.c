#include "tests/lib_wire.h"

#include <string.h>

void wire_init(struct wire *w, uint32_t ecu_cap, bool fd)
{
    memset(w, 0, sizeof *w);
    struct isotp_config client = isotp_config_default(0x700, 0x708, fd),
                        ecu = isotp_config_default(0x708, 0x700, fd);
    ecu.functional_id = 0x7DF;
    isotp_init(&w->client, &client, w->client_rx, sizeof w->client_rx);
    isotp_init(&w->ecu, &ecu, w->ecu_rx, ecu_cap < sizeof w->ecu_rx ? ecu_cap : sizeof w->ecu_rx);
    w->now = 0xFFFF0000u; /* the clock wraps soon */
}

static bool move_one(struct wire *w, struct isotp *from, struct isotp *to)
{
    struct isotp_frame f;
    if (!isotp_next_frame(from, &f, w->now)) return false;
    w->now += WIRE_FRAME_US;
    isotp_sent(from, w->now);
    w->moved++;
    bool lost = w->vanishes != NULL && w->vanishes(w->ctx, w->moved, to == &w->ecu);
    if (!lost) isotp_on_frame(to, &f, w->now);
    return true;
}

bool wire_move(struct wire *w)
{
    bool to_ecu = move_one(w, &w->client, &w->ecu);
    bool to_client = move_one(w, &w->ecu, &w->client);
    return to_ecu || to_client;
}

void wire_wait(struct wire *w, uint32_t us)
{
    uint32_t client = isotp_due(&w->client, w->now), ecu = isotp_due(&w->ecu, w->now);
    if (client < us) us = client;
    if (ecu < us) us = ecu;
    w->now += us > 0 ? us : 1;
    isotp_tick(&w->client, w->now);
    isotp_tick(&w->ecu, w->now);
}
