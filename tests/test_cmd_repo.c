/* The commands of isoctane-repo: exit statuses, and what they leave behind. */
#include "sim/cmd_repo.h"

#include "sim/director.h"
#include "tests/lib_folder.h"
#include "tests/suite.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW INT64_C(1800000000)

static struct folder folder;

/* Runs "isoctane-repo ARGUMENTS". */
static int run(const char *arguments)
{
    static const struct sim_command commands[] = {
        {"create", sim_cmd_create, ""},     {"add", sim_cmd_add, ""},
        {"delegate", sim_cmd_delegate, ""}, {"sign", sim_cmd_sign, ""},
        {"rotate", sim_cmd_rotate, ""},     {"show", sim_cmd_show, ""},
        {"verify", sim_cmd_verify, ""},     {"director", sim_cmd_director, ""},
        {"image", sim_cmd_image, ""},       {"evil", sim_cmd_evil, ""}};
    char line[1024], *argv[32] = {"isoctane-repo"}, *rest = NULL;
    int argc = 1;
    snprintf(line, sizeof line, "%s", arguments);
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    return sim_command_run("isoctane-repo", "", commands, SIM_COUNT(commands), argc, argv, NOW);
}

static void begin(void)
{
    folder = folder_make();
    ck_assert_int_eq(chdir(folder.path), 0);
    ck_assert_int_eq(run("create --scheme ed25519 --seed test"), SIM_EXIT_OK);
    ck_assert(sim_file_write("fw-1", UP_SPAN("firmware"), 0644));
}

static void end(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    folder_remove(&folder);
}

START_TEST(a_repository_is_made_filled_and_verified)
{
    begin();
    ck_assert_int_eq(run("add --hardware brake-hw --counter 1 fw-1"), SIM_EXIT_OK);
    ck_assert_int_eq(run("delegate supplier --path supplier/* --hardware brake-hw --keys 2/2 --terminating"),
                     SIM_EXIT_OK);
    ck_assert_int_eq(run("add --hardware brake-hw --counter 2 --role supplier --name supplier/fw-2 "
                         "--image-version 2 fw-1"),
                     SIM_EXIT_OK);
    ck_assert_int_eq(run("show"), SIM_EXIT_OK);
    ck_assert_int_eq(run("show --json"), SIM_EXIT_OK);
    ck_assert_int_eq(run("verify"), SIM_EXIT_OK);
    ck_assert_int_eq(run("verify --json"), SIM_EXIT_OK);
    end();
}
END_TEST

START_TEST(options_of_creation_are_heeded)
{
    struct sim_repo r;
    folder = folder_make();
    ck_assert_int_eq(chdir(folder.path), 0);
    ck_assert_int_eq(
        run("create --dir x/y --keys image/root=5/3,director/time=2/2 --validity timestamp=1,root=9"),
        SIM_EXIT_OK);
    ck_assert(sim_repo_open(&r, "x/y"));
    ck_assert_int_eq(r.validity_s[UP_TIMESTAMP], 86400);
    ck_assert_int_eq(r.validity_s[UP_ROOT], 9 * 86400);
    ck_assert(sim_file_exists("x/y/keys/image/root-5.pem"));
    ck_assert(sim_file_exists("x/y/keys/time-2.pem"));
    ck_assert_int_eq(run("create --dir x/y"), SIM_EXIT_FAULT); /* there is one already */
    end();
}
END_TEST

START_TEST(nothing_to_sign_is_exit_status_1)
{
    begin();
    ck_assert_int_eq(run("sign"), SIM_EXIT_NOTHING);
    ck_assert_int_eq(run("sign --now 2027-01-20T00:00:00Z"), SIM_EXIT_OK);
    ck_assert_int_eq(run("sign targets"), SIM_EXIT_OK);
    ck_assert_int_eq(run("sign root"), SIM_EXIT_OK);
    ck_assert_int_eq(run("sign --repo director root"), SIM_EXIT_OK);
    ck_assert_int_eq(run("sign nobody"), SIM_EXIT_FAULT);
    ck_assert(sim_file_exists("director/2.root.json"));
    ck_assert_int_eq(run("verify"), SIM_EXIT_OK);
    end();
}
END_TEST

START_TEST(an_attack_is_exit_status_2)
{
    begin();
    ck_assert_int_eq(run("verify --now 2036-01-01T00:00:00Z"), SIM_EXIT_ATTACK);
    ck_assert_int_eq(run("verify --json --now 2036-01-01T00:00:00Z"), SIM_EXIT_ATTACK);
    end();
}
END_TEST

START_TEST(keys_are_rotated)
{
    begin();
    ck_assert_int_eq(run("rotate image root --keys 3/2"), SIM_EXIT_OK);
    ck_assert_int_eq(run("rotate director time"), SIM_EXIT_OK);
    ck_assert_int_eq(run("rotate director nobody"), SIM_EXIT_FAULT);
    ck_assert_int_eq(run("verify"), SIM_EXIT_OK);
    end();
}
END_TEST

START_TEST(the_inventory_is_kept)
{
    char why[SIM_WHY_MAX];
    struct stat st;
    begin();
    ck_assert_int_eq(run("add --hardware brake-hw --counter 1 fw-1"), SIM_EXIT_OK);
    ck_assert_int_eq(run("director register VIN-1"), SIM_EXIT_OK);
    ck_assert_int_eq(run("director register VIN-1"), SIM_EXIT_FAULT);
    ck_assert(sim_file_exists("pki/VIN-1.pem"));
    ck_assert_int_eq(run("director ecu VIN-1 tcu --hardware tcu-hw --primary --new-key tcu.pem"),
                     SIM_EXIT_OK);
    ck_assert_int_eq(stat("tcu.pem", &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(run("director ecu VIN-1 tcu-2 --hardware tcu-hw --key tcu.pem"),
                     SIM_EXIT_FAULT); /* known key */
    ck_assert_int_eq(run("director ecu VIN-1 brake --hardware brake-hw --new-key brake.pem"), SIM_EXIT_OK);
    ck_assert_int_eq(run("director ecu VIN-1 brake --remove"), SIM_EXIT_OK);
    ck_assert_int_eq(run("director ecu VIN-1 brake --remove"), SIM_EXIT_FAULT);
    ck_assert_int_eq(run("director ecu VIN-1 brake --hardware brake-hw --key brake.pem"), SIM_EXIT_OK);
    ck_assert_int_eq(run("director order VIN-1 brake=fw-1 --bundle b --correlation c"), SIM_EXIT_OK);
    ck_assert_int_eq(run("director order VIN-1 tcu=fw-1"), SIM_EXIT_FAULT);
    ck_assert_int_eq(run("director list"), SIM_EXIT_OK);
    ck_assert_int_eq(run("director list --json VIN-1"), SIM_EXIT_OK);
    ck_assert_int_eq(run("director list VIN-2"), SIM_EXIT_FAULT);

    struct sim_director *d = sim_director_open(".", why);
    ck_assert(sim_director_issue(d, "VIN-1", NOW));
    cJSON *all = sim_director_show(d, NULL);
    ck_assert_str_eq(sim_json_at(all, "/vehicles/VIN-1/ecus/brake/ordered")->valuestring, "fw-1");
    ck_assert_str_eq(sim_json_at(all, "/vehicles/VIN-1/ecus/brake/bundle")->valuestring, "b");
    cJSON_Delete(all);
    sim_director_close(d);
    ck_assert_int_eq(run("verify"), SIM_EXIT_OK);
    ck_assert_int_eq(run("director order VIN-1 brake="), SIM_EXIT_OK);
    end();
}
END_TEST

START_TEST(what_a_vehicle_would_refuse_from_the_director_is_found)
{
    static const struct sim_twist twist = {"director/timestamp", "set", "/custom/vehicleId=\"VIN-2\""};
    char why[SIM_WHY_MAX];
    begin();
    ck_assert_int_eq(run("director register VIN-1"), SIM_EXIT_OK);
    ck_assert_int_eq(run("verify"), SIM_EXIT_OK); /* nothing issued yet */
    struct sim_director *d = sim_director_open(".", why);
    ck_assert(sim_director_twist(d, &twist, 1));
    ck_assert(sim_director_issue(d, "VIN-1", NOW));
    sim_director_close(d);
    ck_assert_int_eq(run("verify"), SIM_EXIT_ATTACK);
    end();
}
END_TEST

/* What the command says on stderr goes to a file. */
static bool warns(const char *arguments, const char *word)
{
    (void)fflush(stderr);
    const int saved = dup(STDERR_FILENO);
    ck_assert_ptr_nonnull(freopen("said", "w", stderr));
    ck_assert_int_eq(run(arguments), SIM_EXIT_OK);
    (void)fflush(stderr);
    ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
    (void)close(saved);
    char *said = folder_read("said", &(size_t){0});
    const bool found = said != NULL && strstr(said, word) != NULL;
    free(said);
    return found;
}

/* R-ISRV-06, R-EXC-02: who brings an old image back wants a counter that did not rise. */
START_TEST(a_counter_that_does_not_rise_is_warned_of)
{
    begin();
    ck_assert(!warns("add --hardware brake-hw --counter 1 --name fw-a fw-1", "warning"));
    ck_assert(!warns("add --hardware brake-hw --counter 2 --name fw-b fw-1", "warning"));
    ck_assert(warns("add --hardware brake-hw --counter 2 --name fw-c fw-1", "warning"));
    ck_assert(warns("add --hardware brake-hw --counter 0 --name fw-d fw-1", "warning"));
    ck_assert(!warns("add --hardware other-hw --counter 1 --name fw-e fw-1", "warning"));
    end();
}
END_TEST

/* R-DEL-25 */
START_TEST(a_terminating_delegation_is_warned_of)
{
    begin();
    ck_assert(!warns("delegate plain --path a/*", "warning"));
    ck_assert(warns("delegate last --path b/* --terminating", "warning"));
    end();
}
END_TEST

START_TEST(dialect_digests_and_agreement_are_options)
{
    begin();
    ck_assert_int_eq(run("create --dir d --profile deployed --sha512"), SIM_EXIT_OK);
    ck_assert_int_eq(run("delegate --dir d --agree 2 --path both/* red green"), SIM_EXIT_OK);
    ck_assert_int_eq(run("add --dir d --hardware brake-hw --name both/fw --role red fw-1"), SIM_EXIT_OK);
    ck_assert_int_eq(run("add --dir d --hardware brake-hw --name both/fw --role green fw-1"), SIM_EXIT_OK);
    ck_assert_int_eq(run("verify --dir d"), SIM_EXIT_OK);
    ck_assert(sim_file_exists("d/repo/delegations/green.json"));
    ck_assert_int_eq(run("create --dir e --profile tuf"), SIM_EXIT_USAGE);
    ck_assert_int_eq(run("create --dir e --profile deployed --scheme ecdsa-p256"), SIM_EXIT_FAULT);
    ck_assert_int_eq(run("delegate --path x/* one two"), SIM_EXIT_USAGE);
    end();
}
END_TEST

START_TEST(attack_vectors_are_made)
{
    begin();
    ck_assert_int_eq(run("evil list"), SIM_EXIT_OK);
    ck_assert_int_eq(run("evil list --json"), SIM_EXIT_OK);
    ck_assert_int_eq(run("evil make --only director-timestamp-expired v"), SIM_EXIT_OK);
    ck_assert(sim_file_exists("v/director-timestamp-expired/repo/11.targets.json"));
    ck_assert(sim_file_exists("v/director-timestamp-expired/expect"));
    ck_assert(sim_file_exists("v/base/after/director/2.root.json"));
    ck_assert_int_eq(run("evil make --only root-unknown-key-beside --links --scheme ecdsa-p256 w"),
                     SIM_EXIT_OK);
    ck_assert(sim_file_exists("w/root-unknown-key-beside/after/director/3.root.json"));
    ck_assert_int_eq(run("evil make --profile deployed --only freeze x"), SIM_EXIT_OK);
    ck_assert(sim_file_exists("x/freeze/repo/delegations/supplier.json"));
    ck_assert_int_eq(run("evil make --only nothing x"), SIM_EXIT_FAULT);
    ck_assert_int_eq(run("evil make --profile deployed --scheme ecdsa-p256 x"), SIM_EXIT_FAULT);
    ck_assert_int_eq(run("evil make --scheme rsa --rsa-keys nowhere x"), SIM_EXIT_FAULT);
    ck_assert_int_eq(run("evil make --profile tuf x"), SIM_EXIT_USAGE);
    ck_assert_int_eq(run("evil make --scheme md5 x"), SIM_EXIT_USAGE);
    ck_assert_int_eq(run("evil make --rsa-bits 1024 x"), SIM_EXIT_USAGE);
    ck_assert_int_eq(run("evil make"), SIM_EXIT_USAGE);
    end();
}
END_TEST

START_TEST(wrong_usage_is_exit_status_64)
{
    static const char *const wrong[] = {
        "",
        "nonsense",
        "create x",
        "create --scheme md5",
        "create --rsa-bits 1024",
        "create --keys root=1/1",
        "create --keys image/root=1/2",
        "create --keys image/nobody=1/1",
        "create --keys image/root=0/0",
        "create --validity time=1",
        "create --validity root=0",
        "create --validity root",
        "create --nonsense",
        "create --now yesterday",
        "create --keys image/root=1/1,",
        "create --seed",
        "add",
        "add fw-1",
        "add --hardware hw --counter -1 fw-1",
        "add --hardware hw nothing",
        "delegate x",
        "delegate --path *",
        "delegate --path * --keys 1 x",
        "delegate --path * --scheme x x",
        "sign --repo nobody",
        "sign --repo director",
        "sign a b",
        "rotate image",
        "rotate nobody root",
        "rotate image root --keys 2/3",
        "director",
        "director nonsense",
        "director register",
        "director ecu VIN-1 x",
        "director ecu VIN-1 x --hardware hw --key a --new-key b",
        "director order VIN-1",
        "director order VIN-1 =x",
        "director order VIN-1 brake",
        "image",
        "image sign a b",
        "image wrap --header-bytes 31 fw-1 b",
        "image wrap --image-version x fw-1 b",
    };
    begin();
    for (size_t i = 0; i < SIM_COUNT(wrong); i++)
        ck_assert_msg(run(wrong[i]) == SIM_EXIT_USAGE, "%s", wrong[i]);
    end();
}
END_TEST

START_TEST(no_repository_is_exit_status_78)
{
    static const char *const commands[] = {"sign",
                                           "show",
                                           "verify",
                                           "rotate image root",
                                           "add --hardware hw fw-1",
                                           "delegate --path * x",
                                           "director list",
                                           "director register VIN-1",
                                           "director order VIN-1 brake=x",
                                           "director ecu VIN-1 x --remove"};
    begin();
    ck_assert_int_eq(remove("settings.json"), 0);
    for (size_t i = 0; i < SIM_COUNT(commands); i++)
        ck_assert_msg(run(commands[i]) == SIM_EXIT_CONFIG, "%s", commands[i]);
    end();
}
END_TEST

START_TEST(every_command_helps)
{
    static const char *const commands[] = {"--help",
                                           "help",
                                           "--version",
                                           "create --help",
                                           "add --help",
                                           "delegate --help",
                                           "sign --help",
                                           "rotate --help",
                                           "show --help",
                                           "verify --help",
                                           "director --help",
                                           "director register --help",
                                           "director ecu --help",
                                           "director order --help",
                                           "director list --help",
                                           "image --help",
                                           "image key --help",
                                           "image wrap --help",
                                           "image sign --help",
                                           "image show --help",
                                           "evil --help",
                                           "evil list --help",
                                           "evil make --help"};
    for (size_t i = 0; i < SIM_COUNT(commands); i++)
        ck_assert_msg(run(commands[i]) == SIM_EXIT_OK, "%s", commands[i]);
}
END_TEST

START_TEST(images_are_wrapped_signed_and_shown)
{
    struct stat st;
    begin();
    ck_assert_int_eq(run("image key boot"), SIM_EXIT_OK);
    ck_assert_int_eq(run("image key boot"), SIM_EXIT_FAULT); /* never over an existing key */
    ck_assert_int_eq(stat("boot.pem", &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777u, 0600);
    ck_assert_int_eq(run("image wrap --key boot.pem --counter 3 --image-version 1.2.3+4 fw-1 fw-1.img"),
                     SIM_EXIT_OK);
    ck_assert_int_eq(run("image show --key boot.pub fw-1.img"), SIM_EXIT_OK);
    ck_assert_int_eq(run("image show fw-1.img"), SIM_EXIT_OK);
    ck_assert_int_eq(run("image wrap fw-1 unsigned.img"), SIM_EXIT_OK);
    ck_assert_int_eq(run("image show unsigned.img"), SIM_EXIT_ATTACK);
    ck_assert_int_eq(run("image key other"), SIM_EXIT_OK);
    ck_assert_int_eq(run("image sign --key other.pem unsigned.img signed.img"), SIM_EXIT_OK);
    ck_assert_int_eq(run("image show --key other.pub signed.img"), SIM_EXIT_OK);
    ck_assert_int_eq(run("image show --key boot.pub signed.img"), SIM_EXIT_ATTACK);
    ck_assert_int_eq(run("image sign --key other.pem fw-1 nothing.img"), SIM_EXIT_CONFIG);
    ck_assert_int_eq(run("image wrap --key absent.pem fw-1 b"), SIM_EXIT_CONFIG);
    ck_assert_int_eq(run("image wrap absent b"), SIM_EXIT_CONFIG);
    ck_assert_int_eq(run("image show --key fw-1 fw-1.img"), SIM_EXIT_CONFIG);
    end();
}
END_TEST

SUITE("cmd_repo", a_repository_is_made_filled_and_verified, options_of_creation_are_heeded,
      nothing_to_sign_is_exit_status_1, an_attack_is_exit_status_2, keys_are_rotated, the_inventory_is_kept,
      what_a_vehicle_would_refuse_from_the_director_is_found, a_counter_that_does_not_rise_is_warned_of,
      a_terminating_delegation_is_warned_of, dialect_digests_and_agreement_are_options,
      attack_vectors_are_made, wrong_usage_is_exit_status_64, no_repository_is_exit_status_78,
      images_are_wrapped_signed_and_shown, every_command_helps)
