/* Orders: which image for which ECU, and whether the choice is sound. */
#include "sim/director_private.h"

#include "metadata/encode.h"

#include <stdio.h>
#include <stdlib.h>

static const struct sim_ecu *ecu_named(const struct sim_ecus *ecus, const char *serial)
{
    for (size_t i = 0; i < ecus->n; i++)
        if (strcmp(ecus->ecu[i].serial, serial) == 0) return &ecus->ecu[i];
    return NULL;
}

static bool set_order(struct sim_director *d, const char *vehicle, const struct sim_ecus *ecus,
                      const struct sim_order *o)
{
    struct sim_inventory_order order = {0};
    const struct sim_ecu *ecu = ecu_named(ecus, o->ecu);
    if (ecu == NULL) return sim_say(d->why, "%s: no such ECU in vehicle %s", o->ecu, vehicle);
    if (o->bundle != NULL && !up_is_id(up_span_of(o->bundle)))
        return sim_say(d->why, "\"%s\" is no bundle name", o->bundle);
    if (o->image != NULL) {
        cJSON *entry = sim_repo_find(&d->repo, o->image, ecu->hardware_id);
        if (entry == NULL) return sim_say(d->why, "%s: %s", o->ecu, d->repo.why);
        snprintf(order.image, sizeof order.image, "%s", o->image);
        snprintf(order.bundle, sizeof order.bundle, "%s", o->bundle != NULL ? o->bundle : "");
        order.entry = cJSON_PrintUnformatted(entry);
        cJSON_Delete(entry);
    }
    bool ok =
        sim_inventory_set_order(d->inventory, vehicle, o->ecu, &order) || sim_director_inventory_failed(d);
    free(order.entry);
    return ok;
}

/* Is the image on any ECU: certainly afterwards (ordered, or installed and not replaced), or possibly
 * meanwhile? */
static bool is_planned(const struct sim_ecus *ecus, const char *image, bool possibly)
{
    for (size_t i = 0; i < ecus->n; i++) {
        const struct sim_ecu *e = &ecus->ecu[i];
        bool ordered = e->order.image[0] != '\0';
        if (ordered && strcmp(e->order.image, image) == 0) return true;
        if ((!ordered || possibly) && strcmp(e->image, image) == 0) return true;
    }
    return false;
}

/* Every dependency is planned, no conflict is possible, for the image that E will have. */
static bool image_is_sound(struct sim_director *d, const struct sim_ecus *ecus, const struct sim_ecu *e)
{
    bool ordered = e->order.image[0] != '\0';
    const char *image = ordered ? e->order.image : e->image;
    cJSON *entry = ordered ? cJSON_Parse(e->order.entry) : sim_repo_find(&d->repo, image, e->hardware_id);
    const cJSON *custom = cJSON_GetObjectItemCaseSensitive(entry, "custom");
    const cJSON *other;
    bool ok = true;
    cJSON_ArrayForEach (other, cJSON_GetObjectItemCaseSensitive(custom, "depends"))
        if (!is_planned(ecus, other->valuestring, false))
            ok = sim_say(d->why, "%s: %s needs %s on another ECU", e->serial, image, other->valuestring);
    cJSON_ArrayForEach (other, cJSON_GetObjectItemCaseSensitive(custom, "conflicts"))
        if (is_planned(ecus, other->valuestring, true))
            ok = sim_say(d->why, "%s: %s conflicts with %s, which may be installed", e->serial, image,
                         other->valuestring);
    cJSON_Delete(entry);
    return ok;
}

/* One Targets entry serves all ECUs of an image, so they share its bundle. */
static bool bundles_agree(struct sim_director *d, const struct sim_ecus *ecus)
{
    for (size_t i = 0; i < ecus->n; i++)
        for (size_t j = 0; j < i; j++) {
            const struct sim_inventory_order *a = &ecus->ecu[i].order, *b = &ecus->ecu[j].order;
            if (a->image[0] != '\0' && strcmp(a->image, b->image) == 0 && strcmp(a->bundle, b->bundle) != 0)
                return sim_say(d->why, "%s is ordered for %s and %s in different bundles", a->image,
                               ecus->ecu[i].serial, ecus->ecu[j].serial);
        }
    return true;
}

static bool is_sound(struct sim_director *d, const char *vehicle)
{
    struct sim_ecus ecus = {0};
    if (!sim_inventory_ecus(d->inventory, vehicle, &ecus)) return sim_director_inventory_failed(d);
    bool ok = bundles_agree(d, &ecus);
    for (size_t i = 0; ok && i < ecus.n; i++) ok = image_is_sound(d, &ecus, &ecus.ecu[i]);
    sim_ecus_free(&ecus);
    return ok;
}

bool sim_director_order(struct sim_director *d, const char *vehicle, const struct sim_order *orders, size_t n,
                        const char *correlation)
{
    struct sim_ecus ecus = {0};
    if (correlation != NULL && !up_is_id(up_span_of(correlation)))
        return sim_say(d->why, "\"%s\" is no correlation id", correlation);
    if (!sim_inventory_begin(d->inventory)) return sim_director_inventory_failed(d);
    bool ok = sim_inventory_ecus(d->inventory, vehicle, &ecus) || sim_director_inventory_failed(d);
    for (size_t i = 0; ok && i < n; i++) ok = set_order(d, vehicle, &ecus, &orders[i]);
    sim_ecus_free(&ecus);
    ok = ok &&
         (sim_inventory_set_campaign(d->inventory, vehicle, correlation) || sim_director_inventory_failed(d));
    ok = ok && is_sound(d, vehicle);
    if (ok) return sim_inventory_commit(d->inventory) || sim_director_inventory_failed(d);
    sim_inventory_rollback(d->inventory);
    return false;
}
