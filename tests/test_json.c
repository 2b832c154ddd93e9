#include "tests/suite.h"

#include <stdio.h>

#include "metadata/json.h"
#include "tests/lib_bytes.h"

/* Reads TEXT as a whole, as up_json_value does; what reads beyond it, crashes. */
static enum up_err verdict(struct up_span text)
{
    struct up_json j;
    up_json_open(&j, (struct up_span){bytes_at_the_edge(text.p, text.n), text.n});
    (void)up_json_value(&j);
    up_json_close(&j);
    return j.err;
}

#define ACCEPTED(text)   ck_assert_msg(verdict(UP_SPAN(text)) == UP_OK, "refused: %s", text)
#define REFUSED(text, e) ck_assert_str_eq(up_err_name(verdict(UP_SPAN(text))), #e)

START_TEST(every_kind_of_value_is_read)
{
    ACCEPTED("null");
    ACCEPTED(" true ");
    ACCEPTED("\t{\"a\" : [1, -2, 3.5, 1e9, -0, 0.1E-2, \"\", {}], \"b\":{\"c\":false}}\r\n");
    ACCEPTED("[]");
    ACCEPTED("[[],[[]],{}]");
    ACCEPTED("\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0041 \\uD83D\\uDE97\"");
    ACCEPTED("\"\xC2\x80 \xE0\xA0\x80 \xF0\x90\x80\x80\""); /* the first of each length */
    ACCEPTED("\"\x7F \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x9A\x97 \xF4\x8F\xBF\xBF\"");
}
END_TEST

START_TEST(loopholes_of_other_readers_are_refused)
{
    REFUSED("", PARSE);
    REFUSED(" ", PARSE);
    REFUSED("\xEF\xBB\xBF{}", PARSE);
    REFUSED("{} x", PARSE);
    REFUSED("{}\0", PARSE);
    REFUSED("{}{}", PARSE);
    REFUSED("[1,]", PARSE);
    REFUSED("[,1]", PARSE);
    REFUSED("[1 2]", PARSE);
    REFUSED("{\"a\":1,}", PARSE);
    REFUSED("{,\"a\":1}", PARSE);
    REFUSED("{\"a\" 1}", PARSE);
    REFUSED("{\"a\"}", PARSE);
    REFUSED("{a:1}", PARSE);
    REFUSED("{a\":1}", PARSE);
    REFUSED("{1:1}", PARSE);
    REFUSED("{'a':1}", PARSE);
    REFUSED("[1]]", PARSE);
    REFUSED("[1}", PARSE);
    REFUSED("{\"a\":1]", PARSE);
    REFUSED("[/**/1]", PARSE);
    REFUSED("True", PARSE);
    REFUSED("nul", PARSE);
    REFUSED("NaN", PARSE);
    REFUSED("[\v1]", PARSE);
}
END_TEST

START_TEST(every_cut_of_a_text_is_refused)
{
    struct up_span whole = UP_SPAN("{\"a\":[1.5e+3,\"\\u00e9\xC3\xA9\",true,{\"b\":null}],\"c\":-1}");
    ck_assert_int_eq(verdict(whole), UP_OK);
    for (size_t n = 0; n < whole.n; n++) ck_assert_int_eq(verdict((struct up_span){whole.p, n}), UP_PARSE);
    struct up_span text = UP_SPAN("\"\\\"\\n\\ud83d\\ude97\xE2\x82\xAC\xF0\x9F\x9A\x97\"");
    ck_assert_int_eq(verdict(text), UP_OK);
    for (size_t n = 0; n < text.n; n++) ck_assert_int_eq(verdict((struct up_span){text.p, n}), UP_PARSE);
    struct up_span number = UP_SPAN("-10.25E+3"); /* ends of numbers, too, are where they end */
    for (size_t n = 0; n <= number.n; n++)
        ck_assert_int_eq(verdict((struct up_span){number.p, n}),
                         n == 2 || n == 3 || n == 5 || n == 6 || n == 9 ? UP_OK : UP_PARSE);
}
END_TEST

START_TEST(numbers_follow_the_grammar)
{
    static const char *const bad[] = {"01",  "-",   "+1",   ".5",   "1.",  "1e",
                                      "1e+", "-01", "1.e1", "0x10", "1_0", "--1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(verdict(up_span_of(bad[i])) == UP_PARSE, "accepted: %s", bad[i]);
}
END_TEST

START_TEST(strings_are_strict_utf8)
{
    REFUSED("\"\x80\"", PARSE);             /* continuation without lead */
    REFUSED("\"\xC0\xAF\"", PARSE);         /* overlong '/' */
    REFUSED("\"\xC1\xBF\"", PARSE);         /* overlong */
    REFUSED("\"\xE0\x80\xAF\"", PARSE);     /* overlong */
    REFUSED("\"\xF0\x80\x80\xAF\"", PARSE); /* overlong */
    REFUSED("\"\xED\xA0\x80\"", PARSE);     /* surrogate */
    REFUSED("\"\xED\xBF\xBF\"", PARSE);     /* surrogate */
    REFUSED("\"\xF4\x90\x80\x80\"", PARSE); /* above U+10FFFF */
    REFUSED("\"\xF5\x80\x80\x80\"", PARSE);
    REFUSED("\"\xFF\"", PARSE);
    REFUSED("\"\xE2\x82\"", PARSE); /* cut */
    REFUSED("\"\xC3", PARSE);
    REFUSED("\"\xC3(\"", PARSE); /* lead without continuation */
    for (unsigned lead = 0x80; lead < 0x100; lead++) {
        const uint8_t one[] = {'"', (uint8_t)lead, 0x80, 0x80, 0x80, '"'};
        ck_assert_int_eq(verdict((struct up_span){one, sizeof one}),
                         lead > 0xF0 && lead < 0xF5 ? UP_OK : UP_PARSE);
    }
}
END_TEST

START_TEST(escapes_and_control_characters_are_checked)
{
    REFUSED("\"a\nb\"", PARSE);
    REFUSED("\"a\0b\"", PARSE);
    REFUSED("\"\x1F\"", PARSE);
    REFUSED("\"\\x41\"", PARSE);
    REFUSED("\"\\\0\"", PARSE);
    REFUSED("\"\\u12\"", PARSE);
    REFUSED("\"\\u12G4\"", PARSE);
    REFUSED("\"\\u12:4\"", PARSE);
    REFUSED("\"\\u12@4\"", PARSE);
    REFUSED("\"\\U0041\"", PARSE);
    REFUSED("\"\\uD83D\"", PARSE);        /* high surrogate alone */
    REFUSED("\"\\uDE97\"", PARSE);        /* low surrogate alone */
    REFUSED("\"\\uDE97\\uD83D\"", PARSE); /* swapped */
    REFUSED("\"\\uD83D\\u0041\"", PARSE);
    REFUSED("\"\\", PARSE);
    REFUSED("\"\\\"", PARSE);
}
END_TEST

START_TEST(duplicate_members_are_refused_in_any_order_and_spelling)
{
    REFUSED("{\"version\":5,\"version\":4}", PARSE);
    REFUSED("{\"b\":1,\"a\":2,\"b\":3}", PARSE);
    REFUSED("{\"b\":1,\"a\":2,\"a\":3}", PARSE);
    REFUSED("{\"c\":{\"b\":\"]}\\\",\"},\"b\":[{\"a\":1}],\"a\":0,\"b\":1}", PARSE);
    REFUSED("{\"a\":1,\"\\u0061\":2}", PARSE);
    REFUSED("{\"z\":0,\"\\u0061\":1,\"a\":2}", PARSE);
    REFUSED("{\"\xC3\xA9\":1,\"\\u00E9\":2}", PARSE);
    REFUSED("{\"\xF0\x9F\x9A\x97\":1,\"a\":0,\"\\ud83d\\ude97\":2}", PARSE);
    REFUSED("[{\"x\":{\"deep\":1,\"deep\":1}}]", PARSE);
    ACCEPTED("{\"b\":{\"a\":1,\"b\":1},\"a\":{\"b\":1,\"a\":1}}");
    ACCEPTED("{\"c\":[\"a\",\"b\"],\"b\":\"a\",\"a\":1}");
    ACCEPTED("{\"\":0,\"a\":1,\"aa\":2}");
}
END_TEST

START_TEST(unsorted_objects_are_bounded_sorted_ones_are_not)
{
    char text[8192];
    int n = 0;
    n += sprintf(text + n, "{");
    for (int i = 0; i < 200; i++) n += sprintf(text + n, "\"m%03d\":1,", i);
    sprintf(text + n, "\"z\":1}");
    ck_assert_int_eq(verdict(up_span_of(text)), UP_OK);
    sprintf(text + n, "\"a\":1}");
    ck_assert_int_eq(verdict(up_span_of(text)), UP_LIMIT);

    for (int members = 64; members <= 65; members++) {
        n = sprintf(text, "{");
        for (int i = members; i > 0; i--) n += sprintf(text + n, "\"m%03d\":1%s", i, i == 1 ? "}" : ",");
        ck_assert_int_eq(verdict(up_span_of(text)), members == 64 ? UP_OK : UP_LIMIT);
    }
}
END_TEST

START_TEST(an_unsorted_object_may_be_of_any_width_where_somebody_sorts_it)
{
    char text[2048];
    for (int members = 63; members <= 100; members++) {
        struct up_json j;
        int n = sprintf(text, "{\"z\":1");
        for (int i = 2; i < members; i++) n += sprintf(text + n, ",\"m%03d\":1", i);
        sprintf(text + n, ",\"z\":1}");
        up_json_open(&j, up_span_of(text));
        j.to_sort = true;
        (void)up_json_value(&j);
        up_json_close(&j);
        ck_assert_int_eq(j.err, members <= 64 ? UP_PARSE : UP_OK); /* beyond, who sorts sees the second z */
        ck_assert(j.loose);
    }
}
END_TEST

/* Objects in objects, each with a large first member and small ones behind that do not ascend. */
static size_t nested_disorder(char *text, int levels, int large)
{
    size_t n = 0;
    for (int i = 0; i < levels; i++) n += (size_t)sprintf(text + n, "{\"z\":");
    n += (size_t)sprintf(text + n, "\"%0*d\"", large, 0);
    for (int i = 0; i < levels; i++) {
        for (int k = 62; k > 0; k--) n += (size_t)sprintf(text + n, ",\"m%02d\":1", k);
        n += (size_t)sprintf(text + n, "}");
    }
    return n;
}

START_TEST(disorder_cannot_make_reading_expensive)
{
    static char text[1 << 20];
    size_t n = nested_disorder(text, 2, 200000);
    ck_assert_int_eq(verdict((struct up_span){(uint8_t *)text, n}), UP_OK);
    n = nested_disorder(text, 14, 200000);
    ck_assert_int_eq(verdict((struct up_span){(uint8_t *)text, n}), UP_LIMIT);
    n = nested_disorder(text, 5, 100); /* more than anybody writes */
    ck_assert_int_eq(verdict((struct up_span){(uint8_t *)text, n}), UP_OK);
}
END_TEST

START_TEST(depth_is_bounded_without_recursion)
{
    char text[20001];
    memset(text, '[', 16);
    memset(text + 16, ']', 16);
    ck_assert_int_eq(verdict((struct up_span){(uint8_t *)text, 32}), UP_OK);
    memset(text, '[', 17);
    memset(text + 17, ']', 17);
    ck_assert_int_eq(verdict((struct up_span){(uint8_t *)text, 34}), UP_LIMIT);
    memset(text, '[', 10000);
    memset(text + 10000, ']', 10000);
    ck_assert_int_eq(verdict((struct up_span){(uint8_t *)text, 20000}), UP_LIMIT);
}
END_TEST

static int64_t integer(const char *text, int64_t min, int64_t max, enum up_err *e)
{
    struct up_json j;
    up_json_open(&j, up_span_of(text));
    int64_t v = up_json_int(&j, min, max);
    up_json_close(&j);
    *e = j.err;
    return v;
}

START_TEST(integers_have_one_spelling_and_a_range)
{
    static const struct {
        const char *text;
        enum up_err e;
        int64_t value;
    } cases[] = {
        {"1", UP_OK, 1},
        {"2147483647", UP_OK, 2147483647},
        {"2147483648", UP_SCHEMA, 0},
        {"0", UP_SCHEMA, 0},
        {"-1", UP_SCHEMA, 0},
        {"1.0", UP_SCHEMA, 0},
        {"1e3", UP_SCHEMA, 0},
        {"9223372036854775808", UP_SCHEMA, 0},
        {"18446744073709551621", UP_SCHEMA, 0}, /* 2^64 + 5 */
        {"4294967297", UP_SCHEMA, 0},
        {"01", UP_SCHEMA, 0},
        {"\"1\"", UP_SCHEMA, 0},
        {"true", UP_SCHEMA, 0},
        {"null", UP_SCHEMA, 0},
        {"", UP_PARSE, 0},
        {"x", UP_PARSE, 0},
    };
    enum up_err e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t v = integer(cases[i].text, 1, UP_VERSION_MAX, &e);
        ck_assert_msg(e == cases[i].e, "%s: %s", cases[i].text, up_err_name(e));
        ck_assert_int_eq(v, cases[i].value);
    }
    ck_assert_int_eq(integer("9007199254740991", INT64_MIN, INT64_MAX, &e), 9007199254740991);
    ck_assert_int_eq(e, UP_OK);
    ck_assert_int_eq(integer("-9007199254740991", INT64_MIN, INT64_MAX, &e), -9007199254740991);
    ck_assert_int_eq(e, UP_OK);
    (void)integer("9007199254740992", INT64_MIN, INT64_MAX, &e);
    ck_assert_int_eq(e, UP_SCHEMA);
    (void)integer("-9007199254740992", INT64_MIN, INT64_MAX, &e);
    ck_assert_int_eq(e, UP_SCHEMA);
    (void)integer("-0", INT64_MIN, INT64_MAX, &e);
    ck_assert_int_eq(e, UP_SCHEMA);
}
END_TEST

START_TEST(a_reader_walks_members_and_items)
{
    struct up_json j;
    struct up_span key, text = {0};
    int64_t sum = 0;
    bool yes = false;
    int rest = 0;
    up_json_open(
        &j,
        UP_SPAN("{ \"list\": [1, 2, [], 3], \"name\": \"a\\nb\", \"yes\": true, \"zzz\": {\"q\": [0.5]} }"));
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_span_is(key, "list")) {
            for (up_json_array(&j); up_json_item(&j);) {
                if (sum == 3)
                    (void)up_json_value(&j), sum++;
                else
                    sum += up_json_int(&j, 1, 3);
            }
        } else if (up_span_is(key, "name")) {
            ck_assert(up_json_at_string(&j));
            text = up_json_string(&j);
        } else if (up_span_is(key, "yes")) {
            ck_assert(!up_json_at_string(&j));
            yes = up_json_bool(&j);
        } else {
            ck_assert(up_span_is(up_json_value(&j), "{\"q\": [0.5]}"));
            rest++;
        }
    }
    up_json_close(&j);
    ck_assert_int_eq(j.err, UP_OK);
    ck_assert(up_span_is(text, "a\\nb") && yes && rest == 1);
    ck_assert_int_eq(sum, 7);
}
END_TEST

START_TEST(the_first_error_sticks_and_stops_every_call)
{
    struct up_json j;
    struct up_span key;
    up_json_open(&j, UP_SPAN("{\"a\":1,\"b\":\"x\",\"c\":{}}"));
    ck_assert(up_json_object(&j) && up_json_member(&j, &key));
    (void)up_json_string(&j);
    ck_assert_int_eq(j.err, UP_SCHEMA);
    up_json_fail(&j, UP_LIMIT);
    ck_assert_int_eq(j.err, UP_SCHEMA);
    ck_assert(!up_json_member(&j, &key) && key.p == NULL);
    ck_assert(!up_json_item(&j) && !up_json_object(&j) && !up_json_array(&j) && !up_json_bool(&j));
    ck_assert(up_json_string(&j).p == NULL && up_json_value(&j).p == NULL && !up_json_at_string(&j));
    ck_assert_int_eq(up_json_int(&j, 1, 2), 0);
    up_json_close(&j);
    ck_assert_int_eq(j.err, UP_SCHEMA);
}
END_TEST

START_TEST(other_types_than_asked_for_are_refused)
{
    static const char *const values[] = {"{}", "[]", "1", "true", "null"};
    struct up_json j;
    struct up_span key;
    for (size_t i = 0; i < 5; i++) {
        up_json_open(&j, up_span_of(values[i]));
        (void)up_json_string(&j);
        ck_assert_int_eq(j.err, UP_SCHEMA);
    }
    up_json_open(&j, UP_SPAN("[]"));
    ck_assert(!up_json_object(&j));
    ck_assert_int_eq(j.err, UP_SCHEMA);
    up_json_open(&j, UP_SPAN("{}"));
    ck_assert(!up_json_array(&j));
    ck_assert_int_eq(j.err, UP_SCHEMA);
    up_json_open(&j, UP_SPAN("\"true\""));
    ck_assert(!up_json_bool(&j));
    ck_assert_int_eq(j.err, UP_SCHEMA);
    up_json_open(&j, UP_SPAN("[1]"));
    ck_assert(up_json_array(&j) && !up_json_member(&j, &key));
    ck_assert_int_eq(j.err, UP_SCHEMA);
    up_json_open(&j, UP_SPAN("1"));
    ck_assert(!up_json_item(&j));
    ck_assert_int_eq(j.err, UP_SCHEMA);
    up_json_open(&j, UP_SPAN("[1]"));
    ck_assert(up_json_array(&j) && up_json_item(&j));
    up_json_close(&j); /* not at its end */
    ck_assert_int_eq(j.err, UP_PARSE);
    up_json_open(&j, UP_SPAN("[1"));
    ck_assert(up_json_array(&j) && up_json_item(&j));
    ck_assert_int_eq(up_json_int(&j, 1, 1), 1);
    up_json_close(&j); /* at the end of the text, not of the array */
    ck_assert_int_eq(j.err, UP_PARSE);
    up_json_open(&j, UP_SPAN("}"));
    ck_assert(!up_json_member(&j, &key)); /* of nothing that was entered */
    ck_assert_int_eq(j.err, UP_SCHEMA);
    up_json_open(&j, UP_SPAN("]"));
    ck_assert(!up_json_item(&j));
    ck_assert_int_eq(j.err, UP_SCHEMA);
    up_json_open(&j, (struct up_span){0});
    (void)up_json_value(&j);
    ck_assert_int_eq(j.err, UP_PARSE);
}
END_TEST

START_TEST(find_returns_a_member_of_the_outer_object_only)
{
    struct up_span v = {0};
    struct up_span text = UP_SPAN("{\"a\":{\"b\":1},\"b\":[2 ,3],\"c\":\"b\"}");
    ck_assert(up_json_find(text, "b", &v) && up_span_is(v, "[2 ,3]"));
    ck_assert(!up_json_find(text, "d", &v));
    ck_assert(!up_json_find(UP_SPAN("[\"b\"]"), "b", &v));
    ck_assert(!up_json_find((struct up_span){0}, "b", &v));
    ck_assert(!up_json_find(UP_SPAN("{\"b\":x}"), "b", &v));
}
END_TEST

/* E-FMT-07 */
START_TEST(an_escape_put_into_a_name_hides_no_member)
{
    struct up_span v = {0};
    ck_assert(up_json_find(UP_SPAN("{\"vehicle\\u0049d\":1}"), "vehicleId", &v) && up_span_is(v, "1"));
    ck_assert(up_json_is(UP_SPAN("h\\u0061shes"), "hashes"));
    ck_assert(!up_json_is(UP_SPAN("h\\u0062shes"), "hashes"));
    ck_assert(!up_json_is(UP_SPAN("hashe"), "hashes"));
}
END_TEST

START_TEST(unescape_decodes_and_is_bounded_by_the_destination)
{
    uint8_t out[32];
    struct up_span raw = UP_SPAN("\\\"\\\\\\/\\b\\f\\n\\r\\tA\\u0041\\u00e9\\u20AC\\uD83D\\uDE97\xC3\xA9");
    static const char want[] = "\"\\/\b\f\n\r\tAA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x97\xC3\xA9";
    ck_assert_int_eq(up_json_unescape(raw, out, sizeof out), sizeof want - 1);
    ck_assert_mem_eq(out, want, sizeof want - 1);
    for (size_t cap = 0; cap < sizeof want - 1; cap++) {
        memset(out, 0x55, sizeof out);
        ck_assert_int_eq(up_json_unescape(raw, out, cap), -1);
        ck_assert_int_eq(out[cap], 0x55);
    }
    ck_assert_int_eq(up_json_unescape(UP_SPAN("\\q"), out, sizeof out), -1);
    ck_assert_int_eq(up_json_unescape((struct up_span){0}, out, 0), 0);
}
END_TEST

START_TEST(names_compare_by_what_they_mean)
{
    ck_assert_int_eq(up_json_cmp(UP_SPAN("a"), UP_SPAN("\\u0061")), 0);
    ck_assert_int_lt(up_json_cmp(UP_SPAN("\\u0061"), UP_SPAN("b")), 0);
    ck_assert_int_gt(up_json_cmp(UP_SPAN("a\\u0062"), UP_SPAN("a")), 0);
    ck_assert_int_lt(up_json_cmp(UP_SPAN("a"), UP_SPAN("a\\n")), 0);
    /* by code point, where UTF-16 units would order them the other way round */
    ck_assert_int_lt(up_json_cmp(UP_SPAN("\\uFF5E"), UP_SPAN("\\uD83D\\uDE97")), 0);
    ck_assert_int_lt(up_json_cmp(UP_SPAN("\xEF\xBD\x9E"), UP_SPAN("\xF0\x9F\x9A\x97")), 0);
}
END_TEST

START_TEST(the_writer_escapes_and_keeps_within_its_buffer)
{
    uint8_t room[128];
    static const char want[] =
        "{\"a\":\"\\\"\\\\\\u000a\xC3\xA9\",\"b\":-9223372036854775808,\"c\":0,\"d\":\"00ff\"}";
    for (size_t cap = 0; cap <= sizeof want - 1; cap++) {
        struct up_writer w = {.p = room, .cap = cap};
        memset(room, 0x55, sizeof room);
        up_write(&w, "{\"a\":");
        up_write_string(&w, UP_SPAN("\"\\\n\xC3\xA9"));
        up_write(&w, ",\"b\":");
        up_write_int(&w, INT64_MIN);
        up_write(&w, ",\"c\":");
        up_write_int(&w, 0);
        up_write(&w, ",\"d\":");
        up_write_hex(&w, (const uint8_t *)"\0\xFF", 2);
        up_write(&w, "}");
        ck_assert_int_eq(w.full, cap < sizeof want - 1);
        ck_assert_int_eq(room[cap], 0x55);
        if (!w.full) ck_assert(up_span_is(up_written(&w), want));
    }
}
END_TEST

START_TEST(what_is_no_checked_string_compares_and_ends)
{
    ck_assert_int_eq(up_json_cmp(UP_SPAN("\\q"), UP_SPAN("\\q")), 0);
    ck_assert_int_eq(up_json_cmp(UP_SPAN("\\q"), UP_SPAN("\\n")), 0);
    ck_assert_int_eq(up_json_cmp(UP_SPAN("\\n"), UP_SPAN("\\q")), 0);
    ck_assert_int_eq(up_json_cmp(UP_SPAN("\\q"), UP_SPAN("")), 1);
}
END_TEST

START_TEST(the_first_character_of_each_length_is_unescaped)
{
    uint8_t out[16];
    ck_assert_int_eq(up_json_unescape(UP_SPAN("\\u007f\\u0080\\u07ff\\u0800"), out, sizeof out), 8);
    ck_assert_mem_eq(out, "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80", 8);
    ck_assert_int_eq(up_json_unescape(UP_SPAN("\\uffff\\ud800\\udc00"), out, sizeof out), 7);
    ck_assert_mem_eq(out, "\xEF\xBF\xBF\xF0\x90\x80\x80", 7);
    ck_assert_int_eq(up_json_unescape(UP_SPAN("\\ud83dxude97"), out, sizeof out), -1);
}
END_TEST

START_TEST(no_part_of_a_number_makes_up_for_another)
{
    REFUSED("-.5", PARSE);
    REFUSED("-e5", PARSE);
    REFUSED("-.5e5", PARSE);
    REFUSED("1.e5", PARSE);
    REFUSED("-.e5", PARSE);
    REFUSED("1.5e", PARSE);
    REFUSED("1.e", PARSE);
}
END_TEST

/* Where checked text is only skipped, quotes and brackets within strings are none. */
START_TEST(checked_text_is_read_alike)
{
    struct up_span text =
        UP_SPAN("{\"a\":{\"b\":\"x\\\"}\",\"c\":\"\\\\\",\"d\":[\"]\\\\\\\"[\",\"\"]},\"e\":\"y\\\"z\","
                "\"f\":\"\\\\\",\"g\":[\"}\"],\"h\":\"\",\"i\":2}");
    struct up_json a, b;
    struct up_span key_a, key_b;
    unsigned members = 0;
    ck_assert_int_eq(verdict(text), UP_OK);
    up_json_open(&a, text);
    up_json_open_checked(&b, text);
    ck_assert(up_json_object(&a) && up_json_object(&b));
    while (up_json_member(&a, &key_a)) {
        ck_assert(up_json_member(&b, &key_b) && up_span_eq(key_a, key_b));
        struct up_span value_a = up_json_value(&a), value_b = up_json_value(&b);
        ck_assert_ptr_eq(value_a.p, value_b.p);
        ck_assert_uint_eq(value_a.n, value_b.n);
        members++;
    }
    ck_assert(!up_json_member(&b, &key_b));
    up_json_close(&b);
    ck_assert_int_eq(b.err, UP_OK);
    ck_assert_uint_eq(members, 6);
}
END_TEST

START_TEST(what_fails_says_so_and_returns_nothing)
{
    static const char *const member[] = {"{1:1}", "{\"a\" 1}", "{\"a}", "{\"a\"}", "{x"};
    struct up_json j;
    struct up_span key;
    for (size_t i = 0; i < sizeof member / sizeof *member; i++) {
        up_json_open(&j, up_span_of(member[i]));
        ck_assert(up_json_object(&j) && !up_json_member(&j, &key) && key.p == NULL);
        ck_assert_int_eq(j.err, UP_PARSE);
    }
    up_json_open(&j, UP_SPAN("{\"a\":1,\"a\":2}"));
    ck_assert(up_json_object(&j) && up_json_member(&j, &key));
    ck_assert_int_eq(up_json_int(&j, 0, 9), 1);
    ck_assert(!up_json_member(&j, &key) && key.p == NULL);
    up_json_open(&j, UP_SPAN("[1 2]"));
    ck_assert(up_json_array(&j) && up_json_item(&j));
    ck_assert_int_eq(up_json_int(&j, 0, 9), 1);
    ck_assert(!up_json_item(&j));
    up_json_open(&j, UP_SPAN("[1]"));
    ck_assert(up_json_array(&j));
    up_json_fail(&j, UP_SCHEMA);
    ck_assert(!up_json_item(&j));
    up_json_open(&j, UP_SPAN("\"abc"));
    ck_assert(up_json_string(&j).p == NULL && j.err == UP_PARSE);
    up_json_open(&j, UP_SPAN("-"));
    ck_assert(up_json_int(&j, -9, 9) == 0 && j.err == UP_PARSE);
    up_json_open(&j, UP_SPAN("\"a\""));
    up_json_fail(&j, UP_SCHEMA);
    ck_assert(up_json_string(&j).p == NULL && !up_json_at_string(&j));
    up_json_open(&j, UP_SPAN("5"));
    up_json_fail(&j, UP_SCHEMA);
    ck_assert(up_json_int(&j, 0, 9) == 0 && up_json_value(&j).p == NULL);
    up_json_open(&j, UP_SPAN("true"));
    up_json_fail(&j, UP_SCHEMA);
    ck_assert(!up_json_bool(&j));
}
END_TEST

START_TEST(entering_too_deep_says_so)
{
    struct up_json j;
    up_json_open(&j, UP_SPAN("[[[[[[[[[[[[[[[[[["));
    for (unsigned i = 0; i < UP_DEPTH_MAX; i++) ck_assert(up_json_array(&j) && up_json_item(&j));
    ck_assert(!up_json_array(&j) && j.err == UP_LIMIT);
}
END_TEST

START_TEST(numbers_are_written_as_they_are)
{
    static const struct {
        int64_t n;
        const char *text;
    } c[] = {{0, "0"}, {-1, "-1"}, {-12, "-12"}, {10, "10"}, {INT64_MAX, "9223372036854775807"}};
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        uint8_t room[32];
        struct up_writer w = {.p = room, .cap = sizeof room};
        up_write_int(&w, c[i].n);
        ck_assert(up_span_is(up_written(&w), c[i].text));
    }
}
END_TEST

SUITE("json", what_fails_says_so_and_returns_nothing, entering_too_deep_says_so,
      numbers_are_written_as_they_are, checked_text_is_read_alike,
      what_is_no_checked_string_compares_and_ends, the_first_character_of_each_length_is_unescaped,
      no_part_of_a_number_makes_up_for_another, every_kind_of_value_is_read,
      loopholes_of_other_readers_are_refused, every_cut_of_a_text_is_refused, numbers_follow_the_grammar,
      strings_are_strict_utf8, escapes_and_control_characters_are_checked,
      duplicate_members_are_refused_in_any_order_and_spelling,
      unsorted_objects_are_bounded_sorted_ones_are_not,
      an_unsorted_object_may_be_of_any_width_where_somebody_sorts_it, disorder_cannot_make_reading_expensive,
      depth_is_bounded_without_recursion, integers_have_one_spelling_and_a_range,
      a_reader_walks_members_and_items, the_first_error_sticks_and_stops_every_call,
      other_types_than_asked_for_are_refused, find_returns_a_member_of_the_outer_object_only,
      an_escape_put_into_a_name_hides_no_member, unescape_decodes_and_is_bounded_by_the_destination,
      names_compare_by_what_they_mean, the_writer_escapes_and_keeps_within_its_buffer)
