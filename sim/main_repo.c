/* isoctane-repo: authors and signs both repositories, and keeps the Director's inventory. */
#include "sim/cmd_repo.h"

#include <time.h>

int main(int argc, char **argv)
{
    static const struct sim_command commands[] = {
        {"create", sim_cmd_create, "keys, Roots and an empty Image repository"},
        {"add", sim_cmd_add, "put an image into the Image repository"},
        {"delegate", sim_cmd_delegate, "let a role of its own sign some images"},
        {"sign", sim_cmd_sign, "sign again what is about to expire"},
        {"rotate", sim_cmd_rotate, "replace the keys of a role"},
        {"show", sim_cmd_show, "versions, expiries, keys, images"},
        {"verify", sim_cmd_verify, "check everything as a vehicle would"},
        {"image", sim_cmd_image, "images that a boot stage verifies by itself"},
        {"director", sim_cmd_director, "vehicles, ECUs and orders of the Director"},
        {"evil", sim_cmd_evil, "attack vectors for clients"},
    };
    return sim_command_run("isoctane-repo", "Authors and signs the Director and the Image repository.",
                           commands, sizeof commands / sizeof *commands, argc, argv, time(NULL));
}
