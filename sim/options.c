#include "sim/options.h"

#include "metadata/encode.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 32
#define COLUMN      28

static void print_help(const struct sim_usage *u)
{
    printf("Usage: %s%s%s%s\n\n%s\n\nOptions:\n", u->program, u->option_count > 0 ? " [OPTION...]" : "",
           *u->arguments != '\0' ? " " : "", u->arguments, u->text);
    for (size_t i = 0; i < u->option_count; i++) {
        const struct sim_option *o = &u->options[i];
        int n = printf("  --%s%s%s", o->name, o->argument != NULL ? " " : "",
                       o->argument != NULL ? o->argument : "");
        for (const char *line = o->help; line != NULL;) {
            const char *end = strchr(line, '\n');
            int length = end != NULL ? (int)(end - line) : (int)strlen(line);
            printf("%*s%.*s\n", n < COLUMN ? COLUMN - n : 1, "", length, line);
            line = end != NULL ? end + 1 : NULL;
            n = 0;
        }
    }
    printf("  --help\n");
}

bool sim_texts_add(struct sim_texts *t, char *text)
{
    for (char *item; (item = strsep(&text, ",")) != NULL;) {
        if (*item == '\0' || t->n == SIM_TEXTS_MAX) return false;
        t->item[t->n++] = item;
    }
    return true;
}

bool sim_option_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0 || n > max) return false;
    *out = n;
    return true;
}

static bool take_number(const char *text, uint32_t *out)
{
    uint64_t n;
    if (!sim_option_number(text, UINT32_MAX, &n)) return false;
    *out = (uint32_t)n;
    return true;
}

static bool take_time(const char *text, int64_t *out)
{
    int64_t t = up_time_decode(up_span_of(text));
    if (t < 0) return false;
    *out = t;
    return true;
}

static bool take_own(const struct sim_own *own, char *text, char why[SIM_WHY_MAX])
{
    return own->take(own->value, text, why);
}

static bool take(const struct sim_option *o, char *text, char why[SIM_WHY_MAX])
{
    switch (o->kind) {
    case SIM_OPT_FLAG:
        *(bool *)o->value = true;
        return true;
    case SIM_OPT_TEXT:
        *(const char **)o->value = text;
        return true;
    case SIM_OPT_LIST:
        return sim_texts_add(o->value, text);
    case SIM_OPT_NUMBER:
        return take_number(text, o->value);
    case SIM_OPT_OWN:
        return take_own(o->value, text, why);
    default:
        return take_time(text, o->value);
    }
}

static const char *wanted(enum sim_option_kind kind)
{
    switch (kind) {
    case SIM_OPT_LIST:
        return "give names separated by commas, none of them empty";
    case SIM_OPT_NUMBER:
        return "give a whole number";
    default:
        return "give a time such as 2027-01-15T08:00:00Z";
    }
}

enum sim_parsed sim_options_parse(const struct sim_usage *u, int argc, char **argv, int *rest)
{
    struct option table[OPTIONS_MAX + 2] = {0};
    for (size_t i = 0; i < u->option_count && i < OPTIONS_MAX; i++)
        table[i] = (struct option){u->options[i].name,
                                   u->options[i].kind == SIM_OPT_FLAG ? no_argument : required_argument, NULL,
                                   (int)i + 1};
    table[u->option_count] = (struct option){"help", no_argument, NULL, OPTIONS_MAX + 1};

    optind = 0; /* glibc: begin anew */
    opterr = 0;
    int c;
    while ((c = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (c == OPTIONS_MAX + 1) {
            print_help(u);
            return SIM_PARSED_HELP;
        }
        if (c == ':' || c == '?') {
            fprintf(stderr, "%s: %s: %s; see %s --help\n", u->program, argv[optind - 1],
                    c == ':' ? "needs a value" : "no such option", u->program);
            return SIM_PARSED_WRONG;
        }
        const struct sim_option *o = &u->options[c - 1];
        char why[SIM_WHY_MAX] = "";
        if (!take(o, optarg, why)) {
            fprintf(stderr, "%s: --%s %s: %s\n", u->program, o->name, optarg,
                    why[0] != '\0' ? why : wanted(o->kind));
            return SIM_PARSED_WRONG;
        }
    }
    *rest = optind;
    if (argc - optind >= u->min_arguments && argc - optind <= u->max_arguments) return SIM_PARSED;
    fprintf(stderr, "%s: expected %s; see %s --help\n", u->program,
            *u->arguments != '\0' ? u->arguments : "no arguments", u->program);
    return SIM_PARSED_WRONG;
}
