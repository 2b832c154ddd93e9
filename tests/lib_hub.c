#include "tests/lib_hub.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *run(void *ctx)
{
    struct lib_hub *h = ctx;
    (void)sim_hub_loop(&h->hub, 1, h->stop[0]);
    return NULL;
}

void lib_hub_start(struct lib_hub *h, const struct sim_hub_config *config)
{
    struct sim_hub_config c = *config;
    char why[256];

    snprintf(h->folder, sizeof h->folder, "/tmp/isoctane-bus-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(h->folder));
    snprintf(h->path, sizeof h->path, "%s/bus", h->folder);
    if (c.path == NULL) c.path = h->path;
    snprintf(h->name, sizeof h->name, "bus:%s", c.path);
    ck_assert_int_eq(pipe2(h->stop, O_CLOEXEC), 0);
    h->hub = sim_hub_open(&c, why, sizeof why);
    ck_assert_msg(h->hub != NULL, "%s", why);
    ck_assert_int_eq(pthread_create(&h->thread, NULL, run, h), 0);
}

void lib_hub_stop(struct lib_hub *h)
{
    close(h->stop[1]);
    pthread_join(h->thread, NULL);
    close(h->stop[0]);
}

void lib_hub_close(struct lib_hub *h)
{
    sim_hub_close(h->hub);
    rmdir(h->folder);
}
