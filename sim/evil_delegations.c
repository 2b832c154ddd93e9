/* Attack vectors: Who speaks for an image. */
#include "sim/evil_table.h"

#define ITGT       "image/targets"
#define FULL_IMAGE "/targets/supplier~1full-<n>.img"
#define PART_IMAGE "/targets/agreed~1part-<n>.img"
#define ROLE_TO(name, paths, terminating)                                                                    \
    "{\"keyids\":[\"<id:image/supplier>\",\"<id:image/supplier-2>\"],\"name\":\"" name                       \
    "\",\"paths\":[" paths "],\"terminating\":" terminating ",\"threshold\":2}"
#define SUPPLIER "/delegations/roles/0"
#define AGREED   "/delegations/roles/1"

/* clang-format off */
static const struct sim_evil_row rows[] = {
    /* ---- delegations ---- */
    {"delegation-star-and-slash", "V-DEL-16", ITGT, "paths \"*\": a star never crosses a slash",
     BOTH(UP_TARGET_NOT_FOUND), .twist = {{ITGT, "set", SUPPLIER "/paths=[\"*\"]"}}},
    {"delegation-question-and-slash", "V-DEL-16", ITGT,
     "paths \"supplier?*\": neither does a question mark", BOTH(UP_TARGET_NOT_FOUND),
     .twist = {{ITGT, "set", SUPPLIER "/paths=[\"supplier?*\"]"}}},
    {"delegation-other-case", "V-DEL-16", ITGT, "paths \"SUPPLIER/*\": case counts",
     BOTH(UP_TARGET_NOT_FOUND), .twist = {{ITGT, "set", SUPPLIER "/paths=[\"SUPPLIER/*\"]"}}},
    {"delegation-regular-expression", "V-DEL-16", ITGT, "paths \".*/.*\": no regular expression",
     BOTH(UP_TARGET_NOT_FOUND), .twist = {{ITGT, "set", SUPPLIER "/paths=[\"[a-z]+/.+\"]"}}},
    {"delegation-folder", "V-DEL-16", ITGT, "paths \"supplier/\": a folder is not what lies in it",
     BOTH(UP_TARGET_NOT_FOUND), .twist = {{ITGT, "set", SUPPLIER "/paths=[\"supplier/\"]"}}},
    {"delegation-no-path", "V-DEL-16", ITGT, "no path at all matches nothing", BOTH(UP_TARGET_NOT_FOUND),
     .twist = {{ITGT, "set", SUPPLIER "/paths=[]"}}},
    {"delegation-many-stars", "V-DEL-16", ITGT, "a pattern of 60 stars, in bounded time",
     BOTH(UP_TARGET_NOT_FOUND), .twist = {{ITGT, "set", SUPPLIER
     "/paths=[\"supplier/*f*u*l*l*f*u*l*l*f*u*l*l*f*u*l*l*f*u*l*l*f*u*l*l*f*u*l*l*\"]"}}},
    {"delegation-outer-path", "V-DEL-04", ITGT,
     "the outer delegation does not have the path that the inner one has", BOTH(UP_TARGET_NOT_FOUND),
     .twist = {{ITGT, "set", SUPPLIER "/paths=[\"other/*\"]"}}},
    {"delegation-inner-path", "V-DEL-04", "image/supplier",
     "the inner delegation does not have the path that the outer one has", BOTH(UP_TARGET_NOT_FOUND),
     .twist = {{"image/supplier", "set", SUPPLIER "/paths=[\"supplier/part-*\"]"}}},
    {"delegation-other-hardware", "V-DEL-05", ITGT, "a delegation for other hardware",
     BOTH(UP_TARGET_NOT_FOUND), .twist = {{ITGT, "set", SUPPLIER "/hardwareIds=[\"other-hw\"]"}}},
    {"delegation-inner-other-hardware", "V-DEL-06", "image/supplier",
     "an inner delegation for other hardware", BOTH(UP_TARGET_NOT_FOUND),
     .twist = {{"image/supplier", "set", SUPPLIER "/hardwareIds=[\"other-hw\"]"}}},
    {"delegation-our-hardware", "V-DEL-05", ITGT, "a delegation for our hardware among others",
     BOTH(UP_OK), .twist = {{ITGT, "set", SUPPLIER "/hardwareIds=[\"other-hw\",\"full-hw\"]"}}},
    {"delegation-terminating-child", "V-DEL-08", ITGT, "a terminating role whose child has the image",
     BOTH(UP_TARGET_NOT_FOUND), .twist = {{ITGT, "set", SUPPLIER "/terminating=true"}}},
    {"delegation-terminating-before", "V-DEL-07", ITGT,
     "a terminating role without the image, before the one that has it", BOTH(UP_TARGET_NOT_FOUND),
     .twist = {{ITGT, "set", "/delegations/roles=[{\"keyids\":[\"<id:image/red>\"],\"name\":\"red\",\"paths\":[\"supplier/*\"],\"terminating\":true,\"threshold\":1},"
     ROLE_TO("supplier", "\"supplier/*\"", "false") "]"}}},
    {"delegation-invalid-role-first", "V-DEL-10", "image/red",
     "an expired role before the one that has the image is not skipped", BOTH(UP_DELEGATION_INVALID),
     .twist = {{ITGT, "set", SUPPLIER
     "={\"keyids\":[\"<id:image/red>\"],\"name\":\"red\",\"paths\":[\"supplier/*\"],\"terminating\":false,\"threshold\":1}"},
     {ITGT, "set", "/delegations/roles/-=" ROLE_TO("supplier", "\"supplier/*\"", "false")},
     {"image/red", "expires", "2020-01-01T00:00:00Z"}}},
    {"delegation-cycle", "V-DEL-14", "image/supplier-ecu",
     "the innermost role delegates back to the outer one", BOTH(UP_TARGET_NOT_FOUND),
     .twist = {{"image/supplier-ecu", "drop", FULL_IMAGE},
     {"image/supplier-ecu", "set", "/delegations={\"keys\":{\"<id:image/supplier>\":<key:image/supplier>,\"<id:image/supplier-2>\":<key:image/supplier-2>},\"roles\":["
     ROLE_TO("supplier", "\"supplier/*\"", "false") "]}"}}},
    {"delegation-self", "V-DEL-14", "image/supplier-ecu", "a role delegates to itself",
     BOTH(UP_TARGET_NOT_FOUND), .twist = {{"image/supplier-ecu", "drop", FULL_IMAGE},
     {"image/supplier-ecu", "set", "/delegations={\"keys\":{\"<id:image/supplier-ecu>\":<key:image/supplier-ecu>},\"roles\":[{\"keyids\":[\"<id:image/supplier-ecu>\"],\"name\":\"supplier-ecu\",\"paths\":[\"supplier/*\"],\"terminating\":false,\"threshold\":1}]}"}}},
    {"delegation-depth-8", "V-DEL-15", ITGT, "the image is eight delegations away", BOTH(UP_OK),
     .twist = {{ITGT, "chain", "8"}}, .lasting = true},
    {"delegation-depth-9", "V-DEL-15", ITGT, "the image is nine delegations away",
     BOTH(UP_DELEGATION_LIMIT), .twist = {{ITGT, "chain", "9"}}, .lasting = true},
    {"delegation-not-in-snapshot", "V-DEL-12", ITGT, "delegates to a role that Snapshot does not list",
     BOTH(UP_NOT_IN_SNAPSHOT), .twist = {{ITGT, "set", SUPPLIER "/name=\"newcomer\""}}},
    {"delegation-edge", "V-DEL-13", "image/supplier",
     "delegates to a known role, but to other keys of it", BOTH(UP_DELEGATION_INVALID),
     .twist = {{"image/supplier", "set", SUPPLIER "/keyids=[\"<id:stranger>\"]"},
     {"image/supplier", "set", "/delegations/keys/<id:stranger>=<key:stranger>"}}},
    {"delegation-twice", "V-DEL-17", ITGT, "two delegations to one name", BOTH(UP_SCHEMA),
     .twist = {{ITGT, "set", "/delegations/roles/-=" ROLE_TO("supplier", "\"x/*\"", "false")}}},
    {"delegation-succinct", "V-DEL-01", ITGT, "succinct delegations, which nobody here understands",
     BOTH(UP_UNSUPPORTED), .twist = {{ITGT, "drop", "/delegations/roles"},
     {ITGT, "set", "/delegations/succinct_roles={\"bit_length\":8,\"keyids\":[],\"name_prefix\":\"bin\",\"threshold\":1}"}}},
    /* ---- several roles that must agree: the partial verifier's image, so only the Primary looks ---- */
    {"agreement-two-of-three", "V-DEL-19", "image/blue", "one of three says something else, two agree",
     ONE(UP_OK), .twist = {{"image/blue", "set", PART_IMAGE "/custom/releaseCounter=4"}}},
    {"agreement-none", "V-DEL-19", "image/red", "all three say something else", ONE(UP_TARGET_NOT_FOUND),
     .twist = {{"image/blue", "set", PART_IMAGE "/custom/releaseCounter=4"},
     {"image/red", "set", PART_IMAGE "/custom/releaseCounter=3"}}},
    {"agreement-other", "V-DEL-20", "image/red", "two agree on what the Director did not order",
     ONE(UP_TARGET_MISMATCH), .twist = {{"image/blue", "set", PART_IMAGE "/custom/releaseCounter=4"},
     {"image/red", "set", PART_IMAGE "/custom/releaseCounter=4"}}},
    {"agreement-one-hidden", "V-DEL-22", "image/blue", "the third role is withheld",
     ONE(UP_DELEGATION_INVALID), .twist = {{"image/blue", "omit", ""}}},
    {"agreement-zero", "V-DEL-23", ITGT, "none has to agree", BOTH(UP_SCHEMA),
     .twist = {{ITGT, "set", AGREED "/min_roles_in_agreement=0"}}},
    {"agreement-four-of-three", "V-DEL-23", ITGT, "four of three have to agree", BOTH(UP_SCHEMA),
     .twist = {{ITGT, "set", AGREED "/min_roles_in_agreement=4"}}},
    {"agreement-with-oneself", "V-DEL-23", ITGT, "one role stands for two of three", BOTH(UP_SCHEMA),
     .twist = {{ITGT, "set", AGREED "/roles/1/name=\"red\""}}},
    {"agreement-of-one-key", "V-DEL-23", ITGT, "one key stands for two of three", BOTH(UP_SCHEMA),
     .twist = {{ITGT, "set", AGREED "/roles/1/keyids=[\"<id:image/red>\"]"}}},
    {"agreement-missing", "V-DEL-23", ITGT, "several roles, and nothing said of how many must agree",
     BOTH(UP_SCHEMA), .twist = {{ITGT, "drop", AGREED "/min_roles_in_agreement"}}},
};
/* clang-format on */

const struct sim_evil_rows sim_evil_delegations = {rows, sizeof rows / sizeof *rows};
