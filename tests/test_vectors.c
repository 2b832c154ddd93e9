/* Every attack vector against the three clients: the named error, and the honest repository afterwards.
 *
 * All of them run in Ed25519 and our dialect; of every other combination, one in 16 runs in `make check`, and
 * all with VECTORS=all (make check-vectors). VECTOR=ID runs that one in all of them. */
#include <stdlib.h>

#include "tests/lib_author.h"
#include "tests/lib_folder.h"
#include "tests/lib_victim.h"
#include <stdio.h>

#include "tests/suite.h"

static const struct combination {
    const char *name;
    const struct up_profile *profile;
    enum up_scheme scheme;
} combinations[] = {
    {"ed25519, strict", &up_profile_strict, UP_ED25519},
    {"ecdsa, strict", &up_profile_strict, UP_ECDSA_P256_SHA256},
    {"rsa, strict", &up_profile_strict, UP_RSA_PSS_SHA256},
    {"ed25519, deployed", &up_profile_deployed, UP_ED25519},
    {"rsa, deployed", &up_profile_deployed, UP_RSA_PSS_SHA256},
};
#define COMBINATIONS (sizeof combinations / sizeof *combinations)

struct lab {
    const struct combination *c;
    struct sim_book *book;
    struct sim_pages honest[SIM_STAGES];
    struct victims *victims;
    unsigned vectors, wrong;
};

static void same_file(const char *path, struct up_span want)
{
    size_t n = 0;
    char *have = folder_read(path, &n);
    ck_assert_msg(have != NULL && n == want.n && memcmp(have, want.p, n) == 0,
                  "%s is not what the table says: make vectors", path);
    free(have);
}

static void write_stage(struct lab *l, enum sim_stage stage, const struct sim_evil *v, struct sim_pages *out)
{
    char why[SIM_WHY_MAX] = "";
    ck_assert_msg(sim_book_write(l->book, stage, v, out, why), "%s, %s: %s", l->c->name,
                  v != NULL ? v->id : "honest", why);
}

static void lab_open(struct lab *l, const struct combination *c)
{
    char why[SIM_WHY_MAX] = "";
    const struct sim_book_plan plan = {
        .profile = c->profile, .scheme = c->scheme, .rsa_keys = "tests/keys/rsa"};
    *l = (struct lab){.c = c};
    l->book = sim_book_open(&plan, why);
    ck_assert_msg(l->book != NULL, "%s", why);
    for (enum sim_stage s = SIM_BEFORE; s < SIM_STAGES; s++) write_stage(l, s, NULL, &l->honest[s]);
    l->victims = victims_new(c->profile, &l->honest[SIM_BEFORE]);
}

static void lab_close(struct lab *l)
{
    victims_free(l->victims);
    for (enum sim_stage s = SIM_BEFORE; s < SIM_STAGES; s++) sim_pages_free(&l->honest[s]);
    sim_book_close(l->book);
}

static void judge(struct lab *l, const struct sim_evil *v, enum sim_client c, enum sim_stage stage,
                  const struct sim_pages *pages, enum up_err want)
{
    const bool image = stage == SIM_AFTER || strncmp(v->place, "bytes/", 6) == 0;
    const struct victim_answer a = victims_serve(l->victims, c, stage, pages, image);
    if (a.err == want && c == SIM_PRIMARY && stage == SIM_ATTACK && v->cause != UP_OK &&
        want == UP_DELEGATION_INVALID)
        ck_assert_msg(strstr(a.detail, up_err_name(v->cause)) != NULL, "%s, %s: %s", v->id, l->c->name,
                      a.detail);
    if (a.err == want) return;
    l->wrong++;
    printf("%s, %s: %s answers %s to %s instead of %s (%s)\n", v->id, l->c->name, sim_evil_ecus[c].client,
           up_err_name(a.err), sim_stage_names[stage], up_err_name(want), a.detail);
}

static void run(struct lab *l, const struct sim_evil *v)
{
    struct sim_pages attack, own, *after = &l->honest[SIM_AFTER];
    write_stage(l, SIM_ATTACK, v, &attack);
    if (v->lasting) {
        write_stage(l, SIM_AFTER, v, &own);
        after = &own;
    }
    victims_restore(l->victims);
    for (enum sim_client c = SIM_PRIMARY; c < SIM_CLIENTS; c++) {
        /* A partial verifier is not even sent what is in the Image repository. */
        if (c == SIM_PARTIAL && !v->sees[c] && strncmp(v->place, "image/", 6) == 0) continue;
        judge(l, v, c, SIM_ATTACK, &attack, v->expect[c]);
        if (v->sees[c]) judge(l, v, c, SIM_AFTER, after, UP_OK);
    }
    sim_pages_free(&attack);
    if (v->lasting) sim_pages_free(&own);
    l->vectors++;
}

/* Those vectors whose turn it is: of N, number TURN. */
static void run_all(const struct combination *c, unsigned turn, unsigned n)
{
    static struct sim_evil v;
    const char *only = getenv("VECTOR");
    struct lab l;
    lab_open(&l, c);
    for (unsigned i = 0; i < sim_evil_count(); i++) {
        if (only == NULL && i % n != turn) continue;
        sim_evil_get(i, c->profile, &v);
        if (!sim_evil_applies(&v, c->profile) || (only != NULL && strcmp(only, v.id) != 0)) continue;
        run(&l, &v);
    }
    printf("%s: %u vectors\n", c->name, l.vectors);
    ck_assert_uint_eq(l.wrong, 0);
    lab_close(&l);
}

static bool all(void)
{
    const char *value = getenv("VECTORS");
    return value != NULL && strcmp(value, "all") == 0;
}

static void run_others(unsigned c)
{
    if (all())
        run_all(&combinations[c], 0, 1);
    else
        run_all(&combinations[c], c, 16);
}

/* Ed25519 signs the same in the same way: what lies in tests/vectors is what would be made now. */
START_TEST(the_committed_set_is_what_the_table_says)
{
    static struct sim_evil v;
    struct lab l;
    char why[SIM_WHY_MAX] = "";
    const struct sim_book_plan plan = {.profile = &up_profile_strict, .scheme = UP_ED25519};
    unsigned vectors = 0;
    l.c = &combinations[0];
    l.book = sim_book_open(&plan, why);
    ck_assert_msg(l.book != NULL, "%s", why);
    for (unsigned i = 0; i < sim_evil_count(); i++) {
        if (!sim_evil_is_first(i, plan.profile)) continue;
        sim_evil_get(i, plan.profile, &v);
        char *expect = sim_evil_expect_text(&v, plan.profile, plan.scheme);
        same_file(author_text("tests/vectors/%s/expect", v.id), up_span_of(expect));
        free(expect);
        for (enum sim_stage s = SIM_ATTACK; s <= (v.lasting ? SIM_AFTER : SIM_ATTACK); s++) {
            struct sim_pages pages;
            write_stage(&l, s, &v, &pages);
            for (unsigned k = 0; k < pages.n; k++)
                same_file(author_text("tests/vectors/%s/%s%s", v.id, s == SIM_AFTER ? "after/" : "",
                                      pages.page[k].path),
                          sim_span(&pages.page[k].bytes));
            sim_pages_free(&pages);
        }
        vectors++;
    }
    ck_assert_uint_ge(vectors, 120);
    sim_book_close(l.book);
}
END_TEST

/* V-FULL-05, V-FULL-06, E-LOG-01; keys that were taken away: R-REC-08, R-REC-09. */
START_TEST(every_vector_is_answered_by_its_name_and_changes_nothing)
{
    run_all(&combinations[0], 0, 1);
}
END_TEST

START_TEST(with_ecdsa)
{
    run_others(1);
}
END_TEST

START_TEST(with_rsa)
{
    run_others(2);
}
END_TEST

START_TEST(in_the_dialect_of_deployed_backends)
{
    run_others(3);
}
END_TEST

START_TEST(in_that_dialect_with_rsa)
{
    run_others(4);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vectors");
    TCase *c = tcase_create("vectors");
    tcase_set_timeout(c, 1800);
    suite_add_tcase(s, c);
    tcase_add_test(c, the_committed_set_is_what_the_table_says);
    tcase_add_test(c, every_vector_is_answered_by_its_name_and_changes_nothing);
    tcase_add_test(c, with_ecdsa);
    tcase_add_test(c, with_rsa);
    tcase_add_test(c, in_the_dialect_of_deployed_backends);
    tcase_add_test(c, in_that_dialect_with_rsa);
    return suite_run(s);
}
