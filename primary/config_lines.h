/* The lines of a configuration file, and the one message about what is wrong with them. Private to config*.c.
 */
#ifndef PRIMARY_CONFIG_LINES_H
#define PRIMARY_CONFIG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct pri_conf_entry {
    unsigned line;
    char *section; /* "ecu brake" */
    char *key;     /* NULL: the line that opens the section */
    char *value;
};
struct pri_conf {
    const char *path;
    FILE *file;
    unsigned line;
    char *section;
    struct pri_conf_entry *entries;
    size_t count, room;
    bool failed; /* WHY holds the first error */
    char *why;
    size_t why_size;
};

/* All lines of r->path. False: see r->why. */
bool pri_conf_read(struct pri_conf *r);
void pri_conf_drop(struct pri_conf *r);
/* The first line that gives KEY in SECTION; KEY NULL: the line that opens it. NULL: none. */
const struct pri_conf_entry *pri_conf_find(const struct pri_conf *r, const char *section, const char *key);

/* Each notes an error unless there is one already, and returns false. */
bool pri_conf_error(struct pri_conf *r, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool pri_conf_wrong(struct pri_conf *r, const struct pri_conf_entry *e, const char *expected);
bool pri_conf_no_memory(struct pri_conf *r);

#endif
