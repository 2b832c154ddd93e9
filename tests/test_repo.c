#include "sim/repo.h"

#include "sim/repo_edit.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#include <stdio.h>

#define NOW       INT64_C(1800000000)
#define DAY       INT64_C(86400)
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static const uint8_t seed[32] = "the same keys every time, please";
static struct folder folder;
static struct sim_repo repo;

static void create(const struct sim_plan *plan)
{
    folder = folder_make();
    ck_assert_msg(sim_repo_create(&repo, folder.path, plan, NOW), "%s", repo.why);
}

static void create_default(void)
{
    create(&(struct sim_plan){.scheme = UP_ED25519, .seed = seed});
    repo.seed = seed;
}

static void end(void)
{
    folder_remove(&folder);
}

#define CHECKED(call) ck_assert_msg((call), "%s", repo.why)

static void verified_at(int64_t now_s, unsigned images)
{
    unsigned n = 77;
    enum up_err e = sim_repo_verify(&repo, now_s, &n);
    ck_assert_msg(e == UP_OK, "%s", repo.why);
    ck_assert_uint_eq(n, images);
}

static void refused_as(enum up_err expected)
{
    enum up_err e = sim_repo_verify(&repo, NOW, NULL);
    ck_assert_msg(e == expected, "%s instead of %s: %s", up_err_name(e), up_err_name(expected), repo.why);
}

static struct sim_image image(const char *name, const char *hardware_id, const char *role)
{
    static const char *ids[2];
    ids[0] = hardware_id;
    return (struct sim_image){
        .name = name, .bytes = UP_SPAN("firmware"), .hardware_ids = ids, .release_counter = 1, .role = role};
}

static bool add(const char *name, const char *hardware_id, const char *role)
{
    struct sim_image m = image(name, hardware_id, role);
    return sim_repo_add(&repo, &m, 1, NOW);
}

static bool exists(const char *name)
{
    char path[SIM_PATH_MAX];
    return sim_path(path, "%s/%s", folder.path, name) && sim_file_exists(path);
}

static cJSON *shown(const char *pointer)
{
    static cJSON *all;
    cJSON_Delete(all);
    all = sim_repo_show(&repo, NOW);
    ck_assert_msg(all != NULL, "%s", repo.why);
    return sim_json_at(all, pointer);
}

static int shown_int(const char *pointer)
{
    cJSON *value = shown(pointer);
    ck_assert_msg(cJSON_IsNumber(value), "%s", pointer);
    return value->valueint;
}

static void rotate_all(void)
{
    static const char *const roles[] = {"root", "timestamp", "snapshot", "targets", "supplier", "nested"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        CHECKED(sim_repo_rotate(&repo, UP_IMAGE, roles[i], (struct sim_role_plan){0}, NOW));
    CHECKED(sim_repo_rotate(&repo, UP_DIRECTOR, "root", (struct sim_role_plan){0}, NOW));
}

/* A supplier, and one of its teams, with an image each. */
static void supply(enum up_scheme scheme, unsigned rsa_bits)
{
    struct sim_delegation d = {.name = "supplier",
                               .paths = LIST("supplier/*"),
                               .scheme = scheme,
                               .rsa_bits = rsa_bits,
                               .plan = {3, 2}};
    CHECKED(sim_repo_delegate(&repo, &d, NOW));
    d = (struct sim_delegation){.parent = "supplier",
                                .name = "nested",
                                .paths = LIST("supplier/ecu*"),
                                .scheme = scheme,
                                .rsa_bits = rsa_bits};
    CHECKED(sim_repo_delegate(&repo, &d, NOW));
    CHECKED(add("supplier/ecu-1", "brake-hw", "nested"));
    CHECKED(add("tcu-1", "tcu-hw", NULL));
}

/* What deployed backends write, in every algorithm that they have; keys are replaced by keys of the same
 * kind. */
START_TEST(the_dialect_of_deployed_backends_is_written)
{
    static const struct {
        enum up_scheme scheme;
        unsigned bits;
    } kinds[] = {{UP_SCHEME_NONE, 0}, {UP_RSA_PSS_SHA256, 2048}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        create(&(struct sim_plan){.profile = &up_profile_deployed,
                                  .sha512 = true,
                                  .scheme = kinds[i].scheme,
                                  .rsa_bits = kinds[i].bits,
                                  .role[UP_IMAGE][UP_TARGETS] = {2, 2}});
        supply(kinds[i].scheme, kinds[i].bits);
        verified_at(NOW, 2);
        ck_assert(exists("repo/targets.json") && exists("repo/delegations/nested.json"));
        ck_assert(exists("repo/targets/supplier/ecu-1") && exists("repo/1.root.json"));
        CHECKED(sim_repo_open(&repo, folder.path)); /* the settings are kept */
        if (kinds[i].scheme == UP_SCHEME_NONE) rotate_all();
        verified_at(NOW, 2);
        end();
    }
}
END_TEST

START_TEST(dialect_a_has_no_ecdsa_keys)
{
    const struct sim_plan plan = {.profile = &up_profile_deployed, .scheme = UP_ECDSA_P256_SHA256};
    folder = folder_make();
    ck_assert(!sim_repo_create(&repo, folder.path, &plan, NOW));
    end();
    create(&(struct sim_plan){.profile = &up_profile_deployed, .seed = seed});
    const struct sim_delegation d = {
        .name = "supplier", .paths = LIST("supplier/*"), .scheme = UP_ECDSA_P256_SHA256};
    ck_assert(!sim_repo_delegate(&repo, &d, NOW));
    end();
}
END_TEST

/* R-FMT-11 */
START_TEST(images_have_a_name_per_digest)
{
    create(&(struct sim_plan){.scheme = UP_ED25519, .seed = seed, .sha512 = true});
    repo.seed = seed;
    supply(UP_ED25519, 0);
    verified_at(NOW, 2);
    cJSON *hashes = sim_hashes(UP_SPAN("firmware"), true), *digest;
    ck_assert_int_eq(cJSON_GetArraySize(hashes), 2);
    cJSON_ArrayForEach (digest, hashes) {
        char name[SIM_PATH_MAX];
        ck_assert(sim_path(name, "repo/targets/%s.tcu-1", digest->valuestring));
        ck_assert(exists(name));
    }
    cJSON_Delete(hashes);
    end();
}
END_TEST

/* V-DEL-19: one says nothing, so the other two must say the same. */
START_TEST(several_roles_must_agree)
{
    create_default();
    const struct sim_delegation d = {.names = LIST("red", "green", "blue"),
                                     .agreement = 2,
                                     .paths = LIST("agreed/*"),
                                     .scheme = UP_ED25519};
    CHECKED(sim_repo_delegate(&repo, &d, NOW));
    CHECKED(add("agreed/fw", "brake-hw", "red"));
    refused_as(UP_TARGET_NOT_FOUND);
    ck_assert_ptr_null(sim_repo_find(&repo, "agreed/fw", "brake-hw"));
    CHECKED(add("agreed/fw", "brake-hw", "blue"));
    verified_at(NOW, 2); /* as listed by both */
    cJSON *found = sim_repo_find(&repo, "agreed/fw", "brake-hw");
    ck_assert_ptr_nonnull(found);
    cJSON_Delete(found);
    CHECKED(sim_repo_rotate(&repo, UP_IMAGE, "green", (struct sim_role_plan){2, 2}, NOW));
    verified_at(NOW, 2);
    ck_assert_int_eq(shown_int("/image/roles/4/min_roles_in_agreement"), 2);
    end();
}
END_TEST

/* V-DEL-23 */
START_TEST(nobody_agrees_with_himself)
{
    create_default();
    struct sim_delegation d = {.names = LIST("red", "red"), .agreement = 2, .paths = LIST("x/*")};
    ck_assert(!sim_repo_delegate(&repo, &d, NOW));
    d.names = LIST("red", "green");
    d.agreement = 3;
    ck_assert(!sim_repo_delegate(&repo, &d, NOW));
    d.agreement = 0;
    ck_assert(!sim_repo_delegate(&repo, &d, NOW));
    verified_at(NOW, 0);
    end();
}
END_TEST

START_TEST(a_new_repository_verifies)
{
    create_default();
    verified_at(NOW, 0);
    ck_assert(exists("director/1.root.json"));
    ck_assert(exists("repo/1.root.json"));
    ck_assert(exists("repo/1.snapshot.json"));
    ck_assert(exists("repo/1.targets.json"));
    ck_assert(exists("keys/director/timestamp.pem"));
    ck_assert(exists("keys/time.pem"));
    ck_assert(!exists("keys/image/time.pem"));
    end();
}
END_TEST

START_TEST(every_scheme_and_threshold_verifies)
{
    static const enum up_scheme schemes[] = {UP_SCHEME_NONE, UP_ECDSA_P256_SHA256, UP_ED25519,
                                             UP_RSA_PSS_SHA256};
    for (size_t i = 0; i < 4; i++) {
        struct sim_plan plan = {.scheme = schemes[i]};
        if (schemes[i] != UP_RSA_PSS_SHA256) {
            plan.role[UP_IMAGE][UP_ROOT] = (struct sim_role_plan){5, 3};
            plan.role[UP_DIRECTOR][UP_TIME] = (struct sim_role_plan){2, 2};
        }
        create(&plan);
        CHECKED(add("fw", "hw", NULL));
        verified_at(NOW, 1);
        end();
    }
}
END_TEST

START_TEST(the_same_seed_gives_the_same_files)
{
    struct sim_bytes a, b;
    char path[SIM_PATH_MAX];
    for (int i = 0; i < 2; i++) {
        create_default();
        ck_assert(sim_path(path, "%s/repo/timestamp.json", folder.path));
        ck_assert(sim_file_read(path, i == 0 ? &a : &b));
        end();
    }
    ck_assert(up_span_eq(sim_span(&a), sim_span(&b)));
    sim_bytes_free(&a);
    sim_bytes_free(&b);
}
END_TEST

START_TEST(a_second_creation_is_refused)
{
    create_default();
    struct sim_repo other;
    ck_assert(!sim_repo_create(&other, folder.path, &(struct sim_plan){0}, NOW));
    ck_assert_ptr_nonnull(strstr(other.why, "already"));
    CHECKED(sim_repo_open(&other, folder.path));
    ck_assert_int_eq(other.validity_s[UP_TIMESTAMP], 7 * DAY);
    end();
    ck_assert(!sim_repo_open(&other, folder.path));
}
END_TEST

START_TEST(an_added_image_is_found_and_its_bytes_are_checked)
{
    create_default();
    CHECKED(add("brake/fw-1.bin", "brake-hw", NULL));
    verified_at(NOW, 1);
    cJSON *entry = sim_repo_find(&repo, "brake/fw-1.bin", "brake-hw");
    ck_assert_int_eq(sim_json_at(entry, "/length")->valueint, 8);
    const char *sha256 = sim_json_at(entry, "/hashes/sha256")->valuestring;
    char path[SIM_PATH_MAX];
    ck_assert(sim_path(path, "%s/repo/targets/brake/%s.fw-1.bin", folder.path, sha256));
    ck_assert(sim_file_exists(path));
    cJSON_Delete(entry);
    ck_assert_ptr_null(sim_repo_find(&repo, "brake/fw-2.bin", "brake-hw"));

    ck_assert(sim_file_write(path, UP_SPAN("firmwarf"), 0644));
    refused_as(UP_IMG_HASH);
    ck_assert(sim_file_write(path, UP_SPAN("firm"), 0644));
    refused_as(UP_IMG_LENGTH);
    ck_assert_int_eq(remove(path), 0);
    refused_as(UP_UNAVAILABLE);
    end();
}
END_TEST

START_TEST(an_image_name_is_never_given_to_other_bytes)
{
    create_default();
    CHECKED(add("fw", "hw", NULL));
    struct sim_image other = image("fw", "hw", NULL);
    other.bytes = UP_SPAN("another firmware");
    ck_assert(!sim_repo_add(&repo, &other, 1, NOW));
    ck_assert_ptr_nonnull(strstr(repo.why, "another image"));
    other = image("fw", "hw", NULL);
    other.release_counter = 7; /* the old bytes again, with a higher counter: a wanted rollback */
    CHECKED(sim_repo_add(&repo, &other, 1, NOW));
    ck_assert_int_eq(shown_int("/image/images/0/releaseCounter"), 7);
    verified_at(NOW, 1);
    end();
}
END_TEST

START_TEST(what_no_client_would_take_is_refused)
{
    create_default();
    ck_assert(!add("../fw", "hw", NULL));
    ck_assert(!add("a//b", "hw", NULL));
    ck_assert(!add("fw", "h w", NULL));
    ck_assert(!add("fw", NULL, NULL));
    ck_assert(!add("fw", "hw", "nobody"));
    ck_assert_int_eq(shown_int("/image/roles/1/version"), 1); /* Timestamp: nothing was published */
    end();
}
END_TEST

START_TEST(many_images_are_one_publication)
{
    create_default();
    struct sim_image m[3] = {image("a", "hw", NULL), image("b", "hw", NULL), image("c", "hw", NULL)};
    CHECKED(sim_repo_add(&repo, m, 3, NOW));
    ck_assert_int_eq(shown_int("/image/roles/3/version"), 2);
    verified_at(NOW, 3);
    end();
}
END_TEST

static bool delegate(const char *parent, const char *name, const char *path, const char *hardware_id)
{
    const char *ids[] = {hardware_id, NULL};
    const struct sim_delegation d = {.parent = parent,
                                     .name = name,
                                     .paths = LIST(path),
                                     .hardware_ids = hardware_id != NULL ? ids : NULL,
                                     .scheme = UP_ED25519};
    return sim_repo_delegate(&repo, &d, NOW);
}

START_TEST(nested_delegations_verify)
{
    create_default();
    CHECKED(delegate(NULL, "supplier", "supplier/*/*", NULL));
    CHECKED(delegate("supplier", "supplier/brakes", "supplier/brakes/*", "brake-hw"));
    CHECKED(add("supplier/brakes/fw", "brake-hw", "supplier/brakes"));
    CHECKED(add("supplier/radio/fw", "radio-hw", "supplier"));
    CHECKED(add("top", "hw", NULL));
    verified_at(NOW, 3);
    ck_assert(exists("repo/2.supplier%2Fbrakes.json"));
    ck_assert(exists("keys/image/delegated/supplier/brakes.pem"));
    end();
}
END_TEST

START_TEST(a_role_signs_only_what_is_delegated_to_it)
{
    create_default();
    CHECKED(delegate(NULL, "supplier", "supplier/*", "brake-hw"));
    ck_assert(!add("other/fw", "brake-hw", "supplier"));
    ck_assert_ptr_nonnull(strstr(repo.why, "no delegation leads"));
    ck_assert(!add("supplier/fw", "radio-hw", "supplier"));
    CHECKED(add("supplier/fw", "brake-hw", "supplier"));
    verified_at(NOW, 1);
    struct sim_image m = image("other/fw", "brake-hw", "supplier");
    m.force = true;
    CHECKED(sim_repo_add(&repo, &m, 1, NOW));
    refused_as(UP_TARGET_NOT_FOUND);
    end();
}
END_TEST

START_TEST(an_image_that_an_earlier_role_lists_is_refused)
{
    create_default();
    CHECKED(delegate(NULL, "a", "x/*", NULL));
    CHECKED(delegate(NULL, "b", "x/*", NULL));
    CHECKED(add("x/fw", "hw", "a"));
    ck_assert(!add("x/fw", "hw", "b"));
    ck_assert_ptr_nonnull(strstr(repo.why, "already lists"));
    end();
}
END_TEST

START_TEST(a_terminating_delegation_hides_what_follows)
{
    create_default();
    const struct sim_delegation d = {
        .name = "a", .paths = LIST("x/*"), .terminating = true, .scheme = UP_ED25519};
    CHECKED(sim_repo_delegate(&repo, &d, NOW));
    CHECKED(delegate(NULL, "b", "x/*", NULL));
    ck_assert(!add("x/fw", "hw", "b"));
    CHECKED(delegate("a", "child", "x/*", NULL));
    ck_assert(!add("x/fw", "hw", "child")); /* nor what the role itself delegates */
    CHECKED(add("x/fw", "hw", "a"));
    verified_at(NOW, 1);
    end();
}
END_TEST

START_TEST(a_delegated_role_has_a_name_and_paths_of_its_own)
{
    create_default();
    CHECKED(delegate(NULL, "supplier", "*", NULL));
    ck_assert(!delegate(NULL, "supplier", "*", NULL));
    ck_assert(!delegate("supplier", "supplier", "*", NULL));
    ck_assert(!delegate(NULL, "root", "*", NULL));
    ck_assert(!delegate(NULL, "time", "*", NULL));
    ck_assert(!delegate(NULL, "../x", "*", NULL));
    ck_assert(!delegate(NULL, "x", NULL, NULL));
    ck_assert(!delegate("nobody", "x", "*", NULL));
    verified_at(NOW, 0);
    end();
}
END_TEST

START_TEST(only_what_is_due_is_signed_again)
{
    create_default();
    unsigned n;
    CHECKED(sim_repo_sign(&repo, NULL, &n, NOW + DAY));
    ck_assert_uint_eq(n, 0);
    CHECKED(sim_repo_sign(&repo, NULL, &n, NOW + 4 * DAY)); /* Timestamp: 7 days */
    ck_assert_uint_eq(n, 1);
    CHECKED(sim_repo_sign(&repo, NULL, &n, NOW + 16 * DAY)); /* and Snapshot: 30 days */
    ck_assert_uint_eq(n, 2);
    CHECKED(sim_repo_sign(&repo, NULL, &n, NOW + 50 * DAY)); /* and Targets: 90 days */
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(shown_int("/image/roles/1/version"), 4);
    ck_assert_int_eq(shown_int("/image/roles/2/version"), 3);
    ck_assert_int_eq(shown_int("/image/roles/3/version"), 2);
    verified_at(NOW + 50 * DAY, 0);
    end();
}
END_TEST

START_TEST(every_signing_raises_the_version)
{
    create_default();
    unsigned n;
    CHECKED(delegate(NULL, "supplier", "*", NULL));
    CHECKED(sim_repo_sign(&repo, "timestamp", &n, NOW));
    ck_assert_uint_eq(n, 1);
    CHECKED(sim_repo_sign(&repo, "snapshot", &n, NOW));
    ck_assert_uint_eq(n, 2);
    CHECKED(sim_repo_sign(&repo, "supplier", &n, NOW));
    ck_assert_uint_eq(n, 3);
    CHECKED(sim_repo_sign_root(&repo, UP_IMAGE, NOW));
    ck_assert_int_eq(shown_int("/image/roles/0/version"), 2);
    ck_assert_int_eq(shown_int("/image/roles/1/version"), 5);
    ck_assert_int_eq(shown_int("/image/roles/2/version"), 4);
    verified_at(NOW, 0);
    ck_assert(!sim_repo_sign(&repo, "nobody", &n, NOW));
    end();
}
END_TEST

START_TEST(expired_metadata_is_called_a_freeze)
{
    create_default();
    ck_assert_int_eq(sim_repo_verify(&repo, NOW + 8 * DAY, NULL), UP_EXPIRED);
    ck_assert_ptr_nonnull(strstr(repo.why, "timestamp.json"));
    ck_assert_int_eq(sim_repo_verify(&repo, NOW + 365 * DAY, NULL), UP_EXPIRED);
    ck_assert_ptr_nonnull(strstr(repo.why, "1.root.json"));
    end();
}
END_TEST

START_TEST(every_key_can_be_rotated)
{
    static const char *const roles[] = {"root", "timestamp", "snapshot", "targets", "supplier"};
    create_default();
    CHECKED(delegate(NULL, "supplier", "supplier/*", NULL));
    CHECKED(add("supplier/fw", "hw", "supplier"));
    CHECKED(add("fw", "hw", NULL));
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        CHECKED(sim_repo_rotate(&repo, UP_IMAGE, roles[i], (struct sim_role_plan){0}, NOW));
        verified_at(NOW, 2);
    }
    for (size_t i = 0; i < 4; i++)
        CHECKED(sim_repo_rotate(&repo, UP_DIRECTOR, roles[i], (struct sim_role_plan){0}, NOW));
    CHECKED(sim_repo_rotate(&repo, UP_DIRECTOR, "time", (struct sim_role_plan){0}, NOW));
    verified_at(NOW, 2);
    ck_assert(exists("repo/5.root.json"));
    ck_assert(exists("director/6.root.json"));
    ck_assert(exists("keys/time.pem") && exists("keys/time-2.pem")); /* old keys stay, but do not count */
    ck_assert_int_eq(cJSON_GetArraySize(shown("/image/roles/1/keyids")), 1);
    uint32_t version;
    cJSON *root = sim_root_newest(&repo, UP_IMAGE, &version);
    ck_assert_int_eq(cJSON_GetArraySize(sim_json_at(root, "/keys")), 4);
    cJSON_Delete(root);
    ck_assert(!sim_repo_rotate(&repo, UP_DIRECTOR, "supplier", (struct sim_role_plan){0}, NOW));
    ck_assert(!sim_repo_rotate(&repo, UP_IMAGE, "time", (struct sim_role_plan){0}, NOW));
    end();
}
END_TEST

START_TEST(rotation_changes_numbers_and_thresholds)
{
    create_default();
    CHECKED(sim_repo_rotate(&repo, UP_IMAGE, "root", (struct sim_role_plan){5, 3}, NOW));
    verified_at(NOW, 0);
    CHECKED(sim_repo_rotate(&repo, UP_IMAGE, "root", (struct sim_role_plan){1, 1}, NOW));
    verified_at(NOW, 0);
    ck_assert(!sim_repo_rotate(&repo, UP_IMAGE, "root", (struct sim_role_plan){2, 3}, NOW));
    ck_assert_int_eq(shown_int("/image/roles/0/version"), 3);
    end();
}
END_TEST

static void lose(const char *name)
{
    char path[SIM_PATH_MAX];
    ck_assert(sim_path(path, "%s/keys/%s.pem", folder.path, name));
    ck_assert_int_eq(remove(path), 0);
}

START_TEST(keys_that_are_elsewhere_are_missed_only_when_they_must_sign)
{
    struct sim_plan plan = {.scheme = UP_ED25519};
    unsigned n;
    plan.role[UP_IMAGE][UP_TIMESTAMP] = (struct sim_role_plan){3, 2};
    create(&plan);
    lose("image/root");
    lose("image/timestamp"); /* two of three are left, behind a gap */
    CHECKED(sim_repo_sign(&repo, "timestamp", &n, NOW));
    verified_at(NOW, 0);
    ck_assert(!sim_repo_sign_root(&repo, UP_IMAGE, NOW));
    ck_assert(!sim_repo_rotate(&repo, UP_IMAGE, "targets", (struct sim_role_plan){0}, NOW));
    lose("image/timestamp-3");
    ck_assert(!sim_repo_sign(&repo, "timestamp", &n, NOW));
    ck_assert_ptr_nonnull(strstr(repo.why, "2 keys must sign for timestamp, only 1"));
    verified_at(NOW, 0); /* nothing was published */
    end();
}
END_TEST

START_TEST(a_root_may_have_as_many_keys_as_a_client_takes)
{
    create_default();
    CHECKED(sim_repo_rotate(&repo, UP_IMAGE, "root", (struct sim_role_plan){32, 32}, NOW));
    CHECKED(sim_repo_rotate(&repo, UP_IMAGE, "root", (struct sim_role_plan){0}, NOW)); /* 64 signatures */
    CHECKED(sim_repo_sign_root(&repo, UP_IMAGE, NOW));
    verified_at(NOW, 0);
    end();
}
END_TEST

/* A role's file, and what a vehicle calls it when it is bent so. */
static const struct bent {
    struct sim_twist twist;
    enum up_err verdict;
} bents[] = {
    {{"image/timestamp", "expires", "2020-01-01T00:00:00Z"}, UP_EXPIRED},
    {{"image/timestamp", "signers", "image/snapshot"}, UP_SIG_THRESHOLD},
    {{"image/timestamp", "signers", ""}, UP_SIG_THRESHOLD},
    {{"image/timestamp", "repeat", "2"}, UP_SIG_DUPLICATE},
    {{"image/timestamp", "pad", "20000"}, UP_TOO_LARGE},
    {{"image/timestamp", "append", " x"}, UP_PARSE},
    {{"image/timestamp", "drop", "/expires"}, UP_SCHEMA},
    {{"image/timestamp", "set", "/meta/snapshot.json/version=9"}, UP_UNAVAILABLE},
    {{"image/timestamp", "set", "/meta/snapshot.json/length=2000"}, UP_SNAPSHOT_MISMATCH},
    {{"image/timestamp", "after-set", "/signed/version=77"}, UP_SIG_THRESHOLD},
    {{"image/timestamp", "after-drop", "/signatures/0"}, UP_SIG_THRESHOLD},
    {{"image/snapshot", "set", "/meta/targets.json/version=9"}, UP_UNAVAILABLE},
    {{"image/snapshot", "drop", "/meta/targets.json"}, UP_NOT_IN_SNAPSHOT},
    {{"image/targets", "set", "/_type=\"snapshot\""}, UP_ROLE_TYPE},
    {{"image/targets", "set", "/spec_version=\"2.0.0\""}, UP_SCHEMA},
    {{"image/targets", "set", "/targets/fw/length=9"}, UP_IMG_LENGTH},
};

START_TEST(a_bent_file_is_refused_and_an_honest_one_follows)
{
    const struct bent *b = &bents[_i];
    unsigned n;
    create_default();
    CHECKED(add("fw", "hw", NULL));
    repo.twists = &b->twist;
    repo.twist_count = 1;
    CHECKED(sim_repo_sign(&repo, "targets", &n, NOW));
    refused_as(b->verdict);
    end();
}
END_TEST

START_TEST(versions_go_on_whatever_a_bent_file_said)
{
    const struct sim_twist twist = {"image/targets", "version", "1000000"};
    unsigned n;
    create_default();
    repo.twists = &twist;
    repo.twist_count = 1;
    CHECKED(sim_repo_sign(&repo, "targets", &n, NOW));
    verified_at(NOW, 0);
    ck_assert_int_eq(shown_int("/image/roles/3/version"), 1000000);
    repo.twist_count = 0;
    CHECKED(sim_repo_sign(&repo, "targets", &n, NOW));
    verified_at(NOW, 0);
    ck_assert_int_eq(shown_int("/image/roles/3/version"), 3);
    end();
}
END_TEST

START_TEST(a_twist_that_does_not_fit_is_told)
{
    static const struct sim_twist wrong[] = {{"image/timestamp", "bend", ""},
                                             {"image/timestamp", "drop", "/nothing"},
                                             {"image/timestamp", "drop", "no-pointer"},
                                             {"image/timestamp", "set", "/version"},
                                             {"image/timestamp", "set", "/version={"},
                                             {"image/timestamp", "set", "/a/b/c=1"},
                                             {"image/timestamp", "signers", "image/nobody"}};
    unsigned n;
    create_default();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        repo.twists = &wrong[i];
        repo.twist_count = 1;
        ck_assert_msg(!sim_repo_sign(&repo, "timestamp", &n, NOW), "%zu", i);
    }
    verified_at(NOW, 0);
    end();
}
END_TEST

START_TEST(pointers_reach_everywhere)
{
    cJSON *tree = cJSON_Parse("{\"a/b\":{\"~\":[1,2]}}");
    ck_assert_int_eq(sim_json_at(tree, "/a~1b/~0/1")->valueint, 2);
    ck_assert(sim_json_set(tree, "/a~1b/~0/-", "3"));
    ck_assert(sim_json_set(tree, "/a~1b/~0/0", "{\"x\":0}"));
    ck_assert(sim_json_set(tree, "/new", "null"));
    ck_assert(sim_json_drop(tree, "/a~1b/~0/1"));
    ck_assert(!sim_json_drop(tree, "/a~1b/~0/9"));
    ck_assert(!sim_json_set(tree, "/a~1b/~0/9/x", "1"));
    ck_assert(!sim_json_set(tree, "/a~2b", "1"));
    ck_assert_ptr_null(sim_json_at(tree, "a"));
    sim_json_sort(tree);
    char *text = cJSON_PrintUnformatted(tree);
    ck_assert_str_eq(text, "{\"a/b\":{\"~\":[{\"x\":0},3]},\"new\":null}");
    cJSON_free(text);
    cJSON_Delete(tree);
}
END_TEST

START_TEST(a_file_is_replaced_whole_or_not_at_all)
{
    char path[SIM_PATH_MAX];
    struct sim_bytes b;
    folder = folder_make();
    ck_assert(sim_path(path, "%s/a/b/c", folder.path));
    ck_assert(sim_file_write(path, UP_SPAN("one"), 0600));
    ck_assert(sim_file_write(path, UP_SPAN(""), 0600));
    ck_assert(sim_file_read(path, &b));
    ck_assert_uint_eq(b.n, 0);
    sim_bytes_free(&b);
    ck_assert(sim_path(path, "%s/a", folder.path));
    ck_assert(!sim_file_write(path, UP_SPAN("over a folder"), 0600));
    ck_assert(!exists("a.part"));
    ck_assert(!sim_file_read("/nonexistent/x", &b));
    end();
}
END_TEST

int main(void)
{
    const TTest *const plain[] = {
        a_new_repository_verifies,
        every_scheme_and_threshold_verifies,
        the_same_seed_gives_the_same_files,
        a_second_creation_is_refused,
        an_added_image_is_found_and_its_bytes_are_checked,
        an_image_name_is_never_given_to_other_bytes,
        what_no_client_would_take_is_refused,
        many_images_are_one_publication,
        nested_delegations_verify,
        the_dialect_of_deployed_backends_is_written,
        dialect_a_has_no_ecdsa_keys,
        images_have_a_name_per_digest,
        several_roles_must_agree,
        nobody_agrees_with_himself,
        a_role_signs_only_what_is_delegated_to_it,
        an_image_that_an_earlier_role_lists_is_refused,
        a_terminating_delegation_hides_what_follows,
        a_delegated_role_has_a_name_and_paths_of_its_own,
        only_what_is_due_is_signed_again,
        every_signing_raises_the_version,
        expired_metadata_is_called_a_freeze,
        every_key_can_be_rotated,
        rotation_changes_numbers_and_thresholds,
        keys_that_are_elsewhere_are_missed_only_when_they_must_sign,
        a_root_may_have_as_many_keys_as_a_client_takes,
        versions_go_on_whatever_a_bent_file_said,
        a_twist_that_does_not_fit_is_told,
        pointers_reach_everywhere,
        a_file_is_replaced_whole_or_not_at_all,
    };
    Suite *s = suite_create("repo");
    TCase *c = tcase_create("repo");
    tcase_set_timeout(c, 300);
    suite_add_tcase(s, c);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) tcase_add_test(c, plain[i]);
    tcase_add_loop_test(c, a_bent_file_is_refused_and_an_honest_one_follows, 0,
                        (int)(sizeof bents / sizeof *bents));
    return suite_run(s);
}
