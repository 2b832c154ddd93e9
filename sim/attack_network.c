/* Attacks of who sits on the network, or on a server whose keys are elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/attack_kit.h"

/* ---- replay: what the servers once sent is sent again ---- */

struct replay {
    struct {
        char path[128];
        struct sim_reply reply;
    } file[64];
    unsigned count;
    bool on; /* else recording */
};

static void replay_tamper(void *ctx, const struct sim_request *rq, struct sim_reply *reply)
{
    struct replay *p = ctx;
    bool metadata = strcmp(rq->method, "GET") == 0 && strstr(rq->path, ".json") != NULL &&
                    strstr(rq->path, "root") == NULL;
    if (!metadata || strlen(rq->path) >= sizeof p->file[0].path) return;
    unsigned i = 0;
    while (i < p->count && strcmp(p->file[i].path, rq->path) != 0) i++;
    struct sim_reply kept;
    if (p->on && i < p->count && sim_attack_copy_reply(&kept, &p->file[i].reply)) {
        free(reply->body);
        *reply = kept;
    } else if (!p->on && i == p->count && i < sizeof p->file / sizeof *p->file &&
               sim_attack_copy_reply(&kept, reply)) {
        (void)snprintf(p->file[i].path, sizeof p->file[i].path, "%s", rq->path);
        p->file[p->count++].reply = kept;
    }
}

static void replay_free(struct replay *p)
{
    for (unsigned i = 0; i < p->count; i++) free(p->file[i].reply.body);
}

void sim_attack_replay(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct replay p = {0};
    sim_attack_meddle(v, replay_tamper, &p);
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v),
                    "a poll; the attacker records what the servers send");
    sim_attack_meddle(v, NULL, NULL);
    sim_vehicle_pass(v, 6 * 86400); /* within the Timestamp's life: only versions tell old from new */
    if (sim_attack_order(v, r, 2))
        sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "honest update to 2.0");
    p.on = true;
    sim_attack_meddle(v, replay_tamper, &p);
    sim_attack_note(r, "vehicle", UP_ROLLBACK, sim_attack_cycle(v), "last week's metadata is served again");
    sim_attack_meddle(v, NULL, NULL);
    sim_attack_all_run(v, r, 2);
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "honest poll afterwards");
    replay_free(&p);
}

void sim_attack_freeze(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct replay p = {0};
    sim_attack_meddle(v, replay_tamper, &p);
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v),
                    "a poll; the attacker records what the servers send");
    p.on = true;
    if (!sim_attack_order(v, r, 2)) return;
    sim_vehicle_pass(v, 8 * 86400);
    sim_attack_note(r, "vehicle", UP_EXPIRED, sim_attack_cycle(v),
                    "the same files for ever, to hide an update");
    sim_attack_meddle(v, NULL, NULL);
    replay_free(&p);
    struct sim_repo repo; /* its operator has not slept */
    unsigned files;
    if (sim_attack_open_repo(v, r, &repo) && !sim_repo_sign(&repo, NULL, &files, sim_vehicle_time(v)))
        sim_attack_trouble(r, repo.why);
    sim_attack_heals(v, r, 2);
}

/* ---- a server, or somebody on the way, changes one answer ---- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

struct bend {
    const char *path; /* how the request's path ends; a folder: how it begins */
    void (*bend)(struct sim_reply *reply);
};

static bool concerns(const char *path, const char *request)
{
    const bool folder = ends_with(path, "/");
    return folder ? strncmp(request, path, strlen(path)) == 0 : ends_with(request, path);
}

static void bend_tamper(void *ctx, const struct sim_request *rq, struct sim_reply *reply)
{
    const struct bend *b = ctx;
    if (reply->status == 200 && concerns(b->path, rq->path)) b->bend(reply);
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

static void halve(struct sim_reply *r)
{
    r->body_bytes /= 2;
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
    if (!sim_attack_order(v, r, 2)) return;
    sim_attack_meddle(v, bend_tamper, &b);
    sim_attack_note(r, "vehicle", expected, sim_attack_cycle(v), "%s", what);
    sim_attack_meddle(v, NULL, NULL);
    sim_attack_all_run(v, r, 1);
    sim_attack_heals(v, r, 2);
}

void sim_attack_tampered_image(struct sim_vehicle *v, struct sim_attack_result *r)
{
    bent(v, r, "/repo/targets/", flip, UP_IMG_HASH, "one bit of every image is flipped on the server");
}
void sim_attack_truncated_image(struct sim_vehicle *v, struct sim_attack_result *r)
{
    bent(v, r, "/repo/targets/", halve, UP_IMG_LENGTH, "every image ends halfway");
}
void sim_attack_endless_data(struct sim_vehicle *v, struct sim_attack_result *r)
{
    bent(v, r, "/director/timestamp.json", swell, UP_TOO_LARGE, "a Timestamp of 1 MiB");
}
void sim_attack_withheld_metadata(struct sim_vehicle *v, struct sim_attack_result *r)
{
    bent(v, r, "/repo/timestamp.json", vanish, UP_UNAVAILABLE,
         "the Image repository's Timestamp is withheld");
}
void sim_attack_withheld_role(struct sim_vehicle *v, struct sim_attack_result *r)
{
    bent(v, r, ".supplier-radio.json", vanish, UP_DELEGATION_INVALID,
         "the radio supplier's role is withheld: nobody gets anything, a mixed set would be worse");
}
void sim_attack_forged_time(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct bend b = {"/time", flip};
    if (!sim_attack_order(v, r, 2)) return;
    sim_attack_meddle(v, bend_tamper, &b);
    enum up_err got = sim_attack_cycle(v);
    bool refused = got == UP_TIME_SIG || got == UP_TIME_NONCE || got == UP_PARSE || got == UP_SCHEMA;
    sim_attack_note(r, "vehicle", UP_TIME_SIG, refused ? UP_TIME_SIG : got,
                    "the time attestation is changed on the way");
    sim_attack_meddle(v, NULL, NULL);
    sim_attack_all_run(v, r, 1);
    sim_attack_heals(v, r, 2);
}

/* A server that does not answer is no attack by itself; but the time may not stand still for long. */
void sim_attack_dropped_time(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct bend b = {"/time", vanish};
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "a poll with attested time");
    if (!sim_attack_order(v, r, 2)) return;
    sim_attack_meddle(v, bend_tamper, &b);
    sim_vehicle_pass(v, 2 * 3600);
    sim_attack_note(r, "vehicle", UP_UNAVAILABLE, sim_attack_cycle(v),
                    "time messages are dropped for two hours: no install on an old clock");
    sim_attack_meddle(v, NULL, NULL);
    sim_attack_all_run(v, r, 1);
    sim_attack_heals(v, r, 2);
}

/* ---- one genuine file in the place of another ---- */

struct swap {
    const char *path; /* ends the request's path */
    struct sim_reply reply;
};

static void swap_tamper(void *ctx, const struct sim_request *rq, struct sim_reply *reply)
{
    const struct swap *s = ctx;
    struct sim_reply other;
    if (!ends_with(rq->path, s->path) || !sim_attack_copy_reply(&other, &s->reply)) return;
    free(reply->body);
    *reply = other;
}

static void swapped(struct sim_vehicle *v, struct sim_attack_result *r, const char *path,
                    struct sim_reply file, enum up_err expected, const char *what)
{
    struct swap s = {path, file};
    if (file.status != 200) sim_attack_trouble(r, what);
    sim_attack_meddle(v, swap_tamper, &s);
    sim_attack_note(r, "vehicle", expected, sim_attack_cycle(v), "%s", what);
    sim_attack_meddle(v, NULL, NULL);
    free(file.body);
    sim_attack_all_run(v, r, 1);
    sim_attack_heals(v, r, 2);
}

static struct sim_reply get(struct sim_vehicle *v, const char *path)
{
    return sim_vehicle_ask(v, "GET", path, (struct up_span){0});
}

void sim_attack_mix_and_match(struct sim_vehicle *v, struct sim_attack_result *r)
{
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v),
                    "a poll; the attacker keeps the Director's Snapshot");
    struct sim_reply old = get(v, "/director/1.snapshot.json");
    if (!sim_attack_order(v, r, 2)) return;
    swapped(v, r, "/director/2.snapshot.json", old, UP_SNAPSHOT_MISMATCH,
            "the old Snapshot under the new Timestamp: files never released together");
}

void sim_attack_crossed_repositories(struct sim_vehicle *v, struct sim_attack_result *r)
{
    if (!sim_attack_order(v, r, 2)) return;
    swapped(v, r, "/director/timestamp.json", get(v, "/repo/timestamp.json"), UP_SIG_THRESHOLD,
            "the Image repository's Timestamp in the place of the Director's");
}

void sim_attack_forged_root(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct sim_reply root = get(v, "/director/1.root.json");
    static const char was[] = "\"version\":1}";
    size_t at = root.body_bytes;
    while (at > sizeof was && memcmp(root.body + at - sizeof was, was, sizeof was - 1) != 0) at--;
    if (at > sizeof was) root.body[at - 3] = '2';
    if (!sim_attack_order(v, r, 2)) return;
    swapped(v, r, "/director/2.root.json", root, UP_SIG_THRESHOLD,
            "a Root 2 that the old keys have not signed");
}

/* ---- the neighbour's files ---- */

#define NEIGHBOUR "ISOCTANE-DEMO-2"

/* All vehicles share the Director's keys: only the id in every file tells them apart. */
static void neighbour_tamper(void *ctx, const struct sim_request *rq, struct sim_reply *reply)
{
    static const char director[] = "/director/";
    struct sim_bytes file;
    const char *name = rq->path + sizeof director - 1;
    bool ours = strcmp(rq->method, "GET") == 0 && strncmp(rq->path, director, sizeof director - 1) == 0;
    if (!ours || strstr(name, "root") != NULL || !sim_director_file(ctx, NEIGHBOUR, name, &file)) return;
    free(reply->body);
    *reply = (struct sim_reply){200, file.p, file.n};
}

static bool neighbour_has(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct sim_director *d = sim_backend_director(sim_vehicle_backend(v));
    static const struct sim_twist far[] = {{"director/targets", "version", "900"},
                                           {"director/snapshot", "version", "900"},
                                           {"director/timestamp", "version", "900"}};
    bool good = sim_director_add_vehicle(d, NEIGHBOUR) && sim_director_twist(d, far, 3) &&
                sim_director_issue(d, NEIGHBOUR, sim_vehicle_time(v)) && sim_director_twist(d, NULL, 0);
    if (!good) sim_attack_trouble(r, sim_director_why(d));
    return good;
}

void sim_attack_other_vehicle(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct sim_director *d = sim_backend_director(sim_vehicle_backend(v));
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "an honest poll");
    if (!neighbour_has(v, r) || !sim_attack_order(v, r, 2)) return;
    sim_attack_meddle(v, neighbour_tamper, d);
    sim_attack_note(r, "vehicle", UP_DIR_VEHICLE_ID, sim_attack_cycle(v),
                    "the Director's files for another vehicle, version 900");
    struct sim_loot l;
    sim_attack_loot(v, 1, &l);
    sim_attack_note(r, "brake", UP_DIR_VEHICLE_ID, sim_attack_on_bus(v, 1, &l, UP_SPAN("no image")),
                    "the same past the Primary, on the bus");
    sim_attack_loot_free(&l);
    sim_attack_meddle(v, NULL, NULL);
    sim_attack_all_run(v, r, 1);
    sim_attack_heals(v, r, 2);
}
