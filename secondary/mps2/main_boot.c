/* The boot stage on the board: what the fuses say, the choice, the jump. */
#include "secondary/boot.h"
#include "secondary/mps2/mps2.h"
#include "secondary/mps2/plant.h"

static struct up_key key;

/* Where the code of the image begins: header.h has read it before. */
static const uint32_t *vectors_of(struct up_span image)
{
    const uint32_t header_bytes = image.p[8] | (uint32_t)image.p[9] << 8;
    return (const uint32_t *)(uintptr_t)(image.p + header_bytes);
}

/* Told on the console when it begins: the slots are being exchanged, or the store moves. */
static struct {
    bool told;
    bool (*erase)(void *ctx, uint32_t offset);
} moves;

static bool erase(void *ctx, uint32_t offset)
{
    if (!moves.told) mps2_say("event=moves\n");
    moves.told = true;
    return moves.erase(ctx, offset);
}

int main(void)
{
    const struct mps2_fuses *fuses = (const struct mps2_fuses *)MPS2_FUSES;
    struct sec_boot_choice choice = {.slot = SEC_NO_SLOT};
    enum up_err e = UP_CONFIG;
    mps2_uart_start();
    mps2_clock_start();
    if (fuses->magic == MPS2_FUSES_MAGIC &&
        up_key_from_bytes(UP_ECDSA_P256_SHA256, (struct up_span){fuses->boot_key, 65}, &key)) {
        struct sec_flash flash = mps2_flash(fuses->flash_bytes);
        moves.erase = flash.erase;
        flash.erase = erase;
        const struct sec_boot_config config = {
            .layout = SEC_SWAP, .staging_bytes = fuses->staging_bytes, .policy = {.key = &key}};
        e = sec_boot_stage(&flash, &config, &choice);
    }
    mps2_say("event=stage slot=");
    mps2_say_number(choice.slot);
    mps2_say(" error=");
    mps2_say_number((uint32_t)e);
    mps2_say(" stack=");
    mps2_say_number(mps2_stack_used());
    mps2_say(" us=");
    mps2_say_number((uint32_t)mps2_now_us());
    mps2_say("\n");
    mps2_clock_stop();
    mps2_handover = sec_handover_pack(&choice);
    if (choice.slot != SEC_NO_SLOT) {
        mps2_watchdog_start(); /* an image that hangs on trial has had one of its starts */
        mps2_jump(vectors_of(choice.image));
    }
    for (;;) __asm volatile("wfi"); /* nothing is fit to run: a workshop is needed */
}
