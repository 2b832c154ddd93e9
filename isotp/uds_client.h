/* The client half of ISO 14229-1: one request at a time over one ISO-TP channel, with P2, response pending,
 * repeats, and the transfer of a file or an image in blocks. Sans-I/O above struct isotp; time is an
 * argument, in microseconds that wrap at 2^32.
 *
 * The channel belongs to the client: a request gives up whatever is being sent on it. An answer to another
 * service than the one asked for is late and ignored, so is one that arrives while the request is still being
 * sent for the first time, or a block for any. Not checked: who answers; CAN has no sender. */
#ifndef ISOTP_UDS_CLIENT_H
#define ISOTP_UDS_CLIENT_H

#include "isotp/isotp.h"
#include "isotp/uds.h"

enum uds_outcome {
    UDS_WAITING, /* nothing yet */
    UDS_POSITIVE,
    UDS_REFUSED,   /* negative response: code */
    UDS_NO_ANSWER, /* no (complete) answer in time, after the repeats allowed; not even sent; cancelled */
    UDS_BAD_ANSWER /* an answer that does not fit the request */
};

struct uds_client_config {
    uint32_t p2_us,
        p2_star_us;      /* 0: 50 ms + margin, 5 s + margin; 50 updates them from the server's own figures */
    uint32_t overall_us; /* limit for one request, repeats and pendings included; 0: 60 s; at most 35 min */
    /* Of a request when nothing is heard of the server, or 21; 36 is safe to repeat (same counter), 34 and 38
     * too. An answer that breaks off, and a block of which something is heard, are repeated until overall_us
     * has passed; with 0 here, nothing ever is. */
    uint8_t repeats;
    /* Ask for a check of every block (UDS_FORMAT_CHECKED); a server that refuses the format twice gets its
     * transfers without. Blocks that were altered on the way are sent again, as others that are lost. */
    bool check_blocks;
};
#define UDS_MARGIN_US 100000u /* for the way there and back, on a loaded host */

struct uds_client {
    struct uds_client_config config;
    enum uds_outcome outcome;
    uint8_t code;         /* with UDS_REFUSED */
    const uint8_t *reply; /* with UDS_POSITIVE: whole, valid until the next request, cancel or release */
    size_t reply_bytes;   /* 0: none was wanted */
    uint32_t pendings;    /* 78 seen for this request */
    enum isotp_result transport; /* with UDS_NO_ANSWER: why, N_OK for silence */
    struct uds_transfer {        /* 34 or 38, then 36 ..., then 37 */
        uint64_t bytes, done;
        uint32_t block_limit; /* set by the caller before: most payload bytes in a block; 0: as the server
                                 allows */
        uint32_t lost;        /* blocks that had to be sent again, in all transfers of this client */
        uint32_t altered;     /* of these, such as the server has refused because of their check */
        /* private */
        const uint8_t *data;
        uint64_t begun; /* done, at the opening request, which has open_bytes in head */
        uint16_t open_bytes;
        uint32_t check, block_check, probe_check; /* of what the server has, of the block under way, of its
                                                     probe */
        uint32_t block, block_max;                /* payload bytes of the block under way, and of any */
        uint32_t block_now;                       /* of the next one: fewer when blocks get lost */
        uint32_t probe; /* payload bytes of the block behind the one under way, sent to ask for it */
        uint32_t answer_us, streak; /* longest time for an answer, lately; blocks without loss */
        uint8_t counter, step, lost_in_a_row, strays, doubts;
        enum { UDS_CHECKS_UNKNOWN, UDS_CHECKS, UDS_NO_CHECKS } server; /* what it understands */
        bool checked;                                                  /* this transfer has checks */
        uint8_t doubted;   /* code of a refusal of the block under way that is not believed yet; 0: none */
        bool maybe;        /* a copy of the block under way has left whole and was not answered */
        bool exit_unheard; /* so has a copy of the exit */
        bool learned;      /* blocks got lost, and the server went on answering: block_now counts */
    } transfer;
    /* private */
    struct isotp *channel;
    struct isotp_message request;
    bool active, sending, holding;
    bool left; /* a copy of the request has left whole */
    uint8_t repeats_left;
    uint32_t deadline, overall_at, sent_at, frames;
    uint8_t accepted[UDS_ECHO_MAX + 1], accepted_bytes; /* head of the last answer that was taken */
    uint8_t head[UDS_PATH_MAX + 40];                    /* of the request, or what opened the transfer */
    uint8_t block_head[2 + UDS_CHECK_BYTES];            /* of a block; or 37 */
};

/* CONFIG is copied; CHANNEL stays in use. *C must not move while a request is under way. */
void uds_client_init(struct uds_client *c, const struct uds_client_config *config, struct isotp *channel);

/* Starts a request, giving up the one before. HEAD (1 to sizeof c->head bytes) is copied, BODY is borrowed
 * until the outcome. With UDS_SUPPRESS in the sub-function the outcome is positive as soon as the request has
 * left. */
void uds_client_request(struct uds_client *c, const uint8_t *head, size_t head_bytes, const uint8_t *body,
                        size_t body_bytes, uint32_t now_us);
/* Takes an event of the channel (the owner polls the channel and hands every event here) and releases its
 * message. */
void uds_client_event(struct uds_client *c, const struct isotp_event *e, uint32_t now_us);
/* Runs the timers. */
void uds_client_poll(struct uds_client *c, uint32_t now_us);
/* Microseconds until poll() has something to do; ISOTP_NEVER: nothing is under way. */
uint32_t uds_client_due(const struct uds_client *c, uint32_t now_us);
/* UDS_WAITING while a request or transfer is under way. */
enum uds_outcome uds_client_outcome(const struct uds_client *c);
/* Gives up the request or transfer, if any; the server may be left with half of a transfer. */
void uds_client_cancel(struct uds_client *c);
/* The reply is no longer needed: the channel may receive into its buffer again. */
void uds_client_release(struct uds_client *c);

/* The usual requests. Data is copied; what does not fit the head is UDS_NO_ANSWER, BAD_LENGTH. */
void uds_client_session(struct uds_client *c, uint8_t session, uint32_t now_us);
void uds_client_read(struct uds_client *c, uint16_t did, uint32_t now_us);
void uds_client_routine(struct uds_client *c, uint16_t routine, const uint8_t *data, size_t n,
                        uint32_t now_us);
void uds_client_reset(struct uds_client *c, uint8_t type, uint32_t now_us);
void uds_client_tester_present(struct uds_client *c, uint32_t now_us); /* suppressed answer */
/* Whole transfers, in blocks that get shorter when blocks get lost, and longer again (uds_transfer.c): one
 * outcome at the end; c->transfer.done counts up meanwhile: what the server has said it
 * has. DATA is borrowed until the outcome. A repeated 37 that is answered 24 counts as done; to verify is
 * another request. put_file: PATH has 1 to UDS_PATH_MAX bytes. put_image: DATA and BYTES are the whole of the
 * transported image, sent from OFFSET on; done begins there. */
void uds_client_put_file(struct uds_client *c, const char *path, const uint8_t *data, uint64_t bytes,
                         uint32_t now_us);
void uds_client_put_image(struct uds_client *c, uint8_t format, uint64_t offset, const uint8_t *data,
                          uint64_t bytes, uint32_t now_us);
/* The same after a 34 or 38 of the caller's own, which asks for the rest of DATA from OFFSET on. */
void uds_client_put(struct uds_client *c, const uint8_t *head, size_t head_bytes, const uint8_t *data,
                    uint64_t offset, uint64_t bytes, uint32_t now_us);
/* "7F 34 70 uploadDownloadNotAccepted", "22: no answer (N_TIMEOUT_BS)": for messages; cut at CAP,
 * terminated. */
void uds_client_explain(const struct uds_client *c, char *text, size_t cap);

#endif
