#include "tests/suite.h"

#include <stdio.h>

#include "metadata/canon.h"

static uint8_t space[1 << 16];

static struct up_buf fresh(size_t cap)
{
    memset(space, 0x55, sizeof space);
    return (struct up_buf){.p = space, .cap = cap};
}

static enum up_err digest_of(struct up_span text, enum up_dialect d, bool *same)
{
    uint8_t digest[UP_SHA256_BYTES];
    return up_canon_digest(text, d, digest, same);
}

/* TEXT, sorted and made canonical, is WANT; and its digest says so. */
static void check(const char *text, enum up_dialect d, struct up_span want)
{
    uint8_t digest[UP_SHA256_BYTES], expected[UP_SHA256_BYTES];
    struct up_buf room = fresh(sizeof space);
    struct up_span sorted, canonical;
    bool same;
    ck_assert_int_eq(up_canon_sort(up_span_of(text), d, &room, &sorted), UP_OK);
    ck_assert_uint_eq(room.n, sorted.n);
    ck_assert_int_eq(up_canon_write(sorted, d, &room, &canonical), UP_OK);
    ck_assert_msg(up_span_eq(canonical, want), "%.*s", (int)canonical.n, (const char *)canonical.p);
    ck_assert_int_eq(up_canon_digest(sorted, d, digest, &same), UP_OK);
    up_sha256(want, expected);
    ck_assert_mem_eq(digest, expected, sizeof digest);
    ck_assert_int_eq(same, up_span_eq(sorted, want));
}

#define TUF(text, want)      check(text, UP_DIALECT_TUF, UP_SPAN(want))
#define DEPLOYED(text, want) check(text, UP_DIALECT_DEPLOYED, UP_SPAN(want))

START_TEST(olpc_form_escapes_quote_and_backslash_only)
{
    TUF("{}", "{}");
    TUF(" [ ] ", "[]");
    TUF("\"\"", "\"\"");
    TUF(" -12 ", "-12");
    TUF("{\"b\": [1, true ,null, {\"d\":false,\"c\":\"x\"}], \"a\":\"y\"}",
        "{\"a\":\"y\",\"b\":[1,true,null,{\"c\":\"x\",\"d\":false}]}");
    TUF("\"\\u0022\\\"\\u005C\\\\\\/\\u002f\\u0041\"", "\"\\\"\\\"\\\\\\\\//A\"");
    TUF("\"a\\nb\\t\\b\\f\\r\\u0000\\u001F\\u007f\"", "\"a\nb\t\b\f\r\0\x1F\x7F\"");
    TUF("\"\\u00e9\xC3\xA9\\u20AC\\ud83d\\uDE97\"", "\"\xC3\xA9\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x97\"");
    TUF("-12", "-12"); /* a number that ends with the text */
    TUF("\"\\u0020\\u007f\\u0080\"", "\" \x7F\xC2\x80\"");
    TUF("\r{\r\n\"b\":1,\r\"a\":2\r}", "{\"a\":2,\"b\":1}");
}
END_TEST

START_TEST(deployed_form_is_ascii_with_short_escapes)
{
    DEPLOYED("\"a\\u000ab\\t\\b\\f\\r\\u0000\\u001F\\u007f\\/\\u0022\\\\\"",
             "\"a\\nb\\t\\b\\f\\r\\u0000\\u001f\x7F/\\\"\\\\\"");
    DEPLOYED("\"\\u000B\"", "\"\\u000b\"");
    DEPLOYED("\"\\u0020\\u007f\\u0080\"", "\" \x7F\\u0080\"");
    DEPLOYED("\"\xC3\xA9\\u20AC\xF0\x9F\x9A\x97\"", "\"\\u00e9\\u20ac\\ud83d\\ude97\"");
    DEPLOYED("\"\xF0\x90\x80\x80\xF0\x90\x8F\xBF\xEF\xBF\xBF\"", "\"\\ud800\\udc00\\ud800\\udfff\\uffff\"");
    DEPLOYED("{\"b\":1000.0,\"a\":0.10000000000000001}", "{\"a\":0.10000000000000001,\"b\":1000.0}");
    DEPLOYED("[1e3,-0,-0.5E+1]", "[1e3,-0,-0.5E+1]");
}
END_TEST

START_TEST(members_are_ordered_by_code_point)
{
    TUF("{\"\xF0\x9F\x9A\x97\":1,\"\xEF\xBD\x9E\":2,\"a\":3,\"\":4,\"B\":5,\"ab\":6,\"\\\"\":7}",
        "{\"\":4,\"\\\"\":7,\"B\":5,\"a\":3,\"ab\":6,\"\xEF\xBD\x9E\":2,\"\xF0\x9F\x9A\x97\":1}");
    DEPLOYED("{\"\\ud83d\\ude97\":1,\"\\uff5e\":2}", "{\"\\uff5e\":2,\"\\ud83d\\ude97\":1}");
    /* sorted by what they mean, not by how they are spelled */
    TUF("{\"\\u0062\":1,\"a\":2}", "{\"a\":2,\"b\":1}");
    TUF("{\"a\\u0001\":1,\"a\":2}", "{\"a\":2,\"a\x01\":1}");
}
END_TEST

START_TEST(objects_inside_objects_are_sorted_at_every_level)
{
    TUF("{\"c\":[{\"b\":{\"z\":[],\"y\":{}},\"a\":\"]}\"}],\"b\":{\"q\":\"\\\\\",\"p\":\"\\\"\"},\"a\":{}}",
        "{\"a\":{},\"b\":{\"p\":\"\\\"\",\"q\":\"\\\\\"},\"c\":[{\"a\":\"]}\",\"b\":{\"y\":{},\"z\":[]}}]}");
    TUF("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
    TUF("[{\"b\":1,\"a\":2},{\"a\":1},[],{},3]", "[{\"a\":2,\"b\":1},{\"a\":1},[],{},3]");
}
END_TEST

START_TEST(sorted_form_has_one_spelling)
{
    static const char *const loose[] = {
        "{\"b\":1,\"a\":2}",
        "{\"a\": 1}",
        "{\"a\":1 }",
        "[1,\n2]",
        " 1",
        "1 ",
        "{\"a\":{\"c\":1,\"b\":1}}",
        "\"\\u0041\"", /* could stand for itself */
        "\"\\/\"",     /* the same */
        "\"\\u000a\"", /* has a short escape */
        "\"\\u0022\"",
        "\"\\u005c\"",
        "\"\\u001F\"", /* upper case */
        "{\"d\\u0065legations\":1}",
    };
    bool same;
    for (size_t i = 0; i < sizeof loose / sizeof *loose; i++) {
        ck_assert_int_eq(digest_of(up_span_of(loose[i]), UP_DIALECT_TUF, &same), UP_NOT_CANONICAL);
        ck_assert_int_eq(digest_of(up_span_of(loose[i]), UP_DIALECT_DEPLOYED, &same), UP_NOT_CANONICAL);
    }
    /* above ASCII, each dialect has its own */
    ck_assert_int_eq(digest_of(UP_SPAN("\"\\u00e9\""), UP_DIALECT_TUF, &same), UP_NOT_CANONICAL);
    ck_assert_int_eq(digest_of(UP_SPAN("\"\xC3\xA9\""), UP_DIALECT_TUF, &same), UP_OK);
    ck_assert_int_eq(digest_of(UP_SPAN("\"\\u00e9\""), UP_DIALECT_DEPLOYED, &same), UP_OK);
    ck_assert_int_eq(digest_of(UP_SPAN("\"\\u00E9\""), UP_DIALECT_DEPLOYED, &same), UP_NOT_CANONICAL);
    ck_assert_int_eq(digest_of(UP_SPAN("\"\xC3\xA9\""), UP_DIALECT_DEPLOYED, &same), UP_NOT_CANONICAL);
    ck_assert_int_eq(digest_of(UP_SPAN("\"\\ud83d\\ude97\""), UP_DIALECT_DEPLOYED, &same), UP_OK);
}
END_TEST

START_TEST(same_means_canonical_to_the_byte)
{
    bool same;
    ck_assert_int_eq(digest_of(UP_SPAN("{\"a\":\"\\\"\\\\\"}"), UP_DIALECT_TUF, &same), UP_OK);
    ck_assert(same);
    ck_assert_int_eq(digest_of(UP_SPAN("{\"a\":\"x\\n\"}"), UP_DIALECT_TUF, &same), UP_OK);
    ck_assert(!same);
    ck_assert_int_eq(digest_of(UP_SPAN("{\"a\":\"x\\n\"}"), UP_DIALECT_DEPLOYED, &same), UP_OK);
    ck_assert(same);
}
END_TEST

START_TEST(numbers_without_an_olpc_form_are_refused)
{
    static const char *const bad[] = {"1.0", "[1e3]", "{\"a\":-0}", "0.5"};
    bool same;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(digest_of(up_span_of(bad[i]), UP_DIALECT_TUF, &same), UP_SCHEMA);
        ck_assert_int_eq(digest_of(up_span_of(bad[i]), UP_DIALECT_DEPLOYED, &same), UP_OK);
    }
}
END_TEST

START_TEST(what_is_no_json_is_refused_by_every_function)
{
    static const char *const bad[] = {
        "", "{", "[1,]", "{\"a\":1,\"a\":2}", "{\"b\":1,\"a\":2,\"b\":3}", "1 2", "\"\xFF\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct up_span text = up_span_of(bad[i]), out;
        struct up_buf room = fresh(100);
        bool same;
        ck_assert_int_eq(digest_of(text, UP_DIALECT_TUF, &same), UP_PARSE);
        ck_assert_int_eq(up_canon_sort(text, UP_DIALECT_TUF, &room, &out), UP_PARSE);
        ck_assert_int_eq(up_canon_write(text, UP_DIALECT_TUF, &room, &out), UP_PARSE);
        ck_assert_uint_eq(room.n, 0);
    }
}
END_TEST

START_TEST(a_room_that_is_too_small_stays_as_it_was)
{
    static const char text[] = "{ \"b\":\"\\n\\u00e9\",\"a\":[1,{\"d\":true,\"c\":null}]}";
    static const char want[] = "{\"a\":[1,{\"c\":null,\"d\":true}],\"b\":\"\\n\xC3\xA9\"}";
    for (size_t cap = 0; cap <= sizeof want - 1; cap++) {
        struct up_buf room = fresh(3 + cap);
        struct up_span sorted, canonical;
        room.n = 3;
        enum up_err e = up_canon_sort(UP_SPAN(text), UP_DIALECT_TUF, &room, &sorted);
        ck_assert_int_eq(space[3 + cap], 0x55);
        ck_assert_int_eq(space[2], 0x55);
        ck_assert_int_eq(e, cap < sizeof want - 1 ? UP_LIMIT : UP_OK);
        ck_assert_uint_eq(room.n, e == UP_OK ? 3 + cap : 3);
        if (e != UP_OK) continue;
        ck_assert(up_span_is(sorted, want));
        ck_assert_int_eq(up_canon_write(sorted, UP_DIALECT_TUF, &room, &canonical), UP_LIMIT);
        ck_assert_uint_eq(room.n, 3 + cap);
    }
}
END_TEST

START_TEST(the_promised_room_suffices)
{
    static const char *const growing[] = {"\"\xC3\xA9\"", "\"\xE2\x82\xAC\"", "\"\xF0\x9F\x9A\x97\"",
                                          "\"\x7F\""};
    for (size_t i = 0; i < sizeof growing / sizeof *growing; i++) {
        struct up_span text = up_span_of(growing[i]), out;
        struct up_buf room = fresh(3 * text.n);
        ck_assert_int_eq(up_canon_sort(text, UP_DIALECT_DEPLOYED, &room, &out), UP_OK);
        room = fresh(text.n);
        ck_assert_int_eq(up_canon_sort(text, UP_DIALECT_TUF, &room, &out), UP_OK);
    }
}
END_TEST

START_TEST(sorting_is_bounded_by_the_width_of_unsorted_objects)
{
    char text[1 << 14];
    struct up_span sorted;
    struct up_buf room;
    for (int members = 64; members <= 65; members++) { /* in falling order */
        int n = sprintf(text, "{");
        for (int i = members; i > 0; i--) n += sprintf(text + n, "\"m%03d\":1%s", i, i == 1 ? "}" : ",");
        room = fresh(sizeof space);
        ck_assert_int_eq(up_canon_sort(up_span_of(text), UP_DIALECT_TUF, &room, &sorted),
                         members == 64 ? UP_OK : UP_LIMIT);
    }
    /* early disorder, many ascending ones behind: the reader has no objection, sorting does */
    int n = sprintf(text, "{\"b\":1,\"a\":1");
    for (int i = 0; i < 100; i++) n += sprintf(text + n, ",\"m%03d\":1", i);
    sprintf(text + n, "}");
    room = fresh(sizeof space);
    ck_assert_int_eq(up_canon_sort(up_span_of(text), UP_DIALECT_TUF, &room, &sorted), UP_LIMIT);
    /* ascending ones are merely copied */
    n = sprintf(text, "{ ");
    for (int i = 0; i < 1000; i++) n += sprintf(text + n, "\"m%03d\":1%s", i, i == 999 ? "}" : ",");
    room = fresh(sizeof space);
    ck_assert_int_eq(up_canon_sort(up_span_of(text), UP_DIALECT_TUF, &room, &sorted), UP_OK);
    ck_assert_uint_eq(sorted.n, (size_t)n - 1);
}
END_TEST

START_TEST(disorder_cannot_make_sorting_expensive)
{
    /* one pair in disorder in every level: cheap to read, and every member costs a scan to sort */
    static char text[1 << 18];
    static uint8_t out[1 << 18];
    for (int levels = 1; levels <= 14; levels += 13) {
        size_t n = 0;
        for (int i = 0; i < levels; i++) n += (size_t)sprintf(text + n, "{\"b\":");
        n += (size_t)sprintf(text + n, "\"%0100000d\"", 0);
        for (int i = 0; i < levels; i++) {
            n += (size_t)sprintf(text + n, ",\"a\":1");
            for (int k = 0; k < 60; k++) n += (size_t)sprintf(text + n, ",\"m%02d\":1", k);
            n += (size_t)sprintf(text + n, "}");
        }
        struct up_span whole = {(uint8_t *)text, n}, sorted;
        struct up_buf large = {.p = out, .cap = sizeof out};
        ck_assert_int_eq(up_canon_sort(whole, UP_DIALECT_TUF, &large, &sorted),
                         levels == 1 ? UP_OK : UP_LIMIT);
    }
}
END_TEST

START_TEST(only_what_is_sorted_is_made_canonical)
{
    struct up_buf room = fresh(100);
    struct up_span out;
    ck_assert_int_eq(up_canon_write(UP_SPAN("\"\\u0041\""), UP_DIALECT_TUF, &room, &out), UP_NOT_CANONICAL);
    ck_assert_uint_eq(room.n, 0);
    ck_assert_int_eq(up_canon_write(UP_SPAN("\"A\""), UP_DIALECT_TUF, &room, &out), UP_OK);
}
END_TEST

SUITE("canon", only_what_is_sorted_is_made_canonical, olpc_form_escapes_quote_and_backslash_only,
      deployed_form_is_ascii_with_short_escapes, members_are_ordered_by_code_point,
      objects_inside_objects_are_sorted_at_every_level, sorted_form_has_one_spelling,
      same_means_canonical_to_the_byte, numbers_without_an_olpc_form_are_refused,
      what_is_no_json_is_refused_by_every_function, a_room_that_is_too_small_stays_as_it_was,
      the_promised_room_suffices, sorting_is_bounded_by_the_width_of_unsorted_objects,
      disorder_cannot_make_sorting_expensive)
