/* What an instrumented source file calls: see tests/mutants.c. */
#ifndef TESTS_MUTANTS_H
#define TESTS_MUTANTS_H

enum { MUTANTS_MAX = 20000 };
extern int mutant_on;                          /* 0: none */
extern unsigned char mutant_felt[MUTANTS_MAX]; /* came where it would have made a difference */

static inline int mut(int n)
{
    mutant_felt[n] = 1;
    return n == mutant_on;
}

#endif
