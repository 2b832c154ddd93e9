#include "isotp/uds.h"

#include <string.h>

static const struct shape {
    uint8_t sid, echo;
    bool subfunction;
} shapes[] = {
    {UDS_SESSION_CONTROL, 1, true},
    {UDS_ECU_RESET, 1, true},
    {UDS_READ_DATA, 2, false},
    {UDS_SECURITY_ACCESS, 1, true},
    {UDS_COMMUNICATION_CONTROL, 1, true},
    {UDS_AUTHENTICATION, 1, true},
    {UDS_WRITE_DATA, 2, false},
    {UDS_ROUTINE_CONTROL, 3, true},
    {UDS_REQUEST_DOWNLOAD, 0, false},
    {UDS_TRANSFER_DATA, 1, false},
    {UDS_TRANSFER_EXIT, 0, false},
    {UDS_REQUEST_FILE_TRANSFER, 1, false},
    {UDS_TESTER_PRESENT, 1, true},
    {UDS_CONTROL_DTC_SETTING, 1, true},
};

static const struct shape *shape_of(unsigned sid)
{
    static const struct shape none = {0, 0, false};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].sid == sid) return &shapes[i];
    return &none;
}

bool uds_has_subfunction(unsigned sid)
{
    return shape_of(sid)->subfunction;
}
unsigned uds_echo_bytes(unsigned sid)
{
    return shape_of(sid)->echo;
}

void uds_put(uint8_t *out, uint64_t value, unsigned bytes)
{
    while (bytes > 0) {
        out[--bytes] = (uint8_t)value;
        value >>= 8;
    }
}

uint64_t uds_get(const uint8_t *in, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) value = value << 8 | in[i];
    return value;
}

/* Four bits at a time: a table of 64 bytes, not of 1 KiB. */
uint32_t uds_check(uint32_t before, const uint8_t *p, size_t n)
{
    static const uint32_t of_nibble[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    uint32_t crc = ~before;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ of_nibble[crc & 15];
        crc = crc >> 4 ^ of_nibble[crc & 15];
    }
    return ~crc;
}

uint32_t uds_check_block(uint32_t before, uint8_t counter, const uint8_t *data, size_t n)
{
    return uds_check(uds_check(before, &counter, 1), data, n);
}

/* Walks over one record, a field at a time; both directions in the same order. */
static void put(uint8_t **at, uint64_t value, unsigned bytes)
{
    uds_put(*at, value, bytes);
    *at += bytes;
}

static uint32_t get32(const uint8_t **at)
{
    *at += 4;
    return (uint32_t)uds_get(*at - 4, 4);
}

size_t uds_encode_stored_versions(const struct uds_stored_versions *v, uint8_t *out, size_t cap)
{
    if (cap < UDS_STORED_VERSIONS_BYTES) return 0;
    const uint32_t words[] = {v->director_root,    v->director_timestamp, v->director_snapshot,
                              v->director_targets, v->image_root,         v->image_timestamp,
                              v->image_snapshot,   v->image_targets,      v->release_counter};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) put(&out, words[i], 4);
    put(&out, (uint64_t)v->time_floor_s, 8);
    return UDS_STORED_VERSIONS_BYTES;
}

bool uds_decode_stored_versions(const uint8_t *in, size_t n, struct uds_stored_versions *v)
{
    if (n != UDS_STORED_VERSIONS_BYTES) return false;
    struct uds_stored_versions r = {0};
    uint32_t *const words[] = {&r.director_root,    &r.director_timestamp, &r.director_snapshot,
                               &r.director_targets, &r.image_root,         &r.image_timestamp,
                               &r.image_snapshot,   &r.image_targets,      &r.release_counter};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) *words[i] = get32(&in);
    uint64_t seconds = uds_get(in, 8);
    if (seconds > INT64_MAX) return false;
    r.time_floor_s = (int64_t)seconds;
    *v = r;
    return true;
}

size_t uds_encode_slots(const struct uds_slots *v, uint8_t *out, size_t cap)
{
    if (cap < UDS_SLOTS_BYTES) return 0;
    put(&out, v->running, 1);
    put(&out, v->other, 1);
    put(&out, v->running_slot, 1);
    put(&out, v->armed, 1);
    put(&out, v->transported, 4);
    put(&out, v->total, 4);
    memcpy(out, v->order, UDS_ORDER_BYTES);
    return UDS_SLOTS_BYTES;
}

bool uds_decode_slots(const uint8_t *in, size_t n, struct uds_slots *v)
{
    if (n != UDS_SLOTS_BYTES) return false;
    struct uds_slots r = {.running = in[0], .other = in[1], .running_slot = in[2], .armed = in[3]};
    in += 4;
    r.transported = get32(&in);
    r.total = get32(&in);
    memcpy(r.order, in, UDS_ORDER_BYTES);
    if (r.running > UDS_SLOT_AWAY || r.other > UDS_SLOT_AWAY || r.running_slot > 1 || r.armed > 1 ||
        r.transported > r.total)
        return false;
    *v = r;
    return true;
}

size_t uds_encode_capabilities(const struct uds_capabilities *v, uint8_t *out, size_t cap)
{
    if (cap < UDS_CAPABILITIES_BYTES) return 0;
    put(&out, v->profile, 1);
    put(&out, v->full, 1);
    put(&out, v->layout, 1);
    put(&out, v->filters, 1);
    put(&out, v->max_message, 2);
    put(&out, v->staging_bytes, 4);
    put(&out, v->slot_bytes, 4);
    return UDS_CAPABILITIES_BYTES;
}

bool uds_decode_capabilities(const uint8_t *in, size_t n, struct uds_capabilities *v)
{
    if (n != UDS_CAPABILITIES_BYTES) return false;
    struct uds_capabilities r = {.profile = in[0],
                                 .full = in[1],
                                 .layout = in[2],
                                 .filters = in[3],
                                 .max_message = (uint16_t)uds_get(in + 4, 2)};
    in += 6;
    r.staging_bytes = get32(&in);
    r.slot_bytes = get32(&in);
    if (r.profile > 1 || r.full > 1 || r.layout > UDS_LAYOUT_ONE_SLOT || (r.filters & 1) == 0) return false;
    *v = r;
    return true;
}
