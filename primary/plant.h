/* What the Primary leaves the plant with besides its Roots (Uptane Standard 2.1, 5.4.1): all four roles of
 * both repositories, verified as of the time of provisioning, and stored as if they had been fetched. What is
 * older is a rollback from then on. */
#ifndef PRIMARY_PLANT_H
#define PRIMARY_PLANT_H

#include "primary/chain.h"

/* FOLDER has the folders director/ and repo/, with files named as the servers name them. CONFIG: one is
 * missing. Other errors: as of a cycle, at NOW_S. PROBLEM says which file. What was verified before the
 * failure is stored, as in a cycle; doing it again is fine. */
enum up_err pri_plant_metadata(struct pri_chain *director, struct pri_chain *images, const char *folder,
                               int64_t now_s, struct pri_problem *problem) UP_NODISCARD;

#endif
