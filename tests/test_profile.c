#include "tests/suite.h"

#include <string.h>

#include "metadata/profile.h"

START_TEST(strict_relaxes_nothing)
{
    ck_assert_uint_eq(up_profile_strict.relax, 0);
    ck_assert_int_eq(up_profile_strict.dialect, UP_DIALECT_TUF);
}
END_TEST

START_TEST(profiles_are_found_by_their_exact_name_only)
{
    ck_assert_ptr_eq(up_profile_named("strict"), &up_profile_strict);
    ck_assert_ptr_eq(up_profile_named("deployed"), &up_profile_deployed);
    ck_assert_ptr_eq(up_profile_named("tuf"), &up_profile_tuf);
    ck_assert_ptr_null(up_profile_named("Strict"));
    ck_assert_ptr_null(up_profile_named("stric"));
    ck_assert_ptr_null(up_profile_named(""));
}
END_TEST

START_TEST(every_relaxation_that_a_profile_uses_has_a_name)
{
    unsigned used = up_profile_deployed.relax | up_profile_tuf.relax;
    for (unsigned bit = 1; bit != 0; bit <<= 1)
        if (used & bit) ck_assert_uint_gt(strlen(up_relax_name(bit)), 0);
    ck_assert_str_eq(up_relax_name(UP_RELAX_NO_VEHICLE_ID), "no-vehicle-id");
    ck_assert_str_eq(up_relax_name(1u << 31), "");
}
END_TEST

START_TEST(limits_fit_what_the_code_reserves)
{
    static const struct up_limits *const all[] = {&up_limits_mcu, &up_limits_posix, &up_limits_primary,
                                                  &up_limits_tuf};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_le(all[i]->keys_per_role, UP_KEYS_MAX);
        ck_assert_uint_ge(all[i]->signatures, all[i]->keys_per_role);
        ck_assert_uint_le(all[i]->delegation_depth, UP_SEARCH_DEPTH);
        ck_assert_uint_ge(all[i]->roots_per_cycle, 1);
    }
    ck_assert_uint_eq(up_limits_mcu.image_targets_bytes, 0); /* partial verification only */
    ck_assert_uint_eq(up_limits_tuf.director_targets_bytes, 0);
}
END_TEST

SUITE("profile", strict_relaxes_nothing, profiles_are_found_by_their_exact_name_only,
      every_relaxation_that_a_profile_uses_has_a_name, limits_fit_what_the_code_reserves)
