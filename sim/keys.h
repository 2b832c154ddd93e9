/* Private keys of roles, as PEM files: KEYS/director/timestamp.pem, further keys of the role -2.pem,
 * -3.pem...
 *
 * A key file is never overwritten or removed: rotated keys stay, and metadata says which ones count. */
#ifndef SIM_KEYS_H
#define SIM_KEYS_H

#include "metadata/crypto_openssl.h"
#include "metadata/sign.h"
#include "sim/file.h"

#include <cjson/cJSON.h>

#define SIM_KEYS_MAX (2 * UP_KEYS_MAX) /* the old and the new ones of a Root */
struct sim_keys {                      /* zero is empty; release with sim_keys_close() */
    struct up_signer signer[SIM_KEYS_MAX];
    size_t n;
};

/* The id that metadata of this profile gives a key, terminated. */
void sim_key_id(const struct up_key *key, const struct up_profile *p, char id[UP_KEYID_TEXT + 1]);
/* The key object of a profile's dialect. The caller owns it. Dialect A has no name for ECDSA keys: ours there
 * is one that clients do not know. */
cJSON *sim_key_object(const struct up_key *key, const struct up_profile *p);

void sim_keys_close(struct sim_keys *k);

/* How new keys are made. SEED NULL: at random; else the same seed and file name give the same key. */
struct sim_key_maker {
    enum up_scheme scheme;
    unsigned rsa_bits;
    const uint8_t *seed; /* 32 bytes; not for RSA */
};
/* Adds COUNT new keys for role BASE ("director/timestamp") under FOLDER. */
bool sim_keys_create(const char *folder, const char *base, const struct sim_key_maker *maker, unsigned count,
                     struct sim_keys *out, char why[SIM_WHY_MAX]);
/* Adds those keys of role BASE whose ids in profile P are in the JSON array KEYIDS. None at all is no
 * failure: some lie elsewhere. */
bool sim_keys_load(const char *folder, const char *base, const struct up_profile *p, const cJSON *keyids,
                   struct sim_keys *out, char why[SIM_WHY_MAX]);
/* Adds the one key in FILE (relative, without .pem). */
bool sim_keys_add(const char *folder, const char *file, struct sim_keys *out, char why[SIM_WHY_MAX]);

#endif
