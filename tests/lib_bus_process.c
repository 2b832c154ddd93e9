#include "tests/lib_bus_process.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
    fprintf(stderr, "bus process: %s\n", what);
    exit(1);
}

static uint64_t cpu_ns(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000;
}

static void run(const char *path, const struct sim_bus_config *config, int stop, int result)
{
    char why[256];
    struct sim_hub *h = sim_hub_open(&(struct sim_hub_config){.path = path, .bus = *config}, why, sizeof why);
    if (h == NULL) fail(why);
    if (write(result, "r", 1) != 1) fail("pipe");
    (void)sim_hub_loop(&h, 1, stop);
    const struct sim_bus_stats *s = &sim_hub_bus(h)->stats;
    struct lib_bus_figures f = {s->frames, s->busy_ns, cpu_ns()};
    if (write(result, &f, sizeof f) != sizeof f) fail("pipe");
    sim_hub_close(h);
    exit(0);
}

void lib_bus_process_start(struct lib_bus_process *p, const struct sim_bus_config *config)
{
    int stop[2], result[2];
    char ready;
    snprintf(p->folder, sizeof p->folder, "/tmp/isoctane-bench-XXXXXX");
    if (mkdtemp(p->folder) == NULL) fail("no folder in /tmp");
    snprintf(p->name, sizeof p->name, "bus:%s/bus", p->folder);
    if (pipe(stop) < 0 || pipe(result) < 0) fail("pipe");
    p->pid = fork();
    if (p->pid < 0) fail("fork");
    if (p->pid == 0) {
        close(stop[1]);
        close(result[0]);
        run(p->name + 4, config, stop[0], result[1]);
    }
    close(stop[0]);
    close(result[1]);
    p->stop = stop[1];
    p->result = result[0];
    if (read(p->result, &ready, 1) != 1) fail("no hub");
}

void lib_bus_process_leave(const struct lib_bus_process *p)
{
    close(p->stop);
    close(p->result);
}

struct lib_bus_figures lib_bus_process_stop(struct lib_bus_process *p)
{
    struct lib_bus_figures f;
    close(p->stop);
    if (read(p->result, &f, sizeof f) != sizeof f) fail("no figures");
    close(p->result);
    waitpid(p->pid, NULL, 0);
    rmdir(p->folder);
    return f;
}
