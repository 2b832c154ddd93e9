#include "metadata/encode.h"

#include "metadata/limits.h"

static int hex_digit(uint8_t c, bool any_case)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (any_case && c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static long hex_decode(struct up_span text, uint8_t *out, size_t cap, bool any_case)
{
    if (text.n % 2 != 0 || text.n / 2 > cap) return -1;
    for (size_t i = 0; i < text.n; i += 2) {
        int high = hex_digit(text.p[i], any_case), low = hex_digit(text.p[i + 1], any_case);
        if (high < 0 || low < 0) return -1;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (long)(text.n / 2);
}

long up_hex_decode(struct up_span text, uint8_t *out, size_t cap)
{
    return hex_decode(text, out, cap, false);
}

long up_hex_decode_any(struct up_span text, uint8_t *out, size_t cap)
{
    return hex_decode(text, out, cap, true);
}

void up_hex_encode(const uint8_t *in, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
}

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
}

long up_base64_decode(struct up_span text, uint8_t *out, size_t cap)
{
    if (text.n % 4 != 0) return -1;
    size_t pad = 0;
    while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=') pad++;
    size_t digits = text.n - pad, bytes = text.n / 4 * 3 - pad;
    if (bytes > cap) return -1;

    uint32_t bits = 0;
    unsigned held = 0; /* bits not written yet */
    size_t n = 0;
    for (size_t i = 0; i < digits; i++) {
        int d = base64_digit(text.p[i]);
        if (d < 0) return -1;
        bits = bits << 6 | (uint32_t)d;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (uint8_t)(bits >> held);
        }
    }
    bool spare_bits_are_zero = (bits & ((1u << held) - 1)) == 0;
    return spare_bits_are_zero ? (long)n : -1;
}

size_t up_base64_encode(const uint8_t *in, size_t n, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t w = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i;
        uint32_t bits = (uint32_t)in[i] << 16;
        if (have > 1) bits |= (uint32_t)in[i + 1] << 8;
        if (have > 2) bits |= in[i + 2];
        out[w++] = digits[bits >> 18];
        out[w++] = digits[bits >> 12 & 63];
        out[w++] = have > 1 ? digits[bits >> 6 & 63] : '=';
        out[w++] = have > 2 ? digits[bits & 63] : '=';
    }
    return w;
}

uint64_t up_divide(uint64_t n, uint32_t by, uint32_t *rest)
{
    uint64_t quotient = 0;
    uint32_t left = 0;
    for (int shift = 48; shift >= 0; shift -= 16) { /* a digit of base 2^16 at a time */
        left = left << 16 | (uint32_t)(n >> shift & 0xFFFF);
        quotient = quotient << 16 | left / by;
        left %= by;
    }
    *rest = left;
    return quotient;
}

size_t up_decimal(uint64_t n, char out[UP_DECIMAL_MAX])
{
    char reversed[UP_DECIMAL_MAX];
    size_t digits = 0;
    do {
        uint32_t digit;
        n = up_divide(n, 10, &digit);
        reversed[digits++] = (char)('0' + digit);
    } while (n != 0);
    for (size_t i = 0; i < digits; i++) out[i] = reversed[digits - 1 - i];
    return digits;
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap(year));
}

/* Days from 1970-01-01 to the first of January of YEAR. */
static int days_before(int year)
{
    const int y = year - 1;
    return (year - 1970) * 365 + (y / 4 - y / 100 + y / 400) - 477; /* 477 leap days until 1969 */
}

#define DAY_S 86400

int64_t up_time_decode(struct up_span text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    if (text.n != UP_TIME_TEXT) return -1;
    int field[6] = {0}; /* year, month, day, hour, minute, second */
    unsigned f = 0;
    for (size_t i = 0; i < UP_TIME_TEXT; i++) {
        uint8_t c = text.p[i];
        if (form[i] == 'd') {
            if (c < '0' || c > '9') return -1;
            field[f] = field[f] * 10 + (c - '0');
        } else {
            if (c != (uint8_t)form[i]) return -1;
            f++;
        }
    }
    int year = field[0], month = field[1], day = field[2];
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days(year, month)) return -1;
    if (field[3] > 23 || field[4] > 59 || field[5] > 59) return -1;
    int days = days_before(year) + day - 1;
    for (int m = 1; m < month; m++) days += month_days(year, m);
    return (int64_t)days * DAY_S + field[3] * 3600 + field[4] * 60 + field[5];
}

/* The digits of VALUE, and what stands behind them. */
static char *digits(char *out, int value, int width, char behind)
{
    for (int i = width; i-- > 0; value /= 10) out[i] = (char)('0' + value % 10);
    out[width] = behind;
    return out + width + 1;
}

void up_time_encode(int64_t t_s, char out[UP_TIME_TEXT])
{
    const int64_t last_s = (int64_t)days_before(10000) * DAY_S - 1;
    if (t_s < 0) t_s = 0;
    if (t_s > last_s) t_s = last_s;
    uint32_t second, minute, hour;
    uint64_t left = up_divide((uint64_t)t_s, 60, &second);
    left = up_divide(left, 60, &minute);
    int day = (int)up_divide(left, 24, &hour);
    int year = 1970 + day / 366, month = 1; /* never too late */
    while (days_before(year + 1) <= day) year++;
    day -= days_before(year);
    while (day >= month_days(year, month)) day -= month_days(year, month++);

    out = digits(out, year, 4, '-');
    out = digits(out, month, 2, '-');
    out = digits(out, day + 1, 2, 'T');
    out = digits(out, (int)hour, 2, ':');
    out = digits(out, (int)minute, 2, ':');
    (void)digits(out, (int)second, 2, 'Z');
}

static bool letter_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool one_of(uint8_t c, const char *set)
{
    return c != 0 && memchr(set, c, strlen(set)) != NULL;
}

static bool is_id(struct up_span s, size_t max)
{
    if (s.n < 1 || s.n > max) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!letter_or_digit(s.p[i]) && !one_of(s.p[i], "._:-")) return false;
    return true;
}

bool up_is_id(struct up_span s)
{
    return is_id(s, UP_ID_MAX);
}

bool up_is_hardware_id(struct up_span s)
{
    return is_id(s, UP_HARDWARE_MAX);
}

static bool is_plain(uint8_t c)
{
    return letter_or_digit(c) || one_of(c, "._+@-");
}

static bool is_printable(uint8_t c)
{
    return c >= 0x20 && c < 0x7F && !one_of(c, "\"\\%");
}

static bool is_name(struct up_span s, bool (*may_contain)(uint8_t))
{
    if (s.n < 1 || s.n > UP_NAME_MAX) return false;
    size_t segment = 0; /* where it starts */
    for (size_t i = 0; i <= s.n; i++) {
        if (i == s.n || s.p[i] == '/') {
            struct up_span name = {s.p + segment, i - segment};
            if (name.n == 0 || up_span_is(name, ".") || up_span_is(name, "..")) return false;
            segment = i + 1;
        } else if (!may_contain(s.p[i])) {
            return false;
        }
    }
    return true;
}

bool up_is_name(struct up_span s)
{
    return is_name(s, is_plain);
}

bool up_is_printable_name(struct up_span s)
{
    return is_name(s, is_printable);
}
