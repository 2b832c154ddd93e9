/* Attack vectors: an honest pair of repositories, and what becomes of it when one rule is broken in one
 * place.
 *
 * Three stages tell the story of a vector: a client has accepted `before`; it is served `attack`, and answers
 * as `expect` says; then it is served `after`, honest again, and accepts that: what it refused has changed
 * nothing. One table (evil_general.c, evil_special.c) has all of them; it knows neither keys nor dialects. */
#ifndef SIM_EVIL_H
#define SIM_EVIL_H

#include "metadata/err.h"
#include "sim/author.h"

/* The vehicle of all vectors, and what its ECUs run when they leave the plant: release counter
 * SIM_EVIL_COUNTER of the image that `before` orders. */
#define SIM_EVIL_VEHICLE "VIN-1"
#define SIM_EVIL_NOW     "2026-07-01T00:00:00Z" /* in stage `attack`; an hour before, an hour after */
#define SIM_EVIL_NONCE   "000102030405060708090a0b0c0d0e0f" /* that every director/time.json answers */
#define SIM_EVIL_COUNTER 5

enum sim_client { SIM_PRIMARY, SIM_FULL, SIM_PARTIAL, SIM_CLIENTS };
struct sim_evil_ecu {
    const char *client, *serial, *hardware_id, *name_pattern;
    const char *image; /* "fw/primary": its image of version N is fw/primary-N.img */
};
extern const struct sim_evil_ecu sim_evil_ecus[SIM_CLIENTS];

enum sim_stage { SIM_BEFORE, SIM_ATTACK, SIM_AFTER, SIM_STAGES };
extern const char *const sim_stage_names[SIM_STAGES];
/* Of every file of a stage but Roots, and in the names of its images. */
#define SIM_EVIL_VERSION(stage) (10u + (unsigned)(stage))

/* ---- the table ---- */

#define SIM_EVIL_TWISTS 6
#define SIM_EVIL_TEXT   1600
struct sim_evil {
    char id[96];      /* "director-timestamp-expired": a folder name */
    char rule[40];    /* of the list of requirements; "V-TSP-08" */
    char place[40];   /* "director/timestamp" */
    const char *text; /* what is wrong with it */
    /* As in sim/author.h; and, of what is served:
     *   omit               not there
     *   old                the file of stage `before`, under the new name; of file "*", all of them
     *   again              signed once more: as good, other bytes
     *   from FILE          another file's bytes
     *   as VERSION         under another version's name
     *   flip, shorten N, lengthen TEXT   other bytes than its parent names
     *   chain N            (image/targets) the image of the full verifier is N delegations away
     * In values, <id:KEY> and <key:KEY> are the id and the object of a key of ours, <aliasid:KEY> and
     * <alias:KEY> those of the same key in other words, <idof:ODD> and <object:ODD> those of an odd key,
     * <forged:ODD> a signature entry for it, <n> the version. */
    struct sim_twist twist[SIM_EVIL_TWISTS];
    unsigned twists;
    char room[SIM_EVIL_TEXT]; /* where texts of the twists are: V must not be copied */
    size_t used;
    bool lasting;                     /* what it does to Roots stays: they are accepted, or at least stored */
    const struct up_profile *only_in; /* NULL: every dialect */
    /* Verdicts. A client that cannot see the place answers OK: it goes on with what it sees. */
    enum up_err expect[SIM_CLIENTS];
    enum up_err cause; /* of DELEGATION_INVALID: what was wrong with the role; OK: not said */
    bool sees[SIM_CLIENTS];
};
unsigned sim_evil_count(void);
/* Vector I as it is for this dialect. */
void sim_evil_get(unsigned i, const struct up_profile *p, struct sim_evil *out);
/* Does it exist for them? */
bool sim_evil_applies(const struct sim_evil *v, const struct up_profile *p);

/* ---- the repositories ---- */

struct sim_book; /* the keys of one algorithm, and how files are written in one dialect */
struct sim_book_plan {
    const struct up_profile *profile;
    enum up_scheme scheme;
    unsigned rsa_bits;    /* 0: 2048 */
    const char *seed;     /* the same seed gives the same files, but for the salts of RSA; NULL: "isoctane" */
    const char *rsa_keys; /* folder with 1.pem, 2.pem...: RSA keys do not come from seeds; NULL: made now */
};
#define SIM_BOOK_KEYS 24 /* RSA keys that are needed at most */
/* NULL: WHY. */
struct sim_book *sim_book_open(const struct sim_book_plan *plan, char why[SIM_WHY_MAX]);
void sim_book_close(struct sim_book *b);

struct sim_page {
    char name[64];           /* "director/timestamp", "image/supplier", "bytes/primary" */
    char path[SIM_PATH_MAX]; /* as served: "director/timestamp.json", "repo/targets/fw/DIGEST.primary-11.img"
                              */
    uint32_t version;
    struct sim_bytes bytes;
};
#define SIM_PAGES_MAX 48
struct sim_pages {
    struct sim_page page[SIM_PAGES_MAX];
    unsigned n;
};
void sim_pages_free(struct sim_pages *p);
const struct sim_page *sim_pages_find(const struct sim_pages *p, const char *name);
/* Both repositories of a stage. VECTOR NULL: as an honest author would write them. False: WHY. */
bool sim_book_write(const struct sim_book *b, enum sim_stage stage, const struct sim_evil *vector,
                    struct sim_pages *out, char why[SIM_WHY_MAX]);

/* ---- folders ---- */

struct sim_evil_request {
    const char *dir;
    const char *only; /* a vector's name; NULL: all */
    bool pairs;       /* only the first vector of each pair of rule and place */
    bool links;       /* files that are as in base/ are symbolic links to them */
};
/* DIR/base/{before,attack,after}/{director,repo}; and, for every vector, DIR/ID/{director,repo,expect}, and
 * DIR/ID/after/{director,repo} where what it does to Roots lasts. *COUNT: vectors. False: WHY. */
bool sim_evil_make(const struct sim_book_plan *plan, const struct sim_evil_request *request, unsigned *count,
                   char why[SIM_WHY_MAX]);
/* Is vector I the first of its pair? */
bool sim_evil_is_first(unsigned i, const struct up_profile *p);
/* The file `expect`; the caller frees it. */
char *sim_evil_expect_text(const struct sim_evil *v, const struct up_profile *p, enum up_scheme scheme);

#endif
