/* One ISO-TP channel on any link, for the command-line tools of a test bench: options as can-utils spell
 * them, and the one loop that waits. */
#ifndef SIM_BENCH_H
#define SIM_BENCH_H

#include "isotp/node.h"

#include <getopt.h>
#include <stdio.h>

struct sim_bench_options {
    const char *program; /* for messages: "isoctane-sim isotp send" */
    const char *link;
    struct isotp_config channel;
    uint32_t functional_id;
    uint32_t timeout_ms; /* 0: wait for ever */
    bool json;
};

/* For getopt_long: what every tool takes. The values are above any character. */
#define SIM_BENCH_SHORT "s:d:x:X:p:t:b:m:w:L:h"
#define SIM_BENCH_LONG                                                                                       \
    {"fixed", required_argument, NULL, SIM_BENCH_FIXED},                                                     \
        {"functional", required_argument, NULL, SIM_BENCH_FUNCTIONAL},                                       \
        {"fd", no_argument, NULL, SIM_BENCH_FD}, {"timeout", required_argument, NULL, SIM_BENCH_TIMEOUT},    \
        {"json", no_argument, NULL, SIM_BENCH_JSON},                                                         \
    {                                                                                                        \
        "help", no_argument, NULL, 'h'                                                                       \
    }
enum {
    SIM_BENCH_FIXED = 256,
    SIM_BENCH_FUNCTIONAL,
    SIM_BENCH_FD,
    SIM_BENCH_TIMEOUT,
    SIM_BENCH_JSON,
    SIM_BENCH_OWN
};
#define SIM_BENCH_HELP                                                                                       \
    "LINK is can0, bus:SOCKET, slcan:TTY or socketcand:HOST:PORT/BUS. Numbers are hexadecimal, as in "       \
    "can-utils.\n"                                                                                           \
    "\n"                                                                                                     \
    "  -s ID                  we send with this identifier (default 7E0); eight digits: 29 bits\n"           \
    "  -d ID                  and receive with this one (default 7E8)\n"                                     \
    "  --fixed TARGET[:SOURCE]  normal fixed addressing: 18DA<TARGET><SOURCE> and back (SOURCE default "     \
    "F1)\n"                                                                                                  \
    "  -x ADDRESS[:RECEIVED]  extended addressing\n"                                                         \
    "  -X EXTENSION[:RECEIVED]  mixed addressing\n"                                                          \
    "  -p BYTE                pad frames with this byte\n"                                                   \
    "  -t NS                  decimal: time that a frame of ours needs on the wire; STmin counts after it\n" \
    "  -b BS                  block size that we ask for; 0: all\n"                                          \
    "  -m STMIN               gap between frames that we ask for, as coded on the wire\n"                    \
    "  -w N                   wait frames that we accept in a row\n"                                         \
    "  -L MTU:TX_DL:FLAGS     decimal; 72:64:1: CAN FD, frames of up to 64 bytes, bit rate switch\n"         \
    "  --fd                   the same as -L 72:64:1\n"                                                      \
    "  --functional ID        of functional requests (default 7DF, or 18DB33F1 with --fixed)\n"              \
    "  --timeout MS           decimal: how long to wait; above 1000 also within a message\n"                 \
    "  --json                 output as JSON\n"                                                              \
    "  --help\n"

struct sim_bench_options sim_bench_defaults(const char *program);
/* An option of the above, by what getopt_long returned. False: wrong; it has been said why. */
bool sim_bench_take(struct sim_bench_options *o, int option, const char *value);

/* Words that many tools read. */
bool sim_bench_number(const char *text, int base, uint64_t max, uint64_t *out);
bool sim_bench_id(const char *text, uint32_t *id); /* three digits or fewer: 11 bits; eight: 29 */
/* Hexadecimal bytes, blanks between them or not, appended to OUT. False: not such bytes, or more than CAP. */
bool sim_bench_bytes(const char *text, uint8_t *out, size_t cap, size_t *n);
void sim_bench_print(FILE *out, const uint8_t *bytes, size_t n); /* "12 34 56" */

struct sim_bench {
    struct isotp_link *link;
    struct isotp physical, functional; /* functional only sends */
    struct isotp *channels[2];
    struct isotp_node node;
    bool calling; /* a functional request has not left */
    uint8_t *room, small[8];
};
#define SIM_BENCH_ROOM (16u << 20) /* longest message received */

uint32_t sim_bench_now_us(void);
/* Opens the link and both channels. False: it has been said why. *B must not move. */
bool sim_bench_open(struct sim_bench *b, const struct sim_bench_options *o);
void sim_bench_close(struct sim_bench *b);
/* A functional request, to everybody; whoever answers is not heard. BYTES stay in use until !calling. False:
 * one is on its way, or the message is too long for one frame. */
bool sim_bench_call(struct sim_bench *b, const uint8_t *bytes, size_t n);
/* Moves frames on, waits at most MOST_US for something to happen, moves frames on. False: the link is down.
 */
bool sim_bench_turn(struct sim_bench *b, uint32_t most_us);

#endif
