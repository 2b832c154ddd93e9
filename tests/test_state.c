#include "primary/state.h"
#include "tests/lib_cutvfs.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct pri_state *db;

static void open_state(const char *path)
{
    char why[200] = "";
    db = pri_state_open(path, why, sizeof why);
    ck_assert_msg(db != NULL, "%s", why);
}

static void reopen(void)
{
    pri_state_close(db);
    open_state("state.db");
}

static void enter(void)
{
    folder_enter();
    open_state("state.db");
}

static void leave(void)
{
    pri_state_close(db);
    folder_leave();
}

static enum up_err put(const char *key, const char *value)
{
    return pri_state_put(db, key, up_span_of(value));
}

static void expect(const char *key, const char *value)
{
    struct up_span v;
    if (value == NULL) {
        ck_assert_int_eq(pri_state_get(db, key, &v), UP_UNAVAILABLE);
        return;
    }
    ck_assert_int_eq(pri_state_get(db, key, &v), UP_OK);
    ck_assert(up_span_is(v, value));
    free((void *)v.p);
}

START_TEST(values_are_kept_over_a_restart)
{
    enter();
    expect("clock", NULL);
    ck_assert_int_eq(put("clock", "1"), UP_OK);
    ck_assert_int_eq(put("clock", "2"), UP_OK);
    ck_assert_int_eq(put("empty", ""), UP_OK);
    ck_assert_int_eq(pri_state_put(db, "bytes", UP_SPAN("a\0b\xFF")), UP_OK);
    ck_assert_int_eq(put("gone", "x"), UP_OK);
    ck_assert_int_eq(pri_state_remove(db, "gone"), UP_OK);
    ck_assert_int_eq(pri_state_remove(db, "never"), UP_OK);
    reopen();
    expect("clock", "2");
    expect("empty", "");
    expect("gone", NULL);
    struct up_span v;
    ck_assert_int_eq(pri_state_get(db, "bytes", &v), UP_OK);
    ck_assert(up_span_eq(v, UP_SPAN("a\0b\xFF")));
    free((void *)v.p);
    leave();
}
END_TEST

START_TEST(a_transaction_is_stored_whole_or_not_at_all)
{
    enter();
    ck_assert_int_eq(put("a", "old"), UP_OK);
    ck_assert_int_eq(pri_state_begin(db), UP_OK);
    ck_assert_int_eq(put("a", "new"), UP_OK);
    ck_assert_int_eq(put("b", "new"), UP_OK);
    pri_state_rollback(db);
    expect("a", "old");
    expect("b", NULL);
    ck_assert_int_eq(pri_state_begin(db), UP_OK);
    ck_assert_int_eq(put("a", "new"), UP_OK);
    ck_assert_int_eq(pri_state_remove(db, "b"), UP_OK);
    ck_assert_int_eq(put("c", "new"), UP_OK);
    ck_assert_int_eq(pri_state_commit(db), UP_OK);
    reopen();
    expect("a", "new");
    expect("c", "new");
    leave();
}
END_TEST

static bool collect(void *ctx, const char *key, struct up_span value)
{
    char *list = ctx;
    snprintf(list + strlen(list), 100 - strlen(list), "%s=%.*s ", key, (int)value.n, (const char *)value.p);
    return strcmp(key, "report/c") != 0;
}

START_TEST(keys_with_a_prefix_come_in_order)
{
    char list[100] = "";
    enter();
    static const char *const keys[] = {"report/b", "report/a", "report0", "report",
                                       "zz",       "report/d", "report/c"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) ck_assert_int_eq(put(keys[i], "1"), UP_OK);
    ck_assert_int_eq(pri_state_each(db, "report/", collect, list), UP_OK);
    ck_assert_str_eq(list, "report/a=1 report/b=1 report/c=1 "); /* and no further, as EACH asked */
    list[0] = '\0';
    ck_assert_int_eq(pri_state_each(db, "none/", collect, list), UP_OK);
    ck_assert_str_eq(list, "");
    leave();
}
END_TEST

/* --- history --- */

static bool count_events(void *ctx, const struct pri_event *e)
{
    uint64_t *expected = ctx;
    ck_assert_uint_eq(e->cycle, (*expected)++);
    return true;
}

static bool stop_at_once(void *ctx, const struct pri_event *e)
{
    ++*(int *)ctx;
    ck_assert_str_eq(e->ecu, "brake");
    ck_assert_str_eq(e->what, "refused");
    ck_assert_int_eq(e->err, UP_ROLLBACK);
    ck_assert_str_eq(e->detail, "director/timestamp have 7 got 5");
    ck_assert_int_eq(e->time_s, 1767225600);
    return false;
}

START_TEST(the_history_keeps_its_newest_events_in_order)
{
    enter();
    struct pri_event e = {1767225600, 0, "brake", "refused", UP_ROLLBACK, "director/timestamp have 7 got 5"};
    ck_assert_int_eq(pri_state_begin(db), UP_OK);
    for (e.cycle = 1; e.cycle <= PRI_HISTORY_MAX; e.cycle++) ck_assert_int_eq(pri_history_add(db, &e), UP_OK);
    ck_assert_int_eq(pri_state_commit(db), UP_OK);
    for (; e.cycle <= PRI_HISTORY_MAX + 3; e.cycle++) ck_assert_int_eq(pri_history_add(db, &e), UP_OK);
    reopen();
    uint64_t expected = 4;
    ck_assert_int_eq(pri_history_each(db, UINT32_MAX, count_events, &expected), UP_OK);
    ck_assert_uint_eq(expected, PRI_HISTORY_MAX + 4);
    expected = PRI_HISTORY_MAX + 2;
    ck_assert_int_eq(pri_history_each(db, 2, count_events, &expected), UP_OK);
    ck_assert_uint_eq(expected, PRI_HISTORY_MAX + 4);
    int shown = 0;
    ck_assert_int_eq(pri_history_each(db, 5, stop_at_once, &shown), UP_OK);
    ck_assert_int_eq(shown, 1);
    leave();
}
END_TEST

START_TEST(every_verdict_comes_back_from_the_history)
{
    enter();
    for (enum up_err err = UP_OK; err < UP_ERR_COUNT; err++) {
        struct pri_event e = {0, err, "", "x", err, ""};
        ck_assert_int_eq(pri_history_add(db, &e), UP_OK);
    }
    uint64_t expected = 0;
    ck_assert_int_eq(pri_history_each(db, 1000, count_events, &expected), UP_OK);
    ck_assert_uint_eq(expected, UP_ERR_COUNT);
    leave();
}
END_TEST

/* --- who may open it --- */

START_TEST(two_primaries_do_not_share_a_state)
{
    char why[200], expected[200];
    enter();
    ck_assert_ptr_null(pri_state_open("state.db", why, sizeof why));
    snprintf(expected, sizeof expected, "state.db: in use by process %ld: two Primaries cannot share a state",
             (long)getpid());
    ck_assert_str_eq(why, expected);
    ck_assert_int_eq(put("a", "1"), UP_OK);
    leave();
}
END_TEST

START_TEST(a_killed_primary_leaves_no_lock_behind)
{
    folder_enter();
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        open_state("state.db");
        if (put("a", "1") != UP_OK || write(ready[1], "x", 1) != 1) _exit(1);
        pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    open_state("state.db");
    expect("a", "1");
    leave();
}
END_TEST

START_TEST(a_reader_sees_the_state_of_a_running_primary)
{
    char why[200];
    enter();
    struct pri_state *writer = db;
    ck_assert_int_eq(put("a", "1"), UP_OK);
    db = pri_state_open_reading("state.db", why, sizeof why);
    ck_assert_msg(db != NULL, "%s", why);
    expect("a", "1");
    ck_assert_int_eq(put("a", "2"), UP_STORAGE_WRITE);
    ck_assert_int_eq(pri_state_put(writer, "a", UP_SPAN("3")), UP_OK);
    expect("a", "3");
    pri_state_close(db);
    db = writer;
    leave();
}
END_TEST

START_TEST(a_reader_finds_nothing_where_nothing_is)
{
    char why[200];
    folder_enter();
    ck_assert_ptr_null(pri_state_open_reading("state.db", why, sizeof why));
    ck_assert_str_eq(why, "state.db: unable to open database file");
    ck_assert_int_ne(access("state.db", F_OK), 0);
    folder_write("state.db", "", 0);
    ck_assert_ptr_null(pri_state_open_reading("state.db", why, sizeof why));
    ck_assert_str_eq(why, "state.db: nothing stored yet");
    ck_assert_ptr_null(pri_state_open("none/state.db", why, sizeof why));
    ck_assert_str_eq(why, "none/state.db: cannot make its lock file: No such file or directory");
    folder_leave();
}
END_TEST

START_TEST(nobody_else_can_read_the_files)
{
    folder_enter();
    umask(0);
    folder_write("state.db", "", 0); /* left by somebody careless */
    ck_assert_int_eq(chmod("state.db", 0666), 0);
    open_state("state.db");
    ck_assert_int_eq(put("a", "1"), UP_OK);
    static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm", "state.db.lock"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct stat st;
        ck_assert_int_eq(stat(files[i], &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0600);
    }
    leave();
}
END_TEST

/* --- a disk that fails --- */

static const struct {
    int code;
    enum up_err err;
} faults[] = {{SQLITE_FULL, UP_STORAGE_FULL}, {SQLITE_IOERR_WRITE, UP_STORAGE_WRITE}};

START_TEST(a_failing_disk_is_named_and_changes_nothing)
{
    for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
        cutvfs_fail(0, 0);
        enter();
        ck_assert_int_eq(put("a", "old"), UP_OK);
        for (int at = 1;; at++) {
            cutvfs_fail(at, faults[f].code);
            enum up_err e = put("a", "new");
            cutvfs_heal();
            if (e == UP_OK) break;
            ck_assert_int_eq(e, faults[f].err);
            expect("a", "old");
            ck_assert_int_lt(at, 50);
        }
        expect("a", "new");
        reopen();
        expect("a", "new");
        leave();
    }
}
END_TEST

START_TEST(after_an_error_nothing_of_the_transaction_becomes_durable)
{
    static uint8_t big[2 << 20]; /* more than the page cache: written before the commit */
    cutvfs_fail(0, 0);
    enter();
    ck_assert_int_eq(put("a", "old"), UP_OK);
    ck_assert_int_eq(pri_state_begin(db), UP_OK);
    ck_assert_int_eq(put("a", "new"), UP_OK);
    cutvfs_fail(1, SQLITE_FULL);
    ck_assert_int_eq(pri_state_put(db, "big", (struct up_span){big, sizeof big}), UP_STORAGE_FULL);
    cutvfs_heal();
    ck_assert_int_eq(put("b", "new"), UP_STORAGE_FULL);
    ck_assert_int_eq(pri_state_remove(db, "a"), UP_STORAGE_FULL);
    struct pri_event e = {0, 1, "", "x", UP_OK, ""};
    ck_assert_int_eq(pri_history_add(db, &e), UP_STORAGE_FULL);
    ck_assert_int_eq(pri_state_commit(db), UP_STORAGE_FULL);
    expect("a", "old");
    expect("b", NULL);
    ck_assert_int_eq(put("b", "next"), UP_OK);
    leave();
}
END_TEST

/* --- damage --- */

START_TEST(a_file_that_is_no_state_is_refused)
{
    char why[200], junk[8192];
    folder_enter();
    memset(junk, 'j', sizeof junk);
    folder_write("state.db", junk, sizeof junk);
    ck_assert_ptr_null(pri_state_open("state.db", why, sizeof why));
    ck_assert_str_eq(why, "state.db: file is not a database");
    folder_leave();
}
END_TEST

START_TEST(a_state_of_a_newer_version_is_refused)
{
    char why[200];
    enter();
    pri_state_close(db);
    sqlite3 *raw;
    ck_assert_int_eq(sqlite3_open("state.db", &raw), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    ck_assert_ptr_null(pri_state_open("state.db", why, sizeof why));
    ck_assert_str_eq(why, "state.db: written by a newer version of this program");
    folder_leave();
}
END_TEST

#define FLIP_KEYS 8
static const char *flip_key(int i)
{
    static char key[16];
    snprintf(key, sizeof key, "key/%d", i);
    return key;
}

static void flip_value(int i, char value[2000])
{
    memset(value, 'A' + i, 2000);
    value[1999] = '\0';
}

/* Right values, or an error; and what the file does not lose can still be read. */
static bool readable_keys(int *readable)
{
    char why[200], value[2000];
    db = pri_state_open("state.db", why, sizeof why);
    if (db == NULL) return false;
    *readable = 0;
    for (int i = 0; i < FLIP_KEYS; i++) {
        struct up_span v;
        enum up_err e = pri_state_get(db, flip_key(i), &v);
        if (e != UP_OK) {
            ck_assert(e == UP_STORAGE_CORRUPT || e == UP_UNAVAILABLE);
            continue;
        }
        flip_value(i, value);
        ck_assert(up_span_is(v, value));
        free((void *)v.p);
        ++*readable;
    }
    pri_state_close(db);
    return true;
}

START_TEST(a_flipped_bit_is_never_believed)
{
    char value[2000];
    size_t n;
    int readable, damaged = 0, refused = 0;
    cutvfs_cut(0, CUT_KEEPS_ALL);
    enter();
    for (int i = 0; i < FLIP_KEYS; i++) {
        flip_value(i, value);
        ck_assert_int_eq(put(flip_key(i), value), UP_OK);
    }
    pri_state_close(db);
    char *file = folder_read("state.db", &n);
    for (size_t at = 0; at < n; at += 131) {
        file[at] ^= (char)(1 << at % 8);
        folder_write("state.db", file, n);
        file[at] ^= (char)(1 << at % 8);
        if (!readable_keys(&readable))
            refused++;
        else if (readable < FLIP_KEYS)
            damaged++;
    }
    free(file);
    ck_assert_int_gt(damaged, 50); /* most bytes are values */
    ck_assert_int_gt(refused, 0);
    folder_leave();
}
END_TEST

START_TEST(a_damaged_value_hides_no_other)
{
    char list[100] = "";
    enter();
    ck_assert_int_eq(put("report/a", "1"), UP_OK);
    ck_assert_int_eq(put("report/b", "DAMAGE-ME"), UP_OK);
    ck_assert_int_eq(put("report/d", "1"), UP_OK);
    pri_state_close(db);
    size_t n;
    char *file = folder_read("state.db", &n), *at = memmem(file, n, "DAMAGE-ME", 9);
    ck_assert_ptr_nonnull(at);
    *at = 'd';
    folder_write("state.db", file, n);
    free(file);
    open_state("state.db");
    ck_assert_int_eq(pri_state_each(db, "report/", collect, list), UP_STORAGE_CORRUPT);
    ck_assert_str_eq(list, "report/a=1 report/d=1 ");
    ck_assert_int_eq(put("report/b", "again"), UP_OK);
    expect("report/b", "again");
    leave();
}
END_TEST

START_TEST(a_state_in_memory_works_without_files)
{
    folder_enter();
    open_state(":memory:");
    ck_assert_int_eq(put("a", "1"), UP_OK);
    expect("a", "1");
    ck_assert_int_ne(access(":memory:.lock", F_OK), 0);
    leave();
}
END_TEST

SUITE("state", values_are_kept_over_a_restart, a_transaction_is_stored_whole_or_not_at_all,
      keys_with_a_prefix_come_in_order, the_history_keeps_its_newest_events_in_order,
      every_verdict_comes_back_from_the_history, two_primaries_do_not_share_a_state,
      a_killed_primary_leaves_no_lock_behind, a_reader_sees_the_state_of_a_running_primary,
      a_reader_finds_nothing_where_nothing_is, nobody_else_can_read_the_files,
      a_failing_disk_is_named_and_changes_nothing, after_an_error_nothing_of_the_transaction_becomes_durable,
      a_file_that_is_no_state_is_refused, a_state_of_a_newer_version_is_refused,
      a_flipped_bit_is_never_believed, a_damaged_value_hides_no_other, a_state_in_memory_works_without_files)
