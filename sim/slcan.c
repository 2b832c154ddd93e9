#include "sim/slcan.h"

#include "isotp/slcan.h"
#include "sim/realtime.h"
#include "sim/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define READ_AT_ROOM (SIM_BUS_MAILBOXES / 2)

enum mode { CLOSED, LISTENING, OPEN };

struct line {
    struct sim_slcan *server;
    int fd; /* -1: it hung up; the port lives until its mailboxes are empty */
    int port;
    enum mode mode;
    bool may_read;
    struct isotp_slcan reader;
    size_t in_at, in_bytes, out_bytes;
    uint8_t in[4096];
    uint8_t out[SIM_SLCAN_QUEUE];
};

struct sim_slcan {
    struct sim_bus *bus;
    int listener; /* -1: one tty */
    char path[SIM_UNIX_PATH];
    struct line *line[SIM_BUS_PORTS];
    size_t lines;
};

/* No room: lost, as in a full receive queue. */
static void say(struct line *l, const void *text, size_t n)
{
    if (n > sizeof l->out - l->out_bytes) return;
    memcpy(l->out + l->out_bytes, text, n);
    l->out_bytes += n;
}

static void on_frame(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    struct line *l = ctx;
    uint8_t text[ISOTP_SLCAN_LINE];
    (void)at_ns;
    if (f->flags & ISOTP_ERROR) return; /* this text has no error frames */
    if (l->mode != CLOSED && l->fd >= 0) say(l, text, isotp_slcan_write(text, f));
}

/* --- commands --- */

static const struct command {
    char letter;
    enum mode mode; /* OPEN, LISTENING, CLOSED: what it makes of the line, when CHANGES */
    bool changes;
    const char *answer; /* before CR; NULL: refused */
} commands[] = {
    {'O', OPEN, true, ""},       {'L', LISTENING, true, ""},    {'C', CLOSED, true, ""},
    {'S', CLOSED, false, ""},    {'s', CLOSED, false, ""},      {'Y', CLOSED, false, ""},
    {'F', CLOSED, false, "F00"}, {'V', CLOSED, false, "V1013"}, {'N', CLOSED, false, "NSIM1"},
};

static void obey(struct line *l)
{
    const struct isotp_slcan *r = &l->reader;
    if (r->n == 0) return; /* clears the line */
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *c = &commands[i];
        if (r->line[0] != (uint8_t)c->letter) continue;
        if (c->changes) l->mode = c->mode;
        say(l, c->answer, strlen(c->answer));
        say(l, "\r", 1);
        return;
    }
    say(l, "\a", 1);
}

static void take_frame(struct line *l, const struct isotp_frame *f)
{
    const struct sim_bus *bus = l->server->bus;
    if (l->mode != OPEN || ((f->flags & ISOTP_FD) && !bus->config.fd)) {
        say(l, "\a", 1);
        return;
    }
    (void)sim_bus_offer(l->server->bus, l->port, f); /* there is room: see pull() */
    say(l, f->id & ISOTP_ID_EXTENDED ? "Z\r" : "z\r", 2);
}

static void take_byte(struct line *l, uint8_t byte)
{
    struct isotp_frame f;
    switch (isotp_slcan_read(&l->reader, byte, &f)) {
    case ISOTP_SLCAN_FRAME:
        take_frame(l, &f);
        return;
    case ISOTP_SLCAN_COMMAND:
        obey(l);
        return;
    case ISOTP_SLCAN_BAD:
        say(l, "\a", 1);
        return;
    default:
        return;
    }
}

/* --- descriptors --- */

static void hang_up(struct line *l)
{
    close(l->fd);
    l->fd = -1;
    l->in_bytes = l->in_at = l->out_bytes = 0;
}

static bool failed(ssize_t n)
{
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void pull(struct line *l)
{
    while (l->fd >= 0 && sim_bus_room(l->server->bus, l->port) > 0) {
        if (l->in_at < l->in_bytes) {
            take_byte(l, l->in[l->in_at++]);
            continue;
        }
        if (!l->may_read) return;
        ssize_t n = read(l->fd, l->in, sizeof l->in);
        l->may_read = n > 0;
        l->in_at = 0;
        l->in_bytes = n > 0 ? (size_t)n : 0;
        if (failed(n)) hang_up(l);
    }
}

static void push(struct line *l)
{
    if (l->fd < 0 || l->out_bytes == 0) return;
    ssize_t n = send(l->fd, l->out, l->out_bytes, MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK) n = write(l->fd, l->out, l->out_bytes);
    if (failed(n)) {
        hang_up(l);
    } else if (n > 0) {
        l->out_bytes -= (size_t)n;
        memmove(l->out, l->out + n, l->out_bytes);
    }
}

static bool add_line(struct sim_slcan *s, int fd)
{
    struct line *l = s->lines < SIM_BUS_PORTS ? calloc(1, sizeof *l) : NULL;
    if (l != NULL) {
        *l = (struct line){
            .server = s, .fd = fd, .port = sim_bus_attach(s->bus, on_frame, l), .may_read = true};
        if (l->port >= 0) {
            s->line[s->lines++] = l;
            return true;
        }
    }
    free(l);
    close(fd);
    return false;
}

static void forget_closed(struct sim_slcan *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->lines; i++) {
        struct line *l = s->line[i];
        if (l->fd >= 0 || sim_bus_room(s->bus, l->port) < SIM_BUS_MAILBOXES) {
            s->line[kept++] = l;
            continue;
        }
        sim_bus_detach(s->bus, l->port);
        free(l);
    }
    s->lines = kept;
}

size_t sim_slcan_fds(struct sim_slcan *s, struct pollfd *fds)
{
    size_t n = 0;
    fds[n++] = sim_wait_for(s->listener, s->listener >= 0, false);
    for (size_t i = 0; i < s->lines; i++) {
        struct line *l = s->line[i];
        bool in = sim_bus_room(s->bus, l->port) >= READ_AT_ROOM;
        if (!in) l->may_read = true; /* nobody told us otherwise */
        fds[n++] = sim_wait_for(l->fd, in, l->out_bytes > 0);
    }
    return n;
}

void sim_slcan_ready(struct sim_slcan *s, const struct pollfd *fds)
{
    for (size_t i = 0; i < s->lines; i++)
        if (fds[1 + i].revents & ~POLLOUT) s->line[i]->may_read = true;
    if (fds[0].revents & POLLIN) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) (void)add_line(s, fd);
    }
}

void sim_slcan_pull(struct sim_slcan *s)
{
    for (size_t i = 0; i < s->lines; i++) pull(s->line[i]);
}

void sim_slcan_push(struct sim_slcan *s)
{
    for (size_t i = 0; i < s->lines; i++) push(s->line[i]);
    forget_closed(s);
}

/* --- life --- */

static bool is_tty(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISCHR(st.st_mode);
}

/* The speed stays as it is set: USB adapters have none, others know theirs. */
static bool open_tty(struct sim_slcan *s, const char *path, char *why, size_t why_size)
{
    struct termios t;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        if (tcsetattr(fd, TCSANOW, &t) == 0) {
            if (add_line(s, fd)) return true;
            snprintf(why, why_size, "%s: no port left on this bus", path);
            return false;
        }
    }
    snprintf(why, why_size, "%s: no serial line: %s; give a tty, or a path where a socket can be made", path,
             strerror(errno));
    if (fd >= 0) close(fd);
    return false;
}

struct sim_slcan *sim_slcan_open(struct sim_bus *b, const char *path, char *why, size_t why_size)
{
    struct sim_slcan *s = calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(why, why_size, "%s: out of memory", path);
        return NULL;
    }
    s->bus = b;
    s->listener = -1;
    if (is_tty(path)) {
        if (open_tty(s, path, why, why_size)) return s;
    } else {
        s->listener = sim_unix_listen(path, SOCK_STREAM, why, why_size);
        if (s->listener >= 0) {
            memcpy(s->path, path, strlen(path) + 1);
            return s;
        }
    }
    free(s);
    return NULL;
}

void sim_slcan_close(struct sim_slcan *s)
{
    for (size_t i = 0; i < s->lines; i++) {
        if (s->line[i]->fd >= 0) close(s->line[i]->fd);
        sim_bus_detach(s->bus, s->line[i]->port);
        free(s->line[i]);
    }
    if (s->listener >= 0) {
        close(s->listener);
        (void)unlink(s->path);
    }
    free(s);
}
