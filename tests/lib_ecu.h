/* A Secondary in memory behind its UDS server, both repositories that it trusts, and a Primary that does as
 * told. Time is virtual. An ECU that was cut is brought back with ecu_boot(). */
#ifndef TESTS_LIB_ECU_H
#define TESTS_LIB_ECU_H

#include "secondary/agent_state.h"
#include "tests/lib_author.h"
#include "tests/lib_flash.h"

#define ECU_VEHICLE  "VIN-1"
#define ECU_SERIAL   "ECU-7"
#define ECU_HARDWARE "HW-A"
#define ECU_MESSAGE  2048
#define ECU_FILES    96

struct ecu_file {
    const char *path;
    struct up_span bytes;
};
struct ecu {
    struct lib_flash *flash;
    struct sec_identity id;
    struct sec_platform platform;
    struct sec_provisioning plant;
    struct sec_agent agent;
    struct uds_server server;
    uint8_t request[ECU_MESSAGE], reply[ECU_MESSAGE];
    struct up_span answer; /* positive answer, behind the echo */
    uint64_t now_ms;
    uint32_t random;
    bool healthy; /* what the self-test says */
    bool driving; /* the application may not stop now */
    bool mute;    /* no randomness */
    unsigned self_tests;

    struct author director, image; /* the image repository's keys are others */
    unsigned version;              /* of what was issued last */
    int64_t time_s;                /* what the time server says */
    uint32_t time_keys;            /* who signs it; 0: the Director's time keys */
    struct ecu_file file[ECU_FILES];
    unsigned files;
    struct up_span new_image; /* what is ordered */
    uint8_t order[UDS_ORDER_BYTES];
};

/* Provisioned with image "fw/old" (counter 1), booted. UNIT, SECTOR: the flash; slots of 16 KiB at least. */
void ecu_new(struct ecu *e, bool full, uint32_t sector, uint32_t unit);
void ecu_new_as(struct ecu *e, bool full, enum sec_layout_kind layout, uint32_t sector, uint32_t unit);
/* STAGING: bytes for metadata; above 32 KiB, 48 KiB with full verification. */
void ecu_new_with(struct ecu *e, bool full, enum sec_layout_kind layout, uint32_t sector, uint32_t unit,
                  uint32_t staging);
void ecu_free(struct ecu *e);
enum up_err ecu_boot(struct ecu *e);
/* Time passes; a reset that is due happens. */
void ecu_pass(struct ecu *e, uint64_t ms);

/* One request; 0: positive, else the negative response code. 78 is waited for. */
unsigned ecu_ask(struct ecu *e, const void *request, size_t n);
unsigned ecu_session(struct ecu *e, uint8_t session);
unsigned ecu_read(struct ecu *e, uint16_t did);
unsigned ecu_put(struct ecu *e, const char *path, struct up_span file);
unsigned ecu_begin_put(struct ecu *e, const char *path, uint32_t bytes);                /* 38 alone */
unsigned ecu_begin_image(struct ecu *e, uint8_t format, uint32_t from, uint32_t bytes); /* 34 alone */
unsigned ecu_blocks(struct ecu *e, struct up_span bytes, uint32_t block); /* 36... from counter 1 */
unsigned ecu_exit(struct ecu *e);
unsigned ecu_routine(struct ecu *e, uint16_t routine, const uint8_t *order);
unsigned ecu_reset(struct ecu *e);
/* The verdict of 0310. */
enum up_err ecu_verify(struct ecu *e);
struct uds_slots ecu_slots(struct ecu *e);
struct uds_stored_versions ecu_versions(struct ecu *e);
/* The version report, verified with the ECU's key. */
struct up_report ecu_report(struct ecu *e);
bool ecu_runs(struct ecu *e, const char *name);

/* A member of `targets`, with real bytes. */
char *ecu_target(const char *name, unsigned counter, struct up_span image, const char *serial);
/* The next version of both repositories: Director orders NAME (NULL: nothing) for this ECU. */
void ecu_issue(struct ecu *e, const char *name, unsigned counter, struct up_span image);
/* Changes the set that is to be sent; a NULL span takes the file out. */
void ecu_replace(struct ecu *e, const char *path, struct up_span bytes);
struct up_span ecu_issued(struct ecu *e, const char *path);
/* A fresh nonce, the time, all files of the set, 0310. */
enum up_err ecu_send(struct ecu *e);
struct up_span ecu_attest(struct ecu *e);
/* FF01: 0, a negative response code, or a verdict. */
#define ECU_VERDICT 1000u
unsigned ecu_verify_image(struct ecu *e);
/* The image, from where the flash says; FF01. */
unsigned ecu_transfer(struct ecu *e);
/* One slot: the image that is away comes back. UP_OK: it runs, confirmed. */
enum up_err ecu_restore(struct ecu *e, struct up_span backup);
/* All of it, up to confirmation: UP_OK, or where it stopped. */
enum up_err ecu_update(struct ecu *e);
struct up_span ecu_image(uint32_t bytes, uint32_t seed);

#endif
