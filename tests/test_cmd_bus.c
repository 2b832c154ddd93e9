/* isoctane-sim bus: exit statuses, and a life from start to signal. */
#include "isotp/link.h"
#include "sim/commands.h"
#include "tests/suite.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs the command in a child with its output to OUT. Words are split at blanks. */
static pid_t spawn(const char *line, int out)
{
    pid_t child = fork();
    if (child != 0) return child;

    static char copy[512];
    char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok(copy, " "); w != NULL; w = strtok(NULL, " ")) argv[argc++] = w;
    argv[argc] = NULL;
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    int status = strcmp(argv[0], "bus") == 0 ? sim_cmd_bus(argc, argv) : sim_cmd_vehicle(argc, argv);
    fflush(NULL);
    _exit(status);
}

static int status_of(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const struct {
    const char *line, *says;
    int status;
} ends[] = {
    {"bus --help", "Usage: isoctane-sim bus", SIM_EXIT_OK},
    {"bus", "--path SOCKET or --bridge LINK is required", SIM_EXIT_USAGE},
    {"bus --path /tmp/x extra", "expected no arguments", SIM_EXIT_USAGE},
    {"bus --nonsense", "--help", SIM_EXIT_USAGE},
    {"bus --bitrate fast", "--bitrate fast: give bit/s", SIM_EXIT_USAGE},
    {"bus --bitrate 99999999999", "give bit/s", SIM_EXIT_USAGE},
    {"bus --data-bitrate -1", "give bit/s", SIM_EXIT_USAGE},
    {"bus --socketcand 65536", "TCP port", SIM_EXIT_USAGE},
    {"bus --name this_is_far_too_long", "1 to 15 characters", SIM_EXIT_USAGE},
    {"bus --drop 100.1", "percentage", SIM_EXIT_USAGE},
    {"bus --corrupt 1x", "percentage", SIM_EXIT_USAGE},
    {"bus --duplicate nan", "percentage", SIM_EXIT_USAGE},
    {"bus --delay 5", "such as 1:500", SIM_EXIT_USAGE},
    {"bus --delay 5:ten", "such as 1:500", SIM_EXIT_USAGE},
    {"bus --reorder x", "percentage", SIM_EXIT_USAGE},
    {"bus --error 101", "percentage", SIM_EXIT_USAGE},
    {"bus --spoof -1", "percentage", SIM_EXIT_USAGE},
    {"bus --flood 1", "such as 1:20", SIM_EXIT_USAGE},
    {"bus --rule explode", "explode: not something to do", SIM_EXIT_USAGE},
    {"bus --script /nowhere/at/all", "/nowhere/at/all: No such file", SIM_EXIT_CONFIG},
    {"bus --script tests/test_cmd_bus.c", "tests/test_cmd_bus.c:1: ", SIM_EXIT_USAGE},
    {"bus --seed x", "whole number", SIM_EXIT_USAGE},
    {"bus --path /nowhere/at/all", "/nowhere/at/all: no bus here", SIM_EXIT_CONFIG},
    {"vehicle --help", "--flood PERCENT:N", SIM_EXIT_OK},
    {"vehicle --seed x", "whole number", SIM_EXIT_USAGE},
    {"vehicle --layout three", "give two-slots, swap or one-slot", SIM_EXIT_USAGE},
    {"vehicle --spoof 101", "percentage", SIM_EXIT_USAGE},
    {"vehicle --rule explode", "explode: not something to do", SIM_EXIT_USAGE},
    {"vehicle --script /nowhere/at/all", "/nowhere/at/all: No such file", SIM_EXIT_CONFIG},
    {"vehicle fast", "expected no arguments", SIM_EXIT_USAGE},
    {"vehicle --log /nowhere/at/all", "/nowhere/at/all: No such file", SIM_EXIT_CONFIG},
    {"bus --path /tmp/x --log /nowhere/at/all", "/nowhere/at/all: cannot be written", SIM_EXIT_CONFIG},
};

START_TEST(every_mistake_has_its_message_and_status)
{
    char text[4096];
    int out[2];
    ck_assert_int_eq(pipe(out), 0);
    int status = status_of(spawn(ends[_i].line, out[1]));
    close(out[1]);
    ssize_t n = read(out[0], text, sizeof text - 1);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    close(out[0]);
    ck_assert_int_eq(status, ends[_i].status);
    ck_assert_msg(strstr(text, ends[_i].says) != NULL, "%s: %s", ends[_i].line, text);
}
END_TEST

START_TEST(a_vehicle_has_the_faults_of_a_bus)
{
    char text[4096], line[200], rules[] = "/tmp/isoctane-rules-XXXXXX";
    static const char rule[] = "send frame=7DF#023E80 at=1s # a foreign tester\n";
    int out[2], file = mkstemp(rules);
    ck_assert_int_eq((int)write(file, rule, strlen(rule)), (int)strlen(rule));
    close(file);
    ck_assert_int_eq(pipe(out), 0);
    snprintf(line, sizeof line, "vehicle --quiet --duplicate 0.5 --drop 0.1 --delay 1:300 --script %s",
             rules);
    pid_t child = spawn(line, out[1]);
    close(out[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(out[0], text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    text[n] = '\0';
    close(out[0]);
    ck_assert_msg(status_of(child) == SIM_EXIT_OK, "%s", text);
    unlink(rules);
    static const char *const says[] = {" dropped", " duplicated", " delayed", " sent",
                                       "everything is up to date"};
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        ck_assert_msg(strstr(text, says[i]) != NULL, "not \"%s\": %s", says[i], text);
}
END_TEST

START_TEST(a_bus_starts_serves_and_cleans_up_at_a_signal)
{
    char folder[] = "/tmp/isoctane-cmd-XXXXXX", line[256], name[96], log[96], text[1024] = "", why[256];
    int out[2];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(name, sizeof name, "bus:%s/bus", folder);
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(line, sizeof line,
             "bus --path %s/bus --name body --bitrate 1000000 --data-bitrate 0 --drop 0.5 --corrupt 0 "
             "--duplicate 100 "
             "--delay 100:10 --seed 5 --log %s",
             folder, log);
    ck_assert_int_eq(pipe(out), 0);
    pid_t child = spawn(line, out[1]);
    close(out[1]);
    ck_assert_int_gt(read(out[0], text, sizeof text - 1), 0); /* it is ready when it says so */
    ck_assert_ptr_nonnull(strstr(text, "ready: body, CAN FD, 1000000 bit/s, data 1000000 bit/s"));

    struct isotp_link *a = isotp_link_open(name, true, why, sizeof why),
                      *b = isotp_link_open(name, true, why, sizeof why);
    ck_assert_msg(a != NULL && b != NULL, "%s", why);
    struct isotp_frame f = {.id = 0x123, .flags = ISOTP_FD, .len = 12}, got[2];
    ck_assert_int_eq(a->ops->send(a, &f, 1), 1);
    for (int n = 0; n < 2;) { /* twice, as --duplicate says */
        struct pollfd p = {.fd = b->fd, .events = POLLIN};
        ck_assert_int_eq(poll(&p, 1, 5000), 1);
        n += b->ops->recv(b, got, 2);
    }
    ck_assert_uint_eq(got[0].id, 0x123);
    a->ops->close(a);
    b->ops->close(b);

    kill(child, SIGTERM);
    ck_assert_int_eq(status_of(child), SIM_EXIT_OK);
    ssize_t n = read(out[0], text, sizeof text - 1);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    ck_assert_ptr_nonnull(strstr(text, "2 frames, bus busy"));
    ck_assert_ptr_nonnull(strstr(text, "1 duplicated, 1 delayed"));
    struct stat st;
    ck_assert_int_ne(stat(name + 4, &st), 0);
    ck_assert_int_eq(stat(log, &st), 0);
    ck_assert_int_eq((int)st.st_size,
                     2 * (int)strlen("(1436509052.249713) body 123##0000000000000000000000000\n"));
    unlink(log);
    rmdir(folder);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cmd_bus");
    TCase *c = tcase_create("cmd_bus");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, every_mistake_has_its_message_and_status, 0, (int)(sizeof ends / sizeof *ends));
    tcase_add_test(c, a_vehicle_has_the_faults_of_a_bus);
    tcase_add_test(c, a_bus_starts_serves_and_cleans_up_at_a_signal);
    suite_add_tcase(s, c);
    return suite_run(s);
}
