/* The state port on SQLite: two tables in one file, write-ahead log, synchronous=FULL. Every value carries a
 * digest, because SQLite checks its structure but not the bytes that it stores. */
#include "metadata/crypto.h"
#include "primary/state.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG_BYTES 16
#define BUSY_MS   5000 /* another process reads status meanwhile */

#define STATEMENTS(X)                                                                                        \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                              \
    X(COMMIT, "COMMIT")                                                                                      \
    X(ROLLBACK, "ROLLBACK")                                                                                  \
    X(PUT, "INSERT INTO kv (key, tag, value) VALUES (?1, ?2, ?3) "                                           \
           "ON CONFLICT (key) DO UPDATE SET tag = ?2, value = ?3")                                           \
    X(GET, "SELECT tag, value FROM kv WHERE key = ?1")                                                       \
    X(REMOVE, "DELETE FROM kv WHERE key = ?1")                                                               \
    X(EVENT, "INSERT INTO history (time, cycle, ecu, what, err, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")    \
    X(FORGET, "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?1")
enum statement {
#define X(id, sql) id,
    STATEMENTS(X)
#undef X
        STATEMENT_COUNT
};
static const char *const sql_of[] = {
#define X(id, sql) sql,
    STATEMENTS(X)
#undef X
};

struct pri_state {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    int lock; /* -1: a reader, or in memory */
    bool in_transaction;
    enum up_err failed; /* the first error within the transaction: nothing of it will be stored */
};

static const char schema[] = "PRAGMA journal_mode = WAL;"
                             "BEGIN;"
                             "CREATE TABLE kv (key TEXT PRIMARY KEY NOT NULL, tag BLOB NOT NULL,"
                             " value BLOB NOT NULL);"
                             "CREATE TABLE history (id INTEGER PRIMARY KEY AUTOINCREMENT,"
                             " time INTEGER NOT NULL, cycle INTEGER NOT NULL, ecu TEXT NOT NULL,"
                             " what TEXT NOT NULL, err TEXT NOT NULL, detail TEXT NOT NULL);"
                             "PRAGMA user_version = 1;"
                             "COMMIT;";
static const char settings[] = "PRAGMA synchronous = FULL;"
                               "PRAGMA cache_size = -256;"
                               "PRAGMA journal_size_limit = 1048576;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA trusted_schema = OFF;";

/* --- errors --- */

static enum up_err verdict(const struct pri_state *s)
{
    int error = sqlite3_system_errno(s->db);
    switch (sqlite3_extended_errcode(s->db)) {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
        return UP_STORAGE_CORRUPT;
    }
    switch (sqlite3_errcode(s->db)) {
    case SQLITE_FULL:
        return UP_STORAGE_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return UP_STORAGE_CORRUPT;
    case SQLITE_IOERR:
        return error == ENOSPC || error == EDQUOT ? UP_STORAGE_FULL : UP_STORAGE_WRITE;
    default:
        return UP_STORAGE_WRITE;
    }
}

/* Within a transaction the first error sticks: SQLite may have rolled back already, and what follows must not
 * become durable on its own. */
static enum up_err fail(struct pri_state *s, enum up_err e)
{
    if (s->in_transaction && s->failed == UP_OK) s->failed = e;
    return e;
}

/* --- statements --- */

static sqlite3_stmt *prepared(struct pri_state *s, enum statement id)
{
    if (s->statements[id] == NULL)
        (void)sqlite3_prepare_v3(s->db, sql_of[id], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[id], NULL);
    return s->statements[id];
}

static void bind_text(sqlite3_stmt *q, int at, const char *text)
{
    sqlite3_bind_text(q, at, text, -1, SQLITE_STATIC);
}

static void bind_bytes(sqlite3_stmt *q, int at, struct up_span bytes)
{
    if (bytes.n == 0)
        sqlite3_bind_zeroblob(q, at, 0);
    else
        sqlite3_bind_blob64(q, at, bytes.p, bytes.n, SQLITE_STATIC);
}

static struct up_span column_bytes(sqlite3_stmt *q, int at)
{
    static const uint8_t nothing;
    const void *p = sqlite3_column_blob(q, at);
    return (struct up_span){p == NULL ? &nothing : p, (size_t)sqlite3_column_bytes(q, at)};
}

/* Runs what returns no rows. */
static enum up_err run(struct pri_state *s, sqlite3_stmt *q)
{
    int rc = q == NULL ? SQLITE_ERROR : sqlite3_step(q);
    enum up_err e = rc == SQLITE_DONE ? UP_OK : verdict(s);
    if (q != NULL) {
        sqlite3_reset(q);
        sqlite3_clear_bindings(q);
    }
    return e;
}

/* --- open and close --- */

static struct pri_state *give_up(struct pri_state *s, const char *path, const char *what, char *why,
                                 size_t why_size)
{
    snprintf(why, why_size, "%s: %s", path, what);
    pri_state_close(s);
    return NULL;
}

/* One Primary per state: an advisory lock beside the file (closing a descriptor of the file itself would drop
 * SQLite's own locks). The kernel frees it with the process. */
static bool take_lock(struct pri_state *s, const char *path, char *text, size_t size)
{
    char name[4096];
    int n = snprintf(name, sizeof name, "%s.lock", path);
    s->lock = n < (int)sizeof name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (s->lock < 0) {
        snprintf(text, size, "cannot make its lock file: %s", strerror(errno));
        return false;
    }
    if (flock(s->lock, LOCK_EX | LOCK_NB) == 0) {
        char pid[24];
        int digits = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        bool noted = ftruncate(s->lock, 0) == 0 && pwrite(s->lock, pid, (size_t)digits, 0) == digits;
        (void)noted; /* it is for the message below only */
        return true;
    }
    char pid[24] = "";
    if (pread(s->lock, pid, sizeof pid - 1, 0) < 0) pid[0] = '\0';
    snprintf(text, size, "in use by process %ld: two Primaries cannot share a state", strtol(pid, NULL, 10));
    return false;
}

/* SQLite gives its journal files the mode of the database: made here, before SQLite could with a wider one.
 */
static bool make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    bool ok = fchmod(fd, 0600) == 0;
    close(fd);
    return ok;
}

/* The first column of the only row of SQL. */
static bool ask(struct pri_state *s, const char *sql, char *answer, size_t size)
{
    sqlite3_stmt *q = NULL;
    bool ok = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW;
    if (ok) snprintf(answer, size, "%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    return ok;
}

static struct pri_state *open_state(const char *path, bool write, char *why, size_t why_size)
{
    char text[200];
    bool in_memory = strcmp(path, ":memory:") == 0;
    struct pri_state *s = calloc(1, sizeof *s);
    if (s == NULL) return give_up(s, path, "out of memory", why, why_size);
    s->lock = -1;
    if (write && !in_memory) {
        if (!take_lock(s, path, text, sizeof text)) return give_up(s, path, text, why, why_size);
        if (!make_private(path)) return give_up(s, path, strerror(errno), why, why_size);
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (in_memory ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
        return give_up(s, path, s->db == NULL ? "out of memory" : sqlite3_errmsg(s->db), why, why_size);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    if (sqlite3_exec(s->db, settings, NULL, NULL, NULL) != SQLITE_OK ||
        !ask(s, "PRAGMA user_version", text, sizeof text))
        return give_up(s, path, sqlite3_errmsg(s->db), why, why_size);
    long version = strtol(text, NULL, 10);
    if (version > 1) return give_up(s, path, "written by a newer version of this program", why, why_size);
    if (!ask(s, "PRAGMA quick_check(1)", text, sizeof text))
        return give_up(s, path, sqlite3_errmsg(s->db), why, why_size);
    if (strcmp(text, "ok") != 0) return give_up(s, path, text, why, why_size);
    const char *rest = !write ? "PRAGMA query_only = ON" : version == 0 ? schema : "";
    if (version == 0 && !write) return give_up(s, path, "nothing stored yet", why, why_size);
    if (sqlite3_exec(s->db, rest, NULL, NULL, NULL) != SQLITE_OK)
        return give_up(s, path, sqlite3_errmsg(s->db), why, why_size);
    return s;
}

struct pri_state *pri_state_open(const char *path, char *why, size_t why_size)
{
    return open_state(path, true, why, why_size);
}

struct pri_state *pri_state_open_reading(const char *path, char *why, size_t why_size)
{
    return open_state(path, false, why, why_size);
}

void pri_state_close(struct pri_state *s)
{
    if (s == NULL) return;
    for (int i = 0; i < STATEMENT_COUNT; i++) sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    if (s->lock >= 0) close(s->lock);
    free(s);
}

/* --- transactions --- */

enum up_err pri_state_begin(struct pri_state *s)
{
    assert(!s->in_transaction);
    s->failed = UP_OK;
    UP_TRY(run(s, prepared(s, BEGIN)));
    s->in_transaction = true;
    return UP_OK;
}

void pri_state_rollback(struct pri_state *s)
{
    s->in_transaction = false;
    if (!sqlite3_get_autocommit(s->db)) (void)run(s, prepared(s, ROLLBACK));
}

enum up_err pri_state_commit(struct pri_state *s)
{
    assert(s->in_transaction);
    enum up_err e = s->failed != UP_OK ? s->failed : run(s, prepared(s, COMMIT));
    if (e != UP_OK) pri_state_rollback(s);
    s->in_transaction = false;
    return e;
}

/* Statements that belong together, in the caller's transaction or in one of their own. */
static enum up_err begin_within(struct pri_state *s, bool *own)
{
    *own = !s->in_transaction;
    return *own ? pri_state_begin(s) : s->failed;
}

static enum up_err end_within(struct pri_state *s, bool own, enum up_err e)
{
    if (!own) return e;
    if (e == UP_OK) return pri_state_commit(s);
    pri_state_rollback(s);
    return e;
}

/* --- keys and values --- */

static void tag_of(const char *key, struct up_span value, uint8_t tag[UP_SHA256_BYTES])
{
    struct up_hash h;
    up_hash_begin(&h, UP_SHA256);
    up_hash_add(&h, (struct up_span){(const uint8_t *)key, strlen(key) + 1});
    up_hash_add(&h, value);
    up_hash_end(&h, tag);
}

static bool tag_fits(const char *key, struct up_span value, struct up_span tag)
{
    uint8_t expected[UP_SHA256_BYTES];
    tag_of(key, value, expected);
    return up_span_eq(tag, (struct up_span){expected, TAG_BYTES});
}

enum up_err pri_state_put(struct pri_state *s, const char *key, struct up_span value)
{
    if (s->in_transaction && s->failed != UP_OK) return s->failed;
    sqlite3_stmt *q = prepared(s, PUT);
    uint8_t tag[UP_SHA256_BYTES];
    tag_of(key, value, tag);
    bind_text(q, 1, key);
    bind_bytes(q, 2, (struct up_span){tag, TAG_BYTES});
    bind_bytes(q, 3, value);
    return fail(s, run(s, q));
}

enum up_err pri_state_remove(struct pri_state *s, const char *key)
{
    if (s->in_transaction && s->failed != UP_OK) return s->failed;
    sqlite3_stmt *q = prepared(s, REMOVE);
    bind_text(q, 1, key);
    return fail(s, run(s, q));
}

static enum up_err copy_value(const char *key, sqlite3_stmt *q, struct up_span *value)
{
    struct up_span stored = column_bytes(q, 1);
    if (!tag_fits(key, stored, column_bytes(q, 0))) return UP_STORAGE_CORRUPT;
    uint8_t *copy = malloc(stored.n == 0 ? 1 : stored.n);
    if (copy == NULL) return UP_STORAGE_WRITE;
    memcpy(copy, stored.p, stored.n);
    *value = (struct up_span){copy, stored.n};
    return UP_OK;
}

enum up_err pri_state_get(struct pri_state *s, const char *key, struct up_span *value)
{
    sqlite3_stmt *q = prepared(s, GET);
    if (q == NULL) return verdict(s);
    bind_text(q, 1, key);
    int rc = sqlite3_step(q);
    enum up_err e = rc == SQLITE_ROW    ? copy_value(key, q, value)
                    : rc == SQLITE_DONE ? UP_UNAVAILABLE
                                        : verdict(s);
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return e;
}

enum up_err pri_state_each(struct pri_state *s, const char *prefix,
                           bool (*each)(void *ctx, const char *key, struct up_span value), void *ctx)
{
    static const char sql[] = "SELECT tag, value, key FROM kv WHERE key >= ?1 ORDER BY key";
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK) return verdict(s);
    bind_text(q, 1, prefix);
    size_t n = strlen(prefix);
    enum up_err e = UP_OK;
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(q, 2);
        struct up_span value = column_bytes(q, 1);
        if (key == NULL || strncmp(key, prefix, n) != 0) break;
        if (!tag_fits(key, value, column_bytes(q, 0)))
            e = UP_STORAGE_CORRUPT; /* told at the end; the others are still shown */
        else if (!each(ctx, key, value))
            break;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) e = verdict(s);
    sqlite3_finalize(q);
    return e;
}

/* --- history --- */

enum up_err pri_history_add(struct pri_state *s, const struct pri_event *event)
{
    bool own;
    UP_TRY(begin_within(s, &own));
    sqlite3_stmt *q = prepared(s, EVENT);
    sqlite3_bind_int64(q, 1, event->time_s);
    sqlite3_bind_int64(q, 2, (sqlite3_int64)event->cycle);
    bind_text(q, 3, event->ecu);
    bind_text(q, 4, event->what);
    bind_text(q, 5, up_err_name(event->err));
    bind_text(q, 6, event->detail);
    enum up_err e = run(s, q);
    if (e == UP_OK) {
        q = prepared(s, FORGET);
        sqlite3_bind_int(q, 1, PRI_HISTORY_MAX);
        e = run(s, q);
    }
    return end_within(s, own, fail(s, e));
}

static enum up_err err_named(const char *name)
{
    for (enum up_err e = UP_OK; e < UP_ERR_COUNT; e++)
        if (strcmp(up_err_name(e), name) == 0) return e;
    return UP_STORAGE_CORRUPT; /* of another version of this program, or damaged */
}

enum up_err pri_history_each(struct pri_state *s, unsigned last,
                             bool (*each)(void *ctx, const struct pri_event *e), void *ctx)
{
    static const char sql[] = "SELECT time, cycle, ecu, what, err, detail FROM"
                              " (SELECT * FROM history ORDER BY id DESC LIMIT ?1) ORDER BY id";
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK) return verdict(s);
    sqlite3_bind_int64(q, 1, last);
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *text[4];
        for (int i = 0; i < 4; i++) {
            text[i] = (const char *)sqlite3_column_text(q, 2 + i);
            if (text[i] == NULL) text[i] = "";
        }
        struct pri_event e = {.time_s = sqlite3_column_int64(q, 0),
                              .cycle = (uint64_t)sqlite3_column_int64(q, 1),
                              .ecu = text[0],
                              .what = text[1],
                              .err = err_named(text[2]),
                              .detail = text[3]};
        if (!each(ctx, &e)) break;
    }
    enum up_err e = rc == SQLITE_ROW || rc == SQLITE_DONE ? UP_OK : verdict(s);
    sqlite3_finalize(q);
    return e;
}
