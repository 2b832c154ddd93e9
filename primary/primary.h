/* The Primary of one vehicle: configuration and ports in, update cycles out. One thread, nothing blocks: the
 * owner of the I/O loop calls pri_step() whenever a descriptor is ready or pri_due() has passed.
 *
 *     p = pri_open(config, &ports, &problem);
 *     pri_begin(p, PRI_UPDATE, now_us);
 *     while (pri_step(p, now_us)) wait for descriptors, at most pri_due(p, now_us);
 *     pri_result(p) tells what came of it.
 */
#ifndef PRIMARY_PRIMARY_H
#define PRIMARY_PRIMARY_H

#include <poll.h>

#include "isotp/link.h"
#include "metadata/clock.h"
#include "primary/chain.h"
#include "primary/config.h"
#include "primary/installer.h"
#include "primary/state.h"

enum pri_goal {
    PRI_CHECK, /* report and verify; install nothing */
    PRI_UPDATE /* a whole cycle */
};

struct pri_badge; /* primary/ecu.h */

struct pri_progress {     /* work on something that takes long */
    const char *ecu;      /* serial; the image's name while it is downloaded */
    const char *what;     /* "download", "prepare", "activate", "confirm" */
    uint64_t done, total; /* bytes; total 0: no measure */
};

/* What the Primary is given. All of it stays the caller's and outlives it. */
struct pri_ports {
    struct pri_state *state;
    struct pri_fetch *fetch;
    struct pri_installer *installer;
    const struct up_signer *signer;
    struct isotp_link *const *links; /* one per configured bus */
    const struct pri_badge *badge;   /* for Secondaries that want to know who this is (29); NULL: none */
    const uint8_t *const *secrets;   /* for their locks (27), by index of [ecu]; NULL, and each NULL: none */
    bool (*random)(void *ctx, uint8_t *out, size_t n);
    int64_t (*wall_clock)(void *ctx); /* for vehicles without a time server only ([time] url left out) */
    /* Told as it happens; NULL: nobody listens. Events are in the history already. */
    void (*event)(void *ctx, const struct pri_event *e);
    void (*progress)(void *ctx, const struct pri_progress *p);
    void *ctx;
    uint32_t (*clock_us)(void); /* the low bits of NOW, read again (isotp/node.h); NULL in virtual time */
};

struct pri_row { /* what a cycle did for one ECU */
    const char *serial, *hardware_id;
    bool full, online;
    bool ordered, updated; /* the Director orders an image that is not installed; it is now, and confirmed */
    char from[UP_NAME_MAX + 1], to[UP_NAME_MAX + 1]; /* image names */
    uint64_t bytes;                                  /* of the new image */
    uint64_t bus_us;                                 /* time spent bringing it there */
    enum up_err err;
    char detail[240];
};
struct pri_outcome {
    enum up_err err; /* the first thing that went wrong; OK: nothing */
    char detail[240];
    unsigned updated; /* ECUs that run a new, confirmed image */
    unsigned pending; /* orders that are not installed: PRI_CHECK, failed bundles, silent ECUs */
    unsigned rows;
    struct pri_row row[PRI_ECUS_MAX + 1]; /* [0]: the Primary itself */
};

struct pri;
/* NULL: PROBLEM says why. NOW_US: monotonic microseconds, as everywhere here. */
struct pri *pri_open(const struct pri_config *config, const struct pri_ports *ports,
                     struct pri_problem *problem);
void pri_close(struct pri *p);

void pri_begin(struct pri *p, enum pri_goal goal, uint64_t now_us);
bool pri_step(struct pri *p, uint64_t now_us); /* false: the cycle has ended */
uint32_t pri_due(const struct pri *p,
                 uint64_t now_us); /* microseconds; the fetch port's own timers not included */
/* The descriptors to wait for, at most PRI_BUSES_MAX; a link without one, one that is down, and one on which
 * a long message comes in (due() says when to look at it) have none. */
unsigned pri_descriptors(const struct pri *p, struct pollfd *out);
/* False: a bus-off, or a hub that went away. It stays down: open its link, and the Primary, again. */
bool pri_links_up(const struct pri *p);
const struct pri_outcome *pri_result(const struct pri *p);
/* The step that the cycle is in: "director", "update". */
const char *pri_where(const struct pri *p);

/* For status: what is trusted and known now. */
const struct up_trust *pri_trust(const struct pri *p, enum up_repo repo);
const struct up_clock *pri_clock(const struct pri *p);
/* The signed vehicle version manifest as it would be sent now; free the file. Its counter is stored as used:
 * whoever sends it takes nothing from the next poll. False: not possible. */
/* In the plant: primary/plant.h, at the configured time of provisioning. No cycle may be under way. */
enum up_err pri_plant(struct pri *p, const char *folder, struct pri_problem *problem) UP_NODISCARD;
bool pri_manifest(struct pri *p, uint64_t now_us, struct pri_blob *out);

#endif
