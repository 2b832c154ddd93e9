/* Repositories of a deployed backend (tests/interop), as they are: from download to flashed Secondary. */
#include "sim/virtual_ecu.h"
#include "sim/wires.h"
#include "tests/lib_folder.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NOW INT64_C(1790000000)

static const struct sample {
    const char *folder, *primary_image, *secondary_image;
    unsigned root;
} samples[] = {
    {"s1-primary-10k", "fw-10k.bin", NULL, 1},
    {"s4-primary-and-secondary-delegated", "fw-10k.bin", "supplierA/ecu-10k.bin", 1},
    {"s6-rotated", "fw-1m.bin", "supplierB/ecu-1m.bin", 2},
};
#define SAMPLES 3

/* ---- a file server ---- */

struct pri_transfer {
    struct pri_answer answer;
};
static char base[256];
static bool tamper; /* changes one byte of every image */

static struct pri_transfer *start(struct pri_fetch *f, const struct pri_request *rq)
{
    (void)f;
    struct pri_transfer *t = calloc(1, sizeof *t);
    char path[600];
    snprintf(path, sizeof path, "%s/%s/%s", base, rq->server == PRI_DIRECTOR ? "director" : "repo", rq->path);
    if (strcmp(rq->method, "PUT") == 0) { /* the manifest */
        t->answer.status = 200;
        return t;
    }
    size_t n;
    char *bytes = folder_read(path, &n);
    t->answer = (struct pri_answer){.err = bytes == NULL ? UP_UNAVAILABLE : UP_OK,
                                    .status = bytes == NULL ? 404 : 200};
    if (bytes != NULL && rq->to_file != NULL) {
        if (tamper) bytes[n / 2] ^= 1;
        folder_write(rq->to_file, bytes, n);
        free(bytes);
    } else if (bytes != NULL) {
        t->answer.body = (struct up_span){(uint8_t *)bytes, n};
    }
    return t;
}

static bool done(struct pri_fetch *f, struct pri_transfer *t, struct pri_answer *a)
{
    (void)f;
    *a = t->answer;
    return true;
}

static uint64_t received(const struct pri_transfer *t)
{
    return t->answer.body.n;
}

static uint8_t *keep(struct pri_transfer *t)
{
    uint8_t *body = (uint8_t *)(uintptr_t)t->answer.body.p;
    t->answer.body = (struct up_span){0};
    return body;
}

static void drop(struct pri_fetch *f, struct pri_transfer *t)
{
    (void)f;
    free((void *)(uintptr_t)t->answer.body.p);
    free(t);
}

/* ---- a vehicle ---- */

struct car {
    struct folder folder;
    struct sim_bus bus;
    struct sim_virtual_ecu ecu;
    struct sim_wires wires;
    struct pri_config config;
    struct pri_fetch fetch;
    struct pri_state *state;
    struct pri_installer *installer;
    struct up_signer signer;
    struct isotp_link *link[1];
    struct pri *primary;
    char state_dir[128], director_root[400], image_root[400], key[128], flash[128];
};

static bool random_bytes(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    return up_random(out, n);
}

static int64_t wall_clock(void *ctx)
{
    (void)ctx;
    return NOW;
}

static void make_key(const char *path, uint8_t seed, struct up_signer *s)
{
    char why[200];
    uint8_t bytes[32] = {seed};
    ck_assert(up_signer_from_seed(UP_ED25519, bytes, s));
    ck_assert_msg(up_signer_save(s, path, why, sizeof why), "%s", why);
}

static void open_secondary(struct car *c, bool full)
{
    size_t n = 0, m = 0;
    char why[200];
    char *director = folder_read(c->director_root, &n), *image = folder_read(c->image_root, &m);
    struct up_signer s;
    make_key(c->key, 2, &s);
    up_signer_close(&s);
    struct sim_virtual_ecu_parts parts = {
        .identity = {.vehicle_id = UP_SPAN("V-1"),
                     .serial = UP_SPAN("SECONDARY-SERIAL-1"),
                     .hardware_id = UP_SPAN("secondary-hw"),
                     .profile = &up_profile_deployed,
                     .limits = &up_limits_posix,
                     .full = full,
                     .base_time_s = NOW - 86400,
                     .time_max_age_s = 3600,
                     .trial_limit_s = 600,
                     .staging_bytes = 256u << 10},
        .plant = {.director_root = {(uint8_t *)director, n}, .image_root = {(uint8_t *)image, full ? m : 0}},
        .flash_path = c->flash,
        .key_path = c->key,
        .slot_bytes = 2u << 20,
        .channel = isotp_config_default(0x7E8, 0x7E0, true),
        .link = sim_bus_link(&c->bus, true),
        .seed = 1};
    if (!full) parts.plant.image_root = (struct up_span){0};
    ck_assert_msg(sim_virtual_ecu_open(&c->ecu, &parts, why, sizeof why), "%s", why);
    free(director);
    free(image);
}

static struct car *build(const struct sample *s, bool full)
{
    struct car *c = calloc(1, sizeof *c);
    char why[200], path[160];
    c->folder = folder_make();
    snprintf(base, sizeof base, "tests/interop/%s", s->folder);
    snprintf(c->state_dir, sizeof c->state_dir, "%s/state", c->folder.path);
    snprintf(c->director_root, sizeof c->director_root, "%s/director/1.root.json", base);
    snprintf(c->image_root, sizeof c->image_root, "%s/repo/1.root.json", base);
    snprintf(c->key, sizeof c->key, "%s/secondary.pem", c->folder.path);
    snprintf(c->flash, sizeof c->flash, "%s/secondary.flash", c->folder.path);
    ck_assert_int_eq(mkdir(c->state_dir, 0700), 0);
    struct sim_bus_config bus = {.bitrate = 500000, .data_bitrate = 2000000, .fd = true};
    sim_bus_init(&c->bus, &bus);
    c->link[0] = sim_bus_link(&c->bus, true);
    open_secondary(c, full);
    c->wires = (struct sim_wires){.buses = &c->bus, .bus_count = 1, .ecus = &c->ecu, .ecu_count = 1};
    c->fetch = (struct pri_fetch){start, done, received, keep, drop};
    c->config = (struct pri_config){.vehicle_id = "V-1",
                                    .serial = "PRIMARY-SERIAL-1",
                                    .hardware_id = "primary-hw",
                                    .state_dir = c->state_dir,
                                    .base_time_s = NOW - 86400,
                                    .director = {"folder", c->director_root, &up_profile_deployed},
                                    .image = {"folder", c->image_root, &up_profile_deployed},
                                    .time_max_age_s = 3600,
                                    .ecu_deadline_s = 60,
                                    .boot_deadline_s = 10,
                                    .image_max_bytes = 64u << 20,
                                    .bus_count = 1,
                                    .ecu_count = 1};
    c->config.buses[0] = (struct pri_bus_config){.name = "can0", .link = "virtual", .fd = true};
    c->config.ecus[0] = (struct pri_ecu_config){.serial = "SECONDARY-SERIAL-1",
                                                .hardware_id = "secondary-hw",
                                                .full = full,
                                                .profile = &up_profile_deployed,
                                                .channel = isotp_config_default(0x7E0, 0x7E8, true)};
    ck_assert_ptr_nonnull(c->state = pri_state_open(":memory:", why, sizeof why));
    snprintf(path, sizeof path, "%s/slots", c->state_dir);
    ck_assert_ptr_nonnull(c->installer = pri_installer_slots(path, c->state, why, sizeof why));
    snprintf(path, sizeof path, "%s/primary.pem", c->folder.path);
    make_key(path, 1, &c->signer);
    struct pri_ports ports = {.state = c->state,
                              .fetch = &c->fetch,
                              .installer = c->installer,
                              .signer = &c->signer,
                              .links = c->link,
                              .random = random_bytes,
                              .wall_clock = wall_clock};
    struct pri_problem problem = {0};
    c->primary = pri_open(&c->config, &ports, &problem);
    ck_assert_msg(c->primary != NULL, "%s", problem.what);
    return c;
}

static void dismantle(struct car *c)
{
    pri_close(c->primary);
    sim_virtual_ecu_close(&c->ecu);
    c->link[0]->ops->close(c->link[0]);
    c->installer->close(c->installer);
    pri_state_close(c->state);
    up_signer_close(&c->signer);
    folder_remove(&c->folder);
    free(c);
}

static const struct pri_outcome *cycle(struct car *c)
{
    static const uint64_t always = 0;
    const struct pri_outcome *o = sim_wires_cycle(&c->wires, c->primary, PRI_UPDATE, &always);
    ck_assert_ptr_nonnull(o);
    return o;
}

/* DEL, MATCH: profile deployed, by either verification on the Secondary. */
START_TEST(a_deployed_backends_order_is_installed)
{
    const struct sample *s = &samples[_i % SAMPLES];
    tamper = false;
    struct car *c = build(s, _i >= SAMPLES);
    const struct pri_outcome *o = cycle(c);
    ck_assert_msg(o->err == UP_OK, "%s: %s: %s", s->folder, up_err_name(o->err), o->detail);
    struct pri_installed own;
    ck_assert_int_eq(c->installer->state(c->installer, &own), UP_OK);
    ck_assert_str_eq(own.name, s->primary_image);
    ck_assert_uint_eq(pri_trust(c->primary, UP_DIRECTOR)->root.head.version, s->root);
    if (s->secondary_image != NULL) {
        struct sec_status status;
        sec_agent_status(&c->ecu.agent, &status);
        ck_assert_msg(up_span_is(status.image_name, s->secondary_image), "%.*s", (int)status.image_name.n,
                      (const char *)status.image_name.p);
        char path[400];
        size_t n;
        snprintf(path, sizeof path, "%s/repo/targets/%s", base, s->secondary_image);
        char *image = folder_read(path, &n);
        ck_assert_uint_eq(status.image.n, n);
        ck_assert_mem_eq(status.image.p, image, n);
        free(image);
    }
    o = cycle(c);
    ck_assert_int_eq(o->err, UP_OK);
    ck_assert_uint_eq(o->updated + o->pending, 0);
    dismantle(c);
}
END_TEST

/* E-IMG-08 */
START_TEST(a_changed_image_of_a_deployed_backend_is_refused)
{
    tamper = true;
    struct car *c = build(&samples[1], true);
    ck_assert_int_eq(cycle(c)->err, UP_IMG_HASH);
    tamper = false;
    const struct pri_outcome *o = cycle(c);
    ck_assert_msg(o->err == UP_OK, "%s: %s", up_err_name(o->err), o->detail);
    ck_assert_uint_eq(o->updated, 2);
    dismantle(c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("interop_vehicle");
    TCase *c = tcase_create("interop_vehicle");
    tcase_set_timeout(c, 600);
    tcase_add_loop_test(c, a_deployed_backends_order_is_installed, 0, 2 * SAMPLES);
    tcase_add_test(c, a_changed_image_of_a_deployed_backend_is_refused);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
