#include "metadata/trust.h"

#include "metadata/accept.h"

const char *up_repo_name(enum up_repo r)
{
    return r == UP_DIRECTOR ? "director" : "image";
}

/* ---- beginning, and coming back ---- */

/* One Root, signed offline, serves all vehicles: it need not name ours. */
static enum up_err accept_root_vehicle(const struct up_policy *p, const struct up_root *root)
{
    return root->head.vehicle_id.p == NULL ? UP_OK : up_accept_vehicle(p, &root->head);
}

static enum up_err open_root(struct up_trust *t, struct up_span file, struct up_buf *room)
{
    const struct up_policy *p = t->policy;
    struct up_signed *s = &t->file[UP_ROOT];
    UP_TRY(up_signed_open(file, p->profile, room, s));
    UP_TRY(up_root_read(s->body, p->profile, p->limits, &t->root));
    UP_TRY(up_signed_verify(s, &t->root.ring[UP_ROOT], p->profile, p->limits->signatures));
    UP_TRY(accept_root_vehicle(p, &t->root));
    return t->root.head.version < UP_VERSION_MAX ? UP_OK : UP_LIMIT;
}

static void set_mark(struct up_trust *t, enum up_role role, uint32_t version)
{
    struct up_mark mark = {.version = version};
    memcpy(mark.digest, t->file[role].digest, sizeof mark.digest);
    if (role != UP_ROOT && memcmp(&mark, &t->floors.mark[role], sizeof mark) != 0) t->unchanged = false;
    t->floors.mark[role] = mark;
}

static bool is_marked(const struct up_trust *t, enum up_role role, const struct up_signed *s,
                      uint32_t version)
{
    const struct up_mark *mark = &t->floors.mark[role];
    return mark->version == version && memcmp(mark->digest, s->digest, sizeof mark->digest) == 0;
}

enum up_err up_trust_init(struct up_trust *t, const struct up_policy *policy, struct up_span root,
                          struct up_buf *room)
{
    memset(t, 0, sizeof *t);
    t->policy = policy;
    t->step = UP_ROLES;
    enum up_err e = open_root(t, root, room);
    if (e != UP_OK) return e == UP_NOT_CANONICAL ? e : UP_CONFIG;
    t->expires_s[UP_ROOT] = t->root.head.expires_s;
    set_mark(t, UP_ROOT, t->root.head.version);
    return UP_OK;
}

enum up_err up_trust_restore(struct up_trust *t, const struct up_floors *floors)
{
    const uint32_t version = t->root.head.version;
    const struct up_mark own = t->floors.mark[UP_ROOT];
    t->floors = *floors;
    if (is_marked(t, UP_ROOT, &t->file[UP_ROOT], version)) return UP_OK;
    if (floors->mark[UP_ROOT].version < version) t->floors.mark[UP_ROOT] = own;
    return UP_STORAGE_CORRUPT;
}

/* A stored file of a role but Root, in form. */
struct stored {
    struct up_signed s;
    struct up_head head;
    struct up_named named; /* Timestamp */
    struct up_targets targets;
};

static enum up_err open_stored(const struct up_trust *t, enum up_role role, struct up_span file,
                               struct up_buf *room, struct stored *out)
{
    const struct up_profile *p = t->policy->profile;
    enum up_err e = up_signed_open(file, p, room, &out->s);
    if (UP_FULL && e == UP_OK && role == UP_TIMESTAMP)
        e = up_timestamp_read(out->s.body, p, &out->head, &out->named);
    if (UP_FULL && e == UP_OK && role == UP_SNAPSHOT) e = up_snapshot_read(out->s.body, p, &out->head);
    if (e == UP_OK && role == UP_TARGETS) {
        e = up_targets_read(out->s.body, p, &out->targets);
        out->head = out->targets.head;
    }
    return e == UP_OK || e == UP_NOT_CANONICAL ? e : UP_STORAGE_CORRUPT;
}

enum up_err up_trust_restore_file(struct up_trust *t, enum up_role role, struct up_span file,
                                  struct up_buf *room)
{
    struct stored f = {0};
    UP_TRY(open_stored(t, role, file, room, &f));
    if (!is_marked(t, role, &f.s, f.head.version)) return UP_STORAGE_CORRUPT;
    if (role == UP_TARGETS) t->targets = f.targets;
    t->file[role] = f.s;
    t->expires_s[role] = f.head.expires_s;
    return UP_OK;
}

enum up_err up_trust_witness(const struct up_trust *t, enum up_role role, struct up_span file,
                             struct up_buf *room, struct up_floors *floors)
{
    const struct up_policy *p = t->policy;
    struct stored f = {0};
    UP_TRY(open_stored(t, role, file, room, &f));
    if (up_signed_verify(&f.s, &t->root.ring[role], p->profile, p->limits->signatures) != UP_OK)
        return UP_STORAGE_CORRUPT;
    floors->mark[role].version = f.head.version;
    memcpy(floors->mark[role].digest, f.s.digest, sizeof f.s.digest);
    if (role == UP_TIMESTAMP) floors->named_snapshot = f.named.version;
    return UP_OK;
}

/* ---- what comes next ---- */

void up_trust_begin(struct up_trust *t)
{
    t->step = UP_ROOT;
    t->roots = 0;
    t->named = false;
    t->unchanged = true;
}

/* The Director of some backends has no Timestamp. Where there once was one, nobody can take it away again. */
static bool may_lack_timestamp(const struct up_trust *t)
{
    return t->policy->repo == UP_DIRECTOR && up_relaxes(t->policy->profile, UP_RELAX_DIRECTOR_TWO_ROLES) &&
           t->floors.mark[UP_TIMESTAMP].version == 0;
}

/* Does a Snapshot say which Targets file it is? */
static bool is_named(const struct up_trust *t)
{
    return UP_FULL && t->named;
}

static uint32_t targets_limit(const struct up_policy *p)
{
    return p->repo == UP_DIRECTOR ? p->limits->director_targets_bytes : p->limits->image_targets_bytes;
}

bool up_trust_want(const struct up_trust *t, struct up_want *w)
{
    const struct up_limits *l = t->policy->limits;
    struct up_named named = {0};
    *w = (struct up_want){.role = t->step};
    switch (t->step) {
    case UP_ROOT:
        w->version = t->root.head.version + 1;
        w->max_bytes = l->root_bytes;
        w->may_be_absent = true;
        return true;
    case UP_TIMESTAMP:
        w->max_bytes = l->timestamp_bytes;
        w->may_be_absent = may_lack_timestamp(t);
        return true;
    case UP_SNAPSHOT:
        w->max_bytes = l->snapshot_bytes;
        named = t->snapshot;
        break;
    case UP_TARGETS:
        w->max_bytes = targets_limit(t->policy);
        if (is_named(t) && up_snapshot_find(t->file[UP_SNAPSHOT].body, UP_SPAN("targets"), &named) != UP_OK)
            return false;
        break;
    default:
        return false;
    }
    if (named.has_length && named.length < w->max_bytes) w->max_bytes = named.length;
    if (t->root.versioned) w->version = named.version;
    return true;
}

/* ---- the roles, in order; T is the candidate: what fails here is thrown away by the caller ---- */

static enum up_err check_floor(const struct up_trust *t, enum up_role role, const struct up_signed *s,
                               uint32_t version)
{
    if (version < t->floors.mark[role].version) return UP_ROLLBACK;
    if (version == t->floors.mark[role].version && !is_marked(t, role, s, version)) return UP_SAME_VERSION;
    return UP_OK;
}

static void take(struct up_trust *t, enum up_role role, const struct up_signed *s, const struct up_head *head)
{
    t->file[role] = *s;
    t->expires_s[role] = head->expires_s;
    set_mark(t, role, head->version);
}

static void forget(struct up_trust *t, enum up_role role)
{
    t->floors.mark[role] = (struct up_mark){0};
    t->file[role] = (struct up_signed){0};
}

/* Keys that a Root replaces take with them what they have signed, and the floors that they may have driven up
 * (5.4.4.3 step 4). The Standard stops at Timestamp and Snapshot; a Targets version at the ceiling would
 * never heal (V-REC-03). Other floors stay (V-ROOT-15). */
static void rotate(struct up_trust *t, const struct up_root *new)
{
    bool rotated[UP_ROLES];
    for (unsigned r = UP_ROOT; r < UP_ROLES; r++)
        rotated[r] = !up_keyring_same(&t->root.ring[r], &new->ring[r]);
    if (rotated[UP_TIMESTAMP] || rotated[UP_SNAPSHOT]) {
        forget(t, UP_TIMESTAMP);
        forget(t, UP_SNAPSHOT);
        t->floors.named_snapshot = 0;
    }
    if (rotated[UP_SNAPSHOT]) t->floors.mark[UP_TARGETS] = (struct up_mark){0};
    if (rotated[UP_TARGETS]) {
        forget(t, UP_TARGETS);
        t->targets = (struct up_targets){0};
    }
}

static enum up_err feed_root(struct up_trust *t, struct up_span file, struct up_buf *room)
{
    const struct up_policy *p = t->policy;
    const struct up_mark *floor = &t->floors.mark[UP_ROOT];
    struct up_signed s;
    struct up_root root;
    if (t->roots == p->limits->roots_per_cycle) return UP_LIMIT;
    UP_TRY(up_accept_signatures(p, &t->root.ring[UP_ROOT], file, room, &s));
    UP_TRY(up_root_read(s.body, p->profile, p->limits, &root));
    UP_TRY(up_signed_verify(&s, &root.ring[UP_ROOT], p->profile, p->limits->signatures));
    UP_TRY(accept_root_vehicle(p, &root));
    if (root.head.version != t->root.head.version + 1) return UP_ROOT_VERSION;
    if (root.head.version == UP_VERSION_MAX) return UP_LIMIT; /* nothing could follow it */

    /* Below its floor a Root is only walked over once more, after its file was damaged: it changes no floors.
     */
    bool known = root.head.version <= floor->version;
    if (root.head.version == floor->version) UP_TRY(check_floor(t, UP_ROOT, &s, root.head.version));
    if (!known) rotate(t, &root);
    t->root = root;
    t->file[UP_ROOT] = s;
    t->expires_s[UP_ROOT] = root.head.expires_s;
    if (!known) set_mark(t, UP_ROOT, root.head.version);
    t->roots++;
    return UP_OK;
}

/* The file that is held is the one that NAMED names, and the newest Root still stands behind it. */
static bool is_held(const struct up_trust *t, enum up_role role, uint32_t version,
                    const struct up_named *named)
{
    const struct up_policy *p = t->policy;
    const struct up_signed *s = &t->file[role];
    return s->file.p != NULL && version == named->version && up_accept_bytes(named, s->file) == UP_OK &&
           up_signed_verify(s, &t->root.ring[role], p->profile, p->limits->signatures) == UP_OK;
}

/* On to Targets; what is held already is not asked for again, but must not have expired. */
static enum up_err step_to_targets(struct up_trust *t, int64_t now_s)
{
    struct up_named named;
    const uint32_t version = t->targets.head.version;
    t->step = UP_TARGETS;
    if (!is_named(t)) return UP_OK;
    UP_TRY(up_snapshot_find(t->file[UP_SNAPSHOT].body, UP_SPAN("targets"), &named));
    if (!is_held(t, UP_TARGETS, version, &named)) return UP_OK;
    UP_TRY(up_accept_expiry(t->expires_s[UP_TARGETS], now_s));
    UP_TRY(up_accept_orders(t->policy, &t->targets));
    set_mark(t, UP_TARGETS, version);
    t->step = UP_ROLES;
    return UP_OK;
}

static enum up_err step_to_snapshot(struct up_trust *t, int64_t now_s)
{
    t->step = UP_SNAPSHOT;
    if (!is_held(t, UP_SNAPSHOT, t->floors.mark[UP_SNAPSHOT].version, &t->snapshot)) return UP_OK;
    UP_TRY(up_accept_expiry(t->expires_s[UP_SNAPSHOT], now_s));
    return step_to_targets(t, now_s);
}

/* TUF discards another Timestamp of the version that is held, and goes on with that one (TUF 1.0, 5.4.3). */
static bool is_passed_over(const struct up_trust *t, const struct up_signed *s, uint32_t version)
{
    return up_relaxes(t->policy->profile, UP_RELAX_SAME_TIMESTAMP_KEPT) &&
           t->file[UP_TIMESTAMP].file.p != NULL && version == t->floors.mark[UP_TIMESTAMP].version &&
           !is_marked(t, UP_TIMESTAMP, s, version);
}

static enum up_err feed_timestamp(struct up_trust *t, struct up_span file, struct up_buf *room, int64_t now_s)
{
    const struct up_policy *p = t->policy;
    struct up_signed s;
    struct up_head head;
    struct up_named named;
    UP_TRY(up_accept_signatures(p, &t->root.ring[UP_TIMESTAMP], file, room, &s));
    UP_TRY(up_timestamp_read(s.body, p->profile, &head, &named));
    UP_TRY(up_accept_vehicle(p, &head));
    if (is_passed_over(t, &s, head.version)) {
        s = t->file[UP_TIMESTAMP];
        UP_TRY(up_timestamp_read(s.body, p->profile, &head, &named));
    }
    UP_TRY(check_floor(t, UP_TIMESTAMP, &s, head.version));
    if (named.version < t->floors.named_snapshot) return UP_ROLLBACK;
    UP_TRY(up_accept_expiry(head.expires_s, now_s));
    take(t, UP_TIMESTAMP, &s, &head);
    t->floors.named_snapshot = named.version;
    t->snapshot = named;
    t->named = true;
    return step_to_snapshot(t, now_s);
}

static enum up_err feed_snapshot(struct up_trust *t, struct up_span file, struct up_buf *room, int64_t now_s)
{
    const struct up_policy *p = t->policy;
    const struct up_span old = t->file[UP_SNAPSHOT].body;
    const bool judge_top = t->floors.mark[UP_TARGETS].version != 0;
    struct up_signed s;
    struct up_head head;
    UP_TRY(up_accept_bytes(&t->snapshot, file)); /* before anything is parsed */
    UP_TRY(up_accept_signatures(p, &t->root.ring[UP_SNAPSHOT], file, room, &s));
    UP_TRY(up_snapshot_read(s.body, p->profile, &head));
    UP_TRY(up_accept_vehicle(p, &head));
    if (head.version != t->snapshot.version) return UP_SNAPSHOT_MISMATCH;
    UP_TRY(check_floor(t, UP_SNAPSHOT, &s, head.version));
    if (old.p != NULL) UP_TRY(up_snapshot_follows(old, s.body, judge_top));
    UP_TRY(up_accept_expiry(head.expires_s, now_s));
    take(t, UP_SNAPSHOT, &s, &head);
    return step_to_targets(t, now_s);
}

static enum up_err feed_targets(struct up_trust *t, struct up_span file, struct up_buf *room, int64_t now_s)
{
    const struct up_policy *p = t->policy;
    struct up_signed s;
    struct up_targets targets;
    struct up_named named;
    if (is_named(t)) UP_TRY(up_snapshot_find(t->file[UP_SNAPSHOT].body, UP_SPAN("targets"), &named));
    UP_TRY(up_accept_targets(p, is_named(t) ? &named : NULL, &t->root.ring[UP_TARGETS], file, room, &s,
                             &targets));
    UP_TRY(check_floor(t, UP_TARGETS, &s, targets.head.version));
    UP_TRY(up_accept_expiry(targets.head.expires_s, now_s));
    UP_TRY(up_accept_orders(p, &targets));
    take(t, UP_TARGETS, &s, &targets.head);
    t->targets = targets;
    t->step = UP_ROLES;
    return UP_OK;
}

enum up_err up_trust_feed(const struct up_trust *t, struct up_span file, struct up_buf *room, int64_t now_s,
                          struct up_trust *next)
{
    struct up_want w;
    if (!up_trust_want(t, &w)) return UP_PRECONDITION;
    if (file.n > w.max_bytes) return UP_TOO_LARGE;
    const size_t used = room != NULL ? room->n : 0;
    *next = *t;
    enum up_err e = w.role == UP_ROOT                   ? feed_root(next, file, room)
                    : UP_FULL && w.role == UP_TIMESTAMP ? feed_timestamp(next, file, room, now_s)
                    : UP_FULL && w.role == UP_SNAPSHOT  ? feed_snapshot(next, file, room, now_s)
                                                        : feed_targets(next, file, room, now_s);
    if (e != UP_OK && room != NULL) room->n = used;
    return e;
}

enum up_err up_trust_absent(const struct up_trust *t, int64_t now_s, struct up_trust *next)
{
    *next = *t;
    if (t->step == UP_TIMESTAMP && may_lack_timestamp(t)) return step_to_targets(next, now_s);
    if (t->step != UP_ROOT) return UP_UNAVAILABLE;
    /* The end of the walk: only this Root's expiry counts, and the floor must have been reached again. */
    if (!is_marked(t, UP_ROOT, &t->file[UP_ROOT], t->root.head.version)) return UP_ROLLBACK;
    UP_TRY(up_accept_expiry(t->expires_s[UP_ROOT], now_s));
    if (!UP_FULL || !t->policy->full) return step_to_targets(next, now_s);
    next->step = UP_TIMESTAMP;
    return UP_OK;
}
