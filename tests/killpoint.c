/* Preloaded into a program (LD_PRELOAD), this kills it (SIGKILL) just before the Nth time that it would
 * change a file, N being KILL_AT; 0: never. The file KILL_COUNT is told how often that was, at the exit.
 * Sockets and pipes do not count. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long passed;

static void pass(void)
{
    const char *at = getenv("KILL_AT");
    if (__atomic_add_fetch(&passed, 1, __ATOMIC_RELAXED) == (at == NULL ? 0 : strtoul(at, NULL, 10)))
        (void)raise(SIGKILL);
}

static int is_file(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && (S_ISREG(s.st_mode) || S_ISDIR(s.st_mode));
}

/* A program that gives its place to another one goes on counting there. */
__attribute__((constructor)) static void begin(void)
{
    const char *before = getenv("KILL_PASSED");
    if (before != NULL) passed = strtoul(before, NULL, 10);
}

int execv(const char *path, char *const argv[])
{
    static int (*real)(const char *, char *const[]);
    char text[32];
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "execv");
    snprintf(text, sizeof text, "%lu", passed);
    setenv("KILL_PASSED", text, 1);
    return real(path, argv);
}

__attribute__((destructor)) static void tell(void)
{
    const char *name = getenv("KILL_COUNT");
    FILE *f = name == NULL ? NULL : fopen(name, "w");
    if (f == NULL) return;
    fprintf(f, "%lu\n", passed);
    fclose(f);
}

/* Each of these passes a point, then does what it is named after. */
#define POINT(type, name, parameters, arguments, counts)                                                     \
    type name parameters;                                                                                    \
    type name parameters                                                                                     \
    {                                                                                                        \
        static type(*real) parameters;                                                                       \
        if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, #name);                                         \
        if (counts) pass();                                                                                  \
        return real arguments;                                                                               \
    }

POINT(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at), is_file(fd))
POINT(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at), is_file(fd))
POINT(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), fd > 2 && is_file(fd))
POINT(int, fsync, (int fd), (fd), is_file(fd))
POINT(int, fdatasync, (int fd), (fd), is_file(fd))
POINT(int, ftruncate, (int fd, off_t n), (fd, n), is_file(fd))
POINT(int, ftruncate64, (int fd, off64_t n), (fd, n), is_file(fd))
POINT(int, rename, (const char *from, const char *to), (from, to), 1)
POINT(int, unlink, (const char *path), (path), 1)
