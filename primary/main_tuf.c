/* isoctane-tuf: a TUF client on the command line, as the public conformance suite for TUF clients calls one.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "metadata/encode.h"
#include "primary/tuf_client.h"

#define PROGRAM         "isoctane-tuf"
#define TARGETS_MAX     256
#define SPEED_FLOOR_B_S 100
#define SPEED_WINDOW_S  30

struct options {
    const char *metadata_dir, *metadata_url, *target_dir, *target_url, *now;
    const char *target[TARGETS_MAX];
    unsigned targets;
    const char *command, *argument; /* of init */
};

static int explain(const char *what, const char *why)
{
    fprintf(stderr, PROGRAM ": %s: %s\n", what, why);
    return EXIT_FAILURE;
}

/* ---- commands ---- */

static char *with_slash(const char *url)
{
    char *out = NULL;
    size_t n = url == NULL ? 0 : strlen(url);
    if (url != NULL && asprintf(&out, "%s%s", url, n > 0 && url[n - 1] == '/' ? "" : "/") < 0) out = NULL;
    return out;
}

static enum up_err work(struct tuf_client *c, const struct options *o)
{
    UP_TRY(tuf_client_open(c));
    UP_TRY(tuf_client_refresh(c));
    for (unsigned i = 0; i < o->targets; i++) UP_TRY(tuf_client_download(c, o->target[i], o->target_dir));
    return UP_OK;
}

static int init(struct tuf_client *c, const struct options *o)
{
    enum up_err e = tuf_client_init(c, o->argument);
    return e == UP_OK ? EXIT_SUCCESS : explain("init", c->why);
}

/* refresh, and download, which is a refresh with targets. */
static int online(struct tuf_client *c, const struct options *o)
{
    char why[200], *metadata = with_slash(o->metadata_url), *targets = with_slash(o->target_url);
    const struct pri_fetch_options options = {.url = {[PRI_DIRECTOR] = metadata, [PRI_IMAGE] = targets},
                                              .speed_floor_bytes_s = SPEED_FLOOR_B_S,
                                              .speed_window_s = SPEED_WINDOW_S,
                                              .plain_http = true};
    int status = EXIT_FAILURE;
    c->fetch = pri_fetch_curl_open_with(&options, why, sizeof why);
    if (c->fetch == NULL) {
        explain(o->command, why);
    } else {
        enum up_err e = work(c, o);
        status = e == UP_OK ? EXIT_SUCCESS : explain(o->command, c->why);
        tuf_client_close(c);
        pri_fetch_curl_close(c->fetch);
    }
    free(metadata);
    free(targets);
    return status;
}

static const struct command {
    const char *name, *help;
    int (*run)(struct tuf_client *c, const struct options *o);
    bool takes_root, takes_url, takes_targets;
} commands[] = {
    {"init", "ROOT: the first trusted Root, out of a file", init, true, false, false},
    {"refresh", "bring the metadata up to date", online, false, true, false},
    {"download", "the same, then every target, in order", online, false, true, true},
};
static const struct command *const commands_end = commands + sizeof commands / sizeof *commands;

/* ---- command line ---- */

static void print_help(FILE *out)
{
    fputs("Usage: " PROGRAM " OPTION... COMMAND\n\n"
          "A client of plain TUF repositories.\n\nCommands:\n",
          out);
    for (const struct command *c = commands; c < commands_end; c++)
        fprintf(out, "  %-10s %s\n", c->name, c->help);
    fputs("\nOptions:\n"
          "  --metadata-dir DIR     where trusted metadata is kept\n"
          "  --metadata-url URL     refresh, download: where metadata is served\n"
          "  --target-name NAME     download: a target; may be repeated\n"
          "  --target-base-url URL  download: where targets are served\n"
          "  --target-dir DIR       download: where they are put, their names percent-encoded\n"
          "  --now TIME             pretend that it is YYYY-MM-DDTHH:MM:SSZ\n"
          "  --help                 this text\n"
          "  --version              the version\n\n"
          "Exit status: 0 success, 1 anything else; then standard error says what and why.\n",
          out);
}

static const struct option long_options[] = {{"metadata-dir", required_argument, NULL, 'm'},
                                             {"metadata-url", required_argument, NULL, 'u'},
                                             {"target-name", required_argument, NULL, 't'},
                                             {"target-base-url", required_argument, NULL, 'b'},
                                             {"target-dir", required_argument, NULL, 'd'},
                                             {"now", required_argument, NULL, 'n'},
                                             {"help", no_argument, NULL, 'h'},
                                             {"version", no_argument, NULL, 'V'},
                                             {NULL, 0, NULL, 0}};

/* False: the program is done, *status is its exit status. */
static bool read_options(int argc, char **argv, struct options *o, int *status)
{
    *status = EXIT_FAILURE;
    for (int c; (c = getopt_long(argc, argv, "hV", long_options, NULL)) != -1;) {
        switch (c) {
        case 'm':
            o->metadata_dir = optarg;
            break;
        case 'u':
            o->metadata_url = optarg;
            break;
        case 't':
            if (o->targets == TARGETS_MAX) {
                explain("--target-name", "at most 256 at a time");
                return false;
            }
            o->target[o->targets++] = optarg;
            break;
        case 'b':
            o->target_url = optarg;
            break;
        case 'd':
            o->target_dir = optarg;
            break;
        case 'n':
            o->now = optarg;
            break;
        case 'h':
            print_help(stdout);
            *status = EXIT_SUCCESS;
            return false;
        case 'V':
            puts(PROGRAM " " ISOCTANE_VERSION);
            *status = EXIT_SUCCESS;
            return false;
        default: /* getopt has said what is wrong */
            fputs("Try " PROGRAM " --help.\n", stderr);
            return false;
        }
    }
    o->command = optind < argc ? argv[optind++] : NULL;
    if (o->command != NULL && optind < argc) o->argument = argv[optind++];
    if (o->command != NULL && optind == argc) return true;
    print_help(stderr);
    return false;
}

/* What COMMAND needs and does not have; NULL: nothing. */
static const char *lacks(const struct command *c, const struct options *o)
{
    if (o->metadata_dir == NULL) return "--metadata-dir is missing";
    if (c->takes_root && o->argument == NULL) return "the file with the first Root is missing";
    if (!c->takes_root && o->argument != NULL) return "takes no argument";
    if (c->takes_url && o->metadata_url == NULL) return "--metadata-url is missing";
    if (!c->takes_targets) return o->targets > 0 ? "takes no --target-name" : NULL;
    if (o->targets == 0) return "--target-name is missing";
    if (o->target_url == NULL) return "--target-base-url is missing";
    return o->target_dir == NULL ? "--target-dir is missing" : NULL;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct tuf_client client = {0};
    int status;
    if (!read_options(argc, argv, &o, &status)) return status;
    const struct command *c = commands;
    while (c < commands_end && strcmp(c->name, o.command) != 0) c++;
    if (c == commands_end) return explain(o.command, "no such command; try --help");
    const char *why = lacks(c, &o);
    if (why != NULL) return explain(o.command, why);
    client.metadata_dir = o.metadata_dir;
    client.now_s = o.now != NULL ? up_time_decode(up_span_of(o.now)) : (int64_t)time(NULL);
    if (client.now_s < 0) return explain("--now", "expected YYYY-MM-DDTHH:MM:SSZ");
    if (!up_crypto_selftest()) return explain(o.command, up_err_text(UP_CRYPTO_SELFTEST));
    return c->run(&client, &o);
}
