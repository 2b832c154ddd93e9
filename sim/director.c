#include "sim/director_private.h"

#include "metadata/encode.h"
#include "sim/repo_edit.h"
#include "sim/walk.h"

#include <stdio.h>
#include <stdlib.h>

bool sim_director_inventory_failed(struct sim_director *d)
{
    return sim_say(d->why, "%s", sim_inventory_why(d->inventory));
}

bool sim_director_update_keys(struct sim_director *d)
{
    char path[SIM_PATH_MAX];
    if (d->root > 0 && sim_path(path, "%s/director/%u.root.json", d->repo.dir, (unsigned)d->root + 1) &&
        !sim_file_exists(path))
        return true;
    uint32_t version;
    cJSON *root = sim_root_newest(&d->repo, UP_DIRECTOR, &version);
    bool ok = root != NULL;
    for (enum up_role role = UP_TIMESTAMP; ok && role < UP_ROLES; role++) {
        const char *name = up_role_name(role);
        sim_keys_close(&d->keys[role]);
        ok = sim_ring_load(&d->repo, UP_DIRECTOR, name, sim_root_role(root, name), &d->keys[role]);
    }
    cJSON_Delete(root);
    if (!ok) return sim_say(d->why, "%s", d->repo.why);
    d->root = version;
    return true;
}

struct sim_director *sim_director_open(const char *dir, char why[SIM_WHY_MAX])
{
    char path[SIM_PATH_MAX];
    struct sim_director *d = calloc(1, sizeof *d);
    if (d == NULL) return NULL;
    if (!sim_repo_open(&d->repo, dir) || !sim_director_update_keys(d))
        sim_say(why, "%s", d->repo.why);
    else if (!sim_path(path, "%s/director.db", dir))
        sim_say(why, "%s: path too long", dir);
    else if ((d->inventory = sim_inventory_open(path, why)) != NULL)
        return d;
    sim_director_close(d);
    return NULL;
}

void sim_director_close(struct sim_director *d)
{
    if (d == NULL) return;
    for (enum up_role role = UP_ROOT; role < UP_ROLES; role++) sim_keys_close(&d->keys[role]);
    sim_inventory_close(d->inventory);
    free(d);
}

const char *sim_director_why(const struct sim_director *d)
{
    return d->why;
}

struct sim_inventory *sim_director_inventory(struct sim_director *d)
{
    return d->inventory;
}

bool sim_director_twist(struct sim_director *d, const struct sim_twist *twists, size_t n)
{
    d->repo.twists = twists;
    d->repo.twist_count = n;
    return sim_inventory_outdate_issues(d->inventory) || sim_director_inventory_failed(d);
}

const struct up_profile *sim_director_profile(const struct sim_director *d)
{
    return d->repo.profile;
}

/* The inventory */

bool sim_director_add_vehicle(struct sim_director *d, const char *id)
{
    if (!up_is_id(up_span_of(id))) return sim_say(d->why, "\"%s\" is no vehicle id", id);
    if (sim_inventory_has_vehicle(d->inventory, id))
        return sim_say(d->why, "%s: this vehicle is in the inventory already", id);
    return sim_inventory_add_vehicle(d->inventory, id) || sim_director_inventory_failed(d);
}

static bool key_of_any_scheme(struct up_span pem, struct up_key *key)
{
    static const enum up_scheme schemes[] = {UP_ECDSA_P256_SHA256, UP_ED25519, UP_RSA_PSS_SHA256};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (up_key_from_pem(schemes[i], pem, key)) return true;
    return false;
}

bool sim_director_add_ecu(struct sim_director *d, const char *vehicle, const char *serial,
                          const char *hardware_id, bool primary, struct up_span pem)
{
    struct sim_ecu e = {.primary = primary};
    if (!sim_inventory_has_vehicle(d->inventory, vehicle))
        return sim_say(d->why, "%s: no such vehicle in the inventory", vehicle);
    if (!up_is_id(up_span_of(serial))) return sim_say(d->why, "\"%s\" is no ECU id", serial);
    if (!up_is_hardware_id(up_span_of(hardware_id)))
        return sim_say(d->why, "\"%s\" is no hardware id", hardware_id);
    if (!key_of_any_scheme(pem, &e.key))
        return sim_say(d->why, "%s: its key is no PEM public key of a scheme that we know", serial);
    snprintf(e.serial, sizeof e.serial, "%s", serial);
    snprintf(e.hardware_id, sizeof e.hardware_id, "%s", hardware_id);
    sim_key_id(&e.key, &up_profile_strict, e.keyid);
    return sim_inventory_add_ecu(d->inventory, vehicle, &e) || sim_director_inventory_failed(d);
}

/* Verification */

struct vehicle_files {
    struct sim_director *d;
    const char *vehicle;
};

static bool get_file(void *ctx, const char *name, struct sim_bytes *out)
{
    const struct vehicle_files *f = ctx;
    return sim_director_file(f->d, f->vehicle, name, out);
}

static enum up_err judge_ecu(void *ctx, struct up_span serial, struct up_span hardware_id)
{
    const struct sim_ecus *ecus = ctx;
    for (size_t i = 0; i < ecus->n; i++)
        if (up_span_is(serial, ecus->ecu[i].serial))
            return up_span_is(hardware_id, ecus->ecu[i].hardware_id) ? UP_OK : UP_IMG_HWID;
    return UP_DIR_UNKNOWN_ECU;
}

enum up_err sim_director_verify(struct sim_director *d, const char *vehicle, int64_t now_s,
                                char why[SIM_WHY_MAX])
{
    struct sim_ecus ecus = {0};
    struct vehicle_files files = {d, vehicle};
    struct sim_keep keep = {0};
    struct up_trust trust;
    if (!sim_inventory_ecus(d->inventory, vehicle, &ecus)) {
        sim_say(why, "%s", sim_inventory_why(d->inventory));
        return UP_CONFIG;
    }
    const struct up_policy policy = {.profile = d->repo.profile,
                                     .limits = &up_limits_primary,
                                     .repo = UP_DIRECTOR,
                                     .full = true,
                                     .vehicle_id = up_span_of(vehicle),
                                     .judge_ecu = judge_ecu,
                                     .ctx = &ecus};
    const struct sim_source source = {get_file, &files};
    enum up_err e = sim_walk(&trust, &policy, &source, &keep, now_s, why);
    sim_keep_free(&keep);
    sim_ecus_free(&ecus);
    return e;
}

/* Showing */

static void add_text(cJSON *object, const char *name, const char *text)
{
    if (*text != '\0') cJSON_AddStringToObject(object, name, text);
}

static bool show_vehicle(struct sim_director *d, const char *id, cJSON *vehicles)
{
    struct sim_ecus ecus = {0};
    char campaign[SIM_NAME_MAX];
    if (!sim_inventory_ecus(d->inventory, id, &ecus) || !sim_inventory_campaign(d->inventory, id, campaign))
        return sim_director_inventory_failed(d);
    cJSON *vehicle = cJSON_AddObjectToObject(vehicles, id);
    add_text(vehicle, "correlationId", campaign);
    cJSON *list = cJSON_AddObjectToObject(vehicle, "ecus");
    for (size_t i = 0; i < ecus.n; i++) {
        const struct sim_ecu *e = &ecus.ecu[i];
        cJSON *ecu = cJSON_AddObjectToObject(list, e->serial);
        cJSON_AddStringToObject(ecu, "hardwareId", e->hardware_id);
        cJSON_AddBoolToObject(ecu, "primary", e->primary);
        cJSON_AddStringToObject(ecu, "keyid", e->keyid);
        add_text(ecu, "installed", e->image);
        add_text(ecu, "attacks", e->attacks);
        add_text(ecu, "ordered", e->order.image);
        add_text(ecu, "bundle", e->order.bundle);
        if (e->counter > 0) cJSON_AddNumberToObject(ecu, "reportedAt", (double)e->reported_s);
    }
    sim_ecus_free(&ecus);
    return true;
}

cJSON *sim_director_show(struct sim_director *d, const char *vehicle)
{
    size_t n = 0;
    cJSON *all = cJSON_CreateObject();
    cJSON *vehicles = cJSON_AddObjectToObject(all, "vehicles");
    char **ids = sim_inventory_vehicles(d->inventory, &n);
    bool ok = ids != NULL || sim_director_inventory_failed(d);
    bool found = vehicle == NULL;
    for (size_t i = 0; ok && i < n; i++) {
        if (vehicle != NULL && strcmp(vehicle, ids[i]) != 0) continue;
        found = true;
        ok = show_vehicle(d, ids[i], vehicles);
    }
    free(ids);
    if (ok && !found) ok = sim_say(d->why, "%s: no such vehicle in the inventory", vehicle);
    if (ok) return all;
    cJSON_Delete(all);
    return NULL;
}
