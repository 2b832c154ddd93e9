#include "primary/fetch_curl.h"
#include "tests/lib_folder.h"
#include "tests/lib_pki.h"
#include "tests/lib_tls.h"
#include "tests/suite.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct pri_fetch *fetch;
static char last_request[4096], last_cn[128];
static atomic_int requests;

/* --- the server: every path is a behaviour --- */

static bool reply(struct tls_peer *p, const char *status, const char *headers, const char *body)
{
    char text[4096];
    snprintf(text, sizeof text, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers,
             strlen(body), body);
    return tls_send_text(p, text);
}

static bool endless(struct tls_peer *p, const char *head, const char *piece)
{
    if (!tls_send_text(p, head)) return false;
    while (tls_send_text(p, piece)) continue;
    return false;
}

#define K4(x) x x x x
static const char chunk[] = "10\r\n0123456789abcdef\r\n";
static const char header_line[] = "X-Filler: " K4(K4("0123456789abcdef")) "\r\n";
static const char kilobyte[] = K4(K4(K4("0123456789abcdef")));

static bool says(const char *request, const char *path)
{
    const char *at = strchr(request, ' ');
    return at != NULL && strncmp(at + 1, path, strlen(path)) == 0 && at[1 + strlen(path)] == ' ';
}

static bool answer(struct tls_peer *p, const char *r)
{
    snprintf(last_request, sizeof last_request, "%s", r);
    snprintf(last_cn, sizeof last_cn, "%s", tls_peer_cn(p));
    atomic_fetch_add(&requests, 1);
    bool ranged = strstr(r, "\r\nRange: bytes=4-\r\n") != NULL;

    if (says(r, "/d/ten")) return reply(p, "200 OK", "", "0123456789");
    if (says(r, "/d/manifest")) return tls_send_text(p, "HTTP/1.1 204 No Content\r\n\r\n");
    if (says(r, "/d/empty")) return reply(p, "200 OK", "", "");
    if (says(r, "/d/404")) return reply(p, "404 Not Found", "", "");
    if (says(r, "/d/403")) return reply(p, "403 Forbidden", "", "");
    if (says(r, "/d/400")) return reply(p, "400 Bad Request", "", "counter\x1b[31m used\nbefore");
    if (says(r, "/d/500")) return reply(p, "500 Oops", "", "try later");
    if (says(r, "/d/304")) return tls_send_text(p, "HTTP/1.1 304 Not Modified\r\n\r\n");
    if (says(r, "/d/redirect")) return reply(p, "302 Found", "Location: /d/ten\r\n", "");
    if (says(r, "/d/gzip")) return reply(p, "200 OK", "Content-Encoding: gzip\r\n", "\x1f\x8b not really");
    if (says(r, "/d/reset")) return false;
    if (says(r, "/d/short"))
        return tls_send_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234") && false;
    if (says(r, "/d/garbage")) return tls_send_text(p, "220 mail.example ESMTP\r\n") && false;
    if (says(r, "/d/claims"))
        return endless(p, "HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n", kilobyte);
    if (says(r, "/d/endless"))
        return endless(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk);
    if (says(r, "/d/endless404"))
        return endless(p, "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n", chunk);
    if (says(r, "/d/headers")) return endless(p, "HTTP/1.1 200 OK\r\n", header_line);
    if (says(r, "/d/continue")) return endless(p, "", "HTTP/1.1 100 Continue\r\n\r\n");
    if (says(r, "/d/silent")) return tls_wait_gone(p);
    if (says(r, "/d/stalls"))
        return tls_send_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234") && tls_wait_gone(p);
    if (says(r, "/i/image"))
        return ranged ? reply(p, "206 Partial Content", "content-range: bytes 4-9/10\r\n", "456789")
                      : reply(p, "200 OK", "", "0123456789");
    if (says(r, "/i/norange")) return reply(p, "200 OK", "", "0123456789");
    if (says(r, "/i/elsewhere"))
        return reply(p, "206 Partial Content", "Content-Range: bytes 0-9/10\r\n", "0123456789");
    if (says(r, "/i/nowhere")) return reply(p, "206 Partial Content", "", "456789");
    if (says(r, "/i/longer"))
        return reply(p, "206 Partial Content", "Content-Range: bytes 4-10/11\r\n", "456789a");
    if (says(r, "/i/416")) return reply(p, "416 Range Not Satisfiable", "Content-Range: bytes */3\r\n", "");
    if (says(r, "/i/breaks"))
        return tls_send_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123") && false;
    return reply(p, "404 Not Found", "", "no such behaviour");
}

/* --- the client --- */

static struct pri_config config;
static char director_url[64], image_url[64];

static void open_fetch(int port, const char *host)
{
    char why[200];
    snprintf(director_url, sizeof director_url, "https://%s:%d/d/", host, port);
    snprintf(image_url, sizeof image_url, "https://%s:%d/i/", host, port);
    config.director.url = config.time_url = director_url;
    config.image.url = image_url;
    config.speed_floor_bytes_s = 100;
    config.speed_window_s = 1;
    fetch = pri_fetch_curl_open(&config, why, sizeof why);
    ck_assert_msg(fetch != NULL, "%s", why);
}

static void enter_with(const struct tls_options *o, const char *host)
{
    folder_enter();
    pki_authority("ca");
    pki_authority("other");
    pki_certificate("server", "ca", "server", "127.0.0.1", 30);
    pki_certificate("expired", "ca", "server", "127.0.0.1", -1);
    pki_certificate("vehicle", "ca", "VIN-1", NULL, 30);
    pki_certificate("stranger", "other", "VIN-1", NULL, 30);
    if (config.tls_ca == NULL) config.tls_ca = (char *)"ca.pem";
    if (config.tls_certificate == NULL) {
        config.tls_certificate = (char *)"vehicle.pem";
        config.tls_key = (char *)"vehicle.key";
    }
    open_fetch(tls_serve(o, answer), host);
}

static const struct tls_options usual = {"server", "ca", 0};

static void enter(void)
{
    enter_with(&usual, "127.0.0.1");
}

static void leave(void)
{
    pri_fetch_curl_close(fetch);
    folder_leave();
}

static struct pri_transfer *begin(struct pri_request rq)
{
    struct pri_transfer *t = fetch->start(fetch, &rq);
    ck_assert_ptr_nonnull(t);
    return t;
}

/* Runs RQ to its end; the body goes to BODY. */
static struct pri_answer ask(struct pri_request rq, char body[64])
{
    struct pri_answer a;
    struct pri_transfer *t = begin(rq);
    while (!fetch->done(fetch, t, &a)) ck_assert(pri_fetch_curl_wait(fetch, NULL, 0, 1000));
    if (body != NULL) snprintf(body, 64, "%.*s", (int)a.body.n, (const char *)a.body.p);
    a.body = (struct up_span){0};
    fetch->drop(fetch, t);
    return a;
}

static struct pri_answer get(const char *path, uint64_t max)
{
    return ask((struct pri_request){.method = "GET", .path = path, .max_bytes = max}, NULL);
}

static struct pri_answer download(const char *path, uint64_t from, uint64_t max)
{
    return ask((struct pri_request){.server = PRI_IMAGE,
                                    .method = "GET",
                                    .path = path,
                                    .to_file = "image.part",
                                    .from = from,
                                    .max_bytes = max},
               NULL);
}

static void expect_file(const char *content)
{
    char *text = folder_read("image.part", NULL);
    ck_assert_str_eq(text, content);
    free(text);
}

START_TEST(a_whole_poll_takes_one_connection)
{
    char body[64];
    enter();
    struct pri_request put = {
        .method = "PUT", .path = "manifest", .body = UP_SPAN("{\"signed\":1}"), .max_bytes = 10};
    struct pri_answer a = ask(put, body);
    ck_assert_int_eq(a.err, UP_OK);
    ck_assert_uint_eq(a.status, 204);
    ck_assert_str_eq(body, "");
    ck_assert_ptr_nonnull(strstr(last_request, "PUT /d/manifest HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(last_request, "\r\n\r\n{\"signed\":1}"));
    ck_assert_ptr_nonnull(strstr(last_request, "Content-Type: application/json\r\n"));
    ck_assert_ptr_null(strstr(last_request, "Expect"));
    ck_assert_str_eq(last_cn, "VIN-1");
    a = ask((struct pri_request){.method = "GET", .path = "ten", .max_bytes = 100}, body);
    ck_assert_int_eq(a.err, UP_OK);
    ck_assert_str_eq(body, "0123456789");
    ck_assert_ptr_null(strstr(last_request, "Accept-Encoding"));
    ck_assert_int_eq(get("404", 100).err, UP_UNAVAILABLE);
    ck_assert_int_eq(get("empty", 100).err, UP_OK);
    a = ask((struct pri_request){.server = PRI_TIME, .method = "POST", .path = "", .max_bytes = 9}, body);
    ck_assert_ptr_nonnull(strstr(last_request, "POST /d/ HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(last_request, "Content-Length: 0\r\n"));
    ck_assert_int_eq(download("image", 0, 10).err, UP_OK);
    ck_assert_uint_eq(pri_fetch_curl_connections(fetch), 1);
    leave();
}
END_TEST

START_TEST(two_at_a_time_share_the_connection)
{
    struct pri_answer a;
    enter();
    struct pri_request rq = {.method = "GET", .path = "ten", .max_bytes = 10};
    struct pri_transfer *one = begin(rq), *two = begin(rq);
    while (!fetch->done(fetch, one, &a) || !fetch->done(fetch, two, &a))
        ck_assert(pri_fetch_curl_wait(fetch, NULL, 0, 1000));
    ck_assert_int_eq(a.err, UP_OK);
    ck_assert_uint_eq(fetch->received(two), 10);
    fetch->drop(fetch, one);
    fetch->drop(fetch, two);
    ck_assert_uint_eq(pri_fetch_curl_connections(fetch), 1);
    leave();
}
END_TEST

START_TEST(a_body_may_be_as_long_as_allowed_and_no_longer)
{
    enter();
    ck_assert_int_eq(get("ten", 10).err, UP_OK);
    ck_assert_int_eq(get("ten", 9).err, UP_TOO_LARGE);
    ck_assert_int_eq(get("empty", 0).err, UP_OK);
    leave();
}
END_TEST

START_TEST(endless_answers_end)
{
    enter();
    ck_assert_int_eq(get("endless", 5000).err, UP_TOO_LARGE);
    ck_assert_int_eq(get("headers", 5000).err, UP_TOO_LARGE);
    ck_assert_int_eq(get("continue", 5000).err, UP_TOO_LARGE);
    struct pri_answer a = get("endless404", 5000);
    ck_assert_int_eq(a.err, UP_UNAVAILABLE);
    ck_assert_uint_eq(a.status, 404);
    ck_assert_int_eq(get("ten", 10).err, UP_OK);
    leave();
}
END_TEST

START_TEST(a_claim_of_too_much_ends_at_once)
{
    enter();
    struct pri_request rq = {.method = "GET", .path = "claims", .max_bytes = 100000000};
    struct pri_answer a;
    struct pri_transfer *t = begin(rq);
    while (!fetch->done(fetch, t, &a)) ck_assert(pri_fetch_curl_wait(fetch, NULL, 0, 1000));
    ck_assert_int_eq(a.err, UP_TOO_LARGE);
    ck_assert_uint_eq(fetch->received(t), 0);
    fetch->drop(fetch, t);
    leave();
}
END_TEST

START_TEST(not_there_differs_from_not_known)
{
    static const struct {
        const char *path;
        enum up_err err;
        unsigned status;
        const char *detail;
    } cases[] = {{"404", UP_UNAVAILABLE, 404, "HTTP 404"},
                 {"403", UP_UNAVAILABLE, 403, "HTTP 403"},
                 {"400", UP_REFUSED, 400, "HTTP 400: counter.[31m used.before"},
                 {"500", UP_TRANSPORT, 500, "HTTP 500: try later"},
                 {"304", UP_TRANSPORT, 304, "HTTP 304"},
                 {"reset", UP_TRANSPORT, 0, NULL},
                 {"short", UP_TRANSPORT, 200, NULL},
                 {"garbage", UP_TRANSPORT, 0, NULL}};
    enter();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pri_answer a = get(cases[i].path, 1000);
        ck_assert_msg(a.err == cases[i].err, "%s: %s %s", cases[i].path, up_err_name(a.err), a.detail);
        ck_assert_uint_eq(a.status, cases[i].status);
        if (cases[i].detail != NULL) ck_assert_str_eq(a.detail, cases[i].detail);
        ck_assert_str_ne(a.detail, "");
    }
    struct pri_request put = {.method = "PUT", .path = "403", .body = UP_SPAN("{}"), .max_bytes = 10};
    ck_assert_int_eq(ask(put, NULL).err, UP_REFUSED);
    leave();
}
END_TEST

START_TEST(a_server_that_stalls_is_too_slow)
{
    enter();
    ck_assert_int_eq(get("stalls", 1000000).err, UP_TOO_SLOW);
    ck_assert_int_eq(get("silent", 1000000).err, UP_TOO_SLOW);
    ck_assert_int_eq(get("ten", 10).err, UP_OK);
    leave();
}
END_TEST

START_TEST(nobody_is_followed_elsewhere)
{
    enter();
    struct pri_answer a = get("redirect", 100);
    ck_assert_int_eq(a.err, UP_TRANSPORT);
    ck_assert_uint_eq(a.status, 302);
    ck_assert_int_eq(atomic_load(&requests), 1);
    leave();
}
END_TEST

START_TEST(bytes_are_kept_as_they_come)
{
    char body[64];
    enter();
    (void)ask((struct pri_request){.method = "GET", .path = "gzip", .max_bytes = 100}, body);
    ck_assert_str_eq(body, "\x1f\x8b not really");
    leave();
}
END_TEST

START_TEST(the_environment_has_no_say)
{
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
    setenv("no_proxy", "", 1);
    enter();
    ck_assert_int_eq(get("ten", 10).err, UP_OK);
    leave();
}
END_TEST

/* --- files --- */

START_TEST(a_download_resumes_where_it_broke_off)
{
    enter();
    ck_assert_int_eq(download("breaks", 0, 10).err, UP_TRANSPORT);
    expect_file("0123");
    struct pri_answer a = download("image", 4, 10);
    ck_assert_int_eq(a.err, UP_OK);
    ck_assert_uint_eq(a.status, 206);
    expect_file("0123456789");
    leave();
}
END_TEST

START_TEST(what_lies_behind_the_point_of_resumption_goes)
{
    enter();
    folder_write_text("image.part", "0123XXXXXXXXXXXX");
    ck_assert_int_eq(download("image", 4, 10).err, UP_OK);
    expect_file("0123456789");
    folder_write_text("image.part", "0123"); /* shorter than the caller believes */
    ck_assert_int_eq(download("image", 8, 10).err, UP_OK);
    expect_file("0123456789");
    leave();
}
END_TEST

START_TEST(a_server_that_cannot_resume_starts_over)
{
    enter();
    folder_write_text("image.part", "XXXX");
    struct pri_answer a = download("norange", 4, 10);
    ck_assert_int_eq(a.err, UP_OK);
    ck_assert_uint_eq(a.status, 200);
    expect_file("0123456789");
    leave();
}
END_TEST

START_TEST(a_part_from_elsewhere_is_not_appended)
{
    enter();
    folder_write_text("image.part", "0123");
    ck_assert_int_eq(download("elsewhere", 4, 100).err, UP_TRANSPORT);
    ck_assert_int_eq(download("nowhere", 4, 100).err, UP_TRANSPORT);
    expect_file("0123");
    ck_assert_int_eq(download("elsewhere", 0, 100).err,
                     UP_TRANSPORT); /* a part, though the whole was asked for */
    expect_file("");
    leave();
}
END_TEST

START_TEST(a_resumed_file_grows_no_longer_than_allowed)
{
    enter();
    folder_write_text("image.part", "0123");
    ck_assert_int_eq(download("longer", 4, 10).err, UP_TOO_LARGE);
    expect_file("0123");
    leave();
}
END_TEST

START_TEST(a_part_that_does_not_fit_the_file_is_given_up)
{
    enter();
    folder_write_text("image.part", "0123");
    struct pri_answer a = download("416", 4, 10);
    ck_assert_int_eq(a.err, UP_TRANSPORT);
    ck_assert_uint_eq(a.status, 416);
    expect_file("");
    leave();
}
END_TEST

START_TEST(a_disk_that_takes_nothing_is_named)
{
    enter();
    struct pri_request rq = {.server = PRI_IMAGE, .method = "GET", .path = "image", .max_bytes = 10};
    rq.to_file = "/dev/full";
    ck_assert_int_eq(ask(rq, NULL).err, UP_STORAGE_FULL);
    rq.to_file = "none/image.part";
    ck_assert_int_eq(ask(rq, NULL).err, UP_STORAGE_WRITE);
    leave();
}
END_TEST

START_TEST(a_dropped_transfer_leaves_the_others_alone)
{
    enter();
    struct pri_transfer *t = begin((struct pri_request){.method = "GET", .path = "silent", .max_bytes = 10});
    ck_assert(pri_fetch_curl_wait(fetch, NULL, 0, 10));
    fetch->drop(fetch, t);
    ck_assert_int_eq(get("ten", 10).err, UP_OK);
    (void)begin((struct pri_request){.method = "GET", .path = "ten", .max_bytes = 10}); /* close() drops it */
    leave();
}
END_TEST

START_TEST(waiting_ends_for_other_descriptors_too)
{
    enter();
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    struct pollfd p[2] = {{.fd = pipes[0], .events = POLLIN}, {.fd = pipes[1], .events = POLLIN | POLLOUT}};
    ck_assert(pri_fetch_curl_wait(fetch, p, 2, 60000));
    ck_assert_int_eq(p[0].revents, POLLIN);
    ck_assert_int_eq(p[1].revents, POLLOUT);
    leave();
}
END_TEST

/* --- whom to trust --- */

static void expect_no_answer(void)
{
    struct pri_answer a = get("ten", 1000000);
    ck_assert_msg(a.err == UP_TRANSPORT, "%s", up_err_name(a.err));
    ck_assert_uint_eq(a.status, 0);
    ck_assert_str_ne(a.detail, "");
    ck_assert_int_eq(atomic_load(&requests), 0);
    leave();
}

START_TEST(a_server_of_another_authority_is_not_trusted)
{
    config.tls_ca = (char *)"other.pem";
    enter();
    expect_no_answer();
}
END_TEST

START_TEST(a_server_for_another_host_is_not_trusted)
{
    enter_with(&usual, "localhost");
    expect_no_answer();
}
END_TEST

START_TEST(an_expired_certificate_is_not_trusted)
{
    enter_with(&(struct tls_options){"expired", "ca", 0}, "127.0.0.1");
    expect_no_answer();
}
END_TEST

START_TEST(a_server_without_tls_1_3_is_not_talked_to)
{
    enter_with(&(struct tls_options){"server", "ca", TLS1_2_VERSION}, "127.0.0.1");
    expect_no_answer();
}
END_TEST

START_TEST(a_server_does_not_talk_to_strangers)
{
    config.tls_certificate = (char *)"stranger.pem";
    config.tls_key = (char *)"stranger.key";
    enter();
    expect_no_answer();
}
END_TEST

static bool plain_answer(struct tls_peer *p, const char *request)
{
    (void)request;
    return tls_send_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") && false;
}

START_TEST(a_server_without_tls_is_not_talked_to)
{
    enter();
    pri_fetch_curl_close(fetch);
    open_fetch(tls_serve(&(struct tls_options){0}, plain_answer), "127.0.0.1");
    expect_no_answer();
}
END_TEST

static bool no_handshake(struct tls_peer *p, const char *request)
{
    (void)request;
    return tls_wait_gone(p);
}

START_TEST(a_black_hole_ends_the_wait)
{
    enter();
    pri_fetch_curl_close(fetch);
    open_fetch(tls_serve(&(struct tls_options){0}, no_handshake), "127.0.0.1");
    expect_no_answer();
}
END_TEST

START_TEST(nobody_there_is_a_failed_connection)
{
    enter();
    pri_fetch_curl_close(fetch);
    open_fetch(1, "127.0.0.1");
    expect_no_answer();
}
END_TEST

SUITE("fetch", a_whole_poll_takes_one_connection, two_at_a_time_share_the_connection,
      a_body_may_be_as_long_as_allowed_and_no_longer, endless_answers_end, a_claim_of_too_much_ends_at_once,
      not_there_differs_from_not_known, a_server_that_stalls_is_too_slow, nobody_is_followed_elsewhere,
      bytes_are_kept_as_they_come, the_environment_has_no_say, a_download_resumes_where_it_broke_off,
      what_lies_behind_the_point_of_resumption_goes, a_server_that_cannot_resume_starts_over,
      a_part_from_elsewhere_is_not_appended, a_resumed_file_grows_no_longer_than_allowed,
      a_part_that_does_not_fit_the_file_is_given_up, a_disk_that_takes_nothing_is_named,
      a_dropped_transfer_leaves_the_others_alone, waiting_ends_for_other_descriptors_too,
      a_server_of_another_authority_is_not_trusted, a_server_for_another_host_is_not_trusted,
      an_expired_certificate_is_not_trusted, a_server_without_tls_1_3_is_not_talked_to,
      a_server_does_not_talk_to_strangers, a_server_without_tls_is_not_talked_to, a_black_hole_ends_the_wait,
      nobody_there_is_a_failed_connection)
