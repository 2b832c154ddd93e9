/* Replays files through a fuzz target without a fuzzing engine: fuzz_x FILE... Every build runs the corpora
 * this way. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    long size = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    /* As large as the input and no larger, so that a sanitizer sees the first byte read beyond it. */
    uint8_t *data = size >= 0 ? malloc(size > 0 ? (size_t)size : 1) : NULL;
    bool ok = data && fseek(f, 0, SEEK_SET) == 0 && fread(data, 1, (size_t)size, f) == (size_t)size;
    if (ok) LLVMFuzzerTestOneInput(data, (size_t)size);
    if (!ok) perror(path);
    free(data);
    if (f) fclose(f);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) failed += replay(argv[i]);
    printf("%d inputs replayed\n", argc - 1 - failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
