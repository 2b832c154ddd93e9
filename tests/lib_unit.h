/* A Secondary that does as it is told: what it trusts and runs is set by hand, what goes wrong is a script.
 * It speaks UDS over one end of a link in memory; the Primary has the other. Time is virtual. */
#ifndef TESTS_LIB_UNIT_H
#define TESTS_LIB_UNIT_H

#include "isotp/uds_guard.h"
#include "metadata/report.h"
#include "secondary/seedkey.h"
#include "secondary/station.h"
#include "tests/lib_link.h"

#define UNIT_MESSAGE 1600
#define UNIT_IMAGE   65536
#define UNIT_SECTOR  64 /* what has come is safe by the sector */

struct unit_slot {
    uint8_t state; /* enum uds_slot_state */
    uint8_t order[UDS_ORDER_BYTES];
    char name[64];
    uint32_t counter;
    uint32_t bytes;
    uint8_t sha256[UP_SHA256_BYTES];
};
struct firmware;
struct unit {
    struct lib_link wire;                              /* a: the Primary's end; b: the unit's */
    uint64_t (*pump)(struct unit *u, uint64_t now_us); /* instead of this unit, a real one: lib_firmware.h */
    struct firmware *firmware;
    struct sec_station station;
    struct isotp_config channel;
    uint8_t request[UNIT_MESSAGE], reply[UNIT_MESSAGE];
    const char *vehicle, *serial, *hardware_id;
    struct up_signer signer;

    /* in flash */
    struct unit_slot running, other;
    bool armed;
    uint32_t transported, total;
    uint8_t image[UNIT_IMAGE];
    struct uds_stored_versions versions;
    /* in RAM */
    bool on, accepted, is_image;
    uint32_t arrived;
    char path[UDS_PATH_MAX + 1]; /* of the file that arrives */
    uint8_t file[UNIT_IMAGE];

    /* what 0310 says, and which image it then lets in: the order is that of the newest Director Targets */
    enum up_err verdict;
    unsigned verdicts; /* so often, then OK; 0: always */
    enum up_err image_verdict;
    unsigned image_verdicts; /* the same of FF01 */
    uint8_t order[UDS_ORDER_BYTES];
    const char *new_name;
    uint32_t new_counter;

    /* the script: what goes wrong, and how often */
    const struct uds_guard_port *port; /* wants to know who asks, from the next start on; NULL: not */
    struct uds_guard guard;
    const struct sec_store *attempts; /* where wrong keys to 27 are kept; NULL: forgotten at a start */
    bool silent;                      /* hears nothing, for ever */
    bool sick;                        /* new images do not start */
    bool lame;                        /* resets are acknowledged and do not happen */
    uint64_t boot_us;                 /* how long a start takes */
    uint32_t block_us;                /* how long a block takes */
    uint8_t refused, code;
    uint16_t refused_routine; /* of service 31 only this one; 0: any */
    unsigned refusals;        /* requests for service REFUSED that get CODE */
    uint8_t unheard;
    unsigned losses; /* answers of service UNHEARD that vanish */
    uint32_t cut_at;
    unsigned cuts;      /* times that the power goes when so many bytes of the image have come in a row */
    bool forgets;       /* nothing of the image is safe */
    uint16_t cut_after; /* the power goes before this routine is answered; 0: none */
    uint16_t odd_did;
    struct up_span odd; /* what is answered for it */

    char log[16384]; /* what was asked: "10 22:F18C 38:time 31:0310 34:128 " */
    uint64_t now_us, boots_at_us, done_us;
    uint64_t goes_at_us; /* by itself, after a revert from trial; 0: not */
    uint64_t reports;
};

void unit_open(struct unit *u, const char *serial);
void unit_close(struct unit *u);
/* Moves it on. The time when it has something to do next; UINT64_MAX: when somebody speaks to it. */
uint64_t unit_pump(struct unit *u, uint64_t now_us);
/* Its power goes; it starts again after boot_us. */
void unit_cut(struct unit *u);
/* What was asked since the last call. */
const char *unit_log(struct unit *u);

#endif
