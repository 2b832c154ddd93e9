#include "isotp/isotp_private.h"

#include <string.h>

void isotp_set_flow(struct isotp *l, enum isotp_flow flow)
{
    l->rx.flow = (uint8_t)flow;
    if (!l->offered_flow) return;
    l->offered_flow = false;
    l->offered--;
}

void isotp_set_sink(struct isotp *l, const struct isotp_sink *sink)
{
    l->rx.sink = sink;
}

static void end_sink(struct isotp *l, enum isotp_result why)
{
    if (l->rx.sinking && l->rx.state == ISOTP_RX_RECEIVING) l->rx.sink->end(l->rx.sink->ctx, why);
}

void isotp_end_receive(struct isotp *l, enum isotp_result why)
{
    end_sink(l, why);
    l->rx.state = ISOTP_RX_IDLE;
    l->rx.held_bytes = 0;
    l->rx.result = (uint8_t)why;
    isotp_set_flow(l, ISOTP_NO_FLOW);
    isotp_post(l, ISOTP_MAIL_FAILED);
}

static void overflow(struct isotp *l)
{
    isotp_end_receive(l, ISOTP_N_BUFFER_OVFLW);
    isotp_set_flow(l, ISOTP_OVERFLOW);
}

static bool store(struct isotp *l, const uint8_t *data, uint32_t n)
{
    struct isotp_rx *rx = &l->rx;
    if (rx->sinking) {
        if (!rx->sink->add(rx->sink->ctx, data, n)) return false;
    } else {
        memcpy(rx->buffer + rx->got, data, n);
    }
    rx->got += n;
    return true;
}

static void begin_receive(struct isotp *l, const uint8_t *data, uint8_t n)
{
    struct isotp_rx *rx = &l->rx;
    rx->sinking = rx->length > rx->capacity;
    rx->state = ISOTP_RX_IDLE;
    if (rx->sinking && !rx->sink->begin(rx->sink->ctx, rx->length)) {
        isotp_set_flow(l, ISOTP_OVERFLOW);
        return;
    }
    rx->state = ISOTP_RX_RECEIVING;
    rx->got = 0;
    rx->sn = 1;
    rx->block_left = l->config.block_size;
    if (store(l, data, n))
        isotp_set_flow(l, ISOTP_CTS);
    else
        overflow(l);
}

static void deliver(struct isotp *l, uint32_t bytes)
{
    l->rx.state = ISOTP_RX_IDLE;
    l->rx.message_bytes = bytes;
    isotp_post(l, ISOTP_MAIL_MESSAGE);
}

/* One that came in a single frame. */
static void deliver_single(struct isotp *l, const uint8_t *data, uint8_t n)
{
    l->rx.sinking = false;
    memcpy(l->rx.buffer, data, n);
    deliver(l, n);
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
        deliver_single(l, payload, n);
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
    const struct isotp_sink *sink = l->rx.sink;
    bool fits = length <= l->rx.capacity || (sink != NULL && length <= sink->max_bytes);
    if (!fits || l->rx.held_bytes > 0) {
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
    l->rx.deadline = now_us + l->config.n_br_us;
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
    if (!store(l, p->data + 1, n)) {
        overflow(l);
        return true;
    }
    rx->sn = (rx->sn + 1) & 0x0F;
    rx->deadline = now_us + l->config.n_cr_us;
    if (rx->got == rx->length) {
        isotp_set_flow(l, ISOTP_NO_FLOW);
        end_sink(l, ISOTP_N_OK);
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
    l->rx.deadline = now_us + (l->rx.state == ISOTP_RX_HELD ? l->config.n_br_us : l->config.n_cr_us);
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
        deliver_single(l, rx->held, rx->held_bytes);
    }
    rx->held_bytes = 0;
}

bool isotp_receiving(const struct isotp *l)
{
    return l->rx.state != ISOTP_RX_IDLE;
}

int isotp_waiting(const struct isotp *l)
{
    return l->rx.held_bytes > 0 ? l->rx.held[0] : -1;
}
