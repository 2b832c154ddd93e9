/* What attacks are made of. Internal to sim/attack*.c. */
#ifndef SIM_ATTACK_KIT_H
#define SIM_ATTACK_KIT_H

#include "sim/attack.h"

/* ---- the story ---- */

void sim_attack_note(struct sim_attack_result *r, const char *who, enum up_err expected, enum up_err got,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The attack cannot be run. */
void sim_attack_trouble(struct sim_attack_result *r, const char *why);
/* A cycle of the Primary; its verdict. */
enum up_err sim_attack_cycle(struct sim_vehicle *v);
void sim_attack_runs(struct sim_vehicle *v, struct sim_attack_result *r, unsigned ecu, unsigned version);
void sim_attack_all_run(struct sim_vehicle *v, struct sim_attack_result *r, unsigned version);
/* The administrator orders VERSION for all ECUs. */
bool sim_attack_order(struct sim_vehicle *v, struct sim_attack_result *r, unsigned version);
/* After every attack an honest update must still go through (V-FULL-06). */
void sim_attack_heals(struct sim_vehicle *v, struct sim_attack_result *r, unsigned version);
/* The next manifest tells the Director of what ECU has detected. */
void sim_attack_is_told(struct sim_vehicle *v, struct sim_attack_result *r, unsigned ecu, const char *what);

/* ---- the network ---- */

/* A man in the middle, or a server of his; NULL: gone. */
void sim_attack_meddle(struct sim_vehicle *v,
                       void (*tamper)(void *, const struct sim_request *, struct sim_reply *), void *ctx);
bool sim_attack_copy_reply(struct sim_reply *to, const struct sim_reply *from);

/* ---- the repositories ---- */

bool sim_attack_open_repo(struct sim_vehicle *v, struct sim_attack_result *r, struct sim_repo *repo);
/* A stolen key of the Director signs: IMAGE, as the Image repository has it for HARDWARE, is ordered for ECU.
 * TEXT is a value for a twist "set"; false: no room, or no such image. */
bool sim_attack_foreign_order(struct sim_vehicle *v, const char *image, const char *hardware, unsigned ecu,
                              char *text, size_t size);

/* ---- the bus ---- */

struct sim_loot { /* files for one ECU, as the servers give them */
    struct pri_file file[12];
    uint8_t *body[12];
    unsigned count;
    uint8_t order[UDS_ORDER_BYTES];
};
/* All that ECU needs, from the servers as they answer now, but the time. */
void sim_attack_loot(struct sim_vehicle *v, unsigned ecu, struct sim_loot *l);
void sim_attack_loot_free(struct sim_loot *l);
/* Past the Primary: what is in L and a genuine time, then IMAGE, to the end or to the first refusal. */
enum up_err sim_attack_on_bus(struct sim_vehicle *v, unsigned ecu, struct sim_loot *l, struct up_span image);

/* ---- by theme ---- */

typedef void sim_attack_story(struct sim_vehicle *v, struct sim_attack_result *r);
/* attack_network.c */
sim_attack_story sim_attack_replay, sim_attack_freeze, sim_attack_tampered_image, sim_attack_truncated_image,
    sim_attack_endless_data, sim_attack_withheld_metadata, sim_attack_withheld_role, sim_attack_forged_time,
    sim_attack_dropped_time, sim_attack_mix_and_match, sim_attack_other_vehicle,
    sim_attack_crossed_repositories, sim_attack_forged_root;
/* attack_keys.c */
sim_attack_story sim_attack_stolen_director_key, sim_attack_stolen_image_keys, sim_attack_wrong_hardware,
    sim_attack_old_image, sim_attack_supplier_out_of_bounds, sim_attack_duplicated_signature,
    sim_attack_fast_forward, sim_attack_future_time;
/* attack_bus.c */
sim_attack_story sim_attack_no_metadata, sim_attack_replayed_order, sim_attack_other_image,
    sim_attack_lying_secondary;

#endif
