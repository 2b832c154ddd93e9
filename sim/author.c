#include "sim/author.h"

#include "metadata/canon.h"
#include "metadata/encode.h"

#include <stdio.h>
#include <stdlib.h>

enum stage { BEFORE_SIGNING, SIGNING, SIGNED, WRITTEN };

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

static bool twist_repeat(cJSON *file, const char *value)
{
    cJSON *signatures = cJSON_GetObjectItemCaseSensitive(file, "signatures");
    cJSON *first = cJSON_GetArrayItem(signatures, 0);
    if (first == NULL) return false;
    for (unsigned long n = strtoul(value, NULL, 10); n > 0; n--)
        cJSON_AddItemToArray(signatures, cJSON_Duplicate(first, true));
    return true;
}

static const struct kind {
    const char *what;
    enum stage stage;
    bool (*apply)(cJSON *tree, const char *value);
} kinds[] = {
    {"version", BEFORE_SIGNING, twist_version}, {"expires", BEFORE_SIGNING, twist_expires},
    {"set", BEFORE_SIGNING, twist_set},         {"drop", BEFORE_SIGNING, sim_json_drop},
    {"pad", BEFORE_SIGNING, twist_pad},         {"signers", SIGNING, NULL},
    {"repeat", SIGNED, twist_repeat},           {"after-set", SIGNED, twist_set},
    {"after-drop", SIGNED, sim_json_drop},      {"append", WRITTEN, NULL},
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

static bool twist_tree(const struct sim_author *a, const char *file, enum stage stage, cJSON *tree,
                       char why[SIM_WHY_MAX])
{
    size_t i = 0;
    for (const struct sim_twist *t; (t = next_twist(a, file, stage, &i)) != NULL;)
        if (!kind_of(t)->apply(tree, t->value))
            return sim_say(why, "%s: cannot twist %s %s", file, t->what, t->value);
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

static bool canonical(const struct sim_author *a, const char *body, struct up_buf *room, struct up_span *out)
{
    size_t n = strlen(body);
    *room = (struct up_buf){.p = malloc(6 * n), .cap = 6 * n};
    return room->p != NULL && up_canon_write(up_span_of(body), a->profile->dialect, room, out) == UP_OK;
}

static bool add_signatures(cJSON *list, const struct sim_keys *keys, struct up_span message)
{
    for (size_t i = 0; i < keys->n; i++) {
        uint8_t signature[UP_SIGNATURE_BYTES];
        char hex[2 * UP_SIGNATURE_BYTES + 1];
        size_t n = up_sign(&keys->signer[i], message, signature);
        if (n == 0) return false;
        up_hex_encode(signature, n, hex);
        hex[2 * n] = '\0';
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddItemToArray(list, entry);
        cJSON_AddStringToObject(entry, "keyid", keys->signer[i].keyid);
        cJSON_AddStringToObject(entry, "sig", hex);
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
    if (!canonical(a, body, &room, &message))
        sim_say(why, "%s: its body has no canonical form", file);
    else if (!add_signatures(signatures, keys, message))
        sim_say(why, "%s: signing failed", file);
    else {
        cJSON_AddRawToObject(whole, "signed", body);
        text = cJSON_PrintUnformatted(whole);
    }
    free(room.p);
    cJSON_Delete(whole);
    return text;
}

/* Twists of the finished text; takes TEXT, which is from malloc. */
static bool finish(const struct sim_author *a, const char *file, char *text, struct sim_bytes *out,
                   char why[SIM_WHY_MAX])
{
    size_t i = 0, j = 0;
    if (next_twist(a, file, SIGNED, &i) != NULL) {
        cJSON *whole = cJSON_Parse(text);
        free(text);
        if (!twist_tree(a, file, SIGNED, whole, why)) {
            cJSON_Delete(whole);
            return false;
        }
        sim_json_sort(whole);
        text = cJSON_PrintUnformatted(whole);
        cJSON_Delete(whole);
    }
    for (const struct sim_twist *t; (t = next_twist(a, file, WRITTEN, &j)) != NULL;) {
        char *longer = NULL;
        if (asprintf(&longer, "%s%s", text, t->value) < 0) abort();
        free(text);
        text = longer;
    }
    *out = (struct sim_bytes){(uint8_t *)text, strlen(text)};
    return true;
}

bool sim_author_sign(const struct sim_author *a, const char *file, cJSON *body, const struct sim_keys *keys,
                     struct sim_bytes *out, char why[SIM_WHY_MAX])
{
    for (size_t i = 0; i < a->twist_count; i++)
        if (kind_of(&a->twists[i]) == NULL) return sim_say(why, "unknown twist %s", a->twists[i].what);
    if (!twist_tree(a, file, BEFORE_SIGNING, body, why)) return false;
    sim_json_sort(body);

    struct sim_keys others = {0};
    bool twisted;
    if (!twisted_signers(a, file, &others, &twisted, why)) {
        sim_keys_close(&others);
        return false;
    }
    char *text = cJSON_PrintUnformatted(body);
    char *signed_text = envelope(a, file, text, twisted ? &others : keys, why);
    sim_keys_close(&others);
    free(text);
    return signed_text != NULL && finish(a, file, signed_text, out, why);
}
