/* Both repositories of one stage, as an honest author writes them; twists bend single files on the way. */
#include "sim/evil_book.h"

#define EXPIRES     "2100-01-01T00:00:00Z"
#define IMAGE_BYTES 200

const struct sim_twist *sim_writing_twist(const struct sim_writing *w, const char *file, const char *what)
{
    for (unsigned i = 0; i < w->twist_count; i++) {
        const struct sim_twist *t = &w->twists[i];
        if ((file == NULL || strcmp(t->file, file) == 0) && (what == NULL || strcmp(t->what, what) == 0))
            return t;
    }
    return NULL;
}

static bool is_deployed(const struct sim_writing *w)
{
    return w->book->profile->dialect == UP_DIALECT_DEPLOYED;
}

static struct sim_page *page_add(const struct sim_writing *w, const char *name, const char *path,
                                 uint32_t version)
{
    if (w->pages->n == SIM_PAGES_MAX) abort();
    struct sim_page *p = &w->pages->page[w->pages->n++];
    *p = (struct sim_page){.version = version};
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->path, sizeof p->path, "%s", path);
    return p;
}

/* ---- signing ---- */

static void signers_named(const struct sim_book *b, const char *names, struct sim_keys *keys)
{
    char text[200], *rest = NULL;
    snprintf(text, sizeof text, "%s", names);
    for (char *name = strtok_r(text, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest))
        keys->signer[keys->n++] = b->key[sim_book_key(name)]; /* borrowed */
}

/* What the author cannot do: who signs is known to the book only, and how it is served comes later. */
static bool is_authors(const struct sim_twist *t)
{
    static const char *const others[] = {"signers", "omit", "old",     "again",    "from",
                                         "as",      "flip", "shorten", "lengthen", "chain"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(t->what, others[i]) == 0) return false;
    return true;
}

/* Nothing bends this file, and nothing below it was bent: the honest one will do. */
static bool is_honest(const struct sim_writing *w, const char *name, cJSON *body, struct sim_page *page)
{
    const struct sim_page *honest = sim_pages_find(&w->book->honest[w->stage], name);
    if (honest == NULL || sim_writing_twist(w, name, NULL) != NULL) return false;
    sim_json_sort(body);
    char *text = cJSON_PrintUnformatted(body);
    const size_t n = strlen(text);
    const bool same = honest->bytes.n > n && memcmp(honest->bytes.p + honest->bytes.n - n - 1, text, n) == 0;
    free(text);
    return same && sim_page_copy(honest, page);
}

bool sim_writing_sign(const struct sim_writing *w, const char *name, uint32_t version, cJSON *body,
                      const char *signers)
{
    struct sim_twist twists[SIM_EVIL_TWISTS + 1];
    struct sim_author author = {.profile = w->book->profile, .twists = twists};
    struct sim_keys keys = {0};
    char path[SIM_PATH_MAX], below[SIM_METADATA_NAME];
    const char *role = strrchr(name, '/') + 1, *dot = strchr(role, '.');
    for (unsigned i = 0; i < w->twist_count; i++)
        if (is_authors(&w->twists[i])) twists[author.twist_count++] = w->twists[i];
    /* Signed once more: the parent names the one without. */
    const struct sim_twist *who = sim_writing_twist(w, name, "signers");
    signers_named(w->book, who != NULL ? who->value : signers, &keys);

    const bool plain = strcmp(role, "timestamp") == 0;
    sim_metadata_name(w->book->profile, dot != NULL ? dot + 1 : role, plain ? 0 : version, below);
    snprintf(path, sizeof path, "%s/%s", strncmp(name, "director/", 9) == 0 ? "director" : "repo", below);
    struct sim_page *page = page_add(w, name, path, version);
    if (is_honest(w, name, body, page)) {
        cJSON_Delete(body);
        return true;
    }
    bool ok = sim_author_sign(&author, name, body, &keys, &page->bytes, w->why);
    const uint32_t said = sim_body_version(body);
    /* A version that a twist has changed is the version for its parent, too, where it is one. */
    if (ok && dot == NULL && said > 0 && said < version) {
        page->version = said;
        sim_metadata_name(w->book->profile, role, said, below);
        if (!plain)
            snprintf(page->path, sizeof page->path, "%s/%s",
                     strncmp(name, "director/", 9) == 0 ? "director" : "repo", below);
    }
    cJSON_Delete(body);
    return ok;
}

static cJSON *body_new(const struct sim_writing *w, const char *type, uint32_t version, bool director)
{
    cJSON *body = sim_body_new(w->book->profile, type);
    cJSON_AddStringToObject(body, "expires", EXPIRES);
    cJSON_AddNumberToObject(body, "version", version);
    if (director)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(body, "custom"), "vehicleId", SIM_EVIL_VEHICLE);
    return body;
}

/* "keyids", "threshold" into RING, and the keys into KEYS. NAMES: keys, with spaces. */
static void ring_fill(const struct sim_writing *w, cJSON *ring, cJSON *keys, const char *names,
                      unsigned threshold)
{
    char text[200], *rest = NULL;
    snprintf(text, sizeof text, "%s", names);
    cJSON *ids = cJSON_AddArrayToObject(ring, "keyids");
    for (char *name = strtok_r(text, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        const unsigned key = sim_book_key(name);
        const char *id = w->book->id[key];
        cJSON_AddItemToArray(ids, cJSON_CreateString(id));
        if (cJSON_GetObjectItemCaseSensitive(keys, id) == NULL)
            cJSON_AddItemToObject(keys, id, sim_book_key_object(w->book, key));
    }
    cJSON_AddNumberToObject(ring, "threshold", threshold);
}

/* ---- Roots ---- */

/* Root 1 has one Root key; the second Root replaces it, and nothing else. */
static bool write_root(const struct sim_writing *w, const char *repo, uint32_t version)
{
    static const struct {
        const char *role, *keys;
        unsigned threshold;
    } roles[] = {{"timestamp", "timestamp", 1},
                 {"snapshot", "snapshot", 1},
                 {"targets", "targets", 2},
                 {"time", "time", 1}};
    char name[64], names[200], signers[64];
    const bool director = strcmp(repo, "director") == 0;
    cJSON *body = body_new(w, "root", version, false);
    cJSON *keys = cJSON_AddObjectToObject(body, "keys"), *rings = cJSON_AddObjectToObject(body, "roles");
    if (!is_deployed(w)) cJSON_AddBoolToObject(body, "consistent_snapshot", true);
    snprintf(names, sizeof names, "%s/root%s", repo, version > 1 ? "-2" : "");
    ring_fill(w, cJSON_AddObjectToObject(rings, "root"), keys, names, 1);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(roles[i].role, "time") == 0 && (!director || is_deployed(w))) continue;
        if (roles[i].threshold == 1)
            snprintf(names, sizeof names, "%s/%s", repo, roles[i].keys);
        else
            snprintf(names, sizeof names, "%s/%s %s/%s-2 %s/%s-3", repo, roles[i].keys, repo, roles[i].keys,
                     repo, roles[i].keys);
        ring_fill(w, cJSON_AddObjectToObject(rings, roles[i].role), keys, names, roles[i].threshold);
    }
    snprintf(name, sizeof name, "%s/%u.root", repo, (unsigned)version);
    snprintf(signers, sizeof signers,
             version == 2   ? "%s/root %s/root-2"
             : version == 1 ? "%s/root"
                            : "%s/root-2",
             repo, repo);
    return sim_writing_sign(w, name, version, body, signers);
}

static bool names_root(const struct sim_writing *w, const char *repo, uint32_t version)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%u.root", repo, (unsigned)version);
    if (sim_writing_twist(w, name, NULL) != NULL) return true;
    for (unsigned i = 0; i < w->twist_count; i++)
        if (strcmp(w->twists[i].what, "from") == 0 && strcmp(w->twists[i].value, name) == 0) return true;
    return false;
}

/* Afterwards there always is a second Root; a third one undoes what lasts of a twisted second one. */
static bool write_roots(const struct sim_writing *w, const char *repo)
{
    uint32_t last = names_root(w, repo, 3) ? 3 : names_root(w, repo, 2) ? 2 : 1;
    if (w->stage == SIM_AFTER) last = w->vector != NULL && w->vector->lasting ? 3 : 2;
    for (uint32_t version = 1; version <= last; version++)
        if (!write_root(w, repo, version)) return false;
    return true;
}

/* ---- files that name files ---- */

/* The pages NAMES of REPO into "meta". */
static bool write_naming(const struct sim_writing *w, const char *repo, const char *type, const char *names)
{
    char name[64], text[200], *rest = NULL;
    const bool director = strcmp(repo, "director") == 0;
    const uint32_t version = SIM_EVIL_VERSION(w->stage);
    cJSON *body = body_new(w, type, version, director);
    cJSON *meta = cJSON_AddObjectToObject(body, "meta");
    snprintf(text, sizeof text, "%s", names);
    for (char *role = strtok_r(text, " ", &rest); role != NULL; role = strtok_r(NULL, " ", &rest)) {
        char member[80];
        snprintf(name, sizeof name, "%s/%s", repo, role);
        snprintf(member, sizeof member, "%s.json", role);
        const struct sim_page *page = sim_pages_find(w->pages, name);
        cJSON_AddItemToObject(meta, member, sim_named(sim_span(&page->bytes), page->version, true));
    }
    snprintf(name, sizeof name, "%s/%s", repo, type);
    return sim_writing_sign(w, name, version, body, name);
}

/* ---- images ---- */

static void image_bytes(const struct sim_writing *w, enum sim_client c, uint8_t out[IMAGE_BYTES])
{
    memset(out, (int)('a' + c), IMAGE_BYTES);
    int n = snprintf((char *)out, IMAGE_BYTES, "%s %u", sim_evil_ecus[c].image, SIM_EVIL_VERSION(w->stage));
    out[n] = '\n';
}

static void image_name(const struct sim_writing *w, enum sim_client c, char out[64])
{
    snprintf(out, 64, "%s-%u.img", sim_evil_ecus[c].image, SIM_EVIL_VERSION(w->stage));
}

/* The image of client C into TARGETS; ORDERED: with the ECU that is to install it. */
static void image_into(const struct sim_writing *w, cJSON *targets, enum sim_client c, bool ordered)
{
    const struct sim_evil_ecu *ecu = &sim_evil_ecus[c];
    uint8_t bytes[IMAGE_BYTES];
    char name[64];
    image_name(w, c, name);
    image_bytes(w, c, bytes);
    cJSON *entry = cJSON_AddObjectToObject(targets, name);
    cJSON *custom = cJSON_AddObjectToObject(entry, "custom");
    if (ordered)
        cJSON_AddStringToObject(
            cJSON_AddObjectToObject(cJSON_AddObjectToObject(custom, "ecuIdentifiers"), ecu->serial),
            "hardwareId", ecu->hardware_id);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(custom, "hardwareIds"), cJSON_CreateString(ecu->hardware_id));
    cJSON_AddNumberToObject(custom, "releaseCounter", SIM_EVIL_COUNTER + (int)w->stage);
    if (is_deployed(w)) cJSON_AddStringToObject(custom, "targetFormat", "BINARY");
    const struct up_span span = {bytes, IMAGE_BYTES};
    cJSON_AddItemToObject(entry, "hashes", sim_hashes(span, true));
    cJSON_AddNumberToObject(entry, "length", IMAGE_BYTES);
}

static bool write_images(const struct sim_writing *w)
{
    for (enum sim_client c = SIM_PRIMARY; c < SIM_CLIENTS; c++) {
        char name[64], path[SIM_PATH_MAX + 8], below[SIM_PATH_MAX], page_name[64];
        uint8_t bytes[IMAGE_BYTES];
        image_name(w, c, name);
        image_bytes(w, c, bytes);
        cJSON *hashes = sim_hashes((struct up_span){bytes, IMAGE_BYTES}, false);
        sim_image_name(w->book->profile, name, hashes->child->valuestring, below);
        cJSON_Delete(hashes);
        snprintf(path, sizeof path, "repo/%s", below);
        snprintf(page_name, sizeof page_name, "bytes/%s", strrchr(sim_evil_ecus[c].image, '/') + 1);
        struct sim_page *page = page_add(w, page_name, path, 0);
        page->bytes = (struct sim_bytes){malloc(IMAGE_BYTES), IMAGE_BYTES};
        if (page->bytes.p == NULL) return sim_say(w->why, "out of memory");
        memcpy(page->bytes.p, bytes, IMAGE_BYTES);
    }
    return true;
}

/* ---- Targets and delegated roles ---- */

static cJSON *targets_new(const struct sim_writing *w, bool director)
{
    cJSON *body = body_new(w, "targets", SIM_EVIL_VERSION(w->stage), director);
    cJSON_AddObjectToObject(body, "targets");
    return body;
}

static cJSON *targets_of(cJSON *body)
{
    return cJSON_GetObjectItemCaseSensitive(body, "targets");
}

static cJSON *delegations_new(cJSON *body)
{
    cJSON *delegations = cJSON_AddObjectToObject(body, "delegations");
    cJSON_AddObjectToObject(delegations, "keys");
    cJSON_AddArrayToObject(delegations, "roles");
    return delegations;
}

static cJSON *edge_add(cJSON *delegations, const char *path)
{
    cJSON *edge = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(delegations, "roles"), edge);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(edge, "paths"), cJSON_CreateString(path));
    cJSON_AddBoolToObject(edge, "terminating", false);
    return edge;
}

static void delegate(const struct sim_writing *w, cJSON *body, const char *role, const char *path,
                     const char *keys, unsigned threshold)
{
    cJSON *delegations = cJSON_GetObjectItemCaseSensitive(body, "delegations");
    if (delegations == NULL) delegations = delegations_new(body);
    cJSON *edge = edge_add(delegations, path);
    cJSON_AddStringToObject(edge, "name", role);
    ring_fill(w, edge, cJSON_GetObjectItemCaseSensitive(delegations, "keys"), keys, threshold);
}

static void delegate_to_three(const struct sim_writing *w, cJSON *body)
{
    static const char *const roles[] = {"red", "green", "blue"};
    cJSON *delegations = cJSON_GetObjectItemCaseSensitive(body, "delegations");
    cJSON *edge = edge_add(delegations, "agreed/*");
    cJSON_AddNumberToObject(edge, "min_roles_in_agreement", 2);
    cJSON *list = cJSON_AddArrayToObject(edge, "roles");
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        char key[64];
        cJSON *role = cJSON_CreateObject();
        cJSON_AddItemToArray(list, role);
        cJSON_AddStringToObject(role, "name", roles[i]);
        snprintf(key, sizeof key, "image/%s", roles[i]);
        ring_fill(w, role, cJSON_GetObjectItemCaseSensitive(delegations, "keys"), key, 1);
    }
}

static bool write_role(const struct sim_writing *w, const char *name, cJSON *body, const char *signers)
{
    return sim_writing_sign(w, name, SIM_EVIL_VERSION(w->stage), body, signers);
}

/* Roles c1 to cN, each one delegation further away; the last one has the image. NAMES: of all for Snapshot.
 */
static bool write_chain(const struct sim_writing *w, unsigned n, char names[200])
{
    for (unsigned i = 1; i <= n; i++) {
        char name[64], next[16];
        cJSON *body = targets_new(w, false);
        snprintf(name, sizeof name, "image/c%u", i);
        snprintf(next, sizeof next, "c%u", i + 1);
        if (i < n)
            delegate(w, body, next, "supplier/*", "image/supplier-ecu", 1);
        else
            image_into(w, targets_of(body), SIM_FULL, false);
        snprintf(names + strlen(names), 200 - strlen(names), " c%u", i);
        if (!write_role(w, name, body, "image/supplier-ecu")) return false;
    }
    return true;
}

static bool write_image_repository(const struct sim_writing *w)
{
    char roles[200] = "targets supplier supplier-ecu red green blue";
    const struct sim_twist *chain = sim_writing_twist(w, "image/targets", "chain");
    cJSON *targets = targets_new(w, false), *supplier = targets_new(w, false), *ecu = targets_new(w, false);
    image_into(w, targets_of(targets), SIM_PRIMARY, false);
    const bool far = chain != NULL && w->stage == SIM_ATTACK;
    delegate(w, targets, far ? "c1" : "supplier", "supplier/*",
             far ? "image/supplier-ecu" : "image/supplier image/supplier-2", far ? 1 : 2);
    delegate_to_three(w, targets);
    delegate(w, supplier, "supplier-ecu", "supplier/full-*.img", "image/supplier-ecu", 1);
    image_into(w, targets_of(ecu), SIM_FULL, false);
    bool ok = write_role(w, "image/targets", targets, "image/targets image/targets-2");
    ok = write_role(w, "image/supplier", supplier, "image/supplier image/supplier-2") && ok;
    ok = write_role(w, "image/supplier-ecu", ecu, "image/supplier-ecu") && ok;
    static const char *const three[] = {"image/red", "image/green", "image/blue"};
    for (size_t i = 0; i < 3; i++) {
        cJSON *body = targets_new(w, false);
        image_into(w, targets_of(body), SIM_PARTIAL, false);
        ok = write_role(w, three[i], body, three[i]) && ok;
    }
    if (chain != NULL) ok = write_chain(w, (unsigned)strtoul(chain->value, NULL, 10), roles) && ok;
    return ok && write_naming(w, "image", "snapshot", roles) &&
           write_naming(w, "image", "timestamp", "snapshot");
}

static bool write_director(const struct sim_writing *w)
{
    cJSON *body = targets_new(w, true);
    for (enum sim_client c = SIM_PRIMARY; c < SIM_CLIENTS; c++) image_into(w, targets_of(body), c, true);
    return write_role(w, "director/targets", body, "director/targets director/targets-2") &&
           write_naming(w, "director", "snapshot", "targets") &&
           write_naming(w, "director", "timestamp", "snapshot");
}

/* The answer to a question with the one nonce of all vectors. Dialect A has no time server. */
static bool write_time(const struct sim_writing *w)
{
    static const char *const times[SIM_STAGES] = {"2026-06-30T23:00:00Z", SIM_EVIL_NOW,
                                                  "2026-07-01T01:00:00Z"};
    if (is_deployed(w)) return true;
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "_type", "time");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "nonces"), cJSON_CreateString(SIM_EVIL_NONCE));
    cJSON_AddStringToObject(body, "time", times[w->stage]);
    return sim_writing_sign(w, "director/time", 0, body, "director/time");
}

bool sim_writing_all(const struct sim_writing *w)
{
    return write_roots(w, "director") && write_roots(w, "image") && write_time(w) && write_images(w) &&
           write_director(w) && write_image_repository(w);
}
