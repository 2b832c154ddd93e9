#include "sim/backend.h"

#include "metadata/clock.h"
#include "tests/lib_garage.h"
#include "tests/suite.h"

#include <stdio.h>

static struct garage garage;
static struct sim_backend *backend;
static struct sim_reply reply;

static int64_t now(void *ctx)
{
    (void)ctx;
    return GARAGE_NOW;
}

static void begin(void)
{
    char why[SIM_WHY_MAX];
    garage_open(&garage);
    backend = sim_backend_open(garage.folder.path, now, NULL, why, sizeof why);
    ck_assert_msg(backend != NULL, "%s", why);
    garage_register(sim_backend_director(backend));
}

static void end(void)
{
    free(reply.body);
    reply.body = NULL;
    sim_backend_close(backend);
    garage_close(&garage);
}

static unsigned ask(struct sim_request rq)
{
    free(reply.body);
    sim_backend_request(backend, &rq, &reply);
    return reply.status;
}

static unsigned get(const char *path)
{
    return ask((struct sim_request){.method = "GET", .path = path, .vehicle = GARAGE_VEHICLE});
}

static unsigned send_body(const char *method, const char *path, const char *body)
{
    return ask((struct sim_request){.method = method,
                                    .path = path,
                                    .vehicle = GARAGE_VEHICLE,
                                    .body = (const uint8_t *)body,
                                    .body_bytes = strlen(body)});
}

static bool reply_has(const char *text)
{
    return memmem(reply.body, reply.body_bytes, text, strlen(text)) != NULL;
}

static void put_manifest(uint64_t counter, unsigned status)
{
    char *manifest = garage_honest_manifest(counter, GARAGE_NOW);
    ck_assert_uint_eq(send_body("PUT", "/director/manifest", manifest), status);
    free(manifest);
}

static const char *image_path(void)
{
    static char path[SIM_PATH_MAX];
    cJSON *entry = sim_repo_find(&garage.repo, "brake-1", "brake-hw");
    snprintf(path, sizeof path, "/repo/targets/%s.brake-1",
             sim_json_at(entry, "/hashes/sha256")->valuestring);
    cJSON_Delete(entry);
    return path;
}

START_TEST(a_whole_cycle_is_answered)
{
    begin();
    put_manifest(1, 200);
    ck_assert(reply_has("\"verdict\":\"OK\""));
    ck_assert_uint_eq(get("/director/1.root.json"), 200);
    ck_assert_uint_eq(get("/director/2.root.json"), 404);
    ck_assert_uint_eq(get("/director/timestamp.json"), 200);
    ck_assert_uint_eq(get("/director/1.snapshot.json"), 200);
    ck_assert_uint_eq(get("/director/1.targets.json"), 200);
    ck_assert_uint_eq(get("/repo/1.root.json"), 200);
    ck_assert_uint_eq(get("/repo/2.root.json"), 404);
    ck_assert_uint_eq(get("/repo/timestamp.json"), 200);
    ck_assert_uint_eq(get("/repo/2.snapshot.json"), 200);
    ck_assert_uint_eq(get("/repo/2.targets.json"), 200);
    ck_assert_uint_eq(get(image_path()), 200);
    ck_assert(reply_has("brake firmware one"));
    end();
}
END_TEST

START_TEST(a_refused_manifest_is_answered_with_the_name)
{
    begin();
    put_manifest(1, 200);
    put_manifest(1, 409);
    ck_assert(reply_has("\"error\":\"MAN_REPLAY\""));
    ck_assert(reply_has("\"ecu\":\"tcu\""));
    ck_assert_uint_eq(send_body("PUT", "/director/manifest", "{}"), 400);
    ck_assert(reply_has("MAN_SCHEMA"));
    ck_assert_uint_eq(
        ask((struct sim_request){.method = "PUT", .path = "/director/manifest", .vehicle = "VIN-9"}), 403);
    end();
}
END_TEST

START_TEST(a_vehicle_gets_only_its_own_metadata)
{
    begin();
    put_manifest(1, 200);
    static const char *const paths[] = {"/director/timestamp.json", "/director/1.targets.json"};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(ask((struct sim_request){.method = "GET", .path = paths[i], .vehicle = "VIN-2"}),
                          404);
        ck_assert_uint_eq(ask((struct sim_request){.method = "GET", .path = paths[i]}), 401);
    }
    end();
}
END_TEST

START_TEST(a_range_is_the_rest_of_the_file)
{
    begin();
    struct sim_request rq = {.method = "GET", .path = image_path(), .vehicle = GARAGE_VEHICLE, .from = 6};
    ck_assert_uint_eq(ask(rq), 206);
    ck_assert_uint_eq(reply.body_bytes, 12);
    ck_assert(memcmp(reply.body, "firmware one", 12) == 0);
    rq.from = 18;
    ck_assert_uint_eq(ask(rq), 416);
    end();
}
END_TEST

START_TEST(names_are_decoded_once_and_never_escape)
{
    begin();
    const char *const paths[] = {"supplier/*", NULL}, *const ids[] = {"hw", NULL};
    ck_assert(sim_repo_delegate(&garage.repo, &(struct sim_delegation){.name = "supplier/x", .paths = paths},
                                GARAGE_NOW));
    ck_assert(sim_repo_add(
        &garage.repo,
        &(struct sim_image){
            .name = "supplier/fw+1", .bytes = UP_SPAN("fw"), .hardware_ids = ids, .role = "supplier/x"},
        1, GARAGE_NOW));
    ck_assert_uint_eq(get("/repo/2.supplier%2Fx.json"), 200);
    ck_assert_uint_eq(get("/repo/2.supplier%2fx.json"), 200);
    ck_assert_uint_eq(get("/repo/2.s%75pplier%2Fx.json"), 200);
    static const char *const none[] = {
        "/repo/2.supplier%252Fx.json",
        "/repo/settings.json",
        "/repo/../settings.json",
        "/repo/%2e%2e/settings.json",
        "/repo/1.%2e%2e%2fx.json",
        "/repo/targets/../timestamp.json",
        "/repo/2.targets.jso",
        "/repo/2.targets.json%00",
        "/repo/%",
        "/repo/%4",
        "/repo/%zz.json",
        "/repo/02.targets.json",
        "/repo/.json",
        "/repo/2..json",
        "/repo/targets.json",
        "/repo/99999999999.targets.json",
        "/repo/",
        "/repo/targets/",
        "/repo/targets/brake-1",
        "/director/../director.db",
        "/director/%2e%2e%2fdirector.db",
        "/keys/time.pem",
        "/",
        "",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) ck_assert_msg(get(none[i]) == 404, "%s", none[i]);

    char path[SIM_PATH_MAX];
    snprintf(path, sizeof path, "/repo/targets/x/%%2e%%2e/%s", image_path() + strlen("/repo/targets/"));
    ck_assert_uint_eq(get(path), 404);
    snprintf(path, sizeof path, "/repo/targets%%2F%s", image_path() + strlen("/repo/targets/"));
    ck_assert_uint_eq(get(path), 404);
    snprintf(path, sizeof path, "/repo/targets/%64X.brake-1", 0u);
    ck_assert_uint_eq(get(path), 404);
    end();
}
END_TEST

static void place(const char *name)
{
    char path[SIM_PATH_MAX];
    ck_assert(sim_path(path, "%s/repo/%s", garage.folder.path, name));
    ck_assert(sim_file_write(path, UP_SPAN("not for you"), 0644));
}

START_TEST(files_that_no_name_of_ours_leads_to_stay_hidden)
{
    begin();
    place("targets.json");
    place("1.a%20b.json");
    place("1.%2Fx.json");
    place("targets/x/y");
    ck_assert_uint_eq(get("/repo/targets.json"), 404);
    ck_assert_uint_eq(get("/repo/1.a%20b.json"), 404);
    ck_assert_uint_eq(get("/repo/1.%2Fx.json"), 404);
    ck_assert_uint_eq(get("/repo/targets/x/y"), 404);
    char path[SIM_PATH_MAX]; /* leads to an image that is there */
    snprintf(path, sizeof path, "/repo/targets/x/../%s", image_path() + strlen("/repo/targets/"));
    ck_assert_uint_eq(get(path), 404);
    snprintf(path, sizeof path, "/repo/targets/x/%%2e%%2e/%s", image_path() + strlen("/repo/targets/"));
    ck_assert_uint_eq(get(path), 404);
    snprintf(path, sizeof path, "/repo/targets//%s", image_path() + strlen("/repo/targets/"));
    ck_assert_uint_eq(get(path), 404);
    end();
}
END_TEST

/* R-ISRV-02: over the network, nobody writes to the repositories. */
START_TEST(methods_and_sizes_are_checked)
{
    begin();
    ck_assert_uint_eq(get("/director/manifest"), 405);
    ck_assert_uint_eq(get("/time"), 405);
    ck_assert_uint_eq(send_body("PUT", "/repo/timestamp.json", "x"), 405);
    ck_assert_uint_eq(send_body("DELETE", "/director/1.root.json", ""), 405);
    size_t max = sim_backend_body_max("/time");
    char *large = malloc(max + 2);
    memset(large, ' ', max + 1);
    large[max + 1] = '\0';
    ck_assert_uint_eq(send_body("POST", "/time", large), 413);
    free(large);
    ck_assert_uint_eq(sim_backend_body_max("/repo/timestamp.json"), 0);
    ck_assert_uint_eq(sim_backend_body_max("/nowhere"), 0);
    end();
}
END_TEST

START_TEST(time_is_attested_for_the_nonces_asked)
{
    begin();
    ck_assert_uint_eq(send_body("POST", "/time", "{\"nonces\":[\"00112233445566778899aabbccddeeff\"]}"), 200);
    static const uint8_t nonces[1][UP_NONCE_BYTES] = {
        {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}};
    ck_assert_int_eq(up_time_has_nonces((struct up_span){reply.body, reply.body_bytes}, nonces, 1), UP_OK);
    static const char *const wrong[] = {"",
                                        "{}",
                                        "{\"nonces\":[]}",
                                        "{\"nonces\":7}",
                                        "{\"nonces\":[7]}",
                                        "{\"nonces\":[\"0011\"]}",
                                        "{\"nonces\":[\"00112233445566778899AABBCCDDEEFF\"]}",
                                        "{\"nonces\":[\"00112233445566778899aabbccddeeff\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(send_body("POST", "/time", wrong[i]) == 400, "%s", wrong[i]);
    static char many[16384] = "{\"nonces\":[\"00112233445566778899aabbccddeeff\"";
    for (int n = 2; n <= UP_ECUS_MAX + 2; n++) strcat(many, ",\"00112233445566778899aabbccddeeff\"");
    ck_assert_uint_eq(send_body("POST", "/time", strcat(many, "]}")), 400);
    end();
}
END_TEST

static void lose_timestamp(void *ctx, const struct sim_request *rq, struct sim_reply *r)
{
    ++*(int *)ctx;
    if (strcmp(rq->path, "/repo/timestamp.json") == 0) r->status = 503;
}

START_TEST(a_man_in_the_middle_sees_and_changes_everything)
{
    int seen = 0;
    begin();
    sim_backend_tamper(backend, lose_timestamp, &seen);
    ck_assert_uint_eq(get("/repo/timestamp.json"), 503);
    ck_assert_uint_eq(get("/repo/1.root.json"), 200);
    ck_assert_int_eq(seen, 2);
    sim_backend_tamper(backend, NULL, NULL);
    ck_assert_uint_eq(get("/repo/timestamp.json"), 200);
    end();
}
END_TEST

START_TEST(what_is_no_repository_is_refused)
{
    char why[SIM_WHY_MAX] = "";
    ck_assert_ptr_null(sim_backend_open("/nonexistent", now, NULL, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent"));
}
END_TEST

SUITE("backend", a_whole_cycle_is_answered, a_refused_manifest_is_answered_with_the_name,
      a_vehicle_gets_only_its_own_metadata, a_range_is_the_rest_of_the_file,
      names_are_decoded_once_and_never_escape, files_that_no_name_of_ours_leads_to_stay_hidden,
      methods_and_sizes_are_checked, time_is_attested_for_the_nonces_asked,
      a_man_in_the_middle_sees_and_changes_everything, what_is_no_repository_is_refused)
