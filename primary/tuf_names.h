/* How names of roles and targets become parts of URLs and file names. Names are any UTF-8; nothing of them
 * ever becomes a folder, a hidden file or a name that the file system has no room for. */
#ifndef PRIMARY_TUF_NAMES_H
#define PRIMARY_TUF_NAMES_H

#include "metadata/role.h"

#include <limits.h>

/* TEXT, any UTF-8 of at most UP_NAME_MAX bytes, as it stands between the quotes of a JSON string. False:
 * empty, too long, or no UTF-8. */
#define TUF_JSON_MAX (6 * UP_NAME_MAX + 1)
bool tuf_json_name(const char *text, char out[TUF_JSON_MAX]);

/* "a/b.txt" -> "a%2Fb.txt": all of NAME, which stands as in JSON, as one file name, and SUFFIX behind it. A
 * leading dot is encoded, too. What would be too long becomes "=" and its SHA-256 instead, which no other
 * name can become. */
void tuf_file_name(struct up_span name, const char *suffix, char out[NAME_MAX + 1]);

/* Where a target lies below the server's URL: "a/b.txt", or with the digest in front of its last segment. */
#define TUF_URL_MAX (3 * UP_NAME_MAX + 2 * UP_SHA512_BYTES + 2)
void tuf_target_url(const struct up_target *t, bool with_digest, char out[TUF_URL_MAX]);

#endif
