#include "sim/bench.h"

#include "sim/realtime.h"
#include "sim/tamper.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- words --- */

bool sim_bench_number(const char *text, int base, uint64_t max, uint64_t *out)
{
    char *end;
    if (!isxdigit((unsigned char)*text)) return false;
    errno = 0;
    *out = strtoull(text, &end, base);
    return end != text && *end == '\0' && errno == 0 && *out <= max;
}

bool sim_bench_id(const char *text, uint32_t *id)
{
    uint64_t value;
    bool extended = strlen(text) == 8;
    if (strlen(text) > 8 || !sim_bench_number(text, 16, extended ? ISOTP_ID_MASK : 0x7FF, &value))
        return false;
    *id = (uint32_t)value | (extended ? ISOTP_ID_EXTENDED : 0);
    return true;
}

bool sim_bench_bytes(const char *text, uint8_t *out, size_t cap, size_t *n)
{
    for (;;) {
        text += strspn(text, " \t\r\n");
        if (*text == '\0') return true;
        char pair[3] = {text[0], text[1], '\0'};
        if (!isxdigit((unsigned char)pair[0]) || *n == cap) return false;
        bool two = isxdigit((unsigned char)pair[1]);
        if (!two) pair[1] = '\0';
        out[(*n)++] = (uint8_t)strtoul(pair, NULL, 16);
        text += two ? 2 : 1;
        if (!two && *text != '\0' && strchr(" \t\r\n", *text) == NULL) return false;
    }
}

void sim_bench_print(FILE *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(out, i > 0 ? " %02X" : "%02X", (unsigned)bytes[i]);
}

/* --- options --- */

struct sim_bench_options sim_bench_defaults(const char *program)
{
    return (struct sim_bench_options){.program = program,
                                      .channel = isotp_config_default(0x7E0, 0x7E8, false),
                                      .functional_id = 0x7DF,
                                      .timeout_ms = 0};
}

/* "F1" or "F1:10": B is A when it is left out. */
static bool take_pair(const char *text, uint8_t *a, uint8_t *b)
{
    char copy[8];
    uint64_t first, second;
    if (strlen(text) >= sizeof copy) return false;
    memcpy(copy, text, strlen(text) + 1);
    char *colon = strchr(copy, ':');
    if (colon != NULL) *colon = '\0';
    if (!sim_bench_number(copy, 16, 255, &first)) return false;
    second = first;
    if (colon != NULL && !sim_bench_number(colon + 1, 16, 255, &second)) return false;
    *a = (uint8_t)first;
    *b = (uint8_t)second;
    return true;
}

static bool take_address(struct isotp_config *c, enum isotp_addressing kind, const char *value)
{
    c->addressing = kind;
    return take_pair(value, &c->tx_address, &c->rx_address);
}

static bool take_fixed(struct sim_bench_options *o, const char *value)
{
    uint8_t target, source;
    if (!take_pair(value, &target, &source)) return false;
    if (strchr(value, ':') == NULL) source = 0xF1;
    o->channel.tx_id = isotp_fixed_id(target, source);
    o->channel.rx_id = isotp_fixed_id(source, target);
    o->functional_id = isotp_fixed_functional_id(0x33, source);
    return true;
}

static bool take_byte(const char *value, uint8_t *out)
{
    uint64_t n;
    if (!sim_bench_number(value, 16, 255, &n)) return false;
    *out = (uint8_t)n;
    return true;
}

/* "72:64:1" */
static bool take_link_layer(struct isotp_config *c, const char *value)
{
    unsigned mtu, dl, flags;
    char beyond;
    if (sscanf(value, "%u:%u:%u%c", &mtu, &dl, &flags, &beyond) != 3) return false;
    if ((mtu != 16 && mtu != 72) || dl < 8 || dl > (mtu == 72 ? 64u : 8u) || flags > 1) return false;
    if (isotp_frame_len((uint8_t)dl) != dl) return false;
    c->fd = mtu == 72;
    c->tx_dl = (uint8_t)dl;
    c->brs = flags == 1;
    return true;
}

static bool take_time(struct isotp_config *c, const char *value)
{
    uint64_t ns;
    if (!sim_bench_number(value, 10, 1000000000, &ns)) return false;
    c->frame_us = (uint32_t)((ns + 999) / 1000);
    return true;
}

/* Who is given more than the second of ISO 15765-2 is given it for flow control and consecutive frames, too.
 */
static void take_timeout(struct sim_bench_options *o, uint32_t ms)
{
    o->timeout_ms = ms;
    if (ms > 1000) o->channel.n_as_us = o->channel.n_bs_us = o->channel.n_cr_us = ms * 1000;
}

bool sim_bench_take(struct sim_bench_options *o, int option, const char *value)
{
    struct isotp_config *c = &o->channel;
    const char *wanted = "give a byte such as F1";
    char name[] = {'-', (char)(option < 128 ? option : '-'), '\0'};
    uint64_t n = 0;
    bool good;

    switch (option) {
    case 's':
    case 'd':
        good = sim_bench_id(value, option == 's' ? &c->tx_id : &c->rx_id);
        wanted = "give an identifier such as 7E0 or 18DA10F1";
        break;
    case SIM_BENCH_FUNCTIONAL:
        good = sim_bench_id(value, &o->functional_id);
        wanted = "give an identifier such as 7DF";
        break;
    case SIM_BENCH_FIXED:
        good = take_fixed(o, value);
        wanted = "give an address such as 10, or two such as 10:F1";
        break;
    case 'x':
    case 'X':
        good = take_address(c, option == 'x' ? ISOTP_EXTENDED : ISOTP_MIXED, value);
        wanted = "give a byte such as F1, or two such as 10:F1";
        break;
    case 'p':
        c->pad = good = take_byte(value, &c->pad_byte);
        break;
    case 't':
        good = take_time(c, value);
        wanted = "give nanoseconds";
        break;
    case 'b':
        good = take_byte(value, &c->block_size);
        break;
    case 'm':
        good =
            take_byte(value, &c->st_min) && (c->st_min <= 0x7F || (c->st_min >= 0xF1 && c->st_min <= 0xF9));
        wanted = "give 0 to 7F (milliseconds) or F1 to F9 (100 to 900 microseconds)";
        break;
    case 'w':
        good = take_byte(value, &c->wait_max);
        break;
    case 'L':
        good = take_link_layer(c, value);
        wanted = "give 16:8:0 for classic CAN, or such as 72:64:1 for CAN FD";
        break;
    case SIM_BENCH_FD:
        good = take_link_layer(c, "72:64:1");
        break;
    case SIM_BENCH_TIMEOUT:
        good = sim_bench_number(value, 10, 3600000, &n) && n > 0;
        if (good) take_timeout(o, (uint32_t)n);
        wanted = "give milliseconds, up to an hour";
        break;
    case SIM_BENCH_JSON:
        o->json = good = true;
        break;
    default:
        fprintf(stderr, "see %s --help\n", o->program);
        return false;
    }
    if (!good) fprintf(stderr, "%s: %s %s: %s\n", o->program, option < 128 ? name : "option", value, wanted);
    return good;
}

/* --- the channel --- */

uint32_t sim_bench_now_us(void)
{
    return (uint32_t)(sim_monotonic_ns() / 1000);
}

bool sim_bench_open(struct sim_bench *b, const struct sim_bench_options *o)
{
    char why[256];
    struct isotp_config functional = o->channel;

    memset(b, 0, sizeof *b);
    b->room = malloc(SIM_BENCH_ROOM);
    b->link = b->room != NULL ? isotp_link_open(o->link, o->channel.fd, why, sizeof why) : NULL;
    if (b->link == NULL) {
        fprintf(stderr, "%s: %s\n", o->program, b->room != NULL ? why : "out of memory");
        free(b->room);
        return false;
    }
    functional.tx_id = functional.rx_id = o->functional_id; /* we hear nothing of our own */
    isotp_init(&b->physical, &o->channel, b->room, SIM_BENCH_ROOM);
    isotp_init(&b->functional, &functional, b->small, sizeof b->small);
    b->channels[0] = &b->physical;
    b->channels[1] = &b->functional;
    isotp_node_init(&b->node, b->link, b->channels, 2);
    b->node.clock_us = sim_bench_now_us;
    return true;
}

void sim_bench_close(struct sim_bench *b)
{
    b->link->ops->close(b->link);
    free(b->room);
}

static void forget_functional(struct sim_bench *b)
{
    struct isotp_event e;
    while (isotp_poll(&b->functional, &e)) {
        if (e.kind == ISOTP_RECEIVED) isotp_release(&b->functional);
        if (e.kind == ISOTP_SENT || e.kind == ISOTP_SEND_FAILED) b->calling = false;
    }
}

bool sim_bench_call(struct sim_bench *b, const uint8_t *bytes, size_t n)
{
    struct isotp_message m = {.body = bytes, .body_bytes = (uint32_t)n};
    if (b->calling || n > isotp_single_frame_bytes(&b->functional)) return false;
    b->calling = isotp_send(&b->functional, &m, sim_bench_now_us()) == ISOTP_N_OK;
    return b->calling;
}

bool sim_bench_turn(struct sim_bench *b, uint32_t most_us)
{
    uint32_t now = sim_bench_now_us();
    bool calling = b->calling;
    if (!isotp_node_pump(&b->node, now)) return false;
    forget_functional(b);
    if (isotp_has_event(&b->physical) || (calling && !b->calling)) return true;

    uint32_t due = isotp_node_due(&b->node, now);
    uint32_t wait = due < most_us ? due : most_us;
    struct pollfd p = sim_wait_for(b->link->fd, true, b->node.blocked);
    struct timespec timeout = {.tv_sec = wait / 1000000, .tv_nsec = (long)(wait % 1000000) * 1000};
    (void)ppoll(&p, 1, wait == ISOTP_NEVER ? NULL : &timeout, NULL);
    bool up = isotp_node_pump(&b->node, sim_bench_now_us());
    forget_functional(b);
    return up || isotp_has_event(&b->physical);
}
