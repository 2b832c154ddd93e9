/* isoctane-secondary: a Secondary as a Linux process. Wiring, and the one loop that waits. */
#include "metadata/crypto_openssl.h"
#include "secondary/agent_state.h"
#include "secondary/badge_openssl.h"
#include "secondary/boot_posix.h"
#include "secondary/station.h"
#include "secondary/status_posix.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { OK = 0, USAGE = 64, FAULT = 70, CONFIG = 78 };

#define P2_US       1000000 /* fdatasync() of a busy disk keeps us longer than 50 ms; testers are told in 50 */
#define TICK_US     100000u  /* how late a trial limit may be noticed */
#define ASLEEP_US   1000000u /* what attested time may be wrong by */
#define ROOM_FACTOR 8u       /* files that are not canonical: metadata/sign.h */
#define BROKEN      "ISOCTANE-BROKEN"
#define BOOTED      "--booted="

struct ecu {
    struct sec_config config;
    const char *path; /* of the configuration */
    struct sec_flash_posix flash;
    struct up_signer signer;
    struct up_key boot_key;
    struct up_buf room;
    struct sec_identity id;
    struct sec_platform platform;
    struct sec_agent agent;
    struct sec_badge badge; /* when [ecu] tester_ca or tester_secret is given */
    struct uds_guard guard;
    struct sec_station station;
    struct isotp_link *link;
    uint8_t request[UINT16_MAX], reply[UINT16_MAX];
    struct sec_status told; /* what the log said last */
    uint64_t asleep_us;     /* since the machine started, as far as it was noticed */
    bool fast;
    bool booted; /* by the boot stage, which chose: */
    struct sec_boot_choice choice;
};

/* ---- log ---- */

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

static int fail(int status, const char *why)
{
    say("isoctane-secondary: %s", why);
    return status;
}

static int fail_up(int status, const char *what, enum up_err e)
{
    say("isoctane-secondary: %s: %s: %s", what, up_err_name(e), up_err_text(e));
    return status;
}

static void log_boot(const struct ecu *e)
{
    struct sec_status s;
    sec_agent_status(&e->agent, &s);
    say("event=boot serial=%s boots=%u slot=%u state=%s image=%.*s counter=%u", e->config.serial,
        (unsigned)e->agent.boots, s.slots.running_slot, sec_slot_state_name(s.slots.running),
        s.image_name.p == NULL ? 7 : (int)s.image_name.n,
        s.image_name.p == NULL ? "unknown" : (const char *)s.image_name.p, (unsigned)s.release_counter);
}

/* What has changed since it was looked at last. */
static void log_changes(struct ecu *e)
{
    struct sec_status s;
    sec_agent_status(&e->agent, &s);
    if (s.slots.running != e->told.slots.running || s.slots.other != e->told.slots.other ||
        s.slots.armed != e->told.slots.armed)
        say("event=slots serial=%s running=%s other=%s armed=%u transported=%u total=%u", e->config.serial,
            sec_slot_state_name(s.slots.running), sec_slot_state_name(s.slots.other), s.slots.armed,
            (unsigned)s.slots.transported, (unsigned)s.slots.total);
    if (s.versions.director_targets != e->told.versions.director_targets ||
        s.versions.director_root != e->told.versions.director_root)
        say("event=trusted serial=%s director_root=%u director_targets=%u image_root=%u image_targets=%u",
            e->config.serial, (unsigned)s.versions.director_root, (unsigned)s.versions.director_targets,
            (unsigned)s.versions.image_root, (unsigned)s.versions.image_targets);
    if (s.security_events != e->told.security_events)
        say("event=security serial=%s total=%u first=\"%.*s\"", e->config.serial, (unsigned)s.security_events,
            (int)s.attacks.n, (const char *)s.attacks.p);
    e->told = s;
}

/* ---- platform ---- */

/* The simulated application is not well when its image begins with ISOCTANE-BROKEN. */
static bool self_test(void *ctx, struct up_span image)
{
    struct sec_header h;
    (void)ctx;
    if (sec_header_read(image, &h) == UP_OK) image = (struct up_span){image.p + h.header_bytes, h.body_bytes};
    return image.n < sizeof BROKEN - 1 || memcmp(image.p, BROKEN, sizeof BROKEN - 1) != 0;
}

static bool random_bytes(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    return up_random(out, n);
}

static uint64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static uint32_t clock_us(void)
{
    return (uint32_t)now_us();
}

/* The trial limit counts time awake, so that clock stands still in sleep; attested time grows old all the
 * same. */
static uint64_t asleep_us(void)
{
    const uint64_t awake = now_us(); /* first: the other clock is never behind it */
    struct timespec t;
    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u - awake;
}

static void notice_sleep(struct ecu *e)
{
    const uint64_t asleep = asleep_us();
    if (asleep <= e->asleep_us + ASLEEP_US) return;
    e->asleep_us = asleep;
    sec_agent_slept(&e->agent);
}

/* ---- opening ---- */

static int open_ecu(struct ecu *e, bool create)
{
    struct sec_config *c = &e->config;
    char why[1024];
    struct sec_boot_config boot;
    if (!sec_posix_boot_config(c, &e->boot_key, &boot, why, sizeof why)) return fail(CONFIG, why);
    if (!up_signer_open(c->key, &e->signer, why, sizeof why)) return fail(CONFIG, why);
    if (c->tester_ca[0] != '\0' &&
        !sec_badge_open(&e->badge, c->tester_ca, up_span_of(c->vehicle_id), why, sizeof why))
        return fail(CONFIG, why);
    if (c->tester_secret[0] != '\0' &&
        !sec_badge_add_secret(&e->badge, c->tester_secret, &e->agent.store, why, sizeof why))
        return fail(CONFIG, why);
    e->room.cap = (size_t)ROOM_FACTOR * c->staging_bytes;
    e->room.p = malloc(e->room.cap);
    if (e->room.p == NULL) return fail(FAULT, "out of memory");
    e->id = (struct sec_identity){.vehicle_id = up_span_of(c->vehicle_id),
                                  .serial = up_span_of(c->serial),
                                  .hardware_id = up_span_of(c->hardware_id),
                                  .profile = c->profile,
                                  .limits = c->full ? &up_limits_posix : &up_limits_mcu,
                                  .full = c->full,
                                  .signer = &e->signer,
                                  .base_time_s = c->base_time_s,
                                  .time_max_age_s = c->time_max_age_s,
                                  .trial_limit_s = c->trial_limit_s,
                                  .max_message = (uint16_t)c->max_message,
                                  .layout = c->layout,
                                  .boot = boot.policy,
                                  .staging_bytes = c->staging_bytes,
                                  .room = &e->room};
    if (c->image_names[0] != '\0') e->id.name_pattern = up_span_of(c->image_names);
    e->platform = (struct sec_platform){.ctx = e, .self_test = self_test, .random = random_bytes};
    if (!sec_posix_open_flash(c, create, e->fast, &e->flash, why, sizeof why)) return fail(FAULT, why);
    return OK;
}

static void close_ecu(struct ecu *e)
{
    sec_agent_drop(&e->agent);
    if (e->link != NULL) e->link->ops->close(e->link);
    if (e->flash.port.mapped != NULL) sec_flash_posix_close(&e->flash);
    if (e->signer.handle != NULL) up_signer_close(&e->signer);
    sec_badge_close(&e->badge);
    free(e->room.p);
    e->link = NULL;
    e->signer.handle = NULL;
    e->room.p = NULL;
}

/* Reset: everything is let go, and the boot stage takes this process over. */
static int restart(struct ecu *e)
{
    char why[1200];
    const char *const boot[] = {"isoctane-boot", e->path, e->fast ? "--fast-flash" : NULL, NULL};
    close_ecu(e);
    sec_posix_jump("isoctane-boot", boot, why, sizeof why);
    return fail(FAULT, why);
}

static int not_bootable(const struct ecu *e, enum up_err err)
{
    if (err == UP_CONFIG)
        say("isoctane-secondary: %s: not provisioned for this ECU: `isoctane-secondary provision CONFIG` "
            "with a new "
            "file",
            e->config.flash);
    else
        (void)fail_up(FAULT, e->config.flash, err);
    return err == UP_CONFIG ? CONFIG : FAULT;
}

/* ---- run ---- */

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
    (void)signal;
    stop = 1;
}

static bool is_guarded(const struct ecu *e)
{
    return e->badge.authorities != NULL || e->badge.store != NULL;
}

/* What the boot stage has chosen runs. */
static int start(struct ecu *e)
{
    const struct uds_server_config server = {.p2_us = P2_US,
                                             .work_us = 1,
                                             .max_message = (uint16_t)e->config.max_message,
                                             .download_sessions = sec_agent_download_sessions(&e->id),
                                             .file_sessions = 1u << UDS_EXTENDED};
    const struct isotp_config channel = sec_config_channel(&e->config);
    enum up_err err =
        sec_agent_start(&e->agent, &e->flash.port, &e->id, &e->platform, &e->choice, now_us() / 1000);
    if (err != UP_OK) return not_bootable(e, err);
    const bool guarded = is_guarded(e);
    if (guarded)
        uds_guard_init(&e->guard, &e->badge.port, sec_agent_owner(), &e->agent, sec_attempts(&e->agent.store),
                       now_us() / 1000);
    sec_station_init(&e->station, e->link, &channel, &server, guarded ? &e->guard.owner : sec_agent_owner(),
                     guarded ? (void *)&e->guard : &e->agent, e->request, e->reply);
    e->station.node.clock_us = clock_us;
    sec_agent_status(&e->agent, &e->told);
    e->badge.now_s = e->told.versions.time_floor_s;
    log_boot(e);
    if (e->told.attacks.n > 0) {
        e->told.security_events = 0;
        log_changes(e);
    }
    return OK;
}

static void wait_for_work(struct ecu *e, const sigset_t *unblocked)
{
    const uint64_t now = now_us();
    uint32_t due = sec_station_due(&e->station, (uint32_t)now);
    if (due > TICK_US) due = TICK_US;
    const struct timespec timeout = {.tv_nsec = (long)due * 1000};
    struct pollfd p = {.fd = e->link->fd, .events = POLLIN};
    if (e->station.node.blocked) p.events |= POLLOUT;
    (void)ppoll(&p, 1, &timeout, unblocked);
}

static int loop(struct ecu *e)
{
    sigset_t blocked, unblocked;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigaddset(&blocked, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &blocked, &unblocked);
    (void)sigdelset(&unblocked, SIGTERM); /* blocked by who was here before a reset */
    (void)sigdelset(&unblocked, SIGINT);
    const struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);

    while (!stop) {
        const uint64_t now = now_us();
        notice_sleep(e);
        bool reset = sec_agent_tick(&e->agent, now / 1000);
        e->badge.now_s = e->told.versions.time_floor_s;
        if (is_guarded(e)) uds_guard_tick(&e->guard, now / 1000);
        bool up = sec_station_pump(&e->station, (uint32_t)now);
        log_changes(e);
        if (e->station.node.down) return fail(FAULT, "the CAN link is down");
        if (reset || !up) {
            say("event=reset serial=%s", e->config.serial);
            return restart(e);
        }
        wait_for_work(e, &unblocked);
    }
    say("event=stop serial=%s", e->config.serial);
    return OK;
}

static int cmd_run(struct ecu *e, bool json)
{
    char why[1024];
    (void)json;
    int status = open_ecu(e, false);
    if (status != OK) return status;
    enum up_err err = sec_agent_inspect(&e->agent, &e->flash.port, &e->id);
    if (err != UP_OK) return not_bootable(e, err);
    if (!e->booted) return restart(e);
    e->link = isotp_link_open(e->config.link, e->config.fd, why, sizeof why);
    if (e->link == NULL) return fail(FAULT, why);
    status = start(e);
    return status == OK ? loop(e) : status;
}

/* ---- provision ---- */

static bool read_file(const char *path, uint8_t **bytes, struct up_span *out)
{
    if (path[0] == '\0') return true;
    FILE *f = fopen(path, "re");
    long n = -1;
    if (f != NULL && fseek(f, 0, SEEK_END) == 0) n = ftell(f);
    if (n >= 0) *bytes = malloc((size_t)n + 1);
    bool ok =
        n >= 0 && *bytes != NULL && fseek(f, 0, SEEK_SET) == 0 && fread(*bytes, 1, (size_t)n, f) == (size_t)n;
    if (!ok) say("isoctane-secondary: %s: %s", path, strerror(errno));
    if (f != NULL) (void)fclose(f);
    if (ok) *out = (struct up_span){*bytes, (size_t)n};
    return ok;
}

static int install(struct ecu *e, const struct sec_provisioning *p)
{
    if (p->director_root.p == NULL) return fail(CONFIG, "[provision] director_root is missing");
    if (e->config.full && p->image_root.p == NULL)
        return fail(CONFIG, "[provision] image_root is missing: full verification needs it");
    if (p->image.p != NULL && p->image_name.p == NULL)
        return fail(CONFIG, "[provision] image_name is missing");
    int status = open_ecu(e, true);
    if (status != OK) return status;
    if (sec_agent_inspect(&e->agent, &e->flash.port, &e->id) == UP_OK)
        return fail(CONFIG, "this ECU is provisioned; to begin anew, remove its flash file first");
    enum up_err err = sec_provision(&e->flash.port, &e->id, p);
    if (err != UP_OK) return fail_up(CONFIG, "provisioning", err);
    say("event=provisioned serial=%s flash=%s", e->config.serial, e->config.flash);
    return OK;
}

static int cmd_provision(struct ecu *e, bool json)
{
    const struct sec_config *c = &e->config;
    (void)json;
    struct sec_provisioning p = {.release_counter = c->release_counter};
    if (c->image_name[0] != '\0') p.image_name = up_span_of(c->image_name);
    uint8_t *bytes[4 + 2 * UP_TIME] = {NULL};
    bool whole = false;
    bool ok = read_file(c->director_root, &bytes[0], &p.director_root) &&
              read_file(c->director_targets, &bytes[1], &p.director_targets) &&
              read_file(c->image_root, &bytes[2], &p.image_root) && read_file(c->image, &bytes[3], &p.image);
    for (unsigned i = 0; ok && i < 2 * UP_TIME; i++) {
        struct up_span *file = &p.set[i / UP_TIME][i % UP_TIME];
        ok = read_file(c->set[i / UP_TIME][i % UP_TIME], &bytes[4 + i], file);
        whole = whole || file->p != NULL;
    }
    if (whole) p.set[UP_DIRECTOR][UP_TARGETS] = p.director_targets, p.director_targets = (struct up_span){0};
    int status = ok ? install(e, &p) : CONFIG;
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) free(bytes[i]);
    return status;
}

/* ---- status ---- */

static int cmd_status(struct ecu *e, bool json)
{
    int status = open_ecu(e, false);
    if (status != OK) return status;
    enum up_err err = sec_agent_inspect(&e->agent, &e->flash.port, &e->id);
    if (err != UP_OK) return not_bootable(e, err);
    struct sec_status s;
    sec_agent_status(&e->agent, &s);
    sec_print_status(&e->id, &s, json);
    return OK;
}

/* ---- command line ---- */

static const struct command {
    const char *name;
    int (*run)(struct ecu *e, bool json);
    const char *help;
} commands[] = {
    {"run", cmd_run, "be this ECU until SIGTERM"},
    {"provision", cmd_provision, "make the flash file, as the plant would"},
    {"status", cmd_status, "what is in the flash file of an ECU that does not run (--json)"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static void print_help(FILE *out)
{
    (void)fprintf(out,
                  "Usage: isoctane-secondary COMMAND CONFIG [OPTION...]\n\n"
                  "A Secondary ECU: verifies for itself what the Primary sends over CAN.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    (void)fprintf(out,
                  "\nOptions:\n"
                  "  --json         machine-readable status\n"
                  "  --fast-flash   do not wait for the disk; for simulations\n"
                  "  --booted=WORD  what isoctane-boot has chosen; only it says so\n"
                  "  --help, --version\n\n"
                  "Exit status: 0 ok, 64 usage, 70 fault, 78 configuration. See isoctane-secondary(1).\n");
}

static int usage(void)
{
    print_help(stderr);
    return USAGE;
}

int main(int argc, char **argv)
{
    const char *words[2] = {NULL, NULL}, *booted = NULL;
    unsigned count = 0;
    bool json = false, fast = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) return print_help(stdout), OK;
        if (strcmp(argv[i], "--version") == 0) return printf("isoctane-secondary %s\n", ISOCTANE_VERSION), OK;
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--fast-flash") == 0)
            fast = true;
        else if (strncmp(argv[i], BOOTED, sizeof BOOTED - 1) == 0)
            booted = argv[i] + sizeof BOOTED - 1;
        else if (argv[i][0] == '-' || count == 2)
            return usage();
        else
            words[count++] = argv[i];
    }
    const struct command *c = commands;
    while (c < commands + COMMANDS && (words[0] == NULL || strcmp(c->name, words[0]) != 0)) c++;
    if (c == commands + COMMANDS || count != 2 || (json && c->run != cmd_status)) return usage();

    char why[1200];
    struct ecu *e = calloc(1, sizeof *e);
    if (e == NULL) return fail(FAULT, "out of memory");
    e->flash.fd = -1;
    e->fast = fast;
    e->path = words[1];
    e->booted = booted != NULL && sec_handover_read((uint32_t)strtoul(booted, NULL, 16), &e->choice);
    int status = sec_config_read(&e->config, words[1], why, sizeof why) ? c->run(e, json) : fail(CONFIG, why);
    close_ecu(e);
    free(e);
    return status;
}
