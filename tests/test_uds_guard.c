/* isotp/uds_guard.c: 27 and 29 in front of a real Secondary. The port here takes the seed, each byte plus
 * one, as key, and the signed message itself as proof. */
#include "isotp/uds_guard.h"
#include "tests/lib_bytes.h"
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>

static struct ecu e;
static struct uds_guard guard;
static struct uds_guard_port port;
static uint8_t kept;
static unsigned keepings;
static uint8_t saved[64];

static bool some_random(void *ctx, uint8_t *out, size_t n)
{
    static uint8_t next = 1;
    (void)ctx;
    for (size_t i = 0; i < n; i++) out[i] = next++;
    return true;
}

static bool zero_random(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    memset(out, 0, n);
    return true;
}

static bool key_fits(void *ctx, uint8_t level, const uint8_t seed[UDS_SEED_BYTES], const uint8_t *key,
                     size_t n)
{
    (void)ctx;
    ck_assert_uint_gt(keepings, 0); /* the attempt was counted before */
    for (size_t i = 0; i < UDS_SEED_BYTES; i++)
        if (n != UDS_SEED_BYTES || key[i] != (uint8_t)(seed[i] + level)) return false;
    return true;
}

static bool keep_attempts(void *ctx, uint8_t attempts)
{
    (void)ctx;
    kept = attempts;
    keepings++;
    return true;
}

static bool keep_nothing(void *ctx, uint8_t attempts)
{
    (void)ctx, (void)attempts;
    return false;
}

static enum uds_code judge_certificate(void *ctx, const uint8_t *certificate, size_t n)
{
    (void)ctx;
    if (n == 0) return UDS_CERTIFICATE_FORMAT;
    return certificate[0] == 'G' ? UDS_OK : (enum uds_code)certificate[0];
}

static bool proves(void *ctx, const uint8_t *message, size_t n, const uint8_t *proof, size_t proof_n)
{
    (void)ctx;
    return n == proof_n && memcmp(message, proof, n) == 0;
}

static size_t own_certificate(void *ctx, uint8_t *out, size_t cap)
{
    (void)ctx;
    ck_assert_uint_ge(cap, 3);
    memcpy(out, "ECU", 3);
    return 3;
}

static size_t own_proof(void *ctx, const uint8_t *message, size_t n, uint8_t *out, size_t cap)
{
    (void)ctx;
    ck_assert_uint_ge(cap, n);
    memcpy(out, message, n);
    return n;
}

static void power_on(void)
{
    const struct uds_server_config config = {.max_message = ECU_MESSAGE,
                                             .download_sessions = 1u << UDS_EXTENDED};
    uds_guard_init(&guard, &port, sec_agent_owner(), &e.agent, kept, e.now_ms);
    uds_server_init(&e.server, &config, &guard.owner, &guard, e.reply);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
}

static void begin(bool with_27, bool with_29)
{
    ecu_new(&e, true, 4096, 8);
    kept = 0;
    keepings = 0;
    port = (struct uds_guard_port){.random = some_random, .levels = 2, .keep_attempts = keep_attempts};
    if (with_27) port.key_fits = key_fits;
    if (with_29) {
        port.certificate = judge_certificate;
        port.proves = proves;
        port.own_certificate = own_certificate;
        port.own_proof = own_proof;
    }
    power_on();
}

static void pass(uint64_t ms)
{
    ecu_pass(&e, ms);
    uds_guard_tick(&guard, e.now_ms);
}

static unsigned ask(const char *hex)
{
    uint8_t q[512];
    return ecu_ask(&e, q, bytes_of(hex, q, sizeof q));
}

/* ---- 27 ---- */

static unsigned send_key(uint8_t level, int wrong)
{
    uint8_t q[2 + UDS_SEED_BYTES] = {UDS_SECURITY_ACCESS, (uint8_t)(2 * level)};
    for (size_t i = 0; i < UDS_SEED_BYTES; i++) q[2 + i] = (uint8_t)(e.answer.p[i] + level + wrong);
    return ecu_ask(&e, q, sizeof q);
}

#define LOCKED_27 (ask("31 01 03 10") == UDS_SECURITY_DENIED)

START_TEST(key_to_the_seed_unlocks_and_the_seed_is_zero_then_and_only_then)
{
    static const uint8_t zeros[UDS_SEED_BYTES];
    begin(true, false);
    ck_assert(LOCKED_27);
    ck_assert_uint_eq(ask("22 F1 8C"), 0); /* who it is may be asked by anybody */
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(e.answer.n, UDS_SEED_BYTES);
    ck_assert(memcmp(e.answer.p, zeros, sizeof zeros) != 0);
    ck_assert_uint_eq(send_key(1, 0), 0);
    ck_assert(!LOCKED_27);
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_mem_eq(e.answer.p, zeros, sizeof zeros);
    ck_assert_uint_eq(ask("27 03"), 0); /* another level is still locked */
    ck_assert(memcmp(e.answer.p, zeros, sizeof zeros) != 0);
    ck_assert_uint_eq(send_key(2, 0), 0);
    ecu_free(&e);
}
END_TEST

START_TEST(random_that_gives_zero_gives_no_seed)
{
    begin(true, false);
    port.random = zero_random;
    ck_assert_uint_eq(ask("27 01"), UDS_CONDITIONS_NOT_CORRECT);
    ck_assert_uint_eq(ask("27 02 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01"), UDS_SEQUENCE_ERROR);
    ck_assert(LOCKED_27);
    ecu_free(&e);
}
END_TEST

START_TEST(key_without_its_seed_is_24_and_a_seed_is_good_once)
{
    begin(true, false);
    ck_assert_uint_eq(ask("27 02 00"), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(2, 0), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(1, 1), UDS_INVALID_KEY);
    ck_assert_uint_eq(ask("27 02 00"), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ask("27 07"), UDS_SUBFUNCTION_NOT_SUPPORTED);
    ck_assert_uint_eq(ask("27 00"), UDS_SUBFUNCTION_NOT_SUPPORTED);
    ck_assert_uint_eq(ask("27 01 00"), UDS_INCORRECT_LENGTH);
    ck_assert_uint_eq(ask("27 02"), UDS_INCORRECT_LENGTH);
    ck_assert(LOCKED_27);
    ecu_free(&e);
}
END_TEST

START_TEST(third_wrong_key_is_36_then_37_until_the_delay_is_over)
{
    begin(true, false);
    for (int i = 1; i < UDS_ATTEMPTS; i++) {
        ck_assert_uint_eq(ask("27 01"), 0);
        ck_assert_uint_eq(send_key(1, 1), UDS_INVALID_KEY);
    }
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(1, 1), UDS_TOO_MANY_ATTEMPTS);
    ck_assert_uint_eq(ask("27 01"), UDS_DELAY_NOT_EXPIRED);
    for (int i = 0; i < 9; i++) {
        pass(1000);
        ck_assert_uint_eq(ask("27 01"), UDS_DELAY_NOT_EXPIRED);
    }
    pass(1001);
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(1, 1), UDS_TOO_MANY_ATTEMPTS); /* the next one at once */
    pass(4000);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0); /* no way around it */
    ck_assert_uint_eq(ask("27 01"), UDS_DELAY_NOT_EXPIRED);
    ck_assert_uint_eq(keepings, UDS_ATTEMPTS); /* whoever goes on wears out no flash */
    ecu_free(&e);
}
END_TEST

START_TEST(a_key_whose_attempt_cannot_be_kept_is_not_judged)
{
    begin(true, false);
    port.keep_attempts = keep_nothing;
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(1, 0), UDS_CONDITIONS_NOT_CORRECT);
    ck_assert(LOCKED_27);
    port.keep_attempts = keep_attempts;
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(1, 0), 0);
    ck_assert(!LOCKED_27);
    ecu_free(&e);
}
END_TEST

START_TEST(a_reset_after_the_delay_brings_the_delay_back)
{
    begin(true, false);
    for (int i = 0; i < UDS_ATTEMPTS; i++) {
        ck_assert_uint_eq(ask("27 01"), 0);
        ck_assert_uint_ne(send_key(1, 1), 0);
    }
    pass(UDS_ATTEMPT_DELAY_MS / 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
        pass(UDS_ATTEMPT_DELAY_MS / 3);
    }
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ask("27 01"), 0);
    power_on();
    ck_assert_uint_eq(ask("27 01"), UDS_DELAY_NOT_EXPIRED);
    ecu_free(&e);
}
END_TEST

START_TEST(wrong_keys_are_remembered_over_a_reset)
{
    begin(true, false);
    for (int i = 0; i < UDS_ATTEMPTS; i++) {
        ck_assert_uint_eq(ask("27 01"), 0);
        ck_assert_uint_ne(send_key(1, 1), 0);
        power_on();
    }
    ck_assert_uint_eq(kept, UDS_ATTEMPTS);
    ck_assert_uint_eq(ask("27 01"), UDS_DELAY_NOT_EXPIRED);
    for (int i = 0; i < 11; i++) {
        pass(1000);
        ck_assert_uint_eq(ask("3E 00"), 0);
    }
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(1, 0), 0);
    ck_assert_uint_eq(kept, 0);
    ecu_free(&e);
}
END_TEST

START_TEST(session_change_and_s3_lock_again_and_a_new_seed_is_another)
{
    uint8_t seed[UDS_SEED_BYTES];
    begin(true, false);
    ck_assert_uint_eq(ask("27 01"), 0);
    memcpy(seed, e.answer.p, sizeof seed);
    ck_assert_uint_eq(send_key(1, 0), 0);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert(LOCKED_27);
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert(memcmp(seed, e.answer.p, sizeof seed) != 0);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0); /* it forgets the seed, too */
    ck_assert_uint_eq(ask("27 02 00"), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(1, 0), 0);
    pass(5001);
    ck_assert(LOCKED_27);
    ecu_free(&e);
}
END_TEST

/* ---- 29 ---- */

#define LOCKED_29 (ask("31 01 03 10") == UDS_AUTHENTICATION_REQUIRED)
#define CERTIFY   "29 01 00 00 02 47 01 00 00"

/* The proof over the challenge in the last answer, by a client that has sent OWN. */
static unsigned send_proof(const uint8_t *own, size_t own_n, int wrong)
{
    uint8_t q[4 + UDS_PROOF_MESSAGE_MAX + 2] = {UDS_AUTHENTICATION, UDS_PROOF_OF_OWNERSHIP};
    uint8_t challenge[UDS_CHALLENGE_BYTES];
    memcpy(challenge, e.answer.p + 3, sizeof challenge);
    size_t n = uds_proof_message(q + 4, 'C', challenge, sizeof challenge, own, own_n);
    uds_put(q + 2, n, 2);
    q[4 + n / 2] = (uint8_t)(q[4 + n / 2] + wrong);
    return ecu_ask(&e, q, 4 + n + 2);
}

START_TEST(certificate_and_proof_of_its_key_unlock)
{
    begin(false, true);
    ck_assert(LOCKED_29);
    ck_assert_uint_eq(ask(CERTIFY), 0);
    ck_assert_uint_eq(e.answer.n, 1 + 2 + UDS_CHALLENGE_BYTES + 2);
    ck_assert_uint_eq(e.answer.p[0], 0x11);
    struct up_span first = {memcpy(saved, e.answer.p, e.answer.n), e.answer.n};
    ck_assert(LOCKED_29); /* a certificate is public: it proves nothing */
    e.answer = first;
    ck_assert_uint_eq(send_proof(NULL, 0, 0), 0);
    ck_assert_str_eq(bytes_text(e.answer.p, e.answer.n), "12 00 00");
    ck_assert(!LOCKED_29);
    ck_assert_uint_eq(ask("29 00"), 0);
    ck_assert_str_eq(bytes_text(e.answer.p, e.answer.n), "10");
    ck_assert(LOCKED_29);
    ck_assert_uint_eq(ask("29 08"), 0);
    ck_assert_str_eq(bytes_text(e.answer.p, e.answer.n), "02");
    ecu_free(&e);
}
END_TEST

START_TEST(both_sides_prove_themselves_over_both_challenges)
{
    static const uint8_t own[16] = {1, 2, 3};
    begin(false, true);
    ck_assert_uint_eq(ask("29 02 00 00 01 47 00 10 01 02 03 00 00 00 00 00 00 00 00 00 00 00 00 00"), 0);
    const uint8_t *p = e.answer.p + 1 + 2 + UDS_CHALLENGE_BYTES;
    ck_assert_mem_eq(p, "\0\003ECU", 5);
    ck_assert_uint_eq(uds_get(p + 5, 2), 1 + 16 + UDS_CHALLENGE_BYTES);
    ck_assert_uint_eq(p[7], 'S');
    ck_assert_mem_eq(p + 8, own, 16);
    ck_assert_mem_eq(p + 24, e.answer.p + 3, UDS_CHALLENGE_BYTES);
    ck_assert_uint_eq(send_proof(own, sizeof own, 0), 0);
    ck_assert(!LOCKED_29);

    ck_assert_uint_eq(ask("29 02 00 00 01 47 00 00"), UDS_OUT_OF_RANGE); /* no challenge to answer */
    ck_assert(LOCKED_29);
    port.own_proof = NULL;
    ck_assert_uint_eq(ask("29 02 00 00 01 47 00 00"), UDS_SUBFUNCTION_NOT_SUPPORTED);
    ecu_free(&e);
}
END_TEST

START_TEST(a_challenge_is_good_for_one_proof_and_a_session)
{
    begin(false, true);
    ck_assert_uint_eq(ask("29 03 00 01 00 00 00"), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ask(CERTIFY), 0);
    struct up_span first = {(const uint8_t *)memcpy(saved, e.answer.p, e.answer.n), e.answer.n};
    ck_assert_uint_eq(send_proof(NULL, 0, 1), UDS_OWNERSHIP_FAILED);
    e.answer = first;
    ck_assert_uint_eq(send_proof(NULL, 0, 0), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ask(CERTIFY), 0);
    ck_assert(memcmp(first.p, e.answer.p, first.n) != 0);
    e.answer = first; /* an old proof */
    ck_assert_uint_eq(send_proof(NULL, 0, 0), UDS_OWNERSHIP_FAILED);
    ck_assert_uint_eq(ask(CERTIFY), 0);
    first = (struct up_span){(const uint8_t *)memcpy(saved, e.answer.p, e.answer.n), e.answer.n};
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    e.answer = first;
    ck_assert_uint_eq(send_proof(NULL, 0, 0), UDS_SEQUENCE_ERROR);
    ck_assert(LOCKED_29);
    ecu_free(&e);
}
END_TEST

START_TEST(bad_certificates_and_lengths_have_their_codes)
{
    static const struct {
        const char *request;
        unsigned code;
    } bad[] = {
        {"29 01 00 00 01 50 00 00", 0x50},
        {"29 01 00 00 01 51 00 00", 0x51},
        {"29 01 00 00 01 52 00 00", 0x52},
        {"29 01 00 00 01 57 00 00", 0x57},
        {"29 01 00 00 00 00 00", UDS_CERTIFICATE_FORMAT},
        {"29 01", UDS_INCORRECT_LENGTH},
        {"29 01 00 00", UDS_INCORRECT_LENGTH},
        {"29 01 00 00 02 47 00 00", UDS_INCORRECT_LENGTH},
        {"29 01 00 FF FF 47 00 00", UDS_INCORRECT_LENGTH},
        {"29 01 00 00 01 47 00", UDS_INCORRECT_LENGTH},
        {"29 01 00 00 01 47 00 01", UDS_INCORRECT_LENGTH},
        {"29 01 00 00 01 47 00 00 00", UDS_INCORRECT_LENGTH},
        {"29 01 01 00 01 47 00 00", UDS_OUT_OF_RANGE},
        {"29 03", UDS_INCORRECT_LENGTH},
        {"29 03 00 00", UDS_INCORRECT_LENGTH},
        {"29 03 00 05 00 00 00", UDS_SEQUENCE_ERROR}, /* before lengths in detail */
        {"29 00 00", UDS_INCORRECT_LENGTH},
        {"29 08 00", UDS_INCORRECT_LENGTH},
        {"29 04", UDS_SUBFUNCTION_NOT_SUPPORTED},
        {"29 05 00", UDS_SUBFUNCTION_NOT_SUPPORTED},
        {"27 01", UDS_SERVICE_NOT_SUPPORTED},
    };
    begin(false, true);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned code = ask(bad[i].request);
        ck_assert_msg(code == bad[i].code, "%s: %02X", bad[i].request, code);
        ck_assert(LOCKED_29);
    }
    ck_assert_uint_eq(ask(CERTIFY), 0);
    ck_assert_uint_eq(ask("29 03 00 05 00 00 00"), UDS_INCORRECT_LENGTH);
    ck_assert_uint_eq(ask("29 03 FF FF 00 00"), UDS_INCORRECT_LENGTH);
    ck_assert(LOCKED_29);
    ecu_free(&e);
}
END_TEST

START_TEST(with_both_services_both_are_wanted)
{
    begin(true, true);
    ck_assert(LOCKED_29);
    ck_assert_uint_eq(ask(CERTIFY), 0);
    ck_assert_uint_eq(send_proof(NULL, 0, 0), 0);
    ck_assert(LOCKED_27);
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(1, 0), 0);
    ck_assert(!LOCKED_27);
    ecu_free(&e);
}
END_TEST

static enum uds_code keep_shut(void *ctx, uint8_t service)
{
    (void)ctx;
    return service == UDS_READ_DATA || service == UDS_ROUTINE_CONTROL ? UDS_CONDITIONS_NOT_CORRECT : UDS_OK;
}

START_TEST(what_the_owner_behind_keeps_shut_stays_shut)
{
    begin(true, false);
    struct uds_owner strict = *sec_agent_owner();
    strict.allow = keep_shut;
    guard.inner = &strict;
    ck_assert_uint_eq(ask("22 F1 8C"), UDS_CONDITIONS_NOT_CORRECT);
    ck_assert(LOCKED_27);
    ck_assert_uint_eq(ask("27 01"), 0);
    ck_assert_uint_eq(send_key(1, 0), 0);
    ck_assert_uint_eq(ask("31 01 03 10"), UDS_CONDITIONS_NOT_CORRECT);
    ecu_free(&e);
}
END_TEST

static void identify(bool with_27, bool with_29)
{
    if (with_29) ck_assert_uint_eq(ask(CERTIFY), 0);
    if (with_29) ck_assert_uint_eq(send_proof(NULL, 0, 0), 0);
    if (with_27) ck_assert_uint_eq(ask("27 01"), 0);
    if (with_27) ck_assert_uint_eq(send_key(1, 0), 0);
}

/* E-BUS-01, E-BUS-07: whoever the tester is, an image needs metadata that has verified. */
START_TEST(programming_stays_shut_until_metadata_has_verified_whatever_27_and_29_say)
{
    static const uint8_t download[] = {0x34, 0x00, 0x44, 0, 0, 0, 0, 0, 0, 0x0B, 0xB8},
                         other[] = {0x34, 0x00, 0x44, 0, 0, 0, 0, 0, 0, 0x0B, 0xB9};
    for (int with = 1; with < 4; with++) {
        const bool with_27 = with & 1, with_29 = with & 2;
        begin(with_27, with_29);
        const unsigned shut = with_29 ? UDS_AUTHENTICATION_REQUIRED : UDS_SECURITY_DENIED;
        const struct up_span image = ecu_image(3000, 2);
        ecu_issue(&e, "fw/new", 2, image);
        ck_assert_uint_eq(ecu_ask(&e, download, sizeof download), shut);
        identify(with_27, with_29);
        ck_assert_uint_eq(ecu_ask(&e, download, sizeof download), UDS_DOWNLOAD_NOT_ACCEPTED);
        ck_assert_uint_eq(ask("36 01 00"), UDS_SEQUENCE_ERROR);
        ck_assert_uint_eq(ecu_put(&e, "time", ecu_attest(&e)), 0);
        for (unsigned i = 0; i < e.files; i++)
            ck_assert_uint_eq(ecu_put(&e, e.file[i].path, e.file[i].bytes), 0);
        ck_assert_uint_eq(ecu_ask(&e, download, sizeof download), UDS_DOWNLOAD_NOT_ACCEPTED);
        ck_assert_int_eq(ecu_verify(&e), UP_OK);
        ck_assert_uint_ne(ecu_ask(&e, other, sizeof other), 0); /* exactly that image */
        ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
        ck_assert_uint_eq(ecu_ask(&e, download, sizeof download),
                          shut); /* and the other lock is shut again */
        identify(with_27, with_29);
        ck_assert_uint_eq(ecu_ask(&e, download, sizeof download), 0);
        ecu_free(&e);
    }
}
END_TEST

SUITE("uds_guard", key_to_the_seed_unlocks_and_the_seed_is_zero_then_and_only_then,
      random_that_gives_zero_gives_no_seed, key_without_its_seed_is_24_and_a_seed_is_good_once,
      third_wrong_key_is_36_then_37_until_the_delay_is_over, wrong_keys_are_remembered_over_a_reset,
      a_key_whose_attempt_cannot_be_kept_is_not_judged, a_reset_after_the_delay_brings_the_delay_back,
      session_change_and_s3_lock_again_and_a_new_seed_is_another, certificate_and_proof_of_its_key_unlock,
      both_sides_prove_themselves_over_both_challenges, a_challenge_is_good_for_one_proof_and_a_session,
      bad_certificates_and_lengths_have_their_codes, with_both_services_both_are_wanted,
      what_the_owner_behind_keeps_shut_stays_shut,
      programming_stays_shut_until_metadata_has_verified_whatever_27_and_29_say)
