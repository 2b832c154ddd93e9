/* metadata/hmac.c against RFC 4231, and secrets in files. */
#include "metadata/encode.h"
#include "metadata/hmac.h"
#include "metadata/secret_posix.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *mac_of(struct up_span key, struct up_span message)
{
    static char text[2 * UP_SHA256_BYTES + 1];
    uint8_t mac[UP_SHA256_BYTES];
    up_hmac_sha256(key, message, mac);
    up_hex_encode(mac, sizeof mac, text);
    return text;
}

START_TEST(known_answers_hold_for_short_and_long_keys)
{
    uint8_t key[131];
    ck_assert_str_eq(mac_of((struct up_span){0}, UP_SPAN("")), /* no key at all: not in RFC 4231 */
                     "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    memset(key, 0x0B, 20);
    ck_assert_str_eq(mac_of((struct up_span){key, 20}, UP_SPAN("Hi There")),
                     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    ck_assert_str_eq(mac_of(UP_SPAN("Jefe"), UP_SPAN("what do ya want for nothing?")),
                     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xAA, sizeof key);
    ck_assert_str_eq(mac_of((struct up_span){key, 64}, UP_SPAN("Hi There")), /* one block: not in RFC 4231 */
                     "ebef34e13d0a0fe04593d043bc7a865106db0604211d404c18206d862e5d7852");
    ck_assert_str_eq(mac_of((struct up_span){key, sizeof key},
                            UP_SPAN("Test Using Larger Than Block-Size Key - Hash Key First")),
                     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

#define NO_DIGIT "00102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F" /* one is missing */
#define DIGITS   "0" NO_DIGIT

static bool reads(const char *text, mode_t mode, uint8_t secret[UP_SECRET_BYTES], char why[200])
{
    folder_write_text("secret", text);
    ck_assert_int_eq(chmod("secret", mode), 0);
    return up_secret_read("secret", secret, why, 200);
}

START_TEST(a_secret_is_64_digits_in_a_file_of_its_owner)
{
    static const char *const wrong[] = {"",         "00",          DIGITS "0",  DIGITS "\n\n",
                                        "x" DIGITS, DIGITS "\r\n", "g" NO_DIGIT};
    uint8_t secret[UP_SECRET_BYTES], zero[UP_SECRET_BYTES] = {0};
    char why[200];
    folder_enter();
    ck_assert(reads(DIGITS "\n", 0600, secret, why));
    for (unsigned i = 0; i < sizeof secret; i++) ck_assert_uint_eq(secret[i], i);
    ck_assert(reads(DIGITS, 0400, secret, why));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(!reads(wrong[i], 0600, secret, why), "%s", wrong[i]);
        ck_assert_ptr_nonnull(strstr(why, "secret: expected 64 hexadecimal digits"));
        ck_assert_mem_eq(secret, zero, sizeof secret);
    }
    for (mode_t bit = 1; bit < 0100; bit <<= 1) {
        ck_assert(!reads(DIGITS, 0600 | bit, secret, why));
        ck_assert_ptr_nonnull(strstr(why, "secret: others may read it"));
    }
    ck_assert(!up_secret_read("nowhere", secret, why, sizeof why));
    ck_assert_str_eq(why, "nowhere: No such file or directory");
    ck_assert(!up_secret_read(".", secret, why, sizeof why));
    ck_assert_str_eq(why, ".: not a file");
    folder_leave();
}
END_TEST

START_TEST(a_file_of_a_secret_is_closed_whatever_number_it_has)
{
    uint8_t secret[UP_SECRET_BYTES];
    char why[200];
    folder_enter();
    ck_assert(reads(DIGITS, 0600, secret, why));
    const int kept = dup(STDIN_FILENO);
    (void)close(STDIN_FILENO);
    for (int i = 0; i < 2; i++) {
        const bool good = up_secret_read("secret", secret, why, sizeof why);
        const int next = open("secret", O_RDONLY);
        (void)close(next);
        ck_assert(good);
        ck_assert_int_eq(next, STDIN_FILENO);
    }
    if (kept >= 0) (void)dup2(kept, STDIN_FILENO);
    (void)close(kept);
    folder_leave();
}
END_TEST

SUITE("hmac", known_answers_hold_for_short_and_long_keys, a_secret_is_64_digits_in_a_file_of_its_owner,
      a_file_of_a_secret_is_closed_whatever_number_it_has)
