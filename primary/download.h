/* Images on disk: DIR/HASH once every digest has been checked from byte 0, DIR/HASH.part before. Names from
 * metadata never become file names. */
#ifndef PRIMARY_DOWNLOAD_H
#define PRIMARY_DOWNLOAD_H

#include "primary/plan.h"

#define PRI_FILE_PATH_MAX 512

struct pri_download {
    const char *dir;
    struct pri_fetch *fetch;
    struct pri_transfer *transfer;
    const struct up_target *target;
    char path[PRI_FILE_PATH_MAX], part[PRI_FILE_PATH_MAX + 8];
    uint64_t held; /* bytes of the part that an earlier try left */
    struct pri_problem problem;
};

/* Where the image of T is, or will be. */
void pri_download_path(const char *dir, const struct up_target *t, char out[PRI_FILE_PATH_MAX]);
/* DONE: the whole image is in D->path, checked. DIR exists; T and D stay until then. */
void pri_download_begin(struct pri_download *d, const char *dir, struct pri_fetch *fetch,
                        const struct up_target *t);
enum pri_verdict pri_download_step(struct pri_download *d, const struct pri_chain *images);
uint64_t pri_download_done(const struct pri_download *d);
void pri_download_cancel(struct pri_download *d);
/* Removes every image that no order of PLAN names and that is nobody's backup (primary/backup.h). */
void pri_download_prune(const char *dir, const struct pri_plan *plan, struct pri_state *state);

/* FILE mapped for reading; .p NULL: WHY in errno. Undo with pri_unmap(). */
struct up_span pri_map(const char *path);
void pri_unmap(struct up_span s);

#endif
