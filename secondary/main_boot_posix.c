/* isoctane-boot: the boot stage of a Secondary as a Linux process. It chooses and verifies the image that
 * runs, then gives its place to the agent. It has no code of the agent, and its key comes from its
 * configuration. */
#include "secondary/boot_posix.h"

#include <stdio.h>
#include <stdlib.h>

enum { OK = 0, USAGE = 64, FAULT = 70, CONFIG = 78 };

static int fail(int status, const char *why)
{
    (void)fprintf(stderr, "isoctane-boot: %s\n", why);
    return status;
}

static void print_help(FILE *out)
{
    (void)fprintf(out,
                  "Usage: isoctane-boot CONFIG [OPTION...]\n\n"
                  "The boot stage of isoctane-secondary: verifies the image that is to run, then starts the\n"
                  "agent. `isoctane-secondary run` passes through it at every start and reset.\n\nOptions:\n"
                  "  --fast-flash   do not wait for the disk; for simulations\n"
                  "  --help, --version\n\n"
                  "Exit status: 0 ok, 64 usage, 70 fault, 78 configuration. See isoctane-boot(1).\n");
}

static void log_choice(const struct sec_config *c, const struct sec_boot_choice *choice)
{
    (void)fprintf(stderr, "event=choose serial=%s policy=%s", c->serial,
                  c->boot_key[0] != '\0' ? "signature" : "digest");
    if (choice->slot == SEC_NO_SLOT)
        (void)fputs(" slot=none", stderr);
    else
        (void)fprintf(stderr, " slot=%u", choice->slot);
    for (unsigned i = 0; i < 2; i++) {
        if (choice->damaged[i]) (void)fprintf(stderr, " damaged=%u", i);
        if (choice->gave_up[i]) (void)fprintf(stderr, " gave_up=%u", i);
    }
    (void)fputc('\n', stderr);
}

static int choose(const struct sec_config *c, bool fast, struct sec_boot_choice *out)
{
    char why[1024];
    struct up_key key;
    struct sec_boot_config config;
    struct sec_flash_posix flash;
    if (!sec_posix_boot_config(c, &key, &config, why, sizeof why)) return fail(CONFIG, why);
    if (!sec_posix_open_flash(c, false, fast, &flash, why, sizeof why)) return fail(FAULT, why);
    enum up_err e = up_crypto_selftest() ? sec_boot_stage(&flash.port, &config, out) : UP_CRYPTO_SELFTEST;
    sec_flash_posix_close(&flash);
    if (e == UP_OK) return OK;
    (void)snprintf(why, sizeof why, "%s: %s: %s", c->flash, up_err_name(e), up_err_text(e));
    return fail(e == UP_CONFIG ? CONFIG : FAULT, why);
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool fast = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) return print_help(stdout), OK;
        if (strcmp(argv[i], "--version") == 0) return printf("isoctane-boot %s\n", ISOCTANE_VERSION), OK;
        if (strcmp(argv[i], "--fast-flash") == 0)
            fast = true;
        else if (argv[i][0] == '-' || path != NULL)
            return print_help(stderr), USAGE;
        else
            path = argv[i];
    }
    if (path == NULL) return print_help(stderr), USAGE;

    char why[1200], handover[32];
    struct sec_config *c = calloc(1, sizeof *c);
    struct sec_boot_choice choice;
    if (c == NULL) return fail(FAULT, "out of memory");
    bool read = sec_config_read(c, path, why, sizeof why);
    int status = read ? choose(c, fast, &choice) : fail(CONFIG, why);
    if (status == OK) log_choice(c, &choice);
    free(c);
    if (status != OK) return status;
    (void)snprintf(handover, sizeof handover, "--booted=%08x", (unsigned)sec_handover_pack(&choice));
    const char *const agent[] = {"isoctane-secondary",         "run", path, handover,
                                 fast ? "--fast-flash" : NULL, NULL};
    sec_posix_jump("isoctane-secondary", agent, why, sizeof why);
    return fail(FAULT, why);
}
