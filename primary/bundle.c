#include "primary/bundle.h"

#include <stdio.h>

#include "metadata/encode.h"
#include "metadata/json.h"

#define RECORD_MAX 8192

/* The whole of section 6: what a state tells its members to do, and where it goes from there. */
static const struct edge {
    const char *name; /* in records: after COMMIT all are the same */
    bool record;      /* durable before the first member is told */
    enum pri_errand errand;
    enum pri_bundle_state done, failed;
} edges[PRI_BUNDLE_DONE] = {
    [PRI_PREPARING] = {"preparing", false, PRI_PREPARE, PRI_ACTIVATING, PRI_BUNDLE_FAILED},
    [PRI_ACTIVATING] = {"activating", true, PRI_ACTIVATE, PRI_CONFIRMING, PRI_REVERTING},
    [PRI_CONFIRMING] = {"committed", true, PRI_CONFIRM, PRI_BUNDLE_DONE, PRI_FORWARDING},
    [PRI_FORWARDING] = {"committed", false, PRI_ACTIVATE, PRI_CONFIRMING, PRI_CONFIRMING},
    [PRI_RENEWING] = {"committed", false, PRI_PREPARE, PRI_FORWARDING, PRI_BUNDLE_LATER},
    [PRI_REVERTING] = {"reverting", true, PRI_REVERT, PRI_BUNDLE_FAILED, PRI_BUNDLE_LATER},
    [PRI_POSTPONING] = {"postponing", true, PRI_REVERT, PRI_BUNDLE_LATER, PRI_BUNDLE_LATER},
};

const char *pri_bundle_state_name(enum pri_bundle_state s)
{
    switch (s) {
    case PRI_BUNDLE_DONE:
        return "done";
    case PRI_BUNDLE_FAILED:
        return "failed";
    case PRI_BUNDLE_LATER:
        return "later";
    default:
        return edges[s].name;
    }
}

/* ---- members ---- */

static void member_send(struct pri_member *m, enum pri_errand errand, const uint8_t *order, uint64_t now_us)
{
    m->errand = errand;
    m->verdict = PRI_WAIT;
    if (errand != PRI_REVERT)
        m->problem = (struct pri_problem){0}; /* why it is taken back is still to be told */
    memcpy(m->parcel.order, order, UDS_ORDER_BYTES);
    if (m->ecu != NULL) pri_ecu_send(m->ecu, errand, &m->parcel, now_us);
}

/* An image on trial for an order that nobody stands behind any longer goes first. */
static enum up_err self_prepare(struct pri_member *m, bool *more)
{
    struct pri_installer *i = m->installer;
    struct pri_installed now = {0};
    UP_TRY(i->state(i, &now));
    bool ours = memcmp(now.order, m->parcel.order, sizeof now.order) == 0;
    if (now.trial && ours) return UP_OK;
    if (now.trial) UP_TRY(i->revert(i, now.order));
    return i->prepare(i, &m->target, m->image_file, m->parcel.order, more);
}

static enum up_err self_do(struct pri_member *m, bool *more)
{
    struct pri_installer *i = m->installer;
    *more = false;
    switch (m->errand) {
    case PRI_PREPARE:
        return self_prepare(m, more);
    case PRI_ACTIVATE:
        return i->activate(i, m->parcel.order);
    case PRI_CONFIRM:
        return i->confirm(i, m->parcel.order);
    case PRI_REVERT:
        return i->revert(i, m->parcel.order);
    default:
        return UP_OK;
    }
}

static enum pri_verdict member_step(struct pri_member *m, uint64_t now_us)
{
    if (m->verdict != PRI_WAIT) return m->verdict;
    if (m->ecu != NULL) {
        m->verdict = pri_ecu_step(m->ecu, now_us);
        if (m->verdict == PRI_FAILED) m->problem = m->ecu->problem;
        return m->verdict;
    }
    bool more;
    enum up_err e = self_do(m, &more);
    if (e == UP_OK && more) return PRI_WAIT;
    m->verdict = e == UP_OK ? PRI_DONE : PRI_FAILED;
    if (e != UP_OK) pri_problem_set(&m->problem, e, "%s: %s", pri_errand_name(m->errand), up_err_text(e));
    return m->verdict;
}

/* ---- records ---- */

static bool nobody_is_left(const struct pri_bundle *b)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->members[i]->verdict != PRI_DONE) return false;
    return true;
}

/* STATE of all members, or of those only who are not through with it. */
static enum up_err record(struct pri_bundle *b, enum pri_bundle_state state, bool all)
{
    char key[UP_ID_MAX + 16];
    uint8_t text[RECORD_MAX];
    struct up_writer w = {.p = text, .cap = sizeof text};
    bool first = true;
    (void)snprintf(key, sizeof key, "bundle/%s", b->name);
    bool over = state == PRI_BUNDLE_DONE;
    if (!all) over = nobody_is_left(b);
    if (over) return pri_state_remove(b->store, key);
    up_write(&w, "{\"members\":[");
    for (unsigned i = 0; i < b->count; i++) {
        if (!all && b->members[i]->verdict == PRI_DONE) continue;
        if (!first) up_write(&w, ",");
        first = false;
        up_write_string(&w, up_span_of(b->members[i]->serial));
    }
    up_write(&w, "],\"order\":");
    up_write_hex(&w, b->order, sizeof b->order);
    up_write(&w, ",\"state\":\"");
    up_write(&w, pri_bundle_state_name(state));
    up_write(&w, "\"}");
    return w.full ? UP_LIMIT : pri_state_put(b->store, key, up_written(&w));
}

bool pri_bundle_record_read(const char *key, struct up_span value, struct pri_bundle_record *out)
{
    static const enum pri_bundle_state kept[] = {PRI_ACTIVATING, PRI_CONFIRMING, PRI_REVERTING,
                                                 PRI_POSTPONING, PRI_BUNDLE_FAILED};
    struct up_span order, state;
    if (strncmp(key, "bundle/", 7) != 0 || strlen(key + 7) >= sizeof out->name) return false;
    if (!up_json_find(value, "members", &out->members) || !up_json_find(value, "order", &order) ||
        !up_json_find(value, "state", &state) || order.n < 2 || state.n < 2)
        return false;
    (void)snprintf(out->name, sizeof out->name, "%s", key + 7);
    order = (struct up_span){order.p + 1, order.n - 2}; /* without quotes */
    state = (struct up_span){state.p + 1, state.n - 2};
    if (up_hex_decode(order, out->order, sizeof out->order) != UDS_ORDER_BYTES) return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        out->state = kept[i];
        if (up_span_is(state, pri_bundle_state_name(kept[i]))) return true;
    }
    return false;
}

/* ---- the machine ---- */

void pri_bundle_begin(struct pri_bundle *b, enum pri_bundle_state state)
{
    b->state = b->last = state;
    b->sent = b->forwarded = false;
    b->problem = (struct pri_problem){0};
}

void pri_bundle_hold(struct pri_bundle *b, struct pri_member *m, enum up_err err, const char *why)
{
    pri_problem_set(&m->problem, err, "%s", why);
    if (b->problem.err == UP_OK) pri_problem_set(&b->problem, err, "%s: %s", m->serial, why);
    b->state = PRI_BUNDLE_LATER;
}

static void remember(struct pri_bundle *b, const struct pri_member *m)
{
    if (b->problem.err == UP_OK)
        pri_problem_set(&b->problem, m->problem.err, "%s: %s", m->serial, m->problem.what);
}

/* What may be better next time, while nothing is activated: somebody was silent, or was reset and needs a new
 * attestation, or there was no room, or its flash failed. All else would fail again. */
static bool worth_another_try(const struct pri_bundle *b)
{
    switch (b->problem.err) {
    case UP_UNAVAILABLE:
    case UP_TOO_SLOW:
    case UP_TIME_NONCE:
    case UP_TIME_UNAVAILABLE:
    case UP_PRECONDITION:
    case UP_STORAGE_FULL:
    case UP_STORAGE_WRITE:
        return b->state == PRI_PREPARING;
    default:
        return false;
    }
}

static enum pri_bundle_state next_state(const struct pri_bundle *b, bool failed)
{
    const bool not_now = b->state == PRI_ACTIVATING && b->problem.err == UP_PRECONDITION;
    if (!failed) return edges[b->state].done;
    if (not_now) return PRI_POSTPONING;
    if (worth_another_try(b)) return PRI_BUNDLE_LATER;
    bool tried = edges[b->state].failed == PRI_FORWARDING && b->forwarded;
    return tried ? PRI_BUNDLE_LATER : edges[b->state].failed;
}

/* A record that goes on saying too much does no harm: who is through says so when asked again. */
static void enter(struct pri_bundle *b, enum pri_bundle_state next)
{
    enum up_err e = UP_OK;
    if (next == PRI_BUNDLE_LATER && edges[b->state].record) e = record(b, b->state, false);
    (void)e;
    if (next == PRI_FORWARDING) b->forwarded = true;
    b->state = next;
    b->sent = false;
}

/* Everybody is told; but what cannot be remembered is not begun. */
static enum up_err tell_members(struct pri_bundle *b, uint64_t now_us)
{
    const struct edge *edge = &edges[b->state];
    if (edge->record) UP_TRY(record(b, b->state, true));
    for (unsigned i = 0; i < b->count; i++) member_send(b->members[i], edge->errand, b->order, now_us);
    b->sent = true;
    b->last = b->state;
    return UP_OK;
}

static enum pri_verdict ask_members(struct pri_bundle *b, uint64_t now_us)
{
    bool failed = false, waiting = false;
    for (unsigned i = 0; i < b->count; i++) {
        enum pri_verdict v = member_step(b->members[i], now_us);
        waiting |= v == PRI_WAIT;
        failed |= v == PRI_FAILED;
        if (v == PRI_FAILED) remember(b, b->members[i]);
    }
    return waiting ? PRI_WAIT : failed ? PRI_FAILED : PRI_DONE;
}

static enum pri_verdict ended(struct pri_bundle *b)
{
    if (b->state == PRI_BUNDLE_LATER) return PRI_NOTHING;
    enum up_err e = record(b, b->state, true);
    (void)e; /* if not: it is tried, or confirmed, once more */
    return b->state == PRI_BUNDLE_DONE ? PRI_DONE : PRI_FAILED;
}

enum pri_verdict pri_bundle_step(struct pri_bundle *b, uint64_t now_us)
{
    while (b->state < PRI_BUNDLE_DONE) {
        enum up_err e = b->sent ? UP_OK : tell_members(b, now_us);
        if (e != UP_OK) {
            pri_problem_set(&b->problem, e, "record of bundle %s: %s", b->name, up_err_text(e));
            b->state = PRI_BUNDLE_LATER;
            break;
        }
        enum pri_verdict v = ask_members(b, now_us);
        if (v == PRI_WAIT) return PRI_WAIT;
        enter(b, next_state(b, v == PRI_FAILED));
    }
    return ended(b);
}

bool pri_bundle_confirmed(const struct pri_bundle *b, const struct pri_member *m)
{
    return b->last == PRI_CONFIRMING && m->errand == PRI_CONFIRM && m->verdict == PRI_DONE;
}

bool pri_bundle_unsettled(const struct pri_bundle *b, const struct pri_member *m)
{
    const bool back = b->last == PRI_REVERTING || b->last == PRI_POSTPONING;
    return b->last == PRI_ACTIVATING || (back && m->verdict != PRI_DONE);
}
