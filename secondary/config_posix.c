#include "secondary/config_posix.h"

#include "metadata/encode.h"

#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DECIMAL "0123456789"
#define HEX     DECIMAL "abcdefABCDEF"

struct reader;
struct row;
/* Reads TEXT into FIELD, of the kind's own type. False: it is none. */
typedef bool take_fn(const struct reader *r, const struct row *row, const char *text, void *field);
struct kind {
    take_fn *take;
    const char *expected; /* NULL: a number in the row's range */
};
struct row {
    const char *section, *key;
    const struct kind *kind;
    size_t offset;
    const char *fallback; /* NULL: must be given; "": may be left out, the field stays zero */
    uint64_t min, max;
};
struct reader {
    const char *path;
    struct sec_config *config;
    FILE *file;
    bool given[64];
    int line, failed_line;
    bool failed;
    char *why;
    size_t why_size;
};

/* ---- kinds of values ---- */

static bool take_text(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)r, (void)row;
    size_t n = strlen(text);
    if (n == 0 || n >= SEC_TEXT_MAX) return false;
    memcpy(field, text, n + 1);
    return true;
}

static bool take_id(const struct reader *r, const struct row *row, const char *text, void *field)
{
    return up_is_id(up_span_of(text)) && take_text(r, row, text, field);
}

static bool take_hardware_id(const struct reader *r, const struct row *row, const char *text, void *field)
{
    return up_is_hardware_id(up_span_of(text)) && take_text(r, row, text, field);
}

static bool take_name(const struct reader *r, const struct row *row, const char *text, void *field)
{
    return up_is_printable_name(up_span_of(text)) && take_text(r, row, text, field);
}

/* Relative names are relative to the folder of the configuration file. */
static bool take_path(const struct reader *r, const struct row *row, const char *text, void *field)
{
    const char *slash = strrchr(r->path, '/');
    if (*text == '\0' || *text == '/' || slash == NULL) return take_text(r, row, text, field);
    int n = snprintf(field, SEC_TEXT_MAX, "%.*s/%s", (int)(slash - r->path), r->path, text);
    return n > 0 && n < SEC_TEXT_MAX;
}

static bool take_choice(const char *text, const char *yes, const char *no, void *field)
{
    bool chosen = strcmp(text, yes) == 0;
    if (!chosen && strcmp(text, no) != 0) return false;
    *(bool *)field = chosen;
    return true;
}

static bool take_yes_no(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)r, (void)row;
    return take_choice(text, "yes", "no", field);
}

static bool take_verification(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)r, (void)row;
    return take_choice(text, "full", "partial", field);
}

static bool take_layout(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)r, (void)row;
    static const char *const names[] = {
        [SEC_TWO_SLOTS] = "two-slots", [SEC_SWAP] = "swap", [SEC_ONE_SLOT] = "one-slot"};
    for (int i = SEC_TWO_SLOTS; i <= SEC_ONE_SLOT; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *(enum sec_layout_kind *)field = (enum sec_layout_kind)i;
        return true;
    }
    return false;
}

static bool take_profile(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)r, (void)row;
    const struct up_profile *p = up_profile_named(text);
    if (p != &up_profile_strict && p != &up_profile_deployed) return false;
    *(const struct up_profile **)field = p;
    return true;
}

static bool take_instant(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)r, (void)row;
    int64_t t = up_time_decode(up_span_of(text));
    if (t <= 0) return false;
    *(int64_t *)field = t;
    return true;
}

static bool read_number(const char *text, const char *digits, int base, uint64_t max, uint32_t *out)
{
    size_t n = strlen(text);
    if (n == 0 || strspn(text, digits) != n) return false;
    errno = 0;
    uint64_t v = strtoull(text, NULL, base);
    if (errno != 0 || v > max) return false;
    *out = (uint32_t)v;
    return true;
}

static bool take_number(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)r;
    uint32_t v;
    if (!read_number(text, DECIMAL, 10, row->max, &v) || v < row->min) return false;
    *(uint32_t *)field = v;
    return true;
}

/* 0x7E0, 0x18DA10F1, 0x123x. More than 0x7FF, eight digits, or an x at the end: 29 bits. */
static bool take_can_id(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)r, (void)row;
    char digits[12];
    size_t n = strlen(text);
    if (n < 3 || n - 2 >= sizeof digits || strncmp(text, "0x", 2) != 0) return false;
    memcpy(digits, text + 2, n - 1);
    bool marked = text[n - 1] == 'x';
    if (marked) digits[n - 3] = '\0';
    uint32_t id;
    if (!read_number(digits, HEX, 16, ISOTP_ID_MASK, &id)) return false;
    bool extended = marked || id > 0x7FF || n - 2 == 8;
    *(uint32_t *)field = id | (extended ? ISOTP_ID_EXTENDED : 0);
    return true;
}

/* Milliseconds, or tenths of one with their unit: 20, 300us (ISO 15765-2, 9.6.5.4). */
static bool take_st_min(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)r, (void)row;
    if (read_number(text, DECIMAL, 10, 0x7F, field)) return true;
    if (text[0] < '1' || text[0] > '9' || strcmp(text + 1, "00us") != 0) return false;
    *(uint32_t *)field = 0xF0u + (uint32_t)(text[0] - '0');
    return true;
}

static bool take_pad(const struct reader *r, const struct row *row, const char *text, void *field)
{
    (void)row;
    r->config->pad = strcmp(text, "no") != 0;
    return !r->config->pad ||
           (strncmp(text, "0x", 2) == 0 && read_number(text + 2, HEX, 16, UINT8_MAX, field));
}

static const struct kind a_text = {take_text, "a text"}, an_id = {take_id, "1 to 64 of A-Z a-z 0-9 . _ : -"},
                         a_hardware_id = {take_hardware_id, "1 to 200 of A-Z a-z 0-9 . _ : -"},
                         a_name = {take_name, "an image name such as brake/fw-1.bin"},
                         a_path = {take_path, "a file"}, yes_no = {take_yes_no, "yes or no"},
                         a_verification = {take_verification, "full or partial"},
                         a_profile = {take_profile, "strict or deployed"},
                         a_layout = {take_layout, "two-slots, swap or one-slot"},
                         an_instant = {take_instant, "a time such as 2026-01-31T12:00:00Z"},
                         a_number = {take_number, NULL},
                         a_can_id = {take_can_id, "a CAN identifier: 0x0 to 0x7FF, or 29 bits to 0x1FFFFFFF"},
                         an_st_min = {take_st_min, "0 to 127 (milliseconds), or 100us to 900us"},
                         a_pad = {take_pad, "no, or a byte such as 0xCC"};

/* ---- keys ---- */

#define OF(field) offsetof(struct sec_config, field)
#define DAY       86400
static const struct row rows[] = {
    {"ecu", "vehicle_id", &an_id, OF(vehicle_id), NULL, 0, 0},
    {"ecu", "serial", &an_id, OF(serial), NULL, 0, 0},
    {"ecu", "hardware_id", &a_hardware_id, OF(hardware_id), NULL, 0, 0},
    {"ecu", "verification", &a_verification, OF(full), NULL, 0, 0},
    {"ecu", "profile", &a_profile, OF(profile), "strict", 0, 0},
    {"ecu", "image_names", &a_text, OF(image_names), "", 0, 0},
    {"ecu", "key", &a_path, OF(key), NULL, 0, 0},
    {"ecu", "tester_ca", &a_path, OF(tester_ca), "", 0, 0},
    {"ecu", "tester_secret", &a_path, OF(tester_secret), "", 0, 0},
    {"ecu", "time_max_age_s", &a_number, OF(time_max_age_s), "3600", 1, 365 * DAY},
    {"ecu", "trial_limit_s", &a_number, OF(trial_limit_s), "3600", 1, 30 * DAY},
    {"bus", "link", &a_text, OF(link), NULL, 0, 0},
    {"bus", "fd", &yes_no, OF(fd), "no", 0, 0},
    {"bus", "request_id", &a_can_id, OF(request_id), NULL, 0, 0},
    {"bus", "response_id", &a_can_id, OF(response_id), NULL, 0, 0},
    {"bus", "functional_id", &a_can_id, OF(functional_id), "", 0, 0},
    {"bus", "block_size", &a_number, OF(block_size), "128", 0, UINT8_MAX},
    {"bus", "st_min", &an_st_min, OF(st_min), "0", 0, 0},
    {"bus", "pad", &a_pad, OF(pad_byte), "no", 0, 0},
    {"bus", "max_message", &a_number, OF(max_message), "4095", 2048, UINT16_MAX},
    {"storage", "flash", &a_path, OF(flash), NULL, 0, 0},
    {"storage", "slot_bytes", &a_number, OF(slot_bytes), NULL, 1, 1u << 30},
    {"storage", "staging_bytes", &a_number, OF(staging_bytes), "524288", 16384, 1u << 28},
    {"storage", "layout", &a_layout, OF(layout), "two-slots", 0, 0},
    {"boot", "key", &a_path, OF(boot_key), "", 0, 0},
    {"provision", "director_root", &a_path, OF(director_root), "", 0, 0},
    {"provision", "director_targets", &a_path, OF(director_targets), "", 0, 0},
    {"provision", "director_timestamp", &a_path, OF(set[UP_DIRECTOR][UP_TIMESTAMP]), "", 0, 0},
    {"provision", "director_snapshot", &a_path, OF(set[UP_DIRECTOR][UP_SNAPSHOT]), "", 0, 0},
    {"provision", "image_timestamp", &a_path, OF(set[UP_IMAGE][UP_TIMESTAMP]), "", 0, 0},
    {"provision", "image_snapshot", &a_path, OF(set[UP_IMAGE][UP_SNAPSHOT]), "", 0, 0},
    {"provision", "image_targets", &a_path, OF(set[UP_IMAGE][UP_TARGETS]), "", 0, 0},
    {"provision", "image_root", &a_path, OF(image_root), "", 0, 0},
    {"provision", "image", &a_path, OF(image), "", 0, 0},
    {"provision", "image_name", &a_name, OF(image_name), "", 0, 0},
    {"provision", "release_counter", &a_number, OF(release_counter), "0", 0, UP_COUNTER_MAX},
    {"provision", "base_time", &an_instant, OF(base_time_s), NULL, 0, 0},
};
#define ROWS (sizeof rows / sizeof *rows)
_Static_assert(ROWS <= 64, "struct reader remembers which were given");

static int wrong(struct reader *r, const char *section, const char *key, const char *value, const char *what)
{
    if (!r->failed) (void)snprintf(r->why, r->why_size, "[%s] %s = %s: %s", section, key, value, what);
    r->failed = true;
    r->failed_line = r->line;
    return 0;
}

static int wrong_kind(struct reader *r, const struct row *row, const char *value)
{
    char what[120];
    if (row->kind->expected != NULL)
        (void)snprintf(what, sizeof what, "expected %s", row->kind->expected);
    else
        (void)snprintf(what, sizeof what, "expected a number from %" PRIu64 " to %" PRIu64, row->min,
                       row->max);
    return wrong(r, row->section, row->key, value, what);
}

/* 0: an error in this line. */
static int take_line(void *ctx, const char *section, const char *key, const char *value)
{
    struct reader *r = ctx;
    if (r->failed) return 1;
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (strcmp(row->section, section) != 0 || strcmp(row->key, key) != 0) continue;
        if (r->given[i]) return wrong(r, section, key, value, "given before");
        r->given[i] = true;
        if (row->kind->take(r, row, value, (char *)r->config + row->offset)) return 1;
        return wrong_kind(r, row, value);
    }
    return wrong(r, section, key, value, "no such key");
}

static bool take_fallbacks(struct reader *r)
{
    for (size_t i = 0; i < ROWS && !r->failed; i++) {
        const struct row *row = &rows[i];
        if (r->given[i] || (row->fallback != NULL && *row->fallback == '\0')) continue;
        if (row->fallback == NULL) {
            (void)snprintf(r->why, r->why_size, "%s: [%s] %s is missing", r->path, row->section, row->key);
            r->failed = true;
        } else if (!row->kind->take(r, row, row->fallback, (char *)r->config + row->offset)) {
            return wrong_kind(r, row, row->fallback) != 0;
        }
    }
    return !r->failed;
}

static bool check_ids(struct reader *r)
{
    const struct sec_config *c = r->config;
    const bool same =
        c->request_id == c->response_id ||
        (c->functional_id != 0 && (c->functional_id == c->request_id || c->functional_id == c->response_id));
    if (!same) return true;
    (void)snprintf(r->why, r->why_size,
                   "%s: [bus] request_id, response_id and functional_id: expected identifiers that differ",
                   r->path);
    return false;
}

static char *next_line(char *line, int size, void *ctx)
{
    struct reader *r = ctx;
    r->line++;
    return fgets(line, size, r->file);
}

bool sec_config_read(struct sec_config *c, const char *path, char *why, size_t why_size)
{
    char said[1024];
    struct reader r = {.path = path, .config = c, .why = said, .why_size = sizeof said};
    memset(c, 0, sizeof *c);
    r.file = fopen(path, "re");
    if (r.file == NULL) {
        (void)snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return false;
    }
    int line = ini_parse_stream(next_line, &r, take_line, &r);
    (void)fclose(r.file);
    if (line != 0) { /* the library's own complaint comes first where its line does */
        if (r.failed_line != line) (void)snprintf(said, sizeof said, "expected [section] or key = value");
        (void)snprintf(why, why_size, "%s:%d: %s", path, line, said);
        return false;
    }
    if (take_fallbacks(&r) && check_ids(&r)) return true;
    (void)snprintf(why, why_size, "%s", said);
    return false;
}

struct isotp_config sec_config_channel(const struct sec_config *c)
{
    struct isotp_config channel = isotp_config_default(c->response_id, c->request_id, c->fd);
    channel.functional_id = c->functional_id;
    channel.block_size = (uint8_t)c->block_size;
    channel.st_min = (uint8_t)c->st_min;
    channel.pad = c->pad;
    channel.pad_byte = (uint8_t)c->pad_byte;
    return channel;
}
