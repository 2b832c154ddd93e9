/* Faults and attacks on frames: rules as text, which frames they hit, what becomes of them, error counters.
 */
#include "sim/confine.h"
#include "sim/tamper.h"
#include "tests/suite.h"

#include <linux/can/error.h>
#include <string.h>

static char why[256];

static struct sim_rule rule(const char *line)
{
    struct sim_rule r;
    ck_assert_msg(sim_rule_parse(line, &r, why, sizeof why), "%s: %s", line, why);
    return r;
}

static const struct {
    const char *line, *says;
} wrong[] = {
    {"", "nothing: not something to do"},
    {"explode", "explode: not something to do"},
    {"drop id", "id: write KEY=VALUE"},
    {"drop colour=red", "colour: no such key"},
    {"drop id=7E8 id=7E9", "id is there twice"},
    {"drop id=7E", "id=7E: give an identifier"},
    {"drop id=800", "id=800: give"},
    {"drop id=20000000", "give an identifier"},
    {"drop id=7E8-7E0", "give an identifier"},
    {"drop id=7E8-000007E9", "give an identifier"},
    {"drop data=123", "give the first payload bytes"},
    {"drop data=", "give the first payload bytes"},
    {"drop data=zz", "give the first payload bytes"},
    {"drop chance=101", "give a percentage"},
    {"drop chance=nan", "give a percentage"},
    {"drop from=0", "give 1 for the first"},
    {"drop count=0", "whole number above 0"},
    {"drop skip=-1", "whole number"},
    {"drop skip=4294967296", "whole number"},
    {"drop at=2", "a time such as"},
    {"drop for=0s", "a time such as"},
    {"drop by=2s", "drop has no by"},
    {"delay id=7E8", "delay needs by="},
    {"alter id=7E8", "alter needs set="},
    {"alter set=64:00", "a byte's number"},
    {"alter set=63:0000", "a byte's number"},
    {"alter set=1", "a byte's number"},
    {"send at=1s", "send needs frame="},
    {"send frame=7E0", "a frame such as"},
    {"send frame=7E0#0", "a frame such as"},
    {"send frame=7E0#001122334455667788", "a frame such as"},
    {"send frame=7E0##8", "a frame such as"},
    {"send frame=7E0#R9", "a frame such as"},
    {"send frame=7E0#00 id=7E0", "send has no id"},
};

START_TEST(a_wrong_rule_is_refused_with_its_reason)
{
    struct sim_rule r;
    ck_assert_msg(!sim_rule_parse(wrong[_i].line, &r, why, sizeof why), "%s", wrong[_i].line);
    ck_assert_msg(strstr(why, wrong[_i].says) != NULL, "%s: %s", wrong[_i].line, why);
}
END_TEST

START_TEST(a_rule_says_which_frames_and_what)
{
    struct sim_rule r =
        rule("alter id=18DA10F1-18DAFFF1 data=x036.. chance=0.5 skip=2 count=3 at=1.5s for=250ms "
             "from=2 set=2:00FF");
    ck_assert_int_eq(r.deed, SIM_ALTER);
    ck_assert_uint_eq(r.id_first, ISOTP_ID_EXTENDED | 0x18DA10F1);
    ck_assert_uint_eq(r.id_last, ISOTP_ID_EXTENDED | 0x18DAFFF1);
    ck_assert_uint_eq(r.pattern_bytes, 3);
    ck_assert_mem_eq(r.mask, "\x0F\xFF\x00", 3);
    ck_assert_mem_eq(r.pattern, "\x00\x36\x00", 3);
    ck_assert_uint_eq(r.chance_ppm, 5000);
    ck_assert_uint_eq(r.skip, 2);
    ck_assert_uint_eq(r.count, 3);
    ck_assert_uint_eq(r.begin_ns, 1500000000);
    ck_assert_uint_eq(r.end_ns, 1750000000);
    ck_assert_int_eq(r.from, 1);
    ck_assert_uint_eq(r.at, 2);
    ck_assert_uint_eq(r.bytes, 2);
}
END_TEST

START_TEST(frames_are_read_as_cansend_takes_them)
{
    struct isotp_frame f;
    ck_assert(sim_frame_parse("123#11.22.33", &f));
    ck_assert_uint_eq(f.id, 0x123);
    ck_assert_uint_eq(f.len, 3);
    ck_assert(sim_frame_parse("00000123##3112233445566778899", &f));
    ck_assert_uint_eq(f.id, ISOTP_ID_EXTENDED | 0x123);
    ck_assert_uint_eq(f.flags, ISOTP_FD | ISOTP_BRS | ISOTP_ESI);
    ck_assert_uint_eq(f.len, 12);
    ck_assert(sim_frame_parse("7FF#R3", &f));
    ck_assert_uint_eq(f.flags, ISOTP_RTR);
    ck_assert_uint_eq(f.len, 3);
    ck_assert(!sim_frame_parse("7FF", &f));
    ck_assert(!sim_frame_parse("7FF#1", &f));
}
END_TEST

START_TEST(a_script_is_read_line_by_line)
{
    char text[] =
        "# for the bench\n\n  drop id=7E8 count=1  # the first\nsend frame=7DF#023E80 every=1s\nhum\n";
    struct sim_rule rules[SIM_RULES_MAX];
    size_t n = 0;
    FILE *f = fmemopen(text, sizeof text - 1, "r");
    ck_assert(!sim_rules_read(f, "bad.rules", rules, &n, why, sizeof why));
    fclose(f);
    ck_assert_uint_eq(n, 2);
    ck_assert_ptr_nonnull(strstr(why, "bad.rules:5: hum: not something to do"));
    ck_assert_int_eq(rules[1].deed, SIM_SEND);
}
END_TEST

START_TEST(more_rules_than_there_is_room_for_are_refused)
{
    char text[SIM_RULES_MAX * 5 + 6] = "";
    struct sim_rule rules[SIM_RULES_MAX];
    size_t n = 0;
    for (int i = 0; i <= SIM_RULES_MAX; i++) strcat(text, "drop\n");
    FILE *f = fmemopen(text, strlen(text), "r");
    ck_assert(!sim_rules_read(f, "many", rules, &n, why, sizeof why));
    fclose(f);
    ck_assert_ptr_nonnull(strstr(why, "many:33: more than 32 rules"));
}
END_TEST

/* --- judging --- */

static struct sim_tamper tamper;
static const struct sim_bus_faults none = {.seed = 1};

static void arm(const char *line)
{
    struct sim_rule r = rule(line);
    sim_tamper_init(&tamper, &r, 1);
}

static struct sim_fate judge(uint32_t id, const char *hex, uint64_t at_ns)
{
    char text[64];
    struct isotp_frame f;
    snprintf(text, sizeof text, "%03X#%s", id, hex);
    ck_assert(sim_frame_parse(text, &f));
    return sim_tamper_judge(&tamper, &none, &f, 0, at_ns);
}

START_TEST(a_rule_hits_what_it_names_and_nothing_else)
{
    arm("drop id=700-7EF data=x3 skip=1 count=2 at=1s for=1s");
    ck_assert(!judge(0x7E8, "03", 999999999).drop); /* too early */
    ck_assert(!judge(0x7F0, "03", 1000000000).drop);
    ck_assert(!judge(0x7E8, "04", 1000000000).drop);
    ck_assert(!judge(0x7E8, "", 1000000000).drop);
    ck_assert(!judge(0x7E8, "03", 1000000000).drop); /* skipped */
    ck_assert(judge(0x700, "F3", 1000000000).drop);
    ck_assert(judge(0x7EF, "03", 1999999999).drop);
    ck_assert(!judge(0x7E8, "03", 1999999999).drop); /* enough */
    ck_assert_uint_eq(tamper.done[SIM_DROP], 2);
    arm("drop at=1s for=1s");
    ck_assert(!judge(0x7E8, "03", 2000000000).drop); /* too late */
    arm("drop from=2");
    ck_assert(!judge(0x7E8, "03", 0).drop);
}
END_TEST

START_TEST(a_chance_is_kept_within_reason)
{
    unsigned hit = 0;
    arm("drop chance=25");
    for (unsigned i = 0; i < 4000; i++) hit += judge(0x7E8, "00", 0).drop;
    ck_assert_uint_gt(hit, 900);
    ck_assert_uint_lt(hit, 1100);
}
END_TEST

START_TEST(altered_bytes_are_those_that_the_rule_says)
{
    struct isotp_frame f;
    arm("alter id=7E8 set=2:A1A2");
    ck_assert(sim_frame_parse("7E8#0011223344", &f));
    (void)sim_tamper_judge(&tamper, &none, &f, 0, 0);
    ck_assert_mem_eq(f.data, "\x00\x11\xA1\xA2\x44", 5);
    ck_assert(sim_frame_parse("7E8#001122", &f)); /* shorter than the change */
    (void)sim_tamper_judge(&tamper, &none, &f, 0, 0);
    ck_assert_mem_eq(f.data, "\x00\x11\xA1\x00", 4);
    ck_assert_uint_eq(f.len, 3);
}
END_TEST

START_TEST(a_delayed_frame_comes_when_its_time_is_up_and_others_pass)
{
    int from;
    arm("delay id=7E8 by=5ms");
    ck_assert(judge(0x7E8, "01", 1000).drop);
    ck_assert(!judge(0x123, "02", 2000).drop);
    ck_assert_uint_eq(sim_tamper_due(&tamper), 5001000);
    ck_assert_ptr_null(sim_tamper_next(&tamper, 5000999, &from));
    const struct isotp_frame *f = sim_tamper_next(&tamper, 5001000, &from);
    ck_assert_uint_eq(f->id, 0x7E8);
    ck_assert_int_eq(from, 0);
    sim_tamper_sent(&tamper, 5001000, 5001000);
    ck_assert_uint_eq(sim_tamper_due(&tamper), SIM_NEVER);
}
END_TEST

START_TEST(a_reordered_frame_comes_after_the_next_or_after_a_while)
{
    int from;
    arm("reorder count=1");
    ck_assert(judge(0x7E8, "01", 0).drop);
    ck_assert_ptr_null(sim_tamper_next(&tamper, 9999999, &from));
    ck_assert_ptr_nonnull(sim_tamper_next(&tamper, 10000000, &from)); /* nothing overtook it */
    ck_assert(!judge(0x123, "02", 500).drop);
    ck_assert_ptr_nonnull(sim_tamper_next(&tamper, 500, &from));
}
END_TEST

START_TEST(what_finds_no_room_passes)
{
    arm("delay by=1s");
    for (int i = 0; i < SIM_HELD_MAX; i++) ck_assert(judge(0x7E8, "01", 0).drop);
    ck_assert(!judge(0x7E8, "01", 0).drop);
    ck_assert_uint_eq(tamper.done[SIM_DELAY], SIM_HELD_MAX);
}
END_TEST

START_TEST(a_frame_is_sent_at_its_times)
{
    int from;
    arm("send frame=7DF#023E80 at=1s every=100ms count=3");
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t at = 1000000000 + i * 100000000;
        ck_assert_uint_eq(sim_tamper_due(&tamper), at);
        ck_assert_ptr_nonnull(sim_tamper_next(&tamper, at, &from));
        ck_assert_int_eq(from, -1);
        sim_tamper_sent(&tamper, at, at + 100);
    }
    ck_assert_uint_eq(sim_tamper_due(&tamper), SIM_NEVER);
    arm("send frame=7DF#023E80");
    sim_tamper_sent(&tamper, 0, 100);
    ck_assert_uint_eq(sim_tamper_due(&tamper), SIM_NEVER);
}
END_TEST

/* --- error counters --- */

START_TEST(thirty_two_disturbed_frames_take_a_node_off_the_bus)
{
    struct sim_confinement c = {0};
    for (int i = 1; i <= 32; i++) {
        sim_confine_send_error(&c);
        ck_assert_int_eq(sim_confine_state(&c), i < 12   ? SIM_ERROR_ACTIVE
                                                : i < 16 ? SIM_ERROR_WARNING
                                                : i < 32 ? SIM_ERROR_PASSIVE
                                                         : SIM_BUS_OFF);
    }
    ck_assert_uint_eq(c.tec, 256);
    sim_confine_quiet(&c, 127);
    ck_assert_int_eq(sim_confine_state(&c), SIM_BUS_OFF);
    sim_confine_quiet(&c, 1);
    ck_assert_int_eq(sim_confine_state(&c), SIM_ERROR_ACTIVE);
    ck_assert_uint_eq(c.tec, 0);
}
END_TEST

START_TEST(who_only_receives_never_goes_off_the_bus)
{
    struct sim_confinement c = {0};
    for (int i = 0; i < 1000; i++) sim_confine_receive_error(&c);
    ck_assert_int_eq(sim_confine_state(&c), SIM_ERROR_PASSIVE);
    sim_confine_received(&c);
    ck_assert_uint_ge(c.rec, 119);
    ck_assert_uint_le(c.rec, 127);
    for (int i = 0; i < 200; i++) sim_confine_received(&c);
    ck_assert_uint_eq(c.rec, 0);
}
END_TEST

START_TEST(eight_good_frames_make_up_for_one_error)
{
    struct sim_confinement c = {0};
    sim_confine_send_error(&c);
    for (int i = 0; i < 8; i++) sim_confine_sent(&c);
    ck_assert_uint_eq(c.tec, 0);
    sim_confine_sent(&c);
    ck_assert_uint_eq(c.tec, 0);
}
END_TEST

START_TEST(a_change_of_state_is_told_as_linux_does)
{
    struct sim_confinement c = {.tec = 130, .rec = 7};
    struct isotp_frame f = sim_confine_changed(&c, true);
    ck_assert_uint_eq(f.flags, ISOTP_ERROR);
    ck_assert(f.id & CAN_ERR_CRTL);
    ck_assert_uint_eq(f.data[1], CAN_ERR_CRTL_TX_PASSIVE);
    ck_assert_uint_eq(f.data[6], 130);
    ck_assert_uint_eq(f.data[7], 7);
    c.tec = 256;
    ck_assert(sim_confine_changed(&c, true).id & CAN_ERR_BUSOFF);
    ck_assert_uint_eq(sim_confine_restarted().id, CAN_ERR_RESTARTED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tamper");
    TCase *c = tcase_create("tamper");
    const TTest *const tests[] = {
        a_rule_says_which_frames_and_what,
        frames_are_read_as_cansend_takes_them,
        a_script_is_read_line_by_line,
        more_rules_than_there_is_room_for_are_refused,
        a_rule_hits_what_it_names_and_nothing_else,
        a_chance_is_kept_within_reason,
        altered_bytes_are_those_that_the_rule_says,
        a_delayed_frame_comes_when_its_time_is_up_and_others_pass,
        a_reordered_frame_comes_after_the_next_or_after_a_while,
        what_finds_no_room_passes,
        a_frame_is_sent_at_its_times,
        thirty_two_disturbed_frames_take_a_node_off_the_bus,
        who_only_receives_never_goes_off_the_bus,
        eight_good_frames_make_up_for_one_error,
        a_change_of_state_is_told_as_linux_does,
    };
    tcase_add_loop_test(c, a_wrong_rule_is_refused_with_its_reason, 0, (int)(sizeof wrong / sizeof *wrong));
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(c, tests[i]);
    suite_add_tcase(s, c);
    return suite_run(s);
}
