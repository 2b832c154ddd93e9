/* Images that carry their own proof: what is written is read, what is not so is refused, and OpenSSL's
 * command line agrees about digest and signature. */
#include "metadata/crypto_openssl.h"
#include "secondary/boot.h"
#include "sim/wrap.h"
#include "tests/lib_author.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SIGNER author_key(24)
#define BODY   1000u

static uint8_t body[BODY];
static struct sim_bytes image;
static char why[SIM_WHY_MAX];

static void wrap(uint16_t header_bytes)
{
    const struct sim_wrap w = {.header_bytes = header_bytes,
                               .release_counter = 7,
                               .major = 1,
                               .minor = 2,
                               .revision = 3,
                               .build = 4};
    for (size_t i = 0; i < sizeof body; i++) body[i] = (uint8_t)(i * 7);
    sim_bytes_free(&image);
    ck_assert_msg(sim_wrap(&w, (struct up_span){body, sizeof body}, SIGNER, &image, why), "%s", why);
}

static enum up_err verify(void)
{
    struct sec_header h;
    return sec_header_verify(sim_span(&image), &SIGNER->key, &h);
}

START_TEST(what_is_wrapped_is_read_and_verified)
{
    struct sec_header h;
    wrap(512);
    ck_assert_int_eq(sec_header_verify(sim_span(&image), &SIGNER->key, &h), UP_OK);
    ck_assert_uint_eq(h.header_bytes, 512);
    ck_assert_uint_eq(h.body_bytes, BODY);
    ck_assert_uint_eq(h.covered_bytes, 512 + BODY + 12);
    ck_assert_uint_eq(h.counter, 7);
    ck_assert_uint_eq(h.major, 1);
    ck_assert_uint_eq(h.minor, 2);
    ck_assert_uint_eq(h.revision, 3);
    ck_assert_uint_eq(h.build, 4);
    ck_assert_mem_eq(image.p + 512, body, BODY);
}
END_TEST

/* The bytes of the format, told once more. */
START_TEST(the_bytes_are_those_of_the_format)
{
    wrap(32);
    static const uint8_t head[32] = {0x3d, 0xb8, 0xf3, 0x96, 0, 0, 0, 0, 32, 0, 12, 0, 0xe8, 0x03, 0, 0,
                                     0,    0,    0,    0,    1, 2, 3, 0, 4,  0, 0,  0, 0,    0,    0, 0};
    static const uint8_t protected_tlvs[12] = {0x08, 0x69, 12, 0, 0x50, 0, 4, 0, 7, 0, 0, 0};
    ck_assert_mem_eq(image.p, head, sizeof head);
    ck_assert_mem_eq(image.p + 32 + BODY, protected_tlvs, sizeof protected_tlvs);
    const uint8_t *tlvs = image.p + 32 + BODY + 12;
    ck_assert_uint_eq(tlvs[0] | tlvs[1] << 8, 0x6907);
    ck_assert_uint_eq(tlvs[2] | tlvs[3] << 8, image.n - (32 + BODY + 12));
    ck_assert_uint_eq(tlvs[4] | tlvs[5] << 8, 0x10);
    ck_assert_uint_eq(tlvs[6] | tlvs[7] << 8, 32);
    ck_assert_uint_eq(tlvs[40] | tlvs[41] << 8, 0x01);
    ck_assert_uint_eq(tlvs[76] | tlvs[77] << 8, 0x22);
}
END_TEST

START_TEST(any_flipped_bit_is_refused)
{
    wrap(32);
    for (size_t bit = 0; bit < 8 * image.n; bit++) {
        image.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_msg(verify() != UP_OK, "bit %zu of byte %zu", bit % 8, bit / 8);
        image.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_int_eq(verify(), UP_OK);
}
END_TEST

START_TEST(any_other_length_is_refused)
{
    wrap(32);
    for (size_t n = 0; n <= image.n + 16; n++) {
        uint8_t *copy = calloc(1, n + 1);
        memcpy(copy, image.p, n < image.n ? n : image.n);
        struct sec_header h;
        enum up_err e = sec_header_verify((struct up_span){copy, n}, &SIGNER->key, &h);
        ck_assert_int_eq(e == UP_OK, n == image.n);
        free(copy);
    }
}
END_TEST

START_TEST(another_key_signs_nothing)
{
    struct sec_header h;
    struct sim_bytes other = {0};
    wrap(32);
    ck_assert_int_eq(sec_header_verify(sim_span(&image), &author_key(25)->key, &h), UP_SIG_THRESHOLD);
    ck_assert(sim_wrap_sign(sim_span(&image), author_key(25), &other, why));
    ck_assert_int_eq(sec_header_verify(sim_span(&other), &author_key(25)->key, &h), UP_OK);
    ck_assert_int_eq(sec_header_verify(sim_span(&other), &SIGNER->key, &h), UP_SIG_THRESHOLD);
    sim_bytes_free(&other);
    ck_assert(!sim_wrap_sign(sim_span(&image), author_key(0), &other, why)); /* Ed25519 */
}
END_TEST

/* COVERED bytes and TLVS, with their digest and signature put in order: only the rule at hand is broken. */
static enum up_err with_tlvs(const uint8_t *tlvs, size_t n, bool is_protected)
{
    struct sec_header h;
    uint8_t bytes[512] = {0};
    const size_t covered = 32 + 4;
    const uint16_t extra = is_protected ? (uint16_t)(4 + n) : 0;
    const uint8_t head[14] = {0x3d, 0xb8, 0xf3, 0x96, 0, 0, 0, 0, 32, 0, (uint8_t)extra, 0, 4, 0};
    struct sim_bytes out = {0};
    memcpy(bytes, head, sizeof head);
    size_t at = covered;
    if (is_protected) {
        const uint8_t area[4] = {0x08, 0x69, (uint8_t)extra, 0};
        memcpy(bytes + at, area, 4);
        memcpy(bytes + at + 4, tlvs, n);
        at += extra;
    }
    ck_assert(sim_wrap_sign((struct up_span){bytes, at}, SIGNER, &out, why));
    if (!is_protected && n > 0) {
        memcpy(bytes, out.p, out.n);
        memcpy(bytes + out.n, tlvs, n);
        bytes[covered + 2] = (uint8_t)(bytes[covered + 2] + n);
        sim_bytes_free(&out);
        return sec_header_verify((struct up_span){bytes, covered + bytes[covered + 2]}, &SIGNER->key, &h);
    }
    enum up_err e = sec_header_verify(sim_span(&out), &SIGNER->key, &h);
    sim_bytes_free(&out);
    return e;
}

START_TEST(tlvs_that_we_cannot_honour_are_refused)
{
    static const uint8_t dependency[] = {0x40, 0, 2, 0, 1, 1}, vendor[] = {0xA0, 0, 2, 0, 1, 1},
                         twice[] = {0x50, 0, 4, 0, 1, 0, 0, 0, 0x50, 0, 4, 0, 9, 0, 0, 0},
                         cut[] = {0x50, 0, 4, 0, 1, 0}, shorter[] = {0x50, 0, 2, 0, 1, 0},
                         key[] = {0x01, 0, 0, 0}, record[] = {0x60, 0, 1, 0, 5};
    ck_assert_int_eq(with_tlvs(NULL, 0, false), UP_OK);
    ck_assert_int_eq(with_tlvs(vendor, sizeof vendor, true), UP_OK);
    ck_assert_int_eq(with_tlvs(record, sizeof record, true), UP_OK);
    ck_assert_int_eq(with_tlvs(dependency, sizeof dependency, true), UP_UNSUPPORTED);
    ck_assert_int_eq(with_tlvs(twice, sizeof twice, true), UP_SCHEMA);
    ck_assert_int_eq(with_tlvs(cut, sizeof cut, true), UP_SCHEMA);
    ck_assert_int_eq(with_tlvs(shorter, sizeof shorter, true), UP_SCHEMA);
    ck_assert_int_eq(with_tlvs(vendor, sizeof vendor, false), UP_UNSUPPORTED);
    ck_assert_int_eq(with_tlvs(key, sizeof key, false), UP_SCHEMA);
    ck_assert_int_eq(with_tlvs(dependency, 3, false), UP_SCHEMA);
}
END_TEST

START_TEST(flags_that_change_the_meaning_are_refused)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        wrap(32);
        struct sec_header h;
        struct sim_bytes out = {0};
        image.p[16 + bit / 8] = (uint8_t)(1u << bit % 8);
        ck_assert(sim_wrap_sign(sim_span(&image), SIGNER, &out, why));
        enum up_err e = sec_header_verify(sim_span(&out), &SIGNER->key, &h);
        ck_assert_int_eq(e, bit == 0 || bit == 8 ? UP_OK : UP_UNSUPPORTED);
        sim_bytes_free(&out);
    }
}
END_TEST

/* As imgtool pads it on request. */
START_TEST(a_signature_may_be_padded_with_zeros_only)
{
    wrap(32);
    const size_t area = 32 + BODY + 12, tlv = area + 4 + 36 + 36;
    const uint8_t before = image.p[tlv + 2];
    uint8_t *longer = calloc(1, image.n + 4);
    memcpy(longer, image.p, image.n);
    const size_t pad = 72 - (size_t)before;
    longer[tlv + 2] = 72;
    longer[area + 2] = (uint8_t)(longer[area + 2] + pad);
    struct sec_header h;
    ck_assert_int_eq(sec_header_verify((struct up_span){longer, image.n + pad}, &SIGNER->key, &h), UP_OK);
    if (pad > 0) {
        longer[image.n] = 1;
        ck_assert_int_eq(sec_header_verify((struct up_span){longer, image.n + pad}, &SIGNER->key, &h),
                         UP_SIG_THRESHOLD);
    }
    free(longer);
}
END_TEST

/* A second opinion that shares nothing with us but the file. */
START_TEST(the_openssl_command_line_agrees)
{
    struct folder f = folder_make();
    char pem[UP_PEM_BYTES], line[512];
    ck_assert_int_eq(chdir(f.path), 0);
    wrap(64);
    size_t n = up_key_to_pem(&SIGNER->key, pem, sizeof pem);
    ck_assert(sim_file_write("key.pub", (struct up_span){(const uint8_t *)pem, n}, 0644));
    const size_t covered = 64 + BODY + 12;
    ck_assert(sim_file_write("covered", (struct up_span){image.p, covered}, 0644));
    ck_assert(sim_file_write("sha256", (struct up_span){image.p + covered + 8, 32}, 0644));
    ck_assert(sim_file_write("name", (struct up_span){image.p + covered + 44, 32}, 0644));
    ck_assert(sim_file_write("sig", (struct up_span){image.p + covered + 80, image.n - covered - 80}, 0644));
    snprintf(line, sizeof line,
             "openssl dgst -sha256 -verify key.pub -signature sig covered >/dev/null 2>&1 && "
             "openssl dgst -sha256 -binary covered | cmp -s - sha256 && "
             "openssl pkey -pubin -in key.pub -outform DER | openssl dgst -sha256 -binary | cmp -s - name");
    ck_assert_int_eq(system(line), 0); /* NOLINT(cert-env33-c): fixed words */
    ck_assert_int_eq(chdir("/"), 0);
    folder_remove(&f);
}
END_TEST

SUITE("header", what_is_wrapped_is_read_and_verified, the_bytes_are_those_of_the_format,
      any_flipped_bit_is_refused, any_other_length_is_refused, another_key_signs_nothing,
      tlvs_that_we_cannot_honour_are_refused, flags_that_change_the_meaning_are_refused,
      a_signature_may_be_padded_with_zeros_only, the_openssl_command_line_agrees)
