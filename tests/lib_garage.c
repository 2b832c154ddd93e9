#include "tests/lib_garage.h"

#include "metadata/report.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t seed[32] = "the keys of every test garage..";

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

void garage_open(struct garage *g)
{
    const struct sim_image images[] = {
        {.name = "brake-1",
         .bytes = UP_SPAN("brake firmware one"),
         .hardware_ids = LIST("brake-hw"),
         .release_counter = 1},
        {.name = "brake-2",
         .bytes = UP_SPAN("brake firmware two"),
         .hardware_ids = LIST("brake-hw"),
         .release_counter = 2},
        {.name = "engine-1",
         .bytes = UP_SPAN("engine firmware"),
         .hardware_ids = LIST("engine-hw"),
         .release_counter = 1},
    };
    const struct sim_plan plan = {.scheme = UP_ED25519, .seed = seed};
    g->folder = folder_make();
    ck_assert_msg(sim_repo_create(&g->repo, g->folder.path, &plan, GARAGE_NOW), "%s", g->repo.why);
    ck_assert_msg(sim_repo_add(&g->repo, images, sizeof images / sizeof *images, GARAGE_NOW), "%s",
                  g->repo.why);
    g->repo.seed = seed;
}

void garage_close(struct garage *g)
{
    folder_remove(&g->folder);
}

struct up_signer garage_ecu_key(const char *serial)
{
    struct up_signer s;
    uint8_t digest[UP_SHA256_BYTES];
    up_sha256(up_span_of(serial), digest);
    ck_assert(up_signer_from_seed(UP_ECDSA_P256_SHA256, digest, &s));
    return s;
}

static void register_ecu(struct sim_director *d, const char *serial, const char *hardware_id, bool primary)
{
    char pem[1024];
    struct up_signer s = garage_ecu_key(serial);
    size_t n = up_key_to_pem(&s.key, pem, sizeof pem);
    ck_assert_msg(sim_director_add_ecu(d, GARAGE_VEHICLE, serial, hardware_id, primary,
                                       (struct up_span){(const uint8_t *)pem, n}),
                  "%s", sim_director_why(d));
    up_signer_close(&s);
}

void garage_register(struct sim_director *d)
{
    ck_assert_msg(sim_director_add_vehicle(d, GARAGE_VEHICLE), "%s", sim_director_why(d));
    register_ecu(d, "tcu", "tcu-hw", true);
    register_ecu(d, "brake", "brake-hw", false);
    register_ecu(d, "engine", "engine-hw", false);
}

char *garage_report(const struct garage_report *g)
{
    struct up_signer s = garage_ecu_key(g->signer != NULL ? g->signer : g->serial);
    struct up_report r = {.ecu_serial = up_span_of(g->serial),
                          .image_name = up_span_of(g->image),
                          .image_length = 7,
                          .time_s = g->time_s,
                          .previous_time_s = g->time_s,
                          .counter = g->counter};
    char *out = malloc(UP_REPORT_MAX + 1);
    ck_assert_ptr_nonnull(out);
    up_sha256(r.image_name, r.image_sha256);
    size_t n = up_report_write(&r, &up_profile_strict, &s, (uint8_t *)out, UP_REPORT_MAX);
    ck_assert_uint_gt(n, 0);
    out[n] = '\0';
    up_signer_close(&s);
    return out;
}

char *garage_manifest(const char *vehicle, const char *signer, const char *const (*reports)[2], size_t n)
{
    enum { CAP = 16384 };
    char *out = malloc(CAP), *body = NULL;
    size_t body_n;
    FILE *f = open_memstream(&body, &body_n);
    ck_assert(out != NULL && f != NULL);
    fprintf(f, "{\"ecu_version_manifests\":{");
    for (size_t i = 0; i < n; i++) fprintf(f, "%s\"%s\":%s", i > 0 ? "," : "", reports[i][0], reports[i][1]);
    fprintf(f, "},\"primary_ecu_serial\":\"tcu\",\"vehicle_id\":\"%s\"}", vehicle);
    ck_assert_int_eq(fclose(f), 0);
    struct up_signer s = garage_ecu_key(signer);
    size_t out_n = up_attest_write(up_span_of(body), &up_profile_strict, &s, (uint8_t *)out, CAP - 1);
    ck_assert_uint_gt(out_n, 0);
    out[out_n] = '\0';
    up_signer_close(&s);
    free(body);
    return out;
}

char *garage_honest_manifest(uint64_t counter, int64_t time_s)
{
    static const char *const serials[] = {"brake", "engine", "tcu"};
    const char *reports[3][2];
    for (size_t i = 0; i < 3; i++) {
        reports[i][0] = serials[i];
        reports[i][1] = garage_report(&(struct garage_report){
            .serial = serials[i], .image = "unknown", .counter = counter, .time_s = time_s});
    }
    char *manifest = garage_manifest(GARAGE_VEHICLE, "tcu", (const char *const(*)[2])reports, 3);
    for (size_t i = 0; i < 3; i++) free((char *)(uintptr_t)reports[i][1]);
    return manifest;
}
