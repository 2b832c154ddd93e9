#include "metadata/secret_posix.h"

#include "metadata/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS (2 * UP_SECRET_BYTES)

/* NULL: read. */
static const char *read_open(int fd, uint8_t secret[UP_SECRET_BYTES])
{
    char text[DIGITS + 2] = {0};
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return "not a file";
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return "others may read it: make a new secret, in a file of mode 0600";
    ssize_t n = read(fd, text, sizeof text);
    if (n == DIGITS + 1 && text[DIGITS] == '\n') n--;
    const bool good = n == DIGITS && up_hex_decode_any((struct up_span){(const uint8_t *)text, DIGITS},
                                                       secret, UP_SECRET_BYTES) == UP_SECRET_BYTES;
    up_wipe(text, sizeof text);
    return good ? NULL : "expected 64 hexadecimal digits, as `openssl rand -hex 32` prints them";
}

bool up_secret_read(const char *path, uint8_t secret[UP_SECRET_BYTES], char *why, size_t why_size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    const char *wrong = fd < 0 ? strerror(errno) : read_open(fd, secret);
    if (fd >= 0) (void)close(fd);
    if (wrong == NULL) return true;
    up_wipe(secret, UP_SECRET_BYTES);
    (void)snprintf(why, why_size, "%s: %s", path, wrong);
    return false;
}
