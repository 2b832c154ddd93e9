/* The Secondary's whole behaviour behind UDS: staging of metadata, verification for itself, transfer into the
 * slot that does not run, activate, trial, confirm, revert, version reports (docs/pouf.md, sections 5 to 7).
 *
 * The owner of the loop runs struct uds_server (isotp/uds_server.h) with sec_agent_owner() and this agent as
 * context, calls sec_agent_tick() whenever time has passed, and restarts through sec_boot() when the server's
 * reset is due. Everything durable is in flash; RAM use is constant: what is received goes to flash as it
 * arrives. */
#ifndef SECONDARY_AGENT_H
#define SECONDARY_AGENT_H

#include "isotp/uds_server.h"
#include "metadata/clock.h"
#include "metadata/match.h"
#include "metadata/report.h"
#include "metadata/search.h"
#include "secondary/boot.h"

/* Who this ECU is: immutable after the plant. Spans must outlive the agent. */
struct sec_identity {
    struct up_span vehicle_id, serial, hardware_id, name_pattern;
    const struct up_profile *profile;
    const struct up_limits *limits;
    bool full;                      /* full verification, else partial */
    const struct up_signer *signer; /* signs version reports */
    int64_t base_time_s;            /* provisioning time */
    uint32_t time_max_age_s;        /* attested time older than this starts no install */
    uint32_t trial_limit_s;         /* awake time on trial without a word from the Primary, then revert */
    uint16_t max_message;           /* as in uds_server_config, told in FD14 */
    enum sec_layout_kind layout;    /* of the slots */
    struct sec_policy boot;         /* the boot stage's: nothing is armed that it would refuse */
    uint32_t staging_bytes; /* size of a metadata bank; 0: an eighth of the flash. The slots share the rest */
    struct up_buf *room;    /* where files that are not canonical are made so; NULL: NOT_CANONICAL */
};

/* What the plant puts into an empty flash: initial Roots (Image root for full verification only) and the
 * first image. */
struct sec_provisioning {
    struct up_span director_root, director_targets /* optional floor */, image_root;
    /* Full verification, by enum up_repo and role: Timestamp, Snapshot and Targets of both repositories, or
     * none (5.4.1). Verified as of the time of provisioning. */
    struct up_span set[2][UP_TIME];
    struct up_span image; /* absent: nothing installed */
    struct up_span image_name;
    uint32_t release_counter;
};

/* The platform's side of an application. */
struct sec_platform {
    void *ctx;
    /* May the image that runs be kept? Called once after a trial boot. NULL: always. */
    bool (*self_test)(void *ctx, struct up_span image);
    /* A new image is to be installed. False: not now, the vehicle moves; the Primary asks again in a later
     * cycle. With one slot, asked before the download, and the application has ended when this returns true;
     * else asked before activation, and the application ends with the reset that follows. NULL: always. */
    bool (*stop)(void *ctx);
    bool (*random)(void *ctx, uint8_t *out, size_t n);
};

struct sec_agent; /* complete in secondary/agent_state.h, for who must place it in memory */

enum up_err sec_provision(const struct sec_flash *flash, const struct sec_identity *id,
                          const struct sec_provisioning *p) UP_NODISCARD;
/* The agent starts, after the boot stage has made its CHOICE (secondary/boot.h). An image on trial that fails
 * its self-test is rejected; sec_agent_tick() then asks for a reset at once. STORAGE_CORRUPT: no state can be
 * read; CONFIG: not provisioned for this identity. */
enum up_err sec_agent_start(struct sec_agent *a, const struct sec_flash *flash, const struct sec_identity *id,
                            const struct sec_platform *platform, const struct sec_boot_choice *choice,
                            uint64_t now_ms) UP_NODISCARD;
/* Power-on where boot stage and agent are one program, as in simulations: both, again where the agent asks
 * for it at once. */
enum up_err sec_boot(struct sec_agent *a, const struct sec_flash *flash, const struct sec_identity *id,
                     const struct sec_platform *platform, uint64_t now_ms) UP_NODISCARD;
/* What sec_boot() would find, without a boot: nothing is started, counted, received. For looking at a flash;
 * A is good for sec_agent_status() only. */
enum up_err sec_agent_inspect(struct sec_agent *a, const struct sec_flash *flash,
                              const struct sec_identity *id) UP_NODISCARD;
const struct uds_owner *sec_agent_owner(void);
/* For uds_server_config.download_sessions: with one slot the application does not run while it is written
 * over. */
static inline uint8_t sec_agent_download_sessions(const struct sec_identity *id)
{
    return id->layout == SEC_ONE_SLOT ? 1u << UDS_PROGRAMMING : 1u << UDS_EXTENDED | 1u << UDS_PROGRAMMING;
}
/* Time passes: trial limit, ageing of attested time. Returns true when the agent wants a reset (a trial ran
 * out). */
bool sec_agent_tick(struct sec_agent *a, uint64_t now_ms);

/* The counter behind NOW_MS has stood still for an unknown while, as most do in sleep: the attested time is
 * only a floor again, as after a reset. */
void sec_agent_slept(struct sec_agent *a);

/* Before the memory of a running agent is used for something else, or for sec_boot() again. */
void sec_agent_drop(struct sec_agent *a);

/* For status displays and tests. */
struct sec_status {
    struct uds_slots slots;
    struct uds_stored_versions versions;
    struct up_span image, image_name; /* what runs; image in mapped flash */
    uint32_t release_counter;
    uint32_t security_events;
    uint32_t transfers, exchanges, store_moves; /* wear: images begun, slots exchanged, store banks filled */
    struct up_span attacks; /* what the next version report says was detected; empty: nothing */
};
void sec_agent_status(const struct sec_agent *a, struct sec_status *s);

#endif
