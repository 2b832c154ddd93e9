#include "metadata/json.h"

#include "metadata/encode.h"

#define INT_MAX_53 (1LL << 53) /* beyond it, readers that keep numbers as doubles read something else */

static bool in(uint32_t c, uint32_t low, uint32_t high)
{
    return c >= low && c <= high;
}

/* One character of UTF-8 at the start of S (RFC 3629: no overlong forms, no surrogates); its bytes, 0: none.
 */
static size_t utf8(struct up_span s, uint32_t *cp)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = s.p[0];
    size_t n = lead < 0x80            ? 1
               : in(lead, 0xC2, 0xDF) ? 2
               : in(lead, 0xE0, 0xEF) ? 3
               : in(lead, 0xF0, 0xF4) ? 4
                                      : 0;
    if (n == 0 || n > s.n) return 0;
    uint32_t c = n == 1 ? lead : lead & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s.p[i] & 0xC0) != 0x80) return 0;
        c = c << 6 | (s.p[i] & 0x3F);
    }
    if (c < least[n] || c > 0x10FFFF || in(c, 0xD800, 0xDFFF)) return 0;
    *cp = c;
    return n;
}

/* "\uXXXX" at the start of S. */
static bool utf16_unit(struct up_span s, uint32_t *unit)
{
    if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u') return false;
    uint32_t v = 0;
    for (size_t i = 2; i < 6; i++) {
        uint8_t c = s.p[i];
        uint32_t d = in(c, '0', '9')   ? c - '0'
                     : in(c, 'a', 'f') ? c - 'a' + 10
                     : in(c, 'A', 'F') ? c - 'A' + 10
                                       : 16;
        if (d > 15) return false;
        v = v << 4 | d;
    }
    *unit = v;
    return true;
}

static size_t escape(struct up_span s, uint32_t *cp)
{
    static const char name[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
    if (s.n < 2) return 0;
    const char *known = s.p[1] == 0 ? NULL : memchr(name, s.p[1], sizeof name - 1);
    if (known != NULL) {
        *cp = (uint8_t)meaning[known - name];
        return 2;
    }
    uint32_t high, low;
    if (!utf16_unit(s, &high) || in(high, 0xDC00, 0xDFFF)) return 0;
    if (!in(high, 0xD800, 0xDBFF)) {
        *cp = high;
        return 6;
    }
    if (!utf16_unit((struct up_span){s.p + 6, s.n - 6}, &low) || !in(low, 0xDC00, 0xDFFF)) return 0;
    *cp = 0x10000 + ((high - 0xD800) << 10 | (low - 0xDC00));
    return 12;
}

size_t up_json_char(struct up_span raw, uint32_t *cp)
{
    if (raw.n == 0 || raw.p[0] < 0x20 || raw.p[0] == '"') return 0;
    return raw.p[0] == '\\' ? escape(raw, cp) : utf8(raw, cp);
}

static bool has_escapes(struct up_span raw)
{
    return raw.n != 0 && memchr(raw.p, '\\', raw.n) != NULL;
}

int up_json_cmp(struct up_span a, struct up_span b)
{
    if (!has_escapes(a) && !has_escapes(b)) return up_span_cmp(a, b);
    while (a.n != 0 && b.n != 0) {
        uint32_t ca = 0, cb = 0;
        size_t na = up_json_char(a, &ca), nb = up_json_char(b, &cb);
        if (na == 0 || nb == 0) break; /* not a checked string */
        if (ca != cb) return ca < cb ? -1 : 1;
        a = (struct up_span){a.p + na, a.n - na};
        b = (struct up_span){b.p + nb, b.n - nb};
    }
    return (a.n != 0) - (b.n != 0);
}

long up_json_unescape(struct up_span raw, uint8_t *out, size_t cap)
{
    size_t w = 0;
    while (raw.n != 0) {
        uint32_t c = 0;
        uint8_t bytes[4];
        size_t n = up_json_char(raw, &c), m = 0;
        if (n == 0) return -1;
        if (c < 0x80) {
            bytes[m++] = (uint8_t)c;
        } else if (c < 0x800) {
            bytes[m++] = (uint8_t)(0xC0 | c >> 6);
        } else if (c < 0x10000) {
            bytes[m++] = (uint8_t)(0xE0 | c >> 12);
            bytes[m++] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        } else {
            bytes[m++] = (uint8_t)(0xF0 | c >> 18);
            bytes[m++] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
            bytes[m++] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        }
        if (c >= 0x80) bytes[m++] = (uint8_t)(0x80 | (c & 0x3F));
        if (m > cap - w) return -1;
        memcpy(out + w, bytes, m);
        w += m;
        raw = (struct up_span){raw.p + n, raw.n - n};
    }
    return (long)w;
}

void up_json_fail(struct up_json *j, enum up_err e)
{
    if (j->err == UP_OK) j->err = e;
}

void up_json_open(struct up_json *j, struct up_span text)
{
    j->p = text.p;
    j->end = text.p == NULL ? NULL : text.p + text.n;
    j->err = UP_OK;
    j->depth = 0;
    j->checked = j->to_sort = j->loose = j->inexact = false;
    j->effort = UP_UNSORTED_EFFORT(text.n);
}

void up_json_open_checked(struct up_json *j, struct up_span text)
{
    up_json_open(j, text);
    j->checked = true;
}

/* The next byte that is not white space; 0 at the end, which no token starts with. */
static uint8_t peek(struct up_json *j)
{
    for (; j->p != j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r'); j->p++)
        j->loose = true;
    return j->p != j->end ? *j->p : 0;
}

static bool take(struct up_json *j, uint8_t c)
{
    if (j->err != UP_OK || peek(j) != c) return false;
    j->p++;
    return true;
}

void up_json_close(struct up_json *j)
{
    if (j->err == UP_OK && (j->depth != 0 || peek(j) != 0 || j->p != j->end)) up_json_fail(j, UP_PARSE);
}

/* Something else than what was asked for: of another type, or no JSON at all. */
static void mistyped(struct up_json *j)
{
    if (j->err != UP_OK) return;
    uint8_t c = peek(j);
    up_json_fail(j, c != 0 && memchr("{[\"-0123456789tfn", c, 17) != NULL ? UP_SCHEMA : UP_PARSE);
}

static bool enter(struct up_json *j, bool array)
{
    if (!take(j, array ? '[' : '{')) {
        mistyped(j);
        return false;
    }
    if (j->depth == UP_DEPTH_MAX) {
        up_json_fail(j, UP_LIMIT);
        return false;
    }
    j->level[j->depth++] = (struct up_json_level){.start = j->p, .array = array, .first = true};
    return true;
}

bool up_json_object(struct up_json *j)
{
    return enter(j, false);
}

bool up_json_array(struct up_json *j)
{
    return enter(j, true);
}

/* To the next item or member of the innermost level, or out of it. */
static bool next(struct up_json *j, bool array)
{
    if (j->err != UP_OK) return false;
    if (j->depth == 0 || j->level[j->depth - 1].array != array) {
        up_json_fail(j, UP_SCHEMA);
        return false;
    }
    struct up_json_level *l = &j->level[j->depth - 1];
    if (take(j, array ? ']' : '}')) {
        j->depth--;
        return false;
    }
    if (!l->first && !take(j, ',')) {
        up_json_fail(j, UP_PARSE);
        return false;
    }
    l->first = false;
    return true;
}

bool up_json_item(struct up_json *j)
{
    return next(j, true);
}

/* Are these eight bytes ASCII that stands for itself: no control character, quote or backslash? A byte below
 * what is taken from it borrows into its highest bit. */
static bool eight_plain(const uint8_t *p)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t v;
    memcpy(&v, p, sizeof v);
    uint64_t quotes = v ^ each * '"', backslashes = v ^ each * '\\';
    return ((v | (v - each * 0x20) | (quotes - each) | (backslashes - each)) & each * 0x80) == 0;
}

/* To the first byte from P on that is no such character. */
static const uint8_t *past_plain(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 8 && eight_plain(p)) p += 8;
    while (p != end && in(*p, 0x20, 0x7F) && *p != '"' && *p != '\\') p++;
    return p;
}

/* The quote that ends the string from P on, whose characters have been checked; END: none. */
static const uint8_t *closing_quote(const uint8_t *p, const uint8_t *end)
{
    for (const uint8_t *start = p; p != end && (p = memchr(p, '"', (size_t)(end - p))) != NULL; p++) {
        const uint8_t *before = p;
        while (before != start && before[-1] == '\\') before--;
        if ((p - before) % 2 == 0) return p;
    }
    return end;
}

/* Between the quotes of the string that comes next, every character checked. */
static struct up_span string(struct up_json *j)
{
    const uint8_t *start = ++j->p, *p = j->checked ? closing_quote(start, j->end) : start;
    while (!j->checked) {
        p = past_plain(p, j->end);
        uint32_t c;
        size_t n = up_json_char((struct up_span){p, (size_t)(j->end - p)}, &c);
        if (n == 0) break;
        p += n;
    }
    if (p == j->end || *p != '"') {
        up_json_fail(j, UP_PARSE);
        return (struct up_span){0};
    }
    j->p = p + 1;
    return (struct up_span){start, (size_t)(p - start)};
}

/* Is NAME among the members from P to END, which have all been checked? */
static bool has_twin(const uint8_t *p, const uint8_t *end, struct up_span name)
{
    unsigned depth = 0;
    bool at_name = true;
    while (p < end) {
        uint8_t c = *p++;
        if (c == '"') {
            const uint8_t *start = p;
            while (*p != '"') p += *p == '\\' ? 2 : 1;
            if (at_name && up_json_cmp((struct up_span){start, (size_t)(p - start)}, name) == 0) return true;
            at_name = false;
            p++;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',') {
            at_name = depth == 0;
        }
    }
    return false;
}

/* NAME, which begins at HERE, does not ascend: it is looked for among all before it, if these are few. */
static enum up_err check_twin(struct up_json *j, const uint8_t *here, struct up_span name)
{
    const struct up_json_level *l = &j->level[j->depth - 1];
    const uint64_t effort = (uint64_t)(here - l->start);
    j->loose = true;
    if (l->members == UP_UNSORTED_MAX || effort > j->effort) return j->to_sort ? UP_OK : UP_LIMIT;
    j->effort -= effort;
    return has_twin(l->start, here, name) ? UP_PARSE : UP_OK;
}

bool up_json_member(struct up_json *j, struct up_span *name)
{
    *name = (struct up_span){0};
    if (!next(j, false)) return false;
    if (peek(j) != '"') {
        up_json_fail(j, UP_PARSE);
        return false;
    }
    const uint8_t *here = j->p;
    struct up_span s = string(j);
    if (!take(j, ':')) {
        up_json_fail(j, UP_PARSE);
        return false;
    }
    /* A name above all before it is new; any other one has to be looked for. */
    struct up_json_level *l = &j->level[j->depth - 1];
    if (j->checked || l->highest.p == NULL || up_json_cmp(l->highest, s) < 0) {
        l->highest = s;
    } else {
        enum up_err e = check_twin(j, here, s);
        if (e != UP_OK) {
            up_json_fail(j, e);
            return false;
        }
    }
    if (l->members < UP_UNSORTED_MAX) l->members++;
    *name = s;
    return true;
}

struct up_span up_json_string(struct up_json *j)
{
    if (j->err == UP_OK && peek(j) == '"') return string(j);
    mistyped(j);
    return (struct up_span){0};
}

bool up_json_at_string(const struct up_json *j)
{
    struct up_json ahead = {.p = j->p, .end = j->end};
    return j->err == UP_OK && peek(&ahead) == '"';
}

static const uint8_t *past_digits(const uint8_t *p, const uint8_t *end)
{
    while (p != end && in(*p, '0', '9')) p++;
    return p;
}

/* The number that comes next; its text, and whether it is a whole one: no fraction, exponent, or minus zero.
 */
static struct up_span number(struct up_json *j, bool *whole)
{
    const uint8_t *start = j->p, *end = j->end, *p = start + (*start == '-'), *q;
    *whole = true;
    q = p != end && *p == '0' ? p + 1 : past_digits(p, end);
    bool good = q != p;
    if (q != end && *q == '.') {
        *whole = false;
        p = q + 1;
        q = past_digits(p, end);
        good = good && q != p;
    }
    if (q != end && (*q == 'e' || *q == 'E')) {
        *whole = false;
        p = q + 1;
        if (p != end && (*p == '+' || *p == '-')) p++;
        q = past_digits(p, end);
        good = good && q != p;
    }
    if (!good) {
        up_json_fail(j, UP_PARSE);
        return (struct up_span){0};
    }
    if (q - start == 2 && start[0] == '-' && start[1] == '0') *whole = false;
    if (!*whole) j->inexact = true;
    j->p = q;
    return (struct up_span){start, (size_t)(q - start)};
}

int64_t up_json_int(struct up_json *j, int64_t min, int64_t max)
{
    uint8_t c = j->err == UP_OK ? peek(j) : 0;
    if (c != '-' && !in(c, '0', '9')) {
        mistyped(j);
        return 0;
    }
    bool whole, minus = c == '-';
    struct up_span s = number(j, &whole);
    if (j->err != UP_OK) return 0;
    int64_t v = 0;
    for (size_t i = minus; i < s.n && whole && v < INT_MAX_53; i++) v = v * 10 + (s.p[i] - '0');
    if (minus) v = -v;
    if (!whole || v >= INT_MAX_53 || v <= -INT_MAX_53 || v < min || v > max) {
        up_json_fail(j, UP_SCHEMA);
        return 0;
    }
    return v;
}

static bool literal(struct up_json *j, const char *word)
{
    struct up_span w = up_span_of(word);
    if ((size_t)(j->end - j->p) < w.n || memcmp(j->p, w.p, w.n) != 0) return false;
    j->p += w.n;
    return true;
}

bool up_json_bool(struct up_json *j)
{
    if (j->err != UP_OK) return false;
    (void)peek(j);
    if (literal(j, "true")) return true;
    if (!literal(j, "false")) mistyped(j);
    return false;
}

/* A string, number or word, whole; an object or array is only entered. */
static void begin_value(struct up_json *j)
{
    uint8_t c = peek(j);
    bool whole;
    if (c == '{' || c == '[')
        (void)enter(j, c == '[');
    else if (c == '"')
        (void)string(j);
    else if (c == '-' || in(c, '0', '9'))
        (void)number(j, &whole);
    else if (!literal(j, "true") && !literal(j, "false") && !literal(j, "null"))
        up_json_fail(j, UP_PARSE);
}

/* Over the object or array that comes next, looking at nothing but brackets and quotes. */
static void skip(struct up_json *j)
{
    const uint8_t *p = j->p, *end = j->end;
    unsigned depth = 0;
    while (p != end) {
        uint8_t c = *p++;
        if (c == '"') {
            p = closing_quote(p, end);
            if (p != end) p++;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            j->p = p;
            return;
        }
    }
    up_json_fail(j, UP_PARSE);
}

struct up_span up_json_value(struct up_json *j)
{
    if (j->err != UP_OK) return (struct up_span){0};
    uint8_t first = peek(j);
    const uint8_t *start = j->p;
    uint8_t outside = j->depth;
    struct up_span name;
    if (j->checked && (first == '{' || first == '['))
        skip(j);
    else
        begin_value(j);
    while (j->err == UP_OK && j->depth > outside)
        if (j->level[j->depth - 1].array ? up_json_item(j) : up_json_member(j, &name)) begin_value(j);
    if (j->err != UP_OK) return (struct up_span){0};
    return (struct up_span){start, (size_t)(j->p - start)};
}

static bool find(struct up_json *j, const char *name, struct up_span *value)
{
    struct up_span key;
    for (up_json_object(j); up_json_member(j, &key);) {
        struct up_span v = up_json_value(j);
        if (j->err == UP_OK && up_json_is(key, name)) {
            *value = v;
            return true;
        }
    }
    return false;
}

bool up_json_find(struct up_span text, const char *name, struct up_span *value)
{
    struct up_json j;
    up_json_open(&j, text);
    return find(&j, name, value);
}

bool up_json_find_checked(struct up_span text, const char *name, struct up_span *value)
{
    struct up_json j;
    up_json_open_checked(&j, text);
    return find(&j, name, value);
}

void up_write_span(struct up_writer *w, struct up_span s)
{
    if (s.n > w->cap - w->n) w->full = true;
    if (w->full || s.n == 0) return;
    memmove(w->p + w->n, s.p, s.n); /* S may lie further back in the same buffer */
    w->n += s.n;
}

void up_write(struct up_writer *w, const char *text)
{
    up_write_span(w, up_span_of(text));
}

void up_write_string(struct up_writer *w, struct up_span s)
{
    static const char hex[] = "0123456789abcdef";
    up_write(w, "\"");
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c < 0x20) {
            const char control[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15], 0};
            up_write(w, control);
        } else {
            if (c == '"' || c == '\\') up_write(w, "\\");
            up_write_span(w, (struct up_span){&c, 1});
        }
    }
    up_write(w, "\"");
}

void up_write_int(struct up_writer *w, int64_t v)
{
    char text[UP_DECIMAL_MAX];
    if (v < 0) up_write(w, "-");
    const size_t n = up_decimal(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, text);
    up_write_span(w, (struct up_span){(const uint8_t *)text, n});
}

void up_write_hex(struct up_writer *w, const uint8_t *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    up_write(w, "\"");
    for (size_t i = 0; i < n; i++) {
        const char digits[] = {hex[p[i] >> 4], hex[p[i] & 15], 0};
        up_write(w, digits);
    }
    up_write(w, "\"");
}
