/* CAN frames as text on a serial line, as the Lawicel CAN232 began and USB adapters, Linux's slcand and
 * python-can speak it ("SLCAN"). CAN FD is spelled as the CANable firmware does. Sans-I/O: bytes in, frames
 * out, and back.
 *
 *     tiiildd...  11-bit identifier   Tiiiiiiiildd...  29-bit       r, R  the same as remote frames, without
 * data diiildd...  CAN FD, 11-bit      Diiiiiiiildd...  29-bit       b, B  the same with a faster data phase
 *
 * All digits are hexadecimal; l is the length code (9 to F: 12 to 64 bytes). A line ends with CR; BEL is an
 * adapter's "no". Four or eight digits behind the data are a timestamp, and skipped. Not told: the ESI bit,
 * error frames. */
#ifndef ISOTP_SLCAN_H
#define ISOTP_SLCAN_H

#include "isotp/frame.h"

#define ISOTP_SLCAN_LINE 147 /* bytes: the longest frame, a timestamp, and CR */

/* Writes F with its CR. Returns the bytes written; 0: F cannot be said (an error frame, a length that is
 * none). */
size_t isotp_slcan_write(uint8_t out[ISOTP_SLCAN_LINE], const struct isotp_frame *f);

enum isotp_slcan_said {
    ISOTP_SLCAN_NOTHING, /* not yet: the line goes on */
    ISOTP_SLCAN_FRAME,
    ISOTP_SLCAN_COMMAND, /* a line of another kind, in LINE: a command, or an answer; it may be empty */
    ISOTP_SLCAN_NO,      /* BEL */
    ISOTP_SLCAN_BAD      /* begins like a frame and is none, or is longer than any */
};
/* A reader of one line. Zero is empty. Whatever comes, it is in step again after the next CR. */
struct isotp_slcan {
    uint8_t n; /* bytes of the line; ISOTP_SLCAN_LINE: too long */
    bool ended;
    uint8_t line[ISOTP_SLCAN_LINE];
};
/* One byte from the line. F is written when this says FRAME; LINE and N stay until the next call. */
enum isotp_slcan_said isotp_slcan_read(struct isotp_slcan *s, uint8_t byte, struct isotp_frame *f);

#endif
