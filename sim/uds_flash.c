/* The flashing of an ECU, in the order that a manufacturer's tester has. */
#include "sim/commands.h"
#include "sim/uds_tool.h"

#include <inttypes.h>
#include <string.h>

struct job {
    struct sim_uds *u;
    const struct sim_uds_flash *f;
    const uint8_t *image;
    uint64_t bytes, *done;
    FILE *log;
};

/* An identifier's value as text where it is text. */
static void print_value(FILE *out, const uint8_t *p, size_t n)
{
    bool text = n > 0;
    for (size_t i = 0; i < n; i++) text = text && p[i] >= ' ' && p[i] <= '~';
    if (text)
        fprintf(out, "%.*s", (int)n, (const char *)p);
    else
        sim_bench_print(out, p, n);
}

static int identify(struct job *j)
{
    static const uint16_t ids[] = {0xF190, 0xF18C, 0xF191, 0xF192, 0xF193, 0xF188,
                                   0xF189, 0xF194, 0xF195, 0xF180, 0xF181, 0xF186};
    const struct uds_client *c = &j->u->client;
    if (!j->f->identify) return SIM_EXIT_OK;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const uint8_t request[] = {UDS_READ_DATA, (uint8_t)(ids[i] >> 8), (uint8_t)ids[i]};
        enum uds_outcome outcome = sim_uds_ask(j->u, request, sizeof request);
        if (outcome == UDS_NO_ANSWER) return sim_uds_status(j->u, "identify");
        if (outcome != UDS_POSITIVE) continue; /* this ECU has no such identifier */
        fprintf(j->log, "  %04X ", (unsigned)ids[i]);
        print_value(j->log, c->reply + 3, c->reply_bytes - 3);
        fprintf(j->log, "\n");
    }
    return SIM_EXIT_OK;
}

static int everybody_quiet(struct job *j)
{
    static const uint8_t extended[] = {UDS_SESSION_CONTROL, UDS_EXTENDED | UDS_SUPPRESS},
                         no_faults[] = {UDS_CONTROL_DTC_SETTING, 2 | UDS_SUPPRESS},
                         no_traffic[] = {UDS_COMMUNICATION_CONTROL, 1 | UDS_SUPPRESS, 3};
    if (!j->f->functional) return SIM_EXIT_OK;
    sim_uds_call(j->u, extended, sizeof extended);
    sim_uds_call(j->u, no_faults, sizeof no_faults);
    sim_uds_call(j->u, no_traffic, sizeof no_traffic);
    j->u->keep_alive = true;
    j->u->kept_us = sim_bench_now_us();
    return SIM_EXIT_OK;
}

static int everybody_back(struct job *j)
{
    static const uint8_t traffic[] = {UDS_COMMUNICATION_CONTROL, UDS_SUPPRESS, 3},
                         faults[] = {UDS_CONTROL_DTC_SETTING, 1 | UDS_SUPPRESS},
                         normal[] = {UDS_SESSION_CONTROL, UDS_DEFAULT | UDS_SUPPRESS};
    if (!j->f->functional) return SIM_EXIT_OK;
    j->u->keep_alive = false;
    sim_uds_call(j->u, traffic, sizeof traffic);
    sim_uds_call(j->u, faults, sizeof faults);
    sim_uds_call(j->u, normal, sizeof normal);
    return SIM_EXIT_OK;
}

static int programming_session(struct job *j)
{
    const uint8_t request[] = {UDS_SESSION_CONTROL, j->f->session};
    (void)sim_uds_ask(j->u, request, sizeof request);
    return sim_uds_status(j->u, "programming session");
}

static int unlock(struct job *j)
{
    return sim_uds_unlock(j->u, &j->f->unlock);
}

static int write_fingerprint(struct job *j)
{
    uint8_t request[3 + 256] = {UDS_WRITE_DATA, (uint8_t)(j->f->fingerprint_id >> 8),
                                (uint8_t)j->f->fingerprint_id};
    size_t n = 0;
    if (j->f->fingerprint == NULL) return SIM_EXIT_OK;
    if (!sim_bench_bytes(j->f->fingerprint, request + 3, sizeof request - 3, &n)) return SIM_EXIT_USAGE;
    (void)sim_uds_ask(j->u, request, 3 + n);
    return sim_uds_status(j->u, "fingerprint");
}

/* addressAndLengthFormatIdentifier, address and size of what is still to come. */
static size_t put_place(const struct job *j, uint8_t *out)
{
    const struct sim_uds_flash *f = j->f;
    out[0] = (uint8_t)(f->size_bytes << 4 | f->address_bytes);
    uds_put(out + 1, f->address + *j->done, f->address_bytes);
    uds_put(out + 1 + f->address_bytes, j->bytes - *j->done, f->size_bytes);
    return 1 + f->address_bytes + f->size_bytes;
}

static int run_routine(struct job *j, uint16_t id, const uint8_t *data, size_t n, const char *what)
{
    uds_client_routine(&j->u->client, id, data, n, sim_bench_now_us());
    (void)sim_uds_wait(j->u);
    return sim_uds_status(j->u, what);
}

static int erase(struct job *j)
{
    uint8_t place[17];
    if (!j->f->erase || *j->done > 0) return SIM_EXIT_OK;
    return run_routine(j, j->f->erase_id, place, put_place(j, place), "erase");
}

static int transfer(struct job *j)
{
    uint8_t request[2 + 17] = {UDS_REQUEST_DOWNLOAD, j->f->format};
    struct uds_client *c = &j->u->client;
    c->transfer.block_limit = j->f->block_limit;
    size_t n = 2 + put_place(j, request + 2);
    (void)sim_uds_put(j->u, request, n, j->image, *j->done, j->bytes);
    if (c->transfer.done > *j->done) *j->done = c->transfer.done;
    return sim_uds_status(j->u, "download");
}

/* Where it stopped, another 34 goes on; the ECU may have lost its session meanwhile. */
static int download(struct job *j)
{
    int status = transfer(j);
    for (unsigned i = 0; status != SIM_EXIT_OK && i < j->f->attempts && *j->done < j->bytes; i++) {
        fprintf(j->log, "resume at %" PRIu64 " of %" PRIu64 " bytes\n", *j->done, j->bytes);
        if (programming_session(j) != SIM_EXIT_OK || unlock(j) != SIM_EXIT_OK) continue;
        status = transfer(j);
    }
    return status;
}

/* The first byte of its status record: 0 is good (HIS), for ours a verdict. */
static int judge(const struct job *j)
{
    const struct uds_client *c = &j->u->client;
    if (c->reply_bytes < 5 || c->reply[4] == 0) return SIM_EXIT_OK;
    fprintf(j->log, "check: the ECU says %02X\n", c->reply[4]);
    return SIM_EXIT_NOTHING;
}

static int check(struct job *j)
{
    for (size_t i = 0; i < j->f->checks; i++) {
        const struct sim_uds_routine *r = &j->f->check[i];
        uint8_t data[200];
        size_t n = 0;
        if (r->data != NULL && !sim_bench_bytes(r->data, data, sizeof data, &n)) return SIM_EXIT_USAGE;
        int status = run_routine(j, r->id, data, n, "check");
        if (status == SIM_EXIT_OK) status = judge(j);
        if (status != SIM_EXIT_OK) return status;
    }
    return SIM_EXIT_OK;
}

static int reset(struct job *j)
{
    static const uint8_t request[] = {UDS_ECU_RESET, UDS_HARD_RESET}, hello[] = {UDS_TESTER_PRESENT, 0};
    if (!j->f->reset) return SIM_EXIT_OK;
    (void)sim_uds_ask(j->u, request, sizeof request);
    int status = sim_uds_status(j->u, "reset");
    uint32_t began = sim_bench_now_us();
    while (status == SIM_EXIT_OK) {
        sim_uds_pause(j->u, 50);
        if (sim_uds_ask(j->u, hello, sizeof hello) == UDS_POSITIVE) break;
        if (sim_bench_now_us() - began > j->f->boot_ms * 1000u) status = sim_uds_status(j->u, "start");
    }
    return status;
}

static const struct step {
    const char *name;
    int (*run)(struct job *j);
} steps[] = {
    {"everybody quiet", everybody_quiet},
    {"identify", identify},
    {"programming session", programming_session},
    {"unlock", unlock},
    {"fingerprint", write_fingerprint},
    {"erase", erase},
    {"download", download},
    {"check", check},
    {"reset", reset},
    {"everybody back", everybody_back},
    {"identify", identify},
};

int sim_uds_flash(struct sim_uds *u, const struct sim_uds_flash *f, const uint8_t *image, uint64_t bytes,
                  uint64_t *done, FILE *log)
{
    struct job j = {.u = u, .f = f, .image = image, .bytes = bytes, .done = done, .log = log};
    int status = SIM_EXIT_OK;

    *done = f->offset;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == SIM_EXIT_OK; i++) {
        fprintf(log, "%s\n", steps[i].name);
        status = steps[i].run(&j);
    }
    if (status != SIM_EXIT_OK) (void)everybody_back(&j); /* nobody stays silent because this one failed */
    return status;
}
