/* Shared by isotp.c (the channel), isotp_receive.c and isotp_send.c (its two directions); nobody else
 * includes this. */
#ifndef ISOTP_ISOTP_PRIVATE_H
#define ISOTP_ISOTP_PRIVATE_H

#include "isotp/isotp.h"

#define ISOTP_LONGEST_SHORT 4095u /* longest message whose length fits the 12 bits of a first frame */

enum isotp_pci { ISOTP_SINGLE, ISOTP_FIRST, ISOTP_CONSECUTIVE, ISOTP_FLOW };
enum isotp_flow { ISOTP_CTS, ISOTP_WAIT, ISOTP_OVERFLOW, ISOTP_NO_FLOW };
enum isotp_rx_state { ISOTP_RX_IDLE, ISOTP_RX_HELD, ISOTP_RX_RECEIVING };
/* DONE: its event has not been polled. */
enum isotp_tx_state {
    ISOTP_TX_IDLE,
    ISOTP_TX_DONE,
    ISOTP_TX_FIRST,
    ISOTP_TX_AWAIT_FLOW,
    ISOTP_TX_CONSECUTIVE
};
enum isotp_mail {
    ISOTP_NO_MAIL,
    ISOTP_MAIL_SENT,
    ISOTP_MAIL_FAILED,
    ISOTP_MAIL_MESSAGE,
    ISOTP_MAIL_FUNCTIONAL
};

/* What a frame holds after the address byte, if there is one: at least one byte. */
struct isotp_pdu {
    const uint8_t *data;
    uint8_t bytes, frame_dl, offset;
    bool functional;
};

static inline bool isotp_reached(uint32_t now, uint32_t at)
{
    return now - at < 0x80000000u;
}

static inline uint32_t isotp_smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The longest message that one frame of FRAME_DL bytes carries whole. */
static inline uint32_t isotp_single_max(uint32_t frame_dl, uint32_t offset)
{
    return frame_dl > 8 ? frame_dl - 2 - offset : 7 - offset;
}

/* Events wait here until poll(), each kind at most once. */
void isotp_post(struct isotp *l, enum isotp_mail m);
void isotp_unpost(struct isotp *l, enum isotp_mail m);

/* The handlers of received frames return whether the frame was of any use. One that breaks a rule of the
 * format changes nothing, so everything is checked before the message under way is given up. */
typedef bool isotp_handler(struct isotp *l, const struct isotp_pdu *p, uint32_t now_us);
isotp_handler isotp_on_single, isotp_on_first, isotp_on_consecutive, isotp_on_flow;

/* The flow control to send next; replaces one that has not left yet. */
void isotp_set_flow(struct isotp *l, enum isotp_flow flow);
void isotp_flow_sent(struct isotp *l, uint32_t now_us);
/* Whether the deadline of a reception runs, and what to do when it has passed. */
bool isotp_receive_timed(const struct isotp *l);
void isotp_receive_late(struct isotp *l);
void isotp_end_receive(struct isotp *l, enum isotp_result why);
void isotp_end_send(struct isotp *l, enum isotp_result result);

#endif
