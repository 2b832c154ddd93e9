/* Names, shapes and codecs of isotp/uds.c. */
#include "isotp/uds.h"
#include "tests/suite.h"

#include <string.h>

START_TEST(codes_and_services_have_their_standard_names)
{
    ck_assert_str_eq(uds_code_text(0x31), "requestOutOfRange");
    ck_assert_str_eq(uds_code_text(0x78), "requestCorrectlyReceived-ResponsePending");
    ck_assert_str_eq(uds_code_text(0xEE), "unknown");
    ck_assert_str_eq(uds_service_text(0x34), "RequestDownload");
    ck_assert_str_eq(uds_service_text(0x99), "unknown");
}
END_TEST

START_TEST(shapes_tell_subfunctions_and_echoes)
{
    ck_assert(uds_has_subfunction(0x31));
    ck_assert(!uds_has_subfunction(0x22));
    ck_assert(!uds_has_subfunction(0x99));
    ck_assert_uint_eq(uds_echo_bytes(0x31), 3);
    ck_assert_uint_eq(uds_echo_bytes(0x36), 1);
    ck_assert_uint_eq(uds_echo_bytes(0x34), 0);
}
END_TEST

START_TEST(numbers_are_big_endian)
{
    uint8_t b[8] = {0};
    uds_put(b, 0x0102030405060708u, 8);
    for (uint8_t i = 0; i < 8; i++) ck_assert_uint_eq(b[i], i + 1);
    ck_assert(uds_get(b, 8) == 0x0102030405060708u);
    ck_assert_uint_eq(uds_get(b + 1, 3), 0x020304);
    uds_put(b, 0xABCD, 1);
    ck_assert_uint_eq(b[0], 0xCD);
    ck_assert_uint_eq(uds_get(b, 0), 0);
}
END_TEST

START_TEST(stored_versions_survive_the_wire)
{
    const struct uds_stored_versions v = {1, 2, 3, 4, 5, 6, 7, 8, 0xFFFFFFFF, INT64_MAX};
    struct uds_stored_versions r;
    uint8_t b[UDS_STORED_VERSIONS_BYTES];
    ck_assert_uint_eq(uds_encode_stored_versions(&v, b, sizeof b), sizeof b);
    ck_assert_uint_eq(b[3], 1);
    ck_assert_uint_eq(b[35], 0xFF);
    ck_assert(uds_decode_stored_versions(b, sizeof b, &r));
    ck_assert_uint_eq(r.director_root, 1);
    ck_assert_uint_eq(r.director_targets, 4);
    ck_assert_uint_eq(r.image_targets, 8);
    ck_assert_uint_eq(r.release_counter, 0xFFFFFFFF);
    ck_assert(r.time_floor_s == INT64_MAX);
}
END_TEST

START_TEST(stored_versions_of_another_length_or_before_1970_are_refused)
{
    struct uds_stored_versions r = {.director_root = 77};
    uint8_t b[UDS_STORED_VERSIONS_BYTES + 1] = {0};
    ck_assert_uint_eq(uds_encode_stored_versions(&r, b, UDS_STORED_VERSIONS_BYTES - 1), 0);
    ck_assert(!uds_decode_stored_versions(b, UDS_STORED_VERSIONS_BYTES - 1, &r));
    ck_assert(!uds_decode_stored_versions(b, UDS_STORED_VERSIONS_BYTES + 1, &r));
    b[36] = 0x80;
    ck_assert(!uds_decode_stored_versions(b, UDS_STORED_VERSIONS_BYTES, &r));
    ck_assert_uint_eq(r.director_root, 77);
}
END_TEST

START_TEST(slots_survive_the_wire)
{
    struct uds_slots v = {UDS_SLOT_CONFIRMED, UDS_SLOT_RECEIVING, 1, 0, 4096, 65536, {0xAA, 0xBB}}, r;
    uint8_t b[UDS_SLOTS_BYTES];
    ck_assert_uint_eq(uds_encode_slots(&v, b, sizeof b), sizeof b);
    ck_assert_uint_eq(uds_encode_slots(&v, b, sizeof b - 1), 0);
    ck_assert(uds_decode_slots(b, sizeof b, &r));
    ck_assert_uint_eq(r.running, UDS_SLOT_CONFIRMED);
    ck_assert_uint_eq(r.other, UDS_SLOT_RECEIVING);
    ck_assert_uint_eq(r.running_slot, 1);
    ck_assert_uint_eq(r.armed, 0);
    ck_assert_uint_eq(r.transported, 4096);
    ck_assert_uint_eq(r.total, 65536);
    ck_assert_mem_eq(r.order, v.order, sizeof v.order);
}
END_TEST

START_TEST(slots_with_impossible_values_are_refused)
{
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{0, UDS_SLOT_AWAY + 1}, {1, UDS_SLOT_AWAY + 1}, {2, 2}, {3, 2}, {4, 1}};
    struct uds_slots v = {0}, r = {.total = 77};
    uint8_t b[UDS_SLOTS_BYTES];
    uds_encode_slots(&v, b, sizeof b);
    ck_assert(!uds_decode_slots(b, sizeof b - 1, &r));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uds_encode_slots(&v, b, sizeof b);
        b[wrong[i].at] = wrong[i].value; /* the last: more transported than there is */
        ck_assert(!uds_decode_slots(b, sizeof b, &r));
    }
    ck_assert_uint_eq(r.total, 77);
}
END_TEST

START_TEST(capabilities_survive_the_wire)
{
    struct uds_capabilities v = {1, 1, UDS_LAYOUT_ONE_SLOT, 0x81, 4095, 65536, 1u << 20}, r;
    uint8_t b[UDS_CAPABILITIES_BYTES];
    ck_assert_uint_eq(uds_encode_capabilities(&v, b, sizeof b), sizeof b);
    ck_assert_uint_eq(uds_encode_capabilities(&v, b, sizeof b - 1), 0);
    ck_assert(uds_decode_capabilities(b, sizeof b, &r));
    ck_assert_uint_eq(r.profile, 1);
    ck_assert_uint_eq(r.full, 1);
    ck_assert_uint_eq(r.layout, UDS_LAYOUT_ONE_SLOT);
    ck_assert_uint_eq(r.filters, 0x81);
    ck_assert_uint_eq(r.max_message, 4095);
    ck_assert_uint_eq(r.staging_bytes, 65536);
    ck_assert_uint_eq(r.slot_bytes, 1u << 20);
}
END_TEST

START_TEST(capabilities_with_impossible_values_are_refused)
{
    static const uint8_t wrong[4] = {2, 2, UDS_LAYOUT_ONE_SLOT + 1, 0xFE};
    struct uds_capabilities v = {.filters = 1}, r = {.slot_bytes = 77};
    uint8_t b[UDS_CAPABILITIES_BYTES];
    for (size_t i = 0; i < sizeof wrong; i++) {
        uds_encode_capabilities(&v, b, sizeof b);
        ck_assert(!uds_decode_capabilities(b, sizeof b - 1, &r));
        b[i] = wrong[i];
        ck_assert(!uds_decode_capabilities(b, sizeof b, &r));
    }
    ck_assert_uint_eq(r.slot_bytes, 77);
}
END_TEST

/* The usual test word of CRC-32, in one piece and in two. */
START_TEST(check_is_the_crc_of_ethernet)
{
    const uint8_t word[] = "123456789";
    ck_assert_uint_eq(uds_check(0, word, 9), 0xCBF43926);
    ck_assert_uint_eq(uds_check(uds_check(0, word, 4), word + 4, 5), 0xCBF43926);
    ck_assert_uint_eq(uds_check_block(uds_check(0, word, 1), '2', word + 2, 7), 0xCBF43926);
}
END_TEST

SUITE("uds", check_is_the_crc_of_ethernet, codes_and_services_have_their_standard_names,
      shapes_tell_subfunctions_and_echoes, numbers_are_big_endian, stored_versions_survive_the_wire,
      stored_versions_of_another_length_or_before_1970_are_refused, slots_survive_the_wire,
      slots_with_impossible_values_are_refused, capabilities_survive_the_wire,
      capabilities_with_impossible_values_are_refused)
