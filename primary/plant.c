#include "primary/plant.h"

#include "primary/fetch.h"
#include "primary/tuf_files.h"

#include <stdio.h>
#include <stdlib.h>

/* A server that is a folder. */
struct shelf {
    struct pri_fetch port;
    char folder[TUF_PATH_MAX];
};

struct pri_transfer {
    struct tuf_blob file;
    struct pri_answer answer;
};

static struct pri_transfer *start(struct pri_fetch *f, const struct pri_request *rq)
{
    const struct shelf *s = (const struct shelf *)f;
    struct pri_transfer *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->answer.err = tuf_file_read(s->folder, rq->path, (size_t)rq->max_bytes, &t->file);
    t->answer.body = tuf_blob_span(&t->file);
    return t;
}

static bool done(struct pri_fetch *f, struct pri_transfer *t, struct pri_answer *a)
{
    (void)f;
    *a = t->answer;
    return true;
}

static uint64_t received(const struct pri_transfer *t)
{
    return t->answer.body.n;
}

static uint8_t *keep(struct pri_transfer *t)
{
    uint8_t *bytes = t->file.file;
    t->file = (struct tuf_blob){0};
    return bytes;
}

static void drop(struct pri_fetch *f, struct pri_transfer *t)
{
    (void)f;
    tuf_blob_free(&t->file);
    free(t);
}

static enum up_err take(struct pri_chain *c, const char *folder, const char *name, int64_t now_s,
                        struct pri_problem *problem)
{
    struct shelf s = {.port = {start, done, received, keep, drop}};
    struct pri_fetch *const usual = c->fetch;
    if (!tuf_path(s.folder, folder, name)) {
        pri_problem_set(problem, UP_CONFIG, "%s: the path is too long", folder);
        return UP_CONFIG;
    }
    c->fetch = &s.port;
    pri_chain_begin(c, now_s);
    const enum pri_verdict v = pri_chain_step(c); /* a folder makes nobody wait */
    c->fetch = usual;
    if (v != PRI_FAILED) return UP_OK;
    *problem = c->problem;
    if (problem->err == UP_UNAVAILABLE) problem->err = UP_CONFIG;
    return problem->err;
}

enum up_err pri_plant_metadata(struct pri_chain *director, struct pri_chain *images, const char *folder,
                               int64_t now_s, struct pri_problem *problem)
{
    UP_TRY(take(director, folder, "director", now_s, problem));
    return take(images, folder, "repo", now_s, problem);
}
