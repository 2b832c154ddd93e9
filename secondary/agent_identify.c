/* 22: who we are, what we run, what we trust. */
#include "metadata/json.h"
#include "secondary/agent_state.h"

static enum uds_code put_text(struct up_span text, uint8_t *out, size_t cap, size_t *n)
{
    if (text.n > cap) return UDS_RESPONSE_TOO_LONG;
    memcpy(out, text.p, text.n);
    *n = text.n;
    return UDS_OK;
}

static enum uds_code encoded(size_t bytes, size_t *n)
{
    *n = bytes;
    return bytes > 0 ? UDS_OK : UDS_RESPONSE_TOO_LONG;
}

static enum uds_code read_vehicle(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    return put_text(a->id->vehicle_id, out, cap, n);
}

static enum uds_code read_serial(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    return put_text(a->id->serial, out, cap, n);
}

static enum uds_code read_hardware(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    return put_text(a->id->hardware_id, out, cap, n);
}

static enum uds_code read_image(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    struct up_writer w = {.p = out, .cap = cap};
    if (a->running == SEC_NO_SLOT) {
        up_write(&w, "unknown;0");
    } else {
        const struct sec_image *i = &a->slots.slot[a->running].image;
        up_write_span(&w, sec_image_name(i));
        up_write(&w, ";");
        up_write_int(&w, i->release_counter);
    }
    *n = w.n;
    return w.full ? UDS_RESPONSE_TOO_LONG : UDS_OK;
}

/* A new one for every question: an attestation that was held back for an older one is worth nothing. */
static enum uds_code read_nonce(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    uint8_t nonce[UP_NONCE_BYTES];
    if (cap < sizeof nonce) return UDS_RESPONSE_TOO_LONG;
    if (!a->platform->random(a->platform->ctx, nonce, sizeof nonce)) return UDS_CONDITIONS_NOT_CORRECT;
    up_clock_ask(&a->clock, nonce);
    sec_notes_step(a, SEC_READ);
    return put_text((struct up_span){nonce, sizeof nonce}, out, cap, n);
}

void sec_agent_versions(const struct sec_agent *a, struct uds_stored_versions *out)
{
    const struct up_mark *d = a->trusted.floors[UP_DIRECTOR].mark, *i = a->trusted.floors[UP_IMAGE].mark;
    *out = (struct uds_stored_versions){.director_root = a->trusted.root_version[UP_DIRECTOR],
                                        .director_timestamp = d[UP_TIMESTAMP].version,
                                        .director_snapshot = d[UP_SNAPSHOT].version,
                                        .director_targets = d[UP_TARGETS].version,
                                        .image_root = a->trusted.root_version[UP_IMAGE],
                                        .image_timestamp = i[UP_TIMESTAMP].version,
                                        .image_snapshot = i[UP_SNAPSHOT].version,
                                        .image_targets = i[UP_TARGETS].version,
                                        .release_counter = a->slots.release_floor,
                                        .time_floor_s = a->clock.attested_s};
}

static enum uds_code read_versions(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    struct uds_stored_versions v;
    sec_agent_versions(a, &v);
    return encoded(uds_encode_stored_versions(&v, out, cap), n);
}

/* As told on the bus: there, armed is told apart. */
static const uint8_t told_state[SEC_SLOT_STATES] = {
    [SEC_EMPTY] = UDS_SLOT_EMPTY,       [SEC_RECEIVING] = UDS_SLOT_RECEIVING,
    [SEC_VERIFIED] = UDS_SLOT_VERIFIED, [SEC_ARMED] = UDS_SLOT_VERIFIED,
    [SEC_TRIAL] = UDS_SLOT_TRIAL,       [SEC_CONFIRMED] = UDS_SLOT_CONFIRMED,
    [SEC_BAD] = UDS_SLOT_BAD,           [SEC_AWAY] = UDS_SLOT_AWAY,
};

void sec_agent_slots(const struct sec_agent *a, struct uds_slots *out)
{
    const unsigned other = sec_agent_other(a);
    const struct sec_slot *t = &a->slots.slot[other], *r = &a->slots.slot[other ^ 1];
    const bool arrives = t->state == SEC_RECEIVING;
    const bool transfer = arrives || t->state == SEC_VERIFIED || t->state == SEC_ARMED;
    const bool returns = r->state == SEC_AWAY && !transfer;
    /* with one slot, what is back does not run before the next reset */
    const bool waits =
        a->layout.kind == SEC_ONE_SLOT && a->running == SEC_NO_SLOT && r->state == SEC_CONFIRMED;
    *out = (struct uds_slots){.running = told_state[waits ? SEC_AWAY : r->state],
                              .other = told_state[t->state],
                              .running_slot = (uint8_t)(other ^ 1),
                              .armed = t->state == SEC_ARMED};
    const struct sec_slot *told = transfer ? t : r;
    if (transfer || returns) out->total = told->image.length;
    out->transported =
        arrives || returns ? sec_slot_received(&a->slots, returns ? other ^ 1 : other) : out->total;
    memcpy(out->order, told->order, sizeof out->order);
}

static enum uds_code read_slots(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    struct uds_slots v;
    sec_agent_slots(a, &v);
    return encoded(uds_encode_slots(&v, out, cap), n);
}

_Static_assert((int)SEC_TWO_SLOTS == UDS_LAYOUT_AB && (int)SEC_SWAP == UDS_LAYOUT_AB_SWAP &&
                   (int)SEC_ONE_SLOT == UDS_LAYOUT_ONE_SLOT,
               "told as they are");

static enum uds_code read_capabilities(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    const struct uds_capabilities v = {.profile = a->id->profile->dialect == UP_DIALECT_DEPLOYED,
                                       .full = a->id->full,
                                       .layout = (uint8_t)a->layout.kind,
                                       .filters = 1u << SEC_FILTER_PLAIN,
                                       .max_message = a->id->max_message,
                                       .staging_bytes = a->layout.bank[0].bytes,
                                       .slot_bytes = a->layout.slot[0].bytes};
    return encoded(uds_encode_capabilities(&v, out, cap), n);
}

/* Four counters that only grow: all events, programming without an order, what was refused, new images that
 * did not last. */
static enum uds_code read_events(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    if (cap < 16) return UDS_RESPONSE_TOO_LONG;
    uds_put(out, a->notes.total, 4);
    uds_put(out + 4, a->notes.unauthorised, 4);
    uds_put(out + 8, a->notes.refused, 4);
    uds_put(out + 12, a->notes.installs, 4);
    *n = 16;
    return UDS_OK;
}

static const struct identifier {
    uint16_t did;
    enum uds_code (*read)(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n);
} identifiers[] = {
    {UDS_DID_VEHICLE_ID, read_vehicle},         {UDS_DID_ECU_SERIAL, read_serial},
    {UDS_DID_HARDWARE_ID, read_hardware},       {UDS_DID_INSTALLED_IMAGE, read_image},
    {UDS_DID_VERSION_REPORT, sec_agent_report}, {UDS_DID_TIME_NONCE, read_nonce},
    {UDS_DID_STORED_VERSIONS, read_versions},   {UDS_DID_SLOTS, read_slots},
    {UDS_DID_CAPABILITIES, read_capabilities},  {UDS_DID_SECURITY_EVENTS, read_events},
};

enum uds_code sec_agent_read(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n)
{
    for (size_t i = 0; i < sizeof identifiers / sizeof *identifiers; i++)
        if (identifiers[i].did == did) return identifiers[i].read(ctx, out, cap, n);
    return UDS_OUT_OF_RANGE;
}
