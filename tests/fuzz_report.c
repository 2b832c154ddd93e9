/* Bytes as a version report. What is read can be written, and reads the same again. The first byte chooses
 * the profile. */
#include "metadata/report.h"
#include "tests/fuzz.h"
#include "tests/lib_author.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t space[1 << 20], out[UP_REPORT_MAX];
    if (size == 0 || size > 60000) return 0;
    const struct up_profile *p = data[0] & 1 ? &up_profile_deployed : &up_profile_strict;
    struct up_span file = {data + 1, size - 1}, body;
    struct up_buf room = {.p = space, .cap = sizeof space};
    struct up_report a, b;
    enum up_err e = up_attest_verify(file, p, &author_key(7)->key, &room, &body);
    must(e == UP_OK || e == UP_MAN_SCHEMA || e == UP_MAN_SIG, "a verdict of another kind");
    if (up_report_read(file, p, &a) != UP_OK) return 0;

    size_t n = up_report_write(&a, p, author_key(7), out, sizeof out);
    must(n > 0, "what was read cannot be written");
    struct up_span again = {out, n};
    room.n = 0;
    must(up_attest_verify(again, p, &author_key(7)->key, &room, &body) == UP_OK, "our own signature");
    must(up_report_read(again, p, &b) == UP_OK, "our own report");
    must(up_span_eq(a.ecu_serial, b.ecu_serial) && up_span_eq(a.image_name, b.image_name), "names");
    must(a.image_length == b.image_length && a.counter == b.counter, "numbers");
    must(a.time_s == b.time_s && a.previous_time_s == b.previous_time_s, "times");
    must(memcmp(a.image_sha256, b.image_sha256, sizeof a.image_sha256) == 0, "digest");
    return 0;
}
