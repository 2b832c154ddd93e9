/* One signed file: a body goes in, the file comes out. The only place in our tools that signs metadata, and
 * therefore the one place where a tester bends it. Files are written sorted and compact (docs/pouf.md,
 * section 2). */
#ifndef SIM_AUTHOR_H
#define SIM_AUTHOR_H

#include "metadata/profile.h"
#include "sim/json_tree.h"
#include "sim/keys.h"

/* One deviation from what an honest author would write. Names and values:
 *
 *   version  NUMBER         another version
 *   expires  TEXT           another expiry
 *   set      POINTER=JSON   another value at a JSON pointer (RFC 6901) into the signed body; "/-" appends
 *   drop     POINTER        no value there
 *   pad      NUMBER         a member "padding" of that many characters
 *   nest     NUMBER         a member "nested" of that many arrays in each other
 *   text     OLD=>NEW       another spelling of the signed body; what has no canonical form is signed as it
 * is signers  FILE...        signed by these keys, relative to the folder of keys; empty: by nobody repeat
 * NUMBER         the first signature so many times more flood    NUMBER         so many signatures of keys
 * that nobody knows malleable               the first signature in an encoding that its scheme does not allow
 *   misspelt                the first signature in digits that its dialect does not use
 *   after-set, after-drop   as set and drop, but after signing and with pointers into the whole file
 *   replace  OLD=>NEW       other text in the finished file
 *   cut      NUMBER         so many bytes less at the end
 *   prepend, append TEXT    in front of the file, and behind its end */
struct sim_twist {
    const char *file; /* "director/timestamp", "image/targets", "image/supplier", "director/time" */
    const char *what, *value;
};

struct sim_author {
    const struct up_profile *profile;
    const char *keys; /* folder, for `signers` */
    const struct sim_twist *twists;
    size_t twist_count;
};

/* Signs BODY with all of KEYS. FILE says which twists apply; they change BODY itself, so that what is written
 * next (the parent, which names version and digest) fits. False: WHY; OUT is as it was. */
bool sim_author_sign(const struct sim_author *a, const char *file, cJSON *body, const struct sim_keys *keys,
                     struct sim_bytes *out, char why[SIM_WHY_MAX]);

#endif
