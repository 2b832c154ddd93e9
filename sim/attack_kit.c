#include "sim/attack_kit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metadata/encode.h"
#include "sim/json_tree.h"

/* ---- the story ---- */

void sim_attack_note(struct sim_attack_result *r, const char *who, enum up_err expected, enum up_err got,
                     const char *format, ...)
{
    if (r->steps == SIM_ATTACK_STEPS) return;
    struct sim_attack_step *s = &r->step[r->steps++];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(s->what, sizeof s->what, format, args);
    va_end(args);
    (void)snprintf(s->who, sizeof s->who, "%s", who);
    s->expected = expected;
    s->got = got;
    s->as_expected = expected == got;
}

void sim_attack_trouble(struct sim_attack_result *r, const char *why)
{
    (void)snprintf(r->trouble, sizeof r->trouble, "%.*s", (int)sizeof r->trouble - 1, why);
}

enum up_err sim_attack_cycle(struct sim_vehicle *v)
{
    const struct pri_outcome *o = sim_vehicle_cycle(v, PRI_UPDATE);
    return o == NULL ? UP_TOO_SLOW : o->err;
}

void sim_attack_runs(struct sim_vehicle *v, struct sim_attack_result *r, unsigned ecu, unsigned version)
{
    char name[UP_NAME_MAX + 1], wanted[UP_NAME_MAX + 1];
    uint32_t counter;
    sim_vehicle_running(v, ecu, name, &counter);
    sim_world_image_name(&sim_world_ecus[ecu], version, wanted);
    bool same = strcmp(name, wanted) == 0;
    sim_attack_note(r, sim_world_ecus[ecu].serial, UP_OK, same ? UP_OK : UP_INSTALL, "runs %s", name);
}

void sim_attack_all_run(struct sim_vehicle *v, struct sim_attack_result *r, unsigned version)
{
    for (unsigned ecu = 0; ecu < SIM_WORLD_ECUS; ecu++) sim_attack_runs(v, r, ecu, version);
}

void sim_attack_meddle(struct sim_vehicle *v,
                       void (*tamper)(void *, const struct sim_request *, struct sim_reply *), void *ctx)
{
    sim_backend_tamper(sim_vehicle_backend(v), tamper, ctx);
}

bool sim_attack_order(struct sim_vehicle *v, struct sim_attack_result *r, unsigned version)
{
    bool good = sim_vehicle_order(v, version);
    if (!good) sim_attack_trouble(r, sim_vehicle_world(v)->why);
    return good;
}

void sim_attack_heals(struct sim_vehicle *v, struct sim_attack_result *r, unsigned version)
{
    if (!sim_attack_order(v, r, version)) return;
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "honest update to %u.0 afterwards", version);
    sim_attack_all_run(v, r, version);
}

void sim_attack_is_told(struct sim_vehicle *v, struct sim_attack_result *r, unsigned ecu, const char *what)
{
    struct sim_director *d = sim_backend_director(sim_vehicle_backend(v));
    const char *serial = sim_world_ecus[ecu].serial;
    struct sim_ecus ecus = {0};
    bool told = false;
    (void)sim_vehicle_cycle(v, PRI_CHECK);
    if (!sim_inventory_ecus(sim_director_inventory(d), SIM_WORLD_VEHICLE, &ecus))
        sim_attack_trouble(r, "inventory");
    for (size_t i = 0; i < ecus.n; i++)
        told |=
            strcmp(ecus.ecu[i].serial, serial) == 0 && strncmp(ecus.ecu[i].attacks, what, strlen(what)) == 0;
    sim_ecus_free(&ecus);
    sim_attack_note(r, serial, UP_OK, told ? UP_OK : UP_UNAVAILABLE, "the Director has heard of %s", what);
}

/* ---- the network ---- */

bool sim_attack_copy_reply(struct sim_reply *to, const struct sim_reply *from)
{
    *to = (struct sim_reply){from->status, malloc(from->body_bytes + 1), from->body_bytes};
    if (to->body == NULL) return false;
    if (from->body_bytes > 0) memcpy(to->body, from->body, from->body_bytes);
    return true;
}

/* ---- the repositories ---- */

bool sim_attack_open_repo(struct sim_vehicle *v, struct sim_attack_result *r, struct sim_repo *repo)
{
    bool good = sim_repo_open(repo, sim_vehicle_world(v)->repos);
    if (!good) sim_attack_trouble(r, repo->why);
    repo->seed = sim_vehicle_world(v)->seed;
    return good;
}

bool sim_attack_foreign_order(struct sim_vehicle *v, const char *image, const char *hardware, unsigned ecu,
                              char *text, size_t size)
{
    const struct sim_world_ecu *victim = &sim_world_ecus[ecu];
    struct sim_repo repo;
    if (!sim_repo_open(&repo, sim_vehicle_world(v)->repos)) return false;
    cJSON *target = sim_repo_find(&repo, image, hardware), *targets = cJSON_CreateObject();
    cJSON *custom = cJSON_GetObjectItemCaseSensitive(target, "custom");
    cJSON *about = cJSON_AddObjectToObject(cJSON_AddObjectToObject(custom, "ecuIdentifiers"), victim->serial);
    cJSON_AddStringToObject(about, "hardwareId", victim->hardware_id);
    cJSON_AddItemToObject(targets, image, target);
    sim_json_sort(targets);
    char *json = cJSON_PrintUnformatted(targets);
    int n = json == NULL || target == NULL ? -1 : snprintf(text, size, "/targets=%s", json);
    cJSON_free(json);
    cJSON_Delete(targets);
    return n > 0 && (size_t)n < size;
}

/* ---- the bus ---- */

static struct up_span fetch(struct sim_vehicle *v, struct sim_loot *l, const char *from, const char *to,
                            struct up_span body)
{
    struct sim_reply reply = sim_vehicle_ask(v, body.p == NULL ? "GET" : "POST", from, body);
    if (l->count == sizeof l->body / sizeof *l->body || reply.status != 200) {
        free(reply.body);
        return (struct up_span){0};
    }
    (void)snprintf(l->file[l->count].path, sizeof l->file[l->count].path, "%s", to);
    l->body[l->count] = reply.body;
    l->file[l->count].bytes = (struct up_span){reply.body, reply.body_bytes};
    return l->file[l->count++].bytes;
}

/* The version that FILE gives to NAME. */
static unsigned named(struct up_span file, const char *name)
{
    cJSON *j = cJSON_ParseWithLength((const char *)file.p, file.n);
    cJSON *meta = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(j, "signed"), "meta");
    cJSON *version =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(meta, name), "version");
    unsigned n = cJSON_IsNumber(version) ? (unsigned)version->valuedouble : 0;
    cJSON_Delete(j);
    return n;
}

static struct up_span fetch_chain(struct sim_vehicle *v, struct sim_loot *l, const char *at, const char *repo,
                                  bool full)
{
    char from[64], to[64];
    struct sim_loot aside = {0}, *where = full ? l : &aside;
    (void)snprintf(from, sizeof from, "/%s/timestamp.json", at);
    (void)snprintf(to, sizeof to, "%s/timestamp", repo);
    struct up_span timestamp = fetch(v, where, from, to, (struct up_span){0});
    (void)snprintf(from, sizeof from, "/%s/%u.snapshot.json", at, named(timestamp, "snapshot.json"));
    (void)snprintf(to, sizeof to, "%s/snapshot", repo);
    struct up_span snapshot = fetch(v, where, from, to, (struct up_span){0});
    (void)snprintf(from, sizeof from, "/%s/%u.targets.json", at, named(snapshot, "targets.json"));
    (void)snprintf(to, sizeof to, "%s/targets", repo);
    struct up_span targets = fetch(v, l, from, to, (struct up_span){0});
    for (unsigned i = 0; i < aside.count; i++) free(aside.body[i]);
    return targets;
}

void sim_attack_loot(struct sim_vehicle *v, unsigned ecu, struct sim_loot *l)
{
    const bool full = sim_world_ecus[ecu].full;
    *l = (struct sim_loot){.count = 0};
    up_sha256(fetch_chain(v, l, "director", "director", full), l->order);
    if (full) (void)fetch_chain(v, l, "repo", "image", true);
}

void sim_attack_loot_free(struct sim_loot *l)
{
    for (unsigned i = 0; i < l->count; i++) free(l->body[i]);
    l->count = 0;
}

enum up_err sim_attack_on_bus(struct sim_vehicle *v, unsigned ecu, struct sim_loot *l, struct up_span image)
{
    static const enum pri_errand errands[] = {PRI_PREPARE, PRI_ACTIVATE, PRI_CONFIRM};
    const struct pri_ecu *told;
    struct sim_tester *t = sim_vehicle_tester(v, ecu);
    if (t == NULL || sim_tester_send(t, PRI_IDENTIFY, NULL, &told) != PRI_DONE) {
        sim_tester_close(t);
        return UP_UNAVAILABLE;
    }
    char nonces[64 + 2 * UP_NONCE_BYTES] = "{\"nonces\":[\"";
    up_hex_encode(told->nonce, UP_NONCE_BYTES, nonces + 12);
    memcpy(nonces + 12 + 2 * UP_NONCE_BYTES, "\"]}", 4);
    (void)fetch(v, l, "/time", "time", up_span_of(nonces));
    struct pri_parcel parcel = {.files = l->file, .count = l->count, .image = image, .must_order = true};
    memcpy(parcel.order, l->order, sizeof parcel.order);
    enum up_err e = UP_OK;
    for (size_t i = 0; i < 3 && e == UP_OK; i++)
        if (sim_tester_send(t, errands[i], &parcel, &told) != PRI_DONE) e = told->problem.err;
    sim_tester_close(t);
    return e;
}
