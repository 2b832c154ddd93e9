/* What happened, and telling it: security events and signed version reports. */
#include "metadata/json.h"
#include "secondary/agent_state.h"
#include "secondary/pack.h"

#define MORE_TEXT 12 /* " +4294967295" */

static void pack_notes(struct sec_pack *k, struct sec_notes *e)
{
    sec_pack_u32(k, &e->total);
    sec_pack_u32(k, &e->unauthorised);
    sec_pack_u32(k, &e->refused);
    sec_pack_u32(k, &e->installs);
    sec_pack_u32(k, &e->more);
    sec_pack_u8(k, &e->text_bytes);
    k->bad = k->bad || e->text_bytes > UP_ATTACKS_MAX;
    if (!k->bad) sec_pack_bytes(k, e->text, e->text_bytes);
}

void sec_notes_load(struct sec_agent *a)
{
    struct sec_notes read = {.total = 0};
    struct sec_pack k = sec_pack_reader(sec_store_get(&a->store, SEC_KEY_EVENTS));
    pack_notes(&k, &read);
    a->notes = sec_pack_ends(&k) ? read : (struct sec_notes){.total = 0};
}

/* Best effort: what cannot be stored is told until the next reset. */
static void save(struct sec_agent *a)
{
    uint8_t record[32 + UP_ATTACKS_MAX];
    struct sec_pack k = sec_pack_writer(record, sizeof record);
    pack_notes(&k, &a->notes);
    if (sec_store_put(&a->store, SEC_KEY_EVENTS, (struct up_span){record, k.at}) == UP_OK) a->notes.writes++;
}

static uint32_t *counter(struct sec_notes *e, enum up_err err)
{
    if (err == UP_BUS_UNAUTHORISED || err == UP_BUS_SEQUENCE) return &e->unauthorised;
    if (err == UP_INSTALL) return &e->installs;
    return up_err_class(err) == UP_CLASS_ATTACK ? &e->refused : NULL;
}

void sec_note(struct sec_agent *a, enum up_err e, struct up_span where)
{
    struct sec_notes *notes = &a->notes;
    uint32_t *count = counter(notes, e);
    notes->total++;
    if (count != NULL) ++*count;
    if (notes->text_bytes != 0) {
        notes->more++;
    } else {
        struct up_writer w = {.p = notes->text, .cap = sizeof notes->text - MORE_TEXT};
        up_write(&w, up_err_name(e));
        size_t room = w.cap - w.n - 1;
        if (where.n > room) where.n = room;
        if (where.n > 0) up_write(&w, " ");
        up_write_span(&w, where);
        notes->text_bytes = (uint8_t)w.n;
    }
    notes->telling = SEC_UNTOLD;
    if (notes->writes < SEC_NOTE_WRITES) save(a);
}

void sec_notes_step(struct sec_agent *a, enum sec_telling from)
{
    if (a->notes.telling == from) a->notes.telling++;
}

void sec_notes_told(struct sec_agent *a)
{
    if (a->notes.text_bytes == 0 || a->notes.telling != SEC_ANSWERED) return;
    a->notes.text_bytes = 0;
    a->notes.more = 0;
    a->notes.telling = SEC_UNTOLD;
    save(a);
}

struct up_span sec_notes_text(const struct sec_agent *a, uint8_t text[UP_ATTACKS_MAX])
{
    struct up_writer w = {.p = text, .cap = UP_ATTACKS_MAX};
    up_write_span(&w, (struct up_span){a->notes.text, a->notes.text_bytes});
    if (a->notes.more > 0) {
        up_write(&w, " +");
        up_write_int(&w, a->notes.more);
    }
    return up_written(&w);
}

/* States what runs, whatever was ordered. The counter grows with every report and is never used twice: a boot
 * has its own upper half. */
enum uds_code sec_agent_report(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n)
{
    uint8_t text[UP_ATTACKS_MAX];
    struct up_report r = {.attacks = sec_notes_text(a, text),
                          .ecu_serial = a->id->serial,
                          .image_name = UP_SPAN("unknown"),
                          .time_s = a->clock.attested_s,
                          .previous_time_s = a->previous_time_s,
                          .counter = (uint64_t)a->boots << 32 | (a->sequence + 1)};
    struct up_span image = {NULL, 0};
    if (a->running != SEC_NO_SLOT) {
        r.image_name = sec_image_name(&a->slots.slot[a->running].image);
        image = sec_slot_image(&a->slots, a->running);
    }
    const struct up_hashes *h = a->running == SEC_NO_SLOT ? NULL : &a->slots.slot[a->running].image.hashes;
    if (h != NULL && h->has_sha256)
        memcpy(r.image_sha256, h->sha256, sizeof r.image_sha256); /* verified by the boot stage */
    else
        up_sha256(image, r.image_sha256);
    r.image_length = image.n;
    *n = up_report_write(&r, a->id->profile, a->id->signer, out, cap);
    if (*n == 0) return cap < UP_REPORT_MAX ? UDS_RESPONSE_TOO_LONG : UDS_CONDITIONS_NOT_CORRECT;
    a->sequence++;
    sec_notes_step(a, SEC_UNTOLD);
    return UDS_OK;
}
