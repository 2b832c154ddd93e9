/* Between transfer and slot: what travels becomes the plain image. Chosen by the dataFormatIdentifier of
 * RequestDownload; 0x00, the plain image itself, is the one there is. */
#ifndef SECONDARY_FILTER_H
#define SECONDARY_FILTER_H

#include "metadata/err.h"
#include "metadata/span.h"

#define SEC_FILTER_PLAIN 0x00

typedef enum up_err sec_filter_sink(void *ctx, struct up_span plain);

struct sec_filter {
    sec_filter_sink *sink;
    void *ctx;
    uint32_t transported, plain; /* bytes in, bytes out, since the start of the transfer, resumes included */
};

/* From the journal's offsets, or from 0. UNSUPPORTED: no such filter. */
enum up_err sec_filter_begin(struct sec_filter *f, uint8_t format, uint32_t transported, uint32_t plain,
                             sec_filter_sink *sink, void *ctx) UP_NODISCARD;
/* Errors are the sink's. */
enum up_err sec_filter_add(struct sec_filter *f, struct up_span transported) UP_NODISCARD;
/* How many transported bytes make the first PLAIN bytes: where to resume from. */
uint32_t sec_filter_transported_at(const struct sec_filter *f, uint32_t plain);

#endif
