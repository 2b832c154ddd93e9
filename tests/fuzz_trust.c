/* Bytes as the next file of a chain of trust, as they are or signed by the right keys. Whatever comes: the
 * trust that is asked stays byte for byte the same, a refused file gives its room back, and what is accepted
 * lowers no floor. The first byte of the input chooses role, verifier, profile, and whether to sign. */
#include "tests/fuzz.h"
#include "tests/lib_author.h"

/* A trust that wants the file of ROLE next, and whose Snapshot may be any that is signed. */
static const struct up_trust *waiting_for(enum up_role role, bool full, const struct up_profile *p)
{
    static struct world {
        struct up_policy policy;
        struct up_trust at[UP_TIME];
    } worlds[2][2];
    struct world *w = &worlds[full][p == &up_profile_deployed];
    if (w->policy.profile == NULL) {
        struct author a = author_of(p, "VIN-1");
        struct up_span targets = author_targets(&a, 5, author_order("fw", "ecu-1", "hw-1", 1));
        struct up_span snapshot = author_snapshot(&a, 5, author_meta("targets", 5));
        struct up_span timestamp = author_timestamp(&a, 5, snapshot, 5);
        struct up_trust *at = w->at;
        w->policy = (struct up_policy){
            .profile = p, .limits = &up_limits_posix, .full = full, .vehicle_id = UP_SPAN("VIN-1")};
        must(up_trust_init(&at[UP_ROOT], &w->policy, author_root(&a, 1), NULL) == UP_OK, "no start");
        up_trust_begin(&at[UP_ROOT]);
        must(up_trust_absent(&at[UP_ROOT], AUTHOR_NOW, &at[full ? UP_TIMESTAMP : UP_TARGETS]) == UP_OK,
             "no walk");
        if (full) {
            must(up_trust_feed(&at[UP_TIMESTAMP], timestamp, NULL, AUTHOR_NOW, &at[UP_SNAPSHOT]) == UP_OK,
                 "timestamp");
            must(up_trust_feed(&at[UP_SNAPSHOT], snapshot, NULL, AUTHOR_NOW, &at[UP_TARGETS]) == UP_OK,
                 "snapshot");
            at[UP_SNAPSHOT].snapshot = (struct up_named){.version = 5};
        }
        struct up_trust done;
        must(up_trust_feed(&at[UP_TARGETS], targets, NULL, AUTHOR_NOW, &done) == UP_OK, "targets");
    }
    return &w->at[full || role == UP_ROOT ? role : UP_TARGETS];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[1 << 20], space[1 << 20];
    static struct up_trust next;
    if (size == 0 || size > 60000) return 0;
    enum up_role role = data[0] & 3;
    const struct up_profile *p = data[0] & 4 ? &up_profile_deployed : &up_profile_strict;
    const struct up_trust *t = waiting_for(role, data[0] & 8, p);
    struct up_span file = {data + 1, size - 1};
    struct up_writer w = {.p = out, .cap = sizeof out};
    if (data[0] & 16) file = author_sign_into(p, t->step, file, &w);
    if (file.p == NULL) return 0;

    struct up_trust before = *t;
    struct up_buf room = {.p = space, .cap = sizeof space};
    enum up_err e = up_trust_feed(t, file, data[0] & 32 ? NULL : &room, AUTHOR_NOW, &next);
    must(memcmp(t, &before, sizeof before) == 0, "a feed changed the trust that it was asked of");
    if (e != UP_OK) {
        must(room.n == 0, "a refused file keeps room");
        return 0;
    }
    must(t->step != UP_ROOT || next.root.head.version == t->root.head.version + 1, "a Root was skipped");
    for (enum up_role r = UP_ROOT; r < UP_TIME; r++)
        must(t->step == UP_ROOT || next.floors.mark[r].version >= t->floors.mark[r].version,
             "a floor went down");
    must(t->step != UP_TARGETS || (next.targets.delegations.p == NULL && next.step == UP_ROLES),
         "a Director delegates");
    return 0;
}
