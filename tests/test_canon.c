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
    const size_t enough = sizeof want - 2 + 2 * sizeof(uint32_t); /* but for the bracket, and two places */
    for (size_t cap = 0; cap <= enough; cap++) {
        struct up_buf room = fresh(3 + cap);
        struct up_span sorted, canonical;
        room.n = 3;
        enum up_err e = up_canon_sort(UP_SPAN(text), UP_DIALECT_TUF, &room, &sorted);
        ck_assert_int_eq(space[3 + cap], 0x55);
        ck_assert_int_eq(space[2], 0x55);
        ck_assert_int_eq(e, cap < enough ? UP_LIMIT : UP_OK);
        ck_assert_uint_eq(room.n, e == UP_OK ? 3 + sizeof want - 1 : 3);
        if (e != UP_OK) continue;
        ck_assert(up_span_is(sorted, want));
        room.cap = room.n + sizeof want - 3; /* one byte less than the canonical form has: \n for \\n */
        ck_assert_int_eq(up_canon_write(sorted, UP_DIALECT_TUF, &room, &canonical), UP_LIMIT);
        ck_assert_uint_eq(room.n, 3 + sizeof want - 1);
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

/* The names 0 to N-1 once each, in an order that looks like none. */
static char *in_disorder(char *out, unsigned n, unsigned step)
{
    for (unsigned i = 0; i < n; i++)
        out +=
            sprintf(out, "%s\"m%05u\":{\"b\":%u,\"a\":[]}", i == 0 ? "{" : ",", i * step % n, i * step % n);
    strcpy(out, "}");
    return out + 1;
}

START_TEST(objects_of_any_width_and_order_are_sorted)
{
    static char text[1 << 19], want[1 << 19];
    static uint8_t out[1 << 20];
    static const unsigned width[] = {1, 2, 3, 4, 64, 65, 66, 1000, 10000}; /* prime to the steps */
    static const unsigned step[] = {1, 7, 7919, UINT32_MAX};
    for (size_t w = 0; w < sizeof width / sizeof *width; w++)
        for (size_t s = 0; s < sizeof step / sizeof *step; s++) {
            const unsigned n = width[w], by = step[s] == UINT32_MAX ? n - 1 : step[s]; /* n - 1: falling */
            struct up_span whole = {(uint8_t *)text, (size_t)(in_disorder(text, n, by) - text)}, sorted;
            struct up_buf large = {.p = out, .cap = 2 * whole.n};
            char *p = want;
            for (unsigned i = 0; i < n; i++)
                p += sprintf(p, "%s\"m%05u\":{\"a\":[],\"b\":%u}", i == 0 ? "{" : ",", i, i);
            strcpy(p, "}");
            if (n == 1 && by == 0) continue;
            ck_assert_int_eq(up_canon_sort(whole, UP_DIALECT_TUF, &large, &sorted), UP_OK);
            ck_assert(up_span_is(sorted, want));
        }
}
END_TEST

START_TEST(a_name_that_comes_twice_is_noticed_wherever_it_stands)
{
    static char text[1 << 14];
    static const char *const spelling[] = {"\"m00041\"", "\"\\u006d00041\""};
    for (unsigned s = 0; s < 2; s++)
        for (unsigned i = 0; i < 100; i++) {
            char *p = text, *places[100];
            for (unsigned k = 0; k < 100; k++) {
                places[k] = p;
                p += sprintf(p, "%s\"m%05u\":1", k == 0 ? "{" : ",", k * 37 % 100);
            }
            strcpy(p, "}");
            char tail[1 << 13];
            strcpy(tail, i == 0 ? text + 1 : places[i]);
            sprintf(places[i], "%c%s:2%s%s", i == 0 ? '{' : ',', spelling[s], i == 0 ? "," : "", tail);
            struct up_buf room = fresh(sizeof space);
            struct up_span sorted;
            ck_assert_int_eq(up_canon_sort(up_span_of(text), UP_DIALECT_TUF, &room, &sorted), UP_PARSE);
            ck_assert_uint_eq(room.n, 0);
        }
}
END_TEST

START_TEST(a_name_that_comes_twice_is_noticed_among_ascending_ones)
{
    char text[2048];
    int n = 0;
    for (int i = 0; i < 100; i++) n += sprintf(text + n, "%s\"m%02d\":1", i == 0 ? "{" : ",", i);
    for (int last = 98; last <= 100; last++) {
        sprintf(text + n, ",\"m%02d\":2}", last);
        struct up_buf room = fresh(sizeof space);
        struct up_span sorted;
        ck_assert_int_eq(up_canon_sort(up_span_of(text), UP_DIALECT_TUF, &room, &sorted),
                         last == 100 ? UP_OK : UP_PARSE);
    }
}
END_TEST

START_TEST(names_that_ascend_take_no_room_but_their_own)
{
    static const char text[] = "{\"a\":{\"a\":1,\"b\":2},\"b\":[{\"c\":1,\"d\":2}]}";
    struct up_buf room = fresh(sizeof text - 1);
    struct up_span sorted;
    ck_assert_int_eq(up_canon_sort(UP_SPAN(text), UP_DIALECT_TUF, &room, &sorted), UP_OK);
    ck_assert(up_span_is(sorted, text));
}
END_TEST

START_TEST(places_of_members_lie_within_the_room)
{
    /* objects in disorder inside and beside each other: places are taken and given back */
    static const char text[] = "{\"f\":{\"d\":{\"b\":1,\"a\":2,\"c\":3},\"c\":{\"b\":1,\"a\":2}},\"e\":[{"
                               "\"b\":1,\"a\":2},{\"b\":1,\"a\":2}]}";
    static const char want[] = "{\"e\":[{\"a\":2,\"b\":1},{\"a\":2,\"b\":1}],\"f\":{\"c\":{\"a\":2,\"b\":1},"
                               "\"d\":{\"a\":2,\"b\":1,\"c\":3}}}";
    bool fits = false;
    for (size_t cap = 0; cap < 2 * sizeof text; cap++) {
        struct up_buf room = fresh(cap);
        struct up_span sorted;
        enum up_err e = up_canon_sort(UP_SPAN(text), UP_DIALECT_TUF, &room, &sorted);
        ck_assert_int_eq(space[cap], 0x55);
        ck_assert(e == UP_OK || (e == UP_LIMIT && !fits)); /* once enough, always enough */
        fits = e == UP_OK;
        if (fits) ck_assert(up_span_is(sorted, want));
    }
    ck_assert(fits);
}
END_TEST

START_TEST(disorder_in_every_level_costs_a_look_at_each)
{
    static char text[1 << 18];
    static uint8_t out[1 << 18];
    size_t n = 0;
    for (int i = 0; i < 15; i++) n += (size_t)sprintf(text + n, "{\"b\":");
    n += (size_t)sprintf(text + n, "\"%0100000d\"", 0);
    for (int i = 0; i < 15; i++) {
        n += (size_t)sprintf(text + n, ",\"a\":1");
        for (int k = 0; k < 60; k++) n += (size_t)sprintf(text + n, ",\"m%02d\":1", k);
        n += (size_t)sprintf(text + n, "}");
    }
    struct up_span whole = {(uint8_t *)text, n}, sorted;
    struct up_buf large = {.p = out, .cap = sizeof out};
    uint8_t digest[UP_SHA256_BYTES];
    bool same;
    ck_assert_int_eq(up_canon_sort(whole, UP_DIALECT_TUF, &large, &sorted), UP_OK);
    ck_assert_uint_eq(sorted.n, n);
    ck_assert_int_eq(up_canon_digest(sorted, UP_DIALECT_TUF, digest, &same), UP_OK);
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
      the_promised_room_suffices, objects_of_any_width_and_order_are_sorted,
      a_name_that_comes_twice_is_noticed_wherever_it_stands, places_of_members_lie_within_the_room,
      a_name_that_comes_twice_is_noticed_among_ascending_ones, names_that_ascend_take_no_room_but_their_own,
      disorder_in_every_level_costs_a_look_at_each)
