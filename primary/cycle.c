#include "primary/cycle.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "metadata/encode.h"
#include "metadata/json.h"
#include "primary/plant.h"

typedef enum pri_verdict step_function(struct pri *p, bool enter);

/* A step that WAITs stays. FAILED: the problem is told and remembered; the cycle goes on where the table
 * says, so that every failure still reaches the Director. */
static const struct {
    const char *name;
    step_function *step;
    enum pri_cycle_state done, nothing, failed;
} table[PRI_CY_STATES] = {
    [PRI_CY_ASK] = {"ask", pri_step_ask, PRI_CY_RECOVER, PRI_CY_RECOVER, PRI_CY_RECOVER},
    [PRI_CY_RECOVER] = {"recover", pri_step_recover, PRI_CY_TIME, PRI_CY_TIME, PRI_CY_TIME},
    [PRI_CY_TIME] = {"time", pri_step_time, PRI_CY_MANIFEST, PRI_CY_MANIFEST, PRI_CY_MANIFEST},
    [PRI_CY_MANIFEST] = {"manifest", pri_step_manifest, PRI_CY_DIRECTOR, PRI_CY_DIRECTOR, PRI_CY_END},
    [PRI_CY_DIRECTOR] = {"director", pri_step_director, PRI_CY_PLAN, PRI_CY_PLAN, PRI_CY_RESTORE},
    [PRI_CY_PLAN] = {"plan", pri_step_plan, PRI_CY_IMAGES, PRI_CY_INFORM, PRI_CY_RESTORE},
    [PRI_CY_IMAGES] = {"images", pri_step_images, PRI_CY_RESOLVE, PRI_CY_RESOLVE, PRI_CY_RESTORE},
    [PRI_CY_RESOLVE] = {"resolve", pri_step_resolve, PRI_CY_DOWNLOAD, PRI_CY_DOWNLOAD, PRI_CY_RESTORE},
    [PRI_CY_DOWNLOAD] = {"download", pri_step_download, PRI_CY_BACKUP, PRI_CY_END, PRI_CY_RESTORE},
    [PRI_CY_BACKUP] = {"backup", pri_step_backup, PRI_CY_UPDATE, PRI_CY_UPDATE, PRI_CY_UPDATE},
    [PRI_CY_UPDATE] = {"update", pri_step_update, PRI_CY_INFORM, PRI_CY_INFORM, PRI_CY_RESTORE},
    [PRI_CY_INFORM] = {"inform", pri_step_inform, PRI_CY_RESTORE, PRI_CY_RESTORE, PRI_CY_RESTORE},
    [PRI_CY_RESTORE] = {"restore", pri_step_restore, PRI_CY_REPORT, PRI_CY_REPORT, PRI_CY_REPORT},
    [PRI_CY_REPORT] = {"report", pri_step_report, PRI_CY_DELIVER, PRI_CY_END, PRI_CY_DELIVER},
    [PRI_CY_DELIVER] = {"deliver", pri_step_manifest, PRI_CY_END, PRI_CY_END, PRI_CY_END},
    [PRI_CY_END] = {"end", NULL, PRI_CY_END, PRI_CY_END, PRI_CY_END},
};

uint64_t pri_ms(const struct pri *p)
{
    return p->now_us / 1000u;
}

void pri_tell(struct pri *p, const char *ecu, const char *what, enum up_err err, const char *detail)
{
    struct pri_event e = {.time_s = p->clock.attested_s > 0 ? up_clock_now(&p->clock, pri_ms(p)) : 0,
                          .cycle = p->cycle,
                          .ecu = ecu,
                          .what = what,
                          .err = err,
                          .detail = detail};
    if (pri_history_add(p->ports.state, &e) != UP_OK && p->outcome.err == UP_OK)
        p->outcome.err = UP_STORAGE_WRITE;
    if (p->ports.event != NULL) p->ports.event(p->ports.ctx, &e);
}

void pri_show(struct pri *p, const char *ecu, const char *what, uint64_t done, uint64_t total)
{
    struct pri_progress progress = {.ecu = ecu, .what = what, .done = done, .total = total};
    if (p->ports.progress != NULL) p->ports.progress(p->ports.ctx, &progress);
}

/* ---- opening ---- */

static enum up_err judge_ecu(void *ctx, struct up_span serial, struct up_span hardware_id)
{
    const struct pri *p = ctx;
    if (up_span_is(serial, p->config->serial))
        return up_span_is(hardware_id, p->config->hardware_id) ? UP_OK : UP_IMG_HWID;
    for (unsigned i = 0; i < p->config->ecu_count; i++)
        if (up_span_is(serial, p->config->ecus[i].serial))
            return up_span_is(hardware_id, p->config->ecus[i].hardware_id) ? UP_OK : UP_IMG_HWID;
    return UP_DIR_UNKNOWN_ECU;
}

static uint64_t load_boots(struct pri *p)
{
    struct up_span value;
    uint64_t n = 0;
    if (pri_state_get(p->ports.state, "boots", &value) != UP_OK) return 0;
    for (size_t i = 0; i < value.n && value.p[i] >= '0' && value.p[i] <= '9'; i++)
        n = n * 10 + (value.p[i] - '0');
    free((void *)(uintptr_t)value.p);
    return n;
}

static void load_clock(struct pri *p)
{
    struct up_span text, value;
    uint8_t keys[UP_SHA256_BYTES] = {0};
    int64_t attested = 0;
    if (pri_state_get(p->ports.state, "clock", &text) == UP_OK) {
        struct up_json j;
        if (up_json_find(text, "attested_s", &value)) {
            up_json_open(&j, value);
            attested = up_json_int(&j, 0, INT64_MAX / 2);
        }
        bool known =
            up_json_find(text, "keys", &value) && value.n == 2 * UP_SHA256_BYTES + 2 &&
            up_hex_decode((struct up_span){value.p + 1, value.n - 2}, keys, sizeof keys) == UP_SHA256_BYTES;
        if (!known) attested = 0; /* damaged: the plant's time is the floor again */
        free((void *)(uintptr_t)text.p);
    }
    up_clock_init(&p->clock, p->config->base_time_s, attested, keys);
}

static bool open_chains(struct pri *p, struct pri_problem *problem)
{
    struct {
        struct pri_chain *chain;
        enum up_repo repo;
        const struct pri_repo_config *config;
    } const both[] = {{&p->director, UP_DIRECTOR, &p->config->director},
                      {&p->images, UP_IMAGE, &p->config->image}};
    for (size_t i = 0; i < 2; i++) {
        struct pri_chain *c = both[i].chain;
        c->policy.vehicle_id = up_span_of(p->config->vehicle_id);
        c->policy.judge_ecu = both[i].repo == UP_DIRECTOR ? judge_ecu : NULL;
        c->policy.ctx = p;
        enum up_err e = pri_chain_open(c, both[i].repo, both[i].config, p->ports.state, p->ports.fetch);
        if (e == UP_OK) continue;
        if (c->problem.err == UP_OK)
            pri_problem_set(&c->problem, e, "%s chain: %s", up_repo_name(both[i].repo), up_err_text(e));
        *problem = c->problem;
        return false;
    }
    p->director.on_root = pri_on_root;
    p->director.ctx = p;
    up_clock_on_root(&p->clock, &p->director.trust.root);
    return true;
}

struct pri *pri_open(const struct pri_config *config, const struct pri_ports *ports,
                     struct pri_problem *problem)
{
    struct pri *p = calloc(1, sizeof *p);
    if (p == NULL) {
        pri_problem_set(problem, UP_STORAGE_FULL, "out of memory");
        return NULL;
    }
    p->config = config;
    p->ports = *ports;
    p->at = PRI_CY_END;
    int n = snprintf(p->images_dir, sizeof p->images_dir, "%s/images", config->state_dir);
    bool fits = n >= 0 && (size_t)n < sizeof p->images_dir - 2 * UP_SHA512_BYTES - 1;
    if (!fits || (mkdir(p->images_dir, 0700) != 0 && errno != EEXIST)) {
        pri_problem_set(problem, UP_CONFIG, "[primary] state_dir: %s: %s",
                        fits ? "cannot be created" : "too long", p->images_dir);
        free(p);
        return NULL;
    }
    p->boots = load_boots(p) + 1;
    load_clock(p);
    enum up_err e = pri_fleet_open(&p->fleet, config, ports->links);
    for (unsigned b = 0; b < config->bus_count; b++) p->fleet.nodes[b].clock_us = ports->clock_us;
    for (unsigned i = 0; e == UP_OK && i < config->ecu_count; i++) {
        p->fleet.ecus[i].badge = ports->badge;
        p->fleet.ecus[i].secret = ports->secrets == NULL ? NULL : ports->secrets[i];
    }
    if (e != UP_OK) pri_problem_set(problem, e, "out of memory");
    if (e != UP_OK || !open_chains(p, problem)) {
        pri_close(p);
        return NULL;
    }
    return p;
}

void pri_close(struct pri *p)
{
    if (p == NULL) return;
    if (p->transfer != NULL) p->ports.fetch->drop(p->ports.fetch, p->transfer);
    pri_download_cancel(&p->download);
    pri_release_parcels(p);
    pri_plan_close(&p->plan);
    pri_shelf_clear(&p->shelf);
    pri_chain_close(&p->director);
    pri_chain_close(&p->images);
    pri_fleet_close(&p->fleet);
    free(p);
}

/* ---- running ---- */

static void begin_rows(struct pri *p)
{
    p->outcome = (struct pri_outcome){.rows = p->config->ecu_count + 1};
    for (unsigned m = 0; m < p->outcome.rows; m++) {
        const struct pri_ecu_config *ecu = m == 0 ? NULL : &p->config->ecus[m - 1];
        p->outcome.row[m].serial = m == 0 ? p->config->serial : ecu->serial;
        p->outcome.row[m].hardware_id = m == 0 ? p->config->hardware_id : ecu->hardware_id;
        p->outcome.row[m].full = m == 0 || ecu->full;
    }
}

enum up_err pri_plant(struct pri *p, const char *folder, struct pri_problem *problem)
{
    return pri_plant_metadata(&p->director, &p->images, folder, p->config->base_time_s, problem);
}

/* What was found when the chains were opened, told once. */
static void tell_damage(struct pri *p, struct pri_chain *c)
{
    if (c->damage.err != UP_OK) pri_tell(p, "", "restore", c->damage.err, c->damage.what);
    c->damage = (struct pri_problem){0};
}

void pri_begin(struct pri *p, enum pri_goal goal, uint64_t now_us)
{
    assert(p->at == PRI_CY_END); /* one cycle at a time */
    p->now_us = now_us;
    p->goal = goal;
    p->cycle = p->cycle == 0 ? p->boots * 1000000u : p->cycle + 1;
    p->at = PRI_CY_ASK;
    p->entered = p->changed = p->attested = false;
    p->rounds = 1;
    p->recovered = false;
    memset(p->unsettled, 0, sizeof p->unsettled);
    memset(p->no_backup, 0, sizeof p->no_backup);
    p->bundle_count = 0;
    p->attestation_bytes = 0;
    pri_release_parcels(p);
    pri_plan_close(&p->plan);
    pri_shelf_clear(&p->shelf);
    p->correlation_id[0] = '\0';
    begin_rows(p);
    tell_damage(p, &p->director);
    tell_damage(p, &p->images);
}

void pri_tell_problem(struct pri *p, const struct pri_problem *problem)
{
    if (p->outcome.err == UP_OK) {
        p->outcome.err = problem->err;
        (void)snprintf(p->outcome.detail, sizeof p->outcome.detail, "%s", problem->what);
    }
    pri_remember_attack(p, problem);
    pri_tell(p, "", table[p->at].name, problem->err, problem->what);
    p->changed = true;
}

static void count_rows(struct pri_outcome *o)
{
    for (unsigned m = 0; m < o->rows; m++) {
        o->updated += o->row[m].updated;
        o->pending += o->row[m].ordered && !o->row[m].updated;
    }
}

static void leave(struct pri *p, enum pri_verdict v)
{
    enum pri_cycle_state next = v == PRI_DONE      ? table[p->at].done
                                : v == PRI_NOTHING ? table[p->at].nothing
                                                   : table[p->at].failed;
    if (v == PRI_FAILED) pri_tell_problem(p, &p->problem);
    if (v == PRI_AGAIN) {
        p->rounds++;
        next = PRI_CY_ASK;
    }
    if (next == PRI_CY_END) count_rows(&p->outcome);
    p->at = next;
    p->entered = false;
}

bool pri_step(struct pri *p, uint64_t now_us)
{
    p->now_us = now_us;
    pri_fleet_pump(&p->fleet, now_us);
    while (p->at != PRI_CY_END) {
        bool enter = !p->entered;
        p->entered = true;
        if (enter) p->problem = (struct pri_problem){0};
        enum pri_verdict v = table[p->at].step(p, enter);
        if (v == PRI_WAIT) break;
        leave(p, v);
    }
    p->busy = pri_fleet_busy(&p->fleet);
    if (pri_fleet_due(&p->fleet, now_us) == 0) pri_fleet_pump(&p->fleet, now_us); /* what the steps asked */
    return p->at != PRI_CY_END;
}

/* A Secondary or a server will answer, or fail to: the loop hears of it. */
static bool waits_for_others(const struct pri *p)
{
    return pri_fleet_busy(&p->fleet) > 0 || p->transfer != NULL || p->director.transfer != NULL ||
           p->images.transfer != NULL || p->plan.transfer != NULL || p->download.transfer != NULL;
}

/* Our own slot takes an image, piece by piece. */
static bool is_copying(const struct pri *p)
{
    const struct pri_member *self = &p->members[0];
    return p->at == PRI_CY_UPDATE && self->errand == PRI_PREPARE && self->verdict == PRI_WAIT;
}

uint32_t pri_due(const struct pri *p, uint64_t now_us)
{
    bool news = pri_fleet_busy(&p->fleet) != p->busy; /* since the steps had their turn */
    if (p->at != PRI_CY_END && (news || is_copying(p) || !waits_for_others(p))) return 0;
    return pri_fleet_due(&p->fleet, now_us);
}

unsigned pri_descriptors(const struct pri *p, struct pollfd *out)
{
    unsigned n = 0;
    for (unsigned b = 0; b < p->config->bus_count; b++) {
        const struct isotp_node *node = &p->fleet.nodes[b];
        if (node->down || node->link->fd < 0 || pri_fleet_gathers(&p->fleet, b)) continue;
        out[n++] = (struct pollfd){.fd = node->link->fd,
                                   .events = (short)(node->blocked ? POLLIN | POLLOUT : POLLIN)};
    }
    return n;
}

bool pri_links_up(const struct pri *p)
{
    for (unsigned b = 0; b < p->config->bus_count; b++)
        if (p->fleet.nodes[b].down) return false;
    return true;
}

const struct pri_outcome *pri_result(const struct pri *p)
{
    return &p->outcome;
}
const char *pri_where(const struct pri *p)
{
    return table[p->at].name;
}
const struct up_clock *pri_clock(const struct pri *p)
{
    return &p->clock;
}
const struct up_trust *pri_trust(const struct pri *p, enum up_repo repo)
{
    return repo == UP_DIRECTOR ? &p->director.trust : &p->images.trust;
}
