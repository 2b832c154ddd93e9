/* Targets: images, orders, and the form of delegations. */
#include "tests/suite.h"

#include <stdio.h>

#include "metadata/delegation.h"
#include "metadata/role.h"
#include "tests/lib_rig.h"

#define STRICT   (&up_profile_strict)
#define DEPLOYED (&up_profile_deployed)
#define TUF      (&up_profile_tuf)

static enum up_err read_body(const struct up_profile *p, const char *body)
{
    struct up_targets t;
    return up_targets_read(up_span_of(author_sorted(p, body)), p, &t);
}

/* ---- Targets ---- */

static enum up_err read_images(const struct up_profile *p, const char *images)
{
    struct author a = author_of(p, "VIN-1");
    return read_body(p, author_targets_body(&a, 1, images, ""));
}

/* E-TGT-06 */
START_TEST(an_image_has_length_and_hashes)
{
    struct author a = author_of(STRICT, "VIN-1");
    struct up_targets t;
    struct up_target image;
    struct up_span body = up_span_of(author_sorted(
        STRICT,
        author_targets_body(
            &a, 1, author_text("%s,%s", author_image("b", "hw-2", 2), author_image("a", "hw-1", 1)), "")));
    IS(up_targets_read(body, STRICT, &t), UP_OK);
    IS(up_targets_find(&t, UP_SPAN("b"), STRICT, &image), UP_OK);
    ck_assert_uint_eq(image.length, strlen("b 2"));
    ck_assert(up_hashes_match(&image.hashes, UP_SPAN("b 2")));
    ck_assert(!up_hashes_match(&image.hashes, UP_SPAN("b 3")));
    ck_assert(image.has_release_counter && image.release_counter == 2);
    ck_assert(up_target_fits_hardware(&image, UP_SPAN("hw-2")) &&
              !up_target_fits_hardware(&image, UP_SPAN("hw-1")));
    IS(up_targets_find(&t, UP_SPAN("c"), STRICT, &image), UP_TARGET_NOT_FOUND);
}
END_TEST

/* E-TGT-06, E-KEY-19 */
START_TEST(an_image_without_length_or_known_hash_is_refused)
{
    const char *image = author_image("a", "hw", 1);
    IS(read_images(STRICT, author_with(image, "\"length\"", "\"size\"")), UP_SCHEMA);
    IS(read_images(STRICT, author_with(image, "\"hashes\"", "\"digests\"")), UP_SCHEMA);
    IS(read_images(STRICT, author_with(image, "\"sha256\"", "\"md5\"")), UP_SCHEMA);
    IS(read_images(STRICT, author_with(image, "\"sha256\":\"", "\"sha256\":\"0")), UP_SCHEMA);
    IS(read_images(STRICT, author_with(image, "\"length\":3", "\"length\":-3")), UP_SCHEMA);
    IS(read_images(STRICT, "\"a\":[]"), UP_SCHEMA);
}
END_TEST

/* E-TGT-08 */
START_TEST(one_name_twice_in_a_file_is_refused)
{
    struct author a = author_of(STRICT, "VIN-1");
    struct up_signed s;
    const char *twice = author_text("%s,%s", author_image("a", "hw", 1), author_image("a", "hw", 2));
    IS(up_signed_open(author_envelope("", author_targets_body(&a, 1, twice, "")), STRICT, NULL, &s),
       UP_PARSE);
}
END_TEST

/* E-TGT-09 */
START_TEST(a_length_beyond_what_numbers_hold_is_refused)
{
    struct author a = author_of(STRICT, "VIN-1");
    struct up_targets t;
    const char *body = author_sorted(STRICT, author_targets_body(&a, 1, author_image("a", "hw", 1), ""));
    const char *wrong = author_with(body, "\"length\":3", "\"length\":9223372036854775808");
    IS(up_targets_read(up_span_of(wrong), STRICT, &t), UP_SCHEMA);
}
END_TEST

/* E-TGT-13 */
START_TEST(an_image_needs_hardware_ids_and_a_release_counter)
{
    const char *image = author_image("a", "hw", 1), *order = author_order("a", "ecu", "hw", 1);
    const char *hardware = "\"hardwareIds\":[\"hw\"],";
    IS(read_images(STRICT, image), UP_OK);
    IS(read_images(STRICT, author_with(image, hardware, "")), UP_SCHEMA);
    IS(read_images(STRICT, author_with(image, "[\"hw\"]", "[]")), UP_SCHEMA);
    IS(read_images(STRICT, author_with(image, ",\"releaseCounter\":1", "")), UP_SCHEMA);
    IS(read_images(STRICT, author_with(order, hardware, "")), UP_SCHEMA);
    /* deployed Directors say the hardware of each ECU only, and there are no counters */
    IS(read_images(DEPLOYED, author_with(image, ",\"releaseCounter\":1", "")), UP_OK);
    IS(read_images(DEPLOYED,
                   author_with(author_with(order, hardware, ""), "\"releaseCounter\":1", "\"version\":2")),
       UP_OK);
    IS(read_images(DEPLOYED, author_with(image, hardware, "")), UP_SCHEMA);
    /* plain TUF knows neither */
    IS(read_images(TUF, author_with(image, hardware, "")), UP_OK);
}
END_TEST

/* E-IMG-07 */
START_TEST(a_release_counter_above_the_ceiling_is_refused)
{
    IS(read_images(STRICT, author_image("a", "hw", 2147483647)), UP_OK);
    IS(read_images(STRICT, author_image("a", "hw", 2147483648)), UP_LIMIT);
    IS(read_images(STRICT, author_with(author_image("a", "hw", 1), "Counter\":1", "Counter\":-1")),
       UP_SCHEMA);
}
END_TEST

/* E-DIR-04 */
START_TEST(an_order_names_its_ecus_and_their_hardware)
{
    struct author a = author_of(STRICT, "VIN-1");
    struct up_targets t;
    struct up_target order;
    struct up_span hardware;
    const char *two = author_with(
        author_order("a", "ecu-1", "hw-1", 1), "\"ecuIdentifiers\":{",
        "\"bundle\":\"chassis\",\"ecuIdentifiers\":{\"ecu-2\":{\"hardwareId\":\"hw-2\",\"x\":1},");
    struct up_span body = up_span_of(author_sorted(STRICT, author_targets_body(&a, 1, two, "")));
    IS(up_targets_read(body, STRICT, &t), UP_OK);
    IS(up_targets_find(&t, UP_SPAN("a"), STRICT, &order), UP_OK);
    ck_assert(up_target_names_ecu(&order, UP_SPAN("ecu-2"), &hardware) && up_span_is(hardware, "hw-2"));
    ck_assert(up_target_names_ecu(&order, UP_SPAN("ecu-1"), &hardware) && up_span_is(hardware, "hw-1"));
    ck_assert(!up_target_names_ecu(&order, UP_SPAN("ecu"), &hardware));
    ck_assert(up_span_is(order.bundle, "chassis"));
}
END_TEST

/* E-DIR-04 */
START_TEST(an_order_for_no_ecu_or_without_hardware_is_refused)
{
    const char *order = author_order("a", "ecu", "hw", 1);
    IS(read_images(STRICT, author_with(order, "\"ecu\":{\"hardwareId\":\"hw\"}", "")), UP_SCHEMA);
    IS(read_images(STRICT, author_with(order, "{\"hardwareId\":\"hw\"}", "{}")), UP_SCHEMA);
    IS(read_images(STRICT, author_with(order, "{\"hardwareId\":\"hw\"}", "[]")), UP_SCHEMA);
}
END_TEST

START_TEST(hashes_are_equal_as_sets)
{
    struct up_hashes a = {.has_sha256 = true}, b = a;
    ck_assert(up_hashes_equal(&a, &b));
    b.sha256[31] = 1;
    ck_assert(!up_hashes_equal(&a, &b));
    b = a;
    b.has_sha512 = true;
    ck_assert(!up_hashes_equal(&a, &b));
    a.has_sha512 = true;
    ck_assert(up_hashes_equal(&a, &b));
    a.sha512[0] = 1;
    ck_assert(!up_hashes_equal(&a, &b));
    struct up_hashes both = {.has_sha256 = true, .has_sha512 = true}, long_one = {.has_sha512 = true};
    ck_assert(up_hashes_equal(&both, &both) && up_hashes_equal(&long_one, &long_one));
    ck_assert(!up_hashes_equal(&both, &long_one) && !up_hashes_equal(&long_one, &both));
}
END_TEST

/* ---- delegations: form ---- */

static const struct author_ring one = {KEY(5), 1};

static enum up_err read_delegations(const char *list, uint32_t keys)
{
    struct author a = author_of(STRICT, NULL);
    return read_body(STRICT, author_targets_body(&a, 1, "", author_delegations(&a, keys, list)));
}

/* V-DEL-01 */
START_TEST(a_delegation_has_keys_paths_and_optional_limits)
{
    struct author a = author_of(STRICT, NULL);
    struct author_ring two = {KEY(5) | KEY(6), 2};
    const char *list =
        author_text("%s,%s", author_delegation(&a, "x", two, "x/*", "\"terminating\":true,"),
                    author_delegation(&a, "y", one, "y/*", "\"hardwareIds\":[\"hw-1\",\"hw-2\"],"));
    const char *block = author_sorted(
        STRICT, author_text("{\"keys\":%s,\"roles\":[%s]}", author_keys(STRICT, KEY(5) | KEY(6)), list));
    struct up_delegation d;
    IS(up_delegations_check(up_span_of(block), STRICT), UP_OK);
    ck_assert(up_delegation_get(up_span_of(block), 0, &d) && up_span_is(d.name, "x") && d.terminating);
    ck_assert_uint_eq(d.ring.threshold, 2);
    ck_assert(up_delegation_applies(&d, UP_SPAN("x/a"), UP_SPAN("anything")));
    ck_assert(!up_delegation_applies(&d, UP_SPAN("y/a"), UP_SPAN("anything")));
    ck_assert(up_delegation_get(up_span_of(block), 1, &d) && up_span_is(d.name, "y") && !d.terminating);
    ck_assert(up_delegation_applies(&d, UP_SPAN("y/a"), UP_SPAN("hw-2")));
    ck_assert(!up_delegation_applies(&d, UP_SPAN("y/a"), UP_SPAN("hw-3")));
    ck_assert(!up_delegation_get(up_span_of(block), 2, &d));
}
END_TEST

/* V-DEL-01 */
START_TEST(a_delegation_that_lacks_a_member_is_refused)
{
    struct author a = author_of(STRICT, NULL);
    const char *good = author_delegation(&a, "x", one, "x/*", "");
    static const char *const member[] = {"name", "keyids", "paths"};
    for (size_t i = 0; i < 3; i++) IS(read_delegations(author_without(good, member[i]), KEY(5)), UP_SCHEMA);
    IS(read_delegations(author_without(good, "threshold"), KEY(5)), UP_THRESHOLD_INVALID);
    IS(read_delegations(good, KEY(6)), UP_KEYID); /* its key is not in the block */
    IS(read_delegations(author_with(good, "[\"x/*\"]", "\"x/*\""), KEY(5)), UP_SCHEMA);
    IS(read_delegations(author_with(good, "\"x/*\"", "7"), KEY(5)), UP_SCHEMA);
    IS(read_delegations(author_with(good, "\"paths\"", "\"terminating\":1,\"paths\""), KEY(5)), UP_SCHEMA);
    IS(read_delegations(author_with(good, "\"paths\"", "\"hardwareIds\":[],\"paths\""), KEY(5)), UP_SCHEMA);
    static const char *const block[] = {"{}", "{\"roles\":[]}", "{\"keys\":{}}",
                                        "{\"keys\":{},\"roles\":{}}"};
    for (size_t i = 0; i < sizeof block / sizeof *block; i++)
        IS(read_body(STRICT, author_with(author_targets_body(&a, 1, "", ""), "\"targets\":{",
                                         author_text("\"delegations\":%s,\"targets\":{", block[i]))),
           UP_SCHEMA);
    /* neither one role, which has keys of its own, nor several */
    const char *both = author_with(author_without(good, "keyids"), "\"paths\"",
                                   "\"min_roles_in_agreement\":1,\"roles\":[],\"paths\"");
    IS(read_delegations(both, KEY(5)), UP_SCHEMA);
    IS(read_delegations(author_with(good, "\"paths\"", "\"note\":1,\"paths\""), KEY(5)), UP_OK);
}
END_TEST

/* V-DEL-17 */
START_TEST(a_delegated_role_takes_no_top_level_name_and_no_siblings_name)
{
    struct author a = author_of(STRICT, NULL);
    static const char *const top[] = {"root", "timestamp", "snapshot", "targets"};
    for (size_t i = 0; i < 4; i++)
        IS(read_delegations(author_delegation(&a, top[i], one, "*", ""), KEY(5)), UP_SCHEMA);
    const char *x = author_delegation(&a, "x", one, "x/*", ""),
               *y = author_delegation(&a, "y", one, "y/*", "");
    IS(read_delegations(author_text("%s,%s", x, y), KEY(5)), UP_OK);
    IS(read_delegations(author_text("%s,%s,%s", x, y, x), KEY(5)), UP_SCHEMA);
    IS(read_delegations(author_delegation(&a, "../x", one, "*", ""), KEY(5)), UP_STRING);
    struct author other = author_of(STRICT, NULL); /* of which time is none in a repository of images */
    IS(read_delegations(author_delegation(&other, "time", one, "x/*", ""), KEY(5)), UP_OK);
}
END_TEST

/* V-DEL-18 */
START_TEST(delegated_keys_obey_the_rules_of_root_keys)
{
    struct author a = author_of(STRICT, NULL);
    struct author_ring half = {KEY(5) | KEY(6), 1}, none = {KEY(5), 0}, three = {KEY(5) | KEY(6), 3};
    IS(read_delegations(author_delegation(&a, "x", half, "*", ""), KEY(5) | KEY(6)), UP_OK);
    IS(read_delegations(author_delegation(&a, "x", none, "*", ""), KEY(5)), UP_THRESHOLD_INVALID);
    IS(read_delegations(author_delegation(&a, "x", three, "*", ""), KEY(5) | KEY(6)), UP_THRESHOLD_INVALID);
    const char *twice =
        author_with(author_delegation(&a, "x", one, "*", ""), author_keyids(STRICT, KEY(5)),
                    author_text("[\"%s\",\"%s\"]", author_keyid(STRICT, 5), author_keyid(STRICT, 5)));
    IS(read_delegations(twice, KEY(5)), UP_KEYID);
}
END_TEST

/* E-FMT-08 */
START_TEST(the_number_of_delegations_is_bounded)
{
    struct author a = author_of(TUF, NULL);
    char *list = author_text("%s", "");
    for (unsigned i = 0; i <= UP_DELEGATIONS_MAX; i++) {
        const char *block = author_text("{\"keys\":%s,\"roles\":[%s]}", author_keys(TUF, KEY(5)), list);
        if (i == UP_DELEGATIONS_MAX)
            IS(up_delegations_check(up_span_of(author_sorted(TUF, block)), TUF), UP_OK);
        list = author_text("%s%s%s", list, *list ? "," : "",
                           author_delegation(&a, author_text("r%u", i), one, "*", ""));
    }
    const char *block = author_text("{\"keys\":%s,\"roles\":[%s]}", author_keys(TUF, KEY(5)), list);
    IS(up_delegations_check(up_span_of(author_sorted(TUF, block)), TUF), UP_LIMIT);
}
END_TEST

START_TEST(tuf_may_delegate_by_the_hash_of_a_name)
{
    struct up_delegation d;
    /* SHA-256("a") begins with ca978112 */
    const char *of = author_text("{\"keys\":%s,\"roles\":[{\"name\":\"x\",\"keyids\":%s,\"threshold\":1,"
                                 "\"path_hash_prefixes\":[\"00\",\"ca97\"]}]}",
                                 author_keys(TUF, KEY(5)), author_keyids(TUF, KEY(5)));
    const char *block = author_sorted(TUF, of);
    IS(up_delegations_check(up_span_of(block), TUF), UP_OK);
    ck_assert(up_delegation_get(up_span_of(block), 0, &d));
    ck_assert(up_delegation_applies(&d, UP_SPAN("a"), (struct up_span){0}));
    ck_assert(!up_delegation_applies(&d, UP_SPAN("b"), (struct up_span){0}));
    /* the whole hash, and one digit more than there is */
    const char *whole = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    block = author_with(author_with(block, "ca97", whole), whole, author_text("%s0", whole));
    ck_assert(up_delegation_get(up_span_of(block), 0, &d));
    ck_assert(!up_delegation_applies(&d, UP_SPAN("a"), (struct up_span){0}));
    block = author_with(block, author_text("%s0", whole), whole);
    ck_assert(up_delegation_get(up_span_of(block), 0, &d));
    ck_assert(up_delegation_applies(&d, UP_SPAN("a"), (struct up_span){0}));
    /* an empty prefix is one of every name, but not of what is none */
    block = author_with(block, whole, "");
    ck_assert(up_delegation_get(up_span_of(block), 0, &d));
    ck_assert(up_delegation_applies(&d, UP_SPAN(""), (struct up_span){0}));
    ck_assert(!up_delegation_applies(&d, UP_SPAN("\\"), (struct up_span){0}));
    const char *bins = "{\"keys\":{},\"succinct_roles\":{\"bit_length\":4,\"name_prefix\":\"bin\"}}";
    IS(up_delegations_check(up_span_of(bins), TUF), UP_UNSUPPORTED);
}
END_TEST

/* ---- large files ---- */

/* A hundred thousand images are read and searched in one pass each; the time bound is the suite's. */
START_TEST(a_hundred_thousand_images_are_searched_in_place)
{
    struct author a = author_of(STRICT, NULL);
    enum { IMAGES = 100000 };
    char *images = malloc(IMAGES * 260);
    size_t n = 0;
    const char *one_image = author_image("fw/00000", "hw", 1);
    for (unsigned i = 0; i < IMAGES; i++) {
        if (i > 0) images[n++] = ',';
        n += (size_t)sprintf(images + n, "%s", one_image);
        sprintf(images + n - strlen(one_image) + 4, "%05u", i);
        images[n - strlen(one_image) + 9] = '"';
    }
    char *body = author_targets_body(&a, 1, images, "");
    struct up_targets t;
    struct up_target image;
    IS(up_targets_read(up_span_of(body), STRICT, &t), UP_OK);
    for (unsigned i = 0; i < 10; i++) IS(up_targets_find(&t, UP_SPAN("fw/99999"), STRICT, &image), UP_OK);
    IS(up_targets_find(&t, UP_SPAN("fw/100000"), STRICT, &image), UP_TARGET_NOT_FOUND);
    free(images);
}
END_TEST

/* Plain TUF lists images by hashes that we do not know; such an image cannot be told from another. */
START_TEST(an_image_without_a_hash_that_we_know_is_not_found)
{
    struct author a = author_of(TUF, NULL);
    struct up_targets t;
    struct up_target image;
    const char *known = author_image("a", "hw", 1), *other = author_with(known, "\"sha256\"", "\"md5\"");
    IS(up_targets_read(up_span_of(author_sorted(TUF, author_targets_body(&a, 1, other, ""))), TUF, &t),
       UP_OK);
    IS(up_targets_find(&t, UP_SPAN("a"), TUF, &image), UP_UNSUPPORTED);
    IS(up_targets_read(up_span_of(author_sorted(TUF, author_targets_body(&a, 1, known, ""))), TUF, &t),
       UP_OK);
    IS(up_targets_find(&t, UP_SPAN("a"), TUF, &image), UP_OK);
}
END_TEST

START_TEST(what_an_image_says_is_read_and_what_nobody_knows_is_not)
{
    static const struct up_profile *const profile[] = {STRICT, DEPLOYED, TUF};
    for (size_t i = 0; i < 3; i++) {
        const struct up_profile *p = profile[i];
        const bool plain = p == TUF;
        struct author a = author_of(p, "VIN-1");
        struct up_targets t;
        struct up_target image;
        const char *known = author_image("a", "hw", 1);
        const char *more =
            author_with(known, "\"hardwareIds\"",
                        "\"uri\":\"u\",\"version\":\"v1\",\"note\":[1],\"zzz\":\"s\",\"hardwareIds\"");
        more = author_with(more, "\"length\"", "\"note\":7,\"length\"");
        IS(up_targets_read(up_span_of(author_sorted(p, author_targets_body(&a, 1, more, ""))), p, &t), UP_OK);
        IS(up_targets_find(&t, UP_SPAN("a"), p, &image), UP_OK);
        ck_assert(plain || (up_span_is(image.uri, "u") && up_span_is(image.version, "v1")));
        IS(read_images(p, author_with(known, "\"custom\":{", "\"custom\":7,\"note\":{")),
           plain ? UP_OK : UP_SCHEMA);
        IS(read_images(p, author_with(known, "\"hashes\"", "\"digests\"")), UP_SCHEMA);
        const char *digest = strstr(known, "\"sha256\":\"");
        ck_assert_ptr_nonnull(digest);
        const char *value = author_text("%.*s", 10 + 64, digest),
                   *upper = author_text("\"sha256\":\"A%063d", 0);
        IS(read_images(p, author_with(known, value, upper)), p == DEPLOYED ? UP_OK : UP_SCHEMA);
    }
}
END_TEST

START_TEST(every_image_of_the_list_is_looked_at)
{
    const char *good = author_image("a", "hw", 1),
               *bad = author_with(author_image("b", "hw", 1), "\"length\"", "\"size\"");
    IS(read_images(STRICT, author_text("%s,%s", bad, good)), UP_SCHEMA);
    IS(read_images(STRICT, author_text("%s,%s", good, bad)), UP_SCHEMA);
    struct author a = author_of(STRICT, "VIN-1");
    struct up_targets t;
    const char *body = author_with(author_targets_body(&a, 1, good, ""), "\"custom\":{",
                                   "\"custom\":{\"correlationId\":\"c-1\",");
    IS(up_targets_read(up_span_of(author_sorted(STRICT, body)), STRICT, &t), UP_OK);
    ck_assert(up_span_is(t.correlation_id, "c-1"));
}
END_TEST

SUITE("targets", every_image_of_the_list_is_looked_at,
      what_an_image_says_is_read_and_what_nobody_knows_is_not,
      an_image_without_a_hash_that_we_know_is_not_found, an_image_has_length_and_hashes,
      an_image_without_length_or_known_hash_is_refused, one_name_twice_in_a_file_is_refused,
      a_length_beyond_what_numbers_hold_is_refused, an_image_needs_hardware_ids_and_a_release_counter,
      a_release_counter_above_the_ceiling_is_refused, an_order_names_its_ecus_and_their_hardware,
      an_order_for_no_ecu_or_without_hardware_is_refused, hashes_are_equal_as_sets,
      a_delegation_has_keys_paths_and_optional_limits, a_delegation_that_lacks_a_member_is_refused,
      a_delegated_role_takes_no_top_level_name_and_no_siblings_name,
      delegated_keys_obey_the_rules_of_root_keys, the_number_of_delegations_is_bounded,
      tuf_may_delegate_by_the_hash_of_a_name, a_hundred_thousand_images_are_searched_in_place)
