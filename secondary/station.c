#include "secondary/station.h"

void sec_station_init(struct sec_station *s, struct isotp_link *link, const struct isotp_config *channel,
                      const struct uds_server_config *server, const struct uds_owner *owner, void *ctx,
                      uint8_t *request, uint8_t *reply)
{
    isotp_init(&s->channel, channel, request, server->max_message);
    uds_server_init(&s->server, server, owner, ctx, reply);
    s->channels[0] = &s->channel;
    isotp_node_init(&s->node, link, s->channels, 1);
    isotp_node_fit(&s->node);
    s->replying = false;
}

/* The request stays in the receive buffer while the server works on it. */
static void take_events(struct sec_station *s, uint32_t now_us)
{
    struct isotp_event e;
    while (isotp_poll(&s->channel, &e)) {
        switch (e.kind) {
        case ISOTP_RECEIVED:
            uds_server_request(&s->server, e.data, e.bytes, e.functional, now_us);
            break;
        case ISOTP_SENT:
        case ISOTP_SEND_FAILED: /* the client asks again */
            s->replying = false;
            uds_server_sent(&s->server, now_us);
            break;
        default:
            break;
        }
    }
}

static void send_reply(struct sec_station *s, uint32_t now_us)
{
    const uint8_t *reply;
    size_t n;
    if (s->replying || !uds_server_reply(&s->server, &reply, &n)) return;
    struct isotp_message m = {.body = reply, .body_bytes = (uint32_t)n};
    s->replying = isotp_send(&s->channel, &m, now_us) == ISOTP_N_OK;
}

/* A client that asks something while its answer leaves has given that answer up: a piece of it got lost. It
 * gets the new one now, not when our second of waiting for its flow control is over. Of TesterPresent it is
 * no sign. */
static void heed_new_request(struct sec_station *s, uint32_t now_us)
{
    const int service = isotp_waiting(&s->channel);
    if (!s->replying || service < 0 || service == UDS_TESTER_PRESENT) return;
    isotp_cancel(&s->channel);
    s->replying = false;
    uds_server_sent(&s->server, now_us);
}

bool sec_station_pump(struct sec_station *s, uint32_t now_us)
{
    if (!isotp_node_pump(&s->node, now_us)) return false;
    take_events(s, now_us);
    heed_new_request(s, now_us);
    if (isotp_receiving(&s->channel)) uds_server_receiving(&s->server, now_us);
    uds_server_poll(&s->server, now_us);
    if (!uds_server_busy(&s->server)) isotp_release(&s->channel);
    send_reply(s, now_us);
    return !uds_server_reset_due(&s->server);
}

uint32_t sec_station_due(const struct sec_station *s, uint32_t now_us)
{
    if (isotp_has_event(&s->channel)) return 0; /* a request that was held while another one was worked on */
    uint32_t node = isotp_node_due(&s->node, now_us), server = uds_server_due(&s->server, now_us);
    return node < server ? node : server;
}
