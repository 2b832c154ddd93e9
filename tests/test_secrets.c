/* A private key is in this process while its signer is open and nowhere in it afterwards: all memory that can
 * be written is searched for it, as number, as bytes and as text. What is searched for is kept masked, so
 * that it is not found in itself. Not with AddressSanitizer, whose own memory is too much to search. */
#include "metadata/crypto_openssl.h"
#include "metadata/encode.h"
#include "metadata/hmac.h"
#include "metadata/secret_posix.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MASK   0x5A
#define SECRET 32u /* the number of a P-256 key, the seed of an Ed25519 key */
#define TEXT   12u /* characters in the middle of its base64 */

struct needle {
    uint8_t bytes[2][SECRET], text[TEXT]; /* [1]: the least significant first */
};

static bool matches(const uint8_t *p, const uint8_t *masked, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != (masked[i] ^ MASK)) return false;
    return true;
}

/* Where the key lies: 1 bytes, 2 bytes turned round, 4 text. */
static unsigned found_in(const uint8_t *p, size_t n, const struct needle *needle)
{
    unsigned found = 0;
    for (size_t i = 0; i + SECRET <= n; i++) {
        for (unsigned k = 0; k < 2; k++)
            if (p[i] == (needle->bytes[k][0] ^ MASK) && matches(p + i, needle->bytes[k], SECRET))
                found |= 1u << k;
        if (p[i] == (needle->text[0] ^ MASK) && matches(p + i, needle->text, TEXT)) found |= 4;
    }
    return found;
}

static unsigned search_memory(const struct needle *needle)
{
    unsigned found = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    const size_t piece = 1u << 16, overlap = SECRET;
    uint8_t *buffer = malloc(piece + overlap);
    ck_assert(maps != NULL && memory >= 0 && buffer != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        uint64_t from, to;
        char mode[8];
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, mode) != 3 || mode[1] != 'w') continue;
        for (uint64_t at = from; at < to; at += piece) {
            ssize_t n = pread(memory, buffer, piece + overlap, (off_t)at);
            if ((uint64_t)(uintptr_t)buffer >= at && (uint64_t)(uintptr_t)buffer < at + piece) continue;
            if (n > 0) found |= found_in(buffer, (size_t)n, needle);
            up_wipe(buffer, piece + overlap);
        }
    }
    free(buffer);
    (void)close(memory);
    (void)fclose(maps);
    return found;
}

static unsigned sextet(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (unsigned)(at - digits) : 64;
}

/* Reads the key file by hand; SECRET bytes begin at OFFSET of the PKCS#8 structure. */
static void read_needle(const char *path, size_t offset, struct needle *out)
{
    char pem[512];
    uint8_t der[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, pem, sizeof pem - 1);
    ck_assert(n > 0);
    (void)close(fd);
    pem[n] = '\0';
    size_t bytes = 0;
    uint32_t bits = 0, count = 0;
    const char *body = strchr(pem, '\n') + 1;
    for (const char *c = body; *c != '-'; c++) {
        if (sextet(*c) > 63) continue;
        bits = bits << 6 | sextet(*c);
        if (++count % 4 == 0)
            for (int shift = 16; shift >= 0; shift -= 8) der[bytes++] = (uint8_t)(bits >> shift);
    }
    for (size_t i = 0; i < SECRET; i++) {
        out->bytes[0][i] = der[offset + i] ^ MASK;
        out->bytes[1][i] = der[offset + SECRET - 1 - i] ^ MASK;
    }
    const char *text = body + offset / 3 * 4 + 4; /* on the first line, behind the key's first digits */
    for (size_t i = 0; i < TEXT; i++) out->text[i] = (uint8_t)text[i] ^ MASK;
    up_wipe(pem, sizeof pem);
    up_wipe(der, sizeof der);
}

static void use(const char *path, struct up_signer *s)
{
    char why[512];
    uint8_t signature[UP_SIGNATURE_BYTES], digest[UP_SHA256_BYTES] = {1};
    ck_assert_msg(up_signer_open(path, s, why, sizeof why), "%s", why);
    for (int i = 0; i < 3; i++) ck_assert_uint_gt(up_sign_digest(s, digest, signature), 0);
}

static const struct {
    enum up_scheme scheme;
    size_t offset;
} kinds[] = {{UP_ECDSA_P256_SHA256, 36}, {UP_ED25519, 16}};

START_TEST(a_key_is_gone_from_memory_when_its_signer_is_closed)
{
    struct up_signer s;
    struct needle needle;
    char why[512];
    folder_enter();
    pid_t maker = fork(); /* what makes the key is another process */
    if (maker == 0) _exit(up_signer_create("ecu.pem", kinds[_i].scheme, 0, &s, why, sizeof why) ? 0 : 1);
    ck_assert_int_eq(maker, waitpid(maker, NULL, 0));
    struct stat st;
    ck_assert_int_eq(stat("ecu.pem", &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777u, 0600);
    read_needle("ecu.pem", kinds[_i].offset, &needle);
    ck_assert_uint_eq(search_memory(&needle), 0);
    use("ecu.pem", &s);
    const unsigned open = search_memory(&needle);
    ck_assert_msg((open & 3) != 0, "the search does not find what is there");
    ck_assert_msg((open & 4) == 0, "the text of the key file is still in memory");
    up_signer_close(&s);
    ck_assert_uint_eq(search_memory(&needle), 0);
    folder_leave();
}
END_TEST

/* So far down the stack that what is left there stays. */
static __attribute__((noinline)) uint8_t mac_far_down(const uint8_t key[SECRET], uint8_t mac[UP_SHA256_BYTES])
{
    volatile uint8_t room[65536];
    up_hmac_sha256((struct up_span){key, SECRET}, UP_SPAN("seed"), mac);
    room[0] = mac[0]; /* this frame is there to the end */
    return room[0];
}

START_TEST(a_key_of_hmac_leaves_neither_itself_nor_its_pads)
{
    struct needle needle;
    uint8_t key[SECRET], mac[UP_SHA256_BYTES];
    ck_assert(up_random(needle.text, sizeof needle.text));
    for (unsigned pads = 0; pads < 2; pads++) {
        ck_assert(up_random(key, sizeof key));
        for (size_t i = 0; i < SECRET; i++) {
            needle.bytes[0][i] = key[i] ^ (pads ? 0x36 : 0) ^ MASK;
            needle.bytes[1][i] = key[i] ^ (pads ? 0x5C : 0) ^ MASK;
        }
        (void)mac_far_down(key, mac);
        ck_assert_msg(pads || search_memory(&needle) != 0, "the search does not find what is there");
        up_wipe(key, sizeof key);
        ck_assert_uint_eq(search_memory(&needle), 0);
    }
}
END_TEST

static __attribute__((noinline)) bool read_far_down(uint8_t secret[UP_SECRET_BYTES])
{
    char why[200];
    volatile uint8_t room[65536];
    const bool good = up_secret_read("secret", secret, why, sizeof why);
    room[0] = good;
    return room[0];
}

START_TEST(the_digits_of_a_secret_are_gone_when_it_is_read)
{
    struct needle needle;
    uint8_t secret[UP_SECRET_BYTES];
    folder_enter();
    pid_t maker = fork();
    if (maker == 0)
        _exit(system("umask 077; head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' >secret") == 0 ? 0 : 1);
    ck_assert_int_eq(maker, waitpid(maker, NULL, 0));
    ck_assert(read_far_down(secret));
    for (size_t i = 0; i < SECRET; i++) needle.bytes[0][i] = needle.bytes[1][i] = (uint8_t)(i ^ MASK);
    for (size_t i = 0; i < TEXT; i++)
        needle.text[i] = (uint8_t)("0123456789abcdef"[secret[i / 2] >> (i % 2 ? 0 : 4) & 15] ^ MASK);
    ck_assert_uint_eq(search_memory(&needle), 0);
    folder_leave();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("secrets");
    TCase *c = tcase_create("secrets");
#ifdef __SANITIZE_ADDRESS__
    const int kinds_searched = 0;
#else
    const int kinds_searched = 2;
#endif
    tcase_add_loop_test(c, a_key_is_gone_from_memory_when_its_signer_is_closed, 0, kinds_searched);
    tcase_add_loop_test(c, a_key_of_hmac_leaves_neither_itself_nor_its_pads, 0, kinds_searched / 2);
    tcase_add_loop_test(c, the_digits_of_a_secret_are_gone_when_it_is_read, 0, kinds_searched / 2);
    suite_add_tcase(s, c);
    return suite_run(s);
}
