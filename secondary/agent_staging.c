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
    if (begins(path, "image/role/", &rest)) return up_is_name(rest) ? l->image_targets_bytes : 0;
    return 0;
}

void sec_agent_staging_begin(struct sec_agent *a)
{
    sec_bank_begin(&a->staging, a->flash, a->layout.bank[a->trusted.bank ^ 1], a->boots + a->runs);
}

void sec_agent_staging_refill(struct sec_agent *a)
{
    a->staged_left = (uint64_t)SEC_STAGED_BANKS * a->layout.bank[0].bytes;
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
    const uint32_t carried = sec_trusted_size(&a->trusted, a->flash, &a->layout),
                   room = sec_bank_room(&a->staging);
    if (size > a->staged_left || carried > room || size > room - carried) return UDS_DOWNLOAD_NOT_ACCEPTED;
    if (sec_bank_open(&a->staging, path, (uint32_t)f->bytes) != UP_OK) return UDS_DOWNLOAD_NOT_ACCEPTED;
    a->staged_left -= size;
    a->transfer = SEC_FILE;
    return UDS_OK;
}
