#include "sim/inventory.h"

#include "metadata/crypto_openssl.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SIM_PEM_MAX (2 * UP_KEY_BYTES)

struct sim_inventory {
    sqlite3 *db;
    char why[SIM_WHY_MAX];
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS vehicles(id TEXT PRIMARY KEY, campaigns INTEGER NOT NULL DEFAULT 0,"
    "  campaign TEXT NOT NULL DEFAULT '');"
    "CREATE TABLE IF NOT EXISTS ecus(serial TEXT PRIMARY KEY, vehicle TEXT NOT NULL REFERENCES vehicles,"
    "  hardware_id TEXT NOT NULL, is_primary INTEGER NOT NULL, scheme TEXT NOT NULL, pem TEXT NOT NULL "
    "UNIQUE,"
    "  keyid TEXT NOT NULL UNIQUE, counter INTEGER NOT NULL DEFAULT 0, report BLOB NOT NULL DEFAULT x'',"
    "  reported_s INTEGER NOT NULL DEFAULT 0, image TEXT NOT NULL DEFAULT '', sha256 TEXT NOT NULL DEFAULT "
    "'',"
    "  attacks TEXT NOT NULL DEFAULT '', ordered TEXT NOT NULL DEFAULT '', bundle TEXT NOT NULL DEFAULT '',"
    "  entry TEXT NOT NULL DEFAULT '');"
    "CREATE UNIQUE INDEX IF NOT EXISTS one_primary ON ecus(vehicle) WHERE is_primary;"
    "CREATE TABLE IF NOT EXISTS manifests(vehicle TEXT NOT NULL, received_s INTEGER NOT NULL,"
    "  verdict TEXT NOT NULL, ecu TEXT NOT NULL, manifest BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS issues(vehicle TEXT NOT NULL, role TEXT NOT NULL, version INTEGER NOT NULL,"
    "  named INTEGER NOT NULL, root INTEGER NOT NULL, expires_s INTEGER NOT NULL, content TEXT NOT NULL,"
    "  file BLOB NOT NULL, PRIMARY KEY(vehicle, role, version));";

/* Statements. Arguments by letter: t text, i int64_t, b struct up_span. */

static bool bind_all(sqlite3_stmt *s, const char *letters, va_list args)
{
    int rc = SQLITE_OK;
    for (int i = 0; letters[i] != '\0' && rc == SQLITE_OK; i++) {
        if (letters[i] == 't')
            rc = sqlite3_bind_text(s, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        else if (letters[i] == 'i')
            rc = sqlite3_bind_int64(s, i + 1, va_arg(args, int64_t));
        else {
            struct up_span b = va_arg(args, struct up_span);
            rc = sqlite3_bind_blob64(s, i + 1, b.p != NULL ? (const void *)b.p : "", b.n, SQLITE_TRANSIENT);
        }
    }
    return rc == SQLITE_OK;
}

/* A statement with its arguments bound; NULL: why. Finalize it. */
static sqlite3_stmt *query(struct sim_inventory *v, const char *sql, const char *letters, ...)
{
    sqlite3_stmt *s = NULL;
    va_list args;
    va_start(args, letters);
    bool ok = sqlite3_prepare_v2(v->db, sql, -1, &s, NULL) == SQLITE_OK && bind_all(s, letters, args);
    va_end(args);
    if (ok) return s;
    sim_say(v->why, "director.db: %s", sqlite3_errmsg(v->db));
    sqlite3_finalize(s);
    return NULL;
}

/* Runs a statement that returns no rows, and finalizes it. */
static bool run(struct sim_inventory *v, sqlite3_stmt *s)
{
    bool ok = s != NULL && sqlite3_step(s) == SQLITE_DONE;
    if (s != NULL && !ok) sim_say(v->why, "director.db: %s", sqlite3_errmsg(v->db));
    sqlite3_finalize(s);
    return ok;
}

/* As run(), and something must have changed, else WHAT is unknown. */
static bool run_on(struct sim_inventory *v, sqlite3_stmt *s, const char *what, const char *id)
{
    if (!run(v, s)) return false;
    return sqlite3_changes(v->db) > 0 || sim_say(v->why, "%s: no such %s in the inventory", id, what);
}

static void copy_text(sqlite3_stmt *s, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
}

static struct sim_bytes copy_blob(sqlite3_stmt *s, int column)
{
    const void *p = sqlite3_column_blob(s, column);
    size_t n = (size_t)sqlite3_column_bytes(s, column);
    struct sim_bytes b = {malloc(n + 1), n};
    if (b.p == NULL) abort();
    if (n > 0) memcpy(b.p, p, n);
    b.p[n] = 0;
    return b;
}

static char *copy_string(sqlite3_stmt *s, int column)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    char *copy = strdup(text != NULL ? (const char *)text : "");
    if (copy == NULL) abort();
    return copy;
}

/* Opening, transactions */

struct sim_inventory *sim_inventory_open(const char *path, char why[SIM_WHY_MAX])
{
    struct sim_inventory *v = calloc(1, sizeof *v);
    if (v == NULL) return NULL;
    bool ok =
        sqlite3_open(path, &v->db) == SQLITE_OK && sqlite3_busy_timeout(v->db, 5000) == SQLITE_OK &&
        sqlite3_exec(v->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
                     NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(v->db, schema, NULL, NULL, NULL) == SQLITE_OK;
    if (ok) return v;
    sim_say(why, "%s: %s", path, sqlite3_errmsg(v->db));
    sim_inventory_close(v);
    return NULL;
}

void sim_inventory_close(struct sim_inventory *v)
{
    if (v == NULL) return;
    sqlite3_close(v->db);
    free(v);
}

const char *sim_inventory_why(const struct sim_inventory *v)
{
    return v->why;
}

bool sim_inventory_begin(struct sim_inventory *v)
{
    return run(v, query(v, "BEGIN IMMEDIATE", ""));
}

bool sim_inventory_commit(struct sim_inventory *v)
{
    if (run(v, query(v, "COMMIT", ""))) return true;
    sqlite3_exec(v->db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

void sim_inventory_rollback(struct sim_inventory *v)
{
    sqlite3_exec(v->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Vehicles and ECUs */

bool sim_inventory_add_vehicle(struct sim_inventory *v, const char *id)
{
    return run(v, query(v, "INSERT INTO vehicles(id) VALUES(?)", "t", id));
}

bool sim_inventory_has_vehicle(struct sim_inventory *v, const char *id)
{
    sqlite3_stmt *s = query(v, "SELECT 1 FROM vehicles WHERE id = ?", "t", id);
    bool found = s != NULL && sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return found;
}

char **sim_inventory_vehicles(struct sim_inventory *v, size_t *n)
{
    sqlite3_stmt *s = query(v,
                            "SELECT group_concat(id, char(10)), count(*), coalesce(sum(length(id) + 1), 0)"
                            " FROM (SELECT id FROM vehicles ORDER BY id)",
                            "");
    if (s == NULL || sqlite3_step(s) != SQLITE_ROW) {
        sqlite3_finalize(s);
        return NULL;
    }
    *n = (size_t)sqlite3_column_int64(s, 1);
    size_t size = (size_t)sqlite3_column_int64(s, 2) + 1;
    char **list = malloc((*n + 1) * sizeof *list + size);
    if (list == NULL) abort();
    char *text = (char *)&list[*n + 1], *rest = NULL;
    copy_text(s, 0, text, size);
    size_t i = 0;
    for (char *id = strtok_r(text, "\n", &rest); id != NULL; id = strtok_r(NULL, "\n", &rest)) list[i++] = id;
    list[i] = NULL;
    sqlite3_finalize(s);
    return list;
}

bool sim_inventory_add_ecu(struct sim_inventory *v, const char *vehicle, const struct sim_ecu *e)
{
    char pem[SIM_PEM_MAX] = {0};
    if (up_key_to_pem(&e->key, pem, sizeof pem - 1) == 0)
        return sim_say(v->why, "%s: its key has no PEM form", e->serial);
    return run(v, query(v,
                        "INSERT INTO ecus(serial, vehicle, hardware_id, is_primary, scheme, pem, keyid)"
                        " VALUES(?,?,?,?,?,?,?)",
                        "tttittt", e->serial, vehicle, e->hardware_id, (int64_t)e->primary,
                        up_scheme_name(e->key.scheme), pem, e->keyid));
}

bool sim_inventory_remove_ecu(struct sim_inventory *v, const char *vehicle, const char *serial)
{
    return run_on(v, query(v, "DELETE FROM ecus WHERE vehicle = ? AND serial = ?", "tt", vehicle, serial),
                  "ECU", serial);
}

void sim_ecus_free(struct sim_ecus *e)
{
    for (size_t i = 0; i < e->n; i++) {
        sim_bytes_free(&e->ecu[i].report);
        free(e->ecu[i].order.entry);
    }
    free(e->ecu);
    *e = (struct sim_ecus){0};
}

static void read_ecu(sqlite3_stmt *s, struct sim_ecu *e)
{
    *e = (struct sim_ecu){0};
    copy_text(s, 0, e->serial, sizeof e->serial);
    copy_text(s, 1, e->hardware_id, sizeof e->hardware_id);
    e->primary = sqlite3_column_int(s, 2) != 0;
    char scheme[32], pem[SIM_PEM_MAX];
    copy_text(s, 3, scheme, sizeof scheme);
    copy_text(s, 4, pem, sizeof pem);
    if (!up_key_from_pem(up_scheme_named(up_span_of(scheme)), up_span_of(pem), &e->key))
        e->key.scheme = UP_SCHEME_NONE; /* verifies nothing */
    copy_text(s, 5, e->keyid, sizeof e->keyid);
    e->counter = (uint64_t)sqlite3_column_int64(s, 6);
    e->report = copy_blob(s, 7);
    e->reported_s = sqlite3_column_int64(s, 8);
    copy_text(s, 9, e->image, sizeof e->image);
    copy_text(s, 10, e->sha256, sizeof e->sha256);
    copy_text(s, 11, e->attacks, sizeof e->attacks);
    copy_text(s, 12, e->order.image, sizeof e->order.image);
    copy_text(s, 13, e->order.bundle, sizeof e->order.bundle);
    e->order.entry = copy_string(s, 14);
}

bool sim_inventory_ecus(struct sim_inventory *v, const char *vehicle, struct sim_ecus *out)
{
    struct sim_ecus list = {0};
    sqlite3_stmt *s = query(v,
                            "SELECT serial, hardware_id, is_primary, scheme, pem, keyid, counter, report,"
                            " reported_s, image, sha256, attacks, ordered, bundle, entry FROM ecus"
                            " WHERE vehicle = ? ORDER BY serial",
                            "t", vehicle);
    if (s == NULL) return false;
    while (sqlite3_step(s) == SQLITE_ROW) {
        struct sim_ecu *more = realloc(list.ecu, (list.n + 1) * sizeof *more);
        if (more == NULL) abort();
        list.ecu = more;
        read_ecu(s, &list.ecu[list.n++]);
    }
    sqlite3_finalize(s);
    *out = list;
    return true;
}

/* Orders */

bool sim_inventory_set_order(struct sim_inventory *v, const char *vehicle, const char *serial,
                             const struct sim_inventory_order *o)
{
    return run_on(v,
                  query(v,
                        "UPDATE ecus SET ordered = ?, bundle = ?, entry = ? WHERE vehicle = ? AND serial = ?",
                        "ttttt", o->image, o->bundle, o->entry != NULL ? o->entry : "", vehicle, serial),
                  "ECU", serial);
}

bool sim_inventory_set_campaign(struct sim_inventory *v, const char *vehicle, const char *correlation)
{
    return run_on(v,
                  query(v,
                        "UPDATE vehicles SET campaigns = campaigns + 1,"
                        " campaign = coalesce(?, id || '-' || (campaigns + 1)) WHERE id = ?",
                        "tt", correlation, vehicle),
                  "vehicle", vehicle);
}

bool sim_inventory_campaign(struct sim_inventory *v, const char *vehicle, char out[SIM_NAME_MAX])
{
    sqlite3_stmt *s = query(v, "SELECT campaign FROM vehicles WHERE id = ?", "t", vehicle);
    bool found = s != NULL && sqlite3_step(s) == SQLITE_ROW;
    if (found) copy_text(s, 0, out, SIM_NAME_MAX);
    sqlite3_finalize(s);
    return found;
}

/* Reports and manifests */

bool sim_inventory_set_report(struct sim_inventory *v, const struct sim_ecu *e)
{
    return run(v, query(v,
                        "UPDATE ecus SET counter = ?, report = ?, reported_s = ?, image = ?, sha256 = ?,"
                        " attacks = ? WHERE serial = ?",
                        "ibitttt", (int64_t)e->counter, sim_span(&e->report), e->reported_s, e->image,
                        e->sha256, e->attacks, e->serial));
}

bool sim_inventory_add_manifest(struct sim_inventory *v, const char *vehicle, int64_t received_s,
                                enum up_err verdict, const char *ecu, struct up_span manifest)
{
    return run(v, query(v, "INSERT INTO manifests VALUES(?,?,?,?,?)", "tittb", vehicle, received_s,
                        up_err_name(verdict), ecu, manifest));
}

int64_t sim_inventory_count_manifests(struct sim_inventory *v, const char *vehicle, enum up_err verdict)
{
    sqlite3_stmt *s = query(v, "SELECT count(*) FROM manifests WHERE vehicle = ? AND verdict = ?", "tt",
                            vehicle, up_err_name(verdict));
    int64_t n = s != NULL && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    sqlite3_finalize(s);
    return n;
}

/* Signed files */

void sim_issue_free(struct sim_issue *i)
{
    free(i->content);
    sim_bytes_free(&i->file);
    *i = (struct sim_issue){0};
}

bool sim_inventory_issue(struct sim_inventory *v, const char *vehicle, enum up_role role, uint32_t named,
                         struct sim_issue *out)
{
    sqlite3_stmt *s = query(v,
                            "SELECT version, named, root, expires_s, content, file FROM issues"
                            " WHERE vehicle = ?1 AND role = ?2 AND (?3 = 0 OR named = ?3)"
                            " ORDER BY version DESC LIMIT 1",
                            "tti", vehicle, up_role_name(role), (int64_t)named);
    bool found = s != NULL && sqlite3_step(s) == SQLITE_ROW;
    if (found) {
        out->version = (uint32_t)sqlite3_column_int64(s, 0);
        out->named = (uint32_t)sqlite3_column_int64(s, 1);
        out->root = (uint32_t)sqlite3_column_int64(s, 2);
        out->expires_s = sqlite3_column_int64(s, 3);
        out->content = copy_string(s, 4);
        out->file = copy_blob(s, 5);
    }
    sqlite3_finalize(s);
    return found;
}

bool sim_inventory_set_issue(struct sim_inventory *v, const char *vehicle, enum up_role role,
                             const struct sim_issue *i)
{
    const char *name = up_role_name(role);
    return run(v, query(v, "INSERT OR REPLACE INTO issues VALUES(?,?,?,?,?,?,?,?)", "ttiiiitb", vehicle, name,
                        (int64_t)i->version, (int64_t)i->named, (int64_t)i->root, i->expires_s,
                        i->content != NULL ? i->content : "", sim_span(&i->file))) &&
           run(v, query(v, "DELETE FROM issues WHERE vehicle = ? AND role = ? AND version < ?", "tti",
                        vehicle, name, (int64_t)i->version - 1));
}

bool sim_inventory_outdate_issues(struct sim_inventory *v)
{
    return run(v, query(v, "UPDATE issues SET root = 0", ""));
}
