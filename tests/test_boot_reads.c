/* From power-on to the running application: what the boot stage reads of the flash, and what it erases and
 * programs, in every layout and policy. Bytes are counted where they are hashed, by a wrapped function: those
 * of the image, and of records. */
#include "secondary/boot.h"
#include "sim/wrap.h"
#include "tests/lib_slots.h"
#include "tests/suite.h"

#include <stdio.h>

#include "metadata/crypto_openssl.h"

#define SLOT   (128u << 10)
#define SECTOR 4096u
#define UNIT   64u
#define BODY   100000u

static uint64_t hashed;

void __real_up_hash_add(struct up_hash *h, struct up_span s);
void __wrap_up_hash_add(struct up_hash *h, struct up_span s);
void __wrap_up_hash_add(struct up_hash *h, struct up_span s)
{
    static const uint8_t *last; /* for a second digest of it, nothing is read again */
    if (s.p != last) hashed += s.n;
    last = s.p;
    __real_up_hash_add(h, s);
}

/* How often the image is read. */
static double start(struct lib_slots *l, const struct sec_policy *policy, const char *layout,
                    const char *what)
{
    const uint64_t operations = l->flash->operations, erases = l->flash->erases;
    hashed = 0;
    lib_slots_reload(l);
    const uint64_t records = hashed;
    const struct sec_boot_choice c = sec_boot_choose(&l->slots, policy);
    const uint64_t erased = l->flash->erases - erases, all = l->flash->operations - operations;
    const uint64_t image = hashed - records;
    ck_assert_uint_ne(c.slot, SEC_NO_SLOT);
    ck_assert_uint_lt(records, 8192);
    (void)printf("%-9s %-9s %-29s image read %.2f times, %4u bytes of records, %3u erases, %4u programs\n",
                 layout, policy->key == NULL ? "digest" : "signature", what,
                 (double)image / (double)c.image.n, (unsigned)records, (unsigned)erased,
                 (unsigned)(all - erased));
    return (double)image / (double)c.image.n;
}

static const struct {
    enum sec_layout_kind kind;
    const char *name;
    double first; /* readings of the image at its first start */
} kinds[] = {{SEC_TWO_SLOTS, "two slots", 1}, {SEC_SWAP, "swap", 2}, {SEC_ONE_SLOT, "one slot", 1}};

START_TEST(an_image_is_read_once_at_each_start_and_again_only_after_an_exchange)
{
    const unsigned k = (unsigned)_i / 2, slot = kinds[k].kind == SEC_ONE_SLOT ? 0 : 1;
    const uint8_t seed[32] = {7};
    struct up_signer signer;
    ck_assert(up_signer_from_seed(UP_ECDSA_P256_SHA256, seed, &signer));
    const struct sec_policy policy = {.key = _i % 2 == 1 ? &signer.key : NULL};
    const struct sim_wrap w = {.header_bytes = 512, .release_counter = 2};
    struct lib_slots l;
    struct sim_bytes image = {0};
    char why[SIM_WHY_MAX];
    uint8_t *body = lib_image_bytes(BODY, 1);
    ck_assert(sim_wrap(&w, (struct up_span){body, BODY}, &signer, &image, why));
    lib_slots_new(&l, kinds[k].kind, SLOT, SECTOR, UNIT);
    lib_slots_place(&l, slot, SEC_ARMED, "new", 2, sim_span(&image));
    const char *name = kinds[k].name;
    const double first = start(&l, &policy, name, "on trial, for the first time");
    ck_assert_double_eq_tol(first, kinds[k].first, 0.05);
    ck_assert_double_eq_tol(start(&l, &policy, name, "on trial, again"), 1, 0.05);
    ck_assert_int_eq(sec_slot_event(&l.slots, slot, SEC_CONFIRM), UP_OK);
    ck_assert_double_eq_tol(start(&l, &policy, name, "confirmed"), 1, 0.05);
    lib_slots_free(&l);
    sim_bytes_free(&image);
    up_signer_close(&signer);
    free(body);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("boot_reads");
    TCase *c = tcase_create("boot_reads");
    tcase_add_loop_test(c, an_image_is_read_once_at_each_start_and_again_only_after_an_exchange, 0, 6);
    suite_add_tcase(s, c);
    return suite_run(s);
}
