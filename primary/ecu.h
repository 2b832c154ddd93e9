/* The conversation with one Secondary: errands, each a short script of UDS requests (docs/pouf.md, section
 * 5).
 *
 * An errand runs to its end by itself: lost answers are asked for again, a reset in the middle of a transfer
 * is resumed where the Secondary's flash says, a silent ECU is given up after a deadline. Many ECUs run
 * theirs at the same time. */
#ifndef PRIMARY_ECU_H
#define PRIMARY_ECU_H

#include "isotp/uds_client.h"
#include "isotp/uds_guard.h"
#include "metadata/hmac.h"
#include "primary/chain.h"
#include "primary/config.h"

#define PRI_READ_MAX    8    /* identifiers in one request */
#define PRI_MESSAGE_MAX 4096 /* longest reply we take: a version report is the longest */

enum pri_file_kind { PRI_FILE_OTHER, PRI_FILE_TIME, PRI_FILE_DIRECTOR_ROOT, PRI_FILE_IMAGE_ROOT };
struct pri_file { /* one metadata file for a Secondary */
    char path[UDS_PATH_MAX];
    struct up_span bytes;
    enum pri_file_kind kind;
    uint32_t version; /* of a Root */
    bool verify;      /* behind this file the Secondary verifies what it has so far, then gets the rest */
};
struct pri_parcel { /* what an errand brings; borrowed until it ends */
    struct pri_file *files;
    unsigned count;
    int64_t attested_s;                 /* by the file of the time, if there is one */
    uint32_t director_root, image_root; /* that the Secondary had when the files were chosen */
    struct up_span image;
    uint8_t order[UDS_ORDER_BYTES];
    bool must_order; /* the Secondary has to find an image for itself in it */
};

/* Who the Primary is, for Secondaries that want to know (29). */
struct pri_badge {
    struct up_signer signer;
    uint8_t *certificate; /* DER, and two zero bytes: a challenge of length 0 */
    size_t certificate_bytes;
};

enum pri_errand {
    PRI_IDENTIFY, /* who are you, what do you run, what do you trust, give me a nonce */
    PRI_INFORM,   /* metadata only */
    PRI_PREPARE,  /* metadata, image, both verified by the Secondary */
    PRI_ACTIVATE, /* arm, reset, comes back on trial */
    PRI_CONFIRM,
    PRI_REVERT,  /* back to the old image, whatever the stage */
    PRI_REPORT,  /* slots and a new version report */
    PRI_RESTORE, /* one slot: the image that is away comes back and runs; nothing where none is */
    PRI_ERRANDS
};
const char *pri_errand_name(enum pri_errand e); /* "prepare" */

struct pri_ecu {
    const struct pri_ecu_config *config;
    const struct pri_config *primary;
    const struct pri_badge *badge; /* set by the owner; NULL: none */
    const uint8_t *secret;         /* set by the owner: UP_SECRET_BYTES; NULL: none */
    struct isotp channel;
    struct uds_client client;
    uint8_t receive[PRI_MESSAGE_MAX];

    /* what it told us */
    bool online; /* identified in this cycle */
    bool singly; /* it reads one identifier per request */
    bool plain;  /* they do not: it was asked twice */
    bool checks; /* its answers end with a check, if they were asked to */
    struct uds_capabilities capabilities;
    struct uds_stored_versions versions;
    struct uds_slots slots;
    uint8_t nonce[UDS_NONCE_BYTES];
    bool has_nonce;
    struct pri_blob report; /* newest signed version report, as it came */
    char image_name[UP_NAME_MAX + 1];
    uint32_t release_counter;

    /* the errand under way */
    enum pri_errand errand;
    bool busy;
    unsigned step, file, attempts;
    bool asked, skipped;
    bool doubted;                 /* what was said against the step under way: it was asked for once more */
    bool disputed;                /* the errand was run again because of what was said against it */
    bool authenticated, unlocked; /* in this session: 29, 27 */
    uint8_t key[UDS_KEY_BYTES];   /* to the seed */
    uint8_t challenge[UDS_CHALLENGE_BYTES], proof[UP_SIGNATURE_BYTES + 2];
    unsigned together;   /* steps that the request under way reads for */
    bool check_asked;    /* the request under way asks for a check behind them */
    size_t answer_bytes; /* of the answer to it, without the check */
    uint64_t not_before_us, patience_us, heard_us;
    bool returned;                          /* RESTORE: the image has come back */
    uint64_t moved;                         /* bytes of the image that are safe, last seen */
    uint64_t seen, window_us, window_bytes; /* of the transfer under way */
    struct pri_parcel parcel;
    enum pri_verdict verdict;
    struct pri_problem problem;
    uint64_t bus_us, began_us; /* time spent on errands that move bytes */
};

void pri_ecu_init(struct pri_ecu *e, const struct pri_ecu_config *config, const struct pri_config *primary);
void pri_ecu_close(struct pri_ecu *e);

/* Starts an errand. PARCEL may be NULL for those that bring nothing. */
void pri_ecu_send(struct pri_ecu *e, enum pri_errand errand, const struct pri_parcel *parcel,
                  uint64_t now_us);
/* WAIT while it runs; DONE or FAILED (see problem) once it has ended. */
enum pri_verdict pri_ecu_step(struct pri_ecu *e, uint64_t now_us);
/* Microseconds until step() has something to do; ISOTP_NEVER. The channel's own timers are the node's
 * business. */
uint32_t pri_ecu_due(const struct pri_ecu *e, uint64_t now_us);
/* Bytes of the image moved so far, for progress. */
uint64_t pri_ecu_moved(const struct pri_ecu *e);

#endif
