/* The server half of ISO 14229-1: check order, sessions, timers, response pending, download sequence. What the services
 * do is the owner's: callbacks below. Sans-I/O: one request in, at most one reply out at a time; time is an argument.
 *
 * An owner callback answers UDS_OK, a negative response code, or UDS_PENDING: "not finished, call me again with the same
 * arguments". The server then keeps the tester waiting with 78 and calls again from poll(). */
#ifndef ISOTP_UDS_SERVER_H
#define ISOTP_UDS_SERVER_H

#include "isotp/uds.h"

struct uds_server;

struct uds_file_request { /* 38, parsed and bounds-checked; PATH is not terminated */
    uint8_t mode, format;
    const uint8_t *path;
    size_t path_bytes;
    uint64_t bytes;
};

/* The owner. CTX is what was given to init. A NULL callback: service (or identifier, or routine) not supported.
 * OUT/CAP/N: reply data after the echoed identifiers. */
struct uds_owner {
    enum uds_code (*read)(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n);
    enum uds_code (*write)(void *ctx, uint16_t did, const uint8_t *data, size_t n);
    enum uds_code (*routine)(void *ctx, uint16_t routine, uint8_t control, const uint8_t *data, size_t n, uint8_t *out,
                             size_t cap, size_t *out_n);
    /* 34: FORMAT is the dataFormatIdentifier, ADDRESS the offset, BYTES the rest. */
    enum uds_code (*download)(void *ctx, uint8_t format, uint64_t address, uint64_t bytes);
    /* 38 */
    enum uds_code (*file)(void *ctx, const struct uds_file_request *f);
    /* 36: one new block, never a repeated one. All of a block or none counts as received. */
    enum uds_code (*block)(void *ctx, const uint8_t *data, size_t n);
    /* 37 */
    enum uds_code (*exit)(void *ctx);
    /* The transfer in progress ended without exit: session over, or a new one begins. */
    void (*abort)(void *ctx);
    /* A change to SESSION was asked for; refuse with a code. */
    enum uds_code (*session)(void *ctx, uint8_t session);
    /* 27 and 29 belong to the owner whole: DATA starts at the sub-function. */
    enum uds_code (*security)(void *ctx, uint8_t service, const uint8_t *data, size_t n, uint8_t *out, size_t cap, size_t *out_n);
    /* 11: may it be? The reset itself is due when uds_server_reset_due() says so, after the answer has left. */
    enum uds_code (*reset)(void *ctx, uint8_t type);
};

struct uds_server_config {
    uint32_t p2_us, p2_star_us, s3_us; /* 0: 50 ms, 5 s, 5 s */
    uint16_t max_message;              /* largest request and reply; maxNumberOfBlockLength */
    /* Which sessions allow which service: bit (1 << session). 0 for a service: see the table in uds_server.c. */
    uint8_t download_sessions, file_sessions;
};

struct uds_server {
    struct uds_server_config config;
    const struct uds_owner *owner;
    void *ctx;
    uint8_t *reply; /* caller's buffer, config.max_message bytes */
    size_t reply_bytes;
    bool reply_ready;
    const uint8_t *request; /* being worked on: borrowed until done() */
    size_t request_bytes;
    bool working, functional, pending_sent, suppress;
    uint32_t pending_at, s3_at;
    uint8_t session;
    uint8_t transfer; /* none, image, file */
    uint8_t last_counter;
    bool first_block, all_received;
    uint64_t transfer_left;
    uint8_t reset_type;
    bool reset_armed, reset_due;
};

/* REPLY: buffer of config->max_message bytes. OWNER and CTX stay. */
void uds_server_init(struct uds_server *s, const struct uds_server_config *config, const struct uds_owner *owner, void *ctx,
                     uint8_t *reply);
/* A request. Borrowed until uds_server_busy() is false. While busy a further request is answered 21 or ignored. */
void uds_server_request(struct uds_server *s, const uint8_t *request, size_t n, bool functional, uint32_t now_us);
bool uds_server_busy(const struct uds_server *s);
/* Continues pending work and runs the timers (78, S3). */
void uds_server_poll(struct uds_server *s, uint32_t now_us);
uint32_t uds_server_due(const struct uds_server *s, uint32_t now_us);
/* The next reply to send, if any; it stays until sent(). */
bool uds_server_reply(struct uds_server *s, const uint8_t **reply, size_t *n);
void uds_server_sent(struct uds_server *s, uint32_t now_us);
/* The answer to 11 has left: reset now. */
bool uds_server_reset_due(const struct uds_server *s);

#endif
