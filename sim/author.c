#include "sim/author.h"

#include "metadata/canon.h"
#include "metadata/encode.h"
#include "metadata/sign.h"

#include <stdio.h>
#include <stdlib.h>

enum stage { BEFORE_SIGNING, SPELLING, SIGNING, SIGNED, WRITTEN };

static bool twist_version(cJSON *body, const char *value)
{
    return sim_json_set(body, "/version", value);
}

static bool twist_expires(cJSON *body, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(body, "expires");
    return cJSON_AddStringToObject(body, "expires", value) != NULL;
}

static bool twist_set(cJSON *tree, const char *value)
{
    char pointer[512];
    const char *equals = strchr(value, '=');
    if (equals == NULL || (size_t)(equals - value) >= sizeof pointer) return false;
    snprintf(pointer, sizeof pointer, "%.*s", (int)(equals - value), value);
    return sim_json_set(tree, pointer, equals + 1);
}

static bool twist_pad(cJSON *body, const char *value)
{
    size_t n = strtoul(value, NULL, 10);
    char *text = malloc(n + 1);
    if (text == NULL) return false;
    memset(text, 'x', n);
    text[n] = '\0';
    cJSON_AddStringToObject(body, "padding", text);
    free(text);
    return true;
}

static bool twist_nest(cJSON *body, const char *value)
{
    cJSON *inner = cJSON_AddArrayToObject(body, "nested");
    for (unsigned long n = strtoul(value, NULL, 10); n > 1; n--) {
        cJSON *deeper = cJSON_CreateArray();
        cJSON_AddItemToArray(inner, deeper);
        inner = deeper;
    }
    return true;
}

static cJSON *signatures_of(cJSON *file)
{
    return cJSON_GetObjectItemCaseSensitive(file, "signatures");
}

static bool twist_repeat(const struct up_profile *p, cJSON *file, const char *value)
{
    (void)p;
    cJSON *first = cJSON_GetArrayItem(signatures_of(file), 0);
    if (first == NULL) return false;
    for (unsigned long n = strtoul(value, NULL, 10); n > 0; n--)
        cJSON_AddItemToArray(signatures_of(file), cJSON_Duplicate(first, true));
    return true;
}

static bool twist_flood(const struct up_profile *p, cJSON *file, const char *value)
{
    (void)p;
    cJSON *first = cJSON_GetArrayItem(signatures_of(file), 0);
    if (first == NULL) return false;
    for (unsigned long n = strtoul(value, NULL, 10); n > 0; n--) {
        char id[UP_KEYID_TEXT + 1];
        cJSON *entry = cJSON_Duplicate(first, true);
        snprintf(id, sizeof id, "%0*lx", UP_KEYID_TEXT, n);
        cJSON_ReplaceItemInObjectCaseSensitive(entry, "keyid", cJSON_CreateString(id));
        cJSON_ReplaceItemInObjectCaseSensitive(entry, "sig", cJSON_CreateString(""));
        cJSON_AddItemToArray(signatures_of(file), entry);
    }
    return true;
}

/* ---- spellings of signatures ---- */

static size_t signature_read(const struct up_profile *p, const cJSON *entry,
                             uint8_t bytes[UP_SIGNATURE_BYTES])
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "sig"));
    if (text == NULL) return 0;
    long n = p->dialect == UP_DIALECT_DEPLOYED ? up_base64_decode(up_span_of(text), bytes, UP_SIGNATURE_BYTES)
                                               : up_hex_decode(up_span_of(text), bytes, UP_SIGNATURE_BYTES);
    return n < 0 ? 0 : (size_t)n;
}

static void signature_add(const struct up_profile *p, cJSON *entry, const uint8_t *bytes, size_t n)
{
    char text[2 * UP_SIGNATURE_BYTES + 3];
    size_t chars = 2 * n;
    if (p->dialect == UP_DIALECT_DEPLOYED)
        chars = up_base64_encode(bytes, n, text);
    else
        up_hex_encode(bytes, n, text);
    text[chars] = '\0';
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "sig");
    cJSON_AddStringToObject(entry, "sig", text);
}

/* S of Ed25519 plus the order of the group: the same point, but for those who check the range. */
static void add_order(uint8_t s[32])
{
    static const uint8_t order[32] = {0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58,       0xD6,
                                      0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, [31] = 0x10};
    unsigned carry = 0;
    for (unsigned i = 0; i < 32; i++) {
        carry += (unsigned)s[i] + order[i];
        s[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

/* Ed25519 has 64 bytes, ECDSA a DER sequence of about 70, RSA 256 and more. */
static bool twist_malleable(const struct up_profile *p, cJSON *file, const char *value)
{
    (void)value;
    uint8_t bytes[UP_SIGNATURE_BYTES + 1];
    cJSON *entry = cJSON_GetArrayItem(signatures_of(file), 0);
    size_t n = signature_read(p, entry, bytes);
    if (n == 0) return false;
    if (n == 64) {
        add_order(bytes + 32);
    } else if (n < 128) { /* a length in the long form, as BER has it */
        memmove(bytes + 2, bytes + 1, n - 1);
        bytes[1] = 0x81;
        n++;
    } else if (n < UP_SIGNATURE_BYTES) { /* an integer with a zero in front */
        memmove(bytes + 1, bytes, n);
        bytes[0] = 0;
        n++;
    } else {
        return false;
    }
    signature_add(p, entry, bytes, n);
    return true;
}

static bool twist_misspelt(const struct up_profile *p, cJSON *file, const char *value)
{
    (void)value;
    cJSON *entry = cJSON_GetArrayItem(signatures_of(file), 0);
    const char *old = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "sig"));
    char text[2 * UP_SIGNATURE_BYTES + 3];
    if (old == NULL) return false;
    /* Of base64, the last character may hold bits that mean nothing: set them, or break the line. */
    snprintf(text, sizeof text, "%s%s", old, p->dialect == UP_DIALECT_DEPLOYED ? "\n" : "");
    for (char *c = text; p->dialect != UP_DIALECT_DEPLOYED && *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'f') *c = (char)(*c - 'a' + 'A');
    cJSON_ReplaceItemInObjectCaseSensitive(entry, "sig", cJSON_CreateString(text));
    return true;
}

static bool twist_after_set(const struct up_profile *p, cJSON *file, const char *value)
{
    (void)p;
    return twist_set(file, value);
}

static bool twist_after_drop(const struct up_profile *p, cJSON *file, const char *value)
{
    (void)p;
    return sim_json_drop(file, value);
}

/* ---- spellings of text ---- */

/* TEXT, from malloc, with its first OLD made NEW; VALUE: "OLD=>NEW". NULL: no OLD there; TEXT is gone. */
static char *text_replace(char *text, const char *value)
{
    const char *arrow = strstr(value, "=>");
    char *out = NULL;
    if (arrow != NULL && arrow != value) {
        char *old = strndup(value, (size_t)(arrow - value));
        const char *at = strstr(text, old);
        if (at != NULL && asprintf(&out, "%.*s%s%s", (int)(at - text), text, arrow + 2, at + strlen(old)) < 0)
            abort();
        free(old);
    }
    free(text);
    return out;
}

static char *text_join(char *text, const char *front, const char *back)
{
    char *out;
    if (asprintf(&out, "%s%s%s", front, text, back) < 0) abort();
    free(text);
    return out;
}

static char *text_prepend(char *text, const char *value)
{
    return text_join(text, value, "");
}

static char *text_append(char *text, const char *value)
{
    return text_join(text, "", value);
}

static char *text_cut(char *text, const char *value)
{
    size_t n = strlen(text), cut = strtoul(value, NULL, 10);
    text[cut < n ? n - cut : 0] = '\0';
    return text;
}

static const struct kind {
    const char *what;
    enum stage stage;
    bool (*of_body)(cJSON *body, const char *value);
    bool (*of_file)(const struct up_profile *p, cJSON *file, const char *value);
    char *(*of_text)(char *text,
                     const char *value); /* takes TEXT, which is from malloc; NULL: not possible */
} kinds[] = {
    {"version", BEFORE_SIGNING, twist_version, NULL, NULL},
    {"expires", BEFORE_SIGNING, twist_expires, NULL, NULL},
    {"set", BEFORE_SIGNING, twist_set, NULL, NULL},
    {"drop", BEFORE_SIGNING, sim_json_drop, NULL, NULL},
    {"pad", BEFORE_SIGNING, twist_pad, NULL, NULL},
    {"nest", BEFORE_SIGNING, twist_nest, NULL, NULL},
    {"text", SPELLING, NULL, NULL, text_replace},
    {"signers", SIGNING, NULL, NULL, NULL},
    {"repeat", SIGNED, NULL, twist_repeat, NULL},
    {"flood", SIGNED, NULL, twist_flood, NULL},
    {"malleable", SIGNED, NULL, twist_malleable, NULL},
    {"misspelt", SIGNED, NULL, twist_misspelt, NULL},
    {"after-set", SIGNED, NULL, twist_after_set, NULL},
    {"after-drop", SIGNED, NULL, twist_after_drop, NULL},
    {"replace", WRITTEN, NULL, NULL, text_replace},
    {"cut", WRITTEN, NULL, NULL, text_cut},
    {"prepend", WRITTEN, NULL, NULL, text_prepend},
    {"append", WRITTEN, NULL, NULL, text_append},
};

static const struct kind *kind_of(const struct sim_twist *t)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].what, t->what) == 0) return &kinds[i];
    return NULL;
}

/* The next twist of FILE at STAGE from *I on; NULL: no more. */
static const struct sim_twist *next_twist(const struct sim_author *a, const char *file, enum stage stage,
                                          size_t *i)
{
    while (*i < a->twist_count) {
        const struct sim_twist *t = &a->twists[(*i)++];
        const struct kind *k = kind_of(t);
        if (strcmp(t->file, file) == 0 && k != NULL && k->stage == stage) return t;
    }
    return NULL;
}

static bool no_twist(const struct sim_twist *t, char why[SIM_WHY_MAX])
{
    return sim_say(why, "%s: cannot twist %s %.200s", t->file, t->what, t->value);
}

static bool twist_body(const struct sim_author *a, const char *file, cJSON *body, char why[SIM_WHY_MAX])
{
    size_t i = 0;
    for (const struct sim_twist *t; (t = next_twist(a, file, BEFORE_SIGNING, &i)) != NULL;)
        if (!kind_of(t)->of_body(body, t->value)) return no_twist(t, why);
    return true;
}

/* Twists of text at STAGE; *TEXT, from malloc, is replaced. */
static bool twist_text(const struct sim_author *a, const char *file, enum stage stage, char **text,
                       char why[SIM_WHY_MAX])
{
    size_t i = 0;
    for (const struct sim_twist *t; (t = next_twist(a, file, stage, &i)) != NULL;)
        if ((*text = kind_of(t)->of_text(*text, t->value)) == NULL) return no_twist(t, why);
    return true;
}

/* The keys that a `signers` twist names; *FOUND false: there is no such twist. */
static bool twisted_signers(const struct sim_author *a, const char *file, struct sim_keys *keys, bool *found,
                            char why[SIM_WHY_MAX])
{
    size_t i = 0;
    const struct sim_twist *t = next_twist(a, file, SIGNING, &i);
    *found = t != NULL;
    if (t == NULL) return true;
    char names[SIM_PATH_MAX], *rest = NULL;
    if (!sim_path(names, "%s", t->value)) return sim_say(why, "%s: too many signers", file);
    for (char *name = strtok_r(names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest))
        if (!sim_keys_add(a->keys, name, keys, why)) return false;
    return true;
}

/* What is signed: the canonical form, or, of what has none, the body as it stands. */
static bool message_of(const struct sim_author *a, const char *body, struct up_buf *room, struct up_span *out)
{
    const enum up_dialect dialect = a->profile->dialect;
    struct up_span sorted = up_span_of(body);
    *room = (struct up_buf){.p = malloc(12 * sorted.n), .cap = 12 * sorted.n};
    if (room->p == NULL) return false;
    enum up_err e = up_canon_write(sorted, dialect, room, out);
    if (e == UP_NOT_CANONICAL && up_canon_sort(sorted, dialect, room, &sorted) == UP_OK)
        e = up_canon_write(sorted, dialect, room, out);
    if (e != UP_OK) *out = up_span_of(body);
    return true;
}

static bool add_signatures(const struct up_profile *p, cJSON *list, const struct sim_keys *keys,
                           struct up_span message)
{
    for (size_t i = 0; i < keys->n; i++) {
        const struct up_key *key = &keys->signer[i].key;
        uint8_t signature[UP_SIGNATURE_BYTES];
        char id[UP_KEYID_TEXT + 1];
        size_t n = up_sign(&keys->signer[i], message, signature);
        if (n == 0) return false;
        sim_key_id(key, p, id);
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddItemToArray(list, entry);
        cJSON_AddStringToObject(entry, "keyid", id);
        if (p->dialect == UP_DIALECT_DEPLOYED)
            cJSON_AddStringToObject(entry, "method", up_scheme_name(key->scheme));
        signature_add(p, entry, signature, n);
    }
    return true;
}

/* {"signatures":[...],"signed":BODY} with the text of BODY as it was signed. */
static char *envelope(const struct sim_author *a, const char *file, const char *body,
                      const struct sim_keys *keys, char why[SIM_WHY_MAX])
{
    struct up_buf room;
    struct up_span message;
    char *text = NULL;
    cJSON *whole = cJSON_CreateObject();
    cJSON *signatures = cJSON_AddArrayToObject(whole, "signatures");
    if (!message_of(a, body, &room, &message))
        sim_say(why, "%s: out of memory", file);
    else if (!add_signatures(a->profile, signatures, keys, message))
        sim_say(why, "%s: signing failed", file);
    else {
        cJSON_AddRawToObject(whole, "signed", body);
        text = cJSON_PrintUnformatted(whole);
    }
    free(room.p);
    cJSON_Delete(whole);
    return text;
}

/* Twists of the whole file as a tree; *TEXT, from malloc, is replaced. */
static bool twist_file(const struct sim_author *a, const char *file, char **text, char why[SIM_WHY_MAX])
{
    size_t i = 0;
    const struct sim_twist *t = next_twist(a, file, SIGNED, &i);
    if (t == NULL) return true;
    cJSON *whole = cJSON_Parse(*text);
    for (; t != NULL; t = next_twist(a, file, SIGNED, &i))
        if (whole == NULL || !kind_of(t)->of_file(a->profile, whole, t->value)) {
            cJSON_Delete(whole);
            return no_twist(t, why);
        }
    sim_json_sort(whole);
    free(*text);
    *text = cJSON_PrintUnformatted(whole);
    cJSON_Delete(whole);
    return *text != NULL;
}

bool sim_author_sign(const struct sim_author *a, const char *file, cJSON *body, const struct sim_keys *keys,
                     struct sim_bytes *out, char why[SIM_WHY_MAX])
{
    for (size_t i = 0; i < a->twist_count; i++)
        if (kind_of(&a->twists[i]) == NULL) return sim_say(why, "unknown twist %s", a->twists[i].what);
    if (!twist_body(a, file, body, why)) return false;
    sim_json_sort(body);

    struct sim_keys others = {0};
    bool twisted = false;
    char *text = cJSON_PrintUnformatted(body), *whole = NULL;
    bool ok = twist_text(a, file, SPELLING, &text, why) && twisted_signers(a, file, &others, &twisted, why);
    if (ok) whole = envelope(a, file, text, twisted ? &others : keys, why);
    sim_keys_close(&others);
    free(text);
    ok = whole != NULL && twist_file(a, file, &whole, why) && twist_text(a, file, WRITTEN, &whole, why);
    if (ok)
        *out = (struct sim_bytes){(uint8_t *)whole, strlen(whole)};
    else
        free(whole);
    return ok;
}
