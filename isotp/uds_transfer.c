/* A transfer over a bus that may lose frames.
 *
 * A block is as long as the server allows until blocks get lost. Then it shrinks, and grows again with every
 * block that passes, so that on average as much gets through as can: with a loss of P per frame the best
 * block has about sqrt(5 / P) frames, whatever a timeout costs, and that is where a quarter less after a loss
 * and five quarters of a frame more after a success meet.
 *
 * A block whose last frame has left, but whose answer has not come, may be with the server or not, and a
 * shorter one under its number would be taken for its repetition. So it is repeated as it was; when that
 * fails, too, a probe tells: the next number with a few bytes, which the server takes if it has the block,
 * and refuses with 73 if it has not (ISO 14229-1, 15.5). Behind the last block the probe is the exit.
 *
 * Where the server knows how (UDS_FORMAT_CHECKED), it refuses a block that was altered on the way with 31,
 * and has taken nothing of it. The check goes on from block to block and begins with the request that opened
 * the transfer: when no first block passes, it is that request which was altered, and it is sent again. */
#include "isotp/uds_client_private.h"

#include <string.h>

#define STREAK     32u    /* blocks in a row: then growth is by a quarter */
#define LOSSY      2u     /* blocks lost: from then on the server's pace, not P2, says how long to wait */
#define RESPITE_US 60000u /* within P2 there is an answer, or a 78 */
#define FLOW_US    25000u /* a flow control is on its way by then, or the ECU does not look at its bus */
#define TRUST_US                                                                                             \
    200000u            /* so much longer than ever is waited for a flow control before anything got lost     \
                        */
#define FORGET     16u /* of the longest answer time, per answer */
#define SECOND_US  1000000u
#define BLOCK_HEAD 2u /* 36, counter */
#define DOUBTS     3u /* first blocks refused, or openings that were not understood as they were meant */
#define AT_LEAST   7u /* bytes in a block, where what stands before them would leave less */

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

bool uds_transfer_runs(const struct uds_client *c)
{
    return c->transfer.step > UDS_OPEN;
}

/* ---- What is sent ---- */

static uint32_t block_head(const struct uds_transfer *t)
{
    return t->checked ? BLOCK_HEAD + UDS_CHECK_BYTES : BLOCK_HEAD;
}

/* A block that fits one frame, or two where one has no room. */
static uint32_t least_block(const struct uds_client *c)
{
    const uint32_t fits = isotp_single_frame_bytes(c->channel), head = block_head(&c->transfer);
    if (c->transfer.checked && fits < head + AT_LEAST) return AT_LEAST;
    return fits > head ? fits - head : 1;
}

static void send_exit(struct uds_client *c, enum uds_step step, bool fresh, uint32_t now)
{
    c->transfer.step = (uint8_t)step;
    c->block_head[0] = UDS_TRANSFER_EXIT;
    if (fresh)
        uds_client_begin(c, c->block_head, 1, NULL, 0, now);
    else
        uds_client_again(c, c->block_head, 1, NULL, 0, now);
}

/* The N bytes of the image from AT on, as the block with this number; its check goes on from BEFORE. */
static uint32_t send_data(struct uds_client *c, uint8_t counter, uint32_t before, uint64_t at, uint32_t n,
                          bool fresh, uint32_t now)
{
    const struct uds_transfer *t = &c->transfer;
    const uint32_t check = t->checked ? uds_check_block(before, counter, t->data + at, n) : 0;
    c->block_head[0] = UDS_TRANSFER_DATA;
    c->block_head[1] = counter;
    uds_put(c->block_head + BLOCK_HEAD, check, UDS_CHECK_BYTES);
    if (fresh)
        uds_client_begin(c, c->block_head, block_head(t), t->data + at, n, now);
    else
        uds_client_again(c, c->block_head, block_head(t), t->data + at, n, now);
    return check;
}

static void send_block(struct uds_client *c, bool fresh, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    t->step = UDS_BLOCK;
    t->block_check = send_data(c, t->counter, t->check, t->done, t->block, fresh, now);
}

static uint32_t rest_or(const struct uds_transfer *t, uint64_t from, uint32_t n)
{
    return t->bytes - from < n ? (uint32_t)(t->bytes - from) : n;
}

static void next_block(struct uds_client *c, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    t->maybe = false;
    t->lost_in_a_row = t->strays = t->doubts = 0;
    t->doubted = 0;
    if (t->done == t->bytes) {
        send_exit(c, UDS_EXIT, true, now);
        return;
    }
    t->counter++;
    t->block = rest_or(t, t->done, t->block_now);
    send_block(c, true, now);
}

static void shorter_block(struct uds_client *c, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    t->maybe = false;
    t->block = rest_or(t, t->done, t->block_now);
    send_block(c, false, now);
}

static void send_probe(struct uds_client *c, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    const uint64_t next = t->done + t->block;
    if (next == t->bytes) {
        send_exit(c, UDS_PROBE_EXIT, false, now);
        return;
    }
    if (t->step != UDS_PROBE) t->probe = rest_or(t, next, smaller(t->block_max, least_block(c)));
    t->step = UDS_PROBE;
    t->probe_check = send_data(c, (uint8_t)(t->counter + 1), t->block_check, next, t->probe, false, now);
}

/* ---- The opening request ---- */

/* Where the dataFormatIdentifier stands, in a request that is as long as it should be. */
static size_t format_at(const struct uds_client *c)
{
    return c->head[0] == UDS_REQUEST_FILE_TRANSFER ? 4 + (size_t)uds_get(c->head + 2, 2) : 1;
}

static void send_opening(struct uds_client *c, bool fresh, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    t->step = UDS_OPEN;
    t->counter = 0;
    t->check = uds_check(0, c->head, t->open_bytes);
    if (fresh)
        uds_client_begin(c, c->head, t->open_bytes, NULL, 0, now);
    else
        uds_client_again(c, c->head, t->open_bytes, NULL, 0, now);
}

void uds_transfer_begin(struct uds_client *c, const uint8_t *data, uint64_t offset, uint64_t bytes,
                        size_t head_bytes, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    t->data = data;
    t->bytes = bytes;
    t->begun = t->done = offset;
    t->open_bytes = (uint16_t)head_bytes;
    t->doubts = 0;
    t->exit_unheard = false;
    t->checked = c->config.check_blocks && t->server != UDS_NO_CHECKS && format_at(c) < head_bytes;
    if (t->checked) c->head[format_at(c)] |= UDS_FORMAT_CHECKED;
    send_opening(c, true, now);
}

/* The server has refused the format, or did not answer as one does who knows it: a bit of the request may
 * have been altered, so it is asked again. One that has never known it is believed then. */
static bool asks_again(struct uds_client *c, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    if (!t->checked || t->doubts == DOUBTS) return false;
    if (++t->doubts > 1 && t->server == UDS_CHECKS_UNKNOWN) {
        t->checked = false;
        c->head[format_at(c)] &= (uint8_t)~UDS_FORMAT_CHECKED;
    }
    send_opening(c, false, now);
    return true;
}

/* ---- How long a block is, and how long its answer takes ---- */

bool uds_transfer_can_shrink(const struct uds_client *c)
{
    return c->transfer.step == UDS_BLOCK && c->transfer.block > least_block(c);
}

/* Not when the server was silent all the while: then it is not for the length of the block. */
static void shrink(struct uds_client *c)
{
    struct uds_transfer *t = &c->transfer;
    const uint32_t least = smaller(t->block_max, least_block(c)), was = smaller(t->block, t->block_now);
    const bool first = t->lost_in_a_row == 0;
    if (t->lost_in_a_row < UINT8_MAX) t->lost_in_a_row++;
    t->lost++;
    t->learned = true;
    t->streak = 0;
    if (uds_client_heard(c)) t->block_now = larger(was - (first ? was / 4 : was / 2), least);
}

static void grow(struct uds_client *c)
{
    struct uds_transfer *t = &c->transfer;
    const uint32_t frame = isotp_frame_bytes(c->channel);
    const uint32_t more = ++t->streak < STREAK ? frame + frame / 4 : larger(t->block_now / 4, frame);
    t->block_now = more < t->block_max - t->block_now ? t->block_now + more : t->block_max;
    if (t->streak >= STREAK) t->streak = 0;
}

static void note_answer_time(struct uds_client *c, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    if (t->lost_in_a_row > 0 || c->pendings > 0)
        return; /* whose answer it is, or what it is about, is unknown */
    t->answer_us = larger(now - c->sent_at, t->answer_us - t->answer_us / FORGET);
}

/* After the first loss the pace that the server has shown, not P2 and N_Bs, says how long to wait: they would
 * be most of what a lossy bus costs, and a block that is repeated too early costs that block, nothing else.
 * Twice as long each time that it was in vain, for the server may have become slow. */
static uint32_t patience(const struct uds_client *c, uint32_t longest, uint32_t respite, uint32_t otherwise)
{
    const unsigned row = c->transfer.lost_in_a_row, doublings = row < 3 ? 0 : row < 8 ? row - 2 : 6;
    return smaller(otherwise, (2 * longest + respite) << doublings);
}

static bool is_known(const struct uds_client *c, uint32_t longest, uint32_t otherwise)
{
    return uds_transfer_runs(c) && longest > 0 && longest < otherwise / 2;
}

uint32_t uds_transfer_patience(const struct uds_client *c)
{
    const uint32_t longest = c->transfer.answer_us, p2 = c->config.p2_us;
    return c->transfer.learned && is_known(c, longest, p2) ? patience(c, longest, RESPITE_US, p2) : p2;
}

/* Unlike an answer, a flow control in the middle of a block has nothing to wait for with those who know
 * checks: that is our profile. On FD even the first second of N_Bs would be as long as the transfer of 64
 * KiB.
 */
void uds_transfer_pace(struct uds_client *c)
{
    const uint32_t longest = isotp_flow_us(c->channel);
    uint32_t us = SECOND_US;
    if (is_known(c, longest, SECOND_US) && (c->transfer.learned || c->transfer.checked))
        us = c->transfer.learned ? patience(c, longest, FLOW_US, SECOND_US)
                                 : smaller(SECOND_US, 4 * longest + TRUST_US);
    isotp_hurry(c->channel, us);
}

/* ---- What comes of it ---- */

/* The width of the figure, which ends at END, says it; 78 repeats the format behind that. */
static bool agrees_to_checks(const struct uds_client *c, size_t end)
{
    const bool file = c->head[0] == UDS_REQUEST_FILE_TRANSFER;
    if (end != (file ? 3 : 2) + UDS_CHECKED_FIGURE_BYTES) return false;
    if (!file) return c->reply_bytes == end;
    return c->reply_bytes == end + 1 && c->reply[end] == c->head[format_at(c)];
}

/* 74: the length of the figure in the upper half of the byte before it; 78: in the whole byte, after the
 * mode. */
static bool read_block_max(struct uds_client *c)
{
    struct uds_transfer *t = &c->transfer;
    bool file = c->head[0] == UDS_REQUEST_FILE_TRANSFER;
    size_t at = file ? 2 : 1;
    if (c->reply_bytes <= at) return false;
    unsigned bytes = file ? c->reply[at] : c->reply[at] >> 4;
    if (bytes < 1 || bytes > 8 || c->reply_bytes - at - 1 < bytes) return false;
    if (t->checked && !agrees_to_checks(c, at + 1 + bytes)) return false;
    uint64_t message = uds_get(c->reply + at + 1, bytes);
    if (message <= block_head(t)) return false;
    uint64_t most = message - block_head(t), limit = t->block_limit;
    if (limit == 0) limit = UINT32_MAX - block_head(t); /* the longest message of ISO-TP */
    t->block_max = (uint32_t)(most < limit ? most : limit);
    /* What was learned on the way of the transfer before still holds. */
    t->block_now = t->learned && t->block_now < t->block_max ? t->block_now : t->block_max;
    return true;
}

void uds_transfer_answered(struct uds_client *c, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    switch (t->step) {
    case UDS_OPEN:
        if (read_block_max(c)) {
            if (c->config.check_blocks) t->server = t->checked ? UDS_CHECKS : UDS_NO_CHECKS;
            next_block(c, now);
        } else if (!asks_again(c, now)) {
            uds_client_finish(c, UDS_BAD_ANSWER);
        }
        break;
    case UDS_BLOCK:
        note_answer_time(c, now);
        if (t->learned) grow(c);
        t->done += t->block;
        t->check = t->block_check;
        next_block(c, now);
        break;
    case UDS_PROBE: /* it has had the block before, too */
        t->done += t->block + t->probe;
        t->counter++;
        t->check = t->probe_check;
        next_block(c, now);
        break;
    case UDS_PROBE_EXIT:
        t->done = t->bytes;
        uds_client_finish(c, UDS_POSITIVE);
        break;
    default:
        uds_client_finish(c, UDS_POSITIVE);
        break;
    }
}

/* What the server has of the block, it has not: only an earlier copy of it may be there. */
static bool was_altered(struct uds_client *c, uint8_t code, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    const bool block = t->step == UDS_BLOCK, first = t->done == t->begun && !t->maybe,
               number = code == UDS_WRONG_BLOCK_COUNTER && block; /* it was the number */
    if (!t->checked || c->config.repeats == 0) return false;
    if (t->step == UDS_OPEN) return code == UDS_OUT_OF_RANGE && asks_again(c, now);
    if ((!block && t->step != UDS_PROBE) || (code != UDS_OUT_OF_RANGE && !number)) return false;
    if ((first || number) && ++t->doubts > DOUBTS) {
        if (!first) return false;
        t->doubts = 0;
        send_opening(c, false, now);
        return true;
    }
    t->altered++;
    if (block) shrink(c);
    if (!block || t->maybe)
        send_probe(c, now);
    else
        shorter_block(c, now);
    return true;
}

/* Blocks of ours have the right length: most likely it is the answer to a foreign frame. And where blocks are
 * altered, so are answers: but nobody says twice by accident that there is no going on. */
static bool is_doubtful(const struct uds_client *c, uint8_t code)
{
    const struct uds_transfer *t = &c->transfer;
    if (t->doubted != 0 || (t->step != UDS_BLOCK && t->step != UDS_PROBE)) return false;
    return code == UDS_INCORRECT_LENGTH || (t->checked && c->repeats_left > 0);
}

/* Who could not program a block has given the transfer up, and refuses the repetition for another reason. */
uint8_t uds_transfer_reason(const struct uds_client *c, uint8_t code)
{
    const bool failed = uds_transfer_runs(c) && c->transfer.doubted == UDS_PROGRAMMING_FAILURE;
    return failed ? UDS_PROGRAMMING_FAILURE : code;
}

bool uds_transfer_refused(struct uds_client *c, uint8_t code, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    if (t->step == UDS_PROBE && code == UDS_WRONG_BLOCK_COUNTER) {
        shorter_block(c, now);
        return true;
    }
    if (t->step == UDS_BLOCK && code == UDS_WRONG_BLOCK_COUNTER && t->strays > 0) {
        t->strays--; /* an earlier copy of the probe */
        return true;
    }
    if (was_altered(c, code, now)) return true;
    if (is_doubtful(c, code)) {
        t->doubted = code; /* nothing more comes, and it is asked again */
        return true;
    }
    if (code != UDS_SEQUENCE_ERROR) return false;
    if (t->step == UDS_PROBE_EXIT) {
        shorter_block(c, now);
        return true;
    }
    /* An exit that was heard ended the transfer; its answer was lost. */
    const bool ended = t->exit_unheard && (t->step == UDS_EXIT || t->step == UDS_BLOCK);
    if (ended) {
        t->done = t->bytes;
        uds_client_finish(c, UDS_POSITIVE);
    }
    return ended;
}

void uds_transfer_lost(struct uds_client *c, bool whole, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    switch (t->step) {
    case UDS_BLOCK: {
        const bool again = whole && !t->maybe && t->lost_in_a_row == 0;
        t->maybe |= whole;
        shrink(c);
        if (again)
            send_block(c, false, now);
        else if (t->maybe)
            send_probe(c, now);
        else
            shorter_block(c, now);
        break;
    }
    case UDS_PROBE:
        if (whole && t->strays < UINT8_MAX) t->strays++;
        send_probe(c, now);
        break;
    default:
        t->exit_unheard |= whole;
        send_exit(c, t->step, false, now);
        break;
    }
}
