/* The one strict JSON reader of the trust path, and the writer of what we sign. RFC 8259 without its
 * loopholes: UTF-8 only, no duplicate members, depth at most UP_DEPTH_MAX, no trailing bytes. Nothing is
 * allocated or copied: strings and values are spans into the text. Names that ascend cost nothing; of others
 * an object has at most UP_UNSORTED_MAX, unless the text will be sorted.
 *
 * A pull reader with a sticky error: after the first failure every call returns nothing, so callers test err
 * once.
 *
 *     up_json_open(&j, text);
 *     for (up_json_object(&j); up_json_member(&j, &key);)
 *         if (up_json_is(key, "version")) version = up_json_int(&j, 1, UP_VERSION_MAX);
 *         else (void)up_json_value(&j);
 *     up_json_close(&j);
 *     if (j.err != UP_OK) return j.err;
 */
#ifndef METADATA_JSON_H
#define METADATA_JSON_H

#include "metadata/err.h"
#include "metadata/limits.h"
#include "metadata/span.h"

struct up_json {
    const uint8_t *p, *end;
    enum up_err err;
    uint8_t depth;
    bool checked;               /* private: opened as such */
    bool to_sort;               /* set after open(): duplicates in large objects are found by who sorts */
    bool loose;                 /* so far: white space, or names out of order */
    bool inexact;               /* so far: numbers that are not integers in their one spelling */
    uint64_t effort;            /* private: bytes that may still be searched for twins */
    struct up_json_level {      /* private */
        const uint8_t *start;   /* first member or item */
        struct up_span highest; /* of the names until now, raw */
        bool array, first;
        uint8_t members; /* so far, or UP_UNSORTED_MAX */
    } level[UP_DEPTH_MAX];
};

void up_json_open(struct up_json *j, struct up_span text);
/* The same for a text, or a whole value of it, that has been read to its end before without an error: it is
 * not checked again, so that what is not asked for costs next to nothing. Other text is misread, never read
 * beyond. */
void up_json_open_checked(struct up_json *j, struct up_span text);
/* All read, nothing behind it: else PARSE. */
void up_json_close(struct up_json *j);

/* Enter the object (array) that comes next; member() (item()) then steps through it and leaves it when it
 * returns false. */
bool up_json_object(struct up_json *j);
bool up_json_member(struct up_json *j, struct up_span *name);
bool up_json_array(struct up_json *j);
bool up_json_item(struct up_json *j);

/* The value that comes next. Another type, or out of range: SCHEMA. */
struct up_span up_json_string(struct up_json *j); /* raw bytes between the quotes, escapes as they stand */
int64_t up_json_int(struct up_json *j, int64_t min,
                    int64_t max); /* no fraction, exponent, leading zero, '+' */
bool up_json_bool(struct up_json *j);
struct up_span up_json_value(struct up_json *j); /* any value, checked to its end: its text */
bool up_json_at_string(const struct up_json *j); /* what comes next starts with a quote */

void up_json_fail(struct up_json *j, enum up_err e); /* first failure wins */

/* The first character of a raw string, decoded; the bytes it takes, 0: none, or malformed. */
size_t up_json_char(struct up_span raw, uint32_t *cp);
/* Order of two raw strings by what they mean: by code points, which is also the order of their UTF-8. */
int up_json_cmp(struct up_span a, struct up_span b);
/* Is RAW what TEXT (free of escapes) says? Member names are compared so, never by their bytes: a signature
 * covers what a name means, so an escape put in on the way must not hide a member. */
static inline bool up_json_is(struct up_span raw, const char *text)
{
    struct up_span plain = up_span_of(text);
    if (raw.n <= plain.n) return up_span_eq(raw, plain); /* an escape makes it longer */
    return up_json_cmp(raw, plain) == 0;
}
/* Decodes the escapes of a raw string into OUT; returns the bytes, or -1 when CAP is too small. */
long up_json_unescape(struct up_span raw, uint8_t *out, size_t cap);

/* Finds NAME in the object TEXT; false: not there, or TEXT is no object. */
bool up_json_find(struct up_span text, const char *name, struct up_span *value);
bool up_json_find_checked(struct up_span text, const char *name, struct up_span *value);

/* Writer: appends to the caller's buffer; too small: full is set and stays, nothing more is written. Members
 * in the order that canonical form wants are the author's business. */
struct up_writer {
    uint8_t *p;
    size_t cap, n;
    bool full;
};
void up_write(struct up_writer *w, const char *text);      /* as it is: punctuation, names */
void up_write_span(struct up_writer *w, struct up_span s); /* as it is */
void up_write_string(struct up_writer *w,
                     struct up_span s); /* quoted; " and \ escaped, control characters as \u00xx */
void up_write_int(struct up_writer *w, int64_t v);
void up_write_hex(struct up_writer *w, const uint8_t *p, size_t n); /* quoted, lower case */
static inline struct up_span up_written(const struct up_writer *w)
{
    return (struct up_span){w->p, w->n};
}

#endif
