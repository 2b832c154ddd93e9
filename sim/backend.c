#include "sim/backend.h"
#include "sim/repo_edit.h"

#include "metadata/encode.h"

#include <stdio.h>
#include <stdlib.h>

#define MANIFEST_MAX (1u << 20)
#define TIME_MAX     (64u << 10)
#define NONCES_MAX   (UP_ECUS_MAX + 1)

struct sim_backend {
    char dir[SIM_PATH_MAX];
    struct sim_director *director;
    int64_t (*now)(void *ctx);
    void *now_ctx;
    void (*tamper)(void *ctx, const struct sim_request *rq, struct sim_reply *reply);
    void *tamper_ctx;
};

struct sim_backend *sim_backend_open(const char *dir, int64_t (*now)(void *ctx), void *ctx, char *why,
                                     size_t why_size)
{
    char reason[SIM_WHY_MAX] = "";
    struct sim_backend *b = calloc(1, sizeof *b);
    if (b == NULL) return NULL;
    b->now = now;
    b->now_ctx = ctx;
    if (sim_path(b->dir, "%s", dir)) b->director = sim_director_open(dir, reason);
    if (b->director != NULL) return b;
    snprintf(why, why_size, "%s", reason);
    free(b);
    return NULL;
}

void sim_backend_close(struct sim_backend *b)
{
    if (b == NULL) return;
    sim_director_close(b->director);
    free(b);
}

struct sim_director *sim_backend_director(struct sim_backend *b)
{
    return b->director;
}

void sim_backend_tamper(struct sim_backend *b,
                        void (*tamper)(void *ctx, const struct sim_request *rq, struct sim_reply *reply),
                        void *ctx)
{
    b->tamper = tamper;
    b->tamper_ctx = ctx;
}

/* Replies */

static void answer(struct sim_reply *reply, unsigned status, struct sim_bytes body)
{
    *reply = (struct sim_reply){status, body.p, body.n};
}

static void answer_json(struct sim_reply *reply, unsigned status, cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    answer(reply, status, (struct sim_bytes){(uint8_t *)text, text != NULL ? strlen(text) : 0});
}

static void refuse(struct sim_reply *reply, unsigned status, const char *text)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "text", text);
    answer_json(reply, status, object);
}

/* The file from byte FROM on. */
static void answer_file(const struct sim_request *rq, struct sim_reply *reply, struct sim_bytes file)
{
    if (rq->from == 0) {
        answer(reply, 200, file);
    } else if (rq->from >= file.n) {
        sim_bytes_free(&file);
        refuse(reply, 416, "the range begins behind the end");
    } else {
        file.n -= (size_t)rq->from;
        memmove(file.p, file.p + rq->from, file.n);
        answer(reply, 206, file);
    }
}

/* Names */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Percent-decodes once; false: malformed, a zero, or too long for any name. */
static bool decode(const char *in, char out[UP_FILE_NAME_MAX])
{
    size_t n = 0;
    for (; *in != '\0'; in++) {
        int c = (unsigned char)*in;
        if (c == '%') {
            int high = hex_digit(in[1]), low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0) return false;
            c = 16 * high + low;
            in += 2;
        }
        if (c == '\0' || n + 1 == UP_FILE_NAME_MAX) return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

/* Takes "12.supplier/a.json" apart, or "timestamp.json" with VERSION 0. */
static bool metadata_name(const struct up_profile *p, const char *name, struct up_span *role,
                          uint32_t *version)
{
    static const char folder[] = "delegations/";
    const bool plain = (p->relax & UP_RELAX_UNVERSIONED_NAMES) != 0;
    if (plain && strncmp(name, folder, sizeof folder - 1) == 0) name += sizeof folder - 1;
    unsigned long n = 0;
    const char *start = name;
    if (*name >= '1' && *name <= '9') {
        char *end;
        n = strtoul(name, &end, 10);
        if (n > UP_VERSION_MAX || *end != '.') return false;
        start = end + 1;
    }
    size_t length = strlen(start);
    if (length <= 5 || strcmp(start + length - 5, ".json") != 0) return false;
    *role = (struct up_span){(const uint8_t *)start, length - 5};
    *version = (uint32_t)n;
    return up_is_name(*role) && (n > 0 || plain || up_span_is(*role, "timestamp"));
}

/* "folder/<64 or 128 hex>.file": the name "folder/file" is one of an image. */
static bool image_name(const struct up_profile *p, const char *path)
{
    char name[UP_FILE_NAME_MAX];
    if (p->relax & UP_RELAX_UNVERSIONED_NAMES) return up_is_name(up_span_of(path));
    const char *slash = strrchr(path, '/');
    const char *last = slash == NULL ? path : slash + 1;
    const size_t digits = strspn(last, "0123456789abcdef");
    if ((digits != 2 * UP_SHA256_BYTES && digits != 2 * UP_SHA512_BYTES) || last[digits] != '.') return false;
    snprintf(name, sizeof name, "%.*s%s", (int)(last - path), path, last + digits + 1);
    return up_is_name(up_span_of(name));
}

/* Handlers: REST is the path behind the route's */

static void get_director(struct sim_backend *b, const struct sim_request *rq, const char *rest,
                         struct sim_reply *reply)
{
    char name[UP_FILE_NAME_MAX];
    struct up_span role;
    uint32_t version;
    struct sim_bytes file;
    if (!decode(rest, name) || !metadata_name(sim_director_profile(b->director), name, &role, &version))
        refuse(reply, 404, "no such name");
    else if (!sim_director_file(b->director, rq->vehicle, name, &file))
        refuse(reply, 404, "no such file for this vehicle");
    else
        answer_file(rq, reply, file);
}

static void get_below_repo(struct sim_backend *b, const struct sim_request *rq, const char *name,
                           struct sim_reply *reply)
{
    char path[SIM_PATH_MAX];
    struct sim_bytes file;
    if (!sim_path(path, "%s/repo/%s", b->dir, name) || !sim_file_read(path, &file))
        refuse(reply, 404, "no such file");
    else
        answer_file(rq, reply, file);
}

static void get_metadata(struct sim_backend *b, const struct sim_request *rq, const char *rest,
                         struct sim_reply *reply)
{
    const struct up_profile *p = sim_director_profile(b->director);
    char name[UP_FILE_NAME_MAX], text[UP_NAME_MAX + 1], file[SIM_METADATA_NAME];
    struct up_span role;
    uint32_t version;
    if (!decode(rest, name) || !metadata_name(p, name, &role, &version)) {
        refuse(reply, 404, "no such name");
        return;
    }
    snprintf(text, sizeof text, "%.*s", (int)role.n, (const char *)role.p);
    sim_metadata_name(p, text, version, file);
    get_below_repo(b, rq, file, reply);
}

static void get_image(struct sim_backend *b, const struct sim_request *rq, const char *rest,
                      struct sim_reply *reply)
{
    char name[UP_FILE_NAME_MAX], file[SIM_PATH_MAX];
    if (!decode(rest, name) || !image_name(sim_director_profile(b->director), name) ||
        !sim_path(file, "targets/%s", name))
        refuse(reply, 404, "no such name");
    else
        get_below_repo(b, rq, file, reply);
}

static unsigned status_of(enum up_err verdict)
{
    switch (verdict) {
    case UP_OK:
        return 200;
    case UP_MAN_SCHEMA:
        return 400;
    case UP_MAN_REPLAY:
        return 409;
    case UP_MAN_SIG:
    case UP_MAN_UNKNOWN:
        return 403;
    default:
        return 422;
    }
}

static void put_manifest(struct sim_backend *b, const struct sim_request *rq, const char *rest,
                         struct sim_reply *reply)
{
    (void)rest;
    struct sim_decision decision;
    struct up_span manifest = {rq->body, rq->body_bytes};
    if (!sim_director_manifest(b->director, rq->vehicle, manifest, b->now(b->now_ctx), &decision)) {
        refuse(reply, 500, sim_director_why(b->director));
        return;
    }
    cJSON *object = cJSON_CreateObject();
    if (decision.verdict == UP_OK) {
        cJSON_AddStringToObject(object, "verdict", "OK");
    } else {
        cJSON_AddStringToObject(object, "ecu", decision.ecu);
        cJSON_AddStringToObject(object, "error", up_err_name(decision.verdict));
        cJSON_AddStringToObject(object, "text", up_err_text(decision.verdict));
    }
    answer_json(reply, status_of(decision.verdict), object);
}

/* The nonces of a request as a JSON array, which the caller owns; NULL: malformed. */
static cJSON *read_nonces(struct up_span body)
{
    struct up_span list;
    struct up_json json;
    uint8_t nonce[UP_NONCE_BYTES];
    if (!up_json_find(body, "nonces", &list)) return NULL;
    cJSON *nonces = cJSON_CreateArray();
    int n = 0;
    up_json_open(&json, list);
    for (up_json_array(&json); up_json_item(&json); n++) {
        struct up_span text = up_json_string(&json);
        char copy[2 * UP_NONCE_BYTES + 1];
        if (n == NONCES_MAX || up_hex_decode(text, nonce, sizeof nonce) != UP_NONCE_BYTES)
            up_json_fail(&json, UP_SCHEMA);
        else {
            snprintf(copy, sizeof copy, "%.*s", 2 * UP_NONCE_BYTES, (const char *)text.p);
            cJSON_AddItemToArray(nonces, cJSON_CreateString(copy));
        }
    }
    up_json_close(&json);
    if (json.err == UP_OK && n > 0) return nonces;
    cJSON_Delete(nonces);
    return NULL;
}

static void post_time(struct sim_backend *b, const struct sim_request *rq, const char *rest,
                      struct sim_reply *reply)
{
    (void)rest;
    struct sim_bytes file;
    cJSON *nonces = read_nonces((struct up_span){rq->body, rq->body_bytes});
    if (nonces == NULL)
        refuse(reply, 400, "expected {\"nonces\":[\"<32 hex digits>\",...]}");
    else if (!sim_director_time(b->director, nonces, b->now(b->now_ctx), &file))
        refuse(reply, 500, sim_director_why(b->director));
    else
        answer(reply, 200, file);
}

/* Routes, first match first */

static const struct route {
    const char *method, *path; /* ends with '/': a folder */
    size_t body_max;
    void (*handle)(struct sim_backend *b, const struct sim_request *rq, const char *rest,
                   struct sim_reply *reply);
} routes[] = {
    {"PUT", "/director/manifest", MANIFEST_MAX, put_manifest},
    {"POST", "/time", TIME_MAX, post_time},
    {"GET", "/director/", 0, get_director},
    {"GET", "/repo/targets/", 0, get_image},
    {"GET", "/repo/", 0, get_metadata},
};

static const struct route *route_of(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        size_t n = strlen(routes[i].path);
        bool folder = routes[i].path[n - 1] == '/';
        if (folder ? strncmp(path, routes[i].path, n) == 0 : strcmp(path, routes[i].path) == 0)
            return &routes[i];
    }
    return NULL;
}

size_t sim_backend_body_max(const char *path)
{
    const struct route *r = route_of(path);
    return r == NULL ? 0 : r->body_max;
}

void sim_backend_request(struct sim_backend *b, const struct sim_request *rq, struct sim_reply *reply)
{
    const struct route *r = route_of(rq->path);
    if (rq->vehicle == NULL)
        refuse(reply, 401, "a client certificate is required");
    else if (r == NULL)
        refuse(reply, 404, "no such path");
    else if (strcmp(r->method, rq->method) != 0)
        refuse(reply, 405, "not this method");
    else if (rq->body_bytes > r->body_max)
        refuse(reply, 413, "too many bytes");
    else
        r->handle(b, rq, rq->path + strlen(r->path), reply);
    if (b->tamper != NULL) b->tamper(b->tamper_ctx, rq, reply);
}
