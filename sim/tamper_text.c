/* Rules and frames as text. */
#include "sim/tamper.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[SIM_DEEDS] = {
    [SIM_DROP] = "drop",   [SIM_CORRUPT] = "corrupt", [SIM_DUPLICATE] = "duplicate",
    [SIM_DELAY] = "delay", [SIM_REORDER] = "reorder", [SIM_ERROR] = "error",
    [SIM_ALTER] = "alter", [SIM_SPOOF] = "spoof",     [SIM_SEND] = "send",
    [SIM_FLOOD] = "flood",
};

const char *sim_deed_name(enum sim_deed d)
{
    return names[d];
}

/* --- frames --- */

static int nibble(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whole bytes up to the end of TEXT; a dot between them is for the eye. Negative: not such bytes. */
static int take_bytes(const char *text, uint8_t *out, int max)
{
    int n = 0;
    while (*text != '\0') {
        int high = nibble(text[0]), low = high < 0 ? -1 : nibble(text[1]);
        if (low < 0 || n == max) return -1;
        out[n++] = (uint8_t)(high << 4 | low);
        text += 2;
        if (*text == '.' && text[1] != '\0') text++;
    }
    return n;
}

/* Three digits: 11 bits; eight: 29 bits. Moves TEXT behind them. */
static bool take_identifier(const char **text, uint32_t *id)
{
    uint32_t value = 0;
    int digits = 0;
    for (; digits < 9 && nibble((*text)[digits]) >= 0; digits++)
        value = value << 4 | (uint32_t)nibble((*text)[digits]);
    if (!(digits == 3 && value <= 0x7FF) && !(digits == 8 && value <= ISOTP_ID_MASK)) return false;
    *id = value | (digits == 8 ? ISOTP_ID_EXTENDED : 0);
    *text += digits;
    return true;
}

bool sim_frame_parse(const char *text, struct isotp_frame *out)
{
    struct isotp_frame f = {0};
    const char *p = text;

    if (!take_identifier(&p, &f.id) || *p++ != '#') return false;
    if (*p == '#') {
        int flags = nibble(p[1]);
        if (flags < 0 || flags > 7) return false; /* bit 2 says FDF, which ## says too */
        f.flags = (uint8_t)(ISOTP_FD | (flags & 1 ? ISOTP_BRS : 0) | (flags & 2 ? ISOTP_ESI : 0));
        p += 2;
    } else if (*p == 'R' || *p == 'r') {
        if (p[1] != '\0' && (p[1] < '0' || p[1] > '8' || p[2] != '\0')) return false;
        f.flags = ISOTP_RTR;
        f.len = (uint8_t)(p[1] != '\0' ? p[1] - '0' : 0);
        *out = f;
        return true;
    }
    int n = take_bytes(p, f.data, f.flags & ISOTP_FD ? 64 : 8);
    if (n < 0) return false;
    f.len = isotp_frame_len((uint8_t)n);
    *out = f;
    return true;
}

/* --- values of a rule --- */

/* "2s", "500ms", "100us" */
static bool take_time(const char *text, uint64_t *ns)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}};
    char *end;

    if (!isdigit((unsigned char)*text)) return false;
    double value = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) != 0) continue;
        if (!(value >= 0 && value * units[i].ns < 1e16)) return false;
        *ns = (uint64_t)(value * units[i].ns + 0.5);
        return true;
    }
    return false;
}

static bool take_count(const char *text, uint32_t *out)
{
    char *end;
    if (!isdigit((unsigned char)*text)) return false;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (*end != '\0' || errno != 0 || n > UINT32_MAX) return false;
    *out = (uint32_t)n;
    return true;
}

static bool take_chance(const char *text, struct sim_rule *r)
{
    char *end;
    if (!isdigit((unsigned char)*text)) return false;
    double percent = strtod(text, &end);
    if (*end != '\0' || !(percent >= 0 && percent <= 100)) return false;
    r->chance_ppm = (uint32_t)(percent * 10000 + 0.5);
    return true;
}

static bool take_id(const char *text, struct sim_rule *r)
{
    if (!take_identifier(&text, &r->id_first)) return false;
    r->id_last = r->id_first;
    if (*text == '-') {
        text++;
        if (!take_identifier(&text, &r->id_last)) return false;
    }
    r->any_id = false;
    return *text == '\0' && r->id_first <= r->id_last &&
           ((r->id_first ^ r->id_last) & ISOTP_ID_EXTENDED) == 0;
}

/* "0.36xx01": any nibble for a dot or an x. */
static bool take_pattern(const char *text, struct sim_rule *r)
{
    size_t n = strlen(text);
    if (n == 0 || n % 2 != 0 || n > 2 * sizeof r->pattern) return false;
    for (size_t i = 0; i < n; i++) {
        int v = nibble(text[i]);
        if (v < 0 && text[i] != '.' && text[i] != 'x') return false;
        unsigned shift = i % 2 == 0 ? 4 : 0;
        if (v < 0) continue;
        r->mask[i / 2] |= (uint8_t)(15u << shift);
        r->pattern[i / 2] |= (uint8_t)((unsigned)v << shift);
    }
    r->pattern_bytes = (uint8_t)(n / 2);
    return true;
}

/* "2:00FF": from byte 2 on */
static bool take_set(const char *text, struct sim_rule *r)
{
    char *end;
    if (!isdigit((unsigned char)*text)) return false;
    unsigned long at = strtoul(text, &end, 10);
    int n = *end == ':' ? take_bytes(end + 1, r->value, sizeof r->value) : -1;
    if (at > 63 || n < 1 || at + (unsigned)n > 64) return false;
    r->at = (uint8_t)at;
    r->bytes = (uint8_t)n;
    return true;
}

static bool take_from(const char *text, struct sim_rule *r)
{
    uint32_t n;
    if (!take_count(text, &n) || n < 1 || n > 1000) return false;
    r->from = (int)n - 1;
    return true;
}

static bool take_frame(const char *text, struct sim_rule *r)
{
    r->random_frame = false;
    return sim_frame_parse(text, &r->frame);
}

static bool take_at(const char *text, struct sim_rule *r)
{
    return take_time(text, &r->begin_ns);
}

static bool take_for(const char *text, struct sim_rule *r)
{
    return take_time(text, &r->end_ns) && r->end_ns > 0;
}

static bool take_ns(const char *text, struct sim_rule *r)
{
    return take_time(text, &r->ns) && r->ns > 0;
}

static bool take_skip(const char *text, struct sim_rule *r)
{
    return take_count(text, &r->skip);
}

static bool take_hits(const char *text, struct sim_rule *r)
{
    return take_count(text, &r->count) && r->count > 0;
}

/* --- a rule --- */

#define ONE(deed)  (1u << (deed))
#define OWN_FRAMES (ONE(SIM_SEND) | ONE(SIM_FLOOD))
#define ALL        (ONE(SIM_DEEDS) - 1)
#define OF_FRAMES  (ALL & ~OWN_FRAMES)

static const struct key {
    const char *name;
    bool (*take)(const char *text, struct sim_rule *r);
    unsigned allowed, required; /* bits of deeds */
    const char *wanted;
} keys[] = {
    {"id", take_id, OF_FRAMES, 0, "an identifier such as 7E8 or 18DA10F1, or two with a - between"},
    {"data", take_pattern, OF_FRAMES, 0, "the first payload bytes in hexadecimal; x is any digit"},
    {"from", take_from, OF_FRAMES, 0, "1 for the first bridged link, 2 for the second"},
    {"chance", take_chance, OF_FRAMES, 0, "a percentage"},
    {"skip", take_skip, OF_FRAMES, 0, "a whole number"},
    {"count", take_hits, ALL, 0, "a whole number above 0"},
    {"at", take_at, ALL, 0, "a time such as 2s, 500ms or 100us"},
    {"for", take_for, ALL, 0, "a time such as 2s, 500ms or 100us"},
    {"by", take_ns, ONE(SIM_DELAY) | ONE(SIM_REORDER), ONE(SIM_DELAY), "a time such as 5ms"},
    {"every", take_ns, ONE(SIM_SEND), 0, "a time such as 100ms"},
    {"set", take_set, ONE(SIM_ALTER), ONE(SIM_ALTER), "a byte's number and bytes, such as 2:00FF"},
    {"frame", take_frame, OWN_FRAMES | ONE(SIM_SPOOF), ONE(SIM_SEND), "a frame such as 7E0#023E80"},
};
#define KEYS (sizeof keys / sizeof *keys)

static bool complain(char *why, size_t why_size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, why_size, format, args);
    va_end(args);
    return false;
}

static bool take_pair(char *word, struct sim_rule *r, unsigned *seen, char *why, size_t why_size)
{
    char *value = strchr(word, '=');
    if (value == NULL) return complain(why, why_size, "%s: write KEY=VALUE", word);
    *value++ = '\0';
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(word, keys[i].name) != 0) continue;
        if (!(keys[i].allowed & ONE(r->deed)))
            return complain(why, why_size, "%s has no %s", names[r->deed], word);
        if ((*seen & 1u << i) != 0) return complain(why, why_size, "%s is there twice", word);
        *seen |= 1u << i;
        if (keys[i].take(value, r)) return true;
        return complain(why, why_size, "%s=%s: give %s", word, value, keys[i].wanted);
    }
    return complain(why, why_size,
                    "%s: no such key; there are id data from chance skip count at for by every "
                    "set frame",
                    word);
}

static bool take_deed(const char *word, struct sim_rule *r, char *why, size_t why_size)
{
    for (int d = 0; d < SIM_DEEDS; d++) {
        if (word == NULL || strcmp(word, names[d]) != 0) continue;
        *r = (struct sim_rule){.deed = (enum sim_deed)d,
                               .any_id = true,
                               .from = -1,
                               .end_ns = SIM_NEVER,
                               .chance_ppm = SIM_ALWAYS_PPM,
                               .random_frame = true,
                               .frame = {.len = 8}};
        if (d == SIM_REORDER) r->ns = 10000000;
        return true;
    }
    return complain(
        why, why_size,
        "%s: not something to do; there is drop corrupt duplicate delay reorder error alter spoof "
        "send flood",
        word != NULL ? word : "nothing");
}

bool sim_rule_parse(const char *line, struct sim_rule *out, char *why, size_t why_size)
{
    char copy[512], *rest = NULL;
    struct sim_rule r;
    unsigned seen = 0;

    if (strlen(line) >= sizeof copy)
        return complain(why, why_size, "longer than %zu characters", sizeof copy);
    memcpy(copy, line, strlen(line) + 1);
    if (!take_deed(strtok_r(copy, " \t\r\n", &rest), &r, why, why_size)) return false;
    for (char *word; (word = strtok_r(NULL, " \t\r\n", &rest)) != NULL && *word != '#';)
        if (!take_pair(word, &r, &seen, why, why_size)) return false;
    for (size_t i = 0; i < KEYS; i++) {
        if ((keys[i].required & ONE(r.deed)) && !(seen & 1u << i))
            return complain(why, why_size, "%s needs %s=: give %s", names[r.deed], keys[i].name,
                            keys[i].wanted);
    }
    if (r.end_ns != SIM_NEVER) r.end_ns += r.begin_ns;
    *out = r;
    return true;
}

bool sim_rules_read(FILE *file, const char *name, struct sim_rule *rules, size_t *count, char *why,
                    size_t why_size)
{
    char line[514], what[256];

    for (unsigned n = 1; fgets(line, sizeof line, file) != NULL; n++) {
        const char *begin = line + strspn(line, " \t\r\n");
        if (*begin == '\0' || *begin == '#') continue;
        if (*count == SIM_RULES_MAX)
            return complain(why, why_size, "%s:%u: more than %d rules", name, n, SIM_RULES_MAX);
        if (!sim_rule_parse(begin, &rules[*count], what, sizeof what))
            return complain(why, why_size, "%s:%u: %s", name, n, what);
        ++*count;
    }
    return ferror(file) == 0 || complain(why, why_size, "%s: cannot be read: %s", name, strerror(errno));
}
