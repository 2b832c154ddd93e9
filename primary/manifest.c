#include "primary/manifest.h"

#include <stdlib.h>

#define ENVELOPE_BYTES 4096 /* signature, names */
#define ENTRY_BYTES    512  /* names and result of one ECU */

static int by_serial(const void *a, const void *b)
{
    return strcmp((*(const struct pri_manifest_entry *const *)a)->serial,
                  (*(const struct pri_manifest_entry *const *)b)->serial);
}

/* One canonical value, as our signature over the whole needs it: a report in another spelling must cost its
 * own ECU its place, not the vehicle its manifest. */
static bool fits(struct up_span report, const struct up_profile *p)
{
    uint8_t digest[UP_SHA256_BYTES];
    bool same = false;
    return report.p != NULL && up_canon_digest(report, p->dialect, digest, &same) == UP_OK && same;
}

static void write_reports(struct up_writer *w, const struct up_profile *p,
                          const struct pri_manifest_entry *const *sorted, unsigned count)
{
    bool first = true;
    up_write(w, "{\"ecu_version_manifests\":{");
    for (unsigned i = 0; i < count; i++) {
        if (!fits(sorted[i]->report, p)) continue;
        if (!first) up_write(w, ",");
        first = false;
        up_write_string(w, up_span_of(sorted[i]->serial));
        up_write(w, ":");
        up_write_span(w, sorted[i]->report);
    }
    up_write(w, "}");
}

static void write_results(struct up_writer *w, const struct pri_manifest *m,
                          const struct pri_manifest_entry *const *sorted)
{
    bool first = true, success = true;
    if (m->correlation_id == NULL) return;
    up_write(w, ",\"installation_report\":{\"content_type\":\"application/"
                "vnd.com.here.otac.installationReport.v1\",\"report\":{\"correlation_id\":");
    up_write_string(w, up_span_of(m->correlation_id));
    up_write(w, ",\"items\":[");
    for (unsigned i = 0; i < m->count; i++) {
        if (!sorted[i]->has_result) continue;
        bool good = sorted[i]->result == UP_OK;
        success = success && good;
        if (!first) up_write(w, ",");
        first = false;
        up_write(w, "{\"ecu\":");
        up_write_string(w, up_span_of(sorted[i]->serial));
        up_write(w, ",\"result\":{\"code\":");
        up_write_string(w, up_span_of(up_err_name(sorted[i]->result)));
        up_write(w, ",\"description\":");
        up_write_string(w, up_span_of(up_err_text(sorted[i]->result)));
        up_write(w, good ? ",\"success\":true}}" : ",\"success\":false}}");
    }
    up_write(w, success ? "],\"result\":{\"code\":\"OK\",\"success\":true}}}"
                        : "],\"result\":{\"code\":\"INSTALL\",\"success\":false}}}");
}

uint8_t *pri_manifest_write(const struct pri_manifest *m, const struct up_profile *p,
                            const struct up_signer *signer, size_t *n)
{
    size_t cap = ENVELOPE_BYTES;
    for (unsigned i = 0; i < m->count; i++) cap += ENTRY_BYTES + m->entries[i].report.n;
    const struct pri_manifest_entry **sorted = calloc(m->count + 1u, sizeof *sorted);
    uint8_t *body = malloc(cap), *out = malloc(cap + ENVELOPE_BYTES);
    *n = 0;
    if (sorted != NULL && body != NULL && out != NULL) {
        for (unsigned i = 0; i < m->count; i++) sorted[i] = &m->entries[i];
        qsort((void *)(uintptr_t)sorted, m->count, sizeof *sorted, by_serial);
        struct up_writer w = {.p = body, .cap = cap};
        write_reports(&w, p, sorted, m->count);
        write_results(&w, m, sorted);
        up_write(&w, ",\"primary_ecu_serial\":");
        up_write_string(&w, up_span_of(m->primary_serial));
        up_write(&w, ",\"vehicle_id\":");
        up_write_string(&w, up_span_of(m->vehicle_id));
        up_write(&w, "}");
        if (!w.full) *n = up_attest_write(up_written(&w), p, signer, out, cap + ENVELOPE_BYTES);
    }
    free((void *)(uintptr_t)sorted);
    free(body);
    if (*n > 0) return out;
    free(out);
    return NULL;
}
