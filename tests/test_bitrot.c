/* Flash forgets: one bit flipped anywhere in what is stored, then a power-on. What runs is a verified image,
 * or nothing does; the report says which; no floor has gone down; and the next update succeeds: where the
 * image itself is lost the same order brings it back, and from any other damage on the next order installs.
 * Every bit of every byte that is not erased with ISOCTANE_THOROUGH set, updated after one bit of each; else
 * a sample. */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#include <stdio.h>

static struct ecu e;
static uint8_t *start;
static struct up_span image;
static struct repositories { /* as they were when they ordered this */
    struct ecu_file file[ECU_FILES];
    unsigned files;
    struct up_span image;
    uint8_t order[UDS_ORDER_BYTES];
} same, next;

static struct repositories keep(void)
{
    struct repositories r = {.files = e.files, .image = e.new_image};
    memcpy(r.file, e.file, sizeof r.file);
    memcpy(r.order, e.order, sizeof r.order);
    return r;
}

static void serve(const struct repositories *r)
{
    e.files = r->files;
    e.new_image = r->image;
    memcpy(e.file, r->file, sizeof e.file);
    memcpy(e.order, r->order, sizeof e.order);
}

/* Updated once: in the other slot is the image before it. */
static void prepare(bool full)
{
    ecu_new(&e, full, 1024, 64);
    image = ecu_image(2000, 2);
    ecu_issue(&e, "fw/mid", 2, image);
    same = keep();
    ck_assert_int_eq(ecu_update(&e), UP_OK);
    start = lib_flash_save(e.flash);
    ecu_issue(&e, "fw/next", 3, ecu_image(1500, 3));
    next = keep();
}

static void flip(uint32_t at, unsigned bit)
{
    lib_flash_load(e.flash, start);
    e.flash->bytes[at] ^= (uint8_t)(1u << bit);
    e.flash->durable[at] ^= (uint8_t)(1u << bit);
    e.random = 7;
}

/* Whether the image runs. */
static bool runs_truly(uint32_t at)
{
    struct sec_status s;
    sec_agent_status(&e.agent, &s);
    struct up_report r = ecu_report(&e);
    if (s.image.n == 0) {
        ck_assert_msg(!up_span_is(r.image_name, "fw/mid"), "byte %u: reports what does not run", at);
        ck_assert_msg(r.attacks.n > 0, "byte %u: nobody is told", at);
        return false;
    }
    ck_assert_msg(up_span_eq(s.image, image), "byte %u: another image runs", at);
    ck_assert_msg(up_span_is(r.image_name, "fw/mid"), "byte %u: reports another one", at);
    struct uds_stored_versions v = ecu_versions(&e);
    ck_assert_msg(v.release_counter == 2 && v.director_root == 1, "byte %u: a floor fell", at);
    return true;
}

static void sweep(bool full)
{
    const bool thorough = getenv("ISOCTANE_THOROUGH") != NULL;
    unsigned long flips = 0, lost = 0, mended = 0;
    prepare(full);
    for (uint32_t at = 0; at < e.flash->port.size; at++) {
        if (start[at] == 0xFF && at % 1021 != 0) continue; /* of erased flash, some */
        if (!thorough && at % 11 != 0) continue;
        for (unsigned bit = 0; bit < 8; bit += thorough ? 1 : 8) {
            flip(at, (bit + at) % 8);
            flips++;
            ck_assert_msg(ecu_boot(&e) == UP_OK, "byte %u: does not start", at);
            const bool runs = runs_truly(at);
            if (!runs && lost++ % 64 != 0) continue;
            if (runs && flips % (thorough ? 8 : 3) != 0) continue;
            serve(runs ? &next : &same);
            enum up_err err = ecu_update(&e);
            ck_assert_msg(err == UP_OK && ecu_runs(&e, runs ? "fw/next" : "fw/mid"),
                          "byte %u: not mended: %s", at, up_err_name(err));
            mended += !runs;
        }
    }
    (void)printf("%s verification: %lu bits flipped, %lu of them in the image that runs\n",
                 full ? "full" : "partial", flips, lost);
    ck_assert_uint_gt(lost, thorough ? 15000 : 150);
    ck_assert_uint_gt(mended, 0);
    free(start);
    ecu_free(&e);
}

START_TEST(a_flipped_bit_is_never_executed_and_never_believed)
{
    sweep(_i == 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bitrot");
    TCase *c = tcase_create("bitrot");
    tcase_set_timeout(c, 600);
    tcase_add_loop_test(c, a_flipped_bit_is_never_executed_and_never_believed, 0, 2);
    suite_add_tcase(s, c);
    return suite_run(s);
}
