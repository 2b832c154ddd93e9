#include "sim/tamper.h"

#include <string.h>

/* Which one of next()'s sources: in this order. */
struct choice {
    enum { NOTHING, HELD, BURST, RULE } kind;
    size_t index;
};

void sim_tamper_init(struct sim_tamper *t, const struct sim_rule *rules, size_t count)
{
    memset(t, 0, sizeof *t);
    t->rules = count < SIM_RULES_MAX ? count : SIM_RULES_MAX;
    for (size_t i = 0; i < t->rules; i++)
        t->armed[i] = (struct sim_armed){.rule = rules[i], .due_ns = rules[i].begin_ns};
}

/* --- chance: a number for each frame and each thing that may happen to it --- */

enum { HOW_CORRUPT = SIM_DEEDS, HOW_SPOOF, WHERE_ERROR, OF_RULES = 32, HOW_RULES = 64, DRAWS = 128 };

static uint64_t mix(uint64_t z) /* SplitMix64 */
{
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static uint64_t draw(const struct sim_tamper *t, uint64_t seed, unsigned what)
{
    return mix(mix(seed) + (t->frames * DRAWS + what + 1) * UINT64_C(0x9E3779B97F4A7C15));
}

static bool happens(const struct sim_tamper *t, uint64_t seed, unsigned what, uint32_t ppm)
{
    return ppm > 0 && draw(t, seed, what) % SIM_ALWAYS_PPM < ppm;
}

/* --- deeds --- */

/* Flips one to three neighbouring bits of the payload, chosen by R. */
static void corrupt(struct isotp_frame *f, uint64_t r)
{
    unsigned bits = f->len * 8u;
    unsigned flips = 1 + (unsigned)(r >> 32) % 3;

    for (unsigned i = 0; bits > 0 && i < flips; i++) {
        unsigned bit = ((unsigned)(r & 0xFFF) + i) % bits;
        f->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void alter(struct isotp_frame *f, const struct sim_rule *r)
{
    for (unsigned i = 0; i < r->bytes && r->at + i < f->len; i++) f->data[r->at + i] = r->value[i];
}

static struct isotp_frame in_its_name(const struct isotp_frame *f, uint64_t r)
{
    struct isotp_frame fake = *f;
    for (unsigned i = 0; i < fake.len; i++) fake.data[i] = (uint8_t)(mix(r + i / 8) >> i % 8 * 8);
    return fake;
}

/* False: no room. */
static bool hold(struct sim_tamper *t, const struct isotp_frame *f, int from, uint64_t at_ns, uint32_t behind)
{
    if (t->helds == SIM_HELD_MAX) return false;
    t->held[t->helds++] = (struct sim_held){.frame = *f, .from = from, .at_ns = at_ns, .behind = behind};
    return true;
}

static void keep_back(struct sim_tamper *t, enum sim_deed deed, struct sim_fate *fate,
                      const struct isotp_frame *f, int from, uint64_t at_ns, uint32_t behind)
{
    if (fate->drop || !hold(t, f, from, at_ns, behind)) return;
    fate->drop = true;
    t->done[deed]++;
}

#define REORDER_NS UINT64_C(10000000) /* when nothing follows that could overtake it */
#define AT_ONCE    0
#define ANY_NUMBER UINT32_MAX /* may pass: it waits for its time */

static void by_chance(struct sim_tamper *t, const struct sim_bus_faults *c, struct isotp_frame *f, int port,
                      uint64_t now_ns, struct sim_fate *fate)
{
    if (happens(t, c->seed, SIM_CORRUPT, c->corrupt_ppm)) {
        corrupt(f, draw(t, c->seed, HOW_CORRUPT));
        t->done[SIM_CORRUPT]++;
    }
    if (happens(t, c->seed, SIM_DELAY, c->delay_ppm)) {
        fate->stall_ns = c->delay_ns;
        t->done[SIM_DELAY]++;
    }
    if (happens(t, c->seed, SIM_SPOOF, c->spoof_ppm)) {
        struct isotp_frame fake = in_its_name(f, draw(t, c->seed, HOW_SPOOF));
        if (hold(t, &fake, -1, AT_ONCE, 0)) t->done[SIM_SPOOF]++;
    }
    if (happens(t, c->seed, SIM_FLOOD, c->flood_ppm)) t->flood_left += c->flood_frames;
    if (happens(t, c->seed, SIM_DROP, c->drop_ppm)) {
        fate->drop = true;
        t->done[SIM_DROP]++;
    }
    if (happens(t, c->seed, SIM_REORDER, c->reorder_ppm))
        keep_back(t, SIM_REORDER, fate, f, port, now_ns + REORDER_NS, 1);
    if (happens(t, c->seed, SIM_DUPLICATE, c->duplicate_ppm)) fate->again = true;
}

static bool fits(const struct sim_rule *r, const struct isotp_frame *f, int port, uint64_t now_ns)
{
    if (r->deed == SIM_SEND || r->deed == SIM_FLOOD) return false;
    if (now_ns < r->begin_ns || now_ns >= r->end_ns) return false;
    if (!r->any_id && (f->id < r->id_first || f->id > r->id_last)) return false;
    if ((r->from >= 0 && r->from != port) || f->len < r->pattern_bytes) return false;
    for (unsigned i = 0; i < r->pattern_bytes; i++)
        if ((f->data[i] & r->mask[i]) != r->pattern[i]) return false;
    return true;
}

static void apply(struct sim_tamper *t, const struct sim_rule *r, uint64_t how, struct isotp_frame *f,
                  int port, uint64_t now_ns, struct sim_fate *fate)
{
    switch (r->deed) {
    case SIM_CORRUPT:
        corrupt(f, how);
        break;
    case SIM_ALTER:
        alter(f, r);
        break;
    case SIM_DELAY:
    case SIM_REORDER:
        keep_back(t, r->deed, fate, f, port, now_ns + r->ns, r->deed == SIM_REORDER ? 1 : ANY_NUMBER);
        return;
    case SIM_SPOOF: {
        struct isotp_frame fake = r->random_frame ? in_its_name(f, how) : r->frame;
        if (!hold(t, &fake, -1, AT_ONCE, 0)) return;
        break;
    }
    case SIM_ERROR:
        fate->error = true;
        return;
    case SIM_DUPLICATE:
        fate->again = true;
        return;
    default:
        fate->drop = true;
        break;
    }
    t->done[r->deed]++;
}

static void by_rules(struct sim_tamper *t, uint64_t seed, bool errors, struct isotp_frame *f, int port,
                     uint64_t now_ns, struct sim_fate *fate)
{
    for (size_t i = 0; i < t->rules; i++) {
        struct sim_armed *a = &t->armed[i];
        const struct sim_rule *r = &a->rule;
        if ((r->deed == SIM_ERROR) != errors || !fits(r, f, port, now_ns) || a->fits++ < r->skip) continue;
        if (r->count > 0 && a->hits == r->count) continue;
        if (!happens(t, seed, OF_RULES + (unsigned)i, r->chance_ppm)) continue;
        a->hits++;
        apply(t, r, draw(t, seed, HOW_RULES + (unsigned)i), f, port, now_ns, fate);
    }
}

struct sim_fate sim_tamper_judge(struct sim_tamper *t, const struct sim_bus_faults *chance,
                                 struct isotp_frame *f, int port, uint64_t now_ns)
{
    struct sim_fate fate = {.where = (uint32_t)draw(t, chance->seed, WHERE_ERROR)};

    fate.error = happens(t, chance->seed, SIM_ERROR, chance->error_ppm);
    by_rules(t, chance->seed, true, f, port, now_ns, &fate);
    if (fate.error) { /* nobody receives it, and it comes again: to be judged then */
        t->done[SIM_ERROR]++;
    } else {
        for (size_t i = 0; i < t->helds; i++) {
            if (t->held[i].behind > 0 && t->held[i].behind != ANY_NUMBER) t->held[i].behind--;
        }
        by_chance(t, chance, f, port, now_ns, &fate);
        by_rules(t, chance->seed, false, f, port, now_ns, &fate);
        fate.again = fate.again && !fate.drop;
        if (fate.again) t->done[SIM_DUPLICATE]++;
    }
    t->frames++;
    return fate;
}

/* --- the attacker's own frames --- */

static bool held_ready(const struct sim_held *h, uint64_t now_ns)
{
    return h->behind == 0 || h->at_ns <= now_ns;
}

static struct choice choose(const struct sim_tamper *t, uint64_t now_ns)
{
    for (size_t i = 0; i < t->helds; i++)
        if (held_ready(&t->held[i], now_ns)) return (struct choice){HELD, i};
    if (t->flood_left > 0 && t->flood_due_ns <= now_ns) return (struct choice){BURST, 0};
    for (size_t i = 0; i < t->rules; i++) {
        const struct sim_armed *a = &t->armed[i];
        bool own = a->rule.deed == SIM_SEND || a->rule.deed == SIM_FLOOD;
        if (own && a->due_ns <= now_ns) return (struct choice){RULE, i};
    }
    return (struct choice){NOTHING, 0};
}

const struct isotp_frame *sim_tamper_next(const struct sim_tamper *t, uint64_t now_ns, int *from)
{
    static const struct isotp_frame first = {.len = 8}; /* no identifier is smaller */
    struct choice c = choose(t, now_ns);

    *from = c.kind == HELD ? t->held[c.index].from : -1;
    if (c.kind == HELD) return &t->held[c.index].frame;
    if (c.kind == RULE) return &t->armed[c.index].rule.frame;
    return c.kind == BURST ? &first : NULL;
}

/* When the rule's next frame is due, after one that ended at END. */
static uint64_t after(const struct sim_armed *a, uint64_t end_ns)
{
    const struct sim_rule *r = &a->rule;
    uint64_t due = r->deed == SIM_FLOOD ? end_ns : a->due_ns + r->ns;

    if ((r->count > 0 && a->hits == r->count) || (r->deed == SIM_SEND && r->ns == 0)) return SIM_NEVER;
    return due < r->end_ns ? due : SIM_NEVER;
}

void sim_tamper_sent(struct sim_tamper *t, uint64_t now_ns, uint64_t end_ns)
{
    struct choice c = choose(t, now_ns);

    if (c.kind == HELD) {
        t->helds--;
        memmove(&t->held[c.index], &t->held[c.index + 1], (t->helds - c.index) * sizeof *t->held);
    } else if (c.kind == BURST) {
        t->flood_left--;
        t->flood_due_ns = end_ns;
        t->done[SIM_FLOOD]++;
    } else if (c.kind == RULE) {
        struct sim_armed *a = &t->armed[c.index];
        a->hits++;
        a->due_ns = after(a, end_ns);
        t->done[a->rule.deed]++;
    }
}

uint64_t sim_tamper_due(const struct sim_tamper *t)
{
    uint64_t due = t->flood_left > 0 ? t->flood_due_ns : SIM_NEVER;

    for (size_t i = 0; i < t->helds; i++) {
        uint64_t at = t->held[i].behind == 0 ? 0 : t->held[i].at_ns;
        if (at < due) due = at;
    }
    for (size_t i = 0; i < t->rules; i++) {
        const struct sim_armed *a = &t->armed[i];
        bool own = a->rule.deed == SIM_SEND || a->rule.deed == SIM_FLOOD;
        if (own && a->due_ns < due) due = a->due_ns;
    }
    return due;
}
