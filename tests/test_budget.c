/* isotp/node.c: the cap on what a node takes of a bus, on the modelled bus. */
#include "isotp/budget.h"
#include "sim/bus.h"
#include "tests/suite.h"

#define MESSAGE 30000u

static struct sim_bus bus;
static struct isotp from[2], to[2];
static struct isotp *senders[] = {&from[0], &from[1]}, *receivers[] = {&to[0], &to[1]};
static struct isotp_node sender, receiver;
static struct isotp_budget budget;
static uint8_t text[MESSAGE], room[2][MESSAGE], small[2][8];
static uint64_t now_us;

static void begin(bool fd, uint8_t percent)
{
    const struct sim_bus_config config = {.bitrate = 500000, .data_bitrate = fd ? 2000000 : 0, .fd = fd};
    sim_bus_init(&bus, &config);
    for (unsigned i = 0; i < 2; i++) {
        const struct isotp_config a = isotp_config_default(0x7E0 + i, 0x7E8 + i, fd),
                                  b = isotp_config_default(0x7E8 + i, 0x7E0 + i, fd);
        isotp_init(&from[i], &a, small[i], sizeof small[i]);
        isotp_init(&to[i], &b, room[i], sizeof room[i]);
        to[i].config.block_size = 8;
    }
    isotp_node_init(&sender, sim_bus_link(&bus, fd), senders, 2);
    isotp_node_init(&receiver, sim_bus_link(&bus, fd), receivers, 2);
    budget = (struct isotp_budget){.percent = percent, .bitrate = 500000, .data_bitrate = fd ? 2000000 : 0};
    isotp_node_cap(&sender, &budget);
    uint32_t dice = 1; /* images look like noise, and have its stuff bits */
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)((dice = dice * 1664525u + 1013904223u) >> 24);
    now_us = UINT64_C(4294960000); /* the 32-bit clock wraps soon */
    sim_bus_step(&bus, now_us * 1000);
}

static void end(void)
{
    sender.link->ops->close(sender.link);
    receiver.link->ops->close(receiver.link);
}

/* Both messages go through; returns the seconds. WORST: the busiest 100 ms, as a share. */
static double transfer(double *worst)
{
    const uint64_t began = now_us;
    uint64_t window_us = now_us, window_ns = 0;
    unsigned received = 0;
    struct isotp_message m = {.body = text, .body_bytes = MESSAGE};
    for (unsigned i = 0; i < 2; i++) ck_assert_int_eq(isotp_send(&from[i], &m, (uint32_t)now_us), ISOTP_N_OK);
    *worst = 0;
    while (received < 2) {
        sim_bus_step(&bus, now_us * 1000);
        ck_assert(isotp_node_pump(&receiver, (uint32_t)now_us));
        ck_assert(isotp_node_pump(&sender, (uint32_t)now_us));
        sim_bus_step(&bus, now_us * 1000);
        for (unsigned i = 0; i < 2; i++) {
            struct isotp_event e;
            while (isotp_poll(&to[i], &e)) received += e.kind == ISOTP_RECEIVED;
            while (isotp_poll(&from[i], &e)) ck_assert_int_eq(e.kind, ISOTP_SENT);
        }
        if (received == 2) break;
        uint64_t due = now_us + isotp_node_due(&sender, (uint32_t)now_us), frame = sim_bus_due(&bus);
        uint32_t other = isotp_node_due(&receiver, (uint32_t)now_us);
        if (now_us + other < due) due = now_us + other;
        if (frame != SIM_NEVER && (frame + 999) / 1000 < due) due = (frame + 999) / 1000;
        now_us = due > now_us ? due : now_us + 1;
        if (now_us - window_us < 100000) continue;
        const double share = (double)(bus.stats.busy_ns - window_ns) / 1e3 / (double)(now_us - window_us);
        if (share > *worst) *worst = share;
        window_us = now_us;
        window_ns = bus.stats.busy_ns;
    }
    return (double)(now_us - began) / 1e6;
}

START_TEST(the_share_of_the_bus_stays_below_the_cap_and_near_it)
{
    static const uint8_t percents[] = {5, 30, 80};
    for (unsigned fd = 0; fd < 2; fd++) {
        for (size_t i = 0; i < sizeof percents; i++) {
            double worst, cap = percents[i] / 100.0;
            begin(fd, percents[i]);
            const double s = transfer(&worst), share = (double)bus.stats.busy_ns / 1e9 / s;
            ck_assert_msg(share < cap * 1.03 && share > cap * 0.85, "%.3f of %.3f", share, cap);
            ck_assert_msg(worst < cap + 0.06, "%.3f of %.3f in 100 ms", worst, cap);
            end();
        }
    }
}
END_TEST

START_TEST(without_a_cap_the_bus_is_full)
{
    static const uint8_t percents[] = {0, 100};
    for (size_t i = 0; i < sizeof percents; i++) {
        double worst;
        begin(false, percents[i]);
        const double s = transfer(&worst), share = (double)bus.stats.busy_ns / 1e9 / s;
        ck_assert_msg(share > 0.97, "%.3f", share);
        end();
    }
}
END_TEST

START_TEST(frame_times_are_those_of_the_model)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        const bool fd = kind & 1;
        for (unsigned n = 0; n <= 64; n = isotp_frame_len((uint8_t)(n + 1))) {
            struct isotp_frame f = {.id = kind & 2 ? ISOTP_ID_EXTENDED | 0x18DA5AF1 : 0x5A5,
                                    .flags = fd ? ISOTP_FD | ISOTP_BRS : 0,
                                    .len = (uint8_t)n};
            if (!fd && n > 8) break;
            for (unsigned i = 0; i < n; i++) f.data[i] = (uint8_t)(i * 89 + 5);
            const double ours = isotp_frame_ns(&f, 500000, fd ? 2000000 : 0),
                         model = (double)sim_frame_ns(&f, 500000, fd ? 2000000 : 0);
            ck_assert_msg(ours > 0.93 * model && ours < 1.07 * model, "%u bytes: %.0f, not %.0f", n, ours,
                          model);
            if (n == 64) break;
        }
    }
}
END_TEST

SUITE("budget", the_share_of_the_bus_stays_below_the_cap_and_near_it, without_a_cap_the_bus_is_full,
      frame_times_are_those_of_the_model)
