#include "sim/keys.h"

#include "metadata/encode.h"
#include "sim/json_tree.h"

#include <errno.h>
#include <stdlib.h>

void sim_keys_close(struct sim_keys *k)
{
    for (size_t i = 0; i < k->n; i++) up_signer_close(&k->signer[i]);
    k->n = 0;
}

static bool key_name(char out[SIM_PATH_MAX], const char *base, unsigned index)
{
    return index == 1 ? sim_path(out, "%s", base) : sim_path(out, "%s-%u", base, index);
}

static bool create_one(const char *folder, const char *name, const struct sim_key_maker *maker,
                       struct up_signer *signer, char why[SIM_WHY_MAX])
{
    char path[SIM_PATH_MAX];
    if (!sim_path(path, "%s/%s", folder, name)) return sim_say(why, "%s/%s: path too long", folder, name);
    *strrchr(path, '/') = '\0';
    if (!sim_folder_make(path)) return sim_say(why, "%s: %s", path, strerror(errno));
    if (!sim_path(path, "%s/%s.pem", folder, name)) return sim_say(why, "%s/%s: path too long", folder, name);
    if (maker->seed == NULL)
        return up_signer_create(path, maker->scheme, maker->rsa_bits, signer, why, SIM_WHY_MAX);

    uint8_t seed[UP_SHA256_BYTES];
    struct up_hash h;
    up_hash_begin(&h, UP_SHA256);
    up_hash_add(&h, (struct up_span){maker->seed, UP_SHA256_BYTES});
    up_hash_add(&h, up_span_of(name));
    up_hash_end(&h, seed);
    const bool made = up_signer_from_seed(maker->scheme, seed, signer);
    up_wipe(seed, sizeof seed);
    if (!made)
        return sim_say(why, "%s: no key from a seed in scheme %s", path, up_scheme_name(maker->scheme));
    if (up_signer_save(signer, path, why, SIM_WHY_MAX)) return true;
    up_signer_close(signer);
    return false;
}

bool sim_keys_create(const char *folder, const char *base, const struct sim_key_maker *maker, unsigned count,
                     struct sim_keys *out, char why[SIM_WHY_MAX])
{
    unsigned index = 1;
    while (count > 0) {
        char name[SIM_PATH_MAX], path[SIM_PATH_MAX];
        if (!key_name(name, base, index++) || !sim_path(path, "%s/%s.pem", folder, name))
            return sim_say(why, "%s/%s: path too long", folder, base);
        if (sim_file_exists(path)) continue;
        if (out->n == SIM_KEYS_MAX) return sim_say(why, "%s: more than %d keys", base, SIM_KEYS_MAX);
        if (!create_one(folder, name, maker, &out->signer[out->n], why)) return false;
        out->n++;
        count--;
    }
    return true;
}

static bool add(struct sim_keys *keys, const struct up_signer *s, const char *file, char why[SIM_WHY_MAX])
{
    if (keys->n == SIM_KEYS_MAX) return sim_say(why, "%s: more than %d keys", file, SIM_KEYS_MAX);
    keys->signer[keys->n++] = *s;
    return true;
}

bool sim_keys_add(const char *folder, const char *file, struct sim_keys *out, char why[SIM_WHY_MAX])
{
    char path[SIM_PATH_MAX];
    struct up_signer s;
    if (!sim_path(path, "%s/%s.pem", folder, file)) return sim_say(why, "%s/%s: path too long", folder, file);
    if (!up_signer_open(path, &s, why, SIM_WHY_MAX)) return false;
    if (add(out, &s, file, why)) return true;
    up_signer_close(&s);
    return false;
}

bool sim_keys_load(const char *folder, const char *base, const struct up_profile *p, const cJSON *keyids,
                   struct sim_keys *out, char why[SIM_WHY_MAX])
{
    /* Files may be missing, but not so many in a row. */
    for (unsigned index = 1, missing = 0; missing < SIM_KEYS_MAX; index++) {
        char name[SIM_PATH_MAX], path[SIM_PATH_MAX];
        struct up_signer s;
        if (!key_name(name, base, index) || !sim_path(path, "%s/%s.pem", folder, name))
            return sim_say(why, "%s/%s: path too long", folder, base);
        missing = sim_file_exists(path) ? 0 : missing + 1;
        if (missing > 0) continue;
        if (!up_signer_open(path, &s, why, SIM_WHY_MAX)) return false;
        char id[UP_KEYID_TEXT + 1];
        sim_key_id(&s.key, p, id);
        bool counts = sim_is_listed(keyids, id);
        bool ok = !counts || add(out, &s, name, why);
        if (!counts || !ok) up_signer_close(&s);
        if (!ok) return false;
    }
    return true;
}

/* How the key reads in metadata; dialect A writes hex in upper case. */
static void public_text(const struct up_key *key, bool upper, char text[UP_PEM_BYTES + 1])
{
    size_t n = 2 * key->n;
    if (key->scheme == UP_ED25519)
        up_hex_encode(key->bytes, key->n, text);
    else
        n = up_key_to_pem(key, text, UP_PEM_BYTES);
    text[n] = '\0';
    for (char *c = text; upper && key->scheme == UP_ED25519 && *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'f') *c = (char)(*c - 'a' + 'A');
}

cJSON *sim_key_object(const struct up_key *key, const struct up_profile *p)
{
    static const char *const keytype[][2] = {[UP_ED25519] = {"ed25519", "ED25519"},
                                             [UP_ECDSA_P256_SHA256] = {"ecdsa", "ECDSA"},
                                             [UP_RSA_PSS_SHA256] = {"rsa", "RSA"}};
    const bool deployed = p->dialect == UP_DIALECT_DEPLOYED;
    char text[UP_PEM_BYTES + 1];
    public_text(key, deployed, text);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "keytype", keytype[key->scheme][deployed]);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(object, "keyval"), "public", text);
    if (!deployed) cJSON_AddStringToObject(object, "scheme", up_scheme_name(key->scheme));
    return object;
}

void sim_key_id(const struct up_key *key, const struct up_profile *p, char id[UP_KEYID_TEXT + 1])
{
    cJSON *object = sim_key_object(key, p);
    char *text = cJSON_PrintUnformatted(object);
    id[UP_KEYID_TEXT] = '\0';
    if (text == NULL || up_key_id(up_span_of(text), p, id) != UP_OK) abort(); /* we wrote it ourselves */
    cJSON_free(text);
    cJSON_Delete(object);
}
