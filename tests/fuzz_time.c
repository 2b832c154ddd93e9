/* Bytes as a time attestation, as they are or signed by the time role. Whatever comes: the clock that is
 * asked stays byte for byte the same; time never goes back under the same keys; only what carries our nonce
 * is believed, and only once. The first byte chooses profile, Root, and whether to sign. */
#include <cjson/cJSON.h>

#include "metadata/clock.h"
#include "metadata/encode.h"
#include "tests/fuzz.h"
#include "tests/lib_author.h"

#define BASE_S     1700000000
#define ATTESTED_S 1750000000
static const uint8_t nonce[UP_NONCE_BYTES] = "our own nonce..";

/* KEY: who the time role is; none: Root has no such role. */
static const struct up_root *root_of(const struct up_profile *p, unsigned key, bool without)
{
    static struct up_root roots[2][3];
    static bool made[2][3];
    int at[] = {p == &up_profile_deployed, without ? 2 : key != UP_TIME};
    struct up_root *r = &roots[at[0]][at[1]];
    if (made[at[0]][at[1]]) return r;
    struct author a = author_of(p, NULL);
    a.ring[UP_TIME] = (struct author_ring){without ? 0 : KEY(key), 1};
    struct up_span body = up_span_of(author_sorted(p, author_root_body(&a, 1)));
    must(up_root_read(body, p, &up_limits_posix, r) == UP_OK, "no Root");
    made[at[0]][at[1]] = true;
    return r;
}

/* cJSON's reading: how often our nonce is listed; -1: there is no list. */
static int listed(struct up_span file, int *total)
{
    char ours[2 * UP_NONCE_BYTES + 1] = {0};
    up_hex_encode(nonce, sizeof nonce, ours);
    cJSON *all = cJSON_ParseWithLength((const char *)file.p, file.n);
    const cJSON *item,
        *list = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(all, "signed"), "nonces");
    int n = cJSON_IsArray(list) ? 0 : -1;
    *total = cJSON_GetArraySize(list);
    cJSON_ArrayForEach (item, list) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, ours) == 0) n++;
    }
    cJSON_Delete(all);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[1 << 20], space[1 << 20];
    if (size == 0 || size > 30000) return 0;
    const struct up_profile *p = data[0] & 1 ? &up_profile_deployed : &up_profile_strict;
    const unsigned key = data[0] & 2 ? 9 : UP_TIME; /* the keys have been rotated */
    const bool without = (data[0] & 8) != 0;        /* a backend whose Root has no time role */
    const struct up_root *first = root_of(p, UP_TIME, without), *root = root_of(p, key, without);
    struct up_span file = {data + 1, size - 1};
    struct up_writer w = {.p = out, .cap = sizeof out};
    struct up_buf room = {.p = space, .cap = sizeof space};
    if (!(data[0] & 4)) file = author_sign_into(p, key, file, &w);
    if (file.p == NULL) return 0;

    struct up_clock c, before, next;
    uint8_t keys[UP_SHA256_BYTES];
    up_keyring_digest(&first->ring[UP_TIME], keys);
    up_clock_init(&c, BASE_S, ATTESTED_S, keys);
    up_clock_ask(&c, nonce);
    before = c;
    enum up_err e = up_clock_feed(&c, root, p, file, &room, 5000, &next);
    must(memcmp(&c, &before, sizeof c) == 0, "a feed changed the clock that it was asked of");

    int total, ours = listed(file, &total);
    const uint8_t(*one)[UP_NONCE_BYTES] = &nonce;
    if (up_time_has_nonces(file, one, 1) == UP_OK && ours >= 0) /* it looks at no more than it needs */
        must(ours == 1 && total == 1, "nonces of somebody else");
    if (e != UP_OK) return 0;
    must(ours >= 1, "not our nonce");
    must(next.fresh && !next.asked && next.accepted_ms == 5000, "not fresh");
    must(next.attested_s >= (root == first ? ATTESTED_S : BASE_S), "time went back");
    must(up_clock_now(&next, 7999) == next.attested_s + 2, "time does not pass");

    room.n = 0;
    before = next;
    must(up_clock_feed(&next, root, p, file, &room, 6000, &c) == UP_TIME_NONCE, "believed twice");
    must(memcmp(&next, &before, sizeof before) == 0, "changed by a replay");
    up_clock_ask(&next, nonce); /* a nonce drawn twice: the same time is no step back */
    room.n = 0;
    must(up_clock_feed(&next, root, p, file, &room, 6000, &c) == UP_OK, "the same time goes back");
    return 0;
}
