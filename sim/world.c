#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

const struct sim_world_bus sim_world_buses[SIM_WORLD_BUSES] = {
    {"can0", false, 500000, 0},
    {"can1", true, 500000, 2000000},
};

#define EXTENDED(id) ((id) | ISOTP_ID_EXTENDED)
const struct sim_world_ecu sim_world_ecus[SIM_WORLD_ECUS] = {
    {"tcu", "tcu-hw", -1, 0, 0, true, NULL, "tcu", NULL, 4u << 20, "Primary, telematics unit"},
    {"brake", "brake-hw", 0, 0x7E0, 0x7E8, false, "chassis", "brake", NULL, 10240, "CAN 500k, 11 bit"},
    {"door", "door-hw", 0, EXTENDED(0x18DA20F1), EXTENDED(0x18DAF120), false, NULL, "door", NULL, 65536,
     "CAN 500k, 29 bit"},
    {"engine", "engine-hw", 1, 0x7E2, 0x7EA, true, "chassis", "engine", NULL, 512u << 10, "CAN FD 500k/2M"},
    {"radio", "radio-hw", 1, 0x7E3, 0x7EB, true, NULL, "supplier-radio", "supplier-radio", 1u << 20,
     "CAN FD 500k/2M"},
};

void sim_world_image_name(const struct sim_world_ecu *e, unsigned version, char out[UP_NAME_MAX + 1])
{
    (void)snprintf(out, UP_NAME_MAX + 1, "%s/fw-%u.bin", e->folder, version);
}

/* xorshift64*: noise compresses as badly as firmware does and follows from the seed. */
static uint64_t noise(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

uint8_t *sim_world_image(const struct sim_world *w, const struct sim_world_ecu *e, unsigned version,
                         size_t *n)
{
    uint8_t *image = malloc(e->image_bytes);
    if (image == NULL) return NULL;
    uint8_t digest[UP_SHA256_BYTES];
    char line[128];
    int length = snprintf(line, sizeof line, "isoctane %s firmware %u\n", e->serial, version);
    struct up_hash h;
    up_hash_begin(&h, UP_SHA256);
    up_hash_add(&h, (struct up_span){w->seed, sizeof w->seed});
    up_hash_add(&h, (struct up_span){(const uint8_t *)line, (size_t)length});
    up_hash_end(&h, digest);
    uint64_t state;
    memcpy(&state, digest, sizeof state);
    state |= 1;
    for (size_t i = 0; i < e->image_bytes; i += sizeof state) {
        uint64_t word = noise(&state);
        memcpy(image + i, &word, e->image_bytes - i < sizeof word ? e->image_bytes - i : sizeof word);
    }
    memcpy(image, line, (size_t)length);
    *n = e->image_bytes;
    return image;
}

void sim_world_key_path(const struct sim_world *w, const struct sim_world_ecu *e, char out[SIM_PATH_MAX])
{
    (void)snprintf(out, SIM_PATH_MAX, "%.*s/ecus/%s.pem", SIM_PATH_MAX - 80, w->dir, e->serial);
}

static bool fail(struct sim_world *w, const char *why)
{
    if (w->why != why) (void)snprintf(w->why, sizeof w->why, "%s", why);
    return false;
}

/* ---- images ---- */

static bool add_images(struct sim_world *w, struct sim_repo *r, int64_t now_s)
{
    struct sim_image images[2 * SIM_WORLD_ECUS] = {0};
    char names[2 * SIM_WORLD_ECUS][UP_NAME_MAX + 1], versions[2 * SIM_WORLD_ECUS][8];
    const char *hardware[SIM_WORLD_ECUS][2] = {{0}};
    bool good = true;
    for (size_t i = 0; i < 2 * SIM_WORLD_ECUS; i++) {
        const struct sim_world_ecu *e = &sim_world_ecus[i / 2];
        unsigned version = (unsigned)(i % 2) + 1;
        size_t n = 0;
        uint8_t *bytes = sim_world_image(w, e, version, &n);
        good = good && bytes != NULL;
        sim_world_image_name(e, version, names[i]);
        (void)snprintf(versions[i], sizeof versions[i], "%u.0", version);
        hardware[i / 2][0] = e->hardware_id;
        images[i] = (struct sim_image){.name = names[i],
                                       .bytes = {bytes, n},
                                       .hardware_ids = hardware[i / 2],
                                       .release_counter = version,
                                       .version = versions[i],
                                       .role = e->supplier};
    }
    good = good ? sim_repo_add(r, images, 2 * SIM_WORLD_ECUS, now_s) || fail(w, r->why)
                : fail(w, "out of memory");
    for (size_t i = 0; i < 2 * SIM_WORLD_ECUS; i++) free((void *)(uintptr_t)images[i].bytes.p);
    return good;
}

static bool add_suppliers(struct sim_world *w, struct sim_repo *r, enum up_scheme scheme, int64_t now_s)
{
    for (size_t i = 0; i < SIM_WORLD_ECUS; i++) {
        const struct sim_world_ecu *e = &sim_world_ecus[i];
        if (e->supplier == NULL) continue;
        char path[UP_NAME_MAX + 1];
        (void)snprintf(path, sizeof path, "%s/*", e->folder);
        const char *paths[] = {path, NULL}, *hardware[] = {e->hardware_id, NULL};
        struct sim_delegation d = {
            .name = e->supplier, .paths = paths, .hardware_ids = hardware, .scheme = scheme};
        if (!sim_repo_delegate(r, &d, now_s)) return fail(w, r->why);
    }
    return true;
}

/* ---- ECUs ---- */

static bool make_key(struct sim_world *w, const struct sim_world_ecu *e, enum up_scheme scheme,
                     struct up_signer *s)
{
    char path[SIM_PATH_MAX];
    sim_world_key_path(w, e, path);
    if (!w->seeded) return up_signer_create(path, scheme, 0, s, w->why, sizeof w->why);
    uint8_t seed[UP_SHA256_BYTES];
    struct up_hash h;
    up_hash_begin(&h, UP_SHA256);
    up_hash_add(&h, (struct up_span){w->seed, sizeof w->seed});
    up_hash_add(&h, up_span_of(e->serial));
    up_hash_end(&h, seed);
    if (!up_signer_from_seed(scheme, seed, s)) return fail(w, "no key from a seed for this scheme");
    return up_signer_save(s, path, w->why, sizeof w->why);
}

static bool register_ecus(struct sim_world *w, struct sim_director *d, enum up_scheme scheme)
{
    if (!sim_director_add_vehicle(d, SIM_WORLD_VEHICLE)) return fail(w, sim_director_why(d));
    for (size_t i = 0; i < SIM_WORLD_ECUS; i++) {
        const struct sim_world_ecu *e = &sim_world_ecus[i];
        struct up_signer s;
        char pem[2048];
        if (!make_key(w, e, scheme, &s)) return false;
        size_t n = up_key_to_pem(&s.key, pem, sizeof pem);
        bool good = sim_director_add_ecu(d, SIM_WORLD_VEHICLE, e->serial, e->hardware_id, e->bus < 0,
                                         (struct up_span){(const uint8_t *)pem, n});
        up_signer_close(&s);
        if (!good) return fail(w, sim_director_why(d));
    }
    return true;
}

bool sim_world_order(struct sim_world *w, struct sim_director *d, unsigned version)
{
    struct sim_order orders[SIM_WORLD_ECUS];
    char names[SIM_WORLD_ECUS][UP_NAME_MAX + 1];
    for (size_t i = 0; i < SIM_WORLD_ECUS; i++) {
        sim_world_image_name(&sim_world_ecus[i], version, names[i]);
        orders[i] = (struct sim_order){sim_world_ecus[i].serial, names[i], sim_world_ecus[i].bundle};
    }
    return sim_director_order(d, SIM_WORLD_VEHICLE, orders, SIM_WORLD_ECUS, NULL) ||
           fail(w, sim_director_why(d));
}

static bool make_dir(struct sim_world *w, const char *name)
{
    char path[SIM_PATH_MAX];
    (void)snprintf(path, sizeof path, "%.*s%s", SIM_PATH_MAX - 16, w->dir, name);
    struct stat st;
    if (mkdir(path, 0700) == 0 || (stat(path, &st) == 0 && S_ISDIR(st.st_mode))) return true;
    (void)snprintf(w->why, sizeof w->why, "%.200s: cannot be created", path);
    return false;
}

bool sim_world_create(struct sim_world *w, const char *dir, const uint8_t *seed, enum up_scheme scheme,
                      int64_t now_s)
{
    *w = (struct sim_world){.seeded = seed != NULL};
    if (strlen(dir) > SIM_PATH_MAX - 96) return fail(w, "the path of the folder is too long");
    (void)snprintf(w->dir, sizeof w->dir, "%s", dir);
    (void)snprintf(w->repos, sizeof w->repos, "%.*s/repos", SIM_PATH_MAX - 16, dir);
    if (seed != NULL) memcpy(w->seed, seed, sizeof w->seed);
    if (!make_dir(w, "") || !make_dir(w, "/ecus")) return false;

    struct sim_repo r;
    struct sim_plan plan = {.scheme = scheme, .seed = seed};
    if (!sim_repo_create(&r, w->repos, &plan, now_s)) return fail(w, r.why);
    r.seed = seed;
    if (!add_suppliers(w, &r, scheme, now_s) || !add_images(w, &r, now_s)) return false;
    struct sim_director *d = sim_director_open(w->repos, w->why);
    bool good = d != NULL && register_ecus(w, d, scheme);
    if (d != NULL) sim_director_close(d);
    return good;
}
