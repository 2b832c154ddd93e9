#include "sim/virtual_ecu.h"

#include <stdio.h>
#include <stdlib.h>

#define SECTOR         4096u
#define PROGRAM_UNIT   64u
#define POWER_UP_US    20000u
#define TRIAL_LIMIT_S  600u
#define TIME_MAX_AGE_S 3600u
#define ROOM_BYTES     (512u << 10)
#define NEVER          UINT32_MAX

void sim_ecu_channel(const struct sim_world_ecu *spec, bool primary_side, struct isotp_config *out)
{
    bool fd = sim_world_buses[spec->bus].fd;
    *out = primary_side ? isotp_config_default(spec->request_id, spec->response_id, fd)
                        : isotp_config_default(spec->response_id, spec->request_id, fd);
}

uint32_t sim_ecu_staging_bytes(const struct sim_world_ecu *spec)
{
    return spec->full ? 256u << 10 : 64u << 10;
}

uint32_t sim_ecu_slot_bytes(const struct sim_world_ecu *spec)
{
    return (spec->image_bytes + SECTOR - 1) / SECTOR * SECTOR + 16 * SECTOR;
}

static bool self_test(void *ctx, struct up_span image)
{
    const struct sim_virtual_ecu *e = ctx;
    static const char broken[] = "ISOCTANE-BROKEN";
    return !e->sick && (image.n < sizeof broken - 1 || memcmp(image.p, broken, sizeof broken - 1) != 0);
}

static bool random_bytes(void *ctx, uint8_t *out, size_t n)
{
    struct sim_virtual_ecu *e = ctx;
    for (size_t i = 0; i < n; i++) {
        e->random = e->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(e->random >> 33);
    }
    return true;
}

static bool read_all(const char *path, struct up_span *out)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(1u << 16);
    size_t n = f == NULL || bytes == NULL ? 0 : fread(bytes, 1, 1u << 16, f);
    if (f != NULL) (void)fclose(f);
    *out = (struct up_span){bytes, n};
    return n > 0;
}

bool sim_virtual_ecu_open(struct sim_virtual_ecu *e, const struct sim_virtual_ecu_parts *parts, char *why,
                          size_t why_size)
{
    *e = (struct sim_virtual_ecu){.link = parts->link, .channel = parts->channel, .random = parts->seed};
    e->room = (struct up_buf){.p = malloc(ROOM_BYTES), .cap = ROOM_BYTES};
    if (e->link == NULL || e->room.p == NULL || !up_signer_open(parts->key_path, &e->signer, why, why_size))
        return false;
    e->signing = true;
    e->identity = parts->identity;
    e->identity.signer = &e->signer;
    e->identity.room = &e->room;
    e->identity.max_message = SIM_ECU_MESSAGE_MAX;
    e->platform = (struct sec_platform){.ctx = e, .self_test = self_test, .random = random_bytes};
    uint32_t size = sec_layout_size(e->identity.layout, SECTOR, e->identity.staging_bytes, parts->slot_bytes);
    if (!sec_flash_posix_open(&e->flash, parts->flash_path, size, SECTOR, PROGRAM_UNIT, true, true, why,
                              why_size))
        return false;
    e->opened = true;
    enum up_err err = sec_provision(&e->flash.port, &e->identity, &parts->plant);
    if (err != UP_OK)
        (void)snprintf(why, why_size, "%s cannot be provisioned: %s", parts->flash_path, up_err_text(err));
    return err == UP_OK;
}

bool sim_virtual_ecu_open_demo(struct sim_virtual_ecu *e, const struct sim_world *w,
                               const struct sim_world_ecu *spec, enum sec_layout_kind layout,
                               struct sim_bus *bus, uint64_t seed, int64_t base_s, char *why, size_t why_size)
{
    char path[SIM_PATH_MAX + 64], key[SIM_PATH_MAX], name[UP_NAME_MAX + 1];
    struct up_span director = {0}, image_root = {0};
    (void)snprintf(path, sizeof path, "%s/director/1.root.json", w->repos);
    bool good = read_all(path, &director);
    (void)snprintf(path, sizeof path, "%s/repo/1.root.json", w->repos);
    good = read_all(path, &image_root) && good;
    size_t n = 0;
    uint8_t *image = sim_world_image(w, spec, 1, &n);
    sim_world_image_name(spec, 1, name);
    sim_world_key_path(w, spec, key);
    (void)snprintf(path, sizeof path, "%s/ecus/%s.flash", w->dir, spec->serial);
    struct sim_virtual_ecu_parts parts = {
        .identity = {.vehicle_id = UP_SPAN(SIM_WORLD_VEHICLE),
                     .serial = up_span_of(spec->serial),
                     .hardware_id = up_span_of(spec->hardware_id),
                     .profile = &up_profile_strict,
                     .limits = spec->full ? &up_limits_posix : &up_limits_mcu,
                     .full = spec->full,
                     .base_time_s = base_s,
                     .time_max_age_s = TIME_MAX_AGE_S,
                     .trial_limit_s = TRIAL_LIMIT_S,
                     .layout = layout,
                     .staging_bytes = sim_ecu_staging_bytes(spec)},
        .plant = {.director_root = director,
                  .image_root = spec->full ? image_root : (struct up_span){0},
                  .image = {image, n},
                  .image_name = up_span_of(name),
                  .release_counter = 1},
        .flash_path = path,
        .key_path = key,
        .slot_bytes = sim_ecu_slot_bytes(spec),
        .link = sim_bus_link(bus, sim_world_buses[spec->bus].fd),
        .seed = seed ^ spec->request_id};
    sim_ecu_channel(spec, false, &parts.channel);
    good = good && image != NULL && sim_virtual_ecu_open(e, &parts, why, why_size);
    free((void *)(uintptr_t)director.p);
    free((void *)(uintptr_t)image_root.p);
    free(image);
    return good;
}

void sim_virtual_ecu_close(struct sim_virtual_ecu *e)
{
    if (e->link != NULL) e->link->ops->close(e->link);
    if (e->running) sec_agent_drop(&e->agent);
    if (e->opened) sec_flash_posix_close(&e->flash);
    if (e->signing) up_signer_close(&e->signer);
    free(e->room.p);
}

void sim_virtual_ecu_cut(struct sim_virtual_ecu *e, uint64_t now_us)
{
    if (e->running) sec_agent_drop(&e->agent);
    e->running = false;
    e->boot_us = now_us + POWER_UP_US;
}

static void boot(struct sim_virtual_ecu *e, uint64_t now_us)
{
    const struct uds_server_config server = {.max_message = SIM_ECU_MESSAGE_MAX,
                                             .download_sessions = sec_agent_download_sessions(&e->identity)};
    struct isotp_frame lost;
    if (sec_boot(&e->agent, &e->flash.port, &e->identity, &e->platform, now_us / 1000) != UP_OK) {
        e->boot_us = UINT64_MAX; /* a dead ECU: silent, as a real one */
        return;
    }
    while (e->link->ops->recv(e->link, &lost, 1) > 0) {
    } /* nobody was there to hear them */
    sec_station_init(&e->station, e->link, &e->channel, &server, sec_agent_owner(), &e->agent, e->request,
                     e->reply);
    e->running = true;
}

void sim_virtual_ecu_pump(struct sim_virtual_ecu *e, uint64_t now_us)
{
    if (!e->running && now_us >= e->boot_us) boot(e, now_us);
    if (!e->running) return;
    bool restart = sec_agent_tick(&e->agent, now_us / 1000);
    if (!sec_station_pump(&e->station, (uint32_t)now_us) || restart) sim_virtual_ecu_cut(e, now_us);
}

uint32_t sim_virtual_ecu_due(const struct sim_virtual_ecu *e, uint64_t now_us)
{
    if (e->running) return sec_station_due(&e->station, (uint32_t)now_us);
    if (e->boot_us == UINT64_MAX) return NEVER;
    return e->boot_us <= now_us ? 0 : (uint32_t)(e->boot_us - now_us);
}
