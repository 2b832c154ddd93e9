/* isoctane-repo create, add, delegate, sign, rotate. */
#include "sim/cmd_repo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME_HELP "ecdsa-p256 (default; not of deployed), ed25519 or rsa"
#define KEYS_WANTED "give KEYS/THRESHOLD such as 5/3, at most 32 keys"

static sim_list list_of(const struct sim_texts *t)
{
    return t->n > 0 ? t->item : NULL;
}

static int usage_error(const char *command, const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "isoctane-repo %s: %s %s: %s\n", command, option, value, wanted);
    return SIM_EXIT_USAGE;
}

/* create */

static bool role_named(const char *name, size_t n, enum up_role *out)
{
    for (enum up_role r = UP_ROOT; r < UP_ROLES; r++)
        if (strlen(up_role_name(r)) == n && strncmp(name, up_role_name(r), n) == 0) {
            *out = r;
            return true;
        }
    return false;
}

/* "image/root=5/3" */
static bool take_keys(const char *text, struct sim_plan *plan)
{
    char repo[16];
    enum up_repo r;
    enum up_role role;
    const char *slash = strchr(text, '/'), *equals = strchr(text, '=');
    if (slash == NULL || equals == NULL || slash > equals || (size_t)(slash - text) >= sizeof repo)
        return false;
    snprintf(repo, sizeof repo, "%.*s", (int)(slash - text), text);
    return sim_repo_parse(repo, &r) && role_named(slash + 1, (size_t)(equals - slash - 1), &role) &&
           sim_role_plan_parse(equals + 1, &plan->role[r][role]);
}

/* "timestamp=1" */
static bool take_validity(const char *text, struct sim_plan *plan)
{
    enum up_role role;
    char *end;
    const char *equals = strchr(text, '=');
    if (equals == NULL || !role_named(text, (size_t)(equals - text), &role) || role == UP_TIME) return false;
    unsigned long days = strtoul(equals + 1, &end, 10);
    if (equals[1] < '0' || equals[1] > '9' || *end != '\0' || days < 1 || days > 36500) return false;
    plan->validity_s[role] = (int64_t)days * 86400;
    return true;
}

int sim_cmd_create(int argc, char **argv, int64_t now_s)
{
    const char *dir = ".", *scheme = NULL, *seed_text = NULL, *profile = "strict";
    struct sim_texts keys = {0}, validity = {0};
    struct sim_plan plan = {0};
    uint32_t bits = 2048;
    const struct sim_option options[] = {
        SIM_OPTION_DIR(&dir),
        {"profile", "PROFILE", SIM_OPT_TEXT, &profile,
         "strict (default), or deployed: the JSON and file names of deployed\n"
         "backends, Ed25519 unless --scheme says rsa"},
        {"sha512", NULL, SIM_OPT_FLAG, &plan.sha512,
         "SHA-512 beside SHA-256, wherever files and images are named"},
        {"scheme", "SCHEME", SIM_OPT_TEXT, &scheme, SCHEME_HELP},
        {"rsa-bits", "N", SIM_OPT_NUMBER, &bits, "2048 to 4096"},
        {"keys", "REPO/ROLE=K/T,...", SIM_OPT_LIST, &keys,
         "K keys, T of which must sign, such as image/root=5/3\n"
         "(default: one key per role)"},
        {"validity", "ROLE=DAYS,...", SIM_OPT_LIST, &validity,
         "default: root=365,targets=90,snapshot=30,timestamp=7"},
        {"seed", "TEXT", SIM_OPT_TEXT, &seed_text, "the same keys for the same text: for simulations only"},
        SIM_OPTION_NOW(&now_s),
    };
    const struct sim_usage usage = {
        "isoctane-repo create",
        "",
        "Makes keys, the Roots of the Director and the Image repository, and an empty\n"
        "Image repository.",
        options,
        SIM_COUNT(options),
        0,
        0};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    if (!sim_profile_parse(profile, &plan.profile))
        return usage_error("create", "--profile", profile, "give strict or deployed");
    if (scheme != NULL && !sim_scheme_parse(scheme, &plan.scheme))
        return usage_error("create", "--scheme", scheme, SCHEME_HELP);
    if (bits < 2048 || bits > 4096) return usage_error("create", "--rsa-bits", "", "give 2048 to 4096");
    for (size_t i = 0; i < keys.n; i++)
        if (!take_keys(keys.item[i], &plan))
            return usage_error("create", "--keys", keys.item[i],
                               "give REPO/ROLE=KEYS/THRESHOLD such as image/root=5/3");
    for (size_t i = 0; i < validity.n; i++)
        if (!take_validity(validity.item[i], &plan))
            return usage_error("create", "--validity", validity.item[i],
                               "give ROLE=DAYS such as timestamp=1");
    uint8_t seed[UP_SHA256_BYTES];
    if (seed_text != NULL) {
        up_sha256(up_span_of(seed_text), seed);
        plan.seed = seed;
    }
    plan.rsa_bits = bits;

    struct sim_repo r;
    if (!sim_repo_create(&r, dir, &plan, now_s)) return sim_command_fail("create", r.why, SIM_EXIT_FAULT);
    printf("created %s/director and %s/repo\n", dir, dir);
    return sim_command_done("create", dir);
}

/* add */

/* Counters that do not rise let an attacker bring old images back. */
static void warn_of_counter(struct sim_repo *r, const struct sim_image *m, int64_t now_s)
{
    cJSON *all = sim_repo_show(r, now_s);
    const cJSON *image;
    cJSON_ArrayForEach (image, sim_json_at(all, "/image/images")) {
        const cJSON *counter = cJSON_GetObjectItemCaseSensitive(image, "releaseCounter");
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(image, "name"));
        bool shared = false;
        for (sim_list id = m->hardware_ids; *id != NULL; id++)
            shared = shared || sim_is_listed(cJSON_GetObjectItemCaseSensitive(image, "hardwareIds"), *id);
        if (shared && name != NULL && strcmp(name, m->name) != 0 &&
            cJSON_GetNumberValue(counter) >= m->release_counter)
            fprintf(stderr,
                    "isoctane-repo add: warning: %s is for the same hardware and has release counter %d\n",
                    name, counter->valueint);
    }
    cJSON_Delete(all);
}

int sim_cmd_add(int argc, char **argv, int64_t now_s)
{
    const char *dir = ".";
    struct sim_image m = {0};
    struct sim_texts hardware = {0}, depends = {0}, conflicts = {0};
    const struct sim_option options[] = {
        SIM_OPTION_DIR(&dir),
        {"name", "NAME", SIM_OPT_TEXT, &m.name, "image name (default: that of the file)"},
        {"hardware", "ID,...", SIM_OPT_LIST, &hardware, "hardware that it is for (required)"},
        {"counter", "N", SIM_OPT_NUMBER, &m.release_counter,
         "release counter: higher than that of every earlier image\n"
         "for this hardware (default 0)"},
        {"image-version", "TEXT", SIM_OPT_TEXT, &m.version, "for people"},
        {"role", "ROLE", SIM_OPT_TEXT, &m.role, "delegated role that signs it (default: Targets)"},
        {"depends", "IMAGE,...", SIM_OPT_LIST, &depends, "must be on other ECUs of the vehicle"},
        {"conflicts", "IMAGE,...", SIM_OPT_LIST, &conflicts, "must not be on other ECUs of the vehicle"},
        {"force", NULL, SIM_OPT_FLAG, &m.force, "even if no client will take it: for tests"},
        SIM_OPTION_NOW(&now_s),
    };
    const struct sim_usage usage = {"isoctane-repo add",
                                    "FILE",
                                    "Puts an image into the Image repository and signs.",
                                    options,
                                    SIM_COUNT(options),
                                    1,
                                    1};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    if (hardware.n == 0)
        return usage_error("add", "--hardware", "", "give the hardware ids that the image is for");
    struct sim_repo r;
    struct sim_bytes file;
    const char *path = argv[rest], *slash = strrchr(path, '/');
    if (m.name == NULL) m.name = slash != NULL ? slash + 1 : path;
    if (!sim_command_open("add", &r, dir)) return SIM_EXIT_CONFIG;
    if (!sim_file_read(path, &file)) return usage_error("add", "FILE", path, strerror(errno));
    m.bytes = sim_span(&file);
    m.hardware_ids = list_of(&hardware);
    m.depends = list_of(&depends);
    m.conflicts = list_of(&conflicts);
    warn_of_counter(&r, &m, now_s);
    bool ok = sim_repo_add(&r, &m, 1, now_s);
    sim_bytes_free(&file);
    if (!ok) return sim_command_fail("add", r.why, SIM_EXIT_FAULT);
    printf("added %s to %s\n", m.name, m.role != NULL ? m.role : "targets");
    return sim_command_done("add", dir);
}

/* delegate */

int sim_cmd_delegate(int argc, char **argv, int64_t now_s)
{
    const char *dir = ".", *scheme = NULL, *keys = "1/1";
    struct sim_delegation d = {0};
    struct sim_texts paths = {0}, hardware = {0};
    uint32_t agreement = 0, bits = 2048;
    const struct sim_option options[] = {
        SIM_OPTION_DIR(&dir),
        {"path", "PATTERN,...", SIM_OPT_LIST, &paths,
         "image names it may sign: * and ? never match / (required)"},
        {"hardware", "ID,...", SIM_OPT_LIST, &hardware, "only images for these (default: any)"},
        {"parent", "ROLE", SIM_OPT_TEXT, &d.parent, "role that delegates (default: Targets)"},
        {"terminating", NULL, SIM_OPT_FLAG, &d.terminating, "no search beyond this role"},
        {"agree", "N", SIM_OPT_NUMBER, &agreement,
         "N of the roles that are named must say the same of an image"},
        {"keys", "K/T", SIM_OPT_TEXT, &keys, "K keys, T of which must sign (default 1/1)"},
        {"scheme", "SCHEME", SIM_OPT_TEXT, &scheme, SCHEME_HELP},
        {"rsa-bits", "N", SIM_OPT_NUMBER, &bits, "2048 to 4096"},
        SIM_OPTION_NOW(&now_s),
    };
    const struct sim_usage usage = {
        "isoctane-repo delegate",
        "NAME...",
        "Makes a delegated role: one per supplier, its paths below a name of its own. With\n"
        "--agree: several roles, none of which is enough alone.",
        options,
        SIM_COUNT(options),
        1,
        UP_AGREEMENT_MAX};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    if (paths.n == 0)
        return usage_error("delegate", "--path", "", "give the image names that the role may sign");
    if (scheme != NULL && !sim_scheme_parse(scheme, &d.scheme))
        return usage_error("delegate", "--scheme", scheme, SCHEME_HELP);
    if (bits < 2048 || bits > 4096) return usage_error("delegate", "--rsa-bits", "", "give 2048 to 4096");
    if (agreement == 0 && argc - rest > 1)
        return usage_error("delegate", "NAME", argv[rest + 1], "several roles need --agree");
    if (!sim_role_plan_parse(keys, &d.plan)) return usage_error("delegate", "--keys", keys, KEYS_WANTED);
    struct sim_repo r;
    d.name = argv[rest];
    d.names = agreement > 0 ? (sim_list)(argv + rest) : NULL; /* argv ends with NULL */
    d.agreement = agreement;
    d.rsa_bits = bits;
    d.paths = list_of(&paths);
    d.hardware_ids = list_of(&hardware);
    if (!sim_command_open("delegate", &r, dir)) return SIM_EXIT_CONFIG;
    if (d.terminating)
        fprintf(stderr, "isoctane-repo delegate: warning: what %s does not list, no later role can give\n",
                d.name);
    if (!sim_repo_delegate(&r, &d, now_s)) return sim_command_fail("delegate", r.why, SIM_EXIT_FAULT);
    printf("delegated to %s\n", d.name);
    return sim_command_done("delegate", dir);
}

/* sign */

int sim_cmd_sign(int argc, char **argv, int64_t now_s)
{
    const char *dir = ".", *repo_name = "image";
    const struct sim_option options[] = {
        SIM_OPTION_DIR(&dir),
        {"repo", "REPO", SIM_OPT_TEXT, &repo_name, "image (default); director, for its root"},
        SIM_OPTION_NOW(&now_s),
    };
    const struct sim_usage usage = {
        "isoctane-repo sign",
        "[ROLE]",
        "Signs ROLE again under a higher version, and what names it. Without ROLE: what has\n"
        "less than half of its validity left; nothing: exit status 1. The Director signs\n"
        "what is for vehicles by itself.",
        options,
        SIM_COUNT(options),
        0,
        1};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    const char *role = rest < argc ? argv[rest] : NULL;
    enum up_repo repo;
    struct sim_repo r;
    unsigned files = 1;
    if (!sim_repo_parse(repo_name, &repo))
        return usage_error("sign", "--repo", repo_name, "give image or director");
    bool root = role != NULL && strcmp(role, "root") == 0;
    if (repo == UP_DIRECTOR && !root) return usage_error("sign", "--repo", repo_name, "sign its root only");
    if (!sim_command_open("sign", &r, dir)) return SIM_EXIT_CONFIG;
    bool ok = root ? sim_repo_sign_root(&r, repo, now_s) : sim_repo_sign(&r, role, &files, now_s);
    if (!ok) return sim_command_fail("sign", r.why, SIM_EXIT_FAULT);
    printf("signed %u file%s\n", files, files == 1 ? "" : "s");
    return files == 0 ? SIM_EXIT_NOTHING : sim_command_done("sign", dir);
}

/* rotate */

int sim_cmd_rotate(int argc, char **argv, int64_t now_s)
{
    const char *dir = ".", *keys = NULL;
    struct sim_role_plan plan = {0};
    const struct sim_option options[] = {
        SIM_OPTION_DIR(&dir),
        {"keys", "K/T", SIM_OPT_TEXT, &keys, "K keys, T of which must sign (default: as before)"},
        SIM_OPTION_NOW(&now_s),
    };
    const struct sim_usage usage = {
        "isoctane-repo rotate",
        "REPO ROLE",
        "Replaces the keys of ROLE in REPO (image or director), publishes the next Root and\n"
        "signs what the new keys must sign. Old key files stay; they count no more.",
        options,
        SIM_COUNT(options),
        2,
        2};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    enum up_repo repo;
    struct sim_repo r;
    const char *role = argv[rest + 1];
    if (!sim_repo_parse(argv[rest], &repo))
        return usage_error("rotate", "REPO", argv[rest], "give image or director");
    if (keys != NULL && !sim_role_plan_parse(keys, &plan))
        return usage_error("rotate", "--keys", keys, KEYS_WANTED);
    if (!sim_command_open("rotate", &r, dir)) return SIM_EXIT_CONFIG;
    if (!sim_repo_rotate(&r, repo, role, plan, now_s))
        return sim_command_fail("rotate", r.why, SIM_EXIT_FAULT);
    printf("rotated %s of the %s repository\n", role, up_repo_name(repo));
    return sim_command_done("rotate", dir);
}
