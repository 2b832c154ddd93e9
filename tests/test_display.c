#include "primary/display.h"
#include "tests/suite.h"

#include <string.h>

static struct pri_display *display;
static FILE *out;
static char *text;
static size_t text_bytes;

static void begin(unsigned columns, bool quiet)
{
    out = open_memstream(&text, &text_bytes);
    display = pri_display_open(out, columns, quiet);
    ck_assert_ptr_nonnull(display);
}

/* What has been written since the last call. */
static void expect(const char *expected)
{
    static size_t seen;
    fflush(out);
    ck_assert_str_eq(text + seen, expected);
    seen = text_bytes;
}

static void end(void)
{
    pri_display_close(display);
    fclose(out);
    free(text);
}

static void show(const char *ecu, const char *what, uint64_t done, uint64_t total, uint64_t now_ms)
{
    struct pri_progress p = {ecu, what, done, total};
    pri_display_progress(display, &p, now_ms * 1000);
}

START_TEST(an_event_is_one_line_of_pairs)
{
    begin(0, false);
    struct pri_event e = {1767225600, 1000001,    "",
                          "director", UP_EXPIRED, "director timestamp.json: expired"};
    pri_display_event(display, &e);
    expect("level=warning time=2026-01-01T00:00:00Z cycle=1000001 event=director error=EXPIRED attack=freeze "
           "detail=\"director timestamp.json: expired\"\n");
    e = (struct pri_event){0, 2, "brake", "updated", UP_OK, "fw-2.bin"};
    pri_display_event(display, &e);
    expect("level=info cycle=2 ecu=brake event=updated detail=fw-2.bin\n");
    e = (struct pri_event){0, 3, "", "x", UP_STORAGE_FULL, ""};
    pri_display_event(display, &e);
    expect("level=error cycle=3 event=x error=STORAGE_FULL\n");
    pri_display_note(display, "info", "start", "0.1.0");
    expect("level=info event=start detail=0.1.0\n");
    end();
}
END_TEST

START_TEST(what_others_said_cannot_forge_a_line)
{
    begin(0, false);
    struct pri_event e = {0, 1, "", "time", UP_TIME_SIG, "a\nlevel=info \"x\\\x1b[2J\xC3\xA4="};
    pri_display_event(display, &e);
    expect("level=warning cycle=1 event=time error=TIME_SIG attack=freeze "
           "detail=\"a\\x0alevel=info \\\"x\\\\\\x1b[2J\\xc3\\xa4=\"\n");
    char flood[5000];
    memset(flood, 'A', sizeof flood - 1);
    flood[sizeof flood - 1] = '\0';
    e.detail = flood;
    pri_display_event(display, &e);
    fflush(out);
    ck_assert_uint_lt(text_bytes, 1000);
    end();
}
END_TEST

START_TEST(quiet_tells_failures_only)
{
    begin(0, true);
    struct pri_event e = {0, 1, "", "updated", UP_OK, ""};
    pri_display_event(display, &e);
    show("brake", "prepare", 1, 2, 0);
    pri_display_note(display, "info", "start", "");
    expect("");
    pri_display_note(display, "warning", "bus", "down");
    expect("level=warning event=bus detail=down\n");
    e.err = UP_TOO_SLOW;
    pri_display_event(display, &e);
    expect("level=warning cycle=1 event=updated error=TOO_SLOW attack=slow-retrieval\n");
    end();
}
END_TEST

START_TEST(without_a_terminal_progress_comes_in_quarters)
{
    begin(0, false);
    for (uint64_t done = 0; done <= 1000; done += 10) show("brake", "prepare", done, 1000, done);
    show("brake", "prepare", 1000, 1000, 2000); /* told again: nothing new */
    show("brake", "prepare", 0, 1000, 2000);    /* its next step counts anew */
    show("brake", "activate", 0, 0, 2000);
    show("brake", "activate", 0, 0, 2100);
    expect("level=info event=progress ecu=brake what=prepare done=0 total=1000\n"
           "level=info event=progress ecu=brake what=prepare done=250 total=1000\n"
           "level=info event=progress ecu=brake what=prepare done=500 total=1000\n"
           "level=info event=progress ecu=brake what=prepare done=750 total=1000\n"
           "level=info event=progress ecu=brake what=prepare done=1000 total=1000\n"
           "level=info event=progress ecu=brake what=activate\n");
    end();
}
END_TEST

#define UP(n) "\x1b[" n "A\r\x1b[J"

START_TEST(a_terminal_shows_a_bar_per_ecu)
{
    begin(100, false);
    show("brake", "prepare", 0, 4000, 1000);
    expect("brake                    prepare  [........................]   0 %  0 B  0 B/s\n");
    show("brake", "prepare", 1000, 4000, 1050); /* too soon to draw again */
    expect("");
    show("brake", "prepare", 2000, 4000, 3000);
    expect(UP("1") "brake                    prepare  [############............]  50 %  2.0 KiB  1.0 KiB/s  "
                   "0:02 left\n");
    show("radar", "activate", 0, 0, 3000);
    expect(UP("1") "brake                    prepare  [############............]  50 %  2.0 KiB  1.0 KiB/s  "
                   "0:02 left\n"
                   "radar                    activate \n");
    show("brake", "prepare", 4000, 4000, 5000); /* its last line stays, the others move below it */
    expect(UP("2") "brake                    prepare  [########################] 100 %  3.9 KiB  1.0 KiB/s  "
                   "in 4.0 s\n"
                   "radar                    activate \n");
    show("brake", "prepare", 4000, 4000, 6000);
    expect("");
    struct pri_event e = {0, 1, "radar", "updated", UP_OK, ""};
    pri_display_event(display, &e);
    expect(UP("1") "level=info cycle=1 ecu=radar event=updated\nradar                    activate \n");
    pri_display_rest(display);
    expect(UP("1"));
    end();
}
END_TEST

START_TEST(a_resumed_transfer_is_no_faster_for_what_it_has)
{
    begin(100, false);
    show("brake", "prepare", 3000, 4000, 1000);
    show("brake", "prepare", 3500, 4000, 2000);
    expect("brake                    prepare  [##################......]  75 %  2.9 KiB  0 B/s\n" UP(
        "1") "brake                    prepare  [#####################...]  87 %  3.4 KiB  500 B/s  0:01 "
             "left\n");
    end();
}
END_TEST

START_TEST(bars_fit_the_terminal_whatever_they_are_told)
{
    char name[201];
    begin(40, false);
    memset(name, '\x1b', 200);
    name[200] = '\0';
    show(name, "download", 99, 10, 1000); /* more than all */
    expect("???????????????????????? download [####\n");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "ecu-%d", i);
        show(name, "identify", 0, 0, 1000);
    }
    end();
}
END_TEST

START_TEST(a_file_is_no_terminal)
{
    FILE *f = tmpfile();
    ck_assert_uint_eq(pri_display_columns(f), 0);
    fclose(f);
}
END_TEST

SUITE("display", an_event_is_one_line_of_pairs, what_others_said_cannot_forge_a_line,
      quiet_tells_failures_only, without_a_terminal_progress_comes_in_quarters,
      a_terminal_shows_a_bar_per_ecu, a_resumed_transfer_is_no_faster_for_what_it_has,
      bars_fit_the_terminal_whatever_they_are_told, a_file_is_no_terminal)
