#include "sim/virtual_fetch.h"

#include <stdio.h>
#include <stdlib.h>

#define LATENCY_US   20000u /* one round trip over a mobile network */
#define BYTES_PER_US 10u    /* 10 MB/s */

struct pri_transfer {
    struct pri_answer answer;
    uint8_t *body;
    uint64_t bytes, ready_us, started_us;
};

static const char *const prefix[PRI_SERVERS] = {"/director/", "/repo/", "/time"};

static enum up_err verdict(const struct sim_reply *r, uint64_t max_bytes)
{
    if (r->status == 0) return UP_TRANSPORT;
    if (r->status == 404 || r->status == 403) return UP_UNAVAILABLE;
    if (r->status >= 400 && r->status < 500) return UP_REFUSED;
    if (r->status < 200 || r->status > 206) return UP_TRANSPORT;
    return r->body_bytes > max_bytes ? UP_TOO_LARGE : UP_OK;
}

static enum up_err append(const char *path, uint64_t from, const struct sim_reply *r)
{
    FILE *f = fopen(path, r->status == 206 && from > 0 ? "ab" : "wb");
    if (f == NULL) return UP_STORAGE_WRITE;
    bool good = fwrite(r->body, 1, r->body_bytes, f) == r->body_bytes;
    return fclose(f) == 0 && good ? UP_OK : UP_STORAGE_WRITE;
}

static struct pri_transfer *start(struct pri_fetch *port, const struct pri_request *rq)
{
    struct sim_virtual_fetch *f = (struct sim_virtual_fetch *)port;
    struct pri_transfer *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    char path[1024];
    (void)snprintf(path, sizeof path, "%s%s", prefix[rq->server], rq->path);
    struct sim_request request = {.method = rq->method,
                                  .path = path,
                                  .vehicle = f->vehicle,
                                  .body = rq->body.p,
                                  .body_bytes = rq->body.n,
                                  .from = rq->from};
    struct sim_reply r = {0};
    sim_backend_request(f->backend, &request, &r);
    t->answer.status = r.status;
    t->answer.err = verdict(&r, rq->max_bytes - (rq->to_file != NULL ? rq->from : 0));
    if (t->answer.err == UP_OK && rq->to_file != NULL) t->answer.err = append(rq->to_file, rq->from, &r);
    if (t->answer.err != UP_OK)
        (void)snprintf(t->answer.detail, sizeof t->answer.detail, "HTTP %u %.*s", r.status,
                       (int)(r.body_bytes < 100 ? r.body_bytes : 100),
                       r.body == NULL ? "" : (const char *)r.body);
    if (t->answer.err == UP_OK && rq->to_file == NULL)
        t->answer.body = (struct up_span){r.body, r.body_bytes};
    t->body = r.body;
    t->bytes = r.body_bytes;
    t->started_us = *f->now_us;
    t->ready_us = f->ready_us = *f->now_us + LATENCY_US + r.body_bytes / BYTES_PER_US;
    f->requests++;
    return t;
}

static bool done(struct pri_fetch *port, struct pri_transfer *t, struct pri_answer *a)
{
    const struct sim_virtual_fetch *f = (const struct sim_virtual_fetch *)port;
    if (*f->now_us < t->ready_us) return false;
    *a = t->answer;
    return true;
}

static uint64_t received(const struct pri_transfer *t)
{
    return t->answer.err == UP_OK ? t->bytes : 0;
}

static uint8_t *keep(struct pri_transfer *t)
{
    uint8_t *body = t->body;
    t->body = NULL;
    return body;
}

static void drop(struct pri_fetch *port, struct pri_transfer *t)
{
    (void)port;
    free(t->body);
    free(t);
}

void sim_virtual_fetch_init(struct sim_virtual_fetch *f, struct sim_backend *backend, const char *vehicle,
                            const uint64_t *now_us)
{
    *f = (struct sim_virtual_fetch){.port = {start, done, received, keep, drop},
                                    .backend = backend,
                                    .vehicle = vehicle,
                                    .now_us = now_us};
}
