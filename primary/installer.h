/* The installer port: the Primary's own image. Adapter: installer_slots.c (two slot files and a record, as on
 * a unit with A/B partitions); boot loaders and package managers fit behind the same verbs. The verbs are
 * those of a Secondary on the bus, so that the Primary is one more member of its bundle. */
#ifndef PRIMARY_INSTALLER_H
#define PRIMARY_INSTALLER_H

#include "metadata/role.h"

struct pri_installed {
    char name[UP_NAME_MAX + 1]; /* "unknown" when nothing is installed */
    uint64_t length;
    uint8_t sha256[UP_SHA256_BYTES];
    uint32_t release_counter;       /* of the image that runs */
    uint32_t release_floor;         /* highest confirmed */
    bool trial;                     /* runs, not confirmed yet */
    uint8_t order[UP_SHA256_BYTES]; /* of the prepared or trial image; zeros: none */
    bool prepared;
    bool armed; /* runs after the next restart; never with installer_slots.c */
};

/* Verbs name the order that they belong to. One that was carried out already is OK once more, so that it can
 * be repeated after a power cut; one that does not fit the state is PRECONDITION. After a failure the image
 * that runs is as before. */
struct pri_installer {
    /* Writes the image from FILE to the slot that does not run, and reads it back. Works in pieces: call
     * again while *more. */
    enum up_err (*prepare)(struct pri_installer *i, const struct up_target *target, const char *file,
                           const uint8_t order[UP_SHA256_BYTES], bool *more);
    /* What was prepared runs, on trial. */
    enum up_err (*activate)(struct pri_installer *i, const uint8_t order[UP_SHA256_BYTES]);
    /* The trial has ended well: its release counter is the floor from now on. */
    enum up_err (*confirm)(struct pri_installer *i, const uint8_t order[UP_SHA256_BYTES]);
    /* From trial back to what ran before. */
    enum up_err (*revert)(struct pri_installer *i, const uint8_t order[UP_SHA256_BYTES]);
    enum up_err (*state)(struct pri_installer *i, struct pri_installed *out);
    void (*close)(struct pri_installer *i);
};

/* Slots in DIR (created), records in STATE. */
struct pri_state;
struct pri_installer *pri_installer_slots(const char *dir, struct pri_state *state, char *why,
                                          size_t why_size);
/* What the plant installed; taken when nothing is installed yet, else OK without effect. */
enum up_err pri_installer_provision(struct pri_installer *i, const char *name, struct up_span image,
                                    uint32_t release_counter) UP_NODISCARD;

#endif
