#include "primary/installer.h"
#include "primary/state.h"
#include "tests/lib_cutvfs.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGE_BYTES 700000 /* three pieces */

static struct pri_state *state;
static struct pri_installer *installer;
static uint8_t images[4][IMAGE_BYTES]; /* [0]: of the plant */
static struct up_target targets[4];
static uint8_t orders[4][UP_SHA256_BYTES];
static const char *const names[4] = {"tcu/fw-0.bin", "tcu/fw-1.bin", "tcu/fw-2.bin", "tcu/fw-3.bin"};
static const char *const files[4] = {"0.bin", "1.bin", "2.bin", "3.bin"};

static struct up_span image(int i)
{
    return (struct up_span){images[i], IMAGE_BYTES};
}

static void make_images(void)
{
    for (int i = 0; i < 4; i++) {
        memset(images[i], '0' + i, IMAGE_BYTES);
        memset(orders[i], 'a' + i, sizeof orders[i]);
        targets[i] = (struct up_target){.name = up_span_of(names[i]),
                                        .length = IMAGE_BYTES,
                                        .has_release_counter = true,
                                        .release_counter = (uint32_t)i + 10,
                                        .hashes = {.has_sha256 = true}};
        up_sha256(image(i), targets[i].hashes.sha256);
        folder_write(files[i], images[i], IMAGE_BYTES);
    }
}

static void open_all(void)
{
    char why[200];
    state = pri_state_open("state.db", why, sizeof why);
    ck_assert_msg(state != NULL, "%s", why);
    installer = pri_installer_slots("slots", state, why, sizeof why);
    ck_assert_msg(installer != NULL, "%s", why);
}

static void close_all(void)
{
    installer->close(installer);
    pri_state_close(state);
}

static void restart(void)
{
    close_all();
    open_all();
}

static void enter(void)
{
    cutvfs_cut(0, CUT_KEEPS_ALL);
    folder_enter();
    make_images();
    open_all();
    ck_assert_int_eq(pri_installer_provision(installer, names[0], image(0), 10), UP_OK);
}

static void leave(void)
{
    close_all();
    folder_leave();
}

static enum up_err prepare_file(const struct up_target *t, const char *file, int order)
{
    bool more = true;
    enum up_err e = UP_OK;
    for (int calls = 0; more; calls++) {
        e = installer->prepare(installer, t, file, orders[order], &more);
        ck_assert(e == UP_OK || !more);
        ck_assert_int_lt(calls, 20);
    }
    return e;
}

static enum up_err prepare(int i)
{
    return prepare_file(&targets[i], files[i], i);
}

static enum up_err activate(int i)
{
    return installer->activate(installer, orders[i]);
}

static enum up_err confirm(int i)
{
    return installer->confirm(installer, orders[i]);
}

static enum up_err revert(int i)
{
    return installer->revert(installer, orders[i]);
}

static struct pri_installed now(void)
{
    struct pri_installed s;
    ck_assert_int_eq(installer->state(installer, &s), UP_OK);
    return s;
}

/* What the record says is what the disk has. */
static void expect_running(int i, bool trial)
{
    struct pri_installed s = now();
    ck_assert_str_eq(s.name, names[i]);
    ck_assert_uint_eq(s.length, IMAGE_BYTES);
    ck_assert_uint_eq(s.release_counter, (uint32_t)i + 10);
    ck_assert_int_eq(s.trial, trial);
    ck_assert_mem_eq(s.sha256, targets[i].hashes.sha256, UP_SHA256_BYTES);
    static const char *const slots[] = {"slots/slot-a", "slots/slot-b"};
    int found = 0;
    for (int k = 0; k < 2; k++) {
        size_t n = 0;
        char *bytes = folder_read(slots[k], &n);
        found += bytes != NULL && n == IMAGE_BYTES && memcmp(bytes, images[i], n) == 0;
        free(bytes);
    }
    ck_assert_int_ge(found, 1);
}

START_TEST(an_update_goes_from_prepared_to_trial_to_confirmed)
{
    enter();
    expect_running(0, false);
    ck_assert_uint_eq(now().release_floor, 10);
    ck_assert_int_eq(prepare(1), UP_OK);
    expect_running(0, false);
    ck_assert(now().prepared);
    ck_assert_mem_eq(now().order, orders[1], UP_SHA256_BYTES);
    ck_assert_int_eq(activate(1), UP_OK);
    expect_running(1, true);
    ck_assert(!now().prepared);
    ck_assert_mem_eq(now().order, orders[1], UP_SHA256_BYTES);
    ck_assert_uint_eq(now().release_floor, 10);
    restart(); /* nobody decides but the cycle */
    expect_running(1, true);
    ck_assert_int_eq(confirm(1), UP_OK);
    expect_running(1, false);
    ck_assert_uint_eq(now().release_floor, 11);
    restart();
    expect_running(1, false);
    ck_assert_uint_eq(now().release_floor, 11);
    leave();
}
END_TEST

START_TEST(a_reverted_update_may_be_brought_forward)
{
    enter();
    ck_assert_int_eq(prepare(1), UP_OK);
    ck_assert_int_eq(activate(1), UP_OK);
    ck_assert_int_eq(revert(1), UP_OK);
    expect_running(0, false);
    ck_assert_uint_eq(now().release_floor, 10);
    restart();
    expect_running(0, false);
    ck_assert_int_eq(activate(1), UP_OK);
    expect_running(1, true);
    ck_assert_int_eq(confirm(1), UP_OK);
    leave();
}
END_TEST

START_TEST(verbs_can_be_repeated)
{
    enter();
    ck_assert_int_eq(prepare(1), UP_OK);
    ck_assert_int_eq(unlink(files[1]), 0); /* not needed any more */
    ck_assert_int_eq(prepare(1), UP_OK);
    ck_assert_int_eq(activate(1), UP_OK);
    ck_assert_int_eq(activate(1), UP_OK);
    ck_assert_int_eq(revert(1), UP_OK);
    ck_assert_int_eq(revert(1), UP_OK);
    expect_running(0, false);
    ck_assert_int_eq(activate(1), UP_OK);
    ck_assert_int_eq(confirm(1), UP_OK);
    ck_assert_int_eq(confirm(1), UP_OK);
    ck_assert_int_eq(activate(1), UP_OK);
    expect_running(1, false);
    leave();
}
END_TEST

START_TEST(verbs_of_another_order_change_nothing)
{
    enter();
    ck_assert_int_eq(activate(1), UP_PRECONDITION);
    ck_assert_int_eq(confirm(1), UP_PRECONDITION);
    ck_assert_int_eq(revert(1), UP_OK); /* it does not run: nothing to take back */
    ck_assert_int_eq(prepare(1), UP_OK);
    ck_assert_int_eq(activate(2), UP_PRECONDITION);
    ck_assert_int_eq(confirm(1), UP_PRECONDITION); /* not on trial yet */
    expect_running(0, false);
    ck_assert_int_eq(activate(1), UP_OK);
    ck_assert_int_eq(confirm(2), UP_PRECONDITION);
    ck_assert_int_eq(revert(2), UP_OK);
    ck_assert_int_eq(prepare(2), UP_PRECONDITION); /* the fallback is in the other slot */
    expect_running(1, true);
    ck_assert_int_eq(confirm(1), UP_OK);
    ck_assert_int_eq(revert(1), UP_PRECONDITION); /* revert is from trial only */
    expect_running(1, false);
    leave();
}
END_TEST

START_TEST(what_ran_before_is_no_prepared_update)
{
    enter();
    for (int i = 1; i <= 2; i++) {
        ck_assert_int_eq(prepare(i), UP_OK);
        ck_assert_int_eq(activate(i), UP_OK);
        ck_assert_int_eq(confirm(i), UP_OK);
    }
    ck_assert_int_eq(activate(1), UP_PRECONDITION); /* though it lies whole in the other slot */
    expect_running(2, false);
    leave();
}
END_TEST

START_TEST(what_was_prepared_for_an_older_order_is_gone_with_it)
{
    bool more;
    enter();
    ck_assert_int_eq(prepare(1), UP_OK);
    ck_assert_int_eq(installer->prepare(installer, &targets[2], files[2], orders[2], &more), UP_OK);
    ck_assert(more);
    restart(); /* in the middle of the next copy */
    ck_assert(!now().prepared);
    ck_assert_int_eq(activate(1), UP_PRECONDITION);
    ck_assert_int_eq(confirm(1), UP_PRECONDITION);
    expect_running(0, false);
    ck_assert_int_eq(prepare(2), UP_OK);
    ck_assert_int_eq(activate(2), UP_OK);
    expect_running(2, true);
    leave();
}
END_TEST

START_TEST(another_order_in_the_middle_of_a_copy_starts_afresh)
{
    bool more;
    enter();
    ck_assert_int_eq(installer->prepare(installer, &targets[1], files[1], orders[1], &more), UP_OK);
    ck_assert_int_eq(prepare(2), UP_OK);
    ck_assert_int_eq(activate(2), UP_OK);
    expect_running(2, true);
    leave();
}
END_TEST

static enum up_err prepare_changed(void (*change)(struct up_target *t))
{
    struct up_target t = targets[1];
    change(&t);
    return prepare_file(&t, files[1], 1);
}

static void other_sha256(struct up_target *t)
{
    t->hashes.sha256[31] ^= 1;
}
static void other_sha512(struct up_target *t)
{
    t->hashes.has_sha512 = true;
}
static void only_sha512(struct up_target *t)
{
    struct up_hash h;
    t->hashes.has_sha256 = false;
    t->hashes.has_sha512 = true;
    up_hash_begin(&h, UP_SHA512);
    up_hash_add(&h, image(1));
    up_hash_end(&h, t->hashes.sha512);
}
static void no_hash(struct up_target *t)
{
    t->hashes = (struct up_hashes){0};
}
static void shorter(struct up_target *t)
{
    t->length--;
}
static void longer(struct up_target *t)
{
    t->length++;
}
static void nameless(struct up_target *t)
{
    t->name.n = 0;
}

START_TEST(every_hash_and_the_length_must_fit)
{
    enter();
    ck_assert_int_eq(prepare_changed(other_sha256), UP_IMG_HASH);
    ck_assert_int_eq(prepare_changed(other_sha512), UP_IMG_HASH);
    ck_assert_int_eq(prepare_changed(no_hash), UP_IMG_HASH);
    ck_assert_int_eq(prepare_changed(shorter), UP_IMG_LENGTH);
    ck_assert_int_eq(prepare_changed(longer), UP_IMG_LENGTH);
    ck_assert_int_eq(prepare_changed(nameless), UP_STRING);
    ck_assert_int_eq(prepare_file(&targets[1], "none.bin", 1), UP_STORAGE_CORRUPT);
    ck_assert(!now().prepared);
    ck_assert_int_eq(activate(1), UP_PRECONDITION);
    expect_running(0, false);
    ck_assert_int_eq(prepare_changed(only_sha512), UP_OK);
    ck_assert_int_eq(activate(1), UP_OK);
    expect_running(1, true);
    leave();
}
END_TEST

START_TEST(a_slot_that_has_decayed_is_not_started)
{
    enter();
    ck_assert_int_eq(prepare(1), UP_OK);
    restart();
    size_t n;
    char *slot = folder_read("slots/slot-b", &n);
    slot[n / 2] ^= 1;
    folder_write("slots/slot-b", slot, n);
    ck_assert_int_eq(activate(1), UP_STORAGE_CORRUPT);
    folder_write("slots/slot-b", slot, n - 1);
    ck_assert_int_eq(activate(1), UP_STORAGE_CORRUPT);
    ck_assert_int_eq(unlink("slots/slot-b"), 0);
    ck_assert_int_eq(activate(1), UP_STORAGE_CORRUPT);
    expect_running(0, false);
    slot[n / 2] ^= 1;
    folder_write("slots/slot-b", slot, n);
    ck_assert_int_eq(activate(1), UP_OK);
    free(slot);
    leave();
}
END_TEST

START_TEST(the_floor_never_sinks)
{
    enter();
    ck_assert_int_eq(prepare(3), UP_OK);
    ck_assert_int_eq(activate(3), UP_OK);
    ck_assert_int_eq(confirm(3), UP_OK);
    ck_assert_uint_eq(now().release_floor, 13);
    ck_assert_int_eq(prepare(2), UP_OK); /* who may go back is decided elsewhere */
    ck_assert_int_eq(activate(2), UP_OK);
    ck_assert_int_eq(confirm(2), UP_OK);
    ck_assert_uint_eq(now().release_counter, 12);
    ck_assert_uint_eq(now().release_floor, 13);
    leave();
}
END_TEST

START_TEST(with_nothing_installed_it_is_unknown)
{
    uint8_t empty[UP_SHA256_BYTES];
    folder_enter();
    make_images();
    open_all();
    struct pri_installed s = now();
    up_sha256(UP_SPAN(""), empty);
    ck_assert_str_eq(s.name, "unknown");
    ck_assert_mem_eq(s.sha256, empty, sizeof empty);
    ck_assert_uint_eq(s.length, 0);
    static const uint8_t nothing[UP_SHA256_BYTES];
    ck_assert_int_eq(installer->activate(installer, nothing), UP_PRECONDITION);
    ck_assert_int_eq(installer->confirm(installer, nothing), UP_PRECONDITION);
    ck_assert_int_eq(prepare(1), UP_OK);
    ck_assert_int_eq(activate(1), UP_OK);
    expect_running(1, true);
    ck_assert_int_eq(revert(1), UP_OK);
    ck_assert_str_eq(now().name, "unknown");
    leave();
}
END_TEST

START_TEST(the_plant_comes_first_and_once)
{
    enter();
    ck_assert_int_eq(pri_installer_provision(installer, names[3], image(3), 13), UP_OK);
    expect_running(0, false);
    leave();
}
END_TEST

START_TEST(a_damaged_record_is_not_believed)
{
    char why[200];
    static const char *const records[] = {"",
                                          "{",
                                          "{}",
                                          "[]",
                                          "{\"slot\":[{}]}",
                                          "{\"running\":2,\"slot\":[{},{}]}",
                                          "{\"slot\":[{},{},{}]}",
                                          "{\"slot\":[{\"sha256\":\"00\"},{}]}"};
    enter();
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        ck_assert_int_eq(pri_state_put(state, "installer", up_span_of(records[i])), UP_OK);
        ck_assert_ptr_null(pri_installer_slots("slots", state, why, sizeof why));
        ck_assert_str_eq(why, "slots: stored state is damaged");
    }
    ck_assert_ptr_null(pri_installer_slots("none/slots", state, why, sizeof why));
    ck_assert_str_eq(why, "none/slots: storing failed");
    leave();
}
END_TEST

/* --- the power goes during any write of the record, or after any piece --- */

static int pieces_left;

static void pieced_update(int i)
{
    bool more = true;
    while (more) {
        if (installer->prepare(installer, &targets[i], files[i], orders[i], &more) != UP_OK) _exit(1);
        if (pieces_left > 0 && --pieces_left == 0) _exit(CUT_STATUS);
    }
    if (activate(i) != UP_OK || confirm(i) != UP_OK) _exit(1);
}

/* True: both updates came to their end. */
static bool cut_updates(int at, int pieces)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        pieces_left = pieces;
        cutvfs_cut(at, CUT_KEEPS_NONE);
        open_all();
        pieced_update(1);
        pieced_update(2);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CUT_STATUS));
    return WEXITSTATUS(status) == 0;
}

/* One of the three runs, whole; and the last update can be carried through. */
static void check_after_cut(void)
{
    open_all();
    struct pri_installed s = now();
    int i = s.name[strlen("tcu/fw-")] - '0';
    expect_running(i, s.trial);
    ck_assert_uint_eq(s.release_floor, (uint32_t)i + (s.trial ? 9 : 10));
    if (s.trial) ck_assert_int_eq(confirm(i), UP_OK);
    ck_assert_int_eq(prepare(3), UP_OK);
    ck_assert_int_eq(activate(3), UP_OK);
    ck_assert_int_eq(confirm(3), UP_OK);
    expect_running(3, false);
    close_all();
}

static bool cut_and_check(int at, int pieces)
{
    enter();
    close_all();
    bool complete = cut_updates(at, pieces);
    check_after_cut();
    folder_leave();
    return complete;
}

START_TEST(a_cut_at_any_point_leaves_one_whole_image)
{
    int at = 1, piece = 1;
    while (!cut_and_check(at, 0)) at++;
    ck_assert_int_gt(at, 20);
    while (!cut_and_check(0, piece)) piece++;
    ck_assert_int_gt(piece, 10);
}
END_TEST

START_TEST(a_failing_disk_leaves_what_runs_alone)
{
    for (int at = 1;; at++) {
        enter();
        cutvfs_fail(at, SQLITE_FULL);
        enum up_err e = prepare(1);
        if (e == UP_OK) e = activate(1);
        if (e == UP_OK) e = confirm(1);
        cutvfs_heal();
        ck_assert(e == UP_OK || e == UP_STORAGE_FULL);
        struct pri_installed s = now();
        expect_running(s.name[strlen("tcu/fw-")] - '0', s.trial);
        if (s.trial) ck_assert_int_eq(confirm(1), UP_OK);
        ck_assert_int_eq(prepare(2), UP_OK);
        ck_assert_int_eq(activate(2), UP_OK);
        leave();
        if (e == UP_OK) break;
    }
}
END_TEST

SUITE("installer", an_update_goes_from_prepared_to_trial_to_confirmed,
      a_reverted_update_may_be_brought_forward, verbs_can_be_repeated, verbs_of_another_order_change_nothing,
      what_ran_before_is_no_prepared_update, what_was_prepared_for_an_older_order_is_gone_with_it,
      another_order_in_the_middle_of_a_copy_starts_afresh, every_hash_and_the_length_must_fit,
      a_slot_that_has_decayed_is_not_started, the_floor_never_sinks, with_nothing_installed_it_is_unknown,
      the_plant_comes_first_and_once, a_damaged_record_is_not_believed,
      a_cut_at_any_point_leaves_one_whole_image, a_failing_disk_leaves_what_runs_alone)
