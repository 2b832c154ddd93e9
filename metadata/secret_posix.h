/* A shared secret in a file: 64 hexadecimal digits on one line, for its owner's eyes only. */
#ifndef METADATA_SECRET_POSIX_H
#define METADATA_SECRET_POSIX_H

#include "metadata/hmac.h"

/* False: WHY says what, where, and what to do; nothing is left in SECRET. A file that others may read is
 * refused: what it holds is no secret any longer. */
bool up_secret_read(const char *path, uint8_t secret[UP_SECRET_BYTES], char *why, size_t why_size);

#endif
