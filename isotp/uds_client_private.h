/* Shared by uds_client.c (one request) and uds_transfer.c (34 or 38, 36 ..., 37); nobody else includes this.
 */
#ifndef ISOTP_UDS_CLIENT_PRIVATE_H
#define ISOTP_UDS_CLIENT_PRIVATE_H

#include "isotp/uds_client.h"

enum uds_step { UDS_NO_TRANSFER, UDS_OPEN, UDS_BLOCK, UDS_PROBE, UDS_PROBE_EXIT, UDS_EXIT };

/* Sends HEAD, which stays where it is, and BODY. begin: a new request, with all its repeats and all its time;
 * again: the same or another message in the place of one that got lost. */
void uds_client_begin(struct uds_client *c, const uint8_t *head, size_t head_bytes, const uint8_t *body,
                      size_t body_bytes, uint32_t now);
void uds_client_again(struct uds_client *c, const uint8_t *head, size_t head_bytes, const uint8_t *body,
                      size_t body_bytes, uint32_t now);
/* Some frame for our channel has come since the message began to leave. */
bool uds_client_heard(const struct uds_client *c);
void uds_client_finish(struct uds_client *c, enum uds_outcome outcome);

/* Sends the 34 or 38 that is in c->head, for the rest of DATA from OFFSET on. */
void uds_transfer_begin(struct uds_client *c, const uint8_t *data, uint64_t offset, uint64_t bytes,
                        size_t head_bytes, uint32_t now);
/* A transfer is past 34 or 38. */
bool uds_transfer_runs(const struct uds_client *c);
/* The step under way was answered positively; was refused (false: not the transfer's business); got lost:
 * WHOLE says that every frame of the message has left. */
void uds_transfer_answered(struct uds_client *c, uint32_t now);
bool uds_transfer_refused(struct uds_client *c, uint8_t code, uint32_t now);
void uds_transfer_lost(struct uds_client *c, bool whole, uint32_t now);
/* The code that is told of a step whose refusal with CODE is believed. */
uint8_t uds_transfer_reason(const struct uds_client *c, uint8_t code);
/* It would be done with a shorter block. */
bool uds_transfer_can_shrink(const struct uds_client *c);
/* How long the server may take for an answer; and, told to the channel, for a flow control. */
uint32_t uds_transfer_patience(const struct uds_client *c);
void uds_transfer_pace(struct uds_client *c);

#endif
