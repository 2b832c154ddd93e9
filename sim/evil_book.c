/* Keys of the vectors, and what stands for them in the table. */
#include "sim/evil_book.h"

#include "metadata/encode.h"

const char *const sim_book_keys[SIM_BOOK_KEYS] = {
    "director/root",     "director/root-2",  "director/timestamp", "director/timestamp-2",
    "director/snapshot", "director/targets", "director/targets-2", "director/targets-3",
    "director/time",     "image/root",       "image/root-2",       "image/timestamp",
    "image/timestamp-2", "image/snapshot",   "image/targets",      "image/targets-2",
    "image/targets-3",   "image/supplier",   "image/supplier-2",   "image/supplier-ecu",
    "image/red",         "image/green",      "image/blue",         "stranger",
};

unsigned sim_book_key(const char *name)
{
    for (unsigned i = 0; i < SIM_BOOK_KEYS; i++)
        if (strcmp(sim_book_keys[i], name) == 0) return i;
    abort();
}

cJSON *sim_book_key_object(const struct sim_book *b, unsigned key)
{
    return sim_key_object(&b->key[key].key, b->profile);
}

/* ---- opening ---- */

static bool seeded_key(const struct sim_book_plan *plan, const char *name, struct up_signer *out)
{
    uint8_t seed[UP_SHA256_BYTES];
    struct up_hash h;
    up_hash_begin(&h, UP_SHA256);
    up_hash_add(&h, up_span_of(plan->seed != NULL ? plan->seed : "isoctane"));
    up_hash_add(&h, UP_SPAN("\n"));
    up_hash_add(&h, up_span_of(name));
    up_hash_end(&h, seed);
    return up_signer_from_seed(plan->scheme, seed, out);
}

/* From the folder, or made now and forgotten with the book. */
static bool rsa_key(const struct sim_book_plan *plan, unsigned i, struct up_signer *out,
                    char why[SIM_WHY_MAX])
{
    char path[SIM_PATH_MAX];
    if (plan->rsa_keys != NULL)
        return sim_path(path, "%s/%u.pem", plan->rsa_keys, i + 1) &&
               up_signer_open(path, out, why, SIM_WHY_MAX);
    char folder[] = "/tmp/isoctane-key-XXXXXX";
    if (mkdtemp(folder) == NULL) return sim_say(why, "no place for a new key below /tmp");
    bool ok = sim_path(path, "%s/key.pem", folder) &&
              up_signer_create(path, UP_RSA_PSS_SHA256, plan->rsa_bits > 0 ? plan->rsa_bits : 2048, out, why,
                               SIM_WHY_MAX);
    (void)remove(path);
    (void)remove(folder);
    return ok;
}

struct sim_book *sim_book_open(const struct sim_book_plan *plan, char why[SIM_WHY_MAX])
{
    struct sim_book *b = calloc(1, sizeof *b);
    if (b == NULL) return NULL;
    b->profile = plan->profile;
    b->scheme = plan->scheme;
    bool ok = plan->scheme != UP_ECDSA_P256_SHA256 || plan->profile->dialect == UP_DIALECT_TUF ||
              sim_say(why, "the dialect of deployed backends has no ECDSA keys");
    for (unsigned i = 0; ok && i < SIM_BOOK_KEYS; i++) {
        ok = plan->scheme == UP_RSA_PSS_SHA256
                 ? rsa_key(plan, i, &b->key[i], why)
                 : seeded_key(plan, sim_book_keys[i], &b->key[i]) || sim_say(why, "no key from a seed");
        if (ok) sim_key_id(&b->key[i].key, b->profile, b->id[i]);
    }
    for (enum sim_stage s = SIM_BEFORE; ok && s < SIM_STAGES; s++) {
        struct sim_pages pages;
        ok = sim_book_write(b, s, NULL, &pages, why);
        if (ok) b->honest[s] = pages;
    }
    if (ok) return b;
    sim_book_close(b);
    return NULL;
}

void sim_book_close(struct sim_book *b)
{
    if (b == NULL) return;
    for (unsigned i = 0; i < SIM_BOOK_KEYS; i++) up_signer_close(&b->key[i]);
    for (enum sim_stage s = SIM_BEFORE; s < SIM_STAGES; s++) sim_pages_free(&b->honest[s]);
    free(b);
}

/* ---- words ---- */

#define WEAK_RSA                                                                                             \
    "-----BEGIN PUBLIC KEY-----\n"                                                                           \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCgGWGOqujJDFu8caObr+Kr0Y96\nK0oaAseamgN3wxlBeCoKG3Zdh7FQ5s3g/"    \
    "wDnRYgmwL4NtsH+/UpvWLLFjA9tb+v9\nyYrMFxCFIycLJJcfDtnddkZiy/6FfohT2JmLxpsKW9KOCX/"                       \
    "1GVJQUvFuEsjTiAyb\n0rjebQVZIagBTfCBUQIDAQAB\n"                                                          \
    "-----END PUBLIC KEY-----\n"
#define P256_PEM                                                                                             \
    "-----BEGIN PUBLIC KEY-----\n"                                                                           \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUV70zr/6vV9f9AbzCQ4yCUHiPIyn\nxnne+kkTTo2XpCgjCo+K/"                \
    "JuVEQDPIHLZYzKGmBwEX++pQefgRl6SJyBLcw==\n"                                                              \
    "-----END PUBLIC KEY-----\n"

/* Keys that must never count. */
static const struct odd {
    const char *name, *keytype, *deployed_keytype, *scheme, *public;
} odds[] = {
    {"weak-rsa", "rsa", "RSA", "rsassa-pss-sha256", WEAK_RSA},
    {"small-order", "ed25519", "ED25519", "ed25519",
     "0100000000000000000000000000000000000000000000000000000000000000"},
    {"p-384", "ecdsa", "", "ecdsa-sha2-nistp256",
     "-----BEGIN PUBLIC "
     "KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAELCoUdsDN9+KmAr+"
     "JSGm8PToH7rJ41GYY\npVZRiyQOCxbJG1f3dxbT6bhBXwZC2m7H0Y9JtdEr5yaHv0AAl9xyIjc3kOCdwqWa\nMOqjhW3flebljsJ/"
     "Qk92mJEm/466oyFj\n-----END PUBLIC KEY-----\n"},
    {"long-pem", "ecdsa", "RSA", "ecdsa-sha2-nistp256", P256_PEM P256_PEM},
    {"lattice", "lattice", "LATTICE", "lattice", "00"},
};

static cJSON *odd_object(const struct sim_book *b, const char *name)
{
    for (size_t i = 0; i < sizeof odds / sizeof *odds; i++) {
        const struct odd *o = &odds[i];
        if (strcmp(o->name, name) != 0) continue;
        const bool deployed = b->profile->dialect == UP_DIALECT_DEPLOYED;
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "keytype", deployed ? o->deployed_keytype : o->keytype);
        cJSON_AddStringToObject(cJSON_AddObjectToObject(object, "keyval"), "public", o->public);
        if (!deployed) cJSON_AddStringToObject(object, "scheme", o->scheme);
        return object;
    }
    return NULL;
}

/* The same key, another object: an unknown member makes another id. */
static cJSON *alias_object(const struct sim_book *b, const char *name)
{
    cJSON *object = sim_book_key_object(b, sim_book_key(name));
    cJSON_AddStringToObject(object, "note", "the same key");
    sim_json_sort(object);
    return object;
}

static char *id_of(const struct sim_book *b, cJSON *object)
{
    char id[UP_KEYID_TEXT + 1] = "";
    char *text = cJSON_PrintUnformatted(object);
    if (text == NULL || up_key_id(up_span_of(text), b->profile, id) != UP_OK) id[0] = '\0';
    cJSON_free(text);
    cJSON_Delete(object);
    return strdup(id);
}

static char *print(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    return text;
}

/* For a public key of order one, R = identity and S = 0 fit every message. */
static char *forged_entry(const struct sim_book *b, const char *name)
{
    uint8_t bytes[64] = {1};
    char text[2 * sizeof bytes + 1] = "";
    char *id = id_of(b, odd_object(b, name)), *out = NULL;
    if (b->profile->dialect == UP_DIALECT_DEPLOYED)
        text[up_base64_encode(bytes, sizeof bytes, text)] = '\0';
    else
        up_hex_encode(bytes, sizeof bytes, text);
    if (asprintf(&out, "{\"keyid\":\"%s\",\"sig\":\"%s\"}", id, text) < 0) out = NULL;
    free(id);
    return out;
}

/* What stands for WORD, "id:image/red"; from malloc. NULL: nothing does. */
static char *word_text(const struct sim_book *b, enum sim_stage stage, const char *word)
{
    const char *colon = strchr(word, ':'), *name = colon == NULL ? "" : colon + 1;
    const size_t n = colon == NULL ? 0 : (size_t)(colon - word);
    char *number = NULL;
    if (strcmp(word, "n") == 0) return asprintf(&number, "%u", SIM_EVIL_VERSION(stage)) < 0 ? NULL : number;
    if (strncmp(word, "id:", n + 1) == 0) return strdup(b->id[sim_book_key(name)]);
    if (strncmp(word, "key:", n + 1) == 0) return print(sim_book_key_object(b, sim_book_key(name)));
    if (strncmp(word, "aliasid:", n + 1) == 0) return id_of(b, alias_object(b, name));
    if (strncmp(word, "alias:", n + 1) == 0) return print(alias_object(b, name));
    if (strncmp(word, "idof:", n + 1) == 0) return id_of(b, odd_object(b, name));
    if (strncmp(word, "object:", n + 1) == 0) return print(odd_object(b, name));
    if (strncmp(word, "forged:", n + 1) == 0) return forged_entry(b, name);
    return NULL;
}

char *sim_book_expand(const struct sim_book *b, enum sim_stage stage, const char *text)
{
    char *out = strdup("");
    while (out != NULL && *text != '\0') {
        const char *open = strchr(text, '<'), *close = open == NULL ? NULL : strchr(open, '>');
        const size_t plain = close == NULL ? strlen(text) : (size_t)(open - text);
        char word[64] = "", *longer, *stands = NULL;
        if (close != NULL) {
            snprintf(word, sizeof word, "%.*s", (int)(close - open - 1), open + 1);
            stands = word_text(b, stage, word);
        }
        bool ok = (close == NULL || stands != NULL) &&
                  asprintf(&longer, "%s%.*s%s", out, (int)plain, text, stands != NULL ? stands : "") >= 0;
        free(stands);
        free(out);
        out = ok ? longer : NULL;
        text += plain + (close == NULL ? 0 : (size_t)(close + 1 - open));
    }
    return out;
}
