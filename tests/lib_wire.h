/* Two ISO-TP channels joined by a wire with a clock of its own: each frame takes its time, chosen ones
 * vanish. */
#ifndef TESTS_LIB_WIRE_H
#define TESTS_LIB_WIRE_H

#include "isotp/isotp.h"

#define WIRE_FRAME_US 222u /* a full classic frame at 500 kbit/s */

struct wire {
    struct isotp client, ecu;
    uint8_t client_rx[4200], ecu_rx[4200];
    uint32_t now;
    uint32_t moved;                                         /* frames so far, both ways */
    bool (*vanishes)(void *ctx, uint32_t nth, bool to_ecu); /* NULL: none does */
    void *ctx;
};

/* ECU_CAP: what the ECU can receive. */
void wire_init(struct wire *w, uint32_t ecu_cap, bool fd);
/* Lets one frame of each side pass, if there is one. False: nothing to move now. */
bool wire_move(struct wire *w);
/* Lets time pass until US have gone or a channel has something to do, at least 1 us. */
void wire_wait(struct wire *w, uint32_t us);

#endif
