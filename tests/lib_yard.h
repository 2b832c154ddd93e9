/* A whole Primary with two scripted Secondaries, over a network and buses in memory, under a virtual clock.
 *
 * Vehicle VIN-1: Primary tcu (tcu-hw) runs tcu-old; brake (brake-hw, partial) and radio (radio-hw, full) run
 * old. What goes wrong is told to the parts: y->site.net, y->units, y->site.author. */
#ifndef TESTS_LIB_YARD_H
#define TESTS_LIB_YARD_H

#include "primary/installer.h"
#include "primary/primary.h"
#include "tests/lib_site.h"
#include "tests/lib_unit.h"

enum { TCU, BRAKE, RADIO, YARD_ECUS };
#define YARD_SECOND UINT64_C(1000000)

struct yard {
    struct site site; /* authors, network, state; its own chains are not used */
    struct unit units[2];
    struct pri_config config;
    struct pri_installer *installer;
    struct up_signer signer;
    struct pri *pri;
    uint64_t now_us;
    uint32_t time_keys; /* who signs the time; 0: the Director's time keys */
    int64_t time_lag_s; /* the time server is behind */
    unsigned version;   /* of what was published last */
    unsigned random;
    unsigned manifests; /* taken by the Director */
    char events[8192];  /* "radio updated OK; " */
};

void yard_open(struct yard *y);
void yard_close(struct yard *y);
/* The Primary loses power and starts again; in two steps, for who changes something in between. */
void yard_cut(struct yard *y);
void yard_stop(struct yard *y);
void yard_start(struct yard *y);

/* Members of the Director's `targets`, or NULL. An order of image NAME (its bytes are "NAME COUNTER", served
 * and signed by the Image repository as well) for one ECU; BUNDLE NULL: it stands alone. */
char *yard_order(struct yard *y, unsigned ecu, const char *name, unsigned counter, const char *bundle);
/* The next version of both repositories with these ORDERS (joined by commas). */
void yard_publish(struct yard *y, const char *orders);
/* Image NEW, counter 2, for all three, in one bundle. */
void yard_publish_all(struct yard *y);

/* A cycle to its end. */
const struct pri_outcome *yard_cycle(struct yard *y, enum pri_goal goal);
/* One turn of a cycle that pri_begin() began. False: it is over. */
bool yard_turn(struct yard *y);
/* At most TURNS turns of one. False: it has not ended. */
bool yard_cycle_for(struct yard *y, enum pri_goal goal, unsigned turns);
/* As far as the step WHERE (set net.patience, or it is over before it is seen); and the rest of it. */
void yard_cycle_until(struct yard *y, enum pri_goal goal, const char *where);
const struct pri_outcome *yard_rest(struct yard *y);
/* It must end well. */
const struct pri_outcome *yard_good(struct yard *y);
/* Time passes without the Primary. */
void yard_pass(struct yard *y, uint64_t seconds);

/* The image that ECU runs, and has confirmed; "trial": not confirmed. */
const char *yard_runs(struct yard *y, unsigned ecu);
/* What the Primary's own report in the last manifest says was detected. */
const char *yard_told(struct yard *y);
/* The report of SERIAL in the last manifest. */
struct up_span yard_report(struct yard *y, const char *serial);
/* What happened since the last call. */
const char *yard_events(struct yard *y);

#endif
