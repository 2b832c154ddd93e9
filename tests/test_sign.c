#include "tests/suite.h"

#include <stdio.h>

#include "metadata/crypto_openssl.h"
#include "metadata/sign.h"

#define INTEROP "tests/interop/"

static uint8_t *load(const char *folder, const char *name, struct up_span *text)
{
    char path[256];
    snprintf(path, sizeof path, INTEROP "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s (run from the top folder)", path);
    uint8_t *bytes = malloc(1 << 16);
    size_t n = fread(bytes, 1, 1 << 16, f);
    fclose(f);
    *text = (struct up_span){bytes, n};
    return bytes;
}

/* The key ring of a role, as it stands in a Root. */
static struct up_keyring ring_of(struct up_span root_body, const char *role)
{
    struct up_keyring r = {0};
    struct up_span roles, entry, threshold;
    ck_assert(up_json_find(root_body, "keys", &r.keys) && up_json_find(root_body, "roles", &roles));
    ck_assert(up_json_find(roles, role, &entry) && up_json_find(entry, "keyids", &r.keyids));
    ck_assert(up_json_find(entry, "threshold", &threshold));
    r.threshold = threshold.p[0] - (uint32_t)'0';
    return r;
}

START_TEST(files_of_a_deployed_backend_verify)
{
    static const char *const folders[] = {
        "s1-primary-10k/director",
        "s1-primary-10k/repo",
        "s4-primary-and-secondary-delegated/director",
        "s4-primary-and-secondary-delegated/repo",
        "s6-rotated/director",
        "s6-rotated/repo",
    };
    const struct up_profile *p = &up_profile_deployed;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        static uint8_t space[1 << 18];
        struct up_buf room = {.p = space, .cap = sizeof space};
        bool rotated = i >= 4;
        struct up_span text;
        struct up_signed root, file;
        uint8_t *bytes = load(folders[i], rotated ? "2.root.json" : "1.root.json", &text);
        ck_assert_int_eq(up_signed_open(text, p, NULL, &root), rotated ? UP_NOT_CANONICAL : UP_OK);
        ck_assert_int_eq(up_signed_open(text, p, &room, &root), UP_OK);
        static const char *const roles[] = {"root", "timestamp", "snapshot", "targets"};
        for (size_t k = 0; k < 4; k++) {
            struct up_keyring ring = ring_of(root.body, roles[k]);
            ck_assert_int_eq(up_keyring_check(&ring, p, 32), UP_OK);
            char name[32];
            snprintf(name, sizeof name, "%s.json", roles[k]);
            uint8_t *role = load(folders[i], name, &text);
            ck_assert_int_eq(up_signed_open(text, p, &room, &file), UP_OK);
            ck_assert_int_eq(up_signed_verify(&file, &ring, p, 64), UP_OK);
            free(role);
        }
        free(bytes);
    }
}
END_TEST

SUITE("sign", files_of_a_deployed_backend_verify)
