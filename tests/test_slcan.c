#include "isotp/slcan.h"
#include "tests/suite.h"

#include <string.h>

static const struct {
    struct isotp_frame frame;
    const char *text;
} spelling[] = {
    {{.id = 0x123, .len = 2, .data = {0x11, 0xF2}}, "t123211F2\r"},
    {{.id = 0x001}, "t0010\r"},
    {{.id = 0x7FF, .len = 8, .data = {1, 2, 3, 4, 5, 6, 7, 8}}, "t7FF80102030405060708\r"},
    {{.id = ISOTP_ID_EXTENDED | 0x18DA01F1, .len = 1, .data = {5}}, "T18DA01F1105\r"},
    {{.id = ISOTP_ID_EXTENDED | 0x12}, "T000000120\r"},
    {{.id = 0x7FF, .flags = ISOTP_RTR, .len = 3}, "r7FF3\r"},
    {{.id = ISOTP_ID_EXTENDED | 0x7FF, .flags = ISOTP_RTR, .len = 8}, "R000007FF8\r"},
    {{.id = 0x7FF, .flags = ISOTP_FD, .len = 1, .data = {0xAB}}, "d7FF1AB\r"},
    {{.id = ISOTP_ID_EXTENDED | 1, .flags = ISOTP_FD, .len = 0}, "D000000010\r"},
    {{.id = 0x321, .flags = ISOTP_FD | ISOTP_BRS, .len = 12, .data = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
     "b32190102030405060708090A0B0C\r"},
    {{.id = ISOTP_ID_EXTENDED | 0x1FFFFFFF, .flags = ISOTP_FD | ISOTP_BRS, .len = 12},
     "B1FFFFFFF9000000000000000000000000\r"},
};

/* What a whole text says at its last byte; before it, nothing. */
static enum isotp_slcan_said read_line(const char *text, struct isotp_frame *f)
{
    struct isotp_slcan s = {0};
    enum isotp_slcan_said said = ISOTP_SLCAN_NOTHING;
    for (; *text != '\0'; text++) {
        ck_assert_int_eq(said, ISOTP_SLCAN_NOTHING);
        said = isotp_slcan_read(&s, (uint8_t)*text, f);
    }
    return said;
}

START_TEST(frames_have_one_spelling_that_reads_back)
{
    uint8_t text[ISOTP_SLCAN_LINE];
    for (size_t i = 0; i < sizeof spelling / sizeof *spelling; i++) {
        struct isotp_frame f = {0};
        ck_assert_uint_eq(isotp_slcan_write(text, &spelling[i].frame), strlen(spelling[i].text));
        ck_assert_mem_eq(text, spelling[i].text, strlen(spelling[i].text));
        ck_assert_int_eq(read_line(spelling[i].text, &f), ISOTP_SLCAN_FRAME);
        ck_assert_mem_eq(&f, &spelling[i].frame, sizeof f);
    }
}
END_TEST

START_TEST(the_longest_frame_fits_and_reads_with_a_timestamp)
{
    struct isotp_frame f = {.id = ISOTP_ID_EXTENDED | ISOTP_ID_MASK,
                            .flags = ISOTP_FD | ISOTP_BRS,
                            .len = 64},
                       g;
    struct isotp_slcan s = {0};
    uint8_t text[ISOTP_SLCAN_LINE];
    memset(f.data, 0x5A, sizeof f.data);
    size_t n = isotp_slcan_write(text, &f);
    ck_assert_uint_eq(n + 8, ISOTP_SLCAN_LINE);
    memcpy(text + n - 1, "0123abCD\r", 9);
    for (size_t i = 0; i + 1 < n + 8; i++)
        ck_assert_int_eq(isotp_slcan_read(&s, text[i], &g), ISOTP_SLCAN_NOTHING);
    ck_assert_int_eq(isotp_slcan_read(&s, text[n + 7], &g), ISOTP_SLCAN_FRAME);
    ck_assert_mem_eq(&f, &g, sizeof f);
}
END_TEST

START_TEST(timestamps_and_small_letters_and_line_feeds_are_read_past)
{
    static const char *const texts[] = {"t1232aBcD\r", "t1232abcd1234\r", "t1232ABCD00001234\r",
                                        "\nt1232ABCD\r"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct isotp_frame f = {0};
        ck_assert_int_eq(read_line(texts[i], &f), ISOTP_SLCAN_FRAME);
        ck_assert(f.id == 0x123 && f.len == 2 && f.data[0] == 0xAB && f.data[1] == 0xCD);
    }
}
END_TEST

START_TEST(what_is_no_frame_is_refused_whole)
{
    static const char *const bad[] = {
        "t\r",        "t12\r",        "t123\r",       "t1231\r",
        "t12311\r",   "t1231GG\r",    "t8000\r",      "t1239000102030405060708\r",
        "tFFF0\r",    "t123012\r",    "t123 0\r",     "t-010\r",
        "T123\r",     "T200000000\r", "TFFFFFFFF0\r", "r1239\r",
        "r123111\r",  "d123F00\r",    "dxyz0\r",      "b1\r",
        "B0000000\r",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct isotp_frame f = {.id = 77}, before = f;
        ck_assert_msg(read_line(bad[i], &f) == ISOTP_SLCAN_BAD, "%s", bad[i]);
        ck_assert_mem_eq(&f, &before, sizeof f);
    }
}
END_TEST

START_TEST(what_cannot_be_said_is_not_written)
{
    static const struct isotp_frame bad[] = {
        {.flags = ISOTP_ERROR},
        {.id = 0x800},
        {.id = 0x20000000},
        {.id = ISOTP_ID_EXTENDED | 0x20000000},
        {.len = 9},
        {.flags = ISOTP_FD, .len = 9},
        {.flags = ISOTP_FD, .len = 65},
        {.flags = ISOTP_FD | ISOTP_RTR},
        {.flags = ISOTP_BRS},
    };
    uint8_t text[ISOTP_SLCAN_LINE];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_uint_eq(isotp_slcan_write(text, &bad[i]), 0);
    const struct isotp_frame esi = {.id = 1, .flags = ISOTP_FD | ISOTP_ESI};
    ck_assert_uint_eq(isotp_slcan_write(text, &esi), 6);
}
END_TEST

START_TEST(a_line_that_is_too_long_is_dropped_and_the_next_one_read)
{
    struct isotp_slcan s = {0};
    struct isotp_frame f;
    for (unsigned i = 0; i < 1000; i++) ck_assert_int_eq(isotp_slcan_read(&s, 't', &f), ISOTP_SLCAN_NOTHING);
    ck_assert_int_eq(isotp_slcan_read(&s, '\r', &f), ISOTP_SLCAN_BAD);
    for (const char *p = "t1230"; *p != '\0'; p++)
        ck_assert_int_eq(isotp_slcan_read(&s, (uint8_t)*p, &f), ISOTP_SLCAN_NOTHING);
    ck_assert_int_eq(isotp_slcan_read(&s, '\r', &f), ISOTP_SLCAN_FRAME);
}
END_TEST

START_TEST(other_lines_are_commands_and_bell_says_no)
{
    struct isotp_slcan s = {0};
    struct isotp_frame f;
    ck_assert_int_eq(read_line("\r", &f), ISOTP_SLCAN_COMMAND);
    ck_assert_int_eq(read_line("\a", &f), ISOTP_SLCAN_NO);
    ck_assert_int_eq(read_line("t123\a", &f), ISOTP_SLCAN_NO);
    ck_assert_int_eq(isotp_slcan_read(&s, 'S', &f), ISOTP_SLCAN_NOTHING);
    ck_assert_int_eq(isotp_slcan_read(&s, '6', &f), ISOTP_SLCAN_NOTHING);
    ck_assert_int_eq(isotp_slcan_read(&s, '\r', &f), ISOTP_SLCAN_COMMAND);
    ck_assert(s.n == 2 && memcmp(s.line, "S6", 2) == 0);
    ck_assert_int_eq(isotp_slcan_read(&s, '\r', &f), ISOTP_SLCAN_COMMAND);
    ck_assert_uint_eq(s.n, 0);
}
END_TEST

SUITE("slcan", frames_have_one_spelling_that_reads_back, the_longest_frame_fits_and_reads_with_a_timestamp,
      timestamps_and_small_letters_and_line_feeds_are_read_past, what_is_no_frame_is_refused_whole,
      what_cannot_be_said_is_not_written, a_line_that_is_too_long_is_dropped_and_the_next_one_read,
      other_lines_are_commands_and_bell_says_no)
