/* What full verification costs: a vehicle of 50 ECUs over all eight roles, beside the bare signature checks
 * and hashes that it makes; an Image repository of many images, and one of 1,000 delegated roles, as the
 * Primary keeps them.
 *
 * The port of cryptography is wrapped (-Wl,--wrap), so that what a verification asks of it is known and can
 * be done again without everything around it, with keys that are ready. Allocations are counted by the
 * allocator's own entry points. */
#include "metadata/crypto_openssl.h"
#include "metadata/match.h"
#include "primary/chain.h"
#include "primary/plan.h"
#include "sim/director.h"
#include "sim/realtime.h"
#include "sim/repo.h"
#include "sim/temp_dir.h"
#include "tests/lib_author.h"

#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ECUS    50
#define NOW     INT64_C(1800000000)
#define VEHICLE "VIN-1"
#define ROUNDS  201

static void die(const char *what)
{
    fprintf(stderr, "bench_verify: %s\n", what);
    exit(1);
}

/* ---- memory ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static struct {
    unsigned long calls;
    size_t now, peak;
} heap;

static void *took(void *p)
{
    heap.calls++;
    heap.now += malloc_usable_size(p);
    if (heap.now > heap.peak) heap.peak = heap.now;
    return p;
}

void *malloc(size_t n)
{
    return took(__libc_malloc(n));
}
void *calloc(size_t n, size_t size)
{
    return took(__libc_calloc(n, size));
}
void *realloc(void *p, size_t n)
{
    heap.now -= malloc_usable_size(p);
    return took(__libc_realloc(p, n));
}
void free(void *p)
{
    heap.now -= malloc_usable_size(p);
    __libc_free(p);
}

/* Memory that has been touched, at most since FRESH, in bytes: what is allocated and not used costs nothing.
 */
static size_t resident(bool fresh, const char *line)
{
    char text[4096];
    if (fresh) {
        FILE *reset = fopen("/proc/self/clear_refs", "w");
        if (reset == NULL || fputs("5", reset) < 0 || fclose(reset) != 0) return 0;
    }
    FILE *f = fopen("/proc/self/status", "r");
    size_t n = f == NULL ? 0 : fread(text, 1, sizeof text - 1, f);
    if (f != NULL) fclose(f);
    text[n] = 0;
    const char *at = strstr(text, line);
    return at == NULL ? 0 : (size_t)strtoull(at + strlen(line), NULL, 10) << 10;
}

/* ---- what is asked of the cryptography ---- */

struct check {
    struct up_key from;
    EVP_PKEY *key;
    bool ed25519;
    uint8_t *message, signature[UP_SIGNATURE_BYTES];
    size_t message_n, signature_n;
};
static struct {
    bool on;
    struct check checks[256];
    size_t hashes[4096];
    unsigned check_count, hash_count;
    size_t open; /* bytes of the stream under way */
} seen;

static void note_check(const struct up_key *key, struct up_span message, struct up_span signature)
{
    if (!seen.on || seen.check_count == 256) return;
    struct check *c = &seen.checks[seen.check_count++];
    *c = (struct check){.from = *key,
                        .key = up_key_to_evp(key),
                        .ed25519 = key->scheme == UP_ED25519,
                        .message = malloc(message.n + 1),
                        .message_n = message.n,
                        .signature_n = signature.n};
    memcpy(c->message, message.p, message.n);
    memcpy(c->signature, signature.p, signature.n);
}

static void note_hash(size_t bytes)
{
    if (seen.on && seen.hash_count < 4096) seen.hashes[seen.hash_count++] = bytes;
}

bool __real_up_verify(const struct up_key *key, struct up_span message, struct up_span signature);
bool __real_up_verify_digest(const struct up_key *key, const uint8_t *digest, struct up_span signature);
void __real_up_sha256(struct up_span bytes, uint8_t *digest);
void __real_up_hash_begin(struct up_hash *h, enum up_hash_kind kind);
void __real_up_hash_add(struct up_hash *h, struct up_span bytes);
void __real_up_hash_end(struct up_hash *h, uint8_t *digest);
bool __wrap_up_verify(const struct up_key *key, struct up_span message, struct up_span signature);
bool __wrap_up_verify_digest(const struct up_key *key, const uint8_t *digest, struct up_span signature);
void __wrap_up_sha256(struct up_span bytes, uint8_t *digest);
void __wrap_up_hash_begin(struct up_hash *h, enum up_hash_kind kind);
void __wrap_up_hash_add(struct up_hash *h, struct up_span bytes);
void __wrap_up_hash_end(struct up_hash *h, uint8_t *digest);

bool __wrap_up_verify(const struct up_key *key, struct up_span message, struct up_span signature)
{
    note_check(key, message, signature);
    return __real_up_verify(key, message, signature);
}
bool __wrap_up_verify_digest(const struct up_key *key, const uint8_t *digest, struct up_span signature)
{
    note_check(key, (struct up_span){digest, UP_SHA256_BYTES}, signature);
    return __real_up_verify_digest(key, digest, signature);
}
void __wrap_up_sha256(struct up_span bytes, uint8_t *digest)
{
    note_hash(bytes.n);
    __real_up_sha256(bytes, digest);
}
void __wrap_up_hash_begin(struct up_hash *h, enum up_hash_kind kind)
{
    seen.open = 0;
    __real_up_hash_begin(h, kind);
}
void __wrap_up_hash_add(struct up_hash *h, struct up_span bytes)
{
    seen.open += bytes.n;
    __real_up_hash_add(h, bytes);
}
void __wrap_up_hash_end(struct up_hash *h, uint8_t *digest)
{
    note_hash(seen.open);
    __real_up_hash_end(h, digest);
}

static bool check_again(const struct check *c)
{
    bool good;
    if (c->ed25519) {
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        good = EVP_DigestVerifyInit(md, NULL, NULL, NULL, c->key) == 1 &&
               EVP_DigestVerify(md, c->signature, c->signature_n, c->message, c->message_n) == 1;
        EVP_MD_CTX_free(md);
        return good;
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(c->key, NULL);
    good = EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_verify(ctx, c->signature, c->signature_n, c->message, c->message_n) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

static double us_since(uint64_t began_ns)
{
    return (double)(sim_monotonic_ns() - began_ns) / 1e3;
}

static double bare_checks(void)
{
    uint64_t began = sim_monotonic_ns();
    for (unsigned i = 0; i < seen.check_count; i++)
        if (!check_again(&seen.checks[i])) die("a signature that was good is not");
    return us_since(began);
}

/* OpenSSL's own form of each key, from the bytes that metadata has. */
static double bare_keys(void)
{
    uint64_t began = sim_monotonic_ns();
    for (unsigned i = 0; i < seen.check_count; i++) EVP_PKEY_free(up_key_to_evp(&seen.checks[i].from));
    return us_since(began);
}

static double bare_hashes(void)
{
    static uint8_t zeroes[1 << 20];
    uint8_t digest[UP_SHA256_BYTES];
    uint64_t began = sim_monotonic_ns();
    for (unsigned i = 0; i < seen.hash_count; i++)
        if (EVP_Digest(zeroes, seen.hashes[i], digest, NULL, EVP_sha256(), NULL) != 1) die("no hash");
    return us_since(began);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *of, unsigned n)
{
    qsort(of, n, sizeof *of, ascending);
    return of[n / 2];
}

/* ---- files by name, in memory ---- */

struct library {
    struct {
        char name[UP_FILE_NAME_MAX];
        struct up_span file;
    } * item;
    size_t n, room;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void put(struct library *l, const char *name, struct up_span file)
{
    if (l->n == l->room) {
        l->room = 2 * l->room + 16;
        l->item = realloc(l->item, l->room * sizeof *l->item);
        if (l->item == NULL) die("out of memory");
    }
    snprintf(l->item[l->n].name, sizeof l->item->name, "%s", name);
    l->item[l->n++].file = file;
    qsort(l->item, l->n, sizeof *l->item, by_name);
}

static struct up_span get(const struct library *l, const char *name)
{
    char key[UP_FILE_NAME_MAX];
    snprintf(key, sizeof key, "%s", name);
    const void *found = l->n == 0 ? NULL : bsearch(key, l->item, l->n, sizeof *l->item, by_name);
    return found == NULL
               ? (struct up_span){0}
               : l->item[(size_t)((const char *)found - (const char *)l->item) / sizeof *l->item].file;
}

/* ---- a vehicle of 50 ECUs ---- */

static char names[ECUS][3][32]; /* serial, hardware, image */

static void name_all(void)
{
    for (unsigned i = 0; i < ECUS; i++) {
        snprintf(names[i][0], sizeof names[i][0], "ecu-%02u", i);
        snprintf(names[i][1], sizeof names[i][1], "hardware-%02u", i);
        snprintf(names[i][2], sizeof names[i][2], "supplier/ecu-%02u/fw-2.bin", i);
    }
}

static void author_images(struct sim_repo *r)
{
    const char *lists[ECUS][2];
    struct sim_image images[ECUS];
    for (unsigned i = 0; i < ECUS; i++) {
        lists[i][0] = names[i][1];
        lists[i][1] = NULL;
        images[i] = (struct sim_image){.name = names[i][2],
                                       .bytes = up_span_of(names[i][2]),
                                       .hardware_ids = lists[i],
                                       .release_counter = 2};
    }
    if (!sim_repo_add(r, images, ECUS, NOW)) die(r->why);
}

static void author_vehicle(struct sim_director *d)
{
    struct sim_order orders[ECUS];
    bool ok = sim_director_add_vehicle(d, VEHICLE);
    for (unsigned i = 0; i < ECUS; i++) {
        char pem[1024];
        struct up_signer s;
        uint8_t seed[32] = {(uint8_t)i};
        ok = ok && up_signer_from_seed(UP_ECDSA_P256_SHA256, seed, &s);
        size_t n = up_key_to_pem(&s.key, pem, sizeof pem);
        ok = ok && sim_director_add_ecu(d, VEHICLE, names[i][0], names[i][1], i == 0,
                                        (struct up_span){(const uint8_t *)pem, n});
        up_signer_close(&s);
        orders[i] = (struct sim_order){.ecu = names[i][0], .image = names[i][2]};
    }
    ok = ok && sim_director_order(d, VEHICLE, orders, ECUS, NULL) && sim_director_issue(d, VEHICLE, NOW);
    if (!ok) die(sim_director_why(d));
}

/* Whatever the two chains ask for, in a library of its own each. */
static void collect(struct sim_repo *r, struct sim_director *d, struct library of[2])
{
    static const char *const wanted[] = {"1.root.json",     "2.root.json",     "timestamp.json",
                                         "1.snapshot.json", "2.snapshot.json", "1.targets.json",
                                         "2.targets.json"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        static const char *const folder[] = {[UP_DIRECTOR] = "director", [UP_IMAGE] = "repo"};
        struct sim_bytes b;
        for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++) {
            char path[SIM_PATH_MAX];
            if (sim_path(path, "%s/%s/%s", r->dir, folder[repo], wanted[i]) && sim_file_read(path, &b))
                put(&of[repo], wanted[i], sim_span(&b));
        }
        if (sim_director_file(d, VEHICLE, wanted[i], &b)) put(&of[UP_DIRECTOR], wanted[i], sim_span(&b));
    }
}

static unsigned walk(struct up_trust *t, const struct up_policy *policy, const struct library *files)
{
    struct up_trust next;
    struct up_want w;
    unsigned fed = 1;
    enum up_err e = up_trust_init(t, policy, get(files, "1.root.json"), NULL);
    up_trust_begin(t);
    while (e == UP_OK && up_trust_want(t, &w)) {
        char name[UP_FILE_NAME_MAX];
        up_file_name(policy->profile, up_span_of(up_role_name(w.role)), w.version, name);
        struct up_span file = get(files, name);
        e = file.p == NULL ? up_trust_absent(t, NOW, &next) : up_trust_feed(t, file, NULL, NOW, &next);
        fed += file.p != NULL;
        *t = next;
    }
    if (e != UP_OK) die(up_err_name(e));
    return fed;
}

/* Both chains from their Roots; then what is ordered for each ECU, found in the Image repository. Files
 * verified. */
static unsigned verify_vehicle(const struct library of[2])
{
    const struct up_policy director_policy = {.profile = &up_profile_strict,
                                              .limits = &up_limits_primary,
                                              .repo = UP_DIRECTOR,
                                              .full = true,
                                              .vehicle_id = UP_SPAN(VEHICLE)};
    const struct up_policy image_policy = {
        .profile = &up_profile_strict, .limits = &up_limits_primary, .repo = UP_IMAGE, .full = true};
    struct up_trust director, images;
    struct up_target_walk all;
    struct up_target order, image;
    struct up_span role, serial;
    struct up_search search;
    struct up_json named;
    unsigned orders = 0, files = walk(&director, &director_policy, &of[UP_DIRECTOR]);
    files += walk(&images, &image_policy, &of[UP_IMAGE]);
    up_targets_open(&all, &director.targets, &up_profile_strict);
    while (up_targets_next(&all, &order)) {
        up_json_open_checked(&named, order.ecus);
        for (up_json_object(&named); up_json_member(&named, &serial); (void)up_json_value(&named)) {
            const unsigned i = (unsigned)strtoul((const char *)serial.p + strlen("ecu-"), NULL, 10);
            struct up_ecu who = {
                .serial = serial, .hardware_id = up_span_of(names[i][1]), .capacity_bytes = 1 << 20};
            enum up_err e = up_order_check(&order, &up_profile_strict, &who);
            up_search_begin(&search, &images, order.name, who.hardware_id);
            if (e == UP_OK) e = up_search_verdict(&search, &image, &role);
            if (e == UP_OK) e = up_order_match(&order, &image, &up_profile_strict);
            if (e != UP_OK) die(up_err_name(e));
            orders++;
        }
    }
    if (orders != ECUS) die("an order is missing");
    return files;
}

static void vehicle(enum up_scheme scheme, const char *name)
{
    static const uint8_t seed[32] = "bench";
    const struct sim_plan plan = {.scheme = scheme, .seed = scheme == UP_RSA_PSS_SHA256 ? NULL : seed};
    char folder[SIM_PATH_MAX];
    if (!sim_temp_dir(folder, sizeof folder)) die("no temporary folder");
    struct sim_repo repo;
    struct library of[2] = {0};
    char why[SIM_WHY_MAX];
    if (!sim_repo_create(&repo, folder, &plan, NOW)) die(repo.why);
    author_images(&repo);
    struct sim_director *d = sim_director_open(folder, why);
    if (d == NULL) die(why);
    author_vehicle(d);
    collect(&repo, d, of);
    sim_director_close(d);

    double whole[ROUNDS], checks[ROUNDS], hashes[ROUNDS], keys[ROUNDS];
    unsigned files = verify_vehicle(of); /* caches warm */
    seen.check_count = seen.hash_count = 0;
    seen.on = true;
    verify_vehicle(of);
    seen.on = false;
    unsigned long calls = heap.calls;
    verify_vehicle(of);
    calls = heap.calls - calls;
    for (unsigned i = 0; i < ROUNDS; i++) { /* side by side, so that both meet the same neighbours */
        uint64_t began = sim_monotonic_ns();
        verify_vehicle(of);
        whole[i] = us_since(began);
        checks[i] = bare_checks();
        hashes[i] = bare_hashes();
        keys[i] = bare_keys();
    }
    size_t bytes = 0;
    for (unsigned i = 0; i < seen.hash_count; i++) bytes += seen.hashes[i];
    double w = median(whole, ROUNDS), c = median(checks, ROUNDS), h = median(hashes, ROUNDS);
    printf("%-8s %u files, %u orders: %5.0f us, %lu allocations\n", name, files, ECUS, w, calls);
    printf("         bare: %u signatures %5.0f us, %u hashes of %zu bytes %5.0f us: %.2f times; making the "
           "keys for "
           "OpenSSL %5.0f us\n",
           seen.check_count, c, seen.hash_count, bytes, h, w / (c + h), median(keys, ROUNDS));
    sim_remove_dir(folder);
}

/* ---- large repositories, on the Primary ---- */

struct pri_transfer {
    struct pri_answer answer;
    uint8_t *body;
};

static const struct library *server;
static unsigned requests;

static struct pri_transfer *start(struct pri_fetch *f, const struct pri_request *rq)
{
    (void)f;
    struct pri_transfer *t = calloc(1, sizeof *t);
    struct up_span file = get(server, rq->path);
    requests++;
    t->answer.err = file.p == NULL ? UP_UNAVAILABLE : file.n > rq->max_bytes ? UP_TOO_LARGE : UP_OK;
    if (t->answer.err != UP_OK) return t;
    t->body = malloc(file.n); /* as from a server that says how long it is */
    memcpy(t->body, file.p, file.n);
    t->answer.body = (struct up_span){t->body, file.n};
    return t;
}

static bool done(struct pri_fetch *f, struct pri_transfer *t, struct pri_answer *a)
{
    (void)f;
    *a = t->answer;
    return true;
}

static uint64_t received(const struct pri_transfer *t)
{
    return t->answer.body.n;
}

static uint8_t *keep(struct pri_transfer *t)
{
    uint8_t *body = t->body;
    t->body = NULL;
    return body;
}

static void drop(struct pri_fetch *f, struct pri_transfer *t)
{
    (void)f;
    free(t->body);
    free(t);
}

/* Text that grows. */
struct text {
    char *p;
    size_t n, room;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    if (t->room - t->n < 1024) {
        t->room = 2 * t->room + 65536;
        t->p = realloc(t->p, t->room);
        if (t->p == NULL) die("out of memory");
    }
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->p + t->n, t->room - t->n, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= t->room - t->n) die("text");
    t->n += (size_t)n;
}

static void publish(struct library *l, const struct author *a, struct up_span targets, const char *more)
{
    const char *meta = author_meta_bound("targets", 1, targets);
    struct up_span snapshot = author_snapshot(a, 1, *more ? author_text("%s,%s", more, meta) : meta);
    put(l, "1.root.json", author_root(a, 1));
    put(l, "timestamp.json", author_timestamp(a, 1, snapshot, 1));
    put(l, "1.snapshot.json", snapshot);
    put(l, "1.targets.json", targets);
}

struct rig {
    char folder[SIM_PATH_MAX];
    struct pri_fetch fetch;
    struct pri_state *state;
    struct pri_chain chain;
};

static void open_rig(struct rig *r, const struct library *l)
{
    char root[SIM_PATH_MAX], db[SIM_PATH_MAX], why[200];
    *r = (struct rig){.fetch = {start, done, received, keep, drop}};
    server = l;
    if (!sim_temp_dir(r->folder, sizeof r->folder) || !sim_path(root, "%s/1.root.json", r->folder) ||
        !sim_path(db, "%s/state.db", r->folder) || !sim_file_write(root, get(l, "1.root.json"), 0600))
        die("no temporary folder");
    const struct pri_repo_config config = {.root = root, .profile = &up_profile_strict};
    if ((r->state = pri_state_open(db, why, sizeof why)) == NULL) die(why);
    if (pri_chain_open(&r->chain, UP_IMAGE, &config, r->state, &r->fetch) != UP_OK) die("no chain");
}

static void close_rig(struct rig *r)
{
    pri_chain_close(&r->chain);
    pri_state_close(r->state);
    sim_remove_dir(r->folder);
}

static void many_images(unsigned n, bool sorted)
{
    struct author a = author_of(&up_profile_strict, NULL);
    struct text t = {0};
    for (unsigned i = 0; i < n; i++) {
        const unsigned k = sorted ? i : i * 7919 % n; /* as out of a hash table */
        add(&t, "%s%s", i > 0 ? "," : "", author_image(author_text("supplier/fw-%06u.bin", k), "hw-1", k));
    }
    struct library l = {0};
    char *body = author_targets_body(&a, 1, t.p, "");
    struct up_span targets = sorted ? author_file(&a, UP_TARGETS, body)
                                    : author_sign_unsorted(a.profile, a.ring[UP_TARGETS].keys, body);
    publish(&l, &a, targets, "");

    struct rig r;
    open_rig(&r, &l);
    size_t before = heap.peak = heap.now;
    malloc_trim(0);
    const size_t resident_before = resident(true, "VmRSS:");
    uint64_t began = sim_monotonic_ns();
    pri_chain_begin(&r.chain, AUTHOR_NOW);
    if (pri_chain_step(&r.chain) != PRI_DONE) die(r.chain.problem.what);
    double fresh = us_since(began) / 1e3, memory = (double)(heap.peak - before) / (double)targets.n;
    double touched = (double)(resident(false, "VmHWM:") - resident_before) / (double)targets.n;

    struct up_search s;
    struct up_target found;
    struct up_span role;
    began = sim_monotonic_ns();
    up_search_begin(&s, &r.chain.trust, up_span_of(author_text("supplier/fw-%06u.bin", n / 2)),
                    UP_SPAN("hw-1"));
    if (up_search_verdict(&s, &found, &role) != UP_OK) die("not found");
    double lookup = us_since(began) / 1e3;

    printf(
        "%7u images%s, %5.1f MB: fetched, verified and stored in %7.1f ms, memory at most %.2f of the file "
        "(touched %.2f); one image found in %6.2f ms\n",
        n, sorted ? "" : " in no order", (double)targets.n / 1e6, fresh, memory, touched, lookup);
    close_rig(&r);
}

/* 10 roles, 9 below each of them, 10 below each of these: 1,000. */
static const char *role_name(int a, int b, int c)
{
    if (b < 0) return author_text("r%d", a);
    return c < 0 ? author_text("r%d-%d", a, b) : author_text("r%d-%d-%d", a, b, c);
}

static char *children(const struct author *author, int a, int b, bool everything)
{
    char *list = author_text("%s", "");
    int n = a < 0 ? 10 : b < 0 ? 9 : 10;
    for (int i = 0; i < n; i++) {
        const char *name = a < 0 ? role_name(i, -1, -1) : b < 0 ? role_name(a, i, -1) : role_name(a, b, i);
        const char *path = everything ? "x/*"
                           : a < 0    ? author_text("%d-*", i)
                           : b < 0    ? author_text("%d-%d-*", a, i)
                                      : author_text("%d-%d-%d-*", a, b, i);
        list = author_text("%s%s%s", list, i > 0 ? "," : "",
                           author_delegation(author, name, (struct author_ring){KEY(5), 1}, path, ""));
    }
    return author_delegations(author, KEY(5), list);
}

/* EVERYTHING: each role may speak for all names, so a search of what nobody has visits them all. */
static void role_tree(bool everything, const char *name, bool exists)
{
    struct author a = author_of(&up_profile_strict, NULL);
    struct library l = {0};
    struct text meta = {0};
    size_t bytes = 0;
    unsigned roles = 0;
    for (int i = 0; i < 10; i++)
        for (int j = -1; j < 9; j++)
            for (int k = -1; k < (j < 0 ? 0 : 10); k++) {
                const char *role = role_name(i, j, k), *image = author_text("%d-%d-%d-fw.bin", i, j, k);
                char *below = k >= 0 ? author_text("%s", "") : children(&a, i, j, everything);
                char *body = author_targets_body(&a, 1, author_image(image, "hw-1", 1), below);
                struct up_span file = author_sign(&up_profile_strict, KEY(5), body);
                put(&l, author_text("1.%s.json", role), file);
                roles++;
                bytes += file.n;
            }
    for (size_t i = 0; i < l.n; i++) { /* sorted by now */
        const char *role = author_text("%.*s", (int)strlen(l.item[i].name) - 7, l.item[i].name + 2);
        add(&meta, "%s%s", i > 0 ? "," : "", author_meta_bound(role, 1, l.item[i].file));
    }
    struct up_span targets =
        author_file(&a, UP_TARGETS, author_targets_body(&a, 1, "", children(&a, -1, -1, everything)));
    publish(&l, &a, targets, meta.p);

    struct rig r;
    open_rig(&r, &l);
    pri_chain_begin(&r.chain, AUTHOR_NOW);
    if (pri_chain_step(&r.chain) != PRI_DONE) die(r.chain.problem.what);
    const struct pri_config config = {.hardware_id = (char *)(uintptr_t) "hw-1"};
    struct pri_plan *plan = calloc(1, sizeof *plan);
    *plan = (struct pri_plan){.director = &r.chain, .images = &r.chain, .config = &config, .count = 1};
    plan->orders[0].director.name = up_span_of(name);
    snprintf(plan->orders[0].name, sizeof plan->orders[0].name, "%s", name);
    size_t before = heap.peak = heap.now;
    requests = 0;
    uint64_t began = sim_monotonic_ns();
    (void)pri_plan_resolve(plan, AUTHOR_NOW);
    double took_ms = us_since(began) / 1e3;
    struct up_target found;
    struct up_span speaker;
    enum up_err e = up_search_verdict(&plan->search, &found, &speaker);
    if (e != (exists ? UP_OK : UP_TARGET_NOT_FOUND)) die(up_err_name(e));
    printf("%5u roles, %4.1f MB: %-22s visits %4u of them in %6.1f ms, peak memory %5zu KiB\n", roles,
           (double)bytes / 1e6, exists ? "what one of them has" : "what nobody has", requests, took_ms,
           (heap.peak - before) / 1024);
    pri_plan_close(plan);
    free(plan);
    close_rig(&r);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    name_all();
    vehicle(UP_ED25519, "Ed25519");
    vehicle(UP_RSA_PSS_SHA256, "RSA-2048");
    many_images(1000, true);
    many_images(10000, true);
    many_images(100000, true);
    many_images(10000, false);
    many_images(100000, false);
    role_tree(false, "7-8-9-fw.bin", true);
    role_tree(true, "x/nobody", false);
    return 0;
}
