/* The modelled bus: frame times against a second, naive way to count the bits and against the published
 * limits; arbitration, faults, ports, links. */
#include "sim/bus.h"
#include "tests/suite.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)

static struct isotp_frame classic(uint32_t id, unsigned len, unsigned fill)
{
    struct isotp_frame f = {.id = id, .len = (uint8_t)len};
    memset(f.data, (int)fill, len);
    return f;
}

static struct isotp_frame fd_frame(uint32_t id, unsigned len, unsigned fill)
{
    struct isotp_frame f = classic(id, len, fill);
    f.flags = ISOTP_FD | ISOTP_BRS;
    return f;
}

/* --- a bus with a witness on every port --- */

struct witness {
    unsigned count;
    struct isotp_frame frame[64];
    uint64_t at[64];
};

static void see(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    struct witness *w = ctx;
    ck_assert_uint_lt(w->count, 64);
    w->frame[w->count] = *f;
    w->at[w->count++] = at_ns;
}

static struct sim_bus bus;
static struct witness seen[4];

static void start_bus(struct sim_bus_config config)
{
    memset(seen, 0, sizeof seen);
    sim_bus_init(&bus, &config);
    for (int i = 0; i < 4; i++) ck_assert_int_eq(sim_bus_attach(&bus, see, &seen[i]), i);
}

static void start_classic_bus(void)
{
    start_bus((struct sim_bus_config){.bitrate = 500000});
}

static void offer(int port, struct isotp_frame f)
{
    ck_assert(sim_bus_offer(&bus, port, &f));
}

/* --- frame times --- */

/* The frame as a string of '0' and '1', stuffed by looking back five characters. */
struct bit_string {
    char bit[1024];
    unsigned n;
};

static void add(struct bit_string *s, uint32_t value, int bits)
{
    while (bits-- > 0) s->bit[s->n++] = value >> bits & 1 ? '1' : '0';
}

static unsigned stuffed_length(const struct bit_string *s, bool fixed_stuff_follows)
{
    struct bit_string out = {.n = 0};
    for (unsigned i = 0; i < s->n; i++) {
        out.bit[out.n++] = s->bit[i];
        if (out.n < 5 || (fixed_stuff_follows && i + 1 == s->n)) continue;
        const char *five = &out.bit[out.n - 5];
        if (memcmp(five, "00000", 5) == 0)
            out.bit[out.n++] = '1';
        else if (memcmp(five, "11111", 5) == 0)
            out.bit[out.n++] = '0';
    }
    return out.n;
}

static uint32_t
crc15(const struct bit_string *s) /* long division, as a polynomial: x15+x14+x10+x8+x7+x4+x3+1 */
{
    char d[1024 + 15];
    memcpy(d, s->bit, s->n);
    memset(d + s->n, '0', 15);
    for (unsigned i = 0; i < s->n; i++) {
        if (d[i] == '0') continue;
        for (unsigned k = 0; k < 16; k++) d[i + k] = d[i + k] == "1100010110011001"[k] ? '0' : '1';
    }
    uint32_t r = 0;
    for (unsigned i = 0; i < 15; i++) r = r << 1 | (d[s->n + i] == '1');
    return r;
}

static void add_id(struct bit_string *s, const struct isotp_frame *f)
{
    uint32_t rtr = f->flags & ISOTP_RTR ? 1 : 0;
    add(s, 0, 1);
    if (f->id & ISOTP_ID_EXTENDED) {
        add(s, (f->id & ISOTP_ID_MASK) >> 18, 11);
        add(s, 3, 2);
        add(s, f->id & 0x3FFFF, 18);
        add(s, rtr, 1);
    } else {
        add(s, f->id, 11);
        add(s, rtr, 1);
        add(s, 0, 1);
    }
}

static unsigned naive_classic_bits(const struct isotp_frame *f)
{
    struct bit_string s = {.n = 0};
    add_id(&s, f);
    add(&s, 0, f->id & ISOTP_ID_EXTENDED ? 2 : 1);
    add(&s, f->len, 4);
    for (unsigned i = 0; i < f->len && !(f->flags & ISOTP_RTR); i++) add(&s, f->data[i], 8);
    add(&s, crc15(&s), 15);
    return stuffed_length(&s, false) + 13;
}

static struct isotp_frame random_frame(unsigned n)
{
    static const uint8_t lens[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};
    srand(n);
    struct isotp_frame f = {.id = (uint32_t)rand() & ISOTP_ID_MASK};
    if (n & 1)
        f.id |= ISOTP_ID_EXTENDED;
    else
        f.id &= 0x7FF;
    if (n & 2)
        f.flags = ISOTP_FD | (n & 8 ? ISOTP_BRS : 0) | (n & 16 ? ISOTP_ESI : 0);
    else if (n & 4)
        f.flags = ISOTP_RTR;
    f.len = lens[(unsigned)rand() % (n & 2 ? 16 : 9)];
    for (unsigned i = 0; i < f.len; i++) {
        static const uint8_t runs[] = {0x00, 0xFF, 0x0F, 0xF0, 0x1F, 0x83};
        f.data[i] = n & 32 ? runs[(unsigned)rand() % sizeof runs] : (uint8_t)rand();
    }
    return f;
}

START_TEST(a_classic_frame_lasts_as_long_as_its_stuffed_bits)
{
    for (unsigned n = 0; n < 4096; n++) {
        struct isotp_frame f = random_frame(n & ~2u);
        ck_assert_uint_eq(sim_frame_ns(&f, 500000, 0), naive_classic_bits(&f) * 2000);
    }
}
END_TEST

START_TEST(an_fd_frame_lasts_as_long_as_its_two_phases)
{
    for (unsigned n = 0; n < 4096; n++) {
        struct isotp_frame f = random_frame(n | 2u);
        bool brs = f.flags & ISOTP_BRS;
        static const uint8_t lens[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};
        uint32_t dlc = 0;
        while (lens[dlc] != f.len) dlc++;

        struct bit_string s = {.n = 0};
        add_id(&s, &f);
        add(&s, 2, 2);
        add(&s, brs, 1);
        struct bit_string arbitration = s;
        add(&s, f.flags & ISOTP_ESI ? 1 : 0, 1);
        add(&s, dlc, 4);
        for (unsigned i = 0; i < f.len; i++) add(&s, f.data[i], 8);

        /* A stuff bit after BRS belongs to the data phase: count the arbitration as if a fixed one followed.
         */
        unsigned nominal = stuffed_length(&arbitration, true);
        unsigned data = stuffed_length(&s, true) - nominal + 4 + (f.len <= 16 ? 17 + 6 : 21 + 7) + 1;
        ck_assert_uint_eq(sim_frame_ns(&f, 500000, 2000000),
                          (nominal + 12) * 2000 + data * (brs ? 500 : 2000));
    }
}
END_TEST

START_TEST(full_frames_stay_within_the_published_limits)
{
    static const struct {
        uint32_t bitrate, data_bitrate;
        uint64_t least_us, most_us; /* isotp_limits: no stuffing, worst stuffing, rounded */
    } limit[] = {{500000, 0, 222, 270},
                 {1000000, 0, 111, 135},
                 {500000, 2000000, 333, 406},
                 {1000000, 8000000, 97, 118}};

    for (unsigned i = 0; i < sizeof limit / sizeof *limit; i++) {
        for (unsigned fill = 0; fill < 256; fill++) {
            for (uint32_t id = 0; id < 0x800; id += 0x7B) {
                struct isotp_frame f =
                    limit[i].data_bitrate != 0 ? fd_frame(id, 64, fill) : classic(id, 8, fill);
                uint64_t ns = sim_frame_ns(&f, limit[i].bitrate, limit[i].data_bitrate);
                ck_assert_uint_ge(ns, limit[i].least_us * 1000);
                ck_assert_uint_le(ns, limit[i].most_us * 1000 + 500);
            }
        }
    }
}
END_TEST

START_TEST(known_fd_frames_hit_the_limits_exactly)
{
    struct isotp_frame none = fd_frame(0x555, 64, 0x55);
    ck_assert_uint_eq(sim_frame_ns(&none, 500000, 2000000), 333000);
    ck_assert_uint_eq(sim_frame_ns(&none, 1000000, 8000000), 97750);

    struct isotp_frame worst =
        fd_frame(0x555, 64, 0x87); /* after DLC 1111: a stuff bit, then one every four bits */
    ck_assert_uint_eq(sim_frame_ns(&worst, 500000, 2000000), 333000 + 128 * 500);
}
END_TEST

START_TEST(the_time_of_a_frame_scales_with_any_bitrate)
{
    static const uint32_t rates[] = {10000, 33333, 83333, 125000, 250000, 800000, 1000000, 5000000, 8000000};
    for (unsigned n = 0; n < 512; n++) {
        struct isotp_frame f = random_frame(n & ~2u);
        for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
            uint64_t exact = (naive_classic_bits(&f) * SECOND + rates[i] / 2) / rates[i];
            ck_assert_uint_eq(sim_frame_ns(&f, rates[i], 0), exact);
        }
        f = random_frame(n | 2u);
        f.flags |= ISOTP_BRS;
        uint64_t slow = sim_frame_ns(&f, 250000, 1000000), twice = sim_frame_ns(&f, 500000, 2000000);
        ck_assert_uint_eq(slow, 2 * twice);
        /* A phase at a time: what the data phase takes longer at half its rate is all of it. */
        uint64_t data = sim_frame_ns(&f, 500000, 1000000) - twice;
        ck_assert_uint_eq(sim_frame_ns(&f, 500000, 4000000), twice - data / 2);
        ck_assert_uint_eq(sim_frame_ns(&f, 250000, 2000000), 2 * (twice - data) + data);
    }
}
END_TEST

START_TEST(without_a_bitrate_frames_take_no_time)
{
    struct isotp_frame f = fd_frame(0x123, 64, 0);
    ck_assert_uint_eq(sim_frame_ns(&f, 0, 0), 0);
}
END_TEST

START_TEST(what_the_format_does_not_allow_is_no_frame)
{
    struct isotp_frame f = classic(0x7FF, 8, 0);
    ck_assert(sim_frame_is_valid(&f));
    f.id = 0x800;
    ck_assert(!sim_frame_is_valid(&f));
    f.id |= ISOTP_ID_EXTENDED;
    ck_assert(sim_frame_is_valid(&f));
    f.id = ISOTP_ID_EXTENDED | 0x20000000;
    ck_assert(!sim_frame_is_valid(&f));

    f = classic(1, 8, 0);
    f.len = 9;
    ck_assert(!sim_frame_is_valid(&f));
    f = classic(1, 8, 0);
    f.flags = ISOTP_BRS;
    ck_assert(!sim_frame_is_valid(&f));
    f.flags = ISOTP_ERROR;
    ck_assert(!sim_frame_is_valid(&f));

    f = fd_frame(1, 12, 0);
    ck_assert(sim_frame_is_valid(&f));
    f.len = 13;
    ck_assert(!sim_frame_is_valid(&f));
    f.len = 65;
    ck_assert(!sim_frame_is_valid(&f));
    f = fd_frame(1, 8, 0);
    f.flags |= ISOTP_RTR;
    ck_assert(!sim_frame_is_valid(&f));
}
END_TEST

/* --- the bus --- */

START_TEST(a_frame_reaches_every_port_but_its_sender_at_its_end)
{
    start_classic_bus();
    struct isotp_frame f = classic(0x123, 8, 0xA5);
    uint64_t ns = sim_frame_ns(&f, 500000, 0);

    sim_bus_step(&bus, 1000);
    ck_assert_uint_eq(sim_bus_due(&bus), SIM_NEVER);
    offer(1, f);
    ck_assert_uint_eq(sim_bus_due(&bus), 1000);
    sim_bus_step(&bus, 1000);
    ck_assert_uint_eq(sim_bus_due(&bus), 1000 + ns);
    sim_bus_step(&bus, 1000 + ns - 1);
    ck_assert_uint_eq(seen[0].count, 0);
    sim_bus_step(&bus, 1000 + ns);

    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(seen[i].count, i == 1 ? 0 : 1);
        if (i != 1) ck_assert_uint_eq(seen[i].at[0], 1000 + ns);
    }
    ck_assert_mem_eq(&seen[0].frame[0], &f, sizeof f);
    ck_assert_uint_eq(bus.stats.busy_ns, ns);
    ck_assert_uint_eq(bus.port[1].stats.sent, 1);
    ck_assert_uint_eq(bus.port[2].stats.received, 1);
}
END_TEST

START_TEST(frames_that_wait_follow_without_a_gap_though_the_step_is_late)
{
    start_classic_bus();
    struct isotp_frame f = classic(0x123, 8, 0xA5);
    uint64_t ns = sim_frame_ns(&f, 500000, 0);

    for (int i = 0; i < 3; i++) offer(0, f);
    sim_bus_step(&bus, 0);
    sim_bus_step(&bus, SECOND);
    for (unsigned i = 0; i < 3; i++) ck_assert_uint_eq(seen[1].at[i], (i + 1) * ns);
    ck_assert_uint_eq(bus.stats.busy_ns, 3 * ns);
}
END_TEST

START_TEST(an_idle_bus_starts_at_the_present)
{
    start_classic_bus();
    struct isotp_frame f = classic(0x123, 0, 0);
    offer(0, f);
    sim_bus_step(&bus, 0);
    sim_bus_step(&bus, SECOND);
    offer(0, f);
    sim_bus_step(&bus, SECOND);
    ck_assert_uint_eq(sim_bus_due(&bus), SECOND + sim_frame_ns(&f, 500000, 0));
}
END_TEST

START_TEST(the_smaller_identifier_goes_first)
{
    /* In the order in which they must win: base identifier, then standard before extended, then data before
     * remote. */
    static const struct isotp_frame order[] = {
        {.id = 0x100},
        {.id = 0x200},
        {.id = 0x200, .flags = ISOTP_RTR},
        {.id = ISOTP_ID_EXTENDED | 0x200u << 18},
    };
    start_classic_bus();
    for (int i = 0; i < 4; i++) offer(3 - i, order[3 - i]);
    sim_bus_step(&bus, 0);
    sim_bus_step(&bus, SECOND);
    for (unsigned i = 1; i < 4; i++) ck_assert_mem_eq(&seen[0].frame[i - 1], &order[i], sizeof order[i]);
    ck_assert_uint_eq(seen[3].frame[0].id, 0x100);
}
END_TEST

START_TEST(any_two_identifiers_compete_bit_by_bit)
{
    for (unsigned n = 0; n < 2000; n++) {
        struct isotp_frame f[2] = {random_frame(2 * n & ~2u), random_frame((2 * n + 3 + n % 3) & ~2u)};
        struct bit_string bits[2] = {{.n = 0}, {.n = 0}};
        if (n % 2 == 0) { /* the same base identifier */
            uint32_t base = f[0].id & ISOTP_ID_EXTENDED ? f[0].id >> 18 & 0x7FF : f[0].id;
            f[1].id = f[1].id & ISOTP_ID_EXTENDED ? (f[1].id & ~(0x7FFu << 18)) | base << 18 : base;
        }
        for (int i = 0; i < 2; i++) {
            add_id(&bits[i], &f[i]);
            add(&bits[i], 0, 24); /* as long as an extended one */
        }
        int order = memcmp(bits[0].bit, bits[1].bit, 34);
        start_classic_bus();
        offer(0, f[0]);
        offer(1, f[1]);
        sim_bus_step(&bus, 0);
        sim_bus_step(&bus, SECOND);
        ck_assert_uint_eq(seen[2].count, 2);
        ck_assert_mem_eq(&seen[2].frame[0], &f[order > 0 ? 1 : 0], sizeof f[0]);
    }
}
END_TEST

START_TEST(a_frame_on_the_bus_is_not_interrupted)
{
    start_classic_bus();
    offer(0, classic(0x700, 8, 0));
    sim_bus_step(&bus, 0);
    offer(1, classic(0x001, 8, 0));
    sim_bus_step(&bus, SECOND);
    ck_assert_uint_eq(seen[2].frame[0].id, 0x700);
    ck_assert_uint_eq(seen[2].frame[1].id, 0x001);
}
END_TEST

START_TEST(a_port_keeps_its_own_order_and_equal_identifiers_theirs)
{
    start_classic_bus();
    offer(2, classic(0x300, 1, 1));
    offer(2, classic(0x100, 1, 2)); /* behind 0x300: the queue of a port is first in, first out */
    offer(1, classic(0x300, 1, 3));
    sim_bus_step(&bus, 0);
    sim_bus_step(&bus, SECOND);
    for (unsigned i = 0; i < 3; i++) ck_assert_uint_eq(seen[0].frame[i].data[0], i + 1);
}
END_TEST

START_TEST(full_mailboxes_refuse_until_a_frame_has_left)
{
    start_classic_bus();
    struct isotp_frame f = classic(0x123, 8, 0);
    for (unsigned i = 0; i < SIM_BUS_MAILBOXES; i++) offer(0, f);
    ck_assert_uint_eq(sim_bus_room(&bus, 0), 0);
    ck_assert(!sim_bus_offer(&bus, 0, &f));
    ck_assert_uint_eq(bus.port[0].stats.refused, 1);
    sim_bus_step(&bus, 0);
    ck_assert(sim_bus_offer(&bus, 0, &f));
}
END_TEST

START_TEST(an_fd_frame_on_a_classic_bus_is_dropped_and_counted)
{
    start_classic_bus();
    offer(0, fd_frame(0x123, 64, 0));
    ck_assert_uint_eq(bus.port[0].stats.bad, 1);
    ck_assert_uint_eq(sim_bus_due(&bus), SIM_NEVER);
}
END_TEST

START_TEST(ports_run_out_and_come_back)
{
    start_classic_bus();
    for (int i = 4; i < SIM_BUS_PORTS; i++) ck_assert_int_eq(sim_bus_attach(&bus, NULL, NULL), i);
    ck_assert_int_eq(sim_bus_attach(&bus, NULL, NULL), -1);
    offer(7, classic(1, 0, 0));
    sim_bus_detach(&bus, 7);
    ck_assert_uint_eq(sim_bus_due(&bus), SIM_NEVER);
    ck_assert_int_eq(sim_bus_attach(&bus, see, &seen[0]), 7);
}
END_TEST

START_TEST(a_port_that_leaves_does_not_take_its_frame_off_the_bus)
{
    start_classic_bus();
    offer(0, classic(0x123, 1, 0x42));
    sim_bus_step(&bus, 0);
    sim_bus_detach(&bus, 0);
    sim_bus_step(&bus, SECOND);
    ck_assert_uint_eq(seen[0].count, 0);
    ck_assert_uint_eq(seen[1].count, 1);
}
END_TEST

static void echo(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    struct isotp_frame reply = *f;
    (void)at_ns;
    if (f->id != 0x123) return;
    reply.id = 0x321;
    ck_assert(sim_bus_offer(&bus, *(int *)ctx, &reply));
}

START_TEST(a_receiver_may_answer_while_it_is_told)
{
    int port;
    start_classic_bus();
    port = sim_bus_attach(&bus, echo, &port);
    struct isotp_frame f = classic(0x123, 2, 0);
    offer(0, f);
    sim_bus_step(&bus, 0);
    sim_bus_step(&bus, SECOND);
    f.id = 0x321;
    ck_assert_uint_eq(seen[0].frame[0].id, 0x321);
    ck_assert_uint_eq(seen[0].at[0], seen[1].at[0] + sim_frame_ns(&f, 500000, 0));
}
END_TEST

/* --- faults --- */

static void run_with(struct sim_bus_faults faults, unsigned frames)
{
    start_bus((struct sim_bus_config){.bitrate = 500000, .faults = faults});
    for (unsigned i = 0; i < frames; i++) {
        offer(0, classic(0x123, 8, i));
        sim_bus_step(&bus, i * SECOND / 100);
    }
    sim_bus_step(&bus, SECOND);
}

START_TEST(the_same_seed_gives_the_same_run)
{
    struct sim_bus_faults faults = {.drop_ppm = 200000,
                                    .corrupt_ppm = 200000,
                                    .duplicate_ppm = 200000,
                                    .delay_ppm = 200000,
                                    .delay_ns = 700,
                                    .seed = 7};
    run_with(faults, 32);
    struct witness first = seen[1];
    ck_assert_uint_gt(bus.tamper.done[SIM_DROP], 0);
    ck_assert_uint_gt(bus.tamper.done[SIM_CORRUPT], 0);
    ck_assert_uint_gt(bus.tamper.done[SIM_DUPLICATE], 0);
    ck_assert_uint_gt(bus.tamper.done[SIM_DELAY], 0);
    run_with(faults, 32);
    ck_assert_mem_eq(&first, &seen[1], sizeof first);
    faults.seed = 8;
    run_with(faults, 32);
    ck_assert_mem_ne(&first, &seen[1], sizeof first);
}
END_TEST

START_TEST(one_chance_does_not_move_the_other_faults)
{
    struct sim_bus_faults faults = {.corrupt_ppm = 300000, .seed = 3};
    run_with(faults, 32);
    struct witness first = seen[1];
    faults.delay_ppm = 1000000;
    run_with(faults, 32);
    ck_assert_mem_eq(first.frame, seen[1].frame, sizeof first.frame);
}
END_TEST

START_TEST(a_dropped_frame_takes_its_time_and_reaches_nobody)
{
    run_with((struct sim_bus_faults){.drop_ppm = 1000000}, 3);
    ck_assert_uint_eq(seen[1].count, 0);
    ck_assert_uint_eq(bus.port[0].stats.sent, 3);
    ck_assert_uint_eq(bus.tamper.done[SIM_DROP], 3);
    ck_assert_uint_gt(bus.stats.busy_ns, 3 * 222000);
}
END_TEST

START_TEST(a_corrupted_frame_differs_in_one_to_three_payload_bits)
{
    run_with((struct sim_bus_faults){.corrupt_ppm = 1000000}, 60);
    for (unsigned i = 0; i < 60; i++) {
        int flipped = 0;
        for (unsigned k = 0; k < 8; k++) flipped += __builtin_popcount(seen[1].frame[i].data[k] ^ i);
        ck_assert_int_ge(flipped, 1);
        ck_assert_int_le(flipped, 3);
        ck_assert_uint_eq(seen[1].frame[i].len, 8);
        ck_assert_uint_eq(seen[1].frame[i].id, 0x123);
    }
}
END_TEST

START_TEST(an_empty_frame_cannot_be_corrupted)
{
    start_bus((struct sim_bus_config){.bitrate = 500000, .faults = {.corrupt_ppm = 1000000}});
    offer(0, classic(0x123, 0, 0));
    sim_bus_step(&bus, 0);
    sim_bus_step(&bus, SECOND);
    ck_assert_uint_eq(seen[1].count, 1);
}
END_TEST

START_TEST(a_duplicated_frame_comes_twice_and_takes_twice_its_time)
{
    run_with((struct sim_bus_faults){.duplicate_ppm = 1000000}, 1);
    struct isotp_frame f = classic(0x123, 8, 0);
    uint64_t ns = sim_frame_ns(&f, 500000, 0);
    ck_assert_uint_eq(seen[1].count, 2);
    ck_assert_uint_eq(seen[1].at[1], 2 * ns);
    ck_assert_uint_eq(bus.stats.busy_ns, 2 * ns);
    ck_assert_uint_eq(seen[0].count, 0);
}
END_TEST

START_TEST(a_delayed_frame_keeps_its_place)
{
    start_bus((struct sim_bus_config){.bitrate = 500000, .faults = {.delay_ppm = 1000000, .delay_ns = 5000}});
    struct isotp_frame f = classic(0x123, 8, 0);
    uint64_t ns = sim_frame_ns(&f, 500000, 0);
    offer(0, f);
    offer(1, f);
    sim_bus_step(&bus, 0);
    sim_bus_step(&bus, SECOND);
    ck_assert_uint_eq(seen[2].at[0], ns + 5000);
    ck_assert_uint_eq(seen[2].at[1], 2 * (ns + 5000));
}
END_TEST

/* Runs what ports and attacker have to say until nothing is due before UNTIL. */
static void run_until(uint64_t until)
{
    for (uint64_t due; (due = sim_bus_due(&bus)) <= until;) sim_bus_step(&bus, due);
    sim_bus_step(&bus, until);
}

static struct sim_rule rule(const char *line)
{
    struct sim_rule r;
    char why[256];
    ck_assert_msg(sim_rule_parse(line, &r, why, sizeof why), "%s: %s", line, why);
    return r;
}

static void start_ruled_bus(const char *line, uint32_t bitrate)
{
    struct sim_rule r = rule(line);
    start_bus((struct sim_bus_config){.bitrate = bitrate, .rules = &r, .rule_count = 1});
    sim_bus_step(&bus, 0);
}

static struct witness data_of(const struct witness *w)
{
    struct witness d = {0};
    for (unsigned i = 0; i < w->count; i++) {
        if (w->frame[i].flags & ISOTP_ERROR) continue;
        d.frame[d.count] = w->frame[i];
        d.at[d.count++] = w->at[i];
    }
    return d;
}

START_TEST(a_reordered_frame_follows_the_one_that_overtook_it)
{
    start_ruled_bus("reorder id=100", 500000);
    for (unsigned i = 0; i < 3; i++) offer(0, classic(0x100 + i, 1, i));
    run_until(SECOND);
    ck_assert_uint_eq(seen[1].count, 3);
    ck_assert_uint_eq(seen[1].frame[0].id, 0x101);
    ck_assert_uint_eq(seen[1].frame[1].id, 0x100);
    ck_assert_uint_eq(seen[1].frame[2].id, 0x102);
    ck_assert_uint_eq(seen[0].count, 0); /* it is still the sender's own */
}
END_TEST

START_TEST(a_forged_frame_follows_and_reaches_its_victim_too)
{
    start_ruled_bus("spoof id=7E8 frame=7E8#037F3678", 500000);
    offer(0, classic(0x7E8, 8, 0x55));
    run_until(SECOND);
    ck_assert_uint_eq(seen[1].count, 2);
    ck_assert_mem_eq(seen[1].frame[1].data, "\x03\x7F\x36\x78", 4);
    ck_assert_uint_eq(seen[0].count, 1);
}
END_TEST

START_TEST(a_flood_leaves_nothing_to_frames_of_lower_priority)
{
    start_ruled_bus("flood frame=000#0000000000000000 at=1ms for=10ms", 500000);
    run_until(2000000);
    offer(0, classic(0x7E8, 8, 0x55));
    run_until(SECOND);
    struct isotp_frame flood = classic(0, 8, 0);
    uint64_t ns = sim_frame_ns(&flood, 500000, 0);
    unsigned frames = (unsigned)((10000000 + ns - 1) / ns);
    ck_assert_uint_eq(bus.tamper.done[SIM_FLOOD], frames);
    ck_assert_uint_eq(seen[1].count, frames + 1);
    ck_assert_uint_eq(seen[1].at[0], 1000000 + ns);
    ck_assert_uint_eq(seen[1].frame[frames].id, 0x7E8);
    ck_assert_uint_ge(seen[1].at[frames], 11000000);
}
END_TEST

START_TEST(a_burst_of_frames_comes_by_chance)
{
    start_bus(
        (struct sim_bus_config){.bitrate = 500000, .faults = {.flood_ppm = 1000000, .flood_frames = 5}});
    offer(0, classic(0x123, 8, 0));
    sim_bus_step(&bus, 0);
    run_until(SECOND);
    ck_assert_uint_eq(seen[1].count, 6);
    ck_assert_uint_eq(seen[1].frame[5].id, 0);
    ck_assert_uint_eq(bus.tamper.done[SIM_FLOOD], 5);
}
END_TEST

START_TEST(a_flood_without_a_bitrate_comes_to_an_end)
{
    start_ruled_bus("flood at=0s for=1ms", 0);
    run_until(SECOND);
    ck_assert_uint_gt(seen[1].count, 3);
    ck_assert_uint_lt(seen[1].count, 20);
}
END_TEST

START_TEST(a_disturbed_frame_is_sent_again_after_an_error_frame)
{
    start_ruled_bus("error id=123 count=1", 500000);
    struct isotp_frame f = classic(0x123, 8, 0xA5);
    uint64_t ns = sim_frame_ns(&f, 500000, 0);
    offer(0, f);
    run_until(SECOND);

    struct witness got = data_of(&seen[1]);
    ck_assert_uint_eq(got.count, 1);
    ck_assert_uint_eq(seen[1].count, 2);
    ck_assert(seen[1].frame[0].flags & ISOTP_ERROR);
    uint64_t error_end = seen[1].at[0];
    ck_assert_uint_ge(error_end, 23 * 2000);      /* error flag, its echo, delimiter, intermission */
    ck_assert_uint_le(error_end, ns + 23 * 2000); /* after some part of the frame */
    ck_assert_uint_eq(got.at[0], error_end + ns);
    ck_assert_uint_eq(bus.port[0].errors.tec, 7);
    ck_assert_uint_eq(bus.port[1].errors.rec, 0);
    ck_assert_uint_eq(bus.port[0].stats.sent, 1);
    ck_assert_uint_eq(bus.stats.frames, 1);
}
END_TEST

START_TEST(a_node_that_is_disturbed_for_long_goes_off_the_bus_and_returns)
{
    start_ruled_bus("error id=7E8 count=32", 500000);
    offer(0, classic(0x7E8, 8, 0xA5));
    uint64_t off_at = 0;
    for (uint64_t due; bus.stats.bus_offs == 0 && (due = sim_bus_due(&bus)) < SECOND;) {
        sim_bus_step(&bus, due);
        off_at = due;
    }
    ck_assert_int_eq(sim_confine_state(&bus.port[0].errors), SIM_BUS_OFF);
    run_until(SECOND);

    struct isotp_frame f = classic(0x7E8, 8, 0xA5);
    struct witness got = data_of(&seen[1]);
    ck_assert_uint_eq(got.count, 1); /* it was not lost */
    ck_assert_uint_eq(got.at[0], off_at + 128 * 11 * 2000 + sim_frame_ns(&f, 500000, 0));
    ck_assert_uint_eq(bus.port[0].stats.bus_offs, 1);
    ck_assert_int_eq(sim_confine_state(&bus.port[0].errors), SIM_ERROR_ACTIVE);
    /* What it was told itself: 32 error frames, warning, passive, off, restarted. */
    ck_assert_uint_eq(seen[0].count, 36);
    ck_assert_uint_eq(seen[0].frame[35].id, 0x100);
    ck_assert_uint_eq(seen[0].at[35], off_at + 128 * 11 * 2000);
}
END_TEST

START_TEST(a_node_that_is_off_hears_nothing_and_frames_of_others_count_for_its_return)
{
    start_ruled_bus("error id=7E8 count=32", 500000);
    offer(0, classic(0x7E8, 0, 0));
    while (bus.stats.bus_offs == 0) sim_bus_step(&bus, sim_bus_due(&bus));
    unsigned told = seen[0].count;
    for (int i = 0; i < 8; i++) offer(1, classic(0x001, 0, 0));
    struct isotp_frame f = classic(0x001, 0, 0), own = classic(0x7E8, 0, 0);
    uint64_t now = bus.now_ns;
    run_until(now + SECOND);
    ck_assert_uint_eq(seen[0].count, told + 1); /* that it returned */
    struct witness got = data_of(&seen[2]);
    ck_assert_uint_eq(got.count, 9);
    ck_assert_uint_eq(got.frame[8].id, 0x7E8);
    ck_assert_uint_eq(got.at[8], now + 8 * sim_frame_ns(&f, 500000, 0) + 120 * 11 * 2000 +
                                     sim_frame_ns(&own, 500000, 0));
}
END_TEST

START_TEST(a_passive_node_waits_eight_bits_after_it_has_sent)
{
    start_ruled_bus("error id=100 count=16", 500000); /* TEC 128: passive */
    offer(0, classic(0x100, 0, 0));
    offer(0, classic(0x100, 0, 1));
    run_until(SECOND);
    struct witness got = data_of(&seen[1]);
    struct isotp_frame f = classic(0x100, 0, 0);
    /* 128 - 1 = 127 after the first: active again, no wait. */
    ck_assert_uint_eq(got.at[1] - got.at[0], sim_frame_ns(&f, 500000, 0));

    start_ruled_bus("error id=100 count=17", 500000); /* TEC 136 */
    offer(0, classic(0x100, 0, 0));
    offer(0, classic(0x100, 0, 1));
    offer(1, classic(0x700, 0, 0));
    run_until(SECOND);
    got = data_of(&seen[2]);
    ck_assert_uint_eq(got.frame[0].id, 0x700); /* lower priority, but the other had to wait */
    ck_assert_uint_eq(got.frame[1].id, 0x100);
    ck_assert_uint_eq(got.at[2] - got.at[1], sim_frame_ns(&f, 500000, 0) + 8 * 2000);
}
END_TEST

START_TEST(a_passive_node_says_so_in_its_fd_frames)
{
    start_bus((struct sim_bus_config){.bitrate = 500000, .data_bitrate = 2000000, .fd = true});
    bus.port[0].errors.tec = 200;
    offer(0, fd_frame(0x123, 12, 0));
    offer(1, fd_frame(0x124, 12, 0));
    sim_bus_step(&bus, 0);
    run_until(SECOND);
    ck_assert(seen[2].frame[0].flags & ISOTP_ESI);
    ck_assert(!(seen[2].frame[1].flags & ISOTP_ESI));
}
END_TEST

START_TEST(who_watches_learns_of_everybody_and_counts_nothing)
{
    start_ruled_bus("error id=7E8 count=32", 500000);
    struct witness log = {0};
    int port = sim_bus_watch(&bus, see, &log);
    offer(0, classic(0x7E8, 0, 0));
    run_until(SECOND);
    /* 32 error frames; warning, passive, off, restarted; the frame. */
    ck_assert_uint_eq(log.count, 37);
    ck_assert_uint_eq(bus.port[port].errors.rec, 0);
    ck_assert(!(log.frame[36].flags & ISOTP_ERROR));
}
END_TEST

START_TEST(every_fault_at_once_loses_nothing_that_it_does_not_say)
{
    struct sim_bus_faults faults = {.drop_ppm = 50000,
                                    .corrupt_ppm = 50000,
                                    .duplicate_ppm = 50000,
                                    .delay_ppm = 50000,
                                    .reorder_ppm = 50000,
                                    .error_ppm = 50000,
                                    .spoof_ppm = 50000,
                                    .flood_ppm = 20000,
                                    .delay_ns = 100000,
                                    .flood_frames = 3,
                                    .seed = 11};
    start_bus((struct sim_bus_config){.bitrate = 500000, .faults = faults});
    unsigned total = 0;
    for (unsigned i = 0; i < 2000; i++) {
        offer(0, classic(0x123, 8, i));
        run_until((i + 1) * SECOND / 100);
        total += data_of(&seen[1]).count;
        memset(seen, 0, sizeof seen);
    }
    const uint64_t *done = bus.tamper.done;
    for (int d = 0; d < SIM_DEEDS; d++)
        if (d != SIM_ALTER && d != SIM_SEND) ck_assert_msg(done[d] > 20, "%s", sim_deed_name(d));
    ck_assert_uint_eq(bus.port[0].stats.sent, 2000);
    ck_assert_uint_eq(total, 2000 - done[SIM_DROP] + done[SIM_DUPLICATE] + done[SIM_SPOOF] + done[SIM_FLOOD]);
}
END_TEST

/* --- links in memory --- */

START_TEST(a_link_takes_what_the_mailboxes_hold)
{
    start_classic_bus();
    struct isotp_link *l = sim_bus_link(&bus, false);
    struct isotp_frame f[SIM_BUS_MAILBOXES + 2];
    for (unsigned i = 0; i < SIM_BUS_MAILBOXES + 2; i++) f[i] = classic(0x100, 1, i);

    ck_assert_int_eq(l->fd, -1);
    ck_assert_int_eq(l->ops->send(l, f, SIM_BUS_MAILBOXES + 2), SIM_BUS_MAILBOXES);
    sim_bus_step(&bus, 0);
    ck_assert_int_eq(l->ops->send(l, f + SIM_BUS_MAILBOXES, 2), 1);
    ck_assert_int_eq(sim_bus_link_port(l), 4);
    l->ops->close(l);
    ck_assert_int_eq(sim_bus_attach(&bus, NULL, NULL), 4);
}
END_TEST

START_TEST(a_link_that_is_not_read_loses_and_counts)
{
    start_bus((struct sim_bus_config){.bitrate = 0});
    struct isotp_link *l = sim_bus_link(&bus, false);
    struct isotp_frame f[4];
    for (int i = 1; i < 4; i++) sim_bus_detach(&bus, i);

    for (unsigned i = 0; i < SIM_BUS_LINK_QUEUE + 10; i++) {
        offer(0, classic(i & 0x7FF, 0, 0));
        sim_bus_step(&bus, i);
    }
    ck_assert_uint_eq(l->ops->lost(l), 10);
    unsigned next = 0;
    for (int n; (n = l->ops->recv(l, f, 4)) > 0;) {
        for (int i = 0; i < n; i++) ck_assert_uint_eq(f[i].id, next++);
    }
    ck_assert_uint_eq(next, SIM_BUS_LINK_QUEUE);
    l->ops->close(l);
}
END_TEST

START_TEST(a_classic_link_sees_no_fd_frames)
{
    start_bus((struct sim_bus_config){.bitrate = 500000, .data_bitrate = 2000000, .fd = true});
    struct isotp_link *plain = sim_bus_link(&bus, false), *fd = sim_bus_link(&bus, true);
    struct isotp_frame f[2];
    offer(0, fd_frame(0x123, 64, 1));
    offer(0, classic(0x123, 8, 1));
    sim_bus_step(&bus, 0);
    sim_bus_step(&bus, SECOND);
    ck_assert_int_eq(plain->ops->recv(plain, f, 2), 1);
    ck_assert_uint_eq(f[0].len, 8);
    ck_assert_int_eq(fd->ops->recv(fd, f, 2), 2);
    ck_assert_uint_eq(f[0].len, 64);
    plain->ops->close(plain);
    fd->ops->close(fd);
}
END_TEST

START_TEST(an_fd_link_needs_an_fd_bus_and_a_port)
{
    start_classic_bus();
    ck_assert_ptr_null(sim_bus_link(&bus, true));
    for (int i = 4; i < SIM_BUS_PORTS; i++) sim_bus_attach(&bus, NULL, NULL);
    ck_assert_ptr_null(sim_bus_link(&bus, false));
}
END_TEST

SUITE("bus", a_classic_frame_lasts_as_long_as_its_stuffed_bits, an_fd_frame_lasts_as_long_as_its_two_phases,
      full_frames_stay_within_the_published_limits, known_fd_frames_hit_the_limits_exactly,
      the_time_of_a_frame_scales_with_any_bitrate, without_a_bitrate_frames_take_no_time,
      what_the_format_does_not_allow_is_no_frame, a_frame_reaches_every_port_but_its_sender_at_its_end,
      frames_that_wait_follow_without_a_gap_though_the_step_is_late, an_idle_bus_starts_at_the_present,
      the_smaller_identifier_goes_first, any_two_identifiers_compete_bit_by_bit,
      a_frame_on_the_bus_is_not_interrupted, a_port_keeps_its_own_order_and_equal_identifiers_theirs,
      full_mailboxes_refuse_until_a_frame_has_left, an_fd_frame_on_a_classic_bus_is_dropped_and_counted,
      ports_run_out_and_come_back, a_port_that_leaves_does_not_take_its_frame_off_the_bus,
      a_receiver_may_answer_while_it_is_told, the_same_seed_gives_the_same_run,
      one_chance_does_not_move_the_other_faults, a_dropped_frame_takes_its_time_and_reaches_nobody,
      a_corrupted_frame_differs_in_one_to_three_payload_bits, an_empty_frame_cannot_be_corrupted,
      a_duplicated_frame_comes_twice_and_takes_twice_its_time, a_delayed_frame_keeps_its_place,
      a_reordered_frame_follows_the_one_that_overtook_it, a_forged_frame_follows_and_reaches_its_victim_too,
      a_flood_leaves_nothing_to_frames_of_lower_priority, a_burst_of_frames_comes_by_chance,
      a_flood_without_a_bitrate_comes_to_an_end, a_disturbed_frame_is_sent_again_after_an_error_frame,
      a_node_that_is_disturbed_for_long_goes_off_the_bus_and_returns,
      a_node_that_is_off_hears_nothing_and_frames_of_others_count_for_its_return,
      a_passive_node_waits_eight_bits_after_it_has_sent, a_passive_node_says_so_in_its_fd_frames,
      who_watches_learns_of_everybody_and_counts_nothing,
      every_fault_at_once_loses_nothing_that_it_does_not_say, a_link_takes_what_the_mailboxes_hold,
      a_link_that_is_not_read_loses_and_counts, a_classic_link_sees_no_fd_frames,
      an_fd_link_needs_an_fd_bus_and_a_port)
