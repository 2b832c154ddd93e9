/* A disk under SQLite that loses power or fails at a chosen operation.
 *
 * What has been written since a file was last synced may be lost in part: the disk keeps whole writes in any
 * selection, and half of one. The cut ends the process, so the work is done in a child. */
#ifndef TESTS_LIB_CUTVFS_H
#define TESTS_LIB_CUTVFS_H

#include <stdbool.h>

enum cut_keeps {
    CUT_KEEPS_ALL,
    CUT_KEEPS_NONE,
    CUT_KEEPS_LAST,
    CUT_LOSES_LAST,
    CUT_TEARS_LAST,
    CUT_KEEPS_ODD,
    CUT_WAYS
};
#define CUT_STATUS 77 /* exit status of a process that was cut */

/* From now on this process opens databases on such a disk. AT: the operation (write, truncate, sync, delete;
 * counted from 1) during which it happens; 0: never. */
void cutvfs_cut(int at, enum cut_keeps keeps);
/* Operation AT and all later ones fail with the SQLite result CODE, until cutvfs_heal(). */
void cutvfs_fail(int at, int code);
void cutvfs_heal(void);

#endif
