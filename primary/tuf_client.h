/* A client of one plain TUF repository (TUF 1.0, section 5), on the verifier that ECUs use (metadata/trust.h,
 * metadata/search.h) with the profile `tuf`.
 *
 * Trusted metadata lies in one folder as it was served: root.json, timestamp.json, snapshot.json,
 * targets.json, and delegated roles under their encoded names. There is nothing else: what the files
 * themselves say, as far as the trusted Root's keys stand behind them, is what no newer file may go below. A
 * file is stored when it is trusted, each at once, so that a cycle that fails later keeps what was good.
 * Timestamp, Snapshot and Targets whose keys a Root replaces are removed with it.
 *
 * Fetching blocks. One time holds for the whole life of a client. */
#ifndef PRIMARY_TUF_CLIENT_H
#define PRIMARY_TUF_CLIENT_H

#include "metadata/search.h"
#include "primary/fetch_curl.h"
#include "primary/tuf_files.h"

#define TUF_WHY_MAX 700

struct tuf_client {
    const char *metadata_dir;
    struct pri_fetch *fetch; /* PRI_DIRECTOR: metadata, PRI_IMAGE: targets; NULL: nothing is ever fetched */
    int64_t now_s;
    struct up_policy policy;
    struct up_trust trust;
    struct tuf_blob trusted[UP_TIME]; /* what trust borrows */
    struct up_span seen[64];          /* for searches */
    char why[TUF_WHY_MAX];            /* of the last failure: what, where; printable */
};

/* Makes ROOT_FILE the Root that METADATA_DIR begins with. It must be signed by its own keys; its expiry is
 * not looked at. */
enum up_err tuf_client_init(struct tuf_client *c, const char *root_file) UP_NODISCARD;
/* Brings back what METADATA_DIR holds. C: zero but for its first three members. */
enum up_err tuf_client_open(struct tuf_client *c) UP_NODISCARD;
/* The client workflow up to the top-level Targets. */
enum up_err tuf_client_refresh(struct tuf_client *c) UP_NODISCARD;
/* After a refresh: the target NAME (plain UTF-8), searched for through delegations, into TARGET_DIR. What
 * lies there already, with the right digests, is not fetched. */
enum up_err tuf_client_download(struct tuf_client *c, const char *name, const char *target_dir) UP_NODISCARD;
void tuf_client_close(struct tuf_client *c);

#endif
