/* Every verdict, in one list: name, class, the attack it is reported as, text.
 *
 * The name reaches the log, the exit status, --json, the version report to the Director and the history. The
 * attack names are those of Uptane Standard 2.1, 4.3 and 5.4.4.2 (a failed check should say which attack it
 * looks like). */
#ifndef METADATA_ERR_H
#define METADATA_ERR_H

#if defined(__GNUC__)
#define UP_NODISCARD __attribute__((warn_unused_result))
#else
#define UP_NODISCARD
#endif

enum up_class { UP_CLASS_NONE, UP_CLASS_FAULT, UP_CLASS_ATTACK };

/* clang-format off */
#define UP_ERRORS(X) \
    X(OK,                    NONE,   "",                   "ok") \
    /* encoding */ \
    X(PARSE,                 ATTACK, "malformed",          "not the strict encoding that we accept") \
    X(SCHEMA,                ATTACK, "malformed",          "a field is missing, mistyped or out of its range") \
    X(STRING,                ATTACK, "malformed",          "a name with characters that are not allowed") \
    X(LIMIT,                 ATTACK, "endless-data",       "more than the fixed bound") \
    X(NOT_CANONICAL,         FAULT,  "",                   "not in canonical form, and no room to make it so") \
    X(UNSUPPORTED,           FAULT,  "",                   "valid, but a feature that this client does not have") \
    /* signatures */ \
    X(ROLE_TYPE,             ATTACK, "arbitrary-software", "another role than the one asked for") \
    X(KEYID,                 ATTACK, "arbitrary-software", "a key id that is not the digest of its key") \
    X(THRESHOLD_INVALID,     ATTACK, "arbitrary-software", "a threshold below 1 or above the number of keys") \
    X(SIG_DUPLICATE,         ATTACK, "arbitrary-software", "a key id twice in the signatures") \
    X(SIG_THRESHOLD,         ATTACK, "arbitrary-software", "too few valid signatures from distinct keys") \
    /* versions */ \
    X(ROOT_VERSION,          ATTACK, "rollback",           "not the Root that follows the trusted one") \
    X(ROLLBACK,              ATTACK, "rollback",           "older than the trusted version") \
    X(SAME_VERSION,          ATTACK, "rollback",           "the trusted version with other content") \
    X(EXPIRED,               ATTACK, "freeze",             "expired") \
    X(SNAPSHOT_MISMATCH,     ATTACK, "mix-and-match",      "not the file that its parent names") \
    X(VERSION_MISMATCH,      ATTACK, "mix-and-match",      "not the version that Snapshot names") \
    X(SNAPSHOT_ROLE_DROPPED, ATTACK, "rollback",           "a role vanished from Snapshot") \
    X(NOT_IN_SNAPSHOT,       ATTACK, "mix-and-match",      "a role that Snapshot does not list") \
    /* getting it */ \
    X(TOO_LARGE,             ATTACK, "endless-data",       "more bytes than allowed") \
    X(TOO_SLOW,              ATTACK, "slow-retrieval",     "too slow") \
    X(UNAVAILABLE,           ATTACK, "drop-request",       "not there") \
    X(TRANSPORT,             ATTACK, "drop-request",       "the connection failed") \
    X(REFUSED,               FAULT,  "",                   "the server refused the request") \
    X(URL,                   ATTACK, "malformed",          "a URL that is not allowed") \
    /* Director */ \
    X(DIR_DELEGATION,        ATTACK, "arbitrary-software", "the Director must not delegate") \
    X(DIR_DUP_ECU,           ATTACK, "mix-and-match",      "an ECU is named twice") \
    X(DIR_UNKNOWN_ECU,       ATTACK, "replay",             "an ECU that is not in this vehicle") \
    X(DIR_VEHICLE_ID,        ATTACK, "replay",             "meant for another vehicle") \
    /* matching */ \
    X(TARGET_NOT_FOUND,      ATTACK, "arbitrary-software", "no valid Image repository metadata for the image") \
    X(TARGET_MISMATCH,       ATTACK, "arbitrary-software", "Director and Image repository disagree about the image") \
    X(DELEGATION_INVALID,    ATTACK, "mix-and-match",      "a delegated role on the way is missing or invalid") \
    X(DELEGATION_LIMIT,      ATTACK, "endless-data",       "too many delegations on the way") \
    /* image */ \
    X(IMG_HASH,              ATTACK, "arbitrary-software", "the image has another digest") \
    X(IMG_LENGTH,            ATTACK, "arbitrary-software", "the image has another length") \
    X(IMG_HWID,              ATTACK, "arbitrary-software", "an image for other hardware") \
    X(IMG_FILENAME,          ATTACK, "arbitrary-software", "an image name that is not for this ECU") \
    X(IMG_RELEASE_COUNTER,   ATTACK, "rollback",           "a release counter that is missing, too low or implausible") \
    /* time */ \
    X(TIME_SIG,              ATTACK, "freeze",             "time that the time server did not sign") \
    X(TIME_NONCE,            ATTACK, "freeze",             "time that was not made for us now") \
    X(TIME_BACKWARD,         ATTACK, "freeze",             "time that goes back") \
    X(TIME_UNAVAILABLE,      ATTACK, "freeze",             "no fresh attested time") \
    /* this ECU */ \
    X(STORAGE_CORRUPT,       FAULT,  "",                   "stored state is damaged") \
    X(STORAGE_WRITE,         FAULT,  "",                   "storing failed") \
    X(STORAGE_FULL,          FAULT,  "",                   "no room") \
    X(PRECONDITION,          FAULT,  "",                   "not possible now") \
    X(INSTALL,               FAULT,  "",                   "the new image did not start or was not healthy") \
    X(CONFIG,                FAULT,  "",                   "provisioning or configuration is unusable") \
    X(CRYPTO_SELFTEST,       FAULT,  "",                   "cryptography does not work as it should") \
    /* the bus */ \
    X(BUS_UNAUTHORISED,      ATTACK, "arbitrary-software", "programming without verified metadata") \
    X(BUS_SEQUENCE,          ATTACK, "arbitrary-software", "protocol steps out of order") \
    X(BUS_REFUSED,           FAULT,  "",                   "the ECU refused a request") \
    X(PARTIAL_BUNDLE,        ATTACK, "partial-bundle",     "another member of the bundle failed") \
    /* the Director about us */ \
    X(MAN_SCHEMA,            FAULT,  "",                   "manifest or report malformed") \
    X(MAN_SIG,               ATTACK, "forged-report",      "manifest or report not signed by its ECU") \
    X(MAN_ECU_MISSING,       FAULT,  "",                   "an inventoried ECU is missing from the manifest") \
    X(MAN_UNKNOWN,           ATTACK, "forged-report",      "an ECU that the inventory does not have") \
    X(MAN_REPLAY,            ATTACK, "report-replay",      "a report counter that was used before") \
    X(MAN_TIME,              ATTACK, "freeze",             "implausible time in a report")
/* clang-format on */

enum up_err {
#define X(id, cls, attack, text) UP_##id,
    UP_ERRORS(X)
#undef X
        UP_ERR_COUNT
};

const char *up_err_name(enum up_err e); /* "SIG_THRESHOLD" */
const char *up_err_text(enum up_err e);
const char *up_err_attack(enum up_err e); /* "freeze"; "" when it is no attack */
enum up_class up_err_class(enum up_err e);

#define UP_TRY(expression)                                                                                   \
    do {                                                                                                     \
        enum up_err up_e_ = (expression);                                                                    \
        if (up_e_ != UP_OK) return up_e_;                                                                    \
    } while (0)

#endif
