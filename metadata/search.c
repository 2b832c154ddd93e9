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

static bool is_tuf_order(const struct up_search *s)
{
    return up_relaxes(s->trust->policy->profile, UP_RELAX_TERMINATING_VISITS_CHILDREN);
}

/* TUF visits no role twice, whoever delegates to it; Uptane only breaks cycles. */
static bool was_visited(const struct up_search *s, struct up_span role)
{
    const struct up_span *seen = s->trust->policy->seen;
    for (unsigned i = 0; is_tuf_order(s) && seen != NULL && i < s->visited; i++)
        if (up_json_cmp(seen[i], role) == 0) return true;
    return false;
}

/* Room for one level more below the current one? */
static bool may_go_deeper(const struct up_search *s)
{
    unsigned deepest = s->trust->policy->limits->delegation_depth;
    return s->depth < (deepest < UP_SEARCH_DEPTH ? deepest : UP_SEARCH_DEPTH);
}

/* Asks for the file of role NAME, which an applicable delegation names. */
static void descend(struct up_search *s, struct up_span name, const struct up_keyring *ring, bool terminating)
{
    const struct up_policy *p = s->trust->policy;
    if (!may_go_deeper(s) || s->visited >= p->limits->roles_visited) {
        end(s, UP_DELEGATION_LIMIT);
        return;
    }
    enum up_err e = up_snapshot_find(s->trust->file[UP_SNAPSHOT].body, name, &s->named);
    if (e != UP_OK) {
        end(s, e);
        return;
    }
    if (p->seen != NULL) p->seen[s->visited] = name;
    s->visited++;
    s->level[++s->depth] = (struct up_search_level){.role = name, .terminating = terminating};
    s->wanted = name;
    s->ring = *ring;
    s->needs = true;
}

/* The search below the innermost multi-role delegation, or the whole search, has come to ANSWER (NULL: nobody
 * has the image). True: there is more to hear. */
static bool conclude(struct up_search *s, const struct up_target *answer)
{
    unsigned d = s->depth;
    while (d > 0 && !s->level[d].multi) d--;
    if (d == 0) {
        if (answer != NULL) s->target = *answer;
        end(s, answer != NULL ? UP_OK : UP_TARGET_NOT_FOUND);
        return false;
    }
    const struct up_search_level *l = &s->level[d];
    s->depth = (uint8_t)d;
    if (answer != NULL) s->answer[l->answers + l->next - 1] = answer->text;
    return true;
}

static bool enter_multi(struct up_search *s, const struct up_delegation *d)
{
    struct up_span name;
    struct up_keyring ring;
    unsigned roles = 0;
    while (up_delegation_role(d, roles, &name, &ring)) roles++;
    if (!may_go_deeper(s) || roles > UP_AGREEMENT_MAX - (unsigned)s->answers) {
        end(s, UP_DELEGATION_LIMIT);
        return false;
    }
    s->level[++s->depth] =
        (struct up_search_level){.terminating = d->terminating, .multi = true, .answers = s->answers};
    for (unsigned i = 0; i < roles; i++) s->answer[s->answers++] = (struct up_span){0};
    return true;
}

/* The answer that enough roles agree on. Trying them in listed order finds the group with the earliest role.
 */
static bool agree(struct up_search *s, const struct up_span *answer, unsigned n, unsigned wanted,
                  struct up_target *out, unsigned *speaker)
{
    const struct up_profile *p = s->trust->policy->profile;
    struct up_target other;
    for (unsigned i = 0; i < n; i++) {
        unsigned votes = 0;
        if (answer[i].p == NULL || up_target_read(s->name, answer[i], p, out) != UP_OK) continue;
        for (unsigned k = 0; k < n; k++)
            if (answer[k].p != NULL && up_target_read(s->name, answer[k], p, &other) == UP_OK)
                votes += up_target_agrees(out, &other);
        *speaker = i;
        if (votes >= wanted) return true;
    }
    return false;
}

/* From one role of a multi-role delegation to the next; then to what they agree on. True: go on. */
static bool step_multi(struct up_search *s)
{
    struct up_search_level *l = &s->level[s->depth], *parent = l - 1;
    struct up_delegation d;
    struct up_span name;
    struct up_keyring ring;
    if (!up_delegation_get(parent->delegations, parent->next - 1u, &d)) {
        end(s, UP_SCHEMA);
        return false;
    }
    if (up_delegation_role(&d, l->next, &name, &ring)) {
        l->next++;
        if (is_on_path(s, name)) return true; /* a cycle: it has nothing new to say */
        descend(s, name, &ring, false);
        return false;
    }
    struct up_target agreed;
    unsigned speaker = 0;
    bool found = agree(s, &s->answer[l->answers], l->next, d.agreement, &agreed, &speaker);
    s->answers = l->answers;
    s->depth--;
    if (!found) return d.terminating ? conclude(s, NULL) : true;
    if (up_delegation_role(&d, speaker, &name, &ring)) s->speaker = name;
    return conclude(s, &agreed);
}

/* From a role whose own list does not have the image, to its next delegation that applies. True: go on. */
static bool step_role(struct up_search *s)
{
    struct up_search_level *l = &s->level[s->depth];
    struct up_delegation d;
    bool closed = l->terminating && !is_tuf_order(s);
    if (closed || l->delegations.p == NULL || !up_delegation_get(l->delegations, l->next, &d)) {
        if (l->terminating || s->depth == 0) return conclude(s, NULL);
        s->depth--;
        return true;
    }
    l->next++;
    if (!up_delegation_applies(&d, s->name, s->hardware_id)) return true;
    if (d.name.p == NULL) return enter_multi(s, &d);
    if (was_visited(s, d.name)) return true;
    if (is_on_path(s, d.name))
        return d.terminating ? conclude(s, NULL) : true; /* a cycle, with the last word */
    descend(s, d.name, &d.ring, d.terminating);
    return false;
}

static void advance(struct up_search *s)
{
    bool more = true;
    while (more) more = s->level[s->depth].multi ? step_multi(s) : step_role(s);
}

/* The role of the innermost level has spoken: TARGETS is its file. */
static void look(struct up_search *s, const struct up_targets *targets)
{
    struct up_search_level *l = &s->level[s->depth];
    struct up_target found;
    l->delegations = targets->delegations;
    enum up_err e = up_targets_find(targets, s->name, s->trust->policy->profile, &found);
    if (e != UP_OK && e != UP_TARGET_NOT_FOUND) {
        fail(s, e);
        return;
    }
    if (e == UP_OK) s->speaker = l->role;
    if (e != UP_OK || conclude(s, &found)) advance(s);
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
    *role = s->wanted;
    *w = (struct up_want){.role = UP_TARGETS,
                          .version = s->trust->root.versioned ? s->named.version : 0,
                          .max_bytes = max_bytes(s)};
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
    *role = s->speaker;
    return UP_OK;
}
