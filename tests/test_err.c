#include "tests/suite.h"

#include <stdbool.h>
#include <string.h>

#include "metadata/err.h"

START_TEST(every_verdict_has_a_name_of_its_own_and_a_text)
{
    for (int i = 0; i < UP_ERR_COUNT; i++) {
        ck_assert_uint_gt(strlen(up_err_name((enum up_err)i)), 0);
        ck_assert_uint_gt(strlen(up_err_text((enum up_err)i)), 0);
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(up_err_name((enum up_err)i), up_err_name((enum up_err)k));
    }
    ck_assert_str_eq(up_err_name(UP_SIG_THRESHOLD), "SIG_THRESHOLD");
}
END_TEST

START_TEST(an_attack_says_which_and_nothing_else_does)
{
    for (int i = 0; i < UP_ERR_COUNT; i++) {
        bool named = up_err_attack((enum up_err)i)[0] != 0;
        ck_assert_int_eq(named, up_err_class((enum up_err)i) == UP_CLASS_ATTACK);
    }
    ck_assert_str_eq(up_err_attack(UP_EXPIRED), "freeze");
    ck_assert_int_eq(up_err_class(UP_OK), UP_CLASS_NONE);
}
END_TEST

START_TEST(a_number_that_is_no_verdict_is_harmless)
{
    ck_assert_str_eq(up_err_name((enum up_err)UP_ERR_COUNT), "UNKNOWN");
    ck_assert_str_eq(up_err_attack((enum up_err)9999), "");
    ck_assert_int_eq(up_err_class((enum up_err)9999), UP_CLASS_FAULT);
    ck_assert_uint_gt(strlen(up_err_text((enum up_err)9999)), 0);
}
END_TEST

SUITE("err", every_verdict_has_a_name_of_its_own_and_a_text, an_attack_says_which_and_nothing_else_does,
      a_number_that_is_no_verdict_is_harmless)
