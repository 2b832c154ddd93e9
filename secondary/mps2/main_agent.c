/* The agent on the board: wiring, and the one loop that waits. It is the whole application of this ECU, so an
 * update replaces it. */
#include "metadata/crypto_bearssl.h"
#include "secondary/agent_state.h"
#include "secondary/mps2/mps2.h"
#include "secondary/mps2/plant.h"
#include "secondary/station.h"

#ifndef MPS2_VERSION
#define MPS2_VERSION 1 /* of this firmware */
#endif
#ifndef MPS2_WELL
#define MPS2_WELL 1 /* what its self-test finds */
#endif
#ifndef MPS2_HANGS
#define MPS2_HANGS 0 /* 1: it gets no further than to its first line */
#endif

#define MAX_MESSAGE (UP_REPORT_MAX + 8u) /* a version report and its head fit */
#define BLOCK_SIZE  8u                   /* frames per flow control: the serial line never holds more */
#define P2_US       1000000u             /* an emulator shares its processor; testers are told */
#define WATCH_US    20000u

static struct {
    struct up_signer signer;
    struct up_key boot_key;
    struct sec_identity id;
    struct sec_flash flash;
    struct sec_agent agent;
    struct mps2_link link;
    struct sec_station station;
    uint8_t request[MAX_MESSAGE], reply[MAX_MESSAGE];
    struct uds_slots told;
    uint32_t seen_active;
    uint64_t watched_us;
} ecu;

/* ---- console ---- */

static void say_pair(const char *name, uint32_t value)
{
    mps2_say(name);
    mps2_say_number(value);
}

static const char *state_name(uint8_t state)
{
    static const char *const names[] = {"empty",     "receiving", "verified", "trial",
                                        "confirmed", "bad",       "away"};
    return state < sizeof names / sizeof *names ? names[state] : "?";
}

static void say_slots(const struct uds_slots *s)
{
    mps2_say(" running=");
    mps2_say(state_name(s->running));
    mps2_say(" other=");
    mps2_say(state_name(s->other));
    say_pair(" transported=", s->transported);
    say_pair(" total=", s->total);
    mps2_say("\n");
}

static void watch(uint64_t now_us)
{
    struct uds_slots s;
    if (now_us - ecu.watched_us < WATCH_US) return;
    ecu.watched_us = now_us;
    sec_agent_slots(&ecu.agent, &s);
    if (s.running == ecu.told.running && s.other == ecu.told.other && s.transported == ecu.told.transported)
        return;
    ecu.told = s;
    mps2_say("event=slots");
    say_slots(&s);
}

/* ---- platform ---- */

static bool self_test(void *ctx, struct up_span image)
{
    (void)ctx, (void)image;
    return MPS2_WELL;
}

static bool random_bytes(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    return up_random(out, n);
}

static const struct sec_platform platform = {.self_test = self_test, .random = random_bytes};

/* The plant's secret, and the count of boots, which never comes twice. */
static void seed_random(const struct mps2_plant *plant, uint32_t boots)
{
    uint8_t seed[sizeof plant->seed + sizeof boots];
    memcpy(seed, plant->seed, sizeof plant->seed);
    memcpy(seed + sizeof plant->seed, &boots, sizeof boots);
    up_random_seed((struct up_span){seed, sizeof seed});
    up_wipe(seed, sizeof seed);
}

/* ---- identity ---- */

static bool identify(const struct mps2_plant *p)
{
    const struct mps2_fuses *fuses = (const struct mps2_fuses *)MPS2_FUSES;
    if (p->magic != MPS2_PLANT_MAGIC || !up_signer_from_secret(p->secret, &ecu.signer)) return false;
    if (!up_key_from_bytes(UP_ECDSA_P256_SHA256, (struct up_span){fuses->boot_key, 65}, &ecu.boot_key))
        return false;
    memcpy(ecu.signer.keyid, p->keyid, sizeof ecu.signer.keyid);
    ecu.flash = mps2_flash(p->flash_bytes);
    ecu.id = (struct sec_identity){.vehicle_id = up_span_of(p->vehicle_id),
                                   .serial = up_span_of(p->serial),
                                   .hardware_id = up_span_of(p->hardware_id),
                                   .profile = &up_profile_strict,
                                   .limits = UP_FULL && p->full ? &up_limits_posix : &up_limits_mcu,
                                   .full = p->full == 1,
                                   .signer = &ecu.signer,
                                   .base_time_s = p->base_time_s,
                                   .time_max_age_s = p->time_max_age_s,
                                   .trial_limit_s = p->trial_limit_s,
                                   .max_message = MAX_MESSAGE,
                                   .layout = SEC_SWAP,
                                   .boot = {.key = &ecu.boot_key},
                                   .staging_bytes = p->staging_bytes};
    if (p->image_names[0] != '\0') ecu.id.name_pattern = up_span_of(p->image_names);
    return true;
}

static void start_station(const struct mps2_plant *p)
{
    const struct uds_server_config server = {.p2_us = P2_US,
                                             .work_us = 1,
                                             .max_message = MAX_MESSAGE,
                                             .download_sessions = 1u << UDS_EXTENDED | 1u << UDS_PROGRAMMING,
                                             .file_sessions = 1u << UDS_EXTENDED};
    struct isotp_config channel = isotp_config_default(p->response_id, p->request_id, p->fd != 0);
    channel.functional_id = p->functional_id;
    channel.block_size = BLOCK_SIZE;
    mps2_link_open(&ecu.link, p->fd != 0);
    sec_station_init(&ecu.station, &ecu.link.link, &channel, &server, sec_agent_owner(), &ecu.agent,
                     ecu.request, ecu.reply);
}

static enum up_err start_agent(const struct mps2_plant *p)
{
    struct sec_boot_choice choice = {.slot = SEC_NO_SLOT};
    if (!identify(p) || !sec_handover_read(mps2_handover, &choice)) return UP_CONFIG;
    mps2_handover = 0; /* good for one start */
    return sec_agent_start(&ecu.agent, &ecu.flash, &ecu.id, &platform, &choice, mps2_now_ms());
}

static void start(void)
{
    const struct mps2_plant *p = (const struct mps2_plant *)(MPS2_FLASH + MPS2_FILE_BYTES - MPS2_SECTOR);
    const enum up_err e = start_agent(p);
    if (e != UP_OK) {
        say_pair("event=refused error=", (uint32_t)e);
        mps2_say("\n");
        for (;;) mps2_doze();
    }
    seed_random(p, ecu.agent.boots);
    start_station(p);
    sec_agent_slots(&ecu.agent, &ecu.told);
    say_pair("event=boot version=", MPS2_VERSION);
    say_pair(" boots=", ecu.agent.boots);
    if (ecu.agent.must_restart) mps2_say(" self-test=failed");
    say_slots(&ecu.told);
}

/* Nothing has come since it was asked last, and no timer is near. Sleep lets the emulator bring the next
 * byte. */
static bool is_quiet(uint64_t now_us)
{
    const uint32_t before = ecu.seen_active;
    ecu.seen_active = ecu.link.active;
    return ecu.link.active == before && sec_station_due(&ecu.station, (uint32_t)now_us) > 1000;
}

int main(void)
{
    mps2_uart_start();
    while (MPS2_HANGS) continue;
    mps2_clock_start();
    start();
    for (;;) {
        const uint64_t now = mps2_now_us();
        mps2_watchdog_feed();
        const bool reset = sec_agent_tick(&ecu.agent, mps2_now_ms());
        const bool up = sec_station_pump(&ecu.station, (uint32_t)now);
        watch(now);
        if (reset || !up) break;
        if (is_quiet(now)) mps2_doze();
    }
    say_pair("event=reset stack=", mps2_stack_used());
    say_pair(" of=", mps2_stack_bytes());
    mps2_say("\n");
    return 0;
}
