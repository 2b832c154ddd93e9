#include "sim/attack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metadata/encode.h"

/* ---- notes ---- */

static void note(struct sim_attack_result *r, const char *who, enum up_err expected, enum up_err got,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
static void note(struct sim_attack_result *r, const char *who, enum up_err expected, enum up_err got,
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

static void trouble(struct sim_attack_result *r, const char *why)
{
    (void)snprintf(r->trouble, sizeof r->trouble, "%.*s", (int)sizeof r->trouble - 1, why);
}

/* A cycle of the Primary; its verdict. */
static enum up_err cycle(struct sim_vehicle *v)
{
    const struct pri_outcome *o = sim_vehicle_cycle(v, PRI_UPDATE);
    return o == NULL ? UP_TOO_SLOW : o->err;
}

static void runs(struct sim_vehicle *v, struct sim_attack_result *r, unsigned ecu, unsigned version)
{
    char name[UP_NAME_MAX + 1], wanted[UP_NAME_MAX + 1];
    uint32_t counter;
    sim_vehicle_running(v, ecu, name, &counter);
    sim_world_image_name(&sim_world_ecus[ecu], version, wanted);
    bool same = strcmp(name, wanted) == 0;
    note(r, sim_world_ecus[ecu].serial, UP_OK, same ? UP_OK : UP_INSTALL, "runs %s", name);
}

static void meddle(struct sim_vehicle *v,
                   void (*tamper)(void *, const struct sim_request *, struct sim_reply *), void *ctx)
{
    sim_backend_tamper(sim_vehicle_backend(v), tamper, ctx);
}

static bool order(struct sim_vehicle *v, struct sim_attack_result *r, unsigned version)
{
    bool good = sim_vehicle_order(v, version);
    if (!good) trouble(r, sim_vehicle_world(v)->why);
    return good;
}

/* After every attack an honest update must still go through (V-FULL-06). */
static void heals(struct sim_vehicle *v, struct sim_attack_result *r, unsigned version)
{
    if (!order(v, r, version)) return;
    note(r, "vehicle", UP_OK, cycle(v), "honest update to %u.0 afterwards", version);
    for (unsigned ecu = 1; ecu < SIM_WORLD_ECUS; ecu++) runs(v, r, ecu, version);
}

/* ---- replay: what the servers once sent is sent again ---- */

struct replay {
    struct {
        char path[128];
        struct sim_reply reply;
    } file[64];
    unsigned count;
    bool on; /* else recording */
};

static bool copy_reply(struct sim_reply *to, const struct sim_reply *from)
{
    uint8_t *body = malloc(from->body_bytes + 1);
    if (body == NULL) return false;
    if (from->body_bytes > 0) memcpy(body, from->body, from->body_bytes);
    *to = (struct sim_reply){from->status, body, from->body_bytes};
    return true;
}

static void replay_tamper(void *ctx, const struct sim_request *rq, struct sim_reply *reply)
{
    struct replay *p = ctx;
    bool metadata = strcmp(rq->method, "GET") == 0 && strstr(rq->path, ".json") != NULL &&
                    strstr(rq->path, "root") == NULL;
    if (!metadata || strlen(rq->path) >= sizeof p->file[0].path) return;
    unsigned i = 0;
    while (i < p->count && strcmp(p->file[i].path, rq->path) != 0) i++;
    struct sim_reply kept;
    if (p->on && i < p->count && copy_reply(&kept, &p->file[i].reply)) {
        free(reply->body);
        *reply = kept;
    } else if (!p->on && i == p->count && i < sizeof p->file / sizeof *p->file && copy_reply(&kept, reply)) {
        (void)snprintf(p->file[i].path, sizeof p->file[i].path, "%s", rq->path);
        p->file[p->count++].reply = kept;
    }
}

static void replay_free(struct replay *p)
{
    for (unsigned i = 0; i < p->count; i++) free(p->file[i].reply.body);
}

static void replay_old_metadata(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct replay p = {0};
    meddle(v, replay_tamper, &p);
    note(r, "vehicle", UP_OK, cycle(v), "a poll; the attacker records what the servers send");
    meddle(v, NULL, NULL);
    sim_vehicle_pass(v, 6 * 86400); /* within the Timestamp's life: only versions tell old from new */
    if (order(v, r, 2)) note(r, "vehicle", UP_OK, cycle(v), "honest update to 2.0");
    p.on = true;
    meddle(v, replay_tamper, &p);
    note(r, "vehicle", UP_ROLLBACK, cycle(v), "last week's metadata is served again");
    meddle(v, NULL, NULL);
    for (unsigned ecu = 1; ecu < SIM_WORLD_ECUS; ecu++) runs(v, r, ecu, 2);
    note(r, "vehicle", UP_OK, cycle(v), "honest poll afterwards");
    replay_free(&p);
}

static void freeze(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct replay p = {0};
    meddle(v, replay_tamper, &p);
    note(r, "vehicle", UP_OK, cycle(v), "a poll; the attacker records what the servers send");
    p.on = true;
    if (!order(v, r, 2)) return;
    sim_vehicle_pass(v, 8 * 86400);
    note(r, "vehicle", UP_EXPIRED, cycle(v), "the same files for ever, to hide an update");
    meddle(v, NULL, NULL);
    replay_free(&p);
    struct sim_repo repo; /* its operator has not slept */
    unsigned files;
    if (!sim_repo_open(&repo, sim_vehicle_world(v)->repos) ||
        !sim_repo_sign(&repo, NULL, &files, sim_vehicle_time(v)))
        trouble(r, repo.why);
    heals(v, r, 2);
}

/* ---- a server, or somebody on the way, changes one answer ---- */

struct bend {
    const char *path; /* part of the request's path */
    void (*bend)(struct sim_reply *reply);
};

static void bend_tamper(void *ctx, const struct sim_request *rq, struct sim_reply *reply)
{
    const struct bend *b = ctx;
    if (reply->status == 200 && strstr(rq->path, b->path) != NULL) b->bend(reply);
}

static void flip(struct sim_reply *r)
{
    if (r->body_bytes > 0) r->body[r->body_bytes / 2] ^= 1;
}

static void swell(struct sim_reply *r)
{
    size_t n = 1u << 20;
    uint8_t *body = realloc(r->body, n);
    if (body == NULL) return;
    memset(body + r->body_bytes, ' ', n - r->body_bytes);
    r->body = body;
    r->body_bytes = n;
}

static void vanish(struct sim_reply *r)
{
    r->status = 404;
    r->body_bytes = 0;
}

static void bent(struct sim_vehicle *v, struct sim_attack_result *r, const char *path,
                 void (*how)(struct sim_reply *), enum up_err expected, const char *what)
{
    struct bend b = {path, how};
    if (!order(v, r, 2)) return;
    meddle(v, bend_tamper, &b);
    note(r, "vehicle", expected, cycle(v), "%s", what);
    meddle(v, NULL, NULL);
    for (unsigned ecu = 1; ecu < SIM_WORLD_ECUS; ecu++) runs(v, r, ecu, 1);
    heals(v, r, 2);
}

static void tampered_image(struct sim_vehicle *v, struct sim_attack_result *r)
{
    bent(v, r, "/repo/targets/", flip, UP_IMG_HASH, "one bit of every image is flipped on the server");
}
static void endless_timestamp(struct sim_vehicle *v, struct sim_attack_result *r)
{
    bent(v, r, "/director/timestamp.json", swell, UP_TOO_LARGE, "a Timestamp of 1 MiB");
}
static void missing_snapshot(struct sim_vehicle *v, struct sim_attack_result *r)
{
    bent(v, r, "/repo/timestamp.json", vanish, UP_UNAVAILABLE,
         "the Image repository's Timestamp is withheld");
}
static void forged_time(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct bend b = {"/time", flip};
    if (!order(v, r, 2)) return;
    meddle(v, bend_tamper, &b);
    enum up_err got = cycle(v);
    bool refused = got == UP_TIME_SIG || got == UP_TIME_NONCE || got == UP_PARSE || got == UP_SCHEMA;
    note(r, "vehicle", UP_TIME_SIG, refused ? UP_TIME_SIG : got,
         "the time attestation is changed on the way");
    meddle(v, NULL, NULL);
    for (unsigned ecu = 1; ecu < SIM_WORLD_ECUS; ecu++) runs(v, r, ecu, 1);
    heals(v, r, 2);
}

/* ---- the Director's online keys are stolen ---- */

#define EVIL_BYTES 4096u

struct evil {
    uint8_t image[EVIL_BYTES], digest[UP_SHA256_BYTES];
    char targets[2048]; /* twist: what the stolen keys sign */
};

static void make_evil(struct evil *e)
{
    memset(e->image, 0x90, sizeof e->image);
    memcpy(e->image, "malware", 7);
    up_sha256((struct up_span){e->image, sizeof e->image}, e->digest);
    char hex[2 * UP_SHA256_BYTES + 1];
    up_hex_encode(e->digest, sizeof e->digest, hex);
    hex[2 * UP_SHA256_BYTES] = '\0';
    size_t n = (size_t)snprintf(e->targets, sizeof e->targets, "/targets={");
    static const unsigned victims[] = {1, 3}; /* brake: partial verification; engine: full */
    for (size_t i = 0; i < 2; i++) {
        const struct sim_world_ecu *ecu = &sim_world_ecus[victims[i]];
        n += (size_t)snprintf(
            e->targets + n, sizeof e->targets - n,
            "%s\"%s/evil.bin\":{\"custom\":{\"ecuIdentifiers\":{\"%s\":{\"hardwareId\":\"%s\"}},"
            "\"hardwareIds\":[\"%s\"],\"releaseCounter\":2},\"hashes\":{\"sha256\":\"%s\"},\"length\":%u}",
            i == 0 ? "" : ",", ecu->folder, ecu->serial, ecu->hardware_id, ecu->hardware_id, hex, EVIL_BYTES);
    }
    (void)snprintf(e->targets + n, sizeof e->targets - n, "}");
}

struct loot { /* files for one ECU, as the servers give them */
    struct pri_file file[12];
    uint8_t *body[12];
    unsigned count;
};

static struct up_span fetch(struct sim_vehicle *v, struct loot *l, const char *from, const char *to,
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

static struct up_span fetch_chain(struct sim_vehicle *v, struct loot *l, const char *at, const char *repo,
                                  bool full)
{
    char from[64], to[64];
    struct loot aside = {0}, *where = full ? l : &aside;
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

/* Past the Primary: the attacker sits on the bus, with genuine time and genuine Image repository files. */
static enum up_err bypass(struct sim_vehicle *v, unsigned ecu, const struct evil *evil)
{
    const struct pri_ecu *told;
    struct sim_tester *t = sim_vehicle_tester(v, ecu);
    if (t == NULL || sim_tester_send(t, PRI_IDENTIFY, NULL, &told) != PRI_DONE) {
        sim_tester_close(t);
        return UP_UNAVAILABLE;
    }
    char nonces[64 + 2 * UP_NONCE_BYTES] = "{\"nonces\":[\"";
    up_hex_encode(told->nonce, UP_NONCE_BYTES, nonces + 12);
    memcpy(nonces + 12 + 2 * UP_NONCE_BYTES, "\"]}", 4);
    struct loot l = {0};
    (void)fetch(v, &l, "/time", "time", up_span_of(nonces));
    struct up_span targets = fetch_chain(v, &l, "director", "director", sim_world_ecus[ecu].full);
    if (sim_world_ecus[ecu].full) (void)fetch_chain(v, &l, "repo", "image", true);
    struct pri_parcel parcel = {
        .files = l.file, .count = l.count, .image = {evil->image, EVIL_BYTES}, .must_order = true};
    up_sha256(targets, parcel.order);
    enum up_err e = UP_OK;
    static const enum pri_errand errands[] = {PRI_PREPARE, PRI_ACTIVATE, PRI_CONFIRM};
    for (size_t i = 0; i < 3 && e == UP_OK; i++)
        if (sim_tester_send(t, errands[i], &parcel, &told) != PRI_DONE) e = told->problem.err;
    for (unsigned i = 0; i < l.count; i++) free(l.body[i]);
    sim_tester_close(t);
    return e;
}

static void stolen_director_key(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct evil evil;
    make_evil(&evil);
    struct sim_director *d = sim_backend_director(sim_vehicle_backend(v));
    struct sim_twist twist = {"director/targets", "set", evil.targets};
    note(r, "vehicle", UP_OK, cycle(v), "an honest poll");
    sim_director_twist(d, &twist, 1);
    note(r, "vehicle", UP_TARGET_NOT_FOUND, cycle(v),
         "the stolen keys order an image that no supplier has signed");
    for (unsigned ecu = 1; ecu < SIM_WORLD_ECUS; ecu++) runs(v, r, ecu, 1);
    note(r, "engine", UP_TARGET_NOT_FOUND, bypass(v, 3, &evil),
         "past the Primary, on the bus: full verification");
    note(r, "brake", UP_OK, bypass(v, 1, &evil),
         "past the Primary, on the bus: partial verification TAKES IT");
    char name[UP_NAME_MAX + 1];
    uint32_t counter;
    sim_vehicle_running(v, 1, name, &counter);
    bool evil_runs = strcmp(name, "brake/evil.bin") == 0;
    (void)snprintf(
        r->limit, sizeof r->limit,
        "%s: whoever holds the Director's Targets key and sits on the bus can make a partial verifier "
        "install "
        "anything (Uptane Standard 2.1, 5.4.4.1). The Primary is the barrier; full verification is the cure.",
        evil_runs ? "brake runs the attacker's image" : "brake did not take the image");
    note(r, "brake", UP_OK, evil_runs ? UP_OK : UP_INSTALL, "runs %s", name);
    sim_director_twist(d, NULL, 0);
    heals(v, r, 2);
}

/* ---- the table ---- */

const struct sim_attack sim_attacks[] = {
    {"replay-old-metadata", "Replay of last week's metadata", "network", "V-TSP-05", replay_old_metadata},
    {"stolen-director-key", "A stolen Director key orders an image that the Image repository never signed",
     "the Director's online keys; then also the bus", "V-MATCH-08, S-PART-09", stolen_director_key},
    {"freeze", "The same metadata for ever", "network", "V-TSP-08", freeze},
    {"tampered-image", "Images changed on the server", "image storage", "E-IMG-08", tampered_image},
    {"endless-data", "Endless metadata", "network", "P-DL-01", endless_timestamp},
    {"withheld-metadata", "Metadata withheld", "network", "E-STO-13", missing_snapshot},
    {"forged-time", "A changed time attestation", "network", "E-CLK-05", forged_time},
};
const size_t sim_attack_count = sizeof sim_attacks / sizeof *sim_attacks;

const struct sim_attack *sim_attack_named(const char *name)
{
    for (size_t i = 0; i < sim_attack_count; i++)
        if (strcmp(sim_attacks[i].name, name) == 0) return &sim_attacks[i];
    return NULL;
}

void sim_attack_run(const struct sim_attack *a, uint64_t seed, const char *dir, struct sim_attack_result *r)
{
    *r = (struct sim_attack_result){0};
    struct sim_vehicle_options o = {.seed = seed, .dir = dir, .scheme = UP_ED25519};
    struct sim_vehicle *v = sim_vehicle_open(&o, r->trouble, sizeof r->trouble);
    if (v == NULL) return;
    r->trouble[0] = '\0';
    a->run(v, r);
    r->held = r->trouble[0] == '\0' && r->steps > 0;
    for (unsigned i = 0; i < r->steps; i++) r->held = r->held && r->step[i].as_expected;
    sim_vehicle_close(v);
}

cJSON *sim_attack_json(const struct sim_attack *a, const struct sim_attack_result *r)
{
    cJSON *o = cJSON_CreateObject(), *steps = cJSON_CreateArray();
    cJSON_AddStringToObject(o, "name", a->name);
    cJSON_AddStringToObject(o, "title", a->title);
    cJSON_AddStringToObject(o, "attacker_holds", a->holds);
    cJSON_AddStringToObject(o, "requirement", a->requirement);
    cJSON_AddBoolToObject(o, "held", r->held);
    for (unsigned i = 0; i < r->steps; i++) {
        cJSON *s = cJSON_CreateObject();
        cJSON_AddStringToObject(s, "who", r->step[i].who);
        cJSON_AddStringToObject(s, "what", r->step[i].what);
        cJSON_AddStringToObject(s, "expected", up_err_name(r->step[i].expected));
        cJSON_AddStringToObject(s, "got", up_err_name(r->step[i].got));
        cJSON_AddStringToObject(s, "attack", up_err_attack(r->step[i].got));
        cJSON_AddBoolToObject(s, "as_expected", r->step[i].as_expected);
        cJSON_AddItemToArray(steps, s);
    }
    cJSON_AddItemToObject(o, "steps", steps);
    if (r->limit[0] != '\0') cJSON_AddStringToObject(o, "known_limit", r->limit);
    if (r->trouble[0] != '\0') cJSON_AddStringToObject(o, "trouble", r->trouble);
    return o;
}
