/* Messages to systemd (sd_notify(3)), without its library: one datagram each to the socket that the service
 * manager names in the environment. Nobody there: nothing happens. */
#ifndef PRIMARY_NOTIFY_H
#define PRIMARY_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1". */
void pri_notify(const char *message);
/* How often WATCHDOG=1 is due, in microseconds: half of what the service manager allows. 0: it does not watch
 * us. */
uint64_t pri_notify_watchdog_us(void);

#endif
