#include "sim/director.h"

#include "metadata/report.h"
#include "tests/lib_garage.h"
#include "tests/suite.h"

#include <stdio.h>

#define NOW GARAGE_NOW
#define DAY INT64_C(86400)

static struct garage garage;
static struct sim_director *director;

static void begin(void)
{
    char why[SIM_WHY_MAX];
    garage_open(&garage);
    director = sim_director_open(garage.folder.path, why);
    ck_assert_msg(director != NULL, "%s", why);
    garage_register(director);
}

static void end(void)
{
    sim_director_close(director);
    garage_close(&garage);
}

#define CHECKED(call) ck_assert_msg((call), "%s", sim_director_why(director))

static void judged_at(const char *manifest, int64_t now_s, enum up_err verdict, const char *ecu)
{
    struct sim_decision decision;
    int64_t before = sim_inventory_count_manifests(sim_director_inventory(director), GARAGE_VEHICLE, verdict);
    CHECKED(sim_director_manifest(director, GARAGE_VEHICLE, up_span_of(manifest), now_s, &decision));
    ck_assert_str_eq(up_err_name(decision.verdict), up_err_name(verdict));
    ck_assert_str_eq(decision.ecu, ecu);
    int64_t after = sim_inventory_count_manifests(sim_director_inventory(director), GARAGE_VEHICLE, verdict);
    ck_assert_int_eq(after, before + 1); /* every decision is kept */
}

static void judged(char *manifest, enum up_err verdict, const char *ecu)
{
    judged_at(manifest, NOW, verdict, ecu);
    free(manifest);
}

static void accepted(uint64_t counter)
{
    judged(garage_honest_manifest(counter, NOW), UP_OK, "");
}

/* A vehicle whose brake sends REPORT. */
static char *with_brake(const char *report, uint64_t counter)
{
    char *engine = garage_report(&(struct garage_report){"engine", NULL, "unknown", counter, NOW});
    char *tcu = garage_report(&(struct garage_report){"tcu", NULL, "unknown", counter, NOW});
    const char *reports[3][2] = {{"brake", report}, {"engine", engine}, {"tcu", tcu}};
    char *manifest = garage_manifest(GARAGE_VEHICLE, "tcu", (const char *const(*)[2])reports, 3);
    free(engine);
    free(tcu);
    return manifest;
}

static char *brake_report(const char *signer, uint64_t counter, int64_t time_s)
{
    return garage_report(&(struct garage_report){"brake", signer, "unknown", counter, time_s});
}

static void brake_judged(char *report, uint64_t counter, enum up_err verdict)
{
    judged(with_brake(report, counter), verdict, verdict == UP_OK ? "" : "brake");
    free(report);
}

static cJSON *issued(const char *name)
{
    struct sim_bytes file;
    ck_assert_msg(sim_director_file(director, GARAGE_VEHICLE, name, &file), "%s", name);
    cJSON *whole = cJSON_ParseWithLength((const char *)file.p, file.n);
    cJSON *body = cJSON_DetachItemFromObjectCaseSensitive(whole, "signed");
    cJSON_Delete(whole);
    sim_bytes_free(&file);
    return body;
}

static int timestamp_version(void)
{
    cJSON *body = issued("timestamp.json");
    int version = cJSON_GetObjectItemCaseSensitive(body, "version")->valueint;
    cJSON_Delete(body);
    return version;
}

static bool has_file(const char *name)
{
    struct sim_bytes file;
    if (!sim_director_file(director, GARAGE_VEHICLE, name, &file)) return false;
    sim_bytes_free(&file);
    return true;
}

static void verified_at(int64_t now_s)
{
    char why[SIM_WHY_MAX] = "";
    enum up_err e = sim_director_verify(director, GARAGE_VEHICLE, now_s, why);
    ck_assert_msg(e == UP_OK, "%s", why);
}

static bool order(const char *ecu, const char *image, const char *bundle)
{
    return sim_director_order(director, GARAGE_VEHICLE, &(struct sim_order){ecu, image, bundle}, 1, NULL);
}

/* Manifests */

START_TEST(an_honest_manifest_gets_an_empty_order_with_the_vehicle_id)
{
    begin();
    ck_assert(!has_file("timestamp.json"));
    accepted(1);
    verified_at(NOW);
    cJSON *targets = issued("1.targets.json");
    ck_assert_int_eq(cJSON_GetArraySize(sim_json_at(targets, "/targets")), 0);
    static const char *const files[] = {"timestamp.json", "1.snapshot.json", "1.targets.json"};
    for (size_t i = 0; i < 3; i++) {
        cJSON *body = issued(files[i]);
        ck_assert_str_eq(sim_json_at(body, "/custom/vehicleId")->valuestring, GARAGE_VEHICLE);
        cJSON_Delete(body);
    }
    ck_assert(!cJSON_HasObjectItem(targets, "delegations"));
    cJSON_Delete(targets);
    end();
}
END_TEST

START_TEST(a_report_says_what_is_installed)
{
    begin();
    brake_judged(garage_report(&(struct garage_report){"brake", NULL, "brake-1", 1, NOW}), 1, UP_OK);
    cJSON *all = sim_director_show(director, GARAGE_VEHICLE);
    ck_assert_str_eq(sim_json_at(all, "/vehicles/VIN-1/ecus/brake/installed")->valuestring, "brake-1");
    ck_assert_ptr_null(sim_json_at(all, "/vehicles/VIN-1/ecus/brake/ordered"));
    cJSON_Delete(all);
    end();
}
END_TEST

START_TEST(a_manifest_that_its_primary_did_not_sign_is_refused)
{
    begin();
    char *report = brake_report(NULL, 1, NOW);
    const char *reports[1][2] = {{"brake", report}};
    judged(garage_manifest(GARAGE_VEHICLE, "brake", (const char *const(*)[2])reports, 1), UP_MAN_SIG, "");
    free(report);

    char *changed = garage_honest_manifest(1, NOW);
    *strstr(changed, "unknown") = 'U';
    judged(changed, UP_MAN_SIG, "");
    ck_assert(!has_file("timestamp.json")); /* nothing is signed for it */
    accepted(1);
    end();
}
END_TEST

START_TEST(a_report_that_its_ecu_did_not_sign_is_refused)
{
    begin();
    brake_judged(brake_report("engine", 1, NOW), 1, UP_MAN_SIG);
    brake_judged(brake_report("stranger", 1, NOW), 1, UP_MAN_SIG);
    accepted(1);
    end();
}
END_TEST

START_TEST(a_manifest_of_another_vehicle_is_refused)
{
    begin();
    char *manifest = garage_manifest("VIN-2", "tcu", NULL, 0);
    judged(manifest, UP_MAN_SIG, "");
    struct sim_decision decision;
    char *ours = garage_honest_manifest(1, NOW);
    CHECKED(
        sim_director_manifest(director, "VIN-2", up_span_of(ours), NOW, &decision)); /* foreign certificate */
    ck_assert_int_eq(decision.verdict, UP_MAN_UNKNOWN);
    free(ours);
    end();
}
END_TEST

START_TEST(every_inventoried_ecu_must_report)
{
    begin();
    char *brake = brake_report(NULL, 1, NOW);
    char *tcu = garage_report(&(struct garage_report){"tcu", NULL, "unknown", 1, NOW});
    const char *reports[2][2] = {{"brake", brake}, {"tcu", tcu}};
    judged(garage_manifest(GARAGE_VEHICLE, "tcu", (const char *const(*)[2])reports, 2), UP_MAN_ECU_MISSING,
           "engine");
    accepted(1);
    free(brake);
    free(tcu);
    end();
}
END_TEST

START_TEST(an_unknown_ecu_is_refused)
{
    begin();
    char *extra = garage_report(&(struct garage_report){"radio", NULL, "unknown", 1, NOW});
    const char *reports[1][2] = {{"radio", extra}};
    judged(garage_manifest(GARAGE_VEHICLE, "tcu", (const char *const(*)[2])reports, 1), UP_MAN_UNKNOWN,
           "radio");
    free(extra);
    end();
}
END_TEST

START_TEST(a_report_in_the_name_of_another_ecu_is_refused)
{
    begin();
    /* The brake signs, but speaks of the engine. */
    brake_judged(garage_report(&(struct garage_report){"engine", "brake", "unknown", 1, NOW}), 1,
                 UP_MAN_UNKNOWN);
    end();
}
END_TEST

START_TEST(a_replayed_manifest_is_refused)
{
    begin();
    char *first = garage_honest_manifest(1, NOW);
    judged_at(first, NOW, UP_OK, "");
    judged_at(first, NOW, UP_MAN_REPLAY, "tcu");
    free(first);
    accepted(2);
    judged(garage_honest_manifest(1, NOW - 1), UP_MAN_REPLAY, "brake");
    end();
}
END_TEST

START_TEST(a_counter_never_goes_back_or_stays)
{
    begin();
    accepted(10);
    brake_judged(brake_report(NULL, 9, NOW), 11, UP_MAN_REPLAY);
    brake_judged(brake_report(NULL, 10, NOW - 1), 11,
                 UP_MAN_REPLAY); /* another report under a used counter */
    brake_judged(brake_report(NULL, UINT64_C(1) << 32, NOW), 11, UP_OK);
    brake_judged(brake_report(NULL, 12, NOW), 12, UP_MAN_REPLAY);
    end();
}
END_TEST

START_TEST(a_silent_secondary_is_represented_by_its_last_report)
{
    begin();
    char *report = brake_report(NULL, 1, NOW);
    judged(with_brake(report, 1), UP_OK, "");
    judged(with_brake(report, 2), UP_OK, ""); /* byte for byte the same */
    accepted(3);
    judged(with_brake(report, 4), UP_MAN_REPLAY, "brake"); /* not its last one any more */
    free(report);
    end();
}
END_TEST

START_TEST(implausible_time_is_refused)
{
    begin();
    brake_judged(brake_report(NULL, 1, NOW + SIM_TIME_AHEAD_S), 1, UP_OK);
    brake_judged(brake_report(NULL, 2, NOW + SIM_TIME_AHEAD_S + 1), 2, UP_MAN_TIME);
    brake_judged(brake_report(NULL, 2, NOW - SIM_TIME_BEHIND_S), 2, UP_OK);
    brake_judged(brake_report(NULL, 3, NOW - SIM_TIME_BEHIND_S - 1), 3, UP_MAN_TIME);
    end();
}
END_TEST

START_TEST(a_malformed_manifest_is_refused)
{
    static const char *const manifests[] = {"", "{}", "[", "{\"signatures\":[],\"signed\":{}}"};
    begin();
    for (size_t i = 0; i < sizeof manifests / sizeof *manifests; i++) {
        struct sim_decision decision;
        CHECKED(sim_director_manifest(director, GARAGE_VEHICLE, up_span_of(manifests[i]), NOW, &decision));
        ck_assert_msg(decision.verdict == UP_MAN_SCHEMA || decision.verdict == UP_MAN_SIG, "%zu", i);
    }
    brake_judged(strdup("{}"), 1, UP_MAN_SCHEMA);
    brake_judged(strdup("7"), 1, UP_MAN_SCHEMA);
    end();
}
END_TEST

/* A manifest with this body, signed by the Primary. */
static void body_judged(const char *body, enum up_err verdict)
{
    uint8_t manifest[2048];
    struct up_signer tcu = garage_ecu_key("tcu");
    size_t n = up_attest_write(up_span_of(body), &up_profile_strict, &tcu, manifest, sizeof manifest - 1);
    manifest[n] = 0;
    up_signer_close(&tcu);
    judged_at((const char *)manifest, NOW, verdict, "");
}

START_TEST(every_part_of_a_manifest_is_checked)
{
    begin();
    body_judged("{\"ecu_version_manifests\":{},\"primary_ecu_serial\":\"tcu\"}", UP_MAN_SCHEMA);
    body_judged("{\"ecu_version_manifests\":{},\"vehicle_id\":\"VIN-1\"}", UP_MAN_SCHEMA);
    body_judged("{\"primary_ecu_serial\":\"tcu\",\"vehicle_id\":\"VIN-1\"}", UP_MAN_SCHEMA);
    body_judged("{\"ecu_version_manifests\":7,\"primary_ecu_serial\":\"tcu\",\"vehicle_id\":\"VIN-1\"}",
                UP_MAN_SCHEMA);
    body_judged("{\"ecu_version_manifests\":{},\"primary_ecu_serial\":\"brake\",\"vehicle_id\":\"VIN-1\"}",
                UP_MAN_UNKNOWN);
    body_judged("{\"ecu_version_manifests\":{},\"primary_ecu_serial\":\"tcu\",\"vehicle_id\":7}", UP_MAN_SIG);
    end();
}
END_TEST

START_TEST(nothing_of_a_refused_manifest_is_believed)
{
    begin();
    accepted(1);
    brake_judged(brake_report("engine", 9, NOW), 9, UP_MAN_SIG); /* engine and tcu said 9 in it */
    accepted(2);
    end();
}
END_TEST

/* Orders */

START_TEST(an_order_names_ecu_hardware_counter_and_bundle)
{
    begin();
    const struct sim_order orders[] = {{"brake", "brake-1", "abs"}, {"engine", "engine-1", "abs"}};
    CHECKED(sim_director_order(director, GARAGE_VEHICLE, orders, 2, "campaign-7"));
    accepted(1);
    verified_at(NOW);
    cJSON *t = issued("1.targets.json");
    ck_assert_str_eq(sim_json_at(t, "/custom/correlationId")->valuestring, "campaign-7");
    ck_assert_str_eq(sim_json_at(t, "/targets/brake-1/custom/ecuIdentifiers/brake/hardwareId")->valuestring,
                     "brake-hw");
    ck_assert_str_eq(sim_json_at(t, "/targets/brake-1/custom/hardwareIds/0")->valuestring, "brake-hw");
    ck_assert_int_eq(sim_json_at(t, "/targets/brake-1/custom/releaseCounter")->valueint, 1);
    ck_assert_str_eq(sim_json_at(t, "/targets/engine-1/custom/bundle")->valuestring, "abs");
    ck_assert_int_eq(sim_json_at(t, "/targets/brake-1/length")->valueint, 18);
    cJSON_Delete(t);
    end();
}
END_TEST

START_TEST(metadata_is_signed_only_when_something_changed_or_is_due)
{
    begin();
    accepted(1);
    accepted(2);
    ck_assert_int_eq(timestamp_version(), 1);
    CHECKED(order("brake", "brake-1", NULL));
    accepted(3);
    ck_assert_int_eq(timestamp_version(), 2);
    char *installed = garage_report(&(struct garage_report){"brake", NULL, "brake-1", 4, NOW});
    brake_judged(installed, 4, UP_OK); /* an installed order stays listed */
    ck_assert_int_eq(timestamp_version(), 2);
    ck_assert(has_file("2.targets.json"));
    CHECKED(order("brake", NULL, NULL));
    accepted(5);
    ck_assert_int_eq(timestamp_version(), 3);

    char *late = garage_honest_manifest(6, NOW + 4 * DAY); /* Timestamp: 7 days; Snapshot 30, Targets 90 */
    judged_at(late, NOW + 4 * DAY, UP_OK, "");
    free(late);
    ck_assert_int_eq(timestamp_version(), 4);
    ck_assert(has_file("3.snapshot.json") && !has_file("4.snapshot.json"));
    late = garage_honest_manifest(7, NOW + 50 * DAY);
    judged_at(late, NOW + 50 * DAY, UP_OK, "");
    free(late);
    ck_assert(has_file("4.targets.json"));
    verified_at(NOW + 50 * DAY);
    end();
}
END_TEST

START_TEST(only_the_last_two_of_a_file_are_kept)
{
    begin();
    for (uint64_t i = 1; i <= 3; i++) {
        CHECKED(order("brake", i % 2 == 0 ? "brake-2" : "brake-1", NULL));
        accepted(i);
    }
    ck_assert(!has_file("1.targets.json"));
    ck_assert(has_file("2.targets.json") && has_file("3.targets.json"));
    ck_assert(has_file("1.root.json") && !has_file("2.root.json"));
    static const char *const none[] = {"0.root.json", "01.root.json",    "targets.json",
                                       "3.targets",   "3targets.json",   "99999999999999999999.root.json",
                                       "3.time.json", "../settings.json"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) ck_assert_msg(!has_file(none[i]), "%s", none[i]);
    end();
}
END_TEST

/* R-ISRV-05: what no Targets role lists cannot be ordered. */
START_TEST(an_order_that_no_vehicle_could_follow_is_refused)
{
    begin();
    ck_assert(!order("brake", "engine-1", NULL)); /* other hardware */
    ck_assert(!order("brake", "nothing", NULL));
    ck_assert(!order("radio", "brake-1", NULL));
    ck_assert(!order("brake", "brake-1", "a bundle"));
    const struct sim_order half[] = {{"brake", "brake-1", NULL}, {"engine", "nothing", NULL}};
    ck_assert(!sim_director_order(director, GARAGE_VEHICLE, half, 2, NULL));
    ck_assert(!sim_director_order(director, "VIN-9", half, 1, NULL));
    ck_assert(!sim_director_order(director, GARAGE_VEHICLE, half, 1, "two words"));
    accepted(1);
    cJSON *t = issued("1.targets.json");
    ck_assert_int_eq(cJSON_GetArraySize(sim_json_at(t, "/targets")), 0); /* all or none */
    cJSON_Delete(t);
    end();
}
END_TEST

START_TEST(dependencies_and_conflicts_are_respected)
{
    begin();
    const char *const hw[] = {"engine-hw", NULL}, *const brake2[] = {"brake-2", NULL};
    const struct sim_image images[] = {{.name = "engine-2",
                                        .bytes = UP_SPAN("2"),
                                        .hardware_ids = hw,
                                        .release_counter = 2,
                                        .depends = brake2},
                                       {.name = "engine-3",
                                        .bytes = UP_SPAN("3"),
                                        .hardware_ids = hw,
                                        .release_counter = 3,
                                        .conflicts = brake2}};
    ck_assert_msg(sim_repo_add(&garage.repo, images, 2, NOW), "%s", garage.repo.why);

    ck_assert(!order("engine", "engine-2", NULL));
    const struct sim_order both[] = {{"brake", "brake-2", NULL}, {"engine", "engine-2", NULL}};
    CHECKED(sim_director_order(director, GARAGE_VEHICLE, both, 2, NULL));
    ck_assert(!order("brake", NULL, NULL)); /* engine-2 would stand alone */
    ck_assert(!order("engine", "engine-3", NULL));
    const struct sim_order back[] = {{"brake", "brake-1", NULL}, {"engine", "engine-3", NULL}};
    CHECKED(sim_director_order(director, GARAGE_VEHICLE, back, 2, NULL));

    /* brake-2 is installed after all: as long as it may be there, engine-3 waits. */
    CHECKED(order("engine", NULL, NULL));
    brake_judged(garage_report(&(struct garage_report){"brake", NULL, "brake-2", 1, NOW}), 1, UP_OK);
    ck_assert(!order("engine", "engine-3", NULL));
    ck_assert_ptr_nonnull(strstr(sim_director_why(director), "conflicts"));
    brake_judged(garage_report(&(struct garage_report){"brake", NULL, "brake-1", 2, NOW}), 2, UP_OK);
    CHECKED(order("engine", "engine-3", NULL));
    end();
}
END_TEST

START_TEST(ecus_of_one_image_share_its_bundle)
{
    begin();
    char pem[1024];
    struct up_signer s = garage_ecu_key("brake-rear");
    size_t n = up_key_to_pem(&s.key, pem, sizeof pem);
    CHECKED(sim_director_add_ecu(director, GARAGE_VEHICLE, "brake-rear", "brake-hw", false,
                                 (struct up_span){(const uint8_t *)pem, n}));
    up_signer_close(&s);
    struct sim_order orders[] = {{"brake", "brake-1", "a"}, {"brake-rear", "brake-1", "b"}};
    ck_assert(!sim_director_order(director, GARAGE_VEHICLE, orders, 2, NULL));
    orders[1].bundle = "a";
    CHECKED(sim_director_order(director, GARAGE_VEHICLE, orders, 2, NULL));
    CHECKED(sim_director_issue(director, GARAGE_VEHICLE, NOW));
    cJSON *t = issued("1.targets.json");
    ck_assert_int_eq(cJSON_GetArraySize(sim_json_at(t, "/targets/brake-1/custom/ecuIdentifiers")), 2);
    cJSON_Delete(t);
    verified_at(NOW);
    end();
}
END_TEST

/* Keys, Roots, twists */

START_TEST(a_new_root_makes_everything_due)
{
    begin();
    accepted(1);
    static const char *const roles[] = {"timestamp", "snapshot", "targets", "root"};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_msg(sim_repo_rotate(&garage.repo, UP_DIRECTOR, roles[i], (struct sim_role_plan){0}, NOW),
                      "%s", garage.repo.why);
        accepted(2 + i);
        ck_assert_int_eq(timestamp_version(), 2 + (int)i);
        verified_at(NOW);
    }
    ck_assert(has_file("5.root.json"));
    end();
}
END_TEST

START_TEST(the_time_is_signed_by_the_time_role)
{
    begin();
    struct sim_bytes file;
    cJSON *nonces = cJSON_Parse("[\"000102030405060708090a0b0c0d0e0f\"]");
    CHECKED(sim_director_time(director, nonces, NOW, &file));
    cJSON *whole = cJSON_ParseWithLength((const char *)file.p, file.n);
    ck_assert_str_eq(sim_json_at(whole, "/signed/time")->valuestring, "2027-01-15T08:00:00Z");
    ck_assert_str_eq(sim_json_at(whole, "/signed/_type")->valuestring, "time");
    ck_assert_int_eq(cJSON_GetArraySize(sim_json_at(whole, "/signatures")), 1);
    cJSON_Delete(whole);
    sim_bytes_free(&file);
    end();
}
END_TEST

START_TEST(a_twist_reaches_the_vehicle_at_once_and_goes_away_again)
{
    static const struct sim_twist twist = {"director/targets", "set", "/custom/vehicleId=\"VIN-2\""};
    char why[SIM_WHY_MAX];
    begin();
    accepted(1);
    CHECKED(sim_director_twist(director, &twist, 1));
    accepted(2);
    ck_assert_int_eq(sim_director_verify(director, GARAGE_VEHICLE, NOW, why), UP_DIR_VEHICLE_ID);
    CHECKED(sim_director_twist(director, NULL, 0));
    accepted(3);
    verified_at(NOW);
    end();
}
END_TEST

START_TEST(an_order_for_an_ecu_that_left_is_seen)
{
    begin();
    accepted(1);
    static const struct sim_twist twist = {
        "director/targets", "set",
        "/targets/brake-1={\"custom\":{\"ecuIdentifiers\":{\"radio\":{\"hardwareId\":\"brake-hw\"}},"
        "\"hardwareIds\":[\"brake-hw\"],\"releaseCounter\":1},\"hashes\":{\"sha256\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"},\"length\":1}"};
    char why[SIM_WHY_MAX];
    CHECKED(sim_director_twist(director, &twist, 1));
    accepted(2);
    ck_assert_int_eq(sim_director_verify(director, GARAGE_VEHICLE, NOW, why), UP_DIR_UNKNOWN_ECU);
    end();
}
END_TEST

/* Inventory */

START_TEST(the_inventory_refuses_what_is_not_unique)
{
    begin();
    char pem[1024], other[1024];
    struct up_signer s = garage_ecu_key("brake"), t = garage_ecu_key("other");
    struct up_span known = {(const uint8_t *)pem, up_key_to_pem(&s.key, pem, sizeof pem)};
    struct up_span fresh = {(const uint8_t *)other, up_key_to_pem(&t.key, other, sizeof other)};
    ck_assert(!sim_director_add_vehicle(director, GARAGE_VEHICLE));
    ck_assert(!sim_director_add_vehicle(director, "not an id"));
    ck_assert(!sim_director_add_ecu(director, GARAGE_VEHICLE, "new", "hw", false, known)); /* key in use */
    ck_assert(
        !sim_director_add_ecu(director, GARAGE_VEHICLE, "brake", "hw", false, fresh));    /* serial in use */
    ck_assert(!sim_director_add_ecu(director, GARAGE_VEHICLE, "new", "hw", true, fresh)); /* second Primary */
    ck_assert(!sim_director_add_ecu(director, "VIN-9", "new", "hw", false, fresh));
    ck_assert(!sim_director_add_ecu(director, GARAGE_VEHICLE, "n w", "hw", false, fresh));
    ck_assert(!sim_director_add_ecu(director, GARAGE_VEHICLE, "new", "h w", false, fresh));
    ck_assert(!sim_director_add_ecu(director, GARAGE_VEHICLE, "new", "hw", false, UP_SPAN("no key")));
    CHECKED(sim_director_add_ecu(director, GARAGE_VEHICLE, "new", "hw", false, fresh));
    ck_assert(sim_inventory_remove_ecu(sim_director_inventory(director), GARAGE_VEHICLE, "new"));
    ck_assert(!sim_inventory_remove_ecu(sim_director_inventory(director), GARAGE_VEHICLE, "new"));
    up_signer_close(&s);
    up_signer_close(&t);
    end();
}
END_TEST

START_TEST(the_inventory_outlives_the_director)
{
    char why[SIM_WHY_MAX];
    begin();
    CHECKED(sim_director_add_vehicle(director, "VIN-0"));
    CHECKED(order("brake", "brake-1", NULL));
    accepted(5);
    sim_director_close(director);
    director = sim_director_open(garage.folder.path, why);
    ck_assert_msg(director != NULL, "%s", why);
    judged(garage_honest_manifest(5, NOW - 1), UP_MAN_REPLAY, "brake");
    accepted(6);
    ck_assert_int_eq(timestamp_version(), 1);
    verified_at(NOW);
    cJSON *all = sim_director_show(director, NULL);
    ck_assert_int_eq(cJSON_GetArraySize(sim_json_at(all, "/vehicles")), 2);
    cJSON_Delete(all);
    ck_assert_ptr_null(sim_director_show(director, "VIN-9"));
    ck_assert_ptr_null(sim_director_open("/nonexistent", why));
    end();
}
END_TEST

SUITE("director", an_honest_manifest_gets_an_empty_order_with_the_vehicle_id, a_report_says_what_is_installed,
      a_manifest_that_its_primary_did_not_sign_is_refused, a_report_that_its_ecu_did_not_sign_is_refused,
      a_manifest_of_another_vehicle_is_refused, every_inventoried_ecu_must_report, an_unknown_ecu_is_refused,
      a_report_in_the_name_of_another_ecu_is_refused, a_replayed_manifest_is_refused,
      a_counter_never_goes_back_or_stays, a_silent_secondary_is_represented_by_its_last_report,
      implausible_time_is_refused, a_malformed_manifest_is_refused, every_part_of_a_manifest_is_checked,
      nothing_of_a_refused_manifest_is_believed, an_order_names_ecu_hardware_counter_and_bundle,
      metadata_is_signed_only_when_something_changed_or_is_due, only_the_last_two_of_a_file_are_kept,
      an_order_that_no_vehicle_could_follow_is_refused, dependencies_and_conflicts_are_respected,
      ecus_of_one_image_share_its_bundle, a_new_root_makes_everything_due,
      the_time_is_signed_by_the_time_role, a_twist_reaches_the_vehicle_at_once_and_goes_away_again,
      an_order_for_an_ecu_that_left_is_seen, the_inventory_refuses_what_is_not_unique,
      the_inventory_outlives_the_director)
