/* isoctane-primary: one program, a table of subcommands. */
#include "primary/download.h"
#include "primary/notify.h"
#include "primary/session_posix.h"
#include "primary/status.h"
#include "primary/table.h"

#include <getopt.h>
#include <stdlib.h>

#define PROGRAM       "isoctane-primary"
#define CONFIG_FILE   "/etc/isoctane/isoctane.conf"
#define RETRY_US      30000000ull /* after the first failed poll; doubled for each that follows */
#define HISTORY_LINES 20

struct options {
    const char *config;
    bool json, quiet;
    unsigned last;                       /* 0: not given */
    const char *image, *name, *metadata; /* provision */
    unsigned release_counter;
    bool given[128]; /* by short name */
};

static enum pri_exit explain(enum pri_exit status, const char *why)
{
    fprintf(stderr, PROGRAM ": %s\n", why);
    return status;
}

static void print_json(cJSON *tree)
{
    char *text = cJSON_Print(tree);
    if (text != NULL) puts(text);
    cJSON_free(text);
}

/* --- commands --- */

static void print_outcome(const struct pri_outcome *o, enum pri_goal goal)
{
    pri_print_table(stdout, o);
    if (o->err != UP_OK) {
        bool attack = pri_is_refusal(o->err);
        printf("%s: %s%s%s\n", attack ? "refused" : "failed", up_err_name(o->err),
               attack ? ", looks like " : "", attack ? up_err_attack(o->err) : "");
        printf("  %s\n", o->detail);
    } else if (goal == PRI_CHECK) {
        printf(o->pending > 0 ? "%u to install\n" : "nothing to install\n", o->pending);
    } else {
        printf(o->updated > 0 ? "%u updated\n" : "nothing to do\n", o->updated);
    }
}

static enum pri_exit one_cycle(struct pri_session *s, const struct options *o, enum pri_goal goal)
{
    if (!pri_session_cycle(s, goal))
        return explain(PRI_EXIT_FAULT, "interrupted; the next cycle goes on from here");
    const struct pri_outcome *outcome = pri_result(s->pri);
    if (o->json) {
        cJSON *tree = pri_outcome_json(outcome);
        print_json(tree);
        cJSON_Delete(tree);
    } else {
        print_outcome(outcome, goal);
    }
    return pri_session_verdict(outcome, goal);
}

static enum pri_exit check(struct pri_session *s, const struct options *o)
{
    return one_cycle(s, o, PRI_CHECK);
}

static enum pri_exit update(struct pri_session *s, const struct options *o)
{
    return one_cycle(s, o, PRI_UPDATE);
}

static enum pri_exit status(struct pri_session *s, const struct options *o)
{
    cJSON *tree = pri_status_tree(s->pri, s->config, s->state, s->installer);
    if (o->json)
        print_json(tree);
    else
        pri_print_tree(stdout, tree);
    cJSON_Delete(tree);
    return PRI_EXIT_OK;
}

static enum pri_exit manifest(struct pri_session *s, const struct options *o)
{
    (void)o;
    struct pri_blob file;
    if (!pri_manifest(s->pri, pri_session_now_us(), &file))
        return explain(PRI_EXIT_FAULT, "the manifest cannot be signed, or its counter not be stored");
    bool ok = fwrite(file.file, 1, file.bytes, stdout) == file.bytes && fputc('\n', stdout) != EOF;
    pri_blob_free(&file);
    return ok ? PRI_EXIT_OK : PRI_EXIT_FAULT;
}

static bool print_event(void *ctx, const struct pri_event *e)
{
    pri_display_event(ctx, e);
    return true;
}

static enum pri_exit history(struct pri_session *s, const struct options *o)
{
    unsigned last = o->last > 0 ? o->last : HISTORY_LINES;
    if (o->json) {
        cJSON *tree = pri_history_tree(s->state, last);
        if (tree == NULL) return explain(PRI_EXIT_FAULT, "the history cannot be read");
        print_json(tree);
        cJSON_Delete(tree);
        return PRI_EXIT_OK;
    }
    struct pri_display *d = pri_display_open(stdout, 0, o->quiet);
    enum up_err e = d == NULL ? UP_STORAGE_FULL : pri_history_each(s->state, last, print_event, d);
    pri_display_close(d);
    return e == UP_OK ? PRI_EXIT_OK : explain(PRI_EXIT_FAULT, "the history cannot be read");
}

/* The Primary's own first image, and with it the first look at both Roots, in the plant. */
static enum pri_exit provision(struct pri_session *s, const struct options *o)
{
    if (o->image == NULL || o->name == NULL)
        return explain(PRI_EXIT_USAGE, "provision needs --image FILE and --name NAME");
    char why[400];
    struct pri_installed now;
    enum up_err e = s->installer->state(s->installer, &now);
    if (e == UP_OK && strcmp(now.name, "unknown") != 0) {
        snprintf(why, sizeof why, "%s is installed already; the plant comes first, and once", now.name);
        return explain(PRI_EXIT_NOTHING, why);
    }
    struct pri_problem problem;
    if (o->metadata != NULL && e == UP_OK && pri_plant(s->pri, o->metadata, &problem) != UP_OK) {
        snprintf(why, sizeof why, "--metadata %s: %s", o->metadata, problem.what);
        return explain(problem.err == UP_CONFIG      ? PRI_EXIT_CONFIG
                       : pri_is_refusal(problem.err) ? PRI_EXIT_ATTACK
                                                     : PRI_EXIT_FAULT,
                       why);
    }
    struct up_span image = pri_map(o->image);
    if (image.p == NULL) {
        snprintf(why, sizeof why, "--image %s: empty, or cannot be read", o->image);
        return explain(PRI_EXIT_FAULT, why);
    }
    if (e == UP_OK) e = pri_installer_provision(s->installer, o->name, image, o->release_counter);
    pri_unmap(image);
    if (e == UP_OK) return PRI_EXIT_OK;
    snprintf(why, sizeof why, "%s as %s: %s", o->image, o->name, up_err_text(e));
    return explain(PRI_EXIT_FAULT, why);
}

/* When to poll again. A fleet that was switched on at once must not come back at once: up to a tenth sooner.
 */
static uint64_t pause_us(const struct pri_session *s, unsigned failures)
{
    uint64_t interval_us = s->config->poll_interval_s * 1000000ull, us = interval_us;
    if (failures > 0) us = RETRY_US << (failures < 8 ? failures - 1 : 7);
    if (us > interval_us) us = interval_us;
    uint16_t random = 0;
    (void)up_random((uint8_t *)&random, sizeof random);
    return us - us / 10 * random / UINT16_MAX;
}

static enum pri_exit run(struct pri_session *s, const struct options *o)
{
    (void)o;
    char why[300], text[340];
    pri_display_note(s->display, "info", "start", PROGRAM " " ISOCTANE_VERSION);
    pri_notify("READY=1");
    for (unsigned failures = 0; !s->stopped;) {
        pri_notify("STATUS=polling");
        bool repaired = pri_session_repair(s, why, sizeof why);
        if (!repaired) pri_display_note(s->display, "error", "bus", why);
        bool good = repaired && pri_session_cycle(s, PRI_UPDATE) && pri_result(s->pri)->err == UP_OK;
        failures = good ? 0 : failures + 1;
        uint64_t us = pause_us(s, failures);
        snprintf(text, sizeof text, "STATUS=%s, next poll in %u s",
                 good       ? "up to date"
                 : repaired ? pri_result(s->pri)->detail
                            : why,
                 (unsigned)(us / 1000000));
        pri_notify(text);
        pri_session_idle(s, us);
    }
    pri_notify("STOPPING=1");
    pri_display_note(s->display, "info", "stop", "");
    return PRI_EXIT_OK;
}

static const struct command {
    const char *name, *help;
    enum pri_exit (*run)(struct pri_session *s, const struct options *o);
    enum pri_access access;
    const char *takes; /* options, by their short names; -c and -q all do */
} commands[] = {
    {"run", "poll and update until told to stop (HUP: poll now)", run, PRI_WORK, ""},
    {"check", "report, verify what is ordered, install nothing", check, PRI_WORK, "j"},
    {"update", "one whole update cycle", update, PRI_WORK, "j"},
    {"status", "what is trusted and installed, without asking anybody", status, PRI_LOOK, "j"},
    {"manifest", "print the signed manifest that would be sent", manifest, PRI_STORE, ""},
    {"history", "what happened: the newest events, the last one last", history, PRI_LOOK, "jn"},
    {"provision", "in the plant: the image that this unit comes with", provision, PRI_STORE, "iNrm"},
};
static const struct command *const commands_end = commands + sizeof commands / sizeof *commands;

/* --- command line --- */

static void print_help(FILE *out)
{
    fputs("Usage: " PROGRAM " [OPTION...] COMMAND\n\n"
          "The Uptane Primary of one vehicle.\n\nCommands:\n",
          out);
    for (const struct command *c = commands; c < commands_end; c++)
        fprintf(out, "  %-10s %s\n", c->name, c->help);
    fputs("\nOptions:\n"
          "  -c, --config FILE  instead of " CONFIG_FILE "\n"
          "  -j, --json         the result as JSON on standard output\n"
          "  -n, --last N       history: so many events (default 20)\n"
          "  -i, --image FILE   provision: the image\n"
          "  -N, --name NAME    provision: its name in the repositories\n"
          "  -r, --release-counter N\n"
          "                     provision: its release counter (default 0)\n"
          "  -m, --metadata DIR provision: the roles of both repositories, in director/ and repo/\n"
          "  -q, --quiet        failures only, no progress\n"
          "  -h, --help         this text\n"
          "  -V, --version      the version\n\n"
          "Events go to standard error, one line of key=value pairs each.\n"
          "Exit status: 0 success, 1 nothing to do, 2 an attack was refused, 64 usage, 70 fault, 78 "
          "configuration.\n",
          out);
}

static const struct option long_options[] = {{"config", required_argument, NULL, 'c'},
                                             {"json", no_argument, NULL, 'j'},
                                             {"last", required_argument, NULL, 'n'},
                                             {"image", required_argument, NULL, 'i'},
                                             {"name", required_argument, NULL, 'N'},
                                             {"release-counter", required_argument, NULL, 'r'},
                                             {"metadata", required_argument, NULL, 'm'},
                                             {"quiet", no_argument, NULL, 'q'},
                                             {"help", no_argument, NULL, 'h'},
                                             {"version", no_argument, NULL, 'V'},
                                             {NULL, 0, NULL, 0}};

static bool read_number(const char *option, unsigned long min, unsigned long max, unsigned *out)
{
    char *end;
    unsigned long n = strtoul(optarg, &end, 10);
    if (*optarg < '0' || *optarg > '9' || *end != '\0' || n < min || n > max) {
        fprintf(stderr, PROGRAM ": --%s %s: expected a number from %lu to %lu\n", option, optarg, min, max);
        return false;
    }
    *out = (unsigned)n;
    return true;
}

static const char *long_name(int c)
{
    const struct option *l = long_options;
    while (l->name != NULL && l->val != c) l++;
    return l->name;
}

/* False: the program is done, *status is its exit status. */
static bool read_options(int argc, char **argv, struct options *o, enum pri_exit *status)
{
    *status = PRI_EXIT_USAGE;
    for (int c; (c = getopt_long(argc, argv, "c:jn:i:N:r:m:qhV", long_options, NULL)) != -1;) {
        o->given[c & 0x7F] = true;
        switch (c) {
        case 'c':
            o->config = optarg;
            break;
        case 'j':
            o->json = true;
            break;
        case 'q':
            o->quiet = true;
            break;
        case 'n':
            if (!read_number("last", 1, PRI_HISTORY_MAX, &o->last)) return false;
            break;
        case 'i':
            o->image = optarg;
            break;
        case 'N':
            o->name = optarg;
            break;
        case 'm':
            o->metadata = optarg;
            break;
        case 'r':
            if (!read_number("release-counter", 0, UP_COUNTER_MAX, &o->release_counter)) return false;
            break;
        case 'h':
            print_help(stdout);
            *status = PRI_EXIT_OK;
            return false;
        case 'V':
            puts(PROGRAM " " ISOCTANE_VERSION);
            *status = PRI_EXIT_OK;
            return false;
        default:
            return false; /* getopt has said why */
        }
    }
    return true;
}

static const struct command *command_named(const char *name)
{
    const struct command *c = commands;
    while (c < commands_end && strcmp(c->name, name) != 0) c++;
    return c == commands_end ? NULL : c;
}

static enum pri_exit start(const struct command *c, const struct options *o)
{
    char why[400] = "";
    struct pri_session s;
    struct pri_display *d = pri_display_open(stderr, pri_display_columns(stderr), o->quiet);
    if (d == NULL) return explain(PRI_EXIT_FAULT, "out of memory");
    enum pri_exit status = pri_session_open(&s, o->config, c->access, d, why, sizeof why);
    status = status == PRI_EXIT_OK ? c->run(&s, o) : explain(status, why);
    pri_session_close(&s);
    pri_display_close(d);
    return fflush(stdout) == 0 ? status : PRI_EXIT_FAULT;
}

int main(int argc, char **argv)
{
    struct options o = {.config = CONFIG_FILE};
    enum pri_exit status;
    if (!read_options(argc, argv, &o, &status)) return (int)status;
    if (argc - optind != 1) {
        print_help(stderr);
        return PRI_EXIT_USAGE;
    }
    const struct command *c = command_named(argv[optind]);
    if (c == NULL) {
        fprintf(stderr, PROGRAM ": %s: no such command; see " PROGRAM " --help\n", argv[optind]);
        return PRI_EXIT_USAGE;
    }
    for (const char *narrow = "jniNrm"; *narrow != '\0'; narrow++) {
        if (!o.given[(int)*narrow] || strchr(c->takes, *narrow) != NULL) continue;
        fprintf(stderr, PROGRAM ": %s does not take --%s\n", c->name, long_name(*narrow));
        return PRI_EXIT_USAGE;
    }
    return (int)start(c, &o);
}
