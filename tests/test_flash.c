#include "secondary/flash_posix.h"
#include "secondary/writer.h"
#include "tests/lib_flash.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"
#include <sys/stat.h>

static const char path[] = "flash";
static char why[256];

static bool opened(struct sec_flash_posix *f, uint32_t size, bool create)
{
    return sec_flash_posix_open(f, path, size, 4096, 8, create, false, why, sizeof why);
}

START_TEST(a_new_file_is_erased_and_private)
{
    struct sec_flash_posix f;
    struct stat st;
    folder_enter();
    ck_assert(!opened(&f, 65536, false));
    ck_assert(opened(&f, 65536, true));
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert(sec_flash_erased(&f.port, 0, 65536));
    sec_flash_posix_close(&f);
    folder_leave();
}
END_TEST

START_TEST(what_was_programmed_is_there_after_reopening)
{
    struct sec_flash_posix f;
    folder_enter();
    ck_assert(opened(&f, 65536, true));
    ck_assert(f.port.program(f.port.ctx, 4096, UP_SPAN("sixteen bytes ab")));
    ck_assert_mem_eq(f.port.mapped + 4096, "sixteen bytes ab", 16);
    ck_assert(f.port.sync(f.port.ctx));
    sec_flash_posix_close(&f);
    ck_assert(opened(&f, 65536, false));
    ck_assert_mem_eq(f.port.mapped + 4096, "sixteen bytes ab", 16);
    ck_assert(f.port.erase(f.port.ctx, 4096));
    ck_assert(sec_flash_erased(&f.port, 0, 65536));
    sec_flash_posix_close(&f);
    folder_leave();
}
END_TEST

START_TEST(it_refuses_what_nor_flash_cannot_do)
{
    struct sec_flash_posix f;
    folder_enter();
    ck_assert(opened(&f, 65536, true));
    ck_assert(f.port.program(f.port.ctx, 0, UP_SPAN("12345678")));
    ck_assert(!f.port.program(f.port.ctx, 0, UP_SPAN("12345678"))); /* twice */
    ck_assert(!f.port.program(f.port.ctx, 12, UP_SPAN("12345678")));
    ck_assert(!f.port.program(f.port.ctx, 16, UP_SPAN("1234567")));
    ck_assert(!f.port.program(f.port.ctx, 65536, UP_SPAN("12345678")));
    ck_assert(!f.port.program(f.port.ctx, 65536 - 8, UP_SPAN("1234567812345678")));
    ck_assert(!f.port.erase(f.port.ctx, 8));
    ck_assert(!f.port.erase(f.port.ctx, 65536));
    sec_flash_posix_close(&f);
    folder_leave();
}
END_TEST

START_TEST(one_process_at_a_time)
{
    struct sec_flash_posix f, second;
    folder_enter();
    ck_assert(opened(&f, 65536, true));
    ck_assert(!opened(&second, 65536, false));
    ck_assert_ptr_nonnull(strstr(why, "in use"));
    sec_flash_posix_close(&f);
    ck_assert(opened(&second, 65536, false));
    sec_flash_posix_close(&second);
    folder_leave();
}
END_TEST

START_TEST(a_file_of_another_size_is_refused_and_stays)
{
    struct sec_flash_posix f;
    folder_enter();
    ck_assert(opened(&f, 65536, true));
    sec_flash_posix_close(&f);
    ck_assert(!opened(&f, 131072, true));
    ck_assert_ptr_nonnull(strstr(why, "size"));
    ck_assert(opened(&f, 65536, false));
    sec_flash_posix_close(&f);
    folder_leave();
}
END_TEST

START_TEST(a_place_that_does_not_exist_is_told)
{
    struct sec_flash_posix f;
    ck_assert(!sec_flash_posix_open(&f, "/nonexistent/flash", 65536, 4096, 8, true, false, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent/flash"));
}
END_TEST

START_TEST(a_writer_fills_units_and_erases_what_it_reaches)
{
    struct lib_flash *f = lib_flash_new(16384, 1024, 16);
    struct sec_writer w;
    for (int round = 0; round < 2; round++) {
        sec_writer_begin(&w, &f->port, 1024, 4096, true);
        ck_assert_int_eq(sec_writer_add(&w, UP_SPAN("abc")), UP_OK);
        for (int i = 0; i < 99; i++)
            ck_assert_int_eq(sec_writer_add(&w, UP_SPAN("0123456789abcdefghi")), UP_OK);
        ck_assert_int_eq(sec_writer_flush(&w), UP_OK);
        ck_assert_int_eq(sec_writer_flush(&w), UP_OK);
        ck_assert_uint_eq(w.at, 1024 + (3 + 99 * 19 + 15) / 16 * 16);
        ck_assert_mem_eq(f->bytes + 1024, "abc0123456789abcdefghi012", 25);
    }
    ck_assert_uint_eq(f->erases, 4);
    static uint8_t big[4096];
    ck_assert_int_eq(sec_writer_add(&w, (struct up_span){big, sizeof big}), UP_STORAGE_FULL);
    ck_assert_int_eq(sec_writer_add(&w, (struct up_span){big, 4096 - w.at}), UP_OK);
    ck_assert_int_eq(sec_writer_add(&w, (struct up_span){big, 1}), UP_STORAGE_FULL);
    lib_flash_free(f);
}
END_TEST

SUITE("flash", a_new_file_is_erased_and_private, what_was_programmed_is_there_after_reopening,
      it_refuses_what_nor_flash_cannot_do, one_process_at_a_time, a_file_of_another_size_is_refused_and_stays,
      a_place_that_does_not_exist_is_told, a_writer_fills_units_and_erases_what_it_reaches)
