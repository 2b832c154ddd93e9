/* A Primary's two chains of trust over a network in memory, and the authors of both repositories.
 *
 * Vehicle VIN-1: Primary tcu (tcu-hw), Secondaries brake (brake-hw) and radio (radio-hw). */
#ifndef TESTS_LIB_SITE_H
#define TESTS_LIB_SITE_H

#include "primary/chain.h"
#include "tests/lib_fetch.h"
#include "tests/lib_folder.h"

/* Two verdicts, compared by name. */
#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))

struct site {
    struct folder folder;
    struct author author[2]; /* by enum up_repo; their keys differ */
    unsigned root_version[2];
    struct lib_fetch net;
    struct pri_state *state;
    struct pri_chain chain[2];
    struct pri_repo_config config[2];
    int64_t now_s;
};

/* Roots 1 provisioned in files, nothing published, both chains open on a state in memory. */
void site_open(struct site *s, const struct up_profile *p);
void site_close(struct site *s);
/* The Primary starts again: chains are closed and opened from the state. */
void site_restart(struct site *s);
/* On a state file, so that a test can reach behind the state port. */
void site_use_file(struct site *s);
const char *site_state_path(const struct site *s);

/* Root as the author says now, signed by OLD_KEYS, too. */
struct up_span site_next_root(struct site *s, enum up_repo repo, uint32_t old_keys);
/* Timestamp, Snapshot and Targets VERSION with IMAGES; META: more entries of Snapshot. */
void site_publish_with(struct site *s, enum up_repo repo, unsigned version, const char *images,
                       const char *extra, const char *meta);
void site_publish(struct site *s, enum up_repo repo, unsigned version); /* one image */

/* A cycle of one chain to its end. */
enum pri_verdict site_walk(struct site *s, enum up_repo repo);
/* It must fail so, for FILE, and leave trust and store as they were. */
void site_refused(struct site *s, enum up_repo repo, enum up_err want, const char *file);
/* It must end well, with this version of Targets. */
void site_accepted(struct site *s, enum up_repo repo, unsigned version);

/* All keys and values of the state as one digest. */
struct site_digest {
    uint8_t bytes[UP_SHA256_BYTES];
};
struct site_digest site_stored(struct site *s);
bool site_holds(struct site *s, const char *key);

#endif
