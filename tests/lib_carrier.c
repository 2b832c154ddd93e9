#include "tests/lib_carrier.h"
#include "isotp/link.h"
#include "tests/lib_hub.h"

#include <poll.h>

#define PATIENCE_MS 5000

static struct isotp_link *world, *engine; /* NULL: by hand */
static struct lib_hub hub;

static struct isotp_link *open_link(const char *name)
{
    char why[256];
    struct isotp_link *l = isotp_link_open(name, true, why, sizeof why);
    ck_assert_msg(l != NULL, "%s", why);
    return l;
}

static void close_links(void)
{
    world->ops->close(world);
    engine->ops->close(engine);
    world = engine = NULL;
}

static void over_bus(void)
{
    lib_hub_start(&hub, &(struct sim_hub_config){.bus = {.fd = true}});
    world = open_link(hub.name);
    engine = open_link(hub.name);
}

static void leave_bus(void)
{
    close_links();
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
}

static void over_can(void)
{
    world = open_link(getenv("ISOCTANE_CAN"));
    engine = open_link(getenv("ISOCTANE_CAN"));
}

static bool can_be_sent(const struct isotp_frame *f)
{
    if (f->flags & ISOTP_ERROR) return false; /* controllers make them, nobody sends them */
    return f->flags & ISOTP_FD ? f->len <= 64 && isotp_frame_len(f->len) == f->len : f->len <= 8;
}

static struct isotp_frame carry(struct isotp_link *from, struct isotp_link *to, struct isotp_frame f)
{
    if (from == NULL || !can_be_sent(&f)) return f;
    for (int sent = 0; sent == 0;) {
        sent = from->ops->send(from, &f, 1);
        ck_assert_int_ge(sent, 0);
        struct pollfd room = {.fd = from->fd, .events = POLLOUT};
        if (sent == 0) ck_assert_int_eq(poll(&room, 1, PATIENCE_MS), 1);
    }
    for (int got = 0; got == 0;) {
        struct pollfd news = {.fd = to->fd, .events = POLLIN};
        ck_assert_msg(poll(&news, 1, PATIENCE_MS) == 1, "a frame did not arrive");
        got = to->ops->recv(to, &f, 1);
        ck_assert_int_ge(got, 0);
    }
    return f;
}

struct isotp_frame carrier_to_engine(struct isotp_frame f)
{
    return carry(world, engine, f);
}

struct isotp_frame carrier_to_world(struct isotp_frame f)
{
    return carry(engine, world, f);
}

int carrier_run(const char *suite, const TTest *const *tests, size_t count)
{
    static const struct {
        const char *name;
        void (*open)(void), (*close)(void);
    } carriers[] = {{"by hand", NULL, NULL},
                    {"over a virtual bus", over_bus, leave_bus},
                    {"over SocketCAN", over_can, close_links}};
    size_t usable = sizeof carriers / sizeof *carriers - (getenv("ISOCTANE_CAN") == NULL);
    Suite *s = suite_create(suite);
    for (size_t k = 0; k < usable; k++) {
        TCase *c = tcase_create(carriers[k].name);
        tcase_set_timeout(c, 300);
        if (carriers[k].open != NULL) tcase_add_checked_fixture(c, carriers[k].open, carriers[k].close);
        for (size_t i = 0; i < count; i++) tcase_add_test(c, tests[i]);
        suite_add_tcase(s, c);
    }
    return suite_run(s);
}
