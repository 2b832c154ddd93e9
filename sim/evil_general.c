/* Rules that hold for every signed file, and the files that they hold for. */
#include "sim/evil_table.h"

enum { ROOT = 1, TSP = 2, SNAP = 4, TGT = 8, DEL = 16, EVERY = 31, NAMED = SNAP | TGT | DEL, EDGE = 32 };

static const struct place {
    const char *name;
    unsigned kind;
    const char *parent;       /* the file that names it */
    const char *first;        /* its key, or the first of its two that must sign */
    const char *other, *twin; /* a key of another role, and that of this role in the other repository */
    const char *type;         /* of another role */
    bool two;                 /* two keys must sign */
    bool full, partial;       /* who sees it beside the Primary */
    const char *child;        /* EDGE: a key of the first role that it delegates to */
} places[] = {
    {"director/2.root", ROOT, "", "director/root", "director/targets", "image/root", "targets", false, true,
     true, NULL},
    {"director/timestamp", TSP, "", "director/timestamp", "director/snapshot", "image/timestamp", "snapshot",
     false, true, false, NULL},
    {"director/snapshot", SNAP, "director/timestamp", "director/snapshot", "director/timestamp",
     "image/snapshot", "timestamp", false, true, false, NULL},
    {"director/targets", TGT, "director/snapshot", "director/targets", "director/snapshot", "image/targets",
     "snapshot", true, true, true, NULL},
    {"image/2.root", ROOT, "", "image/root", "image/targets", "director/root", "targets", false, true, false,
     NULL},
    {"image/timestamp", TSP, "", "image/timestamp", "image/snapshot", "director/timestamp", "snapshot", false,
     true, false, NULL},
    {"image/snapshot", SNAP, "image/timestamp", "image/snapshot", "image/timestamp", "director/snapshot",
     "timestamp", false, true, false, NULL},
    {"image/targets", TGT | EDGE, "image/snapshot", "image/targets", "image/snapshot", "director/targets",
     "snapshot", true, true, false, "image/supplier"},
    {"image/supplier", DEL | EDGE, "image/snapshot", "image/supplier", "image/targets", "director/targets",
     "snapshot", true, true, false, "image/supplier-ecu"},
    {"image/supplier-ecu", DEL, "image/snapshot", "image/supplier-ecu", "image/supplier", "director/targets",
     "snapshot", false, true, false, NULL},
    {"image/red", DEL, "image/snapshot", "image/red", "image/green", "director/targets", "snapshot", false,
     false, false, NULL},
};
#define PLACES (sizeof places / sizeof *places)

#define IMAGE "/targets/fw~1primary-<n>.img"
#define CHILD "/delegations/roles/0"

/* In twists, @ is the place, ^ the file that names it, @first, @other, @twin, @type and @child are its texts
 * above,
 * @role its bare name. */
/* clang-format off */
static const struct general {
    const char *id, *rules, *text; /* rules: one for all kinds, or by kind */
    unsigned kinds;
    enum up_err err;
    struct sim_twist twist[3];
    bool from_parent; /* noticed when its parent is read */
    bool two;         /* only where two keys must sign */
    bool lasting;
    bool strict; /* dialect A has no such field */
    bool bus;    /* a Secondary does not even take the file */
    bool early;  /* the Primary stops the transfer, and does not ask what it was for */
} generals[] = {
    /* who signs */
    {"stranger-signs", "V-KEY-10", "signed by a key that no Root knows", EVERY, UP_SIG_THRESHOLD,
     .twist = {{"@", "signers", "stranger"}}},
    {"nobody-signs", "E-KEY-04", "no signature at all", EVERY, UP_SIG_THRESHOLD,
     .twist = {{"@", "signers", ""}}},
    {"other-role-signs", "V-KEY-10 E-TGT-03", "signed by the key of another role", EVERY, UP_SIG_THRESHOLD,
     .twist = {{"@", "signers", "@other"}}},
    {"other-repository-signs", "V-KEY-11", "signed by the other repository's key of that role", EVERY,
     UP_SIG_THRESHOLD, .twist = {{"@", "signers", "@twin"}}},
    {"one-of-two-signs", "E-KEY-04", "one signature where two are needed", TGT | DEL, UP_SIG_THRESHOLD,
     .twist = {{"@", "signers", "@first"}}, .two = true},
    {"signature-twice", "E-KEY-05 V-DEL-18", "one signature, pasted a second time", EVERY, UP_SIG_DUPLICATE,
     .twist = {{"@", "signers", "@first"}, {"@", "repeat", "1"}}},
    {"signature-flood", "E-KEY-08", "70 signatures of keys that nobody knows", EVERY, UP_LIMIT,
     .twist = {{"@", "flood", "70"}}},
    {"signature-broken", "E-KEY-04", "a signature that does not verify", EVERY, UP_SIG_THRESHOLD,
     .twist = {{"@", "after-set", "/signatures/0/sig=\"00\""}}},
    {"signature-malleable", "E-KEY-18", "a signature in an encoding that its scheme forbids", EVERY,
     UP_SIG_THRESHOLD, .twist = {{"@", "malleable", ""}}},
    {"signature-misspelt", "E-KEY-18", "a signature in digits that its dialect does not use", EVERY,
     UP_SIG_THRESHOLD, .twist = {{"@", "misspelt", ""}}},
    /* the envelope */
    {"no-signatures", "E-FMT-02", "the list of signatures is missing", EVERY, UP_SCHEMA,
     .twist = {{"@", "after-drop", "/signatures"}}},
    {"signatures-no-list", "E-FMT-02", "the signatures are no list", EVERY, UP_SCHEMA,
     .twist = {{"@", "after-set", "/signatures={}"}}},
    {"signature-without-keyid", "E-FMT-02", "a signature of nobody", EVERY, UP_SCHEMA,
     .twist = {{"@", "after-drop", "/signatures/0/keyid"}}},
    {"signature-without-sig", "E-FMT-02", "an entry without its signature", EVERY, UP_SCHEMA,
     .twist = {{"@", "after-drop", "/signatures/0/sig"}}},
    {"no-signed-part", "E-FMT-02", "the signed part is missing", EVERY, UP_SCHEMA,
     .twist = {{"@", "after-drop", "/signed"}}},
    {"member-added-after-signing", "E-FMT-09", "an unknown member that no signature covers", EVERY,
     UP_SIG_THRESHOLD, .twist = {{"@", "after-set", "/signed/note=1"}}},
    {"version-changed-after-signing", "E-FMT-07", "another version than the signed one", EVERY,
     UP_SIG_THRESHOLD, .twist = {{"@", "after-set", "/signed/version=4711"}}},
    /* what every file has */
    {"other-type", "E-FMT-04", "says that it is another role", EVERY, UP_ROLE_TYPE,
     .twist = {{"@", "set", "/_type=\"@type\""}}},
    {"type-a-number", "E-FMT-03", "its type is a number", EVERY, UP_SCHEMA,
     .twist = {{"@", "set", "/_type=1"}}},
    {"no-type", "E-FMT-03", "does not say what role it is", EVERY, UP_SCHEMA,
     .twist = {{"@", "drop", "/_type"}}},
    {"no-version", "E-FMT-03", "has no version", EVERY, UP_SCHEMA, .twist = {{"@", "drop", "/version"}}},
    {"no-expiry", "E-FMT-03", "has no expiry", EVERY, UP_SCHEMA, .twist = {{"@", "drop", "/expires"}}},
    {"version-zero", "E-FMT-05", "version 0", EVERY, UP_SCHEMA, .twist = {{"@", "set", "/version=0"}}},
    {"version-negative", "E-FMT-05", "version -1", EVERY, UP_SCHEMA, .twist = {{"@", "set", "/version=-1"}}},
    {"version-fraction", "E-FMT-05", "version 11.0", EVERY, UP_SCHEMA,
     .twist = {{"@", "set", "/version=\"#\""}, {"@", "text", "\"#\"=>11.0"}}},
    {"version-exponent", "E-FMT-05", "version 1e1", EVERY, UP_SCHEMA,
     .twist = {{"@", "set", "/version=\"#\""}, {"@", "text", "\"#\"=>1e1"}}},
    {"version-leading-zero", "E-FMT-05", "version 011", EVERY, UP_PARSE,
     .twist = {{"@", "set", "/version=\"#\""}, {"@", "text", "\"#\"=>011"}}},
    {"version-2-to-the-31", "E-FMT-05", "version 2147483648", EVERY, UP_SCHEMA,
     .twist = {{"@", "set", "/version=\"#\""}, {"@", "text", "\"#\"=>2147483648"}}},
    {"version-wraps-around", "E-FMT-05", "version 2^64 + 11", EVERY, UP_SCHEMA,
     .twist = {{"@", "set", "/version=\"#\""}, {"@", "text", "\"#\"=>18446744073709551627"}}},
    {"version-a-string", "E-FMT-05", "version \"11\"", EVERY, UP_SCHEMA,
     .twist = {{"@", "set", "/version=\"11\""}}},
    {"expiry-30-february", "E-FMT-06", "expires on a day that does not exist", EVERY, UP_SCHEMA,
     .twist = {{"@", "expires", "2100-02-30T00:00:00Z"}}},
    {"expiry-without-zone", "E-FMT-06", "expires in no time zone", EVERY, UP_SCHEMA,
     .twist = {{"@", "expires", "2100-01-01T00:00:00"}}},
    {"expiry-local", "E-FMT-06", "expires in local time", EVERY, UP_SCHEMA,
     .twist = {{"@", "expires", "2100-01-01T00:00:00+02:00"}}},
    {"expiry-year-10000", "E-FMT-06", "expires in the year 10000", EVERY, UP_SCHEMA,
     .twist = {{"@", "expires", "10000-01-01T00:00:00Z"}}},
    {"expiry-a-number", "E-FMT-06", "expires at a number of seconds", EVERY, UP_SCHEMA,
     .twist = {{"@", "set", "/expires=4102444800"}}},
    {"expired", "V-ROOT-08 V-TSP-08 V-SNAP-08 E-TGT-05 V-DEL-11", "expired long ago", EVERY, UP_EXPIRED,
     .twist = {{"@", "expires", "2020-01-01T00:00:00Z"}}, .lasting = true},
    {"expires-now", "E-CLK-16", "expires this very second", EVERY, UP_EXPIRED,
     .twist = {{"@", "expires", SIM_EVIL_NOW}}, .lasting = true},
    {"unknown-format", "E-FMT-16", "format 2.0", EVERY, UP_SCHEMA,
     .twist = {{"@", "set", "/spec_version=\"2.0.0\""}}, .strict = true},
    {"no-format", "E-FMT-16", "does not say its format", EVERY, UP_SCHEMA,
     .twist = {{"@", "drop", "/spec_version"}}, .strict = true},
    /* what is no JSON that we read */
    {"member-twice", "E-FMT-07", "two versions, 11 and 4", EVERY, UP_PARSE,
     .twist = {{"@", "set", "/version=\"#\""}, {"@", "text", "\"#\"=>11,\"version\":4"}}},
    {"member-twice-escaped", "E-FMT-07", "two versions, one of them spelt \\u0076ersion", EVERY, UP_PARSE,
     .twist = {{"@", "set", "/version=\"#\""}, {"@", "text", "\"#\"=>11,\"\\u0076ersion\":4"}}},
    {"nested-deep", "E-FMT-08", "2000 lists in each other", EVERY, UP_LIMIT, .twist = {{"@", "nest", "2000"}}},
    {"nested-too-deep", "E-FMT-08", "one list too many in each other", EVERY, UP_LIMIT,
     .twist = {{"@", "nest", "15"}}},
    {"bad-utf-8", "E-FMT-08", "a string with bytes that are no UTF-8", EVERY, UP_PARSE,
     .twist = {{"@", "set", "/zz=\"#\""}, {"@", "text", "\"#\"=>\"\xff\xfe\""}}},
    {"overlong-utf-8", "E-FMT-08", "a slash in two bytes of UTF-8", EVERY, UP_PARSE,
     .twist = {{"@", "set", "/zz=\"#\""}, {"@", "text", "\"#\"=>\"\xc0\xaf\""}}},
    {"lone-surrogate", "E-FMT-08", "half of a surrogate pair", EVERY, UP_PARSE,
     .twist = {{"@", "set", "/zz=\"#\""}, {"@", "text", "\"#\"=>\"\\ud800\""}}},
    {"raw-control", "E-FMT-08", "a line break within a string", EVERY, UP_PARSE,
     .twist = {{"@", "set", "/zz=\"#\""}, {"@", "text", "\"#\"=>\"\n\""}}},
    {"not-a-number", "E-FMT-08", "NaN", EVERY, UP_PARSE,
     .twist = {{"@", "set", "/zz=\"#\""}, {"@", "text", "\"#\"=>NaN"}}},
    {"truncated", "E-FMT-08", "its last byte is missing", EVERY, UP_PARSE, .twist = {{"@", "cut", "1"}}},
    {"empty-file", "E-FMT-08", "no byte in it", EVERY, UP_PARSE, .twist = {{"@", "cut", "100000"}},
     .bus = true},
    {"trailing-bytes", "E-FMT-07", "a second object behind it", EVERY, UP_PARSE,
     .twist = {{"@", "append", "{}"}}},
    {"byte-order-mark", "E-FMT-07", "a byte order mark in front", EVERY, UP_PARSE,
     .twist = {{"@", "prepend", "\xEF\xBB\xBF"}}},
    {"comment", "E-FMT-07", "a comment in front", EVERY, UP_PARSE, .twist = {{"@", "prepend", "/**/"}}},
    /* what good files may have */
    {"unknown-member", "E-FMT-09", "a signed member that nobody knows", EVERY, UP_OK,
     .twist = {{"@", "set", "/zz={\"a\":[1,2]}"}}, .lasting = true},
    {"stranger-signs-too", "E-KEY-07", "signed by a stranger beside its keys", TSP | SNAP | TGT | DEL, UP_OK,
     .twist = {{"@", "flood", "3"}}},
    {"other-method-said", "E-KEY-09", "a signature that says it is of another method", EVERY, UP_OK,
     .twist = {{"@", "after-set", "/signatures/0/method=\"none\""}}, .lasting = true},
    /* how its parent names it */
    {"hash-wrong", "V-SNAP-03 V-TGT-07", "its parent names another SHA-256", NAMED, UP_SNAPSHOT_MISMATCH,
     .twist = {{"^", "set", "/meta/@role.json/hashes/sha256=\"" SIM_EVIL_ZEROS "\""}}},
    {"one-hash-of-two-wrong", "V-SNAP-03 V-TGT-07", "its parent names another SHA-512", NAMED,
     UP_SNAPSHOT_MISMATCH,
     .twist = {{"^", "set", "/meta/@role.json/hashes/sha512=\"" SIM_EVIL_ZEROS SIM_EVIL_ZEROS "\""}}},
    {"hash-unknown", "E-KEY-19", "its parent names it by MD5 only", NAMED, UP_SCHEMA,
     .twist = {{"^", "set", "/meta/@role.json/hashes={\"md5\":\"d41d8cd98f00b204e9800998ecf8427e\"}"}},
     .from_parent = true},
    {"longer-than-named", "V-SNAP-02 E-TGT-01", "longer than its parent says", NAMED, UP_TOO_LARGE,
     .twist = {{"^", "set", "/meta/@role.json/length=100"}}, .early = true},
    {"shorter-than-named", "V-SNAP-03 V-TGT-07", "shorter than its parent says", NAMED, UP_SNAPSHOT_MISMATCH,
     .twist = {{"^", "set", "/meta/@role.json/length=60000"}}},
    {"named-version-zero", "E-FMT-05", "its parent names version 0", NAMED, UP_SCHEMA,
     .twist = {{"^", "set", "/meta/@role.json/version=0"}}, .from_parent = true},
    {"other-bytes", "V-SNAP-03 V-TGT-07 V-DEL-11", "signed once more: as good, but not what its parent names",
     NAMED, UP_SNAPSHOT_MISMATCH, .twist = {{"@", "again", ""}}},
    {"old-one-served", "V-SNAP-03 V-TGT-07 V-DEL-11", "the file of the cycle before: mix and match", NAMED,
     UP_SNAPSHOT_MISMATCH, .twist = {{"@", "old", ""}, {"^", "drop", "/meta/@role.json/length"}}},
    {"endless", "V-ROOT-03 V-TSP-03", "70 kB", ROOT | TSP, UP_TOO_LARGE, .twist = {{"@", "pad", "70000"}},
     .bus = true},
    /* versions */
    {"rollback", "V-TSP-05 V-SNAP-05 V-SNAP-06 E-TGT-04", "version 9, where version 10 is trusted",
     TSP | NAMED, UP_ROLLBACK, .twist = {{"@", "version", "9"}}, .from_parent = true},
    {"same-version", "V-TSP-06 E-TGT-10", "version 10 once more, with other content", TSP | SNAP | TGT,
     UP_SAME_VERSION, .twist = {{"@", "version", "10"}, {"@", "expires", "2100-01-02T00:00:00Z"}}},
    /* images */
    {"no-list", "E-TGT-06", "no list of images", TGT, UP_SCHEMA, .twist = {{"@", "drop", "/targets"}}},
    {"image-without-length", "E-TGT-06", "an image without a length", TGT, UP_SCHEMA, .twist = {{"@", "drop", IMAGE "/length"}}},
    {"image-without-hashes", "E-TGT-06", "an image without hashes", TGT, UP_SCHEMA, .twist = {{"@", "drop", IMAGE "/hashes"}}},
    {"image-hash-unknown", "E-KEY-19", "an image with an MD5 only", TGT, UP_SCHEMA,
     .twist = {{"@", "set", IMAGE "/hashes={\"md5\":\"d41d8cd98f00b204e9800998ecf8427e\"}"}}},
    {"image-hash-short", "E-TGT-06", "an image with half a SHA-256", TGT, UP_SCHEMA,
     .twist = {{"@", "set", IMAGE "/hashes/sha256=\"00000000000000000000000000000000\""}}},
    {"image-length-negative", "E-TGT-09", "an image of -1 bytes", TGT, UP_SCHEMA, .twist = {{"@", "set", IMAGE "/length=-1"}}},
    {"image-length-2-to-the-63", "E-TGT-09", "an image of 2^63 bytes", TGT, UP_SCHEMA,
     .twist = {{"@", "set", IMAGE "/length=\"#\""}, {"@", "text", "\"#\"=>9223372036854775808"}}},
    {"image-twice", "E-TGT-08", "an image name twice", TGT, UP_PARSE,
     .twist = {{"@", "text", "\"fw/primary-<n>.img\":=>\"fw/primary-<n>.img\":1,\"fw/primary-<n>.img\":"}}},
    {"name-parent", "E-FMT-12", "an image name that leaves its folder", TGT, UP_STRING,
     .twist = {{"@", "set", "/targets/..~1x.img=" SIM_EVIL_ENTRY}}},
    {"name-absolute", "E-FMT-12", "an image name from the root of all folders", TGT, UP_STRING,
     .twist = {{"@", "set", "/targets/~1etc~1passwd=" SIM_EVIL_ENTRY}}},
    {"name-backslash", "E-FMT-12", "an image name with a backslash", TGT, UP_STRING,
     .twist = {{"@", "set", "/targets/..\\x.img=" SIM_EVIL_ENTRY}}},
    {"name-percent", "E-FMT-12", "an image name with %2e%2e%2f", TGT, UP_STRING,
     .twist = {{"@", "set", "/targets/%2e%2e%2fx.img=" SIM_EVIL_ENTRY}}},
    {"name-empty-segment", "E-FMT-12", "an image name with nothing between two slashes", TGT, UP_STRING,
     .twist = {{"@", "set", "/targets/fw~1~1x.img=" SIM_EVIL_ENTRY}}},
    {"name-zero", "E-FMT-12", "an image name with a zero byte", TGT, UP_STRING,
     .twist = {{"@", "set", "/targets/#=" SIM_EVIL_ENTRY}, {"@", "text", "\"#\":=>\"\\u0000x\":"}}},
    {"name-decomposed", "E-FMT-01", "an image name with a decomposed accent", TGT, UP_STRING,
     .twist = {{"@", "set", "/targets/e\xCC\x81.img=" SIM_EVIL_ENTRY}}},
    /* delegations */
    {"delegates-threshold-0", "V-DEL-18", "delegates with a threshold of 0", EDGE, UP_THRESHOLD_INVALID,
     .twist = {{"@", "set", CHILD "/threshold=0"}}},
    {"delegates-threshold-unreachable", "V-DEL-18", "delegates with more signatures than keys", EDGE, UP_THRESHOLD_INVALID,
     .twist = {{"@", "set", CHILD "/threshold=3"}}},
    {"delegates-without-threshold", "V-DEL-01", "delegates without a threshold", EDGE, UP_THRESHOLD_INVALID,
     .twist = {{"@", "drop", CHILD "/threshold"}}},
    {"delegates-to-key-under-other-id", "V-DEL-18", "delegates to a stranger's key under the id of another", EDGE, UP_KEYID,
     .twist = {{"@", "set", "/delegations/keys/<id:@child>=<key:stranger>"}}},
    {"delegates-to-missing-key", "V-DEL-01", "delegates to a key that is not there", EDGE, UP_KEYID,
     .twist = {{"@", "drop", "/delegations/keys/<id:@child>"}}},
    {"delegates-without-keys", "V-DEL-01", "delegates without keys", EDGE, UP_SCHEMA,
     .twist = {{"@", "drop", "/delegations/keys"}}},
    {"delegates-to-root", "V-DEL-17", "delegates to a role called root", EDGE, UP_SCHEMA,
     .twist = {{"@", "set", CHILD "/name=\"root\""}}},
    {"delegates-to-targets", "V-DEL-17", "delegates to a role called targets", EDGE, UP_SCHEMA,
     .twist = {{"@", "set", CHILD "/name=\"targets\""}}},
    {"delegates-to-a-path", "E-FMT-13", "delegates to a role called ../root", EDGE, UP_STRING,
     .twist = {{"@", "set", CHILD "/name=\"../root\""}}},
    {"delegates-without-paths", "V-DEL-01", "delegates for no paths", EDGE, UP_SCHEMA,
     .twist = {{"@", "drop", CHILD "/paths"}}},
    {"delegates-for-hashes-and-paths", "V-DEL-01", "delegates for paths and for hashes of paths", EDGE, UP_SCHEMA,
     .twist = {{"@", "set", CHILD "/path_hash_prefixes=[\"0\"]"}}},
};
/* clang-format on */
#define GENERALS (sizeof generals / sizeof *generals)

static bool fits(const struct general *g, const struct place *p)
{
    return (g->kinds & p->kind) != 0 && (!g->two || p->two);
}

unsigned sim_evil_generals(void)
{
    unsigned n = 0;
    for (size_t g = 0; g < GENERALS; g++)
        for (size_t p = 0; p < PLACES; p++) n += fits(&generals[g], &places[p]);
    return n;
}

/* The id of RULES that is about files of this kind; else the first. */
static void pick_rule(const char *rules, unsigned kind, char out[40])
{
    static const struct {
        unsigned kind;
        const char *group;
    } groups[] = {{ROOT, "-ROOT-"}, {TSP, "-TSP-"}, {SNAP, "-SNAP-"},
                  {TGT, "-TGT-"},   {DEL, "-DEL-"}, {DEL, "-TGT-"}};
    const char *at = rules;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        const char *found = (kind & groups[i].kind) != 0 ? strstr(rules, groups[i].group) : NULL;
        if (found == NULL) continue;
        at = found - 1;
        break;
    }
    snprintf(out, 40, "%.*s", (int)strcspn(at, " "), at);
}

/* TEXT with the texts of place P for its words. */
static const char *expand(const struct place *p, const char *text, struct sim_evil *v)
{
    const char *role = strchr(p->name, '/') + 1;
    const struct {
        const char *word, *text;
    } words[] = {{"@first", p->first}, {"@other", p->other}, {"@twin", p->twin},
                 {"@type", p->type},   {"@role", role},      {"@child", p->child != NULL ? p->child : ""},
                 {"@", p->name},       {"^", p->parent}};
    char out[SIM_EVIL_TEXT] = "";
    for (size_t n = 0; *text != '\0'; n = strlen(out)) {
        size_t i = 0;
        while (i < sizeof words / sizeof *words && strncmp(text, words[i].word, strlen(words[i].word)) != 0)
            i++;
        bool word = i < sizeof words / sizeof *words;
        snprintf(out + n, sizeof out - n, "%s", word ? words[i].text : (char[]){*text, '\0'});
        text += word ? strlen(words[i].word) : 1;
    }
    return sim_evil_keep(v, out);
}

/* What a delegated role says is wrong ends the search; what its parent says, earlier. */
static enum up_err verdict(const struct general *g, const struct place *p)
{
    bool hidden = (p->kind & DEL) && !g->from_parent && g->err != UP_OK;
    return hidden ? UP_DELEGATION_INVALID : g->err;
}

static void fill(const struct general *g, const struct place *p, struct sim_evil *v)
{
    *v = (struct sim_evil){.text = g->text, .lasting = g->lasting && p->kind == ROOT};
    snprintf(v->place, sizeof v->place, "%s", p->name);
    snprintf(v->id, sizeof v->id, "%s-%s", p->name, g->id);
    for (char *c = v->id; *c != '\0'; c++)
        if (*c == '/' || *c == '.') *c = '-';
    pick_rule(g->rules, p->kind, v->rule);
    if (g->strict) v->only_in = &up_profile_strict;
    for (size_t i = 0; i < sizeof g->twist / sizeof *g->twist && g->twist[i].file != NULL; i++)
        sim_evil_add(v, expand(p, g->twist[i].file, v), g->twist[i].what, expand(p, g->twist[i].value, v));
    const bool of_parent = strcmp(g->twist[0].file, "^") == 0; /* which a partial verifier does not get */
    v->sees[SIM_PRIMARY] = true;
    v->sees[SIM_FULL] = p->full || g->from_parent;
    v->sees[SIM_PARTIAL] = p->partial && !of_parent && g->err != UP_SNAPSHOT_MISMATCH;
    for (unsigned c = 0; c < SIM_CLIENTS; c++) v->expect[c] = v->sees[c] ? verdict(g, p) : UP_OK;
    if (verdict(g, p) == UP_DELEGATION_INVALID) v->cause = g->err;
    if (g->early) v->expect[SIM_PRIMARY] = g->err;
    for (unsigned c = SIM_FULL; c < SIM_CLIENTS && g->bus; c++)
        if (v->sees[c] && !(p->kind & DEL)) v->expect[c] = UP_BUS_REFUSED;
}

bool sim_evil_general(unsigned i, struct sim_evil *v)
{
    for (size_t g = 0; g < GENERALS; g++)
        for (size_t p = 0; p < PLACES; p++) {
            if (!fits(&generals[g], &places[p])) continue;
            if (i-- > 0) continue;
            fill(&generals[g], &places[p], v);
            return true;
        }
    return false;
}
