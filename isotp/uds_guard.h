/* SecurityAccess (27) and Authentication (29) in front of a UDS server's owner: what writes or starts
 * something stays locked until the tester has shown a key, or a certificate and that it owns its key. How
 * that is judged is the port's business. ISO 14229-1:2020, 10.4 and 10.6.
 *
 * The guard is an owner itself: it goes to uds_server_init() with the guard as context, and passes on to the
 * owner behind it what it allows. It opens nothing that the owner behind it keeps shut.
 *
 * The lock falls again with every session change, when S3 runs out, after 29 00, and at a reset. */
#ifndef ISOTP_UDS_GUARD_H
#define ISOTP_UDS_GUARD_H

#include "isotp/uds_server.h"

#define UDS_CHALLENGE_BYTES  32
#define UDS_CHALLENGE_MAX    64 /* of the client's own */
#define UDS_SEED_BYTES       16
#define UDS_KEY_BYTES        16     /* of the keys of our own ports */
#define UDS_ATTEMPTS         3      /* wrong keys, then the delay */
#define UDS_ATTEMPT_DELAY_MS 10000u /* also at power-on after so many */

struct uds_guard_port {
    void *ctx;
    bool (*random)(void *ctx, uint8_t *out, size_t n);
    /* 27. Is KEY the answer to SEED at LEVEL (1: 01 and 02, 2: 03 and 04, ...)? NULL: no 27, none is needed.
     */
    bool (*key_fits)(void *ctx, uint8_t level, const uint8_t seed[UDS_SEED_BYTES], const uint8_t *key,
                     size_t n);
    uint8_t levels;
    /* Wrong keys so far, to be kept over a reset. False: not kept, and no key is judged. Called for changes
     * only: an attacker who goes on for years causes no more than UDS_ATTEMPTS. NULL: forgotten then. */
    bool (*keep_attempts)(void *ctx, uint8_t attempts);
    /* 29. Judges a certificate and holds on to its key for proves(): OK, or 50 to 57. NULL: no 29, none is
     * needed. */
    enum uds_code (*certificate)(void *ctx, const uint8_t *certificate, size_t n);
    /* Is PROOF a signature over MESSAGE by the key of the last certificate? */
    bool (*proves)(void *ctx, const uint8_t *message, size_t n, const uint8_t *proof, size_t proof_n);
    /* 29 02: our certificate, and our proof over MESSAGE. 0: failed. NULL: unidirectional only. */
    size_t (*own_certificate)(void *ctx, uint8_t *out, size_t cap);
    size_t (*own_proof)(void *ctx, const uint8_t *message, size_t n, uint8_t *out, size_t cap);
};

/* What is signed: one byte, 'C' by the client or 'S' by the server, the other side's challenge, then the
 * signer's own. Returns the bytes written. */
#define UDS_PROOF_MESSAGE_MAX (1 + UDS_CHALLENGE_BYTES + UDS_CHALLENGE_MAX)
size_t uds_proof_message(uint8_t out[UDS_PROOF_MESSAGE_MAX], char signer, const uint8_t *theirs,
                         size_t theirs_n, const uint8_t *own, size_t own_n);

/* What the key to a seed is computed over by our own ports: the level, then the seed. */
#define UDS_SEED_MESSAGE (1 + UDS_SEED_BYTES)
void uds_seed_message(uint8_t out[UDS_SEED_MESSAGE], uint8_t level, const uint8_t seed[UDS_SEED_BYTES]);

struct uds_guard { /* private but for owner */
    struct uds_owner owner;
    const struct uds_owner *inner;
    void *inner_ctx;
    const struct uds_guard_port *port;
    uint64_t now_ms, delay_until_ms;
    uint8_t unlocked; /* level of 27; 0: none */
    uint8_t attempts, kept;
    uint8_t seed_level, seed[UDS_SEED_BYTES]; /* 0: no seed is out */
    enum { UDS_UNKNOWN, UDS_CERTIFIED, UDS_AUTHENTICATED } identity;
    uint8_t challenge[UDS_CHALLENGE_BYTES], client_challenge[UDS_CHALLENGE_MAX], client_challenge_bytes;
};

/* ATTEMPTS: as last kept; 0 for a new ECU. PORT and INNER stay in use. */
void uds_guard_init(struct uds_guard *g, const struct uds_guard_port *port, const struct uds_owner *inner,
                    void *inner_ctx, uint8_t attempts, uint64_t now_ms);
/* Time passes; call before requests are handed to the server. */
void uds_guard_tick(struct uds_guard *g, uint64_t now_ms);

#endif
