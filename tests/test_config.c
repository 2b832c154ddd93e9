#include "primary/config.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char good[] = "; a vehicle with two buses\n"                   /* 1 */
                           "[vehicle]\n"                                    /* 2 */
                           "id = VIN-1\n"                                   /* 3 */
                           "[primary]\n"                                    /* 4 */
                           "serial = tcu-1\n"                               /* 5 */
                           "hardware_id = tcu\n"                            /* 6 */
                           "key = keys/tcu.pem\n"                           /* 7 */
                           "state_dir = /var/lib/isoctane\n"                /* 8 */
                           "base_time = 2026-01-01T00:00:00Z\n"             /* 9 */
                           "[director]\n"                                   /* 10 */
                           "url = https://director.example:8443/director\n" /* 11 */
                           "root = director.json\n"                         /* 12 */
                           "[image]\n"                                      /* 13 */
                           "url = https://[::1]/repo/\n"                    /* 14 */
                           "root = image.json\n"                            /* 15 */
                           "profile = deployed\n"                           /* 16 */
                           "[time]\n"                                       /* 17 */
                           "url = https://time.example/time\n"              /* 18 */
                           "[tls]\n"                                        /* 19 */
                           "ca = keys/ca.pem\n"                             /* 20 */
                           "certificate = keys/tls.pem\n"                   /* 21 */
                           "key = keys/tls.key\n"                           /* 22 */
                           "[bus body]\n"                                   /* 23 */
                           "link = can:vcan0\n"                             /* 24 */
                           "[bus fast]\n"                                   /* 25 */
                           "link = bus:/run/can1.sock\n"                    /* 26 */
                           "fd = yes\n"                                     /* 27 */
                           "[ecu door]\n"                                   /* 28 */
                           "bus = body\n"                                   /* 29 */
                           "hardware_id = door-hw\n"                        /* 30 */
                           "verification = partial\n"                       /* 31 */
                           "request_id = 0x7E0\n"                           /* 32 */
                           "response_id = 0x7E8\n"                          /* 33 */
                           "functional_id = 0x7DF\n"                        /* 34 */
                           "st_min = 300us\n"                               /* 35 */
                           "pad = 0xCC\n"                                   /* 36 */
                           "public_key = keys/door.pub\n"                   /* 37 */
                           "[ecu radar]\n"                                  /* 38 */
                           "bus = fast\n"                                   /* 39 */
                           "hardware_id = radar-hw\n"                       /* 40 */
                           "verification = full\n"                          /* 41 */
                           "request_id = 0x18DA10F1\n"                      /* 42 */
                           "response_id = 0x18DAF110\n"                     /* 43 */
                           "block_size = 8\n"                               /* 44 */
                           "tx_dl = 32\n";                                  /* 45 */

static void enter(void)
{
    static const char *const files[] = {"keys/tcu.pem",  "keys/ca.pem",   "keys/tls.pem", "keys/tls.key",
                                        "keys/door.pub", "director.json", "image.json"};
    folder_enter();
    ck_assert_int_eq(system("mkdir keys"), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) folder_write_text(files[i], "x");
}

/* The good file with its first OLD made NEW. */
static struct pri_config *read_changed(const char *old, const char *new, char why[400])
{
    char text[sizeof good + 4096];
    const char *at = strstr(good, old);
    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
    folder_write_text("isoctane.conf", text);
    why[0] = '\0';
    return pri_config_read("isoctane.conf", why, 400);
}

START_TEST(a_good_file_is_taken_whole)
{
    char why[400];
    enter();
    struct pri_config *c = read_changed("[", "[", why);
    ck_assert_msg(c != NULL, "%s", why);
    ck_assert_str_eq(c->path, "isoctane.conf");
    ck_assert_str_eq(c->vehicle_id, "VIN-1");
    ck_assert_str_eq(c->serial, "tcu-1");
    ck_assert_str_eq(c->hardware_id, "tcu");
    ck_assert_ptr_null(c->name_pattern);
    ck_assert_str_eq(c->key, "keys/tcu.pem");
    ck_assert_str_eq(c->state_dir, "/var/lib/isoctane");
    ck_assert_int_eq(c->base_time_s, 1767225600);
    ck_assert_str_eq(c->director.url, "https://director.example:8443/director/");
    ck_assert_ptr_eq(c->director.profile, &up_profile_strict);
    ck_assert_str_eq(c->image.url, "https://[::1]/repo/");
    ck_assert_ptr_eq(c->image.profile, &up_profile_deployed);
    ck_assert_str_eq(c->time_url, "https://time.example/time");
    ck_assert_str_eq(c->tls_ca, "keys/ca.pem");
    ck_assert_str_eq(c->tls_certificate, "keys/tls.pem");
    ck_assert_str_eq(c->tls_key, "keys/tls.key");
    ck_assert_uint_eq(c->poll_interval_s, 3600);
    ck_assert_uint_eq(c->image_max_bytes, 1u << 30);

    ck_assert_uint_eq(c->bus_count, 2);
    ck_assert_str_eq(c->buses[1].name, "fast");
    ck_assert_str_eq(c->buses[1].link, "bus:/run/can1.sock");
    ck_assert(!c->buses[0].fd && c->buses[1].fd);

    ck_assert_uint_eq(c->ecu_count, 2);
    const struct pri_ecu_config *door = &c->ecus[0], *radar = &c->ecus[1];
    ck_assert_str_eq(door->serial, "door");
    ck_assert(door->bus == 0 && !door->full && door->profile == &up_profile_strict);
    ck_assert_uint_eq(door->channel.tx_id, 0x7E0);
    ck_assert_uint_eq(door->channel.rx_id, 0x7E8);
    ck_assert_uint_eq(door->channel.functional_id, 0x7DF);
    ck_assert_uint_eq(door->channel.tx_dl, 8);
    ck_assert_uint_eq(door->channel.st_min, 0xF3);
    ck_assert(door->channel.pad && door->channel.pad_byte == 0xCC && !door->channel.fd);
    ck_assert_str_eq(door->public_key, "keys/door.pub");
    ck_assert(radar->bus == 1 && radar->full && radar->public_key == NULL);
    ck_assert_uint_eq(radar->channel.tx_id, 0x18DA10F1 | ISOTP_ID_EXTENDED);
    ck_assert_uint_eq(radar->channel.tx_dl, 32);
    ck_assert_uint_eq(radar->channel.block_size, 8);
    ck_assert(radar->channel.fd && !radar->channel.pad);
    pri_config_free(c);
    folder_leave();
}
END_TEST

START_TEST(other_spellings_are_taken_too)
{
    static const char *const changes[][2] = {
        {"[vehicle]\nid = VIN-1", "\t[vehicle]\r\n   id: VIN-1 ; the first"},
        {"; a vehicle", "\xEF\xBB\xBF; a vehicle"},
        {"0x7E0", "0x000007E0"},
        {"st_min = 300us", "st_min = 127"},
        {"tx_dl = 32\n", ""},
        {"[bus body]", "# no newline at the end\n[bus body]"},
    };
    char why[400];
    enter();
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct pri_config *c = read_changed(changes[i][0], changes[i][1], why);
        ck_assert_msg(c != NULL, "%s", why);
        pri_config_free(c);
    }
    folder_leave();
}
END_TEST

START_TEST(eight_digits_make_a_29_bit_identifier)
{
    char why[400];
    enter();
    struct pri_config *c = read_changed("0x7E0", "0x000007E0", why);
    ck_assert_uint_eq(c->ecus[0].channel.tx_id, 0x7E0 | ISOTP_ID_EXTENDED);
    pri_config_free(c);
    c = read_changed("0x7E0", "0x7FF", why);
    ck_assert_uint_eq(c->ecus[0].channel.tx_id, 0x7FF);
    pri_config_free(c);
    c = read_changed("0x7E0", "0x800", why);
    ck_assert_uint_eq(c->ecus[0].channel.tx_id, 0x800 | ISOTP_ID_EXTENDED);
    pri_config_free(c);
    folder_leave();
}
END_TEST

START_TEST(names_are_relative_to_the_file)
{
    char why[400];
    enter();
    pri_config_free(read_changed("/var/lib/isoctane", "state", why));
    ck_assert_int_eq(chdir("/"), 0);
    char path[128], expected[128];
    snprintf(path, sizeof path, "%s/isoctane.conf", folder_path());
    struct pri_config *c = pri_config_read(path, why, sizeof why);
    ck_assert_msg(c != NULL, "%s", why);
    snprintf(expected, sizeof expected, "%s/state", folder_path());
    ck_assert_str_eq(c->state_dir, expected);
    pri_config_free(c);
    folder_leave();
}
END_TEST

#define CAN_ID_EXPECTED "a CAN identifier: 0x0 to 0x7FF, or 29 bits to 0x1FFFFFFF"
#define URL_EXPECTED    "a URL that starts with https://, without user, query or fragment"
static const struct {
    const char *old, *new, *message;
} mistakes[] = {
    /* lines */
    {"[vehicle]\n", "", "2: id stands before any [section]"},
    {"id = VIN-1", "VIN-1", "3: expected [section] or key = value"},
    {"[vehicle]", "[vehicle", "2: expected [section] or key = value"},
    {"[time]\n", "[time\n", "17: expected [section] or key = value"},
    /* sections */
    {"[image]\nurl = https://[::1]/repo/\nroot = image.json\nprofile = deployed\n", "",
     " [image] url is missing"},
    {"[vehicle]", "[car]", "2: [car]: unknown section"},
    {"[vehicle]", "[vehicles]", "2: [vehicles]: unknown section"},
    {"; a vehicle", "[extra]\n; a vehicle", "1: [extra]: unknown section"},
    {"[vehicle]", "[vehicle one]", "2: [vehicle one]: expected [vehicle]"},
    {"[bus fast]", "[bus]", "25: [bus]: expected [bus NAME], NAME of 1 to 64 of A-Z a-z 0-9 . _ : -"},
    {"[bus fast]", "[bus a b]", "25: [bus a b]: expected [bus NAME], NAME of 1 to 64 of A-Z a-z 0-9 . _ : -"},
    {"[bus fast]", "[bus body]", "25: [bus body]: given before, in line 23"},
    {"[ecu radar]", "[ecu door]", "38: [ecu door]: given before, in line 28"},
    {"[ecu radar]", "[vehicle]", "38: [vehicle]: given before, in line 2"},
    /* keys */
    {"id = VIN-1", "vin = VIN-1", "3: [vehicle] vin: unknown key; known here: id"},
    {"fd = yes", "FD = yes",
     "27: [bus fast] FD: unknown key; known here: link, fd, bitrate, "
     "data_bitrate, load_percent"},
    {"id = VIN-1", "id = VIN-1\nid = VIN-2", "4: [vehicle] id = VIN-2: given before, in line 3"},
    {"id = VIN-1\n", "", "2: [vehicle] id is missing"},
    {"request_id = 0x7E0\n", "", "28: [ecu door] request_id is missing"},
    {"[time]\nurl = https://time.example/time\n", "", " [time] url is missing"},
    /* values */
    {"id = VIN-1", "id = VIN 1", "3: [vehicle] id = VIN 1: expected 1 to 64 of A-Z a-z 0-9 . _ : -"},
    {"id = VIN-1", "id =", "3: [vehicle] id = : expected 1 to 64 of A-Z a-z 0-9 . _ : -"},
    {"2026-01-01T00:00:00Z", "yesterday",
     "9: [primary] base_time = yesterday: expected a time such as 2026-01-31T12:00:00Z"},
    {"key = keys/tcu.pem", "key = keys/none.pem",
     "7: [primary] key = keys/none.pem: expected a file that can be read"},
    {"state_dir = /var/lib/isoctane", "state_dir =", "8: [primary] state_dir = : expected a folder"},
    {"https://director.example:8443", "http://director.example",
     "11: [director] url = http://director.example/director: expected " URL_EXPECTED},
    {"https://director.example:8443/director", "https://u:p@director.example/",
     "11: [director] url = https://u:p@director.example/: expected " URL_EXPECTED},
    {":8443", ":70000",
     "11: [director] url = https://director.example:70000/director: expected " URL_EXPECTED},
    {":8443", ":", "11: [director] url = https://director.example:/director: expected " URL_EXPECTED},
    {"https://[::1]/repo/", "https://", "14: [image] url = https://: expected " URL_EXPECTED},
    {"https://[::1]/repo/", "https://[::1/", "14: [image] url = https://[::1/: expected " URL_EXPECTED},
    {"example/time", "example/time?x",
     "18: [time] url = https://time.example/time?x: expected " URL_EXPECTED},
    {"profile = deployed", "profile = lax", "16: [image] profile = lax: expected strict, deployed or tuf"},
    {"[time]", "[poll]\ninterval_s = 0\n[time]",
     "18: [poll] interval_s = 0: expected a number from 1 to 2592000"},
    {"[time]", "[poll]\ninterval_s = -5\n[time]",
     "18: [poll] interval_s = -5: expected a number from 1 to 2592000"},
    {"[time]", "[poll]\ninterval_s = 99999999999999999999\n[time]",
     "18: [poll] interval_s = 99999999999999999999: expected a number from 1 to 2592000"},
    {"[time]", "[limits]\nimage_max_bytes = 64M\n[time]",
     "18: [limits] image_max_bytes = 64M: expected a number from 1 to 1099511627776"},
    {"fd = yes", "fd = yes\nload_percent = 30",
     "28: [bus fast] load_percent = 30: expected 100, or bitrate and data_bitrate beside it"},
    {"fd = yes", "fd = yes\nload_percent = 0\nbitrate = 500000",
     "28: [bus fast] load_percent = 0: expected a number from 1 to 100"},
    {"fd = yes", "fd = maybe", "27: [bus fast] fd = maybe: expected yes or no"},
    {"verification = partial", "verification = none",
     "31: [ecu door] verification = none: expected full or partial"},
    {"0x7E0", "7E0", "32: [ecu door] request_id = 7E0: expected " CAN_ID_EXPECTED},
    {"0x7E0", "0x20000000", "32: [ecu door] request_id = 0x20000000: expected " CAN_ID_EXPECTED},
    {"0x7E0", "0x", "32: [ecu door] request_id = 0x: expected " CAN_ID_EXPECTED},
    {"300us", "128", "35: [ecu door] st_min = 128: expected 0 to 127 (milliseconds), or 100us to 900us"},
    {"300us", "350us", "35: [ecu door] st_min = 350us: expected 0 to 127 (milliseconds), or 100us to 900us"},
    {"300us", "", "35: [ecu door] st_min = : expected 0 to 127 (milliseconds), or 100us to 900us"},
    {"0xCC", "0x1CC", "36: [ecu door] pad = 0x1CC: expected no, or a byte such as 0xCC"},
    {"block_size = 8", "block_size = 256",
     "44: [ecu radar] block_size = 256: expected a number from 0 to 255"},
    /* several together */
    {"bus = fast", "bus = slow", "39: [ecu radar] bus = slow: expected the name of a [bus] section"},
    {"tx_dl = 32", "tx_dl = 33", "45: [ecu radar] tx_dl = 33: expected 8, 12, 16, 20, 24, 32, 48 or 64"},
    {"st_min = 300us", "tx_dl = 64", "35: [ecu door] tx_dl = 64: expected 8: its bus does not say fd = yes"},
    {"response_id = 0x7E8", "response_id = 0x7E0",
     "33: [ecu door] response_id = 0x7E0: expected an identifier of its own, [ecu door] has this one"},
    {"functional_id = 0x7DF", "functional_id = 0x7E8",
     "34: [ecu door] functional_id = 0x7E8: expected an identifier of its own, [ecu door] has this one"},
    {"serial = tcu-1", "serial = radar", "38: [ecu radar]: the serial of the Primary"},
};

/* P-FULL-01, P-FULL-02: both repositories, and where they are, or nothing starts */
START_TEST(every_mistake_has_its_message)
{
    char why[400], expected[400];
    enter();
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        ck_assert_ptr_null(read_changed(mistakes[i].old, mistakes[i].new, why));
        snprintf(expected, sizeof expected, "isoctane.conf:%s", mistakes[i].message);
        ck_assert_str_eq(why, expected);
    }
    folder_leave();
}
END_TEST

START_TEST(two_ecus_on_one_bus_share_no_identifier)
{
    char why[400];
    enter();
    ck_assert_ptr_null(read_changed("[bus fast]",
                                    "[ecu seat]\nbus = body\nhardware_id = s\nverification = "
                                    "full\nrequest_id = 0x7E1\nresponse_id = 0x7E8\n[bus fast]",
                                    why));
    ck_assert_str_eq(why,
                     "isoctane.conf:30: [ecu seat] response_id = 0x7E8: expected an identifier of its own, "
                     "[ecu door] has this one");
    struct pri_config *other_bus = read_changed(
        "[bus fast]",
        "[bus side]\nlink = can:vcan1\n[ecu seat]\nbus = side\nhardware_id = s\nverification = full\n"
        "request_id = 0x7E0\nresponse_id = 0x7E8\n[bus fast]",
        why);
    ck_assert_msg(other_bus != NULL, "%s", why);
    pri_config_free(other_bus);
    folder_leave();
}
END_TEST

START_TEST(there_are_only_so_many_buses_and_ecus)
{
    char why[400], text[4096] = "";
    enter();
    for (int i = 0; i < PRI_BUSES_MAX - 1; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "[bus b%d]\nlink = can:x\n", i);
    strcat(text, "[bus fast]");
    ck_assert_ptr_null(read_changed("[bus fast]", text, why));
    ck_assert_str_eq(why, "isoctane.conf:39: [bus fast]: more than 8 buses");
    text[0] = '\0';
    for (int i = 0; i < PRI_ECUS_MAX - 1; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "[ecu e%d]\n", i);
    strcat(text, "[ecu radar]");
    ck_assert_ptr_null(read_changed("[ecu radar]", text, why));
    ck_assert_str_eq(why, "isoctane.conf:101: [ecu radar]: more than 64 ECUs");
    folder_leave();
}
END_TEST

START_TEST(serials_of_full_length_are_kept)
{
    char why[400], serial[65], section[80];
    enter();
    memset(serial, 'S', 64);
    serial[64] = '\0';
    snprintf(section, sizeof section, "[ecu %s]", serial);
    struct pri_config *c = read_changed("[ecu radar]", section, why);
    ck_assert_msg(c != NULL, "%s", why);
    ck_assert_str_eq(c->ecus[1].serial, serial);
    pri_config_free(c);
    folder_leave();
}
END_TEST

START_TEST(what_is_no_configuration_file_is_said_to_be_none)
{
    char why[400], line[600];
    enter();
    ck_assert_ptr_null(pri_config_read("none.conf", why, sizeof why));
    ck_assert_str_eq(why, "none.conf: No such file or directory");
    ck_assert_ptr_null(pri_config_read("keys", why, sizeof why));
    ck_assert_str_eq(why, "keys: cannot be read");
    folder_write("binary.conf", "[vehicle]\nid\0=x\n", 16);
    ck_assert_ptr_null(pri_config_read("binary.conf", why, sizeof why));
    ck_assert_str_eq(why, "binary.conf:2: not a text file");
    memset(line, 'x', sizeof line);
    folder_write("long.conf", line, sizeof line);
    ck_assert_ptr_null(pri_config_read("long.conf", why, sizeof why));
    ck_assert_str_eq(why, "long.conf:1: longer than 199 characters");
    folder_write("empty.conf", "", 0);
    ck_assert_ptr_null(pri_config_read("empty.conf", why, sizeof why));
    ck_assert_str_eq(why, "empty.conf: [vehicle] id is missing");
    char narrow[8];
    ck_assert_ptr_null(pri_config_read("empty.conf", narrow, sizeof narrow));
    ck_assert_str_eq(narrow, "empty.c");
    folder_leave();
}
END_TEST

SUITE("config", a_good_file_is_taken_whole, other_spellings_are_taken_too,
      eight_digits_make_a_29_bit_identifier, names_are_relative_to_the_file, every_mistake_has_its_message,
      two_ecus_on_one_bus_share_no_identifier, there_are_only_so_many_buses_and_ecus,
      serials_of_full_length_are_kept, what_is_no_configuration_file_is_said_to_be_none)
