/* The three clients of the attack vectors (sim/evil.h), with the code that vehicles run: a Primary's chains,
 * plan and downloads, and two Secondaries behind their UDS servers. Each is served the pages of a stage, and
 * answers. */
#ifndef TESTS_LIB_VICTIM_H
#define TESTS_LIB_VICTIM_H

#include "sim/evil.h"

struct victim_answer {
    enum up_err err;
    char detail[240];
};
/* Three clients out of the plant, that have accepted stage `before` of BOOK. Aborts the test when they do
 * not. */
struct victims;
struct victims *victims_new(const struct up_profile *p, const struct sim_pages *before);
void victims_free(struct victims *v);
/* As they were then. */
void victims_restore(struct victims *v);
/* CLIENT is served PAGES. IMAGE: it fetches and checks the image that is ordered, too. */
struct victim_answer victims_serve(struct victims *v, enum sim_client client, enum sim_stage stage,
                                   const struct sim_pages *pages, bool image);

#endif
