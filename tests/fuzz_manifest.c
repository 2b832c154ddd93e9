/* Bytes as a vehicle version manifest at the Director: as they are, as a body that the Primary signs, or,
 * line by line, as report bodies that their ECUs sign and the Primary's own writer puts together. What is
 * accepted raises the counter of everybody whose report is new, covers every ECU of the vehicle, and is not
 * accepted twice. The first byte chooses. */
#include <cjson/cJSON.h>

#include "primary/manifest.h"
#include "sim/director_private.h"
#include "tests/fuzz.h"
#include "tests/lib_author.h"

#define VEHICLE   "VIN-1"
#define ECUS      3
#define FLOOR     ((uint64_t)1 << 32)
#define OUT_BYTES (1 << 18)
static const char *const serials[ECUS] = {"brake", "door", "tcu"};

/* As the inventory has them: brake has reported before, door and the Primary never. */
static struct sim_ecus inventory(struct up_span known)
{
    struct sim_ecus e = {calloc(ECUS, sizeof *e.ecu), ECUS};
    must(e.ecu != NULL, "no memory");
    for (unsigned i = 0; i < ECUS; i++) {
        snprintf(e.ecu[i].serial, sizeof e.ecu[i].serial, "%s", serials[i]);
        e.ecu[i].primary = i == ECUS - 1;
        e.ecu[i].key = author_key(i)->key;
    }
    e.ecu[0].counter = FLOOR;
    e.ecu[0].report = (struct sim_bytes){malloc(known.n + 1), known.n};
    must(e.ecu[0].report.p != NULL, "no memory");
    memcpy(e.ecu[0].report.p, known.p, known.n);
    return e;
}

static struct up_span report(unsigned ecu, uint64_t counter, uint8_t out[UP_REPORT_MAX])
{
    struct up_report r = {.ecu_serial = up_span_of(serials[ecu]),
                          .image_name = UP_SPAN("fw/a.img"),
                          .image_length = 4096,
                          .time_s = AUTHOR_NOW,
                          .previous_time_s = AUTHOR_NOW,
                          .counter = counter};
    return (struct up_span){out,
                            up_report_write(&r, &up_profile_strict, author_key(ecu), out, UP_REPORT_MAX)};
}

/* One canonical body per line, signed by its ECU; no line left: an honest report. */
static uint8_t *from_lines(struct up_span text, size_t *n)
{
    static uint8_t signed_by[ECUS][OUT_BYTES], sorted[OUT_BYTES];
    struct pri_manifest_entry entry[ECUS];
    struct pri_manifest m = {.vehicle_id = VEHICLE,
                             .primary_serial = serials[ECUS - 1],
                             .correlation_id = text.n % 2 ? "campaign" : NULL,
                             .entries = entry,
                             .count = ECUS};
    for (unsigned i = 0; i < ECUS; i++) {
        const uint8_t *end = text.n == 0 ? NULL : memchr(text.p, '\n', text.n);
        struct up_span body = {text.p, end == NULL ? text.n : (size_t)(end - text.p)};
        size_t skip = end == NULL ? text.n : body.n + 1;
        text = (struct up_span){text.p + skip, text.n - skip};
        struct up_buf room = {.p = sorted, .cap = sizeof sorted};
        entry[i] = (struct pri_manifest_entry){.serial = serials[i], .has_result = i == 0};
        if (body.n == 0) {
            entry[i].report = report(i, FLOOR + 9, signed_by[i]);
        } else if (up_canon_sort(body, UP_DIALECT_TUF, &room, &body) == UP_OK) {
            size_t wrote = up_attest_write(body, &up_profile_strict, author_key(i), signed_by[i], OUT_BYTES);
            if (wrote > 0) entry[i].report = (struct up_span){signed_by[i], wrote};
        }
    }
    return pri_manifest_write(&m, &up_profile_strict, author_key(ECUS - 1), n);
}

static uint8_t *signed_body(struct up_span text, size_t *n)
{
    static uint8_t sorted[OUT_BYTES];
    struct up_buf room = {.p = sorted, .cap = sizeof sorted};
    if (up_canon_sort(text, UP_DIALECT_TUF, &room, &text) != UP_OK) return NULL;
    uint8_t *out = malloc(text.n + UP_REPORT_MAX);
    must(out != NULL, "no memory");
    *n = up_attest_write(text, &up_profile_strict, author_key(ECUS - 1), out, text.n + UP_REPORT_MAX);
    if (*n > 0) return out;
    free(out);
    return NULL;
}

/* cJSON finds a report of every ECU in it. */
static void covers_everybody(struct up_span manifest)
{
    cJSON *all = cJSON_ParseWithLength((const char *)manifest.p, manifest.n);
    const cJSON *reports = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(all, "signed"),
                                                            "ecu_version_manifests");
    for (unsigned i = 0; i < ECUS; i++)
        must(cJSON_GetObjectItemCaseSensitive(reports, serials[i]) != NULL, "an ECU has no report");
    must(cJSON_GetArraySize(reports) == ECUS, "a report of nobody");
    cJSON_Delete(all);
}

static void judge(struct up_span manifest)
{
    uint8_t bytes[UP_REPORT_MAX];
    bool fresh[ECUS];
    char culprit[SIM_ID_MAX];
    struct sim_ecus ecus = inventory(report(0, FLOOR, bytes));
    enum up_err e =
        sim_manifest_judge(&up_profile_strict, VEHICLE, &ecus, manifest, AUTHOR_NOW, fresh, culprit);
    if (e == UP_OK) {
        covers_everybody(manifest);
        for (unsigned i = 0; i < ECUS; i++) {
            must(fresh[i] == (ecus.ecu[i].counter > (i == 0 ? FLOOR : 0)), "a new report, or a new counter");
            must(fresh[i] || i == 0, "silent without ever having reported");
        }
        e = sim_manifest_judge(&up_profile_strict, VEHICLE, &ecus, manifest, AUTHOR_NOW, fresh, culprit);
        must(e == UP_MAN_REPLAY && strcmp(culprit, serials[ECUS - 1]) == 0, "accepted twice");
    }
    sim_ecus_free(&ecus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 20000) return 0;
    struct up_span text = {data + 1, size - 1};
    size_t n = 0;
    uint8_t *made = data[0] % 3 == 0 ? NULL : data[0] % 3 == 1 ? signed_body(text, &n) : from_lines(text, &n);
    must(made != NULL || data[0] % 3 != 2, "the Primary cannot write its manifest");
    if (data[0] % 3 == 0)
        judge(text);
    else if (made != NULL)
        judge((struct up_span){made, n});
    free(made);
    return 0;
}
