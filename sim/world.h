/* The demo vehicle: who its ECUs are, which bus each is on, which images it runs and is to get; and the
 * making of everything around it: both repositories, the Director's inventory, keys and certificates,
 * configurations. One table for the demo with real processes and for the simulation in one process. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "isotp/frame.h"
#include "sim/director.h"
#include "sim/repo.h"

#define SIM_WORLD_VEHICLE "ISOCTANE-DEMO-1"
#define SIM_WORLD_ECUS    5 /* [0] is the Primary */
#define SIM_WORLD_BUSES   2

struct sim_world_bus {
    const char *name;
    bool fd;
    uint32_t bitrate, data_bitrate;
};
struct sim_world_ecu {
    const char *serial, *hardware_id;
    int bus;                          /* index; -1: the Primary has none */
    uint32_t request_id, response_id; /* with ISOTP_ID_EXTENDED */
    bool full;
    const char *bundle;   /* NULL: stands alone */
    const char *folder;   /* of its images' names; also the paths of a supplier's delegation */
    const char *supplier; /* delegated role that signs them; NULL: top-level Targets */
    uint32_t image_bytes;
    const char *description; /* for tables */
};
extern const struct sim_world_bus sim_world_buses[SIM_WORLD_BUSES];
extern const struct sim_world_ecu sim_world_ecus[SIM_WORLD_ECUS];

struct sim_world {
    char dir[SIM_PATH_MAX]; /* DIR/repos as sim/repo.h, DIR/ecus/SERIAL.pem, DIR/images/... */
    char repos[SIM_PATH_MAX];
    uint8_t seed[32];
    bool seeded; /* keys and images follow from seed */
    char why[SIM_WHY_MAX];
};

/* Makes repositories, inventory, ECU keys, image 1 of every ECU (what the plant installs) and image 2, in
 * DIR, which must not exist yet or be empty. SEED NULL: random keys. Nothing is ordered yet. */
bool sim_world_create(struct sim_world *w, const char *dir, const uint8_t *seed, enum up_scheme scheme,
                      int64_t now_s);

/* "brake/fw-2.bin" */
void sim_world_image_name(const struct sim_world_ecu *e, unsigned version, char out[UP_NAME_MAX + 1]);
/* Its bytes; free() them. A text line, then noise that follows from the seed. NULL: out of memory. */
uint8_t *sim_world_image(const struct sim_world *w, const struct sim_world_ecu *e, unsigned version,
                         size_t *n);
/* DIR/ecus/SERIAL.pem */
void sim_world_key_path(const struct sim_world *w, const struct sim_world_ecu *e, char out[SIM_PATH_MAX]);
/* Orders image VERSION for all ECUs, the bundle as one. */
bool sim_world_order(struct sim_world *w, struct sim_director *d, unsigned version);

#endif
