/* Metadata banks: what arrives, what is found again, and what damaged flash says. */
#include "secondary/bank.h"
#include "tests/lib_flash.h"
#include "tests/suite.h"

#define ENTRY_BYTES 17u

static struct lib_flash *flash;
static struct sec_bank bank;
static const struct sec_region region = {8192, 8192};

static void begin_at(uint32_t at)
{
    lib_flash_free(flash);
    flash = lib_flash_new(32768, 1024, 16);
    sec_bank_begin(&bank, &flash->port, region, at);
}

static void begin(void)
{
    begin_at(region.at);
}

static struct up_span zeros(uint32_t n)
{
    static const uint8_t bytes[4096];
    return (struct up_span){bytes, n};
}

static void put(const char *path, const char *text)
{
    ck_assert_int_eq(sec_bank_open(&bank, up_span_of(path), (uint32_t)strlen(text)), UP_OK);
    ck_assert_int_eq(sec_bank_add(&bank, up_span_of(text)), UP_OK);
    ck_assert_int_eq(sec_bank_close(&bank), UP_OK);
}

static bool holds(const char *path, const char *text)
{
    struct sec_file f;
    uint32_t at = sec_bank_find(&bank, bank.last, up_span_of(path));
    return sec_file_at(&flash->port, region, at, &f) && up_span_is(f.bytes, text);
}

START_TEST(the_newest_file_of_a_path_is_found)
{
    begin();
    put("time", "noon");
    put("director/targets", "old");
    put("director/targets", "new");
    ck_assert(holds("time", "noon") && holds("director/targets", "new"));
    ck_assert_uint_eq(sec_bank_find(&bank, bank.last, UP_SPAN("director")), SEC_NONE);
    sec_bank_begin(&bank, &flash->port, region, region.at);
    ck_assert(!holds("time", "noon"));
}
END_TEST

START_TEST(a_file_is_there_when_all_of_it_has_come)
{
    begin();
    ck_assert_int_eq(sec_bank_open(&bank, UP_SPAN("time"), 4), UP_OK);
    ck_assert_int_eq(sec_bank_add(&bank, UP_SPAN("noo")), UP_OK);
    ck_assert_int_eq(sec_bank_close(&bank), UP_PRECONDITION);
    ck_assert_int_eq(sec_bank_add(&bank, UP_SPAN("n!")), UP_PRECONDITION);
    ck_assert_int_eq(sec_bank_add(&bank, UP_SPAN("n")), UP_OK);
    ck_assert_int_eq(sec_bank_close(&bank), UP_OK);
    ck_assert(holds("time", "noon"));
    ck_assert_int_eq(sec_bank_close(&bank), UP_PRECONDITION);
    ck_assert_int_eq(sec_bank_open(&bank, UP_SPAN("time"), 4), UP_OK);
    sec_bank_abandon(&bank);
    ck_assert_int_eq(sec_bank_add(&bank, UP_SPAN("dusk")), UP_PRECONDITION);
    ck_assert(holds("time", "noon"));
}
END_TEST

/* A set that began in the last sector but one. */
START_TEST(a_set_goes_on_at_the_begin_of_its_bank)
{
    char long_text[1500];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    begin_at(region.at + 6 * 1024);
    put("time", "noon");
    put("director/targets", long_text);
    ck_assert_uint_eq(sec_bank_end(&bank), region.at);
    put("image/targets", long_text);
    put("time", "dusk");
    ck_assert_uint_lt(bank.last, region.at + 2 * 1024);
    ck_assert_uint_eq(sec_bank_end(&bank), region.at + 2 * 1024);
    ck_assert(holds("time", "dusk") && holds("director/targets", long_text) &&
              holds("image/targets", long_text));
    ck_assert_uint_eq(sec_bank_room(&bank, 0), bank.begin - bank.writer.at);
}
END_TEST

/* What is promised behind a file is there, wherever the set began and whatever sizes come. */
START_TEST(room_is_there_once_it_was_promised)
{
    static const uint32_t sizes[] = {1, 300, 900, 1100, 2000, 3500};
    for (uint32_t at = 0; at < region.bytes; at += 1024)
        for (unsigned first = 0; first < 6; first++)
            for (unsigned then = 0; then < 6; then++) {
                begin_at(region.at + at);
                const uint32_t size = sec_bank_size(&flash->port, sizes[first], 1);
                const uint32_t room = sec_bank_room(&bank, size);
                const bool fits = sec_bank_open(&bank, UP_SPAN("x"), sizes[first]) == UP_OK;
                ck_assert(fits == (size <= region.bytes - at || size <= at));
                if (!fits) continue;
                ck_assert_int_eq(sec_bank_add(&bank, zeros(sizes[first])), UP_OK);
                ck_assert_int_eq(sec_bank_close(&bank), UP_OK);
                const uint32_t next = sec_bank_size(&flash->port, sizes[then], 1);
                for (uint32_t left = room; left >= next; left -= next) {
                    ck_assert_int_eq(sec_bank_open(&bank, UP_SPAN("y"), sizes[then]), UP_OK);
                    ck_assert_int_eq(sec_bank_add(&bank, zeros(sizes[then])), UP_OK);
                    ck_assert_int_eq(sec_bank_close(&bank), UP_OK);
                }
            }
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    begin();
    ck_assert_int_eq(sec_bank_open(&bank, UP_SPAN("x"), region.bytes), UP_STORAGE_FULL);
    ck_assert_int_eq(sec_bank_open(&bank, UP_SPAN("x"), UINT32_MAX - 40), UP_STORAGE_FULL);
    char path[SEC_PATH_MAX + 2] = {0};
    memset(path, 'p', SEC_PATH_MAX + 1);
    ck_assert_int_eq(sec_bank_open(&bank, up_span_of(path), 1), UP_STORAGE_FULL);
}
END_TEST

static bool lies_in_region(struct up_span s)
{
    const uint8_t *start = flash->port.mapped + region.at;
    return s.p >= start && s.p <= start + region.bytes && s.n <= (size_t)(start + region.bytes - s.p);
}

/* Whatever an entry says: nothing outside its bank is read, and no search goes round in circles. */
START_TEST(damaged_entries_lead_nowhere)
{
    begin();
    put("director/root/2", "root");
    put("time", "noon");
    const uint32_t at = bank.last;
    for (uint32_t i = 0; i < ENTRY_BYTES; i++) {
        uint8_t *byte = flash->bytes + at + i, was = *byte;
        for (unsigned value = 0; value < 256; value++) {
            struct sec_file f;
            *byte = (uint8_t)value;
            bool sane = sec_file_at(&flash->port, region, at, &f);
            ck_assert(!sane || (lies_in_region(f.bytes) && lies_in_region(f.path)));
            (void)sec_bank_find(&bank, at, UP_SPAN("nobody"));
        }
        *byte = was;
    }
    for (uint32_t other = 0; other < region.bytes; other += 16) { /* any entry before, itself as well */
        const uint32_t before = region.at + other;
        for (unsigned i = 0; i < 4; i++) flash->bytes[at + 4 + i] = (uint8_t)(before >> (24 - 8 * i));
        ck_assert_uint_eq(sec_bank_find(&bank, at, UP_SPAN("nobody")), SEC_NONE);
    }
    memset(flash->bytes + at + 4, 0xFF, 12); /* no entry before, and data and length without end */
    struct sec_file f;
    ck_assert(!sec_file_at(&flash->port, region, at, &f));
    const uint32_t outside[] = {0, region.at - 1, region.at + region.bytes - 1, region.at + region.bytes,
                                UINT32_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        ck_assert(!sec_file_at(&flash->port, region, outside[i], &f));
}
END_TEST

SUITE("bank", the_newest_file_of_a_path_is_found, a_file_is_there_when_all_of_it_has_come,
      a_set_goes_on_at_the_begin_of_its_bank, room_is_there_once_it_was_promised,
      what_does_not_fit_is_refused, damaged_entries_lead_nowhere)
