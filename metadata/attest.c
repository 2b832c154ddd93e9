/* The signature envelope of reports and manifests. */
#include "metadata/encode.h"
#include "metadata/report.h"

#define ENTRIES_MAX 8

static bool is_deployed(const struct up_profile *p)
{
    return up_is_deployed(p->dialect);
}

/* ---- the id of our own key ---- */

/* DER as PEM, each line ended by the escape of a newline. */
static void write_pem(struct up_writer *w, struct up_span der)
{
    up_write(w, "-----BEGIN PUBLIC KEY-----\\n");
    for (size_t at = 0; at < der.n; at += 48) {
        char line[64];
        size_t n = der.n - at < 48 ? der.n - at : 48;
        up_write_span(w, (struct up_span){(const uint8_t *)line, up_base64_encode(der.p + at, n, line)});
        up_write(w, "\\n");
    }
    up_write(w, "-----END PUBLIC KEY-----");
}

/* The key object of dialect A, as backends register it; they know no ECDSA. */
static bool deployed_object(const struct up_key *key, struct up_writer *w)
{
    static const char hex[] = "0123456789ABCDEF";
    const bool rsa = key->scheme == UP_RSA_PSS_SHA256;
    if (!rsa && key->scheme != UP_ED25519) return false;
    up_write(w, rsa ? "{\"keytype\":\"RSA\"" : "{\"keytype\":\"ED25519\"");
    up_write(w, ",\"keyval\":{\"public\":\"");
    for (size_t i = 0; i < key->n && !rsa; i++) {
        const char digits[] = {hex[key->bytes[i] >> 4], hex[key->bytes[i] & 15], 0};
        up_write(w, digits);
    }
    if (rsa) write_pem(w, (struct up_span){key->bytes, key->n});
    up_write(w, "\"}}");
    return !w->full;
}

static bool write_keyid(struct up_writer *w, const struct up_profile *p, const struct up_signer *signer)
{
    char id[UP_KEYID_TEXT];
    uint8_t object[UP_PEM_BYTES + 128];
    struct up_writer text = {.p = object, .cap = sizeof object};
    if (!up_relaxes(p, UP_RELAX_KEYID_OVER_VALUE)) {
        up_write_string(w, up_span_of(signer->keyid));
        return true;
    }
    if (!deployed_object(&signer->key, &text) || up_key_id(up_written(&text), p, id) != UP_OK) return false;
    up_write_string(w, (struct up_span){(const uint8_t *)id, sizeof id});
    return true;
}

/* ---- writing ---- */

static bool write_entry(struct up_writer *w, struct up_span body, const uint8_t digest[UP_SHA256_BYTES],
                        const struct up_profile *p, const struct up_signer *signer)
{
    uint8_t sig[UP_SIGNATURE_BYTES];
    char base64[4 * ((UP_SIGNATURE_BYTES + 2) / 3)];
    size_t n = is_deployed(p) ? up_sign(signer, body, sig) : up_sign_digest(signer, digest, sig);
    if (n == 0) return false;
    up_write(w, "{");
    if (!is_deployed(p)) {
        up_write(w, "\"hash\":{\"digest\":");
        up_write_hex(w, digest, UP_SHA256_BYTES);
        up_write(w, ",\"function\":\"sha256\"},");
    }
    up_write(w, "\"keyid\":");
    if (!write_keyid(w, p, signer)) return false;
    up_write(w, ",\"method\":");
    up_write_string(w, up_span_of(up_scheme_name(signer->key.scheme)));
    up_write(w, ",\"sig\":");
    if (is_deployed(p))
        up_write_string(w, (struct up_span){(const uint8_t *)base64, up_base64_encode(sig, n, base64)});
    else
        up_write_hex(w, sig, n);
    up_write(w, "}");
    return true;
}

size_t up_attest_write(struct up_span body, const struct up_profile *p, const struct up_signer *signer,
                       uint8_t *out, size_t cap)
{
    struct up_writer w = {.p = out, .cap = cap};
    uint8_t digest[UP_SHA256_BYTES];
    bool same = false;
    if (up_canon_digest(body, p->dialect, digest, &same) != UP_OK || !same) return 0;
    up_write(&w, "{\"signatures\":[");
    if (!write_entry(&w, body, digest, p, signer)) return 0;
    up_write(&w, "],\"signed\":");
    up_write_span(&w, body);
    up_write(&w, "}");
    return w.full ? 0 : w.n;
}

/* ---- verifying ---- */

struct entry {
    struct up_span keyid, method, sig, function, digest; /* raw strings */
};

/* The next complete entry; false: no more, or J has failed. */
static bool next_entry(struct up_json *j, const struct up_profile *p, struct entry *out)
{
    struct entry e = {0};
    struct up_span key;
    if (!up_json_item(j)) return false;
    for (up_json_object(j); up_json_member(j, &key);) {
        if (up_json_is(key, "keyid")) {
            e.keyid = up_json_string(j);
        } else if (up_json_is(key, "method")) {
            e.method = up_json_string(j);
        } else if (up_json_is(key, "sig")) {
            e.sig = up_json_string(j);
        } else if (up_json_is(key, "hash") && !is_deployed(p)) {
            for (up_json_object(j); up_json_member(j, &key);) {
                if (up_json_is(key, "function"))
                    e.function = up_json_string(j);
                else if (up_json_is(key, "digest"))
                    e.digest = up_json_string(j);
                else
                    (void)up_json_value(j);
            }
        } else {
            (void)up_json_value(j);
        }
    }
    bool hashed = is_deployed(p) || (e.function.p != NULL && e.digest.p != NULL);
    if (e.keyid.p == NULL || e.method.p == NULL || e.sig.p == NULL || !hashed) up_json_fail(j, UP_SCHEMA);
    *out = e;
    return j->err == UP_OK;
}

/* The digest that counts is the one that we made of `signed`; the one in the entry may only agree with it. */
static bool entry_holds(const struct entry *e, const struct up_profile *p, const struct up_key *key,
                        const struct up_signed *s)
{
    uint8_t bytes[UP_SIGNATURE_BYTES], digest[UP_SHA256_BYTES];
    long n = is_deployed(p) ? up_base64_decode(e->sig, bytes, sizeof bytes)
                            : up_hex_decode(e->sig, bytes, sizeof bytes);
    if (n < 0) return false;
    struct up_span sig = {bytes, (size_t)n};
    if (is_deployed(p)) return up_verify(key, s->message, sig);
    return up_span_is(e->function, "sha256") &&
           up_hex_decode(e->digest, digest, sizeof digest) == UP_SHA256_BYTES &&
           memcmp(digest, s->digest, sizeof digest) == 0 && up_verify_digest(key, s->digest, sig);
}

enum up_err up_attest_verify(struct up_span file, const struct up_profile *p, const struct up_key *key,
                             struct up_buf *room, struct up_span *body)
{
    struct up_signed s;
    struct entry e;
    struct up_json j;
    unsigned n = 0;
    bool holds = false;
    enum up_err err = up_signed_open(file, p, room, &s);
    if (err != UP_OK) return err == UP_NOT_CANONICAL ? err : UP_MAN_SCHEMA;
    up_json_open(&j, s.signatures);
    for (up_json_array(&j); n < ENTRIES_MAX && next_entry(&j, p, &e); n++)
        if (!holds) holds = entry_holds(&e, p, key, &s);
    if (j.err != UP_OK || n == 0) return UP_MAN_SCHEMA;
    if (!holds) return UP_MAN_SIG;
    *body = s.body;
    return UP_OK;
}
