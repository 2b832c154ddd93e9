/* What carries the frames of an ISO-TP case between the engine under test and the world around it: nothing (a
 * frame is handed over), or two real links, so that the same cases prove the adapters, too. Time stays the
 * case's own.
 *
 *     SUITE_OVER_LINKS("isotp_send", case_31_..., case_32_...) runs every case by hand, over a virtual bus
 * (in a thread), and over the SocketCAN interface ISOCTANE_CAN when that is set. */
#ifndef TESTS_LIB_CARRIER_H
#define TESTS_LIB_CARRIER_H

#include "isotp/frame.h"
#include "tests/suite.h"

/* What arrives of F on the other side; fails the test when nothing does. A frame that no controller could
 * send is handed over in any case: the engine has to survive it whatever the link does. */
struct isotp_frame carrier_to_engine(struct isotp_frame f);
struct isotp_frame carrier_to_world(struct isotp_frame f);

int carrier_run(const char *suite, const TTest *const *tests, size_t count);

#define SUITE_OVER_LINKS(name, ...)                                                                          \
    int main(void)                                                                                           \
    {                                                                                                        \
        const TTest *tests[] = {__VA_ARGS__};                                                                \
        return carrier_run(name, tests, sizeof tests / sizeof *tests);                                       \
    }

#endif
