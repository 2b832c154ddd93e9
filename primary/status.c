#include "primary/status.h"

#include "metadata/encode.h"
#include "metadata/report.h"
#include "primary/bundle.h"
#include "primary/display.h"

#include <inttypes.h>
#include <stdlib.h>

static void add_text(cJSON *to, const char *key, struct up_span text)
{
    char *copy = strndup((const char *)text.p, text.n);
    if (copy != NULL) cJSON_AddStringToObject(to, key, copy);
    free(copy);
}

static void add_time(cJSON *to, const char *key, int64_t t_s)
{
    char text[UP_TIME_TEXT];
    if (t_s <= 0) return;
    up_time_encode(t_s, text);
    add_text(to, key, (struct up_span){(const uint8_t *)text, sizeof text});
}

static void add_hex(cJSON *to, const char *key, const uint8_t *bytes, size_t n)
{
    char text[2 * UP_SHA512_BYTES];
    up_hex_encode(bytes, n, text);
    add_text(to, key, (struct up_span){(const uint8_t *)text, 2 * n});
}

/* --- repositories --- */

/* What a profile does not insist on (docs/pouf.md, section 1). */
static void add_profile(cJSON *to, const struct up_profile *p)
{
    cJSON_AddStringToObject(to, "profile", p->name);
    if (p->relax == 0) return;
    cJSON *list = cJSON_AddArrayToObject(to, "relaxed");
    for (unsigned bit = 1; bit != 0 && bit <= p->relax; bit <<= 1)
        if (p->relax & bit) cJSON_AddItemToArray(list, cJSON_CreateString(up_relax_name(bit)));
}

static void add_repository(cJSON *to, const char *name, const struct up_trust *t,
                           const struct pri_repo_config *c)
{
    cJSON *repo = cJSON_AddObjectToObject(to, name);
    cJSON_AddStringToObject(repo, "url", c->url);
    add_profile(repo, c->profile);
    for (enum up_role r = UP_ROOT; r < UP_TIME; r++) {
        if (t->floors.mark[r].version == 0) continue;
        cJSON *role = cJSON_AddObjectToObject(repo, up_role_name(r));
        cJSON_AddNumberToObject(role, "version", t->floors.mark[r].version);
        add_time(role, "expires", t->expires_s[r]);
    }
}

/* --- ECUs --- */

static cJSON *add_image(cJSON *ecu, struct up_span name, uint64_t length,
                        const uint8_t sha256[UP_SHA256_BYTES])
{
    cJSON *image = cJSON_AddObjectToObject(ecu, "image");
    add_text(image, "name", name);
    cJSON_AddNumberToObject(image, "bytes", (double)length);
    add_hex(image, "sha256", sha256, UP_SHA256_BYTES);
    return image;
}

static void add_primary(cJSON *to, const struct pri_config *c, struct pri_installer *installer)
{
    struct pri_installed i;
    cJSON *ecu = cJSON_AddObjectToObject(to, c->serial);
    cJSON_AddStringToObject(ecu, "hardware", c->hardware_id);
    cJSON_AddStringToObject(ecu, "verification", "full");
    if (installer->state(installer, &i) != UP_OK) return;
    cJSON *image = add_image(ecu, up_span_of(i.name), i.length, i.sha256);
    cJSON_AddNumberToObject(image, "release_counter", i.release_counter);
    cJSON_AddNumberToObject(image, "release_floor", i.release_floor);
    if (i.trial) cJSON_AddBoolToObject(image, "trial", true);
}

/* Its last report; a Secondary speaks in it for itself. */
static void add_secondary(cJSON *to, const struct pri_config *c, const struct pri_ecu_config *e,
                          struct pri_state *state)
{
    char key[UP_ID_MAX + 16];
    struct up_span file;
    struct up_report r;
    cJSON *ecu = cJSON_AddObjectToObject(to, e->serial);
    cJSON_AddStringToObject(ecu, "hardware", e->hardware_id);
    cJSON_AddStringToObject(ecu, "verification", e->full ? "full" : "partial");
    cJSON_AddStringToObject(ecu, "bus", c->buses[e->bus].name);
    add_profile(ecu, e->profile);
    snprintf(key, sizeof key, "report/%s", e->serial);
    if (pri_state_get(state, key, &file) != UP_OK) return;
    if (up_report_read(file, e->profile, &r) == UP_OK) {
        add_image(ecu, r.image_name, r.image_length, r.image_sha256);
        add_time(ecu, "time", r.time_s);
        if (r.attacks.n > 0) add_text(ecu, "attacks", r.attacks);
    }
    free((void *)(uintptr_t)file.p);
}

/* --- the rest --- */

static bool add_bundle(void *ctx, const char *key, struct up_span value)
{
    struct pri_bundle_record r;
    if (!pri_bundle_record_read(key, value, &r)) return true;
    cJSON *bundle = cJSON_AddObjectToObject(ctx, r.name);
    cJSON_AddStringToObject(bundle, "state", pri_bundle_state_name(r.state));
    add_hex(bundle, "order", r.order, sizeof r.order);
    cJSON *members = cJSON_AddArrayToObject(bundle, "members");
    struct up_json j;
    up_json_open(&j, r.members);
    for (up_json_array(&j); up_json_item(&j);) {
        struct up_span serial = up_json_string(&j);
        char *text = strndup((const char *)serial.p, serial.n);
        if (j.err == UP_OK && text != NULL) cJSON_AddItemToArray(members, cJSON_CreateString(text));
        free(text);
    }
    return true;
}

cJSON *pri_status_tree(const struct pri *p, const struct pri_config *c, struct pri_state *state,
                       struct pri_installer *installer)
{
    struct up_span attacks;
    cJSON *tree = cJSON_CreateObject();
    cJSON_AddStringToObject(tree, "vehicle", c->vehicle_id);
    cJSON_AddStringToObject(tree, "primary", c->serial);
    add_time(tree, "attested_time", pri_clock(p)->attested_s);
    add_repository(tree, "director", pri_trust(p, UP_DIRECTOR), &c->director);
    add_repository(tree, "image", pri_trust(p, UP_IMAGE), &c->image);
    cJSON *ecus = cJSON_AddObjectToObject(tree, "ecus");
    add_primary(ecus, c, installer);
    for (unsigned i = 0; i < c->ecu_count; i++) add_secondary(ecus, c, &c->ecus[i], state);
    cJSON *bundles = cJSON_AddObjectToObject(tree, "bundles");
    if (pri_state_each(state, "bundle/", add_bundle, bundles) != UP_OK)
        cJSON_AddStringToObject(tree, "damaged", "bundles");
    if (pri_state_get(state, "attacks", &attacks) == UP_OK) {
        add_text(tree, "attack_to_report", attacks);
        free((void *)(uintptr_t)attacks.p);
    }
    return tree;
}

static bool add_event(void *ctx, const struct pri_event *e)
{
    cJSON *event = cJSON_CreateObject();
    add_time(event, "time", e->time_s);
    cJSON_AddNumberToObject(event, "cycle", (double)e->cycle);
    if (e->ecu[0] != '\0') cJSON_AddStringToObject(event, "ecu", e->ecu);
    cJSON_AddStringToObject(event, "event", e->what);
    cJSON_AddStringToObject(event, "result", up_err_name(e->err));
    if (up_err_class(e->err) == UP_CLASS_ATTACK)
        cJSON_AddStringToObject(event, "attack", up_err_attack(e->err));
    if (e->detail[0] != '\0') cJSON_AddStringToObject(event, "detail", e->detail);
    cJSON_AddItemToArray(ctx, event);
    return true;
}

cJSON *pri_history_tree(struct pri_state *state, unsigned last)
{
    cJSON *list = cJSON_CreateArray();
    if (pri_history_each(state, last, add_event, list) == UP_OK) return list;
    cJSON_Delete(list);
    return NULL;
}

/* --- for people --- */

static void print_scalar(FILE *out, const cJSON *v)
{
    if (cJSON_IsString(v))
        pri_print_value(out, v->valuestring);
    else if (cJSON_IsNumber(v))
        fprintf(out, "%.0f", v->valuedouble);
    else
        fputs(cJSON_IsTrue(v) ? "yes" : "no", out);
}

static void print_node(FILE *out, const cJSON *node, int depth)
{
    fprintf(out, "%*s%s:", 2 * depth, "", node->string);
    if (cJSON_IsArray(node)) {
        const cJSON *v;
        cJSON_ArrayForEach (v, node) {
            fputc(' ', out);
            print_scalar(out, v);
        }
    } else if (cJSON_IsObject(node)) {
        fputs(node->child == NULL ? " none\n" : "\n", out);
        for (const cJSON *v = node->child; v != NULL; v = v->next) print_node(out, v, depth + 1);
        return;
    } else {
        fputc(' ', out);
        print_scalar(out, node);
    }
    fputc('\n', out);
}

void pri_print_tree(FILE *out, const cJSON *tree)
{
    for (const cJSON *v = tree->child; v != NULL; v = v->next) print_node(out, v, 0);
}
