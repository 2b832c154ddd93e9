/* Small trees of delegated roles, for tests of the search: T is the top-level Targets; A, B, C... are
 * delegated and signed by keys of their own. Plant, give each role its list and its delegations, top it off,
 * look for an image. */
#ifndef TESTS_LIB_TREE_H
#define TESTS_LIB_TREE_H

#include "tests/lib_rig.h"

enum { A = 5, B, C, D, E, F }; /* roles, and the numbers of their keys */
extern struct tree {           /* one at a time */
    struct rig *rig;
    char *meta; /* entries of Snapshot */
    struct up_search search;
    struct up_target found;
} tree;

void tree_plant(const struct up_profile *p);
const char *tree_name(unsigned role); /* "a" */
/* A delegation to ROLE for PATH, and to several roles of which AGREEMENT must say the same; joined by
 * tree_list(). */
char *tree_to(unsigned role, const char *path, const char *extra);
char *tree_to_many(unsigned agreement, unsigned first, unsigned last, const char *path, const char *extra);
char *tree_list(const char *first, const char *second);
#define LAST "\"terminating\":true,"
/* The file of ROLE, version 1, with its own images and its delegations; from its parts; and as a file. */
void tree_role(unsigned which, const char *images, const char *delegations);
char *tree_body(unsigned version, const char *images, const char *delegations);
void tree_put(unsigned role, struct up_span file);
/* The top of the tree, and everything trusted. */
void tree_top(const char *images, const char *delegations);
enum up_err tree_look_for(const char *name);

/* The image x/fw that everybody looks for. */
#define IMAGE(counter) author_image("x/fw", "hw-1", counter)
#define FOUND_BY(who, n)                                                                                     \
    do {                                                                                                     \
        IS(tree_look_for("x/fw"), UP_OK);                                                                    \
        ck_assert_uint_eq(tree.found.release_counter, n);                                                    \
        ck_assert(up_span_is(tree.search.speaker, who));                                                     \
    } while (0)
#define INVALID(why)                                                                                         \
    do {                                                                                                     \
        IS(tree_look_for("x/fw"), UP_DELEGATION_INVALID);                                                    \
        IS(tree.search.cause, why);                                                                          \
    } while (0)

#endif
