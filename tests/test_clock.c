/* Attested time. */
#include "tests/suite.h"

#include "metadata/clock.h"
#include "metadata/encode.h"
#include "tests/lib_rig.h"

#define STRICT (&up_profile_strict)
#define BASE_S 1700000000 /* 2023-11-14T22:13:20Z */

static const uint8_t mine[UP_NONCE_BYTES] = {1, 2, 3}, other[UP_NONCE_BYTES] = {4, 5, 6};
static const uint8_t nobody[UP_SHA256_BYTES];

static struct author author;
static struct up_root root;
static struct up_clock clock_;

static void trust(const struct author *a, unsigned version)
{
    IS(up_root_read(up_span_of(author_sorted(STRICT, author_root_body(a, version))), STRICT, &up_limits_mcu,
                    &root),
       UP_OK);
    up_clock_on_root(&clock_, &root);
}

/* A clock that was provisioned, has seen its Root, and has asked. */
static void ready(void)
{
    author = author_of(STRICT, NULL);
    up_clock_init(&clock_, BASE_S, 0, nobody);
    trust(&author, 1);
    up_clock_ask(&clock_, mine);
}

static char *nonces(const uint8_t *a, const uint8_t *b)
{
    char hex[2][2 * UP_NONCE_BYTES];
    up_hex_encode(a, UP_NONCE_BYTES, hex[0]);
    if (b == NULL) return author_text("[\"%.32s\"]", hex[0]);
    up_hex_encode(b, UP_NONCE_BYTES, hex[1]);
    return author_text("[\"%.32s\",\"%.32s\"]", hex[0], hex[1]);
}

static char *says(int64_t t_s, const char *list)
{
    char text[UP_TIME_TEXT];
    up_time_encode(t_s, text);
    return author_text("{\"_type\":\"time\",\"nonces\":%s,\"time\":\"%.20s\"}", list, text);
}

static enum up_err feed(struct up_span file, uint64_t now_ms)
{
    struct up_clock before = clock_, next;
    enum up_err e = up_clock_feed(&clock_, &root, STRICT, file, NULL, now_ms, &next);
    ck_assert_mem_eq(&clock_, &before, sizeof before); /* E-CLK-09 */
    if (e == UP_OK) clock_ = next;
    return e;
}

static enum up_err hear(int64_t t_s, uint64_t now_ms)
{
    return feed(author_file(&author, UP_TIME, says(t_s, nonces(mine, NULL))), now_ms);
}

/* ---- acceptance ---- */

/* E-CLK-01, E-CLK-04, E-CLK-06 */
START_TEST(an_answer_to_our_question_sets_the_clock)
{
    ready();
    IS(up_clock_fresh(&clock_, 5000, 60), UP_TIME_UNAVAILABLE);
    ck_assert_int_eq(up_clock_now(&clock_, 5000), BASE_S);
    IS(hear(BASE_S + 1000, 5000), UP_OK);
    ck_assert_int_eq(up_clock_now(&clock_, 5000), BASE_S + 1000);
    ck_assert_int_eq(up_clock_now(&clock_, 5999), BASE_S + 1000);
    ck_assert_int_eq(up_clock_now(&clock_, 6000), BASE_S + 1001);
    ck_assert_int_eq(up_clock_now(&clock_, 0), BASE_S + 1000); /* a counter that goes back moves nothing */
}
END_TEST

/* E-CLK-05, E-CLK-09 */
START_TEST(time_that_the_time_role_did_not_sign_is_refused)
{
    ready();
    char *body = says(BASE_S + 1000, nonces(mine, NULL));
    IS(feed(author_sign(STRICT, KEY(UP_TARGETS) | KEY(UP_ROOT), body), 0), UP_TIME_SIG);
    char *altered =
        author_with(author_text("%.*s", TEXT(author_file(&author, UP_TIME, body))), "2023-11", "2024-11");
    IS(feed(up_span_of(altered), 0), UP_TIME_SIG);
    IS(feed(author_envelope("", author_sorted(STRICT, body)), 0), UP_TIME_SIG);
    IS(hear(BASE_S + 1000, 0), UP_OK);
}
END_TEST

/* E-CLK-05 */
START_TEST(a_root_without_a_time_role_attests_nothing)
{
    ready();
    struct author without = author;
    without.ring[UP_TIME].keys = 0;
    trust(&without, 2);
    IS(hear(BASE_S + 1000, 0), UP_TIME_SIG);
}
END_TEST

/* E-CLK-06 */
START_TEST(a_replayed_answer_is_refused)
{
    ready();
    struct up_span answer = author_file(&author, UP_TIME, says(BASE_S + 1000, nonces(other, mine)));
    IS(feed(answer, 0), UP_OK);
    IS(feed(answer, 0), UP_TIME_NONCE); /* the nonce is used up */
    up_clock_ask(&clock_, other);
    clock_.nonce[0] ^= 1;
    IS(feed(answer, 0), UP_TIME_NONCE);
}
END_TEST

/* E-CLK-06 */
START_TEST(an_answer_to_others_or_to_no_question_is_refused)
{
    ready();
    IS(feed(author_file(&author, UP_TIME, says(BASE_S + 1000, nonces(other, NULL))), 0), UP_TIME_NONCE);
    IS(feed(author_file(&author, UP_TIME, says(BASE_S + 1000, "[]")), 0), UP_TIME_NONCE);
    up_clock_init(&clock_, BASE_S, 0, nobody);
    trust(&author, 1);
    static const uint8_t zeros[UP_NONCE_BYTES];
    IS(feed(author_file(&author, UP_TIME, says(BASE_S + 1000, nonces(zeros, NULL))), 0), UP_TIME_NONCE);
}
END_TEST

/* E-CLK-08 */
START_TEST(time_of_the_same_keys_never_goes_back)
{
    ready();
    IS(hear(BASE_S + 1000, 0), UP_OK);
    up_clock_ask(&clock_, mine);
    IS(hear(BASE_S + 999, 0), UP_TIME_BACKWARD);
    IS(hear(BASE_S + 1000, 0), UP_OK);
    up_clock_init(&clock_, BASE_S, clock_.attested_s, clock_.keys); /* a reset */
    up_clock_ask(&clock_, mine);
    IS(hear(BASE_S + 999, 0), UP_TIME_BACKWARD);
}
END_TEST

/* E-CLK-14 */
START_TEST(time_before_provisioning_is_refused)
{
    ready();
    IS(hear(BASE_S - 1, 0), UP_TIME_BACKWARD);
    IS(hear(BASE_S, 0), UP_OK);
}
END_TEST

START_TEST(an_attestation_of_another_form_is_refused)
{
    ready();
    char *good = says(BASE_S + 1000, nonces(mine, NULL));
    IS(feed(author_file(&author, UP_TIME, author_with(good, "\"time\",", "\"root\",")), 0), UP_ROLE_TYPE);
    IS(feed(author_file(&author, UP_TIME, author_without(good, "_type")), 0), UP_ROLE_TYPE);
    IS(feed(author_file(&author, UP_TIME, author_without(good, "nonces")), 0), UP_SCHEMA);
    IS(feed(author_file(&author, UP_TIME, author_without(good, "time")), 0), UP_SCHEMA);
    IS(feed(author_file(&author, UP_TIME, author_with(good, "T22", " 22")), 0), UP_SCHEMA);
    IS(feed(author_file(&author, UP_TIME, author_with(good, "[\"", "[\"00")), 0), UP_SCHEMA);
    IS(feed(author_file(&author, UP_TIME, author_with(good, "[\"", "[7,\"")), 0), UP_SCHEMA);
    IS(feed(UP_SPAN("{"), 0), UP_PARSE);
    IS(feed(author_file(&author, UP_TIME, author_with(good, "{", "{\"more\":1,")), 0), UP_OK);
}
END_TEST

/* ---- rotation ---- */

/* V-CLK-11, V-CLK-12 */
START_TEST(rotated_time_keys_bring_a_clock_back_from_the_far_future)
{
    ready();
    IS(hear(4000000000, 0), UP_OK); /* 2096 */
    trust(&author, 2);              /* the same time keys heal nothing */
    ck_assert_int_eq(up_clock_now(&clock_, 0), 4000000000);

    author.ring[UP_TIME].keys = KEY(10);
    up_clock_ask(&clock_, mine);
    trust(&author, 3);
    ck_assert_int_eq(up_clock_now(&clock_, 9000), BASE_S);
    IS(up_clock_fresh(&clock_, 0, 60), UP_TIME_UNAVAILABLE);
    IS(hear(BASE_S + 1000, 0), UP_OK); /* the question under way is answered under the new keys */
}
END_TEST

/* V-CLK-11: whoever forgets to tell the clock of the Root is still not bound by what other keys said. */
START_TEST(a_floor_binds_only_the_keys_that_attested_it)
{
    ready();
    IS(hear(4000000000, 0), UP_OK);
    author.ring[UP_TIME].keys = KEY(10);
    struct up_clock before = clock_;
    trust(&author, 2);
    clock_ = before;
    up_clock_ask(&clock_, mine);
    IS(hear(BASE_S + 1000, 0), UP_OK);
    ck_assert_int_eq(up_clock_now(&clock_, 0), BASE_S + 1000);
}
END_TEST

/* E-CLK-14 */
START_TEST(after_a_rotation_time_before_provisioning_is_refused)
{
    ready();
    IS(hear(4000000000, 0), UP_OK);
    author.ring[UP_TIME].keys = KEY(10);
    trust(&author, 2);
    up_clock_ask(&clock_, mine);
    IS(hear(BASE_S - 1, 0), UP_TIME_BACKWARD);
}
END_TEST

/* ---- age ---- */

/* E-CLK-10 */
START_TEST(dropped_time_messages_stop_installs_after_a_while)
{
    ready();
    IS(hear(BASE_S + 1000, 5000), UP_OK);
    IS(up_clock_fresh(&clock_, 65000, 60), UP_OK);
    IS(up_clock_fresh(&clock_, 65001, 60), UP_TIME_UNAVAILABLE);
}
END_TEST

/* E-CLK-01 */
START_TEST(after_a_reset_the_last_time_is_a_floor_but_not_fresh)
{
    ready();
    IS(hear(BASE_S + 1000, 5000), UP_OK);
    up_clock_init(&clock_, BASE_S, clock_.attested_s, clock_.keys);
    trust(&author, 1);
    ck_assert_int_eq(up_clock_now(&clock_, 100000), BASE_S + 1000);
    IS(up_clock_fresh(&clock_, 0, 60), UP_TIME_UNAVAILABLE);
    up_clock_init(&clock_, BASE_S, 17, clock_.keys); /* a stored time before provisioning */
    ck_assert_int_eq(up_clock_now(&clock_, 0), BASE_S);
}
END_TEST

/* ---- the Primary's view ---- */

/* P-CLK-07 */
START_TEST(an_answer_holds_exactly_the_nonces_that_were_sent)
{
    uint8_t sent[2][UP_NONCE_BYTES];
    memcpy(sent[0], mine, sizeof mine);
    memcpy(sent[1], other, sizeof other);
    author = author_of(STRICT, NULL);
    struct up_span both = author_file(&author, UP_TIME, says(BASE_S, nonces(other, mine)));
    struct up_span one = author_file(&author, UP_TIME, says(BASE_S, nonces(mine, NULL)));
    struct up_span twice = author_file(&author, UP_TIME, says(BASE_S, nonces(mine, mine)));
    const uint8_t(*list)[UP_NONCE_BYTES] = (const uint8_t(*)[UP_NONCE_BYTES])sent;
    IS(up_time_has_nonces(both, list, 2), UP_OK);
    IS(up_time_has_nonces(one, list, 1), UP_OK);
    IS(up_time_has_nonces(one, list, 2), UP_TIME_NONCE);  /* one missing */
    IS(up_time_has_nonces(both, list, 1), UP_TIME_NONCE); /* one foreign */
    IS(up_time_has_nonces(twice, list, 1), UP_TIME_NONCE);
    IS(up_time_has_nonces(twice, list, 2), UP_TIME_NONCE);
    IS(up_time_has_nonces(both, list, 0), UP_TIME_NONCE);
    IS(up_time_has_nonces(UP_SPAN("{}"), list, 1), UP_SCHEMA);
    IS(up_time_has_nonces(UP_SPAN("{\"signed\":{}}"), list, 1), UP_SCHEMA);
    IS(up_time_has_nonces(UP_SPAN("{\"signed\":{\"nonces\":[\"00\"]}}"), list, 1), UP_SCHEMA);
}
END_TEST

/* E-CLK-04 */
START_TEST(a_well_signed_attestation_must_be_well_formed)
{
    ready();
    char *good = says(BASE_S, nonces(mine, NULL)), text[UP_TIME_TEXT];
    up_time_encode(BASE_S, text);
    const char *number = author_with(good, author_text("\"%.20s\"", text), "1700000000");
    IS(feed(author_file(&author, UP_TIME, number), 1), UP_SCHEMA);
    IS(feed(author_file(&author, UP_TIME, author_with(good, author_text("%.20s", text), "soon")), 1),
       UP_SCHEMA);
    char *sorted = author_sorted(STRICT, good), *entry = author_entry(STRICT, UP_TIME, sorted);
    IS(feed(author_envelope(author_text("%s,%s", entry, entry), sorted), 1), UP_SIG_DUPLICATE);
    IS(feed(author_file(&author, UP_TIME, says(0, nonces(mine, NULL))), 1),
       UP_TIME_BACKWARD); /* 1970 is a time */
    IS(hear(BASE_S + 1, 1), UP_OK);
}
END_TEST

SUITE("clock", a_well_signed_attestation_must_be_well_formed, an_answer_to_our_question_sets_the_clock,
      time_that_the_time_role_did_not_sign_is_refused, a_root_without_a_time_role_attests_nothing,
      a_replayed_answer_is_refused, an_answer_to_others_or_to_no_question_is_refused,
      time_of_the_same_keys_never_goes_back, time_before_provisioning_is_refused,
      an_attestation_of_another_form_is_refused, rotated_time_keys_bring_a_clock_back_from_the_far_future,
      a_floor_binds_only_the_keys_that_attested_it, after_a_rotation_time_before_provisioning_is_refused,
      dropped_time_messages_stop_installs_after_a_while, after_a_reset_the_last_time_is_a_floor_but_not_fresh,
      an_answer_holds_exactly_the_nonces_that_were_sent)
