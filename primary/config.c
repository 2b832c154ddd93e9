/* isoctane.conf into a checked struct: find the sections, take the values by one table, then check what
 * concerns several of them at once. The first error ends it. */
#include "primary/config.h"
#include "metadata/encode.h"
#include "primary/config_values.h"

#include <inttypes.h>
#include <stdlib.h>

/* Frames of lower priority, answers among them, get through in the gaps that this leaves. */
#define USUAL_LOAD_PERCENT 95

enum section { VEHICLE, PRIMARY, DIRECTOR, IMAGE, TIME, TLS, POLL, LIMITS, BUS, ECU, SECTIONS };
static const char *const section_names[SECTIONS] = {"vehicle", "primary", "director", "image", "time",
                                                    "tls",     "poll",    "limits",   "bus",   "ecu"};

/* What [ecu] says, until its bus is known. */
struct draft {
    struct pri_ecu_config ecu;
    char *bus;
    uint32_t request_id, response_id, functional_id, block_size, tx_dl, pad;
    uint8_t st_min;
};

static const struct row {
    enum section section;
    const char *key;
    const struct pri_conf_type *type;
    size_t offset;        /* of the field in struct pri_config, pri_bus_config or draft */
    const char *fallback; /* NULL: must be given; "": may be left out, the field stays zero */
    uint64_t min, max;
} rows[] = {
#define OF(field) offsetof(struct pri_config, field)
    {VEHICLE, "id", &pri_conf_id, OF(vehicle_id), NULL, 0, 0},
    {PRIMARY, "serial", &pri_conf_id, OF(serial), NULL, 0, 0},
    {PRIMARY, "hardware_id", &pri_conf_hardware, OF(hardware_id), NULL, 0, 0},
    {PRIMARY, "image_names", &pri_conf_text, OF(name_pattern), "", 0, 0},
    {PRIMARY, "key", &pri_conf_readable, OF(key), NULL, 0, 0},
    {PRIMARY, "bus_certificate", &pri_conf_readable, OF(bus_certificate), "", 0, 0},
    {PRIMARY, "bus_key", &pri_conf_readable, OF(bus_key), "", 0, 0},
    {PRIMARY, "state_dir", &pri_conf_folder, OF(state_dir), NULL, 0, 0},
    {PRIMARY, "base_time", &pri_conf_instant, OF(base_time_s), NULL, 0, 0},
    {DIRECTOR, "url", &pri_conf_base_url, OF(director.url), NULL, 0, 0},
    {DIRECTOR, "root", &pri_conf_readable, OF(director.root), NULL, 0, 0},
    {DIRECTOR, "profile", &pri_conf_profile, OF(director.profile), "strict", 0, 0},
    {IMAGE, "url", &pri_conf_base_url, OF(image.url), NULL, 0, 0},
    {IMAGE, "root", &pri_conf_readable, OF(image.root), NULL, 0, 0},
    {IMAGE, "profile", &pri_conf_profile, OF(image.profile), "strict", 0, 0},
    {TIME, "url", &pri_conf_url, OF(time_url), "", 0, 0},
    {TLS, "ca", &pri_conf_readable, OF(tls_ca), NULL, 0, 0},
    {TLS, "certificate", &pri_conf_readable, OF(tls_certificate), NULL, 0, 0},
    {TLS, "key", &pri_conf_readable, OF(tls_key), NULL, 0, 0},
#define DAY 86400
    {POLL, "interval_s", &pri_conf_u32, OF(poll_interval_s), "3600", 1, 30 * DAY},
    {LIMITS, "time_max_age_s", &pri_conf_u32, OF(time_max_age_s), "3600", 1, 365 * DAY},
    {LIMITS, "speed_floor_bytes_s", &pri_conf_u32, OF(speed_floor_bytes_s), "1024", 1, 1u << 30},
    {LIMITS, "speed_window_s", &pri_conf_u32, OF(speed_window_s), "30", 1, 3600},
    {LIMITS, "ecu_deadline_s", &pri_conf_u32, OF(ecu_deadline_s), "30", 1, 3600},
    {LIMITS, "boot_deadline_s", &pri_conf_u32, OF(boot_deadline_s), "60", 1, 3600},
    {LIMITS, "image_max_bytes", &pri_conf_u64, OF(image_max_bytes), "1073741824", 1, 1ull << 40},
#undef OF
#define OF(field) offsetof(struct pri_bus_config, field)
    {BUS, "link", &pri_conf_text, OF(link), NULL, 0, 0},
    {BUS, "fd", &pri_conf_yes_no, OF(fd), "no", 0, 0},
    {BUS, "bitrate", &pri_conf_u32, OF(bitrate), "", 10000, 1000000},
    {BUS, "data_bitrate", &pri_conf_u32, OF(data_bitrate), "", 10000, 8000000},
    {BUS, "load_percent", &pri_conf_u32, OF(load_percent), "", 1, 100},
#undef OF
#define OF(field) offsetof(struct draft, field)
    {ECU, "bus", &pri_conf_text, OF(bus), NULL, 0, 0},
    {ECU, "hardware_id", &pri_conf_hardware, OF(ecu.hardware_id), NULL, 0, 0},
    {ECU, "verification", &pri_conf_verification, OF(ecu.full), NULL, 0, 0},
    {ECU, "profile", &pri_conf_profile, OF(ecu.profile), "strict", 0, 0},
    {ECU, "request_id", &pri_conf_can_id, OF(request_id), NULL, 0, 0},
    {ECU, "response_id", &pri_conf_can_id, OF(response_id), NULL, 0, 0},
    {ECU, "functional_id", &pri_conf_can_id, OF(functional_id), "", 0, 0},
    {ECU, "block_size", &pri_conf_u32, OF(block_size), "64", 0, UINT8_MAX},
    {ECU, "st_min", &pri_conf_st_min, OF(st_min), "0", 0, 0},
    {ECU, "tx_dl", &pri_conf_u32, OF(tx_dl), "", 8, 64},
    {ECU, "pad", &pri_conf_pad, OF(pad), "no", 0, 0},
    {ECU, "authentication", &pri_conf_yes_no, OF(ecu.authentication), "no", 0, 0},
    {ECU, "tester_secret", &pri_conf_readable, OF(ecu.tester_secret), "", 0, 0},
    {ECU, "public_key", &pri_conf_readable, OF(ecu.public_key), "", 0, 0},
#undef OF
};
static const struct row *const rows_end = rows + sizeof rows / sizeof *rows;

/* --- sections --- */

/* "ecu brake": ECU, "brake". */
static enum section section_of(const char *text, const char **name)
{
    for (enum section s = 0; s < SECTIONS; s++) {
        size_t n = strlen(section_names[s]);
        if (strncmp(text, section_names[s], n) != 0) continue;
        *name = text[n] == ' ' ? text + n + 1 : text + n;
        if (text[n] == '\0' || text[n] == ' ') return s;
    }
    return SECTIONS;
}

static bool add_unit(struct pri_conf *r, const struct pri_conf_entry *e, enum section s, const char *name,
                     struct pri_config *c)
{
    if (!up_is_id(up_span_of(name)))
        return pri_conf_error(r, e->line, "[%s]: expected [%s NAME], NAME of %s", e->section,
                              section_names[s], pri_conf_id.expected);
    if (s == BUS && c->bus_count == PRI_BUSES_MAX)
        return pri_conf_error(r, e->line, "[%s]: more than %d buses", e->section, PRI_BUSES_MAX);
    if (s == ECU && c->ecu_count == PRI_ECUS_MAX)
        return pri_conf_error(r, e->line, "[%s]: more than %d ECUs", e->section, PRI_ECUS_MAX);
    char *copy = strdup(name);
    if (copy == NULL) return pri_conf_no_memory(r);
    if (s == BUS)
        c->buses[c->bus_count++].name = copy;
    else
        c->ecus[c->ecu_count++].serial = copy;
    return true;
}

static bool find_sections(struct pri_conf *r, struct pri_config *c)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct pri_conf_entry *e = &r->entries[i], *first = pri_conf_find(r, e->section, NULL);
        if (e->key != NULL) continue;
        const char *name;
        enum section s = section_of(e->section, &name);
        if (s == SECTIONS) return pri_conf_error(r, e->line, "[%s]: unknown section", e->section);
        if (s < BUS && *name != '\0')
            return pri_conf_error(r, e->line, "[%s]: expected [%s]", e->section, section_names[s]);
        if (first != e)
            return pri_conf_error(r, e->line, "[%s]: given before, in line %u", e->section, first->line);
        if (s >= BUS && !add_unit(r, e, s, name, c)) return false;
    }
    return true;
}

/* --- keys and values --- */

static bool unknown_key(struct pri_conf *r, const struct pri_conf_entry *e, enum section s)
{
    char known[256] = "";
    for (const struct row *row = rows; row < rows_end; row++) {
        size_t n = strlen(known);
        if (row->section == s) snprintf(known + n, sizeof known - n, "%s%s", n == 0 ? "" : ", ", row->key);
    }
    return pri_conf_error(r, e->line, "[%s] %s: unknown key; known here: %s", e->section, e->key, known);
}

static bool check_keys(struct pri_conf *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct pri_conf_entry *e = &r->entries[i], *first;
        if (e->key == NULL) continue;
        const char *name;
        enum section s = section_of(e->section, &name);
        const struct row *row = rows;
        while (row < rows_end && (row->section != s || strcmp(row->key, e->key) != 0)) row++;
        if (row == rows_end) return unknown_key(r, e, s);
        if ((first = pri_conf_find(r, e->section, e->key)) != e)
            return pri_conf_error(r, e->line, "[%s] %s = %s: given before, in line %u", e->section, e->key,
                                  e->value, first->line);
    }
    return true;
}

static bool take_value(struct pri_conf *r, const struct row *row, const char *section, void *base)
{
    const struct pri_conf_entry *head = pri_conf_find(r, section, NULL),
                                *e = pri_conf_find(r, section, row->key);
    void *field = (char *)base + row->offset;
    if (e == NULL) {
        if (row->fallback == NULL)
            return pri_conf_error(r, head == NULL ? 0 : head->line, "[%s] %s is missing", section, row->key);
        return *row->fallback == '\0' || row->type->take(r, row->fallback, row->min, row->max, field);
    }
    if (row->type->take(r, e->value, row->min, row->max, field)) return true;
    if (row->type->expected != NULL) return pri_conf_wrong(r, e, row->type->expected);
    char range[64];
    snprintf(range, sizeof range, "a number from %" PRIu64 " to %" PRIu64, row->min, row->max);
    return pri_conf_wrong(r, e, range);
}

/* All keys of the section named TEXT, given or not. */
static bool take_section(struct pri_conf *r, enum section s, const char *text, void *base)
{
    for (const struct row *row = rows; row < rows_end; row++)
        if (row->section == s && !take_value(r, row, text, base)) return false;
    return true;
}

/* --- what concerns several values --- */

struct section_text {
    char text[UP_ID_MAX + 8];
};
static struct section_text unit(const char *kind, const char *name)
{
    struct section_text s;
    snprintf(s.text, sizeof s.text, "%s %s", kind, name);
    return s;
}

static bool set_channel(struct pri_conf *r, const char *section, const struct draft *d, bool fd,
                        struct isotp_config *channel)
{
    *channel = isotp_config_default(d->request_id, d->response_id, fd);
    channel->functional_id = d->functional_id;
    channel->block_size = (uint8_t)d->block_size;
    channel->st_min = d->st_min;
    channel->pad = d->pad != PRI_CONF_NO_PAD;
    channel->pad_byte = channel->pad ? (uint8_t)d->pad : 0;
    if (d->tx_dl == 0) return true;
    const struct pri_conf_entry *e = pri_conf_find(r, section, "tx_dl");
    if (!fd && d->tx_dl != 8) return pri_conf_wrong(r, e, "8: its bus does not say fd = yes");
    if (isotp_frame_len((uint8_t)d->tx_dl) != d->tx_dl)
        return pri_conf_wrong(r, e, "8, 12, 16, 20, 24, 32, 48 or 64");
    channel->tx_dl = (uint8_t)d->tx_dl;
    return true;
}

static bool take_ecu(struct pri_conf *r, struct pri_config *c, struct pri_ecu_config *ecu)
{
    struct section_text s = unit("ecu", ecu->serial);
    struct draft d = {.ecu = *ecu};
    bool ok = take_section(r, ECU, s.text, &d);
    *ecu = d.ecu;
    while (ok && ecu->bus < c->bus_count && strcmp(c->buses[ecu->bus].name, d.bus) != 0) ecu->bus++;
    if (ok && ecu->bus == c->bus_count)
        ok = pri_conf_wrong(r, pri_conf_find(r, s.text, "bus"), "the name of a [bus] section");
    ok = ok && set_channel(r, s.text, &d, c->buses[ecu->bus].fd, &ecu->channel);
    free(d.bus);
    return ok;
}

/* The other ECU on the same bus that sends or receives ID. */
static const char *id_owner(const struct pri_config *c, const struct pri_ecu_config *ecu, uint32_t id)
{
    for (const struct pri_ecu_config *e = c->ecus; e < c->ecus + c->ecu_count; e++)
        if (e != ecu && e->bus == ecu->bus && (e->channel.tx_id == id || e->channel.rx_id == id))
            return e->serial;
    return NULL;
}

static bool check_ids(struct pri_conf *r, const struct pri_config *c, const struct pri_ecu_config *ecu)
{
    const struct isotp_config *ch = &ecu->channel;
    const struct {
        const char *key;
        uint32_t id;
        bool clash; /* within the ECU */
    } ids[] = {{"request_id", ch->tx_id, false},
               {"response_id", ch->rx_id, ch->rx_id == ch->tx_id},
               {"functional_id", ch->functional_id,
                ch->functional_id == ch->tx_id || ch->functional_id == ch->rx_id}};
    struct section_text s = unit("ecu", ecu->serial);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const struct pri_conf_entry *e = pri_conf_find(r, s.text, ids[i].key);
        if (e == NULL) continue;
        const char *owner = ids[i].clash ? ecu->serial : id_owner(c, ecu, ids[i].id);
        char expected[UP_ID_MAX + 64];
        snprintf(expected, sizeof expected, "an identifier of its own, [ecu %s] has this one",
                 owner == NULL ? "" : owner);
        if (owner != NULL) return pri_conf_wrong(r, e, expected);
    }
    if (strcmp(ecu->serial, c->serial) == 0)
        return pri_conf_error(r, pri_conf_find(r, s.text, NULL)->line, "[%s]: the serial of the Primary",
                              s.text);
    return true;
}

static bool take_bus(struct pri_conf *r, struct pri_bus_config *bus)
{
    struct section_text s = unit("bus", bus->name);
    if (!take_section(r, BUS, s.text, bus)) return false;
    const bool known = bus->bitrate > 0 && (!bus->fd || bus->data_bitrate > 0);
    if (bus->load_percent == 0) bus->load_percent = known ? USUAL_LOAD_PERCENT : 100;
    if (bus->load_percent == 100 || known) return true;
    return pri_conf_wrong(r, pri_conf_find(r, s.text, "load_percent"),
                          bus->fd ? "100, or bitrate and data_bitrate beside it"
                                  : "100, or bitrate beside it");
}

static bool check_badge(struct pri_conf *r, const struct pri_config *c, const struct pri_ecu_config *ecu)
{
    if (!ecu->authentication || c->bus_certificate != NULL) return true;
    return pri_conf_wrong(r, pri_conf_find(r, unit("ecu", ecu->serial).text, "authentication"),
                          "no, or bus_certificate and bus_key in [primary]");
}

static bool take_all(struct pri_conf *r, struct pri_config *c)
{
    if (!pri_conf_read(r) || !find_sections(r, c) || !check_keys(r)) return false;
    for (enum section s = 0; s < BUS; s++)
        if (!take_section(r, s, section_names[s], c)) return false;
    if (c->time_url == NULL && !(c->director.profile->relax & UP_RELAX_TIME_FROM_PRIMARY))
        return pri_conf_error(r, 0, "[time] url is missing");
    for (unsigned i = 0; i < c->bus_count; i++)
        if (!take_bus(r, &c->buses[i])) return false;
    for (unsigned i = 0; i < c->ecu_count; i++)
        if (!take_ecu(r, c, &c->ecus[i])) return false;
    for (unsigned i = 0; i < c->ecu_count; i++)
        if (!check_ids(r, c, &c->ecus[i]) || !check_badge(r, c, &c->ecus[i])) return false;
    if ((c->bus_key == NULL) != (c->bus_certificate == NULL))
        return pri_conf_error(r, 0, "[primary] bus_certificate and bus_key: one is missing");
    return true;
}

struct pri_config *pri_config_read(const char *path, char *why, size_t why_size)
{
    struct pri_conf r = {.path = path, .why = why, .why_size = why_size};
    struct pri_config *c = calloc(1, sizeof *c);
    bool ok = c != NULL && (c->path = strdup(path)) != NULL ? take_all(&r, c) : pri_conf_no_memory(&r);
    pri_conf_drop(&r);
    if (ok) return c;
    pri_config_free(c);
    return NULL;
}

void pri_config_free(struct pri_config *c)
{
    if (c == NULL) return;
    char *const strings[] = {
        c->path,      c->vehicle_id,   c->serial,          c->hardware_id, c->name_pattern,   c->key,
        c->state_dir, c->director.url, c->director.root,   c->image.url,   c->image.root,     c->time_url,
        c->tls_ca,    c->tls_key,      c->tls_certificate, c->bus_key,     c->bus_certificate};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) free(strings[i]);
    for (unsigned i = 0; i < c->bus_count; i++) {
        free(c->buses[i].name);
        free(c->buses[i].link);
    }
    for (unsigned i = 0; i < c->ecu_count; i++) {
        free(c->ecus[i].serial);
        free(c->ecus[i].hardware_id);
        free(c->ecus[i].public_key);
        free(c->ecus[i].tester_secret);
    }
    free(c);
}
