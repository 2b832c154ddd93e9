/* Whatever is sorted once is sorted: its digest can be taken, is that of the bytes written, and sorting again
 * changes nothing. The first byte of the input chooses the dialect. */
#include "metadata/canon.h"
#include "metadata/json.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    enum up_dialect dialect = data[0] & 1 ? UP_DIALECT_DEPLOYED : UP_DIALECT_TUF;
    struct up_span text = {data + 1, size - 1}, sorted, again, canonical;
    size_t promised = dialect == UP_DIALECT_TUF ? 2 * text.n : 3 * text.n;
    uint8_t digest[UP_SHA256_BYTES], of_text[UP_SHA256_BYTES], of_bytes[UP_SHA256_BYTES];
    bool same, in_place;

    struct up_buf room = {.p = malloc(promised + 1), .cap = promised};
    enum up_err e = up_canon_sort(text, dialect, &room, &sorted);
    enum up_err direct = up_canon_digest(text, dialect, of_text, &in_place);
    if (e != UP_OK) {
        struct up_json j; /* no JSON, or a name twice: in a wide object only who sorts sees that */
        up_json_open(&j, text);
        (void)up_json_value(&j);
        up_json_close(&j);
        must(j.err == e || (j.err == UP_LIMIT && e == UP_PARSE), "refuses more than it says");
        must(direct != UP_OK, "digest of what cannot be sorted");
        must(room.n == 0, "a failure used room");
    } else {
        struct up_buf other = {.p = malloc(3 * sorted.n + 1), .cap = 3 * sorted.n};
        e = up_canon_digest(sorted, dialect, digest, &same);
        must(e == UP_OK || (e == UP_SCHEMA && dialect == UP_DIALECT_TUF), "sorted text has no digest");
        if (e == UP_OK) {
            must(up_canon_write(sorted, dialect, &other, &canonical) == UP_OK, "no canonical bytes");
            must(canonical.n <= sorted.n, "grew");
            up_sha256(canonical, of_bytes);
            must(memcmp(digest, of_bytes, sizeof digest) == 0, "the digest is of other bytes");
            must(same == up_span_eq(canonical, sorted), "not the same");
            must(same || dialect == UP_DIALECT_TUF, "deployed form is JSON");
        }
        /* the only text with a digest of its own is the sorted one */
        must((direct == UP_OK) == (e == UP_OK && up_span_eq(text, sorted)), "two sorted spellings");
        other.n = 0;
        must(up_canon_sort(sorted, dialect, &other, &again) == UP_OK, "sorted text does not sort");
        must(up_span_eq(sorted, again), "sorting again changes it");
        free(other.p);
    }
    free(room.p);
    return 0;
}
