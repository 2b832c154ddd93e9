#include "sim/children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool sim_children_init(struct sim_children *c)
{
    *c = (struct sim_children){0};
    ssize_t n = readlink("/proc/self/exe", c->folder, sizeof c->folder - 1);
    char *slash = n <= 0 ? NULL : strrchr(c->folder, '/');
    if (slash != NULL) *slash = '\0';
    return slash != NULL;
}

static pid_t spawn(const struct sim_children *c, const char *program, const char *const *argv,
                   const char *log)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", c->folder, program);
    pid_t parent = getpid(), pid = fork();
    if (pid != 0) return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1); /* it died before we could ask */
    if (log != NULL) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
            null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) _exit(127);
    }
    execv(path, (char *const *)(uintptr_t)argv);
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    _exit(127);
}

bool sim_children_start(struct sim_children *c, const char *name, const char *program,
                        const char *const *argv, const char *log)
{
    if (c->count == SIM_CHILDREN_MAX) return false;
    pid_t pid = spawn(c, program, argv, log);
    if (pid < 0) return false;
    struct sim_child *child = &c->child[c->count++];
    child->pid = pid;
    (void)snprintf(child->name, sizeof child->name, "%s", name);
    return true;
}

int sim_children_run(struct sim_children *c, const char *program, const char *const *argv, const char *log)
{
    int status;
    pid_t pid = spawn(c, program, argv, log);
    if (pid < 0) return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool sim_children_stop(struct sim_children *c)
{
    bool good = true;
    for (unsigned i = c->count; i-- > 0;) {
        int status = 0;
        if (c->child[i].pid <= 0) continue;
        (void)kill(c->child[i].pid, SIGTERM);
        while (waitpid(c->child[i].pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "%s did not end well (status %#x)\n", c->child[i].name, (unsigned)status);
            good = false;
        }
    }
    c->count = 0;
    return good;
}

const char *sim_children_lost(struct sim_children *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (c->child[i].pid <= 0 || waitpid(c->child[i].pid, NULL, WNOHANG) == 0) continue;
        c->child[i].pid = 0;
        return c->child[i].name;
    }
    return NULL;
}
