#include "primary/backup.h"

#include <stdio.h>
#include <stdlib.h>

#include "metadata/encode.h"
#include "metadata/json.h"
#include "primary/state.h"

static void key_of(const char *serial, char key[UP_ID_MAX + 16])
{
    (void)snprintf(key, UP_ID_MAX + 16, "backup/%s", serial);
}

static void hex_of(const struct pri_backup *b, char hex[2 * UP_SHA256_BYTES + 1])
{
    up_hex_encode(b->sha256, sizeof b->sha256, hex);
    hex[2 * UP_SHA256_BYTES] = '\0';
}

enum up_err pri_backup_put(struct pri_state *s, const char *serial, const struct pri_backup *b)
{
    char key[UP_ID_MAX + 16], hex[2 * UP_SHA256_BYTES + 1], text[UP_NAME_MAX + 160];
    key_of(serial, key);
    hex_of(b, hex);
    int n = snprintf(text, sizeof text, "{\"length\":%llu,\"name\":\"%s\",\"sha256\":\"%s\"}",
                     (unsigned long long)b->length, b->name, hex);
    if (n < 0 || (size_t)n >= sizeof text) return UP_LIMIT;
    return pri_state_put(s, key, (struct up_span){(const uint8_t *)text, (size_t)n});
}

static bool read_backup(struct up_span text, struct pri_backup *out)
{
    struct up_span length, name, hash;
    struct up_json j;
    if (!up_json_find(text, "length", &length) || !up_json_find(text, "name", &name) ||
        !up_json_find(text, "sha256", &hash) || name.n < 2 || name.n - 2 > UP_NAME_MAX || hash.n < 2)
        return false;
    *out = (struct pri_backup){.length = 0};
    memcpy(out->name, name.p + 1, name.n - 2); /* between the quotes: names need no escapes */
    up_json_open(&j, length);
    out->length = (uint64_t)up_json_int(&j, 0, UINT32_MAX);
    return up_hex_decode((struct up_span){hash.p + 1, hash.n - 2}, out->sha256, sizeof out->sha256) ==
           UP_SHA256_BYTES;
}

bool pri_backup_get(struct pri_state *s, const char *serial, struct pri_backup *out)
{
    char key[UP_ID_MAX + 16];
    struct up_span value;
    key_of(serial, key);
    if (pri_state_get(s, key, &value) != UP_OK) return false;
    bool good = read_backup(value, out);
    free((void *)(uintptr_t)value.p);
    return good;
}

struct search {
    const char *name;
    bool found;
};
static bool compare(void *ctx, const char *key, struct up_span value)
{
    struct search *search = ctx;
    struct pri_backup b;
    char hex[2 * UP_SHA256_BYTES + 1];
    (void)key;
    if (!read_backup(value, &b)) return true;
    hex_of(&b, hex);
    search->found = strcmp(hex, search->name) == 0;
    return !search->found;
}

bool pri_backup_is_file(struct pri_state *s, const char *name)
{
    struct search search = {.name = name};
    enum up_err e = pri_state_each(s, "backup/", compare, &search);
    return search.found || e != UP_OK; /* what cannot be read is not thrown away either */
}

struct up_target pri_backup_target(const struct pri_backup *b)
{
    struct up_target t = {.name = up_span_of(b->name), .length = b->length, .hashes = {.has_sha256 = true}};
    memcpy(t.hashes.sha256, b->sha256, sizeof b->sha256);
    return t;
}
