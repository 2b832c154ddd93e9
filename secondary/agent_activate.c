/* 0312, 0313, 0314: the verified image starts with the next reset, is kept, or goes. Each names its order, so
 * that a Primary that is late does no harm. Repeating any of them is no error. */
#include "secondary/agent_state.h"

#define REVERT_GRACE_MS 5000 /* for the reset to be asked for, before it comes by itself */

static bool is_order(const struct sec_slot *s, const struct sec_routine *r)
{
    return memcmp(s->order, r->data.p, SEC_ORDER_BYTES) == 0;
}

static struct sec_slot *running(struct sec_agent *a)
{
    return a->running == SEC_NO_SLOT ? NULL : &a->slots.slot[a->running];
}

/* The state is enough: whoever verified the image did so for an order that has not been withdrawn since, and
 * a bundle that is committed must be able to go on though metadata has expired meanwhile. */
enum uds_code sec_agent_activate(struct sec_agent *a, const struct sec_routine *r)
{
    const unsigned other = sec_agent_other(a);
    const struct sec_slot *s = &a->slots.slot[other];
    if (r->data.n != SEC_ORDER_BYTES) return UDS_INCORRECT_LENGTH;
    if (sec_slot_next((enum sec_slot_state)s->state, SEC_ARM) == 0 || a->transfer == SEC_IMAGE)
        return UDS_SEQUENCE_ERROR;
    if (!is_order(s, r)) return UDS_OUT_OF_RANGE;
    if (s->image.release_counter < a->slots.release_floor) {
        sec_note(a, UP_IMG_RELEASE_COUNTER, sec_image_name(&s->image));
        return UDS_CONDITIONS_NOT_CORRECT;
    }
    if (s->state == SEC_ARMED) return UDS_OK;
    if (!sec_agent_may_stop(a)) return UDS_CONDITIONS_NOT_CORRECT;
    enum up_err e = sec_slot_event(&a->slots, other, SEC_ARM);
    return e == UP_OK ? UDS_OK : sec_agent_code(e);
}

enum uds_code sec_agent_confirm(struct sec_agent *a, const struct sec_routine *r)
{
    if (r->data.n != SEC_ORDER_BYTES) return UDS_INCORRECT_LENGTH;
    const struct sec_slot *s = running(a);
    if (s == NULL || sec_slot_next((enum sec_slot_state)s->state, SEC_CONFIRM) == 0)
        return UDS_CONDITIONS_NOT_CORRECT;
    if (!is_order(s, r)) return UDS_OUT_OF_RANGE;
    enum up_err e = sec_slot_event(&a->slots, a->running, SEC_CONFIRM);
    return e == UP_OK ? UDS_OK : sec_agent_code(e);
}

enum uds_code sec_agent_revert(struct sec_agent *a, const struct sec_routine *r)
{
    if (r->data.n != SEC_ORDER_BYTES) return UDS_INCORRECT_LENGTH;
    const struct sec_slot *mine = running(a);
    unsigned slot = mine != NULL && is_order(mine, r) ? a->running : sec_agent_other(a);
    const struct sec_slot *s = &a->slots.slot[slot];
    if (sec_slot_next((enum sec_slot_state)s->state, SEC_REVERT) == 0) return UDS_CONDITIONS_NOT_CORRECT;
    if (!is_order(s, r)) return UDS_OUT_OF_RANGE;
    enum up_err e = sec_slot_event(&a->slots, slot, SEC_REVERT);
    if (e != UP_OK) return sec_agent_code(e);
    if (slot == a->running && a->reset_at_ms == 0) a->reset_at_ms = a->now_ms + REVERT_GRACE_MS;
    return UDS_OK;
}
