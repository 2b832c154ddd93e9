/* A Primary as a process: its files, its servers and its buses opened from the configuration, and the one
 * loop in which it waits. Used by main.c. */
#ifndef PRIMARY_SESSION_POSIX_H
#define PRIMARY_SESSION_POSIX_H

#include "primary/badge_openssl.h"
#include "primary/display.h"
#include "primary/fetch_curl.h"

enum pri_exit { /* sysexits.h where it has a name for it */
                PRI_EXIT_OK = 0,
                PRI_EXIT_NOTHING = 1, /* nothing to do */
                PRI_EXIT_ATTACK = 2,  /* refused; the verdict names the attack */
                PRI_EXIT_USAGE = 64,
                PRI_EXIT_FAULT = 70,
                PRI_EXIT_CONFIG = 78
};

enum pri_access {
    PRI_LOOK,  /* what is stored, also beside a running Primary; no server, no bus */
    PRI_STORE, /* writes what is stored; no server, no bus */
    PRI_WORK
};

struct pri_session {
    enum pri_access access;
    struct pri_config *config;
    struct up_signer signer;
    struct pri_badge badge;
    uint8_t secret[PRI_ECUS_MAX][UP_SECRET_BYTES];
    const uint8_t *secrets[PRI_ECUS_MAX]; /* those that there are */
    struct pri_state *state;
    struct pri_installer *installer;
    struct pri_fetch *fetch;
    struct isotp_link *links[PRI_BUSES_MAX];
    struct pri *pri; /* NULL while a bus is not there */
    struct pri_display *display;
    int signals, timer; /* signalfd: TERM and INT stop, HUP polls now; timerfd */
    uint64_t watchdog_us, watchdog_at;
    bool stopped, poll_now;
};

/* PRI_EXIT_OK, or the exit status that fits what WHY says. The display stays the caller's. Close in any case.
 */
enum pri_exit pri_session_open(struct pri_session *s, const char *config_path, enum pri_access access,
                               struct pri_display *display, char *why, size_t why_size);
void pri_session_close(struct pri_session *s);

uint64_t pri_session_now_us(void);
/* A whole cycle. False: stopped by a signal. */
bool pri_session_cycle(struct pri_session *s, enum pri_goal goal);
/* Nothing but waiting, for so long or until a signal. */
void pri_session_idle(struct pri_session *s, uint64_t us);
/* Opens what went away: buses that are down, and with them the Primary. False: WHY says what is missing
 * still. */
bool pri_session_repair(struct pri_session *s, char *why, size_t why_size);

/* Something came and was refused as an attack. */
bool pri_is_refusal(enum up_err e);
/* The exit status for what a cycle came to; a check succeeds when there is something to install. */
enum pri_exit pri_session_verdict(const struct pri_outcome *o, enum pri_goal goal);

#endif
