/* isoctane-repo show, verify. */
#include "sim/cmd_repo.h"

#include "sim/director.h"

#include <stdlib.h>
#include <string.h>

static const char *text_at(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "";
}

static int number_at(const cJSON *object, const char *name)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(n) ? n->valueint : 0;
}

static void print_roles(const char *repo, const cJSON *roles)
{
    const cJSON *r;
    cJSON_ArrayForEach (r, roles) {
        int keys = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(r, "keyids"));
        bool expired = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(r, "expired"));
        printf("%-9s %-24s %7d  %s  %d of %d%s\n", repo, text_at(r, "name"), number_at(r, "version"),
               text_at(r, "expires"), number_at(r, "threshold"), keys, expired ? "  EXPIRED" : "");
    }
}

static void print_images(const cJSON *images)
{
    const cJSON *i, *id;
    cJSON_ArrayForEach (i, images) {
        printf("%-32s %-16s %10.0f bytes  counter %d  for", text_at(i, "name"), text_at(i, "role"),
               cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(i, "length")),
               number_at(i, "releaseCounter"));
        cJSON_ArrayForEach (id, cJSON_GetObjectItemCaseSensitive(i, "hardwareIds")) {
            printf(" %s", cJSON_IsString(id) ? id->valuestring : "?");
        }
        putchar('\n');
    }
}

int sim_cmd_show(int argc, char **argv, int64_t now_s)
{
    const char *dir = ".";
    bool json = false;
    const struct sim_option options[] = {
        SIM_OPTION_DIR(&dir), {"json", NULL, SIM_OPT_FLAG, &json, "for programs"}, SIM_OPTION_NOW(&now_s)};
    const struct sim_usage usage = {"isoctane-repo show",
                                    "",
                                    "Roles with version, expiry and keys, and images.",
                                    options,
                                    SIM_COUNT(options),
                                    0,
                                    0};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    struct sim_repo r;
    if (!sim_command_open("show", &r, dir)) return SIM_EXIT_CONFIG;
    cJSON *all = sim_repo_show(&r, now_s);
    if (all == NULL) return sim_command_fail("show", r.why, SIM_EXIT_FAULT);
    if (json) {
        sim_print_json(all);
        return SIM_EXIT_OK;
    }
    printf("%-9s %-24s %7s  %-20s  %s\n", "repo", "role", "version", "expires", "signatures");
    print_roles("director", sim_json_at(all, "/director/roles"));
    print_roles("image", sim_json_at(all, "/image/roles"));
    print_images(sim_json_at(all, "/image/images"));
    cJSON_Delete(all);
    return SIM_EXIT_OK;
}

/* verify */

struct findings {
    enum up_err verdict;
    char why[SIM_WHY_MAX];
    unsigned images, vehicles;
};

static bool has_metadata(struct sim_director *d, const char *vehicle)
{
    struct sim_bytes file;
    if (!sim_director_file(d, vehicle, "timestamp.json", &file)) return false;
    sim_bytes_free(&file);
    return true;
}

/* Vehicles that have been given metadata; one that never reported has none. */
static void verify_vehicles(struct sim_director *d, int64_t now_s, struct findings *f)
{
    size_t n;
    char **ids = sim_inventory_vehicles(sim_director_inventory(d), &n);
    if (ids == NULL) {
        f->verdict = UP_CONFIG;
        sim_say(f->why, "%s", sim_inventory_why(sim_director_inventory(d)));
        return;
    }
    for (size_t i = 0; i < n && f->verdict == UP_OK; i++) {
        char why[SIM_WHY_MAX];
        if (!has_metadata(d, ids[i])) continue;
        f->verdict = sim_director_verify(d, ids[i], now_s, why);
        f->vehicles += f->verdict == UP_OK;
        if (f->verdict != UP_OK) sim_say(f->why, "%s: %.*s", ids[i], SIM_WHY_MAX - SIM_ID_MAX - 4, why);
    }
    free(ids);
}

static void verify_all(struct sim_repo *r, int64_t now_s, struct findings *f)
{
    f->verdict = sim_repo_verify(r, now_s, &f->images);
    sim_say(f->why, "%s", r->why);
    if (f->verdict != UP_OK) return;
    struct sim_director *d = sim_director_open(r->dir, f->why);
    if (d == NULL)
        f->verdict = UP_CONFIG;
    else
        verify_vehicles(d, now_s, f);
    sim_director_close(d);
}

static cJSON *findings_json(const struct findings *f)
{
    static const char *const classes[] = {
        [UP_CLASS_NONE] = "none", [UP_CLASS_FAULT] = "fault", [UP_CLASS_ATTACK] = "attack"};
    cJSON *all = cJSON_CreateObject();
    cJSON_AddStringToObject(all, "verdict", up_err_name(f->verdict));
    cJSON_AddStringToObject(all, "class", classes[up_err_class(f->verdict)]);
    cJSON_AddStringToObject(all, "attack", up_err_attack(f->verdict));
    cJSON_AddStringToObject(all, "why", f->why);
    cJSON_AddNumberToObject(all, "images", f->images);
    cJSON_AddNumberToObject(all, "vehicles", f->vehicles);
    return all;
}

int sim_cmd_verify(int argc, char **argv, int64_t now_s)
{
    const char *dir = ".";
    bool json = false;
    const struct sim_option options[] = {
        SIM_OPTION_DIR(&dir), {"json", NULL, SIM_OPT_FLAG, &json, "for programs"}, SIM_OPTION_NOW(&now_s)};
    const struct sim_usage usage = {
        "isoctane-repo verify",
        "",
        "Walks both repositories with the verifier that vehicles use: every Root, every role,\n"
        "every image with its bytes, and what the Director has signed for each vehicle.",
        options,
        SIM_COUNT(options),
        0,
        0};
    int rest, status;
    if (!sim_command_parse(&usage, argc, argv, &rest, &status)) return status;
    struct sim_repo r;
    struct findings f = {0};
    if (!sim_command_open("verify", &r, dir)) return SIM_EXIT_CONFIG;
    verify_all(&r, now_s, &f);
    if (json)
        sim_print_json(findings_json(&f));
    else if (f.verdict == UP_OK)
        printf("good: %u image%s, %u vehicle%s\n", f.images, f.images == 1 ? "" : "s", f.vehicles,
               f.vehicles == 1 ? "" : "s");
    else
        fprintf(stderr, "isoctane-repo verify: %s\n", f.why);
    if (f.verdict == UP_OK) return SIM_EXIT_OK;
    return up_err_class(f.verdict) == UP_CLASS_ATTACK ? SIM_EXIT_ATTACK : SIM_EXIT_FAULT;
}
