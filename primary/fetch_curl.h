/* The fetch port on libcurl, and with it the one place where a Primary's process waits: for the servers, and
 * for whatever else has a descriptor. */
#ifndef PRIMARY_FETCH_CURL_H
#define PRIMARY_FETCH_CURL_H

#include "primary/config.h"

#include <poll.h>

/* URLs, TLS files and speed limits are copied from CONFIG. NULL: WHY says why. */
struct pri_fetch *pri_fetch_curl_open(const struct pri_config *config, char *why, size_t why_size);
/* The same for who has no vehicle's configuration. All is copied. */
struct pri_fetch_options {
    const char *url[PRI_SERVERS];       /* NULL: there is no such server */
    const char *ca, *certificate, *key; /* PEM files; no CA: those that the system trusts; no certificate:
                                           none is shown */
    uint32_t speed_floor_bytes_s, speed_window_s;
    bool plain_http; /* http:// too: for repositories whose metadata alone proves what comes */
};
struct pri_fetch *pri_fetch_curl_open_with(const struct pri_fetch_options *o, char *why, size_t why_size);
/* Transfers that are under way are dropped. */
void pri_fetch_curl_close(struct pri_fetch *f);

#define PRI_FETCH_POLL_MAX 16
/* Moves the transfers on, then waits until one of them or one of the N descriptors in EXTRA has something to
 * do (revents tell), or TIMEOUT_MS has passed. False: the descriptors cannot be waited for. */
bool pri_fetch_curl_wait(struct pri_fetch *f, struct pollfd *extra, unsigned n, int timeout_ms);

/* Connections made since open: one per server while it keeps them. */
unsigned pri_fetch_curl_connections(const struct pri_fetch *f);

#endif
