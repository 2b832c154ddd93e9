/* What befalls the frames of a bus: faults by chance, faults and attacks by rule. Deterministic: the same
 * seed and the same frames give the same run.
 *
 * The bus (sim/bus.h) asks judge() about every frame that one of its ports puts on the wire, and sends what
 * next() offers, whose frames are the attacker's own and are not judged. Times are nanoseconds since the bus
 * began. */
#ifndef SIM_TAMPER_H
#define SIM_TAMPER_H

#include "isotp/frame.h"

#include <stdio.h>

#define SIM_NEVER      UINT64_MAX
#define SIM_RULES_MAX  32
#define SIM_HELD_MAX   64 /* frames kept back; what finds no room passes */
#define SIM_ALWAYS_PPM 1000000u

enum sim_deed {
    SIM_DROP,      /* nobody receives it; the sender believes it sent */
    SIM_CORRUPT,   /* one to three payload bits flip and the CRC is right */
    SIM_DUPLICATE, /* sent twice in a row, as after an error in the last bit of a frame */
    SIM_DELAY,     /* by chance: the bus is disturbed first, order is kept; by rule: kept back, others pass */
    SIM_REORDER,   /* kept back until another frame has passed */
    SIM_ERROR,     /* a bit is disturbed: error frame, error counters, sent again */
    SIM_ALTER,     /* payload bytes are replaced, the CRC is right */
    SIM_SPOOF,     /* another frame is sent in its name after it */
    SIM_SEND,      /* a frame of the attacker's own */
    SIM_FLOOD,     /* many of them, as fast as the bus is */
    SIM_DEEDS
};
const char *sim_deed_name(enum sim_deed d); /* "drop" */

/* Chances in parts per million of the frames. One chance does not move the faults of another. */
struct sim_bus_faults {
    uint32_t drop_ppm, corrupt_ppm, duplicate_ppm, delay_ppm, reorder_ppm, error_ppm;
    uint32_t spoof_ppm; /* payload at random */
    uint32_t flood_ppm; /* a burst begins: flood_frames full frames of identifier 0 */
    uint64_t delay_ns;
    uint32_t flood_frames;
    uint64_t seed;
};

struct sim_rule {
    enum sim_deed deed;
    /* Which frames. SEND and FLOOD depend on none. */
    bool any_id;
    uint32_t id_first, id_last; /* with ISOTP_ID_EXTENDED */
    int from;                   /* port; -1: any */
    uint8_t pattern_bytes, pattern[64], mask[64];
    uint64_t begin_ns, end_ns;
    uint32_t skip, count; /* of those that fit: the first ones pass; how many are hit, 0: no limit */
    uint32_t chance_ppm;
    /* What happens. */
    uint64_t ns;              /* DELAY, REORDER: for so long at most; SEND: every, 0: once */
    uint8_t at, bytes;        /* ALTER: from this byte on ... */
    uint8_t value[64];        /* ... these */
    struct isotp_frame frame; /* SPOOF, SEND, FLOOD */
    bool random_frame;        /* SPOOF: its own identifier, payload at random */
};

/* "drop id=7E8 chance=10", as docs/howto-attack.md has it. False: one sentence in WHY. */
bool sim_rule_parse(const char *line, struct sim_rule *out, char *why, size_t why_size);
/* A rule per line; empty lines and comments, from a word that begins with # on, are skipped. Appends to
 * RULES, which has room for SIM_RULES_MAX. False: WHY names the line. */
bool sim_rules_read(FILE *file, const char *name, struct sim_rule *rules, size_t *count, char *why,
                    size_t why_size);
/* "123#1122", "18DA01F1##1AABB", "7FF#R3", as cansend takes it. False: not a frame. */
bool sim_frame_parse(const char *text, struct isotp_frame *out);

struct sim_tamper { /* private but for done */
    uint64_t done[SIM_DEEDS];
    struct sim_armed {
        struct sim_rule rule;
        uint32_t fits, hits;
        uint64_t due_ns; /* SEND, FLOOD */
    } armed[SIM_RULES_MAX];
    size_t rules;
    struct sim_held {
        struct isotp_frame frame;
        int from;
        uint64_t at_ns;
        uint32_t behind; /* frames that still have to pass */
    } held[SIM_HELD_MAX];
    size_t helds;
    uint64_t flood_left, flood_due_ns;
    uint64_t frames;
};

struct sim_fate {
    bool drop, again, error;
    uint64_t stall_ns;
    uint32_t where; /* of the error: share of the frame, in 1/2^32 */
};

/* Copies COUNT rules, at most SIM_RULES_MAX. */
void sim_tamper_init(struct sim_tamper *t, const struct sim_rule *rules, size_t count);
/* What becomes of *F, which PORT begins to send at NOW; *F is changed for CORRUPT and ALTER. */
struct sim_fate sim_tamper_judge(struct sim_tamper *t, const struct sim_bus_faults *chance,
                                 struct isotp_frame *f, int port, uint64_t now_ns);
/* The frame that is to be sent now, if any; *FROM: the port that does not receive it, -1: all do. The same
 * until sent(). */
const struct isotp_frame *sim_tamper_next(const struct sim_tamper *t, uint64_t now_ns, int *from);
/* It is on the bus, until END. */
void sim_tamper_sent(struct sim_tamper *t, uint64_t now_ns, uint64_t end_ns);
/* When next() has something, or SIM_NEVER. */
uint64_t sim_tamper_due(const struct sim_tamper *t);

#endif
