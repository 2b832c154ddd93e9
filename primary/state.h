/* The state port: everything that the Primary must still know after a power cut, by key; and its history.
 * Adapter: state_sqlite.c (WAL, synchronous=FULL, mode 0600, integrity checked at open).
 *
 * Keys are paths: "director/1.root.json", "director/floors", "clock", "report/brake", "bundle/chassis".
 * One process at a time has a state open for writing. STORAGE_FULL, STORAGE_WRITE, STORAGE_CORRUPT: a value
 * that is not what was stored is never returned. An error within a transaction ends it: what follows fails
 * too, and commit() stores nothing.
 *
 * A write outside begin/commit is durable when it returns; inside, all become durable at commit, or none. */
#ifndef PRIMARY_STATE_H
#define PRIMARY_STATE_H

#include "metadata/err.h"
#include "metadata/span.h"

struct pri_event {  /* one line of the history: what happened to whom, and the verdict */
    int64_t time_s; /* attested time at the event; 0: unknown */
    uint64_t cycle;
    const char *ecu;  /* "" for the vehicle */
    const char *what; /* "installed", "refused", "fetched"... */
    enum up_err err;
    const char *detail; /* printable, bounded by the writer */
};

struct pri_state;
struct pri_state *pri_state_open(const char *path, char *why,
                                 size_t why_size); /* ":memory:" for simulations */
/* To look at it while a Primary may be running; nothing can be stored. NULL: none there, or damaged. */
struct pri_state *pri_state_open_reading(const char *path, char *why, size_t why_size);
void pri_state_close(struct pri_state *s);

enum up_err pri_state_begin(struct pri_state *s) UP_NODISCARD;
enum up_err pri_state_commit(struct pri_state *s) UP_NODISCARD;
void pri_state_rollback(struct pri_state *s);

enum up_err pri_state_put(struct pri_state *s, const char *key, struct up_span value) UP_NODISCARD;
/* UNAVAILABLE: no such key. The value is malloc'd: free((void *)value->p). */
enum up_err pri_state_get(struct pri_state *s, const char *key, struct up_span *value) UP_NODISCARD;
enum up_err pri_state_remove(struct pri_state *s, const char *key) UP_NODISCARD;
/* Keys that start with PREFIX, in order, until EACH returns false. */
enum up_err pri_state_each(struct pri_state *s, const char *prefix,
                           bool (*each)(void *ctx, const char *key, struct up_span value),
                           void *ctx) UP_NODISCARD;

#define PRI_HISTORY_MAX 1000
/* Appends; the oldest beyond PRI_HISTORY_MAX go. */
enum up_err pri_history_add(struct pri_state *s, const struct pri_event *e) UP_NODISCARD;
/* The newest LAST events, oldest first. */
enum up_err pri_history_each(struct pri_state *s, unsigned last,
                             bool (*each)(void *ctx, const struct pri_event *e), void *ctx) UP_NODISCARD;

#endif
