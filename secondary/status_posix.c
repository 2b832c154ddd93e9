#include "secondary/status_posix.h"

#include "metadata/encode.h"

#include <cjson/cJSON.h>
#include <stdio.h>

const char *sec_slot_state_name(uint8_t state)
{
    static const char *const names[] = {"empty",     "receiving", "verified", "trial",
                                        "confirmed", "bad",       "away"};
    return names[state];
}

static void add_text(cJSON *object, const char *name, struct up_span s)
{
    char text[UP_NAME_MAX + 1];
    size_t n = s.n < sizeof text - 1 ? s.n : sizeof text - 1;
    if (n > 0) memcpy(text, s.p, n);
    text[n] = '\0';
    (void)cJSON_AddStringToObject(object, name, text);
}

/* What a profile does not insist on (docs/pouf.md, section 1). */
static void add_relaxed(cJSON *object, const struct up_profile *p)
{
    cJSON *list = cJSON_AddArrayToObject(object, "relaxed");
    for (unsigned bit = 1; bit != 0 && bit <= p->relax; bit <<= 1)
        if (p->relax & bit) cJSON_AddItemToArray(list, cJSON_CreateString(up_relax_name(bit)));
}

static cJSON *status_object(const struct sec_identity *id, const struct sec_status *s)
{
    const struct uds_stored_versions *v = &s->versions;
    const struct {
        const char *name;
        uint32_t value;
    } numbers[] = {{"release_counter", s->release_counter},
                   {"release_floor", v->release_counter},
                   {"running_slot", s->slots.running_slot},
                   {"transported", s->slots.transported},
                   {"total", s->slots.total},
                   {"director_root", v->director_root},
                   {"director_timestamp", v->director_timestamp},
                   {"director_snapshot", v->director_snapshot},
                   {"director_targets", v->director_targets},
                   {"image_root", v->image_root},
                   {"image_timestamp", v->image_timestamp},
                   {"image_snapshot", v->image_snapshot},
                   {"image_targets", v->image_targets},
                   {"security_events", s->security_events},
                   {"transfers", s->transfers},
                   {"exchanges", s->exchanges},
                   {"store_moves", s->store_moves}};
    char hex[2 * UDS_ORDER_BYTES], time[UP_TIME_TEXT];
    up_hex_encode(s->slots.order, UDS_ORDER_BYTES, hex);
    up_time_encode(v->time_floor_s, time);
    cJSON *o = cJSON_CreateObject();
    add_text(o, "vehicle_id", id->vehicle_id);
    add_text(o, "serial", id->serial);
    add_text(o, "hardware_id", id->hardware_id);
    add_text(o, "verification", up_span_of(id->full ? "full" : "partial"));
    add_text(o, "profile", up_span_of(id->profile->name));
    add_relaxed(o, id->profile);
    add_text(o, "image", s->image_name.p == NULL ? UP_SPAN("unknown") : s->image_name);
    add_text(o, "running", up_span_of(sec_slot_state_name(s->slots.running)));
    add_text(o, "other", up_span_of(sec_slot_state_name(s->slots.other)));
    (void)cJSON_AddBoolToObject(o, "armed", s->slots.armed);
    add_text(o, "order", (struct up_span){(const uint8_t *)hex, sizeof hex});
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)cJSON_AddNumberToObject(o, numbers[i].name, numbers[i].value);
    add_text(o, "time_floor", (struct up_span){(const uint8_t *)time, sizeof time});
    add_text(o, "attacks_detected", s->attacks);
    return o;
}

void sec_print_status(const struct sec_identity *id, const struct sec_status *s, bool json)
{
    cJSON *o = status_object(id, s), *item;
    if (json) {
        char *text = cJSON_Print(o);
        if (text != NULL) (void)puts(text);
        cJSON_free(text);
    } else {
        cJSON_ArrayForEach (item, o) {
            char *text = cJSON_PrintUnformatted(item);
            if (text != NULL) (void)printf("%-20s %s\n", item->string, text);
            cJSON_free(text);
        }
    }
    cJSON_Delete(o);
}
