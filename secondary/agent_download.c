/* 34, 36, 37 and FF01: the image that 0310 has accepted, into the slot that does not run, and read back.
 *
 * With one slot the image that runs has to stop first, and is away from then on. When no order is accepted,
 * it is what may be sent: nothing new has to be verified for it, as its hashes were recorded when it was. */
#include "secondary/agent_state.h"

/* Journal records of one transfer, at most, so that wear does not grow with the image. Up to so many sectors,
 * each is promised when it is full, and a reset costs one block and one sector. */
#define CHECKPOINTS 256u
#define CHECK_BYTES 65536u /* read back per step */

static enum up_err to_slot(void *ctx, struct up_span plain)
{
    return sec_slot_write(ctx, plain);
}

static enum uds_code refuse(struct sec_agent *a, enum up_err e, enum uds_code code)
{
    sec_note(a, e, UP_SPAN("download"));
    return code;
}

static unsigned slot_to_fill(const struct sec_agent *a)
{
    const unsigned away = sec_slot_away(&a->slots);
    return a->order.accepted || away == SEC_NO_SLOT ? sec_agent_other(a) : away;
}

bool sec_agent_may_stop(struct sec_agent *a)
{
    const struct sec_platform *p = a->platform;
    return a->running == SEC_NO_SLOT || p->stop == NULL || p->stop(p->ctx);
}

/* With one slot, what runs is about to be written over. */
static bool stop_running(struct sec_agent *a)
{
    if (a->layout.kind != SEC_ONE_SLOT) return true;
    if (!sec_agent_may_stop(a)) return false;
    a->running = SEC_NO_SLOT;
    return true;
}

enum uds_code sec_agent_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    struct sec_agent *a = ctx;
    const unsigned slot = slot_to_fill(a);
    const bool returns = !a->order.accepted && a->slots.slot[slot].state == SEC_AWAY;
    const struct sec_image image = returns ? a->slots.slot[slot].image : a->order.image;
    if (!a->order.accepted && !returns) return refuse(a, UP_BUS_UNAUTHORISED, UDS_DOWNLOAD_NOT_ACCEPTED);
    if (!returns && up_clock_fresh(&a->clock, a->now_ms, a->id->time_max_age_s) != UP_OK)
        return refuse(a, UP_TIME_UNAVAILABLE, UDS_CONDITIONS_NOT_CORRECT);
    if (address > image.length || bytes != image.length - address) return UDS_OUT_OF_RANGE;
    if (address != 0 && address != sec_slot_received(&a->slots, slot)) return UDS_OUT_OF_RANGE;

    const uint32_t from = (uint32_t)address;
    uint8_t order[SEC_ORDER_BYTES];
    memcpy(order, returns ? a->slots.slot[slot].order : a->order.digest, sizeof order);
    if (sec_filter_begin(&a->filter, format, from, from, to_slot, &a->slots) != UP_OK)
        return UDS_OUT_OF_RANGE;
    if (!stop_running(a)) return UDS_CONDITIONS_NOT_CORRECT;
    enum up_err e = sec_slot_receive(&a->slots, slot, &image, order, from);
    if (e == UP_LIMIT) return refuse(a, e, UDS_DOWNLOAD_NOT_ACCEPTED);
    if (e != UP_OK) return sec_agent_code(e);
    a->transfer = SEC_IMAGE;
    a->filling = (uint8_t)slot;
    return UDS_OK;
}

/* Promised before it is acknowledged, and only what is in flash. */
static enum up_err journal(struct sec_agent *a)
{
    const uint32_t safe = sec_slot_resumable(&a->slots, a->filling);
    const uint32_t step = a->slots.slot[a->filling].image.length / CHECKPOINTS;
    const uint32_t gained = safe - a->slots.journal.plain;
    if (gained == 0 || gained < step) return UP_OK;
    return sec_slot_journal(&a->slots, sec_filter_transported_at(&a->filter, safe), safe);
}

enum uds_code sec_agent_block(void *ctx, const uint8_t *data, size_t n)
{
    struct sec_agent *a = ctx;
    const struct up_span block = {data, n};
    enum up_err e = UP_PRECONDITION;
    if (a->transfer == SEC_FILE) e = sec_bank_add(&a->staging, block);
    if (a->transfer == SEC_IMAGE) e = sec_filter_add(&a->filter, block);
    if (a->transfer == SEC_IMAGE && e == UP_OK) e = journal(a);
    if (e == UP_OK) return UDS_OK;
    a->transfer = SEC_NO_TRANSFER; /* flash failed in mid-block: what follows would not fit */
    return sec_agent_code(e);
}

enum uds_code sec_agent_exit(void *ctx)
{
    struct sec_agent *a = ctx;
    enum up_err e = UP_PRECONDITION;
    if (a->transfer == SEC_FILE) e = sec_bank_close(&a->staging);
    if (a->transfer == SEC_IMAGE) e = sec_slot_finish(&a->slots, a->filter.transported, a->filter.plain);
    a->transfer = SEC_NO_TRANSFER;
    return e == UP_OK ? UDS_OK : sec_agent_code(e);
}

/* What the journal promises stays. */
void sec_agent_abort(void *ctx)
{
    struct sec_agent *a = ctx;
    if (a->transfer == SEC_FILE) sec_bank_abandon(&a->staging);
    a->transfer = SEC_NO_TRANSFER;
}

/* ---- FF01 ---- */

static bool is_complete(const struct sec_agent *a, unsigned slot)
{
    const struct sec_slot *t = &a->slots.slot[slot];
    if (t->state == SEC_RECEIVING || t->state == SEC_AWAY)
        return sec_slot_received(&a->slots, slot) == t->image.length;
    return t->state == SEC_VERIFIED;
}

static enum uds_code conclude(struct sec_agent *a, const struct sec_routine *r, enum up_err verdict)
{
    const unsigned slot = slot_to_fill(a);
    a->work = SEC_IDLE;
    enum up_err e = sec_slot_event(&a->slots, slot, verdict == UP_OK ? SEC_ACCEPT : SEC_REJECT);
    if (verdict != UP_OK) sec_note(a, verdict, sec_image_name(&a->slots.slot[slot].image));
    if (verdict == UP_OK && e != UP_OK) return sec_agent_code(e);
    r->out[0] = (uint8_t)verdict;
    *r->n = 1;
    return UDS_OK;
}

/* Answers the number of the verdict (metadata/err.h). What the boot stage would not start is not armed: with
 * policy `signature` the image is read once more, for the digest that is signed. */
enum uds_code sec_agent_check(struct sec_agent *a, const struct sec_routine *r)
{
    const unsigned slot = slot_to_fill(a);
    if (r->data.n != 0) return UDS_INCORRECT_LENGTH;
    if (r->cap < 1) return UDS_RESPONSE_TOO_LONG;
    if (a->work == SEC_IDLE) {
        if (a->transfer != SEC_NO_TRANSFER || !is_complete(a, slot)) return UDS_SEQUENCE_ERROR;
        sec_check_begin(&a->w.check, &a->slots, slot);
        a->work = SEC_CHECKING;
    }
    if (sec_check_step(&a->w.check, CHECK_BYTES)) return UDS_PENDING;
    enum up_err verdict = sec_check_end(&a->w.check);
    if (verdict != UP_OK || a->work == SEC_JUDGING || a->id->boot.key == NULL) return conclude(a, r, verdict);
    verdict = sec_boot_verify_begin(&a->slots, slot, &a->id->boot, &a->w.check);
    if (verdict != UP_OK) return conclude(a, r, verdict);
    a->work = SEC_JUDGING;
    return UDS_PENDING;
}
