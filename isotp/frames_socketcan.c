#include "isotp/frames_socketcan.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

size_t isotp_frame_to_linux(const struct isotp_frame *f, struct canfd_frame *out)
{
    memset(out, 0, sizeof *out);
    out->can_id = f->id & ISOTP_ID_MASK;
    if (f->id & ISOTP_ID_EXTENDED) out->can_id |= CAN_EFF_FLAG;
    if (f->flags & ISOTP_RTR) out->can_id |= CAN_RTR_FLAG;
    if (f->flags & ISOTP_ERROR) out->can_id |= CAN_ERR_FLAG;
    out->len = f->len; /* struct can_frame has its length and data at the same places */
    if (!(f->flags & ISOTP_FD)) {
        memcpy(out->data, f->data, f->len <= CAN_MAX_DLEN ? f->len : CAN_MAX_DLEN);
        return CAN_MTU;
    }
    if (f->flags & ISOTP_BRS) out->flags |= CANFD_BRS;
    if (f->flags & ISOTP_ESI) out->flags |= CANFD_ESI;
    memcpy(out->data, f->data, f->len <= CANFD_MAX_DLEN ? f->len : CANFD_MAX_DLEN);
    return CANFD_MTU;
}

bool isotp_frame_from_linux(struct isotp_frame *f, const struct canfd_frame *in, size_t bytes)
{
    if (bytes != CAN_MTU && bytes != CANFD_MTU) return false;
    /* The kernel filled it. NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    struct isotp_frame r = {.id = in->can_id & ISOTP_ID_MASK, .len = in->len};
    if (in->len > (bytes == CAN_MTU ? CAN_MAX_DLEN : CANFD_MAX_DLEN)) return false;
    if (in->can_id & CAN_EFF_FLAG) r.id |= ISOTP_ID_EXTENDED;
    if (in->can_id & CAN_RTR_FLAG) r.flags |= ISOTP_RTR;
    if (in->can_id & CAN_ERR_FLAG) r.flags |= ISOTP_ERROR;
    if (bytes == CANFD_MTU) {
        r.flags |= ISOTP_FD;
        if (in->flags & CANFD_BRS) r.flags |= ISOTP_BRS;
        if (in->flags & CANFD_ESI) r.flags |= ISOTP_ESI;
    }
    memcpy(r.data, in->data, in->len);
    *f = r;
    return true;
}

static bool try_later(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

int isotp_frames_send(int fd, const struct isotp_frame *f, size_t n)
{
    struct canfd_frame wire[ISOTP_BATCH];
    struct iovec iov[ISOTP_BATCH];
    struct mmsghdr batch[ISOTP_BATCH];
    size_t taken = 0;

    while (taken < n) {
        unsigned count = n - taken < ISOTP_BATCH ? (unsigned)(n - taken) : ISOTP_BATCH;
        memset(batch, 0, sizeof batch);
        for (unsigned i = 0; i < count; i++) {
            iov[i] = (struct iovec){&wire[i], isotp_frame_to_linux(&f[taken + i], &wire[i])};
            batch[i].msg_hdr.msg_iov = &iov[i];
            batch[i].msg_hdr.msg_iovlen = 1;
        }
        int sent = sendmmsg(fd, batch, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && !try_later(errno)) return -1;
        if (sent > 0) taken += (size_t)sent;
        if (sent < (int)count) break;
    }
    return (int)taken;
}

static void note_lost(struct msghdr *m, uint32_t *lost)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
            memcpy(lost, CMSG_DATA(c), sizeof *lost);
    }
}

int isotp_frames_recv(int fd, struct isotp_frame *f, size_t n, uint32_t *lost)
{
    struct canfd_frame wire[ISOTP_BATCH];
    struct iovec iov[ISOTP_BATCH];
    struct mmsghdr batch[ISOTP_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[ISOTP_BATCH][CMSG_SPACE(sizeof(uint32_t))];
    unsigned count = n < ISOTP_BATCH ? (unsigned)n : ISOTP_BATCH;
    int got = 0;

    memset(batch, 0, sizeof batch);
    for (unsigned i = 0; i < count; i++) {
        iov[i] = (struct iovec){&wire[i], sizeof wire[i]};
        batch[i].msg_hdr.msg_iov = &iov[i];
        batch[i].msg_hdr.msg_iovlen = 1;
        if (lost != NULL) {
            batch[i].msg_hdr.msg_control = control[i];
            batch[i].msg_hdr.msg_controllen = sizeof control[i];
        }
    }
    int received = recvmmsg(fd, batch, count, MSG_DONTWAIT, NULL);
    if (received < 0) return try_later(errno) ? 0 : -1;
    for (int i = 0; i < received; i++) {
        if (batch[i].msg_len == 0) return got > 0 ? got : -1; /* the peer closed */
        if (lost != NULL) note_lost(&batch[i].msg_hdr, lost);
        if (isotp_frame_from_linux(&f[got], &wire[i], batch[i].msg_len)) got++;
    }
    return got;
}
