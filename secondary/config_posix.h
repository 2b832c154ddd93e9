/* Configuration of isoctane-secondary: an INI file, read whole, checked whole.
 * docs/man/isoctane-secondary.conf.5 has the keys. */
#ifndef SECONDARY_CONFIG_POSIX_H
#define SECONDARY_CONFIG_POSIX_H

#include "isotp/isotp.h"
#include "metadata/profile.h"
#include "metadata/span.h"
#include "metadata/trust.h"
#include "secondary/layout.h"

#define SEC_TEXT_MAX 512 /* a value */

typedef char sec_text[SEC_TEXT_MAX];

struct sec_config {
    /* [ecu] */
    sec_text vehicle_id, serial, hardware_id, image_names, key, tester_ca, tester_secret;
    bool full;
    const struct up_profile *profile;
    uint32_t time_max_age_s, trial_limit_s;
    /* [bus] */
    sec_text link;
    bool fd, pad;
    uint32_t request_id, response_id, functional_id; /* with ISOTP_ID_EXTENDED */
    uint32_t block_size, st_min, pad_byte, max_message;
    /* [storage] */
    sec_text flash;
    enum sec_layout_kind layout;
    uint32_t slot_bytes, staging_bytes;
    /* [boot] */
    sec_text boot_key; /* empty: policy `digest` */
    /* [provision]: files are looked at by `provision` only */
    sec_text set[2][UP_TIME]; /* by enum up_repo and role; Director Targets below */
    sec_text director_root, director_targets, image_root, image, image_name;
    uint32_t release_counter;
    int64_t base_time_s;
};

/* False: WHY is "file:line: [section] key = value: expected ...", the first mistake. */
bool sec_config_read(struct sec_config *c, const char *path, char *why, size_t why_size);
struct isotp_config sec_config_channel(const struct sec_config *c);

#endif
