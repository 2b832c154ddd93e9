/* Images on disk: resumed, bounded, hashed from byte 0 before they count. */
#include "primary/backup.h"
#include "primary/download.h"
#include "primary/state.h"
#include "tests/suite.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib_fetch.h"
#include "tests/lib_folder.h"
#include "tests/lib_site.h"

static struct lib_fetch net;
static struct pri_chain images;
static struct pri_download d;
static struct up_target target;
static struct up_span content;
static const char *path, *part, *url;

static struct up_target target_of(const char *name, struct up_span bytes)
{
    struct up_target t = {.name = up_span_of(name), .length = bytes.n, .hashes = {.has_sha256 = true}};
    up_sha256(bytes, t.hashes.sha256);
    return t;
}

static const char *hex_of(const struct up_target *t)
{
    char out[PRI_FILE_PATH_MAX];
    pri_download_path("", t, out);
    return author_text("%s", out + 1);
}

static void begin_with(struct up_span bytes)
{
    folder_enter();
    lib_fetch_init(&net);
    images = (struct pri_chain){.policy = {.profile = &up_profile_strict}, .trust.root.versioned = true};
    content = bytes;
    target = target_of("dir/fw", bytes);
    path = author_text("%s/%s", folder_path(), hex_of(&target));
    part = author_text("%s.part", path);
    url = author_text("targets/dir/%s.fw", hex_of(&target));
    shelf_put(&net.shelf[PRI_IMAGE], url, bytes);
}

static void begin(void)
{
    begin_with(UP_SPAN("the bytes of an image"));
}

static void end(void)
{
    lib_fetch_end(&net);
    folder_leave();
}

static enum pri_verdict fetch(void)
{
    enum pri_verdict v;
    pri_download_begin(&d, folder_path(), &net.port, &target);
    while ((v = pri_download_step(&d, &images)) == PRI_WAIT) {
    }
    lib_fetch_end(&net);
    return v;
}

static void fetched(void)
{
    size_t n;
    ck_assert_msg(fetch() == PRI_DONE, "%s", d.problem.what);
    ck_assert_str_eq(d.path, path);
    char *bytes = folder_read(path, &n);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(n, content.n);
    ck_assert_mem_eq(bytes, content.p, n);
    free(bytes);
    ck_assert_int_ne(access(part, F_OK), 0);
}

static void refused(enum up_err want)
{
    ck_assert_int_eq(fetch(), PRI_FAILED);
    IS(d.problem.err, want);
    ck_assert_ptr_nonnull(strstr(d.problem.what, "image dir/fw: "));
    ck_assert_int_ne(access(path, F_OK), 0); /* nothing that could be taken for it */
}

static uint64_t part_bytes(void)
{
    struct stat st;
    return stat(part, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void fault(struct lib_fault f)
{
    f.server = PRI_IMAGE;
    f.path = url;
    lib_fetch_fail(&net, f);
}

/* P-DIST-09, R-FMT-11 */
START_TEST(an_image_is_fetched_by_its_digest_and_fetched_once)
{
    begin();
    net.patience = 3;
    fetched();
    ck_assert_str_eq(lib_fetch_log(&net), author_text("repo/%s ", url));
    fetched();
    ck_assert_str_eq(lib_fetch_log(&net), "");
    end();
}
END_TEST

/* P-DL-02 */
START_TEST(no_more_than_its_length_is_asked_for_and_a_longer_body_is_refused)
{
    begin();
    shelf_put(&net.shelf[PRI_IMAGE], url, UP_SPAN("the bytes of an image, and one"));
    refused(UP_TOO_LARGE);
    ck_assert_uint_eq(net.max_bytes, target.length);
    ck_assert_uint_eq(part_bytes(), 0);
    fault((struct lib_fault){.err = UP_TOO_LARGE, .cut = 9}); /* what has come of it is of no use */
    refused(UP_TOO_LARGE);
    ck_assert_uint_eq(part_bytes(), 0);
    lib_fetch_heal(&net);
    fault((struct lib_fault){.ignores_maximum = true}); /* a port that broke its promise */
    refused(UP_IMG_LENGTH);
    lib_fetch_heal(&net);
    shelf_put(&net.shelf[PRI_IMAGE], url, content);
    fetched();
    end();
}
END_TEST

/* P-DIST-09 */
START_TEST(an_image_of_another_digest_or_length_is_refused_and_not_kept)
{
    static const char *const wrong[] = {"the bytes of an imagE", "the bytes of an", ""};
    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        shelf_put(&net.shelf[PRI_IMAGE], url, up_span_of(wrong[i]));
        refused(i == 0 ? UP_IMG_HASH : UP_IMG_LENGTH);
        ck_assert_uint_eq(part_bytes(), 0);
    }
    shelf_put(&net.shelf[PRI_IMAGE], url, content);
    fetched();
    end();
}
END_TEST

/* P-DL-07 */
START_TEST(every_listed_digest_counts)
{
    begin();
    struct up_hash h;
    target.hashes.has_sha512 = true;
    refused(UP_IMG_HASH);
    up_hash_begin(&h, UP_SHA512);
    up_hash_add(&h, content);
    up_hash_end(&h, target.hashes.sha512);
    fetched();
    target.hashes.sha512[0] ^= 1; /* also of what is there already */
    refused(UP_IMG_HASH);
    end();
}
END_TEST

/* P-DL-08 */
START_TEST(a_download_that_broke_off_goes_on_where_it_was)
{
    begin();
    fault((struct lib_fault){.err = UP_TRANSPORT, .cut = 9});
    refused(UP_TRANSPORT);
    ck_assert_uint_eq(part_bytes(), 9);
    refused(UP_TRANSPORT);
    ck_assert_uint_eq(net.from, 9);
    ck_assert_uint_eq(part_bytes(), 18);
    lib_fetch_heal(&net);
    fetched();
    ck_assert_uint_eq(net.from, 18);
    end();
}
END_TEST

START_TEST(a_server_that_cannot_resume_starts_over)
{
    begin();
    fault((struct lib_fault){.err = UP_TRANSPORT, .cut = 9});
    refused(UP_TRANSPORT);
    lib_fetch_heal(&net);
    fault((struct lib_fault){.ignores_range = true});
    fetched();
    ck_assert_uint_eq(net.from, 9);
    end();
}
END_TEST

/* P-DL-08 */
START_TEST(a_part_that_was_altered_is_found_out_and_fetched_anew)
{
    begin();
    folder_write_text(part, "THE BYTES");
    refused(UP_IMG_HASH);
    ck_assert_uint_eq(net.from, 9);
    ck_assert_uint_eq(part_bytes(), 0);
    fetched();
    ck_assert_uint_eq(net.from, 0);
    end();
}
END_TEST

/* E-STO-12 */
START_TEST(a_part_that_is_whole_is_not_fetched_again)
{
    begin();
    folder_write(part, content.p, content.n); /* cut off before it was renamed */
    fetched();
    ck_assert_str_eq(lib_fetch_log(&net), "");
    unlink(path);
    folder_write_text(part, "something as long    ");
    fetched();
    ck_assert_uint_eq(net.from, 0);
    unlink(path);
    folder_write_text(part, "something that is much longer than the image");
    fetched();
    ck_assert_uint_eq(net.from, 0);
    end();
}
END_TEST

/* P-DIST-09: what lies there is not believed for its name. */
START_TEST(an_image_that_was_altered_on_disk_is_fetched_again)
{
    begin();
    folder_write_text(path, "the bytes of an imagE");
    fetched();
    folder_write_text(path, "");
    fetched();
    end();
}
END_TEST

/* E-STO-13 */
START_TEST(what_the_network_says_is_what_is_told_and_the_part_is_kept)
{
    static const enum up_err errors[] = {UP_UNAVAILABLE, UP_TOO_SLOW, UP_STORAGE_FULL, UP_REFUSED};
    begin();
    folder_write_text(part, "the bytes");
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        fault((struct lib_fault){.err = errors[i]});
        refused(errors[i]);
        ck_assert_ptr_nonnull(strstr(d.problem.what, "the network"));
        ck_assert_uint_eq(part_bytes(), 9);
        lib_fetch_heal(&net);
    }
    net.out_of_memory = true;
    refused(UP_STORAGE_FULL);
    net.out_of_memory = false;
    fetched();
    end();
}
END_TEST

/* P-DL-10 */
START_TEST(a_download_that_would_fill_the_disk_does_not_begin)
{
    begin();
    target.length = UINT64_C(1) << 60;
    refused(UP_STORAGE_FULL);
    ck_assert_str_eq(lib_fetch_log(&net), "");
    end();
}
END_TEST

START_TEST(progress_counts_what_is_there_already)
{
    begin();
    folder_write_text(part, "the bytes");
    net.patience = 1;
    pri_download_begin(&d, folder_path(), &net.port, &target);
    ck_assert_int_eq(pri_download_step(&d, &images), PRI_WAIT);
    ck_assert_uint_eq(pri_download_done(&d), target.length);
    pri_download_cancel(&d);
    ck_assert_uint_eq(pri_download_done(&d), 9);
    end();
}
END_TEST

/* ---- the folder ---- */

/* E-FMT-12: names from metadata never become file names. */
START_TEST(the_name_of_an_image_has_no_say_in_where_it_lies)
{
    begin();
    target.name = UP_SPAN("../../etc/passwd");
    char out[PRI_FILE_PATH_MAX];
    pri_download_path("/var/lib", &target, out);
    ck_assert_str_eq(out, author_text("/var/lib/%s", hex_of(&target)));
    ck_assert_uint_eq(strlen(hex_of(&target)), 2 * UP_SHA256_BYTES);
    ck_assert_uint_eq(strspn(hex_of(&target), "0123456789abcdef"), 2 * UP_SHA256_BYTES);
    target.hashes = (struct up_hashes){.has_sha512 = true};
    ck_assert_uint_eq(strlen(hex_of(&target)), 2 * UP_SHA512_BYTES);
    end();
}
END_TEST

/* P-DIST-13: what is waited for stays, whole and in part. */
START_TEST(only_images_that_no_order_waits_for_are_removed)
{
    static struct pri_plan plan;
    begin();
    char why[256];
    struct pri_state *state = pri_state_open(":memory:", why, sizeof why);
    ck_assert_msg(state != NULL, "%s", why);
    const char *dir = author_text("%s/a.part.of", folder_path()); /* a folder may be called so */
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    struct up_target waiting = target_of("a", UP_SPAN("a")), part_of = target_of("b", UP_SPAN("b")),
                     installed = target_of("c", UP_SPAN("c")), old = target_of("d", UP_SPAN("d")),
                     before = target_of("e", UP_SPAN("e"));
    struct pri_backup backup = {.name = "e", .length = 1};
    memcpy(backup.sha256, before.hashes.sha256, sizeof backup.sha256);
    ck_assert_int_eq(pri_backup_put(state, "ECU-1", &backup), UP_OK);
    plan.count = 3;
    plan.orders[0] = (struct pri_order){.director = waiting, .pending = true};
    plan.orders[1] = (struct pri_order){.director = part_of, .pending = true};
    plan.orders[2] = (struct pri_order){.director = installed};
    const char *keep[] = {hex_of(&waiting), author_text("%s.part", hex_of(&part_of)), hex_of(&before)};
    const char *gone[] = {hex_of(&installed),
                          hex_of(&old),
                          author_text("%s.part", hex_of(&old)),
                          author_text("%sx", hex_of(&waiting)),
                          author_text("%.10s", hex_of(&waiting)),
                          "x"};
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++)
        folder_write_text(author_text("%s/%s", dir, keep[i]), "");
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        folder_write_text(author_text("%s/%s", dir, gone[i]), "");
    folder_write_text("outside", "");
    pri_download_prune(dir, &plan, state);
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++)
        ck_assert_int_eq(access(author_text("%s/%s", dir, keep[i]), F_OK), 0);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        ck_assert_int_ne(access(author_text("%s/%s", dir, gone[i]), F_OK), 0);
    ck_assert_int_eq(access("outside", F_OK), 0);
    pri_download_prune("no such folder", &plan, state);
    pri_state_close(state);
    end();
}
END_TEST

START_TEST(a_file_is_mapped_whole_or_not_at_all)
{
    begin();
    folder_write_text("file", "content");
    folder_write_text("empty", "");
    struct up_span s = pri_map("file");
    ck_assert(up_span_is(s, "content"));
    pri_unmap(s);
    ck_assert_ptr_null(pri_map("empty").p);
    ck_assert_ptr_null(pri_map("missing").p);
    pri_unmap((struct up_span){0});
    end();
}
END_TEST

SUITE("download", an_image_is_fetched_by_its_digest_and_fetched_once,
      no_more_than_its_length_is_asked_for_and_a_longer_body_is_refused,
      an_image_of_another_digest_or_length_is_refused_and_not_kept, every_listed_digest_counts,
      a_download_that_broke_off_goes_on_where_it_was, a_server_that_cannot_resume_starts_over,
      a_part_that_was_altered_is_found_out_and_fetched_anew, a_part_that_is_whole_is_not_fetched_again,
      an_image_that_was_altered_on_disk_is_fetched_again,
      what_the_network_says_is_what_is_told_and_the_part_is_kept,
      a_download_that_would_fill_the_disk_does_not_begin, progress_counts_what_is_there_already,
      the_name_of_an_image_has_no_say_in_where_it_lies, only_images_that_no_order_waits_for_are_removed,
      a_file_is_mapped_whole_or_not_at_all)
