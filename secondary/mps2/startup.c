/* From the reset vector to main(), and from one image to the next. */
#include "secondary/mps2/mps2.h"

#define PAINT 0xA5A5A5A5u

extern uint32_t image_data[], data_begin[], data_end[], bss_begin[], bss_end[], stack_begin[], stack_end[];

#define SCB_VTOR  (*(volatile uint32_t *)0xE000ED08u)
#define SCB_AIRCR (*(volatile uint32_t *)0xE000ED0Cu)

/* Not touched by the loops below, so that it passes from the boot stage to the agent: two programs, of which
 * each only sees its half. */
__attribute__((section(".handover"))) volatile uint32_t mps2_handover;

int main(void);
static void reset(void) __attribute__((noreturn));
static void pass(void);
static void stop(void) __attribute__((noreturn));
void mps2_tick(void); /* clock.c */

__attribute__((section(".vectors"), used)) const struct {
    uint32_t *stack;
    void (*handler[15])(void);
    void (*interrupt[1])(void);
} mps2_vectors = {
    stack_end, {reset, pass, stop, stop, stop, stop, 0, 0, 0, 0, stop, stop, 0, stop, mps2_tick}, {stop}};

static void reset(void)
{
    SCB_VTOR = (uint32_t)(uintptr_t)&mps2_vectors;
    const uint32_t *from = image_data;
    for (uint32_t *to = data_begin; to < data_end; to++) *to = *from++;
    for (uint32_t *to = bss_begin; to < bss_end; to++) *to = 0;
    uint32_t *here = __builtin_frame_address(0);
    for (uint32_t *to = stack_begin; to < here - 16; to++) *to = PAINT;
    (void)main();
    mps2_reset();
}

/* The watchdog's first call, which is not maskable: who hangs does not come back from it either. */
static void pass(void) {}

/* A fault, or an interrupt that nobody expects: what runs is not sound, and a restart is counted. */
static void stop(void)
{
    mps2_say("event=fault\n");
    mps2_reset();
}

void mps2_reset(void)
{
    SCB_AIRCR = 0x05FA0004u;
    for (;;) {
    }
}

uint32_t mps2_stack_bytes(void)
{
    return (uint32_t)((uintptr_t)stack_end - (uintptr_t)stack_begin);
}

uint32_t mps2_stack_used(void)
{
    const uint32_t *p = stack_begin;
    while (p < stack_end && *p == PAINT) p++;
    return (uint32_t)((uintptr_t)stack_end - (uintptr_t)p);
}

void mps2_jump(const uint32_t *table)
{
    const uint32_t stack = table[0], entry = table[1];
    __asm volatile("cpsid i\n msr msp, %0\n cpsie i\n bx %1" : : "r"(stack), "r"(entry) : "memory");
    __builtin_unreachable();
}
