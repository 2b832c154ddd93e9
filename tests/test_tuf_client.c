/* isoctane-tuf against a plain TUF repository over HTTP: what a TUF 1.0 client must do, as seen from outside:
 * exit status, requests, and what lies in its folders. */
#include "tests/lib_tuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "metadata/encode.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#define ALL "root targets snapshot timestamp"

static struct tuf_role *const role = tuf_repo.role;

/* A client that knows Root 1 and nothing else. */
static void start(void)
{
    tuf_open();
    TUF_WORKS(tuf_init());
}

//* V-ROOT-03, V-TSP-03, V-SNAP-09: ---- the workflow ---- */
START_TEST(a_refresh_asks_for_four_files_and_keeps_them_as_served)
{
    start();
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp snapshot/1 targets/1 ");
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 1, targets 1, timestamp 1");
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp ");
    tuf_close();
}
END_TEST

START_TEST(files_are_stored_to_the_byte)
{
    start();
    tuf_repo.pretty = true;
    tuf_publish(ALL);
    *tuf_last(TUF_TIMESTAMP) = up_span_of(author_text("\n\t %.*s \n ", TEXT(*tuf_last(TUF_TIMESTAMP))));
    TUF_WORKS(tuf_refresh());
    for (unsigned i = TUF_ROOT; i <= TUF_TARGETS; i++)
        ck_assert(tuf_trusts(author_text("%s.json", role[i].name), *tuf_last(i)));
    tuf_repo.hashes = true;
    tuf_publish("targets snapshot timestamp");
    TUF_WORKS(tuf_refresh());
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/3 timestamp ");
    tuf_close();
}
END_TEST

START_TEST(a_download_refreshes_first_even_when_it_finds_nothing)
{
    start();
    TUF_FAILS(tuf_download("no such target"));
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp snapshot/1 targets/1 ");
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 1, targets 1, timestamp 1");
    tuf_close();
}
END_TEST

/* V-ROOT-02, V-ROOT-20 */
START_TEST(without_a_good_first_root_nothing_is_asked)
{
    tuf_open();
    struct up_span good = role[TUF_ROOT].file[0];
    const char *text = author_text("%.*s", TEXT(good));
    TUF_FAILS(tuf_init_with(up_span_of(author_with(text, ",\"version\":1}", "}"))));
    TUF_FAILS(tuf_refresh());
    char *last = strstr(text, "\"sig\":\"");
    TUF_FAILS(
        tuf_init_with(up_span_of(author_text("%.*s%s%s", (int)(last + 7 - text), text, "00", last + 9))));
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "");
    ck_assert_int_eq(mkdir("m", 0700), 0);
    folder_write("m/root.json", "{}", 2);
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "");
    TUF_WORKS(tuf_init_with(good));
    TUF_WORKS(tuf_refresh());
    tuf_close();
}
END_TEST

START_TEST(a_role_without_its_signature_ends_the_refresh_and_what_was_before_it_stays)
{
    static const char *const left[] = {"root 1", "root 2", "root 2, timestamp 2",
                                       "root 2, snapshot 2, timestamp 2"};
    for (unsigned r = TUF_ROOT; r <= TUF_TARGETS; r++) {
        start();
        role[r].signers = KEY(20);
        tuf_publish(ALL);
        TUF_FAILS(tuf_refresh());
        ck_assert_str_eq(tuf_trusted(), left[r]);
        tuf_close();
    }
}
END_TEST

/* V-ROOT-05, V-TGT-02, V-ROOT-19 */
START_TEST(a_version_that_is_not_the_one_in_the_url_is_refused)
{
    static const unsigned roles[] = {TUF_ROOT, TUF_SNAPSHOT, TUF_TARGETS};
    static const char *const left[] = {"root 1", "root 2, timestamp 2", "root 2, snapshot 2, timestamp 2"};
    for (unsigned i = 0; i < 3; i++) {
        start();
        tuf_publish(ALL);
        struct tuf_role *r = &role[roles[i]];
        *tuf_last(roles[i]) = (struct up_span){0};
        r->files--;
        tuf_publish(r->name); /* says 3, under the name of 2 */
        r->version = 2;
        TUF_FAILS(tuf_refresh());
        ck_assert_str_eq(tuf_trusted(), left[i]);
        tuf_close();
    }
}
END_TEST

START_TEST(another_timestamp_of_the_same_version_is_passed_over)
{
    start();
    TUF_WORKS(tuf_refresh());
    struct up_span first = *tuf_last(TUF_TIMESTAMP);
    tuf_unpublish(TUF_TIMESTAMP);
    role[TUF_SNAPSHOT].meta = author_text("{\"version\":100}");
    tuf_publish("timestamp");
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp ");
    ck_assert(tuf_trusts("timestamp.json", first));
    tuf_close();
}
END_TEST

/* V-TGT-07, V-SNAP-03 */
START_TEST(lengths_and_hashes_bind_where_they_are_given)
{
    start();
    tuf_repo.hashes = true;
    tuf_publish("targets snapshot timestamp");
    TUF_WORKS(tuf_refresh());
    tuf_publish("targets");
    role[TUF_TARGETS].meta = author_with(role[TUF_TARGETS].meta, "\"sha256\":\"", "\"sha256\":\"00");
    size_t n = strlen("\"sha256\":\"") + 64;
    char *hash = strstr(role[TUF_TARGETS].meta, "\"sha256\":\""); /* 66 digits: cut to 64 */
    role[TUF_TARGETS].meta = author_text("%.*s%s", (int)(hash - role[TUF_TARGETS].meta + (long)n),
                                         role[TUF_TARGETS].meta, hash + n + 2);
    tuf_publish("snapshot timestamp");
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 3, targets 2, timestamp 3");
    tuf_publish("targets");
    role[TUF_TARGETS].meta = author_text("{\"length\":%zu,\"version\":%u}", tuf_last(TUF_TARGETS)->n - 1,
                                         role[TUF_TARGETS].version);
    tuf_publish("snapshot timestamp");
    TUF_FAILS(tuf_refresh());
    tuf_publish("targets snapshot timestamp");
    TUF_WORKS(tuf_refresh());
    tuf_close();
}
END_TEST

/* E-FMT-09 */
START_TEST(unknown_members_anywhere_are_covered_by_the_signature_and_ignored)
{
    start();
    role[TUF_ROOT].extra = author_text("\"x-more\":{\"a\":[1,{}],\"b\":null},");
    role[TUF_ROOT].from = "\"threshold\":1}";
    role[TUF_ROOT].to = "\"threshold\":1,\"x-role\":\"value\"}";
    tuf_publish("root");
    TUF_WORKS(tuf_refresh());
    /* a key with members more; its id is its digest */
    const char *plain = author_key_object(&up_profile_tuf, TUF_SNAPSHOT);
    role[TUF_ROOT].from = plain;
    role[TUF_ROOT].to =
        author_with(plain, "{", "{\"extra-field\":{\"a\":1,\"b\":2},\"keyid_hash_algorithms\":\"md5\",");
    tuf_publish(ALL);
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 3, snapshot 2, targets 2, timestamp 2");
    tuf_close();
}
END_TEST

START_TEST(a_key_id_need_not_be_a_digest)
{
    start();
    const char *id = author_keyid(&up_profile_tuf, TUF_TARGETS);
    char *ids = author_text("[\"%s\"]", id);
    char *body = author_text("\"%s\":", id);
    role[TUF_ROOT].from = ids;
    role[TUF_ROOT].to = "[\"my key \xC3\xA9\"]";
    tuf_publish("root");
    (void)body;
    TUF_FAILS(tuf_refresh()); /* an id without key: nothing can be signed under it */
    ck_assert_str_eq(tuf_trusted(), "root 2, snapshot 1, timestamp 1");

    role[TUF_ROOT].from = author_text("\"keys\":{");
    role[TUF_ROOT].to =
        author_text("\"keys\":{\"my key \xC3\xA9\":%s,", author_key_object(&up_profile_tuf, TUF_TARGETS));
    tuf_publish("root");
    char *root = author_text("%.*s", TEXT(*tuf_last(TUF_ROOT)));
    char *signed_part = strstr(root, "\"signed\":") + strlen("\"signed\":");
    signed_part = author_text("%.*s", (int)(strlen(signed_part) - 1), signed_part);
    *tuf_last(TUF_ROOT) =
        author_sign(&up_profile_tuf, KEY(TUF_ROOT), author_with(signed_part, ids, "[\"my key \xC3\xA9\"]"));
    char *targets = author_text("%.*s", TEXT(role[TUF_TARGETS].file[0]));
    role[TUF_TARGETS].file[0] = up_span_of(author_with(targets, id, "my key \xC3\xA9"));
    TUF_WORKS(tuf_refresh());
    tuf_close();
}
END_TEST

START_TEST(a_missing_file_ends_the_refresh_and_what_was_before_it_stays)
{
    start();
    TUF_WORKS(tuf_refresh());
    role[TUF_SNAPSHOT].meta = author_text("{\"version\":2}");
    tuf_publish("timestamp");
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp snapshot/2 ");
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 1, targets 1, timestamp 2");
    role[TUF_TARGETS].meta = author_text("{\"version\":2}");
    tuf_publish("snapshot timestamp");
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp snapshot/2 targets/2 ");
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 2, targets 1, timestamp 3");
    role[TUF_TIMESTAMP].files = 0;
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp ");
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 2, targets 1, timestamp 3");
    tuf_close();
}
END_TEST

/* E-FMT-04 */
START_TEST(a_good_file_of_another_type_is_refused)
{
    start();
    role[TUF_SNAPSHOT].signers = KEY(TUF_SNAPSHOT) | KEY(TUF_TIMESTAMP);
    role[TUF_SNAPSHOT].keys |= KEY(TUF_TIMESTAMP);
    role[TUF_SNAPSHOT].from = "\"meta\":{";
    role[TUF_SNAPSHOT].to = "\"meta\":{\"snapshot.json\":{\"version\":1},";
    tuf_publish("root snapshot");
    *tuf_last(TUF_TIMESTAMP) = *tuf_last(TUF_SNAPSHOT);
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 2");
    tuf_close();
}
END_TEST

START_TEST(a_repository_without_consistent_snapshots_has_bare_names)
{
    tuf_open();
    tuf_repo.consistent = false;
    tuf_unpublish(TUF_ROOT);
    tuf_delegate(TUF_TARGETS, TUF_A, "\"a/*\"", "");
    tuf_add(TUF_A, "a/b.txt", "text");
    tuf_publish("A targets snapshot timestamp root");
    TUF_WORKS(tuf_init());
    TUF_WORKS(tuf_download("a/b.txt"));
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp snapshot targets A ");
    ck_assert_str_eq(tuf_repo.artifact_log, "a/b.txt ");
    ck_assert_str_eq(tuf_downloaded(), "a%2Fb.txt=text");
    /* it may begin to promise them */
    tuf_publish("targets");
    tuf_repo.consistent = true;
    tuf_publish("snapshot timestamp root");
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 root/3 timestamp snapshot/3 targets/3 ");
    tuf_close();
}
END_TEST

//* V-ROOT-08, V-ROOT-12: ---- time ---- */
START_TEST(expired_roots_are_kept_and_nothing_follows_them)
{
    start();
    TUF_WORKS(tuf_refresh());
    role[TUF_ROOT].expires = "2025-12-31T23:59:59Z";
    tuf_publish(ALL);
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 root/3 ");
    ck_assert_str_eq(tuf_trusted(), "root 2, snapshot 1, targets 1, timestamp 1");
    role[TUF_ROOT].expires = TUF_EXPIRES; /* the next one heals it */
    tuf_publish("root");
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 3, snapshot 2, targets 2, timestamp 2");
    tuf_close();
}
END_TEST

/* V-TSP-08, V-SNAP-08, E-TGT-05 */
START_TEST(other_expired_files_are_not_kept)
{
    static const char *const left[] = {"", "root 2, snapshot 1, targets 1, timestamp 1",
                                       "root 2, snapshot 1, targets 1, timestamp 2",
                                       "root 2, snapshot 2, targets 1, timestamp 2"};
    for (unsigned r = TUF_TIMESTAMP; r <= TUF_TARGETS; r++) {
        start();
        TUF_WORKS(tuf_refresh());
        role[r].expires = TUF_NOW; /* to the second */
        tuf_publish(ALL);
        TUF_FAILS(tuf_refresh());
        ck_assert_str_eq(tuf_trusted(), left[r]);
        role[r].expires = TUF_EXPIRES;
        tuf_publish(ALL);
        TUF_WORKS(tuf_refresh());
        ck_assert_str_eq(tuf_trusted(), "root 3, snapshot 3, targets 3, timestamp 3");
        tuf_close();
    }
}
END_TEST

/* V-ROOT-09, V-TSP-10, V-SNAP-13 */
START_TEST(what_is_held_and_has_expired_does_not_stand_in_the_way_of_a_newer_one)
{
    for (unsigned r = TUF_ROOT; r <= TUF_TARGETS; r++) {
        start();
        role[r].expires = "2026-01-08T00:00:00Z";
        tuf_publish(ALL);
        TUF_WORKS(tuf_refresh());
        TUF_FAILS(tuf_refresh_at(TUF_LATER));
        role[r].expires = "2026-01-22T00:00:00Z";
        tuf_publish(ALL);
        TUF_WORKS(tuf_refresh_at(TUF_LATER));
        ck_assert_str_eq(tuf_trusted(), "root 3, snapshot 3, targets 3, timestamp 3");
        tuf_close();
    }
}
END_TEST

START_TEST(expired_delegated_roles_do_not_speak)
{
    start();
    tuf_delegate(TUF_TARGETS, TUF_A, "\"d/*\"", "");
    tuf_add(TUF_A, "d/one", "first");
    tuf_add(TUF_A, "d/two", "second");
    role[TUF_A].expires = "2025-12-31T00:00:00Z";
    tuf_publish("A targets snapshot timestamp");
    TUF_WORKS(tuf_refresh());
    TUF_FAILS(tuf_download("d/one"));
    ck_assert_str_eq(tuf_downloaded(), "");
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 2, targets 2, timestamp 2");

    role[TUF_A].expires = "2026-01-08T00:00:00Z";
    tuf_publish("A snapshot timestamp");
    TUF_WORKS(tuf_download("d/one"));
    ck_assert_str_eq(tuf_downloaded(), "d%2Fone=first");
    TUF_FAILS(tuf_download_at(TUF_LATER, "d/two", NULL)); /* held, and expired since */
    ck_assert_str_eq(tuf_downloaded(), "d%2Fone=first");
    role[TUF_A].expires = "2026-01-22T00:00:00Z";
    tuf_publish("A snapshot timestamp");
    TUF_WORKS(tuf_download_at(TUF_LATER, "d/two", NULL));
    ck_assert_str_eq(tuf_downloaded(), "d%2Fone=first, d%2Ftwo=second");
    tuf_close();
}
END_TEST

//* V-TSP-05: ---- rollback, and recovery from fast-forward ---- */
START_TEST(an_older_timestamp_is_refused)
{
    start();
    tuf_publish("timestamp");
    TUF_WORKS(tuf_refresh());
    tuf_unpublish(TUF_TIMESTAMP);
    tuf_publish("timestamp");
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp ");
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 1, targets 1, timestamp 2");
    tuf_close();
}
END_TEST

/* V-TSP-07 */
START_TEST(a_timestamp_that_names_an_older_snapshot_is_refused)
{
    for (int hashes = 0; hashes < 2; hashes++) {
        start();
        tuf_repo.hashes = hashes;
        tuf_publish("snapshot timestamp");
        TUF_WORKS(tuf_refresh());
        tuf_unpublish(TUF_SNAPSHOT);
        tuf_publish("snapshot timestamp");
        TUF_FAILS(tuf_refresh());
        ck_assert_str_eq(tuf_repo.log, "root/2 timestamp ");
        ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 2, targets 1, timestamp 2");
        tuf_close();
    }
}
END_TEST

/* V-SNAP-06, V-SNAP-07 */
START_TEST(a_snapshot_that_names_older_targets_or_drops_a_role_is_refused)
{
    for (int hashes = 0; hashes < 2; hashes++) {
        start();
        tuf_repo.hashes = hashes;
        tuf_publish("A targets snapshot timestamp");
        TUF_WORKS(tuf_refresh());
        tuf_unpublish(TUF_TARGETS);
        tuf_publish("targets snapshot timestamp");
        TUF_FAILS(tuf_refresh());
        ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 2, targets 2, timestamp 3");
        tuf_publish("targets");
        role[TUF_A].meta = NULL;
        tuf_publish("snapshot timestamp");
        TUF_FAILS(tuf_refresh());
        ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 2, targets 2, timestamp 4");
        tuf_publish("A snapshot timestamp");
        TUF_WORKS(tuf_refresh());
        tuf_close();
    }
}
END_TEST

START_TEST(a_snapshot_that_timestamp_does_not_name_is_not_asked_for)
{
    start();
    tuf_publish("snapshot timestamp");
    TUF_WORKS(tuf_refresh());
    tuf_publish("snapshot");
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp ");
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 2, targets 1, timestamp 2");
    tuf_close();
}
END_TEST

/* V-ROOT-13: The attacker drives a version up; new keys bring it down again. */
START_TEST(versions_driven_up_heal_with_new_keys)
{
    static const struct {
        unsigned role;
        const char *after;
    } c[] = {{TUF_TIMESTAMP, "root 2, snapshot 2, targets 2, timestamp 1"},
             {TUF_SNAPSHOT, "root 2, snapshot 1, targets 2, timestamp 3"},
             {TUF_TARGETS, "root 2, snapshot 3, targets 1, timestamp 3"}};
    for (unsigned i = 0; i < 3; i++) {
        const unsigned r = c[i].role;
        start();
        for (int n = 0; n < 40; n++) tuf_publish(role[r].name);
        for (unsigned after = r == TUF_TARGETS ? TUF_SNAPSHOT : TUF_TIMESTAMP;
             r != TUF_TIMESTAMP && after > 0; after--)
            if (after != r) tuf_publish(role[after].name);
        TUF_WORKS(tuf_refresh());
        ck_assert_ptr_nonnull(strstr(tuf_trusted(), author_text("%s 41", role[r].name)));

        tuf_unpublish(r);
        if (r == TUF_TIMESTAMP) tuf_publish("targets snapshot");
        if (r == TUF_SNAPSHOT) tuf_publish("targets");
        if (r == TUF_TARGETS) tuf_publish("targets snapshot");
        tuf_publish(r == TUF_SNAPSHOT ? "snapshot timestamp" : "timestamp");
        TUF_FAILS(tuf_refresh()); /* without new keys: a rollback */

        role[TUF_SNAPSHOT].keys = r != TUF_TIMESTAMP ? KEY(10) : role[TUF_SNAPSHOT].keys;
        role[TUF_TIMESTAMP].keys = r != TUF_TARGETS ? KEY(11) : role[TUF_TIMESTAMP].keys;
        tuf_unpublish(r);
        tuf_publish("root");
        if (r == TUF_TARGETS) tuf_publish("targets snapshot timestamp");
        if (r == TUF_SNAPSHOT) tuf_publish("snapshot timestamp");
        if (r == TUF_TIMESTAMP) tuf_publish("timestamp");
        TUF_WORKS(tuf_refresh());
        ck_assert_ptr_nonnull(strstr(tuf_trusted(), author_text("%s 1", role[r].name)));
        ck_assert_ptr_null(strstr(tuf_trusted(), author_text("%s 41", role[r].name)));
        tuf_close();
    }
}
END_TEST

/* A client that stops right after the Root does not bring the old floors back, though the old keys still
 * count. */
/* V-ROOT-14 */
START_TEST(recovery_survives_a_failure_right_after_the_root)
{
    start();
    for (int n = 0; n < 9; n++) tuf_publish("timestamp");
    TUF_WORKS(tuf_refresh());
    role[TUF_TIMESTAMP].keys |= KEY(11);
    tuf_unpublish(TUF_TIMESTAMP);
    tuf_publish("root");
    TUF_FAILS(tuf_refresh()); /* no Timestamp */
    ck_assert_str_eq(tuf_trusted(), "root 2, targets 1");
    tuf_publish("timestamp");
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 2, snapshot 1, targets 1, timestamp 1");
    tuf_close();

    start(); /* Targets, whose floor goes with the keys of Snapshot */
    for (int n = 0; n < 9; n++) tuf_publish("targets");
    tuf_publish("snapshot timestamp");
    TUF_WORKS(tuf_refresh());
    role[TUF_SNAPSHOT].keys |= KEY(11);
    tuf_publish("root");
    struct up_span timestamp = *tuf_last(TUF_TIMESTAMP);
    role[TUF_TIMESTAMP].files--;
    *tuf_last(TUF_TIMESTAMP) = UP_SPAN("{}");
    TUF_FAILS(tuf_refresh());
    *tuf_last(TUF_TIMESTAMP) = timestamp;
    ck_assert_str_eq(tuf_trusted(), "root 2, targets 10");
    tuf_unpublish(TUF_TARGETS);
    tuf_publish("targets snapshot timestamp");
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 2, snapshot 3, targets 1, timestamp 3");
    tuf_close();
}
END_TEST

START_TEST(a_damaged_file_is_fetched_again)
{
    start();
    TUF_WORKS(tuf_refresh());
    folder_write("m/timestamp.json", "{\"signed\":{\"version\":9}}", 24);
    folder_write("m/snapshot.json", "", 0);
    folder_write("m/targets.json", "garbage", 7);
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp snapshot/1 targets/1 ");
    ck_assert(tuf_trusts("targets.json", *tuf_last(TUF_TARGETS)));

    /* nor does what nobody signed set a floor */
    struct up_span good = *tuf_last(TUF_TIMESTAMP);
    role[TUF_TIMESTAMP].version = 98;
    role[TUF_TIMESTAMP].signers = KEY(20);
    tuf_publish("timestamp");
    struct up_span forged = *tuf_last(TUF_TIMESTAMP);
    *tuf_last(TUF_TIMESTAMP) = good;
    folder_write("m/timestamp.json", forged.p, forged.n);
    TUF_WORKS(tuf_refresh());
    ck_assert(tuf_trusts("timestamp.json", good));
    tuf_close();
}
END_TEST

/* ---- Root rotation ---- */

static const struct step {
    const char *name;
    struct {
        uint32_t keys;
        unsigned threshold;
        uint32_t signers;
    } root[4];
    bool last_fails;
} steps[] = {
    {"one key for one", {{KEY(1), 1, KEY(1)}, {KEY(2), 1, KEY(2) | KEY(1)}, {KEY(2), 1, KEY(2)}}, false},
    {"with signatures of nobody",
     {{KEY(1), 1, KEY(3) | KEY(1) | KEY(4)},
      {KEY(2), 1, KEY(3) | KEY(2) | KEY(1)},
      {KEY(2), 1, KEY(2) | KEY(4)}},
     false},
    {"any three of five", {{0x1F, 3, 0x15}, {0x1F, 3, 0x13}, {0x1F, 3, 0x0B}, {0x1F, 3, 0x0B}}, false},
    {"one of five, two of three common", {{0x1F, 3, 0x15}, {0x3B, 3, 0x13}}, false},
    {"one of five, with both sides", {{0x1F, 3, 0x15}, {0x3B, 3, 0x35}, {0x3B, 3, 0x31}}, false},
    {"all of five", {{0x1F, 3, 0x15}, {0x3E0, 3, 0xF5}, {0x3E0, 3, 0xE0}}, false},
    {"a threshold rises", {{0xE, 1, 0x2}, {0xE, 2, 0x6}}, false},
    {"a threshold falls", {{0xE, 2, 0x6}, {0xE, 1, 0x6}, {0xE, 1, 0x2}}, false},
    {"a key joins and must sign", {{KEY(1), 1, KEY(1)}, {0x6, 2, 0x6}}, false},
    {"not by the old key", {{KEY(1), 1, KEY(1)}, {KEY(2), 1, 0x1C}}, true},
    {"not by the new key", {{KEY(1), 1, KEY(1)}, {KEY(2), 1, 0x1A}}, true},
    {"not by three new keys", {{0x1F, 3, 0x15}, {0x3B, 3, 0x15}}, true},
    {"not by three old keys", {{0x1F, 3, 0x15}, {0x3B, 3, 0x31}}, true},
    {"a higher threshold is not met", {{0xE, 1, 0x2}, {0xE, 2, 0x4}}, true},
    {"the old threshold is not met", {{0xE, 2, 0x6}, {0xE, 1, 0x2}}, true},
    {"one version is left out", {{KEY(1), 1, KEY(1)}, {0}, {KEY(1), 1, KEY(1)}}, false},
};

/* V-ROOT-04, V-ROOT-06, V-ROOT-07 */
START_TEST(roots_follow_each_other_by_both_thresholds)
{
    const struct step *s = &steps[_i];
    unsigned n = 0;
    tuf_open();
    tuf_unpublish(TUF_ROOT);
    for (; n < 4 && s->root[n].keys != 0; n++) {
        role[TUF_ROOT].keys = s->root[n].keys;
        role[TUF_ROOT].threshold = s->root[n].threshold;
        role[TUF_ROOT].signers = s->root[n].signers;
        tuf_publish("root");
    }
    if (n < 3 && s->root[n + 1].keys != 0) { /* a gap: what is behind it is not seen */
        struct up_span far = *tuf_last(TUF_ROOT);
        role[TUF_ROOT].file[role[TUF_ROOT].files + 1] = far;
        role[TUF_ROOT].file[role[TUF_ROOT].files] = (struct up_span){0};
        role[TUF_ROOT].files += 2;
    }
    TUF_WORKS(tuf_init());
    if (s->last_fails)
        TUF_FAILS(tuf_refresh());
    else
        TUF_WORKS(tuf_refresh());
    struct up_span want = role[TUF_ROOT].file[s->last_fails ? n - 2 : n - 1];
    ck_assert_msg(tuf_trusts("root.json", want), "%s", s->name);
    tuf_close();
}
END_TEST

static const struct {
    uint32_t keys;
    unsigned threshold;
    uint32_t signers;
    bool good;
} rings[] = {
    {KEY(12), 1, KEY(12), true},
    {KEY(11), 1, KEY(13) | KEY(11) | KEY(14), true},
    {KEY(12), 1, KEY(11) | KEY(13) | KEY(14), false},
    {0x3B00, 3, 0x1500, false}, /* two of three are its own */
    {0x3B00, 3, 0x1100, false},
    {0x1F00, 3, 0x1500, true},
    {0x1F00, 3, 0x1300, true},
    {0x1F00, 3, 0x0B00, true},
    {0x1F00, 3, 0x0E00, true},
    {0x1F00, 3, 0x1C00, true},
};

START_TEST(every_role_takes_the_keys_that_the_newest_root_gives_it)
{
    start();
    TUF_WORKS(tuf_refresh());
    for (unsigned r = TUF_TIMESTAMP; r <= TUF_TARGETS; r++) {
        const struct tuf_role before = role[r];
        role[r].keys = rings[_i].keys;
        role[r].threshold = rings[_i].threshold;
        role[r].signers = rings[_i].signers;
        tuf_publish(ALL);
        if (rings[_i].good) {
            TUF_WORKS(tuf_refresh());
            ck_assert(tuf_trusts(author_text("%s.json", role[r].name), *tuf_last(r)));
            continue;
        }
        TUF_FAILS(tuf_refresh());
        role[r].keys = before.keys;
        role[r].threshold = before.threshold;
        role[r].signers = before.signers;
        tuf_publish(ALL);
        TUF_WORKS(tuf_refresh());
    }
    tuf_close();
}
END_TEST

START_TEST(many_roots_are_walked_in_one_refresh)
{
    start();
    for (int i = 0; i < 60; i++) {
        role[TUF_ROOT].signers = role[TUF_ROOT].keys | KEY(12 + i % 5);
        role[TUF_ROOT].keys = KEY(12 + i % 5);
        tuf_publish("root");
    }
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 61, snapshot 1, targets 1, timestamp 1");
    tuf_close();
}
END_TEST

/* ---- thresholds and keys ---- */

START_TEST(a_threshold_that_signatures_do_not_meet_is_refused)
{
    start();
    role[TUF_SNAPSHOT].keys = KEY(2) | KEY(10) | KEY(11);
    role[TUF_SNAPSHOT].threshold = 3;
    tuf_publish(ALL);
    TUF_WORKS(tuf_refresh());
    role[TUF_SNAPSHOT].signers = KEY(2) | KEY(10);
    tuf_publish("targets snapshot timestamp");
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 2, snapshot 2, targets 2, timestamp 3");
    tuf_close();
}
END_TEST

START_TEST(a_root_may_ask_for_more_keys_than_it_names_and_nothing_meets_that)
{
    start();
    role[TUF_SNAPSHOT].keys = KEY(2) | KEY(10) | KEY(11);
    role[TUF_SNAPSHOT].threshold = 4;
    tuf_publish("root snapshot timestamp");
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 2, timestamp 2");
    role[TUF_SNAPSHOT].threshold = 3;
    tuf_publish("root");
    TUF_WORKS(tuf_refresh());
    tuf_close();
}
END_TEST

static char *repeated(const char *list, unsigned times)
{
    char *out = author_text("%s", list);
    while (--times > 0) out = author_text("%s,%s", out, list);
    return out;
}

START_TEST(a_key_that_is_listed_often_counts_once)
{
    start();
    char *id = author_text("\"%s\"", author_keyid(&up_profile_tuf, TUF_SNAPSHOT));
    role[TUF_ROOT].from = author_text("[%s],\"threshold\":1", id);
    role[TUF_ROOT].to = author_text("[%s],\"threshold\":6", repeated(id, 9));
    tuf_publish("root snapshot timestamp");
    char *snapshot = author_text("%.*s", TEXT(*tuf_last(TUF_SNAPSHOT)));
    char *entry = strstr(snapshot, "[") + 1;
    entry = author_text("%.*s", (int)(strstr(entry, "]") - entry), entry);
    *tuf_last(TUF_SNAPSHOT) = up_span_of(author_with(snapshot, entry, repeated(entry, 9)));
    TUF_FAILS(tuf_refresh());
    ck_assert_ptr_null(strstr(tuf_trusted(), "snapshot"));
    tuf_close();
}
END_TEST

/* E-KEY-04 */
START_TEST(one_key_under_many_ids_counts_once)
{
    start();
    char *id = author_text("\"%s\"", author_keyid(&up_profile_tuf, TUF_SNAPSHOT)), *ids = id;
    char *keys = author_text("\"keys\":{"), *snapshot, *entries;
    const char *object = author_key_object(&up_profile_tuf, TUF_SNAPSHOT);
    for (int i = 0; i < 5; i++) {
        ids = author_text("%s,\"twin%d\"", ids, i);
        keys = author_text("%s\"twin%d\":%s,", keys, i, object);
    }
    role[TUF_ROOT].from = author_text("[%s],\"threshold\":1", id);
    role[TUF_ROOT].to = author_text("[%s],\"threshold\":2", ids);
    tuf_publish("root snapshot timestamp");
    char *root = author_text("%.*s", TEXT(*tuf_last(TUF_ROOT)));
    char *body = strstr(root, "\"signed\":") + strlen("\"signed\":");
    body = author_text("%.*s", (int)(strlen(body) - 1), body);
    *tuf_last(TUF_ROOT) = author_sign(&up_profile_tuf, KEY(TUF_ROOT), author_with(body, "\"keys\":{", keys));
    snapshot = author_text("%.*s", TEXT(*tuf_last(TUF_SNAPSHOT)));
    entries = strstr(snapshot, "[") + 1;
    entries = author_text("%.*s", (int)(strstr(entries, "]") - entries), entries);
    char *twin = author_with(entries, id, "\"twin3\"");
    *tuf_last(TUF_SNAPSHOT) = up_span_of(author_with(snapshot, entries, author_text("%s,%s", entries, twin)));
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 2, timestamp 2");
    tuf_close();
}
END_TEST

/* E-KEY-05 */
START_TEST(a_key_id_twice_in_the_signatures_is_refused)
{
    start();
    char *snapshot = author_text("%.*s", TEXT(*tuf_last(TUF_SNAPSHOT)));
    char *entry = strstr(snapshot, "[") + 1;
    entry = author_text("%.*s", (int)(strstr(entry, "]") - entry), entry);
    *tuf_last(TUF_SNAPSHOT) = up_span_of(author_with(snapshot, entry, repeated(entry, 2)));
    TUF_FAILS(tuf_refresh());
    ck_assert_str_eq(tuf_trusted(), "root 1, timestamp 1");
    tuf_close();
}
END_TEST

/* E-KEY-07 */
START_TEST(a_bad_signature_beside_enough_good_ones_does_no_harm)
{
    static const char *const bad[] = {"", "00", "not hex", "ABCDEF", "b61589620c287e23a00abf0e65342101"};
    start();
    role[TUF_TIMESTAMP].keys = KEY(1) | KEY(26);
    tuf_publish("root");
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        role[TUF_TIMESTAMP].signers = KEY(26);
        tuf_publish("timestamp");
        char *text = author_text("%.*s", TEXT(*tuf_last(TUF_TIMESTAMP)));
        char *entry =
            author_text("[{\"keyid\":\"%s\",\"sig\":\"%s\"},", author_keyid(&up_profile_tuf, 1), bad[i]);
        *tuf_last(TUF_TIMESTAMP) = up_span_of(author_with(text, "[", entry));
        TUF_WORKS(tuf_refresh());
        ck_assert(tuf_trusts("timestamp.json", *tuf_last(TUF_TIMESTAMP)));
    }
    tuf_close();
}
END_TEST

/* Root 2 needs a second key, whose kind is what is tried; the next Root has a wrong signature by it. */
static void try_key(const struct up_signer *s, const char *keytype)
{
    char object[UP_KEY_OBJECT_MAX], hex[2 * UP_SIGNATURE_BYTES];
    uint8_t sig[UP_SIGNATURE_BYTES];
    start();
    char *text = author_text("%.*s", (int)up_key_to_json(&s->key, object, sizeof object), object);
    char *kind = strstr(text, "\"keytype\":\"") + strlen("\"keytype\":\"");
    text = author_text("%.*s%s%s", (int)(kind - text), text, keytype, strchr(kind, '"'));
    for (unsigned version = 2; version <= 3; version++) {
        char *id = author_text("\"%s\"", author_keyid(&up_profile_tuf, TUF_ROOT));
        role[TUF_ROOT].from = author_text("[%s],\"threshold\":1", id);
        role[TUF_ROOT].to = author_text("[%s,\"second\"],\"threshold\":2", id);
        tuf_publish("root");
        char *root = author_text("%.*s", TEXT(*tuf_last(TUF_ROOT)));
        char *body = strstr(root, "\"signed\":") + strlen("\"signed\":");
        body = author_text("%.*s", (int)(strlen(body) - 1), body);
        body = author_with(body, "\"keys\":{", author_text("\"keys\":{\"second\":%s,", text));
        char *sorted = author_sorted(&up_profile_tuf, body);
        struct up_buf room = author_room();
        struct up_span message;
        ck_assert_int_eq(up_canon_write(up_span_of(sorted), UP_DIALECT_TUF, &room, &message), UP_OK);
        size_t n = up_sign(s, message, sig);
        if (version == 3) sig[n / 2] ^= 1;
        up_hex_encode(sig, n, hex);
        char *entries = author_text("%s,{\"keyid\":\"second\",\"sig\":\"%.*s\"}",
                                    author_entry(&up_profile_tuf, TUF_ROOT, sorted), (int)(2 * n), hex);
        *tuf_last(TUF_ROOT) = author_envelope(entries, sorted);
        if (version == 2)
            TUF_WORKS(tuf_refresh());
        else
            TUF_FAILS(tuf_refresh());
        ck_assert_ptr_nonnull(strstr(tuf_trusted(), "root 2"));
    }
    tuf_close();
}

START_TEST(every_kind_of_key_that_tuf_names_verifies)
{
    struct up_signer rsa;
    char why[300];
    try_key(author_key(20), "ed25519");
    try_key(author_key(26), "ecdsa");
    try_key(author_key(26), "ecdsa-sha2-nistp256");
    for (unsigned bits = 2048; bits <= 3072; bits += 1024) {
        folder_enter();
        ck_assert_msg(up_signer_create("rsa.pem", UP_RSA_PSS_SHA256, bits, &rsa, why, sizeof why), "%s", why);
        folder_leave();
        try_key(&rsa, "rsa");
        up_signer_close(&rsa);
    }
}
END_TEST

/* ---- delegations ---- */

struct edge {
    unsigned from, to;
    const char *patterns; /* NULL: "*" */
    bool terminating;
};
#define T TUF_TARGETS
#define A TUF_A
#define B TUF_B
#define C TUF_C
#define D TUF_D

static void grow(const struct edge *e, unsigned n)
{
    for (unsigned i = 0; i < n && e[i].to != 0; i++)
        tuf_delegate(e[i].from, e[i].to, e[i].patterns != NULL ? e[i].patterns : "\"*\"",
                     e[i].terminating ? "\"terminating\":true," : "\"terminating\":false,");
}

static const struct graph {
    struct edge edge[6];
    const char *visited;
} graphs[] = {
    {{{T, A, NULL, false}}, "A/1 "},
    {{{T, A, NULL, false}, {T, B, NULL, false}}, "A/1 B/1 "},
    {{{T, A, NULL, false}, {T, B, NULL, false}, {B, C, NULL, false}}, "A/1 B/1 C/1 "},
    {{{T, A, NULL, false}, {T, B, NULL, false}, {A, C, NULL, false}, {A, D, NULL, false}},
     "A/1 C/1 D/1 B/1 "},
    {{{T, A, NULL, false}, {T, B, NULL, false}, {A, C, NULL, false}, {C, D, NULL, false}},
     "A/1 C/1 D/1 B/1 "},
    {{{T, A, NULL, false}, {T, B, NULL, false}, {A, C, NULL, true}, {A, D, NULL, false}}, "A/1 C/1 "},
    {{{T, A, NULL, false}, {T, B, NULL, false}, {A, C, NULL, true}, {C, D, NULL, false}}, "A/1 C/1 D/1 "},
    {{{T, A, "\"*.py\"", false}, {T, B, NULL, false}, {A, C, NULL, false}}, "B/1 "},
    {{{T, A, NULL, false}, {T, B, NULL, false}, {A, C, "\"*.py\"", false}, {C, D, NULL, false}}, "A/1 B/1 "},
    {{{T, A, NULL, false},
      {T, B, NULL, false},
      {B, C, NULL, false},
      {C, D, NULL, false},
      {D, B, NULL, false}},
     "A/1 B/1 C/1 D/1 "},
    {{{T, A, NULL, false}, {T, B, NULL, false}, {B, C, NULL, false}, {A, C, NULL, false}}, "A/1 C/1 B/1 "},
    {{{T, A, NULL, false}, {T, B, NULL, false}, {B, C, NULL, false}, {A, C, "\"*.py\"", false}},
     "A/1 B/1 C/1 "},
    {{{T, A, NULL, true}, {T, B, NULL, false}, {A, C, NULL, false}}, "A/1 C/1 "},
    {{{T, A, "\"?issing*\"", false}, {T, B, "\"*/*\"", false}, {T, C, "\"x\", \"m*\"", false}}, "A/1 C/1 "},
};

START_TEST(roles_are_visited_in_the_order_of_the_graph)
{
    start();
    grow(graphs[_i].edge, 6);
    tuf_publish("A B C D targets snapshot timestamp");
    TUF_FAILS(tuf_download("missing path"));
    const char *top = "root/2 timestamp snapshot/2 targets/2 ";
    ck_assert_int_eq(strncmp(tuf_repo.log, top, strlen(top)), 0);
    ck_assert_str_eq(tuf_repo.log + strlen(top), graphs[_i].visited);
    TUF_FAILS(tuf_download("missing path"));
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp "); /* what is held is not asked for again */
    tuf_close();
}
END_TEST

/* V-DEL-04, V-DEL-16 */
START_TEST(a_target_is_found_where_every_role_on_the_way_may_speak_for_it)
{
    static const struct edge edges[] = {{T, A, "\"*.doc\",\"*.md\"", false},
                                        {T, B, "\"releases/*/*\"", false},
                                        {B, C, "\"releases/x/*\"", false},
                                        {B, D, "\"releases/y/*.zip\"", false}};
    static const struct {
        unsigned role;
        const char *name, *visited;
        bool found;
    } c[] = {{T, "targetfile", "", true},
             {A, "README.md", "A/1 ", true},
             {C, "releases/x/x_v1", "B/1 C/1 ", true},
             {D, "releases/y/y_v1.zip", "B/1 D/1 ", true},
             {D, "releases/z/z_v1.zip", "B/1 ", false},
             {A, "docs/README.md", "", false}};
    for (unsigned i = 0; i < sizeof c / sizeof *c; i++) {
        start();
        grow(edges, 4);
        for (unsigned k = 0; k < sizeof c / sizeof *c; k++) tuf_add(c[k].role, c[k].name, c[k].name);
        tuf_publish("A B C D targets snapshot timestamp");
        const char *top = "root/2 timestamp snapshot/2 targets/2 ";
        if (c[i].found)
            TUF_WORKS(tuf_download(c[i].name));
        else
            TUF_FAILS(tuf_download(c[i].name));
        ck_assert_str_eq(tuf_repo.log, author_text("%s%s", top, c[i].visited));
        ck_assert_int_eq(tuf_downloaded()[0] != '\0', c[i].found);
        tuf_close();
    }
}
END_TEST

START_TEST(hash_prefixes_choose_a_role)
{
    start();
    tuf_add(B, "one", "other");
    tuf_add(A, "one", "1");
    uint8_t digest[UP_SHA256_BYTES];
    char hex[2];
    up_sha256(up_span_of("one"), digest);
    up_hex_encode(digest, 1, hex);
    tuf_delegate(T, B, "\"*\"", "");
    role[T].delegations =
        author_with(role[T].delegations, "\"paths\":[\"*\"]",
                    author_text("\"path_hash_prefixes\":[\"%c%c\"]", hex[0] == '0' ? '1' : '0', hex[1]));
    tuf_delegate(T, A, "\"*\"", "");
    char *second = strstr(role[T].delegations, "},{") + 2;
    role[T].delegations = author_text(
        "%.*s%s", (int)(second - role[T].delegations), role[T].delegations,
        author_with(second, "\"paths\":[\"*\"]", author_text("\"path_hash_prefixes\":[\"%.2s\"]", hex)));
    tuf_publish("A B targets snapshot timestamp");
    TUF_WORKS(tuf_download("one"));
    ck_assert_str_eq(tuf_downloaded(), "one=1");
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp snapshot/2 targets/2 A/1 ");
    tuf_close();
}
END_TEST

/* A and B delegate to C with different keys; only A's signed it. What A's search left behind does not help
 * B's. */
/* V-DEL-13 */
START_TEST(a_role_that_is_held_is_verified_for_each_who_delegates_to_it)
{
    start();
    tuf_delegate(T, A, "\"a/*\"", "");
    tuf_delegate(T, B, "\"b/*\"", "");
    tuf_delegate(A, C, "\"*/*\"", "");
    const struct tuf_role c = role[C];
    role[C].keys = KEY(D);
    tuf_delegate(B, C, "\"*/*\"", "");
    role[C].keys = c.keys;
    tuf_add(C, "a/x", "for a");
    tuf_add(C, "b/y", "for b");
    tuf_publish("A B C targets snapshot timestamp");
    TUF_FAILS(tuf_download_at(TUF_NOW, "a/x", "b/y"));
    ck_assert_str_eq(tuf_downloaded(), "a%2Fx=for a");
    TUF_FAILS(tuf_download("b/y"));
    ck_assert_str_eq(tuf_downloaded(), "a%2Fx=for a");
    role[C].signers = c.keys | KEY(D);
    tuf_publish("C snapshot timestamp");
    TUF_WORKS(tuf_download_at(TUF_NOW, "a/x", "b/y"));
    ck_assert_str_eq(tuf_downloaded(), "a%2Fx=for a, b%2Fy=for b");
    tuf_close();
}
END_TEST

/* V-DEL-10 */
START_TEST(a_role_that_is_missing_or_unsigned_on_the_way_ends_the_search)
{
    start();
    tuf_delegate(T, A, "\"*\"", "");
    tuf_delegate(T, B, "\"*\"", "");
    tuf_add(B, "x", "x");
    role[A].signers = KEY(20);
    tuf_publish("A B targets snapshot timestamp");
    TUF_FAILS(tuf_download("x"));
    role[A].files = 0;
    TUF_FAILS(tuf_download("x"));
    ck_assert_str_eq(tuf_downloaded(), "");
    ck_assert_str_eq(tuf_trusted(), "root 1, snapshot 2, targets 2, timestamp 2");
    tuf_close();
}
END_TEST

/* E-FMT-13 */
START_TEST(odd_role_names_are_encoded_in_urls_and_in_the_folder)
{
    static const char *const names[] = {"?",      "#",        "/delegated", "../delegated", "..", ".",
                                        "a b%2F", "\xC3\xA9", "~x"};
    static const char *const asked[] = {
        "%3F", "%23", "%2Fdelegated", "..%2Fdelegated", "..", ".", "a%20b%252F", "%C3%A9", "~x"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        start();
        role[A].name = names[i];
        tuf_delegate(T, A, "\"*\"", "");
        tuf_add(A, "x", "x");
        tuf_publish(author_text("targets snapshot timestamp"));
        role[A].version = 0;
        tuf_repo.role[A].name = "A";
        tuf_publish("A");
        tuf_repo.role[A].name = names[i];
        tuf_publish("snapshot timestamp");
        TUF_WORKS(tuf_download("x"));
        const char *log = author_text("%s/1 ", asked[i]);
        ck_assert_msg(strstr(tuf_repo.log, log) != NULL, "%s: %s", names[i], tuf_repo.log);
        const char *trusted = tuf_trusted(), *p = trusted;
        unsigned commas = 0;
        while ((p = strchr(p, ',')) != NULL) p++, commas++;
        ck_assert_msg(commas == 4, "%s", trusted);
        tuf_close();
    }
}
END_TEST

/* ---- artifacts ---- */

START_TEST(a_refresh_fetches_no_artifact_and_a_download_one)
{
    start();
    tuf_add(T, "file.txt", "contents");
    tuf_add(T, "path/to/a/file.txt", "deep");
    tuf_add(T, "empty", "");
    tuf_publish("targets snapshot timestamp");
    TUF_WORKS(tuf_refresh());
    ck_assert_str_eq(tuf_downloaded(), "");
    TUF_WORKS(tuf_download("file.txt"));
    ck_assert_str_eq(tuf_repo.artifact_log, "sha256/file.txt ");
    TUF_WORKS(tuf_download("path/to/a/file.txt"));
    TUF_WORKS(tuf_download("empty"));
    ck_assert_str_eq(tuf_downloaded(), "empty=, file.txt=contents, path%2Fto%2Fa%2Ffile.txt=deep");
    tuf_close();
}
END_TEST

START_TEST(several_targets_are_fetched_in_order_until_one_fails)
{
    start();
    tuf_add(T, "one", "1");
    tuf_add(T, "two", "2");
    tuf_publish("targets snapshot timestamp");
    TUF_WORKS(tuf_download_at(TUF_NOW, "two", "one"));
    ck_assert_str_eq(tuf_repo.artifact_log, "sha256/two sha256/one ");
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp snapshot/2 targets/2 ");
    TUF_FAILS(tuf_download_at(TUF_NOW, "nothing", "one"));
    ck_assert_str_eq(tuf_repo.artifact_log, "");
    tuf_close();
}
END_TEST

START_TEST(what_is_there_already_is_not_fetched_again)
{
    start();
    tuf_add(T, "file", "contents");
    tuf_publish("targets snapshot timestamp");
    TUF_WORKS(tuf_download("file"));
    TUF_WORKS(tuf_download("file"));
    ck_assert_str_eq(tuf_repo.artifact_log, "");
    folder_write("t/file", "contentS", 8); /* changed on disk */
    TUF_WORKS(tuf_download("file"));
    ck_assert_str_eq(tuf_repo.artifact_log, "sha256/file ");
    ck_assert_str_eq(tuf_downloaded(), "file=contents");
    tuf_close();
}
END_TEST

START_TEST(bytes_that_metadata_does_not_name_are_never_stored)
{
    static const char *const wrong[] = {"malicious and much too long", "contentS", "short", ""};
    start();
    tuf_add(T, "file", "contents");
    tuf_add(T, "other", "contents");
    tuf_publish("targets snapshot timestamp");
    TUF_WORKS(tuf_download("file"));
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tuf_substitute("file", wrong[i]);
        tuf_substitute("other", wrong[i]);
        (void)tuf_download("file");
        TUF_FAILS(tuf_download("other"));
        ck_assert_str_eq(tuf_downloaded(), "file=contents");
    }
    tuf_close();
}
END_TEST

START_TEST(an_artifact_that_changes_keeps_its_file_name)
{
    start();
    for (int i = 0; i < 6; i++) {
        tuf_add(T, "dir/file", author_text("contents %d", i));
        tuf_publish("targets snapshot timestamp");
        if (i % 2 == 1) continue; /* the client does not see all of them */
        TUF_WORKS(tuf_download("dir/file"));
        ck_assert_str_eq(tuf_downloaded(), author_text("dir%%2Ffile=contents %d", i));
    }
    tuf_close();
}
END_TEST

START_TEST(either_digest_is_enough_and_both_must_hold)
{
    start();
    for (int i = 0; i < 4; i++) {
        tuf_add(T, "file", author_text("contents %d", i));
        struct tuf_artifact *a = &tuf_repo.artifact[0];
        char *only256 = author_text("{\"sha256\":\"%s\"}", a->sha256);
        char *only512 = author_text("{\"sha512\":\"%s\"}", a->sha512);
        char *both = author_text("{\"sha256\":\"%s\",\"sha512\":\"%s\"}", a->sha256, a->sha512);
        char *wrong = author_text("%s", both);
        char *last = strrchr(wrong, '"') - 1;
        *last = *last == '0' ? '1' : '0';
        role[T].from = author_text("\"hashes\":%s", only256);
        role[T].to = author_text("\"hashes\":%s", i == 0   ? only256
                                                  : i == 1 ? only512
                                                  : i == 2 ? both
                                                           : wrong);
        tuf_publish("targets snapshot timestamp");
        if (i < 3) {
            TUF_WORKS(tuf_download("file"));
            ck_assert_str_eq(tuf_repo.artifact_log, i == 1 ? "sha512/file " : "sha256/file ");
        } else {
            TUF_FAILS(tuf_download("file"));
        }
        ck_assert_str_eq(tuf_downloaded(), author_text("file=contents %d", i < 3 ? i : 2));
    }
    tuf_close();
}
END_TEST

/* E-KEY-19 */
START_TEST(an_unknown_digest_proves_nothing)
{
    start();
    tuf_add(T, "file", "contents");
    tuf_add(T, "good", "good");
    role[T].from = author_text("\"sha256\":\"%s\"", tuf_repo.artifact[0].sha256);
    role[T].to = author_text("\"unknown-hash\":\"%s\"", tuf_repo.artifact[0].sha256);
    tuf_publish("targets snapshot timestamp");
    TUF_FAILS(tuf_download("file"));
    ck_assert_str_eq(tuf_downloaded(), "");
    TUF_WORKS(tuf_download("good")); /* its neighbour is none the worse */
    tuf_close();
}
END_TEST

START_TEST(a_length_that_is_not_that_of_the_bytes_is_refused)
{
    static const char *const lengths[] = {"\"length\":7", "\"length\":9", "\"length\":0"};
    start();
    tuf_add(T, "file", "contents");
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        role[T].from = "\"length\":8";
        role[T].to = lengths[i];
        tuf_publish("targets snapshot timestamp");
        TUF_FAILS(tuf_download("file"));
        ck_assert_str_eq(tuf_downloaded(), "");
    }
    tuf_close();
}
END_TEST

START_TEST(custom_members_of_other_projects_mean_nothing_here)
{
    start();
    tuf_add(T, "file", "contents");
    role[T].extra = "\"custom\":{\"vehicleId\":{}},";
    role[T].from = "\"length\":8";
    role[T].to = "\"length\":8,\"custom\":{\"bundle\":\"not an id\",\"ecuIdentifiers\":[],\"hardwareIds\":7,"
                 "\"releaseCounter\":-1,\"uri\":{},\"version\":15}";
    tuf_publish("targets snapshot timestamp");
    TUF_WORKS(tuf_download("file"));
    tuf_close();
}
END_TEST

START_TEST(target_names_of_any_kind_stay_in_their_folder)
{
    static const char *const names[] = {"../../escape", "/etc/passwd", ".hidden", "..",
                                        "a//b",         "-rf",         "a+b@c=d"};
    static const char *const files[] = {
        "%2E.%2F..%2Fescape", "%2Fetc%2Fpasswd", "%2Ehidden", "%2E.", "a%2F%2Fb", "-rf", "a%2Bb%40c%3Dd"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        start();
        tuf_add(T, names[i], "x");
        tuf_publish("targets snapshot timestamp");
        TUF_WORKS(tuf_download(names[i]));
        ck_assert_str_eq(tuf_downloaded(), author_text("%s=x", files[i]));
        tuf_close();
    }
}
END_TEST

START_TEST(a_name_too_long_for_the_file_system_becomes_its_digest)
{
    char name[UP_NAME_MAX + 2], *plain = author_text("%s", ""), hex[2 * UP_SHA256_BYTES];
    uint8_t digest[UP_SHA256_BYTES];
    for (unsigned i = 0; i < UP_NAME_MAX / 2; i++) plain = author_text("%s\xC3\xA9", plain);
    start();
    role[A].name = plain; /* 200 bytes; 600 as a URL has them */
    tuf_delegate(T, A, "\"*\"", "");
    tuf_add(A, plain, "x");
    snprintf(tuf_repo.artifact[0].name, sizeof tuf_repo.artifact[0].name, "%s", "anything");
    role[A].name = "A";
    tuf_publish("A");
    role[A].name = plain;
    tuf_publish("targets snapshot timestamp");
    TUF_FAILS(tuf_download(plain)); /* found, and then not served */
    up_sha256(up_span_of(plain), digest);
    up_hex_encode(digest, sizeof digest, hex);
    ck_assert_ptr_nonnull(strstr(tuf_trusted(), author_text("=%.64s 1", hex)));
    TUF_FAILS(tuf_download(plain));
    ck_assert_str_eq(tuf_repo.log, "root/2 timestamp ");
    ck_assert_str_eq(tuf_downloaded(), "");

    memset(name, 'a', sizeof name - 1); /* one more than a name may have; no UTF-8; nothing */
    name[sizeof name - 1] = '\0';
    TUF_FAILS(tuf_download(name));
    TUF_FAILS(tuf_download("\xFF"));
    TUF_FAILS(tuf_download(""));
    TUF_FAILS(tuf_download("with \"quotes\" and \\ and \n"));
    tuf_close();
}
END_TEST

/* ---- command line ---- */

START_TEST(wrong_calls_are_explained_and_end_with_1)
{
    tuf_open();
    static const char *const calls[][8] = {
        {NULL},
        {"refresh", NULL},
        {"--metadata-dir", "m", "refresh", NULL},
        {"--metadata-dir", "m", "init", NULL},
        {"--metadata-dir", "m", "init", "a", "b", NULL},
        {"--metadata-dir", "m", "bogus", NULL},
        {"--metadata-dir", "m", "--bogus", "refresh", NULL},
        {"--metadata-dir", "m", "--metadata-url", "http://x/", "download", NULL},
        {"--metadata-dir", "m", "--metadata-url", "http://x/", "refresh", "more", NULL},
        {"--metadata-dir", "m", "--metadata-url", "http://x/", "--now", "today", "refresh", NULL},
        {"--metadata-dir", "m", "init", "not there", NULL},
        {"--metadata-dir", "m", "--metadata-url", "ftp://x/", "refresh", NULL},
    };
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
        ck_assert_int_eq(tuf_run(calls[i]), 1);
        ck_assert_uint_gt(strlen(tuf_said()), 10);
    }
    TUF_WORKS(tuf_init());
    TUF_FAILS(tuf_run(
        (const char *const[]){"--metadata-dir", "m", "--metadata-url", "ftp://127.0.0.1/", "refresh", NULL}));
    ck_assert_int_eq(tuf_run((const char *const[]){"--help", NULL}), 0);
    ck_assert_int_eq(tuf_run((const char *const[]){"--version", NULL}), 0);
    tuf_close();
}
END_TEST

int main(void)
{
    const TTest *tests[] = {a_refresh_asks_for_four_files_and_keeps_them_as_served,
                            files_are_stored_to_the_byte,
                            a_download_refreshes_first_even_when_it_finds_nothing,
                            without_a_good_first_root_nothing_is_asked,
                            a_role_without_its_signature_ends_the_refresh_and_what_was_before_it_stays,
                            a_version_that_is_not_the_one_in_the_url_is_refused,
                            another_timestamp_of_the_same_version_is_passed_over,
                            lengths_and_hashes_bind_where_they_are_given,
                            unknown_members_anywhere_are_covered_by_the_signature_and_ignored,
                            a_key_id_need_not_be_a_digest,
                            a_missing_file_ends_the_refresh_and_what_was_before_it_stays,
                            a_good_file_of_another_type_is_refused,
                            a_repository_without_consistent_snapshots_has_bare_names,
                            expired_roots_are_kept_and_nothing_follows_them,
                            other_expired_files_are_not_kept,
                            what_is_held_and_has_expired_does_not_stand_in_the_way_of_a_newer_one,
                            expired_delegated_roles_do_not_speak,
                            an_older_timestamp_is_refused,
                            a_timestamp_that_names_an_older_snapshot_is_refused,
                            a_snapshot_that_names_older_targets_or_drops_a_role_is_refused,
                            a_snapshot_that_timestamp_does_not_name_is_not_asked_for,
                            versions_driven_up_heal_with_new_keys,
                            recovery_survives_a_failure_right_after_the_root,
                            a_damaged_file_is_fetched_again,
                            many_roots_are_walked_in_one_refresh,
                            a_threshold_that_signatures_do_not_meet_is_refused,
                            a_root_may_ask_for_more_keys_than_it_names_and_nothing_meets_that,
                            a_key_that_is_listed_often_counts_once,
                            one_key_under_many_ids_counts_once,
                            a_key_id_twice_in_the_signatures_is_refused,
                            a_bad_signature_beside_enough_good_ones_does_no_harm,
                            every_kind_of_key_that_tuf_names_verifies,
                            a_target_is_found_where_every_role_on_the_way_may_speak_for_it,
                            hash_prefixes_choose_a_role,
                            a_role_that_is_held_is_verified_for_each_who_delegates_to_it,
                            a_role_that_is_missing_or_unsigned_on_the_way_ends_the_search,
                            odd_role_names_are_encoded_in_urls_and_in_the_folder,
                            a_refresh_fetches_no_artifact_and_a_download_one,
                            several_targets_are_fetched_in_order_until_one_fails,
                            what_is_there_already_is_not_fetched_again,
                            bytes_that_metadata_does_not_name_are_never_stored,
                            an_artifact_that_changes_keeps_its_file_name,
                            either_digest_is_enough_and_both_must_hold,
                            an_unknown_digest_proves_nothing,
                            a_length_that_is_not_that_of_the_bytes_is_refused,
                            custom_members_of_other_projects_mean_nothing_here,
                            target_names_of_any_kind_stay_in_their_folder,
                            a_name_too_long_for_the_file_system_becomes_its_digest,
                            wrong_calls_are_explained_and_end_with_1};
    Suite *suite = suite_create("tuf_client");
    TCase *tcase = tcase_create("tuf_client");
    tcase_set_timeout(tcase, 600);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    tcase_add_loop_test(tcase, roots_follow_each_other_by_both_thresholds, 0, sizeof steps / sizeof *steps);
    tcase_add_loop_test(tcase, every_role_takes_the_keys_that_the_newest_root_gives_it, 0,
                        sizeof rings / sizeof *rings);
    tcase_add_loop_test(tcase, roles_are_visited_in_the_order_of_the_graph, 0,
                        sizeof graphs / sizeof *graphs);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
