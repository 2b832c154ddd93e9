/* The chains of trust on the Primary: what is fetched, what is durable when, what a failure leaves behind. */
#include "tests/suite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "primary/plant.h"
#include "tests/lib_cutvfs.h"
#include "tests/lib_site.h"

static struct site site;

#define SERVER (_i == UP_DIRECTOR ? PRI_DIRECTOR : PRI_IMAGE)
#define PATH   (_i == UP_DIRECTOR ? "director/" : "repo/") /* in the log of requests */

static const char *requests(void)
{
    return lib_fetch_log(&site.net);
}

static struct pri_blob stored(enum up_repo repo, enum up_role role, uint32_t version)
{
    struct pri_blob b;
    IS(pri_chain_file(&site.chain[repo], role, version, &b), UP_OK);
    return b;
}

static void put(const char *key, struct up_span value)
{
    IS(pri_state_put(site.state, key, value), UP_OK);
}

static void replace_in(enum up_repo repo, const char *file, const char *from, const char *to)
{
    struct up_span was = shelf_get(&site.net.shelf[repo], file);
    const char *text = author_text("%.*s", TEXT(was));
    shelf_put(&site.net.shelf[repo], file, up_span_of(author_with(text, from, to)));
    (void)requests();
}

/* ---- what is asked for, and kept ---- */

/* P-DIR-08, V-FULL-03, V-STO-01 */
START_TEST(all_four_roles_are_fetched_in_order_and_kept_as_served)
{
    const enum up_repo repo = (enum up_repo)_i;
    static const char *const names[UP_TIME] = {"", "timestamp.json", "5.snapshot.json", "5.targets.json"};
    site_open(&site, &up_profile_strict);
    site_publish(&site, repo, 5);
    ck_assert_int_eq(site_walk(&site, repo), PRI_DONE);
    ck_assert_str_eq(requests(),
                     author_text("%s2.root.json %stimestamp.json %s5.snapshot.json %s5.targets.json ", PATH,
                                 PATH, PATH, PATH));
    for (enum up_role role = UP_TIMESTAMP; role < UP_TIME; role++) {
        struct pri_blob b = stored(repo, role, 0);
        ck_assert(up_span_eq(pri_blob_span(&b), shelf_get(&site.net.shelf[repo], names[role])));
        pri_blob_free(&b);
    }
    struct pri_blob root = stored(repo, UP_ROOT, 1);
    ck_assert(up_span_eq(pri_blob_span(&root), site.chain[repo].trust.file[UP_ROOT].file));
    pri_blob_free(&root);
    site_close(&site);
}
END_TEST

/* V-FULL-13 */
START_TEST(files_of_the_same_name_in_both_repositories_never_collide)
{
    site_open(&site, &up_profile_strict);
    for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++) {
        (void)site_next_root(&site, repo, 0);
        site_publish(&site, repo, 3);
        site_accepted(&site, repo, 3);
    }
    site_restart(&site);
    for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++) {
        ck_assert_int_eq(site.chain[repo].damage.err, UP_OK);
        ck_assert_int_eq(site_walk(&site, repo), PRI_NOTHING);
    }
    struct pri_blob a = stored(UP_DIRECTOR, UP_TARGETS, 0), b = stored(UP_IMAGE, UP_TARGETS, 0);
    ck_assert(!up_span_eq(pri_blob_span(&a), pri_blob_span(&b)));
    pri_blob_free(&a);
    pri_blob_free(&b);
    site_close(&site);
}
END_TEST

/* V-SNAP-09: and it is not written again. */
START_TEST(a_poll_without_news_asks_for_two_files_and_writes_nothing)
{
    const enum up_repo repo = (enum up_repo)_i;
    struct stat before, after;
    site_open(&site, &up_profile_strict);
    site_use_file(&site);
    const char *wal = author_text("%s-wal", site_state_path(&site));
    site_publish(&site, repo, 1);
    site_accepted(&site, repo, 1);
    (void)requests();
    ck_assert_int_eq(stat(wal, &before), 0);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(site_walk(&site, repo), PRI_NOTHING);
    ck_assert_int_eq(stat(wal, &after), 0);
    ck_assert_int_eq(before.st_size, after.st_size);
    ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    const char *once = author_text("%s2.root.json %stimestamp.json ", PATH, PATH);
    ck_assert_str_eq(requests(), author_text("%s%s%s", once, once, once));
    site_close(&site);
}
END_TEST

/* ---- the walk of Roots ---- */

/* V-ROOT-10 */
START_TEST(only_a_definite_not_found_ends_the_walk)
{
    const enum up_repo repo = (enum up_repo)_i;
    static const enum up_err errors[] = {UP_TRANSPORT, UP_TOO_SLOW, UP_REFUSED, UP_TOO_LARGE};
    site_open(&site, &up_profile_strict);
    site_publish(&site, repo, 1);
    enum pri_server server = repo == UP_DIRECTOR ? PRI_DIRECTOR : PRI_IMAGE;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        lib_fetch_fail(&site.net,
                       (struct lib_fault){.server = server, .path = "2.root.json", .err = errors[i]});
        site_refused(&site, repo, errors[i], "2.root.json");
        ck_assert_str_eq(requests(), author_text("%s2.root.json ", PATH));
        lib_fetch_heal(&site.net);
    }
    site_accepted(&site, repo, 1);
    site_close(&site);
}
END_TEST

/* E-STO-13 */
START_TEST(every_other_file_that_is_missing_ends_the_cycle_and_is_named)
{
    const enum up_repo repo = (enum up_repo)_i;
    static const char *const files[] = {"timestamp.json", "1.snapshot.json", "1.targets.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        site_open(&site, &up_profile_strict);
        site_publish(&site, repo, 1);
        struct up_span was = shelf_get(&site.net.shelf[repo], files[i]);
        shelf_drop(&site.net.shelf[repo], files[i]);
        ck_assert_int_eq(site_walk(&site, repo), PRI_FAILED);
        IS(site.chain[repo].problem.err, UP_UNAVAILABLE);
        ck_assert_ptr_nonnull(strstr(site.chain[repo].problem.what, files[i]));
        ck_assert_ptr_nonnull(strstr(site.chain[repo].problem.what, up_repo_name(repo)));
        shelf_put(&site.net.shelf[repo], files[i], was);
        site_accepted(&site, repo, 1);
        site_close(&site);
    }
}
END_TEST

/* V-ROOT-12 */
START_TEST(every_accepted_root_is_durable_before_the_next_is_asked_for)
{
    const enum up_repo repo = (enum up_repo)_i;
    site_open(&site, &up_profile_strict);
    for (int i = 0; i < 3; i++) (void)site_next_root(&site, repo, 0);
    site_publish(&site, repo, 1);
    lib_fetch_fail(&site.net,
                   (struct lib_fault){.server = SERVER, .path = "4.root.json", .err = UP_TRANSPORT});
    ck_assert_int_eq(site_walk(&site, repo), PRI_FAILED);
    lib_fetch_heal(&site.net);
    site_restart(&site);
    ck_assert_uint_eq(site.chain[repo].trust.root.head.version, 3);
    (void)requests();
    site_accepted(&site, repo, 1);
    const char *first = author_text("%s4.root.json ", PATH);
    ck_assert_int_eq(strncmp(requests(), first, strlen(first)), 0);
    for (uint32_t version = 1; version <= 4; version++) { /* P-DIST-03: and all of them are kept */
        struct pri_blob b = stored(repo, UP_ROOT, version);
        pri_blob_free(&b);
    }
    site_close(&site);
}
END_TEST

/* V-ROOT-06, V-ROOT-19 */
START_TEST(a_bad_root_leaves_no_trace_and_does_not_block_a_good_one)
{
    const enum up_repo repo = (enum up_repo)_i;
    site_open(&site, &up_profile_strict);
    (void)site_next_root(&site, repo, 0);
    site_publish(&site, repo, 1);
    site_accepted(&site, repo, 1);
    struct author forger = site.author[repo];
    forger.signers[UP_ROOT] = KEY(20);
    shelf_put(&site.net.shelf[repo], "3.root.json", author_root(&forger, 3));
    for (int i = 0; i < 2; i++) {
        site_refused(&site, repo, UP_SIG_THRESHOLD, "3.root.json");
        site_restart(&site);
        ck_assert_uint_eq(site.chain[repo].trust.root.head.version, 2);
    }
    (void)site_next_root(&site, repo, 0);
    site_accepted(&site, repo, 1);
    ck_assert_uint_eq(site.chain[repo].trust.root.head.version, 3);
    site_close(&site);
}
END_TEST

/* V-ROOT-11 */
START_TEST(roots_beyond_the_limit_of_a_cycle_are_taken_by_the_next)
{
    site_open(&site, &up_profile_strict);
    const unsigned limit = up_limits_primary.roots_per_cycle;
    for (unsigned i = 0; i < limit + 2; i++) (void)site_next_root(&site, UP_IMAGE, 0);
    site_publish(&site, UP_IMAGE, 1);
    site.net.log[0] = '\0';
    ck_assert_int_eq(site_walk(&site, UP_IMAGE), PRI_FAILED);
    IS(site.chain[UP_IMAGE].problem.err, UP_LIMIT);
    site_restart(&site);
    ck_assert_uint_eq(site.chain[UP_IMAGE].trust.root.head.version, limit + 1);
    site.net.log[0] = '\0';
    site_accepted(&site, UP_IMAGE, 1);
    ck_assert_uint_eq(site.chain[UP_IMAGE].trust.root.head.version, limit + 3);
    site_close(&site);
}
END_TEST

/* V-ROOT-13, V-ROOT-14, V-REC-02: floors go with the Root that clears them, in one transaction. */
START_TEST(a_rotation_clears_floors_even_when_the_cycle_fails_right_after_it)
{
    const enum up_repo repo = (enum up_repo)_i;
    site_open(&site, &up_profile_strict);
    site_publish(&site, repo, 900);
    site_accepted(&site, repo, 900);
    site.author[repo].ring[UP_TIMESTAMP].keys = KEY(20);
    site.author[repo].ring[UP_SNAPSHOT].keys = KEY(21);
    (void)site_next_root(&site, repo, 0);
    lib_fetch_fail(&site.net,
                   (struct lib_fault){.server = SERVER, .path = "timestamp.json", .err = UP_TRANSPORT});
    ck_assert_int_eq(site_walk(&site, repo), PRI_FAILED);
    lib_fetch_heal(&site.net);
    site_restart(&site);
    ck_assert_int_eq(site.chain[repo].damage.err, UP_OK); /* cleared is not damaged */
    ck_assert_uint_eq(site.chain[repo].trust.floors.mark[UP_TIMESTAMP].version, 0);
    site_publish(&site, repo, 1);
    site_accepted(&site, repo, 1);
    site_restart(&site);
    ck_assert_int_eq(site_walk(&site, repo), PRI_NOTHING);
    site_close(&site);
}
END_TEST

/* V-ROOT-15 */
START_TEST(a_root_that_rotates_nothing_clears_no_floor)
{
    const enum up_repo repo = (enum up_repo)_i;
    site_open(&site, &up_profile_strict);
    site_publish(&site, repo, 5);
    site_accepted(&site, repo, 5);
    site.author[repo].ring[UP_ROOT].keys = KEY(20);
    (void)site_next_root(&site, repo, KEY(repo == UP_DIRECTOR ? 0 : 8));
    site_publish(&site, repo, 4);
    ck_assert_int_eq(site_walk(&site, repo), PRI_FAILED);
    IS(site.chain[repo].problem.err, UP_ROLLBACK);
    ck_assert_uint_eq(site.chain[repo].trust.root.head.version, 2);
    site_publish(&site, repo, 6);
    site_accepted(&site, repo, 6);
    site_close(&site);
}
END_TEST

/* V-CLK-12: the time is what the owner says after each Root, before the last one's expiry is judged. */
static int64_t new_time(void *ctx, const struct up_root *root, int64_t now_s)
{
    unsigned *seen = ctx;
    *seen = *seen * 10 + root->head.version;
    char key[32];
    snprintf(key, sizeof key, "director/root/%010u", (unsigned)root->head.version);
    ck_assert(site_holds(&site, key)); /* durable by now */
    return root->head.version == 3 ? AUTHOR_NOW : now_s;
}

START_TEST(a_root_may_set_the_clock_back_before_its_own_expiry_is_judged)
{
    unsigned seen = 0;
    site_open(&site, &up_profile_strict);
    (void)site_next_root(&site, UP_DIRECTOR, 0);
    (void)site_next_root(&site, UP_DIRECTOR, 0);
    site_publish(&site, UP_DIRECTOR, 1);
    site.now_s = AUTHOR_NOW + INT64_C(70) * 365 * 86400;
    ck_assert_int_eq(site_walk(&site, UP_DIRECTOR), PRI_FAILED);
    IS(site.chain[UP_DIRECTOR].problem.err, UP_EXPIRED);
    site_close(&site);

    site_open(&site, &up_profile_strict);
    (void)site_next_root(&site, UP_DIRECTOR, 0);
    (void)site_next_root(&site, UP_DIRECTOR, 0);
    site_publish(&site, UP_DIRECTOR, 1);
    site.now_s = AUTHOR_NOW + INT64_C(70) * 365 * 86400;
    site.chain[UP_DIRECTOR].on_root = new_time;
    site.chain[UP_DIRECTOR].ctx = &seen;
    site_accepted(&site, UP_DIRECTOR, 1);
    ck_assert_uint_eq(seen, 23);
    site_close(&site);
}
END_TEST

/* ---- what a failure leaves behind ---- */

/* V-STO-05, E-STO-04 */
START_TEST(the_directors_set_becomes_durable_as_a_whole_or_not_at_all)
{
    static const char *const files[] = {"timestamp.json", "2.snapshot.json", "2.targets.json"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        site_open(&site, &up_profile_strict);
        site_publish(&site, UP_DIRECTOR, 1);
        site_accepted(&site, UP_DIRECTOR, 1);
        site_publish(&site, UP_DIRECTOR, 2);
        lib_fetch_fail(&site.net,
                       (struct lib_fault){.server = PRI_DIRECTOR, .path = files[i], .err = UP_TOO_SLOW});
        for (int again = 0; again < 2; again++) {
            site_refused(&site, UP_DIRECTOR, UP_TOO_SLOW, files[i]);
            site_restart(&site);
        }
        lib_fetch_heal(&site.net);
        struct up_span good = shelf_get(&site.net.shelf[UP_DIRECTOR], files[i]);
        replace_in(UP_DIRECTOR, files[i], "\"version\":2", "\"version\":9");
        site_refused(&site, UP_DIRECTOR, i == 0 ? UP_SIG_THRESHOLD : UP_SNAPSHOT_MISMATCH, files[i]);
        shelf_put(&site.net.shelf[UP_DIRECTOR], files[i], good);
        site_accepted(&site, UP_DIRECTOR, 2); /* V-SNAP-09: the interrupted set is still found */
        site_close(&site);
    }
}
END_TEST

/* E-DIR-07, E-STO-04 */
START_TEST(another_vehicles_set_raises_no_floor)
{
    site_open(&site, &up_profile_strict);
    site_publish(&site, UP_DIRECTOR, 5);
    site_accepted(&site, UP_DIRECTOR, 5);
    site.author[UP_DIRECTOR].vehicle = "VIN-2";
    site_publish(&site, UP_DIRECTOR, 900);
    site_refused(&site, UP_DIRECTOR, UP_DIR_VEHICLE_ID, "timestamp.json");
    site.author[UP_DIRECTOR].vehicle = "VIN-1";
    site_publish(&site, UP_DIRECTOR, 6);
    site_accepted(&site, UP_DIRECTOR, 6);
    site_close(&site);
}
END_TEST

START_TEST(image_repository_files_become_durable_one_by_one)
{
    static const char *const files[] = {"timestamp.json", "2.snapshot.json", "2.targets.json"};
    for (unsigned i = 0; i < 3; i++) {
        site_open(&site, &up_profile_strict);
        site_publish(&site, UP_IMAGE, 1);
        site_accepted(&site, UP_IMAGE, 1);
        site_publish(&site, UP_IMAGE, 2);
        lib_fetch_fail(&site.net,
                       (struct lib_fault){.server = PRI_IMAGE, .path = files[i], .err = UP_TRANSPORT});
        ck_assert_int_eq(site_walk(&site, UP_IMAGE), PRI_FAILED);
        lib_fetch_heal(&site.net);
        site_restart(&site);
        const struct up_floors *f = &site.chain[UP_IMAGE].trust.floors;
        for (unsigned role = UP_TIMESTAMP; role < UP_TIME; role++)
            ck_assert_uint_eq(f->mark[role].version, role <= i ? 2 : 1);
        ck_assert_int_eq(site.chain[UP_IMAGE].damage.err, UP_OK);
        site_accepted(&site, UP_IMAGE, 2);
        site_close(&site);
    }
}
END_TEST

/* E-STO-03: the Primary goes away while it waits for each of its requests in turn. */
START_TEST(a_restart_in_the_middle_of_a_walk_loses_nothing)
{
    const enum up_repo repo = (enum up_repo)_i;
    for (unsigned cut = 1; cut <= 6; cut++) {
        site_open(&site, &up_profile_strict);
        site_publish(&site, repo, 1);
        site_accepted(&site, repo, 1);
        (void)site_next_root(&site, repo, 0);
        (void)site_next_root(&site, repo, 0);
        site_publish(&site, repo, 2);
        site.net.patience = 1;
        pri_chain_begin(&site.chain[repo], site.now_s);
        for (unsigned i = 0; i < cut; i++) (void)pri_chain_step(&site.chain[repo]);
        site_restart(&site);
        ck_assert_int_eq(site.chain[repo].damage.err, UP_OK);
        site_accepted(&site, repo, 2);
        ck_assert_uint_eq(site.chain[repo].trust.root.head.version, 3);
        site_restart(&site);
        ck_assert_int_eq(site_walk(&site, repo), PRI_NOTHING);
        site_close(&site);
    }
}
END_TEST

/* E-STO-11, E-STO-04: what could not be stored is not trusted either. */
START_TEST(a_failing_disk_ends_the_cycle_and_the_next_one_succeeds)
{
    const enum up_repo repo = (enum up_repo)_i;
    bool failed = true;
    for (int at = 1; failed; at++) {
        site_open(&site, &up_profile_strict);
        cutvfs_cut(0, CUT_KEEPS_ALL); /* the disk that can fail is registered */
        site_use_file(&site);
        site_publish(&site, repo, 1);
        site_accepted(&site, repo, 1);
        (void)site_next_root(&site, repo, 0);
        site_publish(&site, repo, 2);
        cutvfs_fail(at, SQLITE_FULL);
        failed = site_walk(&site, repo) == PRI_FAILED;
        cutvfs_heal();
        if (failed) IS(site.chain[repo].problem.err, UP_STORAGE_FULL);
        struct up_trust now = site.chain[repo].trust;
        site_restart(&site);
        ck_assert_mem_eq(&site.chain[repo].trust.floors, &now.floors, sizeof now.floors);
        ck_assert_int_eq(site.chain[repo].damage.err, UP_OK);
        site_accepted(&site, repo, 2);
        site_close(&site);
        ck_assert_int_lt(at, 200);
    }
}
END_TEST

START_TEST(without_memory_the_cycle_ends_and_the_next_one_succeeds)
{
    site_open(&site, &up_profile_strict);
    site_publish(&site, UP_DIRECTOR, 1);
    site.net.out_of_memory = true;
    site_refused(&site, UP_DIRECTOR, UP_STORAGE_FULL, "2.root.json");
    site.net.out_of_memory = false;
    site_accepted(&site, UP_DIRECTOR, 1);
    site_close(&site);
}
END_TEST

/* ---- damage ---- */

/* E-STO-07, V-STO-01, E-STO-08 */
START_TEST(a_damaged_or_missing_file_is_told_and_fetched_again_while_its_floor_stays)
{
    const enum up_repo repo = (enum up_repo)_i;
    static const char *const names[UP_TIME] = {"", "timestamp", "snapshot", "targets"};
    for (enum up_role role = UP_TIMESTAMP; role < UP_TIME; role++) {
        for (int missing = 0; missing < 2; missing++) {
            site_open(&site, &up_profile_strict);
            site_publish(&site, repo, 5);
            site_accepted(&site, repo, 5);
            const char *key = author_text("%s/%s", up_repo_name(repo), names[role]);
            if (missing)
                IS(pri_state_remove(site.state, key), UP_OK);
            else
                put(key, UP_SPAN("{\"signatures\":[],\"signed\":{}}"));
            site_restart(&site);
            IS(site.chain[repo].damage.err, UP_STORAGE_CORRUPT);
            ck_assert_ptr_nonnull(strstr(site.chain[repo].damage.what, names[role]));
            site_publish(&site, repo, 4);
            site_refused(&site, repo, UP_ROLLBACK, "timestamp.json");
            site_publish(&site, repo, 5);
            site_accepted(&site, repo, 5);
            site_accepted(&site, repo, 5); /* what was fetched again is held */
            site_restart(&site);
            ck_assert_int_eq(site.chain[repo].damage.err, UP_OK);
            ck_assert_int_eq(site_walk(&site, repo), PRI_NOTHING);
            site_close(&site);
        }
    }
}
END_TEST

/* E-STO-07: bits flip behind the state port. */
START_TEST(a_flipped_bit_in_the_store_is_noticed)
{
    const enum up_repo repo = (enum up_repo)_i;
    site_open(&site, &up_profile_strict);
    site_use_file(&site);
    site_publish(&site, repo, 5);
    site_accepted(&site, repo, 5);
    pri_chain_close(&site.chain[UP_DIRECTOR]);
    pri_chain_close(&site.chain[UP_IMAGE]);
    pri_state_close(site.state);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(site_state_path(&site), &db), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_exec(db,
                     "UPDATE kv SET value = CAST(replace(CAST(value AS TEXT), '2030', '2031') AS BLOB)"
                     " WHERE key LIKE '%/targets'",
                     NULL, NULL, NULL),
        SQLITE_OK);
    ck_assert_int_eq(sqlite3_changes(db), 1);
    sqlite3_close(db);
    site.chain[UP_DIRECTOR] = site.chain[UP_IMAGE] = (struct pri_chain){0};
    site.state = pri_state_open(":memory:", NULL, 0);
    site_use_file(&site);
    IS(site.chain[repo].damage.err, UP_STORAGE_CORRUPT);
    site_publish(&site, repo, 4);
    site_refused(&site, repo, UP_ROLLBACK, "timestamp.json");
    site_publish(&site, repo, 5);
    site_accepted(&site, repo, 5);
    site_close(&site);
}
END_TEST

/* E-STO-07, E-STO-09 */
START_TEST(after_a_damaged_root_the_walk_must_reach_its_floor_again)
{
    const enum up_repo repo = (enum up_repo)_i;
    site_open(&site, &up_profile_strict);
    struct up_span second = site_next_root(&site, repo, 0);
    (void)site_next_root(&site, repo, 0);
    site_publish(&site, repo, 5);
    site_accepted(&site, repo, 5);
    put(author_text("%s/root/0000000003", up_repo_name(repo)), UP_SPAN("junk"));
    site_restart(&site);
    IS(site.chain[repo].damage.err, UP_STORAGE_CORRUPT);
    ck_assert_uint_eq(site.chain[repo].trust.root.head.version, 1);
    shelf_drop(&site.net.shelf[repo], "2.root.json");
    site_refused(&site, repo, UP_ROLLBACK, "2.root.json");
    shelf_put(&site.net.shelf[repo], "2.root.json", second);
    site_accepted(&site, repo, 5);
    ck_assert_uint_eq(site.chain[repo].trust.root.head.version, 3);
    site_restart(&site);
    ck_assert_int_eq(site.chain[repo].damage.err, UP_OK);
    site_publish(&site, repo, 4);
    site_refused(&site, repo, UP_ROLLBACK, "timestamp.json");
    site_close(&site);
}
END_TEST

/* E-STO-07: the files that are left say how far we were. */
START_TEST(lost_floors_are_rebuilt_from_the_stored_files)
{
    const enum up_repo repo = (enum up_repo)_i;
    for (int roots = 0; roots < 2; roots++) {
        site_open(&site, &up_profile_strict);
        (void)site_next_root(&site, repo, 0);
        site_publish(&site, repo, 5);
        site_accepted(&site, repo, 5);
        put(author_text("%s/floors", up_repo_name(repo)), UP_SPAN("{}"));
        if (roots) put(author_text("%s/root/0000000002", up_repo_name(repo)), UP_SPAN("junk"));
        site_restart(&site);
        IS(site.chain[repo].damage.err, UP_STORAGE_CORRUPT);
        ck_assert_uint_eq(site.chain[repo].trust.root.head.version, roots ? 1 : 2);
        site_publish(&site, repo, 4);
        ck_assert_int_eq(site_walk(&site, repo), PRI_FAILED);
        IS(site.chain[repo].problem.err, UP_ROLLBACK);
        site_publish(&site, repo, 5);
        site_accepted(&site, repo, 5);
        site_restart(&site);
        ck_assert_int_eq(site.chain[repo].damage.err, UP_OK);
        site_close(&site);
    }
}
END_TEST

/* V-ROOT-20, T-PROV-06 */
START_TEST(without_a_usable_first_root_there_is_no_trust)
{
    static const char *const contents[] = {NULL, "", "{}", "junk"};
    site_open(&site, &up_profile_strict);
    struct author forger = site.author[UP_DIRECTOR];
    forger.signers[UP_ROOT] = KEY(20);
    struct up_span unsigned_root = author_root(&forger, 1);
    for (size_t i = 0; i < 5; i++) {
        const char *path = author_text("%s/first-%zu", site.folder.path, i);
        struct pri_repo_config config = {.root = author_text("%s", path), .profile = &up_profile_strict};
        if (i == 4)
            folder_write(path, unsigned_root.p, unsigned_root.n);
        else if (contents[i] != NULL)
            folder_write(path, contents[i], strlen(contents[i]));
        struct pri_state *state = pri_state_open(":memory:", NULL, 0);
        struct pri_chain c = {.policy = {.vehicle_id = UP_SPAN("VIN-1")}};
        IS(pri_chain_open(&c, UP_DIRECTOR, &config, state, &site.net.port), UP_CONFIG);
        IS(c.problem.err, UP_CONFIG);
        ck_assert_ptr_nonnull(strstr(c.problem.what, "first-"));
        pri_chain_close(&c);
        pri_state_close(state);
    }
    site_close(&site);
}
END_TEST

/* ---- sizes and spellings ---- */

/* V-ROOT-03, V-SNAP-02, P-DL-01: asked for no more than that, and taken no more than that. */
START_TEST(no_file_is_larger_than_its_bound)
{
    const enum up_repo repo = (enum up_repo)_i;
    static const char *const files[] = {"2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"};
    for (size_t i = 0; i < 4; i++) {
        site_open(&site, &up_profile_strict);
        (void)site_next_root(&site, repo, 0);
        site_publish(&site, repo, 1);
        struct up_span good = shelf_get(&site.net.shelf[repo], files[i]);
        const size_t bound = i == 0   ? up_limits_primary.root_bytes
                             : i == 1 ? up_limits_primary.timestamp_bytes
                                      : good.n; /* named by its parent */
        char *large = calloc(1, bound + 2);
        memset(large, ' ', bound + 1);
        memcpy(large, good.p, good.n);
        shelf_put(&site.net.shelf[repo], files[i], up_span_of(large));
        ck_assert_int_eq(site_walk(&site, repo), PRI_FAILED);
        IS(site.chain[repo].problem.err, UP_TOO_LARGE);
        ck_assert_uint_eq(site.net.max_bytes, bound);
        lib_fetch_fail(&site.net,
                       (struct lib_fault){.server = SERVER, .path = files[i], .ignores_maximum = true});
        ck_assert_int_eq(site_walk(&site, repo), PRI_FAILED);
        IS(site.chain[repo].problem.err, UP_TOO_LARGE);
        shelf_put(&site.net.shelf[repo], files[i], good);
        site_accepted(&site, repo, 1);
        site_close(&site);
        free(large);
    }
}
END_TEST

/* E-FMT-07: deployed backends write rotated Roots indented with tabs, their members in any order. */
START_TEST(unsorted_files_are_sorted_verified_and_stored_as_served)
{
    const enum up_repo repo = (enum up_repo)_i;
    static const char *const names[] = {"2.root.json", "timestamp.json", "snapshot.json", "targets.json"};
    const char *folder =
        repo == UP_DIRECTOR ? "tests/interop/s6-rotated/director" : "tests/interop/s6-rotated/repo";
    site_open(&site, &up_profile_deployed);
    site.chain[repo].policy.judge_ecu = NULL;
    size_t n;
    for (size_t i = 0; i < 4; i++) {
        char *text = folder_read(author_text("%s/%s", folder, names[i]), &n);
        ck_assert_ptr_nonnull(text);
        shelf_put(&site.net.shelf[repo], names[i], (struct up_span){(uint8_t *)text, n});
    }
    struct pri_repo_config config = {.root = author_text("%s/1.root.json", folder),
                                     .profile = &up_profile_deployed};
    struct pri_state *state = pri_state_open(":memory:", NULL, 0);
    for (int start = 0; start < 3; start++) {
        struct pri_chain c = {.policy = {.vehicle_id = UP_SPAN("any")}};
        IS(pri_chain_open(&c, repo, &config, state, &site.net.port), UP_OK);
        ck_assert_int_eq(c.damage.err, UP_OK);
        ck_assert_uint_eq(c.trust.root.head.version, start == 0 ? 1 : 2);
        enum pri_verdict v;
        pri_chain_begin(&c, AUTHOR_NOW);
        while ((v = pri_chain_step(&c)) == PRI_WAIT) {
        }
        ck_assert_msg(v == (start == 0 ? PRI_DONE : PRI_NOTHING), "%s", c.problem.what);
        struct pri_blob root;
        IS(pri_chain_file(&c, UP_ROOT, 2, &root), UP_OK);
        ck_assert(up_span_eq(pri_blob_span(&root), shelf_get(&site.net.shelf[repo], "2.root.json")));
        ck_assert_ptr_nonnull(memchr(root.file, '\t', root.bytes));
        pri_blob_free(&root);
        pri_chain_close(&c);
    }
    pri_state_close(state);
    site_close(&site);
}
END_TEST

/* What is passed over is neither stored nor trusted, nor does its memory matter. */
START_TEST(a_second_timestamp_of_plain_tuf_is_passed_over)
{
    site_open(&site, &up_profile_tuf);
    site_publish(&site, UP_IMAGE, 2);
    site_accepted(&site, UP_IMAGE, 2);
    struct site_digest before = site_stored(&site);
    struct up_span snapshot = author_snapshot(&site.author[UP_IMAGE], 9, author_meta("targets", 9));
    shelf_put(&site.net.shelf[UP_IMAGE], "timestamp.json",
              author_timestamp(&site.author[UP_IMAGE], 2, snapshot, 9));
    ck_assert_int_eq(site_walk(&site, UP_IMAGE), PRI_NOTHING);
    struct site_digest after = site_stored(&site);
    ck_assert_mem_eq(&before, &after, sizeof before);
    site_restart(&site);
    ck_assert_int_eq(site_walk(&site, UP_IMAGE), PRI_NOTHING);
    site_publish(&site, UP_IMAGE, 3);
    site_accepted(&site, UP_IMAGE, 3);
    site_close(&site);
}
END_TEST

/* What a generator writes that keeps its images in a hash table: N of them, once each, in no order. */
static char *images_in_disorder(unsigned n)
{
    char *text = author_text("%*s", (int)(300 * n), ""), *p = text;
    for (unsigned i = 0; i < n; i++)
        p += sprintf(p, "%s%s", i > 0 ? "," : "",
                     author_image(author_text("fw-%05u", i * 7919 % n), "brake-hw", 1 + i * 7919 % n));
    return text;
}

static void publish_unsorted(const char *images, unsigned version)
{
    const struct author *a = &site.author[UP_IMAGE];
    char *body = author_targets_body(a, version, images, "");
    struct up_span targets = author_sign_unsorted(a->profile, a->ring[UP_TARGETS].keys, body);
    shelf_publish(&site.net.shelf[UP_IMAGE], a, version, targets, version, "");
}

/* V-TGT-11, E-FMT-07 */
START_TEST(thousands_of_images_in_the_order_of_another_generator_verify)
{
    static const unsigned count[] = {65, 1000, 10000};
    site_open(&site, &up_profile_strict);
    for (unsigned i = 0; i < sizeof count / sizeof *count; i++) {
        struct up_target found;
        publish_unsorted(images_in_disorder(count[i]), i + 2);
        site_accepted(&site, UP_IMAGE, i + 2);
        site_restart(&site);
        IS(site.chain[UP_IMAGE].damage.err, UP_OK);
        ck_assert_int_eq(site_walk(&site, UP_IMAGE), PRI_NOTHING);
        for (unsigned k = 0; k < count[i]; k += 64) {
            const char *name = author_text("fw-%05u", k);
            IS(up_targets_find(&site.chain[UP_IMAGE].trust.targets, up_span_of(name), &up_profile_strict,
                               &found),
               UP_OK);
            ck_assert_uint_eq(found.release_counter, 1 + k);
        }
    }
    site_close(&site);
}
END_TEST

/* E-TGT-08, E-FMT-07 */
START_TEST(disorder_hides_neither_a_second_image_of_a_name_nor_another_counter)
{
    site_open(&site, &up_profile_strict);
    char *images = images_in_disorder(500);
    publish_unsorted(images, 2);
    site_accepted(&site, UP_IMAGE, 2);
    publish_unsorted(images, 3);
    struct up_span good = shelf_get(&site.net.shelf[UP_IMAGE], "3.targets.json");
    const char *text = author_text("%.*s", TEXT(good)), *first = author_image("fw-00000", "brake-hw", 1);
    static const struct {
        const char *from, *to;
        enum up_err want;
    } c[] = {{"\"fw-00250\":", "\"fw-00000\":", UP_PARSE},
             {"\"fw-00250\":", "\"fw-\\u003000000\":", UP_SIG_THRESHOLD},
             {"\"fw-00250\":", "\"fw-000\\u00300\":", UP_PARSE},
             {"\"releaseCounter\":251", "\"releaseCounter\":252", UP_SIG_THRESHOLD}};
    for (unsigned i = 0; i <= sizeof c / sizeof *c; i++) {
        const bool last = i == sizeof c / sizeof *c; /* one more in front of all */
        char *bad = last ? author_with(text, "\"targets\":{", author_text("\"targets\":{%s,", first))
                         : author_with(text, c[i].from, c[i].to);
        const struct author *a = &site.author[UP_IMAGE];
        shelf_publish(&site.net.shelf[UP_IMAGE], a, 3 + i, up_span_of(bad), 3, "");
        ck_assert_int_eq(site_walk(&site, UP_IMAGE), PRI_FAILED);
        IS(site.chain[UP_IMAGE].problem.err, last ? UP_PARSE : c[i].want);
        ck_assert_uint_eq(site.chain[UP_IMAGE].trust.targets.head.version, 2);
    }
    publish_unsorted(images, 9);
    site_accepted(&site, UP_IMAGE, 9);
    site_close(&site);
}
END_TEST

/* What both servers have, as files. */
static void write_plant(void)
{
    for (unsigned server = PRI_DIRECTOR; server <= PRI_IMAGE; server++) {
        const struct shelf *s = &site.net.shelf[server];
        const char *name = author_text("plant/%s", server == PRI_DIRECTOR ? "director" : "repo");
        (void)mkdir("plant", 0700);
        (void)mkdir(name, 0700);
        for (unsigned i = 0; i < s->n; i++)
            if (s->item[i].file.p != NULL)
                folder_write(author_text("%s/%s", name, s->item[i].name), s->item[i].file.p,
                             s->item[i].file.n);
    }
}

static enum up_err plant(struct pri_problem *problem)
{
    return pri_plant_metadata(&site.chain[UP_DIRECTOR], &site.chain[UP_IMAGE], "plant", site.now_s, problem);
}

/* T-PROV-02, T-PROV-05 */
START_TEST(all_roles_of_both_repositories_come_from_the_plant_and_are_floors)
{
    struct pri_problem problem = {0};
    folder_enter();
    site_open(&site, &up_profile_strict);
    (void)site_next_root(&site, UP_IMAGE, 0);
    for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++) site_publish(&site, repo, 5);
    write_plant();
    IS(plant(&problem), UP_OK);
    ck_assert_str_eq(requests(), ""); /* no server was asked */
    site_restart(&site);
    for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++) {
        ck_assert_uint_eq(site.chain[repo].trust.root.head.version, repo == UP_IMAGE ? 2 : 1);
        ck_assert_uint_eq(site.chain[repo].trust.targets.head.version, 5);
        ck_assert_int_eq(site_walk(&site, repo), PRI_NOTHING);
        site_publish(&site, repo, 4);
        site_refused(&site, repo, UP_ROLLBACK, "timestamp.json");
        site_publish(&site, repo, 6);
        site_accepted(&site, repo, 6);
    }
    IS(plant(&problem), UP_ROLLBACK); /* the plant is history now */
    site_close(&site);
    folder_leave();
}
END_TEST

/* T-PROV-02 */
START_TEST(a_plant_without_all_roles_or_with_bad_ones_is_refused)
{
    static const char *const missing[] = {"director/timestamp.json", "director/5.snapshot.json",
                                          "director/5.targets.json", "repo/timestamp.json",
                                          "repo/5.snapshot.json",    "repo/5.targets.json"};
    struct pri_problem problem = {0};
    folder_enter();
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        const char *path = author_text("plant/%s", missing[i]);
        site_open(&site, &up_profile_strict);
        for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++) site_publish(&site, repo, 5);
        write_plant();
        ck_assert_int_eq(unlink(path), 0);
        IS(plant(&problem), UP_CONFIG);
        ck_assert_ptr_nonnull(strstr(problem.what, strrchr(path, '/') + 1));
        folder_write_text(path, "{}");
        ck_assert(plant(&problem) != UP_OK && problem.err != UP_CONFIG);
        write_plant();
        IS(plant(&problem), UP_OK);
        site_close(&site);
    }
    folder_leave();
}
END_TEST

/* T-PROV-05 */
START_TEST(a_plant_that_had_expired_is_refused_and_one_that_is_two_years_old_is_walked_on_from)
{
    const int64_t years = 2LL * 365 * 86400;
    struct pri_problem problem = {0};
    folder_enter();
    site_open(&site, &up_profile_strict);
    for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++) {
        site.author[repo].expires = "2025-12-31T00:00:00Z";
        (void)site_next_root(&site, repo, 0);
        site_publish(&site, repo, 5);
    }
    write_plant();
    site.now_s += years;
    IS(plant(&problem), UP_EXPIRED);
    site.now_s -= years;
    IS(plant(&problem), UP_OK);
    site.now_s += years;
    for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++) {
        struct author *a = &site.author[repo];
        const uint32_t old = a->ring[UP_ROOT].keys;
        a->expires = AUTHOR_EXPIRES;
        for (unsigned r = 0; r < UP_TIME; r++)
            a->ring[r] = (struct author_ring){KEY(12 + r + 4 * (unsigned)repo), 1};
        (void)site_next_root(&site, repo, old);
        site_publish(&site, repo, 6);
        site_accepted(&site, repo, 6);
        ck_assert_uint_eq(site.chain[repo].trust.root.head.version, 3);
    }
    site_close(&site);
    folder_leave();
}
END_TEST

int main(void)
{
    const TTest *for_each_repository[] = {
        all_four_roles_are_fetched_in_order_and_kept_as_served,
        a_poll_without_news_asks_for_two_files_and_writes_nothing,
        only_a_definite_not_found_ends_the_walk,
        every_other_file_that_is_missing_ends_the_cycle_and_is_named,
        every_accepted_root_is_durable_before_the_next_is_asked_for,
        a_bad_root_leaves_no_trace_and_does_not_block_a_good_one,
        a_rotation_clears_floors_even_when_the_cycle_fails_right_after_it,
        a_root_that_rotates_nothing_clears_no_floor,
        a_restart_in_the_middle_of_a_walk_loses_nothing,
        a_failing_disk_ends_the_cycle_and_the_next_one_succeeds,
        a_damaged_or_missing_file_is_told_and_fetched_again_while_its_floor_stays,
        a_flipped_bit_in_the_store_is_noticed,
        after_a_damaged_root_the_walk_must_reach_its_floor_again,
        lost_floors_are_rebuilt_from_the_stored_files,
        no_file_is_larger_than_its_bound,
        unsorted_files_are_sorted_verified_and_stored_as_served};
    const TTest *others[] = {
        files_of_the_same_name_in_both_repositories_never_collide,
        roots_beyond_the_limit_of_a_cycle_are_taken_by_the_next,
        a_root_may_set_the_clock_back_before_its_own_expiry_is_judged,
        the_directors_set_becomes_durable_as_a_whole_or_not_at_all,
        another_vehicles_set_raises_no_floor,
        image_repository_files_become_durable_one_by_one,
        without_memory_the_cycle_ends_and_the_next_one_succeeds,
        without_a_usable_first_root_there_is_no_trust,
        a_second_timestamp_of_plain_tuf_is_passed_over,
        thousands_of_images_in_the_order_of_another_generator_verify,
        all_roles_of_both_repositories_come_from_the_plant_and_are_floors,
        a_plant_without_all_roles_or_with_bad_ones_is_refused,
        a_plant_that_had_expired_is_refused_and_one_that_is_two_years_old_is_walked_on_from,
        disorder_hides_neither_a_second_image_of_a_name_nor_another_counter};
    Suite *suite = suite_create("chain");
    TCase *c = tcase_create("chain");
    tcase_set_timeout(c, 300);
    for (size_t i = 0; i < sizeof for_each_repository / sizeof *for_each_repository; i++)
        tcase_add_loop_test(c, for_each_repository[i], UP_DIRECTOR, UP_IMAGE + 1);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) tcase_add_test(c, others[i]);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
