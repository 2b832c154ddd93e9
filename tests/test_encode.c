#include "metadata/encode.h"
#include "metadata/limits.h"
#include "tests/suite.h"

#include <inttypes.h>
#include <stdio.h>

START_TEST(hex_is_lower_case_even_and_bounded)
{
    uint8_t out[4];
    ck_assert_int_eq(up_hex_decode(UP_SPAN("00fF"), out, 4), -1);
    ck_assert_int_eq(up_hex_decode_any(UP_SPAN("00fFAa"), out, 4), 3);
    ck_assert_mem_eq(out, "\x00\xff\xaa", 3);
    ck_assert_int_eq(up_hex_decode(UP_SPAN("00ffa9"), out, 3), 3);
    ck_assert_int_eq(up_hex_decode(UP_SPAN("00ffa9"), out, 2), -1);
    ck_assert_int_eq(up_hex_decode(UP_SPAN(""), out, 0), 0);
    ck_assert_int_eq(up_hex_decode((struct up_span){(const uint8_t *)"00ff", 3}, out, 4), -1);
    static const char *const bad[] = {"0", "000", "0g", "g0", "0 ", " 0", "0x00", "0`", "0@", "0/", "0:"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(up_hex_decode(up_span_of(bad[i]), out, 4), -1);
        ck_assert_int_eq(up_hex_decode_any(up_span_of(bad[i]), out, 4), -1);
    }
}
END_TEST

START_TEST(hex_comes_back_as_it_went)
{
    uint8_t in[256], out[256];
    char text[512];
    for (int i = 0; i < 256; i++) in[i] = (uint8_t)i;
    up_hex_encode(in, 256, text);
    ck_assert_int_eq(up_hex_decode((struct up_span){(uint8_t *)text, 512}, out, 256), 256);
    ck_assert_mem_eq(in, out, 256);
}
END_TEST

START_TEST(base64_has_one_spelling)
{
    uint8_t out[8];
    ck_assert_int_eq(up_base64_decode(UP_SPAN(""), out, 0), 0);
    ck_assert_int_eq(up_base64_decode(UP_SPAN("Zg=="), out, 1), 1);
    ck_assert_int_eq(up_base64_decode(UP_SPAN("Zm8="), out, 2), 2);
    ck_assert_int_eq(up_base64_decode(UP_SPAN("+/+/"), out, 3), 3);
    ck_assert_mem_eq(out, "\xfb\xff\xbf", 3);
    ck_assert_int_eq(up_base64_decode(UP_SPAN("Zm9vYg=="), out, 4), 4);
    ck_assert_mem_eq(out, "foob", 4);
    ck_assert_int_eq(up_base64_decode(UP_SPAN("Zm9vYg=="), out, 3), -1);
    ck_assert_int_eq(up_base64_decode((struct up_span){(const uint8_t *)"==" + 2, 0}, out, 0), 0);
    static const char *const bad[] = {
        "Zh==", /* spare bits */
        "Zm9=", /* spare bits */
        "Zg",   /* no padding */
        "Zg=",  "Z===",  "A===", "====", "Zm9{", "=",    "Zg==Zg==",
        "Zm 9", "Zm\n9", "Zm-9", "Zm_9", "=Zm9", "Z=g=", "Zm9v\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(up_base64_decode(up_span_of(bad[i]), out, 8) == -1, "accepted: %s", bad[i]);
}
END_TEST

START_TEST(base64_comes_back_as_it_went)
{
    uint8_t in[256], out[256];
    char text[344];
    for (int i = 0; i < 256; i++) in[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= 256; n++) {
        size_t length = up_base64_encode(in, n, text);
        ck_assert_uint_eq(length, (n + 2) / 3 * 4);
        ck_assert_int_eq(up_base64_decode((struct up_span){(uint8_t *)text, length}, out, n), (long)n);
        ck_assert_mem_eq(in, out, n);
    }
}
END_TEST

START_TEST(times_are_instants_in_one_spelling)
{
    static const struct {
        const char *text;
        int64_t t;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},          {"1970-01-01T00:00:01Z", 1},
        {"2000-02-29T12:34:56Z", 951827696},  {"2024-02-29T00:00:00Z", 1709164800},
        {"2036-01-01T00:00:00Z", 2082758400}, {"2038-01-19T03:14:08Z", 2147483648},
        {"2100-03-01T00:00:00Z", 4107542400}, {"9999-12-31T23:59:59Z", 253402300799},
    };
    char text[UP_TIME_TEXT];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_int_eq(up_time_decode(up_span_of(good[i].text)), good[i].t);
        up_time_encode(good[i].t, text);
        ck_assert_mem_eq(text, good[i].text, UP_TIME_TEXT);
    }
    static const char *const bad[] = {
        "2030-02-30T00:00:00Z",      "2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
        "2030-04-31T00:00:00Z",      "2030-00-01T00:00:00Z", "2030-13-01T00:00:00Z",
        "2030-01-00T00:00:00Z",      "2030-01-32T00:00:00Z", "2030-01-01T24:00:00Z",
        "2030-01-01T00:60:00Z",      "2030-01-01T00:00:60Z", "2030-01-01T00:00:00",
        "2030-01-01 00:00:00Z",      "2030-01-01T00:00:00z", "2030-01-01t00:00:00Z",
        "2030-01-01T00:00:00+00:00", "2030-01-01T00:00:00A", "2030-01-01T00:00:00.000Z",
        "10000-01-01T00:00:00Z",     "1969-12-31T23:59:59Z", "-030-01-01T00:00:00Z",
        "2030-1-01T00:00:000Z",      "2030/01/01T00:00:00Z", "",
        "1969-12-31T23:59:58Z",      "2030-1/-01T00:00:00Z", "2030-0:-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(up_time_decode(up_span_of(bad[i])) == -1, "accepted: %s", bad[i]);
}
END_TEST

START_TEST(every_day_of_eight_thousand_years_comes_back)
{
    char text[UP_TIME_TEXT];
    for (int64_t t = 0; t <= 253402300799; t += 86400 + 4093) {
        up_time_encode(t, text);
        ck_assert_int_eq(up_time_decode((struct up_span){(uint8_t *)text, sizeof text}), t);
    }
    up_time_encode(-5, text);
    ck_assert_mem_eq(text, "1970-01-01T00:00:00Z", UP_TIME_TEXT);
    up_time_encode(INT64_MAX, text);
    ck_assert_mem_eq(text, "9999-12-31T23:59:59Z", UP_TIME_TEXT);
}
END_TEST

START_TEST(division_in_pieces_is_division)
{
    const uint64_t most = UINT64_MAX,
                   some[] = {0,          1,          9,          10,       999,
                             1000,       UINT32_MAX, 1ull << 32, 86399999, (1ull << 48) - 1,
                             most - 999, most / 10,  most - 1,   most};
    const uint32_t by[] = {1, 2, 10, 24, 60, 1000, 65535, 65536};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        for (size_t k = 0; k < sizeof by / sizeof *by; k++) {
            uint32_t rest = 77;
            ck_assert_uint_eq(up_divide(some[i], by[k], &rest), some[i] / by[k]);
            ck_assert_uint_eq(rest, some[i] % by[k]);
        }
        char want[32], text[UP_DECIMAL_MAX];
        int n = snprintf(want, sizeof want, "%" PRIu64, some[i]);
        ck_assert_uint_eq(up_decimal(some[i], text), (size_t)n);
        ck_assert_mem_eq(text, want, (size_t)n);
    }
}
END_TEST

START_TEST(ids_have_a_small_alphabet)
{
    char text[66];
    memset(text, 'a', sizeof text);
    ck_assert(up_is_id(UP_SPAN("AZaz09._:-")));
    ck_assert(up_is_id((struct up_span){(uint8_t *)text, UP_ID_MAX}));
    ck_assert(!up_is_id((struct up_span){(uint8_t *)text, UP_ID_MAX + 1}));
    ck_assert(!up_is_id(UP_SPAN("")));
    for (int c = 0; c < 256; c++) {
        uint8_t one[] = {'a', (uint8_t)c};
        bool allowed = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '.' || c == '_' || c == ':' || c == '-';
        ck_assert_msg(up_is_id((struct up_span){one, 2}) == allowed, "byte %d", c);
    }
}
END_TEST

START_TEST(hardware_ids_are_longer_ids)
{
    char text[UP_HARDWARE_MAX + 1];
    memset(text, 'a', sizeof text);
    ck_assert(up_is_hardware_id((struct up_span){(uint8_t *)text, UP_HARDWARE_MAX}));
    ck_assert(!up_is_hardware_id((struct up_span){(uint8_t *)text, UP_HARDWARE_MAX + 1}));
    ck_assert(!up_is_hardware_id(UP_SPAN("")) && !up_is_hardware_id(UP_SPAN("a b")));
}
END_TEST

START_TEST(printable_names_need_no_escape_and_cannot_leave_their_folder_either)
{
    static const char *const bad[] = {"", ".", "..", "../x", "a/../b", "a/..", "a/.", "/etc/x", "a//b", "a/"};
    char text[UP_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!up_is_printable_name(up_span_of(bad[i])), "accepted: %s", bad[i]);
    for (int c = 0; c < 256; c++) {
        uint8_t one[] = {'a', (uint8_t)c, 'b'};
        ck_assert_int_eq(up_is_printable_name((struct up_span){one, 3}),
                         c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '%');
    }
    memset(text, ' ', sizeof text);
    ck_assert(up_is_printable_name((struct up_span){(uint8_t *)text, UP_NAME_MAX}));
    ck_assert(!up_is_printable_name((struct up_span){(uint8_t *)text, UP_NAME_MAX + 1}));
}
END_TEST

START_TEST(names_cannot_leave_their_folder)
{
    static const char *const good[] = {
        "supplier-x/ecu-y-3.img", "a", "...", "a/..b", "a/b..", ".a", "A+b@c_d"};
    static const char *const bad[] = {"",       ".",    "..", "../x", "a/../b",   "a/..",       "a/.", "./a",
                                      "/etc/x", "a//b", "a/", "/",    "a\\b",     "%2e%2e%2fx", "a b", "a\n",
                                      "a:b",    "a?",   "#",  "a*b",  "\xC3\xA9", "e\xCC\x81"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(up_is_name(up_span_of(good[i])), "refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!up_is_name(up_span_of(bad[i])), "accepted: %s", bad[i]);
    ck_assert(!up_is_name(UP_SPAN("a\0b")));
    char text[UP_NAME_MAX + 1];
    memset(text, 'a', sizeof text);
    ck_assert(up_is_name((struct up_span){(uint8_t *)text, UP_NAME_MAX}));
    ck_assert(!up_is_name((struct up_span){(uint8_t *)text, UP_NAME_MAX + 1}));
}
END_TEST

SUITE("encode", division_in_pieces_is_division, hex_is_lower_case_even_and_bounded, hex_comes_back_as_it_went,
      base64_has_one_spelling, base64_comes_back_as_it_went, times_are_instants_in_one_spelling,
      every_day_of_eight_thousand_years_comes_back, ids_have_a_small_alphabet, hardware_ids_are_longer_ids,
      printable_names_need_no_escape_and_cannot_leave_their_folder_either, names_cannot_leave_their_folder)
