#include "sim/plain_ecu.h"

#include <stdlib.h>
#include <string.h>

#define DID_FINGERPRINT 0xF15A
#define ROUTINE_ERASE   0xFF00
#define ROUTINE_CHECK   0x0202

static const struct {
    uint16_t did;
    const char *text;
} identity[] = {
    {UDS_DID_VEHICLE_ID, "SIM00000000000001"},
    {UDS_DID_ECU_SERIAL, "PLAIN-1"},
    {UDS_DID_HARDWARE_ID, "plain-hw"},
    {0xF188, "PLAIN-SW"},
    {0xF189, "1.0"},
    {0xF195, "boot 1"},
};

static enum uds_code give(uint8_t *out, size_t cap, size_t *n, const void *bytes, size_t count)
{
    if (count > cap) return UDS_RESPONSE_TOO_LONG;
    memcpy(out, bytes, count);
    *n = count;
    return UDS_OK;
}

static enum uds_code allow(void *ctx, uint8_t service)
{
    const struct sim_plain_ecu *e = ctx;
    bool guarded = service == UDS_REQUEST_DOWNLOAD || service == UDS_WRITE_DATA;
    return guarded && e->config.locked && !e->unlocked ? UDS_SECURITY_DENIED : UDS_OK;
}

static enum uds_code read(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n)
{
    const struct sim_plain_ecu *e = ctx;
    if (did == DID_FINGERPRINT && e->fingerprint_bytes > 0)
        return give(out, cap, n, e->fingerprint, e->fingerprint_bytes);
    for (size_t i = 0; i < sizeof identity / sizeof *identity; i++)
        if (identity[i].did == did) return give(out, cap, n, identity[i].text, strlen(identity[i].text));
    return UDS_OUT_OF_RANGE;
}

static enum uds_code write(void *ctx, uint16_t did, const uint8_t *data, size_t n)
{
    struct sim_plain_ecu *e = ctx;
    if (did != DID_FINGERPRINT || n > sizeof e->fingerprint) return UDS_OUT_OF_RANGE;
    memcpy(e->fingerprint, data, n);
    e->fingerprint_bytes = n;
    return UDS_OK;
}

/* Something that takes MS, from when it is first asked for. */
static bool is_over(const struct sim_plain_ecu *e, bool *begun, uint32_t *at_us, uint32_t ms)
{
    if (!*begun) *at_us = e->now_us + ms * 1000u;
    *begun = *at_us - e->now_us - 1 < 0x80000000u;
    return !*begun;
}

static bool inside(const struct sim_plain_ecu *e, uint64_t address, uint64_t bytes)
{
    const struct sim_plain_ecu_config *c = &e->config;
    return address >= c->address && bytes <= c->bytes && address - c->address <= c->bytes - bytes;
}

/* addressAndLengthFormatIdentifier, address, size */
static enum uds_code erase(struct sim_plain_ecu *e, const uint8_t *data, size_t n)
{
    unsigned address_bytes = n > 0 ? data[0] & 15 : 0, size_bytes = n > 0 ? data[0] >> 4 : 0;
    if (n != 1u + address_bytes + size_bytes || address_bytes < 1 || address_bytes > 8 || size_bytes < 1 ||
        size_bytes > 8)
        return UDS_INCORRECT_LENGTH;
    uint64_t address = uds_get(data + 1, address_bytes),
             bytes = uds_get(data + 1 + address_bytes, size_bytes);
    if (!inside(e, address, bytes)) return UDS_OUT_OF_RANGE;
    if (!is_over(e, &e->erasing, &e->erased_at_us, e->config.erase_ms)) return UDS_PENDING;
    e->complete = false;
    memset(e->memory + (address - e->config.address), 0xFF, bytes);
    return UDS_OK;
}

static enum uds_code routine(void *ctx, uint16_t id, uint8_t control, const uint8_t *data, size_t n,
                             uint8_t *out, size_t cap, size_t *out_n)
{
    struct sim_plain_ecu *e = ctx;
    static const uint8_t good = 0;
    if (control != UDS_START) return UDS_SUBFUNCTION_NOT_SUPPORTED;
    if (id == ROUTINE_ERASE) return erase(e, data, n);
    if (id != ROUTINE_CHECK && id != UDS_ROUTINE_VERIFY_IMAGE) return UDS_OUT_OF_RANGE;
    return e->complete ? give(out, cap, out_n, &good, 1) : UDS_CONDITIONS_NOT_CORRECT;
}

static enum uds_code download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    struct sim_plain_ecu *e = ctx;
    if (format != 0 || !inside(e, address, bytes)) return UDS_OUT_OF_RANGE;
    e->at = address - e->config.address;
    e->end = e->at + bytes;
    e->complete = false;
    return UDS_OK;
}

/* Flash programs bits from 1 to 0 only: without an erase before, the image comes out wrong, as on a real one.
 */
static enum uds_code block(void *ctx, const uint8_t *data, size_t n)
{
    struct sim_plain_ecu *e = ctx;
    for (size_t i = 0; i < n; i++) e->memory[e->at + i] &= data[i];
    e->at += n;
    e->flashed += n;
    return UDS_OK;
}

static enum uds_code exit_transfer(void *ctx)
{
    struct sim_plain_ecu *e = ctx;
    e->complete = true;
    return UDS_OK;
}

static enum uds_code session(void *ctx, uint8_t wanted)
{
    struct sim_plain_ecu *e = ctx;
    if (wanted < UDS_DEFAULT || wanted > UDS_EXTENDED) return UDS_SUBFUNCTION_NOT_SUPPORTED;
    if (wanted == UDS_PROGRAMMING && !is_over(e, &e->booting, &e->booted_at_us, e->config.boot_ms))
        return UDS_PENDING;
    e->unlocked = e->seeded = false;
    return UDS_OK;
}

static enum uds_code security(void *ctx, uint8_t service, const uint8_t *data, size_t n, uint8_t *out,
                              size_t cap, size_t *out_n)
{
    struct sim_plain_ecu *e = ctx;
    uint8_t seed[4] = {0};
    if (service != UDS_SECURITY_ACCESS) return UDS_SERVICE_NOT_SUPPORTED;
    if (n < 1 || (data[0] != 1 && data[0] != 2)) return UDS_SUBFUNCTION_NOT_SUPPORTED;
    if (data[0] == 1) {
        e->seed = e->seed * 1664525u + 1013904223u;
        if (!e->unlocked) uds_put(seed, e->seed | 1, 4); /* never zeros while locked */
        e->seeded = !e->unlocked;
        return n == 1 ? give(out, cap, out_n, seed, 4) : UDS_INCORRECT_LENGTH;
    }
    if (n != 5) return UDS_INCORRECT_LENGTH;
    if (!e->seeded) return UDS_SEQUENCE_ERROR;
    e->seeded = false;
    if (uds_get(data + 1, 4) != (~(e->seed | 1) & UINT32_MAX)) return UDS_INVALID_KEY;
    e->unlocked = true;
    return UDS_OK;
}

static enum uds_code reset(void *ctx, uint8_t type)
{
    (void)ctx;
    return type >= 1 && type <= 3 ? UDS_OK : UDS_SUBFUNCTION_NOT_SUPPORTED;
}

static const struct uds_owner owner = {.allow = allow,
                                       .read = read,
                                       .write = write,
                                       .routine = routine,
                                       .download = download,
                                       .block = block,
                                       .exit = exit_transfer,
                                       .session = session,
                                       .security = security,
                                       .reset = reset};

static void start(struct sim_plain_ecu *e)
{
    uint16_t max = e->config.max_message != 0 ? e->config.max_message : SIM_PLAIN_MESSAGE;
    struct uds_server_config server = {.max_message = max};
    e->erasing = e->booting = e->unlocked = e->seeded = false;
    sec_station_init(&e->station, e->link, &e->config.channel, &server, &owner, e, e->request, e->reply);
}

bool sim_plain_ecu_open(struct sim_plain_ecu *e, const struct sim_plain_ecu_config *config,
                        struct isotp_link *link)
{
    memset(e, 0, sizeof *e);
    e->config = *config;
    e->link = link;
    e->memory = malloc(config->bytes);
    if (e->memory == NULL) return false;
    memset(e->memory, 0, config->bytes); /* not erased */
    start(e);
    return true;
}

void sim_plain_ecu_close(struct sim_plain_ecu *e)
{
    free(e->memory);
}

bool sim_plain_ecu_pump(struct sim_plain_ecu *e, uint32_t now_us)
{
    e->now_us = now_us;
    if (sec_station_pump(&e->station, now_us)) return true;
    if (e->station.node.down) return false;
    e->resets++;
    start(e);
    return true;
}

uint32_t sim_plain_ecu_due(const struct sim_plain_ecu *e, uint32_t now_us)
{
    return sec_station_due(&e->station, now_us);
}
