/* What a command costs: runs it N times, prints medians. `bench_run [-q] N -- COMMAND [ARGUMENT]...`
 *
 * CPU is user and system time of the process and the children it has waited for. Peak is the largest resident
 * set of the process, which counts pages of shared libraries that other programs use as well; private is what
 * it alone holds at its exit, and written the part of that which is no unchanged copy of a file. The first
 * depends on who else runs, the last does not. For all three it is stopped at its exit with ptrace, while its
 * memory can still be looked at. The output of the command is thrown away; -q prints the figures alone: CPU
 * and wall in ms, peak, private, written in KiB. */
#include "sim/realtime.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS_MAX 1000

enum figure { CPU_MS, WALL_MS, PEAK_KIB, PRIVATE_KIB, WRITTEN_KIB, FIGURES };

static double figures[FIGURES][RUNS_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "bench_run: %s\n", what);
    exit(2);
}

/* The sum of the lines of /proc/PID/FILE that begin with NAME, in KiB. */
static double proc_kib(pid_t pid, const char *file, const char *name)
{
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "r");
    if (f == NULL) return 0;
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, name, strlen(name)) == 0) kib += strtod(strchr(line, ':') + 1, NULL);
    fclose(f);
    return kib;
}

static void become(char **command)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) fail("/dev/null");
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) fail("ptrace is not allowed here");
    execvp(command[0], command);
    fprintf(stderr, "bench_run: %s: cannot be run\n", command[0]);
    _exit(127);
}

static double ms(const struct timeval *t)
{
    return (double)t->tv_sec * 1e3 + (double)t->tv_usec / 1e3;
}

/* Signals that stop it are passed on. Returns its wait status. */
static int run_once(char **command, unsigned run)
{
    struct rusage used;
    int status;
    uint64_t began = sim_monotonic_ns();
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) become(command);
    bool traced = false;
    while (wait4(pid, &status, 0, &used) == pid && WIFSTOPPED(status)) {
        int signal = WSTOPSIG(status);
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
            figures[PEAK_KIB][run] = proc_kib(pid, "status", "VmHWM:");
            figures[WRITTEN_KIB][run] = proc_kib(pid, "smaps_rollup", "Private_Dirty:");
            figures[PRIVATE_KIB][run] =
                figures[WRITTEN_KIB][run] + proc_kib(pid, "smaps_rollup", "Private_Clean:");
            signal = 0;
        } else if (!traced) { /* execve is done */
            (void)ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
            traced = true;
            signal = 0;
        }
        (void)ptrace(PTRACE_CONT, pid, NULL, signal);
    }
    figures[WALL_MS][run] = (double)(sim_monotonic_ns() - began) / 1e6;
    figures[CPU_MS][run] = ms(&used.ru_utime) + ms(&used.ru_stime);
    return status;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(enum figure f, unsigned runs)
{
    qsort(figures[f], runs, sizeof figures[f][0], ascending);
    return figures[f][runs / 2];
}

int main(int argc, char **argv)
{
    bool bare = argc > 1 && strcmp(argv[1], "-q") == 0;
    char **at = argv + 1 + bare;
    if (argc - bare < 4 || strcmp(at[1], "--") != 0) fail("usage: bench_run [-q] N -- COMMAND [ARGUMENT]...");
    unsigned long runs = strtoul(at[0], NULL, 10);
    if (runs < 1 || runs > RUNS_MAX) fail("N is from 1 to 1000");
    unsigned failed = 0;
    for (unsigned i = 0; i < runs; i++) {
        int status = run_once(at + 2, i);
        if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) failed++; /* 1: there was nothing to do */
    }
    unsigned n = (unsigned)runs;
    const char *format =
        bare ? "%.1f %.1f %.0f %.0f %.0f\n"
             : "CPU %.1f ms, wall %.1f ms, peak %.0f KiB, private %.0f KiB, of it written %.0f KiB\n";
    printf(format, median(CPU_MS, n), median(WALL_MS, n), median(PEAK_KIB, n), median(PRIVATE_KIB, n),
           median(WRITTEN_KIB, n));
    if (failed > 0) fprintf(stderr, "bench_run: %s failed in %u of %u runs\n", at[2], failed, n);
    return failed > 0;
}
