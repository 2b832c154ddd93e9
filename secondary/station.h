/* A Secondary on its bus: frames from the link to the UDS server, replies back. What every port runs between
 * its link and its agent; sans-I/O but for the link port. */
#ifndef SECONDARY_STATION_H
#define SECONDARY_STATION_H

#include "isotp/node.h"
#include "isotp/uds_server.h"

struct sec_station {
    struct isotp channel;
    struct isotp *channels[1];
    struct isotp_node node;
    struct uds_server server;
    bool replying; /* a reply is in the channel */
};

/* REQUEST and REPLY: buffers of server->max_message bytes. LINK, OWNER, CTX and the buffers stay in use. */
void sec_station_init(struct sec_station *s, struct isotp_link *link, const struct isotp_config *channel,
                      const struct uds_server_config *server, const struct uds_owner *owner, void *ctx,
                      uint8_t *request, uint8_t *reply);
/* Moves frames, requests and replies on. False: the reset that was asked for is due, or the link is down (see
 * node). */
bool sec_station_pump(struct sec_station *s, uint32_t now_us);
/* Microseconds until pump() has something to do though no frame comes. */
uint32_t sec_station_due(const struct sec_station *s, uint32_t now_us);

#endif
