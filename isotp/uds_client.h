/* The client half of ISO 14229-1: one request at a time over one ISO-TP channel, with P2, response pending,
 * repeats, and the transfer of a file or an image in blocks. Sans-I/O above struct isotp; time is an
 * argument. */
#ifndef ISOTP_UDS_CLIENT_H
#define ISOTP_UDS_CLIENT_H

#include "isotp/isotp.h"
#include "isotp/uds.h"

enum uds_outcome {
    UDS_WAITING, /* nothing yet */
    UDS_POSITIVE,
    UDS_REFUSED,   /* negative response: code */
    UDS_NO_ANSWER, /* no (complete) answer in time, after the repeats allowed */
    UDS_BAD_ANSWER /* an answer that does not fit the request */
};

struct uds_client_config {
    uint32_t p2_us,
        p2_star_us;      /* 0: 50 ms + margin, 5 s + margin; 50 updates them from the server's own figures */
    uint32_t overall_us; /* limit for one request, pendings included; 0: 60 s */
    uint8_t repeats;     /* of a request that got no answer; 36 is safe to repeat (same counter) */
};

struct uds_client {
    struct uds_client_config config;
    struct isotp *channel;
    struct isotp_message request;
    enum uds_outcome outcome;
    uint8_t code;         /* with UDS_REFUSED */
    const uint8_t *reply; /* whole positive reply; valid until the next request or release */
    size_t reply_bytes;
    bool sending, active;
    uint8_t repeats_left, pendings;
    uint32_t deadline, overall_at;
    enum isotp_result transport; /* why there was no answer */
    uint8_t head[UDS_PATH_MAX + 40];
    struct uds_transfer {    /* 34 or 38, then 36 ..., then 37 */
        const uint8_t *data; /* borrowed whole until the end */
        uint64_t bytes, done;
        uint32_t block,
            block_limit; /* payload bytes in the block under way; cap set by the caller (0: the server's) */
        uint8_t counter, step;
    } transfer;
};

void uds_client_init(struct uds_client *c, const struct uds_client_config *config, struct isotp *channel);

/* Starts a request; HEAD is copied (at most sizeof c->head), BODY is borrowed until the outcome. */
void uds_client_request(struct uds_client *c, const uint8_t *head, size_t head_bytes, const uint8_t *body,
                        size_t body_bytes, uint32_t now_us);
/* Takes an event of the channel (the owner polls the channel and hands every event here). */
void uds_client_event(struct uds_client *c, const struct isotp_event *e, uint32_t now_us);
/* Runs the timers. */
void uds_client_poll(struct uds_client *c, uint32_t now_us);
uint32_t uds_client_due(const struct uds_client *c, uint32_t now_us);
/* UDS_WAITING while a request or transfer is under way. */
enum uds_outcome uds_client_outcome(const struct uds_client *c);
void uds_client_cancel(struct uds_client *c);

/* The usual requests. */
void uds_client_session(struct uds_client *c, uint8_t session, uint32_t now_us);
void uds_client_read(struct uds_client *c, uint16_t did, uint32_t now_us);
void uds_client_routine(struct uds_client *c, uint16_t routine, const uint8_t *data, size_t n,
                        uint32_t now_us);
void uds_client_reset(struct uds_client *c, uint8_t type, uint32_t now_us);
void uds_client_tester_present(struct uds_client *c, uint32_t now_us); /* suppressed answer */
/* Whole transfers: one outcome at the end; c->transfer.done counts up meanwhile. DATA is borrowed. */
void uds_client_put_file(struct uds_client *c, const char *path, const uint8_t *data, uint64_t bytes,
                         uint32_t now_us);
void uds_client_put_image(struct uds_client *c, uint8_t format, uint64_t offset, const uint8_t *data,
                          uint64_t bytes, uint32_t now_us);
/* "7F 34 70 uploadDownloadNotAccepted", "no answer: N_TIMEOUT_BS": for messages. */
void uds_client_explain(const struct uds_client *c, char *text, size_t cap);

#endif
