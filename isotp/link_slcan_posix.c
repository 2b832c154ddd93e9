/* A serial CAN adapter as a link: a tty, or a Unix stream socket that plays one. */
#include "isotp/filter.h"
#include "isotp/link.h"
#include "isotp/slcan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define OUT_BYTES                                                                                            \
    4096u /* what has a place here has been taken: little, so that timers see the line's pace                \
           */
#define IN_BYTES      4096u
#define READS         8   /* of the line, per recv() */
#define DEFAULT_SPEED '6' /* S6: 500 kbit/s */

struct slcan_link {
    struct isotp_link link; /* first: an isotp_link is an slcan_link */
    struct isotp_slcan reader;
    struct isotp_filter filter;
    size_t in_at, in_bytes, out_bytes;
    uint8_t in[IN_BYTES], out[OUT_BYTES];
};

static bool failed(ssize_t n)
{
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* A peer that has gone is an error, not a signal. */
static ssize_t put(int fd, const uint8_t *p, size_t n)
{
    ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
    return done < 0 && errno == ENOTSOCK ? write(fd, p, n) : done;
}

static bool flush(struct slcan_link *s)
{
    while (s->out_bytes > 0) {
        ssize_t n = put(s->link.fd, s->out, s->out_bytes);
        if (n <= 0) return !failed(n);
        s->out_bytes -= (size_t)n;
        memmove(s->out, s->out + n, s->out_bytes);
    }
    return true;
}

static int slcan_send(struct isotp_link *l, const struct isotp_frame *f, size_t n)
{
    struct slcan_link *s = (struct slcan_link *)l;
    size_t taken = 0;
    if (!flush(s)) return -1;
    for (; taken < n && OUT_BYTES - s->out_bytes >= ISOTP_SLCAN_LINE; taken++)
        s->out_bytes += isotp_slcan_write(s->out + s->out_bytes, &f[taken]);
    return flush(s) ? (int)taken : -1;
}

static int slcan_recv(struct isotp_link *l, struct isotp_frame *f, size_t n)
{
    struct slcan_link *s = (struct slcan_link *)l;
    size_t got = 0;
    int reads = 0;
    if (!flush(s)) return -1; /* what a full line left behind */
    while (got < n) {
        if (s->in_at == s->in_bytes) {
            if (reads++ == READS) break; /* under a flood of others' frames, too, timers have their turn */
            ssize_t bytes = read(l->fd, s->in, sizeof s->in);
            if (failed(bytes)) return got > 0 ? (int)got : -1;
            if (bytes < 0) break;
            s->in_at = 0;
            s->in_bytes = (size_t)bytes;
        }
        if (isotp_slcan_read(&s->reader, s->in[s->in_at++], &f[got]) != ISOTP_SLCAN_FRAME) continue;
        if (!l->can_fd && (f[got].flags & ISOTP_FD)) continue;
        if (isotp_filter_passes(&s->filter, &f[got])) got++;
    }
    return (int)got;
}

static uint32_t slcan_lost(const struct isotp_link *l)
{
    (void)l; /* adapters tell it on demand only */
    return 0;
}

static void slcan_listen(struct isotp_link *l, const uint32_t *ids, size_t n)
{
    isotp_filter_set(&((struct slcan_link *)l)->filter, ids, n);
}

/* The adapter leaves the bus. */
static void slcan_close(struct isotp_link *l)
{
    struct slcan_link *s = (struct slcan_link *)l;
    if (flush(s) && s->out_bytes == 0) (void)put(l->fd, (const uint8_t *)"C\r", 2);
    close(l->fd);
    free(s);
}

static const struct isotp_link_ops slcan_ops = {slcan_send, slcan_recv, slcan_lost, slcan_close,
                                                slcan_listen};

/* ---- opening ---- */

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
                    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

/* The speed of the line stays as it is set: USB adapters have none. */
static int open_tty(const char *path)
{
    struct termios t;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -1;
    if (tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        if (tcsetattr(fd, TCSANOW, &t) == 0) return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* "/dev/ttyACM0,S8": the digit behind S, or the default. */
static bool split(const char *name, char path[4096], char *speed)
{
    const char *comma = strrchr(name, ',');
    size_t n = comma == NULL ? strlen(name) : (size_t)(comma - name);
    *speed = DEFAULT_SPEED;
    if (n == 0 || n >= 4096) return false;
    memcpy(path, name, n);
    path[n] = '\0';
    if (comma == NULL) return true;
    *speed = comma[1] == 'S' ? comma[2] : '\0';
    return *speed >= '0' && *speed <= '8' && comma[3] == '\0';
}

struct isotp_link *isotp_link_open_slcan(const char *name, bool fd, char *why, size_t why_size)
{
    char path[4096], speed;
    struct stat st;
    if (!split(name, path, &speed)) {
        snprintf(why, why_size,
                 "slcan:%s: give a tty, and S0 to S8 for another bitrate than 500 kbit/s: "
                 "slcan:/dev/ttyACM0,S5",
                 name);
        return NULL;
    }
    bool is_socket = stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
    int line = is_socket ? open_socket(path) : open_tty(path);
    struct slcan_link *s = line < 0 ? NULL : calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(why, why_size,
                 "slcan:%s: no serial adapter there: %s; is it plugged in, and may you use it?", path,
                 strerror(errno));
        if (line >= 0) close(line);
        return NULL;
    }
    s->link = (struct isotp_link){.ops = &slcan_ops, .fd = line, .can_fd = fd};
    /* CR ends what an earlier program left half written; the bitrate is taken by a closed channel only. */
    s->out_bytes = (size_t)snprintf((char *)s->out, sizeof s->out, "\rC\rS%c\rO\r", speed);
    if (flush(s)) return &s->link;
    snprintf(why, why_size, "slcan:%s: the adapter does not listen: %s", path, strerror(errno));
    close(line);
    free(s);
    return NULL;
}
