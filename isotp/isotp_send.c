#include "isotp/isotp_private.h"

#include <string.h>

#define LONGEST_GAP_US  127000u
#define BEGIN_WITHIN_US 20000u  /* whoever asks has a time-out of 50 ms and more */
#define LEFT_ALONE_US   300000u /* of the second that a receiver waits */
#define FORGET          16u     /* of the longest time for a flow control, per flow control */

static uint32_t gap_us(uint8_t st_min)
{
    if (st_min <= 0x7F) return st_min * 1000u;
    if (st_min >= 0xF1 && st_min <= 0xF9) return (st_min - 0xF0) * 100u;
    return LONGEST_GAP_US;
}

void isotp_end_send(struct isotp *l, enum isotp_result result)
{
    l->tx.at.state = ISOTP_TX_DONE;
    l->tx.result = (uint8_t)result;
    l->offered = l->offered_flow ? 1 : 0;
    isotp_post(l, ISOTP_MAIL_SENT);
}

void isotp_hurry(struct isotp *l, uint32_t us)
{
    l->patience_us = us;
}

uint32_t isotp_flow_us(const struct isotp *l)
{
    return l->flow_us;
}

static uint32_t flow_wait_us(const struct isotp *l)
{
    return l->patience_us > 0 ? isotp_smaller(l->patience_us, l->config.n_bs_us) : l->config.n_bs_us;
}

static void note_flow_time(struct isotp *l, uint32_t took)
{
    const uint32_t before = l->flow_us - l->flow_us / FORGET;
    l->flow_us = took > before ? took : before;
}

bool isotp_on_flow(struct isotp *l, const struct isotp_pdu *p, uint32_t now_us)
{
    struct isotp_tx *tx = &l->tx;
    if (p->functional || p->bytes < 3 || tx->at.state != ISOTP_TX_AWAIT_FLOW) return false;
    switch (p->data[0] & 0x0F) {
    case ISOTP_CTS:
        note_flow_time(l, now_us - tx->asked_at);
        tx->gap_us = gap_us(p->data[2]);
        if (tx->gap_us > 0) tx->gap_us += l->config.frame_us;
        tx->next_at = now_us - tx->cf_at < tx->gap_us ? tx->cf_at + tx->gap_us : now_us;
        tx->waits = 0;
        tx->at.block_left = p->data[1];
        tx->at.state = ISOTP_TX_CONSECUTIVE;
        break;
    case ISOTP_WAIT:
        tx->deadline = now_us + l->config.n_bs_us;
        if (tx->waits++ >= l->config.wait_max) isotp_end_send(l, ISOTP_N_WFT_OVRN);
        break;
    case ISOTP_OVERFLOW:
        isotp_end_send(l, ISOTP_N_BUFFER_OVFLW);
        break;
    default:
        isotp_end_send(l, ISOTP_N_INVALID_FS);
        break;
    }
    return true;
}

enum isotp_result isotp_send(struct isotp *l, const struct isotp_message *m, uint32_t now_us)
{
    struct isotp_tx *tx = &l->tx;
    if (tx->at.state != ISOTP_TX_IDLE) return ISOTP_BUSY;
    if (m->body_bytes > UINT32_MAX - m->head_bytes || m->head_bytes + m->body_bytes == 0)
        return ISOTP_BAD_LENGTH;
    *tx = (struct isotp_tx){.message = *m,
                            .length = m->head_bytes + m->body_bytes,
                            .at = {.state = ISOTP_TX_FIRST},
                            .asked_at = now_us,
                            .cf_at = now_us - LONGEST_GAP_US - l->config.frame_us};
    return ISOTP_N_OK;
}

void isotp_cancel(struct isotp *l)
{
    isotp_end_send(l, ISOTP_N_OK);
    isotp_unpost(l, ISOTP_MAIL_SENT);
    l->tx.at.state = ISOTP_TX_IDLE;
}

static bool can_send(const struct isotp_tx *tx, const struct isotp_cursor *c, uint32_t now_us)
{
    return c->state == ISOTP_TX_FIRST ||
           (c->state == ISOTP_TX_CONSECUTIVE && isotp_reached(now_us, tx->next_at));
}

static uint8_t header_bytes(const struct isotp *l, const struct isotp_cursor *c)
{
    if (c->state == ISOTP_TX_CONSECUTIVE) return 1;
    if (l->tx.length <= isotp_single_max(l->config.tx_dl, l->offset))
        return l->tx.length <= isotp_single_max(8, l->offset) ? 1 : 2;
    return l->tx.length <= ISOTP_LONGEST_SHORT ? 2 : 6;
}

static uint32_t payload_bytes(const struct isotp *l, const struct isotp_cursor *c)
{
    uint32_t room = (uint32_t)l->config.tx_dl - l->offset - header_bytes(l, c);
    return isotp_smaller(room, l->tx.length - c->done);
}

static void advance(const struct isotp *l, struct isotp_cursor *c)
{
    c->done += payload_bytes(l, c);
    if (c->done == l->tx.length) {
        c->state = ISOTP_TX_DONE;
    } else if (c->state == ISOTP_TX_FIRST) {
        c->state = ISOTP_TX_AWAIT_FLOW;
        c->sn = 1;
    } else {
        c->sn = (c->sn + 1) & 0x0F;
        if (c->block_left > 0 && --c->block_left == 0) c->state = ISOTP_TX_AWAIT_FLOW;
    }
}

static void data_sent(struct isotp *l, uint32_t now_us)
{
    struct isotp_tx *tx = &l->tx;
    if (tx->at.state == ISOTP_TX_CONSECUTIVE) tx->cf_at = now_us;
    advance(l, &tx->at);
    if (tx->at.state == ISOTP_TX_DONE) isotp_end_send(l, ISOTP_N_OK);
    tx->next_at = now_us + tx->gap_us;
    tx->asked_at = now_us;
    tx->deadline = now_us + flow_wait_us(l);
}

static void copy_out(const struct isotp_message *m, uint32_t from, uint8_t *to, uint32_t n)
{
    if (from < m->head_bytes) {
        uint32_t k = isotp_smaller(n, m->head_bytes - from);
        memcpy(to, m->head + from, k);
        from += k;
        to += k;
        n -= k;
    }
    if (n > 0) memcpy(to, m->body + (from - m->head_bytes), n);
}

static uint8_t *open_frame(const struct isotp *l, struct isotp_frame *f)
{
    f->id = l->config.tx_id;
    f->flags = (uint8_t)(l->config.fd ? ISOTP_FD | (l->config.brs ? ISOTP_BRS : 0) : 0);
    f->data[0] = l->config.tx_address;
    return f->data + l->offset;
}

static void close_frame(const struct isotp *l, struct isotp_frame *f, uint32_t used)
{
    f->len = used < 8 && l->config.pad ? 8 : isotp_frame_len((uint8_t)used);
    memset(f->data + used, l->config.pad_byte, f->len - used);
}

static void put_flow(const struct isotp *l, struct isotp_frame *f)
{
    uint8_t *p = open_frame(l, f);
    p[0] = (uint8_t)(ISOTP_FLOW << 4 | l->rx.flow);
    p[1] = l->config.block_size;
    p[2] = l->config.st_min;
    close_frame(l, f, l->offset + 3u);
}

static void put_data(const struct isotp *l, const struct isotp_cursor *c, struct isotp_frame *f)
{
    uint8_t *p = open_frame(l, f);
    uint32_t length = l->tx.length, n = payload_bytes(l, c);
    uint8_t header = header_bytes(l, c);
    if (c->state == ISOTP_TX_CONSECUTIVE) {
        p[0] = (uint8_t)(ISOTP_CONSECUTIVE << 4 | c->sn);
    } else if (n == length && header == 1) {
        p[0] = (uint8_t)length;
    } else if (n == length) {
        p[0] = 0;
        p[1] = (uint8_t)length;
    } else if (header == 2) {
        p[0] = (uint8_t)(ISOTP_FIRST << 4 | length >> 8);
        p[1] = (uint8_t)length;
    } else {
        p[0] = ISOTP_FIRST << 4;
        p[1] = 0;
        for (unsigned i = 0; i < 4; i++) p[2 + i] = (uint8_t)(length >> (24 - 8 * i));
    }
    copy_out(&l->tx.message, c->done, p + header, n);
    close_frame(l, f, l->offset + header + n);
}

size_t isotp_next_frames(struct isotp *l, struct isotp_frame *f, size_t n, uint32_t now_us)
{
    struct isotp_cursor c = l->tx.at;
    size_t k = 0;
    if (n > UINT8_MAX) n = UINT8_MAX;
    if (l->rx.flow != ISOTP_NO_FLOW && n > 0) put_flow(l, &f[k++]);
    l->offered_flow = k > 0;
    while (k < n && can_send(&l->tx, &c, now_us)) {
        put_data(l, &c, &f[k++]);
        if (l->tx.gap_us > 0) break;
        advance(l, &c);
    }
    if (l->offered == 0) l->offered_at = now_us;
    l->offered = (uint8_t)k;
    return k;
}

size_t isotp_sent_frames(struct isotp *l, size_t n, uint32_t now_us)
{
    size_t k = 0;
    for (; k < n && l->offered > 0; k++) {
        bool flow = l->offered_flow;
        l->offered--;
        l->offered_flow = false;
        if (flow) {
            isotp_flow_sent(l, now_us);
        } else {
            data_sent(l, now_us);
        }
    }
    if (k > 0) l->offered_at = now_us;
    l->stat_tx_frames += (uint32_t)k;
    return k;
}

bool isotp_next_frame(struct isotp *l, struct isotp_frame *f, uint32_t now_us)
{
    return isotp_next_frames(l, f, 1, now_us) == 1;
}

void isotp_sent(struct isotp *l, uint32_t now_us)
{
    (void)isotp_sent_frames(l, 1, now_us);
}

bool isotp_ready(const struct isotp *l, uint32_t now_us)
{
    return l->rx.flow != ISOTP_NO_FLOW || can_send(&l->tx, &l->tx.at, now_us);
}

bool isotp_urgent(const struct isotp *l, uint32_t now_us)
{
    const struct isotp_tx *tx = &l->tx;
    if (l->rx.flow != ISOTP_NO_FLOW) return true;
    if (tx->at.state == ISOTP_TX_FIRST) return isotp_reached(now_us, tx->asked_at + BEGIN_WITHIN_US);
    return tx->at.state == ISOTP_TX_CONSECUTIVE && isotp_reached(now_us, tx->next_at + LEFT_ALONE_US);
}
