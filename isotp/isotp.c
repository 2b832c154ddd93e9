#include "isotp/isotp.h"

#include <string.h>

#define SECOND_US      1000000u
#define LONGEST_GAP_US 127000u
#define LONGEST_SHORT  4095u /* longest message whose length fits the 12 bits of a first frame */

enum pci { SINGLE, FIRST, CONSECUTIVE, FLOW };
enum flow { CTS, WAIT, OVERFLOW, NO_FLOW };
enum rx_state { RX_IDLE, RX_HELD, RX_RECEIVING };
enum tx_state { TX_IDLE, TX_FIRST, TX_AWAIT_FLOW, TX_CONSECUTIVE };
enum mail { NO_MAIL, MAIL_SENT, MAIL_FAILED, MAIL_MESSAGE, MAIL_FUNCTIONAL };

/* What a frame holds after the address byte, if there is one. */
struct pdu {
    const uint8_t *data;
    uint8_t bytes, frame_dl, offset;
    bool functional;
};

static bool reached(uint32_t now, uint32_t at)
{
    return now - at < 0x80000000u;
}

static uint32_t until(uint32_t now, uint32_t at)
{
    return reached(now, at) ? 0 : at - now;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The longest message that one frame of FRAME_DL bytes carries whole. */
static uint32_t single_max(uint32_t frame_dl, uint32_t offset)
{
    return frame_dl > 8 ? frame_dl - 2 - offset : 7 - offset;
}

static uint32_t gap_us(uint8_t st_min)
{
    if (st_min <= 0x7F) return st_min * 1000u;
    if (st_min >= 0xF1 && st_min <= 0xF9) return (st_min - 0xF0) * 100u;
    return LONGEST_GAP_US;
}

/* A wait frame goes out in time for a sender that has our own N_Bs. */
static uint32_t wait_us(const struct isotp *l)
{
    return l->config.n_bs_us / 4 * 3;
}

/* ---- events ---- */

static void post(struct isotp *l, enum mail m)
{
    for (size_t i = 0; i < l->mails; i++)
        if (l->mail[i] == m) return;
    l->mail[l->mails++] = (uint8_t)m;
}

static void unpost(struct isotp *l, size_t i)
{
    l->mails--;
    memmove(l->mail + i, l->mail + i + 1, l->mails - i);
}

static bool posted(const struct isotp *l, enum mail m)
{
    return memchr(l->mail, (int)m, l->mails) != NULL;
}

/* ---- receiving ---- */

static void set_flow(struct isotp *l, enum flow flow)
{
    l->rx.flow = (uint8_t)flow;
    if (!l->offered_flow) return;
    l->offered_flow = false;
    l->offered--;
}

static void end_receive(struct isotp *l, enum isotp_result why)
{
    l->rx.state = RX_IDLE;
    l->rx.held_bytes = 0;
    l->rx.result = (uint8_t)why;
    set_flow(l, NO_FLOW);
    post(l, MAIL_FAILED);
}

static void begin_receive(struct isotp *l, const uint8_t *data, uint8_t n)
{
    memcpy(l->rx.buffer, data, n);
    l->rx.got = n;
    l->rx.sn = 1;
    l->rx.state = RX_RECEIVING;
    l->rx.block_left = l->config.block_size;
    set_flow(l, CTS);
}

static void deliver(struct isotp *l, uint32_t bytes)
{
    l->rx.state = RX_IDLE;
    l->rx.message_bytes = bytes;
    post(l, MAIL_MESSAGE);
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
    post(l, MAIL_FUNCTIONAL);
    return true;
}

/* The handlers of received frames return whether the frame was of any use. A frame that breaks a rule of the
 * format must change nothing, so everything is checked before the message under way is given up. */
static bool on_single(struct isotp *l, const struct pdu *p, uint32_t now_us)
{
    (void)now_us;
    bool escape = p->frame_dl > 8;
    uint8_t header = escape ? 2 : 1;
    uint8_t n = escape ? p->data[1] : p->data[0];
    if (escape && (p->data[0] != 0 || n <= single_max(8, p->offset))) return false;
    if (n == 0 || n > p->bytes - header) return false;
    const uint8_t *payload = p->data + header;
    if (p->functional) return keep_functional(l, payload, n);

    if (n > l->rx.capacity) return false;
    if (l->rx.held_bytes > 0 && l->rx.state == RX_IDLE) return false;
    if (l->rx.state != RX_IDLE) end_receive(l, ISOTP_N_UNEXP_PDU);
    if (l->rx.message_bytes > 0) {
        hold(l, payload, n);
    } else {
        memcpy(l->rx.buffer, payload, n);
        deliver(l, n);
    }
    return true;
}

static bool on_first(struct isotp *l, const struct pdu *p, uint32_t now_us)
{
    if (p->functional || p->frame_dl < 8) return false;
    const uint8_t *d = p->data;
    uint8_t header = 2;
    uint32_t length = (d[0] & 0x0Fu) << 8 | d[1];
    if (length == 0) {
        header = 6;
        length = (uint32_t)d[2] << 24 | (uint32_t)d[3] << 16 | (uint32_t)d[4] << 8 | d[5];
        if (length <= LONGEST_SHORT) return false;
    }
    if (length <= single_max(p->frame_dl, p->offset)) return false;

    if (l->rx.state != RX_IDLE) end_receive(l, ISOTP_N_UNEXP_PDU);
    if (length > l->rx.capacity || l->rx.held_bytes > 0) {
        set_flow(l, OVERFLOW);
        return true;
    }
    l->rx.length = length;
    l->rx.frame_dl = p->frame_dl;
    if (l->rx.message_bytes == 0) {
        begin_receive(l, d + header, (uint8_t)(p->bytes - header));
        return true;
    }
    hold(l, d + header, (uint8_t)(p->bytes - header));
    l->rx.state = RX_HELD;
    l->rx.waits = 0;
    l->rx.deadline = now_us + wait_us(l);
    set_flow(l, NO_FLOW);
    return true;
}

static bool on_consecutive(struct isotp *l, const struct pdu *p, uint32_t now_us)
{
    struct isotp_rx *rx = &l->rx;
    if (p->functional || rx->state != RX_RECEIVING) return false;
    uint32_t n = smaller(rx->length - rx->got, rx->frame_dl - p->offset - 1u);
    if (p->frame_dl > rx->frame_dl || p->bytes - 1u < n) return false;
    if ((p->data[0] & 0x0F) != rx->sn) {
        end_receive(l, ISOTP_N_WRONG_SN);
        return true;
    }
    memcpy(rx->buffer + rx->got, p->data + 1, n);
    rx->got += n;
    rx->sn = (rx->sn + 1) & 0x0F;
    rx->deadline = now_us + l->config.n_cr_us;
    if (rx->got == rx->length) {
        set_flow(l, NO_FLOW);
        deliver(l, rx->length);
    } else if (rx->block_left > 0 && --rx->block_left == 0) {
        rx->block_left = l->config.block_size;
        set_flow(l, CTS);
    }
    return true;
}

static void hold_off(struct isotp *l)
{
    if (l->rx.waits < l->config.wait_max) {
        l->rx.waits++;
        set_flow(l, WAIT);
    } else {
        end_receive(l, ISOTP_N_WFT_OVRN);
        set_flow(l, OVERFLOW);
    }
}

static void flow_sent(struct isotp *l, uint32_t now_us)
{
    l->rx.flow = NO_FLOW;
    l->rx.deadline = now_us + (l->rx.state == RX_HELD ? wait_us(l) : l->config.n_cr_us);
}

/* ---- sending ---- */

static void end_send(struct isotp *l, enum isotp_result result)
{
    l->tx.at.state = TX_IDLE;
    l->tx.result = (uint8_t)result;
    l->offered = l->offered_flow ? 1 : 0;
    post(l, MAIL_SENT);
}

static bool on_flow(struct isotp *l, const struct pdu *p, uint32_t now_us)
{
    struct isotp_tx *tx = &l->tx;
    if (p->functional || p->bytes < 3 || tx->at.state != TX_AWAIT_FLOW) return false;
    switch (p->data[0] & 0x0F) {
    case CTS:
        tx->gap_us = gap_us(p->data[2]);
        if (tx->gap_us > 0) tx->gap_us += l->config.frame_us;
        tx->next_at = now_us - tx->cf_at < tx->gap_us ? tx->cf_at + tx->gap_us : now_us;
        tx->waits = 0;
        tx->at.block_left = p->data[1];
        tx->at.state = TX_CONSECUTIVE;
        break;
    case WAIT:
        tx->deadline = now_us + l->config.n_bs_us;
        if (tx->waits++ >= l->config.wait_max) end_send(l, ISOTP_N_WFT_OVRN);
        break;
    case OVERFLOW:
        end_send(l, ISOTP_N_BUFFER_OVFLW);
        break;
    default:
        end_send(l, ISOTP_N_INVALID_FS);
        break;
    }
    return true;
}

static bool can_send(const struct isotp_tx *tx, const struct isotp_cursor *c, uint32_t now_us)
{
    return c->state == TX_FIRST || (c->state == TX_CONSECUTIVE && reached(now_us, tx->next_at));
}

static uint8_t header_bytes(const struct isotp *l, const struct isotp_cursor *c)
{
    if (c->state == TX_CONSECUTIVE) return 1;
    if (l->tx.length <= single_max(l->config.tx_dl, l->offset))
        return l->tx.length <= single_max(8, l->offset) ? 1 : 2;
    return l->tx.length <= LONGEST_SHORT ? 2 : 6;
}

static uint32_t payload_bytes(const struct isotp *l, const struct isotp_cursor *c)
{
    uint32_t room = (uint32_t)l->config.tx_dl - l->offset - header_bytes(l, c);
    return smaller(room, l->tx.length - c->done);
}

static void advance(const struct isotp *l, struct isotp_cursor *c)
{
    c->done += payload_bytes(l, c);
    if (c->done == l->tx.length) {
        c->state = TX_IDLE;
    } else if (c->state == TX_FIRST) {
        c->state = TX_AWAIT_FLOW;
        c->sn = 1;
    } else {
        c->sn = (c->sn + 1) & 0x0F;
        if (c->block_left > 0 && --c->block_left == 0) c->state = TX_AWAIT_FLOW;
    }
}

static void data_sent(struct isotp *l, uint32_t now_us)
{
    struct isotp_tx *tx = &l->tx;
    if (tx->at.state == TX_CONSECUTIVE) tx->cf_at = now_us;
    advance(l, &tx->at);
    if (tx->at.state == TX_IDLE) end_send(l, ISOTP_N_OK);
    tx->next_at = now_us + tx->gap_us;
    tx->deadline = now_us + l->config.n_bs_us;
}

static void copy_out(const struct isotp_message *m, uint32_t from, uint8_t *to, uint32_t n)
{
    if (from < m->head_bytes) {
        uint32_t k = smaller(n, m->head_bytes - from);
        memcpy(to, m->head + from, k);
        from += k;
        to += k;
        n -= k;
    }
    if (n > 0) memcpy(to, m->body + (from - m->head_bytes), n);
}

/* ---- frames out ---- */

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
    p[0] = (uint8_t)(FLOW << 4 | l->rx.flow);
    p[1] = l->config.block_size;
    p[2] = l->config.st_min;
    close_frame(l, f, l->offset + 3u);
}

static void put_data(const struct isotp *l, const struct isotp_cursor *c, struct isotp_frame *f)
{
    uint8_t *p = open_frame(l, f);
    uint32_t length = l->tx.length, n = payload_bytes(l, c);
    uint8_t header = header_bytes(l, c);
    if (c->state == TX_CONSECUTIVE) {
        p[0] = (uint8_t)(CONSECUTIVE << 4 | c->sn);
    } else if (n == length) {
        p[0] = header == 1 ? (uint8_t)length : 0;
        if (header == 2) p[1] = (uint8_t)length;
    } else if (header == 2) {
        p[0] = (uint8_t)(FIRST << 4 | length >> 8);
        p[1] = (uint8_t)length;
    } else {
        p[0] = FIRST << 4;
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
    if (l->rx.flow != NO_FLOW && n > 0) put_flow(l, &f[k++]);
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
        flow ? flow_sent(l, now_us) : data_sent(l, now_us);
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
    return l->rx.flow != NO_FLOW || can_send(&l->tx, &l->tx.at, now_us);
}

/* ---- the channel ---- */

void isotp_init(struct isotp *l, const struct isotp_config *config, uint8_t *rx, uint32_t rx_capacity)
{
    *l = (struct isotp){.config = *config, .rx = {.buffer = rx, .capacity = rx_capacity, .flow = NO_FLOW}};
    struct isotp_config *c = &l->config;
    l->offset = c->addressing == ISOTP_NORMAL ? 0 : 1;
    c->tx_dl = !c->fd || c->tx_dl < 8 ? 8 : isotp_frame_len(c->tx_dl);
    if (c->n_as_us == 0) c->n_as_us = SECOND_US;
    if (c->n_bs_us == 0) c->n_bs_us = SECOND_US;
    if (c->n_cr_us == 0) c->n_cr_us = SECOND_US;
}

enum isotp_result isotp_send(struct isotp *l, const struct isotp_message *m, uint32_t now_us)
{
    struct isotp_tx *tx = &l->tx;
    if (tx->at.state != TX_IDLE || posted(l, MAIL_SENT)) return ISOTP_BUSY;
    if (m->body_bytes > UINT32_MAX - m->head_bytes || m->head_bytes + m->body_bytes == 0)
        return ISOTP_BAD_LENGTH;
    *tx = (struct isotp_tx){.message = *m,
                            .length = m->head_bytes + m->body_bytes,
                            .at = {.state = TX_FIRST},
                            .cf_at = now_us - LONGEST_GAP_US - l->config.frame_us};
    return ISOTP_N_OK;
}

void isotp_cancel(struct isotp *l)
{
    end_send(l, ISOTP_N_OK);
    for (size_t i = 0; i < l->mails; i++)
        if (l->mail[i] == MAIL_SENT) unpost(l, i);
}

void isotp_on_frame(struct isotp *l, const struct isotp_frame *f, uint32_t now_us)
{
    static bool (*const handlers[])(struct isotp *, const struct pdu *, uint32_t) = {
        [SINGLE] = on_single, [FIRST] = on_first, [CONSECUTIVE] = on_consecutive, [FLOW] = on_flow};
    const struct isotp_config *c = &l->config;
    bool functional = c->functional_id != 0 && f->id == c->functional_id;
    if (f->id != c->rx_id && !functional) return;
    if (l->offset == 1 && f->len > 0 && f->data[0] != c->rx_address) return;

    l->stat_rx_frames++;
    bool fd = f->flags & ISOTP_FD, useful = false;
    if (!(f->flags & (ISOTP_RTR | ISOTP_ERROR)) && (c->fd || !fd) && f->len > l->offset &&
        f->len <= (fd ? 64 : 8)) {
        struct pdu p = {f->data + l->offset, (uint8_t)(f->len - l->offset), f->len, l->offset, functional};
        uint8_t pci = p.data[0] >> 4;
        useful = pci <= FLOW && handlers[pci](l, &p, now_us);
    }
    if (!useful) l->stat_ignored++;
}

void isotp_link_down(struct isotp *l)
{
    if (l->rx.state != RX_IDLE) end_receive(l, ISOTP_N_ERROR);
    set_flow(l, NO_FLOW);
    if (l->tx.at.state != TX_IDLE) end_send(l, ISOTP_N_ERROR);
}

static void give_up_offer(struct isotp *l)
{
    if (l->offered_flow && l->rx.state != RX_IDLE) end_receive(l, ISOTP_N_TIMEOUT_A);
    if (l->offered_flow) set_flow(l, NO_FLOW);
    if (l->offered > 0) end_send(l, ISOTP_N_TIMEOUT_A);
}

void isotp_tick(struct isotp *l, uint32_t now_us)
{
    if (l->offered > 0 && reached(now_us, l->offered_at + l->config.n_as_us)) give_up_offer(l);
    if (l->tx.at.state == TX_AWAIT_FLOW && reached(now_us, l->tx.deadline)) end_send(l, ISOTP_N_TIMEOUT_BS);
    if (l->rx.state == RX_IDLE || l->rx.flow != NO_FLOW || !reached(now_us, l->rx.deadline)) return;
    l->rx.state == RX_HELD ? hold_off(l) : end_receive(l, ISOTP_N_TIMEOUT_CR);
}

uint32_t isotp_due(const struct isotp *l, uint32_t now_us)
{
    uint32_t due = ISOTP_NEVER;
    if (l->offered > 0) {
        due = until(now_us, l->offered_at + l->config.n_as_us);
    } else if (isotp_ready(l, now_us)) {
        return 0;
    } else if (l->tx.at.state == TX_CONSECUTIVE) {
        due = until(now_us, l->tx.next_at);
    }
    if (l->tx.at.state == TX_AWAIT_FLOW) due = smaller(due, until(now_us, l->tx.deadline));
    if (l->rx.state != RX_IDLE && l->rx.flow == NO_FLOW) due = smaller(due, until(now_us, l->rx.deadline));
    return due;
}

bool isotp_poll(struct isotp *l, struct isotp_event *e)
{
    *e = (struct isotp_event){.kind = ISOTP_NOTHING};
    for (size_t i = 0; i < l->mails; i++) {
        enum mail m = l->mail[i];
        if (m >= MAIL_MESSAGE && l->lent != NO_MAIL) continue;
        unpost(l, i);
        switch (m) {
        case MAIL_SENT:
            e->result = l->tx.result;
            e->kind = e->result == ISOTP_N_OK ? ISOTP_SENT : ISOTP_SEND_FAILED;
            break;
        case MAIL_FAILED:
            e->kind = ISOTP_RECEIVE_FAILED;
            e->result = l->rx.result;
            break;
        default:
            l->lent = (uint8_t)m;
            e->kind = ISOTP_RECEIVED;
            e->functional = m == MAIL_FUNCTIONAL;
            e->data = e->functional ? l->rx.functional : l->rx.buffer;
            e->bytes = e->functional ? l->rx.functional_bytes : l->rx.message_bytes;
        }
        return true;
    }
    return false;
}

void isotp_release(struct isotp *l)
{
    struct isotp_rx *rx = &l->rx;
    enum mail lent = l->lent;
    l->lent = NO_MAIL;
    if (lent == MAIL_FUNCTIONAL) rx->functional_bytes = 0;
    if (lent != MAIL_MESSAGE) return;
    rx->message_bytes = 0;
    if (rx->state == RX_HELD) {
        begin_receive(l, rx->held, rx->held_bytes);
    } else if (rx->held_bytes > 0) {
        memcpy(rx->buffer, rx->held, rx->held_bytes);
        deliver(l, rx->held_bytes);
    }
    rx->held_bytes = 0;
}

bool isotp_receiving(const struct isotp *l)
{
    return l->rx.state != RX_IDLE;
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

const char *isotp_result_name(enum isotp_result r)
{
    static const char *const names[] = {
#define X(id, text) #id,
        ISOTP_RESULTS(X)
#undef X
    };
    return (size_t)r < sizeof names / sizeof *names ? names[r] : "UNKNOWN";
}

const char *isotp_result_text(enum isotp_result r)
{
    static const char *const texts[] = {
#define X(id, text) text,
        ISOTP_RESULTS(X)
#undef X
    };
    return (size_t)r < sizeof texts / sizeof *texts ? texts[r] : "unknown";
}
