#include "sim/vehicle.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "isotp/node.h"
#include "sim/virtual_ecu.h"
#include "sim/virtual_fetch.h"
#include "sim/wires.h"

#define SECONDARIES (SIM_WORLD_ECUS - 1)

struct sim_vehicle {
    struct sim_vehicle_options options;
    struct sim_world world;
    struct sim_backend *backend;
    struct sim_virtual_fetch fetch;
    struct sim_bus buses[SIM_WORLD_BUSES];
    struct sim_candump logs[SIM_WORLD_BUSES];
    struct sim_pcapng_tap taps[SIM_WORLD_BUSES];
    struct sim_virtual_ecu *ecus; /* SECONDARIES of them */
    struct sim_wires wires;
    struct pri_config config;
    struct pri_state *state;
    struct pri_installer *installer;
    struct up_signer signer;
    struct isotp_link *links[SIM_WORLD_BUSES];
    struct pri *primary;
    uint64_t random;
    char director_root[SIM_PATH_MAX + 32], image_root[SIM_PATH_MAX + 32], state_dir[SIM_PATH_MAX + 32];
    bool signing;
};

static int64_t time_of_day(void *ctx)
{
    const struct sim_vehicle *v = ctx;
    return SIM_VEHICLE_START_S + (int64_t)(v->wires.now_us / 1000000u);
}

int64_t sim_vehicle_time(const struct sim_vehicle *v)
{
    return SIM_VEHICLE_START_S + (int64_t)(v->wires.now_us / 1000000u);
}
uint64_t sim_vehicle_us(const struct sim_vehicle *v)
{
    return v->wires.now_us;
}

static bool random_bytes(void *ctx, uint8_t *out, size_t n)
{
    struct sim_vehicle *v = ctx;
    for (size_t i = 0; i < n; i++) {
        v->random = v->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(v->random >> 33);
    }
    return true;
}

static void on_event(void *ctx, const struct pri_event *e)
{
    struct sim_vehicle *v = ctx;
    if (v->options.event != NULL) v->options.event(v->options.ctx, e);
}

static void on_progress(void *ctx, const struct pri_progress *p)
{
    struct sim_vehicle *v = ctx;
    if (v->options.progress != NULL) v->options.progress(v->options.ctx, p);
}

/* ---- building it ---- */

static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
} /* the configuration is never freed by its owner */

static void configure(struct sim_vehicle *v)
{
    struct pri_config *c = &v->config;
    const struct sim_world_ecu *self = &sim_world_ecus[0];
    (void)snprintf(v->director_root, sizeof v->director_root, "%s/director/1.root.json", v->world.repos);
    (void)snprintf(v->image_root, sizeof v->image_root, "%s/repo/1.root.json", v->world.repos);
    (void)snprintf(v->state_dir, sizeof v->state_dir, "%s/primary", v->world.dir);
    *c = (struct pri_config){.vehicle_id = text(SIM_WORLD_VEHICLE),
                             .serial = text(self->serial),
                             .hardware_id = text(self->hardware_id),
                             .state_dir = v->state_dir,
                             .base_time_s = SIM_VEHICLE_START_S - 86400,
                             .director = {text("virtual"), v->director_root, &up_profile_strict},
                             .image = {text("virtual"), v->image_root, &up_profile_strict},
                             .time_url = text("virtual"),
                             .time_max_age_s = 3600,
                             .ecu_deadline_s = 60,
                             .boot_deadline_s = 10,
                             .image_max_bytes = 64u << 20,
                             .bus_count = SIM_WORLD_BUSES,
                             .ecu_count = SECONDARIES};
    for (unsigned b = 0; b < SIM_WORLD_BUSES; b++)
        c->buses[b] = (struct pri_bus_config){.name = text(sim_world_buses[b].name),
                                              .link = text("virtual"),
                                              .fd = sim_world_buses[b].fd,
                                              .bitrate = sim_world_buses[b].bitrate,
                                              .data_bitrate = sim_world_buses[b].data_bitrate,
                                              .load_percent = 95};
    for (unsigned i = 0; i < SECONDARIES; i++) {
        const struct sim_world_ecu *spec = &sim_world_ecus[i + 1];
        c->ecus[i] = (struct pri_ecu_config){.serial = text(spec->serial),
                                             .hardware_id = text(spec->hardware_id),
                                             .bus = (unsigned)spec->bus,
                                             .full = spec->full,
                                             .profile = &up_profile_strict};
        sim_ecu_channel(spec, true, &c->ecus[i].channel);
    }
}

static bool open_secondaries(struct sim_vehicle *v, char *why, size_t why_size)
{
    for (unsigned b = 0; b < SIM_WORLD_BUSES; b++) {
        struct sim_bus_config config = {.bitrate = sim_world_buses[b].bitrate,
                                        .data_bitrate = sim_world_buses[b].data_bitrate,
                                        .fd = sim_world_buses[b].fd,
                                        .faults = v->options.faults,
                                        .rules = v->options.rules,
                                        .rule_count = v->options.rule_count};
        config.faults.seed = v->options.seed * 2 + b;
        sim_bus_init(&v->buses[b], &config);
        (void)sim_candump_start(&v->logs[b], &v->buses[b], v->options.log, sim_world_buses[b].name,
                                UINT64_C(1000000000) * SIM_VEHICLE_START_S);
        (void)sim_pcapng_tap(&v->taps[b], &v->buses[b], v->options.capture, sim_world_buses[b].name,
                             UINT64_C(1000000000) * SIM_VEHICLE_START_S);
        v->links[b] = sim_bus_link(&v->buses[b], sim_world_buses[b].fd);
    }
    v->ecus = calloc(SECONDARIES, sizeof *v->ecus);
    if (v->ecus == NULL) return false;
    v->wires = (struct sim_wires){
        .buses = v->buses, .bus_count = SIM_WORLD_BUSES, .ecus = v->ecus, .ecu_count = SECONDARIES};
    for (unsigned i = 0; i < SECONDARIES; i++) {
        const struct sim_world_ecu *spec = &sim_world_ecus[i + 1];
        if (!sim_virtual_ecu_open_demo(&v->ecus[i], &v->world, spec, v->options.layout, &v->buses[spec->bus],
                                       v->options.seed, v->config.base_time_s, why, why_size))
            return false;
    }
    return true;
}

/* From what its state says. */
static bool start_primary(struct sim_vehicle *v, char *why, size_t why_size)
{
    char path[SIM_PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/slots", v->state_dir);
    if ((v->installer = pri_installer_slots(path, v->state, why, why_size)) == NULL) return false;
    struct pri_ports ports = {.state = v->state,
                              .fetch = &v->fetch.port,
                              .installer = v->installer,
                              .signer = &v->signer,
                              .links = v->links,
                              .random = random_bytes,
                              .event = on_event,
                              .progress = on_progress,
                              .ctx = v};
    struct pri_problem problem = {0};
    v->primary = pri_open(&v->config, &ports, &problem);
    if (v->primary == NULL) (void)snprintf(why, why_size, "%s", problem.what);
    return v->primary != NULL;
}

static void stop_primary(struct sim_vehicle *v)
{
    pri_close(v->primary);
    if (v->installer != NULL) v->installer->close(v->installer);
    v->primary = NULL;
    v->installer = NULL;
}

static bool open_primary(struct sim_vehicle *v, char *why, size_t why_size)
{
    char path[SIM_PATH_MAX], name[UP_NAME_MAX + 1];
    if (mkdir(v->state_dir, 0700) != 0) return false;
    if ((v->state = pri_state_open(":memory:", why, why_size)) == NULL) return false;
    sim_world_key_path(&v->world, &sim_world_ecus[0], path);
    if (!up_signer_open(path, &v->signer, why, why_size)) return false;
    v->signing = true;
    if (!start_primary(v, why, why_size)) return false;
    size_t n = 0;
    uint8_t *image = sim_world_image(&v->world, &sim_world_ecus[0], 1, &n);
    sim_world_image_name(&sim_world_ecus[0], 1, name);
    enum up_err e = pri_installer_provision(v->installer, name, (struct up_span){image, n}, 1);
    free(image);
    return e == UP_OK;
}

static bool build(struct sim_vehicle *v, char *why, size_t why_size)
{
    uint8_t seed[32] = {0};
    memcpy(seed, &v->options.seed, sizeof v->options.seed);
    if (!sim_world_create(&v->world, v->options.dir, seed, v->options.scheme, SIM_VEHICLE_START_S)) {
        (void)snprintf(why, why_size, "%s", v->world.why);
        return false;
    }
    configure(v);
    if ((v->backend = sim_backend_open(v->world.repos, time_of_day, v, why, why_size)) == NULL) return false;
    sim_virtual_fetch_init(&v->fetch, v->backend, SIM_WORLD_VEHICLE, &v->wires.now_us);
    return open_secondaries(v, why, why_size) && open_primary(v, why, why_size);
}

struct sim_vehicle *sim_vehicle_open(const struct sim_vehicle_options *o, char *why, size_t why_size)
{
    struct sim_vehicle *v = calloc(1, sizeof *v);
    if (v == NULL) return NULL;
    v->options = *o;
    v->random = o->seed;
    (void)snprintf(why, why_size, "the vehicle cannot be built in %s", o->dir);
    if (build(v, why, why_size)) return v;
    sim_vehicle_close(v);
    return NULL;
}

void sim_vehicle_close(struct sim_vehicle *v)
{
    if (v == NULL) return;
    stop_primary(v);
    for (unsigned i = 0; v->ecus != NULL && i < SECONDARIES; i++) sim_virtual_ecu_close(&v->ecus[i]);
    for (unsigned b = 0; b < SIM_WORLD_BUSES; b++)
        if (v->links[b] != NULL) v->links[b]->ops->close(v->links[b]);
    if (v->state != NULL) pri_state_close(v->state);
    if (v->signing) up_signer_close(&v->signer);
    if (v->backend != NULL) sim_backend_close(v->backend);
    free(v->ecus);
    free(v);
}

/* ---- time ---- */

const struct pri_outcome *sim_vehicle_cycle(struct sim_vehicle *v, enum pri_goal goal)
{
    return sim_wires_cycle(&v->wires, v->primary, goal, &v->fetch.ready_us);
}

bool sim_vehicle_cut_cycle(struct sim_vehicle *v, uint64_t after_us)
{
    char why[256];
    (void)sim_wires_turn(&v->wires);
    pri_begin(v->primary, PRI_UPDATE, v->wires.now_us);
    if (sim_wires_go_on(&v->wires, v->primary, &v->fetch.ready_us, v->wires.now_us + after_us) != NULL)
        return true;
    stop_primary(v);
    bool started = start_primary(v, why, sizeof why);
    assert(started);
    (void)started;
    return false;
}

void sim_vehicle_pass(struct sim_vehicle *v, uint64_t seconds)
{
    sim_wires_pass(&v->wires, seconds);
}

/* ---- the rest ---- */

struct sim_world *sim_vehicle_world(struct sim_vehicle *v)
{
    return &v->world;
}
unsigned sim_vehicle_requests(const struct sim_vehicle *v)
{
    return v->fetch.requests;
}
struct sim_backend *sim_vehicle_backend(struct sim_vehicle *v)
{
    return v->backend;
}
void sim_vehicle_sicken(struct sim_vehicle *v, unsigned ecu, bool sick)
{
    v->ecus[ecu - 1].sick = sick;
}

const struct sim_bus *sim_vehicle_bus(const struct sim_vehicle *v, unsigned bus)
{
    return &v->buses[bus];
}

bool sim_vehicle_order(struct sim_vehicle *v, unsigned version)
{
    return sim_world_order(&v->world, sim_backend_director(v->backend), version);
}

struct sim_reply sim_vehicle_ask(struct sim_vehicle *v, const char *method, const char *path,
                                 struct up_span body)
{
    struct sim_request rq = {
        .method = method, .path = path, .vehicle = SIM_WORLD_VEHICLE, .body = body.p, .body_bytes = body.n};
    struct sim_reply reply = {0};
    sim_backend_request(v->backend, &rq, &reply);
    return reply;
}

struct sec_agent *sim_vehicle_agent(struct sim_vehicle *v, unsigned ecu)
{
    return &v->ecus[ecu - 1].agent;
}

void sim_vehicle_cut_power(struct sim_vehicle *v, unsigned ecu)
{
    sim_virtual_ecu_cut(&v->ecus[ecu - 1], v->wires.now_us);
}

void sim_vehicle_running(struct sim_vehicle *v, unsigned ecu, char name[UP_NAME_MAX + 1],
                         uint32_t *release_counter)
{
    struct pri_installed own = {0};
    struct sec_status s;
    if (ecu == 0) {
        (void)v->installer->state(v->installer, &own);
        (void)snprintf(name, UP_NAME_MAX + 1, "%s", own.name);
        *release_counter = own.release_counter;
        return;
    }
    sec_agent_status(&v->ecus[ecu - 1].agent, &s);
    size_t n = s.image_name.n < UP_NAME_MAX ? s.image_name.n : UP_NAME_MAX;
    memcpy(name, s.image_name.p, n);
    name[n] = '\0';
    *release_counter = s.release_counter;
}

/* ---- somebody else on the bus ---- */

struct sim_tester {
    struct sim_vehicle *vehicle;
    struct isotp_link *link;
    struct isotp_node node;
    struct isotp *channels[1];
    struct pri_ecu ecu;
};

struct sim_tester *sim_vehicle_tester(struct sim_vehicle *v, unsigned ecu)
{
    struct sim_tester *t = calloc(1, sizeof *t);
    const struct sim_world_ecu *spec = &sim_world_ecus[ecu];
    if (t == NULL) return NULL;
    t->vehicle = v;
    t->link = sim_bus_link(&v->buses[spec->bus], sim_world_buses[spec->bus].fd);
    pri_ecu_init(&t->ecu, &v->config.ecus[ecu - 1], &v->config);
    t->channels[0] = &t->ecu.channel;
    isotp_node_init(&t->node, t->link, t->channels, 1);
    return t;
}

void sim_tester_close(struct sim_tester *t)
{
    if (t == NULL) return;
    pri_ecu_close(&t->ecu);
    t->link->ops->close(t->link);
    free(t);
}

/* The Primary hears the answers too; it has asked for none. */
static void deafen_primary(struct sim_vehicle *v)
{
    struct isotp_frame f;
    for (unsigned b = 0; b < SIM_WORLD_BUSES; b++)
        while (v->links[b]->ops->recv(v->links[b], &f, 1) > 0) {
        }
}

/* Until WORK says that it is done. */
static enum pri_verdict act(struct sim_tester *t, enum pri_verdict (*work)(struct sim_tester *t))
{
    struct sim_vehicle *v = t->vehicle;
    uint64_t *now_us = &v->wires.now_us, end = *now_us + SIM_WIRES_CYCLE_US;
    enum pri_verdict verdict = PRI_WAIT;
    while (*now_us < end) {
        sim_wires_deliver(&v->wires);
        (void)isotp_node_pump(&t->node, (uint32_t)*now_us);
        verdict = work(t);
        (void)isotp_node_pump(&t->node, (uint32_t)*now_us);
        if (verdict != PRI_WAIT) break;
        uint64_t due = sim_wires_turn(&v->wires);
        uint32_t ecu = pri_ecu_due(&t->ecu, *now_us), node = isotp_node_due(&t->node, (uint32_t)*now_us);
        uint32_t client = uds_client_due(&t->ecu.client, (uint32_t)*now_us);
        uint32_t mine = ecu < node ? ecu : node;
        if (client < mine) mine = client;
        if (mine != ISOTP_NEVER && *now_us + mine < due) due = *now_us + mine;
        deafen_primary(v);
        sim_wires_pass_to(&v->wires, due < end ? due : end);
    }
    return verdict;
}

static enum pri_verdict go_on(struct sim_tester *t)
{
    return pri_ecu_step(&t->ecu, t->vehicle->wires.now_us);
}

enum pri_verdict sim_tester_send(struct sim_tester *t, enum pri_errand errand,
                                 const struct pri_parcel *parcel, const struct pri_ecu **told)
{
    (void)sim_wires_turn(&t->vehicle->wires);
    pri_ecu_send(&t->ecu, errand, parcel, t->vehicle->wires.now_us);
    enum pri_verdict verdict = act(t, go_on);
    if (told != NULL) *told = &t->ecu;
    return verdict;
}

static enum pri_verdict listen(struct sim_tester *t)
{
    (void)pri_ecu_step(&t->ecu, t->vehicle->wires.now_us); /* no errand: it moves the client only */
    return uds_client_outcome(&t->ecu.client) == UDS_WAITING ? PRI_WAIT : PRI_DONE;
}

enum up_err sim_tester_ask(struct sim_tester *t, const uint8_t *request, size_t n, uint8_t *code)
{
    struct uds_client *c = &t->ecu.client;
    (void)sim_wires_turn(&t->vehicle->wires);
    uds_client_request(c, request, n, NULL, 0, (uint32_t)t->vehicle->wires.now_us);
    (void)act(t, listen);
    *code = uds_client_outcome(c) == UDS_REFUSED ? c->code : 0;
    return uds_client_outcome(c) == UDS_POSITIVE  ? UP_OK
           : uds_client_outcome(c) == UDS_REFUSED ? UP_BUS_REFUSED
                                                  : UP_UNAVAILABLE;
}
