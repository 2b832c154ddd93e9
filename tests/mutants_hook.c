/* Linked into every test program of `make mutate`. The environment says what one run is for:
 *
 *     MUTATE_LIST=1      print "test: NAME" for every test, run none
 *     MUTATE_TEST=NAME   run this test only
 *     MUTATE_FELT=FILE   append "MUTANT MICROSECONDS PROGRAM:NAME" for every mutant that could have made a
 * difference MUTANT=N           let mutant N live MUTATE_MS=MS       end as hung after so much processor time
 */
#include "tests/mutants.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int mutant_on;
unsigned char mutant_felt[MUTANTS_MAX];

static pid_t self; /* what a test forks does not report */

void __real__tcase_add_test(TCase *c, const TTest *t, int signal, int status, int first, int last);
void __wrap__tcase_add_test(TCase *c, const TTest *t, int signal, int status, int first, int last);

static int64_t spent_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static long number(const char *name)
{
    const char *text = getenv(name);
    return text == NULL ? 0 : strtol(text, NULL, 10);
}

__attribute__((constructor)) static void begin(void)
{
    const long ms = number("MUTATE_MS");
    mutant_on = (int)number("MUTANT");
    self = getpid();
    if (ms == 0) return;
    const struct itimerval limit = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    const struct rlimit memory = {4UL << 30, 4UL << 30}, file = {256UL << 20, 256UL << 20};
    setpgid(0, 0); /* libcheck ends the group when the alarm goes off */
    setitimer(ITIMER_PROF, &limit, NULL);
    alarm((unsigned)(60 + ms / 100)); /* for one that sleeps */
    setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_FSIZE, &file);
}

__attribute__((destructor)) static void end(void)
{
    const char *file = getenv("MUTATE_FELT"), *test = getenv("MUTATE_TEST");
    if (file == NULL || test == NULL || getpid() != self) return;
    FILE *f = fopen(file, "a");
    if (f == NULL) return;
    const long long took_us = spent_us();
    for (int n = 1; n < MUTANTS_MAX; n++)
        if (mutant_felt[n]) fprintf(f, "%d %lld %s:%s\n", n, took_us, program_invocation_short_name, test);
    fclose(f);
}

void __wrap__tcase_add_test(TCase *c, const TTest *t, int signal, int status, int first, int last)
{
    const char *only = getenv("MUTATE_TEST");
    if (getenv("MUTATE_LIST") != NULL) {
        printf("test: %s\n", t->name);
    } else if (only == NULL || strcmp(only, t->name) == 0) {
        memset(mutant_felt, 0, sizeof mutant_felt);
        __real__tcase_add_test(c, t, signal, status, first, last);
    }
}
