/* A Linux CAN interface (CAN_RAW) as a link. */
#include "isotp/filter.h"
#include "isotp/frames_socketcan.h"
#include "isotp/link.h"

#include <errno.h>
#include <linux/can/error.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Frames in flight from one socket stay below an interface's usual queue of 10, so that a full queue shows as
 * a socket that is not writable, which can be waited for, instead of ENOBUFS, which cannot. The kernel
 * charges about 768 bytes a frame, and doubles this number. */
#define SEND_BUFFER_BYTES    3072
#define RECEIVE_BUFFER_BYTES (1 << 20) /* the kernel doubles it: about 2,700 frames */

#define FRAME_CHARGE 768u /* bytes of the receive buffer that the kernel counts for a frame */

struct socketcan_link {
    struct isotp_link link; /* first: an isotp_link is a socketcan_link */
    uint32_t lost;
    bool bus_off;
};

static int socketcan_send(struct isotp_link *l, const struct isotp_frame *f, size_t n)
{
    struct socketcan_link *s = (struct socketcan_link *)l;
    return s->bus_off ? -1 : isotp_frames_send(l->fd, f, n);
}

static int socketcan_recv(struct isotp_link *l, struct isotp_frame *f, size_t n)
{
    struct socketcan_link *s = (struct socketcan_link *)l;
    if (s->bus_off) return -1;

    int got = isotp_frames_recv(l->fd, f, n, &s->lost);
    for (int i = 0; i < got; i++) {
        if ((f[i].flags & ISOTP_ERROR) && (f[i].id & CAN_ERR_BUSOFF)) s->bus_off = true;
    }
    return got;
}

static uint32_t socketcan_lost(const struct isotp_link *l)
{
    return ((const struct socketcan_link *)l)->lost;
}

/* Should it fail, all frames come, as before. */
static void socketcan_listen(struct isotp_link *l, const uint32_t *ids, size_t n)
{
    struct can_filter filter[ISOTP_LISTEN_MAX];
    if (n > ISOTP_LISTEN_MAX) return;
    for (size_t i = 0; i < n; i++) {
        const bool extended = ids[i] & ISOTP_ID_EXTENDED;
        filter[i] = (struct can_filter){.can_id = (ids[i] & ISOTP_ID_MASK) | (extended ? CAN_EFF_FLAG : 0),
                                        .can_mask = (extended ? CAN_EFF_MASK : CAN_SFF_MASK) | CAN_EFF_FLAG |
                                                    CAN_RTR_FLAG};
    }
    (void)setsockopt(l->fd, SOL_CAN_RAW, CAN_RAW_FILTER, filter, (socklen_t)(n * sizeof *filter));
}

static void socketcan_close(struct isotp_link *l)
{
    close(l->fd);
    free(l);
}

static const struct isotp_link_ops socketcan_ops = {socketcan_send, socketcan_recv, socketcan_lost,
                                                    socketcan_close, socketcan_listen};

/* Finds the interface, checks that it is CAN, up, and carries FD when asked. */
static bool find_interface(int fd, const char *name, bool can_fd, int *index, char *why, size_t why_size)
{
    struct ifreq r = {0};
    size_t length = strlen(name);

    if (length == 0 || length >= sizeof r.ifr_name) {
        snprintf(why, why_size, "\"%s\": not an interface name; it has 1 to %zu characters", name,
                 sizeof r.ifr_name - 1);
        return false;
    }
    memcpy(r.ifr_name, name, length);
    if (ioctl(fd, SIOCGIFINDEX, &r) < 0) {
        snprintf(why, why_size, "%s: no such interface; create it with: ip link add %s type vcan", name,
                 name);
        return false;
    }
    *index = r.ifr_ifindex;
    if (ioctl(fd, SIOCGIFFLAGS, &r) < 0 || !(r.ifr_flags & IFF_UP)) {
        snprintf(why, why_size, "%s: the interface is down; bring it up with: ip link set %s up", name, name);
        return false;
    }
    if (can_fd && (ioctl(fd, SIOCGIFMTU, &r) < 0 || r.ifr_mtu < (int)CANFD_MTU)) {
        snprintf(why, why_size,
                 "%s: carries classic CAN only; enable CAN FD (vcan: ip link set %s mtu 72) or ask for "
                 "classic CAN",
                 name, name);
        return false;
    }
    return true;
}

static bool set_up(int fd, const char *name, bool can_fd, char *why, size_t why_size)
{
    int on = 1, send_buffer = SEND_BUFFER_BYTES, receive_buffer = RECEIVE_BUFFER_BYTES;
    can_err_mask_t errors = CAN_ERR_MASK;
    struct sockaddr_can address = {.can_family = AF_CAN};

    /* The default queue holds 278 frames of all that is on the bus. Who may have more takes it; who may not
     * relies on the block size of ISO-TP. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (!find_interface(fd, name, can_fd, &address.can_ifindex, why, why_size)) return false;
    if (setsockopt(fd, SOL_CAN_RAW, CAN_RAW_ERR_FILTER, &errors, sizeof errors) < 0 ||
        (can_fd && setsockopt(fd, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, &on, sizeof on) < 0) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        snprintf(why, why_size, "%s: cannot be opened: %s; is it a CAN interface?", name, strerror(errno));
        return false;
    }
    return true;
}

static uint16_t queue_of(int fd)
{
    int bytes = 0;
    socklen_t n = sizeof bytes;
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &n) < 0 || bytes < 0) return 0;
    const unsigned frames = (unsigned)bytes / FRAME_CHARGE;
    return frames < UINT16_MAX ? (uint16_t)frames : UINT16_MAX;
}

struct isotp_link *isotp_link_open_socketcan(const char *interface, bool fd, char *why, size_t why_size)
{
    int s = socket(PF_CAN, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, CAN_RAW);
    if (s < 0) {
        snprintf(why, why_size,
                 "%s: no CAN in this kernel (%s); load it with: modprobe can-raw, or use a virtual bus: "
                 "isoctane-sim bus",
                 interface, strerror(errno));
        return NULL;
    }
    struct socketcan_link *l = NULL;
    if (set_up(s, interface, fd, why, why_size)) {
        l = calloc(1, sizeof *l);
        if (l == NULL) snprintf(why, why_size, "%s: out of memory", interface);
    }
    if (l == NULL) {
        close(s);
        return NULL;
    }
    l->link = (struct isotp_link){.ops = &socketcan_ops, .fd = s, .can_fd = fd, .queue = queue_of(s)};
    return &l->link;
}
