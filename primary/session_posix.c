#include "primary/session_posix.h"
#include "metadata/crypto_openssl.h"
#include "metadata/secret_posix.h"
#include "primary/notify.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MAX_US 10000000u

/* Time that the vehicle sleeps counts: an attestation ages with it. */
uint64_t pri_session_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* --- what the Primary is given --- */

static uint32_t clock_us(void)
{
    return (uint32_t)pri_session_now_us();
}

static bool on_random(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    return up_random(out, n);
}

static int64_t on_wall_clock(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL);
}

static void on_event(void *ctx, const struct pri_event *e)
{
    const struct pri_session *s = ctx;
    pri_display_event(s->display, e);
}

static void on_progress(void *ctx, const struct pri_progress *p)
{
    const struct pri_session *s = ctx;
    pri_display_progress(s->display, p, pri_session_now_us());
}

/* --- opening --- */

static bool open_links(struct pri_session *s, char *why, size_t why_size)
{
    for (unsigned b = 0; b < s->config->bus_count; b++) {
        const struct pri_bus_config *bus = &s->config->buses[b];
        s->links[b] = isotp_link_open(bus->link, bus->fd, why, why_size);
        if (s->links[b] == NULL) return false;
    }
    return true;
}

static void close_links(struct pri_session *s)
{
    for (unsigned b = 0; b < PRI_BUSES_MAX; b++) {
        if (s->links[b] != NULL) s->links[b]->ops->close(s->links[b]);
        s->links[b] = NULL;
    }
}

static bool read_secrets(struct pri_session *s, char *why, size_t why_size)
{
    for (unsigned i = 0; i < s->config->ecu_count; i++) {
        const char *path = s->config->ecus[i].tester_secret;
        if (path == NULL) continue;
        if (!up_secret_read(path, s->secret[i], why, why_size)) return false;
        s->secrets[i] = s->secret[i];
    }
    return true;
}

static enum pri_exit open_primary(struct pri_session *s, char *why, size_t why_size)
{
    struct pri_problem problem = {0};
    struct pri_ports ports = {.state = s->state,
                              .fetch = s->fetch,
                              .installer = s->installer,
                              .signer = &s->signer,
                              .badge = s->badge.certificate != NULL ? &s->badge : NULL,
                              .secrets = s->secrets,
                              .links = s->links,
                              .random = on_random,
                              .wall_clock = on_wall_clock,
                              .event = on_event,
                              .progress = on_progress,
                              .ctx = s,
                              .clock_us = clock_us};
    if (s->access == PRI_WORK && !open_links(s, why, why_size)) return PRI_EXIT_FAULT;
    s->pri = pri_open(s->config, &ports, &problem);
    if (s->pri != NULL) return PRI_EXIT_OK;
    snprintf(why, why_size, "%s", problem.what);
    return problem.err == UP_CONFIG ? PRI_EXIT_CONFIG : PRI_EXIT_FAULT;
}

static bool open_state(struct pri_session *s, char *why, size_t why_size)
{
    char path[4096];
    const char *dir = s->config->state_dir;
    if (s->access != PRI_LOOK && mkdir(dir, 0700) != 0 && errno != EEXIST) {
        snprintf(why, why_size, "%s: cannot be created: %s; check [primary] state_dir", dir, strerror(errno));
        return false;
    }
    snprintf(path, sizeof path, "%s/state.db", dir);
    s->state = s->access != PRI_LOOK ? pri_state_open(path, why, why_size)
                                     : pri_state_open_reading(path, why, why_size);
    if (s->state == NULL) return false;
    snprintf(path, sizeof path, "%s/slots", dir);
    s->installer = pri_installer_slots(path, s->state, why, why_size);
    return s->installer != NULL;
}

/* Signals become readable; libcurl writes to sockets that may be gone. */
static bool open_loop(struct pri_session *s, char *why, size_t why_size)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    s->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    s->watchdog_us = pri_notify_watchdog_us();
    if (s->signals >= 0 && s->timer >= 0) return true;
    snprintf(why, why_size, "no descriptors for signals and time: %s", strerror(errno));
    return false;
}

enum pri_exit pri_session_open(struct pri_session *s, const char *config_path, enum pri_access access,
                               struct pri_display *display, char *why, size_t why_size)
{
    *s = (struct pri_session){.access = access, .display = display, .signals = -1, .timer = -1};
    s->config = pri_config_read(config_path, why, why_size);
    if (s->config == NULL) return PRI_EXIT_CONFIG;
    if (!up_crypto_selftest()) { /* nothing that it verifies could be believed */
        snprintf(why, why_size, "%s", up_err_text(UP_CRYPTO_SELFTEST));
        return PRI_EXIT_FAULT;
    }
    if (!up_signer_open(s->config->key, &s->signer, why, why_size)) return PRI_EXIT_CONFIG;
    if (s->config->bus_key != NULL &&
        !pri_badge_open(&s->badge, s->config->bus_certificate, s->config->bus_key, why, why_size))
        return PRI_EXIT_CONFIG;
    if (!read_secrets(s, why, why_size)) return PRI_EXIT_CONFIG;
    if (!open_state(s, why, why_size)) return PRI_EXIT_FAULT;
    if (access == PRI_WORK) {
        s->fetch = pri_fetch_curl_open(s->config, why, why_size);
        if (s->fetch == NULL || !open_loop(s, why, why_size)) return PRI_EXIT_FAULT;
    }
    return open_primary(s, why, why_size);
}

void pri_session_close(struct pri_session *s)
{
    pri_close(s->pri);
    close_links(s);
    if (s->fetch != NULL) pri_fetch_curl_close(s->fetch);
    if (s->installer != NULL) s->installer->close(s->installer);
    pri_state_close(s->state);
    if (s->signer.handle != NULL) up_signer_close(&s->signer);
    pri_badge_close(&s->badge);
    up_wipe(s->secret, sizeof s->secret);
    pri_config_free(s->config);
    if (s->signals >= 0) close(s->signals);
    if (s->timer >= 0) close(s->timer);
}

bool pri_session_repair(struct pri_session *s, char *why, size_t why_size)
{
    if (s->pri != NULL && pri_links_up(s->pri)) return true;
    pri_close(s->pri);
    s->pri = NULL;
    close_links(s);
    return open_primary(s, why, why_size) == PRI_EXIT_OK;
}

/* --- the loop --- */

static void read_signals(struct pri_session *s)
{
    struct signalfd_siginfo i;
    while (read(s->signals, &i, sizeof i) == (ssize_t)sizeof i) {
        s->poll_now = s->poll_now || i.ssi_signo == SIGHUP;
        s->stopped = s->stopped || i.ssi_signo != SIGHUP;
    }
}

/* The service manager hears from us as long as this loop turns. */
static void feed_watchdog(struct pri_session *s, uint64_t now_us)
{
    if (s->watchdog_us == 0 || now_us < s->watchdog_at) return;
    pri_notify("WATCHDOG=1");
    s->watchdog_at = now_us + s->watchdog_us;
}

/* Until something happens, DUE_US at the longest. The timer, because libcurl counts in milliseconds and
 * frames may be due sooner. */
static void wait_for_something(struct pri_session *s, uint64_t due_us)
{
    struct pollfd fds[PRI_FETCH_POLL_MAX] = {{.fd = s->signals, .events = POLLIN},
                                             {.fd = s->timer, .events = POLLIN}};
    _Static_assert(2 + PRI_BUSES_MAX <= PRI_FETCH_POLL_MAX, "room for every bus");
    unsigned n = 2 + (s->pri == NULL ? 0 : pri_descriptors(s->pri, fds + 2));
    if (s->watchdog_us > 0 && due_us > s->watchdog_us) due_us = s->watchdog_us;
    if (due_us > WAIT_MAX_US) due_us = WAIT_MAX_US;
    struct itimerspec in = {
        .it_value = {.tv_sec = (time_t)(due_us / 1000000u), .tv_nsec = (long)(due_us % 1000000u) * 1000 + 1}};
    timerfd_settime(s->timer, 0, &in, NULL);
    (void)pri_fetch_curl_wait(s->fetch, fds, n, due_us == 0 ? 0 : WAIT_MAX_US / 1000);
    if (fds[0].revents != 0) read_signals(s);
    feed_watchdog(s, pri_session_now_us());
}

bool pri_session_cycle(struct pri_session *s, enum pri_goal goal)
{
    pri_begin(s->pri, goal, pri_session_now_us());
    while (!s->stopped && pri_step(s->pri, pri_session_now_us()))
        wait_for_something(s, pri_due(s->pri, pri_session_now_us()));
    pri_display_rest(s->display);
    return !s->stopped;
}

void pri_session_idle(struct pri_session *s, uint64_t us)
{
    uint64_t end_us = pri_session_now_us() + us;
    for (uint64_t now_us; !s->stopped && !s->poll_now && (now_us = pri_session_now_us()) < end_us;) {
        uint64_t left_us = end_us - now_us, due_us = s->pri == NULL ? left_us : pri_due(s->pri, now_us);
        wait_for_something(s, due_us < left_us ? due_us : left_us);
        if (s->pri != NULL) /* takes frames that nobody asked for off the bus */
            (void)pri_step(s->pri, pri_session_now_us());
    }
    s->poll_now = false; /* one that came during a cycle counts too */
}

/* Nobody who answers no longer, or not at all, has been refused anything: that is told to the Director as a
 * dropped request, but here it is a fault. */
bool pri_is_refusal(enum up_err e)
{
    return up_err_class(e) == UP_CLASS_ATTACK && e != UP_TRANSPORT && e != UP_UNAVAILABLE;
}

enum pri_exit pri_session_verdict(const struct pri_outcome *o, enum pri_goal goal)
{
    if (pri_is_refusal(o->err)) return PRI_EXIT_ATTACK;
    if (o->err != UP_OK) return PRI_EXIT_FAULT;
    for (unsigned i = 0; i < o->rows; i++) /* a Secondary that is silent, or another one, is no success */
        if (o->row[i].err != UP_OK) return pri_is_refusal(o->row[i].err) ? PRI_EXIT_ATTACK : PRI_EXIT_FAULT;
    return (goal == PRI_CHECK ? o->pending : o->updated) > 0 ? PRI_EXIT_OK : PRI_EXIT_NOTHING;
}
