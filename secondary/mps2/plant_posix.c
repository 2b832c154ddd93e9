/* mps2-plant: what the plant does to a new board. Takes a configuration of isoctane-secondary, and writes the
 * file behind the board's flash, provisioned, with its plant page, and the boot stage's fuses. */
#include "metadata/crypto_openssl.h"
#include "secondary/agent.h"
#include "secondary/config_posix.h"
#include "secondary/mps2/mps2.h"
#include "secondary/mps2/plant.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "mps2-plant: %s: %s\n", what, why);
    return 1;
}

static bool copy_text(char *out, size_t cap, const char *text)
{
    size_t n = strlen(text);
    if (n >= cap) return false;
    memcpy(out, text, n + 1);
    return true;
}

static bool take_key(struct mps2_plant *p, const char *path, char *why, size_t why_size)
{
    struct up_signer s;
    BIGNUM *x = NULL;
    if (!up_signer_open(path, &s, why, why_size)) return false;
    bool good = s.key.scheme == UP_ECDSA_P256_SHA256 &&
                EVP_PKEY_get_bn_param(((struct up_signer_openssl *)s.handle)->pkey, OSSL_PKEY_PARAM_PRIV_KEY,
                                      &x) == 1 &&
                BN_bn2binpad(x, p->secret, sizeof p->secret) == sizeof p->secret &&
                copy_text(p->keyid, sizeof p->keyid, s.keyid);
    if (!good) (void)snprintf(why, why_size, "%s: the board has ECDSA P-256 only", path);
    BN_clear_free(x);
    up_signer_close(&s);
    return good;
}

static bool fill(struct mps2_plant *p, const struct sec_config *c, uint32_t flash_bytes, char *why,
                 size_t why_size)
{
    *p = (struct mps2_plant){.magic = MPS2_PLANT_MAGIC,
                             .flash_bytes = flash_bytes,
                             .staging_bytes = c->staging_bytes,
                             .request_id = c->request_id,
                             .response_id = c->response_id,
                             .functional_id = c->functional_id,
                             .fd = c->fd,
                             .time_max_age_s = c->time_max_age_s,
                             .trial_limit_s = c->trial_limit_s,
                             .full = c->full,
                             .base_time_s = c->base_time_s};
    bool good = copy_text(p->vehicle_id, sizeof p->vehicle_id, c->vehicle_id) &&
                copy_text(p->serial, sizeof p->serial, c->serial) &&
                copy_text(p->hardware_id, sizeof p->hardware_id, c->hardware_id) &&
                copy_text(p->image_names, sizeof p->image_names, c->image_names) &&
                c->profile == &up_profile_strict;
    if (!good) (void)snprintf(why, why_size, "the board knows profile strict, and short names");
    return good && up_random(p->seed, sizeof p->seed) && take_key(p, c->key, why, why_size);
}

static bool write_file(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    bool good = f != NULL && fwrite(bytes, 1, n, f) == n;
    if (f != NULL) good = fclose(f) == 0 && good;
    return good;
}

/* ---- the flash, in memory ---- */

static uint8_t board[MPS2_FILE_BYTES];

static bool erase(void *ctx, uint32_t offset)
{
    (void)ctx;
    memset(board + offset, 0xFF, MPS2_SECTOR);
    return true;
}

static bool program(void *ctx, uint32_t offset, struct up_span data)
{
    (void)ctx;
    memcpy(board + offset, data.p, data.n);
    return true;
}

static bool sync_done(void *ctx)
{
    (void)ctx;
    return true;
}

static struct up_span read_file(const char *path, char *why, size_t why_size)
{
    struct up_span none = {NULL, 0};
    FILE *f = fopen(path, "rbe");
    uint8_t *bytes = malloc(sizeof board);
    size_t n = f == NULL || bytes == NULL ? 0 : fread(bytes, 1, sizeof board, f);
    if (f != NULL) (void)fclose(f);
    if (n > 0) return (struct up_span){bytes, n};
    (void)snprintf(why, why_size, "%s: cannot be read: %s", path, strerror(errno));
    free(bytes);
    return none;
}

/* The same sec_provision() that every port runs. Its image, header and all, is what the board comes with. */
static bool provision(const struct sec_config *c, uint32_t flash_bytes, const struct up_signer *boot,
                      char *why, size_t why_size)
{
    struct up_signer ecu;
    const struct sec_flash flash = {.size = flash_bytes,
                                    .sector = MPS2_SECTOR,
                                    .program_unit = MPS2_UNIT,
                                    .mapped = board,
                                    .erase = erase,
                                    .program = program,
                                    .sync = sync_done};
    const struct sec_identity id = {.vehicle_id = up_span_of(c->vehicle_id),
                                    .serial = up_span_of(c->serial),
                                    .hardware_id = up_span_of(c->hardware_id),
                                    .profile = c->profile,
                                    .limits = c->full ? &up_limits_posix : &up_limits_mcu,
                                    .full = c->full,
                                    .signer = &ecu,
                                    .base_time_s = c->base_time_s,
                                    .layout = SEC_SWAP,
                                    .boot = {.key = &boot->key},
                                    .staging_bytes = c->staging_bytes};
    struct sec_provisioning p = {.director_root = read_file(c->director_root, why, why_size),
                                 .image_name = up_span_of(c->image_name),
                                 .release_counter = c->release_counter};
    if (p.director_root.p != NULL) p.image = read_file(c->image, why, why_size);
    if (p.image.p != NULL && c->full) p.image_root = read_file(c->image_root, why, why_size);
    if (p.image.p == NULL || (c->full && p.image_root.p == NULL) ||
        !up_signer_open(c->key, &ecu, why, why_size))
        return false;
    const enum up_err e = sec_provision(&flash, &id, &p);
    if (e != UP_OK) (void)snprintf(why, why_size, "cannot be provisioned: %s", up_err_text(e));
    up_signer_close(&ecu);
    free((void *)(uintptr_t)p.director_root.p);
    free((void *)(uintptr_t)p.image_root.p);
    free((void *)(uintptr_t)p.image.p);
    return e == UP_OK;
}

int main(int argc, char **argv)
{
    static struct sec_config config;
    char why[1024] = "";
    struct mps2_plant plant;
    struct up_signer boot;
    if (argc != 5) return fail("usage", "mps2-plant CONFIG BOOT-KEY BOARD-FILE FUSES-FILE");
    if (!sec_config_read(&config, argv[1], why, sizeof why)) return fail(argv[1], why);

    memset(board, 0xFF, sizeof board);
    const uint32_t bytes = sec_layout_size(SEC_SWAP, MPS2_SECTOR, config.staging_bytes, config.slot_bytes);
    if (bytes == 0 || bytes > sizeof board - MPS2_SECTOR)
        return fail(argv[1], "[storage] does not fit the board");
    if (!up_signer_open(argv[2], &boot, why, sizeof why)) return fail(argv[2], why);
    if (!fill(&plant, &config, bytes, why, sizeof why)) return fail(argv[1], why);
    if (!provision(&config, bytes, &boot, why, sizeof why)) return fail(argv[1], why);
    memcpy(board + sizeof board - MPS2_SECTOR, &plant, sizeof plant);

    struct mps2_fuses fuses = {
        .magic = MPS2_FUSES_MAGIC, .flash_bytes = bytes, .staging_bytes = config.staging_bytes};
    memcpy(fuses.boot_key, boot.key.bytes, 65);
    if (!write_file(argv[3], board, sizeof board)) return fail(argv[3], strerror(errno));
    if (!write_file(argv[4], &fuses, sizeof fuses)) return fail(argv[4], strerror(errno));
    up_signer_close(&boot);
    up_wipe(&plant, sizeof plant);
    up_wipe(board, sizeof board);
    return 0;
}
