/* The update cycle, one table: what each step does is in the step functions, where it goes from there is in
 * the table. Private to primary/: primary.h is what programs use. */
#ifndef PRIMARY_CYCLE_H
#define PRIMARY_CYCLE_H

#include "primary/backup.h"
#include "primary/bundle.h"
#include "primary/download.h"
#include "primary/fleet.h"
#include "primary/parcel.h"
#include "primary/plan.h"
#include "primary/primary.h"

#define PRI_ATTESTATION_MAX 8192
#define PRI_ROUNDS_MAX                                                                                       \
    3 /* times that one cycle begins again for Secondaries that were reset in the middle                     \
       */

enum pri_cycle_state {
    PRI_CY_ASK,      /* every Secondary: who are you, what do you run */
    PRI_CY_RECOVER,  /* bundles that a power cut left between two states */
    PRI_CY_TIME,     /* an attestation for all nonces */
    PRI_CY_MANIFEST, /* vehicle version manifest to the Director */
    PRI_CY_DIRECTOR, /* its chain of metadata */
    PRI_CY_PLAN,     /* what it orders */
    PRI_CY_IMAGES,   /* the Image repository's chain */
    PRI_CY_RESOLVE,  /* delegations and match of every order */
    PRI_CY_DOWNLOAD,
    PRI_CY_BACKUP,  /* of what Secondaries with one slot run */
    PRI_CY_UPDATE,  /* bundles: prepare, activate, commit, confirm */
    PRI_CY_INFORM,  /* new metadata for the Secondaries that got no image */
    PRI_CY_RESTORE, /* backups return where an update has failed */
    PRI_CY_REPORT,  /* every Secondary's report again */
    PRI_CY_DELIVER, /* second manifest: the outcome */
    PRI_CY_END,
    PRI_CY_STATES
};

struct pri {
    const struct pri_config *config;
    struct pri_ports ports;
    struct pri_fleet fleet;
    struct pri_chain director, images;
    struct up_clock clock;
    int64_t previous_time_s;
    uint64_t boots, sequence, cycle; /* counters of reports and cycles */
    bool booted;                     /* boots is stored */
    uint64_t now_us;

    enum pri_goal goal;
    enum pri_cycle_state at;
    unsigned rounds;       /* begun in this cycle */
    bool again;            /* a bundle wants another one */
    bool entered, changed; /* changed: something is worth a second report */
    bool attested;
    struct pri_problem time_doubt; /* TIME_SIG, until the walk of Roots is done */
    uint8_t attestation[PRI_ATTESTATION_MAX];
    size_t attestation_bytes;
    uint8_t nonces[PRI_ECUS_MAX + 1][UP_NONCE_BYTES];
    unsigned nonce_count;
    struct pri_transfer *transfer;
    char attacks[UP_ATTACKS_MAX + 1]; /* as carried by the manifest under way */
    struct pri_problem problem;       /* of the step under way */

    struct pri_installed own;
    struct pri_plan plan;
    struct pri_shelf shelf;
    struct pri_download download;
    unsigned downloading;     /* index into plan.orders */
    struct pri_backup backup; /* that is made sure of */
    struct up_target backup_target;
    bool no_backup[PRI_ECUS_MAX + 1]; /* member n runs what nobody else has: it is not written over */
    struct pri_member members[PRI_ECUS_MAX + 1];
    char image_files[PRI_ECUS_MAX + 1][PRI_FILE_PATH_MAX];
    struct pri_bundle bundles[PRI_ECUS_MAX + 1];
    unsigned bundle_count;
    bool ended[PRI_ECUS_MAX + 1];     /* bundle n has been counted */
    bool unsettled[PRI_ECUS_MAX + 1]; /* member n is on trial, or armed, and could not be taken back */
    bool recovered;                   /* in this cycle */
    unsigned busy;                    /* conversations when the steps had their turn */
    struct pri_outcome outcome;
    char images_dir[PRI_FILE_PATH_MAX];
    char correlation_id[UP_NAME_MAX + 1];
};

/* What goes into the history, and to the listener. ECU "": the vehicle. */
void pri_tell(struct pri *p, const char *ecu, const char *what, enum up_err err, const char *detail);
void pri_show(struct pri *p, const char *ecu, const char *what, uint64_t done, uint64_t total);
uint64_t pri_ms(const struct pri *p);

/* steps_talk.c: asking, time, metadata. steps_manifest.c: manifest. steps_update.c: plan, download, inform.
 * steps_bundle.c: bundles. steps_backup.c: Secondaries with one slot. */
enum pri_verdict pri_step_ask(struct pri *p, bool enter);
enum pri_verdict pri_step_recover(struct pri *p, bool enter);
enum pri_verdict pri_step_time(struct pri *p, bool enter);
enum pri_verdict pri_step_manifest(struct pri *p, bool enter);
enum pri_verdict pri_step_director(struct pri *p, bool enter);
enum pri_verdict pri_step_plan(struct pri *p, bool enter);
enum pri_verdict pri_step_images(struct pri *p, bool enter);
enum pri_verdict pri_step_resolve(struct pri *p, bool enter);
enum pri_verdict pri_step_download(struct pri *p, bool enter);
enum pri_verdict pri_step_update(struct pri *p, bool enter);
enum pri_verdict pri_step_inform(struct pri *p, bool enter);
enum pri_verdict pri_step_backup(struct pri *p, bool enter);
enum pri_verdict pri_step_restore(struct pri *p, bool enter);
enum pri_verdict pri_step_report(struct pri *p, bool enter);

/* Something went wrong in the step that runs: outcome, history, and the next version report tell it. */
void pri_tell_problem(struct pri *p, const struct pri_problem *problem);
/* Keeps an attack for the next version report, until one that carries it was delivered (E-LOG-04). */
void pri_remember_attack(struct pri *p, const struct pri_problem *problem);
/* What a Secondary reported last: now, or before it fell silent (P-VER-15); absent: nothing. STORED holds it
 * where it came from the state: free that. */
void pri_last_report(struct pri *p, const struct pri_ecu *e, struct pri_blob *stored, struct up_span *report);
void pri_release_parcels(struct pri *p);
/* Member M has confirmed T. */
void pri_keep_backup(struct pri *p, unsigned m, const struct up_target *t);
/* Into the parcel of member M, a Secondary: with its image's metadata when there is an ORDER. */
enum up_err pri_build_parcel(struct pri *p, unsigned m, const struct pri_order *order) UP_NODISCARD;
/* The bundle is recorded so, under the order of the present plan. */
bool pri_bundle_is(struct pri *p, const char *name, enum pri_bundle_state state);
/* A new order replaces what an older one left committed or failed; what has to be taken back stays. */
void pri_forget_superseded(struct pri *p);
int64_t pri_on_root(void *ctx, const struct up_root *root, int64_t now_s);

#endif
