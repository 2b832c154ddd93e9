/* isoctane-repo evil: attack vectors for clients. */
#include "sim/cmd_repo.h"
#include "sim/evil.h"

#include <string.h>

#define SCHEME_HELP "ed25519 (default), ecdsa-p256 or rsa"

static int list(int argc, char **argv, int64_t now_s)
{
    static struct sim_evil v;
    bool json = false;
    const struct sim_option options[] = {{"json", NULL, SIM_OPT_FLAG, &json, "for programs"}};
    const struct sim_usage usage = {
        "isoctane-repo evil list",
        "",
        "All attack vectors: name, requirement, place, what is wrong there, and what a\n"
        "Primary, a full and a partial verifier answer.",
        options,
        SIM_COUNT(options),
        0,
        0};
    int rest, status;
    (void)now_s;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    cJSON *all = cJSON_CreateArray();
    for (unsigned i = 0; i < sim_evil_count(); i++) {
        sim_evil_get(i, &up_profile_strict, &v);
        const char *answer[SIM_CLIENTS];
        for (enum sim_client c = SIM_PRIMARY; c < SIM_CLIENTS; c++)
            answer[c] = v.sees[c] ? up_err_name(v.expect[c]) : "not seen";
        if (!json) {
            printf("%-44s %-9s %-26s %-20s %-20s %-16s %s\n", v.id, v.rule, v.place, answer[SIM_PRIMARY],
                   answer[SIM_FULL], answer[SIM_PARTIAL], v.text);
            continue;
        }
        cJSON *o = cJSON_CreateObject();
        cJSON_AddItemToArray(all, o);
        cJSON_AddStringToObject(o, "name", v.id);
        cJSON_AddStringToObject(o, "rule", v.rule);
        cJSON_AddStringToObject(o, "place", v.place);
        cJSON_AddStringToObject(o, "what", v.text);
        for (enum sim_client c = SIM_PRIMARY; c < SIM_CLIENTS; c++)
            cJSON_AddStringToObject(o, sim_evil_ecus[c].client, answer[c]);
    }
    if (json)
        sim_print_json(all);
    else
        cJSON_Delete(all);
    return SIM_EXIT_OK;
}

static int wrong(const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "isoctane-repo evil make: %s %s: %s\n", option, value, wanted);
    return SIM_EXIT_USAGE;
}

static int make(int argc, char **argv, int64_t now_s)
{
    const char *profile = "strict", *scheme = "ed25519";
    struct sim_book_plan plan = {0};
    struct sim_evil_request request = {0};
    uint32_t bits = 2048;
    const struct sim_option options[] = {
        {"profile", "PROFILE", SIM_OPT_TEXT, &profile, "strict (default) or deployed: the dialect"},
        {"scheme", "SCHEME", SIM_OPT_TEXT, &scheme, SCHEME_HELP},
        {"rsa-bits", "N", SIM_OPT_NUMBER, &bits, "2048 to 4096"},
        {"rsa-keys", "FOLDER", SIM_OPT_TEXT, &plan.rsa_keys,
         "24 RSA keys, 1.pem to 24.pem (default: new ones, never\nstored)"},
        {"seed", "TEXT", SIM_OPT_TEXT, &plan.seed, "the same files for the same text, but for RSA"},
        {"only", "NAME", SIM_OPT_TEXT, &request.only, "this vector only"},
        {"pairs", NULL, SIM_OPT_FLAG, &request.pairs, "one vector per pair of requirement and place"},
        {"links", NULL, SIM_OPT_FLAG, &request.links, "what is as in base/ is a symbolic link to it"},
    };
    const struct sim_usage usage = {
        "isoctane-repo evil make",
        "FOLDER",
        "Makes attack vectors: FOLDER/base with honest repositories, and a folder per\n"
        "vector with both repositories and a file `expect`. See tests/vectors/README.md.",
        options,
        SIM_COUNT(options),
        1,
        1};
    int rest, status;
    unsigned count;
    char why[SIM_WHY_MAX];
    (void)now_s;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    if (!sim_profile_parse(profile, &plan.profile))
        return wrong("--profile", profile, "give strict or deployed");
    if (!sim_scheme_parse(scheme, &plan.scheme)) return wrong("--scheme", scheme, SCHEME_HELP);
    if (bits < 2048 || bits > 4096) return wrong("--rsa-bits", "", "give 2048 to 4096");
    plan.rsa_bits = bits;
    request.dir = argv[rest];
    if (!sim_evil_make(&plan, &request, &count, why))
        return sim_command_fail("evil make", why, SIM_EXIT_FAULT);
    printf("made %u vectors in %s\n", count, request.dir);
    return SIM_EXIT_OK;
}

int sim_cmd_evil(int argc, char **argv, int64_t now_s)
{
    static const struct sim_command commands[] = {
        {"list", list, "all attack vectors, and what clients answer"},
        {"make", make, "repositories with one rule broken in one place"},
    };
    return sim_command_run("isoctane-repo evil", "Attack vectors for clients of both repositories.", commands,
                           SIM_COUNT(commands), argc, argv, now_s);
}
