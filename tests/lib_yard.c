#include "tests/lib_yard.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "metadata/encode.h"
#include "metadata/json.h"

static char words[] = "VIN-1\0tcu\0tcu-hw\0brake\0brake-hw\0radio\0radio-hw\0time";
static const char *const serials[YARD_ECUS] = {"tcu", "brake", "radio"};
static const char *const hardware[YARD_ECUS] = {"tcu-hw", "brake-hw", "radio-hw"};

static struct isotp_link *links[2];

/* ---- servers ---- */

static int64_t time_of_day(const struct yard *y)
{
    return AUTHOR_NOW + (int64_t)(y->now_us / YARD_SECOND) - y->time_lag_s;
}

static struct up_span attest(struct yard *y, struct up_span question)
{
    char now[UP_TIME_TEXT];
    struct up_span nonces;
    const struct author *a = &y->site.author[UP_DIRECTOR];
    ck_assert(up_json_find(question, "nonces", &nonces));
    up_time_encode(time_of_day(y), now);
    return author_sign(a->profile, y->time_keys != 0 ? y->time_keys : a->ring[UP_TIME].keys,
                       author_text("{\"_type\":\"time\",\"nonces\":%.*s,\"time\":\"%.*s\"}", TEXT(nonces),
                                   UP_TIME_TEXT, now));
}

static struct up_span answer(void *ctx, const struct pri_request *rq)
{
    struct yard *y = ctx;
    if (rq->server == PRI_TIME) return attest(y, rq->body);
    ck_assert_str_eq(rq->path, "manifest");
    y->manifests++;
    return UP_SPAN("{\"verdict\":\"OK\"}");
}

/* ---- the Primary ---- */

static bool next_random(void *ctx, uint8_t *out, size_t n)
{
    struct yard *y = ctx;
    memset(out, 0, n);
    y->random++;
    memcpy(out, &y->random, sizeof y->random < n ? sizeof y->random : n);
    return true;
}

static void on_event(void *ctx, const struct pri_event *e)
{
    struct yard *y = ctx;
    size_t used = strlen(y->events);
    (void)snprintf(y->events + used, sizeof y->events - used, "%s %s %s; ", e->ecu, e->what,
                   up_err_name(e->err));
}

void yard_start(struct yard *y)
{
    char why[200];
    struct pri_problem problem = {0};
    y->installer =
        pri_installer_slots(author_text("%s/slots", y->site.folder.path), y->site.state, why, sizeof why);
    ck_assert_msg(y->installer != NULL, "%s", why);
    IS(pri_installer_provision(y->installer, "tcu-old", UP_SPAN("tcu"), 1), UP_OK);
    for (unsigned i = 0; i < 2; i++) {
        y->units[i].wire.a.queued = 0;
        links[i] = &y->units[i].wire.a.link;
    }
    struct pri_ports ports = {.state = y->site.state,
                              .fetch = &y->site.net.port,
                              .installer = y->installer,
                              .signer = &y->signer,
                              .links = links,
                              .random = next_random,
                              .event = on_event,
                              .ctx = y};
    y->pri = pri_open(&y->config, &ports, &problem);
    ck_assert_msg(y->pri != NULL, "%s", problem.what);
}

void yard_stop(struct yard *y)
{
    pri_close(y->pri);
    y->installer->close(y->installer);
    lib_fetch_end(&y->site.net);
}

void yard_cut(struct yard *y)
{
    yard_stop(y);
    yard_start(y);
}

static struct pri_ecu_config ecu_config(unsigned i)
{
    return (struct pri_ecu_config){.serial = words + 17 + 15 * i,
                                   .hardware_id = words + 23 + 15 * i,
                                   .bus = i,
                                   .full = i == 1,
                                   .profile = &up_profile_strict,
                                   .channel = isotp_config_default(0x7E0, 0x7E8, true)};
}

void yard_open(struct yard *y)
{
    uint8_t seed[32] = "the key of the Primary's report";
    memset(y, 0, sizeof *y);
    site_open(&y->site, &up_profile_strict);
    y->site.net.reply = answer;
    y->site.net.ctx = y;
    y->now_us = 10 * YARD_SECOND;
    y->config = (struct pri_config){.vehicle_id = words,
                                    .serial = words + 6,
                                    .hardware_id = words + 10,
                                    .state_dir = y->site.folder.path,
                                    .base_time_s = AUTHOR_NOW - 1000,
                                    .director = y->site.config[UP_DIRECTOR],
                                    .image = y->site.config[UP_IMAGE],
                                    .time_url = words + 47,
                                    .time_max_age_s = 3600,
                                    .ecu_deadline_s = 30,
                                    .boot_deadline_s = 10,
                                    .image_max_bytes = UNIT_IMAGE,
                                    .bus_count = 2,
                                    .ecu_count = 2,
                                    .ecus = {ecu_config(0), ecu_config(1)}};
    for (unsigned i = 0; i < 2; i++) {
        unit_open(&y->units[i], serials[i + 1]);
        y->units[i].hardware_id = hardware[i + 1];
    }
    ck_assert(up_signer_from_seed(UP_ED25519, seed, &y->signer));
    yard_start(y);
}

void yard_close(struct yard *y)
{
    yard_stop(y);
    for (unsigned i = 0; i < 2; i++) unit_close(&y->units[i]);
    up_signer_close(&y->signer);
    site_close(&y->site);
}

/* ---- orders ---- */

char *yard_order(struct yard *y, unsigned ecu, const char *name, unsigned counter, const char *bundle)
{
    char path[UP_FILE_NAME_MAX], hex[2 * UP_SHA256_BYTES];
    uint8_t digest[UP_SHA256_BYTES];
    const char *bytes = author_text("%s %u", name, counter);
    char *order = author_order(name, serials[ecu], hardware[ecu], counter);
    up_sha256(up_span_of(bytes), digest);
    up_hex_encode(digest, sizeof digest, hex);
    (void)snprintf(path, sizeof path, "targets/%.*s.%s", (int)sizeof hex, hex, name);
    shelf_put(&y->site.net.shelf[PRI_IMAGE], path, up_span_of(bytes));
    if (ecu != TCU) {
        y->units[ecu - 1].new_name = name;
        y->units[ecu - 1].new_counter = counter;
    }
    if (bundle == NULL) return order;
    return author_with(order, "\"ecuIdentifiers\"",
                       author_text("\"bundle\":\"%s\",\"ecuIdentifiers\"", bundle));
}

/* The Image repository signs the same, without what only the Director says. */
static const char *listed(const char *orders)
{
    const char *text = orders;
    for (const char *at; (at = strstr(text, "\"ecuIdentifiers\":{")) != NULL;) {
        const char *end = strstr(at, "}},") + 3;
        text = author_text("%.*s%s", (int)(at - text), text, end);
    }
    for (const char *at; (at = strstr(text, "\"bundle\":")) != NULL;) {
        const char *end = strchr(at, ',') + 1;
        text = author_text("%.*s%s", (int)(at - text), text, end);
    }
    return text;
}

void yard_publish(struct yard *y, const char *orders)
{
    y->version++;
    site_publish_with(&y->site, UP_DIRECTOR, y->version, orders, "", "");
    site_publish_with(&y->site, UP_IMAGE, y->version, listed(orders), "", "");
}

void yard_publish_all(struct yard *y)
{
    yard_publish(y, author_text("%s,%s,%s", yard_order(y, TCU, "tcu-new", 2, "all"),
                                yard_order(y, BRAKE, "brake-new", 2, "all"),
                                yard_order(y, RADIO, "radio-new", 2, "all")));
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void pass(struct yard *y, uint64_t due)
{
    uint32_t moved = 0;
    size_t waiting = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct lib_link *w = &y->units[i].wire;
        uint32_t sent = w->b.sent;
        due = earlier(due, unit_pump(&y->units[i], y->now_us));
        moved += w->b.sent - sent;
        waiting += w->a.queued;
    }
    if (moved == 0 && waiting == 0 && due > y->now_us) y->now_us = due == UINT64_MAX ? y->now_us + 1000 : due;
}

bool yard_turn(struct yard *y)
{
    if (!pri_step(y->pri, y->now_us)) return false;
    uint32_t due = pri_due(y->pri, y->now_us);
    pass(y, due == ISOTP_NEVER ? UINT64_MAX : y->now_us + due);
    return true;
}

bool yard_cycle_for(struct yard *y, enum pri_goal goal, unsigned turns)
{
    pri_begin(y->pri, goal, y->now_us);
    for (unsigned i = 0; i < turns; i++)
        if (!yard_turn(y)) return true;
    return false;
}

void yard_cycle_until(struct yard *y, enum pri_goal goal, const char *where)
{
    pri_begin(y->pri, goal, y->now_us);
    while (strcmp(pri_where(y->pri), where) != 0) ck_assert_msg(yard_turn(y), "it never came to %s", where);
}

const struct pri_outcome *yard_rest(struct yard *y)
{
    unsigned turns = 0;
    while (yard_turn(y)) ck_assert_msg(++turns < 200000, "the cycle hangs in %s", pri_where(y->pri));
    lib_fetch_end(&y->site.net);
    return pri_result(y->pri);
}

const struct pri_outcome *yard_cycle(struct yard *y, enum pri_goal goal)
{
    pri_begin(y->pri, goal, y->now_us);
    return yard_rest(y);
}

const struct pri_outcome *yard_good(struct yard *y)
{
    const struct pri_outcome *o = yard_cycle(y, PRI_UPDATE);
    ck_assert_msg(o->err == UP_OK, "%s: %s", up_err_name(o->err), o->detail);
    return o;
}

void yard_pass(struct yard *y, uint64_t seconds)
{
    const uint64_t end = y->now_us + seconds * YARD_SECOND;
    while (y->now_us < end) {
        for (unsigned i = 0; i < 2; i++) y->units[i].wire.a.queued = 0; /* nobody hears it */
        pass(y, end);
    }
}

/* ---- looking ---- */

const char *yard_runs(struct yard *y, unsigned ecu)
{
    struct pri_installed own;
    if (ecu != TCU) {
        const struct unit_slot *s = &y->units[ecu - 1].running;
        return s->state == UDS_SLOT_CONFIRMED ? s->name : "trial";
    }
    IS(y->installer->state(y->installer, &own), UP_OK);
    return own.trial ? "trial" : author_text("%s", own.name);
}

static struct up_span member(struct up_span object, const char *name)
{
    struct up_span value;
    ck_assert_msg(up_json_find(object, name, &value), "%s in %.*s", name, TEXT(object));
    return value;
}

struct up_span yard_report(struct yard *y, const char *serial)
{
    struct up_span body = member(up_span_of(y->site.net.body), "signed");
    return member(member(body, "ecu_version_manifests"), serial);
}

const char *yard_told(struct yard *y)
{
    struct up_span text = member(member(yard_report(y, "tcu"), "signed"), "attacks_detected");
    return author_text("%.*s", (int)text.n - 2, (const char *)text.p + 1);
}

const char *yard_events(struct yard *y)
{
    const char *events = author_text("%s", y->events);
    y->events[0] = '\0';
    return events;
}
