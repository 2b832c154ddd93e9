/* isoctane-sim serve: Director, Image repository and time server until SIGINT or SIGTERM. */
#include "sim/commands.h"
#include "sim/options.h"
#include "sim/serve.h"

#include <signal.h>
#include <time.h>

struct arguments {
    const char *dir, *listen;
    uint32_t port;
    struct sim_texts hosts, faults;
    bool quiet;
};

static int64_t now(void *ctx)
{
    (void)ctx;
    return time(NULL);
}

static int read_faults(const struct sim_texts *texts, struct sim_fault faults[SIM_TEXTS_MAX])
{
    for (size_t i = 0; i < texts->n; i++) {
        if (sim_fault_parse(texts->item[i], &faults[i])) continue;
        fprintf(
            stderr,
            "isoctane-sim serve: --fault %s: give KIND:PATH[:VALUE][:TIMES], such as status:/repo/*:503\n",
            texts->item[i]);
        return SIM_EXIT_USAGE;
    }
    return SIM_EXIT_OK;
}

static int serve(const struct arguments *a)
{
    char why[SIM_WHY_MAX] = "", hosts[SIM_PATH_MAX] = "";
    struct sim_fault faults[SIM_TEXTS_MAX];
    int status = read_faults(&a->faults, faults);
    if (status != SIM_EXIT_OK) return status;
    for (size_t i = 0; i < a->hosts.n; i++) {
        size_t n = strlen(hosts);
        snprintf(hosts + n, sizeof hosts - n, "%s%s", i > 0 ? "," : "", a->hosts.item[i]);
    }

    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before there are threads: they inherit it */
    const struct sim_server_config config = {.dir = a->dir,
                                             .address = a->listen,
                                             .port = (uint16_t)a->port,
                                             .hosts = a->hosts.n > 0 ? hosts : NULL,
                                             .now = now,
                                             .log = a->quiet ? NULL : stderr};
    struct sim_server *server = sim_server_start(&config, why);
    if (server == NULL || !sim_server_set_faults(server, faults, a->faults.n)) {
        fprintf(stderr, "isoctane-sim serve: %s\n", why);
        sim_server_stop(server);
        return SIM_EXIT_CONFIG;
    }
    printf("serving %s at https://%s:%u\n", a->dir, a->listen != NULL ? a->listen : "localhost",
           sim_server_port(server));
    fflush(stdout);
    int got;
    sigwait(&ends, &got);
    sim_server_stop(server);
    return SIM_EXIT_OK;
}

int sim_cmd_serve(int argc, char **argv)
{
    struct arguments a = {.dir = ".", .port = 8443};
    const struct sim_option options[] = {
        {"dir", "DIR", SIM_OPT_TEXT, &a.dir, "made by isoctane-repo create (default .)"},
        {"port", "PORT", SIM_OPT_NUMBER, &a.port, "default 8443; 0: any free one, which is printed"},
        {"listen", "ADDRESS", SIM_OPT_TEXT, &a.listen, "IPv4 address (default 127.0.0.1)"},
        {"host", "NAME,...", SIM_OPT_LIST, &a.hosts, "more names for a new server certificate"},
        {"fault", "FAULT", SIM_OPT_LIST, &a.faults,
         "KIND:PATH[:VALUE][:TIMES]: break answers for PATH, or for what begins\n"
         "so when it ends with *; KIND: status:CODE, truncate:BYTES, endless,\n"
         "trickle:BYTES_PER_SECOND, delay:MS, wrong, drop"},
        {"quiet", NULL, SIM_OPT_FLAG, &a.quiet, "no line for every request"},
    };
    const struct sim_usage usage = {
        .program = "isoctane-sim serve",
        .arguments = "",
        .text = "The Director, the Image repository and the time server over HTTPS: TLS 1.3, client "
                "certificates\n"
                "required. Certificates are in DIR/pki and are made when missing; isoctane-repo director "
                "register\n"
                "makes those of vehicles. Runs until SIGINT or SIGTERM.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int rest;
    enum sim_parsed parsed = sim_options_parse(&usage, argc, argv, &rest);
    if (parsed != SIM_PARSED) return parsed == SIM_PARSED_HELP ? SIM_EXIT_OK : SIM_EXIT_USAGE;
    if (a.port > 65535) {
        fprintf(stderr, "isoctane-sim serve: --port %u: give a TCP port, 0 to 65535\n", (unsigned)a.port);
        return SIM_EXIT_USAGE;
    }
    return serve(&a);
}
