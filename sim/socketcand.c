#include "sim/socketcand.h"

#include "sim/realtime.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS_MAX    72 /* fdsend with 64 bytes has 68 */
#define OUT_BYTES    (64 * 1024)
#define READ_AT_ROOM (SIM_BUS_MAILBOXES / 2)

struct connection {
    struct sim_socketcand *server;
    int fd;   /* -1: it closed; the port lives until its mailboxes are empty */
    int port; /* -1: no bus opened yet */
    bool raw; /* it wants to see every frame */
    bool may_read, ending;
    size_t in_bytes, out_bytes;
    char in[1024];
    char out[OUT_BYTES];
};

struct sim_socketcand {
    struct sim_bus *bus;
    const char *name;
    int listener;
    uint16_t port;
    uint64_t day_offset_ns;
    struct connection *connection[SIM_BUS_PORTS];
    size_t connections;
};

/* False: no room, the client is too slow. */
static bool say(struct connection *c, const char *text, size_t n)
{
    if (n > sizeof c->out - c->out_bytes) return false;
    memcpy(c->out + c->out_bytes, text, n);
    c->out_bytes += n;
    return true;
}

static void answer(struct connection *c, const char *text)
{
    if (!say(c, text, strlen(text))) c->ending = true; /* asks, and does not listen */
}

/* A space goes before every frame, which readers skip: when a read ends within a message, python-can drops
 * the character after the last whole one, and without the space that is the mark the next begins with. */
static void on_frame(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    struct connection *c = ctx;
    char text[1 + SIM_SOCKETCAND_TEXT] = " ";

    if (!c->raw || c->fd < 0 || (f->flags & ISOTP_ERROR)) return; /* the protocol has no error frames */
    size_t n = sim_socketcand_format(text + 1, f, at_ns + c->server->day_offset_ns);
    (void)say(c, text, 1 + n); /* no room: lost, as in a full receive queue */
}

/* --- commands --- */

static void do_open(struct connection *c, char *const *word, size_t words)
{
    struct sim_socketcand *s = c->server;

    if (words != 2 || strcmp(word[1], s->name) != 0) {
        answer(c, "< error could not open bus >");
        c->ending = true;
        return;
    }
    c->port = sim_bus_attach(s->bus, on_frame, c);
    if (c->port < 0) {
        answer(c, "< error no port left on this bus >");
        c->ending = true;
        return;
    }
    answer(c, "< ok >");
}

static void do_rawmode(struct connection *c, char *const *word, size_t words)
{
    (void)word, (void)words;
    answer(c, "< ok >");
    c->raw = true;
}

static void do_bcmmode(struct connection *c, char *const *word, size_t words)
{
    (void)word, (void)words;
    answer(c, "< ok >");
    c->raw = false;
}

static void do_echo(struct connection *c, char *const *word, size_t words)
{
    (void)word, (void)words;
    answer(c, "< echo >");
}

static void do_send(struct connection *c, char *const *word, size_t words)
{
    struct isotp_frame f;

    if (!sim_socketcand_parse(&f, word, words)) {
        answer(c, "< error not a frame >");
        return;
    }
    (void)sim_bus_offer(c->server->bus, c->port, &f); /* there is room: see pull() */
}

static const struct command {
    const char *name;
    bool on_bus; /* needs an open bus; else needs that there is none */
    void (*run)(struct connection *c, char *const *word, size_t words);
} commands[] = {
    {"open", false, do_open},   {"rawmode", true, do_rawmode}, {"bcmmode", true, do_bcmmode},
    {"echo", true, do_echo},    {"send", true, do_send},       {"fdsend", true, do_send},
    {"sendrtr", true, do_send},
};

static void obey(struct connection *c, char *text)
{
    char *word[WORDS_MAX], *rest = NULL;
    size_t words = 0;

    for (char *w = strtok_r(text, " \t\r\n", &rest); w != NULL && words < WORDS_MAX;
         w = strtok_r(NULL, " \t\r\n", &rest))
        word[words++] = w;
    for (size_t i = 0; words > 0 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(word[0], commands[i].name) != 0 || commands[i].on_bus != (c->port >= 0)) continue;
        commands[i].run(c, word, words);
        return;
    }
    answer(c, "< error unknown command >");
}

/* Takes the first whole command "<...>" out of the input. */
static bool next_command(struct connection *c)
{
    char *close_mark = memchr(c->in, '>', c->in_bytes);
    if (close_mark == NULL) {
        if (c->in_bytes == sizeof c->in) c->ending = true; /* no command is that long */
        return false;
    }
    size_t used = (size_t)(close_mark - c->in) + 1;
    char *open_mark = memchr(c->in, '<', used);
    *close_mark = '\0';
    if (open_mark != NULL) obey(c, open_mark + 1);
    c->in_bytes -= used;
    memmove(c->in, c->in + used, c->in_bytes);
    return true;
}

/* --- sockets --- */

static void hang_up(struct connection *c)
{
    close(c->fd);
    c->fd = -1;
    c->out_bytes = c->in_bytes = 0;
}

static bool has_room(const struct connection *c)
{
    return c->port < 0 || sim_bus_room(c->server->bus, c->port) > 0;
}

static void pull(struct connection *c)
{
    while (c->fd >= 0 && !c->ending && has_room(c)) {
        if (next_command(c)) continue;
        if (!c->may_read || c->ending) return;
        ssize_t n = recv(c->fd, c->in + c->in_bytes, sizeof c->in - c->in_bytes, MSG_DONTWAIT);
        c->may_read = n > 0;
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) hang_up(c);
        if (n > 0) c->in_bytes += (size_t)n;
    }
}

static void push(struct connection *c)
{
    if (c->fd < 0) return;
    if (c->out_bytes > 0) {
        ssize_t n = send(c->fd, c->out, c->out_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            hang_up(c);
            return;
        }
        if (n > 0) {
            c->out_bytes -= (size_t)n;
            memmove(c->out, c->out + n, c->out_bytes);
        }
    }
    if (c->ending) hang_up(c); /* what it was told last may still be on its way */
}

static void welcome(struct sim_socketcand *s, int fd)
{
    int on = 1;
    struct connection *c = s->connections < SIM_BUS_PORTS ? calloc(1, sizeof *c) : NULL;

    if (c == NULL) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->server = s;
    c->fd = fd;
    c->port = -1;
    answer(c, "< hi >");
    s->connection[s->connections++] = c;
}

static void forget_closed(struct sim_socketcand *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->connections; i++) {
        struct connection *c = s->connection[i];
        if (c->fd >= 0 || (c->port >= 0 && sim_bus_room(s->bus, c->port) < SIM_BUS_MAILBOXES)) {
            s->connection[kept++] = c;
            continue;
        }
        if (c->port >= 0) sim_bus_detach(s->bus, c->port);
        free(c);
    }
    s->connections = kept;
}

size_t sim_socketcand_fds(struct sim_socketcand *s, struct pollfd *fds)
{
    size_t n = 0;

    fds[n++] = sim_wait_for(s->listener, true, false);
    for (size_t i = 0; i < s->connections; i++) {
        struct connection *c = s->connection[i];
        bool in = c->port < 0 || sim_bus_room(s->bus, c->port) >= READ_AT_ROOM;
        if (!in) c->may_read = true; /* nobody told us otherwise */
        fds[n++] = sim_wait_for(c->fd, in, c->out_bytes > 0);
    }
    return n;
}

void sim_socketcand_ready(struct sim_socketcand *s, const struct pollfd *fds)
{
    for (size_t i = 0; i < s->connections; i++) {
        if (fds[1 + i].revents & ~POLLOUT) s->connection[i]->may_read = true;
    }
    if (fds[0].revents & POLLIN) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) welcome(s, fd);
    }
}

void sim_socketcand_pull(struct sim_socketcand *s)
{
    for (size_t i = 0; i < s->connections; i++) pull(s->connection[i]);
}

void sim_socketcand_push(struct sim_socketcand *s)
{
    for (size_t i = 0; i < s->connections; i++) push(s->connection[i]);
    forget_closed(s);
}

uint16_t sim_socketcand_port(const struct sim_socketcand *s)
{
    return s->port;
}

struct sim_socketcand *sim_socketcand_open(struct sim_bus *b, const char *name, uint16_t port, char *why,
                                           size_t why_size)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int on = 1;
    struct sim_socketcand *s = calloc(1, sizeof *s);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (s == NULL || fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SIM_BUS_PORTS) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        snprintf(why, why_size, "127.0.0.1:%u: no socketcand here: %s; choose another port", port,
                 strerror(errno));
        if (fd >= 0) close(fd);
        free(s);
        return NULL;
    }
    s->bus = b;
    s->name = name;
    s->listener = fd;
    s->port = ntohs(address.sin_port);
    s->day_offset_ns = sim_day_offset_ns();
    return s;
}

void sim_socketcand_close(struct sim_socketcand *s)
{
    for (size_t i = 0; i < s->connections; i++) {
        struct connection *c = s->connection[i];
        if (c->fd >= 0) close(c->fd);
        if (c->port >= 0) sim_bus_detach(s->bus, c->port);
        free(c);
    }
    close(s->listener);
    free(s);
}
