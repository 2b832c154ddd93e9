/* Three lines: a Director's entry, the Image repository's entry, an image name pattern. What matches says the
 * same to cJSON; an entry matches itself; whoever may install had its own id and hardware named; and the
 * pattern matches what a plain recursion says. The first byte chooses the profile and an ECU's floor. */
#include <cjson/cJSON.h>

#include "metadata/canon.h"
#include "metadata/match.h"
#include "metadata/search.h"
#include "tests/fuzz.h"

static struct up_span line(struct up_span *text)
{
    const uint8_t *end = text->n == 0 ? NULL : memchr(text->p, '\n', text->n);
    struct up_span first = {text->p, end == NULL ? text->n : (size_t)(end - text->p)};
    size_t skip = end == NULL ? text->n : first.n + 1;
    *text = (struct up_span){text->p + skip, text->n - skip};
    return first;
}

/* ---- the oracles ---- */

static bool plainly_matches(const char *pattern, const char *name)
{
    if (*pattern == '*')
        return plainly_matches(pattern + 1, name) ||
               (*name != '\0' && *name != '/' && plainly_matches(pattern, name + 1));
    if (*pattern == '\0' || *name == '\0') return *pattern == *name;
    return (*pattern == *name || (*pattern == '?' && *name != '/')) && plainly_matches(pattern + 1, name + 1);
}

static bool path(struct up_span pattern, struct up_span name)
{
    char a[13], b[25]; /* the recursion is exponential */
    bool match = up_path_match(pattern, name);
    if (pattern.n >= sizeof a || name.n >= sizeof b) return match;
    for (size_t i = 0; i < pattern.n; i++)
        if (pattern.p[i] < 0x20 || pattern.p[i] > 0x7E || pattern.p[i] == '\\') return match;
    memcpy(a, pattern.p, pattern.n);
    memcpy(b, name.p, name.n);
    a[pattern.n] = b[name.n] = '\0';
    must(match == plainly_matches(a, b), "paths match in another way");
    return match;
}

static const cJSON *custom(const cJSON *entry, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(entry, "custom"), name);
}

static bool holds_all(const cJSON *a, const cJSON *b) /* every string of A is in B */
{
    const cJSON *x, *y;
    cJSON_ArrayForEach (x, a) {
        bool found = false;
        cJSON_ArrayForEach (y, b) found = found || strcmp(x->valuestring, y->valuestring) == 0;
        if (!found) return false;
    }
    return true;
}

static void say_the_same(const struct up_profile *p, struct up_span a, struct up_span b)
{
    static const char *const hashes[] = {"sha256", "sha512"};
    cJSON *x = cJSON_ParseWithLength((const char *)a.p, a.n),
          *y = cJSON_ParseWithLength((const char *)b.p, b.n);
    const cJSON *m = custom(x, "hardwareIds"), *n = custom(y, "hardwareIds");
    must(cJSON_GetObjectItemCaseSensitive(x, "length")->valuedouble ==
             cJSON_GetObjectItemCaseSensitive(y, "length")->valuedouble,
         "lengths");
    for (int i = 0; i < 2; i++) {
        const cJSON *h = cJSON_GetObjectItemCaseSensitive(x, "hashes"),
                    *k = cJSON_GetObjectItemCaseSensitive(y, "hashes");
        const char *u = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(h, hashes[i])),
                   *v = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(k, hashes[i]));
        must((u == NULL) == (v == NULL), "one has a hash more");
        must(u == NULL || (p->dialect == UP_DIALECT_DEPLOYED ? strcasecmp(u, v) : strcmp(u, v)) == 0,
             "hashes");
    }
    must((m == NULL && p != &up_profile_strict) || (holds_all(m, n) && holds_all(n, m)), "hardware");
    m = custom(x, "releaseCounter");
    n = custom(y, "releaseCounter");
    must((m == NULL) == (n == NULL) && (m == NULL || m->valuedouble == n->valuedouble), "release counters");
    cJSON_Delete(x);
    cJSON_Delete(y);
}

static void order(const struct up_target *t, const struct up_profile *p, uint32_t floor,
                  struct up_span pattern)
{
    struct up_ecu ecu = {.serial = UP_SPAN("ecu-1"),
                         .hardware_id = UP_SPAN("hw-1"),
                         .name_pattern = pattern,
                         .release_floor = floor,
                         .capacity_bytes = 1 << 20};
    struct up_span named;
    if (up_order_check(t, p, &ecu) != UP_OK) return;
    must(up_target_names_ecu(t, ecu.serial, &named) && up_span_eq(named, ecu.hardware_id),
         "not for this ECU");
    must(t->hardware_ids.p == NULL || up_target_fits_hardware(t, ecu.hardware_id), "not for its hardware");
    must(t->length <= ecu.capacity_bytes && path(pattern, t->name), "too long, or of another name");
    must(floor == 0 || (t->has_release_counter && t->release_counter >= floor), "below the floor");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t space[1 << 18];
    if (size == 0 || size > 20000) return 0;
    const struct up_profile *p = data[0] & 1 ? &up_profile_deployed : &up_profile_strict;
    struct up_span text = {data + 1, size - 1}, name = UP_SPAN("fw/a.img"), a = line(&text), b = line(&text);
    struct up_buf room = {.p = space, .cap = sizeof space};
    struct up_target director, image;
    path(text, name);
    path(text, UP_SPAN("supplier/radio/fw-1.bin"));
    if (up_canon_sort(a, p->dialect, &room, &a) != UP_OK || up_target_read(name, a, p, &director) != UP_OK)
        return 0;
    must(up_order_match(&director, &director, p) == UP_OK || director.hardware_ids.p == NULL,
         "it does not match itself");
    order(&director, p, data[0] & 2 ? 5 : 0, text);
    if (up_canon_sort(b, p->dialect, &room, &b) != UP_OK || up_target_read(name, b, p, &image) != UP_OK)
        return 0;
    must(up_target_agrees(&director, &image) == up_target_agrees(&image, &director), "agreement of one");
    if (up_order_match(&director, &image, p) == UP_OK) say_the_same(p, a, b);
    return 0;
}
