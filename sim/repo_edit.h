/* How the author changes the Image repository: read what is published, change bodies, publish once.
 * Internal to sim/repo*.c. */
#ifndef SIM_REPO_EDIT_H
#define SIM_REPO_EDIT_H

#include "sim/repo.h"

/* The newest Root of a repository: its body, which the caller owns. NULL: r->why. */
cJSON *sim_root_newest(struct sim_repo *r, enum up_repo repo, uint32_t *version);
/* Signs BODY as version VERSION of the Root and publishes it. */
bool sim_root_publish(struct sim_repo *r, enum up_repo repo, cJSON *body, uint32_t version,
                      const struct sim_keys *signers, int64_t now_s);
/* Adds the keys that RING ({"keyids","threshold"}) lists for a role. Refuses when less than its threshold are
 * there: nobody would accept the file. */
bool sim_ring_load(struct sim_repo *r, enum up_repo repo, const char *role, const cJSON *ring,
                   struct sim_keys *keys);
/* "director/timestamp", "image/delegated/NAME", "time": where the keys of a role lie below r->keys. */
bool sim_key_base(char out[SIM_PATH_MAX], enum up_repo repo, const char *role);
/* The role object {"keyids","threshold"} of a Root body; NULL: none. */
cJSON *sim_root_role(const cJSON *root, const char *role);
/* Puts KEYS into the object KEYS_OBJECT by id, and returns the array of their ids. */
cJSON *sim_keys_list(const struct up_profile *p, cJSON *keys_object, const struct sim_keys *keys);
/* "keyids" and "threshold" for KEYS into ROLE; false: PLAN's threshold is no threshold. */
bool sim_role_keys(struct sim_repo *r, cJSON *role, cJSON *keys_object, const struct sim_keys *keys,
                   unsigned threshold);
/* A body with what every role has, except the version. */
cJSON *sim_body_new(const struct up_profile *p, const char *type);
void sim_body_date(cJSON *body, uint32_t version, int64_t expires_s);
uint32_t sim_body_version(const cJSON *body);
int64_t sim_body_expires(const cJSON *body); /* -1: none */
cJSON *sim_strings(sim_list list);
/* {"sha256":..., "sha512":...} of BYTES; {"hashes","length","version"}: how one file names another. */
cJSON *sim_hashes(struct up_span bytes, bool sha512);
cJSON *sim_named(struct up_span file, uint32_t version, bool sha512);
/* Where a file lies below its repository, as the profile says: "3.supplier.json",
 * "delegations/supplier.json"; "targets/fw/DIGEST.tcu.bin", "targets/fw/tcu.bin". */
#define SIM_METADATA_NAME (UP_FILE_NAME_MAX + 16)
void sim_metadata_name(const struct up_profile *p, const char *role, uint32_t version,
                       char out[SIM_METADATA_NAME]);
void sim_image_name(const struct up_profile *p, const char *image, const char *digest,
                    char out[SIM_PATH_MAX]);
/* "supplier" from "supplier.json", a member of Snapshot's meta; false: it has no such form. */
bool sim_role_of_meta(char role[UP_NAME_MAX + 6], const char *member);
struct sim_author sim_repo_author(const struct sim_repo *r);

struct sim_edit {
    struct sim_repo *r;
    int64_t now_s;
    cJSON *root, *snapshot;
    uint32_t timestamp_version;
    int64_t timestamp_expires_s;
    cJSON *roles;       /* NAME -> body, of those looked at */
    cJSON *touched;     /* names to re-sign */
    cJSON *versions;    /* NAME -> last version given to it */
    bool sign_snapshot; /* even when no role is touched */
    unsigned written;   /* files, after publishing */
};
/* From the published files; an empty repository with no more than a Root begins at nothing. Release with
 * sim_edit_end() in any case. */
bool sim_edit_begin(struct sim_edit *e, struct sim_repo *r, int64_t now_s);
void sim_edit_end(struct sim_edit *e);
/* The body of a role, borrowed. NULL: r->why. */
cJSON *sim_edit_role(struct sim_edit *e, const char *name);
void sim_edit_touch(struct sim_edit *e, const char *name);
/* The delegation to role NAME. All borrowed. */
struct sim_edge {
    const char *parent; /* who delegates */
    cJSON *delegation;
    cJSON *ring; /* {"keyids","threshold"} of the role: the delegation itself, or one of its "roles" */
};
/* False: there is none. */
bool sim_edit_delegation(struct sim_edit *e, const char *name, struct sim_edge *out);
/* The entry of an image as a client with HARDWARE_ID finds it, and the role that lists it; NULL: none. ALONE
 * (may be NULL): a role whose word is enough where several must agree. */
cJSON *sim_edit_find(struct sim_edit *e, const char *name, const char *hardware_id, const char *alone,
                     const char **role);
/* Signs and writes the touched roles, then Snapshot, then Timestamp. */
bool sim_edit_publish(struct sim_edit *e);

#endif
