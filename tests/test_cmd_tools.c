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
    for (int tries = 0; tries < 6000; tries++) {
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
    for (int tries = 0; tries < 6000 && !*attached; tries++) usleep(10000);
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

static void set_up_logged(const char *const *rules, size_t count, FILE *log)
{
    struct sim_rule parsed[4];
    char why[256];
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(sim_rule_parse(rules[i], &parsed[i], why, sizeof why), "%s", why);
    const struct sim_hub_config config = {
        .bus = {.fd = true, .rules = parsed, .rule_count = count}, .name = "can0", .log = log};
    lib_hub_start(&hub, &config);
}

static void set_up(const char *const *rules, size_t count)
{
    set_up_logged(rules, count, NULL);
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
    ck_assert_int_eq(run("uds scan --timeout 2000 @ 7DF-7E0"), SIM_EXIT_OK); /* so long for each */
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

START_TEST(an_ecu_with_29_bits_and_other_figures_is_found_and_flashed)
{
    set_up(NULL, 0);
    pid_t ecu = start_ecu("--fixed F1:10");
    ck_assert_int_eq(run("uds scan --timeout 2000 @ 18DA0FF1-18DA10F1"), SIM_EXIT_OK);
    ck_assert_str_eq(text, "18DA10F1 -> 18DAF110\n");
    ck_assert_int_eq(flash("--fixed 10 --address-bytes 3 --size-bytes 2 --block 100 --no-identify"),
                     SIM_EXIT_OK);
    stop_ecu(ecu);
    ck_assert(memory_has_image());
    tear_down();
}
END_TEST

START_TEST(the_tools_work_on_links_of_text)
{
    char line[256], folder[] = "/tmp/isoctane-line-XXXXXX", socket[64], names[2][96];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(socket, sizeof socket, "%s/line", folder);
    lib_hub_start(&hub, &(struct sim_hub_config){.bus = {.fd = true}, .slcan = socket, .socketcand = true});
    snprintf(names[0], sizeof names[0], "socketcand:127.0.0.1:%u", sim_hub_socketcand_port(hub.hub));
    snprintf(names[1], sizeof names[1], "slcan:%s", socket);
    pid_t ecu = start_ecu("");
    for (int i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "isotp dump -s 7E0 -d 7E8 --write %s --count 2 %s", path_of("recv"),
                 names[i]);
        pid_t listener = spawn(line, path_of("dump"));
        wait_for("dump", "listening");
        snprintf(line, sizeof line, "uds read --timeout 30000 %s F18C", names[i]);
        ck_assert_int_eq(run(line), SIM_EXIT_OK);
        expect("PLAIN-1");
        ck_assert_int_eq(status_of(listener), SIM_EXIT_OK);
        read_text("recv");
        expect(" 7E0#0322F18C\n");
        expect(" 7E8#100A62F18C504C41\n");
        unlink(path_of("dump"));
        snprintf(line, sizeof line, "uds flash --address 8000 --no-identify --timeout 30000 %s %s", names[i],
                 path_of("image"));
        ck_assert_int_eq(run(line), SIM_EXIT_OK);
    }
    stop_ecu(ecu);
    ck_assert(memory_has_image());
    tear_down();
    ck_assert_int_eq(rmdir(folder), 0);
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

/* The frames that carry SID and what follows, in the order in which they must be on the bus. */
static const char *const workshop[] = {
    "7DF#021083",       "7DF#028582",         "7DF#03288103", /* everybody quiet */
    "7E0#0322F190",     "7E0#0322F18C",       "7E0#0322F191",   "7E0#0322F192",
    "7E0#0322F193",     "7E0#0322F188",       "7E0#0322F189",   "7E0#0322F194",
    "7E0#0322F195",     "7E0#0322F180",       "7E0#0322F181",   "7E0#0322F186",
    "7E0#021002",       "7E8#037F1078",       "7E8#0650020032", "7E0#022701",
    "7E0#062702", /* program */
    "7E0#052EF15AAABB", "7E0#100D3101FF0044", "7E8#037F3178",   "7DF#023E80",
    "7E8#047101FF00",   "7E0#100B34004400",   "7E8#047420",     "7E0#112E3601",
    "7E8#027601",       "7E8#027602",         "7E0#0137",       "7E8#0177",
    "7E0#0431010202",   "7E8#0571010202",     "7E0#043101FF01", "7E8#057101FF01",
    "7E0#021101",       "7E8#025101",         "7E8#027E00",     "7DF#03288003", /* and back */
    "7DF#028581",       "7DF#021081",         "7E0#0322F190",   "7E0#0322F189"};

START_TEST(the_sequence_of_a_workshop_is_on_the_wire_in_its_order)
{
    char *log = NULL;
    size_t bytes;
    FILE *f = open_memstream(&log, &bytes);
    set_up_logged(NULL, 0, f);
    /* The erase is longer than the two seconds after which everybody is reminded of the session. */
    pid_t ecu = start_ecu("--locked --boot-ms 120 --erase-ms 2200 --block 300");
    const char *script = path_of("recv");
    FILE *key = fopen(script, "w");
    fprintf(key, "printf '%%08X\\n' $(( ~0x$2 & 0xFFFFFFFF ))\n");
    fclose(key);
    char arguments[400];
    snprintf(
        arguments, sizeof arguments,
        "--level 1 --key-command sh_%s --fingerprint F15A:AABB --check 0202 --check FF01 --timeout 30000",
        script);
    int status = flash(arguments);
    ck_assert_msg(status == SIM_EXIT_OK, "%s", text);
    stop_ecu(ecu);
    ck_assert(memory_has_image());
    tear_down();
    fclose(f);
    const char *at = log;
    for (size_t i = 0; i < sizeof workshop / sizeof *workshop; i++) {
        const char *found = strstr(at, workshop[i]);
        ck_assert_msg(found != NULL, "%s is not behind %s", workshop[i],
                      i > 0 ? workshop[i - 1] : "the beginning");
        at = found;
    }
    free(log);
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
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, every_mistake_has_its_message_and_status, 0, (int)(sizeof ends / sizeof *ends));
    tcase_add_loop_test(c, messages_of_any_length_pass_in_every_addressing, 0,
                        (int)(sizeof channels / sizeof *channels));
    tcase_add_test(c, nobody_at_the_other_end_is_said);
    tcase_add_test(c, who_listens_hears_messages_and_writes_frames);
    tcase_add_test(c, an_ecu_is_found_and_asked);
    tcase_add_test(c, an_ecu_with_29_bits_and_other_figures_is_found_and_flashed);
    tcase_add_test(c, the_tools_work_on_links_of_text);
    tcase_add_test(c, an_ecu_is_flashed_with_its_key);
    tcase_add_test(c, the_sequence_of_a_workshop_is_on_the_wire_in_its_order);
    tcase_add_test(c, a_wrong_key_flashes_nothing);
    tcase_add_test(c, an_image_that_was_not_erased_for_comes_out_wrong);
    tcase_add_test(c, a_download_that_breaks_off_goes_on_where_it_stopped);
    tcase_add_test(c, another_run_goes_on_where_the_last_one_gave_up);
    suite_add_tcase(s, c);
    return suite_run(s);
}
