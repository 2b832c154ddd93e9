/* Bytes as the body of every delegated role, signed by the right key. Whatever they say: the search ends
 * within the number of roles that may be visited, and what it finds is the image that was looked for. */
#include "tests/fuzz.h"
#include "tests/lib_author.h"

/* An Image repository whose Targets delegates everything to `a`, key 5; Snapshot lists a to d. */
static const struct up_trust *repository(void)
{
    static struct up_policy policy = {
        .profile = &up_profile_strict, .limits = &up_limits_primary, .repo = UP_IMAGE, .full = true};
    static struct up_trust t;
    if (t.policy != NULL) return &t;
    struct author a = author_of(&up_profile_strict, NULL);
    char *to_a = author_delegation(&a, "a", (struct author_ring){KEY(5), 1}, "x/*", "");
    struct up_span targets =
        author_file(&a, UP_TARGETS, author_targets_body(&a, 1, "", author_delegations(&a, KEY(5), to_a)));
    static struct shelf shelf;
    struct up_span root = shelf_publish(&shelf, &a, 1, targets, 1,
                                        author_text("%s,%s,%s,%s", author_meta("a", 1), author_meta("b", 1),
                                                    author_meta("c", 1), author_meta("d", 1)));
    must(up_trust_init(&t, &policy, root, NULL) == UP_OK && shelf_walk(&shelf, &t, AUTHOR_NOW) == UP_OK,
         "no repository");
    return &t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t space[1 << 20], out[1 << 20];
    struct up_writer w = {.p = out, .cap = sizeof out};
    struct up_buf room = {.p = space, .cap = sizeof space};
    struct up_search s;
    struct up_span role;
    struct up_target found;
    struct up_want want;
    const struct up_trust *t = repository();
    struct up_span file = size > 60000
                              ? (struct up_span){0}
                              : author_sign_into(&up_profile_strict, 5, (struct up_span){data, size}, &w);
    if (file.p == NULL) return 0;
    unsigned fed = 0;
    up_search_begin(&s, t, UP_SPAN("x/fw"), UP_SPAN("hw-1"));
    for (; up_search_needs(&s, &role, &want); fed++) {
        must(fed < up_limits_primary.roles_visited, "too many roles visited");
        must(want.version == 1 && want.role == UP_TARGETS, "wants what Snapshot does not list");
        room.n = 0; /* the file is sorted */
        up_search_feed(&s, file, &room, AUTHOR_NOW);
    }
    enum up_err e = up_search_verdict(&s, &found, &role);
    must(e != UP_OK || up_json_is(found.name, "x/fw"), "another image");
    must(e != UP_DELEGATION_INVALID || s.cause != UP_OK, "no cause");
    return 0;
}
