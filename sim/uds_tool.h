/* A UDS tester on a command line's terms: one request after the other, each waited for. And the flashing of
 * an ECU as manufacturers do it. Isoctane's own updates do not use this: they go through primary/ecu.h. */
#ifndef SIM_UDS_TOOL_H
#define SIM_UDS_TOOL_H

#include "isotp/uds_client.h"
#include "sim/bench.h"

struct sim_uds {
    struct sim_bench bench;
    struct uds_client client;
    const char *program;
    uint8_t block_repeats;
    bool keep_alive; /* 3E 80 to everybody every two seconds */
    uint32_t kept_us;
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* of a transfer; may be NULL */
    void *progress_ctx;
    uint64_t told; /* private */
};

/* REPEATS of a request that is not answered, and of a block of a transfer. A slow ECU answers a repeated
 * request twice, and of two refusals nobody knows to which request the second belongs: so 0 is best for all
 * but blocks, which have numbers. False: it has been said why. *U must not move. */
bool sim_uds_open(struct sim_uds *u, const struct sim_bench_options *o, uint8_t repeats,
                  uint8_t block_repeats);
/* The same as uds_client_put(), to its outcome. */
enum uds_outcome sim_uds_put(struct sim_uds *u, const uint8_t *head, size_t head_bytes, const uint8_t *data,
                             uint64_t offset, uint64_t bytes);
void sim_uds_close(struct sim_uds *u);
/* Asks, to the outcome; the reply is in u->client until the next request. */
enum uds_outcome sim_uds_ask(struct sim_uds *u, const uint8_t *request, size_t n);
/* Waits for the outcome of what was begun on u->client. */
enum uds_outcome sim_uds_wait(struct sim_uds *u);
/* To everybody, no answer wanted; returns when it has left. */
void sim_uds_call(struct sim_uds *u, const uint8_t *request, size_t n);
/* Time passes, the session stays alive. */
void sim_uds_pause(struct sim_uds *u, uint32_t ms);
/* 0, or the exit status for the last outcome, which has been explained on stderr: 1 refused, 70 no answer. */
int sim_uds_status(struct sim_uds *u, const char *what);

/* What opens an ECU. */
struct sim_uds_access {
    const char *certificate, *certificate_key; /* 29: PEM files; NULL: not asked for */
    uint8_t level;                             /* 27: the sub-function that asks for the seed; 0: none */
    const char *secret;  /* the key from a file, as Isoctane's Secondaries want it; or */
    const char *command; /* run as COMMAND LEVEL SEED, prints it; or */
    const char *key;     /* in hexadecimal */
};
/* 29, then 27. Exit status. An ECU that sends a seed of zeros is open. */
int sim_uds_unlock(struct sim_uds *u, const struct sim_uds_access *a);

struct sim_uds_routine {
    uint16_t id;
    const char *data; /* hexadecimal, after the identifier; NULL: none */
};
#define SIM_UDS_ROUTINES 8

struct sim_uds_flash {
    uint64_t address, offset; /* of the image in the ECU; bytes of it that are there already */
    unsigned address_bytes, size_bytes;
    uint8_t format; /* dataFormatIdentifier */
    uint8_t session;
    uint32_t block_limit; /* payload bytes of a block; 0: as the ECU allows */
    unsigned attempts;    /* a transfer that broke off is resumed so often, where it stopped */
    struct sim_uds_access unlock;
    bool functional, identify, reset;
    uint16_t fingerprint_id;
    const char *fingerprint; /* hexadecimal; NULL: none is written */
    bool erase;
    uint16_t erase_id; /* with format, address and size of what is to be flashed */
    struct sim_uds_routine check[SIM_UDS_ROUTINES];
    size_t checks;
    uint32_t boot_ms; /* how long the ECU may take to come back */
};
/* Section by section: everybody quiet, who are you, programming session, unlock, fingerprint, erase,
 * download, check, reset, everybody back to normal, who are you now. LOG gets a line for each. Exit status;
 * *DONE: bytes of the image that the ECU has said it has, from which on another run may go on. */
int sim_uds_flash(struct sim_uds *u, const struct sim_uds_flash *f, const uint8_t *image, uint64_t bytes,
                  uint64_t *done, FILE *log);

#endif
