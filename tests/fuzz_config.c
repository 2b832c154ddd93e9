/* Bytes as a configuration file of the Primary or of a Secondary, as the first byte says. A refusal names the
 * file and says one line; what is taken can be written down again and reads the same; identifiers on a bus
 * are distinct. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "metadata/encode.h"
#include "primary/config.h"
#include "secondary/config_posix.h"
#include "tests/fuzz.h"

static char path[64]; /* of a file in memory, rewound and rewritten for every input */

static void put(const void *data, size_t size)
{
    static int file = -1;
    if (file < 0) file = memfd_create("conf", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    must(file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size, "no file");
}

static void check_reason(const char *why)
{
    must(strncmp(why, path, strlen(path)) == 0 && why[strlen(path)] == ':', "a reason without the file");
    must(strlen(why) > strlen(path) + 2 && strchr(why, '\n') == NULL, "not one line");
}

struct text {
    char bytes[1 << 18];
    size_t n;
};
__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->bytes + t->n, sizeof t->bytes - t->n, format, args);
    va_end(args);
    must(n >= 0 && (size_t)n < sizeof t->bytes - t->n, "too long");
    t->n += (size_t)n;
}

static void add_id(struct text *t, const char *key, uint32_t id)
{
    add(t, "%s = 0x%0*" PRIX32 "\n", key, id & ISOTP_ID_EXTENDED ? 8 : 3, id & ISOTP_ID_MASK);
}

static void add_st_min(struct text *t, unsigned coded)
{
    if (coded <= 0x7F)
        add(t, "st_min = %u\n", coded);
    else
        add(t, "st_min = %u00us\n", coded - 0xF0);
}

static void add_instant(struct text *t, const char *key, int64_t time_s)
{
    char instant[UP_TIME_TEXT];
    up_time_encode(time_s, instant);
    add(t, "%s = %.*s\n", key, UP_TIME_TEXT, instant);
}

/* A text that may be left out. */
static void add_text(struct text *t, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0') add(t, "%s = %s\n", key, value);
}

/* ---- the Primary's ---- */

static void write_primary(struct text *t, const struct pri_config *c)
{
    add(t, "[vehicle]\nid = %s\n[primary]\nserial = %s\nhardware_id = %s\n", c->vehicle_id, c->serial,
        c->hardware_id);
    add_text(t, "image_names", c->name_pattern);
    add(t, "key = %s\nstate_dir = %s\n", c->key, c->state_dir);
    add_instant(t, "base_time", c->base_time_s);
    add(t, "[director]\nurl = %s\nroot = %s\nprofile = %s\n", c->director.url, c->director.root,
        c->director.profile->name);
    add(t, "[image]\nurl = %s\nroot = %s\nprofile = %s\n", c->image.url, c->image.root,
        c->image.profile->name);
    if (c->time_url != NULL) add(t, "[time]\nurl = %s\n", c->time_url);
    add(t, "[tls]\nca = %s\ncertificate = %s\nkey = %s\n", c->tls_ca, c->tls_certificate, c->tls_key);
    add(t, "[poll]\ninterval_s = %" PRIu32 "\n[limits]\ntime_max_age_s = %" PRIu32 "\n", c->poll_interval_s,
        c->time_max_age_s);
    add(t, "speed_floor_bytes_s = %" PRIu32 "\nspeed_window_s = %" PRIu32 "\n", c->speed_floor_bytes_s,
        c->speed_window_s);
    add(t, "ecu_deadline_s = %" PRIu32 "\nboot_deadline_s = %" PRIu32 "\nimage_max_bytes = %" PRIu64 "\n",
        c->ecu_deadline_s, c->boot_deadline_s, c->image_max_bytes);
    for (const struct pri_bus_config *b = c->buses; b < c->buses + c->bus_count; b++)
        add(t, "[bus %s]\nlink = %s\nfd = %s\n", b->name, b->link, b->fd ? "yes" : "no");
    for (const struct pri_ecu_config *e = c->ecus; e < c->ecus + c->ecu_count; e++) {
        const struct isotp_config *ch = &e->channel;
        add(t, "[ecu %s]\nbus = %s\nhardware_id = %s\nverification = %s\nprofile = %s\n", e->serial,
            c->buses[e->bus].name, e->hardware_id, e->full ? "full" : "partial", e->profile->name);
        add_id(t, "request_id", ch->tx_id);
        add_id(t, "response_id", ch->rx_id);
        if (ch->functional_id != 0) add_id(t, "functional_id", ch->functional_id);
        add(t, "block_size = %u\ntx_dl = %u\n", ch->block_size, ch->tx_dl);
        add_st_min(t, ch->st_min);
        if (ch->pad) add(t, "pad = 0x%02X\n", ch->pad_byte);
        add_text(t, "public_key", e->public_key);
    }
}

static void check_primary(const struct pri_config *c)
{
    must(c->bus_count <= PRI_BUSES_MAX && c->ecu_count <= PRI_ECUS_MAX, "too many");
    for (const struct pri_ecu_config *e = c->ecus; e < c->ecus + c->ecu_count; e++) {
        must(e->bus < c->bus_count && up_is_id(up_span_of(e->serial)), "an ECU on no bus");
        must(e->channel.tx_id != e->channel.rx_id, "one identifier for both ways");
        for (const struct pri_ecu_config *o = c->ecus; o < e; o++)
            must(strcmp(o->serial, e->serial) != 0 &&
                     (o->bus != e->bus ||
                      (o->channel.tx_id != e->channel.tx_id && o->channel.rx_id != e->channel.rx_id)),
                 "two ECUs are one");
    }
}

static void primary(void)
{
    static struct text first, second;
    char why[400] = "";
    struct pri_config *c = pri_config_read(path, why, sizeof why);
    if (c == NULL) {
        check_reason(why);
        return;
    }
    check_primary(c);
    first.n = second.n = 0;
    write_primary(&first, c);
    pri_config_free(c);
    put(first.bytes, first.n);
    c = pri_config_read(path, why, sizeof why);
    must(c != NULL, why);
    write_primary(&second, c);
    pri_config_free(c);
    must(first.n == second.n && memcmp(first.bytes, second.bytes, first.n) == 0, "reads in another way");
}

/* ---- a Secondary's ---- */

static void write_secondary(struct text *t, const struct sec_config *c)
{
    add(t, "[ecu]\nvehicle_id = %s\nserial = %s\nhardware_id = %s\nverification = %s\nprofile = %s\n",
        c->vehicle_id, c->serial, c->hardware_id, c->full ? "full" : "partial", c->profile->name);
    add_text(t, "image_names", c->image_names);
    add(t, "key = %s\ntime_max_age_s = %" PRIu32 "\ntrial_limit_s = %" PRIu32 "\n", c->key, c->time_max_age_s,
        c->trial_limit_s);
    add(t, "[bus]\nlink = %s\nfd = %s\n", c->link, c->fd ? "yes" : "no");
    add_id(t, "request_id", c->request_id);
    add_id(t, "response_id", c->response_id);
    if (c->functional_id != 0) add_id(t, "functional_id", c->functional_id);
    add(t, "block_size = %" PRIu32 "\nmax_message = %" PRIu32 "\n", c->block_size, c->max_message);
    add_st_min(t, c->st_min);
    if (c->pad) add(t, "pad = 0x%02" PRIX32 "\n", c->pad_byte);
    add(t, "[storage]\nflash = %s\nslot_bytes = %" PRIu32 "\nstaging_bytes = %" PRIu32 "\n[provision]\n",
        c->flash, c->slot_bytes, c->staging_bytes);
    add_text(t, "director_root", c->director_root);
    add_text(t, "director_targets", c->director_targets);
    add_text(t, "image_root", c->image_root);
    add_text(t, "image", c->image);
    add_text(t, "image_name", c->image_name);
    add(t, "release_counter = %" PRIu32 "\n", c->release_counter);
    add_instant(t, "base_time", c->base_time_s);
}

static void secondary(void)
{
    static struct sec_config a, b;
    static struct text text;
    char why[2048] = "";
    if (!sec_config_read(&a, path, why, sizeof why)) {
        check_reason(why);
        return;
    }
    struct isotp_config channel = sec_config_channel(&a);
    must(channel.tx_id != channel.rx_id, "one identifier for both ways");
    text.n = 0;
    write_secondary(&text, &a);
    put(text.bytes, text.n);
    must(sec_config_read(&b, path, why, sizeof why), why);
    static struct text second;
    second.n = 0;
    write_secondary(&second, &b);
    must(text.n == second.n && memcmp(text.bytes, second.bytes, text.n) == 0, "reads in another way");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 100000) return 0;
    put(data + 1, size - 1);
    if (data[0] & 1)
        secondary();
    else
        primary();
    return 0;
}
