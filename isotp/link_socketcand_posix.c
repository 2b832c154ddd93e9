/* A bus behind a socketcand server as a link: text over TCP (doc/protocol.md of socketcand, raw mode; CAN FD
 * as fdsend and fdframe). */
#include "isotp/filter.h"
#include "isotp/link.h"

#include <errno.h>
#include <linux/can.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_PORT "29536"
#define DEFAULT_BUS  "can0"
#define ANSWER_MS    2000
#define BATCH        32
#define FRAME_TEXT   256 /* holds any frame as text */

struct socketcand_link {
    struct isotp_link link; /* first: an isotp_link is a socketcand_link */
    struct isotp_filter filter;
    size_t in_bytes;
    bool down;
    char in[8192];
};

/* --- text --- */

static size_t write_frame(char *text, const struct isotp_frame *f)
{
    bool fd = f->flags & ISOTP_FD, rtr = f->flags & ISOTP_RTR;
    int width = f->id & ISOTP_ID_EXTENDED ? 8 : 3;
    int n = snprintf(text, FRAME_TEXT, "< %s %0*X ",
                     fd    ? "fdsend"
                     : rtr ? "sendrtr"
                           : "send",
                     width, (unsigned)(f->id & ISOTP_ID_MASK));

    if (fd) {
        unsigned flags = (f->flags & ISOTP_BRS ? CANFD_BRS : 0u) | (f->flags & ISOTP_ESI ? CANFD_ESI : 0u);
        n += snprintf(text + n, FRAME_TEXT - (size_t)n, "%X ", flags);
    }
    n += snprintf(text + n, FRAME_TEXT - (size_t)n, "%u ", (unsigned)f->len);
    for (unsigned i = 0; i < f->len && !rtr; i++)
        n += snprintf(text + n, FRAME_TEXT - (size_t)n, "%02X ", (unsigned)f->data[i]);
    n += snprintf(text + n, FRAME_TEXT - (size_t)n, ">");
    return (size_t)n;
}

static bool number(const char *word, int base, unsigned long max, unsigned long *out)
{
    char *end;
    if (word == NULL || word[0] == '-' || word[0] == '+') return false;
    errno = 0;
    *out = strtoul(word, &end, base);
    return end != word && *end == '\0' && errno == 0 && *out <= max;
}

static bool take_payload(struct isotp_frame *f, char **rest)
{
    unsigned long byte;

    for (char *word; (word = strtok_r(NULL, " ", rest)) != NULL;) {
        for (; *word != '\0'; word += 2) { /* with or without blanks between bytes */
            const char pair[3] = {word[0], word[1], '\0'};
            if (f->len == (f->flags & ISOTP_FD ? 64 : 8) || word[1] == '\0' || !number(pair, 16, 255, &byte))
                return false;
            f->data[f->len++] = (uint8_t)byte;
        }
    }
    return isotp_frame_len(f->len) == f->len;
}

/* "frame 123 23.424242 1122", "fdframe 123 01 23.424242 1122", "rtr 123 23.424242 2". Changes TEXT. */
static bool read_frame(char *text, struct isotp_frame *out)
{
    char *rest = NULL, *kind = strtok_r(text, " ", &rest), *id = strtok_r(NULL, " ", &rest);
    struct isotp_frame f = {0};
    unsigned long value;

    if (kind == NULL || !number(id, 16, ISOTP_ID_MASK, &value)) return false;
    f.id = (uint32_t)value | (strlen(id) == 8 ? ISOTP_ID_EXTENDED : 0);
    if (!(f.id & ISOTP_ID_EXTENDED) && f.id > 0x7FF) return false;
    if (strcmp(kind, "fdframe") == 0) {
        if (!number(strtok_r(NULL, " ", &rest), 16, 255, &value)) return false;
        f.flags = ISOTP_FD;
        if (value & CANFD_BRS) f.flags |= ISOTP_BRS;
        if (value & CANFD_ESI) f.flags |= ISOTP_ESI;
    } else if (strcmp(kind, "rtr") == 0) {
        f.flags = ISOTP_RTR;
    } else if (strcmp(kind, "frame") != 0) {
        return false;
    }
    if (strtok_r(NULL, " ", &rest) == NULL) return false; /* the time */
    if (f.flags & ISOTP_RTR) {
        if (!number(strtok_r(NULL, " ", &rest), 10, 8, &value)) return false;
        f.len = (uint8_t)value;
    } else if (!take_payload(&f, &rest)) {
        return false;
    }
    *out = f;
    return true;
}

/* --- the link --- */

/* TCP may take half of a text; the other half cannot wait for the next frame. */
static bool write_rest(int fd, const char *text, size_t n)
{
    while (n > 0) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, ANSWER_MS) <= 0) return false;
        ssize_t sent = send(fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (sent > 0) text += sent, n -= (size_t)sent;
    }
    return true;
}

static int socketcand_send(struct isotp_link *l, const struct isotp_frame *f, size_t n)
{
    struct socketcand_link *s = (struct socketcand_link *)l;
    char text[BATCH * FRAME_TEXT];
    size_t taken = 0;

    while (taken < n && !s->down) {
        size_t count = n - taken < BATCH ? n - taken : BATCH, bytes = 0;
        for (size_t i = 0; i < count; i++) bytes += write_frame(text + bytes, &f[taken + i]);
        ssize_t sent = send(l->fd, text, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) break;
        s->down = sent < 0 || !write_rest(l->fd, text + sent, bytes - (size_t)sent);
        taken += count;
    }
    return s->down ? -1 : (int)taken;
}

/* Takes the first whole "<...>" out of the input and cuts it at its end. NULL: there is none. */
static char *next_text(struct socketcand_link *s, size_t *used)
{
    char *end = memchr(s->in + *used, '>', s->in_bytes - *used);
    if (end == NULL) return NULL;
    char *begin = memchr(s->in + *used, '<', (size_t)(end - s->in) - *used);
    *end = '\0';
    *used = (size_t)(end - s->in) + 1;
    return begin != NULL ? begin + 1 : end;
}

static bool refill(struct socketcand_link *s)
{
    if (s->in_bytes == sizeof s->in) return false; /* no text is that long */
    ssize_t n = recv(s->link.fd, s->in + s->in_bytes, sizeof s->in - s->in_bytes, MSG_DONTWAIT);
    if (n > 0) s->in_bytes += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What has been read and not asked for leaves the descriptor quiet: fewer than N says that none is left. */
static int socketcand_recv(struct isotp_link *l, struct isotp_frame *f, size_t n)
{
    struct socketcand_link *s = (struct socketcand_link *)l;
    size_t used = 0;
    int got = 0;

    if (!s->down && memchr(s->in, '>', s->in_bytes) == NULL) s->down = !refill(s);
    for (char *text; (size_t)got < n && (text = next_text(s, &used)) != NULL;) {
        if (!read_frame(text, &f[got])) continue; /* an answer, an error, something of a newer protocol */
        if (!l->can_fd && (f[got].flags & ISOTP_FD)) continue;
        if (isotp_filter_passes(&s->filter, &f[got])) got++;
    }
    s->in_bytes -= used;
    memmove(s->in, s->in + used, s->in_bytes);
    return got == 0 && s->down ? -1 : got;
}

static uint32_t socketcand_lost(const struct isotp_link *l)
{
    (void)l;
    return 0; /* the server does not tell */
}

static void socketcand_listen(struct isotp_link *l, const uint32_t *ids, size_t n)
{
    isotp_filter_set(&((struct socketcand_link *)l)->filter, ids, n);
}

static void socketcand_close(struct isotp_link *l)
{
    close(l->fd);
    free(l);
}

static const struct isotp_link_ops socketcand_ops = {socketcand_send, socketcand_recv, socketcand_lost,
                                                     socketcand_close, socketcand_listen};

/* --- opening --- */

struct place {
    char host[128], port[8], bus[20];
};

/* "host", "host:port", "host:port/bus", "host/bus" */
static bool take_place(const char *name, struct place *p)
{
    const char *slash = strchr(name, '/'), *bus = slash != NULL ? slash + 1 : DEFAULT_BUS;
    size_t host = slash != NULL ? (size_t)(slash - name) : strlen(name), port = 0;
    const char *colon = memchr(name, ':', host);

    *p = (struct place){.port = DEFAULT_PORT};
    if (colon != NULL) {
        port = host - (size_t)(colon - name) - 1;
        host = (size_t)(colon - name);
        if (port == 0 || port >= sizeof p->port) return false;
        memset(p->port, 0, sizeof p->port);
        memcpy(p->port, colon + 1, port);
    }
    if (host == 0 || host >= sizeof p->host || *bus == '\0' || strlen(bus) >= sizeof p->bus ||
        strpbrk(bus, " <>/") != NULL)
        return false;
    memcpy(p->host, name, host);
    memcpy(p->bus, bus, strlen(bus));
    return true;
}

static int dial(const struct place *p, const char **problem)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int fd = -1, on = 1, error = getaddrinfo(p->host, p->port, &hints, &list);

    *problem = error != 0 ? gai_strerror(error) : NULL;
    for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) == 0) continue;
        *problem = strerror(errno);
        close(fd);
        fd = -1;
    }
    if (list != NULL) freeaddrinfo(list);
    if (fd >= 0) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Waits for the next whole text; frames that come before it are no answer. */
static bool answers(struct socketcand_link *s, const char *wanted)
{
    for (;;) {
        size_t used = 0;
        char *text = next_text(s, &used), word[32] = "";
        if (text != NULL) (void)sscanf(text, "%31s", word);
        s->in_bytes -= used;
        memmove(s->in, s->in + used, s->in_bytes);
        if (strcmp(word, wanted) == 0) return true;
        if (strcmp(word, "error") == 0) return false;
        if (text != NULL) continue;

        struct pollfd p = {.fd = s->link.fd, .events = POLLIN};
        if (poll(&p, 1, ANSWER_MS) <= 0 || !refill(s)) return false;
    }
}

static bool join(struct socketcand_link *s, const struct place *p)
{
    char text[64];
    int n = snprintf(text, sizeof text, "< open %s >", p->bus);
    static const char rawmode[] = "< rawmode >";

    return answers(s, "hi") && write_rest(s->link.fd, text, (size_t)n) && answers(s, "ok") &&
           write_rest(s->link.fd, rawmode, sizeof rawmode - 1) && answers(s, "ok");
}

struct isotp_link *isotp_link_open_socketcand(const char *name, bool fd, char *why, size_t why_size)
{
    struct place p;
    const char *problem;

    if (!take_place(name, &p)) {
        snprintf(why, why_size, "socketcand:%s: give socketcand:HOST:PORT/BUS", name);
        return NULL;
    }
    int s = dial(&p, &problem);
    if (s < 0) {
        snprintf(why, why_size, "socketcand:%s: %s; is a socketcand server running there?", name,
                 problem != NULL ? problem : "no address");
        return NULL;
    }
    struct socketcand_link *l = calloc(1, sizeof *l);
    if (l == NULL) {
        snprintf(why, why_size, "socketcand:%s: out of memory", name);
        close(s);
        return NULL;
    }
    l->link = (struct isotp_link){.ops = &socketcand_ops, .fd = s, .can_fd = fd};
    if (join(l, &p)) return &l->link;
    snprintf(why, why_size,
             "socketcand:%s: the server does not open bus %s; give the name of one that it has", name, p.bus);
    socketcand_close(&l->link);
    return NULL;
}
