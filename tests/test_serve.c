#include "sim/serve.h"

#include "sim/commands.h"
#include "sim/pki.h"
#include "tests/lib_garage.h"
#include "tests/suite.h"

#include <curl/curl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct garage garage;
static struct sim_server *server;
static CURL *client;
static struct sim_bytes got;
static char folder[SIM_PATH_MAX];

static int64_t clock_now(void *ctx)
{
    (void)ctx;
    return time(NULL); /* certificates are checked against the real time */
}

static void use_certificate(const char *dir, const char *vehicle)
{
    char path[SIM_PATH_MAX];
    ck_assert(sim_path(path, "%s/%s.pem", dir, vehicle));
    curl_easy_setopt(client, CURLOPT_SSLCERT, path);
    ck_assert(sim_path(path, "%s/%s.key", dir, vehicle));
    curl_easy_setopt(client, CURLOPT_SSLKEY, path);
}

static size_t collect(char *data, size_t size, size_t n, void *ctx)
{
    (void)size;
    (void)ctx;
    got.p = realloc(got.p, got.n + n + 1);
    memcpy(got.p + got.n, data, n);
    got.n += n;
    got.p[got.n] = 0;
    return got.n > 1000000 ? 0 : n;
}

static void new_client(void)
{
    char path[SIM_PATH_MAX];
    if (client != NULL) curl_easy_cleanup(client);
    client = curl_easy_init();
    ck_assert(sim_path(path, "%s/ca.pem", folder));
    curl_easy_setopt(client, CURLOPT_CAINFO, path);
    curl_easy_setopt(client, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(client, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(client, CURLOPT_TIMEOUT, 20L);
    use_certificate(folder, GARAGE_VEHICLE);
}

static void begin(void)
{
    char why[SIM_WHY_MAX] = "";
    garage_open(&garage);
    ck_assert(sim_path(folder, "%s/pki", garage.folder.path));
    const struct sim_server_config config = {.dir = garage.folder.path, .now = clock_now};
    server = sim_server_start(&config, why);
    ck_assert_msg(server != NULL, "%s", why);
    ck_assert_msg(sim_pki_issue(folder, GARAGE_VEHICLE, time(NULL), why), "%s", why);
    garage_register(sim_backend_director(sim_server_lock(server)));
    sim_server_unlock(server);
    new_client();
}

static void end(void)
{
    curl_easy_cleanup(client);
    client = NULL;
    sim_server_stop(server);
    garage_close(&garage);
    sim_bytes_free(&got);
}

static CURLcode fetch(const char *path)
{
    char url[SIM_PATH_MAX];
    ck_assert(sim_path(url, "https://localhost:%u%s", sim_server_port(server), path));
    curl_easy_setopt(client, CURLOPT_URL, url);
    got.n = 0;
    return curl_easy_perform(client);
}

static long status(void)
{
    long code = 0;
    curl_easy_getinfo(client, CURLINFO_RESPONSE_CODE, &code);
    return code;
}

static long get(const char *path)
{
    CURLcode rc = fetch(path);
    ck_assert_msg(rc == CURLE_OK, "%s: %s", path, curl_easy_strerror(rc));
    return status();
}

static long put(const char *path, const char *body)
{
    curl_easy_setopt(client, CURLOPT_CUSTOMREQUEST, "PUT");
    curl_easy_setopt(client, CURLOPT_POSTFIELDS, body);
    long code = get(path);
    curl_easy_setopt(client, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(client, CURLOPT_CUSTOMREQUEST, NULL);
    return code;
}

static void break_network(const char *text)
{
    struct sim_fault f;
    ck_assert_msg(sim_fault_parse(text, &f), "%s", text);
    ck_assert(sim_server_set_faults(server, &f, 1));
}

START_TEST(a_vehicle_is_answered_over_tls)
{
    begin();
    ck_assert_int_eq(get("/repo/1.root.json"), 200);
    ck_assert_ptr_nonnull(strstr((const char *)got.p, "\"_type\":\"root\""));
    ck_assert_int_eq(get("/repo/2.root.json"), 404);
    char *manifest = garage_honest_manifest(1, time(NULL));
    ck_assert_int_eq(put("/director/manifest", manifest), 200);
    ck_assert_int_eq(put("/director/manifest", manifest), 409);
    ck_assert_ptr_nonnull(strstr((const char *)got.p, "MAN_REPLAY"));
    free(manifest);
    ck_assert_int_eq(get("/director/timestamp.json"), 200);
    end();
}
END_TEST

START_TEST(an_older_tls_is_refused)
{
    begin();
    curl_easy_setopt(client, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2);
    ck_assert_int_ne(fetch("/repo/1.root.json"), CURLE_OK);
    end();
}
END_TEST

START_TEST(no_certificate_is_no_connection)
{
    begin();
    curl_easy_setopt(client, CURLOPT_SSLCERT, NULL);
    curl_easy_setopt(client, CURLOPT_SSLKEY, NULL);
    ck_assert_int_ne(fetch("/repo/1.root.json"), CURLE_OK);
    ck_assert_uint_eq(sim_server_count(server).requests, 0);
    end();
}
END_TEST

START_TEST(a_certificate_of_another_authority_is_no_connection)
{
    char why[SIM_WHY_MAX];
    struct folder other = folder_make();
    begin();
    ck_assert(sim_pki_create(other.path, NULL, time(NULL), why));
    ck_assert(sim_pki_issue(other.path, GARAGE_VEHICLE, time(NULL), why));
    use_certificate(other.path, GARAGE_VEHICLE);
    ck_assert_int_ne(fetch("/repo/1.root.json"), CURLE_OK);
    ck_assert_uint_eq(sim_server_count(server).requests, 0);
    folder_remove(&other);
    end();
}
END_TEST

START_TEST(a_certificate_that_names_no_vehicle_gets_nothing)
{
    char why[SIM_WHY_MAX];
    begin();
    ck_assert(sim_pki_issue(folder, "no vehicle", time(NULL), why));
    use_certificate(folder, "no vehicle");
    ck_assert_int_eq(get("/repo/1.root.json"), 401);
    end();
}
END_TEST

START_TEST(one_connection_serves_many_requests)
{
    begin();
    for (int i = 0; i < 5; i++) ck_assert_int_eq(get("/repo/timestamp.json"), 200);
    struct sim_server_counts n = sim_server_count(server);
    ck_assert_uint_eq(n.connections, 1);
    ck_assert_uint_eq(n.requests, 5);
    end();
}
END_TEST

START_TEST(a_range_gets_the_rest)
{
    char path[SIM_PATH_MAX];
    begin();
    cJSON *entry = sim_repo_find(&garage.repo, "brake-1", "brake-hw");
    ck_assert(sim_path(path, "/repo/targets/%s.brake-1", sim_json_at(entry, "/hashes/sha256")->valuestring));
    cJSON_Delete(entry);
    curl_easy_setopt(client, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)6); /* fails unless the answer is 206 */
    ck_assert_int_eq(get(path), 206);
    ck_assert_str_eq((const char *)got.p, "firmware one");
    curl_easy_setopt(client, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)0);
    curl_easy_setopt(client, CURLOPT_RANGE, "18-");
    ck_assert_int_eq(get(path), 416);
    curl_easy_setopt(client, CURLOPT_RANGE, "2-3"); /* not ours: the whole */
    ck_assert_int_eq(get(path), 200);
    ck_assert_uint_eq(got.n, 18);
    end();
}
END_TEST

START_TEST(escapes_reach_the_backend_as_they_came)
{
    const char *const paths[] = {"supplier/*", NULL};
    begin();
    ck_assert(sim_repo_delegate(&garage.repo, &(struct sim_delegation){.name = "supplier/x", .paths = paths},
                                time(NULL)));
    ck_assert_int_eq(get("/repo/1.supplier%2Fx.json"), 200);
    ck_assert_int_eq(get("/repo/1.supplier%252Fx.json"), 404);
    ck_assert_int_eq(get("/repo/../settings.json"), 404);
    ck_assert_int_eq(get("/repo/%2e%2e/settings.json"), 404);
    end();
}
END_TEST

START_TEST(a_body_above_the_limit_is_refused)
{
    begin();
    size_t n = sim_backend_body_max("/director/manifest") + 1;
    char *body = malloc(n + 1);
    memset(body, 'x', n);
    body[n] = '\0';
    ck_assert_int_eq(put("/director/manifest", body), 413);
    body[n - 1] = '\0';
    ck_assert_int_eq(put("/director/manifest", body), 400);
    free(body);
    end();
}
END_TEST

START_TEST(a_broken_network_is_broken_as_told)
{
    begin();
    break_network("status:/repo/*:503:1");
    ck_assert_int_eq(get("/time"), 405); /* not this path */
    ck_assert_int_eq(get("/repo/1.root.json"), 503);
    ck_assert_uint_eq(got.n, 0);
    ck_assert_int_eq(get("/repo/1.root.json"), 200); /* once */
    size_t whole = got.n;
    struct sim_bytes honest = {malloc(whole), whole};
    memcpy(honest.p, got.p, whole);

    break_network("wrong:/repo/1.root.json");
    ck_assert_int_eq(get("/repo/1.root.json"), 200);
    ck_assert_uint_eq(got.n, whole);
    ck_assert_int_ne(memcmp(got.p, honest.p, whole), 0);

    break_network("truncate:/repo/1.root.json:100");
    ck_assert_int_eq(fetch("/repo/1.root.json"), CURLE_PARTIAL_FILE);
    ck_assert_uint_eq(got.n, 100);

    break_network("endless:/repo/1.root.json");
    ck_assert_int_eq(fetch("/repo/1.root.json"), CURLE_WRITE_ERROR); /* we gave up */
    ck_assert_uint_gt(got.n, 1000000);

    break_network("drop:/repo/1.root.json");
    ck_assert_int_ne(fetch("/repo/1.root.json"), CURLE_OK);

    break_network("trickle:/repo/1.root.json:5000");
    ck_assert_int_eq(get("/repo/1.root.json"), 200);
    ck_assert_uint_eq(got.n, whole);
    ck_assert_int_eq(memcmp(got.p, honest.p, whole), 0);
    curl_off_t us = 0;
    curl_easy_getinfo(client, CURLINFO_TOTAL_TIME_T, &us);
    ck_assert_int_gt(us, 200000); /* about 2000 bytes at 5000 a second */

    break_network("delay:/repo/1.root.json:50");
    ck_assert_int_eq(get("/repo/1.root.json"), 200);
    curl_easy_getinfo(client, CURLINFO_TOTAL_TIME_T, &us);
    ck_assert_int_gt(us, 50000);

    ck_assert(sim_server_set_faults(server, NULL, 0));
    ck_assert_int_eq(get("/repo/1.root.json"), 200);
    sim_bytes_free(&honest);
    end();
}
END_TEST

START_TEST(stopping_does_not_wait_for_a_slow_answer)
{
    begin();
    break_network("trickle:/repo/1.root.json:1");
    curl_easy_setopt(client, CURLOPT_TIMEOUT_MS, 100L);
    ck_assert_int_eq(fetch("/repo/1.root.json"), CURLE_OPERATION_TIMEDOUT);
    end(); /* the test's own deadline is far below the 2000 s of this answer */
}
END_TEST

START_TEST(faults_are_read_from_text)
{
    struct sim_fault f;
    ck_assert(sim_fault_parse("status:/a*:404:3", &f));
    ck_assert_int_eq(f.kind, SIM_FAULT_STATUS);
    ck_assert_str_eq(f.path, "/a*");
    ck_assert_uint_eq(f.value, 404);
    ck_assert_uint_eq(f.times, 3);
    ck_assert(sim_fault_parse("endless:/a:2", &f));
    ck_assert_uint_eq(f.times, 2);
    static const char *const wrong[] = {
        "",         "status",       "status:/a",    "status:/a:x", "status:/a:99",
        "bend:/a",  "trickle:/a:0", "wrong:/a:1:2", "wrong:",      "status:/a:404:",
        "drop:/a:", "delay:/a:-1:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!sim_fault_parse(wrong[i], &f), "%s", wrong[i]);
}
END_TEST

START_TEST(every_request_is_logged_in_one_line)
{
    char why[SIM_WHY_MAX], *text = NULL;
    size_t n;
    begin();
    sim_server_stop(server);
    FILE *log = open_memstream(&text, &n);
    const struct sim_server_config config = {.dir = garage.folder.path, .now = clock_now, .log = log};
    server = sim_server_start(&config, why);
    ck_assert_msg(server != NULL, "%s", why);
    ck_assert_int_eq(get("/repo/1.root.json"), 200);
    fflush(log);
    ck_assert_ptr_nonnull(
        strstr(text, " connection=1 vehicle=VIN-1 method=GET path=/repo/1.root.json status=200 bytes="));
    end();
    fclose(log);
    free(text);
}
END_TEST

START_TEST(keys_are_private_and_certificates_stay)
{
    char why[SIM_WHY_MAX], path[SIM_PATH_MAX];
    struct sim_bytes before, after;
    struct stat st;
    struct folder f = folder_make();
    ck_assert(!sim_pki_issue(f.path, "VIN-1", time(NULL), why));
    ck_assert_msg(sim_pki_create(f.path, "backend,10.0.0.5", time(NULL), why), "%s", why);
    ck_assert(sim_pki_issue(f.path, "VIN-1", time(NULL), why));
    static const char *const keys[] = {"ca.key", "server.key", "VIN-1.key"};
    for (size_t i = 0; i < 3; i++) {
        ck_assert(sim_path(path, "%s/%s", f.path, keys[i]));
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq(st.st_mode & 0777, 0600);
    }
    ck_assert(sim_file_read(path, &before));
    ck_assert(sim_pki_create(f.path, NULL, time(NULL), why));
    ck_assert(sim_file_read(path, &after));
    ck_assert(up_span_eq(sim_span(&before), sim_span(&after)));
    sim_bytes_free(&before);
    sim_bytes_free(&after);
    folder_remove(&f);
}
END_TEST

START_TEST(what_cannot_be_served_is_told)
{
    char why[SIM_WHY_MAX] = "";
    begin();
    struct sim_server_config config = {
        .dir = garage.folder.path, .now = clock_now, .port = sim_server_port(server)};
    ck_assert_ptr_null(sim_server_start(&config, why));
    ck_assert_ptr_nonnull(strstr(why, "cannot listen"));
    config.address = "nowhere";
    ck_assert_ptr_null(sim_server_start(&config, why));
    config.dir = "/nonexistent";
    ck_assert_ptr_null(sim_server_start(&config, why));
    end();
}
END_TEST

/* The command as a process, and the first line that it prints; empty: none. */
static pid_t start_command(char *const *arguments, char line[256])
{
    int pipes[2], argc = 0;
    while (arguments[argc] != NULL) argc++;
    ck_assert_int_eq(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        exit(sim_cmd_serve(argc, (char **)(uintptr_t)arguments));
    }
    close(pipes[1]);
    FILE *f = fdopen(pipes[0], "r");
    if (fgets(line, 256, f) == NULL) line[0] = '\0';
    fclose(f);
    return child;
}

static int exit_status(pid_t child)
{
    int s;
    ck_assert_int_eq(waitpid(child, &s, 0), child);
    return WIFEXITED(s) ? WEXITSTATUS(s) : -1;
}

START_TEST(the_command_serves_until_it_is_told_to_end)
{
    char line[256];
    garage_open(&garage);
    char *const arguments[] = {"serve",  "--dir",   garage.folder.path, "--port",     "0", "--quiet",
                               "--host", "backend", "--fault",          "drop:/time", NULL};
    pid_t child = start_command(arguments, line);
    ck_assert_ptr_nonnull(strstr(line, " at https://localhost:"));
    ck_assert_int_eq(kill(child, SIGTERM), 0);
    ck_assert_int_eq(exit_status(child), SIM_EXIT_OK);
    garage_close(&garage);
}
END_TEST

START_TEST(the_command_says_what_is_wrong)
{
    char line[256];
    char *const usage[][5] = {{"serve", "--port", "65536"}, {"serve", "--fault", "bend:/"}, {"serve", "x"}};
    char *const help[] = {"serve", "--help", NULL}, *const config[] = {"serve", "--dir", "/nonexistent",
                                                                       NULL};
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(exit_status(start_command(usage[i], line)), SIM_EXIT_USAGE);
    ck_assert_int_eq(exit_status(start_command(config, line)), SIM_EXIT_CONFIG);
    ck_assert_int_eq(exit_status(start_command(help, line)), SIM_EXIT_OK);
    ck_assert_ptr_nonnull(strstr(line, "Usage"));
}
END_TEST

SUITE("serve", a_vehicle_is_answered_over_tls, an_older_tls_is_refused, no_certificate_is_no_connection,
      a_certificate_of_another_authority_is_no_connection, a_certificate_that_names_no_vehicle_gets_nothing,
      one_connection_serves_many_requests, a_range_gets_the_rest, escapes_reach_the_backend_as_they_came,
      a_body_above_the_limit_is_refused, a_broken_network_is_broken_as_told,
      stopping_does_not_wait_for_a_slow_answer, faults_are_read_from_text,
      every_request_is_logged_in_one_line, keys_are_private_and_certificates_stay,
      what_cannot_be_served_is_told, the_command_serves_until_it_is_told_to_end,
      the_command_says_what_is_wrong)
