#include "tests/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "metadata/crypto_openssl.h"
#include "metadata/encode.h"

/* sign.c itself is compiled in here, so that its public-key operations can be counted. */
static unsigned operations;
static bool counted_verify(const struct up_key *key, struct up_span message, struct up_span signature)
{
    operations++;
    return up_verify(key, message, signature);
}
static bool counted_verify_digest(const struct up_key *key, const uint8_t digest[UP_SHA256_BYTES],
                                  struct up_span signature)
{
    operations++;
    return up_verify_digest(key, digest, signature);
}
#define up_verify        counted_verify
#define up_verify_digest counted_verify_digest
#include "metadata/sign.c"
#undef up_verify
#undef up_verify_digest

static const struct up_profile *const strict = &up_profile_strict, *const tuf = &up_profile_tuf,
                                      *const deployed = &up_profile_deployed;

/* ---- text in the making ---- */

struct text {
    char p[1 << 19];
    size_t n;
};

static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    t->n += (size_t)vsnprintf(t->p + t->n, sizeof t->p - t->n, format, args);
    va_end(args);
    ck_assert_uint_lt(t->n, sizeof t->p);
}

static struct up_span span(const struct text *t)
{
    return (struct up_span){(const uint8_t *)t->p, t->n};
}

/* ---- keys ---- */

static struct up_signer signer_of(enum up_scheme scheme, uint8_t number)
{
    struct up_signer s;
    uint8_t seed[32] = {number, 0x5A};
    ck_assert(up_signer_from_seed(scheme, seed, &s));
    return s;
}

static struct up_signer new_rsa(void)
{
    struct up_signer s;
    char path[] = "/tmp/isoctane-test-XXXXXX", why[256] = "";
    ck_assert_ptr_nonnull(mkdtemp(path));
    char file[64];
    snprintf(file, sizeof file, "%s/key", path);
    ck_assert_msg(up_signer_create(file, UP_RSA_PSS_SHA256, 2048, &s, why, sizeof why), "%s", why);
    unlink(file);
    rmdir(path);
    return s;
}

/* The key object of S in the dialect of P; its id under P. */
static const char *object_of(const struct up_signer *s, const struct up_profile *p,
                             char id[UP_KEYID_TEXT + 1])
{
    static char object[2048], upper[65];
    size_t n = up_key_to_json(&s->key, object, sizeof object - 1);
    ck_assert_uint_gt(n, 0);
    object[n] = 0;
    if (p->dialect == UP_DIALECT_DEPLOYED) {
        struct up_span keyval = {0}, public = {0};
        ck_assert(up_json_find(up_span_of(object), "keyval", &keyval) &&
                  up_json_find(keyval, "public", &public));
        char value[1024];
        snprintf(value, sizeof value, "%.*s", (int)public.n, (const char *)public.p);
        if (s->key.scheme == UP_ED25519) {
            for (int i = 0; i < 64; i++)
                upper[i] = (char)(value[i + 1] >= 'a' ? value[i + 1] - 32 : value[i + 1]);
            snprintf(value, sizeof value, "\"%s\"", upper);
        }
        snprintf(object, sizeof object, "{\"keytype\":\"%s\",\"keyval\":{\"public\":%s}}",
                 s->key.scheme == UP_ED25519 ? "ED25519" : "RSA", value);
    }
    ck_assert_int_eq(up_key_id(up_span_of(object), p, id), UP_OK);
    id[UP_KEYID_TEXT] = 0;
    return object;
}

/* A ring in the making. */
struct ring {
    struct text keys, ids;
    struct up_keyring ring;
};

static struct ring *new_ring(void)
{
    struct ring *r = calloc(1, sizeof *r);
    add(&r->keys, "{}");
    add(&r->ids, "[]");
    return r;
}

static void put_key(struct ring *r, const char *id, const char *object)
{
    r->keys.n--;
    add(&r->keys, "%s\"%s\":%s}", r->keys.n > 1 ? "," : "", id, object);
}

static void put_id(struct ring *r, const char *id)
{
    r->ids.n--;
    add(&r->ids, "%s\"%s\"]", r->ids.n > 1 ? "," : "", id);
}

static void put(struct ring *r, const struct up_signer *s, const struct up_profile *p)
{
    char id[UP_KEYID_TEXT + 1];
    const char *object = object_of(s, p, id);
    put_key(r, id, object);
    put_id(r, id);
}

static const struct up_keyring *ring(struct ring *r, uint32_t threshold)
{
    r->ring = (struct up_keyring){.keys = span(&r->keys), .keyids = span(&r->ids), .threshold = threshold};
    return &r->ring;
}

/* ---- files ---- */

#define BODY "{\"_type\":\"root\",\"note\":\"line\\nline\",\"version\":1}"

static void entry(struct text *list, const char *id, const uint8_t *signature, size_t n,
                  const struct up_profile *p)
{
    char text[2 * UP_SIGNATURE_BYTES + 1] = "";
    if (p->dialect == UP_DIALECT_DEPLOYED)
        up_base64_encode(signature, n, text);
    else
        up_hex_encode(signature, n, text);
    add(list, "%s{\"keyid\":\"%s\",\"sig\":\"%s\"}", list->n == 0 ? "" : ",", id, text);
}

/* S signs BODY and says that it is ID; NULL: its own. */
static void sign_as(struct text *list, const struct up_signer *s, const char *id, const char *body,
                    const struct up_profile *p)
{
    static uint8_t space[1 << 16];
    struct up_buf room = {.p = space, .cap = sizeof space};
    struct up_span sorted, message;
    char own[UP_KEYID_TEXT + 1];
    uint8_t signature[UP_SIGNATURE_BYTES];
    ck_assert_int_eq(up_canon_sort(up_span_of(body), p->dialect, &room, &sorted), UP_OK);
    ck_assert_int_eq(up_canon_write(sorted, p->dialect, &room, &message), UP_OK);
    size_t n = up_sign(s, message, signature);
    ck_assert_uint_gt(n, 0);
    (void)object_of(s, p, own);
    entry(list, id == NULL ? own : id, signature, n, p);
}

static uint8_t space[1 << 20];

static enum up_err open_file(const char *text, const struct up_profile *p, struct up_signed *out)
{
    static struct up_buf room;
    room = (struct up_buf){.p = space, .cap = sizeof space};
    return up_signed_open(up_span_of(text), p, &room, out);
}

/* The verdict about BODY with these signatures. */
static enum up_err verdict(const struct text *list, const char *body, const struct up_keyring *r,
                           const struct up_profile *p)
{
    static struct text file;
    struct up_signed s;
    file.n = 0;
    add(&file, "{\"signatures\":[%.*s],\"signed\":%s}", (int)list->n, list->p, body);
    enum up_err e = open_file(file.p, p, &s);
    operations = 0;
    return e != UP_OK ? e : up_signed_verify(&s, r, p, 64);
}

static struct text *list(void)
{
    static struct text t;
    t.n = 0;
    t.p[0] = 0;
    return &t;
}

static const enum up_scheme both[] = {UP_ED25519, UP_ECDSA_P256_SHA256};

/* ---- the envelope ---- */

START_TEST(an_envelope_has_its_two_parts_in_any_order)
{
    struct up_signed s;
    ck_assert_int_eq(open_file("{\"signatures\":[],\"signed\":{\"a\":1}}", strict, &s), UP_OK);
    ck_assert(up_span_is(s.body, "{\"a\":1}") && up_span_is(s.message, "{\"a\":1}") &&
              up_span_is(s.signatures, "[]"));
    ck_assert_int_eq(open_file(" {\"x\":[{}],\"signed\" : {\"a\":1},\"signatures\":[ ]}\n", strict, &s),
                     UP_OK);
    ck_assert(up_span_is(s.body, "{\"a\":1}"));

    ck_assert_int_eq(open_file("{\"signatures\":[],\"signed\":{\"a\":1},\"x\":{\"b\":2}}", strict, &s),
                     UP_OK);
    ck_assert(up_span_is(s.body, "{\"a\":1}"));
    static const char fraction[] = "{\"signatures\":[],\"signed\":{\"a\":1.5}}";
    ck_assert_int_eq(open_file(fraction, strict, &s), UP_SCHEMA); /* OLPC canonical JSON has none */
    ck_assert_int_eq(open_file(fraction, deployed, &s), UP_OK);

    static const char *const bad[] = {"{}",
                                      "[]",
                                      "1",
                                      "{\"signatures\":[]}",
                                      "{\"signed\":{}}",
                                      "{\"signatures\":{},\"signed\":{}}",
                                      "{\"signatures\":[],\"signed\":[]}",
                                      "{\"signatures\":null,\"signed\":{}}",
                                      "{\"signatures\":[],\"signed\":\"{}\"}",
                                      "{\"Signatures\":[],\"signed\":{}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(open_file(bad[i], strict, &s) == UP_SCHEMA, "accepted: %s", bad[i]);
    static const char *const worse[] = {"", "{\"signatures\":[],\"signed\":{}} x",
                                        "{\"signatures\":[],\"signed\":{},\"signed\":{}}",
                                        "{\"signatures\":[],\"signed\":{\"version\":5,\"version\":4}}",
                                        "{\"signed\":{},\"signatures\":[],\"sign\\u0065d\":{}}"};
    for (size_t i = 0; i < sizeof worse / sizeof *worse; i++)
        ck_assert_msg(open_file(worse[i], strict, &s) == UP_PARSE, "accepted: %s", worse[i]);
}
END_TEST

START_TEST(another_spelling_is_the_same_file)
{
    static const char canonical[] = "{\"a\":\"\xC3\xA9\",\"b\":{\"c\":[1,2]},\"version\":7}";
    static const char other[] = "{\n \"v\\u0065rsion\" : 7, \"b\":{\"c\":[ 1,2]},\"a\":\"\\u00e9\"}";
    struct up_signer k = signer_of(UP_ED25519, 1);
    struct ring *r = new_ring();
    struct text *l = list();
    put(r, &k, strict);
    sign_as(l, &k, NULL, canonical, strict);
    ck_assert_int_eq(verdict(l, canonical, ring(r, 1), strict), UP_OK);
    ck_assert_int_eq(verdict(l, other, ring(r, 1), strict), UP_OK);

    struct up_signed s;
    static struct text file;
    file.n = 0;
    add(&file, "{\"signatures\":[],\"signed\":%s}", other);
    ck_assert_int_eq(open_file(file.p, strict, &s), UP_OK);
    ck_assert(up_span_is(s.body, canonical)); /* what is read is what was verified */
    ck_assert(up_span_eq(s.file, span(&file)));
    ck_assert_int_eq(up_signed_open(span(&file), strict, NULL, &s), UP_NOT_CANONICAL);
    up_signer_close(&k);
    free(r);
}
END_TEST

START_TEST(a_room_that_is_too_small_is_not_overrun)
{
    static const char loose[] =
        "{\"signatures\":[],\"signed\":{\"b\":\"x\\ny\",\"a\":1}}"; /* sorted: 18 bytes, canonical: 17 */
    const size_t enough = 17 + 2 * sizeof(uint32_t); /* but for the bracket, and the places of two members */
    for (size_t cap = 0; cap < 45; cap++) {
        struct up_buf room = {.p = space, .cap = cap};
        struct up_signed s;
        memset(space, 0x55, 64);
        enum up_err e = up_signed_open(UP_SPAN(loose), strict, &room, &s);
        ck_assert_int_eq(space[cap], 0x55);
        ck_assert_int_eq(e, cap < enough ? UP_LIMIT : UP_OK);
        if (e == UP_OK) ck_assert_int_eq(s.message.p != NULL, cap >= 35);
    }
}
END_TEST

/* V-KEY-12 */
START_TEST(a_key_has_the_type_and_the_scheme_that_belong_together)
{
    static struct text object;
    struct up_key out;
    static const char *const head[] = {"{\"keytype\":\"rsa\",\"scheme\":\"ed25519\",",
                                       "{\"keytype\":\"ed25519\",\"scheme\":\"rsassa-pss-sha256\",",
                                       "{\"keytype\":\"\",\"scheme\":\"ed25519\","};
    struct up_signer k = signer_of(UP_ED25519, 1);
    char hex[2 * 32];
    up_hex_encode(k.key.bytes, 32, hex);
    for (size_t i = 0; i <= sizeof head / sizeof *head; i++) {
        const bool good = i == sizeof head / sizeof *head;
        object.n = 0;
        add(&object, "%s\"keyval\":{\"public\":\"%.64s\"}}",
            good ? "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\"," : head[i], hex);
        ck_assert_int_eq(up_key_read(span(&object), strict, &out), good ? UP_OK : UP_UNSUPPORTED);
    }
    up_signer_close(&k);
}
END_TEST

/* E-FMT-07, E-FMT-02 */
START_TEST(what_is_around_the_body_is_not_sorted_and_hides_no_second_one)
{
    static struct text file;
    struct up_signed s;
    for (int wide = 0; wide <= 1; wide++) {
        file.n = 0;
        add(&file, "{\"x\":0");
        for (int i = 0; i < (wide ? 63 : 3); i++) add(&file, ",\"m%02d\":0", 99 - i);
        add(&file, ",\"signed\":{\"a\":1,\"b\":2},\"signatures\":[]");
        const size_t n = file.n;
        add(&file, "}");
        ck_assert_int_eq(open_file(file.p, strict, &s), wide ? UP_LIMIT : UP_OK);
        file.n = n;
        add(&file, ",\"signed\":{\"a\":1}}");
        ck_assert_int_eq(open_file(file.p, strict, &s), wide ? UP_LIMIT : UP_PARSE);
    }
    /* a wide one that ascends up to its body */
    file.n = 0;
    add(&file, "{\"a\":0");
    for (int i = 0; i < 70; i++) add(&file, ",\"m%02d\":0", i);
    add(&file, ",\"signed\":{},\"signatures\":[]}");
    ck_assert_int_eq(open_file(file.p, strict, &s), UP_LIMIT);
    /* a wide body in disorder, and then what its envelope may not hold */
    file.n = 0;
    add(&file, "{\"signatures\":[],\"signed\":{");
    for (int i = 0; i < 99; i++) add(&file, "\"m%02d\":0,", 99 - i);
    add(&file, "\"a\":0}");
    const size_t n = file.n;
    add(&file, "}");
    ck_assert_int_eq(open_file(file.p, strict, &s), UP_OK);
    ck_assert_int_eq(up_signed_open(span(&file), strict, NULL, &s), UP_NOT_CANONICAL);
    file.n = n;
    add(&file, ",\"t\":{");
    for (int i = 0; i < 99; i++) add(&file, "\"m%02d\":0,", 99 - i);
    add(&file, "\"a\":0}}");
    ck_assert_int_eq(open_file(file.p, strict, &s), UP_LIMIT);
}
END_TEST

START_TEST(without_a_message_a_digest_does_for_ecdsa_and_not_for_ed25519)
{
    for (size_t i = 0; i < 2; i++) {
        struct up_signer k = signer_of(both[i], 1);
        struct ring *r = new_ring();
        struct text *l = list();
        static struct text file;
        struct up_signed s;
        put(r, &k, strict);
        sign_as(l, &k, NULL, BODY, strict);
        file.n = 0;
        add(&file, "{\"signatures\":[%.*s],\"signed\":%s}", (int)l->n, l->p, BODY);
        ck_assert_int_eq(up_signed_open(span(&file), strict, NULL, &s), UP_OK);
        ck_assert_ptr_null(s.message.p);
        ck_assert_int_eq(up_signed_verify(&s, ring(r, 1), strict, 8), i == 0 ? UP_NOT_CANONICAL : UP_OK);
        up_signer_close(&k);
        free(r);
    }
}
END_TEST

START_TEST(every_signed_byte_counts_unknown_ones_too)
{
    struct up_signer k = signer_of(UP_ECDSA_P256_SHA256, 1);
    struct ring *r = new_ring();
    struct text *l = list();
    put(r, &k, strict);
    sign_as(l, &k, NULL, "{\"unheard-of\":{\"x\":1},\"version\":1}", strict);
    ck_assert_int_eq(verdict(l, "{\"unheard-of\":{\"x\":1},\"version\":1}", ring(r, 1), strict), UP_OK);
    ck_assert_int_eq(verdict(l, "{\"unheard-of\":{\"x\":2},\"version\":1}", ring(r, 1), strict),
                     UP_SIG_THRESHOLD);
    ck_assert_int_eq(verdict(l, "{\"version\":1}", ring(r, 1), strict), UP_SIG_THRESHOLD);
    up_signer_close(&k);
    free(r);
}
END_TEST

/* ---- signatures ---- */

START_TEST(entries_must_be_complete)
{
    static const char *const bad[] = {"{}",
                                      "1",
                                      "\"x\"",
                                      "[]",
                                      "{\"keyid\":\"a\"}",
                                      "{\"sig\":\"00\"}",
                                      "{\"keyid\":1,\"sig\":\"00\"}",
                                      "{\"keyid\":\"a\",\"sig\":null}"};
    struct up_signer k = signer_of(UP_ED25519, 1);
    struct ring *r = new_ring();
    put(r, &k, strict);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct text *l = list();
        sign_as(l, &k, NULL, BODY, strict);
        add(l, ",%s", bad[i]);
        ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_SCHEMA);
        ck_assert_uint_eq(operations, 0);
    }
    ck_assert_int_eq(verdict(list(), BODY, ring(r, 1), strict), UP_SIG_THRESHOLD);
    up_signer_close(&k);
    free(r);
}
END_TEST

START_TEST(a_threshold_takes_that_many_keys)
{
    struct up_signer k[4];
    struct ring *r = new_ring();
    for (uint8_t i = 0; i < 4; i++) {
        k[i] = signer_of(both[i % 2], i);
        put(r, &k[i], strict);
    }
    for (uint32_t threshold = 1; threshold <= 4; threshold++) {
        for (uint32_t have = 0; have <= 4; have++) {
            struct text *l = list();
            for (uint32_t i = 0; i < have; i++) sign_as(l, &k[3 - i], NULL, BODY, strict);
            ck_assert_int_eq(verdict(l, BODY, ring(r, threshold), strict),
                             have >= threshold ? UP_OK : UP_SIG_THRESHOLD);
        }
    }
    for (int i = 0; i < 4; i++) up_signer_close(&k[i]);
    free(r);
}
END_TEST

START_TEST(broken_and_unknown_signatures_do_not_spoil_good_ones)
{
    struct up_signer a = signer_of(UP_ED25519, 1), b = signer_of(UP_ED25519, 2),
                     c = signer_of(UP_ECDSA_P256_SHA256, 3), x = signer_of(UP_ED25519, 4);
    struct ring *r = new_ring();
    put(r, &a, strict);
    put(r, &b, strict);
    put(r, &c, strict);
    for (int with_c = 0; with_c <= 1; with_c++) {
        struct text *l = list();
        sign_as(l, &x, NULL, BODY, strict);
        sign_as(l, &b, NULL, "{\"something\":\"else\"}", strict);
        add(l, ",{\"keyid\":\"%064d\",\"sig\":\"no hex\"}", 7);
        sign_as(l, &a, NULL, BODY, strict);
        if (with_c) sign_as(l, &c, NULL, BODY, strict);
        ck_assert_int_eq(verdict(l, BODY, ring(r, 2), strict), with_c ? UP_OK : UP_SIG_THRESHOLD);
        ck_assert_uint_eq(operations, with_c ? 3 : 2); /* none for X */
    }
    up_signer_close(&a);
    up_signer_close(&b);
    up_signer_close(&c);
    up_signer_close(&x);
    free(r);
}
END_TEST

START_TEST(signatures_in_odd_clothes_do_not_count)
{
    struct up_signer k = signer_of(UP_ED25519, 1);
    struct ring *r = new_ring();
    char id[UP_KEYID_TEXT + 1];
    put(r, &k, strict);
    (void)object_of(&k, strict, id);
    struct text *l = list();
    sign_as(l, &k, NULL, BODY, strict);
    char *sig = strstr(l->p, "\"sig\":\"") + 7;
    static const char *const shapes[] = {"", "00", "zz", "%0"};
    for (size_t i = 0; i < 4; i++) {
        struct text *other = list();
        add(other, "{\"keyid\":\"%s\",\"sig\":\"%s\"}", id, shapes[i]);
        ck_assert_int_eq(verdict(other, BODY, ring(r, 1), strict), UP_SIG_THRESHOLD);
    }
    l = list();
    sign_as(l, &k, NULL, BODY, strict);
    for (char *c = sig; *c != '"'; c++)
        if (*c >= 'a' && *c <= 'f') *c = (char)(*c - 32);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_SIG_THRESHOLD); /* upper case */
    l = list();
    add(l, "{\"keyid\":\"%s\",\"sig\":\"%0*d\"}", id, 2 * UP_SIGNATURE_BYTES + 2, 0);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_SIG_THRESHOLD); /* too long */
    ck_assert_uint_eq(operations, 0);
    up_signer_close(&k);
    free(r);
}
END_TEST

START_TEST(a_repeated_key_id_is_refused)
{
    struct up_signer a = signer_of(UP_ED25519, 1), b = signer_of(UP_ED25519, 2);
    struct ring *r = new_ring();
    put(r, &a, strict);
    put(r, &b, strict);
    struct text *l = list();
    for (int i = 0; i < 9; i++) sign_as(l, &a, NULL, BODY, strict);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 2), strict), UP_SIG_DUPLICATE);
    l = list();
    sign_as(l, &a, NULL, BODY, strict);
    sign_as(l, &b, NULL, BODY, strict);
    sign_as(l, &a, NULL, BODY, strict);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_SIG_DUPLICATE);
    l = list(); /* even of nobody that we know */
    add(l, "{\"keyid\":\"x\",\"sig\":\"\"},{\"keyid\":\"\\u0078\",\"sig\":\"\"}");
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_SIG_DUPLICATE);
    ck_assert_uint_eq(operations, 0);
    up_signer_close(&a);
    up_signer_close(&b);
    free(r);
}
END_TEST

START_TEST(a_flood_of_signatures_costs_no_public_key_work)
{
    struct up_signer k = signer_of(UP_ED25519, 1);
    struct ring *r = new_ring();
    put(r, &k, strict);
    for (int n = 64; n <= 5000; n += 5000 - 64) {
        struct text *l = list();
        sign_as(l, &k, NULL, BODY, strict);
        for (int i = 1; i < n; i++) add(l, ",{\"keyid\":\"%064d\",\"sig\":\"00\"}", i);
        ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), n == 64 ? UP_OK : UP_LIMIT);
        ck_assert_uint_eq(operations, n == 64 ? 1 : 0);
    }
    up_signer_close(&k);
    free(r);
}
END_TEST

START_TEST(only_keys_of_the_role_count)
{
    struct up_signer a = signer_of(UP_ED25519, 1), b = signer_of(UP_ED25519, 2);
    struct ring *r = new_ring();
    char id[UP_KEYID_TEXT + 1];
    put(r, &a, strict);
    const char *object = object_of(&b, strict, id); /* in the same Root, for another role */
    put_key(r, id, object);
    struct text *l = list();
    sign_as(l, &b, NULL, BODY, strict);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_SIG_THRESHOLD);
    ck_assert_uint_eq(operations, 0);
    l = list();
    (void)object_of(&a, strict, id);
    sign_as(l, &b, id, BODY, strict); /* B poses as A */
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_SIG_THRESHOLD);
    up_signer_close(&a);
    up_signer_close(&b);
    free(r);
}
END_TEST

START_TEST(the_scheme_comes_from_the_key)
{
    static const char *const methods[] = {"none", "rsassa-pss-sha256", "ed25519"};
    struct up_signer ed = signer_of(UP_ED25519, 1), ec = signer_of(UP_ECDSA_P256_SHA256, 2);
    for (size_t i = 0; i < 3; i++) {
        struct ring *r = new_ring();
        struct text *l = list();
        put(r, &ed, deployed);
        sign_as(l, &ed, NULL, BODY, deployed);
        l->n--;
        add(l, ",\"method\":\"%s\"}", methods[i]);
        ck_assert_int_eq(verdict(l, BODY, ring(r, 1), deployed), UP_OK);
        free(r);
    }
    /* an Ed25519 signature under the id of an ECDSA key */
    struct ring *r = new_ring();
    struct text *l = list();
    char id[UP_KEYID_TEXT + 1];
    put(r, &ec, strict);
    (void)object_of(&ec, strict, id);
    sign_as(l, &ed, id, BODY, strict);
    l->n--;
    add(l, ",\"method\":\"ed25519\"}");
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_SIG_THRESHOLD);
    up_signer_close(&ed);
    up_signer_close(&ec);
    free(r);
}
END_TEST

START_TEST(one_key_under_two_ids_counts_once)
{
    struct up_signer k = signer_of(UP_ED25519, 1);
    struct ring *r = new_ring();
    struct text *l = list();
    char id[UP_KEYID_TEXT + 1];
    const char *object = object_of(&k, tuf, id);
    put_key(r, "first", object);
    put_key(r, "second", object);
    put_id(r, "first");
    put_id(r, "second");
    sign_as(l, &k, "first", BODY, tuf);
    sign_as(l, &k, "second", BODY, tuf);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), tuf), UP_OK);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 2), tuf), UP_SIG_THRESHOLD);
    ck_assert_uint_eq(operations, 1);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), tuf, 8), UP_OK);
    ck_assert_int_eq(up_keyring_check(ring(r, 2), tuf, 8), UP_OK); /* but nobody can meet it */
    up_signer_close(&k);
    free(r);
}
END_TEST

START_TEST(one_key_in_two_spellings_counts_once)
{
    struct up_signer k = signer_of(UP_ECDSA_P256_SHA256, 1);
    struct ring *r = new_ring();
    struct text *l = list();
    char id[UP_KEYID_TEXT + 1], other_id[UP_KEYID_TEXT + 1] = "", object[1024], *end;
    snprintf(object, sizeof object, "%s", object_of(&k, strict, id));
    put_key(r, id, object);
    put_id(r, id);
    end = strstr(object, "-----\\n\"},"); /* the same PEM without its last newline: another id, rightly */
    ck_assert_ptr_nonnull(end);
    memmove(end + 5, end + 7, strlen(end + 7) + 1);
    ck_assert_int_eq(up_key_id(up_span_of(object), strict, other_id), UP_OK);
    put_key(r, other_id, object);
    put_id(r, other_id);
    sign_as(l, &k, id, BODY, strict);
    sign_as(l, &k, other_id, BODY, strict);
    ck_assert_str_ne(id, other_id);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 8), UP_OK);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_OK);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 2), strict), UP_SIG_THRESHOLD);
    ck_assert_int_eq(up_keyring_check(ring(r, 2), strict, 8), UP_THRESHOLD_INVALID);
    up_signer_close(&k);
    free(r);
}
END_TEST

START_TEST(an_opaque_id_may_be_any_string)
{
    struct up_signer k = signer_of(UP_ED25519, 1);
    struct ring *r = new_ring();
    struct text *l = list();
    char id[UP_KEYID_TEXT + 1];
    const char *object = object_of(&k, tuf, id);
    put_key(r, "\xC3\xA9 /", object);
    put_id(r, "\xC3\xA9 /");
    sign_as(l, &k, "\\u00e9 \\/", BODY, tuf); /* the list of signatures is in no canonical form */
    ck_assert_int_eq(up_keyring_check(ring(r, 1), tuf, 8), UP_OK);
    ck_assert_int_eq(verdict(l, BODY, ring(r, 1), tuf), UP_OK);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 8), UP_KEYID);
    up_signer_close(&k);
    free(r);
}
END_TEST

/* ---- key rings ---- */

START_TEST(thresholds_lie_between_one_and_the_number_of_keys)
{
    struct up_signer k[4];
    struct ring *r = new_ring();
    for (uint8_t i = 0; i < 4; i++) {
        k[i] = signer_of(UP_ED25519, i);
        put(r, &k[i], strict);
    }
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 8), UP_OK);
    ck_assert_int_eq(up_keyring_check(ring(r, 4), strict, 8), UP_OK);
    ck_assert_int_eq(up_keyring_check(ring(r, 0), strict, 8), UP_THRESHOLD_INVALID);
    ck_assert_int_eq(up_keyring_check(ring(r, 5), strict, 8), UP_THRESHOLD_INVALID);
    ck_assert_int_eq(up_keyring_check(ring(r, UINT32_MAX), strict, 8), UP_THRESHOLD_INVALID);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 4), UP_OK);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 3), UP_LIMIT);
    struct text *l = list(); /* a ring that nobody has checked is of no use either */
    ck_assert_int_eq(verdict(l, BODY, ring(r, 0), strict), UP_THRESHOLD_INVALID);
    for (int i = 0; i < 4; i++) up_signer_close(&k[i]);
    free(r);
    r = new_ring();
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 8), UP_THRESHOLD_INVALID);
    free(r);
}
END_TEST

START_TEST(key_ids_are_recomputed)
{
    struct up_signer a = signer_of(UP_ED25519, 1), b = signer_of(UP_ED25519, 2);
    char id_a[UP_KEYID_TEXT + 1], id_b[UP_KEYID_TEXT + 1], object[1024];
    (void)object_of(&a, strict, id_a);
    snprintf(object, sizeof object, "%s", object_of(&b, strict, id_b));
    ck_assert_str_eq(id_b, b.keyid);

    struct ring *r = new_ring(); /* B under the id of A */
    put_key(r, id_a, object);
    put_id(r, id_a);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 8), UP_KEYID);
    free(r);

    r = new_ring(); /* upper case */
    char shout[UP_KEYID_TEXT + 1];
    for (int i = 0; i <= UP_KEYID_TEXT; i++) shout[i] = (char)(id_b[i] >= 'a' ? id_b[i] - 32 : id_b[i]);
    put_key(r, shout, object);
    put_id(r, shout);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 8), UP_KEYID);
    free(r);

    r = new_ring(); /* computed without the scheme */
    char id[UP_KEYID_TEXT + 1] = "", bare[1024];
    snprintf(bare, sizeof bare, "%.*s}", (int)(strstr(object, ",\"scheme\"") - object), object);
    ck_assert_int_eq(up_key_id(up_span_of(bare), strict, id), UP_OK);
    put_key(r, id, object);
    put_id(r, id);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 8), UP_KEYID);
    free(r);

    r = new_ring(); /* listed, and not there */
    put_key(r, id_b, object);
    put_id(r, id_b);
    put_id(r, id_a);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 8), UP_KEYID);
    free(r);

    r = new_ring(); /* listed twice */
    put_key(r, id_b, object);
    put_id(r, id_b);
    put_id(r, id_b);
    ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 8), UP_KEYID);
    free(r);
    up_signer_close(&a);
    up_signer_close(&b);
}
END_TEST

START_TEST(rings_must_be_arrays_of_strings_and_objects_of_keys)
{
    static const char *const ids[] = {"{}", "\"x\"", "[1]", "[\"x\",2]"};
    struct up_keyring r = {.keys = UP_SPAN("{\"x\":{}}"), .threshold = 1};
    for (size_t i = 0; i < 4; i++) {
        r.keyids = up_span_of(ids[i]);
        ck_assert_int_ne(up_keyring_check(&r, tuf, 8), UP_OK);
    }
    r.keyids = UP_SPAN("[\"x\"]");
    ck_assert_int_eq(up_keyring_check(&r, tuf, 8), UP_SCHEMA);
    r.keys = UP_SPAN("[]");
    ck_assert_int_eq(up_keyring_check(&r, strict, 8), UP_KEYID);
}
END_TEST

START_TEST(an_unsupported_key_is_tolerated_and_never_counts)
{
    static const char *const odd[] = {
        "{\"keytype\":\"sphincs\",\"keyval\":{\"public\":\"00\"},\"scheme\":\"sphincs-shake-128s\"}",
        "{\"keytype\":\"oidc\",\"keyval\":{\"identity\":\"me\",\"issuer\":\"you\"},\"scheme\":\"oidc\"}",
        "{\"keytype\":\"rsa\",\"keyval\":{\"public\":\"\"},\"scheme\":\"rsa-pkcs1v15-sha256\"}",
        "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"01\"},\"scheme\":\"ed25519\"}",
        "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"\"},\"scheme\":\"ecdsa-sha2-nistp256\"}",
        "{\"keytype\":\"ecdsa\",\"keyval\":{\"public\":\"no PEM\"},\"scheme\":\"ecdsa-sha2-nistp256\"}",
    };
    struct up_signer k = signer_of(UP_ED25519, 1);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct ring *r = new_ring();
        struct text *l = list();
        struct up_key key;
        char id[UP_KEYID_TEXT + 1] = "";
        ck_assert_int_eq(up_key_read(up_span_of(odd[i]), strict, &key), UP_UNSUPPORTED);
        ck_assert_int_eq(up_key_id(up_span_of(odd[i]), strict, id), UP_OK);
        put_key(r, id, odd[i]);
        put_id(r, id);
        put(r, &k, strict);
        sign_as(l, &k, id, BODY, strict);
        sign_as(l, &k, NULL, BODY, strict);
        ck_assert_int_eq(up_keyring_check(ring(r, 2), strict, 8), UP_OK);
        ck_assert_int_eq(verdict(l, BODY, ring(r, 1), strict), UP_OK);
        ck_assert_int_eq(verdict(l, BODY, ring(r, 2), strict), UP_SIG_THRESHOLD);
        ck_assert_uint_eq(operations, 1);
        free(r);
    }
    up_signer_close(&k);
}
END_TEST

START_TEST(malformed_keys_are_refused)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"keyval\":{\"public\":\"00\"},\"scheme\":\"ed25519\"}",
        "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"00\"}}",
        "{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\"}",
        "{\"keytype\":\"ed25519\",\"keyval\":{},\"scheme\":\"ed25519\"}",
        "{\"keytype\":\"ed25519\",\"keyval\":\"00\",\"scheme\":\"ed25519\"}",
        "{\"keytype\":\"ed25519\",\"keyval\":{\"public\":1},\"scheme\":\"ed25519\"}",
        "{\"keytype\":1,\"keyval\":{\"public\":\"00\"},\"scheme\":\"ed25519\"}",
    };
    struct up_key key;
    char id[UP_KEYID_TEXT];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(up_key_read(up_span_of(bad[i]), strict, &key), UP_SCHEMA);
    ck_assert_int_eq(up_key_read(UP_SPAN("{\"keytype\":\"a\",\"keytype\":\"b\"}"), strict, &key), UP_PARSE);
    ck_assert_int_eq(up_key_id(UP_SPAN("{\"keytype\":\"RSA\"}"), deployed, id), UP_SCHEMA);
    ck_assert_int_eq(up_key_id(UP_SPAN("[]"), deployed, id), UP_SCHEMA);
    ck_assert_int_eq(up_key_id(UP_SPAN("{ }"), strict, id), UP_NOT_CANONICAL);
}
END_TEST

START_TEST(public_keys_are_lower_case_hex_but_for_deployed_ones)
{
    struct up_signer k = signer_of(UP_ED25519, 1);
    char id[UP_KEYID_TEXT + 1], object[1024];
    struct up_key key;
    snprintf(object, sizeof object, "%s", object_of(&k, deployed, id));
    ck_assert_int_eq(up_key_read(up_span_of(object), deployed, &key), UP_OK);
    ck_assert_mem_eq(key.bytes, k.key.bytes, 32);
    ck_assert_int_eq(up_key_read(up_span_of(object), strict, &key), UP_SCHEMA); /* another dialect */
    snprintf(object, sizeof object, "%s", object_of(&k, strict, id));
    ck_assert_int_eq(up_key_read(up_span_of(object), strict, &key), UP_OK);
    ck_assert_int_eq(
        up_key_read(UP_SPAN("{\"keytype\":\"ed25519\",\"keyval\":{\"private\":\"\",\"public\":"
                            "\"0300000000000000000000000000000000000000000000000000000000000000\"},"
                            "\"scheme\":\"ed25519\",\"x\":[]}"),
                    strict, &key),
        UP_OK);                                                               /* members that nobody knows */
    ck_assert_int_eq(up_key_read(up_span_of(object), deployed, &key), UP_OK); /* key types in either case */
    ck_assert_mem_eq(key.bytes, k.key.bytes, 32);
    static const char *const others[] = {"ed2551", "ed255190", "e`25519", "EDDSA", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char other[1024];
        snprintf(other, sizeof other, "{\"keytype\":\"%s\",\"keyval\":{\"public\":\"%064d\"}}", others[i], 3);
        ck_assert_int_eq(up_key_read(up_span_of(other), deployed, &key), UP_UNSUPPORTED);
    }
    char *hex = strstr(object, "\"public\":\"") + 10;
    for (int i = 0; i < 64; i++)
        if (hex[i] >= 'a') hex[i] = (char)(hex[i] - 32);
    ck_assert_int_eq(up_key_read(up_span_of(object), strict, &key), UP_UNSUPPORTED);
    up_signer_close(&k);
}
END_TEST

START_TEST(rsa_keys_sign_in_both_dialects)
{
    const struct up_profile *const profiles[] = {strict, deployed};
    struct up_signer k = new_rsa();
    for (size_t i = 0; i < 2; i++) {
        struct ring *r = new_ring();
        struct text *l = list();
        put(r, &k, profiles[i]);
        sign_as(l, &k, NULL, BODY, profiles[i]);
        ck_assert_int_eq(up_keyring_check(ring(r, 1), profiles[i], 8), UP_OK);
        ck_assert_int_eq(verdict(l, BODY, ring(r, 1), profiles[i]), UP_OK);
        ck_assert_int_eq(verdict(l, "{\"x\":1}", ring(r, 1), profiles[i]), UP_SIG_THRESHOLD);
        free(r);
    }
    up_signer_close(&k);
}
END_TEST

START_TEST(a_deployed_id_covers_the_value_without_its_last_newlines)
{
    static const char *const objects[] = {
        "{\"keytype\":\"RSA\",\"keyval\":{\"public\":\"-----BEGIN\\nx\\n\"}}",
        "{\"keytype\":\"RSA\",\"keyval\":{\"public\":\"-----BEGIN\\nx\\n\\n\"}}",
        "{\"keytype\":\"RSA\",\"keyval\":{\"public\":\"-----BEGIN\\nx\"}}",
    };
    uint8_t digest[UP_SHA256_BYTES];
    char want[UP_KEYID_TEXT + 1] = "", id[UP_KEYID_TEXT + 1] = "";
    up_sha256(UP_SPAN("\"-----BEGIN\\nx\""), digest);
    up_hex_encode(digest, sizeof digest, want);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(up_key_id(up_span_of(objects[i]), deployed, id), UP_OK);
        ck_assert_str_eq(id, want);
    }
    /* a backslash and an n are not a newline */
    ck_assert_int_eq(
        up_key_id(UP_SPAN("{\"keytype\":\"RSA\",\"keyval\":{\"public\":\"x\\\\n\"}}"), deployed, id), UP_OK);
    up_sha256(UP_SPAN("\"x\\\\n\""), digest);
    up_hex_encode(digest, sizeof digest, want);
    ck_assert_str_eq(id, want);
}
END_TEST

START_TEST(rings_are_the_same_whatever_their_order)
{
    struct up_keyring a = {UP_SPAN("{\"k\":{\"x\":1},\"l\":{\"x\":2},\"m\":{}}"), UP_SPAN("[\"k\",\"l\"]"),
                           1};
    struct up_keyring b = a;
    uint8_t d1[UP_SHA256_BYTES], d2[UP_SHA256_BYTES];
    b.keyids = UP_SPAN("[\"l\",\"k\"]");
    ck_assert(up_keyring_same(&a, &b));
    up_keyring_digest(&a, d1);
    up_keyring_digest(&b, d2);
    ck_assert_mem_eq(d1, d2, sizeof d1);
    b.keys = UP_SPAN("{\"k\":{\"x\":1},\"l\":{\"x\":2}}"); /* keys of other roles do not matter */
    ck_assert(up_keyring_same(&a, &b));

    b = a, b.threshold = 2;
    ck_assert(!up_keyring_same(&a, &b));
    b = a, b.keyids = UP_SPAN("[\"k\"]");
    ck_assert(!up_keyring_same(&a, &b));
    b = a, b.keyids = UP_SPAN("[\"k\",\"l\",\"m\"]");
    ck_assert(!up_keyring_same(&a, &b));
    b = a, b.keyids = UP_SPAN("[\"k\",\"m\"]");
    ck_assert(!up_keyring_same(&a, &b));
    b = a, b.keys = UP_SPAN("{\"k\":{\"x\":1},\"l\":{\"x\":3}}"); /* another key under an opaque id */
    ck_assert(!up_keyring_same(&a, &b));
    up_keyring_digest(&b, d2);
    ck_assert_mem_ne(d1, d2, sizeof d1);
}
END_TEST

/* ---- files of others ---- */

static uint8_t *load(const char *folder, const char *name, struct up_span *text)
{
    char path[256];
    snprintf(path, sizeof path, "tests/interop/%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s (run from the top folder)", path);
    uint8_t *bytes = malloc(1 << 16);
    size_t n = fread(bytes, 1, 1 << 16, f);
    fclose(f);
    *text = (struct up_span){bytes, n};
    return bytes;
}

/* The ring that ENTRY ({"keyids":...,"threshold":one digit}) describes. */
static struct up_keyring ring_in(struct up_span keys, struct up_span described)
{
    struct up_keyring r = {.keys = keys};
    struct up_span threshold;
    ck_assert(up_json_find(described, "keyids", &r.keyids) &&
              up_json_find(described, "threshold", &threshold));
    r.threshold = threshold.p[0] - (uint32_t)'0';
    return r;
}

static void check_file(const char *folder, const char *name, const struct up_keyring *r, struct up_buf *room)
{
    struct up_span text;
    struct up_signed s;
    uint8_t *bytes = load(folder, name, &text);
    ck_assert_int_eq(up_keyring_check(r, deployed, 32), UP_OK);
    ck_assert_int_eq(up_signed_open(text, deployed, room, &s), UP_OK);
    ck_assert_int_eq(up_signed_verify(&s, r, deployed, 64), UP_OK);
    uint8_t *year = memmem(bytes, text.n, "2036-", 5);
    ck_assert_ptr_nonnull(year);
    year[3] = '7';
    ck_assert_int_eq(up_signed_open(text, deployed, room, &s), UP_OK);
    ck_assert_int_eq(up_signed_verify(&s, r, deployed, 64), UP_SIG_THRESHOLD);
    free(bytes);
}

START_TEST(files_of_a_deployed_backend_verify)
{
    static const char *const folders[] = {
        "s1-primary-10k/director",
        "s1-primary-10k/repo",
        "s4-primary-and-secondary-delegated/director",
        "s4-primary-and-secondary-delegated/repo",
        "s6-rotated/director",
        "s6-rotated/repo",
    };
    static const char *const names[] = {"root", "timestamp", "snapshot", "targets"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        bool rotated = i >= 4;
        struct up_buf room = {.p = space, .cap = sizeof space};
        struct up_span text, keys, roles, role;
        struct up_signed root;
        uint8_t *bytes = load(folders[i], rotated ? "2.root.json" : "1.root.json", &text);
        /* a rotated Root arrives indented with tabs */
        ck_assert_int_eq(up_signed_open(text, deployed, NULL, &root), rotated ? UP_NOT_CANONICAL : UP_OK);
        ck_assert_int_eq(up_signed_open(text, deployed, &room, &root), UP_OK);
        ck_assert(up_json_find(root.body, "keys", &keys) && up_json_find(root.body, "roles", &roles));
        for (size_t k = 0; k < 4; k++) {
            char name[32];
            snprintf(name, sizeof name, "%s.json", names[k]);
            ck_assert(up_json_find(roles, names[k], &role));
            struct up_keyring r = ring_in(keys, role);
            check_file(folders[i], name, &r, &room);
        }
        free(bytes);
    }
}
END_TEST

START_TEST(a_rotated_root_is_signed_by_the_old_key_and_the_new)
{
    struct up_buf room = {.p = space, .cap = sizeof space};
    struct up_span old_text, new_text, keys, roles, role;
    struct up_signed old_root, new_root;
    uint8_t *old_bytes = load("s6-rotated/director", "1.root.json", &old_text);
    uint8_t *new_bytes = load("s6-rotated/director", "2.root.json", &new_text);
    ck_assert_int_eq(up_signed_open(old_text, deployed, &room, &old_root), UP_OK);
    ck_assert_int_eq(up_signed_open(new_text, deployed, &room, &new_root), UP_OK);
    ck_assert(up_json_find(old_root.body, "keys", &keys) && up_json_find(old_root.body, "roles", &roles));
    ck_assert(up_json_find(roles, "root", &role));
    struct up_keyring old_ring = ring_in(keys, role);
    ck_assert(up_json_find(new_root.body, "keys", &keys) && up_json_find(new_root.body, "roles", &roles));
    ck_assert(up_json_find(roles, "root", &role));
    struct up_keyring new_ring = ring_in(keys, role);
    ck_assert_int_eq(up_signed_verify(&new_root, &old_ring, deployed, 64), UP_OK);
    ck_assert_int_eq(up_signed_verify(&new_root, &new_ring, deployed, 64), UP_OK);
    ck_assert_int_eq(up_signed_verify(&old_root, &new_ring, deployed, 64), UP_SIG_THRESHOLD);
    ck_assert(!up_keyring_same(&old_ring, &new_ring));
    free(old_bytes);
    free(new_bytes);
}
END_TEST

START_TEST(the_scheme_of_a_key_decides_only_where_there_are_schemes)
{
    struct up_signer k = signer_of(UP_ED25519, 1);
    char id[UP_KEYID_TEXT + 1], text[2048];
    struct up_key key;
    const char *object = object_of(&k, strict, id);
    ck_assert_int_eq(up_key_read(up_span_of(object), strict, &key), UP_OK);
    const char *scheme = strstr(object, "\"scheme\":\"ed25519\"");
    ck_assert_ptr_nonnull(scheme);
    (void)snprintf(text, sizeof text, "%.*s\"scheme\":\"rsassa-pss-sha256\"%s", (int)(scheme - object),
                   object, scheme + strlen("\"scheme\":\"ed25519\""));
    ck_assert_int_eq(up_key_read(up_span_of(text), strict, &key), UP_UNSUPPORTED);
    const char *public = strstr(object, "\"public\":\"");
    ck_assert_ptr_nonnull(public);
    (void)snprintf(text, sizeof text, "%.*s,\"x\":\"00\"%s", (int)(public + 10 + 64 + 1 - object), object,
                   public + 10 + 64 + 1);
    ck_assert_int_eq(up_key_read(up_span_of(text), strict, &key),
                     UP_OK); /* what else a key says means nothing */
    object = object_of(&k, deployed, id);
    (void)snprintf(text, sizeof text, "{\"scheme\":\"anything\",%s", object + 1);
    ck_assert_int_eq(up_key_read(up_span_of(text), deployed, &key), UP_OK);
    up_signer_close(&k);
}
END_TEST

START_TEST(a_ring_has_no_more_keys_than_can_be_counted_whoever_asks)
{
    for (unsigned n = UP_KEYS_MAX; n <= UP_KEYS_MAX + 1; n++) {
        struct ring *r = new_ring();
        for (unsigned i = 0; i < n; i++) {
            struct up_signer k = signer_of(UP_ED25519, (uint8_t)(i + 1));
            put(r, &k, strict);
            up_signer_close(&k);
        }
        ck_assert_int_eq(up_keyring_check(ring(r, 1), strict, 100), n <= UP_KEYS_MAX ? UP_OK : UP_LIMIT);
        ck_assert_int_eq(up_keyring_check(ring(r, n), strict, 100), n <= UP_KEYS_MAX ? UP_OK : UP_LIMIT);
        free(r);
    }
}
END_TEST

START_TEST(a_list_of_ids_that_are_none_is_refused)
{
    struct up_keyring r = {.keys = UP_SPAN("{}"), .keyids = UP_SPAN("[5]"), .threshold = 1};
    ck_assert_int_eq(up_keyring_check(&r, strict, 8), UP_SCHEMA);
    /* an id that covers the public value needs one */
    r = (struct up_keyring){.keys = UP_SPAN("{\"x\":{\"keytype\":\"ED25519\",\"keyval\":{}}}"),
                            .keyids = UP_SPAN("[\"x\"]"),
                            .threshold = 1};
    struct up_profile over_value = up_profile_deployed;
    over_value.relax |= UP_RELAX_KEYID_OVER_VALUE;
    ck_assert_int_eq(up_keyring_check(&r, &over_value, 8), UP_SCHEMA);
}
END_TEST

/* Key rotation is noticed by ids, too: an opaque one may come to stand for what it did not. */
START_TEST(a_ring_of_the_same_keys_under_other_ids_is_another)
{
    struct up_keyring a = {
        .keys = UP_SPAN("{\"x\":{\"k\":1},\"y\":{\"k\":1}}"), .keyids = UP_SPAN("[\"x\"]"), .threshold = 1};
    struct up_keyring b = a, c = a, d = a;
    b.keyids = UP_SPAN("[\"y\"]");
    c.threshold = 2;
    d.keys = UP_SPAN("{\"x\":{\"k\":2}}");
    ck_assert(up_keyring_same(&a, &a));
    ck_assert(!up_keyring_same(&a, &b) && !up_keyring_same(&a, &c) && !up_keyring_same(&a, &d));
}
END_TEST

START_TEST(no_more_signatures_are_verified_than_are_needed)
{
    struct ring *r = new_ring();
    struct text *l = list();
    for (unsigned i = 0; i < 4; i++) {
        struct up_signer k = signer_of(UP_ED25519, (uint8_t)(i + 1));
        put(r, &k, deployed);
        sign_as(l, &k, NULL, BODY, deployed);
        up_signer_close(&k);
    }
    for (unsigned threshold = 1; threshold <= 4; threshold++) {
        operations = 0;
        ck_assert_int_eq(verdict(l, BODY, ring(r, threshold), deployed), UP_OK);
        ck_assert_uint_eq(operations, threshold);
    }
    free(r);
}
END_TEST

START_TEST(deployed_key_types_come_in_either_case_and_no_other)
{
    static const char *const good[] = {"ED25519", "ed25519", "Ed25519", "eD25519"};
    static const char *const bad[] = {"ED25518", "FD25519", "ED2551", "ED255199", "E", "", "rsb"};
    struct up_signer k = signer_of(UP_ED25519, 1);
    char id[UP_KEYID_TEXT + 1], text[2048];
    struct up_key key;
    const char *object = object_of(&k, deployed, id), *behind = strstr(object, "ED25519") + 7;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        (void)snprintf(text, sizeof text, "{\"keytype\":\"%s%s", good[i], behind);
        ck_assert_int_eq(up_key_read(up_span_of(text), deployed, &key), UP_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)snprintf(text, sizeof text, "{\"keytype\":\"%s%s", bad[i], behind);
        ck_assert_int_eq(up_key_read(up_span_of(text), deployed, &key), UP_UNSUPPORTED);
    }
    /* a known type without a key, and an unknown one */
    ck_assert_int_eq(up_key_read(UP_SPAN("{\"keytype\":\"rsa\",\"keyval\":{}}"), deployed, &key), UP_SCHEMA);
    ck_assert_int_eq(up_key_read(UP_SPAN("{\"keytype\":\"rs{\",\"keyval\":{}}"), deployed, &key),
                     UP_UNSUPPORTED);
    up_signer_close(&k);
}
END_TEST

SUITE("sign", a_key_has_the_type_and_the_scheme_that_belong_together,
      what_is_around_the_body_is_not_sorted_and_hides_no_second_one,
      deployed_key_types_come_in_either_case_and_no_other, a_ring_of_the_same_keys_under_other_ids_is_another,
      no_more_signatures_are_verified_than_are_needed,
      the_scheme_of_a_key_decides_only_where_there_are_schemes,
      a_ring_has_no_more_keys_than_can_be_counted_whoever_asks, a_list_of_ids_that_are_none_is_refused,
      an_envelope_has_its_two_parts_in_any_order, another_spelling_is_the_same_file,
      a_room_that_is_too_small_is_not_overrun, without_a_message_a_digest_does_for_ecdsa_and_not_for_ed25519,
      every_signed_byte_counts_unknown_ones_too, entries_must_be_complete, a_threshold_takes_that_many_keys,
      broken_and_unknown_signatures_do_not_spoil_good_ones, signatures_in_odd_clothes_do_not_count,
      a_repeated_key_id_is_refused, a_flood_of_signatures_costs_no_public_key_work,
      only_keys_of_the_role_count, the_scheme_comes_from_the_key, one_key_under_two_ids_counts_once,
      one_key_in_two_spellings_counts_once, an_opaque_id_may_be_any_string,
      thresholds_lie_between_one_and_the_number_of_keys, key_ids_are_recomputed,
      rings_must_be_arrays_of_strings_and_objects_of_keys, an_unsupported_key_is_tolerated_and_never_counts,
      malformed_keys_are_refused, public_keys_are_lower_case_hex_but_for_deployed_ones,
      rsa_keys_sign_in_both_dialects, a_deployed_id_covers_the_value_without_its_last_newlines,
      rings_are_the_same_whatever_their_order, files_of_a_deployed_backend_verify,
      a_rotated_root_is_signed_by_the_old_key_and_the_new)
