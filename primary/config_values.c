#include "primary/config_values.h"
#include "isotp/frame.h"
#include "metadata/encode.h"
#include "metadata/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What most kinds have no use for: the file and the range. */
#define UNUSED_HERE ((void)r, (void)min, (void)max)

static bool take_text(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    UNUSED_HERE;
    if (*text == '\0') return false;
    char *copy = strdup(text);
    if (copy == NULL) return pri_conf_no_memory(r);
    *(char **)field = copy;
    return true;
}

static bool take_id(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    return up_is_id(up_span_of(text)) && take_text(r, text, min, max, field);
}

static bool take_hardware(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    return up_is_hardware_id(up_span_of(text)) && take_text(r, text, min, max, field);
}

/* Relative names are relative to the folder of the configuration file. */
static bool take_path(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    const char *slash = strrchr(r->path, '/');
    if (*text == '\0' || *text == '/' || slash == NULL) return take_text(r, text, min, max, field);
    char *joined;
    if (asprintf(&joined, "%.*s/%s", (int)(slash - r->path), r->path, text) < 0) return pri_conf_no_memory(r);
    *(char **)field = joined;
    return true;
}

static bool take_file(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    char *path = NULL;
    if (!take_path(r, text, min, max, &path)) return false;
    if (access(path, R_OK) != 0) {
        free(path);
        return false;
    }
    *(char **)field = path;
    return true;
}

#define DECIMAL "0123456789"
#define HEX     DECIMAL "abcdefABCDEF"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool read_number(const char *text, const char *digits, int base, uint64_t max, uint64_t *out)
{
    size_t n = strlen(text);
    if (n == 0 || strspn(text, digits) != n) return false;
    errno = 0;
    uint64_t v = strtoull(text, NULL, base);
    if (errno != 0 || v > max) return false;
    *out = v;
    return true;
}

/* Steps over "example.org" or "[::1]"; NULL: no host. */
static const char *after_host(const char *p)
{
    bool v6 = *p == '[';
    p += v6;
    size_t n = strspn(p, v6 ? HEX ":." : LETTERS DECIMAL ".-");
    if (n == 0 || (v6 && p[n] != ']')) return NULL;
    return p + n + v6;
}

static const char *after_port(const char *p)
{
    if (*p != ':') return p;
    size_t n = strspn(p + 1, DECIMAL);
    unsigned long port = strtoul(p + 1, NULL, 10);
    return n == 0 || n > 5 || port == 0 || port > UINT16_MAX ? NULL : p + 1 + n;
}

static bool is_url(const char *text)
{
    static const char scheme[] = "https://";
    if (strncmp(text, scheme, sizeof scheme - 1) != 0) return false;
    const char *p = after_host(text + sizeof scheme - 1);
    if (p != NULL) p = after_port(p);
    if (p == NULL || (*p != '/' && *p != '\0')) return false;
    return strspn(p, LETTERS DECIMAL "/%-._~!$&'()*+,;=:") == strlen(p);
}

static bool take_url(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    return is_url(text) && take_text(r, text, min, max, field);
}

static bool take_base_url(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    UNUSED_HERE;
    if (!is_url(text)) return false;
    char *url;
    if (asprintf(&url, "%s%s", text, text[strlen(text) - 1] == '/' ? "" : "/") < 0)
        return pri_conf_no_memory(r);
    *(char **)field = url;
    return true;
}

static bool take_profile(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    UNUSED_HERE;
    const struct up_profile *p = up_profile_named(text);
    if (p == NULL) return false;
    *(const struct up_profile **)field = p;
    return true;
}

static bool take_instant(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    UNUSED_HERE;
    int64_t t = up_time_decode(up_span_of(text));
    if (t < 0) return false;
    *(int64_t *)field = t;
    return true;
}

static bool take_choice(const char *text, const char *yes, const char *no, void *field)
{
    bool chosen = strcmp(text, yes) == 0;
    if (!chosen && strcmp(text, no) != 0) return false;
    *(bool *)field = chosen;
    return true;
}

static bool take_yes_no(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    UNUSED_HERE;
    return take_choice(text, "yes", "no", field);
}

static bool take_verification(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    UNUSED_HERE;
    return take_choice(text, "full", "partial", field);
}

static bool take_u64(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    (void)r;
    uint64_t v;
    if (!read_number(text, DECIMAL, 10, max, &v) || v < min) return false;
    *(uint64_t *)field = v;
    return true;
}

static bool take_u32(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    uint64_t v;
    if (!take_u64(r, text, min, max, &v)) return false;
    *(uint32_t *)field = (uint32_t)v;
    return true;
}

/* 0x7E0, 0x18DA10F1. More than 0x7FF, or eight digits: 29 bits. */
static bool take_can_id(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    UNUSED_HERE;
    uint64_t id;
    if (strncmp(text, "0x", 2) != 0 || !read_number(text + 2, HEX, 16, ISOTP_ID_MASK, &id)) return false;
    bool extended = id > 0x7FF || strlen(text + 2) == 8;
    *(uint32_t *)field = (uint32_t)id | (extended ? ISOTP_ID_EXTENDED : 0);
    return true;
}

/* Milliseconds, or tenths of one with their unit: 20, 300us (ISO 15765-2, 9.6.5.4). */
static bool take_st_min(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    UNUSED_HERE;
    uint64_t v;
    if (read_number(text, DECIMAL, 10, 0x7F, &v)) {
        *(uint8_t *)field = (uint8_t)v;
        return true;
    }
    if (text[0] < '1' || text[0] > '9' || strcmp(text + 1, "00us") != 0) return false;
    *(uint8_t *)field = (uint8_t)(0xF0 + (text[0] - '0'));
    return true;
}

static bool take_pad(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field)
{
    UNUSED_HERE;
    uint64_t v = PRI_CONF_NO_PAD;
    bool byte = strncmp(text, "0x", 2) == 0 && read_number(text + 2, HEX, 16, UINT8_MAX, &v);
    if (!byte && strcmp(text, "no") != 0) return false;
    *(uint32_t *)field = (uint32_t)v;
    return true;
}

#define URL_EXPECTED "a URL that starts with https://, without user, query or fragment"
const struct pri_conf_type pri_conf_text = {take_text, "a text"},
                           pri_conf_id = {take_id, "1 to 64 of A-Z a-z 0-9 . _ : -"},
                           pri_conf_hardware = {take_hardware, "1 to 200 of A-Z a-z 0-9 . _ : -"},
                           pri_conf_folder = {take_path, "a folder"},
                           pri_conf_readable = {take_file, "a file that can be read"},
                           pri_conf_url = {take_url, URL_EXPECTED},
                           pri_conf_base_url = {take_base_url, URL_EXPECTED},
                           pri_conf_profile = {take_profile, "strict, deployed or tuf"},
                           pri_conf_instant = {take_instant, "a time such as 2026-01-31T12:00:00Z"},
                           pri_conf_yes_no = {take_yes_no, "yes or no"},
                           pri_conf_verification = {take_verification, "full or partial"},
                           pri_conf_u32 = {take_u32, NULL}, pri_conf_u64 = {take_u64, NULL},
                           pri_conf_can_id = {take_can_id,
                                              "a CAN identifier: 0x0 to 0x7FF, or 29 bits to 0x1FFFFFFF"},
                           pri_conf_st_min = {take_st_min, "0 to 127 (milliseconds), or 100us to 900us"},
                           pri_conf_pad = {take_pad, "no, or a byte such as 0xCC"};
