#include "primary/fetch_curl.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_MAX_S   2000000L /* libcurl counts milliseconds in 31 bits */
#define HEADER_BYTES_MAX 16384
#define ERROR_BYTES_MAX  16384      /* of a body that only explains a refusal */
#define FLUSH_BYTES      (1u << 20) /* so much is handed to the disk at a time: the last sync has little to do */

struct fetch_curl {
    struct pri_fetch port; /* first: the port is the adapter */
    CURLM *multi;
    char *urls[PRI_SERVERS];
    char *ca, *certificate, *key;
    uint32_t speed_floor_bytes_s, speed_window_s;
    bool plain_http;
    struct pri_transfer *transfers;
    unsigned connections;
};

struct pri_transfer {
    struct fetch_curl *fetch;
    struct pri_transfer *next;
    CURL *easy;
    struct curl_slist *headers;
    uint64_t max_bytes;
    uint64_t from;    /* what the request asks for */
    uint64_t got;     /* bytes of the body that are held, those before FROM included */
    uint64_t flushed; /* of them, handed to the disk */
    uint64_t range;   /* where a partial answer begins */
    size_t overhead;  /* header bytes, and bytes of an error's body */
    bool started;     /* the first byte of a body has come */
    bool get, done;
    int file; /* -1: in memory */
    uint8_t *memory;
    size_t room;
    enum up_err failed; /* our own verdict, before libcurl's */
    struct pri_answer answer;
    char curl_error[CURL_ERROR_SIZE];
};

static struct fetch_curl *of(const struct pri_fetch *f)
{
    return (struct fetch_curl *)f;
}

/* --- what comes in --- */

static bool stop(struct pri_transfer *t, enum up_err e)
{
    t->failed = e;
    return false;
}

static bool write_file(struct pri_transfer *t, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t w = pwrite(t->file, p, n, (off_t)t->got);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return stop(t, errno == ENOSPC || errno == EDQUOT ? UP_STORAGE_FULL : UP_STORAGE_WRITE);
        p += w;
        n -= (size_t)w;
        t->got += (uint64_t)w;
    }
    if (t->got - t->flushed >= FLUSH_BYTES) {
        (void)sync_file_range(t->file, (off_t)t->flushed, (off_t)(t->got - t->flushed),
                              SYNC_FILE_RANGE_WRITE);
        t->flushed = t->got;
    }
    return true;
}

static bool make_room(struct pri_transfer *t, size_t room)
{
    uint8_t *more = realloc(t->memory, room);
    if (more == NULL) return stop(t, UP_STORAGE_FULL);
    t->memory = more;
    t->room = room;
    return true;
}

static bool write_memory(struct pri_transfer *t, const uint8_t *p, size_t n)
{
    const size_t twice = t->room * 2;
    if (t->room - t->got < n && !make_room(t, twice < t->got + n ? t->got + n : twice)) return false;
    memcpy(t->memory + t->got, p, n);
    t->got += n;
    return true;
}

static unsigned status_of(const struct pri_transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return (unsigned)status;
}

/* The first byte of a good body: does it continue what we have, does it claim to fit? */
static bool start_body(struct pri_transfer *t, unsigned status)
{
    curl_off_t length = -1;
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->started = true;
    if (status == 206 && (t->from == 0 || t->range != t->from)) return stop(t, UP_TRANSPORT);
    if (status != 206 && t->from > 0) { /* the server does not resume: start over */
        t->got = t->flushed = 0;
        if (ftruncate(t->file, 0) != 0) return stop(t, UP_STORAGE_WRITE);
    }
    if (length > 0 && (uint64_t)length > t->max_bytes - t->got) return stop(t, UP_TOO_LARGE);
    return t->file >= 0 || length <= 0 || make_room(t, (size_t)length); /* untouched pages cost nothing */
}

/* The body of an error is worth a line in the log. */
static bool take_error(struct pri_transfer *t, const char *p, size_t n)
{
    size_t room = sizeof t->answer.detail - 1 - strlen(t->answer.detail);
    strncat(t->answer.detail, p, n < room ? n : room);
    t->overhead += n;
    return t->overhead <= ERROR_BYTES_MAX;
}

static size_t on_body(char *p, size_t one, size_t n, void *ctx)
{
    struct pri_transfer *t = ctx;
    unsigned status = status_of(t);
    assert(one == 1);
    if (status < 200 || status > 299) return take_error(t, p, n) ? n : CURL_WRITEFUNC_ERROR;
    if (!t->started && !start_body(t, status)) return CURL_WRITEFUNC_ERROR;
    if (n > t->max_bytes - t->got) {
        (void)stop(t, UP_TOO_LARGE);
        return CURL_WRITEFUNC_ERROR;
    }
    bool ok = t->file >= 0 ? write_file(t, (const uint8_t *)p, n) : write_memory(t, (const uint8_t *)p, n);
    return ok ? n : CURL_WRITEFUNC_ERROR;
}

static size_t on_header(char *p, size_t one, size_t n, void *ctx)
{
    static const char range[] = "content-range: bytes ";
    struct pri_transfer *t = ctx;
    char line[64];
    assert(one == 1);
    t->overhead += n;
    if (t->overhead > HEADER_BYTES_MAX) {
        (void)stop(t, UP_TOO_LARGE);
        return 0;
    }
    snprintf(line, sizeof line, "%.*s", (int)(n < sizeof line ? n : sizeof line - 1), p);
    if (strncasecmp(line, range, sizeof range - 1) == 0 &&
        sscanf(line + sizeof range - 1, "%" SCNu64 "-", &t->range) != 1)
        t->range = UINT64_MAX;
    return n;
}

/* --- requests --- */

static bool set_options(struct pri_transfer *t, const struct pri_request *rq, const char *url)
{
    const struct fetch_curl *f = t->fetch;
    CURL *e = t->easy;
    uint64_t deadline_s = 2ull * f->speed_window_s + rq->max_bytes / f->speed_floor_bytes_s;
    bool ok = true;
#define SET(option, value) ok = curl_easy_setopt(e, CURLOPT_##option, value) == CURLE_OK && ok
    SET(URL, url);
    SET(CUSTOMREQUEST, rq->method);
    SET(PRIVATE, t);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, t);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, t);
    SET(ERRORBUFFER, t->curl_error);
    SET(USERAGENT, "isoctane/" ISOCTANE_VERSION);
    SET(NOSIGNAL, 1L);
    /* Nothing from the environment, nowhere else than asked. */
    SET(PROXY, "");
    SET(NOPROXY, "*");
    SET(PROTOCOLS_STR, f->plain_http ? "http,https" : "https");
    SET(PATH_AS_IS, 1L);
    SET(FOLLOWLOCATION, 0L);
    SET(HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    SET(SSLVERSION, CURL_SSLVERSION_TLSv1_3);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    if (f->ca != NULL) { /* these authorities only: not those that the system trusts */
        SET(CAINFO, f->ca);
        SET(CAPATH, NULL);
    }
    SET(SSLCERT, f->certificate);
    SET(SSLKEY, f->key);
    /* Slow retrieval: a floor over a window, and no longer in all than that floor allows. */
    SET(CONNECTTIMEOUT, (long)f->speed_window_s);
    SET(LOW_SPEED_LIMIT, (long)f->speed_floor_bytes_s);
    SET(LOW_SPEED_TIME, (long)f->speed_window_s);
    SET(TIMEOUT, deadline_s < DEADLINE_MAX_S ? (long)deadline_s : DEADLINE_MAX_S);
    if (!t->get) {
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
        SET(COPYPOSTFIELDS, rq->body.n == 0 ? "" : (const char *)rq->body.p);
        t->headers = curl_slist_append(NULL, "Content-Type: application/json");
        ok = ok && t->headers != NULL && curl_slist_append(t->headers, "Expect:") != NULL;
        SET(HTTPHEADER, t->headers);
    }
    char range[24];
    snprintf(range, sizeof range, "%" PRIu64 "-", t->from);
    if (t->from > 0) SET(RANGE, range);
#undef SET
    return ok;
}

/* False: t->failed says why. */
static bool open_file(struct pri_transfer *t, const struct pri_request *rq)
{
    struct stat st;
    t->file = open(rq->to_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (t->file < 0 || fstat(t->file, &st) != 0)
        return stop(t, errno == ENOSPC ? UP_STORAGE_FULL : UP_STORAGE_WRITE);
    uint64_t size = (uint64_t)st.st_size;
    t->from = rq->from < size ? rq->from : size;
    t->got = t->flushed = t->from;
    return t->from == size || ftruncate(t->file, (off_t)t->from) == 0 || stop(t, UP_STORAGE_WRITE);
}

static void free_transfer(struct pri_transfer *t)
{
    if (t->easy != NULL) curl_multi_remove_handle(t->fetch->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    if (t->file >= 0) close(t->file);
    free(t->memory);
    free(t);
}

static void finish(struct pri_transfer *t, CURLcode rc);

static struct pri_transfer *start(struct pri_fetch *port, const struct pri_request *rq)
{
    struct fetch_curl *f = of(port);
    struct pri_transfer *t = calloc(1, sizeof *t);
    char *url = NULL;
    if (t == NULL) return NULL;
    t->fetch = f;
    t->file = -1;
    t->max_bytes = rq->max_bytes;
    t->get = strcmp(rq->method, "GET") == 0;
    t->easy = curl_easy_init();
    bool ok = t->easy != NULL && f->urls[rq->server] != NULL &&
              asprintf(&url, "%s%s", f->urls[rq->server], rq->path) >= 0;
    bool writable = rq->to_file == NULL || open_file(t, rq);
    ok = ok && set_options(t, rq, url);
    free(url);
    if (ok && writable) ok = curl_multi_add_handle(f->multi, t->easy) == CURLM_OK;
    if (!ok) {
        free_transfer(t);
        return NULL;
    }
    if (!writable) finish(t, CURLE_WRITE_ERROR);
    t->next = f->transfers;
    f->transfers = t;
    return t;
}

/* --- verdicts --- */

static enum up_err judge_status(const struct pri_transfer *t)
{
    unsigned status = t->answer.status;
    if (status >= 200 && status <= 299) return UP_OK;
    if (t->get && (status == 404 || status == 403)) return UP_UNAVAILABLE;
    return status >= 400 && status <= 499 && status != 416 ? UP_REFUSED : UP_TRANSPORT;
}

static enum up_err judge(struct pri_transfer *t, CURLcode rc)
{
    curl_off_t connected_us = 0;
    curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    if (t->failed != UP_OK) return t->failed;
    if (rc == CURLE_OPERATION_TIMEDOUT) return connected_us > 0 ? UP_TOO_SLOW : UP_TRANSPORT;
    if (rc == CURLE_OUT_OF_MEMORY) return UP_STORAGE_FULL;
    enum up_err e = judge_status(t);
    bool explained =
        t->answer.status >= 300 && rc == CURLE_WRITE_ERROR; /* its body was longer than we read */
    return rc == CURLE_OK || explained ? e : UP_TRANSPORT;
}

/* What servers say reaches logs: printable, whatever they sent. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~') *text = '.';
}

static void finish(struct pri_transfer *t, CURLcode rc)
{
    struct pri_answer *a = &t->answer;
    long connections = 0;
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connections);
    t->fetch->connections += (unsigned)connections;
    t->done = true;
    a->status = status_of(t);
    a->err = judge(t, rc);
    if (a->err == UP_OK && !t->started && t->from > 0) /* nothing came, so nothing was continued */
        a->err = UP_TRANSPORT;
    if (t->file >= 0) {
        if (a->status == 416 && ftruncate(t->file, 0) == 0) t->got = 0; /* the next try starts over */
        if (fsync(t->file) != 0 && a->err == UP_OK) a->err = UP_STORAGE_WRITE;
    }
    if (a->err == UP_OK && t->file < 0)
        a->body = (struct up_span){t->memory == NULL ? (const uint8_t *)"" : t->memory, t->got};
    char said[sizeof a->detail];
    snprintf(said, sizeof said, "%s", a->detail);
    if (a->status >= 300)
        snprintf(a->detail, sizeof a->detail, "HTTP %u%s%.120s", a->status, said[0] == '\0' ? "" : ": ",
                 said);
    else if (t->failed == UP_OK && rc != CURLE_OK)
        snprintf(a->detail, sizeof a->detail, "%.150s",
                 t->curl_error[0] != '\0' ? t->curl_error : curl_easy_strerror(rc));
    else
        snprintf(a->detail, sizeof a->detail, "%s", a->err == UP_OK ? "" : up_err_text(a->err));
    make_printable(a->detail);
}

static void pump(struct fetch_curl *f)
{
    int running, left;
    (void)curl_multi_perform(f->multi, &running);
    for (CURLMsg *m; (m = curl_multi_info_read(f->multi, &left)) != NULL;) {
        struct pri_transfer *t = NULL;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        if (m->msg == CURLMSG_DONE && t != NULL) finish(t, m->data.result);
    }
}

static bool done(struct pri_fetch *port, struct pri_transfer *t, struct pri_answer *a)
{
    if (!t->done) pump(of(port));
    if (t->done) *a = t->answer;
    return t->done;
}

static uint64_t received(const struct pri_transfer *t)
{
    return t->got;
}

static uint8_t *keep(struct pri_transfer *t)
{
    uint8_t *body = t->memory;
    t->memory = NULL;
    t->answer.body = (struct up_span){0};
    return body;
}

static void drop(struct pri_fetch *port, struct pri_transfer *t)
{
    struct pri_transfer **at = &of(port)->transfers;
    while (*at != t) at = &(*at)->next;
    *at = t->next;
    free_transfer(t);
}

/* --- the whole --- */

static bool copy(char **to, const char *from)
{
    if (from == NULL) return true;
    *to = strdup(from);
    return *to != NULL;
}

struct pri_fetch *pri_fetch_curl_open(const struct pri_config *c, char *why, size_t why_size)
{
    const struct pri_fetch_options o = {
        .url = {[PRI_DIRECTOR] = c->director.url, [PRI_IMAGE] = c->image.url, [PRI_TIME] = c->time_url},
        .ca = c->tls_ca,
        .certificate = c->tls_certificate,
        .key = c->tls_key,
        .speed_floor_bytes_s = c->speed_floor_bytes_s,
        .speed_window_s = c->speed_window_s};
    return pri_fetch_curl_open_with(&o, why, why_size);
}

struct pri_fetch *pri_fetch_curl_open_with(const struct pri_fetch_options *o, char *why, size_t why_size)
{
    struct fetch_curl *f = calloc(1, sizeof *f);
    bool ok = f != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (ok) {
        f->port = (struct pri_fetch){start, done, received, keep, drop};
        f->speed_floor_bytes_s = o->speed_floor_bytes_s == 0 ? 1 : o->speed_floor_bytes_s;
        f->speed_window_s = o->speed_window_s;
        f->plain_http = o->plain_http;
        f->multi = curl_multi_init();
        ok = f->multi != NULL && copy(&f->ca, o->ca) && copy(&f->certificate, o->certificate) &&
             copy(&f->key, o->key);
        for (int i = 0; i < PRI_SERVERS; i++) ok = ok && copy(&f->urls[i], o->url[i]);
        ok = ok && curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)PRI_SERVERS) == CURLM_OK &&
             curl_multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L) == CURLM_OK;
    }
    if (ok) return &f->port;
    snprintf(why, why_size, "libcurl does not start: out of memory");
    if (f != NULL) pri_fetch_curl_close(&f->port);
    return NULL;
}

void pri_fetch_curl_close(struct pri_fetch *port)
{
    struct fetch_curl *f = of(port);
    while (f->transfers != NULL) drop(port, f->transfers);
    if (f->multi != NULL) curl_multi_cleanup(f->multi);
    for (int i = 0; i < PRI_SERVERS; i++) free(f->urls[i]);
    free(f->ca);
    free(f->certificate);
    free(f->key);
    free(f);
    curl_global_cleanup();
}

bool pri_fetch_curl_wait(struct pri_fetch *port, struct pollfd *extra, unsigned n, int timeout_ms)
{
    struct fetch_curl *f = of(port);
    struct curl_waitfd wait[PRI_FETCH_POLL_MAX];
    assert(n <= PRI_FETCH_POLL_MAX);
    pump(f);
    for (const struct pri_transfer *t = f->transfers; t != NULL; t = t->next)
        if (t->done) timeout_ms = 0; /* somebody wants to know */
    for (unsigned i = 0; i < n; i++)
        wait[i] =
            (struct curl_waitfd){.fd = extra[i].fd,
                                 .events = (short)((extra[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
                                                   (extra[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0))};
    bool ok = curl_multi_poll(f->multi, wait, n, timeout_ms, NULL) == CURLM_OK;
    for (unsigned i = 0; i < n; i++)
        extra[i].revents = (short)((wait[i].revents & CURL_WAIT_POLLIN ? POLLIN : 0) |
                                   (wait[i].revents & CURL_WAIT_POLLOUT ? POLLOUT : 0));
    pump(f);
    return ok;
}

unsigned pri_fetch_curl_connections(const struct pri_fetch *f)
{
    return of(f)->connections;
}
