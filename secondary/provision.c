/* What the plant puts into an empty flash. The identity comes last: without it nothing else counts. */
#include "metadata/encode.h"
#include "metadata/json.h"
#include "secondary/agent_state.h"
#include "secondary/pack.h"

static void add(struct up_hash *h, struct up_span s)
{
    const uint8_t size[2] = {(uint8_t)(s.n >> 8), (uint8_t)s.n};
    up_hash_add(h, (struct up_span){size, sizeof size});
    up_hash_add(h, s);
}

void sec_identity_digest(const struct sec_identity *id, const struct sec_layout *layout,
                         uint8_t digest[UP_SHA256_BYTES])
{
    uint8_t sizes[10], kind = (uint8_t)layout->kind;
    struct sec_layout copy = *layout;
    bool full = id->full;
    struct sec_pack k = sec_pack_writer(sizes, sizeof sizes);
    sec_pack_bool(&k, &full);
    sec_pack_u8(&k, &kind);
    sec_pack_u32(&k, &copy.bank[0].bytes);
    sec_pack_u32(&k, &copy.slot[0].bytes);
    struct up_hash h;
    up_hash_begin(&h, UP_SHA256);
    add(&h, id->vehicle_id);
    add(&h, id->serial);
    add(&h, id->hardware_id);
    add(&h, up_span_of(id->profile->name));
    add(&h, (struct up_span){sizes, sizeof sizes});
    up_hash_end(&h, digest);
}

struct plant {
    const struct sec_flash *flash;
    const struct sec_identity *id;
    struct sec_layout layout;
    struct sec_store store;
    struct sec_bank bank;
    struct sec_trusted trusted;
};

static enum up_err put_file(struct plant *p, const char *path, uint32_t version, struct up_span file,
                            uint32_t *at)
{
    uint8_t text[SEC_PATH_MAX];
    struct up_writer w = {.p = text, .cap = sizeof text};
    up_write(&w, path);
    if (version > 0) up_write_int(&w, version);
    UP_TRY(sec_bank_open(&p->bank, up_written(&w), (uint32_t)file.n));
    UP_TRY(sec_bank_add(&p->bank, file));
    UP_TRY(sec_bank_close(&p->bank));
    *at = p->bank.last;
    return UP_OK;
}

/* The other roles of a full verifier, as in a cycle that asks for no newer Root. */
static enum up_err put_set(struct plant *p, enum up_repo repo, const struct up_span set[UP_TIME],
                           struct up_trust *t)
{
    const int64_t now_s = p->id->base_time_s;
    struct up_trust next;
    struct up_want w;
    up_trust_begin(t);
    UP_TRY(up_trust_absent(t, now_s, &next));
    for (*t = next; up_trust_want(t, &w); *t = next) {
        const struct up_span file = set[w.role];
        uint8_t path[SEC_PATH_MAX];
        struct up_writer text = {.p = path, .cap = sizeof path};
        if (file.p == NULL && !w.may_be_absent) return UP_CONFIG;
        if (file.p == NULL) {
            UP_TRY(up_trust_absent(t, now_s, &next));
            continue;
        }
        UP_TRY(up_trust_feed(t, file, p->id->room, now_s, &next));
        up_write(&text, up_repo_name(repo));
        up_write(&text, "/");
        up_write(&text, up_role_name(w.role));
        up_write_span(&text, UP_SPAN("\0"));
        UP_TRY(put_file(p, (const char *)path, 0, file, &p->trusted.at[repo][w.role]));
    }
    return UP_OK;
}

/* Root, and a Targets file as floor; each must hold by the Root's own keys. SET: the other roles; NULL: none.
 */
static enum up_err put_repo(struct plant *p, enum up_repo repo, struct up_span root, struct up_span targets,
                            const struct up_span set[UP_TIME], struct up_trust *t)
{
    const struct up_policy policy = {.profile = p->id->profile,
                                     .limits = p->id->limits,
                                     .repo = repo,
                                     .full = p->id->full,
                                     .vehicle_id = p->id->vehicle_id};
    struct up_buf *room = p->id->room;
    uint32_t *at = p->trusted.at[repo];
    if (room != NULL) room->n = 0;
    if (root.p == NULL || root.n > policy.limits->root_bytes) return UP_CONFIG;
    UP_TRY(up_trust_init(t, &policy, root, room));
    const uint32_t version = t->root.head.version;
    UP_TRY(put_file(p, repo == UP_DIRECTOR ? "director/root/" : "image/root/", version, root, &at[UP_ROOT]));
    at[SEC_PLANT_ROOT] = at[UP_ROOT];
    p->trusted.root_version[repo] = version;
    if (targets.p != NULL) {
        struct up_signed s;
        struct up_targets read;
        UP_TRY(up_signed_open(targets, policy.profile, room, &s));
        UP_TRY(up_signed_verify(&s, &t->root.ring[UP_TARGETS], policy.profile, policy.limits->signatures));
        UP_TRY(up_targets_read(s.body, policy.profile, &read));
        if (read.head.vehicle_id.p != NULL && !up_span_eq(read.head.vehicle_id, policy.vehicle_id))
            return UP_CONFIG;
        t->floors.mark[UP_TARGETS].version = read.head.version;
        memcpy(t->floors.mark[UP_TARGETS].digest, s.digest, sizeof s.digest);
        UP_TRY(put_file(p, "director/targets", 0, targets, &at[UP_TARGETS]));
    }
    if (UP_FULL && set != NULL) UP_TRY(put_set(p, repo, set, t));
    p->trusted.floors[repo] = t->floors;
    return UP_OK;
}

static enum up_err put_metadata(struct plant *p, const struct sec_provisioning *what)
{
    struct up_trust t;
    bool whole = false;
    for (unsigned r = 0; p->id->full && r < 2 * UP_TIME; r++)
        whole = whole || what->set[r / UP_TIME][r % UP_TIME].p != NULL;
    const struct up_span *images = whole ? what->set[UP_IMAGE] : NULL,
                         *director = whole ? what->set[UP_DIRECTOR] : NULL;
    sec_trusted_init(&p->trusted);
    sec_bank_begin(&p->bank, p->flash, p->layout.bank[0], p->layout.bank[0].at);
    if (p->id->full) UP_TRY(put_repo(p, UP_IMAGE, what->image_root, (struct up_span){NULL, 0}, images, &t));
    UP_TRY(put_repo(p, UP_DIRECTOR, what->director_root, what->director_targets, director, &t));
    UP_TRY(sec_flash_sync(p->flash));

    struct up_clock clock;
    const uint8_t none[UP_SHA256_BYTES] = {0};
    up_clock_init(&clock, p->id->base_time_s, p->id->base_time_s, none);
    up_clock_on_root(&clock, &t.root);
    UP_TRY(sec_time_save(&p->store, &clock, p->id->base_time_s, 0));

    struct sec_trusted nothing;
    sec_trusted_init(&nothing);
    return sec_trusted_commit(&p->trusted, &nothing, &p->bank, &p->layout, &p->store);
}

static enum up_err put_image(struct plant *p, const struct sec_provisioning *what)
{
    struct sec_slots s = {
        .store = &p->store, .layout = &p->layout, .slot = {{.state = SEC_EMPTY}, {.state = SEC_EMPTY}}};
    if (what->image.p != NULL) {
        struct up_target t = {.name = what->image_name,
                              .length = what->image.n,
                              .hashes = {.has_sha256 = true},
                              .release_counter = what->release_counter};
        up_sha256(what->image, t.hashes.sha256);
        if (!up_is_printable_name(what->image_name) || !sec_image_of(&t, &s.slot[0].image)) return UP_CONFIG;
        if (what->release_counter > UP_COUNTER_MAX) return UP_CONFIG;
        const struct sec_region r = sec_slot_region(&s, 0);
        struct sec_writer w;
        sec_writer_begin(&w, p->flash, r.at, r.at + r.bytes, true);
        UP_TRY(sec_writer_add(&w, what->image));
        UP_TRY(sec_writer_flush(&w));
        UP_TRY(sec_flash_sync(p->flash));
        s.slot[0].state = SEC_CONFIRMED;
        s.release_floor = what->release_counter;
        if (p->id->boot.key != NULL) UP_TRY(sec_boot_verify(&s, 0, &p->id->boot));
    }
    return sec_slots_save(&s);
}

static bool is_usable(const struct sec_identity *id)
{
    if (id->full && !UP_FULL) return false;
    return up_is_id(id->vehicle_id) && up_is_id(id->serial) && up_is_hardware_id(id->hardware_id) &&
           id->profile != NULL && up_profile_linked(id->profile) && id->limits != NULL &&
           id->signer != NULL && id->base_time_s > 0;
}

enum up_err sec_provision(const struct sec_flash *flash, const struct sec_identity *id,
                          const struct sec_provisioning *what)
{
    struct plant p = {.flash = flash, .id = id};
    uint8_t digest[UP_SHA256_BYTES];
    if (!is_usable(id)) return UP_CONFIG;
    UP_TRY(sec_layout_of(flash, id->layout, id->staging_bytes, &p.layout));
    UP_TRY(sec_store_format(&p.store, flash, &p.layout));
    UP_TRY(put_metadata(&p, what));
    UP_TRY(put_image(&p, what));
    sec_identity_digest(id, &p.layout, digest);
    return sec_store_put(&p.store, SEC_KEY_IDENTITY, (struct up_span){digest, sizeof digest});
}
