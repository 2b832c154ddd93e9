#include "tests/lib_fetch.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const names[PRI_SERVERS] = {"director/", "repo/", "time/"};

struct pri_transfer {
    struct pri_answer answer;
    uint8_t *body;
    uint64_t bytes;
    unsigned patience;
};

static const struct lib_fault *fault_of(const struct lib_fetch *f, const struct pri_request *rq)
{
    static const struct lib_fault none = {.err = UP_OK};
    for (unsigned i = 0; i < f->faults; i++)
        if (f->fault[i].server == rq->server && strcmp(f->fault[i].path, rq->path) == 0) return &f->fault[i];
    return &none;
}

static void note(struct lib_fetch *f, const struct pri_request *rq)
{
    size_t used = strlen(f->log);
    f->max_bytes = rq->max_bytes;
    f->from = rq->from;
    if (strcmp(rq->method, "PUT") == 0)
        (void)snprintf(f->body, sizeof f->body, "%.*s", (int)rq->body.n, (const char *)rq->body.p);
    int n = snprintf(f->log + used, sizeof f->log - used, "%s%s ", names[rq->server], rq->path);
    ck_assert_uint_lt((size_t)n, sizeof f->log - used);
}

static void to_file(const struct pri_request *rq, const struct lib_fault *fault, struct up_span body,
                    struct pri_transfer *t)
{
    uint64_t from = fault->ignores_range ? 0 : rq->from;
    size_t n = body.n - (from < body.n ? (size_t)from : body.n);
    if (fault->err != UP_OK && fault->cut < n) n = fault->cut;
    FILE *f = fopen(rq->to_file, from > 0 ? "ab" : "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(body.p + from, 1, n, f), n);
    fclose(f);
    t->bytes = from + n;
}

static struct up_span find(struct lib_fetch *f, const struct pri_request *rq)
{
    if (strcmp(rq->method, "GET") == 0) return shelf_get(&f->shelf[rq->server], rq->path);
    return f->reply == NULL ? UP_SPAN("") : f->reply(f->ctx, rq);
}

static struct pri_transfer *start(struct pri_fetch *port, const struct pri_request *rq)
{
    struct lib_fetch *f = (struct lib_fetch *)port;
    const struct lib_fault *fault = fault_of(f, rq);
    if (f->out_of_memory) return NULL;
    note(f, rq);
    struct up_span body = find(f, rq);
    struct pri_transfer *t = calloc(1, sizeof *t);
    ck_assert_ptr_nonnull(t);
    t->patience = f->patience;
    t->answer.err = fault->err != UP_OK ? fault->err : body.p == NULL ? UP_UNAVAILABLE : UP_OK;
    if (t->answer.err == UP_OK && body.n > rq->max_bytes && !fault->ignores_maximum)
        t->answer.err = UP_TOO_LARGE;
    t->answer.status = t->answer.err == UP_OK ? 200 : t->answer.err == UP_UNAVAILABLE ? 404 : 0;
    if (t->answer.err != UP_OK) (void)snprintf(t->answer.detail, sizeof t->answer.detail, "the network");
    if (rq->to_file != NULL) {
        if (t->answer.err == UP_OK || fault->cut > 0) to_file(rq, fault, body, t);
    } else if (t->answer.err == UP_OK) { /* a copy: whoever looks after drop() is found out */
        t->body = malloc(body.n + 1);
        ck_assert_ptr_nonnull(t->body);
        memcpy(t->body, body.p, body.n);
        t->answer.body = (struct up_span){t->body, body.n};
        t->bytes = body.n;
    }
    f->open++;
    return t;
}

static bool done(struct pri_fetch *port, struct pri_transfer *t, struct pri_answer *a)
{
    (void)port;
    if (t->patience > 0) {
        t->patience--;
        return false;
    }
    *a = t->answer;
    return true;
}

static uint64_t received(const struct pri_transfer *t)
{
    return t->bytes;
}

static uint8_t *keep(struct pri_transfer *t)
{
    uint8_t *body = t->body;
    t->body = NULL;
    return body;
}

static void drop(struct pri_fetch *port, struct pri_transfer *t)
{
    ((struct lib_fetch *)port)->open--;
    free(t->body);
    free(t);
}

void lib_fetch_init(struct lib_fetch *f)
{
    memset(f, 0, sizeof *f);
    f->port = (struct pri_fetch){start, done, received, keep, drop};
}

void lib_fetch_end(const struct lib_fetch *f)
{
    ck_assert_uint_eq(f->open, 0);
}

void lib_fetch_fail(struct lib_fetch *f, struct lib_fault fault)
{
    ck_assert_uint_lt(f->faults, LIB_FAULTS);
    f->fault[f->faults++] = fault;
}

void lib_fetch_heal(struct lib_fetch *f)
{
    f->faults = 0;
}

const char *lib_fetch_log(struct lib_fetch *f)
{
    static char log[sizeof f->log];
    memcpy(log, f->log, sizeof log);
    f->log[0] = '\0';
    for (unsigned i = 0; i < PRI_SERVERS; i++) f->shelf[i].log[0] = '\0'; /* it has one of its own */
    return log;
}
