/* A plain TUF repository that publishes whatever a test wants, behind HTTP on a port of its own, and the
 * program isoctane-tuf as its client. One at a time, in a folder of its own.
 *
 *     tuf_open();
 *     tuf_init();
 *     tuf_repo.role[TUF_SNAPSHOT].signers = KEY(9);
 *     tuf_publish("root targets snapshot timestamp");
 *     TUF_FAILS(tuf_refresh());
 *     ck_assert_str_eq(tuf_trusted(), "root 2, timestamp 2");
 *
 * What is published first is version 1, then each time one more. Snapshot takes up what of Targets was
 * published last, Timestamp what of Snapshot. */
#ifndef TESTS_LIB_TUF_H
#define TESTS_LIB_TUF_H

#include <check.h>

#include "tests/lib_author.h"

#define TUF_NOW     "2026-01-01T00:00:00Z"
#define TUF_LATER   "2026-01-19T00:00:00Z" /* 18 days */
#define TUF_EXPIRES "2026-02-01T00:00:00Z"
#define TUF_FILES   128

enum { TUF_ROOT, TUF_TIMESTAMP, TUF_SNAPSHOT, TUF_TARGETS, TUF_A, TUF_B, TUF_C, TUF_D, TUF_ROLES };

struct tuf_role {
    const char *name;
    unsigned version; /* as written last; set it to bend what comes next */
    const char *expires;
    uint32_t keys; /* of the role; top-level ones stand in Root */
    unsigned threshold;
    uint32_t signers;               /* 0: keys */
    char *extra;                    /* more members of the body, each followed by a comma */
    char *targets;                  /* members of `targets` */
    char *delegations;              /* entries of the list */
    const char *from, *to;          /* a change to the next body */
    struct up_span file[TUF_FILES]; /* as served: version 1, 2... */
    unsigned files;
    char *meta; /* how its parent names it; NULL: not at all */
};

struct tuf_artifact {
    char name[256]; /* as the URL has it, without digest */
    struct up_span bytes;
    char sha256[65], sha512[129];
};

extern struct tuf_repo {
    struct tuf_role role[TUF_ROLES];
    bool consistent, hashes, pretty; /* hashes: parents name length and hash */
    struct tuf_artifact artifact[32];
    unsigned artifacts;
    char log[4096], artifact_log[2048]; /* "root/2 timestamp snapshot/1 "; "HASH/name " */
} tuf_repo;

void tuf_open(void); /* starts the server, publishes version 1 of the four */
void tuf_close(void);

/* Roles by name, separated by spaces, in order. */
void tuf_publish(const char *roles);
/* The newest file of a role, for a test to replace. */
struct up_span *tuf_last(unsigned role);
void tuf_unpublish(unsigned role); /* all versions are gone, the next is 1 again */
/* Role TO (and its file) may speak for PATTERNS of FROM's targets: one JSON string, or more separated by
 * commas. */
void tuf_delegate(unsigned from, unsigned to, const char *patterns, const char *extra);
/* An artifact that ROLE lists, or whose bytes alone change. */
void tuf_add(unsigned role, const char *name, const char *text);
void tuf_substitute(const char *name, const char *text);

/* The client. Exit status; messages go to the file "err". */
int tuf_init(void);
int tuf_init_with(struct up_span root);
int tuf_refresh(void);
int tuf_refresh_at(const char *now);
int tuf_download(const char *name);
int tuf_download_at(const char *now, const char *first, const char *second);
int tuf_run(const char *const *arguments);
#define TUF_WORKS(status) ck_assert_msg((status) == 0, "%s", tuf_said())
#define TUF_FAILS(status) ck_assert_int_eq((status), 1)
const char *tuf_said(void);
/* "root 1, snapshot 1, targets 1, timestamp 1": the files in the client's folder, and their versions. */
const char *tuf_trusted(void);
bool tuf_trusts(const char *file, struct up_span bytes); /* to the byte */
/* What lies in the folder for targets, names and bytes: "a%2Fb=text, c=other". */
const char *tuf_downloaded(void);

#endif
