/* isoctane-sim demo: the demo vehicle with its real parts. Every ECU, bus and server is a process of its own;
 * this one only sets the table, says who does what, and checks that all came out as said. */
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "isotp/link.h"
#include "metadata/encode.h"
#include "sim/children.h"
#include "sim/commands.h"
#include "sim/pki.h"
#include "sim/temp_dir.h"
#include "sim/virtual_ecu.h"
#include "sim/world.h"

#define MARK    ".isoctane-demo"
#define START_S 10 /* children are up by then */

static const char help_text[] =
    "Usage: isoctane-sim demo [--dir FOLDER] [--keep]\n"
    "\n"
    "Makes both repositories and a vehicle of five ECUs, serves over HTTPS, updates all ECUs over CAN (vcan0 "
    "and vcan1 where\n"
    "they exist, else a virtual bus), polls again, then runs two attacks. Every part is a process of its "
    "own.\n"
    "\n"
    "  --dir FOLDER   where everything is kept (default ./demo; an earlier demo there is replaced)\n"
    "  --keep         leave the servers and ECUs running until Ctrl-C, to look around\n"
    "\n"
    "Exit status: 0 everything came out as said, 64 usage, 70 something did not, 78 the folder cannot be "
    "used.\n";

struct demo {
    char dir[SIM_PATH_MAX / 2];
    struct sim_world world;
    struct sim_children children;
    bool vcan;
    char links[SIM_WORLD_BUSES][SIM_PATH_MAX];
    unsigned port;
    bool keep;
};

static bool say(const char *what)
{
    printf("\n== %s\n", what);
    (void)fflush(stdout);
    return true;
}

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "isoctane-sim demo: %s: %s\n", what, why);
    return false;
}

static void path_of(const struct demo *d, char *out, size_t cap, const char *name)
{
    (void)snprintf(out, cap, "%s/%s", d->dir, name);
}

/* A condition becomes true within START_S. Only the start of processes is waited for like this. */
static bool wait_for(struct demo *d, bool (*ready)(struct demo *d, const void *arg), const void *arg,
                     const char *what)
{
    for (int i = 0; i < START_S * 100; i++) {
        if (ready(d, arg)) return true;
        const char *lost = sim_children_lost(&d->children);
        if (lost != NULL) return fail(lost, "ended at once; its log is in the folder logs/");
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return fail(what, "did not start in time");
}

/* ---- folder ---- */

static bool make_folder(struct demo *d)
{
    char mark[SIM_PATH_MAX], logs[SIM_PATH_MAX];
    path_of(d, mark, sizeof mark, MARK);
    path_of(d, logs, sizeof logs, "logs");
    struct stat st;
    if (stat(d->dir, &st) == 0) {
        if (stat(mark, &st) != 0)
            return fail(d->dir, "exists and is no earlier demo; choose another folder with --dir");
        sim_remove_dir(d->dir);
    }
    if (mkdir(d->dir, 0700) != 0) return fail(d->dir, strerror(errno));
    FILE *f = fopen(mark, "w");
    if (f == NULL || fclose(f) != 0 || mkdir(logs, 0700) != 0) return fail(d->dir, strerror(errno));
    return true;
}

/* ---- buses ---- */

static bool socket_there(struct demo *d, const void *arg)
{
    (void)d;
    struct stat st;
    return stat((const char *)arg + strlen("bus:"), &st) == 0;
}

static bool is_vcan(const char *name)
{
    char why[200];
    if (if_nametoindex(name) == 0) return false;
    struct isotp_link *l = isotp_link_open_socketcan(name, true, why, sizeof why);
    if (l != NULL) l->ops->close(l);
    return l != NULL;
}

static bool start_buses(struct demo *d)
{
    d->vcan = is_vcan("vcan0") && is_vcan("vcan1");
    printf("CAN: %s\n", d->vcan
                            ? "vcan0 and vcan1 of this kernel (SocketCAN)"
                            : "virtual buses with modelled bit times (no vcan0 and vcan1 with CAN FD here)");
    for (unsigned b = 0; b < SIM_WORLD_BUSES; b++) {
        const struct sim_world_bus *bus = &sim_world_buses[b];
        if (d->vcan) {
            (void)snprintf(d->links[b], sizeof d->links[b], "can:vcan%u", b);
            continue;
        }
        char rate[16], data[16], log[SIM_PATH_MAX];
        (void)snprintf(d->links[b], sizeof d->links[b], "bus:%s/%s.sock", d->dir, bus->name);
        (void)snprintf(rate, sizeof rate, "%u", (unsigned)bus->bitrate);
        (void)snprintf(data, sizeof data, "%u", (unsigned)bus->data_bitrate);
        (void)snprintf(log, sizeof log, "%s/logs/%s.log", d->dir, bus->name);
        const char *argv[] = {"isoctane-sim",
                              "bus",
                              "--path",
                              d->links[b] + strlen("bus:"),
                              "--name",
                              bus->name,
                              "--bitrate",
                              rate,
                              bus->fd ? "--data-bitrate" : NULL,
                              data,
                              NULL};
        if (!sim_children_start(&d->children, bus->name, "isoctane-sim", argv, log))
            return fail(bus->name, strerror(errno));
        if (!wait_for(d, socket_there, d->links[b], bus->name)) return false;
        printf("  %s: %u bit/s%s\n", bus->name, (unsigned)bus->bitrate,
               bus->fd ? ", CAN FD, data phase 2000000 bit/s" : "");
    }
    return true;
}

/* ---- servers ---- */

static bool port_told(struct demo *d, const void *arg)
{
    FILE *f = fopen(arg, "r");
    char line[256];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        static const char told[] = "https://localhost:";
        const char *at = strstr(line, told);
        if (at != NULL) d->port = (unsigned)strtoul(at + sizeof told - 1, NULL, 10);
    }
    if (f != NULL) (void)fclose(f);
    return d->port != 0;
}

static bool start_servers(struct demo *d)
{
    char log[SIM_PATH_MAX];
    path_of(d, log, sizeof log, "logs/serve.log");
    const char *argv[] = {"isoctane-sim", "serve", "--dir", d->world.repos, "--port", "0", NULL};
    if (!sim_children_start(&d->children, "serve", "isoctane-sim", argv, log))
        return fail("serve", strerror(errno));
    if (!wait_for(d, port_told, log, "the servers")) return false;
    printf(
        "Director, Image repository and time server: https://localhost:%u (TLS 1.3, client certificates)\n",
        d->port);
    return true;
}

/* ---- ECUs ---- */

static void print_id(FILE *f, const char *key, uint32_t id)
{
    fprintf(f, id & ISOTP_ID_EXTENDED ? "%s = 0x%08X\n" : "%s = 0x%03X\n", key,
            (unsigned)(id & ISOTP_ID_MASK));
}

static bool close_config(FILE *f, const char *path)
{
    bool good = !ferror(f);
    return (fclose(f) == 0 && good) || fail(path, strerror(errno));
}

static bool write_image(struct demo *d, const struct sim_world_ecu *e, char path[SIM_PATH_MAX])
{
    size_t n = 0;
    uint8_t *image = sim_world_image(&d->world, e, 1, &n);
    (void)snprintf(path, SIM_PATH_MAX, "%s/ecus/%s-1.bin", d->dir, e->serial);
    FILE *f = image == NULL ? NULL : fopen(path, "wb");
    bool good = f != NULL && fwrite(image, 1, n, f) == n;
    if (f != NULL) good = fclose(f) == 0 && good;
    free(image);
    return good || fail(path, strerror(errno));
}

static bool write_ecu_config(struct demo *d, const struct sim_world_ecu *e, const char *path)
{
    char image[SIM_PATH_MAX], name[UP_NAME_MAX + 1], when[UP_TIME_TEXT + 1] = "";
    if (!write_image(d, e, image)) return false;
    sim_world_image_name(e, 1, name);
    up_time_encode((int64_t)time(NULL) - 86400, when);
    FILE *f = fopen(path, "w");
    if (f == NULL) return fail(path, strerror(errno));
    fprintf(f, "[ecu]\nvehicle_id = %s\nserial = %s\nhardware_id = %s\nverification = %s\nprofile = strict\n",
            SIM_WORLD_VEHICLE, e->serial, e->hardware_id, e->full ? "full" : "partial");
    fprintf(f, "image_names = %s/*\nkey = %s.pem\n\n[bus]\nlink = %s\nfd = %s\n", e->folder, e->serial,
            d->links[e->bus], sim_world_buses[e->bus].fd ? "yes" : "no");
    print_id(f, "request_id", e->request_id);
    print_id(f, "response_id", e->response_id);
    fprintf(f, "\n[storage]\nflash = %s.flash\nslot_bytes = %u\nstaging_bytes = %u\n", e->serial,
            (unsigned)sim_ecu_slot_bytes(e), (unsigned)sim_ecu_staging_bytes(e));
    fprintf(f, "\n[provision]\ndirector_root = ../repos/director/1.root.json\n");
    if (e->full) fprintf(f, "image_root = ../repos/repo/1.root.json\n");
    fprintf(f, "image = %s-1.bin\nimage_name = %s\nrelease_counter = 1\nbase_time = %.20s\n", e->serial, name,
            when);
    return close_config(f, path);
}

static bool start_ecus(struct demo *d)
{
    for (unsigned i = 1; i < SIM_WORLD_ECUS; i++) {
        const struct sim_world_ecu *e = &sim_world_ecus[i];
        char config[SIM_PATH_MAX], log[SIM_PATH_MAX];
        (void)snprintf(config, sizeof config, "%s/ecus/%s.conf", d->dir, e->serial);
        (void)snprintf(log, sizeof log, "%s/logs/%s.log", d->dir, e->serial);
        if (!write_ecu_config(d, e, config)) return false;
        const char *provision[] = {"isoctane-secondary", "provision", config, NULL};
        const char *run[] = {"isoctane-secondary", "run", config, NULL};
        if (sim_children_run(&d->children, "isoctane-secondary", provision, log) != 0)
            return fail(e->serial, "could not be provisioned");
        if (!sim_children_start(&d->children, e->serial, "isoctane-secondary", run, log))
            return fail(e->serial, strerror(errno));
        printf("  %-7s %-10s %-7s verification, %s, image of %u bytes%s%s\n", e->serial, e->hardware_id,
               e->full ? "full" : "partial", e->description, (unsigned)e->image_bytes,
               e->bundle == NULL ? "" : ", bundle ", e->bundle == NULL ? "" : e->bundle);
    }
    return true;
}

static bool provision_primary(struct demo *d, const char *config)
{
    const struct sim_world_ecu *self = &sim_world_ecus[0];
    char image[SIM_PATH_MAX], log[SIM_PATH_MAX], name[UP_NAME_MAX + 1];
    path_of(d, log, sizeof log, "logs/provision.log");
    sim_world_image_name(self, 1, name);
    if (!write_image(d, self, image)) return false;
    const char *provision[] = {
        "isoctane-primary", "-c", config, "provision", "-i", image, "-N", name, "-r", "1", NULL};
    return sim_children_run(&d->children, "isoctane-primary", provision, log) == 0 ||
           fail(self->serial, "could not be provisioned, see logs/provision.log");
}

static void print_bus(FILE *f, const struct sim_world_bus *bus, const char *link)
{
    fprintf(f, "\n[bus %s]\nlink = %s\nfd = %s\nbitrate = %u\n", bus->name, link, bus->fd ? "yes" : "no",
            (unsigned)bus->bitrate);
    if (bus->fd) fprintf(f, "data_bitrate = %u\n", (unsigned)bus->data_bitrate);
}

static bool write_primary_config(struct demo *d)
{
    char path[SIM_PATH_MAX], when[UP_TIME_TEXT + 1] = "";
    const struct sim_world_ecu *self = &sim_world_ecus[0];
    path_of(d, path, sizeof path, "isoctane.conf");
    up_time_encode((int64_t)time(NULL) - 86400, when);
    FILE *f = fopen(path, "w");
    if (f == NULL) return fail(path, strerror(errno));
    fprintf(f,
            "[vehicle]\nid = %s\n\n[primary]\nserial = %s\nhardware_id = %s\nkey = ecus/%s.pem\nstate_dir = "
            "primary\nbase_time = %.20s\n\n",
            SIM_WORLD_VEHICLE, self->serial, self->hardware_id, self->serial, when);
    fprintf(f, "[director]\nurl = https://localhost:%u/director/\nroot = repos/director/1.root.json\n\n",
            d->port);
    fprintf(f,
            "[image]\nurl = https://localhost:%u/repo/\nroot = repos/repo/1.root.json\n\n[time]\nurl = "
            "https://localhost:%u/time\n\n",
            d->port, d->port);
    fprintf(f, "[tls]\nca = repos/pki/ca.pem\ncertificate = repos/pki/%s.pem\nkey = repos/pki/%s.key\n",
            SIM_WORLD_VEHICLE, SIM_WORLD_VEHICLE);
    for (unsigned b = 0; b < SIM_WORLD_BUSES; b++) print_bus(f, &sim_world_buses[b], d->links[b]);
    for (unsigned i = 1; i < SIM_WORLD_ECUS; i++) {
        const struct sim_world_ecu *e = &sim_world_ecus[i];
        fprintf(f, "\n[ecu %s]\nbus = %s\nhardware_id = %s\nverification = %s\n", e->serial,
                sim_world_buses[e->bus].name, e->hardware_id, e->full ? "full" : "partial");
        print_id(f, "request_id", e->request_id);
        print_id(f, "response_id", e->response_id);
    }
    return close_config(f, path) && provision_primary(d, path);
}

/* ---- the story ---- */

static bool make_world(struct demo *d)
{
    say("Repositories: keys, Root, Timestamp, Snapshot, Targets, a supplier's delegation, images");
    if (!sim_world_create(&d->world, d->dir, NULL, UP_ECDSA_P256_SHA256, (int64_t)time(NULL)))
        return fail("repositories", d->world.why);
    char why[SIM_WHY_MAX], pki[SIM_PATH_MAX];
    int64_t now_s = (int64_t)time(NULL);
    path_of(d, pki, sizeof pki, "repos/pki");
    if (!sim_pki_create(pki, NULL, now_s, why) || !sim_pki_issue(pki, SIM_WORLD_VEHICLE, now_s, why))
        return fail("certificates", why);
    printf("%s: vehicle %s with %d ECUs in the Director's inventory\n", d->world.repos, SIM_WORLD_VEHICLE,
           SIM_WORLD_ECUS);
    return true;
}

static bool place_order(struct demo *d)
{
    char why[SIM_WHY_MAX];
    struct sim_director *director = sim_director_open(d->world.repos, why);
    if (director == NULL) return fail("Director", why);
    bool good = sim_world_order(&d->world, director, 2);
    sim_director_close(director);
    return good || fail("order", d->world.why);
}

static bool update(struct demo *d, int expected, const char *surprise)
{
    char config[SIM_PATH_MAX];
    path_of(d, config, sizeof config, "isoctane.conf");
    const char *argv[] = {"isoctane-primary", "--config", config, "update", NULL};
    int status = sim_children_run(&d->children, "isoctane-primary", argv, NULL);
    return status == expected ||
           fail(surprise, "the Primary ended with another status; its messages are above");
}

static bool attack(struct demo *d, const char *name)
{
    const char *argv[] = {"isoctane-sim", "attack", "run", name, NULL};
    printf("\n");
    (void)fflush(stdout);
    return sim_children_run(&d->children, "isoctane-sim", argv, NULL) == 0 ||
           fail(name, "did not come out as it must");
}

static bool tell_story(struct demo *d)
{
    if (!make_folder(d) || !make_world(d)) return false;
    say("Vehicle");
    if (!start_buses(d) || !start_servers(d) || !start_ecus(d) || !write_primary_config(d)) return false;
    say("The Director orders version 2 for all five ECUs; the Primary updates");
    if (!place_order(d) || !update(d, 0, "update")) return false;
    say("Second poll");
    if (!update(d, 1, "second poll")) return false;
    say("Two attacks on a simulated vehicle (isoctane-sim attack list shows all)");
    return attack(d, "replay-old-metadata") && attack(d, "stolen-director-key");
}

static volatile sig_atomic_t stop;
static void on_signal(int n)
{
    (void)n;
    stop = 1;
}

int sim_cmd_demo(int argc, char **argv)
{
    static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
                                            {"keep", no_argument, NULL, 'k'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    static struct demo d; /* large */
    const char *dir = "demo";
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'd')
            dir = optarg;
        else if (c == 'k')
            d.keep = true;
        else if (c == 'h') {
            fputs(help_text, stdout);
            return SIM_EXIT_OK;
        } else
            return SIM_EXIT_USAGE;
    }
    char here[SIM_PATH_MAX / 4] = "";
    if (dir[0] != '/' && getcwd(here, sizeof here) == NULL) return SIM_EXIT_CONFIG;
    int n = snprintf(d.dir, sizeof d.dir, "%s%s%s", here, here[0] ? "/" : "", dir);
    if (n < 0 || (size_t)n >= sizeof d.dir || !sim_children_init(&d.children)) {
        fprintf(stderr, "isoctane-sim demo: %s: the path is too long\n", dir);
        return SIM_EXIT_CONFIG;
    }
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    bool good = tell_story(&d);
    if (good && d.keep) {
        printf(
            "\nEverything runs on; Ctrl-C ends it. Try: isoctane-primary --config %s/isoctane.conf status\n",
            d.dir);
        (void)fflush(stdout);
        while (!stop) (void)pause();
    }
    bool ended = sim_children_stop(&d.children);
    printf("\n%s\n", good && ended ? "Everything came out as said." : "NOT everything came out as said.");
    return good && ended ? SIM_EXIT_OK : SIM_EXIT_FAULT;
}
