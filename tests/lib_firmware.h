/* A real Secondary in memory at the end of a unit's wire: agent, station and flash, power that can go, and a
 * boot after it. For a yard (lib_yard.h) whose ECUs verify and install for themselves. */
#ifndef TESTS_LIB_FIRMWARE_H
#define TESTS_LIB_FIRMWARE_H

#include "secondary/agent_state.h"
#include "tests/lib_flash.h"
#include "tests/lib_yard.h"

#define FIRMWARE_MESSAGE 1200 /* a report fits; blocks are short, so that an image has several */
#define FIRMWARE_SECTOR  1024
#define FIRMWARE_UNIT    64

struct firmware {
    struct unit *unit;
    struct lib_flash *flash;
    struct sec_identity id;
    struct sec_platform platform;
    struct sec_agent agent;
    struct sec_station station;
    uint8_t request[FIRMWARE_MESSAGE], reply[FIRMWARE_MESSAGE];
    bool on, sick;
    uint64_t now_us, boots_at_us;
    unsigned cuts, starts;
    uint32_t random;
};

/* The plant: Roots 1 of Y, image "old", counter 1. From then on Y's unit I is this one. */
void firmware_open(struct firmware *f, struct yard *y, unsigned i, enum sec_layout_kind layout, bool full);
void firmware_close(struct firmware *f);
void firmware_cut(struct firmware *f);
/* What it runs as its own flash has it: "new"; "trial" while that is not confirmed, "none". */
const char *firmware_runs(const struct firmware *f);

/* An order of NAME, COUNTER for unit I: IMAGE is served and signed for by the Image repository. LISTED: its
 * entry there. */
char *firmware_order(struct yard *y, unsigned i, const char *name, unsigned counter, struct up_span image,
                     const char *bundle, char **listed);

#endif
