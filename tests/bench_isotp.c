/* What the ISO-TP engine costs: two engines back to back in memory with an injected clock. Prints, never
 * fails. */
#include "isotp/isotp.h"

#include <stdio.h>
#include <time.h>

#define BATCH 32

static uint8_t text[65535], room[65535];

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Moves what FROM has to send, BATCH frames at a time. */
static size_t move(struct isotp *from, struct isotp *to, size_t batch, uint32_t now_us)
{
    struct isotp_frame f[BATCH];
    size_t n = isotp_next_frames(from, f, batch, now_us);
    if (n > 0) isotp_sent_frames(from, n, now_us);
    for (size_t i = 0; i < n; i++) isotp_on_frame(to, &f[i], now_us);
    return n;
}

static void measure(const char *name, bool fd, uint8_t block_size, uint32_t bytes, size_t batch)
{
    struct isotp_config near = isotp_config_default(0x7E0, 0x7E8, fd),
                        far = isotp_config_default(0x7E8, 0x7E0, fd);
    struct isotp a, b;
    far.block_size = block_size;
    isotp_init(&a, &near, NULL, 0);
    isotp_init(&b, &far, room, sizeof room);
    struct isotp_message m = {.body = text, .body_bytes = bytes};
    struct isotp_event e;
    uint64_t frames = 0, total = 0;
    uint32_t now_us = 0;
    double begun = cpu_s(), spent;
    do {
        for (int i = 0; i < 64; i++, now_us += 1000) {
            if (isotp_send(&a, &m, now_us) != ISOTP_N_OK) return;
            for (size_t n = 1; n > 0; frames += n)
                n = move(&a, &b, batch, now_us) + move(&b, &a, batch, now_us);
            while (isotp_poll(&a, &e)) continue;
            while (isotp_poll(&b, &e)) total += e.bytes, isotp_release(&b);
        }
        spent = cpu_s() - begun;
    } while (spent < 0.5);
    printf("%-44s %6.1f M frames/s  %8.1f MB/s  %8.1f us CPU per MB\n", name, (double)frames / spent / 1e6,
           (double)total / spent / 1e6, spent / (double)total * 1e12);
}

int main(void)
{
    printf("sizeof(struct isotp) = %zu, without buffers; a frame passes both engines\n",
           sizeof(struct isotp));
    measure("classic, single frames of 7 bytes", false, 0, 7, BATCH);
    measure("classic, 4095 bytes, one frame at a time", false, 0, 4095, 1);
    measure("classic, 4095 bytes, batches of 32", false, 0, 4095, BATCH);
    measure("classic, 4095 bytes, blocks of 8", false, 8, 4095, BATCH);
    measure("FD, 4095 bytes, one frame at a time", true, 0, 4095, 1);
    measure("FD, 4095 bytes, batches of 32", true, 0, 4095, BATCH);
    measure("FD, 65535 bytes, batches of 32", true, 0, 65535, BATCH);
    return 0;
}
