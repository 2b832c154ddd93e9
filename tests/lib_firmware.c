#include "tests/lib_firmware.h"

#include <check.h>
#include <stdio.h>

#include "metadata/encode.h"

#define BOOT_US 50000u

static bool self_test(void *ctx, struct up_span image)
{
    const struct firmware *f = ctx;
    return !f->sick && image.n > 0;
}

static bool random_bytes(void *ctx, uint8_t *out, size_t n)
{
    struct firmware *f = ctx;
    for (size_t i = 0; i < n; i++) {
        f->random = f->random * 1664525u + 1013904223u;
        out[i] = (uint8_t)(f->random >> 24);
    }
    return true;
}

/* ---- power ---- */

void firmware_cut(struct firmware *f)
{
    sec_agent_drop(&f->agent);
    f->on = false;
    f->cuts++;
    f->boots_at_us = f->now_us + BOOT_US;
}

static void boot(struct firmware *f)
{
    struct lib_link_end *end = &f->unit->wire.b;
    const struct uds_server_config config = {.max_message = FIRMWARE_MESSAGE,
                                             .download_sessions = sec_agent_download_sessions(&f->id)};
    lib_flash_power(f->flash);
    end->fuse = NULL;
    end->queued = 0; /* nobody was there to hear it */
    IS(sec_boot(&f->agent, &f->flash->port, &f->id, &f->platform, f->now_us / 1000), UP_OK);
    sec_station_init(&f->station, &end->link, &f->unit->channel, &config, sec_agent_owner(), &f->agent,
                     f->request, f->reply);
    f->on = true;
    f->starts++;
}

static uint64_t pump(struct unit *u, uint64_t now_us)
{
    struct firmware *f = u->firmware;
    f->now_us = now_us;
    if (!f->on && now_us >= f->boots_at_us) boot(f);
    if (!f->on) {
        u->wire.b.queued = 0;
        return f->boots_at_us;
    }
    const bool resets = sec_agent_tick(&f->agent, now_us / 1000);
    const bool goes_on = sec_station_pump(&f->station, (uint32_t)now_us);
    if (resets || !goes_on || (u->wire.b.fuse != NULL && *u->wire.b.fuse == 0)) {
        firmware_cut(f);
        return f->boots_at_us;
    }
    const uint32_t due = sec_station_due(&f->station, (uint32_t)now_us);
    return now_us + (due == UDS_NEVER || due > 1000000 ? 1000000 : due); /* its limits are looked at */
}

/* ---- the plant ---- */

void firmware_open(struct firmware *f, struct yard *y, unsigned i, enum sec_layout_kind layout, bool full)
{
    const uint32_t staging = full ? 32768 : 16384;
    memset(f, 0, sizeof *f);
    f->unit = &y->units[i];
    f->now_us = y->now_us;
    f->random = i + 1;
    f->flash = lib_flash_new(sec_layout_size(layout, FIRMWARE_SECTOR, staging, 8192), FIRMWARE_SECTOR,
                             FIRMWARE_UNIT);
    f->id = (struct sec_identity){.vehicle_id = up_span_of(f->unit->vehicle),
                                  .serial = up_span_of(f->unit->serial),
                                  .hardware_id = up_span_of(f->unit->hardware_id),
                                  .profile = &up_profile_strict,
                                  .limits = full ? &up_limits_posix : &up_limits_mcu,
                                  .full = full,
                                  .signer = &f->unit->signer,
                                  .base_time_s = AUTHOR_NOW - 1000,
                                  .time_max_age_s = 3600,
                                  .trial_limit_s = 600,
                                  .max_message = FIRMWARE_MESSAGE,
                                  .layout = layout,
                                  .staging_bytes = staging};
    f->platform = (struct sec_platform){.ctx = f, .self_test = self_test, .random = random_bytes};
    const struct sec_provisioning plant = {.director_root = author_root(&y->site.author[UP_DIRECTOR], 1),
                                           .image_root = author_root(&y->site.author[UP_IMAGE], 1),
                                           .image = UP_SPAN("old 1"),
                                           .image_name = UP_SPAN("old"),
                                           .release_counter = 1};
    IS(sec_provision(&f->flash->port, &f->id, &plant), UP_OK);
    f->unit->firmware = f;
    f->unit->pump = pump;
    boot(f);
}

void firmware_close(struct firmware *f)
{
    sec_agent_drop(&f->agent);
    lib_flash_free(f->flash);
}

const char *firmware_runs(const struct firmware *f)
{
    struct sec_status s;
    sec_agent_status(&f->agent, &s);
    if (s.image.n == 0) return "none";
    if (f->agent.slots.slot[f->agent.running].state != SEC_CONFIRMED) return "trial";
    return author_text("%.*s", TEXT(s.image_name));
}

/* ---- orders ---- */

char *firmware_order(struct yard *y, unsigned i, const char *name, unsigned counter, struct up_span image,
                     const char *bundle, char **listed)
{
    char path[UP_FILE_NAME_MAX], hex[2 * UP_SHA256_BYTES];
    uint8_t digest[UP_SHA256_BYTES];
    const struct unit *u = &y->units[i];
    up_sha256(image, digest);
    up_hex_encode(digest, sizeof digest, hex);
    (void)snprintf(path, sizeof path, "targets/%.*s.%s", (int)sizeof hex, hex, name);
    shelf_put(&y->site.net.shelf[PRI_IMAGE], path, image);
    const char *content =
        author_text("\"hashes\":{\"sha256\":\"%.*s\"},\"length\":%zu", (int)sizeof hex, hex, image.n);
    const char *common =
        author_text("\"hardwareIds\":[\"%s\"],\"releaseCounter\":%u", u->hardware_id, counter);
    const char *together = bundle == NULL ? "" : author_text("\"bundle\":\"%s\",", bundle);
    *listed = author_text("\"%s\":{\"custom\":{%s},%s}", name, common, content);
    return author_text("\"%s\":{\"custom\":{%s\"ecuIdentifiers\":{\"%s\":{\"hardwareId\":\"%s\"}},%s},%s}",
                       name, together, u->serial, u->hardware_id, common, content);
}
