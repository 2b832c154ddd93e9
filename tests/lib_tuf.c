#include "tests/lib_tuf.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <dirent.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metadata/encode.h"
#include "tests/lib_folder.h"

#define PROFILE (&up_profile_tuf)

struct tuf_repo tuf_repo;
static struct MHD_Daemon *daemon_;
static unsigned port;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- authoring ---- */

struct up_span *tuf_last(unsigned role)
{
    struct tuf_role *r = &tuf_repo.role[role];
    ck_assert_uint_gt(r->files, 0);
    return &r->file[r->files - 1];
}

void tuf_unpublish(unsigned role)
{
    tuf_repo.role[role].files = 0;
    tuf_repo.role[role].version = 0;
}

static char *hex_of(struct up_span bytes, enum up_hash_kind kind)
{
    uint8_t digest[UP_SHA512_BYTES];
    char hex[2 * UP_SHA512_BYTES];
    size_t n = kind == UP_SHA256 ? UP_SHA256_BYTES : UP_SHA512_BYTES;
    struct up_hash h;
    up_hash_begin(&h, kind);
    up_hash_add(&h, bytes);
    up_hash_end(&h, digest);
    up_hex_encode(digest, n, hex);
    return author_text("%.*s", (int)(2 * n), hex);
}

static char *named(const struct tuf_role *r)
{
    struct up_span file = r->file[r->files - 1];
    if (!tuf_repo.hashes) return author_text("{\"version\":%u}", r->version);
    return author_text("{\"hashes\":{\"sha256\":\"%s\"},\"length\":%zu,\"version\":%u}",
                       hex_of(file, UP_SHA256), file.n, r->version);
}

static char *head(const struct tuf_role *r, const char *type)
{
    return author_text("\"_type\":\"%s\",\"expires\":\"%s\",\"spec_version\":\"1.0.31\",\"version\":%u,%s",
                       type, r->expires, r->version, r->extra);
}

static char *root_body(const struct tuf_role *r)
{
    uint32_t keys = 0;
    char *roles = author_text("%s", "");
    for (unsigned i = TUF_ROOT; i <= TUF_TARGETS; i++) {
        const struct tuf_role *role = &tuf_repo.role[i];
        keys |= role->keys;
        roles = author_text("%s%s\"%s\":{\"keyids\":%s,\"threshold\":%u}", roles, i > 0 ? "," : "",
                            role->name, author_keyids(PROFILE, role->keys), role->threshold);
    }
    return author_text("{%s\"consistent_snapshot\":%s,\"keys\":%s,\"roles\":{%s}}", head(r, "root"),
                       tuf_repo.consistent ? "true" : "false", author_keys(PROFILE, keys), roles);
}

static char *snapshot_body(const struct tuf_role *r)
{
    char *meta = author_text("%s", "");
    for (unsigned i = TUF_TARGETS; i < TUF_ROLES; i++)
        if (tuf_repo.role[i].meta != NULL)
            meta = author_text("%s%s\"%s.json\":%s", meta, meta[0] ? "," : "", tuf_repo.role[i].name,
                               tuf_repo.role[i].meta);
    return author_text("{%s\"meta\":{%s}}", head(r, "snapshot"), meta);
}

static char *targets_body(const struct tuf_role *r)
{
    char *list = author_text("%s", "");
    uint32_t keys = 0;
    for (unsigned i = TUF_A; i < TUF_ROLES; i++) keys |= tuf_repo.role[i].keys;
    if (r->delegations[0] != '\0')
        list = author_text("\"delegations\":{\"keys\":%s,\"roles\":[%s]},", author_keys(PROFILE, keys),
                           r->delegations);
    return author_text("{%s%s\"targets\":{%s}}", head(r, "targets"), list, r->targets);
}

static char *body_of(unsigned role)
{
    const struct tuf_role *r = &tuf_repo.role[role];
    if (role == TUF_ROOT) return root_body(r);
    if (role == TUF_SNAPSHOT) return snapshot_body(r);
    if (role >= TUF_TARGETS) return targets_body(r);
    return author_text("{%s\"meta\":{\"snapshot.json\":%s}}", head(r, "timestamp"),
                       tuf_repo.role[TUF_SNAPSHOT].meta);
}

/* As other generators write: indented, one member a line. */
static struct up_span pretty(struct up_span file)
{
    cJSON *tree = cJSON_ParseWithLength((const char *)file.p, file.n);
    char *text = cJSON_Print(tree);
    struct up_span out = up_span_of(author_text("%s\n", text));
    cJSON_free(text);
    cJSON_Delete(tree);
    return out;
}

static void publish(unsigned role)
{
    struct tuf_role *r = &tuf_repo.role[role];
    r->version++;
    char *body = body_of(role);
    if (r->from != NULL) body = author_with(body, r->from, r->to);
    r->from = NULL;
    struct up_span file = author_sign(PROFILE, r->signers ? r->signers : r->keys, body);
    pthread_mutex_lock(&lock);
    ck_assert_uint_lt(r->files, TUF_FILES);
    r->file[r->files++] = tuf_repo.pretty ? pretty(file) : file;
    pthread_mutex_unlock(&lock);
    r->meta = named(r);
}

void tuf_publish(const char *roles)
{
    char *list = author_text("%s", roles), *save = NULL;
    for (char *name = strtok_r(list, " ", &save); name != NULL; name = strtok_r(NULL, " ", &save)) {
        unsigned role = 0;
        while (role < TUF_ROLES && strcmp(tuf_repo.role[role].name, name) != 0) role++;
        ck_assert_msg(role < TUF_ROLES, "no role %s", name);
        publish(role);
    }
}

void tuf_delegate(unsigned from, unsigned to, const char *patterns, const char *extra)
{
    struct tuf_role *f = &tuf_repo.role[from], *t = &tuf_repo.role[to];
    char *entry = author_text("{\"name\":\"%s\",\"keyids\":%s,\"threshold\":%u,%s\"paths\":[%s]}", t->name,
                              author_keyids(PROFILE, t->keys), t->threshold, extra, patterns);
    f->delegations = author_text("%s%s%s", f->delegations, f->delegations[0] ? "," : "", entry);
}

/* ---- artifacts ---- */

void tuf_substitute(const char *name, const char *text)
{
    unsigned i = 0;
    pthread_mutex_lock(&lock);
    while (i < tuf_repo.artifacts && strcmp(tuf_repo.artifact[i].name, name) != 0) i++;
    ck_assert_uint_lt(i, 32);
    struct tuf_artifact *a = &tuf_repo.artifact[i];
    if (i == tuf_repo.artifacts) {
        snprintf(a->name, sizeof a->name, "%s", name);
        tuf_repo.artifacts++;
    }
    a->bytes = up_span_of(author_text("%s", text));
    pthread_mutex_unlock(&lock);
}

void tuf_add(unsigned role, const char *name, const char *text)
{
    struct tuf_role *r = &tuf_repo.role[role];
    struct up_span bytes = up_span_of(text);
    tuf_substitute(name, text);
    for (unsigned i = 0; i < tuf_repo.artifacts; i++) {
        struct tuf_artifact *a = &tuf_repo.artifact[i];
        if (strcmp(a->name, name) != 0) continue;
        snprintf(a->sha256, sizeof a->sha256, "%s", hex_of(bytes, UP_SHA256));
        snprintf(a->sha512, sizeof a->sha512, "%s", hex_of(bytes, UP_SHA512));
    }
    /* listed anew: what the role said of it before goes */
    char *before = r->targets[0] ? strstr(r->targets, author_text("\"%s\":{", name)) : NULL;
    if (before != NULL) {
        char *after = strstr(before, "}}");
        ck_assert_ptr_nonnull(after);
        after += 2;
        if (*after == ',') after++;
        r->targets = author_text("%.*s%s", (int)(before - r->targets), r->targets, after);
        size_t n = strlen(r->targets);
        if (n > 0 && r->targets[n - 1] == ',') r->targets[n - 1] = '\0';
    }
    r->targets = author_text("%s%s\"%s\":{\"length\":%zu,\"hashes\":{\"sha256\":\"%s\"}}", r->targets,
                             r->targets[0] ? "," : "", name, bytes.n, hex_of(bytes, UP_SHA256));
}

/* ---- the server ---- */

static void note(char *log, size_t cap, const char *what)
{
    size_t used = strlen(log);
    snprintf(log + used, cap - used, "%s ", what);
}

/* Names of roles as the URL has them are compared encoded: unreserved characters and two hex digits. */
static char *encoded(const char *name)
{
    char text[UP_FILE_NAME_MAX];
    size_t n = up_file_name(PROFILE, up_span_of(name), 0, text);
    return author_text("%.*s", (int)(n - strlen(".json")), text);
}

static struct up_span find_metadata(const char *path)
{
    char name[UP_FILE_NAME_MAX];
    unsigned version = 0;
    int skip = 0;
    snprintf(name, sizeof name, "%s", path);
    char *json = strstr(name, ".json");
    if (json != NULL) *json = '\0';
    bool root = strlen(name) > 5 && strcmp(name + strlen(name) - 5, ".root") == 0;
    if ((root || tuf_repo.consistent) && strcmp(name, "timestamp") != 0 &&
        sscanf(name, "%u.%n", &version, &skip) != 1)
        skip = 0;
    note(tuf_repo.log, sizeof tuf_repo.log,
         version > 0 ? author_text("%s/%u", name + skip, version) : author_text("%s", name));
    for (unsigned i = 0; i < TUF_ROLES; i++) {
        const struct tuf_role *r = &tuf_repo.role[i];
        if (strcmp(encoded(r->name), name + skip) != 0 || r->files == 0) continue;
        if (version == 0) return r->file[r->files - 1];
        return version <= r->files ? r->file[version - 1] : (struct up_span){0};
    }
    return (struct up_span){0};
}

static struct up_span find_artifact(const char *path)
{
    for (unsigned i = 0; i < tuf_repo.artifacts; i++) {
        const struct tuf_artifact *a = &tuf_repo.artifact[i];
        const char *slash = strrchr(a->name, '/'), *base = slash == NULL ? a->name : slash + 1;
        int folder = (int)(base - a->name);
        const char *prefix[] = {a->sha256, a->sha512, ""};
        for (unsigned k = tuf_repo.consistent ? 0 : 2; k < (tuf_repo.consistent ? 2 : 3); k++) {
            char *url = author_text("%.*s%s%s%s", folder, a->name, prefix[k], *prefix[k] ? "." : "", base);
            if (strcmp(url, path) != 0) continue;
            note(tuf_repo.artifact_log, sizeof tuf_repo.artifact_log,
                 author_text("%s%s",
                             k == 0   ? "sha256/"
                             : k == 1 ? "sha512/"
                                      : "",
                             a->name));
            return a->bytes;
        }
    }
    note(tuf_repo.artifact_log, sizeof tuf_repo.artifact_log, author_text("?%s", path));
    return (struct up_span){0};
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    (void)ctx, (void)method, (void)version, (void)upload, (void)upload_size, (void)request;
    struct up_span file = {0};
    pthread_mutex_lock(&lock);
    if (strncmp(url, "/metadata/", 10) == 0) file = find_metadata(url + 10);
    if (strncmp(url, "/targets/", 9) == 0) file = find_artifact(url + 9);
    pthread_mutex_unlock(&lock);
    struct MHD_Response *r =
        MHD_create_response_from_buffer(file.n, (void *)(uintptr_t)file.p, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result queued = MHD_queue_response(connection, file.p != NULL ? 200 : 404, r);
    MHD_destroy_response(r);
    return queued;
}

static size_t as_it_came(void *ctx, struct MHD_Connection *connection, char *text)
{
    (void)ctx, (void)connection;
    return strlen(text);
}

void tuf_open(void)
{
    static const char *const names[] = {"root", "timestamp", "snapshot", "targets", "A", "B", "C", "D"};
    folder_enter();
    tuf_repo = (struct tuf_repo){.consistent = true};
    for (unsigned i = 0; i < TUF_ROLES; i++)
        tuf_repo.role[i] = (struct tuf_role){.name = names[i],
                                             .expires = TUF_EXPIRES,
                                             .keys = KEY(i),
                                             .threshold = 1,
                                             .extra = author_text("%s", ""),
                                             .targets = author_text("%s", ""),
                                             .delegations = author_text("%s", "")};
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    daemon_ = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, NULL,
                               MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&any, MHD_OPTION_UNESCAPE_CALLBACK,
                               as_it_came, NULL, MHD_OPTION_END);
    ck_assert_ptr_nonnull(daemon_);
    port = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT)->port;
    tuf_publish("targets snapshot timestamp root");
}

void tuf_close(void)
{
    MHD_stop_daemon(daemon_);
    folder_leave();
}

/* ---- the client ---- */

static const char *program(void)
{
    static char path[600];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 40);
    ck_assert_int_gt(n, 0);
    path[n] = '\0';
    for (int up = 0; up < 2; up++) *strrchr(path, '/') = '\0'; /* build/tests/test_tuf_client */
    strcat(path, "/isoctane-tuf");
    return path;
}

int tuf_run(const char *const *arguments)
{
    const char *argv[24] = {"isoctane-tuf"}, *path = program();
    int status;
    for (int i = 0; arguments[i] != NULL; i++) argv[i + 1] = arguments[i];
    pid_t child = fork();
    if (child == 0) {
        int err = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(err, STDERR_FILENO);
        dup2(err, STDOUT_FILENO);
        execv(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "%s", tuf_said());
    return WEXITSTATUS(status);
}

const char *tuf_said(void)
{
    size_t n;
    char *text = folder_read("err", &n), *kept = author_text("%s", text == NULL ? "" : text);
    free(text);
    return kept;
}

int tuf_init_with(struct up_span root)
{
    folder_write("first.json", root.p, root.n);
    return tuf_run((const char *const[]){"--metadata-dir", "m", "init", "first.json", NULL});
}

int tuf_init(void)
{
    return tuf_init_with(tuf_repo.role[TUF_ROOT].file[0]);
}

static const char *url(const char *what)
{
    return author_text("http://127.0.0.1:%u/%s/", port, what);
}

int tuf_refresh_at(const char *now)
{
    tuf_repo.log[0] = '\0';
    return tuf_run((const char *const[]){"--now", now, "--metadata-url", url("metadata"), "--metadata-dir",
                                         "m", "refresh", NULL});
}

int tuf_refresh(void)
{
    return tuf_refresh_at(TUF_NOW);
}

int tuf_download_at(const char *now, const char *first, const char *second)
{
    tuf_repo.log[0] = tuf_repo.artifact_log[0] = '\0';
    return tuf_run((const char *const[]){"--now", now, "--metadata-url", url("metadata"), "--metadata-dir",
                                         "m", "--target-name", first, "--target-dir", "t",
                                         "--target-base-url", url("targets"), "download",
                                         second == NULL ? NULL : "--target-name", second, NULL});
}

int tuf_download(const char *name)
{
    return tuf_download_at(TUF_NOW, name, NULL);
}

static int not_hidden(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* "NAME" or what TELL says of it, for every file of FOLDER, by name. */
static const char *listing(const char *folder, char *(*tell)(const char *name, struct up_span bytes))
{
    struct dirent **entry;
    char *out = author_text("%s", "");
    int n = scandir(folder, &entry, not_hidden, alphasort);
    for (int i = 0; i < n; i++) {
        size_t size;
        char *text = folder_read(author_text("%s/%s", folder, entry[i]->d_name), &size);
        out = author_text("%s%s%s", out, out[0] ? ", " : "",
                          tell(entry[i]->d_name, (struct up_span){(uint8_t *)text, size}));
        free(text);
        free(entry[i]);
    }
    if (n >= 0) free(entry);
    return out;
}

static char *with_version(const char *name, struct up_span bytes)
{
    struct up_span body, version;
    ck_assert(up_json_find(bytes, "signed", &body) && up_json_find(body, "version", &version));
    return author_text("%.*s %.*s", (int)(strlen(name) - strlen(".json")), name, TEXT(version));
}

const char *tuf_trusted(void)
{
    return listing("m", with_version);
}

bool tuf_trusts(const char *file, struct up_span bytes)
{
    size_t n;
    char *text = folder_read(author_text("m/%s", file), &n);
    bool same = text != NULL && up_span_eq((struct up_span){(uint8_t *)text, n}, bytes);
    free(text);
    return same;
}

static char *with_bytes(const char *name, struct up_span bytes)
{
    return author_text("%s=%.*s", name, TEXT(bytes));
}

const char *tuf_downloaded(void)
{
    return listing("t", with_bytes);
}
