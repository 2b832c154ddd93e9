#include "sim/fault.h"

#include <stdlib.h>
#include <time.h>

#define SLICE_MS 20

static const struct kind {
    const char *name;
    bool has_value;
} kinds[SIM_FAULT_KINDS] = {
    [SIM_FAULT_STATUS] = {"status", true},    [SIM_FAULT_TRUNCATE] = {"truncate", true},
    [SIM_FAULT_ENDLESS] = {"endless", false}, [SIM_FAULT_TRICKLE] = {"trickle", true},
    [SIM_FAULT_DELAY] = {"delay", true},      [SIM_FAULT_WRONG] = {"wrong", false},
    [SIM_FAULT_DROP] = {"drop", false},
};

static bool take_number(char **rest, uint64_t *out)
{
    char *text = strsep(rest, ":"), *end;
    if (text == NULL || *text < '0' || *text > '9') return false;
    *out = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool is_plausible(const struct sim_fault *f)
{
    if (f->kind == SIM_FAULT_STATUS) return f->value >= 200 && f->value <= 599;
    return f->kind != SIM_FAULT_TRICKLE || f->value > 0;
}

bool sim_fault_parse(const char *text, struct sim_fault *out)
{
    struct sim_fault f = {.kind = SIM_FAULT_KINDS};
    char copy[320];
    uint64_t times = 0;
    if (strlen(text) >= sizeof copy) return false;
    strcpy(copy, text);
    char *rest = copy, *name = strsep(&rest, ":"), *path = strsep(&rest, ":");
    for (int i = 0; i < SIM_FAULT_KINDS; i++)
        if (strcmp(name, kinds[i].name) == 0) f.kind = (enum sim_fault_kind)i;
    if (f.kind == SIM_FAULT_KINDS || path == NULL || *path == '\0' || strlen(path) >= sizeof f.path)
        return false;
    strcpy(f.path, path);
    if (kinds[f.kind].has_value && !take_number(&rest, &f.value)) return false;
    if (rest != NULL && (!take_number(&rest, &times) || times > 1000000)) return false;
    if (rest != NULL || !is_plausible(&f)) return false;
    f.times = (unsigned)times;
    *out = f;
    return true;
}

void sim_fault_sleep(uint64_t ms, const atomic_bool *stop)
{
    while (ms > 0 && !atomic_load(stop)) {
        uint64_t slice = ms < SLICE_MS ? ms : SLICE_MS;
        struct timespec t = {.tv_nsec = (long)slice * 1000000};
        nanosleep(&t, NULL);
        ms -= slice;
    }
}

/* A body that comes in pieces. */
struct flow {
    struct sim_bytes body;
    enum sim_fault_kind kind;
    uint64_t value;
    const atomic_bool *stop;
};

static void flow_free(void *ctx)
{
    struct flow *f = ctx;
    sim_bytes_free(&f->body);
    free(f);
}

static size_t copy_from(const struct flow *f, uint64_t at, char *out, size_t max)
{
    size_t n = f->body.n - (size_t)at < max ? f->body.n - (size_t)at : max;
    memcpy(out, f->body.p + at, n);
    return n;
}

static ssize_t flow_read(void *ctx, uint64_t at, char *out, size_t max)
{
    struct flow *f = ctx;
    if (atomic_load(f->stop)) return MHD_CONTENT_READER_END_WITH_ERROR;
    switch (f->kind) {
    case SIM_FAULT_TRUNCATE:
        if (at >= f->value || at >= f->body.n) return MHD_CONTENT_READER_END_WITH_ERROR;
        return (ssize_t)copy_from(f, at, out, max < f->value - at ? max : (size_t)(f->value - at));
    case SIM_FAULT_TRICKLE: {
        /* at least one byte and at most a fifth of a second at a time */
        size_t piece = f->value >= 5 ? (size_t)f->value / 5 : 1;
        if (at >= f->body.n) return MHD_CONTENT_READER_END_OF_STREAM;
        sim_fault_sleep(1000 * piece / f->value, f->stop);
        return (ssize_t)copy_from(f, at, out, max < piece ? max : piece);
    }
    default: /* endless */
        if (at < f->body.n) return (ssize_t)copy_from(f, at, out, max);
        memset(out, 'x', max);
        return (ssize_t)max;
    }
}

static struct MHD_Response *flowing(const struct sim_fault *fault, struct sim_bytes body,
                                    const atomic_bool *stop)
{
    struct flow *f = malloc(sizeof *f);
    if (f == NULL) {
        sim_bytes_free(&body);
        return NULL;
    }
    *f = (struct flow){body, fault->kind, fault->value, stop};
    uint64_t size = fault->kind == SIM_FAULT_ENDLESS ? MHD_SIZE_UNKNOWN : body.n;
    struct MHD_Response *r = MHD_create_response_from_callback(size, 16384, flow_read, f, flow_free);
    if (r == NULL) flow_free(f);
    return r;
}

struct MHD_Response *sim_fault_response(const struct sim_fault *f, struct sim_bytes body,
                                        const atomic_bool *stop)
{
    if (f != NULL && f->kind == SIM_FAULT_WRONG && body.n > 0) body.p[body.n / 2] ^= 1;
    if (f != NULL && f->kind == SIM_FAULT_STATUS) body.n = 0;
    if (f != NULL &&
        (f->kind == SIM_FAULT_TRUNCATE || f->kind == SIM_FAULT_TRICKLE || f->kind == SIM_FAULT_ENDLESS))
        return flowing(f, body, stop);
    struct MHD_Response *r = MHD_create_response_from_buffer(body.n, body.p, MHD_RESPMEM_MUST_FREE);
    if (r == NULL) sim_bytes_free(&body);
    return r;
}
