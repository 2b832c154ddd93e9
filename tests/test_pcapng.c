/* pcapng captures: every byte of the blocks by a reader of the test's own, and a file that is good whenever
 * the writer dies. That Wireshark reads them: tests/interop_tshark.sh. */
#include "sim/commands.h"
#include "sim/pcapng.h"
#include "tests/suite.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/isoctane-pcapng-XXXXXX";
static struct sim_pcapng file;
static uint8_t bytes[1 << 20];
static size_t size;

static void set_up(void)
{
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void tear_down(void)
{
    unlink(path);
}

static uint32_t at32(size_t at)
{
    uint32_t v;
    ck_assert_uint_le(at + 4, size);
    memcpy(&v, bytes + at, 4);
    return v;
}

static void read_back(void)
{
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
}

/* Walks the blocks; fails when one is not whole. Fills AT with where they begin. */
static size_t blocks(size_t *at, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < size;) {
        uint32_t length = at32(i + 4);
        ck_assert_uint_ge(length, 12);
        ck_assert_uint_eq(length % 4, 0);
        ck_assert_uint_eq(at32(i + length - 4), length);
        if (n < max) at[n] = i;
        n++;
        i += length;
    }
    return n;
}

START_TEST(blocks_are_as_the_format_says)
{
    size_t at[8];
    struct isotp_frame classic, fd, rtr, error = {.id = 0x88, .flags = ISOTP_ERROR, .len = 8};
    ck_assert(sim_frame_parse("7E8#037F3678", &classic));
    ck_assert(sim_frame_parse("18DA10F1##3AABB", &fd));
    ck_assert(sim_frame_parse("7FF#R3", &rtr));
    ck_assert(sim_pcapng_open(&file, path));
    ck_assert_uint_eq(sim_pcapng_bus(&file, "can0", 500000), 0);
    ck_assert_uint_eq(sim_pcapng_bus(&file, "can1", 0), 1);
    sim_pcapng_frame(&file, 0, &classic, UINT64_C(0x123456789ABCDEF0));
    sim_pcapng_frame(&file, 1, &fd, 1);
    sim_pcapng_frame(&file, 0, &rtr, 2);
    sim_pcapng_frame(&file, 0, &error, 3);
    ck_assert(sim_pcapng_close(&file));
    read_back();
    ck_assert_uint_eq(blocks(at, 8), 7);

    ck_assert_uint_eq(at32(0), 0x0A0D0D0A);
    ck_assert_uint_eq(at32(8), 0x1A2B3C4D);
    ck_assert_mem_eq(bytes + 12, "\x01\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12);
    ck_assert_uint_eq(at32(at[1]), 1);
    ck_assert_uint_eq(at32(at[1] + 8), 227);
    ck_assert_mem_eq(bytes + at[1] + 16,
                     "\x02\0\x04\0can0\x09\0\x01\0\x09\0\0\0\x08\0\x08\0\x20\xA1\x07\0\0\0\0\0", 28);
    ck_assert_uint_eq(at32(at[2] + 4), at32(at[1] + 4) - 12); /* no speed */

    ck_assert_uint_eq(at32(at[3]), 6);
    ck_assert_uint_eq(at32(at[3] + 8), 0);
    ck_assert_uint_eq(at32(at[3] + 12), 0x12345678);
    ck_assert_uint_eq(at32(at[3] + 16), 0x9ABCDEF0);
    ck_assert_uint_eq(at32(at[3] + 20), 12);
    ck_assert_mem_eq(bytes + at[3] + 28, "\0\0\x07\xE8\x04\0\0\0\x03\x7F\x36\x78", 12);
    ck_assert_uint_eq(at32(at[4] + 8), 1);
    ck_assert_mem_eq(bytes + at[4] + 28, "\x98\xDA\x10\xF1\x02\x07\0\0\xAA\xBB\0\0", 12);
    ck_assert_mem_eq(bytes + at[5] + 28, "\x40\0\x07\xFF\x03\0\0\0", 8);
    ck_assert_uint_eq(at32(at[5] + 20), 8);
    ck_assert_mem_eq(bytes + at[6] + 28, "\x20\0\0\x88\x08\0\0\0", 8);
}
END_TEST

START_TEST(only_whole_blocks_reach_the_file)
{
    size_t frames = 0;
    struct isotp_frame f = {.id = 0x123, .flags = ISOTP_FD, .len = 64};
    ck_assert(sim_pcapng_open(&file, path));
    (void)sim_pcapng_bus(&file, "can0", 0);
    for (unsigned i = 0; i < 5000; i++) {
        f.len = i % 3 == 0 ? 64 : (uint8_t)(i % 9);
        sim_pcapng_frame(&file, 0, &f, i);
        if (i % 500 != 499) continue;
        read_back(); /* what a killed process leaves: what has not been handed over is missing, no more */
        size_t n = blocks(NULL, 0);
        ck_assert_uint_ge(n, frames);
        frames = n;
    }
    ck_assert_uint_gt(frames, 2);
    ck_assert(sim_pcapng_close(&file));
    read_back();
    ck_assert_uint_eq(blocks(NULL, 0), 5002);
}
END_TEST

START_TEST(a_full_disk_is_told)
{
    struct isotp_frame f = {.id = 0x123};
    ck_assert(sim_pcapng_open(&file, "/dev/full"));
    sim_pcapng_frame(&file, 0, &f, 0);
    ck_assert(!sim_pcapng_flush(&file));
    sim_pcapng_frame(&file, 0, &f, 0);
    ck_assert(!sim_pcapng_close(&file));
    ck_assert(!sim_pcapng_open(&file, "/nowhere/at/all"));
}
END_TEST

START_TEST(a_capture_survives_the_kill_of_its_bus)
{
    char folder[] = "/tmp/isoctane-kill-XXXXXX", name[96], why[256], text[256] = "";
    int out[2];
    size_t n = 0;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(name, sizeof name, "bus:%s/bus", folder);
    ck_assert_int_eq(pipe(out), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        char *argv[] = {(char[]){"bus"}, (char[]){"--path"}, name + 4, (char[]){"--capture"}, path, NULL};
        _exit(sim_cmd_bus(5, argv));
    }
    close(out[1]);
    ck_assert_int_gt(read(out[0], text, sizeof text - 1), 0);
    close(out[0]);
    struct isotp_link *l = isotp_link_open(name, false, why, sizeof why);
    ck_assert_msg(l != NULL, "%s", why);
    struct isotp_frame f = {.id = 0x123, .len = 8};
    for (int i = 0; i < 20;) {
        struct pollfd p = {.fd = l->fd, .events = POLLOUT};
        ck_assert_int_eq(poll(&p, 1, 5000), 1);
        i += l->ops->send(l, &f, 1);
    }
    for (int tries = 0; n < 12 && tries < 6000; tries++) { /* ten frames have been on the bus */
        read_back();
        n = blocks(NULL, 0);
        poll(NULL, 0, 10);
    }
    ck_assert_uint_ge(n, 12);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    read_back();
    ck_assert_uint_ge(blocks(NULL, 0), n);
    l->ops->close(l);
    unlink(name + 4);
    rmdir(folder);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pcapng");
    TCase *c = tcase_create("pcapng");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 300);
    tcase_add_test(c, blocks_are_as_the_format_says);
    tcase_add_test(c, only_whole_blocks_reach_the_file);
    tcase_add_test(c, a_full_disk_is_told);
    tcase_add_test(c, a_capture_survives_the_kill_of_its_bus);
    suite_add_tcase(s, c);
    return suite_run(s);
}
