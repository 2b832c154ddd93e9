#include "metadata/match.h"

#include "metadata/role_read.h"
#include "metadata/search.h"

enum up_err up_order_find(const struct up_targets *director, const struct up_profile *p,
                          struct up_span serial, struct up_target *order)
{
    struct up_target_walk walk;
    struct up_target image;
    struct up_span hardware_id;
    up_targets_open(&walk, director, p);
    while (up_targets_next(&walk, &image)) {
        if (!up_target_names_ecu(&image, serial, &hardware_id)) continue;
        *order = image;
        return UP_OK;
    }
    return walk.err != UP_OK ? walk.err : UP_TARGET_NOT_FOUND;
}

static bool fits_hardware(const struct up_target *order, const struct up_ecu *ecu)
{
    struct up_span named;
    if (!up_target_names_ecu(order, ecu->serial, &named) || !up_span_eq(named, ecu->hardware_id))
        return false;
    return order->hardware_ids.p == NULL || up_target_fits_hardware(order, ecu->hardware_id);
}

/* Not below the floor; not so far above that the next release could not follow. Once there has been a
 * counter, there always is one (E-IMG-07). */
static bool fits_counter(const struct up_target *order, const struct up_profile *p, uint32_t floor)
{
    if (!order->has_release_counter) return floor == 0 && up_relaxes(p, UP_RELAX_NO_RELEASE_COUNTER);
    if (order->release_counter < floor) return false;
    return floor == 0 || order->release_counter - floor <= UP_COUNTER_STEP_MAX;
}

enum up_err up_order_check(const struct up_target *order, const struct up_profile *p,
                           const struct up_ecu *ecu)
{
    if (!fits_hardware(order, ecu)) return UP_IMG_HWID;
    if (ecu->name_pattern.p != NULL && !up_path_match(ecu->name_pattern, order->name)) return UP_IMG_FILENAME;
    if (!fits_counter(order, p, ecu->release_floor)) return UP_IMG_RELEASE_COUNTER;
    return order->length <= ecu->capacity_bytes ? UP_OK : UP_STORAGE_FULL;
}

/* Backends of dialect A give no list, only the hardware id of each ECU. */
static bool ecus_fit(const struct up_target *director, const struct up_target *image)
{
    struct up_json j;
    struct up_span serial, id;
    up_json_open_checked(&j, director->ecus);
    for (up_json_object(&j); up_json_member(&j, &serial); (void)up_json_value(&j))
        if (!up_target_names_ecu(director, serial, &id) || !up_target_fits_hardware(image, id)) return false;
    return j.err == UP_OK;
}

enum up_err up_order_match(const struct up_target *director, const struct up_target *image,
                           const struct up_profile *p)
{
    struct up_target said = *director;
    if (said.hardware_ids.p == NULL && up_is_deployed(p->dialect) && ecus_fit(director, image))
        said.hardware_ids = image->hardware_ids;
    bool same = up_json_cmp(said.name, image->name) == 0 && up_target_agrees(&said, image);
    return same ? UP_OK : UP_TARGET_MISMATCH;
}
