#include "sim/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void sim_bytes_free(struct sim_bytes *b)
{
    free(b->p);
    *b = (struct sim_bytes){0};
}

bool sim_say(char why[SIM_WHY_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, SIM_WHY_MAX, format, args);
    va_end(args);
    return false;
}

bool sim_path(char out[SIM_PATH_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out, SIM_PATH_MAX, format, args);
    va_end(args);
    if (n >= 0 && n < SIM_PATH_MAX) return true;
    out[0] = '\0';
    errno = ENAMETOOLONG;
    return false;
}

bool sim_file_read(const char *path, struct sim_bytes *out)
{
    FILE *f = fopen(path, "rbe");
    if (f == NULL) return false;
    struct sim_bytes b = {0};
    struct stat st;
    size_t cap = fstat(fileno(f), &st) == 0 && st.st_size > 0 ? (size_t)st.st_size + 1 : 4096;
    for (;;) {
        uint8_t *p = realloc(b.p, cap + 1);
        if (p == NULL) break;
        b.p = p;
        b.n += fread(b.p + b.n, 1, cap - b.n, f);
        if (b.n < cap) break;
        cap *= 2;
    }
    bool ok = b.p != NULL && feof(f) && !ferror(f);
    int error = errno;
    fclose(f);
    if (!ok) {
        sim_bytes_free(&b);
        errno = error;
        return false;
    }
    b.p[b.n] = 0;
    *out = b;
    return true;
}

bool sim_folder_make(const char *path)
{
    char part[SIM_PATH_MAX];
    if (!sim_path(part, "%s", path)) return false;
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST) return false;
        *slash = '/';
    }
    return mkdir(part, 0755) == 0 || errno == EEXIST;
}

static bool folder_above(const char *path)
{
    char folder[SIM_PATH_MAX];
    if (!sim_path(folder, "%s", path)) return false;
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder) return true;
    *slash = '\0';
    return sim_file_exists(folder) || sim_folder_make(folder);
}

static bool write_all(int fd, struct up_span bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes = (struct up_span){bytes.p + n, bytes.n - (size_t)n};
    }
    return true;
}

bool sim_file_write(const char *path, struct up_span bytes, mode_t mode)
{
    char part[SIM_PATH_MAX];
    if (!sim_path(part, "%s.part", path) || !folder_above(path)) return false;
    (void)unlink(part);
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return false;
    bool ok = write_all(fd, bytes);
    ok = close(fd) == 0 && ok;
    ok = ok && rename(part, path) == 0;
    if (!ok) {
        int error = errno;
        (void)unlink(part);
        errno = error;
    }
    return ok;
}

bool sim_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool sim_folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool ok = syncfs(fd) == 0;
    return close(fd) == 0 && ok;
}
