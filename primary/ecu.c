#include "primary/ecu.h"

#include <stdio.h>

#include "primary/ecu_script.h"

#define ATTEMPTS     5       /* of an errand that is not answered and gets no further */
#define BACK_OFF_US  200000u /* times the attempt */
#define BOOT_POLL_US 100000u

static uint32_t short_us(uint64_t now_us)
{
    return (uint32_t)now_us;
}

const char *pri_errand_name(enum pri_errand e)
{
    static const char *const names[PRI_ERRANDS] = {"identify", "inform", "prepare", "activate",
                                                   "confirm",  "revert", "report",  "restore"};
    return names[e];
}

void pri_ecu_init(struct pri_ecu *e, const struct pri_ecu_config *config, const struct pri_config *primary)
{
    *e = (struct pri_ecu){.config = config, .primary = primary, .verdict = PRI_DONE};
    isotp_init(&e->channel, &config->channel, e->receive, sizeof e->receive);
    uds_client_init(&e->client, &(struct uds_client_config){.repeats = 4, .check_blocks = true}, &e->channel);
}

void pri_ecu_close(struct pri_ecu *e)
{
    pri_blob_free(&e->report);
}

void pri_ecu_send(struct pri_ecu *e, enum pri_errand errand, const struct pri_parcel *parcel, uint64_t now_us)
{
    uds_client_cancel(&e->client);
    e->errand = errand;
    e->parcel = (struct pri_parcel){0};
    if (parcel != NULL) e->parcel = *parcel;
    e->step = e->file = e->attempts = 0;
    e->asked = e->skipped = e->doubted = e->disputed = false;
    e->not_before_us = e->patience_us = 0;
    e->moved = 0;
    e->returned = false;
    e->began_us = e->heard_us = now_us;
    e->busy = true;
    e->verdict = PRI_WAIT;
    e->problem = (struct pri_problem){0};
}

static const struct pri_step *step_of(const struct pri_ecu *e)
{
    return &pri_scripts[e->errand][e->step];
}

static void finish(struct pri_ecu *e, enum pri_verdict v, uint64_t now_us)
{
    e->busy = false;
    e->verdict = v;
    if (e->errand == PRI_IDENTIFY || e->errand == PRI_REPORT) e->online = v == PRI_DONE;
    if (e->errand == PRI_PREPARE || e->errand == PRI_INFORM) e->bus_us += now_us - e->began_us;
    if (v == PRI_DONE) e->problem = (struct pri_problem){0};
    if (e->errand == PRI_PREPARE && v == PRI_DONE) e->moved = e->parcel.image.n;
    e->parcel = (struct pri_parcel){0};
}

/* What the last request came to, in words. */
static void fail(struct pri_ecu *e, enum up_err err, uint64_t now_us)
{
    char why[160];
    uds_client_explain(&e->client, why, sizeof why);
    pri_problem_set(&e->problem, err, "%s: %s", pri_errand_name(e->errand), why);
    finish(e, PRI_FAILED, now_us);
}

static void advance(struct pri_ecu *e, uint64_t now_us)
{
    e->step++;
    e->asked = e->skipped = e->doubted = false;
    if (step_of(e)->ask == NULL) finish(e, PRI_DONE, now_us);
}

static void ask_again(struct pri_ecu *e, uint64_t at_us)
{
    e->asked = false;
    e->not_before_us = at_us;
}

/* Sessions end and resets happen: from the start. What is safe is not sent again. */
static void start_over(struct pri_ecu *e, enum up_err err, uint64_t now_us)
{
    bool late = now_us - e->heard_us > (uint64_t)e->primary->ecu_deadline_s * 1000000u;
    if (++e->attempts >= ATTEMPTS || late) {
        fail(e, err, now_us);
        return;
    }
    e->step = e->file = 0;
    e->doubted = false;
    ask_again(e, now_us + e->attempts * BACK_OFF_US);
}

/* A bus may alter what it carries. No single answer ends an errand: it is asked for once more, and believed
 * then. */
static bool ask_once_more(struct pri_ecu *e, uint64_t now_us)
{
    if (e->doubted) return false;
    e->doubted = true;
    ask_again(e, now_us);
    return true;
}

static void dispute(struct pri_ecu *e, enum up_err err, uint64_t now_us)
{
    e->disputed = true;
    start_over(e, err, now_us);
}

/* How many steps from here on one request reads for. All but the last of them know how long their data is. */
static unsigned readable_together(const struct pri_ecu *e)
{
    const struct pri_step *s = step_of(e);
    unsigned n = 1;
    if (e->singly || s->did == 0 || s->patient) return 1;
    while (n < PRI_READ_MAX && s[n - 1].size != NULL && s[n].did != 0 && !s[n].patient) n++;
    return n;
}

/* It has not understood the request for several, or we not the answer: one by one, from here on. */
static void read_singly(struct pri_ecu *e, uint64_t now_us)
{
    e->singly = true;
    ask_again(e, now_us);
}

static bool asks_for_several(const struct pri_ecu *e)
{
    return e->together > 1 || e->check_asked;
}

static void unanswered(struct pri_ecu *e, uint64_t now_us)
{
    const struct pri_step *s = step_of(e);
    const bool silent = uds_client_outcome(&e->client) == UDS_NO_ANSWER;
    if (asks_for_several(e) && !e->checks && (!silent || e->attempts >= 2))
        e->singly = true; /* silence may only be lateness */
    if (s->unheard && uds_client_outcome(&e->client) == UDS_NO_ANSWER) {
        (void)s->got(e, (struct up_span){0}, now_us);
        advance(e, now_us);
    } else if (s->patient && now_us < e->patience_us) {
        ask_again(e, now_us + BOOT_POLL_US);
    } else {
        start_over(e, UP_UNAVAILABLE, now_us);
    }
}

/* Codes of an ECU that was reset, or lost its session, behind our back; or that is busy. */
static bool has_lost_its_place(uint8_t code)
{
    return code == UDS_SERVICE_NOT_IN_SESSION || code == UDS_SUBFUNCTION_NOT_IN_SESSION ||
           code == UDS_SEQUENCE_ERROR || code == UDS_WRONG_BLOCK_COUNTER || code == UDS_BUSY_REPEAT;
}

static bool sends_image(const struct pri_ecu *e)
{
    return e->errand == PRI_PREPARE && e->file == e->parcel.count && step_of(e)->transfers;
}

/* What FD13 said was altered, or is no longer so. */
static bool has_another_offset(const struct pri_ecu *e)
{
    return sends_image(e) && e->client.code == UDS_OUT_OF_RANGE;
}

static bool is_too_much(uint8_t code)
{
    return code == UDS_INCORRECT_LENGTH || code == UDS_OUT_OF_RANGE || code == UDS_RESPONSE_TOO_LONG;
}

/* What a refusal means where the profile says so. */
static enum up_err meaning(uint8_t code)
{
    switch (code) {
    case UDS_CONDITIONS_NOT_CORRECT: /* the vehicle moves, or time is too old */
        return UP_PRECONDITION;
    case UDS_PROGRAMMING_FAILURE:
        return UP_STORAGE_WRITE;
    default:
        return UP_BUS_REFUSED;
    }
}

static void refused(struct pri_ecu *e, uint64_t now_us)
{
    e->heard_us = now_us;
    if (asks_for_several(e) && !e->checks && is_too_much(e->client.code))
        read_singly(e, now_us);
    else if (has_lost_its_place(e->client.code))
        start_over(e, UP_PRECONDITION, now_us);
    else if (has_another_offset(e))
        start_over(e, UP_BUS_REFUSED, now_us);
    /* No image: it was reset after its verdict on the metadata, and the order that it accepted went with its
     * RAM. No metadata: there is room when the set begins anew, or none. */
    else if (e->client.code == UDS_DOWNLOAD_NOT_ACCEPTED && step_of(e)->transfers)
        start_over(e, sends_image(e) ? UP_BUS_REFUSED : UP_STORAGE_FULL, now_us);
    else if (step_of(e)->disputes && !e->disputed)
        dispute(e, meaning(e->client.code), now_us);
    else if (step_of(e)->disputes || e->client.code == UDS_PROGRAMMING_FAILURE || !ask_once_more(e, now_us))
        fail(e, meaning(e->client.code), now_us);
}

#define CHECK_RECORD_BYTES (2 + UDS_CHECK_BYTES)

/* An ECU that does not know the identifier of the check leaves it out; once is no proof of that. */
static bool is_plain(struct pri_ecu *e)
{
    e->plain |= e->doubted && !e->checks;
    return e->plain;
}

/* Takes the check off the end of an answer that was asked for one. False: the answer was altered on the way.
 */
static bool is_intact(struct pri_ecu *e)
{
    const struct uds_client *c = &e->client;
    e->answer_bytes = c->reply_bytes;
    if (!e->check_asked) return true;
    if (c->reply_bytes <= CHECK_RECORD_BYTES) return is_plain(e);
    const size_t n = c->reply_bytes - CHECK_RECORD_BYTES;
    if (uds_get(c->reply + n, 2) != UDS_DID_ANSWER_CHECK) return is_plain(e);
    if (uds_get(c->reply + n + 2, UDS_CHECK_BYTES) != uds_check(0, c->reply, n)) return false;
    e->answer_bytes = n;
    e->checks = true;
    e->plain = false;
    return true;
}

static void was_altered(struct pri_ecu *e, uint64_t now_us)
{
    e->heard_us = now_us;
    if (!ask_once_more(e, now_us)) start_over(e, UP_BUS_SEQUENCE, now_us);
}

/* The data of a positive answer, behind what it echoes. */
static struct up_span answer_data(const struct pri_ecu *e)
{
    size_t echo = e->client.reply_bytes == 0                               ? 0
                  : e->client.reply[0] == UDS_READ_DATA + UDS_ANSWER       ? 3
                  : e->client.reply[0] == UDS_ROUTINE_CONTROL + UDS_ANSWER ? 4
                  : e->client.reply[0] == UDS_AUTHENTICATION + UDS_ANSWER  ? 2
                  : e->client.reply[0] == UDS_SECURITY_ACCESS + UDS_ANSWER ? 2
                                                                           : 1;
    if (echo > e->answer_bytes) echo = e->answer_bytes;
    return (struct up_span){e->client.reply + echo, e->answer_bytes - echo};
}

/* The answer to a request for several: data, then the next identifier, its data, and so on. False: it is not
 * that. */
static bool split(const struct pri_ecu *e, struct up_span part[PRI_READ_MAX])
{
    const struct pri_step *s = step_of(e);
    struct up_span rest = answer_data(e);
    for (unsigned i = 0; i < e->together; i++) {
        if (i > 0) { /* the first one is the answer's own echo */
            if (rest.n < 2 || uds_get(rest.p, 2) != s[i].did) return false;
            rest = (struct up_span){rest.p + 2, rest.n - 2};
        }
        size_t n = s[i].size == NULL ? rest.n : s[i].size(e);
        if (n > rest.n) return false;
        part[i] = (struct up_span){rest.p, n};
        rest = (struct up_span){rest.p + n, rest.n - n};
    }
    return rest.n == 0;
}

static void answered_together(struct pri_ecu *e, uint64_t now_us)
{
    const struct pri_step *s = step_of(e);
    const unsigned together = e->together;
    struct up_span part[PRI_READ_MAX] = {{0}};
    e->heard_us = now_us;
    if (!split(e, part)) {
        read_singly(e, now_us);
        return;
    }
    for (unsigned i = 0; i < together; i++) {
        if (s[i].got(e, part[i], now_us) != UP_OK) {
            if (!ask_once_more(e, now_us)) finish(e, PRI_FAILED, now_us);
            return;
        }
        advance(e, now_us);
    }
}

/* It does not fit, or speaks against us. Then what is read is read again; what the ECU thinks of the metadata
 * it is asked a second time, with all of it, and so what it thinks of the image; and what makes no sense
 * after all that is tried as anything else that fails. */
static void answered_badly(struct pri_ecu *e, enum up_err err, uint64_t now_us)
{
    const struct pri_step *s = step_of(e);
    if (s->did != 0 && ask_once_more(e, now_us)) return;
    if (s->disputes && !e->disputed && e->attempts + 1 < ATTEMPTS)
        dispute(e, err, now_us);
    else if (err == UP_BUS_SEQUENCE && e->attempts + 1 < ATTEMPTS)
        start_over(e, err, now_us);
    else
        finish(e, PRI_FAILED, now_us);
}

static void answered(struct pri_ecu *e, uint64_t now_us)
{
    const struct pri_step *s = step_of(e);
    e->heard_us = now_us;
    enum up_err err = s->got == NULL ? UP_OK : s->got(e, answer_data(e), now_us);
    if (err == UP_OK)
        advance(e, now_us);
    else if (err != PRI_NOT_YET)
        answered_badly(e, err, now_us);
    else if (now_us < e->patience_us)
        ask_again(e, now_us + BOOT_POLL_US);
    else
        start_over(e, UP_INSTALL, now_us);
}

/* ---- transfers ---- */

/* What a bus carries is shared by those on it. */
static uint64_t floor_bytes_s(const struct pri_ecu *e)
{
    unsigned sharers = 0;
    for (unsigned i = 0; i < e->primary->ecu_count; i++) sharers += e->primary->ecus[i].bus == e->config->bus;
    return e->primary->speed_floor_bytes_s / (sharers > 0 ? sharers : 1);
}

/* Every block that was acknowledged is a sign of life; but they must not trickle (E-BUS-05). */
static void watch_transfer(struct pri_ecu *e, uint64_t now_us)
{
    const uint64_t done = e->client.transfer.done, window_s = e->primary->ecu_deadline_s;
    if (done != e->seen) e->heard_us = now_us;
    e->seen = done;
    if (now_us - e->window_us <= window_s * 1000000u) return;
    if (done - e->window_bytes < floor_bytes_s(e) * window_s) {
        pri_problem_set(&e->problem, UP_TOO_SLOW, "%s: %llu bytes in %llu s", pri_errand_name(e->errand),
                        (unsigned long long)(done - e->window_bytes), (unsigned long long)window_s);
        uds_client_cancel(&e->client);
        finish(e, PRI_FAILED, now_us);
        return;
    }
    e->window_us = now_us;
    e->window_bytes = done;
}

static void ask(struct pri_ecu *e, uint64_t now_us)
{
    e->asked = true;
    e->together = readable_together(e);
    e->check_asked = false;
    step_of(e)->ask(e, now_us);
    e->window_us = now_us;
    e->window_bytes = e->seen = e->client.transfer.done;
    if (e->skipped) advance(e, now_us);
}

static enum pri_verdict wait(struct pri_ecu *e, uint64_t now_us)
{
    if (step_of(e)->transfers) watch_transfer(e, now_us);
    return e->verdict;
}

/* ---- the machine ---- */

enum pri_verdict pri_ecu_step(struct pri_ecu *e, uint64_t now_us)
{
    struct isotp_event event;
    while (isotp_poll(&e->channel, &event)) uds_client_event(&e->client, &event, short_us(now_us));
    uds_client_poll(&e->client, short_us(now_us));
    while (e->busy && now_us >= e->not_before_us) {
        if (!e->asked) {
            ask(e, now_us);
            continue;
        }
        switch (uds_client_outcome(&e->client)) {
        case UDS_WAITING:
            return wait(e, now_us);
        case UDS_POSITIVE:
            if (!is_intact(e))
                was_altered(e, now_us);
            else if (e->together > 1)
                answered_together(e, now_us);
            else
                answered(e, now_us);
            break;
        case UDS_REFUSED:
            refused(e, now_us);
            break;
        case UDS_NO_ANSWER:
        case UDS_BAD_ANSWER:
            unanswered(e, now_us);
            break;
        }
    }
    return e->verdict;
}

uint32_t pri_ecu_due(const struct pri_ecu *e, uint64_t now_us)
{
    if (isotp_has_event(&e->channel)) return 0; /* an answer that came while the last frames left */
    if (!e->busy) return ISOTP_NEVER;
    if (now_us < e->not_before_us)
        return e->not_before_us - now_us > ISOTP_NEVER - 1 ? ISOTP_NEVER - 1
                                                           : (uint32_t)(e->not_before_us - now_us);
    return e->asked ? uds_client_due(&e->client, short_us(now_us)) : 0;
}

uint64_t pri_ecu_moved(const struct pri_ecu *e)
{
    bool image = e->busy && e->asked && sends_image(e);
    return image && e->client.transfer.done > e->moved ? e->client.transfer.done : e->moved;
}
