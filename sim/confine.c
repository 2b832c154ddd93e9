#include "sim/confine.h"

#include <linux/can/error.h>
#include <string.h>

#ifndef CAN_ERR_CNT
#define CAN_ERR_CNT 0x200U /* data[6], data[7]: the counters */
#endif

enum sim_node_state sim_confine_state(const struct sim_confinement *c)
{
    if (c->tec > SIM_BUS_OFF_LIMIT) return SIM_BUS_OFF;
    if (c->tec > SIM_PASSIVE_LIMIT || c->rec > SIM_PASSIVE_LIMIT) return SIM_ERROR_PASSIVE;
    return c->tec >= SIM_WARNING_LIMIT || c->rec >= SIM_WARNING_LIMIT ? SIM_ERROR_WARNING : SIM_ERROR_ACTIVE;
}

void sim_confine_sent(struct sim_confinement *c)
{
    if (c->tec > 0) c->tec--;
}

void sim_confine_received(struct sim_confinement *c)
{
    if (c->tec > SIM_BUS_OFF_LIMIT) return;
    if (c->rec > SIM_PASSIVE_LIMIT)
        c->rec = SIM_PASSIVE_LIMIT - 8; /* the standard: anything from 119 to 127 */
    else if (c->rec > 0)
        c->rec--;
}

void sim_confine_send_error(struct sim_confinement *c)
{
    c->tec = (uint16_t)(c->tec + 8);
    if (c->tec > SIM_BUS_OFF_LIMIT) c->quiet = 0;
}

void sim_confine_receive_error(struct sim_confinement *c)
{
    if (c->tec <= SIM_BUS_OFF_LIMIT && c->rec <= SIM_PASSIVE_LIMIT) c->rec++;
}

void sim_confine_quiet(struct sim_confinement *c, uint64_t sequences)
{
    if (c->tec <= SIM_BUS_OFF_LIMIT) return;
    if (sequences >= SIM_QUIET_SEQUENCES - (uint64_t)c->quiet)
        memset(c, 0, sizeof *c);
    else
        c->quiet = (uint16_t)(c->quiet + sequences);
}

static struct isotp_frame report(const struct sim_confinement *c, uint32_t class)
{
    struct isotp_frame f = {.id = class | CAN_ERR_CNT, .flags = ISOTP_ERROR, .len = CAN_ERR_DLC};
    f.data[6] = (uint8_t)(c->tec < 255 ? c->tec : 255);
    f.data[7] = (uint8_t)(c->rec < 255 ? c->rec : 255);
    return f;
}

struct isotp_frame sim_confine_changed(const struct sim_confinement *c, bool it_sent)
{
    enum sim_node_state state = sim_confine_state(c);
    struct isotp_frame f = report(c, state == SIM_BUS_OFF ? CAN_ERR_BUSOFF : CAN_ERR_CRTL);

    if (state == SIM_ERROR_ACTIVE) f.data[1] = 0x40; /* CAN_ERR_CRTL_ACTIVE, since Linux 4.1 */
    if (state == SIM_ERROR_WARNING) f.data[1] = it_sent ? CAN_ERR_CRTL_TX_WARNING : CAN_ERR_CRTL_RX_WARNING;
    if (state == SIM_ERROR_PASSIVE) f.data[1] = it_sent ? CAN_ERR_CRTL_TX_PASSIVE : CAN_ERR_CRTL_RX_PASSIVE;
    return f;
}

struct isotp_frame sim_confine_disturbed(const struct sim_confinement *c)
{
    return report(c, CAN_ERR_PROT | CAN_ERR_BUSERROR);
}

struct isotp_frame sim_confine_restarted(void)
{
    return (struct isotp_frame){.id = CAN_ERR_RESTARTED, .flags = ISOTP_ERROR, .len = CAN_ERR_DLC};
}
