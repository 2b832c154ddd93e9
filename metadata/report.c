#include "metadata/report.h"

#include "metadata/encode.h"

#define BODY_MAX 1024

/* ---- writing ---- */

static void write_time(struct up_writer *w, int64_t t_s)
{
    char text[UP_TIME_TEXT];
    up_time_encode(t_s, text);
    up_write_string(w, (struct up_span){(const uint8_t *)text, sizeof text});
}

static void write_counter(struct up_writer *w, uint64_t n)
{
    char text[UP_DECIMAL_MAX];
    up_write_string(w, (struct up_span){(const uint8_t *)text, up_decimal(n, text)});
}

/* What was seen may quote an attacker: bounded, and nothing in it that a log or a terminal would obey. */
static void write_attacks(struct up_writer *w, struct up_span attacks)
{
    uint8_t text[UP_ATTACKS_MAX];
    size_t n = attacks.n < sizeof text ? attacks.n : sizeof text;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = attacks.p[i];
        text[i] = c >= 0x20 && c < 0x7F && c != '"' && c != '\\' ? c : '?';
    }
    up_write_string(w, (struct up_span){text, n});
}

size_t up_report_write(const struct up_report *r, const struct up_profile *p, const struct up_signer *signer,
                       uint8_t *out, size_t cap)
{
    struct up_writer w = {.p = out, .cap = cap < BODY_MAX ? cap : BODY_MAX};
    if (!up_is_id(r->ecu_serial) || !up_is_printable_name(r->image_name) || r->image_length > INT64_MAX)
        return 0;
    up_write(&w, "{\"attacks_detected\":");
    write_attacks(&w, r->attacks);
    up_write(&w, ",\"ecu_serial\":");
    up_write_string(&w, r->ecu_serial);
    up_write(&w, ",\"installed_image\":{\"fileinfo\":{\"hashes\":{\"sha256\":");
    up_write_hex(&w, r->image_sha256, sizeof r->image_sha256);
    up_write(&w, "},\"length\":");
    up_write_int(&w, (int64_t)r->image_length);
    up_write(&w, "},\"filepath\":");
    up_write_string(&w, r->image_name);
    up_write(&w, "},\"previous_timeserver_time\":");
    write_time(&w, r->previous_time_s);
    up_write(&w, ",\"report_counter\":");
    write_counter(&w, r->counter);
    up_write(&w, ",\"timeserver_time\":");
    write_time(&w, r->time_s);
    up_write(&w, "}");
    if (w.full) return 0;
    /* To the end of OUT, where it stays until what goes before it has been written: no second buffer. */
    struct up_span body = {out + (cap - w.n), w.n};
    memmove(out + (cap - w.n), out, w.n);
    return up_attest_write(body, p, signer, out, cap);
}

/* ---- reading ---- */

enum {
    ATTACKS = 1,
    SERIAL = 2,
    PREVIOUS = 4,
    COUNTER = 8,
    TIME = 16,
    HASH = 32,
    LENGTH = 64,
    NAME = 128,
    ALL = 255,
};

static int64_t read_time(struct up_json *j)
{
    int64_t t_s = up_time_decode(up_json_string(j));
    if (t_s < 0) up_json_fail(j, UP_SCHEMA);
    return t_s;
}

static uint64_t read_counter(struct up_json *j)
{
    struct up_span text = up_json_string(j);
    uint64_t n = 0;
    bool good = text.n >= 1 && text.n <= UP_DECIMAL_MAX && (text.n == 1 || text.p[0] != '0');
    for (size_t i = 0; i < text.n && good; i++) {
        uint8_t digit = (uint8_t)(text.p[i] - '0');
        good = digit <= 9 && n <= (UINT64_MAX - digit) / 10;
        n = n * 10 + digit;
    }
    if (!good) up_json_fail(j, UP_SCHEMA);
    return n;
}

/* Reads what is listed and skips the rest: a report is a tree of few, known members. */
struct reader {
    struct up_json *json;
    const struct up_profile *profile;
    struct up_report *report;
    unsigned seen;
};

static void read_hashes(struct reader *r)
{
    const bool any_case = up_is_deployed(r->profile->dialect);
    uint8_t *digest = r->report->image_sha256;
    struct up_span key;
    for (up_json_object(r->json); up_json_member(r->json, &key);) {
        if (!up_json_is(key, "sha256")) {
            (void)up_json_value(r->json);
            continue;
        }
        struct up_span hex = up_json_string(r->json);
        long n = any_case ? up_hex_decode_any(hex, digest, UP_SHA256_BYTES)
                          : up_hex_decode(hex, digest, UP_SHA256_BYTES);
        if (n != UP_SHA256_BYTES) up_json_fail(r->json, UP_SCHEMA);
        r->seen |= HASH;
    }
}

static void read_fileinfo(struct reader *r)
{
    struct up_span key;
    for (up_json_object(r->json); up_json_member(r->json, &key);) {
        if (up_json_is(key, "hashes")) {
            read_hashes(r);
        } else if (up_json_is(key, "length")) {
            r->report->image_length = (uint64_t)up_json_int(r->json, 0, INT64_MAX);
            r->seen |= LENGTH;
        } else {
            (void)up_json_value(r->json);
        }
    }
}

static void read_image(struct reader *r)
{
    struct up_span key;
    for (up_json_object(r->json); up_json_member(r->json, &key);) {
        if (up_json_is(key, "fileinfo")) {
            read_fileinfo(r);
        } else if (up_json_is(key, "filepath")) {
            r->report->image_name = up_json_string(r->json);
            r->seen |= NAME;
        } else {
            (void)up_json_value(r->json);
        }
    }
}

static void read_signed(struct reader *r)
{
    struct up_report *out = r->report;
    struct up_span key;
    for (up_json_object(r->json); up_json_member(r->json, &key);) {
        unsigned member = 0;
        if (up_json_is(key, "attacks_detected")) {
            member = ATTACKS;
            out->attacks = up_json_string(r->json);
        } else if (up_json_is(key, "ecu_serial")) {
            member = SERIAL;
            out->ecu_serial = up_json_string(r->json);
        } else if (up_json_is(key, "installed_image")) {
            read_image(r);
        } else if (up_json_is(key, "previous_timeserver_time")) {
            member = PREVIOUS;
            out->previous_time_s = read_time(r->json);
        } else if (up_json_is(key, "report_counter")) {
            member = COUNTER;
            out->counter = read_counter(r->json);
        } else if (up_json_is(key, "timeserver_time")) {
            member = TIME;
            out->time_s = read_time(r->json);
        } else {
            (void)up_json_value(r->json);
        }
        r->seen |= member;
    }
}

enum up_err up_report_read(struct up_span file, const struct up_profile *p, struct up_report *out)
{
    struct up_json j;
    struct up_report report = {0};
    struct reader r = {.json = &j, .profile = p, .report = &report};
    struct up_span key;
    up_json_open(&j, file);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_json_is(key, "signed"))
            read_signed(&r);
        else
            (void)up_json_value(&j);
    }
    up_json_close(&j);
    bool whole = j.err == UP_OK && r.seen == ALL;
    if (!whole || !up_is_id(report.ecu_serial) || !up_is_printable_name(report.image_name))
        return UP_MAN_SCHEMA;
    *out = report;
    return UP_OK;
}
