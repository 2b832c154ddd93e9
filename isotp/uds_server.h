/* The server half of ISO 14229-1: check order, sessions, timers, response pending, download sequence. What
 * the services do is the owner's: callbacks below. Sans-I/O: one request in, at most one reply out at a time;
 * time is an argument, in microseconds that wrap at 2^32.
 *
 * An owner callback answers UDS_OK, a negative response code, or UDS_PENDING: "not finished, call me again
 * with the same arguments". The server then keeps the tester waiting with 78 and calls again from poll(). */
#ifndef ISOTP_UDS_SERVER_H
#define ISOTP_UDS_SERVER_H

#include "isotp/uds.h"

struct uds_server;

struct uds_file_request { /* 38, parsed and bounds-checked; PATH is not terminated */
    uint8_t mode, format; /* mode: always UDS_FILE_REPLACE */
    const uint8_t *path;
    size_t path_bytes; /* 1..UDS_PATH_MAX */
    uint64_t bytes;    /* as transported (compressed, if FORMAT says so) */
};

/* The owner. CTX is what was given to init. A NULL callback: service not supported; exceptions are named.
 * OUT/CAP/N: reply data after the echoed identifiers. */
struct uds_owner {
    /* Is the service locked? UDS_OK, SECURITY_DENIED or AUTHENTICATION_REQUIRED. NULL: nothing is locked. */
    enum uds_code (*allow)(void *ctx, uint8_t service);
    /* One identifier; F186 is answered by the server. An unknown one: OUT_OF_RANGE. */
    enum uds_code (*read)(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n);
    enum uds_code (*write)(void *ctx, uint16_t did, const uint8_t *data, size_t n);
    enum uds_code (*routine)(void *ctx, uint16_t routine, uint8_t control, const uint8_t *data, size_t n,
                             uint8_t *out, size_t cap, size_t *out_n);
    /* 34: FORMAT is the dataFormatIdentifier, ADDRESS the offset, BYTES the rest (not 0). */
    enum uds_code (*download)(void *ctx, uint8_t format, uint64_t address, uint64_t bytes);
    /* 38 */
    enum uds_code (*file)(void *ctx, const struct uds_file_request *f);
    /* 36: one new block, never a repeated one, never beyond the announced size. All of a block or none counts
     * as received. With UDS_FORMAT_CHECKED none that was altered on the way. */
    enum uds_code (*block)(void *ctx, const uint8_t *data, size_t n);
    /* 37, when all bytes are there. A refusal leaves the transfer as it is. */
    enum uds_code (*exit)(void *ctx);
    /* The transfer in progress ended without exit: session over or asked for anew, or a new transfer begins.
     * NULL: nothing to do. */
    void (*abort)(void *ctx);
    /* SESSION was asked for (also the active one); refuse with a code. Accepting relocks what 27 or 29
     * unlocked. Also told of UDS_DEFAULT when S3 has run out; no answer counts then. NULL: every session is
     * accepted. */
    enum uds_code (*session)(void *ctx, uint8_t session);
    /* 27 and 29 belong to the owner whole: DATA starts at the sub-function, whose bit UDS_SUPPRESS is the
     * server's. */
    enum uds_code (*security)(void *ctx, uint8_t service, const uint8_t *data, size_t n, uint8_t *out,
                              size_t cap, size_t *out_n);
    bool without_27, without_29; /* SECURITY is for the other one only */
    /* FORMAT may have UDS_FORMAT_CHECKED: the server checks the blocks of such a transfer, and the owner gets
     * the rest of the format, and data that passed. It also answers UDS_DID_ANSWER_CHECK. False: whatever
     * FORMAT says is the owner's, and so is that identifier. */
    bool checks_blocks;
    /* 11: may it be? The reset itself is due when uds_server_reset_due() says so, after the answer
     * has left. */
    enum uds_code (*reset)(void *ctx, uint8_t type);
};

struct uds_server_config {
    uint32_t p2_us, p2_star_us, s3_us; /* 0: 50 ms, 5 s, 5 s; the first two at most 65 s and 655 s */
    uint32_t work_us;                  /* due() while the owner is PENDING; 0: 1 ms */
    uint16_t max_message;              /* largest request and reply, at least 8; maxNumberOfBlockLength */
    /* Which sessions allow 34, and 38: bits (1 << session). 0: programming, and extended. 36 and 37
     * follow. */
    uint8_t download_sessions, file_sessions;
};

struct uds_server {
    uint8_t session;       /* enum uds_session */
    uint8_t communication; /* last accepted 28: 0 normal; no effect of its own */
    bool dtc_off;          /* 85 02; no effect of its own */
    /* private */
    struct uds_server_config config;
    const struct uds_owner *owner;
    void *ctx;
    const uint8_t *request;
    size_t request_bytes, read_at; /* 22: identifiers answered so far, as an offset into the request */
    uint8_t *reply;
    size_t reply_bytes;
    uint8_t negative[3]; /* 78 and 21 have a place of their own: the owner may be filling REPLY */
    uint8_t handed;      /* which of the two was handed out by reply(), until sent() */
    bool negative_ready, reply_ready;
    bool working, functional, suppress, pending_sent;
    uint32_t pending_at, s3_at;
    uint8_t last_counter;
    bool transfer, any_block;
    bool checked, passed; /* the transfer has checks; the block under way has passed its own */
    uint32_t check;       /* of the last block, or of the request that opened the transfer */
    uint64_t transfer_left;
    bool reset_armed, reset_due;
};

/* REPLY: buffer of config->max_message bytes. OWNER, CTX and REPLY stay in use. */
void uds_server_init(struct uds_server *s, const struct uds_server_config *config,
                     const struct uds_owner *owner, void *ctx, uint8_t *reply);
/* A request, borrowed until busy() is false. Not taken, and not borrowed: while busy, a physical request for
 * another service is answered 21; one for the same service (a client that repeats: the answer is under way),
 * a functional one, and 3E are ignored. Ignored always: no bytes, what is an answer itself (bit UDS_ANSWER),
 * anything after a reset became due. */
void uds_server_request(struct uds_server *s, const uint8_t *request, size_t n, bool functional,
                        uint32_t now_us);
/* A request is being worked on, or its reply has not been sent. */
bool uds_server_busy(const struct uds_server *s);
/* A message has begun to arrive or goes on arriving: S3 starts again, however slowly it comes. */
void uds_server_receiving(struct uds_server *s, uint32_t now_us);
/* Continues pending work and runs the timers (78, S3). */
void uds_server_poll(struct uds_server *s, uint32_t now_us);
/* Microseconds until poll() has something to do; UDS_NEVER: only after a request. */
uint32_t uds_server_due(const struct uds_server *s, uint32_t now_us);
/* The next reply to send, if any; it stays until sent(). Ask after every call of request() and poll(). */
bool uds_server_reply(struct uds_server *s, const uint8_t **reply, size_t *n);
/* The reply has left, or sending it failed: it is not offered again. */
void uds_server_sent(struct uds_server *s, uint32_t now_us);
/* The answer to 11 has left (or none was wanted): reset now. */
bool uds_server_reset_due(const struct uds_server *s);

#endif
