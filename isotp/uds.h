/* What ISO 14229-1 says, as names and small codecs; and how Uptane maps onto it (docs/pouf.md, section 5).
 * Primary and Secondary meet here and nowhere else. */
#ifndef ISOTP_UDS_H
#define ISOTP_UDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum uds_service {
    UDS_SESSION_CONTROL = 0x10,
    UDS_ECU_RESET = 0x11,
    UDS_READ_DATA = 0x22,
    UDS_SECURITY_ACCESS = 0x27,
    UDS_COMMUNICATION_CONTROL = 0x28,
    UDS_AUTHENTICATION = 0x29,
    UDS_WRITE_DATA = 0x2E,
    UDS_ROUTINE_CONTROL = 0x31,
    UDS_REQUEST_DOWNLOAD = 0x34,
    UDS_TRANSFER_DATA = 0x36,
    UDS_TRANSFER_EXIT = 0x37,
    UDS_REQUEST_FILE_TRANSFER = 0x38,
    UDS_TESTER_PRESENT = 0x3E,
    UDS_CONTROL_DTC_SETTING = 0x85,
    UDS_NEGATIVE = 0x7F,
    UDS_ANSWER = 0x40 /* added to the service in its positive answer */
};

/* Negative response codes (ISO 14229-1:2020, annex A.1). UDS_OK and UDS_PENDING are for owner callbacks. */
#define UDS_CODES(X)                                                                                         \
    X(0x10, GENERAL_REJECT, "generalReject")                                                                 \
    X(0x11, SERVICE_NOT_SUPPORTED, "serviceNotSupported")                                                    \
    X(0x12, SUBFUNCTION_NOT_SUPPORTED, "subFunctionNotSupported")                                            \
    X(0x13, INCORRECT_LENGTH, "incorrectMessageLengthOrInvalidFormat")                                       \
    X(0x14, RESPONSE_TOO_LONG, "responseTooLong")                                                            \
    X(0x21, BUSY_REPEAT, "busyRepeatRequest")                                                                \
    X(0x22, CONDITIONS_NOT_CORRECT, "conditionsNotCorrect")                                                  \
    X(0x24, SEQUENCE_ERROR, "requestSequenceError")                                                          \
    X(0x31, OUT_OF_RANGE, "requestOutOfRange")                                                               \
    X(0x33, SECURITY_DENIED, "securityAccessDenied")                                                         \
    X(0x34, AUTHENTICATION_REQUIRED, "authenticationRequired")                                               \
    X(0x35, INVALID_KEY, "invalidKey")                                                                       \
    X(0x36, TOO_MANY_ATTEMPTS, "exceededNumberOfAttempts")                                                   \
    X(0x37, DELAY_NOT_EXPIRED, "requiredTimeDelayNotExpired")                                                \
    X(0x50, CERTIFICATE_PERIOD, "certificateVerificationFailedInvalidTimePeriod")                            \
    X(0x51, CERTIFICATE_SIGNATURE, "certificateVerificationFailedInvalidSignature")                          \
    X(0x52, CERTIFICATE_CHAIN, "certificateVerificationFailedInvalidChainOfTrust")                           \
    X(0x53, CERTIFICATE_TYPE, "certificateVerificationFailedInvalidType")                                    \
    X(0x54, CERTIFICATE_FORMAT, "certificateVerificationFailedInvalidFormat")                                \
    X(0x55, CERTIFICATE_CONTENT, "certificateVerificationFailedInvalidContent")                              \
    X(0x56, CERTIFICATE_SCOPE, "certificateVerificationFailedInvalidScope")                                  \
    X(0x57, CERTIFICATE_REVOKED, "certificateVerificationFailedInvalidCertificate")                          \
    X(0x58, OWNERSHIP_FAILED, "ownershipVerificationFailed")                                                 \
    X(0x59, CHALLENGE_FAILED, "challengeCalculationFailed")                                                  \
    X(0x5A, ACCESS_RIGHTS_FAILED, "settingAccessRightsFailed")                                               \
    X(0x5B, SESSION_KEY_FAILED, "sessionKeyCreationDerivationFailed")                                        \
    X(0x5C, CONFIGURATION_FAILED, "configurationDataUsageFailed")                                            \
    X(0x5D, DEAUTHENTICATION_FAILED, "deAuthenticationFailed")                                               \
    X(0x70, DOWNLOAD_NOT_ACCEPTED, "uploadDownloadNotAccepted")                                              \
    X(0x71, TRANSFER_SUSPENDED, "transferDataSuspended")                                                     \
    X(0x72, PROGRAMMING_FAILURE, "generalProgrammingFailure")                                                \
    X(0x73, WRONG_BLOCK_COUNTER, "wrongBlockSequenceCounter")                                                \
    X(0x78, RESPONSE_PENDING, "requestCorrectlyReceived-ResponsePending")                                    \
    X(0x7E, SUBFUNCTION_NOT_IN_SESSION, "subFunctionNotSupportedInActiveSession")                            \
    X(0x7F, SERVICE_NOT_IN_SESSION, "serviceNotSupportedInActiveSession")                                    \
    X(0x92, VOLTAGE_TOO_HIGH, "voltageTooHigh")                                                              \
    X(0x93, VOLTAGE_TOO_LOW, "voltageTooLow")
enum uds_code {
    UDS_OK = 0,
    UDS_PENDING = 0x100, /* not finished: call again from poll() */
#define X(value, id, text) UDS_##id = value,
    UDS_CODES(X)
#undef X
};
const char *uds_code_text(unsigned code);   /* "requestOutOfRange"; "unknown" */
const char *uds_service_text(unsigned sid); /* "RequestDownload"; "unknown" */

/* The shape that requests and answers of a service share. */
#define UDS_SUPPRESS 0x80 /* in a sub-function: no positive answer wanted */
#define UDS_ECHO_MAX 3
bool uds_has_subfunction(unsigned sid);
unsigned
uds_echo_bytes(unsigned sid); /* bytes after the service that a positive answer repeats; 22: one DID */

enum uds_session { UDS_DEFAULT = 1, UDS_PROGRAMMING = 2, UDS_EXTENDED = 3 };
enum uds_reset { UDS_HARD_RESET = 1 };
enum uds_authentication {
    UDS_DEAUTHENTICATE = 0,
    UDS_VERIFY_UNIDIRECTIONAL = 1,
    UDS_VERIFY_BIDIRECTIONAL = 2,
    UDS_PROOF_OF_OWNERSHIP = 3,
    UDS_AUTHENTICATION_CONFIGURATION = 8
};
enum uds_routine_control { UDS_START = 1, UDS_STOP = 2, UDS_RESULTS = 3 };

/* Data identifiers (docs/pouf.md, section 5). */
enum uds_did {
    UDS_DID_SESSION = 0xF186,
    UDS_DID_INSTALLED_IMAGE = 0xF189, /* text: NAME;RELEASECOUNTER */
    UDS_DID_ECU_SERIAL = 0xF18C,
    UDS_DID_VEHICLE_ID = 0xF190,
    UDS_DID_HARDWARE_ID = 0xF191,
    UDS_DID_VERSION_REPORT = 0xFD10, /* JSON, signed */
    UDS_DID_TIME_NONCE = 0xFD11,     /* 16 bytes */
    UDS_DID_STORED_VERSIONS = 0xFD12,
    UDS_DID_SLOTS = 0xFD13,
    UDS_DID_CAPABILITIES = 0xFD14,
    UDS_DID_SECURITY_EVENTS = 0xFD15,
    UDS_DID_ANSWER_CHECK = 0xFD16 /* uds_check() of all that stands before it in the same answer */
};
enum uds_routine {
    UDS_ROUTINE_VERIFY_METADATA = 0x0310,
    UDS_ROUTINE_ACTIVATE = 0x0312,
    UDS_ROUTINE_CONFIRM = 0x0313,
    UDS_ROUTINE_REVERT = 0x0314,
    UDS_ROUTINE_VERIFY_IMAGE = 0xFF01
};
#define UDS_STORED_VERSIONS_BYTES 44
#define UDS_SLOTS_BYTES           44
#define UDS_CAPABILITIES_BYTES    14
#define UDS_ORDER_BYTES           32 /* SHA-256 of the Director Targets file as served */
#define UDS_NONCE_BYTES           16
#define UDS_FILE_REPLACE          3 /* RequestFileTransfer, modeOfOperation ReplaceFile */
#define UDS_PATH_MAX              220

/* A check of every block (docs/pouf.md, section 5.5). ISO 14229-1 leaves the encryptingMethod, the lower half
 * of the dataFormatIdentifier in 34 and 38, and what stands in 36 beside the data, to the manufacturer. With
 * this bit a block is 36, counter, check, data. */
#define UDS_FORMAT_CHECKED 0x08
#define UDS_CHECK_BYTES    4
/* How the server says in 74 and 78 that it will check: its maxNumberOfBlockLength is so wide. */
#define UDS_CHECKED_FIGURE_BYTES 4
/* CRC-32 as in Ethernet (ISO/IEC/IEEE 8802-3), going on from BEFORE; 0 to begin. */
uint32_t uds_check(uint32_t before, const uint8_t *p, size_t n);
/* The check of a block. BEFORE: that of the block before, of the first one that of the whole 34 or 38. So two
 * ends agree about a block only when they agree about all that came before it. */
uint32_t uds_check_block(uint32_t before, uint8_t counter, const uint8_t *data, size_t n);

#define UDS_NEVER UINT32_MAX /* of the due() functions, as ISOTP_NEVER */

/* FD12: what the ECU trusts now. Big endian on the wire, in this order. */
struct uds_stored_versions {
    uint32_t director_root, director_timestamp, director_snapshot, director_targets;
    uint32_t image_root, image_timestamp, image_snapshot, image_targets;
    uint32_t release_counter; /* floor: no lower image installs */
    int64_t time_floor_s;     /* not negative */
};
/* FD13: what is in the slots and how far a transfer got. */
enum uds_slot_state {
    UDS_SLOT_EMPTY,
    UDS_SLOT_RECEIVING,
    UDS_SLOT_VERIFIED,
    UDS_SLOT_TRIAL,
    UDS_SLOT_CONFIRMED,
    UDS_SLOT_BAD,
    UDS_SLOT_AWAY /* one slot: nothing runs until a new image has come, or this one has come back */
};
struct uds_slots {
    uint8_t running, other;      /* enum uds_slot_state of the slot that runs, and of the other one */
    uint8_t running_slot;        /* 0 or 1 */
    uint8_t armed;               /* 1: the other slot starts at the next reset */
    uint32_t transported, total; /* of the transfer into the other slot */
    /* of the transfer into the other slot, else of the image that runs, from trial on until the next transfer
     * begins; zeros: none */
    uint8_t order[UDS_ORDER_BYTES];
};
/* FD14: what the ECU can do. */
enum uds_layout { UDS_LAYOUT_AB, UDS_LAYOUT_AB_SWAP, UDS_LAYOUT_ONE_SLOT };
struct uds_capabilities {
    uint8_t profile;        /* 0 strict, 1 deployed */
    uint8_t full;           /* 1: full verification */
    uint8_t layout;         /* enum uds_layout */
    uint8_t filters;        /* bit n: dataFormatIdentifier compression n is known; bit 0 always (plain) */
    uint16_t max_message;   /* largest request, bytes */
    uint32_t staging_bytes; /* room for metadata */
    uint32_t slot_bytes;    /* largest image */
};

/* Codecs. encode: bytes written, 0 when CAP is too small. decode: false when the length or a value is wrong,
 * with *V as before. */
size_t uds_encode_stored_versions(const struct uds_stored_versions *v, uint8_t *out, size_t cap);
bool uds_decode_stored_versions(const uint8_t *in, size_t n, struct uds_stored_versions *v);
size_t uds_encode_slots(const struct uds_slots *v, uint8_t *out, size_t cap);
bool uds_decode_slots(const uint8_t *in, size_t n, struct uds_slots *v);
size_t uds_encode_capabilities(const struct uds_capabilities *v, uint8_t *out, size_t cap);
bool uds_decode_capabilities(const uint8_t *in, size_t n, struct uds_capabilities *v);

/* Big-endian helpers of both ends. */
void uds_put(uint8_t *out, uint64_t value, unsigned bytes);
uint64_t uds_get(const uint8_t *in, unsigned bytes);

#endif
