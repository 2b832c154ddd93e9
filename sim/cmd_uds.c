/* isoctane-sim uds: a tester for any ECU that speaks UDS, and an ECU to try testers on. */
#include "sim/commands.h"
#include "sim/dump.h"
#include "sim/file.h"
#include "sim/plain_ecu.h"
#include "sim/realtime.h"
#include "sim/uds_tool.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* One set of options for all commands: a tester's setting is the same whatever it asks. */
struct tool {
    struct sim_bench_options o;
    struct sim_uds u;
    uint8_t repeats, block_repeats, session;
    struct sim_uds_access key;
    struct sim_uds_flash flash;
    bool quiet;
    const char *memory; /* serve */
    struct sim_plain_ecu_config ecu;
    int argc;
    char **argv; /* behind LINK */
};

enum {
    SESSION = SIM_BENCH_OWN,
    LEVEL,
    KEY,
    KEY_COMMAND,
    SECRET,
    CERTIFICATE,
    CERTIFICATE_KEY,
    REPEATS,
    QUIET,
    ADDRESS,
    ADDRESS_BYTES,
    SIZE_BYTES,
    FORMAT,
    BLOCK,
    OFFSET,
    ATTEMPTS,
    FINGERPRINT,
    ERASE,
    CHECK,
    BOOT,
    NO_FUNCTIONAL,
    NO_IDENTIFY,
    NO_RESET,
    MEMORY,
    SIZE,
    ERASE_MS,
    BOOT_MS,
    LOCKED
};
static const struct option options[] = {SIM_BENCH_LONG,
                                        {"session", required_argument, NULL, SESSION},
                                        {"level", required_argument, NULL, LEVEL},
                                        {"key", required_argument, NULL, KEY},
                                        {"key-command", required_argument, NULL, KEY_COMMAND},
                                        {"secret", required_argument, NULL, SECRET},
                                        {"certificate", required_argument, NULL, CERTIFICATE},
                                        {"certificate-key", required_argument, NULL, CERTIFICATE_KEY},
                                        {"repeats", required_argument, NULL, REPEATS},
                                        {"quiet", no_argument, NULL, QUIET},
                                        {"address", required_argument, NULL, ADDRESS},
                                        {"address-bytes", required_argument, NULL, ADDRESS_BYTES},
                                        {"size-bytes", required_argument, NULL, SIZE_BYTES},
                                        {"format", required_argument, NULL, FORMAT},
                                        {"block", required_argument, NULL, BLOCK},
                                        {"offset", required_argument, NULL, OFFSET},
                                        {"attempts", required_argument, NULL, ATTEMPTS},
                                        {"fingerprint", required_argument, NULL, FINGERPRINT},
                                        {"erase", required_argument, NULL, ERASE},
                                        {"check", required_argument, NULL, CHECK},
                                        {"boot", required_argument, NULL, BOOT},
                                        {"no-functional", no_argument, NULL, NO_FUNCTIONAL},
                                        {"no-identify", no_argument, NULL, NO_IDENTIFY},
                                        {"no-reset", no_argument, NULL, NO_RESET},
                                        {"memory", required_argument, NULL, MEMORY},
                                        {"size", required_argument, NULL, SIZE},
                                        {"erase-ms", required_argument, NULL, ERASE_MS},
                                        {"boot-ms", required_argument, NULL, BOOT_MS},
                                        {"locked", no_argument, NULL, LOCKED},
                                        {NULL, 0, NULL, 0}};

static const char help_text[] =
    "Usage: isoctane-sim uds COMMAND [OPTION...] LINK [ARGUMENT...]\n"
    "\n"
    "A tester for any ECU that speaks UDS (ISO 14229-1) over ISO-TP.\n"
    "\n"
    "  scan LINK [FIRST-LAST]       who answers 3E on these identifiers (default 700-7FF)\n"
    "  services LINK                which services the ECU knows\n"
    "  read LINK ID[-ID]...         identifiers (22); of a range those that there are\n"
    "  write LINK ID BYTES          an identifier (2E)\n"
    "  session LINK N               change the session (10)\n"
    "  security LINK                unlock (27, 29), with a key, a --secret or a --certificate\n"
    "  routine LINK ID [BYTES]      start a routine (31 01)\n"
    "  reset LINK [TYPE]            reset (11); default 1\n"
    "  request LINK BYTES           any request\n"
    "  flash LINK FILE              the whole sequence: everybody quiet, identify, programming session, "
    "unlock,\n"
    "                               fingerprint, erase, download, check, reset, everybody back\n"
    "  serve LINK                   be an ECU that anybody may flash, until SIGINT or SIGTERM\n"
    "\n" SIM_BENCH_HELP
    "  --repeats N            decimal: of a request that nobody answers (default 0; blocks of a download 3)\n"
    "  --session N            change to this session first (flash: default 2)\n"
    "  --level N              unlock at this level (27)\n"
    "  --key BYTES            the key; or\n"
    "  --key-command COMMAND  run as COMMAND LEVEL SEED, prints it; or\n"
    "  --secret FILE          the tester_secret of a Secondary of ours gives it (--level is 1 then)\n"
    "  --certificate FILE, --certificate-key FILE  who we are (29), in PEM; before 27\n"
    "  --quiet                no progress\n"
    "\n"
    "flash:\n"
    "  --address A            where the image goes (default 0)\n"
    "  --address-bytes N, --size-bytes N  of the figures in 34 and in the erase routine (default 4)\n"
    "  --format N             dataFormatIdentifier: compression, encryption (default 00: neither)\n"
    "  --block N              decimal: most payload bytes in a block; default: as the ECU allows\n"
    "  --offset N             decimal: so many bytes are there already; no erase then\n"
    "  --attempts N           decimal: a download that breaks off goes on where it stopped, so often "
    "(default 3)\n"
    "  --fingerprint ID:BYTES written after unlocking (2E)\n"
    "  --erase ID             routine to erase (default FF00), or none\n"
    "  --check ID[:BYTES]     routine after the download, may be repeated (default FF01), or none\n"
    "  --boot MS              decimal: how long the ECU may take to start (default 10000)\n"
    "  --no-functional, --no-identify, --no-reset  leave these steps out\n"
    "\n"
    "serve:\n"
    "  --size N               decimal: bytes of memory at --address (default 1048576)\n"
    "  --memory FILE          write it to FILE at the end\n"
    "  --erase-ms MS, --boot-ms MS  decimal: what an erase takes, and 10 02\n"
    "  --locked               34 and 2E need 27 01 first; the key is the seed with all bits inverted\n"
    "  --block N              decimal: payload bytes of a block that it takes\n"
    "\n"
    "Exit status: 0 done, 1 the ECU refused, 64 usage, 70 no answer, 78 link or file cannot be opened.\n";

/* --- output --- */

static void print_json_bytes(const char *name, const uint8_t *p, size_t n)
{
    printf("\"%s\": \"", name);
    for (size_t i = 0; i < n; i++) printf("%02X", (unsigned)p[i]);
    printf("\"");
}

static void print_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < ' ' || p[i] > '~') return;
    if (n > 0) printf("  %.*s", (int)n, (const char *)p);
}

/* The answer to the last request. Exit status. */
static int print_answer(struct tool *t)
{
    const struct uds_client *c = &t->u.client;
    enum uds_outcome outcome = uds_client_outcome(c);
    char text[160];

    if (t->o.json) {
        if (outcome == UDS_POSITIVE) {
            printf("{");
            print_json_bytes("answer", c->reply, c->reply_bytes);
            printf("}\n");
            return SIM_EXIT_OK;
        }
        uds_client_explain(c, text, sizeof text);
        printf("{\"error\": \"%s\"", text);
        if (outcome == UDS_REFUSED) printf(", \"code\": %u", (unsigned)c->code);
        printf("}\n");
        return outcome == UDS_REFUSED ? SIM_EXIT_NOTHING : SIM_EXIT_FAULT;
    }
    if (outcome == UDS_POSITIVE) {
        sim_bench_print(stdout, c->reply, c->reply_bytes);
        printf("\n");
    }
    return sim_uds_status(&t->u, "request");
}

static int wrong(const struct tool *t, const char *what, const char *wanted)
{
    fprintf(stderr, "%s: %s: %s\n", t->o.program, what, wanted);
    return SIM_EXIT_USAGE;
}

/* --- commands: with an open channel --- */

static int prepare(struct tool *t)
{
    if (t->session != 0) {
        const uint8_t request[] = {UDS_SESSION_CONTROL, t->session};
        if (sim_uds_ask(&t->u, request, sizeof request) != UDS_POSITIVE)
            return sim_uds_status(&t->u, "session");
    }
    return sim_uds_unlock(&t->u, &t->key);
}

static int ask(struct tool *t, const uint8_t *request, size_t n)
{
    int status = prepare(t);
    if (status != SIM_EXIT_OK) return status;
    (void)sim_uds_ask(&t->u, request, n);
    return print_answer(t);
}

static bool take_range(const char *text, uint64_t max, uint64_t *first, uint64_t *last)
{
    char copy[32];
    if (strlen(text) >= sizeof copy) return false;
    memcpy(copy, text, strlen(text) + 1);
    char *dash = strchr(copy, '-');
    if (dash != NULL) *dash = '\0';
    if (!sim_bench_number(copy, 16, max, first)) return false;
    *last = *first;
    return dash == NULL || (sim_bench_number(dash + 1, 16, max, last) && *first <= *last);
}

static void print_identifier(const struct tool *t, unsigned id)
{
    const struct uds_client *c = &t->u.client;
    const uint8_t *value = c->reply + 3;
    size_t n = c->reply_bytes - 3;
    if (t->o.json) {
        printf("{\"id\": \"%04X\", ", id);
        print_json_bytes("data", value, n);
        printf("}\n");
        return;
    }
    printf("%04X  ", id);
    sim_bench_print(stdout, value, n);
    print_text(value, n);
    printf("\n");
}

static int do_read(struct tool *t)
{
    int status = prepare(t);
    for (int i = 0; i < t->argc && status == SIM_EXIT_OK; i++) {
        uint64_t first, last;
        if (!take_range(t->argv[i], 0xFFFF, &first, &last))
            return wrong(t, t->argv[i], "give an identifier such as F190, or F180-F19F");
        for (uint64_t id = first; id <= last && status == SIM_EXIT_OK; id++) {
            const uint8_t request[] = {UDS_READ_DATA, (uint8_t)(id >> 8), (uint8_t)id};
            enum uds_outcome outcome = sim_uds_ask(&t->u, request, sizeof request);
            if (outcome == UDS_POSITIVE)
                print_identifier(t, (unsigned)id);
            else if (first == last || outcome != UDS_REFUSED)
                status = sim_uds_status(&t->u, t->argv[i]);
        }
    }
    return status;
}

static int do_write(struct tool *t)
{
    uint64_t id, last;
    uint8_t request[4096] = {UDS_WRITE_DATA};
    size_t n = 3;
    if (!take_range(t->argv[0], 0xFFFF, &id, &last) || id != last)
        return wrong(t, t->argv[0], "give an identifier such as F15A");
    uds_put(request + 1, id, 2);
    if (!sim_bench_bytes(t->argv[1], request, sizeof request, &n) || n == 3)
        return wrong(t, t->argv[1], "give hexadecimal bytes");
    return ask(t, request, n);
}

static int do_session(struct tool *t)
{
    uint64_t n;
    if (!sim_bench_number(t->argv[0], 16, 0x7F, &n) || n == 0)
        return wrong(t, t->argv[0], "give a session, 1 to 7F");
    const uint8_t request[] = {UDS_SESSION_CONTROL, (uint8_t)n};
    return ask(t, request, sizeof request);
}

static int do_security(struct tool *t)
{
    if (t->key.level == 0 && t->key.certificate == NULL)
        return wrong(t, "security", "give --level and a key, a --secret, or a --certificate");
    int status = prepare(t);
    if (status == SIM_EXIT_OK && t->key.certificate != NULL)
        printf(t->o.json ? "{\"authenticated\": true}\n" : "authenticated\n");
    if (status == SIM_EXIT_OK && t->key.level != 0)
        printf(t->o.json ? "{\"unlocked\": %u}\n" : "unlocked at level %02X\n", (unsigned)t->key.level);
    return status;
}

static int do_routine(struct tool *t)
{
    uint64_t id, last;
    uint8_t request[4096] = {UDS_ROUTINE_CONTROL, UDS_START};
    size_t n = 4;
    if (!take_range(t->argv[0], 0xFFFF, &id, &last) || id != last)
        return wrong(t, t->argv[0], "give a routine such as FF01");
    uds_put(request + 2, id, 2);
    if (t->argc > 1 && !sim_bench_bytes(t->argv[1], request, sizeof request, &n))
        return wrong(t, t->argv[1], "give hexadecimal bytes");
    return ask(t, request, n);
}

static int do_reset(struct tool *t)
{
    uint64_t type = 1;
    if (t->argc > 0 && (!sim_bench_number(t->argv[0], 16, 0x7F, &type) || type == 0))
        return wrong(t, t->argv[0], "give a type, 1 to 7F");
    const uint8_t request[] = {UDS_ECU_RESET, (uint8_t)type};
    return ask(t, request, sizeof request);
}

static int do_request(struct tool *t)
{
    static uint8_t request[1 << 16];
    size_t n = 0;
    if (!sim_bench_bytes(t->argv[0], request, sizeof request, &n) || n == 0)
        return wrong(t, t->argv[0], "give hexadecimal bytes such as \"22 F1 90\"");
    return ask(t, request, n);
}

/* A request without its data: what the ECU makes of it tells whether it knows the service, and harms nothing.
 */
static int do_services(struct tool *t)
{
    int status = prepare(t);
    for (unsigned sid = 0x10; sid < 0xC0 && status == SIM_EXIT_OK; sid++) {
        if ((sid & UDS_ANSWER) != 0) continue;
        const uint8_t request[] = {(uint8_t)sid};
        enum uds_outcome outcome = sim_uds_ask(&t->u, request, sizeof request);
        const struct uds_client *c = &t->u.client;
        bool refused = outcome == UDS_REFUSED;
        if (outcome == UDS_NO_ANSWER) status = sim_uds_status(&t->u, "services");
        if (outcome == UDS_NO_ANSWER || (refused && c->code == UDS_SERVICE_NOT_SUPPORTED)) continue;
        const char *code = refused ? uds_code_text(c->code) : "ok";
        if (t->o.json)
            printf("{\"service\": \"%02X\", \"name\": \"%s\", \"answer\": \"%s\"}\n", sid,
                   uds_service_text(sid), code);
        else
            printf("%02X  %-28s %s\n", sid, uds_service_text(sid), code);
    }
    return status;
}

/* --- scan: frames, because nobody knows yet who answers where --- */

#define SCAN_MS 25

static bool is_answer(const struct isotp_frame *f, const uint8_t **pdu)
{
    *pdu = f->data + 1;
    return f->len >= 3 && f->data[0] >= 2 && f->data[0] <= 7 && f->data[0] < f->len &&
           ((*pdu)[0] == (UDS_TESTER_PRESENT | UDS_ANSWER) ||
            ((*pdu)[0] == UDS_NEGATIVE && (*pdu)[1] == UDS_TESTER_PRESENT));
}

static unsigned listen_for(const struct tool *t, struct isotp_link *l, uint32_t id)
{
    uint32_t ms = t->o.timeout_ms != 0 ? t->o.timeout_ms : SCAN_MS;
    uint64_t until = sim_monotonic_ns() + ms * UINT64_C(1000000);
    unsigned found = 0;

    for (uint64_t now; (now = sim_monotonic_ns()) < until;) {
        struct pollfd p = {.fd = l->fd, .events = POLLIN};
        if (poll(&p, 1, (int)((until - now) / 1000000 + 1)) <= 0) break;
        struct isotp_frame f;
        while (l->ops->recv(l, &f, 1) > 0) {
            const uint8_t *pdu;
            if (f.id == id || (f.flags & (ISOTP_ERROR | ISOTP_RTR)) || !is_answer(&f, &pdu)) continue;
            int width = f.id & ISOTP_ID_EXTENDED ? 8 : 3;
            printf(t->o.json ? "{\"request\": \"%0*" PRIX32 "\", \"response\": \"%0*" PRIX32 "\"}\n"
                             : "%0*" PRIX32 " -> %0*" PRIX32 "\n",
                   width, id & ISOTP_ID_MASK, width, f.id & ISOTP_ID_MASK);
            fflush(stdout);
            found++;
        }
    }
    return found;
}

static int do_scan(struct tool *t)
{
    uint64_t first = 0x700, last = 0x7FF;
    unsigned found = 0;
    bool extended = t->argc > 0 && strcspn(t->argv[0], "-") == 8;
    char why[256];

    if (t->argc > 0 && !take_range(t->argv[0], extended ? ISOTP_ID_MASK : 0x7FF, &first, &last))
        return wrong(t, t->argv[0], "give identifiers such as 700-7FF or 18DA00F1-18DAFFF1");
    bool fixed =
        extended && (first >> 16) == 0x18DA && (last >> 16) == 0x18DA && (first & 0xFF) == (last & 0xFF);
    struct isotp_link *l = isotp_link_open(t->o.link, t->o.channel.fd, why, sizeof why);
    if (l == NULL) {
        fprintf(stderr, "%s: %s\n", t->o.program, why);
        return SIM_EXIT_CONFIG;
    }
    for (uint64_t id = first; id <= last; id += fixed ? 0x100 : 1) { /* the tester's address stays */
        struct isotp_frame f = {.id = (uint32_t)id | (extended ? ISOTP_ID_EXTENDED : 0),
                                .len = 8,
                                .data = {2, UDS_TESTER_PRESENT, 0}};
        if (l->ops->send(l, &f, 1) < 0) {
            fprintf(stderr, "%s: %s: the link is down\n", t->o.program, t->o.link);
            break;
        }
        found += listen_for(t, l, f.id);
    }
    l->ops->close(l);
    if (found == 0) fprintf(stderr, "%s: nobody answers\n", t->o.program);
    return found > 0 ? SIM_EXIT_OK : SIM_EXIT_FAULT;
}

/* --- flash --- */

struct meter {
    uint64_t began_ns, told_ns, first;
};

static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct meter *m = ctx;
    uint64_t now = sim_monotonic_ns();
    if (total == 0 || (done < total && now - m->told_ns < 1000000000)) return;
    if (m->told_ns == 0) m->began_ns = now; /* what came before is no download */
    m->told_ns = now;
    double seconds = (double)(now - m->began_ns) / 1e9;
    fprintf(stderr, "  %" PRIu64 " of %" PRIu64 " bytes, %.1f kB/s\n", done, total,
            seconds > 0 ? (double)(done - (done < m->first ? done : m->first)) / seconds / 1000 : 0.0);
}

static int do_flash(struct tool *t)
{
    uint64_t done = 0;
    struct sim_bytes image;

    if (!sim_file_read(t->argv[0], &image)) {
        fprintf(stderr, "%s: %s: %s\n", t->o.program, t->argv[0], strerror(errno));
        return SIM_EXIT_CONFIG;
    }
    int status = SIM_EXIT_USAGE;
    if (image.n == 0 || t->flash.offset > image.n) {
        status = wrong(t, t->argv[0], image.n == 0 ? "is empty" : "is shorter than --offset");
    } else {
        uint64_t began = sim_monotonic_ns();
        struct meter meter = {.began_ns = began, .first = t->flash.offset};
        if (!t->quiet) t->u.progress = show_progress;
        t->u.progress_ctx = &meter;
        t->flash.session = t->session != 0 ? t->session : UDS_PROGRAMMING;
        t->flash.unlock = t->key;
        FILE *log = t->quiet || t->o.json ? stderr : stdout;
        FILE *null = t->quiet ? fopen("/dev/null", "we") : NULL;
        status = sim_uds_flash(&t->u, &t->flash, image.p, image.n, &done, null != NULL ? null : log);
        if (null != NULL) fclose(null);
        double seconds = (double)(sim_monotonic_ns() - began) / 1e9;
        if (t->o.json)
            printf("{\"status\": %d, \"bytes\": %zu, \"done\": %" PRIu64 ", \"seconds\": %.3f}\n", status,
                   image.n, done, seconds);
        else if (status == SIM_EXIT_OK)
            printf("%zu bytes in %.1f s\n", image.n, seconds);
        if (status != SIM_EXIT_OK && done > 0)
            fprintf(stderr, "%s: the ECU has %" PRIu64 " of %zu bytes; go on with --offset %" PRIu64 "\n",
                    t->o.program, done, image.n, done);
    }
    sim_bytes_free(&image);
    return status;
}

/* --- serve --- */

static int do_serve(struct tool *t)
{
    static struct sim_plain_ecu ecu; /* large */
    char why[256];
    sigset_t set;
    struct isotp_link *l = isotp_link_open(t->o.link, t->o.channel.fd, why, sizeof why);

    if (l == NULL) {
        fprintf(stderr, "%s: %s\n", t->o.program, why);
        return SIM_EXIT_CONFIG;
    }
    t->ecu.channel = t->o.channel;
    t->ecu.channel.functional_id = t->o.functional_id;
    t->ecu.address = t->flash.address;
    if (t->flash.block_limit != 0) t->ecu.max_message = (uint16_t)(t->flash.block_limit + 2);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    int stop = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stop < 0 || !sim_plain_ecu_open(&ecu, &t->ecu, l)) {
        l->ops->close(l);
        return SIM_EXIT_FAULT;
    }
    printf("an ECU on %s, %" PRIu32 " bytes at %" PRIX64 "\n", t->o.link, t->ecu.bytes, t->ecu.address);
    fflush(stdout);

    bool up = true, asked = false;
    while (up && !asked) {
        up = sim_plain_ecu_pump(&ecu, sim_bench_now_us());
        uint32_t due = sim_plain_ecu_due(&ecu, sim_bench_now_us());
        struct pollfd p[2] = {sim_wait_for(l->fd, true, ecu.station.node.blocked),
                              {.fd = stop, .events = POLLIN}};
        struct timespec timeout = {.tv_sec = due / 1000000, .tv_nsec = (long)(due % 1000000) * 1000};
        (void)ppoll(p, 2, due == UDS_NEVER ? NULL : &timeout, NULL);
        asked = p[1].revents != 0;
    }
    int status = up ? SIM_EXIT_OK : SIM_EXIT_FAULT;
    if (!up) fprintf(stderr, "%s: %s: the link is down\n", t->o.program, t->o.link);
    FILE *f = t->memory != NULL ? fopen(t->memory, "we") : NULL;
    if (t->memory != NULL &&
        (f == NULL || fwrite(ecu.memory, 1, t->ecu.bytes, f) != t->ecu.bytes || fclose(f) != 0)) {
        fprintf(stderr, "%s: %s: %s\n", t->o.program, t->memory, strerror(errno));
        status = SIM_EXIT_CONFIG;
    }
    sim_plain_ecu_close(&ecu);
    close(stop);
    l->ops->close(l);
    return status;
}

/* --- options --- */

static const struct command {
    const char *name;
    int (*run)(struct tool *t);
    bool alone; /* opens the link itself */
    int min, max;
} commands[] = {
    {"scan", do_scan, true, 0, 1},        {"services", do_services, false, 0, 0},
    {"read", do_read, false, 1, 100},     {"write", do_write, false, 2, 2},
    {"session", do_session, false, 1, 1}, {"security", do_security, false, 0, 0},
    {"routine", do_routine, false, 1, 2}, {"reset", do_reset, false, 0, 1},
    {"request", do_request, false, 1, 1}, {"flash", do_flash, false, 1, 1},
    {"serve", do_serve, true, 0, 0},
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* A number into one of several widths: the first that is not NULL. */
static bool take_number(const char *value, int base, uint64_t max, uint64_t *out64, uint32_t *out32,
                        uint8_t *out8)
{
    uint64_t n;
    if (!sim_bench_number(value, base, max, &n)) return false;
    if (out64 != NULL) *out64 = n;
    if (out32 != NULL) *out32 = (uint32_t)n;
    if (out8 != NULL) *out8 = (uint8_t)n;
    return true;
}

/* "FF01", "FF01:0011" */
static bool take_routine(const char *value, uint16_t *id, const char **data)
{
    char copy[8];
    uint64_t n;
    size_t digits = strcspn(value, ":");
    if (digits >= sizeof copy) return false;
    memcpy(copy, value, digits);
    copy[digits] = '\0';
    if (!sim_bench_number(copy, 16, 0xFFFF, &n)) return false;
    *id = (uint16_t)n;
    *data = value[digits] == ':' ? value + digits + 1 : NULL;
    return true;
}

static bool take_check(struct sim_uds_flash *f, const char *value, bool *given)
{
    if (!*given) f->checks = 0;
    *given = true;
    if (strcmp(value, "none") == 0) return true;
    if (f->checks == SIM_UDS_ROUTINES) return false;
    struct sim_uds_routine *r = &f->check[f->checks++];
    return take_routine(value, &r->id, &r->data);
}

static bool take_erase(struct sim_uds_flash *f, const char *value)
{
    const char *data;
    f->erase = strcmp(value, "none") != 0;
    return !f->erase || (take_routine(value, &f->erase_id, &data) && data == NULL);
}

static bool take(struct tool *t, int c, const char *value, bool *checked)
{
    struct sim_uds_flash *f = &t->flash;
    uint32_t n = 0;
    bool good = true;

    switch (c) {
    case SESSION:
        good = take_number(value, 16, 0x7F, NULL, NULL, &t->session) && t->session > 0;
        break;
    case LEVEL:
        good = take_number(value, 16, 0x7D, NULL, NULL, &t->key.level) && t->key.level % 2 == 1;
        break;
    case KEY:
        t->key.key = value;
        return true;
    case KEY_COMMAND:
        t->key.command = value;
        return true;
    case SECRET:
        t->key.secret = value;
        return true;
    case CERTIFICATE:
        t->key.certificate = value;
        return true;
    case CERTIFICATE_KEY:
        t->key.certificate_key = value;
        return true;
    case REPEATS:
        good = take_number(value, 10, 255, NULL, NULL, &t->repeats);
        t->block_repeats = t->repeats;
        break;
    case QUIET:
        t->quiet = true;
        return true;
    case ADDRESS:
        good = take_number(value, 16, UINT64_MAX, &f->address, NULL, NULL);
        break;
    case ADDRESS_BYTES:
    case SIZE_BYTES:
        good = take_number(value, 10, 8, NULL, &n, NULL) && n > 0;
        *(c == SIZE_BYTES ? &f->size_bytes : &f->address_bytes) = n;
        break;
    case FORMAT:
        good = take_number(value, 16, 255, NULL, NULL, &f->format);
        break;
    case BLOCK:
        good =
            take_number(value, 10, SIM_PLAIN_MESSAGE - 2, NULL, &f->block_limit, NULL) && f->block_limit > 5;
        break;
    case OFFSET:
        good = take_number(value, 10, UINT64_MAX, &f->offset, NULL, NULL);
        break;
    case ATTEMPTS:
        good = take_number(value, 10, 1000, NULL, &n, NULL);
        f->attempts = n;
        break;
    case FINGERPRINT:
        good = take_routine(value, &f->fingerprint_id, &f->fingerprint) && f->fingerprint != NULL;
        break;
    case ERASE:
        good = take_erase(f, value);
        break;
    case CHECK:
        good = take_check(f, value, checked);
        break;
    case BOOT:
        good = take_number(value, 10, 1000000, NULL, &f->boot_ms, NULL);
        break;
    case NO_FUNCTIONAL:
        f->functional = false;
        return true;
    case NO_IDENTIFY:
        f->identify = false;
        return true;
    case NO_RESET:
        f->reset = false;
        return true;
    case MEMORY:
        t->memory = value;
        return true;
    case SIZE:
        good = take_number(value, 10, 1u << 30, NULL, &t->ecu.bytes, NULL) && t->ecu.bytes > 0;
        break;
    case ERASE_MS:
        good = take_number(value, 10, 60000, NULL, &t->ecu.erase_ms, NULL);
        break;
    case BOOT_MS:
        good = take_number(value, 10, 60000, NULL, &t->ecu.boot_ms, NULL);
        break;
    case LOCKED:
        t->ecu.locked = true;
        return true;
    default:
        return sim_bench_take(&t->o, c, value);
    }
    if (!good) fprintf(stderr, "%s: %s: not a value for this option; see --help\n", t->o.program, value);
    return good;
}

static int run(const struct command *k, struct tool *t)
{
    if (k->alone) return k->run(t);
    if (!sim_uds_open(&t->u, &t->o, t->repeats, t->block_repeats)) return SIM_EXIT_CONFIG;
    int status = k->run(t);
    sim_uds_close(&t->u);
    return status;
}

static void set_defaults(struct tool *t, bool serves)
{
    memset(t, 0, sizeof *t);
    t->o = sim_bench_defaults("isoctane-sim uds");
    if (serves) t->o.channel = isotp_config_default(0x7E8, 0x7E0, false);
    t->block_repeats = 3;
    t->ecu.bytes = 1u << 20;
    t->flash = (struct sim_uds_flash){.address_bytes = 4,
                                      .size_bytes = 4,
                                      .attempts = 3,
                                      .functional = true,
                                      .identify = true,
                                      .reset = true,
                                      .erase = true,
                                      .erase_id = 0xFF00,
                                      .check = {{.id = UDS_ROUTINE_VERIFY_IMAGE}},
                                      .checks = 1,
                                      .boot_ms = 10000};
}

int sim_cmd_uds(int argc, char **argv)
{
    static struct tool t; /* large */
    const struct command *k = NULL;
    bool checked = false;

    for (size_t i = 0; argc > 1 && i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0) k = &commands[i];
    if (k == NULL) {
        bool help = argc > 1 && strcmp(argv[1], "--help") == 0;
        if (argc > 1 && !help) fprintf(stderr, "isoctane-sim uds: %s: no such command\n\n", argv[1]);
        fputs(help_text, help ? stdout : stderr);
        return help ? SIM_EXIT_OK : SIM_EXIT_USAGE;
    }
    set_defaults(&t, k->run == do_serve);
    argc--, argv++;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, SIM_BENCH_SHORT, options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help_text, stdout);
            return SIM_EXIT_OK;
        }
        if (!take(&t, c, optarg, &checked)) return SIM_EXIT_USAGE;
    }
    if ((t.key.certificate == NULL) != (t.key.certificate_key == NULL))
        return wrong(&t, "--certificate and --certificate-key", "one is missing");
    if (t.key.secret != NULL && t.key.level == 0) t.key.level = 1;
    t.argc = argc - optind - 1;
    t.argv = argv + optind + 1;
    t.o.link = optind < argc ? argv[optind] : NULL;
    if (t.argc >= k->min && t.argc <= k->max) return run(k, &t);
    fprintf(stderr, "isoctane-sim uds %s: %s; see isoctane-sim uds --help\n", k->name,
            t.argc < 0 ? "which LINK?" : "another number of arguments is wanted");
    return SIM_EXIT_USAGE;
}
