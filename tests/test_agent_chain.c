/* Chains in flash: Roots that are walked, keys that rotate, files that are carried over, delegations, damage.
 */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))
#define NO_FILE     ((struct up_span){NULL, 0})

static struct ecu e;

static void fresh(bool full)
{
    ecu_free(&e);
    ecu_new(&e, full, 4096, 16);
}

static void order(const char *name, unsigned counter)
{
    ecu_issue(&e, name, counter, ecu_image(5000, counter));
}

static bool detected(const char *text)
{
    return up_span_is(ecu_report(&e).attacks, text);
}

/* The next Root of A as A is now, signed by OLD_KEYS too; in the set. */
static void rotate(struct author *a, const char *repo, unsigned version, uint32_t old_keys)
{
    uint32_t signers = a->signers[UP_ROOT];
    a->signers[UP_ROOT] = a->ring[UP_ROOT].keys | old_keys;
    ecu_replace(&e, author_text("%s/root/%u", repo, version), author_root(a, version));
    a->signers[UP_ROOT] = signers;
}

static void damage(enum up_repo repo, unsigned role)
{
    struct sec_file f;
    ck_assert(sec_trusted_file(&e.flash->port, &e.agent.layout, e.agent.trusted.at[repo][role], &f));
    e.flash->bytes[f.bytes.p - e.flash->bytes + (ptrdiff_t)f.bytes.n / 2] ^= 1;
}

/* ---- Roots ---- */

START_TEST(roots_are_walked_one_by_one_to_the_newest)
{
    for (int full = 0; full < 2; full++) {
        fresh(full == 1);
        for (unsigned v = 2; v <= 7; v++) {
            e.director.ring[UP_ROOT].keys = KEY(v & 1 ? 16 : 17);
            rotate(&e.director, "director", v, v == 2 ? KEY(0) : KEY(16) | KEY(17));
        }
        order("fw/new", 2);
        IS(ecu_update(&e), UP_OK);
        ck_assert_uint_eq(ecu_versions(&e).director_root, 7);
        IS(ecu_boot(&e), UP_OK);
        ck_assert_uint_eq(ecu_versions(&e).director_root, 7);
    }
}
END_TEST

START_TEST(a_root_stays_though_what_follows_it_fails)
{
    for (int full = 0; full < 2; full++) {
        fresh(full == 1);
        order("fw/new", 2);
        IS(ecu_send(&e), UP_OK);
        e.director.ring[UP_TARGETS].keys = KEY(18);
        rotate(&e.director, "director", 2, KEY(0));
        order("fw/newer", 3);
        ecu_replace(&e, "director/targets", author_sign(e.id.profile, KEY(20), "{}"));
        ck_assert(ecu_send(&e) != UP_OK);
        ck_assert_uint_eq(ecu_versions(&e).director_root, 2);
        IS(ecu_boot(&e), UP_OK);
        ck_assert_uint_eq(ecu_versions(&e).director_root, 2);
        ecu_replace(&e, "director/root/2", NO_FILE);
        order("fw/newest", 4);
        IS(ecu_update(&e), UP_OK);
        ck_assert(ecu_runs(&e, "fw/newest"));
    }
}
END_TEST

/* V-ROOT-12: one call of the routine is one file; the power goes after the second. */
START_TEST(a_root_is_durable_before_the_next_one_is_looked_at)
{
    for (unsigned calls = 1; calls <= 4; calls++) {
        fresh(false);
        for (unsigned v = 2; v <= 4; v++) rotate(&e.director, "director", v, 0);
        ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
        for (unsigned i = 0; i < e.files; i++)
            ck_assert_uint_eq(ecu_put(&e, e.file[i].path, e.file[i].bytes), 0);
        uint8_t out[8];
        size_t n;
        for (unsigned i = 0; i < calls; i++)
            ck_assert_int_eq(sec_agent_owner()->routine(&e.agent, UDS_ROUTINE_VERIFY_METADATA, UDS_START,
                                                        NULL, 0, out, sizeof out, &n),
                             UDS_PENDING);
        IS(ecu_boot(&e), UP_OK);
        ck_assert_uint_eq(ecu_versions(&e).director_root, calls);
    }
}
END_TEST

START_TEST(a_root_that_skips_or_is_not_signed_by_its_predecessor_is_refused)
{
    fresh(false);
    order("fw/new", 2);
    rotate(&e.director, "director", 3, KEY(0)); /* 2 is missing: not even looked at */
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_versions(&e).director_root, 1);
    ecu_replace(&e, "director/root/3", NO_FILE);
    e.director.ring[UP_ROOT].keys = KEY(16);
    rotate(&e.director, "director", 2, KEY(17));
    IS(ecu_send(&e), UP_SIG_THRESHOLD);
    ck_assert(detected("SIG_THRESHOLD director/root/2"));
    ecu_replace(&e, "director/root/2", author_root(&e.director, 3));
    ck_assert(ecu_send(&e) != UP_OK);
    ck_assert_uint_eq(ecu_versions(&e).director_root, 1);
}
END_TEST

START_TEST(rotated_keys_heal_versions_that_were_driven_up)
{
    fresh(true);
    e.version = 1000000;
    order("fw/new", 2);
    IS(ecu_send(&e), UP_OK);
    e.version = 5;
    order("fw/new", 2);
    IS(ecu_send(&e), UP_ROLLBACK);
    e.director.ring[UP_SNAPSHOT].keys = KEY(18);
    e.director.ring[UP_TIMESTAMP].keys = KEY(19);
    rotate(&e.director, "director", 2, KEY(0));
    e.image.ring[UP_SNAPSHOT].keys = KEY(20);
    e.image.ring[UP_TIMESTAMP].keys = KEY(21);
    rotate(&e.image, "image", 2, KEY(8));
    order("fw/new", 2);
    struct up_span timestamp = ecu_issued(&e, "director/timestamp");
    ecu_replace(&e, "director/timestamp", NO_FILE);
    IS(ecu_send(&e), UP_UNAVAILABLE); /* the stored one went with its keys */
    ecu_replace(&e, "director/timestamp", timestamp);
    IS(ecu_update(&e), UP_OK);
    ck_assert_uint_eq(ecu_versions(&e).director_timestamp, 7);
    ck_assert_uint_eq(ecu_versions(&e).image_root, 2);
}
END_TEST

/* V-ROOT-14: the cut comes when the rotating Root is stored, and nothing else yet. */
START_TEST(rotation_heals_over_a_reset_too)
{
    fresh(true);
    e.version = 1000000;
    order("fw/new", 2);
    IS(ecu_send(&e), UP_OK);
    e.version = 5;
    e.director.ring[UP_SNAPSHOT].keys = KEY(18);
    rotate(&e.director, "director", 2, KEY(0));
    order("fw/new", 2);
    ecu_replace(&e, "director/timestamp", author_sign(e.id.profile, KEY(23), "{}"));
    ck_assert(ecu_send(&e) != UP_OK);
    IS(ecu_boot(&e), UP_OK);
    ecu_replace(&e, "director/root/2", NO_FILE);
    e.image.ring[UP_SNAPSHOT].keys = KEY(20);
    rotate(&e.image, "image", 2, KEY(8));
    order("fw/new", 2);
    IS(ecu_update(&e), UP_OK);
    ck_assert(detected("SIG_THRESHOLD director/timestamp")); /* and no damage after it */
}
END_TEST

/* ---- time keys ---- */

START_TEST(time_signed_by_the_keys_of_a_new_root_counts_in_the_same_run)
{
    fresh(false);
    e.director.ring[UP_TIME].keys = KEY(18);
    rotate(&e.director, "director", 2, KEY(0));
    order("fw/new", 2);
    IS(ecu_update(&e), UP_OK);
    e.time_keys = KEY(4); /* the old keys are worth nothing now */
    order("fw/newer", 3);
    IS(ecu_send(&e), UP_TIME_SIG);
    ck_assert(detected("TIME_SIG time"));
}
END_TEST

/* V-CLK-12: a clock pushed far ahead would call everything expired, the new Root as well. */
START_TEST(a_clock_far_ahead_heals_with_the_time_keys)
{
    fresh(true);
    e.time_s = 4000000000;
    order("fw/new", 2);
    IS(ecu_send(&e), UP_EXPIRED);
    e.time_s = AUTHOR_NOW;
    IS(ecu_send(&e), UP_TIME_BACKWARD);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_int_eq(ecu_versions(&e).time_floor_s, 4000000000);
    e.director.ring[UP_TIME].keys = KEY(18);
    rotate(&e.director, "director", 2, KEY(0));
    IS(ecu_update(&e), UP_OK);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_int_eq(ecu_versions(&e).time_floor_s, AUTHOR_NOW);
}
END_TEST

/* The new keys have signed nothing yet: the old ones' time is no reason to call anything expired, in this run
 * and after a reset. */
START_TEST(time_of_keys_that_were_replaced_is_forgotten)
{
    fresh(true);
    e.time_s = 4000000000;
    order("fw/new", 2);
    IS(ecu_send(&e), UP_EXPIRED);
    e.director.ring[UP_TIME].keys = KEY(18);
    rotate(&e.director, "director", 2, KEY(0));
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    for (unsigned i = 0; i < e.files; i++) ck_assert_uint_eq(ecu_put(&e, e.file[i].path, e.file[i].bytes), 0);
    IS(ecu_verify(&e), UP_TIME_UNAVAILABLE);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    IS(ecu_verify(&e), UP_TIME_UNAVAILABLE);
}
END_TEST

/* ---- what is carried over ---- */

START_TEST(files_that_are_not_sent_again_are_still_trusted)
{
    fresh(true);
    order("fw/new", 2);
    IS(ecu_send(&e), UP_OK);
    e.files = 0;
    for (int i = 0; i < 3; i++) {
        IS(ecu_send(&e), UP_OK); /* all of it from flash */
        IS(ecu_boot(&e), UP_OK);
    }
    rotate(&e.director, "director", 2, 0);
    order("fw/new", 2);
    IS(ecu_send(&e), UP_OK);
    e.files = 0;
    IS(ecu_boot(&e), UP_OK);
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
}
END_TEST

START_TEST(sending_the_same_files_again_does_not_turn_the_banks)
{
    fresh(true);
    order("fw/new", 2);
    IS(ecu_send(&e), UP_OK);
    uint8_t bank = e.agent.trusted.bank;
    for (int i = 0; i < 3; i++) {
        IS(ecu_send(&e), UP_OK);
        ck_assert_int_eq(e.agent.trusted.bank, bank);
    }
}
END_TEST

START_TEST(many_cycles_leave_no_waste_behind)
{
    fresh(true);
    for (unsigned i = 0; i < 60; i++) {
        e.files = 0;
        if (i % 5 == 0) rotate(&e.director, "director", 2 + i / 5, 0);
        order("fw/new", 2);
        IS(ecu_send(&e), UP_OK);
    }
    ck_assert_uint_eq(ecu_versions(&e).director_root, 13);
}
END_TEST

/* ---- delegations ---- */

/* The Image repository delegates fw/ to "supplier", who lists the image. */
static void delegate(unsigned counter)
{
    order("fw/new", counter);
    struct author supplier = e.image;
    supplier.ring[UP_TARGETS].keys = KEY(22);
    struct up_span theirs =
        author_targets(&supplier, e.version, ecu_target("fw/new", counter, e.new_image, NULL));
    char *delegation = author_delegation(&e.image, "supplier", (struct author_ring){KEY(22), 1}, "fw/*", "");
    char *body =
        author_targets_body(&e.image, e.version, "", author_delegations(&e.image, KEY(22), delegation));
    struct up_span top = author_file(&e.image, UP_TARGETS, body);
    char *meta = author_text("%s,%s", author_meta("supplier", e.version), author_meta("targets", e.version));
    struct up_span snapshot = author_snapshot(&e.image, e.version, meta);
    ecu_replace(&e, "image/targets", top);
    ecu_replace(&e, "image/snapshot", snapshot);
    ecu_replace(&e, "image/timestamp", author_timestamp(&e.image, e.version, snapshot, e.version));
    ecu_replace(&e, "image/role/supplier", theirs);
}

START_TEST(a_delegated_role_speaks_for_the_image)
{
    fresh(true);
    delegate(2);
    IS(ecu_update(&e), UP_OK);
    ck_assert(ecu_runs(&e, "fw/new"));
}
END_TEST

START_TEST(a_delegated_role_is_kept_for_the_next_cycle)
{
    fresh(true);
    delegate(2);
    IS(ecu_send(&e), UP_OK);
    IS(ecu_boot(&e), UP_OK);
    e.files = 0;
    IS(ecu_send(&e), UP_OK);
    struct up_span image = e.new_image;
    ecu_issue(&e, "fw/new", 2, image); /* a new Director set, and nothing of the Image repository */
    e.files = 0;
    ecu_issue(&e, "fw/new", 2, image);
    ecu_replace(&e, "image/targets", NO_FILE);
    ecu_replace(&e, "image/snapshot", NO_FILE);
    ecu_replace(&e, "image/timestamp", NO_FILE);
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
}
END_TEST

START_TEST(a_delegated_role_that_is_missing_or_wrong_ends_the_search)
{
    fresh(true);
    delegate(2);
    struct up_span good = ecu_issued(&e, "image/role/supplier");
    ecu_replace(&e, "image/role/supplier", NO_FILE);
    IS(ecu_send(&e), UP_DELEGATION_INVALID);
    ck_assert(detected("DELEGATION_INVALID image/role/supplier"));
    ecu_replace(&e, "image/role/supplier", author_targets(&e.image, e.version, ""));
    IS(ecu_send(&e), UP_DELEGATION_INVALID);
    ecu_replace(&e, "image/role/supplier", good);
    IS(ecu_send(&e), UP_OK);
}
END_TEST

/* ---- damage ---- */

START_TEST(damaged_files_are_told_and_fetched_again_and_floors_stay)
{
    static const struct {
        enum up_repo repo;
        enum up_role role;
    } files[] = {{UP_DIRECTOR, UP_TIMESTAMP}, {UP_DIRECTOR, UP_SNAPSHOT}, {UP_DIRECTOR, UP_TARGETS},
                 {UP_IMAGE, UP_TIMESTAMP},    {UP_IMAGE, UP_SNAPSHOT},    {UP_IMAGE, UP_TARGETS}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        fresh(true);
        struct ecu_file old[ECU_FILES];
        order("fw/new", 2);
        const unsigned olds = e.files;
        memcpy(old, e.file, sizeof old);
        order("fw/new", 2);
        IS(ecu_send(&e), UP_OK);
        damage(files[i].repo, files[i].role);
        IS(ecu_boot(&e), UP_OK);
        memcpy(e.file, old, sizeof old);
        e.files = olds;
        enum up_err err = ecu_send(&e);
        ck_assert_msg(err == UP_ROLLBACK || err == UP_SNAPSHOT_MISMATCH, "%s", up_err_name(err));
        const char *text =
            author_text("STORAGE_CORRUPT %s/%s", up_repo_name(files[i].repo), up_role_name(files[i].role));
        struct up_report r = ecu_report(&e);
        /* the Image's files are looked at only when the Director's chain is done */
        if (files[i].repo == UP_DIRECTOR) ck_assert(memcmp(r.attacks.p, text, strlen(text)) == 0);
        order("fw/new", 2);
        IS(ecu_update(&e), UP_OK);
    }
}
END_TEST

START_TEST(a_damaged_root_is_walked_to_again_from_the_plants)
{
    for (int full = 0; full < 2; full++) {
        fresh(full == 1);
        struct ecu_file roots[3];
        for (unsigned v = 2; v <= 4; v++) {
            rotate(&e.director, "director", v, 0);
            roots[v - 2] = (struct ecu_file){author_text("director/root/%u", v),
                                             ecu_issued(&e, author_text("director/root/%u", v))};
        }
        order("fw/new", 2);
        IS(ecu_send(&e), UP_OK);
        damage(UP_DIRECTOR, UP_ROOT);
        IS(ecu_boot(&e), UP_OK);
        e.files = 0;
        order("fw/new", 2);
        IS(ecu_send(&e), UP_ROLLBACK); /* the plant's Root is not the newest that was trusted */
        ck_assert(detected("STORAGE_CORRUPT director/root +1"));
        ck_assert_uint_eq(ecu_versions(&e).director_root, 1); /* so the Primary knows what to send */
        for (unsigned i = 0; i < 3; i++) ecu_replace(&e, roots[i].path, roots[i].bytes);
        IS(ecu_update(&e), UP_OK);
        ck_assert_uint_eq(ecu_versions(&e).director_root, 4);
    }
}
END_TEST

/* From the plant on there are two copies, and after damage to either there are two again. */
START_TEST(two_copies_of_the_plants_root_mend_each_other)
{
    static const unsigned copies[] = {UP_ROOT, SEC_PLANT_ROOT};
    for (unsigned n = 0; n < 2 * 2 * 2; n++) {
        const unsigned repo = n % 2, first = copies[n / 2 % 2], entry = n / 4;
        fresh(true);
        for (unsigned round = 0; round < 2; round++) {
            const uint32_t *at = e.agent.trusted.at[repo];
            struct sec_file a, b;
            const unsigned hit = round == 0 ? first : copies[n / 2 % 2 == 0]; /* then the other one */
            ck_assert_uint_ne(at[UP_ROOT], at[SEC_PLANT_ROOT]);
            if (entry)
                memset(e.flash->bytes + at[hit], 0, 16);
            else
                damage((enum up_repo)repo, hit);
            IS(ecu_boot(&e), UP_OK);
            order("fw/new", 2 + round);
            IS(ecu_update(&e), UP_OK);
            ck_assert(sec_trusted_file(&e.flash->port, &e.agent.layout, at[UP_ROOT], &a));
            ck_assert(sec_trusted_file(&e.flash->port, &e.agent.layout, at[SEC_PLANT_ROOT], &b));
            ck_assert(up_span_eq(a.bytes, b.bytes));
            ck_assert_ptr_ne(a.bytes.p, b.bytes.p);
        }
    }
}
END_TEST

START_TEST(without_any_root_there_is_no_update_and_no_first_use)
{
    fresh(true);
    order("fw/new", 2);
    damage(UP_DIRECTOR, UP_ROOT);
    damage(UP_DIRECTOR, SEC_PLANT_ROOT);
    ecu_replace(&e, "director/root/1", e.plant.director_root);
    rotate(&e.director, "director", 2, 0);
    IS(ecu_send(&e), UP_STORAGE_CORRUPT);
    ck_assert(ecu_runs(&e, "fw/old"));
}
END_TEST

/* E-STO-11: what could not be made durable is not said to be. */
START_TEST(a_verdict_that_could_not_be_stored_unlocks_nothing)
{
    bool stored = false;
    for (unsigned n = 1; !stored; n++) {
        ecu_new(&e, true, 4096, 16);
        ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
        ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
        ck_assert_uint_eq(ecu_put(&e, "time", ecu_attest(&e)), 0);
        for (unsigned i = 0; i < e.files; i++)
            ck_assert_uint_eq(ecu_put(&e, e.file[i].path, e.file[i].bytes), 0);
        e.flash->fail_at = n;
        enum up_err verdict = ecu_verify(&e);
        stored = e.flash->fail_at > 1; /* it did not come so far */
        e.flash->fail_at = 0;
        if (verdict != UP_OK) ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
        IS(ecu_boot(&e), UP_OK);
        if (verdict == UP_OK) ck_assert_uint_eq(ecu_versions(&e).image_targets, e.version);
        ecu_free(&e);
    }
}
END_TEST

/* At each operation of a verdict that changes more than the trust: a Root comes first, the image that has
 * come is of no use any longer, or is now wanted by another order. */
START_TEST(a_verdict_under_failing_flash_settles_nothing)
{
    enum { WITH_ROOT, OTHER_IMAGE, OTHER_ORDER, KINDS };
    for (unsigned kind = 0; kind < KINDS; kind++) {
        bool failed = true;
        for (uint64_t n = 1; failed; n++) {
            ck_assert_uint_lt(n, 2000);
            fresh(false);
            order("fw/new", 2);
            IS(ecu_send(&e), UP_OK);
            ck_assert_uint_eq(ecu_transfer(&e), 0);
            e.files = 0;
            if (kind == WITH_ROOT) rotate(&e.director, "director", 2, 0);
            const struct up_span same = e.new_image;
            if (kind == OTHER_IMAGE)
                order("fw/newer", 3);
            else
                ecu_issue(&e, "fw/new", 2, same);
            ck_assert_uint_eq(ecu_put(&e, "time", ecu_attest(&e)), 0);
            for (unsigned i = 0; i < e.files; i++)
                ck_assert_uint_eq(ecu_put(&e, e.file[i].path, e.file[i].bytes), 0);
            e.flash->fail_at = n;
            enum up_err verdict = ecu_verify(&e);
            failed = e.flash->fail_at == 1;
            e.flash->fail_at = 0;
            IS(verdict, failed ? UP_STORAGE_WRITE : UP_OK);
            if (failed)
                ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, (uint32_t)e.new_image.n),
                                  UDS_DOWNLOAD_NOT_ACCEPTED);
            IS(ecu_update(&e), UP_OK);
            ck_assert(ecu_runs(&e, kind == OTHER_IMAGE ? "fw/newer" : "fw/new"));
        }
    }
}
END_TEST

/* The head of an entry is as good as its bytes: without it there is no file. */
START_TEST(a_damaged_entry_is_a_damaged_file)
{
    static const enum up_role roles[] = {UP_ROOT, UP_TIMESTAMP, UP_SNAPSHOT, UP_TARGETS};
    for (unsigned repo = 0; repo < 2; repo++)
        for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
            fresh(true);
            rotate(&e.director, "director", 2, 0);
            rotate(&e.image, "image", 2, 0);
            const struct up_span roots[] = {ecu_issued(&e, "director/root/2"),
                                            ecu_issued(&e, "image/root/2")};
            order("fw/new", 2);
            IS(ecu_send(&e), UP_OK);
            memset(e.flash->bytes + e.agent.trusted.at[repo][roles[i]], 0, 16);
            IS(ecu_boot(&e), UP_OK);
            ecu_replace(&e, "director/root/2", roots[0]);
            ecu_replace(&e, "image/root/2", roots[1]);
            IS(ecu_send(&e), UP_OK);
            const char *path = author_text("STORAGE_CORRUPT %s/%s", up_repo_name((enum up_repo)repo),
                                           up_role_name(roles[i]));
            ck_assert_msg(detected(path), "%s", path);
            order("fw/new", 2);
            IS(ecu_update(&e), UP_OK);
        }
}
END_TEST

START_TEST(a_stored_file_of_another_version_does_not_stand_in)
{
    fresh(true);
    order("fw/new", 2);
    IS(ecu_update(&e), UP_OK);
    order("fw/newer", 3);
    ecu_replace(&e, "image/targets", NO_FILE);
    IS(ecu_send(&e), UP_UNAVAILABLE);
    order("fw/newer", 3);
    IS(ecu_update(&e), UP_OK);
}
END_TEST

/* V-DEL-15, P-DIST-02: a search through many roles; more than are kept: those at the end must be sent again.
 */
START_TEST(as_many_delegated_roles_are_kept_as_there_is_room_for)
{
    ecu_free(&e);
    ecu_new_with(&e, true, SEC_TWO_SLOTS, 4096, 16, 128 << 10);
    order("fw/new", 2);
    struct author_ring ring = {KEY(22), 1};
    struct author supplier = e.image;
    supplier.ring[UP_TARGETS].keys = KEY(22);
    const char *list = "", *meta = author_meta("targets", e.version);
    const unsigned roles = 70;
    for (unsigned i = 0; i < roles; i++) {
        const char *name = author_text("r%02u", i);
        list = author_text("%s%s%s", list, *list ? "," : "",
                           author_delegation(&e.image, name, ring, "fw/*", ""));
        meta = author_text("%s,%s", author_meta(name, e.version), meta);
        ecu_replace(&e, author_text("image/role/%s", name),
                    author_targets(&supplier, e.version,
                                   i == roles - 1 ? ecu_target("fw/new", 2, e.new_image, NULL) : ""));
    }
    char *body = author_targets_body(&e.image, e.version, "", author_delegations(&e.image, KEY(22), list));
    struct up_span snapshot = author_snapshot(&e.image, e.version, meta);
    ecu_replace(&e, "image/targets", author_file(&e.image, UP_TARGETS, body));
    ecu_replace(&e, "image/snapshot", snapshot);
    ecu_replace(&e, "image/timestamp", author_timestamp(&e.image, e.version, snapshot, e.version));
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(e.agent.trusted.roles, SEC_ROLES_KEPT);
    IS(ecu_boot(&e), UP_OK);
    struct up_span again[70];
    for (unsigned i = SEC_ROLES_KEPT; i < roles; i++)
        again[i] = ecu_issued(&e, author_text("image/role/r%02u", i));
    e.files = 0;
    IS(ecu_send(&e), UP_DELEGATION_INVALID);
    ck_assert(detected(author_text("DELEGATION_INVALID image/role/r%02u", SEC_ROLES_KEPT)));
    for (unsigned i = SEC_ROLES_KEPT; i < roles; i++)
        ecu_replace(&e, author_text("image/role/r%02u", i), again[i]);
    IS(ecu_send(&e), UP_OK);
}
END_TEST

/* What a record of the trust may say. */
START_TEST(a_record_of_trust_that_makes_no_sense_is_corrupt)
{
    uint8_t record[SEC_VALUE_MAX];
    fresh(false);
    const struct up_span good = sec_store_get(&e.agent.store, SEC_KEY_TRUST);
    ck_assert_uint_gt(good.n, 1);
    ck_assert_uint_eq(good.p[good.n - 1], 0); /* roles kept */
    for (unsigned i = 0; i < 6; i++) {
        struct sec_trusted t;
        size_t n = good.n;
        memcpy(record, sec_store_get(&e.agent.store, SEC_KEY_TRUST).p, n);
        memset(record + n, 0, sizeof record - n);
        if (i == 1 || i == 2) record[0] = (uint8_t)i; /* bank */
        if (i >= 3) record[n - 1] = (uint8_t)(SEC_ROLES_KEPT - 4 + i);
        n += 4u * record[n - 1];
        if (n > SEC_VALUE_MAX) break;
        const uint8_t first = record[0], last = record[good.n - 1];
        IS(sec_store_put(&e.agent.store, SEC_KEY_TRUST, (struct up_span){record, n}), UP_OK);
        IS(sec_trusted_load(&t, &e.agent.store),
           first > 1 || last > SEC_ROLES_KEPT ? UP_STORAGE_CORRUPT : UP_OK);
        fresh(false);
    }
}
END_TEST

SUITE("agent_chain", a_verdict_under_failing_flash_settles_nothing, a_damaged_entry_is_a_damaged_file,
      a_stored_file_of_another_version_does_not_stand_in,
      as_many_delegated_roles_are_kept_as_there_is_room_for, a_record_of_trust_that_makes_no_sense_is_corrupt,
      roots_are_walked_one_by_one_to_the_newest, a_root_stays_though_what_follows_it_fails,
      a_root_is_durable_before_the_next_one_is_looked_at, time_of_keys_that_were_replaced_is_forgotten,
      a_root_that_skips_or_is_not_signed_by_its_predecessor_is_refused,
      rotated_keys_heal_versions_that_were_driven_up, rotation_heals_over_a_reset_too,
      time_signed_by_the_keys_of_a_new_root_counts_in_the_same_run,
      a_clock_far_ahead_heals_with_the_time_keys, files_that_are_not_sent_again_are_still_trusted,
      sending_the_same_files_again_does_not_turn_the_banks, many_cycles_leave_no_waste_behind,
      a_delegated_role_speaks_for_the_image, a_delegated_role_is_kept_for_the_next_cycle,
      a_delegated_role_that_is_missing_or_wrong_ends_the_search,
      damaged_files_are_told_and_fetched_again_and_floors_stay,
      a_damaged_root_is_walked_to_again_from_the_plants, two_copies_of_the_plants_root_mend_each_other,
      without_any_root_there_is_no_update_and_no_first_use,
      a_verdict_that_could_not_be_stored_unlocks_nothing)
