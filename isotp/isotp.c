#include "isotp/isotp_private.h"

#include <string.h>

#define SECOND_US 1000000u

static uint32_t until(uint32_t now, uint32_t at)
{
    return isotp_reached(now, at) ? 0 : at - now;
}

static size_t mail_at(const struct isotp *l, enum isotp_mail m)
{
    size_t i = 0;
    while (i < l->mails && l->mail[i] != m) i++;
    return i;
}

void isotp_post(struct isotp *l, enum isotp_mail m)
{
    if (mail_at(l, m) == l->mails) l->mail[l->mails++] = (uint8_t)m;
}

void isotp_unpost(struct isotp *l, enum isotp_mail m)
{
    size_t at = mail_at(l, m);
    if (at == l->mails) return;
    l->mails--;
    memmove(l->mail + at, l->mail + at + 1, l->mails - at);
}

void isotp_init(struct isotp *l, const struct isotp_config *config, uint8_t *rx, uint32_t rx_capacity)
{
    *l = (struct isotp){.config = *config,
                        .rx = {.buffer = rx, .capacity = rx_capacity, .flow = ISOTP_NO_FLOW}};
    struct isotp_config *c = &l->config;
    l->offset = c->addressing == ISOTP_NORMAL ? 0 : 1;
    c->tx_dl = !c->fd || c->tx_dl < 8 ? 8 : isotp_frame_len(c->tx_dl);
    if (c->n_as_us == 0) c->n_as_us = SECOND_US;
    if (c->n_ar_us == 0) c->n_ar_us = SECOND_US;
    if (c->n_bs_us == 0) c->n_bs_us = SECOND_US;
    if (c->n_cr_us == 0) c->n_cr_us = SECOND_US;
    if (c->n_br_us == 0) c->n_br_us = c->n_bs_us / 4 * 3;
}

static bool carries_pdu(const struct isotp *l, const struct isotp_frame *f)
{
    bool fd = f->flags & ISOTP_FD;
    if (f->flags & (ISOTP_RTR | ISOTP_ERROR)) return false;
    if (fd && !l->config.fd) return false;
    return f->len > l->offset && f->len <= (fd ? 64 : 8);
}

void isotp_on_frame(struct isotp *l, const struct isotp_frame *f, uint32_t now_us)
{
    static isotp_handler *const handlers[16] = {[ISOTP_SINGLE] = isotp_on_single,
                                                [ISOTP_FIRST] = isotp_on_first,
                                                [ISOTP_CONSECUTIVE] = isotp_on_consecutive,
                                                [ISOTP_FLOW] = isotp_on_flow};
    const struct isotp_config *c = &l->config;
    bool functional = c->functional_id != 0 && f->id == c->functional_id;
    if (f->id != c->rx_id && !functional) return;
    if (l->offset == 1 && f->len > 0 && f->data[0] != c->rx_address) return;

    l->stat_rx_frames++;
    struct isotp_pdu p = {f->data + l->offset, (uint8_t)(f->len - l->offset), f->len, l->offset, functional};
    isotp_handler *handler = carries_pdu(l, f) ? handlers[p.data[0] >> 4] : NULL;
    if (!handler || !handler(l, &p, now_us)) l->stat_ignored++;
}

void isotp_link_down(struct isotp *l)
{
    if (l->rx.state != ISOTP_RX_IDLE) isotp_end_receive(l, ISOTP_N_ERROR);
    isotp_set_flow(l, ISOTP_NO_FLOW);
    if (l->tx.at.state > ISOTP_TX_DONE) isotp_end_send(l, ISOTP_N_ERROR);
}

static void give_up_offer(struct isotp *l)
{
    if (l->offered_flow && l->rx.state != ISOTP_RX_IDLE) isotp_end_receive(l, ISOTP_N_TIMEOUT_A);
    if (l->offered_flow) isotp_set_flow(l, ISOTP_NO_FLOW);
    if (l->offered > 0) isotp_end_send(l, ISOTP_N_TIMEOUT_A);
}

static uint32_t offer_us(const struct isotp *l)
{
    return l->offered_flow ? l->config.n_ar_us : l->config.n_as_us;
}

void isotp_tick(struct isotp *l, uint32_t now_us)
{
    if (l->offered > 0 && isotp_reached(now_us, l->offered_at + offer_us(l))) give_up_offer(l);
    if (l->tx.at.state == ISOTP_TX_AWAIT_FLOW && isotp_reached(now_us, l->tx.deadline))
        isotp_end_send(l, ISOTP_N_TIMEOUT_BS);
    if (isotp_receive_timed(l) && isotp_reached(now_us, l->rx.deadline)) isotp_receive_late(l);
}

uint32_t isotp_due(const struct isotp *l, uint32_t now_us)
{
    uint32_t due = ISOTP_NEVER;
    if (l->offered > 0) {
        due = until(now_us, l->offered_at + offer_us(l));
    } else if (isotp_ready(l, now_us)) {
        return 0;
    } else if (l->tx.at.state == ISOTP_TX_CONSECUTIVE) {
        due = until(now_us, l->tx.next_at);
    }
    if (l->tx.at.state == ISOTP_TX_AWAIT_FLOW) due = isotp_smaller(due, until(now_us, l->tx.deadline));
    if (isotp_receive_timed(l)) due = isotp_smaller(due, until(now_us, l->rx.deadline));
    return due;
}

/* Messages wait while one is lent. */
static bool is_deliverable(const struct isotp *l, enum isotp_mail m)
{
    return m < ISOTP_MAIL_MESSAGE || l->lent == ISOTP_NO_MAIL;
}

bool isotp_has_event(const struct isotp *l)
{
    for (size_t i = 0; i < l->mails; i++)
        if (is_deliverable(l, l->mail[i])) return true;
    return false;
}

bool isotp_poll(struct isotp *l, struct isotp_event *e)
{
    *e = (struct isotp_event){.kind = ISOTP_NOTHING};
    for (size_t i = 0; i < l->mails; i++) {
        enum isotp_mail m = l->mail[i];
        if (!is_deliverable(l, m)) continue;
        isotp_unpost(l, m);
        switch (m) {
        case ISOTP_MAIL_SENT:
            l->tx.at.state = ISOTP_TX_IDLE;
            e->result = l->tx.result;
            e->kind = e->result == ISOTP_N_OK ? ISOTP_SENT : ISOTP_SEND_FAILED;
            break;
        case ISOTP_MAIL_FAILED:
            e->kind = ISOTP_RECEIVE_FAILED;
            e->result = l->rx.result;
            break;
        default:
            l->lent = (uint8_t)m;
            e->kind = ISOTP_RECEIVED;
            e->functional = m == ISOTP_MAIL_FUNCTIONAL;
            e->data = e->functional ? l->rx.functional : l->rx.sinking ? NULL : l->rx.buffer;
            e->bytes = e->functional ? l->rx.functional_bytes : l->rx.message_bytes;
        }
        return true;
    }
    return false;
}

uint32_t isotp_single_frame_bytes(const struct isotp *l)
{
    return isotp_single_max(l->config.tx_dl, l->offset);
}

uint32_t isotp_frame_bytes(const struct isotp *l)
{
    return l->config.tx_dl - 1u - l->offset;
}

struct isotp_config isotp_config_default(uint32_t tx_id, uint32_t rx_id, bool fd)
{
    return (struct isotp_config){.tx_id = tx_id,
                                 .rx_id = rx_id,
                                 .tx_dl = fd ? 64 : 8,
                                 .fd = fd,
                                 .brs = fd,
                                 .pad_byte = 0xCC,
                                 .wait_max = 8};
}

uint32_t isotp_fixed_id(uint8_t target, uint8_t source)
{
    return ISOTP_ID_EXTENDED | 0x18DA0000u | (uint32_t)target << 8 | source;
}

uint32_t isotp_fixed_functional_id(uint8_t target, uint8_t source)
{
    return ISOTP_ID_EXTENDED | 0x18DB0000u | (uint32_t)target << 8 | source;
}
