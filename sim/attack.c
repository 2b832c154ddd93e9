/* The table of attacks, and running one. */
#include "sim/attack_kit.h"

#include <stdio.h>
#include <string.h>

const struct sim_attack sim_attacks[] = {
    {"replay-old-metadata", "Replay of last week's metadata", "network", "V-TSP-05", sim_attack_replay},
    {"stolen-director-key", "A stolen Director key orders an image that the Image repository never signed",
     "the Director's online keys; then also the bus", "V-MATCH-08, S-PART-09",
     sim_attack_stolen_director_key},
    {"freeze", "The same metadata for ever", "network", "V-TSP-08", sim_attack_freeze},
    {"dropped-time", "Time messages dropped, to freeze the clock", "network", "E-CLK-10",
     sim_attack_dropped_time},
    {"forged-time", "A changed time attestation", "network", "E-CLK-05", sim_attack_forged_time},
    {"mix-and-match", "Genuine files that were never released together", "network", "V-SNAP-03",
     sim_attack_mix_and_match},
    {"other-vehicle", "The Director's files for another vehicle", "network; then also the bus",
     "E-DIR-07, S-PART-11", sim_attack_other_vehicle},
    {"crossed-repositories", "One repository's file in the place of the other's", "network", "V-KEY-11",
     sim_attack_crossed_repositories},
    {"forged-root", "A Root that the old keys have not signed", "network", "V-ROOT-04",
     sim_attack_forged_root},
    {"endless-data", "Endless metadata", "network", "P-DL-01", sim_attack_endless_data},
    {"withheld-metadata", "Metadata withheld", "network", "E-STO-13", sim_attack_withheld_metadata},
    {"withheld-role", "A supplier's role withheld, for a mixed set", "network", "V-DEL-10, P-MATCH-12",
     sim_attack_withheld_role},
    {"tampered-image", "Images changed on the server", "image storage", "E-IMG-08",
     sim_attack_tampered_image},
    {"truncated-image", "Images cut off on the server", "image storage", "E-IMG-09",
     sim_attack_truncated_image},
    {"wrong-hardware", "A genuine image for another ECU", "the Director's online keys; then also the bus",
     "V-MATCH-10", sim_attack_wrong_hardware},
    {"old-image", "An old image in new metadata, on which both repositories agree",
     "the Director's online keys; then also the bus", "V-MATCH-11, E-IMG-06", sim_attack_old_image},
    {"stolen-image-keys", "An ordered image replaced in the Image repository",
     "all keys of the Image repository", "V-MATCH-03, V-MATCH-09", sim_attack_stolen_image_keys},
    {"supplier-out-of-bounds", "A supplier signs an image that is not his to sign",
     "the radio supplier's key and the Director's online keys", "V-DEL-04",
     sim_attack_supplier_out_of_bounds},
    {"duplicated-signature", "One of two keys signs twice", "one key of two", "E-KEY-05",
     sim_attack_duplicated_signature},
    {"fast-forward", "Versions driven up to the ceiling, and healed by a new key",
     "the Director's Timestamp key", "V-REC-02", sim_attack_fast_forward},
    {"future-time", "The clock set to 2099, and healed by a new key", "the time server's key",
     "V-CLK-11, V-CLK-12", sim_attack_future_time},
    {"no-metadata", "Programming over UDS without metadata", "the bus", "E-BUS-01, E-LOG-02",
     sim_attack_no_metadata},
    {"other-image", "Other bytes under a genuine order", "the bus", "E-BUS-02, E-IMG-08",
     sim_attack_other_image},
    {"replayed-order", "An order replayed on the bus", "the bus", "E-TGT-04", sim_attack_replayed_order},
    {"lying-secondary", "A Secondary that lies about itself, to stop the others", "one Secondary",
     "P-DIST-14", sim_attack_lying_secondary},
};
const size_t sim_attack_count = sizeof sim_attacks / sizeof *sim_attacks;

const struct sim_attack *sim_attack_named(const char *name)
{
    for (size_t i = 0; i < sim_attack_count; i++)
        if (strcmp(sim_attacks[i].name, name) == 0) return &sim_attacks[i];
    return NULL;
}

void sim_attack_run(const struct sim_attack *a, uint64_t seed, const char *dir, struct sim_attack_result *r)
{
    *r = (struct sim_attack_result){0};
    struct sim_vehicle_options o = {.seed = seed, .dir = dir, .scheme = UP_ED25519};
    struct sim_vehicle *v = sim_vehicle_open(&o, r->trouble, sizeof r->trouble);
    if (v == NULL) return;
    r->trouble[0] = '\0';
    a->run(v, r);
    r->held = r->trouble[0] == '\0' && r->steps > 0;
    for (unsigned i = 0; i < r->steps; i++) r->held = r->held && r->step[i].as_expected;
    sim_vehicle_close(v);
}

cJSON *sim_attack_json(const struct sim_attack *a, const struct sim_attack_result *r)
{
    cJSON *o = cJSON_CreateObject(), *steps = cJSON_CreateArray();
    cJSON_AddStringToObject(o, "name", a->name);
    cJSON_AddStringToObject(o, "title", a->title);
    cJSON_AddStringToObject(o, "attacker_holds", a->holds);
    cJSON_AddStringToObject(o, "requirement", a->requirement);
    cJSON_AddBoolToObject(o, "held", r->held);
    for (unsigned i = 0; i < r->steps; i++) {
        cJSON *s = cJSON_CreateObject();
        cJSON_AddStringToObject(s, "who", r->step[i].who);
        cJSON_AddStringToObject(s, "what", r->step[i].what);
        cJSON_AddStringToObject(s, "expected", up_err_name(r->step[i].expected));
        cJSON_AddStringToObject(s, "got", up_err_name(r->step[i].got));
        cJSON_AddStringToObject(s, "attack", up_err_attack(r->step[i].got));
        cJSON_AddBoolToObject(s, "as_expected", r->step[i].as_expected);
        cJSON_AddItemToArray(steps, s);
    }
    cJSON_AddItemToObject(o, "steps", steps);
    if (r->limit[0] != '\0') cJSON_AddStringToObject(o, "known_limit", r->limit);
    if (r->trouble[0] != '\0') cJSON_AddStringToObject(o, "trouble", r->trouble);
    return o;
}
