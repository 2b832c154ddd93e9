/* The power goes during every single write of the state, and the disk keeps any part of what was not synced.
 */
#include "primary/state.h"
#include "tests/lib_cutvfs.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char path[] = "state.db";
#define ROUNDS    6
#define BIG_BYTES 20000

static void put_number(struct pri_state *s, const char *key, int n)
{
    ck_assert_int_eq(pri_state_put(s, key, (struct up_span){(const uint8_t *)&n, sizeof n}), UP_OK);
}

static int get_number(struct pri_state *s, const char *key)
{
    struct up_span v;
    if (pri_state_get(s, key, &v) == UP_UNAVAILABLE) return 0;
    int n = 0;
    ck_assert_uint_ge(v.n, sizeof n);
    memcpy(&n, v.p, sizeof n);
    free((void *)v.p);
    return n;
}

/* Two small values and a large one, always the same number. */
static void store(struct pri_state *s, int n)
{
    static int big[BIG_BYTES / sizeof(int)];
    for (size_t i = 0; i < sizeof big / sizeof *big; i++) big[i] = n;
    ck_assert_int_eq(pri_state_begin(s), UP_OK);
    put_number(s, "first", n);
    ck_assert_int_eq(pri_state_put(s, "big", (struct up_span){(const uint8_t *)big, sizeof big}), UP_OK);
    put_number(s, "second", n);
    ck_assert_int_eq(pri_state_commit(s), UP_OK);
}

/* Tells what was promised to be durable. */
static void work(int acknowledge)
{
    char why[200];
    for (int n = 1; n <= ROUNDS;) {
        struct pri_state *s = pri_state_open(path, why, sizeof why);
        if (s == NULL) _exit(1);
        for (int i = 0; i < ROUNDS / 2; i++, n++) { /* then closed, which empties the log into the database */
            store(s, n);
            if (write(acknowledge, &n, sizeof n) != sizeof n) _exit(1);
        }
        pri_state_close(s);
    }
}

/* True: the work came to its end without reaching operation AT. */
static bool cut_during(int at, enum cut_keeps keeps, int *promised)
{
    int pipes[2], n, status;
    ck_assert_int_eq(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        cutvfs_cut(at, keeps);
        work(pipes[1]);
        _exit(0);
    }
    close(pipes[1]);
    *promised = 0;
    while (read(pipes[0], &n, sizeof n) == (ssize_t)sizeof n) *promised = n;
    close(pipes[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert(WEXITSTATUS(status) == CUT_STATUS || WEXITSTATUS(status) == 0);
    return WEXITSTATUS(status) == 0;
}

static void check_after(int at, enum cut_keeps keeps, int promised)
{
    char why[200];
    struct pri_state *s = pri_state_open(path, why, sizeof why);
    ck_assert_msg(s != NULL, "cut %d/%d: %s", at, keeps, why);
    int n = get_number(s, "first");
    ck_assert_msg(n == promised || n == promised + 1, "cut %d/%d: %d promised, %d there", at, keeps, promised,
                  n);
    ck_assert_int_eq(get_number(s, "second"), n);
    ck_assert_int_eq(get_number(s, "big"), n);
    store(s, 99);
    pri_state_close(s);
}

START_TEST(a_cut_at_any_write_leaves_all_or_nothing_of_a_transaction)
{
    int cuts = 0;
    folder_enter();
    cutvfs_cut(0, CUT_KEEPS_ALL);
    for (enum cut_keeps keeps = 0; keeps < CUT_WAYS; keeps++)
        for (int at = 1;; at++, cuts++) {
            int promised;
            unlink("state.db"), unlink("state.db-wal"), unlink("state.db-shm");
            bool complete = cut_during(at, keeps, &promised);
            check_after(at, keeps, promised);
            if (complete) break;
        }

    ck_assert_int_ge(cuts, 300);
    folder_leave();
}
END_TEST

SUITE("powerloss_state", a_cut_at_any_write_leaves_all_or_nothing_of_a_transaction)
