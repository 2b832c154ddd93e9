/* What people and log collectors see while a Primary works: events as key=value lines, and progress, as bars
 * on a terminal and as lines elsewhere. What servers and ECUs said is escaped and bounded. */
#ifndef PRIMARY_DISPLAY_H
#define PRIMARY_DISPLAY_H

#include "primary/primary.h"

#include <stdio.h>

struct pri_display;
/* COLUMNS: width of the terminal that OUT is; 0: it is none. QUIET: failures only. NULL: out of memory. */
struct pri_display *pri_display_open(FILE *out, unsigned columns, bool quiet);
void pri_display_close(struct pri_display *d);

void pri_display_event(struct pri_display *d, const struct pri_event *e);
void pri_display_progress(struct pri_display *d, const struct pri_progress *p, uint64_t now_us);
/* One line from the program itself, level "info", "warning" or "error": level=... event=EVENT detail=... */
void pri_display_note(struct pri_display *d, const char *level, const char *event, const char *detail);
/* Ends the bars of a cycle. */
void pri_display_rest(struct pri_display *d);

/* Width of the terminal behind OUT; 0: it is none. */
unsigned pri_display_columns(FILE *out);
/* VALUE as it stands in key=value lines: quoted when it needs to be, control characters and what is not ASCII
 * as \xNN, at most 400 characters of it. */
void pri_print_value(FILE *out, const char *value);

#endif
