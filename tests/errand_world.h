/* A Primary's conversation with one Secondary that does as it is told (tests/lib_unit.h), to the end of an
 * errand. Time jumps to what is due next. Included by the one file of a test program. */
#ifndef TESTS_ERRAND_WORLD_H
#define TESTS_ERRAND_WORLD_H

#include "primary/ecu.h"
#include "tests/lib_unit.h"
#include "tests/suite.h"

#include <string.h>

#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))
#define SECOND      UINT64_C(1000000)

static struct unit u;
static struct pri_ecu ecu;
static struct isotp_node node;
static struct isotp *channels[1];
static char words[] = "VIN-1\0brake\0hw";
static struct pri_config config;
static struct pri_parcel parcel;
static struct pri_file files[24];
static uint8_t image[UNIT_IMAGE];
#define IMAGE_BYTES 3000
static uint64_t now_us;

static inline void begin(void)
{
    config = (struct pri_config){.vehicle_id = words,
                                 .ecu_count = 1,
                                 .ecu_deadline_s = 30,
                                 .boot_deadline_s = 10,
                                 .ecus = {{.serial = words + 6,
                                           .hardware_id = words + 12,
                                           .profile = &up_profile_strict,
                                           .channel = isotp_config_default(0x7E0, 0x7E8, true)}}};
    now_us = UINT64_C(4294000000); /* soon the wire's clock wraps */
    unit_open(&u, "brake");
    pri_ecu_init(&ecu, &config.ecus[0], &config);
    channels[0] = &ecu.channel;
    isotp_node_init(&node, &u.wire.a.link, channels, 1);
    parcel = (struct pri_parcel){
        .files = files, .image = {image, IMAGE_BYTES}, .must_order = true, .attested_s = 1};
    memset(parcel.order, 0xAB, sizeof parcel.order);
    memset(u.order, 0xAB, sizeof u.order);
    memset(files, 0, sizeof files);
    for (size_t i = 0; i < sizeof image; i++) image[i] = (uint8_t)(i * 7 + i / 256);
}

static inline void end(void)
{
    pri_ecu_close(&ecu);
    unit_close(&u);
}

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t primary_due(void)
{
    uint32_t e = pri_ecu_due(&ecu, now_us), n = isotp_node_due(&node, (uint32_t)now_us);
    uint32_t due = e < n ? e : n;
    return due == ISOTP_NEVER ? UINT64_MAX : now_us + due;
}

/* Until the errand ends; time jumps to what is due next. */
static inline enum pri_verdict run(enum pri_errand errand)
{
    const uint64_t end_us = now_us + 3600 * SECOND;
    pri_ecu_send(&ecu, errand, &parcel, now_us);
    while (now_us < end_us) {
        enum pri_verdict v = pri_ecu_step(&ecu, now_us);
        if (v != PRI_WAIT) return v;
        uint32_t moved = u.wire.a.sent + u.wire.b.sent;
        (void)isotp_node_pump(&node, (uint32_t)now_us);
        uint64_t due = earlier(unit_pump(&u, now_us), primary_due());
        bool busy = u.wire.a.sent + u.wire.b.sent != moved || u.wire.a.queued > 0;
        if (!busy && due > now_us) now_us = due == UINT64_MAX ? now_us + 1000 : due;
    }
    ck_abort_msg("the errand does not end: %s", unit_log(&u));
}

static inline void done(enum pri_errand errand)
{
    ck_assert_msg(run(errand) == PRI_DONE, "%s; %s", ecu.problem.what, unit_log(&u));
    ck_assert(!ecu.busy);
    ck_assert_uint_eq(pri_ecu_due(&ecu, now_us), ISOTP_NEVER);
}

static inline void failed(enum pri_errand errand, enum up_err want, const char *what)
{
    ck_assert_int_eq(run(errand), PRI_FAILED);
    IS(ecu.problem.err, want);
    ck_assert_msg(strstr(ecu.problem.what, what) != NULL, "%s", ecu.problem.what);
}

#endif
