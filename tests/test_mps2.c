/* The drivers of the Cortex-M4 port on the host: its flash at its address, its link with a UART of our own.
 */
#include "secondary/mps2/mps2.h"
#include "secondary/store.h"
#include "tests/suite.h"

#include <string.h>
#include <sys/mman.h>

#include "secondary/mps2/flash.c"

/* The link's functions have short names of their own. */
#define send    board_send
#define receive board_receive
#include "secondary/mps2/link.c"
#undef send
#undef receive

/* ---- the flash ---- */

static uint64_t clock_us;

uint64_t mps2_now_us(void)
{
    return clock_us;
}

void mps2_doze(void)
{
    clock_us += 700;
}

#define BYTES (64u * MPS2_SECTOR)

static struct sec_flash board(void)
{
    void *at = (void *)(uintptr_t)MPS2_FLASH;
    if (mmap(at, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
        at)
        ck_abort_msg("nothing may be at the board's flash address in this process");
    memset(at, 0, BYTES);
    struct sec_flash f = mps2_flash(BYTES);
    for (uint32_t s = 0; s < BYTES; s += MPS2_SECTOR) ck_assert(f.erase(f.ctx, s));
    return f;
}

static bool put(const struct sec_flash *f, uint32_t at, const void *bytes, size_t n)
{
    return f->program(f->ctx, at, (struct up_span){bytes, n});
}

static bool erased(const struct sec_flash *f, uint32_t at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (f->mapped[at + i] != 0xFF) return false;
    return true;
}

START_TEST(flash_programs_whole_erased_units_once)
{
    struct sec_flash f = board();
    const uint8_t a[16] = "0123456789abcde", ones[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    ck_assert(erased(&f, 0, BYTES));
    ck_assert(put(&f, 8, a, 16));
    ck_assert_mem_eq(f.mapped + 8, a, 16);
    ck_assert(erased(&f, 0, 8) && erased(&f, 24, BYTES - 24));
    ck_assert(!put(&f, 16, a, 8)); /* programmed already */
    ck_assert(!put(&f, 0, a, 16)); /* in part */
    ck_assert(!put(&f, 16, ones, 8));
    ck_assert_mem_eq(f.mapped + 8, a, 16);
    ck_assert(erased(&f, 0, 8));
    ck_assert(f.sync(f.ctx));
}
END_TEST

START_TEST(flash_refuses_what_is_not_a_unit_or_not_there)
{
    struct sec_flash f = board();
    const uint8_t a[16] = {0};
    ck_assert(!put(&f, 4, a, 8));
    ck_assert(!put(&f, 8, a, 4));
    ck_assert(!put(&f, BYTES, a, 8));
    ck_assert(!put(&f, BYTES - 8, a, 16));
    ck_assert(!put(&f, 0xFFFFFFF8u, a, 16));
    ck_assert(!f.erase(f.ctx, 8));
    ck_assert(!f.erase(f.ctx, BYTES));
    ck_assert(erased(&f, 0, BYTES));
    ck_assert(put(&f, BYTES - 8, a, 8));
}
END_TEST

START_TEST(flash_erases_one_sector_and_no_other)
{
    struct sec_flash f = board();
    const uint8_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (uint32_t s = 0; s < 3; s++)
        ck_assert(put(&f, s * MPS2_SECTOR, a, 8) && put(&f, (s + 1) * MPS2_SECTOR - 8, a, 8));
    ck_assert(f.erase(f.ctx, MPS2_SECTOR));
    ck_assert(erased(&f, MPS2_SECTOR, MPS2_SECTOR));
    ck_assert_mem_eq(f.mapped + MPS2_SECTOR - 8, a, 8);
    ck_assert_mem_eq(f.mapped + 2 * MPS2_SECTOR, a, 8);
    ck_assert(put(&f, MPS2_SECTOR, a, 8));
}
END_TEST

START_TEST(the_store_lives_on_this_flash)
{
    struct sec_flash f = board();
    struct sec_layout layout;
    struct sec_store s;
    ck_assert_int_eq(sec_layout_of(&f, SEC_SWAP, 4 * MPS2_SECTOR, &layout), UP_OK);
    ck_assert_int_eq(sec_store_format(&s, &f, &layout), UP_OK);
    for (uint32_t i = 0; i < 300; i++) { /* several times round */
        ck_assert_int_eq(sec_store_put(&s, SEC_KEY_BOOTS, (struct up_span){(uint8_t *)&i, sizeof i}), UP_OK);
        ck_assert_int_eq(sec_store_open(&s, &f, &layout), UP_OK);
        ck_assert_mem_eq(sec_store_get(&s, SEC_KEY_BOOTS).p, &i, sizeof i);
    }
}
END_TEST

/* ---- the link ---- */

static struct {
    uint8_t in[4096], out[4096];
    size_t in_at, in_bytes, out_bytes;
} line;

bool mps2_uart_get(uint8_t *byte)
{
    if (line.in_at == line.in_bytes) return false;
    *byte = line.in[line.in_at++];
    return true;
}

void mps2_uart_put(const uint8_t *bytes, size_t n)
{
    memcpy(line.out + line.out_bytes, bytes, n);
    line.out_bytes += n;
}

static void comes(const char *text)
{
    memset(&line, 0, sizeof line);
    line.in_bytes = strlen(text);
    memcpy(line.in, text, line.in_bytes);
}

START_TEST(the_link_opens_the_adapter_and_sends_frames)
{
    struct mps2_link l;
    const struct isotp_frame f[2] = {{.id = 0x7E8, .len = 2, .data = {0xAB, 0xCD}}, {.id = 1}};
    comes("");
    mps2_link_open(&l, false);
    ck_assert_int_eq(l.link.ops->send(&l.link, f, 2), 2);
    static const char said[] = "\rC\rS6\rO\rt7E82ABCD\rt0010\r";
    ck_assert_uint_eq(line.out_bytes, sizeof said - 1);
    ck_assert_mem_eq(line.out, said, sizeof said - 1);
    ck_assert_uint_eq(l.link.ops->lost(&l.link), 0);
}
END_TEST

START_TEST(the_link_receives_frames_in_pieces_and_what_it_can_carry)
{
    struct mps2_link l;
    struct isotp_frame f[4];
    mps2_link_open(&l, false);
    comes("\r\rz\r\at7E01AA\rd7E01BB\rt7E01CC\rt7E0");
    ck_assert_int_eq(l.link.ops->recv(&l.link, f, 4), 2); /* classic: no FD */
    ck_assert(f[0].data[0] == 0xAA && f[1].data[0] == 0xCC);
    comes("1DD\rt7E01EE\r");
    ck_assert_int_eq(l.link.ops->recv(&l.link, f, 1), 1);
    ck_assert_uint_eq(f[0].data[0], 0xDD);
    ck_assert_int_eq(l.link.ops->recv(&l.link, f, 1), 1);
    ck_assert_uint_eq(f[0].data[0], 0xEE);
    ck_assert_int_eq(l.link.ops->recv(&l.link, f, 1), 0);
    mps2_link_open(&l, true);
    comes("d7E01BB\r");
    ck_assert_int_eq(l.link.ops->recv(&l.link, f, 4), 1);
    ck_assert_uint_eq(f[0].flags, ISOTP_FD);
}
END_TEST

SUITE("mps2", flash_programs_whole_erased_units_once, flash_refuses_what_is_not_a_unit_or_not_there,
      flash_erases_one_sector_and_no_other, the_store_lives_on_this_flash,
      the_link_opens_the_adapter_and_sends_frames, the_link_receives_frames_in_pieces_and_what_it_can_carry)
