#include "isotp/isotp_private.h"

#include <string.h>

/* A wait frame goes out in time for a sender that has our own N_Bs. */
static uint32_t wait_us(const struct isotp *l)
{
    return l->config.n_bs_us / 4 * 3;
}

void isotp_set_flow(struct isotp *l, enum isotp_flow flow)
{
    l->rx.flow = (uint8_t)flow;
    if (!l->offered_flow) return;
    l->offered_flow = false;
    l->offered--;
}

void isotp_end_receive(struct isotp *l, enum isotp_result why)
{
    l->rx.state = ISOTP_RX_IDLE;
    l->rx.held_bytes = 0;
    l->rx.result = (uint8_t)why;
    isotp_set_flow(l, ISOTP_NO_FLOW);
    isotp_post(l, ISOTP_MAIL_FAILED);
}

static void begin_receive(struct isotp *l, const uint8_t *data, uint8_t n)
{
    memcpy(l->rx.buffer, data, n);
    l->rx.got = n;
    l->rx.sn = 1;
    l->rx.state = ISOTP_RX_RECEIVING;
    l->rx.block_left = l->config.block_size;
    isotp_set_flow(l, ISOTP_CTS);
}

static void deliver(struct isotp *l, uint32_t bytes)
{
    l->rx.state = ISOTP_RX_IDLE;
    l->rx.message_bytes = bytes;
    isotp_post(l, ISOTP_MAIL_MESSAGE);
}

static void hold(struct isotp *l, const uint8_t *data, uint8_t n)
{
    memcpy(l->rx.held, data, n);
    l->rx.held_bytes = n;
}

static bool keep_functional(struct isotp *l, const uint8_t *data, uint8_t n)
{
    if (l->rx.functional_bytes > 0) return false;
    memcpy(l->rx.functional, data, n);
    l->rx.functional_bytes = n;
    isotp_post(l, ISOTP_MAIL_FUNCTIONAL);
    return true;
}

bool isotp_on_single(struct isotp *l, const struct isotp_pdu *p, uint32_t now_us)
{
    (void)now_us;
    bool escape = p->frame_dl > 8;
    uint8_t header = escape ? 2 : 1;
    uint8_t n = escape ? p->data[1] : p->data[0];
    if (escape && (p->data[0] != 0 || n <= isotp_single_max(8, p->offset))) return false;
    if (n == 0 || n > p->bytes - header) return false;
    const uint8_t *payload = p->data + header;
    if (p->functional) return keep_functional(l, payload, n);

    if (n > l->rx.capacity) return false;
    if (l->rx.held_bytes > 0 && l->rx.state == ISOTP_RX_IDLE) return false;
    if (l->rx.state != ISOTP_RX_IDLE) isotp_end_receive(l, ISOTP_N_UNEXP_PDU);
    if (l->rx.message_bytes > 0) {
        hold(l, payload, n);
    } else {
        memcpy(l->rx.buffer, payload, n);
        deliver(l, n);
    }
    return true;
}

bool isotp_on_first(struct isotp *l, const struct isotp_pdu *p, uint32_t now_us)
{
    if (p->functional || p->frame_dl < 8) return false;
    const uint8_t *d = p->data;
    uint8_t header = 2;
    uint32_t length = (d[0] & 0x0Fu) << 8 | d[1];
    if (length == 0) {
        header = 6;
        length = (uint32_t)d[2] << 24 | (uint32_t)d[3] << 16 | (uint32_t)d[4] << 8 | d[5];
        if (length <= ISOTP_LONGEST_SHORT) return false;
    }
    if (length <= isotp_single_max(p->frame_dl, p->offset)) return false;

    if (l->rx.state != ISOTP_RX_IDLE) isotp_end_receive(l, ISOTP_N_UNEXP_PDU);
    if (length > l->rx.capacity || l->rx.held_bytes > 0) {
        isotp_set_flow(l, ISOTP_OVERFLOW);
        return true;
    }
    l->rx.length = length;
    l->rx.frame_dl = p->frame_dl;
    if (l->rx.message_bytes == 0) {
        begin_receive(l, d + header, (uint8_t)(p->bytes - header));
        return true;
    }
    hold(l, d + header, (uint8_t)(p->bytes - header));
    l->rx.state = ISOTP_RX_HELD;
    l->rx.waits = 0;
    l->rx.deadline = now_us + wait_us(l);
    isotp_set_flow(l, ISOTP_NO_FLOW);
    return true;
}

bool isotp_on_consecutive(struct isotp *l, const struct isotp_pdu *p, uint32_t now_us)
{
    struct isotp_rx *rx = &l->rx;
    if (p->functional || rx->state != ISOTP_RX_RECEIVING) return false;
    uint32_t n = isotp_smaller(rx->length - rx->got, rx->frame_dl - p->offset - 1u);
    if (p->frame_dl > rx->frame_dl || p->bytes - 1u < n) return false;
    if ((p->data[0] & 0x0F) != rx->sn) {
        isotp_end_receive(l, ISOTP_N_WRONG_SN);
        return true;
    }
    memcpy(rx->buffer + rx->got, p->data + 1, n);
    rx->got += n;
    rx->sn = (rx->sn + 1) & 0x0F;
    rx->deadline = now_us + l->config.n_cr_us;
    if (rx->got == rx->length) {
        isotp_set_flow(l, ISOTP_NO_FLOW);
        deliver(l, rx->length);
    } else if (rx->block_left > 0 && --rx->block_left == 0) {
        rx->block_left = l->config.block_size;
        isotp_set_flow(l, ISOTP_CTS);
    }
    return true;
}

bool isotp_receive_timed(const struct isotp *l)
{
    return l->rx.state != ISOTP_RX_IDLE && l->rx.flow == ISOTP_NO_FLOW;
}

void isotp_receive_late(struct isotp *l)
{
    if (l->rx.state == ISOTP_RX_RECEIVING) {
        isotp_end_receive(l, ISOTP_N_TIMEOUT_CR);
    } else if (l->rx.waits < l->config.wait_max) {
        l->rx.waits++;
        isotp_set_flow(l, ISOTP_WAIT);
    } else {
        isotp_end_receive(l, ISOTP_N_WFT_OVRN);
        isotp_set_flow(l, ISOTP_OVERFLOW);
    }
}

void isotp_flow_sent(struct isotp *l, uint32_t now_us)
{
    l->rx.flow = ISOTP_NO_FLOW;
    l->rx.deadline = now_us + (l->rx.state == ISOTP_RX_HELD ? wait_us(l) : l->config.n_cr_us);
}

void isotp_release(struct isotp *l)
{
    struct isotp_rx *rx = &l->rx;
    enum isotp_mail lent = l->lent;
    l->lent = ISOTP_NO_MAIL;
    if (lent == ISOTP_MAIL_FUNCTIONAL) rx->functional_bytes = 0;
    if (lent != ISOTP_MAIL_MESSAGE) return;
    rx->message_bytes = 0;
    if (rx->state == ISOTP_RX_HELD) {
        begin_receive(l, rx->held, rx->held_bytes);
    } else if (rx->held_bytes > 0) {
        memcpy(rx->buffer, rx->held, rx->held_bytes);
        deliver(l, rx->held_bytes);
    }
    rx->held_bytes = 0;
}

bool isotp_receiving(const struct isotp *l)
{
    return l->rx.state != ISOTP_RX_IDLE;
}
