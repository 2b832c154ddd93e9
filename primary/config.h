/* isoctane.conf: INI, read once, checked whole before anything starts. Every error names file, line, key and
 * value. */
#ifndef PRIMARY_CONFIG_H
#define PRIMARY_CONFIG_H

#include "isotp/isotp.h"
#include "metadata/profile.h"
#include "metadata/search.h"
#include "primary/fetch.h"

#define PRI_ECUS_MAX  64
#define PRI_BUSES_MAX 8

struct pri_bus_config { /* [bus can0] */
    char *name;
    char *link; /* "can:vcan0", "bus:/run/can0.sock" */
    bool fd;
    uint32_t bitrate, data_bitrate, load_percent; /* cap on our share of the bus; bitrate 0: not known */
};

struct pri_ecu_config { /* [ecu brake]: a Secondary */
    char *serial, *hardware_id;
    unsigned bus; /* index into buses */
    bool full;    /* full verification */
    const struct up_profile *profile;
    struct isotp_config channel;
    char *public_key;    /* PEM file: reports are checked against it; NULL: the Director does */
    bool authentication; /* it wants to know who the Primary is (29) */
    char *tester_secret; /* file: what its lock (27) is opened with; NULL: it has none */
};

struct pri_repo_config { /* [director], [image] */
    char *url;           /* https://host:port/director/ */
    char *root;          /* file: the Root to start from, provisioned */
    const struct up_profile *profile;
};

struct pri_config {
    char *path;
    char *vehicle_id;                          /* [vehicle] id */
    char *serial, *hardware_id, *name_pattern; /* [primary] */
    char *key;                                 /* PEM file: signs reports and manifests */
    char *bus_certificate, *bus_key;           /* PEM files: who the Primary is on the bus; NULL: nobody */
    char *state_dir;                           /* state.db, images/, slots/ */
    int64_t base_time_s;                       /* provisioning time */
    struct pri_repo_config director, image;
    char *time_url; /* NULL: none; only with the relaxation time-from-primary */
    char *tls_ca, *tls_certificate, *tls_key;
    uint32_t poll_interval_s;
    uint32_t time_max_age_s;                      /* an attestation older than this starts no install */
    uint32_t speed_floor_bytes_s, speed_window_s; /* slower than this for so long: TOO_SLOW */
    uint32_t ecu_deadline_s;                      /* a silent Secondary is given up after */
    uint32_t boot_deadline_s;                     /* a Secondary has restarted by then */
    uint64_t image_max_bytes;
    struct pri_bus_config buses[PRI_BUSES_MAX];
    struct pri_ecu_config ecus[PRI_ECUS_MAX];
    unsigned bus_count, ecu_count;
};

/* NULL: WHY holds one message, "isoctane.conf:12: [ecu brake] request_id = 0x9: not a CAN identifier". */
struct pri_config *pri_config_read(const char *path, char *why, size_t why_size);
void pri_config_free(struct pri_config *c);

#endif
