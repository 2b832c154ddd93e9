/* The tables of slots and of the boot stage, printed; docs/storage.md must have them as they are. After a
 * change: WRITE_DOCS=1 build/tests/test_boot_table. And walked: what the table says a pair of slots boots is
 * what it boots is in test_boot.c. */
#include "secondary/boot.h"
#include "sim/file.h"
#include "tests/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DOCS  "docs/storage.md"
#define BEGIN "<!-- slots: begin -->\n"
#define END   "<!-- slots: end -->\n"

static const char *const states[SEC_SLOT_STATES] = {
    [SEC_EMPTY] = "EMPTY", [SEC_RECEIVING] = "RECEIVING", [SEC_VERIFIED] = "VERIFIED", [SEC_ARMED] = "ARMED",
    [SEC_TRIAL] = "TRIAL", [SEC_CONFIRMED] = "CONFIRMED", [SEC_BAD] = "BAD",           [SEC_AWAY] = "AWAY"};
static const char *const events[SEC_SLOT_EVENTS] = {
    [SEC_RECEIVE] = "receive", [SEC_ACCEPT] = "accept",    [SEC_REJECT] = "reject",
    [SEC_ARM] = "arm",         [SEC_TRY] = "try",          [SEC_CONFIRM] = "confirm",
    [SEC_REVERT] = "revert",   [SEC_WITHDRAW] = "withdraw"};
static const char *const ranks[] = {"never", "third", "second", "first"};

static char text[8192];
static size_t used;

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text + used, sizeof text - used, format, args);
    va_end(args);
    ck_assert(n >= 0 && (size_t)n < sizeof text - used);
    used += (size_t)n;
}

/* One arrow per pair of states, with all its events; what leaves a state as it is is not drawn. */
static void put_arrows(enum sec_slot_state from)
{
    for (enum sec_slot_state to = SEC_EMPTY; to < SEC_SLOT_STATES; to++) {
        char label[80] = "";
        for (enum sec_slot_event e = 0; e < SEC_SLOT_EVENTS; e++)
            if (to != from && sec_slot_next(from, e) == to)
                (void)snprintf(label + strlen(label), sizeof label - strlen(label), "%s%s",
                               label[0] ? ", " : "", events[e]);
        if (label[0] == '\0') continue;
        put("  %-9s --", states[from]);
        put("%s", label);
        for (size_t n = strlen(label); n < 18; n++) put("-");
        put("--> %s\n", states[to]);
    }
}

static void print_tables(void)
{
    used = 0;
    put("```\n");
    for (enum sec_slot_state s = SEC_EMPTY; s < SEC_SLOT_STATES; s++) put_arrows(s);
    put("```\n\n| state | the boot stage starts it |");
    for (int e = 0; e < SEC_SLOT_EVENTS; e++) put(" %s |", events[e]);
    put("\n|---|---|");
    for (int e = 0; e < SEC_SLOT_EVENTS; e++) put("---|");
    put("\n");
    for (enum sec_slot_state s = SEC_EMPTY; s < SEC_SLOT_STATES; s++) {
        const struct sec_boot_rule *r = &sec_boot_rules[s];
        put("| %s | %s%s |", states[s], ranks[r->preference], r->on_trial ? ", counted" : "");
        for (enum sec_slot_event e = 0; e < SEC_SLOT_EVENTS; e++) {
            enum sec_slot_state to = sec_slot_next(s, e);
            put(" %s |", to == 0 ? "" : states[to]);
        }
        put("\n");
    }
}

START_TEST(the_docs_have_the_tables_as_they_are)
{
    struct sim_bytes file;
    print_tables();
    ck_assert_msg(sim_file_read(DOCS, &file), "%s: run this from the top of the source tree", DOCS);
    char *begin = strstr((char *)file.p, BEGIN), *end = strstr((char *)file.p, END);
    ck_assert(begin != NULL && end != NULL && begin < end);
    begin += strlen(BEGIN);
    const bool same = (size_t)(end - begin) == used && memcmp(begin, text, used) == 0;
    if (!same && getenv("WRITE_DOCS") != NULL) {
        const size_t head = (size_t)(begin - (char *)file.p), tail = strlen(end);
        uint8_t *next = malloc(head + used + tail);
        memcpy(next, file.p, head);
        memcpy(next + head, text, used);
        memcpy(next + head + used, end, tail);
        ck_assert(sim_file_write(DOCS, (struct up_span){next, head + used + tail}, 0644));
        free(next);
    } else {
        ck_assert_msg(same, "%s is not what the tables say: WRITE_DOCS=1 %s/tests/test_boot_table", DOCS,
                      getenv("BUILD") != NULL ? getenv("BUILD") : "build");
    }
    sim_bytes_free(&file);
}
END_TEST

SUITE("boot_table", the_docs_have_the_tables_as_they_are)
