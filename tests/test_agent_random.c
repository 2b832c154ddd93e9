/* Whatever is sent to a Secondary, by whoever: what runs is whole and was ordered, flash is used as its port
 * wants it (tests/lib_flash.c aborts else), and the next good update succeeds. Runs follow from their seed.
 */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#define RUNS     60
#define REQUESTS 250

static struct ecu e;
static uint32_t seed;
static struct up_span image;
static uint32_t offset; /* of the transfer under way */
static uint8_t counter;

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static const char *const paths[] = {"time",
                                    "director/targets",
                                    "director/root/2",
                                    "director/root/3",
                                    "image/timestamp",
                                    "director/timestamp",
                                    "director/snapshot",
                                    "image/targets",
                                    "image/snapshot",
                                    "image/role/supplier",
                                    "image/root/2",
                                    "director/root/0",
                                    "../x",
                                    ""};
static const uint16_t routines[] = {UDS_ROUTINE_VERIFY_METADATA, UDS_ROUTINE_VERIFY_IMAGE,
                                    UDS_ROUTINE_ACTIVATE,        UDS_ROUTINE_CONFIRM,
                                    UDS_ROUTINE_REVERT,          0xFF00};

static void any_file(void)
{
    const char *path = paths[below(sizeof paths / sizeof *paths)];
    if (below(3) > 0) { /* one of those that would do, or half of it */
        const struct ecu_file *f = &e.file[below(e.files)];
        if (ecu_begin_put(&e, f->path, (uint32_t)f->bytes.n) != 0) return;
        size_t n = below(2) ? f->bytes.n : below((uint32_t)f->bytes.n);
        (void)ecu_blocks(&e, (struct up_span){f->bytes.p, n}, 1 + below(1500));
        if (below(4) > 0) (void)ecu_exit(&e);
    } else {
        (void)ecu_begin_put(&e, path, 1 + below(40000));
    }
}

static void any_image(void)
{
    const uint32_t from[] = {0, ecu_slots(&e).transported, below(6000)};
    offset = from[below(3)];
    uint32_t rest = below(4) > 0 && offset < image.n ? (uint32_t)image.n - offset : 1 + below(6000);
    (void)ecu_begin_image(&e, below(8) == 0 ? (uint8_t)below(256) : 0, offset, rest);
    counter = 0;
}

static void any_block(void)
{
    uint8_t q[ECU_MESSAGE] = {UDS_TRANSFER_DATA};
    if (below(10) > 0) counter++;
    q[1] = below(20) == 0 ? (uint8_t)below(256) : counter;
    size_t n = 1 + below(1200);
    if (offset < image.n && n > image.n - offset) n = image.n - offset;
    for (size_t i = 0; i < n; i++)
        q[2 + i] = offset + i < image.n ? image.p[offset + i] : (uint8_t)below(256);
    if (below(30) == 0) q[2 + below((uint32_t)n)] ^= 1;
    if (ecu_ask(&e, q, 2 + n) == 0) offset += (uint32_t)n;
}

static void any_routine(void)
{
    uint8_t order[UDS_ORDER_BYTES];
    memcpy(order, e.order, sizeof order);
    if (below(6) == 0) order[below(32)] ^= 1;
    uint16_t routine = routines[below(sizeof routines / sizeof *routines)];
    bool wants_order =
        routine == UDS_ROUTINE_ACTIVATE || routine == UDS_ROUTINE_CONFIRM || routine == UDS_ROUTINE_REVERT;
    (void)ecu_routine(&e, routine, (below(12) > 0) == wants_order ? order : NULL);
}

static void any_bytes(void)
{
    static const uint8_t services[] = {0x10, 0x11, 0x22, 0x27, 0x28, 0x2E, 0x31,
                                       0x34, 0x36, 0x37, 0x38, 0x3E, 0x85};
    uint8_t q[64];
    size_t n = 1 + below(sizeof q);
    for (size_t i = 0; i < n; i++) q[i] = (uint8_t)below(256);
    q[0] = services[below(sizeof services)];
    if (q[0] == UDS_ECU_RESET && n == 2) return; /* resets are below */
    if (n > 1) q[1] &= 0x7F;                     /* an answer is wanted */
    (void)ecu_ask(&e, q, n);
}

static void any_thing(void)
{
    switch (below(12)) {
    case 0:
        (void)ecu_session(&e, (uint8_t)(1 + below(3)));
        break;
    case 1:
    case 2:
        (void)ecu_session(&e, UDS_EXTENDED);
        any_file();
        break;
    case 3:
        (void)ecu_session(&e, UDS_EXTENDED);
        if (below(3) == 0)
            (void)ecu_transfer(&e); /* as it should be */
        else
            any_image();
        break;
    case 4:
    case 5:
    case 6:
        for (uint32_t i = below(8); i > 0; i--) any_block();
        break;
    case 7:
        (void)ecu_exit(&e);
        break;
    case 8:
        any_routine();
        break;
    case 9:
        any_bytes();
        break;
    case 10:
        (void)ecu_read(&e, (uint16_t)(below(2) ? 0xFD10 + below(8) : 0xF186 + below(12)));
        break;
    default:
        if (below(3) > 0)
            ecu_pass(&e, below(8000));
        else if (below(2))
            ck_assert_int_eq(ecu_boot(&e), UP_OK);
        else
            (void)ecu_reset(&e);
    }
}

START_TEST(nothing_that_is_sent_does_lasting_harm)
{
    seed = (uint32_t)_i + 1;
    ecu_new(&e, below(2) == 1, 1024, 16);
    image = ecu_image(3000 + below(3000), 5);
    ecu_issue(&e, "fw/new", 2, image);
    const bool ordered = below(3) > 0;
    if (ordered) ck_assert_int_eq(ecu_send(&e), UP_OK);
    for (int i = 0; i < REQUESTS; i++) {
        any_thing();
        if (ordered && below(20) == 0) ck_assert_int_eq(ecu_send(&e), UP_OK);
    }
    struct up_report r = ecu_report(&e);
    struct sec_status s;
    sec_agent_status(&e.agent, &s);
    if (up_span_is(r.image_name, "fw/new"))
        ck_assert_mem_eq(s.image.p, image.p, image.n);
    else
        ck_assert(up_span_is(r.image_name, "fw/old") && up_span_eq(s.image, e.plant.image));
    if (!ordered) ck_assert(up_span_is(r.image_name, "fw/old"));

    ck_assert_int_eq(ecu_boot(&e), UP_OK);
    ecu_issue(&e, "fw/last", 3, ecu_image(2000, 9));
    enum up_err err = ecu_send(&e);
    if (ecu_slots(&e).running ==
        UDS_SLOT_TRIAL) { /* somebody started the new image: it goes, or is kept, first */
        (void)ecu_routine(&e, UDS_ROUTINE_REVERT, e.agent.slots.slot[e.agent.running].order);
        ck_assert_int_eq(ecu_boot(&e), UP_OK);
    }
    ck_assert_msg(err == UP_OK, "then %s", up_err_name(err));
    ck_assert_int_eq(ecu_update(&e), UP_OK);
    ck_assert(ecu_runs(&e, "fw/last"));
    ecu_free(&e);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent_random");
    TCase *c = tcase_create("agent_random");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, nothing_that_is_sent_does_lasting_harm, 0, RUNS);
    suite_add_tcase(s, c);
    return suite_run(s);
}
