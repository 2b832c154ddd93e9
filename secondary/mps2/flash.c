/* The flash: memory that a file of the host keeps, made to behave like NOR flash with ECC. Where the emulator
 * is killed, the words written so far are in the file. */
#include "secondary/mps2/mps2.h"

#define ERASE_MS 8u

static volatile uint32_t *words(uint32_t offset)
{
    return (volatile uint32_t *)(uintptr_t)(MPS2_FLASH + offset);
}

/* Flash takes its time, in which the power can fail: a sector is erased bit by bit. */
static void wait_ms(void)
{
    const uint64_t until = mps2_now_us() + 1000;
    while (mps2_now_us() < until) mps2_doze();
}

static uint32_t size_of(void *ctx)
{
    return *(const uint32_t *)ctx;
}

static bool erase(void *ctx, uint32_t offset)
{
    if (offset % MPS2_SECTOR != 0 || offset >= size_of(ctx)) return false;
    for (uint32_t i = 0; i < MPS2_SECTOR / 4; i++) {
        words(offset)[i] = 0xFFFFFFFFu;
        if (i % (MPS2_SECTOR / 4 / ERASE_MS) == 0) wait_ms();
    }
    return true;
}

/* Bits are cleared, never set; and each unit once: what is not erased is refused, as its ECC would be wrong.
 */
static bool program(void *ctx, uint32_t offset, struct up_span data)
{
    const uint32_t size = size_of(ctx);
    if (offset % MPS2_UNIT != 0 || data.n % MPS2_UNIT != 0) return false;
    if (offset > size || data.n > size - offset) return false;
    volatile uint32_t *to = words(offset);
    for (uint32_t i = 0; i < data.n / 4; i++)
        if (to[i] != 0xFFFFFFFFu) return false;
    for (uint32_t i = 0; i < data.n / 4; i++) {
        uint32_t word;
        memcpy(&word, data.p + 4 * i, sizeof word);
        to[i] &= word;
    }
    return true;
}

static bool sync_done(void *ctx)
{
    (void)ctx;
    __sync_synchronize();
    return true;
}

struct sec_flash mps2_flash(uint32_t bytes)
{
    static uint32_t size;
    size = bytes;
    return (struct sec_flash){.ctx = &size,
                              .size = bytes,
                              .sector = MPS2_SECTOR,
                              .program_unit = MPS2_UNIT,
                              .mapped = (const uint8_t *)MPS2_FLASH,
                              .erase = erase,
                              .program = program,
                              .sync = sync_done};
}
