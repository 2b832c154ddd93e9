/* Fault confinement: the two error counters of a CAN node and what they make of it (ISO
 * 11898-1:2015, 12.1.4).
 *
 * A node is error active, error passive when a counter is above 127, and off the bus when its transmit
 * counter is above 255. It returns after 128 sequences of 11 recessive bits: every frame and every error
 * frame ends with one, and an idle bus is nothing else. Pure: who errs, and when, is the bus's. */
#ifndef SIM_CONFINE_H
#define SIM_CONFINE_H

#include "isotp/frame.h"

#define SIM_WARNING_LIMIT     96
#define SIM_PASSIVE_LIMIT     127
#define SIM_BUS_OFF_LIMIT     255
#define SIM_QUIET_BITS        11  /* of a sequence */
#define SIM_QUIET_SEQUENCES   128 /* until a node that is off returns */
#define SIM_SUSPEND_BITS      8   /* a passive node waits so long after it has sent */
#define SIM_ERROR_FRAME_BITS  20  /* flag, its echo by the others at the latest, delimiter: 6 + 6 + 8 */
#define SIM_INTERMISSION_BITS 3

enum sim_node_state { SIM_ERROR_ACTIVE, SIM_ERROR_WARNING, SIM_ERROR_PASSIVE, SIM_BUS_OFF };

struct sim_confinement { /* zero: a node that has just started */
    uint16_t tec, rec;
    uint16_t quiet; /* sequences since it went off */
};

enum sim_node_state sim_confine_state(const struct sim_confinement *c);
void sim_confine_sent(struct sim_confinement *c);
void sim_confine_received(struct sim_confinement *c);
void sim_confine_send_error(struct sim_confinement *c);
void sim_confine_receive_error(struct sim_confinement *c);
/* So many sequences have passed. A node that is off and has seen enough starts anew. */
void sim_confine_quiet(struct sim_confinement *c, uint64_t sequences);

/* What a controller tells its host, as linux/can/error.h says it, counters included. changed: it is now in
 * another state; IT_SENT: because of its transmit counter. disturbed: an error frame was on the bus. */
struct isotp_frame sim_confine_changed(const struct sim_confinement *c, bool it_sent);
struct isotp_frame sim_confine_disturbed(const struct sim_confinement *c);
/* It has returned. */
struct isotp_frame sim_confine_restarted(void);

#endif
