/* Time since the start of the image: SysTick counts down a millisecond, its interrupt counts milliseconds.
 * And the watchdog (Arm DUI 0479). */
#include "secondary/mps2/mps2.h"

#define SYST_CSR       (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR       (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR       (*(volatile uint32_t *)0xE000E018u)
#define NVIC_ENABLE    (*(volatile uint32_t *)0xE000E100u)
#define NVIC_DISABLE   (*(volatile uint32_t *)0xE000E180u)
#define NVIC_FORGET    (*(volatile uint32_t *)0xE000E280u)
#define WDOG_LOAD      (*(volatile uint32_t *)0x40008000u)
#define WDOG_CONTROL   (*(volatile uint32_t *)0x40008008u)
#define WDOG_CLEAR     (*(volatile uint32_t *)0x4000800Cu)
#define UART0_RECEIVES 1u /* interrupt 0 */

#define PER_MS (MPS2_CLOCK_HZ / 1000)
#define PER_US (MPS2_CLOCK_HZ / 1000000)

static volatile uint32_t low, high; /* milliseconds */

void mps2_tick(void);
void mps2_tick(void)
{
    if (++low == 0) high++;
}

void mps2_clock_start(void)
{
    SYST_RVR = PER_MS - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; /* processor clock, interrupt, on */
}

void mps2_clock_stop(void)
{
    SYST_CSR = 0;
}

uint64_t mps2_now_ms(void)
{
    uint32_t h, l;
    do {
        h = high;
        l = low;
    } while (h != high || l != low);
    return (uint64_t)h << 32 | l;
}

uint64_t mps2_now_us(void)
{
    uint64_t ms;
    uint32_t count;
    do {
        ms = mps2_now_ms();
        count = SYST_CVR;
    } while (ms != mps2_now_ms());
    return ms * 1000 + (PER_MS - 1 - count) / PER_US;
}

/* The UART's interrupt only ends the wait: its handler never runs. */
void mps2_doze(void)
{
    __asm volatile("cpsid i" ::: "memory");
    NVIC_FORGET = UART0_RECEIVES;
    NVIC_ENABLE = UART0_RECEIVES;
    __asm volatile("wfi" ::: "memory");
    NVIC_DISABLE = UART0_RECEIVES;
    NVIC_FORGET = UART0_RECEIVES;
    __asm volatile("cpsie i" ::: "memory");
}

/* The first time that it runs out it only calls, and nobody listens; the second time it resets. */
void mps2_watchdog_start(void)
{
    WDOG_LOAD = MPS2_CLOCK_HZ / 2 * MPS2_WATCHDOG_S;
    WDOG_CONTROL = 3;
}

void mps2_watchdog_feed(void)
{
    WDOG_CLEAR = 1;
}
