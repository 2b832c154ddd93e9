/* The program isoctane-secondary: its configuration, its commands, and a life on a virtual bus. */
#include "isotp/node.h"
#include "isotp/uds_client.h"
#include "isotp/uds_guard.h"
#include "metadata/crypto_openssl.h"
#include "secondary/config_posix.h"
#include "sim/wrap.h"
#include "tests/lib_author.h"
#include "tests/lib_folder.h"
#include "tests/lib_hub.h"
#include "tests/lib_pki.h"
#include "tests/suite.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char program[512], why[1024];
static const char *const config_text =
    "[ecu]\nvehicle_id = VIN-1\nserial = ECU-7\nhardware_id = HW-A\nverification = full\nkey = ecu.pem\n"
    "[bus]\nlink = %s\nrequest_id = 0x7E0\nresponse_id = 0x7E8\nfunctional_id = 0x7DF\n"
    "[storage]\nflash = flash.bin\nslot_bytes = 65536\nstaging_bytes = 65536\n"
    "[provision]\ndirector_root = director.json\nimage_root = image.json\nimage = image.bin\n"
    "image_name = fw/first\nrelease_counter = 3\nbase_time = 2025-06-01T00:00:00Z\n";

static void find_program(void)
{
    char here[256];
    const char *build = getenv("BUILD");
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    (void)snprintf(program, sizeof program, "%s/%s/isoctane-secondary", here,
                   build != NULL ? build : "build");
}

/* Output goes to the file "out". */
static pid_t spawn(const char *command, const char *option)
{
    pid_t child = fork();
    if (child != 0) return child;
    int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execl(program, program, command, "ecu.conf", option, (char *)NULL);
    _exit(127);
}

static int status_of(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(const char *command, const char *option)
{
    return status_of(spawn(command, option));
}

static bool said(const char *text)
{
    size_t n;
    char *out = folder_read("out", &n);
    bool found = out != NULL && strstr(out, text) != NULL;
    free(out);
    return found;
}

static void enter_plant(const char *link)
{
    struct author director = author_of(&up_profile_strict, "VIN-1"),
                  image = author_of(&up_profile_strict, NULL);
    struct up_span root = author_root(&director, 1);
    find_program();
    folder_enter();
    folder_write("director.json", root.p, root.n);
    root = author_root(&image, 1);
    folder_write("image.json", root.p, root.n);
    folder_write_text("image.bin", "the first image");
    folder_write_text("ecu.conf", author_text(config_text, link));
    ck_assert_msg(up_signer_save(author_key(24), "ecu.pem", why, sizeof why), "%s", why);
}

/* ---- configuration ---- */

static const struct {
    const char *from, *to, *says;
} mistakes[] = {
    {"serial = ECU-7", "serial = E C U", "ecu.conf:3: [ecu] serial = E C U: expected 1 to 64 of"},
    {"verification = full", "verification = none",
     "ecu.conf:5: [ecu] verification = none: expected full or partial"},
    {"verification = full", "verification = full\nprofile = tuf",
     "profile = tuf: expected strict or deployed"},
    {"hardware_id = HW-A\n", "", "[ecu] hardware_id is missing"},
    {"[storage]", "[storage]\ncolour = red", "ecu.conf:13: [storage] colour = red: no such key"},
    {"[storage]", "[storage]\nslot_bytes = 65536", "ecu.conf:15: [storage] slot_bytes = 65536: given before"},
    {"staging_bytes = 65536", "staging_bytes = 1024",
     "staging_bytes = 1024: expected a number from 16384 to"},
    {"slot_bytes = 65536", "slot_bytes = 64k", "slot_bytes = 64k: expected a number from 1 to"},
    {"slot_bytes = 65536", "slot_bytes = 65536\nlayout = three",
     "layout = three: expected two-slots, swap or one-slot"},
    {"0x7E0", "7E0", "request_id = 7E0: expected a CAN identifier"},
    {"0x7E0", "0x20000000", "request_id = 0x20000000: expected a CAN identifier"},
    {"0x7E8", "0x7E0", "expected identifiers that differ"},
    {"[bus]", "[bus]\nst_min = 128", "st_min = 128: expected 0 to 127"},
    {"[bus]", "[bus]\nblock_size = 256", "expected a number from 0 to 255"},
    {"[bus]", "[bus]\npad = yes", "pad = yes: expected no, or a byte"},
    {"[bus]", "bus", "ecu.conf:7: expected [section] or key = value"},
    {"2025-06-01T00:00:00Z", "yesterday", "base_time = yesterday: expected a time such as"},
    {"fw/first", "../first", "image_name = ../first: expected an image name"},
};

/* S-PART-10: without room for metadata it is no Secondary */
START_TEST(every_mistake_is_told_with_line_and_value)
{
    struct sec_config c;
    folder_enter();
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        folder_write_text("ecu.conf",
                          author_with(author_text(config_text, "vcan0"), mistakes[i].from, mistakes[i].to));
        ck_assert(!sec_config_read(&c, "ecu.conf", why, sizeof why));
        ck_assert_msg(strstr(why, mistakes[i].says) != NULL, "said: %s", why);
    }
    ck_assert(!sec_config_read(&c, "nowhere.conf", why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "nowhere.conf: No such file"));
    folder_leave();
}
END_TEST

START_TEST(values_mean_what_they_say)
{
    struct sec_config c;
    folder_enter();
    char *text = author_text(config_text, "vcan0");
    text = author_with(text, "0x7E0", "0x18DA10F1");
    text = author_with(text, "0x7E8", "0x123x");
    text = author_with(text, "[bus]", "[bus]\nst_min = 300us\nblock_size = 8\npad = 0xCC\nfd = yes");
    text = author_with(text, "[ecu]", "[ecu]\nimage_names = fw/*\nprofile = deployed");
    folder_write_text("ecu.conf", text);
    ck_assert_msg(sec_config_read(&c, "./ecu.conf", why, sizeof why), "%s", why);
    struct isotp_config channel = sec_config_channel(&c);
    ck_assert_uint_eq(channel.rx_id, 0x18DA10F1u | ISOTP_ID_EXTENDED);
    ck_assert_uint_eq(channel.tx_id, 0x123u | ISOTP_ID_EXTENDED);
    ck_assert_uint_eq(channel.functional_id, 0x7DF);
    ck_assert_uint_eq(channel.st_min, 0xF3);
    ck_assert_uint_eq(channel.block_size, 8);
    ck_assert(channel.pad && channel.pad_byte == 0xCC && channel.fd);
    ck_assert(c.profile == &up_profile_deployed);
    ck_assert(c.full);
    ck_assert_str_eq(c.key, "./ecu.pem");
    ck_assert_uint_eq(c.trial_limit_s, 3600);
    folder_leave();
}
END_TEST

/* ---- commands ---- */

START_TEST(provisioned_once_and_then_looked_at)
{
    enter_plant("bus:nowhere");
    ck_assert_int_eq(run("status", NULL), 70);
    ck_assert_int_eq(run("provision", NULL), 0);
    ck_assert_int_eq(run("provision", NULL), 78);
    ck_assert(said("this ECU is provisioned"));
    ck_assert_int_eq(run("status", "--json"), 0);
    ck_assert(said("\"image\":\t\"fw/first\""));
    ck_assert(said("\"release_floor\":\t3"));
    ck_assert(said("\"running\":\t\"confirmed\""));
    ck_assert_int_eq(run("status", NULL), 0);
    ck_assert(said("director_root        1"));
    ck_assert(said("relaxed              []"));
    ck_assert_int_eq(run("run", NULL), 70);
    ck_assert(said("nowhere"));
    folder_leave();
}
END_TEST

START_TEST(wrong_use_and_wrong_plants_are_refused)
{
    enter_plant("bus:nowhere");
    ck_assert_int_eq(run("fly", NULL), 64);
    ck_assert_int_eq(run("run", "--json"), 64);
    ck_assert_int_eq(run("run", "--nonsense"), 64);
    ck_assert_int_eq(run("run", "--help"), 0);
    ck_assert(said("Usage: isoctane-secondary"));
    ck_assert_int_eq(run("run", "--version"), 0);
    folder_write_text("director.json", "{}");
    ck_assert_int_eq(run("provision", NULL), 78);
    ck_assert(said("provisioning: CONFIG"));
    ck_assert_int_eq(run("run", NULL), 78); /* half a plant is none */
    (void)unlink("image.json");
    ck_assert_int_eq(run("provision", NULL), 78);
    ck_assert(said("image.json: No such file"));
    (void)unlink("ecu.pem");
    ck_assert_int_eq(run("status", NULL), 78);
    folder_leave();
}
END_TEST

START_TEST(a_flash_of_another_ecu_is_not_taken)
{
    enter_plant("bus:nowhere");
    ck_assert_int_eq(run("provision", NULL), 0);
    folder_write_text("ecu.conf", author_with(author_text(config_text, "bus:nowhere"), "ECU-7", "ECU-8"));
    ck_assert_int_eq(run("status", NULL), 78);
    ck_assert(said("not provisioned for this ECU"));
    folder_leave();
}
END_TEST

/* ---- the boot stage ---- */

#define SLOT_0 (2 * 16384 + 2 * 65536) /* in the flash file */

static void enter_plant_with_signatures(const struct up_signer *signer)
{
    char pem[UP_PEM_BYTES];
    const struct sim_wrap w = {.header_bytes = 32, .release_counter = 3};
    struct sim_bytes image = {0};
    enter_plant("bus:nowhere");
    size_t n = up_key_to_pem(&author_key(25)->key, pem, sizeof pem);
    folder_write("boot.pub", (const uint8_t *)pem, n);
    folder_write_text("ecu.conf", author_with(author_text(config_text, "bus:nowhere"), "[provision]",
                                              "[boot]\nkey = boot.pub\n[provision]"));
    ck_assert(sim_wrap(&w, UP_SPAN("the first image"), signer, &image, why));
    folder_write("image.bin", image.p, image.n);
    sim_bytes_free(&image);
}

static void flip(off_t at)
{
    uint8_t byte;
    int fd = open("flash.bin", O_RDWR);
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

START_TEST(the_boot_stage_starts_what_its_key_has_signed_and_nothing_else)
{
    enter_plant_with_signatures(author_key(26));
    ck_assert_int_eq(run("provision", NULL), 78);
    folder_leave();
    enter_plant_with_signatures(author_key(25));
    ck_assert_int_eq(run("provision", NULL), 0);
    ck_assert_int_eq(run("run", NULL), 70); /* the link comes last */
    ck_assert(said("event=choose serial=ECU-7 policy=signature slot=0"));
    flip(SLOT_0 + 40);
    ck_assert_int_eq(run("run", NULL), 70);
    ck_assert(said("slot=none damaged=0"));
    ck_assert_int_eq(run("status", NULL), 0);
    ck_assert(said("other                \"bad\""));
    ck_assert_int_eq(unlink("boot.pub"), 0);
    ck_assert_int_eq(run("run", NULL), 78);
    folder_leave();
}
END_TEST

START_TEST(the_boot_stage_refuses_what_it_cannot_read)
{
    enter_plant("bus:nowhere");
    char *last = strrchr(program, '/');
    (void)snprintf(last, 32, "/isoctane-boot");
    ck_assert_int_eq(run("--help", NULL), 0);
    ck_assert(said("Usage: isoctane-boot CONFIG"));
    ck_assert_int_eq(run("--version", NULL), 0);
    ck_assert_int_eq(run("nowhere.conf", NULL), 64); /* two files */
    (void)snprintf(last, 32, "/isoctane-secondary");
    folder_write_text("flash.bin", "not a flash file");
    ck_assert_int_eq(run("run", NULL), 70);
    folder_leave();
}
END_TEST

/* Nobody but the owner reads what an ECU keeps. */
START_TEST(the_flash_file_is_the_owners)
{
    struct stat st;
    (void)umask(0);
    enter_plant("bus:nowhere");
    ck_assert_int_eq(run("provision", NULL), 0);
    ck_assert_int_eq(stat("flash.bin", &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777u, 0600);
    folder_leave();
}
END_TEST

/* ---- on the bus ---- */

struct tester {
    struct isotp_link *link;
    struct isotp channel, *channels[1];
    struct isotp_node node;
    struct uds_client client;
    uint8_t receive[4096];
};

static uint32_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint32_t)((uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u);
}

static void join(struct tester *t, const char *name)
{
    struct isotp_config channel = isotp_config_default(0x7E0, 0x7E8, false);
    t->link = isotp_link_open(name, false, why, sizeof why);
    ck_assert_msg(t->link != NULL, "%s", why);
    isotp_init(&t->channel, &channel, t->receive, sizeof t->receive);
    uds_client_init(&t->client, &(struct uds_client_config){.repeats = 20}, &t->channel);
    t->channels[0] = &t->channel;
    isotp_node_init(&t->node, t->link, t->channels, 1);
}

static enum uds_outcome outcome(struct tester *t)
{
    struct isotp_event event;
    for (;;) {
        uint32_t now = now_us();
        ck_assert(isotp_node_pump(&t->node, now));
        while (isotp_poll(&t->channel, &event)) uds_client_event(&t->client, &event, now);
        uds_client_poll(&t->client, now);
        if (uds_client_outcome(&t->client) != UDS_WAITING) return uds_client_outcome(&t->client);
        uint32_t due = uds_client_due(&t->client, now), node = isotp_node_due(&t->node, now);
        if (node < due) due = node;
        struct pollfd p = {.fd = t->link->fd, .events = POLLIN};
        poll(&p, 1, due > 10000 ? 10 : (int)(due / 1000) + 1);
    }
}

START_TEST(it_answers_on_the_bus_resets_and_ends_when_asked)
{
    struct lib_hub hub;
    struct tester t;
    const struct sim_hub_config config = {.bus = {.bitrate = 0}};
    lib_hub_start(&hub, &config);
    enter_plant(hub.name);
    ck_assert_int_eq(run("provision", "--fast-flash"), 0);
    pid_t child = spawn("run", "--fast-flash");
    join(&t, hub.name);
    for (int round = 0; round < 2; round++) {
        uds_client_read(&t.client, UDS_DID_INSTALLED_IMAGE, now_us());
        ck_assert_int_eq(outcome(&t), UDS_POSITIVE);
        ck_assert_uint_eq(t.client.reply_bytes, 3 + strlen("fw/first;3"));
        ck_assert_mem_eq(t.client.reply + 3, "fw/first;3", 10);
        uds_client_reset(&t.client, UDS_HARD_RESET, now_us());
        ck_assert_int_eq(outcome(&t), UDS_POSITIVE);
    }
    uds_client_read(&t.client, UDS_DID_VERSION_REPORT, now_us());
    ck_assert_int_eq(outcome(&t), UDS_POSITIVE);
    uds_client_request(&t.client, (const uint8_t[]){0x34, 0, 0x11, 0, 9}, 5, NULL, 0, now_us());
    uds_client_session(&t.client, UDS_EXTENDED, now_us());
    ck_assert_int_eq(outcome(&t), UDS_POSITIVE);
    uds_client_request(&t.client, (const uint8_t[]){0x34, 0, 0x11, 0, 9}, 5, NULL, 0, now_us());
    ck_assert_int_eq(outcome(&t), UDS_REFUSED);
    ck_assert_uint_eq(t.client.code, UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_int_eq(run("status", NULL), 70); /* one process at a time */
    kill(child, SIGTERM);
    ck_assert_int_eq(status_of(child), 0);
    ck_assert_int_eq(run("status", NULL), 0);
    ck_assert(said("attacks_detected     \"BUS_UNAUTHORISED download\""));
    t.link->ops->close(t.link);
    folder_leave();
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
}
END_TEST

/* ---- its testers ---- */

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

/* isoctane-sim uds COMMAND... with the certificate, the secret, or both; what it said is in "out". */
static int tester(const char *hub, const char *certificate, const char *secret, const char *command,
                  const char *arguments)
{
    char line[1500];
    const char *tool = author_with(program, "isoctane-secondary", "isoctane-sim");
    (void)snprintf(line, sizeof line, "%s uds %s --timeout 30000 --session 3 %s %s %s %s %s %s >out 2>&1",
                   tool, command, certificate != NULL ? "--certificate tester.pem --certificate-key" : "",
                   certificate != NULL ? certificate : "", secret != NULL ? "--secret" : "",
                   secret != NULL ? secret : "", hub, arguments);
    int status = system(line); /* NOLINT: our own line */
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static pid_t start_ecu(const char *hub)
{
    pid_t child = spawn("run", "--fast-flash");
    struct tester t;
    join(&t, hub);
    do uds_client_read(&t.client, UDS_DID_ECU_SERIAL, now_us());
    while (outcome(&t) != UDS_POSITIVE);
    t.link->ops->close(t.link);
    return child;
}

static void stop_ecu(pid_t child)
{
    kill(child, SIGTERM);
    ck_assert_int_eq(status_of(child), 0);
}

static void expect_tester(int status, int expected, const char *says)
{
    ck_assert_msg(status == expected && said(says), "%d: %s", status, folder_read("out", NULL));
}

/* E-BUS-07: 27 and 29 keep strangers out, and let nobody in whom metadata does not. */
START_TEST(it_opens_to_its_testers_and_counts_wrong_keys_over_a_reset)
{
    static const char *const routine[] = {"routine", "0310"}, *const download[] = {"request", "3400110009"};
    struct lib_hub hub;
    const struct sim_hub_config config = {.bus = {.bitrate = 0}};
    lib_hub_start(&hub, &config);
    enter_plant(hub.name);
    (void)umask(077);
    pki_authority("ca");
    pki_certificate("tester", "ca", "VIN-1", NULL, 30);
    folder_write_text("secret", SECRET "f\n");
    folder_write_text("wrong", SECRET "e\n");
    folder_write_text("ecu.conf", author_with(author_text(config_text, hub.name), "[bus]",
                                              "tester_ca = ca.pem\ntester_secret = secret\n[bus]"));
    ck_assert_int_eq(run("provision", "--fast-flash"), 0);
    pid_t child = start_ecu(hub.name);
    expect_tester(tester(hub.name, NULL, NULL, routine[0], routine[1]), 1, "34 authenticationRequired");
    expect_tester(tester(hub.name, NULL, "secret", routine[0], routine[1]), 1, "34 authenticationRequired");
    expect_tester(tester(hub.name, "tester.key", NULL, routine[0], routine[1]), 1, "33 securityAccessDenied");
    expect_tester(tester(hub.name, "tester.key", "secret", routine[0], routine[1]), 0, "71 01 03 10");
    expect_tester(tester(hub.name, "tester.key", "secret", download[0], download[1]), 1,
                  "70 uploadDownloadNotAccepted");
    expect_tester(tester(hub.name, "tester.key", "secret", "security", ""), 0, "unlocked at level 01");
    expect_tester(tester(hub.name, "ca.key", NULL, routine[0], routine[1]), 78,
                  "not the certificate of the key");
    expect_tester(tester(hub.name, NULL, "nowhere", "security", ""), 64, "nowhere: No such file");

    expect_tester(tester(hub.name, NULL, "wrong", "security", ""), 1, "35 invalidKey");
    expect_tester(tester(hub.name, NULL, "wrong", "security", ""), 1, "35 invalidKey");
    stop_ecu(child);
    child = start_ecu(hub.name);
    expect_tester(tester(hub.name, NULL, "wrong", "security", ""), 1, "36 exceededNumberOfAttempts");
    stop_ecu(child);
    const uint32_t began_us = now_us();
    child = start_ecu(hub.name);
    int status = tester(hub.name, NULL, "secret", "security", "");
    if (now_us() - began_us < UDS_ATTEMPT_DELAY_MS * 1000u) /* else it may be over */
        expect_tester(status, 1, "37 requiredTimeDelayNotExpired");
    stop_ecu(child);

    ck_assert_int_eq(chmod("secret", 0644), 0);
    ck_assert_int_eq(run("run", NULL), 78);
    ck_assert(said("secret: others may read it"));
    folder_leave();
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
}
END_TEST

SUITE("secondary", every_mistake_is_told_with_line_and_value, values_mean_what_they_say,
      provisioned_once_and_then_looked_at, wrong_use_and_wrong_plants_are_refused,
      a_flash_of_another_ecu_is_not_taken, the_boot_stage_starts_what_its_key_has_signed_and_nothing_else,
      the_boot_stage_refuses_what_it_cannot_read, the_flash_file_is_the_owners,
      it_answers_on_the_bus_resets_and_ends_when_asked,
      it_opens_to_its_testers_and_counts_wrong_keys_over_a_reset)
