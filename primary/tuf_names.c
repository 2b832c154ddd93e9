#include "primary/tuf_names.h"

#include <stdio.h>

#include "metadata/encode.h"

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._-~", c) != NULL);
}

/* What a path of a URL may hold as it is (RFC 3986, 3.3): some servers compare without decoding. */
static bool is_path(uint8_t c)
{
    return is_unreserved(c) || (c != '\0' && strchr("!$&'()*+,;=:@/", c) != NULL);
}

static void add_encoded(struct up_writer *w, struct up_span plain, bool (*keeps)(uint8_t c))
{
    char code[4];
    for (size_t i = 0; i < plain.n; i++) {
        uint8_t c = plain.p[i];
        (void)snprintf(code, sizeof code, keeps(c) ? "%c" : "%%%02X", c);
        up_write(w, code);
    }
}

bool tuf_json_name(const char *text, char out[TUF_JSON_MAX])
{
    struct up_span plain = up_span_of(text);
    uint8_t quoted[TUF_JSON_MAX + 2];
    struct up_writer w = {.p = quoted, .cap = sizeof quoted};
    if (plain.n == 0 || plain.n > UP_NAME_MAX) return false;
    up_write_string(&w, plain);
    struct up_json j;
    up_json_open(&j, up_written(&w));
    struct up_span name = up_json_string(&j); /* refuses what is no UTF-8 */
    up_json_close(&j);
    if (w.full || j.err != UP_OK) return false;
    memcpy(out, name.p, name.n);
    out[name.n] = '\0';
    return true;
}

void tuf_file_name(struct up_span name, const char *suffix, char out[NAME_MAX + 1])
{
    uint8_t plain[UP_NAME_MAX], digest[UP_SHA256_BYTES];
    long n = up_json_unescape(name, plain, sizeof plain);
    struct up_span bytes = {plain, n < 0 ? 0 : (size_t)n};
    struct up_writer w = {.p = (uint8_t *)out, .cap = NAME_MAX};
    bool hidden = bytes.n > 0 && bytes.p[0] == '.';
    if (hidden) up_write(&w, "%2E");
    add_encoded(&w, hidden ? (struct up_span){bytes.p + 1, bytes.n - 1} : bytes, is_unreserved);
    up_write(&w, suffix);
    if (w.full) {
        char hex[2 * UP_SHA256_BYTES + 1] = {0};
        up_sha256(bytes, digest);
        up_hex_encode(digest, sizeof digest, hex);
        w = (struct up_writer){.p = (uint8_t *)out, .cap = NAME_MAX};
        up_write(&w, "=");
        up_write(&w, hex);
        up_write(&w, suffix);
    }
    out[w.n] = '\0';
}

void tuf_target_url(const struct up_target *t, bool with_digest, char out[TUF_URL_MAX])
{
    uint8_t plain[UP_NAME_MAX];
    char hex[2 * UP_SHA512_BYTES + 1] = {0};
    long n = up_json_unescape(t->name, plain, sizeof plain);
    struct up_span path = {plain, n < 0 ? 0 : (size_t)n};
    struct up_writer w = {.p = (uint8_t *)out, .cap = TUF_URL_MAX - 1};
    size_t slash = 0; /* behind the last one */
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '/') slash = i + 1;
    add_encoded(&w, (struct up_span){path.p, slash}, is_path);
    if (with_digest) {
        const struct up_hashes *h = &t->hashes;
        up_hex_encode(h->has_sha256 ? h->sha256 : h->sha512,
                      h->has_sha256 ? UP_SHA256_BYTES : UP_SHA512_BYTES, hex);
        up_write(&w, hex);
        up_write(&w, ".");
    }
    add_encoded(&w, (struct up_span){path.p + slash, path.n - slash}, is_path);
    out[w.n] = '\0';
}
