/* One repository and one client of it, for tests of the chain of trust: publish, run a cycle, look. */
#ifndef TESTS_LIB_RIG_H
#define TESTS_LIB_RIG_H

#include "tests/lib_author.h"

/* Two verdicts, compared by name. */
#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))

struct rig {
    struct author author;
    struct up_policy policy;
    struct up_trust trust;
    struct shelf shelf;
    unsigned root_version; /* newest that the author made */
    int64_t now_s;
};

/* Root 1 trusted, nothing published. The vehicle is VIN-1 and has ecu-1 and ecu-2, both of hardware hw-1. */
void rig_up(struct rig *r, enum up_repo repo, const struct up_profile *p);
struct rig *rig_director(void); /* strict, full; one at a time, like the next ones */
struct rig *rig_image(void);
struct rig *rig_partial(void);

/* One image: ordered for ecu-1, or listed. */
struct up_span rig_some_targets(const struct rig *r, unsigned version);
/* Timestamp and Snapshot VERSION, Targets TARGETS_VERSION; partial: the newest Targets. */
void rig_publish_both(struct rig *r, unsigned version, unsigned targets_version);
void rig_publish(struct rig *r, unsigned version);
/* The author makes the next Root from what r->author says now; OLD_KEYS sign it, too. */
struct up_span rig_next_root(struct rig *r, uint32_t old_keys);

enum up_err rig_cycle(struct rig *r);
/* The cycle fails so, and leaves no trace in what is trusted. */
void rig_refused(struct rig *r, enum up_err want);
/* V-FULL-06: after whatever failed, the next good set is taken. */
void rig_heals(struct rig *r, unsigned version);

#endif
