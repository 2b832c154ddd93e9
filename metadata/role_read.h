/* What the readers of the four role bodies share. Private to metadata/. */
#ifndef METADATA_ROLE_READ_H
#define METADATA_ROLE_READ_H

#include "metadata/role.h"

/* The members that every role has, while a body is read:
 *
 *     struct up_head_reader h = {.role = UP_ROOT, .profile = p};
 *     up_json_open(&j, body);
 *     for (up_json_object(&j); up_json_member(&j, &key);) {
 *         if (up_head_member(&h, &j, key)) continue;
 *         ...
 *     }
 *     up_head_end(&h, &j);
 *     if (j.err != UP_OK) return j.err;
 */
struct up_head_reader {
    enum up_role role;
    const struct up_profile *profile;
    struct up_head head;
    struct up_span correlation_id;
    unsigned seen;
};
bool up_head_member(struct up_head_reader *h, struct up_json *j, struct up_span key); /* true: KEY is read */
void up_head_end(struct up_head_reader *h, struct up_json *j); /* nothing missing, nothing behind it */

/* An object {function: digest}; perhaps of no function that we know. */
void up_hashes_read(struct up_json *j, bool any_case, struct up_hashes *out);
/* {"keyids":[...],"threshold":n}, one member at a time; a threshold out of range becomes 0, which no ring may
 * have. True: KEY is read. */
bool up_ring_member(struct up_json *j, struct up_span key, struct up_keyring *ring);
/* Of the alphabet for role and image names; in dialect DEPLOYED printable ASCII; under opaque-names any text
 * that fits. */
bool up_is_role_name(const struct up_profile *p, struct up_span name);
struct up_span up_id_read(struct up_json *j);
struct up_span up_hardware_id_read(struct up_json *j);
/* An array of at least one hardware id; its text. */
struct up_span up_hardware_ids_read(struct up_json *j);
/* Does the array of strings ITEMS, which has been checked, hold TEXT? */
bool up_items_hold(struct up_span items, struct up_span text);
/* A repository of plain TUF: Uptane's own fields do not exist in it. */
static inline bool up_is_plain_tuf(const struct up_profile *p)
{
    return up_relaxes(p, UP_RELAX_OPAQUE_NAMES);
}

#endif
