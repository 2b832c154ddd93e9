/* 38 and what follows it: metadata into the staging bank. Nothing is judged here but names and sizes; how
 * much can be written in one boot is bounded, whoever sends it. */
#include "metadata/encode.h"
#include "secondary/agent_state.h"

static bool begins(struct up_span s, const char *text, struct up_span *rest)
{
    const size_t n = strlen(text);
    if (s.n <= n || memcmp(s.p, text, n) != 0) return false;
    *rest = (struct up_span){s.p + n, s.n - n};
    return true;
}

static bool is_version(struct up_span s)
{
    uint32_t v = 0;
    if (s.n > 10 || s.p[0] == '0') return false;
    for (size_t i = 0; i < s.n; i++) {
        const uint32_t digit = (uint32_t)(s.p[i] - '0');
        if (digit > 9 || v > ((uint32_t)UP_VERSION_MAX - digit) / 10) return false;
        v = v * 10 + digit;
    }
    return true;
}

static bool is_role(const struct sec_identity *id, struct up_span name)
{
    return up_is_deployed(id->profile->dialect) ? up_is_printable_name(name) : up_is_name(name);
}

/* The most bytes that PATH may have; 0: no path that this ECU takes. */
static uint32_t limit_of(const struct sec_identity *id, struct up_span path)
{
    const struct up_limits *l = id->limits;
    struct up_span rest;
    if (up_span_is(path, "time")) return l->root_bytes;
    if (begins(path, "director/root/", &rest)) return is_version(rest) ? l->root_bytes : 0;
    if (up_span_is(path, "director/targets")) return l->director_targets_bytes;
    if (!id->full) return 0;
    if (up_span_is(path, "director/timestamp") || up_span_is(path, "image/timestamp"))
        return l->timestamp_bytes;
    if (up_span_is(path, "director/snapshot") || up_span_is(path, "image/snapshot")) return l->snapshot_bytes;
    if (begins(path, "image/root/", &rest)) return is_version(rest) ? l->root_bytes : 0;
    if (up_span_is(path, "image/targets")) return l->image_targets_bytes;
    if (begins(path, "image/role/", &rest)) return is_role(id, rest) ? l->image_targets_bytes : 0;
    return 0;
}

/* Behind what the bank has held last, so that wear is even; where what is trusted takes more than a third of
 * it, at the first sector, so that there is room. */
void sec_agent_staging_begin(struct sec_agent *a)
{
    const unsigned other = a->trusted.bank ^ 1;
    const struct sec_region bank = a->layout.bank[other];
    const bool roomy = sec_trusted_size(&a->trusted, a->flash, &a->layout) <= bank.bytes / 3;
    const uint32_t behind = sec_region_has(bank, a->staged_end) ? a->staged_end : a->trusted.end[other];
    const bool known = roomy && sec_region_has(bank, behind) && behind % a->flash->sector == 0;
    sec_bank_begin(&a->staging, a->flash, bank, known ? behind : bank.at);
}

void sec_agent_staging_refill(struct sec_agent *a)
{
    a->staged_left = (uint64_t)SEC_STAGED_BANKS * a->layout.bank[0].bytes;
}

/* What would fit had the set begun at the first sector will, when it is sent again. */
static void make_room(struct sec_agent *a, uint32_t carried, uint32_t size)
{
    struct sec_bank *b = &a->staging;
    if (b->region.bytes < carried || b->region.bytes - carried < size) return;
    sec_bank_begin(b, b->flash, b->region, b->region.at);
}

/* What is trusted now must fit beside what is staged, for what is not sent again is carried over. */
enum uds_code sec_agent_file(void *ctx, const struct uds_file_request *f)
{
    struct sec_agent *a = ctx;
    const struct up_span path = {f->path, f->path_bytes};
    const uint32_t limit = limit_of(a->id, path);
    if (limit == 0 || f->format != SEC_FILTER_PLAIN) return UDS_OUT_OF_RANGE;
    if (f->bytes > limit) {
        sec_note(a, UP_TOO_LARGE, path);
        return UDS_OUT_OF_RANGE;
    }
    const uint32_t size = sec_bank_size(a->flash, (uint32_t)f->bytes, path.n);
    const uint32_t carried = sec_trusted_size(&a->trusted, a->flash, &a->layout);
    if (size > a->staged_left) return UDS_DOWNLOAD_NOT_ACCEPTED;
    if (carried > sec_bank_room(&a->staging, size)) {
        make_room(a, carried, size);
        return UDS_DOWNLOAD_NOT_ACCEPTED;
    }
    if (sec_bank_open(&a->staging, path, (uint32_t)f->bytes) != UP_OK) return UDS_DOWNLOAD_NOT_ACCEPTED;
    a->staged_left -= size;
    a->transfer = SEC_FILE;
    return UDS_OK;
}
