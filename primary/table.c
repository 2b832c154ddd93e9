#include "primary/table.h"

#include <string.h>

static const char *verdict(const struct pri_outcome *o, const struct pri_row *r)
{
    if (r->err != UP_OK) return up_err_name(r->err);
    if (!r->online) return "silent";
    if (r->updated) return "updated";
    if (r->ordered) return "update waits";
    return o->err == UP_OK ? "up to date"
                           : "not checked"; /* what the Director wants is known after a whole cycle */
}

void pri_print_table(FILE *out, const struct pri_outcome *o)
{
    int ecu = 3, hardware = 8, change = 7;
    char text[PRI_ECUS_MAX + 1][2 * UP_NAME_MAX + 8];
    for (unsigned i = 0; i < o->rows; i++) {
        const struct pri_row *r = &o->row[i];
        bool moved = (r->updated || r->ordered) && strcmp(r->from, r->to) != 0;
        (void)snprintf(text[i], sizeof text[i], "%s%s%s", r->from, moved ? " -> " : "", moved ? r->to : "");
        int widths[] = {(int)strlen(r->serial), (int)strlen(r->hardware_id), (int)strlen(text[i])};
        if (widths[0] > ecu) ecu = widths[0];
        if (widths[1] > hardware) hardware = widths[1];
        if (widths[2] > change) change = widths[2];
    }
    fprintf(out, "%-*s  %-*s  %-12s  %-*s  %9s  %8s  %s\n", ecu, "ECU", hardware, "hardware", "verification",
            change, "version", "bytes", "bus s", "verdict");
    for (unsigned i = 0; i < o->rows; i++) {
        const struct pri_row *r = &o->row[i];
        fprintf(out, "%-*s  %-*s  %-12s  %-*s  ", ecu, r->serial, hardware, r->hardware_id,
                r->full ? "full" : "partial", change, text[i]);
        if (r->bytes > 0)
            fprintf(out, "%9llu  ", (unsigned long long)r->bytes);
        else
            fprintf(out, "%9s  ", "-");
        if (r->bytes > 0 && r->bus_us > 0)
            fprintf(out, "%8.2f  ", (double)r->bus_us / 1e6);
        else
            fprintf(out, "%8s  ", "-");
        fprintf(out, "%s\n", verdict(o, r));
        if (r->err != UP_OK) fprintf(out, "%*s  %s\n", ecu, "", r->detail);
    }
}

cJSON *pri_outcome_json(const struct pri_outcome *o)
{
    cJSON *j = cJSON_CreateObject(), *rows = cJSON_CreateArray();
    cJSON_AddStringToObject(j, "result", up_err_name(o->err));
    cJSON_AddStringToObject(j, "attack", up_err_attack(o->err));
    cJSON_AddStringToObject(j, "detail", o->detail);
    cJSON_AddNumberToObject(j, "updated", o->updated);
    cJSON_AddNumberToObject(j, "pending", o->pending);
    for (unsigned i = 0; i < o->rows; i++) {
        const struct pri_row *r = &o->row[i];
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "ecu", r->serial);
        cJSON_AddStringToObject(row, "hardware", r->hardware_id);
        cJSON_AddStringToObject(row, "verification", r->full ? "full" : "partial");
        cJSON_AddBoolToObject(row, "online", r->online);
        cJSON_AddStringToObject(row, "from", r->from);
        cJSON_AddStringToObject(row, "to", r->to);
        cJSON_AddBoolToObject(row, "ordered", r->ordered);
        cJSON_AddBoolToObject(row, "updated", r->updated);
        cJSON_AddNumberToObject(row, "bytes", (double)r->bytes);
        cJSON_AddNumberToObject(row, "bus_seconds", (double)r->bus_us / 1e6);
        cJSON_AddStringToObject(row, "result", up_err_name(r->err));
        if (r->detail[0] != '\0') cJSON_AddStringToObject(row, "detail", r->detail);
        cJSON_AddItemToArray(rows, row);
    }
    cJSON_AddItemToObject(j, "ecus", rows);
    return j;
}
