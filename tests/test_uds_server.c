/* isotp/uds_server.c with an owner that does as it is told: the rules of ISO 14229-1 one by one. */
#include "isotp/uds_server.h"
#include "tests/lib_bytes.h"
#include "tests/suite.h"

#include <string.h>

#define MAX 64
#define MS  1000u

/* One ECU on the bench. */
struct bench {
    struct uds_server s;
    uint8_t reply[MAX], request[256];
    uint32_t now;
    enum uds_code verdict; /* of the callbacks that may refuse */
    uint8_t locked;        /* service that allow() refuses */
    unsigned pendings;     /* callbacks answer UDS_PENDING as often before */
    unsigned calls, reads, blocks, aborts, exits, resets, sessions;
    uint8_t last_session, last_type;
    uint8_t image[600];
    size_t image_bytes, answer_bytes; /* answer_bytes: routines and security claim to have written as much */
    uint64_t address, size;
    struct uds_file_request file;
    char path[UDS_PATH_MAX + 1];
};

static enum uds_code answer(struct bench *b)
{
    b->calls++;
    if (b->pendings == 0) return b->verdict;
    b->pendings--;
    return UDS_PENDING;
}

static enum uds_code own_allow(void *ctx, uint8_t service)
{
    struct bench *b = ctx;
    return service == b->locked ? UDS_SECURITY_DENIED : UDS_OK;
}

static enum uds_code own_read(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n)
{
    struct bench *b = ctx;
    b->reads++;
    if (did == 0xF190) {
        memcpy(out, "VIN", 3);
        *n = 3;
        return UDS_OK;
    }
    if (did == 0xFD10) { /* takes its time, and all the room there is */
        enum uds_code code = answer(b);
        if (code != UDS_OK) return code;
        memset(out, 0xAA, cap);
        *n = cap;
        return UDS_OK;
    }
    if (did == 0xFD11) { /* claims more than there is room for */
        *n = cap + 1;
        return UDS_OK;
    }
    return did == 0xFD12 ? UDS_SECURITY_DENIED : UDS_OUT_OF_RANGE;
}

static enum uds_code own_write(void *ctx, uint16_t did, const uint8_t *data, size_t n)
{
    struct bench *b = ctx;
    if (did != 0xF15A || n != 2 || data[0] != 0x01) return UDS_OUT_OF_RANGE;
    return answer(b);
}

static enum uds_code own_routine(void *ctx, uint16_t routine, uint8_t control, const uint8_t *data, size_t n,
                                 uint8_t *out, size_t cap, size_t *out_n)
{
    struct bench *b = ctx;
    if (routine != 0x0310) return UDS_OUT_OF_RANGE;
    if (control != UDS_START) return UDS_SUBFUNCTION_NOT_SUPPORTED;
    if (cap > 0) out[0] = n > 0 ? data[0] : 0;
    *out_n = b->answer_bytes != 0 ? b->answer_bytes : 1;
    return answer(b);
}

static enum uds_code own_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    struct bench *b = ctx;
    if (format != 0) return UDS_OUT_OF_RANGE;
    b->address = address;
    b->size = bytes;
    b->image_bytes = 0;
    return answer(b);
}

static enum uds_code own_file(void *ctx, const struct uds_file_request *f)
{
    struct bench *b = ctx;
    b->file = *f;
    memcpy(b->path, f->path, f->path_bytes);
    b->path[f->path_bytes] = '\0';
    b->image_bytes = 0;
    return answer(b);
}

static enum uds_code own_block(void *ctx, const uint8_t *data, size_t n)
{
    struct bench *b = ctx;
    enum uds_code code = answer(b);
    if (code != UDS_OK) return code;
    memcpy(b->image + b->image_bytes, data, n);
    b->image_bytes += n;
    b->blocks++;
    return UDS_OK;
}

static enum uds_code own_exit(void *ctx)
{
    struct bench *b = ctx;
    b->exits++;
    return answer(b);
}

static void own_abort(void *ctx)
{
    ((struct bench *)ctx)->aborts++;
}

static enum uds_code own_session(void *ctx, uint8_t session)
{
    struct bench *b = ctx;
    enum uds_code code = answer(b);
    if (code != UDS_OK) return code;
    b->sessions++;
    b->last_session = session;
    return UDS_OK;
}

static enum uds_code own_security(void *ctx, uint8_t service, const uint8_t *data, size_t n, uint8_t *out,
                                  size_t cap, size_t *out_n)
{
    struct bench *b = ctx;
    if (cap >= 2) {
        out[0] = service;
        out[1] = (uint8_t)n;
    }
    if (service == UDS_SECURITY_ACCESS && data[0] == 0x02) return UDS_INVALID_KEY;
    *out_n = b->answer_bytes != 0 ? b->answer_bytes : 2;
    return answer(b);
}

static enum uds_code own_reset(void *ctx, uint8_t type)
{
    struct bench *b = ctx;
    enum uds_code code = answer(b);
    if (code != UDS_OK) return code;
    b->resets++;
    b->last_type = type;
    return UDS_OK;
}

static const struct uds_owner owner = {.allow = own_allow,
                                       .read = own_read,
                                       .write = own_write,
                                       .routine = own_routine,
                                       .download = own_download,
                                       .file = own_file,
                                       .block = own_block,
                                       .exit = own_exit,
                                       .abort = own_abort,
                                       .session = own_session,
                                       .security = own_security,
                                       .reset = own_reset};
static const struct uds_owner nobody;
static struct uds_owner checking; /* the same one, with checks of blocks */

/* The one ECU that a test is about; Check runs each test in a process of its own. */
static struct bench b;

static void power_on_with(const struct uds_owner *o, const struct uds_server_config *config)
{
    memset(&b, 0, sizeof b);
    b.now = 0xFFFFFF00u; /* the clock wraps soon */
    uds_server_init(&b.s, config, o, &b, b.reply);
}

static void power_on(void)
{
    static const struct uds_server_config config = {.max_message = MAX};
    power_on_with(&owner, &config);
}

static void request(const char *hex, bool functional)
{
    size_t n = bytes_of(hex, b.request, sizeof b.request);
    uds_server_request(&b.s, b.request, n, functional, b.now);
}

/* The reply that is due now, and lets it leave; "" when there is none. */
static const char *heard(void)
{
    const uint8_t *reply;
    size_t n;
    if (!uds_server_reply(&b.s, &reply, &n)) return "";
    const char *text = bytes_text(reply, n);
    uds_server_sent(&b.s, b.now);
    return text;
}

static const char *ask(const char *hex)
{
    request(hex, false);
    return heard();
}

static const char *ask_all(const char *hex)
{
    request(hex, true);
    return heard();
}

static const char *after(uint32_t us)
{
    b.now += us;
    uds_server_poll(&b.s, b.now);
    return heard();
}

#define EXPECT(got, want) ck_assert_str_eq(got, want)

static void begin_image(const char *request_34)
{
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask(request_34), "74 20 00 40");
}

/* ---- Rule 1: check order ---- */

START_TEST(unknown_service_is_11_whatever_its_length)
{
    power_on();
    EXPECT(ask("23"), "7F 23 11");
    EXPECT(ask("84 00 00"), "7F 84 11"); /* rule 18: no secured data transmission here */
    EXPECT(ask("BA 01"), "7F BA 11");
}
END_TEST

START_TEST(service_without_an_owner_is_11_before_anything_else)
{
    static const struct uds_server_config config = {.max_message = MAX};
    static const char *const requests[] = {"11 01",       "22 F1 90", "27 01", "29 00", "2E F1 90 00",
                                           "31 01 03 10", "34",       "36",    "37",    "38"};
    power_on_with(&nobody, &config);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        char want[] = "7F xx 11";
        memcpy(want + 3, requests[i], 2);
        EXPECT(ask(requests[i]), want);
    }
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask("3E 00"), "7E 00");
}
END_TEST

START_TEST(service_outside_its_sessions_is_7f_before_length)
{
    static const char *const requests[] = {"27", "28", "34", "36", "37", "38", "85"};
    power_on();
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        char want[] = "7F xx 7F";
        memcpy(want + 3, requests[i], 2);
        EXPECT(ask(requests[i]), want);
    }
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask("38"), "7F 38 7F"); /* metadata in the extended session */
    EXPECT(ask("34"), "7F 34 13");
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask("34"), "7F 34 7F"); /* images in the programming session */
    EXPECT(ask("38"), "7F 38 13");
}
END_TEST

START_TEST(configured_sessions_replace_the_table)
{
    static const struct uds_server_config config = {
        .max_message = MAX, .download_sessions = 1 << UDS_EXTENDED, .file_sessions = 1 << UDS_DEFAULT};
    power_on_with(&owner, &config);
    EXPECT(ask("38"), "7F 38 13");
    EXPECT(ask("36 01 00"), "7F 36 24");
    EXPECT(ask("34"), "7F 34 7F");
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask("34"), "7F 34 13");
    EXPECT(ask("37"), "7F 37 24");
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask("37"), "7F 37 7F");
}
END_TEST

START_TEST(locked_service_is_33_before_length_and_after_session)
{
    power_on();
    b.locked = UDS_REQUEST_DOWNLOAD;
    EXPECT(ask("34"), "7F 34 7F");
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask("34"), "7F 34 33");
    EXPECT(ask("34 00 44 00000000 00000010"), "7F 34 33");
    ck_assert_uint_eq(b.size, 0);
}
END_TEST

START_TEST(short_request_is_13_before_subfunction)
{
    static const char *const short_ones[] = {"10", "11", "22", "22 F1", "2E F1 5A", "31 09 03", "3E"};
    power_on();
    for (size_t i = 0; i < sizeof short_ones / sizeof *short_ones; i++) {
        char want[] = "7F xx 13";
        memcpy(want + 3, short_ones[i], 2);
        EXPECT(ask(short_ones[i]), want);
    }
}
END_TEST

START_TEST(unknown_subfunction_is_12_before_exact_length)
{
    power_on();
    EXPECT(ask("10 05 00"), "7F 10 12");
    EXPECT(ask("11 60 00"), "7F 11 12");
    EXPECT(ask("31 04 03 10"), "7F 31 12");
    EXPECT(ask("3E 01 00"), "7F 3E 12");
    EXPECT(ask("10 00"), "7F 10 12");
}
END_TEST

START_TEST(long_request_is_13_after_subfunction)
{
    power_on();
    EXPECT(ask("10 03 00"), "7F 10 13");
    EXPECT(ask("11 01 00"), "7F 11 13");
    EXPECT(ask("3E 00 00"), "7F 3E 13");
    ck_assert_uint_eq(b.sessions + b.resets, 0);
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask("28 00 01 00"), "7F 28 13");
    EXPECT(ask("37 00"), "7F 37 13");
}
END_TEST

START_TEST(owner_refusal_reaches_the_tester)
{
    power_on();
    b.verdict = UDS_SUBFUNCTION_NOT_IN_SESSION;
    EXPECT(ask("10 02"), "7F 10 7E");
    ck_assert_uint_eq(b.s.session, UDS_DEFAULT);
    b.verdict = UDS_CONDITIONS_NOT_CORRECT;
    EXPECT(ask("11 01"), "7F 11 22");
    ck_assert(!uds_server_reset_due(&b.s));
    b.verdict = UDS_VOLTAGE_TOO_LOW;
    EXPECT(ask("31 01 03 10"), "7F 31 93");
}
END_TEST

/* ---- Rule 2: functional requests ---- */

START_TEST(functional_request_that_does_not_concern_us_gets_no_answer)
{
    static const char *const requests[] = {"84 01", "10 05", "22 00 00", "28 03 01"}; /* 11 12 31 7F */
    power_on();
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) EXPECT(ask_all(requests[i]), "");
    b.verdict = UDS_SUBFUNCTION_NOT_IN_SESSION; /* 7E */
    EXPECT(ask_all("10 02"), "");
    ck_assert(!uds_server_busy(&b.s));
}
END_TEST

START_TEST(functional_request_with_another_fault_is_answered)
{
    power_on();
    EXPECT(ask_all("10 03 00"), "7F 10 13");
    b.verdict = UDS_CONDITIONS_NOT_CORRECT;
    EXPECT(ask_all("10 03"), "7F 10 22");
    b.verdict = UDS_OK;
    EXPECT(ask_all("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask_all("22 F1 90"), "62 F1 90 56 49 4E");
}
END_TEST

START_TEST(functional_refusal_is_sent_once_the_tester_was_told_to_wait)
{
    power_on();
    b.pendings = 100;
    b.verdict = UDS_OUT_OF_RANGE;
    EXPECT(ask_all("31 01 03 10"), "");
    EXPECT(after(40 * MS), "7F 31 78");
    b.pendings = 0;
    EXPECT(after(MS), "7F 31 31");
}
END_TEST

/* ---- Rule 3: the suppress bit ---- */

START_TEST(suppress_bit_suppresses_positive_answers_only)
{
    power_on();
    EXPECT(ask("3E 80"), "");
    EXPECT(ask("10 83"), "");
    ck_assert_uint_eq(b.s.session, UDS_EXTENDED);
    ck_assert_uint_eq(b.last_session, UDS_EXTENDED);
    EXPECT(ask("85 82"), "");
    EXPECT(ask("28 81 03"), "");
    EXPECT(ask("31 81 03 10"), "");
    EXPECT(ask("3E 81"), "7F 3E 12");
    EXPECT(ask("31 81 99 99"), "7F 31 31");
}
END_TEST

START_TEST(suppressed_answer_is_sent_after_a_78)
{
    power_on();
    b.pendings = 100;
    EXPECT(ask("31 81 03 10"), "");
    EXPECT(after(45 * MS), "7F 31 78");
    b.pendings = 0;
    EXPECT(after(MS), "71 01 03 10 00");
}
END_TEST

START_TEST(suppress_bit_is_not_echoed_and_not_a_thing_of_services_without_subfunctions)
{
    power_on();
    begin_image("34 00 11 00 80");
    for (unsigned counter = 1; counter < 0x80; counter++) {
        char block[] = "36 xx 00", want[] = "76 xx";
        static const char digit[] = "0123456789ABCDEF";
        block[3] = want[3] = digit[counter >> 4];
        block[4] = want[4] = digit[counter & 15];
        EXPECT(ask(block), want);
    }
    EXPECT(ask("36 80 00"), "76 80");
}
END_TEST

/* ---- Rules 4 and 5: response pending ---- */

START_TEST(pending_is_said_within_p2_then_spaced_below_p2_star)
{
    power_on();
    b.pendings = UINT32_MAX;
    EXPECT(ask("31 01 03 10"), "");
    uint32_t began = b.now, last = 0;
    unsigned told = 0;
    while (b.now - began < 20000 * MS) {
        uint32_t due = uds_server_due(&b.s, b.now);
        ck_assert_uint_gt(due, 0); /* no busy loop */
        const char *said = after(due);
        if (*said == '\0') continue;
        EXPECT(said, "7F 31 78");
        uint32_t gap = b.now - (told == 0 ? began : last);
        ck_assert_uint_lt(gap, told == 0 ? 50 * MS : 5000 * MS);
        if (told > 0) ck_assert_uint_ge(gap, 1500 * MS); /* 0.3 P2* */
        last = b.now;
        told++;
    }
    ck_assert_uint_ge(told, 5);
    b.pendings = 0;
    EXPECT(after(MS), "71 01 03 10 00");
    ck_assert(!uds_server_busy(&b.s));
}
END_TEST

START_TEST(answer_goes_out_as_soon_as_it_is_ready)
{
    power_on();
    b.pendings = 3;
    EXPECT(ask("31 01 03 10"), "");
    ck_assert_uint_eq(uds_server_due(&b.s, b.now), 1 * MS);
    EXPECT(after(10), "");
    EXPECT(after(10), "");
    EXPECT(after(10), "71 01 03 10 00"); /* 30 us after the request, and no 78 */
    EXPECT(after(60 * MS), "");
}
END_TEST

START_TEST(pending_answer_waits_for_the_78_that_is_leaving)
{
    const uint8_t *reply;
    size_t n;
    power_on();
    b.pendings = 2;
    EXPECT(ask("31 01 03 10 55"), "");
    b.now += 45 * MS;
    uds_server_poll(&b.s, b.now);
    ck_assert(uds_server_reply(&b.s, &reply, &n));
    EXPECT(bytes_text(reply, n), "7F 31 78");
    ck_assert_uint_eq(uds_server_due(&b.s, b.now), 1 * MS);
    b.now += 1 * MS;
    uds_server_poll(&b.s, b.now); /* ready, while the link still has the 78 */
    ck_assert(uds_server_reply(&b.s, &reply, &n));
    EXPECT(bytes_text(reply, n), "7F 31 78");
    uds_server_sent(&b.s, b.now);
    EXPECT(heard(), "71 01 03 10 55");
}
END_TEST

START_TEST(second_78_is_not_queued_behind_one_that_has_not_left)
{
    power_on();
    b.pendings = UINT32_MAX;
    request("31 01 03 10", false);
    b.now += 45 * MS;
    uds_server_poll(&b.s, b.now);
    b.now += 4000 * MS;
    uds_server_poll(&b.s, b.now);
    EXPECT(heard(), "7F 31 78");
    EXPECT(heard(), "");
    EXPECT(after(0), "7F 31 78");
}
END_TEST

START_TEST(every_service_with_an_owner_may_be_pending)
{
    static const char *const talk[][2] = {{"10 02", "50 02 00 32 01 F4"},
                                          {"29 08", "69 08 29 01"},
                                          {"27 01", "67 01 27 01"},
                                          {"2E F1 5A 01 02", "6E F1 5A"},
                                          {"31 01 03 10", "71 01 03 10 00"},
                                          {"34 00 11 00 02", "74 20 00 40"},
                                          {"36 01 AA BB", "76 01"},
                                          {"37", "77"},
                                          {"11 01", "51 01"}};
    power_on();
    for (size_t i = 0; i < sizeof talk / sizeof *talk; i++) {
        b.pendings = 2;
        b.calls = 0;
        EXPECT(ask(talk[i][0]), "");
        ck_assert(uds_server_busy(&b.s));
        EXPECT(after(MS), "");
        EXPECT(after(MS), talk[i][1]);
        ck_assert_uint_eq(b.calls, 3);
    }
    ck_assert_uint_eq(b.blocks, 1);
    ck_assert_uint_eq(b.aborts, 0);
}
END_TEST

START_TEST(due_tells_when_the_78_is_due)
{
    static const struct uds_server_config config = {.max_message = MAX, .work_us = 20 * MS};
    power_on_with(&owner, &config);
    b.pendings = UINT32_MAX;
    EXPECT(ask("31 01 03 10"), "");
    EXPECT(after(uds_server_due(&b.s, b.now)), "");
    EXPECT(after(uds_server_due(&b.s, b.now)), "7F 31 78");
    ck_assert_uint_eq(b.now, 0xFFFFFF00u + 40 * MS);
}
END_TEST

/* ---- While busy ---- */

START_TEST(other_request_while_busy_is_answered_21)
{
    power_on();
    b.pendings = 5;
    EXPECT(ask("31 01 03 10 55"), "");
    static const uint8_t other[] = {0x22, 0xF1, 0x90};
    uds_server_request(&b.s, other, sizeof other, false, b.now);
    EXPECT(heard(), "7F 22 21");
    b.pendings = 0;
    EXPECT(after(MS), "71 01 03 10 55"); /* the first is not disturbed */
    ck_assert_uint_eq(b.reads, 0);
}
END_TEST

START_TEST(repeat_functional_and_tester_present_while_busy_are_ignored)
{
    static const uint8_t again[] = {0x31, 0x01, 0x03, 0x10}, present[] = {0x3E, 0x80},
                         read[] = {0x22, 0xF1, 0x90};
    power_on();
    b.pendings = 5;
    EXPECT(ask("31 01 03 10 55"), "");
    uds_server_request(&b.s, again, sizeof again, false, b.now);
    EXPECT(heard(), "");
    uds_server_request(&b.s, present, sizeof present, false, b.now);
    EXPECT(heard(), "");
    uds_server_request(&b.s, read, sizeof read, true, b.now);
    EXPECT(heard(), "");
    ck_assert_uint_eq(b.calls, 1);
    b.pendings = 0;
    EXPECT(after(MS), "71 01 03 10 55");
    EXPECT(after(MS), "");
}
END_TEST

START_TEST(request_while_the_answer_leaves_is_answered_21_after_it)
{
    static const uint8_t other[] = {0x22, 0xF1, 0x90};
    const uint8_t *reply;
    size_t n;
    power_on();
    request("10 03", false);
    ck_assert(uds_server_reply(&b.s, &reply, &n));
    uds_server_request(&b.s, other, sizeof other, false, b.now);
    uds_server_request(&b.s, other, sizeof other, false, b.now);
    EXPECT(heard(), "50 03 00 32 01 F4");
    EXPECT(heard(), "7F 22 21");
    EXPECT(heard(), "");
    EXPECT(ask("22 F1 90"), "62 F1 90 56 49 4E");
}
END_TEST

START_TEST(answers_and_empty_requests_are_ignored)
{
    power_on();
    EXPECT(ask(""), "");
    EXPECT(ask("7F 22 11"), ""); /* or two servers would refuse each other for ever */
    EXPECT(ask("50 03 00 32 01 F4"), "");
    EXPECT(ask("C5 01"), "");
}
END_TEST

/* ---- Rule 6: S3 ---- */

START_TEST(session_ends_after_s3_and_takes_the_transfer_with_it)
{
    power_on();
    begin_image("34 00 11 00 20");
    EXPECT(after(4999 * MS), "");
    ck_assert_uint_eq(b.s.session, UDS_PROGRAMMING);
    ck_assert_uint_eq(uds_server_due(&b.s, b.now), 1 * MS);
    EXPECT(after(MS), "");
    ck_assert_uint_eq(b.s.session, UDS_DEFAULT);
    ck_assert_uint_eq(b.last_session, UDS_DEFAULT); /* the owner locks */
    ck_assert_uint_eq(b.aborts, 1);
    ck_assert_uint_eq(uds_server_due(&b.s, b.now), UDS_NEVER);
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask("36 01 00"), "7F 36 24");
}
END_TEST

START_TEST(every_request_restarts_s3)
{
    static const char *const requests[] = {"3E 80", "22 F1 90", "99 00", "22 00 00"};
    power_on();
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        (void)after(4900 * MS);
        ck_assert_uint_eq(b.s.session, UDS_EXTENDED);
        (void)ask(requests[i]);
    }
    (void)after(4900 * MS);
    ck_assert_uint_eq(b.s.session, UDS_EXTENDED);
}
END_TEST

START_TEST(s3_stands_still_while_a_request_is_worked_on)
{
    power_on();
    begin_image("34 00 11 00 02");
    b.pendings = UINT32_MAX;
    EXPECT(ask("36 01 AA BB"), "");
    for (int i = 0; i < 12; i++) (void)after(1000 * MS);
    ck_assert_uint_eq(b.s.session, UDS_PROGRAMMING);
    b.pendings = 0;
    EXPECT(after(MS), "76 01");
    EXPECT(after(4900 * MS), "");
    EXPECT(ask("37"), "77");
    ck_assert_uint_eq(b.aborts, 0);
}
END_TEST

START_TEST(s3_stands_still_until_the_answer_has_left)
{
    power_on();
    request("10 03", false);
    b.now += 6000 * MS;
    uds_server_poll(&b.s, b.now);
    EXPECT(heard(), "50 03 00 32 01 F4");
    EXPECT(after(4900 * MS), "");
    ck_assert_uint_eq(b.s.session, UDS_EXTENDED);
}
END_TEST

START_TEST(request_that_arrives_slowly_keeps_the_session)
{
    power_on();
    begin_image("34 00 11 00 02");
    for (int i = 0; i < 5; i++) {
        b.now += 3000 * MS;
        uds_server_receiving(&b.s, b.now);
        uds_server_poll(&b.s, b.now);
    }
    EXPECT(ask("36 01 AA BB"), "76 01");
    b.now += 5000 * MS;
    uds_server_receiving(&b.s, b.now); /* too late: does not bring a session back */
    ck_assert_uint_eq(b.s.session, UDS_DEFAULT);
}
END_TEST

START_TEST(request_after_s3_finds_the_default_session_though_nobody_polled)
{
    power_on();
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    b.now += 5000 * MS;
    EXPECT(ask("27 01"), "7F 27 7F");
}
END_TEST

START_TEST(default_session_never_ends)
{
    power_on();
    EXPECT(ask("22 F1 86"), "62 F1 86 01");
    EXPECT(after(60000 * MS), "");
    ck_assert_uint_eq(b.sessions, 0);
}
END_TEST

/* ---- Rules 7 and 8: session change ---- */

START_TEST(session_change_is_told_to_the_owner_and_ends_the_transfer)
{
    power_on();
    begin_image("34 00 11 00 20");
    EXPECT(ask("36 01 00"), "76 01");
    EXPECT(ask("10 02"), "50 02 00 32 01 F4"); /* the same one: relocks all the same */
    ck_assert_uint_eq(b.aborts, 1);
    ck_assert_uint_eq(b.sessions, 2);
    EXPECT(ask("36 02 00"), "7F 36 24");
}
END_TEST

START_TEST(refused_session_change_leaves_the_transfer)
{
    power_on();
    begin_image("34 00 11 00 02");
    b.verdict = UDS_CONDITIONS_NOT_CORRECT;
    EXPECT(ask("10 01"), "7F 10 22");
    b.verdict = UDS_OK;
    EXPECT(ask("36 01 AA BB"), "76 01");
    ck_assert_uint_eq(b.aborts, 0);
}
END_TEST

START_TEST(session_answer_carries_p2_in_1_ms_and_p2_star_in_10_ms)
{
    static const struct uds_server_config config = {
        .p2_us = 25 * MS, .p2_star_us = 3000 * MS, .s3_us = 1000 * MS, .max_message = MAX};
    power_on_with(&owner, &config);
    EXPECT(ask("10 03"), "50 03 00 19 01 2C");
    EXPECT(after(1000 * MS), "");
    ck_assert_uint_eq(b.s.session, UDS_DEFAULT);
}
END_TEST

/* ---- Rule 9: 34 ---- */

START_TEST(download_passes_offset_and_size_of_any_width)
{
    power_on();
    begin_image("34 00 44 00001000 00000200");
    ck_assert(b.address == 0x1000 && b.size == 0x200);
    EXPECT(ask("34 00 28 0000000100000000 0040"), "74 20 00 40");
    ck_assert(b.address == 0x100000000u && b.size == 0x40);
    EXPECT(ask("34 00 81 00 0000000200000000"), "74 20 00 40");
    ck_assert(b.address == 0 && b.size == 0x200000000u);
}
END_TEST

START_TEST(malformed_download_is_refused_before_the_owner_sees_it)
{
    static const char *const talk[][2] = {
        {"34 00 44 00", "7F 34 13"},
        {"34 00 44 00000000 000001", "7F 34 13"},
        {"34 00 44 00000000 00000010 00", "7F 34 13"},
        {"34 00 04 00000000 00", "7F 34 31"},                       /* no size */
        {"34 00 40 00000010 00", "7F 34 31"},                       /* no address */
        {"34 00 19 000000000000000000 01", "7F 34 31"},             /* nine bytes of address */
        {"34 00 91 00 000000000000000001", "7F 34 31"},             /* nine bytes of size */
        {"34 00 44 00000000 00000000", "7F 34 31"},                 /* nothing to send */
        {"34 00 88 FFFFFFFFFFFFFFFF 0000000000000001", "7F 34 31"}, /* ends beyond the address space */
    };
    power_on();
    begin_image("34 00 11 00 20");
    b.calls = 0;
    for (size_t i = 0; i < sizeof talk / sizeof *talk; i++) EXPECT(ask(talk[i][0]), talk[i][1]);
    ck_assert_uint_eq(b.calls + b.aborts, 0);
    EXPECT(ask("36 01 00"), "76 01"); /* and the transfer goes on */
}
END_TEST

START_TEST(owner_refuses_a_download_in_its_own_words)
{
    power_on();
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    static const enum uds_code codes[] = {UDS_CONDITIONS_NOT_CORRECT, UDS_OUT_OF_RANGE, UDS_SECURITY_DENIED,
                                          UDS_AUTHENTICATION_REQUIRED, UDS_DOWNLOAD_NOT_ACCEPTED};
    static const char *const wants[] = {"7F 34 22", "7F 34 31", "7F 34 33", "7F 34 34", "7F 34 70"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        b.verdict = codes[i];
        EXPECT(ask("34 00 11 00 20"), wants[i]);
    }
    EXPECT(ask("34 12 11 00 20"), "7F 34 31"); /* unknown format */
    EXPECT(ask("36 01 00"), "7F 36 24");
}
END_TEST

START_TEST(new_download_ends_the_old_one)
{
    power_on();
    begin_image("34 00 11 00 20");
    EXPECT(ask("36 01 00"), "76 01");
    EXPECT(ask("34 00 11 00 20"), "74 20 00 40");
    ck_assert_uint_eq(b.aborts, 1);
    EXPECT(ask("36 02 00"), "7F 36 73"); /* rule 11: the counter begins anew */
    EXPECT(ask("36 01 00"), "76 01");
}
END_TEST

/* ---- Rules 10 to 14: 36 ---- */

START_TEST(max_block_length_counts_the_whole_message)
{
    static const struct uds_server_config config = {.max_message = 8};
    power_on_with(&owner, &config);
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask("34 00 11 00 20"), "74 20 00 08");
    EXPECT(ask("36 01 01 02 03 04 05 06"), "76 01");
    EXPECT(ask("36 02 01 02 03 04 05 06 07"), "7F 36 31");
    EXPECT(ask("36 02"), "7F 36 13");
    EXPECT(ask("36 02 05"), "76 02");
    ck_assert_uint_eq(b.image_bytes, 7);
}
END_TEST

START_TEST(counter_begins_at_01_and_wraps_from_ff_to_00)
{
    power_on();
    begin_image("34 00 21 00 0102");
    EXPECT(ask("36 00 00"), "7F 36 73");
    EXPECT(ask("36 02 00"), "7F 36 73");
    static const uint8_t last[] = {0x36, 0xFF, 0xFF}, wrapped[] = {0x36, 0x00, 0x42};
    for (unsigned counter = 1; counter < 0xFF; counter++) {
        uint8_t block[] = {0x36, (uint8_t)counter, (uint8_t)counter};
        uds_server_request(&b.s, block, sizeof block, false, b.now);
        ck_assert_str_ne(heard(), "");
    }
    uds_server_request(&b.s, last, sizeof last, false, b.now);
    EXPECT(heard(), "76 FF");
    uds_server_request(&b.s, wrapped, sizeof wrapped, false, b.now);
    EXPECT(heard(), "76 00");
    EXPECT(ask("36 00 42"), "76 00");
    EXPECT(ask("36 01 43 44"), "76 01");
    ck_assert_uint_eq(b.image_bytes, 0x102);
    ck_assert_uint_eq(b.image[0xFF], 0x42);
    EXPECT(ask("37"), "77");
}
END_TEST

START_TEST(repeated_block_is_answered_again_and_written_once)
{
    power_on();
    begin_image("34 00 11 00 03");
    EXPECT(ask("36 01 AA"), "76 01");
    EXPECT(ask("36 01 AA"), "76 01");
    EXPECT(ask("36 01 AA"), "76 01");
    ck_assert_uint_eq(b.blocks, 1);
    EXPECT(ask("36 02 BB CC"), "76 02");
    EXPECT(ask("36 02 BB CC"), "76 02"); /* also the last one */
    ck_assert_uint_eq(b.blocks, 2);
    ck_assert_mem_eq(b.image, "\xAA\xBB\xCC", 3);
    EXPECT(ask("37"), "77");
}
END_TEST

START_TEST(wrong_counter_is_73_and_the_right_one_still_works)
{
    power_on();
    begin_image("34 00 11 00 03");
    EXPECT(ask("36 01 AA"), "76 01");
    EXPECT(ask("36 03 CC"), "7F 36 73");
    EXPECT(ask("36 00 CC"), "7F 36 73");
    EXPECT(ask("36 02 BB"), "76 02");
    EXPECT(ask("36 01 AA"), "7F 36 73"); /* the one before last is not a repeat */
    EXPECT(ask("36 03 CC"), "76 03");
    ck_assert_uint_eq(b.image_bytes, 3);
}
END_TEST

START_TEST(block_without_transfer_or_after_the_last_is_24)
{
    power_on();
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask("36 01 00"), "7F 36 24");
    static uint8_t long_block[MAX + 1] = {0x36, 0x07};
    uds_server_request(&b.s, long_block, sizeof long_block, false, b.now);
    EXPECT(heard(), "7F 36 24"); /* details come last */
    EXPECT(ask("34 00 11 00 01"), "74 20 00 40");
    EXPECT(ask("36 01 00"), "76 01");
    EXPECT(ask("36 02 00"), "7F 36 24");
    EXPECT(ask("36 05 00"), "7F 36 24");
    ck_assert_uint_eq(b.blocks, 1);
}
END_TEST

START_TEST(block_beyond_the_announced_size_is_71)
{
    power_on();
    begin_image("34 00 11 00 03");
    EXPECT(ask("36 01 AA BB"), "76 01");
    EXPECT(ask("36 02 CC DD"), "7F 36 71");
    EXPECT(ask("36 02 CC"), "76 02");
    ck_assert_uint_eq(b.image_bytes, 3);
}
END_TEST

START_TEST(block_that_was_not_written_may_come_again)
{
    static const enum uds_code codes[] = {UDS_PROGRAMMING_FAILURE, UDS_VOLTAGE_TOO_HIGH, UDS_VOLTAGE_TOO_LOW};
    static const char *const wants[] = {"7F 36 72", "7F 36 92", "7F 36 93"};
    power_on();
    begin_image("34 00 11 00 02");
    for (size_t i = 0; i < 3; i++) {
        b.verdict = codes[i];
        EXPECT(ask("36 01 AA BB"), wants[i]);
    }
    b.verdict = UDS_OK;
    EXPECT(ask("36 01 AA BB"), "76 01");
    ck_assert_uint_eq(b.image_bytes, 2);
}
END_TEST

/* ---- Rule 15: 37 ---- */

START_TEST(early_exit_is_24_and_keeps_the_transfer)
{
    power_on();
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask("37"), "7F 37 24");
    EXPECT(ask("34 00 11 00 02"), "74 20 00 40");
    EXPECT(ask("37"), "7F 37 24");
    EXPECT(ask("36 01 AA"), "76 01");
    EXPECT(ask("37"), "7F 37 24");
    EXPECT(ask("36 02 BB"), "76 02");
    ck_assert_uint_eq(b.exits, 0);
    EXPECT(ask("37"), "77");
    ck_assert_uint_eq(b.exits, 1);
}
END_TEST

START_TEST(exit_frees_the_transfer)
{
    power_on();
    begin_image("34 00 11 00 01");
    EXPECT(ask("36 01 AA"), "76 01");
    EXPECT(ask("37"), "77");
    EXPECT(ask("37"), "7F 37 24");
    EXPECT(ask("36 01 AA"), "7F 36 24");
    EXPECT(ask("10 01"), "50 01 00 32 01 F4");
    ck_assert_uint_eq(b.aborts, 0);
}
END_TEST

START_TEST(refused_exit_keeps_the_transfer)
{
    power_on();
    begin_image("34 00 11 00 01");
    EXPECT(ask("36 01 AA"), "76 01");
    b.verdict = UDS_PROGRAMMING_FAILURE;
    EXPECT(ask("37"), "7F 37 72");
    b.verdict = UDS_OK;
    EXPECT(ask("36 01 AA"), "76 01");
    EXPECT(ask("37"), "77");
}
END_TEST

/* ---- Rules 16 and 17: 27 and 29 belong to the owner ---- */

START_TEST(security_access_and_authentication_pass_through_whole)
{
    power_on();
    EXPECT(ask("29 08"), "69 08 29 01");
    EXPECT(ask("29"), "7F 29 13");
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask("27 01 AA BB"), "67 01 27 03");
    EXPECT(ask("27 61"), "67 61 27 01");
    EXPECT(ask("27 02 00"), "7F 27 35");
    b.verdict = UDS_DELAY_NOT_EXPIRED;
    EXPECT(ask("27 01"), "7F 27 37");
}
END_TEST

/* ---- Blocks with a check: 36, counter, CRC-32 that goes on from the request that opened the transfer ----
 */

static void begin_checked(const char *request_34, const char *want)
{
    static const struct uds_server_config config = {.max_message = MAX};
    checking = owner;
    checking.checks_blocks = true;
    power_on_with(&checking, &config);
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask(request_34), want);
}

/* Every bit of a block, number and check included, once altered. */
START_TEST(altered_block_is_refused_before_it_is_written)
{
    static const char block[] = "36 01 84ECE609 AABB";
    uint8_t good[8], bad[8];
    const size_t n = bytes_of(block, good, sizeof good);
    begin_checked("34 08 11 00 03", "74 40 00 00 00 40");
    for (unsigned bit = 8; bit < 8 * n; bit++) {
        memcpy(bad, good, n);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT(ask(bytes_text(bad, n)), bit < 16 ? "7F 36 73" : "7F 36 31");
    }
    ck_assert_uint_eq(b.blocks, 0);
    EXPECT(ask(block), "76 01"); /* and the transfer goes on */
    EXPECT(ask("36 02 7996860E CC"), "76 02");
    EXPECT(ask("37"), "77");
    ck_assert_mem_eq(b.image, "\xAA\xBB\xCC", 3);
    EXPECT(ask("34 08 11 00 03"), "74 40 00 00 00 40");
    EXPECT(ask("36 01 84ECE6 09"), "7F 36 13"); /* no data */
}
END_TEST

START_TEST(block_of_another_transfer_is_refused)
{
    begin_checked("34 08 11 00 04", "74 40 00 00 00 40"); /* not the request that it was made for */
    EXPECT(ask("36 01 84ECE609 AABB"), "7F 36 31");
    EXPECT(ask("34 08 11 00 03"), "74 40 00 00 00 40");
    EXPECT(ask("36 01 84ECE609 AABB"), "76 01");
    ck_assert_uint_eq(b.blocks, 1);
}
END_TEST

START_TEST(repeated_block_is_known_by_its_check)
{
    begin_checked("34 08 11 00 03", "74 40 00 00 00 40");
    EXPECT(ask("36 01 84ECE609 AABB"), "76 01");
    EXPECT(ask("36 01 84ECE609 AABB"), "76 01");
    EXPECT(ask("36 01 84ECE60A AABB"), "7F 36 31");
    EXPECT(ask("36 01 11223344 AA"), "7F 36 31"); /* another block under that number */
    ck_assert_uint_eq(b.blocks, 1);
    EXPECT(ask("36 02 7996860E CC"), "76 02");
}
END_TEST

START_TEST(block_that_is_written_slowly_is_checked_once_and_taken_once)
{
    begin_checked("34 08 11 00 03", "74 40 00 00 00 40");
    b.pendings = 3;
    EXPECT(ask("36 01 84ECE609 AABB"), "");
    EXPECT(after(MS), "");
    EXPECT(after(MS), "");
    EXPECT(after(MS), "76 01");
    EXPECT(ask("36 02 7996860F CC"), "7F 36 31"); /* what passed before says nothing about this one */
    ck_assert_uint_eq(b.blocks, 1);
}
END_TEST

START_TEST(checks_are_told_in_the_answer_and_only_where_the_owner_has_them)
{
    begin_checked("34 08 11 00 03", "74 40 00 00 00 40");
    EXPECT(ask("34 00 11 00 03"), "74 20 00 40");
    EXPECT(ask("36 01 AA"), "76 01");          /* without, as ever */
    EXPECT(ask("34 18 11 00 03"), "7F 34 31"); /* the rest of the format is the owner's */
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask("38 03 0001 61 08 01 02 02"), "78 03 04 00 00 00 40 08");
    ck_assert_uint_eq(b.file.format, 0);
    EXPECT(ask("38 03 0001 61 08 01 03 02"), "7F 38 31"); /* plain all the same: one size */
    power_on();
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask("34 08 11 00 03"), "7F 34 31");
}
END_TEST

START_TEST(answer_ends_with_its_check_where_it_is_asked_to)
{
    begin_checked("34 08 11 00 03", "74 40 00 00 00 40");
    EXPECT(ask("22 F1 90 FD 16"), "62 F1 90 56 49 4E FD 16 E4 04 5D 62");
    EXPECT(ask("22 FD 16"), "62 FD 16 71 BE EF F9");
    power_on(); /* the owner's, who does not know it */
    EXPECT(ask("22 F1 90 FD 16"), "62 F1 90 56 49 4E");
}
END_TEST

/* ---- Rule 19: 38 ---- */

START_TEST(file_request_is_parsed_whole)
{
    power_on();
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask("38 03 0004 74696D65 00 04 00000003 00000003"), "78 03 02 00 40 00");
    ck_assert_str_eq(b.path, "time");
    ck_assert(b.file.bytes == 3 && b.file.format == 0 && b.file.mode == UDS_FILE_REPLACE);
    EXPECT(ask("36 01 AA BB CC"), "76 01");
    EXPECT(ask("37"), "77");
    EXPECT(ask("38 03 0001 61 10 02 0200 0100"), "78 03 02 00 40 10"); /* compressed: the transported size */
    ck_assert(b.file.bytes == 0x100);
    EXPECT(ask("38 03 0001 61 00 08 0000000100000000 0000000100000000"), "78 03 02 00 40 00");
    ck_assert(b.file.bytes == 0x100000000u);
    ck_assert_uint_eq(b.aborts, 1);
}
END_TEST

START_TEST(malformed_file_request_is_refused_before_the_owner_sees_it)
{
    static const char *const talk[][2] = {
        {"38 03 0001", "7F 38 13"},
        {"38 03 0000 00", "7F 38 13"},
        {"38 03 FFFF 61 00 01 03 03", "7F 38 13"},    /* a path longer than the message */
        {"38 03 0006 61 00 01 03 03", "7F 38 13"},    /* by one */
        {"38 03 0005 61 00 01 03 03", "7F 38 13"},    /* the path swallows the rest */
        {"38 03 0004 61 00 01 03 03", "7F 38 13"},    /* and leaves one byte of two */
        {"38 03 0001 61 00 01 03", "7F 38 13"},       /* one size missing */
        {"38 03 0001 61 00 02 03 03", "7F 38 13"},    /* sizes cut short */
        {"38 03 0001 61 00 01 03 03 00", "7F 38 13"}, /* a byte too many */
        {"38 03 0000 00 01 03 03", "7F 38 31"},       /* no path */
        {"38 03 0001 61 00 00 03 03", "7F 38 31"},    /* sizes of no bytes */
        {"38 03 0001 61 00 09 000000000000000003 000000000000000003", "7F 38 31"},
        {"38 03 0001 61 00 01 00 00", "7F 38 31"}, /* an empty file */
        {"38 03 0001 61 00 01 04 03", "7F 38 31"}, /* plain, yet of two sizes */
    };
    power_on();
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    b.calls = 0;
    for (size_t i = 0; i < sizeof talk / sizeof *talk; i++) EXPECT(ask(talk[i][0]), talk[i][1]);
    ck_assert_uint_eq(b.calls, 0);
}
END_TEST

START_TEST(path_is_at_most_path_max)
{
    uint8_t q[4 + UDS_PATH_MAX + 1 + 4] = {0x38, 0x03, 0x00, UDS_PATH_MAX};
    power_on();
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    memset(q + 4, 'a', UDS_PATH_MAX + 1);
    memcpy(q + 4 + UDS_PATH_MAX, "\x00\x01\x05\x05", 4);
    uds_server_request(&b.s, q, sizeof q - 1, false, b.now);
    EXPECT(heard(), "78 03 02 00 40 00");
    ck_assert_uint_eq(strlen(b.path), UDS_PATH_MAX);
    q[3]++;
    memcpy(q + 4 + UDS_PATH_MAX, "a\x00\x01\x05\x05", 5);
    uds_server_request(&b.s, q, sizeof q, false, b.now);
    EXPECT(heard(), "7F 38 31");
}
END_TEST

START_TEST(file_modes_other_than_replace_are_31)
{
    static const char *const talk[] = {
        "38 01 0001 61 00 01 03 03", "38 02 0001 61", "38 04 0001 61 00",         "38 05 0001 61",
        "38 06 0001 61 00 01 03 03", "38 00 0001 61", "38 83 0001 61 00 01 03 03"};
    power_on();
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    for (size_t i = 0; i < sizeof talk / sizeof *talk; i++) EXPECT(ask(talk[i]), "7F 38 31");
}
END_TEST

START_TEST(refused_file_is_no_transfer)
{
    power_on();
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    b.verdict = UDS_DOWNLOAD_NOT_ACCEPTED;
    EXPECT(ask("38 03 0001 61 00 01 03 03"), "7F 38 70");
    b.verdict = UDS_OK;
    EXPECT(ask("36 01 AA"), "7F 36 24");
}
END_TEST

/* ---- Rule 20: 11 ---- */

START_TEST(reset_answers_first)
{
    const uint8_t *reply;
    size_t n;
    power_on();
    request("11 01", false);
    ck_assert(!uds_server_reset_due(&b.s));
    ck_assert(uds_server_reply(&b.s, &reply, &n));
    EXPECT(bytes_text(reply, n), "51 01");
    ck_assert(!uds_server_reset_due(&b.s));
    uds_server_sent(&b.s, b.now);
    ck_assert(uds_server_reset_due(&b.s));
    ck_assert_uint_eq(b.last_type, UDS_HARD_RESET);
    EXPECT(ask("22 F1 90"), ""); /* nothing more until it is done */
}
END_TEST

START_TEST(suppressed_reset_is_due_at_once)
{
    power_on();
    EXPECT(ask("11 81"), "");
    ck_assert(uds_server_reset_due(&b.s));
}
END_TEST

START_TEST(refused_reset_never_comes_due)
{
    power_on();
    b.verdict = UDS_CONDITIONS_NOT_CORRECT;
    EXPECT(ask("11 81"), "7F 11 22");
    EXPECT(ask("3E 80"), "");
    ck_assert(!uds_server_reset_due(&b.s));
}
END_TEST

/* ---- Rule 21: 31 ---- */

START_TEST(routine_gets_its_data_and_answers_with_some)
{
    power_on();
    EXPECT(ask("31 01 03 10 5A"), "71 01 03 10 5A");
    EXPECT(ask("31 02 03 10"), "7F 31 12");
    EXPECT(ask("31 01 FF 00"), "7F 31 31");
}
END_TEST

START_TEST(answers_longer_than_the_buffer_are_14)
{
    power_on();
    b.answer_bytes = MAX - 4;
    EXPECT(strncmp(ask("31 01 03 10"), "71 01 03 10", 11) == 0 ? "full" : "", "full");
    b.answer_bytes = MAX - 3;
    EXPECT(ask("31 01 03 10"), "7F 31 14");
    b.answer_bytes = MAX - 1;
    EXPECT(ask("29 01"), "7F 29 14");
    EXPECT(ask("22 FD 11"), "7F 22 14");
    EXPECT(ask("22 FD 10 F1 90"), "7F 22 14"); /* no room for a second identifier */
}
END_TEST

/* ---- Rule 22: 22 and 2E ---- */

START_TEST(identifiers_are_read_several_at_a_time_without_the_unknown)
{
    power_on();
    EXPECT(ask("22 F1 90"), "62 F1 90 56 49 4E");
    EXPECT(ask("22 F1 86 00 00 F1 90"), "62 F1 86 01 F1 90 56 49 4E");
    EXPECT(ask("22 00 00"), "7F 22 31");
    EXPECT(ask("22 00 00 00 01"), "7F 22 31");
    EXPECT(ask("22 F1 90 FD 12"), "7F 22 33"); /* any other refusal is for the whole request */
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask("22 F1 86"), "62 F1 86 03");
}
END_TEST

START_TEST(identifiers_come_in_pairs_of_bytes_and_sixteen_at_most)
{
    uint8_t q[1 + 2 * 17] = {0x22};
    power_on();
    EXPECT(ask("22 F1 90 F1"), "7F 22 13");
    for (size_t i = 1; i < sizeof q; i += 2) memcpy(q + i, "\xF1\x86", 2);
    uds_server_request(&b.s, q, sizeof q, false, b.now);
    EXPECT(heard(), "7F 22 13");
    uds_server_request(&b.s, q, sizeof q - 2, false, b.now);
    EXPECT(strncmp(heard(), "62 F1 86 01 F1 86 01", 20) == 0 ? "read" : "", "read");
}
END_TEST

START_TEST(slow_identifier_does_not_read_the_others_again)
{
    power_on();
    b.pendings = 2;
    EXPECT(ask("22 F1 90 FD 10"), "");
    EXPECT(after(MS), "");
    EXPECT(strncmp(after(MS), "62 F1 90 56 49 4E FD 10 AA", 26) == 0 ? "read" : "", "read");
    ck_assert_uint_eq(b.reads, 4); /* F190 once, FD10 three times */
}
END_TEST

START_TEST(write_passes_data_and_echoes_the_identifier)
{
    power_on();
    EXPECT(ask("2E F1 5A 01 02"), "6E F1 5A");
    EXPECT(ask("2E F1 5A 01"), "7F 2E 31");
    EXPECT(ask("2E 00 00 01"), "7F 2E 31");
}
END_TEST

/* ---- 28, 85, and the OEM sequence ---- */

START_TEST(communication_and_dtc_setting_are_state_only_until_the_default_session)
{
    power_on();
    EXPECT(ask("10 03"), "50 03 00 32 01 F4");
    EXPECT(ask("85 02"), "C5 02");
    EXPECT(ask("28 01 03"), "68 01");
    ck_assert(b.s.dtc_off);
    ck_assert_uint_eq(b.s.communication, 1);
    EXPECT(ask("28 01 00"), "7F 28 31");
    EXPECT(ask("28 04 03"), "7F 28 12");
    EXPECT(ask("85 03"), "7F 85 12");
    EXPECT(ask("85 01 FF FF FF"), "C5 01");
    ck_assert(!b.s.dtc_off);
    EXPECT(ask("85 02"), "C5 02");
    EXPECT(ask("10 01"), "50 01 00 32 01 F4");
    ck_assert(!b.s.dtc_off);
    ck_assert_uint_eq(b.s.communication, 0);
}
END_TEST

START_TEST(flashing_sequence_of_a_workshop_bench_runs_through)
{
    power_on();
    EXPECT(ask_all("10 83"), "");
    EXPECT(ask_all("85 82"), "");
    EXPECT(ask_all("28 81 03"), "");
    EXPECT(ask_all("3E 80"), "");
    EXPECT(ask("10 02"), "50 02 00 32 01 F4");
    EXPECT(ask("2E F1 5A 01 02"), "6E F1 5A");
    EXPECT(ask("34 00 44 00000000 00000004"), "74 20 00 40");
    EXPECT(ask("36 01 DE AD"), "76 01");
    EXPECT(ask_all("3E 80"), "");
    EXPECT(ask("36 02 BE EF"), "76 02");
    EXPECT(ask("37"), "77");
    EXPECT(ask("31 01 03 10"), "71 01 03 10 00");
    EXPECT(ask("11 01"), "51 01");
    ck_assert_mem_eq(b.image, "\xDE\xAD\xBE\xEF", 4);
    ck_assert(uds_server_reset_due(&b.s));
}
END_TEST

SUITE("uds_server", unknown_service_is_11_whatever_its_length,
      service_without_an_owner_is_11_before_anything_else, service_outside_its_sessions_is_7f_before_length,
      configured_sessions_replace_the_table, locked_service_is_33_before_length_and_after_session,
      short_request_is_13_before_subfunction, unknown_subfunction_is_12_before_exact_length,
      long_request_is_13_after_subfunction, owner_refusal_reaches_the_tester,
      functional_request_that_does_not_concern_us_gets_no_answer,
      functional_request_with_another_fault_is_answered,
      functional_refusal_is_sent_once_the_tester_was_told_to_wait,
      suppress_bit_suppresses_positive_answers_only, suppressed_answer_is_sent_after_a_78,
      suppress_bit_is_not_echoed_and_not_a_thing_of_services_without_subfunctions,
      pending_is_said_within_p2_then_spaced_below_p2_star, answer_goes_out_as_soon_as_it_is_ready,
      pending_answer_waits_for_the_78_that_is_leaving, second_78_is_not_queued_behind_one_that_has_not_left,
      every_service_with_an_owner_may_be_pending, due_tells_when_the_78_is_due,
      other_request_while_busy_is_answered_21, repeat_functional_and_tester_present_while_busy_are_ignored,
      request_while_the_answer_leaves_is_answered_21_after_it, answers_and_empty_requests_are_ignored,
      session_ends_after_s3_and_takes_the_transfer_with_it, every_request_restarts_s3,
      s3_stands_still_while_a_request_is_worked_on, s3_stands_still_until_the_answer_has_left,
      request_that_arrives_slowly_keeps_the_session,
      request_after_s3_finds_the_default_session_though_nobody_polled, default_session_never_ends,
      session_change_is_told_to_the_owner_and_ends_the_transfer, refused_session_change_leaves_the_transfer,
      session_answer_carries_p2_in_1_ms_and_p2_star_in_10_ms, download_passes_offset_and_size_of_any_width,
      malformed_download_is_refused_before_the_owner_sees_it, owner_refuses_a_download_in_its_own_words,
      new_download_ends_the_old_one, max_block_length_counts_the_whole_message,
      counter_begins_at_01_and_wraps_from_ff_to_00, repeated_block_is_answered_again_and_written_once,
      wrong_counter_is_73_and_the_right_one_still_works, block_without_transfer_or_after_the_last_is_24,
      block_beyond_the_announced_size_is_71, block_that_was_not_written_may_come_again,
      early_exit_is_24_and_keeps_the_transfer, exit_frees_the_transfer, refused_exit_keeps_the_transfer,
      altered_block_is_refused_before_it_is_written, block_of_another_transfer_is_refused,
      repeated_block_is_known_by_its_check, block_that_is_written_slowly_is_checked_once_and_taken_once,
      checks_are_told_in_the_answer_and_only_where_the_owner_has_them,
      answer_ends_with_its_check_where_it_is_asked_to, security_access_and_authentication_pass_through_whole,
      file_request_is_parsed_whole, malformed_file_request_is_refused_before_the_owner_sees_it,
      path_is_at_most_path_max, file_modes_other_than_replace_are_31, refused_file_is_no_transfer,
      reset_answers_first, suppressed_reset_is_due_at_once, refused_reset_never_comes_due,
      routine_gets_its_data_and_answers_with_some, answers_longer_than_the_buffer_are_14,
      identifiers_are_read_several_at_a_time_without_the_unknown,
      identifiers_come_in_pairs_of_bytes_and_sixteen_at_most, slow_identifier_does_not_read_the_others_again,
      write_passes_data_and_echoes_the_identifier,
      communication_and_dtc_setting_are_state_only_until_the_default_session,
      flashing_sequence_of_a_workshop_bench_runs_through)
