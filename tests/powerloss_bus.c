/* Power fails between any two frames of an update: of one Secondary, of the other, or of the Primary, which
 * may then be gone for long. A whole Primary with a bundle of two real Secondaries, one of which verifies in
 * full, in every layout. After the next cycle the bundle is not mixed, and after one more everybody is where
 * the order says: on the new image, or on the old one where a member was not well. Also with somebody else on
 * the bus who says anything in between. Every frame with ISOCTANE_THOROUGH set, else a sample. */
#include "tests/lib_ecu.h"
#include "tests/lib_firmware.h"
#include "tests/lib_slots.h"
#include "tests/suite.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMBERS 2
#define IMAGE   3300u
#define LAYOUTS 3

static const char *const layouts[LAYOUTS] = {"two slots", "swap", "one slot"};
static struct yard y;
static struct firmware members[MEMBERS];
static uint32_t fuse;

/* Frame after frame; a sample begins elsewhere in each sweep. */
static unsigned stride(unsigned sample)
{
    return getenv("ISOCTANE_THOROUGH") != NULL ? 1 : sample;
}

/* Image WHAT for both, together. */
static void publish(const char *what, unsigned counter)
{
    const char *const names[MEMBERS] = {"brake", "radio"};
    char *order[MEMBERS], *listed[MEMBERS];
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct up_span image = ecu_image(IMAGE, counter * MEMBERS + i); /* it lives on */
        order[i] =
            firmware_order(&y, i, author_text("%s-%s", names[i], what), counter, image, "pair", &listed[i]);
    }
    y.version++;
    site_publish_with(&y.site, UP_DIRECTOR, y.version, author_text("%s,%s", order[0], order[1]), "", "");
    site_publish_with(&y.site, UP_IMAGE, y.version, author_text("%s,%s", listed[0], listed[1]), "", "");
}

/* Everybody knows everybody; then the order comes. */
static void begin(enum sec_layout_kind layout)
{
    char *ignored;
    yard_open(&y);
    for (unsigned i = 0; i < MEMBERS; i++) firmware_open(&members[i], &y, i, layout, i == 1);
    (void)firmware_order(&y, 0, "old", 1, UP_SPAN("old 1"), NULL, &ignored); /* backups come from there */
    (void)(yard_publish(&y, ""), yard_good(&y));
    publish("new", 2);
}

static void end(void)
{
    for (unsigned i = 0; i < MEMBERS; i++) firmware_close(&members[i]);
    yard_close(&y);
}

static bool runs(unsigned i, const char *what)
{
    return strstr(firmware_runs(&members[i]), what) != NULL;
}

static bool both_run(const char *what)
{
    return runs(0, what) && runs(1, what);
}

/* The next cycle ends what is mixed; one more brings everybody to WHAT. */
static void heals(const char *what, const char *sweep, unsigned n)
{
    (void)yard_cycle(&y, PRI_UPDATE);
    ck_assert_msg(both_run("old") || both_run("new"), "%s, frame %u: mixed after a whole cycle: %s and %s",
                  sweep, n, firmware_runs(&members[0]), firmware_runs(&members[1]));
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    ck_assert_msg(o->err == UP_OK && both_run(what), "%s, frame %u: then %s %s: %s and %s", sweep, n,
                  up_err_name(o->err), o->detail, firmware_runs(&members[0]), firmware_runs(&members[1]));
}

/* ---- power ---- */

static const struct cut {
    const char *name;
    int member;       /* whose power fails; -1: the Primary's */
    unsigned away_s;  /* the Primary is gone for so long */
    bool sick;        /* one member's self-test fails */
    const char *ends; /* with this image */
} cuts[] = {
    {"a Secondary", 0, 0, false, "new"},
    {"the other Secondary", 1, 0, false, "new"},
    {"the Primary", -1, 0, false, "new"},
    {"the Primary, and it is gone for longer than a trial", -1, 700, false, "new"},
    {"a Secondary while the other one is not well", 0, 0, true, "old"},
    {"the Primary while a Secondary is not well", -1, 0, true, "old"},
};
#define CUTS ((int)(sizeof cuts / sizeof *cuts))

/* False: the cycle was over before that frame. */
static bool cycle_with_cut(const struct cut *c, unsigned n)
{
    fuse = n;
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct lib_link *w = &y.units[i].wire;
        if (c->member < 0) w->a.fuse = &fuse;
        if (c->member == (int)i) w->b.fuse = &fuse;
    }
    pri_begin(y.pri, PRI_UPDATE, y.now_us);
    bool goes_on = true;
    while (goes_on && (c->member >= 0 || fuse > 0)) goes_on = yard_turn(&y);
    const bool cut = fuse == 0;
    for (unsigned i = 0; i < MEMBERS; i++) y.units[i].wire.a.fuse = y.units[i].wire.b.fuse = NULL;
    if (goes_on) yard_cut(&y); /* the Primary's power failed */
    if (cut && c->away_s > 0) yard_pass(&y, c->away_s);
    return cut;
}

START_TEST(power_fails_between_two_frames)
{
    const struct cut *c = &cuts[_i / LAYOUTS];
    const unsigned layout = (unsigned)_i % LAYOUTS, step = stride(29);
    const char *sweep = author_text("%s, %s", layouts[layout], c->name);
    unsigned points = 0, n = 1 + (unsigned)_i % step;
    for (bool cut = true; cut; n += step, points += cut) {
        begin((enum sec_layout_kind)layout);
        members[1].sick = c->sick;
        cut = cycle_with_cut(c, n);
        lib_fetch_end(&y.site.net);
        heals(c->ends, sweep, n);
        end();
    }
    (void)printf("%s: %u of some %u frames\n", sweep, points, n - step);
    ck_assert_uint_gt(points * step, 100);
}
END_TEST

/* ---- somebody else ---- */

#define ZEROS 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

static const struct word { /* a whole CAN FD frame on the Primary's identifier */
    const char *name;
    unsigned times;
    uint8_t n, data[64];
} words[] = {
    {"default session", 1, 3, {2, UDS_SESSION_CONTROL, UDS_DEFAULT}},
    {"programming session", 1, 3, {2, UDS_SESSION_CONTROL, UDS_PROGRAMMING}},
    {"extended session", 1, 3, {2, UDS_SESSION_CONTROL, UDS_EXTENDED}},
    {"reset", 1, 3, {2, UDS_ECU_RESET, UDS_HARD_RESET}},
    {"an image from its begin", 1, 13, {0, 11, UDS_REQUEST_DOWNLOAD, 0, 0x44, 0, 0, 0, 0, 0, 0, 7, 0x6C}},
    {"a block", 1, 8, {7, UDS_TRANSFER_DATA, 1, 1, 2, 3, 4, 5}},
    {"a later block", 1, 8, {7, UDS_TRANSFER_DATA, 2, 1, 2, 3, 4, 5}},
    {"the end of a transfer", 1, 2, {1, UDS_TRANSFER_EXIT}},
    {"verify metadata", 1, 5, {4, UDS_ROUTINE_CONTROL, UDS_START, 3, 0x10}},
    {"verify image", 1, 5, {4, UDS_ROUTINE_CONTROL, UDS_START, 0xFF, 1}},
    {"activate another order", 1, 38, {0, 36, UDS_ROUTINE_CONTROL, UDS_START, 3, 0x12, ZEROS, ZEROS}},
    {"confirm another order", 1, 38, {0, 36, UDS_ROUTINE_CONTROL, UDS_START, 3, 0x13, ZEROS, ZEROS}},
    {"revert another order", 1, 38, {0, 36, UDS_ROUTINE_CONTROL, UDS_START, 3, 0x14, ZEROS, ZEROS}},
    {"the begin of a long message", 1, 8, {0x12, 0x00, 0x36, 1, 1, 1, 1, 1}},
    {"a frame in between", 1, 8, {0x23, 9, 9, 9, 9, 9, 9, 9}},
    {"wait for ever", 8, 3, {0x31, 0, 0}},
    {"a flood of sessions", 60, 3, {2, UDS_SESSION_CONTROL, UDS_EXTENDED}},
    {"a flood of resets", 20, 3, {2, UDS_ECU_RESET, UDS_HARD_RESET}},
};
#define WORDS (sizeof words / sizeof *words)

static void say(unsigned i, const struct word *w)
{
    struct lib_link_end *end = &y.units[i].wire.a;
    struct isotp_frame f = {.id = y.units[i].channel.rx_id, .flags = ISOTP_FD, .len = isotp_frame_len(w->n)};
    memcpy(f.data, w->data, w->n);
    for (unsigned k = 0; k < w->times; k++) (void)end->link.ops->send(&end->link, &f, 1);
}

/* When so many frames have passed the Primary's ends, W is said to member I. */
static bool cycle_with_word(const struct word *w, unsigned i, unsigned n)
{
    bool said = false;
    fuse = UINT32_MAX;
    y.units[i].wire.a.fuse = &fuse;
    pri_begin(y.pri, PRI_UPDATE, y.now_us);
    while (yard_turn(&y)) {
        if (said || UINT32_MAX - fuse < n) continue;
        say(i, w);
        said = true;
    }
    y.units[i].wire.a.fuse = NULL;
    return said;
}

/* Whoever writes into a transfer can spoil it: then the order fails as a whole, and the next one is not
 * touched by it. Returns whether it came to that. */
static bool survives(const char *sweep, unsigned n)
{
    for (unsigned cycle = 0; cycle < 2; cycle++) (void)yard_cycle(&y, PRI_UPDATE);
    ck_assert_msg(both_run("old") || both_run("new"), "%s, frame %u: %s and %s", sweep, n,
                  firmware_runs(&members[0]), firmware_runs(&members[1]));
    if (both_run("new")) return false;
    publish("next", 3);
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    ck_assert_msg(o->err == UP_OK && both_run("next"), "%s, frame %u: then %s %s: %s and %s", sweep, n,
                  up_err_name(o->err), o->detail, firmware_runs(&members[0]), firmware_runs(&members[1]));
    return true;
}

START_TEST(a_second_tester_says_anything_between_two_frames)
{
    const unsigned layout = (unsigned)_i, step = stride(37);
    unsigned points = 0, finished = 0, failed = 0;
    for (unsigned k = 0; k < WORDS; k++)
        for (unsigned n = 1 + k * 5 % step;; n += step) {
            begin((enum sec_layout_kind)layout);
            const bool said = cycle_with_word(&words[k], k % MEMBERS, n);
            lib_fetch_end(&y.site.net);
            points++;
            finished += both_run("new");
            failed += survives(author_text("%s, %s", layouts[layout], words[k].name), n);
            end();
            if (!said) break;
        }
    (void)printf("%s, a second tester: %u words; %u updates came through at once, %u with the next order\n",
                 layouts[layout], points, finished, failed);
    ck_assert_uint_gt(finished, failed);
}
END_TEST

/* With an argument: the second tester only, in that layout (0 to 2). */
int main(int argc, char **argv)
{
    const int first = argc > 1 ? atoi(argv[1]) : 0, last = argc > 1 ? first + 1 : LAYOUTS;
    Suite *s = suite_create("powerloss_bus");
    TCase *c = tcase_create("powerloss_bus");
    tcase_set_timeout(c, 3600);
    if (argc == 1) tcase_add_loop_test(c, power_fails_between_two_frames, 0, CUTS * LAYOUTS);
    tcase_add_loop_test(c, a_second_tester_says_anything_between_two_frames, first, last);
    suite_add_tcase(s, c);
    return suite_run(s);
}
