#include "metadata/crypto_openssl.h"
#include "primary/manifest.h"
#include "tests/suite.h"

#include <string.h>

static struct up_signer primary, brake;
static uint8_t reports[3][UP_REPORT_MAX];
static uint8_t room_bytes[65536];

static struct up_span report_of(int i, const char *serial, const struct up_profile *p,
                                const struct up_signer *s)
{
    struct up_report r = {.ecu_serial = up_span_of(serial),
                          .image_name = UP_SPAN("brake/fw-2.bin"),
                          .image_length = 4096,
                          .time_s = 1767225600,
                          .counter = 7};
    size_t n = up_report_write(&r, p, s, reports[i], sizeof reports[i]);
    ck_assert_uint_gt(n, 0);
    return (struct up_span){reports[i], n};
}

static void make_keys(enum up_scheme scheme)
{
    static const uint8_t seeds[2][32] = {{1}, {2}};
    ck_assert(up_signer_from_seed(scheme, seeds[0], &primary));
    ck_assert(up_signer_from_seed(scheme, seeds[1], &brake));
}

static void drop_keys(void)
{
    up_signer_close(&primary);
    up_signer_close(&brake);
}

static char *write_manifest(const struct pri_manifest *m, const struct up_profile *p)
{
    size_t n;
    uint8_t *file = pri_manifest_write(m, p, &primary, &n);
    if (file == NULL) return NULL;
    char *text = strndup((char *)file, n);
    ck_assert_uint_eq(strlen(text), n);
    free(file);
    return text;
}

/* The signed part, after the Primary's signature has been checked. */
static struct up_span body_of(const char *manifest, const struct up_profile *p)
{
    struct up_span body;
    struct up_buf room = {.p = room_bytes, .cap = sizeof room_bytes};
    ck_assert_int_eq(up_attest_verify(up_span_of(manifest), p, &primary.key, &room, &body), UP_OK);
    return body;
}

static struct up_span member(struct up_span object, const char *name)
{
    struct up_span value = {0};
    ck_assert_msg(up_json_find(object, name, &value), "no %s", name);
    return value;
}

static struct pri_manifest both(struct pri_manifest_entry entries[2], const struct up_profile *p)
{
    entries[0] = (struct pri_manifest_entry){.serial = "tcu", .report = report_of(0, "tcu", p, &primary)};
    entries[1] = (struct pri_manifest_entry){.serial = "brake", .report = report_of(1, "brake", p, &brake)};
    return (struct pri_manifest){
        .vehicle_id = "VIN-1", .primary_serial = "tcu", .entries = entries, .count = 2};
}

static const struct {
    const struct up_profile *profile;
    enum up_scheme scheme;
} kinds[] = {{&up_profile_strict, UP_ECDSA_P256_SHA256},
             {&up_profile_strict, UP_ED25519},
             {&up_profile_deployed, UP_ED25519}};

START_TEST(reports_are_carried_byte_for_byte)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const struct up_profile *p = kinds[k].profile;
        struct pri_manifest_entry entries[2];
        make_keys(kinds[k].scheme);
        struct pri_manifest m = both(entries, p);
        char *text = write_manifest(&m, p);
        ck_assert_ptr_nonnull(text);
        struct up_span body = body_of(text, p), list = member(body, "ecu_version_manifests"), ignored;
        ck_assert(up_span_is(member(body, "vehicle_id"), "\"VIN-1\""));
        ck_assert(up_span_is(member(body, "primary_ecu_serial"), "\"tcu\""));
        ck_assert(up_span_eq(member(list, "tcu"), entries[0].report));
        ck_assert(up_span_eq(member(list, "brake"), entries[1].report));
        struct up_buf room = {.p = room_bytes, .cap = sizeof room_bytes};
        ck_assert_int_eq(up_attest_verify(member(list, "brake"), p, &brake.key, &room, &ignored), UP_OK);
        ck_assert(!up_json_find(body, "installation_report", &ignored));
        free(text);
        drop_keys();
    }
}
END_TEST

START_TEST(the_manifest_is_canonical)
{
    struct pri_manifest_entry entries[2];
    make_keys(UP_ECDSA_P256_SHA256);
    struct pri_manifest m = both(entries, &up_profile_strict);
    m.correlation_id = "campaign \"7\"";
    entries[1].has_result = true;
    char *text = write_manifest(&m, &up_profile_strict);
    uint8_t digest[UP_SHA256_BYTES];
    bool same = false;
    ck_assert_int_eq(up_canon_digest(body_of(text, &up_profile_strict), UP_DIALECT_TUF, digest, &same),
                     UP_OK);
    ck_assert(same);
    free(text);
    drop_keys();
}
END_TEST

START_TEST(another_byte_breaks_the_signature)
{
    struct pri_manifest_entry entries[2];
    make_keys(UP_ECDSA_P256_SHA256);
    struct pri_manifest m = both(entries, &up_profile_strict);
    char *text = write_manifest(&m, &up_profile_strict), *vin = strstr(text, "VIN-1");
    vin[4] = '2';
    struct up_span body;
    struct up_buf room = {.p = room_bytes, .cap = sizeof room_bytes};
    ck_assert_int_eq(up_attest_verify(up_span_of(text), &up_profile_strict, &primary.key, &room, &body),
                     UP_MAN_SIG);
    free(text);
    drop_keys();
}
END_TEST

START_TEST(the_outcome_of_an_order_is_told_per_ecu)
{
    struct pri_manifest_entry entries[2];
    make_keys(UP_ECDSA_P256_SHA256);
    struct pri_manifest m = both(entries, &up_profile_strict);
    m.correlation_id = "campaign-7";
    entries[0].has_result = true;
    entries[1].has_result = true;
    entries[1].result = UP_IMG_HASH;
    char *text = write_manifest(&m, &up_profile_strict);
    struct up_span report =
        member(member(body_of(text, &up_profile_strict), "installation_report"), "report");
    ck_assert(up_span_is(member(report, "correlation_id"), "\"campaign-7\""));
    ck_assert(up_span_is(member(member(report, "result"), "success"), "false"));
    ck_assert(up_span_is(
        member(report, "items"),
        "[{\"ecu\":\"brake\",\"result\":{\"code\":\"IMG_HASH\",\"description\":\"the image has another "
        "digest\",\"success\":false}},{\"ecu\":\"tcu\",\"result\":{\"code\":\"OK\",\"description\":"
        "\"ok\",\"success\":true}}]"));
    free(text);
    drop_keys();
}
END_TEST

START_TEST(an_ecu_that_took_no_part_has_no_result)
{
    struct pri_manifest_entry entries[2];
    make_keys(UP_ECDSA_P256_SHA256);
    struct pri_manifest m = both(entries, &up_profile_strict);
    m.correlation_id = "campaign-7";
    entries[0].has_result = true;
    entries[1].result = UP_IMG_HASH; /* of an older order */
    char *text = write_manifest(&m, &up_profile_strict);
    struct up_span report =
        member(member(body_of(text, &up_profile_strict), "installation_report"), "report");
    ck_assert(up_span_is(member(member(report, "result"), "success"), "true"));
    ck_assert_ptr_null(memmem(report.p, report.n, "brake", 5));
    free(text);
    drop_keys();
}
END_TEST

/* None of them may stop the vehicle's manifest, or say anything in its name. */
static const char *const broken_reports[] = {
    "",
    "{}}",
    "{},\"x\":{}",
    "{}},\"primary_ecu_serial\":\"evil\"",
    "{\"a\": 1}",
    "{\"b\":1,\"a\":2}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":\"\\u0041\"}",
    "{\"a\":1.5}",
    "{",
    "junk",
    "{\"a\":1}\n",
};

START_TEST(a_report_in_another_spelling_costs_only_its_own_place)
{
    make_keys(UP_ECDSA_P256_SHA256);
    for (size_t i = 0; i < sizeof broken_reports / sizeof *broken_reports; i++) {
        struct pri_manifest_entry entries[2];
        struct pri_manifest m = both(entries, &up_profile_strict);
        entries[1].report = up_span_of(broken_reports[i]);
        char *text = write_manifest(&m, &up_profile_strict);
        ck_assert_msg(text != NULL, "%s", broken_reports[i]);
        struct up_span body = body_of(text, &up_profile_strict), ignored;
        struct up_span list = member(body, "ecu_version_manifests");
        ck_assert(!up_json_find(list, "brake", &ignored));
        ck_assert(up_span_eq(member(list, "tcu"), entries[0].report));
        ck_assert(up_span_is(member(body, "primary_ecu_serial"), "\"tcu\""));
        free(text);
    }
    drop_keys();
}
END_TEST

START_TEST(a_full_vehicle_fits)
{
    static struct pri_manifest_entry entries[65];
    static char serials[65][UP_ID_MAX + 1];
    make_keys(UP_ECDSA_P256_SHA256);
    struct up_span report = report_of(0, "x", &up_profile_strict, &brake);
    for (int i = 0; i < 65; i++) {
        memset(serials[i], 'A' + i / 26, UP_ID_MAX);
        serials[i][UP_ID_MAX - 1] = (char)('a' + i % 26);
        entries[i] = (struct pri_manifest_entry){.serial = serials[64 - i],
                                                 .report = report,
                                                 .has_result = true,
                                                 .result = UP_IMG_RELEASE_COUNTER};
    }
    for (int i = 0; i < 65; i++) entries[i].serial = serials[64 - i];
    struct pri_manifest m = {.vehicle_id = "VIN-1",
                             .primary_serial = serials[0],
                             .correlation_id = "c",
                             .entries = entries,
                             .count = 65};
    char *text = write_manifest(&m, &up_profile_strict);
    ck_assert_ptr_nonnull(text);
    static uint8_t big[1 << 20];
    struct up_buf room = {.p = big, .cap = sizeof big};
    struct up_span body;
    ck_assert_int_eq(up_attest_verify(up_span_of(text), &up_profile_strict, &primary.key, &room, &body),
                     UP_OK);
    for (int i = 0; i < 65; i++)
        ck_assert(up_span_eq(member(member(body, "ecu_version_manifests"), serials[i]), report));
    free(text);
    drop_keys();
}
END_TEST

START_TEST(without_a_signature_there_is_no_manifest)
{
    struct pri_manifest_entry entries[2];
    make_keys(UP_ECDSA_P256_SHA256);
    struct pri_manifest m = both(entries, &up_profile_strict);
    ck_assert_ptr_null(write_manifest(&m, &up_profile_deployed)); /* its dialect has no ECDSA keys */
    drop_keys();
}
END_TEST

SUITE("manifest", reports_are_carried_byte_for_byte, the_manifest_is_canonical,
      another_byte_breaks_the_signature, the_outcome_of_an_order_is_told_per_ecu,
      an_ecu_that_took_no_part_has_no_result, a_report_in_another_spelling_costs_only_its_own_place,
      a_full_vehicle_fits, without_a_signature_there_is_no_manifest)
