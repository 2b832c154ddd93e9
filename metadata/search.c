#include "metadata/search.h"

#include "metadata/accept.h"
#include "metadata/delegation.h"

static void end(struct up_search *s, enum up_err verdict)
{
    s->needs = false;
    s->verdict = verdict;
}

/* A role on the way that is missing or fails a check hides what it would have said: nobody after it may
 * speak. */
static void fail(struct up_search *s, enum up_err cause)
{
    s->cause = cause;
    end(s, UP_DELEGATION_INVALID);
}

static bool is_on_path(const struct up_search *s, struct up_span role)
{
    for (unsigned d = 1; d <= s->depth; d++)
        if (up_json_cmp(s->level[d].role, role) == 0) return true;
    return false;
}

/* Asks for the file of an applicable delegation. */
static void descend(struct up_search *s, const struct up_delegation *d)
{
    const struct up_limits *l = s->trust->policy->limits;
    unsigned deepest = l->delegation_depth < UP_SEARCH_DEPTH ? l->delegation_depth : UP_SEARCH_DEPTH;
    if (s->depth >= deepest || s->visited >= l->roles_visited) {
        end(s, UP_DELEGATION_LIMIT);
        return;
    }
    enum up_err e = up_snapshot_find(s->trust->file[UP_SNAPSHOT].body, d->name, &s->named);
    if (e != UP_OK) {
        end(s, e);
        return;
    }
    s->visited++;
    s->level[++s->depth] = (struct up_search_level){.role = d->name, .terminating = d->terminating};
    s->wanted = d->name;
    s->ring = d->ring;
    s->needs = true;
}

/* From a role whose own list does not have the image, to the next role in preorder. */
static void advance(struct up_search *s)
{
    const bool visit_children =
        (s->trust->policy->profile->relax & UP_RELAX_TERMINATING_VISITS_CHILDREN) != 0;
    for (;;) {
        struct up_search_level *l = &s->level[s->depth];
        struct up_delegation d;
        bool closed = l->terminating && !visit_children;
        if (closed || l->delegations.p == NULL || !up_delegation_get(l->delegations, l->next, &d)) {
            if (l->terminating || s->depth == 0) {
                end(s, UP_TARGET_NOT_FOUND);
                return;
            }
            s->depth--;
            continue;
        }
        l->next++;
        if (!up_delegation_applies(&d, s->name, s->hardware_id)) continue;
        if (d.name.p == NULL) {
            end(s, UP_UNSUPPORTED);
            return;
        }
        if (!is_on_path(s, d.name)) {
            descend(s, &d);
            return;
        }
        if (d.terminating) { /* a cycle: it says nothing new, but still has the last word */
            end(s, UP_TARGET_NOT_FOUND);
            return;
        }
    }
}

/* The role of the innermost level has spoken: TARGETS is its file. */
static void look(struct up_search *s, const struct up_targets *targets)
{
    s->level[s->depth].delegations = targets->delegations;
    enum up_err e = up_targets_find(targets, s->name, s->trust->policy->profile, &s->target);
    if (e == UP_TARGET_NOT_FOUND)
        advance(s);
    else
        end(s, e);
}

void up_search_begin(struct up_search *s, const struct up_trust *trust, struct up_span name,
                     struct up_span hardware_id)
{
    memset(s, 0, sizeof *s);
    s->trust = trust;
    s->name = name;
    s->hardware_id = hardware_id;
    s->level[0].role = UP_SPAN("targets");
    look(s, &trust->targets);
}

static uint32_t max_bytes(const struct up_search *s)
{
    uint32_t limit = s->trust->policy->limits->image_targets_bytes;
    return s->named.has_length && s->named.length < limit ? s->named.length : limit;
}

bool up_search_needs(const struct up_search *s, struct up_span *role, struct up_want *w)
{
    if (!s->needs) return false;
    bool versioned = (s->trust->policy->profile->relax & UP_RELAX_UNVERSIONED_NAMES) == 0;
    *role = s->wanted;
    *w = (struct up_want){
        .role = UP_TARGETS, .version = versioned ? s->named.version : 0, .max_bytes = max_bytes(s)};
    return true;
}

void up_search_feed(struct up_search *s, struct up_span file, struct up_buf *room, int64_t now_s)
{
    const struct up_policy *p = s->trust->policy;
    struct up_signed opened;
    struct up_targets targets;
    if (!s->needs) return;
    s->needs = false;
    if (file.n > max_bytes(s)) {
        fail(s, UP_TOO_LARGE);
        return;
    }
    enum up_err e = up_accept_targets(p, &s->named, &s->ring, file, room, &opened, &targets);
    if (e == UP_OK) e = up_accept_expiry(targets.head.expires_s, now_s);
    if (e != UP_OK)
        fail(s, e);
    else
        look(s, &targets);
}

void up_search_absent(struct up_search *s)
{
    if (s->needs) fail(s, UP_UNAVAILABLE);
}

enum up_err up_search_verdict(const struct up_search *s, struct up_target *target, struct up_span *role)
{
    if (s->needs) return UP_PRECONDITION;
    if (s->verdict != UP_OK) return s->verdict;
    *target = s->target;
    *role = s->level[s->depth].role;
    return UP_OK;
}
