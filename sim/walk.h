/* Runs the verifier that vehicles use over files that lie at hand. */
#ifndef SIM_WALK_H
#define SIM_WALK_H

#include "metadata/search.h"
#include "sim/file.h"

/* Where files come from: NAME as in a URL ("3.root.json"). False: not there. */
struct sim_source {
    bool (*get)(void *ctx, const char *name, struct sim_bytes *out);
    void *ctx;
};

/* Files and rooms that a trust borrows. Zero is empty. */
struct sim_keep {
    void **p;
    size_t n;
};
void sim_keep_free(struct sim_keep *k);

/* From 1.root.json to the end of the chain. T borrows POLICY and KEEP. WHY names the file of a verdict. */
enum up_err sim_walk(struct up_trust *t, const struct up_policy *policy, const struct sim_source *source,
                     struct sim_keep *keep, int64_t now_s, char why[SIM_WHY_MAX]);
/* What the Image repository says of an image. */
enum up_err sim_walk_search(const struct up_trust *image, const char *name, const char *hardware_id,
                            const struct sim_source *source, struct sim_keep *keep, int64_t now_s,
                            struct up_target *out, char why[SIM_WHY_MAX]);

#endif
