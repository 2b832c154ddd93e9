/* A port of a virtual bus in another process as a link: frames as in linux/can.h over a Unix SEQPACKET
 * socket. */
#include "isotp/link_virtual.h"

#include "isotp/filter.h"
#include "isotp/frames_socketcan.h"
#include "isotp/link.h"

#include <errno.h>
#include <linux/can/error.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING_TIMEOUT_MS 2000
#define READS               8 /* of the socket, per recv() */

struct isotp_frame isotp_virtual_greeting(bool fd)
{
    struct isotp_frame f = {.id = CAN_ERR_RESTARTED, .flags = ISOTP_ERROR, .len = CAN_ERR_DLC};
    f.data[0] = fd ? CANFD_MTU : CAN_MTU;
    return f;
}

bool isotp_virtual_is_greeting(const struct isotp_frame *f, bool *fd)
{
    if (!(f->flags & ISOTP_ERROR) || f->id != CAN_ERR_RESTARTED) return false;
    *fd = f->data[0] == CANFD_MTU;
    return true;
}

struct isotp_frame isotp_virtual_overflow(uint32_t lost)
{
    struct isotp_frame f = {.id = CAN_ERR_CRTL, .flags = ISOTP_ERROR, .len = CAN_ERR_DLC};
    f.data[1] = CAN_ERR_CRTL_RX_OVERFLOW;
    for (unsigned i = 0; i < 4; i++) f.data[4 + i] = (uint8_t)(lost >> 8 * i);
    return f;
}

bool isotp_virtual_is_overflow(const struct isotp_frame *f, uint32_t *lost)
{
    if (!(f->flags & ISOTP_ERROR) || f->id != CAN_ERR_CRTL || !(f->data[1] & CAN_ERR_CRTL_RX_OVERFLOW))
        return false;
    *lost = 0;
    for (unsigned i = 0; i < 4; i++) *lost |= (uint32_t)f->data[4 + i] << 8 * i;
    return true;
}

struct virtual_link {
    struct isotp_link link; /* first: an isotp_link is a virtual_link */
    struct isotp_filter filter;
    uint32_t lost;
};

static int virtual_send(struct isotp_link *l, const struct isotp_frame *f, size_t n)
{
    return isotp_frames_send(l->fd, f, n);
}

/* Keeps what a CAN_RAW socket would show: a classic one sees no FD frames. */
static int virtual_recv(struct isotp_link *l, struct isotp_frame *f, size_t n)
{
    struct virtual_link *v = (struct virtual_link *)l;
    int got, kept = 0, reads = 0;

    do {
        got = isotp_frames_recv(l->fd, f, n, NULL);
        for (int i = 0; i < got; i++) {
            (void)isotp_virtual_is_overflow(&f[i], &v->lost);
            if (!l->can_fd && (f[i].flags & ISOTP_FD)) continue;
            if (isotp_filter_passes(&v->filter, &f[i])) f[kept++] = f[i];
        }
    } while (got > 0 && kept == 0 && ++reads < READS); /* of others' frames there may be no end */
    return got < 0 ? got : kept;
}

static uint32_t virtual_lost(const struct isotp_link *l)
{
    return ((const struct virtual_link *)l)->lost;
}

static void virtual_listen(struct isotp_link *l, const uint32_t *ids, size_t n)
{
    isotp_filter_set(&((struct virtual_link *)l)->filter, ids, n);
}

static void virtual_close(struct isotp_link *l)
{
    close(l->fd);
    free(l);
}

static const struct isotp_link_ops virtual_ops = {virtual_send, virtual_recv, virtual_lost, virtual_close,
                                                  virtual_listen};

static bool connect_to(int s, const char *path, char *why, size_t why_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int smallest = 1; /* the kernel raises it: the bus takes frames at its pace, few wait in between */
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof address.sun_path) {
        snprintf(why, why_size, "bus:%s: the path must have 1 to %zu characters", path,
                 sizeof address.sun_path - 1);
        return false;
    }
    memcpy(address.sun_path, path, length);
    if (setsockopt(s, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest) < 0 ||
        connect(s, (struct sockaddr *)&address, sizeof address) < 0) {
        snprintf(why, why_size, "bus:%s: no bus there (%s); start it with: isoctane-sim bus --path %s", path,
                 strerror(errno), path);
        return false;
    }
    return true;
}

static bool greeted(int s, const char *path, bool fd, char *why, size_t why_size)
{
    struct pollfd p = {.fd = s, .events = POLLIN};
    struct isotp_frame f;
    bool bus_has_fd;

    if (poll(&p, 1, GREETING_TIMEOUT_MS) <= 0) {
        snprintf(why, why_size, "bus:%s: the bus does not answer; is isoctane-sim bus running?", path);
        return false;
    }
    if (isotp_frames_recv(s, &f, 1, NULL) != 1 || !isotp_virtual_is_greeting(&f, &bus_has_fd)) {
        snprintf(why, why_size, "bus:%s: the bus has no port left, or is no bus; close other clients", path);
        return false;
    }
    if (fd && !bus_has_fd) {
        snprintf(why, why_size,
                 "bus:%s: the bus is classic CAN; start it with --data-bitrate, or ask for classic CAN",
                 path);
        return false;
    }
    return true;
}

struct isotp_link *isotp_link_open_virtual(const char *socket_path, bool fd, char *why, size_t why_size)
{
    struct virtual_link *l = NULL;
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (s < 0) {
        snprintf(why, why_size, "bus:%s: no socket: %s", socket_path, strerror(errno));
        return NULL;
    }
    if (connect_to(s, socket_path, why, why_size) && greeted(s, socket_path, fd, why, why_size)) {
        l = calloc(1, sizeof *l);
        if (l == NULL) snprintf(why, why_size, "bus:%s: out of memory", socket_path);
    }
    if (l == NULL) {
        close(s);
        return NULL;
    }
    l->link = (struct isotp_link){.ops = &virtual_ops, .fd = s, .can_fd = fd};
    return &l->link;
}
