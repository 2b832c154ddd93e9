/* Bytes as an image with a header: whatever is read lies inside of it, and nothing is taken for signed but
 * the image that the corpus begins with. */
#include "secondary/header.h"
#include "tests/fuzz.h"
#include "tests/lib_author.h"

static bool inside(struct up_span part, const uint8_t *data, size_t size)
{
    return part.p >= data && part.p <= data + size && part.n <= (size_t)(data + size - part.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sec_header h;
    const struct up_span image = {data, size};
    if (sec_header_read(image, &h) != UP_OK) return 0;
    must(h.covered_bytes <= size, "more is covered than there is");
    must(h.header_bytes <= h.covered_bytes && h.body_bytes <= h.covered_bytes - h.header_bytes,
         "a body outside of what is covered");
    must(inside(h.sha256, data, size) && inside(h.key_hash, data, size) && inside(h.signature, data, size),
         "a proof outside of the image");
    must(h.signature.n <= SEC_HEADER_SIGNATURE && h.signature.n > 0, "a signature of no possible length");
    static const uint8_t signed_body[] = "signed";
    enum up_err e = sec_header_verify(image, &author_key(24)->key, &h);
    must(e != UP_OK || (h.body_bytes == sizeof signed_body - 1 &&
                        memcmp(data + h.header_bytes, signed_body, h.body_bytes) == 0),
         "something else is signed");
    return 0;
}
