/* 31 01 0310: time, the Director's chain, what it orders for us, and, where there is something new and this
 * ECU verifies in full, the Image repository's chain and what it says about the image.
 *
 * One file per call, so that the tester can be kept waiting in between. Whatever comes out, what was accepted
 * on the way is durable before the answer is given. */
#include "secondary/agent_state.h"

typedef enum up_err verify_step(struct sec_agent *a);

static struct sec_verify *run(struct sec_agent *a)
{
    return &a->w.verify;
}

static void begin(struct sec_agent *a)
{
    struct sec_verify *v = run(a);
    memset(v, 0, sizeof *v);
    v->staged = a->staging.last;
    v->accepted = a->trusted;
    memcpy(v->at, a->trusted.at, sizeof v->at);
    if (a->id->room != NULL) a->id->room->n = 0;
    a->order.accepted = false;
    a->work = SEC_VERIFYING;
}

/* ---- the steps ---- */

/* Time that the known keys have not signed may be signed by those of a Root that has been staged. */
static enum up_err check_time(struct sec_agent *a)
{
    struct sec_verify *v = run(a);
    if (!a->crypto_works && !up_crypto_selftest()) return UP_CRYPTO_SELFTEST;
    a->crypto_works = true;
    UP_TRY(sec_chain_restore(a, UP_DIRECTOR));
    sec_time_on_root(a, &v->trust[UP_DIRECTOR].root);
    enum up_err e = sec_chain_time(a);
    v->time_failed = e == UP_TIME_SIG;
    v->step = SEC_V_DIRECTOR;
    return v->time_failed ? UP_OK : e;
}

static enum up_err check_director(struct sec_agent *a)
{
    bool more;
    UP_TRY(sec_chain_step(a, UP_DIRECTOR, &more));
    if (!more) run(a)->step = SEC_V_ORDER;
    return UP_OK;
}

/* The plant records one digest; what is ordered may have more. */
static bool is_installed(const struct sec_agent *a, const struct sec_image *image)
{
    if (a->running == SEC_NO_SLOT) return false;
    struct sec_image runs = a->slots.slot[a->running].image;
    if (!runs.hashes.has_sha512 && runs.hashes.has_sha256) {
        runs.hashes.has_sha512 = image->hashes.has_sha512;
        memcpy(runs.hashes.sha512, image->hashes.sha512, sizeof runs.hashes.sha512);
    }
    return sec_image_same(&runs, image);
}

static enum up_err check_order(struct sec_agent *a)
{
    struct sec_verify *v = run(a);
    const struct up_trust *t = &v->trust[UP_DIRECTOR];
    const struct up_ecu ecu = {.serial = a->id->serial,
                               .hardware_id = a->id->hardware_id,
                               .name_pattern = a->id->name_pattern,
                               .release_floor = a->slots.release_floor,
                               .capacity_bytes = a->layout.slot[0].bytes};
    v->judged = true;
    UP_TRY(up_order_find(&t->targets, a->id->profile, a->id->serial, &v->target));
    UP_TRY(up_order_check(&v->target, a->id->profile, &ecu));
    if (!sec_image_of(&v->target, &a->order.image)) return UP_LIMIT;
    up_sha256(t->file[UP_TARGETS].file, v->digest);
    v->ordered = !is_installed(a, &a->order.image);
    v->step = SEC_V_END;
    if (!v->ordered) return UP_OK;
    UP_TRY(up_clock_fresh(&a->clock, a->now_ms, a->id->time_max_age_s));
    if (!UP_FULL || !a->id->full) return UP_OK;
    v->step = SEC_V_IMAGE;
    return sec_chain_restore(a, UP_IMAGE);
}

static enum up_err check_images(struct sec_agent *a)
{
    struct sec_verify *v = run(a);
    bool more;
    UP_TRY(sec_chain_step(a, UP_IMAGE, &more));
    if (more) return UP_OK;
    v->step = SEC_V_SEARCH;
    up_search_begin(&v->u.search, &v->trust[UP_IMAGE], v->target.name, a->id->hardware_id);
    return UP_OK;
}

/* The roles on the way are kept for the next cycle. */
static enum up_err check_match(struct sec_agent *a)
{
    struct sec_verify *v = run(a);
    struct up_search *s = &v->u.search;
    struct up_span role;
    struct up_want w;
    struct up_target image;
    if (up_search_needs(s, &role, &w)) {
        sec_chain_role(a, role);
        return UP_OK;
    }
    UP_TRY(up_search_verdict(s, &image, &role));
    UP_TRY(up_order_match(&v->target, &image, a->id->profile));
    v->accepted.roles = v->roles;
    memcpy(v->accepted.role_at, v->role_at, sizeof v->role_at);
    v->step = SEC_V_END;
    return UP_OK;
}

static verify_step *const steps[SEC_V_END] = {
    [SEC_V_TIME] = check_time,
    [SEC_V_DIRECTOR] = check_director,
    [SEC_V_ORDER] = check_order,
    [SEC_V_IMAGE] = UP_FULL ? check_images : NULL,
    [SEC_V_SEARCH] = UP_FULL ? check_match : NULL,
};

/* ---- the end ---- */

/* What the other slot holds is of use only for the image that is ordered now; it counts for the new order
 * when all checks of that have passed. */
static enum up_err settle_slot(struct sec_agent *a, enum up_err verdict)
{
    const struct sec_verify *v = run(a);
    const unsigned other = sec_agent_other(a);
    const struct sec_slot *s = &a->slots.slot[other];
    const bool pending = s->state == SEC_RECEIVING || s->state == SEC_VERIFIED || s->state == SEC_ARMED;
    if (!pending) return UP_OK;
    if (!v->ordered || !sec_image_same(&s->image, &a->order.image))
        return sec_slot_event(&a->slots, other, SEC_WITHDRAW);
    if (verdict != UP_OK || memcmp(s->order, v->digest, SEC_ORDER_BYTES) == 0) return UP_OK;
    return sec_slot_adopt(&a->slots, other, v->digest);
}

static enum up_err conclude(struct sec_agent *a, enum up_err verdict)
{
    struct sec_verify *v = run(a);
    const uint8_t bank = a->trusted.bank;
    enum up_err stored = sec_chain_commit(a);
    if (stored == UP_OK && v->judged) stored = settle_slot(a, verdict);
    if (stored != UP_OK) verdict = stored;
    if (verdict == UP_OK && v->ordered) {
        memcpy(a->order.digest, v->digest, sizeof a->order.digest);
        a->order.accepted = true;
    }
    if (a->trusted.bank != bank) sec_agent_staging_refill(a);
    const bool well = verdict == UP_OK || verdict == UP_TARGET_NOT_FOUND;
    if (!well) sec_note(a, verdict, (struct up_span){v->path, v->path_bytes});
    if (well) sec_notes_told(a);
    a->work = SEC_IDLE;
    a->staged_end = sec_bank_end(&a->staging);
    sec_agent_staging_begin(a);
    return verdict;
}

/* Answers the number of the verdict (metadata/err.h): OK also when what is ordered runs already;
 * TARGET_NOT_FOUND when the Director orders nothing for this ECU. Not in the default session: there, after a
 * reset that the Primary has not noticed, the verdict would be on less than it has sent. */
enum uds_code sec_agent_verify(struct sec_agent *a, const struct sec_routine *r)
{
    if (r->data.n != 0) return UDS_INCORRECT_LENGTH;
    if (r->cap < 1) return UDS_RESPONSE_TOO_LONG;
    if (!a->in_session) return UDS_SERVICE_NOT_IN_SESSION;
    if (a->transfer != SEC_NO_TRANSFER) return UDS_SEQUENCE_ERROR;
    if (a->work == SEC_IDLE) begin(a);
    enum up_err e = steps[run(a)->step](a);
    if (e == UP_OK && run(a)->step != SEC_V_END) return UDS_PENDING;
    r->out[0] = (uint8_t)conclude(a, e);
    *r->n = 1;
    return UDS_OK;
}
