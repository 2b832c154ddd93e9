#include "isotp/uds_client_private.h"

#include <string.h>

enum verdict { LATE, WAIT, ANSWERED, REFUSED, MISFIT };

static bool reached(uint32_t at, uint32_t now)
{
    return now - at < 0x80000000u;
}

static uint32_t until(uint32_t at, uint32_t now)
{
    return reached(at, now) ? 0 : at - now;
}

/* ---- One request ---- */

void uds_client_finish(struct uds_client *c, enum uds_outcome outcome)
{
    c->outcome = outcome;
    c->active = c->sending = false;
    if (outcome != UDS_POSITIVE && uds_transfer_runs(c))
        c->transfer.learned = false; /* it was not the length */
    c->transfer.step = UDS_NO_TRANSFER;
}

static void fail(struct uds_client *c, enum isotp_result why)
{
    c->transport = why;
    uds_client_finish(c, UDS_NO_ANSWER);
}

static void transmit(struct uds_client *c, uint32_t now)
{
    isotp_cancel(c->channel);
    uds_transfer_pace(c);
    enum isotp_result r = isotp_send(c->channel, &c->request, now);
    c->frames = c->channel->stat_rx_frames;
    c->sending = r == ISOTP_N_OK;
    if (!c->sending) fail(c, r);
}

void uds_client_again(struct uds_client *c, const uint8_t *head, size_t head_bytes, const uint8_t *body,
                      size_t body_bytes, uint32_t now)
{
    c->left = false;
    c->request = (struct isotp_message){
        .head = head, .body = body, .head_bytes = (uint32_t)head_bytes, .body_bytes = (uint32_t)body_bytes};
    transmit(c, now);
}

void uds_client_begin(struct uds_client *c, const uint8_t *head, size_t head_bytes, const uint8_t *body,
                      size_t body_bytes, uint32_t now)
{
    uds_client_release(c);
    c->outcome = UDS_WAITING;
    c->active = true;
    c->code = 0;
    c->pendings = 0;
    c->transport = ISOTP_N_OK;
    c->repeats_left = c->config.repeats;
    c->overall_at = now + c->config.overall_us;
    uds_client_again(c, head, head_bytes, body, body_bytes, now);
}

bool uds_client_heard(const struct uds_client *c)
{
    return c->channel->stat_rx_frames != c->frames;
}

/* What got lost is asked for again: as often as allowed when nothing is heard, and for as long as allowed
 * when there is somebody. */
static void retry(struct uds_client *c, enum isotp_result why, uint32_t now)
{
    const bool whole = !c->sending, goes_on = uds_transfer_runs(c) || why != ISOTP_N_OK;
    const bool too_long = why == ISOTP_N_BUFFER_OVFLW && !uds_transfer_can_shrink(c);
    if (goes_on && uds_client_heard(c) && !too_long && c->config.repeats > 0) {
        if (uds_transfer_runs(c)) c->repeats_left = c->config.repeats < 128 ? 2 * c->config.repeats : 255;
    } else if (c->repeats_left == 0) {
        fail(c, why);
        return;
    } else {
        c->repeats_left--;
    }
    if (uds_transfer_runs(c))
        uds_transfer_lost(c, whole, now);
    else
        transmit(c, now);
}

static bool answer_wanted(const struct uds_client *c)
{
    return !(uds_has_subfunction(c->request.head[0]) && c->request.head_bytes > 1 &&
             (c->request.head[1] & UDS_SUPPRESS) != 0);
}

static bool echoes(const struct uds_client *c, const uint8_t *d, size_t n)
{
    size_t echo = uds_echo_bytes(c->request.head[0]);
    if (echo > c->request.head_bytes - 1) echo = c->request.head_bytes - 1;
    if (n < 1 + echo) return false;
    if (echo == 0) return true;
    uint8_t first = c->request.head[1];
    if (uds_has_subfunction(c->request.head[0])) first &= (uint8_t)~UDS_SUPPRESS;
    return d[1] == first && memcmp(d + 2, c->request.head + 2, echo - 1) == 0;
}

/* The answer before, once more: its request was repeated, or its frame was. */
static bool accepted_again(const struct uds_client *c, const uint8_t *d, size_t n)
{
    return c->accepted_bytes > 0 && n >= c->accepted_bytes && memcmp(d, c->accepted, c->accepted_bytes) == 0;
}

static enum verdict judge(const struct uds_client *c, const uint8_t *d, size_t n)
{
    uint8_t sid = c->request.head[0];
    const enum verdict misfit = uds_transfer_runs(c) ? LATE : MISFIT; /* a block may have several answers */
    if (d[0] == UDS_NEGATIVE) {
        if (n >= 2 && d[1] != sid) return LATE;
        if (n != 3) return misfit;
        return d[2] == UDS_RESPONSE_PENDING ? WAIT : REFUSED;
    }
    if (d[0] != (sid | UDS_ANSWER)) return LATE;
    if (echoes(c, d, n)) return ANSWERED;
    return accepted_again(c, d, n) ? LATE : misfit;
}

/* ---- Events and timers ---- */

static void adopt_timing(struct uds_client *c)
{
    if (c->request.head[0] != UDS_SESSION_CONTROL || c->reply_bytes < 6) return;
    c->config.p2_us = (uint32_t)uds_get(c->reply + 2, 2) * 1000 + UDS_MARGIN_US;
    c->config.p2_star_us = (uint32_t)uds_get(c->reply + 4, 2) * 10000 + UDS_MARGIN_US;
}

static void on_refusal(struct uds_client *c, uint8_t code, uint32_t now)
{
    if (code == UDS_BUSY_REPEAT && c->repeats_left > 0) {
        c->deadline = now + c->config.p2_us; /* then it is repeated */
    } else if (!uds_transfer_refused(c, code, now)) {
        c->code = uds_transfer_reason(c, code);
        uds_client_finish(c, UDS_REFUSED);
    }
}

static void on_answer(struct uds_client *c, const struct isotp_event *e, uint32_t now)
{
    c->accepted_bytes = (uint8_t)(1 + uds_echo_bytes(c->request.head[0]));
    if (c->accepted_bytes > e->bytes) c->accepted_bytes = (uint8_t)e->bytes;
    memcpy(c->accepted, e->data, c->accepted_bytes);
    c->reply = e->data;
    c->reply_bytes = e->bytes;
    adopt_timing(c);
    if (c->transfer.step == UDS_NO_TRANSFER)
        uds_client_finish(c, UDS_POSITIVE);
    else
        uds_transfer_answered(c, now);
}

static void on_message(struct uds_client *c, const struct isotp_event *e, uint32_t now)
{
    c->holding = true;
    /* While a repeat leaves, the answer to the copy before it will do; of a block every copy is sent to its
     * end. */
    const bool again = c->sending && c->left && c->request.head[0] != UDS_TRANSFER_DATA;
    enum verdict v = c->active && (!c->sending || again) ? judge(c, e->data, e->bytes) : LATE;
    if (c->sending && v != ANSWERED) v = LATE;
    switch (v) {
    case LATE:
        break;
    case WAIT:
        c->pendings++;
        c->deadline = now + c->config.p2_star_us;
        break;
    case REFUSED:
        on_refusal(c, e->data[2], now);
        break;
    case MISFIT:
        uds_client_finish(c, UDS_BAD_ANSWER);
        break;
    case ANSWERED:
        c->sending = false;
        on_answer(c, e, now);
        if (c->outcome == UDS_POSITIVE) return; /* the reply stays */
        break;
    }
    uds_client_release(c);
}

static void on_sent(struct uds_client *c, uint32_t now)
{
    c->sending = false;
    c->left = true;
    c->sent_at = now;
    c->deadline = now + uds_transfer_patience(c);
    if (!answer_wanted(c)) uds_client_finish(c, UDS_POSITIVE);
}

void uds_client_event(struct uds_client *c, const struct isotp_event *e, uint32_t now)
{
    switch (e->kind) {
    case ISOTP_RECEIVED:
        on_message(c, e, now);
        break;
    case ISOTP_SENT:
        if (c->sending) on_sent(c, now);
        break;
    case ISOTP_SEND_FAILED:
        if (c->sending) retry(c, e->result, now);
        break;
    case ISOTP_RECEIVE_FAILED: /* cut off by a new message: that one may be the answer */
        if (c->active && !c->sending && e->result != ISOTP_N_UNEXP_PDU) retry(c, e->result, now);
        break;
    case ISOTP_NOTHING:
        break;
    }
}

void uds_client_poll(struct uds_client *c, uint32_t now)
{
    if (!c->active) return;
    if (c->sending) uds_transfer_pace(c); /* what the first flow controls have shown counts for the next */
    if (reached(c->overall_at, now)) {
        isotp_cancel(c->channel);
        fail(c, c->transport);
    } else if (!c->sending && reached(c->deadline, now)) {
        if (isotp_receiving(c->channel))
            c->deadline = now + c->config.p2_us; /* P2 ends where the answer begins; the channel has timers */
        else
            retry(c, ISOTP_N_OK, now);
    }
}

uint32_t uds_client_due(const struct uds_client *c, uint32_t now)
{
    if (!c->active) return ISOTP_NEVER;
    uint32_t overall = until(c->overall_at, now), answer = until(c->deadline, now);
    return c->sending || overall < answer ? overall : answer;
}

enum uds_outcome uds_client_outcome(const struct uds_client *c)
{
    return c->outcome;
}

void uds_client_release(struct uds_client *c)
{
    if (c->holding) isotp_release(c->channel);
    c->holding = false;
    c->reply = NULL;
    c->reply_bytes = 0;
}

void uds_client_cancel(struct uds_client *c)
{
    if (c->active) {
        isotp_cancel(c->channel);
        fail(c, ISOTP_N_OK);
    }
    uds_client_release(c);
}

/* ---- Requests ---- */

static uint32_t or_default(uint32_t v, uint32_t otherwise)
{
    return v != 0 ? v : otherwise;
}

void uds_client_init(struct uds_client *c, const struct uds_client_config *config, struct isotp *channel)
{
    *c = (struct uds_client){
        .config = *config, .channel = channel, .outcome = UDS_NO_ANSWER, .request.head = c->head};
    c->config.p2_us = or_default(config->p2_us, 50000 + UDS_MARGIN_US);
    c->config.p2_star_us = or_default(config->p2_star_us, 5000000 + UDS_MARGIN_US);
    c->config.overall_us = or_default(config->overall_us, 60000000);
}

/* The caller asked for what cannot be said. */
static void refuse(struct uds_client *c)
{
    uds_client_cancel(c);
    c->request.head = c->head;
    fail(c, ISOTP_BAD_LENGTH);
}

void uds_client_request(struct uds_client *c, const uint8_t *head, size_t head_bytes, const uint8_t *body,
                        size_t body_bytes, uint32_t now)
{
    if (head_bytes < 1 || head_bytes > sizeof c->head || body_bytes > UINT32_MAX - sizeof c->head) {
        refuse(c);
        return;
    }
    c->transfer.step = UDS_NO_TRANSFER;
    memcpy(c->head, head, head_bytes);
    uds_client_begin(c, c->head, head_bytes, body, body_bytes, now);
}

void uds_client_session(struct uds_client *c, uint8_t session, uint32_t now)
{
    uds_client_request(c, (const uint8_t[]){UDS_SESSION_CONTROL, session}, 2, NULL, 0, now);
}

void uds_client_read(struct uds_client *c, uint16_t did, uint32_t now)
{
    const uint8_t head[] = {UDS_READ_DATA, (uint8_t)(did >> 8), (uint8_t)did};
    uds_client_request(c, head, sizeof head, NULL, 0, now);
}

void uds_client_routine(struct uds_client *c, uint16_t routine, const uint8_t *data, size_t n, uint32_t now)
{
    uint8_t head[sizeof c->head] = {UDS_ROUTINE_CONTROL, UDS_START, (uint8_t)(routine >> 8),
                                    (uint8_t)routine};
    if (n > sizeof head - 4) {
        refuse(c);
        return;
    }
    if (n > 0) memcpy(head + 4, data, n);
    uds_client_request(c, head, 4 + n, NULL, 0, now);
}

void uds_client_reset(struct uds_client *c, uint8_t type, uint32_t now)
{
    uds_client_request(c, (const uint8_t[]){UDS_ECU_RESET, type}, 2, NULL, 0, now);
}

void uds_client_tester_present(struct uds_client *c, uint32_t now)
{
    uds_client_request(c, (const uint8_t[]){UDS_TESTER_PRESENT, UDS_SUPPRESS}, 2, NULL, 0, now);
}

static unsigned bytes_for(uint64_t size)
{
    return size > UINT32_MAX ? 8 : 4;
}

void uds_client_put_file(struct uds_client *c, const char *path, const uint8_t *data, uint64_t bytes,
                         uint32_t now)
{
    size_t n = strlen(path);
    if (n < 1 || n > UDS_PATH_MAX) {
        refuse(c);
        return;
    }
    unsigned width = bytes_for(bytes);
    uint8_t *p = c->head;
    p[0] = UDS_REQUEST_FILE_TRANSFER;
    p[1] = UDS_FILE_REPLACE;
    uds_put(p + 2, n, 2);
    memcpy(p + 4, path, n);
    p += 4 + n;
    p[0] = 0; /* plain */
    p[1] = (uint8_t)width;
    uds_put(p + 2, bytes, width);
    uds_put(p + 2 + width, bytes, width);
    uds_transfer_begin(c, data, 0, bytes, 4 + n + 2 + 2 * width, now);
}

void uds_client_put_image(struct uds_client *c, uint8_t format, uint64_t offset, const uint8_t *data,
                          uint64_t bytes, uint32_t now)
{
    if (offset > bytes) {
        refuse(c);
        return;
    }
    unsigned width = bytes_for(bytes);
    c->head[0] = UDS_REQUEST_DOWNLOAD;
    c->head[1] = format;
    c->head[2] = (uint8_t)(width << 4 | width);
    uds_put(c->head + 3, offset, width);
    uds_put(c->head + 3 + width, bytes - offset, width);
    uds_transfer_begin(c, data, offset, bytes, 3 + 2 * width, now);
}

void uds_client_put(struct uds_client *c, const uint8_t *head, size_t head_bytes, const uint8_t *data,
                    uint64_t offset, uint64_t bytes, uint32_t now)
{
    bool opens = head_bytes > 0 && head_bytes <= sizeof c->head &&
                 (head[0] == UDS_REQUEST_DOWNLOAD || head[0] == UDS_REQUEST_FILE_TRANSFER);
    if (!opens || offset > bytes) {
        refuse(c);
        return;
    }
    memcpy(c->head, head, head_bytes);
    uds_transfer_begin(c, data, offset, bytes, head_bytes, now);
}

/* ---- Words ---- */

struct words {
    char *text;
    size_t cap, at;
};

static void say(struct words *w, const char *s)
{
    while (*s != '\0' && w->at + 1 < w->cap) w->text[w->at++] = *s++;
    if (w->cap > 0) w->text[w->at] = '\0';
}

static void say_hex(struct words *w, uint8_t v)
{
    static const char digits[] = "0123456789ABCDEF";
    say(w, (const char[]){digits[v >> 4], digits[v & 15], '\0'});
}

void uds_client_explain(const struct uds_client *c, char *text, size_t cap)
{
    struct words w = {text, cap, 0};
    if (c->outcome == UDS_REFUSED) say(&w, "7F ");
    say_hex(&w, c->request.head[0]);
    switch (c->outcome) {
    case UDS_WAITING:
        say(&w, ": waiting");
        break;
    case UDS_POSITIVE:
        say(&w, ": positive");
        break;
    case UDS_REFUSED:
        say(&w, " ");
        say_hex(&w, c->code);
        say(&w, " ");
        say(&w, uds_code_text(c->code));
        break;
    case UDS_NO_ANSWER:
        say(&w, c->pendings > 0 ? ": no answer, response pending for too long" : ": no answer");
        if (c->transport == ISOTP_N_OK) break;
        say(&w, " (");
        say(&w, isotp_result_name(c->transport));
        say(&w, ")");
        break;
    case UDS_BAD_ANSWER:
        say(&w, ": an answer that does not fit the request");
        break;
    }
}
