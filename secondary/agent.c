#include "secondary/agent.h"

#include "secondary/agent_state.h"
#include "secondary/pack.h"

/* ---- starting ---- */

static enum up_err open_state(struct sec_agent *a)
{
    if ((a->id->full && !UP_FULL) || !up_profile_linked(a->id->profile)) return UP_CONFIG;
    UP_TRY(sec_layout_of(a->flash, a->id->layout, a->id->staging_bytes, &a->layout));
    enum up_err e = sec_store_open(&a->store, a->flash, &a->layout);
    const bool lost = e == UP_STORAGE_CORRUPT && a->store.generation != 0;
    if (e != UP_OK && !lost) return e;

    uint8_t digest[UP_SHA256_BYTES];
    sec_identity_digest(a->id, &a->layout, digest);
    if (!up_span_eq(sec_store_get(&a->store, SEC_KEY_IDENTITY), (struct up_span){digest, sizeof digest}))
        return UP_CONFIG;
    UP_TRY(sec_slots_load(&a->slots, &a->store, &a->layout));

    /* The rest is not needed to run what is installed: what is lost is told, and comes back with the next
     * cycle or not at all. */
    sec_notes_load(a);
    if (lost) sec_note(a, UP_STORAGE_CORRUPT, UP_SPAN("store"));
    if (sec_time_load(a) != UP_OK) sec_note(a, UP_STORAGE_CORRUPT, UP_SPAN("time"));
    if (sec_trusted_load(&a->trusted, &a->store) != UP_OK)
        sec_note(a, UP_STORAGE_CORRUPT, UP_SPAN("metadata"));
    return UP_OK;
}

/* Once per boot, before the first report can be asked for. */
static void count_boot(struct sec_agent *a)
{
    uint8_t record[4];
    struct sec_pack k = sec_pack_reader(sec_store_get(&a->store, SEC_KEY_BOOTS));
    sec_pack_u32(&k, &a->boots);
    a->boots++;
    k = sec_pack_writer(record, sizeof record);
    sec_pack_u32(&k, &a->boots);
    enum up_err e = sec_store_put(&a->store, SEC_KEY_BOOTS, (struct up_span){record, sizeof record});
    if (e != UP_OK) sec_note(a, e, UP_SPAN("boots"));
}

static bool is_healthy(const struct sec_agent *a, unsigned slot)
{
    const struct sec_platform *p = a->platform;
    return a->slots.slot[slot].state != SEC_TRIAL || p->self_test == NULL ||
           p->self_test(p->ctx, sec_slot_image(&a->slots, slot));
}

static void note_image(struct sec_agent *a, enum up_err e, unsigned slot)
{
    sec_note(a, e, sec_image_name(&a->slots.slot[slot].image));
}

/* What the boot stage has found, and whether what it started is well. */
static void judge_start(struct sec_agent *a, const struct sec_boot_choice *c)
{
    for (unsigned i = 0; i < 2; i++) {
        if (c->damaged[i]) note_image(a, UP_STORAGE_CORRUPT, i);
        if (c->gave_up[i]) note_image(a, UP_INSTALL, i);
    }
    a->running = c->slot;
    if (c->slot == SEC_NO_SLOT || is_healthy(a, c->slot)) return;
    note_image(a, UP_INSTALL, c->slot);
    enum up_err recorded = sec_slot_event(&a->slots, c->slot, SEC_REJECT);
    (void)recorded; /* if not, it is tried again, at most as often as its starts are counted */
    a->running = SEC_NO_SLOT;
    a->must_restart = true;
}

enum up_err sec_agent_start(struct sec_agent *a, const struct sec_flash *flash, const struct sec_identity *id,
                            const struct sec_platform *platform, const struct sec_boot_choice *choice,
                            uint64_t now_ms)
{
    memset(a, 0, sizeof *a);
    a->flash = flash;
    a->id = id;
    a->platform = platform;
    a->now_ms = a->booted_ms = now_ms;
    UP_TRY(open_state(a));
    count_boot(a);
    judge_start(a, choice);
    sec_agent_staging_begin(a);
    sec_agent_staging_refill(a);
    return UP_OK;
}

enum up_err sec_boot(struct sec_agent *a, const struct sec_flash *flash, const struct sec_identity *id,
                     const struct sec_platform *platform, uint64_t now_ms)
{
    const struct sec_boot_config config = {
        .layout = id->layout, .staging_bytes = id->staging_bytes, .policy = id->boot};
    for (unsigned starts = 1;; starts++) {
        struct sec_boot_choice choice;
        UP_TRY(sec_boot_stage(flash, &config, &choice));
        UP_TRY(sec_agent_start(a, flash, id, platform, &choice, now_ms));
        if (!a->must_restart || starts == SEC_TRIAL_BOOTS) return UP_OK;
    }
}

enum up_err sec_agent_inspect(struct sec_agent *a, const struct sec_flash *flash,
                              const struct sec_identity *id)
{
    memset(a, 0, sizeof *a);
    a->flash = flash;
    a->id = id;
    UP_TRY(open_state(a));
    a->running = SEC_NO_SLOT;
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t state = a->slots.slot[i].state;
        if (state == SEC_TRIAL || (state == SEC_CONFIRMED && a->running == SEC_NO_SLOT)) a->running = i;
    }
    return UP_OK;
}

void sec_agent_drop(struct sec_agent *a)
{
    if (a->work == SEC_CHECKING || a->work == SEC_JUDGING) sec_check_drop(&a->w.check);
    a->work = SEC_IDLE;
}

/* ---- running ---- */

bool sec_agent_tick(struct sec_agent *a, uint64_t now_ms)
{
    a->now_ms = now_ms;
    const bool on_trial = a->running != SEC_NO_SLOT && a->slots.slot[a->running].state == SEC_TRIAL;
    const bool late =
        a->id->trial_limit_s != 0 && now_ms - a->booted_ms >= (uint64_t)a->id->trial_limit_s * 1000;
    if (on_trial && late && a->reset_at_ms == 0) {
        note_image(a, UP_INSTALL, a->running);
        enum up_err recorded = sec_slot_event(&a->slots, a->running, SEC_REVERT);
        (void)recorded; /* if not, the boot stage counts this start all the same */
        a->reset_at_ms = now_ms;
    }
    return a->must_restart || (a->reset_at_ms != 0 && now_ms >= a->reset_at_ms);
}

void sec_agent_slept(struct sec_agent *a)
{
    up_clock_slept(&a->clock);
}

enum uds_code sec_agent_code(enum up_err e)
{
    switch (e) {
    case UP_STORAGE_WRITE:
        return UDS_PROGRAMMING_FAILURE;
    case UP_STORAGE_FULL:
        return UDS_DOWNLOAD_NOT_ACCEPTED;
    default:
        return UDS_CONDITIONS_NOT_CORRECT;
    }
}

static const struct routine {
    uint16_t routine;
    enum uds_code (*start)(struct sec_agent *a, const struct sec_routine *r);
} routines[] = {
    {UDS_ROUTINE_VERIFY_METADATA, sec_agent_verify}, {UDS_ROUTINE_VERIFY_IMAGE, sec_agent_check},
    {UDS_ROUTINE_ACTIVATE, sec_agent_activate},      {UDS_ROUTINE_CONFIRM, sec_agent_confirm},
    {UDS_ROUTINE_REVERT, sec_agent_revert},
};

static enum uds_code start_routine(void *ctx, uint16_t routine, uint8_t control, const uint8_t *data,
                                   size_t n, uint8_t *out, size_t cap, size_t *out_n)
{
    const struct sec_routine call = {.data = {data, n}, .out = out, .cap = cap, .n = out_n};
    for (size_t i = 0; i < sizeof routines / sizeof *routines; i++) {
        if (routines[i].routine != routine) continue;
        return control == UDS_START ? routines[i].start(ctx, &call) : UDS_SUBFUNCTION_NOT_SUPPORTED;
    }
    return UDS_OUT_OF_RANGE;
}

static enum uds_code enter_session(void *ctx, uint8_t session)
{
    struct sec_agent *a = ctx;
    a->in_session = session != UDS_DEFAULT;
    return UDS_OK;
}

/* Never in the middle of a transfer: a promise that is being written is worth more than a tester's haste. */
static enum uds_code reset(void *ctx, uint8_t type)
{
    const struct sec_agent *a = ctx;
    if (type != UDS_HARD_RESET) return UDS_SUBFUNCTION_NOT_SUPPORTED;
    return a->work == SEC_IDLE ? UDS_OK : UDS_CONDITIONS_NOT_CORRECT;
}

const struct uds_owner *sec_agent_owner(void)
{
    static const struct uds_owner owner = {.read = sec_agent_read,
                                           .routine = start_routine,
                                           .download = sec_agent_download,
                                           .file = sec_agent_file,
                                           .block = sec_agent_block,
                                           .exit = sec_agent_exit,
                                           .abort = sec_agent_abort,
                                           .checks_blocks = true,
                                           .session = enter_session,
                                           .reset = reset};
    return &owner;
}

void sec_agent_status(const struct sec_agent *a, struct sec_status *s)
{
    memset(s, 0, sizeof *s);
    sec_agent_slots(a, &s->slots);
    sec_agent_versions(a, &s->versions);
    s->security_events = a->notes.total;
    s->transfers = a->slots.received;
    s->exchanges = a->slots.exchange.count;
    s->store_moves = a->store.generation;
    s->attacks = (struct up_span){a->notes.text, a->notes.text_bytes};
    if (a->running == SEC_NO_SLOT) return;
    s->image = sec_slot_image(&a->slots, a->running);
    s->image_name = sec_image_name(&a->slots.slot[a->running].image);
    s->release_counter = a->slots.slot[a->running].image.release_counter;
}
