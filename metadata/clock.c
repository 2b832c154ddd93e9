#include "metadata/clock.h"

#include "metadata/encode.h"

#define SIGNATURES_MAX 16

void up_clock_init(struct up_clock *c, int64_t base_s, int64_t attested_s,
                   const uint8_t keys[UP_SHA256_BYTES])
{
    struct up_clock made = {.attested_s = attested_s > base_s ? attested_s : base_s, .base_s = base_s};
    memcpy(made.keys, keys, sizeof made.keys);
    *c = made;
}

void up_clock_ask(struct up_clock *c, const uint8_t nonce[UP_NONCE_BYTES])
{
    memcpy(c->nonce, nonce, sizeof c->nonce);
    c->asked = true;
}

void up_clock_slept(struct up_clock *c)
{
    c->fresh = false;
}

void up_clock_on_root(struct up_clock *c, const struct up_root *root)
{
    uint8_t keys[UP_SHA256_BYTES];
    up_keyring_digest(&root->ring[UP_TIME], keys);
    if (memcmp(keys, c->keys, sizeof keys) == 0) return;
    memcpy(c->keys, keys, sizeof keys);
    c->attested_s = c->base_s;
    c->fresh = false;
}

/* ---- attestations ---- */

struct attestation {
    struct up_span nonces; /* array */
    int64_t time_s;
};

static enum up_err read_attestation(struct up_span body, struct attestation *out)
{
    struct attestation a = {.time_s = -1};
    struct up_span key, type = {0};
    struct up_json j;
    up_json_open(&j, body);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_json_is(key, "_type"))
            type = up_json_string(&j);
        else if (up_json_is(key, "nonces"))
            a.nonces = up_json_value(&j);
        else if (up_json_is(key, "time"))
            a.time_s = up_time_decode(up_json_string(&j));
        else
            (void)up_json_value(&j);
    }
    up_json_close(&j);
    UP_TRY(j.err);
    if (!up_span_is(type, up_role_name(UP_TIME))) return UP_ROLE_TYPE;
    if (a.nonces.p == NULL || a.time_s < 0) return UP_SCHEMA;
    *out = a;
    return UP_OK;
}

/* How many of the listed nonces there are, and how many of them are NONCE. */
static enum up_err count_nonces(struct up_span list, const uint8_t nonce[UP_NONCE_BYTES], size_t *total,
                                size_t *same)
{
    uint8_t listed[UP_NONCE_BYTES];
    struct up_json j;
    *total = *same = 0;
    up_json_open(&j, list);
    for (up_json_array(&j); up_json_item(&j); ++*total) {
        struct up_span hex = up_json_string(&j);
        if (up_hex_decode(hex, listed, sizeof listed) != UP_NONCE_BYTES) up_json_fail(&j, UP_SCHEMA);
        if (j.err == UP_OK && memcmp(listed, nonce, sizeof listed) == 0) ++*same;
    }
    return j.err;
}

enum up_err up_clock_feed(const struct up_clock *c, const struct up_root *root, const struct up_profile *p,
                          struct up_span file, struct up_buf *room, uint64_t now_ms, struct up_clock *next)
{
    const struct up_keyring *ring = &root->ring[UP_TIME];
    struct up_signed s;
    struct attestation a;
    size_t total, mine;
    UP_TRY(up_signed_open(file, p, room, &s));
    if (ring->keys.p != NULL) { /* a backend that has a time role is held to it, whatever is relaxed */
        enum up_err e = up_signed_verify(&s, ring, p, SIGNATURES_MAX);
        if (e != UP_OK) return e == UP_SIG_THRESHOLD ? UP_TIME_SIG : e;
    } else if (!up_relaxes(p, UP_RELAX_TIME_FROM_PRIMARY)) {
        return UP_TIME_SIG;
    }
    UP_TRY(read_attestation(s.body, &a));
    UP_TRY(count_nonces(a.nonces, c->nonce, &total, &mine));
    if (!c->asked || mine == 0) return UP_TIME_NONCE;

    struct up_clock after = *c;
    up_clock_on_root(&after, root); /* a floor binds the keys that attested it, no others */
    if (a.time_s < after.attested_s) return UP_TIME_BACKWARD;
    *next = after;
    next->attested_s = a.time_s;
    next->accepted_ms = now_ms;
    next->fresh = true;
    next->asked = false;
    return UP_OK;
}

/* ---- what time it is ---- */

static uint64_t age_ms(const struct up_clock *c, uint64_t now_ms)
{
    return now_ms > c->accepted_ms ? now_ms - c->accepted_ms : 0;
}

int64_t up_clock_now(const struct up_clock *c, uint64_t now_ms)
{
    uint32_t ms;
    return c->fresh ? c->attested_s + (int64_t)up_divide(age_ms(c, now_ms), 1000, &ms) : c->attested_s;
}

enum up_err up_clock_fresh(const struct up_clock *c, uint64_t now_ms, uint32_t max_age_s)
{
    return c->fresh && age_ms(c, now_ms) <= (uint64_t)max_age_s * 1000 ? UP_OK : UP_TIME_UNAVAILABLE;
}

enum up_err up_time_has_nonces(struct up_span file, const uint8_t (*nonces)[UP_NONCE_BYTES], size_t n)
{
    static const uint8_t any[UP_NONCE_BYTES];
    struct up_span body = {0}, list = {0};
    size_t total, same;
    if (!up_json_find(file, "signed", &body) || !up_json_find(body, "nonces", &list)) return UP_SCHEMA;
    UP_TRY(count_nonces(list, any, &total, &same));
    if (total != n) return UP_TIME_NONCE;
    for (size_t i = 0; i < n; i++) {
        UP_TRY(count_nonces(list, nonces[i], &total, &same));
        if (same != 1) return UP_TIME_NONCE;
    }
    return UP_OK;
}
