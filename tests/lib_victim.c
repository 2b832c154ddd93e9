#include "tests/lib_victim.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "metadata/encode.h"
#include "primary/download.h"
#include "primary/plan.h"
#include "tests/lib_ecu.h"
#include "tests/lib_folder.h"

#define STAGING 262144u
#define SLOT    16384u
#define SECTOR  4096u
#define UNIT    256u

struct victims {
    const struct up_profile *profile;
    const struct sim_pages *before;
    struct folder folder;
    char director_root[128], image_root[128], images[128];
    struct ecu ecu[SIM_CLIENTS]; /* but the Primary */
    uint8_t *saved[SIM_CLIENTS]; /* their flash */
    uint8_t room[SIM_CLIENTS][1 << 20];
    struct up_buf buf[SIM_CLIENTS];
    struct pri_state *state; /* the Primary's; NULL: as good as restored */
    struct up_clock clock;
};

static struct victim_answer answer(enum up_err e, const char *detail)
{
    struct victim_answer a = {.err = e};
    (void)snprintf(a.detail, sizeof a.detail, "%s", detail);
    return a;
}

static int64_t stage_time(enum sim_stage stage)
{
    return up_time_decode(UP_SPAN(SIM_EVIL_NOW)) + ((int)stage - 1) * 3600;
}

static void nonce_bytes(uint8_t out[UP_NONCE_BYTES])
{
    ck_assert_int_eq(up_hex_decode(UP_SPAN(SIM_EVIL_NONCE), out, UP_NONCE_BYTES), UP_NONCE_BYTES);
}

/* The attestation of the stage; of the profile without a time server, the Primary's own word. */
static struct up_span time_of(const struct victims *v, enum sim_stage stage, const struct sim_pages *pages)
{
    const struct sim_page *page = sim_pages_find(pages, "director/time");
    char text[UP_TIME_TEXT + 1] = "";
    if (page != NULL) return sim_span(&page->bytes);
    if (v->profile->dialect == UP_DIALECT_TUF) return (struct up_span){0};
    up_time_encode(stage_time(stage), text);
    return up_span_of(
        author_text("{\"signatures\":[{\"keyid\":\"primary\",\"sig\":\"AAAA\"}],\"signed\":{\"_type\":"
                    "\"time\",\"nonces\":[\"%s\"],\"time\":\"%s\"}}",
                    SIM_EVIL_NONCE, text));
}

/* ---- the network ---- */

struct pri_transfer {
    struct pri_answer answer;
};
static const struct sim_pages *served;

static struct pri_transfer *net_start(struct pri_fetch *f, const struct pri_request *rq)
{
    (void)f;
    char path[SIM_PATH_MAX];
    struct pri_transfer *t = calloc(1, sizeof *t);
    ck_assert(t != NULL && strcmp(rq->method, "GET") == 0);
    (void)snprintf(path, sizeof path, "%s/%s", rq->server == PRI_DIRECTOR ? "director" : "repo", rq->path);
    t->answer = (struct pri_answer){.err = UP_UNAVAILABLE, .status = 404};
    for (unsigned i = 0; i < served->n; i++) {
        const struct sim_page *p = &served->page[i];
        if (strcmp(p->path, path) != 0) continue;
        t->answer = (struct pri_answer){.err = UP_OK, .status = 200, .body = sim_span(&p->bytes)};
        if (p->bytes.n > rq->max_bytes) t->answer = (struct pri_answer){.err = UP_TOO_LARGE, .status = 200};
        if (rq->to_file != NULL && t->answer.err == UP_OK) folder_write(rq->to_file, p->bytes.p, p->bytes.n);
    }
    return t;
}

static bool net_done(struct pri_fetch *f, struct pri_transfer *t, struct pri_answer *a)
{
    (void)f;
    *a = t->answer;
    return true;
}

static uint64_t net_received(const struct pri_transfer *t)
{
    return t->answer.body.n;
}

static uint8_t *net_keep(struct pri_transfer *t)
{
    struct up_span body = t->answer.body;
    if (body.n == 0) return NULL;
    uint8_t *copy = malloc(body.n);
    ck_assert(copy != NULL);
    memcpy(copy, body.p, body.n);
    return copy;
}

static void net_drop(struct pri_fetch *f, struct pri_transfer *t)
{
    (void)f;
    free(t);
}

static struct pri_fetch net = {
    .start = net_start, .done = net_done, .received = net_received, .keep = net_keep, .drop = net_drop};

/* ---- the Primary ---- */

static enum up_err judge_ecu(void *ctx, struct up_span serial, struct up_span hardware_id)
{
    (void)ctx;
    for (unsigned c = 0; c < SIM_CLIENTS; c++)
        if (up_span_is(serial, sim_evil_ecus[c].serial))
            return up_span_is(hardware_id, sim_evil_ecus[c].hardware_id) ? UP_OK : UP_IMG_HWID;
    return UP_DIR_UNKNOWN_ECU;
}

static void configure(const struct victims *v, struct pri_config *c)
{
    memset(c, 0, sizeof *c);
    c->serial = (char *)(uintptr_t)sim_evil_ecus[SIM_PRIMARY].serial;
    c->hardware_id = (char *)(uintptr_t)sim_evil_ecus[SIM_PRIMARY].hardware_id;
    c->name_pattern = (char *)(uintptr_t)sim_evil_ecus[SIM_PRIMARY].name_pattern;
    c->image_max_bytes = 1 << 30;
    c->ecu_count = 2;
    for (unsigned i = 0; i < 2; i++) {
        c->ecus[i].serial = (char *)(uintptr_t)sim_evil_ecus[SIM_FULL + i].serial;
        c->ecus[i].hardware_id = (char *)(uintptr_t)sim_evil_ecus[SIM_FULL + i].hardware_id;
        c->ecus[i].profile = v->profile;
    }
}

/* Every ECU runs the image that stage `before` orders. In that stage itself the Primary has not heard of
 * that: it looks at the Image repository, too. */
static void find_installed(const struct victims *v, enum sim_stage stage,
                           struct pri_installed_image out[SIM_CLIENTS])
{
    for (unsigned c = 0; c < SIM_CLIENTS; c++) {
        const char *slash = strrchr(sim_evil_ecus[c].image, '/');
        const struct sim_page *p = sim_pages_find(v->before, author_text("bytes/%s", slash + 1));
        out[c] = (struct pri_installed_image){.known = stage != SIM_BEFORE,
                                              .length = p->bytes.n,
                                              .has_release_counter = true,
                                              .release_counter = SIM_EVIL_COUNTER,
                                              .release_floor = SIM_EVIL_COUNTER};
        (void)snprintf(out[c].name, sizeof out[c].name, "%s-%u.img", sim_evil_ecus[c].image,
                       SIM_EVIL_VERSION(SIM_BEFORE));
        up_sha256(sim_span(&p->bytes), out[c].sha256);
    }
}

static struct victim_answer problem(const struct pri_problem *p)
{
    return answer(p->err, p->what);
}

static enum pri_verdict walk(struct pri_chain *c, int64_t now_s)
{
    enum pri_verdict v;
    pri_chain_begin(c, now_s);
    while ((v = pri_chain_step(c)) == PRI_WAIT) {
    }
    return v;
}

static struct victim_answer download(const struct victims *v, const struct pri_plan *plan,
                                     const struct pri_chain *images)
{
    struct victim_answer a = {.err = UP_OK};
    for (unsigned i = 0; i < plan->count && a.err == UP_OK; i++) {
        struct pri_download d;
        enum pri_verdict verdict;
        pri_download_begin(&d, v->images, &net, &plan->orders[i].director);
        while ((verdict = pri_download_step(&d, images)) == PRI_WAIT) {
        }
        if (verdict == PRI_FAILED) a = problem(&d.problem);
        (void)unlink(d.path);
        (void)unlink(d.part);
    }
    return a;
}

static struct victim_answer plan_and_fetch(struct victims *v, enum sim_stage stage, struct pri_chain chain[2],
                                           int64_t now_s, bool image)
{
    static struct pri_plan plan;
    static struct pri_config config;
    struct pri_installed_image installed[SIM_CLIENTS];
    struct victim_answer a = {.err = UP_OK};
    enum pri_verdict verdict;
    configure(v, &config);
    find_installed(v, stage, installed);
    verdict = pri_plan_read(&plan, &chain[UP_DIRECTOR], &chain[UP_IMAGE], &config, installed);
    if (verdict == PRI_FAILED || plan.problem.err != UP_OK) a = problem(&plan.problem);
    if (verdict == PRI_DONE && a.err == UP_OK) {
        if (walk(&chain[UP_IMAGE], now_s) == PRI_FAILED) {
            a = problem(&chain[UP_IMAGE].problem);
        } else {
            while ((verdict = pri_plan_resolve(&plan, now_s)) == PRI_WAIT) {
            }
            if (verdict == PRI_FAILED) a = problem(&plan.problem);
            if (verdict == PRI_DONE && image) a = download(v, &plan, &chain[UP_IMAGE]);
        }
    }
    pri_plan_close(&plan);
    return a;
}

static enum up_err tell_time(struct victims *v, const struct up_root *root, enum sim_stage stage,
                             const struct sim_pages *pages)
{
    static uint8_t space[4096];
    struct up_buf room = {.p = space, .cap = sizeof space};
    struct up_clock next;
    uint8_t nonce[UP_NONCE_BYTES];
    nonce_bytes(nonce);
    up_clock_on_root(&v->clock, root);
    up_clock_ask(&v->clock, nonce);
    UP_TRY(up_clock_feed(&v->clock, root, v->profile, time_of(v, stage, pages), &room, 0, &next));
    v->clock = next;
    return UP_OK;
}

static struct victim_answer primary_serve(struct victims *v, enum sim_stage stage,
                                          const struct sim_pages *pages, bool image)
{
    const struct pri_repo_config config[2] = {{.root = v->director_root, .profile = v->profile},
                                              {.root = v->image_root, .profile = v->profile}};
    struct pri_chain chain[2] = {
        {.policy = {.vehicle_id = UP_SPAN(SIM_EVIL_VEHICLE), .judge_ecu = judge_ecu}}, {.now_s = 0}};
    struct victim_answer a = {.err = UP_OK};
    served = pages;
    for (enum up_repo r = UP_DIRECTOR; r <= UP_IMAGE && a.err == UP_OK; r++)
        a = answer(pri_chain_open(&chain[r], r, &config[r], v->state, &net), "open");
    if (a.err == UP_OK) a = answer(tell_time(v, &chain[UP_DIRECTOR].trust.root, stage, pages), "time");
    if (a.err == UP_OK && walk(&chain[UP_DIRECTOR], up_clock_now(&v->clock, 0)) == PRI_FAILED)
        a = problem(&chain[UP_DIRECTOR].problem);
    if (a.err == UP_OK) a = plan_and_fetch(v, stage, chain, up_clock_now(&v->clock, 0), image);
    for (enum up_repo r = UP_DIRECTOR; r <= UP_IMAGE; r++) pri_chain_close(&chain[r]);
    return a;
}

static void primary_restore(struct victims *v)
{
    char why[200];
    const uint8_t none[UP_SHA256_BYTES] = {0};
    if (v->state != NULL) pri_state_close(v->state);
    v->state = pri_state_open(":memory:", why, sizeof why);
    ck_assert_msg(v->state != NULL, "%s", why);
    up_clock_init(&v->clock, stage_time(SIM_BEFORE) - 86400, 0, none);
    struct victim_answer a = primary_serve(v, SIM_BEFORE, v->before, false);
    ck_assert_msg(a.err == UP_OK, "before, primary: %s", a.detail);
}

/* ---- the Secondaries ---- */

static bool fixed_nonce(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    uint8_t nonce[UP_NONCE_BYTES];
    nonce_bytes(nonce);
    for (size_t i = 0; i < n; i++) out[i] = nonce[i % sizeof nonce];
    return true;
}

/* "director/2.root" is director/root/2 on the bus; a delegated role is image/role/NAME. */
static const char *bus_path(const struct sim_page *p)
{
    unsigned version;
    const char *role = strchr(p->name, '/') + 1;
    const int repo = (int)(role - 1 - p->name);
    if (sscanf(role, "%u.root", &version) == 1) return author_text("%.*s/root/%u", repo, p->name, version);
    for (enum up_role r = UP_TIMESTAMP; r <= UP_TARGETS; r++)
        if (strcmp(role, up_role_name(r)) == 0) return p->name;
    return author_text("image/role/%s", role);
}

/* All that this ECU takes, but its first Roots, which it has from the plant. */
static bool is_for(const struct sim_page *p, bool full)
{
    static const char *const partial[] = {"director/2.root", "director/3.root", "director/targets"};
    if (strcmp(p->name, "director/time") == 0 || strstr(p->name, "/1.root") != NULL ||
        strncmp(p->name, "bytes/", 6) == 0)
        return false;
    for (size_t i = 0; i < sizeof partial / sizeof *partial; i++)
        if (strcmp(p->name, partial[i]) == 0) return true;
    return full;
}

/* The verdict that the next version report will tell of. */
static enum up_err told(struct ecu *e)
{
    struct sec_status s;
    sec_agent_status(&e->agent, &s);
    for (enum up_err err = UP_OK; err < UP_ERR_COUNT; err++) {
        const size_t n = strlen(up_err_name(err));
        if (s.attacks.n > n && s.attacks.p[n] == ' ' && memcmp(s.attacks.p, up_err_name(err), n) == 0)
            return err;
    }
    return UP_OK;
}

static struct victim_answer fetch_image(struct ecu *e, enum sim_client c, const struct sim_pages *pages)
{
    const char *slash = strrchr(sim_evil_ecus[c].image, '/');
    const struct sim_page *p = sim_pages_find(pages, author_text("bytes/%s", slash + 1));
    if (p == NULL || ecu_begin_image(e, 0, 0, (uint32_t)p->bytes.n) != 0 ||
        ecu_blocks(e, sim_span(&p->bytes), 1500) != 0 || ecu_exit(e) != 0)
        return answer(UP_BUS_REFUSED, "image transfer");
    const unsigned code = ecu_verify_image(e);
    if (code > ECU_VERDICT) return answer((enum up_err)(code - ECU_VERDICT), "FF01");
    return answer(code == 0 ? UP_OK : UP_BUS_REFUSED, "FF01");
}

static struct victim_answer secondary_serve(struct victims *v, enum sim_client c, enum sim_stage stage,
                                            const struct sim_pages *pages, bool image)
{
    struct ecu *e = &v->ecu[c];
    ck_assert_uint_eq(ecu_session(e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_read(e, UDS_DID_TIME_NONCE), 0);
    struct up_span time = time_of(v, stage, pages);
    if (time.n > 0) ck_assert_uint_eq(ecu_put(e, "time", time), 0);
    for (unsigned i = 0; i < pages->n; i++) {
        const struct sim_page *p = &pages->page[i];
        if (!is_for(p, c == SIM_FULL)) continue;
        const char *path = bus_path(p);
        if (p->bytes.n == 0 && strncmp(path, "image/role/", 11) == 0)
            continue; /* there are no empty transfers */
        if (p->bytes.n == 0 || ecu_put(e, path, sim_span(&p->bytes)) != 0)
            return answer(UP_BUS_REFUSED, path);
        if (strcmp(path, "director/targets") == 0) up_sha256(sim_span(&p->bytes), e->order);
    }
    struct victim_answer a = answer(ecu_verify(e), "0310");
    if (stage == SIM_ATTACK && up_err_class(a.err) == UP_CLASS_ATTACK && a.err != UP_TARGET_NOT_FOUND)
        ck_assert_str_eq(up_err_name(told(e)), up_err_name(a.err));
    if (a.err == UP_OK && image) a = fetch_image(e, c, pages);
    return a;
}

static void secondary_open(struct victims *v, enum sim_client c)
{
    struct ecu *e = &v->ecu[c];
    const struct sim_evil_ecu *who = &sim_evil_ecus[c];
    ecu_new(e, c == SIM_FULL, SECTOR, UNIT);
    lib_flash_free(e->flash);
    e->flash = lib_flash_new(sec_layout_size(SEC_TWO_SLOTS, SECTOR, STAGING, SLOT), SECTOR, UNIT);
    v->buf[c] = (struct up_buf){.p = v->room[c], .cap = sizeof v->room[c]};
    e->id.profile = v->profile;
    e->id.limits = &up_limits_posix;
    e->id.vehicle_id = UP_SPAN(SIM_EVIL_VEHICLE);
    e->id.serial = up_span_of(who->serial);
    e->id.hardware_id = up_span_of(who->hardware_id);
    e->id.name_pattern = up_span_of(who->name_pattern);
    e->id.signer = author_key(6);
    e->id.base_time_s = stage_time(SIM_BEFORE) - 86400;
    e->id.time_max_age_s = 7200;
    e->id.staging_bytes = STAGING;
    e->id.room = &v->buf[c];
    e->platform.random = fixed_nonce;
    e->plant = (struct sec_provisioning){
        .director_root = sim_span(&sim_pages_find(v->before, "director/1.root")->bytes),
        .image_root = sim_span(&sim_pages_find(v->before, "image/1.root")->bytes),
        .image = UP_SPAN("an image from the plant"),
        .image_name = up_span_of(author_text("%s-0.img", who->image)),
        .release_counter = SIM_EVIL_COUNTER};
    ck_assert_int_eq(sec_provision(&e->flash->port, &e->id, &e->plant), UP_OK);
    ck_assert_int_eq(ecu_boot(e), UP_OK);
    struct victim_answer a = secondary_serve(v, c, SIM_BEFORE, v->before, false);
    ck_assert_msg(a.err == UP_OK, "before, %s: %s %s", who->client, up_err_name(a.err), a.detail);
    v->saved[c] = lib_flash_save(e->flash);
}

static void secondary_restore(struct victims *v, enum sim_client c)
{
    lib_flash_load(v->ecu[c].flash, v->saved[c]);
    ck_assert_int_eq(ecu_boot(&v->ecu[c]), UP_OK);
}

/* ---- all three ---- */

struct victims *victims_new(const struct up_profile *p, const struct sim_pages *before)
{
    struct victims *v = calloc(1, sizeof *v);
    ck_assert(v != NULL);
    v->profile = p;
    v->before = before;
    v->folder = folder_make();
    (void)snprintf(v->director_root, sizeof v->director_root, "%s/director.json", v->folder.path);
    (void)snprintf(v->image_root, sizeof v->image_root, "%s/image.json", v->folder.path);
    (void)snprintf(v->images, sizeof v->images, "%s", v->folder.path);
    const struct sim_page *director = sim_pages_find(before, "director/1.root"),
                          *image = sim_pages_find(before, "image/1.root");
    folder_write(v->director_root, director->bytes.p, director->bytes.n);
    folder_write(v->image_root, image->bytes.p, image->bytes.n);
    secondary_open(v, SIM_FULL);
    secondary_open(v, SIM_PARTIAL);
    primary_restore(v);
    return v;
}

void victims_free(struct victims *v)
{
    for (enum sim_client c = SIM_FULL; c < SIM_CLIENTS; c++) {
        ecu_free(&v->ecu[c]);
        free(v->saved[c]);
    }
    pri_state_close(v->state);
    folder_remove(&v->folder);
    free(v);
}

void victims_restore(struct victims *v)
{
    primary_restore(v);
    secondary_restore(v, SIM_FULL);
    secondary_restore(v, SIM_PARTIAL);
}

struct victim_answer victims_serve(struct victims *v, enum sim_client client, enum sim_stage stage,
                                   const struct sim_pages *pages, bool image)
{
    return client == SIM_PRIMARY ? primary_serve(v, stage, pages, image)
                                 : secondary_serve(v, client, stage, pages, image);
}
