/* Version reports, and the envelope of signatures around them. */
#include "tests/suite.h"

#include <unistd.h>

#include "metadata/encode.h"
#include "metadata/report.h"
#include "tests/lib_rig.h"

#define STRICT   (&up_profile_strict)
#define DEPLOYED (&up_profile_deployed)

static struct up_report some_report(void)
{
    return (struct up_report){
        .attacks = UP_SPAN("ROLLBACK director/timestamp have 7 got 5"),
        .ecu_serial = UP_SPAN("ecu-1"),
        .image_name = UP_SPAN("fw/a.img"),
        .image_length = 12345,
        .image_sha256 = {0xAB, 0xCD},
        .time_s = AUTHOR_NOW,
        .previous_time_s = AUTHOR_NOW - 60,
        .counter = 7ULL << 32 | 3,
    };
}

static struct up_span write_report(const struct up_report *r, const struct up_profile *p, unsigned key)
{
    static uint8_t out[UP_REPORT_MAX];
    size_t n = up_report_write(r, p, author_key(key), out, sizeof out);
    ck_assert_uint_ne(n, 0);
    return up_span_of(author_text("%.*s", (int)n, (char *)out));
}

static enum up_err verify(const char *file, const struct up_profile *p, unsigned key)
{
    struct up_buf room = author_room();
    struct up_span body;
    return up_attest_verify(up_span_of(file), p, &author_key(key)->key, &room, &body);
}

static char *report_text(const struct up_profile *p, unsigned key)
{
    struct up_report r = some_report();
    return author_text("%.*s", TEXT(write_report(&r, p, key)));
}

/* ---- reports ---- */

/* E-VER-02, E-VER-07 */
START_TEST(a_report_says_what_was_put_in)
{
    const struct up_profile *profile[] = {STRICT, STRICT, DEPLOYED};
    const unsigned key[] = {7, 25, 7};
    for (unsigned i = 0; i < 3; i++) {
        struct up_report in = some_report(), out;
        struct up_span file = write_report(&in, profile[i], key[i]);
        IS(up_report_read(file, profile[i], &out), UP_OK);
        ck_assert(up_span_eq(in.attacks, out.attacks) && up_span_eq(in.ecu_serial, out.ecu_serial));
        ck_assert(up_span_eq(in.image_name, out.image_name));
        ck_assert_uint_eq(in.image_length, out.image_length);
        ck_assert_mem_eq(in.image_sha256, out.image_sha256, UP_SHA256_BYTES);
        ck_assert_int_eq(in.time_s, out.time_s);
        ck_assert_int_eq(in.previous_time_s, out.previous_time_s);
        ck_assert_uint_eq(in.counter, out.counter);
        IS(verify(author_text("%.*s", TEXT(file)), profile[i], key[i]), UP_OK);
    }
}
END_TEST

/* E-VER-02 */
START_TEST(a_report_that_lacks_a_member_is_refused)
{
    static const char *const member[] = {"attacks_detected",
                                         "ecu_serial",
                                         "installed_image",
                                         "fileinfo",
                                         "hashes",
                                         "sha256",
                                         "length",
                                         "filepath",
                                         "report_counter",
                                         "timeserver_time",
                                         "previous_timeserver_time"};
    struct up_report r;
    for (size_t i = 0; i < sizeof member / sizeof *member; i++) {
        char *file = author_with(report_text(STRICT, 7), author_text("\"%s\":", member[i]), "\"x\":");
        IS(up_report_read(up_span_of(file), STRICT, &r), UP_MAN_SCHEMA);
    }
    IS(up_report_read(UP_SPAN("{}"), STRICT, &r), UP_MAN_SCHEMA);
    IS(up_report_read(UP_SPAN(""), STRICT, &r), UP_MAN_SCHEMA);
}
END_TEST

/* E-VER-02 */
START_TEST(a_report_with_a_member_of_another_form_is_refused)
{
    static const struct {
        const char *from, *to;
    } wrong[] = {
        {"\"ecu-1\"", "\"ecu 1\""},
        {"\"ecu-1\"", "1"},
        {"fw/a.img", "../a.img"},
        {"12345", "-1"},
        {"12345", "\"12345\""},
        {"\"abcd", "\"abc"},
        {"\"abcd", "\"ABCD"},
        {"30064771075", "-1"},
        {"\"30064771075\"", "30064771075"},
        {"30064771075", "030064771075"},
        {"30064771075", ""},
        {"30064771075", "18446744073709551616"},
        {"30064771075", "3006477107x"},
        {"2025-06-15T", "2025-13-15T"},
    };
    struct up_report r;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *file = author_with(report_text(STRICT, 7), wrong[i].from, wrong[i].to);
        ck_assert_msg(up_report_read(up_span_of(file), STRICT, &r) == UP_MAN_SCHEMA, "%s", wrong[i].to);
    }
    char *most = author_with(report_text(STRICT, 7), "30064771075", "18446744073709551615");
    IS(up_report_read(up_span_of(most), STRICT, &r), UP_OK);
    ck_assert_uint_eq(r.counter, UINT64_MAX);
    IS(up_report_read(up_span_of(author_with(report_text(DEPLOYED, 7), "\"abcd", "\"ABCD")), DEPLOYED, &r),
       UP_OK);
}
END_TEST

/* E-VER-03 */
START_TEST(counters_grow_as_numbers_over_boots)
{
    struct up_report a = some_report(), b = a, read_a, read_b;
    a.counter = 1ULL << 32 | UINT32_MAX;
    b.counter = 2ULL << 32;
    IS(up_report_read(write_report(&a, STRICT, 7), STRICT, &read_a), UP_OK);
    IS(up_report_read(write_report(&b, STRICT, 7), STRICT, &read_b), UP_OK);
    ck_assert_uint_lt(read_a.counter, read_b.counter);
}
END_TEST

/* E-VER-17, E-LOG-02 */
START_TEST(what_an_attacker_put_into_a_name_is_bounded_and_harmless)
{
    struct up_report r = some_report(), out;
    char text[UP_ATTACKS_MAX + 50];
    memset(text, 'A', sizeof text);
    memcpy(text, "\n\"\\\x1B[2J\x7F\xC3\xA9", 10);
    r.attacks = (struct up_span){(uint8_t *)text, sizeof text};
    IS(up_report_read(write_report(&r, STRICT, 7), STRICT, &out), UP_OK);
    ck_assert_uint_eq(out.attacks.n, UP_ATTACKS_MAX);
    ck_assert_mem_eq(out.attacks.p, "????[2J???AAA", 13);
    r.attacks = (struct up_span){0};
    IS(up_report_read(write_report(&r, STRICT, 7), STRICT, &out), UP_OK);
    ck_assert_uint_eq(out.attacks.n, 0);
}
END_TEST

START_TEST(an_image_of_dialect_a_is_reported_by_its_name)
{
    struct up_report r = some_report(), out;
    for (int deployed = 0; deployed <= 1; deployed++) {
        const struct up_profile *p = deployed ? &up_profile_deployed : STRICT;
        r.image_name = UP_SPAN("fw 1.2 (final) #1.bin");
        IS(up_report_read(write_report(&r, p, 7), p, &out), UP_OK);
        ck_assert(up_span_eq(out.image_name, r.image_name));
    }
    uint8_t text[UP_REPORT_MAX];
    r.image_name = UP_SPAN("../fw");
    ck_assert_uint_eq(up_report_write(&r, STRICT, author_key(7), text, sizeof text), 0);
    r.image_name = UP_SPAN("f\"w");
    ck_assert_uint_eq(up_report_write(&r, STRICT, author_key(7), text, sizeof text), 0);
}
END_TEST

START_TEST(times_of_ecus_without_a_clock_are_read)
{
    struct up_report r = some_report(), out;
    r.time_s = r.previous_time_s = 0; /* 1970, as some deployed ones write */
    IS(up_report_read(write_report(&r, STRICT, 7), STRICT, &out), UP_OK);
    ck_assert_int_eq(out.time_s, 0);
    ck_assert_int_eq(out.previous_time_s, 0);
}
END_TEST

START_TEST(the_longest_report_fits_its_bound_and_no_less_room_is_overrun)
{
    struct up_report r = some_report();
    char name[UP_NAME_MAX], id[UP_ID_MAX], attacks[UP_ATTACKS_MAX];
    uint8_t out[UP_REPORT_MAX + 1];
    memset(name, 'n', sizeof name);
    memset(id, 'i', sizeof id);
    memset(attacks, 'a', sizeof attacks);
    r.attacks = (struct up_span){(uint8_t *)attacks, sizeof attacks};
    r.ecu_serial = (struct up_span){(uint8_t *)id, sizeof id};
    r.image_name = (struct up_span){(uint8_t *)name, sizeof name};
    r.image_length = INT64_MAX;
    r.counter = UINT64_MAX;
    for (unsigned key = 7; key < 32; key += 18) {
        size_t n = up_report_write(&r, STRICT, author_key(key), out, UP_REPORT_MAX);
        ck_assert_uint_ne(n, 0);
        ck_assert_uint_le(n, UP_REPORT_MAX - 2 * (UP_SIGNATURE_BYTES - 72)); /* RSA-4096 has room, too */
        for (size_t cap = 0; cap < n; cap += 7) {
            memset(out, 0x55, sizeof out);
            ck_assert_uint_eq(up_report_write(&r, STRICT, author_key(key), out, cap), 0);
            ck_assert_uint_eq(out[cap], 0x55);
        }
    }
}
END_TEST

START_TEST(names_that_no_report_may_carry_are_not_written)
{
    uint8_t out[UP_REPORT_MAX];
    struct up_report r = some_report();
    r.ecu_serial = UP_SPAN("ecu 1");
    ck_assert_uint_eq(up_report_write(&r, STRICT, author_key(7), out, sizeof out), 0);
    r = some_report();
    r.image_name = UP_SPAN("../x");
    ck_assert_uint_eq(up_report_write(&r, STRICT, author_key(7), out, sizeof out), 0);
    r = some_report();
    r.image_length = UINT64_MAX;
    ck_assert_uint_eq(up_report_write(&r, STRICT, author_key(7), out, sizeof out), 0);
    r = some_report();
    ck_assert_uint_eq(up_report_write(&r, DEPLOYED, author_key(25), out, sizeof out), 0); /* no ECDSA there */
}
END_TEST

/* ---- signatures ---- */

/* E-VER-01 */
START_TEST(a_signature_block_has_five_parts)
{
    char *file = report_text(STRICT, 7);
    static const char *const part[] = {"\"keyid\"",    "\"method\"", "\"hash\"",
                                       "\"function\"", "\"digest\"", "\"sig\""};
    IS(verify(file, STRICT, 7), UP_OK);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        IS(verify(author_with(file, part[i], "\"x\""), STRICT, 7), UP_MAN_SCHEMA);
    ck_assert_ptr_nonnull(
        strstr(file, author_text("\"keyid\":\"%s\",\"method\":\"ed25519\"", author_keyid(STRICT, 7))));
    ck_assert_ptr_nonnull(strstr(report_text(STRICT, 25), "\"method\":\"ecdsa-sha2-nistp256\""));
}
END_TEST

/* E-VER-01 */
START_TEST(a_deployed_block_has_the_parts_that_backends_know)
{
    char *file = report_text(DEPLOYED, 7);
    ck_assert_int_eq(strncmp(file, "{\"signatures\":[{\"keyid\":\"", 24), 0);
    ck_assert_ptr_nonnull(
        strstr(file, author_text("\"keyid\":\"%s\",\"method\":\"ed25519\"", author_keyid(DEPLOYED, 7))));
    ck_assert_ptr_null(strstr(file, "\"function\""));
    /* the signature is over the canonical body itself */
    uint8_t sig[UP_SIGNATURE_BYTES];
    char base64[100], *body = strstr(file, "\"signed\":") + 9;
    size_t n = up_sign(author_key(7), (struct up_span){(uint8_t *)body, strlen(body) - 1}, sig);
    ck_assert_ptr_nonnull(
        strstr(file, author_text("\"sig\":\"%.*s\"", (int)up_base64_encode(sig, n, base64), base64)));
    static const char *const part[] = {"\"keyid\"", "\"method\"", "\"sig\""};
    for (size_t i = 0; i < 3; i++)
        IS(verify(author_with(file, part[i], "\"x\""), DEPLOYED, 7), UP_MAN_SCHEMA);
}
END_TEST

/* E-VER-07 */
START_TEST(a_report_signed_by_another_ecu_is_refused)
{
    IS(verify(report_text(STRICT, 7), STRICT, 8), UP_MAN_SIG);
    IS(verify(report_text(STRICT, 25), STRICT, 26), UP_MAN_SIG);
    IS(verify(report_text(STRICT, 25), STRICT, 7), UP_MAN_SIG);
    IS(verify(report_text(DEPLOYED, 7), DEPLOYED, 8), UP_MAN_SIG);
}
END_TEST

/* E-VER-04 */
START_TEST(the_digest_in_the_message_is_never_trusted)
{
    char *file = report_text(STRICT, 7);
    IS(verify(author_with(file, "fw/a.img", "fw/b.img"), STRICT, 7),
       UP_MAN_SIG); /* old digest, new payload */
    struct up_span body = {0};
    uint8_t digest[UP_SHA256_BYTES];
    char hex[2 * UP_SHA256_BYTES], *altered = author_with(file, "fw/a.img", "fw/b.img");
    ck_assert(up_json_find(up_span_of(altered), "signed", &body));
    up_sha256(body, digest);
    up_hex_encode(digest, sizeof digest, hex);
    char *old = strstr(altered, "\"digest\":\"") + 10;
    memcpy(old, hex, sizeof hex); /* new digest, old signature */
    IS(verify(altered, STRICT, 7), UP_MAN_SIG);
    char *flipped = author_text("%s", file);
    char *digit = strstr(flipped, "\"digest\":\"") + 10;
    *digit = *digit == '0' ? '1' : '0'; /* right signature, another digest beside it */
    IS(verify(flipped, STRICT, 7), UP_MAN_SIG);
    IS(verify(author_with(file, "\"sha256\"}", "\"sha1\"}"), STRICT, 7), UP_MAN_SIG);
    IS(verify(author_with(file, "\"digest\":\"", "\"digest\":\"00"), STRICT, 7), UP_MAN_SIG);
    IS(verify(author_with(report_text(DEPLOYED, 7), "fw/a.img", "fw/b.img"), DEPLOYED, 7), UP_MAN_SIG);
}
END_TEST

START_TEST(broken_envelopes_are_refused)
{
    char *file = report_text(STRICT, 7);
    IS(verify("", STRICT, 7), UP_MAN_SCHEMA);
    IS(verify("{\"signatures\":[],\"signed\":{}}", STRICT, 7), UP_MAN_SCHEMA);
    IS(verify(author_with(file, "\"signatures\":[", "\"signatures\":[7,"), STRICT, 7), UP_MAN_SCHEMA);
    IS(verify(author_with(file, "\"sig\":\"", "\"sig\":\"zz"), STRICT, 7), UP_MAN_SIG);
    IS(verify(author_text("%sx", file), STRICT, 7), UP_MAN_SCHEMA);
}
END_TEST

/* P-VER-13: bytes that somebody spells anew still verify, with room to sort them; in place they do not. */
START_TEST(a_respelled_report_verifies_with_room_only)
{
    char *spaced = author_with(report_text(STRICT, 7), "\"ecu_serial\":", "\n\"ecu_serial\": ");
    struct up_span body;
    IS(verify(spaced, STRICT, 7), UP_OK);
    IS(up_attest_verify(up_span_of(spaced), STRICT, &author_key(7)->key, NULL, &body), UP_NOT_CANONICAL);
}
END_TEST

START_TEST(only_canonical_bodies_are_signed)
{
    uint8_t out[512];
    ck_assert_uint_ne(up_attest_write(UP_SPAN("{\"a\":1,\"b\":2}"), STRICT, author_key(7), out, sizeof out),
                      0);
    ck_assert_uint_eq(up_attest_write(UP_SPAN("{\"b\":1,\"a\":2}"), STRICT, author_key(7), out, sizeof out),
                      0);
    ck_assert_uint_eq(up_attest_write(UP_SPAN("{\"a\": 1}"), STRICT, author_key(7), out, sizeof out), 0);
    ck_assert_uint_eq(up_attest_write(UP_SPAN("{"), STRICT, author_key(7), out, sizeof out), 0);
}
END_TEST

/* Dialect A identifies an RSA key by its PEM. */
START_TEST(a_deployed_report_of_an_rsa_key_carries_the_id_that_backends_compute)
{
    struct up_signer rsa;
    char why[256], path[] = "/tmp/isoctane-rsa-XXXXXX", pem[UP_PEM_BYTES], id[UP_KEYID_TEXT];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    unlink(path);
    ck_assert_msg(up_signer_create(path, UP_RSA_PSS_SHA256, 2048, &rsa, why, sizeof why), "%s", why);
    unlink(path);
    size_t n = up_key_to_pem(&rsa.key, pem, sizeof pem);
    char *object = author_text("{\"keytype\":\"RSA\",\"keyval\":{\"public\":\"");
    for (size_t i = 0; i < n; i++) object = author_text(pem[i] == '\n' ? "%s\\n" : "%s%c", object, pem[i]);
    IS(up_key_id(up_span_of(author_text("%s\"}}", object)), DEPLOYED, id), UP_OK);

    uint8_t out[UP_REPORT_MAX];
    struct up_report r = some_report();
    struct up_buf room = author_room();
    struct up_span body;
    n = up_report_write(&r, DEPLOYED, &rsa, out, sizeof out);
    ck_assert_uint_ne(n, 0);
    ck_assert_ptr_nonnull(memmem(out, n, id, sizeof id));
    IS(up_attest_verify((struct up_span){out, n}, DEPLOYED, &rsa.key, &room, &body), UP_OK);
    n = up_report_write(&r, STRICT, &rsa, out, sizeof out);
    IS(up_attest_verify((struct up_span){out, n}, STRICT, &rsa.key, &room, &body), UP_OK);
    up_signer_close(&rsa);
}
END_TEST

START_TEST(eight_entries_are_looked_at_and_one_that_holds_is_enough)
{
    char *file = report_text(STRICT, 7), *start = strstr(file, "[{") + 1,
         *behind = strstr(start, "}],\"signed\"") + 1;
    const char *good = author_text("%.*s", (int)(behind - start), start);
    const char *wrong = author_with(good, "\"sig\":\"", "\"sig\":\"00");
    IS(verify(author_with(file, good, author_text("%s,%s", good, wrong)), STRICT, 7), UP_OK);
    IS(verify(author_with(file, good, author_text("%s,7", good)), STRICT, 7), UP_MAN_SCHEMA);
    const char *seven = author_text("%s,%s,%s,%s,%s,%s,%s", wrong, wrong, wrong, wrong, wrong, wrong, wrong);
    IS(verify(author_with(file, good, author_text("%s,%s", seven, good)), STRICT, 7), UP_OK);
    IS(verify(author_with(file, good, author_text("%s,%s,%s", seven, wrong, good)), STRICT, 7), UP_MAN_SIG);
}
END_TEST

START_TEST(what_else_an_entry_says_means_nothing)
{
    char *file = report_text(STRICT, 7);
    IS(verify(author_with(file, "\"keyid\":", "\"j\":[1],\"keyid\":"), STRICT, 7), UP_OK);
    IS(verify(author_with(file, "\"digest\":", "\"a\":{},\"digest\":"), STRICT, 7), UP_OK);
    file = report_text(DEPLOYED, 7);
    IS(verify(author_with(file, "\"keyid\":", "\"hash\":\"abc\",\"keyid\":"), DEPLOYED, 7), UP_OK);
    IS(verify(author_with(file, "\"keyid\":", "\"hash\":{\"digest\":7},\"keyid\":"), DEPLOYED, 7), UP_OK);
}
END_TEST

START_TEST(a_body_that_is_not_its_own_canonical_form_is_not_signed)
{
    uint8_t out[512];
    ck_assert_uint_eq(up_attest_write(UP_SPAN("{\"a\":\"\\n\"}"), STRICT, author_key(7), out, sizeof out), 0);
    ck_assert_uint_ne(up_attest_write(UP_SPAN("{\"a\":\"\\n\"}"), DEPLOYED, author_key(7), out, sizeof out),
                      0);
}
END_TEST

START_TEST(a_counter_of_more_digits_than_it_can_have_is_refused)
{
    struct up_report r;
    char *file = report_text(STRICT, 7);
    IS(up_report_read(up_span_of(author_with(file, "30064771075", "18446744073709551615")), STRICT, &r),
       UP_OK);
    IS(up_report_read(up_span_of(author_with(file, "30064771075", "18446744073709551616")), STRICT, &r),
       UP_MAN_SCHEMA);
    IS(up_report_read(up_span_of(author_with(file, "30064771075", "100000000000000000000")), STRICT, &r),
       UP_MAN_SCHEMA);
}
END_TEST

START_TEST(members_that_nobody_knows_mean_nothing_in_a_report)
{
    static const char *const before[] = {"\"sha256\":\"abcd", "\"length\"", "\"fileinfo\"", "\"ecu_serial\"",
                                         "\"signatures\""};
    struct up_report r;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        char *file =
            author_with(report_text(STRICT, 7), before[i], author_text("\"note\":{\"a\":[1]},%s", before[i]));
        IS(up_report_read(up_span_of(file), STRICT, &r), UP_OK);
        ck_assert_uint_eq(r.image_sha256[1], 0xCD);
        ck_assert_uint_eq(r.image_length, 12345);
    }
    IS(up_report_read(up_span_of(author_with(report_text(STRICT, 7), "30064771075", "0")), STRICT, &r),
       UP_OK);
    ck_assert_uint_eq(r.counter, 0);
}
END_TEST

SUITE("report", members_that_nobody_knows_mean_nothing_in_a_report,
      eight_entries_are_looked_at_and_one_that_holds_is_enough, what_else_an_entry_says_means_nothing,
      a_body_that_is_not_its_own_canonical_form_is_not_signed,
      a_counter_of_more_digits_than_it_can_have_is_refused, a_report_says_what_was_put_in,
      a_report_that_lacks_a_member_is_refused, a_report_with_a_member_of_another_form_is_refused,
      counters_grow_as_numbers_over_boots, what_an_attacker_put_into_a_name_is_bounded_and_harmless,
      times_of_ecus_without_a_clock_are_read, an_image_of_dialect_a_is_reported_by_its_name,
      the_longest_report_fits_its_bound_and_no_less_room_is_overrun,
      names_that_no_report_may_carry_are_not_written, a_signature_block_has_five_parts,
      a_deployed_block_has_the_parts_that_backends_know, a_report_signed_by_another_ecu_is_refused,
      the_digest_in_the_message_is_never_trusted, broken_envelopes_are_refused,
      a_respelled_report_verifies_with_room_only, only_canonical_bodies_are_signed,
      a_deployed_report_of_an_rsa_key_carries_the_id_that_backends_compute)
