/* The generator of `make mutate`: writes a copy of each C file that holds all of its mutants at once, each
 * behind a number that the environment of a test run chooses, so that one build serves thousands of runs.
 *
 *     mutants FOLDER FILE...    FOLDER/FILE: the copies; FOLDER/mutants: a line for each mutant, of
 *                              number, hash (for a sample that does not depend on its neighbours), file,
 * line, function, what is broken
 *
 * What is broken, one at a time:
 *
 *     a condition              every `if`, `?:` and bool result is always true, always false; every loop ends
 * early a part of a condition    each operand of && is taken for true, each one of || for false an order <
 * for <=, <= for <, > for >=, >= for > an error                 what UP_TRY() sees is ignored; `return
 * UP_LIMIT` and the like says UP_OK a step                   a statement without declaration or control flow
 * is left out; break, continue a step of one            1 and 2 and so on, added or taken away, are one less
 *
 * Left out is what one of these implies: a test that sees an operand of && taken for true sees && taken for
 * ||, and one that sees a condition always true or always false sees it negated.
 *
 * A mutant asks mut(N) only where it would make a difference: `a < b` becomes `a < b || (a == b && mut(7))`.
 * So a run without mutants tells which of them a test can notice at all.
 *
 * Reads C as clang-format leaves it with our .clang-format, not all of C. */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mutants.h"

enum { TOKENS_MAX = 40000, NONE = -1 };

static struct token {
    const char *p;
    size_t n;
    int line, close; /* of a bracket: its partner */
} tok[TOKENS_MAX];
static int tokens;

static FILE *out, *list;
static const char *source, *path;
static const char *written; /* so much of the source has been copied */
static char function[128];
static const char *ok; /* what a function without an error returns; NULL: it has none */
static bool says_bool;

static char *keys[MUTANTS_MAX];
static int mutants;

static void die(const char *what)
{
    fprintf(stderr, "mutants: %s: %s\n", path, what);
    exit(1);
}

/* ---- tokens ---- */

static bool is(int i, const char *text)
{
    return i >= 0 && i < tokens && tok[i].n == strlen(text) && memcmp(tok[i].p, text, tok[i].n) == 0;
}

static bool is_any(int i, const char *const *texts)
{
    while (*texts != NULL)
        if (is(i, *texts++)) return true;
    return false;
}

static bool is_word(int i)
{
    return i >= 0 && i < tokens && (isalpha((unsigned char)*tok[i].p) || *tok[i].p == '_');
}

static size_t token_length(const char *p)
{
    static const char *const operators[] = {"<<=", ">>=", "...", "->", "++", "--", "<<", ">>",
                                            "<=",  ">=",  "==",  "!=", "&&", "||", "+=", "-=",
                                            "*=",  "/=",  "%=",  "&=", "|=", "^="};
    size_t n = 0;
    if (isalnum((unsigned char)*p) || *p == '_') {
        while (isalnum((unsigned char)p[n]) || p[n] == '_') n++;
        return n;
    }
    if (*p == '"' || *p == '\'') {
        for (n = 1; p[n] != *p; n++)
            if (p[n] == '\\') n++;
        return n + 1;
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (strncmp(p, operators[i], strlen(operators[i])) == 0) return strlen(operators[i]);
    return 1;
}

/* Past white space, comments and the preprocessor's lines. */
static const char *past_gap(const char *p, int *line)
{
    for (;;) {
        const char *from = p;
        while (isspace((unsigned char)*p)) *line += *p++ == '\n';
        if (p[0] == '/' && p[1] == '*') {
            for (p += 2; p[0] != '*' || p[1] != '/'; p++) *line += *p == '\n';
            p += 2;
        } else if (*p == '#') {
            for (; *p != '\n'; p++) {
                if (*p != '\\') continue;
                *line += 1;
                p++;
            }
        }
        if (p == from) return p;
    }
}

static void tokenize(void)
{
    int open[256], depth = 0, line = 1;
    tokens = 0;
    for (const char *p = past_gap(source, &line); *p != 0; p = past_gap(p, &line)) {
        if (tokens == TOKENS_MAX) die("too long");
        tok[tokens] = (struct token){p, token_length(p), line, NONE};
        if (strchr("([{", *p) != NULL && depth < 256) open[depth++] = tokens;
        if (strchr(")]}", *p) != NULL) {
            if (depth == 0) die("brackets do not match");
            tok[tokens].close = open[--depth];
            tok[open[depth]].close = tokens;
        }
        p += tok[tokens++].n;
    }
}

/* The first of OPERATORS in L to R that is in no brackets; R: none. */
static int find(int l, int r, const char *const *operators)
{
    for (; l < r; l++) {
        if (is_any(l, operators)) return l;
        if (strchr("([{", *tok[l].p) != NULL) l = tok[l].close;
    }
    return r;
}

#define FIND(l, r, ...) find(l, r, (const char *const[]){__VA_ARGS__, NULL})

/* ---- the copy ---- */

static void copy(int l, int r)
{
    if (l >= r) return;
    const char *end = tok[r - 1].p + tok[r - 1].n;
    fwrite(written, 1, (size_t)(end - written), out);
    written = end;
}

/* What is added to the copy; the gap in front of the next token comes first, for the sake of line numbers. */
__attribute__((format(printf, 2, 3))) static void add(int next, const char *format, ...)
{
    if (next != NONE && tok[next].p > written) {
        fwrite(written, 1, (size_t)(tok[next].p - written), out);
        written = tok[next].p;
    }
    va_list args;
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
}

/* L to R in one line. */
static const char *text(int l, int r)
{
    static char line[4][600];
    static int turn;
    char *to = line[turn++ % 4];
    size_t n = 0;
    for (int i = l; i < r && n + tok[i].n + 2 < sizeof line[0]; i++) {
        if (i > l && tok[i].p != tok[i - 1].p + tok[i - 1].n) to[n++] = ' ';
        memcpy(to + n, tok[i].p, tok[i].n);
        n += tok[i].n;
    }
    to[n] = 0;
    return to;
}

/* Registers the mutant at token AT; its number. */
__attribute__((format(printf, 2, 3))) static int mutant(int at, const char *format, ...)
{
    char what[1400], key[1800];
    uint32_t hash = 2166136261u;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (++mutants == MUTANTS_MAX) die("too many mutants");
    for (int same = 1; same != 0;) { /* the same words again in one function get a number */
        snprintf(key, sizeof key, same == 1 ? "%s\t%s\t%s" : "%s\t%s\t%s (%d)", path, function, what, same);
        int i = 1;
        while (i < mutants && strcmp(keys[i], key) != 0) i++;
        same = i < mutants ? same + 1 : 0;
    }
    keys[mutants] = strdup(key);
    for (const char *p = key; *p != 0; p++) hash = (hash ^ (uint8_t)*p) * 16777619u;
    const char *rest = strchr(key, '\t');
    fprintf(list, "%d\t%08x\t%s\t%d%s\n", mutants, hash, path, tok[at].line, rest);
    return mutants;
}

/* ---- expressions ---- */

static void value(int l, int r);

/* `a OP b`, which stands in a condition. */
static void order(int l, int r, int op)
{
    const bool may_equal = tok[op].n == 2;
    if (!is(op, "<") && !is(op, ">") && !is(op, "<=") && !is(op, ">=")) {
        value(l, op);
        copy(op, op + 1);
        value(op + 1, r);
        return;
    }
    const char *sign = text(op, op + 1), *as = may_equal ? text(op, op + 1) : sign;
    char other[3] = {*as, may_equal ? 0 : '=', 0};
    int n = mutant(l, "`%s` with %s", text(l, r), other);
    add(l, "({ __auto_type l_ = (");
    value(l, op);
    add(NONE, "); __auto_type r_ = (");
    written = tok[op].p + tok[op].n;
    value(op + 1, r);
    if (may_equal)
        add(NONE, "); l_ %s r_ && !(l_ == r_ && mut(%d)); })", sign, n);
    else
        add(NONE, "); l_ %s r_ || (l_ == r_ && mut(%d)); })", sign, n);
}

/* A condition; T: broken by being always true as well, F: always false. */
static void condition(int l, int r, bool t, bool f)
{
    const int assigns = FIND(l, r, "=", ",", "?"), or = FIND(l, r, "||"), and = FIND(l, r, "&&");
    const bool joined = assigns == r && (or != r || and != r);
    const char *const sign = or != r ? "||" : "&&";
    if (!joined && assigns == r && is(l, "!")) {
        copy(l, l + 1);
        condition(l + 1, r, f, t);
        return;
    }
    if (assigns == r && is(l, "(") && tok[l].close == r - 1) {
        copy(l, l + 1);
        condition(l + 1, r - 1, t, f);
        copy(r - 1, r);
        return;
    }
    if (joined && or != r) f = false; /* its operands imply it */
    if (joined && or == r) t = false;
    if (is(l, "true") || is(l, "1")) t = false;
    if (is(l, "false") || is(l, "0")) f = false;
    const int always = t ? mutant(l, "`%s` is true", text(l, r)) : 0;
    const int never = f ? mutant(l, "`%s` is false", text(l, r)) : 0;
    add(l, "%s%s", t ? "((" : "", f ? "((" : "");
    if (joined) {
        for (int from = l; from < r;) {
            const int to = FIND(from, r, sign);
            condition(from, to, or == r, or != r);
            copy(to, to < r ? to + 1 : r);
            from = to + 1;
        }
    } else {
        const int op = FIND(l, r, "==", "!=", "<", ">", "<=", ">=");
        if (assigns == r && op != r)
            order(l, r, op);
        else
            value(l, r);
    }
    if (f) add(NONE, ") && !mut(%d))", never);
    if (t) add(NONE, ") || mut(%d))", always);
}

/* What is not a condition; conditions within are. */
static void value(int l, int r)
{
    if (l >= r) return;
    int at = FIND(l, r, ",");
    if (at != r) {
        value(l, at);
        copy(at, at + 1);
        value(at + 1, r);
        return;
    }
    at = FIND(l, r, "=", "+=", "-=", "*=", "/=", "|=", "&=", "^=", "<<=", ">>=");
    if (at != r) {
        copy(l, at + 1);
        value(at + 1, r);
        return;
    }
    at = FIND(l, r, "?");
    if (at != r) {
        int colon = at + 1;
        for (int nested = 1; (colon = FIND(colon, r, "?", ":")) != r; colon++)
            if ((nested += is(colon, "?") ? 1 : -1) == 0) break;
        condition(l, at, true, true);
        copy(at, at + 1);
        value(at + 1, colon);
        copy(colon, colon + 1);
        value(colon + 1, r);
        return;
    }
    if (FIND(l, r, "||", "&&", "==", "!=", "<", ">", "<=", ">=") != r) {
        condition(l, r, true, true);
        return;
    }
    for (int i = l; i < r; i++) {
        const bool binary =
            i > l && i + 1 < r && (is(i, "+") || is(i, "-")) &&
            (is_word(i - 1) || isdigit((unsigned char)*tok[i - 1].p) || is(i - 1, ")") || is(i - 1, "]"));
        copy(i, i + 1);
        if (strchr("([{", *tok[i].p) != NULL) {
            value(i + 1, tok[i].close);
            i = tok[i].close;
            copy(i, i + 1);
        } else if (binary && isdigit((unsigned char)*tok[i + 1].p)) {
            int n = mutant(i - 1, "`%s` is one less", text(i - 1, i + 2));
            add(i + 1, "(");
            copy(i + 1, i + 2);
            add(NONE, " - mut(%d))", n);
            i++;
        }
    }
}

/* An expression of errors; broken by being OK. */
static void verdict(int l, int r)
{
    int n = mutant(l, "`%s` is ignored", text(l, r));
    add(l, "({ __auto_type e_ = (");
    value(l, r);
    add(NONE, "); e_ != %s && mut(%d) ? %s : e_; })", ok, n, ok);
}

/* ---- statements ---- */

static bool is_constant(int l, int r)
{
    return r == l + 1 && is_word(l) && isupper((unsigned char)*tok[l].p);
}

static void returned(int l, int r)
{
    const int q = FIND(l, r, "?");
    if (says_bool) {
        condition(l, r, true, true);
    } else if (ok == NULL || is(l, ok)) {
        value(l, r);
    } else if (q != r) { /* what falls to a constant is the condition's */
        const int colon = FIND(q, r, ":");
        condition(l, q, true, true);
        copy(q, q + 1);
        is_constant(q + 1, colon) ? copy(q + 1, colon) : returned(q + 1, colon);
        copy(colon, colon + 1);
        is_constant(colon + 1, r) ? copy(colon + 1, r) : returned(colon + 1, r);
    } else if (is_constant(l, r)) {
        int n = mutant(l, "`return %s` says %s", text(l, r), ok);
        add(l, "mut(%d) ? %s : ", n, ok);
        copy(l, r);
    } else {
        verdict(l, r);
    }
}

static bool is_declaration(int i)
{
    static const char *const types[] = {"const", "static",   "struct", "enum",
                                        "union", "unsigned", "extern", NULL};
    return is_any(i, types) || (is_word(i) && is_word(i + 1)) ||
           (is_word(i) && is(i + 1, "*") && (is_word(i + 2) || is(i + 2, "*")));
}

static void declaration(int l, int r)
{
    while (l < r) {
        const int next = FIND(l, r, ","), is_at = FIND(l, next, "=");
        copy(l, is_at < next ? is_at + 1 : next);
        value(is_at + 1, next);
        copy(next, next < r ? next + 1 : r);
        l = next + 1;
    }
}

enum place { IN_BLOCK, LOOP_BODY, IF_BODY };

static int statement(int i, enum place place);

static int block(int i)
{
    const int end = tok[i].close;
    copy(i, i + 1);
    for (i++; i < end;) i = statement(i, IN_BLOCK);
    copy(end, end + 1);
    return end + 1;
}

static int parenthesized(int i, bool t, bool f)
{
    copy(i, i + 1);
    condition(i + 1, tok[i].close, t, f);
    copy(tok[i].close, tok[i].close + 1);
    return tok[i].close + 1;
}

static int for_loop(int i)
{
    const int end = tok[i + 1].close, first = FIND(i + 2, end, ";"), second = FIND(first + 1, end, ";");
    copy(i, i + 2);
    is_declaration(i + 2) ? declaration(i + 2, first) : value(i + 2, first);
    copy(first, first + 1);
    if (first + 1 < second) condition(first + 1, second, false, true);
    copy(second, second + 1);
    value(second + 1, end);
    copy(end, end + 1);
    return statement(end + 1, LOOP_BODY);
}

static int do_loop(int i)
{
    copy(i, i + 1);
    i = statement(i + 1, LOOP_BODY);
    copy(i, i + 1);
    i = parenthesized(i + 1, false, true);
    copy(i, i + 1);
    return i + 1;
}

/* The statement at I; where the next one is. */
static int statement(int i, enum place place)
{
    if (is(i, "{")) return block(i);
    if (is(i, "for")) return for_loop(i);
    if (is(i, "do")) return do_loop(i);
    if (is(i, "if") || is(i, "while") || is(i, "switch")) {
        const bool loop = is(i, "while");
        copy(i, i + 1);
        i = is(i, "switch") ? tok[i + 1].close + 1 : parenthesized(i + 1, !loop, true);
        copy(i - 1, i);
        i = statement(i, loop ? LOOP_BODY : IF_BODY);
        if (!is(i, "else")) return i;
        copy(i, i + 1);
        return statement(i + 1, IN_BLOCK);
    }
    if (is(i, "case") || is(i, "default")) {
        const int colon = FIND(i, tokens, ":");
        copy(i, colon + 1);
        return colon + 1;
    }

    const int end = FIND(i, tokens, ";");
    const bool implied =
        (place == IF_BODY && !is(end + 1, "else")) || (place == LOOP_BODY && is(i, "continue"));
    if (is(i, "return")) {
        copy(i, i + 1);
        if (i + 1 < end) returned(i + 1, end);
    } else if (is(i, "UP_TRY")) {
        copy(i, i + 2);
        const char *const own = ok;
        ok = "UP_OK";
        verdict(i + 2, end - 1);
        ok = own;
    } else if (is(i, "static") || is(i, "_Static_assert") || is(i, "assert") || is(i, "goto") || i == end ||
               (is_declaration(i) && FIND(i, end, "{") < FIND(i, end, "="))) {
        copy(i, end);
    } else if (is_declaration(i)) {
        declaration(i, end);
    } else if (implied) { /* by the condition that is never true */
        value(i, end);
    } else {
        int n = mutant(i, "without `%s`", text(i, end));
        add(i, "{ if (!mut(%d)) ", n);
        value(i, end);
        copy(end, end + 1);
        add(NONE, " }");
        return end + 1;
    }
    copy(end, end + 1);
    return end + 1;
}

/* ---- files ---- */

/* The header of the function whose body starts at BODY. */
static void header(int body)
{
    const int name = tok[body - 1].close - 1;
    int i = name;
    snprintf(function, sizeof function, "%s", text(name, name + 1));
    ok = NULL;
    says_bool = is(i - 1, "bool");
    if (is(i - 1, "up_err")) ok = "UP_OK";
    if (is(i - 1, "uds_code")) ok = "UDS_OK";
}

static char *slurp(void)
{
    FILE *f = fopen(path, "r");
    if (f == NULL) die("cannot be read");
    fseek(f, 0, SEEK_END);
    const size_t n = (size_t)ftell(f);
    rewind(f);
    char *all = malloc(n + 1);
    if (all == NULL || fread(all, 1, n, f) != n) die("cannot be read");
    all[n] = 0;
    fclose(f);
    return all;
}

static void mutate(const char *folder)
{
    char name[4096];
    char *all = slurp();
    source = written = all;
    tokenize();
    snprintf(name, sizeof name, "%s/%s", folder, path);
    out = fopen(name, "w");
    if (out == NULL) die("its copy cannot be written");
    fprintf(out, "#include \"tests/mutants.h\"\n#line 1 \"%s\"\n", path);
    for (int i = 0; i < tokens; i++) {
        const bool starts = is(i, "{") && i > 0 && is(i - 1, ")") && tok[i].p[-1] == '\n';
        if (!starts) continue;
        header(i);
        copy(0, i);
        i = block(i) - 1;
    }
    fprintf(out, "%s", written);
    fclose(out);
    free(all);
}

int main(int argc, char **argv)
{
    char name[4096];
    if (argc < 3) {
        fprintf(stderr, "usage: mutants FOLDER FILE...\n");
        return 2;
    }
    snprintf(name, sizeof name, "%s/mutants", argv[1]);
    path = name;
    list = fopen(name, "w");
    if (list == NULL) die("cannot be written");
    for (int i = 2; i < argc; i++) {
        path = argv[i];
        mutate(argv[1]);
    }
    return fclose(list) == 0 ? 0 : 1;
}
