/* isoctane-repo image: key, wrap, sign, show. */
#include "sim/cmd_repo.h"

#include "metadata/crypto_openssl.h"
#include "metadata/encode.h"
#include "sim/wrap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *command, const char *why, int status)
{
    return sim_command_fail(command, why, status);
}

static bool read_file(const char *command, const char *path, struct sim_bytes *out)
{
    if (sim_file_read(path, out)) return true;
    fprintf(stderr, "isoctane-repo %s: %s: %s\n", command, path, strerror(errno));
    return false;
}

static int write_image(const char *command, const char *path, struct sim_bytes *image)
{
    bool done = sim_file_write(path, sim_span(image), 0644);
    if (!done) fprintf(stderr, "isoctane-repo %s: %s: %s\n", command, path, strerror(errno));
    if (done) printf("%s: %zu bytes\n", path, image->n);
    sim_bytes_free(image);
    return done ? SIM_EXIT_OK : SIM_EXIT_FAULT;
}

/* key */

static int cmd_key(int argc, char **argv, int64_t now_s)
{
    (void)now_s;
    const struct sim_usage usage = {
        "isoctane-repo image key",
        "NAME",
        "Makes an ECDSA P-256 key: NAME.pem, which signs, and NAME.pub, which goes into\n"
        "boot stages.",
        NULL,
        0,
        1,
        1};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    char path[SIM_PATH_MAX], pem[UP_PEM_BYTES], why[SIM_WHY_MAX];
    struct up_signer signer;
    if (!sim_path(path, "%s.pem", argv[rest])) return fail("image key", "name too long", SIM_EXIT_USAGE);
    if (!up_signer_create(path, UP_ECDSA_P256_SHA256, 0, &signer, why, sizeof why))
        return fail("image key", why, SIM_EXIT_FAULT);
    size_t n = up_key_to_pem(&signer.key, pem, sizeof pem);
    up_signer_close(&signer);
    if (!sim_path(path, "%s.pub", argv[rest]) ||
        !sim_file_write(path, (struct up_span){(const uint8_t *)pem, n}, 0644))
        return fail("image key", strerror(errno), SIM_EXIT_FAULT);
    printf("%s.pem and %s.pub\n", argv[rest], argv[rest]);
    return SIM_EXIT_OK;
}

/* wrap */

static bool open_signer(const char *command, const char *path, struct up_signer *signer)
{
    char why[SIM_WHY_MAX];
    if (up_signer_open(path, signer, why, sizeof why)) return true;
    (void)fail(command, why, SIM_EXIT_CONFIG);
    return false;
}

static int cmd_wrap(int argc, char **argv, int64_t now_s)
{
    (void)now_s;
    const char *key = NULL, *version = "0";
    uint32_t header_bytes = SEC_HEADER_BYTES, counter = 0, load = 0;
    const struct sim_option options[] = {
        {"key", "FILE", SIM_OPT_TEXT, &key, "signs it, too; default: left for `image sign`"},
        {"counter", "N", SIM_OPT_NUMBER, &counter, "release counter, as `add --counter` gets it (default 0)"},
        {"image-version", "V", SIM_OPT_TEXT, &version, "MAJOR.MINOR.REVISION+BUILD (default 0)"},
        {"header-bytes", "N", SIM_OPT_NUMBER, &header_bytes,
         "32 (default) to 65535: what the code is aligned to"},
        {"load-address", "N", SIM_OPT_NUMBER, &load, "written into the header (default 0)"},
    };
    const struct sim_usage usage = {"isoctane-repo image wrap",
                                    "FILE IMAGE",
                                    "Puts an MCUboot header before FILE, and TLVs behind it.",
                                    options,
                                    SIM_COUNT(options),
                                    2,
                                    2};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    struct sim_wrap w = {.load_address = load, .release_counter = counter};
    if (header_bytes < SEC_HEADER_BYTES || header_bytes > UINT16_MAX)
        return fail("image wrap", "--header-bytes: give 32 to 65535", SIM_EXIT_USAGE);
    if (!sim_wrap_version(version, &w))
        return fail("image wrap", "--image-version: give MAJOR.MINOR.REVISION+BUILD", SIM_EXIT_USAGE);
    w.header_bytes = (uint16_t)header_bytes;

    struct up_signer signer;
    struct sim_bytes body, image = {0};
    char why[SIM_WHY_MAX];
    if (!read_file("image wrap", argv[rest], &body)) return SIM_EXIT_CONFIG;
    if (key != NULL && !open_signer("image wrap", key, &signer)) {
        sim_bytes_free(&body);
        return SIM_EXIT_CONFIG;
    }
    bool done = sim_wrap(&w, sim_span(&body), key != NULL ? &signer : NULL, &image, why);
    if (key != NULL) up_signer_close(&signer);
    sim_bytes_free(&body);
    return done ? write_image("image wrap", argv[rest + 1], &image)
                : fail("image wrap", why, SIM_EXIT_CONFIG);
}

/* sign */

static int cmd_sign(int argc, char **argv, int64_t now_s)
{
    (void)now_s;
    const char *key = NULL;
    const struct sim_option options[] = {{"key", "FILE", SIM_OPT_TEXT, &key, "private key, PEM (required)"}};
    const struct sim_usage usage = {"isoctane-repo image sign",
                                    "IMAGE SIGNED",
                                    "Signs a wrapped image; an older signature is replaced.",
                                    options,
                                    SIM_COUNT(options),
                                    2,
                                    2};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    if (key == NULL) return fail("image sign", "--key is missing", SIM_EXIT_USAGE);
    struct up_signer signer;
    struct sim_bytes image, out = {0};
    char why[SIM_WHY_MAX];
    if (!read_file("image sign", argv[rest], &image)) return SIM_EXIT_CONFIG;
    bool done = open_signer("image sign", key, &signer);
    if (!done) {
        sim_bytes_free(&image);
        return SIM_EXIT_CONFIG;
    }
    done = sim_wrap_sign(sim_span(&image), &signer, &out, why);
    up_signer_close(&signer);
    sim_bytes_free(&image);
    return done ? write_image("image sign", argv[rest + 1], &out) : fail("image sign", why, SIM_EXIT_CONFIG);
}

/* show */

static void print_header(const struct sec_header *h, const char *by)
{
    char name[2 * UP_SHA256_BYTES];
    up_hex_encode(h->key_hash.p, UP_SHA256_BYTES, name);
    printf("version          %u.%u.%u+%u\nrelease counter  %u\nheader           %u bytes\n"
           "body             %u bytes\nload address     0x%08x\nkey              %.*s\nsignature        %s\n",
           h->major, h->minor, h->revision, (unsigned)h->build, (unsigned)h->counter, h->header_bytes,
           (unsigned)h->body_bytes, (unsigned)h->load_address, (int)sizeof name, name, by);
}

static int cmd_show(int argc, char **argv, int64_t now_s)
{
    (void)now_s;
    const char *key_path = NULL;
    const struct sim_option options[] = {
        {"key", "FILE", SIM_OPT_TEXT, &key_path, "public key, PEM: verify as a boot stage would"}};
    const struct sim_usage usage = {"isoctane-repo image show",
                                    "IMAGE",
                                    "What the header and the TLVs of a signed image say.",
                                    options,
                                    SIM_COUNT(options),
                                    1,
                                    1};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    struct sim_bytes image, pem;
    struct up_key key;
    struct sec_header h;
    if (key_path != NULL) {
        if (!read_file("image show", key_path, &pem)) return SIM_EXIT_CONFIG;
        bool good = up_key_from_pem(UP_ECDSA_P256_SHA256, sim_span(&pem), &key);
        sim_bytes_free(&pem);
        if (!good) return fail("image show", "--key: not a public ECDSA P-256 key in PEM", SIM_EXIT_CONFIG);
    }
    if (!read_file("image show", argv[rest], &image)) return SIM_EXIT_CONFIG;
    enum up_err e = sec_header_read(sim_span(&image), &h);
    if (e == UP_OK && key_path != NULL) e = sec_header_verify(sim_span(&image), &key, &h);
    if (e == UP_OK) print_header(&h, key_path != NULL ? "good" : "not verified: give --key");
    sim_bytes_free(&image);
    if (e == UP_OK) return SIM_EXIT_OK;
    fprintf(stderr, "isoctane-repo image show: %s: %s: %s\n", argv[rest], up_err_name(e),
            e == UP_SIG_THRESHOLD ? "not signed by that key"
            : e == UP_IMG_HASH    ? "changed since it was signed"
                                  : "not an image with a signature");
    return SIM_EXIT_ATTACK;
}

int sim_cmd_image(int argc, char **argv, int64_t now_s)
{
    static const struct sim_command commands[] = {
        {"key", cmd_key, "a key for a boot stage"},
        {"wrap", cmd_wrap, "header and TLVs around a binary"},
        {"sign", cmd_sign, "sign a wrapped image"},
        {"show", cmd_show, "what an image says, and whether a boot stage takes it"},
    };
    return sim_command_run("isoctane-repo image",
                           "Images that a boot stage verifies by itself, in the format of MCUboot.", commands,
                           SIM_COUNT(commands), argc, argv, now_s);
}
