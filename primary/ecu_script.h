/* The errands as scripts: which requests, in which order, and what their answers mean. Private to ecu.c,
 * which runs them. */
#ifndef PRIMARY_ECU_SCRIPT_H
#define PRIMARY_ECU_SCRIPT_H

#include "primary/ecu.h"

/* An answer that is right but comes too early: the ECU has not restarted yet. */
#define PRI_NOT_YET UP_ERR_COUNT /* no verdict */

struct pri_step { /* one request */
    /* Sends it, or sets skipped: nothing to ask. */
    void (*ask)(struct pri_ecu *e, uint64_t now_us);
    /* Judges the data of a positive answer: OK; PRI_NOT_YET; else it has set the problem.
     * NULL: any will do.
     */
    enum up_err (*got)(struct pri_ecu *e, struct up_span data, uint64_t now_us);
    uint16_t did; /* what is read; 0: another request */
    /* How long that is, so that one request can read more behind it. NULL: nobody knows. */
    size_t (*size)(const struct pri_ecu *e);
    bool patient;   /* no answer, or NOT_YET: ask again until patience ends (the ECU boots) */
    bool unheard;   /* no answer is as good as one: whoever resets may not get it out */
    bool transfers; /* of many bytes: progress counts */
    bool disputes;  /* before a bad answer is believed, the errand is run again to here */
};
/* By errand; each ends with a step that has no ask. */
extern const struct pri_step *const pri_scripts[PRI_ERRANDS];

#endif
