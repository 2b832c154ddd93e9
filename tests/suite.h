/* The main of every test program: one Check suite from a list of test cases.
 *
 *     SUITE("json", duplicate_members_are_refused, depth_is_bounded)
 *     SUITE_LOOPS(...) is not needed: use tcase_add_loop_test in a setup of your own with suite_run(). */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

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
        tcase_set_timeout(c, 60);                                                                            \
        suite_add_tcase(s, c);                                                                               \
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(c, tests[i]);               \
        return suite_run(s);                                                                                 \
    }

#endif
