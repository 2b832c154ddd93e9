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
 * and refuses with 73 if it has not (ISO 14229-1, 15.5). Behind the last block the probe is the exit. */
#include "isotp/uds_client_private.h"

#include <string.h>

#define STREAK     32u    /* blocks in a row: then growth is by a quarter */
#define LOSSY      2u     /* blocks lost: from then on the server's pace, not P2, says how long to wait */
#define RESPITE_US 60000u /* within P2 there is an answer, or a 78 */
#define FORGET     16u    /* of the longest answer time, per answer */
#define SECOND_US  1000000u
#define BLOCK_HEAD 2u /* 36, counter */

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

/* A block that fits one frame. */
static uint32_t least_block(const struct uds_client *c)
{
    uint32_t fits = isotp_single_frame_bytes(c->channel);
    return fits > BLOCK_HEAD ? fits - BLOCK_HEAD : 1;
}

static void send_exit(struct uds_client *c, enum uds_step step, bool fresh, uint32_t now)
{
    c->transfer.step = (uint8_t)step;
    c->head[0] = UDS_TRANSFER_EXIT;
    if (fresh)
        uds_client_begin(c, 1, NULL, 0, now);
    else
        uds_client_again(c, 1, NULL, 0, now);
}

static void send_block(struct uds_client *c, bool fresh, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    t->step = UDS_BLOCK;
    c->head[0] = UDS_TRANSFER_DATA;
    c->head[1] = t->counter;
    if (fresh)
        uds_client_begin(c, BLOCK_HEAD, t->data + t->done, t->block, now);
    else
        uds_client_again(c, BLOCK_HEAD, t->data + t->done, t->block, now);
}

static uint32_t rest_or(const struct uds_transfer *t, uint64_t from, uint32_t n)
{
    return t->bytes - from < n ? (uint32_t)(t->bytes - from) : n;
}

static void next_block(struct uds_client *c, uint32_t now)
{
    struct uds_transfer *t = &c->transfer;
    t->maybe = false;
    t->lost_in_a_row = t->strays = 0;
    t->doubted = false;
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
    c->head[0] = UDS_TRANSFER_DATA;
    c->head[1] = (uint8_t)(t->counter + 1);
    uds_client_again(c, BLOCK_HEAD, t->data + next, t->probe, now);
}

/* ---- How long a block is, and how long its answer takes ---- */

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
static uint32_t patience(const struct uds_client *c, uint32_t longest, uint32_t otherwise)
{
    const struct uds_transfer *t = &c->transfer;
    const bool known = uds_transfer_runs(c) && t->learned && longest > 0 && longest < otherwise / 2;
    const unsigned row = t->lost_in_a_row, doublings = row < 3 ? 0 : row < 8 ? row - 2 : 6;
    return known ? smaller(otherwise, (2 * longest + RESPITE_US) << doublings) : otherwise;
}

uint32_t uds_transfer_patience(const struct uds_client *c)
{
    return patience(c, c->transfer.answer_us, c->config.p2_us);
}

void uds_transfer_pace(struct uds_client *c)
{
    isotp_hurry(c->channel, patience(c, isotp_flow_us(c->channel), SECOND_US));
}

/* ---- What comes of it ---- */

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
    uint64_t message = uds_get(c->reply + at + 1, bytes);
    if (message <= BLOCK_HEAD) return false;
    uint64_t most = message - BLOCK_HEAD, limit = t->block_limit;
    if (limit == 0) limit = UINT32_MAX - BLOCK_HEAD; /* the longest message of ISO-TP */
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
        if (read_block_max(c))
            next_block(c, now);
        else
            uds_client_finish(c, UDS_BAD_ANSWER);
        break;
    case UDS_BLOCK:
        note_answer_time(c, now);
        if (t->learned) grow(c);
        t->done += t->block;
        next_block(c, now);
        break;
    case UDS_PROBE: /* it has had the block before, too */
        t->done += t->block + t->probe;
        t->counter++;
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
    /* Blocks of ours have the right length: most likely it is the answer to a foreign frame. */
    if ((t->step == UDS_BLOCK || t->step == UDS_PROBE) && code == UDS_INCORRECT_LENGTH && !t->doubted) {
        t->doubted = true;
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
