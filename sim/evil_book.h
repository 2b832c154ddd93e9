/* The pages of an evil book: keys, bodies, files. Internal to sim/evil*.c. */
#ifndef SIM_EVIL_BOOK_H
#define SIM_EVIL_BOOK_H

#include <stdio.h>
#include <stdlib.h>

#include "sim/evil_table.h"
#include "sim/keys.h"
#include "sim/repo_edit.h"

struct sim_book {
    const struct up_profile *profile;
    enum up_scheme scheme;
    struct up_signer key[SIM_BOOK_KEYS];
    char id[SIM_BOOK_KEYS][UP_KEYID_TEXT + 1];
    struct sim_pages honest[SIM_STAGES]; /* written once: signatures of RSA differ every time */
};

extern const char
    *const sim_book_keys[SIM_BOOK_KEYS]; /* "director/root", "director/root-2"...; NULL: no more */
/* The index of a key; aborts on a name that is none. */
unsigned sim_book_key(const char *name);
cJSON *sim_book_key_object(const struct sim_book *b, unsigned key);
/* TEXT with the texts of B for its words in <>. The caller frees it. NULL: a word that is none. */
char *sim_book_expand(const struct sim_book *b, enum sim_stage stage, const char *text);

/* Adds pages for the body of a file, twisted and signed by keys SIGNERS (names, with spaces). */
struct sim_writing {
    const struct sim_book *book;
    enum sim_stage stage;
    const struct sim_twist *twists; /* expanded */
    unsigned twist_count;
    const struct sim_evil *vector;
    struct sim_pages *pages;
    char *why;
};
/* The first twist of FILE that is called WHAT; NULL: none. FILE NULL: of any file. */
const struct sim_twist *sim_writing_twist(const struct sim_writing *w, const char *file, const char *what);
bool sim_writing_sign(const struct sim_writing *w, const char *name, uint32_t version, cJSON *body,
                      const char *signers);
/* The files of both repositories. */
bool sim_writing_all(const struct sim_writing *w);
bool sim_page_copy(const struct sim_page *from, struct sim_page *to); /* name and version, too */
bool sim_pages_copy(const struct sim_pages *from, struct sim_pages *out);
/* What is served of them. */
bool sim_writing_serve(const struct sim_writing *w);

#endif
