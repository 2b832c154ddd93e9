/* isoctane-primary as a program: a vehicle without Secondaries, and the servers over HTTPS. */
#include "metadata/crypto_openssl.h"
#include "metadata/report.h"
#include "primary/state.h"
#include "sim/director.h"
#include "sim/pki.h"
#include "sim/serve.h"
#include "tests/lib_author.h"
#include "tests/lib_folder.h"
#include "tests/lib_hub.h"
#include "tests/suite.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VEHICLE "VIN-SOLO"
static char program[600];
static struct sim_server *server;
static char why[SIM_WHY_MAX];

/* --- running it --- */

static void find_program(void)
{
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 40);
    ck_assert_int_gt(n, 0);
    program[n] = '\0';
    for (int up = 0; up < 2; up++) *strrchr(program, '/') = '\0'; /* build/tests/test_program */
    strcat(program, "/isoctane-primary");
}

/* Results go to the file "out", messages to "err". */
static pid_t spawn(const char *const *arguments)
{
    const char *argv[12] = {"isoctane-primary"};
    for (int i = 0; arguments[i] != NULL; i++) argv[i + 1] = arguments[i];
    pid_t child = fork();
    if (child != 0) return child;
    int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int err = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(program, (char *const *)argv);
    _exit(127);
}

static int status_of(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
#define RUN(...)     status_of(spawn((const char *const[]){__VA_ARGS__, NULL}))
#define PRIMARY(...) RUN("--config", "isoctane.conf", __VA_ARGS__)

static bool said(const char *file, const char *text)
{
    char *bytes = folder_read(file, NULL);
    bool found = bytes != NULL && strstr(bytes, text) != NULL;
    free(bytes);
    return found;
}

static void expect_status(int status, int expected)
{
    if (status == expected) return;
    char *out = folder_read("out", NULL), *err = folder_read("err", NULL);
    ck_abort_msg("exit status %d instead of %d\n%s\n%s", status, expected, out, err);
}

/* --- the world around it --- */

static int64_t wall_clock(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL);
}

static void need(bool good, const char *problem)
{
    ck_assert_msg(good, "%s", problem);
}

static void make_repositories(void)
{
    static const char *const hardware[] = {"tcu-hw", NULL};
    struct sim_image images[] = {{.name = "tcu/fw-1.bin",
                                  .bytes = UP_SPAN("firmware one"),
                                  .hardware_ids = hardware,
                                  .release_counter = 1},
                                 {.name = "tcu/fw-2.bin",
                                  .bytes = UP_SPAN("firmware two"),
                                  .hardware_ids = hardware,
                                  .release_counter = 2}};
    struct sim_plan plan = {.scheme = UP_ECDSA_P256_SHA256};
    struct sim_repo repo;
    need(sim_repo_create(&repo, "repos", &plan, wall_clock(NULL)), repo.why);
    need(sim_repo_add(&repo, images, 2, wall_clock(NULL)), repo.why);
    need(sim_pki_create("repos/pki", NULL, wall_clock(NULL), why), why);
    need(sim_pki_issue("repos/pki", VEHICLE, wall_clock(NULL), why), why);
}

static void register_vehicle(void)
{
    char pem[1024];
    struct up_signer key;
    need(up_signer_create("tcu.pem", UP_ECDSA_P256_SHA256, 0, &key, why, sizeof why), why);
    size_t n = up_key_to_pem(&key.key, pem, sizeof pem);
    struct sim_director *d = sim_director_open("repos", why);
    need(d != NULL, why);
    need(sim_director_add_vehicle(d, VEHICLE), sim_director_why(d));
    need(sim_director_add_ecu(d, VEHICLE, "tcu", "tcu-hw", true, (struct up_span){(const uint8_t *)pem, n}),
         sim_director_why(d));
    sim_director_close(d);
    up_signer_close(&key);
}

static void order(const char *image)
{
    struct sim_director *d = sim_director_open("repos", why);
    need(d != NULL, why);
    need(sim_director_order(d, VEHICLE, &(struct sim_order){"tcu", image, NULL}, 1, "campaign-1"),
         sim_director_why(d));
    sim_director_close(d);
}

static void write_config(unsigned port)
{
    char text[2000];
    snprintf(text, sizeof text,
             "[vehicle]\nid = " VEHICLE "\n"
             "[primary]\nserial = tcu\nhardware_id = tcu-hw\nkey = tcu.pem\nstate_dir = state\n"
             "base_time = 2024-01-01T00:00:00Z\n"
             "[director]\nurl = https://127.0.0.1:%u/director/\nroot = repos/director/1.root.json\n"
             "[image]\nurl = https://127.0.0.1:%u/repo/\nroot = repos/repo/1.root.json\n"
             "[time]\nurl = https://127.0.0.1:%u/time\n"
             "[tls]\nca = repos/pki/ca.pem\ncertificate = repos/pki/" VEHICLE ".pem\nkey = repos/pki/" VEHICLE
             ".key\n",
             port, port, port);
    folder_write_text("isoctane.conf", text);
}

static void enter(void)
{
    find_program();
    folder_enter();
    make_repositories();
    register_vehicle();
    struct sim_server_config c = {.dir = "repos", .now = wall_clock};
    server = sim_server_start(&c, why);
    need(server != NULL, why);
    write_config(sim_server_port(server));
}

static void leave(void)
{
    sim_server_stop(server);
    folder_leave();
}

static void append_config(const char *more)
{
    char *text = folder_read("isoctane.conf", NULL), *whole;
    ck_assert_int_gt(asprintf(&whole, "%s%s", text, more), 0);
    folder_write_text("isoctane.conf", whole);
    free(text);
    free(whole);
}

/* --- tests --- */

START_TEST(the_plant_installs_the_first_image_once)
{
    enter();
    folder_write_text("fw.bin", "firmware one");
    expect_status(PRIMARY("provision", "--name", "tcu/fw-1.bin"), 64);
    expect_status(PRIMARY("provision", "--image", "none.bin", "--name", "tcu/fw-1.bin"), 70);
    ck_assert(said("err", "--image none.bin: empty, or cannot be read"));
    expect_status(PRIMARY("provision", "-i", "fw.bin", "-N", "../fw 1.bin"), 70);
    expect_status(PRIMARY("provision", "-i", "fw.bin", "-N", "tcu/fw-1.bin", "-r", "-1"), 64);
    ck_assert(said("err", "--release-counter -1: expected a number"));
    expect_status(PRIMARY("provision", "-i", "fw.bin", "-N", "tcu/fw-1.bin", "-m", "nowhere"), 78);
    ck_assert(said("err", "--metadata nowhere: director timestamp.json: "));
    expect_status(PRIMARY("provision", "-i", "fw.bin", "-N", "tcu/fw-1.bin", "-r", "1"), 0);
    expect_status(PRIMARY("status"), 0);
    ck_assert(said("out", "tcu/fw-1.bin"));
    expect_status(PRIMARY("provision", "-i", "fw.bin", "-N", "tcu/fw-2.bin", "-r", "2"), 1);
    ck_assert(said("err", "tcu/fw-1.bin is installed already"));
    expect_status(PRIMARY("status"), 0);
    ck_assert(!said("out", "tcu/fw-2.bin"));
    leave();
}
END_TEST

START_TEST(usage_is_explained)
{
    find_program();
    folder_enter();
    expect_status(RUN("--help"), 0);
    ck_assert(said("out", "Usage: isoctane-primary"));
    expect_status(RUN("-V"), 0);
    ck_assert(said("out", "isoctane-primary " ISOCTANE_VERSION));
    expect_status(RUN(NULL), 64);
    ck_assert(said("err", "Usage: isoctane-primary"));
    expect_status(RUN("fly"), 64);
    ck_assert(said("err", "fly: no such command"));
    expect_status(RUN("check", "twice"), 64);
    expect_status(RUN("--jsom", "check"), 64);
    expect_status(RUN("run", "--json"), 64);
    ck_assert(said("err", "run does not take --json"));
    expect_status(RUN("check", "--last", "3"), 64);
    ck_assert(said("err", "check does not take --last"));
    expect_status(RUN("check", "--image", "fw.bin"), 64);
    ck_assert(said("err", "check does not take --image"));
    static const char *const numbers[] = {"0", "1001", "x", "3x", "-1", ""};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        expect_status(RUN("history", "--last", numbers[i]), 64);
        ck_assert(said("err", "expected a number from 1 to 1000"));
    }
    folder_leave();
}
END_TEST

START_TEST(a_bad_configuration_is_explained)
{
    enter();
    expect_status(RUN("-c", "none.conf", "status"), 78);
    ck_assert(said("err", "isoctane-primary: none.conf: No such file or directory\n"));
    folder_write_text("isoctane.conf", "[vehicle]\nid = a b\n");
    expect_status(PRIMARY("check"), 78);
    ck_assert(said("err", "isoctane.conf:2: [vehicle] id = a b: expected"));
    write_config(1);
    folder_write_text("tcu.pem", "no key");
    expect_status(PRIMARY("check"), 78);
    leave();
}
END_TEST

START_TEST(without_a_state_there_is_nothing_to_show)
{
    enter();
    expect_status(PRIMARY("status"), 70);
    expect_status(PRIMARY("history"), 70);
    ck_assert_int_ne(access("state", F_OK), 0);
    leave();
}
END_TEST

static cJSON *output(void)
{
    char *text = folder_read("out", NULL);
    cJSON *tree = cJSON_Parse(text);
    ck_assert_msg(tree != NULL, "%s", text);
    free(text);
    return tree;
}

static const char *text_at(const cJSON *tree, const char *first, ...)
{
    va_list names;
    va_start(names, first);
    for (const char *name = first; name != NULL; name = va_arg(names, const char *)) {
        tree = cJSON_GetObjectItemCaseSensitive(tree, name);
        ck_assert_msg(tree != NULL, "no %s", name);
    }
    va_end(names);
    return tree->valuestring;
}

START_TEST(a_vehicle_is_updated_over_https)
{
    enter();
    expect_status(PRIMARY("check"), 1);
    ck_assert(said("out", "nothing to install\n"));
    order("tcu/fw-2.bin");
    expect_status(PRIMARY("check"), 0);
    ck_assert(said("out", "1 to install\n"));
    expect_status(PRIMARY("status"), 0);
    ck_assert(said("out", "      name: unknown\n"));
    expect_status(PRIMARY("update"), 0);
    ck_assert(said("out", "1 updated\n"));
    ck_assert(said("err", "ecu=tcu event=updated detail=tcu/fw-2.bin\n"));
    char *slot = folder_read("state/slots/slot-b", NULL);
    ck_assert_str_eq(slot, "firmware two");
    free(slot);
    expect_status(PRIMARY("update", "--json"), 1);
    cJSON *tree = output();
    ck_assert_str_eq(text_at(tree, "result", NULL), "OK");
    cJSON_Delete(tree);

    expect_status(PRIMARY("status", "--json"), 0);
    tree = output();
    ck_assert_str_eq(text_at(tree, "vehicle", NULL), VEHICLE);
    ck_assert_str_eq(text_at(tree, "director", "profile", NULL), "strict");
    ck_assert_str_eq(text_at(tree, "ecus", "tcu", "image", "name", NULL), "tcu/fw-2.bin");
    cJSON_Delete(tree);
    expect_status(PRIMARY("manifest"), 0);
    tree = output();
    ck_assert_str_eq(text_at(tree, "signed", "ecu_version_manifests", "tcu", "signed", "installed_image",
                             "filepath", NULL),
                     "tcu/fw-2.bin");
    cJSON_Delete(tree);
    expect_status(PRIMARY("history", "--last", "1", "--json"), 0);
    tree = output();
    ck_assert_int_eq(cJSON_GetArraySize(tree), 1);
    cJSON_Delete(tree);
    expect_status(PRIMARY("history"), 0);
    ck_assert(said("out", "event=updated detail=tcu/fw-2.bin\n"));
    struct stat st;
    ck_assert_int_eq(stat("state", &st), 0);
    ck_assert_uint_eq(st.st_mode & 077, 0);
    leave();
}
END_TEST

static void put(struct pri_state *state, const char *key, struct up_span value)
{
    ck_assert_int_eq(pri_state_put(state, key, value), UP_OK);
}

/* As an earlier cycle with a Secondary would have left it. */
static void store_secondary(void)
{
    static const uint8_t seed[32] = {1};
    uint8_t report[UP_REPORT_MAX];
    struct up_signer brake;
    struct up_report r = {.ecu_serial = UP_SPAN("brake"),
                          .image_name = UP_SPAN("brake/fw-7.bin"),
                          .image_length = 1234,
                          .time_s = 1767225600,
                          .attacks = UP_SPAN("ROLLBACK: director timestamp")};
    ck_assert(up_signer_from_seed(UP_ED25519, seed, &brake));
    size_t n = up_report_write(&r, &up_profile_deployed, &brake, report, sizeof report);
    ck_assert_uint_gt(n, 0);
    struct pri_state *state = pri_state_open("state/state.db", why, sizeof why);
    need(state != NULL, why);
    put(state, "report/brake", (struct up_span){report, n});
    put(state, "report/radar", UP_SPAN("junk"));
    put(state, "bundle/chassis",
        UP_SPAN("{\"members\":[\"brake\",\"radar\"],\"order\":"
                "\"abababababababababababababababababababababababababababababababab\",\"state\":"
                "\"committed\"}"));
    put(state, "bundle/junk", UP_SPAN("junk"));
    put(state, "attacks", UP_SPAN("EXPIRED: director timestamp.json"));
    pri_state_close(state);
    up_signer_close(&brake);
}

static uint64_t printed_counter(void)
{
    expect_status(PRIMARY("manifest"), 0);
    cJSON *tree = output();
    uint64_t counter = strtoull(
        text_at(tree, "signed", "ecu_version_manifests", "tcu", "signed", "report_counter", NULL), NULL, 10);
    cJSON_Delete(tree);
    return counter;
}

/* E-VER-03 */
START_TEST(whoever_sends_a_printed_manifest_takes_nothing_from_the_next_poll)
{
    enter();
    const uint64_t first = printed_counter();
    expect_status(PRIMARY("check"), 1);
    const uint64_t second = printed_counter();
    ck_assert_uint_gt(first >> 32, 0);
    ck_assert_uint_eq(second >> 32, (first >> 32) + 2); /* the poll had one of its own in between */
    leave();
}
END_TEST

START_TEST(status_names_every_relaxation_of_a_repository)
{
    enter();
    expect_status(PRIMARY("check"), 1);
    expect_status(PRIMARY("status", "--json"), 0);
    cJSON *tree = output();
    ck_assert_ptr_null(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tree, "image"), "relaxed"));
    cJSON_Delete(tree);

    char *config = folder_read("isoctane.conf", NULL);
    folder_write_text("isoctane.conf", author_with(config, "[image]\n", "[image]\nprofile = tuf\n"));
    free(config);
    expect_status(PRIMARY("status", "--json"), 0);
    tree = output();
    const cJSON *image = cJSON_GetObjectItemCaseSensitive(tree, "image");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(image, "relaxed");
    ck_assert_str_eq(text_at(image, "profile", NULL), "tuf");
    int n = 0;
    for (unsigned bit = 1; bit != 0; bit <<= 1)
        if (up_profile_tuf.relax & bit)
            ck_assert_str_eq(cJSON_GetArrayItem(list, n++)->valuestring, up_relax_name(bit));
    ck_assert_int_eq(cJSON_GetArraySize(list), n);
    cJSON_Delete(tree);
    leave();
}
END_TEST

START_TEST(status_shows_what_secondaries_said_last)
{
    enter();
    expect_status(PRIMARY("check"), 1);
    store_secondary();
    append_config(
        "[bus can0]\nlink = bus:none.sock\n"
        "[ecu brake]\nbus = can0\nhardware_id = brake-hw\nverification = partial\nprofile = deployed\n"
        "request_id = 0x700\nresponse_id = 0x708\n"
        "[ecu radar]\nbus = can0\nhardware_id = radar-hw\nverification = full\n"
        "request_id = 0x701\nresponse_id = 0x709\n");
    expect_status(PRIMARY("status"), 0);
    ck_assert(said("out",
                   "  brake:\n"
                   "    hardware: brake-hw\n"
                   "    verification: partial\n"
                   "    bus: can0\n"
                   "    profile: deployed\n"
                   "    relaxed: director-two-roles unversioned-names no-vehicle-id no-release-counter "
                   "keyid-over-value time-from-primary\n"
                   "    image:\n"
                   "      name: brake/fw-7.bin\n"
                   "      bytes: 1234\n"));
    ck_assert(said("out", "    time: 2026-01-01T00:00:00Z\n"
                          "    attacks: \"ROLLBACK: director timestamp\"\n"
                          "  radar:\n"
                          "    hardware: radar-hw\n"
                          "    verification: full\n"
                          "    bus: can0\n"
                          "    profile: strict\n"
                          "bundles:\n"
                          "  chassis:\n"
                          "    state: committed\n"
                          "    order: abababababababababababababababababababababababababababababababab\n"
                          "    members: brake radar\n"
                          "attack_to_report: \"EXPIRED: director timestamp.json\"\n"));
    leave();
}
END_TEST

START_TEST(an_attack_is_refused_by_its_name)
{
    enter();
    order("tcu/fw-2.bin");
    struct sim_fault fault = {.path = "/director/timestamp.json", .kind = SIM_FAULT_ENDLESS};
    ck_assert(sim_server_set_faults(server, &fault, 1));
    expect_status(PRIMARY("update"), 2);
    ck_assert(said("out", "refused: TOO_LARGE, looks like endless-data\n"));
    ck_assert(said("err", "level=warning"));
    ck_assert(said("err", "error=TOO_LARGE attack=endless-data"));
    expect_status(PRIMARY("status"), 0);
    ck_assert(sim_server_set_faults(server, NULL, 0));
    expect_status(PRIMARY("--quiet", "update"), 0);
    char *err = folder_read("err", NULL);
    ck_assert_str_eq(err, "");
    free(err);
    leave();
}
END_TEST

START_TEST(a_server_that_is_not_there_is_a_fault)
{
    enter();
    write_config(1);
    expect_status(PRIMARY("update", "--json"), 70);
    cJSON *tree = output();
    ck_assert_str_eq(text_at(tree, "result", NULL), "TRANSPORT");
    cJSON_Delete(tree);
    leave();
}
END_TEST

/* --- the daemon --- */

static int notify_socket;

static void listen_as_systemd(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/notify", folder_path());
    notify_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(notify_socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_int_eq(bind(notify_socket, (struct sockaddr *)&a, sizeof a), 0);
    setenv("NOTIFY_SOCKET", a.sun_path, 1);
    unsetenv("WATCHDOG_PID");
}

/* Waits for a message that begins so; returns the whole of it. */
static const char *expect_message(const char *text)
{
    static char message[512];
    for (;;) {
        ssize_t n = recv(notify_socket, message, sizeof message - 1, 0);
        ck_assert_msg(n > 0, "no %s: %s", text, strerror(errno));
        message[n] = '\0';
        if (strncmp(message, text, strlen(text)) == 0) return message;
    }
}

/* The next poll of DAEMON fails; the pause after it is SECONDS, or up to a tenth less. */
static void expect_pause(unsigned seconds)
{
    unsigned said_s = 0;
    const char *at = strstr(expect_message("STATUS=manifest: "), "next poll in ");
    ck_assert(at != NULL && sscanf(at, "next poll in %u s", &said_s) == 1);
    ck_assert_uint_le(said_s, seconds);
    ck_assert_uint_ge(said_s, seconds - seconds / 10 - 1);
}

START_TEST(the_daemon_polls_and_stops_when_told)
{
    enter();
    listen_as_systemd();
    setenv("WATCHDOG_USEC", "100000", 1);
    pid_t daemon = spawn((const char *const[]){"--config", "isoctane.conf", "run", NULL});
    expect_message("READY=1");
    expect_message("STATUS=polling");
    expect_message("STATUS=up to date, next poll in ");
    expect_message("WATCHDOG=1");
    order("tcu/fw-2.bin");
    ck_assert_int_eq(kill(daemon, SIGHUP), 0);
    expect_message("STATUS=polling");
    expect_message("STATUS=up to date, next poll in ");

    expect_status(PRIMARY("status"), 0); /* beside the daemon */
    ck_assert(said("out", "      name: tcu/fw-2.bin\n"));
    expect_status(PRIMARY("update"), 70);
    ck_assert(said("err", "state/state.db: in use by process "));
    expect_status(PRIMARY("manifest"), 70); /* its counter could not be stored */

    ck_assert_int_eq(kill(daemon, SIGTERM), 0);
    expect_message("STOPPING=1");
    expect_status(status_of(daemon), 0);
    leave();
}
END_TEST

START_TEST(failed_polls_are_repeated_with_growing_pauses)
{
    enter();
    append_config("[poll]\ninterval_s = 100\n");
    struct sim_fault fault = {.path = "/director/*", .kind = SIM_FAULT_STATUS, .value = 503};
    ck_assert(sim_server_set_faults(server, &fault, 1));
    listen_as_systemd();
    pid_t daemon = spawn((const char *const[]){"--config", "isoctane.conf", "run", NULL});
    static const unsigned pauses[] = {30, 60, 100, 100};
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        expect_pause(pauses[i]);
        ck_assert_int_eq(kill(daemon, SIGHUP), 0);
    }
    ck_assert(sim_server_set_faults(server, NULL, 0));
    ck_assert_int_eq(kill(daemon, SIGHUP), 0);
    expect_message("STATUS=up to date");
    ck_assert(sim_server_set_faults(server, &fault, 1));
    ck_assert_int_eq(kill(daemon, SIGHUP), 0);
    expect_pause(30);
    ck_assert_int_eq(kill(daemon, SIGINT), 0);
    expect_status(status_of(daemon), 0);
    leave();
}
END_TEST

START_TEST(a_wish_during_a_poll_is_not_forgotten)
{
    enter();
    struct sim_fault fault = {.path = "/time", .kind = SIM_FAULT_DELAY, .value = 500, .times = 1};
    ck_assert(sim_server_set_faults(server, &fault, 1));
    listen_as_systemd();
    pid_t daemon = spawn((const char *const[]){"--config", "isoctane.conf", "run", NULL});
    expect_message("STATUS=polling");
    ck_assert_int_eq(kill(daemon, SIGHUP), 0); /* the time server takes its time */
    expect_message("STATUS=up to date");
    expect_message("STATUS=polling");
    expect_message("STATUS=up to date");
    ck_assert_int_eq(kill(daemon, SIGTERM), 0);
    expect_status(status_of(daemon), 0);
    leave();
}
END_TEST

START_TEST(the_daemon_outlives_its_bus)
{
    char text[400];
    struct lib_hub hub;
    struct sim_hub_config c = {0};
    enter();
    lib_hub_start(&hub, &c);
    snprintf(text, sizeof text,
             "[limits]\necu_deadline_s = 1\n[bus can0]\nlink = %s\n"
             "[ecu brake]\nbus = can0\nhardware_id = brake-hw\nverification = partial\n"
             "request_id = 0x700\nresponse_id = 0x708\n",
             hub.name);
    append_config(text);
    listen_as_systemd();
    pid_t daemon = spawn((const char *const[]){"--config", "isoctane.conf", "run", NULL});
    expect_message("STATUS=up to date"); /* nobody on the bus */
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
    ck_assert_int_eq(kill(daemon, SIGHUP), 0);
    expect_message("STATUS=polling");
    expect_message("STATUS=");
    ck_assert_int_eq(kill(daemon, SIGHUP), 0);
    expect_message("STATUS=polling");
    expect_message("STATUS=");
    ck_assert(said("err", "level=error event=bus detail="));
    ck_assert_int_eq(kill(daemon, SIGTERM), 0);
    expect_status(status_of(daemon), 0);
    expect_status(PRIMARY("check"), 70); /* the hub is still away */
    leave();
}
END_TEST

START_TEST(a_stop_in_the_middle_of_a_poll_is_heeded)
{
    enter();
    struct sim_fault fault = {.path = "/time", .kind = SIM_FAULT_DELAY, .value = 20000};
    ck_assert(sim_server_set_faults(server, &fault, 1));
    listen_as_systemd();
    pid_t daemon = spawn((const char *const[]){"--config", "isoctane.conf", "run", NULL});
    expect_message("STATUS=polling");
    ck_assert_int_eq(kill(daemon, SIGTERM), 0);
    expect_status(status_of(daemon), 0);
    leave(); /* the answer that is delayed is given up */
}
END_TEST

SUITE("program", usage_is_explained, the_plant_installs_the_first_image_once,
      a_bad_configuration_is_explained, without_a_state_there_is_nothing_to_show,
      a_vehicle_is_updated_over_https, whoever_sends_a_printed_manifest_takes_nothing_from_the_next_poll,
      status_names_every_relaxation_of_a_repository, status_shows_what_secondaries_said_last,
      an_attack_is_refused_by_its_name, a_server_that_is_not_there_is_a_fault,
      the_daemon_polls_and_stops_when_told, failed_polls_are_repeated_with_growing_pauses,
      a_wish_during_a_poll_is_not_forgotten, the_daemon_outlives_its_bus,
      a_stop_in_the_middle_of_a_poll_is_heeded)
