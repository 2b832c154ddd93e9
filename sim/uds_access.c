/* What an ECU wants to see before it takes anything: Authentication (29), SecurityAccess (27). */
#include "isotp/uds_guard.h"
#include "metadata/secret_posix.h"
#include "primary/badge_openssl.h"
#include "sim/commands.h"
#include "sim/uds_tool.h"

#include <string.h>

/* --- 29: a certificate, then a proof that its key is at hand (docs/pouf.md, section 5.8) --- */

#define LEAST_CHALLENGE 16u

static int show_certificate(struct sim_uds *u, const struct pri_badge *b)
{
    uint8_t head[] = {UDS_AUTHENTICATION, UDS_VERIFY_UNIDIRECTIONAL, 0, 0, 0};
    uds_put(head + 3, b->certificate_bytes, 2);
    uds_client_request(&u->client, head, sizeof head, b->certificate, b->certificate_bytes + 2,
                       sim_bench_now_us());
    (void)sim_uds_wait(u);
    return sim_uds_status(u, "certificate");
}

static int prove(struct sim_uds *u, const struct pri_badge *b)
{
    const struct uds_client *c = &u->client;
    uint8_t message[UDS_PROOF_MESSAGE_MAX],
        proof[4 + UP_SIGNATURE_BYTES + 2] = {UDS_AUTHENTICATION, UDS_PROOF_OF_OWNERSHIP};
    const size_t n = c->reply_bytes < 5 ? 0 : (size_t)uds_get(c->reply + 3, 2);
    if (n < LEAST_CHALLENGE || n > UDS_CHALLENGE_MAX || n > c->reply_bytes - 5) {
        fprintf(stderr, "%s: certificate: its challenge is none of ours\n", u->program);
        return SIM_EXIT_FAULT;
    }
    const size_t bytes = uds_proof_message(message, 'C', c->reply + 5, n, NULL, 0);
    const size_t signature = up_sign(&b->signer, (struct up_span){message, bytes}, proof + 4);
    uds_put(proof + 2, signature, 2);
    (void)sim_uds_ask(u, proof, 4 + signature + 2); /* no ephemeral key */
    return sim_uds_status(u, "proof");
}

static int authenticate(struct sim_uds *u, const struct sim_uds_access *a)
{
    struct pri_badge badge;
    char why[512];
    int status = SIM_EXIT_CONFIG;
    if (a->certificate == NULL) return SIM_EXIT_OK;
    if (!pri_badge_open(&badge, a->certificate, a->certificate_key, why, sizeof why))
        fprintf(stderr, "%s: %s\n", u->program, why);
    else if ((status = show_certificate(u, &badge)) == SIM_EXIT_OK)
        status = prove(u, &badge);
    pri_badge_close(&badge);
    return status;
}

/* --- 27 --- */

static bool compute_from_secret(const char *path, uint8_t level, const uint8_t *seed, size_t seed_bytes,
                                uint8_t *key, size_t *n)
{
    uint8_t secret[UP_SECRET_BYTES], message[UDS_SEED_MESSAGE], mac[UP_SHA256_BYTES];
    char why[512];
    if (seed_bytes != UDS_SEED_BYTES) return false;
    if (!up_secret_read(path, secret, why, sizeof why)) {
        fprintf(stderr, "%s\n", why);
        return false;
    }
    uds_seed_message(message, (uint8_t)((level + 1) / 2), seed);
    up_hmac_sha256((struct up_span){secret, sizeof secret}, (struct up_span){message, sizeof message}, mac);
    memcpy(key, mac, UDS_KEY_BYTES);
    *n = UDS_KEY_BYTES;
    up_wipe(secret, sizeof secret);
    return true;
}

static bool compute_key(const struct sim_uds_access *a, const uint8_t *seed, size_t seed_bytes, uint8_t *key,
                        size_t cap, size_t *n)
{
    char line[1024], answer[1024] = "";
    if (a->secret != NULL) return compute_from_secret(a->secret, a->level, seed, seed_bytes, key, n);
    if (a->command == NULL) return a->key != NULL && sim_bench_bytes(a->key, key, cap, n) && *n > 0;
    int at = snprintf(line, sizeof line, "%s %02X ", a->command, (unsigned)a->level);
    if (at < 0 || (size_t)at + 2 * seed_bytes >= sizeof line) return false;
    for (size_t i = 0; i < seed_bytes; i++)
        at += snprintf(line + at, sizeof line - (size_t)at, "%02X", (unsigned)seed[i]);
    FILE *f = popen(line, "re"); /* NOLINT: the operator's own command */
    if (f == NULL) return false;
    bool good = fgets(answer, sizeof answer, f) != NULL;
    return pclose(f) == 0 && good && sim_bench_bytes(answer, key, cap, n) && *n > 0;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    while (n > 0)
        if (p[--n] != 0) return false;
    return true;
}

static int open_lock(struct sim_uds *u, const struct sim_uds_access *a)
{
    uint8_t request[2 + 256] = {UDS_SECURITY_ACCESS, a->level}, seed[256];
    size_t n = 0;

    if (a->level == 0) return SIM_EXIT_OK;
    if (sim_uds_ask(u, request, 2) != UDS_POSITIVE) return sim_uds_status(u, "unlock");
    size_t seed_bytes = u->client.reply_bytes - 2;
    if (u->client.reply_bytes < 2 || seed_bytes > sizeof seed) return SIM_EXIT_FAULT;
    memcpy(seed, u->client.reply + 2, seed_bytes);
    if (all_zero(seed, seed_bytes)) return SIM_EXIT_OK;
    if (!compute_key(a, seed, seed_bytes, request + 2, sizeof request - 2, &n)) {
        fprintf(stderr, "%s: no key for seed ", u->program);
        sim_bench_print(stderr, seed, seed_bytes);
        fprintf(stderr, "; give --key HEX, --secret FILE, or a --key-command that prints it\n");
        return SIM_EXIT_USAGE;
    }
    request[1] = (uint8_t)(a->level + 1);
    (void)sim_uds_ask(u, request, 2 + n);
    return sim_uds_status(u, "unlock");
}

int sim_uds_unlock(struct sim_uds *u, const struct sim_uds_access *a)
{
    int status = authenticate(u, a);
    return status == SIM_EXIT_OK ? open_lock(u, a) : status;
}
