#include "metadata/accept.h"

enum up_err up_accept_bytes(const struct up_named *named, struct up_span file)
{
    if (named->has_length && named->length != file.n) return UP_SNAPSHOT_MISMATCH;
    return up_hashes_match(&named->hashes, file) ? UP_OK : UP_SNAPSHOT_MISMATCH;
}

enum up_err up_accept_signatures(const struct up_policy *p, const struct up_keyring *ring,
                                 struct up_span file, struct up_buf *room, struct up_signed *out)
{
    UP_TRY(up_signed_open(file, p->profile, room, out));
    return up_signed_verify(out, ring, p->profile, p->limits->signatures);
}

enum up_err up_accept_vehicle(const struct up_policy *p, const struct up_head *head)
{
    if (p->repo != UP_DIRECTOR) return UP_OK;
    if (head->vehicle_id.p == NULL)
        return up_relaxes(p->profile, UP_RELAX_NO_VEHICLE_ID) ? UP_OK : UP_DIR_VEHICLE_ID;
    return up_span_eq(head->vehicle_id, p->vehicle_id) ? UP_OK : UP_DIR_VEHICLE_ID;
}

enum up_err up_accept_expiry(int64_t expires_s, int64_t now_s)
{
    return now_s < expires_s ? UP_OK : UP_EXPIRED;
}

enum up_err up_accept_targets(const struct up_policy *p, const struct up_named *named,
                              const struct up_keyring *ring, struct up_span file, struct up_buf *room,
                              struct up_signed *out, struct up_targets *targets)
{
    if (named != NULL) UP_TRY(up_accept_bytes(named, file));
    UP_TRY(up_accept_signatures(p, ring, file, room, out));
    UP_TRY(up_targets_read(out->body, p->profile, targets));
    UP_TRY(up_accept_vehicle(p, &targets->head));
    return named == NULL || targets->head.version == named->version ? UP_OK : UP_VERSION_MISMATCH;
}

/* ECUs named so far, as offsets into the list of targets: an id ends at the quote behind it. */
struct named_ecus {
    struct up_span text;
    uint32_t at[UP_ECUS_MAX];
    unsigned n;
};

static enum up_err name_ecu(struct named_ecus *all, struct up_span serial)
{
    for (unsigned i = 0; i < all->n; i++) {
        const uint8_t *other = all->text.p + all->at[i]; /* in front of SERIAL, so as long at least */
        if (memcmp(other, serial.p, serial.n) == 0 && other[serial.n] == '"') return UP_DIR_DUP_ECU;
    }
    if (all->n == UP_ECUS_MAX) return UP_LIMIT;
    all->at[all->n++] = (uint32_t)(serial.p - all->text.p);
    return UP_OK;
}

static enum up_err accept_ecus(const struct up_policy *p, const struct up_target *image,
                               struct named_ecus *all)
{
    struct up_json j;
    struct up_span serial, hardware_id;
    up_json_open_checked(&j, image->ecus);
    for (up_json_object(&j); up_json_member(&j, &serial); (void)up_json_value(&j)) {
        UP_TRY(name_ecu(all, serial));
        if (!up_target_names_ecu(image, serial, &hardware_id)) return UP_SCHEMA;
        if (p->judge_ecu != NULL) UP_TRY(p->judge_ecu(p->ctx, serial, hardware_id));
    }
    return j.err;
}

enum up_err up_accept_orders(const struct up_policy *p, const struct up_targets *t)
{
    struct named_ecus all = {.text = t->targets};
    struct up_target_walk walk;
    struct up_target image;
    if (p->repo != UP_DIRECTOR) return UP_OK;
    if (t->delegations.p != NULL) return UP_DIR_DELEGATION;
    up_targets_open(&walk, t, p->profile);
    while (up_targets_next(&walk, &image)) {
        if (image.ecus.p == NULL) return UP_SCHEMA;
        UP_TRY(accept_ecus(p, &image, &all));
    }
    return walk.err;
}
