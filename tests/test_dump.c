/* Listening to ISO-TP: messages put together from frames of many senders, and what is said of them. */
#include "sim/dump.h"
#include "sim/tamper.h"
#include "tests/suite.h"

#include <string.h>

static struct {
    unsigned count;
    struct sim_dump_message last;
    uint8_t bytes[128];
} heard;

static void on_message(void *ctx, const struct sim_dump_message *m)
{
    (void)ctx;
    heard.count++;
    heard.last = *m;
    if (m->bytes != NULL) memcpy(heard.bytes, m->bytes, m->got < 128 ? m->got : 128);
}

static struct sim_dump *dump;

static void start(bool addressed)
{
    memset(&heard, 0, sizeof heard);
    dump = sim_dump_open(addressed, on_message, NULL);
    ck_assert_ptr_nonnull(dump);
}

static void hear(const char *text, uint64_t ns)
{
    struct isotp_frame f;
    ck_assert_msg(sim_frame_parse(text, &f), "%s", text);
    sim_dump_frame(dump, &f, ns);
}

START_TEST(messages_of_two_ecus_at_once_are_told_apart)
{
    start(false);
    hear("7E0#10093601AABBCCDD", 1);
    hear("7E2#100A360111223344", 2);
    hear("7E8#300000", 3);
    hear("7E0#21EEFF01", 4);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(heard.last.id, 0x7E0);
    ck_assert_uint_eq(heard.last.length, 9);
    ck_assert_uint_eq(heard.last.frames, 2);
    ck_assert_uint_eq(heard.last.first_ns, 1);
    ck_assert_uint_eq(heard.last.last_ns, 4);
    ck_assert_mem_eq(heard.bytes, "\x36\x01\xAA\xBB\xCC\xDD\xEE\xFF\x01", 9);
    hear("7E2#2155667788", 5);
    ck_assert_mem_eq(heard.bytes, "\x36\x01\x11\x22\x33\x44\x55\x66\x77\x88", 10);
    sim_dump_close(dump);
    ck_assert_uint_eq(heard.count, 2);
}
END_TEST

START_TEST(a_missing_frame_breaks_a_message_off)
{
    start(false);
    hear("7E0#10143601AABBCCDD", 1);
    hear("7E0#2201020304050607", 2);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_ptr_nonnull(strstr(heard.last.broken, "missing"));
    ck_assert_uint_eq(heard.last.got, 6);
    hear("7E0#2301020304050607", 3); /* of nothing */
    ck_assert_uint_eq(heard.count, 1);
    hear("7E0#10143601AABBCCDD", 4);
    hear("7E0#023E00", 5); /* another one instead */
    ck_assert_uint_eq(heard.count, 3);
    ck_assert_ptr_null(heard.last.broken);
    hear("7E0#10143601AABBCCDD", 6);
    sim_dump_close(dump);
    ck_assert_ptr_nonnull(strstr(heard.last.broken, "end of the recording"));
}
END_TEST

START_TEST(fd_frames_long_lengths_and_addresses_are_read)
{
    char first[160], next[160];
    start(false);
    hear("7E0##1000A3601AABBCCDDEEFF0011", 1); /* escape: ten bytes in one frame */
    ck_assert_uint_eq(heard.last.length, 10);
    snprintf(first, sizeof first, "7E0##1100000001388%0116d", 0);
    hear(first, 2);
    snprintf(next, sizeof next, "7E0##121%0126d", 0);
    hear(next, 3);
    ck_assert_uint_eq(heard.count, 1);
    sim_dump_close(dump);
    ck_assert_uint_eq(heard.last.length, 5000);
    ck_assert_uint_eq(heard.last.got, 58 + 63);

    start(true);
    hear("7E0#F1023E00", 1);
    ck_assert_int_eq(heard.last.address, 0xF1);
    ck_assert_mem_eq(heard.bytes, "\x3E\x00", 2);
    sim_dump_close(dump);
}
END_TEST

static const char *const nonsense[] = {
    "7E0#",   "7E0#00", "7E0#0811223344556677", "7E0#0311", "7E0#1007AABBCC", "7E0#1006AABBCCDD", "7E0#4011",
    "7E0#30", "7E0#R8", "7E0#10000000000FAABB"};

START_TEST(what_breaks_the_rules_is_no_message)
{
    struct isotp_frame f;
    char text[64];
    start(false);
    hear(nonsense[_i], 1);
    ck_assert_uint_eq(heard.count, 0);
    ck_assert(sim_frame_parse(nonsense[_i], &f));
    sim_dump_explain(&f, false, text, sizeof text);
    ck_assert_str_eq(text, "-");
    sim_dump_close(dump);
    ck_assert_uint_eq(heard.count, 0);
}
END_TEST

START_TEST(a_length_beyond_all_memory_is_counted_only)
{
    start(false);
    hear("7E0#1000FFFFFFFFAABB", 1);
    hear("7E0#2101020304050607", 2);
    sim_dump_close(dump);
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(heard.last.length, 0xFFFFFFFF);
    ck_assert_uint_eq(heard.last.got, 9);
    ck_assert_ptr_null(heard.last.bytes);
}
END_TEST

START_TEST(the_message_that_rests_longest_gives_way)
{
    char text[64];
    start(false);
    for (unsigned i = 0; i <= SIM_DUMP_MESSAGES; i++) {
        snprintf(text, sizeof text, "%03X#10143601AABBCCDD", 0x100 + i);
        hear(text, i);
    }
    ck_assert_uint_eq(heard.count, 1);
    ck_assert_uint_eq(heard.last.id, 0x100);
    sim_dump_close(dump);
    ck_assert_uint_eq(heard.count, 1 + SIM_DUMP_MESSAGES);
}
END_TEST

START_TEST(services_and_frames_have_their_names)
{
    struct isotp_frame f;
    char text[96];
    sim_dump_uds((const uint8_t *)"\x36\x01\xAA", 3, text, sizeof text);
    ck_assert_str_eq(text, "TransferData 01");
    sim_dump_uds((const uint8_t *)"\x76\x01", 2, text, sizeof text);
    ck_assert_str_eq(text, "TransferData: ok 01");
    sim_dump_uds((const uint8_t *)"\x7F\x36\x73", 3, text, sizeof text);
    ck_assert_str_eq(text, "TransferData refused: 73 wrongBlockSequenceCounter");
    sim_dump_uds((const uint8_t *)"\x62\xF1\x90", 3, text, sizeof text);
    ck_assert_str_eq(text, "ReadDataByIdentifier: ok F190");
    sim_dump_uds((const uint8_t *)"\x62\xF1\x90", 3, text, 10);
    ck_assert_str_eq(text, "ReadDataB");
    ck_assert(sim_frame_parse("7E8#310805", &f));
    sim_dump_explain(&f, false, text, sizeof text);
    ck_assert_str_eq(text, "[FC] wait, block size 8, STmin 05");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dump");
    TCase *c = tcase_create("dump");
    tcase_add_test(c, messages_of_two_ecus_at_once_are_told_apart);
    tcase_add_test(c, a_missing_frame_breaks_a_message_off);
    tcase_add_test(c, fd_frames_long_lengths_and_addresses_are_read);
    tcase_add_loop_test(c, what_breaks_the_rules_is_no_message, 0, (int)(sizeof nonsense / sizeof *nonsense));
    tcase_add_test(c, a_length_beyond_all_memory_is_counted_only);
    tcase_add_test(c, the_message_that_rests_longest_gives_way);
    tcase_add_test(c, services_and_frames_have_their_names);
    suite_add_tcase(s, c);
    return suite_run(s);
}
