/* What a virtual bus (isoctane-sim bus) says to its clients beside frames, as error frames of
 * linux/can/error.h, which clients that know only frames ignore:
 * - the greeting, first packet after connect, once the client hears the bus: class CAN_ERR_RESTARTED,
 *   data[0] = the largest frame the bus carries, CAN_MTU or CANFD_MTU;
 * - overflow: class CAN_ERR_CRTL, data[1] = CAN_ERR_CRTL_RX_OVERFLOW, data[4..7] = frames lost so far,
 * little-endian. */
#ifndef ISOTP_LINK_VIRTUAL_H
#define ISOTP_LINK_VIRTUAL_H

#include "isotp/frame.h"

struct isotp_frame isotp_virtual_greeting(bool fd);
/* False: F is no greeting. */
bool isotp_virtual_is_greeting(const struct isotp_frame *f, bool *fd);
struct isotp_frame isotp_virtual_overflow(uint32_t lost);
bool isotp_virtual_is_overflow(const struct isotp_frame *f, uint32_t *lost);

#endif
