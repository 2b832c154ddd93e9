/* The kinds of values in a configuration file: how each is read, and what to say when it is none. Private to
 * config*.c. */
#ifndef PRIMARY_CONFIG_VALUES_H
#define PRIMARY_CONFIG_VALUES_H

#include "primary/config_lines.h"

#include <stdint.h>

/* Reads TEXT into FIELD, of the kind's own type; MIN and MAX are for numbers. False: it is none, FIELD is as
 * it was. A char * is malloc'd. */
typedef bool pri_conf_take(struct pri_conf *r, const char *text, uint64_t min, uint64_t max, void *field);

struct pri_conf_type {
    pri_conf_take *take;
    const char *expected; /* NULL: a number from MIN to MAX */
};

extern const struct pri_conf_type pri_conf_text, /* char * */
    pri_conf_id,                                 /* char *: up_is_id */
    pri_conf_hardware,                           /* char *: up_is_hardware_id */
    pri_conf_folder, pri_conf_readable,          /* char *: relative to the configuration file */
    pri_conf_url,                                /* char * */
    pri_conf_base_url,                           /* char *, with a '/' at its end */
    pri_conf_profile,                            /* const struct up_profile * */
    pri_conf_instant,                            /* int64_t: seconds since 1970 */
    pri_conf_yes_no,                             /* bool */
    pri_conf_verification,                       /* bool: full */
    pri_conf_u32, pri_conf_u64,                  /* uint32_t, uint64_t */
    pri_conf_can_id,                             /* uint32_t, with ISOTP_ID_EXTENDED */
    pri_conf_st_min,                             /* uint8_t, as coded on the wire */
    pri_conf_pad;                                /* uint32_t: a byte, or PRI_CONF_NO_PAD */
#define PRI_CONF_NO_PAD 256

#endif
