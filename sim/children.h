/* Child processes of the demo: started, watched, and gone when we are. */
#ifndef SIM_CHILDREN_H
#define SIM_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SIM_CHILDREN_MAX 16

struct sim_children {
    struct sim_child {
        pid_t pid;
        char name[40];
    } child[SIM_CHILDREN_MAX];
    unsigned count;
    char folder[512]; /* of our own program: the others are beside it */
};

/* Finds the folder of this program. */
bool sim_children_init(struct sim_children *c);
/* Runs PROGRAM (beside ours) with ARGV[1...] in the background; output goes to LOG. It is killed when we die.
 */
bool sim_children_start(struct sim_children *c, const char *name, const char *program,
                        const char *const *argv, const char *log);
/* Runs it to its end; output goes to LOG, or is ours when that is NULL. Its exit status; 128 + signal; -1:
 * could not be started. */
int sim_children_run(struct sim_children *c, const char *program, const char *const *argv, const char *log);
/* Ends all that run, in reverse order, each politely. True: all ended by themselves with status 0. */
bool sim_children_stop(struct sim_children *c);
/* A child that has ended though nobody asked: its name; NULL: all run. */
const char *sim_children_lost(struct sim_children *c);

#endif
