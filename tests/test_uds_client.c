/* isotp/uds_client.c over a real ISO-TP channel: first against an ECU that follows a script, then against
 * isotp/uds_server.c with frames getting lost. */
#include "isotp/uds_client.h"
#include "isotp/uds_server.h"
#include "tests/lib_bytes.h"
#include "tests/lib_wire.h"
#include "tests/suite.h"

#include <string.h>

#define MS     1000u
#define SECOND 1000000u

/* What the scripted ECU says: after which request (counted from 1), how much later, what. */
struct line {
    unsigned after;
    uint32_t delay_us;
    const char *hex;
};

static struct wire w;
static struct uds_client client;

static const struct line *script;
static size_t lines, line;
static uint32_t heard_at;
static unsigned asked; /* requests that the ECU has received */
static uint8_t last[4200], said[4200];
static size_t last_bytes;
static char log_text[400]; /* the first bytes of every request */
static size_t sizes[40];   /* of every request */

static void set_up(const struct line *told, size_t n, struct uds_client_config config)
{
    wire_init(&w, sizeof w.ecu_rx, false);
    uds_client_init(&client, &config, &w.client);
    script = told;
    lines = n;
    line = asked = 0;
    log_text[0] = '\0';
}
#define SCRIPT(...)                                                                                          \
    static const struct line told[] = {__VA_ARGS__};                                                         \
    set_up(told, sizeof told / sizeof *told, (struct uds_client_config){0})
#define SCRIPT_WITH(config, ...)                                                                             \
    static const struct line told[] = {__VA_ARGS__};                                                         \
    set_up(told, sizeof told / sizeof *told, (struct uds_client_config)config)

static void ecu_hears(void)
{
    struct isotp_event e;
    while (isotp_poll(&w.ecu, &e)) {
        if (e.kind != ISOTP_RECEIVED) continue;
        asked++;
        heard_at = w.now;
        last_bytes = e.bytes;
        if (asked <= sizeof sizes / sizeof *sizes) sizes[asked - 1] = e.bytes;
        memcpy(last, e.data, e.bytes);
        strncat(log_text, asked > 1 ? ", " : "", sizeof log_text - strlen(log_text) - 1);
        strncat(log_text, bytes_text(last, last_bytes < 4 ? last_bytes : 4),
                sizeof log_text - strlen(log_text) - 1);
        isotp_release(&w.ecu);
    }
}

static uint32_t ecu_speaks(void)
{
    while (line < lines && script[line].after < asked) line++; /* overtaken */
    if (line == lines || script[line].after > asked) return UINT32_MAX;
    uint32_t at = heard_at + script[line].delay_us;
    if ((int32_t)(at - w.now) > 0) return at - w.now;
    size_t n = bytes_of(script[line].hex, said, sizeof said);
    struct isotp_message m = {.head = said, .head_bytes = (uint32_t)n};
    if (isotp_send(&w.ecu, &m, w.now) == ISOTP_N_OK) line++;
    return UINT32_MAX;
}

static void client_hears(void)
{
    struct isotp_event e;
    while (isotp_poll(&w.client, &e)) uds_client_event(&client, &e, w.now);
    uds_client_poll(&client, w.now);
}

/* Runs until there is an outcome; then the ECU says the rest. */
static enum uds_outcome outcome(void)
{
    for (unsigned i = 0; i < 1000000; i++) {
        client_hears();
        ecu_hears();
        uint32_t ecu = ecu_speaks(), due = uds_client_due(&client, w.now);
        if (uds_client_outcome(&client) != UDS_WAITING) return client.outcome;
        if (wire_move(&w)) continue;
        wire_wait(&w, ecu < due ? ecu : due);
    }
    ck_abort_msg("no outcome");
    return UDS_WAITING;
}

/* Time passes without the client's timers. */
static void idle(uint32_t us)
{
    uint32_t until = w.now + us;
    while ((int32_t)(until - w.now) > 0) {
        client_hears();
        ecu_hears();
        (void)ecu_speaks();
        if (!wire_move(&w)) wire_wait(&w, 100);
    }
}

static const char *explain(void)
{
    static char text[80];
    uds_client_explain(&client, text, sizeof text);
    return text;
}

static const char *reply(void)
{
    return bytes_text(client.reply, client.reply_bytes);
}

static bool loses_nth(void *ctx, uint32_t nth, bool to_ecu)
{
    (void)to_ecu;
    return nth == *(const uint32_t *)ctx;
}

/* ---- One request ---- */

START_TEST(positive_answer_is_handed_over_whole)
{
    SCRIPT({1, 0, "62 F1 90 56 49 4E 31 32 33 34 35 36 37 38"});
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(uds_client_outcome(&client), UDS_WAITING);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "22 F1 90");
    ck_assert_str_eq(reply(), "62 F1 90 56 49 4E 31 32 33 34 35 36 37 38");
    ck_assert_str_eq(explain(), "22: positive");
    ck_assert_uint_eq(uds_client_due(&client, w.now), ISOTP_NEVER);
}
END_TEST

START_TEST(usual_requests_are_spelled_as_the_standard_says)
{
    static const uint8_t order[2] = {0xAA, 0xBB};
    SCRIPT({1, 0, "50 03 00 32 01 F4"}, {2, 0, "71 01 03 12"}, {3, 0, "51 01"});
    uds_client_session(&client, UDS_EXTENDED, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    uds_client_routine(&client, UDS_ROUTINE_ACTIVATE, order, sizeof order, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_mem_eq(last, "\x31\x01\x03\x12\xAA\xBB", 6);
    uds_client_reset(&client, UDS_HARD_RESET, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "10 03, 31 01 03 12, 11 01");
}
END_TEST

START_TEST(head_is_copied_and_body_follows_it)
{
    SCRIPT({1, 0, "6E F1 5A"});
    uint8_t head[] = {0x2E, 0xF1, 0x5A};
    static const uint8_t body[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uds_client_request(&client, head, sizeof head, body, sizeof body, w.now);
    memset(head, 0, sizeof head);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(last_bytes, 12);
    ck_assert_mem_eq(last, "\x2E\xF1\x5A\x01\x02\x03\x04\x05\x06\x07\x08\x09", 12);
}
END_TEST

START_TEST(refusal_has_its_code)
{
    SCRIPT({1, 0, "7F 22 31"});
    uds_client_read(&client, 0x0000, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_uint_eq(client.code, UDS_OUT_OF_RANGE);
    ck_assert_str_eq(explain(), "7F 22 31 requestOutOfRange");
}
END_TEST

START_TEST(suppressed_answer_is_not_waited_for)
{
    SCRIPT({2, 0, "62 F1 90 01"});
    uint32_t began = w.now;
    uds_client_tester_present(&client, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(client.reply_bytes, 0);
    ck_assert_uint_lt(w.now - began, 1 * MS);
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "3E 80, 22 F1 90");
}
END_TEST

/* ---- P2, P2*, repeats ---- */

START_TEST(silence_ends_after_p2)
{
    SCRIPT_WITH({.p2_us = 70 * MS}, {9, 0, "00"});
    uint32_t began = w.now;
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    ck_assert_uint_ge(w.now - began, 70 * MS);
    ck_assert_uint_lt(w.now - began, 71 * MS);
    ck_assert_int_eq(client.transport, ISOTP_N_OK);
    ck_assert_str_eq(explain(), "22: no answer");
}
END_TEST

START_TEST(request_without_answer_is_repeated_as_often_as_allowed)
{
    SCRIPT_WITH({.repeats = 2}, {3, 0, "62 F1 90 01"});
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(asked, 3);
    uds_client_read(&client, 0xF191, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    ck_assert_uint_eq(asked, 6);
}
END_TEST

START_TEST(refusal_is_not_repeated)
{
    SCRIPT_WITH({.repeats = 5}, {1, 0, "7F 22 22"});
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(busy_server_is_asked_again_after_p2)
{
    SCRIPT_WITH({.repeats = 1}, {1, 0, "7F 22 21"}, {2, 0, "62 F1 90 01"}, {3, 0, "7F 22 21"},
                {4, 0, "7F 22 21"});
    uint32_t began = w.now;
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_gt(w.now - began, 100 * MS);
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_uint_eq(client.code, UDS_BUSY_REPEAT);
    ck_assert_uint_eq(asked, 4);
}
END_TEST

START_TEST(pending_gives_the_server_p2_star)
{
    SCRIPT({1, 40 * MS, "7F 31 78"}, {1, 5000 * MS, "7F 31 78"}, {1, 9000 * MS, "71 01 03 10"});
    uds_client_routine(&client, 0x0310, NULL, 0, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(client.pendings, 2);
    ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(silence_after_pending_ends_after_p2_star)
{
    SCRIPT_WITH({.p2_star_us = 2 * SECOND}, {1, 0, "7F 31 78"});
    uint32_t began = w.now;
    uds_client_routine(&client, 0x0310, NULL, 0, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    ck_assert_uint_ge(w.now - began, 2 * SECOND);
    ck_assert_uint_lt(w.now - began, 2 * SECOND + 2 * MS);
    ck_assert_str_eq(explain(), "31: no answer, response pending for too long");
}
END_TEST

START_TEST(endless_pending_is_cut_off)
{
    SCRIPT_WITH({.overall_us = 9 * SECOND}, {1, 0, "7F 31 78"}, {1, 2 * SECOND, "7F 31 78"},
                {1, 4 * SECOND, "7F 31 78"}, {1, 6 * SECOND, "7F 31 78"}, {1, 8 * SECOND, "7F 31 78"},
                {1, 10 * SECOND, "7F 31 78"});
    uint32_t began = w.now;
    uds_client_routine(&client, 0x0310, NULL, 0, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    ck_assert_uint_ge(w.now - began, 9 * SECOND);
    ck_assert_uint_lt(w.now - began, 9 * SECOND + 1 * MS);
    ck_assert_uint_eq(client.pendings, 5);
}
END_TEST

START_TEST(session_answer_brings_the_servers_own_timing)
{
    SCRIPT({1, 0, "50 03 01 00 00 64"}, {2, 250 * MS, "7F 31 78"}, {2, 1300 * MS, "71 01 03 10"},
           {3, 250 * MS, "7F 31 78"});
    uds_client_session(&client, UDS_EXTENDED, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(client.config.p2_us, 256 * MS + UDS_MARGIN_US);
    ck_assert_uint_eq(client.config.p2_star_us, 1 * SECOND + UDS_MARGIN_US);
    uds_client_routine(&client, 0x0310, NULL, 0, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    uds_client_routine(&client, 0x0310, NULL, 0, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
}
END_TEST

START_TEST(short_session_answer_leaves_the_timing)
{
    SCRIPT({1, 0, "50 03"});
    uds_client_session(&client, UDS_EXTENDED, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(client.config.p2_us, 50 * MS + UDS_MARGIN_US);
}
END_TEST

START_TEST(long_answer_may_take_longer_than_p2)
{
    static char hex[2 * 4000 + 1];
    for (size_t i = 0; i < sizeof hex - 1; i++) hex[i] = '5';
    memcpy(hex, "62FD10", 6);
    static const struct line told[] = {{1, 40 * MS, hex}};
    set_up(told, 1, (struct uds_client_config){.p2_us = 50 * MS});
    uint32_t began = w.now;
    uds_client_read(&client, 0xFD10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(client.reply_bytes, 4000);
    ck_assert_uint_gt(w.now - began, 150 * MS);
    ck_assert_uint_eq(asked, 1);
}
END_TEST

/* ---- Transport failures ---- */

START_TEST(request_that_cannot_be_sent_says_why)
{
    static const uint8_t body[100];
    SCRIPT_WITH({.repeats = 1}, {9, 0, "00"});
    isotp_init(&w.ecu, &w.ecu.config, w.ecu_rx, 20);
    uds_client_request(&client, (const uint8_t[]){0x36, 1}, 2, body, sizeof body, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    ck_assert_int_eq(client.transport, ISOTP_N_BUFFER_OVFLW);
    ck_assert_str_eq(explain(), "36: no answer (N_BUFFER_OVFLW)");
}
END_TEST

START_TEST(answer_that_breaks_off_is_asked_for_again)
{
    uint32_t nth = 4; /* 22, first frame, flow control, then this */
    SCRIPT_WITH({.repeats = 1}, {1, 0, "62 F1 90 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15"},
                {2, 0, "62 F1 90 02"});
    w.vanishes = loses_nth;
    w.ctx = &nth;
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(reply(), "62 F1 90 02");
    ck_assert_uint_eq(asked, 2);
}
END_TEST

START_TEST(request_larger_than_the_head_is_refused)
{
    static uint8_t head[sizeof client.head + 1];
    char path[UDS_PATH_MAX + 2];
    SCRIPT({9, 0, "00"});
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    uds_client_request(&client, head, sizeof head, NULL, 0, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    ck_assert_int_eq(client.transport, ISOTP_BAD_LENGTH);
    uds_client_request(&client, NULL, 0, NULL, 0, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    uds_client_request(&client, NULL, 0, head, 5, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    uds_client_routine(&client, 0x0310, head, sizeof client.head - 3, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    uds_client_put_file(&client, path, head, 1, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    uds_client_put_file(&client, "", head, 1, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    uds_client_put_image(&client, 0, 2, head, 1, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    ck_assert_int_eq(client.transport, ISOTP_BAD_LENGTH);
    idle(100 * MS);
    ck_assert_uint_eq(asked, 0);
}
END_TEST

/* ---- Answers that do not fit ---- */

START_TEST(answers_to_other_services_are_ignored)
{
    SCRIPT({1, 0, "7F 36 24"}, {1, 0, "71 01 03 10"}, {1, 0, "C5"}, {1, 10 * MS, "62 F1 90 01"});
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(reply(), "62 F1 90 01");
}
END_TEST

START_TEST(flood_of_foreign_answers_does_not_prolong_p2)
{
    SCRIPT({1, 50 * MS, "7F 36 78"}, {1, 140 * MS, "7F 36 78"}, {1, 200 * MS, "62 F1 90 01"});
    uint32_t began = w.now;
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    ck_assert_uint_lt(w.now - began, 152 * MS);
}
END_TEST

START_TEST(answer_must_echo_what_was_asked)
{
    static const struct {
        const char *request, *answer;
    } talk[] = {
        {"22 F1 90", "62 F1 91 01"},
        {"22 F1 90", "62 F1"},
        {"22 F1 90", "62"},
        {"10 03", "50 02 00 32 01 F4"},
        {"11 01", "51 02"},
        {"31 01 03 10", "71 02 03 10"},
        {"31 01 03 10", "71 01 03 12 00"},
        {"31 01 03 10", "71 01 03"},
        {"2E F1 5A 01", "6E F1 5B"},
        {"36 05 00", "76 06"},
        {"36 05 00", "76"},
        {"38 03 0001 61 00 01 01 01", "78 01"},
        {"22 F1 90", "7F"},
        {"22 F1 90", "7F 22"},
        {"22 F1 90", "7F 22 31 00"},
    };
    for (size_t i = 0; i < sizeof talk / sizeof *talk; i++) {
        uint8_t head[16];
        const struct line told = {1, 0, talk[i].answer};
        set_up(&told, 1, (struct uds_client_config){0});
        uds_client_request(&client, head, bytes_of(talk[i].request, head, sizeof head), NULL, 0, w.now);
        ck_assert_msg(outcome() == UDS_BAD_ANSWER, "%s", talk[i].answer);
    }
    ck_assert_str_eq(explain(), "22: an answer that does not fit the request");
}
END_TEST

START_TEST(short_answer_is_not_completed_by_the_one_before)
{
    SCRIPT({1, 0, "62 F1 90 01"}, {2, 0, "62 F1"}, {3, 0, "74 20 0F FF"}, {4, 0, "7F 36 72"}, {5, 0, "74"});
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_BAD_ANSWER);
    uds_client_put_image(&client, 0, 0, last, 10, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    uds_client_put_image(&client, 0, 0, last, 10, w.now);
    ck_assert_int_eq(outcome(), UDS_BAD_ANSWER);
}
END_TEST

START_TEST(answer_to_an_earlier_copy_while_the_repeat_leaves_is_ignored)
{
    static const uint8_t body[200];
    SCRIPT_WITH({.repeats = 1}, {1, 152 * MS, "76 01"}, {2, 0, "76 01"}); /* P2 is 150 ms */
    uds_client_request(&client, (const uint8_t[]){0x36, 1}, 2, body, sizeof body, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(line, 2);
    ck_assert_uint_eq(asked, 2); /* the repeat was sent to its end */
}
END_TEST

START_TEST(answer_to_an_earlier_copy_ends_the_repeat_of_what_is_no_block)
{
    static const uint8_t body[200];
    SCRIPT_WITH({.repeats = 1}, {1, 152 * MS, "71 01 03 12"}); /* P2 is 150 ms */
    uds_client_request(&client, (const uint8_t[]){0x31, 1, 3, 0x12}, 4, body, sizeof body, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(answer_that_cuts_off_another_one_counts)
{
    SCRIPT({1, 0, "62 F1 90 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15"});
    uds_client_read(&client, 0xF190, w.now);
    while (!isotp_receiving(&w.client)) {
        client_hears();
        ecu_hears();
        (void)ecu_speaks();
        if (!wire_move(&w)) wire_wait(&w, 100);
    }
    static const uint8_t better[] = {0x62, 0xF1, 0x90, 0x77};
    const struct isotp_message m = {.head = better, .head_bytes = sizeof better};
    isotp_cancel(&w.ecu);
    ck_assert_int_eq(isotp_send(&w.ecu, &m, w.now), ISOTP_N_OK);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(reply(), "62 F1 90 77");
}
END_TEST

START_TEST(events_of_a_request_given_up_change_nothing)
{
    SCRIPT({9, 0, "00"});
    uds_client_tester_present(&client, w.now);
    uds_client_cancel(&client);
    for (int kind = ISOTP_NOTHING; kind <= ISOTP_SEND_FAILED; kind++) {
        if (kind == ISOTP_RECEIVED) continue;
        const struct isotp_event e = {.kind = (enum isotp_event_kind)kind, .result = ISOTP_N_ERROR};
        uds_client_event(&client, &e, w.now);
        ck_assert_int_eq(uds_client_outcome(&client), UDS_NO_ANSWER);
        ck_assert_int_eq(client.transport, ISOTP_N_OK);
    }
}
END_TEST

START_TEST(answer_after_the_outcome_is_dropped_and_does_not_block_the_channel)
{
    SCRIPT({1, 0, "7F 22 31"}, {1, MS, "62 F1 90 01"}, {2, 0, "62 F1 91 02"});
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    idle(10 * MS);
    ck_assert_int_eq(uds_client_outcome(&client), UDS_REFUSED);
    uds_client_read(&client, 0xF191, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
}
END_TEST

START_TEST(cancel_ends_the_request_without_an_answer)
{
    SCRIPT({1, 0, "7F 22 78"}, {2, 0, "62 F1 91 02"});
    uds_client_read(&client, 0xF190, w.now);
    idle(10 * MS);
    ck_assert_str_eq(explain(), "22: waiting");
    uds_client_cancel(&client);
    ck_assert_int_eq(uds_client_outcome(&client), UDS_NO_ANSWER);
    uds_client_read(&client, 0xF191, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    uds_client_release(&client);
    ck_assert_uint_eq(client.reply_bytes, 0);
    uds_client_cancel(&client); /* nothing under way: the outcome stands */
    ck_assert_int_eq(uds_client_outcome(&client), UDS_POSITIVE);
}
END_TEST

START_TEST(explanation_is_cut_at_the_end_of_the_buffer)
{
    char text[8];
    SCRIPT({1, 0, "7F 22 31"});
    uds_client_read(&client, 0xF190, w.now);
    (void)outcome();
    uds_client_explain(&client, text, sizeof text);
    ck_assert_str_eq(text, "7F 22 3");
    text[0] = 'x';
    uds_client_explain(&client, text, 0);
    ck_assert_int_eq(text[0], 'x');
}
END_TEST

/* ---- Transfers ---- */

static const uint8_t data10[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

START_TEST(file_goes_in_blocks_of_the_servers_size)
{
    SCRIPT({1, 0, "78 03 02 00 06 00"}, {2, 0, "76 01"}, {3, 0, "76 02"}, {4, 0, "76 03"}, {5, 0, "77"});
    uds_client_put_file(&client, "time", data10, sizeof data10, w.now);
    idle(1 * MS);
    ck_assert_mem_eq(last, "\x38\x03\x00\x04time\x00\x04\x00\x00\x00\x0A\x00\x00\x00\x0A", 18);
    ck_assert_uint_eq(last_bytes, 18);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "38 03 00 04, 36 01 00 01, 36 02 04 05, 36 03 08 09, 37");
    ck_assert(client.transfer.done == sizeof data10);
}
END_TEST

START_TEST(image_goes_from_its_offset_in_blocks_of_the_callers_size)
{
    SCRIPT({1, 0, "74 20 0F FF"}, {2, 0, "76 01"}, {3, 0, "76 02"}, {4, 0, "77"});
    client.transfer.block_limit = 4;
    uds_client_put_image(&client, 0x10, 3, data10, sizeof data10, w.now);
    idle(1 * MS);
    ck_assert_mem_eq(last, "\x34\x10\x44\x00\x00\x00\x03\x00\x00\x00\x07", 11);
    ck_assert(client.transfer.done == 3);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "34 10 44 00, 36 01 03 04, 36 02 07 08, 37");
    ck_assert(client.transfer.done == sizeof data10);
}
END_TEST

START_TEST(sizes_beyond_32_bits_are_told_in_eight_bytes)
{
    SCRIPT({1, 0, "7F 38 31"}, {2, 0, "7F 34 31"});
    uds_client_put_file(&client, "a", data10, 0x100000000u, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_mem_eq(last, "\x38\x03\x00\x01\x61\x00\x08\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0", 23);
    uds_client_put_image(&client, 0, 0x100000000u, data10, 0x200000000u, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_mem_eq(last, "\x34\x00\x88\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0", 19);
}
END_TEST

START_TEST(block_without_answer_is_repeated_with_the_same_counter)
{
    SCRIPT_WITH({.repeats = 1}, {1, 0, "74 20 00 07"}, {2, 0, "76 01"}, {4, 0, "76 02"}, {5, 0, "77"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "34 00 44 00, 36 01 00 01, 36 02 05 06, 36 02 05 06, 37");
}
END_TEST

START_TEST(second_answer_to_a_repeated_block_is_ignored)
{
    SCRIPT_WITH({.repeats = 1}, {1, 0, "74 20 00 07"}, {3, 0, "76 01"}, {4, 0, "76 01"}, {4, 0, "76 02"},
                {5, 0, "77"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "34 00 44 00, 36 01 00 01, 36 01 00 01, 36 02 05 06, 37");
}
END_TEST

/* ---- A block whose fate is unknown: blocks of 20 bytes, two copies of the first without an answer ---- */

static uint8_t payload[34];

static void expect_transfer(uint32_t bytes, const char *log, const size_t *expected)
{
    uds_client_put_image(&client, 0, 0, payload, bytes, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(client.transfer.done, bytes);
    ck_assert_str_eq(log_text, log);
    for (size_t i = 0; i < asked; i++) ck_assert_uint_eq(sizes[i], expected[i]);
}

#define OPENED     "34 00 44 00, 36 01 00 00, 36 01 00 00, "
#define FATE(...)  SCRIPT_WITH({.repeats = 3}, {1, 0, "74 20 00 16"}, __VA_ARGS__)
#define SIZES(...) ((const size_t[]){11, 22, 22, __VA_ARGS__})

/* Were it shorter under its number, a server that has it would take it for a repetition. */
START_TEST(block_that_the_server_has_not_is_found_out_and_sent_again_shorter)
{
    FATE({4, 0, "7F 36 73"}, {5, 0, "76 01"}, {6, 0, "76 02"}, {7, 0, "76 03"}, {8, 0, "77"});
    expect_transfer(34, OPENED "36 02 00 00, 36 01 00 00, 36 02 00 00, 36 03 00 00, 37",
                    SIZES(7, 10, 18, 12, 1));
}
END_TEST

START_TEST(block_that_the_server_has_is_found_out_and_not_sent_again)
{
    FATE({4, 0, "76 02"}, {5, 0, "76 03"}, {6, 0, "76 04"}, {7, 0, "77"});
    expect_transfer(34, OPENED "36 02 00 00, 36 03 00 00, 36 04 00, 37", SIZES(7, 10, 3, 1));
}
END_TEST

START_TEST(answers_to_all_copies_of_a_question_may_come)
{
    FATE({5, 0, "7F 36 73"}, {6, 0, "7F 36 73"}, {6, 0, "76 02"}, {6, 0, "76 01"}, {7, 0, "76 02"},
         {8, 0, "76 03"}, {9, 0, "77"});
    expect_transfer(34, OPENED "36 02 00 00, 36 02 00 00, 36 01 00 00, 36 02 00 00, 36 03 00 00, 37",
                    SIZES(7, 7, 10, 18, 12, 1));
}
END_TEST

START_TEST(last_block_is_asked_for_with_the_exit)
{
    {
        FATE({4, 0, "77"});
        expect_transfer(20, OPENED "37", SIZES(1));
    }
    FATE({4, 0, "7F 37 24"}, {5, 0, "76 01"}, {6, 0, "76 02"}, {7, 0, "77"});
    expect_transfer(20, OPENED "37, 36 01 00 00, 36 02 00 00, 37", SIZES(1, 10, 14, 1));
}
END_TEST

START_TEST(exit_of_unknown_fate_is_settled_by_the_block)
{
    {
        FATE({5, 0, "7F 37 24"}, {6, 0, "7F 36 24"}); /* the transfer has ended */
        expect_transfer(20, OPENED "37, 37, 36 01 00 00", SIZES(1, 1, 10));
    }
    FATE({5, 0, "7F 37 24"}, {6, 0, "76 01"}, {7, 0, "76 02"}, {8, 0, "77"}); /* it goes on */
    expect_transfer(20, OPENED "37, 37, 36 01 00 00, 36 02 00 00, 37", SIZES(1, 1, 10, 14, 1));
}
END_TEST

/* That block never was with the server, so it may be shorter at once. */
START_TEST(block_that_was_not_sent_whole_is_sent_again_shorter_at_once)
{
    uint32_t nth = 8; /* its second flow control */
    SCRIPT_WITH({.repeats = 3}, {1, 0, "74 20 00 16"}, {2, 0, "76 01"}, {3, 0, "76 02"}, {4, 0, "77"});
    w.ecu.config.block_size = 1;
    w.vanishes = loses_nth;
    w.ctx = &nth;
    expect_transfer(20, "34 00 44 00, 36 01 00 00, 36 02 00 00, 37", (const size_t[]){11, 17, 7, 1});
}
END_TEST

static bool loses_all_after(void *ctx, uint32_t nth, bool to_ecu)
{
    (void)to_ecu;
    return nth > *(const uint32_t *)ctx;
}

START_TEST(server_that_falls_silent_does_not_make_the_next_blocks_shorter)
{
    uint32_t nth = 6; /* the flow control of the block */
    SCRIPT_WITH({.repeats = 1}, {1, 0, "74 20 00 16"}, {2, 0, "74 20 00 16"}, {3, 0, "76 01"}, {4, 0, "77"});
    w.vanishes = loses_all_after;
    w.ctx = &nth;
    uds_client_put_image(&client, 0, 0, payload, 20, w.now);
    ck_assert_int_eq(outcome(), UDS_NO_ANSWER);
    w.vanishes = NULL;
    idle(3 * SECOND);
    expect_transfer(20, "34 00 44 00, 34 00 44 00, 36 01 00 00, 37", (const size_t[]){11, 11, 22, 1});
}
END_TEST

START_TEST(second_answer_to_a_repeated_request_is_ignored)
{
    SCRIPT_WITH({.repeats = 1}, {2, 0, "62 FD 12 00"}, {3, 0, "62 FD 12 00"}, {3, 0, "62 FD 13 00"},
                {4, 0, "71 01 03 10 00"}, {5, 0, "71 01 03 10 00"}, {5, 0, "71 01 FF 01 00"});
    uds_client_read(&client, 0xFD12, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    uds_client_read(&client, 0xFD13, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(reply(), "62 FD 13 00");
    uds_client_routine(&client, 0x0310, NULL, 0, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    uds_client_routine(&client, 0xFF01, NULL, 0, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(reply(), "71 01 FF 01 00");
}
END_TEST

START_TEST(exit_whose_answer_was_lost_is_not_a_failure)
{
    SCRIPT_WITH({.repeats = 1}, {1, 0, "74 20 00 0C"}, {2, 0, "76 01"}, {4, 0, "7F 37 24"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "34 00 44 00, 36 01 00 01, 37, 37");
}
END_TEST

START_TEST(refusal_anywhere_in_a_transfer_ends_it)
{
    static const struct line early[] = {{1, 0, "7F 34 70"}};
    static const struct line middle[] = {{1, 0, "74 20 00 07"}, {2, 0, "76 01"}, {3, 0, "7F 36 72"}};
    static const struct line late[] = {{1, 0, "74 20 00 0C"}, {2, 0, "76 01"}, {3, 0, "7F 37 24"}};
    set_up(early, 1, (struct uds_client_config){0});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_str_eq(explain(), "7F 34 70 uploadDownloadNotAccepted");
    set_up(middle, 3, (struct uds_client_config){0});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert(client.transfer.done == 5); /* what the server has for sure */
    set_up(late, 3, (struct uds_client_config){0});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_uint_eq(client.code, UDS_SEQUENCE_ERROR);
}
END_TEST

/* 36 with a length that cannot be right was somebody else's: a frame of a stranger. */
START_TEST(one_word_on_the_length_of_a_block_is_not_for_us)
{
    static const struct line once[] = {
        {1, 0, "74 20 00 07"}, {2, 0, "7F 36 13"}, {2, 5 * MS, "76 01"}, {3, 0, "76 02"}, {4, 0, "77"}};
    static const struct line twice[] = {{1, 0, "74 20 00 07"}, {2, 0, "7F 36 13"}, {2, 5 * MS, "7F 36 13"}};
    set_up(once, 5, (struct uds_client_config){0});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(asked, 4);
    set_up(twice, 3, (struct uds_client_config){0});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_uint_eq(client.code, UDS_INCORRECT_LENGTH);
}
END_TEST

START_TEST(impossible_block_length_is_a_bad_answer)
{
    static const char *const answers[] = {
        "74",          "74 20",       "74 20 0F", "74 00 0F FF",
        "74 02 0F FF", "74 20 00 02", "74 10 00", "74 90 010101010101010101"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        const struct line told = {1, 0, answers[i]};
        set_up(&told, 1, (struct uds_client_config){0});
        uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
        ck_assert_msg(outcome() == UDS_BAD_ANSWER, "%s", answers[i]);
        ck_assert_uint_eq(asked, 1);
    }
}
END_TEST

START_TEST(block_length_of_eight_bytes_is_understood)
{
    SCRIPT({1, 0, "78 03 08 0000000100000000 00"}, {2, 0, "76 01"}, {3, 0, "77"});
    uds_client_put_file(&client, "a", data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(client.transfer.block, sizeof data10);
}
END_TEST

/* ---- Blocks with a check ---- */

#define CHECKING                                                                                             \
    {                                                                                                        \
        .check_blocks = true, .repeats = 3                                                                   \
    }

START_TEST(blocks_are_checked_where_the_server_knows_how)
{
    SCRIPT_WITH(CHECKING, {1, 0, "74 40 00 00 00 10"}, {2, 0, "76 01"}, {3, 0, "77"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    idle(1 * MS);
    ck_assert_mem_eq(last, "\x34\x08\x44\x00\x00\x00\x00\x00\x00\x00\x0A", 11);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(sizes[1], 2 + UDS_CHECK_BYTES + sizeof data10);
    ck_assert_uint_eq(client.transfer.altered, 0);
}
END_TEST

START_TEST(server_without_checks_is_asked_twice_once_and_served_as_ever)
{
    SCRIPT_WITH(CHECKING, {1, 0, "7F 34 31"}, {2, 0, "7F 34 31"}, {3, 0, "74 20 00 0C"}, {4, 0, "76 01"},
                {5, 0, "77"}, {6, 0, "74 20 00 0C"}, {7, 0, "76 01"}, {8, 0, "77"});
    for (int i = 0; i < 2; i++) {
        uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
        ck_assert_int_eq(outcome(), UDS_POSITIVE);
    }
    ck_assert_str_eq(log_text,
                     "34 08 44 00, 34 08 44 00, 34 00 44 00, 36 01 00 01, 37, 34 00 44 00, 36 01 00 01, 37");
}
END_TEST

/* Who takes any format would write the checks into the image. */
START_TEST(server_that_takes_any_format_does_not_get_checks)
{
    SCRIPT_WITH(CHECKING, {1, 0, "74 20 00 0C"}, {2, 0, "74 20 00 0C"}, {3, 0, "74 20 00 0C"},
                {4, 0, "76 01"}, {5, 0, "77"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "34 08 44 00, 34 08 44 00, 34 00 44 00, 36 01 00 01, 37");
}
END_TEST

START_TEST(server_that_refuses_every_format_is_believed)
{
    SCRIPT_WITH(CHECKING, {1, 0, "7F 38 31"}, {2, 0, "7F 38 31"}, {3, 0, "7F 38 31"});
    uds_client_put_file(&client, "a", data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_uint_eq(asked, 3);
}
END_TEST

/* One that has checked before has not forgotten how: it was the request that was altered. */
START_TEST(server_known_to_check_is_not_served_without)
{
    SCRIPT_WITH(CHECKING, {1, 0, "78 03 04 00 00 00 20 08"}, {2, 0, "76 01"}, {3, 0, "77"},
                {4, 0, "7F 38 31"}, {5, 0, "78 03 02 00 20 08"}, {6, 0, "78 03 04 00 00 00 20 08"},
                {7, 0, "76 01"}, {8, 0, "77"});
    for (int i = 0; i < 2; i++) {
        uds_client_put_file(&client, "a", data10, sizeof data10, w.now);
        ck_assert_int_eq(outcome(), UDS_POSITIVE);
    }
    ck_assert_uint_eq(asked, 8);
}
END_TEST

START_TEST(altered_block_is_sent_again_shorter_under_its_number)
{
    SCRIPT_WITH(CHECKING, {1, 0, "74 40 00 00 00 10"}, {2, 0, "7F 36 31"}, {3, 0, "76 01"}, {4, 0, "76 02"},
                {5, 0, "77"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(client.transfer.altered, 1);
    ck_assert_uint_eq(sizes[1], 16);
    ck_assert_uint_lt(sizes[2], 16);
}
END_TEST

/* An earlier copy may be there: a shorter block would be taken for its repetition. */
START_TEST(altered_repetition_is_asked_for)
{
    SCRIPT_WITH(CHECKING, {1, 0, "74 40 00 00 00 10"}, {3, 0, "7F 36 31"}, {4, 0, "77"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_uint_eq(sizes[2], 16);
    ck_assert_str_eq(explain(), "37: positive");
}
END_TEST

START_TEST(opening_is_sent_again_when_no_first_block_passes)
{
    SCRIPT_WITH(CHECKING, {1, 0, "74 40 00 00 00 10"}, {2, 0, "7F 36 31"}, {3, 0, "7F 36 31"},
                {4, 0, "7F 36 31"}, {5, 0, "7F 36 31"}, {6, 0, "74 40 00 00 00 10"}, {7, 0, "76 01"},
                {8, 0, "76 02"}, {9, 0, "77"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_ptr_nonnull(strstr(log_text, ", 34 08 44 00, 36 01"));
}
END_TEST

START_TEST(refusal_of_a_checked_block_is_believed_the_second_time)
{
    SCRIPT_WITH(CHECKING, {1, 0, "74 40 00 00 00 10"}, {2, 0, "7F 36 33"}, {3, 0, "7F 36 33"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_uint_eq(asked, 3);
}
END_TEST

/* The repetition finds no transfer any more. */
START_TEST(failure_to_program_is_told_as_such_when_it_was_heard_right)
{
    SCRIPT_WITH(CHECKING, {1, 0, "74 40 00 00 00 10"}, {2, 0, "7F 36 72"}, {3, 0, "7F 36 22"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_REFUSED);
    ck_assert_uint_eq(client.code, UDS_PROGRAMMING_FAILURE);
    ck_assert_uint_eq(asked, 3);
}
END_TEST

START_TEST(answer_that_was_altered_into_a_failure_to_program_ends_nothing)
{
    SCRIPT_WITH(CHECKING, {1, 0, "74 40 00 00 00 10"}, {2, 0, "7F 36 72"}, {3, 0, "76 01"}, {4, 0, "77"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
}
END_TEST

START_TEST(ordinary_request_ends_a_transfer)
{
    SCRIPT({1, 0, "74 20 00 07"}, {3, 0, "62 F1 90 01"});
    uds_client_put_image(&client, 0, 0, data10, sizeof data10, w.now);
    idle(20 * MS);
    uds_client_read(&client, 0xF190, w.now);
    ck_assert_int_eq(outcome(), UDS_POSITIVE);
    ck_assert_str_eq(log_text, "34 00 44 00, 36 01 00 01, 22 F1 90");
}
END_TEST

/* ---- Against the real server ---- */

static struct uds_server server;
static uint8_t server_reply[300], stored[20000];
static size_t stored_bytes;
static unsigned slowness; /* every so many blocks, one is PENDING for a while */
static uint32_t ready_at;
static bool slow;

static enum uds_code own_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    (void)ctx, (void)format;
    if (address + bytes > sizeof stored) return UDS_OUT_OF_RANGE;
    stored_bytes = (size_t)address;
    return UDS_OK;
}

static enum uds_code own_block(void *ctx, const uint8_t *data, size_t n)
{
    (void)ctx;
    if (slowness != 0 && !slow && stored_bytes / 298 % slowness == slowness - 1) {
        slow = true;
        ready_at = w.now + 300 * MS;
    }
    if (slow && (int32_t)(w.now - ready_at) < 0) return UDS_PENDING;
    slow = false;
    memcpy(stored + stored_bytes, data, n);
    stored_bytes += n;
    return UDS_OK;
}

static enum uds_code own_exit(void *ctx)
{
    (void)ctx;
    return UDS_OK;
}

static const struct uds_owner owner = {.download = own_download, .block = own_block, .exit = own_exit};

static void serve(void)
{
    struct isotp_event e;
    if (!uds_server_busy(&server)) isotp_release(&w.ecu);
    while (isotp_poll(&w.ecu, &e)) {
        if (e.kind == ISOTP_SENT || e.kind == ISOTP_SEND_FAILED) uds_server_sent(&server, w.now);
        if (e.kind == ISOTP_RECEIVED) uds_server_request(&server, e.data, e.bytes, e.functional, w.now);
    }
    if (isotp_receiving(&w.ecu)) uds_server_receiving(&server, w.now);
    uds_server_poll(&server, w.now);
    struct isotp_message m = {0};
    size_t n;
    if (!uds_server_reply(&server, &m.head, &n)) return;
    m.head_bytes = (uint32_t)n;
    (void)isotp_send(&w.ecu, &m, w.now); /* BUSY: it is under way */
}

static enum uds_outcome outcome_with_server(void)
{
    for (unsigned i = 0; i < 1000000; i++) {
        client_hears();
        serve();
        if (uds_client_outcome(&client) != UDS_WAITING) return client.outcome;
        if (wire_move(&w)) continue;
        uint32_t asks = uds_client_due(&client, w.now), answers = uds_server_due(&server, w.now);
        wire_wait(&w, asks < answers ? asks : answers);
    }
    ck_abort_msg("no outcome");
    return UDS_WAITING;
}

static void connect(struct uds_client_config config)
{
    static const struct uds_server_config settings = {.max_message = sizeof server_reply,
                                                      .download_sessions = 1 << UDS_EXTENDED};
    set_up(NULL, 0, config);
    uds_server_init(&server, &settings, &owner, NULL, server_reply);
    memset(stored, 0, sizeof stored);
    uds_client_session(&client, UDS_EXTENDED, w.now);
    ck_assert_int_eq(outcome_with_server(), UDS_POSITIVE);
}

static uint32_t dice;

static bool loses_some(void *ctx, uint32_t nth, bool to_ecu)
{
    (void)nth, (void)to_ecu;
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 16) % *(const uint32_t *)ctx == 0;
}

static const uint8_t *picture(void)
{
    static uint8_t image[sizeof stored];
    for (size_t i = 0; i < sizeof image; i++) image[i] = (uint8_t)(i * 7 + i / 256);
    return image;
}

START_TEST(image_arrives_whole)
{
    connect((struct uds_client_config){0});
    uds_client_put_image(&client, 0, 0, picture(), sizeof stored, w.now);
    ck_assert_int_eq(outcome_with_server(), UDS_POSITIVE);
    ck_assert_uint_eq(stored_bytes, sizeof stored);
    ck_assert_mem_eq(stored, picture(), sizeof stored);
}
END_TEST

START_TEST(image_arrives_whole_though_blocks_take_their_time)
{
    slowness = 7;
    connect((struct uds_client_config){0});
    uds_client_put_image(&client, 0, 0, picture(), sizeof stored, w.now);
    ck_assert_int_eq(outcome_with_server(), UDS_POSITIVE);
    ck_assert_mem_eq(stored, picture(), sizeof stored);
}
END_TEST

START_TEST(image_arrives_whole_though_frames_are_lost)
{
    uint32_t one_in = 400;
    slowness = 13;
    for (uint32_t seed = 0; seed < 8; seed++) {
        connect((struct uds_client_config){.repeats = 5});
        dice = seed;
        w.vanishes = loses_some;
        w.ctx = &one_in;
        uds_client_put_image(&client, 0, 0, picture(), sizeof stored, w.now);
        ck_assert_int_eq(outcome_with_server(), UDS_POSITIVE);
        ck_assert_uint_eq(stored_bytes, sizeof stored);
        ck_assert_mem_eq(stored, picture(), sizeof stored);
    }
}
END_TEST

START_TEST(broken_transfer_goes_on_from_where_the_server_is)
{
    connect((struct uds_client_config){0});
    uds_client_put_image(&client, 0, 0, picture(), sizeof stored, w.now);
    while (client.transfer.done < 5000) {
        client_hears();
        serve();
        if (!wire_move(&w)) wire_wait(&w, MS);
    }
    uds_client_cancel(&client);
    size_t there = stored_bytes;
    uds_client_put_image(&client, 0, there, picture(), sizeof stored, w.now);
    ck_assert_int_eq(outcome_with_server(), UDS_POSITIVE);
    ck_assert_uint_gt(there, 4999);
    ck_assert_mem_eq(stored, picture(), sizeof stored);
}
END_TEST

SUITE("uds_client", positive_answer_is_handed_over_whole, usual_requests_are_spelled_as_the_standard_says,
      head_is_copied_and_body_follows_it, refusal_has_its_code, suppressed_answer_is_not_waited_for,
      silence_ends_after_p2, request_without_answer_is_repeated_as_often_as_allowed, refusal_is_not_repeated,
      busy_server_is_asked_again_after_p2, pending_gives_the_server_p2_star,
      silence_after_pending_ends_after_p2_star, endless_pending_is_cut_off,
      session_answer_brings_the_servers_own_timing, short_session_answer_leaves_the_timing,
      long_answer_may_take_longer_than_p2, request_that_cannot_be_sent_says_why,
      answer_that_breaks_off_is_asked_for_again, request_larger_than_the_head_is_refused,
      answers_to_other_services_are_ignored, flood_of_foreign_answers_does_not_prolong_p2,
      answer_must_echo_what_was_asked, short_answer_is_not_completed_by_the_one_before,
      answer_to_an_earlier_copy_while_the_repeat_leaves_is_ignored,
      answer_to_an_earlier_copy_ends_the_repeat_of_what_is_no_block, answer_that_cuts_off_another_one_counts,
      events_of_a_request_given_up_change_nothing,
      answer_after_the_outcome_is_dropped_and_does_not_block_the_channel,
      cancel_ends_the_request_without_an_answer, explanation_is_cut_at_the_end_of_the_buffer,
      file_goes_in_blocks_of_the_servers_size, image_goes_from_its_offset_in_blocks_of_the_callers_size,
      sizes_beyond_32_bits_are_told_in_eight_bytes, block_without_answer_is_repeated_with_the_same_counter,
      block_that_the_server_has_not_is_found_out_and_sent_again_shorter,
      block_that_the_server_has_is_found_out_and_not_sent_again, answers_to_all_copies_of_a_question_may_come,
      last_block_is_asked_for_with_the_exit, exit_of_unknown_fate_is_settled_by_the_block,
      block_that_was_not_sent_whole_is_sent_again_shorter_at_once,
      server_that_falls_silent_does_not_make_the_next_blocks_shorter,
      second_answer_to_a_repeated_block_is_ignored, second_answer_to_a_repeated_request_is_ignored,
      exit_whose_answer_was_lost_is_not_a_failure, refusal_anywhere_in_a_transfer_ends_it,
      one_word_on_the_length_of_a_block_is_not_for_us, impossible_block_length_is_a_bad_answer,
      block_length_of_eight_bytes_is_understood, blocks_are_checked_where_the_server_knows_how,
      server_without_checks_is_asked_twice_once_and_served_as_ever,
      server_that_takes_any_format_does_not_get_checks, server_that_refuses_every_format_is_believed,
      server_known_to_check_is_not_served_without, altered_block_is_sent_again_shorter_under_its_number,
      altered_repetition_is_asked_for, opening_is_sent_again_when_no_first_block_passes,
      refusal_of_a_checked_block_is_believed_the_second_time,
      failure_to_program_is_told_as_such_when_it_was_heard_right,
      answer_that_was_altered_into_a_failure_to_program_ends_nothing, ordinary_request_ends_a_transfer,
      image_arrives_whole, image_arrives_whole_though_blocks_take_their_time,
      image_arrives_whole_though_frames_are_lost, broken_transfer_goes_on_from_where_the_server_is)
