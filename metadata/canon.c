#include "metadata/canon.h"

#include "metadata/json.h"

static size_t unit(uint32_t v, char *out)
{
    static const char hex[] = "0123456789abcdef";
    const char text[] = {'\\', 'u', hex[v >> 12 & 15], hex[v >> 8 & 15], hex[v >> 4 & 15], hex[v & 15]};
    memcpy(out, text, sizeof text);
    return sizeof text;
}

/* The one spelling of a character that is escaped; 0: it stands for itself. */
static size_t spell(uint32_t cp, enum up_dialect dialect, char out[12])
{
    static const char control[] = "btn\0fr"; /* names of 8 to 13 */
    char name = cp == '"' || cp == '\\' ? (char)cp : cp >= 8 && cp <= 13 ? control[cp - 8] : 0;
    if (name != 0) {
        out[0] = '\\', out[1] = name;
        return 2;
    }
    if (cp < 0x20) return unit(cp, out);
    if (cp < 0x80 || !up_is_deployed(dialect)) return 0;
    if (cp < 0x10000) return unit(cp, out);
    size_t n = unit(0xD800 + ((cp - 0x10000) >> 10), out);
    return n + unit(0xDC00 + ((cp - 0x10000) & 0x3FF), out + n);
}

/* Does the character that takes N bytes at P stand there in its one spelling? */
static bool spelled(const uint8_t *p, size_t n, uint32_t cp, enum up_dialect dialect)
{
    char want[12];
    size_t m = spell(cp, dialect, want);
    return m == 0 ? *p != '\\' : m == n && memcmp(p, want, n) == 0;
}

/* Where canonical bytes go: a hash, a buffer, or both. */
struct sink {
    struct up_hash *hash;
    struct up_writer *text;
};

static void put(const struct sink *to, const uint8_t *p, size_t n)
{
    struct up_span s = {p, n};
    if (to->hash != NULL) up_hash_add(to->hash, s);
    if (to->text != NULL) up_write_span(to->text, s);
}

/* Where the next character is that may not stand for itself. Outside of strings there is none. */
static const uint8_t *next_special(const uint8_t *p, const uint8_t *end, enum up_dialect dialect)
{
    if (!up_is_deployed(dialect)) {
        const uint8_t *at = p == end ? NULL : memchr(p, '\\', (size_t)(end - p));
        return at == NULL ? end : at;
    }
    while (p != end && *p < 0x80 && *p != '\\') p++;
    return p;
}

/* Streams the canonical form of VALUE, which is compact and in order; NOT_CANONICAL: strings have other
 * spellings. */
static enum up_err stream(struct up_span value, enum up_dialect dialect, bool inexact, const struct sink *to,
                          bool *same)
{
    if (inexact && !up_is_deployed(dialect)) return UP_SCHEMA;
    const uint8_t *p = value.p, *run = p, *end = value.p + value.n;
    *same = true;
    while ((p = next_special(p, end, dialect)) != end) {
        uint32_t cp;
        size_t n = up_json_char((struct up_span){p, (size_t)(end - p)}, &cp);
        if (n == 0 || !spelled(p, n, cp, dialect)) return UP_NOT_CANONICAL;
        if (!up_is_deployed(dialect) && cp < 0x20) {
            uint8_t raw = (uint8_t)cp;
            put(to, run, (size_t)(p - run));
            put(to, &raw, 1);
            run = p + n;
            *same = false;
        }
        p += n;
    }
    put(to, run, (size_t)(end - run));
    return UP_OK;
}

/* NOT_CANONICAL: VALUE is not sorted. */
static enum up_err check_sorted(struct up_span value, bool *inexact)
{
    struct up_json j;
    up_json_open(&j, value);
    j.to_sort = true;
    (void)up_json_value(&j);
    up_json_close(&j);
    *inexact = j.inexact;
    UP_TRY(j.err);
    return j.loose ? UP_NOT_CANONICAL : UP_OK;
}

enum up_err up_canon_digest(struct up_span value, enum up_dialect dialect, uint8_t digest[UP_SHA256_BYTES],
                            bool *same)
{
    bool inexact;
    UP_TRY(check_sorted(value, &inexact));
    return up_canon_digest_read(value, dialect, inexact, digest, same);
}

enum up_err up_canon_digest_read(struct up_span value, enum up_dialect dialect, bool inexact,
                                 uint8_t digest[UP_SHA256_BYTES], bool *same)
{
    struct up_hash hash;
    up_hash_begin(&hash, UP_SHA256);
    enum up_err e = stream(value, dialect, inexact, &(struct sink){.hash = &hash}, same);
    if (e == UP_OK)
        up_hash_end(&hash, digest);
    else
        up_hash_drop(&hash);
    return e;
}

/* What W has written into ROOM becomes a part of it. */
static enum up_err carve(struct up_buf *room, const struct up_writer *w, struct up_span *out)
{
    if (w->full) return UP_LIMIT;
    *out = up_written(w);
    room->n += w->n;
    return UP_OK;
}

enum up_err up_canon_write(struct up_span value, enum up_dialect dialect, struct up_buf *room,
                           struct up_span *out)
{
    struct up_writer w = {.p = room->p + room->n, .cap = room->cap - room->n};
    bool inexact, same;
    UP_TRY(check_sorted(value, &inexact));
    UP_TRY(stream(value, dialect, inexact, &(struct sink){.text = &w}, &same));
    return carve(room, &w, out);
}

/* From here on: text that the reader has checked as a whole, so brackets and quotes are all that matters. */

static const uint8_t *past_space(const uint8_t *p)
{
    while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r') p++;
    return p;
}

/* The string whose opening quote is at P, without its quotes. */
static struct up_span string_at(const uint8_t *p)
{
    const uint8_t *start = ++p;
    while (*p != '"') p += *p == '\\' ? 2 : 1;
    return (struct up_span){start, (size_t)(p - start)};
}

static const uint8_t *past_value(const uint8_t *p, const uint8_t *end)
{
    unsigned depth = 0;
    do {
        uint8_t c = *p;
        if (c == '"') {
            struct up_span s = string_at(p);
            p = s.p + s.n;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (depth == 0) { /* a number or a word */
            while (p != end && memchr(",]} \n\t\r", *p, 7) == NULL) p++;
            return p;
        }
        p++;
    } while (depth > 0);
    return p;
}

struct member {
    struct up_span name; /* in an array: absent */
    const uint8_t *value;
};

/* The member (item) that comes next at *P; false: there is none, and *P is behind the bracket. */
static bool member_at(const uint8_t **p, bool array, struct member *m)
{
    *p = past_space(*p);
    if (**p == ',') *p = past_space(*p + 1);
    if (**p == '}' || **p == ']') {
        ++*p;
        return false;
    }
    m->name = (struct up_span){0};
    m->value = *p;
    if (!array) {
        m->name = string_at(*p);
        m->value = past_space(past_space(m->name.p + m->name.n + 1) + 1);
    }
    return true;
}

/* An object whose names do not ascend is written by an order of its members: where each begins, as 32-bit
 * offsets into the text, at the end of the room (and so before that of the object it lies in). A member takes
 * more bytes than its offset, so the room that sorted text may need is enough for both. */
struct level {
    const uint8_t *first, *behind; /* its members */
    uint8_t *order;                /* NULL: as they stand */
    uint32_t members, written;
    bool array;
};

static uint32_t offset(const struct level *l, uint32_t i)
{
    uint32_t v;
    memcpy(&v, l->order + i * sizeof v, sizeof v);
    return v;
}

static void set_offset(struct level *l, uint32_t i, uint32_t v)
{
    memcpy(l->order + i * sizeof v, &v, sizeof v);
}

/* Order of the names of two members, by their places. */
static int compare(const struct level *l, const uint8_t *text, uint32_t a, uint32_t b)
{
    return up_json_cmp(string_at(text + offset(l, a)), string_at(text + offset(l, b)));
}

static void swap(struct level *l, uint32_t a, uint32_t b)
{
    const uint32_t v = offset(l, a);
    set_offset(l, a, offset(l, b));
    set_offset(l, b, v);
}

/* Restores a heap of the first N members, largest on top, below ROOT. */
static void sift(struct level *l, const uint8_t *text, uint32_t root, uint32_t n)
{
    for (uint32_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && compare(l, text, child, child + 1) < 0) child++;
        if (compare(l, text, root, child) >= 0) return;
        swap(l, root, child);
    }
}

/* Looks at a whole object or array: members, end, do the names ascend? */
static bool survey(struct level *l, const uint8_t *end)
{
    struct member m;
    struct up_span last = {0};
    const uint8_t *p = l->first;
    bool ascend = true;
    if (l->array) return true;
    for (; member_at(&p, false, &m); p = past_value(m.value, end)) {
        if (last.p != NULL && up_json_cmp(last, m.name) >= 0) ascend = false;
        last = m.name;
        l->members++;
    }
    l->behind = p;
    return ascend;
}

/* The order of an object's members, taken from the room of W. PARSE: a name comes twice. Time: members times
 * their logarithm (heap sort: no memory, no worst case). */
static enum up_err put_in_order(struct level *l, struct up_span text, struct up_writer *w)
{
    const uint8_t *end = text.p + text.n, *p = l->first;
    struct member m;
    if (survey(l, end)) return UP_OK;
    if (l->members > (w->cap - w->n) / sizeof(uint32_t)) return UP_LIMIT;
    w->cap -= l->members * sizeof(uint32_t);
    l->order = w->p + w->cap;
    for (uint32_t i = 0; member_at(&p, false, &m); p = past_value(m.value, end))
        set_offset(l, i++, (uint32_t)(m.name.p - 1 - text.p));

    for (uint32_t i = l->members / 2; i-- > 0;) sift(l, text.p, i, l->members);
    for (uint32_t n = l->members; n-- > 1;) {
        swap(l, 0, n);
        sift(l, text.p, 0, n);
    }
    for (uint32_t i = 1; i < l->members; i++)
        if (compare(l, text.p, i - 1, i) == 0) return UP_PARSE;
    return UP_OK;
}

/* The member to be written after the one that ended at *P; false: none, *P is behind the bracket. */
static bool next_in_order(struct level *l, const uint8_t *text, const uint8_t **p, struct member *m)
{
    if (l->order == NULL) return member_at(p, l->array, m);
    if (l->written == l->members) {
        *p = l->behind;
        return false;
    }
    *p = text + offset(l, l->written++);
    return member_at(p, false, m);
}

/* RAW in its one spelling. */
static void write_string(struct up_writer *w, struct up_span raw, enum up_dialect dialect)
{
    const uint8_t *p = raw.p, *end = raw.p + raw.n;
    up_write(w, "\"");
    for (;;) {
        const uint8_t *run = p;
        p = next_special(p, end, dialect);
        up_write_span(w, (struct up_span){run, (size_t)(p - run)});
        if (p == end) break;
        uint32_t cp;
        char escape[12];
        uint8_t utf8[4];
        size_t n = up_json_char((struct up_span){p, (size_t)(end - p)}, &cp), m = spell(cp, dialect, escape);
        long self = up_json_unescape((struct up_span){p, n}, utf8, sizeof utf8);
        up_write_span(w, m != 0 ? (struct up_span){(const uint8_t *)escape, m}
                                : (struct up_span){utf8, (size_t)self});
        p += n;
    }
    up_write(w, "\"");
}

static enum up_err write_sorted(struct up_span value, enum up_dialect dialect, struct up_writer *w)
{
    const uint8_t *p = past_space(value.p), *end = value.p + value.n;
    struct level level[UP_DEPTH_MAX];
    unsigned depth = 0;
    for (;;) {
        bool first = *p == '{' || *p == '[';
        if (first) {
            struct level *l = &level[depth++];
            *l = (struct level){.first = p + 1, .array = *p == '['};
            UP_TRY(put_in_order(l, value, w));
            up_write_span(w, (struct up_span){p++, 1});
        } else {
            struct up_span text = {p, (size_t)(past_value(p, end) - p)};
            if (*p == '"')
                write_string(w, string_at(p), dialect);
            else
                up_write_span(w, text);
            p += text.n;
        }
        struct member m;
        while (depth > 0 && !next_in_order(&level[depth - 1], value.p, &p, &m)) {
            const struct level *l = &level[--depth];
            if (l->order != NULL) w->cap += l->members * sizeof(uint32_t);
            up_write(w, l->array ? "]" : "}");
            first = false;
        }
        if (depth == 0 || w->full) return UP_OK;
        if (!first) up_write(w, ",");
        if (m.name.p != NULL) {
            write_string(w, m.name, dialect);
            up_write(w, ":");
        }
        p = m.value;
    }
}

enum up_err up_canon_sort(struct up_span value, enum up_dialect dialect, struct up_buf *room,
                          struct up_span *sorted)
{
    struct up_json j;
    up_json_open(&j, value);
    j.to_sort = true;
    (void)up_json_value(&j);
    up_json_close(&j);
    UP_TRY(j.err);
    if (value.n > UINT32_MAX) return UP_LIMIT;
    struct up_writer w = {.p = room->p + room->n, .cap = room->cap - room->n};
    UP_TRY(write_sorted(value, dialect, &w));
    return carve(room, &w, sorted);
}
