/* Attacks of who sits on the bus, or in an ECU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secondary/agent_state.h"
#include "sim/attack_kit.h"

/* ---- programming past Uptane ---- */

static enum up_err ask(struct sim_vehicle *v, unsigned ecu, const uint8_t *request, size_t n, uint8_t *code)
{
    static const uint8_t extended[] = {0x10, 0x03};
    struct sim_tester *t = sim_vehicle_tester(v, ecu);
    enum up_err e = t == NULL ? UP_UNAVAILABLE : sim_tester_ask(t, extended, sizeof extended, code);
    if (e == UP_OK) e = sim_tester_ask(t, request, n, code);
    sim_tester_close(t);
    return e;
}

void sim_attack_no_metadata(struct sim_vehicle *v, struct sim_attack_result *r)
{
    static const uint8_t download[] = {0x34, 0x00, 0x44, 0, 0, 0, 0, 0, 0, 0x10, 0},
                         activate[4 + UDS_ORDER_BYTES] = {0x31, 0x01, 0x03, 0x12};
    uint8_t code;
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "an honest poll");
    for (unsigned ecu = 1; ecu <= 3; ecu += 2) {
        const char *serial = sim_world_ecus[ecu].serial;
        enum up_err e = ask(v, ecu, download, sizeof download, &code);
        sim_attack_note(r, serial, UP_BUS_REFUSED, e, "RequestDownload without metadata: NRC %02X", code);
        e = ask(v, ecu, activate, sizeof activate, &code);
        sim_attack_note(r, serial, UP_BUS_REFUSED, e, "activation of what is not there: NRC %02X", code);
    }
    sim_attack_all_run(v, r, 1);
    sim_attack_is_told(v, r, 1, "BUS_UNAUTHORISED");
    sim_attack_heals(v, r, 2);
}

/* ---- genuine metadata, another image or another day ---- */

void sim_attack_other_image(struct sim_vehicle *v, struct sim_attack_result *r)
{
    const struct sim_world_ecu *brake = &sim_world_ecus[1];
    uint8_t *image = calloc(1, brake->image_bytes);
    struct sim_loot l;
    if (image == NULL || !sim_attack_order(v, r, 2)) return;
    const struct pri_outcome *o = sim_vehicle_cycle(v, PRI_CHECK);
    sim_attack_note(r, "vehicle", UP_OK, o == NULL ? UP_TOO_SLOW : o->err,
                    "2.0 is ordered, not yet installed");
    sim_attack_loot(v, 1, &l);
    sim_attack_note(r, "brake", UP_BUS_REFUSED,
                    sim_attack_on_bus(v, 1, &l, (struct up_span){image, brake->image_bytes - 1}),
                    "the genuine order, then one byte less than ordered");
    sim_attack_note(r, "brake", UP_IMG_HASH,
                    sim_attack_on_bus(v, 1, &l, (struct up_span){image, brake->image_bytes}),
                    "other bytes of the same length");
    sim_attack_loot_free(&l);
    free(image);
    sim_attack_all_run(v, r, 1);
    sim_attack_is_told(v, r, 1, "IMG_HASH");
    sim_attack_heals(v, r, 2);
}

void sim_attack_replayed_order(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct sim_loot l;
    if (!sim_attack_order(v, r, 2)) return;
    (void)sim_vehicle_cycle(v, PRI_CHECK);
    sim_attack_loot(v, 1, &l);
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v),
                    "honest update to 2.0; the attacker has kept the order");
    sim_vehicle_pass(v, 60 * 86400); /* the Director signs anew */
    struct sim_repo repo;
    unsigned files;
    if (sim_attack_open_repo(v, r, &repo) && !sim_repo_sign(&repo, NULL, &files, sim_vehicle_time(v)))
        sim_attack_trouble(r, repo.why);
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "an honest poll two months later");
    sim_attack_note(r, "brake", UP_ROLLBACK, sim_attack_on_bus(v, 1, &l, UP_SPAN("no image")),
                    "the old order is played to the brake once more");
    sim_attack_loot_free(&l);
    sim_attack_all_run(v, r, 2);
    sim_attack_heals(v, r, 2);
}

/* ---- an ECU that has been taken over ---- */

static bool same_again(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    memset(out, 0x55, n);
    return true;
}

/* It says of itself what it likes, and asks what others ask. Its bundle waits for it; nobody else does. */
void sim_attack_lying_secondary(struct sim_vehicle *v, struct sim_attack_result *r)
{
    const unsigned liars[] = {2, 4}; /* door, radio */
    struct sec_platform lying[2];
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "an honest poll");
    if (!sim_attack_order(v, r, 2)) return;
    for (unsigned i = 0; i < 2; i++) {
        struct sec_agent *a = sim_vehicle_agent(v, liars[i]);
        lying[i] = *a->platform;
        lying[i].random = same_again;
        a->platform = &lying[i];
        a->trusted.root_version[UP_DIRECTOR] = UINT32_MAX;
    }
    sim_vehicle_agent(v, 4)->slots.release_floor = UP_COUNTER_MAX;
    sim_attack_note(r, "vehicle", UP_IMG_RELEASE_COUNTER, sim_attack_cycle(v),
                    "door and radio use the same nonce and hold the last Root there can be; the radio also "
                    "had the last release");
    sim_attack_runs(v, r, 4, 1);
    for (unsigned ecu = 1; ecu < 4; ecu++) sim_attack_runs(v, r, ecu, 2);
    for (unsigned i = 0; i < 2; i++) sim_vehicle_cut_power(v, liars[i]);
    sim_attack_heals(v, r, 2);
}
