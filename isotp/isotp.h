/* ISO-TP (ISO 15765-2:2016), one channel: messages up to 2^32-1 bytes in CAN frames, both ways at once.
 *
 * Sans-I/O: frames and time are arguments. The owner calls on_frame() for each frame from the link, and
 * next_frame() and sent() until there is no frame; due() says when to call again though no frame comes.
 * Nothing is allocated, nothing global. Time is a microsecond counter that wraps at 2^32; differences up to
 * 35 minutes are told apart. Not checked here: who sent a frame. CAN has no sender; trust is decided by what
 * a message says. */
#ifndef ISOTP_ISOTP_H
#define ISOTP_ISOTP_H

#include "isotp/frame.h"

#define ISOTP_NEVER UINT32_MAX

/* Results by the names of ISO 15765-2, 8.3.7, plus two for the caller's own mistakes. */
#define ISOTP_RESULTS(X)                                                                                     \
    X(N_OK, "ok")                                                                                            \
    X(N_TIMEOUT_A, "a frame was not taken by the link in time")                                              \
    X(N_TIMEOUT_BS, "no flow control in time")                                                               \
    X(N_TIMEOUT_CR, "no consecutive frame in time")                                                          \
    X(N_WRONG_SN, "consecutive frame out of order")                                                          \
    X(N_INVALID_FS, "flow control with a reserved status")                                                   \
    X(N_UNEXP_PDU, "a new message cut the old one off")                                                      \
    X(N_WFT_OVRN, "too many wait frames")                                                                    \
    X(N_BUFFER_OVFLW, "the receiver has no room for the message")                                            \
    X(N_ERROR, "link down")                                                                                  \
    X(BUSY, "a message is being sent")                                                                       \
    X(BAD_LENGTH, "length 0, or more than the format can say")

enum isotp_result {
#define X(id, text) ISOTP_##id,
    ISOTP_RESULTS(X)
#undef X
};
const char *isotp_result_name(enum isotp_result r); /* "N_TIMEOUT_BS" */
const char *isotp_result_text(enum isotp_result r);

/* ISO 15765-2, 10.3. Normal fixed addressing is ISOTP_NORMAL with identifiers from isotp_fixed_id(). */
enum isotp_addressing {
    ISOTP_NORMAL,
    ISOTP_EXTENDED, /* first data byte is the target address */
    ISOTP_MIXED     /* first data byte is the address extension */
};

struct isotp_config {
    enum isotp_addressing addressing;
    uint32_t tx_id, rx_id;          /* with ISOTP_ID_EXTENDED for 29 bits */
    uint32_t functional_id;         /* also received, single frames only, with the same rx_address; 0: none */
    uint8_t tx_address, rx_address; /* extended, mixed: our first data byte, and the one we answer to */
    uint8_t tx_dl; /* largest frame we send: 8; with fd also 12 16 20 24 32 48 64; else rounded up */
    bool fd, brs;
    bool pad; /* fill short frames up to 8 bytes with pad_byte (FD frames above 8 always are) */
    uint8_t pad_byte;
    uint8_t block_size; /* BS that we ask for: consecutive frames per flow control, 0: all */
    uint8_t st_min;     /* STmin that we ask for, as coded on the wire: 0..0x7F ms, 0xF1..0xF9 100..900 us */
    uint8_t wait_max;   /* N_WFTmax: wait frames accepted in a row, and sent */
    /* ISO 15765-2, 9.8. N_As, N_Ar: a frame of ours, of data or of flow control, that the link does not take;
     * N_Bs, N_Cr: one of theirs that does not come; 0: the standard's 1 s. N_Br: from one of our wait frames
     * to the next; 0: three quarters of N_Bs. N_Cs is how soon the owner calls when due() is over. */
    uint32_t n_as_us, n_ar_us, n_bs_us, n_br_us, n_cr_us;
    /* STmin counts from the end of a frame on the wire. A link that queues takes a frame before that: then
     * the time that our longest frame needs on the wire, so that the gap is never shorter. 0: sent() means
     * that the frame has left. */
    uint32_t frame_us;
};
/* Classic CAN, or FD with 64-byte frames; normal addressing, no padding, BS 0, STmin 0, 8 waits, standard
 * timers. */
struct isotp_config isotp_config_default(uint32_t tx_id, uint32_t rx_id, bool fd);
/* Normal fixed addressing (ISO 15765-2, 10.3.3): 18DA<target><source>, functional 18DB<target><source>. */
uint32_t isotp_fixed_id(uint8_t target, uint8_t source);
uint32_t isotp_fixed_functional_id(uint8_t target, uint8_t source);

/* A message to send, in two pieces so that a header goes before payload that stays where it is. Borrowed
 * until done. */
struct isotp_message {
    const uint8_t *head;
    const uint8_t *body;
    uint32_t head_bytes, body_bytes;
};

/* Takes messages that are longer than the receive buffer, a piece at a time, as they come. CTX is the
 * owner's. */
struct isotp_sink {
    void *ctx;
    uint32_t max_bytes;                                      /* a longer message is answered with overflow */
    bool (*begin)(void *ctx, uint32_t bytes);                /* false: not this one; overflow */
    bool (*add)(void *ctx, const uint8_t *data, uint32_t n); /* false: no more; ends with N_BUFFER_OVFLW */
    void (*end)(void *ctx, enum isotp_result why); /* N_OK: all has come; after every begin() that was true */
};

/* What came of it. DATA of a RECEIVED message is lent until release(). */
enum isotp_event_kind { ISOTP_NOTHING, ISOTP_RECEIVED, ISOTP_RECEIVE_FAILED, ISOTP_SENT, ISOTP_SEND_FAILED };
struct isotp_event {
    enum isotp_event_kind kind;
    enum isotp_result result;
    bool functional;
    const uint8_t *data;
    uint32_t bytes;
};

#define ISOTP_FRAME_PAYLOAD 62 /* the most that a first or single frame carries */

/* All fields are private to isotp.c, except that anyone may read the stat_ counters. */
struct isotp_rx {
    uint8_t *buffer;
    uint32_t capacity;
    uint32_t message_bytes; /* of the complete message in the buffer; 0: the buffer is free */
    uint32_t length, got;   /* of the message under way */
    uint32_t deadline;      /* N_Cr, or the next wait frame; runs while no flow control waits to be sent */
    const struct isotp_sink *sink;
    bool sinking; /* the message under way, or complete, went there */
    uint8_t state, flow, sn, frame_dl, block_left, waits, result;
    uint8_t held_bytes, functional_bytes;
    uint8_t held[ISOTP_FRAME_PAYLOAD]; /* what came while the buffer was taken: a single frame, or a first
                                          frame's data */
    uint8_t functional[ISOTP_FRAME_PAYLOAD];
};
struct isotp_cursor { /* how far sending got */
    uint32_t done;
    uint8_t state, sn, block_left;
};
struct isotp_tx {
    struct isotp_message message;
    struct isotp_cursor at;
    uint32_t length;
    uint32_t deadline;               /* N_Bs */
    uint32_t cf_at, next_at, gap_us; /* last consecutive frame, earliest next one */
    uint32_t asked_at; /* since when the message waits to begin, then to go on: for a flow control */
    uint8_t waits, result;
};
struct isotp {
    struct isotp_config config;
    struct isotp_rx rx;
    struct isotp_tx tx;
    uint8_t offset;         /* of the PCI in a frame: 1 with an address byte */
    uint8_t mail[4], mails; /* events not polled yet, each kind once */
    uint8_t lent;           /* the message that the owner holds */
    uint8_t offered;        /* frames given by next_frames() that the link has not taken, since offered_at */
    bool offered_flow;      /* the first of them is a flow control */
    uint32_t offered_at;
    uint32_t patience_us, flow_us; /* isotp_hurry(); longest time for a flow control, lately */
    uint32_t stat_rx_frames, stat_tx_frames, stat_ignored; /* ignored: received for us, and of no use */
};

/* RX is the receive buffer; a longer message is answered with overflow. CONFIG is copied. */
void isotp_init(struct isotp *l, const struct isotp_config *config, uint8_t *rx, uint32_t rx_capacity);

/* Messages longer than the receive buffer go to SINK, which stays the caller's. The event RECEIVED has DATA
 * NULL then. NULL, as after init: they are refused. Not while a message comes in. */
void isotp_set_sink(struct isotp *l, const struct isotp_sink *sink);

/* Starts a message. N_OK, BUSY or BAD_LENGTH; ISOTP_SENT or ISOTP_SEND_FAILED follows later.
 * BUSY: the message before is being sent, or its event has not been polled. */
enum isotp_result isotp_send(struct isotp *l, const struct isotp_message *m, uint32_t now_us);
/* Gives up the message being sent; no event follows. */
void isotp_cancel(struct isotp *l);

/* From now on no longer than so, and never longer than n_bs_us, is waited for a flow control; 0: n_bs_us. For
 * an owner who knows the receiver's pace (flow_us, 0: unknown), and to whom a message sent again costs less
 * than a second of waiting. */
void isotp_hurry(struct isotp *l, uint32_t us);
uint32_t isotp_flow_us(const struct isotp *l);

/* A frame from the link. Frames of other ids are ignored, so every channel may be shown every frame. */
void isotp_on_frame(struct isotp *l, const struct isotp_frame *f, uint32_t now_us);
/* True: F is the frame to put on the link now. Asking again gives the same frame until sent() says that the
 * link took it, or until it has become pointless (message cancelled or failed, flow control in its place). */
bool isotp_next_frame(struct isotp *l, struct isotp_frame *f, uint32_t now_us);
void isotp_sent(struct isotp *l, uint32_t now_us);
/* The same for batches: up to N frames (255) that may leave back to back; then, with no other call in
 * between, how many of them the link took, in order. sent_frames() returns how many of these were this
 * channel's. Asking for none withdraws the offer: N_As does not run for what nobody offers to the link. */
size_t isotp_next_frames(struct isotp *l, struct isotp_frame *f, size_t n, uint32_t now_us);
size_t isotp_sent_frames(struct isotp *l, size_t n, uint32_t now_us);
/* Whether next_frame() would give a frame. */
bool isotp_ready(const struct isotp *l, uint32_t now_us);
/* Whether its next frame brooks no delay by other channels: a flow control, a message that has waited to
 * begin for so long that whoever asks may soon give up, or one that was begun and then left alone. */
bool isotp_urgent(const struct isotp *l, uint32_t now_us);
/* The link is gone: what is under way in either direction fails with N_ERROR. */
void isotp_link_down(struct isotp *l);
/* Runs the timers. Call when due() has passed, after the frames that have arrived, and before asking for
 * events. */
void isotp_tick(struct isotp *l, uint32_t now_us);
/* Microseconds until tick() or next_frame() has something to do; 0: now; ISOTP_NEVER: only when a frame
 * comes. A frame that was offered and not taken does not count: offer it again when the link has room. */
uint32_t isotp_due(const struct isotp *l, uint32_t now_us);

/* The oldest event, if any. Failed receptions that nobody asked about in between are reported as one.
 * A RECEIVED message is lent until release(), one at a time. What comes meanwhile: one functional single
 * frame is kept beside it; a segmented message is held off with wait frames up to wait_max, then refused with
 * overflow and reported as N_WFT_OVRN; one single frame is kept and delivered next. Anything more is dropped
 * (single) or refused (segmented): a message that was received whole is never overwritten. */
bool isotp_poll(struct isotp *l, struct isotp_event *e);
/* Whether poll() would give one: due() knows of timers and frames only. */
bool isotp_has_event(const struct isotp *l);
void isotp_release(struct isotp *l);
/* Another message has come, or begun to come, while one is lent: its first byte, or -1. */
int isotp_waiting(const struct isotp *l);
/* Payload of a message that one frame of ours carries whole, and of a consecutive frame. */
uint32_t isotp_single_frame_bytes(const struct isotp *l);
uint32_t isotp_frame_bytes(const struct isotp *l);
/* A segmented message is coming in (its first frame has been accepted, its end not seen). */
bool isotp_receiving(const struct isotp *l);

#endif
