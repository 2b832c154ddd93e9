/* Which images are kept for Secondaries with one slot. The cycles are in test_vehicle.c. */
#include "primary/backup.h"
#include "primary/state.h"
#include "tests/suite.h"

#include <stdio.h>

static struct pri_state *state;

static void begin(void)
{
    char why[256];
    state = pri_state_open(":memory:", why, sizeof why);
    ck_assert_msg(state != NULL, "%s", why);
}

static struct pri_backup backup(const char *name, uint8_t byte)
{
    struct pri_backup b = {.length = 4711};
    (void)snprintf(b.name, sizeof b.name, "%s", name);
    memset(b.sha256, byte, sizeof b.sha256);
    return b;
}

START_TEST(a_backup_is_found_again_and_replaced)
{
    struct pri_backup b = backup("brake/fw-1.bin", 0xAB), other = backup("brake/fw-2.bin", 0xCD), read;
    begin();
    ck_assert(!pri_backup_get(state, "brake", &read));
    ck_assert_int_eq(pri_backup_put(state, "brake", &b), UP_OK);
    ck_assert(pri_backup_get(state, "brake", &read));
    ck_assert_str_eq(read.name, b.name);
    ck_assert_uint_eq(read.length, b.length);
    ck_assert_mem_eq(read.sha256, b.sha256, sizeof b.sha256);
    ck_assert(!pri_backup_get(state, "door", &read));
    ck_assert_int_eq(pri_backup_put(state, "brake", &other), UP_OK);
    ck_assert(pri_backup_get(state, "brake", &read));
    ck_assert_str_eq(read.name, other.name);
    const struct up_target t = pri_backup_target(&read);
    ck_assert(up_span_is(t.name, "brake/fw-2.bin") && t.length == 4711 && t.hashes.has_sha256);
    pri_state_close(state);
}
END_TEST

START_TEST(files_of_backups_are_known_by_their_names)
{
    struct pri_backup b = backup("brake/fw-1.bin", 0xAB);
    begin();
    static const char file[] = "abababababababababababababababababababababababababababababababab";
    ck_assert(!pri_backup_is_file(state, file));
    ck_assert_int_eq(pri_backup_put(state, "brake", &b), UP_OK);
    ck_assert(pri_backup_is_file(state, file));
    ck_assert(!pri_backup_is_file(state, "abab"));
    ck_assert(
        !pri_backup_is_file(state, "abababababababababababababababababababababababababababababababab.part"));
    pri_state_close(state);
}
END_TEST

START_TEST(a_record_that_makes_no_sense_is_none)
{
    static const char *const wrong[] = {"",
                                        "{}",
                                        "x",
                                        "{\"length\":1,\"name\":\"a\"}",
                                        "{\"length\":1,\"name\":\"a\",\"sha256\":\"ab\"}",
                                        "{\"length\":1,\"name\":1,\"sha256\":2}"};
    struct pri_backup read;
    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(pri_state_put(state, "backup/brake", up_span_of(wrong[i])), UP_OK);
        ck_assert_msg(!pri_backup_get(state, "brake", &read), "%s", wrong[i]);
        ck_assert(!pri_backup_is_file(state, "ab"));
    }
    pri_state_close(state);
}
END_TEST

SUITE("backup", a_backup_is_found_again_and_replaced, files_of_backups_are_known_by_their_names,
      a_record_that_makes_no_sense_is_none)
