/* Attacks of who has stolen keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metadata/encode.h"
#include "sim/attack_kit.h"

/* ---- the Director's online keys ---- */

#define EVIL_BYTES 4096u

struct evil {
    uint8_t image[EVIL_BYTES];
    char targets[2048]; /* twist: what the stolen keys sign */
};

static void make_evil(struct evil *e)
{
    uint8_t digest[UP_SHA256_BYTES];
    memset(e->image, 0x90, sizeof e->image);
    memcpy(e->image, "malware", 7);
    up_sha256((struct up_span){e->image, sizeof e->image}, digest);
    char hex[2 * UP_SHA256_BYTES + 1];
    up_hex_encode(digest, sizeof digest, hex);
    hex[2 * UP_SHA256_BYTES] = '\0';
    size_t n = (size_t)snprintf(e->targets, sizeof e->targets, "/targets={");
    static const unsigned victims[] = {1, 3}; /* brake: partial verification; engine: full */
    for (size_t i = 0; i < 2; i++) {
        const struct sim_world_ecu *ecu = &sim_world_ecus[victims[i]];
        n += (size_t)snprintf(
            e->targets + n, sizeof e->targets - n,
            "%s\"%s/evil.bin\":{\"custom\":{\"ecuIdentifiers\":{\"%s\":{\"hardwareId\":\"%s\"}},"
            "\"hardwareIds\":[\"%s\"],\"releaseCounter\":2},\"hashes\":{\"sha256\":\"%s\"},\"length\":%u}",
            i == 0 ? "" : ",", ecu->folder, ecu->serial, ecu->hardware_id, ecu->hardware_id, hex, EVIL_BYTES);
    }
    (void)snprintf(e->targets + n, sizeof e->targets - n, "}");
}

static bool director_signs(struct sim_vehicle *v, struct sim_attack_result *r, const struct sim_twist *twists,
                           size_t n)
{
    struct sim_director *d = sim_backend_director(sim_vehicle_backend(v));
    bool good = sim_director_twist(d, twists, n);
    if (!good) sim_attack_trouble(r, sim_director_why(d));
    return good;
}

static enum up_err bus(struct sim_vehicle *v, unsigned ecu, struct up_span image)
{
    struct sim_loot l;
    sim_attack_loot(v, ecu, &l);
    enum up_err e = sim_attack_on_bus(v, ecu, &l, image);
    sim_attack_loot_free(&l);
    return e;
}

void sim_attack_stolen_director_key(struct sim_vehicle *v, struct sim_attack_result *r)
{
    struct evil evil;
    make_evil(&evil);
    const struct up_span image = {evil.image, sizeof evil.image};
    struct sim_twist twist = {"director/targets", "set", evil.targets};
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "an honest poll");
    if (!director_signs(v, r, &twist, 1)) return;
    sim_attack_note(r, "vehicle", UP_TARGET_NOT_FOUND, sim_attack_cycle(v),
                    "the stolen keys order an image that no supplier has signed");
    sim_attack_all_run(v, r, 1);
    sim_attack_note(r, "engine", UP_TARGET_NOT_FOUND, bus(v, 3, image),
                    "past the Primary, on the bus: full verification");
    sim_attack_note(r, "brake", UP_OK, bus(v, 1, image),
                    "past the Primary, on the bus: partial verification TAKES IT");
    char name[UP_NAME_MAX + 1];
    uint32_t counter;
    sim_vehicle_running(v, 1, name, &counter);
    bool evil_runs = strcmp(name, "brake/evil.bin") == 0;
    (void)snprintf(
        r->limit, sizeof r->limit,
        "%s: whoever holds the Director's Targets key and sits on the bus can make a partial verifier "
        "install "
        "anything (Uptane Standard 2.1, 5.4.4.1). The Primary is the barrier; full verification is the cure.",
        evil_runs ? "brake runs the attacker's image" : "brake did not take the image");
    sim_attack_note(r, "brake", UP_OK, evil_runs ? UP_OK : UP_INSTALL, "runs %s", name);
    (void)director_signs(v, r, NULL, 0);
    sim_attack_heals(v, r, 2);
}

/* An order that the stolen keys sign; nothing but metadata tells that it is not honest. */
static void foreign_order(struct sim_vehicle *v, struct sim_attack_result *r, const char *image,
                          const char *hardware, enum up_err expected, const char *what)
{
    char text[2048];
    struct sim_twist twist = {"director/targets", "set", text};
    if (!sim_attack_foreign_order(v, image, hardware, 1, text, sizeof text)) {
        sim_attack_trouble(r, "no such image");
        return;
    }
    if (!director_signs(v, r, &twist, 1)) return;
    sim_attack_note(r, "vehicle", expected, sim_attack_cycle(v), "%s", what);
    sim_attack_all_run(v, r, 1);
    (void)director_signs(v, r, NULL, 0);
}

void sim_attack_wrong_hardware(struct sim_vehicle *v, struct sim_attack_result *r)
{
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "an honest poll");
    foreign_order(v, r, "door/fw-2.bin", "door-hw", UP_IMG_HWID,
                  "the door's genuine image is ordered for the brake");
    sim_attack_note(r, "brake", UP_IMG_HWID, bus(v, 1, UP_SPAN("no image")),
                    "the same past the Primary, on the bus");
    sim_attack_heals(v, r, 2);
}

void sim_attack_old_image(struct sim_vehicle *v, struct sim_attack_result *r)
{
    if (!sim_attack_order(v, r, 2)) return;
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "honest update to 2.0");
    if (!sim_attack_order(v, r, 1)) return;
    sim_attack_note(
        r, "vehicle", UP_IMG_RELEASE_COUNTER, sim_attack_cycle(v),
        "the stolen keys order 1.0, which the Image repository still lists: new metadata, old image");
    sim_attack_all_run(v, r, 2);
    sim_attack_note(r, "engine", UP_IMG_RELEASE_COUNTER, bus(v, 3, UP_SPAN("no image")),
                    "the same past the Primary, on the bus");
    sim_attack_heals(v, r, 2);
}

/* ---- a supplier's key, with the Director's ---- */

void sim_attack_supplier_out_of_bounds(struct sim_vehicle *v, struct sim_attack_result *r)
{
    static const char *const hardware[] = {"brake-hw", NULL};
    const struct sim_image image = {.name = "brake/evil.bin",
                                    .bytes = UP_SPAN("malware for the brake"),
                                    .hardware_ids = hardware,
                                    .release_counter = 2,
                                    .role = "supplier-radio",
                                    .force = true};
    const char *text = "/targets={\"brake/"
                       "evil.bin\":{\"custom\":{\"ecuIdentifiers\":{\"brake\":{\"hardwareId\":\"brake-hw\"}},"
                       "\"hardwareIds\":[\"brake-hw\"],\"releaseCounter\":2},\"hashes\":{\"sha256\":\"%s\"},"
                       "\"length\":%zu}}";
    char hex[2 * UP_SHA256_BYTES + 1] = {0}, targets[1024];
    uint8_t digest[UP_SHA256_BYTES];
    struct sim_repo repo;
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "an honest poll");
    if (!sim_attack_open_repo(v, r, &repo)) return;
    if (!sim_repo_add(&repo, &image, 1, sim_vehicle_time(v))) sim_attack_trouble(r, repo.why);
    up_sha256(image.bytes, digest);
    up_hex_encode(digest, sizeof digest, hex);
    (void)snprintf(targets, sizeof targets, text, hex, image.bytes.n);
    struct sim_twist twist = {"director/targets", "set", targets};
    if (!director_signs(v, r, &twist, 1)) return;
    sim_attack_note(r, "vehicle", UP_TARGET_NOT_FOUND, sim_attack_cycle(v),
                    "the radio's supplier signs an image for the brake, and the Director orders it");
    sim_attack_all_run(v, r, 1);
    (void)director_signs(v, r, NULL, 0);
    sim_attack_heals(v, r, 2);
}

/* ---- the Image repository's keys, without the Director's ---- */

static bool publish_brake(struct sim_vehicle *v, struct sim_attack_result *r, struct up_span bytes)
{
    static const char *const hardware[] = {"brake-hw", NULL};
    const struct sim_image image = {.name = "brake/fw-2.bin",
                                    .bytes = bytes,
                                    .hardware_ids = hardware,
                                    .release_counter = 2,
                                    .version = "2.0",
                                    .force = true};
    struct sim_repo repo;
    if (!sim_attack_open_repo(v, r, &repo)) return false;
    bool good = sim_repo_add(&repo, &image, 1, sim_vehicle_time(v));
    if (!good) sim_attack_trouble(r, repo.why);
    return good;
}

void sim_attack_stolen_image_keys(struct sim_vehicle *v, struct sim_attack_result *r)
{
    if (!sim_attack_order(v, r, 2)) return;
    if (!publish_brake(v, r, UP_SPAN("malware for the brake"))) return;
    sim_attack_note(r, "vehicle", UP_TARGET_MISMATCH, sim_attack_cycle(v),
                    "the image that was ordered is replaced, and signed by every role that must");
    sim_attack_all_run(v, r, 1);
    size_t n = 0;
    uint8_t *honest = sim_world_image(sim_vehicle_world(v), &sim_world_ecus[1], 2, &n);
    if (honest != NULL && publish_brake(v, r, (struct up_span){honest, n})) sim_attack_heals(v, r, 2);
    free(honest);
}

/* ---- one key of two ---- */

void sim_attack_duplicated_signature(struct sim_vehicle *v, struct sim_attack_result *r)
{
    static const struct sim_twist once[] = {{"director/targets", "signers", "director/targets-2"}};
    static const struct sim_twist twice[] = {{"director/targets", "signers", "director/targets-2"},
                                             {"director/targets", "repeat", "1"}};
    struct sim_repo repo;
    if (!sim_attack_open_repo(v, r, &repo)) return;
    if (!sim_repo_rotate(&repo, UP_DIRECTOR, "targets", (struct sim_role_plan){2, 2}, sim_vehicle_time(v)))
        sim_attack_trouble(r, repo.why);
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v),
                    "a new Root: from now on two keys must sign an order");
    if (!sim_attack_order(v, r, 2) || !director_signs(v, r, once, 1)) return;
    sim_attack_note(r, "vehicle", UP_SIG_THRESHOLD, sim_attack_cycle(v), "an order with one signature");
    if (!director_signs(v, r, twice, 2)) return;
    sim_attack_note(r, "vehicle", UP_SIG_DUPLICATE, sim_attack_cycle(v),
                    "an order with the same signature twice");
    sim_attack_all_run(v, r, 1);
    (void)director_signs(v, r, NULL, 0);
    sim_attack_heals(v, r, 2);
}

/* ---- versions driven up to block what is honest ---- */

void sim_attack_fast_forward(struct sim_vehicle *v, struct sim_attack_result *r)
{
    static const struct sim_twist far[] = {{"director/timestamp", "version", "2147483647"}};
    struct sim_repo repo;
    if (!director_signs(v, r, far, 1)) return;
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "a Timestamp of the highest version there is");
    if (!director_signs(v, r, NULL, 0) || !sim_attack_order(v, r, 2)) return;
    sim_attack_note(r, "vehicle", UP_ROLLBACK, sim_attack_cycle(v), "everything honest is older now");
    sim_attack_all_run(v, r, 1);
    if (!sim_attack_open_repo(v, r, &repo)) return;
    if (!sim_repo_rotate(&repo, UP_DIRECTOR, "timestamp", (struct sim_role_plan){0}, sim_vehicle_time(v)))
        sim_attack_trouble(r, repo.why);
    sim_attack_note(r, "vehicle", UP_OK, sim_attack_cycle(v), "a Root with a new Timestamp key heals it");
    sim_attack_all_run(v, r, 2);
    sim_attack_heals(v, r, 2);
}

/* ---- the time server's key ---- */

void sim_attack_future_time(struct sim_vehicle *v, struct sim_attack_result *r)
{
    static const struct sim_twist future = {"director/time", "set", "/time=\"2099-01-01T00:00:00Z\""};
    struct sim_repo repo;
    if (!sim_attack_order(v, r, 2) || !director_signs(v, r, &future, 1)) return;
    sim_attack_note(r, "vehicle", UP_REFUSED, sim_attack_cycle(v),
                    "the time is 2099: everything has expired, and the Director believes no report");
    if (!director_signs(v, r, NULL, 0)) return;
    sim_attack_note(r, "vehicle", UP_TIME_BACKWARD, sim_attack_cycle(v), "and nobody can turn it back");
    sim_attack_all_run(v, r, 1);
    if (!sim_attack_open_repo(v, r, &repo)) return;
    if (!sim_repo_rotate(&repo, UP_DIRECTOR, "time", (struct sim_role_plan){0}, sim_vehicle_time(v)))
        sim_attack_trouble(r, repo.why);
    sim_attack_note(r, "vehicle", UP_REFUSED, sim_attack_cycle(v),
                    "a last report from 2099; then the next Root names a new time key, and time begins anew");
    sim_attack_heals(v, r, 2);
}
