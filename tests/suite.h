/* The main of every test program: one Check suite from a list of test cases.
 *
 *     SUITE("json", duplicate_members_are_refused, depth_is_bounded)
 *     SUITE_LOOPS(...) is not needed: use tcase_add_loop_test in a setup of your own with suite_run(). */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline int suite_threads(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) n += e->d_name[0] != '.';
    if (d != NULL) closedir(d);
    return n;
}

/* When a test's process ends. A thread that is still there when exit() takes down the libraries that it uses
 * crashes now and then: so always is better. One that was joined may be seen a moment longer. */
static inline void suite_alone(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 30000 && suite_threads() > 1; i++) nanosleep(&moment, NULL);
    if (suite_threads() <= 1) return;
    fputs("a thread outlives the test\n", stderr);
    abort();
}

static inline void suite_enter(void)
{
    ck_assert_int_eq(atexit(suite_alone), 0); /* the first: what tests register for their end runs before */
}

static inline int suite_run(Suite *s)
{
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE(name, ...)                                                                                     \
    int main(void)                                                                                           \
    {                                                                                                        \
        const TTest *tests[] = {__VA_ARGS__};                                                                \
        Suite *s = suite_create(name);                                                                       \
        TCase *c = tcase_create(name);                                                                       \
        tcase_set_timeout(c, 300);                                                                           \
        suite_add_tcase(s, c);                                                                               \
        tcase_add_checked_fixture(c, suite_enter, NULL);                                                     \
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(c, tests[i]);               \
        return suite_run(s);                                                                                 \
    }

#endif
