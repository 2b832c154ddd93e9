/* isoctane-sim isotp and uds, as processes on a virtual bus: what they say to mistakes, messages in every
 * addressing, an ECU flashed, refused, and resumed where a download broke off. */
#include "sim/commands.h"
#include "sim/file.h"
#include "tests/lib_hub.h"
#include "tests/suite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct lib_hub hub;
static char text[1 << 16]; /* what the last command said */

/* Words are split at blanks; @ is the bus, _ within a word a blank. Output goes to OUT. */
static pid_t spawn(const char *line, const char *out)
{
    static char copy[1024];
    char *argv[40];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok(copy, " "); w != NULL; w = strtok(NULL, " ")) {
        argv[argc++] = strcmp(w, "@") == 0 ? hub.name : w;
        for (char *p = w; (p = strchr(p, '_')) != NULL;) *p = ' ';
    }
    argv[argc] = NULL;
    pid_t child = fork();
    if (child != 0) return child;
    if (freopen(out, "w", stdout) == NULL || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) _exit(99);
    int status = strcmp(argv[0], "uds") == 0 ? sim_cmd_uds(argc, argv) : sim_cmd_isotp(argc, argv);
    fflush(NULL);
    _exit(status);
}

static int status_of(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *path_of(const char *name)
{
    static char path[4][128];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", hub.folder, name);
    return path[turn];
}

static void read_text(const char *name)
{
    FILE *f = fopen(path_of(name), "r");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
}

static void wait_for(const char *name, const char *says)
{
    for (int tries = 0; tries < 500; tries++) {
        if (access(path_of(name), R_OK) == 0) {
            read_text(name);
            if (strstr(text, says) != NULL) return;
        }
        usleep(10000);
    }
    ck_abort_msg("%s did not say %s: %s", name, says, text);
}

/* Frames that come from now on wait for whoever has joined the bus. */
static void wait_for_port(void)
{
    const volatile bool *attached = &sim_hub_bus(hub.hub)->port[0].attached;
    for (int tries = 0; tries < 500 && !*attached; tries++) usleep(10000);
    ck_assert_msg(*attached, "nobody joins the bus");
}

static int run(const char *line)
{
    int status = status_of(spawn(line, path_of("out")));
    read_text("out");
    return status;
}

static void expect(const char *says)
{
    ck_assert_msg(strstr(text, says) != NULL, "not \"%s\": %s", says, text);
}

static void set_up(const char *const *rules, size_t count)
{
    struct sim_rule parsed[4];
    char why[256];
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(sim_rule_parse(rules[i], &parsed[i], why, sizeof why), "%s", why);
    lib_hub_start(&hub, &(struct sim_hub_config){.bus = {.fd = true, .rules = parsed, .rule_count = count}});
}

static void tear_down(void)
{
    static const char *const files[] = {"out", "ecu", "image", "memory", "recv", "dump", "d.pcapng"};
    lib_hub_stop(&hub);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) unlink(path_of(files[i]));
    lib_hub_close(&hub);
}

/* --- mistakes --- */

static const struct {
    const char *line, *says;
    int status;
} ends[] = {
    {"isotp", "Usage: isoctane-sim isotp", SIM_EXIT_USAGE},
    {"isotp --help", "send a message", SIM_EXIT_OK},
    {"isotp fly", "fly: no such command", SIM_EXIT_USAGE},
    {"isotp send --help", "-s ID", SIM_EXIT_OK},
    {"isotp recv --help", "-s ID", SIM_EXIT_OK},
    {"isotp dump --help", "--write", SIM_EXIT_OK},
    {"isotp send", "which LINK?", SIM_EXIT_USAGE},
    {"isotp send @ 22 F1", "too many arguments", SIM_EXIT_USAGE},
    {"isotp send -s 800 @ 00", "-s 800: give an identifier", SIM_EXIT_USAGE},
    {"isotp send -L 72:9:1 @ 00", "-L 72:9:1: give", SIM_EXIT_USAGE},
    {"isotp send -x 123 @ 00", "-x 123: give a byte", SIM_EXIT_USAGE},
    {"isotp send -p zz @ 00", "-p zz: give a byte", SIM_EXIT_USAGE},
    {"isotp send -m 80 @ 00", "-m 80: give 0 to 7F", SIM_EXIT_USAGE},
    {"isotp send --timeout 0 @ 00", "give milliseconds", SIM_EXIT_USAGE},
    {"isotp send --timeout 3600001 @ 00", "up to an hour", SIM_EXIT_USAGE},
    {"isotp send @ xyz", "hexadecimal bytes", SIM_EXIT_USAGE},
    {"isotp send -D 0 @", "give a whole number", SIM_EXIT_USAGE},
    {"isotp send bus:/nowhere 00", "no bus there", SIM_EXIT_CONFIG},
    {"isotp recv --timeout 20 @", "nothing came in 20 ms", SIM_EXIT_FAULT},
    {"isotp recv --count 0 @", "give a whole number", SIM_EXIT_USAGE},
    {"isotp dump --write /nowhere/x @", "/nowhere/x: No such file", SIM_EXIT_CONFIG},
    {"uds", "Usage: isoctane-sim uds", SIM_EXIT_USAGE},
    {"uds --help", "flash LINK FILE", SIM_EXIT_OK},
    {"uds fly", "fly: no such command", SIM_EXIT_USAGE},
    {"uds read", "which LINK?", SIM_EXIT_USAGE},
    {"uds read @", "another number of arguments", SIM_EXIT_USAGE},
    {"uds read @ F19", "no answer", SIM_EXIT_FAULT},
    {"uds read @ xyz", "give an identifier", SIM_EXIT_USAGE},
    {"uds session @ 80", "give a session", SIM_EXIT_USAGE},
    {"uds security @", "give --level", SIM_EXIT_USAGE},
    {"uds session --certificate x.pem @ 3", "--certificate-key: one is missing", SIM_EXIT_USAGE},
    {"uds session --certificate x.pem --certificate-key x.key @ 3", "x.key", SIM_EXIT_CONFIG},
    {"uds reset @ 99", "give a type", SIM_EXIT_USAGE},
    {"uds request @ zz", "give hexadecimal bytes", SIM_EXIT_USAGE},
    {"uds flash @ /nowhere/x", "/nowhere/x: No such file", SIM_EXIT_CONFIG},
    {"uds flash --level 2 @ x", "not a value for this option", SIM_EXIT_USAGE},
    {"uds flash --address-bytes 9 @ x", "not a value for this option", SIM_EXIT_USAGE},
    {"uds flash --erase FF00:00 @ x", "not a value for this option", SIM_EXIT_USAGE},
    {"uds scan --timeout 1 @ 7E0-7E1", "nobody answers", SIM_EXIT_FAULT},
    {"uds scan @ 7E1-7E0", "give identifiers", SIM_EXIT_USAGE},
};

START_TEST(every_mistake_has_its_message_and_status)
{
    set_up(NULL, 0);
    int status = run(ends[_i].line);
    expect(ends[_i].says);
    ck_assert_msg(status == ends[_i].status, "%s: %d", ends[_i].line, status);
    tear_down();
}
END_TEST

/* --- messages --- */

static const char *const channels[][2] = {
    {"-s 7E0 -d 7E8", "-s 7E8 -d 7E0"},
    {"-s 18DA10F1 -d 18DAF110 -p AA", "-s 18DAF110 -d 18DA10F1 -b 8 -m F5"},
    {"-s 7E0 -d 7E8 -x F1:10", "-s 7E8 -d 7E0 -x 10:F1 -p 55"},
    {"--fixed 10 -X 5A", "--fixed F1:10 -X 5A"},
    {"--fd -s 7E0 -d 7E8", "--fd -s 7E8 -d 7E0 -b 3"},
    {"-L 72:16:0 -s 7E0 -d 7E8 -x F1:10", "-L 72:64:1 -s 7E8 -d 7E0 -x 10:F1"},
};

START_TEST(messages_of_any_length_pass_in_every_addressing)
{
    static const unsigned sizes[] = {1, 7, 8, 62, 63, 300, 4095, 4096, 6000};
    char line[256];
    set_up(NULL, 0);
    snprintf(line, sizeof line, "isotp recv %s --count 9 --quiet --timeout 10000 @", channels[_i][1]);
    pid_t receiver = spawn(line, path_of("recv"));
    wait_for_port();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(line, sizeof line, "isotp send %s -D %u --json @", channels[_i][0], sizes[i]);
        ck_assert_int_eq(run(line), SIM_EXIT_OK);
        expect("\"result\": \"N_OK\"");
    }
    int status = status_of(receiver);
    read_text("recv");
    ck_assert_msg(status == SIM_EXIT_OK, "%d: %s", status, text);
    ck_assert_str_eq(
        text,
        "1 bytes\n7 bytes\n8 bytes\n62 bytes\n63 bytes\n300 bytes\n4095 bytes\n4096 bytes\n6000 bytes\n");
    tear_down();
}
END_TEST

START_TEST(nobody_at_the_other_end_is_said)
{
    set_up(NULL, 0);
    ck_assert_int_eq(run("isotp send -D 100 @"), SIM_EXIT_FAULT);
    expect("N_TIMEOUT_BS: no flow control in time");
    tear_down();
}
END_TEST

START_TEST(who_listens_hears_messages_and_writes_frames)
{
    set_up(NULL, 0);
    char line[256];
    snprintf(line, sizeof line, "isotp dump -u --frames --count 2 --write %s @", path_of("d.pcapng"));
    pid_t listener = spawn(line, path_of("dump"));
    wait_for("dump", "listening");
    ck_assert_int_eq(run("isotp send -s 7DF @ 02_3E"), SIM_EXIT_OK);
    ck_assert_int_eq(run("isotp send @ 36_01_AA"), SIM_EXIT_OK);
    ck_assert_int_eq(status_of(listener), SIM_EXIT_OK);
    read_text("dump");
    expect("7E0  [SF] 3                              03 36 01 AA");
    expect("7E0  [3]  36 01 AA  -- TransferData 01");
    struct sim_bytes file;
    ck_assert(sim_file_read(path_of("d.pcapng"), &file));
    ck_assert_uint_gt(file.n, 150);
    ck_assert_mem_eq(file.p, "\x0A\x0D\x0D\x0A", 4);
    sim_bytes_free(&file);
    tear_down();
}
END_TEST

/* --- an ECU --- */

#define IMAGE 20000

static pid_t start_ecu(const char *arguments)
{
    char line[256];
    snprintf(line, sizeof line, "uds serve %s --size 65536 --address 8000 --memory %s @", arguments,
             path_of("memory"));
    pid_t ecu = spawn(line, path_of("ecu"));
    wait_for("ecu", "an ECU on");
    FILE *f = fopen(path_of("image"), "w");
    for (unsigned i = 0; i < IMAGE; i++) fputc((int)(i * 7 + i / 251) & 255, f);
    fclose(f);
    return ecu;
}

static void stop_ecu(pid_t ecu)
{
    kill(ecu, SIGTERM);
    ck_assert_int_eq(status_of(ecu), SIM_EXIT_OK);
}

static bool memory_has_image(void)
{
    struct sim_bytes image, memory;
    ck_assert(sim_file_read(path_of("image"), &image) && sim_file_read(path_of("memory"), &memory));
    ck_assert_uint_eq(memory.n, 65536);
    bool same = memcmp(image.p, memory.p, IMAGE) == 0;
    sim_bytes_free(&image);
    sim_bytes_free(&memory);
    return same;
}

static int flash(const char *arguments)
{
    char line[512];
    snprintf(line, sizeof line, "uds flash --address 8000 %s @ %s", arguments, path_of("image"));
    return run(line);
}

START_TEST(an_ecu_is_found_and_asked)
{
    set_up(NULL, 0);
    pid_t ecu = start_ecu("");
    ck_assert_int_eq(run("uds scan @ 7DE-7E1"), SIM_EXIT_OK);
    expect("7DF -> 7E8\n7E0 -> 7E8\n");
    ck_assert_int_eq(run("uds read @ F180-F190 F191"), SIM_EXIT_OK);
    expect("F18C  50 4C 41 49 4E 2D 31  PLAIN-1\nF190  ");
    expect("F191  ");
    ck_assert_int_eq(run("uds read --json @ F18C"), SIM_EXIT_OK);
    ck_assert_str_eq(text, "{\"id\": \"F18C\", \"data\": \"504C41494E2D31\"}\n");
    ck_assert_int_eq(run("uds read @ 1234"), SIM_EXIT_NOTHING);
    expect("7F 22 31 requestOutOfRange");
    ck_assert_int_eq(run("uds services @"), SIM_EXIT_OK);
    expect("34  RequestDownload");
    ck_assert_int_eq(run("uds write --session 3 @ F15A 01_02"), SIM_EXIT_OK);
    ck_assert_int_eq(run("uds request @ 22F15A"), SIM_EXIT_OK);
    expect("62 F1 5A 01 02");
    ck_assert_int_eq(run("uds routine --session 3 @ FF01"), SIM_EXIT_NOTHING);
    ck_assert_int_eq(run("uds reset @"), SIM_EXIT_OK);
    expect("51 01");
    ck_assert_int_eq(run("uds session @ 3"), SIM_EXIT_OK);
    stop_ecu(ecu);
    tear_down();
}
END_TEST

START_TEST(an_ecu_is_flashed_with_its_key)
{
    set_up(NULL, 0);
    pid_t ecu = start_ecu("--locked --erase-ms 120 --block 300");
    /* The key: the seed inverted, by the shell. */
    char script[128];
    snprintf(script, sizeof script, "%s", path_of("recv")); /* the ring of names turns */
    FILE *f = fopen(script, "w");
    fprintf(f, "printf '%%08X\\n' $(( ~0x$2 & 0xFFFFFFFF ))\n");
    fclose(f);
    char arguments[400];
    snprintf(arguments, sizeof arguments, "--level 1 --key-command sh_%s --fingerprint F15A:AABB", script);
    ck_assert_int_eq(flash(arguments), SIM_EXIT_OK);
    expect("erase\ndownload\n");
    expect("F18C PLAIN-1");
    expect("20000 bytes in");
    int status = run("uds read @ F15A");
    ck_assert_msg(status == SIM_EXIT_OK, "%d: %s", status, text);
    expect("AA BB");
    stop_ecu(ecu);
    ck_assert(memory_has_image());
    tear_down();
}
END_TEST

START_TEST(a_wrong_key_flashes_nothing)
{
    set_up(NULL, 0);
    pid_t ecu = start_ecu("--locked");
    ck_assert_int_eq(flash("--level 1 --key 00000000 --no-identify"), SIM_EXIT_NOTHING);
    expect("7F 27 35 invalidKey");
    ck_assert_int_eq(flash("--no-identify --quiet"), SIM_EXIT_NOTHING);
    expect("7F 34 33 securityAccessDenied");
    stop_ecu(ecu);
    ck_assert(!memory_has_image());
    tear_down();
}
END_TEST

START_TEST(an_image_that_was_not_erased_for_comes_out_wrong)
{
    set_up(NULL, 0);
    pid_t ecu = start_ecu("");
    ck_assert_int_eq(flash("--erase none --no-functional --no-reset"), SIM_EXIT_OK);
    stop_ecu(ecu);
    ck_assert(!memory_has_image());
    tear_down();
}
END_TEST

START_TEST(a_download_that_breaks_off_goes_on_where_it_stopped)
{
    static const char *const rules[] = {"drop id=7E8 data=0276 skip=20 count=8"};
    set_up(rules, 1);
    pid_t ecu = start_ecu("--block 300");
    ck_assert_int_eq(flash("--timeout 20 --repeats 0 --attempts 9 --no-identify"), SIM_EXIT_OK);
    expect("resume at ");
    stop_ecu(ecu);
    ck_assert(memory_has_image());
    tear_down();
}
END_TEST

START_TEST(another_run_goes_on_where_the_last_one_gave_up)
{
    static const char *const rules[] = {"drop id=7E8 data=0276 skip=20 count=1"};
    char arguments[128];
    unsigned done;
    set_up(rules, 1);
    pid_t ecu = start_ecu("--block 300");
    ck_assert_int_eq(flash("--timeout 20 --repeats 0 --attempts 0 --no-identify --no-functional"),
                     SIM_EXIT_FAULT);
    const char *hint = strstr(text, "go on with --offset ");
    ck_assert_msg(hint != NULL && sscanf(hint, "go on with --offset %u", &done) == 1, "%s", text);
    ck_assert_uint_gt(done, 0);
    ck_assert_uint_lt(done, IMAGE);
    snprintf(arguments, sizeof arguments, "--offset %u --no-identify", done);
    ck_assert_int_eq(flash(arguments), SIM_EXIT_OK);
    stop_ecu(ecu);
    ck_assert(memory_has_image());
    tear_down();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cmd_tools");
    TCase *c = tcase_create("cmd_tools");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, every_mistake_has_its_message_and_status, 0, (int)(sizeof ends / sizeof *ends));
    tcase_add_loop_test(c, messages_of_any_length_pass_in_every_addressing, 0,
                        (int)(sizeof channels / sizeof *channels));
    tcase_add_test(c, nobody_at_the_other_end_is_said);
    tcase_add_test(c, who_listens_hears_messages_and_writes_frames);
    tcase_add_test(c, an_ecu_is_found_and_asked);
    tcase_add_test(c, an_ecu_is_flashed_with_its_key);
    tcase_add_test(c, a_wrong_key_flashes_nothing);
    tcase_add_test(c, an_image_that_was_not_erased_for_comes_out_wrong);
    tcase_add_test(c, a_download_that_breaks_off_goes_on_where_it_stopped);
    tcase_add_test(c, another_run_goes_on_where_the_last_one_gave_up);
    suite_add_tcase(s, c);
    return suite_run(s);
}
