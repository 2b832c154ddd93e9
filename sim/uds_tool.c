#include "sim/uds_tool.h"

#include "sim/commands.h"
#include "sim/dump.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_ALIVE_US 2000000u
#define LONGEST_US    300000000u /* of one request: an ECU that erases says 78 all the while */

bool sim_uds_open(struct sim_uds *u, const struct sim_bench_options *o, uint8_t repeats,
                  uint8_t block_repeats)
{
    memset(u, 0, sizeof *u);
    u->program = o->program;
    u->block_repeats = block_repeats;
    if (!sim_bench_open(&u->bench, o)) return false;
    struct uds_client_config config = {
        .p2_us = o->timeout_ms * 1000u, .overall_us = LONGEST_US, .repeats = repeats};
    uds_client_init(&u->client, &config, &u->bench.physical);
    return true;
}

void sim_uds_close(struct sim_uds *u)
{
    sim_bench_close(&u->bench);
}

/* How long it may be quiet until 3E is due. */
static uint32_t keep_alive(struct sim_uds *u)
{
    static const uint8_t present[] = {UDS_TESTER_PRESENT, UDS_SUPPRESS};
    if (!u->keep_alive) return ISOTP_NEVER;
    uint32_t passed = sim_bench_now_us() - u->kept_us;
    if (passed < KEEP_ALIVE_US) return KEEP_ALIVE_US - passed;
    if (sim_bench_call(&u->bench, present, sizeof present)) u->kept_us = sim_bench_now_us();
    return 1000;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

enum uds_outcome sim_uds_wait(struct sim_uds *u)
{
    for (bool up = true;;) {
        struct isotp_event e;
        while (isotp_poll(&u->bench.physical, &e)) uds_client_event(&u->client, &e, sim_bench_now_us());
        uds_client_poll(&u->client, sim_bench_now_us());
        const struct uds_transfer *t = &u->client.transfer;
        if (u->progress != NULL && t->done != u->told) u->progress(u->progress_ctx, t->done, t->bytes);
        u->told = t->done;
        if (uds_client_outcome(&u->client) != UDS_WAITING) break;
        if (!up) {
            uds_client_cancel(&u->client);
            u->client.transport = ISOTP_N_ERROR;
            break;
        }
        uint32_t alive = keep_alive(u);
        up = sim_bench_turn(&u->bench, smaller(alive, uds_client_due(&u->client, sim_bench_now_us())));
    }
    return uds_client_outcome(&u->client);
}

enum uds_outcome sim_uds_ask(struct sim_uds *u, const uint8_t *request, size_t n)
{
    size_t head = n < sizeof u->client.head ? n : sizeof u->client.head;
    uds_client_request(&u->client, request, head, request + head, n - head, sim_bench_now_us());
    return sim_uds_wait(u);
}

enum uds_outcome sim_uds_put(struct sim_uds *u, const uint8_t *head, size_t head_bytes, const uint8_t *data,
                             uint64_t offset, uint64_t bytes)
{
    uint8_t repeats = u->client.config.repeats;
    u->client.config.repeats = u->block_repeats;
    uds_client_put(&u->client, head, head_bytes, data, offset, bytes, sim_bench_now_us());
    enum uds_outcome outcome = sim_uds_wait(u);
    u->client.config.repeats = repeats;
    return outcome;
}

void sim_uds_call(struct sim_uds *u, const uint8_t *request, size_t n)
{
    while (u->bench.calling && sim_bench_turn(&u->bench, 1000000)) continue;
    (void)sim_bench_call(&u->bench, request, n);
    while (u->bench.calling && sim_bench_turn(&u->bench, 1000000)) continue;
}

void sim_uds_pause(struct sim_uds *u, uint32_t ms)
{
    uint32_t began = sim_bench_now_us(), passed;
    while ((passed = sim_bench_now_us() - began) < ms * 1000u) {
        struct isotp_event e;
        while (isotp_poll(&u->bench.physical, &e)) uds_client_event(&u->client, &e, sim_bench_now_us());
        if (!sim_bench_turn(&u->bench, smaller(keep_alive(u), ms * 1000u - passed))) return;
    }
}

int sim_uds_status(struct sim_uds *u, const char *what)
{
    char text[160];
    enum uds_outcome outcome = uds_client_outcome(&u->client);
    if (outcome == UDS_POSITIVE) return SIM_EXIT_OK;
    uds_client_explain(&u->client, text, sizeof text);
    fprintf(stderr, "%s: %s: %s\n", u->program, what, text);
    return outcome == UDS_REFUSED ? SIM_EXIT_NOTHING : SIM_EXIT_FAULT;
}
