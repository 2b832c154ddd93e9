/* isoctane-repo director register, ecu, order, list. */
#include "sim/cmd_repo.h"

#include "sim/director.h"
#include "sim/pki.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct sim_director *open_director(const char *command, const char *dir)
{
    char why[SIM_WHY_MAX] = "";
    struct sim_director *d = sim_director_open(dir, why);
    if (d == NULL) sim_command_fail(command, why, SIM_EXIT_CONFIG);
    return d;
}

/* Ends a command: closes D, and makes it durable when OK. */
static int end(const char *command, const char *dir, struct sim_director *d, bool ok)
{
    int status =
        ok ? sim_command_done(command, dir) : sim_command_fail(command, sim_director_why(d), SIM_EXIT_FAULT);
    sim_director_close(d);
    return status;
}

static int cmd_register(int argc, char **argv, int64_t now_s)
{
    const char *dir = ".";
    const struct sim_option options[] = {SIM_OPTION_DIR(&dir), SIM_OPTION_NOW(&now_s)};
    const struct sim_usage usage = {"isoctane-repo director register",
                                    "VEHICLE",
                                    "Puts a vehicle into the inventory and makes its device certificate,\n"
                                    "DIR/pki/VEHICLE.pem and .key.",
                                    options,
                                    SIM_COUNT(options),
                                    1,
                                    1};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    char pki[SIM_PATH_MAX], why[SIM_WHY_MAX] = "path too long";
    const char *vehicle = argv[rest];
    struct sim_director *d = open_director("director register", dir);
    if (d == NULL) return SIM_EXIT_CONFIG;
    if (!sim_director_add_vehicle(d, vehicle)) return end("director register", dir, d, false);
    if (!sim_path(pki, "%s/pki", dir) || !sim_pki_create(pki, NULL, now_s, why) ||
        !sim_pki_issue(pki, vehicle, now_s, why)) {
        sim_director_close(d);
        return sim_command_fail("director register", why, SIM_EXIT_FAULT);
    }
    printf("registered %s; its certificate: %s/%s.pem\n", vehicle, pki, vehicle);
    return end("director register", dir, d, true);
}

/* The public half of the key in FILE, which may hold either half. */
static bool public_pem(const char *path, char pem[2 * UP_KEY_BYTES], char why[SIM_WHY_MAX])
{
    struct sim_bytes file;
    struct up_signer s;
    if (!sim_file_read(path, &file)) return sim_say(why, "%s: %s", path, strerror(errno));
    bool is_public = strstr((const char *)file.p, "PRIVATE KEY") == NULL;
    bool fits = file.n < 2 * UP_KEY_BYTES;
    if (is_public && fits) memcpy(pem, file.p, file.n + 1);
    sim_bytes_free(&file);
    if (is_public) return fits || sim_say(why, "%s: no public key is that long", path);
    if (!up_signer_open(path, &s, why, SIM_WHY_MAX)) return false;
    pem[up_key_to_pem(&s.key, pem, 2 * UP_KEY_BYTES - 1)] = '\0';
    up_signer_close(&s);
    return true;
}

static int cmd_ecu(int argc, char **argv, int64_t now_s)
{
    (void)now_s;
    const char *dir = ".", *hardware = NULL, *key = NULL, *new_key = NULL;
    bool primary = false, gone = false;
    const struct sim_option options[] = {
        SIM_OPTION_DIR(&dir),
        {"hardware", "ID", SIM_OPT_TEXT, &hardware, "its hardware id"},
        {"key", "FILE", SIM_OPT_TEXT, &key, "its key (PEM); only the public half is kept"},
        {"new-key", "FILE", SIM_OPT_TEXT, &new_key, "make it a key (ECDSA P-256) in this file"},
        {"primary", NULL, SIM_OPT_FLAG, &primary, "it is the vehicle's Primary"},
        {"remove", NULL, SIM_OPT_FLAG, &gone, "take it out of the inventory"},
    };
    const struct sim_usage usage = {"isoctane-repo director ecu",
                                    "VEHICLE ECU",
                                    "Puts an ECU into the inventory, or takes it out.",
                                    options,
                                    SIM_COUNT(options),
                                    2,
                                    2};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    const char *vehicle = argv[rest], *serial = argv[rest + 1];
    char pem[2 * UP_KEY_BYTES] = "", why[SIM_WHY_MAX];
    if (!gone && (hardware == NULL || (key == NULL) == (new_key == NULL)))
        return sim_command_fail("director ecu", "give --hardware, and one of --key and --new-key",
                                SIM_EXIT_USAGE);
    struct sim_director *d = open_director("director ecu", dir);
    if (d == NULL) return SIM_EXIT_CONFIG;
    if (gone) {
        struct sim_inventory *v = sim_director_inventory(d);
        bool removed = sim_inventory_remove_ecu(v, vehicle, serial);
        if (!removed) sim_command_fail("director ecu", sim_inventory_why(v), SIM_EXIT_FAULT);
        sim_director_close(d);
        return removed ? sim_command_done("director ecu", dir) : SIM_EXIT_FAULT;
    }
    struct up_signer s = {0};
    bool ok = new_key == NULL || up_signer_create(new_key, UP_ECDSA_P256_SHA256, 0, &s, why, sizeof why);
    if (ok && new_key != NULL) up_signer_close(&s);
    if (!ok || !public_pem(new_key != NULL ? new_key : key, pem, why)) {
        sim_director_close(d);
        return sim_command_fail("director ecu", why, SIM_EXIT_FAULT);
    }
    return end("director ecu", dir, d,
               sim_director_add_ecu(d, vehicle, serial, hardware, primary, up_span_of(pem)));
}

static int cmd_order(int argc, char **argv, int64_t now_s)
{
    (void)now_s;
    const char *dir = ".", *bundle = NULL, *correlation = NULL;
    const struct sim_option options[] = {
        SIM_OPTION_DIR(&dir),
        {"bundle", "NAME", SIM_OPT_TEXT, &bundle, "these ECUs change together or not at all"},
        {"correlation", "ID", SIM_OPT_TEXT, &correlation, "names the campaign (default: VEHICLE-1, -2, ...)"},
    };
    const struct sim_usage usage = {
        "isoctane-repo director order",
        "VEHICLE ECU=IMAGE...",
        "Orders images for ECUs, all or none; ECU= withdraws an order. The vehicle learns of\n"
        "it with its next manifest.",
        options,
        SIM_COUNT(options),
        2,
        1 + SIM_TEXTS_MAX};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    struct sim_order orders[SIM_TEXTS_MAX];
    size_t n = 0;
    for (int i = rest + 1; i < argc; i++) {
        char *image = strchr(argv[i], '=');
        if (image == NULL || image == argv[i]) {
            fprintf(stderr, "isoctane-repo director order: %s: give ECU=IMAGE, or ECU= to withdraw\n",
                    argv[i]);
            return SIM_EXIT_USAGE;
        }
        *image++ = '\0';
        orders[n++] = (struct sim_order){argv[i], *image != '\0' ? image : NULL, bundle};
    }
    struct sim_director *d = open_director("director order", dir);
    if (d == NULL) return SIM_EXIT_CONFIG;
    return end("director order", dir, d, sim_director_order(d, argv[rest], orders, n, correlation));
}

static const char *text_at(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL && *text != '\0' ? text : "-";
}

static void print_vehicles(const cJSON *vehicles)
{
    const cJSON *vehicle, *ecu;
    printf("%-20s %-20s %-16s %-24s %-24s %-12s %s\n", "vehicle", "ecu", "hardware", "installed", "ordered",
           "bundle", "attacks");
    cJSON_ArrayForEach (vehicle, vehicles) {
        cJSON_ArrayForEach (ecu, cJSON_GetObjectItemCaseSensitive(vehicle, "ecus")) {
            printf("%-20s %-20s %-16s %-24s %-24s %-12s %s\n", vehicle->string, ecu->string,
                   text_at(ecu, "hardwareId"), text_at(ecu, "installed"), text_at(ecu, "ordered"),
                   text_at(ecu, "bundle"), text_at(ecu, "attacks"));
        }
    }
}

static int cmd_list(int argc, char **argv, int64_t now_s)
{
    (void)now_s;
    const char *dir = ".";
    bool json = false;
    const struct sim_option options[] = {SIM_OPTION_DIR(&dir),
                                         {"json", NULL, SIM_OPT_FLAG, &json, "for programs"}};
    const struct sim_usage usage = {"isoctane-repo director list",
                                    "[VEHICLE]",
                                    "Vehicles, their ECUs, what was ordered and what they reported.",
                                    options,
                                    SIM_COUNT(options),
                                    0,
                                    1};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    struct sim_director *d = open_director("director list", dir);
    if (d == NULL) return SIM_EXIT_CONFIG;
    cJSON *all = sim_director_show(d, rest < argc ? argv[rest] : NULL);
    status =
        all != NULL ? SIM_EXIT_OK : sim_command_fail("director list", sim_director_why(d), SIM_EXIT_FAULT);
    sim_director_close(d);
    if (all != NULL && json) {
        sim_print_json(all);
    } else if (all != NULL) {
        print_vehicles(cJSON_GetObjectItemCaseSensitive(all, "vehicles"));
        cJSON_Delete(all);
    }
    return status;
}

int sim_cmd_director(int argc, char **argv, int64_t now_s)
{
    static const struct sim_command commands[] = {
        {"register", cmd_register, "a vehicle, with its device certificate"},
        {"ecu", cmd_ecu, "an ECU of a vehicle, with its public key"},
        {"order", cmd_order, "which image for which ECU"},
        {"list", cmd_list, "the inventory"},
    };
    return sim_command_run("isoctane-repo director", "Keeps the Director's inventory and its orders.",
                           commands, SIM_COUNT(commands), argc, argv, now_s);
}
