/* Every bound, once, with its reason (docs/pouf.md, section 8): a column per kind of ECU. */
#ifndef METADATA_LIMITS_H
#define METADATA_LIMITS_H

#include <stdint.h>

/* A small ECU that never verifies in full defines 0, and leaves out what only that needs. */
#ifndef UP_FULL
#define UP_FULL 1
#endif

/* A small ECU whose backends speak `strict`, and sign files that are sorted as they stand, defines 1: it
 * knows no other profile, and sorts nothing. */
#ifndef UP_STRICT
#define UP_STRICT 0
#endif

#define UP_VERSION_MAX  0x7FFFFFFF /* 2^31-1: fits every integer type that meets it */
#define UP_DEPTH_MAX    16         /* JSON nesting: ours is 7 deep */
#define UP_UNSORTED_MAX 64         /* members of an unsorted object that nothing sorts */
/* Bytes that may be looked at again because names do not ascend, in a text of N: what an attacker can make of
 * nested unsorted objects stays linear. Twice what one object of UP_UNSORTED_MAX members can take. */
#define UP_UNSORTED_EFFORT(n) ((uint64_t)(n)*128 + 1048576)
#define UP_ID_MAX             64  /* ECU and vehicle ids, bundles */
#define UP_HARDWARE_MAX       200 /* hardware ids: as long as deployed backends let them be */
#define UP_NAME_MAX           200 /* role and image names */
#ifndef UP_KEYS_MAX
#define UP_KEYS_MAX 32 /* keys of one role, any kind of ECU */
#endif
#define UP_NONCE_BYTES 16
/* RSA-4096: signature, SubjectPublicKeyInfo, the same as PEM. A microcontroller without RSA defines smaller
 * ones (72, 65, 200), longer keys and signatures then never count. */
#ifndef UP_KEY_BYTES
#define UP_SIGNATURE_BYTES 512
#define UP_KEY_BYTES       550
#define UP_PEM_BYTES       832
#endif
#define UP_SEARCH_DEPTH                                                                                      \
    (UP_FULL ? 32 : 1)         /* delegations below each other: the deepest column of the table below */
#define UP_ECUS_MAX        256 /* ECUs named in one Director Targets file: the duplicate check is quadratic */
#define UP_DELEGATIONS_MAX 256 /* in one Targets file: the comparison of their names is quadratic */
#define UP_AGREEMENT_MAX   16  /* roles that must agree about an image, over all nested delegations */
#define UP_COUNTER_MAX     0x7FFFFFFF
#define UP_COUNTER_STEP_MAX                                                                                  \
    1000000                /* one release never jumps further: a floor driven to the ceiling has no cure */
#define UP_ATTACKS_MAX 160 /* characters in a report's attacks_detected */

struct up_limits {
    uint32_t root_bytes, timestamp_bytes, snapshot_bytes;
    uint32_t director_targets_bytes, image_targets_bytes;
    uint8_t keys_per_role, signatures;
    uint8_t delegation_depth;
    uint16_t roles_visited;
    uint16_t roots_per_cycle;
};

extern const struct up_limits up_limits_mcu, up_limits_posix, up_limits_primary, up_limits_tuf;

#endif
